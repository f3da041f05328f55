/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A layer over any struct hw, with the same operations: tells of every access, and
 * makes accesses go wrong. Counted are accesses that a fault can hit: configuration
 * and BAR reads and writes, attribute reads and writes, bus-wide writes, hot resets,
 * openings through VFIO. Scans, clocks, host files, "does it exist" and closing pass
 * through uncounted; who watches is told of them, too, but for clocks, names and
 * hw_forget(), which ask the hardware for nothing.
 */
#ifndef GPURESET_HW_HW_SHIM_H
#define GPURESET_HW_HW_SHIM_H

#include <stdbool.h>
#include <stdint.h>

#include "hw/hw.h"

enum shim_kind {
	SHIM_CFG_READ, SHIM_CFG_WRITE, SHIM_BAR_READ, SHIM_BAR_WRITE, SHIM_ATTR_READ,
	SHIM_ATTR_WRITE, SHIM_BUS_WRITE, SHIM_HOT_RESET, SHIM_VFIO_OPEN,
	/* not counted, and told to hw_shim_watch() alone */
	SHIM_ATTR_EXISTS, SHIM_HOST_READ, SHIM_HOST_EXISTS, SHIM_FIND_CAP, SHIM_SCAN,
	SHIM_HOLDERS, SHIM_LOG, SHIM_OWN, SHIM_DISOWN, SHIM_VFIO_CLOSE, SHIM_WAIT_EVENT,
	SHIM_SLEEP, SHIM_KINDS
};

/* One access, told after it was made. */
struct shim_access {
	enum shim_kind kind;
	uint64_t n;                     /* its number, from 1; 0: not counted */
	struct bdf bdf;                 /* see hw_shim_has_bdf() */
	int bar;                        /* BAR accesses */
	uint32_t off;                   /* FIND_CAP: the capability's id */
	unsigned width;
	/* Registers: read or written; FIND_CAP: offset; EXISTS, WAIT_EVENT: 1 is yes */
	uint32_t value;
	uint64_t us;                    /* SLEEP: as asked for */
	const char *name;               /* attributes; host files: the path */
	const char *text;               /* attributes, files: the value; or NULL */
	int rc;                         /* 0 or a negative errno */
};

typedef void shim_trace_fn(void *arg, const struct shim_access *access);

/* Of every call, before and after; one at a time. */
struct shim_watch {
	void (*before)(void *arg);
	shim_trace_fn *after;
	void *arg;
};

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
/* A shim that is watched walks no capabilities itself: what is below answers at once. */
void hw_shim_watch(struct hw *shim, const struct shim_watch *watch);
/* Who watches it, NULL: nobody, or @hw is no shim. */
const struct shim_watch *hw_shim_watched(const struct hw *hw);
/* What it is over; @hw itself when it is no shim. */
struct hw *hw_shim_below(struct hw *hw);
/*
 * The bus is scanned once, all later scans tell the same: for who looks at many cards of
 * one machine and changes nothing. Of these scans nobody is told.
 */
void hw_shim_still(struct hw *shim);
/* The end of the shim alone. */
void hw_shim_detach(struct hw *shim);
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

/* Is it about one function? */
bool hw_shim_has_bdf(enum shim_kind kind);

/* "config read", "attribute write" ... */
const char *hw_shim_kind_str(enum shim_kind kind);

#endif
