// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What entries about the card's other functions, the bridges above and the neighbours
 * forbid. The main function's entry is asked while its ladder is built.
 */
#include <string.h>

#include "plan/guards.h"
#include "plan/parts.h"

/* Who the entry is about, and whether the attempt concerns it. */
struct hit {
	const struct quirk *quirk;
	struct bdf bdf;
	bool concerned;
	bool is_other;          /* "all" counts only for attempts that hit it */
};

static const char *hit_sentence(struct plan *plan, const struct hit *h,
				const struct q_deny *deny)
{
	char text[BDF_STR];

	return plan_text(plan, "%s:%d: %s (about %s)", h->quirk->file, deny->line,
			 deny->why, bdf_str(h->bdf, text));
}

static const char *hit_denies(struct plan *plan, const struct attempt *a,
			      const struct hit *h)
{
	char text[BDF_STR];
	const struct q_deny *deny;

	if (!h->quirk)
		return NULL;
	if (h->quirk->broken && h->is_other && h->concerned)
		return plan_text(plan, "%s is about %s, which this would hit, but has "
				 "errors, so what it forbids is not known",
				 h->quirk->file, bdf_str(h->bdf, text));
	for (size_t i = 0; i < h->quirk->ndenies; i++) {
		bool all;

		deny = &h->quirk->denies[i];
		all = !strcmp(deny->method, "all");
		if ((all && !h->is_other) ||
		    (h->concerned && (all || !strcmp(deny->method, a->method->name))))
			return hit_sentence(plan, h, deny);
	}
	return NULL;
}

/* The kernel resets function by function: only those that the attempt names. */
static bool deny_touches(const struct plan *plan, const struct attempt *a, size_t fn)
{
	if (strcmp(a->method->scope, "function"))
		return part_touches(plan, a, fn);
	for (size_t i = 0; i < a->nsteps; i++)
		if (a->step[i].phase == PHASE_ACT &&
		    bdf_eq(a->step[i].fn, plan->target->fn[fn].bdf))
			return true;
	return false;
}

/*
 * A pulse at path[level] also resets the bridges below, and each of those then resets
 * its own link: an entry about a bridge concerns every pulse at it or above it.
 */
static const char *deny_hits(struct plan *plan, const struct attempt *a)
{
	const struct target *t = plan->target;
	const struct quirk_hits *hits = &plan->hits;
	const char *why = NULL;

	for (size_t i = 0; i < t->nfns && !why; i++) {
		struct hit h = { hits->fn[i], t->fn[i].bdf, deny_touches(plan, a, i),
				 false };

		why = hit_denies(plan, a, &h);
	}
	for (size_t i = 0; i < t->npath && !why; i++) {
		struct hit h = { hits->path[i], t->path[i].bdf, (int)i <= a->level,
				 false };

		why = hit_denies(plan, a, &h);
	}
	for (size_t i = 0; hits->other && i < t->nother && !why; i++) {
		struct hit h = { hits->other[i], t->other[i].bdf,
				 attempt_hits(a, &t->other[i]), true };

		why = hit_denies(plan, a, &h);
	}
	return why;
}

void attempt_deny(struct attempt *a, const char *why)
{
	a->usable = ATTEMPT_DENIED;
	a->reason = why;
	a->override = NULL;
	a->asks = false;
}

void deny_attempts(struct plan *plan)
{
	for (size_t i = 0; i < plan->nattempts; i++) {
		struct attempt *a = &plan->attempt[i];
		const char *why;

		if ((a->usable != ATTEMPT_YES && a->usable != ATTEMPT_REFUSED) ||
		    a->method == &method_none)
			continue;
		why = deny_hits(plan, a);
		if (why)
			attempt_deny(a, why);
	}
}

const struct quirk *deny_broken(const struct plan *plan, struct bdf *about)
{
	const struct target *t = plan->target;

	for (size_t i = 0; i < t->nfns; i++) {
		*about = t->fn[i].bdf;
		if (plan->hits.fn[i] && plan->hits.fn[i]->broken)
			return plan->hits.fn[i];
	}
	for (size_t i = 0; i < t->npath; i++) {
		*about = t->path[i].bdf;
		if (plan->hits.path[i] && plan->hits.path[i]->broken)
			return plan->hits.path[i];
	}
	*about = target_main(t)->bdf;
	return plan->quirk && plan->quirk->broken ? plan->quirk : NULL;
}
