// SPDX-License-Identifier: GPL-2.0-or-later
/* The simulated kernel's enumeration, resources, drivers and runtime PM. */
#include <stdio.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "hw/sim_internal.h"

#define MEM_BASE 0x80000000u    /* of the root bus */
#define MEM_END 0xf0000000u
#define MIB 0x100000u
#define IO_BASE 0x1000u
#define IO_EACH 0x200u          /* ports a function may have */
#define D3HOT_US 10000u

/* --- finding ------------------------------------------------------------------- */

static void scan_identify(struct hw_sim *sim, struct sim_fn *f, uint32_t id)
{
	f->id = id;
	f->class_rev = sim_read(sim, f, PCI_CLASS_REVISION, 4);
	f->sub = f->port ? 0 : sim_read(sim, f, PCI_SUBSYSTEM_VENDOR_ID, 4);
	f->cap_pm = sim_cap(sim, f, PCI_CAP_ID_PM);
	f->cap_pcie = sim_cap(sim, f, PCI_CAP_ID_EXP);
	f->cap_af = sim_cap(sim, f, PCI_CAP_ID_AF);
	f->flr = f->cap_pcie && sim_read(sim, f, f->cap_pcie + PCI_EXP_DEVCAP, 4) &
		 PCI_EXP_DEVCAP_FLR;
}

static uint32_t scan_bar_size(struct hw_sim *sim, struct sim_fn *f, unsigned off,
			      bool *io)
{
	uint32_t old = sim_read(sim, f, off, 4), mask;

	sim_write(sim, f, off, 4, UINT32_MAX);
	mask = sim_read(sim, f, off, 4);
	sim_write(sim, f, off, 4, old);
	if (!mask || mask == UINT32_MAX)
		return 0;
	*io = mask & PCI_BASE_ADDRESS_SPACE_IO;
	mask &= *io ? ~3u : ~15u;
	return mask & -mask;
}

static void scan_size_bars(struct hw_sim *sim, struct sim_fn *f)
{
	for (unsigned i = 0; i < 6; i++) {
		bool io = false;

		f->bar[i].size = scan_bar_size(sim, f, PCI_BASE_ADDRESS_0 + 4 * i, &io);
		f->bar[i].io = io;
		f->bar[i].start = 0;
	}
}

static void scan_bus_numbers(struct hw_sim *sim, struct sim_fn *f)
{
	uint8_t last = f->port->what.secondary;

	for (size_t i = 0; i < sim->nfns; i++)
		if (sim_below(sim->fn[i], f) && sim->fn[i]->bdf.bus > last)
			last = sim->fn[i]->bdf.bus;
	sim_write(sim, f, PCI_PRIMARY_BUS, 4, f->bdf.bus |
		  (uint32_t)f->port->what.secondary << 8 | (uint32_t)last << 16);
	f->win_start = f->win_end = 0;
}

/*
 * Methods are probed before the function is in its bus's list, so function 0 never
 * sees its siblings (pci_init_capabilities() in pci_device_add()).
 */
static void scan_add(struct hw_sim *sim, struct sim_fn *f, uint32_t id)
{
	scan_identify(sim, f, id);
	f->driver[0] = f->override[0] = '\0';
	f->autosuspend = f->suspended = f->in_d3 = f->d3cold_off = false;
	f->enabled = 0;
	if (f->port)
		scan_bus_numbers(sim, f);
	else
		scan_size_bars(sim, f);
	sim_probe_methods(sim, f);
	f->has_reset = f->nmethods > 0;
	f->known = true;
	sim->events++;
}

/* pci_scan_slot(): without function 0 nobody looks for the others. */
static bool scan_worth(const struct hw_sim *sim, const struct sim_fn *f)
{
	struct bdf first = f->bdf;
	const struct sim_fn *zero;

	first.fn = 0;
	zero = sim_find(sim, first);
	return f->bdf.fn == 0 || (zero && zero->known);
}

