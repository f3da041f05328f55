// SPDX-License-Identifier: GPL-2.0-or-later
/* gpureset [reset] BDF...: the main job, and its dry run. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "cmd/ask.h"
#include "cmd/cmd.h"
#include "cmd/config.h"
#include "cmd/open.h"
#include "cmd/report.h"
#include "run/supervise.h"

/*
 * A worker that was asked to stop may still have to find removed functions again (10 s
 * each) and to bind their drivers.
 */
#define UNDO_US 60000000ull
/* Each step knows its longest time; a busy host may add to it. */
#define SLACK_US 30000000ull

/* One target, from the supervisor's side to the worker's (inherited by fork). */
struct reset_job {
	const struct options *opts;
	const struct quirk_db *db;
	struct plan_opts plan;          /* of @opts, and what was allowed for this one */
	struct bdf_spec spec;
};

struct reset_watch {
	struct channel *ch;
	const struct plan *plan;
	bool verbose;
	bool passed;                    /* the step that is being done was passed by */
};

/* --- in the worker ------------------------------------------------------------- */

static void watch_begin(void *arg, const struct attempt *a, const struct step *s)
{
	struct reset_watch *w = arg;
	char line[512];

	(void)a;
	w->passed = false;
	step_print(s, line, sizeof(line));
	channel_step(w->ch, line, s->limit_us);
}

static void watch_passed(void *arg, const struct attempt *a, const struct step *s)
{
	struct reset_watch *w = arg;

	(void)a;
	(void)s;
	w->passed = true;
}

static void watch_end(void *arg, const struct attempt *a, const struct step *s, int rc,
		      uint64_t took_us)
{
	struct reset_watch *w = arg;
	char line[640];
	size_t n;

	if (!w->verbose)
		return;
	report_step(w->plan, a, s, line, sizeof(line) - 64);
	n = strlen(line);
	snprintf(line + n, sizeof(line) - n, "  -> %s, %llu us",
		 rc ? strerror(-rc) : w->passed ? "passed by" : "ok",
		 (unsigned long long)took_us);
	channel_note(w->ch, line);
}

static bool watch_stop(void *arg)
{
	const struct reset_watch *w = arg;

	return channel_stop(w->ch);
}

static void send_error(const struct reset_job *rj, struct channel *ch, int status,
		       const struct err *err)
{
	char text[ERR_TEXT + 64], slot[BDF_STR], *buf = NULL;
	size_t len = 0;
	FILE *f;

	bdf_slot_str(rj->spec.bdf, slot);
	if (!rj->opts->json) {
		snprintf(text, sizeof(text), "gpureset: %s\n", err->text);
		channel_report(ch, text, strlen(text));
		return;
	}
	f = open_memstream(&buf, &len);
	if (f) {
		struct json j = { .out = f };

		json_object(&j, NULL);
		json_string(&j, "slot", slot);
		json_int(&j, "exit", status);
		json_string(&j, "error", err->text);
		json_object_end(&j);
		fclose(f);
		channel_report(ch, buf, len);
	}
	free(buf);
}

static void send_report(const struct report *r, struct channel *ch)
{
	char *buf = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&buf, &len);

	if (!f)
		return;
	if (r->opts->json)
		report_json(r, f, r->opts->dry_run);
	else if (r->opts->dry_run)
		report_plan(r, f, true);
	else
		report_text(r, f);
	fclose(f);
	channel_report(ch, buf, len);
	free(buf);
}

static int run_plan(const struct reset_job *rj, struct channel *ch, struct hw *hw,
		    const struct study *s)
{
	struct reset_watch w = { ch, &s->plan, rj->opts->verbose, false };
	const struct exec_watch watch = {
		.begin = watch_begin, .passed = watch_passed, .end = watch_end,
		.stop = watch_stop, .arg = &w,
	};
	struct exec_summary sum = { 0 };
	struct report r = { .study = s, .opts = rj->opts };
	struct err err = { 0 };
	int status;

	if (!rj->opts->dry_run && !s->plan.refusal) {
		struct exec_outcome *out = xcalloc(s->plan.nattempts, sizeof(*out));
		uint64_t deadline;

		open_begin(hw, rj->opts, &rj->plan, s->quirk);
		deadline = rj->opts->timeout_us ? hw_now(hw) + rj->opts->timeout_us : 0;
		exec_plan(hw, &s->plan, &watch, deadline, out, &sum);
		r.out = out;
		r.sum = &sum;
	}
	status = report_status(&r);
	if (open_end(hw, status, sum.healthy ? sum.healthy->name : "none", &err)) {
		status = open_status(&err);
		send_error(rj, ch, status, &err);
	} else {
		send_report(&r, ch);
	}
	free((void *)r.out);
	return status;
}

