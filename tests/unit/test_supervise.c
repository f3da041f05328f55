// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The supervisor with real processes: every case runs with io_uring and with poll(2).
 * Times are compared with each other, or with bounds no healthy machine comes near.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/fs.h>
#include <linux/seccomp.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "run/channel.h"
#include "run/lock.h"
#include "run/loop.h"
#include "run/supervise.h"

#define MS 1000ULL
#define MAX_JOBS 100
#define LONG_REPORT (300 * 1024)

struct rig {
	enum loop_kind kind;
	char dir[64];                   /* holds everything; removed at the end */
	char run_dir[96];
	char mark[96];                  /* a file a worker makes to be seen */
	char mount[96];                 /* "": nothing mounted */
	struct job job[MAX_JOBS];
	struct supervise_opts opts;
	struct err err;
};

static uint64_t clock_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static void pause_ms(unsigned int ms)
{
	struct timespec ts = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };

	while (nanosleep(&ts, &ts) < 0 && errno == EINTR)
		continue;
}

static bool have_ring(void)
{
	struct pollfd fd;
	struct loop loop = { .ops = &loop_uring, .fds = &fd, .room = 1 };

	if (loop_uring.open(&loop) < 0)
		return false;
	loop_uring.close(&loop);
	return true;
}

static int setup(void **state)
{
	enum loop_kind kind = *(const enum loop_kind *)*state;
	struct rig *rig = calloc(1, sizeof(*rig));

	if (!rig)
		return -1;
	rig->kind = kind;
	strcpy(rig->dir, "/tmp/gpureset-supervise-XXXXXX");
	if (!mkdtemp(rig->dir)) {
		free(rig);
		return -1;
	}
	snprintf(rig->run_dir, sizeof(rig->run_dir), "%s/run", rig->dir);
	snprintf(rig->mark, sizeof(rig->mark), "%s/mark", rig->dir);
	rig->opts.run_dir = rig->run_dir;
	rig->opts.loop = kind;
	for (size_t i = 0; i < MAX_JOBS; i++) {
		rig->job[i].slot = (struct bdf){ .bus = (uint8_t)(i + 11) };
		rig->job[i].arg = rig;
	}
	*state = rig;
	return 0;
}

static void remove_all(const char *dir)
{
	char path[400];
	struct dirent *de;
	DIR *d = opendir(dir);

	while (d && (de = readdir(d))) {
		if (!strcmp(de->d_name, ".") || !strcmp(de->d_name, ".."))
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, de->d_name);
		if (unlink(path) < 0)
			remove_all(path);
	}
	if (d)
		closedir(d);
	rmdir(dir);
}

static void free_reports(struct rig *rig)
{
	for (size_t i = 0; i < MAX_JOBS; i++) {
		free(rig->job[i].report);
		rig->job[i].report = NULL;
	}
}

static void thaw(struct rig *rig)
{
	int fd = open(rig->mount, O_RDONLY | O_CLOEXEC);

	if (fd >= 0) {
		ioctl(fd, FITHAW, 0);
		close(fd);
	}
}

static int teardown(void **state)
{
	struct rig *rig = *state;

	if (rig->mount[0]) {
		thaw(rig);
		for (int i = 0; i < 50 && umount(rig->mount) < 0; i++)
			pause_ms(100);
	}
	/* Left-behind workers are our children; those that have ended are reaped here. */
	while (waitpid(-1, NULL, WNOHANG) > 0)
		continue;
	free_reports(rig);
	remove_all(rig->dir);
	free(rig);
	return 0;
}

/* Run @n jobs that all do @work unless they have their own. */
static int run_jobs(struct rig *rig, size_t n,
		    int (*work)(struct job *, struct channel *))
{
	int rc;

	free_reports(rig);
	for (size_t i = 0; i < n; i++)
		if (!rig->job[i].work)
			rig->job[i].work = work;
	rc = supervise(rig->job, n, &rig->opts, &rig->err);
	assert_false(supervise_stopped());
	if (rig->kind != LOOP_AUTO && rc == 0)
		assert_string_equal(supervise_loop(),
				    rig->kind == LOOP_POLL ? "poll" : "io_uring");
	return rc;
}

static void assert_why(const struct job *job, const char *part)
{
	if (!strstr(job->why, part))
		fail_msg("why is \"%s\", wanted in it: \"%s\"", job->why, part);
}

static bool wait_for(const char *path)
{
	for (int i = 0; i < 200; i++, pause_ms(50))
		if (access(path, F_OK) == 0)
			return true;
	return false;
}

static int worker_pid(const struct job *job)
{
	int pid = 0;

	if (sscanf(job->why, "worker %d", &pid) != 1)
		fail_msg("no worker named in \"%s\"", job->why);
	return pid;
}

/* --- what workers do --------------------------------------------------------------- */

static int work_nothing(struct job *job, struct channel *ch)
{
	(void)job;
	(void)ch;
	return EXIT_HEALTHY;
}

static int work_sleep_300(struct job *job, struct channel *ch)
{
	(void)job;
	channel_step(ch, "sleep", 300 * MS);
	pause_ms(300);
	return EXIT_HEALTHY;
}

static int work_long_report(struct job *job, struct channel *ch)
{
	char line[32];
	char *all = malloc(LONG_REPORT);

	(void)job;
	if (!all)
		return EXIT_FAILED;
	for (size_t i = 0; i < LONG_REPORT; i++)
		all[i] = (char)('a' + i % 26 + i / 4096 % 3);
	channel_report(ch, all, LONG_REPORT);
	for (int i = 0; i < 1000; i++)
		channel_report(ch, line, (size_t)snprintf(line, sizeof(line), "%d\n", i));
	free(all);
	return EXIT_LOST;
}

static int work_notes(struct job *job, struct channel *ch)
{
	char text[10001];

	(void)job;
	for (int i = 0; i < 500; i++) {
		snprintf(text, sizeof(text), "note %d", i);
		channel_note(ch, text);
	}
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	channel_note(ch, text);
	channel_note(ch, "");
	return EXIT_HEALTHY;
}

static int work_segv(struct job *job, struct channel *ch)
{
	(void)job;
	channel_step(ch, "write 1 to reset", 0);
	signal(SIGSEGV, SIG_DFL);       /* the sanitizer has its own idea */
	raise(SIGSEGV);
	return EXIT_HEALTHY;
}

static int work_kill(struct job *job, struct channel *ch)
{
	(void)job;
	channel_report(ch, "so far", 6);
	raise(SIGKILL);
	return EXIT_HEALTHY;
}

static int work_exit(struct job *job, struct channel *ch)
{
	(void)job;
	channel_step(ch, "look around", 0);
	_exit(0);
}

static int work_nonsense(struct job *job, struct channel *ch)
{
	(void)job;
	(void)ch;
	return 4711;
}

static int work_until_stop(struct job *job, struct channel *ch)
{
	(void)job;
	channel_step(ch, "wait for link", 65000 * MS);
	channel_note(ch, "started");
	while (!channel_stop(ch))
		pause_ms(5);
	channel_report(ch, "undone", 6);
	return EXIT_NO_METHOD;
}

