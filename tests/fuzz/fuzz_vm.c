// SPDX-License-Identifier: GPL-2.0-or-later
#include "fuzz/fuzz.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz_common.h"
#include "host/vmdev.h"

#define VM 101u
#define MAPPINGS 8

struct part {
	const char *text;
	size_t len;
};

/* What the VM's keys are resolved with. */
struct world {
	struct part mappings;
	struct pve_mapping map[MAPPINGS];
	size_t nmaps;
	struct pve_resvs resvs;
};

/* The next part of the input, up to a line "====". */
static struct part cut(struct part *rest)
{
	struct part first = *rest;
	const char *at = memmem(first.text, first.len, FUZZ_CUT, strlen(FUZZ_CUT));
	const char *end = first.text + first.len;

	rest->text = at ? at + strlen(FUZZ_CUT) : end;
	rest->len = (size_t)(end - rest->text);
	if (at)
		first.len = (size_t)(at + 1 - first.text);
	return first;
}

static const struct pve_mapping *world_mapping(void *arg, const char *name)
{
	struct world *w = arg;
	struct pve_mapping *m;
	struct diag diag;

	if (w->nmaps == MAPPINGS)
		return NULL;
	m = &w->map[w->nmaps++];        /* results of earlier calls stay as they are */
	diag_init(&diag);
	pve_mapping_parse(m, name, "pve1", "pci.cfg", w->mappings.text, w->mappings.len,
			  &diag);
	diag_free(&diag);
	return m->found ? m : NULL;
}

static bool world_taken(void *arg, const struct bdf_spec *spec, unsigned vmid)
{
	const struct world *w = arg;

	for (size_t i = 0; i < w->resvs.n; i++)
		if (w->resvs.resv[i].vmid != vmid &&
		    bdf_spec_has(spec, w->resvs.resv[i].bdf))
			return true;
	return false;
}

/* --- what the text says ---------------------------------------------------------- */

static void key_says(const struct pve_key *key, const struct bdf_spec *spec)
{
	struct bdf b = spec->bdf;
	char want[BDF_STR];

	fuzz_bdf_valid(b);
	if (spec->whole_slot)
		snprintf(want, sizeof(want), "%02x:%02x", b.bus, b.dev);
	else
		snprintf(want, sizeof(want), "%02x:%02x.%x", b.bus, b.dev, b.fn);
	fuzz_insist(strstr(key->value, want), "no address that the key does not say");
	snprintf(want, sizeof(want), "%x:", b.domain);
	fuzz_insist(!b.domain || strstr(key->value, want), "nor its domain");
}

static void check_key(const struct pve_key *key, struct part conf)
{
	const struct hostpci *h = &key->pci;

	fuzz_insist(memmem(conf.text, conf.len, key->value, strlen(key->value)),
		    "a value as it stands in the file");
	fuzz_insist(h->naddr <= HOSTPCI_ADDRS, "addresses of a key");
	fuzz_insist(h->dies || (h->naddr > 0) != (h->mapping[0] != '\0'),
		    "either addresses or a mapping");
	for (size_t i = 0; i < h->naddr; i++)
		key_says(key, &h->addr[i]);
}

/* Without quotes and backslashes, in lower case, numbers without leading zeros. */
static size_t flatten(struct part conf, char *out)
{
	size_t n = 0, kept = 0;

	for (size_t i = 0; i < conf.len; i++)
		if (!conf.text[i] || !strchr("\"'\\", conf.text[i]))
			out[n++] = (char)tolower((unsigned char)conf.text[i]);
	for (size_t i = 0; i < n; i++) {
		bool leads = out[i] == '0' && i + 1 < n &&
			     isxdigit((unsigned char)out[i + 1]) &&
			     (!kept || !isxdigit((unsigned char)out[kept - 1]));

		if (!leads)
			out[kept++] = out[i];
	}
	return kept;
}

static void check_args(const struct pve_vm *vm, struct part conf)
{
	char *flat = malloc(conf.len + 1), want[BDF_STR];
	size_t len;

	fuzz_insist(flat, "memory");
	len = flatten(conf, flat);
	fuzz_insist(vm->nargs <= PVE_ARGS, "functions of an args line");
	fuzz_insist(!vm->nargs || memmem(flat, len, "vfio-pci", 8), "args pass through");
	for (size_t i = 0; i < vm->nargs; i++) {
		struct bdf b = vm->args[i].bdf;

		fuzz_bdf_valid(b);
		snprintf(want, sizeof(want), "%x:%x.%x", b.bus, b.dev, b.fn);
		fuzz_insist(memmem(flat, len, want, strlen(want)),
			    "no address that the args do not say");
	}
	free(flat);
}

