// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/card_state.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "plan/facts_fn.h"
#include "plan/holder_vm.h"
#include "plan/look.h"
#include "plan/parts.h"
#include "run/exec.h"

__attribute__((format(printf, 3, 4)))
static void card_say(struct card_state *st, enum card_word word, const char *why, ...)
{
	va_list ap;

	st->word = word;
	va_start(ap, why);
	vsnprintf(st->why, sizeof(st->why), why, ap);
	va_end(ap);
}

/* --- who has it ------------------------------------------------------------------ */

static bool card_used(struct card_state *st, struct hw *hw)
{
	const struct hw_holder *who = &st->holder;

	if (!st->nholders)
		return false;
	holder_vm(hw, who->pid, st->vm, sizeof(st->vm));
	card_say(st, CARD_IN_USE, "process %d (%s) has %s open%s", who->pid, who->comm,
		 who->what, st->nholders > 1 ? ", and others" : "");
	return true;
}

static int card_add_holder(const struct hw_holder *who, void *arg)
{
	struct card_state *st = arg;

	if (who->pid && !st->nholders++)
		st->holder = *who;
	return 0;
}

/* --- asleep ---------------------------------------------------------------------- */

static bool card_sleeps(struct card_state *st)
{
	if (st->power[0] != 'D' || !strcmp(st->power, "D0"))
		return false;
	card_say(st, CARD_ASLEEP, "asleep, so nobody looked at its registers");
	return true;
}

static bool power_is(struct hw *hw, struct bdf bdf, const char *state)
{
	char now[12];

	return !hw_attr_read(hw, bdf, "power_state", now, sizeof(now), NULL) &&
	       !strncmp(now, state, strlen(state));
}

static const struct hw_node *node_above(const struct hw_node *all, size_t n,
					const struct hw_node *node)
{
	for (size_t i = 0; i < n && !node->on_root_bus; i++)
		if (bdf_eq(all[i].bdf, node->parent))
			return &all[i];
	return NULL;
}

bool card_would_wake(struct hw *hw, const struct hw_node *all, size_t n, struct bdf slot)
{
	for (size_t i = 0; i < n; i++) {
		const struct hw_node *node = &all[i];

		if (!bdf_same_slot(node->bdf, slot))
			continue;
		if (power_is(hw, node->bdf, "D3cold"))
			return true;
		while ((node = node_above(all, n, node)))
			if (power_is(hw, node->bdf, "D") &&
			    !power_is(hw, node->bdf, "D0"))
				return true;
	}
	return false;
}

/* Without a driver the kernel has no word for it: the function has. */
static void card_power(struct card_state *st, struct hw *hw, const struct fn_facts *fn)
{
	static const char *const states[] = { "D0", "D1", "D2", "D3hot" };
	uint32_t pmcsr;

	snprintf(st->power, sizeof(st->power), "%s", fn->power_state);
	if (st->power[0] != 'D' && fn->pm_cap &&
	    !hw_cfg_read(hw, fn->bdf, fn->pm_cap + PCI_PM_CTRL, 2, &pmcsr, NULL))
		snprintf(st->power, sizeof(st->power), "%s",
			 states[pmcsr & PCI_PM_CTRL_STATE_MASK]);
}

/* --- pristine or not --------------------------------------------------------------- */

/* Would a read of its registers be harmless, and say something? NULL, or why not. */
static const char *card_unreadable(const struct study *s, char *buf, size_t size)
{
	const struct target *t = &s->target;
	const struct fn_facts *fn = target_main(t);
	const struct attempt *none = look_none(&s->plan);

	if (fn->virtual_fn)
		return "a virtual function, which VFIO resets for each VM";
	for (size_t i = 0; i < t->npath; i++)
		if (!(t->path[i].command & PCI_COMMAND_MEMORY))
			return "a bridge above it does not pass memory accesses on";
	if (!none || none->usable != ATTEMPT_YES)
		return none ? none->reason : "it was not asked for";
	snprintf(buf, size, "%s has it", fn->driver);
	if (part_is_host_driver(fn->driver))
		return buf;
	return fn->command & PCI_COMMAND_MEMORY ? NULL :
	       "it does not decode memory, and list changes nothing";
}

static void card_verdict(struct card_state *st, const struct exec_outcome *out,
			 const char *unread)
{
	if (out->ones)
		card_say(st, CARD_UNKNOWN, "%s", out->err.text);
	else if (out->result == EXEC_SKIPPED || out->result == EXEC_UNHEALTHY)
		card_say(st, CARD_DIRTY, "%s", out->err.text);
	else if (out->result != EXEC_HEALTHY)
		card_say(st, CARD_OK, "%s", out->err.text);
	else if (unread)
		card_say(st, CARD_OK, "%s cannot be read without a write", unread);
	else
		card_say(st, CARD_PRISTINE, "all that its entry asks of a pristine card "
			 "holds");
}

