// SPDX-License-Identifier: GPL-2.0-or-later
#include "plan/facts_fn.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/pci_regs.h>

/*
 * Absent is a fact, unreadable is not: a vendor id or a driver that was not read would
 * lift what the lists forbid. The first such error stays in @err, which is not NULL.
 */
static bool fn_attr(struct hw *hw, struct bdf bdf, const char *attr, char *buf, size_t n,
		    struct err *err)
{
	struct err why = { 0 };
	int rc = hw_attr_read(hw, bdf, attr, buf, n, &why);

	if (rc < 0)
		buf[0] = '\0';
	if (rc < 0 && rc != -ENOENT && !err->code)
		*err = why;
	return rc == 0;
}

/* Attributes that hold one number; absent: @fallback. */
static long fn_number(struct hw *hw, struct bdf bdf, const char *attr, long fallback,
		      struct err *err)
{
	char text[32], *end;
	long val;

	if (!fn_attr(hw, bdf, attr, text, sizeof(text), err))
		return fallback;
	val = strtol(text, &end, 0);
	return end == text ? fallback : val;
}

uint32_t facts_class(struct hw *hw, struct bdf bdf)
{
	char text[32];

	if (hw_attr_read(hw, bdf, "class", text, sizeof(text), NULL) < 0)
		return 0;
	return (uint32_t)strtoul(text, NULL, 0);
}

static uint32_t fn_cfg(struct hw *hw, struct bdf bdf, unsigned off, unsigned width)
{
	uint32_t val = UINT32_MAX;

	if (hw_cfg_read(hw, bdf, off, width, &val, NULL) < 0)
		val = UINT32_MAX;
	return width == 4 ? val : val & ((1u << (8 * width)) - 1);
}

static unsigned fn_cap(struct hw *hw, struct bdf bdf, uint16_t id)
{
	unsigned off;

	return hw_find_cap(hw, bdf, id, false, &off, NULL) < 0 ? 0 : off;
}

/*
 * A register beyond the first 256 bytes. 0 with all ones when the function has none
 * there: the kernel's read comes back short (-EIO), or nothing decodes it. Both look
 * like an accident too, so they count only when they happen twice.
 */
static int fn_ext_read(struct hw *hw, struct bdf bdf, unsigned off, uint32_t *val,
		       struct err *err)
{
	struct err why = { 0 };
	int rc = 0;

	for (int tries = 0; tries < 2; tries++) {
		*val = UINT32_MAX;
		rc = hw_cfg_read(hw, bdf, off, 4, val, &why);
		if (!rc && *val != UINT32_MAX)
			return 0;
	}
	*val = UINT32_MAX;
	if (rc == -EIO)
		return 0;
	if (rc && !err->code)
		*err = why;
	return rc;
}

/* As Linux decides (drivers/pci/probe.c, pci_cfg_space_size_ext). */
static bool fn_extended(struct hw *hw, struct bdf bdf, struct err *err)
{
	uint32_t first;

	return !fn_ext_read(hw, bdf, PCI_CFG_SPACE_SIZE, &first, err) &&
	       first != UINT32_MAX;
}

void facts_link(struct hw *hw, struct bdf bdf, unsigned cap, struct link_facts *l)
{
	uint32_t lnkcap = fn_cfg(hw, bdf, cap + PCI_EXP_LNKCAP, 4);
	uint32_t lnksta = fn_cfg(hw, bdf, cap + PCI_EXP_LNKSTA, 2);

	l->present = lnkcap != UINT32_MAX && lnkcap & PCI_EXP_LNKCAP_MLW;
	if (!l->present)
		return;
	l->reports_active = lnkcap & PCI_EXP_LNKCAP_DLLLARC;
	l->active = lnksta & PCI_EXP_LNKSTA_DLLLA;
	l->max_speed = lnkcap & PCI_EXP_LNKCAP_SLS;
	l->max_width = (lnkcap & PCI_EXP_LNKCAP_MLW) >> 4;
	l->speed = lnksta & PCI_EXP_LNKSTA_CLS;
	l->width = (lnksta & PCI_EXP_LNKSTA_NLW) >> PCI_EXP_LNKSTA_NLW_SHIFT;
}

