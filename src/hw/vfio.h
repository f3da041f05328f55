/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VFIO: opening functions, and the hot reset: the kernel resets slot or bus with hotplug
 * events masked, state saved and restored, and only if whoever asks owns every function
 * it hits. What an open function can do is in vfio_dev.h.
 */
#ifndef GPURESET_HW_VFIO_H
#define GPURESET_HW_VFIO_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

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
	/* What pread(2) and pwrite(2) return, or a negative errno. */
	ssize_t (*pread)(void *ctx, int fd, void *buf, size_t n, off_t at);
	ssize_t (*pwrite)(void *ctx, int fd, const void *buf, size_t n, off_t at);
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

/* The descriptors that keep one function open; -1: none. */
struct vfio_handle {
	int dev;
	int container;                  /* cdev: /dev/iommu */
	int group;                      /* legacy only */
	bool held;                      /* the group is t->own's and stays open */
};

/*
 * Opens t->bdf alone (t->n is 1), without any DMA mapping. What the kernel does to the
 * function then is at hw_vfio_open() in hw_write.h; errors as vfio_hot_reset().
 */
int vfio_open(const struct vfio_sys *sys, void *ctx, const struct vfio_target *t,
	      struct vfio_handle *h, struct err *err);
void vfio_close(const struct vfio_sys *sys, void *ctx, struct vfio_handle *h);

#endif
