// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A link that we take down is neither a card pulled out (hotplug) nor one that failed
 * (DPC, AER). Each time the same attempt without its precautions shows that the
 * simulated kernel and port would have made one of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <linux/pci_regs.h>

#include "hw/hw_write.h"
#include "sim_rig.h"

/* Where the simulator's ports have them (hw/sim_internal.h). */
#define PCIE 0x40u
#define AER 0x100u
#define DPC 0x148u

#define SLOT_EVENTS (PCI_EXP_SLTSTA_PDC | PCI_EXP_SLTSTA_DLLSC)
#define LINK_EVENTS (PCI_EXP_LNKSTA_LBMS | PCI_EXP_LNKSTA_LABS)

static uint32_t port(struct rig *r, size_t level, unsigned off, unsigned width)
{
	uint32_t val = 0;

	assert_int_equal(hw_cfg_read(r->sim, r->bridge[r->nbridges - 1 - level], off,
				     width, &val, NULL), 0);
	return val;
}

static void port_write(struct rig *r, unsigned off, unsigned width, uint32_t val)
{
	assert_int_equal(hw_cfg_write(r->sim, r->bridge[0], off, width, val, NULL), 0);
}

/* All that listens, and what it may have heard. */
struct ears {
	uint32_t sltctl, lnkctl, devctl, mask, dpc;
	uint32_t slot, link, uncor, cor, contained;
};

static struct ears listen(struct rig *r, size_t level)
{
	return (struct ears){
		.sltctl = port(r, level, PCIE + PCI_EXP_SLTCTL, 2),
		.lnkctl = port(r, level, PCIE + PCI_EXP_LNKCTL, 2),
		.devctl = port(r, level, PCIE + PCI_EXP_DEVCTL, 2),
		.mask = port(r, level, AER + PCI_ERR_UNCOR_MASK, 4),
		.dpc = port(r, level, DPC + PCI_EXP_DPC_CTL, 2),
		.slot = port(r, level, PCIE + PCI_EXP_SLTSTA, 2),
		.link = port(r, level, PCIE + PCI_EXP_LNKSTA, 2),
		.uncor = port(r, level, AER + PCI_ERR_UNCOR_STATUS, 4),
		.cor = port(r, level, AER + PCI_ERR_COR_STATUS, 4),
		.contained = port(r, level, DPC + PCI_EXP_DPC_STATUS, 2),
	};
}

static struct rig *open_rig(const char *kind, enum rig_place place)
{
	struct rig *r = rig_open(kind, place);

	rig_scribble(r);
	rig_vfio(r);
	assert_int_equal(rig_plan(r, NULL, NULL), 0);
	return r;
}

/* The attempt without the steps whose names begin with one of @words. */
static struct attempt without(const struct attempt *a, const char *const *words)
{
	struct attempt b = *a;

	b.step = calloc(a->nsteps + 1, sizeof(*b.step));
	for (size_t i = 0; i < b.nsteps; i++) {
		b.step[i] = a->step[i];
		for (const char *const *w = words; *w; w++)
			if (b.step[i].name && !strncmp(b.step[i].name, *w, strlen(*w)))
				b.step[i] = (struct step){ .kind = STEP_DELAY,
							   .phase = b.step[i].phase,
							   .fn = b.step[i].fn };
	}
	return b;
}

static const char *const nothing[] = { NULL };

static struct exec_outcome run(struct rig *r, const char *name,
			       const char *const *but_for)
{
	const struct attempt *a = rig_attempt(r, name);
	struct exec_outcome out;
	struct attempt b;

	assert_non_null(a);
	assert_int_equal(a->usable, ATTEMPT_YES);
	b = without(a, but_for ? but_for : nothing);
	exec_attempt(r->hw, &r->plan, &b, NULL, 0, &out);
	free(b.step);
	return out;
}

