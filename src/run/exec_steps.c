// SPDX-License-Identifier: GPL-2.0-or-later
/* What each kind of step does. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "hw/hw_write.h"
#include "plan/facts_fn.h"
#include "run/bind.h"
#include "run/confsave.h"
#include "run/exec_internal.h"

#define WAIT_FIRST_US 20        /* register handshakes take tens of microseconds */
#define WAIT_MOST_US 10000
#define DELAY_SLICE_US 100000   /* how late a stop may be heard */
#define APPEAR_POLL_US 50000
#define APPEAR_POLL_MOST_US 500000
#define OVERRIDE_US 1000000     /* as a plan gives an attribute */

/* IORESOURCE_* of linux/ioport.h, as sysfs prints them. */
#define RES_IO 0x100ull
#define RES_MEM_64 0x100000ull

const struct confsave *exec_saved(const struct exec *x, struct bdf fn)
{
	for (size_t i = 0; i < x->mem.nsaved; i++)
		if (bdf_eq(x->mem.saved[i].bdf, fn))
			return &x->mem.saved[i];
	return NULL;
}

const struct exec_kept *exec_kept_for(const struct exec *x, const struct step *s)
{
	for (size_t i = 0; i < x->mem.nkept; i++) {
		const struct exec_kept *k = &x->mem.kept[i];

		if (bdf_eq(k->fn, s->fn) && k->reg.off == s->reg.off &&
		    k->mask == s->mask)
			return k;
	}
	return NULL;
}

/* --- steps --------------------------------------------------------------------- */

static int do_require(struct exec *x, const struct step *s, struct err *err)
{
	int rc = exec_holds(x, s, err);

	if (rc > 0)
		return 0;
	return rc ? rc : exec_missed(x, s, ENOTTY, 0, err);
}

/*
 * A verdict is not built on a register that says something else each time: what holds
 * must hold again. Configuration space is told from noise by the ids, 32 bits of them.
 */
static int exec_steady(struct exec *x, const struct step *s, struct err *err)
{
	int rc = exec_holds(x, s, err);

	if (s->phase != PHASE_HEALTH || s->cond[0].reg.space == REG_CONFIG)
		return rc;
	for (int again = 0; again < HEALTH_AGAIN && rc > 0; again++)
		rc = exec_holds(x, s, err);
	return rc;
}

static int do_check(struct exec *x, const struct step *s, struct err *err)
{
	int rc = exec_steady(x, s, err);

	if (rc < 0)
		return rc;
	if (!rc)
		return exec_missed(x, s, EIO, 0, err);
	exec_note_evidence(x, s);
	return 0;
}

bool exec_started(const struct exec *x, int step)
{
	return step == UNDO_OF_EARLIER ||
	       (step > 0 && exec_bit(x->started, (size_t)step - 1));
}

/*
 * A program with an "always" part has begun to write: a chip that is half off is worse
 * than a late answer, and each of its waits has an end.
 */
static bool exec_in_program(const struct exec *x)
{
	for (size_t i = x->at + 1; i < x->a->nsteps; i++)
		if (x->a->step[i].tail)
			return exec_started(x, x->a->step[i].undo_of);
	return false;
}

bool exec_asked(const struct exec *x)
{
	if (x->deadline && hw_now(x->hw) >= x->deadline)
		return true;
	return x->watch && x->watch->stop && x->watch->stop(x->watch->arg);
}

bool exec_stop(const struct exec *x)
{
	return !x->undoing && exec_asked(x) && !exec_in_program(x);
}

/* Sleeps a little longer each time; false when @end has passed or a stop is asked. */
static bool exec_pause(struct exec *x, uint64_t end, uint64_t *nap)
{
	uint64_t now = hw_now(x->hw);

	if (now >= end || exec_stop(x))
		return false;
	hw_sleep(x->hw, *nap < end - now ? *nap : end - now);
	*nap = 2 * *nap < WAIT_MOST_US ? 2 * *nap : WAIT_MOST_US;
	return true;
}