/* Undoing takes a while: removed functions are waited for. */
static int work_long_undo(struct job *job, struct channel *ch)
{
	(void)job;
	while (!channel_stop(ch))
		pause_ms(5);
	pause_ms(1200);
	channel_report(ch, "undone", 6);
	return EXIT_FAILED;
}

static int work_never_stop(struct job *job, struct channel *ch)
{
	volatile unsigned int i = 0;

	(void)job;
	channel_step(ch, "count", 0);
	channel_note(ch, "started");
	for (;;)
		i = i + 1;
	return EXIT_HEALTHY;
}

/* Ends by itself, in case the test cannot end it. */
static int work_deaf(struct job *job, struct channel *ch)
{
	(void)job;
	channel_step(ch, "not listening", 0);
	channel_note(ch, "started");
	for (int i = 0; i < 300; i++)
		pause_ms(100);
	return EXIT_HEALTHY;
}

static void make_mark(const struct rig *rig)
{
	int fd = open(rig->mark, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	if (fd >= 0)
		close(fd);
}

/*
 * The parent of a vfork() is in state D until the child ends, and no signal it can
 * handle wakes it: like a stuck write, but one that a test can end, by killing the
 * child, which is in the worker's process group.
 */
static int work_vfork(struct job *job, struct channel *ch)
{
	static const struct timespec long_time = { .tv_sec = 60 };
	pid_t child;

	channel_step(ch, "write 1 to reset of 0000:0b:00.0", 65000 * MS);
	child = vfork();        /* NOLINT: vfork is the point */
	if (child == 0) {
		syscall(SYS_nanosleep, &long_time, NULL);       /* NOLINT */
		syscall(SYS_exit, 0);                           /* NOLINT */
	}
	/* The supervisor is gone or deaf: words vanish, the work is finished. */
	channel_note(ch, "is anybody there?");
	channel_report(ch, "undone", 6);
	if (channel_stop(ch))
		make_mark(job->arg);
	return EXIT_HEALTHY;
}

static int work_frozen_write(struct job *job, struct channel *ch)
{
	struct rig *rig = job->arg;
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/file", rig->mount);
	fd = open(path, O_RDWR | O_CLOEXEC);
	channel_step(ch, "write to a frozen file system", 0);
	if (fd < 0 || write(fd, "x", 1) != 1)
		return EXIT_FAILED;
	make_mark(rig);
	return EXIT_HEALTHY;
}

static int work_list_fds(struct job *job, struct channel *ch)
{
	char path[300], link[300], line[620];
	DIR *d = opendir("/proc/self/fd");
	struct dirent *de;
	ssize_t n;

	(void)job;
	while (d && (de = readdir(d))) {
		snprintf(path, sizeof(path), "/proc/self/fd/%s", de->d_name);
		n = readlink(path, link, sizeof(link) - 1);
		if (n < 0 || atoi(de->d_name) == dirfd(d))
			continue;
		link[n] = '\0';
		n = snprintf(line, sizeof(line), "%s %s\n", de->d_name, link);
		channel_report(ch, line, (size_t)n);
	}
	if (d)
		closedir(d);
	pause_ms(100);
	return EXIT_HEALTHY;
}

static int work_name(struct job *job, struct channel *ch)
{
	char name[17] = "";

	(void)job;
	prctl(PR_GET_NAME, name);
	channel_report(ch, name, strlen(name));
	return EXIT_HEALTHY;
}

static int work_wait_1300(struct job *job, struct channel *ch)
{
	(void)job;
	channel_step(ch, "link is up", 64500 * MS);
	pause_ms(1300);
	return EXIT_HEALTHY;
}

static int work_wait_2300(struct job *job, struct channel *ch)
{
	(void)job;
	channel_step(ch, "link is up", 64500 * MS);
	pause_ms(2300);
	return EXIT_HEALTHY;
}

static int work_outlive(struct job *job, struct channel *ch)
{
	channel_note(ch, "started");
	for (int i = 0; i < 150; i++) {
		pause_ms(10);
		channel_note(ch, "still here");
	}
	make_mark(job->arg);
	return EXIT_HEALTHY;
}

/* --- results ----------------------------------------------------------------------- */

static void test_no_jobs(void **state)
{
	assert_int_equal(run_jobs(*state, 0, work_nothing), 0);
}

static void test_parallel(void **state)
{
	struct rig *rig = *state;
	uint64_t start = clock_us(), one;

	assert_int_equal(run_jobs(rig, 1, work_sleep_300), 0);
	one = clock_us() - start;
	start = clock_us();
	assert_int_equal(run_jobs(rig, 8, work_sleep_300), 0);
	assert_true(clock_us() - start < 3 * one);
	for (int i = 0; i < 8; i++) {
		assert_int_equal(rig->job[i].status, EXIT_HEALTHY);
		assert_string_equal(rig->job[i].why, "");
		assert_true(rig->job[i].took_us >= 290 * MS);
	}
}

static void test_many(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(run_jobs(rig, MAX_JOBS, work_sleep_300), 0);
	for (int i = 0; i < MAX_JOBS; i++)
		assert_int_equal(rig->job[i].status, EXIT_HEALTHY);
}

static void test_long_report(void **state)
{
	struct rig *rig = *state;
	const struct job *job = &rig->job[1];

	assert_int_equal(run_jobs(rig, 2, work_long_report), 0);
	assert_int_equal(job->status, EXIT_LOST);
	assert_int_equal(job->report_len, LONG_REPORT + 3890);
	for (size_t i = 0; i < LONG_REPORT; i++)
		if (job->report[i] != (char)('a' + i % 26 + i / 4096 % 3))
			fail_msg("byte %zu of the report is wrong", i);
	assert_string_equal(job->report + job->report_len - 8, "998\n999\n");
}

static void test_notes(void **state)
{
	struct rig *rig = *state;
	char *text = NULL, want[32], *at;
	size_t len = 0;

	rig->opts.notes_to = open_memstream(&text, &len);
	assert_non_null(rig->opts.notes_to);
	assert_int_equal(run_jobs(rig, 1, work_notes), 0);
	fclose(rig->opts.notes_to);
	at = text;
	for (int i = 0; i < 500; i++) {
		int n = snprintf(want, sizeof(want), "note %d\n", i);

		assert_memory_equal(at, want, (size_t)n);
		at += n;
	}
	assert_int_equal(strspn(at, "x"), 10000);
	assert_string_equal(at + 10000, "\n\n");
	free(text);
}

static void test_died(void **state)
{
	struct rig *rig = *state;
	struct job *job = rig->job;

	job[0].work = work_segv;
	job[1].work = work_kill;
	job[2].work = work_exit;
	job[3].work = work_nonsense;
	assert_int_equal(run_jobs(rig, 5, work_sleep_300), 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(job[i].status, EXIT_FAILED);
	assert_why(&job[0], "died of signal 11");
	assert_why(&job[0], "in step 'write 1 to reset'");
	assert_why(&job[0], "0000:0b:00");
	assert_why(&job[1], "died of signal 9");
	assert_why(&job[1], "before its first step");
	assert_string_equal(job[1].report, "so far");
	assert_why(&job[2], "without a result in step 'look around'");
	assert_int_equal(job[4].status, EXIT_HEALTHY);
}

static void test_ignored_sigchld(void **state)
{
	struct rig *rig = *state;

	signal(SIGCHLD, SIG_IGN);
	assert_int_equal(run_jobs(rig, 2, work_sleep_300), 0);
	assert_ptr_equal(signal(SIGCHLD, SIG_DFL), SIG_IGN);
	assert_int_equal(rig->job[1].status, EXIT_HEALTHY);
}

static void test_name(void **state)
{
	struct rig *rig = *state;

	rig->job[1].slot.domain = 0x10000;
	assert_int_equal(run_jobs(rig, 2, work_name), 0);
	assert_string_equal(rig->job[0].report, "gpureset 0b:00");
	assert_string_equal(rig->job[1].report, "10000:0c:00");
}

/* --- deadlines --------------------------------------------------------------------- */

static void test_timeout_cooperative(void **state)
{
	struct rig *rig = *state;

	rig->opts.timeout_us = 200 * MS;
	rig->opts.grace_us = 20000 * MS;
	assert_int_equal(run_jobs(rig, 2, work_until_stop), 0);
	assert_int_equal(rig->job[0].status, EXIT_NO_METHOD);
	assert_string_equal(rig->job[0].report, "undone");
	assert_string_equal(rig->job[0].why, "");
	assert_true(rig->job[0].took_us >= 200 * MS);
}

/* No deadline for the job, but the step says how long it may take. */
static int work_overdue(struct job *job, struct channel *ch)
{
	(void)job;
	channel_step(ch, "quick", 100 * MS);
	channel_step(ch, "wait for link", 100 * MS);
	while (!channel_stop(ch))
		pause_ms(5);
	return EXIT_FAILED;
}

static int work_in_time(struct job *job, struct channel *ch)
{
	(void)job;
	for (int i = 0; i < 5; i++) {
		channel_step(ch, "step", 100 * MS);
		pause_ms(100);
	}
	return channel_stop(ch) ? EXIT_FAILED : EXIT_HEALTHY;
}

static void test_overdue(void **state)
{
	struct rig *rig = *state;

	rig->opts.slack_us = 300 * MS;
	rig->opts.grace_us = 20000 * MS;
	rig->job[0].work = work_overdue;
	assert_int_equal(run_jobs(rig, 2, work_in_time), 0);
	assert_int_equal(rig->job[0].status, EXIT_FAILED);
	assert_string_equal(rig->job[0].why, "");
	assert_int_equal(rig->job[1].status, EXIT_HEALTHY);
}

static void test_timeout_undo(void **state)
{
	struct rig *rig = *state;

	rig->opts.timeout_us = 100 * MS;
	rig->opts.grace_us = 100 * MS;
	rig->opts.undo_us = 60000 * MS;
	assert_int_equal(run_jobs(rig, 1, work_long_undo), 0);
	assert_string_equal(rig->job[0].report, "undone");
	assert_string_equal(rig->job[0].why, "");
	/* without that time it is killed in the middle */
	rig->opts.undo_us = 0;
	assert_int_equal(run_jobs(rig, 1, work_long_undo), 0);
	assert_why(&rig->job[0], "was killed after");
}

static void test_timeout_kill(void **state)
{
	struct rig *rig = *state;

	rig->opts.timeout_us = 2000 * MS;
	rig->opts.grace_us = 100 * MS;
	rig->job[0].work = work_never_stop;
	assert_int_equal(run_jobs(rig, 3, work_sleep_300), 0);
	assert_int_equal(rig->job[0].status, EXIT_FAILED);
	assert_why(&rig->job[0], "was killed after");
	assert_why(&rig->job[0], "in step 'count'");
	assert_why(&rig->job[0], "run 'gpureset 0000:0b:00' again");
	assert_int_equal(rig->job[1].status, EXIT_HEALTHY);
	assert_int_equal(rig->job[2].status, EXIT_HEALTHY);
	assert_true(rig->job[1].took_us < rig->job[0].took_us);
	/* Reaped, not only killed. */
	assert_int_equal(kill(worker_pid(&rig->job[0]), 0), -1);
}

/* The lock of the stuck job 0: held, and the next one is told by whom. */
static void assert_locked(struct rig *rig, int pid)
{
	char want[64];

	snprintf(want, sizeof(want), "busy: worker %d has been resetting 0000:0b:00",
		 pid);
	assert_int_equal(lock_take(rig->run_dir, rig->job[0].slot, &rig->err),
			 -EWOULDBLOCK);
	assert_non_null(strstr(rig->err.text, want));
	rig->job[0].work = work_nothing;
	assert_int_equal(run_jobs(rig, 1, work_nothing), 0);
	assert_int_equal(rig->job[0].status, EXIT_BUSY);
	assert_why(&rig->job[0], want);
}

static void assert_unlocks(struct rig *rig)
{
	int fd = -1;

	for (int i = 0; i < 100 && fd < 0; i++, pause_ms(50))
		fd = lock_take(rig->run_dir, rig->job[0].slot, &rig->err);
	assert_true(fd >= 0);
	close(fd);
}

static int run_stuck(struct rig *rig, int (*work)(struct job *, struct channel *))
{
	uint64_t start = clock_us();

	/* Late enough for the others to be done on a slow machine. */
	rig->opts.timeout_us = 3000 * MS;
	rig->opts.grace_us = 100 * MS;
	rig->job[0].work = work;
	assert_int_equal(run_jobs(rig, 3, work_sleep_300), 0);
	assert_true(clock_us() - start < 30000 * MS);
	assert_int_equal(rig->job[0].status, EXIT_STUCK);
	assert_int_equal(rig->job[1].status, EXIT_HEALTHY);
	assert_int_equal(rig->job[2].status, EXIT_HEALTHY);
	assert_why(&rig->job[0], "state D");
	assert_why(&rig->job[0], "the card stays locked");
	print_message("# %s\n", rig->job[0].why);
	return worker_pid(&rig->job[0]);
}

static void test_stuck_vfork(void **state)
{
	struct rig *rig = *state;
	int pid = run_stuck(rig, work_vfork);

	assert_why(&rig->job[0], "still in step 'write 1 to reset of 0000:0b:00.0' "
		   "after");
	assert_locked(rig, pid);
	assert_int_equal(kill(-pid, SIGKILL), 0);
	assert_unlocks(rig);
}

/* A pid in the process group of @worker that is not the worker: its vfork child. */
static int child_of(int worker)
{
	char path[64], text[64] = "";
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", worker, worker);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	if (read(fd, text, sizeof(text) - 1) < 0)
		text[0] = '\0';
	close(fd);
	return atoi(text);
}

/* The kernel is done after all: the worker finishes silently and unlocks. */
static void test_stuck_goes_on(void **state)
{
	struct rig *rig = *state;
	int pid = run_stuck(rig, work_vfork), child = child_of(pid);

	if (child <= 0) {
		kill(-pid, SIGKILL);
		print_message("skip: no /proc/PID/task/PID/children\n");
		skip();
	}
	assert_int_equal(access(rig->mark, F_OK), -1);
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_true(wait_for(rig->mark));
	assert_unlocks(rig);
}

/* NULL when a small file system is mounted, else the reason why not. */
static const char *mount_small(struct rig *rig)
{
	char cmd[400], file[128];
	int fd;

	if (geteuid() != 0)
		return "not root";
	snprintf(cmd, sizeof(cmd), "PATH=$PATH:/usr/sbin:/sbin; cd %s && mkdir mnt && "
		 "truncate -s 8M img && mkfs.ext4 -q -F img && "
		 "mount -o loop img mnt 2>/dev/null", rig->dir);
	if (system(cmd) != 0)   /* NOLINT: a test, with a path of its own */
		return "no ext4 on a loop device here";
	snprintf(rig->mount, sizeof(rig->mount), "%s/mnt", rig->dir);
	snprintf(file, sizeof(file), "%s/file", rig->mount);
	fd = open(file, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0 || ioctl(fd, FIFREEZE, 0) < 0) {
		if (fd >= 0)
			close(fd);
		return "the file system cannot be frozen";
	}
	close(fd);
	return NULL;
}

/* Really uninterruptible: not even SIGKILL ends it. */
static void test_stuck_frozen(void **state)
{
	struct rig *rig = *state;
	const char *why_not = mount_small(rig);
	int pid;

	if (why_not) {
		print_message("skip: %s\n", why_not);
		skip();
	}
	pid = run_stuck(rig, work_frozen_write);
	assert_locked(rig, pid);
	thaw(rig);
	assert_true(wait_for(rig->mark));
	assert_unlocks(rig);
}

/* --- signals: in a process of its own, which sends back what supervise() filled -- */

static const int stops[] = { SIGTERM, SIGINT, SIGHUP };
#define N_STOPS (sizeof(stops) / sizeof(*stops))

struct sent_back {
	int rc, status;
	bool mask_kept, deaf;   /* but for the stop signals; these blocked */
	bool asked;             /* supervise_stopped() */
	char loop[16];
	char why[ERR_TEXT], report[64];
};

struct harness {
	pid_t pid;
	int notes, result;      /* read ends */
};

static void harness_run(struct rig *rig, int notes, int result,
			int (*work)(struct job *, struct channel *))
{
	struct sent_back back = { 0 };
	sigset_t before, now;

	sigprocmask(SIG_SETMASK, NULL, &before);
	rig->opts.notes_to = fdopen(notes, "w");
	rig->job[0].work = work;
	back.rc = supervise(rig->job, 1, &rig->opts, &rig->err);
	back.asked = supervise_stopped();
	sigprocmask(SIG_SETMASK, NULL, &now);
	back.deaf = true;
	for (size_t i = 0; i < N_STOPS; i++)
		back.deaf &= sigismember(&now, stops[i]);
	for (size_t i = 0; back.deaf && i < N_STOPS; i++)
		sigdelset(&now, stops[i]);
	back.mask_kept = true;
	for (int i = 1; i < 32; i++)
		back.mask_kept &= sigismember(&before, i) == sigismember(&now, i);
	back.status = rig->job[0].status;
	snprintf(back.loop, sizeof(back.loop), "%s", supervise_loop());
	snprintf(back.why, sizeof(back.why), "%s",
		 back.rc < 0 ? rig->err.text : rig->job[0].why);
	if (rig->job[0].report)
		snprintf(back.report, sizeof(back.report), "%s", rig->job[0].report);
	if (write(result, &back, sizeof(back)) != (ssize_t)sizeof(back))
		_exit(1);
	_exit(0);
}

static struct harness harness_start(struct rig *rig, int (*work)(struct job *,
							       struct channel *),
				    void (*before)(int), int arg)
{
	int notes[2], result[2];
	struct harness h;

	assert_int_equal(pipe2(notes, O_CLOEXEC), 0);
	assert_int_equal(pipe2(result, O_CLOEXEC), 0);
	h.pid = fork();
	assert_true(h.pid >= 0);
	if (h.pid == 0) {
		close(notes[0]);
		close(result[0]);
		if (before)
			before(arg);
		harness_run(rig, notes[1], result[1], work);
	}
	close(notes[1]);
	close(result[1]);
	h.notes = notes[0];
	h.result = result[0];
	return h;
}

/* The worker has said "started". */
static void harness_wait_note(const struct harness *h)
{
	char text[64] = "";

	assert_true(read(h->notes, text, sizeof(text) - 1) > 0);
	assert_memory_equal(text, "started", 7);
}

static struct sent_back harness_end(const struct harness *h)
{
	struct sent_back back = { 0 };
	int status = 0;

	assert_int_equal(read(h->result, &back, sizeof(back)), sizeof(back));
	close(h->notes);
	close(h->result);
	assert_int_equal(waitpid(h->pid, &status, 0), h->pid);
	return back;
}

static void test_signal_forwarded(void **state)
{
	struct rig *rig = *state;

	rig->opts.grace_us = 20000 * MS;
	for (size_t i = 0; i < N_STOPS; i++) {
		struct harness h = harness_start(rig, work_until_stop, NULL, 0);
		struct sent_back back;

		harness_wait_note(&h);
		kill(h.pid, stops[i]);
		back = harness_end(&h);
		assert_int_equal(back.rc, 0);
		assert_int_equal(back.status, EXIT_NO_METHOD);
		assert_string_equal(back.report, "undone");
		assert_true(back.mask_kept && back.deaf && back.asked);
	}
}

static void test_signal_grace(void **state)
{
	struct rig *rig = *state;
	struct sent_back back;
	struct harness h;

	rig->opts.grace_us = 200 * MS;
	h = harness_start(rig, work_never_stop, NULL, 0);
	harness_wait_note(&h);
	kill(h.pid, SIGTERM);
	back = harness_end(&h);
	assert_int_equal(back.status, EXIT_FAILED);
	assert_non_null(strstr(back.why, "was killed after"));
}

static void test_second_signal(void **state)
{
	struct rig *rig = *state;
	uint64_t start = clock_us();
	struct sent_back back;
	struct harness h;
	int pid = 0;

	rig->opts.grace_us = 25000 * MS;
	h = harness_start(rig, work_deaf, NULL, 0);
	harness_wait_note(&h);
	kill(h.pid, SIGTERM);
	pause_ms(100);
	kill(h.pid, SIGTERM);
	back = harness_end(&h);
	assert_true(clock_us() - start < 15000 * MS);
	assert_int_equal(back.status, EXIT_STUCK);
	assert_non_null(strstr(back.why, "second signal"));
	/* Left alone: it lives, and the lock with it. */
	assert_int_equal(sscanf(back.why, "worker %d", &pid), 1);
	assert_int_equal(kill(pid, 0), 0);
	assert_locked(rig, pid);
	kill(pid, SIGKILL);
	assert_unlocks(rig);
}

static void ignore_hup(int unused)
{
	(void)unused;
	signal(SIGHUP, SIG_IGN);
}

/* nohup: what the caller ignores does not stop anything. */
static void test_ignored_signal(void **state)
{
	struct rig *rig = *state;
	struct harness h = harness_start(rig, work_until_stop, ignore_hup, 0);
	struct pollfd fd = { .fd = h.result, .events = POLLIN };

	harness_wait_note(&h);
	kill(h.pid, SIGHUP);
	assert_int_equal(poll(&fd, 1, 300), 0);
	kill(h.pid, SIGTERM);
	assert_int_equal(harness_end(&h).status, EXIT_NO_METHOD);
}

static int terminal_master;

static void own_terminal(int slave)
{
	close(terminal_master);
	setsid();
	if (ioctl(slave, TIOCSCTTY, 0) < 0)
		_exit(98);
	dup2(slave, STDOUT_FILENO);
	close(slave);
}

/* The terminal goes away (a window closed, ssh ended): SIGHUP, and output to nowhere. */
static void test_terminal_closes(void **state)
{
	struct rig *rig = *state;
	struct sent_back back;
	struct harness h;
	int slave;

	rig->opts.grace_us = 20000 * MS;
	assert_int_equal(openpty(&terminal_master, &slave, NULL, NULL, NULL), 0);
	h = harness_start(rig, work_until_stop, own_terminal, slave);
	close(slave);
	harness_wait_note(&h);
	close(terminal_master);
	back = harness_end(&h);
	assert_int_equal(back.status, EXIT_NO_METHOD);
	assert_string_equal(back.report, "undone");
}

static void test_supervisor_dies(void **state)
{
	struct rig *rig = *state;
	struct harness h = harness_start(rig, work_outlive, NULL, 0);

	harness_wait_note(&h);
	kill(h.pid, SIGKILL);
	assert_int_equal(waitpid(h.pid, NULL, 0), h.pid);
	close(h.notes);
	close(h.result);
	assert_int_equal(access(rig->mark, F_OK), -1);
	assert_true(wait_for(rig->mark));
	assert_unlocks(rig);
}

/* --- descriptors ------------------------------------------------------------------- */

/* How many lines of @list end with a link that contains @part and is not in @known. */
static int count_links(const char *list, const char *part, const char *known)
{
	char *copy = strdup(list), *save = NULL, *line, *link;
	int n = 0;

	assert_non_null(copy);
	for (line = strtok_r(copy, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		link = strchr(line, ' ') + 1;
		n += strstr(link, part) && !strstr(known, link);
	}
	free(copy);
	return n;
}

static void list_own_links(char *buf, size_t room)
{
	char path[64], link[200];
	size_t at = 0;
	ssize_t n;

	buf[0] = '\0';
	for (int fd = 0; fd < 1024; fd++) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		n = readlink(path, link, sizeof(link) - 1);
		if (n < 0 || at + (size_t)n + 2 > room)
			continue;
		link[n] = '\0';
		at += (size_t)snprintf(buf + at, room - at, "%s\n", link);
	}
}

static void test_descriptors(void **state)
{
	struct rig *rig = *state;
	char known[4096];

	list_own_links(known, sizeof(known));
	assert_int_equal(run_jobs(rig, 4, work_list_fds), 0);
	for (int i = 0; i < 4; i++) {
		const char *list = rig->job[i].report;

		assert_non_null(list);
		assert_non_null(strstr(list, "0 /dev/null\n"));
		assert_non_null(strstr(list, "1 /dev/null\n"));
		assert_non_null(strstr(list, "2 /dev/null\n"));
		if (count_links(list, "pipe:", known) != 1)
			fail_msg("the worker has:\n%s\nknown:\n%s", list, known);
		assert_int_equal(count_links(list, ".lock", known), 1);
		assert_null(strstr(list, "io_uring"));
		assert_null(strstr(list, "pidfd"));
		assert_null(strstr(list, "signalfd"));
	}
}

static void output_to(int fd)
{
	dup2(fd, STDOUT_FILENO);
	dup2(fd, STDERR_FILENO);
	close(fd);
}

/* The hook's pipe ends with the supervisor, although the worker is stuck. */
static void test_output_not_held(void **state)
{
	struct rig *rig = *state;
	struct sent_back back;
	struct harness h;
	int out[2], pid = 0;
	struct pollfd fd;
	char c;

	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	rig->opts.timeout_us = 300 * MS;
	rig->opts.grace_us = 100 * MS;
	h = harness_start(rig, work_vfork, output_to, out[1]);
	close(out[1]);
	back = harness_end(&h);
	assert_int_equal(back.status, EXIT_STUCK);
	assert_int_equal(sscanf(back.why, "worker %d", &pid), 1);
	fd = (struct pollfd){ .fd = out[0], .events = POLLIN };
	assert_int_equal(poll(&fd, 1, 10000), 1);
	assert_int_equal(read(out[0], &c, 1), 0);
	assert_int_equal(kill(pid, 0), 0);
	close(out[0]);
	kill(-pid, SIGKILL);
	assert_unlocks(rig);
}

static void close_std(int unused)
{
	(void)unused;
	for (int fd = 0; fd < 3; fd++)
		close(fd);
}

static void test_closed_std(void **state)
{
	struct rig *rig = *state;
	struct harness h = harness_start(rig, work_name, close_std, 0);
	struct sent_back back = harness_end(&h);

	assert_int_equal(back.rc, 0);
	assert_int_equal(back.status, EXIT_HEALTHY);
	assert_string_equal(back.report, "gpureset 0b:00");
}

/* --- the ring that is not there ---------------------------------------------------- */

/* A real refusal by the kernel: system call @what >> 16 fails with errno @what. */
static void deny(int what)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned int)what >> 16, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (what & 0xffff)),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { sizeof(code) / sizeof(*code), code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) < 0)
		_exit(9);
}

