// SPDX-License-Identifier: GPL-2.0-or-later
#include "run/rundir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
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
		return err_sys(err, errno, "cannot look at the folder %s", run_dir);
	if (st.st_uid != geteuid() && st.st_uid != 0)
		return err_set(err, EPERM, "the folder %s belongs to user %u, not to us "
			       "(user %u): remove it and run again", run_dir,
			       st.st_uid, geteuid());
	if (st.st_mode & (S_IWGRP | S_IWOTH))
		return err_set(err, EPERM, "the folder %s may be written by others "
			       "(mode %04o): 'chmod 755 %s', or remove it, and run again",
			       run_dir, st.st_mode & 07777U, run_dir);
	return 0;
}

/* Not made here: -ENOENT when there is none. */
static int rundir_look_dir(const char *run_dir, struct err *err)
{
	int fd, rc;

	fd = open(run_dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && (errno == ELOOP || errno == ENOTDIR))
		return err_set(err, EPERM, "%s is not a folder (or is a symbolic link), "
			       "so nothing in it is used: remove it and run again",
			       run_dir);
	if (fd < 0)
		return err_sys(err, errno, "cannot open the folder %s", run_dir);
	rc = rundir_check_dir(fd, run_dir, err);
	if (rc < 0) {
		close(fd);
		return rc;
	}
	return fd;
}

/*
 * A folder that is there is there after a power cut, too. Not asked of one that was there
 * before: workers may not look at the folder above.
 */
static int rundir_open_dir(const char *run_dir, struct err *err)
{
	bool made = !mkdir(run_dir, 0755);
	int fd, up;

	if (!made && errno != EEXIST)
		return err_sys(err, errno, "cannot make the folder %s", run_dir);
	fd = rundir_look_dir(run_dir, err);
	if (fd < 0 || !made)
		return fd;
	fchmod(fd, 0755);       /* whatever the umask; if it fails, only root reads it */
	up = openat(fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (up < 0 || fsync(up)) {
		err_sys(err, errno, "cannot bring the folder %s to disk", run_dir);
		rmdir(run_dir);
		close(fd);
		fd = -EIO;
	}
	if (up >= 0)
		close(up);
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
	int fd = openat(dirfd, name, flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK |
			O_NOCTTY, 0600);
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

int rundir_make(const char *run_dir, struct err *err)
{
	int fd = rundir_open_dir(run_dir, err);

	if (fd >= 0)
		close(fd);
	return fd < 0 ? fd : 0;
}

int rundir_open(const char *run_dir, const char *name, const char *what, int flags,
		struct err *err)
{
	int dirfd = rundir_open_dir(run_dir, err), fd;

	if (dirfd < 0)
		return dirfd;
	fd = rundir_open_file(dirfd, run_dir, name, what, flags | O_RDWR, err);
	close(dirfd);
	return fd;
}

int rundir_look(const char *run_dir, const char *name, const char *what, struct err *err)
{
	int dirfd = rundir_look_dir(run_dir, err), fd;

	if (dirfd < 0)
		return dirfd;
	fd = rundir_open_file(dirfd, run_dir, name, what, O_RDONLY, err);
	close(dirfd);
	return fd;
}

/* --- small files, whole ---------------------------------------------------------- */

static int rundir_put(int fd, const char *text, size_t len)
{
	return ftruncate(fd, 0) ? -errno : textfile_write_fd(fd, text, len);
}

/* The folder's names; its own is rundir_open_dir()'s. */
static int rundir_sync(int dirfd, const char *run_dir, struct err *err)
{
	if (fsync(dirfd))
		return err_sys(err, errno, "cannot bring the folder %s to disk", run_dir);
	return 0;
}

/* A new file, or the old one emptied; all of it in the folder that was checked. */
static int rundir_write(int dirfd, const char *run_dir, const char *name,
			const char *what, const char *text, size_t len, bool durably,
			struct err *err)
{
	int fd = rundir_open_file(dirfd, run_dir, name, what, O_RDWR | O_CREAT, err), rc;

	if (fd < 0)
		return fd;
	rc = rundir_put(fd, text, len);
	if (!rc && durably && fsync(fd))
		rc = -errno;
	if (rc)
		rc = err_sys(err, -rc, "cannot write the %s %s/%s", what, run_dir, name);
	close(fd);
	return rc;
}

static int rundir_replace_with(const char *run_dir, const char *name, const char *what,
			       const char *text, size_t len, bool durably,
			       struct err *err)
{
	int dirfd = rundir_open_dir(run_dir, err), rc;
	char fresh[NAME_MAX];

	if (dirfd < 0)
		return dirfd;
	snprintf(fresh, sizeof(fresh), "%s.new", name);
	rc = rundir_write(dirfd, run_dir, fresh, what, text, len, durably, err);
	if (!rc && renameat(dirfd, fresh, dirfd, name))
		rc = err_sys(err, errno, "cannot rename %s/%s to %s", run_dir, fresh,
			     name);
	if (!rc && durably)
		rc = rundir_sync(dirfd, run_dir, err);
	close(dirfd);
	return rc;
}

int rundir_replace(const char *run_dir, const char *name, const char *what,
		   const char *text, size_t len, struct err *err)
{
	return rundir_replace_with(run_dir, name, what, text, len, false, err);
}

int rundir_replace_durably(const char *run_dir, const char *name, const char *what,
			   const char *text, size_t len, struct err *err)
{
	return rundir_replace_with(run_dir, name, what, text, len, true, err);
}

static int rundir_text(int fd, const char *run_dir, const char *name, char **text,
		       size_t *len, struct err *err)
{
	char path[PATH_MAX];
	int rc;

	*text = NULL;
	if (fd < 0)
		return fd;
	snprintf(path, sizeof(path), "%s/%s", run_dir, name);
	rc = textfile_read_fd(fd, path, TEXTFILE_MOST, text, len, err);
	close(fd);
	return rc;
}

int rundir_read(const char *run_dir, const char *name, const char *what, char **text,
		size_t *len, struct err *err)
{
	return rundir_text(rundir_look(run_dir, name, what, err), run_dir, name, text,
			   len, err);
}

static int rundir_remove_with(const char *run_dir, const char *name, bool durably,
			      struct err *err)
{
	int dirfd, rc = 0;

	if (access(run_dir, F_OK) < 0 && errno == ENOENT)
		return 0;       /* nor is it made for this */
	dirfd = rundir_open_dir(run_dir, err);
	if (dirfd < 0)
		return dirfd;
	if (unlinkat(dirfd, name, 0) && errno != ENOENT)
		rc = err_sys(err, errno, "cannot remove %s/%s", run_dir, name);
	if (!rc && durably)
		rc = rundir_sync(dirfd, run_dir, err);
	close(dirfd);
	return rc;
}

int rundir_remove(const char *run_dir, const char *name, struct err *err)
{
	return rundir_remove_with(run_dir, name, false, err);
}

int rundir_remove_durably(const char *run_dir, const char *name, struct err *err)
{
	return rundir_remove_with(run_dir, name, true, err);
}

/* --- names ------------------------------------------------------------------------ */

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
