// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * plan/topo: trees that cannot be, functions that say nonsense, isolation; and that it
 * says the same of resets as the facts of a card do. Registers are compared with lspci
 * by tests/tree/run.
 */
#include <errno.h>
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>
#include <linux/pci_regs.h>

#include "cmd/tree.h"
#include "hw/hw_ops.h"
#include "hw/hw_replay.h"
#include "run/supervise.h"
#include "sim_rig.h"
#include "topo_check.h"

/* --- a machine of functions that say what a test wants ---------------------------- */

#define FAKE_FNS 4096

struct fake_fn {
	struct hw_node node;
	uint8_t cfg[4096];
};

struct fake {
	struct hw hw;
	struct fake_fn *fn;
	size_t n;
};

static struct fake_fn *fake_find(struct hw *hw, struct bdf bdf)
{
	struct fake *f = (struct fake *)hw;

	for (size_t i = 0; i < f->n; i++)
		if (bdf_eq(f->fn[i].node.bdf, bdf))
			return &f->fn[i];
	return NULL;
}

static int fake_scan(struct hw *hw, hw_node_fn *fn, void *arg, struct err *err)
{
	struct fake *f = (struct fake *)hw;

	(void)err;
	for (size_t i = 0; i < f->n; i++)
		fn(&f->fn[i].node, arg);
	return 0;
}

static int fake_cfg(struct hw *hw, struct bdf bdf, unsigned off, unsigned width,
		    uint32_t *val, struct err *err)
{
	const struct fake_fn *fn = fake_find(hw, bdf);

	(void)err;
	*val = 0;
	memcpy(val, fn->cfg + off, width);
	return 0;
}

static int fake_attr(struct hw *hw, struct bdf bdf, const char *name, char *buf,
		     size_t size, struct err *err)
{
	const struct fake_fn *fn = fake_find(hw, bdf);

	(void)err;
	if (strcmp(name, "class"))
		return -ENOENT;
	snprintf(buf, size, "0x%02x%02x%02x", fn->cfg[11], fn->cfg[10], fn->cfg[9]);
	return 0;
}

static bool fake_has(struct hw *hw, struct bdf bdf, const char *name)
{
	(void)hw;
	(void)bdf;
	(void)name;
	return false;
}

static int fake_cap(struct hw *hw, struct bdf bdf, uint16_t id, bool ext, unsigned *off,
		    struct err *err)
{
	(void)hw;
	(void)bdf;
	(void)id;
	(void)ext;
	(void)err;
	*off = 0;
	return -ENOENT;
}

static const struct hw_ops fake_ops = {
	.name = "fake", .scan = fake_scan, .cfg_read = fake_cfg, .attr_read = fake_attr,
	.attr_exists = fake_has, .find_cap = fake_cap,
};

static void fake_open(struct fake *f)
{
	*f = (struct fake){ .hw.ops = &fake_ops };
	f->fn = calloc(FAKE_FNS, sizeof(*f->fn));
	assert_non_null(f->fn);
}

static void put(struct fake_fn *fn, unsigned off, unsigned width, uint32_t val)
{
	memcpy(fn->cfg + off, &val, width);
}

/* @parent NULL: on a root bus. Ids 1234:5678 and a class. */
static struct fake_fn *fake_add(struct fake *f, const char *bdf, const char *parent,
				uint32_t class_code)
{
	struct fake_fn *fn = &f->fn[f->n++];

	fn->node.bdf = rig_bdf(bdf);
	fn->node.on_root_bus = !parent;
	if (parent)
		fn->node.parent = rig_bdf(parent);
	put(fn, PCI_VENDOR_ID, 4, 0x56781234);
	put(fn, PCI_CLASS_REVISION, 4, class_code << 8);
	fn->cfg[PCI_HEADER_TYPE] = class_code == 0x060400;
	return fn;
}

