// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A link that goes down because we reset the bus looks like a card that was pulled out,
 * or that failed, to whatever listens at the port: pciehp would delete the card and
 * switch its slot off, DPC would keep the link down, the AER handler would reset it
 * once more. So the port is made quiet for that time.
 *
 * The kernel does part of it in some of its own resets (drivers/pci/hotplug/pciehp_hpc.c,
 * pciehp_reset_slot): up to 6.12 it turns the slot's events off and clears them
 * afterwards, since 6.17 pciehp passes over one change of the link instead. That is in
 * VFIO's hot reset and the sysfs reset "bus" on every kernel, in reset_subordinate only
 * since 7.1; a raw bus reset gets none of it.
 *
 * Left alone: the slot's power controller, indicators, attention button, MRL and power
 * fault events and its interrupt enable: a pulse changes none of these, and a person
 * at the slot is to be heard meanwhile. Turning the interrupt off would not help
 * either: events that are off are still in Slot Status, and pciehp looks there
 * whenever its vector fires, which it shares with PME and with bandwidth notifications
 * (PCIe 6.7.3.4). A link that trains makes the latter, and since 6.13 the kernel asks
 * for them: so they are off, too. Each write to Slot Control is a command, which pciehp
 * sees completed (Command Completed) and takes for its own; that bit is left to it, and
 * our two writes are the reset apart, 100 ms at least.
 *
 * Bits are put back as they were found, whoever set them: the kernel, or firmware that
 * did not give hotplug, AER or DPC to the kernel (_OSC). Where firmware uses ACPI for
 * hotplug the slot's events are off, and nothing is written.
 *
 * AER: the errors of a link that goes down on purpose are masked, so that there is no
 * message and the Root Error Command, which is also for other cards below the same root
 * port, stays as it is. The error enables of Device Control would not do: with SERR#
 * in COMMAND errors are sent all the same (PCIe 7.5.1.1.3), and the status stays.
 * A bus reset is exempt from Surprise Down by the specification (PCIe 3.2.1); ports
 * that do not know it are the reason to mask it.
 */
#include <linux/pci_regs.h>

#include "plan/parts.h"

/* RP Busy (PCIe 6.2.10) has no limit; Linux waits this long (drivers/pci/pcie/dpc.c). */
#define DPC_BUSY_US 1000000ull

/* The link goes away with requests under way, or with somebody (lspci) asking. */
#define UNCOR_OF_LINK (PCI_ERR_UNC_SURPDN | PCI_ERR_UNC_COMP_TIME | PCI_ERR_UNC_UNSUP)
#define COR_OF_LINK (PCI_ERR_COR_RCVR | PCI_ERR_COR_BAD_TLP | PCI_ERR_COR_BAD_DLLP | \
		     PCI_ERR_COR_REP_ROLL | PCI_ERR_COR_REP_TIMER | \
		     PCI_ERR_COR_ADV_NFAT)

#define DPC_STATUS_CLEAR (PCI_EXP_DPC_STATUS_TRIGGER | PCI_EXP_DPC_STATUS_INTERRUPT)

/* Status bits that a write of 1 clears. */
struct hush_status {
	const char *name;
	unsigned off;
	uint32_t bits;                  /* 0: none */
};

/* Bits that are changed for the time, and what is cleared before they go back. */
struct hush {
	const char *name;
	unsigned off;
	uint8_t width;                  /* of the status, too */
	uint32_t mask, value;
	struct hush_status seen[2];
};

static void hush_reg(struct step *s, const struct hush *h)
{
	s->reg = (struct reg){ REG_CONFIG, .width = h->width, .off = h->off };
	s->name = h->name;
	s->mask = h->mask;
	s->value = h->value;
}

static void hush_clear(struct step *s, const struct hush *h,
		       const struct hush_status *status)
{
	s->reg = (struct reg){ REG_CONFIG, .width = h->width, .off = status->off };
	s->name = status->name;
	s->mask = reg_all_ones(&s->reg);
	s->value = status->bits;
}

/*
 * Undos run last first: what was seen is cleared, then the bits go back, as an event
 * that is pending when it is enabled raises an interrupt (PCIe 6.7.3.4).
 */
static void hush_one(struct attempt *a, struct bdf port, enum step_phase phase,
		     const struct hush *h)
{
	hush_reg(attempt_step(a, STEP_KEEP, PHASE_PREPARE, port), h);
	hush_reg(attempt_undo(a, STEP_PUT, phase, port), h);
	hush_reg(attempt_step(a, STEP_SET, PHASE_PREPARE, port), h);
	for (size_t i = 0; i < sizeof(h->seen) / sizeof(*h->seen); i++)
		if (h->seen[i].bits)
			hush_clear(attempt_undo(a, STEP_WRITE, phase, port), h,
				   &h->seen[i]);
}

static void hush_slot(struct attempt *a, const struct bridge_facts *br,
		      enum step_phase phase)
{
	const struct hush h = {
		.name = "SLTCTL.EVENTS", .off = br->pcie_cap + PCI_EXP_SLTCTL,
		.width = 2, .mask = PCI_EXP_SLTCTL_PDCE | PCI_EXP_SLTCTL_DLLSCE,
		.seen = { { "SLTSTA.EVENTS", br->pcie_cap + PCI_EXP_SLTSTA,
			    PCI_EXP_SLTSTA_PDC | PCI_EXP_SLTSTA_DLLSC } },
	};

	if (br->port.slot_events)
		hush_one(a, br->bdf, phase, &h);
}

