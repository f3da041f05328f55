// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * killat.so, preloaded into gpureset inside the lab: ends it at a chosen moment.
 *
 * Everything a worker does to the world goes through a call of the C library. Those at
 * which being killed can make a difference are counted by class, in the worker alone:
 *   H  it changes hardware or the kernel: a write below /sys, an ioctl of VFIO
 *   J  it changes what outlives it: a file in the run folder
 *   P  a word to the supervisor: a step begins or has ended
 *   W  it waits
 *   O  it opens something to be written to
 * KILLAT_LOG=FILE notes each of them, a line a call; KILLAT=H12 sends SIGKILL to the
 * worker and its supervisor before the 12th H; KILLAT=H12:15:sup and :worker, :group
 * send signal 15 to the supervisor, the worker, or the process group that the shell
 * gave it, and go on. All is read before main(): the program may clean its environment,
 * close what it inherited (the file is mapped), and lock itself in.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LOG_SIZE (256u << 10)
#define FDS 256

enum whom { WHOM_BOTH, WHOM_SUP, WHOM_WORKER, WHOM_GROUP };

static pid_t supervisor, group;
static char at_class;
static unsigned at_number, counted[128];
static int at_signal = SIGKILL;
static enum whom at_whom = WHOM_BOTH;
static char *log_text;
static size_t log_len;
static char paths[FDS][96];

static void *real(const char *name)
{
	void *fn = dlsym(RTLD_NEXT, name);

	if (!fn)
		abort();
	return fn;
}

__attribute__((constructor)) static void killat_init(void)
{
	const char *at = getenv("KILLAT"), *file = getenv("KILLAT_LOG");
	char whom[8] = "";
	int fd;

	supervisor = getpid();
	group = getpgrp();
	if (at && sscanf(at, "%c%u:%d:%7s", &at_class, &at_number, &at_signal, whom) < 2)
		abort();
	at_whom = !whom[0] ? WHOM_BOTH : !strcmp(whom, "sup") ? WHOM_SUP :
		  !strcmp(whom, "group") ? WHOM_GROUP : WHOM_WORKER;
	fd = file ? open(file, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : -1;
	if (fd < 0)
		return;
	if (ftruncate(fd, LOG_SIZE) == 0)
		log_text = mmap(NULL, LOG_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
				0);
	if (log_text == MAP_FAILED)
		log_text = NULL;
	close(fd);
}

static void killat_fire(void)
{
	switch (at_whom) {
	case WHOM_SUP:
		kill(supervisor, at_signal);
		break;
	case WHOM_GROUP:
		kill(-group, at_signal);
		break;
	case WHOM_BOTH:
		kill(supervisor, at_signal);
		__attribute__((fallthrough));
	case WHOM_WORKER:
		kill(getpid(), at_signal);
		break;
	}
}

__attribute__((format(printf, 2, 3)))
static void killat(char class, const char *fmt, ...)
{
	char line[160];
	va_list ap;
	int n;

	if (!class || getpid() == supervisor)
		return;
	counted[(int)class]++;
	va_start(ap, fmt);
	n = snprintf(line, sizeof(line), "%c%u ", class, counted[(int)class]);
	n += vsnprintf(line + n, sizeof(line) - (size_t)n, fmt, ap);
	va_end(ap);
	n = n < (int)sizeof(line) ? n : (int)sizeof(line) - 1;
	line[strcspn(line, "\n")] = '\0';
	n = (int)strlen(line);
	if (log_text && log_len + (size_t)n + 2 < LOG_SIZE) {
		memcpy(log_text + log_len, line, (size_t)n);
		log_text[log_len + (size_t)n] = '\n';
		log_len += (size_t)n + 1;
	}
	if (class == at_class && counted[(int)class] == at_number)
		killat_fire();
}

static const char *path_of(int fd)
{
	return fd >= 0 && fd < FDS ? paths[fd] : "";
}

/* Which class a write to @fd is of, or 0. */
static char class_of(int fd)
{
	struct stat st;

	if (!strncmp(path_of(fd), "/sys/", 5))
		return 'H';
	if (path_of(fd)[0])
		return 'J';
	return fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode) ? 'P' : 0;
}

