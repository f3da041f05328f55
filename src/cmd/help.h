/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What commands say of themselves: --help, and for manual page and completion. */
#ifndef GPURESET_CMD_HELP_H
#define GPURESET_CMD_HELP_H

#include "cmd/cmd.h"

/* "show" of "hook show": how it is called among its parent's subcommands. */
const char *command_word(const struct command *cmd);

/* The command @word of @list (NULL-terminated, or NULL), or NULL. */
const struct command *command_find(const struct command *const *list, const char *word);

/* "0 every card is healthy ...", ended by a row without a meaning. */
extern const struct status_row exit_rows[];

#endif
