/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Radeons from Vega 10 on: registers, PSP, SMU, the mode1 reset.
 *
 * Register offsets and messages: amdgpu headers, see soc15.h. What the driver does with
 * them: psp_v3_1.c, psp_v11_0.c, smu_cmn.c. That a running secure OS cannot be started
 * over is what people report as the reset bug; how it looks is told in README.md.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "soc15.h"

#define BAR_VRAM	0
#define BAR_IO		4
#define REGS_SIZE	0x80000u

#define REG_MM_INDEX	0x0u
#define REG_MM_DATA	0x4u
#define REG_SMN_INDEX	0x38u		/* PCIE_INDEX2 */
#define REG_SMN_DATA	0x3cu
#define NSCRATCH	16u
#define ASIC_INIT_COMPLETE 0x200u
#define PX_CAPABLE	0x80u
#define READY		0x80000000u
#define MODE1_RST	0x00070000u	/* GFX_CTRL_CMD_ID_MODE1_RST */
#define DEBUG_MODE1	2u
#define BACO_MODE	0x100u
#define SOC_DOMAIN_IDLE	0x80000000u
#define THM_DEFAULT	0x4u		/* PWROKRAW_CNTL */
#define THM_RESET_EN	0x8u
#define THM_EXIT	0x100u
#define THM_FENCE	0x40000000u	/* SB_AXI_FENCE, up while the chip is off */
#define EXIT_US		500u		/* RESET_EN off to EXIT taken back */
/* How the driver asks whether the board can do BACO: an index and a data register */
#define REG_BACO_FUSE_INDEX 0x481d0u
#define BACO_FUSE	0xfff0003bu
#define REG_BACO_FUSE	0x481d4u

#define START_US	20000u	/* boot loader command to SOL */
#define ANSWER_US	1000u	/* of the SMU */
#define IDLE_US		5000u	/* EnterBaco to SOC_DOMAIN_IDLE */
#define FALL_US		20000u	/* debug message 2 to the chip going down */

#define SMU_OK		0x1u
#define SMU_UNKNOWN	0xfeu

static bool smu_answers(const struct soc15 *s)
{
	return s->smu == SMU_LIVE && !s->baco.wedge;
}

/* Power-on state of the inside; the scratch registers live in the bus interface. */
static void chip_fresh(struct card *card, struct soc15 *s, bool keep_scratch)
{
	uint32_t kept[NSCRATCH];

	for (uint32_t i = 0; i < NSCRATCH; i++)
		kept[i] = keep_scratch ?
			  store_get(card->regs, space_key(SPACE_MM,
							  REG_SCRATCH_0 + 4 * i)) : 0;
	store_drop(card->regs, 0, 0);
	for (uint32_t i = 0; i < NSCRATCH; i++)
		if (kept[i])
			store_put(card->regs,
				  space_key(SPACE_MM, REG_SCRATCH_0 + 4 * i), kept[i]);
	store_put(card->regs, space_key(SPACE_MM, REG_FB_EN), 0x3);
	store_put(card->regs, space_key(SPACE_MM, REG_THM_BACO), THM_DEFAULT);
	s->sos = s->post_counted = false;
	s->smu = SMU_OFF;
	s->sos_at = s->answer_at = s->debug_at = 0;
	s->answer = s->debug_answer = 0;
	s->mm_index = s->smn_index = 0;
}

static void others_lose_config(struct card *card)
{
	for (int fn = 1; fn < card->kind->nfn; fn++)
		card_cfg_defaults(card, fn);
}

/*
 * The reset of the whole chip. Function 0 keeps its addresses: the driver reads C2PMSG_33
 * through BAR5 before it restores anything. The other functions keep nothing.
 */
