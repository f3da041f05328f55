// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * run/exec.c on the card models: every method end to end, every step failing, every
 * wait stuck, and every single access going wrong.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hw/hw_write.h"
#include "sim_rig.h"

#define FIJI "quirks/amd-fiji.quirk"
#define MAX_ATTEMPTS 32

/* --- scenes -------------------------------------------------------------------- */

enum {
	USED = 1 << 0,          /* somebody has used the card */
	VFIO = 1 << 1,          /* bound to vfio-pci, asleep */
	SOUND = 1 << 2,         /* function 1 bound to snd_hda_intel */
	KILLED = 1 << 3,        /* does not answer */
	AUTO = 1 << 4,          /* power/control auto everywhere */
	NO_PX = 1 << 5,         /* a fury without BACO */
	PM = 1 << 6,            /* plan method pm only (it is no reset on these cards) */
	NO_DECODE = 1 << 7,     /* COMMAND 0 */
};

struct scene {
	const char *name, *kind;
	enum rig_place place;
	unsigned flags;
	const char *quirk;
};

static const struct scene scenes[] = {
	{ "flr card", "flr", RIG_ROOT_PORT, USED, NULL },
	{ "flr card, vfio-pci", "flr", RIG_ROOT_PORT, USED | VFIO, NULL },
	{ "flr card, sound driver", "flr", RIG_ROOT_PORT, USED | SOUND | AUTO, NULL },
	{ "flr card behind a switch", "flr", RIG_SWITCH, USED | VFIO, NULL },
	{ "slow card", "slow", RIG_ROOT_PORT, USED, NULL },
	{ "dead card", "dead", RIG_ROOT_PORT, KILLED, NULL },
	{ "sleeper", "sleeper", RIG_ROOT_PORT, KILLED | AUTO, NULL },
	{ "sleeper, vfio-pci", "sleeper", RIG_ROOT_PORT, KILLED | VFIO, NULL },
	{ "navi", "navi", RIG_SWITCH, USED | VFIO, NULL },
	{ "navi, sound driver", "navi", RIG_SWITCH, USED | SOUND | AUTO, NULL },
	{ "old card below PCI", "gpu", RIG_PCI_BRIDGE, USED, NULL },
	{ "old card on the root bus", "gpu", RIG_ROOT_BUS, USED | PM, NULL },
	{ "used fury", "fury", RIG_ROOT_PORT, USED, FIJI },
	{ "used fury, vfio-pci", "fury", RIG_ROOT_PORT, USED | VFIO, FIJI },
	{ "used fury, sound driver", "fury", RIG_SWITCH, USED | SOUND | AUTO, FIJI },
	{ "used fury, no decoding", "fury", RIG_ROOT_PORT, USED | NO_DECODE, FIJI },
	{ "used fury without BACO", "fury", RIG_ROOT_PORT, USED | NO_PX, FIJI },
	{ "pristine fury", "fury", RIG_ROOT_PORT, 0, FIJI },
	{ "pristine fury, asleep", "fury", RIG_SWITCH, VFIO, FIJI },
	{ "pristine fury, no decoding", "fury", RIG_ROOT_PORT, NO_DECODE, FIJI },
};

#define NSCENES (sizeof(scenes) / sizeof(*scenes))

static void scene_power(struct rig *r)
{
	for (unsigned fn = 0; fn < SLOT_FNS; fn++)
		if (hw_sim_known(r->sim, rig_fn(r, fn)))
			hw_sim_attr(r->sim, rig_fn(r, fn), "power/control", "auto");
	for (size_t i = 0; i < r->nbridges; i++)
		hw_sim_attr(r->sim, r->bridge[i], "power/control", "auto");
}

static void scene_use(struct rig *r, const struct scene *s)
{
	if (s->flags & NO_PX)
		card_set(r->card, "px_capable", 0);
	if (s->flags & USED && !strcmp(s->kind, "fury"))
		rig_use_fury(r);
	else if (s->flags & USED)
		rig_scribble(r);
	if (s->flags & NO_DECODE)
		hw_cfg_write(r->sim, rig_fn(r, 0), 4, 2, 0, NULL);
}

static struct rig *scene_set(const struct scene *s)
{
	struct rig *r = rig_open(s->kind, s->place);

	scene_use(r, s);
	if (s->flags & SOUND)
		hw_sim_attr(r->sim, rig_fn(r, 1), "driver", "snd_hda_intel");
	if (s->flags & AUTO)
		scene_power(r);
	if (s->flags & VFIO)
		rig_vfio(r);
	if (s->flags & KILLED)
		card_kill(r->card);
	if (s->quirk)
		rig_quirk(r, s->quirk);
	return r;
}