static int opened(int fd, const char *path)
{
	if (fd >= 0 && fd < FDS)
		snprintf(paths[fd], sizeof(paths[fd]), "%s", path);
	return fd;
}

static void opening(const char *path, int flags)
{
	if (flags & (O_WRONLY | O_RDWR | O_CREAT) && strcmp(path, "/dev/null"))
		killat('O', "open %s", path);
}

int open(const char *path, int flags, ...)
{
	int (*next)(const char *, int, ...) = real("open");
	va_list ap;
	mode_t mode;

	va_start(ap, flags);
	mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(ap, mode_t) : 0;
	va_end(ap);
	opening(path, flags);
	return opened(next(path, flags, mode), path);
}

int __open_2(const char *path, int flags);
int __open_2(const char *path, int flags)
{
	return open(path, flags);
}

int openat(int dir, const char *path, int flags, ...)
{
	int (*next)(int, const char *, int, ...) = real("openat");
	va_list ap;
	mode_t mode;

	va_start(ap, flags);
	mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(ap, mode_t) : 0;
	va_end(ap);
	opening(path, flags);
	return opened(next(dir, path, flags, mode), path);
}

int close(int fd)
{
	int (*next)(int) = real("close");

	if (fd >= 0 && fd < FDS)
		paths[fd][0] = '\0';
	return next(fd);
}

ssize_t write(int fd, const void *buf, size_t n)
{
	ssize_t (*next)(int, const void *, size_t) = real("write");
	char class = class_of(fd);

	/* a frame of the pipe: its head is not text */
	if (class == 'P')
		killat(class, "say %zu bytes", n);
	else
		killat(class, "write %s %.*s", path_of(fd), n < 40 ? (int)n : 40,
		       (const char *)buf);
	return next(fd, buf, n);
}

ssize_t pwrite(int fd, const void *buf, size_t n, off_t off)
{
	ssize_t (*next)(int, const void *, size_t, off_t) = real("pwrite");
	unsigned value = 0;

	memcpy(&value, buf, n < 4 ? n : 4);
	killat(class_of(fd), "pwrite %s 0x%lx 0x%x", path_of(fd), (unsigned long)off,
	       value);
	return next(fd, buf, n, off);
}

ssize_t pwrite64(int fd, const void *buf, size_t n, off_t off)
{
	return pwrite(fd, buf, n, off);
}

int ioctl(int fd, unsigned long request, ...)
{
	int (*next)(int, unsigned long, ...) = real("ioctl");
	va_list ap;
	void *arg;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	/* VFIO_TYPE is ';' */
	if ((request >> 8 & 0xff) == ';')
		killat('H', "ioctl %s 0x%lx", path_of(fd), request);
	return next(fd, request, arg);
}

int ftruncate(int fd, off_t size)
{
	int (*next)(int, off_t) = real("ftruncate");

	killat('J', "truncate %s %ld", path_of(fd), (long)size);
	return next(fd, size);
}

int unlink(const char *path)
{
	int (*next)(const char *) = real("unlink");

	killat('J', "unlink %s", path);
	return next(path);
}

int rename(const char *from, const char *to)
{
	int (*next)(const char *, const char *) = real("rename");

	killat('J', "rename %s", to);
	return next(from, to);
}

int fsync(int fd)
{
	int (*next)(int) = real("fsync");

	killat('J', "fsync %s", path_of(fd));
	return next(fd);
}

int clock_nanosleep(clockid_t clock, int flags, const struct timespec *t,
		    struct timespec *left)
{
	int (*next)(clockid_t, int, const struct timespec *, struct timespec *) =
		real("clock_nanosleep");

	killat('W', "sleep");
	return next(clock, flags, t, left);
}

int ppoll(struct pollfd *fds, nfds_t n, const struct timespec *t, const sigset_t *mask)
{
	int (*next)(struct pollfd *, nfds_t, const struct timespec *, const sigset_t *) =
		real("ppoll");

	killat('W', "poll");
	return next(fds, n, t, mask);
}
