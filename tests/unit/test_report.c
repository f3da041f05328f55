// SPDX-License-Identifier: GPL-2.0-or-later
/* What people and programs get to read: reports of real plans on simulated cards. */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "cmd/report.h"
#include "run/supervise.h"
#include "unit/sim_rig.h"

#define MAX_ATTEMPTS 16

/* --- a JSON reader, for telling valid from invalid ------------------------------ */

static const char *json_value(const char *p);

static const char *json_blank(const char *p)
{
	while (*p && strchr(" \t\r\n", *p))
		p++;
	return p;
}

static const char *json_text(const char *p)
{
	if (*p++ != '"')
		return NULL;
	for (; *p && *p != '"'; p++) {
		if ((unsigned char)*p < 0x20)
			return NULL;
		if (*p == '\\' && !strchr("\"\\/bfnrtu", *++p))
			return NULL;
	}
	return *p ? p + 1 : NULL;
}

static const char *json_list(const char *p, char end, bool keys)
{
	p = json_blank(p + 1);
	if (*p == end)
		return p + 1;
	for (;;) {
		if (keys) {
			p = json_text(json_blank(p));
			p = p ? json_blank(p) : "";
			if (*p++ != ':')
				return NULL;
		}
		p = json_value(json_blank(p));
		if (!p)
			return NULL;
		p = json_blank(p);
		if (*p == end)
			return p + 1;
		if (*p++ != ',')
			return NULL;
	}
}

static const char *json_word(const char *p)
{
	static const char *const words[] = { "true", "false", "null" };
	char *end;

	for (size_t i = 0; i < 3; i++)
		if (!strncmp(p, words[i], strlen(words[i])))
			return p + strlen(words[i]);
	if (!isdigit((unsigned char)*p) && *p != '-')
		return NULL;
	strtod(p, &end);
	return end;
}

static const char *json_value(const char *p)
{
	if (*p == '{')
		return json_list(p, '}', true);
	if (*p == '[')
		return json_list(p, ']', false);
	return *p == '"' ? json_text(p) : json_word(p);
}

static bool json_valid(const char *p)
{
	p = json_value(json_blank(p));
	return p && !*json_blank(p);
}

/* --- a report of one card ------------------------------------------------------- */

struct told {
	struct rig *rig;
	struct study study;
	struct options opts;
	struct exec_outcome out[MAX_ATTEMPTS];
	struct exec_summary sum;
	struct report report;
	char *text, *json, *plan;
};

typedef void teller(const struct report *, FILE *, bool);

static void tell_text(const struct report *r, FILE *to, bool steps)
{
	(void)steps;
	report_text(r, to);
}

static char *tell(const struct report *r, teller *how)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	assert_non_null(f);
	how(r, f, true);
	fclose(f);
	return text;
}

/* Run the plan of @rig (unless refused) and tell it in every way. */
static void told_run(struct told *t, struct rig *rig)
{
	memset(t, 0, sizeof(*t));
	t->rig = rig;
	t->study.target = rig->target;
	t->study.plan = rig->plan;
	t->study.quirk = rig->quirk;
	snprintf(t->study.name, sizeof(t->study.name), "Card \"X\" \\ \t1");
	t->report = (struct report){ .study = &t->study, .opts = &t->opts };
	t->plan = tell(&t->report, report_plan);
	if (!rig->plan.refusal) {
		exec_plan(rig->hw, &rig->plan, NULL, 0, t->out, &t->sum);
		t->report.out = t->out;
		t->report.sum = &t->sum;
	}
	t->text = tell(&t->report, tell_text);
	t->json = tell(&t->report, report_json);
	assert_true(json_valid(t->json));
}

static void told_close(struct told *t)
{
	free(t->text);
	free(t->json);
	free(t->plan);
	rig_close(t->rig);
}

static void assert_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("no '%s' in:\n%s", part, text);
}

static struct rig *used_fury(void)
{
	struct rig *r = rig_open("fury", RIG_ROOT_PORT);

	rig_quirk(r, "quirks/amd-fiji.quirk");
	rig_use_fury(r);
	rig_vfio(r);
	return r;
}

static void planned(struct rig *r, const struct plan_opts *opts)
{
	struct err err = { 0 };

	if (rig_plan(r, opts, &err))
		fail_msg("%s", err.text);
}

/* --- tests ---------------------------------------------------------------------- */