static int scene_plan(struct rig *r, const struct scene *s, struct err *err)
{
	const struct plan_opts opts = { .method = s->flags & PM ? "pm" : NULL };
	int rc = rig_plan(r, &opts, err);

	assert_true(rc || r->plan.nattempts <= MAX_ATTEMPTS);
	return rc;
}

static struct rig *scene_open(const struct scene *s)
{
	struct rig *r = scene_set(s);
	struct err err = { 0 };

	if (scene_plan(r, s, &err))
		fail_msg("%s: %s", s->name, err.text);
	return r;
}

/* Does every reset of this attempt wipe the card, so that "dirty" must be 0? */
static bool wipes(const struct attempt *a)
{
	return strcmp(a->method->name, "pm") != 0;
}

/* NULL, or why a claim of health would be a lie. */
static const char *lie(struct rig *r, const struct attempt *a)
{
	const char *ill = rig_ill(r);

	if (!ill && wipes(a) && rig_truth(r, "dirty") != 0)
		ill = "the card is dirty";
	return ill;
}

static bool has_step(const struct attempt *a, enum step_kind kind)
{
	for (size_t i = 0; i < a->nsteps; i++)
		if (a->step[i].kind == kind)
			return true;
	return false;
}

static struct exec_outcome run(struct rig *r, const struct attempt *a)
{
	struct exec_outcome out;

	exec_attempt(r->hw, &r->plan, a, NULL, 0, &out);
	return out;
}

static void assert_facts(const char *text, const char *const word[], size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!strstr(text, word[i]))
			fail_msg("'%s' is not in: %s", word[i], text);
}

/* --- one method, one card ------------------------------------------------------ */

struct expected {
	const char *scene, *attempt;
	enum exec_result result;
	uint64_t least_us, most_us;     /* virtual time */
};

static const struct expected expected[] = {
	{ "flr card", "flr", EXEC_HEALTHY, 200000, 260000 },
	{ "flr card", "hot_reset", EXEC_HEALTHY, 100000, 300000 },
	{ "flr card", "subordinate at 0000:00:01.0", EXEC_HEALTHY, 100000, 300000 },
	{ "flr card", "bus at 0000:00:01.0", EXEC_HEALTHY, 100000, 300000 },
	{ "flr card, vfio-pci", "flr", EXEC_HEALTHY, 200000, 400000 },
	{ "flr card, vfio-pci", "hot_reset", EXEC_HEALTHY, 100000, 400000 },
	{ "flr card, sound driver", "flr", EXEC_HEALTHY, 200000, 260000 },
	{ "flr card, sound driver", "subordinate at 0000:00:01.0", EXEC_HEALTHY, 100000,
	  300000 },
	{ "slow card", "flr", EXEC_HEALTHY, 6000000, 9000000 },
	{ "slow card", "bus at 0000:00:01.0", EXEC_HEALTHY, 3000000, 5000000 },
	{ "slow card", "hot_reset", EXEC_HEALTHY, 3000000, 5000000 },
	{ "dead card", "bus at 0000:00:01.0", EXEC_FAILED, 10000000, 43000000 },
	{ "sleeper", "bus at 0000:00:01.0", EXEC_HEALTHY, 100000, 300000 },
	{ "sleeper, vfio-pci", "bus at 0000:00:01.0", EXEC_HEALTHY, 100000, 400000 },
	{ "navi", "subordinate at 0000:02:00.0", EXEC_HEALTHY, 100000, 400000 },
	{ "navi", "subordinate at 0000:00:01.0", EXEC_HEALTHY, 100000, 600000 },
	{ "navi", "bus at 0000:02:00.0", EXEC_HEALTHY, 100000, 400000 },
	{ "navi", "bus at 0000:00:01.0", EXEC_HEALTHY, 100000, 400000 },
	{ "navi", "hot_reset", EXEC_HEALTHY, 100000, 500000 },
	{ "old card below PCI", "subordinate at 0000:01:00.0", EXEC_HEALTHY, 2000,
	  300000 },
	{ "old card on the root bus", "pm", EXEC_HEALTHY, 20000, 50000 },
	{ "used fury", "none", EXEC_SKIPPED, 0, 50000 },
	{ "used fury", "sequence baco", EXEC_HEALTHY, 20000, 100000 },
	{ "used fury", "sequence pciconfig", EXEC_HEALTHY, 1000, 100000 },
	{ "used fury", "hot_reset", EXEC_UNHEALTHY, 100000, 400000 },
	{ "used fury", "subordinate at 0000:00:01.0", EXEC_UNHEALTHY, 100000, 400000 },
	{ "used fury", "bus at 0000:00:01.0", EXEC_UNHEALTHY, 100000, 400000 },
	{ "used fury, vfio-pci", "sequence baco", EXEC_HEALTHY, 20000, 200000 },
	{ "used fury, sound driver", "sequence baco", EXEC_HEALTHY, 20000, 100000 },
	{ "used fury, no decoding", "sequence baco", EXEC_HEALTHY, 20000, 100000 },
	{ "used fury without BACO", "sequence baco", EXEC_SKIPPED, 0, 50000 },
	{ "used fury without BACO", "sequence pciconfig", EXEC_HEALTHY, 1000, 100000 },
	{ "pristine fury", "none", EXEC_HEALTHY, 0, 50000 },
	{ "pristine fury, asleep", "none", EXEC_HEALTHY, 0, 100000 },
	{ "pristine fury, no decoding", "none", EXEC_HEALTHY, 0, 50000 },
};

