// SPDX-License-Identifier: GPL-2.0-or-later
/* BDF -> facts -> quirks -> plan: the reading half that every command shares. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "cmd/cmd.h"
#include "run/freeze.h"
#include "run/supervise.h"

static unsigned study_on(const struct target *t)
{
	size_t card = target_card_level(t);
	unsigned on = t->thunderbolt ? ON_THUNDERBOLT : 0;

	if (!t->npath)
		return on | ON_ROOT_COMPLEX;
	if (t->path[0].type == PORT_DOWNSTREAM && card > 0 && card < t->npath)
		on |= ON_SWITCH;
	return t->path[0].type == PORT_ROOT ? on | ON_ROOT_PORT : on;
}

struct q_subject study_subject(const struct target *t, const struct fn_facts *fn)
{
	return (struct q_subject){
		.vendor = fn->vendor, .device = fn->device,
		.subvendor = fn->subvendor, .subdevice = fn->subdevice,
		.class_code = fn->class_code, .revision = fn->revision,
		.role = quirk_role(fn->class_code, PORT_PCI),
		.on = study_on(t), .kernel = t->host.release,
	};
}

struct q_subject study_main(const struct target *t)
{
	return study_subject(t, target_main(t));
}

#define CLASS_BRIDGE 0x060400

struct q_subject study_bridge(const struct target *t, size_t level)
{
	const struct bridge_facts *b = &t->path[level];

	return (struct q_subject){
		.vendor = b->vendor, .device = b->device, .class_code = CLASS_BRIDGE,
		.role = quirk_role(CLASS_BRIDGE, b->type), .on = study_on(t),
		.kernel = t->host.release, .partial = true,
	};
}

static int study_path(struct study *s, const struct quirk_db *db, struct err *err)
{
	const struct target *t = &s->target;
	int rc = 0;

	for (size_t i = 0; i < t->npath && !rc; i++) {
		struct q_subject at = study_bridge(t, i);

		rc = quirk_match(db, &at, &s->hits.path[i], err);
	}
	return rc;
}

static int study_others(struct study *s, const struct quirk_db *db, struct err *err)
{
	const struct target *t = &s->target;
	int rc = 0;

	if (t->nother)
		s->hits.other = xcalloc(t->nother, sizeof(*s->hits.other));
	for (size_t i = 0; i < t->nother && !rc; i++) {
		struct q_subject at = {
			.vendor = t->other[i].vendor, .device = t->other[i].device,
			.class_code = t->other[i].class_code,
			.role = quirk_role(t->other[i].class_code, PORT_PCI),
			.kernel = t->host.release, .partial = true,
		};

		rc = quirk_match(db, &at, &s->hits.other[i], err);
	}
	return rc;
}

/* The display function's entry, and whatever else has a say. */
static int study_match(struct study *s, const struct quirk_db *db, struct err *err)
{
	const struct target *t = &s->target;
	int rc = 0;

	s->hits.unreadable = db->nbroken;
	for (size_t i = 0; i < t->nfns && !rc; i++) {
		struct q_subject at = study_subject(t, &t->fn[i]);

		rc = quirk_match(db, &at, i == t->main ? &s->quirk : &s->hits.fn[i],
				 err);
	}
	if (!rc)
		rc = study_path(s, db, err);
	return rc ? rc : study_others(s, db, err);
}

static void study_name(struct study *s, struct hw *hw)
{
	const struct fn_facts *fn = target_main(&s->target);

	hw_name(hw, fn->vendor, fn->device, s->name, sizeof(s->name));
}

static int study_plan(struct study *s, struct hw *hw, const struct quirk_db *db,
		      const struct bdf_spec *spec, const struct plan_opts *opts,
		      struct err *err)
{
	int rc;

	rc = facts_collect(hw, spec, &s->target, err);
	if (rc)
		return rc == -ENODEV ? EXIT_USAGE : EXIT_FAILED;
	study_name(s, hw);
	if (study_match(s, db, err) < 0)
		return EXIT_CONFIG;
	rc = plan_build(&s->plan, &s->target, s->quirk, &s->hits, opts, err);
	if (rc)
		return rc == -EINVAL ? EXIT_USAGE : EXIT_FAILED;
	return 0;
}

int study_target(struct study *s, struct hw *hw, const struct quirk_db *db,
		 const struct bdf_spec *spec, const struct plan_opts *opts,
		 struct err *err)
{
	memset(s, 0, sizeof(*s));
	return study_plan(s, hw, db, spec, opts, err);
}

int study_card(struct study *s, struct hw *hw, const struct quirk_db *db,
	       const struct options *o, const struct bdf_spec *spec,
	       const struct plan_opts *opts, struct err *err)
{
	struct plan_opts with = *opts;

	memset(s, 0, sizeof(*s));
	if (!o->replay) {
		freeze_read_card(hw, o->state_dir, spec->bdf, &s->frozen);
		with.frozen = &s->frozen;
	}
	return study_plan(s, hw, db, spec, &with, err);
}

int study_glance(struct study *s, struct hw *hw, const struct quirk_db *db,
		 const struct bdf_spec *spec, struct err *err)
{
	struct q_subject at;
	int rc;

	memset(s, 0, sizeof(*s));
	rc = facts_glance(hw, spec, &s->target, err);
	if (rc)
		return rc == -ENODEV ? EXIT_USAGE : EXIT_FAILED;
	study_name(s, hw);
	at = study_main(&s->target);
	return quirk_match(db, &at, &s->quirk, err) < 0 ? EXIT_CONFIG : 0;
}

void study_free(struct study *s)
{
	plan_free(&s->plan);
	freeze_list_free(&s->frozen);
	free(s->hits.other);
	target_free(&s->target);
}
