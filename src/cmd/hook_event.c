// SPDX-License-Identifier: GPL-2.0-or-later
/* The cards of a VM that starts or has stopped, all at once: a worker for each. */
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "cmd/hook_card.h"
#include "cmd/work.h"
#include "run/sandbox.h"
#include "run/supervise.h"

/*
 * A reset that another VM's stop has begun is waited for; it has as long as this at
 * most (PVE's locks give up after 60 s).
 */
#define START_LOCK_US 60000000ull
#define START_UNDO_US 30000000ull
#define SLACK_US 30000000ull
#define HURRY_US 10000000ull    /* what the shortest post-stop-timeout leaves a stop */
#define STOP_GRACE_US 2000000ull        /* supervise(): a worker that was asked to stop */

const char *hook_phase_str(enum hook_phase phase)
{
	static const char *const text[] = {
		[HOOK_PRE_START] = "pre-start", [HOOK_POST_START] = "post-start",
		[HOOK_PRE_STOP] = "pre-stop", [HOOK_POST_STOP] = "post-stop",
	};

	return text[phase];
}

/* --- what is to be done --------------------------------------------------------- */

/* The workers of one round. */
struct round {
	const struct options *o;
	const struct hook_event *ev;
	struct hook_job hj[VMDEV_MOST];
	struct job job[VMDEV_MOST];
	size_t n;
	bool hurry;                     /* somebody asked us to stop */
	uint64_t most_us;               /* the longest time that any of them has in all */
	uint64_t work_us;               /* and for its work */
};

/* Of a VM that is skipped by now something may still be held. */
static enum hook_task task_of(enum hook_phase phase, const struct hook_card *card,
			      enum hook_policy policy)
{
	static const enum hook_task start[] = {
		[HOOK_RESET] = TASK_START, [HOOK_ONLY_REPORT] = TASK_REPORT,
		[HOOK_SKIP] = TASK_NONE,
	};

	if (phase == HOOK_PRE_START)
		return start[policy];
	if (card->got)
		return TASK_CLAIM;
	return phase == HOOK_POST_STOP && policy == HOOK_RESET && !card->only_held ?
	       TASK_STOP : TASK_GIVE_BACK;
}

/* A tenth for the lock, a tenth for undoing, the rest of all there is for the work. */
static uint64_t stop_work_us(uint64_t all_us)
{
	return all_us - all_us / 10 - all_us / 10 - STOP_GRACE_US - SUPERVISE_KILL_US;
}

static void round_add(struct round *r, const struct hook_job *hj)
{
	bool start = hj->task == TASK_START;
	uint64_t all = r->hurry ? HURRY_US :
		       start ? hj->set.pre_start_us : hj->set.post_stop_us;
	struct hook_job *own = &r->hj[r->n];

	*own = *hj;
	own->work_us = start ? all : stop_work_us(all);
	r->most_us = all > r->most_us ? all : r->most_us;
	r->work_us = own->work_us > r->work_us ? own->work_us : r->work_us;
	r->job[r->n++] = (struct job){ .slot = hj->card->spec.bdf, .work = hook_card_work,
				       .no_lock = hj->task == TASK_REPORT, .arg = own };
}

static void round_fill(struct round *r, const struct config *conf,
		       const struct quirk_db *db)
{
	const struct hook_event *ev = r->ev;

	for (size_t i = 0; i < ev->ncards; i++) {
		const struct hook_card *c = &ev->card[i];
		struct hook_job hj = { .o = r->o, .db = db, .ev = ev, .card = c };

		config_settings(conf, ev->vm, c->spec.bdf, true, &hj.set);
		if (c->give_back)
			hj.set.after_stop = AFTER_STOP_HOST_DRIVER;
		hj.task = task_of(ev->phase, c, hj.set.hook);
		if (hook_card_ours(c) && hj.task != TASK_NONE)
			round_add(r, &hj);
	}
}

/* --- what came of it ------------------------------------------------------------ */

/* Of what the supervisor alone knows: locked, stuck, died. */
static int round_why(const struct hook_job *hj, const struct job *job)
{
	const struct hook_event *ev = hj->ev;
	bool start = hj->task == TASK_START && !hj->card->spare;
	bool stops = start && !hj->set.start_anyway;

	printf("gpureset: %s; %s\n", job->why, stops ? "the VM is not started, as that "
	       "might hang the host ('start-anyway = yes' in " GPURESET_CONFIG " lifts "
	       "this)" : start ? "the VM starts all the same (start-anyway)" :
	       hj->task == TASK_CLAIM ? "its stop may leave the card to the next start" :
	       "the next start of a VM with it tries again");
	syslog(LOG_WARNING, "VM %s, %s: %s", ev->vm, hook_phase_str(ev->phase), job->why);
	return stops ? job->status : 0;
}

