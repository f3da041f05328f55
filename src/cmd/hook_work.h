/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the stages of a hook's worker share; for hook_card.c and the files of stages. */
#ifndef GPURESET_CMD_HOOK_WORK_H
#define GPURESET_CMD_HOOK_WORK_H

#include "cmd/hook_card.h"
#include "cmd/report.h"
#include "cmd/work.h"

struct hook_work {
	const struct hook_job *job;
	struct channel *ch;
	struct hw *hw;
	struct bdf_spec spec;
	char name[128];                 /* "" while it is not on the bus */
	struct bdf fn[SLOT_FNS];        /* those that are on the bus */
	size_t nfns;
	struct study s;
	struct hold hold;
	struct err hold_failed;         /* code 0: nothing did */
	struct recovery rec;
	struct work_watch told;
	struct exec_watch watch;
	uint64_t deadline;
	bool studied;
	bool not_ours;                  /* somebody else has it: nothing is put back */
	int status;
};

bool hook_is_start(const struct hook_work *w);

/* --- what is said (hook_said.c) ---------------------------------------------------- */

/* A line for syslog, of that level. */
void hook_log(const struct hook_work *w, int level, const char *text);
/* A line for the task log, and for syslog. */
void hook_say(struct hook_work *w, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* All there is to say about a run, for syslog. */
void hook_log_report(const struct hook_work *w, const struct report *r);

/* These are always false, for a stage to end with. */

/* Something is wrong, but no reason to keep a VM from starting. */
bool hook_warn(struct hook_work *w, const char *text);
/* To start with the card like this might take the host along: @status for the hook. */
bool hook_fail(struct hook_work *w, int status, const char *text);
/* Somebody asked us to stop, so the VM is not wanted any more. */
bool hook_stopped(struct hook_work *w);
/* Somebody else has it: nothing is put back. */
bool hook_not_ours(struct hook_work *w, const char *why);

/* --- stages ------------------------------------------------------------------------ */

/* Does the work go on with the next stage? */
typedef bool hook_stage(struct hook_work *w);

/* hook_look.c */
hook_stage stage_look, stage_owner, stage_idle, stage_recover, stage_bring_back,
	stage_recover_rest;
/* hook_hold.c */
hook_stage stage_leave, stage_starting, stage_made_ready, stage_claim, stage_hold,
	stage_hold_again;
/* hook_verdict.c */
hook_stage stage_study, stage_gpu, stage_refused, stage_only_report, stage_reset;

/* For struct work_watch, @arg a struct hook_work: -EBUSY when it is another VM's. */
int hook_still_ours(void *arg, struct err *err);
/* A plan that only prepares or puts back; false: it failed, @err says how. */
bool hook_errand(struct hook_work *w, struct plan *plan, struct err *err);
/* Nobody has the card open; a start that waits for it keeps what is held. */
void hook_put_back(struct hook_work *w);

#endif
