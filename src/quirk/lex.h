/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One line of a quirk file as tokens with columns. */
#ifndef GPURESET_QUIRK_LEX_H
#define GPURESET_QUIRK_LEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum tok_kind {
	TOK_END,                /* end of line, or a comment */
	TOK_WORD,               /* letter or '_', then letters, digits, '_' */
	TOK_NUMBER,             /* digit, then letters, digits, '_'; see lex_number() */
	TOK_STRING,             /* "text", the quotes not in it */
	TOK_OP,                 /* run of = ! < > */
	TOK_PUNCT,              /* one of [ ] . : * */
	TOK_BAD,                /* anything else, a string without end */
};

struct tok {
	enum tok_kind kind;
	const char *s;
	size_t len;
	int col;                /* 1-based */
};

struct lex {
	const char *line;
	size_t len;
	size_t pos;
};

struct tok lex_next(struct lex *);
struct tok lex_peek(const struct lex *);

/* Everything up to the next blank, whatever it holds: ids. */
struct tok lex_blob(struct lex *);

/* The next item of a list: up to a blank or comma; a comma itself is TOK_PUNCT. */
struct tok lex_item(struct lex *);

/* Like lex_next(), but a word may have a '-' in it. */
struct tok lex_dashed(struct lex *);

/*
 * The rest of the line as free text: a comment in it needs blanks on both sides of
 * its '#', so that "issue #12" is text.
 */
struct tok lex_text(struct lex *);

bool tok_is(const struct tok *, const char *text);

/*
 * Value of a TOK_NUMBER: decimal or 0x. NULL, or what is wrong with it, with *@at the
 * offending byte.
 */
const char *lex_number(const struct tok *, uint32_t *value, size_t *at);

#endif
