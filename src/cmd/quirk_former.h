/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is in force for a card while a file about it is being written. */
#ifndef GPURESET_CMD_QUIRK_FORMER_H
#define GPURESET_CMD_QUIRK_FORMER_H

#include <stdio.h>

#include "quirk/quirk.h"

struct quirk_former {
	const struct quirk *quirk;      /* NULL: none, or two at once */
	const char *slot;               /* as a command names the card */
	struct q_subject subject;
	struct err tie;                 /* two at once; else its code is 0 */
	bool any;                       /* the database is not empty */
};

/* Look @s up in @db; @slot must outlive the result. */
struct quirk_former quirk_former_of(const struct quirk_db *db, const struct q_subject *s,
				    const char *slot);

/*
 * Comments for the top of the new file: the entry, whether a file with the card's id
 * and class takes its place, and what it says, but for its denials, its registers and
 * its sequences.
 */
void quirk_former_write(const struct quirk_former *f, FILE *out);

/* Its denials as lines of the new file; returns how many. */
size_t quirk_former_denies(const struct quirk_former *f, FILE *out);

#endif
