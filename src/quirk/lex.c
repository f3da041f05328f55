// SPDX-License-Identifier: GPL-2.0-or-later
#include "quirk/lex.h"

#include <string.h>

/* ctype.h follows the locale; the language does not. */
static bool lex_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool lex_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool lex_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool lex_in(char c, const char *set)
{
	return c && strchr(set, c);
}

static void lex_skip(struct lex *lx)
{
	while (lx->pos < lx->len && lex_blank(lx->line[lx->pos]))
		lx->pos++;
}

static bool lex_comment(const struct lex *lx)
{
	return lx->line[lx->pos] == '#' &&
	       (lx->pos == 0 || lex_blank(lx->line[lx->pos - 1]));
}

static struct tok lex_tok(struct lex *lx, enum tok_kind kind, size_t from, size_t to)
{
	lx->pos = to;
	return (struct tok){ kind, lx->line + from, to - from, (int)from + 1 };
}

static struct tok lex_run(struct lex *lx, enum tok_kind kind)
{
	size_t to = lx->pos;

	while (to < lx->len && (lex_letter(lx->line[to]) || lex_digit(lx->line[to])))
		to++;
	return lex_tok(lx, kind, lx->pos, to);
}

static struct tok lex_op(struct lex *lx)
{
	size_t to = lx->pos;

	while (to < lx->len && lex_in(lx->line[to], "=!<>"))
		to++;
	return lex_tok(lx, TOK_OP, lx->pos, to);
}

static struct tok lex_string(struct lex *lx)
{
	size_t from = lx->pos;
	const char *end = memchr(lx->line + from + 1, '"', lx->len - from - 1);
	struct tok t;

	if (!end)
		return lex_tok(lx, TOK_BAD, from, lx->len);
	t = lex_tok(lx, TOK_STRING, from + 1, (size_t)(end - lx->line));
	t.col--;                        /* point at the quote */
	lx->pos++;
	return t;
}

struct tok lex_next(struct lex *lx)
{
	char c;

	lex_skip(lx);
	if (lx->pos >= lx->len || lex_comment(lx))
		return lex_tok(lx, TOK_END, lx->pos, lx->pos);
	c = lx->line[lx->pos];
	if (lex_letter(c))
		return lex_run(lx, TOK_WORD);
	if (lex_digit(c))
		return lex_run(lx, TOK_NUMBER);
	if (lex_in(c, "=!<>"))
		return lex_op(lx);
	if (c == '"')
		return lex_string(lx);
	return lex_tok(lx, lex_in(c, "[].:*") ? TOK_PUNCT : TOK_BAD, lx->pos,
		       lx->pos + 1);
}

struct tok lex_peek(const struct lex *lx)
{
	struct lex copy = *lx;

	return lex_next(&copy);
}

struct tok lex_blob(struct lex *lx)
{
	size_t to;

	lex_skip(lx);
	if (lx->pos >= lx->len || lex_comment(lx))
		return lex_tok(lx, TOK_END, lx->pos, lx->pos);
	for (to = lx->pos; to < lx->len && !lex_blank(lx->line[to]); to++)
		;
	return lex_tok(lx, TOK_WORD, lx->pos, to);
}

struct tok lex_item(struct lex *lx)
{
	size_t to;

	lex_skip(lx);
	if (lx->pos >= lx->len || lex_comment(lx))
		return lex_tok(lx, TOK_END, lx->pos, lx->pos);
	if (lx->line[lx->pos] == ',')
		return lex_tok(lx, TOK_PUNCT, lx->pos, lx->pos + 1);
	for (to = lx->pos; to < lx->len; to++)
		if (lex_blank(lx->line[to]) || lx->line[to] == ',')
			break;
	return lex_tok(lx, TOK_WORD, lx->pos, to);
}

struct tok lex_dashed(struct lex *lx)
{
	struct tok t = lex_next(lx);

	while (t.kind == TOK_WORD && lx->pos < lx->len &&
	       (lex_letter(lx->line[lx->pos]) || lex_digit(lx->line[lx->pos]) ||
		lx->line[lx->pos] == '-')) {
		lx->pos++;
		t.len++;
	}
	return t;
}

struct tok lex_text(struct lex *lx)
{
	size_t from, to;

	lex_skip(lx);
	from = lx->pos;
	for (to = from; to < lx->len; to++)
		if (lx->line[to] == '#' && to && lex_blank(lx->line[to - 1]) &&
		    (to + 1 == lx->len || lex_blank(lx->line[to + 1])))
			break;
	while (to > from && lex_blank(lx->line[to - 1]))
		to--;
	return lex_tok(lx, to > from ? TOK_WORD : TOK_END, from, to);
}

bool tok_is(const struct tok *t, const char *text)
{
	return t->kind != TOK_STRING && t->len == strlen(text) &&
	       !memcmp(t->s, text, t->len);
}

static int lex_digit_value(char c)
{
	if (lex_digit(c))
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : 99;
}

const char *lex_number(const struct tok *t, uint32_t *value, size_t *at)
{
	bool hex = t->len > 1 && t->s[0] == '0' && (t->s[1] | 32) == 'x';
	uint64_t v = 0;
	size_t i = hex ? 2 : 0;

	*at = 0;
	if (hex && t->len == 2)
		return "no digits after '0x'";
	if (!hex && t->len > 1 && t->s[0] == '0' && lex_digit(t->s[1]))
		return "a number that starts with 0 could be octal: drop the 0";
	for (; i < t->len; i++) {
		int d = lex_digit_value(t->s[i]);

		*at = i;
		if (d >= (hex ? 16 : 10))
			return "does not belong in a number";
		v = v * (hex ? 16 : 10) + (unsigned)d;
		if (v > UINT32_MAX) {
			*at = 0;
			return "the number does not fit 32 bits";
		}
	}
	*value = (uint32_t)v;
	return NULL;
}
