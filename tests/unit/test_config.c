// SPDX-License-Identifier: GPL-2.0-or-later
/* gpureset.conf: what is accepted, what is refused and where, whom it is read from. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "cmd/ask.h"
#include "cmd/config.h"
#include "run/supervise.h"
#include "unit/sim_rig.h"

static void parse(struct config *c, struct diag *d, const char *text)
{
	diag_init(d);
	config_parse(c, "x.conf", text, strlen(text), d);
}

static void assert_allowed(const char *text, const char *const *ids, size_t n)
{
	struct config c;
	struct diag d;

	parse(&c, &d, text);
	if (d.n)
		fail_msg("%s: %s", text, d.msg[0].text);
	assert_int_equal(c.nallowed, n);
	for (size_t i = 0; i < n; i++)
		assert_string_equal(c.allowed[i], ids[i]);
	config_free(&c);
	diag_free(&d);
}

static void test_accepted(void **state)
{
	static const char *const ids[] = { "amd-fiji", "amd-vega10", "x.2_b+" };
	static const char *const all[] = { "all" };

	(void)state;
	assert_allowed("", NULL, 0);
	assert_allowed("# nothing\n\n  \t\n   # still nothing", NULL, 0);
	assert_allowed("allow-untested = amd-fiji\n", ids, 1);
	assert_allowed("allow-untested=amd-fiji", ids, 1);
	assert_allowed(" allow-untested = amd-fiji  amd-vega10\tx.2_b+ # mine\n", ids, 3);
	assert_allowed("allow-untested = amd-fiji\nallow-untested = amd-vega10\n", ids,
		       2);
	assert_allowed("allow-untested = all\n", all, 1);
}

static void test_refused(void **state)
{
	static const struct {
		const char *text;
		int line, col;
		const char *said;
	} rows[] = {
		{ "allow-untestd = x\n", 1, 1, "did you mean 'allow-untested'?" },
		{ "\nfoo = x\n", 2, 1, "unknown key 'foo'" },
		{ "# a\nallow-untested x\n", 2, 16, "expected 'key = value'" },
		{ "allow-untested\n", 1, 15, "expected 'key = value'" },
		{ "allow-untested =\n", 1, 17, "needs a value" },
		{ "allow-untested = # x\n", 1, 17, "needs a value" },
		{ "allow-untested = a/b\n", 1, 18, "'a/b' is not a quirk's id" },
		{ "allow-untested = a, b\n", 1, 18, "'a,' is not a quirk's id" },
		{ "allow-untested = a#b\n", 1, 18, "is not a quirk's id" },
		{ "allow-untested = a all\n", 1, 20, "'all' stands alone" },
		{ "allow-untested = a\r\n", 1, 19, "byte 0x0d" },
		{ "= x\n", 1, 1, "unknown key ''" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct config c;
		struct diag d;

		parse(&c, &d, rows[i].text);
		if (d.errors != 1 || d.msg[0].line != rows[i].line ||
		    d.msg[0].col != rows[i].col || !strstr(d.msg[0].text, rows[i].said))
			fail_msg("row %zu: %zu errors, the first %d:%d: %s", i, d.errors,
				 d.n ? d.msg[0].line : 0, d.n ? d.msg[0].col : 0,
				 d.n ? d.msg[0].text : "");
		config_free(&c);
		diag_free(&d);
	}
}

/* Every prefix of a file with everything in it: an error or none, never a crash. */
static void test_cut(void **state)
{
	static const char text[] = " # c\nallow-untested = a b-2 # c\nx\n\tall = =\n";

	(void)state;
	for (size_t n = 0; n < sizeof(text); n++) {
		char *cut = malloc(n ? n : 1);
		struct config c;
		struct diag d;

		memcpy(cut, text, n);
		diag_init(&d);
		config_parse(&c, "x.conf", cut, n, &d);
		config_free(&c);
		diag_free(&d);
		free(cut);
	}
}

/* --- the file -------------------------------------------------------------------- */

struct folder {
	char dir[64], path[96], link[96];
};

