// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a port makes of a link that goes down, and what the simulated kernel makes of
 * that: pciehp as in Linux 6.1 to 6.12, DPC and AER without anybody who recovers.
 */
#include <linux/pci_regs.h>

#include "hw/sim_internal.h"

#define SLTCTL (SIM_PORT_CAP + PCI_EXP_SLTCTL)
#define SLTSTA (SIM_PORT_CAP + PCI_EXP_SLTSTA)
#define LNKCTL (SIM_PORT_CAP + PCI_EXP_LNKCTL)
#define LNKSTA (SIM_PORT_CAP + PCI_EXP_LNKSTA)
#define SLOT_EVENTS (PCI_EXP_SLTSTA_PDC | PCI_EXP_SLTSTA_DLLSC)
#define DPC_BUSY_US 5000

static void port_set(struct sim_port *p, unsigned off, uint32_t bits)
{
	sim_port_put(p, off, sim_port_get(p, off) | bits);
}

static void port_clear(struct sim_port *p, unsigned off, uint32_t bits)
{
	sim_port_put(p, off, sim_port_get(p, off) & ~bits);
}

/* --- hardware -------------------------------------------------------------------- */

static void port_contain(struct sim_port *p, uint32_t reason)
{
	if (!(sim_port_get(p, SIM_PORT_DPC + PCI_EXP_DPC_CTL) & 3))
		return;
	port_set(p, SIM_PORT_DPC + PCI_EXP_DPC_STATUS, PCI_EXP_DPC_STATUS_TRIGGER |
		 PCI_EXP_DPC_STATUS_INTERRUPT | reason << 1);
	p->busy_until = p->sim->now + DPC_BUSY_US;
}

static void port_surprise_down(struct sim_port *p)
{
	port_set(p, SIM_PORT_AER + PCI_ERR_UNCOR_STATUS, PCI_ERR_UNC_SURPDN);
	if (sim_port_get(p, SIM_PORT_AER + PCI_ERR_UNCOR_MASK) & PCI_ERR_UNC_SURPDN)
		return;
	p->sim->error_messages++;
	port_contain(p, 0);
}

static void port_went(struct sim_port *p)
{
	const struct sim_bridge *b = &p->what;

	if (b->hotplug)
		port_set(p, SLTSTA, SLOT_EVENTS);
	if (p->was_up && b->bandwidth)
		port_set(p, LNKSTA, PCI_EXP_LNKSTA_LBMS | PCI_EXP_LNKSTA_LABS);
	if (b->errors)
		port_set(p, SIM_PORT_AER + PCI_ERR_COR_STATUS, PCI_ERR_COR_RCVR);
	if (b->errors && !p->was_up && b->surprised_by_reset)
		port_surprise_down(p);
}

void sim_port_track(struct sim_port *p)
{
	bool up = sim_port_link_up(p);

	if (up == p->was_up)
		return;
	p->was_up = up;
	port_went(p);
}

void hw_sim_contain(struct hw *hw, struct bdf bridge)
{
	struct sim_fn *f = sim_known(sim_of(hw), bridge, NULL);

	port_contain(f->port, 2);
	sim_port_track(f->port);
	sim_port_interrupts(sim_of(hw));
}

/* --- the kernel -------------------------------------------------------------------- */

void sim_port_serve(struct sim_port *p)
{
	if (p->what.type != SIM_ROOT_PORT && p->what.type != SIM_DOWNSTREAM)
		return;
	sim_port_track(p);
	if (p->what.hotplug) {
		port_clear(p, SLTSTA, SLOT_EVENTS);
		port_set(p, SLTCTL, PCI_EXP_SLTCTL_PDCE | PCI_EXP_SLTCTL_DLLSCE |
			 PCI_EXP_SLTCTL_HPIE | PCI_EXP_SLTCTL_CCIE);
		p->slot_on = p->was_up;
	}
	port_clear(p, LNKSTA, PCI_EXP_LNKSTA_LBMS | PCI_EXP_LNKSTA_LABS);
	if (p->what.bandwidth)
		port_set(p, LNKCTL, PCI_EXP_LNKCTL_LBMIE | PCI_EXP_LNKCTL_LABIE);
	if (!p->what.errors)
		return;
	sim_port_put(p, SIM_PORT_AER + PCI_ERR_COR_STATUS, 0);
	port_set(p, SIM_PORT_CAP + PCI_EXP_DEVCTL, PCI_EXP_DEVCTL_CERE |
		 PCI_EXP_DEVCTL_NFERE | PCI_EXP_DEVCTL_FERE | PCI_EXP_DEVCTL_URRE);
	port_set(p, SIM_PORT_DPC + PCI_EXP_DPC_CTL, PCI_EXP_DPC_CTL_EN_FATAL);
}

