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
#define GOOD_DIR "tests/quirk/good"

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

/* Includes of the refused and of the good examples: FOLDER/inc/NAME.inc. */
static int open_inc(void *folder, const char *name, char **text, size_t *len, char **path,
		    struct err *err)
{
	char file[256];

	snprintf(file, sizeof(file), "%s/inc/%s.inc", (const char *)folder, name);
	if (access(file, R_OK) < 0)
		return err_set(err, ENOENT, "no folder has a file of that name");
	*text = slurp(file, len);
	*path = strdup(file + strlen(folder) + 1);
	return 0;
}

static const struct quirk_includes bad_incs = { open_inc, (void *)BAD };
static const struct quirk_includes good_incs = { open_inc, (void *)GOOD_DIR };

/* Parse what must be free of errors. */
static struct quirk *parse_good(const char *path, const char *text, size_t len)
{
	struct diag d;
	struct quirk *q;

	diag_init(&d);
	q = quirk_parse(path, text, len, &good_incs, &d);
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

/* ---- tests/quirk/good/full.quirk: every feature once, field by field */

static int full_setup(void **state)
{
	size_t len;
	char *text = slurp(GOOD_DIR "/full.quirk", &len);

	*state = parse_good("full.quirk", text, len);
	free(text);
	return 0;
}

static int full_teardown(void **state)
{
	quirk_free(*state);
	return 0;
}

static void check_id(const struct q_id *id, uint16_t device, uint16_t last, uint16_t mask,
		     int line)
{
	assert_int_equal(id->vendor, 0x1002);
	assert_int_equal(id->device, device);
	assert_int_equal(id->device_last, last);
	assert_int_equal(id->device_mask, mask);
	assert_int_equal(id->line, line);
}

static void test_full_ids(void **state)
{
	const struct quirk *q = *state;

	assert_int_equal(q->nids, 5);
	check_id(&q->ids[0], 0x67c0, 0x67c0, 0xffff, 7);
	check_id(&q->ids[1], 0x67c1, 0x67c1, 0xffff, 7);
	check_id(&q->ids[2], 0x67c8, 0x67cf, 0xffff, 7);
	check_id(&q->ids[3], 0x67d0, 0x67d0, 0xfff0, 7);
	check_id(&q->ids[4], 0x7300, 0x7300, 0xffff, 8);
	for (int i = 0; i < 5; i++)
		assert_int_equal(q->ids[i].has_sub, i == 4);
	assert_int_equal(q->ids[4].subvendor, 0x1002);
	assert_int_equal(q->ids[4].subdevice, 0x0b36);
	assert_int_equal(q->nwith, 2);
	check_id(&q->with[0], 0xaae8, 0xaae8, 0xffff, 9);
	check_id(&q->with[1], 0xaaf0, 0xaaf0, 0xffff, 9);
}

static void test_full_conditions(void **state)
{
	static const uint16_t classes[] = { 0x0300, 0x0380, 0x1200 };
	static const uint8_t revisions[] = { 0xc0, 0xc7, 0xcf, 0xcf };
	static const struct q_kernel kernels[] = {
		{ 0x060c17, 0x060c17, 15 }, { 0x060c1e, 0x060c21, 16 },
		{ 0x060e00, UINT32_MAX, 17 }, { 0, 0x0503ff, 18 },
		{ 0x060d00, 0x060dff, 19 },
	};
	const struct quirk *q = *state;

	assert_int_equal(q->role, ROLE_GPU);
	assert_int_equal(q->nclasses, 3);
	assert_memory_equal(q->classes, classes, sizeof(classes));
	assert_int_equal(q->nrevisions, 2);
	assert_memory_equal(q->revisions, revisions, sizeof(revisions));
	assert_int_equal(q->on, ON_SWITCH | ON_ROOT_PORT);
	assert_int_equal(q->nkernels, 5);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(q->kernels[i].from, kernels[i].from);
		assert_int_equal(q->kernels[i].to, kernels[i].to);
		assert_int_equal(q->kernels[i].line, kernels[i].line);
	}
}

static void test_full_notes(void **state)
{
	static const struct q_evidence want[] = {
		{ EV_KERNEL, false, "2026-05-25", "drivers/pci/quirks.c lists it", 23 },
		{ EV_USERS, false, "2024-11", "three reports on a forum", 24 },
		{ EV_INFERENCE, true, "2025", "one board seems to be fine", 25 },
	};
	const struct quirk *q = *state;

	assert_int_equal(q->source.n, 0);
	assert_int_equal(q->nevidence, 3);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(q->evidence[i].kind, want[i].kind);
		assert_int_equal(q->evidence[i].against, want[i].against);
		assert_string_equal(q->evidence[i].date, want[i].date);
		assert_string_equal(q->evidence[i].text, want[i].text);
		assert_int_equal(q->evidence[i].line, want[i].line);
	}
	assert_int_equal(q->status, QUIRK_WORKS);
}

static void test_full_reset(void **state)
{
	static const enum quirk_risk risks[] = {
		RISK_SAFE, RISK_POWER_CYCLES, RISK_SAFE, RISK_HOST_MAY_HANG,
	};
	const struct quirk *q = *state;

	assert_int_equal(q->nmethods, 4);
	for (int i = 0; i < 4; i++)
		assert_int_equal(q->methods[i].risk, risks[i]);
	assert_string_equal(q->methods[1].risk_why, "the fans spin up");
	assert_null(q->methods[2].risk_why);
	assert_int_equal(q->nrisks, 2);
	assert_string_equal(q->risks[0].name, "bus");
	assert_string_equal(q->risks[1].sequence, "go");
	assert_string_equal(q->noop_after_clean_shutdown.why,
			    "the driver resets it itself");
	assert_int_equal(q->noop_after_clean_shutdown.line, 39);
	assert_string_equal(q->keep_d0.why, "it never leaves D3cold");
	assert_int_equal(q->keep_d0.line, 40);
	assert_string_equal(q->pin.why, "bus reset hangs the host");
	assert_string_equal(q->pin_methods, "device_specific flr");
	assert_int_equal(q->pin.line, 41);
}

