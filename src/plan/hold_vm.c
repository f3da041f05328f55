// SPDX-License-Identifier: GPL-2.0-or-later
/* For whom something is held. */
#include "plan/hold.h"

#include <stdio.h>
#include <string.h>

struct hold_vm *hold_vm_find(struct hold *h, const char *name)
{
	for (size_t i = 0; i < h->nvms; i++)
		if (!strcmp(h->vm[i].name, name))
			return &h->vm[i];
	return NULL;
}

static void hold_vm_remove(struct hold *h, size_t i)
{
	h->nvms--;
	memmove(&h->vm[i], &h->vm[i + 1], (h->nvms - i) * sizeof(h->vm[0]));
}

bool hold_vm_drop(struct hold *h, const char *name)
{
	const struct hold_vm *vm = hold_vm_find(h, name);

	if (vm)
		hold_vm_remove(h, (size_t)(vm - h->vm));
	return vm;
}

void hold_vm_add(struct hold *h, const char *name, uint64_t since_s)
{
	struct hold_vm *vm;

	hold_vm_drop(h, name);
	if (h->nvms == HOLD_VMS)
		hold_vm_remove(h, 0);
	vm = &h->vm[h->nvms++];
	snprintf(vm->name, sizeof(vm->name), "%s", name);
	vm->since_s = since_s;
	vm->locked_s = 0;
}
