// SPDX-License-Identifier: GPL-2.0-or-later
/* Who uses the card: programs, a guest that did not go, the host itself. */
#include <stdlib.h>
#include <string.h>

#include "base/textfile.h"
#include "cmd/doctor/exam.h"
#include "cmd/doctor/passthrough.h"
#include "hw/hw_replay.h"

/* --- whose card it is ----------------------------------------------------------- */

/* The first of the VMs that are examined that has the card, or 0. */
static unsigned use_vm(const struct exam *x)
{
	for (size_t v = 0; v < x->nvms; v++) {
		const struct hook_vm *h = &x->vm[v]->hook;

		for (size_t i = 0; i < h->ncards; i++)
			if (bdf_same_slot(h->card[i].spec.bdf, x->at_card->slot))
				return h->vm.vmid;
	}
	return 0;
}

static const struct target *use_target(const struct exam *x)
{
	return &x->at_card->study.target;
}

/*
 * Is the card meant for VMs? Only then somebody else's use of it is a mistake: a host may
 * well use a card of its own.
 */
static bool use_is_for_vms(const struct exam *x)
{
	return use_vm(x) || driver_is_vfio(target_main(use_target(x))->driver);
}

/*
 * Nothing to say: a card of the host's own is the host's to use; and a dump of lspci says
 * nothing of it.
 */
static bool use_blind(struct exam *x)
{
	const struct recording *r = hw_replay_of(x->hw);

	if (!r || !recording_is_dump(r))
		return !pt_wanted(x);
	exam_unknown(x, "a dump of lspci does not say who uses the card");
	return true;
}

static bool use_is_host_driver(const char *driver)
{
	return driver[0] && !driver_is_vfio(driver) && strcmp(driver, "pci-stub") != 0;
}

/* --- programs --------------------------------------------------------------------- */

#define DESKTOP "display-manager"       /* an alias, which cannot be disabled */

/*
 * Services that keep a card open for as long as they run, by the names that the kernel
 * cuts at 15 characters.
 */
static const struct service {
	const char *comm, *unit;
} services[] = {
	{ "nvidia-persiste", "nvidia-persistenced" }, { "nv-hostengine", "nvidia-dcgm" },
	{ "dcgm-exporter", "dcgm-exporter" }, { "nvidia-powerd", "nvidia-powerd" },
	{ "nv-fabricmanage", "nvidia-fabricmanager" }, { "Xorg", DESKTOP },
	{ "X", DESKTOP }, { "Xwayland", DESKTOP },
	{ "gnome-shell", DESKTOP }, { "kwin_wayland", DESKTOP },
	{ "sddm", DESKTOP }, { "gdm-wayland-ses", DESKTOP },
	{ "systemd-logind", DESKTOP },
	{ "systemd", DESKTOP },                 /* keeps logind's over its restart */
	{ "ollama", "ollama" },
};

/* Sound servers belong to the user who is logged in. */
static const struct service user_services[] = {
	{ "pipewire", "pipewire.socket pipewire" }, { "wireplumber", "wireplumber" },
	{ "pulseaudio", "pulseaudio.socket pulseaudio" },
};

static const char *service_of(const struct service *s, size_t n, const char *comm)
{
	for (size_t i = 0; i < n; i++)
		if (!strncmp(s[i].comm, comm, 15))
			return s[i].unit;
	return NULL;
}

static void fix_holder(struct exam *x, const struct hw_holder *h)
{
	const char *unit = service_of(services, sizeof(services) / sizeof(*services),
				      h->comm);
	const char *user = service_of(user_services, sizeof(user_services) /
				      sizeof(*user_services), h->comm);

	if (unit && !strcmp(unit, DESKTOP))
		exam_fix(x, "end the graphical session, and have none from the next boot "
			 "if the card is for VMs alone:\n systemctl stop " DESKTOP
			 "\n systemctl set-default multi-user.target");
	else if (unit)
		exam_fix(x, "stop the service, and keep it from the next boot if the "
			 "card is for VMs alone:\n systemctl stop %s\n"
			 " systemctl disable %s", unit, unit);
	else if (user)
		exam_fix(x, "as the user of process %d:\n systemctl --user stop %s",
			 h->pid, user);
	else
		exam_fix(x, "look what it is, and end it:\n ps -o user,args -p %d\n"
			 " kill %d", h->pid, h->pid);
}

