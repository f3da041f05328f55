/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The one question that is ever asked, and only on a terminal. */
#ifndef GPURESET_CMD_ASK_H
#define GPURESET_CMD_ASK_H

#include <stdio.h>

#include "cmd/cmd.h"

/* Is there a program in @s that only waits for somebody's word? */
bool ask_needed(const struct study *s);

/*
 * Ask on @to, read a line from @in: may the untested program of @s be run? Anything
 * but "y" or "yes", the end of the input too, is no.
 */
bool ask_untested(const struct study *s, FILE *in, FILE *to);

/*
 * Ask for each target of @o that needs it, before anything is done: the options for
 * its plan, as far as they change, go to @plan[] (o->ntargets of them). Reads the
 * cards, changes nothing.
 */
void ask_targets(const struct options *o, const struct quirk_db *db,
		 struct plan_opts *plan);

#endif