static const char *const slot_words[] = { "SLT", NULL };
static const char *const link_words[] = { "LNKCTL", "LNKSTA.EVENTS", NULL };
static const char *const status_words[] = { "SLTSTA", NULL };
static const char *const error_words[] = { "AER", "DPC", NULL };
static const char *const aer_words[] = { "AER", NULL };

/* --- hotplug ----------------------------------------------------------------------- */

struct way {
	const char *kind, *name;
	enum rig_place place;
	size_t level;                   /* whose link goes down */
};

static const struct way ways[] = {
	{ "flr", "bus at 0000:00:01.0", RIG_HOTPLUG, 0 },
	{ "flr", "subordinate at 0000:00:01.0", RIG_HOTPLUG, 0 },
	{ "navi", "bus at 0000:02:00.0", RIG_HOTPLUG_SWITCH, 0 },
	{ "navi", "bus at 0000:00:01.0", RIG_HOTPLUG_SWITCH, 2 },
};

#define NWAYS (sizeof(ways) / sizeof(*ways))

/* With power control and presence in-band nobody switches the slot on again. */
static void lost(const struct way *w, const char *const *words)
{
	struct rig *r = open_rig(w->kind, w->place);
	struct exec_outcome out = run(r, w->name, words);

	if (!hw_sim_surprises(r->sim) || hw_sim_known(r->sim, rig_fn(r, 0)))
		fail_msg("%s: not even without %s the card is lost", w->name, words[0]);
	assert_int_not_equal(out.result, EXEC_HEALTHY);
	assert_true(port(r, w->level, PCIE + PCI_EXP_SLTCTL, 2) & PCI_EXP_SLTCTL_PCC);
	rig_close(r);
}

/* How often the card was taken for pulled out. */
static unsigned kept(const struct way *w)
{
	unsigned surprises;

	struct rig *r = open_rig(w->kind, w->place);
	struct ears was = listen(r, w->level), now;
	struct exec_outcome out = run(r, w->name, NULL);

	if (out.result != EXEC_HEALTHY)
		fail_msg("%s: %s", w->name, out.err.text);
	now = listen(r, w->level);
	assert_true(was.sltctl & PCI_EXP_SLTCTL_DLLSCE);
	assert_true(was.sltctl & PCI_EXP_SLTCTL_PDCE);
	assert_true(was.lnkctl & PCI_EXP_LNKCTL_LBMIE);
	assert_int_equal(now.sltctl, was.sltctl);
	assert_int_equal(now.lnkctl, was.lnkctl);
	assert_int_equal(now.slot & SLOT_EVENTS, 0);
	assert_int_equal(now.link & LINK_EVENTS, 0);
	assert_int_equal(now.slot & PCI_EXP_SLTSTA_PDS, PCI_EXP_SLTSTA_PDS);
	hw_sleep(r->hw, 1000000);
	assert_null(rig_ill(r));
	surprises = hw_sim_surprises(r->sim);
	rig_close(r);
	return surprises;
}

static void test_hotplug(void **state)
{
	unsigned surprises = 0;

	(void)state;
	for (size_t i = 0; i < NWAYS; i++) {
		lost(&ways[i], slot_words);
		surprises += kept(&ways[i]);
	}
	print_message("count: resets below hotplug ports: %zu\n", NWAYS);
	print_message("count: cards taken for pulled out: %u\n", surprises);
	assert_int_equal(surprises, 0);
}

/* Slot events alone are not enough: the vector is shared, Slot Status is looked at. */
static void test_shared_vector(void **state)
{
	(void)state;
	for (size_t i = 0; i < NWAYS; i++)
		lost(&ways[i], link_words);
}

/* What is not cleared before the events are on again is an event. */
static void test_uncleared(void **state)
{
	struct rig *r = open_rig("flr", RIG_HOTPLUG);

	(void)state;
	run(r, ways[0].name, status_words);
	assert_true(hw_sim_surprises(r->sim) > 0);
	rig_close(r);
}

