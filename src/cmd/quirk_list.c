// SPDX-License-Identifier: GPL-2.0-or-later
/* gpureset quirk list: every entry of the database, a row each. */
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/json.h"
#include "base/xalloc.h"
#include "cmd/quirk_cmd.h"

#define COLUMNS 6
#define NAME_COLUMN (COLUMNS - 1)       /* the last one, cut on a narrow terminal */
#define CELL 160

struct ql_column {
	const char *head;
	void (*fill)(const struct quirk *q, char *cell);
};

static void ql_add(char *cell, const char *word)
{
	size_t n = strlen(cell);

	snprintf(cell + n, CELL - n, "%s%s", n ? " " : "", word);
}

static void ql_id(const struct quirk *q, char *cell)
{
	ql_add(cell, q->id);
}

static void ql_ids(const struct quirk *q, char *cell)
{
	char text[32];

	quirk_id_str(&q->ids[0], text, sizeof(text));
	ql_add(cell, text);
	if (q->nids > 1) {
		snprintf(text, sizeof(text), "+%zu", q->nids - 1);
		ql_add(cell, text);
	}
}

static void ql_status(const struct quirk *q, char *cell)
{
	ql_add(cell, q->broken ? "HAS ERRORS" : quirk_status_str(q->status));
}

/* Those that a method line names; an include may bring more. */
static void ql_sequences(const struct quirk *q, char *cell)
{
	for (size_t i = 0; i < q->nmethods; i++)
		if (q->methods[i].sequence)
			ql_add(cell, q->methods[i].sequence);
	if (!cell[0])
		ql_add(cell, "-");
}

static void ql_denies(const struct quirk *q, char *cell)
{
	for (size_t i = 0; i < q->ndenies; i++)
		ql_add(cell, q->denies[i].method);
	if (!cell[0])
		ql_add(cell, "-");
}

static void ql_name(const struct quirk *q, char *cell)
{
	ql_add(cell, q->name ? q->name : "-");
}

static const struct ql_column ql_columns[COLUMNS] = {
	{ "ID", ql_id }, { "IDS", ql_ids }, { "STATUS", ql_status },
	{ "SEQUENCES", ql_sequences }, { "DENIES", ql_denies }, { "NAME", ql_name },
};

/* Columns of the terminal; 0: it is none, nothing is cut. */
static size_t ql_terminal(void)
{
	struct winsize size = { 0 };

	if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0)
		return 0;
	return size.ws_col;
}

static void ql_print_row(char (*cell)[CELL], const size_t *width, size_t room)
{
	size_t left = room;

	for (int c = 0; c < NAME_COLUMN; c++) {
		printf("%-*s  ", (int)width[c], cell[c]);
		left = left > width[c] + 2 ? left - width[c] - 2 : 0;
	}
	if (room && left > 10 && strlen(cell[NAME_COLUMN]) > left)
		printf("%.*s...\n", (int)left - 3, cell[NAME_COLUMN]);
	else
		printf("%s\n", cell[NAME_COLUMN]);
}

static void ql_text(const struct quirk_db *db)
{
	char (*cell)[COLUMNS][CELL] = xcalloc(db->n + 1, sizeof(*cell));
	size_t width[COLUMNS] = { 0 }, room = ql_terminal();

	for (int c = 0; c < COLUMNS; c++) {
		ql_add(cell[0][c], ql_columns[c].head);
		for (size_t i = 0; i < db->n; i++)
			ql_columns[c].fill(db->quirk[i], cell[i + 1][c]);
		for (size_t i = 0; i <= db->n; i++)
			if (strlen(cell[i][c]) > width[c])
				width[c] = strlen(cell[i][c]);
	}
	for (size_t i = 0; i <= db->n; i++)
		ql_print_row(cell[i], width, room);
	free(cell);
}

static void ql_json_entry(struct json *j, const struct quirk *q)
{
	char text[32];

	json_object(j, NULL);
	json_string(j, "id", q->id);
	json_string(j, "file", q->file);
	json_string(j, "name", q->name);
	json_string(j, "role", quirk_role_str(q->role));
	json_string(j, "status", quirk_status_str(q->status));
	json_bool(j, "errors", q->broken);
	json_array(j, "pci");
	for (size_t i = 0; i < q->nids; i++)
		json_string(j, NULL, quirk_id_str(&q->ids[i], text, sizeof(text)));
	json_array_end(j);
	json_array(j, "sequences");
	for (size_t i = 0; i < q->nmethods; i++)
		if (q->methods[i].sequence)
			json_string(j, NULL, q->methods[i].sequence);
	json_array_end(j);
	json_array(j, "denies");
	for (size_t i = 0; i < q->ndenies; i++)
		json_string(j, NULL, q->denies[i].method);
	json_array_end(j);
	json_object_end(j);
}

static void ql_json(const struct quirk_db *db)
{
	struct json j = { .out = stdout };

	json_object(&j, NULL);
	json_string(&j, "gpureset", GPURESET_VERSION);
	json_array(&j, "quirks");
	for (size_t i = 0; i < db->n; i++)
		ql_json_entry(&j, db->quirk[i]);
	json_array_end(&j);
	json_object_end(&j);
	putchar('\n');
}

static int ql_cmp(const void *a, const void *b)
{
	return strcmp((*(struct quirk *const *)a)->id, (*(struct quirk *const *)b)->id);
}

static int ql_run(const struct quirk_args *a)
{
	struct quirk_db db = { 0 };
	int status = quirk_db_of(a, &db);

	if (!status && db.n)
		qsort(db.quirk, db.n, sizeof(struct quirk *), ql_cmp);
	if (!status && a->json)
		ql_json(&db);
	else if (!status && !db.n)
		puts("no quirk file is installed; --quirks DIR shows those of a folder");
	else if (!status)
		ql_text(&db);
	quirk_db_free(&db);
	return status;
}

const struct quirk_sub quirk_list_sub = {
	.cmd.name = "quirk list",
	.cmd.args = "[options]",
	.cmd.summary = "every entry, a row each",
	.cmd.options = "*jQ",
	.cmd.example = { { "quirk list", "what is known, and how well" } },
	.least = 0, .most = 0,
	.run = ql_run,
};
