// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/open.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/record.h"
#include "hw/hw_linux.h"
#include "hw/hw_record.h"
#include "hw/hw_replay.h"
#include "hw/hw_shim.h"
#include "plan/guards.h"
#include "run/supervise.h"

#define RUN_WORDS 64            /* options of a recorded run */

/* --- a file -------------------------------------------------------------------- */

/* Warnings are told only when @all: a command may open the file more than once. */
static struct recording *open_recording(const struct options *o, bool all,
					struct err *err)
{
	struct recording *r;
	struct diag diag;

	diag_init(&diag);
	recording_load(&r, o->replay, &diag, err);
	if (all || diag.errors)
		diag_print(&diag, stderr);
	diag_free(&diag);
	return r;
}

static void open_note(const struct options *o, const struct recording *r)
{
	char text[BDF_STR];
	struct bdf bdf;

	if (o->quiet)
		return;
	if (recording_misses_bridge(r, &bdf))
		fprintf(stderr, "gpureset: note: the bridge above %s is not in %s, so "
			"what is said of resets of its bus cannot be trusted\n",
			bdf_str(bdf, text), o->replay);
	if (recording_is_dump(r))
		fprintf(stderr, "gpureset: note: %s is a dump of lspci: users of the "
			"card and the kernel are unknown; reset methods, and BAR sizes "
			"that it does not tell, are guessed\n",
			o->replay);
}

static void open_note_simulated(const struct options *o)
{
	if (!o->quiet)
		fprintf(stderr, "gpureset: note: simulated from %s, no card is touched: "
			"this shows the steps of a reset, not whether it helps\n",
			o->replay);
}

struct hw *open_hw(const struct options *o, struct err *err)
{
	struct recording *r;

	if (!o->replay)
		return hw_linux_open(err);
	r = open_recording(o, !o->quiet, err);
	if (!r)
		return NULL;
	open_note(o, r);
	return hw_replay_open(r);
}

int open_status(const struct err *err)
{
	if (err->code == EBADMSG)
		return EXIT_CONFIG;
	return err->code == ENOMEM || err->code == EIO ? EXIT_FAILED : EXIT_USAGE;
}

/* --- what the file says of targets and options ---------------------------------- */

struct gpu_search {
	struct hw *hw;
	struct options *o;
};

static int open_add_gpu(const struct hw_node *node, void *arg)
{
	struct gpu_search *g = arg;
	struct options *o = g->o;

	if (!class_is_gpu(facts_class(g->hw, node->bdf)) || o->ntargets == MAX_TARGETS)
		return 0;
	for (size_t i = 0; i < o->ntargets; i++)
		if (bdf_same_slot(o->target[i].bdf, node->bdf))
			return 0;
	o->target[o->ntargets] = (struct bdf_spec){ node->bdf, true };
	o->target[o->ntargets++].bdf.fn = 0;
	return 0;
}

int open_targets(struct options *o)
{
	struct err err = { 0 };
	struct gpu_search g = { .o = o };
	struct recording *r;

	if (!o->replay || o->ntargets)
		return 0;
	r = open_recording(o, false, &err);
	if (!r)
		return complain(open_status(&err), "%s", err.text);
	o->ntargets = recording_target(r, &o->target[0]);
	g.hw = hw_replay_open(r);
	if (!o->ntargets)
		hw_scan(g.hw, open_add_gpu, &g, NULL);
	hw_close(g.hw);
	return 0;
}

/* The words stay: plan options point into them. */
static int open_run_words(struct options *o, const struct recording *r)
{
	static char *word[RUN_WORDS + 2];
	static char name[] = "recorded run";
	struct options recorded;
	int n = 0, rc;

	word[n++] = name;
	for (size_t i = 0; recording_option(r, i) && i < RUN_WORDS; i++)
		word[n++] = strdup(recording_option(r, i));
	rc = options_parse(&recorded, &cmd_reset, n, word);
	if (rc)
		return complain(EXIT_CONFIG, "%s: the options of the recorded run are "
				"not understood", o->replay);
	o->plan = recorded.plan;
	o->timeout_us = recorded.timeout_us;
	return 0;
}

int open_options(struct options *o)
{
	struct err err = { 0 };
	struct recording *r;
	int rc = 0;

	if (o->record_run && o->dry_run)
		return complain(EXIT_USAGE, "--record-run with --dry-run: nothing would "
				"be run; `gpureset record` records a card");
	if (o->record_run && o->replay)
		return complain(EXIT_USAGE, "--record-run with --replay: nothing of a "
				"card would be recorded");
	if (!o->replay)
		return 0;
	r = open_recording(o, !o->quiet, &err);
	if (!r)
		return complain(open_status(&err), "%s", err.text);
	open_note(o, r);
	if (recording_has_run(r) && !o->dry_run)
		rc = open_run_words(o, r);
	else if (!o->dry_run)
		open_note_simulated(o);
	recording_free(r);
	return rc;
}

/* --- a run ----------------------------------------------------------------------- */

static struct hw *open_replayed_run(const struct options *o,
				    const struct bdf_spec *spec, struct err *err)
{
	struct recording *r = open_recording(o, true, err);
	struct hw *sim;

	if (!r)
		return NULL;
	if (recording_has_run(r))
		return hw_replay_open(r);
	sim = hw_replay_simulate(r, spec, err);
	recording_free(r);
	return sim;
}

