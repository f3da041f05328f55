// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a sandboxed process may still do: each case in a forked child, which says how it
 * went by its exit status. Needs root; where the kernel has no Landlock the cases about
 * files are skipped, with the reason.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hw/holders.h"
#include "run/journal.h"
#include "run/landlock.h"
#include "run/lock.h"
#include "run/rundir.h"
#include "run/sandbox.h"
#include "run/supervise.h"

#define CAP(name) (1ull << CAP_##name)
#define WORKER (CAP(SYS_ADMIN) | CAP(DAC_OVERRIDE) | CAP(SYSLOG))
#define EYES (CAP(SYS_PTRACE) | CAP(DAC_READ_SEARCH))
#define SUPERVISOR (CAP(SYS_PTRACE) | CAP(KILL))
#define NOBODY 65534
#define UNIT "hooks/rights.conf"

struct rig {
	char dir[64], run_dir[80], other[80];   /* @other: a file outside of @run_dir */
	struct bdf fn;                          /* of a made-up machine in @dir */
	char node[64];                          /* its device node */
	int master;
};

/* --- the rig ----------------------------------------------------------------------- */

static const char *const *rig_dirs(const struct rig *rig)
{
	static const char *dirs[SANDBOX_DIRS];

	dirs[0] = rig->run_dir;
	return dirs;
}