/* Bits that somebody had off stay off, and with all of them off nothing is written. */
static void test_bits_found(void **state)
{
	struct rig *r = open_rig("flr", RIG_HOTPLUG);
	uint32_t was;

	(void)state;
	port_write(r, PCIE + PCI_EXP_SLTCTL, 2, PCI_EXP_SLTCTL_DLLSCE |
		   PCI_EXP_SLTCTL_HPIE | PCI_EXP_SLTCTL_ABPE | 0x0340);
	was = port(r, 0, PCIE + PCI_EXP_SLTCTL, 2);
	assert_int_equal(rig_plan(r, NULL, NULL), 0);
	assert_int_equal(run(r, ways[0].name, NULL).result, EXEC_HEALTHY);
	assert_int_equal(port(r, 0, PCIE + PCI_EXP_SLTCTL, 2), was);
	port_write(r, PCIE + PCI_EXP_SLTCTL, 2, PCI_EXP_SLTCTL_HPIE);
	assert_int_equal(rig_plan(r, NULL, NULL), 0);
	assert_true(r->target.path[0].hotplug);
	for (size_t i = 0; i < rig_attempt(r, ways[0].name)->nsteps; i++) {
		const char *name = rig_attempt(r, ways[0].name)->step[i].name;

		assert_false(name && !strncmp(name, "SLT", 3));
	}
	assert_int_equal(run(r, ways[0].name, NULL).result, EXEC_HEALTHY);
	rig_close(r);
}

/* VFIO's hot reset goes by way of the slot: nothing of ours is in it. */
static void test_kernel_does_it(void **state)
{
	struct rig *r = open_rig("flr", RIG_HOTPLUG);
	const struct attempt *a = rig_attempt(r, "hot_reset");

	(void)state;
	for (size_t i = 0; i < a->nsteps; i++)
		assert_false(a->step[i].name && !strncmp(a->step[i].name, "SLT", 3));
	assert_int_equal(run(r, "hot_reset", NULL).result, EXEC_HEALTHY);
	assert_int_equal(hw_sim_surprises(r->sim), 0);
	rig_close(r);
}

static void test_lockdown(void **state)
{
	static const struct { const char *release; enum usable usable; } hosts[] = {
		{ "6.12.0", ATTEMPT_NO }, { "6.19.11-pve", ATTEMPT_NO },
		{ "7.0.2-1-pve", ATTEMPT_NO }, { "7.1.8", ATTEMPT_YES },
		{ "8.0.0", ATTEMPT_YES }, { "", ATTEMPT_NO },
	};
	struct rig *r = open_rig("flr", RIG_HOTPLUG);
	const struct attempt *a;

	(void)state;
	hw_sim_host(r->sim, "/sys/kernel/security/lockdown", "none [integrity]");
	for (size_t i = 0; i < sizeof(hosts) / sizeof(*hosts); i++) {
		hw_sim_host(r->sim, "/proc/sys/kernel/osrelease", hosts[i].release);
		assert_int_equal(rig_plan(r, NULL, NULL), 0);
		a = rig_attempt(r, ways[1].name);
		if (a->usable != hosts[i].usable)
			fail_msg("%s: %s", hosts[i].release, a->reason);
		if (a->usable == ATTEMPT_NO)
			assert_non_null(strstr(a->reason, "hot_reset"));
	}
	rig_close(r);
}

/* --- DPC and AER ----------------------------------------------------------------- */

