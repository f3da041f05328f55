/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Changing a function's driver without leaving a driver_override behind. */
#ifndef GPURESET_RUN_BIND_H
#define GPURESET_RUN_BIND_H

#include "hw/hw.h"

/*
 * Make @driver the driver of the function ("": none). Does nothing when it is so
 * already. driver_override is as it was afterwards. -EIO: a host driver is not let near
 * a function that does not answer. -ENODEV: the kernel did not bind it (no such driver,
 * or its probe failed).
 */
int bind_driver(struct hw *hw, struct bdf bdf, const char *driver, struct err *err);

#endif
