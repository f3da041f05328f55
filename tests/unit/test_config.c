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

static const struct bdf no_card;

static void parse(struct config *c, struct diag *d, const char *text)
{
	diag_init(d);
	config_parse(c, "x.conf", text, strlen(text), d);
}

static void parse_good(struct config *c, const char *text)
{
	struct diag d;

	parse(c, &d, text);
	if (d.n)
		fail_msg("%s: %d:%d: %s", text, d.msg[0].line, d.msg[0].col,
			 d.msg[0].text);
	diag_free(&d);
}

static void assert_allowed(const char *text, const char *const *ids, size_t n)
{
	struct settings s;
	struct config c;

	parse_good(&c, text);
	config_settings(&c, NULL, no_card, false, &s);
	assert_int_equal(s.nallowed, n);
	for (size_t i = 0; i < n; i++)
		assert_string_equal(s.allowed[i], ids[i]);
	config_free(&c);
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

/* Each text in a file of its own has exactly this one error. */
struct refusal {
	const char *text;
	int line, col;
	const char *said;
};

static void assert_refusals(const struct refusal *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
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

#define ASSERT_REFUSALS(rows) assert_refusals(rows, sizeof(rows) / sizeof(*(rows)))

static void test_refused(void **state)
{
	static const struct refusal rows[] = {
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
	ASSERT_REFUSALS(rows);
}

static void test_values_refused(void **state)
{
	static const struct refusal rows[] = {
		{ "hook = rest\n", 1, 8, "'rest' is no value of hook, which is reset, "
		  "only-report or skip; did you mean 'reset'?" },
		{ "hook = Reset\n", 1, 8, "did you mean 'reset'?" },
		{ "hook = reset skip\n", 1, 14, "hook takes one word" },
		{ "hook =\n", 1, 7, "hook needs a value" },
		{ "hook = skip\n# x\nhook = skip\n", 3, 1,
		  "hook was set in line 1 already" },
		{ "hok = skip\n", 1, 1, "did you mean 'hook'?" },
		{ "after-stop = host\n", 1, 14, "which is vfio or host-driver" },
		{ "start-anyway = true\n", 1, 16, "which is no or yes" },
		{ "pre-start-timeout = 120\n", 1, 24, "a time needs a unit" },
		{ "pre-start-timeout = 2 min\n", 1, 23, "a time needs a unit" },
		{ "pre-start-timeout = 1.5s\n", 1, 22, "a time needs a unit" },
		{ "pre-start-timeout = 5s s\n", 1, 22, "a time needs a unit" },
		{ "pre-start-timeout = -5s\n", 1, 21, "a time begins with a number" },
		{ "pre-start-timeout = 4999ms\n", 1, 21, "is 5s to 3600s" },
		{ "pre-start-timeout = 3601 s\n", 1, 21, "is 5s to 3600s" },
		{ "pre-start-timeout = 9999999999s\n", 1, 21, "too large" },
		{ "post-stop-timeout = 9s\n", 1, 21, "is 10s to 55s" },
		{ "post-stop-timeout = 56s\n", 1, 21, "Proxmox waits 60 s for the lock" },
		{ "post-stop-timeout = 55000001us\n", 1, 21, "is 10s to 55s" },
	};

	(void)state;
	ASSERT_REFUSALS(rows);
}

static void test_sections_refused(void **state)
{
	static const struct refusal rows[] = {
		{ "[vms 101]\n", 1, 2, "unknown section 'vms'; there are [vm ...] and "
		  "[card ...]; did you mean 'vm'?" },
		{ "hook = skip\n[gpu x]\nhook = reset\n", 2, 2,
		  "unknown section 'gpu'" },
		{ " [ ]\n", 1, 3, "expected [vm ...] or [card ...]" },
		{ "[vm]\n", 1, 4, "[vm] needs a VMID" },
		{ "[card ]\n", 1, 6, "[card] needs an address" },
		{ "[vm 101\n", 1, 8, "missing ']'" },
		{ "[vm 101 # ]\n", 1, 8, "missing ']'" },
		{ "[vm 101] hook = skip\n", 1, 9, "nothing stands behind" },
		{ "[vm 99]\n", 1, 5, "'99' is not a VMID, which is a number from 100 to "
		  "999999999" },
		{ "[vm 1000000000]\n", 1, 5, "is not a VMID" },
		{ "[vm 0101]\n", 1, 5, "is not a VMID" },
		{ "[vm 101 99999999999999999999]\n", 1, 9, "is not a VMID" },
		{ "[vm 101-105]\n", 1, 5, "has a letter in it" },
		{ "[vm 101,102]\n", 1, 8, "',' belongs neither" },
		{ "[vm [101]\n", 1, 5, "'[' belongs neither" },
		{ "[vm 101 102 101]\n", 1, 13, "101 has a section already, in line 1" },
		{ "[vm gaming]\n\n[vm 101 gaming]\n", 3, 9,
		  "gaming has a section already, in line 1" },
		{ "[vm \"my guest]\n", 1, 5, "there is no second '\"'" },
		{ "[vm \"my guest\"x]\n", 1, 15, "a blank has to follow the '\"'" },
		{ "[vm \"\"]\n", 1, 6, "'' is not a VMID" },
		{ "[vm \"101 102\"]\n", 1, 6, "'101 102' is not a VMID" },
		{ "[vm \"my/guest\"]\n", 1, 8, "'/' belongs neither" },
		{ "[vm my] \"x\"\n", 1, 8, "nothing stands behind" },
		{ "[vm \"my guest\" gaming]\n[vm \"gaming\"]\n", 2, 6,
		  "gaming has a section already, in line 1" },
		{ "[card 0b:0]\n", 1, 7, "two hex digits of a device" },
		{ "[card 0b:00 zz:00]\n", 1, 13, "two hex digits of a bus" },
		{ "[card 101]\n", 1, 7, "not a PCI address" },
		{ "[card 0b:00]\n[card 0000:0B:00.1]\n", 2, 7,
		  "0000:0B:00.1 has a section already, in line 1" },
		{ "[vm 101]\nhook = skip\nhook = skip\n", 3, 1, "in line 2 already" },
		{ "[vm 101]\nhok = skip\n", 2, 1, "did you mean 'hook'?" },
	};

	(void)state;
	ASSERT_REFUSALS(rows);
}

/* One mistake does not hide the next: all of them in one run. */
static void test_all_errors(void **state)
{
	struct config c;
	struct diag d;

	(void)state;
	parse(&c, &d, "foo = 1\n[vm 1 2\nhook = x y\n[card]\nafter-stop = z\n");
	assert_int_equal(d.errors, 7);
	config_free(&c);
	diag_free(&d);
}

/* --- what holds -------------------------------------------------------------------- */

static const char whole[] =
	"allow-untested = top\npre-start-timeout = 90 s # enough\n"
	"[card 0b:00 0000:0c:00]\nallow-untested = card\nhook=only-report\n"
	"after-stop = host-driver\n\tpost-stop-timeout = 55s\n"
	"[ vm 101  102\tM\303\274ller ]\nhook = skip\nallow-untested = vm more\n"
	"start-anyway = yes\n[vm gaming]\npre-start-timeout = 5000ms\n"
	"post-stop-timeout = 10000000 us\nstart-anyway = no\nhook = reset\n";

static struct settings settings_of(const struct config *c, const char *vm,
				   const char *card)
{
	struct bdf_spec spec = { .bdf = no_card };
	struct settings s;

	if (card)
		assert_int_equal(bdf_parse(card, &spec, NULL), 0);
	memset(&s, 0xff, sizeof(s));
	config_settings(c, vm, spec.bdf, card != NULL, &s);
	return s;
}

static void assert_ids(const struct settings *s, const char *want)
{
	char all[256] = "";
	size_t at = 0;

	for (size_t i = 0; i < s->nallowed; i++)
		at += (size_t)snprintf(all + at, sizeof(all) - at, " %s", s->allowed[i]);
	assert_string_equal(all, want);
}

static void assert_defaults(const struct config *c)
{
	struct settings s = settings_of(c, "101", "0b:00");

	assert_int_equal(s.hook, HOOK_RESET);
	assert_int_equal(s.after_stop, AFTER_STOP_VFIO);
	assert_int_equal(s.pre_start_us, 120000000);
	assert_int_equal(s.post_stop_us, 50000000);
	assert_false(s.start_anyway);
	assert_int_equal(s.nallowed, 0);
}

static void test_defaults(void **state)
{
	struct config c = { 0 };

	(void)state;
	assert_defaults(&c);            /* there is no file */
	parse_good(&c, "[vm 102]\nhook = skip\n[card 0b:01]\nhook = skip\n");
	assert_defaults(&c);
	config_free(&c);
}

static void test_settings(void **state)
{
	struct settings s;
	struct config c;

	(void)state;
	parse_good(&c, whole);
	s = settings_of(&c, NULL, NULL);
	assert_int_equal(s.hook, HOOK_RESET);
	assert_int_equal(s.pre_start_us, 90000000);
	assert_ids(&s, " top");
	s = settings_of(&c, "103", "0c:00.3");
	assert_int_equal(s.hook, HOOK_ONLY_REPORT);
	assert_int_equal(s.after_stop, AFTER_STOP_HOST_DRIVER);
	assert_int_equal(s.pre_start_us, 90000000);
	assert_int_equal(s.post_stop_us, 55000000);
	assert_false(s.start_anyway);
	assert_ids(&s, " top card");
	s = settings_of(&c, "102", "0b:00");
	assert_int_equal(s.hook, HOOK_SKIP);
	assert_int_equal(s.after_stop, AFTER_STOP_HOST_DRIVER);
	assert_true(s.start_anyway);
	assert_ids(&s, " top card vm more");
	s = settings_of(&c, "M\303\274ller", NULL);
	assert_int_equal(s.hook, HOOK_SKIP);
	assert_ids(&s, " top vm more");
	s = settings_of(&c, "gaming", "0c:00");
	assert_int_equal(s.hook, HOOK_RESET);   /* as the card's section would not */
	assert_int_equal(s.pre_start_us, 5000000);
	assert_int_equal(s.post_stop_us, 10000000);
	assert_ids(&s, " top card");
	config_free(&c);
}

/* A libvirt guest may be called nearly anything. */
static void test_settings_quoted(void **state)
{
	static const char *const guests[] = { "my guest", " a ] b", "x #1", "102" };
	struct settings s;
	struct config c;
	char text[32];

	(void)state;
	parse_good(&c, "[vm \"my guest\" \" a ] b\" 101 \"102\" \"x #1\"] # \"\n"
		   "hook = skip\n");
	for (size_t i = 0; i < sizeof(guests) / sizeof(*guests); i++) {
		s = settings_of(&c, guests[i], NULL);
		assert_int_equal(s.hook, HOOK_SKIP);
	}
	s = settings_of(&c, "my", NULL);
	assert_int_equal(s.hook, HOOK_RESET);
	config_free(&c);
	assert_string_equal(config_vm_str("my guest", text, sizeof(text)),
			    "\"my guest\"");
	assert_string_equal(config_vm_str("my-guest", text, sizeof(text)), "my-guest");
}

/* A number that only begins like a VMID, a slot of another domain: not meant. */
static void test_settings_near(void **state)
{
	struct settings s;
	struct config c;

	(void)state;
	parse_good(&c, whole);
	s = settings_of(&c, "1011", "10000:0b:00");
	assert_int_equal(s.hook, HOOK_RESET);
	assert_ids(&s, " top");
	s = settings_of(&c, "10", "0b:01");
	assert_ids(&s, " top");
	s = settings_of(&c, "gaming2", "0d:00");
	assert_int_equal(s.pre_start_us, 90000000);
	config_free(&c);
}

/* So that struct settings always has room for those of three sections. */
static void test_many_ids(void **state)
{
	char text[2048] = "[vm 101]\n";
	struct settings s;
	struct config c;
	struct diag d;

	(void)state;
	for (int i = 0; i < CONFIG_ALLOWED; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s id%d",
			 i % 40 ? "" : "\nallow-untested =", i);
	parse_good(&c, text);
	s = settings_of(&c, "101", NULL);
	assert_int_equal(s.nallowed, CONFIG_ALLOWED);
	assert_string_equal(s.allowed[63], "id63");
	config_free(&c);
	strcat(text, "\n[card 0b:00]\nallow-untested = last\n");
	parse(&c, &d, text);
	assert_int_equal(d.errors, 1);
	assert_non_null(strstr(d.msg[0].text, "more than 64 ids"));
	config_free(&c);
	diag_free(&d);
}

/* By hand: the top and the card's section. */
static void test_card(void **state)
{
	static const char *const own[] = { "mine" };
	struct plan_opts o = { .allowed = own, .nallowed = 1 };
	struct config c;

	(void)state;
	parse_good(&c, whole);
	config_card(NULL, rig_bdf("0000:0b:00.0"), &o);
	assert_ptr_equal(o.allowed, own);
	config_card(&c, rig_bdf("0000:0b:01.0"), &o);
	assert_ptr_equal(o.allowed, own);
	config_card(&c, rig_bdf("0000:0b:00.1"), &o);
	assert_int_equal(o.nallowed, 2);
	assert_true(plan_allows(&o, "top") && plan_allows(&o, "card"));
	assert_false(plan_allows(&o, "vm"));
	config_free(&c);
}

/* Every prefix of a file with everything in it: an error or none, never a crash. */
static void test_cut(void **state)
{
	(void)state;
	for (size_t n = 0; n < sizeof(whole); n++) {
		char *cut = malloc(n ? n : 1);
		struct config c;
		struct diag d;

		memcpy(cut, whole, n);
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

static void test_too_large(void **state)
{
	struct folder f;
	struct err err;

	(void)state;
	folder_make(&f, "allow-untested = a\n");
	assert_int_equal(truncate(f.path, (64 << 10) + 1), 0);
	assert_int_equal(load(f.path, false, &err), -EFBIG);
	assert_non_null(strstr(err.text, "is larger than 65536 bytes"));
	assert_int_equal(load(f.dir, false, &err), -EISDIR);
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
	assert_int_equal(o.plan.nallowed, 0);   /* nothing of it is obeyed */
	config_free(&c);
	assert_int_equal(config_open(&c, f.path), EXIT_CONFIG);
	assert_int_equal(settings_of(&c, NULL, NULL).nallowed, 0);
	config_free(&c);
	folder_drop(&f);
}

static void test_applied(void **state)
{
	struct options o = { .config = NULL };
	const struct quirk_db db = { 0 };
	struct plan_opts plan[2];
	struct config c;
	struct folder f;

	(void)state;
	if (geteuid() != 0)
		skip();
	folder_make(&f, "allow-untested = some\n[card 0b:00]\nallow-untested = more\n");
	o.config = f.path;
	assert_int_equal(config_apply(&c, &o), 0);
	assert_true(plan_allows(&o.plan, "some"));
	assert_false(plan_allows(&o.plan, "somebody"));
	assert_false(plan_allows(&o.plan, "more"));
	assert_ptr_equal(o.conf, &c);
	o.target[o.ntargets++].bdf = rig_bdf("0000:0c:00.0");
	o.target[o.ntargets++].bdf = rig_bdf("0000:0b:00.0");
	ask_targets(&o, &db, plan);
	assert_false(plan_allows(&plan[0], "more"));
	assert_true(plan_allows(&plan[1], "more") && plan_allows(&plan[1], "some"));
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
		cmocka_unit_test(test_values_refused),
		cmocka_unit_test(test_sections_refused),
		cmocka_unit_test(test_all_errors), cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_settings), cmocka_unit_test(test_settings_near),
		cmocka_unit_test(test_settings_quoted),
		cmocka_unit_test(test_many_ids), cmocka_unit_test(test_card),
		cmocka_unit_test(test_cut), cmocka_unit_test(test_trust),
		cmocka_unit_test(test_too_large),
		cmocka_unit_test(test_missing), cmocka_unit_test(test_applied),
		cmocka_unit_test(test_ask),
	};

	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