static void put(const struct rig *rig, const char *name, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", rig->dir, name);
	f = fopen(path, "we");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

/* A function whose device node is the far side of a terminal: nobody else has that. */
static void make_function(struct rig *rig)
{
	static const char *const folder[] = {
		"sys", "sys/bus", "sys/bus/pci", "sys/bus/pci/devices",
		"sys/bus/pci/devices/0000:0b:00.0",
		"sys/bus/pci/devices/0000:0b:00.0/drm",
	};
	char text[256];
	struct stat st;

	rig->fn = (struct bdf){ .bus = 0x0b };
	rig->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(rig->master >= 0);
	assert_int_equal(unlockpt(rig->master), 0);
	assert_int_equal(ptsname_r(rig->master, rig->node, sizeof(rig->node)), 0);
	assert_int_equal(stat(rig->node, &st), 0);
	for (size_t i = 0; i < sizeof(folder) / sizeof(*folder); i++) {
		snprintf(text, sizeof(text), "%s/%s", rig->dir, folder[i]);
		assert_int_equal(mkdir(text, 0755), 0);
	}
	snprintf(text, sizeof(text), "%u:%u\n", major(st.st_rdev), minor(st.st_rdev));
	put(rig, "sys/bus/pci/devices/0000:0b:00.0/drm/dev", text);
	snprintf(text, sizeof(text), "%s/proc", rig->dir);
	assert_int_equal(mkdir(text, 0755), 0);
	assert_int_equal(chmod(rig->dir, 0755), 0);
}

/* The caller becomes one of the processes of the made-up machine. */
static void join(const struct rig *rig)
{
	char from[128], to[64];

	snprintf(from, sizeof(from), "%s/proc/%d", rig->dir, (int)getpid());
	snprintf(to, sizeof(to), "/proc/%d", (int)getpid());
	if (symlink(to, from) < 0)
		_exit(1);
}

static int setup(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	if (!rig)
		return -1;
	strcpy(rig->dir, "/tmp/gpureset-sandbox-XXXXXX");
	if (!mkdtemp(rig->dir))
		return -1;
	snprintf(rig->run_dir, sizeof(rig->run_dir), "%s/run", rig->dir);
	snprintf(rig->other, sizeof(rig->other), "%s/other", rig->dir);
	mkdir(rig->run_dir, 0755);
	put(rig, "other", "");
	make_function(rig);
	*state = rig;
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st;
	(void)kind;
	(void)at;
	return remove(path);
}

static int teardown(void **state)
{
	struct rig *rig = *state;

	close(rig->master);
	nftw(rig->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(rig);
	return 0;
}

static void need_landlock(void)
{
	int abi = landlock_abi();

	if (abi < 0) {
		printf("skip: this kernel has no Landlock: %s\n", strerror(-abi));
		skip();
	}
}

static void need_root(void)
{
	if (geteuid() != 0) {
		printf("skip: not root\n");
		skip();
	}
}

typedef int child_fn(struct rig *rig);

/* The line number of what does not hold is the child's exit status, low and high. */
static int child_line;
#define MUST(what) do { if (!(what)) { child_line = __LINE__; return 1; } } while (0)

static int stay[2];     /* its end is the end of whoever only waits */

static void wait_for_end(void)
{
	char c;

	close(stay[1]);
	if (read(stay[0], &c, 1) < 0)
		_exit(1);
	_exit(0);
}

static void in_child(struct rig *rig, child_fn *fn)
{
	int ends[2], line = -1, status;
	pid_t pid;

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(pipe(stay), 0);
	pid = fork();
	if (!pid) {
		join(rig);
		line = fn(rig) ? child_line : 0;
		fflush(stdout);
		if (write(ends[1], &line, sizeof(line)) < 0)
			_exit(2);
		_exit(0);
	}
	close(ends[1]);
	close(stay[0]);
	close(stay[1]);
	if (read(ends[0], &line, sizeof(line)) != (ssize_t)sizeof(line))
		line = -1;
	close(ends[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (line)
		printf("what does not hold is in line %d\n", line);
	assert_int_equal(line, 0);
}

static int enter(struct rig *rig, bool acts)
{
	char sys[80], proc[80];
	const struct sandbox sb = { .read = { sys, proc } };
	struct err err = { 0 };
	int rc;

	snprintf(sys, sizeof(sys), "%s/sys", rig->dir);
	snprintf(proc, sizeof(proc), "%s/proc", rig->dir);
	rc = sandbox_worker(&sb, rig_dirs(rig), acts, &err);

	if (rc < 0)
		printf("%s\n", err.text);
	return rc;
}

/* A field of /proc/PID/status; @base 16 for sets. */
static unsigned long long field(pid_t pid, const char *name, int base)
{
	char path[40], line[256];
	unsigned long long value = ~0ull;
	size_t len = strlen(name);
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, name, len) && line[len] == ':')
			value = strtoull(line + len + 1, NULL, base);
	if (f)
		fclose(f);
	return value;
}

static int caps_are(pid_t pid, unsigned long long want)
{
	MUST(field(pid, "CapEff", 16) == want);
	MUST(field(pid, "CapPrm", 16) == want);
	MUST(field(pid, "CapBnd", 16) == want);
	MUST(field(pid, "CapInh", 16) == 0);
	MUST(field(pid, "CapAmb", 16) == 0);
	MUST(field(pid, "NoNewPrivs", 10) == 1);
	return 0;
}

/* The first child of @pid, as the eyes are of a worker; 0: none. */
static pid_t child_of(pid_t pid)
{
	char path[64];
	int child = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)pid);
	f = fopen(path, "re");
	if (f && fscanf(f, "%d", &child) != 1)
		child = 0;
	if (f)
		fclose(f);
	return child;
}

/* --- rights ------------------------------------------------------------------------ */

static int worker_rights(struct rig *rig)
{
	MUST(enter(rig, true) >= 0);
	MUST(!caps_are(getpid(), WORKER));
	MUST(prctl(PR_GET_DUMPABLE) == 0);
	MUST(getuid() == 0);
	return 0;
}

static void test_worker_rights(void **state)
{
	need_root();
	in_child(*state, worker_rights);
}

static int supervisor_rights(struct rig *rig)
{
	struct err err = { 0 };
	pid_t stays = fork();
	char path[64], line[16];
	int fd;

	if (!stays)
		wait_for_end();
	MUST(sandbox_supervisor(&err) == 0);
	MUST(!caps_are(getpid(), SUPERVISOR));
	MUST(getuid() == NOBODY && geteuid() == NOBODY && getgid() == NOBODY);
	MUST(setuid(0) < 0);
	MUST(open("/sys/bus/pci/rescan", O_WRONLY) < 0 && errno == EACCES);
	MUST(open(rig->other, O_WRONLY) < 0 && errno == EACCES);
	/* what it is for */
	snprintf(path, sizeof(path), "/proc/%d/wchan", (int)stays);
	fd = open(path, O_RDONLY);
	MUST(fd >= 0 && read(fd, line, sizeof(line)) > 0);
	MUST(kill(stays, SIGKILL) == 0);
	return 0;
}

