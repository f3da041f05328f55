/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Everything that can be found out about a quirk file without its card: does every
 * program in it reach its end on a card that goes along, and does none of them claim
 * a success, or keep silent about a failure, on one that does not.
 */
#ifndef GPURESET_CMD_QUIRK_JUDGE_H
#define GPURESET_CMD_QUIRK_JUDGE_H

#include <stddef.h>

#include "quirk/quirk.h"

/* One thing that was judged: the ids, a sequence, [clean], the denials. */
struct judge_line {
	const char *what;       /* "baco", "clean", "denials", "ids" */
	char *text;             /* what was done, with figures */
	char **problem;         /* a sentence each, with file and line */
	size_t nproblems;
};

struct judgement {
	const struct quirk *quirk;      /* not owned */
	struct judge_line *line;
	size_t n, room;
	size_t failed;          /* lines with problems */
	/* sums over all lines */
	size_t programs, steps, steps_run, lost, stuck, skipped, checks, tails, ones,
	       answers;
};

/*
 * @db: the folders that the file would be installed to, its own first, to see whether
 * another entry has its card. Free with judge_free().
 */
void judge_quirk(struct judgement *j, const struct quirk *q, const struct quirk_db *db);
void judge_free(struct judgement *j);

#endif
