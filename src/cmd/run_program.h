/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Another program, without a shell in between, waited for. */
#ifndef GPURESET_CMD_RUN_PROGRAM_H
#define GPURESET_CMD_RUN_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct program {
	/* [0] is the file, with a '/' in it: PATH is not searched. NULL-terminated. */
	const char *const *argv;
	/*
	 * As a hookscript is called: our environment and standard input, and sh for a
	 * file without "#!", as execvp() has it. Otherwise the environment is PATH and
	 * LC_ALL alone, and there is nothing to read.
	 */
	bool hook;
	/* Its standard output, cut to @room and NUL-terminated; NULL: passed through. */
	char *out;
	size_t room;
};

struct program_end {
	int status;     /* its exit status; 128 + n: signal n ended it */
	int killed_by;  /* that signal, or 0 */
	/*
	 * SIGTERM, SIGINT or SIGHUP that came for us meanwhile (0: none). It was passed
	 * on; what it means to us is the caller's to say, raise() at the latest.
	 */
	int asked;
};

/*
 * Run @p and wait for its end, with default SIGCHLD and an empty signal mask, and with
 * no descriptor of ours but 0 to 2. Returns 0 with @end, or a negative errno with @err
 * when it could not be started.
 */
int program_run(const struct program *p, struct program_end *end, struct err *err);

#endif
