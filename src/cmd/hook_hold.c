// SPDX-License-Identifier: GPL-2.0-or-later
/* The stages that hold a card for a VM, or for several, and put back what was held. */
#include <string.h>
#include <syslog.h>

#include "cmd/hook_held.h"
#include "cmd/hook_work.h"
#include "run/held.h"

bool hook_errand(struct hook_work *w, struct plan *plan, struct err *err)
{
	struct exec_outcome out = { 0 };
	struct exec_summary sum;
	int rc = work_exec_plan(w->hw, w->job->o->run_dir, w->spec.bdf, plan, &w->watch,
				w->deadline, &out, &sum, err);

	if (!rc)
		*err = out.err;
	return !rc && out.result == EXEC_HEALTHY;
}

/* Write down what is held, and for whom. */
static void save_held(struct hook_work *w)
{
	struct err err = { 0 };

	if (held_write(w->job->o->run_dir, w->spec.bdf, &w->hold, &err))
		hook_log(w, LOG_WARNING, err.text);
}

static void hold_add(struct hook_work *w)
{
	held_add(&w->hold, w->job->ev->vm, w->job->set.pre_start_us, hw_now(w->hw));
}

/*
 * This VM has no more use for it; the start of another one may be about to, and has made
 * it ready: then it stays as it is. Who did so before this VM had it has it reset again.
 */
bool stage_leave(struct hook_work *w)
{
	const char *vm = w->job->ev->vm;
	const struct hold_vm *own = hold_vm_find(&w->hold, vm);
	size_t after = own && w->job->task == TASK_STOP ? (size_t)(own - w->hold.vm) : 0;

	if (hold_vm_drop(&w->hold, vm))
		save_held(w);
	if (!held_waits(&w->hold, after, vm, HELD_ANY, hw_now(w->hw)))
		return true;
	w->not_ours = true;
	hook_log(w, LOG_NOTICE, "left alone, it is made ready for another VM");
	return false;
}

/*
 * The other way round: another VM's start has made it ready and goes on. It may be
 * opened any moment; and it is ready for us as well, should PVE give it to us: then the
 * other one must not take back what is held.
 */
static bool wait_along(struct hook_work *w, const char *why)
{
	hold_add(w);
	save_held(w);
	return hook_not_ours(w, why);
}

/* PVE has its lock, and reserves the card only later. */
bool stage_starting(struct hook_work *w)
{
	const struct hold_vm *other = held_waits(&w->hold, 0, w->job->ev->vm,
						 HELD_LOCKED, hw_now(w->hw));
	char text[HOLD_VM + 64];

	if (!other)
		return true;
	snprintf(text, sizeof(text), ", the start of VM %s is about to use it",
		 other->name);
	return wait_along(w, text);
}

/* Nobody has it open, and nothing tells whether that start still goes on. */
bool stage_made_ready(struct hook_work *w)
{
	uint64_t now = hw_now(w->hw);
	const struct hold_vm *other = held_waits(&w->hold, 0, w->job->ev->vm,
						 HELD_RECENT, now);
	char text[HOLD_VM + 64];

	if (!other)
		return true;
	snprintf(text, sizeof(text), ", it was made ready for the start of VM %s %llu s "
		 "ago", other->name, (unsigned long long)held_age_s(other, now));
	return wait_along(w, text);
}

/* It may have been made ready for others as well. */
bool stage_claim(struct hook_work *w)
{
	if (!w->hold.nvms)
		return false;
	held_claim(&w->hold, w->job->ev->vm, hw_now(w->hw));
	save_held(w);
	return true;
}

bool stage_hold(struct hook_work *w)
{
	struct study *s = &w->s;
	struct plan plan = { 0 };
	struct err err = { 0 };
	int rc = hold_plan(&plan, w->hw, &s->target, s->quirk, &s->hits,
			   HOLD_VFIO | HOLD_AWAKE | HOLD_PIN, &w->hold, &err);

	/* nobody has it open, and no other start goes on: who else is named has died */
	w->hold.nvms = 0;
	hold_add(w);
	/* on disk before it is done: whoever kills us leaves the old values */
	if (!rc)
		rc = held_write(w->job->o->run_dir, w->spec.bdf, &w->hold, &err);
	w->hold_failed.code = 0;
	if (rc || (plan.attempt[0].nsteps && !hook_errand(w, &plan, &err)))
		w->hold_failed = err;
	plan_free(&plan);
	return true;
}

/* After the reset: a removed function is a new one, and what failed may do now. */
bool stage_hold_again(struct hook_work *w)
{
	stage_hold(w);
	if (w->hold_failed.code)
		return hook_fail(w, EXIT_FAILED, w->hold_failed.text);
	return true;
}

/* Nobody has it open; somebody's start may still wait for it. */
void hook_put_back(struct hook_work *w)
{
	bool drivers = w->job->set.after_stop == AFTER_STOP_HOST_DRIVER;
	struct err err = { 0 };

	hold_vm_drop(&w->hold, w->job->ev->vm);
	if (held_waits(&w->hold, 0, NULL, HELD_ANY, hw_now(w->hw))) {
		save_held(w);
		return;
	}
	if (held_put_back(w->hw, w->job->o->run_dir, w->spec.bdf, w->s.quirk, drivers,
			  &w->hold, &w->watch, w->deadline, &err))
		hook_say(w, "not all could be put back as it was: %s", err.text);
}
