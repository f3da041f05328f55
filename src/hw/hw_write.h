/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The writing half of the seam. Only the executor (run/exec_*.c) and its helpers in
 * run/ may include this (tests/style/layers checks), for the target whose lock they
 * hold: one writer.
 * Guarantees as in hw.h.
 */
#ifndef GPURESET_HW_HW_WRITE_H
#define GPURESET_HW_HW_WRITE_H

#include "hw/hw.h"

int hw_cfg_write(struct hw *hw, struct bdf bdf, unsigned off, unsigned width,
		 uint32_t val, struct err *err);
int hw_bar_write(struct hw *hw, struct bdf bdf, int bar, uint32_t off, uint32_t val,
		 struct err *err);

/*
 * Write @value to an attribute of the function. May block uninterruptibly for as
 * long as the kernel waits for the device (65 s and more a method): only ever
 * called in a worker.
 */
int hw_attr_write(struct hw *hw, struct bdf bdf, const char *name, const char *value,
		  struct err *err);

/* Write to a bus-wide attribute: "rescan", "drivers_probe". */
int hw_bus_write(struct hw *hw, const char *name, const char *value, struct err *err);

/*
 * VFIO hot reset of @bdf's slot or bus; @fns are all functions it may affect, each
 * bound to vfio-pci. Uses the legacy group interface or, where there is none, the
 * device cdev with iommufd. -EBUSY: somebody has a group open; -EPERM: the reset
 * would hit a function that is not in @fns; both with who or which in @err.
 */
int hw_hot_reset(struct hw *hw, struct bdf bdf, const struct bdf *fns, size_t n,
		 struct err *err);

/*
 * Hold the VFIO group of @bdf, so that no VM can begin to use a function of it (one
 * opener at a time, and the cdev counts; drivers/vfio/group.c). It neither wakes nor
 * resets anything. -EBUSY: somebody has it; -ENOENT: @bdf has no group device (not bound
 * to vfio-pci, or the kernel has only cdevs), so nothing is held. Let go by
 * hw_disown() with the same @bdf, by hw_close() and by the end of the process.
 */
int hw_own(struct hw *hw, struct bdf bdf, struct err *err);
void hw_disown(struct hw *hw, struct bdf bdf);

/*
 * Open the function, which is bound to vfio-pci, through VFIO: from now on its BARs are
 * read and written through it, and its configuration space is written through it, as
 * far as vfio-pci passes such writes on. Under kernel lockdown there is no other way.
 * The kernel wakes the function, takes bus mastering away, enables decoding on it and
 * the bridges above, resets it by the first method in its reset_method (none when that
 * is empty), and remembers its configuration (vfio_pci_core_enable()). One function at
 * a time. -EBUSY: somebody owns its group, or a neighbour in it has a host driver;
 * -ENOTTY: this way does not exist here.
 */
int hw_vfio_open(struct hw *hw, struct bdf bdf, struct err *err);

/*
 * The kernel puts its configuration back and, when every function on its bus is bound
 * to vfio-pci and none is open any more, resets the bus (vfio_pci_core_disable()). So it
 * does, too, when the process ends in any way. Nothing when it is not open.
 */
void hw_vfio_close(struct hw *hw, struct bdf bdf);

/*
 * Sleep until a PCI uevent arrives or until @deadline_us (of hw_now()), whichever is
 * first. Returns 1: an event came (any; look again), 0: the time is up.
 */
int hw_wait_event(struct hw *hw, uint64_t deadline_us, struct err *err);
void hw_sleep(struct hw *hw, uint64_t us);

/* Drop what is cached about a function: before it is removed, after it reappears. */
void hw_forget(struct hw *hw, struct bdf bdf);

#endif
