/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory BARs through /sys/.../resourceN. Mappings are kept, read-only until the
 * first write.
 *
 * A mapping can lose its pages under us: the function is removed, or its driver
 * claims the BAR (revoke_iomem() in drivers/char/mem.c). The access then raises
 * SIGBUS; it is caught for the one load or store, returned as -ENODEV, and the
 * handler of before is put back. So nothing global stays installed, but two threads
 * may not use BARs of two handles at once (gpureset has one thread).
 */
#ifndef GPURESET_HW_LINUX_BAR_H
#define GPURESET_HW_LINUX_BAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bdf.h"
#include "base/err.h"

#define BAR_MAPS 8

struct bar_map {
	struct bdf bdf;
	int bar;
	bool rw;
	void *mem;                      /* NULL: free */
	size_t len;                     /* bytes of the mapping */
	uint64_t base;                  /* BAR offset of @mem + @skew */
	size_t skew;                    /* a BAR smaller than a page starts in one */
	uint64_t size;                  /* of the whole BAR */
	uint64_t used;
};

struct bar_cache {
	const char *root;
	uint64_t clock;
	struct bar_map map[BAR_MAPS];
};

struct bar_reg {
	struct bdf bdf;
	int bar;
	uint32_t off;
};

void bar_init(struct bar_cache *c, const char *root);
int bar_get(struct bar_cache *c, const struct bar_reg *reg, uint32_t *val,
	    struct err *err);
int bar_put(struct bar_cache *c, const struct bar_reg *reg, uint32_t val,
	    struct err *err);
void bar_drop(struct bar_cache *c, struct bdf bdf);
void bar_drop_all(struct bar_cache *c);

#endif