static int do_wait(struct exec *x, const struct step *s, struct err *err)
{
	uint64_t start = hw_now(x->hw), nap = WAIT_FIRST_US;
	int rc;

	do {
		rc = exec_steady(x, s, err);
	} while (!rc && exec_pause(x, start + s->limit_us, &nap));
	if (rc < 0)
		return rc;
	if (!rc)
		return exec_missed(x, s, ETIMEDOUT, hw_now(x->hw) - start, err);
	exec_note_evidence(x, s);
	return 0;
}

static int do_delay(struct exec *x, const struct step *s, struct err *err)
{
	uint64_t now = hw_now(x->hw), end = now + s->limit_us;

	for (; now < end; now = hw_now(x->hw)) {
		if (exec_stop(x))
			return err_set(err, ECANCELED, "stopped in the middle of a delay "
				       "(asked to, or out of time)");
		hw_sleep(x->hw, end - now < DELAY_SLICE_US ? end - now : DELAY_SLICE_US);
	}
	return 0;
}

static int do_write(struct exec *x, const struct step *s, struct err *err)
{
	return exec_write(x, s->fn, &s->reg, s->value, err);
}

static int do_set(struct exec *x, const struct step *s, struct err *err)
{
	char where[96];
	uint32_t old;
	int rc = exec_read(x, s->fn, &s->reg, &old, err);

	if (rc)
		return rc;
	exec_where(&s->reg, where, sizeof(where));
	if (old == reg_all_ones(&s->reg))
		return err_set(err, EIO, "%s (%s) reads 0x%x (all ones: the device does "
			       "not answer), it cannot be changed", s->name, where, old);
	return exec_write(x, s->fn, &s->reg, (old & ~s->mask) | s->value, err);
}

static int do_attr(struct exec *x, const struct step *s, struct err *err)
{
	return hw_attr_write(x->hw, s->fn, s->name, s->text, err);
}

/*
 * The capability lists were read when the plan was made: if one is not found now, a
 * read went wrong, and a reset would lose what is in it (DEVCTL: payload sizes).
 */
static int save_complete(const struct exec *x, const struct confsave *save,
			 struct err *err)
{
	const struct target *t = x->plan->target;
	char text[BDF_STR];

	for (size_t i = 0; i < t->nfns; i++) {
		const struct fn_facts *fn = &t->fn[i];

		if (!bdf_eq(fn->bdf, save->bdf))
			continue;
		if ((fn->pcie_cap &&
		     !confsave_has(save, fn->pcie_cap + PCI_EXP_DEVCTL, NULL)) ||
		    (fn->pm_cap && !confsave_has(save, fn->pm_cap + PCI_PM_CTRL, NULL)))
			return err_set(err, EIO, "%s: a capability that it has was not "
				       "found, its configuration cannot be saved",
				       bdf_str(fn->bdf, text));
	}
	return 0;
}

static int do_save(struct exec *x, const struct step *s, struct err *err)
{
	struct confsave *save = &x->mem.saved[x->mem.nsaved];
	int rc;

	if (x->mem.nsaved == SLOT_FNS)
		return err_set(err, E2BIG, "too many functions to save");
	rc = confsave_save(x->hw, s->fn, save, err);
	if (!rc)
		rc = save_complete(x, save, err);
	if (rc)
		return rc;
	x->mem.nsaved++;
	rc = exec_intend(x, err);
	if (rc)
		x->mem.nsaved--;        /* nothing was changed: nothing goes back */
	return rc;
}

/* What an image says of BAR @i, as the kernel's `resource` would. */
static uint64_t image_bar(const struct confsave *save, const struct bar_facts *bar,
			  unsigned i)
{
	const unsigned off = PCI_BASE_ADDRESS_0 + 4 * i;
	uint32_t low = 0, high = 0;

	confsave_has(save, off, &low);
	if (bar->flags & RES_MEM_64)
		confsave_has(save, off + 4, &high);
	return (uint64_t)high << 32 | (low & (bar->flags & RES_IO ? ~3u : ~15u));
}

static bool image_passed(struct exec *x, const struct step *s, struct err *err)
{
	err_prefix(err, "its configuration was not written over");
	exec_noted(x, s, err);
	return true;
}

