// SPDX-License-Identifier: GPL-2.0-or-later
/* base/bdf.c, base/err.c, base/reg.c */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/bdf.h"
#include "base/err.h"
#include "base/reg.h"

static void test_forms(void **state)
{
	static const struct {
		const char *text;
		struct bdf_spec want;
	} rows[] = {
		{ "0b:00", { { 0, 0x0b, 0, 0 }, true } },
		{ "0B:00", { { 0, 0x0b, 0, 0 }, true } },
		{ "0b:1f", { { 0, 0x0b, 0x1f, 0 }, true } },
		{ "0b:1F.7", { { 0, 0x0b, 0x1f, 7 }, false } },
		{ "0b:00.0", { { 0, 0x0b, 0, 0 }, false } },
		{ "ff:00.1", { { 0, 0xff, 0, 1 }, false } },
		{ "0000:0b:00", { { 0, 0x0b, 0, 0 }, true } },
		{ "0001:0b:00.3", { { 1, 0x0b, 0, 3 }, false } },
		{ "ABCD:eF:00.3", { { 0xabcd, 0xef, 0, 3 }, false } },
		{ "10000:e1:00.0", { { 0x10000, 0xe1, 0, 0 }, false } },
		{ "ffffffff:e1:00", { { 0xffffffff, 0xe1, 0, 0 }, true } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct bdf_spec got;
		struct err err = { 0 };

		assert_int_equal(bdf_parse(rows[i].text, &got, &err), 0);
		assert_true(bdf_eq(got.bdf, rows[i].want.bdf));
		assert_int_equal(got.whole_slot, rows[i].want.whole_slot);
		assert_int_equal(err.code, 0);
	}
}

/* Every way to be wrong, with the column (1-based) of the first wrong character. */
static const struct {
	const char *text;
	int column;
	const char *what;
} wrong[] = {
	{ "", 1, "bus" },
	{ "g", 1, "bus" },
	{ "0", 2, "bus" },
	{ "0b", 3, "':'" },
	{ "0b0:00", 3, "':'" },
	{ "0b:", 4, "device" },
	{ "0b:0", 5, "device" },
	{ "0b:0x", 5, "device" },
	{ "0b:20", 6, "00 to 1f" },
	{ "0b:00x", 6, "'.'" },
	{ "0b:000", 6, "'.'" },
	{ "0b:00.", 7, "0 to 7" },
	{ "0b:00.8", 7, "0 to 7" },
	{ "0b:00.g", 7, "0 to 7" },
	{ "0b:00.00", 8, "nothing more" },
	{ "0b:00.0 ", 8, "nothing more" },
	{ " 0b:00", 1, "bus" },
	{ "000:0b:00", 4, "domain" },
	{ ":0b:00", 1, "domain" },
	{ "000000000:0b:00", 9, "':'" },
	{ "0000:b:00", 7, "bus" },
	{ "0000:0b:0", 10, "device" },
	{ "0000:0b:00:0", 11, "'.'" },
	{ "0000:0b:00.9", 12, "0 to 7" },
	{ "-1:00", 1, "bus" },
};

static void test_errors(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		struct bdf_spec got;
		struct err err = { 0 };
		char column[24];

		assert_int_equal(bdf_parse(wrong[i].text, &got, &err), -EINVAL);
		assert_int_equal(err.code, EINVAL);
		snprintf(column, sizeof(column), "column %d:", wrong[i].column);
		if (!strstr(err.text, column) || !strstr(err.text, wrong[i].what))
			fail_msg("'%s': wanted %s %s, got: %s", wrong[i].text, column,
				 wrong[i].what, err.text);
		assert_int_equal(bdf_parse(wrong[i].text, &got, NULL), -EINVAL);
	}
}

static void test_long_text(void **state)
{
	char text[4096];
	struct bdf_spec got;
	struct err err;

	(void)state;
	memset(text, 'a', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(bdf_parse(text, &got, &err), -EINVAL);
	assert_true(strlen(err.text) < 200);
}

static void test_sysfs(void **state)
{
	static const char *const bad[] = {
		"0b:00.0", "0000:0b:00", "0000:0b:00.0x", "pci0000:00", "", "..",
	};
	struct bdf bdf;

	(void)state;
	assert_true(bdf_from_sysfs("0000:0b:00.1", &bdf));
	assert_int_equal(bdf.bus, 0x0b);
	assert_int_equal(bdf.fn, 1);
	assert_true(bdf_from_sysfs("10000:0b:00.1", &bdf));
	assert_int_equal(bdf.domain, 0x10000);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_false(bdf_from_sysfs(bad[i], &bdf));
}

static void test_print(void **state)
{
	const struct bdf bdf = { 0x10000000, 0xff, 0x1f, 7 }, small = { 0, 1, 2, 3 };
	char text[BDF_STR];

	(void)state;
	assert_string_equal(bdf_str(bdf, text), "10000000:ff:1f.7");
	assert_string_equal(bdf_slot_str(bdf, text), "10000000:ff:1f");
	assert_string_equal(bdf_str(small, text), "0000:01:02.3");
	assert_string_equal(bdf_slot_str(small, text), "0000:01:02");
}

static void test_order(void **state)
{
	static const struct bdf sorted[] = {
		{ 0, 0, 0, 0 }, { 0, 0, 0, 7 }, { 0, 0, 0x1f, 0 }, { 0, 1, 0, 0 },
		{ 0, 0xff, 0x1f, 7 }, { 1, 0, 0, 0 }, { 0x10000, 0, 0, 0 },
		{ 0xffffffff, 0, 0, 0 },
	};
	const size_t n = sizeof(sorted) / sizeof(*sorted);

	(void)state;
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < n; k++) {
			int want = (i > k) - (i < k);

			assert_int_equal(bdf_cmp(sorted[i], sorted[k]), want);
			assert_int_equal(bdf_eq(sorted[i], sorted[k]), !want);
		}
	assert_true(bdf_same_slot(sorted[0], sorted[1]));
	assert_false(bdf_same_slot(sorted[0], sorted[2]));
	assert_false(bdf_same_slot(sorted[0], sorted[5]));
}