static void test_json_reader(void **state)
{
	static const char *const good[] = {
		"{}", "[1,-2.5,\"a\\\"\"]", "{\"a\":[null]}",
	};
	static const char *const bad[] = {
		"", "{", "{\"a\"}", "[1,]", "[1 2]", "\"\t\"", "{\"a\":1}}", "nul",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		assert_true(json_valid(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_false(json_valid(bad[i]));
}

static void test_healthy(void **state)
{
	struct rig *r = used_fury();
	struct told t;

	(void)state;
	planned(r, NULL);
	told_run(&t, r);
	assert_int_equal(report_status(&t.report), EXIT_HEALTHY);
	assert_has(t.text, "reset by sequence baco and healthy, in ");
	assert_has(t.text, "touched: 0000:01:00.0 0000:01:00.1\n");
	assert_has(t.json, "\"touches\":[\"0000:01:00.0\",\"0000:01:00.1\"]");
	assert_has(t.text, "evidence: 2 functions answer with the right ids");
	assert_has(t.text, "CONFIG_MEMSIZE reads 0x1000");
	assert_has(t.text, "nobody has reported a run of it on a real card yet");
	assert_has(t.json, "\"status\":\"healthy\",\"exit\":0,\"quirk\":\"amd-fiji\"");
	assert_has(t.json, "\"name\":\"Card \\\"X\\\" \\\\ \\t1\"");
	assert_has(t.json, "\"result\":\"does-not-apply\"");
	assert_has(t.plan, "first:    sequence baco_exit, unless it is found pristine\n"
		   "  touches:  0000:01:00.0 0000:01:00.1\n  at worst: ");
	assert_has(t.plan, "asks:     nothing\n");
	assert_has(t.plan, "would try, in this order");
	assert_has(t.plan, "     why: a register program; quirks/amd-fiji.quirk:");
	assert_has(t.plan, "3.2 0000:01:00.0 put 'on' into power/control");
	told_close(&t);
}

static void test_pristine(void **state)
{
	struct rig *r = rig_open("fury", RIG_ROOT_PORT);
	struct told t;

	(void)state;
	rig_quirk(r, "quirks/amd-fiji.quirk");
	planned(r, NULL);
	told_run(&t, r);
	assert_int_equal(report_status(&t.report), EXIT_HEALTHY);
	assert_has(t.text, "pristine, nothing to do");
	assert_has(t.json, "\"method\":\"none\"");
	t.opts.quiet = true;
	free(t.text);
	t.text = tell(&t.report, tell_text);
	assert_string_equal(t.text, "");
	told_close(&t);
}

static void test_unhealthy(void **state)
{
	const struct plan_opts bus = { .method = "bus" };
	struct rig *r = used_fury();
	struct told t;

	(void)state;
	planned(r, &bus);
	told_run(&t, r);
	assert_int_equal(report_status(&t.report), EXIT_FAILED);
	assert_has(t.text, "NOT healthy after 1 attempt");
	assert_has(t.text, "done, but the card is not healthy");
	assert_has(t.text, "quirks/amd-fiji.quirk:");
	assert_has(t.json, "\"status\":\"failed\",\"exit\":2");
	told_close(&t);
}

static void test_lost(void **state)
{
	struct rig *r = rig_open("dead", RIG_ROOT_PORT);
	struct told t;

	(void)state;
	card_kill(r->card);
	planned(r, NULL);
	told_run(&t, r);
	assert_int_equal(report_status(&t.report), EXIT_LOST);
	assert_has(t.text, "does not answer");
	assert_has(t.text, "cold start of the host");
	assert_has(t.json, "\"status\":\"lost\",\"exit\":3");
	told_close(&t);
}

static void test_no_method(void **state)
{
	const struct plan_opts flr = { .method = "flr" };
	struct rig *r = used_fury();
	struct told t;

	(void)state;
	planned(r, &flr);
	told_run(&t, r);
	assert_int_equal(report_status(&t.report), EXIT_NO_METHOD);
	assert_has(t.text, "no method can be used");
	assert_has(t.text, "no FLR capability");
	assert_has(t.json, "\"exit\":4");
	told_close(&t);
}

static void test_refused(void **state)
{
	const struct hw_holder vm = {
		.pid = 4711, .comm = "qemu", .what = "/dev/vfio/1",
	};
	struct rig *r = used_fury();
	struct told t;

	(void)state;
	hw_sim_holder(r->sim, rig_fn(r, 0), &vm);
	planned(r, NULL);
	told_run(&t, r);
	assert_int_equal(report_status(&t.report), EXIT_BUSY);
	assert_has(t.text, "refused, nothing was touched: 0000:01:00 is in use: process "
		   "4711 (qemu) has /dev/vfio/1 open");
	assert_has(t.text, "--force-in-use");
	assert_has(t.json, "\"refusal_name\":\"in-use\"");
	assert_has(t.plan, "REFUSED");
	assert_has(t.plan, "first:    nothing while that holds, then sequence baco_exit");
	assert_has(t.json, "\"summary\":{\"first\":null,");
	told_close(&t);
}

/* --- what the entries say -------------------------------------------------------- */

#define ENTRY(status, more) \
	"# SPDX-License-Identifier: MIT\nformat = 1\n[device]\nname = x\n" \
	"pci = 1002:7300\n[notes]\nsource = the first\nsource = the second\n" \
	"evidence = kernel 2026-05-25 it is in the driver\n" \
	"evidence = users 2025-11 it works for three\n" \
	"contra = user 2024 it did not for me\n" status \
	"[reset]\nmethod = sequence x\nmethod = bus\n" \
	"deny = pm \"it forgets nothing\"\n" \
	"risk = sequence x host-may-hang \"the bus may lock up\"\n" more \
	"[registers]\nspace mmio = bar5 dwords size 256K\nspace cfg = config\n" \
	"SCRATCH[4] = mmio 0x5c9\nASIC_RESET = cfg 0x7c\nFAR = cfg 0x180\n" \
	"CONFIG_MEMSIZE = mmio 0x150a\n" \
	"[sequence x]\ntry wait SCRATCH[0] == 1 within 1 ms\n" \
	"when SCRATCH[0] == 1 then write SCRATCH[1] = 1\n" \
	"write ASIC_RESET = 0x39d5e86b\ndelay 100 us\n" \
	"[health]\nwait CONFIG_MEMSIZE != 0xffffffff within 100 ms\n" \
	"[restore]\nkeep FAR\n"

static const char vendor_text[] = ENTRY("status = vendor\n",
	"noop-after-clean-shutdown = \"it is posted again\"\n"
	"keep-d0 = \"it does not wake up\"\npin = bus flr \"others break it\"\n");
static const char untested_text[] = ENTRY("status = untested\n", "pin = none \"ask\"\n");
static const char works_text[] = ENTRY("status = works\ntested = by me\n", "");

static struct rig *entry_rig(const char *text, const struct plan_opts *opts)
{
	struct rig *r = rig_open("fury", RIG_ROOT_PORT);

	rig_use_fury(r);
	r->quirk = rig_parse_text("quirks/x.quirk", text);
	planned(r, opts);
	return r;
}

static void assert_lacks(const char *text, const char *part)
{
	if (strstr(text, part))
		fail_msg("'%s' is in:\n%s", part, text);
}

static char *told_again(struct told *t, char *old, teller *how)
{
	free(old);
	return tell(&t->report, how);
}

static void test_entry(void **state)
{
	struct told t;

	(void)state;
	told_run(&t, entry_rig(vendor_text, NULL));
	assert_has(t.plan, "quirk: quirks/x.quirk (vendor)\n");
	assert_has(t.plan, "denies pm: it forgets nothing (line ");
	assert_has(t.plan, "source: the first (and 1 more, see -v)\n");
	assert_has(t.plan, "evidence: kernel, 2026-05-25: it is in the driver\n");
	assert_lacks(t.plan, "it works for three");
	assert_has(t.plan, "evidence: 1 more, see -v\n");
	assert_has(t.plan, "against: user, 2024: it did not for me\n");
	assert_has(t.plan, "no reset when its guest shut down by itself: it is posted");
	assert_has(t.plan, "kept in D0, with the bridges above (power/control stays "
		   "'on'): it does not wake up");
	assert_has(t.plan, "held at 'bus flr' while a VM has it: others break it");
	assert_has(t.plan, "kept over a reset: FAR, but not now: this card's");
	assert_has(t.plan, "(risk: host-may-hang, the bus may lock up)\n");
	assert_has(t.plan, "when SCRATCH[0] == 0x1 [bar5+0x1724] then write SCRATCH[1]");
	t.opts.verbose = true;
	t.plan = told_again(&t, t.plan, report_plan);
	assert_has(t.plan, "source: the second\n");
	assert_has(t.plan, "evidence: users, 2025-11: it works for three\n");
	told_close(&t);
}

static void test_entry_json(void **state)
{
	struct told t;

	(void)state;
	told_run(&t, entry_rig(vendor_text, NULL));
	assert_has(t.json, "\"entry\":{\"about\":\"0000:01:00.0\",\"file\":"
		   "\"quirks/x.quirk\",\"id\":\"x\"");
	assert_has(t.json, "\"source\":[\"the first\",\"the second\"]");
	assert_has(t.json, "{\"kind\":\"users\",\"against\":false,\"date\":\"2025-11\","
		   "\"text\":\"it works for three\"");
	assert_has(t.json, "{\"kind\":\"user\",\"against\":true,\"date\":\"2024\"");
	assert_has(t.json, "{\"method\":\"pm\",\"why\":\"it forgets nothing\"");
	assert_has(t.json, "\"noop_after_clean_shutdown\":\"it is posted again\"");
	assert_has(t.json, "\"keep_d0\":\"it does not wake up\"");
	assert_has(t.json, "\"pin\":\"bus flr\",\"pin_why\":\"others break it\"");
	assert_has(t.json, "\"restore\":[{\"register\":\"FAR\",\"unable\":\"this card");
	assert_has(t.json, "\"risk\":\"host-may-hang\",\"risk_why\":\"the bus may "
		   "lock up\"");
	assert_has(t.json, "\"thunderbolt\":false");
	assert_has(t.json, "\"steps_passed_by\":1");
	assert_has(t.json, "\"went_on_without\":[\"0000:01:00.0: quirks/x.quirk:");
	told_close(&t);
}

/* A program that waits for its first report says what to send, and only it does. */
static void test_confirm(void **state)
{
	struct told t;

	(void)state;
	told_run(&t, entry_rig(vendor_text, NULL));
	assert_has(t.text, "note: 'sequence x' of quirks/x.quirk is what the vendor's "
		   "driver does on this chip, but nobody has reported a run");
	assert_has(t.text, "Telling us how it went");
	assert_has(t.text, "\n      gpureset -v 0000:01:00 2>&1\n"
		   "      lspci -nnvs 0000:01:00\n      uname -r\n");
	assert_has(t.text, "  sequence x (risk: host-may-hang, the bus may lock up)\n");
	assert_lacks(t.text, "went on without");
	t.opts.verbose = true;
	t.text = told_again(&t, t.text, tell_text);
	assert_has(t.text, "sequence x went on without: 0000:01:00.0: quirks/x.quirk:");
	assert_has(t.json, "\"confirm\":{\"file\":\"quirks/x.quirk\",\"commands\":["
		   "\"gpureset -v 0000:01:00 2>&1\",\"lspci -nnvs 0000:01:00\","
		   "\"uname -r\"]}");
	told_close(&t);
	told_run(&t, entry_rig(works_text, NULL));
	assert_int_equal(report_status(&t.report), EXIT_HEALTHY);
	assert_has(t.plan, "tested: by me\n");
	assert_lacks(t.text, "nobody has reported");
	assert_lacks(t.json, "\"confirm\"");
	told_close(&t);
}

static void test_untested(void **state)
{
	const struct plan_opts only = { .method = "sequence x" };
	const struct plan_opts may = { .method = "sequence x", .allow_untested = true };
	struct told t;

	(void)state;
	told_run(&t, entry_rig(untested_text, &only));
	assert_int_equal(report_status(&t.report), EXIT_BUSY);
	assert_has(t.text, "/etc/gpureset/gpureset.conf: allow-untested = x; to do it "
		   "all the same: --allow-untested");
	assert_has(t.json, "\"usable\":\"refused\"");
	assert_has(t.json, "\"untested\":true");
	assert_has(t.plan, "first:    nothing, no method can be used\n");
	assert_has(t.plan, "asks:     on a terminal, whether to run sequence x, which "
		   "nobody has tested (--allow-untested: yes)\n");
	assert_has(t.plan, "trust:    x: untested, its entry has no line about a run "
		   "on a real card\n");
	assert_has(t.plan, "reset_method is held empty while a VM has it, the kernel's "
		   "function resets are switched off: ask");
	told_close(&t);
	told_run(&t, entry_rig(untested_text, &may));
	assert_int_equal(report_status(&t.report), EXIT_HEALTHY);
	assert_has(t.text, "quirks/x.quirk is made from documents, but nobody");
	assert_has(t.plan, "first:    sequence x\n");
	assert_has(t.plan, "why: a register program; --method asks for it\n");
	told_close(&t);
}

/* Entries about a bridge and a sibling: who, which file, what is forbidden. */
static void test_other_entries(void **state)
{
	static struct q_deny deny[] = { { "bus", "the link stays down", 7 } };
	static const struct quirk port = {
		.file = "quirks/p.quirk", .id = "p", .name = "P", .role = ROLE_ROOT_PORT,
		.denies = deny, .ndenies = 1, .status = QUIRK_WORKS,
	};
	struct rig *r = rig_open("flr", RIG_ROOT_PORT);
	struct told t;

	(void)state;
	r->hits.path[0] = &port;
	r->hits.fn[1] = &port;
	planned(r, NULL);
	told_run(&t, r);
	assert_has(t.plan, "quirk: none, the default ladder\n");
	assert_has(t.plan, "quirk: quirks/p.quirk (works), about 0000:00:01.0, a bridge "
		   "above it\n    denies bus: the link stays down (line 7)\n");
	assert_has(t.plan, "about 0000:01:00.1, a function of the card\n");
	assert_has(t.plan, "bus at 0000:00:01.0: denied: quirks/p.quirk:7: the link");
	assert_has(t.json, "\"other_entries\":[{\"about\":\"0000:01:00.1\",\"file\":"
		   "\"quirks/p.quirk\"");
	assert_has(t.json, "{\"about\":\"0000:00:01.0\"");
	told_close(&t);
}

static void test_broken_entry(void **state)
{
	static struct q_deny deny[] = { { "bus", "the link stays down", 7 } };
	static const struct quirk broken = {
		.file = "quirks/b.quirk", .denies = deny, .ndenies = 1, .broken = true,
		.source = { NULL, 3 }, .nevidence = 2,  /* must not be looked at */
	};
	struct rig *r = rig_open("flr", RIG_ROOT_PORT);
	struct report report;
	struct told t = { .rig = r };
	char *text;

	(void)state;
	r->quirk = &broken;
	planned(r, NULL);
	t.study = (struct study){
		.target = r->target, .plan = r->plan, .quirk = &broken,
	};
	report = (struct report){ .study = &t.study, .opts = &t.opts };
	assert_int_equal(report_status(&report), EXIT_CONFIG);
	text = tell(&report, report_plan);
	assert_has(text, "quirk: quirks/b.quirk (it has errors)\n");
	assert_has(text, "denies bus: the link stays down (line 7)");
	free(text);
	rig_close(r);
}

/* Names are any bytes; what is told must be UTF-8, and nothing that a terminal obeys. */
static void test_json_bytes(void **state)
{
	static const char *const row[][2] = {
		{ "a\"b\\c\n\t\r", "\"a\\\"b\\\\c\\n\\t\\r\"" },
		{ "\x1b[2J\x7f", "\"\\u001b[2J\\u007f\"" },
		{ "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80",
		  "\"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\"" },
		{ "\xff", "\"\\ufffd\"" }, { "\xc3", "\"\\ufffd\"" },
		{ "\xe2\x82", "\"\\ufffd\\ufffd\"" },
		{ "\xe9t\xe9", "\"\\ufffdt\\ufffd\"" },
		{ "\xc0\xaf", "\"\\ufffd\\ufffd\"" },
		{ "\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\"" },
		{ "\xf4\x90\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\"" },
		{ "\xc2\x9b" "2J", "\"\\ufffd\\ufffd2J\"" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		char *text = NULL;
		size_t len = 0;
		struct json j = { .out = open_memstream(&text, &len) };

		json_string(&j, NULL, row[i][0]);
		fclose(j.out);
		assert_string_equal(text, row[i][1]);
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_json_reader), cmocka_unit_test(test_json_bytes),
		cmocka_unit_test(test_healthy),
		cmocka_unit_test(test_pristine), cmocka_unit_test(test_unhealthy),
		cmocka_unit_test(test_lost), cmocka_unit_test(test_no_method),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_entry), cmocka_unit_test(test_entry_json),
		cmocka_unit_test(test_confirm), cmocka_unit_test(test_untested),
		cmocka_unit_test(test_other_entries), cmocka_unit_test(test_broken_entry),
	};

	return cmocka_run_group_tests_name("report", tests, NULL, NULL);
}
