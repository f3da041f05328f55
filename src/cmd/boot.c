// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * gpureset boot: what the quirk files say has to hold from the boot on, before the
 * first VM: reset_method pinned, cards kept in D0. Values alone are written, no card is
 * reset, and nothing is remembered: there is nothing to go back to. With an address for
 * a card that came later, and has the kernel's defaults (hooks/60-gpureset.rules).
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "cmd/cmd.h"
#include "cmd/config.h"
#include "cmd/open.h"
#include "cmd/work.h"
#include "plan/hold.h"
#include "run/exec.h"
#include "run/sandbox.h"
#include "run/supervise.h"

/* The boot waits for us. */
#define BOOT_CARD_US 30000000ull
#define BOOT_LOCK_US 10000000ull
#define BOOT_SLACK_US 10000000ull

/* One card, from the supervisor's side to the worker's (inherited by fork). */
struct boot_job {
	const struct options *o;
	const struct quirk_db *db;
	struct bdf_spec spec;
	bool only_say;
};

struct boots {
	struct hw *hw;
	const struct config *conf;
	const struct bdf_spec *only;    /* NULL: every card */
	bool found;                     /* is there one at all? */
	struct boot_job *job;
	size_t n, room;
};

/* What the worker writes down as it goes along. */
struct boot_watch {
	struct work_watch work;         /* first: exec_watch's functions get this */
	const struct boot_job *job;
	struct study *s;
	struct hold hold;
};

/* --- in the worker ------------------------------------------------------------- */

__attribute__((format(printf, 2, 3)))
static void boot_say(const struct boot_watch *w, const char *fmt, ...)
{
	char text[2 * ERR_TEXT], line[sizeof(text) + 256], slot[BDF_STR];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	snprintf(line, sizeof(line), "gpureset: %s%s%s: %s\n",
		 bdf_slot_str(w->job->spec.bdf, slot), w->s->name[0] ? " " : "",
		 w->s->name, text);
	channel_report(w->work.ch, line, strlen(line));
}

static void boot_end(void *arg, const struct attempt *a, const struct step *s, int rc,
		     uint64_t took_us)
{
	struct boot_watch *w = arg;
	const struct hold_item *it = s->kind == STEP_ATTR ?
				     hold_find(&w->hold, s->fn, s->name) : NULL;
	char fn[BDF_STR];

	(void)a;
	(void)took_us;
	if (!rc && it)
		boot_say(w, "%s of %s is '%s' now, it was '%s'", it->name,
			 bdf_str(it->fn, fn), it->set, it->old);
}

static int boot_do(struct boot_watch *w, struct hw *hw, const struct plan *plan)
{
	struct exec_watch watch = work_watch(&w->work);
	struct exec_outcome out;

	watch.end = boot_end;
	memset(&out, 0, sizeof(out));
	exec_attempt(hw, plan, &plan->attempt[0], &watch, 0, &out);
	if (out.result == EXEC_HEALTHY)
		return 0;
	boot_say(w, "%s", out.err.text);
	return EXIT_FAILED;
}

static void boot_show(const struct boot_watch *w, const struct attempt *a)
{
	char line[512];

	for (size_t i = 0; i < a->nsteps; i++) {
		step_print(&a->step[i], line, sizeof(line));
		boot_say(w, "would %s", line);
	}
}

static int boot_hold(struct boot_watch *w, struct hw *hw)
{
	struct study *s = w->s;
	struct plan plan = { 0 };
	struct err err = { 0 };
	int status = 0;

	if (s->quirk && s->quirk->broken) {
		boot_say(w, "nothing is set, %s has errors", s->quirk->file);
		return EXIT_CONFIG;
	}
	if (hold_plan(&plan, hw, &s->target, s->quirk, &s->hits,
		      HOLD_AWAKE | HOLD_PIN | HOLD_QUIRK_ONLY, &w->hold, &err) < 0) {
		boot_say(w, "%s", err.text);
		return EXIT_FAILED;
	}
	if (w->job->only_say)
		boot_show(w, &plan.attempt[0]);
	else if (plan.attempt[0].nsteps)
		status = boot_do(w, hw, &plan);
	plan_free(&plan);
	return status;
}

static int boot_work(struct job *job, struct channel *ch)
{
	const struct boot_job *bj = job->arg;
	const struct plan_opts opts = { 0 };
	struct study s = { .quirk = NULL };
	struct boot_watch w = { .work.ch = ch, .job = bj, .s = &s };
	struct err err = { 0 };
	struct hw *hw;
	int status;

	channel_step(ch, "looking at the card", 1000000);
	hw = open_run(bj->o, bj->db, &bj->spec, NULL, &err);
	status = hw ? study_target(&s, hw, bj->db, &bj->spec, &opts, &err) :
		      open_status(&err);
	if (!status && !bj->only_say)
		open_label(&s, bj->o, hw);
	if (status)
		boot_say(&w, "%s", err.text);
	else
		status = boot_hold(&w, hw);
	study_free(&s);
	hw_close(hw);
	return status;
}

/* --- which cards --------------------------------------------------------------- */

