// SPDX-License-Identifier: GPL-2.0-or-later
/* The last runs of a card: a text of bounded size, which whoever has the lock writes. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "base/textfile.h"
#include "base/xalloc.h"
#include "run/rundir.h"
#include "run/trace_internal.h"

#define KEEP_NAME (BDF_STR + 16)
#define KEEP_TAIL (TRACE_KEPT_MAX / 4 * 3)      /* what stays when it is full */

static const char *keep_name(struct bdf slot, char name[KEEP_NAME])
{
	char text[BDF_STR];

	snprintf(name, KEEP_NAME, "trace-%s", bdf_slot_str(slot, text));
	return name;
}

/* A diagnosis must never stop a reset: it ends here. */
static void keep_give_up(struct trace *t)
{
	close(t->keep.fd);
	t->keep.fd = -1;
	free(t->keep.tail);
	t->keep.tail = NULL;
}

static int keep_put(struct trace *t, const char *text, size_t len)
{
	int rc = textfile_write_fd(t->keep.fd, text, len);

	t->keep.size += rc ? 0 : len;
	return rc;
}

/* The newest whole lines move to the front, behind the first line of this run. */
static int keep_shrink(struct trace *t)
{
	static const char gone[] = "... older lines made room ...\n";
	char *tail = t->keep.tail, *from;
	ssize_t n = pread(t->keep.fd, tail, KEEP_TAIL,
			  (off_t)(t->keep.size - KEEP_TAIL));
	int rc;

	if (n < 0 || lseek(t->keep.fd, 0, SEEK_SET) < 0)
		return -EIO;
	tail[n] = '\0';
	from = strchr(tail, '\n');
	from = from ? from + 1 : tail + n;
	t->keep.size = 0;
	rc = keep_put(t, gone, sizeof(gone) - 1);
	if (!rc && !strstr(from, t->keep.head))
		rc = keep_put(t, t->keep.head, strlen(t->keep.head));
	if (!rc)
		rc = keep_put(t, from, (size_t)(tail + n - from));
	if (!rc && ftruncate(t->keep.fd, (off_t)t->keep.size))
		rc = -errno;
	return rc;
}

void keep_flush(struct trace *t)
{
	struct trace_keep *k = &t->keep;

	if (k->fd < 0)
		return;
	if ((k->size + k->len > TRACE_KEPT_MAX && keep_shrink(t)) ||
	    keep_put(t, k->buf, k->len))
		keep_give_up(t);
	k->len = 0;
}

void keep_write(struct trace *t, const char *text, size_t len)
{
	struct trace_keep *k = &t->keep;

	if (k->len + len > sizeof(k->buf))
		keep_flush(t);
	if (k->fd < 0 || len > sizeof(k->buf))
		return;
	memcpy(k->buf + k->len, text, len);
	k->len += len;
}

static void keep_head(struct trace *t)
{
	time_t now = time(NULL);
	struct utsname u = { 0 };
	char when[40];
	struct tm tm;

	uname(&u);
	strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S UTC", gmtime_r(&now, &tm));
	snprintf(t->keep.head, sizeof(t->keep.head), "== %s, gpureset "
		 GPURESET_VERSION ", Linux %.60s\n", when, u.release);
	keep_write(t, t->keep.head, strlen(t->keep.head));
}

int trace_keep(struct trace *t, const char *run_dir, struct bdf slot, struct err *err)
{
	char name[KEEP_NAME];
	off_t end;
	int fd = rundir_open(run_dir, keep_name(slot, name), "trace", O_CREAT, err);

	if (fd < 0)
		return fd;
	end = lseek(fd, 0, SEEK_END);
	/* larger than any of ours: not what we think it is */
	if (end < 0 || (end > (off_t)TRACE_KEPT_MAX && ftruncate(fd, 0))) {
		close(fd);
		return err_sys(err, errno, "the trace %s/%s", run_dir, name);
	}
	t->keep.fd = fd;
	t->keep.tail = xcalloc(KEEP_TAIL + 1, 1);
	t->keep.size = end > (off_t)TRACE_KEPT_MAX ? 0 : (size_t)end;
	keep_head(t);
	return 0;
}

void trace_keep_end(struct trace *t)
{
	keep_flush(t);
	if (t->keep.fd >= 0)
		keep_give_up(t);
}

int trace_kept(const char *run_dir, struct bdf slot, char **text, size_t *len,
	       struct err *err)
{
	char name[KEEP_NAME];

	return rundir_read(run_dir, keep_name(slot, name), "trace", text, len, err);
}
