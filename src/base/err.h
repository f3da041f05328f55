/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Errors: functions return 0 or a negative errno and fill a struct err where the
 * fact is known; callers prefix context on the way up, so that the person reads
 * one sentence: which device, which step, what was seen and wanted.
 */
#ifndef GPURESET_BASE_ERR_H
#define GPURESET_BASE_ERR_H

#define ERR_TEXT 640

struct err {
	int code;               /* positive errno, 0: nothing happened */
	char text[ERR_TEXT];
};

/* Fill @err (which may be NULL); returns -@code so that it can be returned at once. */
int err_set(struct err *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Like err_set() with ": " and the text of errno @code appended. */
int err_sys(struct err *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Put "context: " in front of what @err holds. */
void err_prefix(struct err *err, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
