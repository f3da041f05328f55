/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Radeons with an SMU7: registers, SMC, the reset bug, the PCI config reset.
 *
 * Register offsets: amdgpu headers bif_5_0_d.h, smu_7_1_3_d.h, gmc_8_1_d.h. What the
 * driver does with them: amdgpu vi.c, cik.c, smu7_smumgr.c. That an SMC once started does
 * not come up a second time without a true reset is what people report as "the reset
 * bug"; how it looks in registers is this model's assumption, and told in README.md.
 */
#include <stdlib.h>
#include <string.h>

#include "smu7.h"

#define BAR_VRAM	0
#define BAR_IO		4
#define REGS_SIZE	0x40000u

#define REG_MM_INDEX	0x0u
#define REG_MM_DATA	0x4u
#define REG_MM_INDEX_HI	0x18u
#define REG_SCRATCH_0	0x1724u
#define REG_SCRATCH_7	0x1740u
#define NSCRATCH	16u
#define ASIC_INIT_COMPLETE 0x200u
#define REG_SMC_RESP_0	0x254u
#define PX_CAPABLE	0x2u

#define SMC_RUNNING_PC	0x20120u	/* driver-loaded firmware: 0x20100 and up */
#define SMC_BOOT_PC	0x20010u
#define SMC_HUNG_PC	0x20138u
#define BOOT_SEQ_DONE	(1u << 7)
#define INTERRUPTS_ENABLED (1u << 16)
#define SMC_BOOT_US	500u

#define STATUS_BITS	(MODE | CONFIG_DONE | PWRGOOD_BF | PWRGOOD)
#define BF_GOOD_US	1000u	/* POWER_OFF off to PWRGOOD_BF */
#define GOOD_US		400u	/* ISO_DIS to PWRGOOD */
#define CONFIG_US	300u	/* RESET_EN off to CONFIG_DONE */
#define SPLL_US		300u	/* a change request to CHG_STATUS */
#define SPLL_CHG_STATUS	0x2u

/* CI, by QEMU: the config reset is one of the whole card when bit 6 of the fuses and
 * bit 1 of MISC are equal, else one of GFX only */
#define SMC_RCU_FUSES	0xc00c0000u
#define SMC_RCU_MISC	0xc0000010u
#define MISC_RST_MODE	(1u << 1)

#define CFG_RESET_REG	0x7cu
#define CFG_RESET_MAGIC	0x39d5e86bu
#define CFG_RESET_US	1500u

static void smc_hold(struct smu7 *f)
{
	f->phase = SMC_HELD;
	f->post_counted = false;
}

/* The heart of the reset bug: only the first start since a true reset is answered. */
static void smc_start(struct card *card, struct smu7 *f)
{
	f->post_counted = false;
	if (f->starts++) {
		f->phase = SMC_HUNG;
		f->refused++;
		card_log(card, "SMC start %u refused: dirty", f->starts);
		return;
	}
	f->phase = SMC_BOOTING;
	f->booted_at = card_now(card) + SMC_BOOT_US;
	card_log(card, "SMC started");
}

static bool smc_clocked(const struct smu7 *f)
{
	return !(f->clk_cntl & 1);
}

/* The test of amdgpu's vi.c: clock on and program counter in the firmware. */
static bool smc_runs(const struct smu7 *f)
{
	return smc_clocked(f) && (f->phase == SMC_RUNNING || f->phase == SMC_HUNG);
}

/* CI: an SMC in reset and without a clock has forgotten that it ever ran. */
static void check_halt(struct card *card, struct smu7 *f)
{
	if (!f->chip->ci || !f->starts || smc_clocked(f) || !(f->rst_cntl & 1))
		return;
	f->starts = 0;
	f->halts++;
	card_log(card, "SMC halted");
}

static void rst_cntl_write(struct card *card, struct smu7 *f, uint32_t val)
{
	f->rst_cntl = val;
	if (val & 1)
		smc_hold(f);
	else if (smc_clocked(f))
		smc_start(card, f);	/* also when it runs: a second owner's start */
	check_halt(card, f);
}

