// SPDX-License-Identifier: GPL-2.0-or-later
/* What the quirk files say about a target: where it is from, and what it forbids. */
#include <string.h>

#include "cmd/quirk_json.h"
#include "cmd/report.h"
#include "plan/parts.h"

#define FEW 1                   /* of each kind of line, when not asked for more */

/* --- text ---------------------------------------------------------------------- */

static void text_more(FILE *to, size_t n)
{
	if (n)
		fprintf(to, " (and %zu more, see -v)", n);
	fputc('\n', to);
}

static void text_sources(const struct quirk *q, bool all, FILE *to)
{
	size_t n = all || q->source.n < FEW ? q->source.n : FEW;

	for (size_t i = 0; i < n; i++) {
		fprintf(to, "    source: %s", q->source.text[i]);
		text_more(to, i + 1 == n ? q->source.n - n : 0);
	}
	for (size_t i = 0; i < q->tested.n; i++)
		fprintf(to, "    tested: %s\n", q->tested.text[i]);
	for (size_t i = 0; all && i < q->problem.n; i++)
		fprintf(to, "    problem: %s\n", q->problem.text[i]);
	for (size_t i = 0; all && i < q->see.n; i++)
		fprintf(to, "    see: %s\n", q->see.text[i]);
}

/* What speaks against an entry is never left out. */
static void text_evidences(const struct quirk *q, bool all, FILE *to)
{
	size_t shown = 0, left = 0;

	for (size_t i = 0; i < q->nevidence; i++) {
		const struct q_evidence *e = &q->evidence[i];

		if (!e->against && !all && shown == FEW) {
			left++;
			continue;
		}
		shown += !e->against;
		fprintf(to, "    %s: %s, %s: %s\n", e->against ? "against" : "evidence",
			quirk_evidence_str(e->kind), e->date, e->text);
	}
	if (left)
		fprintf(to, "    evidence: %zu more, see -v\n", left);
}

static void text_denies(const struct quirk *q, FILE *to)
{
	for (size_t i = 0; i < q->ndenies; i++)
		fprintf(to, "    denies %s: %s (line %d)\n", q->denies[i].method,
			q->denies[i].why, q->denies[i].line);
}

/* What hooks do with the card besides resetting it. */
static void text_conduct(const struct quirk *q, FILE *to)
{
	if (q->noop_after_clean_shutdown.why)
		fprintf(to, "    hooks: no reset when its guest shut down by itself: "
			"%s\n", q->noop_after_clean_shutdown.why);
	if (q->keep_d0.why)
		fprintf(to, "    kept in D0, with the bridges above (power/control stays "
			"'on'): %s\n", q->keep_d0.why);
	if (q->pin.why && q->pin_methods && q->pin_methods[0])
		fprintf(to, "    hooks: reset_method is held at '%s' while a VM has it: "
			"%s\n", q->pin_methods, q->pin.why);
	else if (q->pin.why)
		fprintf(to, "    hooks: reset_method is held empty while a VM has it, "
			"the kernel's function resets are switched off: %s\n",
			q->pin.why);
}

static void text_restore(const struct plan *plan, FILE *to)
{
	for (size_t i = 0; i < plan->quirk->restore.n; i++) {
		const struct q_stmt *st = &plan->quirk->restore.stmt[i];
		const char *unable = part_keep_unable(plan, st);

		fprintf(to, "    kept over a reset: %s%s%s\n", st->name,
			unable ? ", but not now: " : "", unable ? unable : "");
	}
}

static void text_about(const struct quirk *q, struct bdf bdf, const char *what, bool all,
		       FILE *to)
{
	char text[BDF_STR];

	if (!q)
		return;
	fprintf(to, "  quirk: %s (%s), about %s, %s\n", q->file,
		quirk_status_str(q->status), bdf_str(bdf, text), what);
	text_denies(q, to);
	if (q->broken)
		return;
	if (all)
		text_sources(q, true, to);
	text_evidences(q, all, to);
}

static void text_hits(const struct plan *plan, bool all, FILE *to)
{
	const struct target *t = plan->target;

	for (size_t i = 0; i < t->nfns; i++)
		text_about(plan->hits.fn[i], t->fn[i].bdf, "a function of the card", all,
			   to);
	for (size_t i = 0; i < t->npath; i++)
		text_about(plan->hits.path[i], t->path[i].bdf, "a bridge above it", all,
			   to);
	for (size_t i = 0; plan->hits.other && i < t->nother; i++)
		text_about(plan->hits.other[i], t->other[i].bdf, "a neighbour", all, to);
}

/* Of an entry with errors only the denials are known to be right. */
static void text_entry(const struct plan *plan, const struct quirk *q, bool all, FILE *to)
{
	fprintf(to, "  quirk: %s (%s)\n", q->file,
		q->broken ? "it has errors" : quirk_status_str(q->status));
	text_denies(q, to);
	if (q->broken)
		return;
	text_sources(q, all, to);
	text_evidences(q, all, to);
	text_conduct(q, to);
	text_restore(plan, to);
}

