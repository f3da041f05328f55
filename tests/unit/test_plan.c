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

#include "hw/hw_ops.h"
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
	assert_reason(r, sub, "0000:02:02.0 [1002:fff8, driver amdgpu]");
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

/* VFIO's own reset at open must not be the one that the quirk warns of. */
static void test_mute_resets(void **state)
{
	static struct q_method risk = { .name = "flr", .risk = RISK_HOST_MAY_HANG,
					.risk_why = "it hangs" };
	static struct q_method safe = { .name = "flr", .risk = RISK_SAFE };
	static const struct quirk warns = { .file = "x", .risks = &risk, .nrisks = 1 };
	static const struct quirk says = { .file = "x", .risks = &safe, .nrisks = 1 };
	struct rig *r = rig_open("flr", RIG_ROOT_PORT);
	const struct step *s;

	(void)state;
	r->quirk = &says;
	plan_ok(r, NULL);
	assert_null(find_step(rig_attempt(r, "hot_reset"), PHASE_PREPARE,
			      "reset_method"));
	r->quirk = &warns;
	plan_ok(r, NULL);
	s = find_step(rig_attempt(r, "hot_reset"), PHASE_PREPARE, "reset_method");
	assert_non_null(s);
	assert_string_equal(s->text, "");
	s = find_step(rig_attempt(r, "hot_reset"), PHASE_PUT_BACK, "reset_method");
	assert_non_null(s);
	assert_string_equal(s->text, "flr");
	rig_close(r);
}

static void test_in_use(void **state)
{
	static const struct hw_holder qemu = { 4711, "kvm", "/dev/vfio/21", { 0 } };
	static const struct hw_holder more = { 4712, "sh", "/dev/vfio/21", { 0 } };
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
	assert_usable(r, "none", ATTEMPT_YES);
	assert_usable(r, "sequence baco", ATTEMPT_YES);
	assert_usable(r, "sequence pciconfig", ATTEMPT_NO);
	assert_reason(r, "sequence pciconfig", "lockdown");
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

/* --- entries about something else than the main function ------------------------ */

static struct q_deny deny_flr[] = { { "flr", "it hangs the host", 12 } };
static struct q_deny deny_bus[] = { { "bus", "the link stays down", 7 } };
static struct q_deny deny_all[] = { { "all", "hands off", 9 } };

static const struct quirk hit_flr = { .file = "quirks/a.quirk", .role = ROLE_AUDIO,
				      .denies = deny_flr, .ndenies = 1 };
static const struct quirk hit_bus = { .file = "quirks/p.quirk", .role = ROLE_ROOT_PORT,
				      .denies = deny_bus, .ndenies = 1 };
static const struct quirk hit_all = { .file = "quirks/o.quirk", .role = ROLE_OTHER,
				      .denies = deny_all, .ndenies = 1 };
static const struct quirk hit_broken = { .file = "quirks/b.quirk", .broken = true };

static void test_deny_sibling(void **state)
{
	struct rig *r = rig_open("flr", RIG_ROOT_PORT);

	(void)state;
	r->hits.fn[1] = &hit_flr;
	plan_ok(r, NULL);
	assert_usable(r, "flr", ATTEMPT_DENIED);
	assert_reason(r, "flr", "quirks/a.quirk:12: it hangs the host (about "
		      "0000:01:00.1)");
	assert_usable(r, "bus at 0000:00:01.0", ATTEMPT_YES);
	r->spec = (struct bdf_spec){ .bdf = rig_fn(r, 0), .whole_slot = false };
	plan_ok(r, NULL);
	assert_usable(r, "flr", ATTEMPT_YES);   /* function 0 alone is not its business */
	rig_close(r);
}

/* One that has no FLR, or that the kernel keeps from it, is not touched: no matter. */
static void test_deny_untouched(void **state)
{
	static const struct rig_plain gpu = { 0x10de, 0x2684, 0x030000, true, false,
					      true };
	static const struct rig_plain sound = { 0x1022, 0x1487, 0x040300, true, false,
						true };
	struct rig *r = rig_unbooted_plain(&gpu, RIG_ROOT_PORT);

	(void)state;
	rig_add_plain(r, rig_fn(r, 1), &sound);
	rig_boot(r);
	r->hits.fn[1] = &hit_flr;
	plan_ok(r, NULL);
	assert_int_equal(r->target.nfns, 2);
	assert_usable(r, "flr", ATTEMPT_YES);
	rig_close(r);
}

/* The pulse of a bridge also resets the links below the bridges below it. */
static void test_deny_bridge(void **state)
{
	static const struct {
		size_t at;
		enum usable low, high;
	} rows[] = {
		{ 0, ATTEMPT_DENIED, ATTEMPT_DENIED },
		{ 1, ATTEMPT_YES, ATTEMPT_DENIED },
		{ 2, ATTEMPT_YES, ATTEMPT_DENIED },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct rig *r = rig_open("navi", RIG_SWITCH);

		r->hits.path[rows[i].at] = &hit_bus;
		plan_ok(r, NULL);
		assert_usable(r, "bus at 0000:02:00.0", rows[i].low);
		assert_usable(r, "bus at 0000:00:01.0", rows[i].high);
		assert_reason(r, "bus at 0000:00:01.0", "quirks/p.quirk:7: the link");
		assert_usable(r, "subordinate at 0000:00:01.0", ATTEMPT_YES);
		assert_usable(r, "hot_reset", ATTEMPT_YES);
		rig_close(r);
	}
}

static void test_deny_all(void **state)
{
	struct rig *r = rig_open("flr", RIG_ROOT_PORT);

	(void)state;
	r->hits.path[0] = &hit_all;
	plan_ok(r, NULL);
	assert_int_equal(plan_usable(&r->plan), 0);
	assert_usable(r, "flr", ATTEMPT_DENIED);
	assert_reason(r, "flr", "quirks/o.quirk:9: hands off (about 0000:00:01.0)");
	rig_close(r);
}

/* A neighbour's entry, whole or broken, counts for the attempts that hit it. */
static void test_deny_other(void **state)
{
	static const struct quirk *const entries[] = { &hit_all, &hit_broken };
	const struct plan_opts top = { .at = rig_bdf("00:01.0"), .has_at = true,
				       .force = FORCE_NEIGHBOURS };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct rig *r = rig_unbooted("navi", RIG_SWITCH);
		const struct quirk *other[16] = { NULL };

		rig_add(r, "gpu", rig_bdf("04:00"));
		rig_boot(r);
		plan_ok(r, NULL);
		for (size_t k = 0; k < r->target.nother; k++)
			if (!r->target.other[k].bridge)
				other[k] = entries[i];
		r->hits.other = other;
		plan_ok(r, NULL);
		assert_null(r->plan.refusal);
		assert_usable(r, "bus at 0000:02:00.0", ATTEMPT_YES);
		plan_ok(r, &top);
		assert_usable(r, "subordinate at 0000:00:01.0", ATTEMPT_DENIED);
		assert_reason(r, "subordinate at 0000:00:01.0", entries[i]->file);
		assert_reason(r, "subordinate at 0000:00:01.0", "0000:04:00.0");
		rig_close(r);
	}
}

