// SPDX-License-Identifier: GPL-2.0-or-later
#include "liar.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "base/diag.h"
#include "cmd/cmd.h"
#include "hw/hw_write.h"

#define CAPS 48                 /* as many fit into 192 bytes */
#define MOST_ATTEMPTS 64
#define LATE_US 1000000         /* what a run may take beyond its plan's worst case */
#define NEAR_COMMAND 0x0106     /* of the neighbour: nobody may touch it */

struct liar {
	const struct liar_case *c;
	const struct liar_row *row;
	struct rig *r;
	enum lie_when moment;
	bool over;                      /* the run: the truth is looked at */
	bool poked;
	uint32_t reads, random;
	unsigned long told;             /* answers that were not the truth */
	unsigned long told_of_health;   /* ... to the checks of the last attempt */
	bool health;                    /* it is being asked for its health */
	size_t at;                      /* in c->data */
	uint8_t cap[SLOT_FNS][CAPS];
	size_t ncaps[SLOT_FNS];
	struct study study;
	const struct attempt *attempt;  /* the one that is being made */
	unsigned long outside, accesses, rescans;
};

struct liar_row {
	const char *name;
	/* one byte of configuration space */
	uint8_t (*byte)(struct liar *l, int fn, unsigned off, uint8_t truth);
	/* a register in a BAR */
	uint32_t (*reg)(struct liar *l, uint32_t truth);
	/* done once, to the bridges above */
	void (*poke)(struct liar *l);
	bool seldom;                    /* now and then: a few looks may miss it */
};

static struct exec_outcome outcome[MOST_ATTEMPTS];
static struct quirk_db db;

/* --- the lies --------------------------------------------------------------------- */

static uint32_t liar_random(struct liar *l)
{
	l->random = l->random * 1664525 + 1013904223;
	return l->random >> 8 ^ l->random >> 20;
}

/* Is @off at @where of any capability of the function? */
static bool in_cap(const struct liar *l, int fn, unsigned off, unsigned where)
{
	for (size_t i = 0; i < l->ncaps[fn]; i++)
		if (l->cap[fn][i] + where == off)
			return true;
	return false;
}

/* The capability @id of the function by the truth, or 0. */
static unsigned cap_at(const struct liar *l, int fn, uint8_t id)
{
	for (size_t i = 0; i < l->ncaps[fn]; i++)
		if (card_cfg_read(l->r->card, fn, l->cap[fn][i], 1) == id)
			return l->cap[fn][i];
	return 0;
}

static bool in_reg(const struct liar *l, int fn, unsigned off, uint8_t id, unsigned reg,
		   unsigned width)
{
	unsigned cap = cap_at(l, fn, id);

	return cap && off >= cap + reg && off < cap + reg + width;
}

static bool in_bars(unsigned off)
{
	return off >= PCI_BASE_ADDRESS_0 && off < PCI_CARDBUS_CIS;
}

#define BYTE(fn_name, expr) \
static uint8_t fn_name(struct liar *l, int fn, unsigned off, uint8_t truth) \
{ \
	(void)l, (void)fn, (void)off, (void)truth; \
	return (uint8_t)(expr); \
}