/* A PCIe capability at 0x40 of that type, and one for ACS with these registers. */
static void put_express(struct fake_fn *fn, unsigned type, int acs_cap, unsigned acs_ctl)
{
	put(fn, PCI_STATUS, 2, PCI_STATUS_CAP_LIST);
	fn->cfg[PCI_CAPABILITY_LIST] = 0x40;
	put(fn, 0x40, 4, PCI_CAP_ID_EXP | type << 20 | PCI_EXP_FLAGS_SLOT << 16);
	if (acs_cap < 0)
		return;
	put(fn, 0x100, 4, PCI_EXT_CAP_ID_ACS | 1 << 16);
	put(fn, 0x104, 2, (uint32_t)acs_cap);
	put(fn, 0x106, 2, acs_ctl);
}

static void collect(struct hw *hw, struct topo *t)
{
	struct err unread = { 0 }, err = { 0 };

	assert_int_equal(topo_collect(hw, NULL, NULL, t, &unread, &err), 0);
	if (topo_wrong(t))
		fail_msg("%s", topo_wrong(t));
}

static void fake_tree(struct fake *f, struct topo *t, size_t want)
{
	collect(&f->hw, t);
	assert_int_equal(t->n, want);
	free(f->fn);
}

/* --- trees that cannot be --------------------------------------------------------- */

static void test_circles(void **state)
{
	struct fake f;
	struct topo t;
	size_t i;

	(void)state;
	fake_open(&f);
	fake_add(&f, "0000:00:01.0", NULL, 0x060400);
	fake_add(&f, "0000:01:00.0", "0000:00:01.0", 0x030000);
	fake_add(&f, "0000:02:00.0", "0000:02:00.0", 0x060400);      /* below itself */
	fake_add(&f, "0000:03:00.0", "0000:05:00.0", 0x060400);      /* three in a ring */
	fake_add(&f, "0000:04:00.0", "0000:03:00.0", 0x060400);
	fake_add(&f, "0000:05:00.0", "0000:04:00.0", 0x060400);
	fake_add(&f, "0000:06:00.0", "0000:05:00.0", 0x030000); /* hangs on it */
	fake_add(&f, "0000:07:00.0", "0000:fe:00.0", 0x030000);      /* of nobody */
	fake_tree(&f, &t, 8);
	i = topo_find(&t, rig_bdf("0000:03:00.0"));
	assert_true(t.node[i].cut && t.node[i].parent == TOPO_NONE);
	assert_int_equal(t.node[i].end - i, 4);
	assert_true(t.node[topo_find(&t, rig_bdf("0000:02:00.0"))].cut);
	assert_true(t.node[topo_find(&t, rig_bdf("0000:07:00.0"))].cut);
	assert_false(t.node[topo_find(&t, rig_bdf("0000:01:00.0"))].cut);
	i = topo_find(&t, rig_bdf("0000:06:00.0"));
	assert_int_equal(t.node[i].depth, 3);
	topo_free(&t);
}

static void test_empty(void **state)
{
	struct fake f;
	struct topo t;

	(void)state;
	fake_open(&f);
	fake_tree(&f, &t, 0);
	assert_true(topo_slot(&t, rig_bdf("0000:01:00.0")) == TOPO_NONE);
	topo_free(&t);
}

/* One bridge below the other, as many as fit; the card at the end has a long way up. */
static void test_chain(void **state)
{
	size_t at[TOPO_POINTS], card;
	struct topo_blast b;
	struct fake f;
	struct topo t;

	(void)state;
	fake_open(&f);
	for (unsigned i = 0; i < 1000; i++) {
		struct bdf bdf = { .domain = i / 256, .bus = i % 256 };
		struct fake_fn *fn = fake_add(&f, "0000:00:00.0",
					      i ? "0000:00:00.0" : NULL,
					      i < 999 ? 0x060400 : 0x030000);

		fn->node.bdf = bdf;
		if (i)
			fn->node.parent = f.fn[i - 1].node.bdf;
	}
	fake_tree(&f, &t, 1000);
	card = t.n - 1;
	assert_int_equal(t.node[card].depth, 999);
	assert_int_equal(topo_points(&t, card, at), 2);
	assert_int_equal(at[0], 998);
	assert_int_equal(at[1], 0);
	b = topo_blast(&t, at[1], card);
	assert_int_equal(b.end - b.first, 999);
	assert_int_equal(b.foreign, 0);
	topo_free(&t);
}

