/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a worker does around a plan: first what a killed one left is put back, then the
 * plan is run with a journal, and host drivers go back last. The slot's lock is held.
 */
#ifndef GPURESET_CMD_WORK_H
#define GPURESET_CMD_WORK_H

#include "cmd/cmd.h"
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
	/*
	 * Who uses the card is asked here again while @guarded is run (guard_again());
	 * NULL: not asked. It is no part of a run that is recorded. Then @owner, if it
	 * is set: 0, or a negative errno with whose the card is.
	 */
	struct hw *ask;
	const struct plan *guarded;
	int (*owner)(void *arg, struct err *err);
	void *owner_arg;
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

/* The same, host drivers too: for whoever does nothing to the card after it. */
int work_recover_all(struct hw *hw, const char *run_dir, const struct bdf_spec *spec,
		     unsigned force, const struct exec_watch *watch,
		     struct recovery *rec, struct err *err);

/* The guard's own word on who uses the card: 0, or -EBUSY with it; or an error. */
int work_in_use(struct hw *hw, const struct bdf_spec *spec, unsigned force,
		struct err *err);

/* The exit status for what work_recover() returned. */
int work_recover_status(int rc);

/*
 * Is somebody at work on @slot? While the kernel resets a card, whoever reads its
 * configuration waits for the end. No, for a recorded machine.
 */
bool work_is_busy(const struct options *o, struct bdf slot);

/*
 * How many things the journal of @slot holds that nobody is at work on; 0 also when
 * that cannot be read (the next run says why), and for a recorded machine.
 */
size_t work_waiting(const struct options *o, struct bdf slot);

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
 * exec_plan() with the journal of @slot, and with the memory of what hangs the host that
 * the plan was made with; @run_dir NULL: without. A negative errno when
 * the journal cannot be opened; then nothing was done.
 */
int work_exec_plan(struct hw *hw, const char *run_dir, struct bdf slot,
		   const struct plan *plan, const struct exec_watch *watch,
		   uint64_t deadline_us, struct exec_outcome *out,
		   struct exec_summary *sum, struct err *err);

/* --- between workers, supervisor and person --------------------------------------- */

/* What @write says of @about is the worker's report; nothing without memory for it. */
typedef void work_report_fn(const void *about, FILE *to);
void work_report(struct channel *ch, work_report_fn *write, const void *about);

/* The whole report of a worker that could not begin, or not end, as it should. */
void work_send_error(struct channel *ch, const struct options *o, struct bdf slot,
		     int status, const struct err *err);

/*
 * Run the jobs as @o says and print what they report, which is freed. Returns the exit
 * status, of several the worst.
 */
int work_supervise(const struct options *o, struct job *jobs, size_t n);

/*
 * After supervise(): the host has outlived the workers that died or were killed, so what
 * they wrote down about risky steps is taken off (freeze_settle()) before a boot makes it
 * count against the method. Not of a worker that is stuck, or of a slot that is locked.
 */
void work_settle(const struct options *o, const struct job *jobs, size_t n);

#endif
