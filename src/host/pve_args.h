/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The PCI functions that an `args:` line passes to QEMU behind Proxmox VE's back. PVE
 * splits it into words as a shell does (PVE/Tools.pm, split_args); what QEMU takes for
 * -device: hw/vfio/pci.c, hw/core/qdev-properties-system.c.
 */
#ifndef GPURESET_HOST_PVE_ARGS_H
#define GPURESET_HOST_PVE_ARGS_H

#include <stddef.h>

#include "base/bdf.h"

/*
 * Each `-device vfio-pci,host=ADDRESS`, or with sysfsdev=PATH, or in braces as JSON, in
 * the @len bytes of @text. What QEMU would not start with is passed over. Returns how
 * many of @fn (room for @most) were filled.
 */
size_t pve_args_parse(const char *text, size_t len, struct bdf *fn, size_t most);

#endif
