// SPDX-License-Identifier: GPL-2.0-or-later
#include "run/rundir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/textfile.h"

/* Others who may write the folder could put a link or a foreign lock there. */
static int rundir_check_dir(int fd, const char *run_dir, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(err, errno, "cannot look at the lock folder %s", run_dir);
	if (st.st_uid != geteuid())
		return err_set(err, EPERM, "the lock folder %s belongs to user %u, not "
			       "to us (user %u): remove it and run again", run_dir,
			       st.st_uid, geteuid());
	if (st.st_mode & (S_IWGRP | S_IWOTH))
		return err_set(err, EPERM, "the lock folder %s may be written by others "
			       "(mode %04o): 'chmod 755 %s', or remove it, and run again",
			       run_dir, st.st_mode & 07777U, run_dir);
	return 0;
}

static int rundir_open_dir(const char *run_dir, struct err *err)
{
	int fd, rc;

	if (mkdir(run_dir, 0755) < 0 && errno != EEXIST)
		return err_sys(err, errno, "cannot make the lock folder %s", run_dir);
	fd = open(run_dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && (errno == ELOOP || errno == ENOTDIR))
		return err_set(err, EPERM, "%s is not a folder (or is a symbolic link), "
			       "so no lock is made in it: remove it and run again",
			       run_dir);
	if (fd < 0)
		return err_sys(err, errno, "cannot open the lock folder %s", run_dir);
	rc = rundir_check_dir(fd, run_dir, err);
	if (rc < 0) {
		close(fd);
		return rc;
	}
	return fd;
}

static int rundir_check_file(int fd, const char *dir, const char *name, const char *what,
			     struct err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(err, errno, "cannot look at the %s %s/%s", what, dir,
			       name);
	if (!S_ISREG(st.st_mode))
		return err_set(err, EPERM, "the %s %s/%s is not a regular file: "
			       "remove it and run again", what, dir, name);
	if (st.st_uid != geteuid())
		return err_set(err, EPERM, "the %s %s/%s belongs to user %u, not to us "
			       "(user %u): remove it and run again", what, dir, name,
			       st.st_uid, geteuid());
	if (st.st_mode & (S_IWGRP | S_IWOTH))
		return err_set(err, EPERM, "the %s %s/%s may be written by others (mode "
			       "%04o): remove it and run again", what, dir, name,
			       st.st_mode & 07777U);
	if (st.st_nlink != 1)
		return err_set(err, EPERM, "the %s %s/%s has %lu names (hard links): "
			       "writing it would write another file; remove it and run "
			       "again", what, dir, name, (unsigned long)st.st_nlink);
	return 0;
}

static int rundir_open_file(int dirfd, const char *dir, const char *name,
			    const char *what, int flags, struct err *err)
{
	/* O_NONBLOCK: do not wait for the other end if it is a fifo or a tty. */
	int fd = openat(dirfd, name, flags | O_RDWR | O_NOFOLLOW | O_CLOEXEC |
			O_NONBLOCK | O_NOCTTY, 0600);
	int rc;

	if (fd < 0 && errno == ELOOP)
		return err_set(err, EPERM, "the %s %s/%s is a symbolic link and is not "
			       "followed: remove it and run again", what, dir, name);
	if (fd < 0)
		return err_sys(err, errno, "cannot open the %s %s/%s", what, dir, name);
	rc = rundir_check_file(fd, dir, name, what, err);
	if (rc < 0) {
		close(fd);
		return rc;
	}
	return fd;
}

int rundir_open(const char *run_dir, const char *name, const char *what, int flags,
		struct err *err)
{
	int dirfd = rundir_open_dir(run_dir, err), fd;

	if (dirfd < 0)
		return dirfd;
	fd = rundir_open_file(dirfd, run_dir, name, what, flags, err);
	close(dirfd);
	return fd;
}

/* --- small files, whole ---------------------------------------------------------- */

static int rundir_put(int fd, const char *text, size_t len)
{
	return ftruncate(fd, 0) ? -errno : textfile_write_fd(fd, text, len);
}

int rundir_replace(const char *run_dir, const char *name, const char *what,
		   const char *text, size_t len, struct err *err)
{
	int dirfd = rundir_open_dir(run_dir, err), fd, rc;
	char fresh[NAME_MAX];

	if (dirfd < 0)
		return dirfd;
	snprintf(fresh, sizeof(fresh), "%s.new", name);
	fd = rundir_open_file(dirfd, run_dir, fresh, what, O_CREAT, err);
	rc = fd < 0 ? fd : rundir_put(fd, text, len);
	if (fd >= 0 && rc)
		err_sys(err, -rc, "cannot write the %s %s/%s", what, run_dir, fresh);
	if (fd >= 0)
		close(fd);
	/* in the folder that was checked, whatever its name means by now */
	if (!rc && renameat(dirfd, fresh, dirfd, name))
		rc = err_sys(err, errno, "cannot rename %s/%s to %s", run_dir, fresh,
			     name);
	close(dirfd);
	return rc;
}

int rundir_read(const char *run_dir, const char *name, const char *what, char **text,
		size_t *len, struct err *err)
{
	int fd = rundir_open(run_dir, name, what, 0, err), rc;
	char path[PATH_MAX];

	*text = NULL;
	if (fd < 0)
		return fd;
	snprintf(path, sizeof(path), "%s/%s", run_dir, name);
	rc = textfile_read_fd(fd, path, TEXTFILE_MOST, text, len, err);
	close(fd);
	return rc;
}

int rundir_slots(const char *run_dir, const char *prefix, const char *what,
		 rundir_slot_fn *fn, void *arg, struct err *err)
{
	struct bdf_spec spec;
	struct dirent **e;
	size_t skip = strlen(prefix);
	int rc = 0, n = scandir(run_dir, &e, NULL, alphasort);

	if (n < 0)
		return errno == ENOENT ? 0 : err_sys(err, errno, "cannot read the folder "
						     "of %s %s", what, run_dir);
	for (int i = 0; i < n; i++) {
		const char *name = e[i]->d_name;

		if (!rc && !strncmp(name, prefix, skip) &&
		    !bdf_parse(name + skip, &spec, NULL) && spec.whole_slot)
			rc = fn(spec.bdf, arg);
		free(e[i]);
	}
	free(e);
	return rc;
}

int rundir_remove(const char *run_dir, const char *name, struct err *err)
{
	int dirfd, rc = 0;

	if (access(run_dir, F_OK) < 0 && errno == ENOENT)
		return 0;       /* nor is it made for this */
	dirfd = rundir_open_dir(run_dir, err);
	if (dirfd < 0)
		return dirfd;
	if (unlinkat(dirfd, name, 0) && errno != ENOENT)
		rc = err_sys(err, errno, "cannot remove %s/%s", run_dir, name);
	close(dirfd);
	return rc;
}
