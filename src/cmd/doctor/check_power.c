// SPDX-License-Identifier: GPL-2.0-or-later
/* Sleep: cards that the kernel lets go to D3cold, and some that do not come back. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/doctor/exam.h"
#include "cmd/doctor/passthrough.h"

#define IDLE_D3 "/sys/module/vfio_pci/parameters/disable_idle_d3"

/*
 * Our hook keeps a card awake while a VM has it (plan/hold.h, HOLD_AWAKE). Whether it is
 * in order is a question about the VM.
 */
static bool power_is_hooked(const struct exam *x)
{
	for (size_t i = 0; i < x->nvms; i++) {
		const struct hook_vm *h = &x->vm[i]->hook;

		for (size_t k = 0; k < h->ncards; k++)
			if (bdf_same_slot(h->card[k].spec.bdf, x->at_card->slot) &&
			    strstr(h->vm.hookscript, "gpureset"))
				return true;
	}
	return false;
}

static bool power_may_sleep(struct exam *x, struct bdf bdf)
{
	char control[16], cold[8];

	return !strcmp(exam_attr(x, bdf, "power/control", control, sizeof(control)),
		       "auto") &&
	       !strcmp(exam_attr(x, bdf, "d3cold_allowed", cold, sizeof(cold)), "1");
}

static void power_add(FILE *out, struct bdf bdf)
{
	char text[BDF_STR];

	fprintf(out, "%s%s", ftell(out) ? " " : "", bdf_str(bdf, text));
}

/*
 * The card's functions and the bridges above that may sleep, by name, or with @all of
 * any of them. To be freed.
 */
static char *power_path(struct exam *x, bool all)
{
	const struct target *t = &x->at_card->study.target;
	char *names = NULL;
	size_t len;
	FILE *out = open_memstream(&names, &len);

	if (!out)
		return NULL;
	for (size_t i = 0; i < t->nfns; i++)
		if (all || power_may_sleep(x, t->fn[i].bdf))
			power_add(out, t->fn[i].bdf);
	for (size_t i = 0; i < t->npath; i++)
		if (all || power_may_sleep(x, t->path[i].bdf))
			power_add(out, t->path[i].bdf);
	fclose(out);
	return names;
}

/* Now, and from the next boot on. */
static void power_fix(struct exam *x)
{
	const char *idle = exam_file(x, IDLE_D3);
	char *path = power_path(x, true);

	exam_fix(x, "until the next boot:\n for d in %s; do\n echo 0 > "
		 "/sys/bus/pci/devices/$d/d3cold_allowed\n echo on > "
		 "/sys/bus/pci/devices/$d/power/control; done\n"
		 "%s%s", path ? path : "...", power_is_hooked(x) ? "while a VM has the "
		 "card our hook does that" : "for good: gpureset as hookscript of the "
		 "VM, which does that while the VM has the card",
		 idle && idle[0] == 'Y' ? "" : "; for all cards: this line in "
		 "/etc/modprobe.d/vfio.conf, type 'update-initramfs -u -k all', and "
		 "reboot\n options vfio-pci disable_idle_d3=1");
	free(path);
}

/* The state of the first function that was in D3cold before it was read, or NULL. */
static const struct fn_facts *power_cold(const struct exam *x)
{
	const struct target *t = &x->at_card->study.target;

	for (size_t i = 0; i < t->nfns; i++)
		if (!strcmp(x->at_card->power[t->fn[i].bdf.fn], "D3cold"))
			return &t->fn[i];
	return NULL;
}

/*
 * vfio-pci puts a card that nobody uses to D3hot, which is in order; where the board can
 * switch its power off, that becomes D3cold, from which some do not come back.
 */
static void check_d3cold(struct exam *x)
{
	const struct fn_facts *cold = power_cold(x);
	char text[BDF_STR], *path;

	if (!cold || !pt_wanted(x))
		return;
	path = power_path(x, false);
	exam_found(x, power_is_hooked(x) ? SEV_NOTE : SEV_WARNING,
		   "power_state of %s was D3cold%s%s", bdf_str(cold->bdf, text),
		   path && *path ? "; power/control is auto and d3cold_allowed 1 of " :
		   ", although no power/control and d3cold_allowed allows it",
		   path ? path : "");
	free(path);
	power_fix(x);
}

/* linux: drivers/pci/pci.c, pci_power_up(); older kernels say it in the second way. */
static const char *const stuck_lines[] = {
	"Unable to change power state from D3", "can't change power state from D3",
};

static const char *stuck_line(struct exam *x, struct bdf bdf)
{
	char text[BDF_STR];
	const char *line = NULL;

	bdf_str(bdf, text);
	for (size_t i = 0; i < sizeof(stuck_lines) / sizeof(*stuck_lines) && !line; i++)
		line = exam_log(x, text, stuck_lines[i]);
	return line;
}

static void check_stuck(struct exam *x)
{
	const struct target *t = &x->at_card->study.target;
	const char *line = NULL;

	for (size_t i = 0; i < t->nfns && !line; i++)
		line = stuck_line(x, t->fn[i].bdf);
	for (size_t i = 0; i < t->npath && !line; i++)
		line = stuck_line(x, t->path[i].bdf);
	if (!line)
		return;
	exam_found(x, target_main(t)->answers ? SEV_WARNING : SEV_PROBLEM,
		   "the kernel's log: %s%s", line, target_main(t)->answers ?
		   " (by now it answers)" : "");
	power_fix(x);
}

const struct check doctor_power[] = {
	{ "d3cold", ON_CARD, "the card was asleep without power (D3cold)",
	  "many cards do not wake from it: then the VM's start ends with \"stuck in D3\" "
	  "or all registers read 0xff, until the host is off", check_d3cold },
	{ "stuck-d3", ON_CARD, "the card did not wake from sleep",
	  "a VM cannot be given a card that is stuck in D3 (\"Unable to power on "
	  "device\")", check_stuck },
	{ 0 }
};
