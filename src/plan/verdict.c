// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Health: the read-only steps at the end of every attempt that alone decide whether
 * the card is healthy. What a method returned counts for nothing.
 */
#include <string.h>

#include <linux/pci_regs.h>

#include "plan/lockdown.h"
#include "plan/parts.h"

/* Long enough for a link that is still training up, and for RRS answers. */
#define VERDICT_WAIT_US 1000000ull
/*
 * The kernel's recovery of a port that contains an error: pciehp waits that long for it
 * before it takes the card for pulled out (pci_dpc_recovered(), drivers/pci/pcie/dpc.c).
 */
#define VERDICT_DPC_US 4000000ull

/* Runtime suspend clears Bus Master and resume sets it: the kernel's own business. */
#define COMMAND_KEPT (0xffff & ~PCI_COMMAND_MASTER)

static struct step *verdict_cond(struct attempt *a, enum step_kind kind, struct bdf fn,
				 struct reg_cond cond, const char *why)
{
	struct step *s = attempt_step(a, kind, PHASE_HEALTH, fn);

	s->cond[0] = cond;
	s->ncond = 1;
	s->why = why;
	if (kind == STEP_WAIT)
		s->limit_us = VERDICT_WAIT_US;
	return s;
}

static struct reg_cond verdict_cfg(unsigned off, uint8_t width, uint32_t mask,
				   enum reg_op op, uint32_t want, const char *name)
{
	return (struct reg_cond){
		.reg = { REG_CONFIG, .width = width, .off = off },
		.op = op, .mask = mask, .want = want, .name = name,
	};
}

/* First, as a card behind such a link cannot answer; the kernel may be at it. */
static void verdict_contained(struct plan *plan, struct attempt *a)
{
	const struct target *t = plan->target;

	for (size_t i = 0; i < t->npath; i++)
		if (t->path[i].port.dpc)
			verdict_cond(a, STEP_WAIT, t->path[i].bdf,
				     verdict_cfg(t->path[i].port.dpc + PCI_EXP_DPC_STATUS,
						 2, PCI_EXP_DPC_STATUS_TRIGGER, REG_EQ, 0,
						 "DPC_STATUS.TRIGGER"),
				     "link down by DPC: the port contains an error, and "
				     "the card cannot answer")->limit_us =
				VERDICT_DPC_US;
}

static void verdict_identity(struct attempt *a, const struct fn_facts *fn)
{
	uint32_t id = (uint32_t)fn->device << 16 | fn->vendor;
	struct step *s;

	verdict_cond(a, STEP_WAIT, fn->bdf,
		     verdict_cfg(PCI_VENDOR_ID, 4, UINT32_MAX, REG_EQ, id, "ID"),
		     "the function answers with its own ids");
	if (fn->answers)
		verdict_cond(a, STEP_CHECK, fn->bdf,
			     verdict_cfg(PCI_HEADER_TYPE, 1, 0xff, REG_EQ,
					 fn->header_type, "HEADER_TYPE"),
			     "header type as before");
	if (fn->pm_cap)
		verdict_cond(a, STEP_WAIT, fn->bdf,
			     verdict_cfg(fn->pm_cap + PCI_PM_CTRL, 2,
					 PCI_PM_CTRL_STATE_MASK, REG_EQ, 0,
					 "PMCSR.POWER_STATE"),
			     "in D0");
	s = attempt_step(a, STEP_BARS, PHASE_HEALTH, fn->bdf);
	s->why = "BARs as the kernel assigned them";
}

static void verdict_command(struct attempt *a, const struct fn_facts *fn,
			    enum after after)
{
	if (after == AFTER_IN_PLACE && fn->answers)
		verdict_cond(a, STEP_CHECK, fn->bdf,
			     verdict_cfg(PCI_COMMAND, 2, COMMAND_KEPT, REG_EQ,
					 fn->command & COMMAND_KEPT, "COMMAND"),
			     "COMMAND as before");
	else    /* bits 15:11 are reserved and read zero (PCI 3.0, 6.2.2) */
		verdict_cond(a, STEP_CHECK, fn->bdf,
			     verdict_cfg(PCI_COMMAND, 2, 0xf800, REG_EQ, 0,
					 "COMMAND.RESERVED"), "COMMAND is sane");
}

static void verdict_link(struct attempt *a, struct bdf fn, unsigned cap,
			 const struct link_facts *l)
{
	if (!cap || !l->present || !l->width)
		return;
	verdict_cond(a, STEP_WAIT, fn,
		     verdict_cfg(cap + PCI_EXP_LNKSTA, 2, PCI_EXP_LNKSTA_CLS, REG_GE,
				 l->speed, "LNKSTA.SPEED"),
		     "link not slower than before");
	verdict_cond(a, STEP_WAIT, fn,
		     verdict_cfg(cap + PCI_EXP_LNKSTA, 2, PCI_EXP_LNKSTA_NLW, REG_GE,
				 (uint32_t)l->width << PCI_EXP_LNKSTA_NLW_SHIFT,
				 "LNKSTA.WIDTH"),
		     "link not narrower than before");
}

