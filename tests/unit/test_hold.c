// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What is held for a VM and put back, on simulated machines: each rule, each access
 * failing, foreign changes in between; the file it is remembered in; missing cards.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <linux/pci_regs.h>

#include "base/diag.h"
#include "cmd/hook_held.h"
#include "hw/hw_write.h"
#include "cmd/hook_held.h"
#include "plan/hold.h"
#include "run/held.h"
#include "sim_rig.h"

#define ALL (HOLD_VFIO | HOLD_AWAKE | HOLD_PIN)

/* --- a machine and what is seen of it ------------------------------------------- */

struct look {
	char text[4096];
};

static void look_fn(struct rig *r, struct bdf bdf, struct look *l)
{
	static const char *const names[] = {
		"power/control", "d3cold_allowed", "reset_method", "driver",
		"driver_override",
	};
	char name[BDF_STR], value[80];

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		size_t n = strlen(l->text);

		if (hw_attr_read(r->sim, bdf, names[i], value, sizeof(value), NULL))
			snprintf(value, sizeof(value), "(none)");
		assert_true(n + 200 < sizeof(l->text));
		snprintf(l->text + n, sizeof(l->text) - n, "%s %s = %s\n",
			 bdf_str(bdf, name), names[i], value);
	}
}

/* Everything that can be held, as it is now. */
static struct look look(struct rig *r)
{
	struct look l = { "" };

	for (size_t i = 0; i < r->nbridges; i++)
		look_fn(r, r->bridge[i], &l);
	for (unsigned fn = 0; fn < SLOT_FNS; fn++)
		if (hw_sim_known(r->sim, rig_fn(r, fn)))
			look_fn(r, rig_fn(r, fn), &l);
	return l;
}

static void assert_same(const struct look *a, const struct look *b)
{
	assert_string_equal(a->text, b->text);
}

static void assert_attr(struct rig *r, struct bdf bdf, const char *name,
			const char *want)
{
	char value[80], text[BDF_STR];

	if (hw_attr_read(r->sim, bdf, name, value, sizeof(value), NULL))
		snprintf(value, sizeof(value), "(none)");
	if (strcmp(value, want))
		fail_msg("%s %s is '%s', wanted '%s'", bdf_str(bdf, text), name, value,
			 want);
}

static void assert_says(const char *text, const char *word)
{
	if (!strstr(text, word))
		fail_msg("'%s' is not in: %s", word, text);
}

static void set_auto(struct rig *r)
{
	for (unsigned fn = 0; fn < SLOT_FNS; fn++)
		if (hw_sim_known(r->sim, rig_fn(r, fn)))
			hw_sim_attr(r->sim, rig_fn(r, fn), "power/control", "auto");
	for (size_t i = 0; i < r->nbridges; i++)
		hw_sim_attr(r->sim, r->bridge[i], "power/control", "auto");
}

/* A card on its host drivers, everything allowed to sleep. */
static struct rig *host_rig(const char *kind, enum rig_place place)
{
	struct rig *r = rig_open(kind, place);

	hw_sim_attr(r->sim, rig_fn(r, 0), "driver", "amdgpu");
	hw_sim_attr(r->sim, rig_fn(r, 1), "driver", "snd_hda_intel");
	set_auto(r);
	return r;
}

/* --- holding and putting back --------------------------------------------------- */

struct done {
	int rc;                         /* of the plan */
	struct err err;
	size_t steps;
	struct exec_outcome out;
};

/* Plan a hold in r->plan, facts in r->target. */
static int hold_only(struct rig *r, unsigned what, struct hold *h, struct err *err)
{
	struct err bad = { 0 };

	if (rig_plan(r, NULL, &bad))
		fail_msg("facts: %s", bad.text);
	plan_free(&r->plan);
	return hold_plan(&r->plan, r->hw, &r->target, r->quirk, &r->hits, what, h, err);
}

static struct done hold(struct rig *r, unsigned what, struct hold *h)
{
	struct done d = { 0 };

	d.rc = hold_only(r, what, h, &d.err);
	if (d.rc)
		return d;
	d.steps = r->plan.attempt[0].nsteps;
	exec_attempt(r->hw, &r->plan, &r->plan.attempt[0], NULL, 0, &d.out);
	if (d.out.err.code)
		d.err = d.out.err;
	return d;
}

/* The hold that a test takes for granted. Returns how many steps there were. */
static size_t hold_ok(struct rig *r, unsigned what, struct hold *h)
{
	struct done d = hold(r, what, h);

	if (d.rc || d.err.code)
		fail_msg("hold: %s", d.err.text);
	assert_int_equal(d.out.result, EXEC_HEALTHY);
	return d.steps;
}

static struct done back(struct rig *r, const struct quirk *q, struct hold *h,
			bool drivers)
{
	struct done d = { 0 };
	struct plan plan;

	hold_back_plan(&plan, r->hw, q, h, drivers);
	d.steps = plan.attempt[0].nsteps;
	exec_attempt(r->hw, &plan, &plan.attempt[0], NULL, 0, &d.out);
	d.err = d.out.err;
	plan_free(&plan);
	hold_left(r->hw, q, drivers, h);
	return d;
}

static size_t back_ok(struct rig *r, struct hold *h, bool drivers)
{
	struct done d = back(r, NULL, h, drivers);

	if (d.err.code)
		fail_msg("back: %s", d.err.text);
	assert_int_equal(d.out.result, EXEC_HEALTHY);
	return d.steps;
}

static const struct hold_item *item(struct hold *h, struct bdf fn, const char *name)
{
	const struct hold_item *it = hold_find(h, fn, name);

	assert_non_null(it);
	return it;
}

static const struct step *step_of(const struct rig *r, enum step_kind kind,
				  struct bdf fn, const char *name)
{
	const struct attempt *a = &r->plan.attempt[0];

	for (size_t i = 0; i < a->nsteps; i++)
		if (a->step[i].kind == kind && bdf_eq(a->step[i].fn, fn) &&
		    (!name || !strcmp(a->step[i].name, name)))
			return &a->step[i];
	fail_msg("no such step: kind %d, %s", kind, name ? name : "");
	return NULL;
}

/* --- D0 ------------------------------------------------------------------------- */

static void test_awake(void **state)
{
	struct rig *r = rig_open("navi", RIG_SWITCH);
	static struct hold h;
	struct look before, held, after;
	size_t n;

	(void)state;
	h.n = 0;
	set_auto(r);
	before = look(r);
	assert_true(hold_ok(r, HOLD_AWAKE, &h) > 0);
	held = look(r);
	assert_null(strstr(held.text, "control = auto"));
	assert_null(strstr(held.text, "d3cold_allowed = 1"));
	n = h.n;
	assert_int_equal(n, 2 * (r->nbridges + r->target.nfns));
	assert_string_equal(item(&h, r->bridge[0], "power/control")->old, "auto");
	assert_string_equal(item(&h, r->bridge[0], "power/control")->set, "on");
	assert_string_equal(item(&h, rig_fn(r, 0), "d3cold_allowed")->old, "1");
	assert_string_equal(item(&h, rig_fn(r, 0), "d3cold_allowed")->set, "0");
	assert_int_equal(hold_ok(r, HOLD_AWAKE, &h), 0);
	assert_int_equal(h.n, n);
	assert_int_equal(back_ok(r, &h, true), n);
	after = look(r);
	assert_same(&before, &after);
	assert_int_equal(h.n, 0);
	rig_close(r);
}

static bool is_attr(const struct step *s, const char *name)
{
	return s->kind == STEP_ATTR && !strcmp(s->name, name);
}

