/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Radeons with an SMU7 (CI: Hawaii; VI: Fiji, Polaris): what their files share. A chip is
 * a struct smu7_chip with the tables of its BACO, and a row in kinds.c.
 */
#ifndef MODEL_SMU7_H
#define MODEL_SMU7_H

#include "baco.h"

/* MM offsets, amdgpu bif_5_0_d.h (bif_4_1_d.h has the same) */
#define REG_BACO_CNTL		0x5394u
#define REG_BIF_FB_EN		0x5490u
#define REG_MPLL_CNTL_MODE	0x2bb0u	/* gmc_8_1_d.h, gmc_7_1_d.h */

/* SMC addresses of the clocks, amdgpu smu_7_1_3_d.h */
#define SMC_SPLL_FUNC_CNTL	0xc0500140u
#define SMC_SPLL_FUNC_CNTL_2	0xc0500144u
#define SMC_SPLL_STATUS		0xc050015cu
#define SMC_MPLL_BYPASSCLK_SEL	0xc050019cu
#define SMC_CLKPIN_CNTL		0xc05001a0u
#define SMC_CLKPIN_CNTL_2	0xc05001a4u
#define SMC_THM_CLK_CNTL	0xc05001a8u
#define SMC_MISC_CLK_CTRL	0xc05001acu
/* no header names these two; the driver's tables use them */
#define SMC_FB_REJECT		0xc0300024u
#define SMC_SPLL_UNNAMED	0xc0500170u

/* Fields of BACO_CNTL, amdgpu bif_5_0_sh_mask.h; CI has no SCLK_SWITCH */
#define EN		(1u << 0)
#define BCLK_OFF	(1u << 1)
#define ISO_DIS		(1u << 2)
#define POWER_OFF	(1u << 3)
#define RESET_EN	(1u << 4)
#define MODE		(1u << 6)
#define ANA_ISO_DIS	(1u << 7)
#define CONFIG_DONE	(1u << 8)
#define PWRGOOD_BF	(1u << 9)
#define PWRGOOD		(7u << 10)
#define SCLK_SWITCH	(1u << 18)

/* Fields of CG_SPLL_FUNC_CNTL_2 */
#define BYPASS_CHG	0x400000u
#define CTLREQ_CHG	0x800000u

/* For the rows of the tables */
#define CNTL	SPACE_MM, REG_BACO_CNTL
#define MM(o)	SPACE_MM, (o)
#define SMC(a)	SPACE_SMC, SMC_##a
#define SMCA(a)	SPACE_SMC, (a)

/* The last groups of a BACO table on VI: power off (fiji_baco.c, polaris_baco.c), on */
#define SMU7_ENTER_EXIT(in, out) \
	{ "FE1", in, CNTL, EN, EN, 0, ROW_LATE }, \
	{ "FE2", in, CNTL, SCLK_SWITCH, SCLK_SWITCH, 200, ROW_LATE }, \
	{ "FE4", in, CNTL, BCLK_OFF, BCLK_OFF, 200, ROW_LATE }, \
	{ "FE6", in, CNTL, ISO_DIS, 0, 150, ROW_LATE }, \
	{ "FE8", in, CNTL, ANA_ISO_DIS, 0, 150, ROW_LATE }, \
	{ "FE10", in, CNTL, POWER_OFF, POWER_OFF, 200, ROW_LATE }, \
	{ "FX1", out, CNTL, RESET_EN, RESET_EN, 0, 0 }, \
	{ "FX2", out, CNTL, BCLK_OFF, 0, 0, 0 }, \
	{ "FX3", out, CNTL, POWER_OFF, 0, 1000, 0 }, \
	{ "FX5", out, CNTL, ISO_DIS, ISO_DIS, 400, 0 }, \
	{ "FX7", out, CNTL, ANA_ISO_DIS, ANA_ISO_DIS, 0, 0 }, \
	{ "FX8", out, CNTL, SCLK_SWITCH, 0, 0, 0 }, \
	{ "FX9", out, CNTL, RESET_EN, 0, 300, 0 }, \
	{ "FX11", out, CNTL, EN, 0, 500, 0 }

/* Power-on value of what is plain memory otherwise. Those of the clocks are chosen so
 * that every row of the BACO tables changes something. */
struct smu7_default {
	int bar;
	uint32_t off, value;
};

struct smu7_chip {
	const struct baco_table *baco;
	const struct smu7_default *defaults;
	size_t ndefaults;
	uint32_t memsize_mb;
	uint32_t firmware_flags;	/* SMC address */
	uint32_t auto_cntl;		/* SMC_IND_ACCESS_CNTL */
	uint16_t scratch;		/* those that must be 0 on a clean card */
	uint32_t ucode;			/* BACO keeps it, 0 on a clean card; 0: none */
	/* An SMC in reset and without clock can be started again; the config reset has
	 * a scope. Both: CI, by QEMU's reset of Bonaire and Hawaii. */
	bool ci;
};

enum smc_phase { SMC_HELD, SMC_BOOTING, SMC_RUNNING, SMC_HUNG };

struct smu7 {
	const struct smu7_chip *chip;
	enum smc_phase phase;
	uint64_t booted_at;
	unsigned starts;		/* of the SMC since the last true reset */
	bool post_counted;		/* this start already made it to a post */
	uint32_t rst_cntl, clk_cntl;
	uint32_t baco_cntl;		/* control bits as last written */
	uint32_t mm_index, mm_index_hi, smc_index[2], smc_auto;
	uint64_t busy_until;		/* in reset: all ones */
	bool cfgreset_works;
	unsigned posts, refused, cfgresets, cfgresets_ignored, bacos, halts, gfxresets;
	struct baco baco;
};

int smu7_power_on(struct card *card, const struct smu7_chip *chip);
void smu7_went_off(struct card *card);
void smu7_came_back(struct card *card);

void smu7_free(struct card *card);
void smu7_reset(struct card *card, int fn, enum reset_kind how);
uint32_t smu7_read(struct card *card, int fn, int bar, uint32_t off);
void smu7_write(struct card *card, int fn, int bar, uint32_t off, uint32_t val);
void smu7_cfg_refresh(struct card *card, int fn);
void smu7_cfg_written(struct card *card, int fn, unsigned off, unsigned width,
		      uint32_t val);
int smu7_set(struct card *card, const char *key, long value);
size_t smu7_state(const struct card *card, char *buf, size_t n);

/* A chip's ops: all of the above, and its own first call. */
#define SMU7_OPS(first) { \
	.power_on = (first), .free = smu7_free, .reset = smu7_reset, \
	.read = smu7_read, .write = smu7_write, .cfg_refresh = smu7_cfg_refresh, \
	.cfg_written = smu7_cfg_written, \
	.set = smu7_set, .state = smu7_state, \
}

#endif
