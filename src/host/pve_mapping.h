/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Resource mappings of a Proxmox cluster, /etc/pve/mapping/pci.cfg (pve-guest-common,
 * PVE/Mapping/PCI.pm): a name stands for one of several devices, another set on each
 * node. Which alternative a VM got is known only once it runs, from the reservations.
 */
#ifndef GPURESET_HOST_PVE_MAPPING_H
#define GPURESET_HOST_PVE_MAPPING_H

#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "host/hostpci.h"

#define PVE_ALTERNATIVES 32

/* One "map" line of this node: all its addresses belong together. */
struct pve_alternative {
	int line;
	struct bdf_spec addr[HOSTPCI_ADDRS];
	size_t naddr;
	bool has_id;            /* id=VENDOR:DEVICE, which the hardware must have */
	uint16_t vendor, device;
	int group;              /* iommugroup=, -1: not given */
};

struct pve_mapping {
	bool found;             /* the name exists, whatever node it is for */
	bool mdev;              /* its devices are handed out in slices */
	struct pve_alternative alt[PVE_ALTERNATIVES];
	size_t nalts;
};

/* The alternatives of mapping @name on @node. What cannot be read goes to @diag. */
void pve_mapping_parse(struct pve_mapping *m, const char *name, const char *node,
		       const char *path, const char *text, size_t len,
		       struct diag *diag);

/* Read DIR/mapping/pci.cfg; a missing file holds no mapping. */
int pve_mapping_read(struct pve_mapping *m, const char *dir, const char *name,
		     const char *node, struct diag *diag, struct err *err);

#endif
