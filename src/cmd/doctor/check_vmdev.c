// SPDX-License-Identifier: GPL-2.0-or-later
/* The cards of a VM on Proxmox VE: are they there, whole, and its own? */
#include <stdlib.h>
#include <string.h>

#include "base/textfile.h"
#include "base/xalloc.h"
#include "cmd/doctor/vmgpu.h"
#include "cmd/hook_state.h"
#include "host/pve_list.h"

#define KVM_DIR "/usr/share/kvm"

/* --- lines that do not do what they say ------------------------------------------- */

/*
 * What reading it has complained about: PVE warns once in its log, and starts the VM
 * without the card.
 */
static void check_dropped(struct exam *x)
{
	const struct hook_vm *h = &x->at_vm->hook;

	for (size_t i = 0; i < h->diag.n; i++) {
		const struct diag_msg *m = &h->diag.msg[i];
		const char *name = strrchr(m->file, '/');

		exam_found(x, SEV_PROBLEM, "%s, line %d, column %d: %s", name ? name + 1 :
			   m->file, m->line, m->col, m->text);
		exam_fix(x, "mend the line; best with this, N and ADDRESS being the "
			 "line's number and the card's address ('gpureset list'):\n"
			 " qm set %u --hostpciN 'ADDRESS,pcie=1'", h->vm.vmid);
	}
}

static void check_dies(struct exam *x)
{
	const struct hook_vm *h = &x->at_vm->hook;

	for (size_t i = 0; i < h->devs.n; i++) {
		const struct vmdev *d = &h->devs.dev[i];

		if (d->use != VMDEV_DIES)
			continue;
		exam_found(x, SEV_PROBLEM, "%u.conf has 'hostpci%d: %.200s': %s",
			   h->vm.vmid, d->key, h->vm.key[d->key].value,
			   h->vm.key[d->key].pci.dies);
		exam_fix(x, "name a card or a mapping, one of them ('gpureset list' has "
			 "the ADDRESS):\n qm set %u --hostpci%d 'ADDRESS,pcie=1'",
			 h->vm.vmid, d->key);
	}
}

/* A number that no line of the VM has; the last one, if all have. */
static int free_key(const struct pve_vm *vm)
{
	int i = 0;

	while (i < HOSTPCI_KEYS - 1 && vm->key[i].line)
		i++;
	return i;
}

static void check_args_card(struct exam *x)
{
	const struct hook_vm *h = &x->at_vm->hook;
	char fn[BDF_STR];

	for (size_t i = 0; i < h->vm.nargs; i++) {
		bdf_spec_str(&h->vm.args[i], fn);
		exam_found(x, SEV_WARNING, "the args line of %u.conf passes %s through",
			   h->vm.vmid, fn);
		exam_fix(x, "take it out of the args line and give it as\n"
			 " qm set %u --hostpci%d '%s%s'", h->vm.vmid,
			 free_key(&h->vm), fn, vm_is_q35(x) ? ",pcie=1" : "");
	}
}

/* --- mappings ------------------------------------------------------------------- */

static void found_mapping(struct exam *x, const struct vmdev *d, const char *what)
{
	const char *node = x->at_vm->hook.node;

	exam_found(x, SEV_PROBLEM, "%u.conf has 'hostpci%d: mapping=%s', and %s",
		   x->at_vm->hook.vm.vmid, d->key, d->mapping, what);
	exam_fix(x, "give the mapping the card of this node (%s) as it is now: "
		 "Datacenter, Resource Mappings, in the web interface; what it has:\n"
		 " pvesh get /cluster/mapping/pci/%s", node[0] ? node : "its name",
		 d->mapping);
}

/*
 * PVE compares vendor:device and IOMMU group with the hardware at each start
 * (pve-guest-common, PVE/Mapping/PCI.pm assert_valid); of a slot it asks function 0.
 */