static const struct scene *scene_named(const char *name)
{
	for (size_t i = 0; i < NSCENES; i++)
		if (!strcmp(scenes[i].name, name))
			return &scenes[i];
	fail_msg("no scene '%s'", name);
	return NULL;
}

static void run_expected(const struct expected *e)
{
	struct rig *r = scene_open(scene_named(e->scene));
	const struct attempt *a = rig_attempt(r, e->attempt);
	struct rig_state before;
	struct exec_outcome out;
	const char *wrong;

	if (!a || a->usable != ATTEMPT_YES)
		fail_msg("%s: %s: %s", e->scene, e->attempt,
			 a ? a->reason : "no such attempt");
	rig_remember(r, &before);
	out = run(r, a);
	if (out.result != e->result)
		fail_msg("%s: %s: result %d, wanted %d: %s", e->scene, e->attempt,
			 out.result, e->result, out.err.text);
	if (out.undo.code && rig_truth(r, "dead") == 0)
		fail_msg("%s: %s: undo: %s", e->scene, e->attempt, out.undo.text);
	wrong = e->result == EXEC_HEALTHY ? lie(r, a) : NULL;
	if (!wrong && rig_truth(r, "dead") == 0)
		wrong = rig_changed(r, &before, has_step(a, STEP_REMOVE));
	if (wrong)
		fail_msg("%s: %s: %s", e->scene, e->attempt, wrong);
	if (out.took_us < e->least_us || out.took_us > e->most_us)
		fail_msg("%s: %s took %llu us", e->scene, e->attempt,
			 (unsigned long long)out.took_us);
	assert_true(out.took_us <= attempt_worst_us(a));
	assert_int_equal(hw_sim_dead_probes(r->sim), 0);
	rig_close(r);
}

static void test_methods(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(expected) / sizeof(*expected); i++)
		run_expected(&expected[i]);
}

/* The six facts about a card that never comes back, in bounded time. */
static void test_dead(void **state)
{
	static const char *const facts[] = {
		"0000:01:00.0", "ID", "config 0x0", "reads 0xffffffff", "wanted !=",
		"mask 0xffffffff", " ms",
	};
	struct rig *r = scene_open(scene_named("dead card"));
	struct exec_outcome out[MAX_ATTEMPTS];
	struct exec_summary sum;

	(void)state;
	assert_int_equal(plan_usable(&r->plan), 1);
	exec_plan(r->hw, &r->plan, NULL, 0, out, &sum);
	assert_null(sum.healthy);
	assert_false(sum.answers);
	assert_int_equal(sum.tried, 1);
	for (size_t i = 0; i < r->plan.nattempts; i++)
		if (out[i].result == EXEC_FAILED)
			assert_facts(out[i].err.text, facts,
				     sizeof(facts) / sizeof(*facts));
	assert_true(sum.took_us < 43000000);
	rig_close(r);
}

static void test_sleeper(void **state)
{
	struct rig *r = scene_open(scene_named("sleeper"));
	struct exec_outcome out[MAX_ATTEMPTS];
	struct exec_summary sum;

	(void)state;
	exec_plan(r->hw, &r->plan, NULL, 0, out, &sum);
	assert_non_null(sum.healthy);
	assert_string_equal(sum.healthy->method->name, "bus");
	assert_true(sum.answers);
	assert_null(rig_ill(r));
	rig_close(r);
}

