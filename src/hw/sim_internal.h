/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the simulator share; everybody else uses hw_sim.h. */
#ifndef GPURESET_HW_SIM_INTERNAL_H
#define GPURESET_HW_SIM_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hw/hw_ops.h"
#include "hw/hw_sim.h"

#define SIM_FNS 64
#define SIM_PORT_CFG 512        /* of a bridge that has AER and DPC; else 256 */
#define SIM_TEXTS 64
#define SIM_NAMES 16
#define SIM_ACCESS_US 1         /* a configuration or register cycle */
#define SIM_ATTR_US 10          /* a system call or two */

/* In the kernel's order of preference (pci_reset_fn_methods of drivers/pci/pci.c). */
enum sim_method { SIM_FLR, SIM_AF_FLR, SIM_PM, SIM_BUS, SIM_METHODS };

struct sim_bar {
	uint32_t start, size;           /* size 0: none */
	bool io;
};

/* pci_save_state(): the header, and what of the PCIe capability is writable. */
struct sim_saved {
	bool valid;
	uint32_t header[16];
	uint16_t pcie[4];
};

/* A bridge's own hardware. */
struct sim_port {
	struct hw_sim *sim;
	struct sim_fn *fn;
	struct sim_bridge what;
	uint8_t cfg[SIM_PORT_CFG], writable[SIM_PORT_CFG];
	uint8_t clears[SIM_PORT_CFG];   /* bits that a write of 1 clears */
	uint64_t link_at;               /* the link is up from then on */
	bool was_up;                    /* as far as the events tell */
	uint64_t busy_until;            /* DPC: RP Busy */
	/* what the kernel knows */
	bool slot_on;
	uint16_t hidden;                /* slot events, while its own reset runs */
};

struct sim_vfio;

struct sim_fn {
	struct bdf bdf;
	struct sim_fn *parent;          /* the bridge above, NULL on the root bus */
	const struct sim_dev_ops *ops;
	void *dev;
	int fn;
	struct sim_port *port;          /* bridges only */

	/* what the kernel knows; gone with a removal */
	bool known;
	uint32_t id, sub, class_rev;
	unsigned cap_pm, cap_pcie, cap_af;      /* cached, as pci_dev does */
	bool flr;
	struct sim_bar bar[6];
	uint32_t win_start, win_end;    /* bridges: memory below */
	uint8_t method[SIM_METHODS];
	unsigned nmethods;
	bool has_reset;
	char driver[32], override[64];
	bool autosuspend, suspended, in_d3, d3cold_off;
	int enabled;
	bool owned;                     /* hw_own(): its VFIO group is held */
	struct sim_vfio *vfio;          /* open through VFIO; NULL: not by us */
	struct sim_saved saved, before_suspend;
};

struct sim_text {
	struct sim_fn *fn;              /* NULL: a file of the host */
	char name[80], text[160];
	bool absent;
};

struct sim_rule {
	uint16_t vendor, device;
	char driver[32];
};

struct sim_user {
	struct bdf fn;
	uint64_t until;                 /* when it lets go */
	struct hw_holder holder;
};

struct hw_sim {
	struct hw hw;                   /* first: struct hw * and this are one */
	uint64_t now;
	struct sim_fn *fn[SIM_FNS];     /* in address order */
	size_t nfns;
	struct sim_text text[SIM_TEXTS];
	size_t ntexts;
	char driver[SIM_NAMES][32];
	size_t ndrivers;
	struct sim_rule rule[SIM_NAMES];
	size_t nrules;
	struct sim_user user[SIM_NAMES];
	size_t nusers;
	unsigned events;                /* not yet told by wait_event */
	unsigned dead_probes, surprises, error_messages;
};

/* --- hw_sim.c: the hardware ------------------------------------------------------- */

struct hw_sim *sim_of(struct hw *hw);
struct sim_fn *sim_find(const struct hw_sim *sim, struct bdf bdf);
/* -ENODEV with a sentence when the kernel does not know the function. */
struct sim_fn *sim_known(const struct hw_sim *sim, struct bdf bdf, struct err *err);
/* Configuration space as software sees it: all ones when a bridge does not forward. */
uint32_t sim_read(struct hw_sim *sim, struct sim_fn *f, unsigned off, unsigned width);
void sim_write(struct hw_sim *sim, struct sim_fn *f, unsigned off, unsigned width,
	       uint32_t val);
unsigned sim_cap(struct hw_sim *sim, struct sim_fn *f, uint8_t id);
bool sim_below(const struct sim_fn *f, const struct sim_fn *bridge);
bool sim_lockdown(const struct hw_sim *sim);
struct sim_text *sim_text(struct hw_sim *sim, const struct sim_fn *f, const char *name);

/* --- sim_port.c: bridges ---------------------------------------------------------- */

