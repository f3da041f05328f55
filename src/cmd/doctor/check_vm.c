// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The settings of a VM on Proxmox VE. What they do was read in qemu-server
 * (PVE/QemuServer.pm, PVE/QemuServer/PCI.pm print_hostpci_devices, CPUConfig.pm).
 */
#include <stdlib.h>
#include <string.h>

#include "cmd/doctor/vmgpu.h"
#include "host/pve_list.h"

static unsigned vmid_of(const struct exam *x)
{
	return x->at_vm->hook.vm.vmid;
}

/* "101.conf has 'bios: seabios'", or that it does not say */
static void found_plain(struct exam *x, enum severity severity, enum pve_plain key,
			const char *means)
{
	const char *name = pve_plain_name(key), *value = vm_plain(x, key);

	if (value[0])
		exam_found(x, severity, "%u.conf has '%s: %.200s'", vmid_of(x), name,
			   value);
	else
		exam_found(x, severity, "%u.conf has no '%s:', which means %s",
			   vmid_of(x), name, means);
}

/* --- the machine ---------------------------------------------------------------- */

static void check_needs_q35(struct exam *x)
{
	const struct pve_vm *vm = &x->at_vm->hook.vm;
	const char *machine = vm_plain(x, PVE_MACHINE);

	for (int i = 0; i < HOSTPCI_KEYS && !vm_is_q35(x); i++) {
		if (!vm->key[i].line || !vm->key[i].pci.pcie)
			continue;
		exam_found(x, SEV_PROBLEM, "%u.conf has 'hostpci%d: %.200s' and %s%s",
			   vm->vmid, i, vm->key[i].value, machine[0] ? "machine: " :
			   "no 'machine:', which means i440fx", machine);
		exam_fix(x, "give it the machine with PCI Express (an installed Windows "
			 "detects its devices anew), or take pcie=1 away:\n"
			 " qm set %u --machine q35", vm->vmid);
		return;
	}
}

/* The key's value with ",pcie=1" behind it, or its pcie=0 turned. */
static void fix_pcie(struct exam *x, const struct vm_gpu *g)
{
	char text[PVE_VALUE + 16] = "";
	const char *at = g->key->value;
	struct pve_item it;
	size_t n = 0;

	while (pve_item_next(&at, "host", &it)) {
		size_t len = (size_t)(at - it.text);

		if (it.key_len != 4 || memcmp(it.key, "pcie", 4) != 0)
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%.*s,",
					      (int)len, it.text);
	}
	exam_fix(x, "%s\n qm set %u%s --hostpci%d '%spcie=1'", vm_is_q35(x) ?
		 "with the VM stopped:" : "if the guest's driver does not take the card "
		 "as it is, with the VM stopped (an installed Windows detects its "
		 "devices anew):", vmid_of(x), vm_is_q35(x) ? "" : " --machine q35",
		 g->dev->key, text);
}

static void check_not_pcie(struct exam *x)
{
	struct vm_gpu g;

	for (size_t i = 0; vm_gpu_next(x, &i, &g);) {
		if (!g.key || g.key->pci.pcie || g.key->pci.legacy_igd)
			continue;
		exam_found(x, vm_is_q35(x) ? SEV_WARNING : SEV_NOTE, "%u.conf has "
			   "'hostpci%d: %.200s' without pcie=1", vmid_of(x), g.dev->key,
			   g.key->value);
		fix_pcie(x, &g);
	}
}

/*
 * "split" has been seen to give Code 43 with NVIDIA's driver; it was QEMU's default for
 * q35 in 4.0 alone (QEMU's change log of 4.0 and 4.1; ArchWiki, PCI passthrough via
 * OVMF, "Error 43").
 */