/* One statement in short: verb, name or limit, value or what is wanted, and flags. */
static void stmt_str(const struct q_stmt *st, char *buf, size_t room)
{
	static const char *const verb[] = {
		[Q_REQUIRE] = "require", [Q_WAIT] = "wait", [Q_WRITE] = "write",
		[Q_SET] = "set", [Q_DELAY] = "delay", [Q_KEEP] = "keep",
	};
	char cond[64] = "";

	if (st->ncond)
		snprintf(cond, sizeof(cond), " %s %#x", reg_op_str(st->cond[0].op),
			 st->cond[0].want);
	snprintf(buf, room, "%s:%d %s %s%s %#x/%#x %llu when%d%s%s%s%s %s", st->file,
		 st->line, verb[st->verb], st->name, cond, st->value, st->mask,
		 (unsigned long long)st->limit_us, st->nwhen, st->optional ? " try" : "",
		 st->joined ? " joined" : "", st->always ? " always" : "",
		 st->codes ? " codes" : "", quirk_risk_str(st->risk));
}

static void check_block(const struct q_block *b, const char *const want[], size_t n)
{
	char got[256];

	for (size_t i = 0; i < b->n && i < n; i++) {
		stmt_str(&b->stmt[i], got, sizeof(got));
		assert_string_equal(got, want[i]);
	}
	assert_int_equal(b->n, n);
}

#define SEND(line, msg, arg, limit, flags, risk) \
	"full.quirk:" line " wait C2PMSG[2] != 0 0/0 " limit " " flags " " risk, \
	"full.quirk:" line " write C2PMSG[2] 0/0xffffffff 0 " flags " joined " risk, \
	"full.quirk:" line " write C2PMSG[1] " arg "/0xffffffff 0 " flags " joined " \
	risk, \
	"full.quirk:" line " write C2PMSG[0] " msg "/0xffffffff 0 " flags " joined " \
	risk, \
	"full.quirk:" line " wait C2PMSG[2] != 0 0/0 " limit " " flags " joined " risk, \
	"full.quirk:" line " wait C2PMSG[2] == 0x1 0/0 0 " flags " joined codes " risk

static void test_full_sequence(void **state)
{
	static const char *const want[] = {
		"inc/full.inc:19 require FIRMWARE.UP == 0x1 0/0 0 when0 safe",
		"full.quirk:60 require STRAP.FITTED == 0x2 0/0 0 when0 safe",
		SEND("62", "0x2a", "0", "2000000", "when2", "host-may-hang"),
		"full.quirk:64 wait CTL.EN == 0x1 0/0 10000 when0 try safe",
		SEND("65", "0x7", "0x10", "20000", "when1 try", "safe"),
		"full.quirk:66 write SCRATCH[0] 0/0xffffffff 0 when1 safe",
		"full.quirk:66 write SCRATCH[1] 0/0xffffffff 0 when1 joined safe",
		"full.quirk:67 set CTL 0x10/0x10 0 when0 safe",
		"full.quirk:68 write C2PMSG[2] 0/0xffffffff 0 when0 safe",
		"full.quirk:68 write C2PMSG[1] 0x1/0xffffffff 0 when0 joined safe",
		"full.quirk:68 write C2PMSG[0] 0x2c/0xffffffff 0 when0 joined safe",
		"full.quirk:69 delay  0/0 100000 when0 safe",
		"full.quirk:71 set CTL.EN 0/0x1 0 when0 always safe",
		"full.quirk:56 delay  0/0 1000 when0 always safe",
	};
	const struct quirk *q = *state;

	check_block(quirk_sequence(q, "go"), want, sizeof(want) / sizeof(*want));
}

static void test_full_details(void **state)
{
	const struct quirk *q = *state;
	const struct q_stmt *s = quirk_sequence(q, "go")->stmt;
	const struct q_code *codes = s[7].codes;

	assert_string_equal(s[0].why, "no firmware runs");
	assert_int_equal(s[0].cond[0].reg.index, 4 * 0x0c);
	assert_int_equal(s[0].cond[0].reg.data, 4 * 0x0d);
	assert_int_equal(s[2].cond[0].reg.off, 4 * 0x16082);
	assert_int_equal(s[3].reg.off, 4 * 0x16082);
	assert_int_equal(s[4].reg.off, 4 * 0x16081);
	assert_int_equal(s[5].reg.off, 4 * 0x16080);
	assert_int_equal(s[2].when[0].ncond, 1);
	assert_string_equal(s[7].when[0].cond[0].name, "FIRMWARE.UP");
	assert_int_equal(s[7].when[1].ncond, 2);
	assert_int_equal(s[7].when[1].cond[0].op, REG_GE);
	assert_int_equal(s[7].when[1].cond[1].want, 1);
	assert_int_equal(s[9].when[0].cond[0].want, 0);
	assert_int_equal(codes[0].value, 0xfe);
	assert_string_equal(codes[0].text, "the firmware does not know this message");
	assert_int_equal(codes[1].value, 0xff);
	assert_int_equal(codes[2].value, 0xfc);
	assert_string_equal(codes[2].text, "the firmware is busy");
	assert_null(codes[3].text);
	assert_null(s[6].codes);
}

