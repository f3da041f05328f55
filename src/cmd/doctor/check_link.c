// SPDX-License-Identifier: GPL-2.0-or-later
/* The links of the card's path: width, speed, errors, ASPM, the slot's power. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "cmd/doctor/exam.h"
#include "cmd/doctor/passthrough.h"

#define ASPM_POLICY "/sys/module/pcie_aspm/parameters/policy"

struct link_end {
	struct bdf bdf;
	unsigned cap;           /* its PCIe capability */
	const struct link_facts *link;
};

/* @up: the end nearer to the CPU, a root port or a switch's downstream port. */
struct link {
	struct link_end up, down;
};

/* The links of the card's path that are up and have both ends, the card's own first. */
static size_t links_of(const struct exam *x, struct link link[MAX_PATH])
{
	const struct target *t = &x->at_card->study.target;
	const struct fn_facts *fn = target_main(t);
	size_t n = 0;

	for (size_t i = 0; i < t->npath; i++) {
		const struct bridge_facts *up = &t->path[i];
		struct link l = { .up = { up->bdf, up->pcie_cap, &up->link } };

		if (i)
			l.down = (struct link_end){ t->path[i - 1].bdf,
				t->path[i - 1].pcie_cap, &t->path[i - 1].link };
		else
			l.down = (struct link_end){ fn->bdf, fn->pcie_cap, &fn->link };
		if ((up->type != PORT_ROOT && up->type != PORT_DOWNSTREAM) ||
		    !up->link.present || !l.down.link->present || !up->link.width ||
		    (up->link.reports_active && !up->link.active))
			continue;
		link[n++] = l;
	}
	return n;
}

static uint32_t link_read(const struct exam *x, const struct link_end *end, unsigned off)
{
	uint32_t val;

	if (hw_cfg_read(x->hw, end->bdf, end->cap + off, 2, &val, NULL) || val == 0xffff)
		return 0;
	return val;
}

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* --- width and speed ------------------------------------------------------------ */

static void check_width(struct exam *x)
{
	struct link link[MAX_PATH];
	size_t n = links_of(x, link);
	char up[BDF_STR], down[BDF_STR];

	for (size_t i = 0; i < n; i++) {
		const struct link_facts *l = link[i].up.link;
		unsigned best = least(l->max_width, link[i].down.link->max_width);

		if (l->width >= best)
			continue;
		exam_found(x, SEV_WARNING, "the link from %s to %s has x%u (LNKSTA), "
			   "both ends can x%u", bdf_str(link[i].up.bdf, up),
			   bdf_str(link[i].down.bdf, down), l->width, best);
		exam_fix(x, "if it had x%u since the last start of the host: reboot, a "
			 "reset left it narrow; else seat the card anew, try it without "
			 "riser cable, and look in the board's manual which slots and "
			 "M.2 sockets share lanes", best);
	}
}

/*
 * Cards lower their speed while they have nothing to do, mostly to 2.5 GT/s, so a low one
 * alone says little, and nothing at all of one that no VM has open. But a port whose
 * target speed is low was told so: by the firmware's setup, or by the kernel after a link
 * that did not train (linux: drivers/pci/quirks.c, pcie_failed_link_retrain()).
 */
static void check_speed(struct exam *x)
{
	struct link link[MAX_PATH];
	size_t n = links_of(x, link);
	char up[BDF_STR], down[BDF_STR];
	bool noted = false, used = pt_wanted(x) && x->at_card->study.target.nholders;

	for (size_t i = 0; i < n; i++) {
		const struct link_facts *l = link[i].up.link;
		unsigned best = least(l->max_speed, link[i].down.link->max_speed);
		unsigned told = link_read(x, &link[i].up, PCI_EXP_LNKCTL2) &
				PCI_EXP_LNKCTL2_TLS;
		bool low = told && told < best;

		/* idle, all links of a card with its own switch are slow */
		if (!l->speed || l->speed >= best || (!low && (noted || !used)))
			continue;
		noted |= !low;
		exam_found(x, low ? SEV_WARNING : SEV_NOTE, "the link from %s to %s has "
			   "%s (LNKSTA), both ends can %s%s%s",
			   bdf_str(link[i].up.bdf, up),
			   bdf_str(link[i].down.bdf, down), link_speed_str(l->speed),
			   link_speed_str((uint8_t)best),
			   low ? "; the port's target (LNKCTL2) is " : "",
			   low ? link_speed_str((uint8_t)told) : "");
		if (low)
			exam_fix(x, "set the slot's PCIe speed to Auto in the firmware's "
				 "setup; if it is: the link failed to train and was "
				 "slowed down; reboot, then look at seat and riser "
				 "cable");
		else
			exam_fix(x, "nothing, if the VM is idle: cards slow their link "
				 "down then; look again while it works:\n cat "
				 "/sys/bus/pci/devices/%s/current_link_speed", down);
	}
}

