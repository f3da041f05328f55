// SPDX-License-Identifier: GPL-2.0-or-later
#include "fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz_common.h"
#include "hw/hw_sim.h"
#include "run/held.h"
#include "run/recover.h"

#define HELD_FILE "held-0000:0b:00"
#define JOURNAL_FILE "journal-0000:0b:00"
#define UNDO_MOST_US 660000000ull       /* ten minutes a line, and the accesses */

static const struct bdf slot = { 0, 0x0b, 0, 0 };

/* --- held values ----------------------------------------------------------------- */

static bool same_hold(const struct hold *a, const struct hold *b)
{
	if (a->nvms != b->nvms || a->n != b->n)
		return false;
	for (size_t i = 0; i < a->nvms; i++)
		if (strcmp(a->vm[i].name, b->vm[i].name) ||
		    a->vm[i].since_s != b->vm[i].since_s)
			return false;
	for (size_t i = 0; i < a->n; i++) {
		const struct hold_item *x = &a->item[i], *y = &b->item[i];

		if (!bdf_eq(x->fn, y->fn) || strcmp(x->name, y->name) ||
		    strcmp(x->old, y->old) || strcmp(x->set, y->set))
			return false;
	}
	return true;
}

static void held(const uint8_t *data, size_t size)
{
	struct hold *h = calloc(2, sizeof(*h));
	struct err err = { 0 };

	fuzz_insist(h, "memory");
	fuzz_file(HELD_FILE, data, size);
	if (held_read(fuzz_dir(), slot, &h[0], &err)) {
		fuzz_insist(err.code && err.text[0], "a refusal says why");
		fuzz_insist(!h[0].n && !h[0].nvms, "half a list is none");
	} else {
		fuzz_insist(h[0].n <= HOLD_MOST, "values");
		fuzz_insist(h[0].nvms <= HOLD_VMS, "VMs");
		for (size_t i = 0; i < h[0].n; i++)
			fuzz_bdf_valid(h[0].item[i].fn);
		fuzz_insist(!held_write(fuzz_dir(), slot, &h[0], &err) &&
			    !held_read(fuzz_dir(), slot, &h[1], &err) &&
			    same_hold(&h[0], &h[1]), "read, written, read again");
	}
	free(h);
}

/* --- the journal ----------------------------------------------------------------- */

static size_t entries(bool *damaged)
{
	struct journal_list list;
	struct journal j;
	struct err err = { 0 };
	size_t n;

	fuzz_insist(!journal_open(&j, fuzz_dir(), slot, &err), "a journal opens");
	fuzz_insist(!journal_read(&j, &list, &err), "and is read");
	*damaged = j.damaged;
	fuzz_insist(j.open == list.n, "what is not done is open");
	for (size_t i = 0; i < list.n; i++) {
		fuzz_bdf_valid(list.item[i].step.fn);
		fuzz_insist(list.item[i].image.n <= CONFSAVE_MAX, "an image's registers");
	}
	n = list.n;
	journal_list_free(&list);
	journal_close(&j);
	return n;
}

/* Behind whatever is in it a new intent can be written and is found again. */
static void append(void)
{
	static const struct step step = {
		.kind = STEP_ATTR, .phase = PHASE_PUT_BACK, .name = "power/control",
		.fn = { 0, 0x0b, 0, 0 }, .text = "a to",
	};
	const struct exec_undo undo = { .step = &step, .place = 1 };
	struct err err = { 0 };
	bool damaged;
	size_t before = entries(&damaged);
	struct journal j;

	fuzz_insist(!journal_open(&j, fuzz_dir(), slot, &err), "a journal opens");
	j.keep.begin(j.keep.arg);
	fuzz_insist(!j.keep.intend(j.keep.arg, &undo, &err), "an intent is written");
	journal_close(&j);
	fuzz_insist(entries(&damaged) == before + 1 && !damaged,
		    "an intent is found again, behind what could be read");
}

/* What it says is done, on a machine that has the card, in a time that ends. */
static void put_back(const uint8_t *data, size_t size)
{
	const struct sim_bridge port = {
		.bdf = { 0, 0, 1, 0 }, .secondary = 0x0b, .type = SIM_ROOT_PORT,
		.vendor = 0x1b36, .device = 0x000c,
	};
	struct hw *hw = hw_sim_open();
	uint64_t most = UNDO_MOST_US;
	struct recovery rec = { 0 };
	struct err err = { 0 };
	int rc;

	for (size_t i = 0; i < size; i++)
		most += data[i] == '\n' ? UNDO_MOST_US : 0;
	hw_sim_bridge(hw, &port);
	hw_sim_driver(hw, "vfio-pci");
	hw_sim_boot(hw);
	rc = recover_slot(hw, fuzz_dir(), slot, NULL, &rec, &err);
	fuzz_insist(!rc || err.text[0], "a refusal says why");
	fuzz_insist(hw_now(hw) < most, "it ends");
	hw_close(hw);
}

int fuzz_held(const uint8_t *data, size_t size)
{
	bool damaged;

	held(data, size);
	fuzz_file(JOURNAL_FILE, data, size);
	entries(&damaged);
	fuzz_file(JOURNAL_FILE, data, size);
	append();
	fuzz_file(JOURNAL_FILE, data, size);
	put_back(data, size);
	return 0;
}