void report_quirk_text(const struct report *r, FILE *to)
{
	const struct plan *plan = &r->study->plan;
	const struct quirk *q = r->study->quirk;

	if (q)
		text_entry(plan, q, r->opts->verbose, to);
	else
		fputs("  quirk: none, the default ladder\n", to);
	text_hits(plan, r->opts->verbose, to);
}

static const char *const confirm_commands[] = {
	"gpureset -v %s 2>&1", "lspci -nnvs %s", "uname -r",
};

#define NCONFIRM (sizeof(confirm_commands) / sizeof(*confirm_commands))

/* A command that names the slot, or none: the formats are the ones above. */
static void confirm_command(const struct report *r, size_t i, char *buf, size_t size)
{
	const char *fmt = confirm_commands[i], *at = strstr(fmt, "%s");
	char slot[BDF_STR] = "";

	if (at)
		bdf_slot_str(r->study->target.spec.bdf, slot);
	else
		at = fmt + strlen(fmt);
	snprintf(buf, size, "%.*s%s%s", (int)(at - fmt), fmt, slot, *at ? at + 2 : "");
}

void report_confirm_text(const struct report *r, FILE *to)
{
	const struct quirk *q = r->study->quirk;
	char line[80];

	fprintf(to, "  note: '%s' of %s is %s, but nobody has reported a run of it on a "
		"real card yet. Please tell us how it went: after a VM has used the "
		"card, send in an issue what these print, and whether the next VM start "
		"worked (quirks/README.md, 'Telling us how it went'):\n",
		r->sum->healthy->name, q->file, q->status == QUIRK_VENDOR ?
		"what the vendor's driver does on this chip" : "made from documents");
	for (size_t i = 0; i < NCONFIRM; i++) {
		confirm_command(r, i, line, sizeof(line));
		fprintf(to, "      %s\n", line);
	}
}

/* --- JSON ---------------------------------------------------------------------- */

static void json_entry(struct json *j, const char *key, const struct quirk *q,
		       struct bdf about)
{
	char text[BDF_STR];

	json_object(j, key);
	json_string(j, "about", bdf_str(about, text));
	json_string(j, "file", q->file);
	json_string(j, "id", q->id);
	json_string(j, "name", q->name);
	json_string(j, "role", quirk_role_str(q->role));
	json_string(j, "status", quirk_status_str(q->status));
	json_bool(j, "broken", q->broken);
	quirk_json_texts(j, "problem", &q->problem);
	quirk_json_texts(j, "source", &q->source);
	quirk_json_texts(j, "tested", &q->tested);
	quirk_json_texts(j, "see", &q->see);
	quirk_json_evidence(j, q, true);
	quirk_json_denies(j, q, true);
	json_string(j, "noop_after_clean_shutdown", q->noop_after_clean_shutdown.why);
	json_string(j, "keep_d0", q->keep_d0.why);
	json_string(j, "pin", q->pin.why ? q->pin_methods : NULL);
	json_string(j, "pin_why", q->pin.why);
}

static void json_restore(struct json *j, const struct plan *plan)
{
	json_array(j, "restore");
	for (size_t i = 0; !plan->quirk->broken && i < plan->quirk->restore.n; i++) {
		const struct q_stmt *st = &plan->quirk->restore.stmt[i];

		json_object(j, NULL);
		json_string(j, "register", st->name);
		json_string(j, "unable", part_keep_unable(plan, st));
		json_object_end(j);
	}
	json_array_end(j);
}

static void json_about(struct json *j, const struct quirk *q, struct bdf about)
{
	if (!q)
		return;
	json_entry(j, NULL, q, about);
	json_object_end(j);
}

void report_quirk_json(const struct report *r, struct json *j)
{
	const struct plan *plan = &r->study->plan;
	const struct target *t = plan->target;

	json_string(j, "quirk", r->study->quirk ? r->study->quirk->id : NULL);
	if (r->study->quirk) {
		json_entry(j, "entry", r->study->quirk, target_main(t)->bdf);
		json_restore(j, plan);
		json_object_end(j);
	}
	json_array(j, "other_entries");
	for (size_t i = 0; i < t->nfns; i++)
		json_about(j, plan->hits.fn[i], t->fn[i].bdf);
	for (size_t i = 0; i < t->npath; i++)
		json_about(j, plan->hits.path[i], t->path[i].bdf);
	for (size_t i = 0; plan->hits.other && i < t->nother; i++)
		json_about(j, plan->hits.other[i], t->other[i].bdf);
	json_array_end(j);
}

void report_confirm_json(const struct report *r, struct json *j)
{
	char line[80];

	json_object(j, "confirm");
	json_string(j, "file", r->study->quirk->file);
	json_array(j, "commands");
	for (size_t i = 0; i < NCONFIRM; i++) {
		confirm_command(r, i, line, sizeof(line));
		json_string(j, NULL, line);
	}
	json_array_end(j);
	json_object_end(j);
}
