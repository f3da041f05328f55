// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The simulated kernel's resets: drivers/pci/pci.c of Linux 6.1 to 6.12, with its
 * waits, its falling through from a method that timed out to the next, and without
 * any question about who uses the device.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "hw/sim_internal.h"

#define MS 1000ull
#define READY_POLL_MS 60000u    /* pci_dev_wait(): no sleep longer than this */
#define COMMAND_QUIET PCI_COMMAND_INTX_DISABLE

static const uint8_t saved_pcie[4] = {
	PCI_EXP_DEVCTL, PCI_EXP_LNKCTL, PCI_EXP_DEVCTL2, PCI_EXP_LNKCTL2,
};

/* --- state --------------------------------------------------------------------- */

void sim_save(struct hw_sim *sim, struct sim_fn *f, struct sim_saved *to)
{
	for (unsigned i = 0; i < 16; i++)
		to->header[i] = sim_read(sim, f, 4 * i, 4);
	for (unsigned i = 0; i < 4 && f->cap_pcie; i++)
		to->pcie[i] = (uint16_t)sim_read(sim, f, f->cap_pcie + saved_pcie[i], 2);
	to->valid = true;
}

static void restore_dword(struct hw_sim *sim, struct sim_fn *f, unsigned off,
			  uint32_t val, int tries)
{
	for (; tries > 0 && sim_read(sim, f, off, 4) != val; tries--) {
		sim_write(sim, f, off, 4, val);
		if (sim_read(sim, f, off, 4) == val)
			return;
		sim->now += 1 * MS;
	}
}

void sim_restore(struct hw_sim *sim, struct sim_fn *f, const struct sim_saved *from)
{
	if (!from->valid)
		return;
	for (unsigned i = 0; i < 4 && f->cap_pcie; i++)
		sim_write(sim, f, f->cap_pcie + saved_pcie[i], 2, from->pcie[i]);
	for (unsigned i = 16; i-- > 0;) {
		bool bar = i >= 4 && i <= 9 && !f->port;

		restore_dword(sim, f, 4 * i, from->header[i], bar ? 10 : 1);
	}
}

/* Until COMMAND is not all ones: 0, 1, 3, 7 ... 65535 ms, then ENOTTY. */
static int wait_ready(struct hw_sim *sim, struct sim_fn *f)
{
	unsigned delay = 1;

	while (sim_read(sim, f, PCI_COMMAND, 4) == UINT32_MAX) {
		if (delay > READY_POLL_MS)
			return -ENOTTY;
		sim->now += delay * MS;
		delay *= 2;
	}
	return 0;
}

/* --- the bridge ---------------------------------------------------------------- */

static struct sim_fn *first_child(struct hw_sim *sim, const struct sim_fn *bridge)
{
	for (size_t i = 0; i < sim->nfns; i++)
		if (sim->fn[i]->known && sim->fn[i]->parent == bridge)
			return sim->fn[i];
	return NULL;
}

static int wait_link(struct hw_sim *sim, struct sim_fn *bridge)
{
	unsigned off = bridge->cap_pcie + PCI_EXP_LNKSTA;

	sim->now += 20 * MS;
	for (int ms = 0; ms < 1000; ms++) {
		if (sim_read(sim, bridge, off, 2) & PCI_EXP_LNKSTA_DLLLA)
			return 0;
		sim->now += 1 * MS;
	}
	return -ENOTTY;
}

/* pci_bridge_wait_for_secondary_bus(): it is the first function that is waited for. */
static int wait_secondary(struct hw_sim *sim, struct sim_fn *bridge)
{
	const struct sim_bridge *what = &bridge->port->what;
	struct sim_fn *child = first_child(sim, bridge);
	int rc = 0;

	if (!child)
		return 0;
	if (what->type == SIM_PCI_BRIDGE) {
		sim->now += 1100 * MS;
		return 0;
	}
	if (what->type != SIM_ROOT_PORT && what->type != SIM_DOWNSTREAM)
		return 0;
	if (what->speed > 2 && what->reports_active)
		rc = wait_link(sim, bridge);
	else if (what->speed > 2)
		sim->now += 1000 * MS;
	if (rc)
		return rc;
	sim->now += 100 * MS;
	return wait_ready(sim, child);
}

