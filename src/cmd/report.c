// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/report.h"

#include <string.h>

#include <linux/pci_regs.h>

#include "run/supervise.h"

#define SECONDS(us) ((double)(us) / 1e6)

/* --- status -------------------------------------------------------------------- */

static bool any_attempt(const struct plan *plan, enum usable usable)
{
	for (size_t i = 0; i < plan->nattempts; i++)
		if (plan->attempt[i].usable == usable)
			return true;
	return false;
}

static bool all_skipped(const struct report *r)
{
	for (size_t i = 0; r->out && i < r->study->plan.nattempts; i++)
		if (r->out[i].result != EXEC_NOT_RUN &&
		    r->out[i].result != EXEC_SKIPPED)
			return false;
	return true;
}

int report_status(const struct report *r)
{
	const struct plan *plan = &r->study->plan;
	bool answers = r->sum ? r->sum->answers : target_main(&r->study->target)->answers;

	if (plan->refusal)
		return plan->refusal_config ? EXIT_CONFIG : EXIT_BUSY;
	if (r->sum && r->sum->healthy)
		return r->sum->unjudged ? EXIT_FAILED : EXIT_HEALTHY;
	if (r->sum && r->sum->refused)
		return EXIT_BUSY;
	if (!r->sum && plan_usable(plan))
		return EXIT_HEALTHY;
	if (!all_skipped(r))
		return answers ? EXIT_FAILED : EXIT_LOST;
	if (any_attempt(plan, ATTEMPT_REFUSED))
		return EXIT_BUSY;
	return answers ? EXIT_NO_METHOD : EXIT_LOST;
}

size_t report_touched(const struct target *t, const struct attempt *a, struct bdf *list,
		      size_t max)
{
	size_t n = 0;

	for (size_t i = 0; i < t->nfns && n < max; i++)
		if (a->whole_slot || t->spec.whole_slot ||
		    bdf_eq(t->fn[i].bdf, t->spec.bdf))
			list[n++] = t->fn[i].bdf;
	for (size_t i = 0; i < t->nother && n < max; i++)
		if (!t->other[i].bridge && attempt_hits(a, &t->other[i]))
			list[n++] = t->other[i].bdf;
	return n;
}

/* --- pieces of text ------------------------------------------------------------ */

static void text_head(const struct report *r, FILE *to)
{
	char slot[BDF_STR];

	fprintf(to, "%s %s: ", bdf_slot_str(r->study->target.spec.bdf, slot),
		r->study->name);
}

static size_t evidence_count(const struct exec_outcome *out, const char *name)
{
	size_t n = 0;

	for (size_t i = 0; i < out->nevidence; i++)
		n += out->evidence[i].cond && !strcmp(out->evidence[i].cond->name, name);
	return n;
}

static void text_link(const struct report *r, const struct exec_outcome *out, FILE *to)
{
	struct bdf fn = target_main(&r->study->target)->bdf;

	for (size_t i = 0; i < out->nevidence; i++) {
		const struct exec_evidence *e = &out->evidence[i];

		if (bdf_eq(e->step->fn, fn) && e->cond &&
		    !strcmp(e->cond->name, "LNKSTA.WIDTH"))
			fprintf(to, ", link %s x%u as before",
				link_speed_str(e->value & PCI_EXP_LNKSTA_CLS),
				(e->value & PCI_EXP_LNKSTA_NLW) >>
				PCI_EXP_LNKSTA_NLW_SHIFT);
	}
}

static void text_evidence(const struct report *r, const struct exec_outcome *out,
			  FILE *to)
{
	size_t fns = evidence_count(out, "ID");

	fprintf(to, "  evidence: %zu function%s answer%s with the right ids, BARs and "
		"COMMAND are right", fns, fns == 1 ? "" : "s", fns == 1 ? "s" : "");
	text_link(r, out, to);
	for (size_t i = 0; i < out->nevidence; i++) {
		const struct exec_evidence *e = &out->evidence[i];

		if (e->step->file && e->cond)
			fprintf(to, ", %s reads 0x%x", e->cond->name,
				reg_field(e->value, e->cond->mask));
	}
	fputc('\n', to);
}

