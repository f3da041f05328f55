// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What of a port notices that its link goes down: hotplug events, bandwidth
 * notifications, error reporting, containment.
 */
#include <errno.h>

#include <linux/pci_regs.h>

#include "plan/facts_fn.h"

/* 0, and the reason in @err, when it cannot be read; absent is 0 alone. */
static uint32_t port_read(struct hw *hw, struct bdf bdf, unsigned off, unsigned width,
			  struct err *err)
{
	struct err why = { 0 };
	uint32_t val = 0;

	if (hw_cfg_read(hw, bdf, off, width, &val, &why) < 0 && !err->code)
		*err = why;
	return why.code ? 0 : val;
}

static unsigned port_cap(struct hw *hw, struct bdf bdf, uint16_t id, struct err *err)
{
	struct err why = { 0 };
	unsigned off = 0;
	int rc = hw_find_cap(hw, bdf, id, true, &off, &why);

	if (rc < 0 && rc != -ENOENT && !err->code)
		*err = why;
	return rc < 0 ? 0 : off;
}

static void port_aer(struct hw *hw, const struct bridge_facts *br, struct port_facts *p,
		     struct err *err)
{
	p->aer = port_cap(hw, br->bdf, PCI_EXT_CAP_ID_ERR, err);
	if (!p->aer)
		return;
	p->aer_reports = port_read(hw, br->bdf, br->pcie_cap + PCI_EXP_DEVCTL, 2, err) &
			 (PCI_EXP_DEVCTL_NFERE | PCI_EXP_DEVCTL_FERE);
	p->aer_uncor = port_read(hw, br->bdf, p->aer + PCI_ERR_UNCOR_STATUS, 4, err);
	p->aer_cor = port_read(hw, br->bdf, p->aer + PCI_ERR_COR_STATUS, 4, err);
}

static void port_dpc(struct hw *hw, const struct bridge_facts *br, struct port_facts *p,
		     struct err *err)
{
	uint32_t status;

	p->dpc = port_cap(hw, br->bdf, PCI_EXT_CAP_ID_DPC, err);
	if (!p->dpc)
		return;
	p->dpc_busy_bit = port_read(hw, br->bdf, p->dpc + PCI_EXP_DPC_CAP, 2, err) &
			  PCI_EXP_DPC_CAP_RP_EXT;
	p->dpc_trigger = port_read(hw, br->bdf, p->dpc + PCI_EXP_DPC_CTL, 2, err) &
			 (PCI_EXP_DPC_CTL_EN_FATAL | PCI_EXP_DPC_CTL_EN_NONFATAL);
	status = port_read(hw, br->bdf, p->dpc + PCI_EXP_DPC_STATUS, 2, err);
	if (status == 0xffff)
		return;
	p->contained = status & PCI_EXP_DPC_STATUS_TRIGGER;
	p->dpc_reason = (status & PCI_EXP_DPC_STATUS_TRIGGER_RSN) >> 1;
}

void facts_port(struct hw *hw, struct bridge_facts *br, struct err *err)
{
	struct port_facts *p = &br->port;

	if (br->type != PORT_ROOT && br->type != PORT_DOWNSTREAM)
		return;
	if (br->hotplug)
		p->slot_events = port_read(hw, br->bdf, br->pcie_cap + PCI_EXP_SLTCTL, 2,
					   err) &
				 (PCI_EXP_SLTCTL_PDCE | PCI_EXP_SLTCTL_DLLSCE);
	p->link_events = port_read(hw, br->bdf, br->pcie_cap + PCI_EXP_LNKCTL, 2, err) &
			 (PCI_EXP_LNKCTL_LBMIE | PCI_EXP_LNKCTL_LABIE);
	port_aer(hw, br, p, err);
	port_dpc(hw, br, p, err);
}
