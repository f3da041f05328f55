/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is said of attempts that took the host along; `recover` says it as well. */
#ifndef GPURESET_CMD_UNFREEZE_H
#define GPURESET_CMD_UNFREEZE_H

#include <stdio.h>

#include "base/json.h"
#include "cmd/cmd.h"

/* Lines that begin with @slot, one a record; then what of it was not undone. */
void unfreeze_text(const struct frozen_list *list, struct bdf slot, FILE *to);

/* The records as an array @key, and what is wrong with their file as "frozen_error". */
void unfreeze_json(const struct frozen_list *list, const char *key, struct json *j);

#endif
