// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/vmrecord.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run/rundir.h"

#define HEAD "gpureset vm 1\n"
#define WHAT "record of a VM's devices"
#define RECORD_NAME 32

static void record_name(unsigned vmid, char buf[RECORD_NAME])
{
	snprintf(buf, RECORD_NAME, "vm-%u", vmid);
}

int vmrecord_write(const char *run_dir, unsigned vmid, const struct vmrecord *rec,
		   struct err *err)
{
	char text[sizeof(HEAD) + VMRECORD_MOST * BDF_STR] = HEAD;
	char name[RECORD_NAME], fn[BDF_STR];
	size_t len = strlen(text);

	record_name(vmid, name);
	for (size_t i = 0; i < rec->n; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s\n",
					bdf_str(rec->fn[i], fn));
	return rundir_replace(run_dir, name, WHAT, text, len, err);
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
	char name[RECORD_NAME], path[256], *text;
	size_t len;
	int rc;

	memset(rec, 0, sizeof(*rec));
	record_name(vmid, name);
	rc = rundir_read(run_dir, name, WHAT, &text, &len, err);
	if (rc)
		return rc;
	snprintf(path, sizeof(path), "%s/%s", run_dir, name);
	rc = record_parse(path, text, rec, err);
	free(text);
	return rc;
}

void vmrecord_remove(const char *run_dir, unsigned vmid)
{
	char name[RECORD_NAME];

	record_name(vmid, name);
	rundir_remove(run_dir, name, NULL);
}
