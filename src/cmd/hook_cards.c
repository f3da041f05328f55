// SPDX-License-Identifier: GPL-2.0-or-later
/* From a VM's devices to cards: what is on the bus, whose it is, what belongs along. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/xalloc.h"
#include "cmd/hook.h"

/* --- owners -------------------------------------------------------------------- */

unsigned hook_owner(const struct pve_resvs *resvs, const struct options *o,
		    const struct bdf_spec *spec, unsigned vmid)
{
	uint64_t now = (uint64_t)time(NULL);

	for (size_t i = 0; i < resvs->n; i++) {
		const struct pve_resv *r = &resvs->resv[i];

		if (r->vmid != vmid && bdf_spec_has(spec, r->bdf) &&
		    pve_resv_holds(r, o->qemu_run, now))
			return r->vmid;
	}
	return 0;
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
	return class_is_gpu(facts_class(hw, bdf));
}

/*
 * Of a slot, function 0 has to be there: the specification wants one, and without it a
 * GPU is half gone.
 */
static void card_look(struct hook_card *c, struct hw *hw, const struct bus *bus)
{
	for (size_t i = 0; i < bus->n; i++) {
		if (!bdf_spec_has(&c->spec, bus->fn[i]))
			continue;
		c->present |= bdf_eq(bus->fn[i], c->spec.bdf);
		c->gpu |= bus_is_gpu(hw, bus->fn[i]);
		c->vf |= hw_attr_exists(hw, bus->fn[i], "physfn");
	}
}

/* --- companions ---------------------------------------------------------------- */

static bool same_group(struct hw *hw, struct bdf a, struct bdf b)
{
	char one[32], two[32];

	return hw_attr_read(hw, a, "iommu_group", one, sizeof(one), NULL) == 0 &&
	       hw_attr_read(hw, b, "iommu_group", two, sizeof(two), NULL) == 0 &&
	       !strcmp(one, two);
}

/* Does nobody else want @fn: idle, or taken along by Proxmox with its group? */
static bool fn_free(struct hw *hw, struct bdf fn, struct bdf gpu)
{
	char driver[32];

	return hw_attr_read(hw, fn, "driver", driver, sizeof(driver), NULL) < 0 ||
	       !strcmp(driver, "vfio-pci") || same_group(hw, fn, gpu);
}

static bool card_widens(const struct hook_card *c, struct hw *hw, const struct bus *bus,
			unsigned owner)
{
	if (c->spec.whole_slot || !c->gpu || c->vf || owner)
		return false;
	for (size_t i = 0; i < bus->n; i++)
		if (bdf_same_slot(bus->fn[i], c->spec.bdf) &&
		    !fn_free(hw, bus->fn[i], c->spec.bdf))
			return false;
	return true;
}

/* Other single functions of a slot that became whole are part of it now. */
static size_t cards_merge(struct hook_card *card, size_t n, size_t whole)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++)
		if (i == whole || !bdf_spec_has(&card[whole].spec, card[i].spec.bdf))
			card[kept++] = card[i];
	return kept;
}

static size_t cards_widen(struct hw *hw, const struct options *o, const struct bus *bus,
			  const struct pve_resvs *resvs, unsigned vmid,
			  struct hook_card *card, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct bdf_spec slot = { card[i].spec.bdf, true };

		if (!card_widens(&card[i], hw, bus, hook_owner(resvs, o, &slot, vmid)))
			continue;
		card[i].spec.bdf.fn = 0;
		card[i].spec.whole_slot = true;
		/* from the start: what follows has moved up */
		n = cards_merge(card, n, i);
		i = (size_t)-1;
	}
	return n;
}

/* --- all ----------------------------------------------------------------------- */

/* Named by a key of the VM's only as what it may get instead. */
static bool card_spare(const struct vmdevs *devs, const struct hook_card *c)
{
	for (size_t i = 0; i < devs->n; i++)
		if (!devs->dev[i].spare && devs->dev[i].use == VMDEV_YES &&
		    bdf_same_slot(devs->dev[i].spec.bdf, c->spec.bdf))
			return false;
	return true;
}

/*
 * A pool's card that the host uses is not taken from it on the chance. One that is
 * missing is looked for: PVE does not start a VM when any card of its mapping is.
 */
static bool card_wanted(const struct hook_card *c, struct hw *hw, const struct bus *bus)
{
	char driver[32];

	if (!c->spare)
		return true;
	for (size_t i = 0; i < bus->n; i++)
		if (bdf_spec_has(&c->spec, bus->fn[i]) &&
		    hw_attr_read(hw, bus->fn[i], "driver", driver, sizeof(driver),
				 NULL) == 0 && strcmp(driver, "vfio-pci"))
			return false;
	return true;
}

static size_t cards_find(struct hw *hw, const struct options *o, const struct bus *bus,
			 const struct pve_resvs *resvs, const struct vmdevs *devs,
			 unsigned vmid, struct hook_card *card)
{
	struct bdf_spec spec[VMDEV_MOST];
	size_t n = vmdev_targets(devs, bus->fn, bus->n, spec), kept = 0;

	for (size_t i = 0; i < n; i++) {
		card[i] = (struct hook_card){ .spec = spec[i] };
		card_look(&card[i], hw, bus);
		card[i].spare = card_spare(devs, &card[i]);
	}
	n = cards_widen(hw, o, bus, resvs, vmid, card, n);
	for (size_t i = 0; i < n; i++) {
		card[i].owner = hook_owner(resvs, o, &card[i].spec, vmid);
		if (card_wanted(&card[i], hw, bus))
			card[kept++] = card[i];
	}
	return kept;
}

bool hook_any(const struct hook_event *ev)
{
	for (size_t i = 0; i < ev->ncards; i++)
		if (hook_card_ours(&ev->card[i]))
			return true;
	return false;
}

bool hook_card_ours(const struct hook_card *c)
{
	return !c->vf && (c->gpu || !c->present);
}

int hook_cards(struct hw *hw, const struct options *o, const struct vmdevs *devs,
	       unsigned vmid, struct hook_card *card, struct err *err)
{
	struct pve_resvs resvs = { 0 };
	struct bus bus = { 0 };
	int rc = pve_resv_read(&resvs, o->qemu_run, err);

	if (!rc)
		rc = hw_scan(hw, bus_add, &bus, err);
	if (!rc)
		rc = (int)cards_find(hw, o, &bus, &resvs, devs, vmid, card);
	pve_resv_free(&resvs);
	free(bus.fn);
	return rc;
}

int hook_event_cards(struct hw *hw, const struct options *o, const struct bdf *fn,
		     size_t n, struct hook_event *ev, struct err *err)
{
	struct vmdevs devs = { .n = n };
	int found;

	for (size_t i = 0; i < n; i++)
		devs.dev[i] = (struct vmdev){
			.use = VMDEV_YES, .spec = { fn[i], false },
		};
	found = hook_cards(hw, o, &devs, ev->vmid, ev->card, err);
	ev->ncards = found > 0 ? (size_t)found : 0;
	return found < 0 ? found : 0;
}
