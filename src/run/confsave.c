// SPDX-License-Identifier: GPL-2.0-or-later
#include "run/confsave.h"

#include <errno.h>
#include <stdbool.h>

#include <linux/pci_regs.h>

#include "hw/hw_write.h"
#include "plan/facts_fn.h"

/* A register of a capability that a reset loses. */
struct cs_row {
	uint16_t cap;
	bool ext;
	uint16_t off;
	uint8_t width;
};

/* In the order in which they go back. */
static const struct cs_row cs_rows[] = {
	{ PCI_EXT_CAP_ID_LTR, true, PCI_LTR_MAX_SNOOP_LAT, 4 },
	{ PCI_CAP_ID_EXP, false, PCI_EXP_DEVCTL, 2 },
	{ PCI_CAP_ID_EXP, false, PCI_EXP_LNKCTL, 2 },
	{ PCI_CAP_ID_EXP, false, PCI_EXP_DEVCTL2, 2 },
	{ PCI_CAP_ID_EXP, false, PCI_EXP_LNKCTL2, 2 },
	{ PCI_EXT_CAP_ID_ERR, true, PCI_ERR_UNCOR_MASK, 4 },
	{ PCI_EXT_CAP_ID_ERR, true, PCI_ERR_UNCOR_SEVER, 4 },
	{ PCI_EXT_CAP_ID_ERR, true, PCI_ERR_COR_MASK, 4 },
	{ PCI_EXT_CAP_ID_ERR, true, PCI_ERR_CAP, 4 },
	{ PCI_EXT_CAP_ID_ACS, true, PCI_ACS_CTRL, 2 },
	{ PCI_CAP_ID_PM, false, PCI_PM_CTRL, 2 },
};

/* The header, in the kernel's order: the rest, the BARs, COMMAND at the end. */
static const struct cs_row cs_header[] = {
	{ 0, false, PCI_INTERRUPT_LINE, 1 },
	{ 0, false, PCI_ROM_ADDRESS, 4 },
	{ 0, false, PCI_BASE_ADDRESS_5, 4 },
	{ 0, false, PCI_BASE_ADDRESS_4, 4 },
	{ 0, false, PCI_BASE_ADDRESS_3, 4 },
	{ 0, false, PCI_BASE_ADDRESS_2, 4 },
	{ 0, false, PCI_BASE_ADDRESS_1, 4 },
	{ 0, false, PCI_BASE_ADDRESS_0, 4 },
	{ 0, false, PCI_CACHE_LINE_SIZE, 1 },
	{ 0, false, PCI_LATENCY_TIMER, 1 },
	{ 0, false, PCI_COMMAND, 2 },
};

/*
 * What is put back from a read that went wrong would be worse than nothing: so ask
 * whether the function answers, and again.
 */
int confsave_read(struct hw *hw, struct bdf bdf, unsigned off, unsigned width,
		  uint32_t *value, struct err *err)
{
	const struct reg reg = { .width = (uint8_t)width };
	char text[BDF_STR];
	uint32_t id;
	int rc = hw_cfg_read(hw, bdf, off, width, value, err);

	if (rc || *value != reg_all_ones(&reg))
		return rc;
	rc = hw_cfg_read(hw, bdf, PCI_VENDOR_ID, 4, &id, err);
	if (!rc && !facts_id_answers(id))
		return err_set(err, EIO, "%s reads all ones, config 0x%x too: it does "
			       "not answer", bdf_str(bdf, text), off);
	return rc ? rc : hw_cfg_read(hw, bdf, off, width, value, err);
}

static int cs_add(struct hw *hw, struct confsave *save, unsigned off, unsigned width,
		  struct err *err)
{
	struct confsave_item *it = &save->item[save->n];
	int rc;

	if (save->n == CONFSAVE_MAX)
		return err_set(err, E2BIG, "too many registers to save");
	it->off = (uint16_t)off;
	it->width = (uint8_t)width;
	rc = confsave_read(hw, save->bdf, off, width, &it->value, err);
	if (!rc)
		save->n++;
	return rc;
}

/* 1: there it is, 0: it has none, negative: could not be read. */
static int cs_cap(struct hw *hw, struct bdf bdf, uint16_t id, bool ext, unsigned *off,
		  struct err *err)
{
	int rc = hw_find_cap(hw, bdf, id, ext, off, err);

	return rc == -ENOENT ? 0 : rc ? rc : 1;
}

/* Resizable BAR: capability and control alternate, one pair a BAR. */
static int cs_rebar(struct hw *hw, struct confsave *save, struct err *err)
{
	uint32_t ctrl, nbars;
	unsigned cap;
	int rc = cs_cap(hw, save->bdf, PCI_EXT_CAP_ID_REBAR, true, &cap, err);

	if (rc <= 0)
		return rc;
	rc = hw_cfg_read(hw, save->bdf, cap + PCI_REBAR_CTRL, 4, &ctrl, err);
	nbars = (ctrl & PCI_REBAR_CTRL_NBAR_MASK) >> PCI_REBAR_CTRL_NBAR_SHIFT;
	for (unsigned i = 0; !rc && i < nbars && i < 6; i++)
		rc = cs_add(hw, save, cap + PCI_REBAR_CTRL + 8 * i, 4, err);
	return rc;
}