static void test_ring_refused(void **state)
{
	static const int codes[] = { EPERM, ENOSYS, ENOMEM };
	struct rig *rig = *state;

	for (size_t i = 0; i < 3; i++) {
		int what = SYS_io_uring_setup << 16 | codes[i];
		struct sent_back back;
		struct harness h;

		rig->opts.loop = LOOP_AUTO;
		h = harness_start(rig, work_sleep_300, deny, what);
		back = harness_end(&h);
		assert_int_equal(back.rc, 0);
		assert_int_equal(back.status, EXIT_HEALTHY);
		assert_string_equal(back.loop, "poll");
		rig->opts.loop = LOOP_URING;
		h = harness_start(rig, work_sleep_300, deny, what);
		back = harness_end(&h);
		assert_int_equal(back.rc, -codes[i]);
		assert_non_null(strstr(back.why, "io_uring"));
	}
}

/* A ring that fails only when used: the workers run already, poll(2) takes over. */
static void test_ring_breaks(void **state)
{
	struct rig *rig = *state;
	struct sent_back back;
	struct harness h;

	rig->opts.loop = LOOP_AUTO;
	h = harness_start(rig, work_sleep_300, deny, SYS_io_uring_enter << 16 | EACCES);
	back = harness_end(&h);
	assert_int_equal(back.rc, 0);
	assert_int_equal(back.status, EXIT_HEALTHY);
	assert_string_equal(back.loop, "poll");
}

