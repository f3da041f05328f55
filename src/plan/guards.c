// SPDX-License-Identifier: GPL-2.0-or-later
#include "plan/guards.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

const struct force_option force_options[] = {
	{ "force-in-use", FORCE_IN_USE, "although a program or a VM has the card open" },
	{ "force-neighbours", FORCE_NEIGHBOURS,
	  "although functions of other devices are reset with it" },
	{ "force-neighbours-in-use", FORCE_NEIGHBOURS_IN_USE,
	  "although a program or a VM has such a function open" },
	{ "force-vfs", FORCE_VFS, "although virtual functions are enabled on it" },
	{ "force-console", FORCE_CONSOLE, "although the host's console is on it" },
	{ "force-mdev", FORCE_MDEV, "although its driver has made mediated devices" },
	{ "force-hive", FORCE_HIVE,
	  "although other cards are linked to it (XGMI, NVLink)" },
	{ "force-network", FORCE_NETWORK,
	  "although a network interface goes down with it" },
	{ "force-storage", FORCE_STORAGE, "although a disk in use goes away with it" },
	{ "force-thunderbolt", FORCE_THUNDERBOLT,
	  "although a bridge behind Thunderbolt is reset" },
	{ NULL, 0, NULL },
};

/* --- the whole target ---------------------------------------------------------- */

/* A guard: the sentence when it objects, else NULL. */
struct guard {
	const char *name;
	unsigned bit;
	const char *option;
	const char *(*objects)(struct plan *plan);
	bool quick;                     /* may change while a plan is run */
};

static const char *guard_opened(struct plan *plan)
{
	const struct target *t = plan->target;
	char text[BDF_STR];

	for (size_t i = 0; i < t->nfns; i++)
		if (t->fn[i].enabled > 0 && driver_is_vfio(t->fn[i].driver))
			return plan_text(plan, "%s is in use: it is open through "
					 "vfio-pci, though no process was found that has "
					 "it",
					 bdf_str(t->fn[i].bdf, text));
	return NULL;
}

static const char *guard_in_use(struct plan *plan)
{
	const struct target *t = plan->target;
	const struct hw_holder *h = &t->holder[0];
	char slot[BDF_STR], more[40] = "";

	if (!t->nholders)
		return guard_opened(plan);
	if (t->nholders > 1)
		snprintf(more, sizeof(more), " and %zu more", t->nholders - 1);
	return plan_text(plan, "%s is in use: process %d (%s) has %s open%s; stop it "
			 "first", bdf_slot_str(t->spec.bdf, slot), h->pid, h->comm,
			 h->what, more);
}

static const char *guard_vfs(struct plan *plan)
{
	const struct target *t = plan->target;
	char text[BDF_STR];

	for (size_t i = 0; i < t->nfns; i++)
		if (t->fn[i].vfs > 0)
			return plan_text(plan, "%s has %d virtual functions enabled, "
					 "which a reset would take away; disable them "
					 "first (echo 0 > sriov_numvfs)",
					 bdf_str(t->fn[i].bdf, text), t->fn[i].vfs);
	return NULL;
}

static const char *guard_console(struct plan *plan)
{
	const struct target *t = plan->target;
	char text[BDF_STR];

	if (t->host.fb_native)
		return plan_text(plan, "the host draws a framebuffer console on %s; use "
				 "another card for the host's screen, or unbind its "
				 "driver", bdf_str(target_main(t)->bdf, text));
	for (size_t i = 0; i < t->nfns; i++)
		if (t->fn[i].boot_vga && t->host.fb[0])
			return plan_text(plan, "%s is the boot VGA and the host's "
					 "console (framebuffer '%s') draws on it; boot "
					 "with initcall_blacklist=sysfb_init",
					 bdf_str(t->fn[i].bdf, text), t->host.fb);
	return NULL;
}

static const char *guard_mdev(struct plan *plan)
{
	const struct target *t = plan->target;
	char text[BDF_STR], more[40] = "";

	for (size_t i = 0; i < t->nfns; i++) {
		const struct fn_facts *fn = &t->fn[i];

		if (!fn->nmdevs)
			continue;
		if (fn->nmdevs > 1)
			snprintf(more, sizeof(more), " and %zu more", fn->nmdevs - 1);
		return plan_text(plan, "%s has the mediated device %s%s, made by %s, "
				 "which a reset would take away; stop the VM that uses "
				 "it and remove it first (echo 1 > "
				 "/sys/bus/mdev/devices/%s/remove)",
				 bdf_str(fn->bdf, text), fn->mdev, more, fn->driver,
				 fn->mdev);
	}
	return NULL;
}

