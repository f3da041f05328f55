// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/work.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/report.h"
#include "hw/hw_linux.h"
#include "hw/hw_shim.h"
#include "plan/guards.h"
#include "plan/parts.h"
#include "run/freeze.h"
#include "run/held.h"
#include "run/lock.h"
#include "run/sandbox.h"
#include "run/trace.h"

/* --- steps, told to the supervisor ---------------------------------------------- */

static void watch_begin(void *arg, const struct attempt *a, const struct step *s)
{
	struct work_watch *w = arg;
	char line[512];

	(void)a;
	w->passed = false;
	step_print(s, line, sizeof(line));
	channel_step(w->ch, line, s->limit_us);
}

static void watch_passed(void *arg, const struct attempt *a, const struct step *s)
{
	struct work_watch *w = arg;

	(void)a;
	(void)s;
	w->passed = true;
}

static void watch_end(void *arg, const struct attempt *a, const struct step *s, int rc,
		      uint64_t took_us)
{
	struct work_watch *w = arg;
	char line[640];
	size_t n;

	if (!w->verbose)
		return;
	if (w->plan)
		report_step(w->plan, a, s, line, sizeof(line) - 64);
	else
		step_print(s, line, sizeof(line) - 64);
	n = strlen(line);
	snprintf(line + n, sizeof(line) - n, "  -> %s, %llu us",
		 rc ? strerror(-rc) : w->passed ? "passed by" : "ok",
		 (unsigned long long)took_us);
	channel_note(w->ch, line);
}

static bool watch_stop(void *arg)
{
	const struct work_watch *w = arg;

	return channel_stop(w->ch);
}

static int watch_ready(void *arg, const struct attempt *a, const struct step *s,
		       struct err *err)
{
	const struct work_watch *w = arg;
	int rc;

	if (!w->ask || !w->guarded)
		return 0;
	rc = guard_again(w->ask, w->guarded, a, s, err);
	return !rc && w->owner ? w->owner(w->owner_arg, err) : rc;
}

struct exec_watch work_watch(struct work_watch *w)
{
	return (struct exec_watch){
		.begin = watch_begin, .passed = watch_passed, .end = watch_end,
		.stop = watch_stop, .ready = watch_ready, .arg = w,
	};
}

/* --- the trace -------------------------------------------------------------------- */

/* What is done to a card between two points: traced where it is asked for, and kept. */
struct work_traced {
	struct trace_watch watch;
	struct trace *own;              /* nobody asked for it: for the kept file alone */
	struct hw *shim;
};

/* @hw and @watch become traced ones, if that is asked for or kept. */
static void work_trace(struct work_traced *w, const char *run_dir, struct bdf slot,
		       const struct plan *plan, struct hw **hw, struct exec_watch *watch)
{
	struct trace *t = trace_of(*hw);

	*w = (struct work_traced){ .watch = { .inner = *watch, .plan = plan } };
	if (!t && run_dir) {
		w->own = t = trace_open(NULL);
		*hw = trace_hw(t, *hw);
		w->shim = *hw;
	}
	if (!t)
		return;
	if (run_dir)
		trace_keep(t, run_dir, slot, NULL);     /* if not, it goes without */
	w->watch.t = t;
	*watch = trace_watch(&w->watch);
}

static void work_trace_end(struct work_traced *w)
{
	if (!w->watch.t)
		return;
	trace_watch_end(&w->watch);
	trace_keep_end(w->watch.t);
	if (!w->own)
		return;
	trace_close(w->own, NULL);
	hw_shim_detach(w->shim);
}

/* How each attempt ended, as the report has it. */
static void work_trace_verdict(const struct work_traced *w, const struct plan *plan,
			       const struct exec_outcome *out,
			       const struct exec_summary *sum)
{
	for (size_t i = 0; i < plan->nattempts; i++)
		if (out[i].result != EXEC_NOT_RUN)
			trace_note(w->watch.t, "%s: %s%s%s", plan->attempt[i].name,
				   report_result(out[i].result),
				   out[i].err.code ? ": " : "", out[i].err.text);
	trace_note(w->watch.t, "%s after %.3f ms", sum->healthy ? "done" : "not done",
		   (double)sum->took_us / 1000);
}

/* --- what a killed worker left ---------------------------------------------------- */

/* The guard's own word on who uses the card; a card that is gone is not used. */
int work_in_use(struct hw *hw, const struct bdf_spec *spec, unsigned force,
		struct err *err)
{
	struct target t;
	struct plan look = { .target = &t, .opts.force = force };
	struct err why = { 0 };
	int rc = facts_collect(hw, spec, &t, &why);

