// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <time.h>

#include "run/loop.h"

#define BLIND_NS (10 * 1000 * 1000)

static int poll_open(struct loop *loop)
{
	(void)loop;
	return 0;
}

static size_t poll_add(struct loop *loop, int fd)
{
	loop->fds[loop->n] = (struct pollfd){ .fd = fd, .events = POLLIN };
	return loop->n++;
}

static void poll_drop(struct loop *loop, size_t key)
{
	loop->fds[key] = (struct pollfd){ .fd = -1 };
}

/* poll(2) itself failed (no memory): look at everything, but not in a busy loop. */
static void poll_blind(struct loop *loop)
{
	struct timespec pause = { .tv_nsec = BLIND_NS };

	nanosleep(&pause, NULL);
	for (size_t i = 0; i < loop->n; i++)
		loop->fds[i].revents = loop->fds[i].fd >= 0 ? POLLIN : 0;
}

static int poll_wait(struct loop *loop, uint64_t timeout_us)
{
	struct timespec ts = {
		.tv_sec = (time_t)(timeout_us / 1000000),
		.tv_nsec = (long)(timeout_us % 1000000 * 1000),
	};
	int rc = ppoll(loop->fds, loop->n, timeout_us == LOOP_FOREVER ? NULL : &ts, NULL);

	if (rc >= 0)
		return 0;
	for (size_t i = 0; i < loop->n; i++)
		loop->fds[i].revents = 0;
	if (errno != EINTR)
		poll_blind(loop);
	return 0;
}

static void poll_close(struct loop *loop)
{
	(void)loop;
}

const struct loop_ops loop_poll = {
	.name = "poll",
	.open = poll_open,
	.add = poll_add,
	.drop = poll_drop,
	.wait = poll_wait,
	.close = poll_close,
};
