// SPDX-License-Identifier: GPL-2.0-or-later
/* plan/: what is planned, and what is refused, on simulated topologies. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim_rig.h"

static void plan_ok(struct rig *r, const struct plan_opts *opts)
{
	struct err err = { 0 };

	if (rig_plan(r, opts, &err))
		fail_msg("plan: %s", err.text);
}

static void assert_usable(const struct rig *r, const char *name, enum usable want)
{
	const struct attempt *a = rig_attempt(r, name);

	if (!a)
		fail_msg("no attempt '%s'", name);
	if (a->usable != want)
		fail_msg("%s: usable is %d, wanted %d: %s", name, a->usable, want,
			 a->reason ? a->reason : "");
	if (want == ATTEMPT_YES)
		assert_true(a->nsteps > 0);
	else
		assert_true(a->reason && a->reason[0]);
}

static void assert_says(const char *text, const char *word)
{
	if (!text || !strstr(text, word))
		fail_msg("'%s' is not in: %s", word, text ? text : "(nothing)");
}

static void assert_reason(const struct rig *r, const char *name, const char *word)
{
	assert_says(rig_attempt(r, name)->reason, word);
}

/* --- topologies ---------------------------------------------------------------- */

static void test_root_port(void **state)
{
	static const char *const names[] = {
		"none", "sequence", "flr", "af_flr", "pm", "hot_reset",
		"subordinate at 0000:00:01.0", "bus at 0000:00:01.0",
	};
	struct rig *r = rig_open("flr", RIG_ROOT_PORT);

	(void)state;
	plan_ok(r, NULL);
	assert_null(r->plan.refusal);
	assert_int_equal(r->plan.nattempts, sizeof(names) / sizeof(*names));
	for (size_t i = 0; i < r->plan.nattempts; i++)
		assert_string_equal(r->plan.attempt[i].name, names[i]);
	assert_usable(r, "none", ATTEMPT_NO);
	assert_usable(r, "sequence", ATTEMPT_NO);
	assert_usable(r, "flr", ATTEMPT_YES);
	assert_usable(r, "af_flr", ATTEMPT_NO);
	assert_usable(r, "pm", ATTEMPT_NO);
	assert_usable(r, "hot_reset", ATTEMPT_YES);
	assert_usable(r, "subordinate at 0000:00:01.0", ATTEMPT_YES);
	assert_usable(r, "bus at 0000:00:01.0", ATTEMPT_YES);
	assert_int_equal(plan_usable(&r->plan), 4);
	rig_close(r);
}

/* A card behind its own switch: its parent alone, then the port above the switch. */
static void test_switch(void **state)
{
	const struct plan_opts at = { .at = rig_bdf("01:00.0"), .has_at = true };
	const struct plan_opts off = { .at = rig_bdf("02:01.0"), .has_at = true };
	struct rig *r = rig_open("navi", RIG_SWITCH);
	struct err err = { 0 };

	(void)state;
	plan_ok(r, NULL);
	assert_int_equal(r->target.npath, 3);
	assert_int_equal(target_card_level(&r->target), 2);
	assert_usable(r, "subordinate at 0000:02:00.0", ATTEMPT_YES);
	assert_usable(r, "subordinate at 0000:00:01.0", ATTEMPT_YES);
	assert_usable(r, "bus at 0000:02:00.0", ATTEMPT_YES);
	assert_usable(r, "bus at 0000:00:01.0", ATTEMPT_YES);
	assert_null(rig_attempt(r, "bus at 0000:01:00.0"));
	assert_int_equal(rig_attempt(r, "bus at 0000:00:01.0")->level, 2);
	plan_ok(r, &at);
	assert_usable(r, "subordinate at 0000:01:00.0", ATTEMPT_YES);
	assert_usable(r, "bus at 0000:01:00.0", ATTEMPT_YES);
	assert_null(rig_attempt(r, "bus at 0000:02:00.0"));
	assert_int_equal(rig_plan(r, &off, &err), -EINVAL);
	assert_says(err.text, "0000:02:01.0");
	rig_close(r);
}

