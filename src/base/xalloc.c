// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/xalloc.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void *xalloc_check(void *p)
{
	static const char text[] = "gpureset: out of memory\n";

	if (p)
		return p;
	if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
		_exit(3);
	_exit(2);
}

void *xcalloc(size_t n, size_t size)
{
	return xalloc_check(calloc(n ? n : 1, size ? size : 1));
}

void *xrealloc(void *old, size_t n, size_t size)
{
	return xalloc_check(reallocarray(old, n ? n : 1, size));
}

void *xgrow(void *array, size_t n, size_t *room, size_t size)
{
	if (n < *room)
		return array;
	*room = *room ? 2 * *room : 16;
	if (*room <= n)
		*room = n + 1;
	return xrealloc(array, *room, size);
}

char *xstrdup(const char *text)
{
	return xalloc_check(strdup(text));
}
