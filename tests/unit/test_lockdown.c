// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Kernel lockdown: what is offered, what is refused and why, and that what is offered
 * never meets a refusal of the kernel's. That it copes with faults is in test_exec.c.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <linux/pci_regs.h>

#include "base/diag.h"
#include "cmd/quirk_trial.h"
#include "hw/hw_write.h"
#include "plan/guards.h"
#include "plan/lockdown.h"
#include "run/journal.h"
#include "run/recover.h"
#include "sim_rig.h"

#define FIJI "quirks/amd-fiji.quirk"
#define LOCKED "none [integrity] confidentiality"

static struct rig *locked(const char *kind, const char *quirk)
{
	struct rig *r = rig_open(kind, RIG_ROOT_PORT);

	rig_vfio(r);
	hw_sim_host(r->sim, "/sys/kernel/security/lockdown", LOCKED);
	if (quirk)
		rig_quirk(r, quirk);
	return r;
}

static const struct attempt *plan_has(struct rig *r, const char *name)
{
	struct err err = { 0 };
	const struct attempt *a;

	if (rig_plan(r, NULL, &err))
		fail_msg("%s", err.text);
	a = rig_attempt(r, name);
	if (!a)
		fail_msg("no attempt '%s'", name);
	return a;
}

static void assert_offered(struct rig *r, const char *name)
{
	const struct attempt *a = plan_has(r, name);

	if (a->usable != ATTEMPT_YES)
		fail_msg("%s: %s", name, a->reason);
}

static void assert_refused(struct rig *r, const char *name, const char *why)
{
	const struct attempt *a = plan_has(r, name);

	assert_int_not_equal(a->usable, ATTEMPT_YES);
	if (!strstr(a->reason, why))
		fail_msg("%s: '%s' does not say '%s'", name, a->reason, why);
}

static uint64_t limit_of(const struct attempt *a, enum step_kind kind)
{
	for (size_t i = 0; i < a->nsteps; i++)
		if (a->step[i].kind == kind)
			return a->step[i].limit_us;
	fail_msg("%s has no such step", a->name);
	return 0;
}

/* --- what is offered ------------------------------------------------------------- */

static void test_offered(void **state)
{
	struct rig *r = locked("fury", FIJI);

	(void)state;
	assert_offered(r, "none");
	assert_offered(r, "sequence baco");
	assert_offered(r, "sequence baco_exit");
	assert_refused(r, "sequence pciconfig", "vfio-pci does not pass such a write on");
	assert_refused(r, "sequence pciconfig", "ASIC_RESET of quirks/amd-fiji.quirk:");
	assert_refused(r, "bus at 0000:00:01.0", "kernel lockdown forbids");
	assert_offered(r, "hot_reset");
	assert_offered(r, "subordinate at 0000:00:01.0");
	assert_null(plan_has(r, "hot_reset")->unjudged);
	hw_sim_attr(r->sim, rig_fn(r, 0), "driver", "amdgpu");
	assert_refused(r, "none", "amdgpu has it");
	assert_offered(r, "sequence baco");
	rig_close(r);
}

/* Nothing of the host lets VFIO have the card: then the reason is VFIO's. */
static void test_unable(void **state)
{
	struct rig *r = locked("fury", FIJI);

	(void)state;
	hw_sim_attr(r->sim, rig_fn(r, 0), "iommu_group/name", "vfio-noiommu");
	assert_refused(r, "sequence baco", "0000:01:00.0 has no IOMMU group");
	hw_sim_attr(r->sim, rig_fn(r, 0), "iommu_group/name", "DMA-FQ");
	assert_offered(r, "sequence baco");
	hw_sim_attr(r->sim, rig_fn(r, 0), "iommu_group", NULL);
	assert_refused(r, "sequence baco", "0000:01:00.0 has no IOMMU group");
	assert_refused(r, "none", "no IOMMU group");
	hw_sim_attr(r->sim, rig_fn(r, 0), "iommu_group", "21");
	hw_sim_host(r->sim, "/sys/bus/pci/drivers/vfio-pci", NULL);
	assert_refused(r, "sequence baco", "modprobe vfio-pci");
	hw_sim_host(r->sim, "/sys/bus/pci/drivers/vfio-pci", "");
	hw_sim_attr(r->sim, rig_fn(r, 1), "power/control", "auto");
	assert_offered(r, "sequence baco");
	hw_sim_attr(r->sim, rig_fn(r, 1), "power/autosuspend_delay_ms", "-1");
	assert_refused(r, "sequence baco", "0000:01:00.1 may never sleep");
	hw_sim_attr(r->sim, rig_fn(r, 1), "power/autosuspend_delay_ms", "3000");
	assert_int_equal(limit_of(plan_has(r, "sequence baco"), STEP_PARK), 4000000);
	rig_close(r);
}

