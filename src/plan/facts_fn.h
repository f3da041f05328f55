/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parts of facts_collect(): one function, one bridge, the host. Reading only. */
#ifndef GPURESET_PLAN_FACTS_FN_H
#define GPURESET_PLAN_FACTS_FN_H

#include "plan/facts.h"

/* Base classes of PCI Code and ID Assignment 1.1, section 1.4 and 1.19. */
#define PCI_BASE_CLASS_DISPLAY_GPU 0x03
#define PCI_BASE_CLASS_ACCEL 0x12
#define PCI_BASE_CLASS_SOUND 0x04
#define PCI_BASE_CLASS_BRIDGES 0x06

#define PCI_VENDOR_INTEL 0x8086
#define PCI_VENDOR_RRS 0x0001   /* PCIe 2.3.2: a root port's word for "not yet" */

/*
 * Does the first dword of configuration space come from a function? A root port with
 * RRS software visibility, which Linux turns on, says PCI_VENDOR_RRS for one that puts
 * its answers off.
 */
bool facts_id_answers(uint32_t id);

/*
 * Is it a function whose ids read as all ones while it answers, as virtual functions do
 * (SR-IOV 3.4.1.1)? Of one that is gone COMMAND and STATUS are all ones, too.
 */
bool facts_is_virtual(struct hw *hw, struct bdf bdf);

/* What exists but cannot be read: the first sentence about it is left in @err. */
void facts_fn(struct hw *hw, struct bdf bdf, bool on_root_bus, struct fn_facts *fn,
	      struct err *err);
/* Of it, what capabilities say: of resets and the link. For a function that answers. */
void facts_caps(struct hw *hw, struct bdf bdf, struct fn_facts *fn, struct err *err);
/* The link of the PCIe capability at @cap; all zero: there is none, or of no lanes. */
void facts_link(struct hw *hw, struct bdf bdf, unsigned cap, struct link_facts *l);
/*
 * Who it is, by the kernel's word alone: nothing is read from the function, so nothing
 * wakes it, nor does this wait for a reset (the show functions of driver_override and
 * sriov_numvfs take the device's lock). It counts as not answering.
 */
void facts_fn_glance(struct hw *hw, struct bdf bdf, bool on_root_bus, struct fn_facts *fn,
		     struct err *err);
/* What of it changes quickly; all empty when the function is gone. */
int facts_fn_again(struct hw *hw, struct fn_facts *fn, struct err *err);
void facts_bridge(struct hw *hw, struct bdf bdf, struct bridge_facts *br,
		  struct err *err);
/* br->port: for a port whose link the bridge's reset takes down. */
void facts_port(struct hw *hw, struct bridge_facts *br, struct err *err);
void facts_other(struct hw *hw, struct bdf bdf, struct other_fn *other, struct err *err);
/* Mediated devices and links to other cards: what a driver of the host made of it. */
void facts_made(struct hw *hw, struct fn_facts *fn, struct err *err);
/*
 * Fills t->use, of the target's functions and t->other: what the host's network and
 * storage run over. Says nothing of a disk that a process has open as a whole, and of
 * NVMe disks with several paths, which sysfs shows below no function.
 */
void facts_uses(struct hw *hw, struct target *t, struct err *err);
/* @who has a device node of @fn, one of t->other, open: the first is kept. */
void facts_use_open(struct target *t, struct bdf fn, const struct hw_holder *who);
/* The kernel has this block device of a function for itself: a use, if none is known. */
void facts_use_claimed(struct target *t, const struct hw_holder *disk);
/* Also looks at @t's functions: whose framebuffer is on the screen. */
void facts_host(struct hw *hw, struct target *t);

/* What stands in the way of registers through VFIO; asked under kernel lockdown only. */
void facts_vfio(struct hw *hw, struct target *t);

#endif
