/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory for planning and printing, where nothing has been touched yet: running out
 * ends the process with a message. The executor does not allocate.
 */
#ifndef GPURESET_BASE_XALLOC_H
#define GPURESET_BASE_XALLOC_H

#include <stddef.h>

/* @n elements of @size bytes, zeroed. Never NULL. */
void *xcalloc(size_t n, size_t size);

/* Resize to @n elements of @size bytes; new ones are not cleared. Never NULL. */
void *xrealloc(void *old, size_t n, size_t size);

/*
 * Make sure that @array (*@room elements) can take element number @n; returns the
 * array, moved if need be.
 */
void *xgrow(void *array, size_t n, size_t *room, size_t size);

/* A copy of @text. Never NULL. */
char *xstrdup(const char *text);

#endif
