// SPDX-License-Identifier: GPL-2.0-or-later
#include "quirk/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

#define CHUNK 8192

struct chunk {
	struct chunk *next;
	alignas(max_align_t) char data[];
};

struct arena {
	struct chunk *chunks;
	char *at;
	size_t left;
};

struct arena *arena_new(void)
{
	return xcalloc(1, sizeof(struct arena));
}

void arena_free(struct arena *a)
{
	struct chunk *c, *next;

	if (!a)
		return;
	for (c = a->chunks; c; c = next) {
		next = c->next;
		free(c);
	}
	free(a);
}

static char *arena_chunk(struct arena *a, size_t n)
{
	struct chunk *c = xcalloc(1, sizeof(*c) + n);

	c->next = a->chunks;
	a->chunks = c;
	return c->data;
}

void *arena_alloc(struct arena *a, size_t n)
{
	const size_t align = alignof(max_align_t);
	void *p;

	n = (n + align - 1) & ~(align - 1);
	if (n > CHUNK / 4)              /* large ones do not waste the rest of a chunk */
		return arena_chunk(a, n);
	if (n > a->left) {
		a->at = arena_chunk(a, CHUNK);
		a->left = CHUNK;
	}
	p = a->at;
	a->at += n;
	a->left -= n;
	return p;
}

char *arena_strndup(struct arena *a, const char *text, size_t len)
{
	char *s = arena_alloc(a, len + 1);

	memcpy(s, text, len);
	return s;
}

void *arena_grow(struct arena *a, void *array, size_t n, size_t size)
{
	void *bigger;

	if (n & (n - 1) || n == 1)      /* room is 2, 4, 8, ...: full at those counts */
		return array;
	bigger = arena_alloc(a, (n ? 2 * n : 2) * size);
	if (n)
		memcpy(bigger, array, n * size);
	return bigger;
}
