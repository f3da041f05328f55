/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * BACO (bus active, chip off) of Fiji: a checker of the order in which amdgpu's
 * fiji_baco.c walks through it.
 *
 * Each row below is one write of that file that matters; it counts as done when its
 * field changes to its bits. A row must find the rows before it done, and settled: a
 * handshake takes its time, and whoever does not wait for it comes too early. A row
 * out of order wedges the card, in a way that depends on how far it had got. Stricter
 * than silicon may be, on purpose.
 *
 * Free: the GPIO rows (pads of the board, no part of the power sequence) and, for the
 * state machine, the scratch rows (but a card with scratch registers left is not clean).
 */
#include <stdio.h>
#include <string.h>

#include "fury.h"

/* Fields of BACO_CNTL, amdgpu bif_5_0_sh_mask.h */
#define EN		(1u << 0)
#define BCLK_OFF	(1u << 1)
#define ISO_DIS		(1u << 2)
#define POWER_OFF	(1u << 3)
#define RESET_EN	(1u << 4)
#define MODE		(1u << 6)
#define ANA_ISO_DIS	(1u << 7)
#define CONFIG_DONE	(1u << 8)
#define PWRGOOD_BF	(1u << 9)
#define PWRGOOD		(7u << 10)
#define SCLK_SWITCH	(1u << 18)
#define STATUS_BITS	(MODE | CONFIG_DONE | PWRGOOD_BF | PWRGOOD)

/* Fields of CG_SPLL_FUNC_CNTL_2 and CG_SPLL_STATUS */
#define BYPASS_CHG	0x400000u
#define CTLREQ_CHG	0x800000u
#define SPLL_CHG_STATUS	0x2u

#define MODE_ON_US	2000u	/* POWER_OFF to MODE=1 */
#define MIN_OFF_US	20000u	/* the regulator's pause, common_baco.c */

enum group { FR, FB, FT, FC, FE, FX, NGROUPS };

#define G(group) (1u << (group))

static const struct group_rule {
	unsigned after;		/* groups that must be complete before */
	bool ordered;		/* rows in the order of the table */
	enum baco_wedge wedge;	/* what a row out of order does */
} rules[NGROUPS] = {
	[FR] = { 0, false, WEDGE_NO_CLOCK },
	[FB] = { 0, true, WEDGE_NO_CLOCK },
	[FT] = { G(FB), true, WEDGE_NO_CLOCK },
	/* polaris_baco.c has the same registers in another order */
	[FC] = { G(FB) | G(FT), false, WEDGE_NO_CLOCK },
	[FE] = { G(FR) | G(FB) | G(FT) | G(FC), true, WEDGE_STUCK },
	[FX] = { G(FE), true, WEDGE_OFF },
};

#define CNTL	SPACE_MM, REG_BACO_CNTL
#define SMC(a)	SPACE_SMC, SMC_##a

static const struct row {
	const char *name;
	enum group group;
	enum reg_space space;
	uint32_t addr, mask, bits;
	unsigned settle_us;
} rows[] = {
	{ "FR1", FR, SMC(FB_REJECT), 0x1, 0x1, 0 },
	{ "FR2", FR, SPACE_MM, REG_BIF_FB_EN, 0x3, 0, 0 },
	/* switch to the bypass clock */
	{ "FB1", FB, SMC(SPLL_FUNC_CNTL), 0x8, 0x8, 0 },
	{ "FB2", FB, SMC(SPLL_FUNC_CNTL_2), BYPASS_CHG, BYPASS_CHG, 300 },
	{ "FB4", FB, SMC(SPLL_FUNC_CNTL_2), BYPASS_CHG, 0, 0 },
	{ "FB5", FB, SMC(SPLL_FUNC_CNTL_2), CTLREQ_CHG, CTLREQ_CHG, 300 },
	{ "FB7", FB, SMC(SPLL_FUNC_CNTL_2), CTLREQ_CHG, 0, 0 },
	{ "FB8", FB, SMC(SPLL_UNNAMED), 0x04000000, 0x04000000, 0 },
	{ "FB9", FB, SMC(MPLL_BYPASSCLK_SEL), 0xff00, 0x200, 0 },
	/* PLLs off */
	{ "FT1", FT, SMC(SPLL_FUNC_CNTL), 0x1, 0x1, 0 },
	{ "FT2", FT, SMC(SPLL_FUNC_CNTL), 0x2, 0, 0 },
	{ "FT3", FT, SMC(SPLL_UNNAMED), 0x02000000, 0x02000000, 0 },
	{ "FT4", FT, SMC(SPLL_UNNAMED), 0x08000000, 0, 0 },
	/* reference clock */
	{ "FC1", FC, SMC(CLKPIN_CNTL_2), 0x8, 0, 0 },
	{ "FC2", FC, SMC(MPLL_BYPASSCLK_SEL), 0xff00, 0x400, 0 },
	{ "FC3", FC, SMC(MISC_CLK_CTRL), 0xff, 0x1, 0 },
	{ "FC4", FC, SMC(MISC_CLK_CTRL), 0xff00, 0x100, 0 },
	{ "FC5", FC, SMC(CLKPIN_CNTL), 0x4, 0, 0 },
	{ "FC6", FC, SMC(THM_CLK_CNTL), 0xff, 0x1, 0 },
	{ "FC7", FC, SMC(THM_CLK_CNTL), 0xff00, 0x100, 0 },
	/* enter */
	{ "FE1", FE, CNTL, EN, EN, 0 },
	{ "FE2", FE, CNTL, SCLK_SWITCH, SCLK_SWITCH, 200 },
	{ "FE4", FE, CNTL, BCLK_OFF, BCLK_OFF, 200 },
	{ "FE6", FE, CNTL, ISO_DIS, 0, 150 },
	{ "FE8", FE, CNTL, ANA_ISO_DIS, 0, 150 },
	{ "FE10", FE, CNTL, POWER_OFF, POWER_OFF, 200 },
	/* exit */
	{ "FX1", FX, CNTL, RESET_EN, RESET_EN, 0 },
	{ "FX2", FX, CNTL, BCLK_OFF, 0, 0 },
	{ "FX3", FX, CNTL, POWER_OFF, 0, 1000 },
	{ "FX5", FX, CNTL, ISO_DIS, ISO_DIS, 400 },
	{ "FX7", FX, CNTL, ANA_ISO_DIS, ANA_ISO_DIS, 0 },
	{ "FX8", FX, CNTL, SCLK_SWITCH, 0, 0 },
	{ "FX9", FX, CNTL, RESET_EN, 0, 300 },
	{ "FX11", FX, CNTL, EN, 0, 500 },
};

