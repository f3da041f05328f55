// SPDX-License-Identifier: GPL-2.0-or-later
#include "fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz_common.h"
#include "hw/hw_replay.h"
#include "plan/plan.h"
#include "run/exec.h"
#include "unit/topo_check.h"

#define FIRST "00:00.0 Host bridge: a machine\n"
#define CARDS 3
#define MOST_ATTEMPTS 64
#define MOST_ACCESSES 400000

static struct exec_outcome outcome[MOST_ATTEMPTS];

struct found {
	struct bdf card[CARDS];
	size_t n;
};

static int find(const struct hw_node *node, void *arg)
{
	struct found *f = arg;

	if (!f->n || !bdf_same_slot(f->card[f->n - 1], node->bdf))
		f->card[f->n++] = node->bdf;
	return f->n == CARDS;
}

/* The tree of the whole file, and that it says the same of this card's resets. */
static void look_around(struct hw *hw, const struct target *t)
{
	struct err unread = { 0 }, err = { 0 };
	struct topo topo;

	fuzz_insist(topo_collect(hw, NULL, NULL, &topo, &unread, &err) == 0, "a tree");
	fuzz_insist(!topo_wrong(&topo), "a tree in order");
	fuzz_insist(t->npath == MAX_PATH || !topo_differs(&topo, t),
		    "the blast radius of tree and plan");
	topo_free(&topo);
}

/* Facts and plan of one card; with @blast its resets, too. */
static void look_at(struct hw *hw, const struct bdf_spec *spec, struct fuzz_blast *blast)
{
	const struct plan_opts opts = { .allow_untested = true };
	struct target *t = calloc(1, sizeof(*t));
	struct exec_summary sum;
	struct plan plan;
	struct err err = { 0 };

	fuzz_insist(t, "memory");
	if (facts_collect(hw, spec, t, &err) == 0) {
		fuzz_insist(t->nfns && t->nfns <= SLOT_FNS && t->npath <= MAX_PATH,
			    "functions and bridges");
		if (!blast)
			look_around(hw, t);
		for (size_t i = 0; i < t->npath && blast; i++)
			blast->above[blast->nabove++] = t->path[i].bdf;
		if (plan_build(&plan, t, NULL, NULL, &opts, &err) == 0) {
			if (blast && plan.nattempts <= MOST_ATTEMPTS)
				exec_plan(hw, &plan, NULL, hw_now(hw) + 10000000,
					  outcome, &sum);
			plan_free(&plan);
		}
	}
	target_free(t);
	free(t);
}

static void reset(const struct recording *r, struct bdf bdf)
{
	const struct bdf_spec spec = { bdf, true };
	struct fuzz_blast blast = { .slot = bdf, .most = MOST_ACCESSES };
	struct err err = { 0 };
	struct hw *hw = hw_replay_simulate(r, &spec, &err);

	fuzz_insist(hw || err.text[0], "no machine, and why");
	if (!hw)
		return;
	hw = hw_shim_open(hw);
	fuzz_blast_watch(hw, &blast);
	look_at(hw, &spec, &blast);
	hw_close(hw);
}

static void machine(struct recording *r)
{
	struct found found = { .n = 0 };
	struct err err = { 0 };
	struct bdf bdf;
	struct hw *hw;

	fuzz_insist(recording_is_dump(r), "a dump");
	recording_misses_bridge(r, &bdf);
	hw = hw_replay_open(r);
	hw_scan(hw, find, &found, &err);
	for (size_t i = 0; i < found.n; i++) {
		const struct bdf_spec spec = { found.card[i], true };

		fuzz_bdf_valid(found.card[i]);
		look_at(hw, &spec, NULL);
		reset(r, found.card[i]);
	}
	hw_close(hw);
}

int fuzz_lspci(const uint8_t *data, size_t size)
{
	char *text = malloc(size + sizeof(FIRST));
	struct recording *r;
	struct diag diag;

	fuzz_insist(text, "memory");
	memcpy(text, FIRST, sizeof(FIRST) - 1);
	if (size)
		memcpy(text + sizeof(FIRST) - 1, data, size);
	diag_init(&diag);
	r = recording_parse("fuzz.lspci", text, size + sizeof(FIRST) - 1, &diag);
	fuzz_insist(!r == (diag.errors > 0), "refused with a word, or taken");
	free(text);
	fuzz_diag(&diag);
	if (r)
		machine(r);
	return 0;
}