static void verdict_links(struct plan *plan, struct attempt *a)
{
	const struct target *t = plan->target;
	const struct fn_facts *fn = target_main(t);

	if (fn->answers)
		verdict_link(a, fn->bdf, fn->pcie_cap, &fn->link);
	for (size_t i = 0; i < t->npath; i++)
		if (i == 0 || (int)i <= a->level)
			verdict_link(a, t->path[i].bdf, t->path[i].pcie_cap,
				     &t->path[i].link);
}

/* COMMAND.MEMORY for the register reads only; the reset left it as it was before. */
static void verdict_decode(struct plan *plan, struct attempt *a)
{
	const struct fn_facts *fn = target_main(plan->target);

	part_command(a, PHASE_HEALTH, fn->bdf, "COMMAND.MEMORY", PCI_COMMAND_MEMORY,
		     true);
	if (!(fn->command & PCI_COMMAND_MEMORY)) {
		struct step *s = attempt_undo(a, STEP_SET, PHASE_PUT_BACK, fn->bdf);

		s->reg = (struct reg){ REG_CONFIG, .width = 2, .off = PCI_COMMAND };
		s->name = "COMMAND.MEMORY";
		s->mask = PCI_COMMAND_MEMORY;
	}
}

/* Who was not announced as touched, but must be for registers through VFIO? */
static const char *verdict_outside(struct plan *plan, const struct attempt *a)
{
	const struct target *t = plan->target;
	char text[BDF_STR];

	for (size_t i = 0; i < t->nfns; i++)
		if (t->fn[i].known && !part_touches(plan, a, i) &&
		    (i == t->main || t->fn[i].driver[0]))
			return plan_text(plan, "kernel lockdown leaves only VFIO for "
					 "registers, and for that %s, which is not "
					 "reset, would have to be opened or lose its "
					 "driver",
					 bdf_str(t->fn[i].bdf, text));
	return NULL;
}

/*
 * Under lockdown not at the price of one more reset, or of a function that nobody spoke
 * of: then health stays unknown.
 */
static const char *verdict_unable(struct plan *plan, const struct attempt *a)
{
	const char *outside = verdict_outside(plan, a);

	return outside ? outside : lockdown_unreadable(plan);
}

/*
 * A program may have cost the function its COMMAND and BARs, and its configuration is put
 * back later, by the close. Where the close resets the bus, what the registers say before
 * it holds no longer after it.
 */
static void verdict_opened(struct plan *plan, struct attempt *a)
{
	lockdown_decode(plan, a, PHASE_HEALTH);
	if (lockdown_close_resets(plan->target))
		a->unjudged = "the kernel resets the bus of this card when VFIO closes "
			      "it, and nobody can look at its registers after that";
}

/* Whether the chip inside is well, only its registers tell. */
static void verdict_registers(struct plan *plan, struct attempt *a)
{
	const struct quirk *q = plan->quirk;
	const char *unable;

	if (!q || q->broken || (!q->health.n && !q->clean.n))
		return;
	if (!plan->target->host.lockdown) {
		verdict_decode(plan, a);
	} else if (a->vfio) {
		verdict_opened(plan, a);
	} else {
		unable = verdict_unable(plan, a);
		if (unable) {
			a->unjudged = plan_text(plan, "%s; so nobody looked whether the "
						"chip inside is well", unable);
			return;
		}
		lockdown_open(plan, a, PHASE_HEALTH);
	}
	part_program(plan, a, &plan->quirk->health, PHASE_HEALTH, STEP_CHECK);
	part_program(plan, a, &plan->quirk->clean, PHASE_HEALTH, STEP_CHECK);
}

static void verdict_config(struct plan *plan, struct attempt *a, enum after after)
{
	const struct target *t = plan->target;

	for (size_t i = 0; i < t->nfns; i++) {
		/* decoding stays on where the kernel enabled it for VFIO */
		bool opened = a->vfio && i == t->main;

		/* a sibling that a reset lost is a failure, touched or not */
		verdict_identity(a, &t->fn[i]);
		verdict_command(a, &t->fn[i], opened ? AFTER_CHANGED : after);
	}
	verdict_links(plan, a);
}

/*
 * A function that is open through VFIO: its registers first, as they cannot be read
 * after the close, then configuration space, which the close puts back.
 */
void part_verdict(struct plan *plan, struct attempt *a, enum after after)
{
	attempt_flush_undo(a, PHASE_RESTORE);
	verdict_contained(plan, a);
	if (a->vfio) {
		verdict_registers(plan, a);
		lockdown_close(a);
		verdict_config(plan, a, after);
	} else {
		verdict_config(plan, a, after);
		verdict_registers(plan, a);
		lockdown_close(a);
	}
	attempt_flush_undo(a, PHASE_PUT_BACK);
}