static void mode1(struct card *card, struct soc15 *s, uint64_t at)
{
	s->mode1_at = 0;
	s->unstarted = true;
	s->mode1s++;
	card_log(card, "mode1 reset");
	if (s->chip->baco)
		baco_init(&s->baco);
	chip_fresh(card, s, false);
	others_lose_config(card);
	s->down_until = at + s->chip->down_ms * 1000ull;
	s->bootloader_at = s->down_until + s->chip->boot_ms * 1000ull;
}

/* The exit's command bit is taken back when the chip is out of reset. */
static void take_back_exit(struct card *card, struct soc15 *s)
{
	uint64_t key = space_key(SPACE_MM, REG_THM_BACO);
	uint32_t val = store_get(card->regs, key);

	if ((val & THM_EXIT) && baco_age(card, &s->baco, SPACE_MM, REG_THM_BACO,
					 THM_RESET_EN, 0) >= EXIT_US)
		store_put(card->regs, key, val & ~THM_EXIT);
}

static void tick(struct card *card, struct soc15 *s)
{
	uint64_t now = card_now(card);

	if (s->mode1_at && now >= s->mode1_at)
		mode1(card, s, s->mode1_at);
	if (s->sos_at && now >= s->sos_at) {
		s->sos = true;
		s->smu = SMU_LIVE;
		s->answer = SMU_OK;
		s->sos_at = 0;
		card_log(card, "secure OS and SMU run");
	}
	if (!s->chip->baco)
		return;
	take_back_exit(card, s);
	baco_tick(card, &s->baco);
}

/* --- registers ---------------------------------------------------------------------- */

static uint32_t memsize_read(struct card *card, struct soc15 *s)
{
	(void)card;
	return s->chip->memsize_mb;
}

static uint32_t strap_read(struct card *card, struct soc15 *s)
{
	(void)card;
	return s->baco.incapable ? 0 : PX_CAPABLE;
}

static uint32_t fuse_read(struct card *card, struct soc15 *s)
{
	uint32_t index = store_get(card->regs, space_key(SPACE_MM, REG_BACO_FUSE_INDEX));

	return s->chip->baco && index == BACO_FUSE && !s->baco.incapable;
}

static bool booted(const struct card *card, const struct soc15 *s)
{
	return card_now(card) >= s->bootloader_at;
}

static uint32_t psp_33_read(struct card *card, struct soc15 *s)
{
	(void)card;
	(void)s;
	return READY;	/* whoever can read it at all is past the reset */
}

static uint32_t psp_35_read(struct card *card, struct soc15 *s)
{
	return booted(card, s) && !s->sos && !s->sos_at ? READY : 0;
}

/* The boot loader takes its command; what it loads is not modelled. */
static void psp_35_write(struct card *card, struct soc15 *s, uint32_t val)
{
	(void)val;
	if (s->sos || s->sos_at || !booted(card, s)) {
		s->refused++;
		card_log(card, "start refused: %s", s->sos ? "dirty" : "too early");
		return;
	}
	s->unstarted = false;
	s->sos_at = card_now(card) + START_US;
}

static uint32_t psp_64_read(struct card *card, struct soc15 *s)
{
	(void)card;
	return s->sos ? READY : 0;
}

static void psp_64_write(struct card *card, struct soc15 *s, uint32_t val)
{
	if (val != MODE1_RST)
		return;
	if (!s->sos || !s->chip->psp_mode1) {
		s->mode1s_ignored++;
		card_log(card, "mode1 ignored");
		return;
	}
	mode1(card, s, card_now(card));
}

static uint32_t sol_read(struct card *card, struct soc15 *s)
{
	(void)card;
	return s->sos ? s->chip->sol : 0;
}

static uint32_t answer_read(struct card *card, struct soc15 *s)
{
	return s->answer_at && card_now(card) < s->answer_at ? 0 : s->answer;
}

static void answer_write(struct card *card, struct soc15 *s, uint32_t val)
{
	(void)card;
	s->answer = val;
	s->answer_at = 0;
}

