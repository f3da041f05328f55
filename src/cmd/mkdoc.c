// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * mkdoc FILE.in: a manual page to standard output, with the tables that its lines
 * ".\" @NAME" ask for. It is built with the program's objects, so the tables are made
 * of the rows that the program itself uses. Only the build runs it.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/textfile.h"
#include "cmd/config_parse.h"
#include "cmd/help.h"
#include "cmd/options.h"
#include "plan/guards.h"

#define LINE 72                 /* of text; what is longer is folded */

/* --- text ----------------------------------------------------------------------- */

/* A word of a macro's line, or a part of a line of text. */
static void put_escaped(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		fputs(text[i] == '\\' ? "\\e" : text[i] == '"' ? "\\(dq" :
		      text[i] == '-' ? "\\-" : (const char[]){ text[i], '\0' }, stdout);
}

/* `words`, which stand for something typed, on a line of their own. */
static const char *put_quoted(const char *text, const char *end, bool fresh)
{
	size_t punct = strspn(end + 1, ".,;:)");

	fputs(fresh ? ".Ql " : "\n.Ql ", stdout);
	put_escaped(text + 1, (size_t)(end - text) - 1);
	for (size_t i = 1; i <= punct; i++)
		printf(" %c", end[i]);
	putchar('\n');
	return end + 1 + punct;
}

/* Sentences begin on a line of their own, '\n' in @text begins a paragraph. */
static void put_text(const char *text)
{
	size_t at = 0;                  /* column; 0: nothing is in the line yet */

	while (*text) {
		size_t len = strcspn(text, " \n"), skip = strspn(text + len, " ");
		const char *end = *text == '`' ? strchr(text + 1, '`') : NULL;

		if (end) {
			text = put_quoted(text, end, !at);
			text += strspn(text, " ");
			at = 0;
			continue;
		}
		if (at && at + len > LINE) {
			putchar('\n');
			at = 0;
		}
		fputs(at ? " " : strchr(".'", *text) ? "\\&" : "", stdout);
		put_escaped(text, len);
		at += len + 1;
		if (text[len] == '\n' || (len && skip && strchr(".?!", text[len - 1]))) {
			fputs(text[len] == '\n' ? "\n.Pp\n" : "\n", stdout);
			at = 0;
		}
		text += len + (text[len] == '\n' ? 1 : skip);
	}
	fputs(at ? "\n" : "", stdout);
}

/* What is a phrase in --help, as a sentence. */
static void put_sentence(const char *phrase)
{
	char text[512];

	snprintf(text, sizeof(text), "%s.", phrase);
	text[0] = (char)toupper((unsigned char)text[0]);
	put_text(text);
}

/* --- commands and options ------------------------------------------------------- */

static void put_arg(const char *word, size_t len)
{
	size_t dots = len > 3 && !memcmp(word + len - 3, "...", 3) ? 3 : 0;

	if (*word == '-')
		fputs(" Fl ", stdout);
	else
		fputs(" Ar ", stdout);
	put_escaped(word + (*word == '-'), len - dots - (*word == '-'));
	fputs(dots ? " ..." : "", stdout);
}

/* "BDF... [-o FILE]" as macros: Ar BDF ... Oo Fl o Ar FILE Oc */
static void put_args(const char *args)
{
	while (*args) {
		size_t len = strcspn(args, " "), open = strspn(args, "["), close = 0;
		size_t next = len + (args[len] == ' ');

		/* those of "VVVV:DDDD[:SSSS:SSSS]" belong to the word */
		while (args[len - 1 - close] == ']' &&
		       !memchr(args + open, '[', len - open))
			close++;
		for (size_t i = 0; i < open; i++)
			fputs(" Oo", stdout);
		put_arg(args + open, len - open - close);
		for (size_t i = 0; i < close; i++)
			fputs(" Oc", stdout);
		args += next;
	}
}

static void put_option(const struct option_row *row, bool brief)
{
	if (option_short(row))
		printf("Fl %c", option_short(row));
	if (!option_short(row) || !brief) {
		fputs(option_short(row) ? " , Fl \\-" : "Fl \\-", stdout);
		put_escaped(row->name, strlen(row->name));
	}
	if (row->arg)
		printf(" Ar %s", row->arg);
}

static void doc_option(const struct option_row *row, void *arg)
{
	(void)arg;
	if (row->letter == 'F')         /* @refusals */
		return;
	fputs(".It ", stdout);
	put_option(row, false);
	putchar('\n');
	put_sentence(row->help);
}

/* Of all commands, each once. */
static void doc_options(void)
{
	static const struct command all = {
		.options = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
	};

	puts(".Bl -tag -width Ds");
	options_each(&all, doc_option, NULL);
	puts(".El");
}

static void doc_takes(const struct option_row *row, void *arg)
{
	int *n = arg;

	if (row->letter == 'h')
		return;
	fputs((*n)++ ? " ,\n." : ".Pp\nOptions:\n.", stdout);
	put_option(row, true);
}