/* Removal forgets the driver_override that somebody had set: it is put back. */
static void test_override_again(void **state)
{
	struct rig *r = rig_open("flr", RIG_ROOT_PORT);
	struct exec_outcome out;
	char text[64];

	(void)state;
	rig_vfio(r);
	hw_sim_attr(r->sim, rig_fn(r, 0), "driver_override", "vfio-pci");
	assert_int_equal(rig_plan(r, NULL, NULL), 0);
	exec_attempt(r->hw, &r->plan, rig_attempt(r, "bus at 0000:00:01.0"), NULL, 0,
		     &out);
	assert_int_equal(out.result, EXEC_HEALTHY);
	assert_int_equal(hw_attr_read(r->sim, rig_fn(r, 0), "driver_override", text,
				      sizeof(text), NULL), 0);
	assert_string_equal(text, "vfio-pci");
	assert_int_equal(hw_attr_read(r->sim, rig_fn(r, 1), "driver_override", text,
				      sizeof(text), NULL), 0);
	assert_string_equal(text, "(null)");
	rig_close(r);
}

/* The whole ladder of a used fury: none skipped, then BACO, and nothing more. */
static void test_fury_ladder(void **state)
{
	struct rig *r = scene_open(scene_named("used fury"));
	struct exec_outcome out[MAX_ATTEMPTS];
	struct exec_summary sum;

	(void)state;
	exec_plan(r->hw, &r->plan, NULL, 0, out, &sum);
	assert_string_equal(r->plan.attempt[0].name, "none");
	assert_int_equal(out[0].result, EXEC_SKIPPED);
	assert_string_equal(r->plan.attempt[1].name, "sequence baco_exit");
	assert_int_equal(out[1].result, EXEC_SKIPPED);
	assert_string_equal(sum.healthy->name, "sequence baco");
	assert_int_equal(sum.tried, 3);
	assert_int_equal(rig_truth(r, "clean"), 1);
	assert_int_equal(rig_truth(r, "baco"), 1);
	rig_close(r);
}

static void test_fury_without_baco(void **state)
{
	struct rig *r = scene_open(scene_named("used fury without BACO"));
	struct exec_outcome out[MAX_ATTEMPTS];
	struct exec_summary sum;

	(void)state;
	exec_plan(r->hw, &r->plan, NULL, 0, out, &sum);
	assert_string_equal(sum.healthy->name, "sequence pciconfig");
	assert_int_equal(out[2].result, EXEC_SKIPPED);
	assert_non_null(strstr(out[2].err.text, "no BACO power switch fitted"));
	assert_int_equal(rig_truth(r, "cfgreset"), 1);
	assert_int_equal(rig_truth(r, "dirty"), 0);
	rig_close(r);
}

/* A reset that does nothing to a card without FLR inside must not pass for one. */
static void test_nothing_helps(void **state)
{
	struct rig *r = scene_open(scene_named("used fury without BACO"));
	struct exec_outcome out[MAX_ATTEMPTS];
	struct exec_summary sum;

	(void)state;
	card_set(r->card, "cfgreset_works", 0);
	exec_plan(r->hw, &r->plan, NULL, 0, out, &sum);
	assert_null(sum.healthy);
	assert_true(sum.answers);
	assert_true(sum.tried >= 6);
	for (size_t i = 0; i < r->plan.nattempts; i++)
		assert_int_not_equal(out[i].result, EXEC_HEALTHY);
	rig_close(r);
}

/* --- a pristine card is not touched -------------------------------------------- */

struct writes {
	unsigned command, attrs, index, other;
};

static void count_write(void *arg, const struct shim_access *a)
{
	struct writes *w = arg;

	if (a->kind == SHIM_CFG_WRITE && a->off == 4)
		w->command++;
	else if (a->kind == SHIM_ATTR_WRITE && !strcmp(a->name, "power/control"))
		w->attrs++;
	else if (a->kind == SHIM_BAR_WRITE && (a->off == 0x200 || a->off == 0x6b0))
		w->index++;             /* the SMC window: reading needs it */
	else if (a->kind != SHIM_CFG_READ && a->kind != SHIM_BAR_READ &&
		 a->kind != SHIM_ATTR_READ)
		w->other++;
}

static void pristine(const char *name)
{
	struct rig *r = scene_open(scene_named(name));
	struct exec_outcome out;
	struct rig_state before;
	struct writes w = { 0 };

	rig_remember(r, &before);
	hw_shim_trace(r->hw, count_write, &w);
	out = run(r, rig_attempt(r, "none"));
	assert_int_equal(out.result, EXEC_HEALTHY);
	assert_int_equal(w.other, 0);
	assert_null(rig_changed(r, &before, false));
	assert_int_equal(rig_truth(r, "clean"), 1);
	rig_close(r);
}