const char *report_result(enum exec_result result)
{
	static const char *const text[] = {
		[EXEC_NOT_RUN] = "not run", [EXEC_HEALTHY] = "healthy",
		[EXEC_SKIPPED] = "does not apply", [EXEC_FAILED] = "failed",
		[EXEC_UNHEALTHY] = "done, but the card is not healthy",
		[EXEC_REFUSED] = "refused",
	};

	return text[result];
}

/* " (risk: host-may-hang, why)"; nothing for a safe one. */
static void text_risk(const struct attempt *a, FILE *to)
{
	if (a->risk != RISK_SAFE)
		fprintf(to, " (risk: %s%s%s)", quirk_risk_str(a->risk),
			a->risk_why ? ", " : "", a->risk_why ? a->risk_why : "");
}

static void text_tried(const struct report *r, FILE *to)
{
	const struct plan *plan = &r->study->plan;

	for (size_t i = 0; i < plan->nattempts; i++) {
		const struct exec_outcome *out = &r->out[i];

		if (out->result == EXEC_NOT_RUN || out->result == EXEC_HEALTHY)
			continue;
		fprintf(to, "  %s", plan->attempt[i].name);
		text_risk(&plan->attempt[i], to);
		fprintf(to, ": %s after %.2f s: %s\n", report_result(out->result),
			SECONDS(out->took_us), out->err.text);
	}
	for (size_t i = 0; i < plan->nattempts; i++)
		if (r->out[i].undo.code && r->out[i].answers)
			fprintf(to, "  warning: %s\n", r->out[i].undo.text);
}

static const char *usable_str(enum usable usable)
{
	static const char *const text[] = {
		[ATTEMPT_YES] = "yes", [ATTEMPT_NO] = "does not apply",
		[ATTEMPT_DENIED] = "denied", [ATTEMPT_REFUSED] = "refused",
	};

	return text[usable];
}

static void text_unusable(const struct plan *plan, FILE *to)
{
	for (size_t i = 0; i < plan->nattempts; i++) {
		const struct attempt *a = &plan->attempt[i];

		if (a->usable != ATTEMPT_YES)
			fprintf(to, "  %s: %s: %s%s%s\n", a->name, usable_str(a->usable),
				a->reason, a->override ? "; to do it all the same: " : "",
				a->override ? a->override : "");
	}
}

/* Steps that a program could do without. */
static void text_notes(const struct report *r, FILE *to)
{
	const struct plan *plan = &r->study->plan;

	for (size_t i = 0; i < plan->nattempts; i++) {
		const struct exec_outcome *out = &r->out[i];

		for (size_t k = 0; k < out->nnotes && k < EXEC_MAX_NOTES; k++)
			fprintf(to, "  %s went on without: %s\n", plan->attempt[i].name,
				out->note[k].text);
		if (out->nnotes > EXEC_MAX_NOTES)
			fprintf(to, "  %s went on without %zu more\n",
				plan->attempt[i].name, out->nnotes - EXEC_MAX_NOTES);
	}
}

size_t report_functions_text(const struct target *t, const struct attempt *a, FILE *to)
{
	struct bdf list[MAX_TOUCHED];
	size_t n = report_touched(t, a, list, MAX_TOUCHED);
	char text[BDF_STR];

	for (size_t i = 0; i < n; i++)
		fprintf(to, " %s%s", bdf_str(list[i], text),
			bdf_same_slot(list[i], t->spec.bdf) ? "" : "(!)");
	return n;
}

/* --- after a run --------------------------------------------------------------- */

