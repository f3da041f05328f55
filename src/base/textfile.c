// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/textfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/xalloc.h"

static int textfile_drain(int fd, const char *path, size_t most, char **text,
			  size_t *len, struct err *err)
{
	size_t room = 0;
	ssize_t n;

	for (*len = 0;; *len += (size_t)n) {
		if (*len + 1 >= room) {
			room = room ? 2 * room : 8192;
			*text = xrealloc(*text, room, 1);
		}
		n = read(fd, *text + *len, room - 1 - *len);
		if (n < 0 && errno == EINTR)
			n = 0;
		else if (n < 0)
			return err_sys(err, errno, "cannot read %s", path);
		else if (n == 0)
			break;
		if (*len + (size_t)n > most)
			return err_set(err, EFBIG, "%s is larger than %zu bytes", path,
				       most);
	}
	(*text)[*len] = '\0';
	return 0;
}

int textfile_read_fd(int fd, const char *path, size_t most, char **text, size_t *len,
		     struct err *err)
{
	int rc;

	*text = NULL;
	rc = textfile_drain(fd, path, most, text, len, err);
	if (rc) {
		free(*text);
		*text = NULL;
	}
	return rc;
}

int textfile_read(const char *path, char **text, size_t *len, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	int rc;

	*text = NULL;
	if (fd < 0)
		return err_sys(err, errno, "cannot open %s", path);
	rc = textfile_read_fd(fd, path, TEXTFILE_MOST, text, len, err);
	close(fd);
	return rc;
}

int textfile_write_fd(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno != EINTR)
			return -errno;
		text += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
	return 0;
}

const char *textfile_line(const char **at, const char *end, size_t *len)
{
	const char *line = *at, *nl;

	if (line >= end)
		return NULL;
	nl = memchr(line, '\n', (size_t)(end - line));
	*len = (size_t)((nl ? nl : end) - line);
	*at = nl ? nl + 1 : end;
	return line;
}
