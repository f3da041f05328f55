// SPDX-License-Identifier: GPL-2.0-or-later
#include "hw/hw_shim.h"

#include <errno.h>
#include <stdlib.h>

#include <linux/pci_regs.h>

#include "base/xalloc.h"
#include "hw/hw_ops.h"

struct hw_shim {
	struct hw hw;                   /* first: struct hw * and this are one */
	struct hw *below;
	shim_trace_fn *trace;
	void *trace_arg;
	shim_filter_fn *filter;
	void *filter_arg;
	struct shim_watch watch;
	enum shim_fault fault;
	uint64_t nth, count;
	struct bdf slot;
	bool hit;
	bool still, scanned;            /* hw_shim_still() */
	struct hw_node *node;
	size_t nnodes, node_room;
};

static struct hw_shim *shim_of(struct hw *hw)
{
	return (struct hw_shim *)hw;
}

static struct hw *shim_below(struct hw *hw)
{
	return shim_of(hw)->below;
}

static void shim_before(struct hw_shim *s)
{
	if (s->watch.before)
		s->watch.before(s->watch.arg);
}

static int shim_after(struct hw_shim *s, const struct shim_access *a)
{
	if (s->watch.after)
		s->watch.after(s->watch.arg, a);
	return a->rc;
}

/* --- faults -------------------------------------------------------------------- */

/* Counts the access; true: it must fail, @err and a->rc say so. */
static bool shim_fails(struct hw_shim *s, struct shim_access *a, struct err *err)
{
	char text[BDF_STR];

	shim_before(s);
	a->n = ++s->count;
	if (s->fault != SHIM_FAIL || a->n != s->nth)
		return false;
	s->hit = true;
	a->rc = err_set(err, EIO, "%s: %s: injected failure", bdf_str(a->bdf, text),
			hw_shim_kind_str(a->kind));
	return true;
}

static bool shim_lost(struct hw_shim *s, const struct shim_access *a)
{
	if (s->fault != SHIM_LOST || a->n < s->nth || !bdf_same_slot(a->bdf, s->slot))
		return false;
	s->hit = true;
	return true;
}

static bool shim_ones(struct hw_shim *s, const struct shim_access *a)
{
	if (s->fault != SHIM_ONES || a->n != s->nth)
		return false;
	s->hit = true;
	return true;
}

/* What the reader of a register is told. */
static uint32_t shim_value(struct hw_shim *s, struct shim_access *a, uint32_t real)
{
	uint32_t value;

	a->value = real;
	if (shim_lost(s, a) || shim_ones(s, a))
		a->value = a->width == 4 ? UINT32_MAX : (1u << (8 * a->width)) - 1;
	else if (s->filter && s->filter(s->filter_arg, a, &value))
		a->value = value;
	return a->value;
}

static int shim_done(struct hw_shim *s, struct shim_access *a)
{
	if (s->trace)
		s->trace(s->trace_arg, a);
	return shim_after(s, a);
}

/* --- counted operations -------------------------------------------------------- */

static int shim_cfg_read(struct hw *hw, struct bdf bdf, unsigned off, unsigned width,
			 uint32_t *val, struct err *err)
{
	struct hw_shim *s = shim_of(hw);
	struct shim_access a = {
		.kind = SHIM_CFG_READ, .bdf = bdf, .off = off, .width = width,
	};
	uint32_t got = 0;

	if (!shim_fails(s, &a, err))
		a.rc = hw_cfg_read(s->below, bdf, off, width, &got, err);
	if (!a.rc)
		*val = shim_value(s, &a, got);
	return shim_done(s, &a);
}

static int shim_cfg_write(struct hw *hw, struct bdf bdf, unsigned off, unsigned width,
			  uint32_t val, struct err *err)
{
	struct hw_shim *s = shim_of(hw);
	struct shim_access a = {
		.kind = SHIM_CFG_WRITE, .bdf = bdf, .off = off, .width = width,
		.value = val,
	};

	if (!shim_fails(s, &a, err) && !shim_lost(s, &a))
		a.rc = hw_cfg_write(s->below, bdf, off, width, val, err);
	return shim_done(s, &a);
}

static int shim_bar_read(struct hw *hw, struct bdf bdf, int bar, uint32_t off,
			 uint32_t *val, struct err *err)
{
	struct hw_shim *s = shim_of(hw);
	struct shim_access a = {
		.kind = SHIM_BAR_READ, .bdf = bdf, .bar = bar, .off = off, .width = 4,
	};

	if (!shim_fails(s, &a, err))
		a.rc = hw_bar_read(s->below, bdf, bar, off, val, err);
	if (!a.rc)
		*val = shim_value(s, &a, *val);
	return shim_done(s, &a);
}

