// SPDX-License-Identifier: GPL-2.0-or-later
/* Collects struct topo: the tree first, then each function's registers. */
#include "plan/topo.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "base/xalloc.h"
#include "plan/facts_fn.h"

/* --- the tree --------------------------------------------------------------------- */

/* A function of the scan while the order of the tree is being found. */
struct branch {
	struct hw_node seen;
	size_t parent, child, sibling;  /* indexes in address order, or TOPO_NONE */
	bool placed, cut;
};

struct forest {
	struct branch *at;
	size_t n, room;
};

static int topo_seen(const struct hw_node *node, void *arg)
{
	struct forest *f = arg;

	f->at = xgrow(f->at, f->n, &f->room, sizeof(*f->at));
	f->at[f->n++] = (struct branch){ .seen = *node };
	return 0;
}

static int topo_by_address(const void *a, const void *b)
{
	const struct branch *x = a, *y = b;

	return bdf_cmp(x->seen.bdf, y->seen.bdf);
}

static size_t topo_branch_of(const struct forest *f, struct bdf bdf)
{
	const struct branch key = { .seen.bdf = bdf };
	const struct branch *at = f->n ? bsearch(&key, f->at, f->n, sizeof(*f->at),
						 topo_by_address) : NULL;

	return at ? (size_t)(at - f->at) : TOPO_NONE;
}

/* From the last to the first, so that siblings end up in address order. */
static void topo_link_up(struct forest *f)
{
	for (size_t i = 0; i < f->n; i++) {
		f->at[i].parent = f->at[i].child = f->at[i].sibling = TOPO_NONE;
		if (f->at[i].seen.on_root_bus)
			continue;
		f->at[i].parent = topo_branch_of(f, f->at[i].seen.parent);
		f->at[i].cut = f->at[i].parent == TOPO_NONE;
	}
	for (size_t i = f->n; i-- > 0;) {
		size_t up = f->at[i].parent;

		if (up == TOPO_NONE)
			continue;
		f->at[i].sibling = f->at[up].child;
		f->at[up].child = i;
	}
}

/* Where to go on behind @i, when all below it is placed; closes what ends here. */
static size_t topo_after(struct topo *t, const struct forest *f, size_t i,
			 size_t *place, size_t root)
{
	while (i != root) {
		size_t next = f->at[i].sibling;

		t->node[place[i]].end = t->n;
		if (next != TOPO_NONE)
			return next;
		i = f->at[i].parent;
	}
	t->node[place[root]].end = t->n;
	return TOPO_NONE;
}

static void topo_place_one(struct topo *t, struct forest *f, size_t i, size_t *place,
			   size_t parent)
{
	struct topo_node *node = &t->node[t->n];

	f->at[i].placed = true;
	place[i] = t->n++;
	node->fn.bdf = f->at[i].seen.bdf;
	node->cut = f->at[i].cut;
	node->parent = parent;
	node->depth = parent == TOPO_NONE ? 0 : t->node[parent].depth + 1;
	t->by_bdf[i] = place[i];
}

/* Depth first without recursion: a hostile file may be one chain of bridges. */
static void topo_place(struct topo *t, struct forest *f, size_t root, size_t *place)
{
	size_t i = root;

	f->at[root].cut |= f->at[root].parent != TOPO_NONE;
	topo_place_one(t, f, root, place, TOPO_NONE);
	do {
		size_t next = f->at[i].child;

		/* below a circle's cut there may be such, and none comes after these */
		while (next != TOPO_NONE && f->at[next].placed)
			next = f->at[next].sibling;
		i = next != TOPO_NONE ? next : topo_after(t, f, i, place, root);
		if (i != TOPO_NONE)
			topo_place_one(t, f, i, place, place[f->at[i].parent]);
	} while (i != TOPO_NONE);
}