/*
 * The way down from the root first; vfio-pci before power/control of the function, as
 * its probe changes that; D0 is waited for when all is awake; only then methods.
 */
static void test_order(void **state)
{
	static const struct quirk pins = { .file = "q", .pin = { "why", 7 },
					   .pin_methods = "" };
	struct rig *r = host_rig("navi", RIG_SWITCH);
	const struct attempt *a;
	static struct hold h;
	size_t bridges = 0, rank = 0;

	(void)state;
	h.n = 0;
	r->quirk = &pins;
	assert_int_equal(hold_only(r, ALL, &h, NULL), 0);
	a = &r->plan.attempt[0];
	for (size_t i = 0; i < a->nsteps; i++) {
		const struct step *s = &a->step[i];
		size_t now = s->kind == STEP_BIND ? 2 : s->kind == STEP_WAIT ? 4 :
			     is_attr(s, "reset_method") ? 5 : 3;

		if (is_attr(s, "d3cold_allowed") && bdf_same_slot(s->fn, r->slot))
			now = 1;
		if (!bdf_same_slot(s->fn, r->slot)) {
			assert_true(bdf_eq(s->fn, r->bridge[bridges / 2]));
			bridges++;
			now = 0;
		}
		assert_true(now >= rank);
		rank = now;
	}
	assert_int_equal(bridges, 2 * r->nbridges);
	assert_int_equal(rank, 5);
	rig_close(r);
}

/* Attributes that a kernel or a bridge has not are passed over. */
static void test_awake_absent(void **state)
{
	struct rig *r = rig_open("flr", RIG_ROOT_PORT);
	static struct hold h;

	(void)state;
	h.n = 0;
	set_auto(r);
	hw_sim_attr(r->sim, r->bridge[0], "d3cold_allowed", NULL);
	hw_sim_attr(r->sim, rig_fn(r, 0), "d3cold_allowed", NULL);
	assert_true(hold_ok(r, HOLD_AWAKE, &h) > 0);
	assert_null(hold_find(&h, r->bridge[0], "d3cold_allowed"));
	assert_null(hold_find(&h, rig_fn(r, 0), "d3cold_allowed"));
	assert_non_null(hold_find(&h, rig_fn(r, 1), "d3cold_allowed"));
	assert_attr(r, r->bridge[0], "power/control", "on");
	rig_close(r);
}

/* PMCSR of function 0 says D3hot, whatever is done. */
static bool in_d3hot(void *arg, const struct shim_access *a, uint32_t *value)
{
	const struct rig *r = arg;

	*value = 3;
	return a->kind == SHIM_CFG_READ && bdf_eq(a->bdf, rig_fn(r, 0)) &&
	       a->off == r->target.fn[0].pm_cap + PCI_PM_CTRL;
}

static void test_stays_asleep(void **state)
{
	static const char *const facts[] = {
		"0000:01:00.0", "PMCSR.POWER_STATE", "reads 0x3", "wanted == 0x0",
		"mask 0x3", "for 1000 ms", "must be in D0",
	};
	struct rig *r = rig_open("flr", RIG_ROOT_PORT);
	static struct hold h;
	struct look before, after;
	struct done d;

	(void)state;
	h.n = 0;
	set_auto(r);
	before = look(r);
	assert_int_equal(rig_plan(r, NULL, NULL), 0);
	assert_true(r->target.fn[0].pm_cap > 0);
	hw_shim_filter(r->hw, in_d3hot, r);
	d = hold(r, HOLD_AWAKE, &h);
	hw_shim_filter(r->hw, NULL, NULL);
	assert_int_equal(d.out.result, EXEC_FAILED);
	assert_int_equal(d.err.code, ETIMEDOUT);
	for (size_t i = 0; i < sizeof(facts) / sizeof(*facts); i++)
		assert_says(d.err.text, facts[i]);
	back_ok(r, &h, true);
	after = look(r);
	assert_same(&before, &after);
	rig_close(r);
}

static void test_quirk_only(void **state)
{
	static const struct quirk plain = { .file = "q" };
	static const struct quirk keeps = { .file = "q", .keep_d0 = { "it drops", 3 } };
	struct rig *r = rig_open("flr", RIG_ROOT_PORT);
	static struct hold h;
	size_t n;

	(void)state;
	h.n = 0;
	set_auto(r);
	assert_int_equal(hold_ok(r, HOLD_AWAKE | HOLD_QUIRK_ONLY, &h), 0);
	r->quirk = &plain;
	assert_int_equal(hold_ok(r, HOLD_AWAKE | HOLD_QUIRK_ONLY, &h), 0);
	r->quirk = &keeps;
	assert_true(hold_ok(r, HOLD_AWAKE | HOLD_QUIRK_ONLY, &h) > 0);
	n = h.n;
	assert_int_equal(n, 6);
	/* and it stays so, and stays remembered, when all else is put back */
	assert_int_equal(back(r, &keeps, &h, true).steps, 0);
	assert_int_equal(h.n, n);
	assert_attr(r, r->bridge[0], "power/control", "on");
	assert_attr(r, rig_fn(r, 0), "d3cold_allowed", "0");
	assert_int_equal(back(r, &plain, &h, true).steps, n);
	assert_int_equal(h.n, 0);
	rig_close(r);
}

/* --- drivers -------------------------------------------------------------------- */

static void test_vfio(void **state)
{
	struct rig *r = host_rig("flr", RIG_ROOT_PORT);
	struct look before, after;
	static struct hold h;

	(void)state;
	h.n = 0;
	before = look(r);
	hold_ok(r, ALL, &h);
	for (unsigned fn = 0; fn < 2; fn++) {
		assert_attr(r, rig_fn(r, fn), "driver", "vfio-pci");
		assert_attr(r, rig_fn(r, fn), "power/control", "on");
		assert_attr(r, rig_fn(r, fn), "power_state", "D0");
		assert_attr(r, rig_fn(r, fn), "driver_override", "(null)");
	}
	assert_string_equal(item(&h, rig_fn(r, 0), "driver")->old, "amdgpu");
	assert_string_equal(item(&h, rig_fn(r, 0), "driver")->set, "vfio-pci");
	assert_string_equal(item(&h, rig_fn(r, 1), "driver")->old, "snd_hda_intel");
	assert_int_equal(hold_ok(r, ALL, &h), 0);
	assert_string_equal(item(&h, rig_fn(r, 0), "driver")->old, "amdgpu");
	/* the host drivers are not asked for: they stay remembered */
	back_ok(r, &h, false);
	assert_attr(r, rig_fn(r, 0), "driver", "vfio-pci");
	assert_attr(r, rig_fn(r, 0), "power/control", "auto");
	assert_attr(r, rig_fn(r, 0), "d3cold_allowed", "1");
	assert_int_equal(h.n, 4);
	assert_null(hold_find(&h, rig_fn(r, 0), "d3cold_allowed"));
	back_ok(r, &h, true);
	after = look(r);
	assert_same(&before, &after);
	assert_int_equal(h.n, 0);
	assert_int_equal(hw_sim_dead_probes(r->sim), 0);
	rig_close(r);
}

