// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How a card is, as `gpureset list` says it: on simulated cards, every access watched,
 * as nothing may be written; and whose VM a process is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <linux/pci_regs.h>

#include "base/diag.h"
#include "cmd/card_state.h"
#include "hw/hw_shim.h"
#include "hw/hw_sim.h"
#include "hw/hw_write.h"
#include "plan/holder_vm.h"
#include "sim_rig.h"

#define NAVI "amd-navi1x"
#define FIJI "amd-fiji"
#define VEGA "amd-vega10"

/* The program's own are in main.c, which is not linked here. */
int complain(int status, const char *fmt, ...)
{
	(void)fmt;
	return status;
}

/* --- whose VM ---------------------------------------------------------------------- */

static const struct owner {
	const char *cgroup, *vm;        /* vm "": none */
} owners[] = {
	{ "0::/qemu.slice/101.scope\n", "101" },
	{ "12:pids:/qemu.slice/4711.scope\n1:name=systemd:/qemu.slice/4711.scope\n",
	  "4711" },
	{ "0::/machine.slice/machine-qemu\\x2d3\\x2dwin\\x2d10.scope/libvirt/emulator\n",
	  "win-10" },
	{ "0::/machine.slice/machine-qemu\\x2d12\\x2d12.scope\n", "12" },
	{ "0::/machine/qemu-1-gaming.libvirt-qemu/emulator\n", "gaming" },
	{ "2:cpu:/\n0::/machine.slice/machine-qemu\\x2d3\\x2da\\x1b[2J.scope\n",
	  "a?[2J" },
	{ "0::/user.slice/user-0.slice/session-1.scope\n", "" },
	{ "0::/user.slice/101.scope\n", "" },
	{ "0::/qemu.slice/101.scope.d\n", "" },
	{ "0::/qemu.slice/x101.scope\n", "" },
	{ "0::/qemu.slice/.scope\n", "" },
	{ "0::/qemu.slice/10\\x00.scope\n", "" },
	{ "0::/machine.slice/machine-qemu\\x2dwin10.scope\n", "" },
	{ "0::/machine.slice/machine-qemu\\x2d3\\x2d.scope\n", "" },
	{ "0::/machine.slice/machine-lxc\\x2d3\\x2dbox.scope\n", "" },
	{ "0::/\n", "" },
	{ "", "" },
};

static void test_owners(void **state)
{
	struct hw *hw = hw_sim_open();
	char vm[64] = "before";

	(void)state;
	assert_false(holder_vm(hw, 41, vm, sizeof(vm)));
	assert_string_equal(vm, "");
	for (size_t i = 0; i < sizeof(owners) / sizeof(*owners); i++) {
		hw_sim_host(hw, "/proc/41/cgroup", owners[i].cgroup);
		assert_int_equal(holder_vm(hw, 41, vm, sizeof(vm)), owners[i].vm[0] != 0);
		assert_string_equal(vm, owners[i].vm);
	}
	hw_close(hw);
}

/* --- one card ---------------------------------------------------------------------- */

struct seen {
	unsigned reads, writes;
	struct card_state st;
	char text[96];
};

static void see(void *arg, const struct shim_access *a)
{
	static const bool reads[SHIM_KINDS] = {
		[SHIM_CFG_READ] = true, [SHIM_BAR_READ] = true, [SHIM_ATTR_READ] = true,
	};
	struct seen *s = arg;

	s->reads += a->kind == SHIM_BAR_READ;
	s->writes += !reads[a->kind];
}

/* What is said of the card now; nothing may be written for it. */
static void look(struct rig *r, struct seen *s)
{
	struct study study = { .name = "" };
	struct err err = { 0 };

	memset(s, 0, sizeof(*s));
	if (rig_plan(r, NULL, &err))
		fail_msg("%s", err.text);
	study.target = r->target;
	study.plan = r->plan;
	study.quirk = r->quirk;
	hw_shim_trace(r->hw, see, s);
	card_judge(&s->st, r->hw, &study);
	hw_shim_trace(r->hw, NULL, NULL);
	card_state_str(&s->st, s->text, sizeof(s->text));
	assert_int_equal(s->writes, 0);
}

