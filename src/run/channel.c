// SPDX-License-Identifier: GPL-2.0-or-later
#include "run/channel.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

struct frame_head {
	uint32_t type, len;
	uint64_t num;
};

/* A pipe takes up to PIPE_BUF bytes whole or not at all: a frame is never torn. */
#define FRAME_TEXT (PIPE_BUF - sizeof(struct frame_head))

/* The only state a signal handler of the worker may touch. */
static volatile sig_atomic_t channel_stopped;

static void channel_on_stop(int signo)
{
	(void)signo;
	channel_stopped = 1;
}

void channel_catch_stop(void)
{
	static const int stops[] = { SIGTERM, SIGINT, SIGHUP };
	struct sigaction act = { .sa_handler = channel_on_stop, .sa_flags = SA_RESTART };

	/*
	 * SA_RESTART: a file access must not fail because somebody pressed Ctrl-C; the
	 * sleeps (nanosleep, poll) return early all the same.
	 */
	sigemptyset(&act.sa_mask);
	for (size_t i = 0; i < sizeof(stops) / sizeof(*stops); i++)
		sigaction(stops[i], &act, NULL);
	act.sa_handler = SIG_IGN;
	sigaction(SIGPIPE, &act, NULL);
}

bool channel_stop(const struct channel *ch)
{
	(void)ch;
	return channel_stopped;
}

/* A supervisor that is gone must not stop a reset halfway: go on without words. */
static void channel_send(struct channel *ch, enum frame_type type, uint64_t num,
			 const char *text, size_t len)
{
	struct frame_head head = { .type = type, .len = (uint32_t)len, .num = num };
	char buf[PIPE_BUF];
	ssize_t got;

	if (ch->fd < 0)
		return;
	memcpy(buf, &head, sizeof(head));
	if (len)
		memcpy(buf + sizeof(head), text, len);
	do {
		got = write(ch->fd, buf, sizeof(head) + len);
	} while (got < 0 && errno == EINTR);
	if (got < 0) {
		close(ch->fd);
		ch->fd = -1;
	}
}

void channel_step(struct channel *ch, const char *text, uint64_t limit_us)
{
	channel_send(ch, FRAME_STEP, limit_us, text, strnlen(text, FRAME_TEXT));
}

void channel_note(struct channel *ch, const char *text)
{
	size_t left = strlen(text), len;

	do {
		len = left < FRAME_TEXT ? left : FRAME_TEXT;
		channel_send(ch, FRAME_NOTE, left > len, text, len);
		text += len;
		left -= len;
	} while (left);
}

void channel_report(struct channel *ch, const char *data, size_t len)
{
	size_t part;

	for (; len; data += part, len -= part) {
		part = len < FRAME_TEXT ? len : FRAME_TEXT;
		channel_send(ch, FRAME_REPORT, 0, data, part);
	}
}

void channel_result(struct channel *ch, int status)
{
	channel_send(ch, FRAME_RESULT, (uint64_t)(int64_t)status, NULL, 0);
}

void channel_refuse(struct channel *ch, int status, const char *why)
{
	channel_send(ch, FRAME_REFUSAL, (uint64_t)(int64_t)status, why,
		     strnlen(why, FRAME_TEXT));
}

int frames_fill(struct frames *in, int fd)
{
	ssize_t got;

	memmove(in->buf, in->buf + in->at, in->have - in->at);
	in->have -= in->at;
	in->at = 0;
	do {
		got = read(fd, in->buf + in->have, sizeof(in->buf) - in->have);
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		return errno == EAGAIN ? -EAGAIN : 0;
	in->have += (size_t)got;
	return got > 0;
}

int frames_next(struct frames *in, struct frame *out)
{
	size_t left = in->have - in->at;
	struct frame_head head;

	if (left < sizeof(head))
		return 0;
	memcpy(&head, in->buf + in->at, sizeof(head));
	if (head.type >= FRAME_TYPES || head.len > FRAME_TEXT)
		return -EPROTO;
	if (left < sizeof(head) + head.len)
		return 0;
	out->type = (enum frame_type)head.type;
	out->num = head.num;
	out->text = in->buf + in->at + sizeof(head);
	out->len = head.len;
	in->at += sizeof(head) + head.len;
	return 1;
}