BYTE(b_ones, 0xff);
BYTE(b_zeros, 0);
BYTE(b_random, liar_random(l));
BYTE(b_mixed, liar_random(l) & 1 ? liar_random(l) : truth);
BYTE(b_seldom, liar_random(l) & 63 ? truth : liar_random(l));
BYTE(b_other_id, off == PCI_DEVICE_ID ? truth ^ 0x11 : truth);
BYTE(b_other_vendor, off == PCI_VENDOR_ID ? truth ^ 0x01 : truth);
BYTE(b_id_changes, off < 4 ? liar_random(l) : truth);
BYTE(b_id_flips, off < 4 && liar_random(l) & 1 ? ~truth : truth);
BYTE(b_class, off > PCI_REVISION_ID && off < PCI_CACHE_LINE_SIZE ? 0x06 : truth);
BYTE(b_multi, off == PCI_HEADER_TYPE ? truth ^ 0x80 : truth);
BYTE(b_multi_flips, off == PCI_HEADER_TYPE ? truth ^ (liar_random(l) & 0x80) : truth);
BYTE(b_bridge, off == PCI_HEADER_TYPE ? (truth & 0x80) | 1 : truth);
BYTE(b_header, off == PCI_HEADER_TYPE ? 0x7f : truth);
BYTE(b_bars_moved, in_bars(off) && off % 4 == 3 ? truth | 0x10 : truth);
BYTE(b_bars_huge, !in_bars(off) ? truth : truth & (off % 4 == 3 ? 0xe0 : 0x0f));
BYTE(b_bars_zero, in_bars(off) ? 0 : truth);
BYTE(b_bars_ones, in_bars(off) ? 0xff : truth);
BYTE(b_bars_same, in_bars(off) ? \
	card_cfg_read(l->r->card, fn, PCI_BASE_ADDRESS_0 + off % 4, 1) : truth);
BYTE(b_bars_random, in_bars(off) ? liar_random(l) : truth);
BYTE(b_bars_host, in_bars(off) ? 0xfe : truth);  /* where interrupts are written to */
BYTE(b_rom, off >= PCI_ROM_ADDRESS && off < PCI_ROM_ADDRESS + 4 ? 0xff : truth);
BYTE(b_command_zero, (off & ~1u) == PCI_COMMAND ? 0 : truth);
BYTE(b_command_ones, (off & ~1u) == PCI_COMMAND ? 0xff : truth);
BYTE(b_command_random, (off & ~1u) == PCI_COMMAND ? liar_random(l) : truth);
BYTE(b_no_caps, off == PCI_STATUS ? truth & ~PCI_STATUS_CAP_LIST : truth);
BYTE(b_first_self, off == PCI_CAPABILITY_LIST ? PCI_CAPABILITY_LIST : truth);
BYTE(b_first_header, off == PCI_CAPABILITY_LIST ? 0x04 : truth);
BYTE(b_first_end, off == PCI_CAPABILITY_LIST ? 0xfc : truth);
BYTE(b_first_odd, off == PCI_CAPABILITY_LIST ? truth + 3 : truth);
BYTE(b_first_ones, off == PCI_CAPABILITY_LIST ? 0xff : truth);
BYTE(b_first_random, off == PCI_CAPABILITY_LIST ? liar_random(l) : truth);
BYTE(b_cap_self, in_cap(l, fn, off, 1) ? off - 1 : truth);
BYTE(b_cap_back, in_cap(l, fn, off, 1) ? l->cap[fn][0] : truth);
BYTE(b_cap_overlap, in_cap(l, fn, off, 1) ? off + 3 : truth);
BYTE(b_cap_header, in_cap(l, fn, off, 1) ? 0x10 : truth);
BYTE(b_cap_random, in_cap(l, fn, off, 1) ? liar_random(l) : truth);
BYTE(b_cap_every, off >= 0x40 && off % 4 == 1 ? off + 3 : truth);
BYTE(b_cap_pcie, in_cap(l, fn, off, 0) ? PCI_CAP_ID_EXP : truth);
BYTE(b_cap_pm, in_cap(l, fn, off, 0) ? PCI_CAP_ID_PM : truth);
BYTE(b_cap_af, in_cap(l, fn, off, 0) ? PCI_CAP_ID_AF : truth);
BYTE(b_cap_none, in_cap(l, fn, off, 0) ? 0 : truth);
BYTE(b_d3, in_reg(l, fn, off, PCI_CAP_ID_PM, PCI_PM_CTRL, 1) ? truth | 3 : truth);
BYTE(b_soft_rst, in_reg(l, fn, off, PCI_CAP_ID_PM, PCI_PM_CTRL, 1) ? \
	truth ^ PCI_PM_CTRL_NO_SOFT_RESET : truth);
