/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Between the files of the executor: exec.c (attempts, undo, the ladder), exec_steps.c
 * (one function a kind of step), exec_reg.c (registers and conditions). Together they
 * are the one writer.
 */
#ifndef GPURESET_RUN_EXEC_INTERNAL_H
#define GPURESET_RUN_EXEC_INTERNAL_H

#include "run/exec.h"

#define HEALTH_AGAIN 3          /* more reads that must agree with the first */

/* An attempt that is being run. */
struct exec {
	struct hw *hw;
	const struct plan *plan;
	const struct attempt *a;
	const struct exec_watch *watch;
	const struct exec_keep *keep;   /* or NULL */
	uint64_t deadline;
	struct exec_outcome *out;
	size_t at;                      /* index of the step that is being done */
	struct exec_memory mem;
	/* place of the intent of the BIND that changed driver_override last */
	size_t override_of;
	bool override_mute;             /* nothing was written down this time */
	enum quirk_risk told;           /* the risk that keep->danger() knows of */
	const struct reg_cond *cond;    /* the condition read last, and its value */
	uint32_t value;
	bool ones;                      /* ... one of its alternatives read all ones */
	bool undoing;
	bool acting;                    /* the first step that acts has begun */
	bool tail_failed;
	bool rest_passed;               /* ... of the statement that is being done */
	uint8_t started[EXEC_MAX_STEPS / 8];
	uint8_t intended[EXEC_MAX_STEPS / 8];   /* undo steps that were written down */
};

/* Does the step; 0 or a negative errno with @err filled. By kind. */
typedef int exec_step_fn(struct exec *x, const struct step *s, struct err *err);
extern exec_step_fn *const exec_steps[STEP_KINDS];

static inline bool exec_bit(const uint8_t *bits, size_t i)
{
	return bits[i / 8] & 1 << i % 8;
}

/* --- exec.c --------------------------------------------------------------------- */

/* Writes down how the step that is being done will be undone: all of it, or nothing. */
int exec_intend(struct exec *x, struct err *err);

/* --- exec_reg.c ----------------------------------------------------------------- */

/* The whole register, through its index if it has one. */
int exec_read(struct exec *x, struct bdf fn, const struct reg *r, uint32_t *val,
	      struct err *err);
int exec_write(struct exec *x, struct bdf fn, const struct reg *r, uint32_t val,
	       struct err *err);

/* "BAR5 offset 0x1504" */
void exec_where(const struct reg *r, char *buf, size_t n);

/* 1: one of the step's conditions holds, 0: none does, negative: could not read. */
int exec_holds(struct exec *x, const struct step *s, struct err *err);

/* Is the function there: its id is neither all ones nor "not yet"? */
bool exec_answers(struct exec *x, struct bdf fn);

/* 1: the step is to be done, 0: passed by, negative: could not be told. */
int exec_when(struct exec *x, const struct step *s, struct err *err);

/* @err with the six facts of a condition that did not hold for @waited_us. */
int exec_missed(const struct exec *x, const struct step *s, int code,
		uint64_t waited_us, struct err *err);

/* A health check's value is kept; a "try" that failed is, and its statement left. */
void exec_note_evidence(struct exec *x, const struct step *s);
void exec_noted(struct exec *x, const struct step *s, const struct err *err);

/* --- exec_steps.c --------------------------------------------------------------- */

/* What SAVE remembers of @fn, and KEEP of the register of @s; or NULL. */
const struct confsave *exec_saved(const struct exec *x, struct bdf fn);
const struct exec_kept *exec_kept_for(const struct exec *x, const struct step *s);

/* Has step number @step (1-based, as in step.undo_of) begun? */
bool exec_started(const struct exec *x, int step);

/* Has a stop been asked for, or the deadline passed? And is it to be obeyed now? */
bool exec_asked(const struct exec *x);
bool exec_stop(const struct exec *x);

#endif
