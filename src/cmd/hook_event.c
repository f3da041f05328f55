// SPDX-License-Identifier: GPL-2.0-or-later
/* The cards of a VM that starts or has stopped, all at once: a worker for each. */
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "cmd/hook_card.h"
#include "run/supervise.h"

/*
 * A reset that another VM's stop has begun is waited for; it has as long as this at
 * most (PVE's locks give up after 60 s).
 */
#define START_LOCK_US 60000000ull
#define START_UNDO_US 30000000ull
#define SLACK_US 30000000ull
/* supervise(): how long it lets a worker that was asked to stop go on, and die. */
#define STOP_GRACE_US 2000000ull
#define STOP_KILL_US 3000000ull

const char *hook_phase_str(enum hook_phase phase)
{
	static const char *const text[] = {
		[HOOK_PRE_START] = "pre-start", [HOOK_POST_START] = "post-start",
		[HOOK_PRE_STOP] = "pre-stop", [HOOK_POST_STOP] = "post-stop",
	};

	return text[phase];
}

/* A tenth for the lock, a tenth for undoing, the rest of all there is for the work. */
uint64_t hook_stop_work_us(uint64_t all_us)
{
	return all_us - all_us / 10 - all_us / 10 - STOP_GRACE_US - STOP_KILL_US;
}

static struct supervise_opts event_opts(const struct options *o, enum hook_phase phase,
					uint64_t all_us)
{
	struct supervise_opts so = {
		.run_dir = o->run_dir, .slack_us = SLACK_US,
		.loop = o->poll ? LOOP_POLL : LOOP_AUTO,
		.grace_us = STOP_GRACE_US,
	};

	if (phase == HOOK_PRE_START) {
		so.lock_wait_us = START_LOCK_US;
		so.timeout_us = all_us;
		so.undo_us = START_UNDO_US;
	} else {
		so.lock_wait_us = all_us / 10;
		so.timeout_us = hook_stop_work_us(all_us);
		so.undo_us = all_us / 10;
	}
	return so;
}

/* --- which cards --------------------------------------------------------------- */

/* Another VM has it: let PVE say no, or be glad that it runs. */
static void card_not_ours(const struct hook_event *ev, const struct hook_card *c)
{
	const char *now = ev->phase == HOOK_PRE_START ? "" : "already ";
	char card[BDF_STR];

	if (c->spec.whole_slot)
		bdf_slot_str(c->spec.bdf, card);
	else
		bdf_str(c->spec.bdf, card);
	printf("gpureset: %s: left alone, it %sbelongs to VM %u\n", card, now, c->owner);
	syslog(LOG_NOTICE, "VM %s, %s, %s: left alone, it %sbelongs to VM %u", ev->vm,
	       hook_phase_str(ev->phase), card, now, c->owner);
}

/* A missing card may be a GPU: its worker sees when it is back. */
static bool card_ours(const struct hook_event *ev, const struct hook_card *c,
		      const struct settings *set)
{
	if (set->hook == HOOK_SKIP || c->vf || (c->present && !c->gpu))
		return false;
	if (!c->owner)
		return true;
	card_not_ours(ev, c);
	return false;
}

/* --- what came of it ----------------------------------------------------------- */

/* Of what the supervisor alone knows: locked, stuck, died. */
static int event_why(const struct hook_event *ev, const struct hook_job *hj,
		     const struct job *job)
{
	bool start = ev->phase == HOOK_PRE_START;
	bool stops = start && !hj->set.start_anyway;

	printf("gpureset: %s; %s\n", job->why, stops ? "the VM is not started, as that "
	       "might hang the host ('start-anyway = yes' in " GPURESET_CONFIG " lifts "
	       "this)" : start ? "the VM starts all the same (start-anyway)" :
	       "its next start tries again");
	syslog(LOG_WARNING, "VM %s, %s: %s", ev->vm, hook_phase_str(ev->phase), job->why);
	return stops ? job->status : 0;
}

static int event_end(const struct hook_event *ev, struct hook_job *hj, struct job *jobs,
		     size_t n)
{
	int status = 0;

	for (size_t i = 0; i < n; i++) {
		int one = jobs[i].status;

		if (jobs[i].report_len)
			fwrite(jobs[i].report, 1, jobs[i].report_len, stdout);
		if (jobs[i].why[0])
			one = event_why(ev, &hj[i], &jobs[i]);
		status = status ? status : one;
		free(jobs[i].report);
	}
	fflush(stdout);
	return ev->phase == HOOK_PRE_START ? status : 0;
}

int hook_event_run(const struct options *o, const struct config *conf,
		   const struct quirk_db *db, struct hook_event *ev)
{
	struct hook_job hj[VMDEV_MOST];
	struct job jobs[VMDEV_MOST];
	struct supervise_opts so;
	struct err err = { 0 };
	uint64_t most = 0;
	size_t n = 0;

	openlog("gpureset", LOG_PID, LOG_DAEMON);
	memset(jobs, 0, sizeof(jobs));
	for (size_t i = 0; i < ev->ncards; i++) {
		const struct hook_card *c = &ev->card[i];
		uint64_t limit;

		hj[n] = (struct hook_job){ .o = o, .db = db, .ev = ev, .card = c };
		config_settings(conf, ev->vm, c->spec.bdf, true, &hj[n].set);
		if (c->give_back)
			hj[n].set.after_stop = AFTER_STOP_HOST_DRIVER;
		if (!card_ours(ev, c, &hj[n].set))
			continue;
		limit = ev->phase == HOOK_PRE_START ? hj[n].set.pre_start_us :
						      hj[n].set.post_stop_us;
		most = limit > most ? limit : most;
		jobs[n] = (struct job){ .slot = c->spec.bdf, .work = hook_card_work,
					.no_lock = hj[n].set.hook == HOOK_ONLY_REPORT,
					.arg = &hj[n] };
		n++;
	}
	if (!n)
		return 0;
	so = event_opts(o, ev->phase, most);
	fflush(stdout);
	if (supervise(jobs, n, &so, &err) < 0)
		return complain(EXIT_FAILED, "%s", err.text);
	return event_end(ev, hj, jobs, n);
}