BYTE(b_d_random, in_reg(l, fn, off, PCI_CAP_ID_PM, PCI_PM_CTRL, 2) ? liar_random(l) : \
	truth);
BYTE(b_flr, in_reg(l, fn, off, PCI_CAP_ID_EXP, PCI_EXP_DEVCAP + 3, 1) ? truth ^ 0x10 : \
	truth);
BYTE(b_type, in_reg(l, fn, off, PCI_CAP_ID_EXP, PCI_EXP_FLAGS, 1) ? \
	truth ^ PCI_EXP_TYPE_UPSTREAM << 4 : truth);
BYTE(b_link, in_reg(l, fn, off, PCI_CAP_ID_EXP, PCI_EXP_LNKSTA, 2) ? liar_random(l) : \
	truth);
BYTE(b_link_down, in_reg(l, fn, off, PCI_CAP_ID_EXP, PCI_EXP_LNKSTA, 2) ? 0 : truth);
BYTE(b_lnkcap, in_reg(l, fn, off, PCI_CAP_ID_EXP, PCI_EXP_LNKCAP, 4) ? 0xff : truth);
BYTE(b_devctl, in_reg(l, fn, off, PCI_CAP_ID_EXP, PCI_EXP_DEVCTL, 4) ? liar_random(l) : \
	truth);
BYTE(b_vendor_part, off >= 0x40 && !in_cap(l, fn, off, 0) && !in_cap(l, fn, off, 1) ? \
	liar_random(l) : truth);

/* Extended: a header that names itself, SR-IOV with numbers that cannot be. */
static uint8_t b_sriov(struct liar *l, int fn, unsigned off, uint8_t truth)
{
	static const uint8_t head[4] = { PCI_EXT_CAP_ID_SRIOV, 0, 0x01, 0x10 };

	(void)l;
	(void)fn;
	if (off < PCI_CFG_SPACE_SIZE)
		return truth;
	return off < PCI_CFG_SPACE_SIZE + 4 ? head[off & 3] : 0xff;
}

/* The same header at every place, and each says that the next is four bytes further. */
static uint8_t b_ext_every(struct liar *l, int fn, unsigned off, uint8_t truth)
{
	unsigned next = (off & ~3u) + 4;

	(void)l;
	(void)fn;
	if (off < PCI_CFG_SPACE_SIZE)
		return truth;
	return (uint8_t)((PCI_EXT_CAP_ID_VNDR | 1u << 16 | next << 20) >> 8 * (off & 3));
}

#define REG(fn_name, expr) \
static uint32_t fn_name(struct liar *l, uint32_t truth) \
{ \
	(void)l, (void)truth; \
	return (expr); \
}

REG(r_ones, UINT32_MAX);
REG(r_zeros, 0);
REG(r_random, liar_random(l) << 16 ^ liar_random(l));
REG(r_mixed, liar_random(l) & 1 ? liar_random(l) << 16 ^ liar_random(l) : truth);
REG(r_pattern, 0x5a5a5a5a);
REG(r_inverted, ~truth);

static void poke_bridges(struct liar *l, unsigned off, unsigned width, uint32_t val)
{
	struct rig *r = l->r;

	for (size_t i = r->nbridges > 1; i < r->nbridges; i++)
		hw_cfg_write(r->sim, r->bridge[i], off, width, val, NULL);
}

static void p_secondary(struct liar *l)
{
	poke_bridges(l, PCI_SECONDARY_BUS, 1, 0x42);
}

static void p_buses(struct liar *l)
{
	poke_bridges(l, PCI_PRIMARY_BUS, 4, 0x00ff0000);
}

static void p_window(struct liar *l)
{
	poke_bridges(l, PCI_MEMORY_BASE, 4, 0xfff00000);
}

/* What it says is in the case's data: a byte says whether to lie, then the answer. */
#define ANSWERS "answers as it pleases"
#define CELL(n, b) { n, b, NULL, NULL, false }

