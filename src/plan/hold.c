// SPDX-License-Identifier: GPL-2.0-or-later
#include "plan/hold.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "plan/facts_fn.h"
#include "plan/parts.h"

#define HOLD_DRIVER "driver"
#define HOLD_METHODS "reset_method"
#define HOLD_CONTROL "power/control"
#define HOLD_D3COLD "d3cold_allowed"
#define HOLD_ATTR_US 1000000
#define HOLD_BIND_US 5000000

/* What the parts of one hold share. */
struct holder {
	struct plan *plan;
	struct attempt *a;
	struct hw *hw;
	const struct target *t;
	struct hold *h;
	bool bound[SLOT_FNS];           /* the errand gives it to vfio-pci */
};

/* --- what is remembered -------------------------------------------------------- */

struct hold_item *hold_find(struct hold *h, struct bdf fn, const char *name)
{
	for (size_t i = 0; i < h->n; i++)
		if (bdf_eq(h->item[i].fn, fn) && !strcmp(h->item[i].name, name))
			return &h->item[i];
	return NULL;
}

/* The first old value is the true one; what is set may have changed since. */
static int hold_remember(struct hold *h, struct bdf fn, const char *name,
			 const char *old, const char *set, struct err *err)
{
	struct hold_item *it = hold_find(h, fn, name);
	char text[BDF_STR];

	if (!it && h->n == HOLD_MOST)
		return err_set(err, E2BIG, "%s: %s: more than %d values to remember",
			       bdf_str(fn, text), name, HOLD_MOST);
	if (!it) {
		it = &h->item[h->n++];
		memset(it, 0, sizeof(*it));
		it->fn = fn;
		snprintf(it->name, sizeof(it->name), "%s", name);
		snprintf(it->old, sizeof(it->old), "%s", old);
	}
	snprintf(it->set, sizeof(it->set), "%s", set);
	return 0;
}

/*
 * Attribute @name := @want; nothing where it is absent or so already. @again: written
 * even so. The step, if there is one, in *@made, which may be NULL.
 */
static int hold_attr(struct holder *c, struct bdf fn, const char *name, const char *want,
		     bool again, struct step **made, struct err *err)
{
	char now[HOLD_VALUE];
	struct err why = { 0 };
	int rc = hw_attr_read(c->hw, fn, name, now, sizeof(now), &why);
	struct step *s;

	if (rc == -ENOENT)
		return 0;
	if (rc)
		return err_set(err, why.code, "%s", why.text);
	if (strcmp(now, want))
		rc = hold_remember(c->h, fn, name, now, want, err);
	if (rc || (!again && !strcmp(now, want)))
		return rc;
	s = part_attr(c->a, PHASE_PREPARE, fn, name, want);
	if (made)
		*made = s;
	return 0;
}

/* --- drivers ------------------------------------------------------------------- */

static bool hold_covers(const struct target *t, size_t i)
{
	return t->spec.whole_slot || bdf_eq(t->fn[i].bdf, t->spec.bdf);
}

static bool hold_is_vfio(const char *driver)
{
	return !strcmp(driver, "vfio-pci");
}

static int hold_remember_driver(struct holder *c, const struct fn_facts *fn,
				const char *want, struct err *err)
{
	struct hold_item *it = hold_find(c->h, fn->bdf, HOLD_DRIVER);

	if (!fn->driver[0])
		return 0;
	if (it && part_is_host_driver(fn->driver))
		snprintf(it->old, sizeof(it->old), "%s", fn->driver);
	return hold_remember(c->h, fn->bdf, HOLD_DRIVER, fn->driver, want, err);
}

static int hold_driver(struct holder *c, size_t i, struct err *err)
{
	const struct fn_facts *fn = &c->t->fn[i];
	bool vfio = c->t->host.vfio_pci;
	struct step *s;
	int rc;

	if (!fn->answers || hold_is_vfio(fn->driver) ||
	    (!vfio && !part_is_host_driver(fn->driver)))
		return 0;
	rc = hold_remember_driver(c, fn, vfio ? "vfio-pci" : "", err);
	if (rc)
		return rc;
	s = attempt_step(c->a, STEP_BIND, PHASE_PREPARE, fn->bdf);
	s->text = vfio ? "vfio-pci" : "";
	s->limit_us = HOLD_BIND_US;
	c->bound[i] = vfio;
	return 0;
}

