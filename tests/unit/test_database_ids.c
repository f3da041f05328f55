// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The shipped database against lists of real ids (tests/data): each chip is claimed by
 * the file of its family and by no other family's, the named cards by their own file,
 * and what is known to break a card is denied.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/diag.h"
#include "quirk/quirk.h"

#define DISPLAY 0x030000
#define DISPLAY_3D 0x030200

static struct quirk_db db;

/* ---- helpers */

static int load(void **state)
{
	const char *const dirs[] = { "quirks", NULL };
	struct diag diag;
	struct err err;
	size_t errors;

	(void)state;
	diag_init(&diag);
	if (quirk_db_load(&db, dirs, false, &diag, &err))
		return -1;
	quirk_db_check(&db, &diag);
	diag_print(&diag, stderr);
	errors = diag.errors + db.nbroken;
	diag_free(&diag);
	return errors ? -1 : 0;
}

static int unload(void **state)
{
	(void)state;
	quirk_db_free(&db);
	return 0;
}

static const struct quirk *by_id(const char *id)
{
	for (size_t i = 0; i < db.n; i++)
		if (!strcmp(db.quirk[i]->id, id))
			return db.quirk[i];
	fail_msg("there is no quirks/%s.quirk", id);
	return NULL;
}

static struct q_subject subject(uint16_t vendor, uint16_t device, enum q_role role,
				unsigned on)
{
	return (struct q_subject){
		.vendor = vendor, .device = device, .role = role, .on = on,
		.class_code = DISPLAY, .kernel = "6.12.48+deb13-amd64",
	};
}

static bool fits(const struct quirk *q, const struct q_subject *s)
{
	const struct q_id *line;
	enum q_fit fit;

	return quirk_fits(q, s, &fit, &line) != 0;
}

static const char *match(const struct q_subject *s)
{
	const struct quirk *found = NULL;
	struct err err;

	assert_int_equal(quirk_match(&db, s, &found, &err), 0);
	return found ? found->id : "-";
}

static size_t covers(const struct q_id *id)
{
	size_t n = (size_t)(id->device_last - id->device) + 1;

	for (unsigned open = (uint16_t)~id->device_mask; open; open >>= 1)
		n <<= open & 1;
	return n;
}

/* Device ids that all its lines together cover. */
static size_t breadth(const struct quirk *q)
{
	size_t n = 0;

	for (size_t i = 0; i < q->nids; i++)
		n += covers(&q->ids[i]);
	return n;
}

/* ---- chips and families */

struct chip_ids {
	const char *file;
	unsigned on;
	const char *const *families;
	int (*check)(const struct chip_ids *t, uint16_t vendor, const char *family,
		     const char *chip, uint16_t device);
};

/*
 * The family file claims the id and no other family's does. (An entry that wins by
 * being narrower, as that of one card, must cover fewer ids than the family.)
 */
static int check_family(const struct chip_ids *t, uint16_t vendor, const char *family,
			const char *chip, uint16_t device)
{
	struct q_subject s = subject(vendor, device, ROLE_GPU, t->on);
	const char *best = match(&s);
	int wrong = 0;

	for (size_t i = 0; t->families[i]; i++) {
		bool want = !strcmp(t->families[i], family);

		if (fits(by_id(t->families[i]), &s) == want)
			continue;
		print_error("%s %04x:%04x: %s %s\n", chip, vendor, device,
			    t->families[i], want ? "misses it" : "claims it");
		wrong++;
	}
	if (!wrong && strcmp(family, "-") && strcmp(best, family) &&
	    breadth(by_id(best)) >= breadth(by_id(family))) {
		print_error("%s %04x:%04x: %s wins over %s\n", chip, vendor, device,
			    best, family);
		wrong++;
	}
	return wrong;
}

/* "nvidia-ada AD107 2882 28a0 ..." */
static int check_line(const struct chip_ids *t, uint16_t vendor, char *line, size_t *n)
{
	char *rest = line, *family = strsep(&rest, " "), *chip = strsep(&rest, " "), *id;
	int wrong = 0;

	while ((id = strsep(&rest, " \n"))) {
		if (!*id)
			continue;
		wrong += t->check(t, vendor, family, chip,
				  (uint16_t)strtoul(id, NULL, 16));
		++*n;
	}
	return wrong;
}

