// SPDX-License-Identifier: GPL-2.0-or-later
/* The plan as a container, and the builder that walks the ladder. */
#include "plan/plan.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "plan/guards.h"
#include "plan/parts.h"

const struct method *const methods[] = {
#define METHOD(name) &method_##name,
#include "plan/methods/methods.def"
#undef METHOD
	NULL
};

const struct method *method_find(const char *name)
{
	for (size_t i = 0; methods[i]; i++)
		if (!strcmp(methods[i]->name, name))
			return methods[i];
	return NULL;
}

/* --- owned memory -------------------------------------------------------------- */

struct plan_string {
	struct plan_string *next;
	char text[];
};

const char *plan_text(struct plan *plan, const char *fmt, ...)
{
	struct plan_string *s;
	va_list ap, again;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	s = xcalloc(1, sizeof(*s) + (size_t)n + 1);
	vsnprintf(s->text, (size_t)n + 1, fmt, again);
	va_end(again);
	s->next = plan->strings;
	plan->strings = s;
	return s->text;
}

struct attempt *plan_attempt(struct plan *plan, const struct method *m,
			     const char *name)
{
	struct attempt *a;

	plan->attempt = xgrow(plan->attempt, plan->nattempts, &plan->room, sizeof(*a));
	a = &plan->attempt[plan->nattempts++];
	memset(a, 0, sizeof(*a));
	a->method = m;
	a->name = name;
	a->level = -1;
	a->needs_answer = true;
	return a;
}

void plan_cannot(struct plan *plan, const struct method *m, const char *name,
		 enum usable why, const char *reason)
{
	struct attempt *a = plan_attempt(plan, m, name);

	a->usable = why;
	a->reason = reason;
}

static struct step *attempt_slot(struct step **array, size_t *n, size_t *room)
{
	struct step *s;

	*array = xgrow(*array, *n, room, sizeof(*s));
	s = &(*array)[(*n)++];
	memset(s, 0, sizeof(*s));
	return s;
}

struct step *attempt_step(struct attempt *a, enum step_kind kind, enum step_phase phase,
			  struct bdf fn)
{
	struct step *s = attempt_slot(&a->step, &a->nsteps, &a->room);

	s->kind = kind;
	s->phase = phase;
	s->fn = fn;
	return s;
}

struct step *attempt_undo(struct attempt *a, enum step_kind kind, enum step_phase phase,
			  struct bdf fn)
{
	struct step *s = attempt_slot(&a->undo, &a->nundo, &a->undo_room);

	s->kind = kind;
	s->phase = phase;
	s->fn = fn;
	s->undo_of = (int)a->nsteps;
	return s;
}

/* Last prepared, first undone; what was moved is gone from the queue. */
void attempt_flush_undo(struct attempt *a, enum step_phase phase)
{
	size_t kept = 0;

	for (size_t i = a->nundo; i-- > 0;)
		if (a->undo[i].phase == phase)
			*attempt_step(a, a->undo[i].kind, phase, a->undo[i].fn) =
				a->undo[i];
	for (size_t i = 0; i < a->nundo; i++)
		if (a->undo[i].phase != phase)
			a->undo[kept++] = a->undo[i];
	a->nundo = kept;
}

void plan_free(struct plan *plan)
{
	for (struct plan_string *s = plan->strings, *next; s; s = next) {
		next = s->next;
		free(s);
	}
	for (size_t i = 0; i < plan->nattempts; i++) {
		free(plan->attempt[i].step);
		free(plan->attempt[i].undo);
	}
	free(plan->attempt);
	memset(plan, 0, sizeof(*plan));
}

static const struct method errand_method = { .name = "errand", .scope = "function" };
const struct target target_none;

struct attempt *plan_errand(struct plan *plan, const struct target *t, const char *name)
{
	struct attempt *a;

	memset(plan, 0, sizeof(*plan));
	plan->target = t;
	a = plan_attempt(plan, &errand_method, name);
	a->errand = true;
	a->needs_answer = false;
	return a;
}

/* --- building ------------------------------------------------------------------ */

static int build_one(struct plan *plan, const struct q_method *asked, struct err *err)
{
	const struct method *m = method_find(asked->name);

	if (!m)
		return err_set(err, EINVAL, "unknown reset method '%s'; `gpureset "
			       "--help` lists them", asked->name);
	return m->plan(plan, asked, err);
}

/* "sequence baco" or "flr", as typed after --method. */
static int build_asked(struct plan *plan, struct err *err)
{
	struct q_method asked = { .name = plan->opts.method };
	const char *blank = strchr(asked.name, ' ');

	if (blank) {
		asked.name = plan_text(plan, "%.*s", (int)(blank - asked.name),
				       asked.name);
		asked.sequence = blank + 1;
	}
	return build_one(plan, &asked, err);
}