static void message_write(struct card *card, struct soc15 *s, uint32_t val)
{
	uint32_t arg = store_get(card->regs, space_key(SPACE_MM, REG_SMU_82));

	if (!smu_answers(s)) {
		s->unanswered++;
		card_log(card, "SMU message %#x: nobody there", val);
		return;
	}
	card_log(card, "SMU message %#x %#x", val, arg);
	s->messages++;
	s->answer = SMU_UNKNOWN;
	s->answer_at = card_now(card) + ANSWER_US;
	for (size_t i = 0; i < s->chip->nmessages; i++) {
		if (s->chip->message[i].id != val)
			continue;
		s->answer = SMU_OK;
		if (s->chip->message[i].run)
			s->chip->message[i].run(card, s, arg);
	}
}

static uint32_t debug_read(struct card *card, struct soc15 *s)
{
	return s->debug_at && card_now(card) < s->debug_at ? 0 : s->debug_answer;
}

static void debug_answer_write(struct card *card, struct soc15 *s, uint32_t val)
{
	(void)card;
	s->debug_answer = val;
	s->debug_at = 0;
}

static void debug_write(struct card *card, struct soc15 *s, uint32_t val)
{
	if (!s->chip->debug_mode1 || !smu_answers(s)) {
		s->unanswered++;
		card_log(card, "debug message %#x: nobody there", val);
		return;
	}
	s->debug_answer = val == DEBUG_MODE1 ? SMU_OK : SMU_UNKNOWN;
	s->debug_at = card_now(card) + ANSWER_US;
	if (val == DEBUG_MODE1)
		s->mode1_at = card_now(card) + FALL_US;
}

/* Scratch 7 bit 9 ends a post, if there is firmware to speak of. */
static void scratch_7_write(struct card *card, struct soc15 *s, uint32_t val)
{
	store_put(card->regs, space_key(SPACE_MM, REG_SCRATCH_7), val);
	if (!(val & ASIC_INIT_COMPLETE) || s->post_counted || !s->sos)
		return;
	s->post_counted = true;
	s->posts++;
	card_log(card, "post complete");
}

/* With a BACO table the two registers of it are watched, and show their status bits. */
static uint32_t baco_read(struct card *card, struct soc15 *s)
{
	return baco_shown(card, &s->baco, SPACE_MM, REG_BACO,
			  store_get(card->regs, space_key(SPACE_MM, REG_BACO))) |
	       (s->baco.off ? BACO_MODE : 0);
}

static void watched_write(struct card *card, struct soc15 *s, uint32_t off, uint32_t val)
{
	uint64_t key = space_key(SPACE_MM, off);
	uint32_t old = store_get(card->regs, key);

	store_put(card->regs, key, val);
	if (s->chip->baco)
		baco_watch(card, &s->baco, SPACE_MM, off, old, val);
}

static void baco_write(struct card *card, struct soc15 *s, uint32_t val)
{
	if (!s->baco.wedge)
		watched_write(card, s, REG_BACO, val & ~BACO_MODE);
}

static uint32_t thm_read(struct card *card, struct soc15 *s)
{
	uint32_t val = store_get(card->regs, space_key(SPACE_MM, REG_THM_BACO));
	bool idle = s->chip->baco &&
		    baco_age(card, &s->baco, SPACE_SMC, 0, 0, 0) >= IDLE_US;

	return (val & ~SOC_DOMAIN_IDLE) | (idle ? SOC_DOMAIN_IDLE : 0);
}

static void thm_write(struct card *card, struct soc15 *s, uint32_t val)
{
	watched_write(card, s, REG_THM_BACO, val & ~SOC_DOMAIN_IDLE);
}

static void read_only(struct card *card, struct soc15 *s, uint32_t val)
{
	(void)card;
	(void)s;
	(void)val;
}

