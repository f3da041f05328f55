/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any card: configuration space, address decoding, what a reset does from outside. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

/* Registers of the header and of the two capabilities, as in the kernel's pci_regs.h */
#define CFG_COMMAND	0x04u
#define CFG_STATUS	0x06u
#define CFG_REVISION	0x08u
#define CFG_HEADER	0x0eu
#define CFG_BAR0	0x10u
#define CFG_SUBSYS	0x2cu
#define CFG_CAP_PTR	0x34u
#define CFG_INT_LINE	0x3cu
#define CFG_INT_PIN	0x3du
#define BAR_IO		0x1u
#define BAR_WIDE	0x4u
#define BAR_PREFETCH	0x8u
#define COMMAND_IO	0x1u
#define COMMAND_MEMORY	0x2u
#define CFG_PMCSR	(CAP_PM + 4)
#define PMCSR_STATE	0x3u
#define PMCSR_D3HOT	0x3u
#define PMCSR_NO_SOFT_RESET 0x8u
#define CFG_DEVCAP	(CAP_PCIE + 4)
#define CFG_DEVCTL	(CAP_PCIE + 8)
#define DEVCAP_FLR	(1u << 28)
#define DEVCTL_FLR	0x8000u

/* What every function looks like after a reset, whatever the card. */
static const struct cfg_reg cfg_regs[] = {
	{ CFG_COMMAND, 2, 0, 0x0547 },
	{ CFG_STATUS, 2, 0x0010, 0 },			/* capabilities list */
	{ 0x0c, 1, 0, 0xff },				/* cache line size */
	{ CFG_CAP_PTR, 1, CAP_PM, 0 },
	{ CFG_INT_LINE, 1, 0, 0xff },
	{ CAP_PM + 0, 2, CAP_PCIE << 8 | 0x01, 0 },
	{ CAP_PM + 2, 2, 0x0003, 0 },			/* version 3, no PME, no D1/D2 */
	{ CFG_PMCSR, 2, 0, PMCSR_STATE },
	{ CAP_PCIE + 0x00, 2, 0x0010, 0 },
	{ CAP_PCIE + 0x02, 2, 0x0012, 0 },		/* version 2, legacy endpoint */
	{ CFG_DEVCAP, 4, 0x00008fa1, 0 },		/* 256 byte payload, RBER */
	{ CFG_DEVCTL, 2, 0x2810, 0x7fff },
	{ CAP_PCIE + 0x0c, 4, 0x00000d03, 0 },		/* LNKCAP: 8 GT/s x16, ASPM */
	{ CAP_PCIE + 0x10, 2, 0, 0x01cb },
	{ CAP_PCIE + 0x12, 2, 0x1103, 0 },		/* LNKSTA: 8 GT/s x16 */
	{ CAP_PCIE + 0x24, 4, 0x00000010, 0 },		/* DEVCAP2, config 0x7c */
	{ CAP_PCIE + 0x28, 2, 0, 0x003f },
	{ CAP_PCIE + 0x2c, 4, 0x0000000e, 0 },		/* LNKCAP2 */
	{ CAP_PCIE + 0x30, 2, 0x0003, 0x000f },
	{ 0 }
};

uint64_t card_now(const struct card *card)
{
	return card->env.now_us(card->env.arg);
}

void card_log(const struct card *card, const char *fmt, ...)
{
	char line[160];
	va_list ap;

	if (!card->env.log)
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	card->env.log(card->env.arg, line);
}

static void put_le(uint8_t *p, unsigned width, uint32_t val)
{
	for (unsigned i = 0; i < width; i++)
		p[i] = (uint8_t)(val >> (8 * i));
}

static uint32_t get_le(const uint8_t *p, unsigned width)
{
	uint32_t val = 0;

	for (unsigned i = 0; i < width; i++)
		val |= (uint32_t)p[i] << (8 * i);
	return val;
}

uint32_t card_cfg_get(const struct card *card, int fn, unsigned off, unsigned width)
{
	return get_le(&card->fn[fn].cfg[off], width);
}

void card_cfg_put(struct card *card, int fn, unsigned off, unsigned width, uint32_t val)
{
	put_le(&card->fn[fn].cfg[off], width, val);
}

