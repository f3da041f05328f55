// SPDX-License-Identifier: GPL-2.0-or-later
/* What the simulated kernel shows and takes in sysfs, and the VFIO hot reset. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "hw/sim_internal.h"

#define RES_IO 0x100u           /* IORESOURCE_* of linux/ioport.h */
#define RES_MEM 0x200u
#define RES_SIZEALIGN 0x40000u

/*
 * One attribute: what it shows (NULL: cannot be read), what a write does (NULL:
 * cannot be written), and whether this function has it (NULL: all have).
 */
struct sim_attr {
	const char *name;
	int (*show)(struct hw_sim *sim, struct sim_fn *f, char *buf, size_t size);
	int (*store)(struct hw_sim *sim, struct sim_fn *f, const char *value);
	bool (*has)(const struct sim_fn *f);
};

/* --- ids and resources --------------------------------------------------------- */

static int show_vendor(struct hw_sim *sim, struct sim_fn *f, char *buf, size_t size)
{
	(void)sim;
	snprintf(buf, size, "0x%04x", f->id & 0xffff);
	return 0;
}

static int show_device(struct hw_sim *sim, struct sim_fn *f, char *buf, size_t size)
{
	(void)sim;
	snprintf(buf, size, "0x%04x", f->id >> 16);
	return 0;
}

static int show_subvendor(struct hw_sim *sim, struct sim_fn *f, char *buf, size_t size)
{
	(void)sim;
	snprintf(buf, size, "0x%04x", f->sub & 0xffff);
	return 0;
}

static int show_subdevice(struct hw_sim *sim, struct sim_fn *f, char *buf, size_t size)
{
	(void)sim;
	snprintf(buf, size, "0x%04x", f->sub >> 16);
	return 0;
}

static int show_class(struct hw_sim *sim, struct sim_fn *f, char *buf, size_t size)
{
	(void)sim;
	snprintf(buf, size, "0x%06x", f->class_rev >> 8);
	return 0;
}

static int show_revision(struct hw_sim *sim, struct sim_fn *f, char *buf, size_t size)
{
	(void)sim;
	snprintf(buf, size, "0x%02x", f->class_rev & 0xff);
	return 0;
}

static int show_resource(struct hw_sim *sim, struct sim_fn *f, char *buf, size_t size)
{
	size_t len = 0;

	(void)sim;
	for (int i = 0; i < 7 && len < size; i++) {
		const struct sim_bar none = { 0 };
		const struct sim_bar *b = i < 6 ? &f->bar[i] : &none;
		uint32_t kind = b->io ? RES_IO | 1 : RES_MEM;

		len += (size_t)snprintf(buf + len, size - len,
					"0x%016x 0x%016x 0x%016x%s", b->start,
					b->size ? b->start + b->size - 1 : 0,
					b->size ? kind | RES_SIZEALIGN : 0,
					i < 6 ? "\n" : "");
	}
	return 0;
}

/* --- reset --------------------------------------------------------------------- */

static bool has_reset(const struct sim_fn *f)
{
	return f->has_reset;
}

static bool has_subordinate(const struct sim_fn *f)
{
	return f->port && !f->port->what.no_subordinate;
}

static int show_methods(struct hw_sim *sim, struct sim_fn *f, char *buf, size_t size)
{
	(void)sim;
	sim_methods_text(f, buf, size);
	return 0;
}

static bool is_one(const char *value)
{
	return !strcmp(value, "1") || !strcmp(value, "1\n");
}

static int store_reset(struct hw_sim *sim, struct sim_fn *f, const char *value)
{
	return is_one(value) ? sim_reset_function(sim, f) : -EINVAL;
}

static int store_subordinate(struct hw_sim *sim, struct sim_fn *f, const char *value)
{
	return strtoul(value, NULL, 0) ? sim_reset_below(sim, f) : -EINVAL;
}

/* --- coming and going ---------------------------------------------------------- */

static int store_remove(struct hw_sim *sim, struct sim_fn *f, const char *value)
{
	if (is_one(value))
		sim_remove(sim, f);
	return 0;
}

/* A function's `rescan` is about the bus that it is on, with all below. */
static int store_rescan(struct hw_sim *sim, struct sim_fn *f, const char *value)
{
	if (is_one(value))
		sim_scan_below(sim, f->parent);
	return 0;
}

