// SPDX-License-Identifier: GPL-2.0-or-later
/* A VM's cards: configuration, mappings, reservations and bus brought together. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "cmd/hook.h"
#include "run/supervise.h"

struct lookup {
	struct hook_vm *h;
	const struct hook_place *place;
	struct pve_mapping *mapping[HOOK_MAPPINGS];
	const char *name[HOOK_MAPPINGS];
	size_t n;
};

/* --- reservations -------------------------------------------------------------- */

static bool resv_within(const struct pve_resv *r, const struct bdf_spec *spec)
{
	return spec->whole_slot ? bdf_same_slot(r->bdf, spec->bdf) :
				  bdf_eq(r->bdf, spec->bdf);
}

/* The VM, other than @vmid, that holds a function of @spec; 0: none. */
static unsigned hook_owner(const struct hook_vm *h, const struct hook_place *place,
			   const struct bdf_spec *spec, unsigned vmid)
{
	uint64_t now = (uint64_t)time(NULL);

	for (size_t i = 0; i < h->resvs.n; i++) {
		const struct pve_resv *r = &h->resvs.resv[i];

		if (r->vmid != vmid && resv_within(r, spec) &&
		    pve_resv_holds(r, place->qemu_run, now))
			return r->vmid;
	}
	return 0;
}

static bool lookup_taken(void *arg, const struct bdf_spec *spec, unsigned vmid)
{
	const struct lookup *l = arg;

	return hook_owner(l->h, l->place, spec, vmid) != 0;
}

/* --- mappings ------------------------------------------------------------------ */

static const struct pve_mapping *lookup_mapping(void *arg, const char *name)
{
	struct lookup *l = arg;
	struct err err;

	for (size_t i = 0; i < l->n; i++)
		if (!strcmp(l->name[i], name))
			return l->mapping[i]->found ? l->mapping[i] : NULL;
	if (l->n == HOOK_MAPPINGS)
		return NULL;
	l->name[l->n] = name;
	l->mapping[l->n] = xcalloc(1, sizeof(**l->mapping));
	if (pve_mapping_read(l->mapping[l->n], l->place->config_dir, name, l->h->node,
			     &l->h->diag, &err) < 0)
		diag_add(&l->h->diag, DIAG_WARNING, "mapping/pci.cfg", 0, 0, NULL, 0,
			 "%s", err.text);
	l->n++;
	return l->mapping[l->n - 1]->found ? l->mapping[l->n - 1] : NULL;
}

/* --- the bus ------------------------------------------------------------------- */

struct bus {
	struct bdf *fn;
	size_t n, room;
};

static int bus_add(const struct hw_node *node, void *arg)
{
	struct bus *b = arg;

	b->fn = xgrow(b->fn, b->n, &b->room, sizeof(*b->fn));
	b->fn[b->n++] = node->bdf;
	return 0;
}

static bool bus_is_gpu(struct hw *hw, struct bdf bdf)
{
	char text[32];

	return hw_attr_read(hw, bdf, "class", text, sizeof(text), NULL) == 0 &&
	       class_is_gpu((uint32_t)strtoul(text, NULL, 16));
}

static void hook_look(struct hook_vm *h, struct hw *hw, const struct hook_place *place,
		      const struct bus *bus)
{
	struct bdf_spec spec[VMDEV_MOST];

	h->ncards = vmdev_targets(&h->devs, bus->fn, bus->n, spec);
	for (size_t i = 0; i < h->ncards; i++) {
		struct hook_card *c = &h->card[i];

		c->spec = spec[i];
		c->owner = hook_owner(h, place, &spec[i], h->vm.vmid);
		for (size_t k = 0; k < bus->n; k++) {
			bool in = spec[i].whole_slot ?
				bdf_same_slot(bus->fn[k], spec[i].bdf) :
				bdf_eq(bus->fn[k], spec[i].bdf);

			c->present |= in;
			c->gpu |= in && bus_is_gpu(hw, bus->fn[k]);
		}
	}
}

/* --- all ----------------------------------------------------------------------- */

static void hook_node(struct hook_vm *h, const struct hook_place *place)
{
	char *dot;

	if (place->node)
		snprintf(h->node, sizeof(h->node), "%s", place->node);
	else if (gethostname(h->node, sizeof(h->node) - 1))
		h->node[0] = '\0';
	dot = strchr(h->node, '.');     /* PVE's node names are host names without it */
	if (dot)
		*dot = '\0';
}

int hook_vm_read(struct hook_vm *h, struct hw *hw, const struct hook_place *place,
		 unsigned vmid, struct err *err)
{
	struct lookup l = { .h = h, .place = place };
	const struct vmdev_world world = { lookup_mapping, lookup_taken, &l };
	struct bus bus = { 0 };
	int rc;

	memset(h, 0, sizeof(*h));
	diag_init(&h->diag);
	hook_node(h, place);
	rc = pve_conf_read(&h->vm, place->config_dir, place->node, vmid, &h->diag, err);
	if (rc)
		return rc == -ENOENT ? EXIT_USAGE : EXIT_FAILED;
	rc = pve_resv_read(&h->resvs, place->qemu_run, err);
	if (!rc)
		rc = hw_scan(hw, bus_add, &bus, err);
	if (!rc) {
		vmdevs_of(&h->devs, &h->vm, &world);
		hook_look(h, hw, place, &bus);
	}
	for (size_t i = 0; i < l.n; i++)
		free(l.mapping[i]);
	free(bus.fn);
	return rc ? EXIT_FAILED : 0;
}

void hook_vm_free(struct hook_vm *h)
{
	pve_resv_free(&h->resvs);
	diag_free(&h->diag);
}
