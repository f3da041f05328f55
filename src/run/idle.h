/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Waiting until a card is let go: QEMU takes its time to die, the kernel to close. */
#ifndef GPURESET_RUN_IDLE_H
#define GPURESET_RUN_IDLE_H

#include "hw/hw.h"

/*
 * Look (threads included) until nobody has one of @fns open, at most until
 * @deadline_us of hw_now(), or until @stop(@arg) says so (may be NULL). Waited for are
 * processes that are dying (their command line is gone, or the main thread is: PVE
 * counts those as stopped), and functions that vfio-pci is still closing: their
 * descriptors go first, the kernel's own reset comes after that, with nobody to be
 * seen but an `enable` above 0.
 *
 * 0: nobody has them; -EBUSY: @who is alive and has one; -ETIMEDOUT: @who still dies,
 * or the kernel still closes (pid 0); both with a sentence in @err; -ECANCELED: stopped;
 * another negative errno: it could not be looked.
 */
int idle_wait(struct hw *hw, const struct bdf *fns, size_t n, uint64_t deadline_us,
	      bool (*stop)(void *arg), void *arg, struct hw_holder *who, struct err *err);

#endif
