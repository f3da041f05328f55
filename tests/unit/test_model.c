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

struct seq;

/* One card and its clock: every access takes a microsecond. */
struct rig {
	struct card *card;
	uint64_t now;
	unsigned log_lines;
	char state[512];
	const struct seq *seq;	/* of its BACO */
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
	{ "flr", 0, 0xfff010de, 0x030000, true },
	{ "flr", 1, 0xfff110de, 0x040300, true },
	{ "slow", 0, 0xfff08086, 0x030000, true },
	{ "slow", 1, 0xfff18086, 0x040300, true },
	{ "dead", 0, 0xfff01002, 0x030000, false },
	{ "dead", 1, 0xfff11002, 0x040300, false },
	{ "sleeper", 0, 0xfff21002, 0x030000, false },
	{ "sleeper", 1, 0xfff31002, 0x040300, false },
	{ "navi", 0, 0xfff41002, 0x030000, false },
	{ "navi", 1, 0xfff51002, 0x040300, false },
	{ "navi", 2, 0xfff61002, 0x0c0330, false },
	{ "navi", 3, 0xfff71002, 0x0c8000, false },
	{ "gpu", 0, 0xfff81002, 0x030000, false },
	{ "polaris", 0, 0x67df1002, 0x030000, false },
	{ "polaris", 1, 0xaaf01002, 0x040300, false },
	{ "hawaii", 0, 0x67b01002, 0x030000, false },
	{ "hawaii", 1, 0xaac81002, 0x040300, false },
	{ "vega10", 0, 0x687f1002, 0x030000, false },
	{ "vega10", 1, 0xaaf81002, 0x040300, false },
	{ "navi10", 0, 0x731f1002, 0x030000, false },
	{ "navi10", 1, 0xab381002, 0x040300, false },
	{ "navi10", 2, 0x73141002, 0x0c0330, false },
	{ "navi10", 3, 0x73161002, 0x0c8000, false },
	{ "navi48", 0, 0x75501002, 0x030000, false },
	{ "navi48", 1, 0xab401002, 0x040300, false },
	{ "rtx5090", 0, 0x2b8510de, 0x030000, true },
	{ "rtx5090", 1, 0x22e810de, 0x040300, true },
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

/* Has it BARs that the PCI proxy of QEMU does not know? */
static bool has_wide_bar(struct card *card)
{
	struct card_bar info;

	for (int bar = 0; bar < 6; bar++)
		if (!card_bar_info(card, 0, bar, &info) && info.wide)
			return true;
	return false;
}

/* Every kind of the proxy's: sizes are powers of two, 32-bit, ids cannot be written. */
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

