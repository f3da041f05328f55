/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Changing a function's driver without leaving a driver_override behind. */
#ifndef GPURESET_RUN_BIND_H
#define GPURESET_RUN_BIND_H

#include "hw/hw.h"

/* Who writes down that driver_override is changed for a moment. */
struct bind_keep {
	/* @back: what to write so that it is as it was. An error: it is not changed. */
	int (*intend)(void *arg, const char *back, struct err *err);
	void (*undone)(void *arg);      /* it is as it was */
	void *arg;
};

/*
 * Make @driver the driver of the function ("": none). Does nothing when it is so
 * already. driver_override is as it was afterwards. @keep may be NULL. -EIO: a host
 * driver is not let near a function that does not answer. -ENODEV: the kernel did not
 * bind it (no such driver, or its probe failed).
 */
int bind_driver(struct hw *hw, struct bdf bdf, const char *driver,
		const struct bind_keep *keep, struct err *err);

#endif