/* Registers that are not plain memory; a NULL side is plain memory. */
static const struct reg_hook {
	uint32_t off;
	uint32_t (*read)(struct card *card, struct soc15 *s);
	void (*write)(struct card *card, struct soc15 *s, uint32_t val);
} hooks[] = {
	{ REG_SCRATCH_7, NULL, scratch_7_write },
	{ REG_MEMSIZE, memsize_read, read_only },
	{ REG_STRAP0, strap_read, read_only },
	{ REG_BACO, baco_read, baco_write },
	{ REG_THM_BACO, thm_read, thm_write },
	{ REG_BACO_FUSE, fuse_read, read_only },
	{ REG_PSP_33, psp_33_read, read_only },
	{ REG_PSP_35, psp_35_read, psp_35_write },
	{ REG_PSP_64, psp_64_read, psp_64_write },
	{ REG_PSP_81, sol_read, read_only },
	{ REG_SMU_66, NULL, message_write },
	{ REG_SMU_90, answer_read, answer_write },
	{ REG_DBG_54, debug_read, debug_answer_write },
	{ REG_DBG_75, NULL, debug_write },
};

static const struct reg_hook *find_hook(uint32_t off)
{
	for (size_t i = 0; i < ARRAY_LEN(hooks); i++)
		if (hooks[i].off == off)
			return &hooks[i];
	return NULL;
}

/* SMN: the SMU's own registers. A halted SMU's flags stay as they were. */
static uint32_t smn_read(struct card *card, struct soc15 *s)
{
	if (s->smn_index == s->chip->mp1_flags)
		return s->smu != SMU_OFF;
	return store_get(card->regs, space_key(SPACE_SMC, s->smn_index));
}

static void smn_write(struct card *card, struct soc15 *s, uint32_t val)
{
	uint64_t key = space_key(SPACE_SMC, s->smn_index);
	uint32_t old = store_get(card->regs, key);

	store_put(card->regs, key, val);
	if (s->chip->keeps_rom_smu && s->smn_index == SMN_PUB_CTRL && (old & 1) &&
	    !(val & 1) && s->smu == SMU_HALTED) {
		s->smu = SMU_LIVE;
		s->answer = SMU_OK;
		card_log(card, "SMU restarted");
	}
}

/* In reset and behind a fence nothing answers; in BACO only the bus interface and what
 * the exit needs. */
static bool visible(const struct card *card, const struct soc15 *s, uint32_t off)
{
	if (card_now(card) < s->down_until || s->fenced ||
	    s->baco.wedge == WEDGE_NO_CLOCK)
		return false;
	return !s->baco.off || off < 0x4000 || off == REG_THM_BACO;
}

static uint32_t mm_read(struct card *card, struct soc15 *s, uint32_t off)
{
	const struct reg_hook *hook = find_hook(off);

	if (!visible(card, s, off))
		return ALL_ONES;
	if (off == REG_SMN_INDEX)
		return s->smn_index;
	if (off == REG_SMN_DATA)
		return smn_read(card, s);
	if (hook && hook->read)
		return hook->read(card, s);
	return store_get(card->regs, space_key(SPACE_MM, off));
}

static void mm_write(struct card *card, struct soc15 *s, uint32_t off, uint32_t val)
{
	const struct reg_hook *hook = find_hook(off);

	if (!visible(card, s, off))
		return;
	if (off == REG_SMN_INDEX)
		s->smn_index = val;
	else if (off == REG_SMN_DATA)
		smn_write(card, s, val);
	else if (hook && hook->write)
		hook->write(card, s, val);
	else
		watched_write(card, s, off, val);
}

/* --- the ways in: BAR5, and the same registers through MM_INDEX in BAR4 ------------- */

static uint64_t vram_key(const struct soc15 *s)
{
	return STORE_KEY(0, BAR_VRAM, s->mm_index & 0x7ffffffc);
}

static bool mm_points_nowhere(const struct soc15 *s)
{
	return s->mm_index <= REG_MM_DATA || s->mm_index >= REGS_SIZE;
}