static void test_supervisor_rights(void **state)
{
	need_root();
	in_child(*state, supervisor_rights);
}

static int set_aside(struct rig *rig)
{
	unsigned long long before = field(getpid(), "CapEff", 16);

	(void)rig;
	sandbox_set_aside();
	MUST(field(getpid(), "CapEff", 16) == SUPERVISOR);
	MUST(field(getpid(), "CapPrm", 16) == before);
	MUST(field(getpid(), "NoNewPrivs", 10) == 0);
	sandbox_take_up();
	MUST(field(getpid(), "CapEff", 16) == before);
	return 0;
}

static void test_set_aside(void **state)
{
	need_root();
	in_child(*state, set_aside);
}

/* --- files ------------------------------------------------------------------------- */

struct try_row {
	const char *path;       /* NULL: the file that lies beside the run folder */
	int flags;
};

/* Root may open each of them for writing; none is written by this test. */
static const struct try_row elsewhere[] = {
	{ NULL, O_WRONLY }, { NULL, O_RDWR }, { NULL, O_RDONLY },
	{ "/tmp/gpureset-sandbox-x", O_WRONLY | O_CREAT },
	{ "/etc/gpureset-sandbox-x", O_WRONLY | O_CREAT },
	{ "/etc/passwd", O_WRONLY }, { "/etc/shadow", O_RDONLY },
	{ "/root/x", O_WRONLY | O_CREAT },
	{ "/sys/power/state", O_WRONLY }, { "/sys/kernel/profiling", O_WRONLY },
	{ "/sys/kernel/uevent_helper", O_WRONLY }, { "/sys/kernel/mm/ksm/run", O_WRONLY },
	{ "/sys/devices/system/cpu/cpu1/online", O_WRONLY },
	{ "/sys/devices/virtual/mem/null/uevent", O_WRONLY },
	{ "/sys/module/kernel/parameters/panic", O_WRONLY },
	{ "/proc/sys/kernel/core_pattern", O_WRONLY },
	{ "/proc/sysrq-trigger", O_WRONLY },
	{ "/proc/self/oom_score_adj", O_WRONLY }, { "/dev/mem", O_RDONLY },
	{ "/dev/kmsg", O_WRONLY }, { "/dev/port", O_RDWR }, { "/dev/tty", O_RDWR },
	{ "/run/gpureset-sandbox-x", O_WRONLY | O_CREAT },
	{ "/var/lib/x", O_WRONLY | O_CREAT },
};

static int write_elsewhere(struct rig *rig)
{
	const size_t n = sizeof(elsewhere) / sizeof(*elsewhere);
	bool there[sizeof(elsewhere) / sizeof(*elsewhere)];
	unsigned seen = 0;

	for (size_t i = 0; i < n; i++)
		there[i] = !elsewhere[i].path || elsewhere[i].flags & O_CREAT ||
			   !access(elsewhere[i].path, F_OK);
	MUST(enter(rig, true) == 1);
	for (size_t i = 0; i < n; i++) {
		const char *path = elsewhere[i].path ? elsewhere[i].path : rig->other;

		if (!there[i])
			continue;
		if (open(path, elsewhere[i].flags, 0600) >= 0 || errno != EACCES) {
			printf("%s, flags %x: %s\n", path, (unsigned)elsewhere[i].flags,
			       strerror(errno));
			MUST(false);
		}
		seen++;
	}
	MUST(seen >= 10);
	printf("count: writes outside of the sandbox refused: %u\n", seen);
	fflush(stdout);
	return 0;
}

static void test_write_elsewhere(void **state)
{
	need_root();
	need_landlock();
	in_child(*state, write_elsewhere);
}

