// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/work.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cmd/report.h"
#include "plan/guards.h"
#include "plan/parts.h"
#include "run/held.h"

/* --- steps, told to the supervisor ---------------------------------------------- */

static void watch_begin(void *arg, const struct attempt *a, const struct step *s)
{
	struct work_watch *w = arg;
	char line[512];

	(void)a;
	w->passed = false;
	step_print(s, line, sizeof(line));
	channel_step(w->ch, line, s->limit_us);
}

static void watch_passed(void *arg, const struct attempt *a, const struct step *s)
{
	struct work_watch *w = arg;

	(void)a;
	(void)s;
	w->passed = true;
}

static void watch_end(void *arg, const struct attempt *a, const struct step *s, int rc,
		      uint64_t took_us)
{
	struct work_watch *w = arg;
	char line[640];
	size_t n;

	if (!w->verbose)
		return;
	if (w->plan)
		report_step(w->plan, a, s, line, sizeof(line) - 64);
	else
		step_print(s, line, sizeof(line) - 64);
	n = strlen(line);
	snprintf(line + n, sizeof(line) - n, "  -> %s, %llu us",
		 rc ? strerror(-rc) : w->passed ? "passed by" : "ok",
		 (unsigned long long)took_us);
	channel_note(w->ch, line);
}

static bool watch_stop(void *arg)
{
	const struct work_watch *w = arg;

	return channel_stop(w->ch);
}

struct exec_watch work_watch(struct work_watch *w)
{
	return (struct exec_watch){
		.begin = watch_begin, .passed = watch_passed, .end = watch_end,
		.stop = watch_stop, .arg = w,
	};
}

/* --- what a killed worker left ---------------------------------------------------- */

/* The guard's own word on who uses the card; a card that is gone is not used. */
static int work_in_use(struct hw *hw, const struct bdf_spec *spec, unsigned force,
		       struct err *err)
{
	struct target t;
	struct plan look = { .target = &t, .opts.force = force };
	int rc = facts_collect(hw, spec, &t, err);

	if (rc)
		return rc == -ENODEV ? 0 : rc;
	guard_target(&look);
	if (look.refusal && !strcmp(look.refusal_name, "in-use"))
		rc = err_set(err, EBUSY, "%s; a reset that was killed left things to be "
			     "put back, which waits for that", look.refusal);
	plan_free(&look);
	target_free(&t);
	return rc;
}

int work_recover(struct hw *hw, const char *run_dir, const struct bdf_spec *spec,
		 unsigned force, const struct exec_watch *watch, struct recovery *rec,
		 struct err *err)
{
	int rc = recover_needed(run_dir, spec->bdf, err);

	memset(rec, 0, sizeof(*rec));
	if (rc > 0)
		rc = work_in_use(hw, spec, force, err);
	return rc ? rc : recover_but_drivers(hw, run_dir, spec->bdf, watch, rec, err);
}

bool work_has_rest(const struct recovery *rec)
{
	return rec->later || rec->failed;
}

void work_recover_rest(struct hw *hw, const char *run_dir, const struct bdf_spec *spec,
		       unsigned force, const struct exec_watch *watch,
		       struct recovery *rec)
{
	struct recovery rest = { 0 };
	struct err err = { 0 };
	int rc;

	if (!work_has_rest(rec))
		return;
	rc = work_in_use(hw, spec, force, &err);
	if (!rc)
		rc = recover_slot(hw, run_dir, spec->bdf, watch, &rest, &err);
	if (rc) {
		rec->first = err;
		return;
	}
	rec->later = 0;
	rec->failed = rest.failed;
	rec->first = rest.first;
	if (!rec->note.code)
		rec->note = rest.note;
}

void work_recovered(const struct recovery *rec, char *buf, size_t size)
{
	size_t left = rec->failed + rec->later;
	int n;

	n = snprintf(buf, size, "a reset that was killed left %zu thing%s behind; ",
		     rec->steps, rec->steps == 1 ? "" : "s");
	if (left)
		n += snprintf(buf + n, size - (size_t)n, "%zu could not be put back "
			      "and wait%s for the next run: %s", left,
			      left == 1 ? "s" : "", rec->first.text);
	else
		n += snprintf(buf + n, size - (size_t)n, "all put back");
	if ((size_t)n < size && rec->note.code)
		n += snprintf(buf + n, size - (size_t)n, " (%s)", rec->note.text);
	if ((size_t)n < size && rec->damaged)
		snprintf(buf + n, size - (size_t)n, " (its journal was damaged, what "
			 "else was in it is not known)");
}

/* Did the undo bind a host driver? Others (vfio-pci) are not the VM's to give up. */
static bool take_is_host_driver(const struct journal_item *it)
{
	return it->step.kind == STEP_BIND && part_is_host_driver(it->step.text);
}

static bool take_driver(struct hold *h, const struct step *s)
{
	struct hold_item *it;

	if (hold_find(h, s->fn, "driver"))
		return true;
	if (h->n == HOLD_MOST)
		return false;
	it = &h->item[h->n++];
	*it = (struct hold_item){ .fn = s->fn };
	snprintf(it->name, sizeof(it->name), "driver");
	snprintf(it->old, sizeof(it->old), "%s", s->text);
	return true;
}

/* They are written down in the one place before they go from the other. */
static void take_from(struct journal *j, const struct journal_list *list,
		      const char *run_dir, struct bdf slot, struct hold *h,
		      struct recovery *rec)
{
	bool all = true;

	for (size_t i = 0; i < list->n; i++)
		if (take_is_host_driver(&list->item[i]))
			all &= take_driver(h, &list->item[i].step);
	if (!all || held_write(run_dir, slot, h, NULL))
		return;
	for (size_t i = 0; i < list->n; i++) {
		if (!take_is_host_driver(&list->item[i]))
			continue;
		journal_done(j, list->item[i].attempt, list->item[i].place);
		rec->later -= rec->later > 0;
	}
}

void work_take_drivers(const char *run_dir, struct bdf slot, struct hold *h,
		       struct recovery *rec)
{
	struct journal_list list = { 0 };
	struct journal j;
	struct err err;

	if (journal_reopen(&j, run_dir, slot, &err))
		return;
	if (journal_read(&j, &list, &err) == 0)
		take_from(&j, &list, run_dir, slot, h, rec);
	journal_list_free(&list);
	journal_close(&j);
}

/* --- a plan ----------------------------------------------------------------------- */

int work_exec_plan(struct hw *hw, const char *run_dir, struct bdf slot,
		   const struct plan *plan, const struct exec_watch *watch,
		   uint64_t deadline_us, struct exec_outcome *out,
		   struct exec_summary *sum, struct err *err)
{
	struct exec_watch with = *watch;
	struct journal journal = { .fd = -1 };
	int rc = run_dir ? journal_open(&journal, run_dir, slot, err) : 0;

	if (rc)
		return rc;
	with.keep = run_dir ? &journal.keep : NULL;
	exec_plan(hw, plan, &with, deadline_us, out, sum);
	journal_close(&journal);
	return 0;
}
