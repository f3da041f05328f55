/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Radeon RX Vega 64 (Vega 10). Its BACO as amdgpu's vega10_baco.c walks through it: the
 * SMU must be alive to bring the SOC domain to rest. PSP mode1 needs no SMU.
 */
#include "soc15.h"

#define BACO	SPACE_MM, REG_BACO
#define THM	SPACE_MM, REG_THM_BACO

static const struct baco_rule rules[BACO_NGROUPS] = {
	[FR] = { 0, false, WEDGE_NO_CLOCK },
	[FB] = { GROUP(FR), true, WEDGE_NO_CLOCK },
	[FE] = { GROUP(FR) | GROUP(FB), true, WEDGE_NO_CLOCK },
	[FX] = { GROUP(FE), true, WEDGE_OFF },
};

static const struct baco_row rows[] = {
	{ "VP1", FR, SPACE_MM, REG_DOORBELL, 0x10, 0x10, 0, 0 },
	{ "VP2", FR, SPACE_MM, REG_FB_EN, 0x3, 0, 0, 0 },
	{ "VP3", FR, BACO, 0x20, 0x20, 0, 0 },
	{ "VP4", FR, BACO, 0x40, 0x40, 0, 0 },
	/* the SMU's EnterBaco; VE1 waits for what comes of it, SOC_DOMAIN_IDLE */
	{ "message", FB, SPACE_SMC, 0, 0, 0, 5000, ROW_EVENT },
	{ "VE2", FE, BACO, 0x1, 0x1, 0, 0 },
	{ "VE3", FE, BACO, 0x2, 0x2, 0, 0 },
	{ "VE4", FE, BACO, 0x4, 0x4, 0, 0 },
	{ "VE5", FE, THM, 0x10, 0x10, 0, 0 },
	{ "VE6", FE, THM, 0x20, 0x20, 0, 0 },
	{ "VE7", FE, THM, 0x2, 0x2, 0, 0 },
	{ "VE8", FE, THM, 0x80, 0x80, 0, 0 },
	{ "VE9", FE, THM, 0x200, 0x200, 0, 0 },
	{ "VE10", FE, THM, 0x40, 0x40, 0, 0 },
	{ "VE11", FE, BACO, 0x8, 0x8, 5000, 0 },
	{ "VE13", FE, THM, 0x8, 0x8, 0, 0 },
	{ "VE14", FE, THM, 0x4, 0, 0, 0 },
	{ "VX1", FX, BACO, 0x8, 0, 10000, 0 },
	{ "VX3", FX, THM, 0x40, 0, 0, 0 },
	{ "VX4", FX, THM, 0x200, 0, 0, 0 },
	{ "VX5", FX, THM, 0x80, 0, 0, 0 },
	{ "VX6", FX, THM, 0x2, 0, 0, 0 },
	{ "VX7", FX, THM, 0x4, 0x4, 0, 0 },
	{ "VX8", FX, THM, 0x20, 0, 0, 0 },
	{ "VX9", FX, THM, 0x10, 0, 0, 0 },
	/* a command: the chip takes the bit back, see take_back_exit */
	{ "VX10", FX, THM, 0x100, 0x100, 0, 0 },
	{ "VX11", FX, THM, 0x8, 0, 500, 0 },
	{ "VX13", FX, THM, 0x40000000, 0, 0, 0 },
	{ "VX14", FX, BACO, 0x4, 0, 0, 0 },
	{ "VX15", FX, BACO, 0x2, 0, 0, 0 },
	{ "VX16", FX, BACO, 0x1, 0, 500, 0 },
};

static const struct baco_table baco = {
	.row = rows, .nrows = ARRAY_LEN(rows), .rule = rules,
	.off = "VE14", .back_first = "VX1", .back_last = "VX16", .mode_on_us = 2000,
	.went_off = soc15_went_off, .came_back = soc15_came_back,
};

static void enter_baco(struct card *card, struct soc15 *s, uint32_t argument)
{
	(void)argument;
	baco_event(card, &s->baco, "message");
}

/* Ids: amdgpu vega10_ppsmc.h */
static const struct smu_message messages[] = {
	{ 0x05, NULL },			/* DisableSmuFeatures */
	{ 0x06, NULL },			/* GetEnabledSmuFeatures: none */
	{ 0x1e, enter_baco },
	{ 0x45, NULL },			/* GfxDeviceDriverReset: mode2, no help here */
	{ 0x4b, soc15_halt_smu },	/* PrepareMp1ForUnload */
};

static const struct soc15_chip chip = {
	.memsize_mb = 8192, .sol = 0x6b0, .mp1_flags = 0x03b10028,
	.down_ms = 350, .boot_ms = 0, .bus = BUS_WEDGES, .psp_mode1 = true,
	.message = messages, .nmessages = ARRAY_LEN(messages), .baco = &baco,
};

static int vega10_power_on(struct card *card)
{
	return soc15_power_on(card, &chip);
}

const struct card_ops vega10_ops = SOC15_OPS(vega10_power_on);