#define NROWS (sizeof(rows) / sizeof(*rows))

_Static_assert(NROWS <= BACO_ROWS_MAX, "done_at is too short");

#define BIT(i) ((uint64_t)1 << (i))

/* Rows are few: looking one up by name keeps the code below readable. */
static size_t row_of(const char *name)
{
	size_t i = 0;

	while (i < NROWS - 1 && strcmp(rows[i].name, name))
		i++;
	return i;
}

static bool same_field(const struct row *a, const struct row *b)
{
	return a->space == b->space && a->addr == b->addr && a->mask == b->mask;
}

static bool settled(const struct baco *b, size_t i, uint64_t now)
{
	return (b->done & BIT(i)) && now >= b->done_at[i] + rows[i].settle_us;
}

static bool row_settled(const struct card *card, const struct baco *b, const char *name)
{
	return settled(b, row_of(name), card_now(card));
}

void baco_init(struct baco *b)
{
	memset(b, 0, sizeof(*b));
	b->cntl = ISO_DIS | ANA_ISO_DIS;	/* not isolated, power good */
}

/* Must row j have been done before row i? */
static bool needs(size_t i, size_t j)
{
	const struct group_rule *rule = &rules[rows[i].group];

	if (rows[j].group == rows[i].group)
		return rule->ordered && j < i;
	return rule->after & G(rows[j].group);
}

static void wedge(struct card *card, struct baco *b, size_t i, const char *how,
		  const char *what)
{
	b->wedge = rules[rows[i].group].wedge;
	b->mode_on_at = 0;
	b->exit_at = 0;
	if (b->wedge == WEDGE_OFF)
		b->off = true;
	snprintf(b->why, sizeof(b->why), "%s-%s-%s", rows[i].name, how, what);
	card_log(card, "BACO wedged: %s", b->why);
}

/* Is the chip off, or on its way there? Before that, an exit is merely pointless. */
static bool going_off(const struct baco *b)
{
	return b->off || b->mode_on_at;
}

/* True when row i is allowed now; wedges the card when not. */
static bool in_order(struct card *card, struct baco *b, size_t i)
{
	uint64_t now = card_now(card);

	if (rows[i].group == FX && !going_off(b))
		return true;
	for (size_t j = 0; j < NROWS; j++) {
		if (!needs(i, j) || settled(b, j, now))
			continue;
		wedge(card, b, i, b->done & BIT(j) ? "too-early-after" : "without",
		      rows[j].name);
		return false;
	}
	if (i == row_of("FX1") && (!b->off || now - b->off_since < MIN_OFF_US)) {
		wedge(card, b, i, "within", "20ms");
		return false;
	}
	return true;
}

/* Doing a row again takes back the later rows of its field; an exit that is not one
 * takes back the rows of the enter. */
static void take_back(struct baco *b, size_t i)
{
	bool undo = rows[i].group == FX && !going_off(b);

	for (size_t j = 0; j < NROWS; j++)
		if (same_field(&rows[i], &rows[j]) && (j > i || (undo && j < i)))
			b->done &= ~BIT(j);
}

