/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A VM's configuration, /etc/pve/qemu-server/VMID.conf, read as Proxmox VE reads it
 * (qemu-server, PVE/QemuServer.pm parse_vm_config): the live section only, never
 * written.
 */
#ifndef GPURESET_HOST_PVE_CONF_H
#define GPURESET_HOST_PVE_CONF_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/diag.h"
#include "base/err.h"
#include "host/hostpci.h"

#define PVE_DIR "/etc/pve"
#define PVE_QM "/usr/sbin/qm"
#define PVE_PVESM "/usr/sbin/pvesm"
#define PVE_SNIPPETS "/var/lib/vz/snippets"   /* of the storage `local` */
#define PVE_VMID_MIN 100u
#define PVE_VMID_MAX 999999999u
#define PVE_VALUE 512
#define PVE_PLAIN 2048          /* an args line may be long; what is longer is cut */
#define PVE_ARGS 8              /* passed-through functions in one args line */

struct pve_key {
	int line;               /* 0: the VM has no such key */
	char value[PVE_VALUE];
	struct hostpci pci;
};

/* Settings that are kept as they stand, see pve_list.h for their parts. */
enum pve_plain {
	PVE_ARGS_LINE, PVE_BALLOON, PVE_BIOS, PVE_CPU, PVE_MACHINE, PVE_MEMORY,
	PVE_ONBOOT, PVE_OSTYPE, PVE_VGA, PVE_PLAINS
};

struct pve_vm {
	unsigned vmid;
	struct pve_key key[HOSTPCI_KEYS];       /* by number */
	size_t dropped;                 /* hostpci lines that PVE ignores */
	bool is_template;
	bool pending;                   /* changes wait for the next start */
	char lock[24];                  /* "backup" ... or "" */
	char hookscript[256];           /* "local:snippets/gpureset" or "" */
	struct bdf_spec args[PVE_ARGS]; /* functions that the args line passes through */
	size_t nargs;
	char plain[PVE_PLAINS][PVE_PLAIN];      /* by enum pve_plain; "": PVE's default */
};

/* "101" within PVE's limits; 0: it is no VMID (@err). */
unsigned pve_vmid(const char *text, struct err *err);

/* "ostype" */
const char *pve_plain_name(enum pve_plain key);

/*
 * Parse the file's text. What PVE ignores with a warning goes to @diag as a warning
 * with its place, a hostpci line among it counts in vm->dropped. Never fails.
 */
void pve_conf_parse(struct pve_vm *vm, const char *path, const char *text, size_t len,
		    struct diag *diag);

/*
 * Read DIR/qemu-server/VMID.conf, or with @node DIR/nodes/NODE/qemu-server/VMID.conf.
 * -ENOENT: no such VM here (or pmxcfs is down).
 */
int pve_conf_read(struct pve_vm *vm, const char *dir, const char *node, unsigned vmid,
		  struct diag *diag, struct err *err);

/* Where the configuration of VM @vmid is, of @node, or of this one when NULL. */
void pve_conf_path(char path[PATH_MAX], const char *dir, const char *node,
		   unsigned vmid);

/*
 * The numbers of all VMs below @dir of @node, or of this one when NULL, ascending, into
 * *@vmid, to be freed; how many, or a negative errno: no such folder.
 */
int pve_vmids(unsigned **vmid, const char *dir, const char *node, struct err *err);

#endif
