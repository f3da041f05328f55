// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Every file of quirks/, judged as `gpureset quirk test` does; a test each. Before them
 * made-up files: one that is right in every word of the language, and wrong ones.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <glob.h>

#include "base/diag.h"
#include "base/xalloc.h"
#include "cmd/oblige.h"
#include "cmd/quirk_judge.h"

static const char *const dirs[] = { "quirks", NULL };
static struct quirk_db db;
static struct judgement sum;
static size_t files;

static void add(const struct judgement *j)
{
	files++;
	sum.programs += j->programs;
	sum.steps += j->steps;
	sum.steps_run += j->steps_run;
	sum.lost += j->lost;
	sum.stuck += j->stuck;
	sum.skipped += j->skipped;
	sum.checks += j->checks;
	sum.tails += j->tails;
	sum.ones += j->ones;
	sum.answers += j->answers;
}

static void print_problems(const struct judgement *j)
{
	for (size_t i = 0; i < j->n; i++)
		for (size_t k = 0; k < j->line[i].nproblems; k++)
			printf("error: %s [%s]: %s\n", j->quirk->id, j->line[i].what,
			       j->line[i].problem[k]);
}

/* --- made-up files ---------------------------------------------------------------- */

#define HEAD "# SPDX-License-Identifier: MIT\nformat = 1\n\n[device]\nname = made up\n"
#define NOTES "\n[notes]\nproblem = none\nsource = none\nstatus = vendor\n\n[reset]\n"
#define REGS "\n[registers]\nspace cfg = config\nspace mmio = bar2 bytes size 64K\n" \
	"A = mmio 0x10\nA.LOW = bits 3:0\nA.HIGH = bit 31\nB = mmio 0x14\nC = mmio 0x18\n"
#define ONE_REG "\n[registers]\nspace mmio = bar2 bytes size 64K\nA = mmio 0x10\n" \
	"B = mmio 0x14\n"

static struct quirk *made_up(const char *path, const char *text)
{
	struct diag diag;
	struct quirk *q;

	diag_init(&diag);
	q = quirk_parse(path, text, strlen(text), NULL, &diag);
	diag_print(&diag, stdout);
	assert_int_equal(diag.errors, 0);
	assert_non_null(q);
	diag_free(&diag);
	return q;
}

/* Is there a problem on line @what with @part in it? */
static bool has_problem(const struct judgement *j, const char *what, const char *part)
{
	for (size_t i = 0; i < j->n; i++)
		for (size_t k = 0; k < j->line[i].nproblems; k++)
			if (!strcmp(j->line[i].what, what) &&
			    strstr(j->line[i].problem[k], part))
				return true;
	print_problems(j);
	return false;
}

/* The text alone in a database; it must fail with @part said of @what. */
static void must_fail(const char *text, const char *what, const char *part)
{
	struct quirk *q = made_up("x/bad.quirk", text);
	const struct quirk_db alone = { .quirk = &q, .n = 1 };
	struct judgement j;

	judge_quirk(&j, q, &alone);
	assert_true(j.failed > 0);
	assert_true(has_problem(&j, what, part));
	judge_free(&j);
	quirk_free(q);
}

static const char every_word[] = HEAD
	"pci = 1234:0001\nwith = 1234:0002\non = switch\nkernel = before 6.15\n" NOTES
	"method = sequence all\nmethod = sequence mail\nmethod = hot_reset\n"
	"deny = pm \"for the test\"\ndeny = flr \"for the test\"\n" REGS
	"CFG_A = cfg 0x80\nCFG_W = cfg 0x62 width 2\nKEPT = cfg 0x488\nKEPT.ON = bit 25\n"
	"INDEX = mmio 0x0\nDATA = mmio 0x4\nspace ind = indirect INDEX DATA\n"
	"FAR = ind 0x1000\nFAR.X = bit 4\nMSG = mmio 0x20\nARG = mmio 0x24\n"
	"RESP = mmio 0x28\n"
	"mailbox SMU = message MSG argument ARG response RESP ok 1\n"
	"answer SMU 0xff \"refused\"\nanswer SMU 0xfe \"unknown message\"\n"
	"\n[sequence tell]\nsend SMU 7 argument 3 within 100 ms\n"
	"\n[sequence all]\nrequire A.LOW >= 2 else skip \"no\"\n"
	"require CFG_W < 0x100 or B == 0 else skip \"neither\"\n"
	"wait B != 0 within 10 ms\nwrite A = 0\n"
	"when FAR.X == 1 then set A.HIGH = 1\n"
	"when A.LOW == 3 then when B != 5 then write C = 1\n"
	"when C == 0 then wait C == 1 within 10 ms\n"
	"try wait C == 2 within 10 ms\ntry send SMU 4 within 20 ms\nrun tell\n"
	"wait FAR == 0x1234 within 5 ms\nsetbits CFG_A = 0x10\npost SMU 9\ndelay 1 ms\n"
	"always\nset FAR.X = 0\nwait A.LOW == 0 within 5 ms\nwrite C = 0\n"
	"\n[sequence mail]\nrun tell\ndelay 10 us\n"
	"\n[clean]\nrequire A == 0 or B == 7\n"
	"\n[health]\nwait B < 8 within 10 ms\nrequire A.LOW != 3\n"
	"\n[restore]\nkeep KEPT.ON\n";