/* "0x... 0x... 0x..." a line, one line a resource: the kernel's view of the BARs. */
int facts_bars(struct hw *hw, struct bdf bdf, struct bar_facts bar[6], struct err *err)
{
	char text[2048], *at = text;
	int rc = hw_attr_read(hw, bdf, "resource", text, sizeof(text), err);

	memset(bar, 0, 6 * sizeof(*bar));
	for (int i = 0; i < 6 && !rc && *at; i++) {
		unsigned long long start = strtoull(at, &at, 16);
		unsigned long long end = strtoull(at, &at, 16);

		bar[i].flags = strtoull(at, &at, 16);
		bar[i].start = start;
		bar[i].size = end ? end - start + 1 : 0;
	}
	return rc;
}

void facts_caps(struct hw *hw, struct bdf bdf, struct fn_facts *fn, struct err *err)
{
	fn->pm_cap = fn_cap(hw, bdf, PCI_CAP_ID_PM);
	fn->pcie_cap = fn_cap(hw, bdf, PCI_CAP_ID_EXP);
	fn->af_cap = fn_cap(hw, bdf, PCI_CAP_ID_AF);
	fn->extended = fn_extended(hw, bdf, err);
	if (fn->pm_cap)
		fn->pm_reset = !(fn_cfg(hw, bdf, fn->pm_cap + PCI_PM_CTRL, 2) &
				 PCI_PM_CTRL_NO_SOFT_RESET);
	if (fn->pcie_cap) {
		fn->flr = fn_cfg(hw, bdf, fn->pcie_cap + PCI_EXP_DEVCAP, 4) &
			  PCI_EXP_DEVCAP_FLR;
		facts_link(hw, bdf, fn->pcie_cap, &fn->link);
	}
	if (fn->af_cap) {
		uint32_t af = fn_cfg(hw, bdf, fn->af_cap + PCI_AF_CAP, 1);

		fn->af_flr = af != 0xff && af & PCI_AF_CAP_TP && af & PCI_AF_CAP_FLR;
	}
}

/*
 * The attribute exists where the firmware marks a port as external-facing; the kernel
 * then says "removable" of all below it. An attribute that cannot be read is @err's.
 */
static bool fn_removable(struct hw *hw, struct bdf bdf, struct err *err)
{
	char text[16];

	return fn_attr(hw, bdf, "removable", text, sizeof(text), err) &&
	       !strcmp(text, "removable");
}

/* Without ACS on the way several cards are one group; bridges do not count. */
static bool fn_is_foreign(struct hw *hw, struct bdf other, struct bdf bdf)
{
	return !bdf_same_slot(other, bdf) &&
	       facts_class(hw, other) >> 16 != PCI_BASE_CLASS_BRIDGES;
}

struct group_search {
	struct hw *hw;
	const struct fn_facts *fn;
};

static int fn_group_other(const struct hw_node *node, void *arg)
{
	const struct group_search *g = arg;
	struct err err = { 0 };

	return fn_is_foreign(g->hw, node->bdf, g->fn->bdf) &&
	       fn_number(g->hw, node->bdf, "iommu_group", -1, &err) ==
	       g->fn->iommu_group;
}

/* A file may have the groups' numbers and not their lists (dumps, old recordings). */
static bool fn_group_shared(struct hw *hw, const struct fn_facts *fn)
{
	struct group_search g = { hw, fn };
	char names[4096], *name, *rest = names;
	struct bdf other;

	if (fn->iommu_group < 0)
		return false;
	if (hw_attr_read(hw, fn->bdf, "iommu_group/devices", names, sizeof(names), NULL))
		return hw_scan(hw, fn_group_other, &g, NULL) == 1;
	while ((name = strsep(&rest, "\n")))
		if (bdf_from_sysfs(name, &other) && fn_is_foreign(hw, other, fn->bdf))
			return true;
	return false;
}

