// SPDX-License-Identifier: GPL-2.0-or-later
#include "hw/linux_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hw/linux_sys.h"

#define LOG_RECORD 8192         /* the kernel's CONSOLE_EXT_LOG_MAX */
#define LOG_RECORDS 1000000     /* a log that is written faster than it is read */

/* "6,1234,5678901,-;text\n KEY=value\n": "[    5.678901] text" into @line. */
static void log_line(const char *record, char *line, size_t size)
{
	const char *text = strchr(record, ';'), *at = record;
	unsigned long long us = 0;

	for (int comma = 0; comma < 2 && at; comma++) {
		at = strchr(at, ',');
		at = at ? at + 1 : NULL;
	}
	if (at)
		us = strtoull(at, NULL, 10);
	text = text ? text + 1 : record;
	snprintf(line, size, "[%5llu.%06llu] %.*s", us / 1000000, us % 1000000,
		 (int)strcspn(text, "\n"), text);
}

int linux_log(const char *root, hw_log_fn *fn, void *arg, struct err *err)
{
	char path[SYS_PATH], record[LOG_RECORD + 1], line[LOG_RECORD + 32];
	int fd, rc = sys_path(path, root, "/dev/kmsg");
	ssize_t n = 0;

	if (rc)
		return err_sys(err, -rc, "/dev/kmsg");
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return err_sys(err, errno, "/dev/kmsg");
	for (int i = 0; i < LOG_RECORDS && !rc; i++) {
		n = read(fd, record, LOG_RECORD);
		if (n < 0 && (errno == EPIPE || errno == EINTR))
			continue;       /* EPIPE: the oldest were overwritten meanwhile */
		if (n <= 0)
			break;
		record[n] = '\0';
		log_line(record, line, sizeof(line));
		rc = fn(line, arg);
	}
	if (n < 0 && errno != EAGAIN)
		rc = err_sys(err, errno, "/dev/kmsg: cannot be read");
	close(fd);
	return rc;
}
