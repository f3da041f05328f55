// SPDX-License-Identifier: GPL-2.0-or-later
/* The simulator's machine, built from a recording: mechanics, never silicon. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "base/xalloc.h"
#include "hw/hw_sim.h"
#include "hw/replay_internal.h"

/* hw_sim.c ends the process beyond these: a recording must be refused before. */
#define SIMULATED_FNS 48
#define SIMULATED_DRIVERS 12
#define SIMULATED_REGS 4096
#define SIMULATED_BAR 0x10000000ull
#define SIMULATED_TRAIN_US 20000        /* so that there is something to wait for */

#define CLASS_HOST_BRIDGE 0x0600u

/* A function as plain stores. */
struct sim_store {
	const struct rec_fn *fn;        /* only while the machine is built */
	uint8_t cfg[REC_CFG_MAX], writable[REC_CFG_MAX];
	unsigned len, pm, pcie, af;
	bool flr, soft_reset;
	struct rec_reg *reg;
	size_t nregs, reg_room;
};

/* --- registers ------------------------------------------------------------------ */

static uint32_t store_get(const uint8_t *at, unsigned width)
{
	uint32_t val = 0;

	for (unsigned i = 0; i < width; i++)
		val |= (uint32_t)at[i] << (8 * i);
	return val;
}

static void store_put(uint8_t *at, unsigned width, uint32_t val)
{
	for (unsigned i = 0; i < width; i++)
		at[i] = (uint8_t)(val >> (8 * i));
}

static uint32_t store_cfg_read(void *dev, int fn, unsigned off, unsigned width)
{
	const struct sim_store *s = dev;

	(void)fn;
	if (off + width > s->len)
		return width == 4 ? UINT32_MAX : (1u << (8 * width)) - 1;
	return store_get(s->cfg + off, width);
}

/* What any conventional or function level reset takes away (PCIe 6.6). */
static void store_reset(struct sim_store *s)
{
	store_put(s->cfg + PCI_COMMAND, 2, 0);
	for (unsigned off = PCI_BASE_ADDRESS_0; off <= PCI_BASE_ADDRESS_5; off += 4)
		store_put(s->cfg + off, 4, store_get(s->cfg + off, 4) &
			  ~store_get(s->writable + off, 4));
	s->cfg[PCI_CACHE_LINE_SIZE] = 0;
	s->cfg[PCI_INTERRUPT_LINE] = 0;
	if (s->pcie)
		store_put(s->cfg + s->pcie + PCI_EXP_DEVCTL, 2, 0x2810);
	if (s->pm)
		s->cfg[s->pm + PCI_PM_CTRL] &= (uint8_t)~PCI_PM_CTRL_STATE_MASK;
}

static void store_bus_reset(void *dev, int fn)
{
	(void)fn;
	store_reset(dev);
}

static bool store_covers(unsigned off, unsigned width, unsigned reg)
{
	return reg && off <= reg && reg < off + width;
}

static void store_cfg_write(void *dev, int fn, unsigned off, unsigned width, uint32_t val)
{
	struct sim_store *s = dev;
	unsigned state = s->pm ? s->cfg[s->pm + PCI_PM_CTRL] & 3 : 0;
	unsigned flr = s->flr ? s->pcie + PCI_EXP_DEVCTL + 1 : 0;
	unsigned af = s->af ? s->af + PCI_AF_CTRL : 0;

	(void)fn;
	for (unsigned i = 0; i < width && off + i < s->len; i++) {
		uint8_t mask = s->writable[off + i];

		s->cfg[off + i] = (uint8_t)((s->cfg[off + i] & ~mask) |
					    (val >> (8 * i) & mask));
	}
	if (store_covers(off, width, flr) && val >> (8 * (flr - off)) & 0x80)
		store_reset(s);
	if (store_covers(off, width, af) && val >> (8 * (af - off)) & PCI_AF_CTRL_FLR)
		store_reset(s);
	if (s->pm && state == 3 && s->soft_reset && !(s->cfg[s->pm + PCI_PM_CTRL] & 3))
		store_reset(s);
}