static int build_default(struct plan *plan, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; methods[i] && !rc; i++) {
		struct q_method asked = { .name = methods[i]->name };

		rc = build_one(plan, &asked, err);
	}
	return rc;
}

static int build_quirk(struct plan *plan, struct err *err)
{
	const struct quirk *q = plan->quirk;
	struct q_method none = { .name = "none" };
	int rc = build_one(plan, &none, err);

	for (size_t i = 0; i < q->nmethods && !rc; i++)
		rc = build_one(plan, &q->methods[i], err);
	return rc;
}

bool attempt_is(const struct attempt *a, const struct q_method *m)
{
	const char *blank = strchr(a->name, ' ');

	return !strcmp(m->name, a->method->name) &&
	       (!m->sequence || (blank && !strcmp(m->sequence, blank + 1)));
}

static void build_risk(struct attempt *a, enum quirk_risk risk, const char *why)
{
	if (risk < a->risk || (risk == a->risk && a->risk_why))
		return;
	a->risk = risk;
	a->risk_why = why;
}

/* What is said of the method as a whole holds from its first step that acts. */
static void build_risk_begins(struct attempt *a, enum quirk_risk risk)
{
	for (size_t i = 0; i < a->nsteps; i++) {
		struct step *s = &a->step[i];

		if (s->phase != PHASE_ACT || s->kind == STEP_REQUIRE)
			continue;
		s->risk = s->risk < risk ? risk : s->risk;
		return;
	}
}

static void build_risk_word(struct attempt *a, const struct q_method *word)
{
	if (word->risk > RISK_SAFE)
		a->risk_line = word->line;
	build_risk(a, word->risk, word->risk_why);
	build_risk_begins(a, word->risk);
}

/* The highest of what the steps carry and what the quirk says of the method. */
static void build_risks(struct plan *plan)
{
	const struct quirk *q = plan->quirk;

	for (size_t i = 0; i < plan->nattempts; i++) {
		struct attempt *a = &plan->attempt[i];

		for (size_t k = 0; k < a->nsteps; k++)
			build_risk(a, a->step[k].risk, NULL);
		for (size_t k = 0; q && k < q->nrisks; k++)
			if (attempt_is(a, &q->risks[k]))
				build_risk_word(a, &q->risks[k]);
	}
}

static bool has_bridge(const struct target *t, struct bdf bdf)
{
	for (size_t i = 0; i < t->npath; i++)
		if (bdf_eq(t->path[i].bdf, bdf))
			return true;
	return false;
}

static int check_opts(const struct target *t, const struct plan_opts *opts,
		      struct err *err)
{
	char bridge[BDF_STR], slot[BDF_STR];

	if (opts->has_at && !has_bridge(t, opts->at))
		return err_set(err, EINVAL, "--at %s: that is not a bridge above %s",
			       bdf_str(opts->at, bridge),
			       bdf_slot_str(t->spec.bdf, slot));
	return 0;
}

int plan_build(struct plan *plan, const struct target *t, const struct quirk *quirk,
	       const struct quirk_hits *hits, const struct plan_opts *opts,
	       struct err *err)
{
	int rc = check_opts(t, opts, err);

	memset(plan, 0, sizeof(*plan));
	plan->target = t;
	plan->quirk = quirk;
	if (hits)
		plan->hits = *hits;
	plan->opts = *opts;
	if (rc)
		return rc;
	guard_target(plan);
	if (opts->method)
		rc = build_asked(plan, err);
	else if (quirk && quirk->nmethods)
		rc = build_quirk(plan, err);
	else
		rc = build_default(plan, err);
	if (rc) {
		plan_free(plan);
		return rc;
	}
	build_risks(plan);
	deny_attempts(plan);
	frozen_attempts(plan);
	guard_attempts(plan);
	return 0;
}

/* --- questions ----------------------------------------------------------------- */

uint64_t attempt_worst_us(const struct attempt *a)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < a->nsteps; i++)
		sum += a->step[i].limit_us;
	return sum;
}

bool attempt_hits(const struct attempt *a, const struct other_fn *o)
{
	return a->level >= 0 && o->level <= a->level;
}

bool plan_allows(const struct plan_opts *opts, const char *id)
{
	bool allowed = opts->allow_untested;

	for (size_t i = 0; i < opts->nallowed; i++)
		allowed |= !strcmp(opts->allowed[i], id) ||
			   !strcmp(opts->allowed[i], "all");
	return allowed;
}

size_t plan_usable(const struct plan *plan)
{
	size_t n = 0;

	for (size_t i = 0; i < plan->nattempts; i++)
		n += plan->attempt[i].usable == ATTEMPT_YES;
	return n;
}
