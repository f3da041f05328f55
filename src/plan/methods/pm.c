// SPDX-License-Identifier: GPL-2.0-or-later
#include "plan/parts.h"

static bool pm_able(const struct fn_facts *fn)
{
	return fn->pm_cap && fn->pm_reset;
}

static int pm_plan(struct plan *plan, const struct q_method *asked, struct err *err)
{
	static const struct kernel_method km = {
		.method = &method_pm,
		.deny = KDENY_PM,
		.able = pm_able,
		.floor_us = 2 * PM_TRANSITION_US,
		.unable = "it keeps its state over D3hot (NoSoftRst), or has no power "
			  "management",
	};

	(void)asked;
	(void)err;
	return part_kernel_method(plan, &km);
}

const struct method method_pm = {
	.name = "pm",
	.summary = "D3hot and back to D0, which resets most functions",
	.scope = "function",
	.plan = pm_plan,
};
