// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/hook_state.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What PVE looks at before each phase; its words (pve-guest-common, GuestHelpers.pm). */
static int state_pve(const struct hook_script *s, struct err *err)
{
	struct stat st;

	if (stat(s->path, &st) < 0 || !S_ISREG(st.st_mode))
		return err_set(err, ENOENT, "script '%s' does not exist (%s)", s->volid,
			       s->path);
	if (access(s->path, X_OK) < 0)
		return err_set(err, EACCES, "script '%s' is not executable (%s)",
			       s->volid, s->path);
	return 0;
}

static enum hook_is state_file(struct hook_state *st, const struct options *o)
{
	enum hook_file file = hook_script_look(st->script.path, o);
	int rc;

	if (!hook_script_named(&st->script) && file != HOOK_FILE_OURS &&
	    file != HOOK_FILE_OLD)
		return HOOK_ABSENT;
	if (state_pve(&st->script, &st->why) < 0)
		return HOOK_BROKEN;
	if (file == HOOK_FILE_FOREIGN) {
		err_set(&st->why, EINVAL, "%s is not gpureset's", st->script.path);
		return HOOK_BROKEN;
	}
	rc = hook_chain_find(st->script.path, st->chained, sizeof(st->chained), &st->why);
	if (rc <= 0)
		st->chained[0] = '\0';
	return rc < 0 ? HOOK_BROKEN : HOOK_WORKS;
}

static enum hook_is state_script(struct hook_state *st, const char *hookscript,
				 const struct options *o)
{
	if (!hookscript[0] || hook_script_parse(&st->script, hookscript, &st->why) < 0)
		return HOOK_ABSENT;
	if (hook_script_find(&st->script, o, &st->why) < 0)
		return hook_script_named(&st->script) ? HOOK_BROKEN : HOOK_ABSENT;
	return state_file(st, o);
}

void hook_state_find(struct hook_state *st, const char *hookscript,
		     const struct options *o)
{
	memset(st, 0, sizeof(*st));
	st->is = state_script(st, hookscript, o);
}
