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

static const struct corpus {
	const char *pattern, *what;
	int (*one)(const uint8_t *, size_t);
	size_t least;
} corpora[] = {
	{ "tests/fuzz/corpus-quirk/*", "quirk files", fuzz_quirk, 100 },
	{ "tests/fuzz/corpus-record/*", "recordings", fuzz_record, 50 },
	{ "tests/fuzz/corpus-bdf/*", "addresses", fuzz_bdf, 15 },
	{ "tests/fuzz/corpus-config/*", "gpureset.conf", fuzz_config, 15 },
	{ "tests/fuzz/corpus-vm/*", "VM configurations", fuzz_vm, 15 },
	{ "tests/fuzz/corpus-mapping/*", "mappings and reservations", fuzz_mapping, 10 },
	{ "tests/fuzz/corpus-domxml/*", "libvirt domains", fuzz_domxml, 15 },
	{ "tests/fuzz/corpus-held/*", "held values and journals", fuzz_held, 15 },
	{ "tests/fuzz/corpus-lspci/*", "lspci dumps", fuzz_lspci, 10 },
	{ "tests/fuzz/corpus-caps/*", "cards that lie", fuzz_caps, 40 },
	{ "tests/fuzz/corpus-walk/*", "capability lists", fuzz_walk, 10 },
	{ "tests/fuzz/corpus-guest/*", "cards left lying", fuzz_guest, 40 },
};

static size_t replayed;

static void test_corpus(void **state)
{
	const struct corpus *c = *state;
	size_t n = run_all(c->pattern, c->one);

	printf("counts: fuzzing corpus, %s: %zu inputs\n", c->what, n);
	assert_true(n >= c->least);
	replayed += n;
}

/* The lying cards are worth something only if they get far, and some tell the truth. */
static void test_caps_reach(void **state)
{
	const struct fuzz_caps_counts *c = &fuzz_caps_counts;

	(void)state;
	printf("counts: cards that lie: %lu planned, %lu acted on, %lu cured or honest, "
	       "0 false successes; at most %lu accesses each\n", c->planned, c->acted,
	       c->healthy, c->most);
	assert_true(c->planned >= 30);
	assert_true(c->acted >= 25);
	assert_true(c->healthy >= 10 && c->healthy < c->acted);
	printf("count: fuzz inputs replayed: %zu\n", replayed);
}

#define N (sizeof(corpora) / sizeof(*corpora))

int main(void)
{
	struct CMUnitTest tests[N + 1];

	for (size_t i = 0; i < N; i++)
		tests[i] = (struct CMUnitTest){
			.name = corpora[i].pattern, .test_func = test_corpus,
			.initial_state = (void *)(uintptr_t)&corpora[i],
		};
	tests[N] = (struct CMUnitTest)cmocka_unit_test(test_caps_reach);
	return _cmocka_run_group_tests("corpus", tests, N + 1, NULL, NULL);
}