unsigned card_cfg_size(const struct card *card)
{
	return card->kind->cfg_size ? card->kind->cfg_size : CFG_LEGACY;
}

static void cfg_put_ids(struct card *card, int fn)
{
	const struct card_kind *kind = card->kind;
	const struct fn_desc *desc = &kind->fn[fn];
	uint8_t *cfg = card->fn[fn].cfg;

	put_le(&cfg[0], 4, (uint32_t)desc->device << 16 | kind->vendor);
	put_le(&cfg[CFG_REVISION], 4, desc->class_code << 8 | kind->revision);
	put_le(&cfg[CFG_SUBSYS], 4, (uint32_t)desc->sub_device << 16 | desc->sub_vendor);
	cfg[CFG_HEADER] = kind->nfn > 1 ? 0x80 : 0;
	cfg[CFG_INT_PIN] = (uint8_t)(fn + 1);	/* INTA for function 0, and so on */
	if (kind->flr)
		cfg[CFG_DEVCAP + 3] |= DEVCAP_FLR >> 24;
	if (kind->no_soft_reset)
		cfg[CFG_PMCSR] |= PMCSR_NO_SOFT_RESET;
}

/* A BAR is sized by its writable bits: that is all there is to BAR sizing. */
static void cfg_put_bars(struct card *card, int fn)
{
	for (unsigned i = 0; i < MAX_BARS; i++) {
		const struct bar_desc *bar = &card->kind->fn[fn].bar[i];
		unsigned off = CFG_BAR0 + 4 * i;

		if (!bar->size)
			continue;
		put_le(&card->fn[fn].writable[off], 4, (uint32_t)~(bar->size - 1));
		put_le(&card->fn[fn].cfg[off], 4,
		       bar->io ? BAR_IO : (bar->wide ? BAR_WIDE : 0u) |
					  (bar->prefetch ? BAR_PREFETCH : 0u));
		if (bar->wide)
			put_le(&card->fn[fn].writable[off + 4], 4,
			       (uint32_t)(~(bar->size - 1) >> 32));
	}
}

static void cfg_put_regs(struct function *f, const struct cfg_reg *r)
{
	for (; r && r->width; r++) {
		put_le(&f->cfg[r->off], r->width, r->value);
		put_le(&f->writable[r->off], r->width, r->writable);
	}
}

void card_cfg_defaults(struct card *card, int fn)
{
	struct function *f = &card->fn[fn];

	memset(f->cfg, 0, sizeof(f->cfg));
	memset(f->writable, 0, sizeof(f->writable));
	cfg_put_regs(f, cfg_regs);
	cfg_put_regs(f, card->kind->fn[fn].cfg);
	cfg_put_ids(card, fn);
	cfg_put_bars(card, fn);
}

static void wipe_regs(struct card *card, int fn)
{
	store_drop(card->regs, STORE_FN_MASK, STORE_KEY(fn, 0, 0));
}

/* Every function gone cold, and the inside with them. */
static int power_on(struct card *card)
{
	for (int fn = 0; fn < card->kind->nfn; fn++) {
		card_cfg_defaults(card, fn);
		card->fn[fn].ready_at = 0;
		wipe_regs(card, fn);
	}
	card->dead = false;
	if (card->kind->ops && card->kind->ops->power_on)
		return card->kind->ops->power_on(card);
	return 0;
}

static const struct card_kind *find_kind(const char *name)
{
	const struct card_kind *kind;

	for (size_t i = 0; (kind = card_kind_at(i)); i++)
		if (!strcmp(kind->name, name))
			return kind;
	return NULL;
}

struct card *card_new(const char *name, const struct card_env *env)
{
	const struct card_kind *kind = find_kind(name);
	struct card *card = kind ? calloc(1, sizeof(*card)) : NULL;

	if (!card)
		return NULL;
	card->kind = kind;
	card->env = *env;
	card->flr_works = true;
	card->delay_ms = kind->delay_ms;
	card->regs = store_new();
	if (!card->regs || power_on(card)) {
		card_free(card);
		return NULL;
	}
	return card;
}

void card_free(struct card *card)
{
	if (!card)
		return;
	if (card->kind->ops && card->kind->ops->free)
		card->kind->ops->free(card);
	store_free(card->regs);
	free(card);
}

