// SPDX-License-Identifier: GPL-2.0-or-later
#include "run/recover.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "plan/parts.h"

/*
 * A chip whose program was cut short may still be powering up, which clears what is
 * written to it meanwhile; PCIe 6.6.1 gives a function 100 ms after a reset.
 */
#define RECOVER_SETTLE_US 200000ull

/* The undo steps of a journal, on their way to the executor. */
struct recover {
	struct journal *journal;
	struct journal_list list;
	const struct journal_item **due;        /* in the order in which they are run */
	size_t ndue;
	size_t first;                           /* steps of the errand before them */
	bool drivers;                           /* host drivers too */
	struct exec_memory memory;
	struct plan plan;
	struct recovery *rec;
};

/* --- which, and in which order -------------------------------------------------- */

static bool same_name(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

/* Do they put the same thing back? */
static bool same_undo(const struct journal_item *a, const struct journal_item *b)
{
	const struct step *s = &a->step, *o = &b->step;

	return s->kind == o->kind && bdf_eq(s->fn, o->fn) && bdf_eq(s->aux, o->aux) &&
	       s->reg.space == o->reg.space && s->reg.bar == o->reg.bar &&
	       s->reg.off == o->reg.off && s->mask == o->mask &&
	       same_name(s->name, o->name);
}

/* A later attempt found what an earlier one had left: the first is the true one. */
static bool recover_known(const struct recover *r, const struct journal_item *it)
{
	for (size_t i = 0; i < r->ndue; i++)
		if (same_undo(r->due[i], it))
			return true;
	return false;
}

static bool recover_later(const struct recover *r, const struct journal_item *it)
{
	return !r->drivers && it->step.kind == STEP_BIND &&
	       part_is_host_driver(it->step.text);
}

/* Phases in their order; of several attempts the last first; then as in the attempt. */
static int due_cmp(const void *a, const void *b)
{
	const struct journal_item *x = *(const struct journal_item *const *)a;
	const struct journal_item *y = *(const struct journal_item *const *)b;

	if (x->step.phase != y->step.phase)
		return x->step.phase < y->step.phase ? -1 : 1;
	if (x->attempt != y->attempt)
		return x->attempt > y->attempt ? -1 : 1;
	return x->place < y->place ? -1 : x->place > y->place;
}

/* In the journal's order, so that the first of several is the one that is taken. */
static void recover_sort(struct recover *r)
{
	size_t kept = 0;

	r->due = xcalloc(r->list.n + 1, sizeof(*r->due));
	for (size_t i = 0; i < r->list.n; i++)
		if (!recover_known(r, &r->list.item[i]))
			r->due[r->ndue++] = &r->list.item[i];
	r->rec->steps = r->ndue;
	for (size_t i = 0; i < r->ndue; i++)
		if (!recover_later(r, r->due[i]))
			r->due[kept++] = r->due[i];
	r->rec->later = r->ndue - kept;
	r->ndue = kept;
	qsort(r->due, r->ndue, sizeof(*r->due), due_cmp);
}

/* --- as an errand ---------------------------------------------------------------- */

/* What an undo puts back, where the step alone does not say it. */
static int recover_remember(struct recover *r, const struct journal_item *it,
			    struct err *err)
{
	struct exec_memory *m = &r->memory;
	const struct step *s = &it->step;

	if ((s->kind == STEP_RESTORE && m->nsaved == SLOT_FNS) ||
	    (s->kind == STEP_PUT && m->nkept == EXEC_MAX_KEPT))
		return err_set(err, E2BIG, "the journal %s holds more than a card can "
			       "have; look at it, remove it and run again",
			       r->journal->path);
	if (s->kind == STEP_RESTORE)
		m->saved[m->nsaved++] = it->image;
	if (s->kind == STEP_PUT)
		m->kept[m->nkept++] = (struct exec_kept){ s->fn, s->reg, s->mask,
							  it->value };
	return 0;
}

static void recover_settle(struct recover *r, struct attempt *a)
{
	for (size_t i = 0; i < r->ndue && !r->first; i++) {
		struct step *s;

		if (r->due[i]->step.kind != STEP_RESTORE)
			continue;
		s = attempt_step(a, STEP_DELAY, PHASE_PREPARE, r->due[i]->step.fn);
		s->limit_us = RECOVER_SETTLE_US;
		s->why = "the card comes to rest";
		s->undo_of = UNDO_OF_EARLIER;
		r->first = 1;
	}
}

static int recover_plan(struct recover *r, struct err *err)
{
	struct attempt *a = plan_errand(&r->plan, &target_none,
					"putting back what a killed run left");
	int rc = 0;

	recover_settle(r, a);
	for (size_t i = 0; i < r->ndue && !rc; i++) {
		const struct step *s = &r->due[i]->step;
		struct step *to = attempt_step(a, s->kind, s->phase, s->fn);

		*to = *s;
		to->undo_of = UNDO_OF_EARLIER;
		rc = recover_remember(r, r->due[i], err);
	}
	return rc;
}

static void recover_begin(void *arg)
{
	const struct recover *r = arg;

	r->journal->keep.begin(r->journal);
}

/* What the errand does for a moment is written down like anybody's. */
static int recover_intend(void *arg, const struct exec_undo *undo, struct err *err)
{
	const struct recover *r = arg;

	return r->journal->keep.intend(r->journal, undo, err);
}

static void recover_undone(void *arg, size_t place)
{
	const struct recover *r = arg;

	if (place > r->first + r->ndue) {
		r->journal->keep.undone(r->journal, place);
		return;
	}
	for (size_t i = 0; i < r->list.n && place > r->first; i++) {
		const struct journal_item *it = &r->list.item[i];

		if (same_undo(r->due[place - 1 - r->first], it))
			journal_done(r->journal, it->attempt, it->place);
	}
}

static void recover_run(struct recover *r, struct hw *hw, const struct exec_watch *watch)
{
	const struct exec_keep keep = {
		.begin = recover_begin, .intend = recover_intend,
		.undone = recover_undone, .arg = r, .memory = &r->memory,
	};
	struct exec_watch own = { .keep = &keep };
	struct exec_outcome out;

	if (watch)
		own = *watch;
	own.keep = &keep;
	exec_attempt(hw, &r->plan, &r->plan.attempt[0], &own, 0, &out);
	r->rec->failed = out.nfailed;
	r->rec->first = out.err;
	if (out.nnotes)
		r->rec->note = out.note[0];
}

/* --- the journal ------------------------------------------------------------------ */

static int recover_read(struct recover *r, struct err *err)
{
	int rc = journal_read(r->journal, &r->list, err);

	if (rc)
		return rc;
	r->rec->damaged = r->journal->damaged;
	r->rec->found = r->list.n || r->rec->damaged;
	recover_sort(r);
	return recover_plan(r, err);
}

static void recover_free(struct recover *r)
{
	plan_free(&r->plan);
	free(r->due);
	journal_list_free(&r->list);
	free(r);
}

static struct recover *recover_new(struct journal *j, bool drivers, struct recovery *rec)
{
	struct recover *r = xcalloc(1, sizeof(*r));

	r->journal = j;
	r->drivers = drivers;
	r->rec = rec;
	return r;
}

static int recover_with(struct hw *hw, const char *run_dir, struct bdf slot,
			bool drivers, const struct exec_watch *watch,
			struct recovery *rec, struct err *err)
{
	struct journal journal;
	struct recover *r;
	int rc;

	memset(rec, 0, sizeof(*rec));
	rc = journal_reopen(&journal, run_dir, slot, err);
	if (rc)
		return rc == -ENOENT ? 0 : rc;
	r = recover_new(&journal, drivers, rec);
	rc = recover_read(r, err);
	if (!rc && r->ndue)
		recover_run(r, hw, watch);
	recover_free(r);
	journal_close(&journal);
	return rc;
}

int recover_slot(struct hw *hw, const char *run_dir, struct bdf slot,
		 const struct exec_watch *watch, struct recovery *rec, struct err *err)
{
	return recover_with(hw, run_dir, slot, true, watch, rec, err);
}

int recover_but_drivers(struct hw *hw, const char *run_dir, struct bdf slot,
			const struct exec_watch *watch, struct recovery *rec,
			struct err *err)
{
	return recover_with(hw, run_dir, slot, false, watch, rec, err);
}

int recover_look(const char *run_dir, struct bdf slot, recover_step_fn *fn, void *arg,
		 struct recovery *rec, struct err *err)
{
	struct journal journal;
	struct recover *r;
	int rc;

	memset(rec, 0, sizeof(*rec));
	if (access(run_dir, F_OK) < 0)
		return 0;               /* to open a journal would make it */
	rc = journal_look(&journal, run_dir, slot, err);
	if (rc)
		return rc == -ENOENT ? 0 : rc;
	r = recover_new(&journal, true, rec);
	rc = recover_read(r, err);
	for (size_t i = 0; !rc && fn && i < r->plan.attempt[0].nsteps; i++)
		fn(&r->plan.attempt[0].step[i], arg);
	recover_free(r);
	journal_leave(&journal);
	return rc;
}

int recover_needed(const char *run_dir, struct bdf slot, struct err *err)
{
	struct journal journal;
	int rc = journal_reopen(&journal, run_dir, slot, err);

	if (rc)
		return rc == -ENOENT ? 0 : rc;
	rc = journal.open || journal.damaged;
	journal_leave(&journal);
	return rc;
}
