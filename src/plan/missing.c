// SPDX-License-Identifier: GPL-2.0-or-later
/* Looking for a card that is not on the bus. */
#include <string.h>

#include <linux/pci_regs.h>

#include "plan/hold.h"
#include "plan/parts.h"

#define CLASS_PCI_BRIDGE 0x0604u        /* base and sub class of a PCI-to-PCI bridge */

struct missing {
	struct hw *hw;
	struct bdf card;
	struct hw_node bridge;          /* the nearest so far */
	bool found;
};

static bool missing_is_bridge(struct hw *hw, struct bdf bdf)
{
	return facts_class(hw, bdf) >> 8 == CLASS_PCI_BRIDGE;
}

/*
 * The range of bus numbers says which bridges lead to a bus; of several, the last in
 * address order is the nearest, as bus numbers rise on the way down. That is the parent,
 * or, where a switch of the card is gone with it, what was above the switch. (Config
 * 0x18: primary, secondary and subordinate bus, PCI-to-PCI Bridge 1.2, 3.2.5.)
 */
static int missing_look(const struct hw_node *node, void *arg)
{
	struct missing *m = arg;
	uint32_t bus;
	uint8_t secondary, last;

	if (node->bdf.domain != m->card.domain || !missing_is_bridge(m->hw, node->bdf) ||
	    hw_cfg_read(m->hw, node->bdf, PCI_PRIMARY_BUS, 4, &bus, NULL) ||
	    bus == UINT32_MAX)
		return 0;
	secondary = (uint8_t)(bus >> 8);
	last = (uint8_t)(bus >> 16);
	if (!secondary || m->card.bus < secondary || m->card.bus > last)
		return 0;
	m->bridge = *node;
	m->found = true;
	return 0;
}

static int missing_parent(const struct hw_node *node, void *arg)
{
	struct hw_node *bridge = arg;

	if (!bdf_eq(node->bdf, bridge->parent))
		return 0;
	*bridge = *node;
	return 1;
}

/* The bridge and all above it, from the root down: below a sleeping one all is silent. */
static void missing_wake(struct attempt *a, const struct missing *m)
{
	struct hw_node at = m->bridge;
	struct bdf path[MAX_PATH];
	size_t n = 0;
	char text[16];

	path[n++] = at.bdf;
	while (!at.on_root_bus && n < MAX_PATH &&
	       hw_scan(m->hw, missing_parent, &at, NULL) > 0)
		path[n++] = at.bdf;
	while (n-- > 0)
		if (!hw_attr_read(m->hw, path[n], "power/control", text, sizeof(text),
				  NULL) && !strcmp(text, "auto"))
			part_awake(a, path[n], "auto");
}

void missing_plan(struct plan *plan, struct hw *hw, const struct bdf_spec *spec,
		  uint64_t limit_us)
{
	struct attempt *a = plan_errand(plan, &target_none, "rescan");
	struct missing m = { .hw = hw, .card = spec->bdf };
	struct step *s;

	if (spec->whole_slot)
		m.card.fn = 0;
	hw_scan(hw, missing_look, &m, NULL);
	if (m.found)
		missing_wake(a, &m);
	s = attempt_step(a, STEP_APPEAR, PHASE_ACT, m.card);
	s->aux = m.found ? m.bridge.bdf : m.card;
	s->limit_us = limit_us;
	attempt_flush_undo(a, PHASE_PUT_BACK);
}
