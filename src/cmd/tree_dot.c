// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The tree as a picture: a box a function, a coloured frame around what a reset hits, a
 * grey one around an IOMMU group. Graphviz' frames must lie one inside the other or
 * apart. Blast radii do; a group that crosses one is drawn in parts.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "cmd/run_program.h"
#include "cmd/tree.h"
#include "run/supervise.h"

#define DOT_NAME 44             /* columns of a box */

/* A frame: of a point, or (a part of) a group. */
struct frame {
	size_t point;                   /* TOPO_NONE: a group's */
	int group;
	size_t key;                     /* the part's innermost point that crosses it */
	size_t size;                    /* functions shown in it */
	size_t outer;                   /* index of the frame around it, or TOPO_NONE */
	bool card, drawn;
};

struct dot {
	const struct tree *t;
	FILE *out;
	size_t *inner;                  /* [node]: the frame right around it */
	size_t *span;                   /* [node]: innermost point whose span it is in */
	size_t *around;                 /* [point]: the one around it */
	int *uniform;                   /* [point]: the group of all of it, or -1 */
	struct frame *frame;            /* first one a point, then groups and parts */
	size_t nframes, room;
};

/* --- frames ----------------------------------------------------------------------- */

static void dot_spans(struct dot *d)
{
	const struct tree *t = d->t;
	size_t now = TOPO_NONE, next = 0;

	for (size_t i = 0; i < t->topo.n; i++) {
		while (now != TOPO_NONE && t->point[now].blast.end <= i)
			now = d->around[now];
		d->span[i] = now;
		if (next < t->npoints && t->point[next].bridge == i) {
			d->around[next] = now;
			now = next++;
		}
	}
}

static void dot_uniform(struct dot *d)
{
	const struct tree *t = d->t;

	for (size_t p = 0; p < t->npoints; p++) {
		size_t first = t->point[p].blast.first, end = t->point[p].blast.end;

		d->uniform[p] = first < end ? t->topo.node[first].group : -1;
		for (size_t i = first; i < end; i++)
			if (t->topo.node[i].group != d->uniform[p])
				d->uniform[p] = -1;
	}
}

/* The innermost point around node @i that does not lie within the node's group. */
static size_t dot_key(const struct dot *d, size_t i)
{
	size_t p = d->span[i];

	while (p != TOPO_NONE && d->uniform[p] == d->t->topo.node[i].group)
		p = d->around[p];
	return p;
}

struct member {
	int group;
	size_t key, node;
};

static int dot_by_part(const void *a, const void *b)
{
	const struct member *x = a, *y = b;

	if (x->group != y->group)
		return x->group < y->group ? -1 : 1;
	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return (x->node > y->node) - (x->node < y->node);
}

static void dot_new_frame(struct dot *d, struct frame f)
{
	d->frame = xgrow(d->frame, d->nframes, &d->room, sizeof(*d->frame));
	d->frame[d->nframes++] = f;
}

/* A part's nodes have it right around them, unless a point lies between. */
static void dot_put(struct dot *d, size_t i)
{
	struct frame *f = &d->frame[d->nframes - 1];
	size_t p = d->span[i];

	f->size++;
	f->card |= d->t->mark[i].card != TOPO_NONE;
	if (p == f->key) {
		d->inner[i] = d->nframes - 1;
		return;
	}
	while (d->around[p] != f->key)
		p = d->around[p];
	d->frame[p].outer = d->nframes - 1;
}

static void dot_groups(struct dot *d)
{
	const struct tree *t = d->t;
	struct member *m = xcalloc(t->topo.n + 1, sizeof(*m));
	size_t n = 0;

	for (size_t i = 0; i < t->topo.n; i++)
		if (t->mark[i].show && t->topo.node[i].group >= 0)
			m[n++] = (struct member){ t->topo.node[i].group,
						  dot_key(d, i), i };
	if (n)
		qsort(m, n, sizeof(*m), dot_by_part);
	for (size_t i = 0; i < n; i++) {
		if (!i || m[i].group != m[i - 1].group || m[i].key != m[i - 1].key)
			dot_new_frame(d, (struct frame){
				.point = TOPO_NONE, .group = m[i].group, .key = m[i].key,
				.outer = m[i].key,
			});
		dot_put(d, m[i].node);
	}
	free(m);
}

static void dot_frames(struct dot *d)
{
	const struct tree *t = d->t;

	d->inner = xcalloc(t->topo.n + 1, sizeof(*d->inner));
	d->span = xcalloc(t->topo.n + 1, sizeof(*d->span));
	d->around = xcalloc(t->npoints + 1, sizeof(*d->around));
	d->uniform = xcalloc(t->npoints + 1, sizeof(*d->uniform));
	dot_spans(d);
	dot_uniform(d);
	for (size_t p = 0; p < t->npoints; p++)
		dot_new_frame(d, (struct frame){ .point = p, .outer = d->around[p] });
	for (size_t i = 0; i < t->topo.n; i++)
		d->inner[i] = d->span[i];
	dot_groups(d);
}

