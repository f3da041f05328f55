// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The quirk files that are shipped, against what they were made from: every register
 * program against tests/data/NAME.regs, row by row; every list of AMD ids against
 * tests/data/amd-ids.txt; and what must be true of any entry. tests/data/README says
 * what the rows mean.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/diag.h"
#include "quirk/quirk.h"

#define LINE 160
#define AMD 0x1002

static const char *const dirs[] = { "quirks", NULL };
static struct quirk_db db;
static struct diag diag;
static struct {
	size_t files, ids, tables, programs, rows;
} counted;

/* ---- lines of text, to compare */

struct lines {
	char (*text)[LINE];
	size_t n, room;
};

static void lines_add(struct lines *l, const char *text)
{
	if (l->n == l->room) {
		l->room = l->room ? 2 * l->room : 64;
		l->text = realloc(l->text, l->room * sizeof(*l->text));
		assert_non_null(l->text);
	}
	assert_true(strlen(text) < LINE);
	snprintf(l->text[l->n++], LINE, "%s", text);
}

static void lines_free(struct lines *l)
{
	free(l->text);
	*l = (struct lines){ 0 };
}

/* ---- a block of the database as rows */

/* By its index register: what a .regs file calls the space. */
static void space_str(const struct reg *r, char *buf, size_t room)
{
	static const struct {
		uint32_t index, data;
		const char *name;
	} known[] = {
		{ 0x200, 0x204, "smc0" }, { 0x6b0, 0x6b4, "sm11" },
		{ 0x38, 0x3c, "smn" }, { 0x481d0, 0x481d4, "fuse" },
	};

	if (r->space == REG_CONFIG)
		snprintf(buf, room, "cfg");
	else if (r->space == REG_BAR)
		snprintf(buf, room, "bar%u", r->bar);
	else
		snprintf(buf, room, "%x/%x", r->index, r->data);
	for (size_t i = 0; r->space == REG_INDIRECT && i < 4; i++)
		if (r->bar == 5 && r->index == known[i].index && r->data == known[i].data)
			snprintf(buf, room, "%s", known[i].name);
}

static void row_add(struct lines *out, const char *op, const struct reg *r, uint32_t mask,
		    uint32_t value)
{
	char space[24], row[LINE];

	assert_int_equal(r->width, 4);
	space_str(r, space, sizeof(space));
	snprintf(row, sizeof(row), "%s %s 0x%08x 0x%08x 0x%08x", op, space, r->off, mask,
		 value);
	lines_add(out, row);
}

/* "wait" for ==, "wait!=" ...; the second alternative is a row "either". */
static void conds_add(struct lines *out, const char *verb, const struct reg_cond *cond,
		      int n)
{
	char op[32];

	for (int i = 0; i < n; i++) {
		snprintf(op, sizeof(op), "%s%s", i ? "either" : verb,
			 cond[i].op == REG_EQ ? "" : reg_op_str(cond[i].op));
		row_add(out, op, &cond[i].reg, cond[i].mask, cond[i].want);
	}
}

static void stmt_add_rows(struct lines *out, const struct q_stmt *st)
{
	char row[LINE];

	for (int i = 0; i < st->nwhen; i++)
		conds_add(out, "when", st->when[i].cond, st->when[i].ncond);
	switch (st->verb) {
	case Q_WRITE:
		row_add(out, "wr", &st->reg, st->mask, st->value);
		break;
	case Q_SET:
		row_add(out, "rmw", &st->reg, st->mask, st->value);
		break;
	case Q_DELAY:
		snprintf(row, sizeof(row), "delay - - - %llu",
			 (unsigned long long)st->limit_us);
		lines_add(out, row);
		break;
	case Q_WAIT:
		conds_add(out, st->optional ? "try-wait" : "wait", st->cond, st->ncond);
		break;
	case Q_REQUIRE:
		conds_add(out, "require", st->cond, st->ncond);
		break;
	default:
		fail_msg("a statement that no table can hold");
	}
}

