/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The value of a hostpciN line, read as Proxmox VE reads it (qemu-server,
 * PVE/QemuServer/PCI.pm; pve-common, PVE/JSONSchema.pm). What PVE would drop is an
 * error here, with the reason: the VM starts without its GPU then.
 */
#ifndef GPURESET_HOST_HOSTPCI_H
#define GPURESET_HOST_HOSTPCI_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bdf.h"
#include "base/err.h"

#define HOSTPCI_KEYS 16         /* hostpci0 to hostpci15 */
#define HOSTPCI_ADDRS 16        /* "a;b;c" of one line; PVE has no limit */
#define HOSTPCI_ID 64           /* a mapping's or mdev's name */
#define HOSTPCI_ROM 256

struct hostpci {
	struct bdf_spec addr[HOSTPCI_ADDRS];    /* host=; without function: the slot */
	size_t naddr;
	char mapping[HOSTPCI_ID];       /* mapping=, "" when not given */
	char mdev[HOSTPCI_ID];          /* a mediated device: never ours to reset */
	bool keep;                      /* driver=keep: PVE neither binds nor resets */
	bool pcie, x_vga, legacy_igd, rombar;
	char romfile[HOSTPCI_ROM];      /* below /usr/share/kvm; "" when not given */
	const char *dies;       /* PVE keeps the key, but the start fails: why; or NULL */
};

/*
 * Parse @value. -EINVAL: PVE drops the whole key; @err says why, *col (may be NULL) is
 * the offset in @value where it was seen.
 */
int hostpci_parse(const char *value, struct hostpci *h, size_t *col, struct err *err);

/* "0000:0b:00" or "0b:00.0", lower-case hex only, @len bytes; false: PVE says no. */
bool hostpci_addr(const char *text, size_t len, struct bdf_spec *spec);

#endif
