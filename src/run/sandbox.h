/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a process gives up before it does its work. Three kinds, all with no_new_privs and
 * without core dumps:
 *
 *   worker      keeps CAP_SYS_ADMIN, CAP_DAC_OVERRIDE and CAP_SYSLOG, but writes only
 *               where steps write (Landlock);
 *   eyes        its child that looks for users of a card: CAP_SYS_PTRACE and
 *               CAP_DAC_READ_SEARCH, user nobody;
 *   supervisor  CAP_SYS_PTRACE and CAP_KILL, user nobody, once every worker has begun.
 *
 * The eyes exist because Landlock forbids a process to look into those outside its
 * sandbox: who has a card open would no longer be seen, and "nobody" would be a lie.
 *
 * Other programs that run as nobody may signal eyes and supervisor (look into them they
 * may not: not dumpable). Eyes that are killed or stopped: the worker gets an error
 * from holders_find() and refuses or undoes. A supervisor that is killed: its worker,
 * which is root's, finishes or undoes all the same and then ends (no PR_SET_PDEATHSIG).
 * A reset can be spoilt that way, not left half done; as root without capabilities both
 * could still write all of root's files, /proc/sysrq-trigger first, which is worse. An
 * unused uid of our own cannot be known: systemd and containers hand out all ranges. In
 * hooks the supervisor stays root (more_follows).
 */
#ifndef GPURESET_RUN_SANDBOX_H
#define GPURESET_RUN_SANDBOX_H

#include <stdbool.h>

#include "base/err.h"

#define SANDBOX_READS 4
#define SANDBOX_DIRS 2          /* of what outlives a worker, and the host */

struct sandbox {
	const char *read[SANDBOX_READS];        /* further files and folders, or NULL */
	bool verbose;           /* say so where there is no Landlock */
	/*
	 * The caller of supervise() needs its rights afterwards (a chained script,
	 * records to write, a second round): the supervisor only sets them aside.
	 */
	bool more_follows;
};

/*
 * In a worker. @dirs: its own folders (NULL: none), written only if it @acts (else: it
 * looks); inside they cannot be made any more. Starts the eyes, which close every
 * descriptor they inherit. Returns 1, 0 without Landlock (@err says why, the rest holds),
 * or a negative errno: then the worker must not go on.
 */
int sandbox_worker(const struct sandbox *sb, const char *const dirs[SANDBOX_DIRS],
		   bool acts, struct err *err);

/*
 * Capabilities and user of the supervisor; the user only if it keeps CAP_KILL. 0 or a
 * negative errno with @err.
 */
int sandbox_supervisor(struct err *err);

/* The capabilities alone, until they are taken up again. */
void sandbox_set_aside(void);
void sandbox_take_up(void);

#endif