static struct rec_reg *store_reg(struct sim_store *s, int bar, uint32_t off)
{
	for (size_t i = 0; i < s->nregs; i++)
		if (s->reg[i].bar == bar && s->reg[i].off == off)
			return &s->reg[i];
	return NULL;
}

static uint32_t store_bar_read(void *dev, int fn, int bar, uint32_t off)
{
	const struct rec_reg *r = store_reg(dev, bar, off);

	(void)fn;
	return r ? r->value : 0;
}

static void store_bar_write(void *dev, int fn, int bar, uint32_t off, uint32_t val)
{
	struct sim_store *s = dev;
	struct rec_reg *r = store_reg(s, bar, off);

	(void)fn;
	if (!r && s->nregs < SIMULATED_REGS) {
		s->reg = xgrow(s->reg, s->nregs, &s->reg_room, sizeof(*s->reg));
		r = &s->reg[s->nregs++];
		*r = (struct rec_reg){ bar, off, 0 };
	}
	if (r)
		r->value = val;
}

static void store_close(void *dev)
{
	struct sim_store *s = dev;

	free(s->reg);
	free(s);
}

static const struct sim_dev_ops store_ops = {
	.cfg_read = store_cfg_read,
	.cfg_write = store_cfg_write,
	.bar_read = store_bar_read,
	.bar_write = store_bar_write,
	.bus_reset = store_bus_reset,
	.close = store_close,
};

/* --- building: a function ---------------------------------------------------------- */

/*
 * The simulator knows plain 32-bit BARs below 4 GiB: a 64-bit one becomes such a BAR,
 * cut to SIMULATED_BAR; the kernel told the sizes.
 */
static void store_bars(struct sim_store *s, const struct rec_fn *f)
{
	const struct rec_text *t = rec_get(&f->attrs, "resource");
	char *at = t && t->text ? t->text : NULL;
	bool upper = false;

	for (unsigned off = PCI_BASE_ADDRESS_0; off <= PCI_BASE_ADDRESS_5; off += 4) {
		unsigned long long start = at ? strtoull(at, &at, 16) : 0;
		unsigned long long end = at ? strtoull(at, &at, 16) : 0;
		unsigned long long size = end > start ? end - start + 1 : 0;
		bool io = s->cfg[off] & PCI_BASE_ADDRESS_SPACE_IO && !upper;
		bool wide = !io && !upper && s->cfg[off] & PCI_BASE_ADDRESS_MEM_TYPE_64;

		if (at)
			strtoull(at, &at, 16);
		store_put(s->cfg + off, 4, io ? PCI_BASE_ADDRESS_SPACE_IO : 0);
		size = size > SIMULATED_BAR ? SIMULATED_BAR : size;
		if (size && !upper)
			store_put(s->writable + off, 4, ~(uint32_t)(size - 1) &
				  (io ? ~3u : ~15u));
		upper = wide;
	}
}

static void store_caps(struct sim_store *s, const struct rec_fn *f)
{
	s->pm = rec_cap(f, PCI_CAP_ID_PM, false);
	s->pcie = rec_cap(f, PCI_CAP_ID_EXP, false);
	s->af = rec_cap(f, PCI_CAP_ID_AF, false);
	if (s->pm) {
		s->soft_reset = !(rec_cfg(f, s->pm + PCI_PM_CTRL, 2) &
				  PCI_PM_CTRL_NO_SOFT_RESET);
		s->writable[s->pm + PCI_PM_CTRL] = PCI_PM_CTRL_STATE_MASK;
	}
	if (s->pcie) {
		s->flr = rec_cfg(f, s->pcie + PCI_EXP_DEVCAP, 4) & PCI_EXP_DEVCAP_FLR;
		store_put(s->writable + s->pcie + PCI_EXP_DEVCTL, 2, 0x7fff);
		store_put(s->writable + s->pcie + PCI_EXP_LNKCTL, 2, 0x01cb);
		store_put(s->writable + s->pcie + PCI_EXP_DEVCTL2, 2, 0x07ff);
		store_put(s->writable + s->pcie + PCI_EXP_LNKCTL2, 2, 0x000f);
	}
}

