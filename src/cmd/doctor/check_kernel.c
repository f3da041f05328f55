// SPDX-License-Identifier: GPL-2.0-or-later
/* The kernel: what it forbids, what it is known to do wrong. */
#include <stdio.h>
#include <string.h>

#include "base/textfile.h"
#include "cmd/doctor/exam.h"
#include "cmd/doctor/passthrough.h"

#define LOCKDOWN "/sys/kernel/security/lockdown"
#define MEM_SLEEP "/sys/power/mem_sleep"

/* The file shows all words, the one in force in brackets. */
static void check_lockdown(struct exam *x)
{
	const char *text = exam_file(x, LOCKDOWN);

	if (!text || strstr(text, "[none]") || !pt_any_wanted(x))
		return;
	exam_found(x, SEV_NOTE, LOCKDOWN " says '%s'", text);
	exam_fix(x, "nothing, if 'gpureset plan' offers a method for your card; else "
		 "switch Secure Boot off in the firmware's setup");
}

static void check_s2idle(struct exam *x)
{
	const char *text = exam_file(x, MEM_SLEEP);

	if (!text || strstr(text, "[deep]") || !pt_any_wanted(x))
		return;
	exam_found(x, SEV_NOTE, MEM_SLEEP " says '%s', not deep", text);
	exam_fix(x, "do not use suspend to bring a card back; where deep is offered:\n"
		 " echo deep > " MEM_SLEEP);
}

/* --- versions -------------------------------------------------------------------- */

/*
 * "PCI: Avoid reset when disabled via sysfs" in these stable kernels, reverted in the
 * next ones: gpu-reset-knowledge 1.9 and 6, row 17. Debian and mainline name their
 * kernels like this; Ubuntu's and Proxmox' numbers tell nothing of stable ones.
 */
static const struct {
	unsigned major, minor, patch;
} bad_kernels[] = { { 6, 14, 2 }, { 6, 12, 23 } };

static void check_bad_kernel(struct exam *x)
{
	for (size_t i = 0; i < sizeof(bad_kernels) / sizeof(*bad_kernels); i++)
		if (x->major == bad_kernels[i].major &&
		    x->minor == bad_kernels[i].minor &&
		    x->patch == bad_kernels[i].patch && !strstr(x->release, "-pve")) {
			exam_found(x, SEV_PROBLEM, "/proc/sys/kernel/osrelease is %s",
				   x->release);
			exam_fix(x, "install a later kernel (6.12.24, 6.14.3 or newer), "
				 "or boot the one before");
		}
}

/* Entries that are of some kernels only say what is wrong with those. */
static void check_kernel_card(struct exam *x)
{
	const struct quirk *q = x->at_card->study.quirk;

	if (!q || !q->nkernels || !q->problem.n)
		return;
	exam_found(x, SEV_WARNING, "this is Linux %s; the entry %s is about it and the "
		   "card", x->release, q->id);
	exam_fix(x, "use another kernel; 'gpureset quirk show %s' says what is known",
		 q->id);
}

/* --- resets of the host ---------------------------------------------------------- */

/* Lines of drivers/acpi/apei, arch/x86 mce and drivers/pci/pcie/aer.c. */
static const struct {
	const char *a, *b, *is;
} hard_lines[] = {
	{ "BERT: Error records from previous boot", "", "an error that the firmware kept "
	  "over the reset (BERT)" },
	{ "[Hardware Error]: ", "event severity: fatal", "a fatal hardware error" },
	{ "mce: [Hardware Error]: ", "Machine check", "a machine check" },
	{ "severity=Uncorrect", "(Fatal)", "a fatal PCIe error" },
};

static void check_hard_reset(struct exam *x)
{
	if (!exam_log_known(x)) {
		exam_unknown(x, "the kernel's log cannot be read");
		return;
	}
	for (size_t i = 0; i < sizeof(hard_lines) / sizeof(*hard_lines); i++) {
		const char *line = exam_log(x, hard_lines[i].a, hard_lines[i].b);

		if (!line)
			continue;
		exam_found(x, SEV_WARNING, "the kernel's log has %s: %s",
			   hard_lines[i].is, line);
		exam_fix(x, "look at all of it (dmesg | grep -A8 'Hardware Error'); seat "
			 "card, riser and power plugs anew, one cable for each plug of "
			 "the card; try a lower power limit of the card");
		return;
	}
}