/* Of attributes that the kernel tells without the lock that a reset holds. */
static void fn_identity(struct hw *hw, struct bdf bdf, struct fn_facts *fn,
			struct err *err)
{
	fn->vendor = (uint16_t)fn_number(hw, bdf, "vendor", 0xffff, err);
	fn->device = (uint16_t)fn_number(hw, bdf, "device", 0xffff, err);
	fn->subvendor = (uint16_t)fn_number(hw, bdf, "subsystem_vendor", 0, err);
	fn->subdevice = (uint16_t)fn_number(hw, bdf, "subsystem_device", 0, err);
	fn->class_code = (uint32_t)fn_number(hw, bdf, "class", 0, err);
	fn->revision = (uint8_t)fn_number(hw, bdf, "revision", 0, err);
	fn->iommu_group = (int)fn_number(hw, bdf, "iommu_group", -1, err);
	fn->group_shared = fn_group_shared(hw, fn);
	fn_attr(hw, bdf, "driver", fn->driver, sizeof(fn->driver), err);
	fn_attr(hw, bdf, "power_state", fn->power_state, sizeof(fn->power_state), err);
}

static void fn_kernel_view(struct hw *hw, struct bdf bdf, struct fn_facts *fn,
			   struct err *err)
{
	fn_identity(hw, bdf, fn, err);
	fn->enabled = (int)fn_number(hw, bdf, "enable", -1, err);
	fn->vfs = (int)fn_number(hw, bdf, "sriov_numvfs", 0, err);
	fn->boot_vga = fn_number(hw, bdf, "boot_vga", 0, err) == 1;
	fn->has_reset = hw_attr_exists(hw, bdf, "reset");
	fn->removable = fn_removable(hw, bdf, err);
	fn_attr(hw, bdf, "driver_override", fn->driver_override,
		sizeof(fn->driver_override), err);
	if (!strcmp(fn->driver_override, "(null)"))     /* how the kernel says: none */
		fn->driver_override[0] = '\0';
	fn_attr(hw, bdf, "reset_method", fn->reset_method, sizeof(fn->reset_method), err);
	fn_attr(hw, bdf, "power/control", fn->power_control, sizeof(fn->power_control),
		err);
}

void facts_fn_glance(struct hw *hw, struct bdf bdf, bool on_root_bus, struct fn_facts *fn,
		     struct err *err)
{
	(void)on_root_bus;
	memset(fn, 0, sizeof(*fn));
	fn->bdf = bdf;
	fn->known = true;
	fn_identity(hw, bdf, fn, err);
}

bool facts_id_answers(uint32_t id)
{
	return id != UINT32_MAX && (id & 0xffff) != PCI_VENDOR_RRS;
}

bool facts_is_virtual(struct hw *hw, struct bdf bdf)
{
	return fn_cfg(hw, bdf, PCI_VENDOR_ID, 4) == UINT32_MAX &&
	       fn_cfg(hw, bdf, PCI_COMMAND, 4) != UINT32_MAX;
}

void facts_fn(struct hw *hw, struct bdf bdf, bool on_root_bus, struct fn_facts *fn,
	      struct err *err)
{
	uint32_t id = fn_cfg(hw, bdf, PCI_VENDOR_ID, 4);
	char text[BDF_STR];

	memset(fn, 0, sizeof(*fn));
	fn->bdf = bdf;
	fn->known = true;
	fn->answers = facts_id_answers(id);
	fn->virtual_fn = !fn->answers && hw_attr_exists(hw, bdf, "physfn") &&
			 facts_is_virtual(hw, bdf);
	fn_kernel_view(hw, bdf, fn, err);
	fn->header_type = (uint8_t)fn_cfg(hw, bdf, PCI_HEADER_TYPE, 1);
	fn->command = (uint16_t)fn_cfg(hw, bdf, PCI_COMMAND, 2);
	facts_bars(hw, bdf, fn->bar, NULL);
	if (fn->answers && fn->command == 0xffff && !err->code)
		err_set(err, EIO, "%s answers, but its COMMAND (config 0x4) reads "
			"0xffff; try again", bdf_str(bdf, text));
	if (fn->answers)
		facts_caps(hw, bdf, fn, err);
	fn->kernel_deny = kernel_denies(fn->vendor, fn->device, fn->class_code,
					on_root_bus);
	facts_made(hw, fn, err);
}

static unsigned bridge_type(struct hw *hw, const struct bridge_facts *br)
{
	uint32_t flags;

	if (!br->pcie_cap)
		return PORT_PCI;
	flags = fn_cfg(hw, br->bdf, br->pcie_cap + PCI_EXP_FLAGS, 2);
	return (flags & PCI_EXP_FLAGS_TYPE) >> 4;
}

