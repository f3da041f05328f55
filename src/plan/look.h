/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What can be seen of a card by reading alone: the conditions of a pristine one. */
#ifndef GPURESET_PLAN_LOOK_H
#define GPURESET_PLAN_LOOK_H

#include "plan/plan.h"

/*
 * @look: an errand with what the method `none` of @plan requires and checks, and none of
 * its steps that change anything; waits look once. So it means something only where those
 * would change nothing: the card in D0, decoding memory, nobody's. Other functions of it
 * that sleep are left out. So is what is behind an index register, as that cannot be read
 * without a write: the name of the first such condition is returned; NULL: there is none.
 * @look points into @plan; free with plan_free().
 */
const char *look_plan(struct plan *look, const struct plan *plan);

/* The attempt of method `none`, usable or not; NULL: the plan has none. */
const struct attempt *look_none(const struct plan *plan);

#endif
