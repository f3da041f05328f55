/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Radeon RX 9070 (Navi 48): mode1 by message 2 of the SMU's debug mailbox, as long as
 * there is an SMU; and no bus reset, at any level, ever.
 */
#include "soc15.h"

/* Ids: as of SMU 13.0.0, smu_v13_0_0_ppsmc.h */
static const struct smu_message messages[] = {
	{ 0x2e, soc15_halt_smu },	/* PrepareMp1ForUnload */
};

static const struct soc15_chip chip = {
	.memsize_mb = 16304, .sol = 0x3b0021, .mp1_flags = 0x03b10024,
	.down_ms = 450, .boot_ms = 400, .bus = BUS_KILLS, .debug_mode1 = true,
	.message = messages, .nmessages = ARRAY_LEN(messages),
};

static int navi48_power_on(struct card *card)
{
	return soc15_power_on(card, &chip);
}

const struct card_ops navi48_ops = SOC15_OPS(navi48_power_on);
