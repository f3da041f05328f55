// SPDX-License-Identifier: GPL-2.0-or-later
/* gpureset hook ...: the phases of a VM, and what belongs to having hooks. */
#include <string.h>

#include "cmd/hook.h"
#include "run/supervise.h"

static const struct command *const hook_commands[] = {
	&cmd_hook_show, &cmd_hook_install, &cmd_hook_remove, &cmd_hook_status,
	&cmd_hook_release, &cmd_hook_libvirt, NULL,
};

static int hook_help(FILE *out)
{
	options_help(&cmd_hook_phase, out);
	fputs("\nand, each with its own --help:\n", out);
	for (size_t i = 0; hook_commands[i]; i++)
		fprintf(out, "  gpureset %-13s %-28s %s\n", hook_commands[i]->name,
			hook_commands[i]->args, hook_commands[i]->summary);
	return 0;
}

/* argv[0] becomes the command's name, as options_parse() wants it. */
static int hook_run(int argc, char **argv)
{
	if (argc < 2)
		return complain(EXIT_USAGE, "hook what? See gpureset hook --help");
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
		return hook_help(stdout);
	for (size_t i = 0; hook_commands[i]; i++) {
		/* behind "hook " */
		if (strcmp(argv[1], hook_commands[i]->name + 5))
			continue;
		argv[1] = argv[0];
		return hook_commands[i]->run(argc - 1, argv + 1);
	}
	return cmd_hook_phase.run(argc, argv);
}

const struct command cmd_hook = {
	.name = "hook",
	.args = "VMID PHASE | show ...",
	.summary = "called by Proxmox VE or libvirt when a VM starts and stops",
	.options = "",
	.run = hook_run,
};