/* --- boxes ------------------------------------------------------------------------ */

static void dot_text(const struct dot *d, const char *text)
{
	char clean[TREE_NAME];

	tree_clean(text, clean);
	for (const char *at = clean; *at; at++) {
		if (*at == '"' || *at == '\\')
			fputc('\\', d->out);
		fputc(*at, d->out);
	}
}

/* One line of a box; left-aligned. */
static void dot_line(const struct dot *d, const char *text)
{
	if (!text[0])
		return;
	dot_text(d, text);
	fputs("\\l", d->out);
}

/* "Advanced Micro Devices, Inc. [AMD/ATI] Navi 10 [...]" in lines of a box. */
static void dot_name(const struct dot *d, const char *name)
{
	char line[DOT_NAME + 1];

	for (int lines = 0; lines < 2 && *name; lines++) {
		size_t n = strlen(name);

		if (n > DOT_NAME) {
			n = DOT_NAME;
			while (n > DOT_NAME / 2 && name[n] != ' ')
				n--;
		}
		snprintf(line, sizeof(line), "%.*s", (int)n, name);
		dot_line(d, line);
		name += n + strspn(name + n, " ");
	}
}

static void dot_facts(const struct dot *d, const struct topo_node *node)
{
	char line[2 * TREE_NAME + 48], buf[TREE_NAME], word[TREE_NAME];

	if (node->numbered)
		snprintf(line, sizeof(line), "%s, %s", topo_kind(node),
			 tree_buses(node, buf));
	else
		snprintf(line, sizeof(line), "%s, %s", tree_class(node, buf),
			 topo_kind(node));
	dot_line(d, line);
	dot_line(d, tree_link(node, buf));
	line[0] = '\0';
	if (node->slot)
		snprintf(line, sizeof(line), "slot %s%s", tree_power(node, buf),
			 node->hotplug ? ", hotplug" : "");
	dot_line(d, line);
	dot_line(d, tree_acs(node, buf));
	tree_driver(d->t, node, buf);
	snprintf(line, sizeof(line), "%s%s%s", buf, buf[0] && node->power[0] ? ", " : "",
		 tree_clean(node->power, word));
	dot_line(d, line);
	snprintf(line, sizeof(line), "group %d", node->group);
	dot_line(d, node->group < 0 ? "" : line);
}

static const char *dot_fill(const struct tree *t, size_t i)
{
	const struct topo_node *node = &t->topo.node[i];

	if (!node->answers)
		return "#bdbdbd";
	if (tree_neighbour(t, i))
		return "#ffc9c4";
	if (t->mark[i].card != TOPO_NONE)
		return "#c8f0cb";
	return node->numbered ? "#dfe9f5" : "#ffffff";
}

/* A port that has nothing to show: its address is enough. */
static bool dot_empty(const struct tree *t, size_t i)
{
	const struct topo_node *node = &t->topo.node[i];

	return node->numbered && node->end == i + 1 && t->mark[i].card == TOPO_NONE;
}

static void dot_box(const struct dot *d, size_t i)
{
	const struct topo_node *node = &d->t->topo.node[i];
	char name[TREE_NAME], bdf[BDF_STR];

	fprintf(d->out, "n%zu [fillcolor=\"%s\", label=\"%s%s\\l", i, dot_fill(d->t, i),
		tree_bdf(d->t, node->fn.bdf, bdf),
		tree_neighbour(d->t, i) ? "  NEIGHBOUR" : "");
	if (dot_empty(d->t, i)) {
		dot_line(d, "port, nothing below");
	} else {
		dot_name(d, tree_name(d->t, node, name));
		dot_facts(d, node);
	}
	fputs("\"];\n", d->out);
}

/* --- the picture ------------------------------------------------------------------- */

static void dot_open_frame(const struct dot *d, size_t f)
{
	static const char *const colour[] = {
		"#d62728", "#1f77b4", "#9467bd", "#e67e00", "#2ca02c", "#8c564b",
	};
	const struct frame *fr = &d->frame[f];
	const struct tree *t = d->t;
	char bdf[BDF_STR];

	fprintf(d->out, "subgraph cluster_%zu {\n", f);
	if (fr->point == TOPO_NONE) {
		fprintf(d->out, "label=\"IOMMU group %d\"; color=\"#888888\"; "
			"fontcolor=\"#555555\"; style=\"dashed,rounded\"; penwidth=1;\n",
			fr->group);
		return;
	}
	fprintf(d->out, "label=\"%s: %s at %s hits all of this\"; color=\"%s\"; "
		"fontcolor=\"%s\"; style=solid; penwidth=3;\n", t->point[fr->point].mark,
		tree_methods(&t->point[fr->point]),
		tree_bdf(t, t->topo.node[t->point[fr->point].bridge].fn.bdf, bdf),
		colour[fr->point % 6], colour[fr->point % 6]);
}