/* --- progress ---------------------------------------------------------------------- */

static void test_progress_log(void **state)
{
	struct rig *rig = *state;
	char *text = NULL;
	size_t len = 0;

	rig->opts.progress = true;
	rig->opts.progress_to = open_memstream(&text, &len);
	assert_non_null(rig->opts.progress_to);
	assert_int_equal(run_jobs(rig, 1, work_wait_1300), 0);
	fclose(rig->opts.progress_to);
	assert_string_equal(text, "0000:0b:00: waiting: link is up (1 s of at most "
			    "65 s)\n");
	free(text);
}

static void test_progress_short(void **state)
{
	struct rig *rig = *state;
	char *text = NULL;
	size_t len = 0;

	rig->opts.progress = true;
	rig->opts.progress_to = open_memstream(&text, &len);
	assert_non_null(rig->opts.progress_to);
	assert_int_equal(run_jobs(rig, 1, work_sleep_300), 0);
	fclose(rig->opts.progress_to);
	assert_int_equal(len, 0);
	free(text);
}

/* A terminal hands on what was written in its own time. */
static void read_terminal(int master, char *buf, size_t room)
{
	struct pollfd fd = { .fd = master, .events = POLLIN };
	size_t at = 0;
	ssize_t n;

	while (at < room - 1 && poll(&fd, 1, 500) > 0) {
		n = read(master, buf + at, room - 1 - at);
		if (n <= 0)
			break;
		at += (size_t)n;
	}
	buf[at] = '\0';
}