static void test_broken_hits(void **state)
{
	struct rig *r = rig_open("flr", RIG_ROOT_PORT);

	(void)state;
	r->hits.fn[1] = &hit_broken;
	plan_ok(r, NULL);
	assert_says(r->plan.refusal, "quirks/b.quirk is about 0000:01:00.1");
	assert_true(r->plan.refusal_config);
	r->hits.fn[1] = NULL;
	r->hits.path[0] = &hit_broken;
	plan_ok(r, NULL);
	assert_says(r->plan.refusal, "quirks/b.quirk is about 0000:00:01.0");
	rig_close(r);
}

/* --- what a statement becomes --------------------------------------------------- */

static struct q_code some_codes[] = { { 0xff, "failed" }, { 0, NULL } };

static struct q_stmt some_stmts[] = {
	{ .verb = Q_REQUIRE, .line = 10, .ncond = 1, .why = "no",
	  .cond = { { .reg = { REG_BAR, 5, 4, 0x10, 0, 0 }, .mask = 1, .want = 1,
		      .name = "A" } } },
	{ .verb = Q_DELAY, .line = 11, .limit_us = 5, .name = "" },
	{ .verb = Q_WRITE, .file = "quirks/x.inc", .line = 3, .name = "B",
	  .reg = { REG_BAR, 5, 4, 0x14, 0, 0 }, .mask = UINT32_MAX, .value = 7,
	  .nwhen = 1, .risk = RISK_HOST_MAY_HANG,
	  .when = { { .ncond = 1, .cond = { { .reg = { REG_BAR, 5, 4, 0x10, 0, 0 },
					      .mask = 0xf0, .want = 0x20,
					      .name = "A.F" } } } } },
	{ .verb = Q_WAIT, .file = "quirks/x.inc", .line = 3, .ncond = 1, .joined = true,
	  .limit_us = 1000, .optional = true, .codes = some_codes,
	  .cond = { { .reg = { REG_BAR, 5, 4, 0x18, 0, 0 }, .mask = UINT32_MAX,
		      .want = 1, .name = "C" } } },
	{ .verb = Q_SET, .line = 13, .name = "B.G", .mask = 1, .value = 1,
	  .reg = { REG_BAR, 5, 4, 0x14, 0, 0 }, .always = true },
};