static void doc_status_rows(const struct status_row *row)
{
	puts(".Bl -tag -width 1n -compact");
	for (; row->meaning; row++) {
		printf(".It %d\n", row->status);
		put_sentence(row->meaning);
	}
	puts(".El");
}

static void doc_command(const struct command *cmd)
{
	int options = 0;

	printf(".It Cm %s", cmd->name);
	put_args(cmd->args);
	putchar('\n');
	put_sentence(cmd->summary);
	if (cmd->more) {
		puts(".Pp");
		put_text(cmd->more);
	}
	options_each(cmd, doc_takes, &options);
	if (options)
		puts(" .");
	if (cmd->status && cmd->status != exit_rows) {
		puts(".Pp\nExit status:");
		doc_status_rows(cmd->status);
	}
	for (size_t i = 0; cmd->subs && cmd->subs[i]; i++)
		doc_command(cmd->subs[i]);
}

static void doc_commands(void)
{
	puts(".Bl -tag -width Ds");
	for (size_t i = 0; commands[i]; i++)
		doc_command(commands[i]);
	puts(".El");
}

static void doc_example(const struct command *cmd)
{
	for (size_t i = 0; i < 4 && cmd->example[i].line; i++) {
		fputs(".It Li gpureset ", stdout);
		put_escaped(cmd->example[i].line, strlen(cmd->example[i].line));
		putchar('\n');
		put_sentence(cmd->example[i].what);
	}
	for (size_t i = 0; cmd->subs && cmd->subs[i]; i++)
		doc_example(cmd->subs[i]);
}

static void doc_examples(void)
{
	puts(".Bl -tag -width Ds");
	for (size_t i = 0; commands[i]; i++)
		doc_example(commands[i]);
	puts(".El");
}

/* --- the other tables ----------------------------------------------------------- */

static void doc_status(void)
{
	doc_status_rows(exit_rows);
}

static void doc_methods(void)
{
	puts(".Bl -tag -width subordinate");
	for (size_t i = 0; methods[i]; i++) {
		printf(".It Cm %s\n", methods[i]->name);
		put_sentence(methods[i]->summary);
	}
	puts(".El");
}

/* In a line of text: Cm none , flr ... */
static void doc_method_names(void)
{
	bool first = true;

	for (size_t i = 0; methods[i]; i++) {
		if (!strcmp(methods[i]->name, "sequence"))
			continue;
		printf("%s %s", first ? ".Cm" : " ,", methods[i]->name);
		first = false;
	}
	puts(" ,\nor\n.Cm sequence Ar NAME .");
}

static void doc_refusals(void)
{
	char text[160];

	puts(".Bl -tag -width Ds");
	for (int i = 0; force_options[i].option; i++) {
		printf(".It Fl \\-%s\n", force_options[i].option);
		snprintf(text, sizeof(text), "go on %s", force_options[i].help);
		put_sentence(text);
	}
	puts(".El");
}

static void doc_config(void)
{
	struct config_doc doc;

	puts(".Bl -tag -width Ds");
	for (int key = 0; key < KEYS; key++) {
		config_doc((enum config_key_id)key, &doc);
		printf(".It Cm %s No = Ar %s\n", doc.name, doc.takes);
		put_text(doc.help);
		if (doc.otherwise[0])
			printf("If left out:\n.Ql %s .\n", doc.otherwise);
	}
	puts(".El");
}

static const struct doc {
	const char *name;
	void (*put)(void);
} docs[] = {
	{ "commands", doc_commands }, { "options", doc_options },
	{ "status", doc_status }, { "methods", doc_methods },
	{ "method-names", doc_method_names }, { "refusals", doc_refusals },
	{ "examples", doc_examples }, { "config", doc_config },
};

/* --- the page ------------------------------------------------------------------- */

#define MARK ".\\\" @"

static bool put_mark(const char *name, size_t len)
{
	for (size_t i = 0; i < sizeof(docs) / sizeof(*docs); i++)
		if (strlen(docs[i].name) == len && !memcmp(docs[i].name, name, len)) {
			docs[i].put();
			return true;
		}
	return false;
}

int main(int argc, char **argv)
{
	const char *at, *end, *line;
	struct err err;
	size_t len;
	char *text;

	if (argc != 2 || textfile_read(argv[1], &text, &len, &err))
		return complain(1, "%s", argc == 2 ? err.text : "mkdoc FILE.in");
	at = text;
	end = text + len;
	while ((line = textfile_line(&at, end, &len))) {
		if (len < strlen(MARK) || strncmp(line, MARK, strlen(MARK)) != 0)
			printf("%.*s\n", (int)len, line);
		else if (!put_mark(line + strlen(MARK), len - strlen(MARK)))
			return complain(1, "%s: no table is called %.*s", argv[1],
					(int)len, line);
	}
	free(text);
	return ferror(stdout) || fclose(stdout) ? 1 : 0;
}
