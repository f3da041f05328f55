/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * /etc/gpureset/gpureset.conf: "key = value" lines, '#' comments. What the person who
 * runs this host allows for good, where nobody is there to be asked.
 */
#ifndef GPURESET_CMD_CONFIG_H
#define GPURESET_CMD_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/diag.h"
#include "base/err.h"
#include "plan/plan.h"

#define GPURESET_CONFIG PLAN_CONFIG_FILE

struct options;

struct config {
	char **allowed;         /* allow-untested: ids of quirk files, or "all" */
	size_t nallowed, room;
};

/*
 * Parse @text (@len bytes, of the file @path) into @conf, which is zeroed first. Every
 * error of the file goes to @diag with line and column. Free with config_free().
 */
void config_parse(struct config *conf, const char *path, const char *text, size_t len,
		  struct diag *diag);
void config_free(struct config *conf);

/*
 * Read and parse @path. With @trust, file and folder must belong to root and nobody
 * else may write to them, and the file may be no symbolic link. -ENOENT: no such file
 * (@conf is then empty); other negative errno: it cannot be read, or is not to be
 * trusted, with @err; -EINVAL: errors in @diag.
 */
int config_load(struct config *conf, const char *path, bool trust, struct diag *diag,
		struct err *err);

/*
 * The configuration that @o names (--config) or the installed one, put into @o->plan.
 * Returns 0 or an exit status after messages on stderr. @conf must live as long as @o.
 */
int config_apply(struct config *conf, struct options *o);

#endif
