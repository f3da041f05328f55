// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/vmdev.h"

#include <string.h>

static struct vmdev *vmdev_add(struct vmdevs *all, int key, int line, enum vmdev_use use)
{
	static struct vmdev beyond;
	struct vmdev *d = all->n < VMDEV_MOST ? &all->dev[all->n++] : &beyond;

	all->cut |= d == &beyond;
	*d = (struct vmdev){ .key = key, .line = line, .use = use };
	return d;
}

/* --- mappings ------------------------------------------------------------------ */

static bool vmdev_alt_taken(const struct vmdev_world *w, const struct pve_alternative *a,
			    unsigned vmid)
{
	for (size_t i = 0; i < a->naddr; i++)
		if (w->taken(w->arg, &a->addr[i], vmid))
			return true;
	return false;
}

static bool vmdev_overlap(const struct bdf_spec *a, const struct bdf_spec *b)
{
	return bdf_spec_has(a, b->bdf) || bdf_spec_has(b, a->bdf);
}

/* PVE does not give the same alternative twice to one VM either. */
static bool vmdev_alt_ours(const struct vmdevs *all, const struct pve_alternative *a)
{
	for (size_t i = 0; i < all->n; i++)
		for (size_t j = 0; j < a->naddr; j++)
			if (all->dev[i].use == VMDEV_YES && !all->dev[i].spare &&
			    vmdev_overlap(&all->dev[i].spec, &a->addr[j]))
				return true;
	return false;
}

static bool vmdev_alt_free(const struct vmdevs *all, const struct pve_alternative *a,
			   const struct pve_vm *vm, const struct vmdev_world *w)
{
	return !vmdev_alt_ours(all, a) && !vmdev_alt_taken(w, a, vm->vmid);
}

static void vmdev_add_alt(struct vmdevs *all, const struct pve_vm *vm, int key,
			  const struct pve_alternative *a, bool spare, bool many)
{
	const struct pve_key *k = &vm->key[key];

	for (size_t i = 0; i < a->naddr; i++) {
		struct vmdev *d = vmdev_add(all, key, k->line, VMDEV_YES);

		d->spec = a->addr[i];
		d->mapping = k->pci.mapping;
		d->one_of_many = many;
		d->spare = spare;
	}
}

static void vmdev_mapped(struct vmdevs *all, const struct pve_vm *vm, int key,
			 const struct vmdev_world *w)
{
	const struct pve_key *k = &vm->key[key];
	const struct pve_mapping *m = w->mapping(w->arg, k->pci.mapping);
	const struct pve_alternative *first = NULL;
	size_t nfree = 0;

	for (size_t i = 0; m && i < m->nalts; i++) {
		if (!vmdev_alt_free(all, &m->alt[i], vm, w))
			continue;
		first = first ? first : &m->alt[i];
		nfree++;
	}
	if (first && !m->mdev)
		vmdev_add_alt(all, vm, key, first, false, nfree > 1);
	else
		vmdev_add(all, key, k->line, !m || !m->nalts ? VMDEV_NO_MAPPING :
			  m->mdev ? VMDEV_MDEV : VMDEV_ALL_TAKEN)->mapping =
			k->pci.mapping;
}

/* What else the mapping of @key has, once all first choices are known. */
static void vmdev_spares(struct vmdevs *all, const struct pve_vm *vm, int key,
			 const struct vmdev_world *w)
{
	const struct pve_mapping *m = w->mapping(w->arg, vm->key[key].pci.mapping);

	for (size_t i = 0; m && i < m->nalts; i++)
		if (vmdev_alt_free(all, &m->alt[i], vm, w))
			vmdev_add_alt(all, vm, key, &m->alt[i], true, true);
}

/* --- keys ---------------------------------------------------------------------- */