static struct sim_store *store_new(const struct rec_fn *f)
{
	struct sim_store *s = xcalloc(1, sizeof(*s));

	s->len = f->config_len;
	if (f->config)
		memcpy(s->cfg, f->config, f->config_len);
	store_put(s->writable + PCI_COMMAND, 2, 0x0547);
	s->writable[PCI_CACHE_LINE_SIZE] = 0xff;
	s->writable[PCI_INTERRUPT_LINE] = 0xff;
	store_bars(s, f);
	store_caps(s, f);
	/* a capability at the very end must not make what is beyond it writable */
	memset(s->writable + s->len, 0, sizeof(s->writable) - s->len);
	for (size_t i = 0; i < f->nregs; i++)
		store_bar_write(s, 0, f->reg[i].bar, f->reg[i].off, f->reg[i].value);
	return s;
}

/* --- building: the machine ------------------------------------------------------ */

static bool sim_is_bridge(const struct rec_fn *f)
{
	return (rec_cfg(f, PCI_HEADER_TYPE, 1) & 0x7f) == PCI_HEADER_TYPE_BRIDGE;
}

static bool sim_is_down_port(uint32_t type)
{
	return type == SIM_ROOT_PORT || type == SIM_DOWNSTREAM;
}

static void sim_add_bridge(struct hw *sim, const struct rec_fn *f)
{
	unsigned cap = rec_cap(f, PCI_CAP_ID_EXP, false);
	struct sim_bridge b = {
		.bdf = f->bdf, .secondary = (uint8_t)rec_cfg(f, PCI_SECONDARY_BUS, 1),
		.type = SIM_PCI_BRIDGE,
		.vendor = (uint16_t)rec_cfg(f, PCI_VENDOR_ID, 2),
		.device = (uint16_t)rec_cfg(f, PCI_DEVICE_ID, 2),
		.no_subordinate = !rec_get(&f->attrs, "reset_subordinate"),
	};
	uint32_t type, status;

	if (cap) {
		type = (rec_cfg(f, cap + PCI_EXP_FLAGS, 2) & PCI_EXP_FLAGS_TYPE) >> 4;
		status = rec_cfg(f, cap + PCI_EXP_LNKSTA, 2);
		if (type >= SIM_ROOT_PORT && type <= SIM_PCIE_TO_PCI)
			b.type = (enum sim_port_type)type;
		b.speed = status & PCI_EXP_LNKSTA_CLS;
		b.width = (status & PCI_EXP_LNKSTA_NLW) >> PCI_EXP_LNKSTA_NLW_SHIFT;
		b.reports_active = sim_is_down_port(type) &&
			rec_cfg(f, cap + PCI_EXP_LNKCAP, 4) & PCI_EXP_LNKCAP_DLLLARC;
		b.hotplug = sim_is_down_port(type) &&
			rec_cfg(f, cap + PCI_EXP_SLTCAP, 4) & PCI_EXP_SLTCAP_HPC;
		b.train_us = sim_is_down_port(type) ? SIMULATED_TRAIN_US : 0;
	}
	hw_sim_bridge(sim, &b);
}

static const char *sim_text_of(const struct rec_fn *f, const char *name)
{
	const struct rec_text *t = rec_get(&f->attrs, name);

	return t && !t->code ? t->text : NULL;
}