static int bridge_reset(struct hw_sim *sim, struct sim_fn *bridge)
{
	uint32_t ctl = sim_read(sim, bridge, PCI_BRIDGE_CONTROL, 2);

	sim_write(sim, bridge, PCI_BRIDGE_CONTROL, 2, ctl | PCI_BRIDGE_CTL_BUS_RESET);
	sim->now += 2 * MS;
	sim_write(sim, bridge, PCI_BRIDGE_CONTROL, 2, ctl);
	return wait_secondary(sim, bridge);
}

/* --- methods ------------------------------------------------------------------- */

/* The lists of drivers/pci/quirks.c, as far as tests need them. */
static bool quirk_no_bus(const struct sim_fn *f)
{
	return (f->id & 0xffff) == 0x10de && (f->id >> 16 & 0xffc0) == 0x2340;
}

static bool quirk_no_pm(const struct sim_fn *f)
{
	return (f->id & 0xffff) == 0x1002 && f->class_rev >> 16 == 0x0300 && f->parent;
}

static bool quirk_no_flr(const struct sim_fn *f)
{
	return f->id == 0x14871022;
}

static bool flr_probe(struct hw_sim *sim, const struct sim_fn *f)
{
	(void)sim;
	return f->flr && !quirk_no_flr(f);
}

static int flr_run(struct hw_sim *sim, struct sim_fn *f)
{
	unsigned off = f->cap_pcie + PCI_EXP_DEVCTL;
	uint32_t ctl = sim_read(sim, f, off, 2);

	sim_write(sim, f, off, 2, ctl | PCI_EXP_DEVCTL_BCR_FLR);
	sim->now += 100 * MS;
	return wait_ready(sim, f);
}

static bool af_flr_probe(struct hw_sim *sim, const struct sim_fn *f)
{
	uint32_t cap;

	if (!f->cap_af || quirk_no_flr(f))
		return false;
	cap = sim_read(sim, (struct sim_fn *)(uintptr_t)f, f->cap_af + PCI_AF_CAP, 1);
	return cap & PCI_AF_CAP_TP && cap & PCI_AF_CAP_FLR;
}

static int af_flr_run(struct hw_sim *sim, struct sim_fn *f)
{
	sim_write(sim, f, f->cap_af + PCI_AF_CTRL, 1, PCI_AF_CTRL_FLR);
	sim->now += 100 * MS;
	return wait_ready(sim, f);
}

static bool pm_probe(struct hw_sim *sim, const struct sim_fn *f)
{
	struct sim_fn *g = (struct sim_fn *)(uintptr_t)f;

	return f->cap_pm && !quirk_no_pm(f) &&
	       !(sim_read(sim, g, f->cap_pm + PCI_PM_CTRL, 2) &
		 PCI_PM_CTRL_NO_SOFT_RESET);
}

static int pm_run(struct hw_sim *sim, struct sim_fn *f)
{
	unsigned off = f->cap_pm + PCI_PM_CTRL;
	uint32_t ctl = sim_read(sim, f, off, 2) & ~(uint32_t)PCI_PM_CTRL_STATE_MASK;

	sim_write(sim, f, off, 2, ctl | 3);
	sim->now += 10 * MS;
	sim_write(sim, f, off, 2, ctl);
	sim->now += 10 * MS;
	return wait_ready(sim, f);
}

/* The only function on its bus, as far as the bus's list goes by now. */
static bool bus_probe(struct hw_sim *sim, const struct sim_fn *f)
{
	if (!f->parent || f->port || quirk_no_bus(f))
		return false;
	for (size_t i = 0; i < sim->nfns; i++)
		if (sim->fn[i] != f && sim->fn[i]->known &&
		    sim->fn[i]->parent == f->parent)
			return false;
	return true;
}

static int bus_run(struct hw_sim *sim, struct sim_fn *f)
{
	int rc;

	if (!bus_probe(sim, f))
		return -ENOTTY;
	sim_port_hide(f->parent->port, true);
	rc = bridge_reset(sim, f->parent);
	sim_port_hide(f->parent->port, false);
	return rc;
}

