/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is held while a VM may have a card: its functions on vfio-pci, everything on
 * the way to it in D0, reset_method pinned to what its quirk allows. Values are
 * remembered as they were found, so that they can be put back afterwards.
 */
#ifndef GPURESET_PLAN_HOLD_H
#define GPURESET_PLAN_HOLD_H

#include "plan/plan.h"

#define HOLD_MOST 128
#define HOLD_NAME 24
#define HOLD_VALUE 64
#define HOLD_VM 256                     /* a libvirt guest's name may be long */
#define HOLD_VMS 16

/* One value that was changed: attribute @name of @fn, or "driver". */
struct hold_item {
	struct bdf fn;
	char name[HOLD_NAME];           /* reset_method, power/control, d3cold_allowed,
					   driver */
	char old[HOLD_VALUE];           /* as it was found; driver: a host driver */
	char set[HOLD_VALUE];           /* as it was set */
};

/* A VM whose start has made the card ready, and whose stop is to come. */
struct hold_vm {
	char name[HOLD_VM];             /* "101", or a libvirt guest's name */
	uint64_t since_s;               /* its pre-start; of hw_now(), 0: it has it */
	uint64_t locked_s;              /* so long it may be PVE's lock; 0: had none */
};

struct hold {
	struct hold_vm vm[HOLD_VMS];    /* the oldest first */
	size_t nvms;
	struct hold_item item[HOLD_MOST];
	size_t n;
};

enum hold_what {
	HOLD_AWAKE = 1 << 0,    /* power/control on, d3cold_allowed 0: card and path */
	HOLD_PIN = 1 << 1,      /* reset_method as the entry of each function says */
	HOLD_VFIO = 1 << 2,     /* functions of the target on vfio-pci (or no driver) */
	HOLD_QUIRK_ONLY = 1 << 3, /* HOLD_AWAKE only where the quirk says keep-d0 */
};

/*
 * What has to change on @t for @what: an errand in @plan (possibly without steps), and
 * in @h the values as they are now, added to those of an earlier hold that are in it
 * already, which stay (the first is the true one; but a host driver that was bound
 * since takes the place of the one before). Meant for the functions that t->spec covers,
 * and the whole path. Write @h down before the errand is run. After a reset that removed
 * functions (`bus`) call it again, with new facts: the new devices have the defaults.
 *
 * HOLD_VFIO: functions without driver and on pci-stub are bound, too; pci-stub is
 * remembered, none is not. Where the driver vfio-pci is not loaded the host driver is
 * only taken off. A function that does not answer keeps its driver and reset_method.
 * HOLD_AWAKE ends with a wait for D0, a second for each function that answers, if there
 * is anything to do at all; failing it fails the errand.
 *
 * @quirk is the display function's entry, @hits those of the others; either may be NULL.
 * Attributes are read anew, the rest is from @t, which must outlive @plan, as the quirks
 * must. Errors leave no plan, but may have added to @h: -E2BIG: more than HOLD_MOST
 * values; -EOPNOTSUPP: an entry asks for a pin, and the kernel has no reset_method for
 * the function (@err names the entry's line); or an attribute could not be read.
 */
int hold_plan(struct plan *plan, struct hw *hw, const struct target *t,
	      const struct quirk *quirk, const struct quirk_hits *hits, unsigned what,
	      struct hold *h, struct err *err);

/*
 * The errand that puts back what is in @h: attributes that still read as they were set
 * (what somebody else changed since stays), and with @drivers the host drivers that
 * were found. Functions that are gone are passed over. What an entry keeps in D0
 * (@quirk, may be NULL) stays awake. A reset_method that the kernel would refuse
 * (a stale "bus" of a function with siblings) is put back without that word. A host
 * driver stays that somebody has bound since, and none is bound to a function that does
 * not answer. Each step is tried whatever becomes of the others, and none is left out
 * because a stop was asked for: exec_outcome has the first failure and their number. Run
 * hold_left() afterwards.
 */
void hold_back_plan(struct plan *plan, struct hw *hw, const struct quirk *quirk,
		    const struct hold *h, bool drivers);

/*
 * After the errand of hold_back_plan(): take out of @h what has been put back, what
 * somebody else has changed since and what has gone with its function. What stays is to
 * be written down: drivers that were not asked for, or not bound, and power/control of
 * their functions, as it changes with the driver; what the entry keeps awake; what could
 * not be put back.
 */
void hold_left(struct hw *hw, const struct quirk *quirk, bool drivers, struct hold *h);

/* The item of that function and name, or NULL. */
struct hold_item *hold_find(struct hold *h, struct bdf fn, const char *name);

/* The VM of that name, or NULL. */
struct hold_vm *hold_vm_find(struct hold *h, const char *name);
/* Last in the list, wherever it was. Where there is no room the oldest one goes. */
void hold_vm_add(struct hold *h, const char *name, uint64_t since_s);
/* False: it was not there. */
bool hold_vm_drop(struct hold *h, const char *name);

/*
 * The card is not on the bus: an errand that looks for it for up to @limit_us, below the
 * nearest bridge that leads to its bus (which is awake meanwhile, and all above it), or
 * on all buses where there is none. It ends when the function that @spec names is there
 * and answers; function 0 when that is a whole slot.
 */
void missing_plan(struct plan *plan, struct hw *hw, const struct bdf_spec *spec,
		  uint64_t limit_us);

#endif