	if (rc == -ENODEV)
		return 0;
	if (rc)
		return err_set(err, -rc, "%s", why.text);
	guard_target(&look);
	if (look.refusal && !strcmp(look.refusal_name, "in-use"))
		rc = err_set(err, EBUSY, "%s; a reset that was killed left things to be "
			     "put back, which waits for that", look.refusal);
	plan_free(&look);
	target_free(&t);
	return rc;
}

/* 1: it is needed, and nobody uses the card; 0: it is not needed. */
static int work_may_recover(struct hw *hw, const char *run_dir,
			    const struct bdf_spec *spec, unsigned force,
			    struct recovery *rec, struct err *err)
{
	int rc = recover_needed(run_dir, spec->bdf, err);

	*rec = (struct recovery){ .pulsed = rec->pulsed };
	if (rc <= 0)
		return rc;
	rc = work_in_use(hw, spec, force, err);
	return rc ? rc : 1;
}

/* recover_slot() or recover_but_drivers() */
typedef int work_recover_fn(struct hw *hw, const char *run_dir, struct bdf slot,
			    const struct exec_watch *watch, struct recovery *rec,
			    struct err *err);

static int work_recover_traced(work_recover_fn *fn, struct hw *hw, const char *run_dir,
			       struct bdf slot, const struct exec_watch *watch,
			       struct recovery *rec, struct err *err)
{
	struct exec_watch with = { .keep = NULL };
	struct work_traced traced;
	int rc;

	if (watch)
		with = *watch;
	work_trace(&traced, run_dir, slot, NULL, &hw, &with);
	rc = fn(hw, run_dir, slot, &with, rec, err);
	work_trace_end(&traced);
	return rc;
}

static int work_recover_by(work_recover_fn *fn, struct hw *hw, const char *run_dir,
			   const struct bdf_spec *spec, unsigned force,
			   const struct exec_watch *watch, struct recovery *rec,
			   struct err *err)
{
	int rc = work_may_recover(hw, run_dir, spec, force, rec, err);

	if (rc <= 0)
		return rc ? rc : fn(hw, run_dir, spec->bdf, watch, rec, err);
	return work_recover_traced(fn, hw, run_dir, spec->bdf, watch, rec, err);
}

int work_recover(struct hw *hw, const char *run_dir, const struct bdf_spec *spec,
		 unsigned force, const struct exec_watch *watch, struct recovery *rec,
		 struct err *err)
{
	return work_recover_by(recover_but_drivers, hw, run_dir, spec, force, watch, rec,
			       err);
}

int work_recover_all(struct hw *hw, const char *run_dir, const struct bdf_spec *spec,
		     unsigned force, const struct exec_watch *watch,
		     struct recovery *rec, struct err *err)
{
	return work_recover_by(recover_slot, hw, run_dir, spec, force, watch, rec, err);
}

int work_recover_status(int rc)
{
	if (rc == -EBUSY)
		return EXIT_BUSY;
	return rc == -EIO ? EXIT_FAILED : rc ? EXIT_CONFIG : 0;
}

bool work_is_busy(const struct options *o, struct bdf slot)
{
	return !o->replay && lock_is_held(o->run_dir, slot);
}

size_t work_waiting(const struct options *o, struct bdf slot)
{
	struct recovery rec = { 0 };

	if (o->replay || work_is_busy(o, slot) ||
	    recover_look(o->run_dir, slot, NULL, NULL, &rec, NULL))
		return 0;
	return rec.steps;
}

bool work_has_rest(const struct recovery *rec)
{
	return rec->later || rec->failed;
}

void work_recover_rest(struct hw *hw, const char *run_dir, const struct bdf_spec *spec,
		       unsigned force, const struct exec_watch *watch,
		       struct recovery *rec)
{
	struct recovery rest = { .pulsed = rec->pulsed };
	struct err err = { 0 };
	int rc;

	if (!work_has_rest(rec))
		return;
	rc = work_in_use(hw, spec, force, &err);
	if (!rc)
		rc = work_recover_traced(recover_slot, hw, run_dir, spec->bdf, watch,
					 &rest, &err);
	if (rc) {
		rec->first = err;
		return;
	}
	rec->later = 0;
	rec->failed = rest.failed;
	rec->first = rest.first;
	rec->pulsed = rest.pulsed;
	if (!rec->note.code)
		rec->note = rest.note;
}

