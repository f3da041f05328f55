// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The bridge's `reset_subordinate`: the kernel saves, pulses, waits and restores
 * everything below. It asks nobody whether a function is in use: our guards must.
 */
#include "plan/parts.h"

static const char *subordinate_unable(struct plan *plan, size_t level, enum usable *why)
{
	*why = ATTEMPT_NO;
	if (!plan->target->path[level].has_reset_subordinate)
		return "this kernel has no reset_subordinate";
	return part_silent(plan);
}

static void subordinate_make(struct plan *plan, struct attempt *a, size_t level)
{
	struct step *s;

	a->floor_us = SBR_PULSE_US + RESET_TO_CONFIG_US;
	part_own(plan, a, PHASE_PUT_BACK);
	part_wake(plan, a);
	part_settle_audio(plan, a);
	part_unbind(plan, a, false);
	part_keep(plan, a);
	s = part_attr(a, PHASE_ACT, plan->target->path[level].bdf, "reset_subordinate",
		      "1");
	s->limit_us = a->floor_us + KERNEL_READY_US;
	part_verdict(plan, a, AFTER_IN_PLACE);
}

static int subordinate_plan(struct plan *plan, const struct q_method *asked,
			    struct err *err)
{
	static const struct bridge_method bm = {
		.method = &method_subordinate,
		.unable = subordinate_unable,
		.make = subordinate_make,
	};

	(void)asked;
	(void)err;
	return part_bridge_method(plan, &bm);
}

const struct method method_subordinate = {
	.name = "subordinate",
	.summary = "secondary bus reset by the kernel (the bridge's reset_subordinate)",
	.scope = "bridge",
	.plan = subordinate_plan,
};
