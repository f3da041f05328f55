// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/bdf.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SPEC_FORMS "wanted BB:DD, BB:DD.F, DDDD:BB:DD or DDDD:BB:DD.F in hex"

struct cursor {
	const char *text, *at;
};

static int bdf_bad(const struct cursor *c, const char *what, struct err *err)
{
	return err_set(err, EINVAL, "'%.40s' is not a PCI address: column %d: %s; "
		       SPEC_FORMS, c->text, (int)(c->at - c->text) + 1, what);
}

static int hex_value(char c)
{
	return isdigit((unsigned char)c) ? c - '0' : tolower((unsigned char)c) - 'a' + 10;
}

/* Reads between @min and @max hex digits; returns how many, or -1. */
static int take_hex(struct cursor *c, int min, int max, uint32_t *val)
{
	int n = 0;

	for (*val = 0; n < max && isxdigit((unsigned char)*c->at); n++, c->at++)
		*val = *val << 4 | (uint32_t)hex_value(*c->at);
	return n < min ? -1 : n;
}

static int take_char(struct cursor *c, char want)
{
	if (*c->at != want)
		return -1;
	c->at++;
	return 0;
}

static int parse_dev_fn(struct cursor *c, struct bdf_spec *spec, struct err *err)
{
	uint32_t dev, fn = 0;

	if (take_hex(c, 2, 2, &dev) < 0)
		return bdf_bad(c, "two hex digits of a device expected", err);
	if (dev > 0x1f)
		return bdf_bad(c, "a device number is 00 to 1f", err);
	spec->whole_slot = *c->at == '\0';
	if (!spec->whole_slot) {
		if (take_char(c, '.') < 0)
			return bdf_bad(c, "'.' and a function, or the end, expected",
				       err);
		if (take_hex(c, 1, 1, &fn) < 0 || fn > 7) {
			c->at -= fn > 7;
			return bdf_bad(c, "a function is 0 to 7", err);
		}
		if (*c->at)
			return bdf_bad(c, "nothing more expected", err);
	}
	spec->bdf.dev = (uint8_t)dev;
	spec->bdf.fn = (uint8_t)fn;
	return 0;
}

static int colons(const char *text)
{
	int n = 0;

	for (; *text; text++)
		n += *text == ':';
	return n;
}

int bdf_parse(const char *text, struct bdf_spec *spec, struct err *err)
{
	struct cursor c = { text, text };
	uint32_t bus;

	memset(spec, 0, sizeof(*spec));
	if (colons(text) > 1) {
		if (take_hex(&c, 4, 8, &spec->bdf.domain) < 0)
			return bdf_bad(&c, "four or more hex digits of a domain "
				       "expected", err);
		if (take_char(&c, ':') < 0)
			return bdf_bad(&c, "':' expected", err);
	}
	if (take_hex(&c, 2, 2, &bus) < 0)
		return bdf_bad(&c, "two hex digits of a bus expected", err);
	spec->bdf.bus = (uint8_t)bus;
	if (take_char(&c, ':') < 0)
		return bdf_bad(&c, "':' expected", err);
	return parse_dev_fn(&c, spec, err);
}

bool bdf_from_sysfs(const char *name, struct bdf *bdf)
{
	struct bdf_spec spec;

	if (colons(name) != 2 || bdf_parse(name, &spec, NULL) < 0 || spec.whole_slot)
		return false;
	*bdf = spec.bdf;
	return true;
}

const char *bdf_str(struct bdf bdf, char buf[BDF_STR])
{
	snprintf(buf, BDF_STR, "%04x:%02x:%02x.%x", bdf.domain, bdf.bus, bdf.dev, bdf.fn);
	return buf;
}

const char *bdf_slot_str(struct bdf bdf, char buf[BDF_STR])
{
	snprintf(buf, BDF_STR, "%04x:%02x:%02x", bdf.domain, bdf.bus, bdf.dev);
	return buf;
}

int bdf_cmp(struct bdf a, struct bdf b)
{
	uint64_t x = (uint64_t)a.domain << 24 | a.bus << 16 | a.dev << 8 | a.fn;
	uint64_t y = (uint64_t)b.domain << 24 | b.bus << 16 | b.dev << 8 | b.fn;

	return (x > y) - (x < y);
}

bool bdf_eq(struct bdf a, struct bdf b)
{
	return bdf_cmp(a, b) == 0;
}

bool bdf_same_slot(struct bdf a, struct bdf b)
{
	a.fn = b.fn = 0;
	return bdf_eq(a, b);
}

const char *bdf_spec_str(const struct bdf_spec *spec, char buf[BDF_STR])
{
	return spec->whole_slot ? bdf_slot_str(spec->bdf, buf) : bdf_str(spec->bdf, buf);
}

bool bdf_spec_has(const struct bdf_spec *spec, struct bdf fn)
{
	return spec->whole_slot ? bdf_same_slot(spec->bdf, fn) : bdf_eq(spec->bdf, fn);
}
