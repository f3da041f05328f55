/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Waiting until nobody has a card open any more: a QEMU takes its time to die. */
#ifndef GPURESET_RUN_IDLE_H
#define GPURESET_RUN_IDLE_H

#include "hw/hw.h"

enum idle_for {
	IDLE_ANYBODY,           /* wait for whoever has it open */
	/*
	 * Only for processes that are dying (their command line is gone, or the main
	 * thread is: PVE counts those as stopped); a living one is not waited for.
	 */
	IDLE_DYING,
};

/*
 * Look (threads included) until nobody has one of @fns open, at most until
 * @deadline_us of hw_now(), or until @stop(@arg) says so (may be NULL). 0: nobody has;
 * -EBUSY: @who has, and it is not waited for or the time is up (@err names it);
 * -ECANCELED: stopped; another negative errno: it could not be looked.
 */
int idle_wait(struct hw *hw, const struct bdf *fns, size_t n, enum idle_for which,
	      uint64_t deadline_us, bool (*stop)(void *arg), void *arg,
	      struct hw_holder *who, struct err *err);

#endif
