/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reasons not to touch a card, each with who stands in the way and the one option
 * that overrides it. Pure functions of the facts.
 */
#ifndef GPURESET_PLAN_GUARDS_H
#define GPURESET_PLAN_GUARDS_H

#include "plan/frozen.h"
#include "plan/plan.h"

/* Never this one, and nothing lifts it; @why is the plan's. */
void attempt_deny(struct attempt *a, const char *why);

/* Fills plan->refusal when the whole target must be left alone. */
void guard_target(struct plan *plan);

/*
 * Marks attempts that an entry about another function, a bridge above or a neighbour
 * forbids (plan->hits). A neighbour's entry counts for the attempts that hit it.
 */
void deny_attempts(struct plan *plan);

/*
 * An entry with errors about the card or a bridge above it, or NULL; *@about: whose. A
 * neighbour's is none: deny_attempts() sees to it.
 */
const struct quirk *deny_broken(const struct plan *plan, struct bdf *about);

/* Marks attempts whose blast radius holds something foreign as refused. */
void guard_attempts(struct plan *plan);

/*
 * The guards of what may have changed since the plan was made, right before step @s of
 * @a (NULL: before the attempt): 0, or -EBUSY with who in @err, or an error of reading.
 */
int guard_again(struct hw *hw, const struct plan *plan, const struct attempt *a,
		const struct step *s, struct err *err);

struct force_option {
	const char *option;             /* "force-in-use" */
	unsigned bit;                   /* enum force */
	const char *help;
};
extern const struct force_option force_options[]; /* in-use first; NULL-terminated */

#endif
