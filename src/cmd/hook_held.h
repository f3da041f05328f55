/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For whom a card is held. Each pre-start that makes it ready adds its VM to the list in
 * the held file; its post-start, when it did not get the card, and its post-stop take it
 * out again, and what is held is put back when nobody is left who waits for it. Of a VM
 * whose start failed in between nothing is heard again until its next one: that its start
 * goes on is shown by Proxmox' lock, for as long as a start may take (a backup has it for
 * hours), or, where nobody has that lock (libvirt, a hook that is called by hand), only
 * by the time.
 */
#ifndef GPURESET_CMD_HOOK_HELD_H
#define GPURESET_CMD_HOOK_HELD_H

#include "plan/hold.h"
#include "run/exec.h"

/*
 * A QEMU that libvirt starts allocates its memory before it opens the card; a guest with
 * much of it takes a minute. With Proxmox' lock that comes after the pre-start timeout.
 */
#define HELD_WAIT_S 120

enum held_sign {
	HELD_LOCKED = 1 << 0,           /* Proxmox has its lock since the pre-start */
	HELD_RECENT = 1 << 1,           /* its pre-start was without, and not long ago */
	HELD_STOPS = 1 << 2,            /* it got the card, and Proxmox has its lock */
	HELD_ANY = HELD_LOCKED | HELD_RECENT | HELD_STOPS,
};

/*
 * A VM of @h, of its list from @from on, other than @self (NULL: any), whose start goes
 * on by one of the signs in @signs; NULL: none. @now_us is hw_now().
 */
const struct hold_vm *held_waits(const struct hold *h, size_t from, const char *self,
				 unsigned signs, uint64_t now_us);

/* How long ago its pre-start was; only where vm->since_s is not 0. */
uint64_t held_age_s(const struct hold_vm *vm, uint64_t now_us);

/*
 * @vm has got the card, so it is last in the list: whom it was made ready for before has
 * to have it reset again. Of those only whom PVE still starts stay, as it may get it yet.
 */
void held_claim(struct hold *h, const char *vm, uint64_t now_us);

/* Adds the VM whose pre-start this is and may take @pre_start_us. */
void held_add(struct hold *h, const char *vm, uint64_t pre_start_us, uint64_t now_us);

/*
 * Nobody has the card open, and nobody waits for it: what is in @h is put back, host
 * drivers with @drivers (hold_back_plan()), and what is left is written down, for nobody.
 * A negative errno with the first failure in @err.
 */
int held_put_back(struct hw *hw, const char *run_dir, struct bdf slot,
		  const struct quirk *quirk, bool drivers, struct hold *h,
		  const struct exec_watch *watch, uint64_t deadline_us, struct err *err);

/*
 * Is something held for VMs of which none has the card (functions of @slot) open, and
 * none waits for it? Then a start has failed. Or for no VM at all: then it could not be
 * put back (@drivers: host drivers should have been, by after-stop). @h is filled.
 */
bool held_in_vain(struct hw *hw, const char *run_dir, struct bdf slot, bool drivers,
		  struct hold *h);

/* "101, my guest": the VMs of @h. */
const char *held_vms_str(const struct hold *h, char *buf, size_t size);

/* The functions of @slot that are on the bus. */
size_t held_functions(struct hw *hw, struct bdf slot, struct bdf fn[SLOT_FNS]);

#endif
