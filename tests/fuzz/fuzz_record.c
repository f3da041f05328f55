// SPDX-License-Identifier: GPL-2.0-or-later
#include "fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/diag.h"
#include "hw/hw_replay.h"
#include "plan/plan.h"
#include "run/exec.h"

#define MOST_ATTEMPTS 64

static struct exec_outcome outcome[MOST_ATTEMPTS];

/* Facts and plan of a card, from whatever the file says of it. */
static void look_at(struct hw *hw, const struct bdf_spec *spec, bool act)
{
	const struct plan_opts opts = { .allow_untested = true };
	struct target *t = calloc(1, sizeof(*t));
	struct exec_summary sum;
	struct plan plan;
	struct err err;

	if (!t)
		abort();
	if (facts_collect(hw, spec, t, &err) == 0) {
		if (plan_build(&plan, t, NULL, NULL, &opts, &err) == 0) {
			if (act && plan.nattempts <= MOST_ATTEMPTS)
				exec_plan(hw, &plan, NULL, hw_now(hw) + 10000000,
					  outcome, &sum);
			plan_free(&plan);
		}
	}
	target_free(t);
	free(t);
}

static int first_gpu(const struct hw_node *node, void *arg)
{
	struct bdf_spec *spec = arg;

	spec->bdf = node->bdf;
	spec->whole_slot = true;
	return 1;
}

static void replay(struct recording *r)
{
	struct bdf_spec spec = { .whole_slot = true };
	bool run = recording_has_run(r);
	struct hw *hw, *sim;
	struct err err;

	if (!recording_target(r, &spec)) {
		hw = hw_replay_open(r);
		if (hw_scan(hw, first_gpu, &spec, &err) == 1)
			look_at(hw, &spec, false);
		hw_close(hw);
		return;
	}
	sim = hw_replay_simulate(r, &spec, &err);
	if (sim) {
		look_at(sim, &spec, true);
		hw_close(sim);
	}
	hw = hw_replay_open(r);
	look_at(hw, &spec, false);
	if (run) {
		hw_replay_run(hw);
		look_at(hw, &spec, true);
	}
	hw_close(hw);
}

int fuzz_record(const uint8_t *data, size_t size)
{
	struct recording *r;
	struct diag diag;

	diag_init(&diag);
	r = recording_parse("fuzz.rec", (const char *)data, size, &diag);
	if (!r && !diag.errors) {
		fprintf(stderr, "a file refused without a word\n");
		abort();
	}
	diag_free(&diag);
	if (r)
		replay(r);
	return 0;
}