static const struct liar_row rows[] = {
	{ "the truth", NULL, NULL, NULL, false },
	{ ANSWERS, NULL, NULL, NULL, true },
	CELL("all ones", b_ones), CELL("all zeros", b_zeros), CELL("random", b_random),
	CELL("half random", b_mixed),
	{ "seldom random", b_seldom, NULL, NULL, true },
	CELL("another id", b_other_id), CELL("another vendor", b_other_vendor),
	CELL("an id that changes", b_id_changes), CELL("an id that flips", b_id_flips),
	CELL("another class", b_class), CELL("multifunction bit", b_multi),
	CELL("multifunction bit flips", b_multi_flips), CELL("is a bridge", b_bridge),
	CELL("header of no type", b_header), CELL("BARs moved", b_bars_moved),
	CELL("BARs ask for half of it all", b_bars_huge),
	CELL("BARs zero", b_bars_zero), CELL("BARs ones", b_bars_ones),
	CELL("BARs overlap", b_bars_same), CELL("BARs random", b_bars_random),
	CELL("BARs over the host's", b_bars_host), CELL("ROM BAR", b_rom),
	CELL("COMMAND zero", b_command_zero), CELL("COMMAND ones", b_command_ones),
	CELL("COMMAND random", b_command_random), CELL("no capabilities", b_no_caps),
	CELL("list begins at itself", b_first_self),
	CELL("list begins in the header", b_first_header),
	CELL("list begins at the end", b_first_end),
	CELL("list begins at an odd place", b_first_odd),
	CELL("list begins at ones", b_first_ones),
	CELL("list begins anywhere", b_first_random),
	CELL("each capability its own next", b_cap_self),
	CELL("list loops", b_cap_back), CELL("capabilities overlap", b_cap_overlap),
	CELL("list goes into the header", b_cap_header),
	CELL("list goes anywhere", b_cap_random),
	CELL("a capability everywhere", b_cap_every),
	CELL("all are PCIe", b_cap_pcie), CELL("all are PM", b_cap_pm),
	CELL("all are AF", b_cap_af), CELL("all are null", b_cap_none),
	CELL("in D3", b_d3), CELL("NoSoftRst", b_soft_rst),
	CELL("PMCSR random", b_d_random),
	CELL("FLR or not", b_flr), CELL("another port type", b_type),
	CELL("link never settles", b_link), CELL("link down", b_link_down),
	CELL("link capabilities ones", b_lnkcap), CELL("DEVCTL random", b_devctl),
	CELL("vendor's part random", b_vendor_part), CELL("absurd SR-IOV", b_sriov),
	CELL("extended list everywhere", b_ext_every),
	{ "registers ones", NULL, r_ones, NULL, false },
	{ "registers zero", NULL, r_zeros, NULL, false },
	{ "registers random", NULL, r_random, NULL, false },
	{ "registers half random", NULL, r_mixed, NULL, false },
	{ "registers a pattern", NULL, r_pattern, NULL, false },
	{ "registers inverted", NULL, r_inverted, NULL, false },
	{ "everything random", b_random, r_random, NULL, false },
	{ "everything zero", b_zeros, r_zeros, NULL, false },
	{ "secondary bus numbers", NULL, NULL, p_secondary, false },
	{ "bus numbers all over", NULL, NULL, p_buses, false },
	{ "windows closed", NULL, NULL, p_window, false },
};

#define NROWS (sizeof(rows) / sizeof(*rows))

size_t liar_rows(void)
{
	return NROWS;
}

const char *liar_name(size_t i)
{
	return rows[i].name;
}

bool liar_about_registers(size_t i)
{
	return rows[i].reg;
}

/* --- telling them ----------------------------------------------------------------- */

static uint8_t next_byte(struct liar *l)
{
	return l->at < l->c->size ? l->c->data[l->at++] : 0;
}