static void hush_link(struct attempt *a, const struct bridge_facts *br,
		      enum step_phase phase)
{
	const struct hush h = {
		.name = "LNKCTL.EVENTS", .off = br->pcie_cap + PCI_EXP_LNKCTL,
		.width = 2, .mask = PCI_EXP_LNKCTL_LBMIE | PCI_EXP_LNKCTL_LABIE,
		.seen = { { "LNKSTA.EVENTS", br->pcie_cap + PCI_EXP_LNKSTA,
			    PCI_EXP_LNKSTA_LBMS | PCI_EXP_LNKSTA_LABS } },
	};

	if (br->port.link_events)
		hush_one(a, br->bdf, phase, &h);
}

/*
 * Until RP Busy is 0 a root port is not to be released (PCIe 6.2.10). Always, as an
 * attempt before this one may have made it trigger; a 0 that is written changes nothing.
 */
static void dpc_release(struct attempt *a, const struct bridge_facts *br)
{
	const struct hush h = { .width = 2 };
	const struct hush_status status = { "DPC_STATUS.TRIGGER",
					    br->port.dpc + PCI_EXP_DPC_STATUS,
					    DPC_STATUS_CLEAR };
	struct step *s;

	if (br->port.dpc_busy_bit) {
		s = attempt_step(a, STEP_WAIT, PHASE_PREPARE, br->bdf);
		s->cond[0] = (struct reg_cond){
			.reg = { REG_CONFIG, .width = 2, .off = status.off },
			.op = REG_EQ, .mask = PCI_EXP_DPC_RP_BUSY, .want = 0,
			.name = "DPC_STATUS.RP_BUSY",
		};
		s->ncond = 1;
		s->limit_us = DPC_BUSY_US;
		s->why = "a root port is released when it is no longer busy (PCIe "
			 "6.2.10)";
	}
	hush_clear(attempt_step(a, STEP_WRITE, PHASE_PREPARE, br->bdf), &h, &status);
}

static void hush_trigger(struct attempt *a, const struct bridge_facts *br,
			 enum step_phase phase)
{
	const struct hush h = {
		.name = "DPC_CTL.TRIGGER", .off = br->port.dpc + PCI_EXP_DPC_CTL,
		.width = 2,
		.mask = PCI_EXP_DPC_CTL_EN_FATAL | PCI_EXP_DPC_CTL_EN_NONFATAL,
		.seen = { { "DPC_STATUS.TRIGGER", br->port.dpc + PCI_EXP_DPC_STATUS,
			    DPC_STATUS_CLEAR } },
	};

	if (br->port.dpc && br->port.dpc_trigger)
		hush_one(a, br->bdf, phase, &h);
}

static void hush_dpc(struct attempt *a, const struct bridge_facts *br,
		     enum step_phase phase)
{
	hush_trigger(a, br, phase);
	if (br->port.dpc)
		dpc_release(a, br);
}

/* Errors that were there before are somebody else's to see. */
static void hush_aer(struct attempt *a, const struct bridge_facts *br,
		     enum step_phase phase, uint32_t uncor, uint32_t cor)
{
	const struct hush h = {
		.name = "AER_UNCOR_MASK", .off = br->port.aer + PCI_ERR_UNCOR_MASK,
		.width = 4, .mask = uncor, .value = uncor,
		.seen = {
			{ "AER_UNCOR_STATUS", br->port.aer + PCI_ERR_UNCOR_STATUS,
			  uncor & ~br->port.aer_uncor },
			{ "AER_COR_STATUS", br->port.aer + PCI_ERR_COR_STATUS,
			  cor & ~br->port.aer_cor },
		},
	};

	if (br->port.aer)
		hush_one(a, br->bdf, phase, &h);
}

/* Slot events off first and on last: releasing the link is such an event. */
void part_port_hush(struct attempt *a, const struct bridge_facts *br,
		    enum step_phase phase)
{
	hush_slot(a, br, phase);
	hush_link(a, br, phase);
	hush_dpc(a, br, phase);
	hush_aer(a, br, phase, UNCOR_OF_LINK, COR_OF_LINK);
}

/* Its own link stays up: nothing to release, no other error to expect. */
void part_root_hush(struct plan *plan, struct attempt *a, size_t level,
		    enum step_phase phase)
{
	const struct target *t = plan->target;
	const struct bridge_facts *root = &t->path[t->npath - 1];

	if (level + 1 >= t->npath || root->type != PORT_ROOT)
		return;
	hush_trigger(a, root, phase);
	hush_aer(a, root, phase, PCI_ERR_UNC_COMP_TIME, 0);
}

/* --- said ------------------------------------------------------------------------ */

static const char *contained_text(struct plan *plan, const struct bridge_facts *br)
{
	static const char *const reason[] = {
		"an error of its own", "ERR_NONFATAL", "ERR_FATAL", "its programmed I/O",
	};
	char text[BDF_STR];

	if (!br->port.contained)
		return NULL;
	return plan_text(plan, "%s holds its link down (DPC, after %s)",
			 bdf_str(br->bdf, text), reason[br->port.dpc_reason & 3]);
}

const char *part_contained(struct plan *plan)
{
	const struct target *t = plan->target;
	const char *text = NULL;

	for (size_t i = 0; i < t->npath && !text; i++)
		text = contained_text(plan, &t->path[i]);
	return text;
}

const char *part_port_note(struct plan *plan, const struct bridge_facts *br)
{
	const char *contained = contained_text(plan, br);
	char text[BDF_STR];

	if (contained)
		return plan_text(plan, "%s: the link is released first", contained);
	if (!br->port.slot_events && !br->port.dpc_trigger)
		return NULL;
	return plan_text(plan, "%s would take the reset for %s: that is off for the "
			 "time of it, and is put back", bdf_str(br->bdf, text),
			 !br->port.dpc_trigger ? "a card pulled out (hotplug)" :
			 !br->port.slot_events ? "a failed link (DPC)" :
			 "a card pulled out (hotplug) or a failed link (DPC)");
}
