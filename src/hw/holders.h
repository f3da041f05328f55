/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who has a function open: every descriptor of every thread is compared by device
 * number, so names, chroots and mount namespaces do not matter. Processes that may
 * not be looked into (the caller is not root) are passed over.
 */
#ifndef GPURESET_HW_HOLDERS_H
#define GPURESET_HW_HOLDERS_H

#include <stdbool.h>
#include <stddef.h>

#include "hw/hw.h"

struct holders_query {
	const char *root;               /* in front of /sys, /proc and /dev */
	/* Ask the kernel which threads share descriptors; not for a made-up /proc. */
	bool kcmp;
	const struct bdf *fns;
	size_t n;
};

/* Contract: hw_holders() in hw.h. One call of @fn a process and device node. */
int holders_find(const struct holders_query *q, hw_holder_fn *fn, void *arg,
		 struct err *err);

#endif
