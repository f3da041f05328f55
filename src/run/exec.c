// SPDX-License-Identifier: GPL-2.0-or-later
/* Attempts, their undo, and the ladder: the interpreter of plans. */
#include "run/exec.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "plan/facts_fn.h"
#include "run/exec_internal.h"

#define UNDO_TRIES 3            /* one failed access must not leave a bridge in reset */

/* --- what is remembered, and written down --------------------------------------- */

static int exec_intend_one(struct exec *x, size_t i, struct err *err)
{
	const struct step *undo = &x->a->step[i];
	const struct exec_kept *k = undo->kind == STEP_PUT ? exec_kept_for(x, undo) :
				    NULL;
	const struct exec_undo u = {
		.step = undo, .place = i + 1,
		.image = undo->kind == STEP_RESTORE ? exec_saved(x, undo->fn) : NULL,
		.value = k ? k->value & k->mask : 0,
	};
	int rc = x->keep->intend(x->keep->arg, &u, err);

	if (!rc)
		x->intended[i / 8] |= (uint8_t)(1 << i % 8);
	return rc;
}

/* Undo step number @i was done, or is not needed as nothing was. */
static void exec_undone(struct exec *x, size_t i)
{
	bool earlier = x->keep->memory && x->a->step[i].undo_of == UNDO_OF_EARLIER;

	if (!exec_bit(x->intended, i) && !earlier)
		return;
	x->keep->undone(x->keep->arg, i + 1);
	x->intended[i / 8] &= (uint8_t)~(1 << i % 8);
}

/* What a process opened through VFIO is closed with it: nobody need write that down. */
static bool exec_undoes(const struct exec *x, size_t i)
{
	const struct step *s = &x->a->step[i];

	return s->undo_of == (int)x->at + 1 && !s->tail && s->kind != STEP_DISOWN &&
	       s->kind != STEP_VFIO_CLOSE;
}

/*
 * It may be the last thing that this host does: say so first. Once: bringing it to disk
 * takes as long as the disk does, and the steps of a program belong together.
 */
static int exec_danger(struct exec *x, const struct step *s, struct err *err)
{
	int rc;

	if (!x->keep->danger || s->risk <= x->told)
		return 0;
	rc = x->keep->danger(x->keep->arg, x->a, s, err);
	if (rc && x->undoing && x->told)
		return 0;       /* half done is worse, and the attempt is known */
	x->told = rc ? x->told : s->risk;
	return rc;
}

/* How the step that is being done will be undone: all of it, or nothing stays. */
int exec_intend(struct exec *x, struct err *err)
{
	size_t i = x->at + 1;
	int rc = 0;

	if (!x->keep)
		return 0;
	for (; i < x->a->nsteps && !rc; i++)
		if (exec_undoes(x, i))
			rc = exec_intend_one(x, i, err);
	if (!rc)
		rc = exec_danger(x, &x->a->step[x->at], err);
	while (rc && i-- > x->at + 1)
		if (exec_undoes(x, i))
			exec_undone(x, i);
	return rc;
}

/* --- one attempt --------------------------------------------------------------- */

static void exec_mark(struct exec *x, size_t i)
{
	x->started[i / 8] |= (uint8_t)(1 << i % 8);
}

/*
 * A step that undoes is tried again; APPEAR does so itself, within its time. A tail is
 * part of a program, whose registers may not bear a second write.
 */
static int exec_try(struct exec *x, const struct step *s, struct err *err)
{
	bool again = s->undo_of && !s->tail && s->kind != STEP_APPEAR;
	int tries = again ? UNDO_TRIES : 1;
	int rc;

	do {
		rc = exec_steps[s->kind](x, s, err);
	} while (rc && --tries);
	return rc;
}

static void exec_pass(struct exec *x, const struct attempt *a, const struct step *s)
{
	x->rest_passed = true;
	x->out->passed++;
	if (x->watch && x->watch->passed)
		x->watch->passed(x->watch->arg, a, s);
}

/* What takes something from the card's user. */
static const bool exec_acting[STEP_KINDS] = {
	[STEP_WRITE] = true, [STEP_SET] = true, [STEP_ATTR] = true,
	[STEP_BIND] = true, [STEP_HOT_RESET] = true, [STEP_REMOVE] = true,
	[STEP_PARK] = true,
};

/*
 * SAVE and KEEP only read, and know afterwards what is to be written down. A step whose
 * undo could not be written down counts as never started.
 */
