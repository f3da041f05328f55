// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * gpureset hook VMID PHASE: what a hookscript of Proxmox VE calls. The order of events
 * around it: qemu-server, PVE/QemuServer.pm vm_start_nolock, vm_stop_cleanup.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cmd/hook_card.h"
#include "cmd/hook_chain.h"
#include "cmd/open.h"
#include "host/vmrecord.h"
#include "run/held.h"

/* What all phases work with. */
struct phase_call {
	const struct options *o;
	unsigned vmid;
	struct config conf;
	struct quirk_db db;
	struct hook_event ev;
	char vm[16];
};

struct phase_row {
	int (*run)(struct phase_call *c);
	bool chain_first;
};

/* --- a VM starts --------------------------------------------------------------- */

static bool is_container(const struct phase_call *c)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/lxc/%u.conf", c->o->pve_dir, c->vmid);
	return access(path, F_OK) == 0;
}

/* A hostpci line that PVE drops: the VM starts without its GPU. */
static void print_dropped(const struct hook_vm *h)
{
	for (size_t i = 0; i < h->diag.n; i++)
		printf("gpureset: %s:%d: %s\n", h->diag.msg[i].file, h->diag.msg[i].line,
		       h->diag.msg[i].text);
}

static int vm_cards(struct phase_call *c)
{
	struct err err = { 0 };
	struct hook_vm h;
	struct hw *hw = open_hw(c->o, &err);
	int rc;

	if (!hw)
		return complain(open_status(&err), "%s", err.text);
	rc = hook_vm_read(&h, hw, c->o, c->vmid, &err);
	hw_close(hw);
	if (rc)
		complain(rc, "%s", err.text);
	else if (c->ev.phase == HOOK_PRE_START)
		print_dropped(&h);
	memcpy(c->ev.card, h.card, sizeof(h.card));
	c->ev.ncards = h.ncards;
	hook_vm_free(&h);
	return rc;
}

static int pre_start(struct phase_call *c)
{
	int rc = is_container(c) ? 0 : vm_cards(c);

	/* what an earlier start wrote down is no longer true */
	vmrecord_remove(c->o->run_dir, c->vmid);
	if (rc || !hook_any(&c->ev))
		return rc;
	rc = hook_load(c->o, &c->conf, &c->db, &c->ev);
	return rc ? rc : hook_event_run(c->o, &c->conf, &c->db, &c->ev);
}

/* --- it runs: what did it get? -------------------------------------------------- */

static void record_add(struct vmrecord *rec, struct bdf fn)
{
	for (size_t i = 0; i < rec->n; i++)
		if (bdf_eq(rec->fn[i], fn))
			return;
	if (rec->n < VMRECORD_MOST)
		rec->fn[rec->n++] = fn;
}

/* By the args line PVE neither binds nor reserves: the configuration has to do. */
static void record_args(const struct phase_call *c, struct vmrecord *rec)
{
	struct pve_vm vm;
	struct err err;
	struct diag diag;

	diag_init(&diag);
	if (!pve_conf_read(&vm, c->o->pve_dir, c->o->pve_node, c->vmid, &diag, &err))
		for (size_t i = 0; i < vm.nargs; i++)
			record_add(rec, vm.args[i].bdf);
	diag_free(&diag);
}

/* A line that a QEMU of an earlier start left behind is not what this one got. */
static int record_read(const struct phase_call *c, struct vmrecord *rec, struct err *err)
{
	struct pve_resvs resvs = { 0 };
	uint64_t now = (uint64_t)time(NULL);
	int rc = pve_resv_read(&resvs, c->o->qemu_run, err);

	for (size_t i = 0; i < resvs.n; i++) {
		const struct pve_resv *r = &resvs.resv[i];

		if (r->vmid == c->vmid && r->started &&
		    pve_resv_holds(r, c->o->qemu_run, now))
			record_add(rec, r->bdf);
	}
	pve_resv_free(&resvs);
	record_args(c, rec);
	return rc;
}

static bool record_has(const struct vmrecord *rec, const struct bdf_spec *spec)
{
	for (size_t i = 0; i < rec->n; i++)
		if (bdf_spec_has(spec, rec->fn[i]))
			return true;
	return false;
}

static bool has_card(const struct phase_call *c, struct bdf slot)
{
	for (size_t i = 0; i < c->ev.ncards; i++)
		if (bdf_same_slot(c->ev.card[i].spec.bdf, slot))
			return true;
	return false;
}

/* That is held for it by a start that has failed, when it had that card. */
static int add_held(struct bdf slot, void *arg)
{
	struct phase_call *c = arg;
	struct hold h;

	if (has_card(c, slot) || c->ev.ncards == VMDEV_MOST ||
	    held_read(c->o->run_dir, slot, &h, NULL) || !hold_vm_find(&h, c->vm))
		return 0;
	c->ev.card[c->ev.ncards++] = (struct hook_card){
		.spec = { slot, true }, .present = true, .gpu = true, .only_held = true,
	};
	return 0;
}

static void add_all_held(struct phase_call *c)
{
	struct err err = { 0 };

	if (held_slots(c->o->run_dir, add_held, c, &err))
		complain(0, "VM %u: %s", c->vmid, err.text);
}

/* All there is to do for the cards of the event, and none of it may fail the phase. */
static void run_cards(struct phase_call *c)
{
	if (hook_any(&c->ev) && !hook_load(c->o, &c->conf, &c->db, &c->ev))
		hook_event_run(c->o, &c->conf, &c->db, &c->ev);
}