/* --- slot power ----------------------------------------------------------------- */

/* PCIe 7.5.3.9; above 0xef a few values stand for more, all of them enough. */
static unsigned slot_mw(uint32_t sltcap)
{
	static const unsigned scale[] = { 1000, 100, 10, 1 };

	return ((sltcap & PCI_EXP_SLTCAP_SPLV) >> 7) *
	       scale[(sltcap & PCI_EXP_SLTCAP_SPLS) >> 15];
}

#define SLOT_X16_MW 75000       /* PCIe CEM: what a x16 graphics card may take from it */

static void check_slot_power(struct exam *x)
{
	const struct target *t = &x->at_card->study.target;
	size_t level = target_card_level(t);
	const struct bridge_facts *br = &t->path[level];
	uint32_t flags, sltcap;
	char text[BDF_STR];
	unsigned mw;

	if (level >= t->npath || !br->pcie_cap || target_main(t)->link.max_width < 16 ||
	    hw_cfg_read(x->hw, br->bdf, br->pcie_cap + PCI_EXP_FLAGS, 2, &flags, NULL) ||
	    !(flags & PCI_EXP_FLAGS_SLOT) ||
	    hw_cfg_read(x->hw, br->bdf, br->pcie_cap + PCI_EXP_SLTCAP, 4, &sltcap, NULL))
		return;
	mw = slot_mw(sltcap);
	if (!mw || mw >= SLOT_X16_MW || sltcap == UINT32_MAX)
		return;
	exam_found(x, SEV_NOTE, "slot of %s: at most %u.%u W (SLTCAP); a x16 card may "
		   "take 75 W", bdf_str(br->bdf, text), mw / 1000, mw % 1000 / 100);
	exam_fix(x, "nothing, if the card has power cables of its own and runs well "
		 "under load; else the board's x16 slot");
}

/* --- ASPM ----------------------------------------------------------------------- */

/* On at both ends: bit 0 L0s, bit 1 L1 (PCIe 7.5.3.7). */
static unsigned link_aspm(const struct exam *x, const struct link *l)
{
	return link_read(x, &l->up, PCI_EXP_LNKCTL) &
	       link_read(x, &l->down, PCI_EXP_LNKCTL) & PCI_EXP_LNKCTL_ASPMC;
}

static bool link_l1ss(const struct exam *x, const struct link *l)
{
	unsigned off;
	uint32_t ctl;

	return !hw_find_cap(x->hw, l->down.bdf, PCI_EXT_CAP_ID_L1SS, true, &off, NULL) &&
	       !hw_cfg_read(x->hw, l->down.bdf, off + PCI_L1SS_CTL1, 4, &ctl, NULL) &&
	       ctl != UINT32_MAX && ctl & PCI_L1SS_CTL1_L1SS_MASK;
}

static const char *aspm_str(unsigned aspm)
{
	static const char *const words[] = { "off", "L0s", "L1", "L0s and L1" };

	return words[aspm & 3];
}

/* The link with ASPM that has @bdf as an end, or NULL. */
static const struct link *aspm_at(const struct exam *x, const struct link *link, size_t n,
				  struct bdf bdf)
{
	for (size_t i = 0; i < n; i++)
		if ((bdf_eq(link[i].up.bdf, bdf) || bdf_eq(link[i].down.bdf, bdf)) &&
		    link_aspm(x, &link[i]))
			return &link[i];
	return NULL;
}

/* Documentation/admin-guide/kernel-parameters.txt: "off" leaves it as firmware set it. */
static void check_aspm_off(struct exam *x)
{
	const char *value = exam_cmdline(x, "pcie_aspm");
	struct link link[MAX_PATH];
	size_t n = links_of(x, link);
	char up[BDF_STR], down[BDF_STR];

	for (size_t i = 0; value && !strcmp(value, "off") && i < n; i++) {
		unsigned aspm = link_aspm(x, &link[i]);

		if (!aspm)
			continue;
		exam_found(x, SEV_NOTE, "/proc/cmdline has pcie_aspm=off, and the link "
			   "from %s to %s has %s on (LNKCTL)",
			   bdf_str(link[i].up.bdf, up),
			   bdf_str(link[i].down.bdf, down), aspm_str(aspm));
		exam_fix_cmdline(x, "to have it off, put pcie_aspm.policy=performance in "
				 "place of pcie_aspm=off into");
		return;
	}
}

