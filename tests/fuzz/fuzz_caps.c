// SPDX-License-Identifier: GPL-2.0-or-later
#include "fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "cmd/cmd.h"
#include "fuzz/fuzz_common.h"
#include "hw/hw_sim.h"
#include "run/exec.h"

#define CFG 4096
#define FNS 4
#define MOST_ATTEMPTS 96
/* Ten seconds of polling and two thousand statements of a sequence are far below. */
#define MOST_ACCESSES 400000
#define TEN_SECONDS 10000000
#define NO_ENTRY 0x56781234     /* a card that no quirk file is about */

struct fuzz_caps_counts fuzz_caps_counts;

static struct exec_outcome outcome[MOST_ATTEMPTS];
static struct quirk_db db;

/* What the card answers once it lies. */
enum lie_kind {
	LIE_NOTHING,            /* the truth: only the configuration space is odd */
	LIE_ONES,
	LIE_OTHER_ID,
	LIE_BARS_MOVED,
	LIE_RANDOM,             /* anything, another thing each time */
	LIE_FLIPPING,           /* the truth and something else, by turns */
	LIE_ZEROS,
	LIE_COMMAND_STUCK,      /* decoding cannot be switched on */
	LIES
};

/* The first bytes of an input. */
struct lie {
	uint8_t nfns;           /* & 3: functions - 1; & 4: a neighbour; & 24: place */
	uint8_t id;             /* which entry's first id; 0xff: of none */
	uint8_t kind;           /* enum lie_kind; & 0x80: a reset of the bus cures it */
	uint8_t opts;           /* & 1: untested programs too; & 2: patched before boot;
				 * & 4: on vfio-pci; & 8: only the first function lies;
				 * & 16: the truth when COMMAND is read */
	uint8_t from, from_high;        /* it lies from this read on, of each function */
	uint8_t seed;
	uint8_t bar;            /* what registers read: 0 nothing, 1 ones, else random */
};

struct evil_fn {
	uint8_t cfg[CFG], first[CFG];
	uint32_t reads;
	bool cured;
};

struct evil {
	struct lie lie;
	struct evil_fn fn[FNS];
	unsigned nfns;
	bool armed;
	uint32_t random;
};

/* A function that nobody may touch. */
struct neighbour {
	uint8_t cfg[CFG];
	unsigned touched, resets;
	bool armed;
};

/* --- a plain configuration space -------------------------------------------------- */

static void put(uint8_t *cfg, unsigned off, unsigned width, uint32_t val)
{
	for (unsigned i = 0; i < width && off + i < CFG; i++)
		cfg[off + i] = (uint8_t)(val >> (8 * i));
}

static uint32_t get(const uint8_t *cfg, unsigned off, unsigned width)
{
	uint32_t val = 0;

	for (unsigned i = 0; i < width; i++)
		val |= (uint32_t)(off + i < CFG ? cfg[off + i] : 0xff) << (8 * i);
	return val;
}

/* PM, PCIe with FLR, MSI and AF, one after the other. */
static void plain(uint8_t *cfg, uint32_t id, uint32_t class_rev, bool multi)
{
	put(cfg, PCI_VENDOR_ID, 4, id);
	put(cfg, PCI_STATUS, 2, PCI_STATUS_CAP_LIST);
	put(cfg, PCI_CLASS_REVISION, 4, class_rev);
	put(cfg, PCI_HEADER_TYPE, 1, multi ? 0x80 : 0);
	put(cfg, PCI_CAPABILITY_LIST, 1, 0x40);
	put(cfg, 0x40, 4, 0x00035001);
	put(cfg, 0x50, 4, 0x0002a010);
	put(cfg, 0x50 + PCI_EXP_DEVCAP, 4, PCI_EXP_DEVCAP_FLR);
	put(cfg, 0x50 + PCI_EXP_LNKCAP, 4, 0x103);
	put(cfg, 0x50 + PCI_EXP_LNKSTA, 2, 0x1103);
	put(cfg, 0xa0, 4, 0x0000b005);
	put(cfg, 0xb0, 4, 0x03060013);
}

/* BAR0, BAR2 and BAR5 have 4 MiB, more than any program asks for. */
static uint32_t writable(unsigned off)
{
	switch (off & ~3u) {
	case PCI_BASE_ADDRESS_0:
	case PCI_BASE_ADDRESS_2:
	case PCI_BASE_ADDRESS_5:
		return 0xffc00000;
	case PCI_COMMAND:
		return 0x0000ffff;
	case PCI_CACHE_LINE_SIZE:
		return 0x0000ffff;
	case PCI_INTERRUPT_LINE:
		return 0x000000ff;
	default:
		return off < 0x44 ? 0 : UINT32_MAX;
	}
}