static void check_alternative(struct exam *x, const struct vmdev *d,
			      const struct pve_alternative *alt)
{
	struct bdf fn = alt->addr[0].bdf;
	char vendor[16], device[16], group[16], addr[BDF_STR], text[160];

	exam_attr(x, fn, "vendor", vendor, sizeof(vendor));
	exam_attr(x, fn, "device", device, sizeof(device));
	exam_attr(x, fn, "iommu_group", group, sizeof(group));
	bdf_spec_str(&alt->addr[0], addr);
	if (alt->has_id && vendor[0] && (strtoul(vendor, NULL, 16) != alt->vendor ||
					 strtoul(device, NULL, 16) != alt->device)) {
		snprintf(text, sizeof(text), "pci.cfg, line %d, says that %s is "
			 "%04x:%04x, but it is %.6s:%.6s", alt->line, addr, alt->vendor,
			 alt->device, vendor + 2, device + 2);
		found_mapping(x, d, text);
	} else if (alt->group >= 0 && group[0] && atoi(group) != alt->group) {
		snprintf(text, sizeof(text), "pci.cfg, line %d, says that %s is in IOMMU "
			 "group %d, but it is in group %s", alt->line, addr, alt->group,
			 group);
		found_mapping(x, d, text);
	}
}

static void check_mapping_of(struct exam *x, const struct vmdev *d)
{
	struct pve_mapping *m = xcalloc(1, sizeof(*m));
	struct diag diag;

	diag_init(&diag);
	if (!pve_mapping_read(m, x->o->pve_dir, d->mapping, x->at_vm->hook.node, &diag,
			      NULL))
		for (size_t i = 0; i < m->nalts; i++)
			check_alternative(x, d, &m->alt[i]);
	diag_free(&diag);
	free(m);
}

static void check_mapping(struct exam *x)
{
	const struct hook_vm *h = &x->at_vm->hook;

	for (size_t i = 0; i < h->devs.n; i++) {
		const struct vmdev *d = &h->devs.dev[i];

		if (d->use == VMDEV_NO_MAPPING)
			found_mapping(x, d, "the mapping has nothing for this node");
		else if (d->use == VMDEV_YES && d->mapping && !d->spare)
			check_mapping_of(x, d);
	}
}

/* --- the cards ------------------------------------------------------------------ */

static void check_missing(struct exam *x)
{
	const struct hook_vm *h = &x->at_vm->hook;
	char addr[BDF_STR];

	for (size_t i = 0; i < h->ncards; i++) {
		const struct hook_card *c = &h->card[i];

		if (c->present || c->spare)
			continue;
		bdf_spec_str(&c->spec, addr);
		exam_found(x, SEV_PROBLEM, "%u.conf passes %s through, and no such "
			   "device is on the bus", h->vm.vmid, addr);
		exam_fix(x, "if another card or slot has changed the addresses, the "
			 "right one is in\n gpureset list\n"
			 "if the card has left the bus, look for it:\n"
			 " echo 1 > /sys/bus/pci/rescan\n"
			 "and if that does not find it, switch the host off and on");
	}
}

/* Which functions of the slot the VM has by its keys, a bit each. */
static unsigned fns_of_vm(const struct exam_vm *vm, struct bdf slot)
{
	const struct vmdevs *devs = &vm->hook.devs;
	unsigned has = 0;

	for (size_t i = 0; i < devs->n; i++) {
		const struct vmdev *d = &devs->dev[i];

		if (d->use == VMDEV_YES && bdf_same_slot(d->spec.bdf, slot))
			has |= d->spec.whole_slot ? 0xff : 1u << d->spec.bdf.fn;
	}
	return has;
}

/* The key with its address made the whole slot's. */
static void fix_functions(struct exam *x, const struct vm_gpu *g)
{
	const char *at = g->key ? g->key->value : "";
	char text[PVE_VALUE + BDF_STR], slot[BDF_STR];
	struct pve_item it;
	size_t n;

	if (!g->key || g->dev->mapping || g->key->pci.naddr != 1) {
		exam_fix(x, "pass the slot as a whole, %s, without a function",
			 bdf_slot_str(g->fn, slot));
		return;
	}
	n = (size_t)snprintf(text, sizeof(text), "%s", bdf_slot_str(g->fn, slot));
	while (pve_item_next(&at, "host", &it))
		if (it.key_len != 4 || memcmp(it.key, "host", 4) != 0)
			n += (size_t)snprintf(text + n, sizeof(text) - n, ",%.*s",
					      (int)(at - it.text), it.text);
	exam_fix(x, "pass the card as a whole (a VM that worked without is fine as it "
		 "is):\n qm set %u --hostpci%d '%s'", x->at_vm->hook.vm.vmid, g->dev->key,
		 text);
}