int card_nfunctions(const struct card *card)
{
	return card->kind->nfn;
}

static bool answers(const struct card *card, int fn)
{
	return !card->dead && card_now(card) >= card->fn[fn].ready_at;
}

/* The part of a reset all kinds share; counting is the caller's. */
void card_function_reset(struct card *card, int fn, enum reset_kind how)
{
	memcpy(card->fn[fn].before, card->fn[fn].cfg, sizeof(card->fn[fn].before));
	card_cfg_defaults(card, fn);
	if (how != RESET_PM)
		card->fn[fn].ready_at = card_now(card) + card->delay_ms * 1000ull;
	if (card->kind->ops && card->kind->ops->reset)
		card->kind->ops->reset(card, fn, how);
	else if (how != RESET_PM)
		wipe_regs(card, fn);
}

void card_bus_reset(struct card *card, int fn)
{
	card->counts.bus_resets += fn == 0;
	card_log(card, "bus reset fn=%d%s", fn, card->dead ? " (dead)" : "");
	if (card->dead && card->kind->revive != REVIVE_BUS)
		return;
	card->dead = false;
	card_function_reset(card, fn, RESET_BUS);
}

void card_power_cycle(struct card *card)
{
	card->counts.powers++;
	card_log(card, "power cycle");
	power_on(card);
}

void card_kill(struct card *card)
{
	card->counts.kills++;
	card->dead = true;
	card_log(card, "killed");
}

static void flr(struct card *card, int fn)
{
	card->counts.flrs++;
	card_log(card, "FLR fn=%d", fn);
	if (card->flr_works)
		card_function_reset(card, fn, RESET_FLR);
}

static void pm_change(struct card *card, int fn, uint32_t from, uint32_t to)
{
	if (from == to)
		return;
	card_log(card, "fn=%d D%u -> D%u", fn, from, to);
	if (from != PMCSR_D3HOT || card->kind->no_soft_reset)
		return;
	card->counts.pm_resets++;
	card_function_reset(card, fn, RESET_PM);
}

static bool in_range(const struct card *card, unsigned off, unsigned width)
{
	unsigned size = card_cfg_size(card);

	return (width == 1 || width == 2 || width == 4) && off < size &&
	       width <= size - off;
}

static void refresh(struct card *card, int fn)
{
	if (card->kind->ops && card->kind->ops->cfg_refresh)
		card->kind->ops->cfg_refresh(card, fn);
}

/* What a guest may have left a card saying of itself: knob "lie". */
enum lie { LIE_NONE, LIE_ID, LIE_BARS, LIE_NOISE, LIE_LOOP, LIE_MULTI, LIES };

static uint8_t lie_byte(struct card *card, unsigned off, uint8_t truth)
{
	switch (card->lie) {
	case LIE_ID:
		return off == 2 ? truth ^ 0x11 : truth;
	case LIE_BARS:
		return off >= CFG_BAR0 && off < CFG_BAR0 + 24 && off % 4 == 3 ?
		       truth ^ 0x10 : truth;
	case LIE_NOISE:
		card->noise = card->noise * 1664525 + 1013904223;
		return (uint8_t)(card->noise >> 24);
	case LIE_LOOP:
		return off == CAP_PM + 1 ? CAP_PM : truth;
	case LIE_MULTI:
		return off == CFG_HEADER ? truth ^ 0x80 : truth;
	default:
		return truth;
	}
}

static uint32_t lie_about(struct card *card, unsigned off, unsigned width, uint32_t truth)
{
	uint32_t val = 0;

	for (unsigned i = 0; i < width; i++)
		val |= (uint32_t)lie_byte(card, off + i, (uint8_t)(truth >> (8 * i)))
		       << (8 * i);
	return val;
}

uint32_t card_cfg_read(struct card *card, int fn, unsigned off, unsigned width)
{
	uint32_t ones = width < 4 ? (1u << (8 * width)) - 1 : ALL_ONES;

	if (!in_range(card, off, width) || !answers(card, fn))
		return ones;
	refresh(card, fn);
	return lie_about(card, off, width, card_cfg_get(card, fn, off, width));
}

