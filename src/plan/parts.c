// SPDX-License-Identifier: GPL-2.0-or-later
/* Preparing a card for a reset, and taking the preparation back. */
#include "plan/parts.h"

#include <string.h>

#include <linux/pci_regs.h>

#include "plan/lockdown.h"

bool part_touches(const struct plan *plan, const struct attempt *a, size_t i)
{
	const struct target *t = plan->target;

	return a->whole_slot || t->spec.whole_slot ||
	       bdf_eq(t->fn[i].bdf, t->spec.bdf);
}

struct step *part_attr(struct attempt *a, enum step_phase phase, struct bdf fn,
		       const char *name, const char *value)
{
	struct step *s = attempt_step(a, STEP_ATTR, phase, fn);

	s->name = name;
	s->text = value;
	s->limit_us = 1000000;
	return s;
}

static void part_set_command(struct step *s, const char *name, uint16_t bit, bool on)
{
	s->reg = (struct reg){ REG_CONFIG, .width = 2, .off = PCI_COMMAND };
	s->name = name;
	s->mask = bit;
	s->value = on ? bit : 0;
}

struct step *part_command(struct attempt *a, enum step_phase phase, struct bdf fn,
			  const char *name, uint16_t bit, bool on)
{
	struct step *s = attempt_step(a, STEP_SET, phase, fn);

	part_set_command(s, name, bit, on);
	return s;
}

/* A COMMAND bit for the time of the attempt; nothing when it is so already. */
static void part_command_for_now(struct attempt *a, struct bdf fn, uint16_t now,
				 const char *name, uint16_t bit)
{
	if (now & bit)
		return;
	part_command(a, PHASE_PREPARE, fn, name, bit, true);
	part_set_command(attempt_undo(a, STEP_SET, PHASE_PUT_BACK, fn), name, bit,
			 false);
}

const char *part_kept_in_d0(const struct plan *plan)
{
	return plan->quirk ? plan->quirk->keep_d0.why : NULL;
}

void part_awake(struct attempt *a, struct bdf fn, const char *after)
{
	struct step *s;

	part_attr(a, PHASE_PREPARE, fn, "power/control", "on");
	s = attempt_undo(a, STEP_ATTR, PHASE_PUT_BACK, fn);
	s->name = "power/control";
	s->text = after;
	s->limit_us = 1000000;
}

/*
 * A bridge kept in D0 stays as it is set here. A function must be told again at the
 * end: a driver that is bound again (vfio-pci) allows runtime suspend.
 */
static void part_wake_kept(const struct target *t, struct attempt *a)
{
	for (size_t i = t->npath; i-- > 0;)
		if (!strcmp(t->path[i].power_control, "auto"))
			part_attr(a, PHASE_PREPARE, t->path[i].bdf, "power/control",
				  "on");
	for (size_t i = 0; i < t->nfns; i++)
		if (t->fn[i].power_control[0])
			part_awake(a, t->fn[i].bdf, "on");
}

static void part_wake_all(const struct target *t, struct attempt *a)
{
	for (size_t i = t->npath; i-- > 0;)
		if (!strcmp(t->path[i].power_control, "auto"))
			part_awake(a, t->path[i].bdf, "auto");
	for (size_t i = 0; i < t->nfns; i++)
		if (!strcmp(t->fn[i].power_control, "auto"))
			part_awake(a, t->fn[i].bdf, "auto");
}

/* PMCSR, bits 1:0: 0 is D0. */
void part_wait_d0(struct attempt *a, enum step_phase phase, const struct fn_facts *fn)
{
	struct step *s;

	if (!fn->pm_cap)
		return;
	s = attempt_step(a, STEP_WAIT, phase, fn->bdf);
	s->cond[0] = (struct reg_cond){
		.reg = { REG_CONFIG, .width = 2, .off = fn->pm_cap + PCI_PM_CTRL },
		.op = REG_EQ, .mask = PCI_PM_CTRL_STATE_MASK, .want = 0,
		.name = "PMCSR.POWER_STATE",
	};
	s->ncond = 1;
	s->limit_us = 1000000;
	s->why = "the function must be in D0";
}

void part_wake(struct plan *plan, struct attempt *a)
{
	const struct target *t = plan->target;

	if (part_kept_in_d0(plan))
		part_wake_kept(t, a);
	else
		part_wake_all(t, a);
	for (size_t i = 0; i < t->nfns; i++)
		if (t->fn[i].answers && part_touches(plan, a, i))
			part_wait_d0(a, PHASE_PREPARE, &t->fn[i]);
}