void work_recovered(const struct recovery *rec, char *buf, size_t size)
{
	size_t left = rec->failed + rec->later;
	int n;

	if (!rec->steps && rec->damaged) {
		snprintf(buf, size, "a reset that was killed left a journal that cannot "
			 "be read, so what it changed is not known");
		return;
	}
	n = snprintf(buf, size, "a reset that was killed left %zu thing%s behind; ",
		     rec->steps, rec->steps == 1 ? "" : "s");
	if (left)
		n += snprintf(buf + n, size - (size_t)n, "%zu could not be put back "
			      "and wait%s for the next run: %s", left,
			      left == 1 ? "s" : "", rec->first.text);
	else
		n += snprintf(buf + n, size - (size_t)n, "all put back");
	if ((size_t)n < size && rec->note.code)
		n += snprintf(buf + n, size - (size_t)n, " (%s)", rec->note.text);
	if ((size_t)n < size && rec->damaged)
		snprintf(buf + n, size - (size_t)n, " (its journal was damaged, what "
			 "else was in it is not known)");
}

/* Did the undo bind a host driver? Others (vfio-pci) are not the VM's to give up. */
static bool take_is_host_driver(const struct journal_item *it)
{
	return it->step.kind == STEP_BIND && part_is_host_driver(it->step.text);
}

static bool take_driver(struct hold *h, const struct step *s)
{
	struct hold_item *it;

	if (hold_find(h, s->fn, "driver"))
		return true;
	if (h->n == HOLD_MOST)
		return false;
	it = &h->item[h->n++];
	*it = (struct hold_item){ .fn = s->fn };
	snprintf(it->name, sizeof(it->name), "driver");
	snprintf(it->old, sizeof(it->old), "%s", s->text);
	return true;
}

/* They are written down in the one place before they go from the other. */
static void take_from(struct journal *j, const struct journal_list *list,
		      const char *run_dir, struct bdf slot, struct hold *h,
		      struct recovery *rec)
{
	bool all = true;

	for (size_t i = 0; i < list->n; i++)
		if (take_is_host_driver(&list->item[i]))
			all &= take_driver(h, &list->item[i].step);
	if (!all || held_write(run_dir, slot, h, NULL))
		return;
	for (size_t i = 0; i < list->n; i++) {
		if (!take_is_host_driver(&list->item[i]))
			continue;
		journal_done(j, list->item[i].attempt, list->item[i].place);
		rec->later -= rec->later > 0;
	}
}

void work_take_drivers(const char *run_dir, struct bdf slot, struct hold *h,
		       struct recovery *rec)
{
	struct journal_list list = { 0 };
	struct journal j;
	struct err err;

	if (journal_reopen(&j, run_dir, slot, &err))
		return;
	if (journal_read(&j, &list, &err) == 0)
		take_from(&j, &list, run_dir, slot, h, rec);
	journal_list_free(&list);
	journal_close(&j);
}

/* --- a plan ----------------------------------------------------------------------- */

int work_exec_plan(struct hw *hw, const char *run_dir, struct bdf slot,
		   const struct plan *plan, const struct exec_watch *watch,
		   uint64_t deadline_us, struct exec_outcome *out,
		   struct exec_summary *sum, struct err *err)
{
	struct exec_watch with = *watch;
	struct journal journal = { .fd = -1 };
	struct freeze freeze;
	struct work_traced traced;
	int rc = run_dir ? journal_open(&journal, run_dir, slot, err) : 0;

	if (rc)
		return rc;
	work_trace(&traced, run_dir, slot, plan, &hw, &with);
	with.keep = run_dir ? &journal.keep : NULL;
	if (run_dir && plan->opts.frozen) {
		freeze_open(&freeze, plan, &journal.keep);
		with.keep = &freeze.keep;
	}
	exec_plan(hw, plan, &with, deadline_us, out, sum);
	work_trace_verdict(&traced, plan, out, sum);
	work_trace_end(&traced);
	journal_close(&journal);
	return 0;
}

/* --- between workers, supervisor and person --------------------------------------- */

/*
 * A worker that was asked to stop may still have to find removed functions again (10 s
 * each) and to bind their drivers.
 */
#define UNDO_US 60000000ull
/* Each step knows its longest time; a busy host may add to it. */
#define SLACK_US 30000000ull

void work_report(struct channel *ch, work_report_fn *write, const void *about)
{
	char *buf = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&buf, &len);

	if (!f)
		return;
	write(about, f);
	fclose(f);
	channel_report(ch, buf, len);
	free(buf);
}

struct error_report {
	struct bdf slot;
	int status;
	const struct err *err;
};

static void error_json(const void *about, FILE *to)
{
	const struct error_report *e = about;
	struct json j = { .out = to };
	char where[BDF_STR];

	json_object(&j, NULL);
	json_string(&j, "slot", bdf_slot_str(e->slot, where));
	json_int(&j, "exit", e->status);
	json_string(&j, "error", e->err->text);
	json_object_end(&j);
}

