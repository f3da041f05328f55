// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * gpureset list: the GPUs of this host, a row each. It writes to nothing, waits for
 * nothing, and wakes nothing: a card that sleeps is known by the kernel's word alone.
 */
#include "cmd/list.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "cmd/config.h"
#include "cmd/hook.h"
#include "cmd/open.h"
#include "cmd/work.h"
#include "hw/hw_linux.h"
#include "hw/hw_shim.h"
#include "run/supervise.h"

struct list {
	struct hw *hw;
	const struct options *opts;
	const struct quirk_db *db;
	struct pve_resvs resvs;
	struct hw_node *node;           /* of every function of this machine */
	size_t nnodes, node_room;
	struct bdf *slot;               /* slots to show */
	size_t nslots, slot_room;
	struct table *table;            /* NULL: JSON */
	struct list_choice choice;
	struct json json;
};

/* --- which cards ------------------------------------------------------------------- */

static bool seen(const struct list *l, struct bdf bdf)
{
	for (size_t i = l->nslots; i-- > 0;)
		if (bdf_same_slot(l->slot[i], bdf))
			return true;
	return false;
}

static int pick_slot(const struct hw_node *node, void *arg)
{
	struct list *l = arg;

	l->node = xgrow(l->node, l->nnodes, &l->node_room, sizeof(*l->node));
	l->node[l->nnodes++] = *node;
	if (seen(l, node->bdf) ||
	    (!l->opts->all && !class_is_gpu(facts_class(l->hw, node->bdf))))
		return 0;
	l->slot = xgrow(l->slot, l->nslots, &l->slot_room, sizeof(*l->slot));
	l->slot[l->nslots++] = node->bdf;
	return 0;
}

/* --- one card ---------------------------------------------------------------------- */

/* A BAR that is mapped counts as open to other gpuresets: not longer than need be. */
static void judge(const struct list *l, struct list_card *c)
{
	struct hw *own = l->opts->replay ? NULL : hw_linux_open(NULL);

	card_judge(&c->state, own ? own : l->hw, &c->s);
	hw_close(own);
}

static void glance(struct list *l, const struct bdf_spec *spec, struct list_card *c)
{
	struct err err = { 0 };

	if (study_glance(&c->s, l->hw, l->db, spec, &err))
		complain(0, "%s", err.text);
}

static void study(struct list *l, const struct bdf_spec *spec, struct list_card *c)
{
	struct plan_opts opts = l->opts->plan;
	struct err err = { 0 };
	int rc;

	config_card(l->opts->conf, spec->bdf, &opts);
	rc = study_card(&c->s, l->hw, l->db, l->opts, spec, &opts, &err);
	c->planned = !rc;
	if (!rc) {
		judge(l, c);
		return;
	}
	complain(rc, "%s", err.text);
	study_free(&c->s);
	glance(l, spec, c);
	card_glance(&c->state, l->hw, &c->s, false, err.text);
}

static void look_at(struct list *l, const struct bdf_spec *spec, struct list_card *c)
{
	bool busy = work_is_busy(l->opts, spec->bdf);
	bool asleep = !l->opts->replay &&
		      card_would_wake(l->hw, l->node, l->nnodes, spec->bdf);

	if (!busy && !asleep && (l->opts->replay || geteuid() == 0)) {
		study(l, spec, c);
		return;
	}
	glance(l, spec, c);
	if (busy)
		card_busy(&c->state);
	else
		card_glance(&c->state, l->hw, &c->s, !asleep, asleep ?
			    "a bridge above it sleeps, and reading the card would wake "
			    "that" : "only root can look");
}

static void add_card(struct list *l, struct bdf slot)
{
	const struct bdf_spec spec = { slot, true };
	struct list_card c = { .planned = false };

	look_at(l, &spec, &c);
	c.reserved = l->opts->replay ? 0 : hook_owner(&l->resvs, l->opts, &spec, 0);
	if (c.s.target.nfns && l->table)
		list_row(l->table, &l->choice, &c);
	else if (c.s.target.nfns)
		list_json(&l->json, &c);
	study_free(&c.s);
}

