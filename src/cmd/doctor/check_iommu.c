// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The IOMMU: is it on, does it isolate. gpu-reset-knowledge 6, rows 8 and 9; Proxmox VE
 * refuses to start a VM with hostpci when /sys/class/iommu is empty.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "cmd/doctor/exam.h"
#include "cmd/doctor/passthrough.h"
#include "plan/facts_fn.h"

#define IOMMUS "/sys/class/iommu"
#define TABLES "/sys/firmware/acpi/tables"
#define UNSAFE "/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts"
#define NOIOMMU "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode"

/* --- on or off ------------------------------------------------------------------- */

static bool iommu_is_on(struct exam *x)
{
	const char *names = exam_file(x, IOMMUS);

	if (names && *names)
		return true;
	for (size_t i = 0; i < x->ncards; i++)
		if (target_main(&x->card[i]->study.target)->iommu_group >= 0)
			return true;
	return false;
}

/* The parameter that switches it off, as it stands there; or NULL. */
static const char *iommu_switched_off(struct exam *x, const char **value)
{
	static const char *const names[] = { "intel_iommu", "amd_iommu", "iommu" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		*value = exam_cmdline(x, names[i]);
		if (*value && exam_has_word(*value, "off"))
			return names[i];
	}
	return NULL;
}

/*
 * Linux for Intel: off by default, unless built otherwise (Proxmox VE's from 6.8;
 * Debian's with an option of its own, for all but the CPU's graphics).
 */
static bool intel_is_on_by_default(struct exam *x)
{
	const char *config = exam_filef(x, "/boot/config-%s", x->release);

	return config && (strstr(config, "CONFIG_INTEL_IOMMU_DEFAULT_ON=y") ||
			  strstr(config, "CONFIG_INTEL_IOMMU_DEFAULT_ON_INTGPU_OFF=y"));
}

static void iommu_off_intel(struct exam *x)
{
	const char *value = exam_cmdline(x, "intel_iommu");

	if ((value && exam_has_word(value, "on")) || intel_is_on_by_default(x)) {
		exam_found(x, SEV_PROBLEM, IOMMUS " is empty, though the kernel is to "
			   "switch the IOMMU on and the firmware describes one (DMAR)");
		exam_fix(x, "look for the reason: dmesg | grep DMAR; update the board's "
			 "firmware");
		return;
	}
	exam_found(x, SEV_PROBLEM, IOMMUS " is empty, and /proc/cmdline has no "
		   "intel_iommu=on, which this kernel (%s) needs on Intel", x->release);
	exam_fix_cmdline(x, "add intel_iommu=on to");
}

static void iommu_off(struct exam *x)
{
	const char *tables = exam_file(x, TABLES), *value, *name;

	name = iommu_switched_off(x, &value);
	if (name) {
		exam_found(x, SEV_PROBLEM, IOMMUS " is empty: /proc/cmdline has %s=%s",
			   name, value);
		exam_fix_cmdline(x, "take %s=%s out of", name, value);
	} else if (exam_has_word(tables, "IVRS")) {
		exam_found(x, SEV_PROBLEM, IOMMUS " is empty, though the firmware "
			   "describes AMD's IOMMU (IVRS), which Linux uses unasked");
		exam_fix(x, "look for the reason: dmesg | grep AMD-Vi; update the "
			 "board's firmware");
	} else if (exam_has_word(tables, "DMAR")) {
		iommu_off_intel(x);
	} else {
		exam_found(x, SEV_PROBLEM, IOMMUS " is empty%s", tables ? ", and the "
			   "firmware describes no IOMMU: no DMAR (Intel) or IVRS (AMD) "
			   "in " TABLES : "");
		exam_fix(x, "switch it on in the firmware's setup: VT-d on Intel; IOMMU, "
			 "Enabled rather than Auto, on AMD (and SVM). In a VM: give it "
			 "a virtual IOMMU");
	}
}

static void check_iommu_off(struct exam *x)
{
	if (iommu_is_on(x))
		return;
	if (!exam_file(x, IOMMUS) && x->o->replay)
		exam_unknown(x, "the recording does not have " IOMMUS);
	else if (pt_any_wanted(x))
		iommu_off(x);
	else {
		exam_found(x, SEV_NOTE, IOMMUS " is empty, and nothing shows that a VM "
			   "is to have a card");
		exam_fix(x, "nothing, if none is; else name the card, and the remedy is "
			 "said:\n gpureset doctor BDF");
	}
}

/* --- interrupts ------------------------------------------------------------------ */

/*
 * Interrupts that go through the remapping are of chips "IR-PCI-MSI", "IR-IO-APIC"
 * (arch/x86). The kernel's log tells only as long as the line is still there.
 */
