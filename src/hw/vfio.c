// SPDX-License-Identifier: GPL-2.0-or-later
#include "hw/vfio.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "hw/linux_sys.h"
#include "hw/vfio_own.h"
#include "hw/vfio_uapi.h"

#define VFIO_TRIES 5            /* device locks are held shortly: 5 x 40 ms */
#define VFIO_PAUSE_US 40000
/* Another worker's hot reset of a card in the same group takes 100 ms and more. */
#define VFIO_GROUP_TRIES 25     /* x 40 ms */
#define VFIO_FIRST_ROOM 32      /* functions; ENOSPC tells when it is not enough */

/* One open IOMMU group (legacy) or one bound function (cdev). */
struct vfio_part {
	int group;                      /* legacy only */
	int fd;
	bool held;                      /* by vfio_target.own: stays open */
};

struct vfio_run {
	const struct vfio_sys *sys;
	void *ctx;
	const struct vfio_target *t;
	struct vfio_part *part;         /* room for one a function */
	size_t parts;
	int container;                  /* legacy: /dev/vfio/vfio; cdev: /dev/iommu */
	int dev;                        /* descriptor of the function to reset */
	bool dev_is_part;               /* cdev: @dev is also one of @part */
	struct vfio_uapi_hot_reset_info *info;
};

static int run_open(struct vfio_run *r, const char *path)
{
	return r->sys->open(r->ctx, path, O_RDWR | O_CLOEXEC);
}

static int run_ioctl(struct vfio_run *r, int fd, unsigned long req, void *arg)
{
	return r->sys->ioctl(r->ctx, fd, req, arg);
}

/* Locks of the device are only tried by the kernel; so try again for a while. */
static int run_ioctl_again(struct vfio_run *r, int fd, unsigned long req, void *arg)
{
	int rc = run_ioctl(r, fd, req, arg);
	int i;

	for (i = 1; i < VFIO_TRIES && rc == -EAGAIN; i++) {
		r->sys->sleep_us(r->ctx, VFIO_PAUSE_US);
		rc = run_ioctl(r, fd, req, arg);
	}
	return rc;
}

/* Back to nothing open: at the end, and before the other interface is tried. */
static void run_close(struct vfio_run *r)
{
	size_t i;

	if (r->dev >= 0 && !r->dev_is_part)
		r->sys->close(r->ctx, r->dev);
	for (i = 0; i < r->parts; i++) {
		if (r->part[i].held)
			run_ioctl(r, r->part[i].fd, VFIO_GROUP_UNSET_CONTAINER, NULL);
		else
			r->sys->close(r->ctx, r->part[i].fd);
	}
	if (r->container >= 0)
		r->sys->close(r->ctx, r->container);
	r->dev = r->container = -1;
	r->dev_is_part = false;
	r->parts = 0;
}

/* ---- what both interfaces share: whom does it hit, and the reset itself ---- */

static bool affected_is(const struct vfio_uapi_affected *a, struct bdf bdf)
{
	return a->segment == (uint16_t)bdf.domain && a->bus == bdf.bus &&
	       a->devfn == (bdf.dev << 3 | bdf.fn);
}

static bool affected_allowed(const struct vfio_target *t,
			     const struct vfio_uapi_affected *a)
{
	size_t i;

	for (i = 0; i < t->n; i++)
		if (affected_is(a, t->fns[i]))
			return true;
	return false;
}

static int affected_error(const struct vfio_target *t, const struct vfio_uapi_affected *a,
			  const char *why, struct err *err)
{
	const struct bdf other = { a->segment, a->bus, a->devfn >> 3, a->devfn & 7 };
	char at[BDF_STR], other_at[BDF_STR];

	return err_set(err, EPERM, "%s: a hot reset would hit %s, which %s",
		       bdf_str(t->bdf, at), bdf_str(other, other_at), why);
}

static int info_error(const struct vfio_target *t, int code, struct err *err)
{
	char at[BDF_STR];

	bdf_str(t->bdf, at);
	if (code == ENODEV)
		return err_set(err, ENOTTY, "%s: the kernel can reset neither its slot "
			       "nor its bus", at);
	return err_sys(err, code, "%s: VFIO does not say what a hot reset would hit", at);
}

