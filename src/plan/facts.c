// SPDX-License-Identifier: GPL-2.0-or-later
/* Collects struct target; the functions' own registers are in facts_fn.c. */
#include "plan/facts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "base/xalloc.h"
#include "plan/facts_fn.h"

struct node_list {
	struct hw_node *node;
	size_t n, room;
};

static int facts_add_node(const struct hw_node *node, void *arg)
{
	struct node_list *l = arg;

	l->node = xgrow(l->node, l->n, &l->room, sizeof(*node));
	l->node[l->n++] = *node;
	return 0;
}

static int facts_node_cmp(const void *bdf, const void *node)
{
	return bdf_cmp(*(const struct bdf *)bdf, ((const struct hw_node *)node)->bdf);
}

/* hw_scan() tells them in address order. */
static const struct hw_node *facts_node(const struct node_list *l, struct bdf bdf)
{
	return l->n ? bsearch(&bdf, l->node, l->n, sizeof(*l->node), facts_node_cmp) :
		      NULL;
}

typedef void facts_fn_fn(struct hw *, struct bdf, bool on_root_bus, struct fn_facts *,
			 struct err *);

static void facts_functions(struct hw *hw, const struct node_list *l, struct target *t,
			    facts_fn_fn *fill, struct err *err)
{
	for (size_t i = 0; i < l->n && t->nfns < SLOT_FNS; i++) {
		const struct hw_node *node = &l->node[i];

		if (bdf_same_slot(node->bdf, t->spec.bdf))
			fill(hw, node->bdf, node->on_root_bus, &t->fn[t->nfns++], err);
	}
	t->main = 0;
	for (size_t i = t->nfns; i-- > 0;)
		if (class_is_gpu(t->fn[i].class_code))
			t->main = i;
}

static void facts_path(struct hw *hw, const struct node_list *l, struct target *t,
		       struct err *err)
{
	const struct hw_node *node = facts_node(l, t->fn[0].bdf);

	while (node && !node->on_root_bus && t->npath < MAX_PATH) {
		node = facts_node(l, node->parent);
		if (node)
			facts_bridge(hw, node->bdf, &t->path[t->npath++], err);
	}
}

/* Lowest bridge of the path that is above @node, or npath. */
static size_t facts_level(const struct node_list *l, const struct target *t,
			  const struct hw_node *node)
{
	size_t best = t->npath;

	while (node && !node->on_root_bus) {
		for (size_t i = 0; i < best; i++)
			if (bdf_eq(t->path[i].bdf, node->parent))
				best = i;
		node = facts_node(l, node->parent);
	}
	return best;
}

static bool facts_on_path(const struct target *t, struct bdf bdf)
{
	for (size_t i = 0; i < t->npath; i++)
		if (bdf_eq(t->path[i].bdf, bdf))
			return true;
	return false;
}

static void facts_others(struct hw *hw, const struct node_list *l, struct target *t,
			 struct err *err)
{
	t->other = xcalloc(l->n, sizeof(*t->other));
	for (size_t i = 0; i < l->n; i++) {
		const struct hw_node *node = &l->node[i];
		size_t level;

		if (bdf_same_slot(node->bdf, t->spec.bdf) ||
		    facts_on_path(t, node->bdf))
			continue;
		level = facts_level(l, t, node);
		if (level < t->npath) {
			facts_other(hw, node->bdf, &t->other[t->nother], err);
			t->other[t->nother++].level = (int)level;
		}
	}
}

/* Only endpoints count: an empty port of the card's own switch is the card's. */
static void facts_only_target(struct target *t)
{
	for (size_t i = 0; i < t->npath; i++) {
		t->path[i].only_target = true;
		for (size_t k = 0; k < t->nother; k++)
			if (!t->other[k].bridge && t->other[k].level <= (int)i)
				t->path[i].only_target = false;
	}
}

static void facts_thunderbolt(struct target *t)
{
	for (size_t i = 0; i < t->nfns; i++)
		t->thunderbolt |= t->fn[i].removable;
	for (size_t i = 0; i < t->npath; i++)
		t->thunderbolt |= t->path[i].thunderbolt;
}

static int facts_add_holder(const struct hw_holder *holder, void *arg)
{
	struct target *t = arg;

	if (!holder->pid) {
		facts_use_claimed(t, holder);
		return 0;
	}
	if (!bdf_same_slot(holder->fn, t->spec.bdf)) {
		facts_use_open(t, holder->fn, holder);
		return 0;
	}
	if (t->nholders < MAX_HOLDERS)
		t->holder[t->nholders] = *holder;
	t->nholders++;
	return 0;
}

/* @arg is a copy of a target, whose uses are the original's. */
static int facts_add_holder_again(const struct hw_holder *holder, void *arg)
{
	return holder->pid ? facts_add_holder(holder, arg) : 0;
}

static bool facts_can_be_open(const struct other_fn *o)
{
	return !o->bridge && o->driver[0];
}

