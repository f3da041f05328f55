/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A VM's hookscript: the volume id in its configuration, the file behind it on this
 * node, and whether that file is ours (hooks/pve-hook, linked or copied).
 */
#ifndef GPURESET_CMD_HOOK_SCRIPT_H
#define GPURESET_CMD_HOOK_SCRIPT_H

#include <limits.h>
#include <stdbool.h>

#include "base/err.h"
#include "cmd/cmd.h"
#include "cmd/hook_chain.h"

#define HOOK_LOCAL "local:snippets/" HOOK_NAME
#define HOOK_VOLID 256          /* as pve_vm.hookscript */

struct hook_script {
	char volid[HOOK_VOLID];         /* "local:snippets/gpureset+mine.sh" */
	char storage[HOOK_VOLID];       /* "local" */
	char name[HOOK_VOLID];          /* "gpureset+mine.sh"; "": nothing was parsed */
	char path[PATH_MAX];            /* the file on this node */
};

/* What is at a path, compared with the installed hooks/pve-hook. */
enum hook_file {
	HOOK_FILE_NONE,
	HOOK_FILE_OURS,         /* a link to it, or a copy of it */
	HOOK_FILE_OLD,          /* another version of it, or one at another place */
	HOOK_FILE_DANGLING,     /* a link to nothing */
	HOOK_FILE_FOREIGN,
};

/*
 * @volid as PVE reads it (pve-storage, PVE/Storage/Plugin.pm: parse_volume_id, and
 * parse_volname for snippets): "STORAGE:snippets/NAME", one level. -EINVAL with @err.
 */
int hook_script_parse(struct hook_script *s, const char *volid, struct err *err);

/* "STORAGE:snippets/NAME" on the same storage; -ENAMETOOLONG. No path yet. */
int hook_script_beside(struct hook_script *s, const struct hook_script *of,
		       const char *prefix, const char *name, struct err *err);

/*
 * Fill the path: for the storage `local` in the folder of @o, for others what pvesm
 * says. Negative errno with @err.
 */
int hook_script_find(struct hook_script *s, const struct options *o, struct err *err);

bool hook_script_local(const struct hook_script *s);
/* Is it called gpureset, or gpureset+NAME? */
bool hook_script_named(const struct hook_script *s);
/* NAME of gpureset+NAME, else NULL. */
const char *hook_script_chained(const struct hook_script *s);

enum hook_file hook_script_look(const char *path, const struct options *o);

/*
 * Does a guest of the cluster, whatever node and section, name @volid as its hookscript?
 * Yes as well when a configuration cannot be read.
 */
bool hook_script_used(const struct options *o, const char *volid);

#endif
