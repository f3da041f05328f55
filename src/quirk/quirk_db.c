// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Folders of quirk files. A file that cannot be obeyed must not make its card look
 * like one nobody wrote about: it comes back broken, or, when not even its ids could
 * be read, the weaker file of the same name does.
 */
#include "quirk/quirk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/xalloc.h"

#define DB_MAX_FILE (256u << 10)

struct folder {
	const char *path;
	int fd;
	bool untrusted;
};

struct entry {
	char *name;
	size_t folder;          /* its rank: 0 is strongest */
};

struct loader {
	struct quirk_db *db;
	size_t room;
	struct folder *folder;
	size_t nfolders;
	struct entry *entry;
	size_t nentries, entry_room;
	bool trust;
	struct diag *diag;
	char *text;             /* DB_MAX_FILE + 1 bytes */
};

/* ---- collecting names */

static bool db_is_quirk(const char *name)
{
	static const char suffix[] = ".quirk";
	size_t n = strlen(name), cut = sizeof(suffix) - 1;

	return name[0] != '.' && n > cut && !strcmp(name + n - cut, suffix);
}

/* Why root must not obey what this is, or NULL. */
static const char *db_distrust(const struct stat *st)
{
	if (st->st_uid != 0)
		return "it does not belong to root";
	if (st->st_mode & (S_IWGRP | S_IWOTH))
		return "others than root can write to it";
	return NULL;
}

static void db_refuse(struct loader *l, const char *path, const char *why)
{
	diag_add(l->diag, DIAG_ERROR, path, 0, 0, NULL, 0, "not obeyed: %s", why);
}

static void db_list(struct loader *l, DIR *dir, size_t rank)
{
	struct dirent *de;
	size_t len;
	char *name;

	while ((de = readdir(dir)) != NULL) {

		if (!db_is_quirk(de->d_name))
			continue;
		len = strlen(de->d_name) + 1;
		name = xcalloc(len, 1);
		memcpy(name, de->d_name, len);
		l->entry = xgrow(l->entry, l->nentries, &l->entry_room,
				 sizeof(*l->entry));
		l->entry[l->nentries++] = (struct entry){ name, rank };
	}
}

static void db_trust_folder(struct loader *l, struct folder *f)
{
	struct stat st;
	const char *why;

	if (!l->trust || fstat(f->fd, &st) < 0)
		return;
	why = db_distrust(&st);
	f->untrusted = why != NULL;
	if (why)
		db_refuse(l, f->path, why);
}

static int db_open_folder(struct loader *l, const char *path, struct err *err)
{
	struct folder *f = &l->folder[l->nfolders];
	DIR *dir;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0)
		return err_sys(err, errno, "cannot open the quirk folder %s", path);
	*f = (struct folder){ path, fcntl(fd, F_DUPFD_CLOEXEC, 3), false };
	dir = f->fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		int code = errno;

		close(fd);
		if (f->fd >= 0)
			close(f->fd);
		return err_sys(err, code, "cannot list the quirk folder %s", path);
	}
	db_trust_folder(l, f);
	db_list(l, dir, l->nfolders++);
	closedir(dir);
	return 0;
}

static int db_entry_cmp(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int cmp = strcmp(x->name, y->name);

	return cmp ? cmp : (x->folder > y->folder) - (x->folder < y->folder);
}

/* ---- one file */

static const char *db_open_error(int code)
{
	switch (code) {
	case ELOOP:
		return "it is a symbolic link, and who may change its target is not "
		       "checked: put the file itself here";
	default:
		return strerror(code);
	}
}

