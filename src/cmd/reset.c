// SPDX-License-Identifier: GPL-2.0-or-later
/* gpureset [reset] BDF...: the main job, and its dry run. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "cmd/ask.h"
#include "cmd/help.h"
#include "cmd/config.h"
#include "cmd/open.h"
#include "cmd/report.h"
#include "cmd/trace_file.h"
#include "cmd/work.h"
#include "run/supervise.h"

/* One target, from the supervisor's side to the worker's (inherited by fork). */
struct reset_job {
	const struct options *opts;
	const struct quirk_db *db;
	struct plan_opts plan;          /* of @opts, and what was allowed for this one */
	struct bdf_spec spec;
	FILE *record;                   /* --record-run, or NULL */
	struct trace_to to;             /* --trace */
	struct trace *trace;            /* in the worker; or NULL */
};

/* --- in the worker ------------------------------------------------------------- */

static void run_report(const void *about, FILE *to)
{
	const struct report *r = about;

	if (r->opts->json)
		report_json(r, to, r->opts->dry_run);
	else if (r->opts->dry_run)
		report_plan(r, to, true);
	else
		report_text(r, to);
}

/* NULL: no card is touched, so there is nothing to recover and nothing to write down. */
static const char *run_dir(const struct options *o)
{
	return o->dry_run || o->replay ? NULL : o->run_dir;
}

/*
 * What a killed worker left, before the reset or (@rest) after it. With a struct hw of
 * its own: it is no part of a run that is recorded. Returns 0 or an exit status.
 */
static int run_recover(const struct reset_job *rj, struct channel *ch, bool rest,
		       struct recovery *rec, struct err *err)
{
	const struct options *o = rj->opts;
	struct work_watch w = { .ch = ch, .verbose = o->verbose };
	struct exec_watch watch = work_watch(&w);
	struct hw *hw;
	int rc = 0;

	if (!run_dir(o) || (rest && !work_has_rest(rec)))
		return 0;
	hw = open_hw(o, err);
	if (!hw)
		return open_status(err);
	hw = trace_hw(rj->trace, hw);
	watch.recover_until = o->timeout_us ? hw_now(hw) + o->timeout_us : 0;
	if (rest)
		work_recover_rest(hw, o->run_dir, &rj->spec, rj->plan.force, &watch, rec);
	else
		rc = work_recover(hw, o->run_dir, &rj->spec, rj->plan.force, &watch, rec,
				  err);
	hw_close(hw);
	return work_recover_status(rc);
}

static void send_recovered(const struct reset_job *rj, struct channel *ch,
			   const struct recovery *rec)
{
	char text[3 * ERR_TEXT], slot[BDF_STR];
	size_t n = (size_t)snprintf(text, sizeof(text), "gpureset: %s: ",
				    bdf_slot_str(rj->spec.bdf, slot));

	if (!rec->found || (rj->opts->quiet && !work_has_rest(rec)))
		return;
	work_recovered(rec, text + n, sizeof(text) - n);
	channel_note(ch, text);
}

static int run_plan(const struct reset_job *rj, struct channel *ch, struct hw *hw,
		    const struct study *s, struct report *r)
{
	struct work_watch w = {
		.ch = ch, .plan = &s->plan, .guarded = &s->plan,
		.verbose = rj->opts->verbose,
	};
	const struct exec_watch watch = work_watch(&w);
	struct exec_outcome *out = xcalloc(s->plan.nattempts + 1, sizeof(*out));
	struct exec_summary *sum = xcalloc(1, sizeof(*sum));
	struct err err = { 0 };
	uint64_t deadline;

	r->out = out;
	r->sum = sum;
	open_begin(hw, rj->opts, &rj->plan, s->quirk);
	deadline = rj->opts->timeout_us ? hw_now(hw) + rj->opts->timeout_us : 0;
	if (run_dir(rj->opts))
		w.ask = open_hw(rj->opts, &err);
	if (!err.code)
		work_exec_plan(hw, run_dir(rj->opts), rj->spec.bdf, &s->plan, &watch,
			       deadline, out, sum, &err);
	hw_close(w.ask);
	if (!err.code)
		return 0;
	work_send_error(ch, rj->opts, rj->spec.bdf, EXIT_CONFIG, &err);
	return EXIT_CONFIG;
}