/*
 * Since an earlier process made this image the kernel may have set the function up
 * anew, and what it gave it then is right.
 */
static bool image_stale(struct exec *x, const struct step *s,
			const struct confsave *save)
{
	struct bar_facts bar[6];
	struct err err;
	uint32_t id;

	if (hw_cfg_read(x->hw, s->fn, PCI_VENDOR_ID, 4, &id, &err) < 0 ||
	    facts_bars(x->hw, s->fn, bar, &err) < 0)
		return image_passed(x, s, &err);
	if (id != save->id) {
		err_set(&err, ENODEV, "ID (config 0x0) reads 0x%x, and was 0x%x", id,
			save->id);
		return image_passed(x, s, &err);
	}
	for (unsigned i = 0; i < 6; i++) {
		uint64_t was = image_bar(save, &bar[i], i);

		if (!bar[i].size || was == bar[i].start)
			continue;
		err_set(&err, ESTALE, "the kernel has BAR%u at 0x%llx now, and it was at "
			"0x%llx", i, (unsigned long long)bar[i].start,
			(unsigned long long)was);
		return image_passed(x, s, &err);
	}
	return false;
}

static int do_restore(struct exec *x, const struct step *s, struct err *err)
{
	const struct confsave *save = exec_saved(x, s->fn);
	int rc;

	if (!save)
		return 0;       /* the save itself failed: there is nothing to put back */
	if (x->keep && x->keep->memory) {
		rc = confsave_ready(x->hw, s->fn, err);
		if (rc || image_stale(x, s, save))
			return rc;
	}
	return confsave_restore(x->hw, save, err);
}

/*
 * The driver_override that a BIND changes for a moment. It goes back before drivers do,
 * and after the function is there again: so it counts to the phase between.
 */
static int override_intend(void *arg, const char *back, struct err *err)
{
	struct exec *x = arg;
	const struct step undo = {
		.kind = STEP_ATTR, .phase = PHASE_HEALTH, .fn = x->a->step[x->at].fn,
		.limit_us = OVERRIDE_US, .name = "driver_override", .text = back,
	};
	const struct exec_undo u = { .step = &undo, .place = x->a->nsteps + x->at + 1 };
	int rc;

	x->override_mute = x->override_of == u.place;
	if (x->override_mute)
		return 0;       /* @back is our own value, the journal has the true one */
	rc = x->keep->intend(x->keep->arg, &u, x->undoing ? NULL : err);
	x->override_of = rc ? 0 : u.place;
	x->override_mute = rc && x->undoing;
	/* a driver goes back to its function although a disk is full */
	return x->undoing ? 0 : rc;
}

static void override_undone(void *arg)
{
	struct exec *x = arg;

	if (x->override_mute)
		return;
	x->keep->undone(x->keep->arg, x->override_of);
	x->override_of = 0;
}

static int do_bind(struct exec *x, const struct step *s, struct err *err)
{
	const struct bind_keep keep = { override_intend, override_undone, x };

	return bind_driver(x->hw, s->fn, s->text, x->keep ? &keep : NULL, err);
}

static int do_hot_reset(struct exec *x, const struct step *s, struct err *err)
{
	const struct target *t = x->plan->target;
	struct bdf fns[SLOT_FNS];

	for (size_t i = 0; i < t->nfns; i++)
		fns[i] = t->fn[i].bdf;
	return hw_hot_reset(x->hw, s->fn, fns, t->nfns, err);
}

static void exec_forget(struct exec *x, const struct step *s)
{
	const struct target *t = x->plan->target;

	hw_forget(x->hw, s->fn);
	for (size_t i = 0; i < t->nfns; i++)
		hw_forget(x->hw, t->fn[i].bdf);
	for (size_t i = 0; i < t->npath; i++)
		hw_forget(x->hw, t->path[i].bdf);
}

/*
 * As Linux takes it that nobody is there (pci_bus_read_dev_vendor_id, probe.c); what
 * puts its answers off is waited for, by the kernel, too.
 */
