// SPDX-License-Identifier: GPL-2.0-or-later
#include "hw/linux_bar.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hw/linux_sys.h"

#define BAR_WINDOW (1u << 20)   /* mapped at once: all of a register BAR, mostly */

/* include/linux/ioport.h, as shown in the third column of the file `resource`. */
#define BAR_FLAG_IO 0x100u
#define BAR_FLAG_MEM 0x200u

struct bar_info {
	uint64_t start, size, flags;
};

/* A signal handler gets no argument of ours. */
static _Thread_local sigjmp_buf bar_sigbus_at;

void bar_init(struct bar_cache *c, const char *root)
{
	memset(c, 0, sizeof(*c));
	c->root = root;
}

static void bar_unmap(struct bar_map *m)
{
	if (m->mem)
		munmap(m->mem, m->len);
	memset(m, 0, sizeof(*m));
}

void bar_drop(struct bar_cache *c, struct bdf bdf)
{
	size_t i;

	for (i = 0; i < BAR_MAPS; i++)
		if (c->map[i].mem && bdf_eq(c->map[i].bdf, bdf))
			bar_unmap(&c->map[i]);
}

void bar_drop_all(struct bar_cache *c)
{
	size_t i;

	for (i = 0; i < BAR_MAPS; i++)
		bar_unmap(&c->map[i]);
}

/* "0000:0b:00.0: BAR 5" for messages. */
static const char *bar_name(const struct bar_reg *reg, char buf[BDF_STR + 16])
{
	char at[BDF_STR];

	snprintf(buf, BDF_STR + 16, "%s: BAR %d", bdf_str(reg->bdf, at), reg->bar);
	return buf;
}

/* Line @bar of the file `resource`: start, end, flags. */
static int bar_parse(const char *text, int bar, struct bar_info *info)
{
	uint64_t v[3];
	char *end;
	int i;

	for (; bar > 0 && text; bar--) {
		text = strchr(text, '\n');
		text += text ? 1 : 0;
	}
	for (i = 0; i < 3; i++) {
		errno = 0;
		v[i] = text ? strtoull(text, &end, 16) : 0;
		if (!text || end == text || errno)
			return -EIO;
		text = end;
	}
	info->start = v[0];
	info->size = v[1] > v[0] ? v[1] - v[0] + 1 : 0;
	info->flags = v[2];
	return 0;
}

static int bar_describe(struct bar_cache *c, const struct bar_reg *reg,
			struct bar_info *info, struct err *err)
{
	char path[SYS_PATH], text[4096], name[BDF_STR + 16];
	int rc = sys_fn_path(path, c->root, reg->bdf, "resource");

	bar_name(reg, name);
	if (!rc)
		rc = sys_read_text(path, text, sizeof(text));
	if (rc == -ENOENT)
		return err_set(err, ENODEV, "%s: the kernel does not know this function",
			       name);
	if (!rc)
		rc = bar_parse(text, reg->bar, info);
	if (rc)
		return err_sys(err, -rc, "%s: file resource", name);
	if (info->flags & BAR_FLAG_IO)
		return err_set(err, ERANGE, "%s: an I/O port BAR, it has no memory "
			       "registers", name);
	if (!info->size || !(info->flags & BAR_FLAG_MEM))
		return err_set(err, ERANGE, "%s: the function has no such BAR, or it got "
			       "no address", name);
	return 0;
}

/* Checked before the mapping is looked for, so that both ways give one answer. */
static int bar_in_range(const struct bar_reg *reg, uint64_t size, struct err *err)
{
	char name[BDF_STR + 16];

	if (reg->off % 4)
		return err_set(err, EINVAL, "%s: offset 0x%x is not a multiple of 4",
			       bar_name(reg, name), reg->off);
	if ((uint64_t)reg->off + 4 > size)
		return err_set(err, ERANGE, "%s: offset 0x%x is beyond its %llu bytes",
			       bar_name(reg, name), reg->off, (unsigned long long)size);
	return 0;
}

static int bar_map_error(const struct bar_reg *reg, int code, struct err *err)
{
	char name[BDF_STR + 16];

	bar_name(reg, name);
	if (code == EPERM || code == EACCES)
		return err_set(err, EPERM, "%s: the kernel forbids access: not root, or "
			       "kernel lockdown (Secure Boot)", name);
	/* pci_mmap_resource(): iomem_is_exclusive(), for the size has been checked */
	if (code == EINVAL || code == EBUSY)
		return err_set(err, EBUSY, "%s: a driver or a VM owns its memory", name);
	if (code == ENOENT)
		return err_set(err, ERANGE, "%s: the kernel offers no file for it", name);
	return err_sys(err, code, "%s: cannot be mapped", name);
}

/* The window of BAR_WINDOW bytes around the register, clipped to the BAR. */
static void bar_window(struct bar_map *m, const struct bar_reg *reg,
		       const struct bar_info *info)
{
	uint64_t left;

	m->bdf = reg->bdf;
	m->bar = reg->bar;
	m->size = info->size;
	m->base = reg->off & ~(uint64_t)(BAR_WINDOW - 1);
	m->skew = info->start & (uint64_t)(sysconf(_SC_PAGESIZE) - 1);
	left = info->size - m->base;
	m->len = m->skew + (size_t)(left < BAR_WINDOW ? left : BAR_WINDOW);
}

