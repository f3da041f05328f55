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

/* Says that a card was not looked at; it has no findings to run for. */
static const struct check pick_check = {
	"card", ON_CARD, "a card was not looked at",
	"what is wrong with it was not looked for", NULL
};

/* The same of VMs: Proxmox lets root alone into /etc/pve. */
static const struct check pick_vms_check = {
	"vms", ON_VM, "the VMs of this node were not looked at",
	"what is wrong with their settings was not looked for", NULL
};

static bool pick_is_there(const struct pick *p, struct bdf slot)
{
	for (uint8_t i = 0; i < SLOT_FNS; i++) {
		slot.fn = i;
		if (hw_attr_exists(p->x->hw, slot, "vendor"))
			return true;
	}
	return false;
}

/* Whether it is free, and what its capabilities say, is told to root alone. */
static int pick_not_root(struct pick *p, struct bdf slot)
{
	char text[BDF_STR], why[BDF_STR + 128];

	bdf_slot_str(slot, text);
	if (!pick_is_there(p, slot))
		return complain(EXIT_USAGE, "%s: no such device", text);
	snprintf(why, sizeof(why), "%s: only root may see who uses it, and all of its "
		 "configuration space", text);
	exam_not_looked(p->x, &pick_check, why);
	return EXIT_USAGE;
}

static int pick_card(struct pick *p, struct bdf slot)
{
	struct err err = { 0 };
	char text[BDF_STR];
	int rc;

	if (!p->x->root)
		return pick_not_root(p, slot);
	if (work_is_busy(p->x->o, slot))
		return complain(EXIT_BUSY, "busy: %s is being reset at this moment and "
				"was not looked at", bdf_slot_str(slot, text));
	rc = exam_add_card(p->x, p->db, slot, &err);
	return rc ? complain(rc, "%s", err.text) : 0;
}

static int pick_cards(struct pick *p)
{
	int worst = 0;

	for (size_t i = 0; i < p->n; i++) {
		int rc = pick_card(p, p->slot[i]);

		worst = rc ? rc : worst;
	}
	return worst;
}

static bool pick_has(const struct pick *p, const struct hook_card *c)
{
	for (size_t i = 0; i < p->n; i++)
		if (bdf_same_slot(p->slot[i], c->spec.bdf))
			return true;
	return false;
}

/* Does it not get what it was to have? */
static bool pick_lacks(const struct hook_vm *h)
{
	bool any = h->vm.dropped;

	for (size_t i = 0; i < h->devs.n; i++)
		any |= h->devs.dev[i].use == VMDEV_NO_MAPPING ||
		       h->devs.dev[i].use == VMDEV_DIES;
	for (size_t i = 0; i < h->ncards; i++)
		any |= !h->card[i].present && !h->card[i].spare;
	return any;
}

static bool pick_wants(const struct pick *p, const struct hook_vm *h)
{
	bool any = !p->x->o->nwords && pick_lacks(h);

	for (size_t i = 0; i < h->ncards; i++)
		any |= pick_has(p, &h->card[i]);
	return any && !h->vm.is_template;
}

static int pick_vm(struct pick *p, unsigned vmid, bool named)
{
	struct err err = { 0 };
	const struct hook_vm *h;
	int rc = exam_add_vm(p->x, vmid, &err);

	h = &p->x->vm[p->x->nvms - 1]->hook;
	for (size_t i = 0; !rc && named && i < h->ncards; i++)
		if (h->card[i].present && h->card[i].gpu)
			pick_add(p, h->card[i].spec.bdf);
	if (rc || !(named || pick_wants(p, h)))
		exam_drop_vm(p->x);
	return rc ? complain(rc, "%s", err.text) : 0;
}

/* The VMs of this host have nothing to do with a recorded one. */
static bool pick_foreign(const struct options *o)
{
	return o->replay && !strcmp(o->pve_dir, PVE_DIR);
}

/* Of the VMs of this node those that have one of the cards; none without Proxmox. */
static int pick_vms(struct pick *p)
{
	const struct options *o = p->x->o;
	struct err err = { 0 };
	unsigned *vmid;
	int rc = 0, n;

	if (pick_foreign(o))
		return 0;
	n = pve_vmids(&vmid, o->pve_dir, o->pve_node, &err);
	if (n < 0 && n != -ENOENT)
		exam_not_looked(p->x, &pick_vms_check, err.text);
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
	if (!rc) {
		rc = pick_cards(&p);
		if (!vm_named)
			pick_vms(&p);
		if (!o->nwords || x->ncards || x->nvms || x->nfound)
			exam_run(x);
	}
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
	if (doctor_count(&x, SEV_PROBLEM))
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
	{ 1, "wrong arguments, no such card or VM, or not root: cards were left out" },
	{ EXIT_FAILED, "a problem was found, or a card could not be read" },
	{ EXIT_BUSY, "a card is being reset at this moment" },
	{ EXIT_CONFIG, "quirk or configuration error" },
	{ 0, NULL }
};

const struct command cmd_doctor = {
	.name = "doctor",
	.args = "[BDF|VMID...] [--json]",
	.summary = "what on this host keeps a VM from its card; only reads",
	.more = "Without BDF or VMID: the host, all its graphics cards, and the VMs of "
		"this node that have one. It only reads.",
	.options = "*jvQCLRYDNETKV",
	.status = doctor_status,
	.example = { { "doctor", "this host, all its GPUs, all its VMs with one" },
		     { "doctor 0b:00", "one card" },
		     { "doctor 101", "a VM and its cards" } },
	.run = doctor_run,
};
