// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdarg.h>
#include <string.h>

#include "base/diag.h"
#include "cmd/cmd.h"
#include "cmd/entry.h"
#include "run/supervise.h"

const struct command *const commands[] = {
#define COMMAND(name) &cmd_##name,
#include "cmd/commands.def"
#undef COMMAND
	NULL
};

struct status_row {
	int status;
	const char *meaning;
};

static const struct status_row status_rows[] = {
	{ EXIT_HEALTHY, "every card is healthy: reset, or pristine already" },
	{ EXIT_USAGE, "wrong arguments, or no such device" },
	{ EXIT_FAILED, "not healthy, but the card answers" },
	{ EXIT_LOST, "the card does not answer" },
	{ EXIT_NO_METHOD, "no reset method applies" },
	{ EXIT_BUSY, "in use, locked, or refused by a guard" },
	{ EXIT_CONFIG, "a quirk file or the configuration has errors" },
	{ EXIT_STUCK, "the kernel does not return from a reset" },
};

int complain(int status, const char *fmt, ...)
{
	va_list ap;

	fputs("gpureset: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return status;
}

void usage(FILE *out)
{
	fputs("gpureset " GPURESET_VERSION
	      " - reset GPUs so that a VM can have them again\n\n"
	      "usage: gpureset [COMMAND] [BDF...] [options]\n"
	      "       BDF is 0b:00 (the whole card), 0b:00.0, or either with a domain\n\n"
	      "commands (without one: reset):\n", out);
	for (size_t i = 0; commands[i]; i++)
		fprintf(out, "  %-8s %-22s %s\n", commands[i]->name, commands[i]->args,
			commands[i]->summary);
	fputs("\nreset methods, in the order they are tried:\n", out);
	for (size_t i = 0; methods[i]; i++)
		fprintf(out, "  %-12s %s\n", methods[i]->name, methods[i]->summary);
	fputs("\nexit status:\n", out);
	for (size_t i = 0; i < sizeof(status_rows) / sizeof(*status_rows); i++)
		fprintf(out, "  %d  %s\n", status_rows[i].status, status_rows[i].meaning);
	fputs("\ngpureset COMMAND --help lists a command's options.\n", out);
}

int load_quirks(const struct options *o, struct quirk_db *db)
{
	const char *own[] = { o->quirks, NULL };
	const char *installed[] = { GPURESET_QUIRK_ETC, GPURESET_QUIRK_DIR, NULL };
	struct diag diag;
	struct err err = { 0 };
	int rc;

	diag_init(&diag);
	rc = quirk_db_load(db, o->quirks ? own : installed, true, &diag, &err);
	if (diag.n)
		diag_print(&diag, stderr);
	diag_free(&diag);
	if (rc)
		return complain(EXIT_CONFIG, "%s", err.text);
	if (o->quirks && !db->n)
		return complain(EXIT_CONFIG, "--quirks %s: no quirk file there",
				o->quirks);
	return 0;
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; commands[i]; i++)
		if (!strcmp(commands[i]->name, name))
			return commands[i];
	return NULL;
}

/* A first word that is no option and no address, but looks like a word. */
static bool looks_like_command(const char *word)
{
	return word[0] != '-' && !strchr(word, ':');
}

int main(int argc, char **argv)
{
	const struct command *cmd = commands[0];

	entry_secure();
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
	if (looks_like_command(argv[1])) {
		cmd = find_command(argv[1]);
		if (!cmd)
			return complain(EXIT_USAGE, "'%.40s' is neither a command nor a "
					"PCI address; see gpureset --help", argv[1]);
		argv[1] = argv[0];      /* getopt_long() names it in messages */
		argc--;
		argv++;
	}
	return cmd->run(argc, argv);
}