static int bar_mmap(struct bar_cache *c, struct bar_map *m, const struct bar_reg *reg,
		    struct err *err)
{
	char path[SYS_PATH], file[24];
	struct stat st;
	int fd, rc;

	snprintf(file, sizeof(file), "resource%d", reg->bar);
	rc = sys_fn_path(path, c->root, reg->bdf, file);
	if (rc)
		return bar_map_error(reg, -rc, err);
	fd = open(path, (m->rw ? O_RDWR : O_RDONLY) | O_CLOEXEC);
	if (fd < 0)
		return bar_map_error(reg, errno, err);
	if (fstat(fd, &st) < 0)
		rc = bar_map_error(reg, errno, err);
	else if (st.st_size < (off_t)m->size)
		m->size = (uint64_t)st.st_size;
	if (!rc)
		rc = bar_in_range(reg, m->size, err);
	if (rc)
		goto out;
	m->mem = mmap(NULL, m->len, PROT_READ | (m->rw ? PROT_WRITE : 0), MAP_SHARED, fd,
		      (off_t)m->base);
	if (m->mem == MAP_FAILED) {
		m->mem = NULL;
		rc = bar_map_error(reg, errno, err);
	}
out:
	close(fd);
	return rc;
}

static bool bar_covers(const struct bar_map *m, const struct bar_reg *reg)
{
	return m->mem && m->bar == reg->bar && bdf_eq(m->bdf, reg->bdf) &&
	       (reg->off & ~(uint64_t)(BAR_WINDOW - 1)) == m->base;
}

static struct bar_map *bar_slot(struct bar_cache *c, const struct bar_reg *reg)
{
	struct bar_map *best = &c->map[0];
	size_t i;

	for (i = 0; i < BAR_MAPS; i++) {
		if (bar_covers(&c->map[i], reg))
			return &c->map[i];
		if (c->map[i].used < best->used)
			best = &c->map[i];
	}
	bar_unmap(best);
	return best;
}

/* NULL with *@rc set when there is no such register. */
static struct bar_map *bar_open(struct bar_cache *c, const struct bar_reg *reg, bool rw,
				int *rc, struct err *err)
{
	struct bar_map *m = bar_slot(c, reg);
	struct bar_info info = { 0 };

	if (m->mem && rw && !m->rw)
		bar_unmap(m);
	if (!m->mem) {
		*rc = bar_describe(c, reg, &info, err);
		if (!*rc)
			*rc = bar_in_range(reg, info.size, err);
		if (*rc)
			return NULL;
		m->rw = rw;
		bar_window(m, reg, &info);
		*rc = bar_mmap(c, m, reg, err);
		if (!m->mem) {
			bar_unmap(m);
			return NULL;
		}
	}
	m->used = ++c->clock;
	*rc = bar_in_range(reg, m->size, err);
	return *rc ? NULL : m;
}

static void bar_sigbus(int sig)
{
	(void)sig;
	siglongjmp(bar_sigbus_at, 1);
}

/* One 32-bit load or store; -ENODEV when the page is gone. */
static int bar_touch(volatile uint32_t *at, uint32_t *val, bool write)
{
	struct sigaction act = { .sa_handler = bar_sigbus }, old;
	volatile int rc = 0;

	sigaction(SIGBUS, &act, &old);
	if (sigsetjmp(bar_sigbus_at, 1))
		rc = -ENODEV;
	else if (write)
		*at = *val;
	else
		*val = *at;
	sigaction(SIGBUS, &old, NULL);
	return rc;
}

static int bar_io(struct bar_cache *c, const struct bar_reg *reg, uint32_t *val,
		  bool write, struct err *err)
{
	char name[BDF_STR + 16];
	struct bar_map *m;
	uint8_t *at;
	int rc = 0;

	if (reg->bar < 0 || reg->bar > 5)
		return err_set(err, ERANGE, "%s: there are BARs 0 to 5 only",
			       bar_name(reg, name));
	m = bar_open(c, reg, write, &rc, err);
	if (!m)
		return rc;
	at = (uint8_t *)m->mem + m->skew + (reg->off - m->base);
	rc = bar_touch((volatile uint32_t *)(void *)at, val, write);
	if (!rc)
		return 0;
	bar_unmap(m);
	return err_set(err, ENODEV, "%s: the kernel took its memory away: the function "
		       "was removed, or a driver claimed it", bar_name(reg, name));
}

int bar_get(struct bar_cache *c, const struct bar_reg *reg, uint32_t *val,
	    struct err *err)
{
	return bar_io(c, reg, val, false, err);
}

int bar_put(struct bar_cache *c, const struct bar_reg *reg, uint32_t val,
	    struct err *err)
{
	return bar_io(c, reg, &val, true, err);
}
