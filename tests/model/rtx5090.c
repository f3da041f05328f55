/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * GeForce RTX 5090 (Blackwell), from outside: a firewall before BAR0 for seconds after
 * any reset (NVIDIA's gpu-admin-tools), and the reported FLR from which a card that was
 * used for long never comes back. What is behind BAR0 is not modelled.
 */
#include <stdlib.h>
#include <string.h>

#include "internal.h"

#define BAR_REGS	0
#define REG_BOOT_0	0x0u		/* PMC_BOOT_0 */
#define BOOT_0		0x1b2000a1u	/* GB202 */
#define REG_USED	0x1400u		/* a scratch of ours: what a guest leaves */
#define FIREWALL	0xbadf1002u
#define FIREWALL_MS	2500u
#define NEVER		UINT64_MAX

struct rtx5090 {
	uint64_t open_at;	/* the firewall lets through from then on */
	unsigned firewall_ms;
	bool hang;		/* the next FLR will be the last */
	bool hung;
	unsigned early, hangs;
};

static int rtx5090_power_on(struct card *card)
{
	struct rtx5090 *b = card->priv;

	if (!b) {
		b = calloc(1, sizeof(*b));
		if (!b)
			return -1;
		b->firewall_ms = FIREWALL_MS;
		card->priv = b;
	}
	b->open_at = 0;
	b->hang = b->hung = false;
	return 0;
}

static void rtx5090_free(struct card *card)
{
	free(card->priv);
}

static void forget(struct card *card, int fn)
{
	store_drop(card->regs, STORE_FN_MASK, STORE_KEY(fn, 0, 0));
}

/* The kernel waits a minute for a function that never gets ready again. */
static void hang(struct card *card, struct rtx5090 *b)
{
	b->hung = true;
	b->hangs++;
	card->fn[0].ready_at = NEVER;
	card_log(card, "FLR: not ready for good");
}

static void rtx5090_reset(struct card *card, int fn, enum reset_kind how)
{
	struct rtx5090 *b = card->priv;

	if (how == RESET_PM)
		return;
	if (fn == 0 && how == RESET_FLR && (b->hang || b->hung)) {
		hang(card, b);
		return;
	}
	forget(card, fn);
	if (fn != 0)
		return;
	b->hang = b->hung = false;
	b->open_at = card_now(card) + b->firewall_ms * 1000ull;
}

static bool firewalled(struct card *card, struct rtx5090 *b, int fn)
{
	if (fn != 0 || card_now(card) >= b->open_at)
		return false;
	b->early++;
	return true;
}

static uint32_t rtx5090_read(struct card *card, int fn, int bar, uint32_t off)
{
	if (firewalled(card, card->priv, fn))
		return bar == BAR_REGS ? FIREWALL : ALL_ONES;
	if (fn == 0 && bar == BAR_REGS && off == REG_BOOT_0)
		return BOOT_0;
	return store_get(card->regs, STORE_KEY(fn, bar, off));
}

static void rtx5090_write(struct card *card, int fn, int bar, uint32_t off, uint32_t val)
{
	if (!firewalled(card, card->priv, fn))
		store_put(card->regs, STORE_KEY(fn, bar, off), val);
}

static int rtx5090_set(struct card *card, const char *key, long value)
{
	struct rtx5090 *b = card->priv;

	if (!strcmp(key, "hang"))
		b->hang = value != 0;
	else if (!strcmp(key, "firewall_ms") && value >= 0)
		b->firewall_ms = (unsigned)value;
	else if (!strcmp(key, "dirty") && value == 1)
		store_put(card->regs, STORE_KEY(0, BAR_REGS, REG_USED), 1);
	else
		return -1;
	return 0;
}

static size_t rtx5090_state(const struct card *card, char *buf, size_t n)
{
	const struct rtx5090 *b = card->priv;
	bool dirty = store_count(card->regs) > 0, closed = card_now(card) < b->open_at;
	size_t len = 0;

	state_add(buf, n, &len, "dirty=%d clean=%d hang=%d hung=%d firewall=%d early=%u"
		  " flr_hangs=%u", dirty,
		  !dirty && !b->hang && !b->hung && !closed && !card->dead, b->hang,
		  b->hung, closed, b->early, b->hangs);
	return len;
}

const struct card_ops rtx5090_ops = {
	.power_on = rtx5090_power_on,
	.free = rtx5090_free,
	.reset = rtx5090_reset,
	.read = rtx5090_read,
	.write = rtx5090_write,
	.set = rtx5090_set,
	.state = rtx5090_state,
};