/* "on" is written after the bind though it was "on" before, and is no item. */
static void test_vfio_on_before(void **state)
{
	struct rig *r = rig_open("flr", RIG_ROOT_PORT);
	static struct hold h;

	(void)state;
	h.n = 0;
	assert_attr(r, rig_fn(r, 0), "power/control", "on");
	hold_ok(r, ALL, &h);
	assert_attr(r, rig_fn(r, 0), "driver", "vfio-pci");
	assert_attr(r, rig_fn(r, 0), "power/control", "on");
	assert_attr(r, rig_fn(r, 0), "power_state", "D0");
	assert_null(hold_find(&h, rig_fn(r, 0), "power/control"));
	/* none was bound, so none is remembered */
	assert_null(hold_find(&h, rig_fn(r, 0), "driver"));
	assert_int_equal(hold_ok(r, ALL, &h), 0);
	rig_close(r);
}

static void test_pci_stub(void **state)
{
	struct rig *r = rig_open("flr", RIG_ROOT_PORT);
	struct look before, after;
	static struct hold h;

	(void)state;
	h.n = 0;
	hw_sim_driver(r->sim, "pci-stub");
	hw_sim_attr(r->sim, rig_fn(r, 0), "driver", "pci-stub");
	hw_sim_attr(r->sim, rig_fn(r, 1), "driver", "pci-stub");
	before = look(r);
	hold_ok(r, ALL, &h);
	assert_attr(r, rig_fn(r, 0), "driver", "vfio-pci");
	assert_string_equal(item(&h, rig_fn(r, 0), "driver")->old, "pci-stub");
	back_ok(r, &h, true);
	after = look(r);
	assert_same(&before, &after);
	assert_int_equal(h.n, 0);
	rig_close(r);
}

/* Without vfio-pci the host driver is taken off; pci-stub may stay. */
static void test_no_vfio(void **state)
{
	struct rig *r = host_rig("flr", RIG_ROOT_PORT);
	struct look before, after;
	static struct hold h;

	(void)state;
	h.n = 0;
	hw_sim_driver(r->sim, "pci-stub");
	hw_sim_attr(r->sim, rig_fn(r, 1), "driver", "pci-stub");
	hw_sim_host(r->sim, "/sys/bus/pci/drivers/vfio-pci", NULL);
	before = look(r);
	hold_ok(r, ALL, &h);
	assert_attr(r, rig_fn(r, 0), "driver", "(none)");
	assert_attr(r, rig_fn(r, 1), "driver", "pci-stub");
	assert_string_equal(item(&h, rig_fn(r, 0), "driver")->set, "");
	assert_null(hold_find(&h, rig_fn(r, 1), "driver"));
	assert_int_equal(hold_ok(r, ALL, &h), 0);
	back_ok(r, &h, true);
	after = look(r);
	assert_same(&before, &after);
	rig_close(r);
}

/* The older driver stays remembered, until another one of the host is bound. */
static void test_newer_driver(void **state)
{
	struct rig *r = host_rig("flr", RIG_ROOT_PORT);
	static struct hold h;

	(void)state;
	h.n = 0;
	hw_sim_driver(r->sim, "nouveau");
	hold_ok(r, ALL, &h);
	hw_sim_attr(r->sim, rig_fn(r, 0), "driver", NULL);
	hold_ok(r, ALL, &h);
	assert_string_equal(item(&h, rig_fn(r, 0), "driver")->old, "amdgpu");
	hw_sim_attr(r->sim, rig_fn(r, 0), "driver", "nouveau");
	hold_ok(r, ALL, &h);
	assert_string_equal(item(&h, rig_fn(r, 0), "driver")->old, "nouveau");
	/* somebody has bound one since: that one stays, and the item goes */
	hw_sim_attr(r->sim, rig_fn(r, 0), "driver", "amdgpu");
	back_ok(r, &h, true);
	assert_attr(r, rig_fn(r, 0), "driver", "amdgpu");
	assert_attr(r, rig_fn(r, 1), "driver", "snd_hda_intel");
	assert_int_equal(h.n, 0);
	rig_close(r);
}

/* One function asked for: the others keep all they have, the path does not. */
static void test_one_function(void **state)
{
	struct rig *r = host_rig("flr", RIG_ROOT_PORT);
	static struct hold h;

	(void)state;
	h.n = 0;
	r->spec = (struct bdf_spec){ .bdf = rig_fn(r, 1) };
	hold_ok(r, ALL, &h);
	assert_attr(r, rig_fn(r, 1), "driver", "vfio-pci");
	assert_attr(r, rig_fn(r, 0), "driver", "amdgpu");
	assert_attr(r, rig_fn(r, 0), "power/control", "auto");
	assert_attr(r, rig_fn(r, 0), "d3cold_allowed", "1");
	assert_attr(r, r->bridge[0], "power/control", "on");
	rig_close(r);
}

/* Woken, but nothing else: neither a driver nor a list of methods. */
static void test_silent(void **state)
{
	static const struct quirk pins = { .file = "q", .pin = { "why", 7 },
					   .pin_methods = "" };
	struct rig *r = host_rig("flr", RIG_ROOT_PORT);
	static struct hold h;
	struct done d;

	(void)state;
	h.n = 0;
	r->quirk = &pins;
	card_kill(r->card);
	d = hold(r, ALL, &h);
	assert_int_equal(d.rc, 0);
	assert_int_equal(d.out.err.code, 0);
	assert_int_equal(d.out.result, EXEC_HEALTHY);
	assert_attr(r, rig_fn(r, 0), "driver", "amdgpu");
	assert_attr(r, rig_fn(r, 0), "power/control", "on");
	assert_attr(r, rig_fn(r, 0), "d3cold_allowed", "0");
	assert_attr(r, rig_fn(r, 0), "reset_method", "flr bus");
	rig_close(r);
}

/* It died while it was held: its own driver is not let near it. */
static void test_died(void **state)
{
	struct rig *r = host_rig("flr", RIG_ROOT_PORT);
	static struct hold h;

	(void)state;
	h.n = 0;
	hold_ok(r, ALL, &h);
	card_kill(r->card);
	back_ok(r, &h, true);
	assert_attr(r, rig_fn(r, 0), "driver", "vfio-pci");
	assert_attr(r, r->bridge[0], "power/control", "auto");
	assert_int_equal(h.n, 4);
	assert_non_null(hold_find(&h, rig_fn(r, 0), "driver"));
	assert_int_equal(hw_sim_dead_probes(r->sim), 0);
	rig_close(r);
}

/* --- pins ----------------------------------------------------------------------- */

/* The display function's list emptied; its stale "bus" does not come back. */
static void test_pin_none(void **state)
{
	static const struct quirk none = { .file = "quirks/x.quirk",
					   .pin = { "why", 43 }, .pin_methods = "" };
	static const struct quirk flr = { .file = "quirks/y.quirk",
					  .pin = { "why", 9 }, .pin_methods = "flr" };
	struct rig *r = rig_open("flr", RIG_ROOT_PORT);
	static struct hold h;

	(void)state;
	h.n = 0;
	r->quirk = &none;
	r->hits.fn[1] = &flr;
	assert_attr(r, rig_fn(r, 0), "reset_method", "flr bus");
	assert_int_equal(hold_ok(r, HOLD_PIN, &h), 1);
	assert_attr(r, rig_fn(r, 0), "reset_method", "");
	assert_attr(r, rig_fn(r, 1), "reset_method", "flr");
	assert_int_equal(h.n, 1);
	assert_string_equal(item(&h, rig_fn(r, 0), "reset_method")->old, "flr bus");
	assert_int_equal(hold_ok(r, HOLD_PIN, &h), 0);
	assert_int_equal(back_ok(r, &h, true), 1);
	assert_attr(r, rig_fn(r, 0), "reset_method", "flr");
	assert_int_equal(h.n, 0);
	rig_close(r);
}

