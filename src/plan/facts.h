/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is true of a target before anything is done: its functions, the bridges above,
 * who else a reset of those bridges would hit, who uses it. Collected by reading only;
 * every later stage (quirk match, methods, guards, printing) is a pure function of it.
 */
#ifndef GPURESET_PLAN_FACTS_H
#define GPURESET_PLAN_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bdf.h"
#include "hw/hw.h"

#define SLOT_FNS 8              /* functions of a slot without ARI */
#define MAX_PATH 16             /* bridges between a card and its root complex */
#define MAX_HOLDERS 16          /* holders named; more are counted */

/* Kernel's own refusals that sysfs does not show (drivers/pci/quirks.c). */
enum kernel_deny {
	KDENY_BUS = 1 << 0,     /* quirk_no_bus_reset */
	KDENY_PM = 1 << 1,      /* quirk_no_pm_reset */
	KDENY_FLR = 1 << 2,     /* quirk_no_flr */
};

struct link_facts {
	bool present;           /* a PCIe capability with a link */
	bool reports_active;    /* LNKCAP: data link layer link active reporting */
	bool active;            /* LNKSTA.DLLLA */
	uint8_t speed, max_speed;       /* 1: 2.5 GT/s, 2: 5, 3: 8, 4: 16, 5: 32, 6: 64 */
	uint8_t width, max_width;       /* lanes */
};

struct bar_facts {
	uint64_t start, size;   /* bus address as the kernel has it; size 0: no BAR */
	uint64_t flags;         /* IORESOURCE_* as in the sysfs file `resource` */
};

struct fn_facts {
	struct bdf bdf;
	bool known;             /* the kernel has it (a lost sibling is not) */
	bool answers;           /* its vendor id is not all ones, nor "not yet" (RRS) */
	bool virtual_fn;        /* of SR-IOV, there, and all ones for its ids */
	uint16_t vendor, device, subvendor, subdevice;  /* as the kernel cached them */
	uint32_t class_code;    /* 24 bits */
	uint8_t revision, header_type;
	uint16_t command;
	char driver[32];        /* "" when none is bound */
	char driver_override[64];       /* "" when none is set */
	int iommu_group;        /* -1: none that VFIO may use */
	bool group_shared;      /* a function of another slot, no bridge, is in it */
	int enabled;            /* kernel's enable count; -1: unknown */
	/* its vendor-specific capability; 0: none, or not looked for (facts_vfio()) */
	uint8_t vndr_cap, vndr_len;
	/* before it may sleep, as its last driver left it; < 0: never (facts_vfio()) */
	int autosuspend_ms;
	int vfs;                /* enabled virtual functions */
	size_t nmdevs;          /* mediated devices that its driver has made */
	char mdev[40];          /* one of them, a UUID */
	/* linked to other cards: XGMI (seen by amdgpu alone), NVLink (its switches) */
	bool hive;
	size_t nhive;           /* the other cards of the hive */
	struct bdf hive_fn;     /* one of them; nhive 0: not known which */
	bool boot_vga;
	bool has_reset;         /* the attribute `reset` exists */
	char reset_method[64];  /* as the kernel lists it; may be stale */
	char power_control[8];  /* "on", "auto", "" when absent */
	char power_state[12];   /* the kernel's cached word: D0, D3hot, D3cold ... */
	unsigned pm_cap, pcie_cap, af_cap;      /* offsets, 0: none */
	bool flr, af_flr;
	bool pm_reset;          /* PMCSR.NoSoftRst clear: D3hot to D0 resets */
	bool extended;          /* configuration space goes on beyond 256 bytes */
	bool removable;         /* the kernel's word: behind an external-facing port */
	struct link_facts link;
	struct bar_facts bar[6];
	unsigned kernel_deny;   /* enum kernel_deny bits */
};

enum port_type {                /* PCIe capability, device/port type (PCIe 7.5.3.2) */
	PORT_ROOT = 4, PORT_UPSTREAM = 5, PORT_DOWNSTREAM = 6,
	PORT_PCIE_TO_PCI = 7, PORT_PCI = 0xff /* conventional bridge */
};

/* What a port would make of a link that goes down; all zero for other bridges. */
struct port_facts {
	uint16_t slot_events;   /* SLTCTL: presence and link events that are enabled */
	uint16_t link_events;   /* LNKCTL: bandwidth notifications that are enabled */
	unsigned aer, dpc;      /* offsets of the capabilities, 0: none */
	bool aer_reports;       /* DEVCTL: it sends messages about its errors */
	uint32_t aer_uncor, aer_cor;    /* errors that its status registers hold */
	uint8_t dpc_trigger;    /* DPC_CTL.TRIGGER: what triggers it, 0: it is off */
	bool dpc_busy_bit;      /* DPC_STATUS.RP_BUSY means something */
	bool contained;         /* DPC has triggered: the port holds its link down */
	uint8_t dpc_reason;     /* ... because of: PCIe 7.9.15.4, Trigger Reason */
};

