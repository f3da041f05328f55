// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One card of a VM that starts or has stopped: a list of stages, each of which may be
 * the last. The slot's lock is held throughout.
 */
#include "cmd/hook_card.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "cmd/hook_held.h"
#include "cmd/open.h"
#include "cmd/report.h"
#include "cmd/work.h"
#include "plan/hold.h"
#include "run/held.h"
#include "run/idle.h"

#define DYING_US 15000000ull    /* a start waits that long for a QEMU that is ending */
#define MISSING_US 3000000ull   /* a rescan finds a card that is there at once */
#define SECONDS(us) ((double)(us) / 1e6)

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

/* Does the work go on with the next stage? */
typedef bool hook_stage(struct hook_work *w);

static bool is_start(const struct hook_work *w)
{
	return w->job->ev->phase == HOOK_PRE_START;
}

/* --- what is said -------------------------------------------------------------- */

static void work_log(const struct hook_work *w, int level, const char *text)
{
	char card[BDF_STR];

	syslog(level, "VM %s, %s, %s: %s", w->job->ev->vm,
	       hook_phase_str(w->job->ev->phase), bdf_spec_str(&w->spec, card), text);
}

__attribute__((format(printf, 2, 3)))
static void say(struct hook_work *w, const char *fmt, ...)
{
	char text[3 * ERR_TEXT], card[BDF_STR];
	char line[sizeof(text) + 256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	bdf_spec_str(&w->spec, card);
	snprintf(line, sizeof(line), "gpureset: %s%s%s: %s\n", card,
		 w->name[0] ? " " : "", w->name, text);
	channel_report(w->ch, line, strlen(line));
	work_log(w, LOG_NOTICE, text);
}

/* Something is wrong, but no reason to keep a VM from starting. Always false. */
static bool warn(struct hook_work *w, const char *text)
{
	say(w, "%s; %s", text, is_start(w) ? "the VM starts with the card as it is" :
	    "the next start of a VM with it tries again");
	return false;
}

/* To start with the card like this might take the host along. Always false. */
static bool fail(struct hook_work *w, int status, const char *text)
{
	char vm[HOLD_VM + 2];

	/* a spare card may not be the one that it gets */
	if (w->job->task != TASK_START || w->job->card->spare)
		return warn(w, text);
	if (w->job->set.start_anyway) {
		say(w, "%s; the VM starts all the same (start-anyway)", text);
		return false;
	}
	say(w, "%s; the VM is not started, as that might hang the host (to start it all "
	    "the same: 'start-anyway = yes' below [vm %s] in " GPURESET_CONFIG ")", text,
	    config_vm_str(w->job->ev->vm, vm, sizeof(vm)));
	w->status = status;
	return false;
}

/* Somebody asked us to stop, so the VM is not wanted any more. Always false. */
static bool stopped(struct hook_work *w)
{
	say(w, "stopped, as asked, before the card was ready%s", is_start(w) ?
	    "; the VM is not started" : "");
	w->status = is_start(w) ? EXIT_FAILED : 0;
	return false;
}

static bool not_ours(struct hook_work *w, const char *why)
{
	w->not_ours = true;
	if (!w->job->card->spare)
		say(w, "left alone%s", why);
	return false;
}

/* All there is to say about a run, for the journal. */
static void log_report(const struct hook_work *w, const struct report *r)
{
	char *text = NULL, *line, *rest;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return;
	report_text(r, f);
	fclose(f);
	rest = text;
	while ((line = strsep(&rest, "\n")))
		if (*line)
			work_log(w, LOG_INFO, line);
	free(text);
}

/* --- before anything is touched ------------------------------------------------ */

static bool look_id(struct hook_work *w, const char *name, uint16_t *id)
{
	char text[16];

	if (hw_attr_read(w->hw, w->fn[0], name, text, sizeof(text), NULL))
		return false;
	*id = (uint16_t)strtoul(text, NULL, 16);
	return true;
}

static void look_name(struct hook_work *w)
{
	uint16_t vendor, device;

	if (w->nfns && look_id(w, "vendor", &vendor) && look_id(w, "device", &device))
		hw_name(w->hw, vendor, device, w->name, sizeof(w->name));
}

/* The functions that are there now. */
static bool stage_look(struct hook_work *w)
{
	w->nfns = 0;
	for (uint8_t i = 0; i < SLOT_FNS; i++) {
		struct bdf fn = w->spec.bdf;

		fn.fn = w->spec.whole_slot ? i : fn.fn;
		if (hw_attr_exists(w->hw, fn, "vendor"))
			w->fn[w->nfns++] = fn;
		if (!w->spec.whole_slot)
			break;
	}
	look_name(w);
	return true;
}

/* Write down what is held, and for whom. */
static void save_held(struct hook_work *w)
{
	struct err err = { 0 };

	if (held_write(w->job->o->run_dir, w->spec.bdf, &w->hold, &err))
		work_log(w, LOG_WARNING, err.text);
}

/*
 * This VM has no more use for it; the start of another one may be about to, and has made
 * it ready: then it stays as it is. Who did so before this VM had it has it reset again.
 */
static bool stage_leave(struct hook_work *w)
{
	const char *vm = w->job->ev->vm;
	const struct hold_vm *own = hold_vm_find(&w->hold, vm);
	size_t after = own && w->job->task == TASK_STOP ? (size_t)(own - w->hold.vm) : 0;

	if (hold_vm_drop(&w->hold, vm))
		save_held(w);
	if (!held_waits(&w->hold, after, vm, HELD_ANY, hw_now(w->hw)))
		return true;
	w->not_ours = true;
	work_log(w, LOG_NOTICE, "left alone, it is made ready for another VM");
	return false;
}

/*
 * The other way round: another VM's start has made it ready and goes on. It may be
 * opened any moment; and it is ready for us as well, should PVE give it to us: then the
 * other one must not take back what is held.
 */
static bool wait_along(struct hook_work *w, const char *why)
{
	held_add(&w->hold, w->job->ev->vm, hw_now(w->hw));
	save_held(w);
	return not_ours(w, why);
}

/* PVE has its lock, and reserves the card only later. */
static bool stage_starting(struct hook_work *w)
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
static bool stage_made_ready(struct hook_work *w)
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

/* Does it belong to another VM by now? -EBUSY with to which; or an error. */
static int still_ours(void *arg, struct err *err)
{
	const struct hook_work *w = arg;
	struct pve_resvs resvs = { 0 };
	int rc = pve_resv_read(&resvs, w->job->o->qemu_run, err);
	unsigned owner;

	if (rc)
		return rc;
	owner = hook_owner(&resvs, w->job->o, &w->spec, w->job->ev->vmid);
	pve_resv_free(&resvs);
	return owner ? err_set(err, EBUSY, "it belongs to VM %u", owner) : 0;
}

/* Asked with the lock held: what was true before may be no longer. */
static bool stage_owner(struct hook_work *w)
{
	struct err err = { 0 };
	char text[64];
	int rc = still_ours(w, &err);

	if (!rc)
		return true;
	if (rc != -EBUSY)
		return fail(w, EXIT_FAILED, err.text);
	snprintf(text, sizeof(text), ", %.60s", err.text);
	return not_ours(w, text);
}

static bool work_stop(void *arg)
{
	const struct hook_work *w = arg;

	return channel_stop(w->ch);
}

/*
 * In use at a start: by another VM, then PVE refuses by itself; by anything else it does
 * not: it takes the host's driver off under whoever uses it, or resets what the kernel
 * still closes.
 */
static bool idle_in_use(struct hook_work *w, int rc, const struct hw_holder *who,
			const char *why)
{
	char text[ERR_TEXT + 32];
	bool vm = !strncmp(who->what, "/dev/vfio/", 10);

	snprintf(text, sizeof(text), ", it is in use: %s", why);
	if (rc == -EBUSY && (vm || !is_start(w) || w->job->card->spare))
		return not_ours(w, text);
	w->not_ours = true;
	return fail(w, EXIT_BUSY, why);
}

static bool stage_idle(struct hook_work *w)
{
	uint64_t now = hw_now(w->hw);
	uint64_t until = is_start(w) ? now + DYING_US : now + (w->deadline - now) / 2;
	struct hw_holder who = { 0 };
	struct err err = { 0 };
	int rc;

	channel_step(w->ch, "waiting until the card is let go", until - now);
	rc = idle_wait(w->hw, w->fn, w->nfns, until, work_stop, w, &who, &err);
	if (!rc)
		return true;
	if (rc == -EBUSY || rc == -ETIMEDOUT)
		return idle_in_use(w, rc, &who, err.text);
	w->not_ours = true;
	return rc == -ECANCELED ? stopped(w) : fail(w, EXIT_FAILED, err.text);
}

static bool is_there(const struct hook_work *w)
{
	for (size_t i = 0; i < w->nfns; i++)
		if (bdf_eq(w->fn[i], w->spec.bdf))
			return true;
	return false;
}

/*
 * What a killed worker left. Host drivers that it took off belong to what is held now:
 * the VM has the card.
 */
static bool recover_card(struct hook_work *w, bool again)
{
	const char *run_dir = w->job->o->run_dir;
	struct err err = { 0 };
	char text[3 * ERR_TEXT];
	int rc = work_recover(w->hw, run_dir, &w->spec, 0, &w->watch, &w->rec, &err);

	if (rc == -EBUSY)
		w->not_ours = true;
	if (rc)
		return fail(w, work_recover_status(rc), err.text);
	if (!w->rec.found)
		return true;
	if (w->rec.later)
		work_take_drivers(run_dir, w->spec.bdf, &w->hold, &w->rec);
	/* what is not on the bus is looked for first, then it is tried again */
	if (w->rec.failed && !again && stage_look(w) && !is_there(w))
		return true;
	work_recovered(&w->rec, text, sizeof(text));
	say(w, "%s", text);
	return true;
}

static bool stage_recover(struct hook_work *w)
{
	return recover_card(w, false);
}

static bool stage_recover_rest(struct hook_work *w)
{
	return !w->rec.failed || recover_card(w, true);
}

/* --- errands ------------------------------------------------------------------- */

static bool errand_run(struct hook_work *w, struct plan *plan, struct err *err)
{
	struct exec_outcome out = { 0 };
	struct exec_summary sum;
	int rc = work_exec_plan(w->hw, w->job->o->run_dir, w->spec.bdf, plan, &w->watch,
				w->deadline, &out, &sum, err);

	if (!rc)
		*err = out.err;
	return !rc && out.result == EXEC_HEALTHY;
}

static bool not_found(struct hook_work *w)
{
	say(w, "is not on the bus and a rescan does not find it%s", is_start(w) ?
	    "; Proxmox VE will refuse to start with it" : "");
	return false;
}

/* The function that was named, or function 0: without it PVE has no card to give. */
static bool stage_bring_back(struct hook_work *w)
{
	struct plan plan;
	struct err err = { 0 };
	bool done;

	if (is_there(w))
		return true;
	missing_plan(&plan, w->hw, &w->spec, MISSING_US);
	done = errand_run(w, &plan, &err);
	plan_free(&plan);
	if (!done)
		return not_found(w);
	say(w, "was not on the bus; a rescan found it");
	return stage_look(w);
}

static bool stage_hold(struct hook_work *w)
{
	struct study *s = &w->s;
	struct plan plan = { 0 };
	struct err err = { 0 };
	int rc = hold_plan(&plan, w->hw, &s->target, s->quirk, &s->hits,
			   HOLD_VFIO | HOLD_AWAKE | HOLD_PIN, &w->hold, &err);

	/* nobody has it open, and no other start goes on: who else is named has died */
	w->hold.nvms = 0;
	held_add(&w->hold, w->job->ev->vm, hw_now(w->hw));
	/* on disk before it is done: whoever kills us leaves the old values */
	if (!rc)
		rc = held_write(w->job->o->run_dir, w->spec.bdf, &w->hold, &err);
	w->hold_failed.code = 0;
	if (rc || (plan.attempt[0].nsteps && !errand_run(w, &plan, &err)))
		w->hold_failed = err;
	plan_free(&plan);
	return true;
}

/* After the reset: a removed function is a new one, and what failed may do now. */
static bool stage_hold_again(struct hook_work *w)
{
	stage_hold(w);
	if (w->hold_failed.code)
		return fail(w, EXIT_FAILED, w->hold_failed.text);
	return true;
}

/* Nobody has it open; somebody's start may still wait for it. */
static void put_back(struct hook_work *w)
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
		say(w, "not all could be put back as it was: %s", err.text);
}

