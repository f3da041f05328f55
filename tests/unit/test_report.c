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
	assert_has(t.plan, "would try, in this order");
	assert_has(t.plan, "3.1 0000:01:00.0 put 'on' into power/control");
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
	told_close(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_json_reader), cmocka_unit_test(test_healthy),
		cmocka_unit_test(test_pristine), cmocka_unit_test(test_unhealthy),
		cmocka_unit_test(test_lost), cmocka_unit_test(test_no_method),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests_name("report", tests, NULL, NULL);
}
