// SPDX-License-Identifier: GPL-2.0-or-later
#include "plan/lockdown.h"

#include <string.h>

#include <linux/pci_regs.h>

#include "plan/parts.h"

#define LOCKDOWN_OPEN_US 5000000ull
#define LOCKDOWN_PARK_US 1000000ull     /* on top of what its driver asked for */

#define RES_IO 0x100ull         /* IORESOURCE_IO, linux/ioport.h */

/* --- can it be done ------------------------------------------------------------- */

static bool lockdown_alone(const struct target *t)
{
	size_t n = 0;

	for (size_t i = 0; i < t->nfns; i++)
		n += t->fn[i].known;
	return n < 2;
}

/* vfio_pci_dev_set_resettable() and, of what it asks, pci_probe_reset_bus(). */
bool lockdown_close_resets(const struct target *t)
{
	const struct fn_facts *fn = target_main(t);

	if (!lockdown_alone(t) || !t->npath || fn->kernel_deny & KDENY_BUS ||
	    t->path[0].no_bus_reset)
		return false;
	for (size_t i = 0; i < t->nother; i++)
		if (t->other[i].level == 0 && !driver_is_vfio(t->other[i].driver))
			return false;
	return true;
}

static bool lockdown_harms(const struct quirk *q)
{
	return q && (part_harmful(q, "bus") || part_harmful(q, "hot_reset") ||
		     part_harmful(q, "subordinate"));
}

/* Whose entry speaks against a reset of the bus? */
static const struct quirk *lockdown_against(const struct plan *plan)
{
	const struct target *t = plan->target;
	const struct quirk_hits *hits = &plan->hits;

	if (lockdown_harms(plan->quirk))
		return plan->quirk;
	if (lockdown_harms(hits->path[0]))
		return hits->path[0];
	for (size_t i = 0; hits->other && i < t->nother; i++)
		if (t->other[i].level == 0 && lockdown_harms(hits->other[i]))
			return hits->other[i];
	return NULL;
}

static const char *lockdown_close_harms(struct plan *plan)
{
	const struct quirk *q = lockdown_against(plan);

	if (!q || !lockdown_close_resets(plan->target))
		return NULL;
	return plan_text(plan, "the kernel resets the bus of this card when VFIO closes "
			 "it, which %s forbids or warns of", q->file);
}

static const char *lockdown_group(struct plan *plan)
{
	const struct target *t = plan->target;
	const struct fn_facts *fn = target_main(t);
	char text[BDF_STR];

	if (fn->iommu_group < 0)
		return plan_text(plan, "%s has no IOMMU group (is the IOMMU on?)",
				 bdf_str(fn->bdf, text));
	if (t->group_driver[0])
		return plan_text(plan, "%s is in the same IOMMU group (%d) and bound to "
				 "%s; unbind it first", bdf_str(t->group_blocker, text),
				 fn->iommu_group, t->group_driver);
	return NULL;
}

/* Without runtime power management nobody puts back what the others lose. */
static const char *lockdown_siblings(struct plan *plan)
{
	const struct target *t = plan->target;
	char text[BDF_STR];

	for (size_t i = 0; i < t->nfns; i++) {
		const struct fn_facts *fn = &t->fn[i];

		if (i == t->main || !fn->answers)
			continue;
		if (!fn->power_control[0])
			return plan_text(plan, "this kernel has no runtime power "
					 "management that would put back the "
					 "configuration of %s", bdf_str(fn->bdf, text));
		if (fn->autosuspend_ms < 0)
			return plan_text(plan, "%s may never sleep, so the kernel would "
					 "not put back its configuration (write 0 to its "
					 "power/autosuspend_delay_ms)",
					 bdf_str(fn->bdf, text));
	}
	return NULL;
}

const char *lockdown_unable(struct plan *plan)
{
	const char *why = NULL;

	if (!plan->target->host.vfio_pci)
		why = "the driver vfio-pci is not loaded (modprobe vfio-pci)";
	if (!why)
		why = lockdown_group(plan);
	if (!why)
		why = lockdown_siblings(plan);
	if (!why)
		why = lockdown_close_harms(plan);
	return why ? plan_text(plan, "kernel lockdown leaves only VFIO for registers, "
			       "and %s", why) : NULL;
}

const char *lockdown_unreadable(struct plan *plan)
{
	if (lockdown_close_resets(plan->target))
		return "kernel lockdown leaves only VFIO for registers, and the kernel "
		       "would reset the bus of this card when VFIO closes it";
	return lockdown_unable(plan);
}

/* --- what reaches the card ------------------------------------------------------- */

/*
 * Configuration writes that vfio-pci passes on unchanged, all bits of them: from
 * init_pci_cap_basic_perm() in drivers/vfio/pci/vfio_pci_config.c. Of capabilities only a
 * vendor-specific one is written raw; Device Control and Device Control 2 are passed in
 * part, the rest of the PCIe capability (0x7c of old Radeons: Device Capabilities 2) is
 * dropped without an error. Bytes between capabilities pass, too, but where they are
 * depends on lengths that not every kernel reads alike: they do not count.
 */
static const struct lockdown_range {
	unsigned off, width;
} lockdown_passes[] = {
	{ PCI_CACHE_LINE_SIZE, 1 }, { PCI_LATENCY_TIMER, 1 }, { PCI_BIST, 1 },
};

static bool range_holds(unsigned off, unsigned len, const struct reg *r)
{
	return r->off >= off && r->off + r->width <= off + len;
}