/* What an include offers and nobody takes is gone; its BAR counts if it is used. */
static void test_full_blocks(void **state)
{
	static const char *const restore[] = {
		"full.quirk:82 keep VENDOR_CTL.MODE 0/0xf 0 when0 safe",
		"full.quirk:83 keep VENDOR_MISC 0/0xffff 0 when0 safe",
	};
	static const char *const health[] = {
		"full.quirk:78 wait CTL != 0xffffffff 0/0 100000 when0 safe",
		"full.quirk:79 require FIRMWARE.UP == 0x1 0/0 0 when0 safe",
	};
	const struct quirk *q = *state;

	check_block(&q->restore, restore, 2);
	check_block(&q->health, health, 2);
	assert_int_equal(q->restore.stmt[1].reg.width, 2);
	assert_int_equal(q->clean.n, 1);
	assert_int_equal(quirk_sequence(q, "mode2")->n, 7);
	assert_string_equal(quirk_sequence(q, "mode2")->stmt[0].file, "inc/full.inc");
	assert_int_equal(quirk_sequence(q, "mode2")->stmt[3].value, 2);
	assert_null(quirk_sequence(q, "offered"));
	assert_null(quirk_sequence(q, "firmware_up"));
	assert_int_equal(q->nsequences, 3);
	assert_int_equal(q->bar_size[2], 512 << 10);
	for (int i = 0; i < 6; i++)
		assert_true(i == 2 || q->bar_size[i] == 0);
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
	const struct reg_cond *off = &q->clean.stmt[2].cond[0];

	(void)state;
	assert_int_equal(b->n, 7);
	assert_int_equal(b->stmt[0].verb, Q_REQUIRE);
	assert_int_equal(b->stmt[1].verb, Q_REQUIRE);
	assert_int_equal(b->stmt[1].cond[0].want, 0x20100);
	assert_int_equal(b->stmt[1].cond[0].reg.off, 0x80000370);
	assert_int_equal(b->stmt[2].reg.off, 0x1730);
	assert_int_equal(b->stmt[2].value, 0x20000000);
	assert_int_equal(b->stmt[3].reg.space, REG_CONFIG);
	assert_int_equal(b->stmt[3].reg.off, 0x7c);
	assert_int_equal(b->stmt[3].value, 0x39d5e86b);
	assert_int_equal(b->stmt[4].limit_us, 100);
	assert_true(b->stmt[5].optional);
	assert_int_equal(b->stmt[6].nwhen, 1);
	assert_int_equal(q->clean.n, 3);
	assert_int_equal(q->clean.stmt[0].cond[0].reg.off, 0x5394);
	assert_int_equal(q->clean.stmt[1].cond[0].reg.off, 0x1730);
	assert_int_equal(q->clean.stmt[2].ncond, 2);
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
	size_t i = 4;

	(void)state;
	assert_non_null(f);
	/* Ours: strap test, hung mark, and no auto-increment in either window. */
	assert_int_equal(b->stmt[0].verb, Q_REQUIRE);
	assert_int_equal(b->stmt[0].cond[0].reg.off, 0x535c);
	assert_int_equal(b->stmt[0].cond[0].mask, 0x2);
	access_str(&b->stmt[1], got, sizeof(got));
	assert_string_equal(got, "rmw bar5 0x00001730 0x20000000 0x20000000");
	for (int n = 2; n < 4; n++) {
		access_str(&b->stmt[n], got, sizeof(got));
		assert_string_equal(got, n == 2
				    ? "rmw bar5 0x00000248 0x00000001 0x00000000"
				    : "rmw bar5 0x00000248 0x00000800 0x00000000");
	}
	for (; next_row(f, want, sizeof(want)); i++) {
		assert_true(i < b->n);
		access_str(&b->stmt[i], got, sizeof(got));
		assert_string_equal(got, want);
	}
	assert_int_equal(i, b->n);
	assert_int_equal(i, 4 + 73);
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
	q = quirk_parse(base, text, len, &bad_incs, &d);
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
	assert_true(g.gl_pathc >= 240);
	for (size_t i = 0; i < g.gl_pathc; i++)
		check_bad(g.gl_pathv[i]);
	printf("counts: refused examples: %zu\n", g.gl_pathc);
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

/* ---- more of the language, in short texts */

#define HEAD "format = 1\n[device]\nname = x\npci = 0001:0002\n[notes]\nsource = y\n"

static struct quirk *parse_text(const char *text, struct diag *d)
{
	diag_init(d);
	return quirk_parse("t.quirk", text, strlen(text), NULL, d);
}

static struct quirk *parse_good_text(const char *text)
{
	return parse_good("t.quirk", text, strlen(text));
}

static void test_pin_none(void **state)
{
	struct quirk *q = parse_good_text(HEAD "[reset]\nmethod = bus\n"
					  "pin = none \"hangs\"\n");

	(void)state;
	assert_string_equal(q->pin_methods, "");
	assert_string_equal(q->pin.why, "hangs");
	assert_null(q->keep_d0.why);
	quirk_free(q);
}

/* Without a ladder the default one is meant; the planner asks @risks. */
static void test_risk_without_ladder(void **state)
{
	struct quirk *q = parse_good_text(HEAD "[reset]\ndeny = pm \"x\"\n"
					  "risk = bus host-may-hang \"trains\"\n");

	(void)state;
	assert_int_equal(q->nmethods, 0);
	assert_int_equal(q->nrisks, 1);
	assert_string_equal(q->risks[0].name, "bus");
	assert_int_equal(q->risks[0].risk, RISK_HOST_MAY_HANG);
	assert_string_equal(q->risks[0].risk_why, "trains");
	quirk_free(q);
}

static void test_role_denies(void **state)
{
	struct quirk *q = parse_good_text("format = 1\n[device]\nname = x\n"
					  "pci = 8086:1234-1250\nrole = root-port\n"
					  "[notes]\nevidence = users 2025 y\n"
					  "[reset]\ndeny = all \"hangs\"\n");

	(void)state;
	assert_int_equal(q->role, ROLE_ROOT_PORT);
	assert_string_equal(quirk_deny(q, "bus")->why, "hangs");
	quirk_free(q);
}

/* [clean] and [health] borrow; the reason not to apply is no business of theirs. */
static void test_run_observes(void **state)
{
	struct quirk *q = parse_good_text(HEAD "[reset]\nmethod = bus\n[registers]\n"
					  "space c = config\nR = c 0x40\n[sequence up]\n"
					  "require R == 1 else skip \"down\"\n"
					  "[clean]\nrun up\n[health]\nrun up\n");

	(void)state;
	assert_int_equal(q->clean.n, 1);
	assert_int_equal(q->clean.stmt[0].line, 13);
	assert_null(q->clean.stmt[0].why);
	assert_null(q->health.stmt[0].why);
	quirk_free(q);
}

/* A sequence that is run keeps its own risk unless it is run at a higher one. */
static void test_run_risk(void **state)
{
	struct quirk *q = parse_good_text(HEAD "[reset]\nmethod = sequence b\n"
		"[registers]\nspace c = config\nR = c 0x40\n[sequence a]\n"
		"write R = 1\nrisk power-cycles\nwrite R = 2\n[sequence b]\n"
		"risk host-may-hang\nrun a\nwrite R = 3\n[health]\nrequire R == 1\n");
	const struct q_block *b = quirk_sequence(q, "b");

	(void)state;
	assert_int_equal(b->n, 3);
	assert_int_equal(b->stmt[0].risk, RISK_HOST_MAY_HANG);
	assert_int_equal(b->stmt[1].risk, RISK_POWER_CYCLES);
	assert_int_equal(b->stmt[2].risk, RISK_HOST_MAY_HANG);
	quirk_free(q);
}

/* A sequence with "always" may be the last thing that another runs. */
static void test_run_always(void **state)
{
	struct quirk *q = parse_good_text(HEAD "[reset]\nmethod = sequence b\n"
		"[registers]\nspace c = config\nR = c 0x40\n[sequence a]\n"
		"write R = 1\nalways\nwrite R = 2\n[sequence b]\n"
		"write R = 3\nrun a\n[health]\nrequire R == 1\n");
	const struct q_block *b = quirk_sequence(q, "b");

	(void)state;
	assert_int_equal(b->n, 3);
	assert_false(b->stmt[0].always || b->stmt[1].always);
	assert_true(b->stmt[2].always);
	quirk_free(q);
}

/* The words that begin declarations are names of registers, too. */
static void test_word_registers(void **state)
{
	struct quirk *q = parse_good_text(HEAD "[reset]\nmethod = bus\n[registers]\n"
		"space c = config\nspace b = bar0 bytes size 4K\nspace = c 0x40\n"
		"mailbox[2] = b 0\nanswer = c 0x44\nanswer.f = bit 1\n"
		"[health]\nrequire space == 1\nrequire mailbox[0] == 1\n"
		"require answer.f == 1\nrequire answer == 1\n");

	(void)state;
	assert_int_equal(q->health.n, 4);
	quirk_free(q);
}

/* Whatever is wrong with ids and denials, what can be read of them blocks. */
static void test_broken_ids_block(void **state)
{
	static const char text[] =
		"format = 1\n[device]\nname = x\npci = 0001:00zz 0001:0010 0011-0013\n"
		"pci = 0001:0030-0020\npci = 0001:0105/ff00\n"
		"pci = 0001:0040-0041:0001:0001 rubbish 0050\nwith = 1\nrole = x\n"
		"[notes]\nevidence = x\n[reset]\ndeny = bus\ndeny = nothing \"x\"\n";
	static const uint16_t blocked[] = {
		0x10, 0x11, 0x13, 0x20, 0x30, 0x25, 0x100, 0x1ff, 0x40, 0x41, 0x50,
	};
	struct q_subject s = { .vendor = 1 };
	const struct q_id *id;
	struct quirk *q;
	enum q_fit fit;
	struct diag d;

	(void)state;
	q = parse_text(text, &d);
	assert_non_null(q);
	assert_true(q->broken);
	for (size_t i = 0; i < sizeof(blocked) / sizeof(*blocked); i++) {
		s.device = blocked[i];
		assert_true(quirk_fits(q, &s, &fit, &id) > 0);
	}
	assert_non_null(quirk_deny(q, "bus"));
	quirk_free(q);
	diag_free(&d);
}

/* A file whose include is lost blocks its card as any broken file does. */
static void test_broken_include_blocks(void **state)
{
	struct quirk *q;
	struct diag d;

	(void)state;
	q = parse_text("format = 1\ninclude = none\n[device]\nname = x\npci = 0001:0002\n"
		       "[notes]\nsource = y\n[reset]\nmethod = sequence inc\n"
		       "deny = bus \"burns\"\n[health]\nrequire R == 1\n", &d);
	assert_non_null(q);
	assert_true(q->broken);
	assert_int_equal(d.errors, 1);
	assert_int_equal(d.msg[0].line, 2);
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

/* ---- matching by range, place, kernel, role */

struct fits {
	const char *device;             /* lines of [device] */
	struct q_subject s;
	enum q_fit fit;
};

static struct quirk *parse_device(const char *lines)
{
	char text[512];

	snprintf(text, sizeof(text), "format = 1\n[device]\nname = x\n%s[notes]\n"
		 "source = y\n[reset]\ndeny = bus \"x\"\n", lines);
	return parse_good_text(text);
}

#define CARD(dev, ...) { .vendor = 0x1002, .device = dev, .class_code = 0x030000, \
			 .kernel = "6.14.2-1-pve", __VA_ARGS__ }
#define PCI "pci = 1002:67c0-67df\n"

static const struct fits fits[] = {
	{ PCI, CARD(0x67c0), FIT_YES }, { PCI, CARD(0x67df), FIT_YES },
	{ PCI, CARD(0x67bf), FIT_OTHER_ID }, { PCI, CARD(0x67e0), FIT_OTHER_ID },
	{ "pci = 1002:67c0/ffc0\n", CARD(0x67ff), FIT_YES },
	{ "pci = 1002:67c0/ffc0\n", CARD(0x6780), FIT_OTHER_ID },
	{ "pci = 1002:0000/0000\n", CARD(0x0001), FIT_YES },
	{ PCI "role = audio\n", CARD(0x67c0), FIT_OTHER_ROLE },
	{ PCI "role = audio\n", CARD(0x67c0, .role = ROLE_AUDIO), FIT_YES },
	{ PCI, CARD(0x67c0, .role = ROLE_AUDIO), FIT_OTHER_ROLE },
	{ PCI "class = 0380 1200\n", CARD(0x67c0), FIT_OTHER_CLASS },
	{ PCI "class = 0380 0300\n", CARD(0x67c0), FIT_YES },
	{ PCI "revision = c0-c7 cf\n", CARD(0x67c0, .revision = 0xc8),
	  FIT_OTHER_REVISION },
	{ PCI "revision = c0-c7 cf\n", CARD(0x67c0, .revision = 0xcf), FIT_YES },
	{ PCI "on = switch thunderbolt\n", CARD(0x67c0, .on = ON_ROOT_PORT),
	  FIT_OTHER_PLACE },
	{ PCI "on = switch thunderbolt\n",
	  CARD(0x67c0, .on = ON_ROOT_PORT | ON_THUNDERBOLT), FIT_YES },
	{ PCI "on = root-complex\n", CARD(0x67c0), FIT_OTHER_PLACE },
};

static void test_fits(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(fits) / sizeof(*fits); i++) {
		struct quirk *q = parse_device(fits[i].device);
		const struct q_id *id;
		enum q_fit fit;
		uint32_t rank = quirk_fits(q, &fits[i].s, &fit, &id);
		char why[128];

		if (fit != fits[i].fit)
			fail_msg("row %zu: fit %d, not %d", i, fit, fits[i].fit);
		assert_int_equal(rank > 0, fit == FIT_YES);
		quirk_fit_str(fit, q, &fits[i].s, why, sizeof(why));
		assert_true(why[0]);
		quirk_free(q);
	}
}

