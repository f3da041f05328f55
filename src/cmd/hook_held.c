// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/hook_held.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cmd/work.h"
#include "host/pve_conf.h"
#include "host/pve_lock.h"
#include "run/held.h"
#include "run/idle.h"

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
	uint64_t most_s = vm->locked_s ? vm->locked_s : HELD_WAIT_S;
	enum held_sign sign = !vm->since_s ? HELD_STOPS : vm->locked_s ? HELD_LOCKED :
			      HELD_RECENT;

	if (!(signs & sign) || (vm->since_s && held_age_s(vm, now_us) >= most_s))
		return false;
	return sign == HELD_RECENT || held_locked(vm->name);
}

const struct hold_vm *held_waits(const struct hold *h, size_t from, const char *self,
				 unsigned signs, uint64_t now_us)
{
	for (size_t i = from; i < h->nvms; i++)
		if ((!self || strcmp(h->vm[i].name, self)) &&
		    held_sign(&h->vm[i], signs, now_us))
			return &h->vm[i];
	return NULL;
}

void held_claim(struct hold *h, const char *vm, uint64_t now_us)
{
	for (size_t i = h->nvms; i-- > 0;)
		if (!held_sign(&h->vm[i], HELD_LOCKED, now_us))
			hold_vm_drop(h, h->vm[i].name);
	hold_vm_add(h, vm, 0);
}

void held_add(struct hold *h, const char *vm, uint64_t pre_start_us, uint64_t now_us)
{
	hold_vm_add(h, vm, held_seconds(now_us));
	if (held_locked(vm))
		hold_vm_find(h, vm)->locked_s = pre_start_us / 1000000 + HELD_WAIT_S;
}

int held_put_back(struct hw *hw, const char *run_dir, struct bdf slot,
		  const struct quirk *quirk, bool drivers, struct hold *h,
		  const struct exec_watch *watch, uint64_t deadline_us, struct err *err)
{
	struct exec_outcome out = { 0 };
	struct exec_summary sum;
	struct plan plan;
	int rc = 0, written;

	hold_back_plan(&plan, hw, quirk, h, drivers);
	if (plan.attempt[0].nsteps)
		rc = work_exec_plan(hw, run_dir, slot, &plan, watch, deadline_us, &out,
				    &sum, err);
	if (!rc && plan.attempt[0].nsteps && out.result != EXEC_HEALTHY)
		rc = err_set(err, EIO, "%s", out.err.text);
	plan_free(&plan);
	hold_left(hw, quirk, drivers, h);
	h->nvms = 0;
	written = held_write(run_dir, slot, h, rc ? NULL : err);
	return rc ? rc : written;
}

size_t held_functions(struct hw *hw, struct bdf slot, struct bdf fn[SLOT_FNS])
{
	size_t n = 0;

	for (uint8_t i = 0; i < SLOT_FNS; i++) {
		fn[n] = slot;
		fn[n].fn = i;
		n += hw_attr_exists(hw, fn[n], "vendor");
	}
	return n;
}

/*
 * More than may stay for good: host drivers where after-stop does not bind them, and what
 * is kept awake (an entry may want that, and it does no harm).
 */
static bool held_rest(const struct hold *h, bool drivers)
{
	for (size_t i = 0; i < h->n; i++)
		if (!strcmp(h->item[i].name, "reset_method") ||
		    (drivers && !strcmp(h->item[i].name, "driver")))
			return true;
	return false;
}

bool held_in_vain(struct hw *hw, const char *run_dir, struct bdf slot, bool drivers,
		  struct hold *h)
{
	struct hw_holder who;
	struct bdf fn[SLOT_FNS];
	uint64_t now = hw_now(hw);

	if (held_read(run_dir, slot, h, NULL) || (!h->nvms && !held_rest(h, drivers)) ||
	    held_waits(h, 0, NULL, HELD_ANY, now))
		return false;
	return !idle_wait(hw, fn, held_functions(hw, slot, fn), now, NULL, NULL, &who,
			  NULL);
}

const char *held_vms_str(const struct hold *h, char *buf, size_t size)
{
	buf[0] = '\0';
	for (size_t i = 0, n = 0; i < h->nvms && n < size; i++)
		n += (size_t)snprintf(buf + n, size - n, "%s%s", i ? ", " : "",
				      h->vm[i].name);
	return buf;
}
