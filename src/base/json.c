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

static void json_quoted(struct json *j, const char *text)
{
	fputc('"', j->out);
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;
		const char *esc = json_escape(c);

		if (esc)
			fputs(esc, j->out);
		else if (c < 0x20)
			fprintf(j->out, "\\u%04x", c);
		else
			fputc(c, j->out);
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
