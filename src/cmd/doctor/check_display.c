// SPDX-License-Identifier: GPL-2.0-or-later
/* What the firmware made of the card before Linux ran: screen and ROM. Its DMA. */
#include <stdio.h>
#include <string.h>

#include "cmd/doctor/exam.h"
#include "cmd/doctor/passthrough.h"

#define IOMEM "/proc/iomem"
#define VFCT "/sys/firmware/acpi/tables/VFCT"
#define RES_MEM 0x200u          /* IORESOURCE_MEM (linux: include/linux/ioport.h) */
#define VENDOR_ATI 0x1002
#define VENDOR_AMD 0x1022       /* of what is in its CPUs, but for graphics and sound */

/* --- the firmware's framebuffer ------------------------------------------------- */

/*
 * Names in /proc/iomem of who keeps the firmware's picture: BOOTFB is the range itself
 * (linux: drivers/firmware/sysfb_simplefb.c), kept as long as its platform device is
 * there; the others are drivers' and go with these.
 */
static const struct fb_name {
	const char *name, *driver;      /* NULL: to unbind one does not help */
} fb_names[] = {
	{ "BOOTFB", NULL },
	{ "simplefb", "simple-framebuffer" },
	{ "simpledrm", "simple-framebuffer" },
	{ "simple-framebuffer", "simple-framebuffer" },
	{ "efifb", "efi-framebuffer" },
	{ "efidrm", "efi-framebuffer" },
	{ "vesafb", "vesa-framebuffer" },
	{ "vesadrm", "vesa-framebuffer" },
};

struct fb_range {
	unsigned long long start, end;
	char name[32];
	const struct fb_name *fb;       /* NULL: not a framebuffer */
};

/* "  e4000000-e4ffffff : BOOTFB" */
static bool fb_line(const char *line, struct fb_range *r)
{
	r->fb = NULL;
	if (sscanf(line, " %llx-%llx : %31[^\n]", &r->start, &r->end, r->name) != 3)
		return false;
	for (size_t i = 0; i < sizeof(fb_names) / sizeof(*fb_names); i++)
		if (!strcmp(r->name, fb_names[i].name))
			r->fb = &fb_names[i];
	return true;
}

static const char *fb_next(const char *line)
{
	const char *end = strchr(line, '\n');

	return end ? end + 1 : NULL;
}

/* Who is not root is shown zeros. */
static bool fb_readable(const char *iomem)
{
	struct fb_range r;

	for (const char *at = iomem; at; at = fb_next(at))
		if (fb_line(at, &r) && r.end)
			return true;
	return false;
}

static bool fb_in_bar(const char *iomem, const struct bar_facts *bar, struct fb_range *r)
{
	if (!bar->start || !bar->size || !(bar->flags & RES_MEM))
		return false;
	for (const char *at = iomem; at; at = fb_next(at))
		if (fb_line(at, r) && r->fb && r->end >= bar->start &&
		    r->start <= bar->start + bar->size - 1)
			return true;
	return false;
}

/*
 * video=efifb:off turned efifb off; since simple-framebuffer took its place (5.15 in
 * Proxmox' kernels) nobody listens to it. That sysfb_init runs at all is reported not to
 * be to prevent on one 6.18 (siderolabs/talos issue 14356).
 */
static bool fb_is_off(struct exam *x)
{
	const char *cmdline = exam_file(x, "/proc/cmdline");

	return cmdline && strstr(cmdline, "efifb:off");
}

static void fb_fix(struct exam *x, const struct fb_range *r, struct bdf fn)
{
	static const char useless[] = "initcall_blacklist=sysfb_init does not help on "
		"this kernel; make another card the primary one in the firmware's setup, "
		"or, each time before the VM starts";
	char text[BDF_STR];

	if (!exam_has_word(exam_cmdline(x, "initcall_blacklist"), "sysfb_init"))
		exam_fix_cmdline(x, "%sadd initcall_blacklist=sysfb_init (the console "
				 "stays dark until a driver has a card) to",
				 fb_is_off(x) ? "video=efifb:off is not enough since "
				 "5.15; " : "");
	else if (r->fb->driver)
		exam_fix(x, "%s:\n echo %s.0 > /sys/bus/platform/drivers/%s/unbind",
			 useless, r->fb->driver, r->fb->driver);
	else
		exam_fix(x, "%s, take the function off the bus and find it again:\n "
			 "echo 1 > /sys/bus/pci/devices/%s/remove\n "
			 "echo 1 > /sys/bus/pci/rescan", useless, bdf_str(fn, text));
}

