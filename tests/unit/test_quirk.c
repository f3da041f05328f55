// SPDX-License-Identifier: GPL-2.0-or-later
/* The quirk language: what is read, what is refused and how, which file wins. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/diag.h"
#include "quirk/quirk.h"

#define FIJI "quirks/amd-fiji.quirk"
#define BAD "tests/quirk/bad"

/* ---- helpers */

static char *slurp(const char *path, size_t *len)
{
	FILE *f = fopen(path, "r");
	char *text;
	size_t n, room = 1 << 20;

	if (!f) {
		fail_msg("cannot open %s: %s", path, strerror(errno));
		return NULL;
	}
	text = malloc(room);
	assert_non_null(text);
	n = fread(text, 1, room - 1, f);
	fclose(f);
	text[n] = '\0';
	if (len)
		*len = n;
	return text;
}

static char *printed(const struct diag *d)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	assert_non_null(f);
	diag_print(d, f);
	fclose(f);
	return text;
}

/* Parse what must be free of errors. */
static struct quirk *parse_good(const char *path, const char *text, size_t len)
{
	struct diag d;
	struct quirk *q;

	diag_init(&d);
	q = quirk_parse(path, text, len, NULL, &d);
	diag_print(&d, stderr);
	assert_int_equal(d.n, 0);
	assert_non_null(q);
	assert_false(q->broken);
	diag_free(&d);
	return q;
}

static struct quirk *parse_fiji(void)
{
	size_t len;
	char *text = slurp(FIJI, &len);
	struct quirk *q = parse_good(FIJI, text, len);

	free(text);
	return q;
}

/* ---- a file with one of everything */

static const char everything[] =
	"# SPDX-License-Identifier: MIT\n"
	"format = 1\n"
	"\n"
	"[device]\n"
	"name = One of everything # and a comment\n"
	"pci = 1234:5678\n"
	"pci = 1234:ABCD:0001:0b36   # a board\n"
	"class = 0300\n"
	"with = 1234:aaaa\n"
	"[notes]\n"
	"problem = see issue #12 for it\n"
	"problem = and more\n"
	"source = a forum\n"
	"tested = 2026-01-01, 50 of 50\n"
	"see = elsewhere\n"
	"status = works\n"
	"[reset]\n"
	"method = none\n"
	"method = sequence go\n"
	"method = bus\n"
	"deny = pm \"it #hangs\"\n"
	"budget = 1500 ms\n"
	"[registers]\n"
	"space cfg = config\n"
	"space mm = bar5 dwords size 256K\n"
	"space by = bar0 bytes size 0x1000\n"
	"space smc = indirect IDX DAT\n"
	"STATUS = cfg 0x6 width 2\n"
	"MAGIC = cfg 0x7c\n"
	"IDX = mm 0x80\n"
	"DAT = mm 0x81\n"
	"SCR[3] = mm 0x10\n"
	"SCR.LOW = bits 3:0\n"
	"CTL = by 0x10\n"
	"CTL.TOP = bit 31\n"
	"PC = smc 0x80000370\n"
	"[sequence go]\n"
	"require STATUS != 0 else skip \"no status\"\n"
	"write MAGIC = 0x39d5e86b\n"
	"write SCR[*] = 5\n"
	"set SCR[2].LOW = 9\n"
	"set CTL.TOP = 1\n"
	"setbits CTL = 0x11\n"
	"wait CTL.TOP == 1 or PC < 0x20100 within 250 us\n"
	"delay 1 s\n"
	"[clean]\n"
	"require PC >= 1\n"
	"[health]\n"
	"wait CTL != 0xffffffff within 100 ms\n"
	"require SCR[1].LOW == 0\n";

