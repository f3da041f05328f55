// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * VFIO hot reset: the only path of the kernel that resets a bus with an ownership
 * check, with hotplug masked, and with everything saved and restored.
 */
#include "plan/parts.h"

static const char *hot_reset_unable(struct plan *plan, enum usable *why)
{
	const struct target *t = plan->target;
	const char *denied;

	*why = ATTEMPT_NO;
	if (!t->npath)
		return "the card is on the root complex, there is no bus to reset";
	denied = part_bus_denied(plan, 0);
	if (denied) {
		*why = ATTEMPT_DENIED;
		return denied;
	}
	if (part_silent(plan))
		return part_silent(plan);
	if (!t->host.vfio_pci)
		return "the driver vfio-pci is not loaded (modprobe vfio-pci)";
	for (size_t i = 0; i < t->nfns; i++)
		if (t->fn[i].iommu_group < 0)
			return "VFIO needs an IOMMU group, and the card has none (is the "
			       "IOMMU on?)";
	return NULL;
}

static void hot_reset_make(struct plan *plan, struct attempt *a)
{
	const struct target *t = plan->target;
	struct step *s;

	a->level = 0;
	a->whole_slot = true;
	a->floor_us = SBR_PULSE_US + RESET_TO_CONFIG_US;
	part_own(plan, a, PHASE_PUT_BACK);
	part_wake(plan, a);
	part_settle_audio(plan, a);
	for (size_t i = 0; i < t->nfns; i++)
		part_bind(plan, a, PHASE_PREPARE, i, "vfio-pci", t->fn[i].driver);
	part_own_rest(plan, a);
	part_mute_resets(plan, a);
	part_keep(plan, a);
	s = attempt_step(a, STEP_HOT_RESET, PHASE_ACT, t->fn[0].bdf);
	s->limit_us = a->floor_us + KERNEL_READY_US;
	part_verdict(plan, a, AFTER_CHANGED);
}

static int hot_reset_plan(struct plan *plan, const struct q_method *asked,
			  struct err *err)
{
	const char *unable;
	enum usable why;

	(void)asked;
	(void)err;
	if (part_denied(plan, &method_hot_reset, "hot_reset"))
		return 0;
	unable = hot_reset_unable(plan, &why);
	if (unable) {
		plan_cannot(plan, &method_hot_reset, "hot_reset", why, unable);
		return 0;
	}
	hot_reset_make(plan, plan_attempt(plan, &method_hot_reset, "hot_reset"));
	return 0;
}

const struct method method_hot_reset = {
	.name = "hot_reset",
	.summary = "VFIO hot reset of the slot: all functions on vfio-pci and idle",
	.scope = "slot",
	.plan = hot_reset_plan,
};
