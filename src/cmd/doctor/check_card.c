// SPDX-License-Identifier: GPL-2.0-or-later
/* The card as a whole: does it answer, is it complete, can it be reset. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "cmd/card_state.h"
#include "cmd/doctor/exam.h"
#include "cmd/doctor/passthrough.h"
#include "run/recover.h"

static const char *card_slot(const struct exam *x, char buf[BDF_STR])
{
	return bdf_slot_str(x->at_card->slot, buf);
}

/* "none" is no reset: it only looks whether the card needs one. */
static bool card_resets(const struct attempt *a)
{
	return strcmp(a->method->name, "none") != 0;
}

/* The first method that can be used, or NULL. */
static const struct attempt *card_method(const struct plan *plan)
{
	for (size_t i = 0; i < plan->nattempts; i++)
		if (plan->attempt[i].usable == ATTEMPT_YES &&
		    card_resets(&plan->attempt[i]))
			return &plan->attempt[i];
	return NULL;
}

/* --- dead ------------------------------------------------------------------------ */

static const struct bridge_facts *card_contained(const struct target *t)
{
	for (size_t i = 0; i < t->npath; i++)
		if (t->path[i].port.contained)
			return &t->path[i];
	return NULL;
}

static void dead_fix(struct exam *x, const char *slot)
{
	if (card_method(&x->at_card->study.plan))
		exam_fix(x, " gpureset reset %s\nif that ends with \"lost\": switch the "
			 "host off for some seconds, as a reboot may leave the card "
			 "powered and as it is", slot);
	else
		exam_fix(x, "switch the host off for some seconds, as a reboot may leave "
			 "the card powered and as it is ('gpureset plan %s' says why no "
			 "reset is possible)", slot);
}

/* A port that holds the link down is the cause then, and has its own check. */
static void check_dead(struct exam *x)
{
	const struct target *t = &x->at_card->study.target;
	char text[BDF_STR], slot[BDF_STR];

	if (card_contained(t))
		return;
	for (size_t i = 0; i < t->nfns; i++) {
		const struct fn_facts *fn = &t->fn[i];
		uint32_t id = UINT32_MAX;

		if (fn->answers && (fn->header_type & 0x7f) != 0x7f)
			continue;
		hw_cfg_read(x->hw, fn->bdf, PCI_VENDOR_ID, 4, &id, NULL);
		exam_found(x, SEV_PROBLEM, "%s does not answer: id (config 0x0) 0x%08x, "
			   "header type (config 0xe) 0x%02x; power_state was %s",
			   bdf_str(fn->bdf, text), id, fn->header_type,
			   x->at_card->power[fn->bdf.fn][0] ?
			   x->at_card->power[fn->bdf.fn] : "unknown");
		dead_fix(x, card_slot(x, slot));
		return;
	}
}

static void check_contained(struct exam *x)
{
	/* PCIe 7.9.15.4, Trigger Reason */
	static const char *const reason[] = {
		"an error of its own", "ERR_NONFATAL", "ERR_FATAL", "its programmed I/O",
	};
	const struct bridge_facts *br = card_contained(&x->at_card->study.target);
	char text[BDF_STR], slot[BDF_STR];

	if (!br)
		return;
	exam_found(x, SEV_PROBLEM, "DPC status of %s (config 0x%x): triggered, after %s",
		   bdf_str(br->bdf, text), br->port.dpc + PCI_EXP_DPC_STATUS,
		   reason[br->port.dpc_reason & 3]);
	if (card_method(&x->at_card->study.plan))
		exam_fix(x, "these release the link first:\n gpureset reset %s",
			 card_slot(x, slot));
	else
		exam_fix(x, "reboot ('gpureset plan %s' says why no reset is possible)",
			 card_slot(x, slot));
}

/* --- what the log says ------------------------------------------------------------- */

static const char *hotplug_line(struct exam *x, struct bdf port)
{
	static const char *const lines[] = { "Link Down", "Card not present" };
	char text[BDF_STR], what[BDF_STR + 16];
	const char *line = NULL;

	snprintf(what, sizeof(what), "%s: pciehp:", bdf_str(port, text));
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines) && !line; i++)
		line = exam_log(x, what, lines[i]);
	return line;
}