static const char *guard_hive(struct plan *plan)
{
	const struct target *t = plan->target;
	char text[BDF_STR], other[BDF_STR], more[40] = "";

	for (size_t i = 0; i < t->nfns; i++) {
		const struct fn_facts *fn = &t->fn[i];

		if (!fn->hive)
			continue;
		if (!fn->nhive)
			return plan_text(plan, "%s is linked to other cards by %s, "
					 "and to which cannot be read; unbind %s "
					 "from all cards of its hive first",
					 bdf_str(fn->bdf, text),
					 strcmp(fn->driver, "nvidia") ? "XGMI" :
					 "NVLink", fn->driver);
		if (fn->nhive > 1)
			snprintf(more, sizeof(more), " and %zu more", fn->nhive - 1);
		return plan_text(plan, "%s is linked to %s%s by XGMI, and a reset of one "
				 "breaks the links of all; unbind amdgpu from all "
				 "cards of the hive first", bdf_str(fn->bdf, text),
				 bdf_str(fn->hive_fn, other), more);
	}
	return NULL;
}

/* What the host uses a function for, and how it is made to stop. */
static const char *const use_what[] = {
	[USE_NETWORK] = "the network interface", [USE_STORAGE] = "the block device",
	[USE_OPEN] = "the device",
};
static const char *const use_cure[] = {
	[USE_NETWORK] = "take it down first (ip link set DEV down)",
	[USE_STORAGE] = "unmount it, or take it out of what uses it, first",
	[USE_OPEN] = "stop it first",
};

static const char *guard_own_use(struct plan *plan, enum use_kind kind)
{
	const struct target *t = plan->target;
	char text[BDF_STR];

	for (size_t i = 0; i < t->nuses; i++) {
		const struct fn_use *use = &t->use[i];

		if (use->kind == kind && bdf_same_slot(use->bdf, t->spec.bdf))
			return plan_text(plan, "%s carries %s %s, which %s; %s",
					 bdf_str(use->bdf, text), use_what[kind],
					 use->name, use->how, use_cure[kind]);
	}
	return NULL;
}

static const char *guard_network(struct plan *plan)
{
	return guard_own_use(plan, USE_NETWORK);
}

static const char *guard_storage(struct plan *plan)
{
	return guard_own_use(plan, USE_STORAGE);
}

static const struct guard guards[] = {
	{ "in-use", FORCE_IN_USE, "--force-in-use", guard_in_use, true },
	{ "vfs", FORCE_VFS, "--force-vfs", guard_vfs, true },
	{ "mdev", FORCE_MDEV, "--force-mdev", guard_mdev, false },
	{ "hive", FORCE_HIVE, "--force-hive", guard_hive, false },
	{ "network", FORCE_NETWORK, "--force-network", guard_network, false },
	{ "storage", FORCE_STORAGE, "--force-storage", guard_storage, false },
	{ "console", FORCE_CONSOLE, "--force-console", guard_console, false },
};

static const char *guard_broken_quirk(struct plan *plan)
{
	struct bdf about;
	const struct quirk *q = deny_broken(plan, &about);
	char text[BDF_STR];

	if (plan->hits.unreadable)
		return plan_text(plan, "%zu quirk file%s cannot be read well enough to "
				 "know which cards they forbid what for (the messages "
				 "above name them); mend or remove them first",
				 plan->hits.unreadable,
				 plan->hits.unreadable == 1 ? "" : "s");
	if (!q)
		return NULL;
	return plan_text(plan, "%s is about %s%s but has errors, so what it forbids is "
			 "not known; mend it (or remove it) first", q->file,
			 q == plan->quirk ? "this card" : bdf_str(about, text),
			 q == plan->quirk ? "" : " of this card or above it");
}

/* VFIO resets it for each VM; what functions share is the physical one's to reset. */
static const char *guard_virtual(struct plan *plan)
{
	const struct fn_facts *fn = target_main(plan->target);
	char text[BDF_STR];

	return fn->virtual_fn ?
		plan_text(plan, "%s is a virtual function (SR-IOV): VFIO resets it for "
			  "each VM, and the rest is a matter of its physical function",
			  bdf_str(fn->bdf, text)) : NULL;
}