struct bridge_facts {
	struct bdf bdf;
	uint16_t vendor, device;
	unsigned type;          /* enum port_type, or what else the card says */
	unsigned pcie_cap;
	uint16_t command;
	struct link_facts link;
	bool has_reset_subordinate;
	bool hotplug; /* native hotplug slot: raw link drops look like unplugging */
	struct port_facts port;
	bool no_bus_reset;      /* kernel denies a bus reset at this bridge */
	bool thunderbolt;       /* part of a Thunderbolt controller, or behind one */
	char power_control[8];
	/*
	 * The reset of this bridge hits only the card (its own on-card switch included):
	 * no function outside the target below it.
	 */
	bool only_target;
};

/* A function below one of the bridges that is not part of the target. */
struct other_fn {
	struct bdf bdf;
	uint16_t vendor, device;
	uint32_t class_code;
	char driver[32];
	bool bridge;            /* a switch port, no endpoint */
	bool denies_bus;        /* kernel's list: a bus reset breaks it */
	int level;              /* index in path[] of the lowest bridge that covers it */
};

/*
 * Something of the host's own that runs over a function and opens no device node; or,
 * of a neighbour, who has one open.
 */
enum use_kind { USE_NETWORK, USE_STORAGE, USE_OPEN };

struct fn_use {
	enum use_kind kind;
	struct bdf bdf;         /* of the target, or one of target.other */
	char name[32];          /* "eth0", "sda2" */
	char how[128];          /* "is up", "is mounted at /srv": said after the name */
};

struct host_facts {
	char release[65];       /* kernel release */
	bool lockdown;          /* integrity or confidentiality */
	bool vfio_pci;          /* the driver is loaded */
	char fb[48]; /* name of a framebuffer that is not a GPU driver's, or "" */
	bool fb_native;         /* a framebuffer device below one of the functions */
};

struct target {
	struct bdf_spec spec;           /* what was asked for */
	struct fn_facts fn[SLOT_FNS];   /* all functions of the slot, ascending */
	size_t nfns;
	size_t main; /* index of the display function, or of the first */
	struct bridge_facts path[MAX_PATH];     /* [0] is the direct parent */
	size_t npath;
	struct other_fn *other;
	size_t nother;
	struct hw_holder holder[MAX_HOLDERS];
	size_t nholders;                /* all, may exceed MAX_HOLDERS */
	/* Under lockdown: who keeps VFIO from the main function's IOMMU group. */
	struct bdf group_blocker;
	char group_driver[32];          /* its driver; "": there is none */
	struct fn_use *use;             /* of the target's functions and of other[] */
	size_t nuses, use_room;
	struct host_facts host;
	bool thunderbolt;               /* a Thunderbolt/USB4 port is above the card */
};

/*
 * Collect the facts of the slot (or of the function's slot: facts always cover the
 * whole slot, target.spec says what was asked). -ENODEV: nothing there. The result is
 * freed with target_free().
 */
int facts_collect(struct hw *hw, const struct bdf_spec *spec, struct target *t,
		  struct err *err);
void target_free(struct target *t);

/*
 * As much of it as the kernel says by itself: ids, class, driver, IOMMU group, power
 * state of the functions, addresses of the bridges. For a card that must not be read, as
 * it sleeps or is being reset; no other fact is there, and no function `answers`.
 */
int facts_glance(struct hw *hw, const struct bdf_spec *spec, struct target *t,
		 struct err *err);

/*
 * @t again, as far as it changes from one moment to the next and costs little to read:
 * drivers, enable counts, virtual functions and who has the card open. A function that
 * is gone by now keeps no driver.
 */
int facts_again(struct hw *hw, struct target *t, struct err *err);

/* The kernel's addresses of the BARs, now: the attribute `resource`. */
int facts_bars(struct hw *hw, struct bdf bdf, struct bar_facts bar[6], struct err *err);

/* The class code (24 bits) that the kernel has for a function; 0 when it says none. */
uint32_t facts_class(struct hw *hw, struct bdf bdf);

/* Base class 0x03 (display), or an accelerator (0x12). */
bool class_is_gpu(uint32_t class_code);

/*
 * vfio-pci or one of its variants (nvgrace-gpu-vfio-pci, mlx5-vfio-pci), which share
 * vfio-pci-core: groups, opening and hot reset work alike.
 */
bool driver_is_vfio(const char *driver);

/* "8.0 GT/s" for 3. */
const char *link_speed_str(uint8_t speed);

const struct fn_facts *target_main(const struct target *t);

/* The kernel's deny bits for a function, from our own copy of its lists. */
unsigned kernel_denies(uint16_t vendor, uint16_t device, uint32_t class_code,
		       bool on_root_bus);

/*
 * Index in t->path of the bridge at whose reset the whole card (on-card switch
 * included) is reset: the highest only_target bridge, but not the second one of a way
 * through Thunderbolt; t->npath when there is none.
 */
size_t target_card_level(const struct target *t);

#endif