/* Fills r->info; the kernel says by ENOSPC and a count when it needs more room. */
static int info_get(struct vfio_run *r, struct err *err)
{
	struct vfio_uapi_hot_reset_info *info;
	uint32_t room = VFIO_FIRST_ROOM;
	int i, rc = -ENOSPC;
	size_t size;

	for (i = 0; i < VFIO_TRIES && rc == -ENOSPC; i++) {
		size = sizeof(*info) + room * sizeof(info->fn[0]);
		info = calloc(1, size);
		if (!info)
			return err_sys(err, ENOMEM, "VFIO hot reset");
		free(r->info);
		r->info = info;
		info->argsz = (uint32_t)size;
		rc = run_ioctl(r, r->dev, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, info);
		if (!rc && info->count > room)
			rc = -EIO;
		/* One more than asked for: a function may appear meanwhile. */
		if (rc == -ENOSPC)
			room = info->count < 0xffff ? info->count + 1 : 0xffff;
	}
	return rc ? info_error(r->t, -rc, err) : 0;
}

static int info_check(struct vfio_run *r, struct err *err)
{
	const struct vfio_uapi_hot_reset_info *info = r->info;
	char at[BDF_STR];
	uint32_t i;

	if (!info || !info->count)
		return err_set(err, EIO, "%s: VFIO says that a hot reset hits nothing",
			       bdf_str(r->t->bdf, at));
	for (i = 0; i < info->count; i++)
		if (!affected_allowed(r->t, &info->fn[i]))
			return affected_error(r->t, &info->fn[i],
					      "is not part of the target", err);
	return 0;
}

static int reset_error(const struct vfio_target *t, int code, struct err *err)
{
	static const struct {
		int code;
		const char *text;
	} reasons[] = {
		{ EINVAL, "a function of the slot is not bound to vfio-pci" },
		{ EPERM, "a function of the slot is owned by somebody else" },
		{ EAGAIN, "the function stayed locked by somebody else" },
		{ EBUSY, "a function of the slot is being used" },
		{ ENODEV, "the slot cannot be reset" },
		{ ENOTTY, "the slot cannot be reset, or the function did not come back "
		  "in time" },
	};
	char at[BDF_STR];
	size_t i;

	for (i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (reasons[i].code == code)
			return err_set(err, code, "%s: VFIO hot reset: %s (%s)",
				       bdf_str(t->bdf, at), reasons[i].text,
				       strerror(code));
	return err_sys(err, code, "%s: VFIO hot reset", bdf_str(t->bdf, at));
}

/* @fds is empty with the cdev: there the iommufd is the proof of ownership. */
static int reset_do(struct vfio_run *r, const int *fds, size_t n, struct err *err)
{
	struct vfio_pci_hot_reset *req = calloc(1, sizeof(*req) + n * sizeof(int32_t));
	size_t i;
	int rc;

	if (!req)
		return err_sys(err, ENOMEM, "VFIO hot reset");
	req->argsz = (uint32_t)(sizeof(*req) + n * sizeof(int32_t));
	req->count = (uint32_t)n;
	for (i = 0; i < n; i++)
		req->group_fds[i] = fds[i];
	rc = run_ioctl_again(r, r->dev, VFIO_DEVICE_PCI_HOT_RESET, req);
	free(req);
	return rc < 0 ? reset_error(r->t, -rc, err) : 0;
}

/* ---- legacy: groups in a container ---- */

static struct vfio_part *group_find(struct vfio_run *r, uint32_t group)
{
	size_t i;

	for (i = 0; i < r->parts; i++)
		if ((uint32_t)r->part[i].group == group)
			return &r->part[i];
	return NULL;
}

static int group_viable(struct vfio_run *r, const struct vfio_part *p, struct err *err)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };
	int rc = run_ioctl(r, p->fd, VFIO_GROUP_GET_STATUS, &status);

	if (rc < 0)
		return err_sys(err, -rc, "VFIO group %d: status", p->group);
	if (!(status.flags & VFIO_GROUP_FLAGS_VIABLE))
		return err_set(err, EBUSY, "VFIO group %d cannot be used: one of its "
			       "functions is bound to a host driver", p->group);
	return 0;
}

static int group_open_again(struct vfio_run *r, const char *path)
{
	int i, fd = run_open(r, path);

	for (i = 1; i < VFIO_GROUP_TRIES && fd == -EBUSY; i++) {
		r->sys->sleep_us(r->ctx, VFIO_PAUSE_US);
		fd = run_open(r, path);
	}
	return fd;
}

