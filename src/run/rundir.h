/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files in the folder of locks and of what must outlive a worker (/run/gpureset), and in
 * that of what must outlive the host (/var/lib/gpureset): only ours are opened, never
 * through a link, never by another name of some other file.
 */
#ifndef GPURESET_RUN_RUNDIR_H
#define GPURESET_RUN_RUNDIR_H

#include <stddef.h>

#include "base/bdf.h"
#include "base/err.h"

/* Make the folder, if it is missing, before a worker that may not. Errors as below. */
int rundir_make(const char *run_dir, struct err *err);

/*
 * Open @name in @run_dir for reading and writing, with O_CREAT or O_APPEND in @flags
 * as well; the folder is made when it is missing. Mode 0600, close-on-exec.
 * @what names it in messages: "lock", "journal". Returns the descriptor; -ENOENT: no
 * such file (without O_CREAT); -EPERM: the folder or the file cannot be trusted.
 */
int rundir_open(const char *run_dir, const char *name, const char *what, int flags,
		struct err *err);

/* The same for who only looks: for reading alone, and no folder is made. */
int rundir_look(const char *run_dir, const char *name, const char *what, struct err *err);

/*
 * Write the small file @name whole, @len bytes of @text, so that a reader sees the old
 * one or the new one: by way of NAME.new. Errors as rundir_open(), or of the writing.
 */
int rundir_replace(const char *run_dir, const char *name, const char *what,
		   const char *text, size_t len, struct err *err);

/* Read it: as textfile_read(), and -EPERM as rundir_look(). -ENOENT: there is none. */
int rundir_read(const char *run_dir, const char *name, const char *what, char **text,
		size_t *len, struct err *err);

/*
 * The slots of which there is a file PREFIX and address, in order. @fn non-zero ends it
 * and is returned. No folder: none. A name that is no slot's is passed over. @what names
 * such files in messages: "journals".
 */
typedef int rundir_slot_fn(struct bdf slot, void *arg);
int rundir_slots(const char *run_dir, const char *prefix, const char *what,
		 rundir_slot_fn *fn, void *arg, struct err *err);

/* A missing file is fine. */
int rundir_remove(const char *run_dir, const char *name, struct err *err);

/*
 * Both once more, for what a power cut must not take back: when they return 0, the file
 * and its name are on the disk. A cut in the middle leaves the old file or the new one.
 */
int rundir_replace_durably(const char *run_dir, const char *name, const char *what,
			   const char *text, size_t len, struct err *err);
int rundir_remove_durably(const char *run_dir, const char *name, struct err *err);

#endif
