// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which driver has the card, or takes it at the next boot: gpu-reset-knowledge 6, row 6;
 * and the driver that resets in our place, vendor-reset: rows 15 and 16.
 */
#include <stdio.h>
#include <string.h>

#include "cmd/doctor/exam.h"
#include "cmd/doctor/passthrough.h"

#define REBUILD "type 'update-initramfs -u -k all', and reboot"

/* --- host drivers ---------------------------------------------------------------- */

/*
 * AMD cards that go to radeon unless told otherwise: before Tonga and Polaris
 * (amd-reset-facts, table of ids); between them are Vega 20, Polaris 10 and Vega 10.
 */
static bool is_radeon(uint16_t device)
{
	static const uint16_t ranges[][2] = {
		{ 0x6600, 0x669f }, { 0x6700, 0x67bf }, { 0x6800, 0x685f },
		{ 0x6880, 0x68ff },
	};

	for (size_t i = 0; i < sizeof(ranges) / sizeof(*ranges); i++)
		if (device >= ranges[i][0] && device <= ranges[i][1])
			return true;
	return false;
}

/*
 * The module that takes a free function at boot; nouveau stands for all of NVIDIA
 * unless their own driver is there.
 */
static const char *taker(struct exam *x, const struct fn_facts *fn)
{
	switch (fn->class_code >> 8) {
	case 0x0300:
	case 0x0302:
	case 0x0380:
		break;
	case 0x0403:
		return "snd_hda_intel";
	default:
		return NULL;
	}
	if (fn->vendor == 0x1002)
		return is_radeon(fn->device) ? "radeon" : "amdgpu";
	if (fn->vendor == 0x10de)
		return exam_has_word(exam_file(x, "/sys/module"), "nvidia") ? "nvidia" :
									     "nouveau";
	if (fn->vendor == 0x8086) /* Battlemage is the first that i915 does not know */
		return fn->device >> 8 == 0xe2 ? "xe" : "i915";
	return NULL;
}

/* Does something see to it that vfio-pci is there before @module? */
static bool vfio_is_first(struct exam *x, const char *module)
{
	return exam_modconf(x, "softdep", module, "vfio", NULL) ||
	       exam_modconf(x, "blacklist", module, "", NULL) ||
	       exam_modconf(x, "install", module, "", NULL) ||
	       pt_loaded_by(x, "vfio_pci") || exam_cmdline(x, "rd.driver.pre");
}

static bool is_held(const struct exam *x, const struct target *t, size_t i)
{
	return !pt_driver_yields(t->fn[i].driver) && pt_is_part(x, t, &t->fn[i]);
}

/* Functions on a driver of the host, but vfio-pci; into @buf. */
static size_t list_held(const struct exam *x, const struct target *t, char *buf,
			size_t size)
{
	size_t n = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < t->nfns; i++)
		if (is_held(x, t, i)) {
			pt_name(buf, size, t->fn[i].bdf, t->fn[i].driver);
			n++;
		}
	return n;
}

/* "ids=1002:7300,1002:aae8": those of the card that no list has. */
static void list_missing(struct exam *x, const struct target *t, char *buf, size_t size)
{
	buf[0] = '\0';
	for (size_t i = 0; i < t->nfns; i++) {
		const struct fn_facts *fn = &t->fn[i];
		size_t len = strlen(buf);

		if (pt_is_part(x, t, fn) && !pt_listed(x, fn->vendor, fn->device))
			snprintf(buf + len, size - len, "%s%04x:%04x", len ? "," : "",
				 fn->vendor, fn->device);
	}
}

/* ids= would take a card of the host's, too. */
static bool has_twin(struct exam *x, const struct target *t)
{
	for (size_t i = 0; i < t->nfns; i++)
		if (pt_is_part(x, t, &t->fn[i]) && pt_has_twin(x, &t->fn[i]))
			return true;
	return false;
}