/* Somebody else's function behind the other port of the same switch. */
static void test_shared_switch(void **state)
{
	const struct plan_opts at = { .at = rig_bdf("00:01.0"), .has_at = true };
	struct rig *r = rig_unbooted("navi", RIG_SWITCH);

	(void)state;
	rig_add(r, "gpu", rig_bdf("04:00"));
	rig_boot(r);
	plan_ok(r, NULL);
	assert_int_equal(target_card_level(&r->target), 0);
	assert_usable(r, "bus at 0000:02:00.0", ATTEMPT_YES);
	assert_null(rig_attempt(r, "bus at 0000:00:01.0"));
	plan_ok(r, &at);
	assert_usable(r, "bus at 0000:00:01.0", ATTEMPT_REFUSED);
	assert_reason(r, "bus at 0000:00:01.0", "0000:04:00.0");
	rig_close(r);
}

static void test_neighbour(void **state)
{
	const struct plan_opts force = { .force = FORCE_NEIGHBOURS };
	const char *sub = "subordinate at 0000:01:00.0", *bus = "bus at 0000:01:00.0";
	struct rig *r = rig_unbooted("fury", RIG_PCI_BRIDGE);

	(void)state;
	rig_add(r, "gpu", rig_bdf("02:02"));
	rig_boot(r);
	hw_sim_attr(r->sim, rig_bdf("02:02.0"), "driver", "amdgpu");
	plan_ok(r, NULL);
	assert_usable(r, sub, ATTEMPT_REFUSED);
	assert_reason(r, sub, "0000:02:02.0 [1002:6779, driver amdgpu]");
	assert_string_equal(rig_attempt(r, sub)->override, "--force-neighbours");
	assert_usable(r, bus, ATTEMPT_REFUSED);
	assert_reason(r, bus, "0000:02:02.0");
	assert_null(rig_attempt(r, bus)->override);
	assert_usable(r, "hot_reset", ATTEMPT_REFUSED);
	plan_ok(r, &force);
	assert_usable(r, sub, ATTEMPT_YES);
	assert_usable(r, bus, ATTEMPT_REFUSED);
	assert_usable(r, "hot_reset", ATTEMPT_REFUSED);
	rig_close(r);
}

static void test_root_bus(void **state)
{
	struct rig *r = rig_open("gpu", RIG_ROOT_BUS);

	(void)state;
	plan_ok(r, NULL);
	assert_usable(r, "bus", ATTEMPT_NO);
	assert_usable(r, "subordinate", ATTEMPT_NO);
	assert_usable(r, "hot_reset", ATTEMPT_NO);
	assert_usable(r, "pm", ATTEMPT_YES);    /* the kernel, too, lets APUs have it */
	rig_close(r);
}

static void test_no_reset_subordinate(void **state)
{
	struct rig *r = rig_open("flr", RIG_ROOT_PORT);

	(void)state;
	hw_sim_attr(r->sim, r->bridge[0], "reset_subordinate", NULL);
	plan_ok(r, NULL);
	assert_usable(r, "subordinate at 0000:00:01.0", ATTEMPT_NO);
	assert_usable(r, "bus at 0000:00:01.0", ATTEMPT_YES);
	rig_close(r);
}

/* --- the kernel's lists -------------------------------------------------------- */

static void test_deny_bus(void **state)
{
	static const struct rig_plain gh200 = { 0x10de, 0x2342, 0x030200, true, false,
						false };
	struct rig *r = rig_open_plain(&gh200, RIG_ROOT_PORT);

	(void)state;
	plan_ok(r, NULL);
	assert_usable(r, "bus at 0000:00:01.0", ATTEMPT_DENIED);
	assert_usable(r, "subordinate at 0000:00:01.0", ATTEMPT_DENIED);
	assert_usable(r, "hot_reset", ATTEMPT_DENIED);
	assert_reason(r, "hot_reset", "0000:01:00.0");
	assert_usable(r, "flr", ATTEMPT_YES);
	rig_close(r);
}

static void test_deny_pm(void **state)
{
	struct rig *r = rig_open("fury", RIG_ROOT_PORT);

	(void)state;
	plan_ok(r, NULL);
	assert_usable(r, "pm", ATTEMPT_NO);
	assert_reason(r, "pm", "kernel's list");
	rig_close(r);
}

