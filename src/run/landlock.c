// SPDX-License-Identifier: GPL-2.0-or-later
#include "run/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LL_ASK_VERSION 1u
#define LL_PATH_BENEATH 1
#define LL_TCP 3ull             /* bind, connect: ABI 4, 6.7 */
#define LL_OF_FILES (LL_EXECUTE | LL_WRITE_FILE | LL_READ_FILE | LL_TRUNCATE | \
		     LL_IOCTL_DEV)

struct ll_attr {
	uint64_t fs, net;
};

struct ll_beneath {
	uint64_t access;
	int32_t parent;
} __attribute__((packed));

int landlock_abi(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LL_ASK_VERSION);

	return abi < 0 ? -errno : (int)abi;
}

/* The rights on files that version @abi can forbid: bits 0 to 12, then one by one. */
static uint64_t ll_known(int abi)
{
	uint64_t known = (1ull << 13) - 1;

	if (abi >= 2)
		known |= 1ull << 13;    /* REFER */
	if (abi >= 3)
		known |= LL_TRUNCATE;
	if (abi >= 5)
		known |= LL_IOCTL_DEV;
	return known;
}

/* Of the last landlock_open(): a right that the rules do not forbid must not be given. */
static uint64_t ll_forbidden;

/*
 * A seccomp filter of a service or container that does not know Landlock answers EPERM
 * to the question already; the kernel has none for it.
 */
int landlock_open(struct err *err)
{
	int abi = landlock_abi();
	const struct ll_attr attr = { .fs = ll_known(abi), .net = LL_TCP };
	size_t size = abi >= 4 ? sizeof(attr) : offsetof(struct ll_attr, net);
	long fd;

	if (abi < 0) {
		err_sys(err, -abi, "Landlock");
		return abi == -EPERM ? -EOPNOTSUPP : abi;
	}
	ll_forbidden = attr.fs;
	fd = syscall(SYS_landlock_create_ruleset, &attr, size, 0);
	return fd < 0 ? err_sys(err, errno, "Landlock: rules cannot be made") : (int)fd;
}

static int ll_add(int rules, int fd, uint64_t access)
{
	struct ll_beneath rule = { access & ll_forbidden, fd };
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISDIR(st.st_mode))
		rule.access &= LL_OF_FILES;
	if (syscall(SYS_landlock_add_rule, rules, LL_PATH_BENEATH, &rule, 0) < 0)
		return -errno;
	return 0;
}

int landlock_allow(int rules, const char *path, uint64_t access, struct err *err)
{
	int fd = open(path, O_PATH | O_CLOEXEC), rc;

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR || errno == EACCES))
		return 0;       /* nothing there to be opened later, either */
	if (fd < 0)
		return err_sys(err, errno, "Landlock: %.200s", path);
	rc = ll_add(rules, fd, access);
	close(fd);
	return rc ? err_sys(err, -rc, "Landlock: a rule for %.200s", path) : 0;
}

int landlock_enforce(int rules, struct err *err)
{
	long rc = syscall(SYS_landlock_restrict_self, rules, 0);
	int code = errno;

	close(rules);
	return rc < 0 ? err_sys(err, code, "Landlock: the rules are not taken") : 0;
}