/* Those on root buses, then what is left: circles, each cut at its lowest address. */
static void topo_order(struct topo *t, struct forest *f)
{
	size_t *place = xcalloc(f->n + 1, sizeof(*place));

	t->node = xcalloc(f->n + 1, sizeof(*t->node));
	t->by_bdf = xcalloc(f->n + 1, sizeof(*t->by_bdf));
	for (size_t i = 0; i < f->n; i++)
		if (f->at[i].parent == TOPO_NONE)
			topo_place(t, f, i, place);
	for (size_t i = 0; i < f->n; i++)
		if (!f->at[i].placed)
			topo_place(t, f, i, place);
	free(place);
}

/* --- one function ----------------------------------------------------------------- */

static uint32_t topo_cfg(struct hw *hw, const struct topo_node *node, unsigned off,
			 unsigned width)
{
	uint32_t val = UINT32_MAX;

	if (hw_cfg_read(hw, node->fn.bdf, off, width, &val, NULL) < 0)
		val = UINT32_MAX;
	return width == 4 ? val : val & ((1u << (8 * width)) - 1);
}

/* A dump does not tell which functions are virtual. */
static bool topo_answers(struct hw *hw, const struct topo_node *node)
{
	return facts_id_answers(topo_cfg(hw, node, PCI_VENDOR_ID, 4)) ||
	       facts_is_virtual(hw, node->fn.bdf);
}

/* By id, the first one of either list; 0: none. */
static unsigned topo_cap_at(const struct topo *t, const struct topo_node *node,
			    uint16_t id, bool ext)
{
	for (size_t i = node->cap; i < node->cap + node->ncaps; i++)
		if (t->cap[i].id == id && t->cap[i].ext == ext)
			return t->cap[i].off;
	return 0;
}

/* Table 7-26 of PCIe 6.0 (Slot Power Limit Value): a scale of 1 has names of its own. */
static uint32_t topo_slot_mw(uint32_t sltcap)
{
	static const uint32_t scale[] = { 1000, 100, 10, 1 };
	const uint32_t value = (sltcap & PCI_EXP_SLTCAP_SPLV) >> 7;
	const uint32_t by = (sltcap & PCI_EXP_SLTCAP_SPLS) >> 15;

	if (!by && value >= 0xf0)       /* 250 W in steps of 25 W; 0xff: more than 600 */
		return (250 + 25 * (value - 0xf0)) * 1000;
	return value * scale[by];
}

static void topo_slot_facts(struct hw *hw, struct topo_node *node, unsigned cap,
			    uint32_t flags)
{
	uint32_t sltcap;

	if (!(flags & PCI_EXP_FLAGS_SLOT) ||
	    (node->type != PORT_ROOT && node->type != PORT_DOWNSTREAM &&
	     node->type != TYPE_PCI_TO_PCIE))
		return;
	sltcap = topo_cfg(hw, node, cap + PCI_EXP_SLTCAP, 4);
	node->slot = sltcap != UINT32_MAX;
	if (!node->slot)
		return;
	node->slot_mw = topo_slot_mw(sltcap);
	node->hotplug = sltcap & PCI_EXP_SLTCAP_HPC;
	node->surprise = sltcap & PCI_EXP_SLTCAP_HPS;
}

static void topo_express(struct hw *hw, const struct topo *t, struct topo_node *node)
{
	unsigned cap = topo_cap_at(t, node, PCI_CAP_ID_EXP, false);
	uint32_t flags, devcap, devctl;

	node->type = TYPE_CONVENTIONAL;
	if (!cap)
		return;
	flags = topo_cfg(hw, node, cap + PCI_EXP_FLAGS, 2);
	node->type = (flags & PCI_EXP_FLAGS_TYPE) >> 4;
	devcap = topo_cfg(hw, node, cap + PCI_EXP_DEVCAP, 4);
	devctl = topo_cfg(hw, node, cap + PCI_EXP_DEVCTL, 2);
	if (devcap != UINT32_MAX) {
		node->max_mps = 128u << (devcap & PCI_EXP_DEVCAP_PAYLOAD);
		node->mps = 128u << ((devctl & PCI_EXP_DEVCTL_PAYLOAD) >> 5);
	}
	if (node->type != TYPE_INTEGRATED && node->type != TYPE_EVENT_COLLECTOR)
		facts_link(hw, node->fn.bdf, cap, &node->link);
	topo_slot_facts(hw, node, cap, flags);
}