/* --- drivers ------------------------------------------------------------------- */

static int show_driver(struct hw_sim *sim, struct sim_fn *f, char *buf, size_t size)
{
	(void)sim;
	snprintf(buf, size, "%s", f->driver);
	return f->driver[0] ? 0 : -ENOENT;
}

static bool has_driver(const struct sim_fn *f)
{
	return f->driver[0];
}

static int store_unbind(struct hw_sim *sim, struct sim_fn *f, const char *value)
{
	struct bdf bdf;

	if (!bdf_from_sysfs(value, &bdf) || !bdf_eq(bdf, f->bdf))
		return -ENODEV;
	sim_unbind(sim, f);
	return 0;
}

static int show_override(struct hw_sim *sim, struct sim_fn *f, char *buf, size_t size)
{
	(void)sim;
	snprintf(buf, size, "%s", f->override[0] ? f->override : "(null)");
	return 0;
}

static int store_override(struct hw_sim *sim, struct sim_fn *f, const char *value)
{
	(void)sim;
	snprintf(f->override, sizeof(f->override), "%.*s", (int)strcspn(value, "\n"),
		 value);
	return 0;
}

/* --- power --------------------------------------------------------------------- */

static int show_control(struct hw_sim *sim, struct sim_fn *f, char *buf, size_t size)
{
	(void)sim;
	snprintf(buf, size, "%s", f->autosuspend ? "auto" : "on");
	return 0;
}

static int store_control(struct hw_sim *sim, struct sim_fn *f, const char *value)
{
	if (strcmp(value, "auto") && strcmp(value, "on"))
		return -EINVAL;
	f->autosuspend = !strcmp(value, "auto");
	sim_runtime_pm(sim, f);
	return 0;
}

/* There is no D3cold here, but who looks finds what was written. */
static int show_d3cold(struct hw_sim *sim, struct sim_fn *f, char *buf, size_t size)
{
	(void)sim;
	snprintf(buf, size, "%d", !f->d3cold_off);
	return 0;
}

static int store_d3cold(struct hw_sim *sim, struct sim_fn *f, const char *value)
{
	char *end;
	unsigned long on = strtoul(value, &end, 0);

	(void)sim;
	if (end == value)
		return -EINVAL;
	f->d3cold_off = !on;
	return 0;
}

static int show_power_state(struct hw_sim *sim, struct sim_fn *f, char *buf, size_t size)
{
	(void)sim;
	snprintf(buf, size, "%s", f->in_d3 ? "D3hot" : "D0");
	return 0;
}

static int show_runtime(struct hw_sim *sim, struct sim_fn *f, char *buf, size_t size)
{
	(void)sim;
	snprintf(buf, size, "%s", f->suspended ? "suspended" : "active");
	return 0;
}

static int show_enable(struct hw_sim *sim, struct sim_fn *f, char *buf, size_t size)
{
	(void)sim;
	snprintf(buf, size, "%d", f->enabled);
	return 0;
}

/* --- the table ----------------------------------------------------------------- */

static const struct sim_attr attrs[] = {
	{ "vendor", show_vendor, NULL, NULL },
	{ "device", show_device, NULL, NULL },
	{ "subsystem_vendor", show_subvendor, NULL, NULL },
	{ "subsystem_device", show_subdevice, NULL, NULL },
	{ "class", show_class, NULL, NULL },
	{ "revision", show_revision, NULL, NULL },
	{ "resource", show_resource, NULL, NULL },
	{ "reset", NULL, store_reset, has_reset },
	{ "reset_method", show_methods, sim_set_methods, has_reset },
	{ "reset_subordinate", NULL, store_subordinate, has_subordinate },
	{ "remove", NULL, store_remove, NULL },
	{ "rescan", NULL, store_rescan, NULL },
	{ "driver", show_driver, NULL, has_driver },
	{ "driver/unbind", NULL, store_unbind, has_driver },
	{ "driver_override", show_override, store_override, NULL },
	{ "power/control", show_control, store_control, NULL },
	{ "power/runtime_status", show_runtime, NULL, NULL },
	{ "power_state", show_power_state, NULL, NULL },
	{ "d3cold_allowed", show_d3cold, store_d3cold, NULL },
	{ "enable", show_enable, NULL, NULL },
};

