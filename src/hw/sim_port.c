// SPDX-License-Identifier: GPL-2.0-or-later
/* Bridges as hardware: header type 1, PCIe capability, secondary bus reset, link. */
#include <string.h>

#include <linux/pci_regs.h>

#include "hw/sim_internal.h"

#define PORT_CAP SIM_PORT_CAP

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
		{ PORT_CAP + PCI_EXP_LNKCTL, 2, 0, 0x0dcb },
		{ PORT_CAP + PCI_EXP_LNKSTA, 2, link, 0 },
		{ PORT_CAP + PCI_EXP_SLTCAP, 4, (b->hotplug ? PCI_EXP_SLTCAP_HPC : 0) |
		  (b->slot_power ? PCI_EXP_SLTCAP_PCP : 0), 0 },
		{ PORT_CAP + PCI_EXP_SLTCTL, 2, 0, b->hotplug ? 0x1fff : 0 },
		{ PORT_CAP + PCI_EXP_DEVCTL2, 2, 0, 0x003f },
		{ PORT_CAP + PCI_EXP_LNKCTL2, 2, b->speed, 0x000f },
	};

	port_define(p, regs, sizeof(regs) / sizeof(*regs));
	port_put(&p->clears[PORT_CAP + PCI_EXP_LNKSTA], 2,
		 PCI_EXP_LNKSTA_LBMS | PCI_EXP_LNKSTA_LABS);
	port_put(&p->clears[PORT_CAP + PCI_EXP_SLTSTA], 2, b->hotplug ? 0x011f : 0);
}

static void port_errors(struct sim_port *p)
{
	const struct port_reg regs[] = {
		{ SIM_PORT_AER, 4, SIM_PORT_DPC << 20 | 2 << 16 | PCI_EXT_CAP_ID_ERR, 0 },
		{ SIM_PORT_AER + PCI_ERR_UNCOR_MASK, 4, 0x00400000, 0x07fff030 },
		{ SIM_PORT_AER + PCI_ERR_UNCOR_SEVER, 4, 0x00462030, 0x07fff030 },
		{ SIM_PORT_AER + PCI_ERR_COR_MASK, 4, 0x2000, 0xf1c1 },
		{ SIM_PORT_DPC, 4, 1 << 16 | PCI_EXT_CAP_ID_DPC, 0 },
		{ SIM_PORT_DPC + PCI_EXP_DPC_CAP, 2, PCI_EXP_DPC_CAP_RP_EXT, 0 },
		{ SIM_PORT_DPC + PCI_EXP_DPC_CTL, 2, 0, 0x00ff },
	};

	port_define(p, regs, sizeof(regs) / sizeof(*regs));
	port_put(&p->clears[SIM_PORT_AER + PCI_ERR_UNCOR_STATUS], 4, 0x07fff030);
	port_put(&p->clears[SIM_PORT_AER + PCI_ERR_COR_STATUS], 4, 0xf1c1);
	port_put(&p->clears[SIM_PORT_DPC + PCI_EXP_DPC_STATUS], 2,
		 PCI_EXP_DPC_STATUS_TRIGGER | PCI_EXP_DPC_STATUS_INTERRUPT);
}

void sim_port_init(struct sim_port *p)
{
	memset(p->cfg, 0, sizeof(p->cfg));
	memset(p->writable, 0, sizeof(p->writable));
	memset(p->clears, 0, sizeof(p->clears));
	port_header(p);
	if (p->what.type != SIM_PCI_BRIDGE)
		port_pcie(p);
	if (p->what.errors)
		port_errors(p);
}

uint32_t sim_port_get(const struct sim_port *p, unsigned off)
{
	return port_get(&p->cfg[off], 2);
}

void sim_port_put(struct sim_port *p, unsigned off, uint32_t val)
{
	port_put(&p->cfg[off], 2, val);
}

static bool port_in_reset(const struct sim_port *p)
{
	return p->cfg[PCI_BRIDGE_CONTROL] & PCI_BRIDGE_CTL_BUS_RESET;
}