static int exec_do(struct exec *x, const struct step *s, struct err *err)
{
	bool reads = s->kind == STEP_SAVE || s->kind == STEP_KEEP;
	int rc = reads ? 0 : exec_intend(x, err);

	if (rc)
		return rc;
	exec_mark(x, x->at);
	rc = exec_when(x, s, err);
	if (!rc) {
		exec_pass(x, x->a, s);
	} else if (rc > 0) {
		x->acting |= s->phase == PHASE_ACT && exec_acting[s->kind];
		rc = exec_try(x, s, err);
	}
	if (!rc && x->keep)
		exec_undone(x, x->at);
	return rc;
}

static int exec_step(struct exec *x, const struct attempt *a, const struct step *s,
		     struct err *err)
{
	uint64_t start = hw_now(x->hw);
	uint64_t took;
	int rc;

	if (x->watch && x->watch->begin)
		x->watch->begin(x->watch->arg, a, s);
	rc = exec_do(x, s, err);
	took = hw_now(x->hw) - start;
	if (s->phase == PHASE_ACT)
		x->out->act_us += took;
	x->out->steps_run++;
	if (x->watch && x->watch->end)
		x->watch->end(x->watch->arg, a, s, rc, took);
	return rc;
}

static void exec_failed(struct exec *x, const struct attempt *a, const struct step *s,
			struct err *err)
{
	struct exec_outcome *out = x->out;
	char text[BDF_STR];

	out->at = s;
	out->ones = s->ncond && x->ones;
	out->err = *err;
	if (s->file)
		err_prefix(&out->err, "%s:%d", s->file, s->line);
	err_prefix(&out->err, "%s: %s", bdf_str(s->fn, text), a->name);
	out->interrupted = exec_asked(x);
	out->result = s->phase == PHASE_HEALTH ? EXEC_UNHEALTHY : EXEC_FAILED;
	if (s->kind == STEP_REQUIRE && err->code == ENOTTY)
		out->result = EXEC_SKIPPED;
}

static void exec_undo_failed(struct exec *x, const struct step *s, struct err *err)
{
	char text[BDF_STR];

	if (x->out->undo.code)
		return;
	x->out->undo = *err;
	if (s->file)
		err_prefix(&x->out->undo, "%s:%d", s->file, s->line);
	err_prefix(&x->out->undo, "%s: %s", bdf_str(s->fn, text),
		   s->tail ? "the closing part failed too" : "putting things back");
}

static void exec_interrupted(struct exec *x, const struct attempt *a,
			     const struct step *s)
{
	struct err err;

	err_set(&err, ECANCELED, "stopped before this step (asked to, or out of time)");
	exec_failed(x, a, s, &err);
}

/* The way to the registers that a verdict reads, which is made under lockdown alone. */
static bool exec_leads_to_verdict(const struct exec *x, const struct step *s)
{
	static const bool leads[STEP_KINDS] = {
		[STEP_OWN] = true, [STEP_BIND] = true, [STEP_ATTR] = true,
		[STEP_VFIO_OPEN] = true,
	};

	return s && s->phase == PHASE_HEALTH && leads[s->kind] && !s->undo_of &&
	       !x->a->errand;
}

/* All that was judged so far is well, and no heavier reset makes that way. */
static bool exec_unjudged(struct exec *x, const struct step *s, const struct err *err)
{
	char text[BDF_STR];

	x->out->result = EXEC_HEALTHY;
	x->out->unjudged = *err;
	err_prefix(&x->out->unjudged, "nobody looked whether the chip inside is well, as "
		   "its registers could not be reached: %s", bdf_str(s->fn, text));
	return true;
}

/* --- somebody else -------------------------------------------------------------- */

/* Is this where the card's user would first lose something? */
static bool exec_acts(const struct exec *x, const struct step *s)
{
	if (s->kind == STEP_BIND || s->kind == STEP_PARK)
		return true;            /* for a verdict after the reset, too */
	return s->phase == PHASE_ACT && exec_acting[s->kind] && !x->acting;
}

/* @s NULL: before the attempt. As exec_watch's ready(). */
static int exec_ask(struct exec *x, const struct step *s, struct err *err)
{
	const struct exec_watch *w = x->watch;

	if (!w || !w->ready || (x->a->errand && !s))
		return 0;
	return w->ready(w->arg, x->a, s, err);
}