static bool is_vfio_node(const struct hw_holder *h)
{
	return !strncmp(h->what, "/dev/vfio/", 10);
}

/* ", of which the module nvidia counts 3" */
static void use_refcount(struct exam *x, char *buf, size_t size)
{
	const char *driver = target_main(use_target(x))->driver, *n = NULL;

	if (use_is_host_driver(driver))
		n = exam_filef(x, "/sys/module/%s/refcnt", driver);
	snprintf(buf, size, n ? "; /sys/module/%s/refcnt says %s" : "", driver, n);
}

static void check_holder(struct exam *x)
{
	const struct target *t = use_target(x);
	unsigned vmid = use_vm(x);
	char count[96];

	if (use_blind(x))
		return;
	use_refcount(x, count, sizeof(count));
	for (size_t i = 0; i < t->nholders && i < MAX_HOLDERS; i++) {
		const struct hw_holder *h = &t->holder[i];

		if (is_vfio_node(h))
			continue;
		exam_found(x, vmid ? SEV_PROBLEM : use_is_for_vms(x) ? SEV_WARNING :
			   SEV_NOTE, "process %d (%s) has %s open%s", h->pid, h->comm,
			   h->what, count);
		fix_holder(x, h);
	}
}

/* --- guests ---------------------------------------------------------------------- */

struct guest {
	unsigned vmid;          /* of the VM whose pidfile names the process, or 0 */
	bool running;           /* and Proxmox would call it running */
};

/* PVE/QemuServer/Helpers.pm: a command line, and not a zombie. */
static bool guest_runs(struct exam *x, int pid)
{
	const char *args = exam_filef(x, "/proc/%d/cmdline", pid);
	const char *stat = exam_filef(x, "/proc/%d/stat", pid);
	const char *state = stat ? strrchr(stat, ')') : NULL;

	return args && args[0] && !(state && strstr(state, ") Z"));
}

static bool guest_pidfile(const struct exam *x, unsigned vmid, int pid)
{
	char path[PATH_MAX], *text;
	size_t len;
	bool same;

	snprintf(path, sizeof(path), "%.4000s/%u.pid", x->o->qemu_run, vmid);
	if (textfile_read(path, &text, &len, NULL))
		return false;
	same = atoi(text) == pid;
	free(text);
	return same;
}

/* All VMs of the node are asked: the card may have been taken out of the settings. */
static struct guest guest_of(struct exam *x, int pid)
{
	struct guest g = { 0 };
	unsigned *vmid;
	int n = pve_vmids(&vmid, x->o->pve_dir, x->o->pve_node, NULL);

	for (int i = 0; i < n && !g.vmid; i++)
		if (guest_pidfile(x, vmid[i], pid))
			g.vmid = vmid[i];
	if (n >= 0)
		free(vmid);
	g.running = g.vmid && guest_runs(x, pid);
	return g;
}

/* Where no VM of Proxmox' has the card, whoever has it open is no concern of this. */
static void check_leftover(struct exam *x)
{
	const struct target *t = use_target(x);
	unsigned vmid = use_vm(x);

	if (use_blind(x))
		return;
	for (size_t i = 0; vmid && i < t->nholders && i < MAX_HOLDERS; i++) {
		const struct hw_holder *h = &t->holder[i];
		struct guest g = { 0 };

		if (!is_vfio_node(h))
			continue;
		g = guest_of(x, h->pid);
		if (g.running)
			continue;
		if (g.vmid)
			exam_found(x, SEV_PROBLEM, "process %d (%s) has %s open: it was "
				   "VM %u, which has stopped", h->pid, h->comm, h->what,
				   g.vmid);
		else
			exam_found(x, SEV_PROBLEM, "process %d (%s) has %s open, and is "
				   "no VM of this node", h->pid, h->comm, h->what);
		exam_fix(x, "look what it is; if it is no guest that you want, end it:\n"
			 " ps -o stat,etime,args -p %d\n kill %d\n"
			 "With D in STAT it waits in the kernel, often for the card, and "
			 "cannot be killed: reboot the host", h->pid, h->pid);
	}
}

