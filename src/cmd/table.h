/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rows and columns on standard output: aligned for people, cut to the width of their
 * terminal, in colours if they like; or raw for shell loops. What is not printable in a
 * cell (a process may call itself anything) comes out as \xNN.
 */
#ifndef GPURESET_CMD_TABLE_H
#define GPURESET_CMD_TABLE_H

#include <stdbool.h>
#include <stddef.h>

enum table_colour {
	TABLE_PLAIN, TABLE_RED, TABLE_GREEN, TABLE_YELLOW, TABLE_CYAN, TABLE_GREY,
};

struct table;

/*
 * @raw: no headings, one blank between columns, blanks in a cell as \x20. Never NULL;
 * columns come before rows.
 */
struct table *table_open(bool raw);

/* @cut: the column that gives way where a terminal is too narrow. */
void table_column(struct table *t, const char *head, bool cut);
void table_row(struct table *t);
/* Of the last row, @col from 0; empty text is shown as "-". @text is copied. */
void table_cell(struct table *t, size_t col, const char *text, enum table_colour colour);

/* All of it; 0 or a negative errno. */
int table_print(struct table *t);
void table_close(struct table *t);

/*
 * May what is printed have colours? Standard output is a terminal that is not dumb, and
 * the caller's environment does not say NO_COLOR (no-color.org: set and not empty).
 */
bool table_may_colour(void);

#endif
