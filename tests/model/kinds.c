/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kinds of cards. A new one is a row here, and a file with struct card_ops only if
 * it does more than keep registers and lose them in a reset.
 *
 * Ids: pci.ids. Fiji's BARs: ROCm documentation (lspci of a 1002:7300), shrunk where a
 * test gains nothing from size. The PCI proxy of QEMU knows 32-bit BARs only.
 */
#include "internal.h"
#include "modern.h"

#define KIB		1024u
#define MIB		(1024u * KIB)
#define CLASS_VGA	0x030000u
#define CLASS_AUDIO	0x040300u
#define CLASS_XHCI	0x0c0330u
#define CLASS_SERIAL	0x0c8000u

#define MEM(bytes)	{ .size = (bytes) }
#define MEM64(bytes)	{ .size = (bytes), .wide = true, .prefetch = true }
#define PORTS(bytes)	{ .size = (bytes), .io = true }

#define AUDIO(id, sub_ven, sub_dev) \
	{ .device = (id), .class_code = CLASS_AUDIO, .sub_vendor = (sub_ven), \
	  .sub_device = (sub_dev), .bar = { [0] = MEM(16 * KIB) } }

#define RADEON_BARS(regs) \
	{ [0] = MEM(16 * MIB), [2] = MEM(2 * MIB), [4] = PORTS(256), [5] = MEM(regs) }

static const struct const_reg nvidia_consts[] = {
	{ 0, 0, 0x0, 0x192000a1 },	/* PMC_BOOT_0: an AD102 */
};

static const struct const_reg modern_consts[] = {
	{ 0, 5, MODERN_ALIVE, 1 },
};

static const struct const_reg blackwell_consts[] = {
	{ 0, 0, 0x0, 0x1b2000a1 },	/* PMC_BOOT_0 */
};

#define MODERN_AUDIO(id, sub_ven, sub_dev) \
	{ .device = (id), .class_code = CLASS_AUDIO, .sub_vendor = (sub_ven), \
	  .sub_device = (sub_dev), .bar = { [0] = MEM(16 * KIB) }, \
	  .cfg = modern_audio_cfg }

#define CONSTS(table)	.consts = (table), .nconsts = sizeof(table) / sizeof(*(table))

/* No reset of the kernel's reaches the inside of this one: fury.c. */
#define FURY(kind, memory) \
	{ \
		.name = (kind), .vendor = 0x1002, .revision = 0xc8, .nfn = 2, \
		.fn = { \
			{ .device = 0x7300, .class_code = CLASS_VGA, \
			  .sub_vendor = 0x1002, .sub_device = 0x0b36, \
			  .bar = { [0] = MEM(memory), [2] = MEM(2 * MIB), \
				   [4] = PORTS(256), [5] = MEM(256 * KIB) } }, \
			AUDIO(0xaae8, 0x1002, 0xaae8), \
		}, \
		.ops = &fury_ops, \
	}

