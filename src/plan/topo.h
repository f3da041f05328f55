/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The whole machine as a tree of functions, each read once: links, slots, ACS,
 * capabilities; and what a reset at a bridge takes along. struct target (facts.h) is one
 * card in full; this is all of them, as far as one look at each tells.
 */
#ifndef GPURESET_PLAN_TOPO_H
#define GPURESET_PLAN_TOPO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hw/hw.h"
#include "plan/facts.h"

#define TOPO_NONE SIZE_MAX
#define TOPO_POINTS 2           /* bridges at which a card can be reset */

/* PCIe capability, device/port type (PCIe 7.5.3.2), beyond those of enum port_type. */
enum topo_type {
	TYPE_ENDPOINT = 0, TYPE_LEGACY = 1, TYPE_PCI_TO_PCIE = 8, TYPE_INTEGRATED = 9,
	TYPE_EVENT_COLLECTOR = 10,
	TYPE_CONVENTIONAL = PORT_PCI    /* no PCIe capability */
};

struct topo_cap {
	uint16_t id, off;
	bool ext;
};

/* What keeps peers below a port, or functions of a device, from reaching each other. */
enum acs_state {
	ACS_NOT_ASKED,          /* a single endpoint: nothing to keep apart */
	ACS_UNKNOWN,            /* of no function anything beyond 256 bytes was read */
	ACS_NEVER,              /* conventional PCI and bridges to it have no ACS */
	ACS_ABSENT,             /* no capability (the kernel vouches for some ports) */
	ACS_OPEN,               /* not all that isolation needs is on */
	ACS_ISOLATES,
};

struct topo_node {
	struct other_fn fn;     /* address, ids, class, driver */
	size_t parent;          /* TOPO_NONE: on a root bus */
	size_t end;             /* what is below: own index + 1 up to here, without */
	unsigned depth;         /* bridges above */
	bool cut;               /* said to be below what cannot be above it */
	bool busy;              /* not read: see topo_collect() */
	bool answers;
	bool numbered;          /* header of a bridge: the bus numbers are its own */
	uint8_t header;         /* without the multi-function bit */
	uint8_t primary, secondary, subordinate;
	unsigned type;          /* enum topo_type or enum port_type */
	struct link_facts link; /* at an upstream port or endpoint: towards the root */
	unsigned mps, max_mps;  /* bytes, DEVCTL and DEVCAP; 0: no PCIe capability */
	bool slot;              /* the port has one, and says: */
	bool hotplug, surprise;
	uint32_t slot_mw;       /* SLTCAP's power limit, milliwatts */
	bool short_space;       /* PCIe, and nothing can be read beyond 256 bytes */
	enum acs_state acs;
	uint16_t acs_cap, acs_ctl;      /* 0 without the capability */
	uint16_t acs_lacks;             /* ACS_OPEN: bits that are off and should be on */
	bool flr, af_flr, pm_reset;     /* resets itself so, by its registers */
	unsigned kernel_deny;   /* enum kernel_deny bits */
	bool thunderbolt;
	bool has_reset_subordinate;
	char power[12];         /* the kernel's cached word: D0, D3cold; "" unknown */
	int group;              /* IOMMU group, -1: none */
	size_t cap, ncaps;      /* in topo.cap, in the order of the lists */
};

struct topo {
	struct topo_node *node; /* each bridge right before what is below it */
	size_t n;
	struct topo_cap *cap;
	size_t ncaps, cap_room;
	bool long_spaces;       /* of some function more than 256 bytes were read */
	size_t *ends;           /* [i]: endpoints (no bridges by class) before node i */
	size_t *by_bdf;         /* indexes in address order, for topo_find() */
};

/* Must this function be left alone (a reset of it is under way, a read might hang)? */
typedef bool topo_skip_fn(struct bdf bdf, void *arg);

/*
 * Read all of the machine: one pass, time and memory linear in the functions (but for a
 * sort). Parents that are not there, or that go round in a circle, are cut. @skip may be
 * NULL. 0, or a negative errno when the machine cannot be listed. What exists but cannot
 * be read is no failure: the first sentence about it is in @unread then.
 */
int topo_collect(struct hw *hw, topo_skip_fn *skip, void *arg, struct topo *t,
		 struct err *unread, struct err *err);
void topo_free(struct topo *t);

/* Index of the function, or TOPO_NONE. */
size_t topo_find(const struct topo *t, struct bdf bdf);
/* The first function of the slot in tree order, or TOPO_NONE. */
size_t topo_slot(const struct topo *t, struct bdf slot);
/* The next function of the same slot, or TOPO_NONE. */
size_t topo_slot_next(const struct topo *t, size_t i);
/* The bridge on the root bus above @i; @i itself when nothing is above. */
size_t topo_top(const struct topo *t, size_t i);

/*
 * Is the link at @i slower or narrower than both of its ends could? One that is down is
 * not. Cards slow theirs down when they have nothing to do: that is no fault.
 */
bool topo_link_less(const struct topo *t, size_t i);

/* What a reset of the bus below a bridge takes along. */
struct topo_blast {
	size_t first, end;      /* node[first] to node[end - 1], bridges included */
	size_t foreign;         /* endpoints among them that are not of the card's slot */
	size_t denied;          /* who breaks by it (kernel's list), or TOPO_NONE */
};

/* The blast radius of a reset at @bridge for the card whose slot @card is of. */
struct topo_blast topo_blast(const struct topo *t, size_t bridge, size_t card);

/*
 * Where resets of the card that @card is of act: at[0], its direct parent (hot_reset,
 * subordinate, bus); at[1], where it has a switch of its own, the bridge above that
 * (subordinate, bus). Returns how many; 0: it is on a root bus. The same choice as the
 * plan's (target_card_level()).
 */
size_t topo_points(const struct topo *t, size_t card, size_t at[TOPO_POINTS]);

/* "root port", "switch upstream port", "PCIe-to-PCI bridge", "endpoint" ... */
const char *topo_kind(const struct topo_node *node);
/* Bits of ACS Capability and Control (PCIe 7.7.11.2) in order, NULL at the end. */
extern const char *const topo_acs_bits[];
/* "MSI-X", "power management"; NULL: an id that we do not know. */
const char *topo_cap_name(const struct topo_cap *cap);

/* topo_caps.c: both lists of a function that answers; loops end where they close. */
void topo_caps(struct hw *hw, struct topo *t, struct topo_node *node);

#endif
