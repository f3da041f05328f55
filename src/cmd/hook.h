/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gpureset hook: what Proxmox VE's configuration says, looked up on this node. */
#ifndef GPURESET_CMD_HOOK_H
#define GPURESET_CMD_HOOK_H

#include "cmd/cmd.h"
#include "host/vmdev.h"

#define HOOK_MAPPINGS HOSTPCI_KEYS

/* Where Proxmox keeps its things; tests bring their own. */
struct hook_place {
	const char *config_dir;         /* "/etc/pve" */
	const char *node;               /* whose configuration; NULL: this node */
	const char *qemu_run;           /* "/run/qemu-server" */
};

/* One card of the VM that may have to be reset. */
struct hook_card {
	struct bdf_spec spec;
	bool present;                   /* some function of it is on the bus */
	bool gpu;                       /* a display function or accelerator is in it */
	unsigned owner;                 /* another VM that holds it, 0: none */
};

struct hook_vm {
	struct pve_vm vm;
	struct vmdevs devs;
	struct hook_card card[VMDEV_MOST];
	size_t ncards;
	struct pve_resvs resvs;
	char node[64];
	struct diag diag;               /* what PVE would drop, with its place */
};

/*
 * Read the VM's configuration, mappings and reservations, and look at the bus.
 * Returns 0 or an exit status with @err. Free with hook_vm_free() in either case.
 */
int hook_vm_read(struct hook_vm *h, struct hw *hw, const struct hook_place *place,
		 unsigned vmid, struct err *err);
void hook_vm_free(struct hook_vm *h);

#endif