static void check_everything_notes(const struct quirk *q)
{
	assert_string_equal(q->file, "some/one.quirk");
	assert_string_equal(q->id, "one");
	assert_string_equal(q->name, "One of everything");
	assert_int_equal(q->nids, 2);
	assert_false(q->ids[0].has_sub);
	assert_true(q->ids[1].has_sub);
	assert_int_equal(q->ids[1].device, 0xabcd);
	assert_int_equal(q->ids[1].subdevice, 0x0b36);
	assert_int_equal(q->ids[1].line, 7);
	assert_int_equal(q->classes[0], 0x0300);
	assert_int_equal(q->nwith, 1);
	assert_int_equal(q->problem.n, 2);
	assert_string_equal(q->problem.text[0], "see issue #12 for it");
	assert_int_equal(q->source.n + q->tested.n + q->see.n, 3);
	assert_int_equal(q->status, QUIRK_WORKS);
	assert_int_equal(q->nmethods, 3);
	assert_string_equal(q->methods[1].name, "sequence");
	assert_string_equal(q->methods[1].sequence, "go");
	assert_null(q->methods[2].sequence);
	assert_string_equal(quirk_deny(q, "pm")->why, "it #hangs");
	assert_null(quirk_deny(q, "bus"));
	assert_true(q->budget_us == 1500000);
	assert_int_equal(q->bar_size[5], 256 << 10);
	assert_int_equal(q->bar_size[0], 0x1000);
	assert_int_equal(q->bar_size[1], 0);
}

static void check_everything_stmts(const struct quirk *q)
{
	const struct q_block *go = quirk_sequence(q, "go");
	const struct q_stmt *s = go->stmt;

	assert_int_equal(go->n, 10);
	assert_int_equal(s[0].verb, Q_REQUIRE);
	assert_int_equal(s[0].cond[0].reg.width, 2);
	assert_int_equal(s[0].cond[0].mask, 0xffff);
	assert_string_equal(s[0].why, "no status");
	assert_int_equal(s[1].reg.space, REG_CONFIG);
	assert_int_equal(s[1].value, 0x39d5e86b);
	assert_int_equal(s[4].reg.off, 0x48);
	assert_string_equal(s[4].name, "SCR[2]");
	assert_string_equal(s[5].name, "SCR[2].LOW");
	assert_int_equal(s[5].mask, 0xf);
	assert_int_equal(s[6].value, 0x80000000);
	assert_int_equal(s[6].reg.off, 0x10);
	assert_int_equal(s[7].mask, 0x11);
	assert_int_equal(s[7].value, 0x11);
	assert_int_equal(s[8].ncond, 2);
	assert_int_equal(s[8].limit_us, 250);
	assert_int_equal(s[8].cond[0].want, 0x80000000);
	assert_int_equal(s[8].cond[1].op, REG_LT);
	assert_int_equal(s[8].cond[1].reg.space, REG_INDIRECT);
	assert_int_equal(s[8].cond[1].reg.index, 0x200);
	assert_int_equal(s[8].cond[1].reg.data, 0x204);
	assert_int_equal(s[8].cond[1].reg.bar, 5);
	assert_int_equal(s[8].cond[1].reg.off, 0x80000370);
	assert_int_equal(s[9].verb, Q_DELAY);
	assert_int_equal(s[9].limit_us, 1000000);
	assert_int_equal(q->clean.n, 1);
	assert_null(q->clean.stmt[0].why);
	assert_int_equal(q->health.n, 2);
	assert_int_equal(q->health.stmt[1].cond[0].reg.off, 0x44);
}

static void test_everything(void **state)
{
	struct quirk *q = parse_good("some/one.quirk", everything,
				     sizeof(everything) - 1);

	(void)state;
	check_everything_notes(q);
	check_everything_stmts(q);
	quirk_free(q);
}

static void test_deny_all(void **state)
{
	static const char text[] =
		"format = 1\n[device]\nname = x\npci = 1:2\n";
	static const char good[] =
		"format = 1\n[device]\nname = x\npci = 0001:0002\n"
		"[notes]\nsource = y\n[reset]\ndeny = all \"burns\"\n";
	struct quirk *q = parse_good("a.quirk", good, sizeof(good) - 1);
	struct diag d;

	(void)state;
	assert_string_equal(quirk_deny(q, "bus")->why, "burns");
	assert_int_equal(q->nmethods, 0);
	quirk_free(q);
	diag_init(&d);
	assert_null(quirk_parse("a.quirk", text, sizeof(text) - 1, NULL, &d));
	assert_true(d.errors > 0);
	diag_free(&d);
}