/* --- functions that say nonsense -------------------------------------------------- */

static uint32_t lot_state = 1;

static uint32_t lot(void)
{
	lot_state = lot_state * 1664525u + 1013904223u;
	return lot_state >> 8;
}

/* Whatever the bytes, the lists end, and what is found is where it may be. */
static void test_nonsense(void **state)
{
	(void)state;
	for (int round = 0; round < 300; round++) {
		struct fake_fn *fn;
		struct fake f;
		struct topo t;

		fake_open(&f);
		fn = fake_add(&f, "0000:01:00.0", NULL, 0x030000);
		for (size_t i = 0; i < sizeof(fn->cfg); i++)
			fn->cfg[i] = (uint8_t)lot();
		put(fn, PCI_STATUS, 2, 0xffff);
		fn->cfg[PCI_HEADER_TYPE] = round % 4;
		if (round % 2)          /* so that extended ones are looked at, too */
			put_express(fn, lot() % 16, (int)lot() & 0x7f, lot() & 0x7f);
		fake_tree(&f, &t, 1);
		assert_true(t.node[0].answers);
		topo_free(&t);
	}
}

static void test_silent(void **state)
{
	struct fake_fn *dead, *virtual, *later;
	struct fake f;
	struct topo t;

	(void)state;
	fake_open(&f);
	dead = fake_add(&f, "0000:01:00.0", NULL, 0x030000);
	memset(dead->cfg, 0xff, sizeof(dead->cfg));
	virtual = fake_add(&f, "0000:01:00.1", NULL, 0x030000);
	put(virtual, PCI_VENDOR_ID, 4, UINT32_MAX);
	later = fake_add(&f, "0000:02:00.0", NULL, 0x030000);
	memset(later->cfg, 0xff, sizeof(later->cfg));
	put(later, PCI_VENDOR_ID, 2, 1);        /* "not yet": RRS */
	fake_add(&f, "0000:03:00.0", NULL, 0x030000)->cfg[PCI_HEADER_TYPE] = 0x55;
	fake_tree(&f, &t, 4);
	assert_string_equal(topo_kind(&t.node[0]), "does not answer");
	assert_true(t.node[1].answers);
	assert_string_equal(topo_kind(&t.node[2]), "does not answer");
	assert_string_equal(topo_kind(&t.node[3]), "unknown header type");
	topo_free(&t);
}

static bool is_second(struct bdf bdf, void *arg)
{
	(void)arg;
	return bdf.dev == 2;
}

static void test_skipped(void **state)
{
	struct err unread = { 0 }, err = { 0 };
	struct fake f;
	struct topo t;

	(void)state;
	fake_open(&f);
	fake_add(&f, "0000:01:01.0", NULL, 0x030000);
	fake_add(&f, "0000:01:02.0", NULL, 0x030000);
	assert_int_equal(topo_collect(&f.hw, is_second, NULL, &t, &unread, &err), 0);
	assert_true(t.node[0].answers && !t.node[0].busy);
	assert_true(!t.node[1].answers && t.node[1].busy);
	assert_string_equal(topo_kind(&t.node[1]), "being reset");
	topo_free(&t);
	free(f.fn);
}

/* --- isolation -------------------------------------------------------------------- */

/* All, and what isolation needs of it: all but TransBlk, EgressCtrl and DirectTrans. */
#define ACS_ALL 0x7f
#define ACS_NEED 0x1d

