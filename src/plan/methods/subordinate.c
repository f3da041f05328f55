// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The bridge's `reset_subordinate`: the kernel saves, pulses, waits and restores
 * everything below. It asks nobody whether a function is in use: our guards must. Nor
 * does it tell the port's hotplug driver that the link goes down on purpose, before
 * Linux 7.1: then the port is made quiet by us.
 */
#include <stdio.h>

#include "plan/parts.h"

/* Linux 7.1 resets by way of the slot; 6.19 did not yet, 7.0 is not known. */
static bool subordinate_by_slot(const struct host_facts *host)
{
	unsigned major, minor;

	return sscanf(host->release, "%u.%u", &major, &minor) == 2 &&
	       (major > 7 || (major == 7 && minor >= 1));
}

/* Would a port take the card for pulled out? */
static bool subordinate_seen(const struct target *t, size_t level)
{
	bool seen = false;

	for (size_t i = 0; i <= level; i++)
		seen |= t->path[i].port.slot_events;
	return seen && !subordinate_by_slot(&t->host);
}

static const char *subordinate_unable(struct plan *plan, size_t level, enum usable *why)
{
	*why = ATTEMPT_NO;
	if (!plan->target->path[level].has_reset_subordinate)
		return "this kernel has no reset_subordinate";
	if (plan->target->host.lockdown && subordinate_seen(plan->target, level))
		return "the port would take it for a card pulled out (hotplug), and "
		       "kernel lockdown forbids turning that off; hot_reset does it";
	return part_silent(plan);
}

/*
 * The ports of the card's own switch, too: the reset clears what they have enabled, their
 * links go down and up, and then the kernel puts back what it had saved.
 */
static void subordinate_hush(struct plan *plan, struct attempt *a, size_t level)
{
	const struct target *t = plan->target;

	if (t->host.lockdown)
		return;
	a->note = part_port_note(plan, &t->path[level]);
	part_root_hush(plan, a, level, PHASE_RESTORE);
	for (size_t i = level + 1; i-- > 0;)
		part_port_hush(a, &t->path[i], PHASE_RESTORE);
}

static void subordinate_make(struct plan *plan, struct attempt *a, size_t level)
{
	struct step *s;

	a->floor_us = SBR_PULSE_US + RESET_TO_CONFIG_US;
	part_own(plan, a, PHASE_PUT_BACK);
	part_wake(plan, a);
	part_settle_audio(plan, a);
	part_unbind(plan, a, false);
	part_keep(plan, a);
	subordinate_hush(plan, a, level);
	s = part_attr(a, PHASE_ACT, plan->target->path[level].bdf, "reset_subordinate",
		      "1");
	s->limit_us = a->floor_us + KERNEL_READY_US;
	part_verdict(plan, a, AFTER_IN_PLACE);
}

static int subordinate_plan(struct plan *plan, const struct q_method *asked,
			    struct err *err)
{
	static const struct bridge_method bm = {
		.method = &method_subordinate,
		.unable = subordinate_unable,
		.make = subordinate_make,
	};

	(void)asked;
	(void)err;
	return part_bridge_method(plan, &bm);
}

const struct method method_subordinate = {
	.name = "subordinate",
	.summary = "secondary bus reset by the kernel (the bridge's reset_subordinate)",
	.scope = "bridge",
	.plan = subordinate_plan,
};