static void store(uint8_t *cfg, unsigned off, unsigned width, uint32_t val)
{
	for (unsigned i = 0; i < width && off + i < CFG; i++) {
		uint8_t mask = (uint8_t)(writable(off + i) >> (8 * ((off + i) & 3)));
		uint8_t byte = (uint8_t)(val >> (8 * i));

		cfg[off + i] = (uint8_t)((cfg[off + i] & ~mask) | (byte & mask));
	}
}

/* --- the card that lies ----------------------------------------------------------- */

static uint32_t evil_random(struct evil *e)
{
	e->random = e->random * 1664525 + 1013904223;
	return e->random ^ e->random >> 15;
}

static uint32_t cut_to(uint32_t val, unsigned width)
{
	return width == 4 ? val : val & ((1u << (8 * width)) - 1);
}

static bool lies(const struct evil *e, int fn)
{
	uint32_t from = e->lie.from | (uint32_t)(e->lie.from_high & 7) << 8;

	return e->armed && !e->fn[fn].cured && !(e->lie.opts & 8 && fn) &&
	       e->fn[fn].reads >= from;
}

static enum lie_kind kind(const struct evil *e)
{
	return (enum lie_kind)((e->lie.kind & 0x7f) % LIES);
}

static uint32_t lie_about(struct evil *e, int fn, unsigned off, uint32_t truth)
{
	bool bar = off >= PCI_BASE_ADDRESS_0 && off < PCI_CARDBUS_CIS;

	switch (kind(e)) {
	case LIE_ONES:
		return UINT32_MAX;
	case LIE_ZEROS:
		return 0;
	case LIE_OTHER_ID:
		return off < 4 ? truth ^ 0x00110000 >> (8 * off) ^ 1 : truth;
	case LIE_BARS_MOVED:
		return bar && truth ? truth | 0x10000000 >> (8 * (off & 3)) : truth;
	case LIE_RANDOM:
		return evil_random(e);
	case LIE_FLIPPING:
		return e->fn[fn].reads & 1 ? evil_random(e) : truth;
	case LIE_COMMAND_STUCK:
		return off == PCI_COMMAND ? 0 : truth;
	default:
		return truth;
	}
}

static uint32_t evil_read(void *dev, int fn, unsigned off, unsigned width)
{
	struct evil *e = dev;
	uint32_t truth = get(e->fn[fn].cfg, off, width);

	e->fn[fn].reads += e->armed;
	if (!lies(e, fn) || (e->lie.opts & 16 && off == PCI_COMMAND))
		return truth;
	return cut_to(lie_about(e, fn, off, truth), width);
}

static void evil_write(void *dev, int fn, unsigned off, unsigned width, uint32_t val)
{
	struct evil *e = dev;

	store(e->fn[fn].cfg, off, width, val);
}

static uint32_t evil_bar_read(void *dev, int fn, int bar, uint32_t off)
{
	struct evil *e = dev;

	(void)fn;
	(void)bar;
	if (e->lie.bar < 2)
		return e->lie.bar ? UINT32_MAX : 0;
	if (e->lie.bar & 1)
		return evil_random(e);
	return (off + e->lie.seed) * 2654435761u >> (e->lie.bar & 31);
}

static void evil_bar_write(void *dev, int fn, int bar, uint32_t off, uint32_t val)
{
	(void)dev;
	(void)fn;
	(void)bar;
	(void)off;
	(void)val;
}

static void evil_reset(void *dev, int fn)
{
	struct evil *e = dev;

	memcpy(e->fn[fn].cfg, e->fn[fn].first, CFG);
	e->fn[fn].cured = e->lie.kind & 0x80;
}

static const struct sim_dev_ops evil_ops = {
	.cfg_read = evil_read, .cfg_write = evil_write, .bar_read = evil_bar_read,
	.bar_write = evil_bar_write, .bus_reset = evil_reset,
};

/* --- its neighbour ---------------------------------------------------------------- */

static uint32_t near_read(void *dev, int fn, unsigned off, unsigned width)
{
	const struct neighbour *n = dev;

	(void)fn;
	return get(n->cfg, off, width);
}

static void near_write(void *dev, int fn, unsigned off, unsigned width, uint32_t val)
{
	struct neighbour *n = dev;

	(void)fn;
	n->touched += n->armed;
	if (off == PCI_COMMAND)
		put(n->cfg, off, width, val);
}

