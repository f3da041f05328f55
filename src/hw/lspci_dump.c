// SPDX-License-Identifier: GPL-2.0-or-later
#include "hw/lspci_dump.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "base/escape.h"
#include "base/xalloc.h"
#include "hw/replay_internal.h"

#define DUMP_LINE 512           /* longer lines are cut; only their beginning matters */
#define DUMP_LOOK 20            /* lines in which the first function must be named */
#define DUMP_ROW 16u

/* IORESOURCE_* of linux/ioport.h, as sysfs prints them. */
#define RES_IO 0x100u
#define RES_MEM 0x200u
#define RES_PREFETCH 0x2000u
#define RES_MEM_64 0x100000u

/* A BAR's size as a text line tells it; which BAR it is, its address says. */
struct dump_size {
	size_t fn;
	uint64_t start, size;
};

struct dump {
	struct recording *r;
	struct diag *diag;
	char line[DUMP_LINE];
	const char *raw;                /* the line in the file, for messages */
	size_t raw_len;
	int number;
	bool open;                      /* rows and details belong to the last function */
	struct dump_size *size;
	size_t nsizes, size_room;
};

static void dump_bad(const struct dump *d, int col, const char *what)
{
	diag_add(d->diag, DIAG_ERROR, d->r->path, d->number, col, d->raw, d->raw_len,
		 "%s", what);
}

static struct rec_fn *dump_fn(const struct dump *d)
{
	return d->open ? &d->r->fn[d->r->nfns - 1] : NULL;
}

/* --- lines --------------------------------------------------------------------- */

/* "0b:00.0 VGA ...", "0000:0b:00.0 VGA ..."; what follows the address, or NULL. */
static const char *dump_head(const char *line, struct bdf *bdf)
{
	size_t n = strspn(line, "0123456789abcdefABCDEF:.");
	struct bdf_spec spec;
	char word[BDF_STR];

	if (n < 7 || n >= sizeof(word) || line[n] != ' ')
		return NULL;
	memcpy(word, line, n);
	word[n] = '\0';
	if (bdf_parse(word, &spec, NULL) < 0 || spec.whole_slot)
		return NULL;
	*bdf = spec.bdf;
	return line + n + 1;
}

/* "[1002:7300]" at the end of what is left of the name; false: not there. */
static bool dump_ids(char *name, uint16_t *vendor, uint16_t *device)
{
	size_t n = strlen(name);
	unsigned v, dev;
	char close;

	if (n < 11 || name[n - 11] != '[' ||
	    sscanf(name + n - 11, "[%4x:%4x%c", &v, &dev, &close) != 3 || close != ']')
		return false;
	*vendor = (uint16_t)v;
	*device = (uint16_t)dev;
	name[n - 11] = '\0';
	return true;
}

static void dump_trim(char *text)
{
	size_t n = strlen(text);

	while (n && text[n - 1] == ' ')
		text[--n] = '\0';
}

/* "VGA compatible controller [0300]: NAME [1002:7300] (rev cb) (prog-if 00 [...])" */
static void dump_new(struct dump *d, struct bdf bdf, const char *rest)
{
	const char *colon = strstr(rest, ": ");
	uint16_t vendor = 0, device = 0;
	struct rec_fn *f;
	char *name, *end;

	if (d->r->nfns >= REC_FNS) {
		dump_bad(d, 1, "too many functions");
		d->open = false;
		return;
	}
	f = rec_add_fn(d->r, bdf);
	d->open = true;
	name = strdup(colon ? colon + 2 : rest);
	if (!name)
		return;
	escape_plain(name);
	end = strstr(name, " (rev ");
	end = end ? end : strstr(name, " (prog-if ");
	if (end)
		*end = '\0';
	dump_trim(name);
	if (dump_ids(name, &vendor, &device)) {
		rec_attr(f, "vendor", "0x%04x", vendor);
		rec_attr(f, "device", "0x%04x", device);
	}
	dump_trim(name);
	rec_put(&f->attrs, " name", name, 0);   /* no attribute: moved by dump_named() */
}