/* --- the command line ------------------------------------------------------------ */

static void check_dead_parameters(struct exam *x)
{
	const char *tables = exam_file(x, "/sys/firmware/acpi/tables");
	const char *amd = exam_cmdline(x, "amd_iommu");

	/* drivers/iommu/amd/init.c: "AMD-Vi: Unknown option" */
	if (amd && (!strcmp(amd, "on") || !strcmp(amd, "pt"))) {
		exam_found(x, SEV_NOTE, "/proc/cmdline has amd_iommu=%s, which Linux "
			   "does not know: AMD's IOMMU is on without it", amd);
		exam_fix_cmdline(x, "take it out of");
	}
	if (exam_has_word(tables, "IVRS") && exam_cmdline(x, "intel_iommu")) {
		exam_found(x, SEV_NOTE, "/proc/cmdline has intel_iommu= on an AMD host");
		exam_fix_cmdline(x, "take it out of");
	}
}

/* What passthrough guides tell people to write. */
static bool is_of_interest(const char *word)
{
	static const char *const begin[] = {
		"intel_iommu", "amd_iommu", "iommu", "vfio", "pcie_acs_override",
		"initcall_blacklist", "video=", "modprobe.blacklist", "module_blacklist",
		"pcie_aspm", "pci=", "rd.driver.pre",
	};

	for (size_t i = 0; i < sizeof(begin) / sizeof(*begin); i++)
		if (!strncmp(word, begin[i], strlen(begin[i])))
			return true;
	return false;
}

static bool is_in_force(struct exam *x, const char *word)
{
	const char *at = exam_file(x, "/proc/cmdline"), *all = at;
	size_t n = strlen(word);

	for (; at && (at = strstr(at, word)); at++)
		if ((at == all || at[-1] == ' ') && strchr(" \n", at[n]))
			return true;
	return !all;
}

/* The words of the @n characters at @at that are not in force, behind what @buf has. */
static void add_idle_words(struct exam *x, const char *at, size_t n, char *buf,
			   size_t size)
{
	const char *end = at + n;
	size_t len;

	for (; at < end; at += len + strspn(at + len, " \t\"'")) {
		char word[256];
		size_t have = strlen(buf);

		len = strcspn(at, " \t\n\"'");
		snprintf(word, sizeof(word), "%.*s", (int)len, at);
		if (at + len > end || !len)
			return;
		if (is_of_interest(word) && !is_in_force(x, word))
			snprintf(buf + have, size - have, "%s%s", have ? " " : "", word);
	}
}

/* Of the lines of @path that begin with @begin. */
static void idle_words(struct exam *x, const char *path, const char *begin, char *buf,
		       size_t size)
{
	const char *at = exam_file(x, path), *end, *line;
	size_t len, n = strlen(begin);

	buf[0] = '\0';
	if (!at)
		return;
	end = at + strlen(at);
	while ((line = textfile_line(&at, end, &len))) {
		const char *value = memchr(line, '=', len);

		if (strncmp(line, begin, n) != 0)
			continue;
		if (!n)
			add_idle_words(x, line, len, buf, size);
		else if (value)
			add_idle_words(x, value + 1 + strspn(value + 1, "\"'"),
				       (size_t)(line + len - value - 1), buf, size);
	}
}

/* GRUB names the kernel's file on the command line, systemd-boot does not. */
static void check_idle_parameters(struct exam *x)
{
	static const struct {
		const char *path, *begin, *refresh, *loader;
		bool grub;
	} files[] = {
		{ "/etc/default/grub", "GRUB_CMDLINE_LINUX", "update-grub", "GRUB",
		  true },
		{ "/etc/kernel/cmdline", "", NULL, "systemd-boot",
		  false },
	};
	bool grub = exam_cmdline(x, "BOOT_IMAGE");
	char words[512];

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		idle_words(x, files[i].path, files[i].begin, words, sizeof(words));
		if (!words[0])
			continue;
		if (files[i].grub == grub) {
			exam_found(x, SEV_WARNING, "%s has %s, and /proc/cmdline does "
				   "not", files[i].path, words);
			exam_fix(x, "type '%s', and reboot", files[i].refresh ?
				 files[i].refresh : exam_cmdline_refresh(x));
		} else {
			exam_found(x, SEV_WARNING, "%s has %s, and /proc/cmdline does "
				   "not: this host does not boot with %s, which alone "
				   "reads it", files[i].path, words, files[i].loader);
			exam_fix_cmdline(x, "add %s to", words);
		}
	}
}

