// SPDX-License-Identifier: GPL-2.0-or-later
/* gpureset quirk SUBCOMMAND: for people who write quirk files, or wonder about one. */
#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "cmd/help.h"
#include "cmd/quirk_cmd.h"
#include "run/supervise.h"

static const struct command *const quirk_subs[] = {
	&quirk_check_sub.cmd, &quirk_explain_sub.cmd, &quirk_list_sub.cmd,
	&quirk_show_sub.cmd, &quirk_new_sub.cmd, &quirk_test_sub.cmd, NULL
};

static int quirk_words(const struct quirk_sub *sub, const struct quirk_args *a)
{
	if (a->quirks && access(a->quirks, R_OK | X_OK) < 0)
		return complain(EXIT_USAGE, "--quirks %s: %s", a->quirks,
				strerror(errno));
	if (a->nwords < sub->least)
		return complain(EXIT_USAGE, "%s: something is missing: gpureset %s %s",
				sub->cmd.name, sub->cmd.name, sub->cmd.args);
	if (a->nwords > sub->most)
		return complain(EXIT_USAGE, "%s: '%.60s' is one too many: gpureset %s "
				"%s", sub->cmd.name, a->word[sub->most], sub->cmd.name,
				sub->cmd.args);
	return 0;
}

static int quirk_sub_run(const struct quirk_sub *sub, int argc, char **argv)
{
	struct options o;
	struct quirk_args a;
	int status = options_parse(&o, &sub->cmd, argc, argv);

	if (status)
		return status;
	if (o.help) {
		options_help(&sub->cmd, stdout);
		return 0;
	}
	a = (struct quirk_args){
		.json = o.json, .quiet = o.quiet, .quirks = o.quirks,
		.output = o.output, .replay = o.replay, .word = o.word,
		.nwords = (int)o.nwords,
	};
	status = quirk_words(sub, &a);
	return status ? status : sub->run(&a);
}

static int quirk_unknown(const char *word)
{
	const char *names[sizeof(quirk_subs) / sizeof(*quirk_subs)] = { NULL };
	const char *near;

	for (size_t i = 0; quirk_subs[i]; i++)
		names[i] = command_word(quirk_subs[i]);
	near = diag_nearest(word, names);
	if (near)
		return complain(EXIT_USAGE, "quirk: no subcommand '%.40s'; did you mean "
				"'%s'?", word, near);
	return complain(EXIT_USAGE, "quirk: no subcommand '%.40s'; gpureset quirk lists "
			"them", word);
}

/* argv[0] becomes the program's name, as options_parse() wants it. */
static int quirk_run(int argc, char **argv)
{
	const struct command *sub;

	if (argc < 2) {
		options_help(&cmd_quirk, stderr);
		return EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
		options_help(&cmd_quirk, stdout);
		return 0;
	}
	sub = command_find(quirk_subs, argv[1]);
	if (!sub)
		return quirk_unknown(argv[1]);
	argv[1] = argv[0];
	return quirk_sub_run((const struct quirk_sub *)sub, argc - 1, argv + 1);
}

const struct command cmd_quirk = {
	.name = "quirk",
	.args = "SUBCOMMAND ...",
	.summary = "check, explain, list, show, write and test quirk files",
	.options = "",
	.subs = quirk_subs,
	.example = { { "quirk check /etc/gpureset/quirks",
		       "your own files, all of them" },
		     { "quirk explain 0b:00 --replay my-card.rec",
		       "a card of a recorded machine" } },
	.run = quirk_run,
};

/* --- what the subcommands share -------------------------------------------------- */

int quirk_db_of(const struct quirk_args *a, struct quirk_db *db)
{
	const char *own[] = { a->quirks, NULL };
	const struct options installed = { .quirks = NULL };
	struct diag diag;
	struct err err = { 0 };
	int rc;

	if (!a->quirks)
		return load_quirks(&installed, db);
	diag_init(&diag);
	rc = quirk_db_load(db, own, false, &diag, &err);
	diag_print(&diag, stderr);
	diag_free(&diag);
	if (rc)
		return complain(EXIT_CONFIG, "%s", err.text);
	if (!db->n)
		return complain(EXIT_CONFIG, "--quirks %s: no quirk file there",
				a->quirks);
	return 0;
}

void quirk_note_none(const struct quirk_db *db)
{
	if (!db->n && !db->nbroken)
		fputs("gpureset: note: no quirk file is installed; --quirks DIR reads "
		      "those of a folder\n", stderr);
}