static int other_ways_out(struct rig *rig)
{
	char *const argv[] = { (char []){ "/bin/true" }, NULL };
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(1) };
	char path[128];
	int s = socket(AF_INET, SOCK_STREAM, 0);

	MUST(enter(rig, true) == 1);
	MUST(execve(argv[0], argv, NULL) < 0 && errno == EACCES);
	MUST(unlink(rig->other) < 0 && errno == EACCES);
	snprintf(path, sizeof(path), "%s/file", rig->run_dir);
	MUST(rename(rig->other, path) < 0 && (errno == EACCES || errno == EXDEV));
	MUST(link(rig->other, path) < 0 && (errno == EACCES || errno == EXDEV));
	MUST(symlink(rig->other, path) < 0 && errno == EACCES);
	MUST(mkdir(path, 0700) < 0 && errno == EACCES);
	MUST(mknod(path, S_IFCHR | 0600, 0) < 0);
	MUST(syscall(SYS_mount, "x", rig->run_dir, "tmpfs", 0, 0) < 0 && errno == EPERM);
	if (landlock_abi() >= 3)
		MUST(truncate(rig->other, 0) < 0 && errno == EACCES);
	if (landlock_abi() >= 4)
		MUST(connect(s, (struct sockaddr *)&to, sizeof(to)) < 0 &&
		     errno == EACCES);
	return 0;
}

static void test_other_ways_out(void **state)
{
	need_root();
	need_landlock();
	in_child(*state, other_ways_out);
}

static int what_steps_need(struct rig *rig)
{
	struct err err = { 0 };
	char *text;
	size_t len;
	int fd;

	MUST(enter(rig, true) == 1);
	MUST(!rundir_replace(rig->run_dir, "file", "test", "one", 3, &err));
	MUST(!rundir_replace(rig->run_dir, "file", "test", "two", 3, &err));
	MUST(!rundir_read(rig->run_dir, "file", "test", &text, &len, &err));
	MUST(len == 3 && !memcmp(text, "two", 3));
	free(text);
	MUST(!rundir_remove(rig->run_dir, "file", &err));
	/* opened, not written: these are this machine's own */
	if (!access("/sys/bus/pci/rescan", F_OK)) {
		fd = open("/sys/bus/pci/rescan", O_WRONLY);
		MUST(fd >= 0);
		close(fd);
	}
	MUST(open("/proc/self/mountinfo", O_RDONLY) >= 0);
	MUST(open("/sys/class/net", O_RDONLY | O_DIRECTORY) >= 0);
	return 0;
}

static void test_what_steps_need(void **state)
{
	need_root();
	need_landlock();
	in_child(*state, what_steps_need);
}

/* A dry run. */
static int look_only(struct rig *rig)
{
	struct bdf slot = { .bus = 0x0b };
	struct err err = { 0 };
	struct journal j;
	char *text;
	size_t len;
	int lock = lock_take(rig->run_dir, slot, &err);

	MUST(lock >= 0 && !lock_note(lock, getpid()));
	MUST(!journal_open(&j, rig->run_dir, slot, &err));
	journal_leave(&j);
	MUST(!rundir_replace(rig->run_dir, "file", "test", "x", 1, &err));
	MUST(enter(rig, false) == 1);
	/* what a dry run tells of */
	MUST(!rundir_read(rig->run_dir, "file", "test", &text, &len, &err) && len == 1);
	free(text);
	MUST(lock_is_held(rig->run_dir, slot));
	MUST(!journal_look(&j, rig->run_dir, slot, &err));
	MUST(rundir_look("/run/gpureset-none", "file", "test", &err) == -ENOENT);
	MUST(rundir_replace(rig->run_dir, "file", "test", "x", 1, &err) == -EACCES);
	MUST(open("/sys/bus/pci/rescan", O_WRONLY) < 0);
	MUST(open("/proc/cmdline", O_RDONLY) >= 0);
	return 0;
}

static void test_look_only(void **state)
{
	need_root();
	need_landlock();
	in_child(*state, look_only);
}

/* --- kernels without Landlock ------------------------------------------------------ */