/* --- gpureset itself ------------------------------------------------------------- */

static void check_io_uring(struct exam *x)
{
	const char *text = exam_file(x, "/proc/sys/kernel/io_uring_disabled");

	/* 1 leaves it to root, and that we are when it matters */
	if (!text || strcmp(text, "2") != 0)
		return;
	exam_found(x, SEV_NOTE, "/proc/sys/kernel/io_uring_disabled is 2");
	exam_fix(x, "nothing: gpureset waits with poll then, and does the same");
}

static bool has_quirk_file(const char *names)
{
	return names && strstr(names, ".quirk");
}

static void check_quirk_files(struct exam *x)
{
	if (x->o->quirks || has_quirk_file(exam_file(x, GPURESET_QUIRK_DIR)) ||
	    has_quirk_file(exam_file(x, GPURESET_QUIRK_ETC)))
		return;
	if (x->o->replay && !exam_file(x, "/etc/modprobe.d"))
		return; /* a recording has no files of gpureset */
	exam_found(x, SEV_PROBLEM, "there is no quirk file in " GPURESET_QUIRK_DIR " or "
		   GPURESET_QUIRK_ETC);
	exam_fix(x, "install gpureset with its quirk files, or name their folder: "
		 "gpureset --quirks DIR");
}

#define WANTS "/etc/systemd/system/multi-user.target.wants"

static void check_boot_unit(struct exam *x)
{
	const struct quirk *q = x->at_card->study.quirk;
	const char *wants = exam_file(x, WANTS);

	if (!q || (!q->pin.why && !q->keep_d0.why) || !pt_wanted(x) ||
	    exam_has_word(wants, "gpureset-boot.service"))
		return;
	if (!wants && x->o->replay) {
		exam_unknown(x, "the recording does not have " WANTS);
		return;
	}
	exam_found(x, SEV_WARNING, "there is no " WANTS "/gpureset-boot.service, and %s "
		   "says: %s", q->id, q->pin.why ? q->pin.why : q->keep_d0.why);
	exam_fix(x, "systemctl enable --now gpureset-boot.service");
}

const struct check doctor_kernel[] = {
	{ "lockdown", ON_HOST, "the kernel is locked down (Secure Boot)",
	  "configuration space cannot be written and registers not be mapped from "
	  "outside the kernel, so register programs run through VFIO, or not at all",
	  check_lockdown },
	{ "s2idle", ON_HOST, "suspend is s2idle on this host",
	  "the trick to suspend the host to bring a card back needs S3, which takes its "
	  "power away; s2idle wedges some cards instead", check_s2idle },
	{ "bad-kernel", ON_HOST, "this kernel does not reset cards of several functions",
	  "a change in these two stable kernels left VFIO without a way to reset a card "
	  "whose functions have none of their own; it was taken back in the next ones",
	  check_bad_kernel },
	{ "kernel-card", ON_CARD, "this kernel is known to be bad for the card",
	  "its driver or its resets do not work with this version", check_kernel_card },
	{ "hard-reset", ON_HOST, "the host had a hardware error",
	  "a host that resets by itself under load, or a card that drops off the bus, is "
	  "more often a matter of power or contact than of passthrough",
	  check_hard_reset },
	{ "cmdline-dead", ON_HOST, "a kernel parameter does nothing",
	  "it does no harm, but it is not what makes this host work",
	  check_dead_parameters },
	{ "cmdline-idle", ON_HOST, "kernel parameters are written down, but not in force",
	  "the kernel knows only what the boot loader gave it at the last boot",
	  check_idle_parameters },
	{ "io-uring", ON_HOST, "io_uring is forbidden on this host",
	  "gpureset would use it to watch several cards at once", check_io_uring },
	{ "quirk-files", ON_HOST, "the quirk files are missing",
	  "without them gpureset does not know what must not be done to which card, and "
	  "acts on none", check_quirk_files },
	{ "boot-unit", ON_CARD, "the card is not looked after at boot",
	  "the kernel resets a card in its own way when the first VM opens it, and lets "
	  "it sleep before; for this card the entry says to prevent that from the boot "
	  "on", check_boot_unit },
	{ 0 }
};
