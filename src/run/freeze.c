// SPDX-License-Identifier: GPL-2.0-or-later
#include "run/freeze.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/textfile.h"

#define FREEZE_PREFIX "risk-"
#define FREEZE_NAME (BDF_STR + 8)
#define FREEZE_HEAD "gpureset risk 1"
#define FREEZE_WHAT "record of risky steps"
#define FREEZE_BOOT_ID "/proc/sys/kernel/random/boot_id"

/* The lines of a record in their order; "undo" lines follow. */
static const struct freeze_key {
	const char *name;
	size_t at;
} freeze_keys[] = {
	{ "method", offsetof(struct frozen, method) },
	{ "boot", offsetof(struct frozen, boot) },
	{ "card", offsetof(struct frozen, card) },
	{ "quirk", offsetof(struct frozen, quirk) },
	{ "step", offsetof(struct frozen, step) },
	{ "kernel", offsetof(struct frozen, kernel) },
	{ "time", offsetof(struct frozen, time) },
};

#define FREEZE_KEYS (sizeof(freeze_keys) / sizeof(*freeze_keys))

static const char **freeze_field(struct frozen *f, size_t key)
{
	return (const char **)(void *)((char *)f + freeze_keys[key].at);
}

static const char *freeze_name(struct bdf slot, char buf[FREEZE_NAME])
{
	char text[BDF_STR];

	snprintf(buf, FREEZE_NAME, FREEZE_PREFIX "%s", bdf_slot_str(slot, text));
	return buf;
}

/* --- reading ---------------------------------------------------------------------- */

/* The rest of @line after "@key ", or NULL. */
static const char *freeze_after(const char *line, const char *key)
{
	size_t n = strlen(key);

	return !strncmp(line, key, n) && line[n] == ' ' && line[n + 1] ? line + n + 1 :
	       NULL;
}

/* Where in the file the reader is. */
struct freeze_at {
	size_t key;             /* the next line's; FREEZE_KEYS: the record may end */
	bool ended;
};

/* NULL, or what is wrong with it. */
static const char *freeze_key(struct frozen_list *list, struct freeze_at *at,
			      const char *line)
{
	const char *text;

	at->key = at->key == FREEZE_KEYS ? 0 : at->key;
	text = freeze_after(line, freeze_keys[at->key].name);
	if (!text)
		return "it is not the line that belongs here";
	if (at->key == 0 && list->n == FROZEN_MOST)
		return "there are too many records";
	list->n += at->key == 0;
	*freeze_field(&list->item[list->n - 1], at->key++) = text;
	return NULL;
}

/* The same; @line, of @n bytes without its newline, is of list->text. */
static const char *freeze_line(struct frozen_list *list, struct freeze_at *at, char *line,
			       size_t n)
{
	bool may_end = at->key == FREEZE_KEYS || !list->n;
	struct frozen *last = list->n ? &list->item[list->n - 1] : NULL;
	const char *text = may_end ? freeze_after(line, "end") : NULL;
	char count[16];

	if (at->ended)
		return "it comes after the end";
	if (text) {
		snprintf(count, sizeof(count), "%zu", list->n);
		at->ended = !strcmp(text, count);
		return at->ended ? NULL : "records are missing above it";
	}
	if (!may_end || !last || !freeze_after(line, "undo"))
		return freeze_key(list, at, line);
	line[n] = '\n';
	last->undo = last->undo ? last->undo : line;
	last->undo_len = (size_t)(line + n + 1 - last->undo);
	return NULL;
}

static const char *freeze_lines(struct frozen_list *list, size_t len, int *nr)
{
	const char *at = list->text, *end = at + len, *line, *wrong = NULL;
	struct freeze_at where = { 0 };
	size_t n;

	for (*nr = 1; (line = textfile_line(&at, end, &n)); ++*nr) {
		char *own = list->text + (line - list->text);

		if (line + n == end || memchr(line, '\0', n))
			return "it is no whole line";
		own[n] = '\0';
		if (*nr > 1)
			wrong = freeze_line(list, &where, own, n);
		else if (strcmp(own, FREEZE_HEAD))
			wrong = "it is not '" FREEZE_HEAD "'";
		if (wrong)
			return wrong;
	}
	return where.ended ? NULL : "the file ends before its last line";
}

