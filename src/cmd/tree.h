/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `gpureset tree` is about to print; one file for each way to print it. */
#ifndef GPURESET_CMD_TREE_H
#define GPURESET_CMD_TREE_H

#include "cmd/cmd.h"
#include "plan/topo.h"

#define TREE_NAME 128

/* A bridge at which resets of one or several of the cards act. */
struct tree_point {
	size_t bridge;                  /* index in topo */
	bool direct;                    /* hot_reset acts here, too */
	struct topo_blast blast;        /* .foreign: as its first card sees it */
	char mark[4];                   /* "A" ... "Z", "A1" ... */
};

struct tree_card {
	size_t first;                   /* function; the others: topo_slot_next() */
	size_t npoints;
	size_t point[TOPO_POINTS];      /* in tree.point, the direct parent first */
};

/* What is known of a node beyond struct topo_node. */
struct tree_node {
	bool show;                      /* it matters */
	bool hit;                       /* by a reset at one of the points */
	size_t card;                    /* it is a function of that one, or TOPO_NONE */
};

struct tree {
	const struct options *opts;
	struct hw *hw;
	struct topo topo;
	struct tree_node *mark;         /* [node], beside topo.node */
	struct tree_card *card;
	size_t ncards, card_room;
	struct tree_point *point;       /* in tree order of their bridges */
	size_t npoints, point_room;
	bool domains;                   /* not all is in domain 0: addresses say it */
	bool drivers;                   /* known: a bare dump of lspci has none at all */
};

/* "01:00.0", or with its domain where there are several. Returns @buf. */
const char *tree_bdf(const struct tree *t, struct bdf bdf, char buf[BDF_STR]);
/* The same without the function. */
const char *tree_slot(const struct tree *t, struct bdf bdf, char buf[BDF_STR]);
/* "VGA", "audio", "network"; "class 0c80" for others. Returns @buf. */
const char *tree_class(const struct topo_node *node, char buf[TREE_NAME]);
/* Vendor and device in words, printable ASCII only. Returns @buf. */
const char *tree_name(const struct tree *t, const struct topo_node *node,
		      char buf[TREE_NAME]);
/* The same of any text that a machine or a file says. Returns @buf. */
const char *tree_clean(const char *text, char buf[TREE_NAME]);
/* "vfio-pci", "no driver", or "" where drivers are not known. Returns @buf. */
const char *tree_driver(const struct tree *t, const struct topo_node *node,
			char buf[TREE_NAME]);
/* "8 GT/s x16 (of 16 GT/s x16)"; "" without a link. Returns @buf. */
const char *tree_link(const struct topo_node *node, char buf[TREE_NAME]);
/* "bus 0b", "buses 0b-0d". Returns @buf. */
const char *tree_buses(const struct topo_node *node, char buf[TREE_NAME]);
/* "75 W", "12.5 W", ">600 W". Returns @buf. */
const char *tree_power(const struct topo_node *node, char buf[TREE_NAME]);
/* "ACS isolates", "ACS open (ReqRedir CmpltRedir off)"; "" where it is nothing to ask. */
const char *tree_acs(const struct topo_node *node, char buf[TREE_NAME]);
/* "hot_reset, subordinate, bus" */
const char *tree_methods(const struct tree_point *p);
/* Would a reset at one of the points hit node @i, an endpoint of none of the cards? */
bool tree_neighbour(const struct tree *t, size_t i);

void tree_text(const struct tree *t, FILE *out, bool colour);
void tree_json(const struct tree *t, FILE *out);
void tree_dot(const struct tree *t, FILE *out);
/*
 * The picture on standard output, by @program (Graphviz' dot). Returns an exit status
 * after a message.
 */
int tree_svg(const struct tree *t, const char *program);

#endif