static int run_target(const struct reset_job *rj, struct channel *ch, struct hw *hw,
		      const struct study *s, struct recovery *rec)
{
	struct report r = {
		.study = s, .opts = rj->opts, .rec = rec,
		.waiting = work_waiting(rj->opts, rj->spec.bdf),
	};
	const char *verdict;
	struct err err = { 0 };
	int status = 0;

	if (!rj->opts->dry_run && !s->plan.refusal)
		status = run_plan(rj, ch, hw, s, &r);
	run_recover(rj, ch, true, rec, &err);
	if (!status) {
		status = report_status(&r);
		verdict = r.sum && r.sum->healthy ? r.sum->healthy->name : "none";
		if (open_end(hw, status, verdict, &err)) {
			status = open_status(&err);
			work_send_error(ch, rj->opts, rj->spec.bdf, status, &err);
		} else {
			work_report(ch, run_report, &r);
		}
	}
	free((void *)r.out);
	free((void *)r.sum);
	return status;
}

static int run_study(const struct reset_job *rj, struct channel *ch,
		     struct recovery *rec)
{
	struct err err = { 0 };
	struct study s;
	int status;
	struct hw *hw;

	hw = open_run(rj->opts, rj->db, &rj->spec, rj->record, &err);
	if (!hw) {
		status = open_status(&err);
		work_send_error(ch, rj->opts, rj->spec.bdf, status, &err);
		run_recover(rj, ch, true, rec, &err);
		return status;
	}
	hw = trace_hw(rj->trace, hw);
	trace_begin(rj->trace, "looking at the card");
	status = study_card(&s, hw, rj->db, rj->opts, &rj->spec, &rj->plan, &err);
	trace_end(rj->trace);
	if (status) {
		work_send_error(ch, rj->opts, rj->spec.bdf, status, &err);
		run_recover(rj, ch, true, rec, &err);
	} else {
		open_label(&s, rj->opts, hw);
		status = run_target(rj, ch, hw, &s, rec);
	}
	study_free(&s);
	hw_close(hw);
	return status;
}

static int reset_work(struct job *job, struct channel *ch)
{
	struct reset_job *rj = job->arg;
	struct recovery rec = { 0 };
	struct err err = { 0 };
	int status;

	channel_step(ch, "looking at the card", 1000000);
	rj->trace = trace_file_use(&rj->to);
	status = run_recover(rj, ch, false, &rec, &err);
	if (status) {
		work_send_error(ch, rj->opts, rj->spec.bdf, status, &err);
	} else {
		status = run_study(rj, ch, &rec);
		send_recovered(rj, ch, &rec);
	}
	trace_file_end(rj->trace, ch);
	return status;
}

/* --- in the supervisor --------------------------------------------------------- */

static int reset_supervise(const struct options *o, const struct quirk_db *db)
{
	struct plan_opts plan[MAX_TARGETS];
	struct reset_job rj[MAX_TARGETS];
	struct trace_to to[MAX_TARGETS];
	struct job jobs[MAX_TARGETS];

	struct err err = { 0 };
	int rc;

	ask_targets(o, db, plan);
	memset(jobs, 0, sizeof(jobs));
	memset(rj, 0, sizeof(rj));
	rc = trace_files_open(o, to, &err);
	for (size_t i = 0; i < o->ntargets && !rc; i++) {
		rj[i] = (struct reset_job){ .opts = o, .db = db, .plan = plan[i],
					    .spec = o->target[i], .to = to[i] };
		rc = open_record(o, i, &rj[i].record, &err);
		jobs[i] = (struct job){ .slot = o->target[i].bdf,
					.no_lock = o->dry_run || o->replay,
					.work = reset_work, .arg = &rj[i] };
	}
	rc = rc ? complain(open_status(&err), "%s", err.text) :
		  work_supervise(o, jobs, o->ntargets);
	for (size_t i = 0; i < o->ntargets; i++)
		open_record_end(o, i, rj[i].record);
	trace_files_close(o, to, jobs);
	return rc;
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
		rc = o.dry_run || o.replay ? load_quirks(&o, &db) :
					     load_quirks_to_act(&o, &db);
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
	.more = "A card counts as reset when read-only checks find it healthy. One that "
		"is in use, or whose reset would hit something else, is left alone; the "
		"message says who stands in the way and which --force option lifts it.",
	.options = "nmAtjvqUQCRLPFYWM",
	.status = exit_rows,
	.example = { { "0b:00", "all functions of the slot" },
		     { "-n 0b:00", "every step, nothing done" },
		     { "-v 0b:00 0c:00", "two cards at once, every step as it is done" },
		     { "--method flr 0b:00.0", "one function, one method" } },
	.run = reset_run,
};