			if (has_wide_bar(r.card))
				break;
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
	assert_int_equal(cfg_rd(r, 0, 0, 4), 0xfff08086);
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
	assert_int_equal(cfg_rd(&r, 0, 0, 4), 0xfff01002);
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
	assert_int_equal(cfg_rd(&r, 0, 0, 4), 0xfff01002);
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
	assert_int_equal(cfg_rd(&r, 0, 0, 4), 0xfff21002);
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
enum op { WR, RMW, WAIT, DELAY, SEND };

#define MM(o)	false, (o)
#define SMC(a)	true, (a)
#define CNTL(name, op, mask, bits) { name, op, MM(BACO_CNTL), mask, bits }
#define CLEAR(name, i)	{ name, WR, MM(SCRATCH_0 + 4 * (i)), 0, 0 }

struct row {
	const char *name;
	enum op op;
	bool smc;
	uint32_t addr, mask, bits;
};

struct seq {
	const char *kind;
	void (*use)(struct rig *r);	/* a guest was here */
	const struct row *row;
	size_t n;
	/* what may be left out, and which neighbours may be swapped ("A,B") */
	const char *const *free_rows, *const *free_pairs;
};

/* Fiji and Polaris have these in common. */
#define VI_PADS_AND_FB \
	{ "FG1", WR, MM(0x0610), 0, 0 }, \
	{ "FG2", WR, MM(0x064c), 0, 0 }, \
	{ "FG3", WR, MM(0x0648), 0, 0 }, \
	{ "FG4", WR, MM(0x0608), 0, 0xff77ffff }, \
	{ "FG5", WR, MM(0x12198), 0, 0 }, \
	{ "FG6", WR, MM(0x12190), 0, 0xffffffff }, \
	{ "FG7", WR, MM(0x12188), 0, 0 }, \
	{ "FG8", RMW, MM(0x12180), 0, 0x03333333 }, \
	{ "FG9", WR, MM(0x12218), 0, 0 }, \
	{ "FG10", RMW, MM(0x12210), 0, 0x00001111 }, \
	{ "FR1", RMW, SMC(0xc0300024), 0x1, 0x1 }, \
	{ "FR2", WR, MM(0x5490), 0, 0 }

#define VI_SWITCH \
	CNTL("FE1", RMW, 0x1, 0x1), \
	CNTL("FE2", RMW, 0x40000, 0x40000), \
	CNTL("FE3", WAIT, 0x40000, 0x40000), \
	CNTL("FE4", RMW, 0x2, 0x2), \
	CNTL("FE5", WAIT, 0x2, 0x2), \
	CNTL("FE6", RMW, 0x4, 0), \
	CNTL("FE7", WAIT, 0x4, 0), \
	CNTL("FE8", RMW, 0x80, 0), \
	CNTL("FE9", WAIT, 0x80, 0), \
	CNTL("FE10", RMW, 0x8, 0x8), \
	CNTL("FE11", WAIT, 0x8, 0x8), \
	CNTL("FE12", WAIT, BACO_MODE, BACO_MODE), \
	{ "PAUSE", DELAY, MM(0), 0, 20 * MS }, \
	CNTL("FX1", RMW, 0x10, 0x10), \
	CNTL("FX2", RMW, 0x2, 0), \
	CNTL("FX3", RMW, 0x8, 0), \
	CNTL("FX4", WAIT, 0x200, 0x200), \
	CNTL("FX5", RMW, 0x4, 0x4), \
	CNTL("FX6", WAIT, 0x1c00, 0x1c00), \
	CNTL("FX7", RMW, 0x80, 0x80), \
	CNTL("FX8", RMW, 0x40000, 0), \
	CNTL("FX9", RMW, 0x10, 0), \
	CNTL("FX10", WAIT, 0x100, 0x100), \
	CNTL("FX11", RMW, 0x1, 0), \
	CNTL("FX12", WAIT, BACO_MODE, 0)

static const struct row fiji_rows[] = {
	VI_PADS_AND_FB,
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
	VI_SWITCH,
	CLEAR("FS1", 0), CLEAR("FS2", 1), CLEAR("FS3", 2), CLEAR("FS4", 3),
	CLEAR("FS5", 4), CLEAR("FS6", 5), CLEAR("FS7", 6), CLEAR("FS8", 7),
	CLEAR("FS9", 8), CLEAR("FS10", 9), CLEAR("FS11", 10), CLEAR("FS12", 11),
	CLEAR("FS13", 12), CLEAR("FS14", 13), CLEAR("FS15", 14), CLEAR("FS16", 15),
};

static const struct row polaris_rows[] = {
	VI_PADS_AND_FB,
	{ "PB1", RMW, SMC(0xc0500140), 0x8, 0x8 },
	{ "PB2", RMW, SMC(0xc0500170), 0x04000000, 0x04000000 },
	{ "PB3", RMW, SMC(0xc0500118), 0x80, 0x80 },
	{ "PB4", RMW, SMC(0xc050019c), 0xff00, 0x200 },
	{ "PB5", RMW, MM(0x2bb0), 0x100, 0x100 },
	{ "PB6", RMW, MM(0x2bb0), 0x800, 0 },
	{ "PT1", RMW, MM(0x12250), 0xf0, 0x10 },
	{ "PT2", DELAY, MM(0), 0, 1 },
	{ "PT3", RMW, MM(0x2898), 0x10000000, 0x10000000 },
	{ "PT4", RMW, SMC(0xc05002b0), 0x10, 0x10 },
	{ "PT5", WAIT, SMC(0xc05002b0), 0x10, 0 },
	{ "PT6", RMW, SMC(0xc050032c), 0x10, 0x10 },
	{ "PT7", WAIT, SMC(0xc050032c), 0x10, 0 },
	{ "PT8", RMW, SMC(0xc0500080), 0x1, 0x1 },
	{ "PT9", RMW, MM(0x3688), 0x40, 0 },
	{ "PT10", DELAY, MM(0), 0, 3 },
	{ "PT11", RMW, MM(0x3688), 0x8, 0 },
	{ "PT12", RMW, MM(0x3688), 0x003fff00, 0x3200 },
	{ "PT13", DELAY, MM(0), 0, 3 },
	{ "PT14", RMW, MM(0x2bbc), 0x10000, 0 },
	{ "PT15", DELAY, MM(0), 0, 5 },
	{ "PC1", RMW, SMC(0xc05001a8), 0xff, 0x1 },
	{ "PC2", RMW, SMC(0xc05001a8), 0xff00, 0x100 },
	{ "PC3", RMW, SMC(0xc05001ac), 0xff, 0x1 },
	{ "PC4", RMW, SMC(0xc05001ac), 0xff00, 0x100 },
	{ "PC5", RMW, SMC(0xc05001a0), 0x4, 0 },
	{ "PC6", RMW, SMC(0xc05001a4), 0x8, 0 },
	{ "PC7", RMW, SMC(0xc050019c), 0xff00, 0x400 },
	VI_SWITCH,
	CLEAR("PS1", 6), CLEAR("PS2", 7),
};

static const struct row hawaii_rows[] = {
	{ "CG1", WR, MM(0x0610), 0, 0 },
	{ "CG2", WR, MM(0x064c), 0, 0 },
	{ "CG3", WR, MM(0x0648), 0, 0 },
	{ "CG4", WR, MM(0x0608), 0, 0xff77ffff },
	{ "CG5", WR, MM(0x6528), 0, 0 },
	{ "CG6", WR, MM(0x6520), 0, 0xffffffff },
	{ "CG7", WR, MM(0x6518), 0, 0 },
	{ "CG8", RMW, MM(0x6510), 0, 0x03333333 },
	{ "CG9", WR, MM(0x6598), 0, 0 },
	{ "CG10", RMW, MM(0x6590), 0, 0x00001111 },
	{ "CR1", RMW, SMC(0xc0300024), 0x1, 0x1 },
	{ "CR2", WR, MM(0x5490), 0, 0 },
	{ "CB1", RMW, SMC(0xc0500140), 0x8, 0x8 },
	{ "CB2", RMW, SMC(0xc0500144), 0x400000, 0x400000 },
	{ "CB3", WAIT, SMC(0xc050015c), 0x2, 0x2 },
	{ "CB4", RMW, SMC(0xc0500144), 0x400000, 0 },
	{ "CB5", RMW, SMC(0xc0500144), 0x800000, 0x800000 },
	{ "CB6", WAIT, SMC(0xc050015c), 0x2, 0x2 },
	{ "CB7", RMW, SMC(0xc0500144), 0x800000, 0 },
	{ "CB8", RMW, SMC(0xc0500170), 0x04000000, 0x04000000 },
	{ "CB9", RMW, SMC(0xc050019c), 0xff00, 0x200 },
	{ "CB10", RMW, MM(0x2bb0), 0x100, 0x100 },
	{ "CB11", RMW, MM(0x2bb0), 0x800, 0 },
	{ "CT1", RMW, MM(0x04f0), 0x1, 0x1 },
	{ "CT2", RMW, SMC(0xc0500204), 0x1, 0 },
	{ "CT3", RMW, SMC(0xc0500204), 0x1c00, 0 },
	{ "CT4", RMW, MM(0x5c1c), 0x1, 0x1 },
	{ "CT5", RMW, MM(0x5c1c), 0x2, 0x2 },
	{ "CT6", RMW, MM(0x5c1c), 0x4, 0x4 },
	{ "CT7", RMW, SMC(0xc0500140), 0x1, 0x1 },
	{ "CT8", RMW, SMC(0xc0500140), 0x2, 0 },
	{ "CT9", RMW, SMC(0xc0500170), 0x02000000, 0x02000000 },
	{ "CT10", RMW, SMC(0xc0500170), 0x08000000, 0 },
	{ "CT11", RMW, MM(0x2bb0), 0x80000000, 0x80000000 },
	{ "CT12", WR, MM(0x2bd4), 0, 0x6 },
	{ "CT13", WR, MM(0x2930), 0, 0x7740 },
	{ "CT14", WR, MM(0x2948), 0, 0x7740 },
	{ "CT15", WR, MM(0x2934), 0, 0x7740 },
	{ "CT16", WR, MM(0x294c), 0, 0x7740 },
	{ "CT17", RMW, MM(0x2ba0), 0x100, 0 },
	{ "CT18", RMW, MM(0x2ba0), 0x200, 0 },
	{ "CT19", RMW, MM(0x2b50), 0x10, 0 },
	{ "CT20", RMW, MM(0x2b50), 0x20, 0 },
	{ "CT21", RMW, SMC(0xc05001a4), 0x8, 0 },
	{ "CT22", RMW, SMC(0xc050019c), 0xff00, 0x400 },
	{ "CT23", RMW, SMC(0xc05001ac), 0xff, 0x2 },
	{ "CT24", RMW, SMC(0xc05001ac), 0xff00, 0x200 },
	{ "CT25", RMW, SMC(0xc05001ac), 0xff0000, 0x20000 },
	{ "CT26", RMW, SMC(0xc05001a8), 0xff, 0x2 },
	{ "CT27", RMW, SMC(0xc05001a8), 0xff00, 0x200 },
	CNTL("CE1", RMW, 0x1, 0x1),
	CNTL("CE2", RMW, 0x2, 0x2),
	CNTL("CE3", WAIT, 0x2, 0x2),
	CNTL("CE4", RMW, 0x4, 0),
	CNTL("CE5", WAIT, 0x4, 0),
	CNTL("CE6", RMW, 0x80, 0),
	CNTL("CE7", WAIT, 0x80, 0),
	CNTL("CE8", RMW, 0x8, 0x8),
	CNTL("CE9", WAIT, 0x8, 0x8),
	CNTL("CE10", WAIT, BACO_MODE, BACO_MODE),
	{ "PAUSE", DELAY, MM(0), 0, 20 * MS },
	CNTL("CX1", RMW, 0x10, 0x10),
	CNTL("CX2", RMW, 0x2, 0),
	CNTL("CX3", RMW, 0x8, 0),
	{ "CX4", DELAY, MM(0), 0, 20 * MS },
	CNTL("CX5", WAIT, 0x200, 0x200),
	CNTL("CX6", RMW, 0x4, 0x4),
	CNTL("CX7", WAIT, 0x1c00, 0x1c00),
	CNTL("CX8", RMW, 0x80, 0x80),
	CNTL("CX9", RMW, 0x10, 0),
	CNTL("CX10", WAIT, 0x100, 0x100),
	CNTL("CX11", RMW, 0x1, 0),
	CNTL("CX12", WAIT, BACO_MODE, 0),
	CLEAR("CS1", 6), CLEAR("CS2", 7),
	{ "CS3", WR, MM(0xc150), 0, 0 },
};

#define V_BACO	MM(0x38ac)
#define V_THM	MM(0x599f0)

static const struct row vega10_rows[] = {
	{ "VP1", RMW, MM(0x3870), 0x10, 0x10 },
	{ "VP2", WR, MM(0x387c), 0, 0 },
	{ "VP3", RMW, V_BACO, 0x20, 0x20 },
	{ "VP4", RMW, V_BACO, 0x40, 0x40 },
	{ "ENTER", SEND, MM(0), 0, 0x1e },
	{ "VE1", WAIT, V_THM, 0x80000000, 0x80000000 },
	{ "VE2", RMW, V_BACO, 0x1, 0x1 },
	{ "VE3", RMW, V_BACO, 0x2, 0x2 },
	{ "VE4", RMW, V_BACO, 0x4, 0x4 },
	{ "VE5", RMW, V_THM, 0x10, 0x10 },
	{ "VE6", RMW, V_THM, 0x20, 0x20 },
	{ "VE7", RMW, V_THM, 0x2, 0x2 },
	{ "VE8", RMW, V_THM, 0x80, 0x80 },
	{ "VE9", RMW, V_THM, 0x200, 0x200 },
	{ "VE10", RMW, V_THM, 0x40, 0x40 },
	{ "VE11", RMW, V_BACO, 0x8, 0x8 },
	{ "VE12", DELAY, MM(0), 0, 5 * MS },
	{ "VE13", RMW, V_THM, 0x8, 0x8 },
	{ "VE14", RMW, V_THM, 0x4, 0 },
	{ "VE15", WAIT, V_BACO, 0x100, 0x100 },
	{ "PAUSE", DELAY, MM(0), 0, 20 * MS },
	{ "VX1", RMW, V_BACO, 0x8, 0 },
	{ "VX2", DELAY, MM(0), 0, 10 * MS },
	{ "VX3", RMW, V_THM, 0x40, 0 },
	{ "VX4", RMW, V_THM, 0x200, 0 },
	{ "VX5", RMW, V_THM, 0x80, 0 },
	{ "VX6", RMW, V_THM, 0x2, 0 },
	{ "VX7", RMW, V_THM, 0x4, 0x4 },
	{ "VX8", RMW, V_THM, 0x20, 0 },
	{ "VX9", RMW, V_THM, 0x10, 0 },
	{ "VX10", RMW, V_THM, 0x100, 0x100 },
	{ "VX11", RMW, V_THM, 0x8, 0 },
	{ "VX12", WAIT, V_THM, 0x100, 0 },
	{ "VX13", RMW, V_THM, 0x40000000, 0 },
	{ "VX14", RMW, V_BACO, 0x4, 0 },
	{ "VX15", RMW, V_BACO, 0x2, 0 },
	{ "VX16", RMW, V_BACO, 0x1, 0 },
	{ "VX17", WAIT, V_BACO, 0x100, 0 },
	{ "VS1", WR, MM(0x148), 0, 0 },
	{ "VS2", WR, MM(0x14c), 0, 0 },
};

/* An SMU message as amdgpu sends it; false when nobody answers OK. */
static bool send(struct rig *r, uint32_t id, uint32_t argument)
{
	for (int ms = 0; ms < 100 && !mm_rd(r, 0x58a68); ms++)
		r->now += MS;
	mm_wr(r, 0x58a68, 0);
	mm_wr(r, 0x58a48, argument);
	mm_wr(r, 0x58a08, id);
	for (int ms = 0; ms < 100 && !mm_rd(r, 0x58a68); ms++)
		r->now += MS;
	return mm_rd(r, 0x58a68) == 1;
}

/* SMU7: a post, and something in each scratch register. */
static void use_smu7(struct rig *r)
{
	assert_true(post(r));
	for (uint32_t i = 0; i < 16; i++)
		mm_wr(r, SCRATCH_0 + 4 * i, mm_rd(r, SCRATCH_0 + 4 * i) | 0x10000);
	mm_wr(r, 0xc150, 0x1000);
}

/* From Vega on: the boot loader starts the secure OS, that the SMU. */
static bool start(struct rig *r)
{
	for (int ms = 0; ms < 100 && !(mm_rd(r, 0x5818c) & 0x80000000); ms++)
		r->now += MS;
	mm_wr(r, 0x5818c, 0x20000);
	r->now += 50 * MS;
	if (!mm_rd(r, 0x58244) || mm_rd(r, 0x58244) == ONES)
		return false;
	mm_wr(r, 0x14c, 0x200);
	return true;
}

static void use_soc15(struct rig *r)
{
	assert_true(start(r));
	mm_wr(r, 0x148, 0x1);
}

/* Free rows: the pads of the board, other devices' business and not the power
 * sequence's; POWER_OFF read back, which the wait for MODE after it covers; PWRGOOD_BF
 * where 20 ms of delay cover it. Free pairs:
 * the pads again, the reference clock (Polaris sets it in another order than Fiji),
 * scratch; two gates in front of the same memory; gates that must only close before the
 * power goes; two waits; a delay of the microsecond that any access takes. */
static const struct seq fiji = {
	"fury", use_smu7, fiji_rows, ARRAY_LEN(fiji_rows),
	(const char *const[]){ "FG1", "FG2", "FG3", "FG4", "FG5", "FG6", "FG7", "FG8",
			       "FG9", "FG10", "FE11", NULL },
	(const char *const[]){ "FG", "FC", "FS", "FG10,FR1", "FR1,FR2", "FR2,FB1",
			       "FE11,FE12", NULL },
};

static const struct seq polaris = {
	"polaris", use_smu7, polaris_rows, ARRAY_LEN(polaris_rows),
	(const char *const[]){ "FG1", "FG2", "FG3", "FG4", "FG5", "FG6", "FG7", "FG8",
			       "FG9", "FG10", "PT2", "FE11", NULL },
	(const char *const[]){ "FG", "PC", "PS", "FG10,FR1", "FR1,FR2", "FR2,PB1",
			       "PT1,PT2", "PT2,PT3", "FE11,FE12", NULL },
};

static const struct seq hawaii = {
	"hawaii", use_smu7, hawaii_rows, ARRAY_LEN(hawaii_rows),
	(const char *const[]){ "CG1", "CG2", "CG3", "CG4", "CG5", "CG6", "CG7", "CG8",
			       "CG9", "CG10", "CE9", "CX5", NULL },
	(const char *const[]){ "CG", "CS", "CG10,CR1", "CR1,CR2", "CR2,CB1", "CT21,CT22",
			       "CT22,CT23", "CT23,CT24", "CT24,CT25", "CT25,CT26",
			       "CT26,CT27", "CE9,CE10", "CX4,CX5", "CX5,CX6", NULL },
};

static const struct seq vega10 = {
	"vega10", use_soc15, vega10_rows, ARRAY_LEN(vega10_rows),
	(const char *const[]){ NULL },
	(const char *const[]){ "VP", "VS", "VX17,VS1", NULL },
};

static const struct seq *const seqs[] = { &fiji, &polaris, &hawaii, &vega10 };

static size_t row_index(const struct rig *r, const char *name)
{
	for (size_t i = 0; i < r->seq->n; i++)
		if (!strcmp(r->seq->row[i].name, name))
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
	case SEND:
		return send(r, row->bits, 0);
	}
	return true;
}

