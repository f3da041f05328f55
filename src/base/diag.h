/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Messages about text files a person wrote: file:line:column, the line itself, a
 * caret, what was expected, the nearest known word. All of a file in one run.
 */
#ifndef GPURESET_BASE_DIAG_H
#define GPURESET_BASE_DIAG_H

#include <stddef.h>
#include <stdio.h>

#define DIAG_TEXT 320

enum diag_level { DIAG_ERROR, DIAG_WARNING };

struct diag_msg {
	enum diag_level level;
	int line, col;                  /* 1-based; line 0: about the whole file */
	char file[192];
	char text[DIAG_TEXT];
	char source[160];               /* the line, for the caret; may be cut */
};

struct diag {
	struct diag_msg *msg;
	size_t n, room;
	size_t errors;
};

void diag_init(struct diag *);
void diag_free(struct diag *);

/* Add one message; @src_line (not NUL-terminated, @src_len bytes) may be NULL. */
void diag_add(struct diag *, enum diag_level, const char *file, int line, int col,
	      const char *src_line, size_t src_len, const char *fmt, ...)
	__attribute__((format(printf, 8, 9)));

/* "file:12:9: error: text", then the line and a caret. */
void diag_print(const struct diag *, FILE *out);

/*
 * The entry of @words (NULL-terminated) nearest to @word within two edits, or NULL.
 * For "did you mean".
 */
const char *diag_nearest(const char *word, const char *const words[]);

#endif
