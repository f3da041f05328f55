// SPDX-License-Identifier: GPL-2.0-or-later
/* gpureset hook ...: the phases of a VM, and what belongs to having hooks. */
#include "cmd/help.h"
#include "cmd/hook.h"
#include "run/supervise.h"

static const struct command *const hook_commands[] = {
	&cmd_hook_show, &cmd_hook_install, &cmd_hook_remove, &cmd_hook_status,
	&cmd_hook_release, &cmd_hook_libvirt, NULL,
};

/* argv[0] becomes the program's name, as options_parse() wants it. */
static int hook_run(int argc, char **argv)
{
	const struct command *sub;

	if (argc < 2)
		return complain(EXIT_USAGE, "hook what? See gpureset hook --help");
	sub = command_find(hook_commands, argv[1]);
	if (!sub)
		return hook_phase_run(argc, argv);
	argv[1] = argv[0];
	return sub->run(argc - 1, argv + 1);
}

const struct command cmd_hook = {
	.name = "hook",
	.args = "VMID PHASE",
	.summary = "called by Proxmox VE or libvirt when a VM starts and stops",
	.more = "PHASE is pre-start, post-start, pre-stop or post-stop, as Proxmox VE "
		"calls its hookscripts. From a hookscript of your own: gpureset hook "
		"\"$1\" \"$2\" || exit $?",
	.options = "*SDNECQRLP",
	.subs = hook_commands,
	.example = { { "hook install 100", "from now on a start of VM 100 finds its card "
		       "fresh" },
		     { "hook 100 pre-start", "what is done before it starts" } },
	.run = hook_run,
};
