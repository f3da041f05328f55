// SPDX-License-Identifier: GPL-2.0-or-later
/* gpureset recover [BDF...]: what a killed run left is put back, and nothing else. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "cmd/cmd.h"
#include "cmd/open.h"
#include "cmd/report.h"
#include "cmd/trace_file.h"
#include "cmd/unfreeze.h"
#include "cmd/work.h"
#include "run/freeze.h"
#include "run/supervise.h"

/* One slot, from the supervisor's side to the worker's (inherited by fork). */
struct recover_job {
	const struct options *o;
	struct bdf_spec spec;
	struct trace_to to;             /* --trace */
};

/* In the worker: what is done, and the words about it. */
struct recover_run {
	const struct recover_job *job;
	struct work_watch steps;
	struct exec_watch told;         /* of @steps */
	struct recovery rec;
	struct frozen_list frozen;      /* after it: what took the host along */
	struct json list;               /* --json: the steps, while they are done */
	char *text;                     /* else: a line each */
	size_t len;
};

/* --- in the worker ------------------------------------------------------------- */

static void run_line(struct recover_run *r, const struct step *s, const char *how)
{
	char line[512];

	if (s->kind == STEP_DELAY)
		return;
	step_print(s, line, sizeof(line));
	if (!r->job->o->json) {
		fprintf(r->list.out, "  %s: %s\n", how, line);
		return;
	}
	json_object(&r->list, NULL);
	json_string(&r->list, "step", line);
	json_string(&r->list, "result", how);
	json_object_end(&r->list);
}

static void run_begin(void *arg, const struct attempt *a, const struct step *s)
{
	struct recover_run *r = arg;

	r->told.begin(r->told.arg, a, s);
}

static void run_passed(void *arg, const struct attempt *a, const struct step *s)
{
	struct recover_run *r = arg;

	r->told.passed(r->told.arg, a, s);
}

static void run_end(void *arg, const struct attempt *a, const struct step *s, int rc,
		    uint64_t took_us)
{
	struct recover_run *r = arg;
	char how[96];

	snprintf(how, sizeof(how), "NOT put back (%.64s)", strerror(rc < 0 ? -rc : 0));
	run_line(r, s, rc ? how : "put back");
	r->told.end(r->told.arg, a, s, rc, took_us);
}

static bool run_stop(void *arg)
{
	const struct recover_run *r = arg;

	return r->told.stop(r->told.arg);
}

static void run_would(const struct step *s, void *arg)
{
	run_line(arg, s, "would be put back");
}

/* -n: the steps, then whether somebody stands in the way. Otherwise it is done. */
static int run_slot(struct recover_run *r, struct hw *hw, struct err *err)
{
	const struct options *o = r->job->o;
	const struct exec_watch watch = {
		.begin = run_begin, .passed = run_passed, .end = run_end,
		.stop = run_stop, .arg = r,
	};
	int rc;

	if (!o->dry_run)
		return work_recover_all(hw, o->run_dir, &r->job->spec, o->plan.force,
					&watch, &r->rec, err);
	rc = recover_look(o->run_dir, r->job->spec.bdf, run_would, r, &r->rec, err);
	return rc || !r->rec.found ? rc :
	       work_in_use(hw, &r->job->spec, o->plan.force, err);
}

/* A run that was killed took nothing along: the host lives. */
static int run_frozen(struct recover_run *r, struct hw *hw, int rc, struct err *err)
{
	const struct options *o = r->job->o;

	freeze_read(hw, o->state_dir, r->job->spec.bdf, &r->frozen);
	if (!rc && !o->dry_run && !r->frozen.wrong.code)
		rc = freeze_settle(&r->frozen, r->job->spec.bdf, err);
	return rc;
}

static const char *run_summary(const struct recover_run *r, char *buf, size_t size)
{
	const struct recovery *rec = &r->rec;

	if (!rec->found)
		return "nothing to put back";
	if (!r->job->o->dry_run)
		work_recovered(rec, buf, size);
	else
		snprintf(buf, size, "a killed run left %zu thing%s to be put back%s",
			 rec->steps, rec->steps == 1 ? "" : "s", rec->damaged ?
			 " (its journal is damaged, what else is in it is not known)" :
			 "");
	return buf;
}

/* What a worker says at its end. */
struct recover_report {
	const struct recover_run *run;
	int status;
	const struct err *err;
};

static void run_text(const struct recover_run *r, const struct err *err, FILE *to)
{
	char text[3 * ERR_TEXT], slot[BDF_STR];

	if (r->rec.found || !err->code)
		fprintf(to, "%s: %s\n", bdf_slot_str(r->job->spec.bdf, slot),
			run_summary(r, text, sizeof(text)));
	fwrite(r->text, 1, r->len, to);
	unfreeze_text(&r->frozen, r->job->spec.bdf, to);
	if (err->code)
		fprintf(to, "gpureset: %s\n", err->text);
}