static uint64_t dump_unit(char c)
{
	static const char units[] = "KMGT";
	const char *at = c ? strchr(units, c) : NULL;

	return at ? 1ull << (10 * (at - units + 1)) : 1;
}

/* "Memory at f6000000 (64-bit, prefetchable) [size=16M]" */
static void dump_region(struct dump *d)
{
	const char *at = strstr(d->line, " at "), *size = strstr(d->line, "[size=");
	struct dump_size s = { .fn = d->r->nfns - 1 };
	char *end;

	if (!at || !size || strstr(d->line, "ROM"))
		return;
	s.start = strtoull(at + 4, &end, 16);
	if (end == at + 4)
		return;
	s.size = strtoull(size + 6, &end, 10);
	if (!s.size || s.size > 1u << 20)
		return;
	s.size *= dump_unit(*end);
	d->size = xgrow(d->size, d->nsizes, &d->size_room, sizeof(s));
	d->size[d->nsizes++] = s;
}

/* The line's value behind @key becomes an attribute; the first one counts. */
static bool dump_value(struct dump *d, const char *key, const char *attr)
{
	const char *at = strstr(d->line, key);
	struct rec_fn *f = dump_fn(d);
	size_t n;

	if (!at)
		return false;
	at += strlen(key);
	n = strcspn(at, " ");
	if (n && n < 64 && !rec_get(&f->attrs, attr))
		rec_attr(f, attr, "%.*s", (int)n, at);
	return true;
}

static void dump_detail(struct dump *d)
{
	if (!d->open || dump_value(d, "Kernel driver in use: ", "driver") ||
	    dump_value(d, "IOMMU group: ", "iommu_group") ||
	    dump_value(d, "NUMA node: ", "numa_node"))
		return;
	dump_region(d);
}

/* --- rows of configuration space ------------------------------------------------ */

/* "0b0: " of a row; -1: not one. */
static int dump_offset(const char *line, int *len)
{
	size_t n = strspn(line, "0123456789abcdef");

	if ((n != 2 && n != 3) || line[n] != ':' || line[n + 1] != ' ')
		return -1;
	*len = (int)n + 1;
	return (int)strtol(line, NULL, 16);
}

/*
 * Makes room for the row at @off. Pasted dumps lack rows now and then: what is not in
 * the header is taken for zero.
 */
static bool dump_gap(struct dump *d, struct rec_fn *f, unsigned off)
{
	if (off % DUMP_ROW || off < f->config_len || off >= REC_CFG_MAX ||
	    (off > f->config_len && f->config_len < PCI_STD_HEADER_SIZEOF)) {
		dump_bad(d, 1, "not the next row of this function");
		return false;
	}
	if (off > f->config_len)
		diag_add(d->diag, DIAG_WARNING, d->r->path, d->number, 1, d->raw,
			 d->raw_len, "the rows from 0x%x on are missing, and taken for "
			 "zero", f->config_len);
	f->config = xrealloc(f->config, off + DUMP_ROW, 1);
	memset(f->config + f->config_len, 0, off + DUMP_ROW - f->config_len);
	f->config_len = off;
	return true;
}

static void dump_row(struct dump *d, int off, int col)
{
	struct rec_fn *f = dump_fn(d);
	const char *at = d->line + col;

	if (!f) {
		dump_bad(d, 1, "bytes of no function: a line like \"0b:00.0 VGA ...\" "
			 "expected before");
		return;
	}
	if (!dump_gap(d, f, (unsigned)off)) {
		d->open = false;
		return;
	}
	for (unsigned i = 0; i < DUMP_ROW; i++, at += 3) {
		if (at[0] != ' ' || !isxdigit((unsigned char)at[1]) ||
		    !isxdigit((unsigned char)at[2])) {
			dump_bad(d, (int)(at - d->line) + 2, "a byte of two hex digits "
				 "expected, 16 in a row");
			break;
		}
		f->config[f->config_len + i] = (uint8_t)strtoul(at + 1, NULL, 16);
	}
	f->config_len += DUMP_ROW;
}