/* A line for each driver that vfio-pci has to come before, @module first. */
static void list_softdeps(const struct exam *x, const struct target *t,
			  const char *module, char *buf, size_t size)
{
	size_t n = (size_t)snprintf(buf, size, " softdep %s pre: vfio-pci", module);

	for (size_t i = 0; i < t->nfns && n < size; i++)
		if (is_held(x, t, i) && !strstr(buf, t->fn[i].driver))
			n += (size_t)snprintf(buf + n, size - n, "\n softdep %s pre: "
					      "vfio-pci", t->fn[i].driver);
}

/* By address: a line for each function, as ids= would take one of the host's along. */
static void fix_by_address(struct exam *x, const struct target *t)
{
	char rules[SLOT_FNS * 128] = "", fn[BDF_STR];
	size_t n = 0;

	for (size_t i = 0; i < t->nfns; i++)
		if (pt_is_part(x, t, &t->fn[i]) && n < sizeof(rules))
			n += (size_t)snprintf(rules + n, sizeof(rules) - n, " " PT_RULE
					      "\n", bdf_str(t->fn[i].bdf, fn));
	exam_fix(x, "by address, as the host has another device with the same id; into "
		 "/etc/udev/rules.d/10-vfio.rules\n%sand vfio_pci into /etc/modules; "
		 REBUILD, rules);
}

/* What makes vfio-pci get the card, held by @module now or at the next boot. */
static void fix_binding(struct exam *x, const struct target *t, const char *module)
{
	char missing[SLOT_FNS * 12], softdeps[512];

	list_missing(x, t, missing, sizeof(missing));
	list_softdeps(x, t, module, softdeps, sizeof(softdeps));
	if (!missing[0] && vfio_is_first(x, module))
		exam_fix(x, "what it takes is written down in /etc/modprobe.d or "
			 "/etc/modules, but was not in force at this boot: " REBUILD);
	else if (has_twin(x, t))
		fix_by_address(x, t);
	else if (missing[0])
		exam_fix(x, "into /etc/modprobe.d/vfio.conf, the ids beside those that "
			 "are there, in one line\n options vfio-pci ids=%s\n%s\nthen "
			 REBUILD, missing, softdeps);
	else
		exam_fix(x, "into /etc/modprobe.d/vfio.conf\n%s\nthen " REBUILD,
			 softdeps);
}

/* The host is to have the card between VMs: the configuration says so. */
static bool is_given_back(const struct exam *x)
{
	for (size_t i = 0; i < x->nvms; i++)
		for (size_t k = 0; k < x->vm[i]->hook.ncards; k++) {
			const struct hook_vm *h = &x->vm[i]->hook;
			char vm[16];
			struct settings set;

			if (!x->o->conf ||
			    !bdf_same_slot(h->card[k].spec.bdf, x->at_card->slot))
				continue;
			snprintf(vm, sizeof(vm), "%u", h->vm.vmid);
			config_settings(x->o->conf, vm, x->at_card->slot, true, &set);
			if (set.after_stop == AFTER_STOP_HOST_DRIVER)
				return true;
		}
	return false;
}

static void host_driver_at_boot(struct exam *x, const struct fn_facts *fn,
				const char *module)
{
	const struct target *t = &x->at_card->study.target;
	const char *where = pt_listed(x, fn->vendor, fn->device);
	char at[BDF_STR];

	if (!where && exam_modconf(x, "blacklist", module, "", NULL))
		return;
	if (where && vfio_is_first(x, module))
		return;
	if (where)
		exam_found(x, SEV_NOTE, "%s lists %04x:%04x, but nothing makes vfio-pci "
			   "come before %s", where, fn->vendor, fn->device, module);
	else
		exam_found(x, SEV_NOTE, "%s (%04x:%04x) is in no ids= of vfio-pci, and "
			   "%s is not blacklisted", bdf_str(fn->bdf, at), fn->vendor,
			   fn->device, module);
	fix_binding(x, t, module);
}

static void check_host_driver(struct exam *x)
{
	const struct target *t = &x->at_card->study.target;
	const struct fn_facts *fn = target_main(t);
	const char *module = taker(x, fn);
	char held[512];

	if (!pt_wanted(x) || is_given_back(x))
		return;
	if (pt_driver_yields(fn->driver)) {
		/* of a recording modprobe.d is not known */
		if (module && exam_file(x, "/etc/modprobe.d"))
			host_driver_at_boot(x, fn, module);
		return;
	}
	list_held(x, t, held, sizeof(held));
	exam_found(x, SEV_WARNING, "the card is for VMs, and drivers of the host have "
		   "%s", held);
	fix_binding(x, t, fn->driver);
}

