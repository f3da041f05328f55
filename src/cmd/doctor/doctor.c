// SPDX-License-Identifier: GPL-2.0-or-later
/* gpureset doctor [BDF|VMID]...: what on this host keeps a VM from its card. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "cmd/config.h"
#include "cmd/doctor/doctor.h"
#include "cmd/open.h"
#include "cmd/work.h"
#include "run/supervise.h"

const struct check *const doctor_tables[] = {
#define CHECKS(name) doctor_##name,
#include "cmd/doctor/checks.def"
#undef CHECKS
	NULL
};

/* --- who is examined ------------------------------------------------------------ */

struct pick {
	struct exam *x;
	const struct quirk_db *db;
	struct bdf *slot;
	size_t n, room;
};

static void pick_add(struct pick *p, struct bdf slot)
{
	for (size_t i = 0; i < p->n; i++)
		if (bdf_same_slot(p->slot[i], slot))
			return;
	p->slot = xgrow(p->slot, p->n, &p->room, sizeof(*p->slot));
	p->slot[p->n++] = slot;
}

static int pick_gpu(const struct hw_node *node, void *arg)
{
	struct pick *p = arg;

	if (class_is_gpu(facts_class(p->x->hw, node->bdf)))
		pick_add(p, node->bdf);
	return 0;
}

static int pick_cards(struct pick *p)
{
	int worst = 0;

	for (size_t i = 0; i < p->n; i++) {
		struct err err = { 0 };
		char slot[BDF_STR];
		int rc;

		if (work_is_busy(p->x->o, p->slot[i]))
			rc = complain(EXIT_BUSY, "busy: %s is being reset at this moment "
				      "and was not looked at",
				      bdf_slot_str(p->slot[i], slot));
		else if ((rc = exam_add_card(p->x, p->db, p->slot[i], &err)))
			complain(rc, "%s", err.text);
		worst = rc ? rc : worst;
	}
	return worst;
}

static int pick_vm(struct pick *p, unsigned vmid, bool named)
{
	struct err err = { 0 };
	const struct exam_vm *vm;
	bool any = named;
	int rc = exam_add_vm(p->x, vmid, &err);

	vm = p->x->vm[p->x->nvms - 1];
	for (size_t i = 0; !rc && i < vm->hook.ncards; i++) {
		const struct hook_card *c = &vm->hook.card[i];

		if (named && c->present && c->gpu)
			pick_add(p, c->spec.bdf);
		for (size_t k = 0; k < p->n; k++)
			any |= bdf_same_slot(p->slot[k], c->spec.bdf);
	}
	if (rc || !any)
		exam_drop_vm(p->x);
	return rc ? complain(rc, "%s", err.text) : 0;
}

/* Of the VMs of this node those that have one of the cards; none without Proxmox. */
static int pick_vms(struct pick *p)
{
	unsigned *vmid;
	int rc = 0, n = pve_vmids(&vmid, p->x->o->pve_dir, p->x->o->pve_node, NULL);

	for (int i = 0; i < n; i++)
		rc |= pick_vm(p, vmid[i], false);
	if (n >= 0)
		free(vmid);
	return rc;
}

/* "0b:00" and "0b:00.0" are addresses, "101" is a VM. */
static int pick_word(struct pick *p, const char *word)
{
	struct bdf_spec spec;
	struct err err;
	unsigned vmid;

	if (strchr(word, ':')) {
		if (bdf_parse(word, &spec, &err) < 0)
			return complain(EXIT_USAGE, "%s", err.text);
		pick_add(p, spec.bdf);
		return 0;
	}
	vmid = pve_vmid(word, &err);
	return vmid ? pick_vm(p, vmid, true) : complain(EXIT_USAGE, "%s", err.text);
}

int doctor_examine(struct exam *x, const struct options *o, struct hw *hw,
		   const struct quirk_db *db)
{
	struct pick p = { .x = x, .db = db };
	bool vm_named = false;
	struct err err = { 0 };
	int rc = 0;

	exam_begin(x, hw, o);
	for (size_t i = 0; !rc && i < o->nwords; i++) {
		vm_named |= !strchr(o->word[i], ':');
		rc = pick_word(&p, o->word[i]);
	}
	if (!o->nwords && hw_scan(hw, pick_gpu, &p, &err))
		rc = complain(EXIT_FAILED, "%s", err.text);
	if (!rc)
		rc = pick_cards(&p);
	if (!vm_named)
		pick_vms(&p);
	if (!rc || !o->nwords)
		exam_run(x);
	free(p.slot);
	return rc;
}

/* --- command -------------------------------------------------------------------- */

static int doctor_all(const struct options *o, const struct quirk_db *db)
{
	struct err err = { 0 };
	struct hw *hw = open_hw(o, &err);
	struct exam x;
	int rc;

	if (!hw)
		return complain(open_status(&err), "%s", err.text);
	rc = doctor_examine(&x, o, hw, db);
	if (x.nran && o->json)
		doctor_json(&x, stdout);
	else if (x.nran)
		doctor_text(&x, stdout, o->verbose);
	if (!rc && doctor_count(&x, SEV_PROBLEM))
		rc = EXIT_FAILED;
	exam_free(&x);
	hw_close(hw);
	return rc;
}

static int doctor_run(int argc, char **argv)
{
	struct options o;
	struct quirk_db db = { 0 };
	struct config conf = { 0 };
	int rc = options_parse(&o, &cmd_doctor, argc, argv);

	if (rc)
		return rc;
	if (o.help) {
		options_help(&cmd_doctor, stdout);
		return 0;
	}
	rc = config_apply(&conf, &o);
	if (!rc)
		rc = load_quirks(&o, &db);
	if (!rc)
		rc = doctor_all(&o, &db);
	quirk_db_free(&db);
	config_free(&conf);
	return rc;
}

static const struct status_row doctor_status[] = {
	{ 0, "no problem was found; there may be warnings and notes" },
	{ 1, "wrong arguments, or no such card or VM" },
	{ EXIT_FAILED, "a problem was found" },
	{ 0, NULL }
};

const struct command cmd_doctor = {
	.name = "doctor",
	.args = "[BDF|VMID...] [--json]",
	.summary = "what on this host keeps a VM from its card; only reads",
	.more = "Without BDF or VMID: the host, all its graphics cards, and the VMs of "
		"this node that have one. It only reads.",
	.options = "*jvQCLRYDNE",
	.status = doctor_status,
	.example = { { "doctor", "this host, all its GPUs, all its VMs with one" },
		     { "doctor 0b:00", "one card" },
		     { "doctor 101", "a VM and its cards" } },
	.run = doctor_run,
};
