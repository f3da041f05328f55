// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/ask.h"

#include <string.h>
#include <unistd.h>

#include "cmd/config.h"
#include "hw/hw_linux.h"

bool ask_needed(const struct study *s)
{
	for (size_t i = 0; !s->plan.refusal && i < s->plan.nattempts; i++)
		if (s->plan.attempt[i].asks)
			return true;
	return false;
}

/* The program with the highest risk stands for all of them. */
static const struct attempt *ask_worst(const struct plan *plan)
{
	const struct attempt *worst = NULL;

	for (size_t i = 0; i < plan->nattempts; i++)
		if (plan->attempt[i].asks &&
		    (!worst || plan->attempt[i].risk > worst->risk))
			worst = &plan->attempt[i];
	return worst;
}

static void ask_print(const struct study *s, FILE *to)
{
	const struct attempt *worst = ask_worst(&s->plan);
	const struct quirk *q = s->quirk;
	char slot[BDF_STR];

	fprintf(to, "%s %s\n%s holds a register program that nobody has tested on this "
		"card.\n", bdf_slot_str(s->target.spec.bdf, slot), s->name, q->file);
	for (size_t i = 0; i < q->source.n; i++)
		fprintf(to, "  source: %s\n", q->source.text[i]);
	for (size_t i = 0; i < q->nevidence; i++)
		fprintf(to, "  %s: %s, %s: %s\n", q->evidence[i].against ? "against" :
			"evidence", quirk_evidence_str(q->evidence[i].kind),
			q->evidence[i].date, q->evidence[i].text);
	fprintf(to, "  risk: %s%s%s%s\n", quirk_risk_str(worst->risk),
		worst->risk_why ? " (" : "", worst->risk_why ? worst->risk_why : "",
		worst->risk_why ? ")" : "");
	fputs("Run it? [y/N] ", to);
	fflush(to);
}

bool ask_untested(const struct study *s, FILE *in, FILE *to)
{
	char line[16];

	ask_print(s, to);
	if (!fgets(line, sizeof(line), in)) {
		fputc('\n', to);
		return false;
	}
	line[strcspn(line, "\n")] = '\0';
	return !strcasecmp(line, "y") || !strcasecmp(line, "yes");
}

static bool ask_can(const struct options *o)
{
	return !o->json && !o->quiet && !o->replay && !o->dry_run &&
	       !o->plan.allow_untested && isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
}

static bool ask_might(const struct quirk_db *db)
{
	for (size_t i = 0; i < db->n; i++)
		if (db->quirk[i]->status == QUIRK_UNTESTED && db->quirk[i]->nsequences)
			return true;
	return false;
}

/* What cannot be looked at here is the worker's to report. */
static void ask_target(const struct options *o, const struct quirk_db *db, struct hw *hw,
		       const struct bdf_spec *spec, struct plan_opts *plan)
{
	struct err err = { 0 };
	struct study s;

	if (!study_card(&s, hw, db, o, spec, plan, &err) && ask_needed(&s))
		plan->allow_untested = ask_untested(&s, stdin, stderr);
	study_free(&s);
}

void ask_targets(const struct options *o, const struct quirk_db *db,
		 struct plan_opts *plan)
{
	struct err err = { 0 };
	struct hw *hw;

	for (size_t i = 0; i < o->ntargets; i++) {
		plan[i] = o->plan;
		config_card(o->conf, o->target[i].bdf, &plan[i]);
	}
	if (!ask_can(o) || !ask_might(db))
		return;
	hw = hw_linux_open(&err);       /* a recording is never asked about */
	for (size_t i = 0; hw && i < o->ntargets; i++)
		ask_target(o, db, hw, &o->target[i], &plan[i]);
	hw_close(hw);
}