static int without_call(unsigned call, int code)
{
	struct sock_filter op[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)code),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog prog = { sizeof(op) / sizeof(*op), op };

	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog);
}

static int without_landlock(int code)
{
	return without_call(SYS_landlock_create_ruleset, code);
}

static int absent(struct rig *rig, int code)
{
	static const struct sandbox sb;
	struct err err = { 0 };

	MUST(!without_landlock(code));
	MUST(sandbox_worker(&sb, rig_dirs(rig), true, &err) == 0);
	MUST(strstr(err.text, "Landlock"));
	MUST(!caps_are(getpid(), WORKER));
	return 0;
}

static int absent_nosys(struct rig *rig)
{
	return absent(rig, ENOSYS);
}

static int absent_off(struct rig *rig)
{
	return absent(rig, EOPNOTSUPP);
}

/* Filters of containers say this of every call that they do not know. */
static int absent_filter(struct rig *rig)
{
	return absent(rig, EPERM);
}

/* Neither: then it is not known what holds, and the worker must not begin. */
static int absent_broken(struct rig *rig)
{
	static const struct sandbox sb;
	struct err err = { 0 };

	MUST(!without_landlock(ENOMEM));
	MUST(sandbox_worker(&sb, rig_dirs(rig), true, &err) == -ENOMEM);
	return 0;
}

/* There, but refused: not the same as none. */
static int absent_late(struct rig *rig)
{
	static const struct sandbox sb;
	struct err err = { 0 };

	if (landlock_abi() < 0)
		return 0;
	MUST(!without_call(SYS_landlock_restrict_self, EPERM));
	MUST(sandbox_worker(&sb, rig_dirs(rig), true, &err) == -EPERM);
	return 0;
}

static void test_absent(void **state)
{
	need_root();
	in_child(*state, absent_filter);
	in_child(*state, absent_late);
	in_child(*state, absent_nosys);
	in_child(*state, absent_off);
	in_child(*state, absent_broken);
}

/* --- who has a card open ----------------------------------------------------------- */

/* Another process that has the function open, until it is killed. */
static pid_t hold(const struct rig *rig)
{
	int ready[2];
	char c = 0;
	pid_t pid;

	if (pipe(ready) < 0)
		return -1;
	pid = fork();
	if (!pid) {
		join(rig);
		if (open(rig->node, O_RDWR | O_NOCTTY) >= 0 &&
		    write(ready[1], &c, 1) == 1)
			wait_for_end();
		_exit(1);
	}
	close(ready[1]);
	if (read(ready[0], &c, 1) != 1)
		pid = -1;
	close(ready[0]);
	return pid;
}

struct seen {
	int pid;
	unsigned calls;
};

static int see(const struct hw_holder *who, void *arg)
{
	struct seen *seen = arg;

	seen->pid = who->pid;
	seen->calls++;
	return 0;
}

static int find(const struct rig *rig, struct seen *seen, struct err *err)
{
	const struct holders_query q = {
		.root = rig->dir, .fns = &rig->fn, .n = 1,
	};

	int rc;

	memset(seen, 0, sizeof(*seen));
	rc = holders_find(&q, see, seen, err);
	if (rc)
		printf("%s\n", err->text);
	fflush(stdout);
	return rc;
}

static int eyes_see(struct rig *rig)
{
	struct err err = { 0 };
	struct seen seen;
	pid_t pid = hold(rig);
	int mine = open(rig->node, O_RDWR | O_NOCTTY);

	MUST(pid > 0);
	MUST(enter(rig, true) >= 0);
	MUST(find(rig, &seen, &err) == 0 && seen.pid == pid && seen.calls == 1);
	/* its own descriptor, which is the worker's business, is not reported */
	MUST(mine >= 0);
	MUST(kill(pid, SIGKILL) == 0 && waitpid(pid, NULL, 0) == pid);
	/* the folder is not ours to change any more; a link to nobody is like a race */
	for (int i = 0; i < 50; i++)
		MUST(find(rig, &seen, &err) == 0 && seen.calls == 0);
	return 0;
}

static void test_eyes_see(void **state)
{
	need_root();
	in_child(*state, eyes_see);
}