static void check_irqchip(struct exam *x)
{
	const char *args = vm_plain(x, PVE_ARGS_LINE);
	struct vm_gpu g;
	char type[64];

	if (!vm_is_q35(x) || !vm_gpu_of(x, VENDOR_NVIDIA, &g))
		return;
	pve_item_value(vm_plain(x, PVE_MACHINE), "type", "type", type, sizeof(type));
	if (strstr(args, "irqchip=split")) {
		exam_found(x, SEV_WARNING, "%u.conf has kernel_irqchip=split in 'args:'",
			   vmid_of(x));
		exam_fix(x, "take it out of the args line:\n qm config %u | grep ^args\n"
			 " qm set %u --args '...'", vmid_of(x), vmid_of(x));
	} else if ((!strcmp(type, "pc-q35-4.0") || !strncmp(type, "pc-q35-4.0+", 11)) &&
		   !strstr(args, "irqchip=on")) {
		exam_found(x, SEV_WARNING, "%u.conf has 'machine: %s', the one version "
			   "of q35 whose default is kernel_irqchip=split", vmid_of(x),
			   type);
		exam_fix(x, " qm set %u --machine q35", vmid_of(x));
	}
}

/* --- firmware ------------------------------------------------------------------- */

/* Device ids of Blackwell and its successors by pci.ids 2026-08-22: GB100 to GB300. */
static bool is_blackwell(const struct vm_gpu *g)
{
	return g->vendor == VENDOR_NVIDIA && g->device >= 0x2900 && g->device < 0x3200;
}

static void check_seabios(struct exam *x)
{
	struct vm_gpu g;
	size_t i = 0;
	bool blackwell = false, any = false;

	while (vm_gpu_next(x, &i, &g)) {
		any = true;
		blackwell |= is_blackwell(&g);
	}
	if (!any || blackwell || !strcmp(vm_plain(x, PVE_BIOS), "ovmf"))
		return;
	found_plain(x, SEV_NOTE, PVE_BIOS, "SeaBIOS");
	exam_fix(x, vm_x_vga(x) ?
		 "nothing while the picture is there; a new VM better has OVMF from the "
		 "beginning (an installed guest does not boot after the change):\n"
		 " qm set NEW --bios ovmf --efidisk0 STORAGE:1,efitype=4m" :
		 "nothing if the picture of the guest's driver is enough; for the boot "
		 "screen on the card a new VM with OVMF:\n"
		 " qm set NEW --bios ovmf --efidisk0 STORAGE:1,efitype=4m");
}

/* One report: NVIDIA open-gpu-kernel-modules#853, a 5070 Ti; fine with a UEFI guest. */
static void check_seabios_blackwell(struct exam *x)
{
	struct vm_gpu g;

	for (size_t i = 0; vm_gpu_next(x, &i, &g);) {
		if (!is_blackwell(&g) || !strcmp(vm_plain(x, PVE_BIOS), "ovmf"))
			continue;
		found_plain(x, SEV_PROBLEM, PVE_BIOS, "SeaBIOS");
		exam_fix(x, "make the VM a UEFI one; a guest that was installed under "
			 "SeaBIOS has to be installed again, or its disk converted "
			 "(Windows: mbr2gpt):\n"
			 " qm set %u --bios ovmf --efidisk0 STORAGE:1,efitype=4m",
			 vmid_of(x));
		return;
	}
}

/* --- the processor, and drivers that refuse virtual machines ---------------------- */

static void check_cpu(struct exam *x)
{
	char type[64];
	struct vm_gpu g;

	pve_item_value(vm_plain(x, PVE_CPU), "cputype", "cputype", type, sizeof(type));
	if (!strcmp(type, "host") || !strncmp(type, "custom-", 7) || !vm_gpu_of(x, 0, &g))
		return;
	found_plain(x, SEV_NOTE, PVE_CPU, "kvm64");
	exam_fix(x, "if the VM need not move to hosts with other processors:\n"
		 " qm set %u --cpu host", vmid_of(x));
}

/* Does the configuration hide KVM from the guest? x-vga=1 does on Proxmox. */
static bool hides_kvm(const struct exam *x)
{
	char hidden[8];

	pve_item_value(vm_plain(x, PVE_CPU), "cputype", "hidden", hidden, sizeof(hidden));
	return vm_x_vga(x) || pve_bool(hidden, strlen(hidden)) == 1 ||
	       strstr(vm_plain(x, PVE_ARGS_LINE), "kvm=off");
}

/*
 * Drivers refused until 465 (NVIDIA's release notes, April 2021; ArchWiki as above). From
 * Ada on (pci.ids: 0x2600) no card has ever had one so old.
 */
