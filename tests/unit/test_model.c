// SPDX-License-Identifier: GPL-2.0-or-later
/* The emulated cards themselves: what the lab says is only worth what they are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../model/model.h"

#define ARRAY_LEN(a)	(sizeof(a) / sizeof(*(a)))
#define MS		1000u
#define ONES		0xffffffffu
#define COMMAND		0x04u
#define PMCSR		0x54u
#define DEVCTL		0x60u
#define CFG_RESET	0x7cu
#define MAGIC		0x39d5e86bu

#define MEMSIZE		0x5428u
#define BACO_CNTL	0x5394u
#define BACO_MODE	0x40u
#define SCRATCH_0	0x1724u
#define SCRATCH_7	0x1740u
#define SMC_RST		0x80000000u
#define SMC_CLK		0x80000004u
#define SMC_PC		0x80000370u
#define UC_EVENTS	0xc0000004u
#define HANDSHAKE	0x10000u

/* One card and its clock: every access takes a microsecond. */
struct rig {
	struct card *card;
	uint64_t now;
	unsigned log_lines;
	char state[512];
};

static uint64_t rig_now(void *arg)
{
	struct rig *r = arg;

	return r->now;
}

static void rig_log(void *arg, const char *line)
{
	struct rig *r = arg;

	r->log_lines++;
	assert_null(strchr(line, '\n'));
}

static uint32_t cfg_rd(struct rig *r, int fn, unsigned off, unsigned width)
{
	r->now++;
	return card_cfg_read(r->card, fn, off, width);
}

static void cfg_wr(struct rig *r, int fn, unsigned off, unsigned width, uint32_t val)
{
	r->now++;
	card_cfg_write(r->card, fn, off, width, val);
}

static uint32_t bar_rd(struct rig *r, int fn, int bar, uint64_t off)
{
	r->now++;
	return (uint32_t)card_bar_read(r->card, fn, bar, off, 4);
}

static void bar_wr(struct rig *r, int fn, int bar, uint64_t off, uint32_t val)
{
	r->now++;
	card_bar_write(r->card, fn, bar, off, 4, val);
}

/* What firmware does: an address for each BAR, decoding on. */
static void enable(struct rig *r)
{
	for (int fn = 0; fn < card_nfunctions(r->card); fn++) {
		for (unsigned i = 0; i < 6; i++)
			cfg_wr(r, fn, 0x10 + 4 * i, 4,
			       0x80000000u + 0x20000000u * (unsigned)fn +
			       0x04000000u * i);
		cfg_wr(r, fn, COMMAND, 2, 7);
	}
}

static void rig_new(struct rig *r, const char *kind)
{
	struct card_env env = { rig_now, rig_log, r };

	memset(r, 0, sizeof(*r));
	r->now = 1;
	r->card = card_new(kind, &env);
	assert_non_null(r->card);
	enable(r);
}

static void rig_free(struct rig *r)
{
	card_free(r->card);
}

/* Is "word" one of the words of the card's state? */
static bool state_has(struct rig *r, const char *word)
{
	char padded[600], want[80];

	card_state(r->card, r->state, sizeof(r->state));
	snprintf(padded, sizeof(padded), " %s ", r->state);
	snprintf(want, sizeof(want), " %s ", word);
	return strstr(padded, want);
}

static void assert_state(struct rig *r, const char *word)
{
	if (!state_has(r, word))
		fail_msg("no %s in: %s", word, r->state);
}

static uint32_t mm_rd(struct rig *r, uint32_t off)
{
	return bar_rd(r, 0, 5, off);
}

static void mm_wr(struct rig *r, uint32_t off, uint32_t val)
{
	bar_wr(r, 0, 5, off, val);
}

static uint32_t smc_rd(struct rig *r, uint32_t addr)
{
	mm_wr(r, 0x200, addr);
	return mm_rd(r, 0x204);
}

static void smc_wr(struct rig *r, uint32_t addr, uint32_t val)
{
	mm_wr(r, 0x200, addr);
	mm_wr(r, 0x204, val);
}

/* The post of tests/model/README.md. */
static bool post(struct rig *r)
{
	if (mm_rd(r, MEMSIZE) == ONES)
		return false;
	smc_wr(r, SMC_RST, 1);
	smc_wr(r, SMC_CLK, 0);
	smc_wr(r, SMC_RST, 0);
	for (int ms = 0; ms < 100; ms++, r->now += MS) {
		if (!(smc_rd(r, UC_EVENTS) & HANDSHAKE))
			continue;
		mm_wr(r, SCRATCH_7, mm_rd(r, SCRATCH_7) | 0x200);
		return true;
	}
	return false;
}

/* amdgpu's vi.c: "needs reset on init" */
static bool smc_runs(struct rig *r)
{
	return !(smc_rd(r, SMC_CLK) & 1) && smc_rd(r, SMC_PC) >= 0x20100;
}

/* --- configuration space ---------------------------------------------------------- */

static const struct {
	const char *kind;
	int fn;
	uint32_t id, class_code;
	bool flr;
} identities[] = {
	{ "fury", 0, 0x73001002, 0x030000, false },
	{ "fury", 1, 0xaae81002, 0x040300, false },
	{ "flr", 0, 0x268410de, 0x030000, true },
	{ "flr", 1, 0x22ba10de, 0x040300, true },
	{ "slow", 0, 0x56a08086, 0x030000, true },
	{ "slow", 1, 0x4f908086, 0x040300, true },
	{ "dead", 0, 0x67df1002, 0x030000, false },
	{ "dead", 1, 0xaaf01002, 0x040300, false },
	{ "sleeper", 0, 0x67ef1002, 0x030000, false },
	{ "sleeper", 1, 0xaae01002, 0x040300, false },
	{ "navi", 0, 0x73bf1002, 0x030000, false },
	{ "navi", 1, 0xab281002, 0x040300, false },
	{ "navi", 2, 0x73a61002, 0x0c0330, false },
	{ "navi", 3, 0x73a41002, 0x0c8000, false },
	{ "gpu", 0, 0x67791002, 0x030000, false },
};