/* Also one of another user, in state "not dumpable", which takes CAP_SYS_PTRACE. */
static int eyes_see_foreign(struct rig *rig)
{
	struct err err = { 0 };
	struct seen seen;
	int fd = open(rig->node, O_RDWR | O_NOCTTY), ready[2];
	char c = 0;
	pid_t pid;

	MUST(fd >= 0 && pipe(ready) == 0);
	pid = fork();
	if (!pid) {
		join(rig);
		if (setresuid(1234, 1234, 1234) < 0 || prctl(PR_SET_DUMPABLE, 0) < 0 ||
		    write(ready[1], &c, 1) != 1)
			_exit(1);
		wait_for_end();
	}
	close(fd);
	MUST(read(ready[0], &c, 1) == 1);
	MUST(enter(rig, true) >= 0);
	MUST(find(rig, &seen, &err) == 0 && seen.pid == pid);
	holders_ask(-1, 0);
	if (landlock_abi() > 0)
		MUST(find(rig, &seen, &err) == -EACCES);
	return 0;
}

static void test_eyes_see_foreign(void **state)
{
	need_root();
	in_child(*state, eyes_see_foreign);
}

/* Without the eyes a sandboxed process is blind, and must say so: never "nobody". */
static int blind_is_an_error(struct rig *rig)
{
	struct err err = { 0 };
	struct seen seen;
	pid_t pid = hold(rig);

	MUST(pid > 0 && enter(rig, true) == 1);
	holders_ask(-1, 0);
	MUST(find(rig, &seen, &err) == -EACCES);
	MUST(strstr(err.text, "cannot be seen"));
	kill(pid, SIGKILL);
	return 0;
}

static void test_blind_is_an_error(void **state)
{
	need_root();
	need_landlock();
	in_child(*state, blind_is_an_error);
}

/* The same for a caller without the capability, where there is no Landlock at all. */
static int unprivileged_is_blind(struct rig *rig)
{
	struct err err = { 0 };
	struct seen seen;

	pid_t pid = hold(rig);

	MUST(pid > 0 && setresuid(1234, 1234, 1234) == 0);
	MUST(find(rig, &seen, &err) == -EACCES && seen.calls == 0);
	return 0;
}

static void test_unprivileged_is_blind(void **state)
{
	need_root();
	in_child(*state, unprivileged_is_blind);
}

/* What the eyes are, and what becomes of the answers when they are gone. */
static void test_eyes_die(void **state)
{
	struct rig *rig = *state;
	int go[2], told[2];
	pid_t pid, eyes;
	char c = 0;

	need_root();
	assert_int_equal(pipe(go), 0);
	assert_int_equal(pipe(told), 0);
	pid = fork();
	if (!pid) {
		struct err err = { 0 };
		struct seen seen;

		c = enter(rig, true) >= 0 && find(rig, &seen, &err) == 0;
		if (write(told[1], &c, 1) != 1 || read(go[0], &c, 1) != 1)
			_exit(1);
		c = find(rig, &seen, &err) == -EPIPE && find(rig, &seen, &err) == -EPIPE;
		_exit(c ? 0 : 1);
	}
	assert_int_equal(read(told[0], &c, 1), 1);
	assert_int_equal(c, 1);
	eyes = child_of(pid);
	assert_true(eyes > 0);
	assert_int_equal(caps_are(eyes, EYES), 0);
	assert_int_equal(field(eyes, "Uid", 10), NOBODY);
	assert_int_equal(kill(eyes, SIGTERM), 0);       /* is not for them */
	assert_int_equal(child_of(pid), eyes);
	assert_int_equal(kill(eyes, SIGKILL), 0);
	assert_int_equal(write(go[1], &c, 1), 1);
	assert_int_equal(waitpid(pid, go, 0), pid);
	assert_int_equal(go[0], 0);
}

