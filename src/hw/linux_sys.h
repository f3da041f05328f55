/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Paths below a root and text files, without messages: what the files of the Linux
 * implementation share. @root is "" but in tests.
 */
#ifndef GPURESET_HW_LINUX_SYS_H
#define GPURESET_HW_LINUX_SYS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bdf.h"

#define SYS_PATH 4096

/* @root and the text into @buf; 0 or -ENAMETOOLONG. */
int sys_path(char buf[SYS_PATH], const char *root, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * Path of attribute @name of a function. -EINVAL for a name that is empty, absolute
 * or climbs ("..").
 */
int sys_fn_path(char buf[SYS_PATH], const char *root, struct bdf bdf, const char *name);

/* Is @name a relative path that stays below its folder? */
bool sys_name_ok(const char *name);

/* The whole file without its last newline; -EOVERFLOW: longer than @size - 1. */
int sys_read_text(const char *path, char *buf, size_t size);

/* The last part of a link's target; -EINVAL: not a link. */
int sys_read_link(const char *path, char *buf, size_t size);

/* The names in a folder, but those with a dot in front; -EOVERFLOW as above. */
int sys_read_names(const char *path, char *buf, size_t size);

/* One write(2) of all of @text; -EIO when the kernel took only a part. */
int sys_write_text(const char *path, const char *text);

#endif
