/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Radeon R9 Fury X (Fiji): its BACO as amdgpu's fiji_baco.c walks through it. The rest
 * is smu7.c's.
 */
#include "smu7.h"

static const struct smu7_default defaults[] = {
	{ BAR_REGS, REG_BIF_FB_EN, 0x3 },
	{ BAR_SMC, SMC_SPLL_FUNC_CNTL, 0x2 },		/* PWRON */
	{ BAR_SMC, SMC_SPLL_UNNAMED, 0x08000000 },
	{ BAR_SMC, SMC_CLKPIN_CNTL, 0x4 },		/* BCLK_AS_XCLK */
	{ BAR_SMC, SMC_CLKPIN_CNTL_2, 0x8 },		/* FORCE_BIF_REFCLK_EN */
};

static const struct baco_rule rules[BACO_NGROUPS] = {
	[FR] = { 0, false, WEDGE_NO_CLOCK },
	[FB] = { 0, true, WEDGE_NO_CLOCK },
	[FT] = { GROUP(FB), true, WEDGE_NO_CLOCK },
	/* polaris_baco.c has the same registers in another order */
	[FC] = { GROUP(FB) | GROUP(FT), false, WEDGE_NO_CLOCK },
	[FE] = { GROUP(FR) | GROUP(FB) | GROUP(FT) | GROUP(FC), true, WEDGE_STUCK },
	[FX] = { GROUP(FE), true, WEDGE_OFF },
};

static const struct baco_row rows[] = {
	{ "FR1", FR, SMC(FB_REJECT), 0x1, 0x1, 0, 0 },
	{ "FR2", FR, MM(REG_BIF_FB_EN), 0x3, 0, 0, 0 },
	/* switch to the bypass clock */
	{ "FB1", FB, SMC(SPLL_FUNC_CNTL), 0x8, 0x8, 0, 0 },
	{ "FB2", FB, SMC(SPLL_FUNC_CNTL_2), BYPASS_CHG, BYPASS_CHG, 300, 0 },
	{ "FB4", FB, SMC(SPLL_FUNC_CNTL_2), BYPASS_CHG, 0, 0, 0 },
	{ "FB5", FB, SMC(SPLL_FUNC_CNTL_2), CTLREQ_CHG, CTLREQ_CHG, 300, 0 },
	{ "FB7", FB, SMC(SPLL_FUNC_CNTL_2), CTLREQ_CHG, 0, 0, 0 },
	{ "FB8", FB, SMC(SPLL_UNNAMED), 0x04000000, 0x04000000, 0, 0 },
	{ "FB9", FB, SMC(MPLL_BYPASSCLK_SEL), 0xff00, 0x200, 0, 0 },
	/* PLLs off */
	{ "FT1", FT, SMC(SPLL_FUNC_CNTL), 0x1, 0x1, 0, 0 },
	{ "FT2", FT, SMC(SPLL_FUNC_CNTL), 0x2, 0, 0, 0 },
	{ "FT3", FT, SMC(SPLL_UNNAMED), 0x02000000, 0x02000000, 0, 0 },
	{ "FT4", FT, SMC(SPLL_UNNAMED), 0x08000000, 0, 0, 0 },
	/* reference clock */
	{ "FC1", FC, SMC(CLKPIN_CNTL_2), 0x8, 0, 0, 0 },
	{ "FC2", FC, SMC(MPLL_BYPASSCLK_SEL), 0xff00, 0x400, 0, 0 },
	{ "FC3", FC, SMC(MISC_CLK_CTRL), 0xff, 0x1, 0, 0 },
	{ "FC4", FC, SMC(MISC_CLK_CTRL), 0xff00, 0x100, 0, 0 },
	{ "FC5", FC, SMC(CLKPIN_CNTL), 0x4, 0, 0, 0 },
	{ "FC6", FC, SMC(THM_CLK_CNTL), 0xff, 0x1, 0, 0 },
	{ "FC7", FC, SMC(THM_CLK_CNTL), 0xff00, 0x100, 0, 0 },
	SMU7_ENTER_EXIT(FE, FX),
};

static const struct baco_table baco = {
	.row = rows, .nrows = ARRAY_LEN(rows), .rule = rules,
	.off = "FE10", .back_first = "FX1", .back_last = "FX11", .mode_on_us = 2000,
	.went_off = smu7_went_off, .came_back = smu7_came_back,
};

static const struct smu7_chip fiji = {
	.baco = &baco, .defaults = defaults, .ndefaults = ARRAY_LEN(defaults),
	.memsize_mb = 4096, .firmware_flags = 0x3f000, .auto_cntl = 0x248,
	.scratch = 0xffff,
};

static int fury_power_on(struct card *card)
{
	return smu7_power_on(card, &fiji);
}

const struct card_ops fury_ops = SMU7_OPS(fury_power_on);