static void test_pristine(void **state)
{
	(void)state;
	pristine("pristine fury");
	pristine("pristine fury, asleep");
	pristine("pristine fury, no decoding");
}

/* --- deadline and stop --------------------------------------------------------- */

static bool stop_at_once(void *arg)
{
	(void)arg;
	return true;
}

static void test_stop(void **state)
{
	const struct exec_watch watch = { .stop = stop_at_once };
	struct rig *r = scene_open(scene_named("used fury"));
	struct exec_outcome out;
	struct rig_state before;

	(void)state;
	rig_remember(r, &before);
	exec_attempt(r->hw, &r->plan, rig_attempt(r, "sequence baco"), &watch, 0, &out);
	assert_int_equal(out.result, EXEC_FAILED);
	assert_true(out.interrupted);
	assert_int_equal(out.err.code, ECANCELED);
	assert_int_equal(out.steps_run, 0);
	assert_null(rig_changed(r, &before, false));
	rig_close(r);
}

static void stop_in_baco_begin(void *arg, const struct attempt *a, const struct step *s)
{
	(void)a;
	if (s->kind == STEP_DELAY)
		*(bool *)arg = true;
}

static bool stop_in_baco_asked(void *arg)
{
	return *(bool *)arg;
}

/* Stopped with the chip powered down: the next call must leave BACO, not enter it. */
static void test_left_in_baco(void **state)
{
	bool asked = false;
	const struct exec_watch watch = {
		.begin = stop_in_baco_begin, .stop = stop_in_baco_asked, .arg = &asked,
	};
	struct rig *r = scene_open(scene_named("used fury"));
	struct exec_outcome out[MAX_ATTEMPTS];
	struct exec_summary sum;

	(void)state;
	exec_attempt(r->hw, &r->plan, rig_attempt(r, "sequence baco"), &watch, 0, out);
	assert_true(out->interrupted);
	assert_int_equal(rig_truth(r, "mode"), 1);
	exec_plan(r->hw, &r->plan, NULL, 0, out, &sum);
	assert_non_null(sum.healthy);
	assert_string_equal(sum.healthy->name, "sequence baco_exit");
	assert_int_equal(rig_truth(r, "clean"), 1);
	assert_null(rig_ill(r));
	rig_close(r);
}

/* A deadline anywhere leaves the bridge out of reset and the functions present. */
static void test_deadline(void **state)
{
	(void)state;
	for (uint64_t us = 1; us < 200000; us += us / 8 + 1) {
		struct rig *r = scene_open(scene_named("flr card"));
		struct exec_outcome out;
		struct rig_state before;
		const char *wrong;

		rig_remember(r, &before);
		exec_attempt(r->hw, &r->plan, rig_attempt(r, "bus at 0000:00:01.0"),
			     NULL, hw_now(r->hw) + us, &out);
		wrong = rig_changed(r, &before, true);
		if (wrong)
			fail_msg("deadline %llu us: %s", (unsigned long long)us, wrong);
		assert_true(out.interrupted || out.result == EXEC_HEALTHY);
		rig_close(r);
	}
}

/* --- every step fails in turn -------------------------------------------------- */

struct step_fault {
	struct rig *r;
	const struct step *victim, *now;
	bool stick;                     /* registers stuck, else the first access fails */
};

static void fault_begin(void *arg, const struct attempt *a, const struct step *s)
{
	struct step_fault *f = arg;

	(void)a;
	f->now = s;
	if (s == f->victim && !f->stick)
		hw_shim_arm(f->r->hw, SHIM_FAIL, 1, f->r->slot);
}

static void fault_end(void *arg, const struct attempt *a, const struct step *s, int rc,
		      uint64_t took_us)
{
	struct step_fault *f = arg;

	(void)a;
	(void)rc;
	(void)took_us;
	f->now = NULL;
	if (s == f->victim && !f->stick)
		hw_shim_arm(f->r->hw, SHIM_NONE, 0, f->r->slot);
}

/* A value that is not all ones and satisfies none of the step's conditions. */
static uint32_t unsatisfying(const struct step *s)
{
	uint32_t val;

	for (val = 0; val < 0x1000000; val = val * 2 + 1) {
		bool holds = false;

		for (int i = 0; i < s->ncond; i++)
			holds |= reg_cond_holds(&s->cond[i], val);
		if (!holds && val != reg_all_ones(&s->cond[0].reg))
			return val;
	}
	return reg_all_ones(&s->cond[0].reg);
}

