// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a shell offers. All of it comes from the rows that commands and options are made
 * of: which options a command takes, and by the words in capitals of its usage and of
 * its options what belongs in a place.
 */
#include "cmd/complete.h"

#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/textfile.h"
#include "cmd/help.h"
#include "cmd/hook.h"
#include "cmd/open.h"
#include "cmd/options.h"
#include "host/pve_conf.h"
#include "plan/facts.h"

#define MOST 64                 /* options, and words, on a line */

struct line {
	const struct command *cmd;
	struct options o;               /* what was typed before the cursor */
	const char *used[MOST];         /* names of options */
	size_t nused;
	const char *word[MOST];         /* what is no option */
	size_t nwords;
	struct option_row row;          /* whose argument is next; .name NULL: none */
	bool plain;                     /* "--" was typed: no more options */
	const char *typed;              /* of the word at the cursor, as far as it goes */
	const char *before;             /* "--method=", what stands before it */
	bool any, files;                /* something was offered; files were */
	struct hw *hw;
	struct bdf last;                /* slot that was offered */
	bool has_last;
};

static void offer(struct line *l, const char *word, const char *what)
{
	if (strncasecmp(word, l->typed, strlen(l->typed)) != 0)
		return;
	printf("%s%s\t%s\n", l->before, word, what);
	l->any = true;
}

/* --- cards and bridges ---------------------------------------------------------- */

static bool named(const struct line *l, struct bdf slot)
{
	struct bdf_spec spec;

	for (size_t i = 0; i < l->nwords; i++)
		if (!bdf_parse(l->word[i], &spec, NULL) && bdf_same_slot(spec.bdf, slot))
			return true;
	return false;
}

/* @brief: "Radeon R9 FURY / NANO Series", what a card is sold as, if that is known. */
static void node_name(struct line *l, struct bdf bdf, bool brief, char *buf, size_t size)
{
	char vendor[16] = "", device[16] = "", *sold, *end;

	hw_attr_read(l->hw, bdf, "vendor", vendor, sizeof(vendor), NULL);
	hw_attr_read(l->hw, bdf, "device", device, sizeof(device), NULL);
	hw_name(l->hw, (uint16_t)strtoul(vendor, NULL, 16),
		(uint16_t)strtoul(device, NULL, 16), buf, size);
	sold = strrchr(buf, '[');
	end = sold ? strchr(sold, ']') : NULL;
	if (brief && end && !end[1]) {
		memmove(buf, sold + 1, (size_t)(end - sold) - 1);
		buf[end - sold - 1] = '\0';
	}
}

/* As 0b:00, or with the domain where that was typed, or is not 0. */
static void offer_node(struct line *l, struct bdf bdf, bool slot)
{
	char text[BDF_STR], name[128];
	const char *brief;

	if (slot)
		bdf_slot_str(bdf, text);
	else
		bdf_str(bdf, text);
	brief = strchr(text, ':') + 1;
	node_name(l, bdf, slot, name, sizeof(name));
	if (bdf.domain || strncasecmp(brief, l->typed, strlen(l->typed)) != 0)
		brief = text;
	offer(l, brief, name);
}

static int card_node(const struct hw_node *node, void *arg)
{
	struct line *l = arg;
	bool slot = !strchr(l->typed, '.');

	if (!l->o.all && !class_is_gpu(facts_class(l->hw, node->bdf)) &&
	    (slot || !l->has_last || !bdf_same_slot(l->last, node->bdf)))
		return 0;
	if (named(l, node->bdf) ||
	    (slot && l->has_last && bdf_same_slot(l->last, node->bdf)))
		return 0;
	l->last = node->bdf;
	l->has_last = true;
	offer_node(l, node->bdf, slot);
	return 0;
}

static int bridge_node(const struct hw_node *node, void *arg)
{
	struct line *l = arg;

	if (facts_class(l->hw, node->bdf) >> 8 == 0x0604)
		offer_node(l, node->bdf, false);
	return 0;
}

static void offer_nodes(struct line *l, hw_node_fn *fn)
{
	struct err err;

	l->o.quiet = true;
	l->hw = open_hw(&l->o, &err);
	if (!l->hw)
		return;
	hw_scan(l->hw, fn, l, NULL);
	hw_close(l->hw);
}