static int reset_work(struct job *job, struct channel *ch)
{
	const struct reset_job *rj = job->arg;
	struct err err = { 0 };
	struct study s;
	int status;
	struct hw *hw;

	channel_step(ch, "looking at the card", 1000000);
	hw = open_run(rj->opts, rj->db, &rj->spec, &err);
	if (!hw) {
		status = open_status(&err);
		send_error(rj, ch, status, &err);
		return status;
	}
	status = study_target(&s, hw, rj->db, &rj->spec, &rj->plan, &err);
	if (status) {
		send_error(rj, ch, status, &err);
	} else {
		open_label(&s, rj->opts, hw);
		status = run_plan(rj, ch, hw, &s);
	}
	study_free(&s);
	hw_close(hw);
	return status;
}

/* --- in the supervisor --------------------------------------------------------- */

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

static int reset_supervise(const struct options *o, const struct quirk_db *db)
{
	struct plan_opts plan[MAX_TARGETS];
	struct reset_job rj[MAX_TARGETS];
	struct job jobs[MAX_TARGETS];
	const struct supervise_opts so = {
		.timeout_us = o->timeout_us, .run_dir = o->run_dir,
		.undo_us = UNDO_US, .slack_us = SLACK_US,
		.progress = !o->quiet && (o->verbose || isatty(STDERR_FILENO)),
		.progress_to = stderr, .notes_to = stderr,
		.loop = o->poll ? LOOP_POLL : LOOP_AUTO,
	};
	struct err err = { 0 };

	ask_targets(o, db, plan);
	memset(jobs, 0, sizeof(jobs));
	for (size_t i = 0; i < o->ntargets; i++) {
		rj[i] = (struct reset_job){ o, db, plan[i], o->target[i] };
		jobs[i] = (struct job){ .slot = o->target[i].bdf,
					.no_lock = o->dry_run || o->replay,
					.work = reset_work, .arg = &rj[i] };
	}
	if (supervise(jobs, o->ntargets, &so, &err) < 0)
		return complain(EXIT_FAILED, "%s", err.text);
	if (o->json)
		print_json(jobs, o->ntargets);
	for (size_t i = 0; i < o->ntargets; i++) {
		if (!o->json)
			print_text(&jobs[i], o->quiet);
		free(jobs[i].report);
	}
	return overall(jobs, o->ntargets);
}

static int reset_run(int argc, char **argv)
{
	struct options o;
	struct quirk_db db = { 0 };
	struct config conf = { 0 };
	int rc = options_parse(&o, &cmd_reset, argc, argv);

	if (rc)
		return rc;
	if (o.help) {
		options_help(&cmd_reset, stdout);
		return 0;
	}
	rc = open_targets(&o);
	if (rc)
		return rc;
	if (!o.ntargets)
		return complain(EXIT_USAGE, "which card? Name it like 0b:00; `gpureset "
				"list` shows the GPUs of this host");
	if (geteuid() != 0 && !o.replay)
		return complain(EXIT_USAGE, "only root can %s; try sudo",
				o.dry_run ? "read what a reset needs to know" :
				"reset a device");
	rc = config_apply(&conf, &o);
	if (!rc)
		rc = load_quirks(&o, &db);
	if (!rc)
		rc = open_options(&o);
	if (!rc)
		rc = reset_supervise(&o, &db);
	quirk_db_free(&db);
	config_free(&conf);
	return rc;
}

const struct command cmd_reset = {
	.name = "reset",
	.args = "BDF... [options]",
	.summary = "reset cards and see that they are healthy; the word may be left out",
	.options = "nmAtjvqUQCRPFYW",
	.run = reset_run,
};
