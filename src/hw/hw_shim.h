/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A layer over any struct hw, with the same operations: tells of every access, and
 * makes accesses go wrong. Counted are accesses that a fault can hit: configuration
 * and BAR reads and writes, attribute reads and writes, bus-wide writes, hot resets,
 * openings through VFIO. Scans, clocks, host files, "does it exist" and closing pass
 * through uncounted.
 */
#ifndef GPURESET_HW_HW_SHIM_H
#define GPURESET_HW_HW_SHIM_H

#include <stdbool.h>
#include <stdint.h>

#include "hw/hw.h"

enum shim_kind {
	SHIM_CFG_READ, SHIM_CFG_WRITE, SHIM_BAR_READ, SHIM_BAR_WRITE, SHIM_ATTR_READ,
	SHIM_ATTR_WRITE, SHIM_BUS_WRITE, SHIM_HOT_RESET, SHIM_VFIO_OPEN, SHIM_KINDS
};

/* One access, told after it was made. */
struct shim_access {
	enum shim_kind kind;
	uint64_t n;                     /* its number, from 1 */
	struct bdf bdf;                 /* not for SHIM_BUS_WRITE */
	int bar;                        /* BAR accesses */
	uint32_t off;
	unsigned width;
	uint32_t value;                 /* registers: read or written */
	const char *name;               /* attributes */
	const char *text;               /* attributes: the value, read or written */
	int rc;                         /* 0 or a negative errno */
};

typedef void shim_trace_fn(void *arg, const struct shim_access *access);

/*
 * May change what a register read gives (@access->value is what it would be); true:
 * *@value is to be used. For models of stuck registers.
 */
typedef bool shim_filter_fn(void *arg, const struct shim_access *access,
			    uint32_t *value);

enum shim_fault {
	SHIM_NONE,
	SHIM_FAIL,      /* access number N fails with -EIO and does nothing */
	SHIM_LOST,      /* from N on the slot is gone: reads all ones, writes vanish */
	SHIM_ONES,      /* access number N, if it reads a register: all ones */
};

/* A shim over @below, which hw_close() of the shim closes too. Never NULL. */
struct hw *hw_shim_open(struct hw *below);

void hw_shim_trace(struct hw *shim, shim_trace_fn *fn, void *arg);
void hw_shim_filter(struct hw *shim, shim_filter_fn *fn, void *arg);

/*
 * Start counting at 1 and make @fault at access @nth. @slot: whose functions
 * SHIM_LOST loses; what the kernel underneath does is not touched.
 */
void hw_shim_arm(struct hw *shim, enum shim_fault fault, uint64_t nth, struct bdf slot);

/* Accesses since hw_shim_arm(), or since the beginning. */
uint64_t hw_shim_count(const struct hw *shim);

/* Did the armed fault change the outcome of an access? */
bool hw_shim_hit(const struct hw *shim);

/* "config read", "attribute write" ... */
const char *hw_shim_kind_str(enum shim_kind kind);

#endif