static void run_json(const struct recover_run *r, int status, const struct err *err,
		     FILE *to)
{
	struct json j = { .out = to };
	char slot[BDF_STR];

	json_object(&j, NULL);
	json_string(&j, "slot", bdf_slot_str(r->job->spec.bdf, slot));
	json_int(&j, "exit", status);
	json_bool(&j, "dry_run", r->job->o->dry_run);
	report_recovered_json(&r->rec, &j);
	json_array(&j, "steps");
	if (r->len)
		json_raw(&j, NULL, r->text, r->len);
	json_array_end(&j);
	unfreeze_json(&r->frozen, "frozen", &j);
	if (err->code)
		json_string(&j, "error", err->text);
	json_object_end(&j);
}

static void run_report(const void *about, FILE *to)
{
	const struct recover_report *say = about;
	const struct options *o = say->run->job->o;

	if (o->json)
		run_json(say->run, say->status, say->err, to);
	else if (say->status || !o->quiet)
		run_text(say->run, say->err, to);
}

/* What is not known to be as it was is no success. */
static int run_status(const struct recover_run *r, int rc)
{
	if (rc)
		return work_recover_status(rc);
	if (r->job->o->dry_run)
		return EXIT_HEALTHY;
	return r->rec.failed || r->rec.damaged || r->frozen.wrong.code ? EXIT_FAILED :
	       EXIT_HEALTHY;
}

static int recover_work(struct job *job, struct channel *ch)
{
	const struct recover_job *rj = job->arg;
	struct recover_run r = {
		.job = rj, .steps = { .ch = ch, .verbose = rj->o->verbose },
	};
	struct err err = { 0 };
	struct trace *t;
	struct hw *hw;
	int status, rc;

	channel_step(ch, "looking at the card", 1000000);
	hw = open_hw(rj->o, &err);
	if (hw)
		r.list.out = open_memstream(&r.text, &r.len);
	if (!r.list.out) {
		status = hw ? EXIT_FAILED : open_status(&err);
		work_send_error(ch, rj->o, rj->spec.bdf, status, &err);
		hw_close(hw);
		return status;
	}
	t = trace_file_use(&rj->to);
	hw = trace_hw(t, hw);
	r.told = work_watch(&r.steps);
	rc = run_slot(&r, hw, &err);
	status = run_status(&r, run_frozen(&r, hw, rc, &err));
	fclose(r.list.out);
	work_report(ch, run_report, &(struct recover_report){ &r, status, &err });
	freeze_list_free(&r.frozen);
	free(r.text);
	hw_close(hw);
	trace_file_end(t, ch);
	return status;
}

/* --- in the supervisor --------------------------------------------------------- */

static int recover_found(struct bdf slot, void *arg)
{
	struct options *o = arg;

	for (size_t i = 0; i < o->ntargets; i++)
		if (bdf_same_slot(o->target[i].bdf, slot))
			return 0;
	if (o->ntargets < MAX_TARGETS)
		o->target[o->ntargets++] = (struct bdf_spec){ slot, true };
	return 0;
}

/* The journal is the slot's, whatever function of it was named. */
static int recover_all(const struct options *o)
{
	struct recover_job rj[MAX_TARGETS];
	struct trace_to to[MAX_TARGETS];
	struct job jobs[MAX_TARGETS];
	struct err err;
	int rc = trace_files_open(o, to, &err);

	memset(jobs, 0, sizeof(jobs));
	if (rc)
		return complain(EXIT_USAGE, "%s", err.text);
	for (size_t i = 0; i < o->ntargets; i++) {
		rj[i] = (struct recover_job){ o, { o->target[i].bdf, true }, to[i] };
		rj[i].spec.bdf.fn = 0;
		jobs[i] = (struct job){ .slot = rj[i].spec.bdf, .no_lock = o->dry_run,
					.work = recover_work, .arg = &rj[i] };
	}
	rc = work_supervise(o, jobs, o->ntargets);
	trace_files_close(o, to, jobs);
	return rc;
}

static int recover_run(int argc, char **argv)
{
	struct options o;
	struct err err = { 0 };
	int rc = options_parse(&o, &cmd_recover, argc, argv);

	if (rc)
		return rc;
	if (o.help) {
		options_help(&cmd_recover, stdout);
		return 0;
	}
	if (geteuid() != 0)
		return complain(EXIT_USAGE, "only root can %s; try sudo", o.dry_run ?
				"read what a killed run left" : "put things back");
	if (!o.ntargets && (journal_slots(o.run_dir, recover_found, &o, &err) < 0 ||
			    freeze_slots(o.state_dir, recover_found, &o, &err) < 0))
		return complain(EXIT_CONFIG, "%s", err.text);
	if (!o.ntargets && !o.json && !o.quiet)
		puts("gpureset: nothing to put back: no killed run left a journal");
	return recover_all(&o);
}

const struct command cmd_recover = {
	.name = "recover",
	.args = "[BDF...] [options]",
	.summary = "put back what a killed run left; resets nothing",
	.more = "Without an address: every card that a killed run left a journal of. No "
		"card is reset, but one that was dead and taken off the bus for a raw "
		"reset: its bridge is pulsed when no rescan finds it. The exit status is "
		"2 when something could not be put back; it stays in the journal, and "
		"the next reset or recover tries again.\n"
		"Says also from which methods the host did not come back; `gpureset "
		"unfreeze` allows them again.",
	.options = "njvqRLIPM",
	.example = { { "recover -n", "what would be put back" },
		     { "recover 0b:00", "of this card only" } },
	.run = recover_run,
};