static void scan_bus(struct hw_sim *sim, struct sim_fn *bridge)
{
	for (size_t i = 0; i < sim->nfns; i++) {
		struct sim_fn *f = sim->fn[i];
		uint32_t id;

		if (f->parent != bridge || f->known || !scan_worth(sim, f))
			continue;
		id = sim_read(sim, f, PCI_VENDOR_ID, 4);
		if (id && id != UINT32_MAX)
			scan_add(sim, f, id);
	}
	for (size_t i = 0; i < sim->nfns; i++)
		if (sim->fn[i]->parent == bridge && sim->fn[i]->known &&
		    sim->fn[i]->port)
			scan_bus(sim, sim->fn[i]);
}

/* --- resources ----------------------------------------------------------------- */

static uint32_t align_up(uint32_t at, uint32_t to)
{
	return (at + to - 1) & ~(to - 1);
}

static void assign_bar(struct hw_sim *sim, struct sim_fn *f, unsigned i, uint32_t *at,
		       uint32_t end)
{
	struct sim_bar *bar = &f->bar[i];
	uint32_t start;

	if (bar->io) {
		for (size_t k = 0; k < sim->nfns; k++)
			if (sim->fn[k] == f)
				bar->start = IO_BASE + (uint32_t)k * IO_EACH;
	} else if (bar->start) {
		*at = *at > bar->start + bar->size ? *at : bar->start + bar->size;
		return;
	} else {
		start = align_up(*at, bar->size);
		if (start + bar->size > end)
			return;         /* no room: stays unassigned */
		bar->start = start;
		*at = start + bar->size;
	}
	sim_write(sim, f, PCI_BASE_ADDRESS_0 + 4 * i, 4, bar->start);
}

static void assign_bus(struct hw_sim *sim, struct sim_fn *bridge, uint32_t *at,
		       uint32_t end);

/* A new bridge's window is as large as what is below; an old one's stays. */
static void assign_bridge(struct hw_sim *sim, struct sim_fn *f, uint32_t *at,
			  uint32_t end)
{
	uint32_t inside;

	if (f->win_end) {
		inside = f->win_start;
		assign_bus(sim, f, &inside, f->win_end);
		*at = *at > f->win_end ? *at : f->win_end;
		return;
	}
	f->win_start = *at = align_up(*at, MIB);
	assign_bus(sim, f, at, end);
	f->win_end = *at = align_up(*at == f->win_start ? *at + 1 : *at, MIB);
	sim_write(sim, f, PCI_MEMORY_BASE, 4, f->win_start >> 16 |
		  ((f->win_end - 1) & 0xfff00000));
	sim_write(sim, f, PCI_COMMAND, 2, PCI_COMMAND_IO | PCI_COMMAND_MEMORY |
		  PCI_COMMAND_MASTER);
}

/* In address order from the window's start, so that a card gets back what it had. */
static void assign_bus(struct hw_sim *sim, struct sim_fn *bridge, uint32_t *at,
		       uint32_t end)
{
	for (size_t i = 0; i < sim->nfns; i++) {
		struct sim_fn *f = sim->fn[i];

		if (f->parent != bridge || !f->known)
			continue;
		if (f->port)
			assign_bridge(sim, f, at, end);
		for (unsigned b = 0; b < 6 && !f->port; b++)
			if (f->bar[b].size)
				assign_bar(sim, f, b, at, end);
	}
}

void sim_scan_below(struct hw_sim *sim, struct sim_fn *bridge)
{
	bool was[SIM_FNS] = { false };
	uint32_t at = MEM_BASE;

	for (size_t i = 0; i < sim->nfns; i++)
		was[i] = sim->fn[i]->known;
	scan_bus(sim, bridge);
	assign_bus(sim, NULL, &at, MEM_END);
	for (size_t i = 0; i < sim->nfns; i++)
		if (sim->fn[i]->known && !was[i])
			sim_probe_driver(sim, sim->fn[i]);
}

void sim_remove(struct hw_sim *sim, struct sim_fn *f)
{
	for (size_t i = sim->nfns; i-- > 0;) {
		struct sim_fn *g = sim->fn[i];

		if (!g->known || (g != f && !sim_below(g, f)))
			continue;
		sim_unbind(sim, g);
		g->known = false;
		sim->events++;
	}
}