static struct q_block some_blocks[] = {
	{ "some", 9, some_stmts, sizeof(some_stmts) / sizeof(*some_stmts) },
};

static struct q_stmt kept_stmts[] = {
	{ .verb = Q_KEEP, .line = 20, .name = "LTR", .mask = 0x400,
	  .reg = { REG_CONFIG, .width = 2, .off = 0x80 } },
	{ .verb = Q_KEEP, .line = 21, .name = "FAR", .mask = UINT32_MAX,
	  .reg = { REG_CONFIG, .width = 4, .off = 0x104 } },
};

static struct q_method some_ladder[] = {
	{ .name = "sequence", .sequence = "some" }, { .name = "flr" },
	{ .name = "hot_reset" }, { .name = "subordinate" }, { .name = "bus" },
};

static struct q_method some_risks[] = {
	{ .name = "bus", .risk = RISK_POWER_CYCLES, .risk_why = "it may not come back" },
	{ .name = "sequence", .sequence = "some", .risk = RISK_HOST_MAY_HANG,
	  .risk_why = "by the book" },
};

static const struct quirk some_quirk = {
	.file = "quirks/some.quirk", .id = "some", .status = QUIRK_UNTESTED,
	.methods = some_ladder, .nmethods = 5, .risks = some_risks, .nrisks = 2,
	.sequences = some_blocks, .nsequences = 1,
	.restore = { .stmt = kept_stmts, .n = 2 },
};

static struct rig *some_rig(void)
{
	struct rig *r = rig_open("flr", RIG_ROOT_PORT);

	r->quirk = &some_quirk;
	return r;
}

static const struct step *step_at(const struct attempt *a, const char *file, int line,
				  size_t nth)
{
	for (size_t i = 0; i < a->nsteps; i++)
		if (a->step[i].file && !strcmp(a->step[i].file, file) &&
		    a->step[i].line == line && !nth--)
			return &a->step[i];
	fail_msg("no step of %s:%d", file, line);
	return NULL;
}

static void test_statements(void **state)
{
	const struct plan_opts all = { .allow_untested = true };
	struct rig *r = some_rig();
	const struct attempt *a;
	const struct step *write, *wait, *tail;
	char text[300];

	(void)state;
	plan_ok(r, &all);
	a = rig_attempt(r, "sequence some");
	assert_string_equal(step_at(a, "quirks/some.quirk", 10, 0)->why, "no");
	write = step_at(a, "quirks/x.inc", 3, 0);
	assert_int_equal(write->nwhen, 1);
	assert_false(write->goes_on);
	assert_int_equal(write->risk, RISK_HOST_MAY_HANG);
	step_print(write, text, sizeof(text));
	assert_string_equal(text, "0000:01:00.0 when A.F == 0x2 [bar5+0x10] then write B "
			    "= 0x7 [bar5+0x14]");
	wait = step_at(a, "quirks/x.inc", 3, 1);
	assert_true(wait->optional && wait->goes_on);
	assert_ptr_equal(wait->codes, some_codes);
	step_print(wait, text, sizeof(text));
	assert_says(text, "0000:01:00.0 try wait C == 0x1");
	tail = step_at(a, "quirks/some.quirk", 13, 0);
	assert_true(tail->tail);
	assert_ptr_equal(&a->step[tail->undo_of - 1], write);
	step_print(tail, text, sizeof(text));
	assert_says(text, "0000:01:00.0 always set B.G = 0x1");
	rig_close(r);
}