/* The language may not see plan/; that its list of methods is the same is tested. */
static void test_method_list(void **state)
{
	FILE *f = fopen("src/plan/methods/methods.def", "r");
	char line[128], name[32], text[256];
	int n = 0;

	(void)state;
	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "METHOD(%31[a-z_])", name) != 1 ||
		    !strcmp(name, "sequence"))
			continue;
		snprintf(text, sizeof(text), "format = 1\n[device]\nname = x\n"
			 "pci = 0001:0002\n[notes]\nsource = y\n[reset]\n"
			 "method = %s\n", name);
		quirk_free(parse_good("a.quirk", text, strlen(text)));
		n++;
	}
	fclose(f);
	assert_int_equal(n, 7);
}

/* ---- Fiji against the driver's tables */

static void test_fiji_facts(void **state)
{
	struct quirk *q = parse_fiji();
	static const char *const ladder[] = {
		"sequence", "sequence", "sequence", "hot_reset", "subordinate", "bus",
	};

	(void)state;
	assert_string_equal(q->id, "amd-fiji");
	assert_int_equal(q->nids, 2);
	assert_int_equal(q->ids[0].device, 0x7300);
	assert_int_equal(q->ids[1].device, 0x730f);
	assert_int_equal(q->with[0].device, 0xaae8);
	assert_int_equal(q->nclasses, 0);
	assert_int_equal(q->status, QUIRK_VENDOR);
	assert_int_equal(q->nmethods, 6);
	for (size_t i = 0; i < 6; i++)
		assert_string_equal(q->methods[i].name, ladder[i]);
	assert_string_equal(q->methods[0].sequence, "baco_exit");
	assert_string_equal(q->methods[1].sequence, "baco");
	assert_string_equal(q->methods[2].sequence, "pciconfig");
	assert_non_null(quirk_deny(q, "pm"));
	assert_int_equal(q->bar_size[5], 256 << 10);
	quirk_free(q);
}

static void test_fiji_pciconfig(void **state)
{
	struct quirk *q = parse_fiji();
	const struct q_block *b = quirk_sequence(q, "pciconfig");
	const struct reg_cond *off = &q->clean.stmt[0].cond[0];

	(void)state;
	assert_int_equal(b->n, 4);
	assert_int_equal(b->stmt[0].verb, Q_REQUIRE);
	assert_int_equal(b->stmt[1].verb, Q_REQUIRE);
	assert_int_equal(b->stmt[1].cond[0].want, 0x20100);
	assert_int_equal(b->stmt[1].cond[0].reg.off, 0x80000370);
	assert_int_equal(b->stmt[2].reg.space, REG_CONFIG);
	assert_int_equal(b->stmt[2].reg.off, 0x7c);
	assert_int_equal(b->stmt[2].value, 0x39d5e86b);
	assert_int_equal(b->stmt[3].limit_us, 100);
	assert_int_equal(q->clean.n, 1);
	assert_int_equal(q->clean.stmt[0].ncond, 2);
	assert_int_equal(off->reg.off, 0x80000004);
	assert_int_equal(off->mask, 1);
	assert_int_equal(off->want, 1);
	assert_int_equal(off->reg.index, 0x6b0);
	assert_int_equal(off->reg.data, 0x6b4);
	assert_int_equal(q->health.stmt[0].cond[0].reg.off, 0x5428);
	assert_int_equal(q->health.stmt[1].cond[0].reg.off, 0x5394);
	assert_int_equal(q->health.stmt[1].cond[0].mask, 0x40);
	quirk_free(q);
}