static void row_done(struct card *card, struct fury *f, size_t i)
{
	struct baco *b = &f->baco;
	uint64_t now = card_now(card);

	if (b->wedge || !in_order(card, b, i))
		return;
	card_log(card, "BACO %s", rows[i].name);
	take_back(b, i);
	b->done |= BIT(i);
	b->done_at[i] = now;
	if (i == row_of("FE10") && f->px_capable)
		b->mode_on_at = now + MODE_ON_US;
	if (i == row_of("FX11") && b->off)
		b->exit_at = now + rows[i].settle_us;
	if (i == row_of("FX11") && !b->off)
		/* an exit from nowhere leaves no trace but the clocks */
		for (size_t j = 0; j < NROWS; j++)
			if (rows[j].group >= FE)
				b->done &= ~BIT(j);
}

/* Does any row set the field of row i to val? */
static bool some_row_wants(size_t i, uint32_t val)
{
	for (size_t j = 0; j < NROWS; j++)
		if (same_field(&rows[i], &rows[j]) &&
		    (val & rows[j].mask) == rows[j].bits)
			return true;
	return false;
}

void baco_watch(struct card *card, struct fury *f, enum reg_space space, uint32_t addr,
		uint32_t old, uint32_t val)
{
	for (size_t i = 0; i < NROWS; i++) {
		const struct row *r = &rows[i];

		if (r->space != space || r->addr != addr || !((old ^ val) & r->mask))
			continue;
		if ((val & r->mask) == r->bits)
			row_done(card, f, i);
		else if (!some_row_wants(i, val))
			f->baco.done &= ~BIT(i);
	}
}

static void power_off(struct card *card, struct fury *f)
{
	struct baco *b = &f->baco;

	b->off = true;
	b->off_since = b->mode_on_at;
	b->mode_on_at = 0;
	fury_true_reset(card, f, true);
	/* The audio function is on the dark side; the bus interface of fn 0 is not. */
	card_cfg_defaults(card, 1);
	card_log(card, "BACO: chip is off");
}

static void power_back(struct card *card, struct fury *f)
{
	fury_true_reset(card, f, true);
	baco_init(&f->baco);
	f->bacos++;
	card_log(card, "BACO: chip is back, reset");
}

void baco_tick(struct card *card, struct fury *f)
{
	struct baco *b = &f->baco;
	uint64_t now = card_now(card);

	if (b->mode_on_at && now >= b->mode_on_at)
		power_off(card, f);
	if (b->exit_at && now >= b->exit_at)
		power_back(card, f);
}

/* Control bits as they read: a row that has not settled still shows the old value. */
static uint32_t shown_control(const struct card *card, const struct baco *b)
{
	uint32_t val = b->cntl;

	for (size_t i = 0; i < NROWS; i++)
		if (rows[i].group == FE && (b->done & BIT(i)) &&
		    !settled(b, i, card_now(card)) && b->wedge == WEDGE_NONE)
			val = (val & ~rows[i].mask) | (~rows[i].bits & rows[i].mask);
	return val;
}

uint32_t baco_cntl_read(struct card *card, struct fury *f)
{
	const struct baco *b = &f->baco;
	uint32_t val = shown_control(card, b);
	bool started = b->done & BIT(row_of("FX9"));

	if (b->off)
		val |= MODE;
	if (!b->off || row_settled(card, b, "FX3"))
		val |= PWRGOOD_BF;
	if (!b->off || row_settled(card, b, "FX5"))
		val |= PWRGOOD;
	if (!(val & RESET_EN) && (started || b->off ? row_settled(card, b, "FX9") : true))
		val |= CONFIG_DONE;
	return val;
}

void baco_cntl_write(struct card *card, struct fury *f, uint32_t val)
{
	struct baco *b = &f->baco;
	uint32_t old = b->cntl;

	if (b->wedge)
		return;
	b->cntl = val & ~STATUS_BITS;
	baco_watch(card, f, SPACE_MM, REG_BACO_CNTL, old, b->cntl);
}

/* CHG_STATUS: true some time after a change request was set, false again as soon as
 * another one is. */
uint32_t baco_spll_status(struct card *card, struct fury *f)
{
	uint32_t req = store_get(card->regs,
				 STORE_KEY(0, BAR_SMC, SMC_SPLL_FUNC_CNTL_2));
	const struct baco *b = &f->baco;

	if (!(req & (BYPASS_CHG | CTLREQ_CHG)) ||
	    (req & BYPASS_CHG && !row_settled(card, b, "FB2")) ||
	    (req & CTLREQ_CHG && !row_settled(card, b, "FB5")))
		return 0;
	return SPLL_CHG_STATUS;
}