static size_t check_table(const struct chip_ids *t)
{
	FILE *f = fopen(t->file, "r");
	unsigned vendor = 0;
	char line[256];
	size_t n = 0;
	int wrong = 0;

	if (!f) {
		fail_msg("cannot open %s", t->file);
		return 0;
	}
	while (fgets(line, sizeof(line), f)) {
		if (line[0] == '#' || sscanf(line, "vendor %x", &vendor) == 1)
			continue;
		wrong += check_line(t, (uint16_t)vendor, line, &n);
	}
	fclose(f);
	assert_int_equal(wrong, 0);
	return n;
}

static const char *const nvidia_families[] = {
	"nvidia-kepler", "nvidia-maxwell", "nvidia-pascal", "nvidia-volta",
	"nvidia-turing", "nvidia-ampere", "nvidia-ga100", "nvidia-ada", "nvidia-hopper",
	"nvidia-gh200", "nvidia-blackwell", "nvidia-gb202", "nvidia-b200",
	"nvidia-gb200", NULL,
};
static const struct chip_ids nvidia_table = {
	"tests/data/nvidia-ids.txt", ON_ROOT_PORT, nvidia_families, check_family,
};

static void test_nvidia_families(void **state)
{
	size_t n = check_table(&nvidia_table);

	(void)state;
	printf("counts: %zu ids of NVIDIA\n", n);
	assert_true(n > 700);
}

/* A check that cannot fail is none: give it a wrong family and a wrong id. */
static void test_family_check_can_fail(void **state)
{
	(void)state;
	assert_int_equal(check_family(&nvidia_table, 0x10de, "nvidia-ada", "AD107",
				      0x2882), 0);
	assert_int_equal(check_family(&nvidia_table, 0x10de, "nvidia-ampere", "AD107",
				      0x2882), 2);
	assert_int_equal(check_family(&nvidia_table, 0x10de, "-", "AD107", 0x2882), 1);
	assert_int_equal(check_family(&nvidia_table, 0x10de, "nvidia-ada", "none",
				      0x0f00), 1);
}

static const char *const intel_cards[] = {
	"intel-dg1", "intel-dg2", "intel-flex", "intel-max", "intel-battlemage", NULL,
};

/* Cards by their family; processor graphics by none of those, wherever they sit. */
static int check_intel(const struct chip_ids *t, uint16_t vendor, const char *family,
		       const char *chip, uint16_t device)
{
	struct q_subject s = subject(vendor, device, ROLE_GPU, ON_ROOT_COMPLEX);

	for (size_t i = 0; t->families[i]; i++)
		if (!strcmp(t->families[i], family))
			return check_family(t, vendor, family, chip, device);
	if (!strcmp(match(&s), family))
		return check_family(t, vendor, "-", chip, device);
	print_error("%s %04x:%04x: %s has it, not %s\n", chip, vendor, device, match(&s),
		    family);
	return 1;
}

static void test_intel_families(void **state)
{
	static const struct chip_ids table = {
		"tests/data/intel-ids.txt", ON_ROOT_PORT, intel_cards, check_intel,
	};

	size_t n = check_table(&table);

	(void)state;
	printf("counts: %zu ids of Intel\n", n);
	assert_true(n > 250);
}

/* Every id line lies where the lists know at least one device: no invented blocks. */
struct seen {
	const struct quirk *q;
	const struct q_id *id;
	bool found;
};

static struct seen seen;

static int check_seen(const struct chip_ids *t, uint16_t vendor, const char *family,
		      const char *chip, uint16_t device)
{
	const struct q_id *id = seen.id;

	(void)t;
	(void)family;
	(void)chip;
	seen.found |= vendor == id->vendor && device <= id->device_last &&
		      device >= id->device && id->device_mask == 0xffff;
	seen.found |= vendor == id->vendor && id->device_mask != 0xffff &&
		      (device & id->device_mask) == id->device;
	return 0;
}

