// SPDX-License-Identifier: GPL-2.0-or-later
/* What several methods have in common: the kernel's own resets, and bridge resets. */
#include <stdio.h>
#include <string.h>

#include "plan/parts.h"

bool part_denied(struct plan *plan, const struct method *m, const char *name)
{
	const struct q_deny *deny = plan->quirk ? quirk_deny(plan->quirk, m->name) : NULL;

	if (!deny)
		return false;
	plan_cannot(plan, m, name, ATTEMPT_DENIED,
		    plan_text(plan, "%s:%d: %s", plan->quirk->file, deny->line,
			      deny->why));
	return true;
}

const char *part_silent(struct plan *plan)
{
	const struct target *t = plan->target;
	const char *held = part_contained(plan);
	char text[BDF_STR];

	for (size_t i = 0; i < t->nfns; i++)
		if (!t->fn[i].answers)
			return plan_text(plan, "%s reads all ones%s%s: the kernel would "
					 "save and restore that; only a raw bus reset is "
					 "left", bdf_str(t->fn[i].bdf, text),
					 held ? ", as " : "", held ? held : "");
	return NULL;
}

/* --- flr, af_flr, pm ----------------------------------------------------------- */

/*
 * What may be written back to reset_method afterwards. The list is made before the
 * siblings are known, so "bus" in the list of a function with siblings is stale and
 * refused when written (Linux drivers/pci/probe.c, pci_device_add).
 */
const char *part_methods_back(struct plan *plan, const char *old, bool siblings)
{
	char kept[64] = "", list[64], *word, *rest = list;

	snprintf(list, sizeof(list), "%s", old);
	while ((word = strsep(&rest, " "))) {
		size_t n = strlen(kept);

		if (!*word || (!strcmp(word, "bus") && siblings))
			continue;
		snprintf(kept + n, sizeof(kept) - n, "%s%s", n ? " " : "", word);
	}
	if (!old[0])
		return "";      /* somebody wants none */
	return plan_text(plan, "%s", kept[0] ? kept : "default");
}

void part_methods_again(struct plan *plan, struct attempt *a, const struct fn_facts *fn)
{
	struct step *s;

	if (!fn->has_reset)
		return;
	s = attempt_undo(a, STEP_ATTR, PHASE_PUT_BACK, fn->bdf);
	s->name = "reset_method";
	s->text = part_methods_back(plan, fn->reset_method, plan->target->nfns > 1);
	s->limit_us = 1000000;
}

static void km_methods_for_now(struct plan *plan, struct attempt *a,
			       const struct fn_facts *fn, const char *list)
{
	part_attr(a, PHASE_PREPARE, fn->bdf, "reset_method", list);
	part_methods_again(plan, a, fn);
}

bool part_harmful(const struct quirk *q, const char *name)
{
	for (size_t i = 0; i < q->nrisks; i++)
		if (q->risks[i].risk > RISK_SAFE && !strcmp(q->risks[i].name, name))
			return true;
	return quirk_deny(q, name) != NULL;
}

/* Would the kernel, left alone, reset this function in a way that harms it? */
static bool km_may_harm(const struct quirk *q, const struct fn_facts *fn)
{
	char list[64], *word, *rest = list;

	snprintf(list, sizeof(list), "%s", fn->reset_method);
	while ((word = strsep(&rest, " ")))
		if (*word && strcmp(word, "bus") && part_harmful(q, word))
			return true;
	return false;
}

void part_mute_resets(struct plan *plan, struct attempt *a)
{
	const struct target *t = plan->target;

	for (size_t i = 0; i < t->nfns; i++) {
		const struct quirk *own = plan->hits.fn[i];

		if (t->fn[i].has_reset &&
		    ((plan->quirk && km_may_harm(plan->quirk, &t->fn[i])) ||
		     (own && km_may_harm(own, &t->fn[i]))))
			km_methods_for_now(plan, a, &t->fn[i], "");
	}
}

/* After a `bus` earlier in the ladder the kernel has made its lists anew. */
static bool km_listed_anew(const struct plan *plan)
{
	for (size_t i = 0; i < plan->nattempts; i++)
		if (plan->attempt[i].method == &method_bus &&
		    plan->attempt[i].usable == ATTEMPT_YES)
			return true;
	return false;
}

static void km_function(struct plan *plan, struct attempt *a, const struct fn_facts *fn,
			const struct kernel_method *km)
{
	const char *name = km->method->name;
	struct step *s;

	if (strcmp(fn->reset_method, name) || km_listed_anew(plan))
		km_methods_for_now(plan, a, fn, name);
	s = part_attr(a, PHASE_ACT, fn->bdf, "reset", "1");
	s->limit_us = km->floor_us + KERNEL_READY_US;
	a->floor_us += km->floor_us;
}

