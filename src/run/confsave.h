/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A function's configuration space, remembered and put back around a register
 * program: what Linux saves in pci_save_state(), less what it alone knows (PASID,
 * PRI and ATS enables stay as the hardware leaves them: off).
 */
#ifndef GPURESET_RUN_CONFSAVE_H
#define GPURESET_RUN_CONFSAVE_H

#include <stdbool.h>

#include "hw/hw.h"

#define CONFSAVE_MAX 96
/* How long a restore waits for an answer; PCIe 6.6.1: 1 s, then it may be broken. */
#define CONFSAVE_READY_US 1000000u

/*
 * One register. All ones may be its value or an accident: read again when it is, and
 * -EIO when the function does not answer at all.
 */
int confsave_read(struct hw *hw, struct bdf bdf, unsigned off, unsigned width,
		  uint32_t *value, struct err *err);

struct confsave_item {
	uint16_t off;
	uint8_t width;
	uint32_t value;
};

struct confsave {
	struct bdf bdf;
	uint32_t id;                    /* vendor and device, config 0x0 */
	struct confsave_item item[CONFSAVE_MAX];
	size_t n;
};

/* Reads only. -EIO: the function answers with all ones. */
int confsave_save(struct hw *hw, struct bdf bdf, struct confsave *save, struct err *err);

/* Is the register at @off among what was saved? *@value: as it was; may be NULL. */
bool confsave_has(const struct confsave *save, unsigned off, uint32_t *value);

/* Wait until the function answers. -EIO: not within CONFSAVE_READY_US. */
int confsave_ready(struct hw *hw, struct bdf bdf, struct err *err);

/*
 * Waits until the function answers, as saved values written before that are lost; then
 * capabilities first (resizable BAR before the BARs), then BARs, COMMAND last but
 * for interrupts; each BAR is read back. -EIO: it does not answer within
 * CONFSAVE_READY_US, or a BAR did not keep its value.
 */
int confsave_restore(struct hw *hw, const struct confsave *save, struct err *err);

#endif