/* Source validation, redirection of requests and completions, upstream forwarding. */
#define ACS_NEEDED (PCI_ACS_SV | PCI_ACS_RR | PCI_ACS_CR | PCI_ACS_UF)

/*
 * As Linux groups functions (drivers/pci/pci.c, pci_acs_enabled and
 * pci_acs_flags_enabled): of what isolation needs, that which the capability lacks cannot
 * be turned off and counts as on.
 */
static enum acs_state topo_acs_state(const struct topo_node *node, bool multi,
				     unsigned cap)
{
	switch (node->type) {
	case PORT_ROOT:
	case PORT_DOWNSTREAM:
		break;
	case PORT_UPSTREAM:
	case TYPE_ENDPOINT:
	case TYPE_LEGACY:
	case TYPE_INTEGRATED:
		if (!multi)
			return ACS_NOT_ASKED;
		break;
	default:
		return ACS_NEVER;
	}
	if (!cap)
		return node->short_space ? ACS_UNKNOWN : ACS_ABSENT;
	return node->acs_lacks ? ACS_OPEN : ACS_ISOLATES;
}

static void topo_acs(struct hw *hw, const struct topo *t, struct topo_node *node,
		     bool multi)
{
	unsigned cap = topo_cap_at(t, node, PCI_EXT_CAP_ID_ACS, true);

	if (cap) {
		node->acs_cap = (uint16_t)topo_cfg(hw, node, cap + PCI_ACS_CAP, 2);
		node->acs_ctl = (uint16_t)topo_cfg(hw, node, cap + PCI_ACS_CTRL, 2);
		node->acs_lacks = ACS_NEEDED & node->acs_cap & ~node->acs_ctl;
	}
	node->acs = topo_acs_state(node, multi, cap);
}

static void topo_numbers(struct hw *hw, struct topo_node *node)
{
	node->numbered = true;
	node->primary = (uint8_t)topo_cfg(hw, node, PCI_PRIMARY_BUS, 1);
	node->secondary = (uint8_t)topo_cfg(hw, node, PCI_SECONDARY_BUS, 1);
	node->subordinate = (uint8_t)topo_cfg(hw, node, PCI_SUBORDINATE_BUS, 1);
}

/* One that does not answer is a bridge by what is below it. */
static void topo_bridge(struct hw *hw, struct topo_node *node, struct err *unread)
{
	struct bridge_facts br;

	facts_bridge(hw, node->fn.bdf, &br, unread);
	node->thunderbolt = br.thunderbolt;
	node->has_reset_subordinate = br.has_reset_subordinate;
	if (br.no_bus_reset)
		node->kernel_deny |= KDENY_BUS;
}

static void topo_registers(struct hw *hw, struct topo *t, struct topo_node *node,
			   struct err *unread)
{
	struct fn_facts caps = { .bdf = node->fn.bdf };
	uint8_t type = (uint8_t)topo_cfg(hw, node, PCI_HEADER_TYPE, 1);

	node->header = type & 0x7f;
	if (node->header > PCI_HEADER_TYPE_CARDBUS)
		return;
	topo_caps(hw, t, node);
	topo_express(hw, t, node);
	topo_acs(hw, t, node, type & 0x80 || node->fn.bdf.fn);
	if (node->header != PCI_HEADER_TYPE_NORMAL) {
		topo_numbers(hw, node);
		return;
	}
	facts_caps(hw, node->fn.bdf, &caps, unread);
	node->flr = caps.flr;
	node->af_flr = caps.af_flr;
	node->pm_reset = caps.pm_cap && caps.pm_reset;
}