static void test_fits_kernel(void **state)
{
	static const struct {
		const char *line, *release;
		bool yes;
	} rows[] = {
		{ "6.14", "6.14.2-1-pve", true }, { "6.14", "6.14.0", true },
		{ "6.14", "6.14.255", true }, { "6.14", "6.15.0-rc1", false },
		{ "6.14", "6.13.12", false }, { "6.14", "6.14-rc3", true },
		{ "6.12.23", "6.12.23+deb13-amd64", true },
		{ "6.12.23", "6.12.24", false },
		{ "6.12.20-6.12.23", "6.12.19", false },
		{ "6.12.20-6.12.23", "6.12.20", true },
		{ "6.12.20-6.12.23", "6.12.23", true },
		{ "6.12.20-6.12.23", "6.12.24", false },
		{ "6.12-6.14", "6.14.200", true }, { "6.12-6.14", "6.15.0", false },
		{ "since 6.12", "6.12.0", true }, { "since 6.12", "7.0.0", true },
		{ "since 6.12", "6.11.11", false }, { "before 6.15", "6.14.99", true },
		{ "before 6.15", "6.15.0", false }, { "before 6.15", "5.4.300", true },
		{ "since 6.12", NULL, false }, { "since 6.12", "unknown", false },
		{ "before 6.12", "unknown", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char lines[128];
		struct q_subject s = CARD(0x67c0);
		struct quirk *q;
		const struct q_id *id;
		enum q_fit fit;

		snprintf(lines, sizeof(lines), PCI "kernel = %s\n", rows[i].line);
		q = parse_device(lines);
		s.kernel = rows[i].release;
		quirk_fits(q, &s, &fit, &id);
		if (fit != (rows[i].yes ? FIT_YES : FIT_OTHER_KERNEL))
			fail_msg("kernel = %s, %s", rows[i].line, rows[i].release);
		quirk_free(q);
	}
}

/* Least specific first: each beats all above it. */
static void test_match_order(void **state)
{
	static const char *const lines[] = {
		"pci = 1002:0000/0000\n", "pci = 1002:6700-67ff\n",
		"pci = 1002:67c0/ffc0\n", "pci = 1002:67c0-67cf\n",
		"pci = 1002:67c0-67cf\nclass = 0300\n",
		"pci = 1002:67c0-67cf\nclass = 0300\nkernel = since 6.1\n",
		"pci = 1002:67c4\n", "pci = 1002:67c4\nrevision = 00-0f\n",
		"pci = 1002:67c4\nrevision = 00-0f\non = switch\n",
		"pci = 1002:67c4:1002:0001\n",
		"pci = 1002:67c4:1002:0001\nclass = 0300\n",
	};
	struct q_subject s = CARD(0x67c4, .subvendor = 0x1002, .subdevice = 1,
				  .on = ON_SWITCH);
	struct quirk *q[11];
	const struct quirk *found;
	struct err err = { 0 };

	(void)state;
	for (size_t i = 0; i < 11; i++)
		q[i] = parse_device(lines[i]);
	for (size_t n = 1; n <= 11; n++) {
		struct quirk_db db = { q, n, 0 };

		assert_int_equal(quirk_match(&db, &s, &found, &err), 0);
		assert_ptr_equal(found, q[n - 1]);
	}
	for (size_t i = 0; i < 11; i++)
		quirk_free(q[i]);
}

/* With a condition that cannot be read, a narrower one would let the card pass. */
static void test_broken_conditions_block(void **state)
{
	static const char *const lines[] = {
		"role = roott-port\n", "rol = root-port\n",
		"kernel = 6.12\nkernel = 6.x\n",
		"on = switch swich\n", "revision = 10 1\n", "class = 0380 3\n",
	};
	struct quirk *good = parse_device("pci = 1002:67c0\nclass = 0300\n"
					  "kernel = since 6.1\n");

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		const struct q_subject s = CARD(0x67c0, .on = ON_ROOT_PORT);
		const struct quirk *found;
		struct quirk *q[2] = { good };
		struct quirk_db db = { q, 2, 0 };
		struct err err = { 0 };
		char text[256];
		struct diag d;

		snprintf(text, sizeof(text), "format = 1\n[device]\nname = x\n"
			 "pci = 1002:67c0\n%s[notes]\nsource = y\n[reset]\n"
			 "deny = all \"x\"\n", lines[i]);
		q[1] = parse_text(text, &d);
		assert_true(q[1] && q[1]->broken);
		assert_int_equal(quirk_match(&db, &s, &found, &err), 0);
		assert_ptr_equal(found, q[1]);
		quirk_free(q[1]);
		diag_free(&d);
	}
	quirk_free(good);
}

