// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/pve_lock.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/textfile.h"

/* "1: FLOCK  ADVISORY  WRITE 712 00:18:1234 0 EOF": proc_locks(5). */
static bool lock_line_is(const char *line, size_t len, const struct stat *st)
{
	char text[128], kind[16], how[16];
	unsigned maj, min;
	uintmax_t ino;

	if (len >= sizeof(text))
		return false;
	memcpy(text, line, len);
	text[len] = '\0';
	return sscanf(text, "%*[^:]: %15s %*s %15s %*d %x:%x:%ju", kind, how, &maj,
		      &min, &ino) == 5 && !strcmp(kind, "FLOCK") &&
	       !strcmp(how, "WRITE") && maj == major(st->st_dev) &&
	       min == minor(st->st_dev) && ino == st->st_ino;
}

bool pve_vm_locked(const char *lock_dir, const char *locks, unsigned vmid)
{
	char path[256], *text = NULL;
	const char *at, *end, *line;
	struct stat st;
	size_t len;
	bool held = false;

	snprintf(path, sizeof(path), "%s/lock-%u.conf", lock_dir, vmid);
	if (stat(path, &st) || textfile_read(locks, &text, &len, NULL))
		return false;
	at = text;
	end = text + len;
	while (!held && (line = textfile_line(&at, end, &len)))
		held = lock_line_is(line, len, &st);
	free(text);
	return held;
}