static void clk_cntl_write(struct card *card, struct smu7 *f, uint32_t val)
{
	f->clk_cntl = val;
	if (smc_clocked(f) && !(f->rst_cntl & 1) && f->phase == SMC_HELD)
		smc_start(card, f);
	check_halt(card, f);
}

static uint32_t rst_cntl_read(struct card *card, struct smu7 *f)
{
	(void)card;
	return f->rst_cntl;
}

static uint32_t clk_cntl_read(struct card *card, struct smu7 *f)
{
	(void)card;
	return f->clk_cntl;
}

static uint32_t pc_read(struct card *card, struct smu7 *f)
{
	static const uint32_t pc[] = {
		[SMC_HELD] = 0, [SMC_BOOTING] = SMC_BOOT_PC,
		[SMC_RUNNING] = SMC_RUNNING_PC, [SMC_HUNG] = SMC_HUNG_PC,
	};

	(void)card;
	return pc[f->phase];
}

static uint32_t uc_events_read(struct card *card, struct smu7 *f)
{
	(void)card;
	return BOOT_SEQ_DONE | (f->phase == SMC_RUNNING ? INTERRUPTS_ENABLED : 0);
}

/* The mailbox: done at once (1), or for ever busy (0). Which message does not matter. */
static void message_write(struct card *card, struct smu7 *f, uint32_t val)
{
	(void)val;
	store_put(card->regs, space_key(SPACE_MM, REG_SMC_RESP_0),
		  f->phase == SMC_RUNNING && smc_clocked(f));
}

static uint32_t memsize_read(struct card *card, struct smu7 *f)
{
	(void)card;
	return f->chip->memsize_mb;
}

static uint32_t fusestrap_read(struct card *card, struct smu7 *f)
{
	(void)card;
	return f->baco.incapable ? 0 : PX_CAPABLE;
}

/* No fuse is blown. */
static uint32_t fuses_read(struct card *card, struct smu7 *f)
{
	(void)card;
	(void)f;
	return 0;
}

/* Scratch 7 bit 9 ends a post, if there is an SMC to speak of. */
static void scratch_7_write(struct card *card, struct smu7 *f, uint32_t val)
{
	store_put(card->regs, space_key(SPACE_MM, REG_SCRATCH_7), val);
	if (!(val & ASIC_INIT_COMPLETE) || f->post_counted)
		return;
	card_log(card, "post %s", f->phase == SMC_RUNNING ? "complete" : "FAKED: no SMC");
	if (f->phase != SMC_RUNNING)
		return;
	f->post_counted = true;
	f->posts++;
}

static uint64_t cntl_age(const struct card *card, const struct smu7 *f, uint32_t mask,
			 uint32_t bits)
{
	return baco_age(card, &f->baco, SPACE_MM, REG_BACO_CNTL, mask, bits);
}

static uint32_t baco_cntl_read(struct card *card, struct smu7 *f)
{
	const struct baco *b = &f->baco;
	uint32_t val = baco_shown(card, b, SPACE_MM, REG_BACO_CNTL, f->baco_cntl);
	uint64_t out_of_reset = cntl_age(card, f, RESET_EN, 0);

	if (b->off)
		val |= MODE;
	if (!b->off || cntl_age(card, f, POWER_OFF, 0) >= BF_GOOD_US)
		val |= PWRGOOD_BF;
	if (!b->off || cntl_age(card, f, ISO_DIS, ISO_DIS) >= GOOD_US)
		val |= PWRGOOD;
	if (!(val & RESET_EN) &&
	    ((!b->off && !out_of_reset) || out_of_reset >= CONFIG_US))
		val |= CONFIG_DONE;
	return val;
}

static void baco_cntl_write(struct card *card, struct smu7 *f, uint32_t val)
{
	uint32_t old = f->baco_cntl;

	if (f->baco.wedge)
		return;
	f->baco_cntl = val & ~STATUS_BITS;
	baco_watch(card, &f->baco, SPACE_MM, REG_BACO_CNTL, old, f->baco_cntl);
}

/* CHG_STATUS: true some time after a change request was set, false again as soon as
 * another one is. */
