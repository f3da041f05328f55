/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A machine in memory: bridges, functions backed by device models, and a kernel that
 * treats them as Linux does (drivers/pci of 6.1 to 6.12), in virtual time. Nothing is
 * read from the real machine and nothing sleeps.
 *
 * Build it: hw_sim_open(), bridges and functions from the root down, drivers and
 * rules, then hw_sim_boot(); from there on it is a struct hw like any other. What the
 * functions below that set things up are told wrong (an unknown parent, a missing
 * function) ends the process: a test is wrong then, not the program.
 */
#ifndef GPURESET_HW_HW_SIM_H
#define GPURESET_HW_HW_SIM_H

#include <stdbool.h>
#include <stdint.h>

#include "hw/hw.h"

/*
 * A device model; function number @fn of @dev. The simulator routes: it calls these
 * only when every bridge above forwards. @bar is read and written 32 bits wide.
 */
struct sim_dev_ops {
	uint32_t (*cfg_read)(void *dev, int fn, unsigned off, unsigned width);
	void (*cfg_write)(void *dev, int fn, unsigned off, unsigned width, uint32_t val);
	uint32_t (*bar_read)(void *dev, int fn, int bar, uint32_t off);
	void (*bar_write)(void *dev, int fn, int bar, uint32_t off, uint32_t val);
	/* A hot reset reached this function. */
	void (*bus_reset)(void *dev, int fn);
	/* The machine is closed; NULL: @dev is not its own, and outlives it. */
	void (*close)(void *dev);
};

/* Device/port type of the PCIe capability (PCIe 7.5.3.2). */
enum sim_port_type {
	SIM_ROOT_PORT = 4, SIM_UPSTREAM = 5, SIM_DOWNSTREAM = 6, SIM_PCIE_TO_PCI = 7,
	SIM_PCI_BRIDGE = 0xff,          /* no PCIe capability */
};

struct sim_bridge {
	struct bdf bdf;
	uint8_t secondary;              /* the bus below it */
	enum sim_port_type type;
	uint16_t vendor, device;
	uint8_t speed, width;           /* the trained link, as in LNKSTA; 0: no link */
	bool reports_active;            /* LNKCAP: data link layer active reporting */
	bool hotplug; /* a native hotplug slot, presence in-band; pciehp listens */
	bool slot_power;                /* ... with a power controller */
	bool bandwidth; /* the kernel asks for bandwidth notifications (6.13 and later) */
	bool errors;                    /* AER and DPC, both on */
	/* Surprise Down also for a reset, from which PCIe 3.2.1 exempts it */
	bool surprised_by_reset;
	bool no_subordinate;            /* a kernel without reset_subordinate */
	uint64_t train_us;              /* from the end of a reset to the link being up */
};

/* A machine with nothing in it, at time 0. Never NULL. hw_close() frees it. */
struct hw *hw_sim_open(void);

/* A bridge; the one above its bus must have been added, bus 0 is the root. */
void hw_sim_bridge(struct hw *sim, const struct sim_bridge *bridge);

/* A function backed by function @fn of a device model. */
void hw_sim_function(struct hw *sim, struct bdf bdf, const struct sim_dev_ops *ops,
		     void *dev, int fn);

/* A driver that is loaded. */
void hw_sim_driver(struct hw *sim, const char *name);

/* The kernel binds @driver by itself to each @vendor:@device (0xffff: any) it finds. */
void hw_sim_autobind(struct hw *sim, uint16_t vendor, uint16_t device,
		     const char *driver);

/*
 * Enumerate: bus numbers, windows, BARs, reset methods (probed function by function,
 * as Linux does, before the siblings are known), drivers by the rules.
 */
void hw_sim_boot(struct hw *sim);

/*
 * Any attribute of a function: "boot_vga", "iommu_group", "sriov_numvfs"; also the
 * kernel's own state: "driver", "power/control", "enable". These last do not survive a
 * removal; all others come back with the function. @text NULL: no such attribute.
 */
void hw_sim_attr(struct hw *sim, struct bdf bdf, const char *name, const char *text);

/* A file of the host; @text NULL: it does not exist. */
void hw_sim_host(struct hw *sim, const char *path, const char *text);

/* Somebody has a device node of @bdf open; or only @until_us of hw_now(). */
void hw_sim_holder(struct hw *sim, struct bdf bdf, const struct hw_holder *holder);
void hw_sim_holder_until(struct hw *sim, struct bdf bdf, const struct hw_holder *holder,
			 uint64_t until_us);

/*
 * Somebody tries to open the function, as the kernel allows it: the VFIO group when
 * vfio-pci has it and nobody owns (hw_own()) or has opened it, a host driver's node
 * otherwise. False: refused, or there is nothing to open. Opened for good when true.
 */
bool hw_sim_try_open(struct hw *sim, struct bdf bdf, int pid);

/* Times a driver other than vfio-pci was bound to a function that reads all ones. */
unsigned hw_sim_dead_probes(const struct hw *sim);

/* Times that pciehp took a card for pulled out. */
unsigned hw_sim_surprises(const struct hw *sim);
/* Messages about errors that ports have sent. */
unsigned hw_sim_error_messages(const struct hw *sim);
/* DPC triggers at this port, because of an ERR_FATAL of the card. */
void hw_sim_contain(struct hw *sim, struct bdf bridge);

/* Does the kernel know the function at this moment? */
bool hw_sim_known(const struct hw *sim, struct bdf bdf);

#endif