static void check_functions_of(struct exam *x, const struct vm_gpu *g)
{
	const struct exam_card *c = vm_card(x, g->fn);
	unsigned has = fns_of_vm(x->at_vm, g->fn);
	char missing[128] = "", fn[BDF_STR];
	bool host = false, others = false;
	size_t n = 0;

	for (size_t i = 0; c && i < c->study.target.nfns; i++) {
		const struct fn_facts *f = &c->study.target.fn[i];

		/* beside a CPU's graphics: USB and others, which the host needs */
		others |= f->known && f->vendor != g->vendor;
		if (has & 1u << f->bdf.fn || !f->known || f->vendor != g->vendor)
			continue;
		n += (size_t)snprintf(missing + n, sizeof(missing) - n, "%s%s (%.20s)",
				      n ? ", " : "", bdf_str(f->bdf, fn),
				      f->driver[0] ? f->driver : "no driver");
		n = n < sizeof(missing) ? n : sizeof(missing) - 1;
		host |= f->driver[0] && !driver_is_vfio(f->driver) &&
			strcmp(f->driver, "pci-stub") != 0;
	}
	if (!n)
		return;
	exam_found(x, host ? SEV_WARNING : SEV_NOTE, "%u.conf passes %s through without "
		   "%s", x->at_vm->hook.vm.vmid, bdf_str(g->fn, fn), missing);
	if (others)
		exam_fix(x, "give the VM these, too, each in a hostpci line of its own; "
			 "not the whole slot, of which the host needs the rest");
	else
		fix_functions(x, g);
}

static void check_functions(struct exam *x)
{
	struct vm_gpu g;

	for (size_t i = 0; vm_gpu_next(x, &i, &g);)
		check_functions_of(x, &g);
}

/* --- the ROM -------------------------------------------------------------------- */

static void check_romfile(struct exam *x)
{
	const struct pve_vm *vm = &x->at_vm->hook.vm;

	for (int i = 0; i < HOSTPCI_KEYS; i++) {
		const char *rom = vm->key[i].pci.romfile;
		char path[sizeof(KVM_DIR) + HOSTPCI_ROM];

		if (!vm->key[i].line || !rom[0])
			continue;
		snprintf(path, sizeof(path), KVM_DIR "/%s", rom);
		if (hw_host_exists(x->hw, path))
			continue;
		if (!hw_host_exists(x->hw, KVM_DIR)) {
			exam_unknown(x, KVM_DIR " is not here, or was not recorded");
			return;
		}
		exam_found(x, SEV_PROBLEM, "%u.conf has romfile=%s in hostpci%d, and "
			   "there is no %s", vm->vmid, rom, i, path);
		exam_fix(x, "put the file there (on each node that may run the VM), or "
			 "take romfile out of hostpci%d", i);
	}
}

static void check_rombar(struct exam *x)
{
	struct vm_gpu g;

	for (size_t i = 0; vm_gpu_next(x, &i, &g);) {
		if (!g.key || g.key->pci.rombar)
			continue;
		exam_found(x, SEV_NOTE, "%u.conf has 'hostpci%d: %.200s'",
			   x->at_vm->hook.vm.vmid, g.dev->key, g.key->value);
		exam_fix(x, g.key->pci.romfile[0] ?
			 "take rombar=0 away: with it the romfile is not shown either" :
			 "nothing if the picture of the guest's driver is enough; else "
			 "take rombar=0 away, and give a romfile if the card's own ROM "
			 "cannot be read");
	}
}

/* --- one card, several VMs -------------------------------------------------------- */

static bool starts_at_boot(const struct exam_vm *vm)
{
	const char *value = vm->hook.vm.plain[PVE_ONBOOT];

	return pve_bool(value, strlen(value)) == 1;
}

/* A mapping that leaves the choice is made for several VMs. */
static bool has_card(const struct exam_vm *vm, struct bdf slot)
{
	const struct vmdevs *devs = &vm->hook.devs;

	for (size_t i = 0; i < devs->n; i++)
		if (devs->dev[i].use == VMDEV_YES && !devs->dev[i].spare &&
		    !devs->dev[i].one_of_many &&
		    bdf_same_slot(devs->dev[i].spec.bdf, slot))
			return true;
	return false;
}