static const struct card_kind kinds[] = {
	FURY("fury", 64 * MIB),
	FURY("fury-small", 16 * MIB),   /* of which eight fit below 4 GiB */
	{
		.name = "flr", .vendor = 0x10de, .revision = 0xa1, .nfn = 2,
		.flr = true, .no_soft_reset = true,
		.fn = {
			{ .device = 0xfff0, .class_code = CLASS_VGA,
			  .sub_vendor = 0x10de, .sub_device = 0x16f4,
			  .bar = { [0] = MEM(16 * MIB), [1] = MEM(32 * MIB),
				   [5] = PORTS(128) } },
			AUDIO(0xfff1, 0x10de, 0x16f4),
		},
		CONSTS(nvidia_consts),
	},
	{
		/* Ready only long after the 100 ms everybody waits. */
		.name = "slow", .vendor = 0x8086, .revision = 0x08, .nfn = 2,
		.flr = true, .no_soft_reset = true, .delay_ms = 3000,
		.fn = {
			{ .device = 0xfff0, .class_code = CLASS_VGA,
			  .sub_vendor = 0x8086, .sub_device = 0x1020,
			  .bar = { [0] = MEM(16 * MIB), [2] = MEM(32 * MIB) } },
			AUDIO(0xfff1, 0x8086, 0x1020),
		},
	},
	{
		.name = "dead", .vendor = 0x1002, .revision = 0xe7, .nfn = 2,
		.revive = REVIVE_POWER,
		.fn = {
			{ .device = 0xfff0, .class_code = CLASS_VGA,
			  .sub_vendor = 0x1002, .sub_device = 0x0b37,
			  .bar = RADEON_BARS(256 * KIB) },
			AUDIO(0xfff1, 0x1002, 0xfff1),
		},
	},
	{
		/* Reads 0xff after a kill, but a bus reset wakes it. */
		.name = "sleeper", .vendor = 0x1002, .revision = 0xcf, .nfn = 2,
		.revive = REVIVE_BUS,
		.fn = {
			{ .device = 0xfff2, .class_code = CLASS_VGA,
			  .sub_vendor = 0x1002, .sub_device = 0x0b04,
			  .bar = RADEON_BARS(256 * KIB) },
			AUDIO(0xfff3, 0x1002, 0xfff3),
		},
	},
	{
		/* The switch in front of it (1478/1479) is QEMU's. */
		.name = "navi", .vendor = 0x1002, .revision = 0xc1, .nfn = 4,
		.no_soft_reset = true,
		.fn = {
			{ .device = 0xfff4, .class_code = CLASS_VGA,
			  .sub_vendor = 0x1002, .sub_device = 0x0e3a,
			  .bar = RADEON_BARS(1 * MIB) },
			AUDIO(0xfff5, 0x1002, 0xfff5),
			{ .device = 0xfff6, .class_code = CLASS_XHCI,
			  .sub_vendor = 0x1002, .sub_device = 0x0e3a,
			  .bar = { [0] = MEM(1 * MIB) } },
			{ .device = 0xfff7, .class_code = CLASS_SERIAL,
			  .sub_vendor = 0x1002, .sub_device = 0x0408,
			  .bar = { [0] = MEM(1 * MIB) } },
		},
	},
	{
		/* Somebody else's, on the bus that must not be reset. */
		.name = "gpu", .vendor = 0x1002, .nfn = 1,
		.fn = {
			{ .device = 0xfff8, .class_code = CLASS_VGA,
			  .sub_vendor = 0x1043, .sub_device = 0x03da,
			  .bar = { [0] = MEM(16 * MIB), [2] = MEM(128 * KIB),
				   [4] = PORTS(256) } },
		},
	},
	{
		/* RDNA-like, 4 KiB of configuration space, no FLR: modern.c. */
		.name = "modern", .vendor = 0x1002, .revision = 0xc1, .nfn = 2,
		.cfg_size = CFG_MAX, .no_soft_reset = true,
		.fn = {
			{ .device = 0xffe0, .class_code = CLASS_VGA,
			  .sub_vendor = 0x1002, .sub_device = 0x0e3b,
			  .bar = { [0] = MEM64(256 * MIB), [2] = MEM64(2 * MIB),
				   [4] = PORTS(256), [5] = MEM(1 * MIB) },
			  .cfg = modern_amd_cfg },
			MODERN_AUDIO(0xffe1, 0x1002, 0xffe1),
		},
		CONSTS(modern_consts), .ops = &modern_ops,
	},
	{
		/* FLR, and a firewall before BAR0 for some time after each reset. */
		.name = "blackwell", .vendor = 0x10de, .revision = 0xa1, .nfn = 2,
		.cfg_size = CFG_MAX, .flr = true, .no_soft_reset = true,
		.fn = {
			{ .device = 0xffe0, .class_code = CLASS_VGA,
			  .sub_vendor = 0x10de, .sub_device = 0x2059,
			  .bar = { [0] = MEM(16 * MIB), [1] = MEM64(256 * MIB),
				   [3] = MEM64(32 * MIB), [5] = PORTS(128) },
			  .cfg = modern_nvidia_cfg },
			MODERN_AUDIO(0xffe1, 0x10de, 0x2059),
		},
		CONSTS(blackwell_consts), .ops = &modern_ops,
	},
	{
		/* The families: one file of that name each; machine.families has them. */
		.name = "polaris", .vendor = 0x1002, .revision = 0xc7, .nfn = 2,
		.fn = {
			{ .device = 0x67df, .class_code = CLASS_VGA,
			  .sub_vendor = 0x1002, .sub_device = 0x0b37,
			  .bar = RADEON_BARS(256 * KIB) },
			AUDIO(0xaaf0, 0x1002, 0xaaf0),
		},
		.ops = &polaris_ops,
	},
	{
		.name = "hawaii", .vendor = 0x1002, .nfn = 2,
		.fn = {
			{ .device = 0x67b0, .class_code = CLASS_VGA,
			  .sub_vendor = 0x1002, .sub_device = 0x0b00,
			  .bar = RADEON_BARS(256 * KIB) },
			AUDIO(0xaac8, 0x1002, 0xaac8),
		},
		.ops = &hawaii_ops,
	},
	{
		.name = "vega10", .vendor = 0x1002, .revision = 0xc1, .nfn = 2,
		.no_soft_reset = true,
		.fn = {
			{ .device = 0x687f, .class_code = CLASS_VGA,
			  .sub_vendor = 0x1002, .sub_device = 0x0b36,
			  .bar = RADEON_BARS(512 * KIB) },
			AUDIO(0xaaf8, 0x1002, 0xaaf8),
		},
		.ops = &vega10_ops,
	},
	{
		.name = "navi10", .vendor = 0x1002, .revision = 0xc1, .nfn = 4,
		.no_soft_reset = true,
		.fn = {
			{ .device = 0x731f, .class_code = CLASS_VGA,
			  .sub_vendor = 0x1002, .sub_device = 0x0b36,
			  .bar = RADEON_BARS(512 * KIB) },
			AUDIO(0xab38, 0x1002, 0xab38),
			{ .device = 0x7314, .class_code = CLASS_XHCI,
			  .sub_vendor = 0x1002, .sub_device = 0x0b36,
			  .bar = { [0] = MEM(1 * MIB) } },
			{ .device = 0x7316, .class_code = CLASS_SERIAL,
			  .sub_vendor = 0x1002, .sub_device = 0x0b36,
			  .bar = { [0] = MEM(1 * MIB) } },
		},
		.ops = &navi10_ops,
	},
	{
		.name = "navi48", .vendor = 0x1002, .revision = 0xc0, .nfn = 2,
		.no_soft_reset = true,
		.fn = {
			{ .device = 0x7550, .class_code = CLASS_VGA,
			  .sub_vendor = 0x1002, .sub_device = 0x0e3a,
			  .bar = RADEON_BARS(512 * KIB) },
			AUDIO(0xab40, 0x1002, 0xab40),
		},
		.ops = &navi48_ops,
	},
	{
		.name = "rtx5090", .vendor = 0x10de, .revision = 0xa1, .nfn = 2,
		.flr = true, .no_soft_reset = true,
		.fn = {
			{ .device = 0x2b85, .class_code = CLASS_VGA,
			  .sub_vendor = 0x10de, .sub_device = 0x2057,
			  .bar = { [0] = MEM(16 * MIB), [1] = MEM(32 * MIB),
				   [5] = PORTS(128) } },
			AUDIO(0x22e8, 0x10de, 0x2057),
		},
		.ops = &rtx5090_ops,
	},
};

const struct card_kind *card_kinds(size_t *n)
{
	*n = sizeof(kinds) / sizeof(*kinds);
	return kinds;
}

const struct card_kind *card_kind_at(size_t i)
{
	return i < sizeof(kinds) / sizeof(*kinds) ? &kinds[i] : NULL;
}

const char *card_kind_name(const struct card_kind *kind)
{
	return kind->name;
}