/* --- the card ------------------------------------------------------------------ */

static bool stage_study(struct hook_work *w)
{
	const struct hook_job *j = w->job;
	const struct plan_opts opts = {
		.allowed = j->set.allowed, .nallowed = j->set.nallowed,
	};
	struct err err = { 0 };
	int status;

	w->told.guarded = NULL;
	study_free(&w->s);
	w->studied = false;
	status = study_target(&w->s, w->hw, j->db, &w->spec, &opts, &err);
	w->studied = !status;
	w->told.guarded = w->studied ? &w->s.plan : NULL;
	return w->studied || fail(w, status, err.text);
}

static bool stage_gpu(struct hook_work *w)
{
	const struct target *t = &w->s.target;

	for (size_t i = 0; i < t->nfns; i++)
		if (class_is_gpu(t->fn[i].class_code))
			return true;
	return false;
}

static bool stage_refused(struct hook_work *w)
{
	const struct plan *plan = &w->s.plan;
	char text[ERR_TEXT];

	if (!plan->refusal)
		return true;
	w->not_ours = true;
	if (plan->refusal_config)
		return fail(w, EXIT_CONFIG, plan->refusal);
	snprintf(text, sizeof(text), ": %s", plan->refusal);
	return not_ours(w, text);
}

/* "none, sequence baco, hot_reset" */
static bool stage_only_report(struct hook_work *w)
{
	const struct plan *plan = &w->s.plan;
	char list[256] = "";
	size_t n = 0;

	for (size_t i = 0; i < plan->nattempts && n < sizeof(list); i++)
		if (plan->attempt[i].usable == ATTEMPT_YES)
			n += (size_t)snprintf(list + n, sizeof(list) - n, "%s%s",
					      n ? ", " : "", plan->attempt[i].name);
	say(w, "only reported, nothing done: would try %s", n ? list : "nothing, as no "
	    "method applies");
	return false;
}