static int hold_drivers(struct holder *c, struct err *err)
{
	int rc = 0;

	for (size_t i = c->t->nfns; i-- > 0 && !rc;)
		if (hold_covers(c->t, i))
			rc = hold_driver(c, i, err);
	return rc;
}

/* --- D0 ------------------------------------------------------------------------ */

/* From the root down, as a bridge that sleeps hides what is below it. */
static int hold_path(struct holder *c, struct err *err)
{
	int rc = 0;

	for (size_t i = c->t->npath; i-- > 0 && !rc;) {
		struct bdf br = c->t->path[i].bdf;

		rc = hold_attr(c, br, HOLD_D3COLD, "0", false, NULL, err);
		if (!rc)
			rc = hold_attr(c, br, HOLD_CONTROL, "on", false, NULL, err);
	}
	return rc;
}

static int hold_no_d3cold(struct holder *c, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; i < c->t->nfns && !rc; i++)
		if (hold_covers(c->t, i))
			rc = hold_attr(c, c->t->fn[i].bdf, HOLD_D3COLD, "0", false, NULL,
				       err);
	return rc;
}

/*
 * The probe of vfio-pci sets power/control to auto (pm_runtime_allow() in
 * drivers/vfio/pci/vfio_pci_core.c), so it is written after that even if it is "on" now.
 */
static int hold_control(struct holder *c, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; i < c->t->nfns && !rc; i++)
		if (hold_covers(c->t, i))
			rc = hold_attr(c, c->t->fn[i].bdf, HOLD_CONTROL, "on",
				       c->bound[i], NULL, err);
	return rc;
}

/* Nothing was asleep that this errand had not to wake: then it need not wait. */
static void hold_wait(struct holder *c)
{
	if (!c->a->nsteps)
		return;
	for (size_t i = 0; i < c->t->nfns; i++)
		if (c->t->fn[i].answers && hold_covers(c->t, i))
			part_wait_d0(c->a, PHASE_PREPARE, &c->t->fn[i]);
}

/* --- pins ---------------------------------------------------------------------- */

/* 1: there is a list to pin, 0: the kernel has no reset that it could name. */
static int hold_pinnable(struct holder *c, const struct fn_facts *fn,
			 const struct quirk *q, struct err *err)
{
	char text[BDF_STR];

	if (hw_attr_exists(c->hw, fn->bdf, HOLD_METHODS))
		return 1;
	if (!fn->has_reset && !q->pin_methods[0])
		return 0;
	bdf_str(fn->bdf, text);
	return fn->has_reset ?
	       err_set(err, EOPNOTSUPP, "%s:%d: %s: reset_method cannot be pinned to "
		       "'%s': this kernel has no such attribute (Linux 5.15 and later "
		       "do)", q->file, q->pin.line, text, q->pin_methods) :
	       err_set(err, EOPNOTSUPP, "%s:%d: %s: reset_method cannot be pinned to "
		       "'%s': the kernel offers no reset for this function", q->file,
		       q->pin.line, text, q->pin_methods);
}

/* Names are probed when they are written, which a function at all ones misleads. */
static int hold_pin(struct holder *c, const struct fn_facts *fn, const struct quirk *q,
		    struct err *err)
{
	struct step *s = NULL;
	int rc;

	if (!q || q->broken || !q->pin.why || !fn->answers)
		return 0;
	rc = hold_pinnable(c, fn, q, err);
	if (rc > 0)
		rc = hold_attr(c, fn->bdf, HOLD_METHODS, q->pin_methods, false, &s, err);
	if (s) {
		s->file = q->file;
		s->line = q->pin.line;
	}
	return rc;
}

static int hold_pins(struct holder *c, const struct quirk *quirk,
		     const struct quirk_hits *hits, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; i < c->t->nfns && !rc; i++) {
		const struct quirk *own = i == c->t->main ? quirk :
					  hits ? hits->fn[i] : NULL;

		if (hold_covers(c->t, i))
			rc = hold_pin(c, &c->t->fn[i], own, err);
	}
	return rc;
}

