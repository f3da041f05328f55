/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PVE's lock of a VM's configuration (qemu-server, PVE::QemuConfig->lock_config): it is
 * held all through a start, so also between our pre-start and the reservation of the
 * devices, when nothing else shows that the VM is about to have them.
 */
#ifndef GPURESET_HOST_PVE_LOCK_H
#define GPURESET_HOST_PVE_LOCK_H

#include <stdbool.h>

#define PVE_LOCK_DIR "/var/lock/qemu-server"

/*
 * Does anybody hold LOCK_DIR/lock-VMID.conf for writing, as a start does? Looked up in
 * @locks ("/proc/locks"), since trying it would be in PVE's way. False when it cannot be
 * told.
 */
bool pve_vm_locked(const char *lock_dir, const char *locks, unsigned vmid);

#endif
