// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The raw secondary bus reset, in the only self-consistent order: the kernel forgets
 * the functions, the bridge pulses, the kernel finds them again and sets them up
 * from nothing. Works on a card that reads all ones, where the kernel's own paths
 * would save and restore garbage.
 */
#include <linux/pci_regs.h>

#include "plan/parts.h"

/* PCIe 6.6.1: no verdict before 1 s; cards that load firmware take seconds. */
#define BUS_APPEAR_US 10000000ull

static const char *bus_unable(struct plan *plan, size_t level, enum usable *why)
{
	(void)level;
	*why = ATTEMPT_NO;
	if (plan->target->host.lockdown)
		return "kernel lockdown forbids writing the bridge's registers";
	return NULL;
}

static void bus_quiet(struct plan *plan, struct attempt *a)
{
	const struct target *t = plan->target;

	for (size_t i = 0; i < t->nfns; i++)
		if (t->fn[i].answers)
			part_command(a, PHASE_PREPARE, t->fn[i].bdf,
				     "COMMAND.BUS_MASTER", PCI_COMMAND_MASTER, false);
}

/* Bridge Control is two bytes wide; the dword would touch Interrupt Line and Pin. */
static void bus_pulse_value(struct step *s, bool on)
{
	s->reg = (struct reg){ REG_CONFIG, .width = 2, .off = PCI_BRIDGE_CONTROL };
	s->name = "BRIDGE_CONTROL.BUS_RESET";
	s->mask = PCI_BRIDGE_CTL_BUS_RESET;
	s->value = on ? PCI_BRIDGE_CTL_BUS_RESET : 0;
}

static void bus_delay(struct attempt *a, struct bdf bridge, uint64_t us,
		      const char *why)
{
	struct step *s = attempt_step(a, STEP_DELAY, PHASE_ACT, bridge);

	s->limit_us = us;
	s->why = why;
}

void part_pulse(struct attempt *a, const struct bridge_facts *br)
{
	struct step *s;

	bus_pulse_value(attempt_step(a, STEP_SET, PHASE_ACT, br->bdf), true);
	bus_pulse_value(attempt_undo(a, STEP_SET, PHASE_ACT, br->bdf), false);
	bus_delay(a, br->bdf, SBR_PULSE_US, "reset is held for Trst");
	attempt_flush_undo(a, PHASE_ACT);
	if (br->link.reports_active && (br->link.active || br->port.contained)) {
		s = attempt_step(a, STEP_WAIT, PHASE_ACT, br->bdf);
		s->cond[0] = (struct reg_cond){
			.reg = { REG_CONFIG, .width = 2,
				 .off = br->pcie_cap + PCI_EXP_LNKSTA },
			.op = REG_EQ, .mask = PCI_EXP_LNKSTA_DLLLA,
			.want = PCI_EXP_LNKSTA_DLLLA, .name = "LNKSTA.LINK_ACTIVE",
		};
		s->ncond = 1;
		s->limit_us = LINK_UP_US;
		s->why = "the link must train again";
	}
	bus_delay(a, br->bdf, RESET_TO_CONFIG_US, "no request before this (PCIe 6.6.1)");
}

/* A new device starts without the override and reset_method that it had been given. */
static void bus_override_again(struct plan *plan, struct attempt *a)
{
	const struct target *t = plan->target;

	for (size_t i = t->nfns; i-- > 0;) {
		struct step *s;

		part_methods_again(plan, a, &t->fn[i]);
		if (!t->fn[i].driver_override[0])
			continue;
		s = attempt_undo(a, STEP_ATTR, PHASE_PUT_BACK, t->fn[i].bdf);
		s->name = "driver_override";
		s->text = t->fn[i].driver_override;
		s->limit_us = 1000000;
	}
}

/*
 * Remove what the kernel must set up anew: the card's functions, or, when the pulse
 * also resets the card's own switch, the switch with all below it.
 */
static void bus_remove(struct plan *plan, struct attempt *a, size_t level)
{
	const struct target *t = plan->target;
	struct step *s;

	if (level > 0) {
		s = attempt_step(a, STEP_REMOVE, PHASE_ACT, t->path[level - 1].bdf);
		s->limit_us = 5000000;
	}
	for (size_t i = t->nfns; i-- > 0;) {
		if (level == 0) {
			s = attempt_step(a, STEP_REMOVE, PHASE_ACT, t->fn[i].bdf);
			s->limit_us = 5000000;
		}
		s = attempt_undo(a, STEP_APPEAR, PHASE_RESTORE, t->fn[i].bdf);
		s->aux = t->path[level].bdf;
		s->limit_us = BUS_APPEAR_US;
	}
}

/* New devices start with the kernel's defaults; health needs them in D0. */
static void bus_wake_again(struct plan *plan, struct attempt *a)
{
	const struct target *t = plan->target;

	attempt_flush_undo(a, PHASE_RESTORE);
	for (size_t i = 0; i < t->nfns; i++)
		if (t->fn[i].power_control[0])
			part_attr(a, PHASE_RESTORE, t->fn[i].bdf, "power/control", "on");
}

/*
 * The kernel sets a new function's BARs up with the sizes and LTR latencies that a reset
 * left. Sizes it takes through resourceN_resize, latencies nowhere.
 */
static const char *bus_note(struct plan *plan, size_t level)
{
	const char *port = part_port_note(plan, &plan->target->path[level]);
	const char *more = "sizes of resizable BARs and latencies (LTR) will be the "
			   "card's defaults";

	if (!target_main(plan->target)->extended)
		return port;
	return port ? plan_text(plan, "%s; %s", port, more) : more;
}

static void bus_make(struct plan *plan, struct attempt *a, size_t level)
{
	a->needs_answer = false;
	a->floor_us = SBR_PULSE_US + RESET_TO_CONFIG_US;
	part_own(plan, a, PHASE_PREPARE);
	part_wake(plan, a);
	part_settle_audio(plan, a);
	part_unbind(plan, a, true);
	/*
	 * Without driver there is nothing to open. And a group that is held while its
	 * functions are removed keeps its number: they would come back with another.
	 */
	attempt_flush_undo(a, PHASE_PREPARE);
	part_keep(plan, a);
	bus_quiet(plan, a);
	a->note = bus_note(plan, level);
	part_root_hush(plan, a, level, PHASE_RESTORE);
	part_port_hush(a, &plan->target->path[level], PHASE_RESTORE);
	bus_remove(plan, a, level);
	bus_override_again(plan, a);
	part_pulse(a, &plan->target->path[level]);
	bus_wake_again(plan, a);
	part_verdict(plan, a, AFTER_CHANGED);
}

static int bus_plan(struct plan *plan, const struct q_method *asked, struct err *err)
{
	static const struct bridge_method bm = {
		.method = &method_bus,
		.unable = bus_unable,
		.make = bus_make,
	};

	(void)asked;
	(void)err;
	return part_bridge_method(plan, &bm);
}

const struct method method_bus = {
	.name = "bus",
	.summary = "remove, raw secondary bus reset, rescan: works on a card at all ones",
	.scope = "bridge",
	.plan = bus_plan,
};
