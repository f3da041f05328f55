/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * BACO (bus active, chip off): a checker of the order in which AMD's driver walks
 * through it, the same for all chips; each chip brings its table.
 *
 * A row is one write that matters; it counts as done when its field changes to its bits.
 * A row must find the rows before it done, and settled: a handshake takes its time, and
 * whoever does not wait for it comes too early. A row out of order wedges the card, in a
 * way that depends on how far it had got. Stricter than silicon may be, on purpose.
 */
#ifndef MODEL_BACO_H
#define MODEL_BACO_H

#include "internal.h"

enum reg_space { SPACE_MM, SPACE_SMC };

#define BAR_REGS	5
#define BAR_SMC		6	/* no BAR: where the store keeps SMC (or SMN) registers */

/* Where the store keeps a register. */
uint64_t space_key(enum reg_space space, uint32_t addr);

/* How a card that was driven wrongly fails; only a power cycle helps. */
enum baco_wedge {
	WEDGE_NONE,
	WEDGE_NO_CLOCK,	/* every register reads all ones */
	WEDGE_STUCK,	/* BACO_CNTL takes no more writes, MODE stays 0 */
	WEDGE_OFF,	/* the chip stays off: MODE stays 1 */
};

/* Reject memory, bypass clock, PLLs off, reference clock, enter, exit; the names of the
 * groups are those of Fiji's tables. */
enum baco_group { FR, FB, FT, FC, FE, FX, BACO_NGROUPS };

#define GROUP(group) (1u << (group))

struct baco_rule {
	unsigned after;		/* groups that must be complete before */
	bool ordered;		/* rows in the order of the table */
	enum baco_wedge wedge;	/* what a row out of order does */
};

#define ROW_LATE	0x1u	/* reads as before until it has settled */
#define ROW_SELF	0x2u	/* the chip clears the bits again when it has settled */
#define ROW_EVENT	0x4u	/* no register: baco_event says when */

struct baco_row {
	const char *name;
	enum baco_group group;
	enum reg_space space;
	uint32_t addr, mask, bits;
	unsigned settle_us;
	unsigned flags;
};

#define BACO_ROWS_MAX 64

struct baco_table {
	const struct baco_row *row;
	size_t nrows;
	const struct baco_rule *rule;		/* by group */
	const char *off, *back_first, *back_last;	/* rows */
	unsigned mode_on_us;			/* row "off" to MODE=1 */
	/* the chip loses its power; has it back */
	void (*went_off)(struct card *card);
	void (*came_back)(struct card *card);
};

struct baco {
	const struct baco_table *table;
	bool incapable;			/* the board has no switch: MODE never comes */
	uint64_t done;			/* one bit per row */
	uint64_t done_at[BACO_ROWS_MAX];
	uint64_t mode_on_at;		/* power goes off then; 0 = not asked for */
	uint64_t off_since;
	uint64_t exit_at;		/* MODE drops then; 0 = not asked for */
	bool off;			/* MODE */
	enum baco_wedge wedge;
	char why[48];
};

/* As after power-on; the table and what the board is capable of stay. */
void baco_init(struct baco *b);
/* Let time pass. */
void baco_tick(struct card *card, struct baco *b);
/* A register changed from old to val: check it against the documented order. */
void baco_watch(struct card *card, struct baco *b, enum reg_space space, uint32_t addr,
		uint32_t old, uint32_t val);
/* A row that is no register write happened. */
void baco_event(struct card *card, struct baco *b, const char *row);
/* Driven wrongly in some other way. */
void baco_wedge_now(struct card *card, struct baco *b, enum baco_wedge how,
		    const char *why);
/* Microseconds since the row that gives the field these bits was done; 0: it was not. */
uint64_t baco_age(const struct card *card, const struct baco *b, enum reg_space space,
		  uint32_t addr, uint32_t mask, uint32_t bits);
/* A register's value as it reads: bits that have not settled show the old value. */
uint32_t baco_shown(const struct card *card, const struct baco *b, enum reg_space space,
		    uint32_t addr, uint32_t val);

#endif
