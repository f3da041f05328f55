/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the trace share; everybody else uses trace.h. */
#ifndef GPURESET_RUN_TRACE_INTERNAL_H
#define GPURESET_RUN_TRACE_INTERNAL_H

#include <stdio.h>

#include "hw/hw_shim.h"
#include "run/trace.h"

#define TRACE_SEEN 24           /* places that one step reads: a condition has three */
#define TRACE_LABEL 128
#define TRACE_VALUE 120         /* of an attribute's text */

/* An access as it is told: when, where, and what came of it. */
struct trace_access {
	const struct shim_access *a;
	uint64_t begun, took;
	char name[TRACE_LABEL];         /* the register's, "" if the step has none */
	char where[TRACE_LABEL];        /* "0000:0b:00.0 bar5+0x5394", may be "" */
	char value[TRACE_VALUE + 16];   /* "0x41", "'vfio-pci'", may be "" */
};

/* What a step found at one place, until that changes: a person need not read it twice. */
struct trace_seen {
	enum shim_kind kind;
	char where[TRACE_LABEL], name[TRACE_LABEL], value[TRACE_VALUE + 16];
	int rc;
	unsigned times, untold;         /* since it is that value; not yet printed */
	uint64_t since, last;
};

#define KEEP_BUFFER 8192

struct trace_keep {
	int fd;
	size_t size;                    /* of the file */
	char buf[KEEP_BUFFER];          /* what follows, not yet written */
	size_t len;
	char *tail;                     /* KEEP_TAIL and a NUL: none can be had later */
	char head[160];                 /* the run's first line, which stays */
};

struct trace {
	struct trace_to to;
	struct hw *clock;
	bool real;                      /* time is CLOCK_MONOTONIC */
	bool started;                   /* to.origin_us is known */
	bool failed;
	uint64_t access_begun, last;
	FILE *mem;                      /* one event, into @buf */
	char *buf;
	size_t len;
	struct trace_keep keep;
	const struct step *step;        /* the one that is being done, or NULL */
	uint32_t index;                 /* what an index register was set to last */
	uint64_t step_begun, slept_us;
	unsigned slept;
	int depth;                      /* trace_begin() without its end */
	struct trace_seen seen[TRACE_SEEN];
	size_t nseen;
};

/* Microseconds since the beginning. */
uint64_t trace_now(struct trace *t);
/* Of t->mem, which is emptied. */
void trace_emit(struct trace *t, int fd);
FILE *trace_fresh(struct trace *t);

/* trace_text.c; @number: "2.14" */
void text_note(struct trace *t, const char *text);
void text_step(struct trace *t, const char *number, const struct step *s);
void text_step_end(struct trace *t, const char *number, int rc, bool passed);
void text_access(struct trace *t, const struct trace_access *x);

/* trace_chrome.c; @args: "key", "value" ..., NULL */
void chrome_event(struct trace *t, char ph, const char *name, const char *cat,
		  const char *const args[]);
void chrome_access(struct trace *t, const struct trace_access *x);

/*
 * trace_keep.c: nobody waits for the file, so it is written once a step: when the next
 * one begins, which is then the last thing that a killed process is known to have begun.
 */
void keep_write(struct trace *t, const char *text, size_t len);
void keep_flush(struct trace *t);

#endif
