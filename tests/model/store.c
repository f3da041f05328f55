/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sparse register storage: open addressing, never grows beyond STORE_MAX entries. */
#include <stdlib.h>

#include "internal.h"

#define STORE_SLOTS	8192u	/* a power of two */
#define STORE_MAX	(STORE_SLOTS / 2)

struct slot {
	uint64_t key;
	uint32_t val;
	bool used;
};

struct store {
	size_t n;
	struct slot slot[STORE_SLOTS];
};

struct store *store_new(void)
{
	return calloc(1, sizeof(struct store));
}

void store_free(struct store *s)
{
	free(s);
}

/* The slot of key, or the free slot where it would go. */
static size_t store_find(const struct store *s, uint64_t key)
{
	/* Fibonacci hashing: neighbours in a BAR land far apart. */
	size_t i = (size_t)((key * 0x9e3779b97f4a7c15u) >> 40) & (STORE_SLOTS - 1);

	while (s->slot[i].used && s->slot[i].key != key)
		i = (i + 1) & (STORE_SLOTS - 1);
	return i;
}

uint32_t store_get(const struct store *s, uint64_t key)
{
	const struct slot *slot = &s->slot[store_find(s, key)];

	return slot->used ? slot->val : 0;
}

bool store_has(const struct store *s, uint64_t key)
{
	return s->slot[store_find(s, key)].used;
}

void store_put(struct store *s, uint64_t key, uint32_t val)
{
	struct slot *slot = &s->slot[store_find(s, key)];

	if (!slot->used) {
		if (s->n == STORE_MAX)
			return;
		s->n++;
	}
	*slot = (struct slot){ .key = key, .val = val, .used = true };
}

void store_drop(struct store *s, uint64_t mask, uint64_t match)
{
	struct slot *keep = malloc(sizeof(*keep) * (s->n ? s->n : 1));
	size_t nkeep = 0;

	if (!keep)
		abort();	/* a test helper; half a reset would only mislead */
	/* Open addressing cannot delete in place: take out the rest, put it back. */
	for (size_t i = 0; i < STORE_SLOTS; i++) {
		if (s->slot[i].used && (s->slot[i].key & mask) != match)
			keep[nkeep++] = s->slot[i];
		s->slot[i].used = false;
	}
	s->n = 0;
	for (size_t i = 0; i < nkeep; i++)
		store_put(s, keep[i].key, keep[i].val);
	free(keep);
}

size_t store_count(const struct store *s)
{
	size_t n = 0;

	for (size_t i = 0; i < STORE_SLOTS; i++)
		n += s->slot[i].used && s->slot[i].val;
	return n;
}