/* Two entries as the only ones: does quirk_db_check() call them a tie? */
static size_t ties(const char *a, const char *b, struct diag *d)
{
	struct quirk *q[2] = { parse_device(a), parse_device(b) };
	struct quirk_db db = { q, 2, 0 };
	size_t n;

	diag_init(d);
	n = quirk_db_check(&db, d);
	assert_int_equal(n, d->errors);
	quirk_free(q[0]);
	quirk_free(q[1]);
	return n;
}

static void test_db_check(void **state)
{
	static const struct {
		const char *a, *b;
		size_t n;
	} rows[] = {
		{ "pci = 1002:0001\n", "pci = 1002:0001\n", 1 },
		{ "pci = 1002:0001 0002\n", "pci = 1002:0002 0001\n", 2 },
		{ "pci = 1002:0001\n", "pci = 1002:0002\n", 0 },
		{ "pci = 1002:0001\n", "pci = 1003:0001\n", 0 },
		{ "pci = 1002:0001\n", "pci = 1002:0001-0002\n", 0 },
		{ "pci = 1002:0001-0003\n", "pci = 1002:0003-0005\n", 1 },
		{ "pci = 1002:0001-0003\n", "pci = 1002:0004-0006\n", 0 },
		{ "pci = 1002:0010/fff0\n", "pci = 1002:001f-002e\n", 1 },
		{ "pci = 1002:0010/fff0\n", "pci = 1002:0020/fff0\n", 0 },
		{ "pci = 1002:0010/00ff\n", "pci = 1002:0011/00ff\n", 0 },
		{ "pci = 1002:0010/00ff\n", "pci = 1002:0100/ff00\n", 1 },
		{ "pci = 1002:0001:0001:0001\n", "pci = 1002:0001:0001:0001\n", 1 },
		{ "pci = 1002:0001:0001:0001\n", "pci = 1002:0001:0001:0002\n", 0 },
		{ "pci = 1002:0001\nrole = usb\n", "pci = 1002:0001\n", 0 },
		{ "pci = 1002:0001\nclass = 0300\n", "pci = 1002:0001\n", 0 },
		{ "pci = 1002:0001\nclass = 0300\n", "pci = 1002:0001\nclass = 0380\n",
		  0 },
		{ "pci = 1002:0001\nclass = 0300\n", "pci = 1002:0001\non = switch\n",
		  1 },
		{ "pci = 1002:0001\non = switch\n", "pci = 1002:0001\non = root-port\n",
		  0 },
		{ "pci = 1002:0001\non = switch\n",
		  "pci = 1002:0001\non = thunderbolt\n", 1 },
		{ "pci = 1002:0001\nrevision = 00-0f\n",
		  "pci = 1002:0001\nrevision = 0f-10\n", 1 },
		{ "pci = 1002:0001\nrevision = 00-0f\n",
		  "pci = 1002:0001\nrevision = 10\n", 0 },
		{ "pci = 1002:0001\nkernel = before 6.12\n",
		  "pci = 1002:0001\nkernel = since 6.12\n", 0 },
		{ "pci = 1002:0001\nkernel = before 6.12\n",
		  "pci = 1002:0001\nkernel = since 6.11\n", 1 },
	};
	struct diag d;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (ties(rows[i].a, rows[i].b, &d) != rows[i].n)
			fail_msg("row %zu: %zu ties", i, d.errors);
		diag_free(&d);
	}
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