static bool run_rows(struct rig *r, size_t from, size_t to)
{
	bool ok = true;

	for (size_t i = from; i < to; i++)
		ok &= run_row(r, &r->seq->row[i]);
	return ok;
}

static bool run_from(struct rig *r, size_t from)
{
	return run_rows(r, from, r->seq->n);
}

/* A card that a guest used. */
static void rig_used(struct rig *r, const struct seq *seq)
{
	rig_new(r, seq->kind);
	r->seq = seq;
	seq->use(r);
}

static void test_baco(void **state)
{
	struct rig r;

	(void)state;
	rig_used(&r, &fiji);
	assert_true(run_from(&r, 0));
	assert_state(&r, "clean=1");
	assert_state(&r, "dirty=0");
	assert_state(&r, "baco=1");
	assert_state(&r, "smc=held");
	assert_state(&r, "why=-");
	assert_int_equal(mm_rd(&r, BACO_CNTL), 0x1f84);
	assert_int_equal(cfg_rd(&r, 0, COMMAND, 2), 7);	/* the bus stayed active */
	assert_int_equal(cfg_rd(&r, 1, COMMAND, 2), 0);	/* but not for the audio */
	assert_true(post(&r));
	assert_true(run_from(&r, 0));	/* and once more */
	assert_state(&r, "clean=1");
	rig_free(&r);
}