/* -ENOENT: no such group device, without a message; the cdev may be there. */
static int group_open(struct vfio_run *r, int group, struct err *err)
{
	struct vfio_part *p = &r->part[r->parts];
	char path[48];

	snprintf(path, sizeof(path), "/dev/vfio/%d", group);
	p->group = group;
	p->fd = r->t->own ? vfio_own_fd(r->t->own, group) : -1;
	p->held = p->fd >= 0;
	if (!p->held)
		p->fd = group_open_again(r, path);
	if (p->fd == -ENOENT)
		return -ENOENT;
	if (p->fd == -EBUSY)
		return err_set(err, EBUSY, "VFIO group %d is open: a VM or another "
			       "program owns it", group);
	if (p->fd < 0)
		return err_sys(err, -p->fd, "%s", path);
	r->parts++;
	return group_viable(r, p, err);
}

static int groups_open(struct vfio_run *r, struct err *err)
{
	size_t i;
	int group = -1, rc;

	for (i = 0; i < r->t->n; i++) {
		rc = vfio_group_of(r->t->root, r->t->fns[i], &group, err);
		if (!rc && !group_find(r, (uint32_t)group))
			rc = group_open(r, group, err);
		if (rc)
			return rc;
	}
	return 0;
}

static int container_add(struct vfio_run *r, const struct vfio_part *p, struct err *err)
{
	int rc = run_ioctl(r, p->fd, VFIO_GROUP_SET_CONTAINER, &r->container);

	if (rc == -EPERM)
		return err_set(err, EBUSY, "VFIO group %d: a host driver or another "
			       "program owns a function of it", p->group);
	if (rc == -EBUSY)
		return err_set(err, EBUSY, "VFIO group %d is in use by somebody else",
			       p->group);
	return rc < 0 ? err_sys(err, -rc, "VFIO group %d: container", p->group) : 0;
}

/* An IOMMU type can be set once the container holds a group, and before the others. */
static int container_set_iommu(struct vfio_run *r, struct err *err)
{
	static const unsigned long types[] = { VFIO_TYPE1v2_IOMMU, VFIO_TYPE1_IOMMU };
	size_t i;
	int rc = 0;

	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		/* this ioctl takes the number itself for its argument */
		rc = run_ioctl(r, r->container, VFIO_SET_IOMMU, (void *)types[i]);
		if (rc >= 0)
			return 0;
	}
	return err_sys(err, -rc, "VFIO: the IOMMU cannot be used");
}

static int container_open(struct vfio_run *r, struct err *err)
{
	size_t i;
	int rc = run_open(r, "/dev/vfio/vfio");

	/* beside a group that we hold, the cdev would only say that it is in use */
	if (rc == -ENOENT && r->part[0].held)
		return err_set(err, ENOTTY, "/dev/vfio/vfio is not there: the kernel has "
			       "VFIO's groups without their container (modprobe vfio, or "
			       "CONFIG_VFIO_CONTAINER)");
	if (rc < 0)
		return err_sys(err, -rc, "/dev/vfio/vfio");
	r->container = rc;
	rc = container_add(r, &r->part[0], err);
	if (!rc)
		rc = container_set_iommu(r, err);
	for (i = 1; i < r->parts && !rc; i++)
		rc = container_add(r, &r->part[i], err);
	return rc;
}

static int device_open(struct vfio_run *r, struct err *err)
{
	struct vfio_part *p;
	char at[BDF_STR];
	int group = -1;
	int rc = vfio_group_of(r->t->root, r->t->bdf, &group, err);

	if (rc)
		return rc;
	p = group_find(r, (uint32_t)group);
	bdf_str(r->t->bdf, at);
	if (!p)
		return err_set(err, EAGAIN, "%s: moved to another IOMMU group", at);
	rc = run_ioctl_again(r, p->fd, VFIO_GROUP_GET_DEVICE_FD, at);
	if (rc == -ENODEV)
		return err_set(err, ENOTTY, "%s: not bound to vfio-pci", at);
	if (rc < 0)
		return err_sys(err, -rc, "%s: VFIO does not open it", at);
	r->dev = rc;
	return 0;
}

/*
 * The groups of the affected functions only: the kernel refuses more descriptors
 * than functions (vfio_pci_ioctl_pci_hot_reset_groups() in vfio_pci_core.c).
 */
static int legacy_reset(struct vfio_run *r, struct err *err)
{
	int *fds = calloc(r->info->count, sizeof(*fds));
	const struct vfio_part *p;
	size_t n = 0, k;
	uint32_t i;
	int rc = 0;

	if (!fds)
		return err_sys(err, ENOMEM, "VFIO hot reset");
	for (i = 0; i < r->info->count && !rc; i++) {
		p = group_find(r, r->info->fn[i].id);
		for (k = 0; p && k < n && fds[k] != p->fd; k++)
			;
		if (!p)
			rc = affected_error(r->t, &r->info->fn[i],
					    "moved to another IOMMU group", err);
		else if (k == n)
			fds[n++] = p->fd;
	}
	if (!rc)
		rc = reset_do(r, fds, n, err);
	free(fds);
	return rc;
}