static void test_identities(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(identities); i++) {
		int fn = identities[i].fn;
		struct rig r;

		rig_new(&r, identities[i].kind);
		assert_int_equal(cfg_rd(&r, fn, 0, 4), identities[i].id);
		assert_int_equal(cfg_rd(&r, fn, 8, 4) >> 8, identities[i].class_code);
		assert_int_equal(cfg_rd(&r, fn, 0x5c, 4) >> 28 & 1, identities[i].flr);
		assert_int_equal(cfg_rd(&r, fn, 0x0e, 1),
				 card_nfunctions(r.card) > 1 ? 0x80 : 0);
		assert_int_equal(cfg_rd(&r, fn, 0x3d, 1), fn + 1);
		rig_free(&r);
	}
}

static void test_fury_subsystem(void **state)
{
	struct rig r;

	(void)state;
	rig_new(&r, "fury");
	assert_int_equal(cfg_rd(&r, 0, 0x2c, 4), 0x0b361002);
	assert_int_equal(cfg_rd(&r, 0, 0x08, 1), 0xc8);
	rig_free(&r);
}

static void test_unknown_kind(void **state)
{
	struct card_env env = { rig_now, NULL, NULL };

	(void)state;
	assert_null(card_new("voodoo", &env));
}

static void test_capabilities(void **state)
{
	struct rig r;

	(void)state;
	rig_new(&r, "fury");
	assert_int_equal(cfg_rd(&r, 0, 0x06, 2) & 0x10, 0x10);
	assert_int_equal(cfg_rd(&r, 0, 0x34, 1), 0x50);
	assert_int_equal(cfg_rd(&r, 0, 0x50, 2), 0x5801);	/* PM, next 0x58 */
	assert_int_equal(cfg_rd(&r, 0, 0x58, 2), 0x0010);	/* PCI Express, last */
	assert_int_equal(cfg_rd(&r, 1, PMCSR, 2) & 8, 0);	/* Linux offers "pm" */
	rig_free(&r);
}

/* Sizes of fury's BARs; QEMU asks the same way, and takes config 0x28 for a BAR too. */
static void test_bar_sizing(void **state)
{
	static const struct {
		unsigned off;
		uint32_t sized;
	} want[] = {
		{ 0x10, 0xfc000000 }, { 0x14, 0 }, { 0x18, 0xffe00000 }, { 0x1c, 0 },
		{ 0x20, 0xffffff01 }, { 0x24, 0xfffc0000 }, { 0x28, 0 }, { 0x30, 0 },
	};
	struct rig r;

	(void)state;
	rig_new(&r, "fury");
	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		uint32_t old = cfg_rd(&r, 0, want[i].off, 4);

		cfg_wr(&r, 0, want[i].off, 4, ONES);
		assert_int_equal(cfg_rd(&r, 0, want[i].off, 4), want[i].sized);
		cfg_wr(&r, 0, want[i].off, 4, old);
		assert_int_equal(cfg_rd(&r, 0, want[i].off, 4), old);
	}
	rig_free(&r);
}

/* Every kind: sizes are powers of two, 32-bit, and ids cannot be written. */
static void test_all_kinds(void **state)
{
	size_t n;

	(void)state;
	card_kinds(&n);
	assert_null(card_kind_at(n));
	for (size_t k = 0; k < n; k++) {
		struct rig r;

		rig_new(&r, card_kind_name(card_kind_at(k)));
		for (unsigned off = 0x10; off < 0x2c; off += 4) {
			uint32_t size;

			cfg_wr(&r, 0, off, 4, ONES);
			size = ~(cfg_rd(&r, 0, off, 4) & ~0xfu) + 1;
			assert_int_equal(size & (size - 1), 0);
			assert_int_equal(cfg_rd(&r, 0, off, 1) & 0xe, 0);
		}
		cfg_wr(&r, 0, 0, 4, 0);
		assert_int_not_equal(cfg_rd(&r, 0, 0, 4), 0);
		assert_int_equal(cfg_rd(&r, 0, 0x28, 4), 0);
		rig_free(&r);
	}
}

static void test_cfg_widths(void **state)
{
	struct rig r;

	(void)state;
	rig_new(&r, "fury");
	assert_int_equal(cfg_rd(&r, 0, 1, 1), 0x10);
	assert_int_equal(cfg_rd(&r, 0, 2, 2), 0x7300);
	cfg_wr(&r, 0, COMMAND, 2, 0xffff);
	assert_int_equal(cfg_rd(&r, 0, COMMAND, 2), 0x0547);
	cfg_wr(&r, 0, COMMAND + 1, 1, 0);
	assert_int_equal(cfg_rd(&r, 0, COMMAND, 4), 0x00100047);
	assert_int_equal(cfg_rd(&r, 0, 0xfe, 4), ONES);
	assert_int_equal(cfg_rd(&r, 0, 0x100, 4), ONES);
	assert_int_equal(cfg_rd(&r, 0, 0x100, 1), 0xff);
	rig_free(&r);
}

static void test_decoding(void **state)
{
	struct rig r;
	uint64_t off;
	int bar;

	(void)state;
	rig_new(&r, "fury");
	assert_int_equal(card_bar_of(r.card, 0, 0x94005428, true, &bar, &off), 0);
	assert_int_equal(bar, 5);
	assert_int_equal(off, 0x5428);
	assert_int_equal(card_bar_of(r.card, 0, 0x94040000, true, &bar, &off), -1);
	assert_int_equal(card_bar_of(r.card, 0, 0x90000004, true, &bar, &off), -1);
	assert_int_equal(card_bar_of(r.card, 0, 0x90000004, false, &bar, &off), 0);
	assert_int_equal(bar, 4);
	assert_int_equal(card_bar_of(r.card, 1, 0xa0000000, true, &bar, &off), 0);
	cfg_wr(&r, 0, COMMAND, 2, 2);
	assert_int_equal(card_bar_of(r.card, 0, 0x90000004, false, &bar, &off), -1);
	assert_int_equal(mm_rd(&r, MEMSIZE), 4096);
	cfg_wr(&r, 0, COMMAND, 2, 1);
	assert_int_equal(mm_rd(&r, MEMSIZE), ONES);
	mm_wr(&r, SCRATCH_0, 1);
	cfg_wr(&r, 0, COMMAND, 2, 2);
	assert_int_equal(mm_rd(&r, SCRATCH_0), 0);
	cfg_wr(&r, 0, PMCSR, 2, 3);
	assert_int_equal(mm_rd(&r, MEMSIZE), ONES);
	rig_free(&r);
}