/* --- the errand ---------------------------------------------------------------- */

static bool hold_awake(const struct plan *plan, unsigned what)
{
	return what & HOLD_AWAKE && (!(what & HOLD_QUIRK_ONLY) || part_kept_in_d0(plan));
}

static int hold_all(struct holder *c, const struct quirk_hits *hits, unsigned what,
		    struct err *err)
{
	bool awake = hold_awake(c->plan, what);
	int rc = awake ? hold_path(c, err) : 0;

	if (!rc && awake)
		rc = hold_no_d3cold(c, err);
	if (!rc && what & HOLD_VFIO)
		rc = hold_drivers(c, err);
	if (!rc && awake)
		rc = hold_control(c, err);
	if (!rc && awake)
		hold_wait(c);
	if (!rc && what & HOLD_PIN)
		rc = hold_pins(c, c->plan->quirk, hits, err);
	return rc;
}

int hold_plan(struct plan *plan, struct hw *hw, const struct target *t,
	      const struct quirk *quirk, const struct quirk_hits *hits, unsigned what,
	      struct hold *h, struct err *err)
{
	struct holder c = { .plan = plan, .hw = hw, .t = t, .h = h };
	int rc;

	c.a = plan_errand(plan, t, "hold");
	plan->quirk = quirk;
	rc = hold_all(&c, hits, what, err);
	if (rc)
		plan_free(plan);
	return rc;
}

/* --- putting back -------------------------------------------------------------- */

/* Tried whatever became of the others, in their order, and not broken off. */
static struct step *back_step(struct attempt *a, enum step_kind kind, struct bdf fn)
{
	struct step *s = attempt_step(a, kind, PHASE_PUT_BACK, fn);

	s->undo_of = UNDO_OF_EARLIER;
	return s;
}

static bool back_has_siblings(struct hw *hw, struct bdf fn)
{
	for (uint8_t i = 0; i < SLOT_FNS; i++) {
		struct bdf other = fn;

		other.fn = i;
		if (i != fn.fn && hw_attr_exists(hw, other, "vendor"))
			return true;
	}
	return false;
}

static bool back_stays(const struct plan *plan, const struct hold_item *it)
{
	return part_kept_in_d0(plan) && (!strcmp(it->name, HOLD_CONTROL) ||
					 !strcmp(it->name, HOLD_D3COLD));
}

/* vfio-pci forbids runtime suspend when it lets go: pm_runtime_forbid(). */
static bool back_loses(const struct plan *plan, const struct hold_item *it)
{
	const struct attempt *a = &plan->attempt[0];

	for (size_t i = 0; i < a->nsteps; i++)
		if (a->step[i].kind == STEP_BIND && bdf_eq(a->step[i].fn, it->fn))
			return !strcmp(it->name, HOLD_CONTROL);
	return false;
}

/* What to write so that the attribute is as it was, or NULL: nothing. */
static const char *back_value(struct plan *plan, struct hw *hw,
			      const struct hold_item *it)
{
	char now[HOLD_VALUE];
	const char *text;

	if (hw_attr_read(hw, it->fn, it->name, now, sizeof(now), NULL))
		return NULL;
	if (back_loses(plan, it))
		return plan_text(plan, "%s", it->old);
	if (strcmp(now, it->set))
		return NULL;
	text = plan_text(plan, "%s", it->old);
	if (!strcmp(it->name, HOLD_METHODS))
		text = part_methods_back(plan, it->old, back_has_siblings(hw, it->fn));
	return strcmp(text, now) ? text : NULL;
}

/* The driver that the function is to have again, or NULL: nothing to do for it. */
static const char *back_driver(struct plan *plan, struct hw *hw,
			       const struct hold_item *it)
{
	char now[HOLD_VALUE] = "";
	uint32_t id = UINT32_MAX;
	int rc;

	if (hw_cfg_read(hw, it->fn, PCI_VENDOR_ID, 4, &id, NULL) ||
	    !facts_id_answers(id))
		return NULL;
	rc = hw_attr_read(hw, it->fn, HOLD_DRIVER, now, sizeof(now), NULL);
	if ((rc && rc != -ENOENT) || part_is_host_driver(now) || !strcmp(now, it->old))
		return NULL;
	return plan_text(plan, "%s", it->old);
}