static bool port_powered(const struct sim_port *p)
{
	return !p->what.slot_power ||
	       !(sim_port_get(p, PORT_CAP + PCI_EXP_SLTCTL) & PCI_EXP_SLTCTL_PCC);
}

static bool port_contains(const struct sim_port *p)
{
	return p->what.errors && sim_port_get(p, SIM_PORT_DPC + PCI_EXP_DPC_STATUS) &
				 PCI_EXP_DPC_STATUS_TRIGGER;
}

bool sim_port_link_up(const struct sim_port *p)
{
	return !port_in_reset(p) && p->sim->now >= p->link_at && port_powered(p) &&
	       !port_contains(p);
}

bool sim_port_forwards(const struct sim_port *p)
{
	return sim_port_link_up(p) && p->cfg[PCI_SECONDARY_BUS] == p->what.secondary;
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

/* The bits that show how things are now. */
static void port_live(struct sim_port *p)
{
	const unsigned sta = PORT_CAP + PCI_EXP_LNKSTA, slot = PORT_CAP + PCI_EXP_SLTSTA;
	const unsigned dpc = SIM_PORT_DPC + PCI_EXP_DPC_STATUS;
	uint32_t link = p->what.speed | (uint32_t)p->what.width << 4;
	bool up = sim_port_link_up(p);

	if (!up)
		link = p->what.speed ? 1 : 0;
	else if (p->what.reports_active)
		link |= PCI_EXP_LNKSTA_DLLLA;
	sim_port_put(p, sta, link | (sim_port_get(p, sta) &
				     (PCI_EXP_LNKSTA_LBMS | PCI_EXP_LNKSTA_LABS)));
	if (p->what.hotplug)
		sim_port_put(p, slot, (sim_port_get(p, slot) & ~PCI_EXP_SLTSTA_PDS) |
				      (up ? PCI_EXP_SLTSTA_PDS : 0));
	if (p->what.errors)
		sim_port_put(p, dpc, (sim_port_get(p, dpc) & ~PCI_EXP_DPC_RP_BUSY) |
			     (p->sim->now < p->busy_until ? PCI_EXP_DPC_RP_BUSY : 0));
}

static uint32_t port_cfg_read(void *dev, int fn, unsigned off, unsigned width)
{
	struct sim_port *p = dev;

	(void)fn;
	if (off + width > (p->what.errors ? SIM_PORT_CFG : PCI_CFG_SPACE_SIZE))
		return width == 4 ? UINT32_MAX : (1u << (8 * width)) - 1;
	if (p->what.type != SIM_PCI_BRIDGE && port_has_down_link(p)) {
		sim_port_track(p);
		port_live(p);
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
	bool before = port_in_reset(p), held = port_contains(p);

	(void)fn;
	for (unsigned i = 0; i < width && off + i < SIM_PORT_CFG; i++) {
		uint8_t mask = p->writable[off + i], now = (uint8_t)(val >> (8 * i));

		p->cfg[off + i] = (uint8_t)((p->cfg[off + i] & ~mask &
					     ~(now & p->clears[off + i])) | (now & mask));
	}
	if (off == PORT_CAP + PCI_EXP_SLTCTL && p->what.hotplug)
		p->cfg[PORT_CAP + PCI_EXP_SLTSTA] |= PCI_EXP_SLTSTA_CC;
	if (!before && port_in_reset(p))
		port_reset_below(p);
	if ((before && !port_in_reset(p)) || (held && !port_contains(p)))
		p->link_at = p->sim->now + p->what.train_us;
	sim_port_track(p);
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
	p->was_up = false;
	p->link_at = p->sim->now + p->what.train_us;
}

const struct sim_dev_ops sim_port_ops = {
	.cfg_read = port_cfg_read,
	.cfg_write = port_cfg_write,
	.bar_read = port_bar_read,
	.bar_write = port_bar_write,
	.bus_reset = port_bus_reset,
};