static void test_deny_flr(void **state)
{
	static const struct rig_plain sound = { 0x1022, 0x1487, 0x040300, true, false,
						false };
	struct rig *r = rig_open_plain(&sound, RIG_ROOT_PORT);

	(void)state;
	plan_ok(r, NULL);
	assert_usable(r, "flr", ATTEMPT_NO);
	assert_reason(r, "flr", "kernel's list");
	rig_close(r);
}

/* A function of the list next to the card, below the bridge to be reset. */
static void test_deny_neighbour(void **state)
{
	static const struct rig_plain ath = { 0x168c, 0x0030, 0x028000, false, false,
					      false };
	const struct plan_opts force = { .force = FORCE_NEIGHBOURS };
	struct rig *r = rig_unbooted("fury", RIG_PCI_BRIDGE);

	(void)state;
	rig_add_plain(r, rig_bdf("02:03.0"), &ath);
	rig_boot(r);
	plan_ok(r, &force);
	assert_usable(r, "subordinate at 0000:01:00.0", ATTEMPT_DENIED);
	assert_reason(r, "subordinate at 0000:01:00.0", "0000:02:03.0");
	rig_close(r);
}

/* --- reset_method -------------------------------------------------------------- */

static const struct step *find_step(const struct attempt *a, enum step_phase phase,
				    const char *name)
{
	for (size_t i = 0; i < a->nsteps; i++)
		if (a->step[i].phase == phase && a->step[i].name &&
		    !strcmp(a->step[i].name, name))
			return &a->step[i];
	return NULL;
}

/* Function 0 lists "bus" from before its sibling was known: it cannot go back. */
static void test_stale_method(void **state)
{
	struct rig *r = rig_open("flr", RIG_ROOT_PORT);
	const struct step *s;
	char text[64];

	(void)state;
	plan_ok(r, NULL);
	assert_string_equal(r->target.fn[0].reset_method, "flr bus");
	assert_string_equal(r->target.fn[1].reset_method, "flr");
	s = find_step(rig_attempt(r, "flr"), PHASE_PREPARE, "reset_method");
	assert_non_null(s);
	assert_string_equal(s->text, "flr");
	s = find_step(rig_attempt(r, "flr"), PHASE_PUT_BACK, "reset_method");
	assert_non_null(s);
	assert_true(s->undo_of > 0);
	assert_string_equal(s->text, "flr");
	hw_attr_read(r->hw, rig_fn(r, 0), "reset_method", text, sizeof(text), NULL);
	assert_string_equal(text, "flr bus");
	rig_close(r);
}

/* A single-function card keeps its "bus": there it is true. */
static void test_true_bus_method(void **state)
{
	static const struct rig_plain one = { 0x10de, 0x1234, 0x030000, true, true,
					      false };
	struct rig *r = rig_open_plain(&one, RIG_ROOT_PORT);
	const struct step *s;

	(void)state;
	plan_ok(r, NULL);
	assert_string_equal(r->target.fn[0].reset_method, "flr pm bus");
	s = find_step(rig_attempt(r, "flr"), PHASE_PUT_BACK, "reset_method");
	assert_string_equal(s->text, "flr pm bus");
	rig_close(r);
}

/* --- guards -------------------------------------------------------------------- */

static void test_single_function(void **state)
{
	struct rig *r = rig_open("flr", RIG_ROOT_PORT);
	const struct attempt *a;

	(void)state;
	r->spec = (struct bdf_spec){ .bdf = rig_fn(r, 1), .whole_slot = false };
	plan_ok(r, NULL);
	assert_usable(r, "flr", ATTEMPT_YES);
	a = rig_attempt(r, "flr");
	for (size_t i = 0; i < a->nsteps; i++)
		if (a->step[i].phase == PHASE_ACT)
			assert_int_equal(a->step[i].fn.fn, 1);
	assert_usable(r, "hot_reset", ATTEMPT_REFUSED);
	assert_usable(r, "bus at 0000:00:01.0", ATTEMPT_REFUSED);
	assert_reason(r, "bus at 0000:00:01.0", "`gpureset 0000:01:00`");
	r->spec.bdf.fn = 5;
	assert_int_equal(rig_plan(r, NULL, NULL), -ENODEV);
	rig_close(r);
}

