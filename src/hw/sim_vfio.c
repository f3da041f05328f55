// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What vfio-pci does around and between the open and the close of a function, and what
 * it lets through of writes to configuration space: vfio_pci_core_enable(), _disable(),
 * vfio_pci_dev_set_try_reset() in drivers/vfio/pci/vfio_pci_core.c and the permissions
 * in vfio_pci_config.c, as they are from Linux 6.1 to 7.1.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "base/xalloc.h"
#include "hw/sim_internal.h"

#define VFIO_CFG 256u           /* a function has no more here */
#define CAP_NONE 0xff           /* between capabilities: passed on as it is */
#define COMMAND_DECODE (PCI_COMMAND_IO | PCI_COMMAND_MEMORY)

struct sim_vfio {
	bool reset_works;
	struct sim_saved saved;
	uint16_t command;               /* as whoever has it open believes it to be */
	uint8_t cap[VFIO_CFG];           /* capability of each byte; 0: the header */
	uint8_t start[VFIO_CFG];         /* where that begins */
};

/* --- which writes pass ---------------------------------------------------------- */

/* Bits of a capability (0: the header) that reach the card. */
static const struct vfio_pass {
	uint8_t cap, off, width;
	uint32_t mask;
} vfio_passes[] = {
	{ 0, PCI_COMMAND, 2, 0xffff & ~PCI_COMMAND_INTX_DISABLE },
	{ 0, PCI_CACHE_LINE_SIZE, 1, 0xff },
	{ 0, PCI_LATENCY_TIMER, 1, 0xff },
	{ 0, PCI_BIST, 1, 0xff },
	/* the power state by way of the kernel's own pci_set_power_state() */
	{ PCI_CAP_ID_PM, PCI_PM_CTRL, 2,
	  0xffff & ~(PCI_PM_CTRL_PME_ENABLE | PCI_PM_CTRL_PME_STATUS) },
	{ PCI_CAP_ID_EXP, PCI_EXP_DEVCTL, 2,
	  0xffff & ~(PCI_EXP_DEVCTL_PHANTOM | PCI_EXP_DEVCTL_BCR_FLR |
		     PCI_EXP_DEVCTL_PAYLOAD | PCI_EXP_DEVCTL_READRQ) },
	{ PCI_CAP_ID_EXP, PCI_EXP_DEVCTL2, 2, 0xffff & ~PCI_EXP_DEVCTL2_ARI },
};

/* Lengths of capabilities; the others are hidden, and as if there was nothing. */
static unsigned vfio_cap_len(struct hw_sim *sim, struct sim_fn *f, uint8_t id,
			     unsigned off)
{
	switch (id) {
	case PCI_CAP_ID_PM:
		return PCI_PM_SIZEOF;
	case PCI_CAP_ID_EXP:
		return (sim_read(sim, f, off + PCI_EXP_FLAGS, 2) & PCI_EXP_FLAGS_VERS) >
		       1 ? PCI_CAP_EXP_ENDPOINT_SIZEOF_V2 :
		       PCI_CAP_EXP_ENDPOINT_SIZEOF_V1;
	case PCI_CAP_ID_MSI:
		return 14;
	case PCI_CAP_ID_AF:
		return PCI_CAP_AF_SIZEOF;
	case PCI_CAP_ID_VNDR:
		return sim_read(sim, f, off + PCI_CAP_FLAGS, 1);
	default:
		return 0;
	}
}

static void vfio_map(struct hw_sim *sim, struct sim_fn *f)
{
	struct sim_vfio *v = f->vfio;
	unsigned off = sim_read(sim, f, PCI_CAPABILITY_LIST, 1) & ~3u;

	memset(v->cap + PCI_STD_HEADER_SIZEOF, CAP_NONE,
	       VFIO_CFG - PCI_STD_HEADER_SIZEOF);
	for (int steps = 0; steps < 48 && off >= PCI_STD_HEADER_SIZEOF; steps++) {
		uint8_t id = (uint8_t)sim_read(sim, f, off, 1);
		unsigned len = vfio_cap_len(sim, f, id, off);

		for (unsigned i = 0; i < len && off + i < VFIO_CFG; i++) {
			v->cap[off + i] = id;
			v->start[off + i] = (uint8_t)off;
		}
		off = sim_read(sim, f, off + 1, 1) & ~3u;
	}
}

/* Bits of the byte at @off that reach the card. */
static uint8_t vfio_byte_passes(const struct sim_vfio *v, unsigned off)
{
	unsigned in = off - v->start[off];

	if (v->cap[off] == CAP_NONE || v->cap[off] == PCI_CAP_ID_VNDR)
		return 0xff;
	for (size_t i = 0; i < sizeof(vfio_passes) / sizeof(*vfio_passes); i++) {
		const struct vfio_pass *p = &vfio_passes[i];

		if (p->cap == v->cap[off] && in >= p->off && in < p->off + p->width)
			return (uint8_t)(p->mask >> (8 * (in - p->off)));
	}
	return 0;
}

/* A reset that nobody announced: BARs that are not the kernel's go back. */
static void vfio_bars_again(struct hw_sim *sim, struct sim_fn *f)
{
	for (unsigned i = 0; i < 6; i++)
		if (f->bar[i].size)
			sim_write(sim, f, PCI_BASE_ADDRESS_0 + 4 * i, 4,
				  f->bar[i].start);
}

