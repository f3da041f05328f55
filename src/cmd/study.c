// SPDX-License-Identifier: GPL-2.0-or-later
/* BDF -> facts -> quirk -> plan: the reading half that every command shares. */
#include <errno.h>
#include <string.h>

#include "cmd/cmd.h"
#include "run/supervise.h"

static int study_match(struct study *s, const struct quirk_db *db, struct err *err)
{
	const struct fn_facts *fn = target_main(&s->target);

	return quirk_match(db, fn->vendor, fn->device, fn->subvendor, fn->subdevice,
			   fn->class_code, &s->quirk, err);
}

int study_target(struct study *s, struct hw *hw, const struct quirk_db *db,
		 const struct bdf_spec *spec, const struct plan_opts *opts,
		 struct err *err)
{
	int rc;

	memset(s, 0, sizeof(*s));
	rc = facts_collect(hw, spec, &s->target, err);
	if (rc)
		return rc == -ENODEV ? EXIT_USAGE : EXIT_FAILED;
	hw_name(hw, target_main(&s->target)->vendor, target_main(&s->target)->device,
		s->name, sizeof(s->name));
	if (study_match(s, db, err) < 0)
		return EXIT_CONFIG;
	rc = plan_build(&s->plan, &s->target, s->quirk, opts, err);
	if (rc)
		return rc == -EINVAL ? EXIT_USAGE : EXIT_FAILED;
	return 0;
}

void study_free(struct study *s)
{
	plan_free(&s->plan);
	target_free(&s->target);
}