static void test_acs(void **state)
{
	static const struct {
		unsigned type;
		int cap;                /* -1: no capability */
		unsigned ctl, fn;
		enum acs_state want;
	} rows[] = {
		{ PORT_ROOT, ACS_ALL, ACS_NEED, 0, ACS_ISOLATES },
		{ PORT_ROOT, ACS_ALL, ACS_ALL, 0, ACS_ISOLATES },
		{ PORT_ROOT, ACS_ALL, ACS_NEED & ~4u, 0, ACS_OPEN },
		{ PORT_DOWNSTREAM, ACS_ALL, 0, 0, ACS_OPEN },
		/* what cannot be turned off is on */
		{ PORT_DOWNSTREAM, ACS_NEED & ~0x10, ACS_NEED & ~0x10u, 0, ACS_ISOLATES },
		{ PORT_DOWNSTREAM, 0, 0, 0, ACS_ISOLATES },
		{ PORT_ROOT, -1, 0, 0, ACS_ABSENT },
		{ TYPE_ENDPOINT, -1, 0, 0, ACS_NOT_ASKED },
		{ TYPE_ENDPOINT, -1, 0, 1, ACS_ABSENT },
		{ TYPE_ENDPOINT, ACS_NEED, ACS_NEED, 1, ACS_ISOLATES },
		{ PORT_PCIE_TO_PCI, ACS_ALL, ACS_ALL, 0, ACS_NEVER },
		{ TYPE_EVENT_COLLECTOR, -1, 0, 0, ACS_NEVER },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct fake_fn *fn;
		struct fake f;
		struct topo t;

		fake_open(&f);
		fn = fake_add(&f, rows[i].fn ? "0000:01:00.1" : "0000:01:00.0", NULL,
			      0x020000);
		put_express(fn, rows[i].type, rows[i].cap, rows[i].ctl);
		fake_tree(&f, &t, 1);
		if (t.node[0].acs != rows[i].want)
			fail_msg("row %zu: %d, wanted %d", i, t.node[0].acs,
				 rows[i].want);
		topo_free(&t);
	}
}

/* --- links ------------------------------------------------------------------------ */

static void put_link(struct fake_fn *fn, unsigned max_speed, unsigned max_width,
		     unsigned speed, unsigned width)
{
	put(fn, 0x40 + PCI_EXP_LNKCAP, 4, max_speed | max_width << 4);
	put(fn, 0x40 + PCI_EXP_LNKSTA, 2, speed | width << 4);
}

/* Slower or narrower than both ends could: the lesser of the two counts. */
static void test_links(void **state)
{
	static const struct {
		unsigned port_speed, port_width, card_speed, card_width, speed, width;
		bool less;
	} rows[] = {
		{ 4, 16, 4, 16, 4, 16, false }, { 4, 16, 3, 16, 3, 16, false },
		{ 4, 8, 4, 16, 4, 8, false }, { 4, 16, 4, 16, 1, 16, true },
		{ 4, 16, 4, 16, 4, 8, true }, { 3, 16, 4, 16, 2, 16, true },
		{ 4, 16, 4, 16, 1, 0, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct fake_fn *port, *card;
		struct fake f;
		struct topo t;

		fake_open(&f);
		port = fake_add(&f, "0000:00:01.0", NULL, 0x060400);
		card = fake_add(&f, "0000:01:00.0", "0000:00:01.0", 0x030000);
		put_express(port, PORT_ROOT, -1, 0);
		put_express(card, TYPE_ENDPOINT, -1, 0);
		put_link(port, rows[i].port_speed, rows[i].port_width, rows[i].speed,
			 rows[i].width);
		put_link(card, rows[i].card_speed, rows[i].card_width, rows[i].speed,
			 rows[i].width);
		fake_tree(&f, &t, 2);
		if (topo_link_less(&t, 0) != rows[i].less ||
		    topo_link_less(&t, 1) != rows[i].less)
			fail_msg("row %zu", i);
		topo_free(&t);
	}
}

/* --- beside the facts of a card --------------------------------------------------- */

static size_t cards_compared;

static int compare_card(const struct hw_node *node, void *arg)
{
	const struct bdf_spec spec = { node->bdf, true };
	struct target *t = calloc(1, sizeof(*t));
	struct err err = { 0 };
	struct topo topo;
	struct hw *hw = arg;

	assert_non_null(t);
	assert_int_equal(facts_collect(hw, &spec, t, &err), 0);
	collect(hw, &topo);
	if (t->npath < MAX_PATH && topo_differs(&topo, t))
		fail_msg("%02x:%02x: %s", node->bdf.bus, node->bdf.dev,
			 topo_differs(&topo, t));
	topo_free(&topo);
	target_free(t);
	free(t);
	cards_compared++;
	return 0;
}

static void compare_files(const char *pattern)
{
	glob_t found;

	assert_int_equal(glob(pattern, 0, NULL, &found), 0);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		struct err err = { 0 };
		struct recording *r;
		struct diag diag;
		struct hw *hw;

		diag_init(&diag);
		assert_int_equal(recording_load(&r, found.gl_pathv[i], &diag, &err), 0);
		diag_free(&diag);
		hw = hw_replay_open(r);
		assert_int_equal(hw_scan(hw, compare_card, hw, &err), 0);
		hw_close(hw);
	}
	globfree(&found);
}

