/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Configuration space through sysfs, by descriptors of our own: libpci keeps only one
 * open and turns a failed read into all ones.
 */
#ifndef GPURESET_HW_LINUX_CFG_H
#define GPURESET_HW_LINUX_CFG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bdf.h"
#include "base/err.h"

#define CFG_FDS 32              /* a target, its bridges and neighbours */

struct cfg_fd {
	struct bdf bdf;
	int fd;                         /* -1: free */
	bool rw;
	uint64_t used;                  /* for the choice of whom to close */
};

struct cfg_cache {
	const char *root;
	uint64_t clock;
	struct cfg_fd slot[CFG_FDS];
};

/* Where and how wide; @val is read or written. */
struct cfg_reg {
	struct bdf bdf;
	unsigned off, width;
};

void cfg_init(struct cfg_cache *c, const char *root);
int cfg_get(struct cfg_cache *c, const struct cfg_reg *reg, uint32_t *val,
	    struct err *err);
int cfg_put(struct cfg_cache *c, const struct cfg_reg *reg, uint32_t val,
	    struct err *err);
void cfg_drop(struct cfg_cache *c, struct bdf bdf);
void cfg_drop_all(struct cfg_cache *c);

#endif