static const struct sim_attr *attr_find(const struct sim_fn *f, const char *name)
{
	for (size_t i = 0; i < sizeof(attrs) / sizeof(*attrs); i++)
		if (!strcmp(attrs[i].name, name) && (!attrs[i].has || attrs[i].has(f)))
			return &attrs[i];
	return NULL;
}

static int attr_failed(const struct sim_fn *f, const char *name, int rc, struct err *err)
{
	char text[BDF_STR];

	return rc ? err_sys(err, -rc, "%s: %s", bdf_str(f->bdf, text), name) : 0;
}

/* A text that the test gave hides the kernel's own. */
static int attr_show(struct hw_sim *sim, struct sim_fn *f, const char *name, char *buf,
		     size_t size)
{
	const struct sim_text *t = sim_text(sim, f, name);
	const struct sim_attr *a = attr_find(f, name);

	if (t && !t->absent) {
		snprintf(buf, size, "%s", t->text);
		return 0;
	}
	if (t || !a)
		return -ENOENT;
	return a->show ? a->show(sim, f, buf, size) : -EACCES;
}

static int attr_store(struct hw_sim *sim, struct sim_fn *f, const char *name,
		      const char *value)
{
	const struct sim_text *t = sim_text(sim, f, name);
	const struct sim_attr *a = attr_find(f, name);

	if (!a || (t && t->absent))
		return -ENOENT;
	return a->store ? a->store(sim, f, value) : -EACCES;
}

int sim_attr_read(struct hw *hw, struct bdf bdf, const char *name, char *buf,
		  size_t size, struct err *err)
{
	struct sim_fn *f = sim_known(sim_of(hw), bdf, err);

	sim_of(hw)->now += SIM_ATTR_US;
	if (!f)
		return -ENODEV;
	return attr_failed(f, name, attr_show(sim_of(hw), f, name, buf, size), err);
}

bool sim_attr_exists(struct hw *hw, struct bdf bdf, const char *name)
{
	struct sim_fn *f = sim_known(sim_of(hw), bdf, NULL);
	const struct sim_text *t = f ? sim_text(sim_of(hw), f, name) : NULL;

	return f && (t ? !t->absent : attr_find(f, name) != NULL);
}

int sim_attr_write(struct hw *hw, struct bdf bdf, const char *name, const char *value,
		   struct err *err)
{
	struct sim_fn *f = sim_known(sim_of(hw), bdf, err);
	int rc;

	sim_of(hw)->now += SIM_ATTR_US;
	if (!f)
		return -ENODEV;
	rc = attr_failed(f, name, attr_store(sim_of(hw), f, name, value), err);
	sim_port_interrupts(sim_of(hw));
	return rc;
}

int sim_bus_write(struct hw *hw, const char *name, const char *value, struct err *err)
{
	struct hw_sim *sim = sim_of(hw);
	struct sim_fn *f;
	struct bdf bdf;

	sim->now += SIM_ATTR_US;
	if (!strcmp(name, "rescan")) {
		sim_scan_below(sim, NULL);
		return 0;
	}
	if (strcmp(name, "drivers_probe"))
		return err_sys(err, ENOENT, "/sys/bus/pci/%s", name);
	f = bdf_from_sysfs(value, &bdf) ? sim_known(sim, bdf, NULL) : NULL;
	if (!f)
		return err_sys(err, EINVAL, "/sys/bus/pci/drivers_probe: '%s'", value);
	sim_probe_driver(sim, f);
	return 0;
}

/* --- VFIO ---------------------------------------------------------------------- */

static bool in_list(struct bdf bdf, const struct bdf *fns, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (bdf_eq(fns[i], bdf))
			return true;
	return false;
}

