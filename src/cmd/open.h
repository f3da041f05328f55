/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which machine a command works on: this one, a recorded one, a simulated one. */
#ifndef GPURESET_CMD_OPEN_H
#define GPURESET_CMD_OPEN_H

#include "cmd/cmd.h"

/*
 * The machine that @o names: this one, or with --replay the one in the file, which
 * cannot be written to. NULL with @err; what is wrong in the file was printed.
 */
struct hw *open_hw(const struct options *o, struct err *err);

/* The exit status for an error of these functions. */
int open_status(const struct err *err);

/*
 * With --replay and no address: the recording's card, or the GPUs of a dump, become
 * the targets. Returns 0 or an exit status after a message.
 */
int open_targets(struct options *o);

/*
 * --replay of a file that holds a run: its options are those of the run. Call it after
 * everything else that sets o->plan. Returns 0 or an exit status after a message.
 */
int open_options(struct options *o);

/*
 * What a worker of `reset` works on: as open_hw(), but a recording without a run
 * becomes a simulated machine unless it is a dry run; with --record-run every access
 * is written to @record, which is closed with the handle, or here when that fails.
 */
struct hw *open_run(const struct options *o, const struct quirk_db *db,
		    const struct bdf_spec *spec, FILE *record, struct err *err);

/*
 * --record-run: the new file of target @i (FILE.SLOT when there are several) into *@f,
 * NULL without that option. Before the worker begins, which may make no files. Returns 0
 * or a negative errno.
 */
int open_record(const struct options *o, size_t i, FILE **f, struct err *err);

/* Closes it in the process that opened it; an empty one, of no use, is removed. */
void open_record_end(const struct options *o, size_t i, FILE *f);

/* On a simulated machine: the recorded card's name, and that it is simulated. */
void open_label(struct study *s, const struct options *o, struct hw *hw);

/* The plan is made and is run next; @plan and @quirk say what it was made with. */
void open_begin(struct hw *hw, const struct options *o, const struct plan_opts *plan,
		const struct quirk *quirk);

/*
 * It ended so; @verdict: the attempt that made the card healthy, or "none". An error
 * when the recorded run that was replayed did not, or could not be written.
 */
int open_end(struct hw *hw, int status, const char *verdict, struct err *err);

#endif
