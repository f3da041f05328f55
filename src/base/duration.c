// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/duration.h"

#include <ctype.h>
#include <string.h>

#define DURATION_DIGITS 9       /* of any unit: far from overflowing 64 bits */

static const struct {
	const char *name;
	unsigned us;
} duration_units[] = {
	{ "s", 1000000 }, { "ms", 1000 }, { "us", 1 },
};

unsigned duration_unit(const char *text, size_t len)
{
	for (size_t i = 0; i < sizeof(duration_units) / sizeof(*duration_units); i++)
		if (len == strlen(duration_units[i].name) &&
		    !memcmp(text, duration_units[i].name, len))
			return duration_units[i].us;
	return 0;
}

const char *duration_parse(const char *text, size_t len, uint64_t *us, size_t *at)
{
	uint64_t n = 0;
	unsigned unit;
	size_t i;

	*at = 0;
	for (i = 0; i < len && isdigit((unsigned char)text[i]); i++)
		n = i < DURATION_DIGITS ? n * 10 + (unsigned)(text[i] - '0') : n;
	if (!i)
		return "a time begins with a number, as in 50s";
	if (i > DURATION_DIGITS)
		return "the number is too large for a time";
	while (i < len && (text[i] == ' ' || text[i] == '\t'))
		i++;
	*at = i;
	unit = duration_unit(text + i, len - i);
	if (!unit)
		return "a time needs a unit behind its number: s, ms or us, as in 50s";
	*us = n * unit;
	return NULL;
}