/* They wait in the kernel: an error, and no late answer to the next question. */
static int eyes_block(struct rig *rig)
{
	struct err err = { 0 };
	struct seen seen;
	int ends[2];

	MUST(!socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends));
	holders_ask(ends[0], 50);
	MUST(find(rig, &seen, &err) == -ETIMEDOUT && seen.calls == 0);
	MUST(strstr(err.text, "who has the card open is not known"));
	MUST(find(rig, &seen, &err) == -EPIPE);
	return 0;
}

static void test_eyes_block(void **state)
{
	in_child(*state, eyes_block);
}

static bool gone(pid_t pid)
{
	for (int i = 0; i < 500; i++) {
		if (kill(pid, 0) < 0 && errno == ESRCH)
			return true;
		usleep(10000);
	}
	return false;
}

/* They end with a worker that was killed, and hold nothing that it had open. */
static void test_eyes_end(void **state)
{
	struct rig *rig = *state;
	int held[2], told[2];
	pid_t pid, eyes;
	char c = 0;

	need_root();
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	assert_int_equal(pipe(held), 0);
	assert_int_equal(pipe(told), 0);
	pid = fork();
	if (!pid) {
		close(held[0]);
		c = enter(rig, true) >= 0;
		if (write(told[1], &c, 1) == 1)
			pause();
		_exit(1);
	}
	close(held[1]);
	assert_int_equal(read(told[0], &c, 1), 1);
	assert_int_equal(c, 1);
	eyes = child_of(pid);
	assert_true(eyes > 0);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(read(held[0], &c, 1), 0);
	assert_int_equal(waitpid(eyes, NULL, 0), eyes);
	assert_true(gone(eyes));
	close(held[0]);
}

/* --- a caller that has less itself ------------------------------------------------- */

/* As the bounding set of a service leaves it. */
static int bounded(uint64_t keep)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct d[2] = {
		{ (uint32_t)keep, (uint32_t)keep, 0 },
		{ (uint32_t)(keep >> 32), (uint32_t)(keep >> 32), 0 },
	};

	for (unsigned long cap = 0; cap <= CAP_LAST_CAP; cap++)
		if (!(keep >> cap & 1))
			prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
	MUST(syscall(SYS_capset, &head, d) == 0);
	MUST(field(getpid(), "CapPrm", 16) == keep);
	return 0;
}

static int sees_within(struct rig *rig, uint64_t keep, uint64_t uid)
{
	struct err err = { 0 };
	struct seen seen;
	pid_t pid = hold(rig);

	MUST(pid > 0 && !bounded(keep));
	MUST(enter(rig, true) >= 0);
	MUST(find(rig, &seen, &err) == 0 && seen.pid == pid && seen.calls == 1);
	MUST(kill(pid, SIGKILL) == 0 && waitpid(pid, NULL, 0) == pid);
	MUST(field(child_of(getpid()), "CapEff", 16) == EYES);
	MUST(field(child_of(getpid()), "Uid", 10) == uid);
	return 0;
}

/* It may not change its user: it works, with the capabilities it should have. */
static int without_setuid(struct rig *rig)
{
	return sees_within(rig, CAP(SYS_ADMIN) | EYES, 0);
}

/* What the boot's unit leaves: all but the right to the kernel's log. */
static int within_unit(struct rig *rig)
{
	static const struct {
		const char *name;
		uint64_t cap;
	} known[] = {
		{ "CAP_SYS_ADMIN", CAP(SYS_ADMIN) }, { "CAP_KILL", CAP(KILL) },
		{ "CAP_DAC_OVERRIDE", CAP(DAC_OVERRIDE) },
		{ "CAP_DAC_READ_SEARCH", CAP(DAC_READ_SEARCH) },
		{ "CAP_SYS_PTRACE", CAP(SYS_PTRACE) }, { "CAP_SETUID", CAP(SETUID) },
		{ "CAP_SETGID", CAP(SETGID) }, { "CAP_SETPCAP", CAP(SETPCAP) },
	};
	const uint64_t want = (WORKER | EYES | SUPERVISOR) & ~CAP(SYSLOG);
	char line[256];
	uint64_t keep = 0;
	FILE *f = fopen(UNIT, "re");

	MUST(f);
	while (fgets(line, sizeof(line), f))
		for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
			if (!strncmp(line, "CapabilityBoundingSet=", 22) &&
			    strstr(line, known[i].name))
				keep |= known[i].cap;
	fclose(f);
	MUST((keep & want) == want);
	return sees_within(rig, keep, NOBODY);
}

