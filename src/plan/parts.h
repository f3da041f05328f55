/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Building blocks that methods share: waking, detaching, saving, judging. Each adds
 * its own undo, so that what is changed is put back by construction.
 */
#ifndef GPURESET_PLAN_PARTS_H
#define GPURESET_PLAN_PARTS_H

#include "plan/plan.h"

#define METHOD(name) extern const struct method method_##name;
#include "plan/methods/methods.def"
#undef METHOD

/*
 * Longest the kernel waits for a device after one reset: pci_dev_wait() doubles its
 * sleep up to 65.5 s in all (Linux drivers/pci/pci.c, PCIE_RESET_READY_POLL_MS).
 */
#define KERNEL_READY_US 65536000ull
#define FLR_US 100000ull                /* PCIe 6.6.2: FLR completes within 100 ms */
#define RESET_TO_CONFIG_US 100000ull    /* PCIe 6.6.1: before the first request */
#define SBR_PULSE_US 2000ull            /* PCI 3.0 Trst 1 ms; Linux holds it 2 ms */
#define PM_TRANSITION_US 10000ull       /* PCI-PM 1.2: D0 to D3hot and back */
/* run/confsave waits a second for a function to answer; an undo is tried three times. */
#define RESTORE_US 3000000ull
#define LINK_UP_US 1000000ull           /* PCIe 6.6.1: a port is up within 1 s */

/*
 * An undo for the step emitted last: runs in @phase (RESTORE: before health,
 * PUT_BACK: after), whatever fails in between, once that step was started.
 */
struct step *attempt_undo(struct attempt *a, enum step_kind kind, enum step_phase phase,
			  struct bdf fn);
/* Moves the queued undos of @phase into the step list, last first. */
void attempt_flush_undo(struct attempt *a, enum step_phase phase);

/* Does the attempt touch function @i of the slot? */
bool part_touches(const struct plan *plan, const struct attempt *a, size_t i);

/*
 * Runtime PM off on the path and the functions; those that answer reach D0. Put back
 * at the end, unless the quirk wants the card kept in D0.
 */
void part_wake(struct plan *plan, struct attempt *a);
/* One function or bridge: no runtime suspend from now on; @after at the end. */
void part_awake(struct attempt *a, struct bdf fn, const char *after);
/* PMCSR comes to say D0, within a second; nothing without a PM capability. */
void part_wait_d0(struct attempt *a, enum step_phase phase, const struct fn_facts *fn);
/* NVIDIA audio must have been in D0 for 20 ms before its bus is reset. */
void part_settle_audio(struct plan *plan, struct attempt *a);
/*
 * First of all steps: the VFIO groups of the touched functions that vfio-pci has are
 * held, so that no VM can begin to use them; let go in the phase @until (PUT_BACK). One
 * process at a time opens a group, and device descriptors and cdevs count as its opener
 * (drivers/vfio/group.c). Opening it neither wakes nor resets a function. Not with
 * --force-in-use: somebody else has it then.
 *
 * What is not owned this way:
 * - kernels without the group interface (CONFIG_VFIO_GROUP=n): binding the cdev would
 *   be owning, but resets the function, and its last close does so again;
 * - a group with functions of other slots in it (no ACS): two workers, each at its own
 *   card of such a group, would refuse each other, and the lock is one a slot;
 * - functions of host drivers: asked right before the driver is taken off
 *   (exec_watch.ready), which leaves the moment between; afterwards there is nothing
 *   that could be opened. Who opened it in that moment is cut off by a DRM driver
 *   (drm_dev_unplug()), and waited for by sound (snd_card_free()) and by NVIDIA's driver
 *   (nv_pci_remove()), so that the worker is stuck, with nothing reset, until it closes;
 * - neighbours that --force-neighbours takes along, and root's own mappings of BARs:
 *   asked for before, as all else.
 */
void part_own(struct plan *plan, struct attempt *a, enum step_phase until);
/*
 * The groups of functions that part_bind() gave to vfio-pci: all when all are bound, or
 * that of function @i. It has queued what lets them go, after the driver.
 */
void part_own_rest(struct plan *plan, struct attempt *a);
void part_own_fn(struct plan *plan, struct attempt *a, enum step_phase phase, size_t i);
/*
 * Owned by part_own(), and not any more: after the step that takes its last function off
 * vfio-pci, as a VM that opens it before would keep the unbinding waiting.
 */
void part_own_no_more(struct plan *plan, struct attempt *a, enum step_phase phase,
		      size_t i);
/* Host drivers (not vfio-pci) let go; with @all, vfio-pci too. Bound again after. */
void part_unbind(struct plan *plan, struct attempt *a, bool all);
/*
 * Function @i: @driver ("": none) instead of @now from @phase on; back at the end, with
 * power/control, which drivers change. A variant of vfio-pci does as well as vfio-pci
 * and stays. One that goes to vfio-pci is kept awake, and its
 * group is let go after its driver: part_own_rest() or part_own_fn() follow.
 */
void part_bind(struct plan *plan, struct attempt *a, enum step_phase phase, size_t i,
	       const char *driver, const char *now);