extern const struct sim_dev_ops sim_port_ops;
void sim_port_init(struct sim_port *port);
/* Does the bridge pass configuration requests to the bus below? */
bool sim_port_forwards(const struct sim_port *port);
/* Does it pass a memory request? */
bool sim_port_window(const struct sim_port *port, uint32_t addr);

bool sim_port_link_up(const struct sim_port *port);
/* 16 bits of the port's own, not as software reads them. */
uint32_t sim_port_get(const struct sim_port *port, unsigned off);
void sim_port_put(struct sim_port *port, unsigned off, uint32_t val);

/* --- sim_hotplug.c: who listens to a port ------------------------------------------- */

#define SIM_PORT_CAP 0x40u      /* PCIe capability */
#define SIM_PORT_AER 0x100u
#define SIM_PORT_DPC 0x148u

/* The port's hardware: what the link has done since leaves its marks. */
void sim_port_track(struct sim_port *port);
/* The kernel's port services are bound: they turn their events on. */
void sim_port_serve(struct sim_port *port);
/* pciehp_reset_slot(): around a reset of the kernel's own. */
void sim_port_hide(struct sim_port *port, bool hide);
/* The kernel's threads, whenever a call of the program's ends: interrupts are served. */
void sim_port_interrupts(struct hw_sim *sim);

/* --- sim_scan.c: enumeration, drivers --------------------------------------------- */

/* Look for functions on @bridge's bus (NULL: the root's) and below. */
void sim_scan_below(struct hw_sim *sim, struct sim_fn *bridge);
void sim_remove(struct hw_sim *sim, struct sim_fn *f);
bool sim_driver_exists(const struct hw_sim *sim, const char *name);
void sim_unbind(struct hw_sim *sim, struct sim_fn *f);
void sim_bind(struct hw_sim *sim, struct sim_fn *f, const char *driver);
/* drivers_probe: the override's driver, or the rules'. */
void sim_probe_driver(struct hw_sim *sim, struct sim_fn *f);
/* Wakes the function if need be. */
void sim_wake(struct hw_sim *sim, struct sim_fn *f);
/*
 * Runtime PM: an idle function of vfio-pci sleeps when it may; of one without a driver
 * only the configuration is remembered, and put back at its wake-up.
 */
void sim_runtime_pm(struct hw_sim *sim, struct sim_fn *f);

/* --- sim_reset.c: the kernel's resets --------------------------------------------- */

void sim_save(struct hw_sim *sim, struct sim_fn *f, struct sim_saved *to);
void sim_restore(struct hw_sim *sim, struct sim_fn *f, const struct sim_saved *from);
/* The list as `reset_method` shows it. */
void sim_methods_text(const struct sim_fn *f, char *buf, size_t size);
/* Find the methods of a function, the siblings as far as they are known now. */
void sim_probe_methods(struct hw_sim *sim, struct sim_fn *f);
/* reset_method := @list; -EINVAL and nothing changed for a name that will not do. */
int sim_set_methods(struct hw_sim *sim, struct sim_fn *f, const char *list);
/* The methods of the list, one after the other, and nothing around them. */
int sim_run_methods(struct hw_sim *sim, struct sim_fn *f);
/* Write to `reset`. */
int sim_reset_function(struct hw_sim *sim, struct sim_fn *f);
/* Write to `reset_subordinate`, and the body of the VFIO hot reset. */
int sim_reset_below(struct hw_sim *sim, struct sim_fn *bridge);

/* --- sim_kernel.c: attributes ----------------------------------------------------- */

int sim_attr_read(struct hw *hw, struct bdf bdf, const char *name, char *buf,
		  size_t size, struct err *err);
bool sim_attr_exists(struct hw *hw, struct bdf bdf, const char *name);
int sim_attr_write(struct hw *hw, struct bdf bdf, const char *name, const char *value,
		   struct err *err);
int sim_bus_write(struct hw *hw, const char *name, const char *value, struct err *err);
int sim_own(struct hw *hw, struct bdf bdf, struct err *err);
void sim_disown(struct hw *hw, struct bdf bdf);
int sim_hot_reset(struct hw *hw, struct bdf bdf, const struct bdf *fns, size_t n,
		  struct err *err);

/* --- sim_vfio.c: a function opened through VFIO ----------------------------------- */

/* Is the VFIO group of @f open: by somebody's device node, or (@ours) held by us? */
bool sim_group_is_open(struct hw_sim *sim, struct sim_fn *f, bool ours);
int sim_vfio_open(struct hw *hw, struct bdf bdf, struct err *err);
void sim_vfio_close(struct hw *hw, struct bdf bdf);
/* Does vfio-pci let BAR accesses through at this moment? */
bool sim_vfio_decodes(const struct sim_fn *f);
/* A write to configuration space as vfio-pci passes it on, changes it or drops it. */
void sim_vfio_cfg_write(struct hw_sim *sim, struct sim_fn *f, unsigned off,
			unsigned width, uint32_t val);

#endif
