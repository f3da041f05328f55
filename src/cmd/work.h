/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a worker does around a plan: first what a killed one left is put back, then the
 * plan is run with a journal, and host drivers go back last. The slot's lock is held.
 */
#ifndef GPURESET_CMD_WORK_H
#define GPURESET_CMD_WORK_H

#include "plan/hold.h"
#include "run/exec.h"
#include "run/recover.h"
#include "run/supervise.h"

/* Tells the supervisor of each step; with @verbose a line for the person as well. */
struct work_watch {
	struct channel *ch;
	const struct plan *plan;        /* whose steps have numbers; others have none */
	bool verbose;
	bool passed;                    /* the step that is being done was passed by */
};

struct exec_watch work_watch(struct work_watch *w);

/*
 * Puts back what a killed worker left, all but host drivers (recover_but_drivers()).
 * -EBUSY with the guard's sentence in @err when somebody has the card open and @force
 * (enum force) does not say to go on: the journal stays. Another negative errno: the
 * journal cannot be read or trusted. Looks at the card only when there is a journal.
 */
int work_recover(struct hw *hw, const char *run_dir, const struct bdf_spec *spec,
		 unsigned force, const struct exec_watch *watch, struct recovery *rec,
		 struct err *err);

/*
 * After the reset: host drivers, and what could not be done before. Nothing when @rec
 * says that nothing is left. What fails still is counted in @rec.
 */
void work_recover_rest(struct hw *hw, const char *run_dir, const struct bdf_spec *spec,
		       unsigned force, const struct exec_watch *watch,
		       struct recovery *rec);

/*
 * Instead of work_recover_rest(), where a VM gets the card now: its host drivers go from
 * the journal to @h, which is written down.
 */
void work_take_drivers(const char *run_dir, struct bdf slot, struct hold *h,
		       struct recovery *rec);

/* Is there anything left for work_recover_rest()? */
bool work_has_rest(const struct recovery *rec);

/* "a reset that was killed left 5 things behind; all put back" */
void work_recovered(const struct recovery *rec, char *buf, size_t size);

/*
 * exec_plan() with the journal of @slot; @run_dir NULL: without. A negative errno when
 * the journal cannot be opened; then nothing was done.
 */
int work_exec_plan(struct hw *hw, const char *run_dir, struct bdf slot,
		   const struct plan *plan, const struct exec_watch *watch,
		   uint64_t deadline_us, struct exec_outcome *out,
		   struct exec_summary *sum, struct err *err);

#endif