/* Is the VFIO group of @f open: ours, or somebody's device node below /dev/vfio? */
bool sim_group_is_open(struct hw_sim *sim, struct sim_fn *f, bool ours)
{
	char group[16], other[16];

	if (attr_show(sim, f, "iommu_group", group, sizeof(group)))
		return false;
	for (size_t i = 0; ours && i < sim->nfns; i++)
		if (sim->fn[i]->owned &&
		    !attr_show(sim, sim->fn[i], "iommu_group", other, sizeof(other)) &&
		    !strcmp(group, other))
			return true;
	for (size_t i = 0; i < sim->nusers; i++) {
		const struct sim_user *u = &sim->user[i];
		struct sim_fn *g = sim_find(sim, u->fn);

		if (g && sim->now < u->until &&
		    !strncmp(u->holder.what, "/dev/vfio/", 10) &&
		    !attr_show(sim, g, "iommu_group", other, sizeof(other)) &&
		    !strcmp(group, other))
			return true;
	}
	return false;
}

int sim_own(struct hw *hw, struct bdf bdf, struct err *err)
{
	struct hw_sim *sim = sim_of(hw);
	struct sim_fn *f = sim_known(sim, bdf, err);
	char group[16], text[BDF_STR];

	bdf_str(bdf, text);
	if (!f || strcmp(f->driver, "vfio-pci") != 0 ||
	    attr_show(sim, f, "iommu_group", group, sizeof(group)))
		return err_set(err, ENOENT, "%s has no VFIO group", text);
	if (sim_group_is_open(sim, f, false))
		return err_set(err, EBUSY, "%s: somebody else has /dev/vfio/%s open",
			       text, group);
	f->owned = true;
	return 0;
}

void sim_disown(struct hw *hw, struct bdf bdf)
{
	struct sim_fn *f = sim_find(sim_of(hw), bdf);

	if (f)
		f->owned = false;
}

bool hw_sim_try_open(struct hw *hw, struct bdf bdf, int pid)
{
	struct hw_sim *sim = sim_of(hw);
	struct sim_fn *f = sim_find(sim, bdf);
	struct hw_holder who = { .pid = pid, .comm = "opener" };
	char group[16];

	if (!f || !f->known || !f->driver[0])
		return false;
	if (strcmp(f->driver, "vfio-pci") != 0) {
		snprintf(who.what, sizeof(who.what), "/dev/dri/card0");
	} else {
		if (attr_show(sim, f, "iommu_group", group, sizeof(group)) ||
		    sim_group_is_open(sim, f, true))
			return false;
		snprintf(who.what, sizeof(who.what), "/dev/vfio/%s", group);
	}
	hw_sim_holder(hw, bdf, &who);
	return true;
}

/* Ownership: everything on the bus is the caller's, on vfio-pci, and closed. */
static int hot_reset_check(struct hw_sim *sim, const struct sim_fn *bridge,
			   const struct bdf *fns, size_t n, struct err *err)
{
	char text[BDF_STR];

	for (size_t i = 0; i < sim->nfns; i++) {
		struct sim_fn *f = sim->fn[i];

		if (!f->known || !sim_below(f, bridge))
			continue;
		bdf_str(f->bdf, text);
		if (!in_list(f->bdf, fns, n))
			return err_set(err, EPERM, "%s would be reset with it, and is "
				       "not part of the card", text);
		if (strcmp(f->driver, "vfio-pci"))
			return err_set(err, EINVAL, "%s is not bound to vfio-pci", text);
		if (f->enabled > 0 || sim_group_is_open(sim, f, false))
			return err_set(err, EBUSY, "%s is open through vfio-pci", text);
	}
	return 0;
}

int sim_hot_reset(struct hw *hw, struct bdf bdf, const struct bdf *fns, size_t n,
		  struct err *err)
{
	struct sim_fn *f = sim_known(sim_of(hw), bdf, err);
	char text[BDF_STR];
	int rc;

	if (!f)
		return -ENODEV;
	bdf_str(bdf, text);
	if (!f->parent)
		return err_set(err, ENOTTY, "%s is on the root bus", text);
	rc = hot_reset_check(sim_of(hw), f->parent, fns, n, err);
	if (rc)
		return rc;
	sim_port_hide(f->parent->port, true);
	rc = sim_reset_below(sim_of(hw), f->parent);
	sim_port_hide(f->parent->port, false);
	sim_port_interrupts(sim_of(hw));
	return rc ? err_sys(err, -rc, "%s: VFIO hot reset", text) : 0;
}
