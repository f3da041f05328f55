// SPDX-License-Identifier: GPL-2.0-or-later
#include "topo_check.h"

static bool spans_fit(const struct topo *t, size_t i)
{
	const struct topo_node *node = &t->node[i];

	if (node->end <= i || node->end > t->n)
		return false;
	if (node->parent == TOPO_NONE)
		return node->depth == 0;
	return node->parent < i && node->end <= t->node[node->parent].end &&
	       node->depth == t->node[node->parent].depth + 1;
}

static bool caps_fit(const struct topo *t, const struct topo_node *node)
{
	if (node->cap + node->ncaps > t->ncaps)
		return false;
	for (size_t i = node->cap; i < node->cap + node->ncaps; i++) {
		const struct topo_cap *cap = &t->cap[i];

		if (cap->off % 4 || cap->off < (cap->ext ? 0x100 : 0x40) ||
		    cap->off >= (cap->ext ? 0x1000 : 0x100))
			return false;
		for (size_t k = node->cap; k < i; k++)
			if (t->cap[k].off == cap->off)
				return false;
	}
	return true;
}

const char *topo_wrong(const struct topo *t)
{
	for (size_t i = 0; i < t->n; i++) {
		if (!spans_fit(t, i))
			return "what is below a bridge is not right behind it";
		if (topo_find(t, t->node[i].fn.bdf) != i)
			return "a function is not found";
		if (!caps_fit(t, &t->node[i]))
			return "capabilities at no place of theirs, or twice";
		if (!t->node[i].answers && t->node[i].ncaps)
			return "capabilities of what does not answer";
	}
	return NULL;
}

static bool in_span(const struct topo *t, const struct topo_blast *b, struct bdf bdf)
{
	size_t i = topo_find(t, bdf);

	return i != TOPO_NONE && i >= b->first && i < b->end;
}

/* path[level]: the card, the bridges below it and others up to that level, no more. */
static const char *blast_differs(const struct topo *t, const struct target *card,
				 size_t level, size_t bridge)
{
	struct topo_blast b = topo_blast(t, bridge, topo_slot(t, card->spec.bdf));
	size_t n = level, foreign = 0;

	for (size_t i = 0; i < card->nfns; i++, n++)
		if (!in_span(t, &b, card->fn[i].bdf))
			return "a reset misses a function of the card";
	for (size_t i = 0; i < level; i++)
		if (!in_span(t, &b, card->path[i].bdf))
			return "a reset misses a bridge of the card";
	for (size_t i = 0; i < card->nother; i++) {
		bool hit = card->other[i].level <= (int)level;

		if (hit != in_span(t, &b, card->other[i].bdf))
			return "a reset hits other neighbours";
		n += hit;
		foreign += hit && !card->other[i].bridge;
	}
	if (n != b.end - b.first || foreign != b.foreign)
		return "a reset hits another number of functions";
	return NULL;
}

const char *topo_differs(const struct topo *t, const struct target *card)
{
	size_t at[TOPO_POINTS], level = target_card_level(card);
	size_t n = topo_points(t, topo_slot(t, card->spec.bdf), at);
	size_t want = !card->npath ? 0 : level && level < card->npath ? 2 : 1;
	const char *why;

	if (n != want)
		return "another number of bridges at which resets act";
	if (!n)
		return NULL;
	if (!bdf_eq(t->node[at[0]].fn.bdf, card->path[0].bdf) ||
	    (n == 2 && !bdf_eq(t->node[at[1]].fn.bdf, card->path[level].bdf)))
		return "resets act at other bridges";
	why = blast_differs(t, card, 0, at[0]);
	return why || n < 2 ? why : blast_differs(t, card, level, at[1]);
}