static void text_touched(const struct target *t, const struct attempt *a, FILE *to)
{
	size_t n;

	fputs("  touched:", to);
	n = report_functions_text(t, a, to);
	if (n < t->nfns)
		fprintf(to, " (of %zu functions of the slot)", t->nfns);
	fputc('\n', to);
}

static const struct exec_outcome *healthy_outcome(const struct report *r)
{
	return &r->out[r->sum->healthy - r->study->plan.attempt];
}

static void text_success(const struct report *r, FILE *to)
{
	const struct exec_outcome *out = healthy_outcome(r);
	const char *name = r->sum->healthy->name;

	if (!strcmp(r->sum->healthy->method->name, "none"))
		fprintf(to, "pristine, nothing to do (looked for %.2f s)\n",
			SECONDS(r->sum->took_us));
	else
		fprintf(to, "reset by %s and %shealthy, in %.2f s (the reset itself "
			"%.3f s)\n", name,
			r->sum->unjudged ? "NOT known to be " : "",
			SECONDS(r->sum->took_us), SECONDS(out->act_us));
	if (r->sum->unjudged)
		fprintf(to, "  %s; what could be checked is right\n",
			r->sum->unjudged);
	if (r->opts->quiet)
		return;
	text_touched(&r->study->target, r->sum->healthy, to);
	text_evidence(r, out, to);
	if (out->undo.code)
		fprintf(to, "  warning: %s\n", out->undo.text);
	if (r->sum->healthy->risk != RISK_SAFE) {
		fprintf(to, "  %s", name);
		text_risk(r->sum->healthy, to);
		fputc('\n', to);
	}
	if (r->sum->healthy->unconfirmed)
		report_confirm_text(r, to);
	if (r->opts->verbose) {
		text_tried(r, to);
		text_notes(r, to);
	}
}

static void text_failure(const struct report *r, FILE *to)
{
	int status = report_status(r);

	if (r->sum->refused)
		fprintf(to, "refused after %zu attempt%s, as somebody uses it by now",
			r->sum->tried, r->sum->tried == 1 ? "" : "s");
	else if (r->sum->interrupted)
		fputs("NOT reset: stopped before it was done", to);
	else if (status == EXIT_NO_METHOD || status == EXIT_BUSY)
		fputs("NOT reset: no method can be used", to);
	else
		fprintf(to, "NOT healthy after %zu attempt%s in %.2f s, and the card %s",
			r->sum->tried, r->sum->tried == 1 ? "" : "s",
			SECONDS(r->sum->took_us),
			r->sum->answers ? "still answers" : "does not answer");
	fputc('\n', to);
	text_tried(r, to);
	if (r->opts->verbose)
		text_notes(r, to);
	text_unusable(&r->study->plan, to);
	if (status == EXIT_LOST)
		fputs("  what is left: a cold start of the host (power off, not a "
		      "reboot)\n", to);
}

void report_text(const struct report *r, FILE *to)
{
	const char *refusal = r->study->plan.refusal;

	if (r->sum && r->sum->healthy && r->opts->quiet &&
	    !strcmp(r->sum->healthy->method->name, "none"))
		return;
	text_head(r, to);
	if (refusal || !r->sum)
		fprintf(to, "refused, nothing was touched: %s\n", refusal ? refusal : "");
	else if (r->sum->healthy)
		text_success(r, to);
	else
		text_failure(r, to);
}

/* --- the plan ------------------------------------------------------------------ */

void report_step(const struct plan *plan, const struct attempt *a,
		 const struct step *s, char *buf, size_t size)
{
	int n = snprintf(buf, size, "%zu.%zu ", (size_t)(a - plan->attempt) + 1,
			 (size_t)(s - a->step) + 1);

	step_print(s, buf + n, size - (size_t)n);
}

static void plan_steps(const struct plan *plan, const struct attempt *a, FILE *to)
{
	char line[512];

	for (size_t i = 0; i < a->nsteps; i++) {
		report_step(plan, a, &a->step[i], line, sizeof(line));
		fprintf(to, "    %s\n", line);
	}
}

