// SPDX-License-Identifier: GPL-2.0-or-later
#include "run/sandbox.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/bdf.h"
#include "hw/holders.h"
#include "run/landlock.h"

#define SANDBOX_NOBODY 65534    /* the kernel's overflowuid: owns no file */
/* A scan takes milliseconds; a worker that is asked to stop has to be able to undo. */
#define EYES_LIMIT_MS 10000
#define CAP(name) (1ull << CAP_##name)

/*
 * Measured by tests/lab/scenarios/sandbox.sh, which takes each away: SYS_ADMIN for
 * configuration space beyond 64 bytes and `enable` (drivers/pci/pci-sysfs.c);
 * DAC_OVERRIDE for a /dev/vfio node that was given to a user; SYSLOG for the kernel's
 * log in a recording (kernel.dmesg_restrict).
 */
#define WORKER_CAPS (CAP(SYS_ADMIN) | CAP(DAC_OVERRIDE) | CAP(SYSLOG))
/* fs/proc/base.c: ptrace_may_access(), and folders that only their owner may list */
#define EYES_CAPS (CAP(SYS_PTRACE) | CAP(DAC_READ_SEARCH))
/* /proc/PID/stack and wchan of a worker; signals to it, which is root's */
#define SUPERVISOR_CAPS (CAP(SYS_PTRACE) | CAP(KILL))

/* --- capabilities ------------------------------------------------------------------ */

struct caps {
	uint64_t effective, permitted, inheritable;
};

static int caps_get(struct caps *c)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct d[2] = { 0 };

	if (syscall(SYS_capget, &head, d) < 0)
		return -errno;
	c->effective = d[0].effective | (uint64_t)d[1].effective << 32;
	c->permitted = d[0].permitted | (uint64_t)d[1].permitted << 32;
	c->inheritable = d[0].inheritable | (uint64_t)d[1].inheritable << 32;
	return 0;
}

static int caps_set(const struct caps *c)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct d[2] = {
		{ (uint32_t)c->effective, (uint32_t)c->permitted,
		  (uint32_t)c->inheritable },
		{ (uint32_t)(c->effective >> 32), (uint32_t)(c->permitted >> 32),
		  (uint32_t)(c->inheritable >> 32) },
	};

	return syscall(SYS_capset, &head, d) < 0 ? -errno : 0;
}

/* EINVAL ends the list of those the kernel knows. Without the right to: no_new_privs. */
static void caps_bound(uint64_t keep)
{
	for (unsigned long cap = 0; cap < 64; cap++)
		if (!(keep >> cap & 1) && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0 &&
		    errno == EINVAL)
			break;
}

/* What is set aside is still permitted, and the bounding set asks for CAP_SETPCAP. */
static int caps_drop(uint64_t keep)
{
	struct caps c = { 0 };
	int rc = caps_get(&c);

	if (rc)
		return rc;
	c.effective = c.permitted;
	rc = caps_set(&c);
	if (rc)
		return rc;
	caps_bound(keep);
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	c.permitted &= keep;
	c.effective = c.permitted;
	c.inheritable = 0;
	return caps_set(&c);
}

void sandbox_set_aside(void)
{
	struct caps c = { 0 };

	if (caps_get(&c))
		return;
	c.effective = c.permitted & SUPERVISOR_CAPS;
	caps_set(&c);
}

void sandbox_take_up(void)
{
	struct caps c = { 0 };

	if (caps_get(&c))
		return;
	c.effective = c.permitted;
	caps_set(&c);
}

/* --- what all three give up -------------------------------------------------------- */

static int sandbox_shed(uint64_t keep, struct err *err)
{
	int rc;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_sys(err, errno, "cannot give up rights (no_new_privs)");
	rc = caps_drop(keep);
	if (rc)
		return err_sys(err, -rc, "cannot give up capabilities");
	prctl(PR_SET_DUMPABLE, 0);
	return 0;
}