void work_send_error(struct channel *ch, const struct options *o, struct bdf slot,
		     int status, const struct err *err)
{
	const struct error_report e = { slot, status, err };
	char text[ERR_TEXT + 64];

	if (o->json) {
		work_report(ch, error_json, &e);
		return;
	}
	snprintf(text, sizeof(text), "gpureset: %s\n", err->text);
	channel_report(ch, text, strlen(text));
}

static void print_text(const struct job *job, bool quiet)
{
	FILE *to = job->status == EXIT_HEALTHY ? stdout : stderr;

	if (job->report_len)
		fwrite(job->report, 1, job->report_len, to);
	if (job->why[0])
		fprintf(stderr, "gpureset: %s\n", job->why);
	else if (!job->report_len && !quiet && job->status != EXIT_HEALTHY)
		fprintf(stderr, "gpureset: ended with status %d\n", job->status);
}

static void print_json(const struct job *jobs, size_t n)
{
	struct json j = { .out = stdout };
	char slot[BDF_STR];

	json_object(&j, NULL);
	json_string(&j, "gpureset", GPURESET_VERSION);
	json_array(&j, "targets");
	for (size_t i = 0; i < n; i++) {
		if (jobs[i].report_len && !jobs[i].why[0]) {
			json_raw(&j, NULL, jobs[i].report, jobs[i].report_len);
			continue;
		}
		json_object(&j, NULL);
		json_string(&j, "slot", bdf_slot_str(jobs[i].slot, slot));
		json_int(&j, "exit", jobs[i].status);
		json_string(&j, "error", jobs[i].why);
		json_object_end(&j);
	}
	json_array_end(&j);
	json_object_end(&j);
	putchar('\n');
}

/* The worst of several targets: stuck before lost before busy before the rest. */
static int overall(const struct job *jobs, size_t n)
{
	static const int worst_first[] = {
		EXIT_STUCK, EXIT_LOST, EXIT_FAILED, EXIT_CONFIG, EXIT_BUSY,
		EXIT_NO_METHOD, EXIT_USAGE,
	};

	for (size_t k = 0; k < sizeof(worst_first) / sizeof(*worst_first); k++)
		for (size_t i = 0; i < n; i++)
			if (jobs[i].status == worst_first[k])
				return worst_first[k];
	return EXIT_HEALTHY;
}

/* Who is stuck in the kernel has the lock still, and may hang the host yet. */
static void settle_slot(const struct options *o, struct hw *hw, struct bdf slot)
{
	struct frozen_list list;
	int lock = lock_take(o->run_dir, slot, NULL);

	if (lock < 0)
		return;
	freeze_read(hw, o->state_dir, slot, &list);
	freeze_settle(&list, slot, NULL);
	freeze_list_free(&list);
	close(lock);
}

void work_settle(const struct options *o, const struct job *jobs, size_t n)
{
	struct hw *hw = NULL;

	for (size_t i = 0; i < n && !o->replay; i++) {
		const struct job *job = &jobs[i];

		if (job->no_lock || !job->why[0] || job->status == EXIT_STUCK)
			continue;
		if (!hw)
			hw = hw_linux_open(NULL);
		if (hw)
			settle_slot(o, hw, job->slot);
	}
	hw_close(hw);
}

int work_supervise(const struct options *o, struct job *jobs, size_t n)
{
	/* whose card it is (hook release); an empty recording is removed afterwards */
	const struct sandbox sb = {
		.read = { o->replay, o->qemu_run }, .verbose = o->verbose,
		.more_follows = o->record_run,
	};
	const struct supervise_opts so = {
		.sandbox = &sb, .timeout_us = o->timeout_us, .run_dir = o->run_dir,
		.state_dir = o->replay ? NULL : o->state_dir,
		.undo_us = UNDO_US, .slack_us = SLACK_US,
		/* a program that wants JSON may not tell the two outputs apart */
		.progress = !o->quiet &&
			    (!o->json || o->verbose || isatty(STDERR_FILENO)),
		.progress_to = stderr, .notes_to = stderr,
		.loop = o->poll ? LOOP_POLL : LOOP_AUTO,
	};
	struct err err = { 0 };

	/* the exit status is the answer, even when nobody reads the rest */
	signal(SIGPIPE, SIG_IGN);
	if (n && supervise(jobs, n, &so, &err) < 0) {
		fprintf(stderr, "gpureset: %s\n", err.text);
		return EXIT_FAILED;
	}
	work_settle(o, jobs, n);
	if (o->json)
		print_json(jobs, n);
	for (size_t i = 0; i < n; i++) {
		if (!o->json)
			print_text(&jobs[i], o->quiet);
		free(jobs[i].report);
	}
	return overall(jobs, n);
}