/* The kernel's count says that it is open, and no process has it: one that is ending. */
static void check_open(struct exam *x)
{
	const struct target *t = use_target(x);
	char fn[BDF_STR];

	if (use_blind(x))
		return;
	for (size_t i = 0; i < t->nfns && !t->nholders; i++) {
		if (t->fn[i].enabled <= 0 || !driver_is_vfio(t->fn[i].driver))
			continue;
		bdf_str(t->fn[i].bdf, fn);
		exam_found(x, SEV_PROBLEM, "/sys/bus/pci/devices/%s/enable is %d, and no "
			   "process has it open", fn, t->fn[i].enabled);
		exam_fix(x, "wait a minute; then look for a QEMU in state D or Z:\n"
			 " ps -eo pid,stat,comm,args | grep -E 'kvm|qemu'\n"
			 "If there is one, reboot the host: what it waits for does not "
			 "come");
		return;
	}
}

/* --- parts that were handed out ----------------------------------------------------- */

static enum severity use_severity(const struct exam *x, enum severity for_vms)
{
	return use_is_for_vms(x) ? for_vms : SEV_NOTE;
}

static void check_vfs(struct exam *x)
{
	const struct target *t = use_target(x);
	char fn[BDF_STR];

	if (use_blind(x))
		return;
	for (size_t i = 0; i < t->nfns; i++) {
		if (t->fn[i].vfs <= 0)
			continue;
		bdf_str(t->fn[i].bdf, fn);
		exam_found(x, use_severity(x, SEV_WARNING), "/sys/bus/pci/devices/%s/"
			   "sriov_numvfs is %d", fn, t->fn[i].vfs);
		exam_fix(x, "to give away the card as a whole, stop what uses them, "
			 "then:\n echo 0 > /sys/bus/pci/devices/%s/sriov_numvfs", fn);
	}
}

static void check_mdev(struct exam *x)
{
	const struct target *t = use_target(x);
	char fn[BDF_STR];

	if (use_blind(x))
		return;
	for (size_t i = 0; i < t->nfns; i++) {
		const struct fn_facts *f = &t->fn[i];

		if (!f->nmdevs)
			continue;
		exam_found(x, use_severity(x, SEV_WARNING), "%s on %s has %zu mediated "
			   "device%s, one is %s", bdf_str(f->bdf, fn), f->driver,
			   f->nmdevs, f->nmdevs == 1 ? "" : "s", f->mdev);
		exam_fix(x, "to give away the card as a whole, stop the VM that uses it, "
			 "then:\n echo 1 > /sys/bus/mdev/devices/%s/remove", f->mdev);
	}
}

static void check_hive(struct exam *x)
{
	const struct target *t = use_target(x);
	char fn[BDF_STR], other[BDF_STR];

	if (use_blind(x))
		return;
	for (size_t i = 0; i < t->nfns; i++) {
		const struct fn_facts *f = &t->fn[i];

		if (!f->hive)
			continue;
		exam_found(x, use_severity(x, SEV_WARNING), "%s is linked to %s by %s",
			   bdf_str(f->bdf, fn), f->nhive ? bdf_str(f->hive_fn, other) :
			   "other cards", strcmp(f->driver, "nvidia") ? "XGMI" :
			   "NVLink");
		exam_fix(x, "give all cards of the hive to the same VM, or take %s off "
			 "all of them first:\n modprobe -r %s", f->driver, f->driver);
	}
}

/* --- the host ---------------------------------------------------------------------- */

static void check_console(struct exam *x)
{
	const struct target *t = use_target(x);
	char fn[BDF_STR];

	if (use_blind(x))
		return;
	if (!t->host.fb_native)
		return;
	bdf_str(target_main(t)->bdf, fn);
	exam_found(x, use_severity(x, use_vm(x) ? SEV_PROBLEM : SEV_WARNING),
		   "%s on %s has a framebuffer, the host's console", fn,
		   target_main(t)->driver);
	exam_fix(x, "let the console have another card (the firmware's setup: primary "
		 "display). Or, each time before the VM starts, and with the screen dark "
		 "from then on (have another way in, like ssh):\n"
		 " for c in /sys/class/vtconsole/*/bind; do echo 0 > $c; done");
}

