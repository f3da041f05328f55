// SPDX-License-Identifier: GPL-2.0-or-later
/* gpureset hook show VMID: what a hook would act on, and what PVE would drop. */
#include "base/json.h"
#include "cmd/hook.h"
#include "cmd/open.h"
#include "run/supervise.h"

/* --- text ---------------------------------------------------------------------- */

static const char *device_which(const struct vmdev *d)
{
	return d->spare ? " (if the first is taken meanwhile)" :
	       d->one_of_many ? " (the first that is free)" : "";
}

static void show_device(const struct vmdev *d)
{
	char addr[BDF_STR];

	if (d->key == VMDEV_ARGS)
		printf("  args: ");
	else
		printf("  hostpci%d: ", d->key);
	if (d->mapping)
		printf("mapping %s: ", d->mapping);
	if (d->use == VMDEV_YES)
		printf("%s%s\n", bdf_spec_str(&d->spec, addr), device_which(d));
	else
		printf("left alone: %s\n", vmdev_why(d->use));
}

static const char *card_why_not(const struct hook_card *c)
{
	if (!c->present)
		return "is not on the bus; it would be looked for";
	if (c->vf)
		return "is a virtual function of another card; it is left alone";
	return c->gpu ? NULL : "is no graphics card; it is left alone";
}

static void show_cards(const struct hook_vm *h)
{
	char addr[BDF_STR];

	for (size_t i = 0; i < h->ncards; i++) {
		const struct hook_card *c = &h->card[i];
		const char *why = card_why_not(c);

		bdf_spec_str(&c->spec, addr);
		if (c->owner)
			printf("%s belongs to VM %u now: nothing would be done\n", addr,
			       c->owner);
		else if (why)
			printf("%s %s\n", addr, why);
		else
			printf("%s would be looked after%s\n", addr,
			       c->spare ? " too" : "");
	}
	if (!h->ncards)
		printf("this VM has no device to look after\n");
}

static void show_text(const struct hook_vm *h)
{
	printf("VM %u on node %s%s%s%s%s\n", h->vm.vmid, h->node,
	       h->vm.is_template ? ", a template: it never starts" : "",
	       h->vm.lock[0] ? ", locked: " : "", h->vm.lock,
	       h->vm.pending ? ", with changes that wait for the next start" : "");
	for (size_t i = 0; i < h->devs.n; i++)
		show_device(&h->devs.dev[i]);
	show_cards(h);
	fflush(stdout);
	diag_print(&h->diag, stderr);
}

/* --- json ---------------------------------------------------------------------- */

static void json_device(struct json *j, const struct vmdev *d)
{
	char addr[BDF_STR];

	json_object(j, NULL);
	if (d->key != VMDEV_ARGS)
		json_int(j, "hostpci", d->key);
	json_int(j, "line", d->line);
	if (d->mapping)
		json_string(j, "mapping", d->mapping);
	if (d->use == VMDEV_YES)
		json_string(j, "address", bdf_spec_str(&d->spec, addr));
	else
		json_string(j, "left_alone", vmdev_why(d->use));
	if (d->spare)
		json_bool(j, "spare", true);
	json_object_end(j);
}

static void json_card(struct json *j, const struct hook_card *c)
{
	char addr[BDF_STR];

	json_object(j, NULL);
	json_string(j, "address", bdf_spec_str(&c->spec, addr));
	json_bool(j, "present", c->present);
	json_bool(j, "gpu", c->gpu && !c->vf);
	if (c->owner)
		json_int(j, "owner", c->owner);
	if (c->spare)
		json_bool(j, "spare", true);
	json_object_end(j);
}

static void json_dropped(struct json *j, const struct diag *diag)
{
	json_array(j, "dropped");
	for (size_t i = 0; i < diag->n; i++) {
		json_object(j, NULL);
		json_string(j, "file", diag->msg[i].file);
		json_int(j, "line", diag->msg[i].line);
		json_int(j, "column", diag->msg[i].col);
		json_string(j, "why", diag->msg[i].text);
		json_object_end(j);
	}
	json_array_end(j);
}

static void show_json(const struct hook_vm *h)
{
	struct json j = { .out = stdout };

	json_object(&j, NULL);
	json_int(&j, "vmid", h->vm.vmid);
	json_string(&j, "node", h->node);
	json_bool(&j, "template", h->vm.is_template);
	json_bool(&j, "pending", h->vm.pending);
	json_string(&j, "lock", h->vm.lock);
	json_string(&j, "hookscript", h->vm.hookscript);
	json_array(&j, "devices");
	for (size_t i = 0; i < h->devs.n; i++)
		json_device(&j, &h->devs.dev[i]);
	json_array_end(&j);
	json_array(&j, "cards");
	for (size_t i = 0; i < h->ncards; i++)
		json_card(&j, &h->card[i]);
	json_array_end(&j);
	json_dropped(&j, &h->diag);
	json_object_end(&j);
	putchar('\n');
}

/* --- command ------------------------------------------------------------------- */

static int hook_show(const struct options *o, unsigned vmid)
{
	struct err err = { 0 };
	struct hook_vm h;
	struct hw *hw = open_hw(o, &err);
	int rc;

	if (!hw)
		return complain(open_status(&err), "%s", err.text);
	rc = hook_vm_read(&h, hw, o, vmid, &err);
	if (rc)
		complain(rc, "%s", err.text);
	else if (o->json)
		show_json(&h);
	else
		show_text(&h);
	hook_vm_free(&h);
	hw_close(hw);
	return rc;
}

static int hook_show_run(int argc, char **argv)
{
	struct options o;
	struct err err;
	unsigned vmid;
	int rc = options_parse(&o, &cmd_hook_show, argc, argv);

	if (rc)
		return rc;
	if (o.help) {
		options_help(&cmd_hook_show, stdout);
		return 0;
	}
	if (o.nwords != 1)
		return complain(EXIT_USAGE, "hook show takes one VMID");
	vmid = pve_vmid(o.word[0], &err);
	return vmid ? hook_show(&o, vmid) : complain(EXIT_USAGE, "%s", err.text);
}

const struct command cmd_hook_show = {
	.name = "hook show",
	.args = "VMID",
	.summary = "what a hook would act on for this VM; changes nothing",
	.more = "Lists what the VM passes through, what Proxmox VE would drop of it and "
		"why, and who has the card.",
	.options = "*jDNEY",
	.example = { { "hook show 100", "the cards of VM 100" } },
	.run = hook_show_run,
};