/* --- errors --------------------------------------------------------------------- */

/*
 * Corrected ones are part of the trade: a link that trains or wakes has some. So many
 * since the host's start (our own figure) are a link that is not sound.
 */
#define AER_MANY 100

/* linux: Documentation/ABI/testing/sysfs-bus-pci-devices-aer_stats; TOTAL_... is last. */
static const struct aer_row {
	const char *attr, *what;
	enum severity severity;
	unsigned long least;
	bool corrected;
} aer_rows[] = {
	{ "aer_dev_fatal", "fatal", SEV_WARNING, 1, false },
	{ "aer_dev_nonfatal", "non-fatal", SEV_NOTE, 1, false },
	{ "aer_dev_correctable", "corrected", SEV_WARNING, AER_MANY, true },
};

/* "RxErr 12\nBadTLP 0\n...TOTAL_ERR_COR 12": the total, and which into @names. */
static unsigned long aer_sum(const char *text, char *names, size_t size)
{
	unsigned long total = 0, count;
	size_t n = 0;
	char name[32];

	names[0] = '\0';
	for (const char *at = text; at; at = strchr(at, '\n')) {
		at += *at == '\n';
		if (sscanf(at, "%31s %lu", name, &count) != 2 || !count)
			continue;
		if (!strncmp(name, "TOTAL_", 6))
			total = count;
		else if (n < size)
			n += (size_t)snprintf(names + n, size - n, "%s%s %lu",
					      n ? ", " : "", name, count);
	}
	return total;
}

static void aer_fix(struct exam *x, const struct link *aspm)
{
	const char *policy = exam_file(x, ASPM_POLICY);
	char up[BDF_STR];

	if (aspm)
		exam_fix(x, "try it without ASPM, of which %s%s is on at %s (the policy "
			 "is '%s'):\n echo performance > " ASPM_POLICY "\nif that helps, "
			 "the kernel parameter pcie_aspm.policy=performance makes it "
			 "last; else seat the card anew, and try it without riser cable",
			 aspm_str(link_aspm(x, aspm)),
			 link_l1ss(x, aspm) ? " with substates" : "",
			 bdf_str(aspm->up.bdf, up), policy ? policy : "?");
	else
		exam_fix(x, "seat the card anew, try it without riser cable; set the "
			 "slot one PCIe generation lower in the firmware's setup");
}

static void aer_fn(struct exam *x, struct bdf bdf, const struct aer_row *row)
{
	char text[2048], names[256], name[BDF_STR];
	unsigned long total = aer_sum(exam_attr(x, bdf, row->attr, text, sizeof(text)),
				      names, sizeof(names));
	struct link link[MAX_PATH];

	if (total < row->least)
		return;
	exam_found(x, row->severity, "%s of %s: %lu %s errors since the host's start "
		   "(%s)", row->attr, bdf_str(bdf, name), total, row->what, names);
	aer_fix(x, row->corrected ? aspm_at(x, link, links_of(x, link), bdf) : NULL);
}

static void check_aer(struct exam *x)
{
	const struct target *t = &x->at_card->study.target;

	for (size_t r = 0; r < sizeof(aer_rows) / sizeof(*aer_rows); r++) {
		for (size_t i = 0; i < t->nfns; i++)
			aer_fn(x, t->fn[i].bdf, &aer_rows[r]);
		for (size_t i = 0; i < t->npath; i++)
			aer_fn(x, t->path[i].bdf, &aer_rows[r]);
	}
}

const struct check doctor_link[] = {
	{ "link-width", ON_CARD, "a link on the card's path is narrower than it could be",
	  "the card works, at a fraction of the throughput", check_width },
	{ "link-speed", ON_CARD, "a link on the card's path is slower than it could be",
	  "if it stays so under load, the card works at a fraction of the throughput",
	  check_speed },
	{ "slot-power", ON_CARD, "the slot allows less power than a x16 card may take",
	  "a card that takes more falls off the bus under load", check_slot_power },
	{ "aspm-off", ON_CARD, "pcie_aspm=off does not switch ASPM off",
	  "it leaves the power saving of links as the firmware set it; and with it some "
	  "cards no longer woke", check_aspm_off },
	{ "aer", ON_CARD, "the card's links had errors",
	  "a link that loses packets ends in hangs, resets that fail, and cards that "
	  "fall off the bus", check_aer },
	{ 0 }
};
