// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/quirk_judge.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "cmd/quirk_trial.h"

#define MOST_PROBLEMS 20        /* a line; the rest would say the same */

/* --- what was found -------------------------------------------------------------- */

static char *judge_say(const char *fmt, va_list ap)
{
	va_list again;
	char *text;
	int n;

	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	text = xcalloc((size_t)n + 1, 1);
	vsnprintf(text, (size_t)n + 1, fmt, ap);
	return text;
}

static struct judge_line *judge_line(struct judgement *j, const char *what)
{
	j->line = xgrow(j->line, j->n, &j->room, sizeof(*j->line));
	j->line[j->n] = (struct judge_line){ .what = what };
	return &j->line[j->n++];
}

static void judge_text(struct judge_line *l, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void judge_text(struct judge_line *l, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	free(l->text);
	l->text = judge_say(fmt, ap);
	va_end(ap);
}

static void judge_problem(struct judge_line *l, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void judge_problem(struct judge_line *l, const char *fmt, ...)
{
	va_list ap;

	if (l->nproblems == MOST_PROBLEMS)
		return;
	l->problem = xrealloc(l->problem, l->nproblems + 1, sizeof(*l->problem));
	va_start(ap, fmt);
	l->problem[l->nproblems++] = judge_say(fmt, ap);
	va_end(ap);
}

/* --- one method ------------------------------------------------------------------ */

struct judge {
	struct judgement *sum;
	struct judge_line *line;
	const char *method;             /* "sequence baco", "none" */
	struct trial *good;             /* nothing goes wrong; open all the time */
	struct trial *bad;              /* the run that is being judged */
	bool ran[EXEC_MAX_STEPS];
	size_t nran;
	bool whens, tail;
	uint64_t no_whens;              /* accesses of a run with no "when" true */
	size_t first_write;             /* index; nsteps: no step writes */
	size_t lost, silent;            /* runs that lost the card, called healthy */
	size_t stuck, skipped, checks;  /* waits, requirements, checks made to fail */
	size_t named;                   /* ... that the message named */
	size_t answers, ones, taken, tails;
};

static const struct step *judge_step(const struct judge *u, size_t i)
{
	return &u->good->attempt->step[i];
}

static size_t judge_nsteps(const struct judge *u)
{
	return u->good->attempt->nsteps;
}

static void judge_run(struct judge *u, const struct trial_case *how)
{
	trial_run(u->bad, u->good->quirk, u->method, how);
}

static bool judge_names(const struct trial *t, const struct step *s)
{
	char place[300];

	snprintf(place, sizeof(place), "%s:%d: ", s->file, s->line);
	return strstr(t->out.err.text, place) != NULL;
}

/* --- it reaches its end, and every step was part of it ---------------------------- */

static bool judge_healthy(struct judge *u, struct trial *t, const char *how)
{
	if (!t->attempt || t->err.code)
		judge_problem(u->line, "%s: %s", how, t->err.text);
	else if (t->out.result != EXEC_HEALTHY)
		judge_problem(u->line, "%s: %s", how, t->out.err.text);
	else if (t->out.undo.code)
		judge_problem(u->line, "%s: %s", how, t->out.undo.text);
	else
		return true;
	return false;
}

static void judge_ran(struct judge *u, const struct trial *t)
{
	for (size_t i = 0; i < t->attempt->nsteps; i++)
		u->ran[i] |= t->step[i].done;
}

static void judge_coverage(struct judge *u)
{
	char text[512];

	for (size_t i = 0; i < judge_nsteps(u); i++) {
		const struct step *s = judge_step(u, i);

		u->nran += u->ran[i];
		if (u->ran[i])
			continue;
		step_print(s, text, sizeof(text));
		if (trial_own(s))
			judge_problem(u->line, "%s:%d: this step was never carried "
				      "out: %s", s->file, s->line, text);
		else
			judge_problem(u->line, "a step was never carried out: %s", text);
	}
}

/* The file's own steps of one phase, but for those of [restore]. */
static size_t judge_own(const struct judge *u, enum step_phase phase)
{
	size_t n = 0;

	for (size_t i = 0; i < judge_nsteps(u); i++) {
		const struct step *s = judge_step(u, i);

		n += trial_own(s) && s->phase == phase && s->kind != STEP_KEEP &&
		     s->kind != STEP_PUT;
	}
	return n;
}

/* Nothing that the file says may be missing from the plan. */
static void judge_complete(struct judge *u)
{
	const struct quirk *q = u->good->quirk;
	const struct q_block *b = quirk_sequence(q, u->line->what);
	size_t end = q->health.n + q->clean.n, act = 0;

	if (!strncmp(u->method, "sequence ", 9) && b)
		act = b->n;
	else if (!strcmp(u->method, "none"))
		act = q->clean.n;
	if (judge_own(u, PHASE_ACT) != act)
		judge_problem(u->line, "%zu statements, but the plan has %zu", act,
			      judge_own(u, PHASE_ACT));
	if (judge_own(u, PHASE_HEALTH) != end)
		judge_problem(u->line, "[health] and [clean] have %zu statements, but at "
			      "the end only %zu are checked", end,
			      judge_own(u, PHASE_HEALTH));
}

/* With no "when" true nothing that has one may be carried out. */
static void judge_passed(struct judge *u)
{
	for (size_t i = 0; i < judge_nsteps(u); i++) {
		const struct step *s = judge_step(u, i);

		if (s->nwhen && u->bad->step[i].done)
			judge_problem(u->line, "%s:%d: carried out although its 'when' "
				      "does not hold", s->file, s->line);
	}
}

static void judge_look(struct judge *u)
{
	u->first_write = judge_nsteps(u);
	for (size_t i = judge_nsteps(u); i-- > 0;) {
		const struct step *s = judge_step(u, i);

		if (!trial_own(s))
			continue;
		u->whens |= s->nwhen > 0;
		u->tail |= s->tail;
		if (s->kind == STEP_WRITE || s->kind == STEP_SET)
			u->first_write = i;
	}
}

static bool judge_obliging(struct judge *u)
{
	const struct trial_case fair = { 0 }, no_whens = { .whens_false = true };

	trial_run(u->good, u->good->quirk, u->method, &fair);
	if (!judge_healthy(u, u->good, "on a card that goes along"))
		return false;
	judge_look(u);
	judge_complete(u);
	judge_ran(u, u->good);
	if (u->whens) {
		judge_run(u, &no_whens);
		if (judge_healthy(u, u->bad, "on a card that goes along, with no "
				  "'when' true"))
			judge_ran(u, u->bad);
		judge_passed(u);
		u->no_whens = u->bad->accesses;
		trial_close(u->bad);
	}
	judge_coverage(u);
	return true;
}

/* --- a card that goes away -------------------------------------------------------- */

static void judge_lost_at(struct judge *u, const struct trial_case *how)
{
	judge_run(u, how);
	u->lost++;
	if (!u->bad->hit)
		judge_problem(u->line, "this run has no access %llu: runs differ",
			      (unsigned long long)how->nth);
	if (u->bad->out.result == EXEC_HEALTHY) {
		u->silent++;
		judge_problem(u->line, "a card lost at access %llu is called healthy",
			      (unsigned long long)how->nth);
	}
	trial_close(u->bad);
}

static void judge_lost(struct judge *u)
{
	struct trial_case how = { .fault = SHIM_LOST };

	for (how.nth = 1; how.nth <= u->good->accesses; how.nth++)
		judge_lost_at(u, &how);
	how.whens_false = true;
	for (how.nth = 1; how.nth <= u->no_whens; how.nth++)
		judge_lost_at(u, &how);
}

/* --- a step that fails ------------------------------------------------------------ */

/* Steps of the tail that were carried out. */
static size_t judge_tail_done(const struct judge *u, const struct trial *t, size_t *of)
{
	size_t n = 0;

	*of = 0;
	for (size_t i = 0; i < judge_nsteps(u); i++) {
		*of += judge_step(u, i)->tail;
		n += judge_step(u, i)->tail && t->step[i].done;
	}
	return n;
}

/* After a failure at step @i: the tail ran, or had no reason to. */
static void judge_tail(struct judge *u, size_t i)
{
	const struct step *s = judge_step(u, i);
	size_t of, n = judge_tail_done(u, u->bad, &of);

	if (!u->tail || s->tail)
		return;
	u->tails++;
	if (i >= u->first_write && n < of)
		judge_problem(u->line, "%s:%d: when this fails, only %zu of the %zu "
			      "steps after 'always' are carried out", s->file, s->line,
			      n, of);
	if (i < u->first_write && n)
		judge_problem(u->line, "%s:%d: when this fails nothing was written yet, "
			      "but the steps after 'always' are carried out", s->file,
			      s->line);
}

static void judge_named(struct judge *u, const struct step *s, enum exec_result want,
			const char *what)
{
	const struct trial *t = u->bad;

	if (t->out.result != want)
		judge_problem(u->line, "%s:%d: %s, and the attempt ends as %s",
			      s->file, s->line, what,
			      t->out.result == EXEC_HEALTHY ? "healthy" :
			      t->out.result == EXEC_SKIPPED ? "not applying" :
			      t->out.result == EXEC_FAILED ? "failed" : "unhealthy");
	else if (!judge_names(t, s))
		judge_problem(u->line, "%s:%d: %s, and the message does not name it: %s",
			      s->file, s->line, what, t->out.err.text);
	else
		u->named++;
}

/* "try": the attempt goes on, but what failed is told. */
static bool judge_noted(struct judge *u, const struct step *s)
{
	const struct exec_outcome *out = &u->bad->out;
	char place[300];

	snprintf(place, sizeof(place), "%s:%d: ", s->file, s->line);
	if (out->result != EXEC_HEALTHY)
		judge_problem(u->line, "%s:%d: it may fail ('try'), but the attempt "
			      "fails with it: %s", s->file, s->line, out->err.text);
	else if (!out->nnotes || !strstr(out->note[0].text, place))
		judge_problem(u->line, "%s:%d: it failed ('try'), and no note says so",
			      s->file, s->line);
	else
		return true;
	return false;
}

static void judge_stuck_wait(struct judge *u, size_t i)
{
	const struct step *s = judge_step(u, i);
	const struct trial_case how = { .stuck = (int)i + 1 };

	judge_run(u, &how);
	u->stuck++;
	if (s->optional)
		u->named += judge_noted(u, s);
	else
		judge_named(u, s, EXEC_FAILED, "it never comes true");
	if (!s->optional)
		judge_tail(u, i);
	trial_close(u->bad);
}

/* Another answer of a mailbox than the wanted one: told by its own name. */
static void judge_answer(struct judge *u, size_t i, const struct q_code *code)
{
	const struct step *s = judge_step(u, i);
	const struct trial_case how = { .stuck = (int)i + 1, .answer = true,
					.code = code->value };
	const struct exec_outcome *out = &u->bad->out;

	judge_run(u, &how);
	u->answers++;
	if (s->optional)
		judge_noted(u, s);
	else if (out->result == EXEC_HEALTHY || !judge_names(u->bad, s) ||
		 !strstr(out->err.text, code->text))
		judge_problem(u->line, "%s:%d: answer 0x%x ('%s') is not told: %s",
			      s->file, s->line, code->value, code->text,
			      out->err.code ? out->err.text : "the attempt goes on");
	trial_close(u->bad);
}

/* All ones is no value: whatever is asked for, a register that reads so has it not. */
static void judge_ones(struct judge *u, size_t i)
{
	const struct step *s = judge_step(u, i);
	const struct trial_case how = { .stuck = (int)i + 1, .answer = true,
					.code = UINT32_MAX };
	const struct exec_outcome *out = &u->bad->out;

	judge_run(u, &how);
	u->ones++;
	if (s->optional) {
		u->taken += !judge_noted(u, s);
	} else if (!u->bad->step[i].passed &&   /* by a "when" about the same register */
		   (out->result == EXEC_HEALTHY || !out->at || !trial_own(out->at) ||
		    !judge_names(u->bad, out->at))) {
		u->taken++;
		judge_problem(u->line, "%s:%d: with all ones in its register it is "
			      "taken to hold", s->file, s->line);
	}
	trial_close(u->bad);
}

static void judge_wait(struct judge *u, size_t i)
{
	const struct step *s = judge_step(u, i);

	judge_stuck_wait(u, i);
	for (const struct q_code *c = s->codes; c && c->text; c++)
		if (!reg_cond_holds(&s->cond[0], c->value))
			judge_answer(u, i, c);
}

static void judge_stuck_check(struct judge *u, size_t i)
{
	const struct trial_case how = { .stuck = (int)i + 1 };
	const struct step *s = judge_step(u, i);

	judge_run(u, &how);
	u->checks++;
	if (u->bad->out.result == EXEC_UNHEALTHY && u->bad->out.at &&
	    trial_own(u->bad->out.at))
		s = u->bad->out.at;     /* another that cannot hold without it */
	judge_named(u, s, EXEC_UNHEALTHY, "it does not hold");
	trial_close(u->bad);
}

static void judge_require(struct judge *u, size_t i)
{
	const struct trial_case how = { .stuck = (int)i + 1 };
	const struct step *s = judge_step(u, i);

	judge_run(u, &how);
	u->skipped++;
	judge_named(u, s, EXEC_SKIPPED, "it does not hold");
	if (u->bad->writes)
		judge_problem(u->line, "%s:%d: it does not hold, but %u registers were "
			      "written before", s->file, s->line, u->bad->writes);
	judge_tail(u, i);
	trial_close(u->bad);
}

/* A write that the host cannot make: what is after "always" matters most now. */
static void judge_write(struct judge *u, size_t i)
{
	const struct step *s = judge_step(u, i);
	const struct trial_case how = { .fault = SHIM_FAIL,
					.nth = u->good->step[i].first };

	if (!u->tail || s->tail)
		return;
	judge_run(u, &how);
	if (s->optional)
		judge_noted(u, s);
	else if (u->bad->out.result != EXEC_FAILED)
		judge_problem(u->line, "%s:%d: it cannot be written, and the attempt "
			      "goes on", s->file, s->line);
	if (!s->optional)
		judge_tail(u, i);
	trial_close(u->bad);
}

static void judge_steps(struct judge *u)
{
	for (size_t i = 0; i < judge_nsteps(u); i++) {
		const struct step *s = judge_step(u, i);

		if (!trial_own(s))
			continue;
		if (s->ncond)
			judge_ones(u, i);
		if (s->phase == PHASE_HEALTH && s->ncond)
			judge_stuck_check(u, i);
		else if (s->phase != PHASE_ACT)
			continue;
		else if (s->kind == STEP_WAIT)
			judge_wait(u, i);
		else if (s->kind == STEP_REQUIRE)
			judge_require(u, i);
		else if (s->kind == STEP_WRITE || s->kind == STEP_SET)
			judge_write(u, i);
	}
}

/* --- one program ------------------------------------------------------------------ */

static void judge_figures(struct judge *u)
{
	const struct trial *t = u->good;
	char tails[60] = "", answers[60] = "";

	if (u->tails)
		snprintf(tails, sizeof(tails), "; 'always' right after %zu failures",
			 u->tails);
	if (u->answers)
		snprintf(answers, sizeof(answers), "; %zu other answers of a mailbox",
			 u->answers);
	judge_text(u->line, "obliging device healthy, %zu steps, %llu accesses, %llu ms; "
		   "lost at access 1..%llu: %zu silent; %zu waits stuck, %zu "
		   "requirements and %zu health checks not met: %zu named; %zu registers "
		   "at all ones: %zu taken for a value%s%s",
		   judge_nsteps(u), (unsigned long long)t->accesses,
		   (unsigned long long)t->out.took_us / 1000,
		   (unsigned long long)t->accesses, u->silent, u->stuck, u->skipped,
		   u->checks, u->named, u->ones, u->taken, answers, tails);
	u->sum->programs++;
	u->sum->steps += judge_nsteps(u);
	u->sum->steps_run += u->nran;
	u->sum->lost += u->lost;
	u->sum->stuck += u->stuck;
	u->sum->skipped += u->skipped;
	u->sum->checks += u->checks;
	u->sum->tails += u->tails;
	u->sum->ones += u->ones;
	u->sum->answers += u->answers;
}

static void judge_method(struct judgement *j, const char *what, const char *method)
{
	struct judge *u = xcalloc(1, sizeof(*u));

	u->sum = j;
	u->line = judge_line(j, what);
	u->method = method;
	u->good = xcalloc(1, sizeof(*u->good));
	u->bad = xcalloc(1, sizeof(*u->bad));
	u->good->quirk = j->quirk;
	if (judge_obliging(u)) {
		judge_lost(u);
		judge_steps(u);
		judge_figures(u);
	}
	trial_close(u->good);
	free(u->good);
	free(u->bad);
	free(u);
}

static bool judge_keeps(const struct attempt *a)
{
	for (size_t i = 0; i < a->nsteps; i++)
		if (a->step[i].kind == STEP_KEEP)
			return true;
	return false;
}

/* The first method without a program that the card can do; with @keep, one that keeps. */
static const char *judge_kernel_method(const struct quirk *q, bool keep)
{
	struct trial *t = xcalloc(1, sizeof(*t));
	const struct plan *plan = &t->study.plan;
	const char *method = NULL;

	trial_plan(t, q, NULL, false);
	for (size_t i = 0; i < plan->nattempts && !method; i++) {
		const struct attempt *a = &plan->attempt[i];

		if (a->usable == ATTEMPT_YES && strcmp(a->method->name, "sequence") &&
		    strcmp(a->method->name, "none") && (!keep || judge_keeps(a)))
			method = a->method->name;
	}
	trial_close(t);
	free(t);
	return method;
}

/*
 * [restore] is for resets that the kernel or a bridge makes, and [health] may stand
 * alone with them: one such reset shows both.
 */
static void judge_kernel(struct judgement *j)
{
	const struct q_block *b = j->quirk->restore.n ? &j->quirk->restore :
				  &j->quirk->health;
	const char *what = j->quirk->restore.n ? "restore" : "health";
	const char *method = judge_kernel_method(j->quirk, j->quirk->restore.n > 0);

	if (method)
		judge_method(j, what, method);
	else
		judge_problem(judge_line(j, what), "%s:%d: no method that this card can "
			      "do would use this section", j->quirk->file, b->line);
}

/* --- ids and denials -------------------------------------------------------------- */

/*
 * What an entry does not ask for may still be what another one asks for: values to try
 * until one leads here.
 */
static const uint8_t judge_revisions[] = { 0x00, 0x01, 0xa1, 0xc1, 0xff };
static const unsigned judge_places[] = { ON_ROOT_PORT, ON_SWITCH, ON_ROOT_COMPLEX,
					 ON_ROOT_PORT | ON_THUNDERBOLT };
static const char *const judge_kernels[] = { NULL, "5.10.0", "99.0.0" };

#define COUNT(array) (sizeof(array) / sizeof(*(array)))
#define VARIANTS (COUNT(judge_revisions) * COUNT(judge_places) * COUNT(judge_kernels))

static struct q_subject judge_variant(const struct quirk *q, const struct q_id *id,
				      size_t n)
{
	struct q_subject s = oblige_subject(q, id);
	const char *kernel = judge_kernels[n / COUNT(judge_revisions) /
					   COUNT(judge_places)];

	if (!q->nrevisions)
		s.revision = judge_revisions[n % COUNT(judge_revisions)];
	if (!q->on)
		s.on = judge_places[n / COUNT(judge_revisions) % COUNT(judge_places)];
	if (!q->nkernels && kernel)
		s.kernel = kernel;
	return s;
}

/* Who has the card @device of this line: @q if it can be, else who is in the way. */
static const struct quirk *judge_finds(const struct quirk *q, const struct quirk_db *db,
				       const struct q_id *id, uint16_t device,
				       struct err *err)
{
	const struct quirk *found = NULL, *other = NULL;
	struct q_id one = *id;

	one.device = device;
	for (size_t i = 0; i < VARIANTS; i++) {
		const struct q_subject s = judge_variant(q, &one, i);

		quirk_match(db, &s, &found, err);
		if (found && !strcmp(found->id, q->id))
			return found;
		other = found ? found : other;
	}
	return other;
}

static bool judge_is_meant(const struct q_id *id, uint32_t device)
{
	return id->device_mask == 0xffff || (device & id->device_mask) == id->device;
}

/*
 * At least one card of a line must find its way here: a range may have holes that
 * other entries fill, a range of holes is for nothing.
 */
static void judge_id(struct judge_line *l, const struct quirk *q,
		     const struct quirk_db *db, const struct q_id *id)
{
	uint32_t last = id->device_mask == 0xffff ? id->device_last : 0xffff;
	const struct quirk *other = NULL;
	struct err err = { 0 };

	for (uint32_t d = id->device; d <= last; d++) {
		const struct quirk *found;

		if (!judge_is_meant(id, d))
			continue;
		found = judge_finds(q, db, id, (uint16_t)d, &err);
		if (found && !strcmp(found->id, q->id))
			return;
		other = found ? found : other;
	}
	if (err.code)
		judge_problem(l, "%s:%d: %s", q->file, id->line, err.text);
	else if (other)
		judge_problem(l, "%s:%d: another entry is more specific for all that "
			      "this line is about: %s", q->file, id->line, other->file);
	else
		judge_problem(l, "%s:%d: a card with this id, role %s and class %04x is "
			      "not what the file is about", q->file, id->line,
			      quirk_role_str(q->role),
			      oblige_subject(q, id).class_code >> 8);
}

static void judge_ids(struct judgement *j, const struct quirk_db *db)
{
	struct judge_line *l = judge_line(j, "ids");

	for (size_t i = 0; i < j->quirk->nids; i++)
		judge_id(l, j->quirk, db, &j->quirk->ids[i]);
	judge_text(l, "%zu id line%s, each finds this entry", j->quirk->nids,
		   j->quirk->nids == 1 ? "" : "s");
}

static bool judge_covers(const struct q_deny *d, const char *method)
{
	return !strcmp(d->method, "all") ? strcmp(method, "none") != 0 :
	       !strcmp(d->method, method);
}

/*
 * Does the attempt reset what the entry is about? Function by function, only those that
 * it names; anything else takes all along.
 */
static bool judge_touches(const struct trial *t, const struct attempt *a)
{
	struct bdf about = oblige_about(t->card);

	if (strcmp(a->method->scope, "function") != 0)
		return true;
	for (size_t i = 0; i < a->nsteps; i++)
		if (a->step[i].phase == PHASE_ACT && bdf_eq(a->step[i].fn, about))
			return true;
	return false;
}

/* Attempts of what @d forbids that would be made. */
static size_t judge_open(const struct trial *t, const struct q_deny *d)
{
	const struct plan *plan = &t->study.plan;
	size_t n = 0;

	for (size_t i = 0; i < plan->nattempts; i++)
		n += plan->attempt[i].usable == ATTEMPT_YES &&
		     judge_covers(d, plan->attempt[i].method->name) &&
		     judge_touches(t, &plan->attempt[i]);
	return n;
}

/* Once through the ladder and once for each method asked for by name. */
static size_t judge_deny_runs(struct judge_line *l, const struct quirk *q,
			      const struct q_deny *d, bool without_quirk)
{
	struct trial *t = xcalloc(1, sizeof(*t));
	size_t n = 0;

	for (size_t i = 0; methods[i]; i++) {
		if (!judge_covers(d, methods[i]->name))
			continue;
		trial_plan(t, q, methods[i]->name, without_quirk);
		if (t->err.code && !without_quirk)
			judge_problem(l, "%s:%d: %s", q->file, d->line, t->err.text);
		n += judge_open(t, d);
		trial_close(t);
	}
	trial_plan(t, q, NULL, without_quirk);
	n += judge_open(t, d);
	trial_close(t);
	free(t);
	return n;
}

static void judge_denies(struct judgement *j)
{
	const struct quirk *q = j->quirk;
	struct judge_line *l = judge_line(j, "denials");
	size_t real = 0;

	for (size_t i = 0; i < q->ndenies; i++) {
		const struct q_deny *d = &q->denies[i];

		if (judge_deny_runs(l, q, d, false))
			judge_problem(l, "%s:%d: '%s' is denied, but a plan has it",
				      q->file, d->line, d->method);
		real += judge_deny_runs(l, q, d, true) > 0;
	}
	judge_text(l, "%zu kept, %zu of them of a method that the simulated card would "
		   "otherwise offer", q->ndenies, real);
}

/* --- a file ----------------------------------------------------------------------- */

static void judge_sections(struct judgement *j)
{
	const struct quirk *q = j->quirk;
	char method[80];
	size_t ids = j->n;

	for (size_t i = 0; i < q->nmethods; i++) {
		if (!q->methods[i].sequence)
			continue;
		snprintf(method, sizeof(method), "sequence %s", q->methods[i].sequence);
		judge_method(j, q->methods[i].sequence, method);
	}
	if (q->clean.n)
		judge_method(j, "clean", "none");
	if (q->restore.n || (q->health.n && j->n == ids))
		judge_kernel(j);
	if (q->ndenies)
		judge_denies(j);
}

void judge_quirk(struct judgement *j, const struct quirk *q, const struct quirk_db *db)
{
	memset(j, 0, sizeof(*j));
	j->quirk = q;
	if (q->broken) {
		judge_problem(judge_line(j, "text"), "%s has errors", q->file);
	} else {
		judge_ids(j, db);
		judge_sections(j);
	}
	for (size_t i = 0; i < j->n; i++)
		j->failed += j->line[i].nproblems > 0;
}

void judge_free(struct judgement *j)
{
	for (size_t i = 0; i < j->n; i++) {
		for (size_t k = 0; k < j->line[i].nproblems; k++)
			free(j->line[i].problem[k]);
		free(j->line[i].problem);
		free(j->line[i].text);
	}
	free(j->line);
	memset(j, 0, sizeof(*j));
}