/* Does its list say more than that it is this VM's? */
static bool may_claim(const struct phase_call *c, struct bdf slot)
{
	const struct hold_vm *own;
	struct hold h;

	if (held_read(c->o->run_dir, slot, &h, NULL) || !h.nvms)
		return false;
	own = hold_vm_find(&h, c->vm);
	return h.nvms > 1 || !own || own->since_s;
}

/*
 * Of a mapping's cards all that were free were made ready; PVE took one. And another VM
 * may have been quicker.
 */
static void settle(struct phase_call *c, const struct vmrecord *rec)
{
	size_t kept = 0;

	if (is_container(c) || vm_cards(c))
		return;
	add_all_held(c);
	for (size_t i = 0; i < c->ev.ncards; i++) {
		struct hook_card *card = &c->ev.card[i];

		card->got = record_has(rec, &card->spec);
		if (card->got ? may_claim(c, card->spec.bdf) :
		    card->spare || card->only_held || rec->n)
			c->ev.card[kept++] = *card;
	}
	c->ev.ncards = kept;
	run_cards(c);
}

static int post_start(struct phase_call *c)
{
	struct vmrecord rec = { .n = 0 };
	struct err err = { 0 };
	int rc = record_read(c, &rec, &err);

	if (!rc && rec.n)
		rc = vmrecord_write(c->o->run_dir, c->vmid, &rec, &err);
	if (rc)
		return complain(0, "VM %u: what it got cannot be recorded for its stop: "
				"%s", c->vmid, err.text);
	settle(c, &rec);
	return 0;
}

static int pre_stop(struct phase_call *c)
{
	(void)c;
	return 0;       /* QEMU still owns the card */
}

/* --- it has stopped ------------------------------------------------------------- */

static int post_stop_cards(struct phase_call *c, const struct vmrecord *rec,
			   struct err *err)
{
	struct hw *hw = open_hw(c->o, err);
	int rc;

	if (!hw)
		return -EIO;
	rc = hook_event_cards(hw, c->o, rec->fn, rec->n, &c->ev, err);
	hw_close(hw);
	return rc;
}

static int post_stop(struct phase_call *c)
{
	struct vmrecord rec;
	struct err err = { 0 };
	int rc = vmrecord_read(c->o->run_dir, c->vmid, &rec, &err);

	if (!rc)
		rc = post_stop_cards(c, &rec, &err);
	else if (rc == -ENOENT) /* it had none, or began before there was a hook */
		rc = 0;
	if (rc)
		return complain(0, "VM %u: %s; its next start resets what it needs",
				c->vmid, err.text);
	/* whatever becomes of the card, the VM has stopped */
	add_all_held(c);
	run_cards(c);
	vmrecord_remove(c->o->run_dir, c->vmid);
	return 0;
}

/* --- the command --------------------------------------------------------------- */

/* Somebody else's script: first where it may object, last where it cleans up. */
static const struct phase_row phases[] = {
	[HOOK_PRE_START] = { pre_start, true },
	[HOOK_POST_START] = { post_start, false },
	[HOOK_PRE_STOP] = { pre_stop, false },
	[HOOK_POST_STOP] = { post_stop, false },
};

static bool phase_find(const char *name, enum hook_phase *phase)
{
	for (int i = 0; i < HOOK_PHASES; i++) {
		*phase = (enum hook_phase)i;
		if (!strcmp(hook_phase_str(*phase), name))
			return true;
	}
	return false;
}

static int phase_chain(const struct phase_call *c)
{
	struct err err = { 0 };
	int status = 0;

	fflush(stdout);
	if (hook_chain(c->o->script, c->vmid, hook_phase_str(c->ev.phase), &status,
		       &err))
		return complain(EXIT_FAILED, "%s", err.text);
	return status;
}

static int phase_call(struct phase_call *c)
{
	const struct phase_row *row = &phases[c->ev.phase];
	int rc = 0, chained = 0;

	snprintf(c->vm, sizeof(c->vm), "%u", c->vmid);
	c->ev.vm = c->vm;
	c->ev.vmid = c->vmid;
	if (row->chain_first)
		chained = phase_chain(c);
	if (!chained)
		rc = row->run(c);
	if (!row->chain_first)
		chained = phase_chain(c);
	quirk_db_free(&c->db);
	config_free(&c->conf);
	return rc ? rc : chained;
}

static int phase_words(const struct options *o, struct phase_call *c)
{
	struct err err = { 0 };

	if (o->nwords != 2)
		return complain(EXIT_USAGE, "hook takes a VMID and a phase; see gpureset "
				"hook --help");
	c->vmid = pve_vmid(o->word[0], &err);
	if (!c->vmid)
		return complain(EXIT_USAGE, "%s", err.text);
	if (!phase_find(o->word[1], &c->ev.phase))
		return complain(EXIT_USAGE, "'%.40s' is no phase: wanted pre-start, "
				"post-start, pre-stop or post-stop", o->word[1]);
	if (geteuid() != 0)
		return complain(EXIT_USAGE, "only root can look after a VM's cards; "
				"Proxmox VE calls hookscripts as root");
	return 0;
}

int hook_phase_run(int argc, char **argv)
{
	struct options o;
	struct phase_call c = { .o = &o };
	int rc = options_parse(&o, &cmd_hook, argc, argv);

	if (!rc && o.help) {
		options_help(&cmd_hook, stdout);
		return 0;
	}
	if (!rc)
		rc = phase_words(&o, &c);
	return rc ? rc : phase_call(&c);
}