static void test_broken_quirk(void **state)
{
	static const struct quirk broken = { .file = "quirks/bad.quirk",
					     .broken = true };
	const struct plan_opts force = { .force = ~0u };
	struct rig *r = rig_open("flr", RIG_ROOT_PORT);

	(void)state;
	r->quirk = &broken;
	plan_ok(r, NULL);
	assert_says(r->plan.refusal, "quirks/bad.quirk");
	assert_true(r->plan.refusal_config);
	assert_string_equal(r->plan.refusal_name, "broken-quirk");
	plan_ok(r, &force);
	assert_non_null(r->plan.refusal);
	rig_close(r);
}

static void test_quirk_deny(void **state)
{
	static struct q_deny deny[] = { { "flr", "it hangs the host", 12 } };
	static const struct quirk quirk = { .file = "quirks/x.quirk",
					    .denies = deny, .ndenies = 1 };
	struct rig *r = rig_open("flr", RIG_ROOT_PORT);

	(void)state;
	r->quirk = &quirk;
	plan_ok(r, NULL);
	assert_usable(r, "flr", ATTEMPT_DENIED);
	assert_reason(r, "flr", "quirks/x.quirk:12: it hangs the host");
	assert_usable(r, "bus at 0000:00:01.0", ATTEMPT_YES);
	rig_close(r);
}

static void test_in_use(void **state)
{
	static const struct hw_holder qemu = { 4711, "kvm", "/dev/vfio/21" };
	static const struct hw_holder more = { 4712, "sh", "/dev/vfio/21" };
	const struct plan_opts force = { .force = FORCE_IN_USE };
	struct rig *r = rig_open("flr", RIG_ROOT_PORT);

	(void)state;
	rig_vfio(r);
	hw_sim_holder(r->sim, rig_fn(r, 1), &qemu);
	plan_ok(r, NULL);
	assert_string_equal(r->plan.refusal_name, "in-use");
	assert_says(r->plan.refusal, "process 4711 (kvm)");
	assert_says(r->plan.refusal, "/dev/vfio/21");
	assert_says(r->plan.refusal, "--force-in-use");
	hw_sim_holder(r->sim, rig_fn(r, 0), &more);
	plan_ok(r, NULL);
	assert_says(r->plan.refusal, "and 1 more");
	plan_ok(r, &force);
	assert_null(r->plan.refusal);
	rig_close(r);
}

/* Open in vfio-pci, though /proc names nobody (another PID namespace). */
static void test_opened(void **state)
{
	struct rig *r = rig_open("flr", RIG_ROOT_PORT);

	(void)state;
	rig_vfio(r);
	hw_sim_attr(r->sim, rig_fn(r, 0), "enable", "1");
	plan_ok(r, NULL);
	assert_string_equal(r->plan.refusal_name, "in-use");
	assert_says(r->plan.refusal, "0000:01:00.0");
	rig_close(r);
}

static void test_vfs(void **state)
{
	struct rig *r = rig_open("flr", RIG_ROOT_PORT);

	(void)state;
	hw_sim_attr(r->sim, rig_fn(r, 0), "sriov_numvfs", "4");
	plan_ok(r, NULL);
	assert_string_equal(r->plan.refusal_name, "vfs");
	assert_says(r->plan.refusal, "4 virtual functions");
	rig_close(r);
}

static void test_console(void **state)
{
	const struct plan_opts force = { .force = FORCE_CONSOLE };
	struct rig *r = rig_open("flr", RIG_ROOT_PORT);

	(void)state;
	hw_sim_attr(r->sim, rig_fn(r, 0), "boot_vga", "1");
	plan_ok(r, NULL);
	assert_null(r->plan.refusal);   /* boot VGA alone harms nobody */
	hw_sim_host(r->sim, "/sys/class/graphics/fb0/name", "EFI VGA");
	plan_ok(r, NULL);
	assert_string_equal(r->plan.refusal_name, "console");
	assert_says(r->plan.refusal, "EFI VGA");
	plan_ok(r, &force);
	assert_null(r->plan.refusal);
	hw_sim_host(r->sim, "/sys/class/graphics/fb0/name", "amdgpudrmfb");
	plan_ok(r, NULL);
	assert_null(r->plan.refusal);
	hw_sim_attr(r->sim, rig_fn(r, 0), "graphics", "");
	plan_ok(r, NULL);
	assert_string_equal(r->plan.refusal_name, "console");
	rig_close(r);
}

