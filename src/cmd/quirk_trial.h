/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One method of one quirk file, run once on the obliging device, with one thing going
 * wrong or nothing. What follows from it is quirk_judge.c's business.
 */
#ifndef GPURESET_CMD_QUIRK_TRIAL_H
#define GPURESET_CMD_QUIRK_TRIAL_H

#include "cmd/cmd.h"
#include "cmd/oblige.h"
#include "hw/hw_shim.h"
#include "run/exec.h"

/* How this run is to go. */
struct trial_case {
	bool whens_false;       /* "when" conditions do not hold; else they do */
	int stuck;              /* number of the step that never holds, from 1; 0: none */
	bool answer;            /* what the step @stuck asks for reads @code instead */
	uint32_t code;
	enum shim_fault fault;
	uint64_t nth;
	bool lockdown;          /* the kernel is locked down */
	shim_trace_fn *trace;   /* told of every access of the run, or NULL */
	void *trace_arg;
};

/* What became of one step. */
struct trial_step {
	bool passed;            /* its "when" did not hold */
	bool done;              /* carried out, and it did not fail */
	uint64_t first;         /* number of its first access, from 1 */
};

struct trial {
	const struct quirk *quirk;
	struct oblige *card;
	struct study study;
	const struct attempt *attempt;  /* NULL: @err says why there is none */
	struct trial_case how;
	struct trial_step step[EXEC_MAX_STEPS];
	struct exec_outcome out;
	struct err err;                 /* no attempt, or contradicting conditions */
	uint64_t accesses;
	unsigned writes;                /* registers written by the program itself */
	bool hit;                       /* the fault changed something */
	uint32_t kept;                  /* a [restore] register before the step */
	bool settled;                   /* the end's conditions are all set up */
};

/* The ladder the file gives is ignored: only @method ("sequence baco", "flr"). */
void trial_run(struct trial *t, const struct quirk *q, const char *method,
	       const struct trial_case *how);
/* A machine and the plan for it, nothing run; @without_quirk: as if there were none. */
void trial_plan(struct trial *t, const struct quirk *q, const char *method,
		bool without_quirk);
void trial_close(struct trial *t);

/* Does the step come from the quirk file? */
bool trial_own(const struct step *s);

#endif
