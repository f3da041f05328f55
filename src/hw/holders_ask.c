// SPDX-License-Identifier: GPL-2.0-or-later
/* Asking another process who has a function open, and being that process. */
#include "hw/holders.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define ASK_MOST 1024           /* functions in one question */

/* The question; as many functions follow in the same packet. */
struct ask_head {
	size_t n;
	char root[256];
};

/* A packet each: one for every holder, then the end with what the scan returned. */
struct ask_answer {
	bool end;
	int rc;
	struct hw_holder who;
	struct err err;
};

static int ask_fd = -1;
static int ask_limit;           /* ms */

void holders_ask(int fd, int limit_ms)
{
	ask_fd = fd;
	ask_limit = limit_ms;
}

/* --- who asks -------------------------------------------------------------------- */

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* 0, -EPIPE at the end, -ETIMEDOUT. A signal ends nothing: who undoes asks as well. */
static int ask_receive(struct ask_answer *a, int64_t until)
{
	struct pollfd p = { .fd = ask_fd, .events = POLLIN };
	int64_t left;
	int n;

	do {
		left = until - now_ms();
		n = poll(&p, 1, left > 0 ? (int)left : 0);
	} while (n < 0 && errno == EINTR);
	if (n == 0)
		return -ETIMEDOUT;
	return recv(ask_fd, a, sizeof(*a), MSG_DONTWAIT) == (ssize_t)sizeof(*a) ? 0 :
									      -EPIPE;
}

static bool ask_send(const struct holders_query *q)
{
	struct ask_head head = { .n = q->n };
	struct iovec io[] = {
		{ &head, sizeof(head) },
		{ (void *)(uintptr_t)q->fns, q->n * sizeof(*q->fns) },
	};
	const struct msghdr msg = { .msg_iov = io, .msg_iovlen = 2 };
	ssize_t n;

	snprintf(head.root, sizeof(head.root), "%s", q->root);
	do {
		n = sendmsg(ask_fd, &msg, MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	return n > 0;
}

static int ask_gone(struct err *err)
{
	return err_set(err, EPIPE, "the process that looks for users of the card does "
		       "not answer any more, so it is not known who has it open; run "
		       "again");
}

/* A late answer must not become that of the next question: nobody is asked any more. */
static int ask_late(struct err *err)
{
	shutdown(ask_fd, SHUT_RDWR);
	return err_set(err, ETIMEDOUT, "who has the card open is not known: the "
		       "processes of this host could not be looked through within %.1f "
		       "s, one may be stuck in the kernel (state D in 'ps axl'); run "
		       "again", ask_limit / 1e3);
}

/* All answers are taken, or the next question would get what is left of this one. */
static int ask(const struct holders_query *q, hw_holder_fn *fn, void *arg,
	       struct err *err)
{
	int64_t until = now_ms() + ask_limit;
	struct ask_answer a;
	int stop = 0, rc;

	if (q->n > ASK_MOST || strlen(q->root) >= sizeof(((struct ask_head *)0)->root))
		return err_set(err, E2BIG, "users of %zu functions at once cannot be "
			       "looked for", q->n);
	if (!ask_send(q))
		return ask_gone(err);
	for (;;) {
		rc = ask_receive(&a, until);
		if (rc)
			return rc == -ETIMEDOUT ? ask_late(err) : ask_gone(err);
		if (a.end)
			break;
		if (!stop)
			stop = fn(&a.who, arg);
	}
	if (a.rc && err)
		*err = a.err;
	return stop ? 0 : a.rc;
}

int holders_find(const struct holders_query *q, hw_holder_fn *fn, void *arg,
		 struct err *err)
{
	return ask_fd >= 0 ? ask(q, fn, arg, err) :
			     holders_look(q, getpid(), fn, arg, err);
}

/* --- who answers ------------------------------------------------------------------ */

static bool serve_send(int fd, const struct ask_answer *a)
{
	return send(fd, a, sizeof(*a), MSG_NOSIGNAL) == (ssize_t)sizeof(*a);
}

struct serve {
	int fd;
	bool lost;
};

static int serve_holder(const struct hw_holder *who, void *arg)
{
	struct serve *s = arg;
	struct ask_answer a = { .who = *who };

	s->lost = !serve_send(s->fd, &a);
	return s->lost;
}

void holders_serve(int fd, int worker)
{
	static struct {
		struct ask_head head;
		struct bdf fns[ASK_MOST];
	} in;
	struct serve s = { .fd = fd };

	while (!s.lost) {
		ssize_t n = recv(fd, &in, sizeof(in), 0);
		struct holders_query q = { .root = in.head.root, .fns = in.fns };
		struct ask_answer a = { .end = true };

		if (n < (ssize_t)sizeof(in.head) || in.head.n > ASK_MOST ||
		    (size_t)n != sizeof(in.head) + in.head.n * sizeof(in.fns[0]))
			return;
		in.head.root[sizeof(in.head.root) - 1] = '\0';
		q.kcmp = !*q.root;
		q.n = in.head.n;
		a.rc = holders_look(&q, worker, serve_holder, &s, &a.err);
		s.lost |= !serve_send(fd, &a);
	}
}