/* Odd seeds: when nothing is left to say, all ones; seed bit 1: registers too. */
static uint32_t liar_answer(struct liar *l, int bar, unsigned width, uint32_t truth)
{
	uint32_t val = 0;

	if (bar >= 0 && !(l->c->seed & 2))
		return truth;
	if (l->at >= l->c->size)
		return l->c->seed & 1 ? UINT32_MAX : truth;
	switch (next_byte(l) & 3) {
	case 0:
		for (unsigned i = 0; i < width; i++)
			val |= (uint32_t)next_byte(l) << 8 * i;
		return val;
	case 1:
		return UINT32_MAX;
	default:
		return truth;
	}
}

static uint32_t liar_bytes(struct liar *l, int fn, unsigned off, unsigned width,
			   uint32_t truth)
{
	uint32_t val = 0;

	for (unsigned i = 0; i < width; i++)
		val |= (uint32_t)l->row->byte(l, fn, off + i,
					      (uint8_t)(truth >> 8 * i)) << 8 * i;
	return val;
}

static bool liar_on(const struct liar *l, int fn)
{
	const struct liar_case *c = l->c;

	return l->moment >= c->from && l->moment < c->until && l->reads >= c->read &&
	       c->fns & 1 << fn && !l->over;
}

static uint32_t liar_says(void *arg, int fn, int bar, unsigned off, unsigned width,
			  uint32_t truth)
{
	struct liar *l = arg;
	uint32_t val = truth;

	l->reads++;
	if (!liar_on(l, fn))
		return truth;
	if (!strcmp(l->row->name, ANSWERS))
		val = liar_answer(l, bar, width, truth);
	else if (bar < 0 && l->row->byte)
		val = liar_bytes(l, fn, off, width, truth);
	else if (bar >= 0 && l->row->reg)
		val = l->row->reg(l, truth);
	if (width < 4)
		val &= (1u << 8 * width) - 1;
	l->told += val != truth;
	l->told_of_health += l->health && val != truth;
	return val;
}

static void liar_moment(struct liar *l, enum lie_when moment)
{
	if (moment > l->moment)
		l->moment = moment;
	if (!l->row->poke || l->poked || l->moment < l->c->from)
		return;
	l->poked = true;
	l->told++;
	l->row->poke(l);
}

/* --- what the program does -------------------------------------------------------- */

static void watch_begin(void *arg, const struct attempt *a, const struct step *s)
{
	static const enum lie_when when[] = {
		[PHASE_PREPARE] = LIE_PLANNED, [PHASE_ACT] = LIE_ACT,
		[PHASE_RESTORE] = LIE_RESTORE, [PHASE_HEALTH] = LIE_HEALTH,
		[PHASE_PUT_BACK] = LIE_PUT_BACK,
	};
	struct liar *l = arg;

	if (s == a->step)
		l->told_of_health = 0;
	l->health = s->phase == PHASE_HEALTH;
	l->attempt = a;
	liar_moment(l, when[s->phase]);
}

/* Announced: a step of the attempt that is being made names it. */
static bool announced(const struct liar *l, struct bdf bdf)
{
	for (size_t i = 0; l->attempt && i < l->attempt->nsteps; i++)
		if (bdf_eq(l->attempt->step[i].fn, bdf) ||
		    (l->attempt->step[i].kind == STEP_APPEAR &&
		     bdf_eq(l->attempt->step[i].aux, bdf)))
			return true;
	return false;
}

/* A rescan of all buses is what a plan names as APPEAR of a function alone. */
static bool announced_bus(const struct liar *l, const struct shim_access *a)
{
	struct bdf bdf;

	if (!strcmp(a->name, "drivers_probe"))
		return bdf_from_sysfs(a->text, &bdf) && announced(l, bdf);
	for (size_t i = 0; l->attempt && i < l->attempt->nsteps; i++)
		if (l->attempt->step[i].kind == STEP_APPEAR &&
		    bdf_eq(l->attempt->step[i].aux, l->attempt->step[i].fn))
			return !strcmp(a->name, "rescan");
	return false;
}

/*
 * Whoever is removed will be found again, and what it says then the kernel believes.
 * (It is gone by now, so this asks the card itself.)
 */