/* Nobody is known to have it, so it is not for him to look after: this is a failure. */
static bool exec_unasked(struct exec *x, const struct step *s, struct err *err)
{
	err_prefix(err, "whether somebody uses it by now is not known");
	x->out->unasked = true;
	if (s) {
		exec_failed(x, x->a, s, err);
		return true;
	}
	x->out->result = EXEC_FAILED;
	x->out->err = *err;
	err_prefix(&x->out->err, "%s", x->a->name);
	return true;
}

static bool exec_refuse(struct exec *x, const struct step *s, const struct err *err)
{
	x->out->result = EXEC_REFUSED;
	x->out->at = s;
	x->out->err = *err;
	return true;
}

static bool exec_refused(struct exec *x, const struct step *s)
{
	struct err err = { 0 };
	int rc;

	if (s && !exec_acts(x, s))
		return false;
	rc = exec_ask(x, s, &err);
	if (rc >= 0)
		return false;
	if (exec_leads_to_verdict(x, s))
		return exec_unjudged(x, s, &err);
	return rc == -EBUSY ? exec_refuse(x, s, &err) : exec_unasked(x, s, &err);
}

/* VFIO says that somebody has it: the guard knows who. */
static bool exec_taken(struct exec *x, const struct step *s, struct err *err)
{
	struct err who = { 0 };

	if (err->code != EBUSY || (s->kind != STEP_OWN && s->kind != STEP_HOT_RESET))
		return false;
	if (exec_ask(x, NULL, &who) == -EBUSY)
		return exec_refuse(x, s, &who);
	return s->kind == STEP_OWN && exec_refuse(x, s, err);
}

/* After a failure: what was started is undone, and a tail runs as far as it gets. */
static bool exec_due(const struct exec *x, const struct step *s)
{
	if (s->tail && x->tail_failed)
		return false;
	return x->out->result == EXEC_NOT_RUN || exec_started(x, s->undo_of);
}

/*
 * What keeps others from the card does not hang on its answers: its failure is one. A
 * VM that still has the function keeps vfio-pci from leaving it.
 */
static bool exec_keeps_out(const struct step *s, const struct fn_facts *fn)
{
	return s->kind == STEP_OWN || (s->kind == STEP_BIND && !s->text[0] &&
				       !strcmp(fn->driver, "vfio-pci"));
}

/*
 * A method that can do without an answer goes on when the card stops to answer before
 * the reset: an attempt before this one may have done that, after the plan was made.
 */
static bool exec_unanswered(struct exec *x, const struct attempt *a,
			    const struct step *s)
{
	const struct target *t = x->plan->target;

	if (a->needs_answer || a->errand || s->phase != PHASE_PREPARE || s->undo_of)
		return false;
	for (size_t i = 0; i < t->nfns; i++)
		if (bdf_eq(t->fn[i].bdf, s->fn))
			return !exec_keeps_out(s, &t->fn[i]) &&
			       !exec_answers(x, s->fn);
	return false;
}

static void exec_step_failed(struct exec *x, const struct attempt *a,
			     const struct step *s, bool failed, struct err *err)
{
	/* only a program's own step may be optional, never a verdict */
	if ((s->optional && (s->phase == PHASE_ACT || a->errand)) ||
	    (!failed && exec_unanswered(x, a, s))) {
		exec_noted(x, s, err);
		return;
	}
	x->out->nfailed++;
	if (!failed && exec_leads_to_verdict(x, s)) {
		exec_unjudged(x, s, err);
		return;
	}
	if (!failed && exec_taken(x, s, err))
		return;
	x->tail_failed |= s->tail;
	if (!failed && (a->errand || s->phase != PHASE_PUT_BACK))
		exec_failed(x, a, s, err);
	else
		exec_undo_failed(x, s, err);
}

/*
 * All steps in order; after a failure only the undo steps of what was started. In the
 * normal flow an undo step is a step like any other, and its failure counts.
 */
static void exec_steps_of(struct exec *x, const struct attempt *a)
{
	for (size_t i = 0; i < a->nsteps; i++) {
		const struct step *s = &a->step[i];
		struct err err = { 0 };
		bool failed = x->out->result != EXEC_NOT_RUN;

		x->undoing = s->undo_of != 0;
		if (!exec_due(x, s))
			continue;
		if (!failed && !x->undoing && exec_stop(x)) {
			exec_interrupted(x, a, s);
			continue;
		}
		if (!failed && !x->undoing && exec_refused(x, s))
			continue;
		x->at = i;
		if (exec_step(x, a, s, &err) < 0)
			exec_step_failed(x, a, s, failed, &err);
	}
}

