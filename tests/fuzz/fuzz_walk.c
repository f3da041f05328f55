// SPDX-License-Identifier: GPL-2.0-or-later
#include "fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "fuzz/fuzz_common.h"
#include "hw/hw_linux.h"
#include "run/confsave.h"

#define CFG 4096
#define FN "sys/bus/pci/devices/0000:01:00.0/"

static const struct bdf card = { 0, 1, 0, 0 };

static void make_sys(void)
{
	static const struct {
		const char *name, *text;
	} rows[] = {
		{ FN "vendor", "0x1002\n" }, { FN "device", "0x731f\n" },
		{ FN "class", "0x030000\n" }, { FN "revision", "0xc1\n" },
		{ FN "power/control", "on\n" }, { "proc/sys/kernel/osrelease", "6.12\n" },
	};
	static bool made;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows) && !made; i++)
		fuzz_file(rows[i].name, rows[i].text, strlen(rows[i].text));
	made = true;
}

static uint32_t get(const uint8_t *cfg, unsigned off, unsigned width)
{
	uint32_t val = 0;

	for (unsigned i = 0; i < width && off + i < CFG; i++)
		val |= (uint32_t)cfg[off + i] << (8 * i);
	return val;
}

/* A capability is where its id is. */
static void check_cap(struct hw *hw, const uint8_t *cfg, uint16_t id, bool ext)
{
	unsigned off = 0;

	if (hw_find_cap(hw, card, id, ext, &off, NULL))
		return;
	fuzz_insist(off % 4 == 0 && off >= (ext ? 0x100u : 0x40u) &&
		    off < (ext ? 0x1000u : 0x100u), "a capability's place");
	fuzz_insist(get(cfg, off, ext ? 2 : 1) == id, "a capability's id");
}

static void check_facts(const struct target *t, const uint8_t *cfg)
{
	const struct fn_facts *fn = &t->fn[0];

	fuzz_insist(t->nfns == 1 && t->npath == 0 && t->nother == 0, "one function");
	/* vendor 0x0001 is PCIe's "not yet" */
	fuzz_insist(fn->answers == (get(cfg, 0, 4) != UINT32_MAX && get(cfg, 0, 2) != 1),
		    "does it answer");
	fuzz_insist(fn->answers || (!fn->pm_cap && !fn->pcie_cap && !fn->af_cap &&
				    !fn->flr && !fn->af_flr), "all ones have nothing");
}

/* What a reset would put back is what was there, each register whole. */
static void check_save(struct hw *hw, const uint8_t *cfg)
{
	struct confsave *save = calloc(1, sizeof(*save));
	struct err err = { 0 };

	fuzz_insist(save, "memory");
	if (confsave_save(hw, card, save, &err) == 0) {
		fuzz_insist(save->n <= CONFSAVE_MAX, "registers");
		for (size_t i = 0; i < save->n; i++) {
			const struct confsave_item *it = &save->item[i];

			fuzz_insist(it->off % it->width == 0 &&
				    it->off + it->width <= CFG, "a register's place");
			fuzz_insist(it->value == get(cfg, it->off, it->width),
				    "a register's value");
		}
	} else {
		fuzz_insist(err.code && err.text[0], "a refusal says why");
	}
	free(save);
}

static void walk(struct hw *hw, const uint8_t *cfg)
{
	const struct bdf_spec spec = { card, true };
	struct target *t = calloc(1, sizeof(*t));
	struct err err = { 0 };

	fuzz_insist(t, "memory");
	if (facts_collect(hw, &spec, t, &err) == 0)
		check_facts(t, cfg);
	else
		fuzz_insist(err.code && err.text[0], "a refusal says why");
	for (unsigned id = 1; id <= PCI_CAP_ID_MAX; id++)
		check_cap(hw, cfg, (uint16_t)id, false);
	for (unsigned id = 1; id <= PCI_EXT_CAP_ID_MAX; id++)
		check_cap(hw, cfg, (uint16_t)id, true);
	check_save(hw, cfg);
	target_free(t);
	free(t);
}

int fuzz_walk(const uint8_t *data, size_t size)
{
	uint8_t cfg[CFG] = { 0 };
	struct err err = { 0 };
	struct hw *hw;

	/* the kernel shows 64, 256 or 4096 bytes, the rest of the input is zeros */
	memcpy(cfg, data, size < CFG ? size : CFG);
	make_sys();
	fuzz_file(FN "config", cfg, size <= 64 ? 64 : size <= 256 ? 256 : CFG);
	hw = hw_linux_open_at(fuzz_dir(), &err);
	fuzz_insist(hw, "a machine");
	walk(hw, cfg);
	hw_close(hw);
	return 0;
}