/* A group of one function that is no card's is not worth a frame. */
static bool dot_framed(const struct dot *d, size_t f)
{
	return d->frame[f].point != TOPO_NONE || d->frame[f].card || d->frame[f].size > 1;
}

/* Frames from the outermost to @f, each of which is opened once and only closed here. */
static void dot_nest(const struct dot *d, size_t f, int way)
{
	if (f == TOPO_NONE)
		return;
	if (way > 0) {
		dot_nest(d, d->frame[f].outer, way);
		if (dot_framed(d, f))
			dot_open_frame(d, f);
		return;
	}
	for (; f != TOPO_NONE; f = d->frame[f].outer)
		if (dot_framed(d, f))
			fputs("}\n", d->out);
}

/* Graphviz takes a frame that is opened again for the same one. */
static void dot_boxes(const struct dot *d)
{
	for (size_t i = 0; i < d->t->topo.n; i++) {
		if (!d->t->mark[i].show)
			continue;
		dot_nest(d, d->inner[i], 1);
		dot_box(d, i);
		dot_nest(d, d->inner[i], -1);
	}
}

static void dot_lines(const struct dot *d)
{
	const struct tree *t = d->t;
	struct bdf root = { .domain = UINT32_MAX };

	for (size_t i = 0; i < t->topo.n; i++) {
		const struct topo_node *node = &t->topo.node[i];

		if (!t->mark[i].show)
			continue;
		if (node->parent != TOPO_NONE) {
			fprintf(d->out, "n%zu -> n%zu;\n", node->parent, i);
			continue;
		}
		if (node->fn.bdf.domain != root.domain || node->fn.bdf.bus != root.bus) {
			root = node->fn.bdf;
			fprintf(d->out, "r%x_%x [label=\"root bus\\n%04x:%02x\", "
				"shape=oval];\n", root.domain, root.bus, root.domain,
				root.bus);
		}
		fprintf(d->out, "r%x_%x -> n%zu;\n", root.domain, root.bus, i);
	}
}

void tree_dot(const struct tree *t, FILE *out)
{
	struct dot d = { .t = t, .out = out };

	dot_frames(&d);
	fputs("digraph gpureset {\nrankdir=LR; ranksep=0.6; nodesep=0.12;\n"
	      "fontname=\"sans-serif\"; fontsize=12; labeljust=l;\n"
	      "node [shape=box, style=filled, fillcolor=\"#ffffff\", "
	      "fontname=\"sans-serif\", fontsize=11];\n"
	      "edge [arrowhead=none, color=\"#555555\", tailport=e, headport=w];\n"
	      "label=\"green: a card; red: a neighbour that a reset would hit; "
	      "grey: does not answer; blue: a bridge\";\n", out);
	dot_boxes(&d);
	dot_lines(&d);
	fputs("}\n", out);
	free(d.inner);
	free(d.span);
	free(d.around);
	free(d.uniform);
	free(d.frame);
}

/* --- drawn ------------------------------------------------------------------------- */

static int svg_draw(const char *program, int fd)
{
	char path[64];
	const char *const argv[] = { program, "-Tsvg", path, NULL };
	const struct program p = { .argv = argv };
	struct program_end end = { 0 };
	struct err err = { 0 };

	/* the program gets no descriptor of ours, but may open this one */
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)getpid(), fd);
	if (program_run(&p, &end, &err))
		return complain(EXIT_FAILED, "%s", err.text);
	if (end.status)
		return complain(EXIT_FAILED, "%s ended with status %d", program,
				end.status);
	return 0;
}

int tree_svg(const struct tree *t, const char *program)
{
	int fd, rc;
	FILE *f;

	if (access(program, X_OK))
		return complain(EXIT_FAILED, "--svg: no %s: install Debian's package "
				"graphviz (apt install graphviz), or draw the text of "
				"`gpureset tree --dot` elsewhere", program);
	fd = memfd_create("gpureset-tree", MFD_CLOEXEC);
	f = fd < 0 ? NULL : fdopen(fd, "w");
	if (!f) {
		rc = complain(EXIT_FAILED, "--svg: %s", strerror(errno));
		if (fd >= 0)
			close(fd);
		return rc;
	}
	tree_dot(t, f);
	if (fflush(f) || ferror(f))
		rc = complain(EXIT_FAILED, "--svg: %s", strerror(errno));
	else
		rc = svg_draw(program, fd);
	fclose(f);
	return rc;
}
