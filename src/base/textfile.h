/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A small text file of the host, read or written whole. */
#ifndef GPURESET_BASE_TEXTFILE_H
#define GPURESET_BASE_TEXTFILE_H

#include <stddef.h>

#include "base/err.h"

#define TEXTFILE_MOST (1u << 20)        /* larger is not what we think it is */

/*
 * *text is malloc'ed and NUL-terminated, @len bytes without the NUL. A file of /proc or
 * pmxcfs, whose size is not known before, is fine. -ENOENT, -EFBIG ... with @err.
 */
int textfile_read(const char *path, char **text, size_t *len, struct err *err);

/*
 * The same from the open descriptor @fd, which is called @path in messages and stays
 * open; -EFBIG beyond @most bytes. *text is NULL after an error.
 */
int textfile_read_fd(int fd, const char *path, size_t most, char **text, size_t *len,
		     struct err *err);

/* All of @text to @fd, from where it stands; 0 or a negative errno. */
int textfile_write_fd(int fd, const char *text, size_t len);

/*
 * The line that begins at *@at, its length without the newline in @len; *@at moves to
 * the next one. NULL at @end.
 */
const char *textfile_line(const char **at, const char *end, size_t *len);

#endif