/* A neighbour in the group is named; one that a VM driver or a port has is none. */
static void test_group(void **state)
{
	static const struct rig_plain nvme = { .vendor = 0x144d, .device = 0xa808,
					       .class_code = 0x010802 };
	struct rig *r = rig_unbooted("fury", RIG_SWITCH);
	const struct bdf other = rig_bdf("04:00.0");

	(void)state;
	rig_add_plain(r, other, &nvme);
	hw_sim_driver(r->sim, "nvme");
	hw_sim_driver(r->sim, "pci-stub");
	rig_boot(r);
	hw_sim_host(r->sim, "/sys/kernel/security/lockdown", LOCKED);
	rig_quirk(r, FIJI);
	hw_sim_attr(r->sim, rig_fn(r, 0), "iommu_group/devices",
		    "0000:02:00.0\n0000:03:00.0\n0000:03:00.1\n0000:04:00.0");
	assert_offered(r, "sequence baco");
	hw_sim_attr(r->sim, other, "driver", "pci-stub");
	assert_offered(r, "sequence baco");
	hw_sim_attr(r->sim, other, "driver", "nvme");
	assert_refused(r, "sequence baco", "0000:04:00.0 is in the same IOMMU group (23) "
		       "and bound to nvme");
	rig_close(r);
}

/* --- groups ------------------------------------------------------------------------ */

/* What a plan does to the groups and drivers of the slot's functions. */
struct walk {
	char driver[SLOT_FNS][32];
	bool held[SLOT_FNS];            /* by this function's OWN */
	size_t binds;
};

static size_t walk_fn(const struct target *t, const struct step *s)
{
	for (size_t i = 0; i < t->nfns; i++)
		if (bdf_eq(t->fn[i].bdf, s->fn))
			return i;
	fail_msg("a step of no function");
	return 0;
}

static bool walk_held(const struct walk *w, const struct target *t, size_t i)
{
	for (size_t k = 0; k < t->nfns; k++)
		if (w->held[k] && t->fn[k].iommu_group == t->fn[i].iommu_group)
			return true;
	return false;
}

static void walk_bind(struct walk *w, const struct target *t, const struct attempt *a,
		      const struct step *s)
{
	size_t i = walk_fn(t, s);

	if (driver_is_vfio(w->driver[i]) && !driver_is_vfio(s->text) &&
	    !walk_held(w, t, i))
		fail_msg("%s: function %zu leaves vfio-pci while its group is free",
			 a->name, i);
	snprintf(w->driver[i], sizeof(w->driver[i]), "%s", s->text);
	w->binds++;
}

/* No function leaves vfio-pci while its group is free, and all ends as it began. */
static size_t assert_held(const struct target *t, const struct attempt *a)
{
	struct walk w = { 0 };

	for (size_t i = 0; i < t->nfns; i++)
		snprintf(w.driver[i], sizeof(w.driver[i]), "%s", t->fn[i].driver);
	for (size_t k = 0; k < a->nsteps; k++) {
		const struct step *s = &a->step[k];

		if (s->kind == STEP_OWN || s->kind == STEP_DISOWN)
			w.held[walk_fn(t, s)] = s->kind == STEP_OWN;
		else if (s->kind == STEP_BIND)
			walk_bind(&w, t, a, s);
	}
	for (size_t i = 0; i < t->nfns && a->nsteps; i++) {
		assert_string_equal(w.driver[i], t->fn[i].driver);
		assert_false(w.held[i]);
	}
	return w.binds;
}