/* Attributes first: the kernel's word about power, before a read wakes the function. */
static void topo_read(struct hw *hw, struct topo *t, size_t i, struct err *unread)
{
	struct topo_node *node = &t->node[i];
	struct bdf bdf = node->fn.bdf;
	char text[32];

	facts_other(hw, bdf, &node->fn, unread);
	node->type = TYPE_CONVENTIONAL;
	node->header = 0x7f;
	node->group = -1;
	if (!hw_attr_read(hw, bdf, "iommu_group", text, sizeof(text), NULL))
		node->group = (int)strtol(text, NULL, 10);
	if (hw_attr_read(hw, bdf, "power_state", node->power, sizeof(node->power),
			 NULL) || !strcmp(node->power, "unknown"))
		node->power[0] = '\0';
	node->kernel_deny = kernel_denies(node->fn.vendor, node->fn.device,
					  node->fn.class_code, node->parent == TOPO_NONE);
	node->answers = !node->busy && topo_answers(hw, node);
	if (node->answers)
		topo_registers(hw, t, node, unread);
	if (!node->busy && (node->numbered || node->end > i + 1))
		topo_bridge(hw, node, unread);
}

/*
 * A kernel gives 256 bytes of a function that has no more: so does a dump with -xxxx. In
 * one with -xxx all are so, and what is beyond is not known.
 */
static void topo_short_spaces(struct topo *t)
{
	for (size_t i = 0; t->long_spaces && i < t->n; i++)
		if (t->node[i].acs == ACS_UNKNOWN)
			t->node[i].acs = ACS_ABSENT;
}

static void topo_count_ends(struct topo *t)
{
	t->ends = xcalloc(t->n + 1, sizeof(*t->ends));
	for (size_t i = 0; i < t->n; i++)
		t->ends[i + 1] = t->ends[i] + !t->node[i].fn.bridge;
}

int topo_collect(struct hw *hw, topo_skip_fn *skip, void *arg, struct topo *t,
		 struct err *unread, struct err *err)
{
	struct forest f = { 0 };
	int rc = hw_scan(hw, topo_seen, &f, err);

	memset(t, 0, sizeof(*t));
	if (!rc) {
		if (f.n)
			qsort(f.at, f.n, sizeof(*f.at), topo_by_address);
		topo_link_up(&f);
		topo_order(t, &f);
		for (size_t i = 0; i < t->n; i++) {
			t->node[i].busy = skip && skip(t->node[i].fn.bdf, arg);
			topo_read(hw, t, i, unread);
		}
		topo_short_spaces(t);
		topo_count_ends(t);
	}
	free(f.at);
	return rc;
}

void topo_free(struct topo *t)
{
	free(t->node);
	free(t->cap);
	free(t->ends);
	free(t->by_bdf);
	memset(t, 0, sizeof(*t));
}

/* --- questions -------------------------------------------------------------------- */

