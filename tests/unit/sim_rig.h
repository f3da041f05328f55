/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A simulated machine with cards of tests/model in it, and everything a test of
 * planning or execution needs around it. What cannot be set up ends the process.
 */
#ifndef TESTS_SIM_RIG_H
#define TESTS_SIM_RIG_H

#include <stdbool.h>

#include "hw/hw.h"
#include "hw/hw_shim.h"
#include "hw/hw_sim.h"
#include "model/model.h"
#include "plan/plan.h"
#include "run/exec.h"

#define RIG_CARDS 4
#define RIG_BRIDGES 4

/* Where the card of the rig sits, and what is above it. */
enum rig_place {
	RIG_ROOT_PORT,          /* 00:01.0 - 01:00 */
	RIG_SWITCH,             /* 00:01.0 - 01:00.0 - 02:00.0 - 03:00, also 02:01.0 */
	RIG_PCI_BRIDGE,         /* 00:01.0 - 01:00.0 - 02:01, a neighbour may be 02:02 */
	RIG_ROOT_BUS,           /* 00:02 */
	/* 00:01.0 - 01:00, the port with a hotplug slot, AER and DPC, all on */
	RIG_HOTPLUG,
	RIG_HOTPLUG_SWITCH,             /* so are 00:01.0 and 02:00.0 of RIG_SWITCH */
	RIG_SURPRISED,                  /* a reset is a Surprise Down to the port */
};

/* What is remembered of a function or bridge to see whether it was put back. */
struct rig_fn_state {
	struct bdf bdf;
	bool bridge, known;
	char driver[32], override[64], control[8], methods[64];
	uint32_t command, devctl, bridge_control;
};

struct rig_state {
	struct rig_fn_state fn[SLOT_FNS + RIG_BRIDGES];
	size_t n;
};

struct rig {
	struct hw *sim;                 /* the machine */
	struct hw *hw;                  /* a shim over it: what is tested sees this */
	struct card *card;              /* the target's model, or NULL (rig_plain) */
	struct card *cards[RIG_CARDS];
	size_t ncards;
	struct bdf slot;
	uint32_t id[SLOT_FNS];          /* of the slot's functions at boot, 0: none */
	struct bdf bridge[RIG_BRIDGES]; /* from the root down */
	size_t nbridges;
	const struct quirk *quirk;      /* not owned */
	struct quirk_hits hits;
	struct bdf_spec spec;
	struct target target;
	bool have_target;
	struct plan plan;
};

/* A machine with one card of @kind, booted, COMMAND as firmware leaves it. */
struct rig *rig_open(const char *kind, enum rig_place place);

/* The same, not booted yet: for bridges with something special, neighbours, rules. */
struct rig *rig_unbooted(const char *kind, enum rig_place place);
/* ... with bridges of this vendor (rig_open: a virtual machine's, 1b36). */
struct rig *rig_unbooted_below(const char *kind, enum rig_place place, uint16_t vendor);
void rig_boot(struct rig *r);
void rig_close(struct rig *r);

/* One more card, at @slot; before booting. */
struct card *rig_add(struct rig *r, const char *kind, struct bdf slot);

/* A function that only has a configuration space; before booting, freed with the rig. */
struct rig_plain {
	uint16_t vendor, device;
	uint32_t class_code;
	bool flr, soft_reset, multi;
};
void rig_add_plain(struct rig *r, struct bdf bdf, const struct rig_plain *what);

/* A machine whose only "card" is one plain function in @place. */
struct rig *rig_unbooted_plain(const struct rig_plain *what, enum rig_place place);
struct rig *rig_open_plain(const struct rig_plain *what, enum rig_place place);

/*
 * Stands before all cards of rigs: what a read gives instead of @truth; @bar -1: the
 * configuration space. Only one rig then. NULL, and rig_close(): they tell the truth.
 */
typedef uint32_t rig_lie_fn(void *arg, int fn, int bar, unsigned off, unsigned width,
			    uint32_t truth);
void rig_lie(rig_lie_fn *lie, void *arg);

/* "0000:01:00.1" as a struct. */
struct bdf rig_bdf(const char *text);
struct bdf rig_fn(const struct rig *r, unsigned fn);

/* Start the SMC of a fury as its option ROM does (tests/model/README.md). */
void rig_use_fury(struct rig *r);
/* Some registers of any other card written, so that a reset can be told from none. */
void rig_scribble(struct rig *r);

/* Bind to vfio-pci all functions, as they are between two runs of a VM. */
void rig_vfio(struct rig *r);

/* The quirk file @path (a literal) becomes the rig's quirk. */
void rig_quirk(struct rig *r, const char *path);

/*
 * Parsed from @text, whose pointer is its identity: the same literal gives the same
 * struct quirk every time. @file is for messages; its id is the name without suffix.
 */
const struct quirk *rig_parse_text(const char *file, const char *text);

/* Collect facts and build the plan; @opts NULL: none. Returns what plan_build() does. */
int rig_plan(struct rig *r, const struct plan_opts *opts, struct err *err);

/* The attempt of that name, or NULL. */
const struct attempt *rig_attempt(const struct rig *r, const char *name);

/* "dirty" of "... dirty=1 ..." as a number; -1: no such word. */
long rig_truth(const struct rig *r, const char *word);

/*
 * Is the card truly well, seen past all shims: known, answers with its ids, BARs as the
 * kernel has them? NULL, or what is wrong.
 */
const char *rig_ill(struct rig *r);

/* Fails the test when attribute @name of function @fn is not @want ("": unreadable). */
void rig_attr_is(struct rig *r, unsigned fn, const char *name, const char *want);

void rig_remember(struct rig *r, struct rig_state *state);
/*
 * What is not as it was, or NULL. @recreated: the functions were removed and found
 * again, so COMMAND and reset_method are the kernel's defaults.
 */
const char *rig_changed(struct rig *r, const struct rig_state *before, bool recreated);

#endif