/* Without a write above it, the tail belongs to the first step of its program. */
static void test_tail_of_nothing(void **state)
{
	static struct q_stmt stmts[] = {
		{ .verb = Q_DELAY, .line = 5, .limit_us = 5, .name = "" },
		{ .verb = Q_SET, .line = 7, .name = "B.G", .mask = 1, .value = 1,
		  .reg = { REG_BAR, 5, 4, 0x14, 0, 0 }, .always = true },
	};
	static struct q_block block[] = { { "late", 4, stmts, 2 } };
	struct quirk quirk = some_quirk;
	const struct plan_opts all = { .method = "sequence late",
				       .allow_untested = true };
	struct rig *r = some_rig();
	const struct attempt *a;

	(void)state;
	quirk.sequences = block;
	r->quirk = &quirk;
	plan_ok(r, &all);
	a = rig_attempt(r, "sequence late");
	assert_ptr_equal(&a->step[step_at(a, quirk.file, 7, 0)->undo_of - 1],
			 step_at(a, quirk.file, 5, 0));
	rig_close(r);
}

static void test_risk(void **state)
{
	struct quirk quirk = some_quirk;
	const struct plan_opts all = { .allow_untested = true };
	struct rig *r = some_rig();

	(void)state;
	plan_ok(r, &all);
	assert_int_equal(rig_attempt(r, "flr")->risk, RISK_SAFE);
	assert_int_equal(rig_attempt(r, "sequence some")->risk, RISK_HOST_MAY_HANG);
	assert_string_equal(rig_attempt(r, "sequence some")->risk_why, "by the book");
	assert_int_equal(rig_attempt(r, "bus at 0000:00:01.0")->risk, RISK_POWER_CYCLES);
	assert_usable(r, "bus at 0000:00:01.0", ATTEMPT_YES);
	quirk.nrisks = 1;               /* only its steps say so */
	r->quirk = &quirk;
	plan_ok(r, &all);
	assert_int_equal(rig_attempt(r, "sequence some")->risk, RISK_HOST_MAY_HANG);
	assert_null(rig_attempt(r, "sequence some")->risk_why);
	rig_close(r);
}

static void test_untested(void **state)
{
	static const char *const ids[] = { "other", "some" }, *const every[] = { "all" };
	const struct plan_opts one = { .allowed = ids, .nallowed = 2 };
	const struct plan_opts wrong = { .allowed = ids, .nallowed = 1 };
	const struct plan_opts any = { .allowed = every, .nallowed = 1 };
	struct rig *r = some_rig();

	(void)state;
	plan_ok(r, NULL);
	assert_usable(r, "sequence some", ATTEMPT_REFUSED);
	assert_true(rig_attempt(r, "sequence some")->asks);
	assert_reason(r, "sequence some", "quirks/some.quirk holds a register program "
		      "that nobody has tested");
	assert_reason(r, "sequence some", "/etc/gpureset/gpureset.conf: allow-untested "
		      "= some");
	assert_string_equal(rig_attempt(r, "sequence some")->override,
			    "--allow-untested");
	assert_usable(r, "flr", ATTEMPT_YES);   /* the rest of the ladder stays */
	plan_ok(r, &wrong);
	assert_usable(r, "sequence some", ATTEMPT_REFUSED);
	plan_ok(r, &one);
	assert_usable(r, "sequence some", ATTEMPT_YES);
	assert_true(rig_attempt(r, "sequence some")->unconfirmed);
	plan_ok(r, &any);
	assert_usable(r, "sequence some", ATTEMPT_YES);
	rig_close(r);
}

/* --- [restore] and keep-d0 ------------------------------------------------------ */

static size_t count_kind(const struct attempt *a, enum step_kind kind)
{
	size_t n = 0;

	for (size_t i = 0; i < a->nsteps; i++)
		n += a->step[i].kind == kind;
	return n;
}

static const char *const resets[] = {
	"sequence some", "flr", "hot_reset", "subordinate at 0000:00:01.0",
	"bus at 0000:00:01.0",
};

#define NRESETS (sizeof(resets) / sizeof(*resets))

static void assert_kept(struct rig *r, size_t n)
{
	const struct plan_opts all = { .allow_untested = true };

	plan_ok(r, &all);
	for (size_t i = 0; i < NRESETS; i++) {
		const struct attempt *a = rig_attempt(r, resets[i]);

		if (a->usable != ATTEMPT_YES)
			continue;
		if (count_kind(a, STEP_KEEP) != n || count_kind(a, STEP_PUT) != n)
			fail_msg("%s: %zu kept, %zu put back, wanted %zu", resets[i],
				 count_kind(a, STEP_KEEP), count_kind(a, STEP_PUT), n);
		for (size_t k = 0; k < a->nsteps; k++)
			if (a->step[k].kind == STEP_PUT)
				assert_true(a->step[k].phase == PHASE_RESTORE &&
					    a->step[k].undo_of > 0);
	}
}

