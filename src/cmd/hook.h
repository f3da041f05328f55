/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gpureset hook: its commands, and what Proxmox VE's configuration says. */
#ifndef GPURESET_CMD_HOOK_H
#define GPURESET_CMD_HOOK_H

#include "cmd/cmd.h"
#include "cmd/config.h"
#include "host/vmdev.h"

#define HOOK_MAPPINGS HOSTPCI_KEYS

/* Each in its file; "hook NAME" is what people type. */
extern const struct command cmd_hook_show, cmd_hook_install, cmd_hook_remove,
	cmd_hook_status, cmd_hook_release, cmd_hook_libvirt;
/* `gpureset hook VMID PHASE` */
int hook_phase_run(int argc, char **argv);

/* One card of the VM that may have to be reset. */
struct hook_card {
	struct bdf_spec spec;
	bool present;                   /* its function (function 0) is on the bus */
	bool gpu;                       /* a display function or accelerator is in it */
	bool vf;                        /* a virtual function: part of somebody's card */
	bool spare;                     /* of a mapping: PVE may give it instead */
	bool got;                       /* HOOK_POST_START: the VM has it */
	bool only_held;                 /* the VM has not used it: put back, no more */
	unsigned owner;                 /* another VM that holds it, 0: none */
	bool give_back;                 /* as with after-stop = host-driver */
};

struct hook_vm {
	struct pve_vm vm;
	struct vmdevs devs;
	struct hook_card card[VMDEV_MOST];
	size_t ncards;
	struct pve_resvs resvs;
	char node[64];
	struct diag diag;               /* what PVE would drop, with its place */
};

/*
 * Read the VM's configuration, mappings and reservations (where @o says they are),
 * and look at the bus.
 * Returns 0 or an exit status with @err. Free with hook_vm_free() in either case.
 */
int hook_vm_read(struct hook_vm *h, struct hw *hw, const struct options *o,
		 unsigned vmid, struct err *err);
void hook_vm_free(struct hook_vm *h);

/* The VM, other than @vmid, that has a reservation in force within @spec; 0: none. */
unsigned hook_owner(const struct pve_resvs *resvs, const struct options *o,
		    const struct bdf_spec *spec, unsigned vmid);

/*
 * The cards behind @devs, with their owners other than @vmid (0: no VM of Proxmox'), as
 * the bus shows them now. A card of which the VM has only some functions counts as a
 * whole slot when nobody else wants the others: they have no driver but vfio-pci, or
 * are in the same IOMMU group, which Proxmox takes as one. Returns how many of @card
 * (room for VMDEV_MOST) were filled, or a negative errno.
 */
int hook_cards(struct hw *hw, const struct options *o, const struct vmdevs *devs,
	       unsigned vmid, struct hook_card *card, struct err *err);

/* --- the phases of a VM ---------------------------------------------------------- */

enum hook_phase { HOOK_PRE_START, HOOK_POST_START, HOOK_PRE_STOP, HOOK_POST_STOP };

/* A VM is about to start, or has stopped. */
struct hook_event {
	enum hook_phase phase;          /* not HOOK_PRE_STOP: there is nothing to do */
	const char *vm;                 /* "101", or a libvirt guest's name */
	unsigned vmid;                  /* 0: not one of Proxmox' */
	struct hook_card card[VMDEV_MOST];
	size_t ncards;
};

/*
 * The cards of @ev: those behind the @n functions @fn (at most VMDEV_MOST) that its VM
 * has. Returns 0, or a negative errno; then @ev has none.
 */
int hook_event_cards(struct hw *hw, const struct options *o, const struct bdf *fn,
		     size_t n, struct hook_event *ev, struct err *err);

/* A GPU, or missing: then its worker sees what it is. No virtual function. */
bool hook_card_ours(const struct hook_card *c);
bool hook_any(const struct hook_event *ev);

/*
 * The configuration, and the quirks if any card of @ev is not to be skipped. At
 * HOOK_PRE_START a status other than 0 keeps the VM from starting; messages say so, and
 * what lifts it.
 */
int hook_load(const struct options *o, struct config *conf, struct quirk_db *db,
	      const struct hook_event *ev);

/*
 * Do for each GPU of @ev what the phase asks for, all at once, by the settings of
 * @conf. One line a card on standard output, none when nothing was needed; details to
 * syslog. Returns what the hook ends with: 0, or at HOOK_PRE_START the exit status that
 * keeps the VM from starting.
 */
int hook_event_run(const struct options *o, const struct config *conf,
		   const struct quirk_db *db, struct hook_event *ev);

/* "pre-start" */
const char *hook_phase_str(enum hook_phase phase);
#define HOOK_PHASES (HOOK_POST_STOP + 1)

#endif
