/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Radeon R9 290X (Hawaii): its BACO as amdgpu's ci_baco.c walks through it. The rest, and
 * what QEMU's vfio_radeon_reset knows of this chip, is smu7.c's.
 */
#include "smu7.h"

#define SMC_CLKPIN_CNTL_DC	0xc0500204u
#define REG_DISPPLL_BG_CNTL	0x4f0u
#define REG_PLL_CNTL		0x5c1cu
#define REG_MPLL_CONTROL	0x2bd4u
#define REG_RXCNTL_DPHY0_D0	0x2930u
#define REG_RXCNTL_DPHY0_D1	0x2948u
#define REG_RXCNTL_DPHY1_D0	0x2934u
#define REG_RXCNTL_DPHY1_D1	0x294cu
#define REG_MCLK_PWRMGT_CNTL	0x2ba0u
#define REG_MC_SEQ_CNTL_2	0x2b50u
#define REG_CP_PFP_UCODE_ADDR	0xc150u

static const struct smu7_default defaults[] = {
	{ BAR_REGS, REG_BIF_FB_EN, 0x3 },
	{ BAR_REGS, REG_MPLL_CNTL_MODE, 0x800 },	/* MPLL_MCLK_SEL */
	{ BAR_REGS, REG_MCLK_PWRMGT_CNTL, 0x300 },	/* MRDCK0/1_PDNB */
	{ BAR_REGS, REG_MC_SEQ_CNTL_2, 0x30 },		/* DRST_PU, _PD */
	{ BAR_SMC, SMC_SPLL_FUNC_CNTL, 0x2 },		/* PWRON */
	{ BAR_SMC, SMC_SPLL_UNNAMED, 0x08000000 },
	{ BAR_SMC, SMC_CLKPIN_CNTL_DC, 0x1c01 },	/* OSC_EN, XTALIN_SEL */
	{ BAR_SMC, SMC_CLKPIN_CNTL_2, 0x8 },		/* FORCE_BIF_REFCLK_EN */
};

static const struct baco_rule rules[BACO_NGROUPS] = {
	[FR] = { 0, false, WEDGE_NO_CLOCK },
	[FB] = { 0, true, WEDGE_NO_CLOCK },
	/* memory goes off here: its users must be gone */
	[FT] = { GROUP(FR) | GROUP(FB), true, WEDGE_NO_CLOCK },
	/* the reference clock; Fiji and Polaris have it in two orders */
	[FC] = { GROUP(FB) | GROUP(FT), false, WEDGE_NO_CLOCK },
	[FE] = { GROUP(FR) | GROUP(FB) | GROUP(FT) | GROUP(FC), true, WEDGE_STUCK },
	[FX] = { GROUP(FE), true, WEDGE_OFF },
};

