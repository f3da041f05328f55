// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * VFIO's modules and what they are told. proxmox-facts 3.1: Proxmox VE loads vfio-pci
 * and binds a VM's cards by itself, when the VM starts; options matter before that.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "cmd/doctor/exam.h"
#include "cmd/doctor/passthrough.h"
#include "cmd/doctor/vmgpu.h"

#define VFIO_PCI "/sys/bus/pci/drivers/vfio-pci"
#define REBUILD "type 'update-initramfs -u -k all', and reboot"

/* --- modules --------------------------------------------------------------------- */

static bool is_forbidden(const char *text)
{
	return text && (strstr(text, "/false") || strstr(text, "/true"));
}

static void check_modules(struct exam *x)
{
	const char *modules = exam_file(x, "/sys/module"), *by, *where;

	if (!modules) {
		exam_unknown(x, "/sys/module cannot be read");
		return;
	}
	by = pt_loaded_by(x, "vfio_pci");
	if (is_forbidden(exam_modconf(x, "install", "vfio-pci", "", &where))) {
		exam_found(x, SEV_PROBLEM, "%s keeps vfio-pci from being loaded", where);
		exam_fix(x, "take the line 'install vfio-pci' out of it; " REBUILD);
	} else if (!hw_host_exists(x->hw, VFIO_PCI) && by) {
		exam_found(x, SEV_PROBLEM, "%s names vfio_pci, and there is no " VFIO_PCI,
			   by);
		exam_fix(x, "modprobe vfio-pci, and read what it says; then: journalctl "
			 "-b -u systemd-modules-load");
	} else if (!hw_host_exists(x->hw, VFIO_PCI) && pt_any_wanted(x)) {
		exam_found(x, SEV_NOTE, "there is no " VFIO_PCI ", and neither "
			   "/etc/modules nor /etc/modules-load.d names vfio_pci");
		exam_fix(x, "nothing: Proxmox VE and libvirt load it when a VM starts; "
			 "to have it from the boot on: echo vfio_pci >> /etc/modules");
	} else if (hw_host_exists(x->hw, VFIO_PCI) &&
		   !exam_has_word(modules, "vfio_iommu_type1") &&
		   !hw_host_exists(x->hw, "/dev/iommu")) {
		exam_found(x, SEV_WARNING, "/sys/module has no vfio_iommu_type1, and "
			   "there is no /dev/iommu");
		exam_fix(x, "modprobe vfio_iommu_type1, and for the next boots: echo "
			 "vfio_iommu_type1 >> /etc/modules");
	}
}

static void check_virqfd(struct exam *x)
{
	const char *by = pt_loaded_by(x, "vfio_virqfd");

	if (!by || !exam_kernel(x, 6, 2))
		return;
	exam_found(x, SEV_NOTE, "%s names vfio_virqfd, which is a part of vfio since "
		   "Linux 6.2 (here: %s)", by, x->release);
	exam_fix(x, "take the line out of %s", by);
}

/* Options of modprobe.d are for modules; modules.builtin has a path a line. */
static void check_builtin(struct exam *x)
{
	const char *list = exam_filef(x, "/lib/modules/%s/modules.builtin", x->release);
	const char *where;

	if (!list || !strstr(list, "/vfio-pci.ko") ||
	    !exam_modconf(x, "options", "vfio-pci", "", &where))
		return;
	exam_found(x, SEV_WARNING, "%s has options for vfio-pci, which is built into "
		   "this kernel", where);
	exam_fix_cmdline(x, "write them, like vfio-pci.ids=1002:7300, into");
}

/* --- ids= ------------------------------------------------------------------------ */

struct fn_brief {
	struct bdf bdf;
	unsigned vendor, device;
	char driver[32];
	bool boot_vga;
};

struct briefs {
	struct exam *x;
	struct fn_brief *fn;
	size_t n, room;
};

static int brief_add(const struct hw_node *node, void *arg)
{
	struct briefs *b = arg;
	struct fn_brief *fn;
	char text[32];

	b->fn = xgrow(b->fn, b->n, &b->room, sizeof(*b->fn));
	fn = &b->fn[b->n++];
	memset(fn, 0, sizeof(*fn));
	fn->bdf = node->bdf;
	fn->vendor = (unsigned)strtoul(exam_attr(b->x, node->bdf, "vendor", text,
						 sizeof(text)), NULL, 16);
	fn->device = (unsigned)strtoul(exam_attr(b->x, node->bdf, "device", text,
						 sizeof(text)), NULL, 16);
	exam_attr(b->x, node->bdf, "driver", fn->driver, sizeof(fn->driver));
	fn->boot_vga = !strcmp(exam_attr(b->x, node->bdf, "boot_vga", text,
					 sizeof(text)), "1");
	return 0;
}

