/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which VM a process runs: the control group that its manager has put it in says so. */
#ifndef GPURESET_PLAN_HOLDER_VM_H
#define GPURESET_PLAN_HOLDER_VM_H

#include <stdbool.h>
#include <stddef.h>

#include "hw/hw.h"

/*
 * "101" for a VM of Proxmox VE, the guest's name for one of libvirt. False, with an empty
 * @buf: it is in neither's groups, or that cannot be read (another user's process, a
 * recording). A name comes from outside: what is not printable in it is a '?'.
 */
bool holder_vm(struct hw *hw, int pid, char *buf, size_t size);

#endif