static const struct exec_outcome *last_tried(const struct report *r)
{
	const struct exec_outcome *last = NULL;

	for (size_t i = 0; i < r->study->plan.nattempts; i++)
		if (r->out[i].result == EXEC_FAILED || r->out[i].result == EXEC_UNHEALTHY)
			last = &r->out[i];
	return last;
}

static const char *first_refused(const struct plan *plan)
{
	for (size_t i = 0; i < plan->nattempts; i++)
		if (plan->attempt[i].usable == ATTEMPT_REFUSED)
			return plan->attempt[i].reason;
	return NULL;
}

/* Was it seen to be used, or is there just no way to tell that it is not? */
static bool card_was_used(const struct report *r)
{
	const struct plan *plan = &r->study->plan;

	for (size_t i = 0; i < plan->nattempts; i++)
		if (!strcmp(plan->attempt[i].method->name, "none"))
			return r->out[i].result == EXEC_SKIPPED;
	return false;
}

static bool card_done(struct hook_work *w, const struct report *r)
{
	const struct exec_summary *sum = r->sum;

	if (strcmp(sum->healthy->method->name, "none"))
		say(w, "%sreset by %s in %.2f s, healthy",
		    is_start(w) && card_was_used(r) ? "was used; " : "",
		    sum->healthy->name, SECONDS(sum->took_us));
	return true;
}