static uint32_t spll_status(struct card *card, struct smu7 *f)
{
	uint32_t req = store_get(card->regs, space_key(SPACE_SMC, SMC_SPLL_FUNC_CNTL_2));
	const uint32_t chg[] = { BYPASS_CHG, CTLREQ_CHG };

	if (!(req & (BYPASS_CHG | CTLREQ_CHG)))
		return 0;
	for (size_t i = 0; i < 2; i++)
		if ((req & chg[i]) &&
		    baco_age(card, &f->baco, SMC(SPLL_FUNC_CNTL_2), chg[i], chg[i]) <
		    SPLL_US)
			return 0;
	return SPLL_CHG_STATUS;
}

static void read_only(struct card *card, struct smu7 *f, uint32_t val)
{
	(void)card;
	(void)f;
	(void)val;
}

/* Registers that are not plain memory; a NULL side is plain memory. */
static const struct reg_hook {
	enum reg_space space;
	uint32_t addr;
	uint32_t (*read)(struct card *card, struct smu7 *f);
	void (*write)(struct card *card, struct smu7 *f, uint32_t val);
} hooks[] = {
	{ SPACE_MM, 0x250, NULL, message_write },		/* SMC_MESSAGE_0 */
	{ SPACE_MM, REG_SCRATCH_7, NULL, scratch_7_write },
	{ SPACE_MM, 0x535c, fusestrap_read, read_only },	/* CC_BIF_BX_FUSESTRAP0 */
	{ SPACE_MM, REG_BACO_CNTL, baco_cntl_read, baco_cntl_write },
	{ SPACE_MM, 0x5428, memsize_read, read_only },		/* CONFIG_MEMSIZE */
	{ SPACE_SMC, 0x80000000, rst_cntl_read, rst_cntl_write },
	{ SPACE_SMC, 0x80000004, clk_cntl_read, clk_cntl_write },
	{ SPACE_SMC, 0x80000370, pc_read, read_only },
	{ SPACE_SMC, 0xc0000004, uc_events_read, read_only },	/* RCU_UC_EVENTS */
	{ SPACE_SMC, SMC_SPLL_STATUS, spll_status, read_only },
	{ SPACE_SMC, SMC_RCU_FUSES, fuses_read, read_only },
};

static const struct reg_hook *find_hook(enum reg_space space, uint32_t addr)
{
	for (size_t i = 0; i < sizeof(hooks) / sizeof(*hooks); i++)
		if (hooks[i].space == space && hooks[i].addr == addr)
			return &hooks[i];
	return NULL;
}

static uint32_t reg_read(struct card *card, struct smu7 *f, enum reg_space space,
			 uint32_t addr)
{
	const struct reg_hook *hook = find_hook(space, addr);

	if (space == SPACE_SMC && addr == f->chip->firmware_flags)
		return f->phase == SMC_RUNNING;
	if (hook && hook->read)
		return hook->read(card, f);
	return store_get(card->regs, space_key(space, addr));
}

static void reg_write(struct card *card, struct smu7 *f, enum reg_space space,
		      uint32_t addr, uint32_t val)
{
	const struct reg_hook *hook = find_hook(space, addr);
	uint64_t key = space_key(space, addr);
	uint32_t old = store_get(card->regs, key);

	if (hook && hook->write) {
		hook->write(card, f, val);
		return;
	}
	store_put(card->regs, key, val);
	baco_watch(card, &f->baco, space, addr, old, val);
}

/* The two index/data windows into SMC space, and their auto-increment bits. */
static const struct smc_window {
	uint32_t index, data, auto_bit;
} windows[] = {
	{ 0x200, 0x204, 1u << 0 },
	{ 0x6b0, 0x6b4, 1u << 11 },
};

static uint32_t smc_index_step(struct smu7 *f, size_t w)
{
	uint32_t addr = f->smc_index[w];

	if (f->smc_auto & windows[w].auto_bit)
		f->smc_index[w] += 4;
	return addr;
}

/*
 * What still answers: nothing in reset or without a clock; in BACO only the bus
 * interface, 0x5000-0x5fff, and the MM_INDEX pair. (A choice: the scratch registers
 * keep their value in BACO, but cannot be reached.)
 */
static bool visible(const struct card *card, const struct smu7 *f, uint32_t off)
{
	if (card_now(card) < f->busy_until || f->baco.wedge == WEDGE_NO_CLOCK)
		return false;
	if (!f->baco.off)
		return true;
	return off < 0x20 || (off >= 0x5000 && off < 0x6000);
}