static bool remapping_is_off(struct exam *x, const char **seen)
{
	const char *irqs = exam_file(x, "/proc/interrupts");

	*seen = exam_log(x, "No interrupt remapping", "");
	if (*seen)
		return true;
	*seen = "/proc/interrupts has PCI-MSI or IO-APIC, but none of them with IR-";
	return irqs && !strstr(irqs, "IR-") &&
	       (strstr(irqs, "PCI-MSI") || strstr(irqs, "IO-APIC"));
}

static void check_remapping(struct exam *x)
{
	const char *seen;

	if (!iommu_is_on(x) || !pt_any_wanted(x))
		return;
	if (!exam_file(x, "/proc/interrupts") && !exam_log_known(x)) {
		exam_unknown(x, "neither /proc/interrupts nor the kernel's log can be "
			     "read");
		return;
	}
	if (!remapping_is_off(x, &seen))
		return;
	exam_found(x, SEV_PROBLEM, "%s", seen);
	if (exam_cmdline(x, "nointremap") ||
	    exam_has_word(exam_cmdline(x, "intremap"), "off"))
		exam_fix_cmdline(x, "take nointremap and intremap=off out of");
	else
		exam_fix(x, "switch on VT-d or IOMMU, and x2APIC, in the firmware's "
			 "setup, and update it; only if the hardware cannot: write "
			 "'options vfio_iommu_type1 allow_unsafe_interrupts=1' into "
			 "/etc/modprobe.d/vfio.conf and trust your VMs");
}

static void check_unsafe(struct exam *x)
{
	const char *unsafe = exam_file(x, UNSAFE), *bare = exam_file(x, NOIOMMU);
	const char *seen, *where = "the file of it in /etc/modprobe.d";

	if (bare && !strcmp(bare, "Y")) {
		exam_found(x, SEV_PROBLEM, NOIOMMU " is Y");
		exam_fix(x, "take enable_unsafe_noiommu_mode out of /etc/modprobe.d and "
			 "of the kernel's command line, and switch the IOMMU on");
	}
	if (!unsafe || strcmp(unsafe, "Y") != 0 || remapping_is_off(x, &seen))
		return;
	exam_modconf(x, "options", "vfio_iommu_type1", "allow_unsafe_interrupts", &where);
	exam_found(x, SEV_WARNING, UNSAFE " is Y");
	exam_fix(x, "if 'grep IR- /proc/interrupts' prints lines, this host does not "
		 "need it: take allow_unsafe_interrupts out of %s, type "
		 "'update-initramfs -u -k all', and reboot", where);
}

/* --- pass-through for the host's own devices ------------------------------------- */

static bool is_translated(struct exam *x)
{
	char type[32];

	for (size_t i = 0; i < x->ncards; i++) {
		const struct target *t = &x->card[i]->study.target;

		if (t->npath && !strncmp(exam_attr(x, t->path[t->npath - 1].bdf,
						   "iommu_group/type", type,
						   sizeof(type)), "DMA", 3))
			return true;
	}
	return false;
}

static void check_pt(struct exam *x)
{
	const char *iommu = exam_cmdline(x, "iommu");

	if (!iommu_is_on(x) || !pt_any_wanted(x) ||
	    (iommu && exam_has_word(iommu, "pt")) || !is_translated(x))
		return;
	exam_found(x, SEV_NOTE, "/proc/cmdline has no iommu=pt, and the IOMMU group of "
		   "the card's root port is of type DMA");
	exam_fix_cmdline(x, "if you like, add iommu=pt to");
}

/* --- groups ---------------------------------------------------------------------- */

struct others {
	char free[512], held[512];      /* on no driver or vfio-pci; on the host's */
};

/* Every VM that has the card has @fn, too. */
static bool goes_along(const struct exam *x, struct bdf fn)
{
	size_t with = 0;

	for (size_t i = 0; i < x->nvms; i++) {
		const struct hook_vm *h = &x->vm[i]->hook;
		bool card = false, other = false;

		for (size_t k = 0; k < h->ncards; k++) {
			card |= bdf_same_slot(h->card[k].spec.bdf, x->at_card->slot);
			other |= bdf_spec_has(&h->card[k].spec, fn);
		}
		if (card && !other)
			return false;
		with += card;
	}
	return with > 0;
}

static void group_others(struct exam *x, const struct fn_facts *fn, struct others *o)
{
	char names[4096], driver[64], *name, *rest = names;
	struct bdf other;

	memset(o, 0, sizeof(*o));
	exam_attr(x, fn->bdf, "iommu_group/devices", names, sizeof(names));
	while ((name = strsep(&rest, "\n"))) {
		if (!bdf_from_sysfs(name, &other) || bdf_same_slot(other, fn->bdf) ||
		    facts_class(x->hw, other) >> 16 == PCI_BASE_CLASS_BRIDGES ||
		    goes_along(x, other))
			continue;
		exam_attr(x, other, "driver", driver, sizeof(driver));
		if (pt_driver_yields(driver))
			pt_name(o->free, sizeof(o->free), other, driver);
		else
			pt_name(o->held, sizeof(o->held), other, driver);
	}
}

