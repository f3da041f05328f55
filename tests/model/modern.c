/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Cards that only a transport with 4 KiB of configuration space can show: extended
 * capabilities, a resizable 64-bit BAR, and a reset that loses all of it. Offsets and
 * layouts are of PCI Express Base 5.0, chapter 7; the order of the capabilities is ours.
 */
#include <stdlib.h>
#include <string.h>

#include "modern.h"

#define MSI		0xa0u
#define VSEC		0x100u
#define DSN		0x148u
#define AER		0x158u
#define REBAR		0x200u
#define REBAR_CTRL	(REBAR + 8)
#define ACS		0x240u
#define LTR		0x250u
#define DVSEC		0x260u

#define EXT_CAP(id, version, next) \
	((uint32_t)(next) << 20 | (uint32_t)(version) << 16 | (id))

#define CFG_COMMAND	0x04u
#define COMMAND_MEMORY	0x2u
#define CFG_BAR0	0x10u

/* ReBAR counts in powers of two of 1 MB. Without anybody's doing it is the smallest. */
#define SIZE_SHIFT	8u
#define SIZE_MASK	(0x3fu << SIZE_SHIFT)
#define SIZE_SMALL	6u
#define SIZE_FULL	8u
#define SIZE_BYTES(n)	(1ull << (20 + (n)))

/* DVSEC 10de:0, second dword: set for some time after a reset; BAR0 is shut meanwhile */
#define FIREWALL_BIT	(1u << 20)
#define FIREWALL_MS	2000u
#define FIREWALL_READS	0xbadf5040u

#define AER_REGS(next) \
	{ AER, 4, EXT_CAP(0x0001, 2, (next)), 0 }, \
	{ AER + 0x08, 4, 0, 0x03fff030 },		/* uncorrectable, masked */ \
	{ AER + 0x0c, 4, 0x00462030, 0x03fff030 },	/* uncorrectable, fatal */ \
	{ AER + 0x14, 4, 0x00006000, 0x0000f1c1 },	/* correctable, masked */ \
	{ AER + 0x18, 4, 0x000000a0, 0x00000140 }	/* ECRC can be switched on */

#define ACS_REGS(next) \
	{ ACS, 4, EXT_CAP(0x000d, 1, (next)), 0 }, \
	{ ACS + 0x04, 2, 0x005f, 0 }, \
	{ ACS + 0x06, 2, 0, 0x005f }

/* What the legacy part has beyond card.c: a plain endpoint, MSI, LTR. */
#define LEGACY_REGS \
	{ CAP_PCIE + 0x00, 2, MSI << 8 | 0x10, 0 }, \
	{ CAP_PCIE + 0x02, 2, 0x0002, 0 }, \
	{ CAP_PCIE + 0x24, 4, 0x00000810, 0 }, \
	{ CAP_PCIE + 0x28, 2, 0, 0x043f }, \
	{ MSI + 0x00, 2, 0x0005, 0 }, \
	{ MSI + 0x02, 2, 0x0080, 0x0071 },		/* 64-bit address */ \
	{ MSI + 0x04, 4, 0, 0xfffffffc }, \
	{ MSI + 0x08, 4, 0, 0xffffffff }, \
	{ MSI + 0x0c, 2, 0, 0xffff }

#define GPU_REGS(vendor, rebar_bar) \
	LEGACY_REGS, \
	{ VSEC + 0, 4, EXT_CAP(0x000b, 1, DSN), 0 }, \
	{ VSEC + 4, 4, 0x01010001, 0 },			/* 16 bytes */ \
	{ DSN + 0, 4, EXT_CAP(0x0003, 1, AER), 0 }, \
	{ DSN + 4, 4, 0x89abcdef, 0 }, \
	{ DSN + 8, 4, 0x01234567, 0 }, \
	AER_REGS(REBAR), \
	{ REBAR + 0, 4, EXT_CAP(0x0015, 1, ACS), 0 }, \
	{ REBAR + 4, 4, 7u << (4 + SIZE_SMALL), 0 },	/* 64, 128 and 256 MB */ \
	{ REBAR_CTRL, 4, SIZE_SMALL << SIZE_SHIFT | 1u << 5 | (rebar_bar), SIZE_MASK }, \
	ACS_REGS(LTR), \
	{ LTR + 0, 4, EXT_CAP(0x0018, 1, DVSEC), 0 }, \
	{ LTR + 4, 4, 0, 0x1fff1fff }, \
	{ DVSEC + 0, 4, EXT_CAP(0x0023, 1, 0), 0 }, \
	{ DVSEC + 4, 4, 0x00c00000 | (vendor), 0 }	/* 12 bytes, DVSEC id 0 */