static void test_progress_terminal(void **state)
{
	const struct winsize small = { .ws_row = 24, .ws_col = 80 };
	struct rig *rig = *state;
	char text[1024];
	int master, slave;

	if (openpty(&master, &slave, NULL, NULL, &small) < 0) {
		print_message("skip: no pseudo terminal: %s\n", strerror(errno));
		skip();
	}
	rig->opts.progress = true;
	rig->opts.progress_to = fdopen(slave, "w");
	assert_non_null(rig->opts.progress_to);
	assert_int_equal(run_jobs(rig, 3, work_wait_2300), 0);
	read_terminal(master, text, sizeof(text));
	fclose(rig->opts.progress_to);
	close(master);
	assert_non_null(strstr(text, ": waiting: link is up (1 s of 65 s)"));
	assert_non_null(strstr(text, " and 2 more\033[K"));
	assert_null(strchr(text, '\n'));
	assert_string_equal(text + strlen(text) - 4, "\r\033[K");
}

static int work_wait_long(struct job *job, struct channel *ch)
{
	(void)job;
	channel_step(ch, "0000:0b:00.0 wait BACO_CNTL.MODE == 0x1 [bar5+0x5394] within "
		     "5 s", 5000000);
	pause_ms(1300);
	return EXIT_HEALTHY;
}