/* --- all ---------------------------------------------------------------------------- */

static void list_as_json(struct list *l)
{
	l->json = (struct json){ .out = stdout };
	json_object(&l->json, NULL);
	json_string(&l->json, "gpureset", GPURESET_VERSION);
	json_array(&l->json, "cards");
	for (size_t i = 0; i < l->nslots; i++)
		add_card(l, l->slot[i]);
	json_array_end(&l->json);
	json_object_end(&l->json);
	putchar('\n');
}

static int list_as_table(struct list *l)
{
	int rc;

	if (!l->nslots) {
		fputs("no GPU found; --all shows every PCI function\n",
		      l->opts->raw ? stderr : stdout);
		return 0;
	}
	l->table = list_table(&l->choice, l->opts->raw);
	for (size_t i = 0; i < l->nslots; i++)
		add_card(l, l->slot[i]);
	rc = table_print(l->table);
	table_close(l->table);
	return rc ? complain(EXIT_FAILED, "the table could not be printed") : 0;
}

static int list_all(struct list *l)
{
	struct err err = { 0 };
	int rc;

	l->hw = open_hw(l->opts, &err);
	if (!l->hw)
		return complain(open_status(&err), "%s", err.text);
	l->hw = hw_shim_open(l->hw);    /* one scan of the bus for all cards */
	hw_shim_still(l->hw);
	pve_resv_read(&l->resvs, l->opts->qemu_run, NULL);
	if (hw_scan(l->hw, pick_slot, l, &err)) {
		rc = complain(EXIT_FAILED, "%s", err.text);
	} else if (l->opts->json) {
		list_as_json(l);
		rc = 0;
	} else {
		rc = list_as_table(l);
	}
	if (geteuid() != 0 && !l->opts->replay && isatty(STDERR_FILENO))
		complain(0, "note: not root, so who uses a card, how it is and what "
			 "could reset it is not known");
	hw_close(l->hw);
	pve_resv_free(&l->resvs);
	free(l->node);
	free(l->slot);
	return rc;
}

static int list_help(void)
{
	options_help(&cmd_list, stdout);
	list_columns_help(stdout);
	return 0;
}

static int list_run(int argc, char **argv)
{
	struct options o;
	struct config conf = { 0 };
	struct quirk_db db = { 0 };
	struct list l = { .opts = &o, .db = &db };
	int rc = options_parse(&o, &cmd_list, argc, argv);

	if (rc)
		return rc;
	if (o.help)
		return list_help();
	if (o.ntargets)
		return complain(EXIT_USAGE, "list takes no address; try `gpureset plan`");
	if (o.json && (o.raw || o.columns))
		return complain(EXIT_USAGE, "--json has all there is; --raw and "
				"--columns are for the table");
	rc = list_choose(&l.choice, o.columns);
	if (!rc)
		rc = config_apply(&conf, &o);
	if (!rc)
		rc = load_quirks(&o, &db);
	if (!rc)
		rc = list_all(&l);
	quirk_db_free(&db);
	config_free(&conf);
	return rc;
}

const struct command cmd_list = {
	.name = "list",
	.args = "[--all] [-o COLUMNS] [--json]",
	.summary = "the GPUs of this host, how they are, and how each could be reset",
	.more = "Changes nothing and wakes nothing that sleeps. STATE is ok (it answers, "
		"more cannot be told), pristine, dirty (its entry tells a used card), in "
		"use by the VM or program that has it open, D1 to D3cold (asleep), dead "
		"(it does not answer), being reset, or unknown; -o +why has the reason.",
	.options = "ajOrQCLRYE",
	.example = { { "list", "a row for each GPU" },
		     { "list -o +why", "with the reason for its state" },
		     { "list --replay my-card.rec", "of a recorded machine" } },
	.run = list_run,
};
