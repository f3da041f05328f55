// SPDX-License-Identifier: GPL-2.0-or-later
/* The file as text, before any meaning: UTF-8, LF, no tabs, nothing invisible. */
#include "quirk/parse.h"

#include <string.h>

static struct tok text_at(const char *line, size_t at)
{
	return (struct tok){ TOK_BAD, line + at, 1, (int)at + 1 };
}

/* Length of the UTF-8 sequence at @s and its value, or 0 when it is not one. */
static size_t text_utf8(const unsigned char *s, size_t left, uint32_t *cp)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 :
		   s[0] < 0xf0 ? 3 : s[0] < 0xf5 ? 4 : 0;

	if (!n || n > left)
		return 0;
	*cp = n == 1 ? s[0] : s[0] & (0x7fu >> n);
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		*cp = *cp << 6 | (s[i] & 0x3f);
	}
	if (*cp < least[n] || *cp > 0x10ffff || (*cp >= 0xd800 && *cp < 0xe000))
		return 0;
	return n;
}

/* Steers a terminal or reorders what is shown: a reviewer would not see it. */
static bool text_hidden(uint32_t cp)
{
	static const uint32_t range[][2] = {
		{ 0x00, 0x08 }, { 0x0a, 0x1f }, { 0x7f, 0x9f }, { 0x200b, 0x200f },
		{ 0x2028, 0x202e }, { 0x2060, 0x2069 }, { 0xfeff, 0xfeff },
	};

	for (size_t i = 0; i < sizeof(range) / sizeof(*range); i++)
		if (cp >= range[i][0] && cp <= range[i][1])
			return true;
	return false;
}

/* The line itself is not shown again: its bytes would act on the terminal. */
static bool text_readable(struct parser *p, const char *line, size_t len)
{
	for (size_t i = 0, n; i < len; i += n) {
		struct place at = { p->in.path, p->in.line, (int)i + 1, NULL, 0 };
		uint32_t cp = 0;

		n = text_utf8((const unsigned char *)line + i, len - i, &cp);
		if (!n) {
			parse_bad_at(p, at, "byte 0x%02x is not UTF-8",
				     (unsigned char)line[i]);
			return false;
		}
		if (text_hidden(cp)) {
			parse_bad_at(p, at, "invisible character U+%04X", cp);
			return false;
		}
	}
	return true;
}

static void text_blanks(struct parser *p, const char *line, size_t len)
{
	const char *tab = memchr(line, '\t', len);
	struct tok t;

	if (tab) {
		t = text_at(line, (size_t)(tab - line));
		parse_bad(p, &t, "a tab: use blanks");
	}
	if (len && line[len - 1] == ' ') {
		t = text_at(line, len - 1);
		parse_bad(p, &t, "blank at the end of the line");
	}
}

bool text_line(struct parser *p, const char *line, size_t *len, bool last)
{
	struct tok end;

	if (*len && line[*len - 1] == '\r') {
		p->in.lx.len = --*len;
		end = text_at(line, *len);
		if (!p->in.said_cr)
			parse_bad(p, &end, "lines end in CR LF: save the file with LF "
				  "alone");
		p->in.said_cr = true;
	}
	if (!text_readable(p, line, *len))
		return false;
	text_blanks(p, line, *len);
	end = text_at(line, *len);
	if (last)
		parse_bad(p, &end, "the last line has no end: is the file cut short?");
	return true;
}
