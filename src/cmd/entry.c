// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/entry.h"

#include <fcntl.h>
#include <stddef.h>
#include <sys/stat.h>
#include <unistd.h>

#include "run/supervise.h"

static char **entry_env;
static mode_t entry_umask;
static bool entry_done;

/* Descriptors 0 to 2 must exist, or a device file opened later becomes stdout. */
static void entry_std(void)
{
	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) < 0)
			_exit(EXIT_USAGE);
}

/*
 * Nothing of ours reads the environment (terminals are asked by ioctl) but for colours
 * (table.c, by entry_environ()), and what a library would read (POSIXLY_CORRECT, TZ as a
 * file name) is not for a caller to say: so the list of what is kept is empty.
 */
void entry_secure(void)
{
	static char *none[] = { NULL };

	entry_std();
	close_range(3, ~0U, 0); /* a hook's pipes are not ours to hold open */
	entry_env = environ;
	environ = none;
	entry_umask = umask(077);
	entry_done = true;
}

char *const *entry_environ(void)
{
	return entry_done ? entry_env : environ;
}

void entry_give_back(void)
{
	if (entry_done)
		umask(entry_umask);
}