static void check_vm(const struct pve_vm *vm, struct part conf)
{
	for (int i = 0; i < HOSTPCI_KEYS; i++)
		if (vm->key[i].line)
			check_key(&vm->key[i], conf);
	check_args(vm, conf);
}

/* --- what comes of it ------------------------------------------------------------ */

static bool listed(const struct bdf_spec *addr, size_t n, const struct bdf_spec *spec)
{
	for (size_t i = 0; i < n; i++)
		if (bdf_eq(addr[i].bdf, spec->bdf) &&
		    addr[i].whole_slot == spec->whole_slot)
			return true;
	return false;
}

static bool mapped(const struct world *w, const struct bdf_spec *spec)
{
	for (size_t i = 0; i < w->nmaps; i++)
		for (size_t k = 0; k < w->map[i].nalts; k++)
			if (listed(w->map[i].alt[k].addr, w->map[i].alt[k].naddr, spec))
				return true;
	return false;
}

static void check_dev(const struct vmdev *d, const struct pve_vm *vm, struct world *w)
{
	const struct hostpci *h;

	fuzz_insist(vmdev_why(d->use) && d->key >= VMDEV_ARGS && d->key < HOSTPCI_KEYS,
		    "a device has a key");
	if (d->key == VMDEV_ARGS) {
		fuzz_insist(listed(vm->args, vm->nargs, &d->spec), "of the args");
		return;
	}
	h = &vm->key[d->key].pci;
	fuzz_insist(vm->key[d->key].line == d->line, "a key that is there");
	if (d->use != VMDEV_YES)
		return;
	fuzz_insist(!h->dies && !h->keep && !h->mdev[0], "hands off what is not ours");
	fuzz_insist(d->mapping ? mapped(w, &d->spec) && !world_taken(w, &d->spec, VM) :
		    listed(h->addr, h->naddr, &d->spec), "no address from nowhere");
	fuzz_insist(!d->spare || d->mapping, "only mappings have spares");
}

/* A target is a whole slot only when the VM has each of the slot's functions. */
static void check_targets(const struct vmdevs *all)
{
	struct bdf_spec out[VMDEV_MOST];
	struct bdf fns[2 * VMDEV_MOST];
	size_t nfns = 0, n, nyes = 0;

	for (size_t i = 0; i < all->n; i++) {
		struct bdf b = all->dev[i].spec.bdf;

		nyes += all->dev[i].use == VMDEV_YES;
		b.fn = 0;
		fns[nfns++] = b;
		b.fn = 1;
		fns[nfns++] = b;
	}
	n = vmdev_targets(all, fns, nfns, out);
	fuzz_insist(n <= nyes, "no more targets than devices");
	for (size_t i = 0; i < n; i++) {
		unsigned has = 0;

		for (size_t k = 0; k < all->n; k++)
			if (all->dev[k].use == VMDEV_YES &&
			    bdf_same_slot(all->dev[k].spec.bdf, out[i].bdf))
				has |= all->dev[k].spec.whole_slot ? 3 :
				       1u << all->dev[k].spec.bdf.fn;
		fuzz_insist(has && (!out[i].whole_slot || (has & 3) == 3),
			    "a slot is whole when all of it is the VM's");
	}
}

static void resolve(const struct pve_vm *vm, struct part mappings, struct part resvs)
{
	struct world *w = calloc(1, sizeof(*w));
	struct vmdevs *all = calloc(1, sizeof(*all));
	const struct vmdev_world world = { world_mapping, world_taken, w };

	fuzz_insist(w && all, "memory");
	w->mappings = mappings;
	pve_resv_parse(&w->resvs, resvs.text, resvs.len);
	vmdevs_of(all, vm, &world);
	fuzz_insist(all->n <= VMDEV_MOST, "devices");
	for (size_t i = 0; i < all->n; i++)
		check_dev(&all->dev[i], vm, w);
	check_targets(all);
	pve_resv_free(&w->resvs);
	free(all);
	free(w);
}

int fuzz_vm(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	struct part rest = { text, size };
	struct part conf = cut(&rest), mappings = cut(&rest);
	struct pve_vm *vm = calloc(1, sizeof(*vm));
	struct diag diag;

	fuzz_insist(vm, "memory");
	vm->vmid = VM;
	diag_init(&diag);
	pve_conf_parse(vm, "101.conf", conf.text, conf.len, &diag);
	fuzz_insist(!diag.errors && (diag.n || !vm->dropped),
		    "PVE ignores what it warns of");
	fuzz_diag(&diag);
	check_vm(vm, conf);
	resolve(vm, mappings, rest);
	free(vm);
	free(text);
	return 0;
}
