// SPDX-License-Identifier: GPL-2.0-or-later
#include <string.h>

#include "cmd/report.h"
#include "run/supervise.h"

static const char *json_usable(enum usable usable)
{
	static const char *const text[] = {
		[ATTEMPT_YES] = "yes", [ATTEMPT_NO] = "no",
		[ATTEMPT_DENIED] = "denied", [ATTEMPT_REFUSED] = "refused",
	};

	return text[usable];
}

static const char *json_result(enum exec_result result)
{
	static const char *const text[] = {
		[EXEC_NOT_RUN] = "not-run", [EXEC_HEALTHY] = "healthy",
		[EXEC_SKIPPED] = "does-not-apply", [EXEC_FAILED] = "failed",
		[EXEC_UNHEALTHY] = "unhealthy", [EXEC_REFUSED] = "refused",
	};

	return text[result];
}

static const char *json_status(int status)
{
	static const char *const text[] = {
		[EXIT_HEALTHY] = "healthy", [EXIT_USAGE] = "usage",
		[EXIT_FAILED] = "failed", [EXIT_LOST] = "lost",
		[EXIT_NO_METHOD] = "no-method", [EXIT_BUSY] = "refused",
		[EXIT_CONFIG] = "config", [EXIT_STUCK] = "stuck",
	};

	return text[status];
}

static void json_functions(struct json *j, const struct target *t)
{
	char text[BDF_STR], ids[12];

	json_array(j, "functions");
	for (size_t i = 0; i < t->nfns; i++) {
		const struct fn_facts *fn = &t->fn[i];

		json_object(j, NULL);
		json_string(j, "bdf", bdf_str(fn->bdf, text));
		snprintf(ids, sizeof(ids), "%04x:%04x", fn->vendor, fn->device);
		json_string(j, "ids", ids);
		json_string(j, "driver", fn->driver[0] ? fn->driver : NULL);
		json_int(j, "iommu_group", fn->iommu_group);
		json_bool(j, "answers", fn->answers);
		json_object_end(j);
	}
	json_array_end(j);
}

static void json_path(struct json *j, const struct target *t)
{
	char text[BDF_STR];

	json_array(j, "below");
	for (size_t i = t->npath; i-- > 0;) {
		const struct bridge_facts *br = &t->path[i];

		json_object(j, NULL);
		json_string(j, "bdf", bdf_str(br->bdf, text));
		json_bool(j, "only_this_card", br->only_target);
		json_bool(j, "hotplug_slot", br->hotplug);
		json_bool(j, "dpc", br->port.dpc_trigger);
		json_bool(j, "dpc_holds_link_down", br->port.contained);
		json_bool(j, "aer", br->port.aer_reports);
		json_object_end(j);
	}
	json_array_end(j);
}

static void json_notes(struct json *j, const struct exec_outcome *out)
{
	json_array(j, "went_on_without");
	for (size_t i = 0; i < out->nnotes && i < EXEC_MAX_NOTES; i++)
		json_string(j, NULL, out->note[i].text);
	json_array_end(j);
	json_int(j, "went_on_without_n", (int64_t)out->nnotes);
}

static void json_outcome(struct json *j, const struct exec_outcome *out)
{
	json_string(j, "result", json_result(out->result));
	if (out->result == EXEC_NOT_RUN)
		return;
	json_ms(j, "took_ms", out->took_us);
	json_ms(j, "act_ms", out->act_us);
	json_int(j, "steps_run", (int64_t)out->steps_run);
	json_int(j, "steps_passed_by", (int64_t)out->passed);
	json_notes(j, out);
	if (out->err.code)
		json_string(j, "error", out->err.text);
	if (out->undo.code)
		json_string(j, "undo_error", out->undo.text);
	json_array(j, "evidence");
	for (size_t i = 0; i < out->nevidence; i++) {
		const struct step *s = out->evidence[i].step;
		char line[512];

		step_print(s, line, sizeof(line));
		json_object(j, NULL);
		json_string(j, "check", line);
		json_int(j, "value", out->evidence[i].value);
		json_object_end(j);
	}
	json_array_end(j);
}

