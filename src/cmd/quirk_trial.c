// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/quirk_trial.h"

#include <errno.h>
#include <string.h>

bool trial_own(const struct step *s)
{
	return s->file != NULL;
}

static size_t trial_index(const struct trial *t, const struct step *s)
{
	return (size_t)(s - t->attempt->step);
}

static bool trial_is_stuck(const struct trial *t, const struct step *s)
{
	return t->how.stuck && trial_index(t, s) == (size_t)t->how.stuck - 1;
}

static void trial_contradicts(struct trial *t, const struct step *s)
{
	if (!t->err.code)
		err_set(&t->err, EINVAL, "%s:%d: what is asked for here cannot all be "
			"true at once", s->file, s->line);
}

/* --- before a step: the device does what the step asks for ----------------------- */

/* "when" of a later part of a statement was decided at the first. */
static int trial_nwhen(const struct step *s)
{
	return s->goes_on ? 0 : s->nwhen;
}

/* How many registers are read until the conditions of a "when" are known. */
static unsigned trial_when_reads(struct trial *t, const struct step *s)
{
	unsigned reads = 0;

	for (int w = 0; w < trial_nwhen(s); w++)
		for (int i = 0; i < s->when[w].ncond; i++) {
			reads++;
			if (oblige_holds(t->card, &s->when[w].cond[i], 1))
				break;
		}
	return reads;
}

static bool trial_asks(const struct step *s)
{
	return s->kind == STEP_REQUIRE || s->kind == STEP_WAIT || s->kind == STEP_CHECK;
}

/* "when" conditions and the step's own at once, or one after the other. */
static bool trial_settle_true(struct trial *t, const struct step *s)
{
	struct oblige_group g[Q_WHENS + 1];
	size_t n = 0;

	for (int w = 0; w < trial_nwhen(s); w++)
		g[n++] = (struct oblige_group){ s->when[w].cond, s->when[w].ncond, true };
	g[n] = (struct oblige_group){ s->cond, s->ncond, !trial_is_stuck(t, s) };
	if (!trial_asks(s))
		return oblige_settle(t->card, g, n);
	if (oblige_settle(t->card, g, n + 1))
		return true;
	if (!n || !oblige_settle(t->card, g, n))
		return false;
	return oblige_settle_after(t->card, trial_when_reads(t, s), &g[n]);
}

/* All of them false, or, where that cannot be, at least the first. */
static bool trial_settle_false(struct trial *t, const struct step *s)
{
	struct oblige_group g[Q_WHENS];

	for (int w = 0; w < s->nwhen; w++)
		g[w] = (struct oblige_group){ s->when[w].cond, s->when[w].ncond, false };
	return oblige_settle(t->card, g, (size_t)s->nwhen) ||
	       oblige_settle(t->card, g, 1);
}

#define MAX_END 128             /* conditions of [health] and [clean] together */

/*
 * At the end nothing writes any more: all that [health] and [clean] ask must be true
 * of one and the same state of the card, but for the one that is to fail.
 */
static bool trial_settle_end(struct trial *t)
{
	struct oblige_group g[MAX_END];
	const struct step *stuck = NULL;
	size_t n = 0;

	for (size_t i = 0; i < t->attempt->nsteps && n < MAX_END; i++) {
		const struct step *s = &t->attempt->step[i];

		if (!trial_own(s) || s->phase != PHASE_HEALTH || !s->ncond)
			continue;
		if (trial_is_stuck(t, s))
			stuck = s;
		g[n++] = (struct oblige_group){ s->cond, s->ncond, s != stuck };
	}
	if (oblige_settle(t->card, g, n))
		return true;
	if (!stuck)
		return false;
	g[0] = (struct oblige_group){ stuck->cond, stuck->ncond, false };
	return oblige_settle(t->card, g, 1);    /* others fail with it: no matter */
}

static void trial_oblige(struct trial *t, const struct step *s)
{
	bool good = true;

	if (s->phase == PHASE_HEALTH) {
		good = t->settled || trial_settle_end(t);
		t->settled = true;
	} else if (s->nwhen && t->how.whens_false) {
		good = s->goes_on || trial_settle_false(t, s);
	} else if (trial_nwhen(s) || trial_asks(s)) {
		good = trial_settle_true(t, s);
	}
	if (!good)
		trial_contradicts(t, s);
	for (int i = 0; i < s->ncond && trial_is_stuck(t, s) && t->how.answer; i++)
		oblige_put(t->card, &s->cond[i].reg, t->how.code);
}

/* Bits of [restore]: a reset that loses them, else putting them back shows nothing. */
static void trial_lose(struct trial *t, const struct step *s)
{
	t->kept = oblige_get(t->card, &s->reg);
	oblige_put(t->card, &s->reg, t->kept ^ (s->mask & -s->mask));
}

