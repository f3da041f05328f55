/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * BACO's order checker, see baco.h. Free: what no row names (the GPIO pads belong to
 * the board, not to the power sequence) and, for the state machine, the scratch rows.
 */
#include <stdio.h>
#include <string.h>

#include "baco.h"

#define MIN_OFF_US	20000u	/* the regulator's pause, amdgpu common_baco.c */

#define BIT(i) ((uint64_t)1 << (i))

uint64_t space_key(enum reg_space space, uint32_t addr)
{
	return STORE_KEY(0, space == SPACE_MM ? BAR_REGS : BAR_SMC, addr);
}

/* Rows are few: looking one up by name keeps the code below readable. */
static size_t row_of(const struct baco *b, const char *name)
{
	size_t i = 0;

	while (i < b->table->nrows - 1 && strcmp(b->table->row[i].name, name))
		i++;
	return i;
}

static bool same_field(const struct baco_row *a, const struct baco_row *b)
{
	return a->space == b->space && a->addr == b->addr && a->mask == b->mask;
}

static bool settled(const struct baco *b, size_t i, uint64_t now)
{
	return (b->done & BIT(i)) &&
	       now >= b->done_at[i] + b->table->row[i].settle_us;
}

void baco_init(struct baco *b)
{
	struct baco fresh = { .table = b->table, .incapable = b->incapable };

	*b = fresh;
}

/* Must row j have been done before row i? */
static bool needs(const struct baco *b, size_t i, size_t j)
{
	const struct baco_row *row = b->table->row;
	const struct baco_rule *rule = &b->table->rule[row[i].group];

	if (row[j].group == row[i].group)
		return rule->ordered && j < i;
	return rule->after & GROUP(row[j].group);
}

void baco_wedge_now(struct card *card, struct baco *b, enum baco_wedge how,
		    const char *why)
{
	b->wedge = how;
	b->mode_on_at = 0;
	b->exit_at = 0;
	if (b->wedge == WEDGE_OFF)
		b->off = true;
	snprintf(b->why, sizeof(b->why), "%s", why);
	card_log(card, "wedged: %s", b->why);
}

static void wedge(struct card *card, struct baco *b, size_t i, const char *how,
		  const char *what)
{
	const struct baco_row *row = &b->table->row[i];
	char why[sizeof(b->why)];

	snprintf(why, sizeof(why), "%s-%s-%s", row->name, how, what);
	baco_wedge_now(card, b, b->table->rule[row->group].wedge, why);
}

/* Is the chip off, or on its way there? Before that, an exit is merely pointless. */
static bool going_off(const struct baco *b)
{
	return b->off || b->mode_on_at;
}

/* True when row i is allowed now; wedges the card when not. */
static bool in_order(struct card *card, struct baco *b, size_t i)
{
	const struct baco_table *t = b->table;
	uint64_t now = card_now(card);

	if (t->row[i].group == FX && !going_off(b))
		return true;
	for (size_t j = 0; j < t->nrows; j++) {
		if (!needs(b, i, j) || settled(b, j, now))
			continue;
		wedge(card, b, i, b->done & BIT(j) ? "too-early-after" : "without",
		      t->row[j].name);
		return false;
	}
	if (i == row_of(b, t->back_first) &&
	    (!b->off || now - b->off_since < MIN_OFF_US)) {
		wedge(card, b, i, "within", "20ms");
		return false;
	}
	return true;
}

/* Doing a row again takes back the later rows of its field; an exit that is not one
 * takes back the rows of the enter. */
static void take_back(struct baco *b, size_t i)
{
	const struct baco_row *row = b->table->row;
	bool undo = row[i].group == FX && !going_off(b);

	for (size_t j = 0; j < b->table->nrows; j++)
		if ((j > i || (undo && j < i)) && same_field(&row[i], &row[j]))
			b->done &= ~BIT(j);
}

/* The enter and exit rows are to be done once more. */
static void forget_switching(struct baco *b)
{
	for (size_t j = 0; j < b->table->nrows; j++)
		if (b->table->row[j].group >= FE)
			b->done &= ~BIT(j);
}

