/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `gpureset record` and `reset --record-run` write; hw/hw_replay.h reads it. */
#ifndef GPURESET_CMD_RECORD_H
#define GPURESET_CMD_RECORD_H

#include <stdio.h>

#include "cmd/cmd.h"

/*
 * A recording of the slot of @spec and of its way to the host, without a run. Reads
 * only. -ENODEV: there is no such device. Whether everything could be written:
 * ferror(@out).
 */
int record_write(FILE *out, struct hw *hw, const struct quirk_db *db,
		 const struct bdf_spec *spec, struct err *err);

/*
 * In place: hardware and network addresses, UUIDs, names of home folders, this host's
 * name, and what is called a serial number become 'x'.
 */
void record_scrub(char *text);

/*
 * Rows of [host] for the doctor: lines of modprobe's and the boot's files about modules
 * that matter, names of IOMMUs and ACPI tables, and what of /proc/iomem lies in the BARs
 * of @t (NULL: not known).
 */
void record_host(FILE *out, struct hw *hw, const struct target *t);

/* The words of a kernel command line that matter for a card, into @buf. */
void record_cmdline(const char *cmdline, char *buf, size_t size);

/*
 * The end of what was written to @f (-o FILE, else standard output), with @rc and @err so
 * far: what is not whole is removed. Returns 0 or an exit status after a message.
 */
int record_finish(const struct options *o, FILE *f, int rc, struct err *err);

/* A new file, never one that exists, mode 0600; NULL with @err. */
FILE *record_create(const char *path, struct err *err);

#endif