/* --- the other functions --------------------------------------------------------- */

static bool denies(const struct quirk *q, const char *method)
{
	for (size_t i = 0; q && i < q->ndenies; i++)
		if (!strcmp(q->denies[i].method, method) ||
		    !strcmp(q->denies[i].method, "all"))
			return true;
	return false;
}

static void check_sibling(struct exam *x)
{
	const struct study *s = &x->at_card->study;
	const struct target *t = &s->target;
	const char *driver = "";
	char held[512];

	/* where a reset of the whole card does harm, a held function prevents it */
	if (!pt_wanted(x) || !pt_driver_yields(target_main(t)->driver) ||
	    denies(s->quirk, "hot_reset") || !list_held(x, t, held, sizeof(held)))
		return;
	for (size_t i = 0; i < t->nfns; i++)
		if (is_held(x, t, i))
			driver = t->fn[i].driver;
	exam_found(x, SEV_WARNING, "drivers of the host have %s", held);
	fix_binding(x, t, driver);
}

/* --- vendor-reset ---------------------------------------------------------------- */

/* gnif/vendor-reset@084881c, src/device-db.h: ids of AMD. */
static const uint16_t vendor_reset_ids[] = {
	0x67c0, 0x67c1, 0x67c2, 0x67c4, 0x67c7, 0x67c8, 0x67c9, 0x67ca, 0x67cc, 0x67cf,
	0x67d0, 0x67df, 0x67e0, 0x67e1, 0x67e3, 0x67e7, 0x67e8, 0x67e9, 0x67eb, 0x67ef,
	0x67ff, 0x6860, 0x6861, 0x6862, 0x6863, 0x6864, 0x6867, 0x6868, 0x6869, 0x686a,
	0x686b, 0x686c, 0x686d, 0x686e, 0x686f, 0x687f, 0x66a0, 0x66a1, 0x66a2, 0x66a3,
	0x66a4, 0x66a7, 0x66af, 0x6980, 0x6981, 0x6985, 0x6986, 0x6987, 0x6995, 0x6997,
	0x699f, 0x6fdf, 0x7310, 0x7312, 0x7318, 0x7319, 0x731a, 0x731b, 0x731e, 0x731f,
	0x7340, 0x7341, 0x7347, 0x734f, 0x7360, 0x7362, 0x738c,
};

static bool vendor_reset_knows(uint16_t device)
{
	for (size_t i = 0; i < sizeof(vendor_reset_ids) / sizeof(uint16_t); i++)
		if (vendor_reset_ids[i] == device)
			return true;
	return false;
}

/* Its own rule writes device_specific when the card appears. */
static bool has_vendor_reset_rule(struct exam *x)
{
	static const char *const folders[] = { "/etc/udev/rules.d",
					       "/usr/lib/udev/rules.d",
					       "/lib/udev/rules.d" };

	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++) {
		const char *names = exam_file(x, folders[i]);

		if (names && strstr(names, "vendor-reset"))
			return true;
	}
	return false;
}

static void check_vendor_reset(struct exam *x)
{
	const struct fn_facts *fn = target_main(&x->at_card->study.target);
	char at[BDF_STR];

	if (fn->vendor != 0x1002 || !hw_host_exists(x->hw, "/sys/module/vendor_reset"))
		return;
	bdf_str(fn->bdf, at);
	if (!vendor_reset_knows(fn->device)) {
		exam_found(x, SEV_NOTE, "/sys/module/vendor_reset is there, and has no "
			   "entry for 1002:%04x", fn->device);
		exam_fix(x, "nothing; for this card the module is not needed");
	} else if (exam_kernel(x, 5, 15) &&
		   !exam_has_word(fn->reset_method, "device_specific")) {
		exam_found(x, SEV_WARNING, "/sys/module/vendor_reset is there, but "
			   "reset_method of %s is '%s'%s", at, fn->reset_method,
			   has_vendor_reset_rule(x) ? "" :
			   ", and udev has no rule of it");
		exam_fix(x, "let gpureset do it and take the module away: apt remove "
			 "vendor-reset-dkms (or dkms remove), and its line out of "
			 "/etc/modules; or use the module: echo device_specific > "
			 "/sys/bus/pci/devices/%s/reset_method, at each boot before the "
			 "first VM", at);
	}
}