struct quirk_dirs quirk_dirs_of(const struct quirk_args *a)
{
	if (a->quirks)
		return (struct quirk_dirs){ { a->quirks } };
	return (struct quirk_dirs){ { GPURESET_QUIRK_ETC, GPURESET_QUIRK_DIR } };
}

struct quirk *quirk_file(const struct quirk_args *a, const char *path, struct diag *diag,
			 int *status)
{
	const struct quirk_dirs dirs = quirk_dirs_of(a);
	struct err err = { 0 };
	struct quirk *q = quirk_load(path, dirs.dir, false, diag, &err);

	*status = 0;
	if (!q && err.code)
		*status = complain(EXIT_USAGE, "%s", err.text);
	return q;
}

static bool quirk_ends(const char *path, const char *suffix)
{
	size_t n = strlen(path), cut = strlen(suffix);

	return n > cut && !strcmp(path + n - cut, suffix);
}

bool quirk_is_include(const char *path)
{
	return quirk_ends(path, ".inc");
}

static char *quirk_copy(const char *text)
{
	size_t len = strlen(text) + 1;

	return memcpy(xcalloc(len, 1), text, len);
}

static void quirk_paths_one(struct quirk_paths *p, const char *path)
{
	for (size_t i = 0; i < p->n; i++)
		if (!strcmp(p->path[i], path))
			return;
	p->path = xgrow(p->path, p->n, &p->room, sizeof(*p->path));
	p->path[p->n++] = quirk_copy(path);
}

/* Nothing is to be missed because its name ends in .txt. */
static void quirk_paths_other(struct quirk_paths *p, const char *path)
{
	const char *name = strrchr(path, '/') + 1;

	if (quirk_ends(name, ".quirk") || quirk_is_include(name))
		return;
	p->other = xgrow(p->other, p->nother, &p->other_room, sizeof(*p->other));
	p->other[p->nother++] = quirk_copy(name);
}

static void quirk_paths_glob(struct quirk_paths *p, const char *dir, const char *pattern,
			     void (*add)(struct quirk_paths *p, const char *path))
{
	size_t len = strlen(dir) + strlen(pattern) + 2;
	char *path = xcalloc(len, 1);
	glob_t found = { 0 };

	snprintf(path, len, "%s/%s", dir, pattern);
	if (glob(path, 0, NULL, &found) == 0)
		for (size_t i = 0; i < found.gl_pathc; i++)
			add(p, found.gl_pathv[i]);
	globfree(&found);
	free(path);
}

int quirk_paths_add(struct quirk_paths *p, const char *word)
{
	size_t before = p->n;
	struct stat st;

	if (stat(word, &st) < 0)
		return complain(EXIT_USAGE, "%s: %s", word, strerror(errno));
	if (!S_ISDIR(st.st_mode)) {
		if (!quirk_ends(word, ".quirk") && !quirk_is_include(word))
			fprintf(stderr, "gpureset: note: %s: of a quirk folder only "
				"files named *.quirk are loaded\n", word);
		quirk_paths_one(p, word);
		return 0;
	}
	quirk_paths_glob(p, word, "*.quirk", quirk_paths_one);
	quirk_paths_glob(p, word, "*.inc", quirk_paths_one);
	quirk_paths_glob(p, word, "*", quirk_paths_other);
	if (p->n == before)
		return complain(EXIT_USAGE, "%s: no quirk file in this folder (*.quirk "
				"or *.inc)", word);
	return 0;
}

void quirk_paths_free(struct quirk_paths *p)
{
	for (size_t i = 0; i < p->n; i++)
		free(p->path[i]);
	for (size_t i = 0; i < p->nother; i++)
		free(p->other[i]);
	free(p->path);
	free(p->other);
}

const char *quirk_id_str(const struct q_id *id, char *buf, size_t size)
{
	if (id->has_sub)
		snprintf(buf, size, "%04x:%04x:%04x:%04x", id->vendor, id->device,
			 id->subvendor, id->subdevice);
	else if (id->device_mask != 0xffff)
		snprintf(buf, size, "%04x:%04x/%04x", id->vendor, id->device,
			 id->device_mask);
	else if (id->device_last != id->device)
		snprintf(buf, size, "%04x:%04x-%04x", id->vendor, id->device,
			 id->device_last);
	else
		snprintf(buf, size, "%04x:%04x", id->vendor, id->device);
	return buf;
}