void part_settle_audio(struct plan *plan, struct attempt *a)
{
	const struct target *t = plan->target;

	for (size_t i = 0; i < t->nfns; i++) {
		if (t->fn[i].vendor != 0x10de || t->fn[i].class_code >> 8 != 0x0403)
			continue;
		struct step *s = attempt_step(a, STEP_DELAY, PHASE_PREPARE,
					      t->fn[i].bdf);

		s->limit_us = 20000;    /* Linux quirks.c: quirk_nvidia_hda_pm */
		s->why = "NVIDIA audio wedges the GPU when reset sooner after D0";
	}
}

bool part_is_host_driver(const char *driver)
{
	return driver[0] && !driver_is_vfio(driver) && strcmp(driver, "pci-stub");
}

static bool own_allowed(const struct plan *plan, size_t i)
{
	const struct fn_facts *fn = &plan->target->fn[i];

	return fn->iommu_group >= 0 && !fn->group_shared &&
	       !(plan->opts.force & FORCE_IN_USE);
}

/* Is function @i the first of its IOMMU group that is on vfio-pci, and touched? */
static bool own_wanted(const struct plan *plan, const struct attempt *a, size_t i)
{
	const struct fn_facts *fn = plan->target->fn;

	if (!own_allowed(plan, i) || !part_touches(plan, a, i) ||
	    !driver_is_vfio(fn[i].driver))
		return false;
	for (size_t k = 0; k < i; k++)
		if (fn[k].iommu_group == fn[i].iommu_group && own_wanted(plan, a, k))
			return false;
	return true;
}

static void own_node(struct plan *plan, struct step *s, size_t i)
{
	s->text = plan_text(plan, "/dev/vfio/%d", plan->target->fn[i].iommu_group);
	s->limit_us = s->kind == STEP_OWN ? 1000000 : 0;
}

void part_own(struct plan *plan, struct attempt *a, enum step_phase until)
{
	for (size_t i = 0; i < plan->target->nfns; i++) {
		if (!own_wanted(plan, a, i))
			continue;
		own_node(plan, attempt_step(a, STEP_OWN, PHASE_PREPARE,
					    plan->target->fn[i].bdf), i);
		own_node(plan, attempt_undo(a, STEP_DISOWN, until,
					    plan->target->fn[i].bdf), i);
	}
}

/* The undo that will let the group of function @i go, or NULL. */
static const struct step *own_ends(const struct plan *plan, const struct attempt *a,
				   size_t i)
{
	const struct fn_facts *fn = plan->target->fn;

	for (size_t u = 0; u < a->nundo; u++)
		for (size_t k = 0; k < plan->target->nfns; k++)
			if (a->undo[u].kind == STEP_DISOWN &&
			    bdf_eq(a->undo[u].fn, fn[k].bdf) &&
			    fn[k].iommu_group == fn[i].iommu_group)
				return &a->undo[u];
	return NULL;
}

/* Queued before the undo that unbinds function @i, so done after it. */
static void own_until_unbound(struct plan *plan, struct attempt *a, size_t i)
{
	const struct fn_facts *fn = &plan->target->fn[i];

	if (own_allowed(plan, i) && !own_ends(plan, a, i))
		own_node(plan, attempt_undo(a, STEP_DISOWN, PHASE_PUT_BACK, fn->bdf), i);
}

void part_own_fn(struct plan *plan, struct attempt *a, enum step_phase phase, size_t i)
{
	struct bdf fn = plan->target->fn[i].bdf;
	const struct step *end = own_ends(plan, a, i);

	if (end && bdf_eq(end->fn, fn)) /* else another one holds the group */
		own_node(plan, attempt_step(a, STEP_OWN, phase, fn), i);
}

void part_own_rest(struct plan *plan, struct attempt *a)
{
	for (size_t i = 0; i < plan->target->nfns; i++)
		if (!driver_is_vfio(plan->target->fn[i].driver))
			part_own_fn(plan, a, PHASE_PREPARE, i);
}

void part_own_no_more(struct plan *plan, struct attempt *a, enum step_phase phase,
		      size_t i)
{
	if (own_wanted(plan, a, i))
		own_node(plan, attempt_step(a, STEP_DISOWN, phase,
					    plan->target->fn[i].bdf), i);
}

