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
#define EVERY "tests/data/rig.quirk"    /* everything the language has */
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
	LOCKED = 1 << 8,        /* kernel lockdown: registers through VFIO */
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
	{ "used fury, every word", "fury", RIG_ROOT_PORT, USED, EVERY },
	{ "used fury, every word, vfio-pci", "fury", RIG_SWITCH, USED | VFIO, EVERY },
	{ "pristine fury", "fury", RIG_ROOT_PORT, 0, FIJI },
	{ "pristine fury, asleep", "fury", RIG_SWITCH, VFIO, FIJI },
	{ "pristine fury, no decoding", "fury", RIG_ROOT_PORT, NO_DECODE, FIJI },
	{ "used fury, locked down", "fury", RIG_ROOT_PORT, USED | VFIO | LOCKED, FIJI },
	{ "used fury, locked down, drivers", "fury", RIG_SWITCH,
	  USED | SOUND | AUTO | LOCKED, FIJI },
	{ "pristine fury, locked down", "fury", RIG_ROOT_PORT, VFIO | LOCKED, FIJI },
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
	if (s->flags & LOCKED)          /* as the VM before us left it to VFIO */
		hw_cfg_write(r->sim, rig_fn(r, 0), 4, 2, 3, NULL);
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
	if (s->flags & LOCKED)
		hw_sim_host(r->sim, "/sys/kernel/security/lockdown", "none [integrity]");
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