/* A driver that uses the card for the host: neither none, one of VFIO's nor pci-stub. */
bool part_is_host_driver(const char *driver);
/* Remember configuration space of the touched functions; put back before health. */
void part_save(struct plan *plan, struct attempt *a);
/*
 * The [restore] bits of the quirk survive the reset. Call before part_save(), so that
 * they go back after the rest. Nothing on a card that does not answer.
 */
void part_keep(struct plan *plan, struct attempt *a);
/* Can this [restore] statement be carried out here? NULL, or why not. */
const char *part_keep_unable(const struct plan *plan, const struct q_stmt *st);
/* The reason why the quirk keeps the card in D0, or NULL. */
const char *part_kept_in_d0(const struct plan *plan);
/* No DMA, no INTx; memory decoding on the display function and the path. */
void part_quiesce(struct plan *plan, struct attempt *a);
/* Memory decoding alone, for reading registers; undone after health. */
void part_decode(struct plan *plan, struct attempt *a);

/* What a reset leaves behind, for the judgement of COMMAND. */
enum after { AFTER_IN_PLACE, AFTER_CHANGED };
/*
 * The verdict: identity, header, power, BARs, COMMAND, link at both ends, and what
 * the quirk adds. Emits queued RESTORE undos before and PUT_BACK undos after.
 */
void part_verdict(struct plan *plan, struct attempt *a, enum after after);

/*
 * The statements of a quirk's block as steps of @phase; REQUIRE becomes @require_as.
 * The "always" ones become the tail of the first of them that writes.
 */
void part_program(struct plan *plan, struct attempt *a, const struct q_block *block,
		  enum step_phase phase, enum step_kind require_as);

/* attr steps: name and value. */
struct step *part_attr(struct attempt *a, enum step_phase phase, struct bdf fn,
		       const char *name, const char *value);
/* COMMAND bits := value, for one function or bridge. */
struct step *part_command(struct attempt *a, enum step_phase phase, struct bdf fn,
			  const char *name, uint16_t bit, bool on);

/* After the steps, reset_method of @fn as it was found: a removed function lost it. */
void part_methods_again(struct plan *plan, struct attempt *a, const struct fn_facts *fn);
/*
 * What to write so that reset_method is @old again. @siblings: the function is not alone
 * on its slot. "default" when only a stale "bus" is in @old.
 */
const char *part_methods_back(struct plan *plan, const char *old, bool siblings);

/*
 * Opening a function through VFIO makes the kernel reset it, by the first method in its
 * reset_method (vfio_pci_core_enable). Where the quirk denies or warns of such a reset
 * the lists are emptied for the time; kernels 6.14.2 and 6.12.23, which then refuse the
 * hot reset too, say so.
 */
void part_mute_resets(struct plan *plan, struct attempt *a);

/* Does the entry deny, or warn of, the method of this name? */
bool part_harmful(const struct quirk *q, const char *name);

/* The whole of flr, af_flr and pm: the kernel's own reset, one named method of it. */
struct kernel_method {
	const struct method *method;
	unsigned deny;                  /* enum kernel_deny bit */
	bool (*able)(const struct fn_facts *fn);
	uint64_t floor_us;
	const char *unable;             /* why a function cannot */
};
int part_kernel_method(struct plan *plan, const struct kernel_method *km);

/* A bridge-level method: calls @make for each level worth trying. */
struct bridge_method {
	const struct method *method;
	/* NULL when the level will do, else why not; may set *why. */
	const char *(*unable)(struct plan *plan, size_t level, enum usable *why);
	void (*make)(struct plan *plan, struct attempt *a, size_t level);
};
int part_bridge_method(struct plan *plan, const struct bridge_method *bm);

/* The raw secondary bus reset at @br itself, and the waits after it. */
void part_pulse(struct attempt *a, const struct bridge_facts *br);

/*
 * The link below @br is about to go down and will be back: until the undos of @phase
 * the port tells nobody (hotplug and bandwidth events, AER), does not contain (DPC),
 * and lets go of a link that it holds down already. What the port cannot do, or has
 * off, adds nothing; nor does a bridge without such a link.
 */
void part_port_hush(struct attempt *a, const struct bridge_facts *br,
		    enum step_phase phase);
/*
 * A request that was under way to the card when its link went down times out at the root
 * port (PCIe 2.8), the last of the way: that one is quiet about it, too, unless
 * path[level] is it.
 */
void part_root_hush(struct plan *plan, struct attempt *a, size_t level,
		    enum step_phase phase);
/* What part_port_hush() is about to do at @br, as a sentence, or NULL. */
const char *part_port_note(struct plan *plan, const struct bridge_facts *br);
/* The port above the card that holds its link down (DPC), and why, or NULL. */
const char *part_contained(struct plan *plan);

/* A quirk's or the caller's objection to @method; true: it was added as denied. */
bool part_denied(struct plan *plan, const struct method *m, const char *name);

/* Why a bus reset of the card at path[level] is off by the kernel's lists, or NULL. */
const char *part_bus_denied(struct plan *plan, size_t level);

/* Name of the function that does not answer, or NULL when all do. */
const char *part_silent(struct plan *plan);

#endif