static void test_no_invented_blocks(void **state)
{
	struct chip_ids t = { nvidia_table.file, 0, NULL, check_seen };

	(void)state;
	for (size_t i = 0; nvidia_families[i]; i++) {
		seen.q = by_id(nvidia_families[i]);
		for (size_t j = 0; j < seen.q->nids; j++) {
			seen.id = &seen.q->ids[j];
			seen.found = false;
			check_table(&t);
			if (!seen.found)
				fail_msg("%s line %d: no known chip in it",
					 seen.q->file, seen.id->line);
		}
	}
}

/* ---- single cards and functions */

struct wanted {
	uint16_t vendor, device;
	enum q_role role;
	unsigned on;
	const char *id;                 /* file that must win, "-": none */
	const char *first, *last;       /* of its ladder; NULL: not looked at */
	const char *denied;             /* a method that must be denied */
};

static const struct wanted wanted[] = {
	{ 0x10de, 0x1187, ROLE_GPU, ON_ROOT_PORT, "nvidia-gtx-760", "hot_reset", "bus",
	  NULL },
	{ 0x10de, 0x1b81, ROLE_GPU, ON_ROOT_PORT, "nvidia-gtx-1070-1080", "hot_reset",
	  "bus", NULL },
	{ 0x10de, 0x1b80, ROLE_GPU, ON_ROOT_PORT, "nvidia-gtx-1070-1080", "hot_reset",
	  "bus", NULL },
	{ 0x10de, 0x1eb8, ROLE_GPU, ON_ROOT_PORT, "nvidia-t4", "hot_reset", "bus", NULL },
	{ 0x10de, 0x2489, ROLE_GPU, ON_ROOT_PORT, "nvidia-rtx-3060-ti", "flr", "bus",
	  NULL },
	{ 0x10de, 0x2342, ROLE_GPU, ON_ROOT_PORT, "nvidia-gh200", "flr", "flr", "bus" },
	{ 0x10de, 0x2342, ROLE_GPU, ON_ROOT_PORT, "nvidia-gh200", NULL, NULL,
	  "hot_reset" },
	{ 0x10de, 0x2342, ROLE_GPU, ON_ROOT_PORT, "nvidia-gh200", NULL, NULL,
	  "subordinate" },
	{ 0x10de, 0x22ce, ROLE_ROOT_PORT, 0, "nvidia-gb10-root-port", NULL, NULL,
	  "bus" },
	{ 0x10de, 0x22d0, ROLE_ROOT_PORT, 0, "nvidia-gb10-root-port", NULL, NULL,
	  "hot_reset" },
	{ 0x10de, 0x2b85, ROLE_GPU, ON_ROOT_PORT, "nvidia-gb202", "hot_reset", "flr",
	  NULL },
	{ 0x10de, 0x2bb1, ROLE_GPU, ON_ROOT_PORT, "nvidia-gb202", "hot_reset", "flr",
	  NULL },
	{ 0x10de, 0x2b85, ROLE_GPU, ON_THUNDERBOLT, "nvidia-gb202-thunderbolt",
	  "hot_reset", "subordinate", "flr" },
	{ 0x10de, 0x2c05, ROLE_GPU, ON_ROOT_PORT, "nvidia-rtx-5070-ti", "flr", "bus",
	  NULL },
	{ 0x10de, 0x2d04, ROLE_GPU, ON_ROOT_PORT, "nvidia-blackwell", "flr", "bus",
	  NULL },
	{ 0x10de, 0x2d04, ROLE_GPU, ON_THUNDERBOLT, "nvidia-rtx-5060-ti-thunderbolt",
	  NULL, NULL, "flr" },
	{ 0x10de, 0x2330, ROLE_GPU, ON_SWITCH, "nvidia-hopper", "flr", "bus", NULL },
	{ 0x10de, 0x15f7, ROLE_GPU, ON_ROOT_PORT, "nvidia-p100", "hot_reset", "bus",
	  NULL },
	{ 0x10de, 0x10c3, ROLE_GPU, ON_ROOT_PORT, "nvidia-generic", "flr", "bus", NULL },
	{ 0x10de, 0x0610, ROLE_GPU, ON_ROOT_PORT, "-", NULL, NULL, NULL },
	{ 0x10de, 0x10f0, ROLE_AUDIO, ON_ROOT_PORT, "-", NULL, NULL, NULL },
	{ 0x8086, 0x0166, ROLE_GPU, ON_ROOT_COMPLEX, "intel-ivb-igd", "sequence",
	  "af_flr", NULL },
	{ 0x8086, 0x5912, ROLE_GPU, ON_ROOT_COMPLEX, "intel-uhd-630", "flr", "flr",
	  NULL },
	{ 0x8086, 0x56a5, ROLE_GPU, ON_SWITCH, "intel-dg2", "flr", "bus", NULL },
	{ 0x8086, 0xe20b, ROLE_GPU, ON_SWITCH, "intel-battlemage", "flr", "bus", NULL },
	{ 0x8086, 0x1502, ROLE_OTHER, 0, "platform-intel-82579", NULL, NULL, "af_flr" },
	{ 0x1022, 0x1487, ROLE_AUDIO, 0, "platform-amd-audio", NULL, NULL, "flr" },
	{ 0x1022, 0x148c, ROLE_USB, 0, "platform-amd-usb", NULL, NULL, "flr" },
	{ 0x1022, 0x149c, ROLE_USB, 0, "platform-amd-usb", NULL, NULL, "flr" },
	{ 0x1022, 0x7901, ROLE_OTHER, 0, "platform-amd-sata", NULL, NULL, "flr" },
	{ 0x1022, 0x1502, ROLE_OTHER, 0, "platform-amd-npu", NULL, NULL, "flr" },
	{ 0x1022, 0x17f0, ROLE_OTHER, 0, "platform-amd-npu", NULL, NULL, "flr" },
	{ 0x14c3, 0x0616, ROLE_OTHER, 0, "platform-mediatek-mt7922", NULL, NULL, "flr" },
	{ 0xd063, 0x1000, ROLE_OTHER, 0, "-", NULL, NULL, NULL }, /* revision 0 */
	{ 0x168c, 0x003e, ROLE_OTHER, 0, "platform-atheros", NULL, NULL, "bus" },
	{ 0x177d, 0xa100, ROLE_ROOT_PORT, 0, "platform-cavium", NULL, NULL, "bus" },
	{ 0x104c, 0xb005, ROLE_OTHER, 0, "platform-ti-c667x", NULL, NULL, "bus" },
	{ 0x1b21, 0x1164, ROLE_OTHER, 0, "platform-asmedia-asm1164", NULL, NULL,
	  "subordinate" },
};