void part_unbind(struct plan *plan, struct attempt *a, bool all)
{
	const struct target *t = plan->target;

	for (size_t i = t->nfns; i-- > 0;) {
		const char *driver = t->fn[i].driver;
		struct step *s;

		if (!driver[0] || !part_touches(plan, a, i) ||
		    !(all || part_is_host_driver(driver)))
			continue;
		s = attempt_step(a, STEP_BIND, PHASE_PREPARE, t->fn[i].bdf);
		s->text = "";
		s->limit_us = 5000000;
		s = attempt_undo(a, STEP_BIND, PHASE_PUT_BACK, t->fn[i].bdf);
		s->text = driver;
		s->limit_us = 5000000;
	}
}

static void bind_step(struct step *s, const char *driver)
{
	s->text = driver;
	s->limit_us = 5000000;
}

/* Undone after the driver: last in, first out. */
static void bind_power_back(struct plan *plan, struct attempt *a,
			    const struct fn_facts *fn)
{
	struct step *s;

	if (!fn->power_control[0])
		return;
	s = attempt_undo(a, STEP_ATTR, PHASE_PUT_BACK, fn->bdf);
	s->name = "power/control";
	s->text = part_kept_in_d0(plan) ? "on" : fn->power_control;
	s->limit_us = 1000000;
}

/* An undo of an earlier step gives the function its driver: once is enough. */
static bool bind_comes_back(const struct attempt *a, struct bdf fn)
{
	for (size_t i = 0; i < a->nundo; i++)
		if (a->undo[i].kind == STEP_BIND && bdf_eq(a->undo[i].fn, fn))
			return true;
	return false;
}

void part_bind(struct plan *plan, struct attempt *a, enum step_phase phase, size_t i,
	       const char *driver, const char *now)
{
	const struct fn_facts *fn = &plan->target->fn[i];
	bool vfio = driver_is_vfio(driver);

	if (!strcmp(driver, now) || (vfio && driver_is_vfio(now)))
		return;
	bind_step(attempt_step(a, STEP_BIND, phase, fn->bdf), driver);
	/* one on vfio-pci must leave it before its group is let go */
	if (!vfio && bind_comes_back(a, fn->bdf))
		return;
	if (vfio)
		own_until_unbound(plan, a, i);
	bind_power_back(plan, a, fn);
	bind_step(attempt_undo(a, STEP_BIND, PHASE_PUT_BACK, fn->bdf), now);
	if (fn->power_control[0] && vfio)
		part_attr(a, phase, fn->bdf, "power/control", "on");
}

void part_save(struct plan *plan, struct attempt *a)
{
	const struct target *t = plan->target;

	for (size_t i = 0; i < t->nfns; i++) {
		if (!t->fn[i].answers || !part_touches(plan, a, i))
			continue;
		attempt_step(a, STEP_SAVE, PHASE_PREPARE, t->fn[i].bdf);
		attempt_undo(a, STEP_RESTORE, PHASE_RESTORE, t->fn[i].bdf)->limit_us =
			RESTORE_US;
	}
}

void part_decode(struct plan *plan, struct attempt *a)
{
	const struct target *t = plan->target;
	const struct fn_facts *fn = target_main(t);

	for (size_t i = t->npath; i-- > 0;)
		part_command_for_now(a, t->path[i].bdf, t->path[i].command,
				     "COMMAND.MEMORY", PCI_COMMAND_MEMORY);
	part_command_for_now(a, fn->bdf, fn->command, "COMMAND.MEMORY",
			     PCI_COMMAND_MEMORY);
}

void part_quiesce(struct plan *plan, struct attempt *a)
{
	const struct target *t = plan->target;
	const struct fn_facts *fn = target_main(t);

	for (size_t i = 0; i < t->nfns; i++)
		if (t->fn[i].answers && part_touches(plan, a, i))
			part_command(a, PHASE_PREPARE, t->fn[i].bdf,
				     "COMMAND.BUS_MASTER", PCI_COMMAND_MASTER, false);
	for (size_t i = t->npath; i-- > 0;)
		part_command_for_now(a, t->path[i].bdf, t->path[i].command,
				     "COMMAND.MEMORY", PCI_COMMAND_MEMORY);
	/* the function's own COMMAND is in the saved configuration */
	part_command(a, PHASE_PREPARE, fn->bdf, "COMMAND.INTX_DISABLE",
		     PCI_COMMAND_INTX_DISABLE, true);
	part_command(a, PHASE_PREPARE, fn->bdf, "COMMAND.MEMORY", PCI_COMMAND_MEMORY,
		     true);
}