/*
 * Root's files are root's even without a capability, sysfs first of all: so the user
 * goes, too. Not in a user namespace that has no such user (EINVAL), and not where the
 * caller's bounds leave out the right to change it (EPERM: systemd's
 * CapabilityBoundingSet=): the capabilities go all the same.
 */
static int sandbox_nobody(uint64_t keep, struct err *err)
{
	bool root = geteuid() == 0;
	int code = 0;

	prctl(PR_SET_KEEPCAPS, 1);
	if (root && (setgroups(0, NULL) < 0 ||
		     setresgid(SANDBOX_NOBODY, SANDBOX_NOBODY, SANDBOX_NOBODY) < 0 ||
		     setresuid(SANDBOX_NOBODY, SANDBOX_NOBODY, SANDBOX_NOBODY) < 0))
		code = errno;
	prctl(PR_SET_KEEPCAPS, 0);
	if (code && code != EINVAL && code != EPERM)
		return err_sys(err, code, "cannot become user %d", SANDBOX_NOBODY);
	return sandbox_shed(keep, err);
}

/* Workers stay root's: without CAP_KILL only root can stop one. */
int sandbox_supervisor(struct err *err)
{
	struct caps c = { 0 };
	int rc = caps_get(&c);

	if (rc)
		return err_sys(err, -rc, "cannot read its capabilities");
	if (!(c.permitted & CAP(KILL)))
		return sandbox_shed(SUPERVISOR_CAPS, err);
	return sandbox_nobody(SUPERVISOR_CAPS, err);
}

/* --- the eyes ---------------------------------------------------------------------- */

/*
 * It keeps no lock, no pipe and nothing else that could outlive the worker, and ends
 * with it. Signals are the worker's: one that is undoing still has to ask.
 */
static _Noreturn void eyes_main(int fd, pid_t worker)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	prctl(PR_SET_NAME, "gpureset eyes");
	dup2(fd, 0);
	close_range(1, ~0U, 0);
	if (chdir("/") == 0 && sandbox_nobody(EYES_CAPS, NULL) == 0 &&
	    send(0, "", 1, MSG_NOSIGNAL) == 1)
		holders_serve(0, worker);
	_exit(0);
}

/* Until then they still have the slot's lock, which must not outlive the worker. */
static int eyes_wait(int fd, struct err *err)
{
	ssize_t n;
	char c;

	do {
		n = recv(fd, &c, 1, 0);
	} while (n < 0 && errno == EINTR);
	return n == 1 ? 0 : err_set(err, EPIPE, "the process that looks for users of the "
				    "card cannot give up its rights");
}

static int eyes_open(struct err *err)
{
	pid_t worker = getpid(), pid;
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return err_sys(err, errno, "cannot look for users of the card");
	pid = fork();
	if (pid == 0)
		eyes_main(ends[1], worker);
	close(ends[1]);
	if (pid < 0) {
		close(ends[0]);
		return err_sys(err, errno, "cannot look for users of the card");
	}
	holders_ask(ends[0], EYES_LIMIT_MS);
	return eyes_wait(ends[0], err);
}

/* --- files ------------------------------------------------------------------------- */

struct sandbox_rule {
	const char *path;
	uint64_t access;
	bool acts;              /* only for a worker that changes something */
};

static const struct sandbox_rule sandbox_rules[] = {
	{ "/sys", LL_READ, false },
	{ "/proc", LL_READ, false },
	{ "/dev/kmsg", LL_READ, false },
	{ "/run/udev", LL_READ, false },
	{ "/etc/gpureset", LL_READ, false },
	/* where libpci looks for names: its list, plain and compressed, and udev's */
	{ "/usr/share/misc", LL_READ, false },
	{ "/usr/share/misc/pci.ids", LL_READ, false },
	{ "/usr/share/misc/pci.ids.gz", LL_READ, false },
	{ "/usr/share/hwdata", LL_READ, false },
	{ "/etc/udev/hwdb.bin", LL_READ, false },
	{ "/etc/systemd/hwdb", LL_READ, false },
	{ "/usr/lib/udev/hwdb.bin", LL_READ, false },
	{ "/usr/lib/systemd/hwdb", LL_READ, false },
	{ "/dev/vfio", LL_READ_DIR, false },
	{ "/dev/vfio", LL_DEVICE, true },
	{ "/dev/iommu", LL_DEVICE, true },
	{ "/sys/bus/pci", LL_WRITE, true },
};