static void check_wanted(const struct wanted *w)
{
	struct q_subject s = subject(w->vendor, w->device, w->role, w->on);
	const struct quirk *q;

	if (strcmp(match(&s), w->id))
		fail_msg("%04x:%04x: %s has it, not %s", w->vendor, w->device, match(&s),
			 w->id);
	if (!strcmp(w->id, "-"))
		return;
	q = by_id(w->id);
	if (w->first) {
		assert_true(q->nmethods > 0);
		assert_string_equal(q->methods[0].name, w->first);
		assert_string_equal(q->methods[q->nmethods - 1].name, w->last);
	}
	if (w->denied && !quirk_deny(q, w->denied))
		fail_msg("%s does not deny %s", w->id, w->denied);
}

static void test_wanted(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++)
		check_wanted(&wanted[i]);
}

static bool has_method(const struct quirk *q, const char *name)
{
	for (size_t i = 0; i < q->nmethods; i++)
		if (!strcmp(q->methods[i].name, name))
			return true;
	return false;
}

static void test_details(void **state)
{
	const struct quirk *gb202 = by_id("nvidia-gb202"), *t4 = by_id("nvidia-t4");
	struct q_subject snet = subject(0xd063, 0x1000, ROLE_OTHER, 0);

	(void)state;
	assert_int_equal(gb202->methods[gb202->nmethods - 1].risk, RISK_HOST_MAY_HANG);
	assert_int_equal(gb202->methods[0].risk, RISK_SAFE);
	assert_non_null(gb202->keep_d0.why);
	assert_non_null(by_id("nvidia-rtx-3060-ti")->keep_d0.why);
	assert_false(has_method(t4, "flr"));
	assert_false(has_method(t4, "pm"));
	assert_string_equal(by_id("intel-ivb-igd")->pin_methods, "device_specific");
	snet.revision = 1;
	assert_string_equal(match(&snet), "platform-solidrun-dpu");
}