/* A failed write ends a sequence, "try" or not; so only waits are marked. */
static void block_rows(struct lines *out, const struct q_block *b)
{
	bool always = false;

	for (size_t i = 0; i < b->n; i++) {
		if (b->stmt[i].always && !always)
			lines_add(out, "always - - - -");
		always = b->stmt[i].always;
		stmt_add_rows(out, &b->stmt[i]);
	}
}

/* ---- tables */

struct whose {
	char quirk[64], block[64];
};

struct table {
	const char *path;
	FILE *f;
	struct whose now, next;         /* the section being read, and the one after it */
};

/* The squeezed row of a line, or "" for none. "#+" marks rows that are not AMD's. */
static void table_row(const char *line, char *row)
{
	char w[5][32];
	int n;

	row[0] = '\0';
	if (!strncmp(line, "#+", 2))
		line += 2;
	if (line[0] == '#' || line[0] == '\n')
		return;
	n = sscanf(line, "%31s %31s %31s %31s %31s", w[0], w[1], w[2], w[3], w[4]);
	assert_int_equal(n, 5);
	snprintf(row, LINE, "%s %s %s %s %s", strcmp(w[0], "or") ? w[0] : "rmw", w[1],
		 w[2], w[3], w[4]);
}

/* The rows up to the next "#@ QUIRK BLOCK", which is remembered. False: none left. */
static bool table_section(struct table *t, struct lines *rows)
{
	char line[256], row[LINE];

	t->now = t->next;
	t->next.quirk[0] = '\0';
	while (fgets(line, sizeof(line), t->f)) {
		struct whose *w = t->now.quirk[0] ? &t->next : &t->now;

		if (sscanf(line, "#@ %63s %63s", w->quirk, w->block) == 2) {
			if (w == &t->next)
				break;
			continue;
		}
		table_row(line, row);
		if (row[0])
			lines_add(rows, row);
	}
	if (!t->now.quirk[0] && rows->n)
		fail_msg("%s: rows before the first #@ line", t->path);
	return t->now.quirk[0];
}

static const struct quirk *find(const char *id)
{
	for (size_t i = 0; i < db.n; i++)
		if (!strcmp(db.quirk[i]->id, id))
			return db.quirk[i];
	fail_msg("there is no entry %s", id);
	abort();
}

static const struct q_block *find_block(const char *id, const char *name)
{
	const struct quirk *q = find(id);
	const struct q_block *b = !strcmp(name, "clean") ? &q->clean :
				  !strcmp(name, "health") ? &q->health :
				  quirk_sequence(q, name);

	if (!b || !b->n)
		fail_msg("%s has no sequence or section %s", id, name);
	return b;
}

static void section_check(const struct table *t, const struct lines *want)
{
	const struct q_block *b = find_block(t->now.quirk, t->now.block);
	struct lines got = { 0 };
	size_t i = 0;

	block_rows(&got, b);
	while (i < want->n && i < got.n && !strcmp(want->text[i], got.text[i]))
		i++;
	if (i < want->n || i < got.n)
		fail_msg("%s, %s %s, row %zu:\n  table %s\n  quirk %s", t->path,
			 t->now.quirk, t->now.block, i + 1,
			 i < want->n ? want->text[i] : "has ended",
			 i < got.n ? got.text[i] : "has ended");
	counted.rows += want->n;
	counted.programs++;
	lines_free(&got);
}

static void table_check(const char *path)
{
	struct table t = { .path = path, .f = fopen(path, "r") };
	struct lines rows = { 0 };
	size_t sections = 0;

	assert_non_null(t.f);
	while (table_section(&t, &rows)) {
		section_check(&t, &rows);
		rows.n = 0;
		sections++;
	}
	if (!sections)
		fail_msg("%s: no #@ line says whose table it is", path);
	lines_free(&rows);
	fclose(t.f);
	counted.tables++;
}

static void test_tables(void **state)
{
	glob_t g;

	(void)state;
	assert_int_equal(glob("tests/data/*.regs", 0, NULL, &g), 0);
	for (size_t i = 0; i < g.gl_pathc; i++)
		table_check(g.gl_pathv[i]);
	globfree(&g);
}

