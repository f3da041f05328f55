// SPDX-License-Identifier: GPL-2.0-or-later
/* gpureset hook show VMID: what a hook would act on, and what PVE would drop. */
#include <getopt.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "cmd/hook.h"
#include "cmd/open.h"
#include "run/supervise.h"

struct hook_options {
	struct hook_place place;
	const char *vmid;
	const char *replay;
	bool json, help;
};

/* --- text ---------------------------------------------------------------------- */

static const char *spec_str(const struct bdf_spec *spec, char buf[BDF_STR])
{
	return spec->whole_slot ? bdf_slot_str(spec->bdf, buf) : bdf_str(spec->bdf, buf);
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
		printf("%s%s\n", spec_str(&d->spec, addr),
		       d->one_of_many ? " (the first that is free)" : "");
	else
		printf("left alone: %s\n", vmdev_why(d->use));
}

static const char *card_why_not(const struct hook_card *c)
{
	if (!c->present)
		return "is not on the bus; it would be looked for";
	return c->gpu ? NULL : "is no graphics card; it is left alone";
}

static void show_cards(const struct hook_vm *h)
{
	char addr[BDF_STR];

	for (size_t i = 0; i < h->ncards; i++) {
		const struct hook_card *c = &h->card[i];
		const char *why = card_why_not(c);

		spec_str(&c->spec, addr);
		if (c->owner)
			printf("%s belongs to VM %u now: nothing would be done\n", addr,
			       c->owner);
		else if (why)
			printf("%s %s\n", addr, why);
		else
			printf("%s would be looked after\n", addr);
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
		json_string(j, "address", spec_str(&d->spec, addr));
	else
		json_string(j, "left_alone", vmdev_why(d->use));
	json_object_end(j);
}

static void json_card(struct json *j, const struct hook_card *c)
{
	char addr[BDF_STR];

	json_object(j, NULL);
	json_string(j, "address", spec_str(&c->spec, addr));
	json_bool(j, "present", c->present);
	json_bool(j, "gpu", c->gpu);
	if (c->owner)
		json_int(j, "owner", c->owner);
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

static const struct option hook_longs[] = {
	{ "json", no_argument, NULL, 'j' },
	{ "config-dir", required_argument, NULL, 'D' },
	{ "node", required_argument, NULL, 'N' },
	{ "qemu-run-dir", required_argument, NULL, 'R' },
	{ "replay", required_argument, NULL, 'Y' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static void hook_help(FILE *out)
{
	fputs("usage: gpureset hook show VMID [options]\n"
	      "what a hook of Proxmox VE would act on for this VM; changes nothing\n\n"
	      "  -j, --json               for programs\n"
	      "      --config-dir DIR     instead of " PVE_DIR "\n"
	      "      --node NAME          the configuration of another node\n"
	      "      --qemu-run-dir DIR   reservations, instead of " PVE_RUN_DIR "\n"
	      "      --replay FILE        a recording or lspci -xxxx, not this machine\n"
	      "  -h, --help               this text\n", out);
}

static int hook_parse(struct hook_options *o, int argc, char **argv)
{
	int c;

	*o = (struct hook_options){ .place = { PVE_DIR, NULL, PVE_RUN_DIR } };
	optind = 1;
	while ((c = getopt_long(argc, argv, "jh", hook_longs, NULL)) != -1) {
		switch (c) {
		case 'j': o->json = true; break;
		case 'D': o->place.config_dir = optarg; break;
		case 'N': o->place.node = optarg; break;
		case 'R': o->place.qemu_run = optarg; break;
		case 'Y': o->replay = optarg; break;
		case 'h': o->help = true; break;
		default: return EXIT_USAGE;
		}
	}
	if (o->help)
		return 0;
	if (optind == argc || strcmp(argv[optind], "show"))
		return complain(EXIT_USAGE, "%s%.20s%s; see gpureset hook --help",
				optind == argc ? "hook what" : "hook knows no '",
				optind == argc ? "" : argv[optind],
				optind == argc ? "?" : "'");
	if (argc != optind + 2)
		return complain(EXIT_USAGE, "hook show takes one VMID");
	o->vmid = argv[optind + 1];
	return 0;
}

static int hook_show(const struct hook_options *o)
{
	const struct options from = { .replay = o->replay };
	struct err err = { 0 };
	unsigned vmid = pve_vmid(o->vmid, &err);
	struct hook_vm h;
	struct hw *hw;
	int rc;

	if (!vmid)
		return complain(EXIT_USAGE, "%s", err.text);
	hw = open_hw(&from, &err);
	if (!hw)
		return complain(open_status(&err), "%s", err.text);
	rc = hook_vm_read(&h, hw, &o->place, vmid, &err);
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

static int hook_run(int argc, char **argv)
{
	struct hook_options o;
	int rc = hook_parse(&o, argc, argv);

	if (rc)
		return rc;
	if (!o.help)
		return hook_show(&o);
	hook_help(stdout);
	return 0;
}

const struct command cmd_hook = {
	.name = "hook",
	.args = "show VMID",
	.summary = "what Proxmox VE gives a VM, and what a hook would look after",
	.options = "",
	.run = hook_run,
};