/* All of a function's space beyond 0x100 reads as *@arg. */
static bool far_space(void *arg, const struct shim_access *a, uint32_t *value)
{
	if (a->kind != SHIM_CFG_READ || a->off < 0x100)
		return false;
	*value = *(uint32_t *)arg;
	return true;
}

static void test_restore(void **state)
{
	uint32_t header = 0x0001000b;
	struct rig *r = some_rig();

	(void)state;
	assert_kept(r, 1);              /* nothing decodes 0x100 here */
	hw_shim_filter(r->hw, far_space, &header);
	assert_kept(r, 2);
	assert_int_equal(count_kind(rig_attempt(r, "none"), STEP_KEEP), 0);
	r->spec = (struct bdf_spec){ .bdf = rig_fn(r, 1), .whole_slot = false };
	plan_ok(r, NULL);               /* the registers are the display function's */
	assert_int_equal(count_kind(rig_attempt(r, "flr"), STEP_KEEP), 0);
	r->spec = (struct bdf_spec){ .bdf = rig_fn(r, 0), .whole_slot = true };
	hw_sim_host(r->sim, "/sys/kernel/security/lockdown", "none [integrity]");
	assert_kept(r, 0);
	rig_close(r);
	r = rig_open("sleeper", RIG_ROOT_PORT);
	r->quirk = &some_quirk;
	card_kill(r->card);
	plan_ok(r, NULL);
	assert_usable(r, "bus at 0000:00:01.0", ATTEMPT_YES);
	assert_int_equal(count_kind(rig_attempt(r, "bus at 0000:00:01.0"), STEP_KEEP),
			 0);
	rig_close(r);
}

/* What is put back by the step before the last word must not undo it again. */
static void test_restore_order(void **state)
{
	const struct plan_opts all = { .allow_untested = true };
	struct rig *r = some_rig();
	const struct attempt *a;
	size_t restore = 0, put = 0;

	(void)state;
	plan_ok(r, &all);
	a = rig_attempt(r, "sequence some");
	for (size_t i = 0; i < a->nsteps; i++) {
		restore = a->step[i].kind == STEP_RESTORE ? i : restore;
		put = a->step[i].kind == STEP_PUT ? i : put;
	}
	assert_true(put > restore && restore > 0);
	rig_close(r);
}

/* With vfio-pci bound already, and with it bound for the hot reset only. */
static void test_keep_d0(void **state)
{
	struct quirk quirk = some_quirk;
	const struct plan_opts all = { .allow_untested = true };
	struct rig *r = some_rig();

	(void)state;
	quirk.keep_d0 = (struct q_reason){ "it does not wake up again", 30 };
	r->quirk = &quirk;
	hw_sim_attr(r->sim, r->bridge[0], "power/control", "auto");
	for (size_t i = 0; i < 2 * NRESETS; i++) {
		const struct attempt *a;

		if (i == NRESETS)
			rig_vfio(r);
		plan_ok(r, &all);
		a = rig_attempt(r, resets[i % NRESETS]);
		assert_int_equal(a->usable, ATTEMPT_YES);
		assert_non_null(find_step(a, PHASE_PUT_BACK, "power/control"));
		for (size_t k = 0; k < a->nsteps; k++)
			if (a->step[k].name && !strcmp(a->step[k].name, "power/control"))
				assert_string_equal(a->step[k].text, "on");
	}
	rig_close(r);
}

/* --- Thunderbolt ---------------------------------------------------------------- */

static void test_removable(void **state)
{
	struct rig *r = rig_open("flr", RIG_ROOT_PORT);

	(void)state;
	plan_ok(r, NULL);
	assert_false(r->target.thunderbolt);
	hw_sim_attr(r->sim, rig_fn(r, 0), "removable", "fixed");
	plan_ok(r, NULL);
	assert_false(r->target.thunderbolt);
	hw_sim_attr(r->sim, rig_fn(r, 0), "removable", "removable");
	plan_ok(r, NULL);
	assert_true(r->target.thunderbolt);
	hw_sim_attr(r->sim, rig_fn(r, 0), "removable", "unknown");
	hw_sim_attr(r->sim, r->bridge[0], "removable", "removable");
	plan_ok(r, NULL);
	assert_true(r->target.thunderbolt);
	rig_close(r);
}