/* The whole file into l->text; NULL, or why not. */
static const char *db_read(struct loader *l, int fd, const struct stat *st, size_t *len)
{
	ssize_t n;

	if (!S_ISREG(st->st_mode))
		return "it is not a regular file";
	for (*len = 0; *len <= DB_MAX_FILE; *len += (size_t)n) {
		n = read(fd, l->text + *len, DB_MAX_FILE + 1 - *len);
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
static struct quirk *db_parse_refused(struct loader *l, const char *path, size_t len)
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

static struct quirk *db_load_fd(struct loader *l, const struct folder *f,
				const char *path, int fd)
{
	const char *why, *distrust;
	struct stat st;
	size_t len = 0;

	why = fstat(fd, &st) < 0 ? strerror(errno) : db_read(l, fd, &st, &len);
	if (why) {
		db_refuse(l, path, why);
		return NULL;
	}
	distrust = l->trust ? db_distrust(&st) : NULL;
	if (distrust)
		db_refuse(l, path, distrust);
	if (distrust || f->untrusted)
		return db_parse_refused(l, path, len);
	return quirk_parse(path, l->text, len, NULL, l->diag);
}

static struct quirk *db_load_file(struct loader *l, const struct entry *e)
{
	const struct folder *f = &l->folder[e->folder];
	size_t room = strlen(f->path) + strlen(e->name) + 2;
	char *path = xcalloc(room, 1);
	struct quirk *q = NULL;
	int fd;

	snprintf(path, room, "%s/%s", f->path, e->name);
	/* O_NONBLOCK: a FIFO of that name must not stop the machine's next reset. */
	fd = openat(f->fd, e->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY |
		    O_CLOEXEC);
	if (fd < 0) {
		db_refuse(l, path, db_open_error(errno));
	} else {
		q = db_load_fd(l, f, path, fd);
		close(fd);
	}
	free(path);
	return q;
}

/* All entries of one name, strongest first; returns how many. */
static size_t db_load_name(struct loader *l, const struct entry *e, size_t left)
{
	struct quirk_db *db = l->db;
	struct quirk *q = NULL;
	size_t n = 0;

	for (; n < left && !strcmp(e[n].name, e->name); n++) {
		if (q)
			continue;
		q = db_load_file(l, &e[n]);
		if (q && n)             /* stands in for a stronger, unreadable one */
			q->broken = true;
	}
	if (!q) {
		db->nbroken++;
		return n;
	}
	db->quirk = xgrow(db->quirk, db->n, &l->room, sizeof(struct quirk *));
	db->quirk[db->n++] = q;
	return n;
}

/* ---- all */

static int db_load_all(struct loader *l, const char *const dirs[], struct err *err)
{
	int ret;

	for (size_t i = 0; dirs[i]; i++) {
		ret = db_open_folder(l, dirs[i], err);
		if (ret < 0)
			return ret;
	}
	if (l->nentries)
		qsort(l->entry, l->nentries, sizeof(*l->entry), db_entry_cmp);
	for (size_t i = 0; i < l->nentries;)
		i += db_load_name(l, &l->entry[i], l->nentries - i);
	return 0;
}

static void db_loader_free(struct loader *l)
{
	for (size_t i = 0; i < l->nfolders; i++)
		close(l->folder[i].fd);
	for (size_t i = 0; i < l->nentries; i++)
		free(l->entry[i].name);
	free(l->folder);
	free(l->entry);
	free(l->text);
}

int quirk_db_load(struct quirk_db *db, const char *const dirs[], bool trust,
		  struct diag *diag, struct err *err)
{
	struct loader l = { .db = db, .trust = trust, .diag = diag };
	size_t n = 0;
	int ret;

	memset(db, 0, sizeof(*db));
	while (dirs[n])
		n++;
	l.folder = xcalloc(n, sizeof(*l.folder));
	l.text = xcalloc(DB_MAX_FILE + 1, 1);
	ret = db_load_all(&l, dirs, err);
	db_loader_free(&l);
	if (ret < 0)
		quirk_db_free(db);
	return ret;
}

void quirk_db_free(struct quirk_db *db)
{
	for (size_t i = 0; i < db->n; i++)
		quirk_free(db->quirk[i]);
	free(db->quirk);
	memset(db, 0, sizeof(*db));
}