static void json_steps(struct json *j, const struct report *r, const struct attempt *a)
{
	char line[512];

	json_array(j, "steps");
	for (size_t i = 0; i < a->nsteps; i++) {
		report_step(&r->study->plan, a, &a->step[i], line, sizeof(line));
		json_string(j, NULL, line);
	}
	json_array_end(j);
}

static void json_touched(struct json *j, const struct target *t, const struct attempt *a)
{
	struct bdf list[MAX_TOUCHED];
	size_t n = report_touched(t, a, list, MAX_TOUCHED);
	char text[BDF_STR];

	json_array(j, "touches");
	for (size_t i = 0; i < n; i++)
		json_string(j, NULL, bdf_str(list[i], text));
	json_array_end(j);
}

static void json_attempts(struct json *j, const struct report *r, bool steps)
{
	const struct plan *plan = &r->study->plan;
	char why[512];

	json_array(j, "attempts");
	for (size_t i = 0; i < plan->nattempts; i++) {
		const struct attempt *a = &plan->attempt[i];

		json_object(j, NULL);
		json_string(j, "name", a->name);
		json_string(j, "usable", json_usable(a->usable));
		if (a->reason)
			json_string(j, "reason", a->reason);
		if (a->override)
			json_string(j, "override", a->override);
		json_bool(j, "untested", a->asks);
		if (a->frozen)
			json_bool(j, "frozen", true);
		if (a->nsteps) {
			json_string(j, "risk", quirk_risk_str(a->risk));
			json_string(j, "risk_why", a->risk_why);
		}
		if (a->usable == ATTEMPT_YES) {
			report_why(plan, a, why, sizeof(why));
			json_string(j, "why", why);
			json_ms(j, "floor_ms", a->floor_us);
			json_ms(j, "worst_ms", attempt_worst_us(a));
			json_bool(j, "unconfirmed", a->unconfirmed);
			if (a->note)
				json_string(j, "note", a->note);
			json_touched(j, plan->target, a);
		}
		if (steps)
			json_steps(j, r, a);
		if (r->out)
			json_outcome(j, &r->out[i]);
		json_object_end(j);
	}
	json_array_end(j);
}

/* What a run that was killed had left behind. */
void report_recovered_json(const struct recovery *rec, struct json *j)
{
	if (!rec || !rec->found)
		return;
	json_object(j, "recovered");
	json_int(j, "things", (int64_t)rec->steps);
	json_int(j, "left", (int64_t)(rec->failed + rec->later));
	json_bool(j, "damaged", rec->damaged);
	if (rec->first.code)
		json_string(j, "error", rec->first.text);
	if (rec->note.code)
		json_string(j, "note", rec->note.text);
	json_object_end(j);
}

void report_json(const struct report *r, FILE *to, bool steps)
{
	const struct study *s = r->study;
	struct json j = { .out = to };
	int status = report_status(r);
	char text[BDF_STR];

	json_object(&j, NULL);
	json_string(&j, "slot", bdf_slot_str(s->target.spec.bdf, text));
	json_string(&j, "name", s->name);
	json_string(&j, "status", json_status(status));
	json_int(&j, "exit", status);
	report_quirk_json(r, &j);
	json_bool(&j, "thunderbolt", s->target.thunderbolt);
	if (s->plan.refusal) {
		json_string(&j, "refusal", s->plan.refusal);
		json_string(&j, "refusal_name", s->plan.refusal_name);
	}
	if (r->sum && r->sum->refused)
		json_string(&j, "refusal", r->sum->refused->err.text);
	if (r->sum && r->sum->unjudged)
		json_string(&j, "unjudged", r->sum->unjudged);
	if (r->sum) {
		json_string(&j, "method", r->sum->healthy ? r->sum->healthy->name : NULL);
		json_ms(&j, "took_ms", r->sum->took_us);
		if (r->sum->healthy && r->sum->healthy->unconfirmed)
			report_confirm_json(r, &j);
	}
	if (!r->sum)
		report_summary_json(r, &j);
	report_recovered_json(r->rec, &j);
	if (r->waiting)
		json_int(&j, "waiting_to_be_put_back", (int64_t)r->waiting);
	if (s->plan.frozen_other)
		json_int(&j, "frozen_other_card", (int64_t)s->plan.frozen_other);
	json_functions(&j, &s->target);
	json_path(&j, &s->target);
	json_attempts(&j, r, steps);
	json_object_end(&j);
}
