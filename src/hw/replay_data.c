// SPDX-License-Identifier: GPL-2.0-or-later
/* A recording in memory. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "base/xalloc.h"
#include "hw/replay_internal.h"

static char *rec_copy(const char *text)
{
	size_t n = strlen(text) + 1;

	return memcpy(xcalloc(n, 1), text, n);
}

struct recording *rec_new(const char *path)
{
	struct recording *r = xcalloc(1, sizeof(*r));

	r->path = rec_copy(path);
	return r;
}

/* --- functions ----------------------------------------------------------------- */

struct rec_fn *rec_add_fn(struct recording *r, struct bdf bdf)
{
	struct rec_fn *f;

	r->fn = xgrow(r->fn, r->nfns, &r->fn_room, sizeof(*r->fn));
	f = &r->fn[r->nfns++];
	memset(f, 0, sizeof(*f));
	f->bdf = bdf;
	f->on_root_bus = true;
	return f;
}

static int rec_cmp(const void *a, const void *b)
{
	return bdf_cmp(((const struct rec_fn *)a)->bdf, ((const struct rec_fn *)b)->bdf);
}

int rec_sort(struct recording *r, struct bdf *twice)
{
	if (r->nfns)
		qsort(r->fn, r->nfns, sizeof(*r->fn), rec_cmp);
	for (size_t i = 1; i < r->nfns; i++) {
		if (!bdf_eq(r->fn[i].bdf, r->fn[i - 1].bdf))
			continue;
		*twice = r->fn[i].bdf;
		return -EEXIST;
	}
	return 0;
}

struct rec_fn *rec_find(const struct recording *r, struct bdf bdf)
{
	const struct rec_fn key = { .bdf = bdf };

	return r->nfns ? bsearch(&key, r->fn, r->nfns, sizeof(key), rec_cmp) : NULL;
}

/* --- texts --------------------------------------------------------------------- */

void rec_put(struct rec_texts *t, const char *name, char *text, int code)
{
	t->at = xgrow(t->at, t->n, &t->room, sizeof(*t->at));
	t->at[t->n++] = (struct rec_text){ rec_copy(name), text, code };
}

const struct rec_text *rec_get(const struct rec_texts *t, const char *name)
{
	for (size_t i = 0; i < t->n; i++)
		if (!strcmp(t->at[i].name, name))
			return &t->at[i];
	return NULL;
}

void rec_attr(struct rec_fn *f, const char *name, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	rec_put(&f->attrs, name, rec_copy(text), 0);
}

void rec_put_name(struct recording *r, uint16_t vendor, uint16_t device, char *text)
{
	r->name = xgrow(r->name, r->nnames, &r->name_room, sizeof(*r->name));
	r->name[r->nnames++] = (struct rec_name){ vendor, device, text };
}

/* --- configuration space ------------------------------------------------------- */

uint32_t rec_cfg(const struct rec_fn *f, unsigned off, unsigned width)
{
	uint32_t val = 0;

	if (off + width > f->config_len)
		return width == 4 ? UINT32_MAX : (1u << (8 * width)) - 1;
	for (unsigned i = 0; i < width; i++)
		val |= (uint32_t)f->config[off + i] << (8 * i);
	return val;
}

static unsigned rec_cap_standard(const struct rec_fn *f, uint16_t id)
{
	unsigned off = rec_cfg(f, PCI_CAPABILITY_LIST, 1) & ~3u;

	if (!(rec_cfg(f, PCI_STATUS, 2) & PCI_STATUS_CAP_LIST))
		return 0;
	/* 48 capabilities fit into 192 bytes: more steps are a loop */
	for (int steps = 0; steps < 48 && off >= 0x40 && off < 0x100; steps++) {
		uint32_t head = rec_cfg(f, off, 2);

		if (head == 0xffff)
			return 0;
		if ((head & 0xff) == id)
			return off;
		off = head >> 8 & ~3u;
	}
	return 0;
}