static void back_one(struct plan *plan, struct hw *hw, const struct hold_item *it)
{
	struct attempt *a = &plan->attempt[0];
	bool driver = !strcmp(it->name, HOLD_DRIVER);
	const char *text;
	struct step *s;

	if (back_stays(plan, it))
		return;
	text = driver ? back_driver(plan, hw, it) : back_value(plan, hw, it);
	if (!text)
		return;
	s = back_step(a, driver ? STEP_BIND : STEP_ATTR, it->fn);
	s->name = driver ? NULL : plan_text(plan, "%s", it->name);
	s->text = text;
	s->limit_us = driver ? HOLD_BIND_US : HOLD_ATTR_US;
}

/*
 * The last that was held is the first put back; but power/control comes after the
 * drivers, as changing those changes it.
 */
void hold_back_plan(struct plan *plan, struct hw *hw, const struct quirk *quirk,
		    const struct hold *h, bool drivers)
{
	static const char *const order[] = {
		HOLD_METHODS, HOLD_D3COLD, HOLD_DRIVER, HOLD_CONTROL,
	};

	plan_errand(plan, &target_none, "put back");
	plan->quirk = quirk;
	for (size_t k = 0; k < sizeof(order) / sizeof(*order); k++)
		for (size_t i = h->n; i-- > 0;)
			if (!strcmp(h->item[i].name, order[k]) &&
			    (drivers || strcmp(order[k], HOLD_DRIVER)))
				back_one(plan, hw, &h->item[i]);
}

/* --- what is left -------------------------------------------------------------- */

static bool left_driver(struct hw *hw, const struct hold_item *it)
{
	char now[HOLD_VALUE] = "";
	int rc = hw_attr_read(hw, it->fn, HOLD_DRIVER, now, sizeof(now), NULL);

	if (!hw_attr_exists(hw, it->fn, "vendor") || (rc && rc != -ENOENT))
		return true;
	return !part_is_host_driver(now) && strcmp(now, it->old) != 0;
}

/* The kernel may say nothing but "" after "default": that is done, too. */
static bool left_attr(struct plan *scratch, struct hw *hw, const struct hold_item *it)
{
	char now[HOLD_VALUE];
	int rc = hw_attr_read(hw, it->fn, it->name, now, sizeof(now), NULL);
	const char *text;

	if (rc)
		return rc != -ENOENT && rc != -ENODEV;
	if (back_stays(scratch, it))
		return !strcmp(now, it->set);
	text = back_value(scratch, hw, it);
	return text && strcmp(text, "default");
}

static bool left_one(struct plan *scratch, struct hw *hw, bool drivers, struct hold *h,
		     const struct hold_item *it)
{
	const struct hold_item *driver = hold_find(h, it->fn, HOLD_DRIVER);
	bool bound_later = driver && (!drivers || left_driver(hw, driver));

	if (it == driver)
		return bound_later;
	if (left_attr(scratch, hw, it))
		return true;
	/* to be written again after the driver */
	return bound_later && !strcmp(it->name, HOLD_CONTROL) &&
	       hw_attr_exists(hw, it->fn, HOLD_CONTROL);
}

void hold_left(struct hw *hw, const struct quirk *quirk, bool drivers, struct hold *h)
{
	bool left[HOLD_MOST] = { false };
	struct plan scratch;
	size_t kept = 0;

	plan_errand(&scratch, &target_none, "");
	scratch.quirk = quirk;
	for (size_t i = 0; i < h->n; i++)
		left[i] = left_one(&scratch, hw, drivers, h, &h->item[i]);
	for (size_t i = 0; i < h->n; i++)
		if (left[i] && kept++ != i)
			h->item[kept - 1] = h->item[i];
	h->n = kept;
	plan_free(&scratch);
}