/* The bytes of a write that fall on a 16-bit register, 0 where it does not reach. */
static uint16_t written_to(unsigned reg, unsigned off, unsigned width, uint32_t val)
{
	uint16_t out = 0;

	for (unsigned i = 0; i < width; i++) {
		unsigned at = off + i - reg;	/* wraps around below the register */

		if (at < 2)
			out |= (uint16_t)((val >> (8 * i) & 0xff) << (8 * at));
	}
	return out;
}

void card_cfg_write(struct card *card, int fn, unsigned off, unsigned width, uint32_t val)
{
	struct function *f = &card->fn[fn];
	uint32_t power;

	if (!in_range(card, off, width) || !answers(card, fn))
		return;
	refresh(card, fn);
	power = card_cfg_get(card, fn, CFG_PMCSR, 2) & PMCSR_STATE;
	for (unsigned i = 0; i < width; i++) {
		uint8_t mask = f->writable[off + i];

		f->cfg[off + i] = (uint8_t)((f->cfg[off + i] & ~mask) |
					    (val >> (8 * i) & mask));
	}
	pm_change(card, fn, power, card_cfg_get(card, fn, CFG_PMCSR, 2) & PMCSR_STATE);
	if (card->kind->flr && (written_to(CFG_DEVCTL, off, width, val) & DEVCTL_FLR))
		flr(card, fn);
	if (card->kind->ops && card->kind->ops->cfg_written)
		card->kind->ops->cfg_written(card, fn, off, width, val);
}

static bool decodes(const struct card *card, int fn, bool io)
{
	uint32_t want = io ? COMMAND_IO : COMMAND_MEMORY;

	return answers(card, fn) && (card_cfg_get(card, fn, CFG_COMMAND, 2) & want) &&
	       (card_cfg_get(card, fn, CFG_PMCSR, 2) & PMCSR_STATE) != PMCSR_D3HOT;
}

uint64_t card_bar_base(const struct card *card, int fn, int bar)
{
	const struct bar_desc *desc = &card->kind->fn[fn].bar[bar];
	unsigned off = CFG_BAR0 + 4u * (unsigned)bar;
	uint64_t base = card_cfg_get(card, fn, off, 4);

	if (desc->wide)
		base |= (uint64_t)card_cfg_get(card, fn, off + 4, 4) << 32;
	return base & ~(desc->size - 1);
}

int card_bar_info(const struct card *card, int fn, int bar, struct card_bar *info)
{
	const struct bar_desc *desc;

	if (fn < 0 || fn >= card->kind->nfn || bar < 0 || bar >= MAX_BARS)
		return -1;
	desc = &card->kind->fn[fn].bar[bar];
	*info = (struct card_bar){ desc->size, desc->io, desc->wide, desc->prefetch };
	return desc->size ? 0 : -1;
}

int card_bar_of(const struct card *card, int fn, uint64_t bus_addr, bool memory, int *bar,
		uint64_t *off)
{
	if (!decodes(card, fn, !memory))
		return -1;
	for (int i = 0; i < MAX_BARS; i++) {
		const struct bar_desc *desc = &card->kind->fn[fn].bar[i];
		uint64_t base = desc->size ? card_bar_base(card, fn, i) : 0;

		/* base 0: not programmed, as Linux and QEMU see it too */
		if (desc->io == memory || !base || bus_addr < base ||
		    bus_addr - base >= desc->size)
			continue;
		*bar = i;
		*off = bus_addr - base;
		return 0;
	}
	return -1;
}

static bool reachable(const struct card *card, int fn, int bar, uint64_t off,
		      unsigned width)
{
	const struct bar_desc *desc;

	if (bar < 0 || bar >= MAX_BARS || width > 8)
		return false;
	desc = &card->kind->fn[fn].bar[bar];
	return off < desc->size && width <= desc->size - off &&
	       decodes(card, fn, desc->io);
}

uint32_t card_reg_get(const struct card *card, int fn, int bar, uint32_t off)
{
	for (size_t i = 0; i < card->kind->nconsts; i++) {
		const struct const_reg *r = &card->kind->consts[i];

		if (r->fn == fn && r->bar == bar && r->off == off)
			return r->value;
	}
	return store_get(card->regs, STORE_KEY(fn, bar, off));
}