static void test_bar_widths(void **state)
{
	struct rig r;

	(void)state;
	rig_new(&r, "gpu");
	card_bar_write(r.card, 0, 0, 0x10, 8, 0x1122334455667788);
	assert_int_equal(bar_rd(&r, 0, 0, 0x10), 0x55667788);
	assert_true(card_bar_read(r.card, 0, 0, 0x10, 8) == 0x1122334455667788);
	assert_int_equal(card_bar_read(r.card, 0, 0, 0x12, 2), 0x5566);
	assert_int_equal(card_bar_read(r.card, 0, 0, 0x13, 2), 0x4455);
	card_bar_write(r.card, 0, 0, 0x11, 1, 0xaa);
	assert_int_equal(bar_rd(&r, 0, 0, 0x10), 0x5566aa88);
	assert_int_equal(card_bar_read(r.card, 0, 1, 0, 1), 0xff);
	assert_int_equal(card_bar_read(r.card, 0, 6, 0, 2), 0xffff);
	assert_int_equal(bar_rd(&r, 0, 0, 0x1000000), ONES);
	rig_free(&r);
}

/* --- the plain cards -------------------------------------------------------------- */

static void test_flr(void **state)
{
	struct rig r;

	(void)state;
	rig_new(&r, "flr");
	assert_int_equal(bar_rd(&r, 0, 0, 0), 0x192000a1);
	bar_wr(&r, 0, 0, 0x100, 0x55aa);
	assert_state(&r, "dirty=1");
	cfg_wr(&r, 0, DEVCTL, 2, 0x8000 | cfg_rd(&r, 0, DEVCTL, 2));
	assert_int_equal(cfg_rd(&r, 0, DEVCTL, 2) & 0x8000, 0);
	assert_int_equal(cfg_rd(&r, 0, COMMAND, 2), 0);
	assert_int_equal(cfg_rd(&r, 0, 0x10, 4), 0);
	assert_int_equal(cfg_rd(&r, 1, COMMAND, 2), 7);	/* function level */
	enable(&r);
	assert_int_equal(bar_rd(&r, 0, 0, 0x100), 0);
	assert_int_equal(bar_rd(&r, 0, 0, 0), 0x192000a1);
	assert_state(&r, "flrs=1");
	assert_state(&r, "clean=1");
	rig_free(&r);
}

static void test_flr_that_resets_nothing(void **state)
{
	struct rig r;

	(void)state;
	rig_new(&r, "flr");
	assert_int_equal(card_set(r.card, "flr", 0), 0);
	bar_wr(&r, 0, 0, 0x100, 1);
	cfg_wr(&r, 0, DEVCTL + 1, 1, 0x80);
	assert_state(&r, "flrs=1");
	assert_int_equal(bar_rd(&r, 0, 0, 0x100), 1);
	rig_free(&r);
}

/* A card without the capability ignores the bit. */
static void test_no_flr(void **state)
{
	struct rig r;

	(void)state;
	rig_new(&r, "fury");
	cfg_wr(&r, 0, DEVCTL, 2, 0x8000);
	assert_state(&r, "flrs=0");
	assert_int_equal(cfg_rd(&r, 0, COMMAND, 2), 7);
	rig_free(&r);
}

static void assert_away(struct rig *r, uint64_t from, uint64_t us)
{
	r->now = from + us - 10;
	assert_int_equal(cfg_rd(r, 0, 0, 4), ONES);
	assert_int_equal(cfg_rd(r, 0, COMMAND, 4), ONES);
	cfg_wr(r, 0, 0x3c, 1, 0x55);
	r->now = from + us + 10;
	assert_int_equal(cfg_rd(r, 0, 0, 4), 0x56a08086);
	assert_int_equal(cfg_rd(r, 0, 0x3c, 1), 0);
}

static void test_slow(void **state)
{
	struct rig r;
	uint64_t t;

	(void)state;
	rig_new(&r, "slow");
	cfg_wr(&r, 0, DEVCTL, 2, 0x8000);
	t = r.now;
	assert_int_equal(cfg_rd(&r, 0, 0, 4), ONES);
	assert_int_equal(cfg_rd(&r, 1, 0, 2), 0x8086);
	assert_away(&r, t, 3000 * MS);
	card_bus_reset(r.card, 0);
	assert_away(&r, r.now, 3000 * MS);
	assert_int_equal(card_set(r.card, "delay_ms", 500), 0);
	card_bus_reset(r.card, 0);
	assert_away(&r, r.now, 500 * MS);
	rig_free(&r);
}

static void test_dead(void **state)
{
	struct rig r;

	(void)state;
	rig_new(&r, "dead");
	card_bus_reset(r.card, 0);
	assert_int_equal(cfg_rd(&r, 0, 0, 4), 0x67df1002);
	enable(&r);
	card_kill(r.card);
	assert_int_equal(cfg_rd(&r, 0, 0, 4), ONES);
	assert_int_equal(cfg_rd(&r, 1, 0, 1), 0xff);
	assert_int_equal(bar_rd(&r, 0, 5, 0), ONES);
	card_bus_reset(r.card, 0);
	card_bus_reset(r.card, 1);
	assert_int_equal(cfg_rd(&r, 0, 0, 4), ONES);
	assert_state(&r, "dead=1");
	card_power_cycle(r.card);
	assert_int_equal(cfg_rd(&r, 0, 0, 4), 0x67df1002);
	assert_state(&r, "dead=0");
	rig_free(&r);
}

static void test_sleeper(void **state)
{
	struct rig r;

	(void)state;
	rig_new(&r, "sleeper");
	card_kill(r.card);
	assert_int_equal(cfg_rd(&r, 1, 0, 4), ONES);
	card_bus_reset(r.card, 0);
	card_bus_reset(r.card, 1);
	assert_int_equal(cfg_rd(&r, 0, 0, 4), 0x67ef1002);
	assert_int_equal(cfg_rd(&r, 0, COMMAND, 2), 0);
	assert_state(&r, "bus_resets=1");
	rig_free(&r);
}

