/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Telling a person what is being waited for, when it takes longer than a second: on a
 * terminal one line, rewritten each second and taken off at the end; else lines, which
 * come less and less often.
 */
#ifndef GPURESET_RUN_PROGRESS_H
#define GPURESET_RUN_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/bdf.h"

#define STEP_TEXT 160
#define PROGRESS_NEVER UINT64_MAX

/* What one worker is doing. All times are microseconds of one monotonic clock. */
struct step {
	struct bdf slot;
	char text[STEP_TEXT];           /* "": nothing, or the worker has ended */
	uint64_t begun, limit;
	uint64_t mark;                  /* when to show it next */
};

struct progress {
	FILE *to;                       /* NULL: show nothing */
	bool terminal;                  /* one line, rewritten; else a log */
	bool shown;                     /* that line is on the screen */
	uint64_t shown_at;
};

struct progress progress_open(FILE *to);
void step_begin(struct step *step, const char *text, size_t len, uint64_t limit,
		uint64_t now);
void step_end(struct step *step);

/* When progress_show() has something to do: PROGRESS_NEVER if nothing is waited for. */
uint64_t progress_due(const struct progress *pr, const struct step *step, size_t n);
void progress_show(struct progress *pr, struct step *step, size_t n, uint64_t now);
/* Take the line off the terminal, so that something else can be printed. */
void progress_clear(struct progress *pr);

#endif
