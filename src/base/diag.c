// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/diag.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

#define DIAG_PER_FILE 100       /* a person fixes the first ten and runs it again */
#define DIAG_WORD 64            /* longest word worth a suggestion */
#define DIAG_EDITS 2

void diag_init(struct diag *d)
{
	memset(d, 0, sizeof(*d));
}

void diag_free(struct diag *d)
{
	free(d->msg);
	diag_init(d);
}

static void diag_copy(char *to, size_t room, const char *from, size_t len)
{
	if (len >= room)
		len = room - 1;
	memcpy(to, from, len);
	to[len] = '\0';
}

/* How many messages at the end of the list concern @file. */
static size_t diag_run(const struct diag *d, const char *file)
{
	size_t n = 0;

	while (n <= DIAG_PER_FILE && n < d->n &&
	       !strncmp(d->msg[d->n - 1 - n].file, file, sizeof(d->msg->file) - 1))
		n++;
	return n;
}

static struct diag_msg *diag_new(struct diag *d, enum diag_level level, const char *file)
{
	struct diag_msg *m;

	d->msg = xgrow(d->msg, d->n, &d->room, sizeof(*d->msg));
	m = &d->msg[d->n++];
	memset(m, 0, sizeof(*m));
	m->level = level;
	diag_copy(m->file, sizeof(m->file), file, strlen(file));
	return m;
}

void diag_add(struct diag *d, enum diag_level level, const char *file, int line, int col,
	      const char *src_line, size_t src_len, const char *fmt, ...)
{
	size_t run = diag_run(d, file);
	struct diag_msg *m;
	va_list ap;

	d->errors += level == DIAG_ERROR;
	if (run > DIAG_PER_FILE)
		return;
	m = diag_new(d, level, file);
	if (run == DIAG_PER_FILE) {
		snprintf(m->text, sizeof(m->text), "too many messages, the rest is not "
			 "shown");
		return;
	}
	m->line = line;
	m->col = col;
	va_start(ap, fmt);
	vsnprintf(m->text, sizeof(m->text), fmt, ap);
	va_end(ap);
	if (src_line)
		diag_copy(m->source, sizeof(m->source), src_line, src_len);
}

/* Bytes that could steer a terminal are shown as '?'; a tab must not shift the caret. */
static void diag_put_source(const char *text, FILE *out)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		fputc(c == '\t' ? ' ' : c < ' ' || c == 0x7f ? '?' : c, out);
	}
}

static void diag_print_source(const struct diag_msg *m, FILE *out)
{
	size_t len = strlen(m->source);

	fprintf(out, "%5d | ", m->line);
	diag_put_source(m->source, out);
	fputc('\n', out);
	if (m->col < 1 || (size_t)m->col > len + 1)
		return;
	fprintf(out, "      | ");
	for (int i = 0; i < m->col - 1; i++)    /* one blank a character, not a byte */
		if ((m->source[i] & 0xc0) != 0x80)
			fputc(' ', out);
	fputs("^\n", out);
}

void diag_print(const struct diag *d, FILE *out)
{
	static const char *const level[] = {
		[DIAG_ERROR] = "error", [DIAG_WARNING] = "warning",
	};

	for (size_t i = 0; i < d->n; i++) {
		const struct diag_msg *m = &d->msg[i];

		diag_put_source(m->file, out);
		if (m->line > 0)
			fprintf(out, ":%d", m->line);
		if (m->line > 0 && m->col > 0)
			fprintf(out, ":%d", m->col);
		fprintf(out, ": %s: %s\n", level[m->level], m->text);
		if (m->line > 0 && m->source[0])
			diag_print_source(m, out);
	}
}

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned m = a < b ? a : b;

	return m < c ? m : c;
}

/* Edits (insert, drop, change) from @a to @b; case is not an edit. */
static unsigned diag_distance(const char *a, size_t na, const char *b, size_t nb)
{
	unsigned row[DIAG_WORD + 1];

	for (size_t j = 0; j <= nb; j++)
		row[j] = (unsigned)j;
	for (size_t i = 1; i <= na; i++) {
		unsigned corner = row[0];

		row[0] = (unsigned)i;
		for (size_t j = 1; j <= nb; j++) {
			unsigned up = row[j];
			int ca = tolower((unsigned char)a[i - 1]);
			int cb = tolower((unsigned char)b[j - 1]);

			row[j] = min3(up + 1, row[j - 1] + 1, corner + (ca != cb));
			corner = up;
		}
	}
	return row[nb];
}

const char *diag_nearest(const char *word, const char *const words[])
{
	size_t len = strlen(word);
	unsigned best = DIAG_EDITS + 1;
	const char *found = NULL;

	if (len > DIAG_WORD)
		return NULL;
	for (; *words; words++) {
		size_t n = strlen(*words);
		unsigned d;

		if (n > DIAG_WORD || n > len + DIAG_EDITS || len > n + DIAG_EDITS)
			continue;
		d = diag_distance(word, len, *words, n);
		if (d < best && d < n) {        /* all letters changed is not near */
			best = d;
			found = *words;
		}
	}
	return found;
}