static void test_navi(void **state)
{
	struct rig r;

	(void)state;
	rig_new(&r, "navi");
	assert_int_equal(card_nfunctions(r.card), 4);
	bar_wr(&r, 0, 5, 0x100, 7);
	cfg_wr(&r, 0, PMCSR, 2, 3);
	cfg_wr(&r, 0, PMCSR, 2, 0);
	assert_int_equal(bar_rd(&r, 0, 5, 0x100), 7);	/* NoSoftRst: nothing lost */
	card_bus_reset(r.card, 0);
	assert_int_equal(cfg_rd(&r, 0, 0x24, 4), 0);
	enable(&r);
	assert_int_equal(bar_rd(&r, 0, 5, 0x100), 0);
	rig_free(&r);
}

static void test_state_is_cut_off(void **state)
{
	struct rig r;
	char small[12];

	(void)state;
	rig_new(&r, "fury");
	card_state(r.card, small, sizeof(small));
	assert_int_equal(strlen(small), sizeof(small) - 1);
	card_state(r.card, small, 1);
	assert_string_equal(small, "");
	rig_free(&r);
}

/* --- fury: registers -------------------------------------------------------------- */

static void test_fury_power_on(void **state)
{
	struct rig r;

	(void)state;
	rig_new(&r, "fury");
	assert_int_equal(mm_rd(&r, MEMSIZE), 4096);
	assert_int_equal(mm_rd(&r, 0x535c), 2);
	assert_int_equal(mm_rd(&r, SCRATCH_7), 0);
	assert_int_equal(mm_rd(&r, BACO_CNTL), 0x1f84);
	assert_int_equal(smc_rd(&r, SMC_RST) & 1, 1);
	assert_int_equal(smc_rd(&r, SMC_CLK) & 1, 1);
	assert_int_equal(smc_rd(&r, SMC_PC), 0);
	assert_false(smc_runs(&r));
	assert_state(&r, "clean=1");
	mm_wr(&r, MEMSIZE, 0);
	mm_wr(&r, 0x1234, 0xcafe);
	assert_int_equal(mm_rd(&r, MEMSIZE), 4096);
	assert_int_equal(mm_rd(&r, 0x1234), 0xcafe);
	rig_free(&r);
}

/* The indirect ways in: I/O BAR, VRAM through MM_INDEX, both SMC windows. */
static void test_fury_indirect(void **state)
{
	struct rig r;

	(void)state;
	rig_new(&r, "fury");
	bar_wr(&r, 0, 4, 0, MEMSIZE);
	assert_int_equal(bar_rd(&r, 0, 4, 4), 4096);
	bar_wr(&r, 0, 4, 0, 0x80000040);
	bar_wr(&r, 0, 4, 4, 0x1234);
	assert_int_equal(bar_rd(&r, 0, 0, 0x40), 0x1234);
	bar_wr(&r, 0, 4, 0, 0x200);
	bar_wr(&r, 0, 4, 4, SMC_CLK);
	bar_wr(&r, 0, 4, 0, 0x204);
	assert_int_equal(bar_rd(&r, 0, 4, 4), 1);
	mm_wr(&r, 0x6b0, SMC_CLK);
	assert_int_equal(mm_rd(&r, 0x6b4), 1);
	bar_wr(&r, 0, 4, 0, 4);		/* MM_DATA through itself */
	assert_int_equal(bar_rd(&r, 0, 4, 4), ONES);
	bar_wr(&r, 0, 4, 0, 0x40000);	/* past the end */
	bar_wr(&r, 0, 4, 4, 1);
	assert_int_equal(bar_rd(&r, 0, 4, 4), ONES);
	rig_free(&r);
}

/* SMC_IND_ACCESS_CNTL walks on after each access to the data register. */
static void test_fury_auto_increment(void **state)
{
	struct rig r;

	(void)state;
	rig_new(&r, "fury");
	mm_wr(&r, 0x248, 1);
	mm_wr(&r, 0x200, 0xc0600000);
	mm_wr(&r, 0x204, 0x11);
	mm_wr(&r, 0x204, 0x22);
	assert_int_equal(mm_rd(&r, 0x200), 0xc0600008);
	mm_wr(&r, 0x248, 0);
	assert_int_equal(smc_rd(&r, 0xc0600000), 0x11);
	assert_int_equal(smc_rd(&r, 0xc0600004), 0x22);
	assert_int_equal(mm_rd(&r, 0x200), 0xc0600004);
	rig_free(&r);
}

/* --- fury: the reset bug ---------------------------------------------------------- */

static void test_post_once(void **state)
{
	struct rig r;

	(void)state;
	rig_new(&r, "fury");
	assert_true(post(&r));
	assert_true(smc_runs(&r));
	assert_int_equal(smc_rd(&r, SMC_PC), 0x20120);
	assert_int_equal(smc_rd(&r, 0x3f000) & 1, 1);
	assert_int_equal(smc_rd(&r, UC_EVENTS) & 0x80, 0x80);
	mm_wr(&r, 0x250, 0x1);
	assert_int_equal(mm_rd(&r, 0x254), 1);
	assert_state(&r, "posted=1");
	assert_state(&r, "dirty=1");
	assert_state(&r, "posts=1");
	assert_state(&r, "smc=running");
	assert_false(post(&r));
	assert_state(&r, "posted=0");
	assert_state(&r, "refused=1");
	assert_state(&r, "smc=hung");
	assert_int_equal(mm_rd(&r, MEMSIZE), 4096);	/* it answers, all the same */
	assert_true(smc_runs(&r));			/* and still shows as used */
	rig_free(&r);
}

/* The other order of the two writes, and no assertion of the reset at all. */
static void test_post_other_orders(void **state)
{
	struct rig r;

	(void)state;
	rig_new(&r, "fury");
	smc_wr(&r, SMC_RST, 0);
	assert_state(&r, "dirty=0");
	smc_wr(&r, SMC_CLK, 0);
	r.now += MS;
	assert_int_equal(smc_rd(&r, UC_EVENTS) & HANDSHAKE, HANDSHAKE);
	smc_wr(&r, SMC_RST, 0);
	r.now += 100 * MS;
	assert_int_equal(smc_rd(&r, UC_EVENTS) & HANDSHAKE, 0);
	assert_state(&r, "refused=1");
	rig_free(&r);
}