static void dump_line(struct dump *d)
{
	struct bdf bdf;
	const char *rest = dump_head(d->line, &bdf);
	int len, off;

	if (rest) {
		dump_new(d, bdf, rest);
		return;
	}
	off = dump_offset(d->line, &len);
	if (off >= 0)
		dump_row(d, off, len);
	else if (d->line[0] == '\t' || d->line[0] == ' ')
		dump_detail(d);
}

/* --- what follows from it -------------------------------------------------------- */

static bool dump_is_bridge(const struct rec_fn *f)
{
	unsigned type = rec_cfg(f, PCI_HEADER_TYPE, 1) & 0x7f;

	return type == PCI_HEADER_TYPE_BRIDGE || type == PCI_HEADER_TYPE_CARDBUS;
}

/*
 * A bridge's bus number is lower than those below it, so there is no circle. A bus that
 * is no bridge's secondary one, but within a bridge's numbers, is below that bridge all
 * the same: virtual functions have such buses, and bridges are left out of a file.
 */
static void dump_topology(struct recording *r)
{
	const struct rec_fn *above[256], *around[256];
	uint32_t domain = 0;

	memset(above, 0, sizeof(above));
	memset(around, 0, sizeof(around));
	for (size_t i = 0; i < r->nfns; i++) {
		struct rec_fn *f = &r->fn[i];
		unsigned bus = rec_cfg(f, PCI_SECONDARY_BUS, 1);
		unsigned last = rec_cfg(f, PCI_SUBORDINATE_BUS, 1);
		const struct rec_fn *up;

		if (f->bdf.domain != domain) {
			memset(above, 0, sizeof(above));
			memset(around, 0, sizeof(around));
		}
		domain = f->bdf.domain;
		up = above[f->bdf.bus] ? above[f->bdf.bus] : around[f->bdf.bus];
		f->on_root_bus = !up;
		if (up)
			f->parent = up->bdf;
		if (!dump_is_bridge(f) || bus <= f->bdf.bus)
			continue;
		above[bus] = above[bus] ? above[bus] : f;
		/* those further down come later, and are nearer to what is below them */
		for (; bus <= last; bus++)
			around[bus] = f;
	}
}

static bool dump_alone(const struct recording *r, size_t i)
{
	for (size_t k = 0; k < r->nfns; k++)
		if (k != i && r->fn[k].bdf.domain == r->fn[i].bdf.domain &&
		    r->fn[k].bdf.bus == r->fn[i].bdf.bus)
			return false;
	return !r->fn[i].on_root_bus;
}

static bool dump_has_flr(const struct rec_fn *f)
{
	unsigned cap = rec_cap(f, PCI_CAP_ID_EXP, false);

	return cap && rec_cfg(f, cap + PCI_EXP_DEVCAP, 4) & PCI_EXP_DEVCAP_FLR;
}

static bool dump_has_af_flr(const struct rec_fn *f)
{
	unsigned cap = rec_cap(f, PCI_CAP_ID_AF, false);
	uint32_t af = cap ? rec_cfg(f, cap + PCI_AF_CAP, 1) : 0;

	return af & PCI_AF_CAP_TP && af & PCI_AF_CAP_FLR;
}

static bool dump_has_pm(const struct rec_fn *f)
{
	unsigned cap = rec_cap(f, PCI_CAP_ID_PM, false);

	return cap && !(rec_cfg(f, cap + PCI_PM_CTRL, 2) & PCI_PM_CTRL_NO_SOFT_RESET);
}

/* What the kernel would find when it probes for methods (drivers/pci/pci.c). */
static void dump_methods(const struct recording *r, size_t i)
{
	struct rec_fn *f = &r->fn[i];
	char list[32];
	int n;

	if (dump_is_bridge(f)) {
		rec_put(&f->attrs, "reset_subordinate", NULL, 0);
		return;
	}
	n = snprintf(list, sizeof(list), "%s%s%s%s", dump_has_flr(f) ? " flr" : "",
		     dump_has_af_flr(f) ? " af_flr" : "", dump_has_pm(f) ? " pm" : "",
		     dump_alone(r, i) ? " bus" : "");
	if (n <= 0)
		return;
	rec_attr(f, "reset_method", "%s", list + 1);
	rec_put(&f->attrs, "reset", NULL, 0);
}