static void test_lockdown(void **state)
{
	struct rig *r = rig_open("fury", RIG_ROOT_PORT);

	(void)state;
	hw_sim_host(r->sim, "/sys/kernel/security/lockdown",
		    "none [integrity] confidentiality");
	rig_quirk(r, "quirks/amd-fiji.quirk");
	plan_ok(r, NULL);
	assert_usable(r, "none", ATTEMPT_NO);
	assert_usable(r, "sequence baco", ATTEMPT_NO);
	assert_reason(r, "sequence baco", "lockdown");
	assert_usable(r, "bus at 0000:00:01.0", ATTEMPT_NO);
	assert_usable(r, "subordinate at 0000:00:01.0", ATTEMPT_YES);
	assert_usable(r, "hot_reset", ATTEMPT_YES);
	rig_close(r);
}

/* A card at all ones: the kernel's own ways would save and restore that. */
static void test_silent(void **state)
{
	struct rig *r = rig_open("sleeper", RIG_ROOT_PORT);

	(void)state;
	card_kill(r->card);
	plan_ok(r, NULL);
	assert_usable(r, "hot_reset", ATTEMPT_NO);
	assert_usable(r, "subordinate at 0000:00:01.0", ATTEMPT_NO);
	assert_usable(r, "bus at 0000:00:01.0", ATTEMPT_YES);
	assert_false(rig_attempt(r, "bus at 0000:00:01.0")->needs_answer);
	rig_close(r);
}

static void test_nothing_there(void **state)
{
	struct rig *r = rig_open("flr", RIG_ROOT_PORT);
	struct err err = { 0 };

	(void)state;
	r->spec.bdf = rig_bdf("55:00.0");
	assert_int_equal(rig_plan(r, NULL, &err), -ENODEV);
	assert_says(err.text, "0000:55:00");
	rig_close(r);
}

static void test_one_method(void **state)
{
	const struct plan_opts baco = { .method = "sequence baco" };
	const struct plan_opts nosuch = { .method = "kick" };
	struct rig *r = rig_open("fury", RIG_ROOT_PORT);
	struct err err = { 0 };

	(void)state;
	rig_quirk(r, "quirks/amd-fiji.quirk");
	plan_ok(r, &baco);
	assert_int_equal(r->plan.nattempts, 1);
	assert_usable(r, "sequence baco", ATTEMPT_YES);
	assert_int_equal(rig_plan(r, &nosuch, &err), -EINVAL);
	assert_says(err.text, "kick");
	rig_close(r);
}

static void test_quirk_order(void **state)
{
	static const char *const names[] = {
		"none", "sequence baco_exit", "sequence baco",
		"sequence pciconfig", "hot_reset",
		"subordinate at 0000:00:01.0", "bus at 0000:00:01.0",
	};
	struct rig *r = rig_open("fury", RIG_ROOT_PORT);

	(void)state;
	rig_quirk(r, "quirks/amd-fiji.quirk");
	plan_ok(r, NULL);
	assert_int_equal(r->plan.nattempts, sizeof(names) / sizeof(*names));
	for (size_t i = 0; i < r->plan.nattempts; i++) {
		assert_string_equal(r->plan.attempt[i].name, names[i]);
		assert_usable(r, names[i], ATTEMPT_YES);
	}
	rig_close(r);
}

/* --- whole plans --------------------------------------------------------------- */

static void check_sum(const struct attempt *a)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < a->nsteps; i++) {
		const struct step *s = &a->step[i];
		bool waits = s->kind == STEP_WAIT || s->kind == STEP_DELAY ||
			     s->kind == STEP_APPEAR || s->kind == STEP_ATTR ||
			     s->kind == STEP_BIND || s->kind == STEP_REMOVE ||
			     s->kind == STEP_HOT_RESET;

		if (waits && !s->limit_us)
			fail_msg("%s: step %zu has no limit", a->name, i);
		assert_true(s->undo_of >= 0 && s->undo_of <= (int)i);
		sum += s->limit_us;
	}
	assert_int_equal(sum, attempt_worst_us(a));
	assert_true(sum < 600ull * 1000000);
	assert_int_equal(a->nundo, 0);          /* every undo found its place */
}

