/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Waiting for descriptors to become readable, in two ways. Nothing but readiness:
 * a blocking file access in a ring could neither be cancelled nor exited from.
 */
#ifndef GPURESET_RUN_LOOP_H
#define GPURESET_RUN_LOOP_H

#include <poll.h>
#include <stddef.h>
#include <stdint.h>

#define LOOP_FOREVER UINT64_MAX

struct loop_ops;

/*
 * The watched descriptors are kept here, not in the implementation, so that poll(2)
 * needs no memory of its own and can take over at any moment.
 */
struct loop {
	const struct loop_ops *ops;
	struct pollfd *fds;     /* fd -1: not watched; revents: ready after wait() */
	size_t n, room;         /* @n: used so far; keys are not reused */
	void *own;
};

struct loop_ops {
	const char *name;
	int (*open)(struct loop *loop);
	/* Watch @fd until drop(); returns its key. There must be room. */
	size_t (*add)(struct loop *loop, int fd);
	void (*drop)(struct loop *loop, size_t key);
	/* Fills revents; 0 also for a timeout or a signal, or a negative errno. */
	int (*wait)(struct loop *loop, uint64_t timeout_us);
	void (*close)(struct loop *loop);
};

extern const struct loop_ops loop_poll;
extern const struct loop_ops loop_uring;

#endif