static void assert_state(struct rig *r, enum card_word word, const char *why)
{
	struct seen s;

	look(r, &s);
	if (s.st.word != word || !strstr(s.st.why, why))
		fail_msg("state '%s' as '%s', wanted %d as '%s'", s.text, s.st.why, word,
			 why);
	if (word != CARD_PRISTINE && word != CARD_DIRTY && word != CARD_OK &&
	    word != CARD_UNKNOWN)
		assert_int_equal(s.reads, 0);
}

static const struct quirk *quirk_of(const char *id)
{
	static const char *const dirs[] = { "quirks", NULL };
	static struct quirk_db db;
	struct diag diag;
	struct err err;

	if (!db.n) {
		diag_init(&diag);
		assert_int_equal(quirk_db_load(&db, dirs, false, &diag, &err), 0);
		diag_free(&diag);
	}
	for (size_t i = 0; i < db.n; i++)
		if (!strcmp(db.quirk[i]->id, id))
			return db.quirk[i];
	fail_msg("no quirk file %s", id);
	return NULL;
}

static struct rig *open_card(const char *kind, const char *quirk, uint16_t command)
{
	struct rig *r = rig_open(kind, RIG_ROOT_PORT);

	r->quirk = quirk_of(quirk);
	hw_cfg_write(r->sim, rig_fn(r, 0), PCI_COMMAND, 2, command, NULL);
	return r;
}

/* What a driver of the card's leaves behind: PSP_SOL (navi10: BAR5 0x58244) is not 0. */
static uint32_t used(void *arg, int fn, int bar, unsigned off, unsigned width,
		     uint32_t truth)
{
	(void)width;
	return fn == 0 && bar == 5 && off == 0x58244 ? *(uint32_t *)arg : truth;
}

static void test_pristine_and_dirty(void **state)
{
	struct rig *r = open_card("navi10", NAVI, PCI_COMMAND_MEMORY);
	uint32_t sol = 0x2bd0e;

	(void)state;
	assert_state(r, CARD_PRISTINE, "all that its entry asks");
	rig_lie(used, &sol);
	assert_state(r, CARD_DIRTY, "PSP_SOL");
	sol = UINT32_MAX;
	assert_state(r, CARD_UNKNOWN, "all ones");
	rig_lie(NULL, NULL);
	assert_state(r, CARD_PRISTINE, "");
	rig_close(r);
}

/* Each reason not to read registers, and that they are not read. */
static void test_not_looked_at(void **state)
{
	struct rig *r = open_card("navi10", NAVI, 0);
	struct seen s;

	(void)state;
	look(r, &s);
	assert_int_equal(s.st.word, CARD_OK);
	assert_non_null(strstr(s.st.why, "does not decode memory"));
	assert_int_equal(s.reads, 0);
	hw_cfg_write(r->sim, rig_fn(r, 0), PCI_COMMAND, 2, PCI_COMMAND_MEMORY, NULL);
	hw_sim_attr(r->sim, rig_fn(r, 0), "driver", "amdgpu");
	look(r, &s);
	assert_string_equal(s.st.why, "amdgpu has it");
	assert_int_equal(s.st.word, CARD_OK);
	assert_int_equal(s.reads, 0);
	/* an idle function of vfio-pci's sleeps */
	hw_sim_attr(r->sim, rig_fn(r, 0), "driver", "vfio-pci");
	assert_state(r, CARD_ASLEEP, "asleep");
	hw_attr_write(r->sim, rig_fn(r, 0), "power/control", "on", NULL);
	assert_state(r, CARD_PRISTINE, "");
	hw_cfg_write(r->sim, r->bridge[0], PCI_COMMAND, 2, 0, NULL);
	look(r, &s);
	assert_non_null(strstr(s.st.why, "a bridge above it"));
	assert_int_equal(s.reads, 0);
	rig_close(r);
}

