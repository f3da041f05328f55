/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a worker does for one card when its VM starts or has stopped. */
#ifndef GPURESET_CMD_HOOK_CARD_H
#define GPURESET_CMD_HOOK_CARD_H

#include "cmd/hook.h"
#include "run/supervise.h"

enum hook_task {
	TASK_NONE,
	TASK_START,             /* all of pre-start */
	TASK_STOP,              /* all of post-stop */
	TASK_REPORT,            /* hook = only-report: look and say */
	TASK_CLAIM,             /* the VM has got it: who waited for it has to know */
	TASK_GIVE_BACK,         /* put back what is held, no more */
};

/* One card, from the supervisor's side to the worker's (inherited by fork). */
struct hook_job {
	const struct options *o;
	const struct quirk_db *db;
	const struct hook_event *ev;
	const struct hook_card *card;
	enum hook_task task;
	struct settings set;
	uint64_t work_us;               /* for the work, when it has the lock */
};

/*
 * The work function of a struct job whose arg is a struct hook_job. Its report are the
 * lines for the task log; its status is what the hook has to end with, 0 unless the VM
 * must not start.
 */
int hook_card_work(struct job *job, struct channel *ch);

#endif
