// SPDX-License-Identifier: GPL-2.0-or-later
/* The only file that knows libsmartcols. */
#include "cmd/table.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libsmartcols/libsmartcols.h>

#include "base/xalloc.h"
#include "cmd/entry.h"

/* Less of a cell says nothing: then lines are broken by the terminal anyway. */
#define CUT_LEAST 20

struct table {
	struct libscols_table *cols;
	struct libscols_line *row;
	size_t *width;                  /* widest cell of each column, 0: it gives way */
	size_t ncols, room;
};

/* As in base/xalloc.h: nothing has been touched yet. */
static void table_memory(bool failed)
{
	if (!failed)
		return;
	fputs("gpureset: out of memory\n", stderr);
	exit(1);
}

static const char *table_env(const char *name)
{
	char *const *env = entry_environ();
	size_t len = strlen(name);

	for (; env && *env; env++)
		if (!strncmp(*env, name, len) && (*env)[len] == '=')
			return *env + len + 1;
	return "";
}

bool table_may_colour(void)
{
	const char *term = table_env("TERM");

	return isatty(STDOUT_FILENO) && term[0] && strcmp(term, "dumb") &&
	       !table_env("NO_COLOR")[0];
}

struct table *table_open(bool raw)
{
	struct table *t = xcalloc(1, sizeof(*t));

	t->cols = scols_new_table();
	table_memory(!t->cols);
	scols_table_enable_raw(t->cols, raw);
	scols_table_enable_noheadings(t->cols, raw);
	scols_table_enable_colors(t->cols, !raw && table_may_colour());
	return t;
}

void table_column(struct table *t, const char *head, bool cut)
{
	table_memory(!scols_table_new_column(t->cols, head, 0,
					     cut ? SCOLS_FL_TRUNC : 0));
	t->width = xgrow(t->width, t->ncols, &t->room, sizeof(*t->width));
	t->width[t->ncols++] = cut ? 0 : strlen(head);
}

void table_row(struct table *t)
{
	t->row = scols_table_new_line(t->cols, NULL);
	table_memory(!t->row);
}

void table_cell(struct table *t, size_t col, const char *text, enum table_colour colour)
{
	static const char *const names[] = {
		[TABLE_RED] = "red", [TABLE_GREEN] = "green", [TABLE_YELLOW] = "yellow",
		[TABLE_CYAN] = "cyan", [TABLE_GREY] = "darkgray",
	};

	table_memory(scols_line_set_data(t->row, col, text[0] ? text : "-") != 0);
	if (t->width[col] && strlen(text) > t->width[col])
		t->width[col] = strlen(text);
	if (colour != TABLE_PLAIN)
		table_memory(scols_cell_set_color(scols_line_get_cell(t->row, col),
						  names[colour]) != 0);
}

int table_print(struct table *t)
{
	size_t least = t->ncols;

	for (size_t i = 0; i < t->ncols; i++)
		least += t->width[i] ? t->width[i] : CUT_LEAST;
	if (least > scols_table_get_termwidth(t->cols))
		scols_table_set_termwidth(t->cols, least);
	return scols_print_table(t->cols) ? -EIO : 0;
}

void table_close(struct table *t)
{
	scols_unref_table(t->cols);
	free(t->width);
	free(t);
}
