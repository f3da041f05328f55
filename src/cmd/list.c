// SPDX-License-Identifier: GPL-2.0-or-later
/* gpureset list: the GPUs of this host, a row each. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/xalloc.h"
#include "cmd/cmd.h"
#include "cmd/config.h"
#include "cmd/open.h"
#include "cmd/work.h"
#include "run/supervise.h"

#define COLUMNS 8
#define COL_STATE 4
#define CELL 96

struct row {
	char cell[COLUMNS][CELL];
};

struct table {
	struct hw *hw;
	const struct options *opts;
	const struct quirk_db *db;
	struct bdf *slot;               /* slots to show */
	size_t nslots, slot_room;
	struct row *row;
	size_t nrows, row_room;
};

/* One column: its heading, its JSON key, and what goes into the cell. */
struct column {
	const char *head, *key;
	void (*fill)(const struct study *s, char *cell);
};

static void col_bdf(const struct study *s, char *cell)
{
	char text[BDF_STR];

	snprintf(cell, CELL, "%s", bdf_slot_str(s->target.spec.bdf, text));
}

static void col_name(const struct study *s, char *cell)
{
	snprintf(cell, CELL, "%.60s", s->name);
}

static void col_ids(const struct study *s, char *cell)
{
	size_t n = 0;

	cell[0] = '\0';
	for (size_t i = 0; i < s->target.nfns && n + 12 < CELL; i++)
		n += (size_t)snprintf(cell + n, CELL - n, "%s%04x:%04x", i ? " " : "",
				      s->target.fn[i].vendor, s->target.fn[i].device);
}

static void col_driver(const struct study *s, char *cell)
{
	const char *driver = target_main(&s->target)->driver;

	snprintf(cell, CELL, "%s", driver[0] ? driver : "-");
}

static void col_group(const struct study *s, char *cell)
{
	int group = target_main(&s->target)->iommu_group;

	if (group < 0)
		snprintf(cell, CELL, "-");
	else
		snprintf(cell, CELL, "%d", group);
}

static void col_state(const struct study *s, char *cell)
{
	const struct fn_facts *fn = target_main(&s->target);

	if (!fn->answers)
		snprintf(cell, CELL, "dead");
	else if (s->target.nholders)
		snprintf(cell, CELL, "in use by %s (%d)", s->target.holder[0].comm,
			 s->target.holder[0].pid);
	else if (fn->power_state[0] && strcmp(fn->power_state, "unknown") &&
		 strcmp(fn->power_state, "D0"))
		snprintf(cell, CELL, "%s", fn->power_state);
	else
		snprintf(cell, CELL, "answers");
}

static void col_method(const struct study *s, char *cell)
{
	snprintf(cell, CELL, "none usable");
	for (size_t i = s->plan.nattempts; i-- > 0;)
		if (s->plan.attempt[i].usable == ATTEMPT_YES &&
		    strcmp(s->plan.attempt[i].name, "none"))
			snprintf(cell, CELL, "%s", s->plan.attempt[i].name);
}

static void col_quirk(const struct study *s, char *cell)
{
	if (s->quirk)
		snprintf(cell, CELL, "%.60s (%s)", s->quirk->id,
			 quirk_status_str(s->quirk->status));
	else
		snprintf(cell, CELL, "-");
}

static const struct column columns[COLUMNS] = {
	{ "BDF", "slot", col_bdf }, { "IDS", "ids", col_ids },
	{ "DRIVER", "driver", col_driver }, { "GROUP", "iommu_group", col_group },
	{ "STATE", "state", col_state }, { "METHOD", "method", col_method },
	{ "QUIRK", "quirk", col_quirk }, { "NAME", "name", col_name },
};

static bool seen(const struct table *t, struct bdf bdf)
{
	for (size_t i = t->nslots; i-- > 0;)
		if (bdf_same_slot(t->slot[i], bdf))
			return true;
	return false;
}

static int pick_slot(const struct hw_node *node, void *arg)
{
	struct table *t = arg;
	char class_text[16] = "0";

	if (seen(t, node->bdf))
		return 0;
	hw_attr_read(t->hw, node->bdf, "class", class_text, sizeof(class_text), NULL);
	if (!t->opts->all && !class_is_gpu((uint32_t)strtoul(class_text, NULL, 0)))
		return 0;
	t->slot = xgrow(t->slot, t->nslots, &t->slot_room, sizeof(*t->slot));
	t->slot[t->nslots++] = node->bdf;
	return 0;
}

