// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Somebody opens the card between the check and the act: at each single access of a
 * run, for each method and for the whole ladder.
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

#include "plan/guards.h"
#include "sim_rig.h"

#define FIJI "quirks/amd-fiji.quirk"
#define MAX_ATTEMPTS 32
#define OPENER 4711

struct race_scene {
	const char *kind, *method;      /* NULL: the ladder */
	enum rig_place place;
	const char *driver;             /* of function 0; NULL: all on vfio-pci */
	const char *quirk;
};

static const struct race_scene scenes[] = {
	{ "flr", "flr", RIG_ROOT_PORT, NULL, NULL },
	{ "flr", "hot_reset", RIG_ROOT_PORT, NULL, NULL },
	{ "flr", "subordinate", RIG_ROOT_PORT, NULL, NULL },
	{ "flr", "bus", RIG_ROOT_PORT, NULL, NULL },
	{ "navi", "bus", RIG_SWITCH, NULL, NULL },
	{ "fury", "sequence baco", RIG_ROOT_PORT, NULL, FIJI },
	{ "fury", NULL, RIG_ROOT_PORT, NULL, FIJI },
	{ "dead", NULL, RIG_ROOT_PORT, NULL, NULL },
	{ "navi", NULL, RIG_SWITCH, NULL, NULL },
	{ "flr", "flr", RIG_ROOT_PORT, "amdgpu", NULL },
	{ "flr", "hot_reset", RIG_ROOT_PORT, "amdgpu", NULL },
	{ "flr", "bus", RIG_ROOT_PORT, "amdgpu", NULL },
	{ "fury", "sequence baco", RIG_ROOT_PORT, "amdgpu", FIJI },
	{ "fury", NULL, RIG_ROOT_PORT, "amdgpu", FIJI },
};

/* One run, in which somebody tries to open function 0 right after access @nth. */
struct race {
	struct rig *rig;
	uint64_t nth;
	bool tried, opened;
	bool unbinding;                 /* a step that takes a driver off is being done */
	bool opened_unbinding;
	const char *harm;               /* what was done to the card after that */
	struct exec_outcome out[MAX_ATTEMPTS];
	struct exec_summary sum;
};

struct tally {
	unsigned tried, kept_out, refused, after, window, lost;
};

static void race_open(struct race *x)
{
	x->tried = true;
	x->opened = hw_sim_try_open(x->rig->sim, rig_fn(x->rig, 0), OPENER);
	x->opened_unbinding = x->opened && x->unbinding;
}

static const char *race_harm(const struct shim_access *a)
{
	static const char *const attrs[] = {
		"reset", "reset_subordinate", "remove", "driver/unbind",
	};

	if (a->rc)
		return NULL;
	if (a->kind == SHIM_BAR_WRITE || a->kind == SHIM_HOT_RESET)
		return hw_shim_kind_str(a->kind);
	for (size_t i = 0; a->kind == SHIM_ATTR_WRITE && i < 4; i++)
		if (!strcmp(a->name, attrs[i]))
			return attrs[i];
	/* Bridge Control of a bridge: the secondary bus reset */
	return a->kind == SHIM_CFG_WRITE && a->off == 0x3e && a->value & 0x40 ?
		"bus reset" : NULL;
}

static void race_access(void *arg, const struct shim_access *a)
{
	struct race *x = arg;

	if (x->opened && !x->harm)
		x->harm = race_harm(a);
	if (a->n == x->nth)
		race_open(x);
}

static void race_begin(void *arg, const struct attempt *a, const struct step *s)
{
	struct race *x = arg;

	(void)a;
	x->unbinding = s->kind == STEP_BIND && s->phase == PHASE_PREPARE;
}

static int race_ready(void *arg, const struct attempt *a, const struct step *s,
		      struct err *err)
{
	struct race *x = arg;

	return guard_again(x->rig->sim, &x->rig->plan, a, s, err);
}

static struct rig *race_rig(const struct race_scene *s)
{
	const struct plan_opts opts = { .method = s->method };
	struct rig *r = rig_open(s->kind, s->place);
	struct err err = { 0 };

	if (s->quirk) {
		rig_quirk(r, s->quirk);
		rig_use_fury(r);
	}
	rig_vfio(r);
	if (s->driver) {
		hw_sim_driver(r->sim, s->driver);
		hw_sim_attr(r->sim, rig_fn(r, 0), "driver", s->driver);
	}
	if (rig_plan(r, &opts, &err))
		fail_msg("plan: %s", err.text);
	assert_true(r->plan.nattempts <= MAX_ATTEMPTS);
	return r;
}

/* Refused: who, nothing done since, and all as it was (unless it was removed before). */
static void assert_left(const struct race *x, const struct rig_state *before)
{
	const char *changed = rig_changed(x->rig, before, true);

	assert_non_null(strstr(x->sum.refused->err.text, "4711 (opener)"));
	assert_non_null(strstr(x->sum.refused->err.text, "--force-in-use"));
	assert_int_equal(x->sum.refused->undo.code, 0);
	assert_null(x->sum.healthy);
	if (changed)
		fail_msg("refused at access %llu, but %s", (unsigned long long)x->nth,
			 changed);
}

static void race_count(const struct race *x, const struct race_scene *s, struct tally *t)
{
	t->tried++;
	if (!x->opened)
		t->kept_out++;
	else if (x->harm && s->driver && x->opened_unbinding)
		t->window++;
	else if (x->harm)
		t->lost++;
	else if (x->sum.refused)
		t->refused++;
	else
		t->after++;
	if (x->harm && !(s->driver && x->opened_unbinding))
		print_error("%s %s: opened after access %llu, then: %s\n", s->kind,
			    s->method ? s->method : "ladder",
			    (unsigned long long)x->nth, x->harm);
}