/* Is the bridge of @f as the simulator wants it: added before, and leading here? */
static bool sim_placed(const struct recording *r, const struct rec_fn *f)
{
	const struct rec_fn *up = f->on_root_bus ? NULL : rec_find(r, f->parent);

	if (f->on_root_bus)
		return f->bdf.bus == 0;
	return up && sim_is_bridge(up) && up->bdf.bus < f->bdf.bus &&
	       up->bdf.domain == f->bdf.domain &&
	       rec_cfg(up, PCI_SECONDARY_BUS, 1) == f->bdf.bus;
}

/* The function at the root end of the way to @bdf. */
static const struct rec_fn *sim_top(const struct recording *r, struct bdf bdf)
{
	const struct rec_fn *f = NULL;

	for (size_t i = 0; i < r->nfns && !f; i++)
		if (bdf_same_slot(r->fn[i].bdf, bdf))
			f = &r->fn[i];
	while (f && !f->on_root_bus)
		f = rec_find(r, f->parent);
	return f;
}

/* Of a whole machine only what shares the card's way to the host is simulated. */
static bool sim_wanted(const struct recording *r, const struct rec_fn *f,
		       const struct bdf_spec *spec)
{
	const struct rec_fn *top = sim_top(r, spec->bdf);

	return bdf_same_slot(f->bdf, spec->bdf) ||
	       (top && sim_top(r, f->bdf) == top && !bdf_same_slot(f->bdf, top->bdf)) ||
	       f == top;
}

static int sim_refuse(const struct recording *r, struct bdf bdf, const char *why,
		      struct err *err)
{
	char text[BDF_STR];

	return err_set(err, EROFS, "%s: a recording cannot be written to, and the "
		       "simulator cannot take its place: %s %s; --dry-run shows what "
		       "would be done", r->path, bdf_str(bdf, text), why);
}

static int sim_check(const struct recording *r, const struct bdf_spec *spec,
		     struct err *err)
{
	size_t n = 0;

	for (size_t i = 0; i < r->nfns; i++) {
		const struct rec_fn *f = &r->fn[i];
		struct bdf first = f->bdf;

		if (!sim_wanted(r, f, spec))
			continue;
		if (++n > SIMULATED_FNS)
			return sim_refuse(r, f->bdf, "is one function too many", err);
		first.fn = 0;
		if (!rec_find(r, first) &&
		    (!f->on_root_bus || bdf_same_slot(f->bdf, spec->bdf)))
			return sim_refuse(r, f->bdf, "has no function 0 beside it", err);
		if (!sim_placed(r, f))
			return sim_refuse(r, f->bdf, "has no way to root bus 0", err);
		if (sim_is_bridge(f) && rec_cfg(f, PCI_SECONDARY_BUS, 1) <= f->bdf.bus)
			return sim_refuse(r, f->bdf, "leads to no bus", err);
		if (f->config_len < PCI_STD_HEADER_SIZEOF ||
		    rec_cfg(f, PCI_VENDOR_ID, 4) == UINT32_MAX)
			return sim_refuse(r, f->bdf, "did not answer", err);
	}
	return n ? 0 : err_set(err, ENODEV, "%s: no such device in it", r->path);
}

/*
 * A root port is often function 1 or higher of its slot. Without a function 0 nobody
 * looks for the others, so there is one: a host bridge with nothing in it.
 */
static void sim_stand_in(struct hw *sim, const struct rec_fn *top,
			 const struct bdf_spec *spec)
{
	struct sim_store *s;
	struct bdf first = top->bdf;

	first.fn = 0;
	if (bdf_eq(first, top->bdf) || bdf_same_slot(first, spec->bdf))
		return;
	s = xcalloc(1, sizeof(*s));
	s->len = PCI_CFG_SPACE_SIZE;
	store_put(s->cfg + PCI_VENDOR_ID, 4, rec_cfg(top, PCI_VENDOR_ID, 4));
	store_put(s->cfg + PCI_CLASS_REVISION, 4, CLASS_HOST_BRIDGE << 16);
	s->cfg[PCI_HEADER_TYPE] = 0x80;
	hw_sim_function(sim, first, &store_ops, s, 0);
}

