// SPDX-License-Identifier: GPL-2.0-or-later
#include "hw/vfio_dev.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "hw/vfio_uapi.h"

_Static_assert(VFIO_DEV_CONFIG == VFIO_PCI_CONFIG_REGION_INDEX, "linux/vfio.h");

static int dev_region(struct vfio_dev *d, unsigned i, struct err *err)
{
	struct vfio_region_info info = { .argsz = sizeof(info), .index = i };
	char at[BDF_STR];
	int rc = d->sys->ioctl(d->ctx, d->handle.dev, VFIO_DEVICE_GET_REGION_INFO, &info);

	if (rc < 0)
		return err_sys(err, -rc, "%s: VFIO does not describe region %u",
			       bdf_str(d->bdf, at), i);
	d->region[i].at = info.offset;
	d->region[i].size = info.size;
	return 0;
}

int vfio_dev_open(struct vfio_dev *d, const struct vfio_target *t, struct err *err)
{
	char at[BDF_STR];
	unsigned i;
	int rc;

	if (d->open)
		return err_set(err, EBUSY, "%s is still open through VFIO",
			       bdf_str(d->bdf, at));
	rc = vfio_open(d->sys, d->ctx, t, &d->handle, err);
	if (rc)
		return rc;
	d->open = true;
	d->bdf = t->bdf;
	memset(d->region, 0, sizeof(d->region));
	/* not the ROM: to say its size the kernel reads it */
	for (i = 0; i < VFIO_DEV_REGIONS && !rc; i++)
		if (i != VFIO_PCI_ROM_REGION_INDEX)
			rc = dev_region(d, i, err);
	if (rc)
		vfio_dev_close(d);
	return rc;
}

void vfio_dev_close(struct vfio_dev *d)
{
	if (d->open)
		vfio_close(d->sys, d->ctx, &d->handle);
	d->open = false;
}

bool vfio_dev_is(const struct vfio_dev *d, struct bdf bdf)
{
	return d->open && bdf_eq(d->bdf, bdf);
}

static void dev_name(const struct vfio_dev *d, const struct vfio_reg *reg, char *buf,
		     size_t n)
{
	char at[BDF_STR];

	if (reg->region == VFIO_DEV_CONFIG)
		snprintf(buf, n, "%s: config 0x%x through VFIO", bdf_str(d->bdf, at),
			 reg->off);
	else
		snprintf(buf, n, "%s: BAR %u offset 0x%x through VFIO",
			 bdf_str(d->bdf, at), reg->region, reg->off);
}

static int dev_check(const struct vfio_dev *d, const struct vfio_reg *reg,
		     struct err *err)
{
	char name[80];

	if (reg->region >= VFIO_DEV_REGIONS || !d->region[reg->region].size)
		return err_set(err, ERANGE, "the function has no BAR %u", reg->region);
	dev_name(d, reg, name, sizeof(name));
	if (reg->off % reg->width)
		return err_set(err, EINVAL, "%s: not a multiple of %u", name,
			       reg->width);
	if ((uint64_t)reg->off + reg->width > d->region[reg->region].size)
		return err_set(err, ERANGE, "%s: beyond its %llu bytes", name,
			       (unsigned long long)d->region[reg->region].size);
	return 0;
}

/* vfio_pci_core_do_io_rw() gives EIO while the function does not decode memory. */
static int dev_error(const struct vfio_dev *d, const struct vfio_reg *reg, ssize_t n,
		     const char *verb, struct err *err)
{
	char name[80];

	dev_name(d, reg, name, sizeof(name));
	if (n >= 0)
		return err_set(err, EIO, "%s: the kernel could not %s %u bytes", name,
			       verb, reg->width);
	if (n == -EIO)
		return err_set(err, EIO, "%s: cannot %s it: memory decoding is off, or "
			       "the function sleeps", name, verb);
	return err_sys(err, (int)-n, "%s: cannot %s it", name, verb);
}

static off_t dev_at(const struct vfio_dev *d, const struct vfio_reg *reg)
{
	return (off_t)(d->region[reg->region].at + reg->off);
}

int vfio_dev_get(struct vfio_dev *d, const struct vfio_reg *reg, uint32_t *val,
		 struct err *err)
{
	uint8_t raw[4] = { 0 };
	int rc = dev_check(d, reg, err);
	ssize_t n;

	if (rc)
		return rc;
	n = d->sys->pread(d->ctx, d->handle.dev, raw, reg->width, dev_at(d, reg));
	if (n != (ssize_t)reg->width)
		return dev_error(d, reg, n, "read", err);
	*val = raw[0] | (uint32_t)raw[1] << 8 | (uint32_t)raw[2] << 16 |
	       (uint32_t)raw[3] << 24;
	return 0;
}

int vfio_dev_put(struct vfio_dev *d, const struct vfio_reg *reg, uint32_t val,
		 struct err *err)
{
	const uint8_t raw[4] = { (uint8_t)val, (uint8_t)(val >> 8),
				 (uint8_t)(val >> 16), (uint8_t)(val >> 24) };
	int rc = dev_check(d, reg, err);
	ssize_t n;

	if (rc)
		return rc;
	n = d->sys->pwrite(d->ctx, d->handle.dev, raw, reg->width, dev_at(d, reg));
	return n == (ssize_t)reg->width ? 0 : dev_error(d, reg, n, "write", err);
}