/* Each function by its own entry: the display function's is not for the sound. */
static void test_pin_own(void **state)
{
	static const struct quirk none = { .file = "quirks/y.quirk",
					   .pin = { "why", 9 }, .pin_methods = "" };
	static const struct quirk broken = { .file = "quirks/z.quirk", .broken = true,
					     .pin = { "why", 9 }, .pin_methods = "" };
	struct rig *r = rig_open("flr", RIG_ROOT_PORT);
	static struct hold h;

	(void)state;
	h.n = 0;
	r->quirk = &broken;
	r->hits.fn[1] = &none;
	hold_ok(r, ALL, &h);
	assert_attr(r, rig_fn(r, 0), "reset_method", "flr bus");
	assert_attr(r, rig_fn(r, 1), "reset_method", "");
	back_ok(r, &h, true);
	assert_attr(r, rig_fn(r, 1), "reset_method", "flr");
	rig_close(r);
}

/* Nothing but a stale "bus": the kernel's own list is what remains of it. */
static void test_pin_stale(void **state)
{
	static const struct quirk none = { .file = "q", .pin = { "why", 1 },
					   .pin_methods = "" };
	struct rig *r = rig_open("navi", RIG_SWITCH);
	static struct hold h;
	const struct step *s;
	struct plan plan;

	(void)state;
	h.n = 0;
	r->quirk = &none;
	assert_attr(r, rig_fn(r, 0), "reset_method", "bus");
	hold_ok(r, ALL, &h);
	assert_attr(r, rig_fn(r, 0), "reset_method", "");
	hold_back_plan(&plan, r->hw, NULL, &h, true);
	s = &plan.attempt[0].step[0];
	assert_string_equal(s->name, "reset_method");
	assert_string_equal(s->text, "default");
	plan_free(&plan);
	back_ok(r, &h, true);
	assert_int_equal(h.n, 0);
	rig_close(r);
}

/* A method the kernel does not offer: which entry asked, and the rest can go back. */
static void test_pin_refused(void **state)
{
	static const struct quirk pm = { .file = "quirks/x.quirk", .pin = { "why", 43 },
					 .pin_methods = "device_specific" };
	struct rig *r = host_rig("flr", RIG_ROOT_PORT);
	struct look before, after;
	static struct hold h;
	struct done d;

	(void)state;
	h.n = 0;
	r->quirk = &pm;
	before = look(r);
	d = hold(r, ALL, &h);
	assert_int_equal(d.rc, 0);
	assert_int_equal(d.out.result, EXEC_FAILED);
	assert_int_equal(d.err.code, EINVAL);
	assert_says(d.err.text, "quirks/x.quirk:43");
	assert_says(d.err.text, "0000:01:00.0");
	assert_says(d.err.text, "reset_method");
	assert_attr(r, rig_fn(r, 0), "reset_method", "flr bus");
	back_ok(r, &h, true);
	after = look(r);
	assert_same(&before, &after);
	assert_int_equal(h.n, 0);
	rig_close(r);
}

/* No such attribute: an old kernel, or a function that no reset is for. */
static void test_pin_absent(void **state)
{
	static const struct quirk none = { .file = "quirks/x.quirk",
					   .pin = { "why", 43 }, .pin_methods = "" };
	static const struct quirk flr = { .file = "quirks/x.quirk",
					  .pin = { "why", 43 }, .pin_methods = "flr" };
	struct rig *r = rig_open("flr", RIG_ROOT_PORT);
	static struct hold h;
	struct err err = { 0 };

	(void)state;
	h.n = 0;
	hw_sim_attr(r->sim, rig_fn(r, 0), "reset_method", NULL);
	r->quirk = &none;
	assert_int_equal(hold_only(r, HOLD_PIN, &h, &err), -EOPNOTSUPP);
	assert_says(err.text, "quirks/x.quirk:43: 0000:01:00.0: ");
	assert_says(err.text, "5.15");
	hw_sim_attr(r->sim, rig_fn(r, 0), "reset", NULL);
	assert_int_equal(hold_ok(r, HOLD_PIN, &h), 0);
	r->quirk = &flr;
	assert_int_equal(hold_only(r, HOLD_PIN, &h, &err), -EOPNOTSUPP);
	assert_says(err.text, "pinned to 'flr': the kernel offers no reset");
	assert_int_equal(h.n, 0);
	rig_close(r);
}

/* The entry that is shipped, as it is read. */
static void test_pin_shipped(void **state)
{
	static const char *const dirs[] = { "quirks", NULL };
	struct rig *r = host_rig("vega10", RIG_SWITCH);
	static struct hold h;
	struct diag diag;
	struct quirk *q;
	struct err err = { 0 };

	(void)state;
	h.n = 0;
	diag_init(&diag);
	q = quirk_load("quirks/amd-vega10.quirk", dirs, false, &diag, &err);
	assert_non_null(q);
	assert_int_equal(diag.errors, 0);
	r->quirk = q;
	hold_ok(r, ALL, &h);
	assert_attr(r, rig_fn(r, 0), "reset_method", "");
	assert_attr(r, rig_fn(r, 0), "driver", "vfio-pci");
	assert_int_equal(back(r, q, &h, true).err.code, 0);
	assert_attr(r, rig_fn(r, 0), "driver", "amdgpu");
	assert_attr(r, rig_fn(r, 0), "d3cold_allowed", "0");
	assert_attr(r, r->bridge[1], "power/control", "on");
	quirk_free(q);
	diag_free(&diag);
	r->quirk = NULL;
	rig_close(r);
}

/* --- what happens in between ---------------------------------------------------- */

static void test_foreign(void **state)
{
	static const struct rig_plain one = { 0x10de, 0x1234, 0x030000, true, true,
					      false };
	static const struct quirk flr = { .file = "q", .pin = { "why", 1 },
					  .pin_methods = "flr" };
	struct rig *r = rig_open_plain(&one, RIG_ROOT_PORT);
	static struct hold h;

	(void)state;
	h.n = 0;
	r->quirk = &flr;
	assert_attr(r, rig_fn(r, 0), "reset_method", "flr pm bus");
	hold_ok(r, HOLD_PIN | HOLD_AWAKE, &h);
	assert_attr(r, rig_fn(r, 0), "reset_method", "flr");
	hw_attr_write(r->sim, rig_fn(r, 0), "reset_method", "pm", NULL);
	back_ok(r, &h, true);
	assert_attr(r, rig_fn(r, 0), "reset_method", "pm");
	assert_attr(r, rig_fn(r, 0), "d3cold_allowed", "1");
	assert_int_equal(h.n, 0);
	rig_close(r);
}

/* After a reset that removed the functions they are held again, as they were first. */
static void test_removed(void **state)
{
	static const struct quirk none = { .file = "q", .pin = { "why", 1 },
					   .pin_methods = "" };
	struct rig *r = host_rig("flr", RIG_ROOT_PORT);
	struct look held, again;
	struct exec_outcome out;
	static struct hold h, first;

	(void)state;
	h.n = 0;
	r->quirk = &none;
	hold_ok(r, ALL, &h);
	held = look(r);
	first = h;
	assert_int_equal(rig_plan(r, NULL, NULL), 0);
	exec_attempt(r->hw, &r->plan, rig_attempt(r, "bus at 0000:00:01.0"), NULL, 0,
		     &out);
	assert_int_equal(out.result, EXEC_HEALTHY);
	assert_attr(r, rig_fn(r, 0), "d3cold_allowed", "1");
	assert_true(hold_ok(r, ALL, &h) > 0);
	again = look(r);
	assert_same(&held, &again);
	assert_int_equal(h.n, first.n);
	for (size_t i = 0; i < h.n; i++)
		assert_string_equal(h.item[i].old, first.item[i].old);
	assert_int_equal(hold_ok(r, ALL, &h), 0);
	back_ok(r, &h, true);
	assert_attr(r, rig_fn(r, 0), "reset_method", "flr");
	assert_attr(r, rig_fn(r, 0), "power/control", "auto");
	assert_attr(r, rig_fn(r, 1), "driver", "snd_hda_intel");
	assert_int_equal(h.n, 0);
	rig_close(r);
}

