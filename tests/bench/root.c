// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * For benchmarks: the program on a made-up tree (BENCH_ROOT, see mktree) instead of the
 * real machine. Linked with --wrap=hw_linux_open; the environment is read before the
 * program empties it.
 */
#include <stdio.h>
#include <stdlib.h>

#include "hw/hw_linux.h"

struct hw *__wrap_hw_linux_open(struct err *err);

static char bench_root[256];

__attribute__((constructor)) static void bench_begin(void)
{
	const char *root = getenv("BENCH_ROOT");

	if (root)
		snprintf(bench_root, sizeof(bench_root), "%s", root);
}

struct hw *__wrap_hw_linux_open(struct err *err)
{
	return hw_linux_open_at(bench_root, err);
}