/* One access as tests/data/fiji.regs writes it. */
static void access_str(const struct q_stmt *st, char *buf, size_t room)
{
	static const char *const op[] = {
		[Q_REQUIRE] = "require", [Q_WAIT] = "wait", [Q_WRITE] = "wr",
		[Q_SET] = "rmw", [Q_DELAY] = "delay",
	};
	bool cond = st->verb == Q_WAIT;
	const struct reg *r = cond ? &st->cond[0].reg : &st->reg;
	bool smc = r->space == REG_INDIRECT && r->index == 0x200 && r->data == 0x204;

	if (st->verb == Q_DELAY) {
		snprintf(buf, room, "delay - - - %llu",
			 (unsigned long long)st->limit_us);
		return;
	}
	assert_int_equal(r->bar, 5);
	assert_true(smc || r->space == REG_BAR);
	snprintf(buf, room, "%s %s 0x%08x 0x%08x 0x%08x", op[st->verb],
		 smc ? "smc0" : "bar5", r->off, cond ? st->cond[0].mask : st->mask,
		 cond ? st->cond[0].want : st->value);
}

/* The next row, blanks squeezed, its description dropped; false at the end. */
static bool next_row(FILE *f, char *row, size_t room)
{
	char line[256], w[5][32];

	while (fgets(line, sizeof(line), f)) {
		if (line[0] == '#')
			continue;
		assert_int_equal(sscanf(line, "%31s %31s %31s %31s %31s", w[0], w[1],
					w[2], w[3], w[4]), 5);
		snprintf(row, room, "%s %s %s %s %s", strcmp(w[0], "or") ? w[0] : "rmw",
			 w[1], w[2], w[3], w[4]);
		return true;
	}
	return false;
}

static void test_fiji_rows(void **state)
{
	struct quirk *q = parse_fiji();
	const struct q_block *b = quirk_sequence(q, "baco");
	FILE *f = fopen("tests/data/fiji.regs", "r");
	char want[256], got[256];
	size_t i = 3;

	(void)state;
	assert_non_null(f);
	/* Ours, not the driver's: strap test, and no auto-increment in either window. */
	assert_int_equal(b->stmt[0].verb, Q_REQUIRE);
	assert_int_equal(b->stmt[0].cond[0].reg.off, 0x535c);
	assert_int_equal(b->stmt[0].cond[0].mask, 0x2);
	for (int n = 1; n < 3; n++) {
		access_str(&b->stmt[n], got, sizeof(got));
		assert_string_equal(got, n == 1
				    ? "rmw bar5 0x00000248 0x00000001 0x00000000"
				    : "rmw bar5 0x00000248 0x00000800 0x00000000");
	}
	for (; next_row(f, want, sizeof(want)); i++) {
		assert_true(i < b->n);
		access_str(&b->stmt[i], got, sizeof(got));
		assert_string_equal(got, want);
	}
	assert_int_equal(i, b->n);
	assert_int_equal(i, 3 + 73);
	fclose(f);
	quirk_free(q);
}

/* ---- refused files */

static void check_bad(const char *path)
{
	const char *base = strrchr(path, '/') + 1;
	char name[256], *text, *want, *got;
	struct quirk *q;
	struct diag d;
	size_t len;

	snprintf(name, sizeof(name), "%.*s.expected", (int)(strlen(path) - 6), path);
	text = slurp(path, &len);
	want = slurp(name, NULL);
	diag_init(&d);
	q = quirk_parse(base, text, len, NULL, &d);
	got = printed(&d);
	if (strcmp(got, want) != 0)
		fail_msg("%s:\n--- expected\n%s--- printed\n%s", path, want, got);
	assert_true(d.errors > 0);
	if (q)
		assert_true(q->broken && q->nids > 0);
	quirk_free(q);
	diag_free(&d);
	free(text);
	free(want);
	free(got);
}

static void test_bad_files(void **state)
{
	glob_t g;

	(void)state;
	assert_int_equal(glob(BAD "/*.quirk", 0, NULL, &g), 0);
	assert_true(g.gl_pathc >= 100);
	for (size_t i = 0; i < g.gl_pathc; i++)
		check_bad(g.gl_pathv[i]);
	globfree(&g);
}

