/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sysfs attributes and host files with messages: what an errno of the kernel means
 * for this very attribute is known here. Contracts: hw.h and hw_write.h.
 */
#ifndef GPURESET_HW_LINUX_ATTR_H
#define GPURESET_HW_LINUX_ATTR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bdf.h"
#include "base/err.h"

int linux_attr_read(const char *root, struct bdf bdf, const char *name, char *buf,
		    size_t size, struct err *err);
bool linux_attr_exists(const char *root, struct bdf bdf, const char *name);
int linux_attr_write(const char *root, struct bdf bdf, const char *name,
		     const char *value, struct err *err);
int linux_bus_write(const char *root, const char *name, const char *value,
		    struct err *err);
int linux_host_read(const char *root, const char *path, char *buf, size_t size,
		    struct err *err);
bool linux_host_exists(const char *root, const char *path);

/* What @code means when @name was written; NULL when nothing is known beyond it. */
const char *linux_attr_meaning(const char *name, int code);

#endif
