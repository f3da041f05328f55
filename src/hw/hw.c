// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One thin function per operation: callers never see the table, and what is true of
 * every implementation is checked here once.
 */
#include "hw/hw.h"

#include <errno.h>

#include "hw/hw_ops.h"

static int aligned(unsigned off, unsigned width, struct err *err)
{
	if ((width == 1 || width == 2 || width == 4) && off % width == 0 &&
	    off + width <= 4096)
		return 0;
	return err_set(err, EINVAL, "no such access: %u bytes at config offset 0x%x",
		       width, off);
}

int hw_scan(struct hw *hw, hw_node_fn *fn, void *arg, struct err *err)
{
	return hw->ops->scan(hw, fn, arg, err);
}

int hw_cfg_read(struct hw *hw, struct bdf bdf, unsigned off, unsigned width,
		uint32_t *val, struct err *err)
{
	int rc = aligned(off, width, err);

	return rc ? rc : hw->ops->cfg_read(hw, bdf, off, width, val, err);
}

int hw_cfg_write(struct hw *hw, struct bdf bdf, unsigned off, unsigned width,
		 uint32_t val, struct err *err)
{
	int rc = aligned(off, width, err);

	return rc ? rc : hw->ops->cfg_write(hw, bdf, off, width, val, err);
}

int hw_bar_read(struct hw *hw, struct bdf bdf, int bar, uint32_t off, uint32_t *val,
		struct err *err)
{
	return hw->ops->bar_read(hw, bdf, bar, off, val, err);
}

int hw_bar_write(struct hw *hw, struct bdf bdf, int bar, uint32_t off, uint32_t val,
		 struct err *err)
{
	return hw->ops->bar_write(hw, bdf, bar, off, val, err);
}

int hw_attr_read(struct hw *hw, struct bdf bdf, const char *name, char *buf, size_t size,
		 struct err *err)
{
	return hw->ops->attr_read(hw, bdf, name, buf, size, err);
}

bool hw_attr_exists(struct hw *hw, struct bdf bdf, const char *name)
{
	return hw->ops->attr_exists(hw, bdf, name);
}

int hw_attr_write(struct hw *hw, struct bdf bdf, const char *name, const char *value,
		  struct err *err)
{
	return hw->ops->attr_write(hw, bdf, name, value, err);
}

int hw_host_read(struct hw *hw, const char *path, char *buf, size_t size,
		 struct err *err)
{
	return hw->ops->host_read(hw, path, buf, size, err);
}

bool hw_host_exists(struct hw *hw, const char *path)
{
	return hw->ops->host_exists(hw, path);
}

int hw_find_cap(struct hw *hw, struct bdf bdf, uint16_t id, bool ext, unsigned *off,
		struct err *err)
{
	return hw->ops->find_cap(hw, bdf, id, ext, off, err);
}

void hw_name(struct hw *hw, uint16_t vendor, uint16_t device, char *buf, size_t size)
{
	hw->ops->name_of(hw, vendor, device, buf, size);
}

int hw_holders(struct hw *hw, const struct bdf *fns, size_t n, hw_holder_fn *fn,
	       void *arg, struct err *err)
{
	return hw->ops->holders(hw, fns, n, fn, arg, err);
}

int hw_log(struct hw *hw, hw_log_fn *fn, void *arg, struct err *err)
{
	if (!hw->ops->log)
		return err_set(err, ENOENT, "this machine has no kernel log");
	return hw->ops->log(hw, fn, arg, err);
}

uint64_t hw_now(struct hw *hw)
{
	return hw->ops->now(hw);
}

int hw_bus_write(struct hw *hw, const char *name, const char *value, struct err *err)
{
	return hw->ops->bus_write(hw, name, value, err);
}

int hw_hot_reset(struct hw *hw, struct bdf bdf, const struct bdf *fns, size_t n,
		 struct err *err)
{
	return hw->ops->hot_reset(hw, bdf, fns, n, err);
}

int hw_own(struct hw *hw, struct bdf bdf, struct err *err)
{
	if (!hw->ops->own)
		return err_set(err, ENOENT, "this machine has no VFIO groups");
	return hw->ops->own(hw, bdf, err);
}

void hw_disown(struct hw *hw, struct bdf bdf)
{
	if (hw->ops->disown)
		hw->ops->disown(hw, bdf);
}

int hw_vfio_open(struct hw *hw, struct bdf bdf, struct err *err)
{
	if (!hw->ops->vfio_open)
		return err_set(err, ENOTTY, "this machine has no VFIO");
	return hw->ops->vfio_open(hw, bdf, err);
}

void hw_vfio_close(struct hw *hw, struct bdf bdf)
{
	if (hw->ops->vfio_close)
		hw->ops->vfio_close(hw, bdf);
}

int hw_wait_event(struct hw *hw, uint64_t deadline_us, struct err *err)
{
	return hw->ops->wait_event(hw, deadline_us, err);
}

void hw_sleep(struct hw *hw, uint64_t us)
{
	hw->ops->sleep(hw, us);
}

void hw_forget(struct hw *hw, struct bdf bdf)
{
	hw->ops->forget(hw, bdf);
}

const char *hw_kind(const struct hw *hw)
{
	return hw->ops->name;
}

void hw_close(struct hw *hw)
{
	if (hw)
		hw->ops->close(hw);
}
