/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the checks of VMs ask: which of a VM's keys give it a GPU, and how. */
#ifndef GPURESET_CMD_DOCTOR_VMGPU_H
#define GPURESET_CMD_DOCTOR_VMGPU_H

#include "cmd/doctor/exam.h"

#define VENDOR_NVIDIA 0x10de
#define VENDOR_AMD 0x1002

struct vm_gpu {
	const struct vmdev *dev;
	const struct pve_key *key;      /* NULL: it comes from the args line */
	struct bdf fn;                  /* the function with the display */
	uint16_t vendor, device;
};

/*
 * The next device of the VM that runs from number *@i of its devices on (0 to begin
 * with) in which there is a GPU that is on the bus. False: no more.
 */
bool vm_gpu_next(struct exam *x, size_t *i, struct vm_gpu *g);
/* The first one of @vendor (0: any). */
bool vm_gpu_of(struct exam *x, uint16_t vendor, struct vm_gpu *g);

/* "" when the VM has no such setting. */
const char *vm_plain(const struct exam *x, enum pve_plain key);
bool vm_is_q35(const struct exam *x);
bool vm_is_windows(const struct exam *x);
/* Is x-vga=1 set in any key? */
bool vm_x_vga(const struct exam *x);
/* The card of the VM among those that are examined, or NULL. */
const struct exam_card *vm_card(const struct exam *x, struct bdf slot);

#endif