/*
 * Source validation, request and completion redirect, upstream forwarding: what Linux
 * asks of a port before it puts what is below into a group of its own.
 */
#define ACS_ISOLATES (PCI_ACS_SV | PCI_ACS_RR | PCI_ACS_CR | PCI_ACS_UF)

/* The first port above the card that does not isolate it, into @buf, with the reason. */
static void group_port(struct exam *x, const struct target *t, char *buf, size_t size)
{
	buf[0] = '\0';
	for (size_t i = 0; i < t->npath && !buf[0]; i++) {
		struct bdf port = t->path[i].bdf;
		uint32_t head = UINT32_MAX, ctrl = 0;
		char at[BDF_STR];
		unsigned off;

		/* without its extended configuration space nothing is known of it */
		if ((t->path[i].type != PORT_ROOT &&
		     t->path[i].type != PORT_DOWNSTREAM) ||
		    hw_cfg_read(x->hw, port, PCI_CFG_SPACE_SIZE, 4, &head, NULL) ||
		    head == 0 || head == UINT32_MAX)
			continue;
		if (hw_find_cap(x->hw, port, PCI_EXT_CAP_ID_ACS, true, &off, NULL))
			snprintf(buf, size, "; its port %s has no ACS",
				 bdf_str(port, at));
		else if (!hw_cfg_read(x->hw, port, off + PCI_ACS_CTRL, 2, &ctrl, NULL) &&
			 (ctrl & ACS_ISOLATES) != ACS_ISOLATES)
			snprintf(buf, size, "; ACS of its port %s is not switched on "
				 "(0x%04x)", bdf_str(port, at), ctrl);
	}
}

static void check_group(struct exam *x)
{
	const struct target *t = &x->at_card->study.target;
	const struct fn_facts *fn = target_main(t);
	struct others o;
	char port[96];

	if (fn->iommu_group < 0)
		return;
	group_others(x, fn, &o);
	if (!o.held[0] && !o.free[0])
		return;
	group_port(x, t, port, sizeof(port));
	exam_found(x, o.held[0] ? SEV_PROBLEM : SEV_WARNING,
		   "IOMMU group %d has, beside the card, %s%s%s%s", fn->iommu_group,
		   o.held, o.held[0] && o.free[0] ? ", " : "", o.free, port);
	exam_fix(x, "put the card into another slot, best one that hangs on the CPU; "
		 "look for ACS in the firmware's setup; or pass all of the group to the "
		 "same VM, if the host can spare it. pcie_acs_override= would split the "
		 "group on paper only");
}

static void check_acs_override(struct exam *x)
{
	const char *value = exam_cmdline(x, "pcie_acs_override");

	if (!value)
		return;
	exam_found(x, SEV_WARNING, "/proc/cmdline has pcie_acs_override=%s", value);
	exam_fix_cmdline(x, "if the groups are small enough without, or a VM is not to "
			 "be trusted, take pcie_acs_override=%s out of", value);
}

const struct check doctor_iommu[] = {
	{ "iommu-off", ON_HOST, "the IOMMU is off",
	  "without it no VM can be given a card: Proxmox VE does not start the VM, and "
	  "VFIO does not open the device", check_iommu_off },
	{ "interrupt-remapping", ON_HOST, "interrupts are not remapped",
	  "VFIO refuses cards then, unless told to trust each VM with the interrupts of "
	  "the whole host", check_remapping },
	{ "unsafe-interrupts", ON_HOST, "a safeguard of VFIO is switched off",
	  "a VM with a card may then send the host any interrupt, or without an IOMMU "
	  "write to all of its memory", check_unsafe },
	{ "iommu-pt", ON_HOST, "the host's own devices go through the IOMMU",
	  "each of their transfers is translated, which costs some speed and does "
	  "nothing for VMs; iommu=pt leaves it to the devices of VMs", check_pt },
	{ "iommu-group", ON_CARD, "the card shares its IOMMU group",
	  "a group goes to one VM as a whole: Proxmox VE takes everything in it away "
	  "from the host when the VM starts, and VFIO refuses while a host driver is in "
	  "it", check_group },
	{ "acs-override", ON_HOST, "IOMMU groups are split on paper only",
	  "the devices still reach each other past the IOMMU, so a VM can read and write "
	  "what another, or the host, does with its neighbour", check_acs_override },
	{ 0 }
};
