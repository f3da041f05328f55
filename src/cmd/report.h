/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What was planned and what happened, as text for people and JSON for programs. */
#ifndef GPURESET_CMD_REPORT_H
#define GPURESET_CMD_REPORT_H

#include <stdio.h>

#include "base/json.h"
#include "cmd/cmd.h"
#include "run/exec.h"
#include "run/recover.h"

struct report {
	const struct study *study;
	const struct options *opts;
	const struct exec_outcome *out;         /* one an attempt, or NULL: nothing ran */
	const struct exec_summary *sum;
	const struct recovery *rec;             /* what a killed run had left, or NULL */
	size_t waiting;                         /* of that, still to be put back */
};

/* The exit status that the facts of @r amount to (enum exit_status). */
int report_status(const struct report *r);

/* "healthy", "failed" ... */
const char *report_result(enum exec_result result);

/* After a real run. */
void report_text(const struct report *r, FILE *to);

/* The ladder, with every step when @steps. */
void report_plan(const struct report *r, FILE *to, bool steps);

/* Either, as one JSON object. */
void report_json(const struct report *r, FILE *to, bool steps);

/* The entries about the target: all they say with -v, and always in JSON. */
void report_quirk_text(const struct report *r, FILE *to);
void report_quirk_json(const struct report *r, struct json *j);

/* What a killed run had left, as a member "recovered"; nothing when there was none. */
void report_recovered_json(const struct recovery *rec, struct json *j);

/* After a success by a program that waits for its first report: what to send. */
void report_confirm_text(const struct report *r, FILE *to);
void report_confirm_json(const struct report *r, struct json *j);

/*
 * The functions that @a touches: the card's, then foreign ones below the bridge that it
 * resets. Returns how many; at most @max are stored.
 */
size_t report_touched(const struct target *t, const struct attempt *a, struct bdf *list,
		      size_t max);
#define MAX_TOUCHED 64

/* " 0000:0b:00.0 0000:0c:00.0(!)": what @a touches, foreign ones marked; how many. */
size_t report_functions_text(const struct target *t, const struct attempt *a, FILE *to);

/* Why the plan has @a, and where it has it. */
void report_why(const struct plan *plan, const struct attempt *a, char *buf,
		size_t size);

/*
 * The plan at a glance: what comes first, what can be touched, how long it takes at
 * worst, how far it is to be trusted, what a person would be asked.
 */
void report_summary_text(const struct report *r, FILE *to);
void report_summary_json(const struct report *r, struct json *j);

/* "2.14 0000:0b:00.0 set ...": attempt and step number, and the step. */
void report_step(const struct plan *plan, const struct attempt *a,
		 const struct step *s, char *buf, size_t size);

#endif