static void check_framebuffer(struct exam *x)
{
	const struct target *t = &x->at_card->study.target;
	const char *iomem = exam_file(x, IOMEM);
	char text[BDF_STR];
	struct fb_range r;

	if (!pt_wanted(x))
		return;
	if (!iomem || !fb_readable(iomem)) {
		exam_unknown(x, iomem ? IOMEM " shows its addresses to root only" :
			     IOMEM " cannot be read");
		return;
	}
	for (size_t i = 0; i < t->nfns; i++)
		for (int b = 0; b < 6; b++) {
			if (!fb_in_bar(iomem, &t->fn[i].bar[b], &r))
				continue;
			exam_found(x, SEV_PROBLEM, IOMEM ": %s has %llx-%llx, in BAR%d "
				   "of %s%s", r.name, r.start, r.end, b,
				   bdf_str(t->fn[i].bdf, text), fb_is_off(x) ?
				   ", although /proc/cmdline has video=efifb:off" : "");
			fb_fix(x, &r, t->fn[i].bdf);
			return;
		}
}

/* --- ROM ------------------------------------------------------------------------- */

#define ROM_FIX "its file in /usr/share/kvm, as romfile=NAME in the hostpci line"

/* Has a VM a ROM of its own for the card? */
static bool rom_is_given(const struct exam *x)
{
	for (size_t i = 0; i < x->nvms; i++) {
		const struct hook_vm *h = &x->vm[i]->hook;

		for (size_t k = 0; k < h->devs.n; k++) {
			const struct vmdev *d = &h->devs.dev[k];

			if (d->use == VMDEV_YES && d->key >= 0 &&
			    bdf_same_slot(d->spec.bdf, x->at_card->slot) &&
			    h->vm.key[d->key].pci.romfile[0])
				return true;
		}
	}
	return false;
}

static void check_boot_vga(struct exam *x)
{
	const struct fn_facts *fn = target_main(&x->at_card->study.target);
	char text[BDF_STR];

	if (!fn->boot_vga || !pt_wanted(x) || rom_is_given(x))
		return;
	exam_found(x, SEV_WARNING, "boot_vga of %s is 1%s", bdf_str(fn->bdf, text),
		   hw_attr_exists(x->hw, fn->bdf, "rom") ? "" :
		   ", and it has no file rom: what the guest would get is nothing");
	exam_fix(x, "make another card (or the CPU's graphics) the primary one in the "
		 "firmware's setup; or give the VM a clean ROM (the maker's, or read "
		 "while another card was primary): " ROM_FIX);
}

/*
 * linux: drivers/pci/rom.c, pci_get_rom_size(). All ones are what a card that sleeps or
 * is lost reads as.
 */
static void check_rom(struct exam *x)
{
	const struct fn_facts *fn = target_main(&x->at_card->study.target);
	char text[BDF_STR];
	const char *line;

	if (!pt_wanted(x) || rom_is_given(x))
		return;
	line = exam_log(x, bdf_str(fn->bdf, text), "Invalid PCI ROM");
	if (!line)
		return;
	exam_found(x, SEV_WARNING, "the kernel's log: %s", line);
	exam_fix(x, "%sgive the VM the card's ROM: " ROM_FIX,
		 strstr(line, "got 0xffff") ? "see whether the card answers ('gpureset "
		 "list'), as all ones is what one reads as that sleeps; then " : "");
}

/* --- graphics in a CPU ----------------------------------------------------------- */

/*
 * On the root bus in old ones; else its slot has the CPU's security processor, USB and
 * sound, which are the vendor's of CPUs.
 */
static bool apu_is(const struct target *t)
{
	bool apu = !t->npath;

	for (size_t i = 0; i < t->nfns; i++)
		apu |= t->fn[i].vendor == VENDOR_AMD;
	return apu && target_main(t)->vendor == VENDOR_ATI;
}

/*
 * Such a GPU has no ROM of its own: the firmware leaves a copy in the ACPI table VFCT
 * (linux: drivers/gpu/drm/amd/amdgpu/amdgpu_bios.c, struct UEFI_ACPI_VFCT): the image's
 * offset is at 52, and its header of 28 bytes ends with the length.
 */