/* Each row twice: a read-modify-write that changes nothing is no event. */
static void test_baco_stutter(void **state)
{
	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(seqs); k++) {
		struct rig r;
		bool ok = true;

		rig_used(&r, seqs[k]);
		for (size_t i = 0; i < seqs[k]->n; i++)
			ok &= run_row(&r, &seqs[k]->row[i]) &&
			      run_row(&r, &seqs[k]->row[i]);
		if (!ok || !state_has(&r, "clean=1"))
			fail_msg("%s: %s", seqs[k]->kind, r.state);
		rig_free(&r);
	}
}

static bool in_list(const char *const *list, const char *name)
{
	for (; *list; list++)
		if (!strcmp(*list, name))
			return true;
	return false;
}

/* The tool saw nothing wrong, and the card is as good as new. */
static bool came_out_clean(struct rig *r, bool waits_ok)
{
	return state_has(r, "clean=1") && waits_ok;
}

static bool clean_without(struct rig *r, size_t i)
{
	bool ok = run_rows(r, 0, i);

	ok &= run_from(r, i + 1);
	return came_out_clean(r, ok);
}

static void each_row_omitted(const struct seq *seq)
{
	unsigned essential = 0;

	for (size_t i = 0; i < seq->n; i++) {
		struct rig r;
		bool clean;

		rig_used(&r, seq);
		clean = clean_without(&r, i);
		if (clean != in_list(seq->free_rows, seq->row[i].name))
			fail_msg("%s without %s: %s", seq->kind, seq->row[i].name,
				 r.state);
		essential += !clean;
		rig_free(&r);
	}
	printf("counts: %s: BACO rows %zu, %u of them essential\n", seq->kind, seq->n,
	       essential);
}