/* A function that has left the bus: passed over, its driver not forgotten. */
static void test_gone(void **state)
{
	struct rig *r = host_rig("flr", RIG_ROOT_PORT);
	static struct hold h;

	(void)state;
	h.n = 0;
	hold_ok(r, ALL, &h);
	hw_attr_write(r->sim, rig_fn(r, 1), "remove", "1", NULL);
	back_ok(r, &h, true);
	assert_attr(r, rig_fn(r, 0), "driver", "amdgpu");
	assert_attr(r, rig_fn(r, 0), "power/control", "auto");
	assert_int_equal(h.n, 1);
	assert_string_equal(item(&h, rig_fn(r, 1), "driver")->old, "snd_hda_intel");
	rig_close(r);
}

/* One thing cannot be put back: the others are, and it stays remembered. */
static void test_back_fails(void **state)
{
	static const struct quirk none = { .file = "q", .pin = { "why", 1 },
					   .pin_methods = "" };
	struct rig *r = host_rig("flr", RIG_ROOT_PORT);
	static struct hold h;
	struct hold_item *it;
	struct done d;

	(void)state;
	h.n = 0;
	r->quirk = &none;
	hold_ok(r, ALL, &h);
	it = hold_find(&h, rig_fn(r, 0), "reset_method");
	snprintf(it->old, sizeof(it->old), "acpi");
	d = back(r, NULL, &h, true);
	assert_int_equal(d.err.code, EINVAL);
	assert_int_equal(d.out.nfailed, 1);
	assert_says(d.err.text, "put back");
	assert_says(d.err.text, "reset_method");
	assert_int_equal(h.n, 1);
	assert_string_equal(h.item[0].name, "reset_method");
	assert_attr(r, rig_fn(r, 0), "driver", "amdgpu");
	assert_attr(r, rig_fn(r, 0), "power/control", "auto");
	assert_attr(r, r->bridge[0], "d3cold_allowed", "1");
	rig_close(r);
}

static bool stop_now(void *arg)
{
	(void)arg;
	return true;
}

/* A hook that is told to end puts back all the same. */
static void test_back_unstopped(void **state)
{
	const struct exec_watch watch = { .stop = stop_now };
	struct rig *r = host_rig("flr", RIG_ROOT_PORT);
	struct look before, after;
	struct exec_outcome out;
	static struct hold h;
	struct plan plan;

	(void)state;
	h.n = 0;
	before = look(r);
	hold_ok(r, ALL, &h);
	hold_back_plan(&plan, r->hw, NULL, &h, true);
	exec_attempt(r->hw, &plan, &plan.attempt[0], &watch, 0, &out);
	plan_free(&plan);
	after = look(r);
	assert_same(&before, &after);
	rig_close(r);
}

static void test_too_many(void **state)
{
	struct rig *r = rig_open("flr", RIG_ROOT_PORT);
	static struct hold h;
	struct err err = { 0 };

	(void)state;
	memset(&h, 0, sizeof(h));
	for (h.n = 0; h.n < HOLD_MOST; h.n++)
		h.item[h.n].fn = (struct bdf){ .domain = 9, .bus = (uint8_t)h.n };
	set_auto(r);
	assert_int_equal(hold_only(r, HOLD_AWAKE, &h, &err), -E2BIG);
	assert_says(err.text, "d3cold_allowed");
	assert_int_equal(h.n, HOLD_MOST);
	rig_close(r);
}

/*
 * Access number @nth of planning and doing fails. What was begun can be put back from
 * what was remembered, and what was not failed is held. False: there were fewer.
 */
static bool hold_fault(uint64_t nth)
{
	static const struct quirk none = { .file = "q", .pin = { "why", 1 },
					   .pin_methods = "flr" };
	struct rig *r = host_rig("flr", RIG_ROOT_PORT);
	struct look before, after;
	struct exec_outcome out = { 0 };
	static struct hold h;
	bool hit;
	int rc;

	h.n = 0;
	r->quirk = &none;
	hw_attr_write(r->sim, rig_fn(r, 0), "reset_method", "", NULL);
	before = look(r);
	assert_int_equal(rig_plan(r, NULL, NULL), 0);
	plan_free(&r->plan);
	hw_shim_arm(r->hw, SHIM_FAIL, nth, r->slot);
	rc = hold_plan(&r->plan, r->hw, &r->target, r->quirk, NULL, ALL, &h, NULL);
	if (!rc)
		exec_attempt(r->hw, &r->plan, &r->plan.attempt[0], NULL, 0, &out);
	hit = hw_shim_hit(r->hw);
	hw_shim_arm(r->hw, SHIM_NONE, 0, r->slot);
	if (!rc && !out.err.code)
		assert_attr(r, rig_fn(r, 0), "driver", "vfio-pci");
	back_ok(r, &h, true);
	after = look(r);
	if (strcmp(before.text, after.text))
		fail_msg("access %u fails: was\n%sis\n%s(%s)", (unsigned)nth,
			 before.text, after.text, out.err.text);
	assert_int_equal(h.n, 0);
	rig_close(r);
	return hit;
}

static void test_hold_faults(void **state)
{
	uint64_t n = 1;

	(void)state;
	while (hold_fault(n))
		n++;
	print_message("count: accesses failed: %u\n", (unsigned)n - 1);
	assert_true(n > 25);
}

/* --- cards that are not there ---------------------------------------------------- */

static void remove_card(struct rig *r)
{
	for (unsigned fn = SLOT_FNS; fn-- > 0;)
		if (hw_sim_known(r->sim, rig_fn(r, fn)))
			hw_attr_write(r->sim, rig_fn(r, fn), "remove", "1", NULL);
}

/* Look for the rig's card; the steps are in r->plan. */
static struct exec_outcome look_for(struct rig *r, uint64_t limit_us)
{
	struct exec_outcome out;

	plan_free(&r->plan);
	missing_plan(&r->plan, r->hw, &r->spec, limit_us);
	exec_attempt(r->hw, &r->plan, &r->plan.attempt[0], NULL, 0, &out);
	return out;
}

static void test_missing(void **state)
{
	struct rig *r = rig_open("navi", RIG_SWITCH);
	const struct step *s;
	struct look before, after;
	struct exec_outcome out;
	char line[200];

	(void)state;
	before = look(r);
	remove_card(r);
	out = look_for(r, 5000000);
	assert_int_equal(out.result, EXEC_HEALTHY);
	assert_true(hw_sim_known(r->sim, rig_fn(r, 0)));
	assert_true(hw_sim_known(r->sim, rig_fn(r, 1)));
	s = step_of(r, STEP_APPEAR, rig_fn(r, 0), NULL);
	assert_true(bdf_eq(s->aux, rig_bdf("02:00.0")));
	step_print(s, line, sizeof(line));
	assert_says(line, "0000:03:00.0 rescan below 0000:02:00.0 until it is back, ");
	assert_int_equal(r->plan.attempt[0].nsteps, 1);
	after = look(r);
	assert_same(&before, &after);
	rig_close(r);
}

