// SPDX-License-Identifier: GPL-2.0-or-later
/* The columns of `gpureset list`: a row each, and all of it as JSON. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "cmd/list.h"
#include "run/supervise.h"

#define CELL ERR_TEXT

/* --- cells ----------------------------------------------------------------------- */

/* Appends @text to the list in @cell. */
static void cell_add(char *cell, const char *text)
{
	size_t n = strlen(cell);

	snprintf(cell + n, CELL - n, "%s%s", n ? "," : "", text);
}

static void cell_bdf(const struct list_card *c, char *cell)
{
	bdf_slot_str(c->s.target.spec.bdf, cell);
}

/* What a person calls it: "Radeon RX 580" of "... Ellesmere [Radeon RX 580]". */
static void cell_name(const struct list_card *c, char *cell)
{
	const char *name = c->s.name, *open = strrchr(name, '[');
	size_t len = strlen(name);

	if (open && len && name[len - 1] == ']' && open[1] != ']')
		snprintf(cell, CELL, "%.*s", (int)(name + len - 1 - open - 1), open + 1);
	else
		snprintf(cell, CELL, "%s", name);
}

static void cell_fullname(const struct list_card *c, char *cell)
{
	snprintf(cell, CELL, "%s", c->s.name);
}

static void fn_ids(const struct fn_facts *fn, char ids[12])
{
	snprintf(ids, 12, "%04x:%04x", fn->vendor, fn->device);
}

static void cell_ids(const struct list_card *c, char *cell)
{
	char ids[12];

	for (size_t i = 0; i < c->s.target.nfns; i++) {
		fn_ids(&c->s.target.fn[i], ids);
		cell_add(cell, ids);
	}
}

/* "gpu", "audio" ...; the class of what graphics cards do not have. */
static const char *fn_kind(const struct fn_facts *fn, char buf[8])
{
	enum q_role role = quirk_role(fn->class_code, PORT_PCI);

	snprintf(buf, 8, "%04x", fn->class_code >> 8 & 0xffff);
	return role == ROLE_OTHER ? buf : quirk_role_str(role);
}

static void cell_functions(const struct list_card *c, char *cell)
{
	char buf[8];

	for (size_t i = 0; i < c->s.target.nfns; i++)
		cell_add(cell, fn_kind(&c->s.target.fn[i], buf));
}

/* One word where all functions have the same. */
static void cell_driver(const struct list_card *c, char *cell)
{
	const struct target *t = &c->s.target;
	size_t same = 0;

	while (same < t->nfns && !strcmp(t->fn[same].driver, t->fn[0].driver))
		same++;
	for (size_t i = 0; i < (same == t->nfns ? 1 : t->nfns); i++)
		cell_add(cell, t->fn[i].driver[0] ? t->fn[i].driver : "-");
}

static bool group_shared(const struct target *t)
{
	for (size_t i = 0; i < t->nfns; i++)
		if (t->fn[i].group_shared)
			return true;
	return false;
}

static void cell_group(const struct list_card *c, char *cell)
{
	int group = target_main(&c->s.target)->iommu_group;

	if (group >= 0)
		snprintf(cell, CELL, "%d %s", group,
			 group_shared(&c->s.target) ? "shared" : "clean");
}

static void cell_state(const struct list_card *c, char *cell)
{
	card_state_str(&c->state, cell, CELL);
}

/* The first that does something to the card; NULL: none does, or nobody knows. */
static const char *best_method(const struct list_card *c)
{
	for (size_t i = 0; c->planned && i < c->s.plan.nattempts; i++) {
		const struct attempt *a = &c->s.plan.attempt[i];

		if (a->usable == ATTEMPT_YES && strcmp(a->method->name, "none"))
			return a->name;
	}
	return NULL;
}

static void cell_method(const struct list_card *c, char *cell)
{
	const char *best = best_method(c);

	snprintf(cell, CELL, "%s", best ? best : c->planned ? "none usable" : "");
}

static const char *quirk_word(const struct quirk *q)
{
	return q->broken ? "errors" : quirk_status_str(q->status);
}

static void cell_quirk(const struct list_card *c, char *cell)
{
	const struct quirk *q = c->s.quirk;

	if (q)
		snprintf(cell, CELL, "%s (%s)", q->id, quirk_word(q));
}

static void cell_why(const struct list_card *c, char *cell)
{
	snprintf(cell, CELL, "%s", c->state.why);
}

static void cell_power(const struct list_card *c, char *cell)
{
	snprintf(cell, CELL, "%s", c->state.power);
}

static void cell_reserved(const struct list_card *c, char *cell)
{
	if (c->reserved)
		snprintf(cell, CELL, "VM %u", c->reserved);
}

/* --- the table of all -------------------------------------------------------------- */

/* Those that matter most come first: a narrow terminal breaks the lines. */
static const struct list_column {
	const char *name, *help;
	void (*fill)(const struct list_card *c, char *cell);    /* of an empty one */
	bool usual, cut;
} list_columns[] = {
	{ "BDF", "its slot", cell_bdf, true, false },
	{ "NAME", "what it is sold as", cell_name, true, true },
	{ "STATE", "how it is", cell_state, true, false },
	{ "METHOD", "the first reset that would be tried", cell_method, true, false },
	{ "DRIVER", "of each function, once where all have the same", cell_driver, true,
	  false },
	{ "GROUP", "its IOMMU group; shared: with other devices", cell_group, true,
	  false },
	{ "QUIRK", "its entry in the database, and how far that is tested", cell_quirk,
	  true, false },
	{ "FUNCTIONS", "what each function is", cell_functions, true, false },
	{ "IDS", "vendor and device of each function", cell_ids, true, false },
	{ "WHY", "the reason for the state", cell_why, false, false },
	{ "POWER", "D0 to D3cold, as the kernel has it", cell_power, false, false },
	{ "RESERVED", "the VM that Proxmox keeps it for", cell_reserved, false, false },
	{ "FULLNAME", "as in pci.ids", cell_fullname, false, false },
};