static void test_baco_each_row_omitted(void **state)
{
	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(seqs); k++)
		each_row_omitted(seqs[k]);
}

/* Neighbours whose order does not matter. */
static bool may_be_swapped(const struct seq *seq, const char *a, const char *b)
{
	char pair[24], group[3] = { a[0], a[1], '\0' };

	if (!strncmp(a, b, 2) && in_list(seq->free_pairs, group))
		return true;
	snprintf(pair, sizeof(pair), "%s,%s", a, b);
	return in_list(seq->free_pairs, pair);
}

static bool clean_swapped(struct rig *r, size_t i)
{
	bool ok = run_rows(r, 0, i);

	ok &= run_row(r, &r->seq->row[i + 1]);
	ok &= run_row(r, &r->seq->row[i]);
	ok &= run_from(r, i + 2);
	return came_out_clean(r, ok);
}

static void each_pair_swapped(const struct seq *seq)
{
	unsigned harmful = 0;

	for (size_t i = 0; i + 1 < seq->n; i++) {
		struct rig r;
		bool clean;

		rig_used(&r, seq);
		clean = clean_swapped(&r, i);
		if (clean != may_be_swapped(seq, seq->row[i].name, seq->row[i + 1].name))
			fail_msg("%s: %s and %s swapped: %s", seq->kind,
				 seq->row[i].name, seq->row[i + 1].name, r.state);
		harmful += !clean;
		rig_free(&r);
	}
	printf("counts: %s: BACO neighbours %zu, %u of them not to be swapped\n",
	       seq->kind, seq->n - 1, harmful);
}

static void test_baco_each_pair_swapped(void **state)
{
	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(seqs); k++)
		each_pair_swapped(seqs[k]);
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

		rig_used(&r, &fiji);
		if (cases[i].after)
			run_rows(&r, 0, row_index(&r, cases[i].after) + 1);
		run_row(&r, &fiji_rows[row_index(&r, cases[i].row)]);
		assert_state(&r, "wedged=1");
		assert_state(&r, cases[i].why);
		run_from(&r, row_index(&r, "PAUSE"));
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

		rig_used(&r, &fiji);
		assert_true(run_rows(&r, 0, row_index(&r, "PAUSE")));
		r.now += us;
		run_from(&r, row_index(&r, "FX1"));
		assert_int_equal(state_has(&r, "clean=1"), us >= 20 * MS);
		rig_free(&r);
	}
}

/* A tool that died after the enter: the next one finds MODE=1 and does the exit. */
static void test_baco_stuck(void **state)
{
	struct rig r;

	(void)state;
	rig_used(&r, &fiji);
	assert_true(run_rows(&r, 0, row_index(&r, "PAUSE")));
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
	assert_true(run_from(&r, row_index(&r, "FX1")));
	assert_state(&r, "clean=1");
	rig_free(&r);
}

/* Without the strap the power never goes: no MODE, no reset, and no harm either. */
static void test_baco_not_capable(void **state)
{
	struct rig r;

	(void)state;
	rig_used(&r, &fiji);
	assert_int_equal(card_set(r.card, "px_capable", 0), 0);
	assert_int_equal(mm_rd(&r, 0x535c), 0);
	assert_true(run_rows(&r, 0, row_index(&r, "FE12")));
	assert_false(run_row(&r, &fiji_rows[row_index(&r, "FE12")]));
	assert_true(run_from(&r, row_index(&r, "PAUSE")));
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
	for (size_t stop = 0; strcmp(fiji_rows[stop].name, "FE10"); stop++) {
		struct rig r;

		rig_used(&r, &fiji);
		assert_true(run_rows(&r, 0, stop));
		assert_true(run_from(&r, row_index(&r, "FX1")));
		assert_state(&r, "wedged=0");
		assert_state(&r, "dirty=1");
		if (!run_from(&r, 0))	/* a second try goes through */
			fail_msg("a wait failed after stop %zu", stop);
		assert_state(&r, "clean=1");
		rig_free(&r);
	}
}

/* --- polaris and hawaii ----------------------------------------------------------- */