static void test_surprise_down(void **state)
{
	struct rig *r = open_rig("flr", RIG_SURPRISED);
	struct ears was, now;
	struct exec_outcome out = run(r, ways[0].name, error_words);

	(void)state;
	assert_true(hw_sim_error_messages(r->sim) > 0);
	assert_int_not_equal(out.result, EXEC_HEALTHY);
	assert_true(listen(r, 0).contained & PCI_EXP_DPC_STATUS_TRIGGER);
	rig_close(r);
	r = open_rig("flr", RIG_SURPRISED);
	run(r, ways[0].name, aer_words);
	assert_true(hw_sim_error_messages(r->sim) > 0);
	assert_true(listen(r, 0).uncor & PCI_ERR_UNC_SURPDN);
	rig_close(r);
	r = open_rig("flr", RIG_SURPRISED);
	was = listen(r, 0);
	out = run(r, ways[0].name, NULL);
	now = listen(r, 0);
	if (out.result != EXEC_HEALTHY)
		fail_msg("%s", out.err.text);
	assert_int_equal(hw_sim_error_messages(r->sim), 0);
	assert_int_not_equal(was.dpc & 3, 0);
	assert_memory_equal(&now, &was, sizeof(now));
	rig_close(r);
}

/* An error that was there before is somebody else's to see. */
static void test_errors_before(void **state)
{
	const uint32_t uncor = PCI_ERR_UNC_SURPDN | PCI_ERR_UNC_MALF_TLP;
	struct rig *r = open_rig("flr", RIG_SURPRISED);
	struct ears now;

	(void)state;
	run(r, ways[0].name, aer_words);        /* leaves Surprise Down, Receiver Error */
	assert_int_equal(listen(r, 0).uncor & uncor, PCI_ERR_UNC_SURPDN);
	assert_int_equal(rig_plan(r, NULL, NULL), 0);
	assert_int_equal(run(r, ways[0].name, NULL).result, EXEC_HEALTHY);
	now = listen(r, 0);
	assert_int_equal(now.uncor & uncor, PCI_ERR_UNC_SURPDN);
	assert_int_equal(now.cor & PCI_ERR_COR_RCVR, PCI_ERR_COR_RCVR);
	rig_close(r);
}

/* The port holds the link down: said, and `bus` lets go of it. */
static void test_contained(void **state)
{
	struct rig *r = open_rig("flr", RIG_HOTPLUG);
	struct exec_outcome *out;
	struct exec_summary sum;
	const struct attempt *a;

	(void)state;
	port_write(r, PCIE + PCI_EXP_SLTCTL, 2, 0);     /* pciehp would delete it */
	port_write(r, PCIE + PCI_EXP_LNKCTL, 2, 0);
	hw_sim_contain(r->sim, r->bridge[0]);
	assert_int_equal(rig_plan(r, NULL, NULL), 0);
	assert_false(target_main(&r->target)->answers);
	assert_true(r->target.path[0].port.contained);
	a = rig_attempt(r, "flr");
	assert_non_null(strstr(a->reason, "0000:00:01.0 holds its link down (DPC, after "
			       "ERR_FATAL)"));
	a = rig_attempt(r, ways[1].name);
	assert_non_null(strstr(a->reason, "holds its link down (DPC"));
	a = rig_attempt(r, ways[0].name);
	assert_non_null(strstr(a->note, "released first"));
	out = calloc(r->plan.nattempts, sizeof(*out));
	exec_plan(r->hw, &r->plan, NULL, 0, out, &sum);
	assert_ptr_equal(sum.healthy, a);
	assert_int_equal(listen(r, 0).contained & PCI_EXP_DPC_STATUS_TRIGGER, 0);
	assert_int_equal(listen(r, 0).dpc & 3, PCI_EXP_DPC_CTL_EN_FATAL);
	assert_null(rig_ill(r));
	free(out);
	rig_close(r);
}

/* A root port that stays busy is not released, and the sentence says which bit. */
static void test_busy(void **state)
{
	struct rig *r = open_rig("flr", RIG_HOTPLUG);
	const struct attempt *a;
	bool waits = false;

	(void)state;
	a = rig_attempt(r, ways[0].name);
	for (size_t i = 0; i < a->nsteps; i++) {
		const struct step *s = &a->step[i];

		waits |= s->kind == STEP_WAIT && s->cond[0].mask == PCI_EXP_DPC_RP_BUSY;
		if (s->kind == STEP_WRITE && s->reg.off == DPC + PCI_EXP_DPC_STATUS) {
			assert_true(waits);
			break;
		}
	}
	assert_true(waits);
	rig_close(r);
}