static void check_shared_with(struct exam *x, const struct exam_vm *other, struct bdf fn)
{
	const struct exam_vm *vm = x->at_vm;
	bool both = starts_at_boot(vm) && starts_at_boot(other);
	char slot[BDF_STR];

	exam_found(x, both ? SEV_WARNING : SEV_NOTE, "%u.conf and %u.conf both pass %s "
		   "through%s", other->hook.vm.vmid, vm->hook.vm.vmid,
		   bdf_slot_str(fn, slot), both ? ", and both have 'onboot: 1'" : "");
	exam_fix(x, both ? "let one of them start at boot:\n qm set %u --onboot 0" :
		 "nothing, if only one of them runs at a time. A backup starts a VM that "
		 "is stopped, too (VM %u), and fails while the other has the card",
		 vm->hook.vm.vmid);
}

/* Said of the later one of the two. */
static void check_shared(struct exam *x)
{
	struct vm_gpu g;

	for (size_t i = 0; vm_gpu_next(x, &i, &g);) {
		if (!has_card(x->at_vm, g.fn))
			continue;
		for (size_t k = 0; k < x->nvms && x->vm[k] != x->at_vm; k++)
			if (has_card(x->vm[k], g.fn))
				check_shared_with(x, x->vm[k], g.fn);
	}
}

static void check_taken(struct exam *x)
{
	const struct hook_vm *h = &x->at_vm->hook;
	char addr[BDF_STR];

	for (size_t i = 0; i < h->ncards; i++) {
		const struct hook_card *c = &h->card[i];

		if (!c->owner || c->spare)
			continue;
		exam_found(x, SEV_NOTE, "%s/pci-id-reservations gives %s to VM %u",
			   x->o->qemu_run, bdf_spec_str(&c->spec, addr), c->owner);
		exam_fix(x, "to start VM %u, stop the other one first:\n qm shutdown %u",
			 h->vm.vmid, c->owner);
	}
}

/* --- other nodes ------------------------------------------------------------------ */

/* pve-ha-manager, PVE/HA/Resources.pm: a section a guest, "vm: 101". */
static bool is_in_ha(const struct exam *x)
{
	char path[PATH_MAX], *text, want[32];
	const char *at, *line;
	bool found = false;
	size_t len;

	snprintf(path, sizeof(path), "%.4000s/ha/resources.cfg", x->o->pve_dir);
	if (textfile_read(path, &text, &len, NULL))
		return false;
	snprintf(want, sizeof(want), "vm: %u", x->at_vm->hook.vm.vmid);
	for (const char *end = (at = text) + len;
	     !found && (line = textfile_line(&at, end, &len));)
		found = len == strlen(want) && !memcmp(line, want, len);
	free(text);
	return found;
}

static void check_ha(struct exam *x)
{
	struct vm_gpu g;

	for (size_t i = 0; is_in_ha(x) && vm_gpu_next(x, &i, &g);) {
		if (!g.key || g.dev->mapping)
			continue;
		exam_found(x, SEV_NOTE, "ha/resources.cfg has VM %u, and its conf "
			   "'hostpci%d: %.200s'", x->at_vm->hook.vm.vmid, g.dev->key,
			   g.key->value);
		exam_fix(x, "make a resource mapping with the card of each node "
			 "(Datacenter, Resource Mappings), and give the VM that:\n"
			 " qm set %u --hostpci%d 'mapping=NAME,pcie=1'",
			 x->at_vm->hook.vm.vmid, g.dev->key);
	}
}

/* --- the hook ------------------------------------------------------------------- */

/* What Proxmox does by itself is write to `reset`; is there something better? */
static const char *wants_hook(const struct exam_card *c)
{
	const struct quirk *q = c->study.quirk;
	const struct plan *plan = &c->study.plan;

	for (size_t i = 0; q && i < plan->nattempts; i++) {
		const struct attempt *a = &plan->attempt[i];

		if ((a->usable != ATTEMPT_YES && !a->asks) || !strcmp(a->name, "none"))
			continue;
		if (!strncmp(a->name, "sequence", 8))
			return "is reset by a register program (gpureset plan)";
		break;
	}
	if (q && (q->pin.why || q->keep_d0.why))
		return "is to be kept from a harmful reset or sleep while a VM has it";
	return NULL;
}

/* Where a snippet of another storage lies, only root is told, and only here. */
static bool hook_known(struct exam *x, struct hook_state *st)
{
	hook_state_find(st, x->at_vm->hook.vm.hookscript, x->o);
	return st->is != HOOK_BROKEN || hook_script_local(&st->script) ||
	       (x->root && !x->o->replay);
}