static int shim_bar_write(struct hw *hw, struct bdf bdf, int bar, uint32_t off,
			  uint32_t val, struct err *err)
{
	struct hw_shim *s = shim_of(hw);
	struct shim_access a = {
		.kind = SHIM_BAR_WRITE, .bdf = bdf, .bar = bar, .off = off, .width = 4,
		.value = val,
	};

	if (!shim_fails(s, &a, err) && !shim_lost(s, &a))
		a.rc = hw_bar_write(s->below, bdf, bar, off, val, err);
	return shim_done(s, &a);
}

static int shim_attr_read(struct hw *hw, struct bdf bdf, const char *name, char *buf,
			  size_t size, struct err *err)
{
	struct hw_shim *s = shim_of(hw);
	struct shim_access a = { .kind = SHIM_ATTR_READ, .bdf = bdf, .name = name };

	if (!shim_fails(s, &a, err))
		a.rc = hw_attr_read(s->below, bdf, name, buf, size, err);
	a.text = a.rc ? NULL : buf;
	return shim_done(s, &a);
}

static int shim_attr_write(struct hw *hw, struct bdf bdf, const char *name,
			   const char *value, struct err *err)
{
	struct hw_shim *s = shim_of(hw);
	struct shim_access a = {
		.kind = SHIM_ATTR_WRITE, .bdf = bdf, .name = name, .text = value,
	};

	if (!shim_fails(s, &a, err))
		a.rc = hw_attr_write(s->below, bdf, name, value, err);
	return shim_done(s, &a);
}

static int shim_bus_write(struct hw *hw, const char *name, const char *value,
			  struct err *err)
{
	struct hw_shim *s = shim_of(hw);
	struct shim_access a = { .kind = SHIM_BUS_WRITE, .name = name, .text = value };

	if (!shim_fails(s, &a, err))
		a.rc = hw_bus_write(s->below, name, value, err);
	return shim_done(s, &a);
}

static int shim_hot_reset(struct hw *hw, struct bdf bdf, const struct bdf *fns,
			  size_t n, struct err *err)
{
	struct hw_shim *s = shim_of(hw);
	struct shim_access a = { .kind = SHIM_HOT_RESET, .bdf = bdf };

	if (!shim_fails(s, &a, err))
		a.rc = hw_hot_reset(s->below, bdf, fns, n, err);
	return shim_done(s, &a);
}

static int shim_vfio_open(struct hw *hw, struct bdf bdf, struct err *err)
{
	struct hw_shim *s = shim_of(hw);
	struct shim_access a = { .kind = SHIM_VFIO_OPEN, .bdf = bdf };

	if (!shim_fails(s, &a, err))
		a.rc = hw_vfio_open(s->below, bdf, err);
	return shim_done(s, &a);
}

/* --- passed through ------------------------------------------------------------ */

static void shim_vfio_close(struct hw *hw, struct bdf bdf)
{
	const struct shim_access a = { .kind = SHIM_VFIO_CLOSE, .bdf = bdf };

	shim_before(shim_of(hw));
	hw_vfio_close(shim_below(hw), bdf);
	shim_after(shim_of(hw), &a);
}

static int shim_remember(const struct hw_node *node, void *arg)
{
	struct hw_shim *s = arg;

	s->node = xgrow(s->node, s->nnodes, &s->node_room, sizeof(*s->node));
	s->node[s->nnodes++] = *node;
	return 0;
}

static int shim_scan_once(struct hw_shim *s, hw_node_fn *fn, void *arg, struct err *err)
{
	int rc = 0;

	if (!s->scanned) {
		s->nnodes = 0;
		rc = hw_scan(s->below, shim_remember, s, err);
		s->scanned = !rc;
	}
	for (size_t i = 0; !rc && i < s->nnodes; i++)
		rc = fn(&s->node[i], arg);
	return rc;
}

static int shim_scan(struct hw *hw, hw_node_fn *fn, void *arg, struct err *err)
{
	struct shim_access a = { .kind = SHIM_SCAN };

	if (shim_of(hw)->still)
		return shim_scan_once(shim_of(hw), fn, arg, err);
	shim_before(shim_of(hw));
	a.rc = hw_scan(shim_below(hw), fn, arg, err);
	return shim_after(shim_of(hw), &a);
}

static bool shim_attr_exists(struct hw *hw, struct bdf bdf, const char *name)
{
	struct shim_access a = { .kind = SHIM_ATTR_EXISTS, .bdf = bdf, .name = name };

	shim_before(shim_of(hw));
	a.value = hw_attr_exists(shim_below(hw), bdf, name);
	shim_after(shim_of(hw), &a);
	return a.value;
}

static int shim_host_read(struct hw *hw, const char *path, char *buf, size_t size,
			  struct err *err)
{
	struct shim_access a = { .kind = SHIM_HOST_READ, .name = path };

