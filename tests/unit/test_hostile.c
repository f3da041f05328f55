// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Cards that lie, as a malicious guest may have left them: every lie of liar.c, told in
 * every scene, from each moment of a run on; lies that begin at some read; answers at
 * random; and capability lists of all shapes. What must hold is in liar.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <linux/pci_regs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fuzz/fuzz.h"
#include "liar.h"

#define ALL 0xff
#define CFG 4096

static struct liar_tally sum;
static unsigned long lists, broken;

static void play(const struct liar_case *c)
{
	const char *wrong = liar_play(c, &sum);

	if (wrong && broken++ < 20)
		print_message("error: %s: %s, from %d until %d, read %u, functions %x, "
			      "seed %u: %s\n", liar_scene(c->scene), liar_name(c->lie),
			      c->from, c->until, c->read, c->fns, c->seed, wrong);
}

/* Without a lie all goes well, else what follows shows nothing. */
static void test_honest(void **state)
{
	const struct liar_tally before = sum;

	(void)state;
	for (size_t s = 0; s < liar_scenes(); s++) {
		const struct liar_case c = {
			.scene = s, .lie = 0, .until = LIE_NEVER, .fns = ALL,
			.untested = true,
		};

		play(&c);
	}
	assert_int_equal(sum.told - before.told, 0);
	/* with a neighbour on its bus the old card has no way */
	assert_int_equal(sum.healthy - before.healthy, liar_scenes() - 1);
	assert_int_equal(broken, 0);
}

/* From each moment on, for ever or until the next. */
static void test_every_lie(void **state)
{
	size_t lies = liar_rows() * liar_scenes();

	(void)state;
	for (size_t i = liar_scenes(); i < lies; i++)
		for (enum lie_when from = LIE_FACTS; from < LIE_NEVER; from++)
			for (int once = 0; once < 2; once++) {
				const struct liar_case c = {
					.scene = i % liar_scenes(),
					.lie = i / liar_scenes(), .from = from,
					.until = once ? from + 1 : LIE_NEVER,
					.fns = from % 2 ? ALL : ALL - once, .seed = 7,
					.untested = true,
				};

				play(&c);
			}
	assert_int_equal(broken, 0);
}

/* Somewhere in the middle; only the second function; programs not allowed. */
static void test_from_any_read(void **state)
{
	(void)state;
	for (size_t lie = 2; lie < liar_rows(); lie++)
		for (uint32_t read = 1; read < 400; read += 1 + read / 4) {
			const struct liar_case c = {
				.scene = (lie + read) % liar_scenes(), .lie = lie,
				.until = LIE_NEVER, .read = read,
				.fns = read % 3 ? ALL : 2, .seed = (uint8_t)read,
				.untested = read % 2,
			};

			play(&c);
		}
	assert_int_equal(broken, 0);
}

static void test_answers(void **state)
{
	uint8_t data[512];
	uint32_t random = 1;

	(void)state;
	for (unsigned n = 0; n < 1500; n++) {
		struct liar_case c = {
			.scene = n % liar_scenes(), .lie = 1, .from = n / 7 % LIE_NEVER,
			.until = LIE_NEVER, .read = n % 3 * 40, .fns = ALL,
			.seed = n & 0xff, .untested = true, .data = data,
			.size = sizeof(data) >> n % 5,
		};

		for (size_t i = 0; i < c.size; i++) {
			random = random * 1664525 + 1013904223;
			data[i] = (uint8_t)(random >> 24);
		}
		play(&c);
	}
	assert_int_equal(broken, 0);
}

/* --- lists, as libpci and we walk them on a machine ------------------------------- */

static void put(uint8_t *cfg, unsigned off, unsigned width, uint32_t val)
{
	for (unsigned i = 0; i < width && off + i < CFG; i++)
		cfg[off + i] = (uint8_t)(val >> 8 * i);
}

static void header(uint8_t *cfg, uint8_t first)
{
	memset(cfg, 0, CFG);
	put(cfg, PCI_VENDOR_ID, 4, 0x731f1002);
	put(cfg, PCI_STATUS, 2, PCI_STATUS_CAP_LIST);
	put(cfg, PCI_CLASS_REVISION, 4, 0x030000c1);
	put(cfg, PCI_CAPABILITY_LIST, 1, first);
}