static const char *km_unable(struct plan *plan, const struct kernel_method *km,
			     const struct fn_facts *fn)
{
	char text[BDF_STR];

	bdf_str(fn->bdf, text);
	if (!fn->answers && part_contained(plan))
		return plan_text(plan, "%s does not answer: %s", text,
				 part_contained(plan));
	if (!fn->answers)
		return plan_text(plan, "%s does not answer", text);
	if (!km->able(fn))
		return plan_text(plan, "%s: %s", text, km->unable);
	if (fn->kernel_deny & km->deny)
		return plan_text(plan, "%s is on the kernel's list of devices that %s "
				 "does not reset or breaks (drivers/pci/quirks.c)",
				 text, km->method->name);
	if (!fn->has_reset)
		return plan_text(plan, "%s: the kernel offers no `reset` for it", text);
	return NULL;
}

/* The function the attempt is about: the one asked for, or the display function. */
static const struct fn_facts *km_leader(const struct plan *plan)
{
	const struct target *t = plan->target;

	for (size_t i = 0; i < t->nfns; i++)
		if (!t->spec.whole_slot && bdf_eq(t->fn[i].bdf, t->spec.bdf))
			return &t->fn[i];
	return target_main(t);
}

int part_kernel_method(struct plan *plan, const struct kernel_method *km)
{
	const struct target *t = plan->target;
	const struct method *m = km->method;
	const char *unable = km_unable(plan, km, km_leader(plan));
	struct attempt *a;

	if (part_denied(plan, m, m->name))
		return 0;
	if (unable) {
		plan_cannot(plan, m, m->name, ATTEMPT_NO, unable);
		return 0;
	}
	a = plan_attempt(plan, m, m->name);
	part_own(plan, a, PHASE_PUT_BACK);
	part_wake(plan, a);
	part_unbind(plan, a, false);
	part_keep(plan, a);
	for (size_t i = 0; i < t->nfns; i++)
		if (part_touches(plan, a, i) && !km_unable(plan, km, &t->fn[i]))
			km_function(plan, a, &t->fn[i], km);
	part_verdict(plan, a, AFTER_IN_PLACE);
	return 0;
}

/* --- subordinate, bus ---------------------------------------------------------- */

const char *part_bus_denied(struct plan *plan, size_t level)
{
	const struct target *t = plan->target;
	char text[BDF_STR];

	for (size_t i = 0; i < t->nfns; i++)
		if (t->fn[i].kernel_deny & KDENY_BUS)
			return plan_text(plan, "a bus reset breaks %s until a power "
					 "cycle (kernel's list, drivers/pci/quirks.c)",
					 bdf_str(t->fn[i].bdf, text));
	for (size_t i = 0; i <= level && i < t->npath; i++)
		if (t->path[i].no_bus_reset)
			return plan_text(plan, "below %s a bus reset breaks the link "
					 "(kernel's list, drivers/pci/quirks.c)",
					 bdf_str(t->path[i].bdf, text));
	for (size_t i = 0; i < t->nother; i++)
		if (t->other[i].denies_bus && t->other[i].level <= (int)level)
			return plan_text(plan, "it would hit %s, which a bus reset "
					 "breaks (kernel's list, drivers/pci/quirks.c)",
					 bdf_str(t->other[i].bdf, text));
	return NULL;
}

static void bm_level(struct plan *plan, const struct bridge_method *bm, size_t level)
{
	const struct target *t = plan->target;
	enum usable usable = ATTEMPT_NO;
	char text[BDF_STR];
	const char *name, *unable;
	struct attempt *a;

	name = plan_text(plan, "%s at %s", bm->method->name,
			 bdf_str(t->path[level].bdf, text));
	unable = part_bus_denied(plan, level);
	if (unable)
		usable = ATTEMPT_DENIED;
	else
		unable = bm->unable(plan, level, &usable);
	if (unable) {
		plan_cannot(plan, bm->method, name, usable, unable);
		return;
	}
	a = plan_attempt(plan, bm->method, name);
	a->level = (int)level;
	a->whole_slot = true;
	bm->make(plan, a, level);
}

/*
 * The direct parent first (it resets the GPU alone), then, where the card has a
 * switch of its own, the bridge above that switch. Or the one the caller named.
 */
int part_bridge_method(struct plan *plan, const struct bridge_method *bm)
{
	const struct target *t = plan->target;
	size_t card = target_card_level(t);

	if (part_denied(plan, bm->method, bm->method->name))
		return 0;
	if (!t->npath) {
		plan_cannot(plan, bm->method, bm->method->name, ATTEMPT_NO,
			    "the card is on the root complex, there is no bridge above "
			    "it to reset");
		return 0;
	}
	for (size_t i = 0; i < t->npath; i++) {
		bool wanted = plan->opts.has_at ? bdf_eq(plan->opts.at, t->path[i].bdf) :
			      i == 0 || (i == card && card < t->npath);

		if (wanted)
			bm_level(plan, bm, i);
	}
	return 0;
}