	shim_before(shim_of(hw));
	a.rc = hw_host_read(shim_below(hw), path, buf, size, err);
	a.text = a.rc ? NULL : buf;
	return shim_after(shim_of(hw), &a);
}

static bool shim_host_exists(struct hw *hw, const char *path)
{
	struct shim_access a = { .kind = SHIM_HOST_EXISTS, .name = path };

	shim_before(shim_of(hw));
	a.value = hw_host_exists(shim_below(hw), path);
	shim_after(shim_of(hw), &a);
	return a.value;
}

static int shim_ask_cap(struct hw *hw, struct bdf bdf, uint16_t id, bool ext,
			unsigned *off, struct err *err)
{
	struct shim_access a = { .kind = SHIM_FIND_CAP, .bdf = bdf, .off = id };

	shim_before(shim_of(hw));
	a.rc = hw_find_cap(shim_below(hw), bdf, id, ext, off, err);
	a.value = a.rc ? 0 : *off;
	return shim_after(shim_of(hw), &a);
}

/*
 * The walk of the capabilities is made of counted reads, as it is on hardware. An
 * extended one is looked up below: the models have none.
 */
static int shim_find_cap(struct hw *hw, struct bdf bdf, uint16_t id, bool ext,
			 unsigned *off, struct err *err)
{
	uint32_t at = 0, head = 0;
	char text[BDF_STR];
	int rc;

	if (ext || shim_of(hw)->watch.after)
		return shim_ask_cap(hw, bdf, id, ext, off, err);
	rc = shim_cfg_read(hw, bdf, PCI_CAPABILITY_LIST, 1, &at, err);
	for (int steps = 0; !rc && steps < 48 && at >= 0x40 && at != 0xff; steps++) {
		rc = shim_cfg_read(hw, bdf, at & ~3u, 2, &head, err);
		if (!rc && (head & 0xff) == id) {
			*off = at & ~3u;
			return 0;
		}
		at = head >> 8;
	}
	return rc ? rc : err_set(err, ENOENT, "%s: no capability 0x%x",
				 bdf_str(bdf, text), id);
}

static void shim_name_of(struct hw *hw, uint16_t vendor, uint16_t device, char *buf,
			 size_t size)
{
	hw_name(shim_below(hw), vendor, device, buf, size);
}

static int shim_holders(struct hw *hw, const struct bdf *fns, size_t n,
			hw_holder_fn *fn, void *arg, struct err *err)
{
	struct shim_access a = { .kind = SHIM_HOLDERS };

	shim_before(shim_of(hw));
	a.rc = hw_holders(shim_below(hw), fns, n, fn, arg, err);
	return shim_after(shim_of(hw), &a);
}

static int shim_log(struct hw *hw, hw_log_fn *fn, void *arg, struct err *err)
{
	struct shim_access a = { .kind = SHIM_LOG };

	shim_before(shim_of(hw));
	a.rc = hw_log(shim_below(hw), fn, arg, err);
	return shim_after(shim_of(hw), &a);
}

static uint64_t shim_now(struct hw *hw)
{
	return hw_now(shim_below(hw));
}

static int shim_own(struct hw *hw, struct bdf bdf, struct err *err)
{
	struct shim_access a = { .kind = SHIM_OWN, .bdf = bdf };

	shim_before(shim_of(hw));
	a.rc = hw_own(shim_below(hw), bdf, err);
	return shim_after(shim_of(hw), &a);
}

static void shim_disown(struct hw *hw, struct bdf bdf)
{
	const struct shim_access a = { .kind = SHIM_DISOWN, .bdf = bdf };

	shim_before(shim_of(hw));
	hw_disown(shim_below(hw), bdf);
	shim_after(shim_of(hw), &a);
}

static int shim_wait_event(struct hw *hw, uint64_t deadline_us, struct err *err)
{
	struct shim_access a = { .kind = SHIM_WAIT_EVENT };
	int came;

	shim_before(shim_of(hw));
	came = hw_wait_event(shim_below(hw), deadline_us, err);
	a.value = came > 0;
	a.rc = came < 0 ? came : 0;
	shim_after(shim_of(hw), &a);
	return came;
}

static void shim_sleep(struct hw *hw, uint64_t us)
{
	const struct shim_access a = { .kind = SHIM_SLEEP, .us = us };

	shim_before(shim_of(hw));
	hw_sleep(shim_below(hw), us);
	shim_after(shim_of(hw), &a);
}

static void shim_forget(struct hw *hw, struct bdf bdf)
{
	hw_forget(shim_below(hw), bdf);
}

static void shim_close(struct hw *hw)
{
	hw_close(shim_below(hw));
	hw_shim_detach(hw);
}