static uint32_t mm_read(struct card *card, struct smu7 *f, uint32_t off)
{
	if (!visible(card, f, off))
		return ALL_ONES;
	for (size_t w = 0; w < 2; w++) {
		if (off == windows[w].index)
			return f->smc_index[w];
		if (off == windows[w].data)
			return reg_read(card, f, SPACE_SMC, smc_index_step(f, w));
	}
	if (off == f->chip->auto_cntl)
		return f->smc_auto;
	return reg_read(card, f, SPACE_MM, off);
}

static void mm_write(struct card *card, struct smu7 *f, uint32_t off, uint32_t val)
{
	if (!visible(card, f, off))
		return;
	for (size_t w = 0; w < 2; w++) {
		if (off == windows[w].index) {
			f->smc_index[w] = val;
			return;
		}
		if (off == windows[w].data) {
			reg_write(card, f, SPACE_SMC, smc_index_step(f, w), val);
			return;
		}
	}
	if (off == f->chip->auto_cntl)
		f->smc_auto = val;
	else
		reg_write(card, f, SPACE_MM, off, val);
}

/* Where MM_DATA points: VRAM (bit 31), a register, or nowhere. */
enum mm_target { MM_VRAM, MM_REG, MM_NOWHERE };

static enum mm_target mm_target(const struct card *card, const struct smu7 *f)
{
	if (f->mm_index & 0x80000000u)
		return f->baco.off || !visible(card, f, 0) ? MM_NOWHERE : MM_VRAM;
	return f->mm_index <= REG_MM_DATA || f->mm_index >= REGS_SIZE ? MM_NOWHERE :
								      MM_REG;
}

static uint64_t vram_key(const struct smu7 *f)
{
	/* the low part only: nobody needs to tell 2 GiB pages apart */
	return STORE_KEY(0, BAR_VRAM, f->mm_index & 0x7ffffffc);
}

static uint32_t mm_data_read(struct card *card, struct smu7 *f)
{
	switch (mm_target(card, f)) {
	case MM_VRAM:
		return store_get(card->regs, vram_key(f));
	case MM_REG:
		return mm_read(card, f, f->mm_index & ~3u);
	default:
		return ALL_ONES;
	}
}

static void mm_data_write(struct card *card, struct smu7 *f, uint32_t val)
{
	switch (mm_target(card, f)) {
	case MM_VRAM:
		store_put(card->regs, vram_key(f), val);
		break;
	case MM_REG:
		mm_write(card, f, f->mm_index & ~3u, val);
		break;
	default:
		break;
	}
}

/* The MM_INDEX registers shadow the ordinary ones in BAR4 and BAR5. */
static uint32_t regs_read(struct card *card, struct smu7 *f, uint32_t off)
{
	if (off == REG_MM_DATA)
		return mm_data_read(card, f);
	if (!visible(card, f, off))
		return ALL_ONES;
	if (off == REG_MM_INDEX)
		return f->mm_index;
	if (off == REG_MM_INDEX_HI)
		return f->mm_index_hi;
	return mm_read(card, f, off);
}

static void regs_write(struct card *card, struct smu7 *f, uint32_t off, uint32_t val)
{
	if (off == REG_MM_DATA)
		mm_data_write(card, f, val);
	else if (off == REG_MM_INDEX)
		f->mm_index = val;
	else if (off == REG_MM_INDEX_HI)
		f->mm_index_hi = val;
	else
		mm_write(card, f, off, val);
}

static void tick(struct card *card, struct smu7 *f)
{
	if (f->phase == SMC_BOOTING && card_now(card) >= f->booted_at)
		f->phase = SMC_RUNNING;
	baco_tick(card, &f->baco);
}

static bool is_register_bar(int fn, int bar)
{
	return fn == 0 && (bar == BAR_REGS || bar == BAR_IO);
}

uint32_t smu7_read(struct card *card, int fn, int bar, uint32_t off)
{
	struct smu7 *f = card->priv;

	tick(card, f);
	if (is_register_bar(fn, bar))
		return regs_read(card, f, off);
	if (f->baco.off || !visible(card, f, 0))
		return ALL_ONES;
	return store_get(card->regs, STORE_KEY(fn, bar, off));
}

