// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Files as text: opened without following links, read whole, trusted or not. What is
 * checked is the open descriptor, never the name.
 */
#include "quirk/load.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/trust.h"
#include "base/xalloc.h"

#define LOAD_MAX_FILE (256u << 10)

void load_refuse(struct load *l, const char *path, const char *why)
{
	diag_add(l->diag, DIAG_ERROR, path, 0, 0, NULL, 0, "not obeyed: %s", why);
}

/* ---- folders */

void load_init(struct load *l, size_t n, bool trust, struct diag *diag)
{
	*l = (struct load){ .trust = trust, .diag = diag };
	l->folder = xcalloc(n, sizeof(*l->folder));
	l->text = xcalloc(LOAD_MAX_FILE + 1, 1);
	l->included = xcalloc(LOAD_MAX_FILE + 1, 1);
}

void load_free(struct load *l)
{
	for (size_t i = 0; i < l->nfolders; i++)
		close(l->folder[i].fd);
	free(l->folder);
	free(l->text);
	free(l->included);
}

int load_add_folder(struct load *l, const char *path, bool missing_ok, struct err *err)
{
	struct load_folder *f = &l->folder[l->nfolders];
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const char *why = NULL;
	struct stat st;

	if (fd < 0 && errno == ENOENT && missing_ok)
		return 0;
	if (fd < 0)
		return err_sys(err, errno, "cannot open the quirk folder %s", path);
	if (l->trust)
		why = fstat(fd, &st) < 0 ? strerror(errno) : trust_refuses(&st, true);
	*f = (struct load_folder){ path, fd, why != NULL };
	l->nfolders++;
	if (why)
		load_refuse(l, path, why);
	return 1;
}

/* ---- one file */

int load_open(const struct load *l, size_t rank, const char *name, const char **why)
{
	/* O_NONBLOCK: a FIFO of that name must not stop the machine's next reset. */
	int fd = openat(l->folder[rank].fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK |
			O_NOCTTY | O_CLOEXEC);

	if (fd >= 0)
		return fd;
	*why = errno == ENOENT ? NULL :
	       errno == ELOOP ? "it is a symbolic link, and who may change its target is "
				"not checked: put the file itself here"
			      : strerror(errno);
	return -errno;
}

/* The whole file into @text; NULL, or why not. */
static const char *load_read(int fd, const struct stat *st, char *text, size_t *len)
{
	const char *why = trust_kind(st, false);
	ssize_t n;

	if (why)
		return why;
	for (*len = 0; *len <= LOAD_MAX_FILE; *len += (size_t)n) {
		n = read(fd, text + *len, LOAD_MAX_FILE + 1 - *len);
		if (n < 0 && errno == EINTR)
			n = 0;
		else if (n < 0)
			return strerror(errno);
		else if (n == 0)
			return NULL;
	}
	return "it is larger than 256 KiB";
}

/* Only to learn which card it is about: its own errors are beside the point. */
static struct quirk *load_parse_refused(struct load *l, const char *path, size_t len)
{
	struct diag unheard;
	struct quirk *q;

	diag_init(&unheard);
	q = quirk_parse(path, l->text, len, NULL, &unheard);
	diag_free(&unheard);
	if (q)
		q->broken = true;
	return q;
}

static int load_include(void *arg, const char *name, char **text, size_t *len,
			char **path, struct err *err);

struct quirk *load_quirk(struct load *l, size_t rank, const char *path, int fd,
			 const char **why)
{
	const struct quirk_includes includes = { load_include, l };
	const char *distrust;
	struct stat st;
	size_t len = 0;

	*why = fstat(fd, &st) < 0 ? strerror(errno) : load_read(fd, &st, l->text, &len);
	if (*why)
		return NULL;
	distrust = l->trust ? trust_refuses(&st, false) : NULL;
	if (distrust)
		load_refuse(l, path, distrust);
	if (distrust || l->folder[rank].untrusted)
		return load_parse_refused(l, path, len);
	return quirk_parse(path, l->text, len, &includes, l->diag);
}

/* ---- includes */

/* The strongest folder that has @name; -1, and why not. */
static int load_find(struct load *l, const char *name, size_t *rank, const char **why)
{
	for (*rank = 0; *rank < l->nfolders; ++*rank) {
		int fd = load_open(l, *rank, name, why);

		if (fd >= 0 || *why)
			return fd;
	}
	*why = NULL;
	return -ENOENT;
}