static void check_code43_nvidia(struct exam *x)
{
	struct vm_gpu g;
	const char *cpu = vm_plain(x, PVE_CPU);

	if (hides_kvm(x) || !vm_gpu_of(x, VENDOR_NVIDIA, &g) || g.device >= 0x2600)
		return;
	exam_found(x, SEV_NOTE, "%u.conf has neither x-vga=1 nor hidden=1 in its 'cpu:'",
		   vmid_of(x));
	exam_fix(x, "only if the guest's driver is older than 465 (Fermi and before "
		 "never got a newer one):\n qm set %u --cpu '%s,hidden=1'", vmid_of(x),
		 cpu[0] ? cpu : "host");
}

/* ArchWiki as above: the guest is given a vendor id for AMD's drivers, too. */
static void check_code43_amd(struct exam *x)
{
	const char *cpu = vm_plain(x, PVE_CPU), *args = vm_plain(x, PVE_ARGS_LINE);
	struct vm_gpu g;
	char id[32];

	pve_item_value(cpu, "cputype", "hv-vendor-id", id, sizeof(id));
	if (!vm_is_windows(x) || id[0] || vm_x_vga(x) || strstr(args, "hv_vendor_id") ||
	    strstr(args, "hv-vendor-id") || !vm_gpu_of(x, VENDOR_AMD, &g))
		return;
	exam_found(x, SEV_NOTE, "%u.conf has neither x-vga=1 nor hv-vendor-id in its "
		   "'cpu:'", vmid_of(x));
	exam_fix(x, "only if the guest's driver stops with Code 43 on its first start, "
		 "too:\n qm set %u --cpu '%s,hv-vendor-id=AuthenticAMD'", vmid_of(x),
		 cpu[0] ? cpu : "host");
}

/* pci.ids: "GP107M [GeForce GTX 1050 Mobile]", "TU106M [... Max-Q]" */
static bool is_mobile(const char *name)
{
	const char *chip = strstr(name, " [GeForce");

	return strstr(name, "Mobile") || strstr(name, "Max-Q") ||
	       (chip && chip > name && chip[-1] == 'M');
}

static void check_laptop(struct exam *x)
{
	struct vm_gpu g;
	char name[160];

	for (size_t i = 0; vm_gpu_next(x, &i, &g);) {
		if (g.vendor != VENDOR_NVIDIA ||
		    strstr(vm_plain(x, PVE_ARGS_LINE), "-acpitable"))
			continue;
		hw_name(x->hw, g.vendor, g.device, name, sizeof(name));
		if (!is_mobile(name))
			continue;
		exam_found(x, SEV_NOTE, "%s; the args of %u.conf add no ACPI table", name,
			   vmid_of(x));
		exam_fix(x, "if the driver stops with Code 43: an ACPI table with a "
			 "battery (ArchWiki, PCI passthrough via OVMF, has one), in "
			 "%s:\n -acpitable file=/root/SSDT1.dat",
			 vm_plain(x, PVE_ARGS_LINE)[0] ? "the args line, behind what is "
			 "there" : "an args line");
		return;
	}
}

/* --- the display ---------------------------------------------------------------- */

/*
 * Without "vga:" x-vga=1 takes the virtual display away. A serial port is no display.
 */
static void check_display(struct exam *x)
{
	struct vm_gpu g;
	char type[32];
	bool only = vm_x_vga(x);

	pve_item_value(vm_plain(x, PVE_VGA), "type", "type", type, sizeof(type));
	if (!strcmp(type, "none") || !strncmp(type, "serial", 6) ||
	    (only && !vm_plain(x, PVE_VGA)[0]) || !vm_gpu_of(x, 0, &g))
		return;
	found_plain(x, only ? SEV_WARNING : SEV_NOTE, PVE_VGA, "a virtual display");
	exam_fix(x, "%s\n qm set %u --vga none", only ?
		 "x-vga=1 makes the card the only display of the guest; so let it be:" :
		 "keep it while you install the guest; when its driver works, and "
		 "the picture should begin on the card:", vmid_of(x));
}

/* --- others --------------------------------------------------------------------- */

static unsigned long plain_number(const struct exam *x, enum pve_plain key,
				  const char *bare)
{
	char text[24];

	return strtoul(pve_item_value(vm_plain(x, key), bare, bare, text, sizeof(text)),
		       NULL, 10);
}