/* Bit 9 of scratch 7 without firmware is a lie, not a post. */
static void test_post_faked(void **state)
{
	struct rig r;

	(void)state;
	rig_new(&r, "fury");
	mm_wr(&r, SCRATCH_7, 0x200);
	assert_state(&r, "posted=0");
	assert_state(&r, "posts=0");
	assert_state(&r, "clean=0");
	rig_free(&r);
}

static void by_bus_reset(struct rig *r)
{
	card_bus_reset(r->card, 0);
	card_bus_reset(r->card, 1);
	assert_int_equal(cfg_rd(r, 0, COMMAND, 2), 0);
	assert_int_equal(cfg_rd(r, 1, 0x10, 4), 0);
}

static void by_pm(struct rig *r)
{
	for (int fn = 0; fn < 2; fn++) {
		cfg_wr(r, fn, PMCSR, 2, 3);
		r->now += 10 * MS;
		cfg_wr(r, fn, PMCSR, 2, 0);
		assert_int_equal(cfg_rd(r, fn, COMMAND, 2), 0);
	}
	assert_state(r, "pm_resets=2");
}

static void by_smc_halt(struct rig *r)
{
	smc_wr(r, SMC_RST, 1);
	smc_wr(r, SMC_CLK, 1);
	assert_false(smc_runs(r));
}

static void by_scratch(struct rig *r)
{
	for (uint32_t i = 0; i < 16; i++)
		mm_wr(r, SCRATCH_0 + 4 * i, 0);
}

static void by_exit_only(struct rig *r)
{
	mm_wr(r, BACO_CNTL, mm_rd(r, BACO_CNTL) | 0x10);
	r->now += MS;
	mm_wr(r, BACO_CNTL, mm_rd(r, BACO_CNTL) & ~0x10u);
	r->now += MS;
	assert_int_equal(mm_rd(r, BACO_CNTL), 0x1f84);
}

/* Whatever is tried short of a true reset, the second guest gets no SMC. */
static void test_what_does_not_help(void **state)
{
	void (*const tried[])(struct rig *r) = {
		by_bus_reset, by_pm, by_smc_halt, by_scratch, by_exit_only,
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(tried); i++) {
		struct rig r;

		rig_new(&r, "fury");
		assert_true(post(&r));
		tried[i](&r);
		enable(&r);
		assert_state(&r, "dirty=1");
		assert_false(post(&r));
		rig_free(&r);
	}
}

static void test_power_cycle(void **state)
{
	struct rig r;

	(void)state;
	rig_new(&r, "fury");
	assert_true(post(&r));
	card_power_cycle(r.card);
	assert_state(&r, "clean=1");
	enable(&r);
	assert_true(post(&r));
	assert_state(&r, "posts=2");
	card_kill(r.card);
	card_bus_reset(r.card, 0);
	assert_int_equal(cfg_rd(&r, 0, 0, 4), ONES);
	rig_free(&r);
}

static void test_config_reset(void **state)
{
	struct rig r;

	(void)state;
	rig_new(&r, "fury");
	assert_true(post(&r));
	mm_wr(&r, 0x1730, 0x20000000);
	cfg_wr(&r, 0, CFG_RESET, 4, MAGIC);
	assert_int_equal(cfg_rd(&r, 0, 0, 4), 0x73001002);
	assert_int_equal(cfg_rd(&r, 0, 0x24, 4), 0);
	assert_int_equal(cfg_rd(&r, 1, 0x10, 4), 0);
	enable(&r);
	r.now += 100;
	assert_int_equal(mm_rd(&r, MEMSIZE), ONES);
	r.now += 5 * MS;
	assert_int_equal(mm_rd(&r, MEMSIZE), 4096);
	assert_int_equal(mm_rd(&r, 0x1730), 0);
	assert_int_equal(mm_rd(&r, SCRATCH_7), 0);
	assert_false(smc_runs(&r));
	assert_state(&r, "clean=1");
	assert_state(&r, "cfgreset=1");
	assert_true(post(&r));
	assert_false(post(&r));
	cfg_wr(&r, 0, CFG_RESET, 4, MAGIC);	/* a hung SMC still does that */
	assert_state(&r, "clean=1");
	rig_free(&r);
}

static void test_config_reset_ignored(void **state)
{
	struct rig r;

	(void)state;
	rig_new(&r, "fury");
	cfg_wr(&r, 0, CFG_RESET, 4, MAGIC);	/* no SMC yet */
	assert_state(&r, "cfgreset_ignored=1");
	assert_int_equal(cfg_rd(&r, 0, COMMAND, 2), 7);
	assert_true(post(&r));
	cfg_wr(&r, 0, CFG_RESET, 4, MAGIC + 1);
	cfg_wr(&r, 0, CFG_RESET, 2, MAGIC & 0xffff);
	cfg_wr(&r, 0, CFG_RESET + 2, 2, MAGIC >> 16);
	cfg_wr(&r, 1, CFG_RESET, 4, MAGIC);
	assert_state(&r, "cfgreset=0");
	assert_state(&r, "dirty=1");
	assert_int_equal(card_set(r.card, "cfgreset_works", 0), 0);
	cfg_wr(&r, 0, CFG_RESET, 4, MAGIC);
	assert_state(&r, "cfgreset_ignored=2");
	assert_int_equal(card_set(r.card, "cfgreset_works", 1), 0);
	by_smc_halt(&r);
	cfg_wr(&r, 0, CFG_RESET, 4, MAGIC);
	assert_state(&r, "cfgreset_ignored=3");
	assert_int_equal(card_set(r.card, "no_such_knob", 1), -1);
	rig_free(&r);
}

/* --- fury: BACO ------------------------------------------------------------------- */

/* The order of amdgpu's fiji_baco.c, written down a second time, from its tables. */
enum op { WR, RMW, WAIT, DELAY };

