/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the files of the command. */
#ifndef GPURESET_CMD_DOCTOR_DOCTOR_H
#define GPURESET_CMD_DOCTOR_DOCTOR_H

#include "cmd/doctor/exam.h"

#define CHECKS(name) extern const struct check doctor_##name[];
#include "cmd/doctor/checks.def"
#undef CHECKS

/*
 * Examine what @words name ("0b:00", "101"), or everything; files without BDF or VMID
 * that cannot be read end it. Returns 0 or an exit status after a message.
 */
int doctor_examine(struct exam *x, const struct options *o, struct hw *hw,
		   const struct quirk_db *db);

/* How many findings are at least so severe. */
size_t doctor_count(const struct exam *x, enum severity severity);

/* All of it for people, @verbose: what was fine, too; or for programs. */
void doctor_text(const struct exam *x, FILE *out, bool verbose);
void doctor_json(const struct exam *x, FILE *out);

#endif
