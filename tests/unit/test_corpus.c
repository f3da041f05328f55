// SPDX-License-Identifier: GPL-2.0-or-later
/* Every input that fuzzing kept (tests/fuzz/corpus-*), once more, with sanitizers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <glob.h>

#include "fuzz/fuzz.h"

#define MOST (1u << 20)

static size_t run_all(const char *pattern, int (*one)(const uint8_t *, size_t))
{
	uint8_t *data = malloc(MOST);
	glob_t found = { 0 };
	size_t n;

	assert_non_null(data);
	assert_int_equal(glob(pattern, 0, NULL, &found), 0);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		FILE *f = fopen(found.gl_pathv[i], "r");

		assert_non_null(f);
		n = fread(data, 1, MOST, f);
		fclose(f);
		one(data, n);
	}
	n = found.gl_pathc;
	globfree(&found);
	free(data);
	return n;
}

static void test_quirk(void **state)
{
	size_t n = run_all("tests/fuzz/corpus-quirk/*", fuzz_quirk);

	(void)state;
	printf("counts: fuzzing corpus, quirk files: %zu inputs\n", n);
	assert_true(n > 100);
}

static void test_record(void **state)
{
	size_t n = run_all("tests/fuzz/corpus-record/*", fuzz_record);

	(void)state;
	printf("counts: fuzzing corpus, recordings: %zu inputs\n", n);
	assert_true(n > 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_quirk), cmocka_unit_test(test_record),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
