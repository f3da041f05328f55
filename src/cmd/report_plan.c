// SPDX-License-Identifier: GPL-2.0-or-later
/* A plan at a glance: what comes first, what it touches, how long, what is asked. */
#include <stdio.h>
#include <string.h>

#include "cmd/report.h"

#define SECONDS(us) ((double)(us) / 1e6)
#define MAX_OPTIONS 16

static bool sum_acts(const struct attempt *a)
{
	return a->usable == ATTEMPT_YES && strcmp(a->method->name, "none");
}

/* Of usable attempts: the first, or the first that does something. */
static const struct attempt *sum_first(const struct plan *plan, bool acts)
{
	for (size_t i = 0; i < plan->nattempts; i++) {
		const struct attempt *a = &plan->attempt[i];

		if (acts ? sum_acts(a) : a->usable == ATTEMPT_YES)
			return a;
	}
	return NULL;
}

static uint64_t sum_worst_us(const struct plan *plan)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < plan->nattempts; i++)
		if (plan->attempt[i].usable == ATTEMPT_YES)
			sum += attempt_worst_us(&plan->attempt[i]);
	return sum;
}

/* The highest bridge that a usable attempt resets; -1: none does. */
static int sum_level(const struct plan *plan)
{
	int level = -1;

	for (size_t i = 0; i < plan->nattempts; i++)
		if (plan->attempt[i].usable == ATTEMPT_YES &&
		    plan->attempt[i].level > level)
			level = plan->attempt[i].level;
	return level;
}

/* --- why ------------------------------------------------------------------------- */

static const struct q_method *why_named(const struct quirk *q, const struct attempt *a)
{
	for (size_t i = 0; q && i < q->nmethods; i++)
		if (attempt_is(a, &q->methods[i]))
			return &q->methods[i];
	return NULL;
}

void report_why(const struct plan *plan, const struct attempt *a, char *buf, size_t size)
{
	const struct q_method *named = why_named(plan->quirk, a);
	const char *what = strcmp(a->method->name, "sequence") ? a->method->summary :
			   "a register program";

	if (plan->opts.method)
		snprintf(buf, size, "%s; --method asks for it", what);
	else if (!strcmp(a->method->name, "none"))
		snprintf(buf, size, "%s; always looked at first", what);
	else if (named)
		snprintf(buf, size, "%s; %s:%d", what, plan->quirk->file, named->line);
	else
		snprintf(buf, size, "%s; by the default ladder", what);
}

/* --- what is asked ----------------------------------------------------------------- */

/* What keeps attempts back that one option would lift; is a person asked for it? */
struct sum_ask {
	const char *option;
	bool asked;                     /* on a terminal */
	char names[160];                /* of the attempts */
};

static struct sum_ask *ask_of(struct sum_ask *ask, size_t *n, const char *option)
{
	for (size_t i = 0; i < *n; i++)
		if (!strcmp(ask[i].option, option))
			return &ask[i];
	if (*n == MAX_OPTIONS)
		return NULL;
	ask[*n] = (struct sum_ask){ .option = option };
	return &ask[(*n)++];
}

static size_t sum_asks(const struct plan *plan, struct sum_ask ask[MAX_OPTIONS])
{
	size_t n = 0;

	for (size_t i = 0; i < plan->nattempts; i++) {
		const struct attempt *a = &plan->attempt[i];
		struct sum_ask *of = a->usable == ATTEMPT_REFUSED && a->override ?
				     ask_of(ask, &n, a->override) : NULL;
		size_t len = of ? strlen(of->names) : 0;

		if (!of)
			continue;
		of->asked |= a->asks;
		snprintf(of->names + len, sizeof(of->names) - len, "%s%s",
			 len ? ", " : "", a->name);
	}
	return n;
}

static void text_asks(const struct plan *plan, FILE *to)
{
	struct sum_ask ask[MAX_OPTIONS];
	size_t n = sum_asks(plan, ask);

	for (size_t i = 0; i < n; i++) {
		fprintf(to, "  %s", i ? "          " : "asks:     ");
		if (ask[i].asked)
			fprintf(to, "on a terminal, whether to run %s, which nobody has "
				"tested (%s: yes)\n", ask[i].names, ask[i].option);
		else
			fprintf(to, "nothing, but %s is refused without %s\n",
				ask[i].names, ask[i].option);
	}
	if (!n)
		fputs("  asks:     nothing\n", to);
}

/* --- text -------------------------------------------------------------------------- */