static void guard_all(struct plan *plan, bool quick)
{
	for (size_t i = 0; i < sizeof(guards) / sizeof(*guards); i++) {
		const char *why;

		if (plan->opts.force & guards[i].bit || (quick && !guards[i].quick))
			continue;
		why = guards[i].objects(plan);
		if (!why)
			continue;
		plan->refusal = plan_text(plan, "%s (to go on all the same: %s)", why,
					  guards[i].option);
		plan->refusal_name = guards[i].name;
		return;
	}
}

void guard_target(struct plan *plan)
{
	plan->refusal = guard_virtual(plan);
	plan->refusal_name = "virtual";
	if (plan->refusal)
		return;
	plan->refusal_name = NULL;
	plan->refusal = guard_broken_quirk(plan);
	if (!plan->refusal) {
		guard_all(plan, false);
		return;
	}
	plan->refusal_name = "broken-quirk";
	plan->refusal_config = true;
}

/* --- once more, while the plan is run ------------------------------------------ */

/* Has the attempt @fn open by now? Holding its group does not enable it. */
static bool guard_opened_by(const struct attempt *a, const struct step *s, struct bdf fn)
{
	bool open = false;

	for (size_t i = 0; s && &a->step[i] < s; i++)
		if (bdf_eq(a->step[i].fn, fn) && (a->step[i].kind == STEP_VFIO_OPEN ||
						  a->step[i].kind == STEP_VFIO_CLOSE))
			open = a->step[i].kind == STEP_VFIO_OPEN;
	return open;
}

int guard_again(struct hw *hw, const struct plan *plan, const struct attempt *a,
		const struct step *s, struct err *err)
{
	struct target t = *plan->target;
	struct plan look = { .target = &t, .opts = plan->opts };
	int rc = facts_again(hw, &t, err);

	if (rc)
		return rc;
	for (size_t i = 0; i < t.nfns; i++)
		if (guard_opened_by(a, s, t.fn[i].bdf))
			t.fn[i].enabled = 0;    /* by ourselves */
	guard_all(&look, true);
	if (look.refusal)
		rc = err_set(err, EBUSY, "%s", look.refusal);
	plan_free(&look);
	return rc;
}

/* --- single attempts ----------------------------------------------------------- */

/* A guard of an attempt: the sentence when it objects, else NULL. */
struct attempt_guard {
	unsigned bit;
	const char *option;
	const char *(*objects)(struct plan *plan, const struct attempt *a);
	/* The attempts for which the option counts; NULL: all. */
	bool (*yields)(const struct attempt *a);
};

/* One function was given, but the method takes the whole slot. */
static const char *guard_siblings(struct plan *plan, const struct attempt *a)
{
	const struct target *t = plan->target;
	char one[BDF_STR], slot[BDF_STR];

	if (t->spec.whole_slot || t->nfns < 2 || !a->whole_slot)
		return NULL;
	return plan_text(plan, "it resets all %zu functions of the slot, but only %s was "
			 "given; `gpureset %s` means the whole slot", t->nfns,
			 bdf_str(t->spec.bdf, one), bdf_slot_str(t->spec.bdf, slot));
}

/*
 * Raw bus reset and hot reset never take neighbours along: the one would leave them
 * without configuration, the other needs them on vfio-pci.
 */
static bool guard_may_take_neighbours(const struct attempt *a)
{
	return !strcmp(a->method->name, "subordinate");
}

static const struct fn_use *guard_use(const struct target *t, struct bdf fn)
{
	for (size_t i = 0; i < t->nuses; i++)
		if (bdf_eq(t->use[i].bdf, fn))
			return &t->use[i];
	return NULL;
}

/* ", which is not part of the card", and what the host has it for. */
static const char *guard_foreign(struct plan *plan, const struct attempt *a,
				 const struct other_fn *o)
{
	const char *slot = plan->target->path[a->level].hotplug ?
		" but in the same hotplug slot" : "";
	const struct fn_use *use = guard_use(plan->target, o->bdf);

	if (!use)
		return plan_text(plan, "which is not part of the card%s", slot);
	return plan_text(plan, "which is not part of the card%s and carries %s %s, "
			 "which %s", slot, use_what[use->kind], use->name, use->how);
}