void sim_vfio_cfg_write(struct hw_sim *sim, struct sim_fn *f, unsigned off,
			unsigned width, uint32_t val)
{
	if (off == PCI_COMMAND) {
		f->vfio->command = (uint16_t)val;
		vfio_bars_again(sim, f);
	}
	for (unsigned i = 0; i < width && off + i < VFIO_CFG; i++) {
		uint8_t mask = vfio_byte_passes(f->vfio, off + i);
		uint32_t now = mask == 0xff ? 0 : sim_read(sim, f, off + i, 1);

		if (mask)
			sim_write(sim, f, off + i, 1,
				  (now & ~(uint32_t)mask) | (val >> (8 * i) & mask));
	}
}

bool sim_vfio_decodes(const struct sim_fn *f)
{
	return f->vfio->command & PCI_COMMAND_MEMORY;
}

/* --- open ------------------------------------------------------------------------ */

static bool vfio_harmless(const char *driver)
{
	return !driver[0] || strstr(driver, "vfio") || !strcmp(driver, "pci-stub") ||
	       !strcmp(driver, "pcieport");
}

/* All of the group must be without host driver. */
static int vfio_viable(struct hw_sim *sim, const struct sim_fn *f, struct err *err)
{
	const struct sim_text *own = sim_text(sim, f, "iommu_group");
	char text[BDF_STR];

	bdf_str(f->bdf, text);
	if (!own || own->absent)
		return err_set(err, ENOTTY, "%s has no IOMMU group", text);
	for (size_t i = 0; i < sim->nfns; i++) {
		const struct sim_fn *g = sim->fn[i];
		const struct sim_text *group = sim_text(sim, g, "iommu_group");

		if (g->known && group && !group->absent &&
		    !strcmp(group->text, own->text) && !vfio_harmless(g->driver))
			return err_set(err, EBUSY, "VFIO group %s: %s has a host driver",
				       own->text, bdf_str(g->bdf, text));
	}
	return 0;
}

static void command(struct hw_sim *sim, struct sim_fn *f, uint32_t clear, uint32_t set)
{
	uint32_t now = sim_read(sim, f, PCI_COMMAND, 2);

	sim_write(sim, f, PCI_COMMAND, 2, (now & ~clear) | set);
}

static void vfio_enable(struct hw_sim *sim, struct sim_fn *f)
{
	struct sim_vfio *v = f->vfio;

	f->enabled = 1;
	sim_runtime_pm(sim, f);
	command(sim, f, PCI_COMMAND_MASTER, COMMAND_DECODE);
	for (struct sim_fn *up = f->parent; up; up = up->parent)
		command(sim, up, 0, COMMAND_DECODE);
	v->reset_works = sim_reset_function(sim, f) == 0;
	sim_save(sim, f, &v->saved);
	command(sim, f, PCI_COMMAND_INTX_DISABLE, 0);
	v->command = (uint16_t)sim_read(sim, f, PCI_COMMAND, 2);
	vfio_map(sim, f);
}

int sim_vfio_open(struct hw *hw, struct bdf bdf, struct err *err)
{
	struct hw_sim *sim = sim_of(hw);
	struct sim_fn *f = sim_known(sim, bdf, err);
	char text[BDF_STR];
	int rc;

	sim->now += SIM_ATTR_US;
	if (!f)
		return -ENODEV;
	bdf_str(bdf, text);
	if (strcmp(f->driver, "vfio-pci"))
		return err_set(err, ENOTTY, "%s: not bound to vfio-pci", text);
	if (f->enabled > 0 || sim_group_is_open(sim, f, false))
		return err_set(err, EBUSY, "%s is open through vfio-pci", text);
	rc = vfio_viable(sim, f, err);
	if (rc)
		return rc;
	f->vfio = xcalloc(1, sizeof(*f->vfio));
	vfio_enable(sim, f);
	return 0;
}

/* --- close ----------------------------------------------------------------------- */

/* Is everything below the bridge on vfio-pci, and nothing of it open? */
static bool vfio_all_idle(const struct hw_sim *sim, const struct sim_fn *bridge)
{
	for (size_t i = 0; i < sim->nfns; i++) {
		const struct sim_fn *f = sim->fn[i];

		if (f->known && sim_below(f, bridge) &&
		    (strcmp(f->driver, "vfio-pci") || f->enabled > 0))
			return false;
	}
	return true;
}

void sim_vfio_close(struct hw *hw, struct bdf bdf)
{
	struct hw_sim *sim = sim_of(hw);
	struct sim_fn *f = sim_find(sim, bdf);
	struct sim_vfio *v = f ? f->vfio : NULL;
	bool done = false;

	if (!v)
		return;
	sim->now += SIM_ATTR_US;
	command(sim, f, PCI_COMMAND_MASTER, 0);
	sim_write(sim, f, PCI_COMMAND, 2, PCI_COMMAND_INTX_DISABLE);
	if (v->reset_works)
		done = sim_run_methods(sim, f) == 0;
	sim_restore(sim, f, &v->saved);
	command(sim, f, PCI_COMMAND_MASTER, 0);
	f->vfio = NULL;
	free(v);
	f->enabled = 0;
	if (!done && f->parent && vfio_all_idle(sim, f->parent))
		sim_reset_below(sim, f->parent);
	sim_runtime_pm(sim, f);
}