static bool fault_filter(void *arg, const struct shim_access *a, uint32_t *value)
{
	struct step_fault *f = arg;

	(void)a;
	*value = f->now ? unsatisfying(f->now) : 0;
	return f->now && f->now == f->victim;
}

static struct exec_outcome run_faulty(struct step_fault *f, const struct attempt *a)
{
	const struct exec_watch watch = {
		.begin = fault_begin, .end = fault_end, .arg = f,
	};
	struct exec_outcome out;

	if (f->stick)
		hw_shim_filter(f->r->hw, fault_filter, f);
	exec_attempt(f->r->hw, &f->r->plan, a, &watch, 0, &out);
	return out;
}

static size_t steps_of(const struct scene *s, size_t attempt, bool *usable)
{
	struct rig *r = scene_open(s);
	size_t n = attempt < r->plan.nattempts ? r->plan.attempt[attempt].nsteps : 0;

	*usable = n && r->plan.attempt[attempt].usable == ATTEMPT_YES;
	n = attempt < r->plan.nattempts ? n : SIZE_MAX;
	rig_close(r);
	return n;
}

/* Has the register program been begun? Then the card may be in no state at all. */
static bool in_program(const struct step *s)
{
	return s && s->file && s->phase == PHASE_ACT;
}

static void fail_step(const struct scene *sc, size_t attempt, size_t step)
{
	struct rig *r = scene_open(sc);
	const struct attempt *a = &r->plan.attempt[attempt];
	struct step_fault f = { .r = r, .victim = &a->step[step] };
	struct rig_state before;
	struct exec_outcome out;
	const char *wrong = NULL;
	char line[300];

	rig_remember(r, &before);
	out = run_faulty(&f, a);
	step_print(f.victim, line, sizeof(line));
	if (out.result == EXEC_HEALTHY)
		wrong = lie(r, a);
	if (!wrong && !in_program(f.victim) && rig_truth(r, "dead") == 0)
		wrong = rig_changed(r, &before, has_step(a, STEP_REMOVE));
	if (wrong)
		fail_msg("%s: %s: step %zu (%s) fails: %s; result %d: %s; undo: %s",
			 sc->name, a->name, step, line, wrong, out.result, out.err.text,
			 out.undo.text);
	rig_close(r);
}

static void test_each_step_fails(void **state)
{
	size_t tried = 0;

	(void)state;
	for (size_t i = 0; i < NSCENES; i++)
		for (size_t at = 0;; at++) {
			bool usable;
			size_t n = steps_of(&scenes[i], at, &usable);

			if (n == SIZE_MAX)
				break;
			for (size_t k = 0; usable && k < n; k++, tried++)
				fail_step(&scenes[i], at, k);
		}
	print_message("counts: steps failed in turn: %zu\n", tried);
}

/* --- every wait is stuck in turn ----------------------------------------------- */

static void stick_step(const struct scene *sc, size_t attempt, size_t step)
{
	struct rig *r = scene_open(sc);
	const struct attempt *a = &r->plan.attempt[attempt];
	const struct step *s = &a->step[step];
	struct step_fault f = { .r = r, .victim = s, .stick = true };
	struct exec_outcome out = run_faulty(&f, a);
	const char *want[] = { s->cond[s->ncond - 1].name, "reads 0x", "wanted",
			       "under mask", " ms" };
	char line[200];

	if (out.result == EXEC_SKIPPED || out.at != s) {
		/* an earlier step ended it: a used card and "none", no BACO fitted */
		assert_int_not_equal(out.result, EXEC_HEALTHY);
		rig_close(r);
		return;
	}
	assert_int_equal(out.result, s->phase == PHASE_HEALTH ? EXEC_UNHEALTHY :
			 EXEC_FAILED);
	assert_int_equal(out.err.code, ETIMEDOUT);
	assert_facts(out.err.text, want, sizeof(want) / sizeof(*want));
	snprintf(line, sizeof(line), "%s:%d", s->file ? s->file : "", s->line);
	if (s->file && !strstr(out.err.text, line))
		fail_msg("'%s' is not in: %s", line, out.err.text);
	assert_true(out.took_us >= s->limit_us && out.took_us <= attempt_worst_us(a));
	rig_close(r);
}