static bool briefs_have(const struct briefs *b, unsigned vendor, unsigned device)
{
	for (size_t i = 0; i < b->n; i++)
		if ((b->fn[i].vendor == vendor || vendor == PT_ANY) &&
		    (b->fn[i].device == device || device == PT_ANY))
			return true;
	return false;
}

/* A recording has the host's command line, but only one of its cards. */
static bool briefs_know(const struct briefs *b, const struct pt_list *list)
{
	return !b->x->o->replay || strcmp(list->where, "/proc/cmdline") != 0;
}

static void ids_of_list(struct exam *x, const struct briefs *b, struct pt_list *list)
{
	const char *rest = list->rest + strspn(list->rest, " \t,");
	unsigned vendor, device;
	char id[64];

	for (const char *at = list->text; pt_next_id(&at, id);) {
		if (!pt_id(id, &vendor, &device)) {
			exam_found(x, SEV_WARNING, "%s: '%s' in ids= is no "
				   "vendor:device", list->where, id);
			exam_fix(x, "write it as lspci -nn shows it in brackets, like "
				 "1002:7300");
		} else if (!briefs_have(b, vendor, device) && briefs_know(b, list)) {
			exam_found(x, SEV_NOTE, "%s: no function of this host has the id "
				   "%s", list->where, id);
			exam_fix(x, "if the card is there (lspci -nn), correct the id; "
				 "if it should be, look at its power and seat; else take "
				 "the id out");
		}
	}
	if (pt_id(rest, &vendor, &device)) {
		exam_found(x, SEV_WARNING, "%s: ids= ends at the blank before '%.*s'",
			   list->where, (int)strcspn(rest, " \t"), rest);
		exam_fix(x, "write the ids with commas and without blanks between them; "
			 REBUILD);
	}
}

static void check_ids(struct exam *x)
{
	struct briefs b = { .x = x };
	struct pt_list list;

	hw_scan(x->hw, brief_add, &b, NULL);
	for (size_t n = 0; b.n && pt_list(x, n, &list); n++)
		ids_of_list(x, &b, &list);
	free(b.fn);
}

static void check_ids_twice(struct exam *x)
{
	struct pt_list first, last;
	size_t n = 1;

	if (!pt_list(x, 0, &first) || !pt_list(x, 1, &last))
		return;
	while (pt_list(x, n + 1, &last))
		n++;
	pt_list(x, n, &last);
	if (!strcmp(first.text, last.text))
		return;
	exam_found(x, SEV_WARNING, "%s has ids=%s, and %s has ids=%s", first.where,
		   first.text, last.where, last.text);
	exam_fix(x, "write all ids into one line, parted by commas; " REBUILD);
}

/* The host keeps this one: its driver has it, or its console is there. */
static bool host_keeps(struct exam *x, const struct fn_brief *fn)
{
	return !pt_vm_has(x, fn->bdf) &&
	       (!pt_driver_yields(fn->driver) || fn->boot_vga);
}

static bool vm_gets(struct exam *x, const struct fn_brief *fn)
{
	return pt_vm_has(x, fn->bdf) || (driver_is_vfio(fn->driver) && !fn->boot_vga);
}

static void twin_found(struct exam *x, const struct fn_brief *ours,
		       const struct fn_brief *host, const char *where)
{
	char a[BDF_STR], b[BDF_STR];

	exam_found(x, SEV_WARNING, "%s lists %04x:%04x, which is the id of %s, for VMs, "
		   "and of %s, which %s", where, ours->vendor, ours->device,
		   bdf_str(ours->bdf, a), bdf_str(host->bdf, b), host->boot_vga ?
		   "has the host's console" : "is on a driver of the host");
	exam_fix(x, "take the id out of ids= and choose by address: into "
		 "/etc/udev/rules.d/10-vfio.rules\n " PT_RULE "\nand vfio_pci into "
		 "/etc/modules; " REBUILD, a);
}

