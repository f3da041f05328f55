/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What was done to a card, and when: each access, nested in the steps and attempts that
 * made it. As lines for a person, or as events in Chrome's trace format (a JSON array of
 * objects with ph, ts in microseconds, pid and tid), which Perfetto opens, too. The last
 * runs of a card are kept as text in a small file of its own.
 *
 * Steps and attempts are "B" and "E" events, so that one that never ended is in the file;
 * accesses are "X" events. Every event is one write(2) to a file in append mode, so
 * that cards share a file, and what a killed worker did is in it. The array then lacks
 * its end, which viewers accept.
 */
#ifndef GPURESET_RUN_TRACE_H
#define GPURESET_RUN_TRACE_H

#include "hw/hw.h"
#include "plan/plan.h"
#include "run/exec.h"

#define TRACE_KEPT_MAX (128u << 10)     /* bytes: two runs of the longest program */

/* Where the events of one card go. */
struct trace_to {
	int fd;                 /* in append mode; -1: to the kept file alone */
	bool chrome;            /* else lines */
	int pid, tid;           /* Chrome's names of this run and this card */
	uint64_t origin_us;     /* CLOCK_MONOTONIC at 0; a simulated one begins at 0 */
};

struct trace;

/* @to NULL: for the kept file alone. NULL when there is no memory for it. */
struct trace *trace_open(const struct trace_to *to);

/* Does not close @to's file. -EIO when an event could not be written. */
int trace_close(struct trace *t, struct err *err);

/*
 * What is done through the returned hw, a shim over @below, is traced. @t's clock is that
 * of @below. @t NULL: @below itself.
 */
struct hw *trace_hw(struct trace *t, struct hw *below);
/* The trace of such a hw; NULL for any other. */
struct trace *trace_of(const struct hw *hw);

/* A stretch of time with a name, around accesses and others of its kind. */
void trace_begin(struct trace *t, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void trace_end(struct trace *t);
/* A moment. NULL @t: nothing, here and in the two above. */
void trace_note(struct trace *t, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Before an exec_watch: attempts and steps are traced, @inner is told as ever. */
struct trace_watch {
	struct exec_watch inner;
	struct trace *t;
	const struct plan *plan;        /* whose attempts have numbers, or NULL */
	const struct attempt *a;        /* the one that is being made */
	bool passed;
};

/* The watch to hand over; trace_watch_end() when all is done. */
struct exec_watch trace_watch(struct trace_watch *w);
void trace_watch_end(struct trace_watch *w);

/* --- the last runs of a card, /run/gpureset/trace-SLOT ---------------------------- */

/*
 * From here on steps, what is done in them, and notes go to the kept file as well, behind
 * what is there: its oldest lines make room. Not brought to disk: it need not outlive the
 * host. Errors as rundir_open(); the reset goes on without.
 */
int trace_keep(struct trace *t, const char *run_dir, struct bdf slot, struct err *err);
void trace_keep_end(struct trace *t);

/* The file as text, for reading: as rundir_read(). */
int trace_kept(const char *run_dir, struct bdf slot, char **text, size_t *len,
	       struct err *err);

#endif
