// SPDX-License-Identifier: GPL-2.0-or-later
/* The best reset is none: a card whose quirk can tell that it is pristine. */
#include "plan/parts.h"

static int none_plan(struct plan *plan, const struct q_method *asked, struct err *err)
{
	const struct quirk *q = plan->quirk;
	struct attempt *a;

	(void)asked;
	(void)err;
	if (!q || q->broken || !q->clean.n || plan->target->host.lockdown ||
	    !target_main(plan->target)->answers) {
		plan_cannot(plan, &method_none, "none", ATTEMPT_NO,
			    !q || !q->clean.n ? "no quirk says how to tell a pristine "
			    "card from a used one" :
			    plan->target->host.lockdown ? "kernel lockdown forbids "
			    "reading the card's registers" :
			    "the card does not answer");
		return 0;
	}
	a = plan_attempt(plan, &method_none, "none");
	a->whole_slot = true;
	part_own(plan, a, PHASE_PUT_BACK);
	part_wake(plan, a);
	part_decode(plan, a);
	part_program(plan, a, &q->clean, PHASE_ACT, STEP_REQUIRE);
	part_verdict(plan, a, AFTER_CHANGED);
	return 0;
}

const struct method method_none = {
	.name = "none",
	.summary = "nothing, when the card's quirk finds it pristine",
	.scope = "slot",
	.plan = none_plan,
};