/* The ids and denials of a broken file are what keeps its card safe. */
static void test_broken_keeps(void **state)
{
	static const char text[] =
		"format = 1\n[device]\nname = x\npci = 0001:0002\nbogus\n"
		"[notes]\nsource = y\n[reset]\ndeny = bus \"burns\"\n"
		"method = sequence x\n[registers]\nrubbish\n\n[seq\n";
	struct quirk *q;
	struct diag d;

	(void)state;
	diag_init(&d);
	q = quirk_parse("a.quirk", text, sizeof(text) - 1, NULL, &d);
	assert_non_null(q);
	assert_true(q->broken);
	assert_int_equal(q->nids, 1);
	assert_string_equal(quirk_deny(q, "bus")->why, "burns");
	quirk_free(q);
	diag_free(&d);
}

/* ---- matching */

struct small {
	const char *file, *pci, *class_line;
};

static struct quirk *parse_small(const struct small *s)
{
	char text[512];

	snprintf(text, sizeof(text), "format = 1\n[device]\nname = %s\npci = %s\n%s"
		 "[notes]\nsource = y\n[reset]\nmethod = bus\n", s->file, s->pci,
		 s->class_line);
	return parse_good(s->file, text, strlen(text));
}

static int match(const struct quirk_db *db, uint16_t subdevice, uint32_t class_code,
		 const char *want, struct err *err)
{
	const struct q_subject card = { 0x1002, 0x7300, 0x1002, subdevice, class_code, 0,
					.kernel = "6.1.0" };
	const struct quirk *found;
	int ret = quirk_match(db, &card, &found, err);

	if (!want)
		assert_null(found);
	else
		assert_string_equal(found->file, want);
	return ret;
}

static void test_match(void **state)
{
	static const struct small small[] = {
		{ "plain", "1002:7300", "" },
		{ "board", "1002:7300:1002:0b36", "" },
		{ "other", "1002:7301", "" },
		{ "audio", "1002:7300:1002:0001", "class = 0403\n" },
	};
	struct quirk *q[4];
	struct quirk_db db = { q, 4, 0 };
	struct err err = { 0 };

	(void)state;
	for (size_t i = 0; i < 4; i++)
		q[i] = parse_small(&small[i]);
	assert_int_equal(match(&db, 0x0b36, 0x030000, "board", &err), 0);
	assert_int_equal(match(&db, 0x9999, 0x038000, "plain", &err), 0);
	assert_int_equal(match(&db, 0x0001, 0x030000, "plain", &err), 0);
	assert_int_equal(match(&db, 0x0001, 0x040300, "audio", &err), 0);
	db.quirk++;
	db.n = 2;
	assert_int_equal(match(&db, 0x9999, 0x030000, NULL, &err), 0);
	for (size_t i = 0; i < 4; i++)
		quirk_free(q[i]);
}

static void test_match_tie(void **state)
{
	static const struct small small[] = {
		{ "a.quirk", "1002:7300", "" },
		{ "b.quirk", "1002:7300", "" },
		{ "c.quirk", "1002:7300:1002:0b36", "" },
	};
	struct quirk *q[3];
	struct quirk_db db = { q, 3, 0 };
	struct err err = { 0 };

	(void)state;
	for (size_t i = 0; i < 3; i++)
		q[i] = parse_small(&small[i]);
	assert_int_equal(match(&db, 1, 0x030000, NULL, &err), -EEXIST);
	assert_non_null(strstr(err.text, "a.quirk:4"));
	assert_non_null(strstr(err.text, "b.quirk:4"));
	assert_int_equal(match(&db, 0x0b36, 0x030000, "c.quirk", &err), 0);
	for (size_t i = 0; i < 3; i++)
		quirk_free(q[i]);
}

/* ---- folders */

struct box {
	char top[32], strong[64], weak[96];
	const char *dirs[4];
	struct quirk_db db;
	struct diag diag;
	struct err err;
};

