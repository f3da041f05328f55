/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reasons not to touch a card, each with who stands in the way and the one option
 * that overrides it. Pure functions of the facts.
 */
#ifndef GPURESET_PLAN_GUARDS_H
#define GPURESET_PLAN_GUARDS_H

#include "plan/plan.h"

/* Fills plan->refusal when the whole target must be left alone. */
void guard_target(struct plan *plan);

/* Marks attempts whose blast radius holds something foreign as refused. */
void guard_attempts(struct plan *plan);

struct force_option {
	const char *option;             /* "force-in-use" */
	unsigned bit;                   /* enum force */
	const char *help;
};
extern const struct force_option force_options[];       /* NULL-terminated */

#endif
