/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Does a VM have our hook, and would Proxmox VE run it? */
#ifndef GPURESET_CMD_HOOK_STATE_H
#define GPURESET_CMD_HOOK_STATE_H

#include "cmd/hook_script.h"

enum hook_is { HOOK_ABSENT, HOOK_WORKS, HOOK_BROKEN };

struct hook_state {
	enum hook_is is;
	struct hook_script script;      /* of HOOK_ABSENT, too, if there is any */
	char chained[PATH_MAX];         /* the file that runs as well, or "" */
	struct err why;                 /* HOOK_BROKEN: what PVE or we would say */
};

/* By the VM's setting @hookscript ("" when it has none), and the file behind it. */
void hook_state_find(struct hook_state *st, const char *hookscript,
		     const struct options *o);

#endif