static void test_polaris_reset_bug(void **state)
{
	struct rig r;

	(void)state;
	rig_new(&r, "polaris");
	assert_int_equal(mm_rd(&r, MEMSIZE), 8192);
	assert_true(post(&r));
	by_bus_reset(&r);
	enable(&r);
	by_smc_halt(&r);
	assert_state(&r, "dirty=1");
	assert_false(post(&r));
	cfg_wr(&r, 0, CFG_RESET, 4, MAGIC);
	assert_state(&r, "clean=1");
	assert_int_equal(cfg_rd(&r, 0, COMMAND, 2), 0);
	cfg_wr(&r, 0, CFG_RESET, 4, MAGIC);	/* nothing runs that could obey */
	assert_state(&r, "cfgreset=1");
	assert_state(&r, "cfgreset_ignored=1");
	rig_free(&r);
}

/* The chip takes a command bit back; whoever sets it again waits again. */
static void test_polaris_command_bits(void **state)
{
	struct rig r;

	(void)state;
	rig_used(&r, &polaris);
	assert_true(run_rows(&r, 0, row_index(&r, "PT5")));
	assert_int_equal(smc_rd(&r, 0xc05002b0), 0x10);
	r.now += 200;
	assert_int_equal(smc_rd(&r, 0xc05002b0), 0);
	smc_wr(&r, 0xc05002b0, 0x10);
	assert_int_equal(smc_rd(&r, 0xc05002b0), 0x10);
	smc_wr(&r, 0xc050032c, 0x10);
	assert_state(&r, "why=PT6-too-early-after-PT4");
	assert_int_equal(mm_rd(&r, MEMSIZE), ONES);
	rig_free(&r);
}

/* What the SMC's halt is worth: a start on CI, nothing on VI. */
static void test_hawaii_halt(void **state)
{
	struct rig r;

	(void)state;
	rig_new(&r, "hawaii");
	assert_true(post(&r));
	assert_false(post(&r));
	by_smc_halt(&r);
	assert_state(&r, "dirty=0");
	assert_state(&r, "clean=0");	/* scratch 7 still says "posted" */
	assert_state(&r, "halts=1");
	assert_true(post(&r));
	rig_free(&r);
}

/* The scope of the config reset; SMC and configuration survive that of GFX alone. */
static void test_hawaii_scope(void **state)
{
	struct rig r;

	(void)state;
	rig_new(&r, "hawaii");
	assert_int_equal(smc_rd(&r, 0xc00c0000) & 0x40, 0);
	assert_true(post(&r));
	mm_wr(&r, 0xc150, 0x1000);
	assert_state(&r, "scope=whole");
	smc_wr(&r, 0xc0000010, 0x2);
	assert_state(&r, "scope=gfx");
	cfg_wr(&r, 0, CFG_RESET, 4, MAGIC);
	assert_int_equal(mm_rd(&r, MEMSIZE), ONES);
	r.now += 5 * MS;
	assert_int_equal(mm_rd(&r, MEMSIZE), 4096);
	assert_int_equal(mm_rd(&r, 0xc150), 0);
	assert_int_equal(cfg_rd(&r, 1, COMMAND, 2), 7);
	assert_state(&r, "gfxreset=1");
	assert_state(&r, "dirty=1");
	smc_wr(&r, 0xc0000010, 0);
	cfg_wr(&r, 0, CFG_RESET, 4, MAGIC);
	assert_int_equal(cfg_rd(&r, 1, COMMAND, 2), 0);
	assert_state(&r, "cfgreset=1");
	assert_state(&r, "clean=1");
	rig_free(&r);
}

/* --- vega10, navi10, navi48 ------------------------------------------------------- */

#define SOL		0x58244u
#define BOOTLOADER	0x5818cu
#define PSP_33		0x58184u
#define PSP_64		0x58200u
#define MODE1		0x00070000u
#define SOC_MEMSIZE	0x378cu

static uint32_t smn_rd(struct rig *r, uint32_t addr)
{
	mm_wr(r, 0x38, addr);
	assert_int_equal(mm_rd(r, 0x38), addr);
	return mm_rd(r, 0x3c);
}

static void smn_wr(struct rig *r, uint32_t addr, uint32_t val)
{
	mm_wr(r, 0x38, addr);
	mm_wr(r, 0x3c, val);
}

/* A second start is refused; mode1 by the PSP works without an SMU. */
static void psp_mode1(const char *kind, uint32_t flags, uint32_t halt)
{
	struct rig r;

	rig_new(&r, kind);
	mm_wr(&r, PSP_64, MODE1);	/* no secure OS, nobody to obey */
	assert_state(&r, "mode1_ignored=1");
	assert_int_equal(smn_rd(&r, flags), 0);
	assert_true(start(&r));
	assert_state(&r, "posted=1");
	assert_int_equal(smn_rd(&r, flags), 1);
	assert_int_equal(mm_rd(&r, BOOTLOADER), 0);
	mm_wr(&r, BOOTLOADER, 0x20000);
	assert_state(&r, "refused=1");
	assert_true(send(&r, halt, 0));
	assert_state(&r, "smu=halted");
	assert_false(send(&r, halt, 0));
	assert_state(&r, "unanswered=1");
	assert_int_equal(mm_rd(&r, PSP_64) & 0x8000ffff, 0x80000000);
	mm_wr(&r, PSP_64, MODE1);
	assert_int_equal(mm_rd(&r, SOC_MEMSIZE), ONES);
	assert_int_equal(cfg_rd(&r, 0, COMMAND, 2), 7);
	assert_int_equal(cfg_rd(&r, 1, COMMAND, 2), 0);
	r.now += 500 * MS;
	assert_int_equal(mm_rd(&r, PSP_33), 0x80000000);
	assert_int_equal(mm_rd(&r, SOL), 0);
	assert_int_equal(mm_rd(&r, 0x14c), 0);
	r.now += 3000 * MS;
	assert_state(&r, "clean=1");
	assert_true(start(&r));
	rig_free(&r);
}

