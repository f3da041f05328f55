/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who has which PCI function: /run/qemu-server/pci-id-reservations (qemu-server,
 * PVE/QemuServer/PCI.pm). Read without PVE's lock, as PVE itself does; never written.
 */
#ifndef GPURESET_HOST_PVE_RESV_H
#define GPURESET_HOST_PVE_RESV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bdf.h"

#define PVE_RUN_DIR "/run/qemu-server"

struct pve_resv {
	struct bdf bdf;
	unsigned vmid;
	bool started;           /* "pid:": the VM runs; else "time:", it is about to */
	uint64_t value;         /* the pid, or when the reservation lapses (unix time) */
};

struct pve_resvs {
	struct pve_resv *resv;
	size_t n, room;
};

/* Lines PVE would not read are passed over, as PVE does. */
void pve_resv_parse(struct pve_resvs *all, const char *text, size_t len);

/* Read RUN_DIR/pci-id-reservations; a missing file holds none. Free with _free(). */
int pve_resv_read(struct pve_resvs *all, const char *run_dir, struct err *err);
void pve_resv_free(struct pve_resvs *all);

/*
 * Is the reservation in force: a time to come (@now, unix time), or the pid of that
 * VM's QEMU alive? It is in RUN_DIR/VMID.pid, and its command line says -pidfile with
 * that name, or with /var before it (PVE/QemuServer/Helpers.pm has /var/run). A line
 * left behind is not in force.
 */
bool pve_resv_holds(const struct pve_resv *r, const char *run_dir, uint64_t now);

#endif
