// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/hook_held.h"

#include <string.h>

#include "host/pve_conf.h"
#include "host/pve_lock.h"

#define LOCKS "/proc/locks"

static bool held_locked(const char *vm)
{
	unsigned vmid = pve_vmid(vm, NULL);

	return vmid && pve_vm_locked(PVE_LOCK_DIR, LOCKS, vmid);
}

/* From 1 on, as 0 stands for none. */
static uint64_t held_seconds(uint64_t now_us)
{
	return now_us / 1000000 + 1;
}

uint64_t held_age_s(const struct hold_vm *vm, uint64_t now_us)
{
	return held_seconds(now_us) - vm->since_s;
}

static bool held_sign(const struct hold_vm *vm, unsigned signs, uint64_t now_us)
{
	if (vm->since_s && signs & HELD_RECENT &&
	    held_age_s(vm, now_us) < HELD_WAIT_S)
		return true;
	return signs & HELD_LOCKED && held_locked(vm->name);
}

const struct hold_vm *held_waits(const struct hold *h, const char *self, unsigned signs,
				 uint64_t now_us)
{
	for (size_t i = 0; i < h->nvms; i++)
		if ((!self || strcmp(h->vm[i].name, self)) &&
		    held_sign(&h->vm[i], signs, now_us))
			return &h->vm[i];
	return NULL;
}

void held_add(struct hold *h, const char *vm, uint64_t now_us)
{
	hold_vm_add(h, vm, held_locked(vm) ? 0 : held_seconds(now_us));
}
