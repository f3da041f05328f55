/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A machine from a file: what `gpureset record` wrote, or a dump of lspci -xxxx. Read
 * only; a recorded run can be replayed access by access. Nothing of the real machine
 * is looked at, and nothing in the file is trusted: sizes are bounded, every line that
 * is not understood is an error with its place.
 */
#ifndef GPURESET_HW_HW_REPLAY_H
#define GPURESET_HW_HW_REPLAY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/diag.h"
#include "hw/hw.h"

#define REC_FIRST_LINE "gpureset-record 1"
#define REC_FILE_MAX (64u << 20)        /* bytes; 4096 functions of lspci -xxxx */
#define REC_CFG_MAX 4096u

struct recording;

/*
 * Parse a recording or a dump of lspci. All errors go to @diag; NULL when there were
 * any. @path is for messages. The text need not outlive the call.
 */
struct recording *recording_parse(const char *path, const char *text, size_t len,
				  struct diag *diag);

/*
 * The same from a file. -EBADMSG with @err: what is wrong in it is in @diag; other
 * errors: it cannot be read.
 */
int recording_load(struct recording **r, const char *path, struct diag *diag,
		   struct err *err);
void recording_free(struct recording *r);

/* What the recording is of; false: a dump, which is of a whole machine. */
bool recording_target(const struct recording *r, struct bdf_spec *spec);
/* A poor man's recording: what the kernel had to say is derived, or unknown. */
bool recording_is_dump(const struct recording *r);
/*
 * The first function that must have a bridge above it, by its PCIe type, which the
 * file does not have: so nothing can be said of resets of its bus.
 */
bool recording_misses_bridge(const struct recording *r, struct bdf *bdf);
/* Does it hold a run (`reset --record-run`)? */
bool recording_has_run(const struct recording *r);
/* Option number @i of the run ("--method=flr"), or NULL. */
const char *recording_option(const struct recording *r, size_t i);

/*
 * The machine in it. Takes the recording over; hw_close() frees it. Never NULL.
 * Writes fail with -EROFS; reading what was not recorded is -ENODATA for registers,
 * -ENOENT for attributes and files.
 */
struct hw *hw_replay_open(struct recording *r);

/*
 * A simulated machine (hw_sim.h) built from the recording: its bridges; its functions
 * with the recorded configuration spaces and registers as plain stores, in which a
 * reset clears what the specification says; drivers. @spec: the card that matters.
 * NULL with @err: the simulator cannot be that machine. @r is not taken over.
 */
struct hw *hw_replay_simulate(const struct recording *r, const struct bdf_spec *spec,
			      struct err *err);

/* The recording of a machine made by hw_replay_open(); NULL for any other. */
const struct recording *hw_replay_of(struct hw *hw);

/* The time of the last call, of a machine made by hw_replay_open(); asks for nothing. */
uint64_t hw_replay_clock(struct hw *hw);

/*
 * From here on every call must be the next one of the recorded run: the same request,
 * answered as it was, hw_now() being the recorded time. The first that is not fails,
 * with "FILE:LINE: recorded ..., asked for ...", and so do all after it. Does nothing
 * for a machine without a recorded run.
 */
void hw_replay_run(struct hw *hw);

/*
 * Was the run replayed to its end, with @status and @verdict as recorded? -EBADMSG
 * with the first difference in @err if not; 0 also when nothing was replayed.
 */
int hw_replay_end(struct hw *hw, int status, const char *verdict, struct err *err);

#endif