const struct cfg_reg modern_amd_cfg[] = { GPU_REGS(0x1002, 0), { 0 } };
const struct cfg_reg modern_nvidia_cfg[] = { GPU_REGS(0x10de, 1), { 0 } };
const struct cfg_reg modern_audio_cfg[] = {
	LEGACY_REGS,
	{ VSEC + 0, 4, EXT_CAP(0x000b, 1, AER), 0 },
	{ VSEC + 4, 4, 0x01010001, 0 },
	AER_REGS(ACS),
	ACS_REGS(0),
	{ 0 }
};

struct modern {
	uint32_t size;			/* as ReBAR has it now */
	unsigned refuse;		/* dword of function 0 that stays lost; 0: none */
	unsigned firewall_ms;
	uint64_t firewall_until;
	unsigned early;			/* BAR0 touched behind the firewall */
	unsigned races;			/* resized while it decoded */
	unsigned self_resets;
};

static int rebar_bar(const struct card *card)
{
	return (int)(card_cfg_get(card, 0, REBAR_CTRL, 4) & 7u);
}

static void refuse(struct card *card)
{
	const struct modern *m = card->priv;

	if (m->refuse)
		memset(&card->fn[0].writable[m->refuse], 0, 4);
}

/* The BAR takes its new size; its address is lost with the old one. */
static void resize(struct card *card, uint32_t size)
{
	struct modern *m = card->priv;
	unsigned off = CFG_BAR0 + 4u * (unsigned)rebar_bar(card);
	uint32_t mask = (uint32_t)~(SIZE_BYTES(size) - 1);

	for (unsigned i = 0; i < 4; i++)
		card->fn[0].writable[off + i] = (uint8_t)(mask >> (8 * i));
	card_cfg_put(card, 0, off, 4, card_cfg_get(card, 0, off, 4) & 0xfu);
	card_cfg_put(card, 0, off + 4, 4, 0);
	m->size = size;
	refuse(card);
}

static void put_size(struct card *card, uint32_t size)
{
	uint32_t ctrl = card_cfg_get(card, 0, REBAR_CTRL, 4) & ~SIZE_MASK;

	card_cfg_put(card, 0, REBAR_CTRL, 4, ctrl | size << SIZE_SHIFT);
}

/* The first start of the machine: firmware has made the BAR as large as it gets. */
static int modern_power_on(struct card *card)
{
	struct modern *m = card->priv;

	if (!m) {
		m = calloc(1, sizeof(*m));
		if (!m)
			return -1;
		m->firewall_ms = card->kind->vendor == 0x10de ? FIREWALL_MS : 0;
		card->priv = m;
	}
	m->firewall_until = 0;
	put_size(card, SIZE_FULL);
	resize(card, SIZE_FULL);
	return 0;
}

static void modern_free(struct card *card)
{
	free(card->priv);
}

/*
 * QEMU answers reads of BARs and of ReBAR from a copy of its own that an FLR leaves as
 * it was, and Linux writes back only what reads different. So a true loss could not be
 * made good by anybody, and these few registers are the ones that FLR spares here.
 */
static void spare_bars(struct card *card, int fn)
{
	struct function *f = &card->fn[fn];

	memcpy(&f->cfg[CFG_BAR0], &f->before[CFG_BAR0], 4 * MAX_BARS);
	if (!fn)
		memcpy(&f->cfg[REBAR_CTRL], &f->before[REBAR_CTRL], 4);
}

static void modern_reset(struct card *card, int fn, enum reset_kind how)
{
	struct modern *m = card->priv;

	if (how != RESET_PM)
		store_drop(card->regs, STORE_FN_MASK, STORE_KEY(fn, 0, 0));
	if (!fn && how != RESET_FLR)
		resize(card, SIZE_SMALL);
	if (how == RESET_FLR)
		spare_bars(card, fn);
	if (fn)
		return;
	refuse(card);
	if (how != RESET_PM)
		m->firewall_until = card_now(card) + m->firewall_ms * 1000ull;
}

static bool firewalled(const struct card *card)
{
	const struct modern *m = card->priv;

	return card_now(card) < m->firewall_until;
}

static void modern_cfg_refresh(struct card *card, int fn)
{
	uint32_t dword;

	if (fn)
		return;
	dword = card_cfg_get(card, 0, DVSEC + 8, 4) & ~FIREWALL_BIT;
	if (firewalled(card))
		dword |= FIREWALL_BIT;
	card_cfg_put(card, 0, DVSEC + 8, 4, dword);
}

