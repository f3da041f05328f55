// SPDX-License-Identifier: GPL-2.0-or-later
/* gpureset tree [BDF]: from the root ports to the cards, and what a reset would hit. */
#include "cmd/tree.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/escape.h"
#include "base/xalloc.h"
#include "cmd/open.h"
#include "cmd/table.h"
#include "cmd/work.h"
#include "run/supervise.h"

#define TREE_DOT "/usr/bin/dot"

/* --- what matters ----------------------------------------------------------------- */

static void tree_open_marks(struct tree *t)
{
	t->mark = xcalloc(t->topo.n + 1, sizeof(*t->mark));
	for (size_t i = 0; i < t->topo.n; i++)
		t->mark[i].card = TOPO_NONE;
}

/* The card of this slot, unless it is one already. */
static void tree_add_card(struct tree *t, struct bdf slot)
{
	size_t first = topo_slot(&t->topo, slot);

	if (t->mark[first].card != TOPO_NONE)
		return;
	for (size_t i = first; i != TOPO_NONE; i = topo_slot_next(&t->topo, i))
		t->mark[i].card = t->ncards;
	t->card = xgrow(t->card, t->ncards, &t->card_room, sizeof(*t->card));
	t->card[t->ncards++] = (struct tree_card){ .first = first };
}

static void tree_find_gpus(struct tree *t)
{
	for (size_t i = 0; i < t->topo.n; i++)
		if (class_is_gpu(t->topo.node[i].fn.class_code))
			tree_add_card(t, t->topo.node[i].fn.bdf);
}

static int tree_find_named(struct tree *t)
{
	for (size_t i = 0; i < t->opts->ntargets; i++) {
		const struct bdf_spec *spec = &t->opts->target[i];
		size_t first = spec->whole_slot ? topo_slot(&t->topo, spec->bdf) :
			       topo_find(&t->topo, spec->bdf);
		char text[BDF_STR];

		if (first == TOPO_NONE)
			return complain(EXIT_USAGE, "%s: no such device",
					bdf_spec_str(spec, text));
		tree_add_card(t, spec->bdf);
	}
	return 0;
}

static void tree_show_path(struct tree *t, size_t i)
{
	for (; i != TOPO_NONE && !t->mark[i].show; i = t->topo.node[i].parent)
		t->mark[i].show = true;
}

/* The card's functions, and all below the bridge on the root bus above them. */
static void tree_show_card(struct tree *t, const struct tree_card *c)
{
	size_t top = topo_top(&t->topo, c->first);

	if (t->mark[c->first].show)
		return;
	for (size_t i = top; i < t->topo.node[top].end; i++)
		t->mark[i].show = true;
	for (size_t i = c->first; i != TOPO_NONE; i = topo_slot_next(&t->topo, i))
		t->mark[i].show = true;
}