static void folder_make(struct folder *f, const char *text)
{
	FILE *out;

	snprintf(f->dir, sizeof(f->dir), "/tmp/test_config.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->path, sizeof(f->path), "%s/gpureset.conf", f->dir);
	snprintf(f->link, sizeof(f->link), "%s/link", f->dir);
	out = fopen(f->path, "w");
	assert_non_null(out);
	fputs(text, out);
	fclose(out);
	chmod(f->path, 0644);
}

static void folder_drop(struct folder *f)
{
	chmod(f->dir, 0700);
	unlink(f->link);
	unlink(f->path);
	rmdir(f->dir);
}

static int load(const char *path, bool trust, struct err *err)
{
	struct config c;
	struct diag d;
	int rc;

	diag_init(&d);
	memset(err, 0, sizeof(*err));
	rc = config_load(&c, path, trust, &d, err);
	assert_true(rc || c.nallowed == 1);
	assert_true(rc != -EINVAL || d.errors);
	config_free(&c);
	diag_free(&d);
	return rc;
}

static void test_trust(void **state)
{
	struct folder f;
	struct err err;

	(void)state;
	if (geteuid() != 0)
		skip();
	folder_make(&f, "allow-untested = a\n");
	assert_int_equal(load(f.path, true, &err), 0);
	chmod(f.path, 0664);
	assert_int_equal(load(f.path, true, &err), -EPERM);
	assert_non_null(strstr(err.text, "others than root can write to it"));
	assert_int_equal(load(f.path, false, &err), 0);
	chmod(f.path, 0644);
	chmod(f.dir, 0777);
	assert_int_equal(load(f.path, true, &err), -EPERM);
	assert_non_null(strstr(err.text, "its folder"));
	chmod(f.dir, 0700);
	assert_int_equal(chown(f.path, 1, 1), 0);
	assert_int_equal(load(f.path, true, &err), -EPERM);
	assert_non_null(strstr(err.text, "does not belong to root"));
	assert_int_equal(symlink(f.path, f.link), 0);
	assert_int_equal(load(f.link, true, &err), -ELOOP);
	assert_int_equal(load(f.dir, true, &err), -EPERM);
	folder_drop(&f);
}

static void test_missing(void **state)
{
	struct options o = { .config = NULL };
	struct config c;
	struct folder f;
	struct err err;

	(void)state;
	folder_make(&f, "allow-untested = a\nfoo = 1\n");
	assert_int_equal(load(f.path, false, &err), -EINVAL);
	assert_int_equal(load(f.link, false, &err), -ENOENT);
	assert_int_equal(load("/nowhere/gpureset.conf", false, &err), -ENOENT);
	o.config = f.link;              /* named, so it must be there */
	assert_int_equal(config_apply(&c, &o), EXIT_CONFIG);
	config_free(&c);
	o.config = f.path;
	assert_int_equal(config_apply(&c, &o), EXIT_CONFIG);
	config_free(&c);
	folder_drop(&f);
}

static void test_applied(void **state)
{
	struct options o = { .config = NULL };
	struct config c;
	struct folder f;

	(void)state;
	if (geteuid() != 0)
		skip();
	folder_make(&f, "allow-untested = some\n");
	o.config = f.path;
	assert_int_equal(config_apply(&c, &o), 0);
	assert_true(plan_allows(&o.plan, "some"));
	assert_false(plan_allows(&o.plan, "somebody"));
	config_free(&c);
	folder_drop(&f);
}

/* --- the question ----------------------------------------------------------------- */

static const char untested[] =
	"# SPDX-License-Identifier: MIT\nformat = 1\n[device]\nname = x\n"
	"pci = 1002:7300\n[notes]\nsource = the vendor's driver, by name\n"
	"contra = user 2026-01 it burned\n[reset]\nmethod = sequence x\n"
	"risk = sequence x host-may-hang \"the bus may lock up\"\n"
	"[registers]\nspace mmio = bar5 dwords size 256K\nA = mmio 0x5c9\n"
	"[sequence x]\nwrite A = 1\n[health]\nwait A != 5 within 1 ms\n";

static bool answer(const struct study *s, const char *said, char *asked, size_t size)
{
	FILE *in = fmemopen((void *)(uintptr_t)said, strlen(said) + !*said, "r");
	FILE *to = fmemopen(asked, size, "w");
	bool yes;

	assert_true(in && to);
	if (!*said)
		fgetc(in);              /* at the end of the input */
	yes = ask_untested(s, in, to);
	fclose(in);
	fclose(to);
	return yes;
}

static void test_ask(void **state)
{
	static const char *const no[] = { "", "\n", "n\n", "yy\n", " y\n", "yes sir\n" };
	static const char *const yes[] = { "y\n", "Y\n", "yes\n", "YES" };
	struct rig *r = rig_open("fury", RIG_ROOT_PORT);
	struct study s = { .name = "A card" };
	char asked[1024];

	(void)state;
	r->quirk = rig_parse_text("quirks/x.quirk", untested);
	assert_int_equal(rig_plan(r, NULL, NULL), 0);
	s.target = r->target;
	s.plan = r->plan;
	s.quirk = r->quirk;
	assert_true(ask_needed(&s));
	for (size_t i = 0; i < sizeof(no) / sizeof(*no); i++)
		assert_false(answer(&s, no[i], asked, sizeof(asked)));
	for (size_t i = 0; i < sizeof(yes) / sizeof(*yes); i++)
		assert_true(answer(&s, yes[i], asked, sizeof(asked)));
	assert_non_null(strstr(asked, "0000:01:00 A card\nquirks/x.quirk holds a "
			       "register program that nobody has tested on this "
			       "card.\n"));
	assert_non_null(strstr(asked, "source: the vendor's driver, by name"));
	assert_non_null(strstr(asked, "against: user, 2026-01: it burned"));
	assert_non_null(strstr(asked, "risk: host-may-hang (the bus may lock up)"));
	assert_non_null(strstr(asked, "Run it? [y/N] "));
	s.plan.refusal = "in use";      /* nothing will be done: nothing to ask */
	assert_false(ask_needed(&s));
	rig_close(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accepted), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_cut), cmocka_unit_test(test_trust),
		cmocka_unit_test(test_missing), cmocka_unit_test(test_applied),
		cmocka_unit_test(test_ask),
	};

	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
