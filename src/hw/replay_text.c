// SPDX-License-Identifier: GPL-2.0-or-later
/* Texts in quotes, and calls as text: one spelling for writing and for reading. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "hw/replay_internal.h"

/* --- quotes -------------------------------------------------------------------- */

/* Room for the longest escape, the closing quote and the NUL. */
#define QUOTE_ROOM 6

size_t text_quote(char *buf, size_t size, const char *text)
{
	size_t n = 0;

	buf[n++] = '"';
	for (; *text && n + QUOTE_ROOM < size; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '\n')
			n += (size_t)snprintf(buf + n, size - n, "\\n");
		else if (c == '"' || c == '\\')
			n += (size_t)snprintf(buf + n, size - n, "\\%c", c);
		else if (c < ' ' || c == 0x7f)
			n += (size_t)snprintf(buf + n, size - n, "\\x%02x", c);
		else
			buf[n++] = (char)c;
	}
	buf[n++] = '"';
	buf[n] = '\0';
	return n;
}

static int hex_digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* One escape after its backslash; -1: there is no such escape. */
static int text_escape(const char **at, const char *end)
{
	const char *p = *at;
	int high, low;

	if (p == end)
		return -1;
	*at = p + 1;
	if (*p == 'n')
		return '\n';
	if (*p == '"' || *p == '\\')
		return *p;
	*at = p;
	if (*p != 'x' || end - p < 3)
		return -1;
	high = hex_digit(p[1]);
	low = hex_digit(p[2]);
	if (high < 0 || low < 0 || !(high | low))
		return -1;
	*at = p + 3;
	return high << 4 | low;
}

char *text_unquote(const char **at, const char *end)
{
	const char *p = *at;
	char *text;
	size_t n = 0;

	if (p == end || *p != '"')
		return NULL;
	text = xcalloc((size_t)(end - p), 1);
	for (p++; p < end && *p != '"';) {
		int c = (unsigned char)*p++;

		if (c == '\\')
			c = text_escape(&p, end);
		if (c <= 0)
			break;
		text[n++] = (char)c;
	}
	*at = p;
	if (p == end || *p != '"') {
		free(text);
		return NULL;
	}
	*at = p + 1;
	return text;
}

/* --- requests ------------------------------------------------------------------ */

static void req(char buf[REC_REQUEST], const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void req(char buf[REC_REQUEST], const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf, REC_REQUEST, fmt, ap);
	va_end(ap);
}

/* Appends a text in quotes. */
static void req_quoted(char buf[REC_REQUEST], const char *text)
{
	size_t n = strlen(buf);

	if (n + 2 * QUOTE_ROOM < REC_REQUEST)
		text_quote(buf + n, REC_REQUEST - n, text);
}

void req_cfg_read(char buf[REC_REQUEST], struct bdf bdf, unsigned off, unsigned width)
{
	char at[BDF_STR];

	req(buf, "cfg r %s %03x %u", bdf_str(bdf, at), off, width);
}

void req_cfg_write(char buf[REC_REQUEST], struct bdf bdf, unsigned off, unsigned width,
		   uint32_t val)
{
	char at[BDF_STR];

	req(buf, "cfg w %s %03x %u %0*x", bdf_str(bdf, at), off, width, (int)(2 * width),
	    val);
}

void req_bar_read(char buf[REC_REQUEST], struct bdf bdf, int bar, uint32_t off)
{
	char at[BDF_STR];

	req(buf, "bar r %s %d %05x", bdf_str(bdf, at), bar, off);
}

void req_bar_write(char buf[REC_REQUEST], struct bdf bdf, int bar, uint32_t off,
		   uint32_t val)
{
	char at[BDF_STR];

	req(buf, "bar w %s %d %05x %08x", bdf_str(bdf, at), bar, off, val);
}

void req_attr_read(char buf[REC_REQUEST], struct bdf bdf, const char *name)
{
	char at[BDF_STR];

	req(buf, "attr r %s %s", bdf_str(bdf, at), name);
}

void req_attr_exists(char buf[REC_REQUEST], struct bdf bdf, const char *name)
{
	char at[BDF_STR];

	req(buf, "attr ? %s %s", bdf_str(bdf, at), name);
}

void req_attr_write(char buf[REC_REQUEST], struct bdf bdf, const char *name,
		    const char *value)
{
	char at[BDF_STR];

	req(buf, "attr w %s %.200s ", bdf_str(bdf, at), name);
	req_quoted(buf, value);
}

void req_host_read(char buf[REC_REQUEST], const char *path)
{
	req(buf, "host r %s", path);
}

void req_host_exists(char buf[REC_REQUEST], const char *path)
{
	req(buf, "host ? %s", path);
}

void req_bus_write(char buf[REC_REQUEST], const char *name, const char *value)
{
	req(buf, "bus w %.200s ", name);
	req_quoted(buf, value);
}

void req_find_cap(char buf[REC_REQUEST], struct bdf bdf, uint16_t id, bool ext)
{
	char at[BDF_STR];

	req(buf, "cap %s %s%04x", bdf_str(bdf, at), ext ? "ext " : "", id);
}

void req_name(char buf[REC_REQUEST], uint16_t vendor, uint16_t device)
{
	req(buf, "name %04x:%04x", vendor, device);
}

void req_functions(char buf[REC_REQUEST], const char *verb, const struct bdf *fns,
		   size_t n)
{
	char at[BDF_STR];
	size_t len;

	req(buf, "%s", verb);
	len = strlen(buf);
	for (size_t i = 0; i < n && len + BDF_STR + 1 < REC_REQUEST; i++)
		len += (size_t)snprintf(buf + len, REC_REQUEST - len, " %s",
					bdf_str(fns[i], at));
}

void req_time(char buf[REC_REQUEST], const char *verb, uint64_t us)
{
	req(buf, "%s %llu", verb, (unsigned long long)us);
}
