/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VFIO groups that are held open, so that nobody else can use a function of them. Who
 * opens functions through VFIO while this is so takes the descriptor from here: the
 * kernel gives out no second one.
 */
#ifndef GPURESET_HW_VFIO_OWN_H
#define GPURESET_HW_VFIO_OWN_H

#include <stddef.h>

#include "hw/vfio.h"

#define VFIO_OWN_MOST 8         /* a slot's functions */

struct vfio_own {
	struct {
		struct bdf bdf;         /* whose group it is */
		int group, fd;
	} held[VFIO_OWN_MOST];
	size_t n;
};

/* Contract: hw_own() in hw_write.h. @ctx is @sys's, @root where sysfs is. */
int vfio_own_take(struct vfio_own *own, const struct vfio_sys *sys, void *ctx,
		  const char *root, struct bdf bdf, struct err *err);
void vfio_own_release(struct vfio_own *own, const struct vfio_sys *sys, void *ctx,
		      struct bdf bdf);
void vfio_own_release_all(struct vfio_own *own, const struct vfio_sys *sys, void *ctx);

/* The descriptor of a group that is held, which stays the property of @own; or -1. */
int vfio_own_fd(const struct vfio_own *own, int group);

/* The number of @bdf's IOMMU group. -ENOTTY: it has none. */
int vfio_group_of(const char *root, struct bdf bdf, int *group, struct err *err);

#endif