/* What is waited for, where, the value, and the time fit into 80 columns. */
static void test_progress_narrow(void **state)
{
	const struct winsize small = { .ws_row = 24, .ws_col = 80 };
	struct rig *rig = *state;
	char text[1024];
	int master, slave;

	if (openpty(&master, &slave, NULL, NULL, &small) < 0) {
		print_message("skip: no pseudo terminal: %s\n", strerror(errno));
		skip();
	}
	rig->opts.progress = true;
	rig->opts.progress_to = fdopen(slave, "w");
	assert_non_null(rig->opts.progress_to);
	assert_int_equal(run_jobs(rig, 1, work_wait_long), 0);
	read_terminal(master, text, sizeof(text));
	fclose(rig->opts.progress_to);
	close(master);
	assert_string_equal(text, "\rwaiting: 0000:0b:00.0 wait BACO_CNTL.MODE == 0x1 "
			    "[bar5+0x5394] (1 s of 5 s)\033[K\r\033[K");
}

/* --- locks ------------------------------------------------------------------------- */

static const struct bdf lock_slot = { .bus = 11 };

static void assert_refused(struct rig *rig, const char *part)
{
	int fd = lock_take(rig->run_dir, lock_slot, &rig->err);

	assert_int_equal(fd, -EPERM);
	if (!strstr(rig->err.text, part))
		fail_msg("\"%s\", wanted in it: \"%s\"", rig->err.text, part);
	assert_non_null(strstr(rig->err.text, "run again"));
	assert_int_equal(run_jobs(rig, 1, work_nothing), 0);
	assert_int_equal(rig->job[0].status, EXIT_CONFIG);
	assert_why(&rig->job[0], part);
}

static void test_lock_links(void **state)
{
	struct rig *rig = *state;
	char lock[128];

	snprintf(lock, sizeof(lock), "%s/0000:0b:00.lock", rig->run_dir);
	make_mark(rig);
	assert_int_equal(mkdir(rig->run_dir, 0755), 0);
	assert_int_equal(symlink(rig->mark, lock), 0);
	assert_refused(rig, "is a symbolic link");
	assert_int_equal(unlink(lock), 0);
	assert_int_equal(link(rig->mark, lock), 0);
	assert_refused(rig, "hard links");
	assert_int_equal(unlink(lock), 0);
	assert_int_equal(mkfifo(lock, 0600), 0);
	assert_refused(rig, "not a regular file");
}

static void test_lock_dir(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(symlink(rig->dir, rig->run_dir), 0);
	assert_refused(rig, "not a folder");
	assert_int_equal(unlink(rig->run_dir), 0);
	assert_int_equal(mkdir(rig->run_dir, 0755), 0);
	assert_int_equal(chmod(rig->run_dir, 0757), 0);
	assert_refused(rig, "may be written by others");
	assert_int_equal(chmod(rig->run_dir, 0775), 0);
	assert_refused(rig, "may be written by others");
	assert_int_equal(chmod(rig->run_dir, 0755), 0);
	if (geteuid() == 0) {
		assert_int_equal(chown(rig->run_dir, 65534, 0), 0);
		assert_refused(rig, "belongs to user 65534");
	}
}

