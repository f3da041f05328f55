// SPDX-License-Identifier: GPL-2.0-or-later
/* A register program that a quirk gives: BACO and its kin. */
#include <stdio.h>
#include <string.h>

#include "plan/lockdown.h"
#include "plan/parts.h"

static bool sequence_bars_fit(const struct fn_facts *fn, const struct quirk *q)
{
	for (int i = 0; i < 6; i++)
		if (fn->bar[i].size < q->bar_size[i])
			return false;
	return true;
}

static const char *sequence_unable(struct plan *plan)
{
	const struct fn_facts *fn = target_main(plan->target);

	if (!fn->answers)
		return "the card does not answer, a register program cannot reach it";
	if (!sequence_bars_fit(fn, plan->quirk))
		return "a BAR of this card is smaller than the program needs";
	return plan->target->host.lockdown ? lockdown_unable(plan) : NULL;
}

/* Only with somebody's word for it; the steps are there to be looked at. */
static void sequence_trust(struct plan *plan, struct attempt *a)
{
	const struct quirk *q = plan->quirk;

	a->unconfirmed = q->status != QUIRK_WORKS;
	if (q->status != QUIRK_UNTESTED || plan_allows(&plan->opts, q->id))
		return;
	a->usable = ATTEMPT_REFUSED;
	a->asks = true;
	a->override = "--allow-untested";
	a->reason = plan_text(plan, "%s holds a register program that nobody has tested "
			      "on this card; to allow it for good, write this line into "
			      PLAN_CONFIG_FILE ": allow-untested = %s", q->file, q->id);
}

/* What the program's own waits and delays must take at least. */
static uint64_t sequence_floor(const struct q_block *block)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < block->n; i++)
		if (block->stmt[i].verb == Q_DELAY && !block->stmt[i].nwhen)
			sum += block->stmt[i].limit_us;
	return sum;
}

/*
 * Under lockdown the kernel remembers the configuration, stops DMA and enables decoding,
 * see plan/lockdown.h; else we do.
 */
static void sequence_prepare(struct plan *plan, struct attempt *a)
{
	part_own(plan, a, PHASE_PUT_BACK);
	part_wake(plan, a);
	part_unbind(plan, a, false);
	part_keep(plan, a);
	if (plan->target->host.lockdown) {
		lockdown_open(plan, a, PHASE_PREPARE);
		lockdown_park(plan, a);
		return;
	}
	part_save(plan, a);
	part_quiesce(plan, a);
}

/* A program that would fail in the middle is not begun. */
static void sequence_reach(struct plan *plan, struct attempt *a)
{
	const char *why = a->vfio ? lockdown_unreachable(plan, a) : NULL;

	if (!why)
		return;
	a->usable = ATTEMPT_NO;
	a->reason = why;
	a->override = NULL;
	a->asks = false;
}

static void sequence_add(struct plan *plan, const struct q_block *block)
{
	const char *name = plan_text(plan, "sequence %s", block->name);
	const char *unable = sequence_unable(plan);
	struct attempt *a;

	if (unable) {
		plan_cannot(plan, &method_sequence, name, ATTEMPT_NO, unable);
		return;
	}
	a = plan_attempt(plan, &method_sequence, name);
	a->whole_slot = true;
	a->floor_us = sequence_floor(block);
	sequence_trust(plan, a);
	sequence_prepare(plan, a);
	part_program(plan, a, block, PHASE_ACT, STEP_REQUIRE);
	part_verdict(plan, a, AFTER_IN_PLACE);
	sequence_reach(plan, a);
}

static int sequence_plan(struct plan *plan, const struct q_method *asked,
			 struct err *err)
{
	const struct quirk *q = plan->quirk;

	(void)err;
	if (!q || q->broken || !q->nsequences) {
		plan_cannot(plan, &method_sequence, "sequence", ATTEMPT_NO,
			    "no quirk gives a register program for this card");
		return 0;
	}
	if (part_denied(plan, &method_sequence, "sequence"))
		return 0;
	if (asked->sequence && !quirk_sequence(q, asked->sequence)) {
		plan_cannot(plan, &method_sequence, "sequence", ATTEMPT_NO,
			    plan_text(plan, "%s has no sequence '%s'", q->file,
				      asked->sequence));
		return 0;
	}
	for (size_t i = 0; i < q->nsequences; i++)
		if (!asked->sequence || !strcmp(asked->sequence, q->sequences[i].name))
			sequence_add(plan, &q->sequences[i]);
	return 0;
}

const struct method method_sequence = {
	.name = "sequence",
	.summary = "a register program given by the card's quirk (BACO, config reset)",
	.scope = "slot",
	.plan = sequence_plan,
};
