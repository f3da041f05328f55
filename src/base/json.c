// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/json.h"

#include <inttypes.h>
#include <string.h>

static const char *json_escape(unsigned char c)
{
	switch (c) {
	case '"':
		return "\\\"";
	case '\\':
		return "\\\\";
	case '\n':
		return "\\n";
	case '\t':
		return "\\t";
	case '\r':
		return "\\r";
	default:
		return NULL;
	}
}

/*
 * Bytes of the character at @at, 0: it is no UTF-8 (Table 3-7 of Unicode 15.0: no form
 * that is longer than need be, no surrogates, nothing beyond U+10FFFF),
 * or a control that a terminal obeys.
 */
static size_t json_utf8(const unsigned char *at)
{
	static const struct {
		unsigned char first, last, low, high;   /* of the second byte */
		size_t n;
	} form[] = {
		{ 0x20, 0x7e, 0, 0, 1 }, { 0xc2, 0xc2, 0xa0, 0xbf, 2 },
		{ 0xc3, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 },
		{ 0xe1, 0xec, 0x80, 0xbf, 3 }, { 0xed, 0xed, 0x80, 0x9f, 3 },
		{ 0xee, 0xef, 0x80, 0xbf, 3 }, { 0xf0, 0xf0, 0x90, 0xbf, 4 },
		{ 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};

	for (size_t i = 0; i < sizeof(form) / sizeof(*form); i++) {
		size_t n = 1;

		if (*at < form[i].first || *at > form[i].last)
			continue;
		if (form[i].n > 1 && (at[1] < form[i].low || at[1] > form[i].high))
			return 0;
		while (n < form[i].n && (n < 2 || (at[n] & 0xc0) == 0x80))
			n++;
		return n == form[i].n ? n : 0;
	}
	return 0;
}

/* A name may be any bytes, cut anywhere; a reader of JSON takes UTF-8 alone. */
static void json_quoted(struct json *j, const char *text)
{
	size_t n;

	fputc('"', j->out);
	for (; *text; text += n) {
		const unsigned char *at = (const unsigned char *)text;
		const char *esc = json_escape(*at);

		n = json_utf8(at);
		if (esc)
			fputs(esc, j->out);
		else if (n)
			fwrite(text, 1, n, j->out);
		else
			fprintf(j->out, "\\u%04x", *at < 0x80 ? *at : 0xfffdu);
		n = n ? n : 1;
	}
	fputc('"', j->out);
}

static void json_lead(struct json *j, const char *key)
{
	if (j->comma)
		fputc(',', j->out);
	j->comma = true;
	if (!key)
		return;
	json_quoted(j, key);
	fputc(':', j->out);
}

static void json_open(struct json *j, const char *key, char bracket)
{
	json_lead(j, key);
	fputc(bracket, j->out);
	j->comma = false;
}

static void json_close(struct json *j, char bracket)
{
	fputc(bracket, j->out);
	j->comma = true;
}

void json_object(struct json *j, const char *key)
{
	json_open(j, key, '{');
}

void json_object_end(struct json *j)
{
	json_close(j, '}');
}

void json_array(struct json *j, const char *key)
{
	json_open(j, key, '[');
}

void json_array_end(struct json *j)
{
	json_close(j, ']');
}

void json_string(struct json *j, const char *key, const char *value)
{
	json_lead(j, key);
	if (value)
		json_quoted(j, value);
	else
		fputs("null", j->out);
}

void json_int(struct json *j, const char *key, int64_t value)
{
	json_lead(j, key);
	fprintf(j->out, "%" PRId64, value);
}

void json_bool(struct json *j, const char *key, bool value)
{
	json_lead(j, key);
	fputs(value ? "true" : "false", j->out);
}

void json_ms(struct json *j, const char *key, uint64_t us)
{
	json_lead(j, key);
	fprintf(j->out, "%" PRIu64 ".%03" PRIu64, us / 1000, us % 1000);
}

void json_raw(struct json *j, const char *key, const char *text, size_t len)
{
	json_lead(j, key);
	fwrite(text, 1, len, j->out);
}