static void test_psp_mode1(void **state)
{
	(void)state;
	psp_mode1("vega10", 0x03b10028, 0x4b);
	psp_mode1("navi10", 0x03b10024, 0x32);
}

static void test_smu_messages(void **state)
{
	struct rig r;

	(void)state;
	rig_new(&r, "navi10");
	assert_false(send(&r, 0x2a, 0));	/* no SMU yet */
	assert_true(start(&r));
	assert_true(send(&r, 0x2a, 0));
	assert_false(send(&r, 0x99, 0));
	assert_int_equal(mm_rd(&r, 0x58a68), 0xfe);
	assert_true(send(&r, 0x32, 0));
	smn_wr(&r, 0x03b10b14, 1);
	smn_wr(&r, 0x03b10b14, 0);
	assert_state(&r, "smu=live");		/* MP1_PUB_CTRL brought it back */
	assert_true(send(&r, 0x33, 0));
	rig_free(&r);
}

/* Too early after mode1 the boot loader takes nothing. */
static void test_navi10_bootloader(void **state)
{
	struct rig r;

	(void)state;
	rig_new(&r, "navi10");
	assert_true(start(&r));
	card_bus_reset(r.card, 0);		/* keeps what runs */
	enable(&r);
	assert_state(&r, "dirty=1");
	mm_wr(&r, PSP_64, MODE1);
	r.now += 500 * MS;
	assert_int_equal(mm_rd(&r, BOOTLOADER), 0);
	mm_wr(&r, BOOTLOADER, 0x20000);
	assert_state(&r, "refused=1");
	assert_state(&r, "clean=0");
	r.now += 2500 * MS;
	assert_int_equal(mm_rd(&r, BOOTLOADER), 0x80000000);
	for (int fn = 1; fn < 4; fn++)
		assert_int_equal(cfg_rd(&r, fn, 0x10, 4), 0);
	assert_state(&r, "clean=1");
	rig_free(&r);
}

/* Through the I/O BAR, as an option ROM has to. */
static void test_soc15_indirect(void **state)
{
	struct rig r;

	(void)state;
	rig_new(&r, "navi10");
	bar_wr(&r, 0, 4, 0, SOC_MEMSIZE);
	assert_int_equal(bar_rd(&r, 0, 4, 4), 8192);
	bar_wr(&r, 0, 4, 0, 0x80000040);
	bar_wr(&r, 0, 4, 4, 0x1234);
	assert_int_equal(bar_rd(&r, 0, 0, 0x40), 0x1234);
	bar_wr(&r, 0, 4, 0, 4);
	assert_int_equal(bar_rd(&r, 0, 4, 4), ONES);
	rig_free(&r);
}

static void test_vega10_bus_reset(void **state)
{
	struct rig r;

	(void)state;
	rig_new(&r, "vega10");
	card_bus_reset(r.card, 0);		/* unused: no harm */
	enable(&r);
	assert_true(start(&r));
	card_bus_reset(r.card, 0);
	enable(&r);
	assert_int_equal(cfg_rd(&r, 0, 0, 4), 0x687f1002);
	assert_int_equal(mm_rd(&r, SOC_MEMSIZE), ONES);
	mm_wr(&r, PSP_64, MODE1);
	assert_state(&r, "wedged=1");
	assert_state(&r, "mode1=0");
	card_power_cycle(r.card);
	assert_state(&r, "clean=1");
	rig_free(&r);
}

/* BACO without an SMU: SOC_DOMAIN_IDLE never comes, and going on wedges. */
static void test_vega10_baco_needs_smu(void **state)
{
	struct rig r;
	size_t at;

	(void)state;
	rig_used(&r, &vega10);
	assert_true(send(&r, 0x4b, 0));
	at = row_index(&r, "ENTER");
	assert_true(run_rows(&r, 0, at));
	assert_false(run_row(&r, &vega10_rows[at]));
	assert_false(run_row(&r, &vega10_rows[at + 1]));
	assert_state(&r, "wedged=0");
	run_row(&r, &vega10_rows[at + 2]);
	assert_state(&r, "why=VE2-without-message");
	rig_free(&r);
}

/* What the driver asks before it believes in BACO. */
static void test_vega10_baco_fuse(void **state)
{
	struct rig r;

	(void)state;
	rig_new(&r, "vega10");
	assert_int_equal(mm_rd(&r, 0x481d4), 0);
	mm_wr(&r, 0x481d0, 0xfff0003b);
	assert_int_equal(mm_rd(&r, 0x481d4), 1);
	assert_int_equal(mm_rd(&r, 0x3480), 0x80);
	assert_int_equal(card_set(r.card, "px_capable", 0), 0);
	assert_int_equal(mm_rd(&r, 0x481d4), 0);
	assert_int_equal(mm_rd(&r, 0x3480), 0);
	rig_free(&r);
}

static void test_d3_drops(void **state)
{
	(void)state;
	for (int knob = 0; knob < 2; knob++) {
		struct rig r;

		rig_new(&r, "vega10");
		assert_int_equal(card_set(r.card, "d3_drops", knob), 0);
		cfg_wr(&r, 0, PMCSR, 2, 3);	/* before any reset: no harm */
		cfg_wr(&r, 0, PMCSR, 2, 0);
		assert_true(start(&r));
		mm_wr(&r, PSP_64, MODE1);
		r.now += 1000 * MS;
		cfg_wr(&r, 0, PMCSR, 2, 3);
		assert_int_equal(state_has(&r, "dead=1"), knob);
		rig_free(&r);
	}
}

static void debug_mode1(struct rig *r)
{
	mm_wr(r, 0x589d8, 0);
	mm_wr(r, 0x589d4, 0);
	mm_wr(r, 0x58a2c, 2);
}