static int legacy_open(struct vfio_run *r, struct err *err)
{
	int rc = groups_open(r, err);

	if (!rc)
		rc = container_open(r, err);
	return rc ? rc : device_open(r, err);
}

static int legacy_run(struct vfio_run *r, struct err *err)
{
	int rc = legacy_open(r, err);

	if (!rc)
		rc = info_get(r, err);
	if (!rc)
		rc = info_check(r, err);
	return rc ? rc : legacy_reset(r, err);
}

/* ---- cdev: devices bound to one iommufd ---- */

/* "vfio3" from BDF/vfio-dev/vfio3. */
static int cdev_name(const char *root, struct bdf bdf, char *buf, size_t size,
		     struct err *err)
{
	char path[SYS_PATH], at[BDF_STR];
	struct dirent *e;
	int rc = sys_fn_path(path, root, bdf, "vfio-dev");
	DIR *dir = rc ? NULL : opendir(path);
	bool found = false;

	while (dir && !found && (e = readdir(dir))) {
		found = !strncmp(e->d_name, "vfio", 4) && strlen(e->d_name) < size;
		if (found)
			memcpy(buf, e->d_name, strlen(e->d_name) + 1);
	}
	if (dir)
		closedir(dir);
	if (!found)
		return err_set(err, ENOTTY, "%s: not bound to vfio-pci, or this kernel "
			       "offers neither its VFIO group nor its VFIO device",
			       bdf_str(bdf, at));
	return 0;
}

static int cdev_bind(struct vfio_run *r, int fd, const char *at, struct err *err)
{
	struct vfio_uapi_bind bind = {
		.argsz = sizeof(bind),
		.iommufd = r->container,
	};
	int rc = run_ioctl_again(r, fd, VFIO_UAPI_BIND_IOMMUFD, &bind);

	/* EINVAL: bound already by another opener; EBUSY: its group is open. */
	if (rc == -EINVAL || rc == -EBUSY || rc == -EPERM)
		return err_set(err, EBUSY, "%s: its VFIO device is open: a VM or another "
			       "program owns it", at);
	return rc < 0 ? err_sys(err, -rc, "%s: VFIO does not bind it", at) : 0;
}

static int cdev_add(struct vfio_run *r, struct bdf bdf, struct err *err)
{
	char name[32], path[64], at[BDF_STR];
	int fd, rc = cdev_name(r->t->root, bdf, name, sizeof(name), err);

	if (rc)
		return rc;
	snprintf(path, sizeof(path), "/dev/vfio/devices/%s", name);
	fd = run_open(r, path);
	if (fd < 0)
		return err_sys(err, -fd, "%s: %s", bdf_str(bdf, at), path);
	r->part[r->parts++] = (struct vfio_part){ .fd = fd };
	if (bdf_eq(bdf, r->t->bdf)) {
		r->dev = fd;
		r->dev_is_part = true;
	}
	return cdev_bind(r, fd, bdf_str(bdf, at), err);
}

/* The kernel's own view of ownership, beyond our list of functions. */
static int cdev_check_owned(struct vfio_run *r, struct err *err)
{
	const struct vfio_uapi_hot_reset_info *info = r->info;
	char at[BDF_STR];
	uint32_t i;

	if (!info || !(info->flags & VFIO_UAPI_DEV_ID))
		return err_set(err, EIO, "%s: VFIO gave no device ids",
			       bdf_str(r->t->bdf, at));
	if (info->flags & VFIO_UAPI_DEV_ID_OWNED)
		return 0;
	for (i = 0; i < info->count; i++)
		if (info->fn[i].id == VFIO_UAPI_NOT_OWNED)
			return affected_error(r->t, &info->fn[i], "is not bound to "
					      "vfio-pci or is owned by somebody else",
					      err);
	return err_set(err, EPERM, "%s: VFIO says that a function of the slot is owned "
		       "by somebody else", bdf_str(r->t->bdf, at));
}

static int cdev_open(struct vfio_run *r, struct err *err)
{
	char name[32], at[BDF_STR];
	size_t i;
	int rc = cdev_name(r->t->root, r->t->bdf, name, sizeof(name), err);

	if (rc)
		return rc;
	rc = run_open(r, "/dev/iommu");
	if (rc < 0)
		return err_sys(err, rc == -ENOENT ? ENOTTY : -rc,
			       "%s: VFIO: /dev/iommu", bdf_str(r->t->bdf, at));
	r->container = rc;
	for (rc = 0, i = 0; i < r->t->n && !rc; i++)
		rc = cdev_add(r, r->t->fns[i], err);
	return rc;
}