/* fuzz_walk() aborts when what it finds is not there, and hangs when a list loops. */
static void walk(const uint8_t *cfg)
{
	fuzz_walk(cfg, CFG);
	lists++;
}

/* Every first place; every next pointer of a list of three. */
static void test_lists(void **state)
{
	uint8_t cfg[CFG];

	(void)state;
	for (unsigned next = 0; next < 256; next++) {
		header(cfg, (uint8_t)next);
		put(cfg, next & 0xfc, 2, next << 8 | PCI_CAP_ID_PM);
		walk(cfg);
		for (unsigned k = 0; k < 3; k++) {
			header(cfg, 0x40);
			for (unsigned i = 0; i < 3; i++)
				put(cfg, 0x40 + 0x30 * i, 2,
				    (i == k ? next : 0x70 + 0x30 * i) << 8 |
				    (i ? PCI_CAP_ID_EXP : PCI_CAP_ID_PM));
			walk(cfg);
		}
	}
}

static uint32_t ext_head(unsigned id, unsigned next)
{
	return id | 1u << 16 | next << 20;
}

/* The same for the extended list: to itself, back, below 0x100, odd, over each other. */
static void test_extended_lists(void **state)
{
	static const unsigned ids[] = {
		0, PCI_EXT_CAP_ID_SRIOV, PCI_EXT_CAP_ID_VNDR, PCI_EXT_CAP_ID_REBAR,
		PCI_EXT_CAP_ID_ERR, 0xffff,
	};
	uint8_t cfg[CFG];

	(void)state;
	for (size_t i = 0; i < sizeof(ids) / sizeof(*ids); i++)
		for (unsigned next = 0; next < CFG; next += next < 0x210 ? 2 : 0x1fe) {
			header(cfg, 0);
			put(cfg, 0x100, 4, ext_head(ids[i], 0x140));
			put(cfg, 0x140, 4, ext_head(ids[i], next));
			put(cfg, next & 0xffc, 4, ext_head(ids[i], 0x100));
			walk(cfg);
			header(cfg, 0x40);
			for (unsigned off = 0x100; off < CFG; off += 4)
				put(cfg, off, 4, ext_head(ids[i], (off + next) & 0xfff));
			walk(cfg);
		}
	memset(cfg, 0xff, CFG);
	walk(cfg);
}

/* The last: what it all came to. */
static void test_counts(void **state)
{
	(void)state;
	printf("counts: hostile: %lu answers that were not the truth, %lu acted on, %lu "
	       "refused, %lu healthy after all\n", sum.told, sum.acted, sum.refused,
	       sum.healthy);
	printf("count: hostile configurations: %lu\n", sum.configurations + lists);
	printf("count: hostile runs past their worst case: %lu\n", sum.late);
	printf("count: false successes: %lu\n", sum.false_successes);
	printf("count: writes outside the announced functions: %lu\n",
	       sum.outside + sum.neighbours + sum.too_many);
	printf("count: hostile runs not undone: %lu\n", sum.undone);
	printf("count: lying cards left to the kernel's enumeration: %lu\n",
	       sum.rescans);
	assert_true(sum.told > 100000 && sum.acted > 5000 && sum.refused > 10);
	assert_true(sum.healthy > 1000 && sum.healthy < sum.acted);
	assert_int_equal(sum.false_successes, 0);
	assert_int_equal(sum.outside + sum.neighbours + sum.too_many, 0);
}

static int all_of_it(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_honest), cmocka_unit_test(test_every_lie),
		cmocka_unit_test(test_from_any_read), cmocka_unit_test(test_answers),
		cmocka_unit_test(test_lists), cmocka_unit_test(test_extended_lists),
		cmocka_unit_test(test_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* In a child, so that a crash (sanitizers too) is counted and not only seen. */
int main(void)
{
	int end[2], status = 1, failed;
	char whole = 0;
	pid_t pid;

	if (pipe(end) < 0)
		return 1;
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		close(end[0]);
		failed = all_of_it();
		fflush(stdout);
		return write(end[1], "w", 1) == 1 ? failed : 1;
	}
	close(end[1]);
	if (pid < 0 || read(end[0], &whole, 1) < 0 || waitpid(pid, &status, 0) != pid)
		return 1;
	printf("count: hostile crashes: %d\n", whole != 'w');
	return whole != 'w' || !WIFEXITED(status) || WEXITSTATUS(status);
}
