// SPDX-License-Identifier: GPL-2.0-or-later
#include "plan/parts.h"

static bool flr_able(const struct fn_facts *fn)
{
	return fn->flr;
}

static int flr_plan(struct plan *plan, const struct q_method *asked, struct err *err)
{
	static const struct kernel_method km = {
		.method = &method_flr,
		.deny = KDENY_FLR,
		.able = flr_able,
		.floor_us = FLR_US,
		.unable = "it has no FLR capability",
	};

	(void)asked;
	(void)err;
	return part_kernel_method(plan, &km);
}

const struct method method_flr = {
	.name = "flr",
	.summary = "function level reset of each function that has it (PCIe 6.6.2)",
	.scope = "function",
	.plan = flr_plan,
};
