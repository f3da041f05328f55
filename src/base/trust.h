/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whose files root obeys. What is asked about is an open descriptor, never a name. */
#ifndef GPURESET_BASE_TRUST_H
#define GPURESET_BASE_TRUST_H

#include <stdbool.h>
#include <sys/stat.h>

/* Why @st is not even the kind of file that is read, as "it is ...", or NULL. */
const char *trust_kind(const struct stat *st, bool folder);

/*
 * Why root must not obey what @st describes, as "it ...", or NULL: it is a regular file
 * (or a @folder), belongs to root, and nobody else may write to it.
 */
const char *trust_refuses(const struct stat *st, bool folder);

#endif