static int tree_by_number(const void *a, const void *b)
{
	const int *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Whoever shares an IOMMU group with a card matters to it, wherever it is. */
static void tree_show_groups(struct tree *t)
{
	size_t n = 0, room = 0;
	int *group = NULL;

	for (size_t c = 0; c < t->ncards; c++)
		for (size_t i = t->card[c].first; i != TOPO_NONE;
		     i = topo_slot_next(&t->topo, i)) {
			group = xgrow(group, n, &room, sizeof(*group));
			group[n++] = t->topo.node[i].group;
		}
	if (n)
		qsort(group, n, sizeof(*group), tree_by_number);
	for (size_t i = 0; n && i < t->topo.n; i++)
		if (t->topo.node[i].group >= 0 &&
		    bsearch(&t->topo.node[i].group, group, n, sizeof(*group),
			    tree_by_number))
			tree_show_path(t, i);
	free(group);
}

static void tree_select(struct tree *t)
{
	for (size_t i = 0; t->opts->all && i < t->topo.n; i++)
		t->mark[i].show = true;
	for (size_t i = 0; i < t->ncards; i++)
		tree_show_card(t, &t->card[i]);
	tree_show_groups(t);
	for (size_t i = 0; i < t->topo.n; i++)
		t->domains |= t->topo.node[i].fn.bdf.domain != 0;
	for (size_t i = 0; i < t->topo.n; i++)
		t->drivers |= t->topo.node[i].fn.driver[0] != '\0';
}

/* --- where resets act ------------------------------------------------------------- */

static int tree_by_bridge(const void *a, const void *b)
{
	const struct tree_point *x = a, *y = b;

	return (x->bridge > y->bridge) - (x->bridge < y->bridge);
}

static size_t tree_point_at(const struct tree *t, size_t bridge)
{
	const struct tree_point key = { .bridge = bridge };
	const struct tree_point *p = bsearch(&key, t->point, t->npoints, sizeof(*p),
					     tree_by_bridge);

	return (size_t)(p - t->point);
}

/* Sorted, each bridge once, hot_reset if it is any card's. */
static void tree_merge_points(struct tree *t)
{
	size_t n = 0;

	if (t->npoints)
		qsort(t->point, t->npoints, sizeof(*t->point), tree_by_bridge);
	for (size_t i = 0; i < t->npoints; i++) {
		if (n && t->point[n - 1].bridge == t->point[i].bridge)
			t->point[n - 1].direct |= t->point[i].direct;
		else
			t->point[n++] = t->point[i];
	}
	t->npoints = n;
	for (size_t i = 0; i < n; i++) {
		struct tree_point *p = &t->point[i];

		if (i < 26)
			snprintf(p->mark, sizeof(p->mark), "%c", (char)('A' + i));
		else
			snprintf(p->mark, sizeof(p->mark), "%c%u", (char)('A' + i % 26),
				 (unsigned)(i / 26 % 100));
	}
}

/* Spans are one inside the other or apart, so the one that ends last counts. */
static void tree_mark_hits(struct tree *t)
{
	size_t end = 0, next = 0;

	for (size_t i = 0; i < t->topo.n; i++) {
		t->mark[i].hit = i < end;
		if (next < t->npoints && t->point[next].bridge == i) {
			size_t this = t->point[next++].blast.end;

			end = this > end ? this : end;
		}
	}
}

static void tree_points(struct tree *t)
{
	size_t at[TOPO_POINTS];

	for (size_t c = 0; c < t->ncards; c++) {
		t->card[c].npoints = topo_points(&t->topo, t->card[c].first, at);
		for (size_t i = 0; i < t->card[c].npoints; i++) {
			t->card[c].point[i] = at[i];
			t->point = xgrow(t->point, t->npoints, &t->point_room,
					 sizeof(*t->point));
			t->point[t->npoints++] = (struct tree_point){
				.bridge = at[i], .direct = i == 0,
			};
		}
	}
	tree_merge_points(t);
	for (size_t c = 0; c < t->ncards; c++)
		for (size_t i = 0; i < t->card[c].npoints; i++) {
			size_t k = tree_point_at(t, t->card[c].point[i]);

			t->card[c].point[i] = k;
			if (!t->point[k].blast.end)
				t->point[k].blast = topo_blast(&t->topo,
							       t->point[k].bridge,
							       t->card[c].first);
		}
	tree_mark_hits(t);
}

const char *tree_methods(const struct tree_point *p)
{
	return p->direct ? "hot_reset, subordinate, bus" : "subordinate, bus";
}

bool tree_neighbour(const struct tree *t, size_t i)
{
	return t->mark[i].hit && !t->topo.node[i].fn.bridge &&
	       t->mark[i].card == TOPO_NONE;
}

/* --- words ------------------------------------------------------------------------ */

const char *tree_bdf(const struct tree *t, struct bdf bdf, char buf[BDF_STR])
{
	bdf_str(bdf, buf);
	if (!t->domains)
		memmove(buf, buf + 5, strlen(buf + 5) + 1);
	return buf;
}

const char *tree_slot(const struct tree *t, struct bdf bdf, char buf[BDF_STR])
{
	tree_bdf(t, bdf, buf);
	*strrchr(buf, '.') = '\0';
	return buf;
}

const char *tree_class(const struct topo_node *node, char buf[TREE_NAME])
{
	/* PCI Code and ID Assignment 1.15, section 1: base and sub class */
	static const struct {
		unsigned code;
		const char *word;
	} rows[] = {
		{ 0x0100, "SCSI" }, { 0x0101, "IDE" }, { 0x0104, "RAID" },
		{ 0x0106, "SATA" }, { 0x0107, "SAS" }, { 0x0108, "NVMe" },
		{ 0x0200, "Ethernet" }, { 0x0207, "InfiniBand" }, { 0x0280, "network" },
		{ 0x0300, "VGA" }, { 0x0302, "3D controller" }, { 0x0380, "display" },
		{ 0x0401, "audio" }, { 0x0403, "audio" }, { 0x0480, "multimedia" },
		{ 0x0500, "memory" }, { 0x0580, "memory" }, { 0x0600, "host bridge" },
		{ 0x0601, "ISA bridge" }, { 0x0604, "PCI bridge" },
		{ 0x0607, "CardBus bridge" }, { 0x0680, "bridge" }, { 0x0700, "serial" },
		{ 0x0780, "communication" }, { 0x0805, "SD host" }, { 0x0806, "IOMMU" },
		{ 0x0880, "system peripheral" }, { 0x0c00, "FireWire" },
		{ 0x0c03, "USB" }, { 0x0c05, "SMBus" }, { 0x0c80, "serial bus" },
		{ 0x1080, "encryption" }, { 0x1180, "signal processing" },
		{ 0x1200, "accelerator" }, { 0x1300, "instrumentation" },
	};
	unsigned code = node->fn.class_code >> 8;

	snprintf(buf, TREE_NAME, "class %04x", code);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (rows[i].code == code)
			snprintf(buf, TREE_NAME, "%s", rows[i].word);
	return buf;
}

const char *tree_clean(const char *text, char buf[TREE_NAME])
{
	snprintf(buf, TREE_NAME, "%s", text);
	return escape_plain(buf);
}

const char *tree_name(const struct tree *t, const struct topo_node *node,
		      char buf[TREE_NAME])
{
	char name[TREE_NAME];
	size_t n;

	hw_name(t->hw, node->fn.vendor, node->fn.device, name, sizeof(name));
	n = strlen(name);
	/* how lspci names one it does not know, where -nn adds the ids */
	if (n > 7 && !strcmp(name + n - 7, " Device"))
		snprintf(name + n, sizeof(name) - n, " %04x", node->fn.device);
	return tree_clean(name, buf);
}

const char *tree_driver(const struct tree *t, const struct topo_node *node,
			char buf[TREE_NAME])
{
	return tree_clean(node->fn.driver[0] || !t->drivers ? node->fn.driver :
			  "no driver", buf);
}

const char *tree_link(const struct topo_node *node, char buf[TREE_NAME])
{
	const struct link_facts *l = &node->link;
	size_t n;

	buf[0] = '\0';
	if (!l->present)
		return buf;
	n = (size_t)(l->width ? snprintf(buf, TREE_NAME, "%s x%u",
					 link_speed_str(l->speed), l->width) :
		     snprintf(buf, TREE_NAME, "no link"));
	if (!l->width || l->width < l->max_width || l->speed < l->max_speed)
		snprintf(buf + n, TREE_NAME - n, " (of %s x%u)",
			 link_speed_str(l->max_speed), l->max_width);
	return buf;
}

const char *tree_power(const struct topo_node *node, char buf[TREE_NAME])
{
	if (node->slot_mw > 600000)
		snprintf(buf, TREE_NAME, ">600 W");
	else
		snprintf(buf, TREE_NAME, "%g W", node->slot_mw / 1000.0);
	return buf;
}

static void tree_acs_off(const struct topo_node *node, char buf[TREE_NAME])
{
	size_t n = (size_t)snprintf(buf, TREE_NAME, "ACS open (");

	for (size_t i = 0; topo_acs_bits[i]; i++)
		if (node->acs_lacks & 1u << i)
			n += (size_t)snprintf(buf + n, TREE_NAME - n, "%s ",
					      topo_acs_bits[i]);
	snprintf(buf + n, TREE_NAME - n, "off)");
}

const char *tree_acs(const struct topo_node *node, char buf[TREE_NAME])
{
	static const char *const word[] = {
		[ACS_NOT_ASKED] = "", [ACS_UNKNOWN] = "ACS unknown", [ACS_NEVER] = "",
		[ACS_ABSENT] = "no ACS", [ACS_ISOLATES] = "ACS isolates",
	};

	/* functions of one card without it are nothing special */
	if (!node->numbered && !node->acs_cap)
		buf[0] = '\0';
	else if (node->acs == ACS_OPEN)
		tree_acs_off(node, buf);
	else
		snprintf(buf, TREE_NAME, "%s", word[node->acs]);
	return buf;
}

const char *tree_buses(const struct topo_node *node, char buf[TREE_NAME])
{
	if (node->secondary == node->subordinate)
		snprintf(buf, TREE_NAME, "bus %02x", node->secondary);
	else
		snprintf(buf, TREE_NAME, "buses %02x-%02x", node->secondary,
			 node->subordinate);
	return buf;
}

/* --- the command ------------------------------------------------------------------ */

static bool tree_busy(struct bdf bdf, void *arg)
{
	return work_is_busy(arg, bdf);
}

static int tree_print(struct tree *t)
{
	if (t->opts->svg)
		return tree_svg(t, TREE_DOT);
	if (t->opts->dot)
		tree_dot(t, stdout);
	else if (t->opts->json)
		tree_json(t, stdout);
	else if (!t->ncards && !t->opts->all)
		puts("no GPU found; --all shows every PCI function");
	else
		tree_text(t, stdout, table_may_colour());
	return 0;
}

static int tree_look(struct tree *t)
{
	struct err err = { 0 }, unread = { 0 };
	int rc;

	t->hw = open_hw(t->opts, &err);
	if (!t->hw)
		return complain(open_status(&err), "%s", err.text);
	if (topo_collect(t->hw, tree_busy, (void *)(uintptr_t)t->opts, &t->topo, &unread,
			 &err)) {
		rc = complain(EXIT_FAILED, "%s", err.text);
	} else {
		if (unread.code)
			complain(0, "note: %s", unread.text);
		tree_open_marks(t);
		rc = tree_find_named(t);
		if (!rc && !t->opts->ntargets)
			tree_find_gpus(t);
		if (!rc) {
			tree_select(t);
			tree_points(t);
			rc = tree_print(t);
		}
	}
	hw_close(t->hw);
	topo_free(&t->topo);
	free(t->mark);
	free(t->card);
	free(t->point);
	return rc;
}

static int tree_run(int argc, char **argv)
{
	struct options o;
	struct tree t = { .opts = &o };
	int rc = options_parse(&o, &cmd_tree, argc, argv);

	if (rc)
		return rc;
	if (o.help) {
		options_help(&cmd_tree, stdout);
		return 0;
	}
	if (o.json + o.dot + o.svg > 1)
		return complain(EXIT_USAGE, "--json, --dot, --svg: one of them");
	if (geteuid() != 0 && !o.replay)
		return complain(EXIT_USAGE, "only root can read capabilities; try sudo");
	return tree_look(&t);
}

const struct command cmd_tree = {
	.name = "tree",
	.args = "[BDF...] [options]",
	.summary = "from root ports to cards: links, slots, isolation, what resets hit",
	.more = "Changes nothing. Without an address all GPUs, each with everything "
		"below the bridge on the root bus above it, and whoever shares its IOMMU "
		"group. The letters on the left say which functions a reset at the "
		"bridge with that letter and > takes along; the list at the end says "
		"which methods those are.\n"
		"Frames in a picture are what one reset hits (coloured) and IOMMU "
		"groups (dashed). With -q no notes about the file.",
	.options = "ajBGqRY",
	.example = { { "tree 0b:00", "one card, its bridges and its neighbours" },
		     { "tree --all --json", "the whole machine, for programs" },
		     { "tree --replay machine.txt", "of a dump of lspci -xxxx" },
		     { "tree --svg 0b:00", "a picture, to standard output" } },
	.run = tree_run,
};