/* The way is woken from the root down, and may sleep again afterwards. */
static void test_missing_asleep(void **state)
{
	struct rig *r = rig_open("navi", RIG_SWITCH);
	struct look before, after;
	const struct attempt *a;

	(void)state;
	remove_card(r);
	set_auto(r);
	before = look(r);
	assert_int_equal(look_for(r, 5000000).result, EXEC_HEALTHY);
	a = &r->plan.attempt[0];
	assert_int_equal(a->nsteps, 2 * r->nbridges + 1);
	for (size_t i = 0; i < r->nbridges; i++) {
		assert_true(bdf_eq(a->step[i].fn, r->bridge[i]));
		assert_string_equal(a->step[i].text, "on");
	}
	remove_card(r);
	after = look(r);
	assert_same(&before, &after);
	rig_close(r);
}

/* The card's own switch is gone as well: looked for below what is above it. */
static void test_missing_switch(void **state)
{
	struct rig *r = rig_open("navi", RIG_SWITCH);
	const struct step *s;

	(void)state;
	hw_attr_write(r->sim, r->bridge[1], "remove", "1", NULL);
	assert_false(hw_sim_known(r->sim, rig_fn(r, 0)));
	assert_int_equal(look_for(r, 5000000).result, EXEC_HEALTHY);
	s = step_of(r, STEP_APPEAR, rig_fn(r, 0), NULL);
	assert_true(bdf_eq(s->aux, r->bridge[0]));
	assert_true(hw_sim_known(r->sim, rig_fn(r, 1)));
	rig_close(r);
}

/* No bridge leads there: all buses. */
static void test_missing_no_bridge(void **state)
{
	struct rig *r = rig_open("gpu", RIG_ROOT_BUS);
	const struct step *s;
	char line[200];

	(void)state;
	remove_card(r);
	assert_int_equal(look_for(r, 5000000).result, EXEC_HEALTHY);
	assert_true(hw_sim_known(r->sim, rig_fn(r, 0)));
	s = step_of(r, STEP_APPEAR, rig_fn(r, 0), NULL);
	assert_true(bdf_eq(s->aux, s->fn));
	step_print(s, line, sizeof(line));
	assert_says(line, "rescan all buses until it is back, within 5 s");
	rig_close(r);
}

static void test_missing_function(void **state)
{
	struct rig *r = rig_open("flr", RIG_ROOT_PORT);

	(void)state;
	r->spec = (struct bdf_spec){ .bdf = rig_fn(r, 1) };
	hw_attr_write(r->sim, rig_fn(r, 1), "remove", "1", NULL);
	assert_int_equal(look_for(r, 5000000).result, EXEC_HEALTHY);
	assert_true(hw_sim_known(r->sim, rig_fn(r, 1)));
	assert_true(r->plan.attempt[0].step[0].fn.fn == 1);
	rig_close(r);
}

/* Dead: it is given up in time, and the way may sleep again. */
static void test_missing_dead(void **state)
{
	struct rig *r = rig_open("flr", RIG_ROOT_PORT);
	struct look before, after;
	struct exec_outcome out;

	(void)state;
	remove_card(r);
	set_auto(r);
	card_kill(r->card);
	before = look(r);
	out = look_for(r, 2000000);
	assert_int_equal(out.result, EXEC_FAILED);
	assert_int_equal(out.err.code, ENODEV);
	assert_says(out.err.text, "0000:01:00.0: rescan: ");
	assert_true(out.took_us >= 2000000 && out.took_us < 3000000);
	after = look(r);
	assert_same(&before, &after);
	rig_close(r);
}

/* --- the file ------------------------------------------------------------------- */

static char dir[] = "/tmp/test_hold.XXXXXX";
static const struct bdf slot = { .bus = 0x0b };

static void path_of(const char *name, char *buf, size_t size)
{
	snprintf(buf, size, "%s/%s", dir, name);
}

static void put_file(const char *name, const char *text, size_t len)
{
	char path[128];
	FILE *f;

	path_of(name, path, sizeof(path));
	unlink(path);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, len, f), len);
	fclose(f);
	chmod(path, 0600);
}

static void drop_file(const char *name)
{
	char path[128];

	path_of(name, path, sizeof(path));
	assert_int_equal(unlink(path), 0);
}

static void add(struct hold *h, const char *fn, const char *name, const char *old,
		const char *set)
{
	struct hold_item *it = &h->item[h->n++];

	memset(it, 0, sizeof(*it));
	it->fn = rig_bdf(fn);
	snprintf(it->name, sizeof(it->name), "%s", name);
	snprintf(it->old, sizeof(it->old), "%s", old);
	snprintf(it->set, sizeof(it->set), "%s", set);
}

static void assert_held(const struct hold *h, const struct hold *got)
{
	assert_int_equal(got->nvms, h->nvms);
	for (size_t i = 0; i < h->nvms; i++) {
		assert_string_equal(got->vm[i].name, h->vm[i].name);
		assert_int_equal(got->vm[i].since_s, h->vm[i].since_s);
		assert_int_equal(got->vm[i].locked_s, h->vm[i].locked_s);
	}
	assert_int_equal(got->n, h->n);
	for (size_t i = 0; i < h->n; i++) {
		assert_true(bdf_eq(got->item[i].fn, h->item[i].fn));
		assert_string_equal(got->item[i].name, h->item[i].name);
		assert_string_equal(got->item[i].old, h->item[i].old);
		assert_string_equal(got->item[i].set, h->item[i].set);
	}
}

static void test_file(void **state)
{
	static struct hold h, got;
	struct err err = { 0 };
	char path[128];
	struct stat st;

	(void)state;
	h.n = 0;
	assert_int_equal(held_read(dir, slot, &got, &err), 0);
	assert_int_equal(got.n, 0);
	assert_int_equal(err.code, 0);
	hold_vm_add(&h, "a \"guest\"", 0);
	hold_vm_add(&h, "101", 999999999999999999ull);
	hold_vm_add(&h, "102", 1);
	hold_vm_find(&h, "102")->locked_s = 240;
	add(&h, "10000:0b:00.0", "reset_method", "flr bus", "");
	add(&h, "0b:00.0", "driver", "amdgpu", "vfio-pci");
	add(&h, "0b:00.7", "driver", "a%b \"c\"\n\x7f\xff", "");
	add(&h, "00:01.0", "power/control", "", "on");
	add(&h, "00:01.0", "d3cold_allowed", " ", "  ");
	assert_int_equal(held_write(dir, slot, &h, &err), 0);
	memset(&got, 0xff, sizeof(got));
	assert_int_equal(held_read(dir, slot, &got, &err), 0);
	assert_held(&h, &got);
	h.nvms = 0;
	assert_int_equal(held_write(dir, slot, &h, &err), 0);
	assert_int_equal(held_read(dir, slot, &got, &err), 0);
	assert_held(&h, &got);
	path_of("held-0000:0b:00", path, sizeof(path));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	h.n = 0;
	assert_int_equal(held_write(dir, slot, &h, &err), 0);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(held_write(dir, slot, &h, &err), 0);
}

/* As full as it can be. */
static void test_file_full(void **state)
{
	static struct hold h, got;
	char old[HOLD_VALUE], fn[BDF_STR], name[HOLD_VM];

	(void)state;
	memset(old, ' ', sizeof(old));
	old[sizeof(old) - 1] = '\0';
	for (size_t i = 0; i < HOLD_VMS; i++) {
		snprintf(name, sizeof(name), "%0*zu", HOLD_VM - 1, i);
		hold_vm_add(&h, name, i);
	}
	for (h.n = 0; h.n < HOLD_MOST;) {
		snprintf(fn, sizeof(fn), "%02x:00.0", (unsigned)h.n);
		add(&h, fn, "reset_method", old, old);
	}
	assert_int_equal(held_write(dir, slot, &h, NULL), 0);
	assert_int_equal(held_read(dir, slot, &got, NULL), 0);
	assert_held(&h, &got);
}

