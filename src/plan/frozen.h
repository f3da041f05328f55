/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Attempts from which the host did not come back. Each stands in a list since before its
 * first step that may hang the host, and is taken off when it has ended (run/freeze.h).
 * One that is still in the list and whose boot is over took the host along: it is off
 * for this card until the person allows it again. Pure: who plans hands the list in.
 */
#ifndef GPURESET_PLAN_FROZEN_H
#define GPURESET_PLAN_FROZEN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bdf.h"
#include "base/err.h"

struct plan;
struct target;

/* All texts are the list's; none but @undo is NULL. */
struct frozen {
	const char *method;             /* the attempt's name, "bus at 0000:00:1c.0" */
	const char *boot;               /* the kernel's boot id */
	const char *card;               /* frozen_card() */
	const char *quirk;              /* "amd-fiji FILE:27", or "-" */
	const char *step;               /* first that may hang it, as step_print() */
	const char *kernel;             /* release */
	const char *time;               /* by the wall clock, which may be wrong */
	/* What was not undone then: lines "undo ...", @undo_len bytes, no NUL. */
	const char *undo;
	size_t undo_len;
	struct bdf slot;                /* where the card was then: whose list it is in */
};

#define FROZEN_BOOT 64
#define FROZEN_MOST 32          /* of a slot; a card has fewer methods */
struct frozen_list {
	/* of one slot, maybe several cards; behind them what moved here with its card */
	struct frozen item[FROZEN_MOST];
	size_t n;
	char *text;
	char *more[FROZEN_MOST];        /* texts of those that moved */
	size_t nmore;
	const char *dir;                /* where it comes from; not owned */
	char boot[FROZEN_BOOT];         /* this boot; "": not known, so it is none */
	/* Code not 0: it cannot be read, so what hung the host before is not known. */
	struct err wrong;
};

/* Did the host live on? Then the process alone was killed, or is still at it. */
bool frozen_lived(const struct frozen_list *list, const struct frozen *f);

/* "1002:7300:1002:0b36": ids of the display function and its board. */
#define FROZEN_CARD 20
const char *frozen_card(const struct target *t, char buf[FROZEN_CARD]);

/* "the host did not come back from 'flr' on ... (boot ..., step '...', kernel ...)" */
void frozen_say(const struct frozen *f, char *buf, size_t size);

/*
 * Marks attempts of plan->opts.frozen as denied; with a list that cannot be read, all
 * that may hang the host. plan->frozen_other: records of another card in this slot.
 */
void frozen_attempts(struct plan *plan);

#endif