/* Extended space of the root port: AER at 0x100, then a VSEC of the id in *@arg. */
static bool vsec_space(void *arg, const struct shim_access *a, uint32_t *value)
{
	if (a->kind != SHIM_CFG_READ || a->off < 0x100 || a->bdf.bus)
		return false;
	*value = a->off == 0x100 ? 0x14010001u : a->off == 0x140 ? 0x0001000bu :
		 a->off == 0x144 ? *(uint32_t *)arg : 0;
	return true;
}

static bool tbt_told(uint16_t vendor, uint32_t vsec)
{
	struct rig *r = rig_unbooted_below("flr", RIG_SWITCH, vendor);
	bool told;

	rig_boot(r);
	hw_shim_filter(r->hw, vsec_space, &vsec);
	plan_ok(r, NULL);
	told = r->target.thunderbolt;
	rig_close(r);
	return told;
}

static void test_vsec(void **state)
{
	(void)state;
	assert_true(tbt_told(0x8086, 0x03811234));
	assert_false(tbt_told(0x8086, 0x03811235));
	assert_false(tbt_told(0x1022, 0x03811234));
}

/* A list that leads to itself ends. */
static void test_vsec_loop(void **state)
{
	uint32_t header = 0x10010001;
	struct rig *r = rig_unbooted_below("flr", RIG_ROOT_PORT, 0x8086);

	(void)state;
	rig_boot(r);
	hw_shim_filter(r->hw, far_space, &header);
	plan_ok(r, NULL);
	assert_false(r->target.thunderbolt);
	rig_close(r);
}

/* One bad read must neither hide Thunderbolt nor a part of configuration space. */
static void test_ext_faults(void **state)
{
	uint32_t vsec = 0x03811234;
	struct rig *r = rig_unbooted_below("flr", RIG_SWITCH, 0x8086);
	uint64_t n;

	(void)state;
	rig_boot(r);
	hw_shim_filter(r->hw, vsec_space, &vsec);
	hw_shim_arm(r->hw, SHIM_NONE, 0, r->slot);
	plan_ok(r, NULL);
	n = hw_shim_count(r->hw);
	for (uint64_t i = 1; i <= n; i++)
		for (enum shim_fault f = SHIM_FAIL; f <= SHIM_ONES; f++) {
			hw_shim_arm(r->hw, f, i, r->slot);
			if (f != SHIM_LOST && !rig_plan(r, NULL, NULL) &&
			    !r->target.thunderbolt)
				fail_msg("access %llu going wrong hides Thunderbolt",
					 (unsigned long long)i);
		}
	rig_close(r);
}

/* --- configuration space of 256 bytes -------------------------------------------- */

static const struct hw_ops *whole;

/* As Linux reads it: nothing, beyond the end. */
static int short_read(struct hw *hw, struct bdf bdf, unsigned off, unsigned width,
		      uint32_t *val, struct err *err)
{
	if (off >= 0x100)
		return err_set(err, EIO, "config 0x%x: short read", off);
	return whole->cfg_read(hw, bdf, off, width, val, err);
}

static int sick_read(struct hw *hw, struct bdf bdf, unsigned off, unsigned width,
		     uint32_t *val, struct err *err)
{
	if (off >= 0x100)
		return err_set(err, EACCES, "config 0x%x: forbidden", off);
	return whole->cfg_read(hw, bdf, off, width, val, err);
}