/* Of COMMAND all bits but INTx Disable, which is VFIO's own. */
static bool config_passes(const struct fn_facts *fn, const struct step *s)
{
	const struct reg *r = &s->reg;

	if (s->kind == STEP_SET && range_holds(PCI_COMMAND, 2, r) && r->width == 2 &&
	    !(s->mask & PCI_COMMAND_INTX_DISABLE))
		return true;
	for (size_t i = 0; i < sizeof(lockdown_passes) / sizeof(*lockdown_passes); i++)
		if (range_holds(lockdown_passes[i].off, lockdown_passes[i].width, r))
			return true;
	/* its header (id, next, length) is not the vendor's */
	return fn->vndr_len > PCI_CAP_FLAGS + 1 &&
	       range_holds(fn->vndr_cap + PCI_CAP_FLAGS + 1u,
			   fn->vndr_len - (PCI_CAP_FLAGS + 1u), r);
}

/* Why a register cannot be reached at all; configuration space can always be read. */
static const char *space_unreachable(const struct fn_facts *fn, const struct reg *r)
{
	if (r->space != REG_CONFIG && fn->bar[r->bar].flags & RES_IO)
		return "is in an I/O port BAR, which is no memory";
	return NULL;
}

static const char *step_unreachable(const struct plan *plan, const struct step *s)
{
	const struct fn_facts *fn = target_main(plan->target);
	const char *why = NULL;

	if (!bdf_eq(s->fn, fn->bdf))
		return "belongs to another function, which is not open";
	for (int i = 0; i < s->ncond && !why; i++)
		why = space_unreachable(fn, &s->cond[i].reg);
	for (int i = 0; i < s->nwhen && !why; i++)
		for (int k = 0; k < s->when[i].ncond && !why; k++)
			why = space_unreachable(fn, &s->when[i].cond[k].reg);
	if (why || (s->kind != STEP_WRITE && s->kind != STEP_SET))
		return why;
	if (s->reg.space == REG_CONFIG && !config_passes(fn, s))
		return "is in configuration space, and vfio-pci does not pass such a "
		       "write on";
	return space_unreachable(fn, &s->reg);
}

const char *lockdown_unreachable(struct plan *plan, const struct attempt *a)
{
	for (size_t i = 0; i < a->nsteps; i++) {
		const struct step *s = &a->step[i];
		const char *why = s->file ? step_unreachable(plan, s) : NULL;

		if (why)
			return plan_text(plan, "kernel lockdown leaves only VFIO for "
					 "registers, and %s of %s:%d %s",
					 s->name ? s->name : "a register", s->file,
					 s->line, why);
	}
	return NULL;
}

/* --- steps ------------------------------------------------------------------------ */

/* The driver that the function has when the attempt has come as far as its steps go. */
static const char *lockdown_driver(const struct attempt *a, const struct fn_facts *fn)
{
	for (size_t i = a->nsteps; i-- > 0;)
		if (a->step[i].kind == STEP_BIND && bdf_eq(a->step[i].fn, fn->bdf))
			return a->step[i].text;
	return fn->driver;
}

void lockdown_open(struct plan *plan, struct attempt *a, enum step_phase phase)
{
	const struct target *t = plan->target;
	const struct fn_facts *fn = target_main(t);
	struct step *s;

	a->vfio = true;
	if (!driver_is_vfio(lockdown_driver(a, fn))) {
		part_bind(plan, a, phase, t->main, "vfio-pci", lockdown_driver(a, fn));
		part_own_fn(plan, a, phase, t->main);
	}
	for (size_t i = 0; i < t->nfns; i++)
		if (i != t->main && t->fn[i].known)
			part_bind(plan, a, phase, i, "", lockdown_driver(a, &t->fn[i]));
	for (size_t i = 0; i < t->nfns; i++)
		if (t->fn[i].iommu_group != fn->iommu_group && t->fn[i].known)
			part_own_no_more(plan, a, phase, i);
	if (fn->has_reset) {
		part_attr(a, phase, fn->bdf, "reset_method", "");
		part_methods_again(plan, a, fn);
	}
	s = attempt_step(a, STEP_VFIO_OPEN, phase, fn->bdf);
	s->limit_us = LOCKDOWN_OPEN_US;
	s = attempt_undo(a, STEP_VFIO_CLOSE, PHASE_HEALTH, fn->bdf);
	s->limit_us = LOCKDOWN_OPEN_US;
	if (!lockdown_close_resets(t))
		return;
	s->limit_us += SBR_PULSE_US + KERNEL_READY_US;
	s->why = "the kernel resets its bus then";
	a->level = 0;
	a->floor_us += SBR_PULSE_US + RESET_TO_CONFIG_US;
}

void lockdown_park(struct plan *plan, struct attempt *a)
{
	const struct target *t = plan->target;

	for (size_t i = 0; i < t->nfns; i++) {
		if (i == t->main || !t->fn[i].answers)
			continue;
		attempt_step(a, STEP_PARK, PHASE_PREPARE, t->fn[i].bdf)->limit_us =
			LOCKDOWN_PARK_US + (uint64_t)t->fn[i].autosuspend_ms * 1000;
		attempt_undo(a, STEP_UNPARK, PHASE_RESTORE, t->fn[i].bdf)->limit_us =
			RESTORE_US;
	}
}

struct step *lockdown_decode(struct plan *plan, struct attempt *a, enum step_phase phase)
{
	return part_command(a, phase, target_main(plan->target)->bdf, "COMMAND.MEMORY",
			    PCI_COMMAND_MEMORY, true);
}

void lockdown_close(struct attempt *a)
{
	attempt_flush_undo(a, PHASE_HEALTH);
}
