/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which cards a VM has: from its configuration before it starts (as Proxmox VE will
 * choose), from the reservations once it runs. Pure: files and bus are read elsewhere.
 */
#ifndef GPURESET_HOST_VMDEV_H
#define GPURESET_HOST_VMDEV_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bdf.h"
#include "host/pve_conf.h"
#include "host/pve_mapping.h"
#include "host/pve_resv.h"

#define VMDEV_MOST 64
#define VMDEV_ARGS (-1)         /* key number of a device from the args line */

enum vmdev_use {
	VMDEV_YES,              /* the VM's own while it runs: ours to look after */
	VMDEV_MDEV,             /* a slice of a device that belongs to the host */
	VMDEV_KEEP,             /* driver=keep: its owner said hands off */
	VMDEV_NO_MAPPING,       /* the mapping has nothing for this node */
	VMDEV_ALL_TAKEN,        /* every alternative of the mapping is reserved */
	VMDEV_DIES,             /* PVE will refuse to start with this key */
};

struct vmdev {
	int key;                /* N of hostpciN, or VMDEV_ARGS */
	int line;               /* of the configuration; 0 for args */
	enum vmdev_use use;
	struct bdf_spec spec;   /* valid with VMDEV_YES */
	const char *mapping;    /* its name, or NULL; points into struct pve_vm */
	bool one_of_many;       /* the mapping has other free alternatives */
	bool spare;             /* one of those: PVE may choose it instead */
};

struct vmdevs {
	struct vmdev dev[VMDEV_MOST];
	size_t n;
	bool cut;               /* there were more */
};

/* Looks a mapping up on this node; returns NULL when the name is unknown. */
typedef const struct pve_mapping *vmdev_mapping_fn(void *arg, const char *name);
/* Has another VM than @vmid a reservation in force on any function of @spec? */
typedef bool vmdev_taken_fn(void *arg, const struct bdf_spec *spec, unsigned vmid);

struct vmdev_world {
	vmdev_mapping_fn *mapping;
	vmdev_taken_fn *taken;
	void *arg;
};

/*
 * The devices of @vm, in the order of its keys, then those of its args line. A mapping
 * gives its first alternative that nobody has, neither another VM nor an earlier key, as
 * PVE chooses (choose_hostpci_devices). Another VM may be quicker to reserve it, so the
 * other free ones follow at the end, as spares, but for what this VM has anyway.
 */
void vmdevs_of(struct vmdevs *all, const struct pve_vm *vm,
	       const struct vmdev_world *world);

/* "mdev: it belongs to the parent device", for people. */
const char *vmdev_why(enum vmdev_use use);

/*
 * What gpureset acts on: one entry a slot. @fns are all functions that exist, @nfns of
 * them; a slot of which the VM has every function becomes the whole slot, else its
 * single functions stay. A slot that does not exist (yet) stays as it was asked for.
 * Spares come last, and do not make a slot whole of which the VM has a part for sure.
 * Returns how many of @out (room for VMDEV_MOST) were filled.
 */
size_t vmdev_targets(const struct vmdevs *all, const struct bdf *fns, size_t nfns,
		     struct bdf_spec *out);

#endif