static bool card_failed(struct hook_work *w, const struct report *r, int status)
{
	const struct exec_outcome *last = last_tried(r);
	const struct plan *plan = &w->s.plan;
	char text[2 * ERR_TEXT];

	if (r->sum->refused) {
		snprintf(text, sizeof(text), ": %s", r->sum->refused->err.text);
		return not_ours(w, text);
	}
	if (r->sum->interrupted && channel_stop(w->ch))
		return stopped(w);
	if (r->sum->healthy)
		snprintf(text, sizeof(text), "reset by %s, but not known to be healthy: "
			 "%s", r->sum->healthy->name, plan->unjudged);
	else if (last)
		snprintf(text, sizeof(text), "NOT healthy after %zu attempt%s in %.1f s: "
			 "%s", r->sum->tried, r->sum->tried == 1 ? "" : "s",
			 SECONDS(r->sum->took_us), last->err.text);
	else if (first_refused(plan))
		snprintf(text, sizeof(text), "not reset: %s", first_refused(plan));
	else
		snprintf(text, sizeof(text), "not reset: %s", status == EXIT_LOST ?
			 "it does not answer, and nothing can be tried" :
			 "no reset method applies to it");
	/* a card that does not answer, or is left half done, may take the host along */
	if (status == EXIT_LOST || r->sum->interrupted)
		return fail(w, status, text);
	warn(w, text);
	return true;
}

static bool stage_reset(struct hook_work *w)
{
	const struct options quiet = { .verbose = true };
	struct exec_summary sum = { 0 };
	struct report r = { .study = &w->s, .opts = &quiet, .sum = &sum };
	struct exec_outcome *out = calloc(w->s.plan.nattempts + 1, sizeof(*out));
	struct err err = { 0 };
	int status;
	bool on;

	if (!out)
		return fail(w, EXIT_FAILED, "no memory");
	if (work_exec_plan(w->hw, w->job->o->run_dir, w->spec.bdf, &w->s.plan, &w->watch,
			   w->deadline, out, &sum, &err)) {
		free(out);
		return fail(w, EXIT_CONFIG, err.text);
	}
	r.out = out;
	status = report_status(&r);
	log_report(w, &r);
	on = status == EXIT_HEALTHY ? card_done(w, &r) : card_failed(w, &r, status);
	free(out);
	return on;
}

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

/* It may have been made ready for others as well. */
static bool stage_claim(struct hook_work *w)
{
	if (!w->hold.nvms)
		return false;
	held_claim(&w->hold, w->job->ev->vm);
	save_held(w);
	return true;
}

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
		work_log(w, LOG_WARNING, err.text);
	if (w->job->task == TASK_GIVE_BACK && !w->hold.n && !w->hold.nvms)
		return;
	while (*stage && (*stage)(w))
		stage++;
	if (work_puts_back(w))
		put_back(w);
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
		fail(&w, open_status(&err), err.text);
		return w.status;
	}
	w.told.ask = w.hw;
	w.told.owner = still_ours;
	w.told.owner_arg = &w;
	w.deadline = hw_now(w.hw) + j->work_us;
	work_run(&w);
	study_free(&w.s);
	hw_close(w.hw);
	return w.status;
}