static bool boot_known(const struct boots *b, struct bdf bdf)
{
	for (size_t i = b->n; i-- > 0;)
		if (bdf_same_slot(b->job[i].spec.bdf, bdf))
			return true;
	return false;
}

/* A virtual function is part of a card that has an entry of its own. */
static int boot_pick(const struct hw_node *node, void *arg)
{
	struct boots *b = arg;
	struct settings set;

	if ((b->only && !bdf_same_slot(b->only->bdf, node->bdf)) ||
	    !class_is_gpu(facts_class(b->hw, node->bdf)) || boot_known(b, node->bdf) ||
	    hw_attr_exists(b->hw, node->bdf, "physfn"))
		return 0;
	b->found = true;
	config_settings(b->conf, NULL, node->bdf, true, &set);
	if (set.hook == HOOK_SKIP)
		return 0;
	b->job = xgrow(b->job, b->n, &b->room, sizeof(*b->job));
	b->job[b->n] = (struct boot_job){ .spec = { node->bdf, true },
					  .only_say = set.hook == HOOK_ONLY_REPORT };
	b->job[b->n++].spec.bdf.fn = 0;
	return 0;
}

static int boot_find(struct boots *b, const struct options *o)
{
	struct err err = { 0 };
	char slot[BDF_STR];
	int rc;

	b->only = o->ntargets ? &o->target[0] : NULL;
	b->hw = open_hw(o, &err);
	if (!b->hw)
		return complain(open_status(&err), "%s", err.text);
	rc = hw_scan(b->hw, boot_pick, b, &err);
	hw_close(b->hw);
	if (rc)
		return complain(EXIT_FAILED, "%s", err.text);
	if (b->only && !b->found)
		return complain(EXIT_USAGE, "no graphics card at %s",
				bdf_slot_str(b->only->bdf, slot));
	return 0;
}

/* --- in the supervisor --------------------------------------------------------- */

static int boot_print(struct job *jobs, size_t n)
{
	int status = 0;

	for (size_t i = 0; i < n; i++) {
		if (jobs[i].report_len)
			fwrite(jobs[i].report, 1, jobs[i].report_len,
			       jobs[i].status ? stderr : stdout);
		if (jobs[i].why[0])
			fprintf(stderr, "gpureset: %s\n", jobs[i].why);
		free(jobs[i].report);
		status = jobs[i].status > status ? jobs[i].status : status;
	}
	return status;
}

static int boot_all(const struct options *o, const struct quirk_db *db, struct boots *b)
{
	const struct sandbox sb = { .read = { o->replay } };
	const struct supervise_opts so = {
		.sandbox = &sb, .run_dir = o->run_dir, .timeout_us = BOOT_CARD_US,
		.lock_wait_us = BOOT_LOCK_US, .slack_us = BOOT_SLACK_US,
		.loop = o->poll ? LOOP_POLL : LOOP_AUTO,
	};
	struct err err = { 0 };
	struct job *jobs;
	int rc = boot_find(b, o);

	if (rc || !b->n)
		return rc;
	jobs = xcalloc(b->n, sizeof(*jobs));
	for (size_t i = 0; i < b->n; i++) {
		b->job[i].o = o;
		b->job[i].db = db;
		b->job[i].only_say |= o->dry_run;
		jobs[i] = (struct job){ .slot = b->job[i].spec.bdf, .work = boot_work,
					.no_lock = b->job[i].only_say || o->replay,
					.arg = &b->job[i] };
	}
	if (supervise(jobs, b->n, &so, &err) < 0)
		rc = complain(EXIT_FAILED, "%s", err.text);
	else
		rc = boot_print(jobs, b->n);
	free(jobs);
	return rc;
}

static int boot_run(int argc, char **argv)
{
	struct config conf = { 0 };
	struct quirk_db db = { 0 };
	struct boots b = { .conf = &conf };
	struct options o;
	int rc = options_parse(&o, &cmd_boot, argc, argv);

	if (rc)
		return rc;
	if (o.help) {
		options_help(&cmd_boot, stdout);
		return 0;
	}
	if (o.ntargets > 1)
		return complain(EXIT_USAGE, "boot takes one address at most; without any "
				"it is for every GPU of this host");
	if (geteuid() != 0 && !o.replay)
		return complain(EXIT_USAGE, "only root can %s; try sudo", o.dry_run ?
				"read what has to be known of a card" :
				"set up a device");
	rc = config_open(&conf, o.config);
	if (!rc)
		rc = load_quirks_to_act(&o, &db);
	if (!rc)
		rc = boot_all(&o, &db, &b);
	free(b.job);
	quirk_db_free(&db);
	config_free(&conf);
	return rc;
}

const struct command cmd_boot = {
	.name = "boot",
	.args = "[BDF] [--dry-run]",
	.summary = "pin and wake what quirk files say, before the first VM",
	.more = "For each GPU whose quirk file has `pin` or `keep-d0`, or for the one "
		"at BDF. No card is reset, so this is fine for one that is in use. Says "
		"what it changes, and nothing else. The exit status is the highest of "
		"all cards'.",
	.options = "nQCRPY",
	.example = { { "boot -n", "what would be done; nothing is changed" } },
	.run = boot_run,
};
