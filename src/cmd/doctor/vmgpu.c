// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/doctor/vmgpu.h"

#include <stdlib.h>
#include <string.h>

#include "host/pve_list.h"

static bool gpu_in(struct exam *x, const struct bdf_spec *spec, struct bdf *fn)
{
	*fn = spec->bdf;
	for (unsigned i = spec->whole_slot ? 0 : spec->bdf.fn; i < SLOT_FNS; i++) {
		fn->fn = (uint8_t)i;
		if (class_is_gpu(facts_class(x->hw, *fn)))
			return true;
		if (!spec->whole_slot)
			break;
	}
	return false;
}

static uint16_t gpu_id(struct exam *x, struct bdf fn, const char *attr)
{
	char text[16];

	return (uint16_t)strtoul(exam_attr(x, fn, attr, text, sizeof(text)), NULL, 16);
}

bool vm_gpu_next(struct exam *x, size_t *i, struct vm_gpu *g)
{
	const struct hook_vm *h = &x->at_vm->hook;

	while (*i < h->devs.n) {
		const struct vmdev *d = &h->devs.dev[(*i)++];

		if (d->use != VMDEV_YES || d->spare || !gpu_in(x, &d->spec, &g->fn))
			continue;
		g->dev = d;
		g->key = d->key == VMDEV_ARGS ? NULL : &h->vm.key[d->key];
		g->vendor = gpu_id(x, g->fn, "vendor");
		g->device = gpu_id(x, g->fn, "device");
		return true;
	}
	return false;
}

bool vm_gpu_of(struct exam *x, uint16_t vendor, struct vm_gpu *g)
{
	size_t i = 0;

	while (vm_gpu_next(x, &i, g))
		if (!vendor || g->vendor == vendor)
			return true;
	return false;
}

const char *vm_plain(const struct exam *x, enum pve_plain key)
{
	return x->at_vm->hook.vm.plain[key];
}

/* qemu-server, PVE/QemuServer.pm: any machine type with q35 in its name. */
bool vm_is_q35(const struct exam *x)
{
	char type[64];

	pve_item_value(vm_plain(x, PVE_MACHINE), "type", "type", type, sizeof(type));
	return strstr(type, "q35") != NULL;
}

/* wxp, w2k8, wvista, win7 to win11; the others are l26, l24, solaris, other */
bool vm_is_windows(const struct exam *x)
{
	return vm_plain(x, PVE_OSTYPE)[0] == 'w';
}

bool vm_x_vga(const struct exam *x)
{
	const struct pve_vm *vm = &x->at_vm->hook.vm;

	for (int i = 0; i < HOSTPCI_KEYS; i++)
		if (vm->key[i].line && vm->key[i].pci.x_vga)
			return true;
	return false;
}

const struct exam_card *vm_card(const struct exam *x, struct bdf slot)
{
	for (size_t i = 0; i < x->ncards; i++)
		if (bdf_same_slot(x->card[i]->slot, slot))
			return x->card[i];
	return NULL;
}