/* Each time it is asked: a card may say its ids now and then only. */
static bool exec_is(struct exec *x, struct bdf fn, uint32_t want, uint32_t *id,
		    struct err *err)
{
	bool is = true;

	for (int again = 0; again <= HEALTH_AGAIN && is; again++)
		is = hw_cfg_read(x->hw, fn, PCI_VENDOR_ID, 4, id, err) == 0 &&
		     *id == want;
	return is;
}

/*
 * The last word: a card that went away after its own checks, or while things were put
 * back, is not healthy.
 */
static void exec_still_healthy(struct exec *x, const struct attempt *a)
{
	const struct target *t = x->plan->target;
	char text[BDF_STR];

	for (size_t i = 0; i < t->nfns; i++) {
		uint32_t want = (uint32_t)t->fn[i].device << 16 | t->fn[i].vendor;
		uint32_t id = 0;
		struct err err = { 0 };

		bdf_str(t->fn[i].bdf, text);
		if (exec_is(x, t->fn[i].bdf, want, &id, &err))
			continue;
		if (!err.code)
			err_set(&err, EIO, "%s: %s: it was healthy, but at the end ID "
				"(config 0x0) reads 0x%x, wanted == 0x%x under mask "
				"0xffffffff, for 0 ms", text, a->name, id, want);
		x->out->result = EXEC_UNHEALTHY;
		x->out->err = err;
		return;
	}
}

void exec_attempt(struct hw *hw, const struct plan *plan, const struct attempt *a,
		  const struct exec_watch *watch, uint64_t deadline_us,
		  struct exec_outcome *out)
{
	struct exec x = {
		.hw = hw, .plan = plan, .a = a, .watch = watch,
		.keep = watch ? watch->keep : NULL, .deadline = deadline_us, .out = out,
	};
	uint64_t start = hw_now(hw);

	memset(out, 0, sizeof(*out));
	if (x.keep)
		x.keep->begin(x.keep->arg);
	if (x.keep && x.keep->memory)
		x.mem = *x.keep->memory;
	if (a->nsteps > EXEC_MAX_STEPS) {
		err_set(&out->err, E2BIG, "%s: %zu steps are more than %d", a->name,
			a->nsteps, EXEC_MAX_STEPS);
		out->result = EXEC_FAILED;
	} else if (!exec_refused(&x, NULL)) {
		exec_steps_of(&x, a);
	}
	if (out->result == EXEC_NOT_RUN)
		out->result = EXEC_HEALTHY;
	out->answers = plan->target->nfns &&
		       exec_answers(&x, target_main(plan->target)->bdf);
	if (out->result == EXEC_HEALTHY && !a->errand)
		exec_still_healthy(&x, a);
	if (x.keep && x.keep->end)
		x.keep->end(x.keep->arg);
	out->took_us = hw_now(hw) - start;
}

/* --- the ladder ---------------------------------------------------------------- */

static bool exec_may_try(const struct attempt *a, const struct exec_summary *sum)
{
	return a->usable == ATTEMPT_YES && !sum->healthy && !sum->interrupted &&
	       !sum->refused && !sum->unasked && (sum->answers || !a->needs_answer);
}

void exec_plan(struct hw *hw, const struct plan *plan, const struct exec_watch *watch,
	       uint64_t deadline_us, struct exec_outcome *out, struct exec_summary *sum)
{
	uint64_t start = hw_now(hw);

	memset(sum, 0, sizeof(*sum));
	sum->answers = target_main(plan->target)->answers;
	for (size_t i = 0; i < plan->nattempts; i++) {
		const struct attempt *a = &plan->attempt[i];

		memset(&out[i], 0, sizeof(out[i]));
		if (!exec_may_try(a, sum))
			continue;
		exec_attempt(hw, plan, a, watch, deadline_us, &out[i]);
		if (out[i].result == EXEC_REFUSED)
			sum->refused = &out[i];
		else
			sum->tried++;
		sum->unasked = out[i].unasked;
		sum->answers = out[i].answers;
		sum->interrupted = out[i].interrupted;
		if (out[i].result == EXEC_HEALTHY && (out[i].answers || a->errand))
			sum->healthy = a;
		if (sum->healthy == a)
			sum->unjudged = out[i].unjudged.code ? out[i].unjudged.text :
					a->unjudged;
	}
	sum->took_us = hw_now(hw) - start;
}