static bool id_of_nobody(uint32_t id)
{
	return !id || !facts_id_answers(id) || id == 0x0000ffff || id == 0xffff0000;
}

/* What the kernel will read when it finds the function again. */
static int remove_fit(struct exec *x, const struct fn_facts *fn, struct err *err)
{
	bool bridge = fn->class_code >> 16 == PCI_BASE_CLASS_BRIDGES;
	uint32_t want = (uint32_t)fn->device << 16 | fn->vendor, id, type;
	char text[BDF_STR];

	if (hw_cfg_read(x->hw, fn->bdf, PCI_VENDOR_ID, 4, &id, NULL) < 0 ||
	    hw_cfg_read(x->hw, fn->bdf, PCI_HEADER_TYPE, 1, &type, NULL) < 0 ||
	    id_of_nobody(id))
		return 0;               /* removed already, or away */
	if (id == want && (bridge || !(type & PCI_HEADER_TYPE_MASK)))
		return 0;
	return err_set(err, EIO, "%s says that it is 0x%x with header type 0x%x, wanted "
		       "== 0x%x and type 0: a rescan that meets a card like this can "
		       "crash the host", bdf_str(fn->bdf, text), id, type, want);
}

/*
 * Removing is for finding again, and then the kernel believes all that the card says: how
 * many functions, bridges, and how much room. One that answers noise ends Linux 6.12 in a
 * BUG() with the rescan lock held (pci_assign_unassigned_bus_resources, seen in the lab).
 */
static int remove_safe(struct exec *x, struct err *err)
{
	const struct target *t = x->plan->target;
	int rc = 0;

	for (size_t i = 0; i < t->nfns; i++)
		for (int again = 0; again <= HEALTH_AGAIN && !rc; again++)
			rc = remove_fit(x, &t->fn[i], err);
	return rc;
}

static int do_remove(struct exec *x, const struct step *s, struct err *err)
{
	int rc = remove_safe(x, err);

	if (rc)
		return rc;
	exec_forget(x, s);
	return hw_attr_write(x->hw, s->fn, "remove", "1", err);
}

static int appear_missed(uint64_t waited_us, struct err *err)
{
	return err_set(err, ENODEV, "ID (config 0x0) reads 0xffffffff (all ones: nothing "
		       "answers at this address), wanted != 0xffffffff under mask "
		       "0xffffffff, for %llu ms", (unsigned long long)waited_us / 1000);
}

/* Its sibling was waited for in vain: the whole card is away, once is enough. */
static bool appear_in_vain(const struct exec *x, const struct step *s)
{
	return x->out->at && x->out->at->kind == STEP_APPEAR &&
	       bdf_eq(x->out->at->aux, s->aux);
}

/* Below the bridge, or the whole bus where no bridge is known (plan.h). */
static int appear_rescan(struct exec *x, const struct step *s, struct err *err)
{
	if (bdf_eq(s->aux, s->fn))
		return hw_bus_write(x->hw, "rescan", "1", err);
	return hw_attr_write(x->hw, s->aux, "rescan", "1", err);
}

/* What an earlier run left can wait for another one. */
static bool appear_stop(const struct exec *x, const struct step *s)
{
	return exec_stop(x) || (s->undo_of == UNDO_OF_EARLIER && exec_asked(x));
}

/* A rescan that fails is asked for again, as long as there is time. */
static int do_appear(struct exec *x, const struct step *s, struct err *err)
{
	uint64_t start = hw_now(x->hw);
	uint64_t end = appear_in_vain(x, s) ? start : start + s->limit_us;
	uint64_t nap = APPEAR_POLL_US, next;
	int rc = 0;

	for (;;) {
		exec_forget(x, s);
		if (hw_attr_exists(x->hw, s->fn, "vendor") && exec_answers(x, s->fn))
			return 0;
		if (hw_now(x->hw) >= end || appear_stop(x, s))
			return rc ? rc : appear_missed(hw_now(x->hw) - start, err);
		rc = appear_rescan(x, s, err);
		if (hw_attr_exists(x->hw, s->fn, "vendor") && exec_answers(x, s->fn))
			continue;
		next = hw_now(x->hw) + nap;
		next = next < end ? next : end;
		nap = 2 * nap < APPEAR_POLL_MOST_US ? 2 * nap : APPEAR_POLL_MOST_US;
		if (rc || hw_wait_event(x->hw, next, NULL) < 0)
			hw_sleep(x->hw, APPEAR_POLL_US);
	}
}

