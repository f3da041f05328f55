/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `gpureset quirk ...`: what its subcommands share; one file and one row each. */
#ifndef GPURESET_CMD_QUIRK_CMD_H
#define GPURESET_CMD_QUIRK_CMD_H

#include "base/diag.h"
#include "cmd/cmd.h"
#include "plan/facts.h"

/* What was typed after the subcommand. */
struct quirk_args {
	bool json, quiet;
	const char *quirks;     /* --quirks DIR */
	const char *output;     /* --output FILE */
	const char *replay;     /* --replay FILE */
	const char *const *word;
	int nwords;
};

struct quirk_sub {
	struct command cmd;     /* first; .run is not used */
	int least, most;        /* words it takes */
	int (*run)(const struct quirk_args *a); /* returns an exit status */
};

extern const struct quirk_sub quirk_check_sub, quirk_explain_sub, quirk_list_sub,
	quirk_show_sub, quirk_new_sub, quirk_test_sub;

/*
 * The database for looking at: the installed folders as a reset would obey them, or
 * --quirks DIR, which may be anybody's. Diagnostics go to stderr. Returns 0 or an exit
 * status after a message.
 */
int quirk_db_of(const struct quirk_args *a, struct quirk_db *db);

/* A note on stderr when @db is empty; silence would look like an unknown card. */
void quirk_note_none(const struct quirk_db *db);

/* Where files are looked for, strongest first: --quirks DIR or the installed ones. */
struct quirk_dirs {
	const char *dir[3];             /* ended by NULL */
};
struct quirk_dirs quirk_dirs_of(const struct quirk_args *a);

/*
 * One file, as quirk_load() without a check of trust; its errors go to @diag. Includes
 * are looked up beside it, then in quirk_dirs_of(@a). NULL after a message when it
 * cannot be read; *@status is then the exit status.
 */
struct quirk *quirk_file(const struct quirk_args *a, const char *path, struct diag *diag,
			 int *status);

/* Every *.quirk of a folder, or the one file, sorted; and every *.inc. */
struct quirk_paths {
	char **path;
	size_t n, room;
	char **other;           /* names in a folder that are neither; hidden ones not */
	size_t nother, other_room;
};
/* Returns 0 or an exit status after a message. */
int quirk_paths_add(struct quirk_paths *p, const char *word);
void quirk_paths_free(struct quirk_paths *p);
bool quirk_is_include(const char *path);

/* "1002:7300", "10de:2684-27ff" ... as it stands in a file; returns @buf. */
const char *quirk_id_str(const struct q_id *id, char *buf, size_t size);

#endif