static void record_path(const struct options *o, size_t i, char path[PATH_MAX])
{
	char slot[BDF_STR];
	bool many = o->ntargets > 1;

	snprintf(path, PATH_MAX, "%s%s%s", o->record_run, many ? "." : "",
		 many ? bdf_slot_str(o->target[i].bdf, slot) : "");
}

int open_record(const struct options *o, size_t i, FILE **f, struct err *err)
{
	char path[PATH_MAX];

	*f = NULL;
	if (!o->record_run)
		return 0;
	record_path(o, i, path);
	*f = record_create(path, err);
	return *f ? 0 : -err->code;
}

void open_record_end(const struct options *o, size_t i, FILE *f)
{
	char path[PATH_MAX];
	struct stat st;

	if (!f)
		return;
	record_path(o, i, path);
	if (!fstat(fileno(f), &st) && !st.st_size)
		remove(path);
	fclose(f);
}

/* The recording up to the run, then what the plan is made from. */
static struct hw *open_recorder(FILE *f, const struct quirk_db *db,
				const struct bdf_spec *spec, struct hw *below,
				struct err *err)
{
	if (record_write(f, below, db, spec, err) < 0) {
		/* what was written so far is no recording: open_record_end() */
		fflush(f);
		if (ftruncate(fileno(f), 0) < 0)
			err_prefix(err, "the recording is not complete");
		fclose(f);
		hw_close(below);
		return NULL;
	}
	/* what was done last must be in the file when this process is killed */
	fflush(f);
	setvbuf(f, NULL, _IOLBF, 0);
	fputs("\n# What was read for the plan.\n[study]\n", f);
	return hw_record_open(below, f);
}

struct hw *open_run(const struct options *o, const struct quirk_db *db,
		    const struct bdf_spec *spec, FILE *record, struct err *err)
{
	struct hw *hw = o->replay && !o->dry_run ? open_replayed_run(o, spec, err) :
			open_hw(o, err);

	return hw && record ? open_recorder(record, db, spec, hw, err) : hw;
}

void open_label(struct study *s, const struct options *o, struct hw *hw)
{
	struct err err;
	struct recording *r;
	struct hw *still;
	size_t n;

	if (!o->replay || hw_replay_of(hw_shim_below(hw)))
		return;
	r = open_recording(o, false, &err);
	if (!r)
		return;
	still = hw_replay_open(r);
	hw_name(still, target_main(&s->target)->vendor, target_main(&s->target)->device,
		s->name, sizeof(s->name));
	hw_close(still);
	n = strlen(s->name);
	n = n < sizeof(s->name) - 14 ? n : sizeof(s->name) - 14;
	snprintf(s->name + n, sizeof(s->name) - n, " (SIMULATED)");
}

static void open_word(FILE *f, const char *name, const char *arg)
{
	char word[160];

	snprintf(word, sizeof(word), "--%s%s%s", name, arg ? "=" : "", arg ? arg : "");
	fputs("option ", f);
	hw_record_quote(f, word);
	fputc('\n', f);
}

/* The configuration's permission counts only for this card's entry, like the option. */
static bool open_untested(const struct plan_opts *plan, const struct quirk *q)
{
	bool may = plan->allow_untested;

	for (size_t i = 0; q && i < plan->nallowed; i++)
		may |= !strcmp(plan->allowed[i], q->id) ||
		       !strcmp(plan->allowed[i], "all");
	return may;
}

static void open_write_options(FILE *f, const struct options *o,
			       const struct plan_opts *plan, const struct quirk *q)
{
	char text[BDF_STR];

	if (plan->method)
		open_word(f, "method", plan->method);
	if (plan->has_at)
		open_word(f, "at", bdf_str(plan->at, text));
	if (open_untested(plan, q))
		open_word(f, "allow-untested", NULL);
	for (size_t i = 0; force_options[i].option; i++)
		if (plan->force & force_options[i].bit)
			open_word(f, force_options[i].option, NULL);
	if (o->timeout_us) {
		snprintf(text, sizeof(text), "%.6f", (double)o->timeout_us / 1e6);
		open_word(f, "timeout", text);
	}
}

void open_begin(struct hw *hw, const struct options *o, const struct plan_opts *plan,
		const struct quirk *quirk)
{
	FILE *f;

	hw = hw_shim_below(hw);
	f = hw_record_file(hw);
	hw_replay_run(hw);
	if (!f)
		return;
	fputs("\n[run]\n", f);
	open_write_options(f, o, plan, quirk);
}

int open_end(struct hw *hw, int status, const char *verdict, struct err *err)
{
	FILE *f;

	hw = hw_shim_below(hw);
	f = hw_record_file(hw);
	if (!f)
		return hw_replay_end(hw, status, verdict, err);
	fprintf(f, "end %d ", status);
	hw_record_quote(f, verdict);
	fputc('\n', f);
	if (fflush(f) || ferror(f))
		return err_sys(err, EIO, "--record-run: the file could not be written; "
			       "the run itself ended with status %d", status);
	return 0;
}
