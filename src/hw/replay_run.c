// SPDX-License-Identifier: GPL-2.0-or-later
/* A recorded run, replayed access by access. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "hw/replay_internal.h"

/* The first difference stays: what comes after it only follows from it. */
static int run_differs(struct replay_run *run, int line, const char *recorded,
		       const char *asked)
{
	if (!run->first.code)
		err_set(&run->first, EBADMSG, "%s:%d: recorded '%.200s', asked for "
			"'%.200s'", run->r->path, line, recorded, asked);
	return -EBADMSG;
}

static const struct rec_access *run_next(struct replay_run *run, const char *request)
{
	const struct recording *r = run->r;
	const struct rec_access *a;
	int last = r->naccesses ? r->access[r->naccesses - 1].line : 0;

	if (run->first.code)
		return NULL;
	if (run->next == r->naccesses) {
		run_differs(run, r->has_end ? r->end_line : last, "the end of the run",
			    request);
		return NULL;
	}
	a = &r->access[run->next];
	if (strcmp(a->request, request)) {
		run_differs(run, a->line, a->request, request);
		return NULL;
	}
	run->next++;
	run->now = a->at_us;
	return a;
}

/* error N "why" */
static const char *run_error(const struct rec_access *a, struct err *err)
{
	char *end, *why;
	const char *at;
	int code = (int)strtol(a->answer + 6, &end, 10);

	at = end + strspn(end, " ");
	why = text_unquote(&at, at + strlen(at));
	err_set(err, code, "%s", why ? escape_control(why) : "");
	free(why);
	return NULL;
}

const char *run_take(struct replay_run *run, const char *request, struct err *err)
{
	struct err scratch = { 0 };
	const struct rec_access *a = run_next(run, request);

	err = err ? err : &scratch;
	if (!a) {
		*err = run->first;
		return NULL;
	}
	if (!strncmp(a->answer, "error ", 6))
		return run_error(a, err);
	return a->answer;
}

static int run_code(const struct err *err)
{
	return err->code ? -err->code : -EBADMSG;
}

int run_number(struct replay_run *run, const char *request, uint64_t *val,
	       struct err *err)
{
	struct err scratch = { 0 };
	const char *answer;

	err = err ? err : &scratch;
	answer = run_take(run, request, err);
	if (!answer)
		return run_code(err);
	*val = strtoull(answer, NULL, 16);
	return 0;
}

int run_string(struct replay_run *run, const char *request, char *buf, size_t size,
	       struct err *err)
{
	struct err scratch = { 0 };
	const char *answer;
	char *text;

	err = err ? err : &scratch;
	answer = run_take(run, request, err);
	if (!answer)
		return run_code(err);
	text = text_unquote(&answer, answer + strlen(answer));
	snprintf(buf, size, "%s", text ? escape_control(text) : "");
	free(text);
	return 0;
}