static struct row *new_row(struct table *t)
{
	t->row = xgrow(t->row, t->nrows, &t->row_room, sizeof(*t->row));
	return &t->row[t->nrows++];
}

static bool add_busy(struct table *t, struct bdf slot)
{
	struct study s = { .target.spec.bdf = slot };
	struct row *row;

	if (!work_is_busy(t->opts, slot))
		return false;
	row = new_row(t);
	for (int c = 0; c < COLUMNS; c++)
		snprintf(row->cell[c], CELL, "-");
	col_bdf(&s, row->cell[0]);
	snprintf(row->cell[COL_STATE], CELL, "being reset");
	return true;
}

static void add_row(struct table *t, struct bdf slot)
{
	struct bdf_spec spec = { .bdf = slot, .whole_slot = true };
	struct plan_opts opts = t->opts->plan;
	struct err err = { 0 };
	struct study s;

	if (add_busy(t, slot))
		return;
	config_card(t->opts->conf, slot, &opts);
	if (study_card(&s, t->hw, t->db, t->opts, &spec, &opts, &err)) {
		complain(EXIT_FAILED, "%s", err.text);
	} else {
		struct row *row = new_row(t);

		for (int c = 0; c < COLUMNS; c++)
			columns[c].fill(&s, row->cell[c]);
	}
	study_free(&s);
}

static void print_text(const struct table *t)
{
	size_t width[COLUMNS];

	for (int c = 0; c < COLUMNS; c++) {
		width[c] = strlen(columns[c].head);
		for (size_t i = 0; i < t->nrows; i++)
			if (strlen(t->row[i].cell[c]) > width[c])
				width[c] = strlen(t->row[i].cell[c]);
	}
	for (int c = 0; c < COLUMNS; c++)
		printf("%-*s%s", c == COLUMNS - 1 ? 0 : (int)width[c], columns[c].head,
		       c == COLUMNS - 1 ? "\n" : "  ");
	for (size_t i = 0; i < t->nrows; i++)
		for (int c = 0; c < COLUMNS; c++)
			printf("%-*s%s", c == COLUMNS - 1 ? 0 : (int)width[c],
			       t->row[i].cell[c], c == COLUMNS - 1 ? "\n" : "  ");
}

static void print_json(const struct table *t)
{
	struct json j = { .out = stdout };

	json_object(&j, NULL);
	json_string(&j, "gpureset", GPURESET_VERSION);
	json_array(&j, "cards");
	for (size_t i = 0; i < t->nrows; i++) {
		json_object(&j, NULL);
		for (int c = 0; c < COLUMNS; c++)
			json_string(&j, columns[c].key, t->row[i].cell[c]);
		json_object_end(&j);
	}
	json_array_end(&j);
	json_object_end(&j);
	putchar('\n');
}

static int list_all(struct table *t)
{
	struct err err = { 0 };
	int rc;

	t->hw = open_hw(t->opts, &err);
	if (!t->hw)
		return complain(open_status(&err), "%s", err.text);
	rc = hw_scan(t->hw, pick_slot, t, &err);
	for (size_t i = 0; !rc && i < t->nslots; i++)
		add_row(t, t->slot[i]);
	if (rc)
		complain(EXIT_FAILED, "%s", err.text);
	else if (t->opts->json)
		print_json(t);
	else if (!t->nrows)
		puts("no GPU found; --all shows every PCI function");
	else
		print_text(t);
	hw_close(t->hw);
	free(t->slot);
	free(t->row);
	return rc ? EXIT_FAILED : 0;
}

static int list_run(int argc, char **argv)
{
	struct options o;
	struct config conf = { 0 };
	struct quirk_db db = { 0 };
	struct table t = { .opts = &o, .db = &db };
	int rc = options_parse(&o, &cmd_list, argc, argv);

	if (rc)
		return rc;
	if (o.help) {
		options_help(&cmd_list, stdout);
		return 0;
	}
	if (o.ntargets)
		return complain(EXIT_USAGE, "list takes no address; try `gpureset plan`");
	rc = config_apply(&conf, &o);
	if (!rc)
		rc = load_quirks(&o, &db);
	if (!rc)
		rc = list_all(&t);
	quirk_db_free(&db);
	config_free(&conf);
	return rc;
}

const struct command cmd_list = {
	.name = "list",
	.args = "[--all] [--json]",
	.summary = "the GPUs of this host and how each could be reset",
	.options = "ajQCLY",
	.example = { { "list", "a row for each GPU" },
		     { "list --replay my-card.rec", "of a recorded machine" } },
	.run = list_run,
};