/* NULL, or why a claim of health would be a lie; one that is @unjudged claims less. */
static const char *lie(struct rig *r, const struct attempt *a, bool unjudged)
{
	const char *ill = rig_ill(r);

	if (!ill && !unjudged && wipes(a) && rig_truth(r, "dirty") != 0)
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
	{ "used fury", "sequence pciconfig", EXEC_HEALTHY, 1000, 250000 },
	{ "used fury", "hot_reset", EXEC_UNHEALTHY, 100000, 400000 },
	{ "used fury", "subordinate at 0000:00:01.0", EXEC_UNHEALTHY, 100000, 400000 },
	{ "used fury", "bus at 0000:00:01.0", EXEC_UNHEALTHY, 100000, 400000 },
	{ "used fury, vfio-pci", "sequence baco", EXEC_HEALTHY, 20000, 200000 },
	{ "used fury, sound driver", "sequence baco", EXEC_HEALTHY, 20000, 100000 },
	{ "used fury, no decoding", "sequence baco", EXEC_HEALTHY, 20000, 100000 },
	{ "used fury without BACO", "sequence baco", EXEC_SKIPPED, 0, 50000 },
	{ "used fury without BACO", "sequence pciconfig", EXEC_HEALTHY, 1000, 250000 },
	{ "used fury, every word", "sequence all", EXEC_HEALTHY, 1000, 100000 },
	{ "used fury, every word", "sequence refused", EXEC_FAILED, 1000, 100000 },
	{ "used fury, every word", "bus at 0000:00:01.0", EXEC_UNHEALTHY, 100000,
	  400000 },
	{ "used fury, every word, vfio-pci", "sequence all", EXEC_HEALTHY, 1000,
	  200000 },
	{ "pristine fury", "none", EXEC_HEALTHY, 0, 50000 },
	{ "pristine fury, asleep", "none", EXEC_HEALTHY, 0, 100000 },
	{ "pristine fury, no decoding", "none", EXEC_HEALTHY, 0, 50000 },
	{ "pristine fury, locked down", "none", EXEC_HEALTHY, 0, 100000 },
	{ "used fury, locked down", "none", EXEC_SKIPPED, 0, 100000 },
	{ "used fury, locked down", "sequence baco", EXEC_HEALTHY, 20000, 200000 },
	{ "used fury, locked down", "hot_reset", EXEC_UNHEALTHY, 100000, 400000 },
	{ "used fury, locked down, drivers", "sequence baco", EXEC_HEALTHY, 20000,
	  200000 },
	{ "used fury, locked down, drivers", "subordinate at 0000:00:01.0",
	  EXEC_UNHEALTHY, 100000, 600000 },
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
	wrong = e->result == EXEC_HEALTHY ? lie(r, a, false) : NULL;
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

/* Not yet, says the root port for the card, until its bus is reset (PCIe 2.3.2). */
static uint32_t not_yet(void *arg, int fn, int bar, unsigned off, unsigned width,
			uint32_t truth)
{
	(void)fn;
	if (!*(bool *)arg || bar >= 0)
		return truth;
	return off == 0 && width == 4 ? 0xffff0001 :
	       off == 0 ? 1 : width == 4 ? UINT32_MAX :
	       (1u << 8 * width) - 1;
}

static void not_yet_begin(void *arg, const struct attempt *a, const struct step *s)
{
	(void)a;
	if (s->phase == PHASE_RESTORE)
		*(bool *)arg = false;
}

/* From before the plan, or from right after it. */
static void test_not_yet(void **state)
{
	const struct plan_opts opts = { .method = "bus" };

	(void)state;
	for (int late = 0; late < 2; late++) {
		struct rig *r = rig_open("flr", RIG_ROOT_PORT);
		bool lies = !late;
		const struct exec_watch w = { .begin = not_yet_begin, .arg = &lies };
		struct exec_outcome out[MAX_ATTEMPTS];
		struct exec_summary sum;
		struct err err = { 0 };

		rig_vfio(r);
		rig_lie(not_yet, &lies);
		if (rig_plan(r, &opts, &err))
			fail_msg("plan: %s", err.text);
		assert_int_equal(target_main(&r->target)->answers, late);
		lies = true;
		exec_plan(r->hw, &r->plan, &w, 0, out, &sum);
		if (!sum.healthy)
			fail_msg("late %d: %s", late, out[0].err.text);
		assert_null(rig_ill(r));
		rig_close(r);
	}
}

/* Removal forgets the driver_override that somebody had set: it is put back. */
static void test_override_again(void **state)
{
	struct rig *r = rig_open("flr", RIG_ROOT_PORT);
	struct exec_outcome out;

	(void)state;
	rig_vfio(r);
	hw_sim_attr(r->sim, rig_fn(r, 0), "driver_override", "vfio-pci");
	assert_int_equal(rig_plan(r, NULL, NULL), 0);
	exec_attempt(r->hw, &r->plan, rig_attempt(r, "bus at 0000:00:01.0"), NULL, 0,
		     &out);
	assert_int_equal(out.result, EXEC_HEALTHY);
	rig_attr_is(r, 0, "driver_override", "vfio-pci");
	rig_attr_is(r, 1, "driver_override", "(null)");
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

/* Stopped with the chip powered down: the program's tail powers it up again. */
static void test_stopped_in_baco(void **state)
{
	bool asked = false;
	const struct exec_watch watch = {
		.begin = stop_in_baco_begin, .stop = stop_in_baco_asked, .arg = &asked,
	};
	struct rig *r = scene_open(scene_named("used fury"));
	struct exec_outcome out;

	(void)state;
	exec_attempt(r->hw, &r->plan, rig_attempt(r, "sequence baco"), &watch, 0, &out);
	assert_true(out.interrupted && asked);
	assert_int_equal(out.undo.code, 0);
	assert_int_equal(rig_truth(r, "mode"), 0);
	assert_int_equal(rig_truth(r, "baco"), 1);
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

/* A long delay hears that it is to stop; what follows is put back. */
static void test_stop_in_delay(void **state)
{
	struct rig *r = scene_open(scene_named("flr card"));
	const struct attempt *a = rig_attempt(r, "bus at 0000:00:01.0");
	struct exec_outcome out;
	struct rig_state before;
	uint64_t start = hw_now(r->hw);

	(void)state;
	for (size_t i = 0; i < a->nsteps; i++)
		if (a->step[i].kind == STEP_DELAY && a->step[i].phase == PHASE_PREPARE)
			a->step[i].limit_us = 60000000;
	rig_remember(r, &before);
	exec_attempt(r->hw, &r->plan, a, NULL, start + 1000000, &out);
	assert_true(out.interrupted);
	assert_int_equal(out.at->kind, STEP_DELAY);
	assert_true(hw_now(r->hw) - start < 3000000);
	assert_null(rig_changed(r, &before, false));
	rig_close(r);
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

/* An index register that does not take its value is another fault, found at once. */
static bool is_index(const struct step *s, const struct shim_access *a)
{
	bool is = false;

	for (int i = 0; i < s->ncond; i++)
		is |= s->cond[i].reg.space == REG_INDIRECT && a->kind == SHIM_BAR_READ &&
		      a->off == s->cond[i].reg.index;
	return is;
}

static bool fault_filter(void *arg, const struct shim_access *a, uint32_t *value)
{
	struct step_fault *f = arg;

	*value = f->now ? unsatisfying(f->now) : 0;
	return f->now && f->now == f->victim && !is_index(f->now, a);
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

/* The tail fails too: the next call must leave BACO, not enter it. */
static void test_left_in_baco(void **state)
{
	struct rig *r = scene_open(scene_named("used fury"));
	const struct attempt *a = rig_attempt(r, "sequence baco");
	struct step_fault f = { .r = r };
	struct exec_outcome out[MAX_ATTEMPTS];
	struct exec_summary sum;

	(void)state;
	for (size_t i = a->nsteps; i-- > 0;)
		if (a->step[i].tail && a->step[i].kind == STEP_SET)
			f.victim = &a->step[i];         /* the first of them */
	assert_non_null(f.victim);
	out[0] = run_faulty(&f, a);
	assert_int_equal(out[0].result, EXEC_FAILED);
	assert_int_equal(rig_truth(r, "mode"), 1);
	exec_plan(r->hw, &r->plan, NULL, 0, out, &sum);
	assert_non_null(sum.healthy);
	assert_string_equal(sum.healthy->name, "sequence baco_exit");
	assert_int_equal(rig_truth(r, "clean"), 1);
	assert_null(rig_ill(r));
	rig_close(r);
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
		wrong = lie(r, a, out.unjudged.code);
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

/* --- when, try, always, keep ----------------------------------------------------- */

#define TOP \
	"# SPDX-License-Identifier: MIT\nformat = 1\n[device]\nname = x\n" \
	"pci = 1002:7300\n[notes]\nsource = x\nstatus = vendor\n[reset]\n" \
	"method = sequence x\n"
#define REGISTERS \
	"[registers]\nspace mmio = bar5 dwords size 256K\n" \
	"SCRATCH[16] = mmio 0x5c9\nCONFIG_MEMSIZE = mmio 0x150a\n"
#define HEALTH "[health]\nwait CONFIG_MEMSIZE != 0xffffffff within 100 ms\n"
#define TEXT(more, program) TOP REGISTERS more "[sequence x]\n" program HEALTH

#define SCRATCH(n) (0x1724u + 4 * (n))

/* What a program did: steps in order, writes to the scratch registers. */
struct seen {
	struct rig *r;
	size_t begun, ended, passed, writes[16];
	bool disorder, rc_of_passed;
	const struct step *last, *passed_by;
	const struct step *kill_in, *stop_in;
	bool stop;
	uint32_t first_read;            /* value of the first scratch 0 read ... */
	uint32_t later_read;            /* ... and of those after it */
	size_t reads;
};

static void seen_begin(void *arg, const struct attempt *a, const struct step *s)
{
	struct seen *seen = arg;

	seen->disorder |= seen->begun++ && s <= seen->last;
	seen->last = s;
	(void)a;
	if (s == seen->kill_in)
		card_kill(seen->r->card);
	if (s == seen->stop_in)
		seen->stop = true;
}

static void seen_passed(void *arg, const struct attempt *a, const struct step *s)
{
	struct seen *seen = arg;

	(void)a;
	seen->passed++;
	seen->passed_by = s;
}

static void seen_end(void *arg, const struct attempt *a, const struct step *s, int rc,
		     uint64_t took_us)
{
	struct seen *seen = arg;

	(void)a;
	(void)took_us;
	seen->ended++;
	if (s == seen->passed_by && rc)
		seen->rc_of_passed = true;
}

static bool seen_stop(void *arg)
{
	return ((struct seen *)arg)->stop;
}

static void seen_access(void *arg, const struct shim_access *a)
{
	struct seen *seen = arg;

	if (a->kind == SHIM_BAR_WRITE && a->off >= SCRATCH(0) && a->off < SCRATCH(16))
		seen->writes[(a->off - SCRATCH(0)) / 4]++;
}

static bool seen_read(void *arg, const struct shim_access *a, uint32_t *value)
{
	struct seen *seen = arg;

	if (a->kind != SHIM_BAR_READ || a->off != SCRATCH(0))
		return false;
	*value = seen->reads++ ? seen->later_read : seen->first_read;
	return true;
}

/* A used fury, the program @text planned and watched. */
static struct rig *seen_open(struct seen *seen, const char *text)
{
	struct rig *r = rig_open("fury", RIG_ROOT_PORT);
	struct err err = { 0 };

	memset(seen, 0, sizeof(*seen));
	seen->r = r;
	rig_use_fury(r);
	r->quirk = rig_parse_text("quirks/x.quirk", text);
	if (rig_plan(r, NULL, &err))
		fail_msg("%s", err.text);
	hw_shim_trace(r->hw, seen_access, seen);
	return r;
}

static struct exec_outcome seen_run(struct seen *seen)
{
	const struct exec_watch watch = {
		.begin = seen_begin, .passed = seen_passed, .end = seen_end,
		.stop = seen_stop, .arg = seen,
	};
	const struct attempt *a = rig_attempt(seen->r, "sequence x");
	struct exec_outcome out;

	exec_attempt(seen->r->hw, &seen->r->plan, a, &watch, 0, &out);
	assert_false(seen->disorder || seen->rc_of_passed);
	assert_int_equal(seen->begun, seen->ended);
	assert_int_equal(out.steps_run, seen->begun);
	assert_int_equal(out.passed, seen->passed);
	return out;
}

/* The step of that line of the program (the first line is 1). */
static const struct step *seen_step(const struct seen *seen, int line)
{
	const struct attempt *a = rig_attempt(seen->r, "sequence x");
	int first = 0;

	for (size_t i = 0; i < a->nsteps; i++) {
		if (!a->step[i].file || a->step[i].phase != PHASE_ACT)
			continue;
		first = first ? first : a->step[i].line;
		if (a->step[i].line == first + line - 1)
			return &a->step[i];
	}
	fail_msg("no line %d", line);
	return NULL;
}

static const char when_text[] = TEXT("",
	"wait SCRATCH[1] == 0 within 1 ms\n"
	"when SCRATCH[0] == 0 then write SCRATCH[2] = 1\n"
	"when SCRATCH[0] == 1 then write SCRATCH[3] = 1\n"
	"when SCRATCH[1] == 0 then when SCRATCH[0] == 1 then write SCRATCH[4] = 1\n"
	"when SCRATCH[1] == 0 then when SCRATCH[0] == 0 then write SCRATCH[5] = 1\n"
	"when SCRATCH[0] == 1 or SCRATCH[1] == 0 then write SCRATCH[6] = 1\n");

static void test_when(void **state)
{
	struct seen seen;
	struct rig *r = seen_open(&seen, when_text);
	struct exec_outcome out = seen_run(&seen);

	(void)state;
	assert_int_equal(out.result, EXEC_HEALTHY);
	assert_int_equal(out.passed, 2);
	assert_int_equal(seen.begun, rig_attempt(r, "sequence x")->nsteps);
	assert_int_equal(seen.writes[2], 1);
	assert_int_equal(seen.writes[3], 0);
	assert_int_equal(seen.writes[4], 0);
	assert_int_equal(seen.writes[5], 1);
	assert_int_equal(seen.writes[6], 1);
	rig_close(r);
}

static const char when_zero_text[] = TEXT("",
	"when SCRATCH[0] == 0 then write SCRATCH[2] = 1\n"
	"write SCRATCH[3] = 1\n");

/* All ones once is an accident, all ones twice a value: it holds nothing. */
static void test_when_ones(void **state)
{
	struct seen seen;
	struct rig *r;

	(void)state;
	for (int twice = 0; twice < 2; twice++) {
		r = seen_open(&seen, when_zero_text);
		seen.first_read = UINT32_MAX;
		seen.later_read = twice ? UINT32_MAX : 0;
		hw_shim_filter(r->hw, seen_read, &seen);
		assert_int_equal(seen_run(&seen).result, EXEC_HEALTHY);
		assert_int_equal(seen.writes[2], !twice);
		assert_int_equal(seen.passed, twice);
		rig_close(r);
	}
}

/* A lost card passes nothing by: the step fails. */
static void test_when_lost(void **state)
{
	struct exec_outcome out;
	struct seen seen;
	struct rig *r = seen_open(&seen, when_zero_text);

	(void)state;
	seen.kill_in = seen_step(&seen, 1);
	out = seen_run(&seen);
	assert_int_equal(out.result, EXEC_FAILED);
	assert_ptr_equal(out.at, seen.kill_in);
	assert_non_null(strstr(out.err.text, "0000:01:00.0 does not answer"));
	assert_int_equal(seen.passed, 0);
	rig_close(r);
}

static const char group_text[] = TEXT(
	"mailbox BOX = message SCRATCH[4] argument SCRATCH[5] response SCRATCH[6] ok 1\n",
	"when SCRATCH[0] == 0 then post BOX 7\n"
	"when SCRATCH[0] == 0 then post BOX 8\n");

/* One line is one decision, whatever the condition reads while it is carried out. */
static void test_when_group(void **state)
{
	struct seen seen;
	struct rig *r = seen_open(&seen, group_text);

	(void)state;
	seen.later_read = 1;
	hw_shim_filter(r->hw, seen_read, &seen);
	assert_int_equal(seen_run(&seen).result, EXEC_HEALTHY);
	assert_int_equal(seen.reads, 2);
	assert_int_equal(seen.passed, 3);
	for (size_t i = 4; i < 7; i++)
		assert_int_equal(seen.writes[i], 1);
	rig_close(r);
}

static const char try_text[] = TEXT(
	"mailbox BOX = message SCRATCH[4] argument SCRATCH[5] response SCRATCH[6] ok 1\n",
	"try send BOX 7 within 1 ms\n"
	"try wait SCRATCH[0] == 1 within 1 ms\n"
	"try wait SCRATCH[0] == 2 within 1 ms\n"
	"try wait SCRATCH[0] == 3 within 1 ms\n"
	"try wait SCRATCH[0] == 4 within 1 ms\n"
	"try wait SCRATCH[0] == 0 within 1 ms\n"
	"write SCRATCH[3] = 1\n");

static void test_try(void **state)
{
	struct seen seen;
	struct rig *r = seen_open(&seen, try_text);
	struct exec_outcome out = seen_run(&seen);

	(void)state;
	assert_int_equal(out.result, EXEC_HEALTHY);
	assert_int_equal(out.nnotes, 5);
	assert_int_equal(out.passed, 5);        /* the rest of the send */
	assert_int_equal(seen.writes[4], 0);
	assert_int_equal(seen.writes[3], 1);
	assert_non_null(strstr(out.note[0].text, "0000:01:00.0: quirks/x.quirk:"));
	assert_non_null(strstr(out.note[0].text, "SCRATCH[6]"));
	assert_non_null(strstr(out.note[3].text, "wanted == 0x3"));
	assert_int_equal(out.undo.code, 0);
	rig_close(r);
}

static const char codes_text[] = TEXT(
	"mailbox BOX = message SCRATCH[4] argument SCRATCH[5] response SCRATCH[0] ok 1\n"
	"answer BOX 0xfd \"rejected\"\n",
	"send BOX 7 within 1 ms\n");

static void test_codes(void **state)
{
	static const struct {
		uint32_t answer;
		const char *said;
	} rows[] = {
		{ 0xfd, "SCRATCH[0] (BAR5 offset 0x1724) reads 0xfd (rejected), wanted "
		  "== 0x1" },
		{ 0xfe, "reads 0xfe, wanted == 0x1" },  /* nobody has a name for it */
	};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		const char *const facts[] = {
			"0000:01:00.0: sequence x: quirks/x.quirk:", rows[i].said,
		};
		struct exec_outcome out;
		struct seen seen;
		struct rig *r = seen_open(&seen, codes_text);

		seen.first_read = 1;
		seen.later_read = rows[i].answer;
		hw_shim_filter(r->hw, seen_read, &seen);
		out = seen_run(&seen);
		assert_int_equal(out.result, EXEC_FAILED);
		assert_facts(out.err.text, facts, 2);
		rig_close(r);
	}
}

static const char tail_text[] = TEXT("",
	"wait SCRATCH[0] == 0 within 1 ms\n"
	"write SCRATCH[1] = 1\n"
	"wait SCRATCH[0] == 0 within 1 ms\n"
	"write SCRATCH[2] = 1\n"
	"always\n"
	"write SCRATCH[3] = 1\n"
	"write SCRATCH[4] = 1\n");

/* In its place when all is well; when the first wait fails, not at all. */
static void test_tail(void **state)
{
	static const struct {
		uint32_t first, later;
		enum exec_result result;
		size_t done[5];
	} rows[] = {
		{ 0, 0, EXEC_HEALTHY, { 0, 1, 1, 1, 1 } },
		{ 0, 5, EXEC_FAILED, { 0, 1, 0, 1, 1 } },
		{ 5, 5, EXEC_FAILED, { 0, 0, 0, 0, 0 } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct exec_outcome out;
		struct seen seen;
		struct rig *r = seen_open(&seen, tail_text);

		seen.first_read = rows[i].first;
		seen.later_read = rows[i].later;
		hw_shim_filter(r->hw, seen_read, &seen);
		out = seen_run(&seen);
		assert_int_equal(out.result, rows[i].result);
		assert_int_equal(out.undo.code, 0);
		assert_memory_equal(seen.writes, rows[i].done, sizeof(rows[i].done));
		rig_close(r);
	}
}

/*
 * Stopped half way: a program that has begun to write is brought to its end, all of it,
 * and is not judged.
 */
static void test_tail_stopped(void **state)
{
	struct exec_outcome out;
	struct seen seen;
	struct rig *r = seen_open(&seen, tail_text);

	(void)state;
	seen.stop_in = seen_step(&seen, 2);
	out = seen_run(&seen);
	assert_true(out.interrupted);
	assert_int_equal(out.result, EXEC_UNHEALTHY);
	assert_int_equal(seen.writes[2], 1);
	assert_int_equal(seen.writes[3] + seen.writes[4], 2);
	rig_close(r);
}

static const char tail_fails_text[] = TEXT("",
	"write SCRATCH[1] = 1\n"
	"wait SCRATCH[0] == 0 within 1 ms\n"
	"always\n"
	"try wait SCRATCH[2] == 7 within 1 ms\n"
	"wait SCRATCH[0] == 1 within 1 ms\n"
	"write SCRATCH[3] = 1\n");

/* Once each, and the first that fails is the last; after a failure it is the second. */
static void test_tail_fails(void **state)
{
	(void)state;
	for (uint32_t other = 0; other < 6; other += 5) {
		struct exec_outcome out;
		const char *text;
		struct seen seen;
		struct rig *r = seen_open(&seen, tail_fails_text);

		seen.first_read = seen.later_read = other;
		hw_shim_filter(r->hw, seen_read, &seen);
		out = seen_run(&seen);
		assert_int_equal(out.result, EXEC_FAILED);
		assert_int_equal(out.nnotes, 1);
		assert_int_equal(seen.writes[3], 0);
		text = other ? out.undo.text : out.err.text;
		assert_non_null(strstr(text, "SCRATCH[0]"));
		assert_non_null(strstr(text, "wanted == 0x1"));
		assert_int_equal(out.undo.code != 0, other != 0);
		assert_true(!other || strstr(text, "the closing part failed too"));
		rig_close(r);
	}
}

/* A write of a tail that fails is not repeated, unlike an undo. */
static void test_tail_once(void **state)
{
	struct exec_outcome out;
	struct seen seen;
	struct rig *r = seen_open(&seen, tail_text);
	struct step_fault f = { .r = r, .victim = seen_step(&seen, 6) };

	(void)state;
	out = run_faulty(&f, rig_attempt(r, "sequence x"));
	assert_int_equal(out.result, EXEC_FAILED);
	assert_ptr_equal(out.at, f.victim);
	assert_int_equal(seen.writes[3], 1);
	assert_int_equal(seen.writes[4], 0);
	rig_close(r);
}

#define KEEPS "[restore]\nkeep MAX_READ.BITS\n"
#define DEVCTL 0x60u

static const char keep_text[] = TEXT(
	"space cfg = config\nMAX_READ = cfg 0x60 width 2\nMAX_READ.BITS = bits 14:12\n",
	"wait SCRATCH[0] == 0 within 1 ms\n") KEEPS;

struct devctl {
	size_t writes;
	bool stuck, after;              /* ... from the first step on that puts back */
};

static void devctl_access(void *arg, const struct shim_access *a)
{
	struct devctl *d = arg;

	if (a->kind == SHIM_CFG_WRITE && a->off == DEVCTL && a->bdf.bus && !a->bdf.fn)
		d->writes++;
}

/* Stuck at what the reset left. */
static bool devctl_read(void *arg, const struct shim_access *a, uint32_t *value)
{
	const struct devctl *d = arg;

	*value = 0x2810;
	return d->stuck && d->after && a->kind == SHIM_CFG_READ && a->off == DEVCTL &&
	       a->bdf.bus && !a->bdf.fn;
}

static struct rig *keep_open(struct devctl *d, const struct exec_watch *watch,
			     const char *method, bool keeps, struct exec_outcome *out)
{
	const struct plan_opts opts = { .method = method };
	struct rig *r = rig_open("fury", RIG_ROOT_PORT);
	struct err err = { 0 };

	rig_use_fury(r);
	r->quirk = keeps ? rig_parse_text("quirks/x.quirk", keep_text) : NULL;
	if (rig_plan(r, &opts, &err))
		fail_msg("%s", err.text);
	hw_shim_trace(r->hw, devctl_access, d);
	exec_attempt(r->hw, &r->plan, &r->plan.attempt[0], watch, 0, out);
	return r;
}

static uint32_t devctl_of(struct rig *r)
{
	uint32_t val = 0;

	hw_cfg_read(r->sim, rig_fn(r, 0), DEVCTL, 2, &val, NULL);
	return val;
}

/* Lost in a bus reset, where the kernel starts anew; the other bits are its business. */
static void test_keep(void **state)
{
	struct exec_outcome out;
	struct devctl d = { 0 };
	struct rig *r = keep_open(&d, NULL, "bus", false, &out);

	(void)state;
	assert_int_equal(devctl_of(r), 0x2810);
	assert_int_equal(d.writes, 0);
	rig_close(r);
	r = keep_open(&d, NULL, "bus", true, &out);
	assert_int_equal(out.result, EXEC_HEALTHY);
	assert_int_equal(devctl_of(r), 0x5810);
	assert_int_equal(d.writes, 1);
	rig_close(r);
}

/* Nothing is written where nothing has changed: once by the restore, and no more. */
static void test_keep_unchanged(void **state)
{
	struct exec_outcome out;
	struct devctl d = { 0 };
	struct rig *r = keep_open(&d, NULL, "sequence x", true, &out);

	(void)state;
	assert_int_equal(out.result, EXEC_HEALTHY);
	assert_int_equal(devctl_of(r), 0x5930);
	assert_int_equal(d.writes, 1);
	rig_close(r);
}

static void devctl_sticks(void *arg, const struct attempt *a, const struct step *s)
{
	struct devctl *d = arg;

	(void)a;
	d->after |= s->kind == STEP_PUT;
}

/* Bits that do not come back are a failure with the six facts. */
static void test_keep_stuck(void **state)
{
	static const char *const facts[] = {
		"0000:01:00.0", "quirks/x.quirk:", "MAX_READ.BITS (config 0x60)",
		"reads 0x2810 after it was put back", "wanted == 0x5000",
	};
	struct devctl d = { .stuck = true };
	const struct exec_watch watch = { .begin = devctl_sticks, .arg = &d };
	const struct plan_opts opts = { .method = "bus" };
	struct rig *r = rig_open("fury", RIG_ROOT_PORT);
	struct exec_outcome out;

	(void)state;
	rig_use_fury(r);
	r->quirk = rig_parse_text("quirks/x.quirk", keep_text);
	assert_int_equal(rig_plan(r, &opts, NULL), 0);
	hw_shim_trace(r->hw, devctl_access, &d);
	hw_shim_filter(r->hw, devctl_read, &d);
	exec_attempt(r->hw, &r->plan, &r->plan.attempt[0], &watch, 0, &out);
	assert_int_equal(out.result, EXEC_FAILED);
	assert_facts(out.err.text, facts, sizeof(facts) / sizeof(*facts));
	assert_int_equal(d.writes, 3);  /* an undo is tried three times */
	rig_close(r);
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

	if (s->optional) {              /* noted, and the verdict is as true as ever */
		assert_true(out.nnotes > 0 || out.result != EXEC_HEALTHY);
		assert_true(out.result != EXEC_HEALTHY || !lie(r, a, out.unjudged.code));
		rig_close(r);
		return;
	}
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
	size_t lies;                    /* healthy, and it was not true */
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
		wrong = mode == LOST && hw_shim_hit(r->hw) ? "it is lost" :
			lie(r, a, out->unjudged.code);
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
	t->lies += out.result == EXEC_HEALTHY && lie(r, a, out.unjudged.code);
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

static void print_counts(const struct tally *t)
{
	size_t faults = 0;

	for (enum mode mode = FAIL; mode < MODES; mode++)
		faults += t->faults[mode];
	print_message("count: accesses failed: %zu\n", faults);
	print_message("count: false successes: %zu\n", t->lies);
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
	print_counts(&t);
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
		wrong = lie(r, sum->healthy, sum->unjudged);
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
	t->lies += sum.healthy && lie(r, sum.healthy, sum.unjudged);
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
	print_counts(&t);
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
		cmocka_unit_test(test_override_again), cmocka_unit_test(test_not_yet),
		cmocka_unit_test(test_stop), cmocka_unit_test(test_stopped_in_baco),
		cmocka_unit_test(test_left_in_baco),
		cmocka_unit_test(test_deadline), cmocka_unit_test(test_stop_in_delay),
		cmocka_unit_test(test_when), cmocka_unit_test(test_when_ones),
		cmocka_unit_test(test_when_lost), cmocka_unit_test(test_when_group),
		cmocka_unit_test(test_try), cmocka_unit_test(test_codes),
		cmocka_unit_test(test_tail), cmocka_unit_test(test_tail_stopped),
		cmocka_unit_test(test_tail_fails), cmocka_unit_test(test_tail_once),
		cmocka_unit_test(test_keep), cmocka_unit_test(test_keep_unchanged),
		cmocka_unit_test(test_keep_stuck),
		cmocka_unit_test(test_each_step_fails),
		cmocka_unit_test(test_each_wait_stuck),
		cmocka_unit_test(test_fault_loop),
		cmocka_unit_test(test_ladder_faults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
