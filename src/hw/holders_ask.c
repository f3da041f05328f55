// SPDX-License-Identifier: GPL-2.0-or-later
/* Asking another process who has a function open, and being that process. */
#include "hw/holders.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
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

void holders_ask(int fd)
{
	ask_fd = fd;
}

/* --- who asks -------------------------------------------------------------------- */

static ssize_t ask_receive(struct ask_answer *a)
{
	ssize_t n;

	do {
		n = recv(ask_fd, a, sizeof(*a), 0);
	} while (n < 0 && errno == EINTR);
	return n;
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
	return err_set(err, EPIPE, "the process that looks for users of the card has "
		       "ended, so it is not known who has it open; run again");
}

/* All answers are taken, or the next question would get what is left of this one. */
static int ask(const struct holders_query *q, hw_holder_fn *fn, void *arg,
	       struct err *err)
{
	struct ask_answer a;
	int stop = 0;

	if (q->n > ASK_MOST || strlen(q->root) >= sizeof(((struct ask_head *)0)->root))
		return err_set(err, E2BIG, "users of %zu functions at once cannot be "
			       "looked for", q->n);
	if (!ask_send(q))
		return ask_gone(err);
	for (;;) {
		if (ask_receive(&a) != (ssize_t)sizeof(a))
			return ask_gone(err);
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
