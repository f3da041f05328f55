/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory that is freed all at once: a quirk's strings and arrays. */
#ifndef GPURESET_QUIRK_ARENA_H
#define GPURESET_QUIRK_ARENA_H

#include <stddef.h>

struct arena;

struct arena *arena_new(void);
void arena_free(struct arena *);

/* @n zeroed bytes, aligned for anything. Never NULL. */
void *arena_alloc(struct arena *, size_t n);

/* A copy with a NUL behind it. */
char *arena_strndup(struct arena *, const char *text, size_t len);

/*
 * Room for element @n of @array, which grows by doubling; returns the array, moved if
 * need be. The old one stays until the arena goes.
 */
void *arena_grow(struct arena *, void *array, size_t n, size_t size);

#endif
