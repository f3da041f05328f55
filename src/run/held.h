/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is held for a VM, remembered in RUN_DIR/held-SLOT from the VM's start to its
 * stop: a text file, replaced whole, gone at the next boot as the values are.
 */
#ifndef GPURESET_RUN_HELD_H
#define GPURESET_RUN_HELD_H

#include "base/bdf.h"
#include "base/err.h"
#include "plan/hold.h"
#include "run/rundir.h"

/*
 *     gpureset held 1
 *     vm "111" 5230                                    seconds of hw_now(), or none
 *     0000:0b:00.0 reset_method "flr%20bus" "flr"      as it was, as it was set
 *
 * @h without items and VMs removes the file. The folder is made when missing; -EPERM: it,
 * or the file, cannot be trusted (run/rundir.h).
 */
int held_write(const char *run_dir, struct bdf slot, const struct hold *h,
	       struct err *err);
/*
 * 0 also when there is no file (@h is empty then). -EINVAL: it is damaged, @err says
 * where. A file that is not ours (owner, links) is not read: -EPERM.
 */
int held_read(const char *run_dir, struct bdf slot, struct hold *h, struct err *err);

/* The slots that have such a file; as rundir_slots(). */
int held_slots(const char *run_dir, rundir_slot_fn *fn, void *arg, struct err *err);

#endif