static void plan_blast(const struct target *t, const struct attempt *a, FILE *to)
{
	char text[BDF_STR];

	fputs("     touches:", to);
	report_functions_text(t, a, to);
	for (int i = 0; i < a->level; i++)
		fprintf(to, " %s(switch)", bdf_str(t->path[i].bdf, text));
	fputc('\n', to);
}

static void plan_path(const struct bridge_facts *br, FILE *to)
{
	char text[BDF_STR];

	fprintf(to, "  below %s%s%s%s%s\n", bdf_str(br->bdf, text),
		br->only_target ? " (only this card)" : " (shared with other devices)",
		br->hotplug ? ", hotplug slot" : "",
		br->port.contained ? ", DPC HOLDS THE LINK DOWN" :
		br->port.dpc_trigger ? ", DPC on" : "",
		br->port.aer_reports ? ", AER on" : "");
}

static void plan_facts(const struct report *r, FILE *to)
{
	const struct target *t = &r->study->target;
	char text[BDF_STR];

	for (size_t i = 0; i < t->nfns; i++) {
		const struct fn_facts *fn = &t->fn[i];

		fprintf(to, "  %s [%04x:%04x] class %04x, driver %s, IOMMU group %d%s\n",
			bdf_str(fn->bdf, text), fn->vendor, fn->device,
			fn->class_code >> 8, fn->driver[0] ? fn->driver : "none",
			fn->iommu_group, fn->answers ? "" : ", DOES NOT ANSWER");
	}
	for (size_t i = t->npath; i-- > 0;)
		plan_path(&t->path[i], to);
	if (t->thunderbolt)
		fputs("  behind Thunderbolt (or a port for removable devices)\n", to);
	report_quirk_text(r, to);
	if (r->study->plan.frozen_other)
		fprintf(to, "  another card in this slot took the host along; that says "
			"nothing of this one (gpureset unfreeze %s shows it)\n",
			bdf_slot_str(t->spec.bdf, text));
}

static void plan_ladder(const struct report *r, FILE *to, bool steps)
{
	const struct plan *plan = &r->study->plan;
	char why[512];

	fprintf(to, "%s\n", plan_usable(plan) ? "  would try, in this order, until the "
		"card is healthy:" : "  nothing can be tried:");
	for (size_t i = 0; i < plan->nattempts; i++) {
		const struct attempt *a = &plan->attempt[i];

		if (a->usable != ATTEMPT_YES)
			continue;
		fprintf(to, "  %zu. %s: at least %.3f s, at most %.1f s, %zu steps%s",
			i + 1, a->name, SECONDS(a->floor_us),
			SECONDS(attempt_worst_us(a)), a->nsteps,
			a->unconfirmed ? " (not yet confirmed on a real card)" : "");
		text_risk(a, to);
		fputc('\n', to);
		report_why(plan, a, why, sizeof(why));
		fprintf(to, "     why: %s\n", why);
		plan_blast(plan->target, a, to);
		if (a->note)
			fprintf(to, "     note: %s\n", a->note);
		if (steps)
			plan_steps(plan, a, to);
	}
	if (any_attempt(plan, ATTEMPT_NO) || any_attempt(plan, ATTEMPT_DENIED) ||
	    any_attempt(plan, ATTEMPT_REFUSED))
		fputs("  not:\n", to);
	text_unusable(plan, to);
}

/* What matters at midnight comes first, the rest after the ladder. */
void report_plan(const struct report *r, FILE *to, bool steps)
{
	char text[BDF_STR];

	fprintf(to, "%s %s\n", bdf_slot_str(r->study->target.spec.bdf, text),
		r->study->name);
	report_summary_text(r, to);
	plan_ladder(r, to, steps);
	fputs("  the card:\n", to);
	plan_facts(r, to);
}