static uint32_t mm_data_read(struct card *card, struct soc15 *s)
{
	if (s->mm_index & 0x80000000u)
		return visible(card, s, REGS_SIZE) ? store_get(card->regs, vram_key(s)) :
						     ALL_ONES;
	return mm_points_nowhere(s) ? ALL_ONES : mm_read(card, s, s->mm_index & ~3u);
}

static void mm_data_write(struct card *card, struct soc15 *s, uint32_t val)
{
	if (!(s->mm_index & 0x80000000u)) {
		if (!mm_points_nowhere(s))
			mm_write(card, s, s->mm_index & ~3u, val);
	} else if (visible(card, s, REGS_SIZE)) {
		store_put(card->regs, vram_key(s), val);
	}
}

static bool is_register_bar(int fn, int bar)
{
	return fn == 0 && (bar == BAR_REGS || bar == BAR_IO);
}

uint32_t soc15_read(struct card *card, int fn, int bar, uint32_t off)
{
	struct soc15 *s = card->priv;

	tick(card, s);
	if (!is_register_bar(fn, bar))
		return visible(card, s, REGS_SIZE) ?
		       store_get(card->regs, STORE_KEY(fn, bar, off)) : ALL_ONES;
	if (off == REG_MM_DATA)
		return mm_data_read(card, s);
	if (off == REG_MM_INDEX)
		return visible(card, s, off) ? s->mm_index : ALL_ONES;
	return mm_read(card, s, off);
}

void soc15_write(struct card *card, int fn, int bar, uint32_t off, uint32_t val)
{
	struct soc15 *s = card->priv;

	tick(card, s);
	if (!is_register_bar(fn, bar)) {
		if (visible(card, s, REGS_SIZE))
			store_put(card->regs, STORE_KEY(fn, bar, off), val);
	} else if (off == REG_MM_DATA) {
		mm_data_write(card, s, val);
	} else if (off == REG_MM_INDEX) {
		s->mm_index = val;
	} else {
		mm_write(card, s, off, val);
	}
}

/* --- the outside ------------------------------------------------------------------- */

void soc15_halt_smu(struct card *card, struct soc15 *s, uint32_t argument)
{
	(void)argument;
	s->smu = SMU_HALTED;
	card_log(card, "SMU halted");
}

void soc15_went_off(struct card *card)
{
	struct soc15 *s = card->priv;
	uint32_t baco = store_get(card->regs, space_key(SPACE_MM, REG_BACO));
	uint32_t thm = store_get(card->regs, space_key(SPACE_MM, REG_THM_BACO));

	chip_fresh(card, s, true);
	/* the switches themselves are what keeps the chip off */
	store_put(card->regs, space_key(SPACE_MM, REG_BACO), baco);
	store_put(card->regs, space_key(SPACE_MM, REG_THM_BACO), thm | THM_FENCE);
	others_lose_config(card);
}

void soc15_came_back(struct card *card)
{
	struct soc15 *s = card->priv;

	chip_fresh(card, s, true);
	s->unstarted = true;
	s->bacos++;
}

int soc15_power_on(struct card *card, const struct soc15_chip *chip)
{
	struct soc15 *s = card->priv;

	if (!s) {
		s = calloc(1, sizeof(*s));
		if (!s)
			return -1;
		s->chip = chip;
		s->baco.table = chip->baco;
		card->priv = s;
	}
	s->mode1_at = s->down_until = s->bootloader_at = 0;
	s->fenced = s->unstarted = false;
	baco_init(&s->baco);
	chip_fresh(card, s, false);
	return 0;
}

void soc15_free(struct card *card)
{
	free(card->priv);
}

void soc15_reset(struct card *card, int fn, enum reset_kind how)
{
	struct soc15 *s = card->priv;

	if (fn != 0 || how != RESET_BUS)
		return;
	tick(card, s);
	if (s->chip->bus == BUS_KILLS) {
		card->dead = true;
		card_log(card, "a bus reset: gone until power");
	} else if (s->chip->bus == BUS_WEDGES && s->sos) {
		s->fenced = true;
		card_log(card, "a bus reset of a used chip: out of reach until power");
	}
}