static int bars_one(struct exec *x, const struct step *s, const struct bar_facts *bar,
		    int i, struct err *err)
{
	const unsigned off = PCI_BASE_ADDRESS_0 + 4 * (unsigned)i;
	uint32_t keep = bar->flags & RES_IO ? ~3u : ~15u;
	uint32_t low, high = 0;
	uint64_t got;
	int rc;

	rc = hw_cfg_read(x->hw, s->fn, off, 4, &low, err);
	if (!rc && bar->flags & RES_MEM_64)
		rc = hw_cfg_read(x->hw, s->fn, off + 4, 4, &high, err);
	if (rc)
		return rc;
	got = (uint64_t)high << 32 | (low & keep);
	if (got == bar->start)
		return 0;
	return err_set(err, EIO, "BAR%d (config 0x%x) reads 0x%llx, wanted == 0x%llx "
		       "under mask 0x%x, for 0 ms: the card lost the address the kernel "
		       "gave it", i, off, (unsigned long long)got,
		       (unsigned long long)bar->start, keep);
}

/*
 * After a rescan a card may ask for other BARs than before, and the kernel may have no
 * room for them: no driver can enable it then. One that never had an address stays.
 */
static int bars_given(const struct exec *x, const struct step *s,
		      const struct bar_facts *now, int i, struct err *err)
{
	const struct target *t = x->plan->target;
	const struct bar_facts none = { 0 }, *was = &none;

	for (size_t k = 0; k < t->nfns; k++)
		if (bdf_eq(t->fn[k].bdf, s->fn))
			was = &t->fn[k].bar[i];
	if (now->start || (!was->start && (was->size || !now->size)))
		return 0;
	return err_set(err, EIO, "BAR%d has no address, it had 0x%llx before: the card "
		       "asks for 0x%llx bytes now, and had 0x%llx", i,
		       (unsigned long long)was->start, (unsigned long long)now->size,
		       (unsigned long long)was->size);
}

static int do_bars(struct exec *x, const struct step *s, struct err *err)
{
	struct bar_facts bar[6];
	int rc = facts_bars(x->hw, s->fn, bar, err);

	for (int i = 0; i < 6 && !rc; i++) {
		rc = bars_given(x, s, &bar[i], i, err);
		if (!rc && bar[i].size && bar[i].start)
			rc = bars_one(x, s, &bar[i], i, err);
	}
	if (!rc)
		exec_note_evidence(x, s);
	return rc;
}

/* Vendor configuration bits: remembered as they are, not as they should be. */
static int do_keep(struct exec *x, const struct step *s, struct err *err)
{
	struct exec_kept *k = &x->mem.kept[x->mem.nkept];
	int rc;

	if (x->mem.nkept == EXEC_MAX_KEPT)
		return err_set(err, E2BIG, "%s: more than %d registers to remember",
			       s->name, EXEC_MAX_KEPT);
	*k = (struct exec_kept){ .fn = s->fn, .reg = s->reg, .mask = s->mask };
	rc = confsave_read(x->hw, s->fn, s->reg.off, s->reg.width, &k->value, err);
	if (rc)
		return rc;
	x->mem.nkept++;
	rc = exec_intend(x, err);
	if (rc)
		x->mem.nkept--;
	return rc;
}

static int kept_put(struct exec *x, const struct step *s, uint32_t want, struct err *err)
{
	uint32_t now;
	int rc = confsave_read(x->hw, s->fn, s->reg.off, s->reg.width, &now, err);

	if (rc || (now & s->mask) == want)
		return rc;
	rc = exec_write(x, s->fn, &s->reg, (now & ~s->mask) | want, err);
	if (!rc)
		rc = confsave_read(x->hw, s->fn, s->reg.off, s->reg.width, &now, err);
	if (rc || (now & s->mask) == want)
		return rc;
	return err_set(err, EIO, "%s (config 0x%x) reads 0x%x after it was put back, "
		       "wanted == 0x%x under mask 0x%x", s->name, s->reg.off, now, want,
		       s->mask);
}