static bool lies_who_it_is(struct liar *l, struct bdf bdf)
{
	bool right = false;

	for (int i = 0; i < 4; i++) {
		uint32_t truth = card_cfg_read(l->r->card, bdf.fn, PCI_VENDOR_ID, 4);
		uint32_t id = liar_says(l, bdf.fn, -1, PCI_VENDOR_ID, 4, truth);

		right |= !id || id == UINT32_MAX || id == l->r->id[bdf.fn];
	}
	return !right;
}

static void see(void *arg, const struct shim_access *a)
{
	struct liar *l = arg;

	l->accesses++;
	if (a->kind == SHIM_ATTR_WRITE && !strcmp(a->name, "remove") && !a->rc)
		l->rescans += lies_who_it_is(l, a->bdf);
	switch (a->kind) {
	case SHIM_BUS_WRITE:
		l->outside += !announced_bus(l, a);
		break;
	case SHIM_CFG_WRITE:
	case SHIM_BAR_WRITE:
	case SHIM_ATTR_WRITE:
	case SHIM_HOT_RESET:
		l->outside += !announced(l, a->bdf);
		break;
	default:
		break;
	}
}

/* The plan itself names the card's functions and the bridges above, and nobody else. */
static bool within(const struct liar *l, struct bdf bdf)
{
	for (size_t i = 0; i < l->r->nbridges; i++)
		if (bdf_eq(l->r->bridge[i], bdf))
			return true;
	return bdf_same_slot(l->r->slot, bdf);
}

static unsigned long plan_outside(const struct liar *l)
{
	const struct plan *plan = &l->study.plan;
	unsigned long n = 0;

	for (size_t i = 0; i < plan->nattempts; i++)
		for (size_t k = 0; k < plan->attempt[i].nsteps; k++)
			n += !within(l, plan->attempt[i].step[k].fn);
	return n;
}

/* --- the scene -------------------------------------------------------------------- */

static const struct scene {
	const char *name, *kind;
	enum rig_place place;
	bool used, vfio;
	const char *near;               /* a neighbour that nobody may touch */
} scenes[] = {
	{ "flr card", "flr", RIG_ROOT_PORT, true, false, NULL },
	{ "flr card, vfio-pci", "flr", RIG_ROOT_PORT, true, true, NULL },
	{ "flr card behind a switch", "flr", RIG_SWITCH, true, true, "04:00.0" },
	{ "slow card", "slow", RIG_ROOT_PORT, true, true, NULL },
	{ "sleeper", "sleeper", RIG_ROOT_PORT, false, true, NULL },
	{ "navi behind a switch", "navi", RIG_SWITCH, true, true, NULL },
	{ "old card below PCI", "gpu", RIG_PCI_BRIDGE, true, false, NULL },
	{ "old card with a neighbour", "gpu", RIG_PCI_BRIDGE, true, false, "02:02.0" },
	{ "old card on the root bus", "gpu", RIG_ROOT_BUS, true, false, NULL },
	{ "used fury", "fury", RIG_ROOT_PORT, true, true, NULL },
	{ "used fury, no driver", "fury", RIG_SWITCH, true, false, "04:00.0" },
	{ "pristine fury", "fury", RIG_ROOT_PORT, false, true, NULL },
};

#define NSCENES (sizeof(scenes) / sizeof(*scenes))

size_t liar_scenes(void)
{
	return NSCENES;
}

const char *liar_scene(size_t i)
{
	return scenes[i].name;
}

static void load_db(void)
{
	static const char *const dirs[] = { "quirks", NULL };
	struct diag diag;
	struct err err;

	if (db.n)
		return;
	diag_init(&diag);
	if (quirk_db_load(&db, dirs, false, &diag, &err) < 0 || diag.errors) {
		fprintf(stderr, "liar: the quirk files, from the project's folder\n");
		abort();
	}
	diag_free(&diag);
}

static struct rig *scene_open(const struct scene *s)
{
	const struct rig_plain disk = { 0x8086, 0x1521, 0x020000, false, false, false };
	struct rig *r = rig_unbooted(s->kind, s->place);

