/* SPDX-License-Identifier: GPL-2.0-or-later */
/* modprobe's configuration (modprobe.d(5)), as far as the doctor asks for it. */
#ifndef GPURESET_CMD_DOCTOR_MODCONF_H
#define GPURESET_CMD_DOCTOR_MODCONF_H

#include <stdbool.h>
#include <stddef.h>

struct exam;
struct modconf;

/* All files of modprobe's folders, and blacklists of the command line. Never NULL. */
struct modconf *modconf_read(struct exam *x);
void modconf_free(struct modconf *mc);

/* See exam_modconf_nth(). */
const char *modconf_find(const struct modconf *mc, size_t nth, const char *kind,
			 const char *module, const char *word, const char **where);

/* Are the first @n characters the same, '-' and '_' being one? */
bool modconf_same(const char *a, const char *b, size_t n);

#endif