#define MM(o)	false, (o)
#define SMC(a)	true, (a)
#define CNTL(name, op, mask, bits) { name, op, MM(BACO_CNTL), mask, bits }
#define CLEAR(name, i)	{ name, WR, MM(SCRATCH_0 + 4 * (i)), 0, 0 }

static const struct row {
	const char *name;
	enum op op;
	bool smc;
	uint32_t addr, mask, bits;
} rows[] = {
	{ "FG1", WR, MM(0x0610), 0, 0 },
	{ "FG2", WR, MM(0x064c), 0, 0 },
	{ "FG3", WR, MM(0x0648), 0, 0 },
	{ "FG4", WR, MM(0x0608), 0, 0xff77ffff },
	{ "FG5", WR, MM(0x12198), 0, 0 },
	{ "FG6", WR, MM(0x12190), 0, 0xffffffff },
	{ "FG7", WR, MM(0x12188), 0, 0 },
	{ "FG8", RMW, MM(0x12180), 0, 0x03333333 },
	{ "FG9", WR, MM(0x12218), 0, 0 },
	{ "FG10", RMW, MM(0x12210), 0, 0x00001111 },
	{ "FR1", RMW, SMC(0xc0300024), 0x1, 0x1 },
	{ "FR2", WR, MM(0x5490), 0, 0 },
	{ "FB1", RMW, SMC(0xc0500140), 0x8, 0x8 },
	{ "FB2", RMW, SMC(0xc0500144), 0x400000, 0x400000 },
	{ "FB3", WAIT, SMC(0xc050015c), 0x2, 0x2 },
	{ "FB4", RMW, SMC(0xc0500144), 0x400000, 0 },
	{ "FB5", RMW, SMC(0xc0500144), 0x800000, 0x800000 },
	{ "FB6", WAIT, SMC(0xc050015c), 0x2, 0x2 },
	{ "FB7", RMW, SMC(0xc0500144), 0x800000, 0 },
	{ "FB8", RMW, SMC(0xc0500170), 0x04000000, 0x04000000 },
	{ "FB9", RMW, SMC(0xc050019c), 0xff00, 0x200 },
	{ "FT1", RMW, SMC(0xc0500140), 0x1, 0x1 },
	{ "FT2", RMW, SMC(0xc0500140), 0x2, 0 },
	{ "FT3", RMW, SMC(0xc0500170), 0x02000000, 0x02000000 },
	{ "FT4", RMW, SMC(0xc0500170), 0x08000000, 0 },
	{ "FC1", RMW, SMC(0xc05001a4), 0x8, 0 },
	{ "FC2", RMW, SMC(0xc050019c), 0xff00, 0x400 },
	{ "FC3", RMW, SMC(0xc05001ac), 0xff, 0x1 },
	{ "FC4", RMW, SMC(0xc05001ac), 0xff00, 0x100 },
	{ "FC5", RMW, SMC(0xc05001a0), 0x4, 0 },
	{ "FC6", RMW, SMC(0xc05001a8), 0xff, 0x1 },
	{ "FC7", RMW, SMC(0xc05001a8), 0xff00, 0x100 },
	CNTL("FE1", RMW, 0x1, 0x1),
	CNTL("FE2", RMW, 0x40000, 0x40000),
	CNTL("FE3", WAIT, 0x40000, 0x40000),
	CNTL("FE4", RMW, 0x2, 0x2),
	CNTL("FE5", WAIT, 0x2, 0x2),
	CNTL("FE6", RMW, 0x4, 0),
	CNTL("FE7", WAIT, 0x4, 0),
	CNTL("FE8", RMW, 0x80, 0),
	CNTL("FE9", WAIT, 0x80, 0),
	CNTL("FE10", RMW, 0x8, 0x8),
	CNTL("FE11", WAIT, 0x8, 0x8),
	CNTL("FE12", WAIT, BACO_MODE, BACO_MODE),
	{ "PAUSE", DELAY, MM(0), 0, 20 * MS },
	CNTL("FX1", RMW, 0x10, 0x10),
	CNTL("FX2", RMW, 0x2, 0),
	CNTL("FX3", RMW, 0x8, 0),
	CNTL("FX4", WAIT, 0x200, 0x200),
	CNTL("FX5", RMW, 0x4, 0x4),
	CNTL("FX6", WAIT, 0x1c00, 0x1c00),
	CNTL("FX7", RMW, 0x80, 0x80),
	CNTL("FX8", RMW, 0x40000, 0),
	CNTL("FX9", RMW, 0x10, 0),
	CNTL("FX10", WAIT, 0x100, 0x100),
	CNTL("FX11", RMW, 0x1, 0),
	CNTL("FX12", WAIT, BACO_MODE, 0),
	CLEAR("FS1", 0), CLEAR("FS2", 1), CLEAR("FS3", 2), CLEAR("FS4", 3),
	CLEAR("FS5", 4), CLEAR("FS6", 5), CLEAR("FS7", 6), CLEAR("FS8", 7),
	CLEAR("FS9", 8), CLEAR("FS10", 9), CLEAR("FS11", 10), CLEAR("FS12", 11),
	CLEAR("FS13", 12), CLEAR("FS14", 13), CLEAR("FS15", 14), CLEAR("FS16", 15),
};

#define NROWS ARRAY_LEN(rows)

static size_t row_index(const char *name)
{
	for (size_t i = 0; i < NROWS; i++)
		if (!strcmp(rows[i].name, name))
			return i;
	fail_msg("no row %s", name);
	return 0;
}

static uint32_t row_rd(struct rig *r, const struct row *row)
{
	return row->smc ? smc_rd(r, row->addr) : mm_rd(r, row->addr);
}

static void row_wr(struct rig *r, const struct row *row, uint32_t val)
{
	if (row->smc)
		smc_wr(r, row->addr, val);
	else
		mm_wr(r, row->addr, val);
}

/* 10 ms is twice the driver's longest hint; the caller goes on after a failure, as the
 * driver does for half of its tables. */
