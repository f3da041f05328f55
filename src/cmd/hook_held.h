/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For whom a card is held. Each pre-start that makes it ready adds its VM to the list in
 * the held file; its post-start, when it did not get the card, and its post-stop take it
 * out again, and what is held is put back when nobody is left who waits for it. Of a VM
 * whose start failed in between nothing is heard again until its next one: that its start
 * goes on is shown by Proxmox' lock, or, where nobody has that lock (libvirt, a hook that
 * is called by hand), only by the time.
 */
#ifndef GPURESET_CMD_HOOK_HELD_H
#define GPURESET_CMD_HOOK_HELD_H

#include "plan/hold.h"

/*
 * A QEMU that libvirt starts allocates its memory before it opens the card; a guest with
 * much of it takes a minute.
 */
#define HELD_WAIT_S 120

enum held_sign {
	HELD_LOCKED = 1 << 0,           /* Proxmox has the VM's lock */
	HELD_RECENT = 1 << 1,           /* its pre-start was without, and not long ago */
	HELD_ANY = HELD_LOCKED | HELD_RECENT,
};

/*
 * A VM of @h other than @self (NULL: any) whose start goes on by one of the signs in
 * @signs; NULL: none. @now_us is hw_now().
 */
const struct hold_vm *held_waits(const struct hold *h, const char *self, unsigned signs,
				 uint64_t now_us);

/* How long ago its pre-start was; only where vm->since_s is not 0. */
uint64_t held_age_s(const struct hold_vm *vm, uint64_t now_us);

/* Adds the VM whose pre-start this is, with a time where it needs one. */
void held_add(struct hold *h, const char *vm, uint64_t now_us);

#endif
