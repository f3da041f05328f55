// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/vmrecord.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/textfile.h"

#define HEAD "gpureset vm 1\n"

static void record_path(const char *run_dir, unsigned vmid, const char *more, char *buf,
			size_t size)
{
	snprintf(buf, size, "%s/vm-%u%s", run_dir, vmid, more);
}

static int record_put(const char *path, const struct vmrecord *rec, struct err *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
	char text[BDF_STR];

	if (!f)
		return err_sys(err, errno, "cannot write %s", path);
	fputs(HEAD, f);
	for (size_t i = 0; i < rec->n; i++)
		fprintf(f, "%s\n", bdf_str(rec->fn[i], text));
	if (fclose(f))
		return err_sys(err, errno, "cannot write %s", path);
	return 0;
}

int vmrecord_write(const char *run_dir, unsigned vmid, const struct vmrecord *rec,
		   struct err *err)
{
	char path[256], fresh[256];
	int rc;

	record_path(run_dir, vmid, "", path, sizeof(path));
	record_path(run_dir, vmid, ".new", fresh, sizeof(fresh));
	rc = record_put(fresh, rec, err);
	if (!rc && rename(fresh, path))
		rc = err_sys(err, errno, "cannot rename %s", fresh);
	if (rc)
		unlink(fresh);
	return rc;
}

static int record_parse(const char *path, char *text, struct vmrecord *rec,
			struct err *err)
{
	char *rest = text + sizeof(HEAD) - 1, *line;
	int nr = 1;

	if (strncmp(text, HEAD, sizeof(HEAD) - 1))
		return err_set(err, EINVAL, "%s:1: this is no record of a VM's devices",
			       path);
	while ((line = strsep(&rest, "\n"))) {
		nr++;
		if (!*line)
			continue;
		if (rec->n == VMRECORD_MOST ||
		    !bdf_from_sysfs(line, &rec->fn[rec->n]))
			return err_set(err, EINVAL, "%s:%d: '%.40s' is no function like "
				       "0000:0b:00.0", path, nr, line);
		rec->n++;
	}
	return 0;
}

int vmrecord_read(const char *run_dir, unsigned vmid, struct vmrecord *rec,
		  struct err *err)
{
	char path[256], *text;
	size_t len;
	int rc;

	memset(rec, 0, sizeof(*rec));
	record_path(run_dir, vmid, "", path, sizeof(path));
	rc = textfile_read(path, &text, &len, err);
	if (rc)
		return rc;
	rc = record_parse(path, text, rec, err);
	free(text);
	return rc;
}

void vmrecord_remove(const char *run_dir, unsigned vmid)
{
	char path[256];

	record_path(run_dir, vmid, "", path, sizeof(path));
	unlink(path);
}