static bool row_wait(struct rig *r, const struct row *row)
{
	for (uint64_t end = r->now + 10 * MS; r->now < end; r->now += 50) {
		uint32_t val = row_rd(r, row);

		if (val != ONES && (val & row->mask) == row->bits)
			return true;
	}
	return false;
}

static bool run_row(struct rig *r, const struct row *row)
{
	switch (row->op) {
	case WR:
		row_wr(r, row, row->bits);
		break;
	case RMW:
		row_wr(r, row, (row_rd(r, row) & ~row->mask) | row->bits);
		break;
	case WAIT:
		return row_wait(r, row);
	case DELAY:
		r->now += row->bits;
		break;
	}
	return true;
}

static bool run_rows(struct rig *r, size_t from, size_t to)
{
	bool ok = true;

	for (size_t i = from; i < to; i++)
		ok &= run_row(r, &rows[i]);
	return ok;
}

/* A posted card with something in each scratch register. */
static void rig_used(struct rig *r)
{
	rig_new(r, "fury");
	assert_true(post(r));
	for (uint32_t i = 0; i < 16; i++)
		mm_wr(r, SCRATCH_0 + 4 * i, mm_rd(r, SCRATCH_0 + 4 * i) | 0x10000);
}

static void test_baco(void **state)
{
	struct rig r;

	(void)state;
	rig_used(&r);
	assert_true(run_rows(&r, 0, NROWS));
	assert_state(&r, "clean=1");
	assert_state(&r, "dirty=0");
	assert_state(&r, "baco=1");
	assert_state(&r, "smc=held");
	assert_state(&r, "why=-");
	assert_int_equal(mm_rd(&r, BACO_CNTL), 0x1f84);
	assert_int_equal(cfg_rd(&r, 0, COMMAND, 2), 7);	/* the bus stayed active */
	assert_int_equal(cfg_rd(&r, 1, COMMAND, 2), 0);	/* but not for the audio */
	assert_true(post(&r));
	assert_true(run_rows(&r, 0, NROWS));	/* and once more */
	assert_state(&r, "clean=1");
	rig_free(&r);
}

/* Each row twice: a read-modify-write that changes nothing is no event. */
static void test_baco_stutter(void **state)
{
	struct rig r;
	bool ok = true;

	(void)state;
	rig_used(&r);
	for (size_t i = 0; i < NROWS; i++)
		ok &= run_row(&r, &rows[i]) && run_row(&r, &rows[i]);
	assert_true(ok);
	assert_state(&r, "clean=1");
	rig_free(&r);
}

static bool in_list(const char *const *list, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(list[i], name))
			return true;
	return false;
}

/* What may be left out without harm, and why. */
static bool may_be_omitted(const char *name)
{
	static const char *const free_rows[] = {
		/* pads of the board: other devices' business, not the power sequence's */
		"FG1", "FG2", "FG3", "FG4", "FG5", "FG6", "FG7", "FG8", "FG9", "FG10",
		/* POWER_OFF read back: the wait for MODE after it covers it */
		"FE11",
	};

	return in_list(free_rows, ARRAY_LEN(free_rows), name);
}

/* The tool saw nothing wrong, and the card is as good as new. */
static bool came_out_clean(struct rig *r, bool waits_ok)
{
	return waits_ok && state_has(r, "clean=1");
}

static void test_baco_each_row_omitted(void **state)
{
	unsigned essential = 0;

	(void)state;
	for (size_t i = 0; i < NROWS; i++) {
		struct rig r;
		bool ok, clean;

		rig_used(&r);
		ok = run_rows(&r, 0, i);
		ok &= run_rows(&r, i + 1, NROWS);
		clean = came_out_clean(&r, ok);
		if (clean != may_be_omitted(rows[i].name))
			fail_msg("without %s: %s", rows[i].name, r.state);
		essential += !clean;
		rig_free(&r);
	}
	printf("counts: BACO rows %zu, %u of them essential\n", NROWS, essential);
}

/* Neighbours whose order does not matter. */
static bool may_be_swapped(const char *a, const char *b)
{
	static const char *const pairs[] = {
		"FG10,FR1",	/* the pads again */
		"FR1,FR2",	/* two gates in front of the same memory */
		"FR2,FB1",	/* the gates must close before the power goes */
		"FE11,FE12",	/* two waits */
	};
	char pair[16];

	/* pads; reference clock muxes, which Polaris sets in another order; scratch */
	if (!strncmp(a, b, 2) && in_list((const char *[]){ "FG", "FC", "FS" }, 3,
					 (char [3]){ a[0], a[1], '\0' }))
		return true;
	snprintf(pair, sizeof(pair), "%s,%s", a, b);
	return in_list(pairs, ARRAY_LEN(pairs), pair);
}

static void test_baco_each_pair_swapped(void **state)
{
	unsigned harmful = 0;

	(void)state;
	for (size_t i = 0; i + 1 < NROWS; i++) {
		struct rig r;
		bool ok, clean;

		rig_used(&r);
		ok = run_rows(&r, 0, i);
		ok &= run_row(&r, &rows[i + 1]);
		ok &= run_row(&r, &rows[i]);
		ok &= run_rows(&r, i + 2, NROWS);
		clean = came_out_clean(&r, ok);
		if (clean != may_be_swapped(rows[i].name, rows[i + 1].name))
			fail_msg("%s and %s swapped: %s", rows[i].name, rows[i + 1].name,
				 r.state);
		harmful += !clean;
		rig_free(&r);
	}
	printf("counts: BACO neighbours %zu, %u of them not to be swapped\n", NROWS - 1,
	       harmful);
}