static void test_worst_case(void **state)
{
	static const char *const kinds[] = { "fury", "flr", "slow", "navi", "gpu" };

	(void)state;
	for (size_t k = 0; k < sizeof(kinds) / sizeof(*kinds); k++)
		for (enum rig_place p = RIG_ROOT_PORT; p <= RIG_ROOT_BUS; p++) {
			struct rig *r = rig_open(kinds[k], p);

			if (k == 0)
				rig_quirk(r, "quirks/amd-fiji.quirk");
			plan_ok(r, NULL);
			for (size_t i = 0; i < r->plan.nattempts; i++)
				if (r->plan.attempt[i].usable == ATTEMPT_YES)
					check_sum(&r->plan.attempt[i]);
			rig_close(r);
		}
}

static void assert_golden(const struct attempt *a, const char *const line[], size_t n)
{
	for (size_t i = 0; i < a->nsteps || i < n; i++) {
		char text[300], full[340];

		if (i >= a->nsteps || i >= n)
			fail_msg("%s has %zu steps, wanted %zu", a->name, a->nsteps, n);
		step_print(&a->step[i], text, sizeof(text));
		snprintf(full, sizeof(full), "%s: %s", phase_str(a->step[i].phase), text);
		if (strcmp(full, line[i]))
			fail_msg("%s: step %zu is\n%s\nwanted\n%s", a->name, i, full,
				 line[i]);
	}
}

static void test_golden_flr(void **state)
{
	static const char *const lines[] = {
		"prepare: 0000:01:00.0 put 'on' into power/control",
		"prepare: 0000:01:00.1 put 'on' into power/control",
		"prepare: 0000:01:00.0 wait PMCSR.POWER_STATE == 0x0 [config "
		"0x54] within 1 s",
		"prepare: 0000:01:00.1 wait PMCSR.POWER_STATE == 0x0 [config "
		"0x54] within 1 s",
		"prepare: 0000:01:00.0 put 'flr' into reset_method",
		"act: 0000:01:00.0 put '1' into reset",
		"act: 0000:01:00.1 put '1' into reset",
		"health: 0000:01:00.0 wait ID == 0x268410de [config 0x0] within 1 s",
		"health: 0000:01:00.0 check HEADER_TYPE == 0x80 [config 0xe]",
		"health: 0000:01:00.0 wait PMCSR.POWER_STATE == 0x0 [config 0x54] "
		"within 1 s",
		"health: 0000:01:00.0 check BARs == the kernel's resources",
		"health: 0000:01:00.0 check COMMAND == 0x3 [config 0x4]",
		"health: 0000:01:00.1 wait ID == 0x22ba10de [config 0x0] within 1 s",
		"health: 0000:01:00.1 check HEADER_TYPE == 0x80 [config 0xe]",
		"health: 0000:01:00.1 wait PMCSR.POWER_STATE == 0x0 [config 0x54] "
		"within 1 s",
		"health: 0000:01:00.1 check BARs == the kernel's resources",
		"health: 0000:01:00.1 check COMMAND == 0x2 [config 0x4]",
		"health: 0000:01:00.0 wait LNKSTA.SPEED >= 0x3 [config 0x6a] "
		"within 1 s",
		"health: 0000:01:00.0 wait LNKSTA.WIDTH >= 0x10 [config 0x6a] "
		"within 1 s",
		"health: 0000:00:01.0 wait LNKSTA.SPEED >= 0x3 [config 0x52] "
		"within 1 s",
		"health: 0000:00:01.0 wait LNKSTA.WIDTH >= 0x10 [config 0x52] "
		"within 1 s",
		"put back: 0000:01:00.0 put 'flr' into reset_method",
		"put back: 0000:01:00.1 put 'auto' into power/control",
		"put back: 0000:01:00.0 put 'auto' into power/control",
	};
	struct rig *r = rig_open("flr", RIG_ROOT_PORT);

	(void)state;
	rig_vfio(r);
	plan_ok(r, NULL);
	assert_golden(rig_attempt(r, "flr"), lines,
		      sizeof(lines) / sizeof(*lines));
	rig_close(r);
}