static const struct baco_row rows[] = {
	{ "CR1", FR, SMC(FB_REJECT), 0x1, 0x1, 0, 0 },
	{ "CR2", FR, MM(REG_BIF_FB_EN), 0x3, 0, 0, 0 },
	{ "CB1", FB, SMC(SPLL_FUNC_CNTL), 0x8, 0x8, 0, 0 },
	{ "CB2", FB, SMC(SPLL_FUNC_CNTL_2), BYPASS_CHG, BYPASS_CHG, 300, 0 },
	{ "CB4", FB, SMC(SPLL_FUNC_CNTL_2), BYPASS_CHG, 0, 0, 0 },
	{ "CB5", FB, SMC(SPLL_FUNC_CNTL_2), CTLREQ_CHG, CTLREQ_CHG, 300, 0 },
	{ "CB7", FB, SMC(SPLL_FUNC_CNTL_2), CTLREQ_CHG, 0, 0, 0 },
	{ "CB8", FB, SMC(SPLL_UNNAMED), 0x04000000, 0x04000000, 0, 0 },
	{ "CB9", FB, SMC(MPLL_BYPASSCLK_SEL), 0xff00, 0x200, 0, 0 },
	{ "CB10", FB, MM(REG_MPLL_CNTL_MODE), 0x100, 0x100, 0, 0 },
	{ "CB11", FB, MM(REG_MPLL_CNTL_MODE), 0x800, 0, 0, 0 },
	{ "CT1", FT, MM(REG_DISPPLL_BG_CNTL), 0x1, 0x1, 0, 0 },
	{ "CT2", FT, SMC(CLKPIN_CNTL_DC), 0x1, 0, 0, 0 },
	{ "CT3", FT, SMC(CLKPIN_CNTL_DC), 0x1c00, 0, 0, 0 },
	{ "CT4", FT, MM(REG_PLL_CNTL), 0x1, 0x1, 0, 0 },
	{ "CT5", FT, MM(REG_PLL_CNTL), 0x2, 0x2, 0, 0 },
	{ "CT6", FT, MM(REG_PLL_CNTL), 0x4, 0x4, 0, 0 },
	{ "CT7", FT, SMC(SPLL_FUNC_CNTL), 0x1, 0x1, 0, 0 },
	{ "CT8", FT, SMC(SPLL_FUNC_CNTL), 0x2, 0, 0, 0 },
	{ "CT9", FT, SMC(SPLL_UNNAMED), 0x02000000, 0x02000000, 0, 0 },
	{ "CT10", FT, SMC(SPLL_UNNAMED), 0x08000000, 0, 0, 0 },
	{ "CT11", FT, MM(REG_MPLL_CNTL_MODE), 0x80000000, 0x80000000, 0, 0 },
	{ "CT12", FT, MM(REG_MPLL_CONTROL), ALL_ONES, 0x6, 0, 0 },
	{ "CT13", FT, MM(REG_RXCNTL_DPHY0_D0), ALL_ONES, 0x7740, 0, 0 },
	{ "CT14", FT, MM(REG_RXCNTL_DPHY0_D1), ALL_ONES, 0x7740, 0, 0 },
	{ "CT15", FT, MM(REG_RXCNTL_DPHY1_D0), ALL_ONES, 0x7740, 0, 0 },
	{ "CT16", FT, MM(REG_RXCNTL_DPHY1_D1), ALL_ONES, 0x7740, 0, 0 },
	{ "CT17", FT, MM(REG_MCLK_PWRMGT_CNTL), 0x100, 0, 0, 0 },
	{ "CT18", FT, MM(REG_MCLK_PWRMGT_CNTL), 0x200, 0, 0, 0 },
	{ "CT19", FT, MM(REG_MC_SEQ_CNTL_2), 0x10, 0, 0, 0 },
	{ "CT20", FT, MM(REG_MC_SEQ_CNTL_2), 0x20, 0, 0, 0 },
	{ "CT21", FC, SMC(CLKPIN_CNTL_2), 0x8, 0, 0, 0 },
	{ "CT22", FC, SMC(MPLL_BYPASSCLK_SEL), 0xff00, 0x400, 0, 0 },
	{ "CT23", FC, SMC(MISC_CLK_CTRL), 0xff, 0x2, 0, 0 },
	{ "CT24", FC, SMC(MISC_CLK_CTRL), 0xff00, 0x200, 0, 0 },
	{ "CT25", FC, SMC(MISC_CLK_CTRL), 0xff0000, 0x20000, 0, 0 },
	{ "CT26", FC, SMC(THM_CLK_CNTL), 0xff, 0x2, 0, 0 },
	{ "CT27", FC, SMC(THM_CLK_CNTL), 0xff00, 0x200, 0, 0 },
	{ "CE1", FE, CNTL, EN, EN, 0, ROW_LATE },
	{ "CE2", FE, CNTL, BCLK_OFF, BCLK_OFF, 200, ROW_LATE },
	{ "CE4", FE, CNTL, ISO_DIS, 0, 150, ROW_LATE },
	{ "CE6", FE, CNTL, ANA_ISO_DIS, 0, 150, ROW_LATE },
	{ "CE8", FE, CNTL, POWER_OFF, POWER_OFF, 200, ROW_LATE },
	{ "CX1", FX, CNTL, RESET_EN, RESET_EN, 0, 0 },
	{ "CX2", FX, CNTL, BCLK_OFF, 0, 0, 0 },
	/* PWRGOOD_BF shows long before the 20 ms of CX4 are over, and is not to be
	 * believed: what else would the delay be for? */
	{ "CX3", FX, CNTL, POWER_OFF, 0, 20000, 0 },
	{ "CX6", FX, CNTL, ISO_DIS, ISO_DIS, 400, 0 },
	{ "CX8", FX, CNTL, ANA_ISO_DIS, ANA_ISO_DIS, 0, 0 },
	{ "CX9", FX, CNTL, RESET_EN, 0, 300, 0 },
	{ "CX11", FX, CNTL, EN, 0, 500, 0 },
};

_Static_assert(ARRAY_LEN(rows) <= BACO_ROWS_MAX, "done_at is too short");

static const struct baco_table baco = {
	.row = rows, .nrows = ARRAY_LEN(rows), .rule = rules,
	.off = "CE8", .back_first = "CX1", .back_last = "CX11", .mode_on_us = 2000,
	.went_off = smu7_went_off, .came_back = smu7_came_back,
};

static const struct smu7_chip hawaii = {
	.baco = &baco, .defaults = defaults, .ndefaults = ARRAY_LEN(defaults),
	.memsize_mb = 4096, .firmware_flags = 0x3f800, .auto_cntl = 0x240,
	.scratch = 1u << 6 | 1u << 7, .ucode = REG_CP_PFP_UCODE_ADDR, .ci = true,
};

static int hawaii_power_on(struct card *card)
{
	return smu7_power_on(card, &hawaii);
}

const struct card_ops hawaii_ops = SMU7_OPS(hawaii_power_on);
