// SPDX-License-Identifier: GPL-2.0-or-later
/* The best reset is none: a card whose quirk can tell that it is pristine. */
#include "plan/lockdown.h"
#include "plan/parts.h"

static const char *none_unable(struct plan *plan)
{
	const struct quirk *q = plan->quirk;

	if (!q || !q->clean.n || q->broken)
		return "no quirk says how to tell a pristine card from a used one";
	if (!target_main(plan->target)->answers)
		return "the card does not answer";
	if (!plan->target->host.lockdown)
		return NULL;
	/* only to look, a driver is not taken off: what it drives is used */
	if (part_is_host_driver(target_main(plan->target)->driver))
		return plan_text(plan, "%s has it, so it is not pristine",
				 target_main(plan->target)->driver);
	return lockdown_unreadable(plan);
}

static int none_plan(struct plan *plan, const struct q_method *asked, struct err *err)
{
	const char *unable = none_unable(plan);
	struct attempt *a;

	(void)asked;
	(void)err;
	if (unable) {
		plan_cannot(plan, &method_none, "none", ATTEMPT_NO, unable);
		return 0;
	}
	a = plan_attempt(plan, &method_none, "none");
	a->whole_slot = true;
	part_own(plan, a, PHASE_PUT_BACK);
	part_wake(plan, a);
	if (plan->target->host.lockdown)
		lockdown_open(plan, a, PHASE_PREPARE);
	else
		part_decode(plan, a);
	part_program(plan, a, &plan->quirk->clean, PHASE_ACT, STEP_REQUIRE);
	part_verdict(plan, a, AFTER_CHANGED);
	return 0;
}

const struct method method_none = {
	.name = "none",
	.summary = "nothing, when the card's quirk finds it pristine",
	.scope = "slot",
	.plan = none_plan,
};