static void trial_put(struct trial *t, const struct step *s)
{
	if (!t->err.code && (oblige_get(t->card, &s->reg) & s->mask) !=
	    (t->kept & s->mask))
		err_set(&t->err, EIO, "%s:%d: a reset that changes %s leaves it changed",
			s->file, s->line, s->name);
}

static void trial_begin(void *arg, const struct attempt *a, const struct step *s)
{
	struct trial *t = arg;
	struct trial_step *st = &t->step[trial_index(t, s)];

	(void)a;
	st->first = hw_shim_count(oblige_hw(t->card)) + 1;
	oblige_forget(t->card);
	if (s->kind == STEP_PUT)
		trial_lose(t, s);
	else if (trial_own(s))
		trial_oblige(t, s);
}

/* --- after a step ---------------------------------------------------------------- */

static void trial_passed(void *arg, const struct attempt *a, const struct step *s)
{
	struct trial *t = arg;

	(void)a;
	t->step[trial_index(t, s)].passed = true;
}

static void trial_end(void *arg, const struct attempt *a, const struct step *s, int rc,
		      uint64_t took_us)
{
	struct trial *t = arg;
	struct trial_step *st = &t->step[trial_index(t, s)];

	(void)a;
	(void)took_us;
	st->done = !rc && !st->passed;
	if (s->kind == STEP_PUT)
		trial_put(t, s);
	if (trial_own(s) && st->done && (s->kind == STEP_WRITE || s->kind == STEP_SET))
		t->writes++;
}

/* --- a run ----------------------------------------------------------------------- */

static void trial_no_attempt(struct trial *t, const char *method)
{
	const struct plan *plan = &t->study.plan;
	const char *reason = plan->nattempts ? plan->attempt[0].reason : NULL;

	if (t->err.code)
		return;
	err_set(&t->err, ENOTTY, "%s: not usable on the card that the file describes: %s",
		method, reason ? reason : "the plan does not have it, or it has too many "
		"steps");
}

static void trial_make(struct trial *t, const struct quirk *q, const char *method,
		       bool without_quirk, const struct trial_case *how)
{
	struct quirk *one[] = { (struct quirk *)(uintptr_t)q };
	const struct quirk_db db = { .quirk = one, .n = without_quirk ? 0 : 1 };
	const struct plan_opts opts = { .method = method, .allow_untested = true };
	struct bdf_spec spec;
	int status;

	memset(t, 0, sizeof(*t));
	t->quirk = q;
	t->card = oblige_open(q);
	if (how->lockdown)
		oblige_lock(t->card);
	spec = oblige_spec(t->card);
	status = study_target(&t->study, oblige_hw(t->card), &db, &spec, &opts, &t->err);
	if (!status && t->study.plan.refusal)
		err_set(&t->err, EPERM, "%s", t->study.plan.refusal);
	else if (status && !t->err.code)
		err_set(&t->err, EINVAL, "no plan could be made (status %d)", status);
}

void trial_plan(struct trial *t, const struct quirk *q, const char *method,
		bool without_quirk)
{
	static const struct trial_case fair;

	trial_make(t, q, method, without_quirk, &fair);
}

static void trial_find(struct trial *t, const char *method)
{
	const struct plan *plan = &t->study.plan;

	for (size_t i = 0; i < plan->nattempts && !t->err.code; i++)
		if (plan->attempt[i].usable == ATTEMPT_YES &&
		    (!strcmp(plan->attempt[i].name, method) ||
		     !strcmp(plan->attempt[i].method->name, method)))
			t->attempt = &plan->attempt[i];
	if (t->attempt && t->attempt->nsteps > EXEC_MAX_STEPS)
		t->attempt = NULL;
	if (!t->attempt)
		trial_no_attempt(t, method);
}

void trial_run(struct trial *t, const struct quirk *q, const char *method,
	       const struct trial_case *how)
{
	const struct exec_watch watch = { .begin = trial_begin, .passed = trial_passed,
					  .end = trial_end, .arg = t };
	struct hw *hw;

	trial_make(t, q, method, false, how);
	t->how = *how;
	trial_find(t, method);
	if (!t->attempt)
		return;
	hw = oblige_hw(t->card);
	oblige_trace(t->card, how->trace, how->trace_arg);
	hw_shim_arm(hw, how->fault, how->nth, oblige_spec(t->card).bdf);
	exec_attempt(hw, &t->study.plan, t->attempt, &watch, 0, &t->out);
	t->accesses = hw_shim_count(hw);
	t->hit = hw_shim_hit(hw);
}

void trial_close(struct trial *t)
{
	study_free(&t->study);
	oblige_close(t->card);
}