static void row_done(struct card *card, struct baco *b, size_t i)
{
	const struct baco_table *t = b->table;
	uint64_t now = card_now(card);

	if (b->wedge || !in_order(card, b, i))
		return;
	card_log(card, "BACO %s", t->row[i].name);
	take_back(b, i);
	b->done |= BIT(i);
	b->done_at[i] = now;
	if (i == row_of(b, t->off) && !b->incapable)
		b->mode_on_at = now + t->mode_on_us;
	if (i != row_of(b, t->back_last))
		return;
	if (b->off)
		b->exit_at = now + t->row[i].settle_us;
	else
		/* an exit from nowhere leaves no trace but the clocks */
		forget_switching(b);
}

void baco_event(struct card *card, struct baco *b, const char *row)
{
	row_done(card, b, row_of(b, row));
}

/* Does any row set the field of row i to val? */
static bool some_row_wants(const struct baco *b, size_t i, uint32_t val)
{
	const struct baco_row *row = b->table->row;

	for (size_t j = 0; j < b->table->nrows; j++)
		if (same_field(&row[i], &row[j]) && (val & row[j].mask) == row[j].bits)
			return true;
	return false;
}

void baco_watch(struct card *card, struct baco *b, enum reg_space space, uint32_t addr,
		uint32_t old, uint32_t val)
{
	for (size_t i = 0; i < b->table->nrows; i++) {
		const struct baco_row *r = &b->table->row[i];

		if (r->space != space || r->addr != addr || !((old ^ val) & r->mask) ||
		    (r->flags & ROW_EVENT))
			continue;
		if ((val & r->mask) == r->bits)
			row_done(card, b, i);
		else if (!some_row_wants(b, i, val))
			b->done &= ~BIT(i);
	}
}

/* What the chip clears by itself is cleared in the store: a later read-modify-write must
 * find it so. */
static void clear_settled(struct card *card, struct baco *b)
{
	for (size_t i = 0; i < b->table->nrows; i++) {
		const struct baco_row *r = &b->table->row[i];
		uint64_t key = space_key(r->space, r->addr);

		if ((r->flags & ROW_SELF) && settled(b, i, card_now(card)) &&
		    (store_get(card->regs, key) & r->mask))
			store_put(card->regs, key, store_get(card->regs, key) & ~r->mask);
	}
}

void baco_tick(struct card *card, struct baco *b)
{
	uint64_t now = card_now(card);

	clear_settled(card, b);
	if (b->mode_on_at && now >= b->mode_on_at) {
		b->off = true;
		b->off_since = b->mode_on_at;
		b->mode_on_at = 0;
		b->table->went_off(card);
		card_log(card, "BACO: chip is off");
	}
	if (b->exit_at && now >= b->exit_at) {
		baco_init(b);
		b->table->came_back(card);
		card_log(card, "BACO: chip is back, reset");
	}
}

uint64_t baco_age(const struct card *card, const struct baco *b, enum reg_space space,
		  uint32_t addr, uint32_t mask, uint32_t bits)
{
	for (size_t i = 0; i < b->table->nrows; i++) {
		const struct baco_row *r = &b->table->row[i];

		if (r->space == space && r->addr == addr && r->mask == mask &&
		    r->bits == bits)
			return b->done & BIT(i) ? card_now(card) - b->done_at[i] : 0;
	}
	return 0;
}

uint32_t baco_shown(const struct card *card, const struct baco *b, enum reg_space space,
		    uint32_t addr, uint32_t val)
{
	for (size_t i = 0; i < b->table->nrows; i++) {
		const struct baco_row *r = &b->table->row[i];

		if ((r->flags & ROW_LATE) && r->space == space && r->addr == addr &&
		    (b->done & BIT(i)) && !settled(b, i, card_now(card)) &&
		    b->wedge == WEDGE_NONE)
			val = (val & ~r->mask) | (~r->bits & r->mask);
	}
	return val;
}
