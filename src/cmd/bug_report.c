// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * gpureset report BDF: one text to attach to an issue. It is a recording whose comments
 * tell the rest (what would be tried, what is wrong, what was done last), so a maintainer
 * replays the very file that was sent.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/textfile.h"
#include "cmd/config.h"
#include "cmd/doctor/doctor.h"
#include "cmd/open.h"
#include "cmd/record.h"
#include "cmd/report.h"
#include "cmd/work.h"
#include "hw/hw_replay.h"
#include "hw/hw_shim.h"
#include "run/supervise.h"
#include "run/trace.h"

/* Of what was done to the machine: nothing but reading may be. */
struct bug_tally {
	size_t reads, writes;
};

struct bug {
	const struct options *o;
	const struct quirk_db *db;
	const struct bdf_spec *spec;
	struct hw *hw;                  /* NULL: the card may not be looked at now */
	struct bug_tally tally;
	FILE *out;
};

/* --- read only ------------------------------------------------------------------ */

static void bug_before(void *arg)
{
	(void)arg;
}

static void bug_count(void *arg, const struct shim_access *a)
{
	static const bool writes[SHIM_KINDS] = {
		[SHIM_CFG_WRITE] = true, [SHIM_BAR_WRITE] = true,
		[SHIM_ATTR_WRITE] = true, [SHIM_BUS_WRITE] = true,
		[SHIM_HOT_RESET] = true, [SHIM_VFIO_OPEN] = true, [SHIM_OWN] = true,
	};
	struct bug_tally *y = arg;

	if (writes[a->kind])
		y->writes++;
	else
		y->reads++;
}

static int bug_open(struct bug *b, struct err *err)
{
	const struct shim_watch watch = { bug_before, bug_count, &b->tally };
	struct hw *hw = open_hw(b->o, err);

	if (!hw)
		return open_status(err);
	b->hw = hw_shim_open(hw);
	hw_shim_watch(b->hw, &watch);
	return 0;
}

/* --- comments ------------------------------------------------------------------- */

static void bug_comment(const struct bug *b, const char *text, size_t len)
{
	const char *line, *at = text;
	size_t n;

	while ((line = textfile_line(&at, text + len, &n))) {
		char *copy = strndup(line, n);

		if (!copy)
			return;
		for (char *c = copy; *c; c++)
			if ((unsigned char)*c < ' ')
				*c = ' ';
		record_scrub(copy);
		fprintf(b->out, "#%s%s\n", *copy ? " " : "", copy);
		free(copy);
	}
}

/* --- sections ------------------------------------------------------------------- */

static void bug_plan(const struct bug *b, FILE *to)
{
	struct plan_opts opts = b->o->plan;
	struct options all = *b->o;
	struct err err = { 0 };
	struct study s;
	const struct report r = {
		.study = &s, .opts = &all, .waiting = work_waiting(b->o, b->spec->bdf),
	};

	all.verbose = true;
	config_card(b->o->conf, b->spec->bdf, &opts);
	if (study_card(&s, b->hw, b->db, b->o, b->spec, &opts, &err))
		fprintf(to, "no plan could be made: %s\n", err.text);
	else
		report_plan(&r, to, true);
	study_free(&s);
}

static void bug_doctor(const struct bug *b, FILE *to)
{
	struct options o = *b->o;
	char slot[BDF_STR];
	struct exam x;

	o.word[0] = bdf_slot_str(b->spec->bdf, slot);
	o.nwords = 1;
	doctor_examine(&x, &o, b->hw, b->db);
	if (x.nran)
		doctor_text(&x, to, false);
	else
		fputs("nothing could be examined\n", to);
	exam_free(&x);
}

static void bug_trace(const struct bug *b, FILE *to)
{
	struct err err = { 0 };
	char *text = NULL;
	size_t len = 0;

	if (b->o->replay)
		fputs("none: this is a recorded machine\n", to);
	else if (!trace_kept(b->o->run_dir, b->spec->bdf, &text, &len, &err))
		fwrite(text, 1, len, to);
	else if (err.code == ENOENT)
		fputs("none: gpureset has done nothing to it since this host started\n",
		      to);
	else
		fprintf(to, "%s\n", err.text);
	free(text);
}

/* One row a part of the report. */
static const struct bug_section {
	const char *title;
	bool looks;             /* at the card; not while somebody else resets it */
	void (*write)(const struct bug *b, FILE *to);
} bug_sections[] = {
	{ "what a reset would try, and its steps (gpureset plan -v)", true, bug_plan },
	{ "what is wrong with the host (gpureset doctor)", true, bug_doctor },
	{ "what gpureset did to the card last; each line: ms since ==, and what began",
	  false, bug_trace },
};

static void bug_section(const struct bug *b, const struct bug_section *s)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return;
	if (s->looks && !b->hw)
		fputs("not known: it is being reset, and reading it might wait for the "
		      "kernel without end\n", f);
	else
		s->write(b, f);
	fclose(f);
	fprintf(b->out, "#\n# --- %s ---\n#\n", s->title);
	bug_comment(b, text, len);
	free(text);
}

