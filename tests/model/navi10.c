/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Radeon RX 5700 XT (Navi 10): mode1 by the PSP's mailbox, and a boot loader that needs
 * seconds afterwards. Its BACO is the SMU's business and not modelled.
 */
#include "soc15.h"

/* Ids: amdgpu smu_v11_0_ppsmc.h */
static const struct smu_message messages[] = {
	{ 0x2a, NULL },			/* DisallowGfxOff */
	{ 0x32, soc15_halt_smu },	/* PrepareMp1ForUnload */
	{ 0x33, NULL },			/* PrepareMp1ForReset */
};

static const struct soc15_chip chip = {
	.memsize_mb = 8192, .sol = 0x2bd0e, .mp1_flags = 0x03b10024,
	.down_ms = 400, .boot_ms = 2500, .bus = BUS_KEEPS, .psp_mode1 = true,
	.keeps_rom_smu = true,
	.message = messages, .nmessages = ARRAY_LEN(messages),
};

static int navi10_power_on(struct card *card)
{
	return soc15_power_on(card, &chip);
}

const struct card_ops navi10_ops = SOC15_OPS(navi10_power_on);
