/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A function opened through VFIO, as registers: what is left of them under kernel
 * lockdown, where sysfs gives neither its BARs nor writes to its configuration space.
 * By system calls of four bytes, not by mapping: no program of a few hundred registers
 * notices what they cost, and a reset that takes the registers away ends in an errno
 * instead of a signal.
 */
#ifndef GPURESET_HW_VFIO_DEV_H
#define GPURESET_HW_VFIO_DEV_H

#include <stdbool.h>
#include <stdint.h>

#include "hw/vfio.h"

#define VFIO_DEV_REGIONS 8      /* BARs 0 to 5, the ROM, configuration space */
#define VFIO_DEV_CONFIG 7       /* VFIO_PCI_CONFIG_REGION_INDEX */

struct vfio_dev {
	const struct vfio_sys *sys;
	void *ctx;
	bool open;
	struct bdf bdf;
	struct vfio_handle handle;
	struct {
		uint64_t at, size;      /* in the descriptor; size 0: no such region */
	} region[VFIO_DEV_REGIONS];
};

/* -EBUSY: one is open already; else errors as vfio_open(). */
int vfio_dev_open(struct vfio_dev *d, const struct vfio_target *t, struct err *err);
/* Nothing when it is not open. */
void vfio_dev_close(struct vfio_dev *d);
/* Is it this function that is open? */
bool vfio_dev_is(const struct vfio_dev *d, struct bdf bdf);

/* Where in which region; @val is read or written. */
struct vfio_reg {
	unsigned region;
	uint32_t off;
	unsigned width;                 /* bytes: 1, 2 or 4 */
};

/* -ERANGE: beyond the region; -EIO: memory decoding is off, or the card is in D3. */
int vfio_dev_get(struct vfio_dev *d, const struct vfio_reg *reg, uint32_t *val,
		 struct err *err);
int vfio_dev_put(struct vfio_dev *d, const struct vfio_reg *reg, uint32_t val,
		 struct err *err);

#endif