	if (s->near)
		rig_add_plain(r, rig_bdf(s->near), &disk);
	rig_boot(r);
	if (s->near)
		hw_cfg_write(r->sim, rig_bdf(s->near), PCI_COMMAND, 2, NEAR_COMMAND,
			     NULL);
	if (s->used && !strcmp(s->kind, "fury"))
		rig_use_fury(r);
	else if (s->used)
		rig_scribble(r);
	if (s->vfio)
		rig_vfio(r);
	return r;
}

static void find_caps(struct liar *l)
{
	for (int fn = 0; fn < card_nfunctions(l->r->card); fn++) {
		unsigned off = card_cfg_read(l->r->card, fn, PCI_CAPABILITY_LIST, 1);

		for (; off >= 0x40 && off < 0x100 && l->ncaps[fn] < CAPS;
		     off = card_cfg_read(l->r->card, fn, off + 1, 1))
			l->cap[fn][l->ncaps[fn]++] = (uint8_t)off;
	}
}

/* --- what must hold --------------------------------------------------------------- */

static char why[400];

static const char *say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static const char *say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	return why;
}

/*
 * Registers that say whatever the input wants can say that the card is clean; whether it
 * is can then not be known, by nobody.
 */
static bool chip_can_be_known(const struct liar *l)
{
	return strcmp(l->row->name, ANSWERS) || !(l->c->seed & 2);
}

/* Whoever tells the truth at each look at his health, and lies later, nobody sees. */
static bool could_be_seen(const struct liar *l)
{
	return l->told_of_health && !l->row->seldom;
}

/* "pm" is no reset on these models, and nothing says that it is. */
static const char *not_well(struct liar *l, const struct attempt *by)
{
	/* still lying about what everybody can see */
	const char *ill = could_be_seen(l) ? rig_ill(l->r) : NULL;

	l->over = true;
	if (!ill)
		ill = rig_ill(l->r);
	if (!ill && chip_can_be_known(l) && strcmp(by->method->name, "pm") &&
	    rig_truth(l->r, "dirty") != 0)
		ill = "the model is dirty";
	return ill;
}

static bool removed(const struct liar *l)
{
	const struct plan *plan = &l->study.plan;
	bool yes = false;

	for (size_t i = 0; i < plan->nattempts; i++) {
		const struct attempt *a = &plan->attempt[i];

		for (size_t k = 0; outcome[i].steps_run && k < a->nsteps; k++)
			yes |= a->step[k].kind == STEP_REMOVE;
	}
	return yes;
}

/*
 * The kernel's own state is back, whatever the card says. A function that the kernel does
 * not find again is reported, and `recover` rescans. A method that the kernel does not
 * take back, as the card now denies that it has it, must have been told.
 */
static const char *not_undone(struct liar *l, const struct rig_state *before)
{
	bool stranger = removed(l), told = false;
	struct rig_state now;
	const char *bad = NULL;

	for (size_t i = 0; i < l->study.plan.nattempts; i++)
		told |= outcome[i].undo.code != 0;
	rig_remember(l->r, &now);
	for (size_t i = 0; i < before->n && !bad; i++)
		for (size_t k = 0; k < now.n && !bad; k++) {
			const struct rig_fn_state *a = &before->fn[i], *b = &now.fn[k];

			if (!bdf_eq(a->bdf, b->bdf) || !b->known)
				continue;
			if (b->bridge && b->bridge_control != 0xffff &&
			    b->bridge_control & PCI_BRIDGE_CTL_BUS_RESET)
				bad = "a bridge is left in reset";
			else if (strcmp(a->override, b->override))
				bad = say("driver_override %s, was %s", b->override,
					  a->override);
			else if (strcmp(a->control, b->control))
				bad = say("power/control %s, was %s", b->control,
					  a->control);
			else if (!stranger && !told && strcmp(a->methods, b->methods))
				bad = say("reset_method '%s', was '%s'", b->methods,
					  a->methods);
		}
	return bad;
}