static void text_time(uint64_t us, FILE *to)
{
	uint64_t s = (us + 500000) / 1000000;

	if (s < 100)
		fprintf(to, "%.1f s", SECONDS(us));
	else
		fprintf(to, "%u min %u s", (unsigned)(s / 60), (unsigned)(s % 60));
}

static void text_first(const struct plan *plan, FILE *to)
{
	const struct attempt *first = sum_first(plan, false);
	const struct attempt *acts = sum_first(plan, true);

	fprintf(to, "  first:    %s%s", plan->refusal && first ? "nothing while that "
		"holds, then " : "", acts ? acts->name : first ? "nothing" :
		"nothing, no method can be used");
	if (first != acts && first)
		fputs(acts ? ", unless it is found pristine" :
		      ", it is only looked whether it is pristine", to);
	fputc('\n', to);
}

static void text_radius(const struct plan *plan, FILE *to)
{
	const struct attempt *first = sum_first(plan, true);
	int level = sum_level(plan);
	char text[BDF_STR];

	if (!first)
		return;
	fputs("  touches: ", to);
	report_functions_text(plan->target, first, to);
	if (level > 0 && level > first->level)
		fprintf(to, "; the last ones all below %s",
			bdf_str(plan->target->path[level].bdf, text));
	fputc('\n', to);
}

static void text_worst(const struct plan *plan, FILE *to)
{
	const struct attempt *first = sum_first(plan, true);
	size_t n = plan_usable(plan);

	if (!first)
		return;
	fputs("  at worst: ", to);
	text_time(attempt_worst_us(first), to);
	if (n > 1) {
		fputs(" for that, ", to);
		text_time(sum_worst_us(plan), to);
		fprintf(to, " if all %zu are tried and fail", n);
	}
	fputc('\n', to);
}

static const char *sum_trust(const struct quirk *q)
{
	static const char *const text[] = {
		[QUIRK_WORKS] = "it was seen to work on a real card",
		[QUIRK_VENDOR] = "the vendor's own driver does it, no run of ours on a "
				 "real card was reported",
		[QUIRK_UNTESTED] = "untested, its entry has no line about a run on a "
				   "real card",
	};

	if (!q)
		return "no entry knows this card: what the specification promises";
	return q->broken ? "its file has errors: only what it forbids counts" :
	       text[q->status];
}

static void text_silent(const struct target *t, FILE *to)
{
	char text[BDF_STR];

	for (size_t i = 0; i < t->nfns; i++)
		if (!t->fn[i].answers)
			fprintf(to, "  DOES NOT ANSWER: %s\n",
				bdf_str(t->fn[i].bdf, text));
}

void report_summary_text(const struct report *r, FILE *to)
{
	const struct plan *plan = &r->study->plan;
	const struct quirk *q = r->study->quirk;
	char slot[BDF_STR];

	if (plan->refusal)
		fprintf(to, "  REFUSED: %s\n", plan->refusal);
	text_silent(plan->target, to);
	text_first(plan, to);
	text_radius(plan, to);
	text_worst(plan, to);
	fprintf(to, "  trust:    %s%s%s\n", q ? q->id : "", q ? ": " : "", sum_trust(q));
	text_asks(plan, to);
	if (r->waiting)
		fprintf(to, "  a killed run left %zu thing%s to be put back; gpureset "
			"recover %s, or the next reset, does it\n", r->waiting,
			r->waiting == 1 ? "" : "s",
			bdf_slot_str(plan->target->spec.bdf, slot));
}

/* --- JSON -------------------------------------------------------------------------- */

void report_summary_json(const struct report *r, struct json *j)
{
	const struct plan *plan = &r->study->plan;
	const struct attempt *first = plan->refusal ? NULL : sum_first(plan, true);
	struct sum_ask ask[MAX_OPTIONS];
	size_t n = sum_asks(plan, ask);

	json_object(j, "summary");
	json_string(j, "first", first ? first->name : NULL);
	json_bool(j, "unless_pristine", first && sum_first(plan, false) != first);
	if (first)
		json_ms(j, "first_worst_ms", attempt_worst_us(first));
	json_ms(j, "worst_ms", sum_worst_us(plan));
	json_string(j, "trust", sum_trust(r->study->quirk));
	json_array(j, "asks");
	for (size_t i = 0; i < n; i++) {
		json_object(j, NULL);
		json_string(j, "option", ask[i].option);
		json_bool(j, "on_a_terminal", ask[i].asked);
		json_string(j, "for", ask[i].names);
		json_object_end(j);
	}
	json_array_end(j);
	json_object_end(j);
}