/* "../../../devices/pci0000:00/0000:00:01.0/...", but not what is below the bridge */
static bool bridge_path(const char *link, char *path, size_t size)
{
	const char *at = strstr(link, "/devices/"), *end;
	unsigned domain, bus;

	for (end = at; end && (end = strstr(end, "/pci")); end++)
		if (sscanf(end, "/pci%x:%x/", &domain, &bus) == 2)
			break;
	if (!end)
		return false;
	end += strcspn(end + 1, "/") + 1;
	return snprintf(path, size, "/sys%.*s", (int)(end - at), at) < (int)size;
}

/* Host bridges lie anywhere below /sys/devices (ARM, VMD): asked, not guessed. */
static int files_bridges(int rules, struct err *err)
{
	char link[PATH_MAX], path[PATH_MAX], last[PATH_MAX] = "";
	DIR *dir = opendir("/sys/bus/pci/devices");
	struct dirent *e;
	int rc = 0;

	while (dir && !rc && (e = readdir(dir))) {
		ssize_t n = readlinkat(dirfd(dir), e->d_name, link, sizeof(link) - 1);

		link[n > 0 ? n : 0] = '\0';
		if (!bridge_path(link, path, sizeof(path)) || !strcmp(path, last))
			continue;
		rc = landlock_allow(rules, path, LL_WRITE, err);
		memcpy(last, path, sizeof(last));
	}
	if (dir)
		closedir(dir);
	return rc;
}

static int files_fill(int rules, const struct sandbox *sb,
		      const char *const dirs[SANDBOX_DIRS], bool acts, struct err *err)
{
	const size_t n = sizeof(sandbox_rules) / sizeof(*sandbox_rules);
	int rc = 0;

	for (size_t i = 0; i < SANDBOX_DIRS && !rc; i++)
		if (dirs[i])
			rc = landlock_allow(rules, dirs[i], acts ? LL_KEEP : LL_READ,
					    err);
	for (size_t i = 0; i < n && !rc; i++)
		if (acts || !sandbox_rules[i].acts)
			rc = landlock_allow(rules, sandbox_rules[i].path,
					    sandbox_rules[i].access, err);
	for (size_t i = 0; i < SANDBOX_READS && !rc; i++)
		if (sb->read[i])
			rc = landlock_allow(rules, sb->read[i], LL_READ, err);
	return rc || !acts ? rc : files_bridges(rules, err);
}

/* Rules to be taken, or -1 with 0 in @rc where the kernel has no Landlock. */
static int files_rules(const struct sandbox *sb, const char *const dirs[SANDBOX_DIRS],
		       bool acts, int *rc, struct err *err)
{
	int rules = landlock_open(err);

	*rc = rules == -ENOSYS || rules == -EOPNOTSUPP ? 0 : rules;
	if (rules < 0)
		return -1;
	*rc = files_fill(rules, sb, dirs, acts, err);
	if (*rc) {
		close(rules);
		return -1;
	}
	return rules;
}

int sandbox_worker(const struct sandbox *sb, const char *const dirs[SANDBOX_DIRS],
		   bool acts, struct err *err)
{
	int rc = eyes_open(err), rules;

	if (rc)
		return rc;
	tzset();                /* syslog() wants /etc/localtime, which is shut soon */
	/* first: a path may be one from the working folder, which is left then */
	rules = files_rules(sb, dirs, acts, &rc, err);
	if (rc)
		return rc;
	if (acts && chdir("/") < 0)
		return err_sys(err, errno, "/");
	rc = sandbox_shed(WORKER_CAPS, err);
	if (rc || rules < 0)
		return rc;
	rc = landlock_enforce(rules, err);
	return rc ? rc : 1;
}
