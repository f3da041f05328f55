/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The seam to the hardware, reading half. All of gpureset sees PCI functions, sysfs,
 * VFIO, time and the process table only through a struct hw; writing is declared
 * apart, in hw_write.h, which only run/exec may include.
 *
 * Guarantees of every call: returns 0 (or a count where said), or a negative errno
 * with @err filled by one sentence that names the function and the file. No call
 * exits the process. Reading never changes a device, but for what the kernel does by
 * itself (a sysfs config read resumes a function from D3cold).
 */
#ifndef GPURESET_HW_HW_H
#define GPURESET_HW_HW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bdf.h"
#include "base/err.h"
#include "base/reg.h"

struct hw;

/* One function as the bus scan sees it. */
struct hw_node {
	struct bdf bdf;
	struct bdf parent;              /* the bridge above */
	bool on_root_bus;               /* no bridge above: @parent is not set */
};

/* Somebody who has a device node of a function open. */
struct hw_holder {
	int pid;                        /* 0: the kernel itself has the block device */
	char comm[32];                  /* command, as in /proc/PID/comm */
	char what[64];                  /* "/dev/vfio/12", "/dev/dri/card0" */
	struct bdf fn;                  /* of those asked for, the first that it is of */
};

typedef int hw_node_fn(const struct hw_node *node, void *arg);
typedef int hw_holder_fn(const struct hw_holder *holder, void *arg);

/* Every function, in address order; @fn non-zero ends the scan and is returned. */
int hw_scan(struct hw *hw, hw_node_fn *fn, void *arg, struct err *err);

/*
 * Configuration space, @width 1, 2 or 4 bytes, @off aligned to it. A function that
 * does not answer reads all ones and is NOT an error; -ENODEV: the kernel does not
 * know the function (any more); -EIO: the kernel could not read (a short read).
 */
int hw_cfg_read(struct hw *hw, struct bdf bdf, unsigned off, unsigned width,
		uint32_t *val, struct err *err);

/*
 * A 32-bit register at byte @off of memory BAR @bar. -ERANGE: beyond the BAR;
 * -EPERM: the kernel forbids it (lockdown); -EBUSY: somebody owns the BAR. The caller
 * sees to D0 and memory decoding first; without them it reads all ones.
 */
int hw_bar_read(struct hw *hw, struct bdf bdf, int bar, uint32_t off, uint32_t *val,
		struct err *err);

/*
 * A sysfs attribute of the function ("reset_method", "power/control"), without its
 * last newline; a link ("driver", "iommu_group") gives the last part of its target, a
 * folder ("mdev_supported_types", or a link to one and "/.") the names in it, sorted,
 * each but the last with a newline.
 * -ENOENT: no such attribute (then @err is still filled).
 */
int hw_attr_read(struct hw *hw, struct bdf bdf, const char *name, char *buf, size_t size,
		 struct err *err);

/* Is there such an attribute (readable or not)? */
bool hw_attr_exists(struct hw *hw, struct bdf bdf, const char *name);

/*
 * A text file of the host by absolute path, "/proc/cmdline"; as hw_attr_read(), but a
 * link to a file gives the file's text.
 */
int hw_host_read(struct hw *hw, const char *path, char *buf, size_t size,
		 struct err *err);
bool hw_host_exists(struct hw *hw, const char *path);

/*
 * Offset of a capability (@ext: an extended one) in *@off; -ENOENT when absent, or
 * when the function does not answer.
 */
int hw_find_cap(struct hw *hw, struct bdf bdf, uint16_t id, bool ext, unsigned *off,
		struct err *err);

/* "Advanced Micro Devices, Inc. [AMD/ATI] Fiji [...]"; the hex ids when unknown. */
void hw_name(struct hw *hw, uint16_t vendor, uint16_t device, char *buf, size_t size);

/*
 * Everybody who has a device node belonging to one of @fns open, threads
 * included (a dying QEMU keeps its descriptors in a thread only). Also sysfs
 * resource files of the functions. Returns 0; @fn non-zero ends the scan.
 */
int hw_holders(struct hw *hw, const struct bdf *fns, size_t n, hw_holder_fn *fn,
	       void *arg, struct err *err);

/*
 * The lines of the kernel's log that are still there, oldest first, as dmesg shows
 * them. @fn non-zero ends the scan and is returned. -EPERM: it may not be read;
 * -ENOENT: there is none.
 */
typedef int hw_log_fn(const char *line, void *arg);
int hw_log(struct hw *hw, hw_log_fn *fn, void *arg, struct err *err);

/* Monotonic time in microseconds; virtual in the simulator. */
uint64_t hw_now(struct hw *hw);

/* Name of the implementation: "linux", "sim", ... */
const char *hw_kind(const struct hw *hw);

void hw_close(struct hw *hw);

#endif