static void test_each_wait_stuck(void **state)
{
	size_t tried = 0;

	(void)state;
	for (size_t i = 0; i < NSCENES; i++)
		for (size_t at = 0;; at++) {
			struct rig *r = scene_open(&scenes[i]);
			bool there = at < r->plan.nattempts;
			const struct attempt *a = there ? &r->plan.attempt[at] : NULL;

			for (size_t k = 0; a && !a->usable && k < a->nsteps; k++)
				if (a->step[k].kind == STEP_WAIT) {
					stick_step(&scenes[i], at, k);
					tried++;
				}
			rig_close(r);
			if (!there)
				break;
		}
	print_message("counts: waits stuck in turn: %zu\n", tried);
}

/* --- the fault loop ------------------------------------------------------------ */

enum mode { FAIL, LOST, ONES, DIES, MODES };

static const char *const mode_str[MODES] = {
	[FAIL] = "access fails", [LOST] = "lost from here on",
	[ONES] = "one read of ones", [DIES] = "card dies after",
};

struct tally {
	size_t attempts, accesses, faults[MODES], healthy[MODES], broken, raced, refused;
};

struct killer {
	struct card *card;
	uint64_t nth;
};

static void kill_at(void *arg, const struct shim_access *a)
{
	struct killer *k = arg;

	if (a->n == k->nth)
		card_kill(k->card);
}

static void arm(struct rig *r, enum mode mode, uint64_t nth, struct killer *k)
{
	static const enum shim_fault fault[MODES] = {
		[FAIL] = SHIM_FAIL, [LOST] = SHIM_LOST, [ONES] = SHIM_ONES,
		[DIES] = SHIM_NONE,
	};

	hw_shim_arm(r->hw, fault[mode], nth, r->slot);
	*k = (struct killer){ r->card, nth };
	if (mode == DIES)
		hw_shim_trace(r->hw, kill_at, k);
}

/*
 * What must hold after fault @mode: no lie; no bridge left in reset, ever; after a
 * fault that is over, everything put back, unless the register program was under way.
 */
static const char *verdict(struct rig *r, const struct attempt *a, enum mode mode,
			   const struct exec_outcome *out, const struct rig_state *before)
{
	const char *wrong = NULL;
	uint32_t ctl;

	if (out->result == EXEC_HEALTHY)
		wrong = mode == LOST && hw_shim_hit(r->hw) ? "it is lost" : lie(r, a);
	for (size_t i = 0; i < r->nbridges && !wrong; i++)
		if (hw_cfg_read(r->sim, r->bridge[i], 0x3e, 2, &ctl, NULL) == 0 &&
		    ctl != 0xffff && ctl & 0x40)
			wrong = "a bridge is left in reset";
	/* DIES: it answered when it was asked, and died before the driver came */
	if (!wrong && mode != DIES && hw_sim_dead_probes(r->sim))
		wrong = "a driver was made to probe a dead card";
	if (!wrong && out->took_us > attempt_worst_us(a) + 1000000)
		wrong = "it took longer than the worst case";
	if (!wrong && (mode == FAIL || mode == ONES) && !rig_ill(r))
		wrong = rig_changed(r, before, has_step(a, STEP_REMOVE));
	return wrong;
}

static uint64_t one_fault(const struct scene *sc, size_t attempt, enum mode mode,
			  uint64_t nth, struct tally *t)
{
	struct rig *r = scene_open(sc);
	const struct attempt *a = &r->plan.attempt[attempt];
	struct exec_outcome out;
	struct rig_state before;
	const char *wrong;
	struct killer k;
	uint64_t n;
	bool hit;

	rig_remember(r, &before);
	arm(r, mode, nth, &k);
	out = run(r, a);
	n = hw_shim_count(r->hw);
	wrong = verdict(r, a, mode, &out, &before);
	hit = nth && (mode == DIES || hw_shim_hit(r->hw));
	t->faults[mode] += hit;
	t->healthy[mode] += hit && out.result == EXEC_HEALTHY;
	t->raced += hw_sim_dead_probes(r->sim);
	if (wrong && t->broken++ < 40)
		print_message("%s: %s: %s at %llu: %s; result %d: %s; undo: %s\n",
			      sc->name, a->name, mode_str[mode],
			      (unsigned long long)nth, wrong, out.result, out.err.text,
			      out.undo.text);
	rig_close(r);
	return n;
}

static void fault_attempt(const struct scene *sc, size_t attempt, struct tally *t)
{
	uint64_t n = one_fault(sc, attempt, FAIL, 0, t);

	t->attempts++;
	t->accesses += n;
	for (enum mode mode = FAIL; mode < MODES; mode++)
		/* a card that dies after the last look dies unseen */
		for (uint64_t nth = 1; nth <= n - (mode == DIES); nth++)
			one_fault(sc, attempt, mode, nth, t);
}