static void dump_attr_ids(struct rec_fn *f)
{
	unsigned sub = PCI_SUBSYSTEM_VENDOR_ID;
	uint32_t ids = 0;

	if (!rec_get(&f->attrs, "vendor")) {
		rec_attr(f, "vendor", "0x%04x", rec_cfg(f, PCI_VENDOR_ID, 2));
		rec_attr(f, "device", "0x%04x", rec_cfg(f, PCI_DEVICE_ID, 2));
	}
	rec_attr(f, "class", "0x%06x", rec_cfg(f, PCI_CLASS_REVISION, 4) >> 8);
	rec_attr(f, "revision", "0x%02x", rec_cfg(f, PCI_REVISION_ID, 1));
	if (dump_is_bridge(f)) {
		sub = rec_cap(f, PCI_CAP_ID_SSVID, false);
		sub = sub ? sub + PCI_SSVID_VENDOR_ID : 0;
	}
	if (sub)
		ids = rec_cfg(f, sub, 4);
	rec_attr(f, "subsystem_vendor", "0x%04x", ids & 0xffff);
	rec_attr(f, "subsystem_device", "0x%04x", ids >> 16);
}

static void dump_attr_power(struct rec_fn *f)
{
	static const char *const state[] = { "D0", "D1", "D2", "D3hot" };
	unsigned cap = rec_cap(f, PCI_CAP_ID_PM, false);

	if (cap)
		rec_attr(f, "power_state", "%s", state[rec_cfg(f, cap + PCI_PM_CTRL, 2) &
						       PCI_PM_CTRL_STATE_MASK]);
}

/* As told; or the most that the address allows, which is a guess. */
static uint64_t dump_bar_size(const struct dump *d, size_t fn, uint64_t start, bool io)
{
	uint64_t most = io ? 0x100 : 0x10000000;

	for (size_t i = 0; i < d->nsizes; i++)
		if (d->size[i].fn == fn && d->size[i].start == start)
			return d->size[i].size;
	return (start & -start) < most ? start & -start : most;
}

static void dump_attr_resource(struct dump *d, size_t fn)
{
	struct rec_fn *f = &d->r->fn[fn];
	const unsigned nbars = dump_is_bridge(f) ? 2 : 6;
	char text[512];
	size_t n = 0;

	for (unsigned i = 0; i < 6; i++) {
		uint32_t low = i < nbars ? rec_cfg(f, PCI_BASE_ADDRESS_0 + 4 * i, 4) : 0;
		bool io = low & PCI_BASE_ADDRESS_SPACE_IO;
		bool wide = !io && low & PCI_BASE_ADDRESS_MEM_TYPE_64 && i + 1 < nbars;
		uint64_t start = low & (io ? ~3u : ~15u), size = 0;
		uint32_t flags = io ? RES_IO : RES_MEM;

		if (low == UINT32_MAX)
			start = 0;
		else if (wide)
			start |= (uint64_t)rec_cfg(f, PCI_BASE_ADDRESS_1 + 4 * i, 4)
				<< 32;
		if (start)
			size = dump_bar_size(d, fn, start, io);
		flags |= low & 8 && !io ? RES_PREFETCH : 0;
		flags |= (low & 15) | (wide ? RES_MEM_64 : 0);
		n += (size_t)snprintf(text + n, sizeof(text) - n, "0x%016llx 0x%016llx "
				      "0x%016x\n", (unsigned long long)start,
				      (unsigned long long)(size ? start + size - 1 : 0),
				      size ? flags : 0);
		if (wide && i + 1 < 6) {
			n += (size_t)snprintf(text + n, sizeof(text) - n, "0x%016x "
					      "0x%016x 0x%016x\n", 0, 0, 0);
			i++;
		}
	}
	rec_attr(f, "resource", "%s", text);
}