/* A slot that the kernel drives by native hotplug: slot implemented and capable. */
static bool bridge_hotplug(struct hw *hw, const struct bridge_facts *br)
{
	uint32_t flags;

	if (br->type != PORT_ROOT && br->type != PORT_DOWNSTREAM)
		return false;
	flags = fn_cfg(hw, br->bdf, br->pcie_cap + PCI_EXP_FLAGS, 2);
	return flags & PCI_EXP_FLAGS_SLOT &&
	       fn_cfg(hw, br->bdf, br->pcie_cap + PCI_EXP_SLTCAP, 4) & PCI_EXP_SLTCAP_HPC;
}

/* Vendor-specific capability of the ports of Intel's Thunderbolt controllers. */
#define VSEC_INTEL_TBT 0x1234

/*
 * As Linux tells them (drivers/pci/probe.c, set_pcie_thunderbolt). The next pointer
 * only goes up in a sane list; 4096 bytes hold less than 1024 headers.
 */
static bool bridge_tbt_port(struct hw *hw, const struct bridge_facts *br,
			    struct err *err)
{
	unsigned off = PCI_CFG_SPACE_SIZE;
	uint32_t head, vsec;

	if (br->vendor != PCI_VENDOR_INTEL)
		return false;
	for (int n = 0; n < 1024 && off >= PCI_CFG_SPACE_SIZE; n++) {
		if (fn_ext_read(hw, br->bdf, off, &head, err) || !head ||
		    head == UINT32_MAX)
			return false;
		if (PCI_EXT_CAP_ID(head) == PCI_EXT_CAP_ID_VNDR &&
		    !fn_ext_read(hw, br->bdf, off + PCI_VNDR_HEADER, &vsec, err) &&
		    PCI_VNDR_HEADER_ID(vsec) == VSEC_INTEL_TBT)
			return true;
		off = PCI_EXT_CAP_NEXT(head);
	}
	return false;
}

int facts_fn_again(struct hw *hw, struct fn_facts *fn, struct err *err)
{
	struct err bad = { 0 };

	fn->driver[0] = '\0';
	fn->enabled = -1;
	fn->vfs = 0;
	if (!hw_attr_exists(hw, fn->bdf, "vendor"))
		return 0;
	fn_attr(hw, fn->bdf, "driver", fn->driver, sizeof(fn->driver), &bad);
	fn->enabled = (int)fn_number(hw, fn->bdf, "enable", -1, &bad);
	fn->vfs = (int)fn_number(hw, fn->bdf, "sriov_numvfs", 0, &bad);
	return bad.code ? err_set(err, bad.code, "%s", bad.text) : 0;
}

void facts_bridge(struct hw *hw, struct bdf bdf, struct bridge_facts *br,
		  struct err *err)
{
	memset(br, 0, sizeof(*br));
	br->bdf = bdf;
	br->vendor = (uint16_t)fn_number(hw, bdf, "vendor", 0xffff, err);
	br->device = (uint16_t)fn_number(hw, bdf, "device", 0xffff, err);
	br->command = (uint16_t)fn_cfg(hw, bdf, PCI_COMMAND, 2);
	br->pcie_cap = fn_cap(hw, bdf, PCI_CAP_ID_EXP);
	br->type = bridge_type(hw, br);
	if (br->pcie_cap)
		facts_link(hw, bdf, br->pcie_cap, &br->link);
	br->hotplug = bridge_hotplug(hw, br);
	facts_port(hw, br, err);
	br->has_reset_subordinate = hw_attr_exists(hw, bdf, "reset_subordinate");
	br->no_bus_reset = kernel_denies(br->vendor, br->device, 0x060400, false) &
			   KDENY_BUS;
	br->thunderbolt = fn_removable(hw, bdf, err) || bridge_tbt_port(hw, br, err);
	fn_attr(hw, bdf, "power/control", br->power_control, sizeof(br->power_control),
		err);
}

void facts_other(struct hw *hw, struct bdf bdf, struct other_fn *other, struct err *err)
{
	memset(other, 0, sizeof(*other));
	other->bdf = bdf;
	other->vendor = (uint16_t)fn_number(hw, bdf, "vendor", 0xffff, err);
	other->device = (uint16_t)fn_number(hw, bdf, "device", 0xffff, err);
	other->class_code = (uint32_t)fn_number(hw, bdf, "class", 0, err);
	other->bridge = other->class_code >> 16 == PCI_BASE_CLASS_BRIDGES;
	other->denies_bus = kernel_denies(other->vendor, other->device,
					  other->class_code, false) & KDENY_BUS;
	fn_attr(hw, bdf, "driver", other->driver, sizeof(other->driver), err);
}

