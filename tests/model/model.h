/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Emulated graphics cards, seen from the bus: configuration space, BARs, resets.
 *
 * No I/O, no threads, no clock of its own: the caller says what time it is, so the
 * lab server runs a card in real time and the unit tests in virtual time. Anything
 * that takes time on a real card (a function that is not ready yet, a handshake bit)
 * is worked out from that clock at the next access.
 */
#ifndef MODEL_H
#define MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct card;
struct card_kind;

/* What a card needs from its owner; log may be NULL and gets one line, no newline. */
struct card_env {
	uint64_t (*now_us)(void *arg);
	void (*log)(void *arg, const char *line);
	void *arg;
};

/* The table of kinds, and the name of a row. */
const struct card_kind *card_kinds(size_t *n);
const struct card_kind *card_kind_at(size_t i);
const char *card_kind_name(const struct card_kind *kind);

/* A card fresh from power-on, or NULL: no such kind, or no memory. Copies *env. */
struct card *card_new(const char *kind, const struct card_env *env);
void card_free(struct card *card);
int card_nfunctions(const struct card *card);

/*
 * Configuration space of function fn: width 1, 2 or 4; what lies outside of its 256 or
 * 4096 bytes, or a function that does not answer (dead, or not ready), reads all ones.
 */
unsigned card_cfg_size(const struct card *card);
uint32_t card_cfg_read(struct card *card, int fn, unsigned off, unsigned width);
void card_cfg_write(struct card *card, int fn, unsigned off, unsigned width,
		    uint32_t val);

/*
 * A BAR: width 1, 2, 4 or 8, at offset off. Reads all ones and ignores writes when the
 * function does not decode (COMMAND, D3hot, dead, not ready) or off lies outside.
 */
uint64_t card_bar_read(struct card *card, int fn, int bar, uint64_t off, unsigned width);
void card_bar_write(struct card *card, int fn, int bar, uint64_t off, unsigned width,
		    uint64_t val);

/*
 * Which BAR of fn answers to a bus address, from the BARs as programmed and COMMAND.
 * 0 and *bar, *off; or -1, when nobody claims the address.
 */
int card_bar_of(const struct card *card, int fn, uint64_t bus_addr, bool memory,
		int *bar, uint64_t *off);

/* The BARs a function has: -1 and nothing in *info for one it has not. */
struct card_bar {
	uint64_t size;
	bool io, wide, prefetch;	/* wide: 64 bits, bar + 1 is its upper half */
};
int card_bar_info(const struct card *card, int fn, int bar, struct card_bar *info);

/* Where the card believes a BAR it has to be; 0: nobody has told it since its reset. */
uint64_t card_bar_base(const struct card *card, int fn, int bar);

/* Hot reset (secondary bus reset) as one function sees it; call it for each function. */
void card_bus_reset(struct card *card, int fn);

/* Power off and on: everything back to power-on, counters and knobs of card_set stay. */
void card_power_cycle(struct card *card);

/* The card stops answering. What brings it back is a matter of its kind (kinds.c). */
void card_kill(struct card *card);

/*
 * Turn a knob. All cards: delay_ms (not ready after a reset), flr (does FLR reset the
 * inside? 0/1), die_at, stuck_at, lie. fury: px_capable, cfgreset_works, used; README.md
 * has them all. Returns 0, or -1 for no such knob.
 */
int card_set(struct card *card, const char *key, long value);

/*
 * Ground truth in one line of key=value words, for tests; the meaning of each word is
 * told in README.md. Always terminated, cut off when n is too small.
 */
void card_state(const struct card *card, char *buf, size_t n);

#endif