static void sim_load_drivers(struct hw *sim, const struct recording *r,
			     const struct bdf_spec *spec)
{
	const char *seen[SIMULATED_DRIVERS] = { "vfio-pci" };
	size_t n = rec_get(&r->host, "/sys/bus/pci/drivers/vfio-pci") != NULL;

	if (n)
		hw_sim_driver(sim, seen[0]);
	for (size_t i = 0; i < r->nfns; i++) {
		const char *driver = sim_text_of(&r->fn[i], "driver");
		size_t k = 0;

		if (!driver || !sim_wanted(r, &r->fn[i], spec))
			continue;
		while (k < n && strcmp(seen[k], driver))
			k++;
		if (k < n || n == SIMULATED_DRIVERS)
			continue;
		seen[n++] = driver;
		hw_sim_driver(sim, driver);
	}
}

static void sim_host_files(struct hw *sim, const struct recording *r)
{
	static const char *const files[] = {
		"/proc/sys/kernel/osrelease", "/sys/kernel/security/lockdown",
		"/sys/class/graphics/fb0/name",
	};

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		const struct rec_text *t = rec_get(&r->host, files[i]);

		if (t && t->text && !t->code)
			hw_sim_host(sim, files[i], t->text);
	}
}

/* What the kernel and firmware had made of a function. */
static void sim_state(struct hw *sim, const struct rec_fn *f, bool card)
{
	static const char *const attrs[] = { "iommu_group", "boot_vga", "power/control" };
	const char *driver = sim_text_of(f, "driver");
	unsigned cap = rec_cap(f, PCI_CAP_ID_EXP, false);

	if (sim_is_bridge(f) || !hw_sim_known(sim, f->bdf))
		return;
	if (cap)
		hw_cfg_write(sim, f->bdf, cap + PCI_EXP_DEVCTL, 2,
			     rec_cfg(f, cap + PCI_EXP_DEVCTL, 2) & 0x7fff, NULL);
	hw_cfg_write(sim, f->bdf, PCI_COMMAND, 2, rec_cfg(f, PCI_COMMAND, 2), NULL);
	for (size_t i = 0; i < sizeof(attrs) / sizeof(*attrs) && card; i++)
		if (sim_text_of(f, attrs[i]))
			hw_sim_attr(sim, f->bdf, attrs[i], sim_text_of(f, attrs[i]));
	if (driver)
		hw_sim_attr(sim, f->bdf, "driver", driver);
}

struct hw *hw_replay_simulate(const struct recording *r, const struct bdf_spec *spec,
			      struct err *err)
{
	struct hw *sim;

	if (sim_check(r, spec, err) < 0)
		return NULL;
	sim = hw_sim_open();
	sim_host_files(sim, r);
	sim_load_drivers(sim, r, spec);
	sim_stand_in(sim, sim_top(r, spec->bdf), spec);
	for (size_t i = 0; i < r->nfns; i++) {
		const struct rec_fn *f = &r->fn[i];

		if (!sim_wanted(r, f, spec))
			continue;
		if (sim_is_bridge(f))
			sim_add_bridge(sim, f);
		else
			hw_sim_function(sim, f->bdf, &store_ops, store_new(f), 0);
	}
	hw_sim_boot(sim);
	for (size_t i = 0; i < r->nfns; i++)
		if (sim_wanted(r, &r->fn[i], spec))
			sim_state(sim, &r->fn[i],
				  bdf_same_slot(r->fn[i].bdf, spec->bdf));
	for (size_t i = 0; i < r->nholders && r->has_target; i++)
		if (i < 8 && bdf_same_slot(spec->bdf, r->target.bdf))
			hw_sim_holder(sim, spec->bdf, &r->holder[i]);
	return sim;
}
