// SPDX-License-Identifier: GPL-2.0-or-later
/* Bridges as hardware: header type 1, PCIe capability, secondary bus reset, link. */
#include <string.h>

#include <linux/pci_regs.h>

#include "hw/sim_internal.h"

#define PORT_CAP 0x40u

struct port_reg {
	unsigned off, width;
	uint32_t value, writable;
};

static void port_put(uint8_t *at, unsigned width, uint32_t val)
{
	for (unsigned i = 0; i < width; i++)
		at[i] = (uint8_t)(val >> (8 * i));
}

static uint32_t port_get(const uint8_t *at, unsigned width)
{
	uint32_t val = 0;

	for (unsigned i = 0; i < width; i++)
		val |= (uint32_t)at[i] << (8 * i);
	return val;
}

static void port_define(struct sim_port *p, const struct port_reg *regs, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		port_put(&p->cfg[regs[i].off], regs[i].width, regs[i].value);
		port_put(&p->writable[regs[i].off], regs[i].width, regs[i].writable);
	}
}

static void port_header(struct sim_port *p)
{
	const struct sim_bridge *b = &p->what;
	const struct port_reg regs[] = {
		{ PCI_VENDOR_ID, 4, (uint32_t)b->device << 16 | b->vendor, 0 },
		{ PCI_COMMAND, 2, 0, 0x0547 },
		{ PCI_CLASS_REVISION, 4, 0x06040000, 0 },
		{ PCI_CACHE_LINE_SIZE, 1, 0, 0xff },
		{ PCI_HEADER_TYPE, 1, PCI_HEADER_TYPE_BRIDGE, 0 },
		{ PCI_PRIMARY_BUS, 4, 0, 0x00ffffff },
		{ PCI_MEMORY_BASE, 4, 0, 0xfff0fff0 },
		{ PCI_INTERRUPT_LINE, 1, 0, 0xff },
		{ PCI_BRIDGE_CONTROL, 2, 0, 0x005f },
	};

	port_define(p, regs, sizeof(regs) / sizeof(*regs));
}

static void port_pcie(struct sim_port *p)
{
	const struct sim_bridge *b = &p->what;
	uint32_t link = b->speed | (uint32_t)b->width << 4;
	const struct port_reg regs[] = {
		{ PCI_STATUS, 2, PCI_STATUS_CAP_LIST, 0 },
		{ PCI_CAPABILITY_LIST, 1, PORT_CAP, 0 },
		{ PORT_CAP, 2, PCI_CAP_ID_EXP, 0 },
		{ PORT_CAP + PCI_EXP_FLAGS, 2, 2 | (uint32_t)b->type << 4 |
		  (b->hotplug ? PCI_EXP_FLAGS_SLOT : 0), 0 },
		{ PORT_CAP + PCI_EXP_DEVCAP, 4, 0x8001, 0 },
		{ PORT_CAP + PCI_EXP_DEVCTL, 2, 0x2810, 0x7fff },
		{ PORT_CAP + PCI_EXP_LNKCAP, 4,
		  link | (b->reports_active ? PCI_EXP_LNKCAP_DLLLARC : 0), 0 },
		{ PORT_CAP + PCI_EXP_LNKCTL, 2, 0, 0x01cb },
		{ PORT_CAP + PCI_EXP_LNKSTA, 2, link, 0 },
		{ PORT_CAP + PCI_EXP_SLTCAP, 4, b->hotplug ? PCI_EXP_SLTCAP_HPC : 0, 0 },
		{ PORT_CAP + PCI_EXP_DEVCTL2, 2, 0, 0x003f },
		{ PORT_CAP + PCI_EXP_LNKCTL2, 2, b->speed, 0x000f },
	};

	port_define(p, regs, sizeof(regs) / sizeof(*regs));
}

void sim_port_init(struct sim_port *p)
{
	memset(p->cfg, 0, sizeof(p->cfg));
	memset(p->writable, 0, sizeof(p->writable));
	port_header(p);
	if (p->what.type != SIM_PCI_BRIDGE)
		port_pcie(p);
}

