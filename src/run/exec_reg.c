// SPDX-License-Identifier: GPL-2.0-or-later
/* The executor's registers and conditions. */
#include <errno.h>
#include <stdio.h>

#include <linux/pci_regs.h>

#include "hw/hw_write.h"
#include "plan/facts_fn.h"
#include "run/exec_internal.h"

/* --- registers ----------------------------------------------------------------- */

/*
 * The index, read back before the data is touched: so does AMD's driver on chips since
 * Vega (drivers/gpu/drm/amd/amdgpu/amdgpu_device.c); elsewhere it costs one read. If it
 * is another one, what the data register says is about something else, or made up. All
 * ones are not judged here: they hold nothing, and who reads them says so.
 */
static int exec_select(struct exec *x, struct bdf fn, const struct reg *r,
		       struct err *err)
{
	uint32_t back = r->off;
	int rc = hw_bar_write(x->hw, fn, r->bar, r->index, r->off, err);

	if (!rc)
		rc = hw_bar_read(x->hw, fn, r->bar, r->index, &back, err);
	if (rc || back == r->off || back == UINT32_MAX)
		return rc;
	return err_set(err, EIO, "the index register (BAR%u offset 0x%x) reads 0x%x "
		       "after 0x%x was written to it: the card does not take it",
		       r->bar, r->index, back, r->off);
}

int exec_read(struct exec *x, struct bdf fn, const struct reg *r, uint32_t *val,
	      struct err *err)
{
	int rc;

	if (r->space == REG_CONFIG)
		return hw_cfg_read(x->hw, fn, r->off, r->width, val, err);
	if (r->space == REG_BAR)
		return hw_bar_read(x->hw, fn, r->bar, r->off, val, err);
	rc = exec_select(x, fn, r, err);
	return rc ? rc : hw_bar_read(x->hw, fn, r->bar, r->data, val, err);
}

int exec_write(struct exec *x, struct bdf fn, const struct reg *r, uint32_t val,
	       struct err *err)
{
	int rc;

	if (r->space == REG_CONFIG)
		return hw_cfg_write(x->hw, fn, r->off, r->width, val, err);
	if (r->space == REG_BAR)
		return hw_bar_write(x->hw, fn, r->bar, r->off, val, err);
	rc = exec_select(x, fn, r, err);
	return rc ? rc : hw_bar_write(x->hw, fn, r->bar, r->data, val, err);
}

/* --- conditions ---------------------------------------------------------------- */

/* 1: one of the alternatives holds, 0: none does, negative: could not read. */
static int exec_any(struct exec *x, struct bdf fn, const struct reg_cond *cond, int n,
		    struct err *err)
{
	x->ones = false;
	for (int i = 0; i < n; i++) {
		int rc = exec_read(x, fn, &cond[i].reg, &x->value, err);

		if (rc)
			return rc;
		x->cond = &cond[i];
		x->ones |= x->value == reg_all_ones(&cond[i].reg);
		if (reg_cond_holds(&cond[i], x->value))
			return 1;
	}
	return 0;
}

int exec_holds(struct exec *x, const struct step *s, struct err *err)
{
	return exec_any(x, s->fn, s->cond, s->ncond, err);
}

bool exec_answers(struct exec *x, struct bdf fn)
{
	uint32_t id;

	return hw_cfg_read(x->hw, fn, PCI_VENDOR_ID, 4, &id, NULL) == 0 &&
	       facts_id_answers(id);
}

/*
 * One "when", as exec_any(). All ones hold nothing, but here that would pass a step by
 * on a card that is lost, or because of one bad read: so ask the card, and again.
 */
static int exec_when_one(struct exec *x, struct bdf fn, const struct q_when *w,
			 struct err *err)
{
	int rc = exec_any(x, fn, w->cond, w->ncond, err);
	char text[BDF_STR];

	if (rc || !x->ones)
		return rc;
	if (!exec_answers(x, fn))
		return err_set(err, EIO, "%s reads all ones (%s does not answer), so "
			       "whether this is to be done cannot be told",
			       w->cond[0].name, bdf_str(fn, text));
	return exec_any(x, fn, w->cond, w->ncond, err);
}

/* 1: the step is to be done, 0: passed by, negative: could not be told. */
int exec_when(struct exec *x, const struct step *s, struct err *err)
{
	int rc = 1;

	if (s->goes_on)
		return !x->rest_passed;
	x->rest_passed = false;
	for (int i = 0; i < s->nwhen && rc > 0; i++)
		rc = exec_when_one(x, s->fn, &s->when[i], err);
	return rc;
}

void exec_where(const struct reg *r, char *buf, size_t n)
{
	if (r->space == REG_CONFIG)
		snprintf(buf, n, "config 0x%x", r->off);
	else if (r->space == REG_BAR)
		snprintf(buf, n, "BAR%u offset 0x%x", r->bar, r->off);
	else
		snprintf(buf, n, "index 0x%x through BAR%u offset 0x%x", r->off, r->bar,
			 r->index);
}

/* " (rejected)": what an answer means, by its mailbox' list, or "". */
static void exec_code(const struct step *s, uint32_t value, char *buf, size_t n)
{
	buf[0] = '\0';
	for (const struct q_code *c = s->codes; c && c->text; c++)
		if (c->value == value)
			snprintf(buf, n, " (%s)", c->text);
}

/* The six facts: name, address, value, wanted, mask, milliseconds. */
int exec_missed(const struct exec *x, const struct step *s, int code,
		uint64_t waited_us, struct err *err)
{
	const struct reg_cond *c = &s->cond[s->ncond - 1];
	bool gone = x->value == reg_all_ones(&c->reg);
	char where[96], meaning[96];

	exec_where(&c->reg, where, sizeof(where));
	exec_code(s, x->value, meaning, sizeof(meaning));
	return err_set(err, code, "%s (%s) reads 0x%x%s%s, wanted %s 0x%x under mask "
		       "0x%x, for %llu ms%s%s", c->name, where, x->value, meaning,
		       gone ? " (all ones: the device does not answer)" : "",
		       reg_op_str(c->op), c->want, c->mask,
		       (unsigned long long)waited_us / 1000, s->why ? ": " : "",
		       s->why ? s->why : "");
}

void exec_note_evidence(struct exec *x, const struct step *s)
{
	struct exec_outcome *out = x->out;

	if (s->phase == PHASE_HEALTH && out->nevidence < EXEC_MAX_EVIDENCE)
		out->evidence[out->nevidence++] = (struct exec_evidence){
			s, s->ncond ? x->cond : NULL, x->value,
		};
}

/* "try": the sequence goes on without it; the rest of its statement makes no sense. */
void exec_noted(struct exec *x, const struct step *s, const struct err *err)
{
	struct exec_outcome *out = x->out;
	char text[BDF_STR];

	x->rest_passed = true;
	if (out->nnotes++ >= EXEC_MAX_NOTES)
		return;
	out->note[out->nnotes - 1] = *err;
	if (s->file)
		err_prefix(&out->note[out->nnotes - 1], "%s:%d", s->file, s->line);
	err_prefix(&out->note[out->nnotes - 1], "%s", bdf_str(s->fn, text));
}