/* Prints what the workers have to say; the first status that is not 0. */
static int round_end(struct round *r)
{
	int status = 0;

	for (size_t i = 0; i < r->n; i++) {
		struct job *job = &r->job[i];

		if (job->report_len)
			fwrite(job->report, 1, job->report_len, stdout);
		if (job->why[0])
			job->status = round_why(&r->hj[i], job);
		status = status ? status : job->status;
		free(job->report);
		job->report = NULL;
	}
	fflush(stdout);
	return status;
}

/* PVE waits for a pre-start as long as it takes; not so for a stop. */
static struct supervise_opts round_opts(const struct round *r)
{
	bool start = r->ev->phase == HOOK_PRE_START && !r->hurry;

	return (struct supervise_opts){
		.run_dir = r->o->run_dir, .state_dir = r->o->state_dir,
		.loop = r->o->poll ? LOOP_POLL : LOOP_AUTO,
		.lock_wait_us = start ? START_LOCK_US : r->most_us / 10,
		.timeout_us = r->work_us,
		.slack_us = SLACK_US,
		.grace_us = STOP_GRACE_US,
		.undo_us = start ? START_UNDO_US : r->most_us / 10,
	};
}

static int round_run(struct round *r)
{
	/* the owner of a card is asked again with its lock held */
	const struct sandbox sb = {
		.read = { r->o->qemu_run, r->o->replay }, .more_follows = true,
	};
	struct supervise_opts so = round_opts(r);
	struct err err = { 0 };

	if (!r->n)
		return 0;
	so.sandbox = &sb;
	fflush(stdout);
	if (supervise(r->job, r->n, &so, &err) < 0)
		return complain(EXIT_FAILED, "%s", err.text);
	work_settle(r->o, r->job, r->n);
	return round_end(r);
}

/* The VM does not start because of one card: the others were made ready in vain. */
static void round_undo(const struct round *was)
{
	struct round undo = { .o = was->o, .ev = was->ev, .hurry = supervise_stopped() };

	for (size_t i = 0; i < was->n; i++) {
		struct hook_job hj = was->hj[i];

		hj.task = TASK_GIVE_BACK;
		if (was->hj[i].task == TASK_START && !was->job[i].status)
			round_add(&undo, &hj);
	}
	round_run(&undo);
}

/* --- what it is done by ----------------------------------------------------------- */

/* Do all the cards that are not skipped start whatever becomes of them? */
static bool load_anyway(const struct config *conf, const struct hook_event *ev,
			bool *any)
{
	bool anyway = true;

	*any = false;
	for (size_t i = 0; i < ev->ncards; i++) {
		struct settings set;

		config_settings(conf, ev->vm, ev->card[i].spec.bdf, true, &set);
		if (!hook_card_ours(&ev->card[i]) || set.hook == HOOK_SKIP)
			continue;
		*any = true;
		anyway &= set.start_anyway;
	}
	return anyway;
}

int hook_load(const struct options *o, struct config *conf, struct quirk_db *db,
	      const struct hook_event *ev)
{
	bool start = ev->phase == HOOK_PRE_START, any = true, anyway = false;
	int rc = config_open(conf, o->config);

	if (!rc) {
		anyway = load_anyway(conf, ev, &any);
		rc = any || !start ? load_quirks_to_act(o, db) : 0;
	}
	if (!rc || !start)
		return rc;
	if (anyway)
		return complain(0, "VM %s starts all the same (start-anyway), with its "
				"cards as they are", ev->vm);
	return complain(rc, "VM %s is not started before that is mended, as what must "
			"not be done to its cards is not known (or take its hookscript "
			"off)", ev->vm);
}

int hook_event_run(const struct options *o, const struct config *conf,
		   const struct quirk_db *db, struct hook_event *ev)
{
	struct round r = { .o = o, .ev = ev };
	int status;

	openlog("gpureset", LOG_PID, LOG_DAEMON);
	if (!db->n)     /* hook_load() has said why: nothing is done without quirks */
		return 0;
	round_fill(&r, conf, db);
	status = round_run(&r);
	if (ev->phase != HOOK_PRE_START)
		return 0;
	if (status)
		round_undo(&r);
	return status;
}
