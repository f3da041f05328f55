// SPDX-License-Identifier: GPL-2.0-or-later
#include "plan/parts.h"

static bool af_flr_able(const struct fn_facts *fn)
{
	return fn->af_flr;
}

static int af_flr_plan(struct plan *plan, const struct q_method *asked, struct err *err)
{
	static const struct kernel_method km = {
		.method = &method_af_flr,
		.deny = KDENY_FLR,
		.able = af_flr_able,
		.floor_us = FLR_US,
		.unable = "it has no Advanced Features capability with FLR",
	};

	(void)asked;
	(void)err;
	return part_kernel_method(plan, &km);
}

const struct method method_af_flr = {
	.name = "af_flr",
	.summary = "function level reset through Advanced Features (conventional PCI)",
	.scope = "function",
	.plan = af_flr_plan,
};
