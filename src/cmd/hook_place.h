/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Our file in a snippets folder: put there, taken away. */
#ifndef GPURESET_CMD_HOOK_PLACE_H
#define GPURESET_CMD_HOOK_PLACE_H

#include "cmd/hook_script.h"

/*
 * Make @s->path a link to hooks/pve-hook, or a copy of it where the storage knows no
 * links; the folder too, when it is that of the storage `local`. What is ours already
 * stays. Returns 1 when there was nothing before, else 0, or a negative errno with @err:
 * -EEXIST for a file of somebody else, which stays.
 */
int hook_place(const struct hook_script *s, const struct options *o, struct err *err);

/* What that would do: "link A to B", or "" when nothing is to do. Errors as above. */
int hook_place_text(const struct hook_script *s, const struct options *o, char *text,
		    size_t size, struct err *err);

/* Remove @s->path when it is ours and no guest names it any more; was it removed? */
bool hook_unplace(const struct hook_script *s, const struct options *o);

#endif