static void test_held(void **state)
{
	static const char *const drivers[] = { "vfio-pci", "amdgpu", "" };
	struct rig *r = locked("fury", FIJI);
	size_t binds = 0;

	(void)state;
	for (size_t k = 0; k < 18; k++) {
		hw_sim_attr(r->sim, rig_fn(r, 0), "driver", drivers[k % 3]);
		hw_sim_attr(r->sim, rig_fn(r, 1), "driver", drivers[k / 3 % 3]);
		hw_sim_attr(r->sim, rig_fn(r, 1), "iommu_group", k < 9 ? "99" : "21");
		plan_has(r, "none");
		for (size_t i = 0; i < r->plan.nattempts; i++)
			binds += assert_held(&r->target, &r->plan.attempt[i]);
	}
	assert_true(binds > 100);
	rig_close(r);
}

/* Held is not opened: an enable count before that is somebody else's. */
static void test_enabled(void **state)
{
	struct rig *r = locked("fury", FIJI);
	const struct attempt *a = plan_has(r, "sequence baco");
	bool open = false;

	(void)state;
	hw_sim_attr(r->sim, rig_fn(r, 0), "enable", "1");
	for (size_t i = 0; i < a->nsteps; i++) {
		int rc = guard_again(r->sim, &r->plan, a, &a->step[i], NULL);

		assert_int_equal(rc, open ? 0 : -EBUSY);
		open = a->step[i].kind == STEP_VFIO_OPEN ||
		       (open && a->step[i].kind != STEP_VFIO_CLOSE);
	}
	rig_close(r);
}

/* A variant of vfio-pci is left in its place, and its group is held. */
static void test_variant(void **state)
{
	struct rig *r = locked("fury", FIJI);
	const struct attempt *a;

	(void)state;
	hw_sim_driver(r->sim, "nvgrace-gpu-vfio-pci");
	hw_sim_attr(r->sim, rig_fn(r, 0), "driver", "nvgrace-gpu-vfio-pci");
	a = plan_has(r, "sequence baco");
	assert_int_equal(a->usable, ATTEMPT_YES);
	assert_int_equal(a->step[0].kind, STEP_OWN);
	for (size_t i = 0; i < a->nsteps; i++)
		assert_false(a->step[i].kind == STEP_BIND &&
			     bdf_eq(a->step[i].fn, rig_fn(r, 0)));
	rig_close(r);
}

/* The card with FLR, and a quirk that has something to say of its health. */
static struct rig *judged(void)
{
	static const char text[] =
		"format = 1\n[device]\nname = x\npci = 1af4:1111\n[notes]\n"
		"source = y\nstatus = vendor\n[reset]\nmethod = flr\n[registers]\n"
		"space mmio = bar0 bytes size 4K\nR = mmio 0x100\n[health]\n"
		"require R != 1\n";
	struct rig *r = locked("flr", NULL);

	r->quirk = rig_parse_text("judged.quirk", text);
	return r;
}

/* One function was given: for a look at health no other one is touched. */
static void test_one_function(void **state)
{
	struct rig *r = judged();
	const struct attempt *a;

	(void)state;
	assert_null(plan_has(r, "flr")->unjudged);
	for (unsigned fn = 0; fn < 2; fn++) {
		r->spec = (struct bdf_spec){ .bdf = rig_fn(r, fn), .whole_slot = false };
		a = plan_has(r, "flr");
		assert_non_null(a->unjudged);
		assert_non_null(strstr(a->unjudged, "which is not reset"));
		assert_non_null(strstr(a->unjudged, fn ? "01:00.0" : "01:00.1"));
		for (size_t i = 0; i < a->nsteps; i++)
			assert_int_not_equal(a->step[i].kind, STEP_BIND);
	}
	rig_close(r);
}

/* What goes wrong on the way to the registers of a verdict. */
struct way {
	struct rig *rig;
	enum step_kind kind;
	bool refuse, reached;
};