static void vmdev_key(struct vmdevs *all, const struct pve_vm *vm, int key,
		      const struct vmdev_world *w)
{
	const struct pve_key *k = &vm->key[key];
	const struct hostpci *h = &k->pci;

	if (h->dies)
		vmdev_add(all, key, k->line, VMDEV_DIES);
	else if (h->keep || h->mdev[0])
		vmdev_add(all, key, k->line, h->keep ? VMDEV_KEEP : VMDEV_MDEV);
	else if (h->mapping[0])
		vmdev_mapped(all, vm, key, w);
	else
		for (size_t i = 0; i < h->naddr; i++)
			vmdev_add(all, key, k->line, VMDEV_YES)->spec = h->addr[i];
}

void vmdevs_of(struct vmdevs *all, const struct pve_vm *vm,
	       const struct vmdev_world *world)
{
	size_t nfirst;

	memset(all, 0, sizeof(*all));
	for (int i = 0; i < HOSTPCI_KEYS; i++)
		if (vm->key[i].line)
			vmdev_key(all, vm, i, world);
	for (size_t i = 0; i < vm->nargs; i++)
		vmdev_add(all, VMDEV_ARGS, 0, VMDEV_YES)->spec = vm->args[i];
	nfirst = all->n;
	for (size_t i = 0; i < nfirst; i++)
		if (all->dev[i].mapping && all->dev[i].use == VMDEV_YES &&
		    (i == 0 || all->dev[i].key != all->dev[i - 1].key))
			vmdev_spares(all, vm, all->dev[i].key, world);
}

const char *vmdev_why(enum vmdev_use use)
{
	static const char *const why[] = {
		[VMDEV_YES] = "its own while it runs",
		[VMDEV_MDEV] = "a mediated device belongs to its parent, which is not "
			       "reset for one VM",
		[VMDEV_KEEP] = "driver=keep asks to leave it alone",
		[VMDEV_NO_MAPPING] = "the mapping has no device on this node",
		[VMDEV_ALL_TAKEN] = "every device of the mapping is reserved by another "
				    "VM",
		[VMDEV_DIES] = "PVE does not start a VM with this key",
	};

	return why[use];
}

/* --- targets ------------------------------------------------------------------- */

/* Does the VM have function @fn, or is it among those that it could have (@spare)? */
static bool vmdev_has(const struct vmdevs *all, struct bdf fn, bool spare)
{
	for (size_t i = 0; i < all->n; i++) {
		const struct vmdev *d = &all->dev[i];

		if (d->use == VMDEV_YES && d->spare == spare &&
		    bdf_spec_has(&d->spec, fn))
			return true;
	}
	return false;
}

/* Every function of @d's slot that exists is the VM's as @d is; at least one exists. */
static bool vmdev_whole(const struct vmdevs *all, const struct vmdev *d,
			const struct bdf *fns, size_t nfns)
{
	bool any = false;

	for (size_t i = 0; i < nfns; i++) {
		if (!bdf_same_slot(fns[i], d->spec.bdf))
			continue;
		if (!vmdev_has(all, fns[i], d->spare))
			return false;
		any = true;
	}
	return any;
}

static bool vmdev_listed(const struct bdf_spec *out, size_t n,
			 const struct bdf_spec *spec)
{
	for (size_t i = 0; i < n; i++)
		if (bdf_spec_has(&out[i], spec->bdf))
			return true;
	return false;
}

static size_t vmdev_target(const struct vmdevs *all, const struct vmdev *d,
			   const struct bdf *fns, size_t nfns, struct bdf_spec *out,
			   size_t n)
{
	struct bdf_spec spec = d->spec;

	if (!spec.whole_slot && vmdev_whole(all, d, fns, nfns))
		spec.whole_slot = true;
	if (spec.whole_slot)
		spec.bdf.fn = 0;
	if (!vmdev_listed(out, n, &spec))
		out[n++] = spec;
	return n;
}

size_t vmdev_targets(const struct vmdevs *all, const struct bdf *fns, size_t nfns,
		     struct bdf_spec *out)
{
	size_t n = 0;

	for (int spare = 0; spare < 2; spare++)
		for (size_t i = 0; i < all->n; i++)
			if (all->dev[i].use == VMDEV_YES && all->dev[i].spare == spare)
				n = vmdev_target(all, &all->dev[i], fns, nfns, out, n);
	return n;
}
