// SPDX-License-Identifier: GPL-2.0-or-later
#include "run/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/escape.h"
#include "base/textfile.h"
#include "base/xalloc.h"

#define JOURNAL_NAME (BDF_STR + 16)
#define JOURNAL_PREFIX "journal-"
#define JOURNAL_LINE 4096       /* an image of CONFSAVE_MAX registers takes 1.5 KiB */
#define JOURNAL_LONGEST_US 600000000ull /* no undo takes 2 min; damage is not obeyed */

/* The kinds of step that undo something; the others are none, and cannot be kept. */
#define JOURNAL_LONG (64u << 10)        /* a run writes 10 KiB at most */

static const char *const journal_kinds[STEP_KINDS] = {
	[STEP_DELAY] = "delay", [STEP_WRITE] = "write", [STEP_SET] = "set",
	[STEP_ATTR] = "attr", [STEP_RESTORE] = "restore", [STEP_BIND] = "bind",
	[STEP_APPEAR] = "appear", [STEP_PUT] = "put", [STEP_UNPARK] = "unpark",
};

/* --- a line as text ------------------------------------------------------------ */

struct journal_line {
	char buf[JOURNAL_LINE];
	size_t len;                     /* sizeof(buf): it did not fit */
};

static void line_add(struct journal_line *l, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void line_add(struct journal_line *l, const char *fmt, ...)
{
	size_t room = sizeof(l->buf) - l->len;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(l->buf + l->len, room, fmt, ap);
	va_end(ap);
	l->len = n < 0 || (size_t)n >= room ? sizeof(l->buf) : l->len + (size_t)n;
}

static bool text_is_plain(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || (c && strchr("_-./", c));
}

static void put_text(struct journal_line *l, const char *key, const char *text)
{
	char buf[ESCAPE_CHAR];

	line_add(l, " %s=", key);
	for (const unsigned char *c = (const unsigned char *)text; *c; c++)
		line_add(l, "%s", escape_char(*c, text_is_plain(*c), buf));
}

/* In place: what it says is never longer than how it is written. */
static bool get_text(char *at, const char **text)
{
	char *to = at;

	*text = at;
	for (; *at; at++, to++) {
		int c;

		*to = *at;
		if (*at != '%')
			continue;
		c = escape_value(at + 1);
		if (c < 0)
			return false;
		*to = (char)c;
		at += 2;
	}
	*to = '\0';
	return true;
}

/* One number up to @most, all of @text (or up to @end when that is not NULL). */
static bool get_number(const char *text, char **end, int base, uint64_t most,
		       uint64_t *value)
{
	char *stop;

	if (!strchr("0123456789abcdef", *text) || !*text)
		return false;
	errno = 0;
	*value = strtoull(text, &stop, base);
	if (end)
		*end = stop;
	return !errno && *value <= most && (end || !*stop);
}

/* --- what a line may hold: a row each ------------------------------------------- */

struct journal_key {
	const char *name;
	void (*put)(struct journal_line *l, const char *key,
		    const struct journal_item *it);
	bool (*get)(struct journal_item *it, char *text);
};

static void put_phase(struct journal_line *l, const char *key,
		      const struct journal_item *it)
{
	line_add(l, " %s=%d", key, (int)it->step.phase);
}

static bool get_phase(struct journal_item *it, char *text)
{
	uint64_t n;
	bool ok = get_number(text, NULL, 10, PHASE_PUT_BACK, &n);

	it->step.phase = ok ? (enum step_phase)n : PHASE_PUT_BACK;
	return ok;
}

static void put_us(struct journal_line *l, const char *key,
		   const struct journal_item *it)
{
	line_add(l, " %s=%" PRIu64, key, it->step.limit_us);
}

static bool get_us(struct journal_item *it, char *text)
{
	return get_number(text, NULL, 10, JOURNAL_LONGEST_US, &it->step.limit_us);
}

static void put_name(struct journal_line *l, const char *key,
		     const struct journal_item *it)
{
	if (it->step.name)
		put_text(l, key, it->step.name);
}

static bool get_name(struct journal_item *it, char *text)
{
	return get_text(text, &it->step.name);
}

static void put_value_text(struct journal_line *l, const char *key,
			   const struct journal_item *it)
{
	if (it->step.text)
		put_text(l, key, it->step.text);
}

static bool get_value_text(struct journal_item *it, char *text)
{
	return get_text(text, &it->step.text);
}

/* Bits of a register: space, BAR, width, offset, index, data, mask, value. */
static void put_bits(struct journal_line *l, const char *key,
		     const struct journal_item *it)
{
	const struct step *s = &it->step;
	const struct reg *r = &s->reg;

	if (s->kind == STEP_SET || s->kind == STEP_WRITE || s->kind == STEP_PUT)
		line_add(l, " %s=%x.%x.%x.%x.%x.%x.%x.%x", key, (unsigned)r->space,
			 r->bar, r->width, r->off, r->index, r->data, s->mask,
			 s->kind == STEP_PUT ? it->value : s->value);
}

static bool get_bits(struct journal_item *it, char *text)
{
	static const uint64_t most[] = {
		REG_INDIRECT, 5, 4, UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX,
		UINT32_MAX,
	};
	const size_t n = sizeof(most) / sizeof(*most);
	uint64_t v[sizeof(most) / sizeof(*most)];

	for (size_t i = 0; i < n; i++) {
		if (!get_number(text, &text, 16, most[i], &v[i]) ||
		    *text != (i + 1 < n ? '.' : '\0'))
			return false;
		text++;
	}
	it->step.reg = (struct reg){
		.space = (enum reg_space)v[0], .bar = (uint8_t)v[1],
		.width = (uint8_t)v[2], .off = (uint32_t)v[3], .index = (uint32_t)v[4],
		.data = (uint32_t)v[5],
	};
	it->step.mask = (uint32_t)v[6];
	it->step.value = it->value = (uint32_t)v[7];
	return true;
}

static void put_below(struct journal_line *l, const char *key,
		      const struct journal_item *it)
{
	char text[BDF_STR];

	if (it->step.kind == STEP_APPEAR)
		line_add(l, " %s=%s", key, bdf_str(it->step.aux, text));
}

static bool get_below(struct journal_item *it, char *text)
{
	return bdf_from_sysfs(text, &it->step.aux);
}

/* ID:OFFSET.WIDTH.VALUE,... in the order in which they go back. */
static void put_image(struct journal_line *l, const char *key,
		      const struct journal_item *it)
{
	const struct confsave *save = &it->image;

	if (!save->n)
		return;
	line_add(l, " %s=%x:", key, save->id);
	for (size_t i = 0; i < save->n; i++)
		line_add(l, "%s%x.%x.%x", i ? "," : "", save->item[i].off,
			 save->item[i].width, save->item[i].value);
}

static bool get_width(uint64_t width)
{
	return width == 1 || width == 2 || width == 4;
}

static bool get_register(struct confsave *save, char **text)
{
	struct confsave_item *item = &save->item[save->n];
	uint64_t off, width, value;

	if (save->n == CONFSAVE_MAX || !get_number(*text, text, 16, 4095, &off) ||
	    *(*text)++ != '.' || !get_number(*text, text, 16, 4, &width) ||
	    *(*text)++ != '.' || !get_number(*text, text, 16, UINT32_MAX, &value) ||
	    !get_width(width))
		return false;
	*item = (struct confsave_item){ (uint16_t)off, (uint8_t)width, (uint32_t)value };
	save->n++;
	return true;
}

static bool get_image(struct journal_item *it, char *text)
{
	uint64_t id;

	if (!get_number(text, &text, 16, UINT32_MAX, &id) || *text != ':')
		return false;
	it->image.id = (uint32_t)id;
	do {
		text++;
		if (!get_register(&it->image, &text))
			return false;
	} while (*text == ',');
	return !*text;
}

static const struct journal_key journal_keys[] = {
	{ "phase", put_phase, get_phase }, { "us", put_us, get_us },
	{ "name", put_name, get_name }, { "text", put_value_text, get_value_text },
	{ "bits", put_bits, get_bits }, { "below", put_below, get_below },
	{ "image", put_image, get_image },
};

#define JOURNAL_KEYS (sizeof(journal_keys) / sizeof(*journal_keys))

/* --- lines into items ------------------------------------------------------------ */

static bool get_kind(const char *text, enum step_kind *kind)
{
	for (int i = 0; i < STEP_KINDS; i++) {
		if (!journal_kinds[i] || strcmp(journal_kinds[i], text))
			continue;
		*kind = (enum step_kind)i;
		return true;
	}
	return false;
}

static bool get_field(struct journal_item *it, char *field)
{
	char *value = strchr(field, '=');

	if (!value)
		return false;
	*value++ = '\0';
	for (size_t i = 0; i < JOURNAL_KEYS; i++)
		if (!strcmp(journal_keys[i].name, field))
			return journal_keys[i].get(it, value);
	return false;
}

/* "1.14" */
static bool get_number_of(const char *text, unsigned *attempt, size_t *place)
{
	uint64_t a, p;
	char *at;

	if (!text || !get_number(text, &at, 10, UINT32_MAX, &a) || *at != '.' ||
	    !get_number(at + 1, NULL, 10, 1u << 20, &p))
		return false;
	*attempt = (unsigned)a;
	*place = (size_t)p;
	return true;
}

/* What a kind of step cannot do without, so that nothing is done by half a line. */
static bool item_whole(const struct journal_item *it)
{
	const struct step *s = &it->step;

	switch (s->kind) {
	case STEP_ATTR:
		return s->name && s->text;
	case STEP_BIND:
		return s->text;
	case STEP_RESTORE:
		return it->image.n;
	case STEP_SET:
	case STEP_WRITE:
	case STEP_PUT:
		return s->name && get_width(s->reg.width);
	default:
		return true;
	}
}

static bool line_undo(struct journal_list *list, char *rest)
{
	struct journal_item it;
	const char *number = strsep(&rest, " "), *kind = strsep(&rest, " ");
	const char *fn = strsep(&rest, " ");
	char *field;

	memset(&it, 0, sizeof(it));
	if (!get_number_of(number, &it.attempt, &it.place) || !kind || !fn ||
	    !get_kind(kind, &it.step.kind) || !bdf_from_sysfs(fn, &it.step.fn))
		return false;
	while ((field = strsep(&rest, " ")))
		if (!get_field(&it, field))
			return false;
	it.image.bdf = it.step.fn;
	if (!item_whole(&it))
		return false;
	list->item = xgrow(list->item, list->n, &list->room, sizeof(it));
	list->item[list->n++] = it;
	return true;
}

static bool line_done(struct journal_list *list, char *rest)
{
	unsigned attempt;
	size_t place, kept = 0;

	if (!get_number_of(rest, &attempt, &place))
		return false;
	for (size_t i = 0; i < list->n; i++)
		if (list->item[i].attempt != attempt || list->item[i].place != place)
			list->item[kept++] = list->item[i];
	list->n = kept;
	return true;
}

static bool line_take(struct journal_list *list, char *line)
{
	const char *verb = strsep(&line, " ");

	if (!line)
		return false;
	if (!strcmp(verb, "undo"))
		return line_undo(list, line);
	return !strcmp(verb, "done") && line_done(list, line);
}

/* --- the file ------------------------------------------------------------------- */

static int journal_failed(struct journal *j, int code, struct err *err)
{
	return err_sys(err, code, "cannot write the journal %s", j->path);
}

/* A line is in it whole or not at all. */
static int journal_append(struct journal *j, const struct journal_line *l,
			  struct err *err)
{
	ssize_t n;
	int code;

	if (j->broken && ftruncate(j->fd, (off_t)j->size) < 0)
		return journal_failed(j, errno, err);
	j->broken = false;
	n = write(j->fd, l->buf, l->len);
	if (n == (ssize_t)l->len) {
		j->size += l->len;
		return 0;
	}
	code = n < 0 ? errno : ENOSPC;
	j->broken = n > 0;
	return journal_failed(j, code, err);
}

static void journal_begin(void *arg)
{
	struct journal *j = arg;

	j->attempt++;
}

static void line_item(struct journal_line *l, const struct journal_item *it)
{
	char fn[BDF_STR];

	line_add(l, "undo %u.%zu %s %s", it->attempt, it->place,
		 journal_kinds[it->step.kind], bdf_str(it->step.fn, fn));
	for (size_t i = 0; i < JOURNAL_KEYS; i++)
		journal_keys[i].put(l, journal_keys[i].name, it);
	line_add(l, "\n");
}

static int journal_intend(void *arg, const struct exec_undo *u, struct err *err)
{
	struct journal *j = arg;
	struct journal_item it = {
		.attempt = j->attempt, .place = u->place, .step = *u->step,
		.value = u->value,
	};
	struct journal_line l = { .len = 0 };
	int rc;

	if (u->image)
		it.image = *u->image;
	if (!journal_kinds[it.step.kind])
		return err_set(err, ENOTSUP, "this undo cannot be written down in the "
			       "journal %s, so nothing is done", j->path);
	line_item(&l, &it);
	rc = l.len == sizeof(l.buf) ? journal_failed(j, E2BIG, err) :
	     journal_append(j, &l, err);
	j->open += !rc;
	return rc;
}

/* A "done" that cannot be written costs nothing: to undo again does no harm. */
void journal_done(struct journal *j, unsigned attempt, size_t place)
{
	struct journal_line l = { .len = 0 };

	if (j->open && --j->open == 0 && ftruncate(j->fd, 0) == 0) {
		j->size = 0;
		j->broken = false;
		return;
	}
	line_add(&l, "done %u.%zu\n", attempt, place);
	journal_append(j, &l, NULL);
}

static void journal_undone(void *arg, size_t place)
{
	struct journal *j = arg;

	journal_done(j, j->attempt, place);
}

int journal_read(struct journal *j, struct journal_list *list, struct err *err)
{
	const char *at, *end, *line;
	size_t len;
	int rc;

	memset(list, 0, sizeof(*list));
	if (lseek(j->fd, 0, SEEK_SET) < 0)
		return err_sys(err, errno, "cannot read the journal %s", j->path);
	rc = textfile_read_fd(j->fd, j->path, TEXTFILE_MOST, &list->text, &len, err);
	if (rc)
		return rc;
	at = list->text;
	end = at + len;
	for (j->size = 0; (line = textfile_line(&at, end, &len));
	     j->size = (size_t)(at - list->text)) {
		char *own = list->text + (line - list->text);

		if (line + len == end)
			break;          /* no newline: it was being written */
		own[len] = '\0';
		j->damaged = strlen(own) != len || !line_take(list, own);
		if (j->damaged)
			break;
	}
	j->broken = list->text + j->size < end;
	return 0;
}

int journal_slots(const char *run_dir, rundir_slot_fn *fn, void *arg, struct err *err)
{
	return rundir_slots(run_dir, JOURNAL_PREFIX, "journals", fn, arg, err);
}

/* Looking needs no lock, so that nothing may be made tidy here. */
int journal_look(struct journal *j, const char *run_dir, struct bdf slot,
		 struct err *err)
{
	char name[JOURNAL_NAME], where[BDF_STR];
	struct err why = { 0 };

	memset(j, 0, sizeof(*j));
	snprintf(name, sizeof(name), JOURNAL_PREFIX "%s", bdf_slot_str(slot, where));
	snprintf(j->path, sizeof(j->path), "%s/%s", run_dir, name);
	j->fd = rundir_look(run_dir, name, "journal", &why);
	if (j->fd >= 0)
		return 0;
	if (j->fd != -ENOENT && err)
		*err = why;
	return j->fd;
}

void journal_list_free(struct journal_list *list)
{
	free(list->item);
	free(list->text);
	memset(list, 0, sizeof(*list));
}

/*
 * An undo that fails each time keeps the file from being emptied, and each run adds
 * what it did: write it anew with what is left alone.
 */
static int journal_compact(struct journal *j, const struct journal_list *list,
			   const char *run_dir, const char *name, struct err *err)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	int rc;

	for (size_t i = 0; f && i < list->n; i++) {
		struct journal_line l = { .len = 0 };

		line_item(&l, &list->item[i]);
		fwrite(l.buf, 1, l.len, f);
	}
	if (!f || fclose(f)) {
		free(text);
		return journal_failed(j, ENOMEM, err);
	}
	rc = rundir_replace(run_dir, name, "journal", text, len, err);
	free(text);
	close(j->fd);
	j->fd = rc ? -1 : rundir_open(run_dir, name, "journal", O_APPEND, err);
	j->size = len;
	j->broken = false;
	return rc ? rc : j->fd < 0 ? j->fd : 0;
}

