// SPDX-License-Identifier: GPL-2.0-or-later
#include "hw/linux_sys.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int sys_path(char buf[SYS_PATH], const char *root, const char *fmt, ...)
{
	int n = snprintf(buf, SYS_PATH, "%s", root);
	va_list ap;
	int m;

	if (n < 0 || n >= SYS_PATH)
		return -ENAMETOOLONG;
	va_start(ap, fmt);
	m = vsnprintf(buf + n, SYS_PATH - (size_t)n, fmt, ap);
	va_end(ap);
	return m < 0 || m >= SYS_PATH - n ? -ENAMETOOLONG : 0;
}

bool sys_name_ok(const char *name)
{
	const char *part = name;

	if (!*name || *name == '/')
		return false;
	for (; part; part = strchr(part, '/')) {
		part += *part == '/';
		if (!strncmp(part, "..", 2) && (!part[2] || part[2] == '/'))
			return false;
	}
	return true;
}

int sys_fn_path(char buf[SYS_PATH], const char *root, struct bdf bdf, const char *name)
{
	char at[BDF_STR];

	if (!sys_name_ok(name))
		return -EINVAL;
	return sys_path(buf, root, "/sys/bus/pci/devices/%s/%s", bdf_str(bdf, at), name);
}

/* Returns the bytes read, all of the file or @size of it. */
static ssize_t sys_read_all(int fd, char *buf, size_t size)
{
	size_t have = 0;
	ssize_t n;

	while (have < size) {
		n = read(fd, buf + have, size - have);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		have += (size_t)n;
	}
	return (ssize_t)have;
}

int sys_read_text(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = sys_read_all(fd, buf, size);
	close(fd);
	if (n < 0)
		return (int)n;
	if ((size_t)n == size)
		return -EOVERFLOW;
	if (n > 0 && buf[n - 1] == '\n')
		n--;
	buf[n] = '\0';
	return 0;
}

int sys_read_link(const char *path, char *buf, size_t size)
{
	char target[SYS_PATH];
	ssize_t n = readlink(path, target, sizeof(target) - 1);
	const char *last;

	if (n < 0)
		return -errno;
	target[n] = '\0';
	last = strrchr(target, '/');
	last = last ? last + 1 : target;
	if (strlen(last) >= size)
		return -EOVERFLOW;
	memcpy(buf, last, strlen(last) + 1);
	return 0;
}

static int sys_visible(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

int sys_read_names(const char *path, char *buf, size_t size)
{
	struct dirent **e;
	int n = scandir(path, &e, sys_visible, alphasort), rc = 0;
	size_t len = 0;

	if (n < 0)
		return -errno;
	buf[0] = '\0';
	for (int i = 0; i < n; i++) {
		int m = snprintf(buf + len, size - len, "%s%s", i ? "\n" : "",
				 e[i]->d_name);

		if (!rc && (size_t)m >= size - len)
			rc = -EOVERFLOW;
		if (!rc)
			len += (size_t)m;
		free(e[i]);
	}
	free(e);
	return rc;
}

int sys_write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	size_t len;
	ssize_t n;
	int rc = 0;

	/* an attribute is never told of a write of no bytes; an empty line is one */
	if (!*text)
		text = "\n";
	len = strlen(text);
	if (fd < 0)
		return -errno;
	n = write(fd, text, len);
	if (n < 0)
		rc = -errno;
	else if ((size_t)n != len)
		rc = -EIO;
	close(fd);
	return rc;
}