/* --- drivers ------------------------------------------------------------------- */

bool sim_driver_exists(const struct hw_sim *sim, const char *name)
{
	for (size_t i = 0; i < sim->ndrivers; i++)
		if (!strcmp(sim->driver[i], name))
			return true;
	return false;
}

static bool is_vfio(const char *driver)
{
	return !strcmp(driver, "vfio-pci");
}

static void command_bits(struct hw_sim *sim, struct sim_fn *f, uint16_t clear,
			 uint16_t set)
{
	uint32_t now = sim_read(sim, f, PCI_COMMAND, 2);

	sim_write(sim, f, PCI_COMMAND, 2, (now & ~(uint32_t)clear) | set);
}

/* pci_disable_device() takes bus mastering away and leaves the decoding. */
void sim_unbind(struct hw_sim *sim, struct sim_fn *f)
{
	if (!f->driver[0])
		return;
	sim_wake(sim, f);
	if (is_vfio(f->driver))
		f->autosuspend = false;         /* pm_runtime_forbid() */
	else if (!f->port)
		command_bits(sim, f, PCI_COMMAND_MASTER, 0);
	f->enabled = 0;
	f->driver[0] = '\0';
}

void sim_bind(struct hw_sim *sim, struct sim_fn *f, const char *driver)
{
	if (f->port) {
		snprintf(f->driver, sizeof(f->driver), "%s", driver);
		sim_port_serve(f->port);
		return;
	}
	if (!is_vfio(driver) && sim_read(sim, f, PCI_VENDOR_ID, 4) == UINT32_MAX) {
		sim->dead_probes++;
		return;
	}
	snprintf(f->driver, sizeof(f->driver), "%s", driver);
	if (is_vfio(driver)) {
		f->autosuspend = true;          /* pm_runtime_allow() */
		sim_runtime_pm(sim, f);
		return;
	}
	f->enabled = 1;
	command_bits(sim, f, 0, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

void sim_probe_driver(struct hw_sim *sim, struct sim_fn *f)
{
	if (f->driver[0])
		return;
	if (f->port) {
		sim_bind(sim, f, "pcieport");
		return;
	}
	if (f->override[0]) {
		if (sim_driver_exists(sim, f->override))
			sim_bind(sim, f, f->override);
		return;
	}
	for (size_t i = 0; i < sim->nrules; i++) {
		const struct sim_rule *r = &sim->rule[i];

		if ((f->id & 0xffff) == r->vendor &&
		    (r->device == 0xffff || f->id >> 16 == r->device)) {
			sim_bind(sim, f, r->driver);
			return;
		}
	}
}

/* --- runtime PM ---------------------------------------------------------------- */

static void power_state(struct hw_sim *sim, struct sim_fn *f, uint32_t state)
{
	unsigned off = f->cap_pm + PCI_PM_CTRL;
	uint32_t now;

	if (!f->cap_pm)
		return;
	now = sim_read(sim, f, off, 2);
	sim_write(sim, f, off, 2, (now & ~(uint32_t)PCI_PM_CTRL_STATE_MASK) | state);
	sim->now += D3HOT_US;
}

void sim_wake(struct hw_sim *sim, struct sim_fn *f)
{
	if (!f->suspended)
		return;
	f->suspended = false;
	if (f->in_d3)
		power_state(sim, f, 0);
	f->in_d3 = false;
	sim_restore(sim, f, &f->before_suspend);
}

void sim_runtime_pm(struct hw_sim *sim, struct sim_fn *f)
{
	bool sleeps = f->known && !f->port && f->autosuspend && !f->enabled &&
		      (is_vfio(f->driver) || !f->driver[0]);

	if (!sleeps)
		sim_wake(sim, f);
	if (!sleeps || f->suspended)
		return;
	sim_save(sim, f, &f->before_suspend);
	f->in_d3 = f->driver[0];
	if (f->in_d3)
		power_state(sim, f, 3);
	f->suspended = true;
}
