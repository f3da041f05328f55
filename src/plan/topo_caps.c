// SPDX-License-Identifier: GPL-2.0-or-later
/* The lists of capabilities, each read once from its beginning to its end. */
#include <stdlib.h>

#include <linux/pci_regs.h>

#include "base/xalloc.h"
#include "plan/topo.h"

#define CAPS_FIRST 0x40u        /* PCIe 7.5.1: behind the header */
#define CAPS_END 0x100u
#define EXT_END 0x1000u

/* PCI Code and ID Assignment 1.15, sections 2 (capabilities) and 3 (extended ones). */
static const char *const cap_names[] = {
	"null", "power management", "AGP", "vital product data", "slot numbering", "MSI",
	"CompactPCI hot swap", "PCI-X", "HyperTransport", "vendor specific", "debug port",
	"CompactPCI resources", "PCI hot plug", "bridge subsystem id", "AGP 8x",
	"secure device", "PCI Express", "MSI-X", "SATA configuration",
	"advanced features", "enhanced allocation", "flattening portal bridge",
};

static const char *const ext_names[] = {
	"null", "advanced error reporting", "virtual channel", "device serial number",
	"power budgeting", "root complex link declaration",
	"root complex internal link control",
	"root complex event collector association", "multi-function virtual channel",
	"virtual channel (MFVC)", "root complex register block", "vendor specific",
	"configuration access correlation", "access control services",
	"alternative routing-ID", "address translation services", "SR-IOV", "MR-IOV",
	"multicast", "page request", "reserved for AMD", "resizable BAR",
	"dynamic power allocation", "TPH requester", "latency tolerance reporting",
	"secondary PCI Express", "protocol multiplexing", "PASID", "LN requester",
	"downstream port containment", "L1 PM substates", "precision time measurement",
	"M-PCIe", "FRS queueing", "readiness time reporting",
	"designated vendor specific", "VF resizable BAR", "data link feature",
	"physical layer 16 GT/s", "lane margining", "hierarchy ID",
	"native PCIe enclosure",
	"physical layer 32 GT/s", "alternate protocol", "system firmware intermediary",
	"shadow functions", "data object exchange", "device 3",
	"integrity and data encryption", "physical layer 64 GT/s",
	"flit logging", "flit performance measurement", "flit error injection",
	"streamlined virtual channel", "MMIO register block locator",
};

const char *topo_cap_name(const struct topo_cap *cap)
{
	const size_t n = cap->ext ? sizeof(ext_names) / sizeof(*ext_names) :
			 sizeof(cap_names) / sizeof(*cap_names);

	if (cap->id >= n)
		return NULL;
	return cap->ext ? ext_names[cap->id] : cap_names[cap->id];
}

static void caps_add(struct topo *t, struct topo_node *node, struct topo_cap cap)
{
	t->cap = xgrow(t->cap, t->ncaps, &t->cap_room, sizeof(cap));
	t->cap[t->ncaps++] = cap;
	node->ncaps++;
}

/* Whether extended ones may follow: PCIe, or PCI-X with its 4096 bytes. */
static bool caps_standard(struct hw *hw, struct topo *t, struct topo_node *node)
{
	bool seen[CAPS_END / 4] = { false }, extended = false;
	unsigned start = node->header == PCI_HEADER_TYPE_CARDBUS ?
			 PCI_CB_CAPABILITY_LIST : PCI_CAPABILITY_LIST;
	uint32_t val;

	if (hw_cfg_read(hw, node->fn.bdf, PCI_STATUS, 2, &val, NULL) ||
	    !(val & PCI_STATUS_CAP_LIST) ||
	    hw_cfg_read(hw, node->fn.bdf, start, 1, &val, NULL))
		return false;
	for (unsigned off = val & ~3u; off >= CAPS_FIRST && !seen[off / 4];
	     off = val >> 8 & ~3u) {
		if (hw_cfg_read(hw, node->fn.bdf, off, 2, &val, NULL) ||
		    (val & 0xff) == 0xff)
			break;
		seen[off / 4] = true;
		caps_add(t, node, (struct topo_cap){ val & 0xff, (uint16_t)off, false });
		extended |= (val & 0xff) == PCI_CAP_ID_EXP ||
			    (val & 0xff) == PCI_CAP_ID_PCIX;
	}
	return extended;
}

static void caps_extended(struct hw *hw, struct topo *t, struct topo_node *node)
{
	bool seen[EXT_END / 4] = { false };
	uint32_t head;

	node->short_space = hw_cfg_read(hw, node->fn.bdf, PCI_CFG_SPACE_SIZE, 4, &head,
					NULL) < 0;
	t->long_spaces |= !node->short_space;
	for (unsigned off = PCI_CFG_SPACE_SIZE;
	     off >= PCI_CFG_SPACE_SIZE && !seen[off / 4];
	     off = PCI_EXT_CAP_NEXT(head)) {
		if (hw_cfg_read(hw, node->fn.bdf, off, 4, &head, NULL) || !head ||
		    head == UINT32_MAX)
			break;
		seen[off / 4] = true;
		caps_add(t, node, (struct topo_cap){ (uint16_t)PCI_EXT_CAP_ID(head),
						     (uint16_t)off, true });
	}
}

void topo_caps(struct hw *hw, struct topo *t, struct topo_node *node)
{
	node->cap = t->ncaps;
	if (caps_standard(hw, t, node))
		caps_extended(hw, t, node);
}
