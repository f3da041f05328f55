// SPDX-License-Identifier: GPL-2.0-or-later
#include "hw/hw_record.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "hw/replay_internal.h"

struct hw_recorder {
	struct hw hw;                   /* first: struct hw * and this are one */
	struct hw *below;
	FILE *out;
	uint64_t start;
};

static struct hw_recorder *record_of(struct hw *hw)
{
	return (struct hw_recorder *)hw;
}

static struct hw *record_below(struct hw *hw)
{
	return record_of(hw)->below;
}

/* --- lines --------------------------------------------------------------------- */

void hw_record_quote(FILE *out, const char *text)
{
	const size_t room = 4 * strlen(text) + 16;
	char *buf = xcalloc(room, 1);

	text_quote(buf, room, text);
	fputs(buf, out);
	free(buf);
}

static void record_request(struct hw_recorder *rec, uint64_t now, const char *request)
{
	fprintf(rec->out, "@ %" PRIu64 " %s", now - rec->start, request);
}

/* The line up to its answer; the time is when the answer came. */
static void record_line(struct hw_recorder *rec, const char *request)
{
	record_request(rec, hw_now(rec->below), request);
	fputs(" = ", rec->out);
}

/* Writes "error N "why"" and is true, if there was one. */
static bool record_failed(struct hw_recorder *rec, int rc, const struct err *why)
{
	if (rc >= 0)
		return false;
	fprintf(rec->out, "error %d ", -rc);
	hw_record_quote(rec->out, why->text);
	fputc('\n', rec->out);
	return true;
}

/* An error that nobody asked for is written down all the same. */
static int record_pass(int rc, const struct err *why, struct err *err)
{
	if (rc < 0 && err)
		*err = *why;
	return rc;
}

static int record_number(struct hw_recorder *rec, const char *request, int digits,
			 int rc, uint64_t val, const struct err *why, struct err *err)
{
	record_line(rec, request);
	if (!record_failed(rec, rc, why))
		fprintf(rec->out, "%0*" PRIx64 "\n", digits, val);
	return record_pass(rc, why, err);
}

static int record_string(struct hw_recorder *rec, const char *request, int rc,
			 const char *text, const struct err *why, struct err *err)
{
	record_line(rec, request);
	if (!record_failed(rec, rc, why)) {
		hw_record_quote(rec->out, text);
		fputc('\n', rec->out);
	}
	return record_pass(rc, why, err);
}

static int record_plain(struct hw_recorder *rec, const char *request, int rc,
			const struct err *why, struct err *err)
{
	record_line(rec, request);
	if (!record_failed(rec, rc, why))
		fputs("ok\n", rec->out);
	return record_pass(rc, why, err);
}

/* --- reading ------------------------------------------------------------------- */

struct record_count {
	uint64_t n;
	hw_node_fn *node;
	hw_holder_fn *holder;
	void *arg;
};

static int record_node(const struct hw_node *node, void *arg)
{
	struct record_count *c = arg;

	c->n++;
	return c->node(node, c->arg);
}

static int record_holder(const struct hw_holder *holder, void *arg)
{
	struct record_count *c = arg;

	c->n++;
	return c->holder(holder, c->arg);
}

static int record_scan(struct hw *hw, hw_node_fn *fn, void *arg, struct err *err)
{
	struct record_count c = { .node = fn, .arg = arg };
	struct err why = { 0 };
	int rc = hw_scan(record_below(hw), record_node, &c, &why);

	return record_number(record_of(hw), "scan", 1, rc, c.n, &why, err);
}

static int record_cfg_read(struct hw *hw, struct bdf bdf, unsigned off, unsigned width,
			   uint32_t *val, struct err *err)
{
	char request[REC_REQUEST];
	struct err why = { 0 };
	int rc = hw_cfg_read(record_below(hw), bdf, off, width, val, &why);

	req_cfg_read(request, bdf, off, width);
	return record_number(record_of(hw), request, (int)(2 * width), rc,
			     rc ? 0 : *val, &why, err);
}

static int record_bar_read(struct hw *hw, struct bdf bdf, int bar, uint32_t off,
			   uint32_t *val, struct err *err)
{
	char request[REC_REQUEST];
	struct err why = { 0 };
	int rc = hw_bar_read(record_below(hw), bdf, bar, off, val, &why);

	req_bar_read(request, bdf, bar, off);
	return record_number(record_of(hw), request, 8, rc, rc ? 0 : *val, &why, err);
}