/* No AMD program without a table: what nothing compares is as good as typed by eye. */
static bool has_table(const struct quirk *q, const char *block)
{
	char word[160], line[256];
	bool found = false;
	glob_t g;

	snprintf(word, sizeof(word), "#@ %s %s\n", q->id, block);
	assert_int_equal(glob("tests/data/*.regs", 0, NULL, &g), 0);
	for (size_t i = 0; i < g.gl_pathc && !found; i++) {
		FILE *f = fopen(g.gl_pathv[i], "r");

		assert_non_null(f);
		while (!found && fgets(line, sizeof(line), f))
			found = !strcmp(line, word);
		fclose(f);
	}
	globfree(&g);
	return found;
}

static void test_all_have_tables(void **state)
{
	(void)state;
	for (size_t i = 0; i < db.n; i++) {
		const struct quirk *q = db.quirk[i];

		for (size_t s = 0; s < q->nsequences && q->ids[0].vendor == AMD; s++)
			if (quirk_writes(&q->sequences[s]) &&
			    !has_table(q, q->sequences[s].name))
				fail_msg("no table in tests/data for %s %s", q->id,
					 q->sequences[s].name);
	}
}

/* ---- ids: a bit per device id of vendor 1002 */

struct id_set {
	uint8_t has[65536];
	size_t n;
};

static void id_set_add(struct id_set *set, unsigned first, unsigned last, unsigned mask)
{
	for (unsigned id = mask == 0xffff ? first : 0;
	     id <= (mask == 0xffff ? last : 0xffff); id++) {
		if (mask != 0xffff && (id & mask) != first)
			continue;
		set->n += !set->has[id];
		set->has[id] = 1;
	}
}

static void id_set_words(struct id_set *set, char *words)
{
	unsigned first, last;

	for (char *w = strtok(words, " \n"); w; w = strtok(NULL, " \n")) {
		int n = sscanf(w, "%4x-%4x", &first, &last);

		assert_true(n >= 1);
		id_set_add(set, first, n == 2 ? last : first, 0xffff);
	}
}

/* The ids that amd-ids.txt gives to @entry. */
static void id_set_file(struct id_set *set, const char *entry)
{
	FILE *f = fopen("tests/data/amd-ids.txt", "r");
	char line[512], name[64], chip[64];
	int at;

	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		if (line[0] != '#' &&
		    sscanf(line, "%63s %63s %n", name, chip, &at) == 2 &&
		    !strcmp(name, entry))
			id_set_words(set, line + at);
	fclose(f);
}

static void ids_check(const struct quirk *q)
{
	struct id_set *want = calloc(1, sizeof(*want)), *got = calloc(1, sizeof(*got));

	assert_non_null(want);
	assert_non_null(got);
	id_set_file(want, q->id);
	for (size_t i = 0; i < q->nids; i++)
		id_set_add(got, q->ids[i].device, q->ids[i].device_last,
			   q->ids[i].device_mask);
	for (unsigned id = 0; id < 0x10000; id++)
		if (want->has[id] != got->has[id])
			fail_msg("%s %s 1002:%04x, amd-ids.txt says otherwise", q->id,
				 got->has[id] ? "names" : "lacks", id);
	counted.ids += got->n;
	free(want);
	free(got);
}

static void test_amd_ids(void **state)
{
	char line[512], name[64];
	FILE *f = fopen("tests/data/amd-ids.txt", "r");

	(void)state;
	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		if (line[0] != '#' && sscanf(line, "%63s", name) == 1)
			assert_non_null(find(name));
	fclose(f);
	for (size_t i = 0; i < db.n; i++)
		if (db.quirk[i]->role == ROLE_GPU && db.quirk[i]->ids[0].vendor == AMD)
			ids_check(db.quirk[i]);
}

/* ---- what is true of every entry */