/* Written only when the reset changed it. */
static int do_put(struct exec *x, const struct step *s, struct err *err)
{
	const struct exec_kept *k = exec_kept_for(x, s);

	/* NULL: it could not be remembered, there is nothing to put back */
	return k ? kept_put(x, s, k->value & s->mask, err) : 0;
}

/* A node that does not exist cannot be opened by anybody else either. */
static int do_own(struct exec *x, const struct step *s, struct err *err)
{
	struct err why = { 0 };
	int rc = hw_own(x->hw, s->fn, &why);

	if (rc == -ENOENT)
		return 0;
	if (rc)
		*err = why;
	return rc;
}

static int do_disown(struct exec *x, const struct step *s, struct err *err)
{
	(void)err;
	hw_disown(x->hw, s->fn);
	return 0;
}

/* Comes the kernel's word on the function's runtime state to be @want? */
static int park_wait(struct exec *x, const struct step *s, const char *want,
		     struct err *err)
{
	uint64_t start = hw_now(x->hw), nap = WAIT_FIRST_US;
	char state[32], text[BDF_STR];
	int rc;

	do {
		rc = hw_attr_read(x->hw, s->fn, "power/runtime_status", state,
				  sizeof(state), err);
		if (rc || !strcmp(state, want))
			return rc;
	} while (exec_pause(x, start + s->limit_us, &nap));
	return err_set(err, ETIMEDOUT, "%s: power/runtime_status stayed '%s', wanted "
		       "'%s', for %llu ms", bdf_str(s->fn, text), state, want,
		       (unsigned long long)(hw_now(x->hw) - start) / 1000);
}

/*
 * pci_pm_runtime_suspend() saves configuration space, _resume() restores it, of a
 * function without driver, too (drivers/pci/pci-driver.c).
 */
static int do_park(struct exec *x, const struct step *s, struct err *err)
{
	int rc = hw_attr_write(x->hw, s->fn, "power/control", "auto", err);

	return rc ? rc : park_wait(x, s, "suspended", err);
}

/* What the kernel writes to a function that does not answer yet would be lost. */
static int do_unpark(struct exec *x, const struct step *s, struct err *err)
{
	int rc = confsave_ready(x->hw, s->fn, err);

	if (!rc)
		rc = hw_attr_write(x->hw, s->fn, "power/control", "on", err);
	return rc ? rc : park_wait(x, s, "active", err);
}

static int do_vfio_open(struct exec *x, const struct step *s, struct err *err)
{
	return hw_vfio_open(x->hw, s->fn, err);
}

static int do_vfio_close(struct exec *x, const struct step *s, struct err *err)
{
	(void)err;
	hw_vfio_close(x->hw, s->fn);
	return 0;
}

exec_step_fn *const exec_steps[STEP_KINDS] = {
	[STEP_REQUIRE] = do_require, [STEP_CHECK] = do_check, [STEP_WAIT] = do_wait,
	[STEP_DELAY] = do_delay, [STEP_WRITE] = do_write, [STEP_SET] = do_set,
	[STEP_ATTR] = do_attr, [STEP_SAVE] = do_save, [STEP_RESTORE] = do_restore,
	[STEP_BIND] = do_bind, [STEP_HOT_RESET] = do_hot_reset,
	[STEP_REMOVE] = do_remove, [STEP_APPEAR] = do_appear, [STEP_BARS] = do_bars,
	[STEP_KEEP] = do_keep, [STEP_PUT] = do_put, [STEP_PARK] = do_park,
	[STEP_UNPARK] = do_unpark, [STEP_VFIO_OPEN] = do_vfio_open,
	[STEP_VFIO_CLOSE] = do_vfio_close,
	[STEP_OWN] = do_own, [STEP_DISOWN] = do_disown,
};