static void test_lock_content(void **state)
{
	struct rig *rig = *state;
	struct stat st;
	int fd = lock_take(rig->run_dir, lock_slot, &rig->err);

	assert_true(fd >= 0);
	assert_int_equal(stat(rig->run_dir, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	assert_int_equal(lock_take(rig->run_dir, lock_slot, &rig->err), -EWOULDBLOCK);
	assert_non_null(strstr(rig->err.text, "busy: another gpureset has just begun"));
	/* A holder that is dead, while somebody holds the lock: not named. */
	assert_int_equal(lock_note(fd, 0x3ffffffe), 0);
	assert_int_equal(lock_take(rig->run_dir, lock_slot, &rig->err), -EWOULDBLOCK);
	assert_non_null(strstr(rig->err.text, "another gpureset"));
	close(fd);
	/* And with a free lock its note does not matter. */
	fd = lock_take(rig->run_dir, lock_slot, &rig->err);
	assert_true(fd >= 0);
	assert_int_equal(lock_note(fd, getpid()), 0);
	assert_int_equal(lock_take(rig->run_dir, lock_slot, &rig->err), -EWOULDBLOCK);
	assert_non_null(strstr(rig->err.text, "has been resetting 0000:0b:00 for 0 s"));
	close(fd);
}

static void test_same_slot(void **state)
{
	struct rig *rig = *state;

	rig->job[1].slot = rig->job[0].slot;
	assert_int_equal(run_jobs(rig, 2, work_sleep_300), 0);
	assert_int_equal(rig->job[0].status, EXIT_HEALTHY);
	assert_int_equal(rig->job[1].status, EXIT_BUSY);
}

static void test_no_lock(void **state)
{
	struct rig *rig = *state;

	rig->job[0].no_lock = true;
	assert_int_equal(run_jobs(rig, 1, work_nothing), 0);
	assert_int_equal(rig->job[0].status, EXIT_HEALTHY);
	assert_int_equal(access(rig->run_dir, F_OK), -1);
}

/* --- waiting for a lock ------------------------------------------------------------ */

/* Somebody else's lock of job 0's slot, for @ms (0: until it is killed). */
static pid_t locker_start(struct rig *rig, unsigned int ms)
{
	int ready[2];
	pid_t pid;
	char c;

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		int fd = lock_take(rig->run_dir, rig->job[0].slot, &rig->err);

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (fd < 0 || lock_note(fd, getpid()) < 0 || write(ready[1], "x", 1) != 1)
			_exit(1);
		pause_ms(ms ? ms : 120000);
		_exit(0);
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	close(ready[1]);
	return pid;
}

static void locker_end(pid_t pid)
{
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* Its own time and took_us begin with the lock; other jobs do not wait. */
static void test_queued(void **state)
{
	struct rig *rig = *state;
	pid_t pid = locker_start(rig, 2000);
	uint64_t start = clock_us(), all;

	rig->opts.lock_wait_us = 60000 * MS;
	rig->opts.timeout_us = 1900 * MS;
	rig->opts.grace_us = 20000 * MS;
	rig->job[1].work = work_until_stop;
	assert_int_equal(run_jobs(rig, 3, work_sleep_300), 0);
	all = clock_us() - start;
	assert_string_equal(rig->job[0].why, "");
	assert_int_equal(rig->job[0].status, EXIT_HEALTHY);
	assert_true(rig->job[0].took_us < all - 500 * MS);
	assert_int_equal(rig->job[1].status, EXIT_NO_METHOD);
	assert_int_equal(rig->job[2].status, EXIT_HEALTHY);
	assert_true(rig->job[2].took_us < all);
	locker_end(pid);
}

/* The timeout of a job that had to wait is whole. */
static void test_queued_timeout(void **state)
{
	struct rig *rig = *state;
	pid_t pid = locker_start(rig, 700);

	rig->opts.lock_wait_us = 60000 * MS;
	rig->opts.timeout_us = 500 * MS;
	rig->opts.grace_us = 20000 * MS;
	assert_int_equal(run_jobs(rig, 1, work_until_stop), 0);
	assert_string_equal(rig->job[0].report, "undone");
	assert_true(rig->job[0].took_us >= 500 * MS);
	locker_end(pid);
}

static void test_queued_too_long(void **state)
{
	struct rig *rig = *state;
	pid_t pid = locker_start(rig, 0);
	char want[64];

	snprintf(want, sizeof(want), "busy: worker %d has been resetting 0000:0b:00",
		 (int)pid);
	rig->opts.lock_wait_us = 1500 * MS;
	rig->job[1].work = work_nothing;
	assert_int_equal(run_jobs(rig, 2, work_nothing), 0);
	assert_int_equal(rig->job[0].status, EXIT_BUSY);
	assert_why(&rig->job[0], want);
	assert_true(rig->job[0].took_us >= 1500 * MS);
	assert_int_equal(rig->job[1].status, EXIT_HEALTHY);
	/* as ever without that option */
	rig->opts.lock_wait_us = 0;
	assert_int_equal(run_jobs(rig, 1, work_nothing), 0);
	assert_int_equal(rig->job[0].status, EXIT_BUSY);
	assert_why(&rig->job[0], want);
	assert_true(rig->job[0].took_us < 1500 * MS);
	locker_end(pid);
}

/* Only a lock that is held is waited for, not one that cannot be made. */
static void test_queued_not(void **state)
{
	struct rig *rig = *state;

	rig->opts.lock_wait_us = 3600000 * MS;
	rig->job[1].no_lock = true;
	assert_int_equal(symlink(rig->dir, rig->run_dir), 0);
	assert_int_equal(run_jobs(rig, 2, work_nothing), 0);
	assert_int_equal(rig->job[0].status, EXIT_CONFIG);
	assert_why(&rig->job[0], "not a folder");
	assert_int_equal(rig->job[1].status, EXIT_HEALTHY);
}

/* Two jobs of one call: one after the other, and neither sees the other's pipes. */
static void test_queued_same_slot(void **state)
{
	struct rig *rig = *state;
	char known[4096];

	list_own_links(known, sizeof(known));
	rig->opts.lock_wait_us = 60000 * MS;
	for (int i = 1; i < 4; i++)
		rig->job[i].slot = rig->job[0].slot;
	assert_int_equal(run_jobs(rig, 5, work_list_fds), 0);
	for (int i = 0; i < 5; i++) {
		const char *list = rig->job[i].report;

		assert_int_equal(rig->job[i].status, EXIT_HEALTHY);
		assert_int_equal(count_links(list, "pipe:", known), 1);
		assert_int_equal(count_links(list, ".lock", known), 1);
		assert_null(strstr(list, "pidfd"));
	}
}

static void note_after(int fd)
{
	if (fork() == 0) {      /* by then the supervisor waits */
		pause_ms(300);
		_exit(write(fd, "started", 7) != 7);
	}
	close(fd);
}

static void test_queued_signal(void **state)
{
	struct rig *rig = *state;
	pid_t pid = locker_start(rig, 0);
	struct sent_back back;
	struct harness h;
	int late[2];
	char c;

	rig->opts.lock_wait_us = 60000 * MS;
	assert_int_equal(pipe2(late, O_CLOEXEC), 0);
	h = harness_start(rig, work_nothing, note_after, late[1]);
	close(late[1]);
	assert_int_equal(read(late[0], &c, 1), 1);
	kill(h.pid, SIGTERM);
	back = harness_end(&h);
	assert_int_equal(back.status, EXIT_BUSY);
	assert_string_equal(back.why, "asked to stop while waiting for another gpureset "
			    "to be done with 0000:0b:00; the card was not touched");
	assert_true(back.mask_kept);
	/* that other one was not disturbed */
	assert_int_equal(kill(pid, 0), 0);
	locker_end(pid);
	close(late[0]);
}

static void test_queued_progress(void **state)
{
	struct rig *rig = *state;
	pid_t pid = locker_start(rig, 1500);
	char *text = NULL;
	size_t len = 0;

	rig->opts.lock_wait_us = 60000 * MS;
	rig->opts.progress = true;
	rig->opts.progress_to = open_memstream(&text, &len);
	assert_non_null(rig->opts.progress_to);
	assert_int_equal(run_jobs(rig, 1, work_exit), 0);
	fclose(rig->opts.progress_to);
	assert_non_null(strstr(text, "0000:0b:00: waiting: another gpureset has the card "
			       "(1 s of at most 60 s)\n"));
	/* what was waited for is not a step of the worker */
	assert_why(&rig->job[0], "without a result in step 'look around'");
	free(text);
	locker_end(pid);
	pid = locker_start(rig, 200);
	rig->opts.progress = false;
	rig->job[0].work = work_kill;
	assert_int_equal(run_jobs(rig, 1, work_kill), 0);
	assert_why(&rig->job[0], "before its first step");
	locker_end(pid);
}

/* --- frames ------------------------------------------------------------------------ */

/* Whatever pieces the pipe hands over, frames come out whole. */
static void test_frames(void **state)
{
	struct frames in = { 0 };
	struct frame fr;
	char raw[64];
	int a[2], b[2];
	struct channel ch;
	ssize_t n;

	(void)state;
	assert_int_equal(pipe2(a, O_CLOEXEC), 0);
	assert_int_equal(pipe2(b, O_CLOEXEC | O_NONBLOCK), 0);
	ch.fd = a[1];
	channel_step(&ch, "step", 42);
	n = read(a[0], raw, sizeof(raw));
	assert_true(n > 4);
	for (ssize_t i = 0; i < n; i++) {
		assert_int_equal(frames_next(&in, &fr), 0);
		assert_int_equal(frames_fill(&in, b[0]), -EAGAIN);
		assert_int_equal(write(b[1], raw + i, 1), 1);
		assert_int_equal(frames_fill(&in, b[0]), 1);
	}
	assert_int_equal(frames_next(&in, &fr), 1);
	assert_int_equal(fr.type, FRAME_STEP);
	assert_int_equal(fr.num, 42);
	assert_memory_equal(fr.text, "step", 4);
	memset(raw, 0xff, sizeof(raw));
	assert_int_equal(write(b[1], raw, sizeof(raw)), sizeof(raw));
	assert_int_equal(frames_fill(&in, b[0]), 1);
	assert_int_equal(frames_next(&in, &fr), -EPROTO);
	close(b[1]);
	assert_int_equal(frames_fill(&in, b[0]), 0);
	close(a[0]);
	signal(SIGPIPE, SIG_IGN);
	channel_note(&ch, "nobody reads");
	assert_int_equal(ch.fd, -1);
	channel_note(&ch, "and nothing happens");
	signal(SIGPIPE, SIG_DFL);
	close(b[0]);
}

/*
 * A dropped descriptor is let go: a worker that writes after the supervisor has left
 * it learns that nobody reads, at the second word at the latest.
 */
static void test_loop_drop(void **state)
{
	struct rig *rig = *state;
	struct pollfd fds[2];
	struct loop loop = { .fds = fds, .room = 2 };
	int ends[2], rc = 1;
	size_t key;

	loop.ops = rig->kind == LOOP_POLL ? &loop_poll : &loop_uring;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(loop.ops->open(&loop), 0);
	key = loop.ops->add(&loop, ends[0]);
	assert_int_equal(loop.ops->wait(&loop, 0), 0);
	assert_int_equal(fds[key].revents, 0);
	assert_int_equal(write(ends[1], "x", 1), 1);
	assert_int_equal(loop.ops->wait(&loop, LOOP_FOREVER), 0);
	assert_true(fds[key].revents & POLLIN);
	assert_int_equal(read(ends[0], &rc, 1), 1);
	assert_int_equal(loop.ops->wait(&loop, 1000), 0);
	loop.ops->drop(&loop, key);
	close(ends[0]);
	signal(SIGPIPE, SIG_IGN);
	for (int i = 0; i < 100 && rc >= 0; i++) {
		rc = (int)write(ends[1], "x", 1);
		assert_int_equal(loop.ops->wait(&loop, 1000), 0);
		assert_int_equal(fds[key].revents, 0);
	}
	signal(SIGPIPE, SIG_DFL);
	assert_int_equal(rc, -1);
	assert_int_equal(loop.ops->wait(&loop, 1000), 0);
	loop.ops->close(&loop);
	close(ends[1]);
}

struct test {
	const char *name;
	void (*run)(void **state);
};

static const struct test tests[] = {
	{ "no jobs", test_no_jobs },
	{ "jobs run in parallel", test_parallel },
	{ "many jobs", test_many },
	{ "a long report arrives whole", test_long_report },
	{ "notes in order", test_notes },
	{ "workers that die", test_died },
	{ "SIGCHLD ignored by the caller", test_ignored_sigchld },
	{ "process names", test_name },
	{ "timeout, the worker stops", test_timeout_cooperative },
	{ "a step is overdue", test_overdue },
	{ "timeout, the worker undoes", test_timeout_undo },
	{ "timeout, the worker is killed", test_timeout_kill },
	{ "stuck (vfork)", test_stuck_vfork },
	{ "stuck, then the kernel is done", test_stuck_goes_on },
	{ "stuck (frozen file system)", test_stuck_frozen },
	{ "signals are forwarded", test_signal_forwarded },
	{ "a signal, and no end of it", test_signal_grace },
	{ "a second signal", test_second_signal },
	{ "an ignored signal stays ignored", test_ignored_signal },
	{ "the terminal closes", test_terminal_closes },
	{ "the supervisor dies", test_supervisor_dies },
	{ "descriptors of a worker", test_descriptors },
	{ "the caller's output is not held", test_output_not_held },
	{ "standard descriptors closed", test_closed_std },
	{ "the ring is refused", test_ring_refused },
	{ "the ring breaks", test_ring_breaks },
	{ "progress in a log", test_progress_log },
	{ "no progress for a short wait", test_progress_short },
	{ "progress on a terminal", test_progress_terminal },
	{ "progress on a narrow terminal", test_progress_narrow },
	{ "locks: links", test_lock_links },
	{ "locks: the folder", test_lock_dir },
	{ "locks: who holds them", test_lock_content },
	{ "two jobs for one slot", test_same_slot },
	{ "no lock", test_no_lock },
	{ "a lock is waited for", test_queued },
	{ "... and the timeout begins with it", test_queued_timeout },
	{ "... for so long", test_queued_too_long },
	{ "... when somebody has it", test_queued_not },
	{ "... by jobs of one call", test_queued_same_slot },
	{ "... until a signal", test_queued_signal },
	{ "... and it is said", test_queued_progress },
	{ "frames", test_frames },
	{ "a dropped descriptor is let go", test_loop_drop },
};

#define N_TESTS (sizeof(tests) / sizeof(*tests))

int main(void)
{
	static enum loop_kind kinds[] = { LOOP_POLL, LOOP_URING };
	static struct CMUnitTest all[2 * N_TESTS];
	static char names[2 * N_TESTS][80];
	size_t n = 0, n_kinds = 2;

	/* run in the background, or under nohup: ignored signals are not listened to */
	for (size_t i = 0; i < N_STOPS; i++)
		signal(stops[i], SIG_DFL);
	if (!have_ring()) {
		printf("skip: all cases with io_uring: it cannot be set up here\n");
		n_kinds = 1;
	}
	for (size_t k = 0; k < n_kinds; k++) {
		for (size_t i = 0; i < N_TESTS; i++, n++) {
			snprintf(names[n], sizeof(names[n]), "%s (%s)", tests[i].name,
				 kinds[k] == LOOP_POLL ? "poll" : "io_uring");
			all[n] = (struct CMUnitTest){ names[n], tests[i].run, setup,
						      teardown, &kinds[k] };
		}
	}
	return _cmocka_run_group_tests("supervise", all, n, NULL, NULL);
}
