// SPDX-License-Identifier: GPL-2.0-or-later
/* gpureset hook status [VMID...]: which VMs have the hook, and whether it would run. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/xalloc.h"
#include "cmd/hook.h"
#include "cmd/hook_held.h"
#include "cmd/hook_state.h"
#include "cmd/open.h"
#include "run/held.h"
#include "run/supervise.h"

struct status {
	struct hook_vm h;
	struct hook_state hook;
};

struct statuses {
	const struct options *o;
	struct hw *hw;
	struct json json;
	struct config conf;             /* for after-stop */
	size_t shown;
	bool bad;               /* one that was asked about has no working hook */
};

/* --- one VM -------------------------------------------------------------------- */

static bool status_has_gpu(const struct status *st)
{
	for (size_t i = 0; i < st->h.ncards; i++)
		if (hook_card_ours(&st->h.card[i]))
			return true;
	return false;
}

/* --- output -------------------------------------------------------------------- */

static void text_cards(const struct status *st)
{
	char addr[BDF_STR];

	for (size_t i = 0; i < st->h.ncards; i++)
		if (hook_card_ours(&st->h.card[i]))
			printf(" %s%s", bdf_spec_str(&st->h.card[i].spec, addr),
			       st->h.card[i].present ? "" : " (not on the bus)");
}

static void text_vm(const struct status *st)
{
	static const char *const words[] = { "no hook", "hook works", "hook is broken" };

	printf("VM %u:", st->h.vm.vmid);
	text_cards(st);
	printf("%s %s", status_has_gpu(st) ? ":" : " no GPU:", words[st->hook.is]);
	if (st->h.vm.hookscript[0])
		printf(", %s", st->h.vm.hookscript);
	if (st->hook.chained[0])
		printf(", runs also %s", st->hook.chained);
	if (st->hook.is == HOOK_BROKEN)
		printf(": %s", st->hook.why.text);
	if (st->hook.is == HOOK_ABSENT && status_has_gpu(st))
		printf("; to have it: gpureset hook install %u", st->h.vm.vmid);
	putchar('\n');
}

static void json_card(struct json *j, const struct hook_card *c)
{
	char addr[BDF_STR];

	json_object(j, NULL);
	json_string(j, "address", bdf_spec_str(&c->spec, addr));
	json_bool(j, "present", c->present);
	json_bool(j, "gpu", c->gpu);
	json_object_end(j);
}

static void json_vm(struct json *j, const struct status *st)
{
	json_object(j, NULL);
	json_int(j, "vmid", st->h.vm.vmid);
	json_string(j, "hookscript", st->h.vm.hookscript);
	json_bool(j, "installed", st->hook.is != HOOK_ABSENT);
	json_bool(j, "works", st->hook.is == HOOK_WORKS);
	json_string(j, "path", st->hook.script.path[0] ? st->hook.script.path : NULL);
	json_string(j, "chained", st->hook.chained[0] ? st->hook.chained : NULL);
	json_string(j, "problem", st->hook.is == HOOK_BROKEN ? st->hook.why.text : NULL);
	json_array(j, "cards");
	for (size_t i = 0; i < st->h.ncards; i++)
		json_card(j, &st->h.card[i]);
	json_array_end(j);
	json_object_end(j);
}

/* --- all of them --------------------------------------------------------------- */

/* @named: asked for by number, so shown whatever it is. Returns an exit status. */
static int status_vm(struct statuses *all, unsigned vmid, bool named)
{
	struct status *st = xcalloc(1, sizeof(*st));
	struct err err = { 0 };
	int rc = hook_vm_read(&st->h, all->hw, all->o, vmid, &err);

	if (rc) {
		complain(rc, "%s", err.text);
	} else {
		bool wanted;

		hook_state_find(&st->hook, st->h.vm.hookscript, all->o);
		wanted = named || st->hook.is != HOOK_ABSENT ||
			 (status_has_gpu(st) && !st->h.vm.is_template);
		all->bad |= wanted && st->hook.is != HOOK_WORKS;
		all->shown += wanted;
		if (wanted && all->o->json)
			json_vm(&all->json, st);
		else if (wanted)
			text_vm(st);
	}
	hook_vm_free(&st->h);
	free(st);
	return rc;
}