/* --- the whole ------------------------------------------------------------------ */

static void bug_head(const struct bug *b)
{
	char kernel[128] = "unknown", when[40], slot[BDF_STR];
	time_t now = time(NULL);
	struct tm tm;

	if (b->hw)
		hw_host_read(b->hw, "/proc/sys/kernel/osrelease", kernel, sizeof(kernel),
			     NULL);
	strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S UTC", gmtime_r(&now, &tm));
	fprintf(b->out, REC_FIRST_LINE "\n# gpureset " GPURESET_VERSION " report on %s, "
		"%s, Linux %s\n"
		"# To attach to an issue, as it is. A maintainer can replay it: gpureset "
		"plan --replay FILE\n"
		"# Scrubbed of serial numbers, hardware and network addresses, UUIDs, "
		"home folders\n# and the host's name; look through it before you send "
		"it.\n",
		bdf_slot_str(b->spec->bdf, slot), when, kernel);
}

/* Without its first line, which is that of the report. */
static int bug_record(const struct bug *b, struct err *err)
{
	char *text = NULL, *nl;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	int rc;

	if (!f)
		return err_set(err, ENOMEM, "no memory for the recording");
	rc = record_write(f, b->hw, b->db, b->spec, err);
	fclose(f);
	nl = rc ? NULL : strchr(text, '\n');
	if (nl)
		fprintf(b->out, "#\n# --- the recording (gpureset record) ---\n#%s",
			nl);
	free(text);
	return rc;
}

static int bug_write(const struct bug *b, struct err *err)
{
	int rc = 0;

	bug_head(b);
	for (size_t i = 0; i < sizeof(bug_sections) / sizeof(*bug_sections); i++)
		bug_section(b, &bug_sections[i]);
	if (b->hw)
		rc = bug_record(b, err);
	fprintf(b->out, "\n# The end: %zu calls to the machine, %zu of them writes.\n",
		b->tally.reads + b->tally.writes, b->tally.writes);
	return rc;
}

static int bug_report(struct bug *b)
{
	char slot[BDF_STR];
	struct err err = { 0 };
	bool busy = work_is_busy(b->o, b->spec->bdf);
	int rc = busy ? 0 : bug_open(b, &err);

	if (rc)
		return complain(rc, "%s", err.text);
	b->out = b->o->output ? record_create(b->o->output, &err) : stdout;
	if (!b->out) {
		hw_close(b->hw);
		return complain(open_status(&err), "%s", err.text);
	}
	rc = bug_write(b, &err);
	hw_close(b->hw);
	rc = record_finish(b->o, b->out, rc, &err);
	if (!rc && b->tally.writes)
		return complain(EXIT_FAILED, "the report was to be read only, and wrote "
				"%zu times: this is a bug", b->tally.writes);
	if (!rc && busy)
		return complain(EXIT_BUSY, "busy: %s is being reset at this moment; the "
				"report holds what can be said without a look at it",
				bdf_slot_str(b->spec->bdf, slot));
	return rc;
}

static int bug_run_with(struct options *o)
{
	struct quirk_db db = { 0 };
	struct config conf = { 0 };
	struct bug b = { .o = o, .db = &db, .spec = &o->target[0] };
	int rc = config_apply(&conf, o);

	if (!rc)
		rc = load_quirks(o, &db);
	if (!rc)
		rc = bug_report(&b);
	quirk_db_free(&db);
	config_free(&conf);
	return rc;
}

static int bug_run(int argc, char **argv)
{
	struct options o;
	int rc = options_parse(&o, &cmd_report, argc, argv);

	if (rc)
		return rc;
	if (o.help) {
		options_help(&cmd_report, stdout);
		return 0;
	}
	rc = open_targets(&o);
	if (rc)
		return rc;
	if (o.ntargets != 1)
		return complain(EXIT_USAGE, "which card? Name one, like 0b:00; `gpureset "
				"list` shows the GPUs of this host");
	if (geteuid() != 0 && !o.replay)
		return complain(EXIT_USAGE, "only root can read all that belongs into a "
				"report; try sudo");
	return bug_run_with(&o);
}

const struct command cmd_report = {
	.name = "report",
	.args = "BDF [-o FILE]",
	.summary = "one text about a card and its trouble, to attach to an issue",
	.more = "Reads only, and counts so at its end. The file is a recording, which "
		"--replay takes; before it stand the plan, what the doctor finds, and "
		"the trace of the last resets. A card that is being reset is not looked "
		"at: then there is no recording, and the exit status is 5.\n"
		"Serial numbers, hardware and network addresses, UUIDs, home folders "
		"and the name of the host are left out.",
	.options = "oUQCRLYFDNE",
	.example = { { "report 0b:00 -o my-card.txt", "to attach to an issue" },
		     { "plan --replay my-card.txt", "what whoever gets it sees" } },
	.run = bug_run,
};