static const char *const golden_bus_lines[] = {
	"prepare: 0000:01:00.0 put 'on' into power/control",
	"prepare: 0000:01:00.1 put 'on' into power/control",
	"prepare: 0000:01:00.0 wait PMCSR.POWER_STATE == 0x0 [config "
	"0x54] within 1 s",
	"prepare: 0000:01:00.1 wait PMCSR.POWER_STATE == 0x0 [config "
	"0x54] within 1 s",
	"prepare: 0000:01:00.1 delay 20 ms",
	"prepare: 0000:01:00.1 unbind its driver",
	"prepare: 0000:01:00.0 unbind its driver",
	"prepare: 0000:01:00.0 set COMMAND.BUS_MASTER = 0x0 [config 0x4]",
	"prepare: 0000:01:00.1 set COMMAND.BUS_MASTER = 0x0 [config 0x4]",
	"act: 0000:01:00.1 remove from the kernel's bus",
	"act: 0000:01:00.0 remove from the kernel's bus",
	"act: 0000:00:01.0 set BRIDGE_CONTROL.BUS_RESET = 0x1 [config 0x3e]",
	"act: 0000:00:01.0 delay 2 ms",
	"act: 0000:00:01.0 set BRIDGE_CONTROL.BUS_RESET = 0x0 [config 0x3e]",
	"act: 0000:00:01.0 wait LNKSTA.LINK_ACTIVE == 0x1 [config 0x52] "
	"within 1 s",
	"act: 0000:00:01.0 delay 100 ms",
	"restore: 0000:01:00.0 rescan below 0000:00:01.0 until it is "
	"back, within 10 s",
	"restore: 0000:01:00.1 rescan below 0000:00:01.0 until it is "
	"back, within 10 s",
	"restore: 0000:01:00.0 put 'on' into power/control",
	"restore: 0000:01:00.1 put 'on' into power/control",
	"health: 0000:01:00.0 wait ID == 0x268410de [config 0x0] within 1 s",
	"health: 0000:01:00.0 check HEADER_TYPE == 0x80 [config 0xe]",
	"health: 0000:01:00.0 wait PMCSR.POWER_STATE == 0x0 [config 0x54] "
	"within 1 s",
	"health: 0000:01:00.0 check BARs == the kernel's resources",
	"health: 0000:01:00.0 check COMMAND.RESERVED == 0x0 [config 0x4]",
	"health: 0000:01:00.1 wait ID == 0x22ba10de [config 0x0] within 1 s",
	"health: 0000:01:00.1 check HEADER_TYPE == 0x80 [config 0xe]",
	"health: 0000:01:00.1 wait PMCSR.POWER_STATE == 0x0 [config 0x54] "
	"within 1 s",
	"health: 0000:01:00.1 check BARs == the kernel's resources",
	"health: 0000:01:00.1 check COMMAND.RESERVED == 0x0 [config 0x4]",
	"health: 0000:01:00.0 wait LNKSTA.SPEED >= 0x3 [config 0x6a] "
	"within 1 s",
	"health: 0000:01:00.0 wait LNKSTA.WIDTH >= 0x10 [config 0x6a] "
	"within 1 s",
	"health: 0000:00:01.0 wait LNKSTA.SPEED >= 0x3 [config 0x52] "
	"within 1 s",
	"health: 0000:00:01.0 wait LNKSTA.WIDTH >= 0x10 [config 0x52] "
	"within 1 s",
	"put back: 0000:01:00.0 bind driver vfio-pci",
	"put back: 0000:01:00.1 bind driver vfio-pci",
	"put back: 0000:01:00.1 put 'auto' into power/control",
	"put back: 0000:01:00.0 put 'auto' into power/control",
};

static void test_golden_bus(void **state)
{
	struct rig *r = rig_open("flr", RIG_ROOT_PORT);

	(void)state;
	rig_vfio(r);
	plan_ok(r, NULL);
	assert_golden(rig_attempt(r, "bus at 0000:00:01.0"), golden_bus_lines,
		      sizeof(golden_bus_lines) / sizeof(*golden_bus_lines));
	rig_close(r);
}