size_t topo_find(const struct topo *t, struct bdf bdf)
{
	size_t low = 0, high = t->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int cmp = bdf_cmp(t->node[t->by_bdf[mid]].fn.bdf, bdf);

		if (!cmp)
			return t->by_bdf[mid];
		if (cmp < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return TOPO_NONE;
}

size_t topo_slot(const struct topo *t, struct bdf slot)
{
	size_t first = TOPO_NONE;

	for (slot.fn = 0; slot.fn < SLOT_FNS; slot.fn++) {
		size_t i = topo_find(t, slot);

		first = i < first ? i : first;
	}
	return first;
}

size_t topo_slot_next(const struct topo *t, size_t i)
{
	size_t next = TOPO_NONE;
	struct bdf bdf = t->node[i].fn.bdf;

	for (bdf.fn = 0; bdf.fn < SLOT_FNS; bdf.fn++) {
		size_t k = topo_find(t, bdf);

		if (k != TOPO_NONE && k > i && k < next)
			next = k;
	}
	return next;
}

size_t topo_top(const struct topo *t, size_t i)
{
	while (t->node[i].parent != TOPO_NONE)
		i = t->node[i].parent;
	return i;
}

/* The port and what is below it, each other's; TOPO_NONE: not known. */
static size_t topo_link_end(const struct topo *t, size_t i)
{
	const struct topo_node *node = &t->node[i];

	if (node->type == PORT_ROOT || node->type == PORT_DOWNSTREAM)
		return node->end > i + 1 ? i + 1 : TOPO_NONE;
	return node->parent;
}

bool topo_link_less(const struct topo *t, size_t i)
{
	const struct link_facts *l = &t->node[i].link;
	uint8_t speed = l->max_speed, width = l->max_width;
	size_t end = topo_link_end(t, i);

	if (!l->present || !l->width)
		return false;
	if (end != TOPO_NONE && t->node[end].link.present) {
		const struct link_facts *other = &t->node[end].link;

		speed = other->max_speed < speed ? other->max_speed : speed;
		width = other->max_width < width ? other->max_width : width;
	}
	return l->speed < speed || l->width < width;
}

/* Endpoints of the slot of @card that are below @bridge. */
static size_t topo_own(const struct topo *t, size_t bridge, size_t card)
{
	size_t n = 0;

	for (size_t i = topo_slot(t, t->node[card].fn.bdf); i != TOPO_NONE;
	     i = topo_slot_next(t, i))
		n += i > bridge && i < t->node[bridge].end && !t->node[i].fn.bridge;
	return n;
}

struct topo_blast topo_blast(const struct topo *t, size_t bridge, size_t card)
{
	struct topo_blast b = {
		.first = bridge + 1, .end = t->node[bridge].end, .denied = TOPO_NONE,
	};

	b.foreign = t->ends[b.end] - t->ends[b.first] - topo_own(t, bridge, card);
	for (size_t i = b.end; i-- > bridge;)
		if (t->node[i].kernel_deny & KDENY_BUS)
			b.denied = i;
	return b;
}

static bool topo_only_card(const struct topo *t, size_t bridge, size_t card)
{
	return t->ends[t->node[bridge].end] - t->ends[bridge + 1] ==
	       topo_own(t, bridge, card);
}

size_t topo_points(const struct topo *t, size_t card, size_t at[TOPO_POINTS])
{
	size_t up = t->node[card].parent, best = TOPO_NONE;

	if (up == TOPO_NONE)
		return 0;
	at[0] = up;
	for (; up != TOPO_NONE && topo_only_card(t, up, card); up = t->node[up].parent) {
		if (t->node[up].thunderbolt && best != TOPO_NONE)
			break;          /* the enclosure is not the card */
		best = up;
	}
	if (best == TOPO_NONE || best == at[0])
		return 1;
	at[1] = best;
	return 2;
}

/* --- words ------------------------------------------------------------------------ */

const char *const topo_acs_bits[] = {
	"SrcValid", "TransBlk", "ReqRedir", "CmpltRedir", "UpstreamFwd", "EgressCtrl",
	"DirectTrans", NULL,
};

/* In the order in which they are asked; a header of no bridge is the last. */
const char *topo_kind(const struct topo_node *node)
{
	static const struct {
		unsigned type;
		const char *word;
	} rows[] = {
		{ TYPE_ENDPOINT, "endpoint" }, { TYPE_LEGACY, "legacy endpoint" },
		{ PORT_ROOT, "root port" }, { PORT_UPSTREAM, "switch upstream port" },
		{ PORT_DOWNSTREAM, "switch downstream port" },
		{ PORT_PCIE_TO_PCI, "PCIe-to-PCI bridge" },
		{ TYPE_PCI_TO_PCIE, "PCI-to-PCIe bridge" },
		{ TYPE_INTEGRATED, "root complex integrated endpoint" },
		{ TYPE_EVENT_COLLECTOR, "root complex event collector" },
	};

	if (node->busy)
		return "being reset";
	if (!node->answers)
		return "does not answer";
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (rows[i].type == node->type)
			return rows[i].word;
	if (node->header > PCI_HEADER_TYPE_CARDBUS)
		return "unknown header type";
	if (node->header == PCI_HEADER_TYPE_CARDBUS)
		return "CardBus bridge";
	return node->numbered ? "PCI bridge" : "PCI device";
}