/* Linux quirk_nvidia_hda: bit 25 at 0x488 of whatever may have audio. */
static void test_nvidia_restore(void **state)
{
	(void)state;
	for (size_t i = 0; i < db.n; i++) {
		const struct quirk *q = db.quirk[i];

		if (q->role != ROLE_GPU || q->ids[0].vendor != 0x10de || !q->restore.n)
			continue;
		assert_int_equal(q->restore.n, 1);
		assert_int_equal(q->restore.stmt[0].verb, Q_KEEP);
		assert_int_equal(q->restore.stmt[0].reg.off, 0x488);
		assert_int_equal(q->restore.stmt[0].mask, 1u << 25);
	}
	assert_true(by_id("nvidia-generic")->restore.n == 1);
	assert_true(by_id("nvidia-gtx-760")->restore.n == 1);
}

/* ---- honesty */

static bool is_ours(const struct quirk *q)
{
	return !strncmp(q->id, "nvidia-", 7) || !strncmp(q->id, "intel-", 6) ||
	       !strncmp(q->id, "platform-", 9);
}

/* A program may claim "works" only by a "tested" line; these have no report yet. */
static void test_honest(void **state)
{
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < db.n; i++) {
		const struct quirk *q = db.quirk[i];

		if (!is_ours(q))
			continue;
		n++;
		assert_true(q->nevidence > 0);
		assert_int_equal(q->tested.n, 0);
		assert_int_not_equal(q->status, QUIRK_WORKS);
		if (q->role == ROLE_GPU && !has_method(q, "sequence"))
			assert_int_equal(q->status, QUIRK_UNTESTED);
	}
	assert_true(n >= 40);
}

/* A 3D controller (no display) is looked up like a VGA card. */
static void test_class(void **state)
{
	struct q_subject s = subject(0x10de, 0x2330, ROLE_GPU, ON_ROOT_PORT);

	(void)state;
	s.class_code = DISPLAY_3D;
	assert_string_equal(match(&s), "nvidia-hopper");
	s.device = 0x2e12;              /* GB10's own GPU: no family, the generic one */
	assert_string_equal(match(&s), "nvidia-generic");
}

/* ---- documents */

/* Parse one example; the fence above it stood on @line. */
static void check_example(const char *text, size_t len, int line)
{
	struct diag diag;
	struct quirk *q;

	diag_init(&diag);
	q = quirk_parse("example.quirk", text, len, NULL, &diag);
	diag_print(&diag, stderr);
	if (!q || q->broken)
		fail_msg("quirks/README.md:%d: the example has errors", line);
	quirk_free(q);
	diag_free(&diag);
}

/* Whatever stands between "```quirk" and "```" in the README is right. */
static void test_readme_examples(void **state)
{
	FILE *f = fopen("quirks/README.md", "r");
	char line[256], text[16384];
	size_t len = 0, n = 0;
	int number = 0, fence = 0;

	(void)state;
	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		number++;
		if (!fence) {
			fence = strcmp(line, "```quirk\n") ? 0 : number;
			len = 0;
		} else if (!strcmp(line, "```\n")) {
			check_example(text, len, fence);
			fence = 0;
			n++;
		} else {
			assert_true(len + strlen(line) < sizeof(text));
			memcpy(text + len, line, strlen(line));
			len += strlen(line);
		}
	}
	fclose(f);
	printf("counts: %zu examples in quirks/README.md\n", n);
	assert_true(n >= 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nvidia_families),
		cmocka_unit_test(test_family_check_can_fail),
		cmocka_unit_test(test_intel_families),
		cmocka_unit_test(test_no_invented_blocks),
		cmocka_unit_test(test_wanted),
		cmocka_unit_test(test_details),
		cmocka_unit_test(test_nvidia_restore),
		cmocka_unit_test(test_honest),
		cmocka_unit_test(test_class),
		cmocka_unit_test(test_readme_examples),
	};

	return cmocka_run_group_tests_name("database ids", tests, load, unload);
}
