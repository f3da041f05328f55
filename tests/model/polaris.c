/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Radeon RX 480 (Polaris 10): its BACO as amdgpu's polaris_baco.c walks through it. The
 * rest is smu7.c's. What no wait of that file covers, a delay does: too early is wrong.
 */
#include "smu7.h"

#define SMC_DFS_BYPASS		0xc0500118u	/* GCK_DFS_BYPASS_CNTL */
#define SMC_UNNAMED_2B0		0xc05002b0u
#define SMC_UNNAMED_32C		0xc050032cu
#define SMC_UNNAMED_080		0xc0500080u
#define REG_PAD_STRENGTH_1	0x12250u
#define REG_MC_SEQ_DRAM		0x2898u
#define REG_UNNAMED_3688	0x3688u
#define REG_MPLL_FUNC_CNTL_2	0x2bbcu

static const struct smu7_default defaults[] = {
	{ BAR_REGS, REG_BIF_FB_EN, 0x3 },
	{ BAR_REGS, REG_MPLL_CNTL_MODE, 0x800 },	/* MPLL_MCLK_SEL */
	{ BAR_REGS, REG_UNNAMED_3688, 0x48 },
	{ BAR_REGS, REG_MPLL_FUNC_CNTL_2, 0x10000 },	/* ISO_DIS_P */
	{ BAR_SMC, SMC_SPLL_FUNC_CNTL, 0x2 },		/* PWRON */
	{ BAR_SMC, SMC_CLKPIN_CNTL, 0x4 },		/* BCLK_AS_XCLK */
	{ BAR_SMC, SMC_CLKPIN_CNTL_2, 0x8 },		/* FORCE_BIF_REFCLK_EN */
};

static const struct baco_rule rules[BACO_NGROUPS] = {
	[FR] = { 0, false, WEDGE_NO_CLOCK },
	[FB] = { 0, true, WEDGE_NO_CLOCK },
	/* memory goes off here: its users must be gone */
	[FT] = { GROUP(FR) | GROUP(FB), true, WEDGE_NO_CLOCK },
	/* fiji_baco.c has the same registers in another order */
	[FC] = { GROUP(FB) | GROUP(FT), false, WEDGE_NO_CLOCK },
	[FE] = { GROUP(FR) | GROUP(FB) | GROUP(FT) | GROUP(FC), true, WEDGE_STUCK },
	[FX] = { GROUP(FE), true, WEDGE_OFF },
};

static const struct baco_row rows[] = {
	{ "FR1", FR, SMC(FB_REJECT), 0x1, 0x1, 0, 0 },
	{ "FR2", FR, MM(REG_BIF_FB_EN), 0x3, 0, 0, 0 },
	{ "PB1", FB, SMC(SPLL_FUNC_CNTL), 0x8, 0x8, 0, 0 },
	{ "PB2", FB, SMC(SPLL_UNNAMED), 0x04000000, 0x04000000, 0, 0 },
	{ "PB3", FB, SMC(DFS_BYPASS), 0x80, 0x80, 0, 0 },
	{ "PB4", FB, SMC(MPLL_BYPASSCLK_SEL), 0xff00, 0x200, 0, 0 },
	{ "PB5", FB, MM(REG_MPLL_CNTL_MODE), 0x100, 0x100, 0, 0 },
	{ "PB6", FB, MM(REG_MPLL_CNTL_MODE), 0x800, 0, 0, 0 },
	{ "PT1", FT, MM(REG_PAD_STRENGTH_1), 0xf0, 0x10, 1, 0 },
	{ "PT3", FT, MM(REG_MC_SEQ_DRAM), 0x10000000, 0x10000000, 0, 0 },
	/* commands: the chip takes the bit back when it has carried them out */
	{ "PT4", FT, SMC(UNNAMED_2B0), 0x10, 0x10, 100, ROW_SELF },
	{ "PT6", FT, SMC(UNNAMED_32C), 0x10, 0x10, 100, ROW_SELF },
	{ "PT8", FT, SMC(UNNAMED_080), 0x1, 0x1, 0, 0 },
	{ "PT9", FT, MM(REG_UNNAMED_3688), 0x40, 0, 3, 0 },
	{ "PT11", FT, MM(REG_UNNAMED_3688), 0x8, 0, 0, 0 },
	{ "PT12", FT, MM(REG_UNNAMED_3688), 0x3fff00, 0x3200, 3, 0 },
	{ "PT14", FT, MM(REG_MPLL_FUNC_CNTL_2), 0x10000, 0, 5, 0 },
	{ "PC1", FC, SMC(THM_CLK_CNTL), 0xff, 0x1, 0, 0 },
	{ "PC2", FC, SMC(THM_CLK_CNTL), 0xff00, 0x100, 0, 0 },
	{ "PC3", FC, SMC(MISC_CLK_CTRL), 0xff, 0x1, 0, 0 },
	{ "PC4", FC, SMC(MISC_CLK_CTRL), 0xff00, 0x100, 0, 0 },
	{ "PC5", FC, SMC(CLKPIN_CNTL), 0x4, 0, 0, 0 },
	{ "PC6", FC, SMC(CLKPIN_CNTL_2), 0x8, 0, 0, 0 },
	{ "PC7", FC, SMC(MPLL_BYPASSCLK_SEL), 0xff00, 0x400, 0, 0 },
	SMU7_ENTER_EXIT(FE, FX),
};

static const struct baco_table baco = {
	.row = rows, .nrows = ARRAY_LEN(rows), .rule = rules,
	.off = "FE10", .back_first = "FX1", .back_last = "FX11", .mode_on_us = 2000,
	.went_off = smu7_went_off, .came_back = smu7_came_back,
};

static const struct smu7_chip polaris10 = {
	.baco = &baco, .defaults = defaults, .ndefaults = ARRAY_LEN(defaults),
	.memsize_mb = 8192, .firmware_flags = 0x3f000, .auto_cntl = 0x248,
	.scratch = 1u << 6 | 1u << 7,
};

static int polaris_power_on(struct card *card)
{
	return smu7_power_on(card, &polaris10);
}

const struct card_ops polaris_ops = SMU7_OPS(polaris_power_on);