void smu7_write(struct card *card, int fn, int bar, uint32_t off, uint32_t val)
{
	struct smu7 *f = card->priv;

	tick(card, f);
	if (is_register_bar(fn, bar))
		regs_write(card, f, off, val);
	else if (!f->baco.off && visible(card, f, 0))
		store_put(card->regs, STORE_KEY(fn, bar, off), val);
}

static uint64_t scratch_key(unsigned i)
{
	return space_key(SPACE_MM, REG_SCRATCH_0 + 4 * i);
}

static void power_on_values(struct card *card, const struct smu7_chip *chip)
{
	store_drop(card->regs, 0, 0);
	for (size_t i = 0; i < chip->ndefaults; i++)
		store_put(card->regs,
			  STORE_KEY(0, chip->defaults[i].bar, chip->defaults[i].off),
			  chip->defaults[i].value);
}

/* The chip loses all it knows. BACO keeps the scratch registers, they sit in the BIF. */
static void smu7_true_reset(struct card *card, struct smu7 *f, bool keep_scratch)
{
	uint64_t keys[NSCRATCH + 1];
	uint32_t kept[NSCRATCH + 1];

	for (unsigned i = 0; i <= NSCRATCH; i++) {
		keys[i] = i < NSCRATCH ? scratch_key(i) :
					 space_key(SPACE_MM, f->chip->ucode);
		kept[i] = keep_scratch ? store_get(card->regs, keys[i]) : 0;
	}
	power_on_values(card, f->chip);
	for (unsigned i = 0; i <= NSCRATCH; i++)
		if (kept[i])
			store_put(card->regs, keys[i], kept[i]);
	smc_hold(f);
	f->starts = 0;
	f->rst_cntl = f->clk_cntl = 1;
	f->baco_cntl = ISO_DIS | ANA_ISO_DIS;	/* not isolated, power good */
	f->mm_index = f->mm_index_hi = f->smc_auto = 0;
	memset(f->smc_index, 0, sizeof(f->smc_index));
}

/* The audio function is on the dark side; the bus interface of function 0 is not. */
void smu7_went_off(struct card *card)
{
	struct smu7 *f = card->priv;
	uint32_t cntl = f->baco_cntl;

	smu7_true_reset(card, f, true);
	f->baco_cntl = cntl;
	card_cfg_defaults(card, 1);
}

void smu7_came_back(struct card *card)
{
	struct smu7 *f = card->priv;

	smu7_true_reset(card, f, true);
	f->bacos++;
}

int smu7_power_on(struct card *card, const struct smu7_chip *chip)
{
	struct smu7 *f = card->priv;

	if (!f) {
		f = calloc(1, sizeof(*f));
		if (!f)
			return -1;
		f->chip = chip;
		f->baco.table = chip->baco;
		f->cfgreset_works = true;
		card->priv = f;
	}
	f->busy_until = 0;
	baco_init(&f->baco);
	smu7_true_reset(card, f, false);
	return 0;
}

void smu7_free(struct card *card)
{
	free(card->priv);
}

/* Neither a bus reset nor PM gets further than configuration space. */
void smu7_reset(struct card *card, int fn, enum reset_kind how)
{
	(void)card;
	(void)fn;
	(void)how;
}

static void gfx_reset(struct card *card, struct smu7 *f)
{
	f->gfxresets++;
	card_log(card, "config reset, GFX only");
	store_put(card->regs, space_key(SPACE_MM, f->chip->ucode), 0);
}

static void whole_reset(struct card *card, struct smu7 *f)
{
	f->cfgresets++;
	card_log(card, "config reset");
	baco_init(&f->baco);
	smu7_true_reset(card, f, false);
	for (int i = 0; i < card->kind->nfn; i++)
		card_cfg_defaults(card, i);
}

/* CI only, and known from QEMU only; without a fuse it is the driver's bit alone. */
static bool gfx_only(const struct card *card, const struct smu7 *f)
{
	return f->chip->ci && (store_get(card->regs, space_key(SMCA(SMC_RCU_MISC))) &
			       MISC_RST_MODE);
}

