/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Landlock by raw system calls. The constants are ours since the kernel's header may be
 * older than the kernel; what this kernel does not know is left out at run time.
 */
#ifndef GPURESET_RUN_LANDLOCK_H
#define GPURESET_RUN_LANDLOCK_H

#include <stdint.h>

#include "base/err.h"

/* Documentation/userspace-api/landlock.rst; all but the last two: Linux 5.13. */
#define LL_EXECUTE (1ull << 0)
#define LL_WRITE_FILE (1ull << 1)
#define LL_READ_FILE (1ull << 2)
#define LL_READ_DIR (1ull << 3)
#define LL_REMOVE_FILE (1ull << 5)
#define LL_MAKE_REG (1ull << 8)
#define LL_TRUNCATE (1ull << 14)        /* ABI 3, 6.2 */
#define LL_IOCTL_DEV (1ull << 15)       /* ABI 5, 6.10 */

#define LL_READ (LL_READ_FILE | LL_READ_DIR)
#define LL_WRITE (LL_READ | LL_WRITE_FILE | LL_TRUNCATE)
#define LL_DEVICE (LL_WRITE | LL_IOCTL_DEV)
#define LL_KEEP (LL_WRITE | LL_MAKE_REG | LL_REMOVE_FILE)       /* files of ours */

/* The version of the interface, 1 or more; -ENOSYS, -EOPNOTSUPP (off since boot). */
int landlock_abi(void);

/*
 * A descriptor of rules that allow nothing yet of all that this kernel can forbid, TCP
 * from ABI 4 on included. Negative errno as landlock_abi(), with @err; -EOPNOTSUPP also
 * where a seccomp filter hides Landlock.
 */
int landlock_open(struct err *err);

/* Allow @access below the folder (or for the file) @path; one that is missing is fine. */
int landlock_allow(int rules, const char *path, uint64_t access, struct err *err);

/* From now on, for good; needs no_new_privs (or CAP_SYS_ADMIN). Closes @rules. */
int landlock_enforce(int rules, struct err *err);

#endif
