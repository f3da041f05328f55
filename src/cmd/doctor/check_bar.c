// SPDX-License-Identifier: GPL-2.0-or-later
/* The card's BARs: what the kernel gave, what the card has, what it was resized to. */
#include <stdio.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "cmd/doctor/exam.h"

/* linux: include/linux/ioport.h */
#define RES_IO 0x100u
#define RES_MEM 0x200u
#define RES_MEM_64 0x100000u

#define BAR_FIX \
	"stop its VM, then take the card off the bus and find it again, or reboot:\n " \
	"gpureset reset %s --method bus"

/* A register of @fn; false when there is nothing to conclude from it. */
static bool bar_read(const struct exam *x, const struct fn_facts *fn, unsigned off,
		     uint32_t *val)
{
	return !hw_cfg_read(x->hw, fn->bdf, off, 4, val, NULL) && *val != UINT32_MAX;
}

/* --- without an address ---------------------------------------------------------- */

/*
 * The kernel shows what it found no room for at address 0, or, after it gave up, without
 * flags; the log then has "BAR 0 [mem size 0x...]: failed to assign" (before 6.8 "BAR 0:
 * failed to assign [mem size 0x...]"). An I/O BAR without address does no harm.
 */
static const char *bar_log(struct exam *x, const struct fn_facts *fn, int bar)
{
	char text[BDF_STR], what[BDF_STR + 16];
	const char *line;

	snprintf(what, sizeof(what), "%s: BAR %d", bdf_str(fn->bdf, text), bar);
	line = exam_log(x, what, "failed to assign");
	if (!line)
		line = exam_log(x, what, "no space");
	return line && strstr(line, "[mem") ? line : NULL;
}

static bool bar_is_unassigned(const struct bar_facts *bar, const char *line)
{
	return bar->flags & RES_MEM ? bar->size && !bar->start :
	       !bar->flags && !bar->size && line;
}

static void check_unassigned(struct exam *x)
{
	const struct target *t = &x->at_card->study.target;
	char text[BDF_STR];

	for (size_t i = 0; i < t->nfns; i++)
		for (int b = 0; b < 6; b++) {
			const struct bar_facts *bar = &t->fn[i].bar[b];
			const char *line = bar_log(x, &t->fn[i], b);

			if (!bar_is_unassigned(bar, line))
				continue;
			exam_found(x, SEV_PROBLEM, "BAR%d of %s (file resource) has no "
				   "address%s%s", b, bdf_str(t->fn[i].bdf, text),
				   line ? "; the kernel's log: " : "", line ? line : "");
			exam_fix_cmdline(x, "after a remove and rescan: reboot; else "
					 "switch \"Above 4G Decoding\" on in the "
					 "firmware's setup; if that does not help, "
					 "Resizable BAR off; or add pci=realloc to");
			return;
		}
}

/* --- another address than the kernel's -------------------------------------------- */

static bool bar_is_lost(const struct exam *x, const struct fn_facts *fn, int b,
			uint64_t *got)
{
	const struct bar_facts *bar = &fn->bar[b];
	const unsigned off = PCI_BASE_ADDRESS_0 + 4 * (unsigned)b;
	uint32_t low, high = 0;

	if (!bar->size || !bar->start || !bar_read(x, fn, off, &low))
		return false;
	if (bar->flags & RES_MEM_64 &&
	    hw_cfg_read(x->hw, fn->bdf, off + 4, 4, &high, NULL))
		return false;
	*got = (uint64_t)high << 32 | (low & (bar->flags & RES_IO ? ~3u : ~15u));
	return *got != bar->start;
}