static void test_fault_loop(void **state)
{
	struct tally t = { 0 };

	(void)state;
	for (size_t i = 0; i < NSCENES; i++) {
		struct rig *r = scene_open(&scenes[i]);

		for (size_t at = 0; at < r->plan.nattempts; at++)
			if (r->plan.attempt[at].usable == ATTEMPT_YES)
				fault_attempt(&scenes[i], at, &t);
		rig_close(r);
	}
	print_message("counts: fault loop: %zu attempts, %zu accesses\n", t.attempts,
		      t.accesses);
	for (enum mode mode = FAIL; mode < MODES; mode++)
		print_message("counts:   %s: %zu faults, truly healthy after all "
			      "%zu\n",
			      mode_str[mode], t.faults[mode], t.healthy[mode]);
	print_message("counts:   drivers bound to a card that had just died: %zu\n",
		      t.raced);
	if (t.broken)
		fail_msg("%zu runs broke a promise", t.broken);
}

/* --- the whole ladder, one access of facts or ladder going wrong ---------------- */

static const char *ladder_verdict(struct rig *r, const struct exec_summary *sum,
				  const struct exec_outcome *out,
				  const struct rig_state *before)
{
	const char *wrong = NULL;
	bool removed = false;

	if (sum->healthy)
		wrong = lie(r, sum->healthy);
	for (size_t i = 0; i < r->plan.nattempts; i++)
		removed |= out[i].steps_run && has_step(&r->plan.attempt[i], STEP_REMOVE);
	if (!wrong && !rig_ill(r))
		wrong = rig_changed(r, before, removed);
	return wrong;
}

static uint64_t one_ladder(const struct scene *sc, enum mode mode, uint64_t nth,
			   struct tally *t)
{
	struct rig *r = scene_set(sc);
	struct exec_outcome out[MAX_ATTEMPTS];
	struct exec_summary sum = { 0 };
	struct rig_state before;
	struct err err = { 0 };
	const char *wrong;
	struct killer k;
	uint64_t n;

	rig_remember(r, &before);
	arm(r, mode, nth, &k);
	if (scene_plan(r, sc, &err)) {
		rig_close(r);
		t->refused++;
		return 0;
	}
	exec_plan(r->hw, &r->plan, NULL, 0, out, &sum);
	n = hw_shim_count(r->hw);
	wrong = ladder_verdict(r, &sum, out, &before);
	t->faults[mode] += nth && hw_shim_hit(r->hw);
	t->healthy[mode] += nth && hw_shim_hit(r->hw) && sum.healthy;
	if (wrong && t->broken++ < 40)
		print_message("%s: ladder: %s at %llu: %s; healthy by %s\n", sc->name,
			      mode_str[mode], (unsigned long long)nth, wrong,
			      sum.healthy ? sum.healthy->name : "nothing");
	rig_close(r);
	return n;
}

static void test_ladder_faults(void **state)
{
	struct tally t = { 0 };

	(void)state;
	for (size_t i = 0; i < NSCENES; i++) {
		uint64_t n = one_ladder(&scenes[i], FAIL, 0, &t);

		t.accesses += n;
		for (uint64_t nth = 1; nth <= n; nth++) {
			one_ladder(&scenes[i], FAIL, nth, &t);
			one_ladder(&scenes[i], ONES, nth, &t);
		}
	}
	print_message("counts: ladders: %zu accesses, no plan %zu\n", t.accesses,
		      t.refused);
	for (enum mode mode = FAIL; mode <= ONES; mode += ONES - FAIL)
		print_message("counts:   %s: %zu faults, truly healthy after all "
			      "%zu\n",
			      mode_str[mode], t.faults[mode], t.healthy[mode]);
	if (t.broken)
		fail_msg("%zu ladders broke a promise", t.broken);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_methods), cmocka_unit_test(test_dead),
		cmocka_unit_test(test_sleeper), cmocka_unit_test(test_fury_ladder),
		cmocka_unit_test(test_fury_without_baco),
		cmocka_unit_test(test_nothing_helps), cmocka_unit_test(test_pristine),
		cmocka_unit_test(test_override_again),
		cmocka_unit_test(test_stop), cmocka_unit_test(test_left_in_baco),
		cmocka_unit_test(test_deadline),
		cmocka_unit_test(test_each_step_fails),
		cmocka_unit_test(test_each_wait_stuck),
		cmocka_unit_test(test_fault_loop),
		cmocka_unit_test(test_ladder_faults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
