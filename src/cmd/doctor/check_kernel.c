// SPDX-License-Identifier: GPL-2.0-or-later
/* The kernel: what it forbids, what it is known to do wrong. */
#include <string.h>

#include "cmd/doctor/exam.h"

#define LOCKDOWN "/sys/kernel/security/lockdown"
#define MEM_SLEEP "/sys/power/mem_sleep"

/* The file shows all words, the one in force in brackets. */
static void check_lockdown(struct exam *x)
{
	const char *text = exam_file(x, LOCKDOWN);

	if (!text || strstr(text, "[none]"))
		return;
	exam_found(x, SEV_NOTE, LOCKDOWN " says '%s'", text);
	exam_fix(x, "nothing, if 'gpureset plan' offers a method for your card; else "
		 "switch Secure Boot off in the firmware's setup");
}

static void check_s2idle(struct exam *x)
{
	const char *text = exam_file(x, MEM_SLEEP);

	if (!text || strstr(text, "[deep]"))
		return;
	exam_found(x, SEV_NOTE, MEM_SLEEP " says '%s', not deep", text);
	exam_fix(x, "do not use suspend to bring a card back; where deep is offered: "
		 "echo deep > " MEM_SLEEP);
}

const struct check doctor_kernel[] = {
	{ "lockdown", ON_HOST, "the kernel is locked down (Secure Boot)",
	  "configuration space cannot be written and registers not be mapped from "
	  "outside the kernel, so register programs run through VFIO, or not at all",
	  check_lockdown },
	{ "s2idle", ON_HOST, "suspend is s2idle on this host",
	  "the trick to suspend the host to bring a card back needs S3, which takes its "
	  "power away; s2idle wedges some cards instead", check_s2idle },
	{ 0 }
};
