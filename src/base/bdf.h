/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PCI addresses: domain:bus:device.function, and what a person may type for them. */
#ifndef GPURESET_BASE_BDF_H
#define GPURESET_BASE_BDF_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define BDF_STR 24              /* room for "10000000:ff:1f.7" and its NUL */

struct bdf {
	uint32_t domain;        /* VMD domains exceed 16 bits */
	uint8_t bus, dev, fn;
};

/* What was typed: one function, or (no function given) all functions of the slot. */
struct bdf_spec {
	struct bdf bdf;
	bool whole_slot;
};

/*
 * "0b:00", "0b:00.0", "0000:0b:00", "0000:0b:00.0", hex digits in either case.
 * Returns 0, or -EINVAL with the column of the first wrong character in @err.
 */
int bdf_parse(const char *text, struct bdf_spec *spec, struct err *err);

/* Exactly "dddd:bb:dd.f", as sysfs names its folders; false for anything else. */
bool bdf_from_sysfs(const char *name, struct bdf *bdf);

/* "0000:0b:00.0" into @buf; returns @buf. */
const char *bdf_str(struct bdf bdf, char buf[BDF_STR]);

/* "0000:0b:00" into @buf; returns @buf. */
const char *bdf_slot_str(struct bdf bdf, char buf[BDF_STR]);

/* Total order: domain, bus, device, function. */
int bdf_cmp(struct bdf a, struct bdf b);
bool bdf_eq(struct bdf a, struct bdf b);
bool bdf_same_slot(struct bdf a, struct bdf b);

/* The slot, or the one function, that @spec stands for, into @buf; returns @buf. */
const char *bdf_spec_str(const struct bdf_spec *spec, char buf[BDF_STR]);

/* Is function @fn the one of @spec, or any of its slot? */
bool bdf_spec_has(const struct bdf_spec *spec, struct bdf fn);

#endif