static const struct sim_method_ops {
	const char *name;
	bool (*probe)(struct hw_sim *sim, const struct sim_fn *f);
	int (*run)(struct hw_sim *sim, struct sim_fn *f);
} reset_methods[SIM_METHODS] = {
	[SIM_FLR] = { "flr", flr_probe, flr_run },
	[SIM_AF_FLR] = { "af_flr", af_flr_probe, af_flr_run },
	[SIM_PM] = { "pm", pm_probe, pm_run },
	[SIM_BUS] = { "bus", bus_probe, bus_run },
};

void sim_methods_text(const struct sim_fn *f, char *buf, size_t size)
{
	size_t len = 0;

	buf[0] = '\0';
	for (unsigned i = 0; i < f->nmethods && len < size; i++)
		len += (size_t)snprintf(buf + len, size - len, "%s%s", i ? " " : "",
					reset_methods[f->method[i]].name);
}

void sim_probe_methods(struct hw_sim *sim, struct sim_fn *f)
{
	f->nmethods = 0;
	if (f->port)
		return;
	for (unsigned m = 0; m < SIM_METHODS; m++)
		if (reset_methods[m].probe(sim, f))
			f->method[f->nmethods++] = (uint8_t)m;
}

static int method_find_usable(struct hw_sim *sim, struct sim_fn *f, const char *name,
			      size_t len)
{
	for (int m = 0; m < SIM_METHODS; m++)
		if (strlen(reset_methods[m].name) == len &&
		    !memcmp(reset_methods[m].name, name, len) &&
		    reset_methods[m].probe(sim, f))
			return m;
	return -1;
}

int sim_set_methods(struct hw_sim *sim, struct sim_fn *f, const char *list)
{
	uint8_t method[SIM_METHODS] = { 0 };
	unsigned n = 0;

	if (!strcmp(list, "default")) {
		sim_probe_methods(sim, f);
		return 0;
	}
	while (*(list += strspn(list, " \n"))) {
		size_t len = strcspn(list, " \n");
		int m = method_find_usable(sim, f, list, len);

		if (m < 0 || n == SIM_METHODS)
			return -EINVAL;
		method[n++] = (uint8_t)m;
		list += len;
	}
	memcpy(f->method, method, n);
	f->nmethods = n;
	return 0;
}

int sim_run_methods(struct hw_sim *sim, struct sim_fn *f)
{
	int rc = -ENOTTY;

	for (unsigned i = 0; i < f->nmethods && rc == -ENOTTY; i++)
		rc = reset_methods[f->method[i]].run(sim, f);
	return rc;
}

int sim_reset_function(struct hw_sim *sim, struct sim_fn *f)
{
	int rc;

	if (!f->nmethods)
		return -ENOTTY;
	sim_wake(sim, f);
	sim_save(sim, f, &f->saved);
	sim_write(sim, f, PCI_COMMAND, 2, COMMAND_QUIET);
	rc = sim_run_methods(sim, f);
	sim_restore(sim, f, &f->saved);
	sim_runtime_pm(sim, f);
	return rc;
}

int sim_reset_below(struct hw_sim *sim, struct sim_fn *bridge)
{
	int rc;

	for (size_t i = 0; i < sim->nfns; i++)
		if (sim->fn[i]->known && sim_below(sim->fn[i], bridge) &&
		    quirk_no_bus(sim->fn[i]))
			return -ENOTTY;
	for (size_t i = 0; i < sim->nfns; i++) {
		struct sim_fn *f = sim->fn[i];

		if (!f->known || !sim_below(f, bridge))
			continue;
		sim_wake(sim, f);
		sim_save(sim, f, &f->saved);
		sim_write(sim, f, PCI_COMMAND, 2, COMMAND_QUIET);
	}
	rc = bridge_reset(sim, bridge);
	for (size_t i = 0; i < sim->nfns; i++) {
		struct sim_fn *f = sim->fn[i];

		if (!f->known || !sim_below(f, bridge))
			continue;
		sim_restore(sim, f, &f->saved);
		if (f->port)
			wait_secondary(sim, f);
	}
	for (size_t i = 0; i < sim->nfns; i++)
		if (sim_below(sim->fn[i], bridge))
			sim_runtime_pm(sim, sim->fn[i]);
	return rc;
}
