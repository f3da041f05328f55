// SPDX-License-Identifier: GPL-2.0-or-later
#include <signal.h>
#include <string.h>

#include "cmd/complete.h"
#include "cmd/entry.h"
#include "cmd/help.h"
#include "run/supervise.h"

/* A first word that is no option and no address, but looks like a word. */
static bool looks_like_command(const char *word)
{
	return word[0] != '-' && !strchr(word, ':');
}

int main(int argc, char **argv)
{
	const struct command *cmd = commands[0];

	entry_secure();
	/* ulimit -f: a write that fails, never the end of a reset halfway */
	signal(SIGXFSZ, SIG_IGN);
	if (argc < 2) {
		usage(stderr);
		return EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
		usage(stdout);
		return 0;
	}
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
		puts("gpureset " GPURESET_VERSION);
		return 0;
	}
	if (!strcmp(argv[1], "--complete"))
		return complete(argc - 2, argv + 2);
	if (looks_like_command(argv[1])) {
		cmd = command_find(commands, argv[1]);
		if (!cmd)
			return complain(EXIT_USAGE, "'%.40s' is neither a command nor a "
					"PCI address; see gpureset --help", argv[1]);
		argv[1] = argv[0];      /* getopt_long() names it in messages */
		argc--;
		argv++;
	}
	return cmd->run(argc, argv);
}