/* @first: what the cure begins with. */
static void use_say(struct exam *x, const struct fn_use *use, enum severity severity,
		    const char *first)
{
	static const char *const what[] = {
		[USE_NETWORK] = "the network interface",
		[USE_STORAGE] = "the block device", [USE_OPEN] = "the device",
	};
	static const char *const cure[] = {
		[USE_NETWORK] = "if the host can do without %s, and you are not logged "
				"in through it: take it out of "
				"/etc/network/interfaces, and down",
		[USE_STORAGE] = "if the host can do without it: unmount it; this shows "
				"where:\n lsblk /dev/%s",
		[USE_OPEN] = "end the process that has %s open, or let the VM of that "
			     "card stop first",
	};
	char fn[BDF_STR], text[320];

	exam_found(x, severity, "%s carries %s %s, which %s", bdf_str(use->bdf, fn),
		   what[use->kind], use->name, use->how);
	snprintf(text, sizeof(text), "%s", cure[use->kind]);
	*strstr(text, "%s") = '\0';
	exam_fix(x, "%s%s%s%s", first, text, use->name,
		 strstr(cure[use->kind], "%s") + 2);
}

static void check_carries(struct exam *x)
{
	const struct target *t = use_target(x);

	if (use_blind(x))
		return;
	for (size_t i = 0; i < t->nuses; i++)
		if (bdf_same_slot(t->use[i].bdf, x->at_card->slot))
			use_say(x, &t->use[i], use_severity(x, SEV_PROBLEM), "");
}

/* Of others below the same bridge: in the card's group they are taken along with it. */
static void check_neighbour(struct exam *x)
{
	const struct target *t = use_target(x);
	char group[32], own[32];

	if (use_blind(x))
		return;
	exam_attr(x, target_main(t)->bdf, "iommu_group", own, sizeof(own));
	for (size_t i = 0; i < t->nuses; i++) {
		if (bdf_same_slot(t->use[i].bdf, x->at_card->slot))
			continue;
		exam_attr(x, t->use[i].bdf, "iommu_group", group, sizeof(group));
		use_say(x, &t->use[i], !own[0] || strcmp(group, own) != 0 ? SEV_NOTE :
			use_severity(x, SEV_PROBLEM), "best put the card into another "
			"slot; or, ");
	}
}

const struct check doctor_use[] = {
	{ "use-held", ON_CARD, "a program of the host's has the card open",
	  "taking the driver off waits in the kernel until it lets go, for ever if it "
	  "does not, and the VM's start hangs with it", check_holder },
	{ "use-leftover", ON_CARD, "a process has the card that is no running VM",
	  "no VM can have the card, and a reset of a card that a guest still drives may "
	  "hang the host", check_leftover },
	{ "use-open", ON_CARD, "the card is open, and nobody is seen to have it",
	  "a guest that was killed has not let go of it yet, or the kernel waits for the "
	  "card", check_open },
	{ "use-vfs", ON_CARD, "virtual functions are enabled on the card",
	  "a reset of the card takes them away under whoever has them", check_vfs },
	{ "use-mdev", ON_CARD, "the card is handed out in slices",
	  "a reset of the card takes its mediated devices away under the VMs that have "
	  "them", check_mdev },
	{ "use-hive", ON_CARD, "the card is linked to others",
	  "a reset of one breaks the links of all, and their driver on the host stops",
	  check_hive },
	{ "use-console", ON_CARD, "the host's console is on the card",
	  "the screen freezes when a VM takes the card, and with some drivers the start "
	  "hangs", check_console },
	{ "use-carries", ON_CARD, "the host itself needs a part of the card",
	  "it goes away when a VM gets the card, or when the card is reset",
	  check_carries },
	{ "use-neighbour", ON_CARD, "a device beside the card is in use",
	  "a reset of the bridge above the card takes it along; in the same IOMMU group "
	  "Proxmox VE takes it from the host when the VM starts", check_neighbour },
	{ 0 }
};