/* Into l->included. */
static const char *load_read_trusted(struct load *l, size_t rank, int fd, size_t *len)
{
	const char *why = NULL;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return strerror(errno);
	if (l->trust)
		why = l->folder[rank].untrusted ? "its folder is not obeyed"
						: trust_refuses(&st, false);
	return why ? why : load_read(fd, &st, l->included, len);
}

static char *load_join(const char *folder, const char *name)
{
	size_t room = strlen(folder) + strlen(name) + 2;
	char *path = xcalloc(room, 1);

	snprintf(path, room, "%s/%s", folder, name);
	return path;
}

static int load_missing(const struct load *l, struct err *err)
{
	char list[400] = "";
	size_t at = 0;

	for (size_t i = 0; i < l->nfolders && at < sizeof(list); i++)
		at += (size_t)snprintf(list + at, sizeof(list) - at, "%s%s",
				       i ? ", " : "", l->folder[i].path);
	return err_set(err, ENOENT, "no quirk folder has it, searched: %s", list);
}

static int load_include(void *arg, const char *name, char **text, size_t *len,
			char **path, struct err *err)
{
	struct load *l = arg;
	const char *why = NULL;
	char file[80];                  /* the parser lets no longer name pass */
	size_t rank;
	int fd;

	snprintf(file, sizeof(file), "%s.inc", name);
	fd = load_find(l, file, &rank, &why);
	if (fd < 0 && !why)
		return load_missing(l, err);
	*path = load_join(l->folder[rank].path, file);
	if (fd >= 0) {
		why = load_read_trusted(l, rank, fd, len);
		close(fd);
	}
	if (why) {
		err_set(err, EPERM, "%s is not obeyed: %s", *path, why);
		free(*path);
		return -EPERM;
	}
	*text = xcalloc(*len + 1, 1);
	memcpy(*text, l->included, *len);
	return 0;
}

/* ---- the one file */

/* The folder of @path, to be freed; *@base: the name in it. */
static char *load_split(const char *path, const char **base)
{
	const char *slash = strrchr(path, '/');
	size_t n = slash ? (size_t)(slash - path) : 0;
	char *folder = xcalloc(n + 2, 1);

	*base = slash ? slash + 1 : path;
	if (!slash)
		folder[0] = '.';
	else if (!n)
		folder[0] = '/';
	else
		memcpy(folder, path, n);
	return folder;
}

static bool load_same_folder(const char *path, int fd)
{
	struct stat a, b;

	return stat(path, &a) == 0 && fstat(fd, &b) == 0 && a.st_dev == b.st_dev &&
	       a.st_ino == b.st_ino;
}

static int load_folders(struct load *l, const char *own, const char *const dirs[],
			struct err *err)
{
	int ret = load_add_folder(l, own, false, err);

	for (size_t i = 0; ret >= 0 && dirs && dirs[i]; i++)
		if (!load_same_folder(dirs[i], l->folder[0].fd))
			ret = load_add_folder(l, dirs[i], true, err);
	return ret;
}

static struct quirk *load_one(struct load *l, const char *path, const char *base,
			      struct err *err)
{
	const char *why = NULL;
	struct quirk *q = NULL;
	int fd = load_open(l, 0, base, &why);

	if (fd < 0) {
		err_set(err, -fd, "cannot read %s: %s", path, why ? why : strerror(-fd));
		return NULL;
	}
	q = load_quirk(l, 0, path, fd, &why);
	close(fd);
	if (why)
		err_set(err, EINVAL, "cannot read %s: %s", path, why);
	return q;
}

struct quirk *quirk_load(const char *path, const char *const dirs[], bool trust,
			 struct diag *diag, struct err *err)
{
	const char *base;
	char *own = load_split(path, &base);
	struct quirk *q = NULL;
	struct load l;
	size_t n = 1;

	while (dirs && dirs[n - 1])
		n++;
	load_init(&l, n, trust, diag);
	if (load_folders(&l, own, dirs, err) >= 0)
		q = load_one(&l, path, base, err);
	load_free(&l);
	free(own);
	return q;
}