/* linux: drivers/pci/hotplug/pciehp_ctrl.c; the slot alone is in order. */
static void check_hotplug(struct exam *x)
{
	const struct target *t = &x->at_card->study.target;
	char text[BDF_STR], slot[BDF_STR];

	for (size_t i = 0; i < t->npath; i++) {
		const struct bridge_facts *br = &t->path[i];
		const char *line = br->hotplug ? hotplug_line(x, br->bdf) : NULL;

		if (!line)
			continue;
		exam_found(x, SEV_NOTE, "%s is a hotplug slot, and the kernel's log "
			   "has: %s", bdf_str(br->bdf, text), line);
		exam_fix(x, "reset with 'gpureset reset %s', which switches these events "
			 "off meanwhile, not by setpci; if nobody resets: look at seat "
			 "and cables", card_slot(x, slot));
	}
}

/* --- is it complete ---------------------------------------------------------------- */

static bool missing_has(const struct target *t, unsigned fn)
{
	for (size_t i = 0; i < t->nfns; i++)
		if (t->fn[i].bdf.fn == fn)
			return true;
	return false;
}

/*
 * Some boards have none of what the entry names, and some another; but what the log names
 * was there.
 */
static void check_missing(struct exam *x)
{
	const struct study *s = &x->at_card->study;
	const struct target *t = &s->target;
	struct bdf lost = t->spec.bdf;
	char text[BDF_STR], what[BDF_STR + 4];
	const char *line = NULL;

	if (!pt_wanted(x))
		return;
	if (exam_is_dump(x)) {
		exam_unknown(x, "a dump of lspci may leave functions out");
		return;
	}
	for (lost.fn = 1; lost.fn < SLOT_FNS && !line; lost.fn++) {
		if (missing_has(t, lost.fn))
			continue;
		/* "pci 0000:0b:00.1: [1002:aae8] type 00 class 0x040300" */
		snprintf(what, sizeof(what), "%s: [", bdf_str(lost, text));
		line = exam_log(x, what, "] type 0");
	}
	if (!line && (t->nfns > 1 || !t->fn[0].answers || !s->quirk || !s->quirk->nwith))
		return;
	if (line)
		exam_found(x, SEV_WARNING, "it is not on the bus any more: %s", line);
	else
		exam_found(x, SEV_NOTE, "%s knows %04x:%04x beside it, which is not on "
			   "the bus", s->quirk->file, s->quirk->with[0].vendor,
			   s->quirk->with[0].device);
	exam_fix(x, " echo 1 > /sys/bus/pci/rescan\nif it does not come back: %s",
		 line ? "reboot" : "nothing, the board may have none");
}

/* --- resets ------------------------------------------------------------------------- */

/* QEMU: "vfio: Cannot reset device ...:00.1, no available reset mechanism". */
static void check_fn_no_reset(struct exam *x)
{
	const struct target *t = &x->at_card->study.target;
	const struct attempt *best = card_method(&x->at_card->study.plan);
	bool covered = best && best->whole_slot;
	char text[BDF_STR], slot[BDF_STR];

	for (size_t i = 0; !exam_is_dump(x) && i < t->nfns; i++) {
		const struct fn_facts *fn = &t->fn[i];

		if (i == t->main || fn->has_reset || !driver_is_vfio(fn->driver))
			continue;
		exam_found(x, covered ? SEV_NOTE : SEV_WARNING, "%s has no file reset",
			   bdf_str(fn->bdf, text));
		if (covered)
			exam_fix(x, "nothing: 'gpureset reset %s' resets all functions "
				 "at once (%s)", card_slot(x, slot), best->name);
		else
			exam_fix(x, "take %s out of the VM (one hostpci line for each "
				 "function it needs, instead of the whole slot)", text);
	}
}