/* Drivers that leave DMA to VFIO (driver_managed_dma in struct pci_driver), or none. */
static bool group_driver_yields(const char *driver)
{
	return !driver[0] || driver_is_vfio(driver) || !strcmp(driver, "pci-stub") ||
	       !strcmp(driver, "pcieport");
}

/* The card's own functions let go of their drivers; the others of the group do not. */
static void vfio_group(struct hw *hw, struct target *t, const struct fn_facts *fn)
{
	char names[4096], driver[32], *name, *rest = names;
	struct bdf other;

	if (hw_attr_read(hw, fn->bdf, "iommu_group/devices", names, sizeof(names), NULL))
		return;
	while ((name = strsep(&rest, "\n")) && !t->group_driver[0]) {
		if (!bdf_from_sysfs(name, &other) || bdf_same_slot(other, fn->bdf) ||
		    hw_attr_read(hw, other, "driver", driver, sizeof(driver), NULL) ||
		    group_driver_yields(driver))
			continue;
		t->group_blocker = other;
		snprintf(t->group_driver, sizeof(t->group_driver), "%s", driver);
	}
}

/* EIO where no driver has asked for a delay (drivers/base/power/sysfs.c). */
static int vfio_autosuspend(struct hw *hw, struct bdf bdf)
{
	char text[16];

	return hw_attr_read(hw, bdf, "power/autosuspend_delay_ms", text, sizeof(text),
			    NULL) ? 0 : (int)strtol(text, NULL, 10);
}

void facts_vfio(struct hw *hw, struct target *t)
{
	struct fn_facts *fn = &t->fn[t->main];
	char name[32];

	for (size_t i = 0; i < t->nfns; i++)
		t->fn[i].autosuspend_ms = vfio_autosuspend(hw, t->fn[i].bdf);
	if (fn->answers)
		fn->vndr_cap = (uint8_t)fn_cap(hw, fn->bdf, PCI_CAP_ID_VNDR);
	if (fn->vndr_cap)
		fn->vndr_len = (uint8_t)fn_cfg(hw, fn->bdf,
					       fn->vndr_cap + PCI_CAP_FLAGS, 1);
	if (fn->iommu_group < 0)
		return;
	/* vfio-noiommu makes groups that isolate nothing; they are not used */
	if (!hw_attr_read(hw, fn->bdf, "iommu_group/name", name, sizeof(name), NULL) &&
	    !strcmp(name, "vfio-noiommu"))
		fn->iommu_group = -1;
	else
		vfio_group(hw, t, fn);
}

/* The framebuffer drivers that sit on whatever firmware left on the screen. */
static bool host_fb_is_firmware(const char *name)
{
	static const char *const firmware[] = {
		"EFI VGA", "VESA VGA", "simple", "simpledrmdrmfb", "vesadrm", "efidrm",
	};

	for (size_t i = 0; i < sizeof(firmware) / sizeof(*firmware); i++)
		if (!strncmp(name, firmware[i], strlen(firmware[i])))
			return true;
	return false;
}

void facts_host(struct hw *hw, struct target *t)
{
	struct host_facts *h = &t->host;
	char text[128];

	if (hw_host_read(hw, "/proc/sys/kernel/osrelease", h->release,
			 sizeof(h->release), NULL) < 0)
		h->release[0] = '\0';
	if (hw_host_read(hw, "/sys/kernel/security/lockdown", text, sizeof(text),
			 NULL) == 0)
		h->lockdown = !strstr(text, "[none]");
	h->vfio_pci = hw_host_exists(hw, "/sys/bus/pci/drivers/vfio-pci");
	if (hw_host_read(hw, "/sys/class/graphics/fb0/name", text, sizeof(text),
			 NULL) == 0 && host_fb_is_firmware(text))
		snprintf(h->fb, sizeof(h->fb), "%.40s", text);
	for (size_t i = 0; i < t->nfns; i++)
		if (hw_attr_exists(hw, t->fn[i].bdf, "graphics"))
			h->fb_native = true;
}