static int box_setup(void **state)
{
	struct box *b = calloc(1, sizeof(*b));

	strcpy(b->top, "/tmp/quirk-XXXXXX");
	assert_non_null(mkdtemp(b->top));
	snprintf(b->strong, sizeof(b->strong), "%s/strong", b->top);
	snprintf(b->weak, sizeof(b->weak), "%s/weak", b->top);
	assert_int_equal(mkdir(b->strong, 0755) | mkdir(b->weak, 0755), 0);
	b->dirs[0] = b->strong;
	b->dirs[1] = "/nonexistent/quirks";
	b->dirs[2] = b->weak;
	diag_init(&b->diag);
	*state = b;
	return 0;
}

static int box_teardown(void **state)
{
	struct box *b = *state;
	char pattern[96];
	glob_t g;

	quirk_db_free(&b->db);
	diag_free(&b->diag);
	snprintf(pattern, sizeof(pattern), "%s/*/*", b->top);
	if (glob(pattern, GLOB_PERIOD, NULL, &g) == 0) {
		for (size_t i = 0; i < g.gl_pathc; i++)
			unlink(g.gl_pathv[i]);
		globfree(&g);
	}
	rmdir(b->strong);
	rmdir(b->weak);
	rmdir(b->top);
	free(b);
	return 0;
}

static void put(const char *dir, const char *name, mode_t mode, const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(chmod(path, mode), 0);
}

#define GOOD(title, id) "format = 1\n[device]\nname = " title "\npci = " id "\n" \
	"[notes]\nsource = y\n[reset]\nmethod = bus\n"

static void box_load(struct box *b, bool trust)
{
	quirk_db_free(&b->db);
	diag_free(&b->diag);
	assert_int_equal(quirk_db_load(&b->db, b->dirs, trust, &b->diag, &b->err), 0);
}

static int box_match(struct box *b, uint16_t device, const struct quirk **q)
{
	const struct q_subject card = { .vendor = 1, .device = device };

	return quirk_match(&b->db, &card, q, &b->err);
}

/* Has the loader said @text? */
static bool box_said(struct box *b, const char *text)
{
	char *all = printed(&b->diag);
	bool said = strstr(all, text) != NULL;

	free(all);
	return said;
}

static void test_db_hides(void **state)
{
	struct box *b = *state;

	put(b->weak, "zz.quirk", 0644, GOOD("weak z", "0001:0001"));
	put(b->weak, "aa.quirk", 0644, GOOD("weak a", "0001:0002"));
	put(b->strong, "zz.quirk", 0644, GOOD("strong z", "0001:0001"));
	put(b->strong, "zz.quirk~", 0644, "rubbish");
	put(b->strong, ".hidden.quirk", 0644, "rubbish");
	box_load(b, false);
	assert_int_equal(b->diag.n, 0);
	assert_int_equal(b->db.n, 2);
	assert_string_equal(b->db.quirk[0]->name, "weak a");
	assert_string_equal(b->db.quirk[1]->name, "strong z");
	assert_int_equal(b->db.nbroken, 0);
}

static void test_db_broken_blocks(void **state)
{
	struct box *b = *state;
	const struct quirk *q;

	put(b->strong, "aa.quirk", 0644, GOOD("x", "0001:0001") "nonsense\n");
	put(b->strong, "bb.quirk", 0644, GOOD("y", "0001:0002"));
	put(b->strong, "cc.quirk", 0644, "no ids here\n");
	put(b->strong, "dd.quirk", 0644, "an override being edited\n");
	put(b->weak, "dd.quirk", 0644, GOOD("z", "0001:0003"));
	box_load(b, false);
	assert_int_equal(b->db.n, 3);
	assert_int_equal(b->db.nbroken, 1);
	assert_int_equal(box_match(b, 1, &q), 0);
	assert_true(q->broken);
	assert_int_equal(box_match(b, 2, &q), 0);
	assert_false(q->broken);
	assert_int_equal(box_match(b, 3, &q), 0);
	assert_true(q->broken);
}