/* ---- includes in folders */

#define WITH_INC(title, id) "format = 1\ninclude = fam\n[device]\nname = " title "\n" \
	"pci = " id "\n[notes]\nsource = y\n[reset]\nmethod = sequence s\n" \
	"deny = pm \"x\"\n[health]\nrequire R == 1\n"
#define INC(value) "format = 1\n[registers]\nspace c = config\nR = c 0x40\n" \
	"[sequence s]\nwrite R = " value "\n"

static void test_inc_hides(void **state)
{
	struct box *b = *state;

	put(b->weak, "aa.quirk", 0644, WITH_INC("a", "0001:0001"));
	put(b->weak, "fam.inc", 0644, INC("1"));
	box_load(b, false);
	assert_int_equal(b->diag.n, 0);
	assert_int_equal(b->db.n, 1);
	assert_false(b->db.quirk[0]->broken);
	assert_int_equal(b->db.quirk[0]->sequences[0].stmt[0].value, 1);
	put(b->strong, "fam.inc", 0644, INC("2"));
	box_load(b, false);
	assert_int_equal(b->diag.n, 0);
	assert_int_equal(b->db.quirk[0]->sequences[0].stmt[0].value, 2);
	assert_non_null(strstr(b->db.quirk[0]->sequences[0].stmt[0].file,
			       "/strong/fam.inc"));
}

/* How often does @text stand in what the loader said? */
static int box_times(struct box *b, const char *text)
{
	char *all = printed(&b->diag), *at = all;
	int n = 0;

	for (; (at = strstr(at, text)) != NULL; at++)
		n++;
	free(all);
	return n;
}

static void check_all_broken(struct box *b, size_t n)
{
	assert_int_equal(b->db.n, n);
	for (size_t i = 0; i < n; i++) {
		assert_true(b->db.quirk[i]->broken);
		assert_int_equal(b->db.quirk[i]->nids, 1);
		assert_non_null(quirk_deny(b->db.quirk[i], "pm"));
	}
}

static void test_inc_broken_once(void **state)
{
	struct box *b = *state;

	put(b->weak, "aa.quirk", 0644, WITH_INC("a", "0001:0001"));
	put(b->strong, "bb.quirk", 0644, WITH_INC("b", "0001:0002"));
	put(b->weak, "cc.quirk", 0644, WITH_INC("c", "0001:0003"));
	put(b->strong, "fam.inc", 0644, INC("1") "wirte R = 2\nwrite Q = 1\n[sequence\n");
	put(b->weak, "fam.inc", 0644, INC("1"));
	box_load(b, false);
	check_all_broken(b, 3);
	assert_int_equal(box_times(b, "unknown statement 'wirte'"), 1);
	assert_int_equal(box_times(b, "unknown register 'Q'"), 1);
	assert_int_equal(box_times(b, "fam.inc has errors, so this file cannot be"), 3);
	assert_int_equal(b->diag.n, 6);
}

/* More errors than a list shows of a file are not shown by the next includer. */
static void test_inc_many_errors(void **state)
{
	struct box *b = *state;
	char text[8192] = INC("1"), name[32];
	size_t shown;

	for (int i = 0; i < 300; i++)
		strcat(text, "wirte R = 2\n");
	put(b->strong, "fam.inc", 0644, text);
	put(b->strong, "a0.quirk", 0644, WITH_INC("a", "0001:0001"));
	box_load(b, false);
	shown = b->diag.n;
	assert_true(shown > 100 && shown < 105);
	for (int i = 1; i < 4; i++) {
		snprintf(name, sizeof(name), "a%d.quirk", i);
		put(b->strong, name, 0644, WITH_INC("a", "0001:0001"));
	}
	box_load(b, false);
	assert_int_equal(b->diag.n, shown + 3);
}

static void test_inc_missing(void **state)
{
	struct box *b = *state;
	char said[512];

	put(b->weak, "aa.quirk", 0644, WITH_INC("a", "0001:0001"));
	put(b->weak, "bb.quirk", 0644, WITH_INC("b", "0001:0002"));
	snprintf(said, sizeof(said), "cannot include fam.inc: no quirk folder has it, "
		 "searched: %s, %s\n", b->strong, b->weak);
	box_load(b, false);
	check_all_broken(b, 2);
	assert_int_equal(b->diag.n, 2);
	assert_int_equal(box_times(b, said), 2);
	assert_true(box_said(b, "aa.quirk:2:11: error"));
}

/* Who may write an include may write what root does to the card. */
static void test_inc_untrusted(void **state)
{
	struct box *b = *state;
	char path[128];

	put(b->strong, "aa.quirk", 0644, WITH_INC("a", "0001:0001"));
	put(b->strong, "fam.inc", 0646, INC("1"));
	put(b->weak, "fam.inc", 0644, INC("1"));
	box_load(b, false);
	assert_false(b->db.quirk[0]->broken);
	box_load(b, true);
	check_all_broken(b, 1);
	snprintf(path, sizeof(path), "%s/fam.inc", b->strong);
	unlink(path);
	assert_int_equal(symlink("../weak/fam.inc", path), 0);
	box_load(b, false);
	check_all_broken(b, 1);
	assert_true(box_said(b, "symbolic link"));
	unlink(path);
	assert_int_equal(mkfifo(path, 0644), 0);
	box_load(b, false);
	check_all_broken(b, 1);
	assert_true(box_said(b, "not a regular file"));
	unlink(path);
}

