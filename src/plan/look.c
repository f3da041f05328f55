// SPDX-License-Identifier: GPL-2.0-or-later
#include "plan/look.h"

#include <string.h>

const struct attempt *look_none(const struct plan *plan)
{
	for (size_t i = 0; i < plan->nattempts; i++)
		if (!strcmp(plan->attempt[i].method->name, "none"))
			return &plan->attempt[i];
	return NULL;
}

/* The kernel's word; that another function sleeps says nothing about the chip. */
static bool look_asleep(const struct target *t, struct bdf fn)
{
	for (size_t i = 0; i < t->nfns; i++)
		if (bdf_eq(t->fn[i].bdf, fn))
			return t->fn[i].power_state[0] == 'D' &&
			       strcmp(t->fn[i].power_state, "D0");
	return false;
}

/* A verdict or what comes before it, not whether something was woken. */
static bool look_counts(const struct target *t, const struct step *s)
{
	static const bool reads[STEP_KINDS] = {
		[STEP_REQUIRE] = true, [STEP_CHECK] = true, [STEP_WAIT] = true,
		[STEP_BARS] = true,
	};

	return reads[s->kind] && s->phase != PHASE_PREPARE && !look_asleep(t, s->fn);
}

/* The first condition behind an index register, or NULL. */
static const char *look_indexed(const struct reg_cond *cond, int n)
{
	for (int i = 0; i < n; i++)
		if (cond[i].reg.space == REG_INDIRECT)
			return cond[i].name;
	return NULL;
}

static const char *look_unreadable(const struct step *s)
{
	const char *name = look_indexed(s->cond, s->ncond);

	for (int i = 0; i < s->nwhen && !name; i++)
		name = look_indexed(s->when[i].cond, s->when[i].ncond);
	return name;
}

const char *look_plan(struct plan *look, const struct plan *plan)
{
	const struct attempt *none = look_none(plan);
	struct attempt *a = plan_errand(look, plan->target, "look");
	const char *unread = NULL;

	for (size_t i = 0; none && i < none->nsteps; i++) {
		const struct step *from = &none->step[i];
		const char *name = look_unreadable(from);
		struct step *s;

		if (!look_counts(plan->target, from))
			continue;
		unread = unread ? unread : name;
		if (name)
			continue;
		s = attempt_step(a, from->kind, from->phase, from->fn);
		*s = *from;
		s->limit_us = 0;
		/* "try" is for programs: a verdict is never optional */
		s->optional = false;
	}
	return unread;
}