static void check_lost(struct exam *x)
{
	const struct target *t = &x->at_card->study.target;
	char text[BDF_STR], slot[BDF_STR];
	uint64_t got;

	for (size_t i = 0; i < t->nfns; i++)
		for (int b = 0; b < 6; b++) {
			if (!t->fn[i].answers || !bar_is_lost(x, &t->fn[i], b, &got))
				continue;
			exam_found(x, SEV_PROBLEM, "BAR%d of %s (config 0x%x) is 0x%llx, "
				   "the kernel gave it 0x%llx (file resource)", b,
				   bdf_str(t->fn[i].bdf, text),
				   PCI_BASE_ADDRESS_0 + 4 * (unsigned)b,
				   (unsigned long long)got,
				   (unsigned long long)t->fn[i].bar[b].start);
			exam_fix(x, BAR_FIX, bdf_slot_str(t->spec.bdf, slot));
			return;
		}
}

/* --- Resizable BAR ---------------------------------------------------------------- */

/*
 * PCIe 7.8.6: a capability and a control register for each BAR that can be resized; how
 * many is in the first control register, sizes are powers of two from 1 MB on.
 */
static bool rebar_one(const struct exam *x, const struct fn_facts *fn, unsigned ctrl_off,
		      int *bar, uint64_t *size)
{
	uint32_t ctrl;

	if (!bar_read(x, fn, ctrl_off, &ctrl))
		return false;
	*bar = (int)(ctrl & PCI_REBAR_CTRL_BAR_IDX);
	*size = 1ull << (((ctrl & PCI_REBAR_CTRL_BAR_SIZE) >>
			  PCI_REBAR_CTRL_BAR_SHIFT) + 20);
	return *bar < 6 && fn->bar[*bar].size && *size != fn->bar[*bar].size;
}

static void rebar_fn(struct exam *x, const struct fn_facts *fn)
{
	unsigned cap, n;
	char text[BDF_STR], slot[BDF_STR];
	uint32_t ctrl;
	uint64_t size;
	int bar;

	if (hw_find_cap(x->hw, fn->bdf, PCI_EXT_CAP_ID_REBAR, true, &cap, NULL) ||
	    !bar_read(x, fn, cap + PCI_REBAR_CTRL, &ctrl))
		return;
	if (exam_is_dump(x)) {
		exam_unknown(x, "a dump of lspci does not tell what the kernel gave");
		return;
	}
	n = (ctrl & PCI_REBAR_CTRL_NBAR_MASK) >> PCI_REBAR_CTRL_NBAR_SHIFT;
	for (unsigned i = 0; i < n && i < 6; i++) {
		if (!rebar_one(x, fn, cap + PCI_REBAR_CTRL + 8 * i, &bar, &size))
			continue;
		exam_found(x, SEV_PROBLEM, "BAR%d of %s is set to %llu MB (Resizable "
			   "BAR, config 0x%x), the kernel gave it %llu MB (file "
			   "resource)",
			   bar, bdf_str(fn->bdf, text), (unsigned long long)size >> 20,
			   cap + PCI_REBAR_CTRL + 8 * i,
			   (unsigned long long)fn->bar[bar].size >> 20);
		exam_fix(x, BAR_FIX "\nif it comes back: Resizable BAR off in the "
			 "firmware's setup", bdf_slot_str(fn->bdf, slot));
	}
}

static void check_rebar(struct exam *x)
{
	const struct target *t = &x->at_card->study.target;

	for (size_t i = 0; i < t->nfns; i++)
		if (t->fn[i].answers)
			rebar_fn(x, &t->fn[i]);
}

const struct check doctor_bar[] = {
	{ "bar-unassigned", ON_CARD, "the kernel found no room for a BAR",
	  "without an address the BAR cannot be mapped, and neither a driver nor a VM "
	  "gets the card to work", check_unassigned },
	{ "bar-lost", ON_CARD, "a BAR is not where the kernel put it",
	  "the card was reset behind the kernel's back: what is written to it goes "
	  "nowhere, or to another device", check_lost },
	{ "rebar", ON_CARD, "a BAR's size was changed behind the kernel's back",
	  "a guest or a reset left another size than the host assigned; it fails with "
	  "Code 43, or overlaps another device", check_rebar },
	{ 0 }
};
