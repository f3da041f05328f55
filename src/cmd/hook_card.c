// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One card of a VM that starts or has stopped: a list of stages, each of which may be
 * the last. The slot's lock is held throughout.
 */
#include "cmd/hook_card.h"

#include <syslog.h>

#include "cmd/hook_work.h"
#include "cmd/open.h"
#include "run/held.h"

/* --- the two phases ------------------------------------------------------------ */

static hook_stage *const start_stages[] = {
	stage_look, stage_owner, stage_starting, stage_idle, stage_made_ready,
	stage_recover, stage_look, stage_bring_back, stage_recover_rest, stage_study,
	stage_gpu, stage_refused, stage_hold, stage_study, stage_refused, stage_reset,
	stage_hold_again, NULL,
};

static hook_stage *const stop_stages[] = {
	stage_look, stage_leave, stage_owner, stage_idle, stage_recover, stage_look,
	stage_bring_back, stage_recover_rest, stage_study, stage_gpu, stage_refused,
	stage_reset, NULL,
};

static hook_stage *const report_stages[] = {
	stage_look, stage_study, stage_gpu, stage_refused, stage_only_report, NULL,
};

static hook_stage *const give_back_stages[] = {
	stage_look, stage_leave, stage_owner, stage_idle, stage_recover, stage_look,
	stage_study, NULL,
};

static hook_stage *const claim_stages[] = { stage_claim, NULL };

static hook_stage *const *const tasks[] = {
	[TASK_START] = start_stages, [TASK_STOP] = stop_stages,
	[TASK_REPORT] = report_stages, [TASK_CLAIM] = claim_stages,
	[TASK_GIVE_BACK] = give_back_stages,
};

/*
 * A start that is stopped here is followed by no post-stop. What is known of the card,
 * if only its entry, decides what may be put back.
 */
static bool work_puts_back(const struct hook_work *w)
{
	if (w->not_ours || !w->studied)
		return false;
	return w->job->task == TASK_START ? w->status != 0 :
	       w->job->task != TASK_REPORT;
}

static void work_run(struct hook_work *w)
{
	hook_stage *const *stage = tasks[w->job->task];
	struct err err = { 0 };

	if (held_read(w->job->o->run_dir, w->spec.bdf, &w->hold, &err))
		hook_log(w, LOG_WARNING, err.text);
	if (w->job->task == TASK_GIVE_BACK && !w->hold.n && !w->hold.nvms)
		return;
	while (*stage && (*stage)(w))
		stage++;
	if (work_puts_back(w))
		hook_put_back(w);
}

int hook_card_work(struct job *job, struct channel *ch)
{
	const struct hook_job *j = job->arg;
	struct hook_work w = { .job = j, .ch = ch, .spec = j->card->spec };
	struct err err = { 0 };

	openlog("gpureset", LOG_PID, LOG_DAEMON);
	w.told.ch = ch;
	w.watch = work_watch(&w.told);
	w.hw = open_hw(j->o, &err);
	if (!w.hw) {
		hook_fail(&w, open_status(&err), err.text);
		return w.status;
	}
	w.told.ask = w.hw;
	w.told.owner = hook_still_ours;
	w.told.owner_arg = &w;
	w.deadline = hw_now(w.hw) + j->work_us;
	w.watch.recover_until = w.deadline;
	work_run(&w);
	study_free(&w.s);
	hw_close(w.hw);
	return w.status;
}