/* Single mistakes, and how each of them ends. */
static void test_baco_wedges(void **state)
{
	static const struct {
		const char *after, *row, *why;
		uint32_t cntl, cntl_mask;	/* what BACO_CNTL shows ever after */
	} cases[] = {
		{ NULL, "FE10", "why=FE10-without-FR1", 0, BACO_MODE },
		{ NULL, "FE6", "why=FE6-without-FR1", 0, BACO_MODE },
		{ NULL, "FT1", "why=FT1-without-FB1", ONES, ONES },
		{ "FB2", "FB4", "why=FB4-too-early-after-FB2", ONES, ONES },
		{ "FE12", "FX1", "why=FX1-within-20ms", BACO_MODE, BACO_MODE },
		{ "PAUSE", "FX5", "why=FX5-without-FX1", BACO_MODE, BACO_MODE },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct rig r;

		rig_used(&r);
		if (cases[i].after)
			run_rows(&r, 0, row_index(cases[i].after) + 1);
		run_row(&r, &rows[row_index(cases[i].row)]);
		assert_state(&r, "wedged=1");
		assert_state(&r, cases[i].why);
		run_rows(&r, row_index("PAUSE"), NROWS);
		assert_int_equal(mm_rd(&r, BACO_CNTL) & cases[i].cntl_mask,
				 cases[i].cntl);
		cfg_wr(&r, 0, CFG_RESET, 4, MAGIC);
		by_bus_reset(&r);
		assert_state(&r, "clean=0");
		assert_state(&r, "wedged=1");
		card_power_cycle(r.card);
		assert_state(&r, "clean=1");
		rig_free(&r);
	}
}

static void test_baco_pause(void **state)
{
	(void)state;
	for (unsigned us = 19 * MS; us <= 21 * MS; us += MS) {
		struct rig r;

		rig_used(&r);
		assert_true(run_rows(&r, 0, row_index("PAUSE")));
		r.now += us;
		run_rows(&r, row_index("FX1"), NROWS);
		assert_int_equal(state_has(&r, "clean=1"), us >= 20 * MS);
		rig_free(&r);
	}
}

/* A tool that died after the enter: the next one finds MODE=1 and does the exit. */
static void test_baco_stuck(void **state)
{
	struct rig r;

	(void)state;
	rig_used(&r);
	assert_true(run_rows(&r, 0, row_index("PAUSE")));
	assert_state(&r, "mode=1");
	assert_state(&r, "clean=0");
	assert_int_equal(cfg_rd(&r, 0, 0, 4), 0x73001002);
	assert_int_equal(mm_rd(&r, BACO_CNTL) & BACO_MODE, BACO_MODE);
	assert_int_equal(mm_rd(&r, MEMSIZE), 4096);
	assert_int_equal(mm_rd(&r, SCRATCH_7), ONES);
	assert_int_equal(smc_rd(&r, SMC_CLK), ONES);
	assert_int_equal(bar_rd(&r, 0, 0, 0), ONES);
	cfg_wr(&r, 0, CFG_RESET, 4, MAGIC);
	assert_state(&r, "cfgreset_ignored=1");
	by_bus_reset(&r);
	enable(&r);
	assert_state(&r, "mode=1");
	r.now += 3000 * MS;
	assert_true(run_rows(&r, row_index("FX1"), NROWS));
	assert_state(&r, "clean=1");
	rig_free(&r);
}

/* Without the strap the power never goes: no MODE, no reset, and no harm either. */
static void test_baco_not_capable(void **state)
{
	struct rig r;

	(void)state;
	rig_used(&r);
	assert_int_equal(card_set(r.card, "px_capable", 0), 0);
	assert_int_equal(mm_rd(&r, 0x535c), 0);
	assert_true(run_rows(&r, 0, row_index("FE12")));
	assert_false(run_row(&r, &rows[row_index("FE12")]));
	assert_true(run_rows(&r, row_index("PAUSE"), NROWS));
	assert_state(&r, "wedged=0");
	assert_state(&r, "dirty=1");
	assert_state(&r, "clean=0");
	assert_state(&r, "mode=0");
	assert_int_equal(mm_rd(&r, BACO_CNTL), 0x1f84);
	assert_true(smc_runs(&r));
	cfg_wr(&r, 0, CFG_RESET, 4, MAGIC);	/* the other way is still open */
	assert_state(&r, "clean=1");
	rig_free(&r);
}

/* An exit from anywhere in the enter, before the power went, does no harm. */
static void test_baco_aborted_enter(void **state)
{
	(void)state;
	for (size_t stop = 0; stop < row_index("FE10"); stop++) {
		struct rig r;

		rig_used(&r);
		assert_true(run_rows(&r, 0, stop));
		assert_true(run_rows(&r, row_index("FX1"), NROWS));
		assert_state(&r, "wedged=0");
		assert_state(&r, "dirty=1");
		if (!run_rows(&r, 0, NROWS))	/* a second try goes through */
			fail_msg("a wait failed after stop %zu", stop);
		assert_state(&r, "clean=1");
		rig_free(&r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_identities),
		cmocka_unit_test(test_fury_subsystem),
		cmocka_unit_test(test_unknown_kind),
		cmocka_unit_test(test_capabilities),
		cmocka_unit_test(test_bar_sizing),
		cmocka_unit_test(test_all_kinds),
		cmocka_unit_test(test_cfg_widths),
		cmocka_unit_test(test_decoding),
		cmocka_unit_test(test_bar_widths),
		cmocka_unit_test(test_flr),
		cmocka_unit_test(test_flr_that_resets_nothing),
		cmocka_unit_test(test_no_flr),
		cmocka_unit_test(test_slow),
		cmocka_unit_test(test_dead),
		cmocka_unit_test(test_sleeper),
		cmocka_unit_test(test_navi),
		cmocka_unit_test(test_state_is_cut_off),
		cmocka_unit_test(test_fury_power_on),
		cmocka_unit_test(test_fury_indirect),
		cmocka_unit_test(test_fury_auto_increment),
		cmocka_unit_test(test_post_once),
		cmocka_unit_test(test_post_other_orders),
		cmocka_unit_test(test_post_faked),
		cmocka_unit_test(test_what_does_not_help),
		cmocka_unit_test(test_power_cycle),
		cmocka_unit_test(test_config_reset),
		cmocka_unit_test(test_config_reset_ignored),
		cmocka_unit_test(test_baco),
		cmocka_unit_test(test_baco_stutter),
		cmocka_unit_test(test_baco_each_row_omitted),
		cmocka_unit_test(test_baco_each_pair_swapped),
		cmocka_unit_test(test_baco_wedges),
		cmocka_unit_test(test_baco_pause),
		cmocka_unit_test(test_baco_stuck),
		cmocka_unit_test(test_baco_not_capable),
		cmocka_unit_test(test_baco_aborted_enter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
