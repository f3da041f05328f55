// SPDX-License-Identifier: GPL-2.0-or-later
#include "run/held.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "base/textfile.h"

#define HELD_HEAD "gpureset held 1"
#define HELD_PREFIX "held-"
#define HELD_WHAT "list of held values"
#define HELD_NAME (BDF_STR + 16)
#define HELD_PATH 256
#define HELD_FIELDS 4

static void held_name(struct bdf slot, char buf[HELD_NAME])
{
	char text[BDF_STR];

	snprintf(buf, HELD_NAME, HELD_PREFIX "%s", bdf_slot_str(slot, text));
}

/* --- writing ------------------------------------------------------------------- */

/* In quotes, as a value may be empty; what would end a field as %XX. */
static void held_put_value(FILE *f, const char *value)
{
	char buf[ESCAPE_CHAR];

	fputs(" \"", f);
	for (; *value; value++) {
		unsigned char c = (unsigned char)*value;
		bool plain = c > ' ' && c < 0x7f && c != '%' && c != '"';

		fputs(escape_char(c, plain, buf), f);
	}
	fputc('"', f);
}

static void held_put_items(FILE *f, const struct hold *h)
{
	char text[BDF_STR];

	fprintf(f, "%s\n", HELD_HEAD);
	for (size_t i = 0; i < h->nvms; i++) {
		fputs("vm", f);
		held_put_value(f, h->vm[i].name);
		if (h->vm[i].since_s)
			fprintf(f, " %ju", (uintmax_t)h->vm[i].since_s);
		if (h->vm[i].since_s && h->vm[i].locked_s)
			fprintf(f, " %ju", (uintmax_t)h->vm[i].locked_s);
		fputc('\n', f);
	}
	for (size_t i = 0; i < h->n; i++) {
		const struct hold_item *it = &h->item[i];

		fprintf(f, "%s %s", bdf_str(it->fn, text), it->name);
		held_put_value(f, it->old);
		held_put_value(f, it->set);
		fputc('\n', f);
	}
}

int held_write(const char *run_dir, struct bdf slot, const struct hold *h,
	       struct err *err)
{
	char name[HELD_NAME], *text = NULL;
	size_t len = 0;
	FILE *f;
	int rc;

	held_name(slot, name);
	if (!h->n && !h->nvms)
		return rundir_remove(run_dir, name, err);
	f = open_memstream(&text, &len);
	if (f)
		held_put_items(f, h);
	if (!f || fclose(f)) {
		free(text);
		return err_set(err, ENOMEM, "no memory for %s/%s", run_dir, name);
	}
	rc = rundir_replace(run_dir, name, HELD_WHAT, text, len, err);
	free(text);
	return rc;
}

/* --- reading ------------------------------------------------------------------- */

/* "flr%20bus" with its quotes; NULL, or what is wrong with it. */
static const char *held_get_value(const char *field, char *buf, size_t size)
{
	size_t len = strlen(field), n = 0;

	if (len < 2 || field[0] != '"' || field[len - 1] != '"')
		return "a value is not in quotes";
	for (size_t i = 1; i < len - 1; i++) {
		int c = (unsigned char)field[i];

		if (c == '"' || c <= ' ' || c >= 0x7f)
			return "a value holds a character that is never written";
		if (c == '%') {
			c = escape_value(&field[i + 1]);
			if (c < 0)
				return "after % there are not two hex digits";
			i += 2;
		}
		if (n + 1 >= size)
			return "a value is too long";
		buf[n++] = (char)c;
	}
	buf[n] = '\0';
	return NULL;
}

static bool held_name_known(const char *name)
{
	static const char *const names[] = {
		"reset_method", "power/control", "d3cold_allowed", "driver",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strcmp(name, names[i]))
			return true;
	return false;
}

static const char *held_seconds(const char *text, uint64_t *s)
{
	size_t n = strspn(text, "0123456789");

	if (!n || n > 18 || text[n] || text[0] == '0')
		return "a time is no number of seconds";
	*s = strtoull(text, NULL, 10);
	return NULL;
}