static void test_spec(void **state)
{
	const struct bdf fn = { 0, 0x0b, 0, 1 }, other = { 0, 0x0b, 0, 0 },
			 far = { 0, 0x0c, 0, 1 };
	const struct bdf_spec slot = { other, true }, one = { fn, false };
	char text[BDF_STR];

	(void)state;
	assert_string_equal(bdf_spec_str(&slot, text), "0000:0b:00");
	assert_string_equal(bdf_spec_str(&one, text), "0000:0b:00.1");
	assert_true(bdf_spec_has(&slot, fn) && bdf_spec_has(&slot, other));
	assert_true(bdf_spec_has(&one, fn));
	assert_false(bdf_spec_has(&one, other));
	assert_false(bdf_spec_has(&slot, far) || bdf_spec_has(&one, far));
}

static struct reg_cond cond(uint8_t width, enum reg_op op, uint32_t mask, uint32_t want)
{
	return (struct reg_cond){
		.reg = { .width = width }, .op = op, .mask = mask, .want = want,
	};
}

static void test_condition(void **state)
{
	struct reg_cond c = cond(4, REG_EQ, 0x6, 0x2);

	(void)state;
	assert_true(reg_cond_holds(&c, 0xfffffff3));
	assert_false(reg_cond_holds(&c, 0x4));
	c = cond(4, REG_NE, 0x6, 0x2);
	assert_false(reg_cond_holds(&c, 0x3));
	assert_true(reg_cond_holds(&c, 0x4));
	c = cond(4, REG_GE, 0xff00, 0x300);
	assert_true(reg_cond_holds(&c, 0x3ff));
	assert_true(reg_cond_holds(&c, 0x400));
	assert_false(reg_cond_holds(&c, 0x2ff));
	c = cond(4, REG_LT, 0xff00, 0x300);
	assert_false(reg_cond_holds(&c, 0x300));
	assert_true(reg_cond_holds(&c, 0x2ff));
}

/* A lost device satisfies nothing, whatever is asked. */
static void test_all_ones(void **state)
{
	static const uint8_t width[] = { 1, 2, 4 };
	static const uint32_t ones[] = { 0xff, 0xffff, 0xffffffff };

	(void)state;
	for (size_t w = 0; w < 3; w++)
		for (enum reg_op op = REG_EQ; op <= REG_LT; op++)
			for (uint32_t want = 0; want < 4; want++) {
				struct reg_cond c = cond(width[w], op, 3, want);

				assert_int_equal(reg_all_ones(&c.reg), ones[w]);
				assert_false(reg_cond_holds(&c, ones[w]));
			}
	/* the same bits in a wider register are a value like any other */
	assert_true(reg_cond_holds(&(struct reg_cond){ .reg = { .width = 4 },
						       .op = REG_EQ, .mask = 1,
						       .want = 1 }, 0xffff));
}

static void test_op_str(void **state)
{
	(void)state;
	assert_string_equal(reg_op_str(REG_EQ), "==");
	assert_string_equal(reg_op_str(REG_NE), "!=");
	assert_string_equal(reg_op_str(REG_GE), ">=");
	assert_string_equal(reg_op_str(REG_LT), "<");
}

static void test_err(void **state)
{
	struct err err;
	char big[2 * ERR_TEXT];

	(void)state;
	assert_int_equal(err_set(NULL, EIO, "%d", 1), -EIO);
	assert_int_equal(err_sys(NULL, EIO, "%d", 1), -EIO);
	err_prefix(NULL, "x");
	assert_int_equal(err_set(&err, EBUSY, "%s is %d", "it", 7), -EBUSY);
	assert_int_equal(err.code, EBUSY);
	assert_string_equal(err.text, "it is 7");
	err_prefix(&err, "at %d", 3);
	assert_string_equal(err.text, "at 3: it is 7");
	assert_int_equal(err.code, EBUSY);
	assert_int_equal(err_sys(&err, ENOENT, "file"), -ENOENT);
	assert_string_equal(err.text, "file: No such file or directory");
	memset(big, 'x', sizeof(big));
	big[sizeof(big) - 1] = '\0';
	err_sys(&err, EIO, "%s", big);
	assert_int_equal(strlen(err.text), ERR_TEXT - 1);
	err_prefix(&err, "%s", big);
	assert_int_equal(strlen(err.text), ERR_TEXT - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms), cmocka_unit_test(test_errors),
		cmocka_unit_test(test_long_text), cmocka_unit_test(test_sysfs),
		cmocka_unit_test(test_print), cmocka_unit_test(test_order),
		cmocka_unit_test(test_spec),
		cmocka_unit_test(test_condition), cmocka_unit_test(test_all_ones),
		cmocka_unit_test(test_op_str), cmocka_unit_test(test_err),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
