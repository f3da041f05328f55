/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A card of `gpureset list`, and how it is shown. */
#ifndef GPURESET_CMD_LIST_H
#define GPURESET_CMD_LIST_H

#include <stdio.h>

#include "base/json.h"
#include "cmd/card_state.h"
#include "cmd/table.h"

struct list_card {
	struct study s;
	bool planned;                   /* s.plan and all facts are there */
	struct card_state state;
	unsigned reserved;              /* VMID that Proxmox keeps it for, or 0 */
};

#define LIST_COLUMNS 16

/* Which columns, in their order: indices of the table of all. */
struct list_choice {
	size_t col[LIST_COLUMNS];
	size_t n;
};

/*
 * @text as it is typed after --columns, NULL: the usual ones. Returns 0, or an exit
 * status after a message that names all columns.
 */
int list_choose(struct list_choice *choice, const char *text);

struct table *list_table(const struct list_choice *choice, bool raw);
void list_row(struct table *t, const struct list_choice *choice,
	      const struct list_card *c);

/* One object, with all that is known of the card. */
void list_json(struct json *j, const struct list_card *c);

/* For --help: every column and what it shows. */
void list_columns_help(FILE *to);

#endif