/* Fiji's SMC is behind an index register: what is read without a write is not enough. */
static void test_index_register(void **state)
{
	struct rig *r = open_card("fury", FIJI, PCI_COMMAND_MEMORY);
	struct seen s;

	(void)state;
	look(r, &s);
	assert_int_equal(s.st.word, CARD_OK);
	assert_non_null(strstr(s.st.why, "SMC_CLOCK_CNTL_0.CK_DISABLE cannot be read"));
	assert_true(s.reads > 0);
	/* but one false condition is: the driver's mark of a hung engine */
	card_bar_write(r->card, 0, 5, 0x1730, 4, 1u << 29);
	assert_state(r, CARD_DIRTY, "GUI_HUNG");
	rig_close(r);
}

static void test_asleep(void **state)
{
	struct rig *r = open_card("vega10", VEGA, PCI_COMMAND_MEMORY);
	struct seen s;

	(void)state;
	hw_sim_attr(r->sim, rig_fn(r, 0), "power_state", "D3hot");
	assert_state(r, CARD_ASLEEP, "asleep");
	look(r, &s);
	assert_string_equal(s.text, "D3hot");
	hw_sim_attr(r->sim, rig_fn(r, 0), "power_state", "D0");
	assert_state(r, CARD_PRISTINE, "");
	/* another function that sleeps makes the chip neither used nor unknown */
	hw_sim_attr(r->sim, rig_fn(r, 1), "driver", "vfio-pci");
	assert_state(r, CARD_PRISTINE, "");
	rig_close(r);
}

struct nodes {
	struct hw_node node[16];
	size_t n;
};

static int add_node(const struct hw_node *node, void *arg)
{
	struct nodes *all = arg;

	assert_true(all->n < 16);
	all->node[all->n++] = *node;
	return 0;
}

/* The function in D3cold, or any bridge of the way; not a neighbour that sleeps. */
static void test_would_wake(void **state)
{
	static const char *const asleep[] = { "D3cold", "D3hot", "D1" };
	struct rig *r = rig_open("navi10", RIG_SWITCH);
	struct nodes all = { .n = 0 };

	(void)state;
	assert_int_equal(hw_scan(r->hw, add_node, &all, NULL), 0);
	assert_true(r->nbridges > 2);
	assert_false(card_would_wake(r->hw, all.node, all.n, r->slot));
	hw_sim_attr(r->sim, rig_bdf("0000:02:01.0"), "power_state", "D3hot");
	hw_sim_attr(r->sim, rig_fn(r, 1), "power_state", "D3hot");
	assert_false(card_would_wake(r->hw, all.node, all.n, r->slot));
	hw_sim_attr(r->sim, rig_fn(r, 1), "power_state", "D3cold");
	assert_true(card_would_wake(r->hw, all.node, all.n, r->slot));
	hw_sim_attr(r->sim, rig_fn(r, 1), "power_state", "D0");
	for (size_t i = 0; i < r->nbridges; i++) {
		hw_sim_attr(r->sim, r->bridge[i], "power_state", asleep[i % 3]);
		assert_true(card_would_wake(r->hw, all.node, all.n, r->slot));
		hw_sim_attr(r->sim, r->bridge[i], "power_state", "D0");
	}
	assert_false(card_would_wake(r->hw, all.node, all.n, r->slot));
	rig_close(r);
}

static void test_in_use(void **state)
{
	struct rig *r = open_card("navi10", NAVI, PCI_COMMAND_MEMORY);
	const struct hw_holder kvm = { .pid = 41, .comm = "kvm", .what = "/dev/vfio/1" };
	struct seen s;

	(void)state;
	hw_sim_holder(r->sim, rig_fn(r, 0), &kvm);
	assert_state(r, CARD_IN_USE, "process 41 (kvm) has /dev/vfio/1 open");
	look(r, &s);
	assert_string_equal(s.text, "in use by kvm (41)");
	hw_sim_host(r->sim, "/proc/41/cgroup", "0::/qemu.slice/101.scope\n");
	look(r, &s);
	assert_string_equal(s.text, "in use by VM 101 (41)");
	rig_close(r);
}

