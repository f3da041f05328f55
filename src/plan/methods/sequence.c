// SPDX-License-Identifier: GPL-2.0-or-later
/* A register program that a quirk gives: BACO and its kin. */
#include <stdio.h>
#include <string.h>

#include "plan/parts.h"

static bool sequence_bars_fit(const struct fn_facts *fn, const struct quirk *q)
{
	for (int i = 0; i < 6; i++)
		if (fn->bar[i].size < q->bar_size[i])
			return false;
	return true;
}

static const char *sequence_unable(const struct plan *plan, enum usable *why)
{
	const struct fn_facts *fn = target_main(plan->target);

	*why = ATTEMPT_NO;
	if (plan->target->host.lockdown)
		return "kernel lockdown forbids register access";
	if (!fn->answers)
		return "the card does not answer, a register program cannot reach it";
	if (!sequence_bars_fit(fn, plan->quirk))
		return "a BAR of this card is smaller than the program needs";
	if (plan->quirk->status == QUIRK_UNTESTED && !plan->opts.allow_untested) {
		*why = ATTEMPT_REFUSED;
		return "nobody has tested this program on a card yet";
	}
	return NULL;
}

/* What the program's own waits and delays must take at least. */
static uint64_t sequence_floor(const struct q_block *block)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < block->n; i++)
		if (block->stmt[i].verb == Q_DELAY)
			sum += block->stmt[i].limit_us;
	return sum;
}

static void sequence_add(struct plan *plan, const struct q_block *block)
{
	const char *name = plan_text(plan, "sequence %s", block->name);
	enum usable why;
	const char *unable = sequence_unable(plan, &why);
	struct attempt *a;

	if (unable) {
		plan_cannot(plan, &method_sequence, name, why, unable);
		if (why == ATTEMPT_REFUSED)
			plan->attempt[plan->nattempts - 1].override = "--allow-untested";
		return;
	}
	a = plan_attempt(plan, &method_sequence, name);
	a->whole_slot = true;
	a->unconfirmed = plan->quirk->status != QUIRK_WORKS;
	a->floor_us = sequence_floor(block);
	part_wake(plan, a);
	part_unbind(plan, a, false);
	part_save(plan, a);
	part_quiesce(plan, a);
	part_program(plan, a, block, PHASE_ACT, STEP_REQUIRE);
	part_verdict(plan, a, AFTER_IN_PLACE);
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
