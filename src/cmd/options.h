/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of options, for what describes commands: help, manual page, completion. */
#ifndef GPURESET_CMD_OPTIONS_H
#define GPURESET_CMD_OPTIONS_H

#include "cmd/cmd.h"

struct option_row {
	char letter; /* capital: no short form; names the row in command.options */
	const char *name, *arg, *help;
	int (*set)(struct options *o, const char *arg);
};

/* 'n' of "-n", or '\0': it has no short form. */
char option_short(const struct option_row *row);

/*
 * Each option that @cmd takes, in the order of --help, the --force-* options that it
 * takes as rows of their own (letter 'F', no set()).
 */
void options_each(const struct command *cmd,
		  void (*show)(const struct option_row *row, void *arg), void *arg);

/* What @o says when nothing was typed. */
void options_init(struct options *o);

#endif