/*
 * Knob "dirty", what a guest left behind: 1 = it was killed, the SMU is alive; 2 = its
 * driver shut down and halted the SMU, the secure OS still runs; 3 = the same, but the
 * driver took the secure OS down as well.
 */
static int make_dirty(struct card *card, struct soc15 *s, long value)
{
	if (value < 1 || value > 3 || s->fenced || card->dead)
		return -1;
	s->sos = value != 3;
	s->smu = value == 1 ? SMU_LIVE : SMU_HALTED;
	s->answer = value == 1;
	s->unstarted = false;
	store_put(card->regs, space_key(SPACE_MM, REG_SCRATCH_7), ASIC_INIT_COMPLETE);
	return 0;
}

/* What happens by itself must have happened before anybody restores anything. */
void soc15_cfg_refresh(struct card *card, int fn)
{
	(void)fn;
	tick(card, card->priv);
}

/* Reported of a Vega 64: in D3hot between a reset and the next start it drops off. */
void soc15_cfg_written(struct card *card, int fn, unsigned off, unsigned width,
		       uint32_t val)
{
	struct soc15 *s = card->priv;

	(void)off;
	(void)width;
	(void)val;
	if (fn != 0 || !s->d3_drops || !s->unstarted ||
	    (card_cfg_get(card, 0, CAP_PM + 4, 2) & 3) != 3)
		return;
	card->dead = true;
	card_log(card, "D3hot after a reset: gone until power");
}

int soc15_set(struct card *card, const char *key, long value)
{
	struct soc15 *s = card->priv;

	tick(card, s);
	if (!strcmp(key, "dirty"))
		return make_dirty(card, s, value);
	if (!strcmp(key, "px_capable"))
		s->baco.incapable = value == 0;
	else if (!strcmp(key, "d3_drops"))
		s->d3_drops = value != 0;
	else
		return -1;
	return 0;
}

static const char *smu_name(const struct soc15 *s)
{
	static const char *const name[] = {
		[SMU_OFF] = "off", [SMU_LIVE] = "live", [SMU_HALTED] = "halted",
	};

	return name[s->smu];
}

static bool wedged(const struct soc15 *s)
{
	return s->fenced || s->baco.wedge != WEDGE_NONE;
}

static bool scratch_clear(const struct card *card)
{
	return !store_get(card->regs, space_key(SPACE_MM, REG_SCRATCH_7 - 4)) &&
	       !store_get(card->regs, space_key(SPACE_MM, REG_SCRATCH_7));
}

size_t soc15_state(const struct card *card, char *buf, size_t n)
{
	const struct soc15 *s = card->priv;
	bool clean;
	size_t len = 0;

	/* Time passes for the chip, not for what the caller may see as const. */
	tick((struct card *)(uintptr_t)card, card->priv);
	clean = !s->sos && s->smu == SMU_OFF && !wedged(s) && !s->baco.off &&
		!s->baco.done && booted(card, s) && !card->dead && scratch_clear(card);
	state_add(buf, n, &len, "posted=%d dirty=%d clean=%d smu=%s bootloader=%d",
		  s->post_counted && s->sos, s->sos, clean, smu_name(s),
		  booted(card, s) && !s->sos);
	state_add(buf, n, &len, " wedged=%d mode=%d posts=%u refused=%u mode1=%u"
		  " mode1_ignored=%u baco=%u messages=%u unanswered=%u why=%s", wedged(s),
		  s->baco.off, s->posts, s->refused, s->mode1s, s->mode1s_ignored,
		  s->bacos, s->messages, s->unanswered,
		  s->fenced ? "bus-reset" : s->baco.why[0] ? s->baco.why : "-");
	return len;
}