static void way_begin(void *arg, const struct attempt *a, const struct step *s)
{
	struct way *w = arg;

	(void)a;
	if (w->refuse || s->phase != PHASE_HEALTH || s->kind != w->kind)
		return;
	w->reached = true;
	if (s->kind == STEP_OWN)
		assert_true(hw_sim_try_open(w->rig->sim, s->fn, 4711));
	else
		hw_sim_attr(w->rig->sim, s->fn, "iommu_group", NULL);
}

static int way_ready(void *arg, const struct attempt *a, const struct step *s,
		     struct err *err)
{
	struct way *w = arg;

	(void)a;
	if (!w->refuse || !s || s->phase != PHASE_HEALTH)
		return 0;
	w->reached = true;
	return err_set(err, EBUSY, "somebody has it");
}

/* Who cannot look has not seen an ill card: no heavier reset follows, no refusal. */
static void test_unreached(void **state)
{
	static const struct way ways[] = {
		{ .kind = STEP_OWN }, { .kind = STEP_VFIO_OPEN }, { .refuse = true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		static struct exec_outcome out[32];
		struct way w = ways[i];
		const struct exec_watch watch = { .begin = way_begin, .arg = &w,
						  .ready = way_ready };
		struct exec_summary sum;

		w.rig = judged();
		hw_sim_attr(w.rig->sim, rig_fn(w.rig, 0), "driver", "amdgpu");
		hw_sim_attr(w.rig->sim, rig_fn(w.rig, 1), "driver", NULL);
		plan_has(w.rig, "flr");
		exec_plan(w.rig->hw, &w.rig->plan, &watch, 0, out, &sum);
		assert_true(w.reached);
		assert_ptr_equal(sum.healthy, rig_attempt(w.rig, "flr"));
		assert_null(sum.refused);
		assert_int_equal(sum.tried, 1);
		assert_non_null(strstr(sum.unjudged, "registers could not be reached"));
		rig_attr_is(w.rig, 0, "driver", "amdgpu");
		rig_close(w.rig);
	}
}

/* --- a card of one function: the close resets its bus ----------------------------- */

static struct rig *alone(char *text, size_t size, const char *more)
{
	static const struct rig_plain what = { .vendor = 0x1af4, .device = 0x1111,
					       .class_code = 0x030000 };
	struct rig *r = rig_open_plain(&what, RIG_ROOT_PORT);

	snprintf(text, size, "format = 1\n[device]\nname = x\npci = 1af4:1111\n"
		 "[notes]\nsource = y\nstatus = vendor\n[reset]\nmethod = sequence s\n"
		 "method = hot_reset\n%s[registers]\nspace mmio = bar0 bytes size 4K\n"
		 "R = mmio 0x10\n[sequence s]\nwrite R = 1\n[health]\nrequire R != 1\n",
		 more);
	r->quirk = rig_parse_text("x.quirk", text);
	hw_sim_host(r->sim, "/sys/kernel/security/lockdown", LOCKED);
	return r;
}

static void test_alone(void **state)
{
	static char plain[512], denied[512], warned[512];
	struct rig *r = alone(plain, sizeof(plain), "");
	const struct attempt *a;

	(void)state;
	a = plan_has(r, "sequence s");
	assert_int_equal(a->usable, ATTEMPT_YES);
	assert_int_equal(a->level, 0);  /* so that guards look at the neighbours */
	assert_true(lockdown_close_resets(&r->target));
	/* and health is not read where the reading resets once more */
	assert_non_null(plan_has(r, "hot_reset")->unjudged);
	assert_non_null(strstr(plan_has(r, "hot_reset")->unjudged, "would reset"));
	/* nor can it be known after a program, as the close resets after the reading */
	assert_non_null(plan_has(r, "sequence s")->unjudged);
	rig_close(r);
	r = alone(denied, sizeof(denied), "deny = bus \"it hangs\"\n");
	assert_refused(r, "sequence s", "the bus of this card when VFIO closes it");
	rig_close(r);
	r = alone(warned, sizeof(warned), "risk = hot_reset host-may-hang \"x\"\n");
	assert_refused(r, "sequence s", "x.quirk forbids or warns of");
	rig_close(r);
}

/* --- runs ------------------------------------------------------------------------- */

/* Accesses that the kernel refused. */
static void count_refusals(void *arg, const struct shim_access *access)
{
	unsigned *n = arg;

	*n += access->rc == -EPERM || access->rc == -EACCES;
}

static void test_baco(void **state)
{
	struct rig *r = locked("fury", FIJI);
	struct rig_state before;
	struct exec_outcome out;
	unsigned refusals = 0;

	(void)state;
	hw_sim_host(r->sim, "/sys/kernel/security/lockdown", "[none]");
	hw_cfg_write(r->sim, rig_fn(r, 0), PCI_COMMAND, 2, 3, NULL);
	hw_sim_attr(r->sim, rig_fn(r, 0), "driver", NULL);
	hw_cfg_write(r->sim, rig_fn(r, 0), PCI_COMMAND, 2, 3, NULL);
	rig_use_fury(r);
	rig_vfio(r);
	hw_sim_host(r->sim, "/sys/kernel/security/lockdown", LOCKED);
	rig_remember(r, &before);
	hw_shim_trace(r->hw, count_refusals, &refusals);
	exec_attempt(r->hw, &r->plan, plan_has(r, "sequence baco"), NULL, 0, &out);
	if (out.result != EXEC_HEALTHY)
		fail_msg("%s", out.err.text);
	assert_int_equal(refusals, 0);
	assert_int_equal(rig_truth(r, "baco"), 1);
	assert_int_equal(rig_truth(r, "dirty"), 0);
	assert_int_equal(rig_truth(r, "bus_resets"), 0);
	assert_null(rig_ill(r));
	assert_null(rig_changed(r, &before, false));
	rig_close(r);
}

/* A card with FLR: neither the open nor the close may use it. */
static void test_muted(void **state)
{
	static const char text[] =
		"format = 1\n[device]\nname = x\npci = 1af4:1111\n[notes]\n"
		"source = y\nstatus = vendor\n[reset]\nmethod = sequence s\n"
		"[registers]\n"
		"space mmio = bar0 bytes size 4K\nR = mmio 0x100\n[sequence s]\n"
		"write R = 5\n[health]\nrequire R == 5\n";
	struct rig *r = locked("flr", NULL);
	struct exec_outcome out;
	char list[64];

	(void)state;
	r->quirk = rig_parse_text("x.quirk", text);
	exec_attempt(r->hw, &r->plan, plan_has(r, "sequence s"), NULL, 0, &out);
	if (out.result != EXEC_HEALTHY)
		fail_msg("%s", out.err.text);
	assert_int_equal(rig_truth(r, "flrs"), 0);
	assert_int_equal(rig_truth(r, "bus_resets"), 0);
	assert_int_equal(hw_attr_read(r->sim, rig_fn(r, 0), "reset_method", list,
				      sizeof(list), NULL), 0);
	assert_string_equal(list, "flr");
	rig_close(r);
}

/* Decoding is lost before the step of @phase that comes first. */
struct loss {
	struct rig *rig;
	enum step_phase phase;
	bool lost;
};

static void loss_begin(void *arg, const struct attempt *a, const struct step *s)
{
	struct loss *l = arg;

	(void)a;
	if (!l->lost && s->phase == l->phase)
		hw_cfg_write(l->rig->sim, rig_fn(l->rig, 0), PCI_COMMAND, 2, 0, NULL);
	l->lost |= s->phase == l->phase;
}

/* A reset may take COMMAND away: the tail and the verdict have it again. */
static void test_decodes(void **state)
{
	static const char text[] =
		"format = 1\n[device]\nname = x\npci = 1af4:1111\n[notes]\n"
		"source = y\nstatus = vendor\n[reset]\nmethod = sequence s\n"
		"[registers]\nspace mmio = bar0 bytes size 4K\nR = mmio 0x100\n"
		"S = mmio 0x104\n"
		"[sequence s]\nwrite R = 5\nalways\nwrite S = 6\n[health]\n"
		"require R == 5\nrequire S == 6\n";

	(void)state;
	for (enum step_phase phase = PHASE_ACT; phase <= PHASE_HEALTH; phase += 2) {
		static struct exec_outcome out;
		struct loss l = { .rig = locked("flr", NULL), .phase = phase };
		const struct exec_watch watch = { .begin = loss_begin, .arg = &l };

		l.rig->quirk = rig_parse_text("decodes.quirk", text);
		exec_attempt(l.rig->hw, &l.rig->plan, plan_has(l.rig, "sequence s"),
			     &watch, 0, &out);
		assert_true(l.lost);
		assert_int_equal(out.result,
				 phase == PHASE_ACT ? EXEC_FAILED : EXEC_HEALTHY);
		assert_int_equal(out.nfailed, phase == PHASE_ACT);
		assert_int_equal(out.undo.code, 0);
		rig_close(l.rig);
	}
}

/* What vfio-pci drops is dropped here, too, so that the table is worth something. */
static void test_drops(void **state)
{
	struct rig *r = locked("fury", FIJI);
	uint32_t was, now;
	unsigned cap;

	(void)state;
	hw_cfg_read(r->sim, rig_fn(r, 0), PCI_COMMAND, 2, &was, NULL);
	assert_int_equal(hw_cfg_write(r->sim, rig_fn(r, 0), PCI_COMMAND, 2, 0, NULL),
			 -EPERM);
	assert_int_equal(hw_vfio_open(r->hw, rig_fn(r, 0), NULL), 0);
	assert_int_equal(hw_vfio_open(r->hw, rig_fn(r, 0), NULL), -EBUSY);
	assert_int_equal(hw_find_cap(r->sim, rig_fn(r, 0), PCI_CAP_ID_EXP, false, &cap,
				     NULL), 0);
	hw_cfg_read(r->sim, rig_fn(r, 0), cap + PCI_EXP_LNKCTL, 2, &was, NULL);
	assert_int_equal(hw_cfg_write(r->hw, rig_fn(r, 0), cap + PCI_EXP_LNKCTL, 2,
				      was ^ 0x40, NULL), 0);
	hw_cfg_read(r->sim, rig_fn(r, 0), cap + PCI_EXP_LNKCTL, 2, &now, NULL);
	assert_int_equal(now, was);
	hw_cfg_write(r->hw, rig_fn(r, 0), PCI_COMMAND, 2, 0, NULL);
	assert_int_equal(hw_bar_read(r->hw, rig_fn(r, 0), 5, 0x5428, &now, NULL), -EIO);
	hw_cfg_write(r->hw, rig_fn(r, 0), PCI_COMMAND, 2, 3, NULL);
	assert_int_equal(hw_bar_read(r->hw, rig_fn(r, 0), 5, 0x5428, &now, NULL), 0);
	assert_int_equal(now, 0x1000);
	hw_vfio_close(r->hw, rig_fn(r, 0));
	assert_int_equal(hw_bar_read(r->hw, rig_fn(r, 0), 5, 0x5428, &now, NULL), -EPERM);
	/* both functions on vfio-pci and idle: the close has reset their bus */
	assert_int_equal(rig_truth(r, "bus_resets"), 1);
	rig_close(r);
}

/* --- killed anywhere -------------------------------------------------------------- */

struct cut {
	jmp_buf out;
	size_t at, n;
};

static void cut_begin(void *arg, const struct attempt *a, const struct step *s)
{
	struct cut *c = arg;

	(void)a;
	(void)s;
	if (c->n++ == c->at)
		longjmp(c->out, 1);
}

/* The worker is gone before step @at; its descriptors are closed with it. */
static bool cut_run(struct rig *r, size_t at, const char *dir)
{
	static struct exec_outcome out;
	struct cut c = { .at = at };
	struct exec_watch watch = { .begin = cut_begin, .arg = &c };
	struct journal j;
	bool killed;

	assert_int_equal(journal_open(&j, dir, r->slot, NULL), 0);
	watch.keep = &j.keep;
	killed = setjmp(c.out) != 0;
	if (!killed)
		exec_attempt(r->hw, &r->plan, rig_attempt(r, "sequence baco"), &watch, 0,
			     &out);
	hw_vfio_close(r->sim, rig_fn(r, 0));
	journal_leave(&j);
	return killed;
}

static void test_killed(void **state)
{
	char dir[] = "/tmp/gpureset-lockdown.XXXXXX";
	size_t kills = 0, recovered = 0;
	unsigned refusals = 0;

	(void)state;
	assert_non_null(mkdtemp(dir));
	for (bool more = true; more; kills += more) {
		struct rig *r = locked("fury", FIJI);
		struct rig_state before;
		struct recovery rec = { 0 };
		struct err err = { 0 };

		hw_shim_trace(r->hw, count_refusals, &refusals);
		plan_has(r, "sequence baco");
		rig_remember(r, &before);
		before.fn[before.n - 2].command &= ~(uint32_t)PCI_COMMAND_MASTER;
		before.fn[before.n - 2].command |= PCI_COMMAND_MEMORY;
		more = cut_run(r, kills, dir);
		assert_int_equal(recover_slot(r->hw, dir, r->slot, NULL, &rec, &err), 0);
		if (rec.failed)
			fail_msg("killed before step %zu: %s", kills, rec.first.text);
		hw_cfg_read(r->sim, rig_fn(r, 0), PCI_COMMAND, 2,
			    &before.fn[before.n - 2].command, NULL);
		if (rig_changed(r, &before, false))
			fail_msg("killed before step %zu: %s", kills,
				 rig_changed(r, &before, false));
		assert_int_equal(rig_truth(r, "bus_resets"), 0);
		recovered += more;
		rig_close(r);
	}
	rmdir(dir);
	assert_int_equal(refusals, 0);
	assert_true(kills > 100);
	printf("count: kills under lockdown, simulated: %zu\n", kills);
	printf("count: kills under lockdown, simulated, recovered: %zu\n", recovered);
}

/* --- every program there is ------------------------------------------------------- */

struct sums {
	size_t offered, refused;
	unsigned refusals;
};

static void program_run(const struct quirk *q, const char *method, struct sums *sums)
{
	static struct trial t;
	const struct trial_case how = { .lockdown = true, .trace = count_refusals,
					.trace_arg = &sums->refusals };

	trial_run(&t, q, method, &how);
	if (!t.attempt) {
		sums->refused++;
		if (!t.err.code || !strstr(t.err.text, "kernel lockdown"))
			fail_msg("%s: %s: %s", q->file, method, t.err.text);
	} else {
		sums->offered++;
		if (t.out.result != EXEC_HEALTHY)
			fail_msg("%s: %s: %s", q->file, method, t.out.err.text);
	}
	trial_close(&t);
}

static void test_database(void **state)
{
	static const char *const dirs[] = { "quirks", NULL };
	struct quirk_db db = { 0 };
	struct sums sums = { 0 };
	struct diag diag;
	char method[64];

	(void)state;
	diag_init(&diag);
	assert_int_equal(quirk_db_load(&db, dirs, false, &diag, NULL), 0);
	for (size_t i = 0; i < db.n; i++) {
		const struct quirk *q = db.quirk[i];

		for (size_t k = 0; k < q->nsequences; k++) {
			snprintf(method, sizeof(method), "sequence %s",
				 q->sequences[k].name);
			program_run(q, method, &sums);
		}
	}
	printf("count: programs offered under lockdown: %zu\n", sums.offered);
	printf("count: programs refused under lockdown with a reason: %zu\n",
	       sums.refused);
	assert_int_equal(sums.refusals, 0);
	assert_true(sums.offered > 20 && sums.refused > 3);
	quirk_db_free(&db);
	diag_free(&diag);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_offered), cmocka_unit_test(test_unable),
		cmocka_unit_test(test_group), cmocka_unit_test(test_alone),
		cmocka_unit_test(test_one_function),
		cmocka_unit_test(test_unreached), cmocka_unit_test(test_held),
		cmocka_unit_test(test_enabled),
		cmocka_unit_test(test_variant),
		cmocka_unit_test(test_baco), cmocka_unit_test(test_muted),
		cmocka_unit_test(test_decodes), cmocka_unit_test(test_drops),
		cmocka_unit_test(test_killed), cmocka_unit_test(test_database),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
