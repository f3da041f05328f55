/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VFIO hot reset: the kernel resets slot or bus with hotplug events masked, state
 * saved and restored, and only if whoever asks owns every function it hits.
 */
#ifndef GPURESET_HW_VFIO_H
#define GPURESET_HW_VFIO_H

#include <stddef.h>

#include "base/bdf.h"
#include "base/err.h"

/* The system calls used, so that tests can play the kernel. */
struct vfio_sys {
	/* A descriptor or a negative errno; @path without the root. */
	int (*open)(void *ctx, const char *path, int flags);
	/* What ioctl(2) returns, or a negative errno. */
	int (*ioctl)(void *ctx, int fd, unsigned long req, void *arg);
	void (*close)(void *ctx, int fd);
	void (*sleep_us)(void *ctx, unsigned us);
};

extern const struct vfio_sys vfio_sys_real;     /* its ctx: the root, a const char * */

/*
 * Contract: hw_hot_reset() in hw_write.h; further: -ENOTTY when this way does not
 * exist here (no IOMMU group, not bound to vfio-pci, neither slot nor bus can be
 * reset). @root is where sysfs is looked up.
 */
struct vfio_own;

struct vfio_target {
	const char *root;
	struct bdf bdf;
	const struct bdf *fns;
	size_t n;
	const struct vfio_own *own;     /* groups that are held already, or NULL */
};


int vfio_hot_reset(const struct vfio_sys *sys, void *ctx, const struct vfio_target *t,
		   struct err *err);

#endif
