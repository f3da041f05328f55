/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading quirk files and what they include, and whether root should trust them;
 * shared by quirk_db.c (folders) and quirk_load.c (one file).
 */
#ifndef GPURESET_QUIRK_LOAD_H
#define GPURESET_QUIRK_LOAD_H

#include "quirk/quirk.h"

struct load_folder {
	const char *path;               /* the caller's */
	int fd;
	bool untrusted;
};

struct load {
	struct load_folder *folder;     /* strongest first */
	size_t nfolders;
	bool trust;
	struct diag *diag;
	char *text, *included;          /* one file each */
};

/* Room for @n folders. */
void load_init(struct load *l, size_t n, bool trust, struct diag *diag);
void load_free(struct load *l);

/*
 * Add a folder behind the others; one that is not trusted is reported. Returns 1, 0
 * when there is none (with @missing_ok), or a negative errno.
 */
int load_add_folder(struct load *l, const char *path, bool missing_ok, struct err *err);

/*
 * Open @name in folder @rank. Negative errno, and in *@why what to say, or NULL when
 * there is no such file.
 */
int load_open(const struct load *l, size_t rank, const char *name, const char **why);

/*
 * Parse the open file @fd of folder @rank, called @path in messages. NULL: not even
 * its ids are known. *@why: NULL, or why it could not be read (nothing was said yet).
 */
struct quirk *load_quirk(struct load *l, size_t rank, const char *path, int fd,
			 const char **why);

/* Report that @path is not obeyed. */
void load_refuse(struct load *l, const char *path, const char *why);

#endif