static bool port_in_reset(const struct sim_port *p)
{
	return p->cfg[PCI_BRIDGE_CONTROL] & PCI_BRIDGE_CTL_BUS_RESET;
}

static bool port_link_up(const struct sim_port *p)
{
	return !port_in_reset(p) && p->sim->now >= p->link_at;
}

bool sim_port_forwards(const struct sim_port *p)
{
	return port_link_up(p) && p->cfg[PCI_SECONDARY_BUS] == p->what.secondary;
}

bool sim_port_window(const struct sim_port *p, uint32_t addr)
{
	uint32_t base = port_get(&p->cfg[PCI_MEMORY_BASE], 2) << 16 & 0xfff00000;
	uint32_t limit = port_get(&p->cfg[PCI_MEMORY_LIMIT], 2) << 16 | 0xfffff;

	return p->cfg[PCI_COMMAND] & PCI_COMMAND_MEMORY && base && addr >= base &&
	       addr <= limit;
}

/* Down links only: an upstream port's LNKSTA is the link above it, long up. */
static bool port_has_down_link(const struct sim_port *p)
{
	return p->what.type == SIM_ROOT_PORT || p->what.type == SIM_DOWNSTREAM;
}

static uint32_t port_cfg_read(void *dev, int fn, unsigned off, unsigned width)
{
	struct sim_port *p = dev;
	uint32_t link = p->what.speed | (uint32_t)p->what.width << 4;

	(void)fn;
	if (off + width > SIM_CFG)
		return width == 4 ? UINT32_MAX : (1u << (8 * width)) - 1;
	if (p->what.type != SIM_PCI_BRIDGE && port_has_down_link(p)) {
		if (!port_link_up(p))
			link = p->what.speed ? 1 : 0;
		else if (p->what.reports_active)
			link |= PCI_EXP_LNKSTA_DLLLA;
		port_put(&p->cfg[PORT_CAP + PCI_EXP_LNKSTA], 2, link);
	}
	return port_get(&p->cfg[off], width);
}

static void port_reset_below(struct sim_port *p)
{
	struct hw_sim *sim = p->sim;

	for (size_t i = 0; i < sim->nfns; i++)
		if (sim_below(sim->fn[i], p->fn))
			sim->fn[i]->ops->bus_reset(sim->fn[i]->dev, sim->fn[i]->fn);
}

static void port_cfg_write(void *dev, int fn, unsigned off, unsigned width, uint32_t val)
{
	struct sim_port *p = dev;
	bool before = port_in_reset(p);

	(void)fn;
	for (unsigned i = 0; i < width && off + i < SIM_CFG; i++) {
		uint8_t mask = p->writable[off + i];

		p->cfg[off + i] = (uint8_t)((p->cfg[off + i] & ~mask) |
					    (val >> (8 * i) & mask));
	}
	if (!before && port_in_reset(p))
		port_reset_below(p);
	if (before && !port_in_reset(p))
		p->link_at = p->sim->now + p->what.train_us;
}

static uint32_t port_bar_read(void *dev, int fn, int bar, uint32_t off)
{
	(void)dev;
	(void)fn;
	(void)bar;
	(void)off;
	return UINT32_MAX;
}

static void port_bar_write(void *dev, int fn, int bar, uint32_t off, uint32_t val)
{
	(void)dev;
	(void)fn;
	(void)bar;
	(void)off;
	(void)val;
}

/* A reset from above: bus numbers, windows and COMMAND are gone. */
static void port_bus_reset(void *dev, int fn)
{
	struct sim_port *p = dev;

	(void)fn;
	sim_port_init(p);
	p->link_at = p->sim->now + p->what.train_us;
}

const struct sim_dev_ops sim_port_ops = {
	.cfg_read = port_cfg_read,
	.cfg_write = port_cfg_write,
	.bar_read = port_bar_read,
	.bar_write = port_bar_write,
	.bus_reset = port_bus_reset,
};