/* 0, also when there is none; else list->wrong says what. */
static int freeze_load(const char *state_dir, struct bdf slot, struct frozen_list *list)
{
	char name[FREEZE_NAME];
	struct err err = { 0 };
	const char *wrong;
	size_t len;
	int nr, rc;

	memset(list, 0, sizeof(*list));
	list->dir = state_dir;
	rc = rundir_read(state_dir, freeze_name(slot, name), FREEZE_WHAT, &list->text,
			 &len, &err);
	if (rc == -ENOENT)
		return 0;
	if (rc) {
		list->wrong = err;
		return rc;
	}
	wrong = freeze_lines(list, len, &nr);
	for (size_t i = 0; i < list->n; i++)
		list->item[i].slot = slot;
	if (!wrong)
		return 0;
	freeze_list_free(list);
	return err_set(&list->wrong, EINVAL, "%s/%s:%d: %s", state_dir, name, nr, wrong);
}

void freeze_read(struct hw *hw, const char *state_dir, struct bdf slot,
		 struct frozen_list *list)
{
	freeze_load(state_dir, slot, list);
	if (hw_host_read(hw, FREEZE_BOOT_ID, list->boot, sizeof(list->boot), NULL))
		list->boot[0] = '\0';
}

void freeze_list_free(struct frozen_list *list)
{
	free(list->text);
	for (size_t i = 0; i < list->nmore; i++)
		free(list->more[i]);
	list->text = NULL;
	list->n = list->nmore = 0;
}

int freeze_slots(const char *state_dir, rundir_slot_fn *fn, void *arg, struct err *err)
{
	return rundir_slots(state_dir, FREEZE_PREFIX, "records", fn, arg,
			    err);
}

/* --- cards that have another address by now --------------------------------------- */

static bool moved_is(struct hw *hw, struct bdf fn, const char *card)
{
	static const char *const ids[] = {
		"vendor", "device", "subsystem_vendor", "subsystem_device",
	};
	char text[32], is[FROZEN_CARD] = "";

	for (size_t i = 0; i < sizeof(ids) / sizeof(*ids); i++) {
		if (hw_attr_read(hw, fn, ids[i], text, sizeof(text), NULL))
			return false;
		snprintf(is + 5 * i, sizeof(is) - 5 * i, "%04lx%s",
			 strtoul(text, NULL, 16) & 0xffff, i < 3 ? ":" : "");
	}
	return !strcmp(is, card);
}

/* Is that card, as frozen_card() says it, in @slot? */
static bool moved_has(struct hw *hw, struct bdf slot, const char *card)
{
	for (slot.fn = 0; slot.fn < SLOT_FNS; slot.fn++)
		if (moved_is(hw, slot, card))
			return true;
	return false;
}

struct moved {
	struct hw *hw;
	struct bdf to;
	struct frozen_list *list;
};

static int moved_add(struct bdf slot, void *arg)
{
	const struct moved *m = arg;
	struct frozen_list *list = m->list, from;
	size_t had = list->n;

	if (bdf_same_slot(slot, m->to) || list->nmore == FROZEN_MOST)
		return 0;
	freeze_load(list->dir, slot, &from);
	for (size_t i = 0; i < from.n && list->n < FROZEN_MOST; i++)
		if (moved_has(m->hw, m->to, from.item[i].card) &&
		    !moved_has(m->hw, slot, from.item[i].card))
			list->item[list->n++] = from.item[i];
	if (list->n == had) {
		freeze_list_free(&from);
		return 0;
	}
	list->more[list->nmore++] = from.text;
	return 0;
}

void freeze_read_card(struct hw *hw, const char *state_dir, struct bdf slot,
		      struct frozen_list *list)
{
	struct moved m = { .hw = hw, .to = slot, .list = list };