static int record_attr_read(struct hw *hw, struct bdf bdf, const char *name, char *buf,
			    size_t size, struct err *err)
{
	char request[REC_REQUEST];
	struct err why = { 0 };
	int rc = hw_attr_read(record_below(hw), bdf, name, buf, size, &why);

	req_attr_read(request, bdf, name);
	return record_string(record_of(hw), request, rc, buf, &why, err);
}

static bool record_attr_exists(struct hw *hw, struct bdf bdf, const char *name)
{
	char request[REC_REQUEST];
	bool yes = hw_attr_exists(record_below(hw), bdf, name);

	req_attr_exists(request, bdf, name);
	record_number(record_of(hw), request, 1, 0, yes, NULL, NULL);
	return yes;
}

static int record_host_read(struct hw *hw, const char *path, char *buf, size_t size,
			    struct err *err)
{
	char request[REC_REQUEST];
	struct err why = { 0 };
	int rc = hw_host_read(record_below(hw), path, buf, size, &why);

	req_host_read(request, path);
	return record_string(record_of(hw), request, rc, buf, &why, err);
}

static bool record_host_exists(struct hw *hw, const char *path)
{
	char request[REC_REQUEST];
	bool yes = hw_host_exists(record_below(hw), path);

	req_host_exists(request, path);
	record_number(record_of(hw), request, 1, 0, yes, NULL, NULL);
	return yes;
}

static int record_find_cap(struct hw *hw, struct bdf bdf, uint16_t id, bool ext,
			   unsigned *off, struct err *err)
{
	char request[REC_REQUEST];
	struct err why = { 0 };
	int rc = hw_find_cap(record_below(hw), bdf, id, ext, off, &why);

	req_find_cap(request, bdf, id, ext);
	return record_number(record_of(hw), request, 3, rc, rc ? 0 : *off, &why, err);
}

static void record_name(struct hw *hw, uint16_t vendor, uint16_t device, char *buf,
			size_t size)
{
	char request[REC_REQUEST];

	hw_name(record_below(hw), vendor, device, buf, size);
	req_name(request, vendor, device);
	record_string(record_of(hw), request, 0, buf, NULL, NULL);
}

static int record_holders(struct hw *hw, const struct bdf *fns, size_t n,
			  hw_holder_fn *fn, void *arg, struct err *err)
{
	struct record_count c = { .holder = fn, .arg = arg };
	char request[REC_REQUEST];
	struct err why = { 0 };
	int rc = hw_holders(record_below(hw), fns, n, record_holder, &c, &why);

	req_functions(request, "holders", fns, n);
	return record_number(record_of(hw), request, 1, rc, c.n, &why, err);
}

static int record_log(struct hw *hw, hw_log_fn *fn, void *arg, struct err *err)
{
	return hw_log(record_below(hw), fn, arg, err);
}

/* The recorder's own clock, so that a recording begins at 0 and a replay equals it. */
static uint64_t record_now(struct hw *hw)
{
	struct hw_recorder *rec = record_of(hw);
	uint64_t now = hw_now(rec->below);

	record_request(rec, now, "now\n");
	return now - rec->start;
}

/* --- writing ------------------------------------------------------------------- */

static int record_cfg_write(struct hw *hw, struct bdf bdf, unsigned off, unsigned width,
			    uint32_t val, struct err *err)
{
	char request[REC_REQUEST];
	struct err why = { 0 };
	int rc = hw_cfg_write(record_below(hw), bdf, off, width, val, &why);

	req_cfg_write(request, bdf, off, width, val);
	return record_plain(record_of(hw), request, rc, &why, err);
}

static int record_bar_write(struct hw *hw, struct bdf bdf, int bar, uint32_t off,
			    uint32_t val, struct err *err)
{
	char request[REC_REQUEST];
	struct err why = { 0 };
	int rc = hw_bar_write(record_below(hw), bdf, bar, off, val, &why);

	req_bar_write(request, bdf, bar, off, val);
	return record_plain(record_of(hw), request, rc, &why, err);
}