static void test_records(void **state)
{
	(void)state;
	compare_files("tests/records/*.rec");
	compare_files("tests/records/*.lspci");
	compare_files("tests/data/*.rec");
	printf("counts: %zu functions have the blast radius in the tree that their plan "
	       "has\n", cards_compared);
	assert_true(cards_compared > 30);
}

static void test_rigs(void **state)
{
	static const enum rig_place place[] = {
		RIG_ROOT_PORT, RIG_SWITCH, RIG_PCI_BRIDGE, RIG_ROOT_BUS,
		RIG_HOTPLUG_SWITCH,
	};
	const struct rig_plain other = { .vendor = 0x8086, .device = 0x10d3,
					 .class_code = 0x020000 };
	struct err err = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(place) / sizeof(*place); i++) {
		struct rig *r = rig_open("fury", place[i]);

		assert_int_equal(hw_scan(r->hw, compare_card, r->hw, &err), 0);
		rig_close(r);
	}
	/* the enclosure of a Thunderbolt card is not the card, nor all above its port */
	for (size_t i = 0; i < 3; i++) {
		struct rig *r = rig_open("fury", RIG_SWITCH);

		hw_sim_attr(r->sim, r->bridge[i], "removable", "removable");
		assert_int_equal(hw_scan(r->hw, compare_card, r->hw, &err), 0);
		rig_close(r);
	}
	for (size_t i = 0; i < 2; i++) {        /* a neighbour at each of two levels */
		struct rig *r = rig_unbooted("flr", i ? RIG_SWITCH : RIG_PCI_BRIDGE);

		rig_add_plain(r, rig_bdf(i ? "0000:04:00.0" : "0000:02:02.0"), &other);
		rig_boot(r);
		assert_int_equal(hw_scan(r->hw, compare_card, r->hw, &err), 0);
		rig_close(r);
	}
}

/* --- the picture ------------------------------------------------------------------ */

static void test_no_graphviz(void **state)
{
	struct tree t = { .npoints = 0 };
	int said = memfd_create("said", MFD_CLOEXEC), old = dup(STDERR_FILENO), rc;
	char text[512] = "";

	(void)state;
	assert_true(dup2(said, STDERR_FILENO) >= 0);
	rc = tree_svg(&t, "/nowhere/dot");
	assert_true(dup2(old, STDERR_FILENO) >= 0);
	assert_true(pread(said, text, sizeof(text) - 1, 0) > 0);
	close(said);
	close(old);
	assert_int_equal(rc, EXIT_FAILED);
	assert_non_null(strstr(text, "no /nowhere/dot"));
	assert_non_null(strstr(text, "apt install graphviz"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_circles), cmocka_unit_test(test_empty),
		cmocka_unit_test(test_chain), cmocka_unit_test(test_nonsense),
		cmocka_unit_test(test_silent), cmocka_unit_test(test_skipped),
		cmocka_unit_test(test_acs), cmocka_unit_test(test_links),
		cmocka_unit_test(test_records),
		cmocka_unit_test(test_rigs), cmocka_unit_test(test_no_graphviz),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