static uint32_t dword_read(struct card *card, int fn, int bar, uint32_t off)
{
	if (card->kind->ops && card->kind->ops->read)
		return card->kind->ops->read(card, fn, bar, off);
	return card_reg_get(card, fn, bar, off);
}

static void dword_write(struct card *card, int fn, int bar, uint32_t off, uint32_t val)
{
	if (card->kind->ops && card->kind->ops->write)
		card->kind->ops->write(card, fn, bar, off, val);
	else
		store_put(card->regs, STORE_KEY(fn, bar, off), val);
}

/* Walks the dwords an access touches; registers know no other width. */
uint64_t card_bar_read(struct card *card, int fn, int bar, uint64_t off, unsigned width)
{
	uint64_t out = 0;

	if (!reachable(card, fn, bar, off, width))
		return width < 8 ? (1ull << (8 * width)) - 1 : ~0ull;
	for (unsigned done = 0; done < width; ) {
		unsigned shift = (unsigned)(off + done) & 3, n = 4 - shift;
		uint32_t part = dword_read(card, fn, bar, (uint32_t)(off + done) & ~3u);

		if (n > width - done)
			n = width - done;
		part >>= 8 * shift;
		if (n < 4)
			part &= (1u << (8 * n)) - 1;
		out |= (uint64_t)part << (8 * done);
		done += n;
	}
	return out;
}

void card_bar_write(struct card *card, int fn, int bar, uint64_t off, unsigned width,
		    uint64_t val)
{
	if (!reachable(card, fn, bar, off, width))
		return;
	for (unsigned done = 0; done < width; ) {
		unsigned shift = (unsigned)(off + done) & 3, n = 4 - shift;
		uint32_t reg = (uint32_t)(off + done) & ~3u;
		uint32_t part = (uint32_t)(val >> (8 * done));

		if (n > width - done)
			n = width - done;
		if (n < 4) {
			uint32_t mask = ((1u << (8 * n)) - 1) << (8 * shift);

			part = (part << (8 * shift) & mask) |
			       (dword_read(card, fn, bar, reg) & ~mask);
		}
		if (!card->stuck)
			dword_write(card, fn, bar, reg, part);
		done += n;
	}
	if (card->die_at && !--card->die_at)
		card_kill(card);
	if (card->stuck_at && !--card->stuck_at)
		card->stuck = true;
}

static bool set_knob(struct card *card, const char *key, long value)
{
	bool known = value >= 0;

	if (!strcmp(key, "delay_ms") && known)
		card->delay_ms = (unsigned)value;
	else if (!strcmp(key, "flr"))
		card->flr_works = value != 0;
	else if (!strcmp(key, "die_at") && known)
		card->die_at = (unsigned)value;
	else if (!strcmp(key, "stuck_at") && known)
		card->stuck_at = (unsigned)value;
	else if (!strcmp(key, "lie") && known && value < LIES)
		card->lie = (int)value;
	else
		return false;
	card->stuck &= card->stuck_at != 0;
	return true;
}

int card_set(struct card *card, const char *key, long value)
{
	if (set_knob(card, key, value))
		return 0;
	if (card->kind->ops && card->kind->ops->set)
		return card->kind->ops->set(card, key, value);
	return -1;
}

void state_add(char *buf, size_t n, size_t *len, const char *fmt, ...)
{
	va_list ap;
	int add;

	if (*len >= n)
		return;
	va_start(ap, fmt);
	add = vsnprintf(buf + *len, n - *len, fmt, ap);
	va_end(ap);
	if (add > 0)
		*len += (size_t)add;
}

void card_state(const struct card *card, char *buf, size_t n)
{
	const struct card_counts *c = &card->counts;
	bool dirty = store_count(card->regs) > 0;
	size_t len = 0;

	if (!n)
		return;
	buf[0] = '\0';
	if (card->kind->ops && card->kind->ops->state)
		len = card->kind->ops->state(card, buf, n);
	else
		state_add(buf, n, &len, "dirty=%d clean=%d", dirty,
			  !dirty && !card->dead);
	state_add(buf, n, &len,
		  " dead=%d bus_resets=%u flrs=%u pm_resets=%u powers=%u kills=%u",
		  card->dead, c->bus_resets, c->flrs, c->pm_resets, c->powers, c->kills);
	state_add(buf, n, &len, " kind=%s", card->kind->name);
}
