/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs plans: the only writer to hardware in the program. Straight-line, without
 * allocation; every failure still runs the undo steps of what was started, and the
 * "always" tail of a register program that has begun to write.
 */
#ifndef GPURESET_RUN_EXEC_H
#define GPURESET_RUN_EXEC_H

#include "hw/hw.h"
#include "plan/plan.h"
#include "run/confsave.h"

/* Above what a quirk can hold: 2048 statements each in a sequence, [clean], [health]. */
#define EXEC_MAX_STEPS 8192
#define EXEC_MAX_EVIDENCE 96
#define EXEC_MAX_NOTES 4
#define EXEC_MAX_KEPT 64        /* [restore] lines of a quirk: a handful */

enum exec_result {
	EXEC_NOT_RUN,
	/* every step done, every health check held; an errand: every step done */
	EXEC_HEALTHY,
	EXEC_SKIPPED,           /* a requirement says: not for this card now */
	EXEC_FAILED,            /* a step of the method failed */
	EXEC_UNHEALTHY,         /* the method ran, the health checks say no */
	/* somebody uses the card by now: nothing was reset, all was undone */
	EXEC_REFUSED,
};

/* What a health check read. */
struct exec_evidence {
	const struct step *step;
	const struct reg_cond *cond;    /* the one that held; NULL: no register */
	uint32_t value;                 /* the whole register */
};

struct exec_outcome {
	enum exec_result result;
	struct err err;                 /* SKIPPED, FAILED, UNHEALTHY: the sentence */
	/* HEALTHY, but no more than that: why not all could be judged; code 0: it was */
	struct err unjudged;
	const struct step *at;          /* the step it is about, or NULL */
	bool ones;                      /* its condition read all ones: no answer */
	/* first undo, or step of a tail, that failed as well; code 0: none did */
	struct err undo;
	size_t nfailed;                 /* steps that failed, undo steps included */
	struct err note[EXEC_MAX_NOTES];        /* "try": the first that failed */
	size_t nnotes;                  /* all of them, may exceed EXEC_MAX_NOTES */
	size_t passed;                  /* steps passed by ("when"), part of steps_run */
	bool interrupted;               /* stopped on request, or past the deadline */
	/* FAILED, as ready() could not tell whether somebody uses the card */
	bool unasked;
	bool answers;                   /* afterwards the display function answers */
	uint64_t took_us;               /* whole attempt */
	uint64_t act_us;                /* the steps that act, alone */
	size_t steps_run;
	struct exec_evidence evidence[EXEC_MAX_EVIDENCE];
	size_t nevidence;
};

/* --- what must outlive this process ---------------------------------------------- */

/* Bits of a vendor register, as STEP_KEEP found them. */
struct exec_kept {
	struct bdf fn;
	struct reg reg;
	uint32_t mask, value;
};

/* How things were, for the steps that put them back. */
struct exec_memory {
	struct confsave saved[SLOT_FNS];
	size_t nsaved;
	struct exec_kept kept[EXEC_MAX_KEPT];
	size_t nkept;
};

/* How a step that is about to begin will be undone. */
struct exec_undo {
	const struct step *step;        /* the undo itself */
	size_t place;                   /* in the attempt; no other undo has the same */
	const struct confsave *image;   /* RESTORE: what it puts back */
	uint32_t value;                 /* PUT: the bits under its mask */
};

/*
 * Who writes intents down (run/journal.h). intend() is called before a step begins, once
 * for each undo step of it (a program's tail is none), for SAVE and KEEP after the read;
 * also for the driver_override that STEP_BIND changes for a moment. When it fails, the
 * step fails before anything was done. undone(): that undo was done.
 *
 * danger() is called after that, before the first step of an attempt that may hang the
 * host, and before one that risks more; when it fails, that step is not done either. But
 * an undo, or a program's tail, is done all the same if danger() has succeeded earlier in
 * this attempt.
 */
struct exec_keep {
	void (*begin)(void *arg);       /* an attempt begins */
	int (*intend)(void *arg, const struct exec_undo *undo, struct err *err);
	void (*undone)(void *arg, size_t place);
	/* Both may be NULL. */
	int (*danger)(void *arg, const struct attempt *a, const struct step *s,
		      struct err *err);
	void (*end)(void *arg);         /* the attempt is over, whatever its result */
	void *arg;
	/*
	 * What an earlier process remembered, or NULL. RESTORE passes over a function
	 * that is another one by now, or was given other BARs (a note says so).
	 */
	const struct exec_memory *memory;
};

/* Told about every step; any function may be NULL. */
struct exec_watch {
	void (*begin)(void *arg, const struct attempt *a, const struct step *s);
	/* Before end: its "when" does not hold, nothing was done. Then end has rc 0. */
	void (*passed)(void *arg, const struct attempt *a, const struct step *s);
	void (*end)(void *arg, const struct attempt *a, const struct step *s, int rc,
		    uint64_t took_us);
	/* Should the attempt stop? Undo steps run all the same. */
	bool (*stop)(void *arg);
	/*
	 * May the card still be touched? Asked before each attempt but an errand (@s is
	 * NULL), before each step that changes a driver or lets a function sleep, and
	 * before the first step that acts and is not passed by. 0; -EBUSY with who stands
	 * in the way in @err: a refusal; any other negative errno: that could not be
	 * told, a failure. Either way the attempt is undone and no other is made. Must
	 * be quick.
	 */
	int (*ready)(void *arg, const struct attempt *a, const struct step *s,
		     struct err *err);
	void *arg;
	const struct exec_keep *keep;   /* NULL: nothing is written down */
	/*
	 * Of hw_now(), 0: none; for recover_slot() alone, which waits no longer for a
	 * card that is gone. All others are told their deadline.
	 */
	uint64_t recover_until;
};

/*
 * Run one attempt. @deadline_us (of hw_now(); 0: none) makes waits fail early.
 * Everything there is to say is in @out.
 */
void exec_attempt(struct hw *hw, const struct plan *plan, const struct attempt *a,
		  const struct exec_watch *watch, uint64_t deadline_us,
		  struct exec_outcome *out);

/* Summary of a whole plan. */
struct exec_summary {
	const struct attempt *healthy;  /* the attempt that made it, or NULL */
	/* Why that cannot be called healthy (struct attempt, exec_outcome), or NULL */
	const char *unjudged;
	bool answers;                   /* the card answers at the end */
	size_t tried;                   /* attempts that were run, and not refused */
	bool interrupted;
	const struct exec_outcome *refused;     /* the attempt that was, or NULL */
	bool unasked;                   /* the last attempt's */
	uint64_t took_us;
};

/*
 * Walk the ladder: usable attempts in order until one ends healthy. After a failure
 * the next attempt runs only if the card still answers or the method can do without.
 * A refusal ends it, and so does a ready() that could not tell. An errand that did all
 * its steps counts as healthy.
 * @out has plan->nattempts elements.
 */
void exec_plan(struct hw *hw, const struct plan *plan, const struct exec_watch *watch,
	       uint64_t deadline_us, struct exec_outcome *out, struct exec_summary *sum);

#endif
