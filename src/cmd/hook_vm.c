// SPDX-License-Identifier: GPL-2.0-or-later
/* A VM's devices: configuration, mappings and reservations brought together. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "cmd/hook.h"
#include "run/supervise.h"

struct lookup {
	struct hook_vm *h;
	const struct options *o;
	struct pve_mapping *mapping[HOOK_MAPPINGS];
	const char *name[HOOK_MAPPINGS];
	size_t n;
};

static bool lookup_taken(void *arg, const struct bdf_spec *spec, unsigned vmid)
{
	const struct lookup *l = arg;

	return hook_owner(&l->h->resvs, l->o, spec, vmid) != 0;
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
	if (pve_mapping_read(l->mapping[l->n], l->o->pve_dir, name, l->h->node,
			     &l->h->diag, &err) < 0)
		diag_add(&l->h->diag, DIAG_WARNING, "mapping/pci.cfg", 0, 0, NULL, 0,
			 "%s", err.text);
	l->n++;
	return l->mapping[l->n - 1]->found ? l->mapping[l->n - 1] : NULL;
}

/* --- all ----------------------------------------------------------------------- */

static void hook_node(struct hook_vm *h, const struct options *o)
{
	char *dot;

	if (o->pve_node)
		snprintf(h->node, sizeof(h->node), "%s", o->pve_node);
	else if (gethostname(h->node, sizeof(h->node) - 1))
		h->node[0] = '\0';
	dot = strchr(h->node, '.');     /* PVE's node names are host names without it */
	if (dot)
		*dot = '\0';
}

int hook_vm_read(struct hook_vm *h, struct hw *hw, const struct options *o,
		 unsigned vmid, struct err *err)
{
	struct lookup l = { .h = h, .o = o };
	const struct vmdev_world world = { lookup_mapping, lookup_taken, &l };
	int rc, n = 0;

	memset(h, 0, sizeof(*h));
	diag_init(&h->diag);
	hook_node(h, o);
	rc = pve_conf_read(&h->vm, o->pve_dir, o->pve_node, vmid, &h->diag, err);
	if (rc)
		return rc == -ENOENT ? EXIT_USAGE : EXIT_FAILED;
	rc = pve_resv_read(&h->resvs, o->qemu_run, err);
	if (!rc) {
		vmdevs_of(&h->devs, &h->vm, &world);
		n = hook_cards(hw, o, &h->devs, vmid, h->card, err);
		h->ncards = n > 0 ? (size_t)n : 0;
	}
	for (size_t i = 0; i < l.n; i++)
		free(l.mapping[i]);
	return rc || n < 0 ? EXIT_FAILED : 0;
}

void hook_vm_free(struct hook_vm *h)
{
	pve_resv_free(&h->resvs);
	diag_free(&h->diag);
}
