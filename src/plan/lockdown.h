/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Kernel lockdown (Secure Boot) forbids writing configuration space and mapping BARs
 * through sysfs (security/lockdown: LOCKDOWN_PCI_ACCESS). The registers of a card can
 * then be reached through VFIO alone. What that costs, and whether it can be done here:
 *
 * - Opening a function makes the kernel reset it by the first method in its
 *   reset_method, so that list is emptied for the time.
 * - Closing it makes the kernel reset the bus when all functions on it are bound to
 *   vfio-pci; so does the end of a process that is killed. Hence the card's other
 *   functions are without driver as long as one is open. A card of one function has no
 *   others: where such a reset is denied or warned of, nothing is opened.
 * - The kernel remembers and puts back the configuration of the function that is open
 *   (vfio_pci_core_enable(), _disable()). Of the others it does when they are runtime
 *   suspended and woken (pci_pm_runtime_suspend(), _resume() in pci-driver.c), also
 *   without a driver: they are parked. Both on Linux 6.1 and 6.12 in the lab.
 * - Bus mastering goes off, decoding goes on (bridges too), by the kernel at the open.
 * - Writes to configuration space pass as far as vfio_pci_config.c lets them, to this one
 *   function; bridges and other slots are out of reach.
 */
#ifndef GPURESET_PLAN_LOCKDOWN_H
#define GPURESET_PLAN_LOCKDOWN_H

#include "plan/plan.h"

/* Why the registers of the card cannot be reached through VFIO; NULL: they can. */
const char *lockdown_unable(struct plan *plan);

/* The same where registers are only read: not at the price of a reset. */
const char *lockdown_unreadable(struct plan *plan);

/* Will the kernel reset the card's bus when the card is closed? */
bool lockdown_close_resets(const struct target *t);

/*
 * The first write of the attempt's register programs (steps from a quirk file) that does
 * not reach the card through VFIO, as a sentence; NULL: all of them do.
 */
const char *lockdown_unreachable(struct plan *plan, const struct attempt *a);

/*
 * Steps of @phase that open the card's main function, with their undo: closed by
 * lockdown_close(), drivers and reset_method go back at the end. Sets a->vfio.
 */
void lockdown_open(struct plan *plan, struct attempt *a, enum step_phase phase);
/* The other functions, which lockdown_open() left without driver; back before health. */
void lockdown_park(struct plan *plan, struct attempt *a);
void lockdown_close(struct attempt *a);
/*
 * Memory decoding of the function that is open, also when a reset took it away: vfio-pci
 * puts the BARs back when COMMAND.MEMORY is written and the hardware has it off
 * (vfio_basic_config_write() in vfio_pci_config.c).
 */
struct step *lockdown_decode(struct plan *plan, struct attempt *a, enum step_phase phase);

#endif