static void offer_cards(struct line *l)
{
	offer_nodes(l, card_node);
}

static void offer_bridges(struct line *l)
{
	offer_nodes(l, bridge_node);
}

/* --- VMs ------------------------------------------------------------------------ */

/* What stands at the top of its configuration as "name: ". */
static void vm_name(const char *dir, unsigned vmid, char *buf, size_t size)
{
	char path[PATH_MAX], *text;
	const char *at, *line;
	size_t len;

	buf[0] = '\0';
	pve_conf_path(path, dir, NULL, vmid);
	if (textfile_read(path, &text, &len, NULL))
		return;
	at = text;
	while ((line = textfile_line(&at, text + strlen(text), &len)) && *line != '[')
		if (len > 6 && !strncmp(line, "name: ", 6))
			snprintf(buf, size, "%.*s", (int)len - 6, line + 6);
	free(text);
}

static void offer_vms(struct line *l)
{
	unsigned *vmid;
	int n = pve_vmids(&vmid, l->o.pve_dir, NULL, NULL);
	char text[16], name[64];

	for (int i = 0; i < n; i++) {
		snprintf(text, sizeof(text), "%u", vmid[i]);
		vm_name(l->o.pve_dir, vmid[i], name, sizeof(name));
		offer(l, text, name);
	}
	free(vmid);
}

static void offer_phases(struct line *l)
{
	for (int i = 0; i < HOOK_PHASES; i++)
		offer(l, hook_phase_str((enum hook_phase)i), "");
}

/* --- words of our own ----------------------------------------------------------- */

static void offer_methods(struct line *l)
{
	for (size_t i = 0; methods[i]; i++)
		offer(l, methods[i]->name, methods[i]->summary);
}

static void offer_list(struct line *l, const struct command *const *list)
{
	for (size_t i = 0; list && list[i]; i++)
		offer(l, command_word(list[i]), list[i]->summary);
}

static void offer_commands(struct line *l)
{
	offer_list(l, commands);
}

static void offer_subs(struct line *l)
{
	const struct command *cmd = l->nwords ? command_find(commands, l->word[0]) : NULL;

	offer_list(l, cmd ? cmd->subs : NULL);
}

static void offer_quirks(struct line *l)
{
	struct quirk_db db = { 0 };

	if (!load_quirks(&l->o, &db))
		for (size_t i = 0; i < db.n; i++)
			offer(l, db.quirk[i]->id, db.quirk[i]->name);
	quirk_db_free(&db);
}

static void offer_files(struct line *l)
{
	if (!l->files)
		puts("\t");
	l->files = l->any = true;
}

/* By the word in capitals that stands for it. */
static const struct kind {
	const char *name;
	void (*offer)(struct line *l);
} kinds[] = {
	{ "BDF", offer_cards }, { "BRIDGE", offer_bridges }, { "VMID", offer_vms },
	{ "PHASE", offer_phases }, { "METHOD", offer_methods },
	{ "COMMAND", offer_commands }, { "SUBCOMMAND", offer_subs },
	{ "NAME", offer_quirks }, { "FILE", offer_files }, { "DIR", offer_files },
	{ "PATH", offer_files }, { NULL, NULL },
};

/* @text: "FILE|DIR", up to what is neither a capital nor '|'. */
static void offer_kinds(struct line *l, const char *text)
{
	while (isupper((unsigned char)*text)) {
		size_t len = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");

		for (const struct kind *k = kinds; k->name; k++)
			if (strlen(k->name) == len && !strncmp(k->name, text, len))
				k->offer(l);
		text += len + (text[len] == '|');
	}
}

/* --- what a command takes ------------------------------------------------------- */

/*
 * The word of command.args for what is no option, number @nr, or NULL: options and
 * their arguments ("[-o FILE]", "[options]") are passed over, "X..." may be repeated.
 */
static const char *args_word(const char *args, size_t nr)
{
	bool option = false;            /* within the brackets of one */

	while (*args) {
		size_t len = strcspn(args, " ");
		const char *word = args + strspn(args, "[");

		option |= *word == '-' || islower((unsigned char)*word);
		if (!option && (!nr-- || memmem(word, len, "...", 3)))
			return word;
		option &= !memchr(args, ']', len);
		args += len + (args[len] == ' ');
	}
	return NULL;
}

