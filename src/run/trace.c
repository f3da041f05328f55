// SPDX-License-Identifier: GPL-2.0-or-later
#include "run/trace.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/textfile.h"
#include "base/xalloc.h"
#include "hw/hw_record.h"
#include "hw/hw_replay.h"
#include "run/trace_internal.h"

#define TRACE_LINE 640

/* --- time ---------------------------------------------------------------------- */

static uint64_t trace_monotonic(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

/* Asking a recorded run, or whoever records one, would be part of the run. */
static uint64_t trace_clock(const struct trace *t)
{
	if (t->real)
		return trace_monotonic();
	return hw_replay_of(t->clock) ? hw_replay_clock(t->clock) : hw_now(t->clock);
}

uint64_t trace_now(struct trace *t)
{
	uint64_t now = trace_clock(t);

	if (!t->started && !(t->real && t->to.origin_us))
		t->to.origin_us = now;
	t->started = true;
	now = now > t->to.origin_us ? now - t->to.origin_us : 0;
	/* a replay that comes to its end is at its beginning again */
	t->last = now > t->last ? now : t->last;
	return t->last;
}

/* --- events -------------------------------------------------------------------- */

FILE *trace_fresh(struct trace *t)
{
	rewind(t->mem);
	return t->mem;
}

void trace_emit(struct trace *t, int fd)
{
	fflush(t->mem);
	if (fd >= 0 && !t->failed && textfile_write_fd(fd, t->buf, t->len))
		t->failed = true;
}

static bool trace_is_chrome(const struct trace *t)
{
	return t->to.fd >= 0 && t->to.chrome;
}

static bool trace_is_text(const struct trace *t)
{
	return t->keep.fd >= 0 || (t->to.fd >= 0 && !t->to.chrome);
}

void trace_begin(struct trace *t, const char *fmt, ...)
{
	static const char *const none[] = { NULL };
	char line[TRACE_LINE];
	va_list ap;

	if (!t)
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	t->depth++;
	if (trace_is_chrome(t))
		chrome_event(t, 'B', line, "part", none);
	if (trace_is_text(t))
		text_note(t, line);
}

void trace_end(struct trace *t)
{
	static const char *const none[] = { NULL };

	if (!t || !t->depth)
		return;
	t->depth--;
	if (trace_is_chrome(t))
		chrome_event(t, 'E', NULL, NULL, none);
}

void trace_note(struct trace *t, const char *fmt, ...)
{
	static const char *const none[] = { NULL };
	char line[TRACE_LINE];
	va_list ap;

	if (!t)
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (trace_is_chrome(t))
		chrome_event(t, 'i', line, "note", none);
	if (trace_is_text(t))
		text_note(t, line);
}

/* --- accesses ------------------------------------------------------------------ */

enum access_part { ACCESS_OTHER, ACCESS_WHOLE, ACCESS_INDEX };

/*
 * Is it of this register, or of the index register on the way to it? Many registers
 * share an index: which one is meant is what it was set to.
 */
static enum access_part access_is(const struct trace *t, const struct shim_access *a,
				  const struct reg *r)
{
	bool bar = a->kind == SHIM_BAR_READ || a->kind == SHIM_BAR_WRITE;
	bool cfg = a->kind == SHIM_CFG_READ || a->kind == SHIM_CFG_WRITE;

	if (r->space == REG_CONFIG)
		return cfg && a->off == r->off ? ACCESS_WHOLE : ACCESS_OTHER;
	if (!bar || a->bar != r->bar)
		return ACCESS_OTHER;
	if (r->space == REG_BAR)
		return a->off == r->off ? ACCESS_WHOLE : ACCESS_OTHER;
	if (a->off == r->data && t->index == r->off)
		return ACCESS_WHOLE;
	return a->off == r->index && a->value == r->off ? ACCESS_INDEX : ACCESS_OTHER;
}

static bool access_named(struct trace *t, struct trace_access *x, const struct reg *r,
			 const char *name)
{
	enum access_part part = access_is(t, x->a, r);

	if (part == ACCESS_OTHER || !name)
		return false;
	if (part == ACCESS_INDEX)
		t->index = r->off;
	snprintf(x->name, sizeof(x->name), "%.100s%s", name,
		 part == ACCESS_INDEX ? " (index)" : "");
	return true;
}

static bool access_cond(struct trace *t, struct trace_access *x,
			const struct reg_cond *cond, int n)
{
	for (int i = 0; i < n; i++)
		if (access_named(t, x, &cond[i].reg, cond[i].name))
			return true;
	return false;
}

/* The register's name where the step that is being done knows it. */
static void access_name(struct trace *t, struct trace_access *x)
{
	static const bool has_reg[STEP_KINDS] = {
		[STEP_WRITE] = true, [STEP_SET] = true, [STEP_KEEP] = true,
		[STEP_PUT] = true,
	};
	const struct step *s = t->step;

	x->name[0] = '\0';
	if (!s || !hw_shim_has_bdf(x->a->kind) || !bdf_eq(x->a->bdf, s->fn) ||
	    (has_reg[s->kind] && access_named(t, x, &s->reg, s->name)) ||
	    access_cond(t, x, s->cond, s->ncond))
		return;
	for (int i = 0; i < s->nwhen; i++)
		if (access_cond(t, x, s->when[i].cond, s->when[i].ncond))
			return;
}

static void access_place(const struct shim_access *a, char *buf, size_t size)
{
	buf[0] = '\0';
	if (a->name)
		snprintf(buf, size, "%s", a->name);
	else if (a->kind == SHIM_CFG_READ || a->kind == SHIM_CFG_WRITE)
		snprintf(buf, size, "0x%x/%u", a->off, a->width);
	else if (a->kind == SHIM_BAR_READ || a->kind == SHIM_BAR_WRITE)
		snprintf(buf, size, "bar%d+0x%x", a->bar, a->off);
	else if (a->kind == SHIM_FIND_CAP)
		snprintf(buf, size, "id 0x%x", a->off);
	else if (a->kind == SHIM_SLEEP)
		snprintf(buf, size, "%llu us", (unsigned long long)a->us);
}

/* The step's own function need not be said again. */
static void access_where(const struct trace *t, struct trace_access *x)
{
	const struct shim_access *a = x->a;
	char fn[BDF_STR], place[TRACE_LABEL - BDF_STR];

	access_place(a, place, sizeof(place));
	if (!hw_shim_has_bdf(a->kind) || (t->step && bdf_eq(a->bdf, t->step->fn)))
		snprintf(x->where, sizeof(x->where), "%s", place);
	else
		snprintf(x->where, sizeof(x->where), "%s%s%s", bdf_str(a->bdf, fn),
			 place[0] ? " " : "", place);
}

/* Plain ASCII on one line, in quotes, cut. */
static void access_text(const char *text, char *buf)
{
	size_t n = 0;

	buf[n++] = '\'';
	for (; *text && n < TRACE_VALUE; text++)
		buf[n++] = *text == '\n' ? ' ' : *text < ' ' || *text > '~' ? '?' : *text;
	snprintf(buf + n, 8, "%s'", *text ? "..." : "");
}

static void access_value(struct trace_access *x)
{
	static const bool numbers[SHIM_KINDS] = {
		[SHIM_CFG_READ] = true, [SHIM_CFG_WRITE] = true, [SHIM_BAR_READ] = true,
		[SHIM_BAR_WRITE] = true, [SHIM_FIND_CAP] = true,
		[SHIM_ATTR_EXISTS] = true, [SHIM_HOST_EXISTS] = true,
		[SHIM_WAIT_EVENT] = true,
	};
	const struct shim_access *a = x->a;

	x->value[0] = '\0';
	if (a->text)
		access_text(a->text, x->value);
	else if (numbers[a->kind] && !a->rc)
		snprintf(x->value, sizeof(x->value), "0x%0*x", a->width ?
			 (int)(2 * a->width) : 1, a->value);
}

static void trace_before(void *arg)
{
	struct trace *t = arg;

	t->access_begun = trace_now(t);
}

static void trace_after(void *arg, const struct shim_access *a)
{
	struct trace *t = arg;
	struct trace_access x = { .a = a, .begun = t->access_begun };

	x.took = trace_now(t) - x.begun;
	access_name(t, &x);
	access_where(t, &x);
	access_value(&x);
	if (trace_is_chrome(t))
		chrome_access(t, &x);
	if (trace_is_text(t))
		text_access(t, &x);
}

struct hw *trace_hw(struct trace *t, struct hw *below)
{
	const struct shim_watch watch = { trace_before, trace_after, t };
	struct hw *shim;

	if (!t)
		return below;
	shim = hw_shim_open(below);
	hw_shim_watch(shim, &watch);
	t->clock = below;
	t->real = hw_record_file(below) || !strcmp(hw_kind(below), "linux");
	return shim;
}

struct trace *trace_of(const struct hw *hw)
{
	const struct shim_watch *w = hw_shim_watched(hw);

	return w && w->after == trace_after ? w->arg : NULL;
}

/* --- attempts and steps --------------------------------------------------------- */

static void watch_number(const struct trace_watch *w, const struct attempt *a,
			 const struct step *s, char *buf, size_t size)
{
	const struct plan *p = w->plan;
	size_t at = (size_t)(s - a->step) + 1;

	if (p && a >= p->attempt && a < p->attempt + p->nattempts)
		snprintf(buf, size, "%zu.%zu", (size_t)(a - p->attempt) + 1, at);
	else
		snprintf(buf, size, "%zu", at);
}

static void watch_begin(void *arg, const struct attempt *a, const struct step *s)
{
	struct trace_watch *w = arg;
	struct trace *t = w->t;
	char number[32], line[TRACE_LINE];
	const char *const args[] = { "step", number, "phase", phase_str(s->phase), NULL };

	/* plans are freed: another attempt may be in the place of the last one */
	if (w->a != a || s == a->step) {
		trace_watch_end(w);
		trace_begin(t, "attempt: %s", a->name);
		w->a = a;
	}
	watch_number(w, a, s, number, sizeof(number));
	w->passed = false;
	t->step = s;
	t->step_begun = trace_now(t);
	if (trace_is_chrome(t)) {
		step_print(s, line, sizeof(line));
		chrome_event(t, 'B', line, phase_str(s->phase), args);
	}
	if (trace_is_text(t))
		text_step(t, number, s);
	if (w->inner.begin)
		w->inner.begin(w->inner.arg, a, s);
}

static void watch_passed(void *arg, const struct attempt *a, const struct step *s)
{
	struct trace_watch *w = arg;

	w->passed = true;
	if (w->inner.passed)
		w->inner.passed(w->inner.arg, a, s);
}

static void watch_end(void *arg, const struct attempt *a, const struct step *s, int rc,
		      uint64_t took_us)
{
	struct trace_watch *w = arg;
	struct trace *t = w->t;
	const char *const args[] = {
		"result", rc ? strerror(-rc) : w->passed ? "passed by" : "ok", NULL,
	};
	char number[32];

	watch_number(w, a, s, number, sizeof(number));
	if (trace_is_text(t))
		text_step_end(t, number, rc, w->passed);
	if (trace_is_chrome(t))
		chrome_event(t, 'E', NULL, NULL, args);
	t->step = NULL;
	if (w->inner.end)
		w->inner.end(w->inner.arg, a, s, rc, took_us);
}

static bool watch_stop(void *arg)
{
	const struct trace_watch *w = arg;

	return w->inner.stop && w->inner.stop(w->inner.arg);
}

/* Asked of the machine past the shim: one event, with its time. */
static int watch_ready(void *arg, const struct attempt *a, const struct step *s,
		       struct err *err)
{
	struct trace_watch *w = arg;
	int rc;

	if (!w->inner.ready)
		return 0;
	trace_begin(w->t, "does somebody use the card?");
	rc = w->inner.ready(w->inner.arg, a, s, err);
	if (rc)
		trace_note(w->t, "%s", err->text);
	trace_end(w->t);
	return rc;
}

struct exec_watch trace_watch(struct trace_watch *w)
{
	struct exec_watch with = w->inner;

	with.begin = watch_begin;
	with.passed = watch_passed;
	with.end = watch_end;
	with.stop = watch_stop;
	with.ready = watch_ready;
	with.arg = w;
	return with;
}

void trace_watch_end(struct trace_watch *w)
{
	if (w->a)
		trace_end(w->t);
	w->a = NULL;
}

/* --- the whole ----------------------------------------------------------------- */

struct trace *trace_open(const struct trace_to *to)
{
	struct trace *t = xcalloc(1, sizeof(*t));

	t->to = to ? *to : (struct trace_to){ .fd = -1 };
	t->real = true;
	t->keep.fd = -1;
	t->mem = open_memstream(&t->buf, &t->len);
	if (t->mem)
		return t;
	free(t);
	return NULL;
}

int trace_close(struct trace *t, struct err *err)
{
	bool failed;

	if (!t)
		return 0;
	while (t->depth)
		trace_end(t);
	failed = t->failed;
	trace_keep_end(t);
	fclose(t->mem);
	free(t->buf);
	free(t);
	return failed ? err_set(err, EIO, "--trace: not all of it could be written") : 0;
}