static void test_inc_trust_why(void **state)
{
	struct box *b = *state;

	if (geteuid() != 0) {
		print_message("skip: only root's own files are trusted\n");
		skip();
	}
	put(b->strong, "aa.quirk", 0644, WITH_INC("a", "0001:0001"));
	put(b->strong, "fam.inc", 0664, INC("1"));
	box_load(b, true);
	check_all_broken(b, 1);
	assert_int_equal(b->diag.n, 1);
	assert_true(box_said(b, "fam.inc is not obeyed: others than root can write"));
	put(b->strong, "fam.inc", 0644, INC("1"));
	box_load(b, true);
	assert_int_equal(b->diag.n, 0);
	assert_false(b->db.quirk[0]->broken);
}

/* ---- one file by its path */

static struct quirk *box_load_one(struct box *b, const char *dir, const char *name,
				  bool trust)
{
	char path[128];

	diag_free(&b->diag);
	b->err.code = 0;
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return quirk_load(path, b->dirs, trust, &b->diag, &b->err);
}

static void test_load_one(void **state)
{
	struct box *b = *state;
	struct quirk *q;

	put(b->weak, "aa.quirk", 0644, WITH_INC("a", "0001:0001"));
	put(b->strong, "fam.inc", 0644, INC("1"));
	q = box_load_one(b, b->weak, "aa.quirk", false);
	assert_non_null(q);
	assert_int_equal(b->diag.n, 0);
	assert_int_equal(q->sequences[0].stmt[0].value, 1);
	quirk_free(q);
	put(b->weak, "fam.inc", 0644, INC("2"));        /* its own folder comes first */
	q = box_load_one(b, b->weak, "aa.quirk", false);
	assert_int_equal(q->sequences[0].stmt[0].value, 2);
	quirk_free(q);
	put(b->weak, "bb.quirk", 0666, GOOD("open", "0001:0002"));
	q = box_load_one(b, b->weak, "bb.quirk", true);
	assert_true(q && q->broken);
	assert_true(b->diag.errors > 0);
	quirk_free(q);
}