static void test_dead(void **state)
{
	struct rig *r = open_card("navi10", NAVI, PCI_COMMAND_MEMORY);

	(void)state;
	hw_shim_arm(r->hw, SHIM_LOST, 1, r->slot);
	assert_state(r, CARD_DEAD, "does not answer");
	rig_close(r);
}

static uint32_t no_ids(void *arg, int fn, int bar, unsigned off, unsigned width,
		       uint32_t truth)
{
	(void)width;
	(void)arg;
	return fn == 0 && bar < 0 && off < PCI_COMMAND ? UINT32_MAX : truth;
}

/* SR-IOV 3.4.1.1: ids of all ones, and alive. */
static void test_virtual(void **state)
{
	struct rig *r = open_card("navi10", NAVI, PCI_COMMAND_MEMORY);
	const struct bdf_spec spec = { r->slot, true };
	struct quirk_db db = { 0 };
	struct card_state st;
	struct study s;
	struct err err = { 0 };

	(void)state;
	rig_lie(no_ids, NULL);
	assert_state(r, CARD_DEAD, "does not answer");
	hw_sim_attr(r->sim, rig_fn(r, 0), "physfn", "0000:01:00.4");
	assert_state(r, CARD_OK, "a virtual function");
	assert_string_equal(r->plan.refusal_name, "virtual");
	assert_int_equal(study_glance(&s, r->hw, &db, &spec, &err), 0);
	card_glance(&st, r->hw, &s, true, "only root can look");
	assert_int_equal(st.word, CARD_UNKNOWN);
	study_free(&s);
	hw_shim_arm(r->hw, SHIM_LOST, 1, r->slot);
	assert_state(r, CARD_DEAD, "does not answer");
	rig_lie(NULL, NULL);
	rig_close(r);
}

/* The kernel's word alone, and not one access to the card. */
static void test_glance(void **state)
{
	struct rig *r = open_card("navi10", NAVI, PCI_COMMAND_MEMORY);
	const struct bdf_spec spec = { r->slot, true };
	struct quirk_db db = { 0 };
	struct study s;
	struct card_state st;
	struct err err = { 0 };

	(void)state;
	hw_sim_attr(r->sim, rig_fn(r, 0), "power_state", "D3cold");
	hw_shim_arm(r->hw, SHIM_LOST, 1, r->slot);
	assert_int_equal(study_glance(&s, r->hw, &db, &spec, &err), 0);
	assert_int_equal(s.target.nfns, 4);
	assert_int_equal(s.target.npath, r->nbridges);
	assert_int_equal(s.target.fn[0].vendor, 0x1002);
	card_glance(&st, r->hw, &s, false, "why not");
	assert_int_equal(st.word, CARD_ASLEEP);
	assert_string_equal(st.power, "D3cold");
	hw_sim_attr(r->sim, rig_fn(r, 0), "power_state", "D0");
	study_free(&s);
	assert_int_equal(study_glance(&s, r->hw, &db, &spec, &err), 0);
	card_glance(&st, r->hw, &s, false, "why not");
	assert_int_equal(st.word, CARD_UNKNOWN);
	assert_string_equal(st.why, "why not");
	card_glance(&st, r->hw, &s, true, "why not");
	assert_int_equal(st.word, CARD_DEAD);
	study_free(&s);
	rig_close(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_owners),
		cmocka_unit_test(test_pristine_and_dirty),
		cmocka_unit_test(test_not_looked_at),
		cmocka_unit_test(test_index_register),
		cmocka_unit_test(test_asleep),
		cmocka_unit_test(test_would_wake),
		cmocka_unit_test(test_in_use),
		cmocka_unit_test(test_dead), cmocka_unit_test(test_virtual),
		cmocka_unit_test(test_glance),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