static void test_every_word(void **state)
{
	struct quirk *q = made_up("x/every.quirk", every_word);
	const struct quirk_db alone = { .quirk = &q, .n = 1 };
	struct judgement j;

	(void)state;
	judge_quirk(&j, q, &alone);
	print_problems(&j);
	assert_int_equal(j.failed, 0);
	assert_int_equal(j.programs, 4);        /* all, mail, clean, restore */
	assert_int_equal(j.steps, j.steps_run);
	/*
	 * "all": 1 wait, 1 with "when", 1 optional, 3 each of the two sends, the one on
	 * FAR, the one of the tail; "mail": 3.
	 */
	assert_int_equal(j.stuck, 11 + 3);
	assert_int_equal(j.skipped, 2 + 1);     /* "all" and [clean] */
	assert_int_equal(j.checks, 4 * 3);
	assert_true(j.tails >= 10);
	judge_free(&j);
	quirk_free(q);
}

static void test_contradictions(void **state)
{
	(void)state;
	/* after the reset the card cannot be clean and healthy */
	must_fail(HEAD "pci = 1234:0001\n" NOTES "method = sequence s\n" ONE_REG
		  "\n[sequence s]\nwrite B = 1\n\n[clean]\nrequire A == 1\n"
		  "\n[health]\nrequire A == 2\n", "s", "cannot all be true at once");
	/* nested conditions that exclude each other: line 23 is never reached */
	must_fail(HEAD "pci = 1234:0001\n" NOTES "method = sequence s\n" ONE_REG
		  "\n[sequence s]\nwrite B = 1\n"
		  "when A == 1 then when A == 2 then write B = 2\n"
		  "\n[health]\nrequire A != 7\n", "s", "x/bad.quirk:23: ");
	/* the class is not one of a GPU */
	must_fail(HEAD "pci = 1234:0001\nclass = 0200\n" NOTES "method = bus\n", "ids",
		  "x/bad.quirk:6: ");
}

/* A card whose every id another entry takes. */
static void test_shadowed(void **state)
{
	struct quirk *weak = made_up("x/weak.quirk", HEAD "pci = 1234:0010-0011\n"
				     "pci = 1234:0020-0021\n" NOTES "method = bus\n");
	struct quirk *strong = made_up("x/strong.quirk", HEAD "pci = 1234:0010 0011\n"
				       NOTES "method = bus\n");
	struct quirk *both[] = { weak, strong };
	const struct quirk_db two = { .quirk = both, .n = 2 };
	struct judgement j;

	(void)state;
	judge_quirk(&j, weak, &two);
	assert_int_equal(j.failed, 1);
	assert_true(has_problem(&j, "ids", "x/weak.quirk:6: another entry is more "
				"specific"));
	assert_int_equal(j.line[0].nproblems, 1);
	judge_free(&j);
	judge_quirk(&j, strong, &two);
	assert_int_equal(j.failed, 0);
	judge_free(&j);
	quirk_free(weak);
	quirk_free(strong);
}

/* --- the obliging device ---------------------------------------------------------- */

static struct reg_cond cond(uint32_t off, uint32_t mask, enum reg_op op, uint32_t want)
{
	return (struct reg_cond){ .reg = { REG_BAR, .bar = 2, .width = 4, .off = off },
				  .op = op, .mask = mask, .want = want, .name = "R" };
}

static void settles(struct oblige *o, const struct reg_cond *a, const struct reg_cond *b,
		    bool a_holds, bool b_holds, bool can)
{
	const struct oblige_group g[] = { { a, 1, a_holds }, { b, 1, b_holds } };

	assert_int_equal(oblige_settle(o, g, 2), can);
	if (!can)
		return;
	assert_int_equal(oblige_holds(o, a, 1), a_holds);
	assert_int_equal(oblige_holds(o, b, 1), b_holds);
}