static void check_vendor_reset_lost(struct exam *x)
{
	const char *by = pt_loaded_by(x, "vendor_reset"), *line;

	if (!by || !exam_file(x, "/sys/module") ||
	    hw_host_exists(x->hw, "/sys/module/vendor_reset"))
		return;
	line = exam_log(x, "vendor_reset", "");
	if (!line)
		line = exam_log(x, "Key was rejected by service", "");
	exam_found(x, SEV_WARNING, "%s names vendor-reset, and there is no "
		   "/sys/module/vendor_reset%s%s", by, line ? "; the log: " : "",
		   line ? line : "");
	exam_fix(x, "let gpureset do it and take the line out of %s; or build the module "
		 "for %s: dkms autoinstall (a locked down kernel wants it signed)", by,
		 x->release);
}

/* --- the kernel's own reset ------------------------------------------------------ */

/* "vfio-pci 0000:0b:00.0: not ready 65535ms after bus reset; giving up" */
static const char *gave_up(struct exam *x, const struct target *t)
{
	const char *line = NULL;
	char text[BDF_STR + 16], at[BDF_STR];

	for (size_t i = 0; i < t->nfns && !line; i++) {
		snprintf(text, sizeof(text), "%s: not ready ", bdf_str(t->fn[i].bdf, at));
		line = exam_log(x, text, "giving up");
	}
	return line;
}

static void check_kernel_reset(struct exam *x)
{
	const struct study *s = &x->at_card->study;
	const char *line = gave_up(x, &s->target);
	bool dead = !target_main(&s->target)->answers;
	char slot[BDF_STR];

	if (!line) {
		if (!exam_log_known(x))
			exam_unknown(x, "the kernel's log cannot be read");
		return;
	}
	bdf_slot_str(x->at_card->slot, slot);
	exam_found(x, dead ? SEV_PROBLEM : SEV_WARNING, "the kernel's log: %s%s", line,
		   dead ? "; the card does not answer now" : "");
	if (s->quirk && s->quirk->pin.why)
		exam_fix(x, "%s%s%ssystemctl enable gpureset-boot.service, so that from "
			 "the next boot on the kernel leaves it alone",
			 dead ? "gpureset reset " : "", dead ? slot : "",
			 dead ? ", else switch the host off and on; " : "");
	else
		exam_fix(x, "gpureset plan %s says what else there is; if nothing helps, "
			 "switch the host off and on, a reboot may not do", slot);
}

const struct check doctor_driver[] = {
	{ "host-driver", ON_CARD, "a driver of the host gets the card",
	  "it uses the card before the VM does: taking it away again may hang or crash "
	  "the host, and the card is no longer as it was at power-on; early binding to "
	  "vfio-pci avoids both", check_host_driver },
	{ "sibling-driver", ON_CARD, "a function of the card is not on vfio-pci",
	  "the kernel resets a card of several functions only if vfio-pci has all of "
	  "them; QEMU then says 'depends on group ... which is not owned', or that no "
	  "reset mechanism is available", check_sibling },
	{ "vendor-reset", ON_CARD, "vendor-reset is loaded, but not used",
	  "since Linux 5.15 the kernel asks it only for functions whose reset_method "
	  "names device_specific; otherwise the card gets the bus reset that it was "
	  "installed to prevent", check_vendor_reset },
	{ "vendor-reset-lost", ON_HOST, "vendor-reset is configured, but not loaded",
	  "it has to be built anew for each kernel; without it the card is reset in the "
	  "kernel's way, or not at all", check_vendor_reset_lost },
	{ "kernel-reset-failed", ON_CARD, "the kernel reset the card, and lost it",
	  "VFIO resets a card as soon as a VM opens it; for some cards that does the "
	  "damage, before anything else can help", check_kernel_reset },
	{ 0 }
};
