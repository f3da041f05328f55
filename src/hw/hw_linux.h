/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The real machine: libudev, libpci, sysfs and VFIO. */
#ifndef GPURESET_HW_HW_LINUX_H
#define GPURESET_HW_HW_LINUX_H

#include "hw/hw.h"

/*
 * Opens nothing that can fail on a healthy host but memory; sysfs is found at /sys.
 * Returns the handle or NULL with @err filled. hw_close() frees it.
 */
struct hw *hw_linux_open(struct err *err);

/*
 * The same with @root in front of every /sys, /proc and /dev path, for tests on a
 * made-up tree; "" is the real one. libudev cannot be told another /sys: with a root
 * the scan reads the folder @root/sys/bus/pci/devices itself. Events and time are
 * the real kernel's in any case.
 */
struct hw *hw_linux_open_at(const char *root, struct err *err);

#endif