static void check_igpu_rom(struct exam *x)
{
	const struct target *t = &x->at_card->study.target;
	const struct fn_facts *fn = target_main(t);
	char text[BDF_STR];

	if (!apu_is(t) || !pt_wanted(x) || rom_is_given(x) ||
	    hw_attr_exists(x->hw, fn->bdf, "rom") || !hw_host_exists(x->hw, VFCT))
		return;
	exam_found(x, SEV_WARNING, "%s, in the CPU, has no file rom, and no VM has a "
		   "romfile for it; " VFCT " is there", bdf_str(fn->bdf, text));
	exam_fix(x, "take it out of there:\n t=" VFCT "; o=$(od -An -tu4 -j52 -N4 $t)\n "
		 "n=$(od -An -tu4 -j$((o+24)) -N4 $t)\n tail -c +$((o+29)) $t | "
		 "head -c $n > /usr/share/kvm/igpu.rom\n"
		 "and put romfile=igpu.rom into the hostpci line of function 0; a VM "
		 "with OVMF needs AMDGopDriver as ROM of the sound function, too");
}

/* --- DMA ------------------------------------------------------------------------- */

/*
 * "0000:0b:00.0: AMD-Vi: Event logged [IO_PAGE_FAULT", in older kernels
 * "[IO_PAGE_FAULT device=0b:00.0"; "DMAR: [DMA Read] Request device [0b:00.0]".
 */
static const char *dma_fault(struct exam *x)
{
	static const char *const lines[] = { "IO_PAGE_FAULT", "DMAR: [" };
	const struct target *t = &x->at_card->study.target;
	const char *line = NULL;
	char text[BDF_STR];

	for (size_t i = 0; i < t->nfns && !line; i++) {
		const char *shortly = strchr(bdf_str(t->fn[i].bdf, text), ':') + 1;

		for (size_t k = 0; k < sizeof(lines) / sizeof(*lines) && !line; k++)
			line = exam_log(x, shortly, lines[k]);
	}
	return line;
}

static const struct fn_facts *dma_left(const struct target *t)
{
	for (size_t i = 0; i < t->nfns; i++) {
		const struct fn_facts *fn = &t->fn[i];

		if (i != t->main && !pt_driver_yields(fn->driver))
			return fn;
	}
	return NULL;
}

/*
 * Of the graphics in a CPU the sound, the security processor and USB share memory and
 * reset; left with the host they are a cause of faults at a VM's second start.
 */
static void check_dma_fault(struct exam *x)
{
	const struct target *t = &x->at_card->study.target;
	const struct fn_facts *left = dma_left(t);
	const char *line = pt_wanted(x) ? dma_fault(x) : NULL;
	char text[BDF_STR] = "";

	if (!line)
		return;
	if (left)
		bdf_str(left->bdf, text);
	exam_found(x, SEV_WARNING, "the kernel's log: %s%s%s%s%s", line,
		   left ? "; the host has a part of the card, " : "", text,
		   left ? " on " : "", left ? left->driver : "");
	if (left)
		exam_fix(x, "give the VM %s, too, if its IOMMU group allows it (of "
			 "several the sound first)", text);
	else
		exam_fix(x, "give the VM all functions of the card, and shut its guest "
			 "down cleanly instead of stopping it; if it comes with the "
			 "second start, reset the card between (gpureset as hookscript)");
}

const struct check doctor_display[] = {
	{ "framebuffer", ON_CARD, "the firmware's framebuffer has a part of a BAR",
	  "vfio-pci cannot have that BAR then (\"BAR 0: can't reserve\"), and the VM's "
	  "screen stays black", check_framebuffer },
	{ "boot-vga", ON_CARD, "the firmware has used the card for its screen",
	  "what the guest reads as the card's ROM is a copy that was run and changed, so "
	  "its firmware may hang or show nothing", check_boot_vga },
	{ "rom", ON_CARD, "the kernel could not read the card's ROM",
	  "without a ROM the guest's firmware shows no picture, and some drivers refuse "
	  "the card (Code 43)", check_rom },
	{ "igpu-rom", ON_CARD, "the VM has no ROM for the CPU's graphics",
	  "such a GPU has none of its own; the guest's driver gives up without (Code 43)",
	  check_igpu_rom },
	{ "dma-fault", ON_CARD, "the IOMMU has stopped the card's DMA",
	  "the card goes on with what an earlier guest told it, or misses a function "
	  "that it shares memory with", check_dma_fault },
	{ 0 }
};
