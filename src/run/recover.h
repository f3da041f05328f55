/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Putting back what a killed worker left: the journal of a slot, as an errand. */
#ifndef GPURESET_RUN_RECOVER_H
#define GPURESET_RUN_RECOVER_H

#include "run/exec.h"
#include "run/journal.h"

struct recovery {
	bool found;             /* there was something to put back */
	bool damaged;           /* more than could be read */
	size_t steps;           /* undos that were due */
	size_t failed;          /* of these: could not be done and stay in the journal */
	size_t later;           /* of these: host drivers, left for recover_slot() */
	struct err first;       /* of those that failed */
	/* a configuration that was passed over, or a pulse that failed; code 0: none */
	struct err note;
	/* a card that was gone was to be woken: once is enough, so it is never cleared */
	bool pulsed;
};

/*
 * The caller holds the slot's lock, and nobody uses the card; @rec was zeroed before its
 * first call. Reads the journal, runs
 * its undo steps in the order in which the attempt would have, and removes it when all
 * were done; what could not be done stays for the next time. Of an undo that is in it
 * more than once the first is the true one. Safe to run twice. A journal that is damaged
 * is followed as far as it can be read. A card that cannot be found again is waited for
 * until @watch says to stop, or its recover_until, and then woken by a reset of its bus
 * where nothing else is on that and no list forbids it. @watch may be NULL; its keep is
 * not used. 0 also
 * when there is nothing; a negative errno when the journal cannot be read or trusted.
 */
int recover_slot(struct hw *hw, const char *run_dir, struct bdf slot,
		 const struct exec_watch *watch, struct recovery *rec, struct err *err);

/*
 * The same, but host drivers stay unbound and in the journal: before a reset, as nobody
 * knows what a program that was cut short has left of the chip. recover_slot() after it.
 */
int recover_but_drivers(struct hw *hw, const char *run_dir, struct bdf slot,
			const struct exec_watch *watch, struct recovery *rec,
			struct err *err);

/*
 * What recover_slot() would do, step by step: @fn (may be NULL) is told, @rec counts.
 * Changes nothing and needs no lock; of a run that goes on meanwhile it says what that
 * will undo itself. Errors as recover_slot().
 */
typedef void recover_step_fn(const struct step *s, void *arg);
int recover_look(const char *run_dir, struct bdf slot, recover_step_fn *fn, void *arg,
		 struct recovery *rec, struct err *err);

/* Is there something to put back? Errors as recover_slot(). 1: there is. */
int recover_needed(const char *run_dir, struct bdf slot, struct err *err);

#endif