/* What happens by itself must have happened before anybody restores anything. */
void smu7_cfg_refresh(struct card *card, int fn)
{
	(void)fn;
	tick(card, card->priv);
}

/*
 * The legacy reset (amdgpu vi.c): a magic dword in what PCI Express calls Device
 * Capabilities 2. The SMC carries it out, so without one nothing happens. All functions
 * lose their configuration (reported for Polaris; the others are its siblings).
 */
void smu7_cfg_written(struct card *card, int fn, unsigned off, unsigned width,
		      uint32_t val)
{
	struct smu7 *f = card->priv;

	tick(card, f);
	if (fn != 0 || off != CFG_RESET_REG || width != 4 || val != CFG_RESET_MAGIC)
		return;
	if (!smc_runs(f) || f->baco.off || f->baco.wedge || !f->cfgreset_works) {
		f->cfgresets_ignored++;
		card_log(card, "config reset ignored");
		return;
	}
	if (gfx_only(card, f))
		gfx_reset(card, f);
	else
		whole_reset(card, f);
	f->busy_until = card_now(card) + CFG_RESET_US;
}

/* As a guest leaves it: the SMC was started; 1: it runs, 2: it hangs. */
static int make_used(struct smu7 *f, long value)
{
	if (value < 1 || value > 2)
		return -1;
	f->rst_cntl = f->clk_cntl = 0;
	f->starts = (unsigned)value;
	f->phase = value == 1 ? SMC_RUNNING : SMC_HUNG;
	return 0;
}

int smu7_set(struct card *card, const char *key, long value)
{
	struct smu7 *f = card->priv;

	if (!strcmp(key, "px_capable"))
		f->baco.incapable = value == 0;
	else if (!strcmp(key, "cfgreset_works"))
		f->cfgreset_works = value != 0;
	else if (!strcmp(key, "used"))
		return make_used(f, value);
	else
		return -1;
	return 0;
}

static bool scratch_clear(const struct card *card, const struct smu7_chip *chip)
{
	for (unsigned i = 0; i < NSCRATCH; i++)
		if ((chip->scratch & 1u << i) && store_get(card->regs, scratch_key(i)))
			return false;
	return !store_get(card->regs, space_key(SPACE_MM, chip->ucode));
}

static const char *smc_name(const struct smu7 *f)
{
	static const char *const name[] = {
		[SMC_HELD] = "held", [SMC_BOOTING] = "booting",
		[SMC_RUNNING] = "running", [SMC_HUNG] = "hung",
	};

	return f->phase != SMC_HELD && !smc_clocked(f) ? "stopped" : name[f->phase];
}

size_t smu7_state(const struct card *card, char *buf, size_t n)
{
	const struct smu7 *f = card->priv;
	uint32_t scratch_7;
	bool clean, posted;
	size_t len = 0;

	/* Time passes for the chip, not for what the caller may see as const. */
	tick((struct card *)(uintptr_t)card, card->priv);
	scratch_7 = store_get(card->regs, scratch_key(7));
	posted = f->phase == SMC_RUNNING && (scratch_7 & ASIC_INIT_COMPLETE);
	clean = !f->starts && !f->baco.wedge && !f->baco.off && !f->baco.done &&
		!card->dead && scratch_clear(card, f->chip);
	state_add(buf, n, &len, "posted=%d dirty=%d clean=%d smc=%s wedged=%d mode=%d",
		  posted, f->starts > 0, clean, smc_name(f), f->baco.wedge != WEDGE_NONE,
		  f->baco.off);
	state_add(buf, n, &len, " posts=%u refused=%u baco=%u cfgreset=%u"
		  " cfgreset_ignored=%u px=%d scratch7=0x%08x why=%s", f->posts,
		  f->refused, f->bacos, f->cfgresets, f->cfgresets_ignored,
		  !f->baco.incapable, scratch_7, f->baco.why[0] ? f->baco.why : "-");
	if (f->chip->ci)
		state_add(buf, n, &len, " halts=%u gfxreset=%u scope=%s", f->halts,
			  f->gfxresets, gfx_only(card, f) ? "gfx" : "whole");
	return len;
}
