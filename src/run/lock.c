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
#include <time.h>
#include <unistd.h>

#include "run/rundir.h"

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
	int fd, rc;

	snprintf(name, sizeof(name), "%s.lock", bdf_slot_str(slot, where));
	fd = rundir_open(run_dir, name, "lock", O_CREAT, err);
	if (fd < 0)
		return fd;
	rc = lock_hold(fd, name, slot, err);
	if (rc < 0) {
		close(fd);
		return rc;
	}
	return fd;
}

bool lock_is_held(const char *run_dir, struct bdf slot)
{
	char name[LOCK_NAME], where[BDF_STR];
	bool held;
	int fd;

	snprintf(name, sizeof(name), "%s.lock", bdf_slot_str(slot, where));
	fd = rundir_look(run_dir, name, "lock", NULL);
	if (fd < 0)
		return false;
	held = lock_read(fd).pid > 0;
	close(fd);
	return held;
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
