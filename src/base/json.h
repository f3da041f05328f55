/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A JSON writer (there is no parser, on purpose). Values go out as they are told. */
#ifndef GPURESET_BASE_JSON_H
#define GPURESET_BASE_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct json {
	FILE *out;
	bool comma;             /* the next value needs one */
};

/* @key NULL: an element of an array, or the outermost value. */
void json_object(struct json *j, const char *key);
void json_object_end(struct json *j);
void json_array(struct json *j, const char *key);
void json_array_end(struct json *j);
void json_string(struct json *j, const char *key, const char *value);  /* NULL: null */
void json_int(struct json *j, const char *key, int64_t value);
void json_bool(struct json *j, const char *key, bool value);
/* Microseconds as milliseconds with three decimals. */
void json_ms(struct json *j, const char *key, uint64_t us);
/* Text that is JSON already. */
void json_raw(struct json *j, const char *key, const char *text, size_t len);

#endif