static void test_conventional(void **state)
{
	struct rig *r = some_rig();
	struct hw_ops ops = *r->sim->ops;
	struct err err = { 0 };

	(void)state;
	whole = r->sim->ops;
	ops.cfg_read = short_read;
	r->sim->ops = &ops;
	plan_ok(r, NULL);
	assert_false(r->target.fn[0].extended);
	assert_kept(r, 1);
	ops.cfg_read = sick_read;       /* no fact, but an error */
	assert_int_equal(rig_plan(r, NULL, &err), -EACCES);
	assert_says(err.text, "forbidden");
	r->sim->ops = whole;
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

		if (waits && !s->limit_us && !s->codes) /* an answer is read once */
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
		"prepare: 0000:01:00.0 own /dev/vfio/21 until the end, if there is one",
		"prepare: 0000:01:00.0 put 'on' into power/control",
		"prepare: 0000:01:00.1 put 'on' into power/control",
		"prepare: 0000:01:00.0 wait PMCSR.POWER_STATE == 0x0 [config "
		"0x54] within 1 s",
		"prepare: 0000:01:00.1 wait PMCSR.POWER_STATE == 0x0 [config "
		"0x54] within 1 s",
		"prepare: 0000:01:00.0 put 'flr' into reset_method",
		"act: 0000:01:00.0 put '1' into reset",
		"act: 0000:01:00.1 put '1' into reset",
		"health: 0000:01:00.0 wait ID == 0xfff010de [config 0x0] within 1 s",
		"health: 0000:01:00.0 check HEADER_TYPE == 0x80 [config 0xe]",
		"health: 0000:01:00.0 wait PMCSR.POWER_STATE == 0x0 [config 0x54] "
		"within 1 s",
		"health: 0000:01:00.0 check BARs == the kernel's resources",
		"health: 0000:01:00.0 check COMMAND == 0x3 [config 0x4]",
		"health: 0000:01:00.1 wait ID == 0xfff110de [config 0x0] within 1 s",
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
		"put back: 0000:01:00.0 let go of /dev/vfio/21",
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
	"prepare: 0000:01:00.0 own /dev/vfio/21 until the end, if there is one",
	"prepare: 0000:01:00.0 put 'on' into power/control",
	"prepare: 0000:01:00.1 put 'on' into power/control",
	"prepare: 0000:01:00.0 wait PMCSR.POWER_STATE == 0x0 [config "
	"0x54] within 1 s",
	"prepare: 0000:01:00.1 wait PMCSR.POWER_STATE == 0x0 [config "
	"0x54] within 1 s",
	"prepare: 0000:01:00.1 delay 20 ms",
	"prepare: 0000:01:00.1 unbind its driver",
	"prepare: 0000:01:00.0 unbind its driver",
	"prepare: 0000:01:00.0 let go of /dev/vfio/21",
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
	"health: 0000:01:00.0 wait ID == 0xfff010de [config 0x0] within 1 s",
	"health: 0000:01:00.0 check HEADER_TYPE == 0x80 [config 0xe]",
	"health: 0000:01:00.0 wait PMCSR.POWER_STATE == 0x0 [config 0x54] "
	"within 1 s",
	"health: 0000:01:00.0 check BARs == the kernel's resources",
	"health: 0000:01:00.0 check COMMAND.RESERVED == 0x0 [config 0x4]",
	"health: 0000:01:00.1 wait ID == 0xfff110de [config 0x0] within 1 s",
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
	"put back: 0000:01:00.0 put 'flr' into reset_method",
	"put back: 0000:01:00.1 put 'flr' into reset_method",
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
		cmocka_unit_test(test_mute_resets),
		cmocka_unit_test(test_in_use), cmocka_unit_test(test_opened),
		cmocka_unit_test(test_vfs), cmocka_unit_test(test_console),
		cmocka_unit_test(test_lockdown), cmocka_unit_test(test_silent),
		cmocka_unit_test(test_nothing_there), cmocka_unit_test(test_one_method),
		cmocka_unit_test(test_quirk_order), cmocka_unit_test(test_worst_case),
		cmocka_unit_test(test_golden_flr), cmocka_unit_test(test_golden_bus),
		cmocka_unit_test(test_deny_faults), cmocka_unit_test(test_pure),
		cmocka_unit_test(test_facts_faults),
		cmocka_unit_test(test_deny_sibling), cmocka_unit_test(test_deny_bridge),
		cmocka_unit_test(test_deny_untouched),
		cmocka_unit_test(test_deny_all), cmocka_unit_test(test_deny_other),
		cmocka_unit_test(test_broken_hits), cmocka_unit_test(test_statements),
		cmocka_unit_test(test_tail_of_nothing), cmocka_unit_test(test_risk),
		cmocka_unit_test(test_untested), cmocka_unit_test(test_restore),
		cmocka_unit_test(test_restore_order), cmocka_unit_test(test_keep_d0),
		cmocka_unit_test(test_removable), cmocka_unit_test(test_vsec),
		cmocka_unit_test(test_vsec_loop), cmocka_unit_test(test_ext_faults),
		cmocka_unit_test(test_conventional),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
