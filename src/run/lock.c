// SPDX-License-Identifier: GPL-2.0-or-later
#include "run/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LOCK_NAME (BDF_STR + 8)

/* Who wrote a lock file. pid 0: nobody yet. */
struct lock_holder {
	pid_t pid;
	uint64_t since_ms;
};

/* Since boot and through suspend: wall clocks are set, pids restart at boot. */
static uint64_t lock_clock_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* Others who may write the folder could put a link or a foreign lock there. */
static int lock_check_dir(int fd, const char *run_dir, struct err *err)
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

static int lock_open_dir(const char *run_dir, struct err *err)
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
	rc = lock_check_dir(fd, run_dir, err);
	if (rc < 0) {
		close(fd);
		return rc;
	}
	return fd;
}

static int lock_check_file(int fd, const char *dir, const char *name,
			   struct err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(err, errno, "cannot look at the lock %s/%s", dir, name);
	if (!S_ISREG(st.st_mode))
		return err_set(err, EPERM, "the lock %s/%s is not a regular file: "
			       "remove it and run again", dir, name);
	if (st.st_uid != geteuid())
		return err_set(err, EPERM, "the lock %s/%s belongs to user %u, not to us "
			       "(user %u): remove it and run again", dir, name, st.st_uid,
			       geteuid());
	if (st.st_nlink != 1)
		return err_set(err, EPERM, "the lock %s/%s has %lu names (hard links): "
			       "writing it would write another file; remove it and run "
			       "again", dir, name, (unsigned long)st.st_nlink);
	return 0;
}

static int lock_open_file(int dirfd, const char *dir, const char *name,
			  struct err *err)
{
	/* O_NONBLOCK: do not wait for the other end if it is a fifo or a tty. */
	int flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
	int fd = openat(dirfd, name, flags, 0600), rc;

	if (fd < 0 && errno == ELOOP)
		return err_set(err, EPERM, "the lock %s/%s is a symbolic link and is not "
			       "followed: remove it and run again", dir, name);
	if (fd < 0)
		return err_sys(err, errno, "cannot open the lock %s/%s", dir, name);
	rc = lock_check_file(fd, dir, name, err);
	if (rc < 0) {
		close(fd);
		return rc;
	}
	return fd;
}

static struct lock_holder lock_read(int fd)
{
	struct lock_holder who = { 0 };
	char text[64], *end;
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
	long pid;

	if (n <= 0)
		return who;
	text[n] = '\0';
	pid = strtol(text, &end, 10);
	/* A dead pid is what an earlier holder left: the present one has not written. */
	if (pid <= 0 || pid > INT32_MAX || (kill((pid_t)pid, 0) < 0 && errno == ESRCH))
		return who;
	who.pid = (pid_t)pid;
	who.since_ms = strtoull(end, NULL, 10);
	return who;
}

static const char *lock_age(uint64_t since_ms, char buf[32])
{
	uint64_t now = lock_clock_ms();
	uint64_t s = now > since_ms ? (now - since_ms) / 1000 : 0;

	if (s < 120)
		snprintf(buf, 32, "%" PRIu64 " s", s);
	else if (s < 7200)
		snprintf(buf, 32, "%" PRIu64 " min", s / 60);
	else
		snprintf(buf, 32, "%" PRIu64 " h", s / 3600);
	return buf;
}

static int lock_busy(int fd, struct bdf slot, struct err *err)
{
	struct lock_holder who = lock_read(fd);
	char name[BDF_STR], age[32];

	bdf_slot_str(slot, name);
	if (!who.pid)
		return err_set(err, EWOULDBLOCK, "busy: another gpureset has just begun "
			       "with %s; wait for its end", name);
	return err_set(err, EWOULDBLOCK, "busy: worker %d has been resetting %s for %s; "
		       "wait for its end", (int)who.pid, name,
		       lock_age(who.since_ms, age));
}

/* Lock the open @fd and take the former holder's name out of it. */
static int lock_hold(int fd, const char *name, struct bdf slot, struct err *err)
{
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? lock_busy(fd, slot, err) :
		       err_sys(err, errno, "cannot lock %s", name);
	if (ftruncate(fd, 0) < 0)
		return err_sys(err, errno, "cannot write the lock %s", name);
	return 0;
}

int lock_take(const char *run_dir, struct bdf slot, struct err *err)
{
	char name[LOCK_NAME], where[BDF_STR];
	int dirfd, fd, rc;

	dirfd = lock_open_dir(run_dir, err);
	if (dirfd < 0)
		return dirfd;
	snprintf(name, sizeof(name), "%s.lock", bdf_slot_str(slot, where));
	fd = lock_open_file(dirfd, run_dir, name, err);
	close(dirfd);
	if (fd < 0)
		return fd;
	rc = lock_hold(fd, name, slot, err);
	if (rc < 0) {
		close(fd);
		return rc;
	}
	return fd;
}

int lock_note(int fd, pid_t pid)
{
	char text[64];
	int len = snprintf(text, sizeof(text), "%d %" PRIu64 "\n", (int)pid,
			   lock_clock_ms());

	if (pwrite(fd, text, (size_t)len, 0) != len || ftruncate(fd, len) < 0)
		return errno ? -errno : -EIO;
	return 0;
}