static const char *guard_neighbours(struct plan *plan, const struct attempt *a)
{
	const struct target *t = plan->target;
	const struct other_fn *first = NULL;
	char text[BDF_STR], more[40] = "", driver[48] = "";
	size_t n = 0;

	for (size_t i = 0; i < t->nother; i++) {
		const struct other_fn *o = &t->other[i];

		if (o->bridge || !attempt_hits(a, o))
			continue;
		/* of several the one that would be missed */
		if (!first || (!guard_use(t, first->bdf) && guard_use(t, o->bdf)))
			first = o;
		n++;
	}
	if (!n)
		return NULL;
	if (n > 1)
		snprintf(more, sizeof(more), " and %zu more", n - 1);
	if (first->driver[0])
		snprintf(driver, sizeof(driver), ", driver %s", first->driver);
	return plan_text(plan, "it would also reset %s [%04x:%04x%s]%s, %s",
			 bdf_str(first->bdf, text), first->vendor, first->device, driver,
			 more, guard_foreign(plan, a, first));
}

static const char *guard_hit_use(struct plan *plan, const struct attempt *a,
				 enum use_kind kind)
{
	const struct target *t = plan->target;
	char text[BDF_STR];

	for (size_t i = 0; i < t->nother; i++)
		for (size_t k = 0; k < t->nuses; k++) {
			const struct fn_use *use = &t->use[k];

			if (use->kind == kind && bdf_eq(use->bdf, t->other[i].bdf) &&
			    attempt_hits(a, &t->other[i]))
				return plan_text(plan, "it would also reset %s, which "
						 "carries %s %s, which %s; %s",
						 bdf_str(use->bdf, text), use_what[kind],
						 use->name, use->how, use_cure[kind]);
		}
	return NULL;
}

static const char *guard_hit_open(struct plan *plan, const struct attempt *a)
{
	return guard_hit_use(plan, a, USE_OPEN);
}

static const char *guard_hit_network(struct plan *plan, const struct attempt *a)
{
	return guard_hit_use(plan, a, USE_NETWORK);
}

static const char *guard_hit_storage(struct plan *plan, const struct attempt *a)
{
	return guard_hit_use(plan, a, USE_STORAGE);
}

/*
 * Behind Thunderbolt a link is a tunnel through it: nobody trains it again after a
 * reset of the bridge above, and the kernel may take that for the cable being pulled.
 * The card's own resets do not touch the link. A bridge that is not marked itself may
 * have marked ones below it, which its reset resets: of a host with integrated USB4 the
 * root port is part of the host, and what is plugged into it is not.
 */
static const char *guard_thunderbolt(struct plan *plan, const struct attempt *a)
{
	const struct target *t = plan->target;
	char text[BDF_STR];
	int at = 0;

	while (at <= a->level && !t->path[at].thunderbolt)
		at++;
	if (at > a->level)
		return NULL;
	return plan_text(plan, "%s is behind Thunderbolt (or a port for removable "
			 "devices), where the reset of a bridge may end as if the cable "
			 "had been pulled; pull and plug the enclosure instead",
			 bdf_str(t->path[at].bdf, text));
}

static const struct attempt_guard attempt_guards[] = {
	{ FORCE_NEIGHBOURS, "--force-neighbours", guard_neighbours,
	  guard_may_take_neighbours },
	{ FORCE_NEIGHBOURS_IN_USE, "--force-neighbours-in-use", guard_hit_open, NULL },
	{ FORCE_NETWORK, "--force-network", guard_hit_network, NULL },
	{ FORCE_STORAGE, "--force-storage", guard_hit_storage, NULL },
	{ FORCE_THUNDERBOLT, "--force-thunderbolt", guard_thunderbolt, NULL },
	{ 0, NULL, guard_siblings, NULL },
};

/* Who loses a neighbour is said, though it was asked for. */
static void guard_say_open(struct plan *plan, struct attempt *a)
{
	const char *open = guard_hit_open(plan, a);

	if (open)
		a->note = a->note ? plan_text(plan, "%s; %s", a->note, open) : open;
}

static void guard_attempt(struct plan *plan, struct attempt *a)
{
	for (size_t i = 0; i < sizeof(attempt_guards) / sizeof(*attempt_guards); i++) {
		const struct attempt_guard *g = &attempt_guards[i];
		bool yields = g->option && (!g->yields || g->yields(a));
		const char *why;

		if (yields && plan->opts.force & g->bit)
			continue;
		why = g->objects(plan, a);
		if (!why)
			continue;
		a->usable = ATTEMPT_REFUSED;
		a->reason = why;
		a->override = yields ? g->option : NULL;
		return;
	}
	guard_say_open(plan, a);
}

void guard_attempts(struct plan *plan)
{
	for (size_t i = 0; i < plan->nattempts; i++)
		if (plan->attempt[i].usable == ATTEMPT_YES)
			guard_attempt(plan, &plan->attempt[i]);
}
