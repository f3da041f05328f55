// SPDX-License-Identifier: GPL-2.0-or-later
/* The stages that judge a card, reset it, and say what came of it. */
#include <stdlib.h>
#include <string.h>

#include "cmd/hook_work.h"

#define SECONDS(us) ((double)(us) / 1e6)

bool stage_study(struct hook_work *w)
{
	const struct hook_job *j = w->job;
	const struct plan_opts opts = {
		.allowed = j->set.allowed, .nallowed = j->set.nallowed,
	};
	struct err err = { 0 };
	int status;

	w->told.guarded = NULL;
	study_free(&w->s);
	w->studied = false;
	status = study_card(&w->s, w->hw, j->db, j->o, &w->spec, &opts, &err);
	w->studied = !status;
	w->told.guarded = w->studied ? &w->s.plan : NULL;
	return w->studied || hook_fail(w, status, err.text);
}

bool stage_gpu(struct hook_work *w)
{
	const struct target *t = &w->s.target;

	for (size_t i = 0; i < t->nfns; i++)
		if (class_is_gpu(t->fn[i].class_code))
			return true;
	return false;
}

bool stage_refused(struct hook_work *w)
{
	const struct plan *plan = &w->s.plan;
	char text[ERR_TEXT];

	if (!plan->refusal)
		return true;
	w->not_ours = true;
	if (plan->refusal_config)
		return hook_fail(w, EXIT_CONFIG, plan->refusal);
	snprintf(text, sizeof(text), ": %s", plan->refusal);
	return hook_not_ours(w, text);
}

/* "none, sequence baco, hot_reset" */
bool stage_only_report(struct hook_work *w)
{
	const struct plan *plan = &w->s.plan;
	char list[256] = "";
	size_t n = 0;

	for (size_t i = 0; i < plan->nattempts && n < sizeof(list); i++)
		if (plan->attempt[i].usable == ATTEMPT_YES)
			n += (size_t)snprintf(list + n, sizeof(list) - n, "%s%s",
					      n ? ", " : "", plan->attempt[i].name);
	hook_say(w, "only reported, nothing done: would try %s", n ? list :
		 "nothing, as no method applies");
	return false;
}

static const struct exec_outcome *last_tried(const struct report *r)
{
	const struct exec_outcome *last = NULL;

	for (size_t i = 0; i < r->study->plan.nattempts; i++)
		if (r->out[i].result == EXEC_FAILED || r->out[i].result == EXEC_UNHEALTHY)
			last = &r->out[i];
	return last;
}

static const char *first_refused(const struct plan *plan)
{
	for (size_t i = 0; i < plan->nattempts; i++)
		if (plan->attempt[i].usable == ATTEMPT_REFUSED ||
		    plan->attempt[i].frozen)
			return plan->attempt[i].reason;
	return NULL;
}

/* Was it seen to be used, or is there just no way to tell that it is not? */
static bool card_was_used(const struct report *r)
{
	const struct plan *plan = &r->study->plan;

	for (size_t i = 0; i < plan->nattempts; i++)
		if (!strcmp(plan->attempt[i].method->name, "none"))
			return r->out[i].result == EXEC_SKIPPED;
	return false;
}

static bool card_done(struct hook_work *w, const struct report *r)
{
	const struct exec_summary *sum = r->sum;

	if (strcmp(sum->healthy->method->name, "none"))
		hook_say(w, "%sreset by %s in %.2f s, healthy",
			 hook_is_start(w) && card_was_used(r) ? "was used; " : "",
			 sum->healthy->name, SECONDS(sum->took_us));
	return true;
}

static bool card_failed(struct hook_work *w, const struct report *r, int status)
{
	const struct exec_outcome *last = last_tried(r);
	const struct plan *plan = &w->s.plan;
	char text[2 * ERR_TEXT];

	if (r->sum->refused) {
		snprintf(text, sizeof(text), ": %s", r->sum->refused->err.text);
		return hook_not_ours(w, text);
	}
	if (r->sum->interrupted && channel_stop(w->ch))
		return hook_stopped(w);
	if (r->sum->healthy)
		snprintf(text, sizeof(text), "reset by %s, but not known to be healthy: "
			 "%s", r->sum->healthy->name, r->sum->unjudged);
	else if (last)
		snprintf(text, sizeof(text), "NOT healthy after %zu attempt%s in %.1f s: "
			 "%s", r->sum->tried, r->sum->tried == 1 ? "" : "s",
			 SECONDS(r->sum->took_us), last->err.text);
	else if (first_refused(plan))
		snprintf(text, sizeof(text), "not reset: %s", first_refused(plan));
	else
		snprintf(text, sizeof(text), "not reset: %s", status == EXIT_LOST ?
			 "it does not answer, and nothing can be tried" :
			 "no reset method applies to it");
	/* somebody may have it; but who would look after it is not known */
	w->not_ours |= r->sum->unasked;
	/* a card that does not answer, or is left half done, may take the host along */
	if (status == EXIT_LOST || r->sum->interrupted || r->sum->unasked)
		return hook_fail(w, status, text);
	hook_warn(w, text);
	return true;
}

bool stage_reset(struct hook_work *w)
{
	const struct options quiet = { .verbose = true };
	struct exec_summary sum = { 0 };
	struct report r = { .study = &w->s, .opts = &quiet, .sum = &sum };
	struct exec_outcome *out = calloc(w->s.plan.nattempts + 1, sizeof(*out));
	struct err err = { 0 };
	int status;
	bool on;

	if (!out)
		return hook_fail(w, EXIT_FAILED, "no memory");
	if (work_exec_plan(w->hw, w->job->o->run_dir, w->spec.bdf, &w->s.plan, &w->watch,
			   w->deadline, out, &sum, &err)) {
		free(out);
		return hook_fail(w, EXIT_CONFIG, err.text);
	}
	r.out = out;
	status = report_status(&r);
	hook_log_report(w, &r);
	on = status == EXIT_HEALTHY ? card_done(w, &r) : card_failed(w, &r, status);
	free(out);
	return on;
}
