/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The journal of intent: before a step changes anything, how to undo it stands in
 * RUN_DIR/journal-SLOT, and when it was undone, that does too. A worker that is killed
 * leaves the file behind, and whoever locks the slot next puts things back first
 * (run/recover.h). /run is gone at the next boot, and so is what it would put back.
 *
 * Text, a line each, only appended to (O_APPEND) and emptied when nothing is left:
 *   undo 1.14 attr 0000:01:00.0 phase=4 us=1000000 name=power/control text=auto
 *   undo 1.9 restore 0000:01:00.0 phase=2 us=3000000 image=73001002:58.2.5930,4.2.407
 *   done 1.14
 * ATTEMPT.PLACE, the kind of step, the function; then what the step holds, numbers in
 * hexadecimal, of texts all but letters, digits and "_-./" as %XX. A line that is not
 * understood ends the journal; one without a newline was being written when we died.
 */
#ifndef GPURESET_RUN_JOURNAL_H
#define GPURESET_RUN_JOURNAL_H

#include <limits.h>

#include "base/bdf.h"
#include "base/err.h"
#include "plan/plan.h"
#include "run/exec.h"
#include "run/rundir.h"

struct journal {
	int fd;                         /* -1: not open */
	char path[PATH_MAX];
	unsigned attempt;               /* the one that is being written down, from 1 */
	size_t open;                    /* undos written down and not done */
	size_t size;                    /* of what is whole in the file */
	bool broken;                    /* more than that is in it: cut before writing */
	bool damaged;                   /* at opening: lines that were not understood */
	struct exec_keep keep;          /* for struct exec_watch while it is open */
};

/* An undo that is not done yet. */
struct journal_item {
	unsigned attempt;
	size_t place;
	struct step step;               /* its texts belong to the list */
	struct confsave image;          /* RESTORE; n 0: none */
	uint32_t value;                 /* PUT */
};

struct journal_list {
	struct journal_item *item;      /* in the order in which they were written */
	size_t n, room;
	char *text;
};

/*
 * The slot's journal, made if there is none; the caller has the slot's lock. What an
 * earlier worker left in it stays in it (recover_slot() first). Errors as rundir_open().
 * Does not move afterwards: &j->keep is for the executor.
 */
int journal_open(struct journal *j, const char *run_dir, struct bdf slot,
		 struct err *err);

/* The same, but -ENOENT (without @err) when there is none. */
int journal_reopen(struct journal *j, const char *run_dir, struct bdf slot,
		   struct err *err);

/*
 * For journal_read() and journal_leave() alone, without the slot's lock; else as
 * journal_reopen().
 */
int journal_look(struct journal *j, const char *run_dir, struct bdf slot,
		 struct err *err);

/* What is in it and not done; free with journal_list_free() in either case. */
int journal_read(struct journal *j, struct journal_list *list, struct err *err);
void journal_list_free(struct journal_list *list);

/* The undo @place of attempt @attempt was done. The last one empties the file. */
void journal_done(struct journal *j, unsigned attempt, size_t place);

/* rundir_slots() of those with a journal; also of one that a run is writing now. */
int journal_slots(const char *run_dir, rundir_slot_fn *fn, void *arg, struct err *err);

/* Removes the file when nothing is left in it. */
void journal_close(struct journal *j);
/* Does not, whatever is in it. */
void journal_leave(struct journal *j);

#endif