/* "flr: it has none; hot_reset, bus: another card is there"; to be freed. */
static char *methods_why(const struct plan *plan, bool *lifts)
{
	const char *before = NULL;
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	*lifts = false;
	for (size_t i = 0; out && i < plan->nattempts; i++) {
		const struct attempt *a = &plan->attempt[i];
		const char *why = a->reason ? a->reason : "?";

		if (!card_resets(a))
			continue;
		if (before && !strcmp(before, why))
			fputs(", ", out);
		else if (before)
			fprintf(out, ": %s; ", before);
		fprintf(out, "%s%s%s%s", a->name, a->override ? " (" : "",
			a->override ? a->override : "", a->override ? ")" : "");
		*lifts |= a->override != NULL;
		before = why;
	}
	if (out && before)
		fprintf(out, ": %s", before);
	if (out)
		fclose(out);
	return text;
}

static const struct attempt *methods_asks(const struct plan *plan)
{
	for (size_t i = 0; i < plan->nattempts; i++)
		if (plan->attempt[i].asks)
			return &plan->attempt[i];
	return NULL;
}

/* A card that does not answer has its own check; so has one nobody tested. */
static void check_no_method(struct exam *x)
{
	const struct study *s = &x->at_card->study;
	char slot[BDF_STR], *why;
	bool lifts;

	if (!pt_wanted(x) || !target_main(&s->target)->answers ||
	    card_method(&s->plan) || methods_asks(&s->plan) || s->plan.refusal_config)
		return;
	why = methods_why(&s->plan, &lifts);
	exam_found(x, SEV_PROBLEM, "'gpureset plan %s': %s", card_slot(x, slot),
		   why && *why ? why : "no method at all");
	free(why);
	exam_fix(x, "%sput the card, or what is beside it, into another slot; 'gpureset "
		 "plan %s -v' says more", lifts ? "the option in brackets, if what it "
		 "would also reset may be reset; or " : "", slot);
}

/* One that has a function that does not answer has its own check. */
static void check_needs_reset(struct exam *x)
{
	const struct target *t = &x->at_card->study.target;
	struct card_state st;
	char slot[BDF_STR];

	for (size_t i = 0; i < t->nfns; i++)
		if (!t->fn[i].answers)
			return;
	card_judge(&st, x->hw, &x->at_card->study);
	if (st.word != CARD_DIRTY)
		return;
	exam_found(x, SEV_NOTE, "'gpureset list' says dirty: %s", st.why);
	exam_fix(x, "with its VM stopped:\n gpureset reset %s", card_slot(x, slot));
}

static void check_broken_quirk(struct exam *x)
{
	const struct plan *plan = &x->at_card->study.plan;

	if (!plan->refusal_config)
		return;
	exam_found(x, SEV_PROBLEM, "%s", plan->refusal);
	exam_fix(x, "this shows each error with its line:\n gpureset quirk check");
}

static void check_untested(struct exam *x)
{
	const struct study *s = &x->at_card->study;
	const struct attempt *asks = methods_asks(&s->plan);
	const struct attempt *best = card_method(&s->plan);
	char slot[BDF_STR];

	if (!asks || !pt_wanted(x) || !s->quirk || (best && best < asks))
		return;
	exam_found(x, best ? SEV_NOTE : SEV_WARNING, "'%s' of %s: nobody has run it on a "
		   "card%s%s%s", asks->name, s->quirk->file,
		   best ? "; without it the first method is '" :
		   ", and there is no other",
		   best ? best->name : "", best ? "'" : "");
	exam_fix(x, "try it once, with nothing important running:\n gpureset reset %s "
		 "--allow-untested\nif it works, for the hook too, in " PLAN_CONFIG_FILE
		 ":\n allow-untested = %s", card_slot(x, slot), s->quirk->id);
}

static void check_frozen(struct exam *x)
{
	const struct study *s = &x->at_card->study;
	char slot[BDF_STR];

	card_slot(x, slot);
	if (s->frozen.wrong.code == EACCES) {
		exam_unknown(x, "%s", s->frozen.wrong.text);
		return;
	}
	if (s->frozen.wrong.code) {
		exam_found(x, SEV_WARNING, "%s", s->frozen.wrong.text);
		exam_fix(x, "to forget all of it:\n gpureset unfreeze %s", slot);
	}
	for (size_t i = 0; i < s->plan.nattempts && !s->frozen.wrong.code; i++) {
		const struct attempt *a = &s->plan.attempt[i];

		if (!a->frozen)
			continue;
		exam_found(x, SEV_WARNING, "%s: %s", a->name, a->reason);
		exam_fix(x, "if it was something else that took the host along (a power "
			 "cut, a reboot by hand):\n gpureset unfreeze %s", slot);
	}
}