/* Behind "vm "; a version before wrote one VM, without a time. */
static const char *held_vm(char *text, struct hold *h)
{
	char *name = strsep(&text, " "), *since = strsep(&text, " "), value[HOLD_VM];
	const char *wrong = held_get_value(name, value, sizeof(value));
	uint64_t since_s = 0, locked_s = 0;

	if (!wrong && since)
		wrong = held_seconds(since, &since_s);
	if (!wrong && text)
		wrong = held_seconds(text, &locked_s);
	if (wrong)
		return wrong;
	if (!value[0])
		return "the VM has no name";
	if (hold_vm_find(h, value))
		return "this VM stands above already";
	if (h->nvms == HOLD_VMS)
		return "there are too many VMs";
	hold_vm_add(h, value, since_s);
	hold_vm_find(h, value)->locked_s = locked_s;
	return NULL;
}

/* One line, which is changed. NULL, or what is wrong with it. */
static const char *held_item(char *line, struct hold *h)
{
	struct hold_item it = { 0 };
	char *field[HELD_FIELDS], *rest = line;
	const char *wrong;

	for (size_t i = 0; i < HELD_FIELDS; i++) {
		field[i] = strsep(&rest, " ");
		if (!field[i])
			return "there are fewer than four fields";
	}
	if (rest)
		return "there are more than four fields";
	if (!bdf_from_sysfs(field[0], &it.fn))
		return "it does not begin with a function like 0000:0b:00.0";
	if (!held_name_known(field[1]))
		return "the second field is no attribute that is ever held";
	snprintf(it.name, sizeof(it.name), "%s", field[1]);
	wrong = held_get_value(field[2], it.old, sizeof(it.old));
	if (!wrong)
		wrong = held_get_value(field[3], it.set, sizeof(it.set));
	if (wrong)
		return wrong;
	if (hold_find(h, it.fn, it.name))
		return "this attribute of this function stands above already";
	if (h->n == HOLD_MOST)
		return "there are too many lines";
	h->item[h->n++] = it;
	return NULL;
}

/* @line, which is changed, ends at @n; @whole: with a newline. */
static const char *held_line(char *line, size_t n, bool whole, int nr, struct hold *h)
{
	if (!whole)
		return "it does not end with a newline";
	if (memchr(line, '\0', n))
		return "it holds a NUL";
	line[n] = '\0';
	if (nr > 1 && !h->n && !strncmp(line, "vm ", 3))
		return held_vm(line + 3, h);
	if (nr > 1)
		return held_item(line, h);
	return strcmp(line, HELD_HEAD) ? "it is not '" HELD_HEAD "'" : NULL;
}

static int held_parse(const char *path, char *text, size_t len, struct hold *h,
		      struct err *err)
{
	const char *at = text, *end = text + len, *line;
	size_t n;

	for (int nr = 1; (line = textfile_line(&at, end, &n)); nr++) {
		const char *wrong = held_line(text + (line - text), n, line + n < end,
					      nr, h);

		if (wrong)
			return err_set(err, EINVAL, "%s:%d: %s; remove the file (what "
				       "it held stays as it is until the next boot)",
				       path, nr, wrong);
	}
	return len ? 0 : err_set(err, EINVAL, "%s:1: it is empty; remove the file", path);
}

int held_read(const char *run_dir, struct bdf slot, struct hold *h, struct err *err)
{
	char name[HELD_NAME], path[HELD_PATH], *text;
	struct err why = { 0 };
	size_t len;
	int rc;

	h->n = h->nvms = 0;
	held_name(slot, name);
	snprintf(path, sizeof(path), "%s/%s", run_dir, name);
	rc = rundir_read(run_dir, name, HELD_WHAT, &text, &len, &why);
	if (rc == -ENOENT)
		return 0;
	if (!rc)
		rc = held_parse(path, text, len, h, &why);
	free(text);
	if (rc)
		h->n = h->nvms = 0;
	if (rc && err)
		*err = why;
	return rc;
}

int held_slots(const char *run_dir, rundir_slot_fn *fn, void *arg, struct err *err)
{
	return rundir_slots(run_dir, HELD_PREFIX, "held values", fn, arg, err);
}