static void test_db_trust(void **state)
{
	struct box *b = *state;

	put(b->strong, "aa.quirk", 0644, GOOD("good", "0001:0001"));
	put(b->strong, "bb.quirk", 0646, GOOD("open", "0001:0002"));
	put(b->strong, "cc.quirk", 0664, GOOD("group", "0001:0003"));
	box_load(b, false);
	assert_int_equal(b->diag.n, 0);
	box_load(b, true);
	assert_int_equal(b->db.n, 3);
	assert_true(b->db.quirk[1]->broken && b->db.quirk[2]->broken);
	assert_int_equal(b->db.quirk[1]->nids, 1);
	if (geteuid() != 0)     /* then none of these files belongs to root */
		return;
	assert_false(b->db.quirk[0]->broken);
	assert_int_equal(b->diag.errors, 2);
	assert_true(box_said(b, "bb.quirk: error: not obeyed: others than root can"));
	assert_int_equal(chmod(b->strong, 0777), 0);
	box_load(b, true);
	assert_true(b->db.quirk[0]->broken);
}

static void test_db_foreign_owner(void **state)
{
	struct box *b = *state;
	char path[128];

	if (geteuid() != 0) {
		print_message("skip: only root can make files of another owner\n");
		skip();
	}
	put(b->strong, "aa.quirk", 0644, GOOD("x", "0001:0001"));
	snprintf(path, sizeof(path), "%s/aa.quirk", b->strong);
	assert_int_equal(chown(path, 12345, 0), 0);
	box_load(b, true);
	assert_int_equal(b->db.n, 1);
	assert_true(b->db.quirk[0]->broken);
	assert_true(box_said(b, "does not belong to root"));
}

/* Links, pipes, folders and giants are not read; a weaker file still blocks. */
static void test_db_odd_files(void **state)
{
	struct box *b = *state;
	char path[128], giant[128];
	FILE *f;

	put(b->weak, "link.quirk", 0644, GOOD("x", "0001:0001"));
	snprintf(path, sizeof(path), "%s/link.quirk", b->strong);
	assert_int_equal(symlink("../weak/link.quirk", path), 0);
	snprintf(path, sizeof(path), "%s/pipe.quirk", b->strong);
	assert_int_equal(mkfifo(path, 0644), 0);
	snprintf(giant, sizeof(giant), "%s/giant.quirk", b->strong);
	f = fopen(giant, "w");
	assert_non_null(f);
	for (int i = 0; i < (256 << 10) + 1; i++)
		fputc('#', f);
	fclose(f);
	box_load(b, false);
	assert_int_equal(b->db.n, 1);
	assert_true(b->db.quirk[0]->broken);
	assert_int_equal(b->db.nbroken, 2);
	assert_true(box_said(b, "symbolic link"));
	assert_true(box_said(b, "not a regular file"));
	assert_true(box_said(b, "larger than 256 KiB"));
	unlink(path);
}

static void test_db_bad_folder(void **state)
{
	struct box *b = *state;

	put(b->strong, "file", 0644, "");
	snprintf(b->weak, sizeof(b->weak), "%s/file", b->strong);
	assert_int_equal(quirk_db_load(&b->db, b->dirs, false, &b->diag, &b->err),
			 -ENOTDIR);
	snprintf(b->weak, sizeof(b->weak), "%s/weak", b->top);
}

/* ---- robustness */

