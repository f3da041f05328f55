// SPDX-License-Identifier: GPL-2.0-or-later
/* The tree for people: two lines a function, the blast radius down the left side. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "cmd/tree.h"

#define TEXT_DEPTH 48           /* deeper ones are drawn at this depth */
#define TEXT_NEST 4             /* columns of marks: blast radii inside each other */
#define CLASS_UNKNOWN 0xffff    /* of a function that does not answer, in a dump */
#define TEXT_NAMED 12           /* functions of other devices that are named */

enum ink { INK_PLAIN, INK_CARD, INK_BAD, INK_WARN, INK_MARK, INK_DIM };

struct text {
	const struct tree *t;
	FILE *out;
	bool colour;
	bool more[TEXT_DEPTH];          /* a sibling follows at that depth */
	size_t open[TEXT_NEST];         /* points whose span we are in */
	size_t nopen, point;            /* the next point to come */
};

/* --- ink -------------------------------------------------------------------------- */

static void text_ink(const struct text *x, enum ink ink, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void text_ink(const struct text *x, enum ink ink, const char *fmt, ...)
{
	static const char *const start[] = {
		"", "\033[1m", "\033[1;31m", "\033[33m", "\033[36m", "\033[2m",
	};
	bool paint = x->colour && ink != INK_PLAIN;
	va_list ap;

	if (paint)
		fputs(start[ink], x->out);
	va_start(ap, fmt);
	vfprintf(x->out, fmt, ap);
	va_end(ap);
	if (paint)
		fputs("\033[0m", x->out);
}

/* --- the left side ---------------------------------------------------------------- */

/* Points whose span ends before @i are closed; the one that acts at @i is opened. */
static bool text_marks(struct text *x, size_t i)
{
	const struct tree *t = x->t;

	while (x->nopen && t->point[x->open[x->nopen - 1]].blast.end <= i)
		x->nopen--;
	while (x->point < t->npoints && t->point[x->point].bridge < i)
		x->point++;
	return x->point < t->npoints && t->point[x->point].bridge == i;
}

/* "AB" of a function that both hit; "AB>" of the bridge where B acts, which A hits. */
static void text_gutter(const struct text *x, bool acts)
{
	const struct tree *t = x->t;
	int width = 2 * TEXT_NEST;

	for (size_t k = 0; k < x->nopen; k++) {
		text_ink(x, INK_MARK, "%s", t->point[x->open[k]].mark);
		width -= (int)strlen(t->point[x->open[k]].mark);
	}
	if (acts) {
		text_ink(x, INK_MARK, "%s>", t->point[x->point].mark);
		width -= (int)strlen(t->point[x->point].mark) + 1;
	}
	fprintf(x->out, "%*s", width > 0 ? width : 0, "");
}

static void text_branches(const struct text *x, unsigned depth)
{
	for (unsigned d = 0; d < depth && d < TEXT_DEPTH; d++)
		text_ink(x, INK_DIM, "%s", x->more[d] ? "|  " : "   ");
}

static bool text_same_bus(struct bdf a, struct bdf b)
{
	return a.domain == b.domain && a.bus == b.bus;
}

/* The next one below the same bridge (or on the same root bus) that is shown. */
static bool text_sibling(const struct tree *t, size_t i)
{
	const struct topo_node *node = &t->topo.node[i];

	for (size_t k = node->end; k < t->topo.n; k = t->topo.node[k].end) {
		const struct topo_node *next = &t->topo.node[k];

		if (next->parent != node->parent ||
		    (node->parent == TOPO_NONE &&
		     !text_same_bus(next->fn.bdf, node->fn.bdf)))
			return false;
		if (t->mark[k].show)
			return true;
	}
	return false;
}

/* --- a function ------------------------------------------------------------------- */

struct facts_line {
	char text[512];
	size_t n;
};

static void line_add(struct facts_line *l, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void line_add(struct facts_line *l, const char *fmt, ...)
{
	char one[TREE_NAME + 32];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(one, sizeof(one), fmt, ap);
	va_end(ap);
	if (!one[0] || l->n + strlen(one) + 3 > sizeof(l->text))
		return;
	l->n += (size_t)snprintf(l->text + l->n, sizeof(l->text) - l->n, "%s%s",
				 l->n ? ", " : "", one);
}

static void line_resets(struct facts_line *l, const struct topo_node *node)
{
	if (node->flr)
		line_add(l, "%sFLR", node->kernel_deny & KDENY_FLR ? "harmful " : "");
	if (node->af_flr)
		line_add(l, "AF FLR");
	if (node->pm_reset)
		line_add(l, "PM reset%s",
			 node->kernel_deny & KDENY_PM ? " (no use)" : "");
}

static void line_port(struct facts_line *l, const struct topo_node *node)
{
	char buf[TREE_NAME];

	if (node->slot)
		line_add(l, "slot %s", tree_power(node, buf));
	if (node->hotplug)
		line_add(l, "hotplug%s", node->surprise ? " with surprise" : "");
	line_add(l, "%s", tree_acs(node, buf));
	if (node->thunderbolt)
		line_add(l, "Thunderbolt");
	if (node->kernel_deny & KDENY_BUS)
		line_add(l, "a bus reset breaks it");
}

static void text_facts(const struct text *x, size_t i)
{
	const struct topo_node *node = &x->t->topo.node[i];
	struct facts_line l = { .n = 0 };
	char buf[TREE_NAME];

	if (node->group >= 0)
		line_add(&l, "group %d", node->group);
	line_add(&l, "%s", tree_driver(x->t, node, buf));
	line_add(&l, "%s", tree_clean(node->power, buf));
	line_port(&l, node);
	line_resets(&l, node);
	if (node->link.present) {
		text_ink(x, topo_link_less(&x->t->topo, i) ? INK_WARN : INK_DIM, "%s",
			 tree_link(node, buf));
		fputs(l.n ? ", " : "", x->out);
	}
	text_ink(x, INK_DIM, "%s\n", l.text);
}

static enum ink text_shade(const struct tree *t, size_t i)
{
	const struct topo_node *node = &t->topo.node[i];

	if (!node->answers || tree_neighbour(t, i))
		return INK_BAD;
	return t->mark[i].card != TOPO_NONE ? INK_CARD : INK_PLAIN;
}

static void text_what(const struct text *x, size_t i)
{
	const struct topo_node *node = &x->t->topo.node[i];
	char class[TREE_NAME], name[TREE_NAME], buses[TREE_NAME], bdf[BDF_STR];

	text_ink(x, text_shade(x->t, i), "%s ", tree_bdf(x->t, node->fn.bdf, bdf));
	if (!node->numbered && node->fn.class_code >> 8 != CLASS_UNKNOWN)
		fprintf(x->out, "%s, ", tree_class(node, class));
	fputs(topo_kind(node), x->out);
	if (node->numbered)
		fprintf(x->out, ", %s", tree_buses(node, buses));
	if (node->cut)
		text_ink(x, INK_BAD, ", the bridge above it is not known");
	if (tree_neighbour(x->t, i))
		text_ink(x, INK_BAD, ", NEIGHBOUR that a reset would hit");
	fprintf(x->out, ": %s\n", tree_name(x->t, node, name));
}

static bool text_has_below(const struct tree *t, size_t i)
{
	for (size_t k = i + 1; k < t->topo.node[i].end; k = t->topo.node[k].end)
		if (t->mark[k].show)
			return true;
	return false;
}

static void text_node(struct text *x, size_t i)
{
	const struct topo_node *node = &x->t->topo.node[i];
	unsigned depth = node->depth < TEXT_DEPTH ? node->depth : TEXT_DEPTH - 1;
	bool acts = text_marks(x, i);

	x->more[depth] = text_sibling(x->t, i);
	text_gutter(x, acts);
	text_branches(x, depth);
	text_ink(x, INK_DIM, "%s", x->more[depth] ? "|- " : "`- ");
	text_what(x, i);
	if (node->answers) {
		text_gutter(x, false);
		text_branches(x, depth + 1);
		text_ink(x, INK_DIM, "%s", text_has_below(x->t, i) ? "|    " : "     ");
		text_facts(x, i);
	}
	if (acts && x->nopen < TEXT_NEST)
		x->open[x->nopen++] = x->point;
}

static void text_functions(struct text *x)
{
	const struct tree *t = x->t;
	struct bdf root = { .domain = UINT32_MAX };

	for (size_t i = 0; i < t->topo.n; i++) {
		const struct topo_node *node = &t->topo.node[i];

		if (!t->mark[i].show)
			continue;
		if (node->parent == TOPO_NONE && !text_same_bus(node->fn.bdf, root)) {
			root = node->fn.bdf;
			fprintf(x->out, "%*s%04x:%02x root bus\n", 2 * TEXT_NEST, "",
				root.domain, root.bus);
		}
		text_node(x, i);
	}
}

/* --- the legend ------------------------------------------------------------------- */

/* "02:00.0 (nvme), 03:00.0" */
static void text_foreign(const struct text *x, const struct tree_card *c,
			 const struct topo_blast *b)
{
	const struct tree *t = x->t;
	size_t named = 0;

	for (size_t i = b->first; i < b->end && named < TEXT_NAMED; i++) {
		const struct topo_node *node = &t->topo.node[i];
		char text[BDF_STR], driver[TREE_NAME];

		if (node->fn.bridge || t->mark[i].card == (size_t)(c - t->card))
			continue;
		text_ink(x, INK_BAD, "%s%s%s%s%s", named++ ? ", " : " ",
			 tree_bdf(t, node->fn.bdf, text),
			 node->fn.driver[0] ? " (" : "",
			 tree_clean(node->fn.driver, driver),
			 node->fn.driver[0] ? ")" : "");
	}
	if (b->foreign > named)
		text_ink(x, INK_BAD, " and %zu more", b->foreign - named);
}

static void text_point(const struct text *x, const struct tree_card *c, size_t k)
{
	const struct tree *t = x->t;
	const struct tree_point *p = &t->point[c->point[k]];
	struct topo_blast b = topo_blast(&t->topo, p->bridge, c->first);
	size_t all = t->topo.ends[b.end] - t->topo.ends[b.first];
	char text[BDF_STR];

	text_ink(x, INK_MARK, "  %-2s", p->mark);
	fprintf(x->out, " %s at %s: ", k ? "subordinate, bus" :
		"hot_reset, subordinate, bus",
		tree_bdf(t, t->topo.node[p->bridge].fn.bdf, text));
	if (b.foreign) {
		text_ink(x, INK_BAD, "%zu of %zu are not of this card:", b.foreign, all);
		text_foreign(x, c, &b);
	} else {
		fprintf(x->out, "%s", all == 1 ? "its one function" :
			"all of this card and nothing else");
	}
	if (b.denied != TOPO_NONE)
		text_ink(x, INK_BAD, "; breaks %s (kernel's list)",
			 tree_bdf(t, t->topo.node[b.denied].fn.bdf, text));
	fputc('\n', x->out);
}

/* Functions that reset themselves touch nobody else. */
static void text_alone(const struct text *x, const struct tree_card *c)
{
	const struct tree *t = x->t;

	for (size_t i = c->first; i != TOPO_NONE; i = topo_slot_next(&t->topo, i)) {
		const struct topo_node *node = &t->topo.node[i];
		struct facts_line l = { .n = 0 };
		char text[BDF_STR];

		line_resets(&l, node);
		if (l.n)
			fprintf(x->out, "     %s alone: %s\n",
				tree_bdf(t, node->fn.bdf, text), l.text);
	}
}

static void text_legend(const struct text *x)
{
	const struct tree *t = x->t;
	char text[BDF_STR], name[TREE_NAME];

	if (!t->ncards)
		return;
	fputs("\nWhat resets would hit (`A>`: acts at this bridge, `A`: is reset by it); "
	      "which\n"
	      "of them may be used, and why: gpureset plan BDF\n", x->out);
	for (size_t i = 0; i < t->ncards; i++) {
		const struct tree_card *c = &t->card[i];

		text_ink(x, INK_CARD, "%s", tree_slot(t, t->topo.node[c->first].fn.bdf,
						     text));
		fprintf(x->out, " %s\n", tree_name(t, &t->topo.node[c->first], name));
		text_alone(x, c);
		for (size_t k = 0; k < c->npoints; k++)
			text_point(x, c, k);
		if (!c->npoints)
			fputs("     on the root complex: no bridge above it to reset\n",
			      x->out);
	}
}

void tree_text(const struct tree *t, FILE *out, bool colour)
{
	struct text x = { .t = t, .out = out, .colour = colour };

	text_functions(&x);
	text_legend(&x);
}