static uint32_t near_bar_read(void *dev, int fn, int bar, uint32_t off)
{
	(void)dev;
	(void)fn;
	(void)bar;
	(void)off;
	return 0;
}

static void near_bar_write(void *dev, int fn, int bar, uint32_t off, uint32_t val)
{
	struct neighbour *n = dev;

	(void)fn;
	(void)bar;
	(void)off;
	(void)val;
	n->touched++;
}

static void near_reset(void *dev, int fn)
{
	struct neighbour *n = dev;

	(void)fn;
	n->resets += n->armed;
}

static const struct sim_dev_ops near_ops = {
	.cfg_read = near_read, .cfg_write = near_write, .bar_read = near_bar_read,
	.bar_write = near_bar_write, .bus_reset = near_reset,
};

/* --- the machine ------------------------------------------------------------------ */

struct stage {
	struct evil evil;
	struct neighbour near;
	struct fuzz_blast blast;
	struct hw *sim, *hw;
	struct study study;
};

static void load_db(void)
{
	static const char *const dirs[] = { "quirks", NULL };
	struct err err = { 0 };
	struct diag diag;

	if (db.n)
		return;
	diag_init(&diag);
	fuzz_insist(!quirk_db_load(&db, dirs, false, &diag, &err) && db.n && !diag.errors,
		    "the quirk files, run from the project's folder");
	diag_free(&diag);
}

static void make_port(struct stage *s, struct bdf bdf, uint8_t below,
		      enum sim_port_type type, bool hotplug)
{
	const struct sim_bridge bridge = {
		.bdf = bdf, .secondary = below, .type = type, .vendor = 0x1022,
		.device = 0x1483, .speed = 3, .width = 16, .reports_active = true,
		.hotplug = hotplug, .train_us = 20000,
	};

	hw_sim_bridge(s->sim, &bridge);
}

/* Below a root port, a switch, or a bridge to conventional PCI; a neighbour or not. */
static void make_place(struct stage *s)
{
	const struct lie *lie = &s->evil.lie;
	unsigned place = lie->nfns >> 3 & 3;
	struct bdf near = { 0, 1, 1, 0 };
	struct fuzz_blast *b = &s->blast;

	make_port(s, (struct bdf){ 0, 0, 1, 0 }, 1, SIM_ROOT_PORT, place == 3);
	b->slot = (struct bdf){ 0, 1, 0, 0 };
	b->above[b->nabove++] = (struct bdf){ 0, 0, 1, 0 };
	if (place == 1) {
		make_port(s, (struct bdf){ 0, 1, 0, 0 }, 2, SIM_UPSTREAM, false);
		make_port(s, (struct bdf){ 0, 2, 0, 0 }, 3, SIM_DOWNSTREAM, false);
		make_port(s, (struct bdf){ 0, 2, 1, 0 }, 4, SIM_DOWNSTREAM, false);
		b->above[b->nabove++] = (struct bdf){ 0, 1, 0, 0 };
		b->above[b->nabove++] = (struct bdf){ 0, 2, 0, 0 };
		b->slot = (struct bdf){ 0, 3, 0, 0 };
		near = (struct bdf){ 0, 4, 0, 0 };
	} else if (place == 2) {
		make_port(s, (struct bdf){ 0, 1, 0, 0 }, 2, SIM_PCIE_TO_PCI, false);
		b->above[b->nabove++] = (struct bdf){ 0, 1, 0, 0 };
		b->slot = (struct bdf){ 0, 2, 0, 0 };
		near = (struct bdf){ 0, 2, 1, 0 };
	}
	if (lie->nfns & 4) {
		plain(s->near.cfg, 0x15218086, 0x02000001, false);
		hw_sim_function(s->sim, near, &near_ops, &s->near, 0);
	}
}

/* OFFSET, its high bits and the function, the byte. */
static void patch(struct evil *e, const uint8_t *data, size_t size)
{
	for (; size >= 3; data += 3, size -= 3) {
		struct evil_fn *fn = &e->fn[(data[1] >> 4) % e->nfns];

		fn->cfg[data[0] | (data[1] & 15u) << 8] = data[2];
	}
}

static uint32_t card_id(const struct lie *lie)
{
	const struct q_id *id = &db.quirk[lie->id % db.n]->ids[0];

	return lie->id == 0xff ? NO_ENTRY : (uint32_t)id->device << 16 | id->vendor;
}