static uint32_t rnd(uint32_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

/* Overwrite a byte, drop a stretch, or repeat one. */
static size_t mutate(char *text, size_t len, uint32_t *seed)
{
	static const char bytes[] = "[]=.:*#\"<>! \n\r\t0x9afg_or\0\xff";
	size_t at = rnd(seed) % len, n = rnd(seed) % 24;

	switch (rnd(seed) % 3) {
	case 0:
		text[at] = bytes[rnd(seed) % (sizeof(bytes) - 1)];
		return len;
	case 1:
		n = n > len - at - 1 ? len - at - 1 : n;
		memmove(text + at, text + at + n, len - at - n);
		return len - n;
	default:
		memmove(text + at + n, text + at, len - at);
		return len + n;
	}
}

static void check_mutant(const char *text, size_t len)
{
	struct diag d;
	struct quirk *q;
	char *copy = malloc(len ? len : 1);     /* exact: a read past the end is seen */

	assert_non_null(copy);
	memcpy(copy, text, len);
	diag_init(&d);
	q = quirk_parse("m.quirk", copy, len, NULL, &d);
	free(copy);
	assert_true(q || d.errors);
	if (q)
		assert_int_equal(q->broken, d.errors > 0);
	if (q && q->broken)
		assert_true(q->nids > 0);
	for (size_t i = 0; i < d.n; i++)
		assert_true(d.msg[i].text[0] && d.msg[i].line >= 0);
	assert_true(d.n <= 101);
	free(printed(&d));
	quirk_free(q);
	diag_free(&d);
}

static void test_mutations(void **state)
{
	size_t len, n;
	char *fiji = slurp(FIJI, &len), *text = malloc(len + 1024);
	uint32_t seed = 0x7300;

	(void)state;
	for (int i = 0; i < 2000; i++) {
		int edits = 1 + (int)(rnd(&seed) % 4);

		memcpy(text, fiji, len);
		for (n = len; edits > 0; edits--)
			n = mutate(text, n, &seed);
		check_mutant(text, n);
	}
	for (n = 0; n < len; n += 7)    /* cut short anywhere */
		check_mutant(fiji, n);
	free(text);
	free(fiji);
}

static void test_long_line(void **state)
{
	size_t len = 1 << 20;
	char *text = malloc(len);

	(void)state;
	memset(text, 'A', len);
	check_mutant(text, len);
	memset(text, '\n', len);
	check_mutant(text, len);
	memset(text, '[', len);
	check_mutant(text, len);
	memset(text, 0, len);
	check_mutant(text, len);
	free(text);
}

/* ---- diag */

static void test_nearest(void **state)
{
	static const char *const words[] = { "flr", "bus", "pm", "hot_reset", NULL };

	(void)state;
	assert_string_equal(diag_nearest("buss", words), "bus");
	assert_string_equal(diag_nearest("FLR", words), "flr");
	assert_string_equal(diag_nearest("hot-rest", words), "hot_reset");
	assert_null(diag_nearest("xy", words));
	assert_null(diag_nearest("percussive", words));
}

static void test_diag_print(void **state)
{
	static const char want[] =
		"f:3:7: error: wrong word\n"
		"    3 | caf\xc3\xa9 x\n"
		"      |      ^\n"
		"f: warning: odd\n";
	struct diag d;
	char *got;

	(void)state;
	diag_init(&d);
	diag_add(&d, DIAG_ERROR, "f", 3, 7, "caf\xc3\xa9 x", 7, "wrong %s", "word");
	diag_add(&d, DIAG_WARNING, "f", 0, 0, NULL, 0, "odd");
	got = printed(&d);
	assert_int_equal(d.errors, 1);
	assert_string_equal(got, want);
	free(got);
	diag_free(&d);
}

#define IN_BOX(test) cmocka_unit_test_setup_teardown(test, box_setup, box_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_everything),
		cmocka_unit_test(test_deny_all),
		cmocka_unit_test(test_method_list),
		cmocka_unit_test(test_fiji_facts),
		cmocka_unit_test(test_fiji_pciconfig),
		cmocka_unit_test(test_fiji_rows),
		cmocka_unit_test(test_bad_files),
		cmocka_unit_test(test_broken_keeps),
		cmocka_unit_test(test_match),
		cmocka_unit_test(test_match_tie),
		IN_BOX(test_db_hides),
		IN_BOX(test_db_broken_blocks),
		IN_BOX(test_db_trust),
		IN_BOX(test_db_foreign_owner),
		IN_BOX(test_db_odd_files),
		IN_BOX(test_db_bad_folder),
		cmocka_unit_test(test_mutations),
		cmocka_unit_test(test_long_line),
		cmocka_unit_test(test_nearest),
		cmocka_unit_test(test_diag_print),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
