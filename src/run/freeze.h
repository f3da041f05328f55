/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The memory of attempts that took the host along. Before the first step of an attempt
 * that may hang the host, the attempt is written to STATE_DIR/risk-SLOT and brought to
 * the disk; when it has ended, it is taken off again. Who finds one there with another
 * boot's id knows that the host did not live to take it off (plan/frozen.h): it hung, or
 * a person rebooted it while it hung. A worker that was killed leaves one with this
 * boot's id; that says nothing against the method.
 *
 * Text, replaced whole (run/rundir.h), a line each:
 *   gpureset risk 1
 *   method sequence baco
 *   boot 1a2b3c4d-...                  /proc/sys/kernel/random/boot_id
 *   card 1002:7300:1002:0b36
 *   quirk amd-fiji quirks/amd-fiji.quirk:27
 *   step 0000:0b:00.0 write BACO_CNTL ...
 *   kernel 6.12.0
 *   time 2026-11-21 17:56:17 UTC
 *   undo 0000:0b:00.0 put 'auto' into power/control
 *   end 1
 * All lines from "method" to "undo" (none or more) once more for each further attempt;
 * "end" counts them. Anything else is damage, and then nothing of it is believed.
 *
 * The step is the first that may hang the host (or the first of those that risk more);
 * which one did is not known. What is to be undone later on is added as it comes.
 *
 * The undo lines are for people. After a boot there is nothing to put back: driver,
 * driver_override, reset_method, power/control and d3cold_allowed are the kernel's
 * memory; the firmware's PERST# puts bridges, slots and configuration spaces to their
 * defaults. What a card itself may carry over a warm boot (a half-done program, latches
 * like NVIDIA's WPR2) no undo puts back: that takes another reset or a cold start.
 *
 * A suspend keeps the boot id. A container that is given a boot id of its own forgets
 * nothing: its records count against the method one restart too early. A clock that is
 * wrong changes a text.
 */
#ifndef GPURESET_RUN_FREEZE_H
#define GPURESET_RUN_FREEZE_H

#include "hw/hw.h"
#include "plan/frozen.h"
#include "run/exec.h"
#include "run/rundir.h"

#define FREEZE_UNDO 128         /* of an attempt, at one time */

/*
 * What @state_dir holds of @slot. An error is in @list->wrong; a missing file or folder
 * is none. Also this boot's id; when it cannot be read it is "", and nothing can be
 * written down then. Free with freeze_list_free() in any case. @state_dir must outlive
 * the list.
 */
void freeze_read(struct hw *hw, const char *state_dir, struct bdf slot,
		 struct frozen_list *list);
void freeze_list_free(struct frozen_list *list);

/*
 * The same, and what other slots' files say of a card that is in @slot now and no longer
 * in theirs: bus numbers change with what is plugged in. Of two equal cards the one at
 * the recorded address is taken for it. Such a file that cannot be read is passed over.
 */
void freeze_read_card(struct hw *hw, const char *state_dir, struct bdf slot,
		      struct frozen_list *list);

/* rundir_slots() of those with a record. */
int freeze_slots(const char *state_dir, rundir_slot_fn *fn, void *arg, struct err *err);

/*
 * Takes the records off that @drop (may be NULL: all) names, durably; the caller has the
 * slot's lock. A file that cannot be read or trusted goes only when @drop is NULL.
 */
typedef bool freeze_drop_fn(const struct frozen *f, const void *arg);
int freeze_drop(const char *state_dir, struct bdf slot, freeze_drop_fn *drop,
		const void *arg, struct err *err);

/*
 * Those of this boot: a worker was killed, the host lived. The caller has the slot's
 * lock, so nobody is at it still.
 */
int freeze_settle(const struct frozen_list *list, struct bdf slot, struct err *err);

/* Over another keep (the journal's), for one plan. */
struct freeze {
	const struct plan *plan;
	const struct exec_keep *below;
	struct bdf slot;
	char card[FROZEN_CARD], time[32], quirk[256], step[512], method[64];
	struct frozen now;              /* the attempt; its texts are these */
	struct {
		size_t place;
		char text[160];
	} undo[FREEZE_UNDO];
	size_t nundo;
	bool written;                   /* it is on the disk, or was to be */
	struct exec_keep keep;          /* for struct exec_watch */
};

/*
 * @plan->opts.frozen says where. Does not move afterwards. A record of this boot in there
 * is taken off at once: freeze_settle().
 */
void freeze_open(struct freeze *f, const struct plan *plan,
		 const struct exec_keep *below);

#endif