/* False: the run was over before access @nth. */
static bool race_run(const struct race_scene *s, uint64_t nth, struct tally *t)
{
	struct race x = { .rig = race_rig(s), .nth = nth };
	const struct exec_watch watch = {
		.begin = race_begin, .ready = race_ready, .arg = &x,
	};
	struct rig_state before;

	rig_remember(x.rig, &before);
	hw_shim_arm(x.rig->hw, SHIM_NONE, 0, x.rig->slot);
	hw_shim_trace(x.rig->hw, race_access, &x);
	if (!nth)
		race_open(&x);
	exec_plan(x.rig->hw, &x.rig->plan, &watch, 0, x.out, &x.sum);
	if (x.tried)
		race_count(&x, s, t);
	if (x.sum.refused)
		assert_left(&x, &before);
	rig_close(x.rig);
	return x.tried;
}

static void test_each_access(void **state)
{
	struct tally all = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(scenes) / sizeof(*scenes); i++) {
		struct tally t = { 0 };

		for (uint64_t n = 0; race_run(&scenes[i], n, &t); n++)
			;
		printf("%s, %s%s: %u openers: %u kept out, %u seen and the reset "
		       "refused, %u after it, %u while a driver was taken off\n",
		       scenes[i].kind, scenes[i].method ? scenes[i].method : "ladder",
		       scenes[i].driver ? ", host driver" : "", t.tried, t.kept_out,
		       t.refused, t.after, t.window);
		assert_int_equal(t.lost, 0);
		assert_true(t.refused && t.kept_out);
		/* nothing is between the last look and the unbinding but itself */
		assert_true(t.window <= 2);
		all.tried += t.tried;
		all.kept_out += t.kept_out;
		all.refused += t.refused;
		all.window += t.window;
		all.lost += t.lost;
	}
	printf("count: openers at every access: %u\n", all.tried);
	printf("count: openers kept out by owning the group: %u\n", all.kept_out);
	printf("count: openers seen, reset refused: %u\n", all.refused);
	printf("count: openers while a host driver is taken off: %u\n", all.window);
	printf("count: resets under an opener: %u\n", all.lost);
}

/* --- single cases ------------------------------------------------------------------ */

/* Who opened it by force goes on by force: nothing is owned, nobody is asked. */
static void test_forced(void **state)
{
	const struct plan_opts opts = { .force = FORCE_IN_USE, .method = "flr" };
	struct rig *r = rig_open("flr", RIG_ROOT_PORT);
	struct race x = { .rig = r };
	const struct exec_watch watch = { .ready = race_ready, .arg = &x };
	struct err err = { 0 };

	(void)state;
	rig_vfio(r);
	assert_true(hw_sim_try_open(r->sim, rig_fn(r, 0), OPENER));
	assert_int_equal(rig_plan(r, &opts, &err), 0);
	assert_null(r->plan.refusal);
	for (size_t i = 0; i < rig_attempt(r, "flr")->nsteps; i++)
		assert_int_not_equal(rig_attempt(r, "flr")->step[i].kind, STEP_OWN);
	exec_plan(r->hw, &r->plan, &watch, 0, x.out, &x.sum);
	assert_non_null(x.sum.healthy);
	rig_close(r);
}

/* The guard's eyes are gone at the @left-th question: no refusal, nor does it go on. */
struct blind {
	struct race race;
	unsigned left;
};

static int blind_ready(void *arg, const struct attempt *a, const struct step *s,
		       struct err *err)
{
	struct blind *b = arg;

	if (!b->left)
		return err_set(err, EPIPE, "who has it open cannot be seen");
	b->left--;
	return race_ready(&b->race, a, s, err);
}

static bool blind_run(unsigned left)
{
	static const struct race_scene s = { "flr", NULL, RIG_ROOT_PORT, NULL, NULL };
	struct blind b = { .race.rig = race_rig(&s), .left = left };
	const struct exec_watch watch = { .ready = blind_ready, .arg = &b };
	struct race *x = &b.race;
	struct rig_state before;
	bool blind;

	rig_remember(x->rig, &before);
	exec_plan(x->rig->hw, &x->rig->plan, &watch, 0, x->out, &x->sum);
	blind = x->sum.unasked;
	assert_int_equal(blind, !x->sum.healthy);
	assert_null(x->sum.refused);
	if (blind) {
		size_t failed = 0;

		for (size_t i = 0; i < x->rig->plan.nattempts; i++)
			failed += x->out[i].unasked;
		assert_int_equal(failed, 1);
		assert_null(rig_changed(x->rig, &before, true));
	}
	rig_close(x->rig);
	return blind;
}

static void test_blind(void **state)
{
	unsigned n = 0;

	(void)state;
	while (blind_run(n))
		n++;
	assert_true(n > 1);
}

/* Someone whose process is not seen: the kernel's word alone ends it. */
static void test_unseen(void **state)
{
	static const struct race_scene s = { "flr", "flr", RIG_ROOT_PORT, NULL, NULL };
	struct race x = { .rig = race_rig(&s) };
	long flrs = rig_truth(x.rig, "flrs");

	(void)state;
	assert_true(hw_sim_try_open(x.rig->sim, rig_fn(x.rig, 1), OPENER));
	exec_plan(x.rig->hw, &x.rig->plan, NULL, 0, x.out, &x.sum);
	assert_non_null(x.sum.refused);
	assert_int_equal(x.sum.refused->err.code, EBUSY);
	assert_int_equal(rig_truth(x.rig, "flrs"), flrs);
	rig_close(x.rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_access),
		cmocka_unit_test(test_forced),
		cmocka_unit_test(test_blind),
		cmocka_unit_test(test_unseen),
	};

	return cmocka_run_group_tests_name("race", tests, NULL, NULL);
}