static void card_look(struct card_state *st, struct hw *hw, const struct study *s)
{
	struct exec_outcome out;
	struct plan look;
	const char *unread = look_plan(&look, &s->plan);

	exec_attempt(hw, &look, &look.attempt[0], NULL, 0, &out);
	card_verdict(st, &out, unread);
	plan_free(&look);
}

static bool card_is_silent(const struct fn_facts *fn)
{
	return !fn->answers && !fn->virtual_fn;
}

static const struct fn_facts *card_silent(const struct target *t)
{
	if (card_is_silent(target_main(t)))
		return target_main(t);
	for (size_t i = 0; i < t->nfns; i++)
		if (card_is_silent(&t->fn[i]))
			return &t->fn[i];
	return NULL;
}

void card_judge(struct card_state *st, struct hw *hw, const struct study *s)
{
	const struct target *t = &s->target;
	const struct fn_facts *silent = card_silent(t);
	char text[BDF_STR + 40];
	const char *unable;

	memset(st, 0, sizeof(*st));
	st->holder = t->holder[0];
	st->nholders = t->nholders;
	if (!silent || silent != target_main(t))
		card_power(st, hw, target_main(t));
	if (silent)
		card_say(st, silent == target_main(t) ? CARD_DEAD : CARD_DIRTY,
			 "%s does not answer", bdf_str(silent->bdf, text));
	if (silent || card_used(st, hw) || card_sleeps(st))
		return;
	unable = card_unreadable(s, text, sizeof(text));
	if (unable)
		card_say(st, CARD_OK, "%s", unable);
	else
		card_look(st, hw, s);
}

void card_glance(struct card_state *st, struct hw *hw, const struct study *s, bool read,
		 const char *why)
{
	const struct target *t = &s->target;
	const struct fn_facts *fn = target_main(t);
	struct bdf fns[SLOT_FNS];
	uint32_t id = 0;
	char text[BDF_STR];

	memset(st, 0, sizeof(*st));
	if (!t->nfns)
		return;         /* it has gone since */
	snprintf(st->power, sizeof(st->power), "%s", fn->power_state);
	for (size_t i = 0; i < t->nfns; i++)
		fns[i] = t->fn[i].bdf;
	if (read && !hw_cfg_read(hw, fn->bdf, PCI_VENDOR_ID, 4, &id, NULL) &&
	    !facts_id_answers(id) && !facts_is_virtual(hw, fn->bdf)) {
		card_say(st, CARD_DEAD, "%s does not answer", bdf_str(fn->bdf, text));
		return;
	}
	hw_holders(hw, fns, t->nfns, card_add_holder, st, NULL);
	if (!card_used(st, hw) && !card_sleeps(st))
		card_say(st, CARD_UNKNOWN, "%s", why);
}

void card_busy(struct card_state *st)
{
	memset(st, 0, sizeof(*st));
	card_say(st, CARD_BUSY, "a gpureset is at work on it");
}

/* --- in words -------------------------------------------------------------------- */

static const char *const card_words[] = {
	[CARD_UNKNOWN] = "unknown", [CARD_OK] = "ok", [CARD_PRISTINE] = "pristine",
	[CARD_DIRTY] = "dirty", [CARD_IN_USE] = "in use", [CARD_ASLEEP] = "asleep",
	[CARD_DEAD] = "dead", [CARD_BUSY] = "being reset",
};

const char *card_state_str(const struct card_state *st, char *buf, size_t size)
{
	const char *word = st->word == CARD_ASLEEP ? st->power : card_words[st->word];

	if (st->word == CARD_IN_USE)
		snprintf(buf, size, "in use by %s%s (%d)", st->vm[0] ? "VM " : "",
			 st->vm[0] ? st->vm : st->holder.comm, st->holder.pid);
	else
		snprintf(buf, size, "%s", word);
	return buf;
}

void card_state_json(struct json *j, const char *key, const struct card_state *st)
{
	json_object(j, key);
	json_string(j, "word", card_words[st->word]);
	json_string(j, "why", st->why[0] ? st->why : NULL);
	json_string(j, "power", st->power[0] ? st->power : NULL);
	if (st->word == CARD_IN_USE) {
		json_string(j, "vm", st->vm[0] ? st->vm : NULL);
		json_int(j, "pid", st->holder.pid);
		json_string(j, "holder", st->holder.comm);
		json_string(j, "has_open", st->holder.what);
		json_int(j, "holders", (int64_t)st->nholders);
	}
	json_object_end(j);
}
