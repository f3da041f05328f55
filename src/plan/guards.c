// SPDX-License-Identifier: GPL-2.0-or-later
#include "plan/guards.h"

#include <stdio.h>
#include <string.h>

const struct force_option force_options[] = {
	{ "force-in-use", FORCE_IN_USE, "although a program or a VM has the card open" },
	{ "force-neighbours", FORCE_NEIGHBOURS,
	  "although functions of other devices are reset with it" },
	{ "force-vfs", FORCE_VFS, "although virtual functions are enabled on it" },
	{ "force-console", FORCE_CONSOLE, "although the host's console is on it" },
	{ NULL, 0, NULL },
};

/* --- the whole target ---------------------------------------------------------- */

/* A guard: the sentence when it objects, else NULL. */
struct guard {
	const char *name;
	unsigned bit;
	const char *option;
	const char *(*objects)(struct plan *plan);
};

static const char *guard_opened(struct plan *plan)
{
	const struct target *t = plan->target;
	char text[BDF_STR];

	for (size_t i = 0; i < t->nfns; i++)
		if (t->fn[i].enabled > 0 && !strcmp(t->fn[i].driver, "vfio-pci"))
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

static const struct guard guards[] = {
	{ "in-use", FORCE_IN_USE, "--force-in-use", guard_in_use },
	{ "vfs", FORCE_VFS, "--force-vfs", guard_vfs },
	{ "console", FORCE_CONSOLE, "--force-console", guard_console },
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

void guard_target(struct plan *plan)
{
	plan->refusal = guard_broken_quirk(plan);
	if (plan->refusal) {
		plan->refusal_name = "broken-quirk";
		plan->refusal_config = true;
		return;
	}
	for (size_t i = 0; i < sizeof(guards) / sizeof(*guards); i++) {
		const char *why;

		if (plan->opts.force & guards[i].bit)
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

/* --- single attempts ----------------------------------------------------------- */

static void guard_refuse(struct attempt *a, const char *reason, const char *override)
{
	a->usable = ATTEMPT_REFUSED;
	a->reason = reason;
	a->override = override;
}

/* One function was given, but the method takes the whole slot. */
static void guard_siblings(struct plan *plan, struct attempt *a)
{
	const struct target *t = plan->target;
	char one[BDF_STR], slot[BDF_STR];

	if (t->spec.whole_slot || t->nfns < 2 || !a->whole_slot)
		return;
	guard_refuse(a, plan_text(plan, "it resets all %zu functions of the slot, but "
				  "only %s was given; `gpureset %s` means the whole slot",
				  t->nfns, bdf_str(t->spec.bdf, one),
				  bdf_slot_str(t->spec.bdf, slot)), NULL);
}

/*
 * Raw bus reset and hot reset never take neighbours along: the one would leave them
 * without configuration, the other needs them on vfio-pci.
 */
static bool guard_may_take_neighbours(const struct attempt *a)
{
	return !strcmp(a->method->name, "subordinate");
}

static void guard_neighbours(struct plan *plan, struct attempt *a)
{
	const struct target *t = plan->target;
	const struct other_fn *first = NULL;
	char text[BDF_STR], more[40] = "", driver[48] = "";
	size_t n = 0;

	for (size_t i = 0; i < t->nother; i++) {
		if (t->other[i].bridge || !attempt_hits(a, &t->other[i]))
			continue;
		first = first ? first : &t->other[i];
		n++;
	}
	if (!n || (plan->opts.force & FORCE_NEIGHBOURS && guard_may_take_neighbours(a)))
		return;
	if (n > 1)
		snprintf(more, sizeof(more), " and %zu more", n - 1);
	if (first->driver[0])
		snprintf(driver, sizeof(driver), ", driver %s", first->driver);
	guard_refuse(a, plan_text(plan, "it would also reset %s [%04x:%04x%s]%s, which "
				  "is not part of the card", bdf_str(first->bdf, text),
				  first->vendor, first->device, driver, more),
		     guard_may_take_neighbours(a) ? "--force-neighbours" : NULL);
}

void guard_attempts(struct plan *plan)
{
	for (size_t i = 0; i < plan->nattempts; i++) {
		struct attempt *a = &plan->attempt[i];

		if (a->usable == ATTEMPT_YES)
			guard_neighbours(plan, a);
		if (a->usable == ATTEMPT_YES)
			guard_siblings(plan, a);
	}
}
