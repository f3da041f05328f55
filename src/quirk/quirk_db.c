// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Folders of quirk files. A file that cannot be obeyed must not make its card look
 * like one nobody wrote about: it comes back broken, or, when not even its ids could
 * be read, the weaker file of the same name does.
 */
#include "quirk/load.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/xalloc.h"

struct entry {
	char *name;
	size_t folder;          /* its rank: 0 is strongest */
};

struct loader {
	struct quirk_db *db;
	size_t room;
	struct load load;
	struct entry *entry;
	size_t nentries, entry_room;
};

/* ---- collecting names */

static bool db_is_quirk(const char *name)
{
	static const char suffix[] = ".quirk";
	size_t n = strlen(name), cut = sizeof(suffix) - 1;

	return name[0] != '.' && n > cut && !strcmp(name + n - cut, suffix);
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

static int db_open_folder(struct loader *l, const char *path, struct err *err)
{
	int ret = load_add_folder(&l->load, path, true, err);
	size_t rank = l->load.nfolders - 1;
	DIR *dir;
	int fd;

	if (ret <= 0)
		return ret;
	fd = fcntl(l->load.folder[rank].fd, F_DUPFD_CLOEXEC, 3);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		int code = errno;

		if (fd >= 0)
			close(fd);
		return err_sys(err, code, "cannot list the quirk folder %s", path);
	}
	db_list(l, dir, rank);
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

static struct quirk *db_load_file(struct loader *l, const struct entry *e)
{
	const struct load_folder *f = &l->load.folder[e->folder];
	size_t room = strlen(f->path) + strlen(e->name) + 2;
	char *path = xcalloc(room, 1);
	struct quirk *q = NULL;
	const char *why = NULL;
	int fd;

	snprintf(path, room, "%s/%s", f->path, e->name);
	fd = load_open(&l->load, e->folder, e->name, &why);
	if (fd >= 0) {
		q = load_quirk(&l->load, e->folder, path, fd, &why);
		close(fd);
	} else if (!why) {
		why = strerror(-fd);
	}
	if (why)
		load_refuse(&l->load, path, why);
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
	db->nbroken += !q || q->lost_ids;
	if (!q)
		return n;
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

int quirk_db_load(struct quirk_db *db, const char *const dirs[], bool trust,
		  struct diag *diag, struct err *err)
{
	struct loader l = { .db = db };
	size_t n = 0;
	int ret;

	memset(db, 0, sizeof(*db));
	while (dirs[n])
		n++;
	load_init(&l.load, n, trust, diag);
	ret = db_load_all(&l, dirs, err);
	load_free(&l.load);
	for (size_t i = 0; i < l.nentries; i++)
		free(l.entry[i].name);
	free(l.entry);
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