static void found_no_hook(struct exam *x, const struct exam_card *c, const char *wants)
{
	const struct pve_vm *vm = &x->at_vm->hook.vm;
	char slot[BDF_STR];

	exam_found(x, SEV_WARNING, "%u.conf has %s%s, and %s %s", vm->vmid,
		   vm->hookscript[0] ? "hookscript: " : "no 'hookscript:'",
		   vm->hookscript, bdf_slot_str(c->slot, slot), wants);
	exam_fix(x, "%s:\n gpureset hook install %u", vm->hookscript[0] ?
		 "the script that is there is kept and called, too" :
		 "it then runs before each start and after each stop", vm->vmid);
}

static void check_hook(struct exam *x)
{
	struct hook_state *st = xcalloc(1, sizeof(*st));
	struct vm_gpu g;

	hook_known(x, st);
	for (size_t i = 0; st->is == HOOK_ABSENT && vm_gpu_next(x, &i, &g);) {
		const struct exam_card *c = vm_card(x, g.fn);
		const char *wants = c ? wants_hook(c) : NULL;

		if (!wants)
			continue;
		found_no_hook(x, c, wants);
		break;
	}
	free(st);
}

static void check_hook_broken(struct exam *x)
{
	const struct pve_vm *vm = &x->at_vm->hook.vm;
	struct hook_state *st = xcalloc(1, sizeof(*st));
	bool known = hook_known(x, st);

	if (!known) {
		exam_unknown(x, "where %s lies, only root is told, on the node itself",
			     vm->hookscript);
	} else if (st->is == HOOK_BROKEN) {
		exam_found(x, SEV_PROBLEM, "%u.conf has 'hookscript: %s', and %s",
			   vm->vmid, vm->hookscript, st->why.text);
		exam_fix(x, "install it again, or do without:\n"
			 " gpureset hook install %u\n qm set %u --delete hookscript",
			 vm->vmid, vm->vmid);
	}
	free(st);
}

const struct check doctor_vmdev[] = {
	{ "vm-line-dropped", ON_VM, "a line of the configuration is not obeyed",
	  "Proxmox VE ignores what it does not understand, so the VM starts without its "
	  "card, or with another choice than was meant", check_dropped },
	{ "vm-line-refused", ON_VM, "a hostpci line that keeps the VM from starting",
	  "the line is read, but the start ends with an error", check_dies },
	{ "vm-args-card", ON_VM, "a card is passed through behind Proxmox' back",
	  "Proxmox VE neither binds, resets nor reserves what stands in the args line, "
	  "so another VM may be given the same card", check_args_card },
	{ "vm-mapping", ON_VM, "a resource mapping does not fit the hardware",
	  "the start ends with 'PCI device mapping invalid' or 'not found'; a new card, "
	  "slot, firmware or kernel changes addresses and IOMMU groups", check_mapping },
	{ "vm-card-missing", ON_VM, "the VM's card is not there",
	  "the start ends with 'no PCI device found'", check_missing },
	{ "vm-functions", ON_VM, "the VM has only a part of the card",
	  "what is left out (sound, USB) is reset along with the card, or keeps it from "
	  "being reset; some cards work in a guest only as a whole", check_functions },
	{ "vm-romfile", ON_VM, "the ROM file is missing",
	  "QEMU does not start without it", check_romfile },
	{ "vm-rombar", ON_VM, "the guest's firmware does not see the card's ROM",
	  "so there is no picture before the guest's driver runs", check_rombar },
	{ "vm-card-shared", ON_VM, "two VMs have the same card",
	  "the second one does not start while the first runs", check_shared },
	{ "vm-card-taken", ON_VM, "another VM has the card now",
	  "the start ends with 'PCI device already in use'", check_taken },
	{ "vm-ha", ON_VM, "a VM of the cluster's HA with a card of this node alone",
	  "when this node fails, HA starts the VM on another one, where the address is "
	  "another device or none", check_ha },
	{ "vm-hook-missing", ON_VM, "the VM does not call gpureset, which its card needs",
	  "Proxmox VE starts the VM after the kernel's own reset, which is not enough "
	  "for this card: the first start after a boot works, the second does not",
	  check_hook },
	{ "vm-hook-broken", ON_VM, "the hookscript cannot be run",
	  "Proxmox VE does not start a VM whose hookscript it cannot run",
	  check_hook_broken },
	{ 0 }
};
