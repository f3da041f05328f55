// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Our copy of the kernel's lists of resets that break a device. The flags are not
 * visible in sysfs, and older kernels lack entries that newer ones have, so the
 * whole list counts on every kernel. Source: Linux drivers/pci/quirks.c
 * (quirk_no_bus_reset, quirk_nvidia_no_bus_reset, quirk_no_pm_reset, quirk_no_flr).
 */
#include "plan/facts.h"

#define ANY 0

struct kdeny_row {
	uint16_t vendor, device, mask;  /* (device & mask) == row's device */
	uint16_t class_code;            /* base and sub class, ANY: all */
	bool not_on_root_bus;           /* the entry holds below a bridge only */
	unsigned deny;
};

static const struct kdeny_row kdeny_rows[] = {
	/* NVIDIA GH200 family: inoperable until a hard reboot after a bus reset */
	{ 0x10de, 0x2340, 0xffc0, ANY, false, KDENY_BUS },
	/* NVIDIA GB10 root ports: the link may not train again */
	{ 0x10de, 0x22ce, 0xffff, ANY, false, KDENY_BUS },
	{ 0x10de, 0x22d0, 0xffff, ANY, false, KDENY_BUS },
	/* Atheros wireless, Cavium, TI, ASMedia: possible neighbours below a switch */
	{ 0x168c, 0x0030, 0xffff, ANY, false, KDENY_BUS },
	{ 0x168c, 0x0032, 0xffff, ANY, false, KDENY_BUS },
	{ 0x168c, 0x0033, 0xffff, ANY, false, KDENY_BUS },
	{ 0x168c, 0x0034, 0xffff, ANY, false, KDENY_BUS },
	{ 0x168c, 0x003c, 0xffff, ANY, false, KDENY_BUS },
	{ 0x168c, 0x003e, 0xffff, ANY, false, KDENY_BUS },
	{ 0x177d, 0xa100, 0xffff, ANY, false, KDENY_BUS },
	{ 0x104c, 0xb005, 0xffff, ANY, false, KDENY_BUS },
	{ 0x1b21, 0x1164, 0xffff, ANY, false, KDENY_BUS },
	/* AMD VGA: D3hot claims to reset and keeps everything, sync included */
	{ 0x1002, 0x0000, 0x0000, 0x0300, true, KDENY_PM },
	/* Mellanox Spectrum */
	{ 0x15b3, 0xcb84, 0xffff, ANY, false, KDENY_PM },
	{ 0x15b3, 0xcf6c, 0xffff, ANY, false, KDENY_PM },
	{ 0x15b3, 0xcf70, 0xffff, ANY, false, KDENY_PM },
	{ 0x15b3, 0xcf80, 0xffff, ANY, false, KDENY_PM },
	/* AMD platform functions: FLR hangs the host */
	{ 0x1022, 0x1487, 0xffff, ANY, false, KDENY_FLR },
	{ 0x1022, 0x148c, 0xffff, ANY, false, KDENY_FLR },
	{ 0x1022, 0x149c, 0xffff, ANY, false, KDENY_FLR },
	{ 0x1022, 0x7901, 0xffff, ANY, false, KDENY_FLR },
	{ 0x1022, 0x1502, 0xffff, ANY, false, KDENY_FLR },
	{ 0x1022, 0x17f0, 0xffff, ANY, false, KDENY_FLR },
	/* Intel 82579, MediaTek MT7922 */
	{ 0x8086, 0x1502, 0xffff, ANY, false, KDENY_FLR },
	{ 0x8086, 0x1503, 0xffff, ANY, false, KDENY_FLR },
	{ 0x14c3, 0x0616, 0xffff, ANY, false, KDENY_FLR },
};

unsigned kernel_denies(uint16_t vendor, uint16_t device, uint32_t class_code,
		       bool on_root_bus)
{
	unsigned deny = 0;

	for (size_t i = 0; i < sizeof(kdeny_rows) / sizeof(*kdeny_rows); i++) {
		const struct kdeny_row *r = &kdeny_rows[i];

		if (vendor == r->vendor && (device & r->mask) == r->device &&
		    (!r->class_code || class_code >> 8 == r->class_code) &&
		    !(r->not_on_root_bus && on_root_bus))
			deny |= r->deny;
	}
	return deny;
}
