// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * killat.so, preloaded into gpureset inside the lab: ends it at a chosen moment.
 *
 * Everything a worker does to the world goes through a call of the C library. Those at
 * which being killed can make a difference are counted by class, in the worker alone:
 *   H  it changes hardware or the kernel: a write below /sys, an ioctl of VFIO
 *   J  it changes what outlives it: a file in the run folder, but for the trace that is
 *      kept there, which nobody goes by
 *   P  a word to the supervisor: a step begins or has ended
 *   W  it waits
 *   O  it opens something to be written to
 * KILLAT_LOG=FILE notes each of them, a line a call.
 * KILLAT=H12 fires before the 12th H, KILLAT=@TEXT before the first call whose line has
 * TEXT in it, KILLAT=+TEXT before the call that follows that one. Firing is SIGKILL to
 * the worker and its supervisor; or, with KILLAT_SIGNAL="15 sup", that signal to the
 * supervisor (sup, worker, or group: the process group of the supervisor), and the
 * worker goes on; "15 sup 3": three times, before three calls in a row.
 * All is read before main(): the program may clean its environment, close what it
 * inherited (the file is mapped), and lock itself in. It gives up the right to signal its
 * own processes, too, so a process that is made before main() does that for the worker.
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
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LOG_SIZE (256u << 10)
#define FDS 256

static pid_t supervisor, group;
static struct {
	volatile pid_t worker;          /* it asks to fire; 0: that was done */
} *shared;
static char at[160];            /* KILLAT */
static int at_signal = SIGKILL;
static char whom[8] = "both";
static int to_fire = 1;
static bool firing, next_one;
static unsigned counted[128];
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

static void killat_log_open(const char *file)
{
	int fd = open(file, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || ftruncate(fd, LOG_SIZE) < 0)
		abort();
	log_text = mmap(NULL, LOG_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (log_text == MAP_FAILED)
		abort();
	close(fd);
}

static void killat_signal(pid_t sup, pid_t worker)
{
	bool both = !strcmp(whom, "both");

	if (both || !strcmp(whom, "sup"))
		kill(sup, at_signal);
	if (!strcmp(whom, "group"))
		kill(-group, at_signal);
	if (both || !strcmp(whom, "worker"))
		kill(worker, at_signal);
}

/* A grandchild in a session of its own: nobody waits for it, or for what it has open. */
static void killat_helper(pid_t sup)
{
	static const struct timespec nap = { .tv_nsec = 200000 };
	pid_t pid = fork();

	if (pid < 0)
		abort();
	if (pid) {
		waitpid(pid, NULL, 0);
		return;
	}
	if (setsid() < 0 || fork())
		_exit(0);
	for (int fd = 0; fd < FDS; fd++)
		close(fd);
	while (!kill(sup, 0)) {
		if (shared->worker) {
			killat_signal(sup, shared->worker);
			shared->worker = 0;
		}
		syscall(SYS_nanosleep, &nap, NULL);
	}
	_exit(0);
}

__attribute__((constructor)) static void killat_init(void)
{
	const char *where = getenv("KILLAT"), *file = getenv("KILLAT_LOG");
	const char *how = getenv("KILLAT_SIGNAL");

	supervisor = getpid();
	group = getpgrp();
	snprintf(at, sizeof(at), "%s", where ? where : "");
	if (how && sscanf(how, "%d %7s %d", &at_signal, whom, &to_fire) < 2)
		abort();
	if (file)
		killat_log_open(file);
	if (!where)
		return;
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		abort();
	killat_helper(supervisor);
}

static void killat_fire(void)
{
	static const struct timespec nap = { .tv_nsec = 200000 };

	shared->worker = getpid();
	/* with the supervisor the helper goes, too */
	while (shared->worker && getppid() == supervisor)
		syscall(SYS_nanosleep, &nap, NULL);
}

/* The worker's own children look for users of the card, and change nothing. */
static bool killat_is_worker(void)
{
	static pid_t self;
	static bool is;

	if (self != getpid()) {
		self = getpid();
		is = self != supervisor && getppid() == supervisor;
	}
	return is;
}

static void killat_log(const char *line)
{
	size_t n = strlen(line);

	if (!log_text || log_len + n + 2 > LOG_SIZE)
		return;
	memcpy(log_text + log_len, line, n);
	log_text[log_len + n] = '\n';
	log_len += n + 1;
}

/* Is the call of this line the one that is meant? */
static bool killat_is(const char *line)
{
	size_t n = strlen(at);
	bool is = next_one;

	if (at[0] == '+')
		next_one = strstr(line, at + 1);
	else if (at[0] == '@')
		is = strstr(line, at + 1);
	else
		is = n && !strncmp(line, at, n) && line[n] == ' ';
	return is;
}

__attribute__((format(printf, 2, 3)))
static void killat(char class, const char *fmt, ...)
{
	char line[160];
	va_list ap;
	int n;

	if (!class || !killat_is_worker())
		return;
	n = snprintf(line, sizeof(line), "%c%u ", class, ++counted[(int)class]);
	va_start(ap, fmt);
	vsnprintf(line + n, sizeof(line) - (size_t)n, fmt, ap);
	va_end(ap);
	line[strcspn(line, "\n")] = '\0';
	killat_log(line);
	firing |= killat_is(line);
	if (firing && to_fire-- > 0)
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
	if (!strncmp(path_of(fd), "trace-", 6))
		return 0;
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

	killat(class_of(fd), "truncate %s %ld", path_of(fd), (long)size);
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
