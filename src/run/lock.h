/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One flock'ed file per slot. The lock belongs to the open descriptor, so a forked
 * worker inherits it, and it ends when the kernel is done with the worker: no earlier.
 */
#ifndef GPURESET_RUN_LOCK_H
#define GPURESET_RUN_LOCK_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/bdf.h"
#include "base/err.h"

/*
 * Lock @slot. Returns the descriptor (close-on-exec), -EWOULDBLOCK with a sentence
 * that names the holder, or another negative errno when @run_dir or the file in it
 * cannot be trusted or made.
 */
int lock_take(const char *run_dir, struct bdf slot, struct err *err);

/* Write who holds the lock of @fd, for the "busy" sentence of others. */
int lock_note(int fd, pid_t pid);

/*
 * Does a process that is alive work on @slot at this moment? Takes nothing, so it may be
 * out of date at once: for what is only said.
 */
bool lock_is_held(const char *run_dir, struct bdf slot);

#endif
