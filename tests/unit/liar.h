/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A card as a malicious guest left it: it lies about itself, from some moment on and
 * perhaps until some other; what the program makes of it, and whether it kept its
 * promises. Behind the lies there is a model that knows the truth.
 */
#ifndef TESTS_LIAR_H
#define TESTS_LIAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim_rig.h"

/* Moments of a run. */
enum lie_when {
	LIE_FACTS,              /* before the card is looked at */
	LIE_PLANNED,            /* the plan is made, nothing is done yet */
	LIE_ACT, LIE_RESTORE, LIE_HEALTH, LIE_PUT_BACK, /* first step of that phase */
	LIE_NEVER
};

struct liar_row;

/* The lies there are, and their names. */
size_t liar_rows(void);
const char *liar_name(size_t i);
/* Is it about registers in BARs, so that a card without a quirk file does not care? */
bool liar_about_registers(size_t i);

/* Cards and where they are. */
size_t liar_scenes(void);
const char *liar_scene(size_t i);

struct liar_case {
	size_t scene, lie;
	enum lie_when from, until;
	uint32_t read;          /* not before the card was read that often */
	uint8_t fns;            /* bit mask of the functions that lie */
	uint8_t seed;
	bool untested;          /* programs of untested entries are allowed */
	const uint8_t *data;    /* the lie "answers": what it says, see liar.c */
	size_t size;
};

struct liar_tally {
	unsigned long configurations, refused, acted, told, healthy;
	unsigned long false_successes, outside, neighbours, late, undone, too_many;
	unsigned long rescans;          /* left to the kernel to find again as it lies */
	unsigned long accesses;
};

/*
 * Play one case and add to @t. Returns NULL, or the promise that was not kept (a text
 * that lives until the next call).
 */
const char *liar_play(const struct liar_case *c, struct liar_tally *t);

#endif