	freeze_read(hw, state_dir, slot, list);
	freeze_slots(state_dir, moved_add, &m, NULL);
}

/* --- writing ---------------------------------------------------------------------- */

/* A line holds one line, and never nothing. */
static void freeze_put_line(FILE *out, const char *key, const char *text)
{
	fprintf(out, "%s ", key);
	for (const char *c = *text ? text : "-"; *c; c++)
		fputc((unsigned char)*c < ' ' || *c == 0x7f ? '?' : *c, out);
	fputc('\n', out);
}

static void freeze_put(FILE *out, struct frozen *f)
{
	for (size_t i = 0; i < FREEZE_KEYS; i++)
		freeze_put_line(out, freeze_keys[i].name, *freeze_field(f, i));
	if (f->undo)
		fwrite(f->undo, 1, f->undo_len, out);
}

static void freeze_put_all(FILE *out, struct frozen_list *list, struct freeze *more)
{
	fprintf(out, "%s\n", FREEZE_HEAD);
	for (size_t i = 0; i < list->n; i++)
		freeze_put(out, &list->item[i]);
	if (more)
		freeze_put(out, &more->now);
	for (size_t i = 0; more && i < more->nundo; i++)
		freeze_put_line(out, "undo", more->undo[i].text);
	fprintf(out, "end %zu\n", list->n + (more ? 1 : 0));
}

static int freeze_store(struct frozen_list *list, struct bdf slot, struct freeze *more,
			struct err *err)
{
	size_t n = list->n + (more ? 1 : 0), len = 0;
	char name[FREEZE_NAME], *text = NULL;
	FILE *out;
	int rc;

	freeze_name(slot, name);
	if (!n)
		return rundir_remove_durably(list->dir, name, err);
	if (n > FROZEN_MOST)
		return err_set(err, ENOSPC, "%s/%s holds %zu records already; `gpureset "
			       "unfreeze` removes them", list->dir, name, list->n);
	out = open_memstream(&text, &len);
	if (out)
		freeze_put_all(out, list, more);
	if (!out || fclose(out)) {
		free(text);
		return err_set(err, ENOMEM, "no memory for %s/%s", list->dir, name);
	}
	rc = rundir_replace_durably(list->dir, name, FREEZE_WHAT, text, len, err);
	free(text);
	return rc;
}

/* How many were taken off. */
static size_t freeze_without(struct frozen_list *list, freeze_drop_fn *drop,
			     const void *arg)
{
	size_t kept = 0, n = list->n;

	for (size_t i = 0; i < n; i++)
		if (!drop(&list->item[i], arg))
			list->item[kept++] = list->item[i];
	list->n = kept;
	return n - kept;
}

/* Nothing is written when nothing changes. */
static int freeze_change(const char *state_dir, struct bdf slot, freeze_drop_fn *drop,
			 const void *arg, struct freeze *more, struct err *err)
{
	struct frozen_list list;
	int rc = freeze_load(state_dir, slot, &list);

	if (rc && err)
		*err = list.wrong;
	if (!rc && (freeze_without(&list, drop, arg) || more))
		rc = freeze_store(&list, slot, more, err);
	freeze_list_free(&list);
	return rc;
}

int freeze_drop(const char *state_dir, struct bdf slot, freeze_drop_fn *drop,
		const void *arg, struct err *err)
{
	char name[FREEZE_NAME];

	if (drop)
		return freeze_change(state_dir, slot, drop, arg, NULL, err);
	return rundir_remove_durably(state_dir, freeze_name(slot, name), err);
}

static bool freeze_of_boot(const struct frozen *f, const void *arg)
{
	return frozen_lived(arg, f);
}

int freeze_settle(const struct frozen_list *list, struct bdf slot, struct err *err)
{
	return freeze_drop(list->dir, slot, freeze_of_boot, list, err);
}

/* --- an attempt that may hang the host ---------------------------------------------- */

/* An earlier word about the same thing, which this one replaces. */
static bool freeze_same(const struct frozen *f, const void *arg)
{
	const struct frozen *now = arg;

	return !strcmp(f->method, now->method) && !strcmp(f->card, now->card);
}

