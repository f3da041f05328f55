/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * linux/vfio.h, and what the 6.1 headers of Debian 12 do not have of it yet: the
 * device cdev of include/uapi/linux/vfio.h since Linux 6.6. Names of our own, as the
 * newer header defines the others.
 */
#ifndef GPURESET_HW_VFIO_UAPI_H
#define GPURESET_HW_VFIO_UAPI_H

#include <stdint.h>

#include <linux/vfio.h>

/* VFIO_DEVICE_BIND_IOMMUFD; only the part that every version has. */
#define VFIO_UAPI_BIND_IOMMUFD _IO(VFIO_TYPE, VFIO_BASE + 18)

struct vfio_uapi_bind {
	uint32_t argsz, flags;
	int32_t iommufd;
	uint32_t out_devid;
};

/* struct vfio_pci_dependent_device: a group, or with ..._DEV_ID an iommufd device. */
struct vfio_uapi_affected {
	uint32_t id;
	uint16_t segment;
	uint8_t bus, devfn;
};

/* struct vfio_pci_hot_reset_info */
struct vfio_uapi_hot_reset_info {
	uint32_t argsz, flags, count;
	struct vfio_uapi_affected fn[];
};

#define VFIO_UAPI_DEV_ID (1u << 0)              /* VFIO_PCI_HOT_RESET_FLAG_DEV_ID */
#define VFIO_UAPI_DEV_ID_OWNED (1u << 1)        /* ..._DEV_ID_OWNED */
#define VFIO_UAPI_NOT_OWNED UINT32_MAX          /* VFIO_PCI_DEVID_NOT_OWNED */

#endif
