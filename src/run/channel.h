/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The pipe between a worker and the supervisor, both ends. Only supervise.c needs
 * this; workers use the channel_*() calls of supervise.h.
 */
#ifndef GPURESET_RUN_CHANNEL_H
#define GPURESET_RUN_CHANNEL_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "run/supervise.h"

enum frame_type {
	FRAME_STEP, FRAME_NOTE, FRAME_REPORT, FRAME_RESULT, FRAME_REFUSAL, FRAME_TYPES
};

/* One message. @text is not NUL-terminated and lives until the next frames_fill(). */
struct frame {
	enum frame_type type;
	uint64_t num;           /* step: limit_us; note: more follows; last two: status */
	const char *text;
	size_t len;
};

/* What was read of a pipe and not yet taken as whole frames. */
struct frames {
	size_t at, have;
	char buf[2 * PIPE_BUF];
};

struct channel {
	int fd;                 /* -1: the supervisor is gone */
};

/* In the worker: let SIGTERM, SIGINT and SIGHUP set the flag of channel_stop(). */
void channel_catch_stop(void);
/* In the worker: the last word. Without it the job counts as died. */
void channel_result(struct channel *ch, int status);
/* Instead of it: the work has not begun, @why becomes the job's. */
void channel_refuse(struct channel *ch, int status, const char *why);

/* Read once, without blocking: 1 something came, 0 the end, -EAGAIN nothing yet. */
int frames_fill(struct frames *in, int fd);
/* Take the next whole frame: 1 taken, 0 none yet, -EPROTO not our language. */
int frames_next(struct frames *in, struct frame *out);

#endif
