/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Times as people write them in our files: "50 s", "500ms". */
#ifndef GPURESET_BASE_DURATION_H
#define GPURESET_BASE_DURATION_H

#include <stddef.h>
#include <stdint.h>

/* Microseconds of the unit @text (@len bytes): s, ms or us; 0: it is no unit. */
unsigned duration_unit(const char *text, size_t len);

/*
 * A decimal number, blanks or none, a unit. NULL and the microseconds in *@us, or what
 * is wrong, with the offending byte in *@at.
 */
const char *duration_parse(const char *text, size_t len, uint64_t *us, size_t *at);

#endif