/* Message address and data before the enable bit. */
static int cs_msi(struct hw *hw, struct confsave *save, struct err *err)
{
	uint32_t flags;
	unsigned cap;
	int rc = cs_cap(hw, save->bdf, PCI_CAP_ID_MSI, false, &cap, err);

	if (rc <= 0)
		return rc;
	rc = hw_cfg_read(hw, save->bdf, cap + PCI_MSI_FLAGS, 2, &flags, err);
	if (!rc)
		rc = cs_add(hw, save, cap + PCI_MSI_ADDRESS_LO, 4, err);
	if (!rc && flags & PCI_MSI_FLAGS_64BIT) {
		rc = cs_add(hw, save, cap + PCI_MSI_ADDRESS_HI, 4, err);
		if (!rc)
			rc = cs_add(hw, save, cap + PCI_MSI_DATA_64, 2, err);
	} else if (!rc) {
		rc = cs_add(hw, save, cap + PCI_MSI_DATA_32, 2, err);
	}
	return rc ? rc : cs_add(hw, save, cap + PCI_MSI_FLAGS, 2, err);
}

/* From Device Capabilities 2 on, the PCIe capability has version 2 (PCIe 7.5.3). */
static bool cs_is_v2(const struct cs_row *row)
{
	return row->cap == PCI_CAP_ID_EXP && !row->ext && row->off >= PCI_EXP_DEVCAP2;
}

/* Like cs_cap(), for the capability of @row. */
static int cs_row_cap(struct hw *hw, struct bdf bdf, const struct cs_row *row,
		      unsigned *cap, struct err *err)
{
	uint32_t flags;
	int rc;

	*cap = 0;
	if (!row->cap)
		return 1;
	rc = cs_cap(hw, bdf, row->cap, row->ext, cap, err);
	if (rc <= 0 || !cs_is_v2(row))
		return rc;
	rc = hw_cfg_read(hw, bdf, *cap + PCI_EXP_FLAGS, 2, &flags, err);
	return rc ? rc : (flags & PCI_EXP_FLAGS_VERS) >= 2;
}

static int cs_table(struct hw *hw, struct confsave *save, const struct cs_row *rows,
		    size_t n, struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		unsigned cap;
		int rc = cs_row_cap(hw, save->bdf, &rows[i], &cap, err);

		if (rc > 0)
			rc = cs_add(hw, save, cap + rows[i].off, rows[i].width, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

int confsave_save(struct hw *hw, struct bdf bdf, struct confsave *save, struct err *err)
{
	const size_t rows = sizeof(cs_rows) / sizeof(*cs_rows);
	const size_t header = sizeof(cs_header) / sizeof(*cs_header);
	char text[BDF_STR];
	unsigned msix = 0;
	int rc;

	save->bdf = bdf;
	save->n = 0;
	rc = hw_cfg_read(hw, bdf, PCI_VENDOR_ID, 4, &save->id, err);
	if (rc)
		return rc;
	if (!facts_id_answers(save->id))
		return err_set(err, EIO, "%s does not answer, there is nothing to save",
			       bdf_str(bdf, text));
	rc = cs_table(hw, save, cs_rows, rows, err);
	if (!rc)
		rc = cs_rebar(hw, save, err);
	if (!rc)
		rc = cs_table(hw, save, cs_header, header, err);
	if (!rc)
		rc = cs_msi(hw, save, err);
	if (!rc)
		rc = cs_cap(hw, bdf, PCI_CAP_ID_MSIX, false, &msix, err);
	return rc <= 0 ? rc : cs_add(hw, save, msix + PCI_MSIX_FLAGS, 2, err);
}

bool confsave_has(const struct confsave *save, unsigned off, uint32_t *value)
{
	for (size_t i = 0; i < save->n; i++) {
		if (save->item[i].off != off)
			continue;
		if (value)
			*value = save->item[i].value;
		return true;
	}
	return false;
}

static bool cs_is_bar(const struct confsave_item *it)
{
	return it->off >= PCI_BASE_ADDRESS_0 && it->off <= PCI_BASE_ADDRESS_5;
}

/* The kernel, too, writes a BAR up to ten times (pci_restore_config_dword). */
static int cs_put(struct hw *hw, struct bdf bdf, const struct confsave_item *it,
		  struct err *err)
{
	char text[BDF_STR];
	uint32_t got;
	int rc;

	for (int tries = 0; tries < 10; tries++) {
		rc = hw_cfg_write(hw, bdf, it->off, it->width, it->value, err);
		if (rc || !cs_is_bar(it))
			return rc;
		rc = hw_cfg_read(hw, bdf, it->off, it->width, &got, err);
		if (rc || got == it->value)
			return rc;
		hw_sleep(hw, 1000);
	}
	return err_set(err, EIO, "%s: BAR%d reads 0x%x after the restore, wanted 0x%x "
		       "(config 0x%x)", bdf_str(bdf, text),
		       (it->off - PCI_BASE_ADDRESS_0) / 4, got, it->value, it->off);
}

/*
 * What is written to a function that is not ready is lost, and the next attempt would
 * save what is left. 0x0001 is what a root port says instead of an answer that is put
 * off (PCIe 2.3.2, RRS software visibility).
 */
int confsave_ready(struct hw *hw, struct bdf bdf, struct err *err)
{
	const uint64_t start = hw_now(hw);
	char text[BDF_STR];
	uint32_t id;
	int rc;

	for (;;) {
		rc = hw_cfg_read(hw, bdf, PCI_VENDOR_ID, 4, &id, err);
		if (rc || facts_id_answers(id))
			return rc;
		if (hw_now(hw) - start >= CONFSAVE_READY_US)
			break;
		hw_sleep(hw, 1000);
	}
	return err_set(err, EIO, "%s does not answer (config 0x0 reads 0x%x for %u ms), "
		       "its configuration could not be put back", bdf_str(bdf, text), id,
		       CONFSAVE_READY_US / 1000);
}

int confsave_restore(struct hw *hw, const struct confsave *save, struct err *err)
{
	int rc = confsave_ready(hw, save->bdf, err);

	for (size_t i = 0; i < save->n && !rc; i++)
		rc = cs_put(hw, save->bdf, &save->item[i], err);
	return rc;
}
