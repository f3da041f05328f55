// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/escape.h"

#include <stdio.h>
#include <string.h>

const char *escape_char(unsigned char c, bool plain, char buf[ESCAPE_CHAR])
{
	snprintf(buf, ESCAPE_CHAR, plain ? "%c" : "%%%02x", c);
	return buf;
}

static int escape_digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

int escape_value(const char *at)
{
	int high = escape_digit(at[0]), low = high < 0 ? -1 : escape_digit(at[1]);
	int c = low < 0 ? 0 : high << 4 | low;

	return c ? c : -1;
}

char *escape_plain(char *text)
{
	for (char *c = text; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
	return text;
}

char *escape_control(char *text)
{
	for (char *c = text; *c; c++)
		if (((unsigned char)*c < ' ' && *c != '\n' && *c != '\t') || *c == 0x7f)
			*c = '?';
	return text;
}