static void check_balloon(struct exam *x)
{
	unsigned long least = plain_number(x, PVE_BALLOON, "balloon");
	unsigned long memory = plain_number(x, PVE_MEMORY, "current");

	if (!least || least >= memory)
		return;
	exam_found(x, SEV_NOTE, "%u.conf has 'balloon: %lu' with 'memory: %lu'",
		   vmid_of(x), least, memory);
	exam_fix(x, "give it the memory that it needs, and no balloon:\n"
		 " qm set %u --balloon 0", vmid_of(x));
}

static void check_locked(struct exam *x)
{
	const struct pve_vm *vm = &x->at_vm->hook.vm;

	if (!vm->lock[0])
		return;
	exam_found(x, SEV_WARNING, "%u.conf has 'lock: %s'", vm->vmid, vm->lock);
	exam_fix(x, "wait for the task that has it; if none is running any more:\n"
		 " qm unlock %u", vm->vmid);
}

static void check_pending(struct exam *x)
{
	const struct pve_vm *vm = &x->at_vm->hook.vm;

	if (!vm->pending)
		return;
	exam_found(x, SEV_NOTE, "%u.conf has a section [PENDING]", vm->vmid);
	exam_fix(x, "look at what waits, let the VM stop and start, and run doctor "
		 "again:\n qm pending %u", vm->vmid);
}

const struct check doctor_vm[] = {
	{ "vm-locked", ON_VM, "the VM is locked",
	  "Proxmox VE does not start a VM while a backup, a migration or a snapshot has "
	  "its lock; one that was killed leaves it behind", check_locked },
	{ "vm-needs-q35", ON_VM, "pcie=1 without the machine q35",
	  "the start ends with 'q35 machine model is not enabled'", check_needs_q35 },
	{ "vm-not-pcie", ON_VM, "the card is no PCI Express device in the guest",
	  "it is put on a conventional PCI bus, where some drivers do not start, and "
	  "none sees its link; most cards of today want pcie=1 and q35", check_not_pcie },
	{ "vm-irqchip", ON_VM, "the interrupt controller is split between QEMU and KVM",
	  "NVIDIA's driver in Windows stops with Code 43 then", check_irqchip },
	{ "vm-seabios", ON_VM, "the guest's firmware is SeaBIOS",
	  "it shows a picture only through the card's old VGA part (x-vga=1), which "
	  "fights with the host's for the same addresses, and new cards have no ROM for "
	  "it", check_seabios },
	{ "vm-seabios-blackwell", ON_VM, "a Blackwell card in a guest with SeaBIOS",
	  "the host froze when such a guest was shut down (one report: a 5070 Ti, "
	  "NVIDIA/open-gpu-kernel-modules#853); with OVMF it did not",
	  check_seabios_blackwell },
	{ "vm-cpu", ON_VM, "the guest's processor is not the host's",
	  "drivers and compute libraries want instructions (AVX, for one) that the "
	  "model of the VM may not have", check_cpu },
	{ "vm-code43-nvidia", ON_VM, "an old NVIDIA driver would see the hypervisor",
	  "GeForce drivers before 465 (2021) stop with Code 43 where they see KVM, which "
	  "looks like a failed reset, but happens from the first start on",
	  check_code43_nvidia },
	{ "vm-code43-amd", ON_VM, "an AMD driver would see Hyper-V's vendor id",
	  "some of AMD's drivers for Windows stop with Code 43 there, from the first "
	  "start on; that is no failed reset", check_code43_amd },
	{ "vm-laptop", ON_VM, "a laptop's NVIDIA card without a battery in the guest",
	  "the driver stops with Code 43 where ACPI shows no battery", check_laptop },
	{ "vm-display", ON_VM, "the guest has a virtual display beside the card",
	  "firmware and Windows take the virtual one for the first screen, so that the "
	  "monitor on the card stays black until its driver runs", check_display },
	{ "vm-balloon", ON_VM, "ballooning cannot give memory back",
	  "all memory of a VM with a passed-through card is pinned from its start, as "
	  "the card may write anywhere in it", check_balloon },
	{ "vm-pending", ON_VM, "changes wait for the next start",
	  "doctor looked at the settings in force, the next start has others",
	  check_pending },
	{ 0 }
};