static void check_ids_twin(struct exam *x)
{
	struct briefs b = { .x = x };
	const char *where;

	hw_scan(x->hw, brief_add, &b, NULL);
	for (size_t i = 0; i < b.n; i++)
		for (size_t k = 0; k < b.n; k++)
			if (!bdf_same_slot(b.fn[i].bdf, b.fn[k].bdf) &&
			    b.fn[i].vendor == b.fn[k].vendor &&
			    b.fn[i].device == b.fn[k].device &&
			    vm_gets(x, &b.fn[i]) && host_keeps(x, &b.fn[k]) &&
			    (where = pt_listed(x, (uint16_t)b.fn[i].vendor,
					       (uint16_t)b.fn[i].device)))
				twin_found(x, &b.fn[i], &b.fn[k], where);
	free(b.fn);
}

/* --- other options --------------------------------------------------------------- */

static void check_options(struct exam *x)
{
	static const char *const names[] = { "disable_vga", "disable_idle_d3" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		const char *is = exam_filef(x, "/sys/module/vfio_pci/parameters/%s",
					    names[i]);
		const char *where, *text, *value;

		text = exam_modconf(x, "options", "vfio-pci", names[i], &where);
		value = text ? strstr(text, names[i]) + strlen(names[i]) : "";
		if (!is || strcmp(is, "N") != 0 ||
		    (strncmp(value, "=1", 2) != 0 && strncasecmp(value, "=y", 2) != 0))
			continue;
		exam_found(x, SEV_WARNING, "%s switches %s on, and "
			   "/sys/module/vfio_pci/parameters/%s is N", where, names[i],
			   names[i]);
		exam_fix(x, "the module was loaded from an older initramfs, or before "
			 "the line was written: " REBUILD);
	}
}

/* qemu-server, PVE/QemuServer/PCI.pm print_hostpci_devices: no x-vga with OVMF. */
static void check_disable_vga(struct exam *x)
{
	const struct exam_vm *vm = x->at_vm;
	const char *is = exam_file(x, "/sys/module/vfio_pci/parameters/disable_vga");

	if (!is || strcmp(is, "Y") != 0 ||
	    !strcmp(vm_plain(x, PVE_BIOS), "ovmf"))
		return;
	for (size_t i = 0; i < HOSTPCI_KEYS; i++) {
		const struct pve_key *key = &vm->hook.vm.key[i];

		if (!key->line || !key->pci.x_vga)
			continue;
		exam_found(x, SEV_PROBLEM, "%s:%d: hostpci%zu has x-vga=1, with SeaBIOS, "
			   "and /sys/module/vfio_pci/parameters/disable_vga is Y",
			   vm->path, key->line, i);
		exam_fix(x, "take disable_vga=1 out of the options of vfio-pci in "
			 "/etc/modprobe.d; " REBUILD "; or install the guest anew with "
			 "OVMF");
	}
}

const struct check doctor_vfio[] = {
	{ "vfio-modules", ON_HOST, "VFIO's modules are not loaded",
	  "vfio-pci is the driver that hands a card to a VM", check_modules },
	{ "vfio-virqfd", ON_HOST, "a module is to be loaded that no longer exists",
	  "it only leaves a line in the log of each boot, 'Failed to find module'",
	  check_virqfd },
	{ "vfio-builtin", ON_HOST, "options for vfio-pci are where it never sees them",
	  "modprobe.d is read when a module is loaded; what is built into the kernel "
	  "takes its options from the kernel's command line", check_builtin },
	{ "vfio-ids", ON_HOST, "vfio-pci is told ids that are of no use",
	  "a card whose id is mistyped is taken by a driver of the host at boot",
	  check_ids },
	{ "vfio-ids-twice", ON_HOST, "vfio-pci is told ids in more than one place",
	  "the last ids= that the module gets replaces those before it, so the cards in "
	  "the others go to the host's drivers", check_ids_twice },
	{ "vfio-ids-twin", ON_HOST, "two cards have the id that vfio-pci is told",
	  "ids= does not choose between them: it depends on the order of a boot whether "
	  "the host loses its own card, or the VM its", check_ids_twin },
	{ "vfio-options", ON_HOST, "options for vfio-pci are not in force",
	  "what is in /etc/modprobe.d counts only from the next time that the module is "
	  "loaded, at boot from the initramfs", check_options },
	{ "disable-vga", ON_VM, "x-vga and disable_vga exclude each other",
	  "with disable_vga the card has no VGA registers to give, which x-vga asks for: "
	  "QEMU ends with 'does not support requested feature x-vga'",
	  check_disable_vga },
	{ 0 }
};