/* What is in it already is counted; what is no whole line goes with the next write. */
static int journal_resume(struct journal *j, const char *run_dir, const char *name,
			  struct err *err)
{
	struct journal_list list;
	int rc = journal_read(j, &list, err);

	j->open = list.n;
	for (size_t i = 0; i < list.n; i++)
		if (list.item[i].attempt > j->attempt)
			j->attempt = list.item[i].attempt;
	if (!rc && !j->damaged && j->size > JOURNAL_LONG)
		rc = journal_compact(j, &list, run_dir, name, err);
	journal_list_free(&list);
	return rc;
}

static int journal_open_with(struct journal *j, const char *run_dir, struct bdf slot,
			     int flags, struct err *err)
{
	char name[JOURNAL_NAME], where[BDF_STR];
	int rc;

	memset(j, 0, sizeof(*j));
	j->keep = (struct exec_keep){ .begin = journal_begin, .intend = journal_intend,
				      .undone = journal_undone, .arg = j };
	snprintf(name, sizeof(name), JOURNAL_PREFIX "%s", bdf_slot_str(slot, where));
	snprintf(j->path, sizeof(j->path), "%s/%s", run_dir, name);
	j->fd = rundir_open(run_dir, name, "journal", O_APPEND | flags, err);
	if (j->fd < 0)
		return j->fd;
	rc = journal_resume(j, run_dir, name, err);
	if (rc && j->fd >= 0)
		close(j->fd);
	if (rc)
		j->fd = -1;
	return rc;
}

int journal_open(struct journal *j, const char *run_dir, struct bdf slot,
		 struct err *err)
{
	return journal_open_with(j, run_dir, slot, O_CREAT, err);
}

int journal_reopen(struct journal *j, const char *run_dir, struct bdf slot,
		   struct err *err)
{
	struct err why = { 0 };
	int rc = journal_open_with(j, run_dir, slot, 0, &why);

	if (rc && rc != -ENOENT && err)
		*err = why;
	return rc;
}

void journal_leave(struct journal *j)
{
	if (j->fd >= 0)
		close(j->fd);
	j->fd = -1;
}

void journal_close(struct journal *j)
{
	if (j->fd >= 0 && !j->open)
		unlink(j->path);
	journal_leave(j);
}
