/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What must be true of every struct topo, and of it beside struct target. */
#ifndef TESTS_TOPO_CHECK_H
#define TESTS_TOPO_CHECK_H

#include "plan/topo.h"

/* NULL, or what is wrong with the tree in itself. */
const char *topo_wrong(const struct topo *t);

/*
 * NULL, or where the tree and the facts of one card disagree: where resets of it act, and
 * whom they hit.
 */
const char *topo_differs(const struct topo *t, const struct target *card);

#endif
