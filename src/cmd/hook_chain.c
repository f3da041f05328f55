// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/hook_chain.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "cmd/run_program.h"

/* A name of ours, which may be a copy. */
static bool chain_our_name(const char *name)
{
	return !strcmp(name, HOOK_NAME) || !strncmp(name, HOOK_CHAIN, strlen(HOOK_CHAIN));
}

static bool chain_same_file(const char *script, const struct stat *st)
{
	struct stat own;

	return !stat(script, &own) && own.st_dev == st->st_dev &&
	       own.st_ino == st->st_ino;
}

static int chain_check(const char *path, const char *name, const char *script,
		       struct err *err)
{
	struct stat st = { 0 };
	int rc = chain_our_name(name) ? 0 : stat(path, &st);

	if (rc < 0)
		return err_sys(err, errno, "%s, which %s has to run as well", path,
			       script);
	if (chain_our_name(name) || chain_same_file(script, &st))
		return err_set(err, ELOOP, "%s would run gpureset again instead of "
			       "another script", script);
	if (!S_ISREG(st.st_mode))
		return err_set(err, EINVAL, "%s, which %s has to run as well, is no "
			       "regular file", path, script);
	if (access(path, X_OK) < 0)
		return err_set(err, EACCES, "%s, which %s has to run as well, is not "
			       "executable; chmod +x it", path, script);
	return 1;
}

int hook_chain_find(const char *script, char *path, size_t size, struct err *err)
{
	const char *slash = strrchr(script, '/');
	const char *own = slash ? slash + 1 : script, *name;
	int n;

	if (strncmp(own, HOOK_CHAIN, strlen(HOOK_CHAIN)) != 0)
		return 0;
	name = own + strlen(HOOK_CHAIN);
	if (!*name)
		return err_set(err, EINVAL, "%s: no name follows the '+'", script);
	n = snprintf(path, size, "%.*s%s", slash ? (int)(own - script) : 2,
		     slash ? script : "./", name);
	if (n < 0 || (size_t)n >= size)
		return err_set(err, ENAMETOOLONG, "%.200s...: this path is too long",
			       script);
	return chain_check(path, name, script, err);
}

static void chain_tell(const char *path, const char *phase,
		       const struct program_end *end)
{
	if (end->killed_by)
		complain(end->status, "%s %s: ended by signal %d (%s)", path, phase,
			 end->killed_by, strsignal(end->killed_by));
}

int hook_chain(const char *script, unsigned vmid, const char *phase, int *status,
	       struct err *err)
{
	char path[PATH_MAX], id[16];
	const char *const argv[] = { path, id, phase, NULL };
	const struct program p = { .argv = argv, .hook = true };
	struct program_end end;
	int rc;

	*status = 0;
	rc = script ? hook_chain_find(script, path, sizeof(path), err) : 0;
	if (rc <= 0)
		return rc;
	snprintf(id, sizeof(id), "%u", vmid);
	rc = program_run(&p, &end, err);
	if (rc)
		return rc;
	*status = end.status;
	chain_tell(path, phase, &end);
	if (end.asked)
		raise(end.asked);
	return 0;
}
