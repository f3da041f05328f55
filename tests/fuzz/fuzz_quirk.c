// SPDX-License-Identifier: GPL-2.0-or-later
#include "fuzz/fuzz.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/diag.h"
#include "plan/plan.h"
#include "quirk/quirk.h"

#define CUT "\n====\n"

struct rest {
	const char *text;
	size_t len;
};

static void insist(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "does not hold: %s\n", what);
	abort();
}

static int give_include(void *arg, const char *name, char **text, size_t *len,
			char **path, struct err *err)
{
	const struct rest *rest = arg;
	size_t room = strlen(name) + 5;

	if (!rest->text)
		return err_set(err, ENOENT, "%.40s: there is nothing to include", name);
	*text = malloc(rest->len + 1);
	*path = malloc(room);
	insist(*text && *path, "memory");
	memcpy(*text, rest->text, rest->len);
	(*text)[rest->len] = '\0';
	*len = rest->len;
	snprintf(*path, room, "%s.inc", name);
	return 0;
}

/* A card that the quirk is about, all of whose registers have a place. */
static void make_target(struct target *t, const struct quirk *q)
{
	struct fn_facts *fn = &t->fn[0];

	memset(t, 0, sizeof(*t));
	t->spec.whole_slot = true;
	t->nfns = 1;
	t->npath = 1;
	t->path[0].type = PORT_ROOT;
	t->path[0].only_target = true;
	t->path[0].has_reset_subordinate = true;
	fn->known = fn->answers = fn->has_reset = fn->flr = true;
	fn->vendor = q->ids[0].vendor;
	fn->device = q->ids[0].device;
	fn->class_code = 0x030000;
	for (int i = 0; i < 6; i++)
		fn->bar[i].size = UINT32_MAX;
}

/* Every step can be printed, and nothing takes for ever. */
static void try_plan(const struct quirk *q)
{
	struct plan_opts opts = { .allow_untested = true };
	struct target *t = malloc(sizeof(*t));
	struct plan plan;
	struct err err;
	char line[512];

	insist(t, "memory");
	make_target(t, q);
	if (plan_build(&plan, t, q, NULL, &opts, &err) == 0) {
		for (size_t i = 0; i < plan.nattempts; i++) {
			struct attempt *a = &plan.attempt[i];

			for (size_t k = 0; k < a->nsteps; k++) {
				step_print(&a->step[k], line, sizeof(line));
				insist(a->step[k].undo_of <= (int)a->nsteps, "undo_of");
			}
			insist(attempt_worst_us(a) < 86400000000ull, "a day is enough");
		}
		plan_free(&plan);
	}
	free(t);
}

static void look_up(const struct quirk *q)
{
	struct q_subject s = {
		.vendor = q->ids[0].vendor, .device = q->ids[0].device,
		.class_code = 0x030000, .role = q->role, .on = ON_SWITCH,
		.kernel = "6.12.48+deb13-amd64",
	};
	const struct q_id *id;
	char text[160];
	enum q_fit fit;

	insist(!quirk_fits(q, &s, &fit, &id) || fit == FIT_YES, "rank without fit");
	quirk_fit_str(fit, q, &s, text, sizeof(text));
	for (size_t i = 0; i < q->ndenies; i++)
		insist(quirk_deny(q, q->denies[i].method), "a deny that is not found");
	for (size_t i = 0; i < q->nsequences; i++)
		insist(quirk_sequence(q, q->sequences[i].name), "a sequence lost");
}

int fuzz_quirk(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	const char *cut = memmem(text, size, CUT, sizeof(CUT) - 1);
	size_t len = cut ? (size_t)(cut + 1 - text) : size;
	struct rest rest = { 0 };
	struct quirk_includes includes = { give_include, &rest };
	FILE *null = fopen("/dev/null", "w");
	struct diag diag;
	struct quirk *q;

	if (cut) {
		rest.text = cut + sizeof(CUT) - 1;
		rest.len = (size_t)(text + size - rest.text);
	}
	diag_init(&diag);
	q = quirk_parse("fuzz.quirk", text, len, &includes, &diag);
	insist(q || diag.errors, "a file refused without a word");
	if (null) {
		diag_print(&diag, null);
		fclose(null);
	}
	if (q) {
		insist(q->broken == (diag.errors > 0), "broken and errors go together");
		insist(q->nids > 0, "a quirk about nothing");
		look_up(q);
		try_plan(q);
	}
	quirk_free(q);
	diag_free(&diag);
	return 0;
}
