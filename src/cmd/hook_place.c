// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/hook_place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/textfile.h"

static int place_foreign(const struct hook_script *s, struct err *err)
{
	return err_set(err, EEXIST, "%s is not gpureset's, and its name is needed; move "
		       "it away", s->path);
}

static int place_folder(const struct hook_script *s, const struct options *o,
			struct err *err)
{
	if (!hook_script_local(s) || !access(o->snippets, F_OK))
		return 0;
	/* chmod: whatever the umask is, PVE's own folders are for all to read */
	if (mkdir(o->snippets, 0755) < 0 || chmod(o->snippets, 0755) < 0)
		return err_sys(err, errno, "making the folder %s", o->snippets);
	return 0;
}

static int place_copy(const char *hook, const char *to, struct err *err)
{
	char *text;
	size_t len;
	int fd, rc = textfile_read(hook, &text, &len, err);

	if (rc)
		return rc;
	fd = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
	rc = fd < 0 ? -errno : textfile_write_fd(fd, text, len);
	if (fd >= 0) {
		fchmod(fd, 0755);       /* what came of it is looked at in the end */
		if (close(fd) < 0 && !rc)
			rc = -errno;
	}
	free(text);
	return rc ? err_sys(err, -rc, "writing %s", to) : 0;
}

/* CIFS and other foreign file systems say one of these to symlink(2). */
static bool place_knows_no_links(int code)
{
	return code == EOPNOTSUPP || code == EPERM || code == ENOSYS;
}

/* Under another name first: whoever starts a VM meanwhile finds the old or the new. */
static int place_new(const struct hook_script *s, const char *hook, struct err *err)
{
	char tmp[PATH_MAX];
	int folder = (int)(strrchr(s->path, '/') - s->path), rc = 0;

	if (snprintf(tmp, sizeof(tmp), "%.*s/.gpureset-%d", folder, s->path,
		     (int)getpid()) >= (int)sizeof(tmp))
		return err_set(err, ENAMETOOLONG, "%.200s...: this path is too long",
			       s->path);
	unlink(tmp);
	if (symlink(hook, tmp) < 0)
		rc = place_knows_no_links(errno) ? place_copy(hook, tmp, err) :
			err_sys(err, errno, "linking %s to %s", s->path, hook);
	if (!rc && access(tmp, X_OK) < 0)
		rc = err_sys(err, errno, "%s would not be executable", s->path);
	if (!rc && rename(tmp, s->path) < 0)
		rc = err_sys(err, errno, "putting %s in place", s->path);
	if (rc)
		unlink(tmp);
	return rc;
}

int hook_place(const struct hook_script *s, const struct options *o, struct err *err)
{
	enum hook_file was = hook_script_look(s->path, o);
	int rc;

	if (was == HOOK_FILE_OURS)
		return 0;
	if (was == HOOK_FILE_FOREIGN)
		return place_foreign(s, err);
	rc = place_folder(s, o, err);
	if (!rc)
		rc = place_new(s, o->pve_hook, err);
	return rc ? rc : was == HOOK_FILE_NONE;
}

int hook_place_text(const struct hook_script *s, const struct options *o, char *text,
		    size_t size, struct err *err)
{
	enum hook_file was = hook_script_look(s->path, o);

	text[0] = '\0';
	if (was == HOOK_FILE_FOREIGN)
		return place_foreign(s, err);
	if (was != HOOK_FILE_OURS)
		snprintf(text, size, "link %s to %s%s", s->path, o->pve_hook,
			 was == HOOK_FILE_NONE ? "" : ", instead of what it is now");
	return 0;
}

bool hook_unplace(const struct hook_script *s, const struct options *o)
{
	enum hook_file is = hook_script_look(s->path, o);

	if (is == HOOK_FILE_NONE || is == HOOK_FILE_FOREIGN ||
	    hook_script_used(o, s->volid))
		return false;
	return !unlink(s->path);
}