static int freeze_write(struct freeze *f, struct err *err)
{
	f->written = true;      /* although it fails, some of it may be there */
	return freeze_change(f->plan->opts.frozen->dir, f->slot, freeze_same, &f->now, f,
			     err);
}

static void freeze_begin(void *arg)
{
	struct freeze *f = arg;

	f->written = false;
	f->nundo = 0;
	f->below->begin(f->below->arg);
}

static void freeze_undone(void *arg, size_t place)
{
	struct freeze *f = arg;
	size_t kept = 0;

	f->below->undone(f->below->arg, place);
	for (size_t i = 0; i < f->nundo; i++)
		if (f->undo[i].place != place)
			f->undo[kept++] = f->undo[i];
	f->nundo = kept;
}

/* Once the attempt stands on the disk, so does what is added to its undo. */
static int freeze_intend(void *arg, const struct exec_undo *u, struct err *err)
{
	struct freeze *f = arg;
	int rc = f->below->intend(f->below->arg, u, err);

	if (rc)
		return rc;
	if (f->nundo < FREEZE_UNDO) {
		f->undo[f->nundo].place = u->place;
		step_print(u->step, f->undo[f->nundo].text, sizeof(f->undo[0].text));
		f->nundo++;
		rc = f->written ? freeze_write(f, err) : 0;
	} else {
		rc = err_set(err, E2BIG, "more than %d things to undo", FREEZE_UNDO);
	}
	if (rc)
		freeze_undone(f, u->place);
	return rc;
}

static void freeze_now(struct freeze *f, const struct attempt *a, const struct step *s)
{
	const struct quirk *q = f->plan->quirk;
	time_t now = time(NULL);
	struct tm tm = { 0 };

	gmtime_r(&now, &tm);
	strftime(f->time, sizeof(f->time), "%Y-%m-%d %H:%M:%S UTC", &tm);
	step_print(s, f->step, sizeof(f->step));
	snprintf(f->method, sizeof(f->method), "%s", a->name);
	snprintf(f->quirk, sizeof(f->quirk), "-");
	if (q)
		snprintf(f->quirk, sizeof(f->quirk), "%s %s:%d", q->id,
			 s->file ? s->file : q->file, s->file ? s->line : a->risk_line);
}

static int freeze_danger(void *arg, const struct attempt *a, const struct step *s,
			 struct err *err)
{
	struct freeze *f = arg;
	int rc;

	freeze_now(f, a, s);
	rc = f->now.boot[0] ? freeze_write(f, err) :
	     err_set(err, EIO, FREEZE_BOOT_ID " cannot be read");
	if (rc)
		err_prefix(err, "this step may hang the host, which has to be written "
			   "down first");
	return rc;
}

/*
 * What cannot be taken off says nothing as long as the host lives, and the next run
 * tries again; after a boot it errs on the safe side.
 */
static void freeze_end(void *arg)
{
	struct freeze *f = arg;

	if (f->written)
		freeze_change(f->plan->opts.frozen->dir, f->slot, freeze_same, &f->now,
			      NULL, NULL);
	f->written = false;
	if (f->below->end)
		f->below->end(f->below->arg);
}

void freeze_open(struct freeze *f, const struct plan *plan, const struct exec_keep *below)
{
	const struct frozen_list *list = plan->opts.frozen;

	memset(f, 0, sizeof(*f));
	f->plan = plan;
	f->below = below;
	f->slot = plan->target->spec.bdf;
	frozen_card(plan->target, f->card);
	f->now = (struct frozen){
		.method = f->method, .boot = list->boot, .card = f->card,
		.quirk = f->quirk, .step = f->step, .time = f->time,
		.kernel = plan->target->host.release,
	};
	f->keep = (struct exec_keep){
		.begin = freeze_begin, .intend = freeze_intend, .undone = freeze_undone,
		.danger = freeze_danger, .end = freeze_end, .arg = f,
		.memory = below->memory,
	};
	freeze_settle(list, f->slot, NULL);
}
