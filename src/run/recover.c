// SPDX-License-Identifier: GPL-2.0-or-later
#include "run/recover.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "base/xalloc.h"
#include "plan/facts_fn.h"
#include "plan/parts.h"

/*
 * A chip whose program was cut short may still be powering up, which clears what is
 * written to it meanwhile; PCIe 6.6.1 gives a function 100 ms after a reset.
 */
#define RECOVER_SETTLE_US 200000ull

/* The undo steps of a journal, on their way to the executor. */
struct recover {
	struct hw *hw;                          /* NULL: only looked at */
	struct bdf slot;
	struct journal *journal;
	struct journal_list list;
	const struct journal_item **due;        /* in the order in which they are run */
	size_t ndue;
	size_t first;                           /* steps of the errand before them */
	bool drivers;                           /* host drivers too */
	struct exec_memory memory;
	struct plan plan;
	struct recovery *rec;
};

/* --- which, and in which order -------------------------------------------------- */

static bool same_name(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

/* Do they put the same thing back? */
static bool same_undo(const struct journal_item *a, const struct journal_item *b)
{
	const struct step *s = &a->step, *o = &b->step;

	return s->kind == o->kind && bdf_eq(s->fn, o->fn) && bdf_eq(s->aux, o->aux) &&
	       s->reg.space == o->reg.space && s->reg.bar == o->reg.bar &&
	       s->reg.off == o->reg.off && s->mask == o->mask &&
	       same_name(s->name, o->name);
}

/* A later attempt found what an earlier one had left: the first is the true one. */
static bool recover_known(const struct recover *r, const struct journal_item *it)
{
	for (size_t i = 0; i < r->ndue; i++)
		if (same_undo(r->due[i], it))
			return true;
	return false;
}

/* Is bus @bus of the same domain below @bridge, by its own word (PCI-to-PCI 1.2)? */
static bool recover_below(struct hw *hw, struct bdf bridge, struct bdf what)
{
	uint32_t type, buses;

	return bridge.domain == what.domain &&
	       hw_cfg_read(hw, bridge, PCI_HEADER_TYPE, 1, &type, NULL) == 0 &&
	       (type & 0x7f) == PCI_HEADER_TYPE_BRIDGE &&
	       hw_cfg_read(hw, bridge, PCI_PRIMARY_BUS, 4, &buses, NULL) == 0 &&
	       what.bus >= (buses >> 8 & 0xff) && what.bus <= (buses >> 16 & 0xff);
}

/*
 * A function of the slot, a bridge above it, or one that was removed with the slot: part
 * of the card's own switch. A journal has no word in what happens to any other.
 */
static bool recover_ours(const struct recover *r, struct bdf fn)
{
	if (bdf_same_slot(fn, r->slot) || recover_below(r->hw, fn, r->slot))
		return true;
	if (hw_attr_exists(r->hw, fn, "vendor"))
		return false;
	for (size_t i = 0; i < r->list.n; i++) {
		const struct step *s = &r->list.item[i].step;

		if (s->kind == STEP_APPEAR && recover_below(r->hw, s->aux, r->slot) &&
		    recover_below(r->hw, s->aux, fn))
			return true;
	}
	return false;
}

/* Has it, and where it was removed the bridge above it, left the machine? */
static bool recover_gone(const struct recover *r, struct bdf fn)
{
	if (hw_attr_exists(r->hw, fn, "vendor"))
		return false;
	for (size_t i = 0; i < r->list.n; i++) {
		const struct step *s = &r->list.item[i].step;

		if (s->kind == STEP_APPEAR && bdf_eq(s->fn, fn) &&
		    hw_attr_exists(r->hw, s->aux, "vendor"))
			return false;
	}
	return true;
}

static void recover_done(const struct recover *r, const struct journal_item *done)
{
	for (size_t i = 0; i < r->list.n; i++) {
		const struct journal_item *it = &r->list.item[i];

		if (same_undo(done, it))
			journal_done(r->journal, it->attempt, it->place);
	}
}

/* Nothing will ever put that back, nor need it be: it goes with what it is about. */
static bool recover_drop(struct recover *r, const struct journal_item *it)
{
	char text[BDF_STR];

	err_set(&r->rec->note, ENODEV, "%s is not part of the machine any more, so what "
		"was to be put back there was dropped", bdf_str(it->step.fn, text));
	recover_done(r, it);
	return true;
}

static bool recover_foreign(struct recover *r, const struct journal_item *it)
{
	const struct step *s = &it->step;
	bool aux = s->kind == STEP_APPEAR && !bdf_eq(s->aux, s->fn);
	struct bdf fn = recover_ours(r, s->fn) ? s->aux : s->fn;
	char text[BDF_STR], slot[BDF_STR];

	if (recover_ours(r, s->fn) && (!aux || recover_ours(r, s->aux)))
		return false;
	if (recover_gone(r, s->fn))
		return recover_drop(r, it);
	r->rec->failed++;
	err_set(&r->rec->first, EPERM, "%s: the journal %s names it, but it is neither "
		"a function of %s nor a bridge above that, so nothing was done to it; "
		"look at the journal and remove it", bdf_str(fn, text),
		r->journal->path, bdf_slot_str(r->slot, slot));
	return true;
}

static bool recover_later(const struct recover *r, const struct journal_item *it)
{
	return !r->drivers && it->step.kind == STEP_BIND &&
	       part_is_host_driver(it->step.text);
}

/* Phases in their order; of several attempts the last first; then as in the attempt. */
static int due_cmp(const void *a, const void *b)
{
	const struct journal_item *x = *(const struct journal_item *const *)a;
	const struct journal_item *y = *(const struct journal_item *const *)b;

	if (x->step.phase != y->step.phase)
		return x->step.phase < y->step.phase ? -1 : 1;
	if (x->attempt != y->attempt)
		return x->attempt > y->attempt ? -1 : 1;
	return x->place < y->place ? -1 : x->place > y->place;
}

/* In the journal's order, so that the first of several is the one that is taken. */
static void recover_sort(struct recover *r)
{
	size_t kept = 0;

	r->due = xcalloc(r->list.n + 1, sizeof(*r->due));
	for (size_t i = 0; i < r->list.n; i++)
		if (!recover_known(r, &r->list.item[i]))
			r->due[r->ndue++] = &r->list.item[i];
	r->rec->steps = r->ndue;
	for (size_t i = 0; i < r->ndue; i++)
		if (recover_later(r, r->due[i]))
			r->rec->later++;
		else if (!r->hw || !recover_foreign(r, r->due[i]))
			r->due[kept++] = r->due[i];
	r->ndue = kept;
	qsort(r->due, r->ndue, sizeof(*r->due), due_cmp);
}

/* --- as an errand ---------------------------------------------------------------- */

/* What an undo puts back, where the step alone does not say it. */
static int recover_remember(struct recover *r, const struct journal_item *it,
			    struct err *err)
{
	struct exec_memory *m = &r->memory;
	const struct step *s = &it->step;

	if ((s->kind == STEP_RESTORE && m->nsaved == SLOT_FNS) ||
	    (s->kind == STEP_PUT && m->nkept == EXEC_MAX_KEPT))
		return err_set(err, E2BIG, "the journal %s holds more than a card can "
			       "have; look at it, remove it and run again",
			       r->journal->path);
	if (s->kind == STEP_RESTORE)
		m->saved[m->nsaved++] = it->image;
	if (s->kind == STEP_PUT)
		m->kept[m->nkept++] = (struct exec_kept){ s->fn, s->reg, s->mask,
							  it->value };
	return 0;
}

static void recover_settle(struct recover *r, struct attempt *a)
{
	for (size_t i = 0; i < r->ndue && !r->first; i++) {
		struct step *s;

		if (r->due[i]->step.kind != STEP_RESTORE &&
		    r->due[i]->step.kind != STEP_UNPARK)
			continue;
		s = attempt_step(a, STEP_DELAY, PHASE_PREPARE, r->due[i]->step.fn);
		s->limit_us = RECOVER_SETTLE_US;
		s->why = "the card comes to rest";
		s->undo_of = UNDO_OF_EARLIER;
		r->first = 1;
	}
}

static int recover_plan(struct recover *r, struct err *err)
{
	struct attempt *a = plan_errand(&r->plan, &target_none,
					"putting back what a killed run left");
	int rc = 0;

	recover_settle(r, a);
	for (size_t i = 0; i < r->ndue && !rc; i++) {
		const struct step *s = &r->due[i]->step;
		struct step *to = attempt_step(a, s->kind, s->phase, s->fn);

		*to = *s;
		to->undo_of = UNDO_OF_EARLIER;
		rc = recover_remember(r, r->due[i], err);
	}
	return rc;
}

static void recover_begin(void *arg)
{
	const struct recover *r = arg;

	r->journal->keep.begin(r->journal);
}

/* What the errand does for a moment is written down like anybody's. */
static int recover_intend(void *arg, const struct exec_undo *undo, struct err *err)
{
	const struct recover *r = arg;

	return r->journal->keep.intend(r->journal, undo, err);
}

static void recover_undone(void *arg, size_t place)
{
	const struct recover *r = arg;

	if (place > r->first + r->ndue) {
		r->journal->keep.undone(r->journal, place);
		return;
	}
	if (place > r->first)
		recover_done(r, r->due[place - 1 - r->first]);
}

static void recover_run(struct recover *r, const struct exec_watch *watch)
{
	const struct exec_keep keep = {
		.begin = recover_begin, .intend = recover_intend,
		.undone = recover_undone, .arg = r, .memory = &r->memory,
	};
	struct exec_watch own = { .keep = &keep };
	struct exec_outcome out;

	if (watch)
		own = *watch;
	own.keep = &keep;
	exec_attempt(r->hw, &r->plan, &r->plan.attempt[0], &own, own.recover_until,
		     &out);
	r->rec->failed += out.nfailed;
	if (out.nfailed)
		r->rec->first = out.err;
	if (out.nnotes)
		r->rec->note = out.note[0];
}

/* --- a card that only a pulse wakes ------------------------------------------------ */

static int lost_below(const struct hw_node *node, void *arg)
{
	const struct bdf *bridge = arg;

	return !node->on_root_bus && bdf_eq(node->parent, *bridge);
}

/*
 * The bridge of a card that was removed for a raw reset and cannot be found again. Only
 * when all below it is gone: then nobody is hit by a pulse, and nothing else will help.
 */
static bool recover_lost(const struct recover *r, struct bdf *bridge)
{
	for (size_t i = 0; i < r->ndue; i++) {
		const struct step *s = &r->due[i]->step;

		*bridge = s->aux;
		if (s->kind == STEP_APPEAR && !bdf_eq(s->aux, s->fn) &&
		    !hw_attr_exists(r->hw, s->fn, "vendor") &&
		    hw_scan(r->hw, lost_below, bridge, NULL) == 0)
			return true;
	}
	return false;
}

/* Does the kernel say so of the bridge, or of a function that was removed? */
static bool recover_no_pulse(const struct recover *r, const struct bridge_facts *br)
{
	bool denied = br->no_bus_reset;

	for (size_t i = 0; i < r->ndue; i++) {
		uint32_t id = r->due[i]->image.id;

		if (r->due[i]->step.kind == STEP_RESTORE)
			denied |= kernel_denies(id & 0xffff, (uint16_t)(id >> 16), 0,
						false) & KDENY_BUS;
	}
	return denied;
}

static int recover_bridge(const struct recover *r, struct bdf bridge,
			  struct bridge_facts *br, struct err *err)
{
	char text[BDF_STR];

	facts_bridge(r->hw, bridge, br, err);
	if (!err->code && recover_no_pulse(r, br))
		err_set(err, EPERM, "a bus reset below %s is on the kernel's list of "
			"those that break a card", bdf_str(bridge, text));
	if (err->code)
		err_prefix(err, "the card was not woken by a bus reset");
	return -err->code;
}

/*
 * What the attempt was about to do when it was killed: a dead card answers to that. That
 * its quirk allows it was asked then.
 */
static bool recover_pulse(const struct recover *r, struct bdf bridge,
			  const struct exec_watch *watch)
{
	struct exec_watch own = { .keep = &r->journal->keep };
	struct bridge_facts br = { 0 };
	struct plan plan = { 0 };
	struct attempt *a;
	struct err err = { 0 };
	struct exec_outcome out;

	if (watch)
		own = *watch;
	own.keep = &r->journal->keep;
	if (recover_bridge(r, bridge, &br, &err)) {
		r->rec->note = err;
		return false;
	}
	a = plan_errand(&plan, &target_none, "waking a card that was removed");
	part_port_hush(a, &br, PHASE_RESTORE);
	part_pulse(a, &br);
	attempt_flush_undo(a, PHASE_RESTORE);
	exec_attempt(r->hw, &plan, &plan.attempt[0], &own, own.recover_until, &out);
	plan_free(&plan);
	if (out.result != EXEC_HEALTHY)
		r->rec->note = out.err;
	if (out.undo.code) {
		r->rec->failed++;
		r->rec->note = out.undo;
	}
	return out.result == EXEC_HEALTHY && !out.undo.code;
}

/* --- the journal ------------------------------------------------------------------ */

static int recover_read(struct recover *r, struct err *err)
{
	int rc = journal_read(r->journal, &r->list, err);

	if (rc)
		return rc;
	r->rec->damaged = r->journal->damaged;
	r->rec->found = r->list.n || r->rec->damaged;
	recover_sort(r);
	return recover_plan(r, err);
}

static void recover_free(struct recover *r)
{
	plan_free(&r->plan);
	free(r->due);
	journal_list_free(&r->list);
	free(r);
}

static struct recover *recover_new(struct hw *hw, struct bdf slot, struct journal *j,
				   struct recovery *rec)
{
	struct recover *r = xcalloc(1, sizeof(*r));

	r->hw = hw;
	r->slot = slot;
	r->journal = j;
	r->rec = rec;
	return r;
}

static void recover_forget(struct recovery *rec)
{
	*rec = (struct recovery){ .pulsed = rec->pulsed };
}

/* *@again (may be NULL): a card that could not be found was woken, so try again. */
static int recover_once(struct hw *hw, struct bdf slot, struct journal *j, bool drivers,
			const struct exec_watch *watch, struct recovery *rec,
			bool *again, struct err *err)
{
	struct recover *r = recover_new(hw, slot, j, rec);
	struct bdf bridge;
	int rc;

	recover_forget(rec);
	r->drivers = drivers;
	rc = recover_read(r, err);
	if (!rc && r->ndue)
		recover_run(r, watch);
	if (!rc && again && !rec->pulsed && recover_lost(r, &bridge)) {
		rec->pulsed = true;
		*again = recover_pulse(r, bridge, watch);
	}
	recover_free(r);
	return rc;
}

static int recover_with(struct hw *hw, const char *run_dir, struct bdf slot,
			bool drivers, const struct exec_watch *watch,
			struct recovery *rec, struct err *err)
{
	struct journal journal;
	bool again = false;
	size_t steps;
	int rc;

	recover_forget(rec);
	rc = journal_reopen(&journal, run_dir, slot, err);
	if (rc)
		return rc == -ENOENT ? 0 : rc;
	rc = recover_once(hw, slot, &journal, drivers, watch, rec, &again, err);
	steps = rec->steps;
	if (again)
		rc = recover_once(hw, slot, &journal, drivers, watch, rec, NULL, err);
	rec->steps = steps;
	journal_close(&journal);
	return rc;
}

int recover_slot(struct hw *hw, const char *run_dir, struct bdf slot,
		 const struct exec_watch *watch, struct recovery *rec, struct err *err)
{
	return recover_with(hw, run_dir, slot, true, watch, rec, err);
}

int recover_but_drivers(struct hw *hw, const char *run_dir, struct bdf slot,
			const struct exec_watch *watch, struct recovery *rec,
			struct err *err)
{
	return recover_with(hw, run_dir, slot, false, watch, rec, err);
}

int recover_look(const char *run_dir, struct bdf slot, recover_step_fn *fn, void *arg,
		 struct recovery *rec, struct err *err)
{
	struct journal journal;
	struct recover *r;
	int rc;

	memset(rec, 0, sizeof(*rec));
	if (access(run_dir, F_OK) < 0)
		return 0;               /* to open a journal would make it */
	rc = journal_look(&journal, run_dir, slot, err);
	if (rc)
		return rc == -ENOENT ? 0 : rc;
	r = recover_new(NULL, slot, &journal, rec);
	r->drivers = true;
	rc = recover_read(r, err);
	for (size_t i = 0; !rc && fn && i < r->plan.attempt[0].nsteps; i++)
		fn(&r->plan.attempt[0].step[i], arg);
	recover_free(r);
	journal_leave(&journal);
	return rc;
}

int recover_needed(const char *run_dir, struct bdf slot, struct err *err)
{
	struct journal journal;
	int rc = journal_reopen(&journal, run_dir, slot, err);

	if (rc)
		return rc == -ENOENT ? 0 : rc;
	rc = journal.open || journal.damaged;
	journal_leave(&journal);
	return rc;
}