static void offer_option(const struct option_row *row, void *arg)
{
	struct line *l = arg;
	char text[64];

	for (size_t i = 0; i < l->nused; i++)
		if (!strcmp(l->used[i], row->name))
			return;
	snprintf(text, sizeof(text), "--%s", row->name);
	offer(l, text, row->help);
}

static void offer_place(struct line *l)
{
	const char *want = args_word(l->cmd->args, l->nwords);

	if (!l->plain && l->typed[0] == '-') {
		options_each(l->cmd, offer_option, l);
		return;
	}
	if (!l->nwords)
		offer_list(l, l->cmd->subs);
	if (want)
		offer_kinds(l, want);
	if (!want && !l->any && !l->typed[0] && !l->plain)
		options_each(l->cmd, offer_option, l);
}

/* --- the words before the cursor ------------------------------------------------ */

struct option_search {
	const char *name;
	size_t len;
	char letter;
	struct option_row found;
};

static void option_match(const struct option_row *row, void *arg)
{
	struct option_search *s = arg;

	bool same = s->name ? strlen(row->name) == s->len &&
			      !strncmp(row->name, s->name, s->len) :
			      option_short(row) == s->letter;

	if (same)
		s->found = *row;
}

/* Its argument, if it has one, is @value or, with NULL, the next word. */
static void line_option(struct line *l, struct option_search *s, const char *value)
{
	options_each(l->cmd, option_match, s);
	if (!s->found.name)
		return;
	if (l->nused < MOST)
		l->used[l->nused++] = s->found.name;
	if (s->found.arg && !value)
		l->row = s->found;
	else if (s->found.set)
		s->found.set(&l->o, value);
}

static void line_word(struct line *l, const char *word)
{
	struct option_search s = { .name = word + 2 };
	const char *value = strchr(word, '=');

	if (l->row.name) {
		l->row.set(&l->o, word);
		l->row.name = NULL;
	} else if (l->plain || word[0] != '-') {
		if (l->nwords < MOST)
			l->word[l->nwords++] = word;
	} else if (!strcmp(word, "--")) {
		l->plain = true;
	} else if (word[1] == '-') {
		s.len = strcspn(s.name, "=");
		line_option(l, &s, value ? value + 1 : NULL);
	} else {
		for (word++; *word && !l->row.name; word++) {
			s = (struct option_search){ .letter = *word };
			line_option(l, &s, NULL);
		}
		if (l->row.name && *word)       /* "-mflr" */
			line_word(l, word);
	}
}

/* The command that the words from @argv[0] on name, and how many of them do. */
static int line_command(struct line *l, int argc, char **argv)
{
	const struct command *cmd = argc > 1 ? command_find(commands, argv[0]) : NULL;
	int n = 0;

	l->cmd = commands[0];
	while (cmd) {
		l->cmd = cmd;
		n++;
		cmd = n + 1 < argc ? command_find(cmd->subs, argv[n]) : NULL;
	}
	return n;
}

/* "--method=fl": the option's argument is what is typed. */
static void line_equals(struct line *l, char *buf, size_t size)
{
	struct option_search s = { .name = l->typed + 2 };
	const char *value = strchr(l->typed, '=');

	if (l->row.name || l->plain || strncmp(l->typed, "--", 2) != 0 || !value)
		return;
	s.len = (size_t)(value - s.name);
	options_each(l->cmd, option_match, &s);
	l->row = s.found;
	snprintf(buf, size, "%.*s", (int)(value + 1 - l->typed), l->typed);
	l->before = buf;
	l->typed = value + 1;
}

int complete(int argc, char **argv)
{
	char before[64];
	struct line l = { .before = "" };

	if (argc < 2)
		return 0;
	options_init(&l.o);
	for (int i = 1 + line_command(&l, argc - 1, argv + 1); i < argc - 1; i++)
		line_word(&l, argv[i]);
	l.typed = argv[argc - 1];
	line_equals(&l, before, sizeof(before));
	if (l.row.name) {
		offer_kinds(&l, l.row.arg ? l.row.arg : "");
		return 0;
	}
	if (argc == 2 && l.typed[0] != '-')
		offer_commands(&l);
	offer_place(&l);
	if (argc == 2 && l.typed[0] == '-')
		offer(&l, "--version", "which one this is");
	return 0;
}
