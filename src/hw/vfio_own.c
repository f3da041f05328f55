// SPDX-License-Identifier: GPL-2.0-or-later
#include "hw/vfio_own.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "hw/linux_sys.h"

int vfio_group_of(const char *root, struct bdf bdf, int *group, struct err *err)
{
	char path[SYS_PATH], text[32], at[BDF_STR], *end;
	int rc = sys_fn_path(path, root, bdf, "iommu_group");
	long val;

	if (!rc)
		rc = sys_read_link(path, text, sizeof(text));
	if (rc)
		return err_set(err, ENOTTY, "%s: VFIO cannot be used: the function has "
			       "no IOMMU group (is the IOMMU switched on?)",
			       bdf_str(bdf, at));
	val = strtol(text, &end, 10);
	if (end == text || *end || val < 0 || val > 0x7fffffff)
		return err_set(err, EIO, "%s: not an IOMMU group: '%s'",
			       bdf_str(bdf, at), text);
	*group = (int)val;
	return 0;
}

/* Without an IOMMU the node has another name (vfio_create_group() in group.c). */
static int own_open(const struct vfio_sys *sys, void *ctx, int group, char node[48])
{
	int fd;

	snprintf(node, 48, "/dev/vfio/%d", group);
	fd = sys->open(ctx, node, O_RDWR | O_CLOEXEC);
	if (fd != -ENOENT)
		return fd;
	snprintf(node, 48, "/dev/vfio/noiommu-%d", group);
	return sys->open(ctx, node, O_RDWR | O_CLOEXEC);
}

int vfio_own_take(struct vfio_own *own, const struct vfio_sys *sys, void *ctx,
		  const char *root, struct bdf bdf, struct err *err)
{
	char node[48], at[BDF_STR];
	int fd, group = -1, rc = vfio_group_of(root, bdf, &group, err);

	if (rc)
		return rc == -ENOTTY ? -ENOENT : rc;
	if (vfio_own_fd(own, group) >= 0)
		return 0;
	if (own->n == VFIO_OWN_MOST)
		return err_set(err, E2BIG, "%s: more than %d VFIO groups to hold",
			       bdf_str(bdf, at), VFIO_OWN_MOST);
	fd = own_open(sys, ctx, group, node);
	if (fd == -EBUSY)
		return err_set(err, EBUSY, "%s is in use: somebody else has %s open, "
			       "or a device of that group; stop the VM first",
			       bdf_str(bdf, at), node);
	/* ENODEV: vfio-pci is just leaving it */
	if (fd < 0)
		return err_sys(err, fd == -ENODEV ? ENOENT : -fd, "%s: %s",
			       bdf_str(bdf, at), node);
	own->held[own->n].bdf = bdf;
	own->held[own->n].group = group;
	own->held[own->n++].fd = fd;
	return 0;
}

void vfio_own_release(struct vfio_own *own, const struct vfio_sys *sys, void *ctx,
		      struct bdf bdf)
{
	for (size_t i = 0; i < own->n; i++) {
		if (!bdf_eq(own->held[i].bdf, bdf))
			continue;
		sys->close(ctx, own->held[i].fd);
		own->held[i] = own->held[--own->n];
		return;
	}
}

void vfio_own_release_all(struct vfio_own *own, const struct vfio_sys *sys, void *ctx)
{
	while (own->n)
		sys->close(ctx, own->held[--own->n].fd);
}

int vfio_own_fd(const struct vfio_own *own, int group)
{
	for (size_t i = 0; i < own->n; i++)
		if (own->held[i].group == group)
			return own->held[i].fd;
	return -1;
}
