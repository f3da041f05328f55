/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who has a function open: every descriptor of every thread is compared by device
 * number, so names, chroots and mount namespaces do not matter. When a process may not
 * be looked into and nobody else has the function, that is an error: -EACCES, never
 * "nobody".
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

/*
 * Contract: hw_holders() in hw.h. One call of @fn a process and device node. After
 * holders_ask() another process is asked.
 */
int holders_find(const struct holders_query *q, hw_holder_fn *fn, void *arg,
		 struct err *err);

/* The scan itself, by this process; process @self is passed over. */
int holders_look(const struct holders_query *q, int self, hw_holder_fn *fn, void *arg,
		 struct err *err);

/*
 * This process will not be able to look into others (a sandbox): from now on
 * holders_find() asks holders_serve() at the other end of the SOCK_SEQPACKET @fd, -1:
 * no more. When that process is gone holders_find() fails with -EPIPE; when it has not
 * answered after @limit_ms (it waits for a lock of a process in state D) with -ETIMEDOUT,
 * and from then on with -EPIPE.
 */
void holders_ask(int fd, int limit_ms);

/* Answers on @fd until its other end is closed; process @worker is passed over. */
void holders_serve(int fd, int worker);

#endif