static void make_card(struct stage *s)
{
	struct evil *e = &s->evil;

	e->nfns = 1 + (e->lie.nfns & 3);
	e->random = e->lie.seed;
	for (unsigned i = 0; i < e->nfns; i++) {
		struct bdf bdf = s->blast.slot;

		bdf.fn = (uint8_t)i;
		plain(e->fn[i].cfg, card_id(&e->lie) + (i << 16),
		      i ? 0x04030000 : 0x030000c1, e->nfns > 1);
		memcpy(e->fn[i].first, e->fn[i].cfg, CFG);
		hw_sim_function(s->sim, bdf, &evil_ops, e, (int)i);
	}
}

/* --- what must hold --------------------------------------------------------------- */

/* All functions answer as the kernel knows them, with nobody's help. */
static bool truly_well(struct stage *s)
{
	const struct target *t = &s->study.target;

	for (size_t i = 0; i < t->nfns; i++) {
		const struct fn_facts *fn = &t->fn[i];
		int nr = fn->bdf.fn;
		uint32_t id = get(s->evil.fn[nr].cfg, PCI_VENDOR_ID, 4);

		if (lies(&s->evil, nr) &&
		    (kind(&s->evil) == LIE_ONES || kind(&s->evil) == LIE_ZEROS ||
		     kind(&s->evil) == LIE_OTHER_ID))
			return false;
		if (id != ((uint32_t)fn->device << 16 | fn->vendor))
			return false;
	}
	return true;
}

/* Lying about BARs all the while, not only after the last look. */
static bool bars_moved(const struct stage *s, bool from_start)
{
	const struct bar_facts *bar = &s->study.target.fn[0].bar[0];

	return from_start && kind(&s->evil) == LIE_BARS_MOVED && lies(&s->evil, 0) &&
	       bar->size && bar->start;
}

static void act(struct stage *s)
{
	bool from_start = lies(&s->evil, 0);
	struct exec_summary sum;

	if (s->study.plan.nattempts > MOST_ATTEMPTS)
		return;
	exec_plan(s->hw, &s->study.plan, NULL, hw_now(s->hw) + TEN_SECONDS, outcome,
		  &sum);
	fuzz_caps_counts.acted += sum.tried > 0;
	fuzz_caps_counts.healthy += sum.healthy != NULL;
	if (!sum.healthy)
		return;
	fuzz_insist(truly_well(s), "healthy: it answers with its ids");
	fuzz_insist(!bars_moved(s, from_start), "healthy: its BARs are where they were");
}

static void look(struct stage *s)
{
	const struct bdf_spec spec = { s->blast.slot, true };
	const struct plan_opts opts = { .allow_untested = s->evil.lie.opts & 1 };
	struct err err = { 0 };

	if (study_target(&s->study, s->hw, &db, &spec, &opts, &err) == 0) {
		fuzz_caps_counts.planned++;
		fuzz_insist(s->study.target.nfns <= s->evil.nfns, "no function too many");
		act(s);
	} else {
		fuzz_insist(err.code && err.text[0], "a refusal says why");
	}
	study_free(&s->study);
}

static void play(struct stage *s, const uint8_t *data, size_t size)
{
	bool before = s->evil.lie.opts & 2;

	s->sim = hw_sim_open();
	hw_sim_driver(s->sim, "vfio-pci");
	make_place(s);
	make_card(s);
	if (before)
		patch(&s->evil, data, size);
	hw_sim_boot(s->sim);
	if (s->evil.lie.opts & 4 && hw_sim_known(s->sim, s->blast.slot))
		hw_sim_attr(s->sim, s->blast.slot, "driver", "vfio-pci");
	if (!before)
		patch(&s->evil, data, size);
	s->hw = hw_shim_open(s->sim);
	fuzz_blast_watch(s->hw, &s->blast);
	s->evil.armed = s->near.armed = true;
	look(s);
	fuzz_insist(!s->near.touched && !s->near.resets, "the neighbour is left alone");
	if (s->blast.accesses > fuzz_caps_counts.most)
		fuzz_caps_counts.most = s->blast.accesses;
	hw_close(s->hw);
}

int fuzz_caps(const uint8_t *data, size_t size)
{
	struct stage *s;

	if (size < sizeof(struct lie))
		return 0;
	load_db();
	s = calloc(1, sizeof(*s));
	fuzz_insist(s, "memory");
	memcpy(&s->evil.lie, data, sizeof(s->evil.lie));
	s->blast.most = MOST_ACCESSES;
	play(s, data + sizeof(s->evil.lie), size - sizeof(s->evil.lie));
	free(s);
	return 0;
}