static int record_attr_write(struct hw *hw, struct bdf bdf, const char *name,
			     const char *value, struct err *err)
{
	char request[REC_REQUEST];
	struct err why = { 0 };
	int rc = hw_attr_write(record_below(hw), bdf, name, value, &why);

	req_attr_write(request, bdf, name, value);
	return record_plain(record_of(hw), request, rc, &why, err);
}

static int record_bus_write(struct hw *hw, const char *name, const char *value,
			    struct err *err)
{
	char request[REC_REQUEST];
	struct err why = { 0 };
	int rc = hw_bus_write(record_below(hw), name, value, &why);

	req_bus_write(request, name, value);
	return record_plain(record_of(hw), request, rc, &why, err);
}

static int record_hot_reset(struct hw *hw, struct bdf bdf, const struct bdf *fns,
			    size_t n, struct err *err)
{
	char request[REC_REQUEST];
	struct err why = { 0 };
	int rc = hw_hot_reset(record_below(hw), bdf, fns, n, &why);

	req_functions(request, "hotreset", fns, n);
	return record_plain(record_of(hw), request, rc, &why, err);
}

/* Who else has the card is no part of what is recorded; nor is that nobody may. */
static int record_own(struct hw *hw, struct bdf bdf, struct err *err)
{
	return hw_own(record_below(hw), bdf, err);
}

static void record_disown(struct hw *hw, struct bdf bdf)
{
	hw_disown(record_below(hw), bdf);
}

static int record_vfio_open(struct hw *hw, struct bdf bdf, struct err *err)
{
	char request[REC_REQUEST];
	struct err why = { 0 };
	int rc = hw_vfio_open(record_below(hw), bdf, &why);

	req_functions(request, "vfio", &bdf, 1);
	return record_plain(record_of(hw), request, rc, &why, err);
}

static void record_vfio_close(struct hw *hw, struct bdf bdf)
{
	hw_vfio_close(record_below(hw), bdf);
}

static int record_wait_event(struct hw *hw, uint64_t deadline_us, struct err *err)
{
	struct hw_recorder *rec = record_of(hw);
	char request[REC_REQUEST];
	struct err why = { 0 };
	int rc = hw_wait_event(rec->below, rec->start + deadline_us, &why);

	req_time(request, "wait", deadline_us);
	return record_number(rec, request, 1, rc, rc > 0, &why, err);
}

static void record_sleep(struct hw *hw, uint64_t us)
{
	struct hw_recorder *rec = record_of(hw);
	char request[REC_REQUEST];

	hw_sleep(rec->below, us);
	req_time(request, "sleep", us);
	record_request(rec, hw_now(rec->below), request);
	fputc('\n', rec->out);
}

static void record_forget(struct hw *hw, struct bdf bdf)
{
	hw_forget(record_below(hw), bdf);
}

static void record_close(struct hw *hw)
{
	hw_close(record_below(hw));
	fclose(record_of(hw)->out);
	free(record_of(hw));
}

static const struct hw_ops record_ops = {
	.name = "record",
	.scan = record_scan,
	.cfg_read = record_cfg_read,
	.bar_read = record_bar_read,
	.attr_read = record_attr_read,
	.attr_exists = record_attr_exists,
	.host_read = record_host_read,
	.host_exists = record_host_exists,
	.find_cap = record_find_cap,
	.name_of = record_name,
	.holders = record_holders,
	.log = record_log,
	.now = record_now,
	.cfg_write = record_cfg_write,
	.bar_write = record_bar_write,
	.attr_write = record_attr_write,
	.bus_write = record_bus_write,
	.hot_reset = record_hot_reset,
	.own = record_own,
	.disown = record_disown,
	.vfio_open = record_vfio_open,
	.vfio_close = record_vfio_close,
	.wait_event = record_wait_event,
	.sleep = record_sleep,
	.forget = record_forget,
	.close = record_close,
};

struct hw *hw_record_open(struct hw *below, FILE *out)
{
	struct hw_recorder *rec = xcalloc(1, sizeof(*rec));

	rec->hw.ops = &record_ops;
	rec->below = below;
	rec->out = out;
	rec->start = hw_now(below);
	return &rec->hw;
}

FILE *hw_record_file(struct hw *hw)
{
	return hw->ops == &record_ops ? record_of(hw)->out : NULL;
}