static const char *too_late(const struct liar *l)
{
	const struct plan *plan = &l->study.plan;

	for (size_t i = 0; i < plan->nattempts; i++)
		if (outcome[i].took_us > attempt_worst_us(&plan->attempt[i]) + LATE_US)
			return say("%s took %llu us, its worst case is %llu",
				   plan->attempt[i].name,
				   (unsigned long long)outcome[i].took_us,
				   (unsigned long long)attempt_worst_us(
					   &plan->attempt[i]));
	return NULL;
}

static const char *neighbour_hurt(struct liar *l, const struct scene *s)
{
	uint32_t command = NEAR_COMMAND;

	l->over = true;
	if (!s->near || l->row->poke)
		return NULL;
	hw_cfg_read(l->r->sim, rig_bdf(s->near), PCI_COMMAND, 2, &command, NULL);
	return command == NEAR_COMMAND ? NULL : "the neighbour was reset";
}

static const char *broken(unsigned long *count, const char *what, const char **first)
{
	*count += what != NULL;
	if (what && !*first)
		*first = what;
	return *first;
}

static const char *judge(struct liar *l, const struct scene *s,
			 const struct exec_summary *sum, const struct rig_state *before,
			 struct liar_tally *t)
{
	const char *first = NULL;

	t->acted += sum->tried > 0;
	t->healthy += sum->healthy != NULL;
	broken(&t->late, too_late(l), &first);
	if (sum->healthy)
		broken(&t->false_successes, not_well(l, sum->healthy), &first);
	broken(&t->neighbours, neighbour_hurt(l, s), &first);
	broken(&t->undone, not_undone(l, before), &first);
	return first;
}

static const char *play(struct liar *l, const struct scene *s, struct liar_tally *t)
{
	const struct plan_opts opts = { .allow_untested = l->c->untested };
	const struct exec_watch watch = { .begin = watch_begin, .arg = l };
	struct rig_state before;
	struct exec_summary sum;
	struct err err = { 0 };
	const char *first = NULL, *wrong;

	rig_remember(l->r, &before);
	rig_lie(liar_says, l);
	hw_shim_trace(l->r->hw, see, l);
	liar_moment(l, LIE_FACTS);
	if (study_target(&l->study, l->r->hw, &db, &l->r->spec, &opts, &err)) {
		t->refused++;
		return err.code && err.text[0] ? NULL : "a refusal without a word";
	}
	liar_moment(l, LIE_PLANNED);
	if (l->study.target.nfns > (size_t)card_nfunctions(l->r->card))
		broken(&t->too_many, "more functions than the slot has", &first);
	if (plan_outside(l))
		broken(&t->outside, "the plan names a stranger", &first);
	if (l->study.plan.nattempts > MOST_ATTEMPTS || l->study.plan.refusal)
		return first;
	exec_plan(l->r->hw, &l->study.plan, &watch, 0, outcome, &sum);
	l->attempt = NULL;
	wrong = judge(l, s, &sum, &before, t);
	return first ? first : wrong;
}

const char *liar_play(const struct liar_case *c, struct liar_tally *t)
{
	const struct scene *s = &scenes[c->scene % NSCENES];
	struct liar *l = calloc(1, sizeof(*l));
	const char *first = NULL;

	load_db();
	if (!l)
		abort();
	l->c = c;
	l->row = &rows[c->lie % NROWS];
	l->random = c->seed;
	l->r = scene_open(s);
	find_caps(l);
	if (!strcmp(s->kind, "sleeper"))
		card_kill(l->r->card);
	first = play(l, s, t);
	if (l->rescans)
		first = first ? first : "removed although it lies about who it is";
	if (l->outside)
		broken(&t->outside, "a write that no step had announced", &first);
	t->configurations++;
	t->told += l->told;
	t->accesses += l->accesses;
	t->rescans += l->rescans;
	study_free(&l->study);
	rig_close(l->r);
	free(l);
	return first;
}