/* A card that somebody is at work on is not examined; what is there nobody minds. */
static void check_journal(struct exam *x)
{
	struct recovery rec = { 0 };
	struct err err = { 0 };
	char slot[BDF_STR];

	card_slot(x, slot);
	if (x->o->replay)               /* the journal is this host's */
		return;
	if (recover_look(x->o->run_dir, x->at_card->slot, NULL, NULL, &rec, &err)) {
		exam_unknown(x, "%s", err.text);
		return;
	}
	if (!rec.steps && !rec.damaged)
		return;
	exam_found(x, SEV_WARNING, "%s/journal-%s: %zu thing%s to put back%s",
		   x->o->run_dir, slot, rec.steps, rec.steps == 1 ? "" : "s",
		   rec.damaged ? ", and it is damaged" : "");
	exam_fix(x, " gpureset recover %s", slot);
}

static void check_thunderbolt(struct exam *x)
{
	const struct target *t = &x->at_card->study.target;
	char text[BDF_STR], port[BDF_STR];

	if (!t->thunderbolt)
		return;
	bdf_str(target_main(t)->bdf, port);
	for (size_t i = 0; i < t->npath; i++)
		if (t->path[i].thunderbolt)
			bdf_str(t->path[i].bdf, port);
	exam_found(x, SEV_NOTE, "%s is part of a Thunderbolt or USB4 way to the "
		   "card (%s)", port, card_slot(x, text));
	exam_fix(x, "before the VM starts it must be plugged in and authorised "
		 "(boltctl); when no reset helps: unplug it, switch it off and on");
}

const struct check doctor_card[] = {
	{ "dead", ON_CARD, "the card does not answer",
	  "it reads as all ones, or says \"not yet\" without end; a VM that is given it "
	  "does not start (\"Unknown PCI header type '127'\"), or takes the host along",
	  check_dead },
	{ "contained", ON_CARD, "a port holds the card's link down (DPC)",
	  "after an error the port has cut the card off and waits to be told to go on; "
	  "until then the card reads as all ones", check_contained },
	{ "hotplug", ON_CARD, "a reset was taken for a card pulled out",
	  "the kernel then takes the card away and finds it again in the middle of a "
	  "reset, with host drivers bound", check_hotplug },
	{ "thunderbolt", ON_CARD, "the card is behind Thunderbolt",
	  "resets above its own port hit the controller, and the cable's tunnel comes "
	  "and goes", check_thunderbolt },
	{ "missing-function", ON_CARD, "a function of the card is missing",
	  "a VM whose configuration names it does not start, and a reset of the rest "
	  "leaves it as it is", check_missing },
	{ "fn-no-reset", ON_CARD, "a function has no reset of its own",
	  "QEMU says \"no available reset mechanism\" about it; that is harmless where "
	  "something else resets the whole card", check_fn_no_reset },
	{ "no-method", ON_CARD, "no reset is possible for this card",
	  "what a guest leaves of the card is what the next one gets", check_no_method },
	{ "needs-reset", ON_CARD, "the card is not as it is after power-on",
	  "the last guest or driver left it so, and the next one may not get it to work "
	  "(Code 43, black screen) without a reset before", check_needs_reset },
	{ "broken-quirk", ON_CARD, "a quirk file about this card has errors",
	  "what must not be done to the card is not known, so nothing is",
	  check_broken_quirk },
	{ "untested", ON_CARD, "the best method for this card is untested",
	  "it was written from what drivers do, and runs only where you allow it",
	  check_untested },
	{ "frozen", ON_CARD, "a method is off, because the host did not survive it",
	  "it is not tried again for this card until you allow it", check_frozen },
	{ "journal", ON_CARD, "a reset was killed and left things behind",
	  "drivers, power settings or configuration of the card are not as they were",
	  check_journal },
	{ 0 }
};