/* One look at all processes for all: it takes. The card's own come first. */
static int facts_holders(struct hw *hw, struct target *t, bool neighbours,
			 struct err *err)
{
	struct bdf *fns = xcalloc(t->nfns + t->nother, sizeof(*fns));
	size_t n = 0;
	int rc;

	for (size_t i = 0; i < t->nfns; i++)
		fns[n++] = t->fn[i].bdf;
	for (size_t i = 0; neighbours && i < t->nother; i++)
		if (facts_can_be_open(&t->other[i]))
			fns[n++] = t->other[i].bdf;
	rc = hw_holders(hw, fns, n,
			neighbours ? facts_add_holder : facts_add_holder_again, t, err);
	free(fns);
	return rc;
}

static int facts_none(const struct target *t, struct err *err)
{
	char text[BDF_STR];

	return err_set(err, ENODEV, "%s: no such device; `gpureset list` shows the GPUs "
		       "of this host (a card that has left the bus comes back only with "
		       "a rescan of the bridge above it)",
		       bdf_slot_str(t->spec.bdf, text));
}

static int facts_from_nodes(struct hw *hw, const struct node_list *l, struct target *t,
			    struct err *err)
{
	struct err bad = { 0 };

	facts_functions(hw, l, t, facts_fn, &bad);
	if (!t->nfns)
		return facts_none(t, err);
	facts_path(hw, l, t, &bad);
	facts_others(hw, l, t, &bad);
	facts_uses(hw, t, &bad);
	if (bad.code)
		return err_set(err, bad.code, "%s", bad.text);
	facts_only_target(t);
	facts_thunderbolt(t);
	facts_host(hw, t);
	if (t->host.lockdown)
		facts_vfio(hw, t);
	return facts_holders(hw, t, true, err);
}

int facts_again(struct hw *hw, struct target *t, struct err *err)
{
	for (size_t i = 0; i < t->nfns; i++) {
		int rc = facts_fn_again(hw, &t->fn[i], err);

		if (rc)
			return rc;
	}
	t->nholders = 0;
	return facts_holders(hw, t, false, err);
}

static bool facts_has_fn(const struct target *t, struct bdf bdf)
{
	for (size_t i = 0; i < t->nfns; i++)
		if (bdf_eq(t->fn[i].bdf, bdf))
			return true;
	return false;
}

int facts_collect(struct hw *hw, const struct bdf_spec *spec, struct target *t,
		  struct err *err)
{
	struct node_list l = { 0 };
	char text[BDF_STR];
	int rc;

	memset(t, 0, sizeof(*t));
	t->spec = *spec;
	rc = hw_scan(hw, facts_add_node, &l, err);
	if (!rc)
		rc = facts_from_nodes(hw, &l, t, err);
	if (!rc && !spec->whole_slot && !facts_has_fn(t, spec->bdf))
		rc = err_set(err, ENODEV, "%s: the slot exists, but has no such function",
			     bdf_str(spec->bdf, text));
	free(l.node);
	if (rc)
		target_free(t);
	return rc;
}

int facts_glance(struct hw *hw, const struct bdf_spec *spec, struct target *t,
		 struct err *err)
{
	struct node_list l = { 0 };
	const struct hw_node *node;
	struct err bad = { 0 };
	int rc;

	memset(t, 0, sizeof(*t));
	t->spec = *spec;
	rc = hw_scan(hw, facts_add_node, &l, err);
	if (!rc)
		facts_functions(hw, &l, t, facts_fn_glance, &bad);
	if (!rc && !t->nfns)
		rc = facts_none(t, err);
	node = rc ? NULL : facts_node(&l, t->fn[0].bdf);
	for (; node && !node->on_root_bus && t->npath < MAX_PATH;
	     node = facts_node(&l, node->parent))
		t->path[t->npath++].bdf = node->parent;
	free(l.node);
	return rc;
}

void target_free(struct target *t)
{
	free(t->other);
	free(t->use);
	t->other = NULL;
	t->use = NULL;
	t->nother = t->nuses = 0;
}

const struct fn_facts *target_main(const struct target *t)
{
	return &t->fn[t->main];
}

size_t target_card_level(const struct target *t)
{
	size_t best = t->npath;

	for (size_t i = 0; i < t->npath && t->path[i].only_target; i++) {
		if (t->path[i].thunderbolt && best < t->npath)
			break;          /* the enclosure is not the card */
		best = i;
	}
	return best;
}

bool driver_is_vfio(const char *driver)
{
	return strstr(driver, "vfio") != NULL;
}

bool class_is_gpu(uint32_t class_code)
{
	uint32_t base = class_code >> 16;

	return base == PCI_BASE_CLASS_DISPLAY_GPU || base == PCI_BASE_CLASS_ACCEL;
}

const char *link_speed_str(uint8_t speed)
{
	static const char *const text[] = {
		"unknown speed", "2.5 GT/s", "5 GT/s", "8 GT/s", "16 GT/s", "32 GT/s",
		"64 GT/s",
	};

	return text[speed < sizeof(text) / sizeof(*text) ? speed : 0];
}