/* Planning reads only, and twice the same. */
static void count_writes(void *arg, const struct shim_access *a)
{
	unsigned *n = arg;

	*n += a->kind == SHIM_CFG_WRITE || a->kind == SHIM_BAR_WRITE ||
	      a->kind == SHIM_ATTR_WRITE || a->kind == SHIM_BUS_WRITE ||
	      a->kind == SHIM_HOT_RESET;
}

static void test_pure(void **state)
{
	struct rig *r = rig_open("navi", RIG_SWITCH);
	unsigned writes = 0;
	size_t steps = 0;

	(void)state;
	rig_vfio(r);
	hw_shim_trace(r->hw, count_writes, &writes);
	for (int round = 0; round < 2; round++) {
		size_t n = 0;

		plan_ok(r, NULL);
		for (size_t i = 0; i < r->plan.nattempts; i++)
			n += r->plan.attempt[i].nsteps;
		assert_true(round == 0 || n == steps);
		steps = n;
	}
	assert_int_equal(writes, 0);
	rig_close(r);
}

/* What cannot be read must not lift what the kernel's lists forbid. */
static void test_deny_faults(void **state)
{
	static const struct rig_plain gh200 = { 0x10de, 0x2342, 0x030200, true, false,
						false };
	struct rig *r = rig_open_plain(&gh200, RIG_ROOT_PORT);
	uint64_t n;

	(void)state;
	hw_shim_arm(r->hw, SHIM_NONE, 0, r->slot);
	plan_ok(r, NULL);
	n = hw_shim_count(r->hw);
	for (uint64_t i = 1; i <= n; i++) {
		const struct attempt *a;

		hw_shim_arm(r->hw, SHIM_FAIL, i, r->slot);
		if (rig_plan(r, NULL, NULL))
			continue;
		a = rig_attempt(r, "bus at 0000:00:01.0");
		if (a && a->usable == ATTEMPT_YES)
			fail_msg("access %llu failed, and a bus reset is planned",
				 (unsigned long long)i);
	}
	rig_close(r);
}

/* Facts with any one access failing: an error or a plan, never a crash. */
static void test_facts_faults(void **state)
{
	struct rig *r = rig_open("navi", RIG_SWITCH);
	uint64_t n;

	(void)state;
	hw_shim_arm(r->hw, SHIM_NONE, 0, r->slot);
	plan_ok(r, NULL);
	n = hw_shim_count(r->hw);
	for (uint64_t i = 1; i <= n; i++)
		for (enum shim_fault f = SHIM_FAIL; f <= SHIM_ONES; f++) {
			struct err err = { 0 };

			hw_shim_arm(r->hw, f, i, r->slot);
			if (rig_plan(r, NULL, &err))
				assert_true(err.code && err.text[0]);
		}
	print_message("facts: %llu accesses, each failed three ways\n",
		      (unsigned long long)n);
	rig_close(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_root_port), cmocka_unit_test(test_switch),
		cmocka_unit_test(test_shared_switch), cmocka_unit_test(test_neighbour),
		cmocka_unit_test(test_root_bus),
		cmocka_unit_test(test_no_reset_subordinate),
		cmocka_unit_test(test_deny_bus), cmocka_unit_test(test_deny_pm),
		cmocka_unit_test(test_deny_flr), cmocka_unit_test(test_deny_neighbour),
		cmocka_unit_test(test_stale_method),
		cmocka_unit_test(test_true_bus_method),
		cmocka_unit_test(test_single_function),
		cmocka_unit_test(test_broken_quirk), cmocka_unit_test(test_quirk_deny),
		cmocka_unit_test(test_in_use), cmocka_unit_test(test_opened),
		cmocka_unit_test(test_vfs), cmocka_unit_test(test_console),
		cmocka_unit_test(test_lockdown), cmocka_unit_test(test_silent),
		cmocka_unit_test(test_nothing_there), cmocka_unit_test(test_one_method),
		cmocka_unit_test(test_quirk_order), cmocka_unit_test(test_worst_case),
		cmocka_unit_test(test_golden_flr), cmocka_unit_test(test_golden_bus),
		cmocka_unit_test(test_deny_faults), cmocka_unit_test(test_pure),
		cmocka_unit_test(test_facts_faults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