static void test_no_errors(void **state)
{
	(void)state;
	if (diag.errors)
		diag_print(&diag, stderr);
	assert_int_equal(diag.errors, 0);
	assert_int_equal(db.nbroken, 0);
	assert_true(db.n > 0);
	for (size_t i = 0; i < db.n; i++)
		assert_false(db.quirk[i]->broken);
	counted.files = db.n;
}

static void test_no_conflicts(void **state)
{
	struct diag d;

	(void)state;
	diag_init(&d);
	if (quirk_db_check(&db, &d)) {
		diag_print(&d, stderr);
		fail_msg("entries that quirk_match() cannot choose between");
	}
	diag_free(&d);
}

static void test_sources(void **state)
{
	(void)state;
	for (size_t i = 0; i < db.n; i++) {
		const struct quirk *q = db.quirk[i];

		if (!q->source.n && !q->nevidence)
			fail_msg("%s names no source", q->id);
		if (q->status == QUIRK_WORKS && !q->tested.n)
			fail_msg("%s works, and nobody tested it", q->id);
	}
}

/* Never a bus reset, at any level, of what does not survive it or shares its bus. */
static void test_amd_denials(void **state)
{
	static const char *const all[] = { "hot_reset", "subordinate", "bus", "pm" };
	static const char *const entries[] = {
		"amd-navi4x", "amd-vega10", "amd-navi1x", "amd-navi32",
		"amd-mi200", "amd-mi300", "amd-apu-raven",
		"amd-apu-renoir", "amd-apu-vangogh", "amd-apu-rembrandt",
		"amd-apu-raphael", "amd-apu-granite-ridge", "amd-apu-phoenix",
		"amd-apu-strix", "amd-apu-strix-linux-6.16", "amd-apu-kaveri",
		"amd-cyan-skillfish",
	};
	const struct quirk *navi = find("amd-navi4x");

	(void)state;
	for (size_t i = 0; i < sizeof(entries) / sizeof(*entries); i++)
		for (size_t m = 0; m < 4; m++)
			if (!quirk_deny(find(entries[i]), all[m]))
				fail_msg("%s allows %s", entries[i], all[m]);
	assert_non_null(navi->noop_after_clean_shutdown.why);
	assert_non_null(navi->keep_d0.why);
	assert_non_null(navi->pin.why);
	assert_string_equal(navi->pin_methods, "");
}

/* What AMD's SMUs answer when it is not "done" (smu_cmn.c). */
static void test_amd_answers(void **state)
{
	static const uint32_t answers[] = { 0xfb, 0xfc, 0xfd, 0xfe, 0xff };
	const struct q_block *b = find_block("amd-apu-granite-ridge", "mode2");
	const struct q_block *other = find_block("amd-vega10", "baco");
	size_t lists = 0;

	(void)state;
	for (size_t i = 0; i < b->n + other->n; i++) {
		const struct q_stmt *st = i < b->n ? &b->stmt[i] : &other->stmt[i - b->n];

		for (size_t c = 0; st->codes && c < 5; c++)
			assert_int_equal(st->codes[c].value, answers[c]);
		lists += st->codes && !st->codes[5].text;
	}
	assert_int_equal(lists, 4);
}

static int setup(void **state)
{
	struct err err = { 0 };

	(void)state;
	diag_init(&diag);
	return quirk_db_load(&db, dirs, false, &diag, &err);
}

static int teardown(void **state)
{
	(void)state;
	printf("counts: entries=%zu amd-ids=%zu tables=%zu programs=%zu rows=%zu\n",
	       counted.files, counted.ids, counted.tables, counted.programs,
	       counted.rows);
	quirk_db_free(&db);
	diag_free(&diag);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_errors),
		cmocka_unit_test(test_no_conflicts),
		cmocka_unit_test(test_sources),
		cmocka_unit_test(test_amd_ids),
		cmocka_unit_test(test_amd_denials),
		cmocka_unit_test(test_amd_answers),
		cmocka_unit_test(test_tables),
		cmocka_unit_test(test_all_have_tables),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
