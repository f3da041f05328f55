// SPDX-License-Identifier: GPL-2.0-or-later
#include "hw/linux_cfg.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "hw/linux_sys.h"

void cfg_init(struct cfg_cache *c, const char *root)
{
	size_t i;

	c->root = root;
	c->clock = 0;
	for (i = 0; i < CFG_FDS; i++)
		c->slot[i].fd = -1;
}

static void cfg_close(struct cfg_fd *f)
{
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
	f->used = 0;
}

void cfg_drop(struct cfg_cache *c, struct bdf bdf)
{
	size_t i;

	for (i = 0; i < CFG_FDS; i++)
		if (c->slot[i].fd >= 0 && bdf_eq(c->slot[i].bdf, bdf))
			cfg_close(&c->slot[i]);
}

void cfg_drop_all(struct cfg_cache *c)
{
	size_t i;

	for (i = 0; i < CFG_FDS; i++)
		cfg_close(&c->slot[i]);
}

/* The function's slot, or the one to use for it: a free one, or the oldest. */
static struct cfg_fd *cfg_slot(struct cfg_cache *c, struct bdf bdf)
{
	struct cfg_fd *best = &c->slot[0];
	size_t i;

	for (i = 0; i < CFG_FDS; i++) {
		struct cfg_fd *f = &c->slot[i];

		if (f->fd >= 0 && bdf_eq(f->bdf, bdf))
			return f;
		if (f->used < best->used)
			best = f;
	}
	cfg_close(best);
	best->bdf = bdf;
	best->rw = false;
	return best;
}

static int cfg_open_error(struct bdf bdf, bool rw, int code, struct err *err)
{
	char at[BDF_STR];

	if (code == ENOENT || code == ENODEV)
		return err_set(err, ENODEV, "%s: the kernel does not know this function",
			       bdf_str(bdf, at));
	if (rw && (code == EPERM || code == EACCES))
		return err_set(err, code, "%s: config may not be written: not root, or "
			       "kernel lockdown (Secure Boot)", bdf_str(bdf, at));
	return err_sys(err, code, "%s: config", bdf_str(bdf, at));
}

/*
 * NULL with *@rc set when it cannot be opened. Read-only until the first write: a
 * reading command never holds a writable one.
 */
static struct cfg_fd *cfg_open(struct cfg_cache *c, struct bdf bdf, bool rw, int *rc,
			       struct err *err)
{
	struct cfg_fd *f = cfg_slot(c, bdf);
	char path[SYS_PATH];

	if (f->fd >= 0 && rw && !f->rw)
		cfg_close(f);
	if (f->fd < 0) {
		*rc = sys_fn_path(path, c->root, bdf, "config");
		if (!*rc)
			f->fd = open(path, (rw ? O_RDWR : O_RDONLY) | O_CLOEXEC);
		if (f->fd < 0) {
			*rc = cfg_open_error(bdf, rw, *rc ? -*rc : errno, err);
			return NULL;
		}
		f->rw = rw;
	}
	f->used = ++c->clock;
	return f;
}

static int cfg_io_error(struct cfg_cache *c, const struct cfg_reg *reg, ssize_t n,
			int code, const char *verb, struct err *err)
{
	char at[BDF_STR];

	bdf_str(reg->bdf, at);
	if (n >= 0)
		return err_set(err, EIO, "%s: config 0x%x: the kernel could not %s %u "
			       "bytes (not root, or no configuration space there)",
			       at, reg->off, verb, reg->width);
	if (code == ENODEV) {
		cfg_drop(c, reg->bdf);
		return err_set(err, ENODEV, "%s: config 0x%x: the function was removed",
			       at, reg->off);
	}
	if (code == EPERM)
		return err_set(err, EPERM, "%s: config 0x%x: the kernel forbids to %s it:"
			       " most likely kernel lockdown (Secure Boot)", at,
			       reg->off, verb);
	return err_sys(err, code, "%s: config 0x%x: cannot %s", at, reg->off, verb);
}

int cfg_get(struct cfg_cache *c, const struct cfg_reg *reg, uint32_t *val,
	    struct err *err)
{
	uint8_t raw[4] = { 0 };
	int rc = 0;
	struct cfg_fd *f = cfg_open(c, reg->bdf, false, &rc, err);
	ssize_t n;

	if (!f)
		return rc;
	n = pread(f->fd, raw, reg->width, reg->off);
	if (n != (ssize_t)reg->width)
		return cfg_io_error(c, reg, n, errno, "read", err);
	*val = raw[0] | (uint32_t)raw[1] << 8 | (uint32_t)raw[2] << 16 |
	       (uint32_t)raw[3] << 24;
	return 0;
}

int cfg_put(struct cfg_cache *c, const struct cfg_reg *reg, uint32_t val,
	    struct err *err)
{
	const uint8_t raw[4] = { (uint8_t)val, (uint8_t)(val >> 8),
				 (uint8_t)(val >> 16), (uint8_t)(val >> 24) };
	int rc = 0;
	struct cfg_fd *f = cfg_open(c, reg->bdf, true, &rc, err);
	ssize_t n;

	if (!f)
		return rc;
	n = pwrite(f->fd, raw, reg->width, reg->off);
	if (n != (ssize_t)reg->width)
		return cfg_io_error(c, reg, n, errno, "write", err);
	return 0;
}