#define NCOLUMNS (sizeof(list_columns) / sizeof(*list_columns))
_Static_assert(NCOLUMNS <= LIST_COLUMNS, "room for each column once");

static int choose_wrong(const char *name, size_t len)
{
	char all[256] = "";

	for (size_t i = 0, n = 0; i < NCOLUMNS && n < sizeof(all); i++)
		n += (size_t)snprintf(all + n, sizeof(all) - n, " %s",
				      list_columns[i].name);
	return complain(EXIT_USAGE, "--columns: there is no column '%.*s'; wanted any "
			"of%s", len > 40 ? 40 : (int)len, name, all);
}

static int choose_one(struct list_choice *choice, const char *name, size_t len)
{
	for (size_t i = 0; i < NCOLUMNS; i++) {
		if (strlen(list_columns[i].name) != len ||
		    strncasecmp(list_columns[i].name, name, len))
			continue;
		if (choice->n == LIST_COLUMNS)
			return complain(EXIT_USAGE, "--columns: at most %d columns",
					LIST_COLUMNS);
		choice->col[choice->n++] = i;
		return 0;
	}
	return choose_wrong(name, len);
}

int list_choose(struct list_choice *choice, const char *text)
{
	bool usual = !text || text[0] == '+';
	int rc = 0;

	choice->n = 0;
	for (size_t i = 0; usual && i < NCOLUMNS; i++)
		if (list_columns[i].usual)
			choice->col[choice->n++] = i;
	text += text && text[0] == '+';
	while (text && !rc) {
		size_t len = strcspn(text, ",");

		rc = choose_one(choice, text, len);
		text = text[len] ? text + len + 1 : NULL;
	}
	return rc;
}

void list_columns_help(FILE *to)
{
	fputs("\nColumns (* those usually shown):\n", to);
	for (size_t i = 0; i < NCOLUMNS; i++)
		fprintf(to, "  %c %-10s %s\n", list_columns[i].usual ? '*' : ' ',
			list_columns[i].name, list_columns[i].help);
}

/* --- a table ------------------------------------------------------------------------ */

struct table *list_table(const struct list_choice *choice, bool raw)
{
	struct table *t = table_open(raw);

	for (size_t i = 0; i < choice->n; i++)
		table_column(t, list_columns[choice->col[i]].name,
			     list_columns[choice->col[i]].cut);
	return t;
}

static enum table_colour state_colour(const struct card_state *st)
{
	static const enum table_colour colours[] = {
		[CARD_UNKNOWN] = TABLE_YELLOW, [CARD_OK] = TABLE_PLAIN,
		[CARD_PRISTINE] = TABLE_GREEN, [CARD_DIRTY] = TABLE_YELLOW,
		[CARD_IN_USE] = TABLE_CYAN, [CARD_ASLEEP] = TABLE_GREY,
		[CARD_DEAD] = TABLE_RED, [CARD_BUSY] = TABLE_CYAN,
	};

	return colours[st->word];
}

void list_row(struct table *t, const struct list_choice *choice,
	      const struct list_card *c)
{
	table_row(t);
	for (size_t i = 0; i < choice->n; i++) {
		const struct list_column *col = &list_columns[choice->col[i]];
		char cell[CELL] = "";

		col->fill(c, cell);
		table_cell(t, i, cell, col->fill == cell_state ?
			   state_colour(&c->state) : TABLE_PLAIN);
	}
}

/* --- JSON --------------------------------------------------------------------------- */

static void json_group(struct json *j, const struct fn_facts *fn)
{
	if (fn->iommu_group < 0)
		json_string(j, "iommu_group", NULL);
	else
		json_int(j, "iommu_group", fn->iommu_group);
}

static void json_functions(struct json *j, const struct target *t)
{
	char text[BDF_STR], ids[12], kind[8];

	json_array(j, "functions");
	for (size_t i = 0; i < t->nfns; i++) {
		const struct fn_facts *fn = &t->fn[i];

		fn_ids(fn, ids);
		json_object(j, NULL);
		json_string(j, "bdf", bdf_str(fn->bdf, text));
		json_string(j, "ids", ids);
		json_string(j, "kind", fn_kind(fn, kind));
		snprintf(kind, sizeof(kind), "%04x", fn->class_code >> 8 & 0xffff);
		json_string(j, "class", kind);
		json_string(j, "driver", fn->driver[0] ? fn->driver : NULL);
		json_group(j, fn);
		json_object_end(j);
	}
	json_array_end(j);
}

void list_json(struct json *j, const struct list_card *c)
{
	const struct target *t = &c->s.target;
	const struct quirk *q = c->s.quirk;
	char slot[BDF_STR];

	json_object(j, NULL);
	json_string(j, "slot", bdf_slot_str(t->spec.bdf, slot));
	json_string(j, "name", c->s.name[0] ? c->s.name : NULL);
	json_functions(j, t);
	json_group(j, target_main(t));
	json_bool(j, "group_shared", group_shared(t));
	card_state_json(j, "state", &c->state);
	if (c->reserved)
		json_int(j, "reserved_for_vm", c->reserved);
	json_string(j, "method", best_method(c));
	json_bool(j, "method_known", c->planned);
	json_string(j, "quirk", q ? q->id : NULL);
	json_string(j, "quirk_status", q ? quirk_word(q) : NULL);
	json_object_end(j);
}
