// SPDX-License-Identifier: GPL-2.0-or-later
#include "plan/frozen.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "plan/guards.h"

bool frozen_lived(const struct frozen_list *list, const struct frozen *f)
{
	return list->boot[0] && !strcmp(list->boot, f->boot);
}

const char *frozen_card(const struct target *t, char buf[FROZEN_CARD])
{
	const struct fn_facts *fn = target_main(t);

	snprintf(buf, FROZEN_CARD, "%04x:%04x:%04x:%04x", fn->vendor, fn->device,
		 fn->subvendor, fn->subdevice);
	return buf;
}

void frozen_say(const struct frozen *f, char *buf, size_t size)
{
	snprintf(buf, size, "the host did not come back from '%s' on %s (boot %.8s, from "
		 "step '%s' on, kernel %s)", f->method, f->time, f->boot, f->step,
		 f->kernel);
}

static bool frozen_has_bridge(const struct target *t, struct bdf bdf)
{
	for (size_t i = 0; i < t->npath; i++)
		if (bdf_eq(t->path[i].bdf, bdf))
			return true;
	return false;
}

/*
 * By its name. A method of a bridge that is not above the card any more (buses may have
 * other numbers after a boot) is off at every bridge.
 */
static bool frozen_is(const struct plan *plan, const struct attempt *a,
		      const struct frozen *f)
{
	const char *at = strstr(f->method, " at ");     /* "bus at 0000:00:1c.0" */
	struct bdf_spec spec;

	if (!strcmp(a->name, f->method))
		return true;
	return at && !bdf_parse(at + 4, &spec, NULL) &&
	       !strncmp(a->name, f->method, (size_t)(at + 4 - f->method)) &&
	       !frozen_has_bridge(plan->target, spec.bdf);
}

static const struct frozen *frozen_find(const struct plan *plan, const struct attempt *a)
{
	const struct frozen_list *list = plan->opts.frozen;
	char card[FROZEN_CARD];

	frozen_card(plan->target, card);
	for (size_t i = 0; i < list->n; i++)
		if (!frozen_lived(list, &list->item[i]) &&
		    !strcmp(list->item[i].card, card) &&
		    frozen_is(plan, a, &list->item[i]))
			return &list->item[i];
	return NULL;
}

/* NULL, or why it is off. */
static const char *frozen_why(struct plan *plan, const struct attempt *a)
{
	const struct frozen_list *list = plan->opts.frozen;
	const struct frozen *f = frozen_find(plan, a);
	char slot[BDF_STR], text[ERR_TEXT], then[BDF_STR + 16] = "", old[BDF_STR];

	bdf_slot_str(plan->target->spec.bdf, slot);
	if (list->wrong.code == EACCES && a->risk >= RISK_HOST_MAY_HANG)
		return plan_text(plan, "it may hang the host, and whether it did so "
				 "before is not known here: %s; ask as root",
				 list->wrong.text);
	if (list->wrong.code && a->risk >= RISK_HOST_MAY_HANG)
		return plan_text(plan, "it may hang the host, and whether it did so "
				 "before is not known: %s; `gpureset unfreeze %s` "
				 "forgets all of it", list->wrong.text, slot);
	if (!f)
		return NULL;
	frozen_say(f, text, sizeof(text));
	if (!bdf_same_slot(f->slot, plan->target->spec.bdf))
		snprintf(then, sizeof(then), ", as %s then", bdf_slot_str(f->slot, old));
	return plan_text(plan, "%s%s; `gpureset unfreeze %s` allows it again", text, then,
			 slot);
}

static size_t frozen_others(const struct plan *plan)
{
	const struct frozen_list *list = plan->opts.frozen;
	char card[FROZEN_CARD];
	size_t n = 0;

	frozen_card(plan->target, card);
	for (size_t i = 0; i < list->n; i++)
		n += strcmp(list->item[i].card, card) != 0;
	return n;
}

void frozen_attempts(struct plan *plan)
{
	if (!plan->opts.frozen)
		return;
	for (size_t i = 0; i < plan->nattempts; i++) {
		struct attempt *a = &plan->attempt[i];
		const char *why = NULL;

		if (a->usable == ATTEMPT_YES || a->usable == ATTEMPT_REFUSED)
			why = frozen_why(plan, a);
		if (!why)
			continue;
		attempt_deny(a, why);
		a->frozen = true;
	}
	plan->frozen_other = frozen_others(plan);
}