static int status_node(struct statuses *all)
{
	struct err err = { 0 };
	unsigned *vmid;
	int rc = 0, n = pve_vmids(&vmid, all->o->pve_dir, NULL, &err);

	if (n < 0)
		return complain(EXIT_USAGE, "%s; is this a Proxmox VE node?", err.text);
	for (int i = 0; i < n; i++)
		rc |= status_vm(all, vmid[i], false);
	free(vmid);
	return rc;
}

static int status_named(struct statuses *all)
{
	struct err err;
	int rc = 0;

	for (size_t i = 0; i < all->o->nwords; i++) {
		unsigned vmid = pve_vmid(all->o->word[i], &err);

		rc |= vmid ? status_vm(all, vmid, true) :
			     complain(EXIT_USAGE, "%s", err.text);
	}
	return rc;
}

/* --- what a start that failed has left ------------------------------------------- */

/* Asked for by number: of those VMs alone. */
static bool status_asked(const struct statuses *all, struct hold *h)
{
	for (size_t i = 0; i < all->o->nwords; i++)
		if (hold_vm_find(h, all->o->word[i]))
			return true;
	return !all->o->nwords;
}

static int status_held(struct bdf slot, void *arg)
{
	struct statuses *all = arg;
	char text[BDF_STR], vms[512];
	struct settings set;
	struct hold h;

	config_settings(&all->conf, NULL, slot, true, &set);
	if (!held_in_vain(all->hw, all->o->run_dir, slot,
			  set.after_stop == AFTER_STOP_HOST_DRIVER, &h) ||
	    !status_asked(all, &h))
		return 0;
	bdf_slot_str(slot, text);
	held_vms_str(&h, vms, sizeof(vms));
	if (all->o->json) {
		json_object(&all->json, NULL);
		json_string(&all->json, "slot", text);
		json_string(&all->json, "vms", vms);
		json_object_end(&all->json);
	} else if (!h.nvms) {
		printf("%s: held for no VM, as it could not be put back; to try again: "
		       "gpureset hook release %s\n", text, text);
	} else {
		printf("%s: held for VM %s, which does not start; to put back what it "
		       "had: gpureset hook release %s\n", text, vms, text);
	}
	all->shown++;
	return 0;
}

static int status_left(struct statuses *all)
{
	struct err err = { 0 };

	if (all->o->replay)     /* what is held is held on this machine */
		return 0;
	config_open(&all->conf, all->o->config);        /* has said what is wrong */
	if (held_slots(all->o->run_dir, status_held, all, &err) < 0)
		return complain(EXIT_FAILED, "%s", err.text);
	return 0;
}

static int status_all(const struct options *o)
{
	struct statuses all = { .o = o, .json = { .out = stdout } };
	struct err err = { 0 };
	int rc;

	all.hw = open_hw(o, &err);
	if (!all.hw)
		return complain(open_status(&err), "%s", err.text);
	if (o->json) {
		json_object(&all.json, NULL);
		json_array(&all.json, "vms");
	}
	rc = o->nwords ? status_named(&all) : status_node(&all);
	if (o->json) {
		json_array_end(&all.json);
		json_array(&all.json, "held");
	}
	rc |= status_left(&all);
	if (o->json) {
		json_array_end(&all.json);
		json_object_end(&all.json);
		putchar('\n');
	} else if (!rc && !all.shown) {
		puts("no VM of this node has a GPU, or the hook");
	}
	hw_close(all.hw);
	config_free(&all.conf);
	return rc || all.bad ? EXIT_USAGE : 0;
}

static int status_run(int argc, char **argv)
{
	struct options o;
	int rc = options_parse(&o, &cmd_hook_status, argc, argv);

	if (rc)
		return rc;
	if (!o.help)
		return status_all(&o);
	options_help(&cmd_hook_status, stdout);
	return 0;
}

static const struct status_row status_status[] = {
	{ 0, "each of them has the hook, and Proxmox VE would run it" },
	{ 1, "one has not, or there is no such VM" },
	{ 0, NULL }
};

const struct command cmd_hook_status = {
	.name = "hook status",
	.args = "[VMID...] [--json]",
	.summary = "which VMs have the hook, and whether it would run",
	.more = "Without VMID: the VMs of this node that have a GPU or the hook. At the "
		"end the cards that are held for a start that failed.",
	.options = "*jDEVTKYR",
	.status = status_status,
	.example = { { "hook status", "all VMs of this node with a GPU" } },
	.run = status_run,
};
