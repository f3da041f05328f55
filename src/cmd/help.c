// SPDX-License-Identifier: GPL-2.0-or-later
/* --help of the program and of each command, 80 columns wide; gpureset help. */
#include "cmd/help.h"

#include <string.h>

#include "cmd/options.h"
#include "run/supervise.h"

#define COLUMNS 80
#define LEFT_MOST 34            /* what is longer has its text below it */

const struct command *const commands[] = {
#define COMMAND(name) &cmd_##name,
#include "cmd/commands.def"
#undef COMMAND
	NULL
};

const struct status_row exit_rows[] = {
	{ EXIT_HEALTHY, "every card is healthy: reset, or pristine already" },
	{ EXIT_USAGE, "wrong arguments, or no such device" },
	{ EXIT_FAILED, "not healthy, but the card answers" },
	{ EXIT_LOST, "the card does not answer" },
	{ EXIT_NO_METHOD, "no reset method applies" },
	{ EXIT_BUSY, "in use, locked, or refused by a guard" },
	{ EXIT_CONFIG, "a quirk file or the configuration has errors" },
	{ EXIT_STUCK, "the kernel does not return from a reset" },
	{ 0, NULL }
};

const char *command_word(const struct command *cmd)
{
	const char *blank = strrchr(cmd->name, ' ');

	return blank ? blank + 1 : cmd->name;
}

const struct command *command_find(const struct command *const *list, const char *word)
{
	for (size_t i = 0; list && list[i]; i++)
		if (!strcmp(command_word(list[i]), word))
			return list[i];
	return NULL;
}

/* --- text ------------------------------------------------------------------------ */

/* @text from column @indent on, where the line stands already; a '\n' is kept. */
static void help_fill(FILE *out, const char *text, int indent)
{
	int at = indent;

	while (*text) {
		int len = (int)strcspn(text, " \n");

		if (at > indent && at + 1 + len > COLUMNS) {
			fprintf(out, "\n%*s", indent, "");
			at = indent;
		}
		at += fprintf(out, "%s%.*s", at > indent ? " " : "", len, text);
		text += len;
		if (*text == '\n') {
			fprintf(out, "\n%*s", indent, "");
			at = indent;
		}
		text += *text != '\0';
	}
	fputc('\n', out);
}

static void help_row(FILE *out, int width, const char *left, const char *text)
{
	if ((int)strlen(left) > width)
		fprintf(out, "  %s\n%*s", left, width + 4, "");
	else
		fprintf(out, "  %-*s  ", width, left);
	help_fill(out, text, width + 4);
}

static void help_widen(int *width, const char *left)
{
	int len = (int)strlen(left);

	if (len > *width && len <= LEFT_MOST)
		*width = len;
}

/* --- options --------------------------------------------------------------------- */

struct help_options {
	FILE *out;              /* NULL: only measure */
	int width;
};

static void help_option(const struct option_row *row, void *arg)
{
	struct help_options *h = arg;
	char left[64], c = option_short(row);

	snprintf(left, sizeof(left), "%c%c%c --%s%s%s", c ? '-' : ' ', c ? c : ' ',
		 c ? ',' : ' ', row->name, row->arg ? " " : "",
		 row->arg ? row->arg : "");
	if (h->out)
		help_row(h->out, h->width, left, row->help);
	else
		help_widen(&h->width, left);
}

static void help_options(const struct command *cmd, FILE *out)
{
	struct help_options h = { .out = NULL };

	options_each(cmd, help_option, &h);
	h.out = out;
	fputs("\noptions:\n", out);
	options_each(cmd, help_option, &h);
}

/* --- the rest of a command --------------------------------------------------------- */

static void help_subs(const struct command *const *subs, FILE *out)
{
	char left[96];
	int width = 0;

	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; subs[i]; i++) {
			snprintf(left, sizeof(left), "%s %s", command_word(subs[i]),
				 subs[i]->args);
			if (pass)
				help_row(out, width, left, subs[i]->summary);
			else
				help_widen(&width, left);
		}
}

static void help_status(const struct status_row *row, FILE *out)
{
	fputs("\nexit status:\n", out);
	for (; row->meaning; row++) {
		fprintf(out, "  %d  ", row->status);
		help_fill(out, row->meaning, 5);
	}
}

static void help_examples(const struct command *cmd, FILE *out)
{
	const struct example *e = cmd->example;
	char left[96];
	int width = 0;

	if (e->line)
		fputs("\nexamples:\n", out);
	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < 4 && e[i].line; i++) {
			snprintf(left, sizeof(left), "gpureset %s", e[i].line);
			if (pass)
				help_row(out, width, left, e[i].what);
			else
				help_widen(&width, left);
		}
}

void options_help(const struct command *cmd, FILE *out)
{
	fprintf(out, "usage: gpureset %s %s\n", cmd->name, cmd->args);
	help_fill(out, cmd->summary, 0);
	if (cmd->subs) {
		fputs("\nsubcommands:\n", out);
		help_subs(cmd->subs, out);
		fprintf(out, "gpureset %s SUBCOMMAND --help has more of each.\n",
			cmd->name);
	}
	help_options(cmd, out);
	if (cmd->more) {
		fputc('\n', out);
		help_fill(out, cmd->more, 0);
	}
	if (cmd->status)
		help_status(cmd->status, out);
	help_examples(cmd, out);
}

/* --- the program ------------------------------------------------------------------ */

void usage(FILE *out)
{
	fputs("gpureset " GPURESET_VERSION
	      " - reset GPUs so that a VM can have them again\n\n"
	      "usage: gpureset [COMMAND] [BDF...] [options]\n"
	      "       BDF is 0b:00 (the whole card), 0b:00.0, or either with a domain\n\n"
	      "commands (without one: reset):\n", out);
	for (size_t i = 0; commands[i]; i++)
		help_row(out, 8, commands[i]->name, commands[i]->summary);
	fputs("\nreset methods, in the order they are tried:\n", out);
	for (size_t i = 0; methods[i]; i++)
		help_row(out, 11, methods[i]->name, methods[i]->summary);
	help_status(exit_rows, out);
	fputs("\n`gpureset COMMAND --help` or `gpureset help COMMAND` lists a command's "
	      "options,\n`man gpureset` has all of it.\n", out);
}

static int help_run(int argc, char **argv)
{
	const struct command *const *list = commands;
	const struct command *cmd = NULL;
	struct options o;
	int rc = options_parse(&o, &cmd_help, argc, argv);

	if (rc)
		return rc;
	if (o.help)
		cmd = &cmd_help;
	for (size_t i = 0; i < o.nwords; i++) {
		cmd = command_find(list, o.word[i]);
		if (!cmd)
			return complain(EXIT_USAGE, "help: there is no command '%.40s'; "
					"gpureset help lists them", o.word[i]);
		list = cmd->subs;
	}
	if (cmd)
		options_help(cmd, stdout);
	else
		usage(stdout);
	return 0;
}

const struct command cmd_help = {
	.name = "help",
	.args = "[COMMAND [SUBCOMMAND]]",
	.summary = "what there is, or how one command is used",
	.options = "*",
	.example = { { "help plan", "the options of `gpureset plan`" } },
	.run = help_run,
};
