// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A trace for people: a line for each thing that is new. What a step reads again and
 * again is told when it changes, with how often and how long it was the same before, and
 * when the step ends; its sleeps are added up.
 */
#include <inttypes.h>
#include <string.h>

#include "run/trace_internal.h"

#define MS(us) ((double)(us) / 1000)
#define LONG_US 1000            /* what took longer says so */

/* The line that is in t->mem; in the kept file only what belongs to the run. */
static void text_emit(struct trace *t, bool keep)
{
	fputc('\n', t->mem);
	trace_emit(t, t->to.chrome ? -1 : t->to.fd);
	if (keep)
		keep_write(t, t->buf, t->len);
}

static void text_open(struct trace *t, uint64_t at)
{
	fprintf(trace_fresh(t), "%6" PRIu64 ".%03u  ", at / 1000,
		(unsigned)(at % 1000));
}

void text_note(struct trace *t, const char *text)
{
	text_open(t, trace_now(t));
	fputs(text, t->mem);
	text_emit(t, true);
}

/* --- accesses ------------------------------------------------------------------ */

static void text_place(struct trace *t, enum shim_kind kind, const char *where,
		       const char *name, const char *value, int rc)
{
	static const bool writes[SHIM_KINDS] = {
		[SHIM_CFG_WRITE] = true, [SHIM_BAR_WRITE] = true,
		[SHIM_ATTR_WRITE] = true, [SHIM_BUS_WRITE] = true,
	};

	fprintf(t->mem, "  %s%s%s%s%s", hw_shim_kind_str(kind), where[0] ? " " : "",
		where, name[0] ? " " : "", name);
	if (value[0])
		fprintf(t->mem, " %s %s", writes[kind] ? ":=" : "=", value);
	if (rc)
		fprintf(t->mem, " FAILED: %s", strerror(-rc));
}

static struct trace_seen *seen_find(struct trace *t, const struct trace_access *x)
{
	for (size_t i = 0; i < t->nseen; i++) {
		struct trace_seen *s = &t->seen[i];

		if (s->kind == x->a->kind && !strcmp(s->where, x->where))
			return s;
	}
	return NULL;
}

static void seen_set(struct trace_seen *s, const struct trace_access *x)
{
	s->kind = x->a->kind;
	snprintf(s->where, sizeof(s->where), "%s", x->where);
	snprintf(s->name, sizeof(s->name), "%s", x->name);
	snprintf(s->value, sizeof(s->value), "%s", x->value);
	s->rc = x->a->rc;
	s->times = 1;
	s->untold = 0;
	s->since = x->begun;
	s->last = x->begun;
}

static bool seen_same(struct trace_seen *s, const struct trace_access *x)
{
	if (!s || s->rc != x->a->rc || strcmp(s->value, x->value))
		return false;
	s->times++;
	s->untold++;
	s->last = x->begun;
	return true;
}

static void text_line(struct trace *t, const struct trace_access *x,
		      const struct trace_seen *before)
{
	text_open(t, x->begun);
	text_place(t, x->a->kind, x->where, x->name, x->value, x->a->rc);
	if (before && before->untold)
		fprintf(t->mem, " (%u times %s before, for %.3f ms)", before->times,
			before->value[0] ? before->value : "the same",
			MS(x->begun - before->since));
	if (x->took >= LONG_US)
		fprintf(t->mem, ", %.3f ms", MS(x->took));
	text_emit(t, t->step);
}

void text_access(struct trace *t, const struct trace_access *x)
{
	struct trace_seen *s = t->step ? seen_find(t, x) : NULL;

	if (t->step && x->a->kind == SHIM_SLEEP) {
		t->slept++;
		t->slept_us += x->took;
		return;
	}
	if (seen_same(s, x))
		return;
	text_line(t, x, s);
	if (!s && t->step && t->nseen < TRACE_SEEN)
		s = &t->seen[t->nseen++];
	if (s)
		seen_set(s, x);
}

/* --- steps ---------------------------------------------------------------------- */

/* A step that reads the same to its end, as one that waits in vain does. */
static void text_untold(struct trace *t)
{
	for (size_t i = 0; i < t->nseen; i++) {
		const struct trace_seen *s = &t->seen[i];

		if (!s->untold)
			continue;
		text_open(t, s->last);
		text_place(t, s->kind, s->where, s->name, s->value, s->rc);
		fprintf(t->mem, " (%u times, for %.3f ms)", s->times,
			MS(s->last - s->since));
		text_emit(t, true);
	}
	t->nseen = 0;
}

void text_step(struct trace *t, const char *number, const struct step *s)
{
	char line[512];

	t->nseen = 0;
	t->slept = 0;
	t->slept_us = 0;
	step_print(s, line, sizeof(line));
	text_open(t, t->step_begun);
	fprintf(t->mem, "%s %s: %s", number, phase_str(s->phase), line);
	text_emit(t, true);
	keep_flush(t);
}

void text_step_end(struct trace *t, const char *number, int rc, bool passed)
{
	uint64_t now = trace_now(t), took = now - t->step_begun;

	text_untold(t);
	if (!rc && !passed && took < LONG_US)
		return;
	text_open(t, now);
	fprintf(t->mem, "%s %s%s, %.3f ms", number, rc ? "FAILED: " : passed ?
		"passed by" : "done", rc ? strerror(-rc) : "", MS(took));
	if (t->slept)
		fprintf(t->mem, " (slept %u time%s, %.3f ms)", t->slept,
			t->slept == 1 ? "" : "s", MS(t->slept_us));
	text_emit(t, true);
}