static void test_settle(void **state)
{
	static const enum reg_op ops[] = { REG_EQ, REG_NE, REG_GE, REG_LT };
	struct quirk *q = made_up("x/any.quirk", HEAD "pci = 1234:0001\n" NOTES
				  "method = bus\n");
	struct oblige *o = oblige_open(q);
	struct reg_cond one = cond(0, 0xf, REG_EQ, 1), two = cond(0, 0xf, REG_EQ, 2);
	struct reg_cond full = cond(8, 0xffffffff, REG_NE, 0xffffffff);
	struct reg_cond ge = cond(4, 0xff00, REG_GE, 0x300);
	struct reg_cond lt = cond(4, 0xff00, REG_LT, 0x400);

	(void)state;
	settles(o, &one, &two, true, true, false);
	settles(o, &one, &two, true, false, true);
	settles(o, &one, &two, false, false, true);
	settles(o, &ge, &lt, true, true, true);
	assert_int_equal(oblige_get(o, &ge.reg), 0x300);
	/* no number is below 3 and above 3, but all ones satisfies nothing */
	settles(o, &ge, &lt, false, false, true);
	assert_int_equal(oblige_get(o, &ge.reg), 0xffffffff);
	settles(o, &one, &full, false, false, true);    /* only all ones does that */
	assert_int_equal(oblige_get(o, &full.reg), 0xffffffff);
	settles(o, &one, &full, true, true, true);
	for (size_t i = 0; i < 4; i++) {
		struct reg_cond c = cond(0xc, 0x70, ops[i], 0x20);

		settles(o, &c, &one, true, true, true);
		settles(o, &c, &one, false, true, true);
	}
	oblige_close(o);
	quirk_free(q);
}

/* --- every file of the project ----------------------------------------------------- */

static void test_file(void **state)
{
	const char *path = *state;
	struct judgement j;
	struct err err = { 0 };
	struct quirk *q;
	struct diag diag;

	diag_init(&diag);
	q = quirk_load(path, dirs, false, &diag, &err);
	diag_print(&diag, stdout);
	if (!q)
		fail_msg("error: %s: %s", path, err.code ? err.text : "no ids");
	assert_int_equal(diag.errors, 0);
	judge_quirk(&j, q, &db);
	print_problems(&j);
	add(&j);
	assert_int_equal(j.failed, 0);
	judge_free(&j);
	quirk_free(q);
	diag_free(&diag);
}

static void test_together(void **state)
{
	struct diag diag;
	size_t n;

	(void)state;
	diag_init(&diag);
	n = quirk_db_check(&db, &diag);
	diag_print(&diag, stdout);
	assert_int_equal(n, 0);
	assert_int_equal(db.nbroken, 0);
	assert_int_equal(db.n, files);
	diag_free(&diag);
}

/* The last test: what all before it added up to, and that it was something. */
static void test_counts(void **state)
{
	(void)state;
	printf("counts: %zu files, %zu programs, %zu of %zu steps covered, %zu accesses "
	       "lost, %zu waits stuck, %zu requirements and %zu health checks not met, "
	       "%zu registers at all ones, %zu other answers of mailboxes, %zu 'always' "
	       "tails\n", files, sum.programs, sum.steps_run, sum.steps, sum.lost,
	       sum.stuck, sum.skipped, sum.checks, sum.ones, sum.answers, sum.tails);
	printf("count: accesses failed: %zu\n", sum.lost + sum.ones);
	printf("count: waits stuck: %zu\n", sum.stuck);
	assert_true(files > 0 && sum.programs > 0 && sum.lost > 100);
	assert_int_equal(sum.steps, sum.steps_run);
}

static void load_all(void)
{
	struct diag diag;
	struct err err = { 0 };

	diag_init(&diag);
	if (quirk_db_load(&db, dirs, false, &diag, &err) < 0) {
		fprintf(stderr, "error: %s\n", err.text);
		exit(1);
	}
	diag_free(&diag);       /* each file's test prints its own */
}

int main(void)
{
	const struct CMUnitTest made_up_tests[] = {
		cmocka_unit_test(test_settle), cmocka_unit_test(test_every_word),
		cmocka_unit_test(test_contradictions), cmocka_unit_test(test_shadowed),
	};
	const size_t nmade_up = sizeof(made_up_tests) / sizeof(*made_up_tests);
	struct CMUnitTest *tests;
	glob_t found = { 0 };
	size_t n = nmade_up;
	int rc;

	if (glob("quirks/*.quirk", 0, NULL, &found)) {
		fprintf(stderr, "error: no quirks/*.quirk here\n");
		return 1;
	}
	load_all();
	tests = xcalloc(found.gl_pathc + nmade_up + 2, sizeof(*tests));
	memcpy(tests, made_up_tests, sizeof(made_up_tests));
	for (size_t i = 0; i < found.gl_pathc; i++)
		tests[n++] = (struct CMUnitTest){ .name = found.gl_pathv[i],
						  .test_func = test_file,
						  .initial_state = found.gl_pathv[i] };
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_together);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_counts);
	rc = _cmocka_run_group_tests("quirks", tests, n, NULL, NULL);
	quirk_db_free(&db);
	free(tests);
	globfree(&found);
	return rc;
}
