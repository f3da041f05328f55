/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel's log, from /dev/kmsg (Documentation/ABI/testing/dev-kmsg). */
#ifndef GPURESET_HW_LINUX_LOG_H
#define GPURESET_HW_LINUX_LOG_H

#include "hw/hw.h"

/* As hw_log(), with @root in front of the path. Never waits for more to come. */
int linux_log(const char *root, hw_log_fn *fn, void *arg, struct err *err);

#endif