/* --- what a quirk's sections say ----------------------------------------------- */

const char *part_keep_unable(const struct plan *plan, const struct q_stmt *st)
{
	const struct fn_facts *fn = target_main(plan->target);

	if (!fn->answers)
		return "the card does not answer";
	if (plan->target->host.lockdown)
		return "kernel lockdown forbids writing configuration space";
	if (st->reg.off >= PCI_CFG_SPACE_SIZE && !fn->extended)
		return "this card's configuration space ends before it, at 0x100";
	return NULL;
}

static void part_keep_step(struct step *s, const struct quirk *q,
			   const struct q_stmt *st)
{
	s->reg = st->reg;
	s->name = st->name;
	s->mask = st->mask;
	s->file = st->file ? st->file : q->file;
	s->line = st->line;
}

void part_keep(struct plan *plan, struct attempt *a)
{
	const struct target *t = plan->target;
	const struct quirk *q = plan->quirk;

	if (!q || q->broken || !part_touches(plan, a, t->main))
		return;
	for (size_t i = 0; i < q->restore.n; i++) {
		const struct q_stmt *st = &q->restore.stmt[i];
		struct bdf fn = target_main(t)->bdf;

		if (st->verb != Q_KEEP || part_keep_unable(plan, st))
			continue;
		part_keep_step(attempt_step(a, STEP_KEEP, PHASE_PREPARE, fn), q, st);
		part_keep_step(attempt_undo(a, STEP_PUT, PHASE_RESTORE, fn), q, st);
	}
}

static struct step *part_statement(struct attempt *a, const struct q_stmt *st,
				   struct bdf fn, enum step_phase phase,
				   enum step_kind require_as)
{
	const enum step_kind kind[] = {
		[Q_REQUIRE] = require_as, [Q_WAIT] = STEP_WAIT, [Q_WRITE] = STEP_WRITE,
		[Q_SET] = STEP_SET, [Q_DELAY] = STEP_DELAY, [Q_KEEP] = STEP_KEEP,
	};
	struct step *s = attempt_step(a, kind[st->verb], phase, fn);

	s->reg = st->reg;
	s->name = st->name;
	s->mask = st->mask;
	s->value = st->value;
	memcpy(s->cond, st->cond, sizeof(s->cond));
	s->ncond = st->ncond;
	s->limit_us = st->limit_us;
	s->why = st->why;
	s->line = st->line;
	s->when = st->when;
	s->nwhen = st->nwhen;
	s->optional = st->optional;
	s->risk = st->risk;
	s->codes = st->codes;
	return s;
}

/* 1-based number of the step that the tail undoes: the first that writes. */
static int part_first_write(const struct q_block *block, size_t first_step)
{
	for (size_t i = 0; i < block->n; i++)
		if (!block->stmt[i].always && (block->stmt[i].verb == Q_WRITE ||
					       block->stmt[i].verb == Q_SET))
			return (int)(first_step + i) + 1;
	return (int)first_step + 1;
}

/* The tail of a program may run after a reset that took decoding away. */
static void part_tail_decodes(struct plan *plan, struct attempt *a, int undo_of)
{
	struct step *s = lockdown_decode(plan, a, PHASE_ACT);

	s->tail = true;
	s->undo_of = undo_of;
	s->optional = true;     /* what the tail can do without is done all the same */
}

void part_program(struct plan *plan, struct attempt *a, const struct q_block *block,
		  enum step_phase phase, enum step_kind require_as)
{
	struct bdf fn = target_main(plan->target)->bdf;
	int undo_of = part_first_write(block, a->nsteps);
	bool tail = false;

	for (size_t i = 0; i < block->n; i++) {
		const struct q_stmt *st = &block->stmt[i];
		struct step *s;

		if (a->vfio && st->always && !tail)
			part_tail_decodes(plan, a, undo_of);
		tail |= st->always;
		s = part_statement(a, st, fn, phase, require_as);
		s->file = st->file ? st->file : plan->quirk->file;
		s->goes_on = i && st->joined;
		s->tail = st->always;
		s->undo_of = st->always ? undo_of : 0;
	}
}