static int cdev_run(struct vfio_run *r, struct err *err)
{
	int rc = cdev_open(r, err);

	if (!rc)
		rc = info_get(r, err);
	if (!rc)
		rc = info_check(r, err);
	if (!rc)
		rc = cdev_check_owned(r, err);
	return rc ? rc : reset_do(r, NULL, 0, err);
}

int vfio_hot_reset(const struct vfio_sys *sys, void *ctx, const struct vfio_target *t,
		   struct err *err)
{
	struct vfio_run r = {
		.sys = sys,
		.ctx = ctx,
		.t = t,
		.container = -1,
		.dev = -1,
	};
	char at[BDF_STR];
	size_t i;
	int rc;

	for (i = 0; i < t->n && !bdf_eq(t->fns[i], t->bdf); i++)
		;
	if (i == t->n)
		return err_set(err, EINVAL, "%s is not one of the functions to reset",
			       bdf_str(t->bdf, at));
	r.part = calloc(t->n, sizeof(*r.part));
	if (!r.part)
		return err_sys(err, ENOMEM, "VFIO hot reset");
	rc = legacy_run(&r, err);
	if (rc == -ENOENT) {
		run_close(&r);
		rc = cdev_run(&r, err);
	}
	run_close(&r);
	free(r.part);
	free(r.info);
	return rc;
}

/* ---- one function, for its registers ---- */

/* The descriptors leave @r, which forgets them. */
static void handle_take(struct vfio_run *r, struct vfio_handle *h)
{
	h->dev = r->dev;
	h->container = r->container;
	h->group = r->dev_is_part ? -1 : r->part[0].fd;
	h->held = !r->dev_is_part && r->part[0].held;
	r->dev = r->container = -1;
	r->dev_is_part = false;
	r->parts = 0;
}

int vfio_open(const struct vfio_sys *sys, void *ctx, const struct vfio_target *t,
	      struct vfio_handle *h, struct err *err)
{
	struct vfio_part part = { 0 };
	struct vfio_run r = {
		.sys = sys,
		.ctx = ctx,
		.t = t,
		.part = &part,
		.container = -1,
		.dev = -1,
	};
	int rc = legacy_open(&r, err);

	if (rc == -ENOENT) {
		run_close(&r);
		rc = cdev_open(&r, err);
	}
	if (!rc)
		handle_take(&r, h);
	run_close(&r);
	return rc;
}

void vfio_close(const struct vfio_sys *sys, void *ctx, struct vfio_handle *h)
{
	int *const fd[] = { &h->dev, &h->group, &h->container };
	size_t i;

	for (i = 0; i < sizeof(fd) / sizeof(fd[0]); i++) {
		if (fd[i] == &h->group && h->held)
			sys->ioctl(ctx, h->group, VFIO_GROUP_UNSET_CONTAINER, NULL);
		else if (*fd[i] >= 0)
			sys->close(ctx, *fd[i]);
		*fd[i] = -1;
	}
}

/* ---- the real kernel ---- */

static int real_open(void *ctx, const char *path, int flags)
{
	char full[SYS_PATH];
	int fd, rc = sys_path(full, ctx, "%s", path);

	if (rc)
		return rc;
	fd = open(full, flags);
	return fd < 0 ? -errno : fd;
}

static int real_ioctl(void *ctx, int fd, unsigned long req, void *arg)
{
	int rc = ioctl(fd, req, arg);

	(void)ctx;
	return rc < 0 ? -errno : rc;
}

static void real_close(void *ctx, int fd)
{
	(void)ctx;
	close(fd);
}

static void real_sleep(void *ctx, unsigned us)
{
	const struct timespec ts = { us / 1000000, us % 1000000 * 1000L };

	(void)ctx;
	clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, NULL);
}

static ssize_t real_pread(void *ctx, int fd, void *buf, size_t n, off_t at)
{
	ssize_t got = pread(fd, buf, n, at);

	(void)ctx;
	return got < 0 ? -errno : got;
}

static ssize_t real_pwrite(void *ctx, int fd, const void *buf, size_t n, off_t at)
{
	ssize_t put = pwrite(fd, buf, n, at);

	(void)ctx;
	return put < 0 ? -errno : put;
}

const struct vfio_sys vfio_sys_real = {
	.open = real_open,
	.ioctl = real_ioctl,
	.close = real_close,
	.sleep_us = real_sleep,
	.pread = real_pread,
	.pwrite = real_pwrite,
};