static void test_navi48_debug_mode1(void **state)
{
	struct rig r;

	(void)state;
	rig_new(&r, "navi48");
	debug_mode1(&r);
	assert_state(&r, "unanswered=1");
	assert_true(start(&r));
	mm_wr(&r, PSP_64, MODE1);		/* not of this chip */
	assert_state(&r, "mode1_ignored=1");
	debug_mode1(&r);
	assert_int_equal(mm_rd(&r, 0x589d8), 0);
	r.now += 2 * MS;
	assert_int_equal(mm_rd(&r, 0x589d8), 1);
	assert_state(&r, "mode1=0");
	r.now += 1000 * MS;			/* nobody looked meanwhile */
	assert_state(&r, "mode1=1");
	assert_state(&r, "clean=1");
	assert_int_equal(cfg_rd(&r, 1, COMMAND, 2), 0);
	assert_true(start(&r));
	debug_mode1(&r);
	r.now += 1000 * MS;
	enable(&r);				/* what is restored now stays */
	assert_int_equal(mm_rd(&r, SOL), 0);
	assert_int_equal(cfg_rd(&r, 1, COMMAND, 2), 7);
	assert_true(start(&r));
	assert_true(send(&r, 0x2e, 0));		/* the SMU is halted */
	debug_mode1(&r);
	r.now += 1000 * MS;
	assert_state(&r, "mode1=2");
	assert_int_equal(mm_rd(&r, 0x589d8), 0);
	rig_free(&r);
}

static void test_navi48_bus_reset(void **state)
{
	struct rig r;

	(void)state;
	rig_new(&r, "navi48");
	for (int fn = 0; fn < 2; fn++)
		card_bus_reset(r.card, fn);
	assert_int_equal(cfg_rd(&r, 0, 0, 4), ONES);
	assert_int_equal(cfg_rd(&r, 1, 0, 4), ONES);
	card_bus_reset(r.card, 0);
	assert_state(&r, "dead=1");
	card_power_cycle(r.card);
	assert_state(&r, "clean=1");
	rig_free(&r);
}

/* The knob "dirty": what the guest left behind. */
static void test_soc15_left_behind(void **state)
{
	static const char *const want[][2] = {
		{ "dirty=1", "smu=live" }, { "dirty=1", "smu=halted" },
		{ "dirty=0", "smu=halted" },
	};
	struct rig r;

	(void)state;
	rig_new(&r, "navi48");
	assert_int_equal(card_set(r.card, "dirty", 0), -1);
	assert_int_equal(card_set(r.card, "dirty", 4), -1);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(card_set(r.card, "dirty", i + 1), 0);
		assert_state(&r, want[i][0]);
		assert_state(&r, want[i][1]);
		assert_state(&r, "clean=0");
	}
	assert_true(start(&r));		/* a clean shutdown: nothing is needed */
	assert_int_equal(card_set(r.card, "no_such_knob", 1), -1);
	rig_free(&r);
}

/* --- rtx5090 ---------------------------------------------------------------------- */

static void test_rtx5090_firewall(void **state)
{
	struct rig r;

	(void)state;
	rig_new(&r, "rtx5090");
	assert_int_equal(bar_rd(&r, 0, 0, 0), 0x1b2000a1);
	assert_int_equal(card_set(r.card, "dirty", 1), 0);
	assert_state(&r, "dirty=1");
	cfg_wr(&r, 0, DEVCTL, 2, 0x8000);
	enable(&r);
	assert_int_equal(bar_rd(&r, 0, 0, 0) >> 16, 0xbadf);
	bar_wr(&r, 0, 0, 0x100, 1);		/* lost */
	assert_state(&r, "early=2");
	assert_state(&r, "clean=0");
	r.now += 2500 * MS;
	assert_int_equal(bar_rd(&r, 0, 0, 0), 0x1b2000a1);
	assert_int_equal(bar_rd(&r, 0, 0, 0x100), 0);
	assert_state(&r, "clean=1");
	assert_int_equal(card_set(r.card, "firewall_ms", 0), 0);
	card_bus_reset(r.card, 0);
	enable(&r);
	assert_int_equal(bar_rd(&r, 0, 0, 0), 0x1b2000a1);
	rig_free(&r);
}

static void test_rtx5090_hang(void **state)
{
	struct rig r;

	(void)state;
	rig_new(&r, "rtx5090");
	assert_int_equal(card_set(r.card, "hang", 1), 0);
	cfg_wr(&r, 0, DEVCTL, 2, 0x8000);
	r.now += 3600 * 1000ull * MS;
	assert_int_equal(cfg_rd(&r, 0, 0, 4), ONES);
	assert_int_equal(cfg_rd(&r, 1, 0, 4), 0x22e810de);
	assert_state(&r, "hung=1");
	assert_state(&r, "flr_hangs=1");
	card_bus_reset(r.card, 0);
	card_bus_reset(r.card, 1);
	assert_int_equal(cfg_rd(&r, 0, 0, 4), 0x2b8510de);
	r.now += 2500 * MS;
	assert_state(&r, "clean=1");
	cfg_wr(&r, 0, DEVCTL, 2, 0x8000);	/* and an FLR is harmless again */
	assert_int_equal(cfg_rd(&r, 0, 0, 4), 0x2b8510de);
	rig_free(&r);
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
		cmocka_unit_test(test_polaris_reset_bug),
		cmocka_unit_test(test_polaris_command_bits),
		cmocka_unit_test(test_hawaii_halt),
		cmocka_unit_test(test_hawaii_scope),
		cmocka_unit_test(test_psp_mode1),
		cmocka_unit_test(test_smu_messages),
		cmocka_unit_test(test_navi10_bootloader),
		cmocka_unit_test(test_soc15_indirect),
		cmocka_unit_test(test_vega10_bus_reset),
		cmocka_unit_test(test_vega10_baco_needs_smu),
		cmocka_unit_test(test_vega10_baco_fuse),
		cmocka_unit_test(test_d3_drops),
		cmocka_unit_test(test_navi48_debug_mode1),
		cmocka_unit_test(test_navi48_bus_reset),
		cmocka_unit_test(test_soc15_left_behind),
		cmocka_unit_test(test_rtx5090_firewall),
		cmocka_unit_test(test_rtx5090_hang),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
