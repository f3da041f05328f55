/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Characters of a text that would end a field, as %xx, or that a terminal obeys. */
#ifndef GPURESET_BASE_ESCAPE_H
#define GPURESET_BASE_ESCAPE_H

#include <stdbool.h>

#define ESCAPE_CHAR 4   /* "%20" and its end */

/* How @c is written: itself when it is @plain, else as %xx. Returns @buf. */
const char *escape_char(unsigned char c, bool plain, char buf[ESCAPE_CHAR]);

/* The character whose two hex digits are at @at; -1: they are not, or it would be NUL. */
int escape_value(const char *at);

/*
 * In place: what is not printable ASCII becomes '?'. For names that anybody may choose (a
 * process, a device node, a card in a file that was sent in) and a terminal would obey.
 * Returns @text.
 */
char *escape_plain(char *text);
/* The same of control characters but newlines and tabs: a text of several lines. */
char *escape_control(char *text);

#endif