void sim_port_hide(struct sim_port *p, bool hide)
{
	const uint32_t events = PCI_EXP_SLTCTL_PDCE | PCI_EXP_SLTCTL_DLLSCE;

	if (!p->what.hotplug)
		return;
	sim_port_track(p);
	if (hide) {
		p->hidden = (uint16_t)(sim_port_get(p, SLTCTL) & events);
		port_clear(p, SLTCTL, events);
		return;
	}
	port_clear(p, SLTSTA, SLOT_EVENTS);
	port_clear(p, LNKSTA, PCI_EXP_LNKSTA_LBMS | PCI_EXP_LNKSTA_LABS);
	port_set(p, SLTCTL, p->hidden);
}

/* One vector for hotplug and bandwidth notifications. */
static bool port_interrupts(const struct sim_port *p)
{
	uint32_t ctl = sim_port_get(p, SLTCTL), sta = sim_port_get(p, SLTSTA);
	bool slot = (ctl & PCI_EXP_SLTCTL_DLLSCE && sta & PCI_EXP_SLTSTA_DLLSC) ||
		    (ctl & PCI_EXP_SLTCTL_PDCE && sta & PCI_EXP_SLTSTA_PDC) ||
		    (ctl & PCI_EXP_SLTCTL_CCIE && sta & PCI_EXP_SLTSTA_CC);

	return (slot && ctl & PCI_EXP_SLTCTL_HPIE) ||
	       (sim_port_get(p, LNKCTL) & PCI_EXP_LNKCTL_LBMIE &&
		sim_port_get(p, LNKSTA) & PCI_EXP_LNKSTA_LBMS);
}

static void slot_off(struct hw_sim *sim, struct sim_fn *f)
{
	f->port->slot_on = false;
	sim->surprises++;
	for (size_t i = 0; i < sim->nfns; i++)
		if (sim->fn[i]->parent == f && sim->fn[i]->known)
			sim_remove(sim, sim->fn[i]);
	if (f->port->what.slot_power)
		port_set(f->port, SLTCTL, PCI_EXP_SLTCTL_PCC);
}

/* What stands in Slot Status counts, whether it was enabled or not (pciehp_isr). */
static void pciehp(struct hw_sim *sim, struct sim_fn *f)
{
	struct sim_port *p = f->port;
	uint32_t events = sim_port_get(p, SLTSTA) & SLOT_EVENTS;

	port_clear(p, SLTSTA, SLOT_EVENTS | PCI_EXP_SLTSTA_CC);
	port_clear(p, LNKSTA, PCI_EXP_LNKSTA_LBMS | PCI_EXP_LNKSTA_LABS);
	if (!events)
		return;
	if (p->slot_on)
		slot_off(sim, f);
	if (!sim_port_link_up(p))
		return;
	p->slot_on = true;
	sim_scan_below(sim, f);
}

void sim_port_interrupts(struct hw_sim *sim)
{
	for (size_t i = 0; i < sim->nfns; i++) {
		struct sim_fn *f = sim->fn[i];

		if (!f->known || !f->port || !f->port->what.hotplug || !f->driver[0])
			continue;
		sim_port_track(f->port);
		if (port_interrupts(f->port))
			pciehp(sim, f);
	}
}

unsigned hw_sim_surprises(const struct hw *hw)
{
	return ((const struct hw_sim *)hw)->surprises;
}

unsigned hw_sim_error_messages(const struct hw *hw)
{
	return ((const struct hw_sim *)hw)->error_messages;
}