static void test_load_one_not(void **state)
{
	struct box *b = *state;

	assert_null(box_load_one(b, b->weak, "none.quirk", false));
	assert_int_equal(b->err.code, ENOENT);
	assert_non_null(strstr(b->err.text, "none.quirk"));
	assert_null(box_load_one(b, "/nonexistent", "none.quirk", false));
	assert_int_equal(b->err.code, ENOENT);
	assert_null(box_load_one(b, b->top, "weak", false));
	assert_int_equal(b->err.code, EINVAL);
	put(b->weak, "aa.quirk", 0644, "rubbish\n");
	assert_null(box_load_one(b, b->weak, "aa.quirk", false));
	assert_int_equal(b->err.code, 0);
	assert_true(b->diag.errors > 0);
	b->dirs[0] = NULL;
	put(b->weak, "aa.quirk", 0644, GOOD("a", "0001:0001"));
	quirk_free(box_load_one(b, b->weak, "aa.quirk", false));
	assert_int_equal(b->diag.n, 0);
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

/* The text of every include while mutants are parsed. */
struct mutant_inc {
	const char *text;
	size_t len;
};

static int open_mutant(void *arg, const char *name, char **text, size_t *len, char **path,
		       struct err *err)
{
	struct mutant_inc *m = arg;

	(void)err;
	*text = malloc(m->len ? m->len : 1);    /* exact: a read past the end is seen */
	assert_non_null(*text);
	memcpy(*text, m->text, m->len);
	*len = m->len;
	*path = strdup(name);
	return 0;
}

/* All that a message or a statement points to can be read. */
static void check_readable(const struct q_block *b)
{
	for (size_t i = 0; i < b->n; i++) {
		const struct q_code *c = b->stmt[i].codes;

		assert_true(strlen(b->stmt[i].name) + strlen(b->stmt[i].file) > 0);
		assert_true(b->stmt[i].line > 0 && b->stmt[i].ncond <= REG_ALTERNATIVES);
		assert_true(b->stmt[i].nwhen <= Q_WHENS);
		for (; c && c->text; c++)
			assert_true(strlen(c->text) > 0);
	}
}

static void check_mutant_inc(const char *text, size_t len, struct mutant_inc inc)
{
	const struct quirk_includes incs = { open_mutant, &inc };
	struct diag d;
	struct quirk *q;
	char *copy = malloc(len ? len : 1);     /* exact, as above */

	assert_non_null(copy);
	memcpy(copy, text, len);
	diag_init(&d);
	q = quirk_parse("m.quirk", copy, len, &incs, &d);
	free(copy);
	assert_true(q || d.errors);
	if (q)
		assert_int_equal(q->broken, d.errors > 0);
	if (q && q->broken)
		assert_true(q->nids > 0);
	for (size_t i = 0; i < d.n; i++)
		assert_true(d.msg[i].text[0] && d.msg[i].line >= 0);
	assert_true(d.n <= 101 * (inc.len ? 20 : 1));
	for (size_t i = 0; q && i < q->nsequences; i++)
		check_readable(&q->sequences[i]);
	if (q)
		check_readable(&q->health);
	free(printed(&d));
	quirk_free(q);
	diag_free(&d);
}

static void check_mutant(const char *text, size_t len)
{
	check_mutant_inc(text, len, (struct mutant_inc){ "", 0 });
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

/* The part-2 grammar: the file and what it includes, one of the two changed a lot. */
static void test_mutations_full(void **state)
{
	size_t len[2], n[2];
	char *orig[2] = {
		slurp(GOOD_DIR "/full.quirk", &len[0]),
		slurp(GOOD_DIR "/inc/full.inc", &len[1]),
	};
	char *text[2] = { malloc(len[0] + 1024), malloc(len[1] + 1024) };
	uint32_t seed = 0x67df;

	(void)state;
	for (int i = 0; i < 6000; i++) {
		int which = i % 3 == 2, edits = 1 + (int)(rnd(&seed) % 4);

		for (int f = 0; f < 2; f++) {
			memcpy(text[f], orig[f], len[f]);
			n[f] = len[f];
		}
		for (; edits > 0; edits--)
			n[which] = mutate(text[which], n[which], &seed);
		check_mutant_inc(text[0], n[0], (struct mutant_inc){ text[1], n[1] });
	}
	for (size_t cut = 0; cut < len[0] + len[1]; cut++) {    /* cut short anywhere */
		n[0] = cut < len[0] ? cut : len[0];
		n[1] = cut < len[0] ? len[1] : cut - len[0];
		check_mutant_inc(orig[0], n[0], (struct mutant_inc){ orig[1], n[1] });
	}
	for (int f = 0; f < 2; f++) {
		free(text[f]);
		free(orig[f]);
	}
}

/* Lines of one file swapped, doubled, dropped: right lines in wrong places. */
static void test_shuffles(void **state)
{
	size_t len, n, lines = 0;
	char *full = slurp(GOOD_DIR "/full.quirk", &len), *text = malloc(2 * len + 64);
	char *inc = slurp(GOOD_DIR "/inc/full.inc", &n);
	struct mutant_inc m = { inc, n };
	const char *line[256];
	uint32_t seed = 0x1234;

	(void)state;
	for (char *at = full; at < full + len && lines < 255; at = strchr(at, '\n') + 1)
		line[lines++] = at;
	line[lines] = full + len;
	for (int i = 0; i < 3000; i++) {
		n = 0;
		for (size_t l = 0; l < lines; l++) {
			size_t from = rnd(&seed) % 24 ? l : rnd(&seed) % lines;
			size_t size = (size_t)(line[from + 1] - line[from]);

			if (n + size > 2 * len)
				break;
			memcpy(text + n, line[from], size);
			n += size;
		}
		check_mutant_inc(text, n, m);
	}
	free(text);
	free(full);
	free(inc);
}

/* Every "run" doubles what stands above: bounded, and said. */
static void test_run_bomb(void **state)
{
	size_t room = 1 << 20, at = 0;
	char *text = malloc(room);
	struct quirk *q;
	struct diag d;

	(void)state;
	at += (size_t)snprintf(text, room, HEAD "[reset]\nmethod = bus\n[registers]\n"
			       "space b = bar0 bytes size 4K\nR[256] = b 0\n"
			       "[sequence s0]\nwrite R[*] = 1\n");
	for (int i = 1; i < 1000; i++)
		at += (size_t)snprintf(text + at, room - at, "[sequence s%d]\nrun s%d\n"
				       "run s%d\n", i, i - 1, i - 1);
	q = parse_text(text, &d);
	assert_non_null(q);
	assert_true(q->broken);
	assert_true(d.n < 10);
	at = 0;
	for (size_t i = 0; i < q->nsequences; i++)
		at += q->sequences[i].n;
	assert_true(at <= 8192);
	quirk_free(q);
	diag_free(&d);
	free(text);
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

#define IN_FULL(test) cmocka_unit_test_setup_teardown(test, full_setup, full_teardown)
#define IN_BOX(test) cmocka_unit_test_setup_teardown(test, box_setup, box_teardown)

/* Of a bridge neither subsystem nor revision is known: its denials hold all the same. */
static void test_partial(void **state)
{
	static const char text[] =
		"format = 1\n[device]\nname = x\npci = 8086:a70d:1043:8694\n"
		"role = root-port\nrevision = 01\non = switch\n[notes]\nsource = y\n"
		"[reset]\ndeny = bus \"x\"\n";
	struct q_subject s = { .vendor = 0x8086, .device = 0xa70d,
			       .role = ROLE_ROOT_PORT };
	const struct q_id *id;
	struct quirk *q;
	struct diag d;
	enum q_fit fit;

	(void)state;
	diag_init(&d);
	q = quirk_parse("t.quirk", text, sizeof(text) - 1, NULL, &d);
	assert_non_null(q);
	assert_false(q->broken);
	assert_int_equal(quirk_fits(q, &s, &fit, &id), 0);
	s.partial = true;
	assert_true(quirk_fits(q, &s, &fit, &id) > 0);
	s.role = ROLE_SWITCH;
	assert_int_equal(quirk_fits(q, &s, &fit, &id), 0);
	quirk_free(q);
	diag_free(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_partial),
		cmocka_unit_test(test_everything),
		cmocka_unit_test(test_deny_all),
		cmocka_unit_test(test_method_list),
		IN_FULL(test_full_ids),
		IN_FULL(test_full_conditions),
		IN_FULL(test_full_notes),
		IN_FULL(test_full_reset),
		IN_FULL(test_full_sequence),
		IN_FULL(test_full_details),
		IN_FULL(test_full_blocks),
		cmocka_unit_test(test_fiji_facts),
		cmocka_unit_test(test_fiji_pciconfig),
		cmocka_unit_test(test_fiji_rows),
		cmocka_unit_test(test_bad_files),
		cmocka_unit_test(test_broken_keeps),
		cmocka_unit_test(test_pin_none),
		cmocka_unit_test(test_risk_without_ladder),
		cmocka_unit_test(test_role_denies),
		cmocka_unit_test(test_run_observes),
		cmocka_unit_test(test_run_risk),
		cmocka_unit_test(test_run_always),
		cmocka_unit_test(test_word_registers),
		cmocka_unit_test(test_broken_ids_block),
		cmocka_unit_test(test_broken_conditions_block),
		cmocka_unit_test(test_broken_include_blocks),
		cmocka_unit_test(test_match),
		cmocka_unit_test(test_match_tie),
		cmocka_unit_test(test_fits),
		cmocka_unit_test(test_fits_kernel),
		cmocka_unit_test(test_match_order),
		cmocka_unit_test(test_db_check),
		IN_BOX(test_db_hides),
		IN_BOX(test_db_broken_blocks),
		IN_BOX(test_db_trust),
		IN_BOX(test_db_foreign_owner),
		IN_BOX(test_db_odd_files),
		IN_BOX(test_db_bad_folder),
		IN_BOX(test_inc_hides),
		IN_BOX(test_inc_broken_once),
		IN_BOX(test_inc_many_errors),
		IN_BOX(test_inc_missing),
		IN_BOX(test_inc_untrusted),
		IN_BOX(test_inc_trust_why),
		IN_BOX(test_load_one),
		IN_BOX(test_load_one_not),
		cmocka_unit_test(test_mutations),
		cmocka_unit_test(test_mutations_full),
		cmocka_unit_test(test_shuffles),
		cmocka_unit_test(test_run_bomb),
		cmocka_unit_test(test_long_line),
		cmocka_unit_test(test_nearest),
		cmocka_unit_test(test_diag_print),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