/* Those who wait: in the order in which they came; the oldest makes room. */
static void test_vms(void **state)
{
	static struct hold h;
	char name[16];

	(void)state;
	hold_vm_add(&h, "101", 0);
	hold_vm_add(&h, "102", 7);
	hold_vm_add(&h, "101", 9);
	assert_int_equal(h.nvms, 2);
	assert_string_equal(h.vm[0].name, "102");
	assert_int_equal(hold_vm_find(&h, "101")->since_s, 9);
	assert_false(hold_vm_drop(&h, "10"));
	assert_true(hold_vm_drop(&h, "102"));
	assert_null(hold_vm_find(&h, "102"));
	assert_int_equal(h.nvms, 1);
	for (size_t i = 0; i < HOLD_VMS; i++) {
		snprintf(name, sizeof(name), "2%02zu", i);
		hold_vm_add(&h, name, 0);
	}
	assert_int_equal(h.nvms, HOLD_VMS);
	assert_null(hold_vm_find(&h, "101"));
	assert_string_equal(h.vm[0].name, "200");
	while (h.nvms)
		assert_true(hold_vm_drop(&h, h.vm[h.nvms / 2].name));
}

#define HEAD "gpureset held 1\n"
#define GOOD "0000:0b:00.0 driver \"amdgpu\" \"vfio-pci\"\n"

/* Whose start goes on? Of none is anything heard, nor has PVE any lock here. */
static void test_waits(void **state)
{
	static const uint64_t second = 1000000;
	static struct hold h;

	(void)state;
	hold_vm_add(&h, "none such", 8);
	assert_non_null(held_waits(&h, 0, NULL, HELD_RECENT, 100 * second));
	assert_null(held_waits(&h, 0, NULL, HELD_LOCKED, 100 * second));
	assert_null(held_waits(&h, 0, "none such", HELD_ANY, 100 * second));
	assert_non_null(held_waits(&h, 0, NULL, HELD_ANY, 126 * second));
	assert_null(held_waits(&h, 0, NULL, HELD_ANY, 127 * second));
	/* it had the lock at its pre-start, so without it the start is over */
	h.vm[0].locked_s = 240;
	assert_null(held_waits(&h, 0, NULL, HELD_ANY, 8 * second));
	h.nvms = 0;
	held_add(&h, "none such", 120 * second, 7 * second);
	assert_int_equal(h.vm[0].since_s, 8);
	assert_int_equal(h.vm[0].locked_s, 0);
	held_claim(&h, "another", 8 * second);
	assert_int_equal(h.nvms, 1);
	assert_int_equal(h.vm[0].since_s, 0);
	assert_null(held_waits(&h, 0, NULL, HELD_ANY, 9 * second));
}

/* Held for nobody: what stays for good is not shown, what could not be put back is. */
static void test_left_over(void **state)
{
	struct rig *r = rig_open("flr", RIG_ROOT_PORT);
	static struct hold h, got;

	(void)state;
	add(&h, "01:00.0", "driver", "amdgpu", "vfio-pci");
	add(&h, "01:00.0", "power/control", "auto", "on");
	assert_int_equal(held_write(dir, r->slot, &h, NULL), 0);
	assert_false(held_in_vain(r->sim, dir, r->slot, false, &got));
	assert_true(held_in_vain(r->sim, dir, r->slot, true, &got));
	add(&h, "01:00.0", "reset_method", "flr bus", "flr");
	assert_int_equal(held_write(dir, r->slot, &h, NULL), 0);
	assert_true(held_in_vain(r->sim, dir, r->slot, false, &got));
	assert_int_equal(got.nvms, 0);
	h.n = 0;
	assert_int_equal(held_write(dir, r->slot, &h, NULL), 0);
	rig_close(r);
}

/* As the version before wrote it: one VM, who was to start last, without a time. */
static void test_file_before(void **state)
{
	static const char text[] = HEAD "vm \"my%20guest\"\n" GOOD;
	static struct hold h;

	(void)state;
	put_file("held-0000:0b:00", text, strlen(text));
	assert_int_equal(held_read(dir, slot, &h, NULL), 0);
	assert_int_equal(h.nvms, 1);
	assert_string_equal(h.vm[0].name, "my guest");
	assert_int_equal(h.vm[0].since_s, 0);
	assert_int_equal(h.n, 1);
}

static int note_slot(struct bdf found, void *arg)
{
	char text[BDF_STR];
	char *list = arg;

	strcat(list, bdf_slot_str(found, text));
	strcat(list, " ");
	return 0;
}

static void test_file_slots(void **state)
{
	char list[128] = "";
	static struct hold h;

	(void)state;
	hold_vm_add(&h, "101", 0);
	assert_int_equal(held_write(dir, (struct bdf){ 0, 3, 0, 0 }, &h, NULL), 0);
	assert_int_equal(held_write(dir, slot, &h, NULL), 0);
	put_file("held-0000:0c:00.new", "x", 1);
	put_file("held-x", "x", 1);
	put_file("journal-0000:0d:00", "x", 1);
	assert_int_equal(held_slots(dir, note_slot, list, NULL), 0);
	assert_string_equal(list, "0000:03:00 0000:0b:00 ");
	assert_int_equal(held_slots("/nowhere", note_slot, list, NULL), 0);
	h.nvms = 0;
	assert_int_equal(held_write(dir, (struct bdf){ 0, 3, 0, 0 }, &h, NULL), 0);
	assert_int_equal(held_write(dir, slot, &h, NULL), 0);
	drop_file("held-0000:0c:00.new");
	drop_file("held-x");
	drop_file("journal-0000:0d:00");
}

static const struct {
	const char *text;
	int line;
	const char *says;
} damages[] = {
	{ HEAD "vm \"\"\n", 2, "no name" },
	{ HEAD "vm 101\n", 2, "quotes" },
	{ HEAD "vm \"101\" \n", 2, "number of seconds" },
	{ HEAD "vm \"101\" 0\n", 2, "number of seconds" },
	{ HEAD "vm \"101\" 5x\n", 2, "number of seconds" },
	{ HEAD "vm \"101\" 5 06\n", 2, "number of seconds" },
	{ HEAD "vm \"101\" 5 6 7\n", 2, "number of seconds" },
	{ HEAD "vm \"101\" 1000000000000000000\n", 2, "number of seconds" },
	{ HEAD "vm \"101\"\nvm \"102\"\nvm \"101\" 7\n", 4, "stands above already" },
	{ HEAD GOOD "vm \"101\"\n", 3, "fewer than four" },
	{ "", 1, "empty" },
	{ "\n", 1, "it is not" },
	{ "gpureset held 2\n" GOOD, 1, "it is not 'gpureset held 1'" },
	{ "gpureset held 1", 1, "newline" },
	{ HEAD GOOD "\n", 3, "fewer than four" },
	{ HEAD "0000:0b:00.0 driver \"amdgpu\"\n", 2, "fewer than four" },
	{ HEAD "0000:0b:00.0 driver \"amdgpu\" \"vfio-pci\" \n", 2, "more than four" },
	{ HEAD "0000:0b:00.0 driver  \"amdgpu\" \"vfio-pci\"\n", 2, "more than four" },
	{ HEAD GOOD "0000:0b:00.0 dri", 3, "newline" },
	{ HEAD "0b:00.0 driver \"amdgpu\" \"\"\n", 2, "function like" },
	{ HEAD "0000:0b:00.8 driver \"amdgpu\" \"\"\n", 2, "function like" },
	{ HEAD "0000:0b:00.0 remove \"0\" \"1\"\n", 2, "no attribute that is ever held" },
	{ HEAD "0000:0b:00.0 ../x \"0\" \"1\"\n", 2, "no attribute that is ever held" },
	{ HEAD "0000:0b:00.0 driver amdgpu \"\"\n", 2, "quotes" },
	{ HEAD "0000:0b:00.0 driver \" \"\"\n", 2, "quotes" },
	{ HEAD "0000:0b:00.0 driver \"a\"b\" \"\"\n", 2, "never written" },
	{ HEAD "0000:0b:00.0 driver \"a\tb\" \"\"\n", 2, "never written" },
	{ HEAD "0000:0b:00.0 driver \"a%\" \"\"\n", 2, "hex" },
	{ HEAD "0000:0b:00.0 driver \"a%2\" \"\"\n", 2, "hex" },
	{ HEAD "0000:0b:00.0 driver \"a%2G\" \"\"\n", 2, "hex" },
	{ HEAD "0000:0b:00.0 driver \"a%00\" \"\"\n", 2, "hex" },
	{ HEAD GOOD GOOD, 3, "stands above already" },
	{ HEAD "0000:0b:00.0 driver \"1234567890123456789012345678901234567890"
	  "123456789012345678901234\" \"\"\n", 2, "too long" },
};

