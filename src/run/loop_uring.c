// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <liburing.h>
#include <stdbool.h>
#include <stdlib.h>

#include "run/loop.h"

#define RING_ENTRIES 64         /* more watches than this are submitted in turns */

struct ring {
	struct io_uring uring;
	bool armed[];           /* per key: the kernel has a poll request for it */
};

static int ring_open(struct loop *loop)
{
	struct ring *ring = calloc(1, sizeof(*ring) + loop->room * sizeof(bool));
	int rc;

	if (!ring)
		return -ENOMEM;
	rc = io_uring_queue_init(RING_ENTRIES, &ring->uring, 0);
	if (rc < 0) {
		free(ring);
		return rc;
	}
	loop->own = ring;
	return 0;
}

static size_t ring_add(struct loop *loop, int fd)
{
	loop->fds[loop->n] = (struct pollfd){ .fd = fd, .events = POLLIN };
	return loop->n++;
}

static struct io_uring_sqe *ring_sqe(struct ring *ring)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring->uring);

	if (!sqe && io_uring_submit(&ring->uring) >= 0)
		sqe = io_uring_get_sqe(&ring->uring);
	return sqe;
}

/*
 * A request still in the ring holds the file until it completes. That needs no
 * removal: the first word of a worker left behind completes it, the next finds the
 * pipe closed.
 */
static void ring_drop(struct loop *loop, size_t key)
{
	loop->fds[key] = (struct pollfd){ .fd = -1 };
}

/* One-shot requests, armed again at each wait: the same level trigger as poll(2). */
static int ring_arm(struct loop *loop)
{
	struct ring *ring = loop->own;
	struct io_uring_sqe *sqe;
	int rc;

	for (size_t i = 0; i < loop->n; i++) {
		loop->fds[i].revents = 0;
		if (loop->fds[i].fd < 0 || ring->armed[i])
			continue;
		sqe = ring_sqe(ring);
		if (!sqe)
			return -EBUSY;
		io_uring_prep_poll_add(sqe, loop->fds[i].fd, POLLIN);
		io_uring_sqe_set_data64(sqe, i);
		ring->armed[i] = true;
	}
	rc = io_uring_submit(&ring->uring);
	return rc == -EINTR || rc > 0 ? 0 : rc;
}

static void ring_take(struct loop *loop, const struct io_uring_cqe *cqe)
{
	struct ring *ring = loop->own;
	uint64_t key = cqe->user_data;

	/* liburing's own timeout, on old kernels */
	if (key >= loop->n)
		return;
	ring->armed[key] = false;
	if (loop->fds[key].fd >= 0)
		loop->fds[key].revents = cqe->res < 0 ? POLLERR : (short)cqe->res;
}

static int ring_wait(struct loop *loop, uint64_t timeout_us)
{
	struct ring *ring = loop->own;
	struct __kernel_timespec ts = {
		.tv_sec = (long long)(timeout_us / 1000000),
		.tv_nsec = (long long)(timeout_us % 1000000 * 1000),
	};
	struct io_uring_cqe *cqe = NULL;
	int rc = ring_arm(loop);

	if (rc < 0)
		return rc;
	rc = io_uring_wait_cqe_timeout(&ring->uring, &cqe,
				       timeout_us == LOOP_FOREVER ? NULL : &ts);
	if (rc == -ETIME || rc == -EINTR)
		return 0;
	if (rc < 0)
		return rc;
	while (io_uring_peek_cqe(&ring->uring, &cqe) == 0) {
		ring_take(loop, cqe);
		io_uring_cqe_seen(&ring->uring, cqe);
	}
	return 0;
}

static void ring_close(struct loop *loop)
{
	struct ring *ring = loop->own;

	io_uring_queue_exit(&ring->uring);
	free(ring);
	loop->own = NULL;
}

const struct loop_ops loop_uring = {
	.name = "io_uring",
	.open = ring_open,
	.add = ring_add,
	.drop = ring_drop,
	.wait = ring_wait,
	.close = ring_close,
};
