/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The obliging device: a machine in memory with the card that a quirk file describes,
 * ids, class, companions and BARs all taken from the file. It remembers what is
 * written, reads as 0 what nothing was written to, and takes any value it is told to
 * take: so that a register program can be run to its end without a model of the
 * chip. It proves how a program goes, never that silicon goes along.
 */
#ifndef GPURESET_CMD_OBLIGE_H
#define GPURESET_CMD_OBLIGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hw/hw.h"
#include "hw/hw_shim.h"
#include "plan/facts.h"
#include "quirk/quirk.h"

struct oblige;

/* A group of alternatives: any one of @cond must hold, or (@holds false) none may. */
struct oblige_group {
	const struct reg_cond *cond;
	int n;
	bool holds;
};

/*
 * A machine with the card of @q, booted, its functions on vfio-pci. Which function or
 * bridge the entry is about follows from its role; the place from its "on" lines.
 * Never NULL. @q is not owned.
 */
struct oblige *oblige_open(const struct quirk *q);
void oblige_close(struct oblige *o);

/* A shim (hw_shim.h) over the machine; owned by @o, and so is its trace. */
struct hw *oblige_hw(struct oblige *o);
/* Who else is told of every access; @fn NULL: nobody. */
void oblige_trace(struct oblige *o, shim_trace_fn *fn, void *arg);
/* The kernel is locked down from now on (Secure Boot). */
void oblige_lock(struct oblige *o);
struct bdf_spec oblige_spec(const struct oblige *o);
/* The function (or bridge) that the entry is about. */
struct bdf oblige_about(const struct oblige *o);

/* What the quirk database is asked about a card of this id line that @q is meant for. */
struct q_subject oblige_subject(const struct quirk *q, const struct q_id *id);

/*
 * Give the registers values with which all of @group come true at once, changing no
 * bit without need. All ones is how a lost device reads, so a register reads that only
 * when nothing else makes a condition false. False, and nothing changed, when they
 * contradict each other.
 */
bool oblige_settle(struct oblige *o, const struct oblige_group *group, size_t n);

/*
 * The same, but not before @reads more registers of the card have been read: for a
 * condition that must hold first, and another that must hold of the same register
 * right after.
 */
bool oblige_settle_after(struct oblige *o, unsigned reads,
			 const struct oblige_group *group);
void oblige_forget(struct oblige *o);

/* Do the alternatives hold at this moment? */
bool oblige_holds(struct oblige *o, const struct reg_cond *cond, int n);

uint32_t oblige_get(struct oblige *o, const struct reg *reg);
void oblige_put(struct oblige *o, const struct reg *reg, uint32_t value);

#endif