/* Containment that another method caused: its health says so, and `bus` goes on. */
static void test_contained_later(void **state)
{
	struct rig *r = open_rig("flr", RIG_HOTPLUG);
	struct attempt health;
	struct exec_outcome out;
	size_t n = 0;

	(void)state;
	port_write(r, PCIE + PCI_EXP_SLTCTL, 2, 0);
	port_write(r, PCIE + PCI_EXP_LNKCTL, 2, 0);
	assert_int_equal(rig_plan(r, NULL, NULL), 0);
	hw_sim_contain(r->sim, r->bridge[0]);
	health = without(rig_attempt(r, "hot_reset"), nothing);
	for (size_t i = 0; i < health.nsteps; i++)
		if (health.step[i].phase == PHASE_HEALTH)
			health.step[n++] = health.step[i];
	health.nsteps = n;
	exec_attempt(r->hw, &r->plan, &health, NULL, 0, &out);
	free(health.step);
	assert_int_equal(out.result, EXEC_UNHEALTHY);
	assert_non_null(strstr(out.err.text, "0000:00:01.0"));
	assert_non_null(strstr(out.err.text, "link down by DPC"));
	assert_int_equal(run(r, ways[0].name, NULL).result, EXEC_HEALTHY);
	assert_null(rig_ill(r));
	rig_close(r);
}

/* --- elsewhere --------------------------------------------------------------------- */

/* A port without any of it, and a conventional bridge: not one step more. */
static void test_nothing_added(void **state)
{
	static const char *const words[] = { "SLT", "LNKCTL", "AER", "DPC", NULL };
	static const enum rig_place places[] = { RIG_ROOT_PORT, RIG_SWITCH,
						 RIG_PCI_BRIDGE };

	(void)state;
	for (size_t p = 0; p < sizeof(places) / sizeof(*places); p++) {
		struct rig *r = rig_open("flr", places[p]);

		assert_int_equal(rig_plan(r, NULL, NULL), 0);
		for (size_t i = 0; i < r->plan.nattempts; i++) {
			struct attempt b = without(&r->plan.attempt[i], words);

			assert_null(b.note);
			for (size_t k = 0; k < b.nsteps; k++)
				assert_int_equal(b.step[k].kind,
						 r->plan.attempt[i].step[k].kind);
			free(b.step);
		}
		rig_close(r);
	}
}

/* A dead card too: the port is quiet for the pulse, and as it was afterwards. */
static void test_dead(void **state)
{
	struct rig *r = open_rig("sleeper", RIG_HOTPLUG);
	struct ears was, now;

	(void)state;
	card_kill(r->card);
	assert_int_equal(rig_plan(r, NULL, NULL), 0);
	was = listen(r, 0);
	run(r, ways[0].name, NULL);
	now = listen(r, 0);
	assert_int_equal(hw_sim_surprises(r->sim), 0);
	assert_memory_equal(&now, &was, sizeof(now));
	rig_close(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hotplug),
		cmocka_unit_test(test_shared_vector),
		cmocka_unit_test(test_uncleared),
		cmocka_unit_test(test_bits_found),
		cmocka_unit_test(test_kernel_does_it),
		cmocka_unit_test(test_lockdown),
		cmocka_unit_test(test_surprise_down),
		cmocka_unit_test(test_errors_before),
		cmocka_unit_test(test_contained),
		cmocka_unit_test(test_busy),
		cmocka_unit_test(test_contained_later),
		cmocka_unit_test(test_nothing_added),
		cmocka_unit_test(test_dead),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