static unsigned rec_cap_extended(const struct rec_fn *f, uint16_t id)
{
	unsigned off = PCI_CFG_SPACE_SIZE;

	/* likewise, 8 bytes each in 3840 */
	for (int steps = 0; steps < 480 && off >= PCI_CFG_SPACE_SIZE; steps++) {
		uint32_t head = rec_cfg(f, off, 4);

		if (!head || head == UINT32_MAX)
			return 0;
		if (PCI_EXT_CAP_ID(head) == id)
			return off;
		off = PCI_EXT_CAP_NEXT(head);
	}
	return 0;
}

unsigned rec_cap(const struct rec_fn *f, uint16_t id, bool ext)
{
	if (f->config_len < PCI_STD_HEADER_SIZEOF ||
	    rec_cfg(f, PCI_VENDOR_ID, 4) == UINT32_MAX)
		return 0;
	return ext ? rec_cap_extended(f, id) : rec_cap_standard(f, id);
}

/* --- the end ------------------------------------------------------------------- */

static void rec_free_texts(struct rec_texts *t)
{
	for (size_t i = 0; i < t->n; i++) {
		free(t->at[i].name);
		free(t->at[i].text);
	}
	free(t->at);
}

static void rec_free_fn(struct rec_fn *f)
{
	rec_free_texts(&f->attrs);
	free(f->config);
	free(f->reg);
}

static void rec_free_run(struct recording *r)
{
	for (size_t i = 0; i < r->naccesses; i++) {
		free(r->access[i].request);
		free(r->access[i].answer);
	}
	free(r->access);
	free(r->end_verdict);
	rec_free_texts(&r->options);
}

void recording_free(struct recording *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->nfns; i++)
		rec_free_fn(&r->fn[i]);
	for (size_t i = 0; i < r->nnames; i++)
		free(r->name[i].text);
	for (size_t i = 0; i < r->nlog; i++)
		free(r->log[i]);
	rec_free_texts(&r->host);
	rec_free_run(r);
	free(r->fn);
	free(r->name);
	free(r->holder);
	free(r->log);
	free(r->path);
	free(r);
}

/* --- what others may ask ------------------------------------------------------- */

bool recording_target(const struct recording *r, struct bdf_spec *spec)
{
	*spec = r->target;
	return r->has_target;
}

bool recording_is_dump(const struct recording *r)
{
	return r->dump;
}

/*
 * Is the one right above it known? In a dump it may be one further up; a virtual function
 * (ids all ones, SR-IOV 3.4.1.1) need not be on the secondary bus.
 */
static bool rec_has_bridge(const struct recording *r, const struct rec_fn *f)
{
	const struct rec_fn *up = f->on_root_bus ? NULL : rec_find(r, f->parent);

	return up && (!r->dump || rec_cfg(up, PCI_SECONDARY_BUS, 1) == f->bdf.bus ||
		      rec_cfg(f, PCI_VENDOR_ID, 4) == UINT32_MAX);
}

bool recording_misses_bridge(const struct recording *r, struct bdf *bdf)
{
	for (size_t i = 0; i < r->nfns; i++) {
		unsigned cap = rec_cap(&r->fn[i], PCI_CAP_ID_EXP, false);
		uint32_t type;

		if (rec_has_bridge(r, &r->fn[i]) || !cap)
			continue;
		type = (rec_cfg(&r->fn[i], cap + PCI_EXP_FLAGS, 2) &
			PCI_EXP_FLAGS_TYPE) >> 4;
		*bdf = r->fn[i].bdf;
		if (type == PCI_EXP_TYPE_ENDPOINT || type == PCI_EXP_TYPE_LEG_END ||
		    type == PCI_EXP_TYPE_UPSTREAM || type == PCI_EXP_TYPE_DOWNSTREAM)
			return r->fn[i].bdf.bus != 0;
	}
	return false;
}

bool recording_has_run(const struct recording *r)
{
	return r->has_run;
}

const char *recording_option(const struct recording *r, size_t i)
{
	return i < r->options.n ? r->options.at[i].name : NULL;
}
