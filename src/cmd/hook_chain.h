/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A VM has one hookscript; one that is called "gpureset+NAME" makes gpureset run the
 * script NAME of the same folder as well. So nothing has to be remembered on a node,
 * and it goes with the VM's configuration wherever that goes.
 */
#ifndef GPURESET_CMD_HOOK_CHAIN_H
#define GPURESET_CMD_HOOK_CHAIN_H

#include <stddef.h>

#include "base/err.h"

#define HOOK_NAME "gpureset"
#define HOOK_CHAIN HOOK_NAME "+"

/*
 * The file that the hookscript @script (a path) chains, into @path. Returns 1, 0 when it
 * chains none, or a negative errno with @err: it is missing, no regular file (-EINVAL),
 * not executable (-EACCES), ourselves again (-ELOOP).
 */
int hook_chain_find(const char *script, char *path, size_t size, struct err *err);

/*
 * Run what @script (NULL: nothing) chains as PVE would, with VMID and PHASE, and wait.
 * *@status: its exit status, 128 + n with a message when signal n ended it; 0 when there
 * is none. Negative errno with @err when there is one and it cannot be run. A SIGTERM,
 * SIGINT or SIGHUP that comes meanwhile is passed on, and ours again after its end.
 */
int hook_chain(const char *script, unsigned vmid, const char *phase, int *status,
	       struct err *err);

#endif
