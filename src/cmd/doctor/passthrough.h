/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which cards are meant for VMs, and what vfio-pci is told about them. */
#ifndef GPURESET_CMD_DOCTOR_PASSTHROUGH_H
#define GPURESET_CMD_DOCTOR_PASSTHROUGH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cmd/doctor/exam.h"

/* One "ids=" that vfio-pci is given: by modprobe's configuration, or at boot. */
struct pt_list {
	char text[1024];        /* "1002:7300,1002:aae8" */
	char rest[256]; /* words after it, to the end of the line */
	const char *where;      /* "FILE:LINE" or "/proc/cmdline" */
};

/*
 * Number @n, in the order in which the kernel gets them. Only the last one counts: each
 * is copied over the one before (linux: drivers/vfio/pci/vfio_pci.c,
 * module_param_string()).
 */
bool pt_list(struct exam *x, size_t n, struct pt_list *list);

/* The next "vendor:device[...]" of a list, and @at moves on; false at its end. */
bool pt_next_id(const char **at, char id[64]);
#define PT_ANY 0xffffffffu      /* in ids=: whatever vendor or device */
/* The first two numbers of @id, which a blank may end; false: it is no id. */
bool pt_id(const char *id, unsigned *vendor, unsigned *device);

/* Where the function's id is listed; NULL: nowhere. */
const char *pt_listed(struct exam *x, uint16_t vendor, uint16_t device);

/* The file that loads @module at boot: modules(5), modules-load.d(5), initramfs. */
const char *pt_loaded_by(struct exam *x, const char *module);

/* Does a VM of this node have the function? */
bool pt_vm_has(const struct exam *x, struct bdf fn);
/* Is the card at hand meant for VMs: one has it, or vfio-pci does, or is to? */
bool pt_wanted(struct exam *x);
/* Is any card? Or was one, or a VM, named. */
bool pt_any_wanted(struct exam *x);
/*
 * A function that a VM is to have along with its card: one that it has by its
 * configuration, or of the same maker as the display. Beside the graphics of a CPU there
 * are USB and the security processor, which the host needs.
 */
bool pt_is_part(const struct exam *x, const struct target *t, const struct fn_facts *fn);
/* Has the host another one with the ids of @fn, in another slot and for no VM? */
bool pt_has_twin(struct exam *x, const struct fn_facts *fn);

/* A driver that keeps VFIO from nothing: none, vfio-pci, pci-stub. */
bool pt_driver_yields(const char *driver);

/* udev's line that leaves the function with that address to vfio-pci alone. */
#define PT_RULE "ACTION==\"add\", SUBSYSTEM==\"pci\", KERNEL==\"%s\", " \
		"ATTR{driver_override}=\"vfio-pci\""

/* "0b:00.0 (amdgpu)" behind what is in @buf, parted by ", ". */
void pt_name(char *buf, size_t size, struct bdf fn, const char *driver);

#endif