/* The name was kept beside the attributes until the ids were known. */
static void dump_named(struct recording *r, struct rec_fn *f)
{
	const struct rec_text *vendor = rec_get(&f->attrs, "vendor");
	const struct rec_text *device = rec_get(&f->attrs, "device");

	for (size_t i = 0; i < f->attrs.n; i++) {
		struct rec_text *t = &f->attrs.at[i];

		if (strcmp(t->name, " name"))
			continue;
		rec_put_name(r, (uint16_t)strtoul(vendor->text, NULL, 0),
			     (uint16_t)strtoul(device->text, NULL, 0), t->text);
		free(t->name);
		*t = f->attrs.at[--f->attrs.n];
	}
}

static void dump_derive(struct dump *d)
{
	struct recording *r = d->r;

	for (size_t i = 0; i < r->nfns; i++) {
		struct rec_fn *f = &r->fn[i];

		dump_attr_ids(f);
		dump_attr_power(f);
		dump_methods(r, i);
		dump_named(r, f);
	}
	rec_put(&r->host, "/sys/bus/pci/drivers/vfio-pci", NULL, 0);
}

static void dump_check(struct dump *d)
{
	const struct recording *r = d->r;
	char text[BDF_STR];
	size_t bytes = 0;

	for (size_t i = 0; i < r->nfns; i++) {
		bytes += r->fn[i].config_len;
		if (r->fn[i].config_len && r->fn[i].config_len < PCI_STD_HEADER_SIZEOF)
			diag_add(d->diag, DIAG_ERROR, r->path, 0, 0, NULL, 0,
				 "%s: only %u bytes of its configuration space",
				 bdf_str(r->fn[i].bdf, text), r->fn[i].config_len);
	}
	if (!bytes && !d->diag->errors)
		diag_add(d->diag, DIAG_ERROR, r->path, 0, 0, NULL, 0,
			 "a list of lspci without configuration spaces; make it with "
			 "lspci -xxxx, as root");
}

/* --- the whole ------------------------------------------------------------------- */

/* The next line into d->line, without its end; where the one after it begins. */
static const char *dump_next(struct dump *d, const char *at, const char *end)
{
	const char *nl = memchr(at, '\n', (size_t)(end - at));
	size_t n;

	d->number++;
	d->raw = at;
	d->raw_len = (size_t)((nl ? nl : end) - at);
	n = d->raw_len < DUMP_LINE - 1 ? d->raw_len : DUMP_LINE - 1;
	memcpy(d->line, at, n);
	while (n && (d->line[n - 1] == '\r' || d->line[n - 1] == ' '))
		n--;
	/* so that a row may be read without asking at each byte whether it ends */
	memset(d->line + n, 0, DUMP_LINE - n);
	return nl ? nl + 1 : end;
}

bool lspci_looks_like(const char *text, size_t len)
{
	struct dump d = { 0 };
	const char *at = text, *end = text + len;
	struct bdf bdf;

	while (at < end && d.number < DUMP_LOOK) {
		at = dump_next(&d, at, end);
		if (dump_head(d.line, &bdf))
			return true;
	}
	return false;
}

void lspci_parse(struct recording *r, const char *text, size_t len, struct diag *diag)
{
	struct dump d = { .r = r, .diag = diag };
	const char *at = text, *end = text + len;
	struct bdf twice;
	char name[BDF_STR];

	r->dump = true;
	while (at < end) {
		at = dump_next(&d, at, end);
		dump_line(&d);
	}
	/* sizes know their function by its place in the file */
	dump_check(&d);
	if (!diag->errors) {
		for (size_t i = 0; i < r->nfns; i++)
			dump_attr_resource(&d, i);
		if (rec_sort(r, &twice))
			diag_add(diag, DIAG_ERROR, r->path, 0, 0, NULL, 0,
				 "%s is given twice", bdf_str(twice, name));
	}
	if (!diag->errors) {
		dump_topology(r);
		dump_derive(&d);
	}
	free(d.size);
}
