/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a running VM really got, written at post-start for post-stop: by then PVE has
 * dropped the reservations, and the configuration may name another card. Lives in
 * /run, one small text file a VM, replaced whole.
 */
#ifndef GPURESET_HOST_VMRECORD_H
#define GPURESET_HOST_VMRECORD_H

#include <stddef.h>

#include "base/bdf.h"
#include "base/err.h"

#define VMRECORD_MOST 64

struct vmrecord {
	struct bdf fn[VMRECORD_MOST];
	size_t n;
};

/* RUN_DIR/vm-VMID; the folder is made when it is missing. */
int vmrecord_write(const char *run_dir, unsigned vmid, const struct vmrecord *rec,
		   struct err *err);
/* -ENOENT: no record; -EINVAL: it is damaged, with the line in @err. */
int vmrecord_read(const char *run_dir, unsigned vmid, struct vmrecord *rec,
		  struct err *err);
/* Done with it. A missing record is fine. */
void vmrecord_remove(const char *run_dir, unsigned vmid);

#endif