/* A supervisor that could not stop its worker as nobody remains root. */
static int supervisor_without_kill(struct rig *rig)
{
	struct err err = { 0 };
	pid_t stays = fork();

	(void)rig;
	if (!stays)
		wait_for_end();
	MUST(!bounded(CAP(SYS_PTRACE) | CAP(SETUID) | CAP(SETGID) | CAP(SETPCAP)));
	MUST(sandbox_supervisor(&err) == 0);
	MUST(getuid() == 0 && !caps_are(getpid(), CAP(SYS_PTRACE)));
	MUST(kill(stays, SIGKILL) == 0);
	return 0;
}

static void test_bounded(void **state)
{
	need_root();
	in_child(*state, supervisor_without_kill);
	in_child(*state, without_setuid);
}

static void test_unit(void **state)
{
	need_root();
	in_child(*state, within_unit);
}

/* --- under the supervisor ----------------------------------------------------------- */

static int work_says(struct job *job, struct channel *ch)
{
	const char *word = job->arg;

	channel_report(ch, word, strlen(word));
	return caps_are(getpid(), WORKER) ? child_line % 100 + 8 : EXIT_HEALTHY;
}

static int supervise_with(struct rig *rig, bool more)
{
	const struct sandbox sb = { .more_follows = more };
	const struct supervise_opts so = { .run_dir = rig->run_dir, .sandbox = &sb };
	struct job job[2] = {
		{ .work = work_says, .arg = (char []){ "one" } },
		{ .work = work_says, .arg = (char []){ "two" } },
	};
	unsigned long long before = field(getpid(), "CapEff", 16);
	struct err err = { 0 };

	job[1].slot.bus = 1;
	MUST(supervise(job, 2, &so, &err) == 0);
	for (int i = 0; i < 2; i++) {
		if (job[i].status)
			printf("status %d, %s\n", job[i].status, job[i].why);
		MUST(job[i].status == EXIT_HEALTHY && job[i].report_len == 3);
		free(job[i].report);
	}
	if (more)
		MUST(field(getpid(), "CapEff", 16) == before && getuid() == 0);
	else
		MUST(!caps_are(getpid(), SUPERVISOR) && getuid() == NOBODY);
	return 0;
}

static int supervise_for_good(struct rig *rig)
{
	return supervise_with(rig, false);
}

static int supervise_twice(struct rig *rig)
{
	return supervise_with(rig, true) || supervise_with(rig, true);
}

/* Not only a note, which hooks and boot do not print. */
static int supervise_refused(struct rig *rig)
{
	const struct sandbox sb = { .more_follows = true };
	const struct supervise_opts so = { .run_dir = rig->run_dir, .sandbox = &sb };
	struct job job = { .work = work_says, .arg = (char []){ "one" } };
	struct err err = { 0 };

	MUST(!without_landlock(ENOMEM));
	MUST(supervise(&job, 1, &so, &err) == 0);
	printf("%s\n", job.why);
	MUST(job.status == EXIT_CONFIG && !job.report_len);
	MUST(strstr(job.why, "0000:00:00 was not touched: Landlock"));
	return 0;
}

static void test_supervise(void **state)
{
	need_root();
	in_child(*state, supervise_refused);
	in_child(*state, supervise_twice);
	in_child(*state, supervise_for_good);
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_worker_rights), T(test_supervisor_rights), T(test_set_aside),
		T(test_write_elsewhere), T(test_other_ways_out), T(test_what_steps_need),
		T(test_look_only), T(test_absent), T(test_eyes_see),
		T(test_eyes_see_foreign), T(test_blind_is_an_error),
		T(test_unprivileged_is_blind), T(test_eyes_die), T(test_eyes_block),
		T(test_eyes_end),
		T(test_bounded), T(test_unit), T(test_supervise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