static void modern_cfg_written(struct card *card, int fn, unsigned off, unsigned width,
			       uint32_t val)
{
	struct modern *m = card->priv;
	uint32_t size;

	(void)val;
	if (fn || off + width <= REBAR_CTRL || off >= REBAR_CTRL + 4)
		return;
	size = (card_cfg_get(card, 0, REBAR_CTRL, 4) & SIZE_MASK) >> SIZE_SHIFT;
	if (size < SIZE_SMALL || size > SIZE_FULL)
		put_size(card, m->size);
	else if (size != m->size) {
		if (card_cfg_get(card, 0, CFG_COMMAND, 2) & COMMAND_MEMORY)
			m->races++;
		card_log(card, "BAR%d resized to %u MB", rebar_bar(card), 1u << size);
		resize(card, size);
	}
}

static bool beyond(const struct card *card, int fn, int bar, uint32_t off)
{
	const struct modern *m = card->priv;

	return !fn && bar == rebar_bar(card) && off >= SIZE_BYTES(m->size);
}

static uint32_t modern_read(struct card *card, int fn, int bar, uint32_t off)
{
	struct modern *m = card->priv;

	if (!fn && !bar && firewalled(card)) {
		m->early++;
		return FIREWALL_READS;
	}
	return beyond(card, fn, bar, off) ? ALL_ONES : card_reg_get(card, fn, bar, off);
}

static void reset_itself(struct card *card)
{
	struct modern *m = card->priv;

	m->self_resets++;
	card_log(card, "resets itself");
	for (int fn = 0; fn < card->kind->nfn; fn++)
		card_function_reset(card, fn, RESET_SELF);
}

static void modern_write(struct card *card, int fn, int bar, uint32_t off, uint32_t val)
{
	struct modern *m = card->priv;

	if (!fn && !bar && firewalled(card))
		m->early++;
	else if (!fn && bar == 5 && off == MODERN_RESET && val == MODERN_RESET_KEY)
		reset_itself(card);
	else if (!beyond(card, fn, bar, off))
		store_put(card->regs, STORE_KEY(fn, bar, off), val);
}

static int modern_set(struct card *card, const char *key, long value)
{
	struct modern *m = card->priv;

	if (!strcmp(key, "firewall_ms") && value >= 0) {
		m->firewall_ms = (unsigned)value;
		return 0;
	}
	if (!strcmp(key, "refuse") && value >= 0 && value < (long)CFG_MAX &&
	    !(value & 3)) {
		m->refuse = (unsigned)value;
		refuse(card);
		return 0;
	}
	return -1;
}

/* The first byte of function fn that is not as it was before its last reset, or -1. */
static int changed_byte(const struct card *card, int fn)
{
	const struct function *f = &card->fn[fn];

	if (!f->before[0])	/* no vendor: no reset yet */
		return -1;
	for (unsigned i = 0; i < card_cfg_size(card); i++) {
		/* COMMAND and STATUS, and what changes by itself */
		if (i / 4 == CFG_COMMAND / 4 || i / 4 == (DVSEC + 8) / 4)
			continue;
		if (f->before[i] != f->cfg[i])
			return (int)i;
	}
	return -1;
}

static void state_changed(const struct card *card, char *buf, size_t n, size_t *len)
{
	const char *none = "-";

	state_add(buf, n, len, " changed=");
	for (int fn = 0; fn < card->kind->nfn; fn++) {
		int at = changed_byte(card, fn);

		if (at < 0)
			continue;
		state_add(buf, n, len, "%s%d:0x%x", *none == '-' ? "" : ",", fn,
			  (unsigned)at);
		none = "";
	}
	state_add(buf, n, len, "%s", none);
}

static size_t modern_state(const struct card *card, char *buf, size_t n)
{
	const struct modern *m = card->priv;
	bool dirty = store_count(card->regs) > 0;
	size_t len = 0;

	state_add(buf, n, &len, "dirty=%d clean=%d rebar=%u bar=%#llx", dirty,
		  !dirty && !card->dead, 1u << m->size,
		  (unsigned long long)card_bar_base(card, 0, rebar_bar(card)));
	state_changed(card, buf, n, &len);
	state_add(buf, n, &len, " firewall=%d early=%u races=%u self_resets=%u",
		  firewalled(card), m->early, m->races, m->self_resets);
	return len;
}

const struct card_ops modern_ops = {
	.power_on = modern_power_on,
	.free = modern_free,
	.reset = modern_reset,
	.cfg_refresh = modern_cfg_refresh,
	.cfg_written = modern_cfg_written,
	.read = modern_read,
	.write = modern_write,
	.set = modern_set,
	.state = modern_state,
};