/* --- control ------------------------------------------------------------------- */

void hw_shim_trace(struct hw *shim, shim_trace_fn *fn, void *arg)
{
	shim_of(shim)->trace = fn;
	shim_of(shim)->trace_arg = arg;
}

void hw_shim_watch(struct hw *shim, const struct shim_watch *watch)
{
	shim_of(shim)->watch = *watch;
}

void hw_shim_detach(struct hw *shim)
{
	free(shim_of(shim)->node);
	free(shim_of(shim));
}

void hw_shim_still(struct hw *shim)
{
	shim_of(shim)->still = true;
}

void hw_shim_filter(struct hw *shim, shim_filter_fn *fn, void *arg)
{
	shim_of(shim)->filter = fn;
	shim_of(shim)->filter_arg = arg;
}

void hw_shim_arm(struct hw *shim, enum shim_fault fault, uint64_t nth, struct bdf slot)
{
	struct hw_shim *s = shim_of(shim);

	s->fault = fault;
	s->nth = nth;
	s->slot = slot;
	s->count = 0;
	s->hit = false;
}

uint64_t hw_shim_count(const struct hw *shim)
{
	return ((const struct hw_shim *)shim)->count;
}

bool hw_shim_hit(const struct hw *shim)
{
	return ((const struct hw_shim *)shim)->hit;
}

const char *hw_shim_kind_str(enum shim_kind kind)
{
	static const char *const text[SHIM_KINDS] = {
		[SHIM_CFG_READ] = "config read", [SHIM_CFG_WRITE] = "config write",
		[SHIM_BAR_READ] = "register read", [SHIM_BAR_WRITE] = "register write",
		[SHIM_ATTR_READ] = "attribute read",
		[SHIM_ATTR_WRITE] = "attribute write", [SHIM_BUS_WRITE] = "bus write",
		[SHIM_HOT_RESET] = "hot reset", [SHIM_VFIO_OPEN] = "VFIO open",
		[SHIM_ATTR_EXISTS] = "attribute there",
		[SHIM_HOST_READ] = "file read", [SHIM_HOST_EXISTS] = "file there",
		[SHIM_FIND_CAP] = "find capability", [SHIM_SCAN] = "bus scan",
		[SHIM_HOLDERS] = "look for users", [SHIM_LOG] = "kernel log",
		[SHIM_OWN] = "own VFIO group", [SHIM_DISOWN] = "let go of VFIO group",
		[SHIM_VFIO_CLOSE] = "VFIO close", [SHIM_WAIT_EVENT] = "wait for event",
		[SHIM_SLEEP] = "sleep",
	};

	return text[kind];
}

bool hw_shim_has_bdf(enum shim_kind kind)
{
	static const bool without[SHIM_KINDS] = {
		[SHIM_BUS_WRITE] = true, [SHIM_HOST_READ] = true,
		[SHIM_HOST_EXISTS] = true, [SHIM_SCAN] = true, [SHIM_HOLDERS] = true,
		[SHIM_LOG] = true, [SHIM_WAIT_EVENT] = true, [SHIM_SLEEP] = true,
	};

	return !without[kind];
}

static const struct hw_ops shim_ops = {
	.name = "shim",
	.scan = shim_scan,
	.cfg_read = shim_cfg_read,
	.bar_read = shim_bar_read,
	.attr_read = shim_attr_read,
	.attr_exists = shim_attr_exists,
	.host_read = shim_host_read,
	.host_exists = shim_host_exists,
	.find_cap = shim_find_cap,
	.name_of = shim_name_of,
	.holders = shim_holders,
	.log = shim_log,
	.now = shim_now,
	.cfg_write = shim_cfg_write,
	.bar_write = shim_bar_write,
	.attr_write = shim_attr_write,
	.bus_write = shim_bus_write,
	.hot_reset = shim_hot_reset,
	.own = shim_own,
	.disown = shim_disown,
	.vfio_open = shim_vfio_open,
	.vfio_close = shim_vfio_close,
	.wait_event = shim_wait_event,
	.sleep = shim_sleep,
	.forget = shim_forget,
	.close = shim_close,
};

struct hw *hw_shim_open(struct hw *below)
{
	struct hw_shim *s = xcalloc(1, sizeof(*s));

	s->hw.ops = &shim_ops;
	s->below = below;
	return &s->hw;
}

struct hw *hw_shim_below(struct hw *hw)
{
	return hw->ops == &shim_ops ? shim_below(hw) : hw;
}

const struct shim_watch *hw_shim_watched(const struct hw *hw)
{
	const struct hw_shim *s = (const struct hw_shim *)hw;

	return hw->ops == &shim_ops && s->watch.after ? &s->watch : NULL;
}