static void test_file_damaged(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(damages) / sizeof(*damages); i++) {
		static struct hold h;
		struct err err = { 0 };
		char where[64];

		put_file("held-0000:0b:00", damages[i].text, strlen(damages[i].text));
		h.n = 99;
		if (held_read(dir, slot, &h, &err) != -EINVAL)
			fail_msg("damage %zu was read", i);
		snprintf(where, sizeof(where), "/held-0000:0b:00:%d: ", damages[i].line);
		assert_says(err.text, where);
		assert_says(err.text, damages[i].says);
		assert_int_equal(h.n, 0);
	}
}

/* Every byte of a good file changed in turn: it is read as four fields, or refused. */
static void test_file_flips(void **state)
{
	static const char good[] = HEAD GOOD;
	static struct hold h;
	size_t refused = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(good) - 1; i++)
		for (int bit = 0; bit < 8; bit++) {
			char text[sizeof(good)];
			int rc;

			memcpy(text, good, sizeof(good));
			text[i] = (char)(text[i] ^ 1 << bit);
			put_file("held-0000:0b:00", text, sizeof(good) - 1);
			rc = held_read(dir, slot, &h, NULL);
			assert_true(rc == -EINVAL ? h.n == 0 : !rc && h.n == 1);
			refused += rc != 0;
		}
	assert_true(refused > 8 * (sizeof(HEAD) - 1));
}

static void test_file_not_ours(void **state)
{
	static struct hold h;
	struct err err = { 0 };
	char path[128], other[128];

	(void)state;
	path_of("held-0000:0b:00", path, sizeof(path));
	path_of("other", other, sizeof(other));
	unlink(path);
	put_file("other", HEAD GOOD, strlen(HEAD GOOD));
	assert_int_equal(symlink(other, path), 0);
	assert_int_equal(held_read(dir, slot, &h, &err), -EPERM);
	assert_says(err.text, "symbolic link");
	/* writing puts a file of its own in the link's place */
	h.n = 0;
	add(&h, "0b:00.0", "driver", "amdgpu", "");
	assert_int_equal(held_write(dir, slot, &h, &err), 0);
	assert_int_equal(held_read(dir, slot, &h, &err), 0);
	unlink(path);
	assert_int_equal(link(other, path), 0);
	assert_int_equal(held_read(dir, slot, &h, &err), -EPERM);
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(held_read(dir, slot, &h, &err), -EPERM);
	unlink(path);
	if (!geteuid()) {
		put_file("held-0000:0b:00", HEAD GOOD, strlen(HEAD GOOD));
		assert_int_equal(chown(path, 1, 1), 0);
		assert_int_equal(held_read(dir, slot, &h, &err), -EPERM);
		assert_says(err.text, "belongs to user 1");
		unlink(path);
	}
	unlink(other);
}

/* A link where the new file is to be written is not followed either. */
static void test_file_new_link(void **state)
{
	static struct hold h;
	struct err err = { 0 };
	char path[128], other[128];
	struct stat st;

	(void)state;
	path_of("held-0000:0b:00.new", path, sizeof(path));
	path_of("other", other, sizeof(other));
	put_file("other", "x", 1);
	assert_int_equal(symlink(other, path), 0);
	h.n = 0;
	add(&h, "0b:00.0", "driver", "amdgpu", "");
	assert_int_equal(held_write(dir, slot, &h, &err), -EPERM);
	assert_int_equal(stat(other, &st), 0);
	assert_int_equal(st.st_size, 1);
	unlink(path);
	/* what a killed writer left is longer than what is written now */
	put_file("held-0000:0b:00.new", "0123456789012345678901234567890123456789"
		 "012345678901234567890123456789012345678901234567890123456789", 100);
	assert_int_equal(held_write(dir, slot, &h, &err), 0);
	assert_int_equal(held_read(dir, slot, &h, &err), 0);
	assert_int_equal(h.n, 1);
	unlink(other);
}

static int file_setup(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int file_teardown(void **state)
{
	char path[128];

	(void)state;
	path_of("held-0000:0b:00", path, sizeof(path));
	unlink(path);
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_awake), cmocka_unit_test(test_order),
		cmocka_unit_test(test_awake_absent),
		cmocka_unit_test(test_stays_asleep), cmocka_unit_test(test_quirk_only),
		cmocka_unit_test(test_vfio), cmocka_unit_test(test_vfio_on_before),
		cmocka_unit_test(test_pci_stub), cmocka_unit_test(test_no_vfio),
		cmocka_unit_test(test_newer_driver), cmocka_unit_test(test_one_function),
		cmocka_unit_test(test_silent), cmocka_unit_test(test_died),
		cmocka_unit_test(test_pin_none), cmocka_unit_test(test_pin_own),
		cmocka_unit_test(test_pin_stale), cmocka_unit_test(test_pin_refused),
		cmocka_unit_test(test_pin_absent), cmocka_unit_test(test_pin_shipped),
		cmocka_unit_test(test_foreign), cmocka_unit_test(test_removed),
		cmocka_unit_test(test_gone), cmocka_unit_test(test_back_fails),
		cmocka_unit_test(test_back_unstopped), cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_hold_faults), cmocka_unit_test(test_missing),
		cmocka_unit_test(test_missing_asleep),
		cmocka_unit_test(test_missing_switch),
		cmocka_unit_test(test_missing_no_bridge),
		cmocka_unit_test(test_missing_function),
		cmocka_unit_test(test_missing_dead), cmocka_unit_test(test_file),
		cmocka_unit_test(test_waits),
		cmocka_unit_test(test_left_over),
		cmocka_unit_test(test_file_full), cmocka_unit_test(test_file_damaged),
		cmocka_unit_test(test_file_flips), cmocka_unit_test(test_file_not_ours),
		cmocka_unit_test(test_file_new_link),
		cmocka_unit_test(test_file_before), cmocka_unit_test(test_file_slots),
		cmocka_unit_test(test_vms),
	};

	return cmocka_run_group_tests(tests, file_setup, file_teardown);
}
