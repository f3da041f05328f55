// SPDX-License-Identifier: GPL-2.0-or-later
/* gpureset quirk SUBCOMMAND: for people who write quirk files, or wonder about one. */
#include <errno.h>
#include <getopt.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "cmd/quirk_cmd.h"
#include "run/supervise.h"

static const struct quirk_sub *const subs[] = {
	&quirk_check_sub, &quirk_explain_sub, &quirk_list_sub, &quirk_show_sub,
	&quirk_new_sub, &quirk_test_sub, NULL
};

struct quirk_option {
	char letter;
	const char *name, *arg, *help;
};

static const struct quirk_option quirk_options[] = {
	{ 'j', "json", NULL, "for programs" },
	{ 'q', "quiet", NULL, "nothing unless something is wrong" },
	{ 'o', "output", "FILE", "write it there, if there is no such file yet" },
	{ 'Q', "quirks", "DIR", "quirk files from here instead of the installed ones" },
	{ 'Y', "replay", "FILE", "a recording (or lspci -xxxx) instead of this machine" },
	{ 'h', "help", NULL, "this text" },
};

#define NOPTIONS (sizeof(quirk_options) / sizeof(*quirk_options))

/* --- help ------------------------------------------------------------------------ */

static void quirk_usage(FILE *out)
{
	fputs("usage: gpureset quirk SUBCOMMAND ...\n\nsubcommands:\n", out);
	for (size_t i = 0; subs[i]; i++)
		fprintf(out, "  %-8s %-36s %s\n", subs[i]->name, subs[i]->args,
			subs[i]->summary);
	fputs("\ngpureset quirk SUBCOMMAND --help lists its options.\n", out);
}

static bool quirk_takes(const struct quirk_sub *sub, char letter)
{
	return letter == 'h' || strchr(sub->options, letter);
}

static void quirk_help(const struct quirk_sub *sub, FILE *out)
{
	char left[40];

	fprintf(out, "usage: gpureset quirk %s %s\n%s\n\n", sub->name, sub->args,
		sub->summary);
	for (size_t i = 0; i < NOPTIONS; i++) {
		const struct quirk_option *o = &quirk_options[i];

		if (!quirk_takes(sub, o->letter))
			continue;
		snprintf(left, sizeof(left), "%s%s%s", o->name, o->arg ? " " : "",
			 o->arg ? o->arg : "");
		if (o->letter >= 'a')
			fprintf(out, "  -%c, --%-18s %s\n", o->letter, left, o->help);
		else
			fprintf(out, "      --%-18s %s\n", left, o->help);
	}
}

/* --- words and options ----------------------------------------------------------- */

static void quirk_getopt(const struct quirk_sub *sub, struct option *longs, char *shorts)
{
	for (size_t i = 0; i < NOPTIONS; i++) {
		const struct quirk_option *o = &quirk_options[i];

		if (!quirk_takes(sub, o->letter))
			continue;
		*longs++ = (struct option){ o->name, o->arg ? required_argument :
					    no_argument, NULL, o->letter };
		if (o->letter < 'a')
			continue;
		*shorts++ = o->letter;
		if (o->arg)
			*shorts++ = ':';
	}
	*longs = (struct option){ 0 };
	*shorts = '\0';
}

static void quirk_apply(struct quirk_args *a, int c, const char *arg, bool *help)
{
	a->json |= c == 'j';
	a->quiet |= c == 'q';
	*help |= c == 'h';
	if (c == 'o')
		a->output = arg;
	if (c == 'Q')
		a->quirks = arg;
	if (c == 'Y')
		a->replay = arg;
}

static int quirk_words(const struct quirk_sub *sub, const struct quirk_args *a)
{
	if (a->quirks && access(a->quirks, R_OK | X_OK) < 0)
		return complain(EXIT_USAGE, "--quirks %s: %s", a->quirks,
				strerror(errno));
	if (a->nwords < sub->least)
		return complain(EXIT_USAGE, "quirk %s: something is missing: gpureset "
				"quirk %s %s", sub->name, sub->name, sub->args);
	if (a->nwords > sub->most)
		return complain(EXIT_USAGE, "quirk %s: '%.60s' is one too many: gpureset "
				"quirk %s %s", sub->name, a->word[sub->most], sub->name,
				sub->args);
	return 0;
}

static int quirk_sub_run(const struct quirk_sub *sub, int argc, char **argv)
{
	struct option longs[NOPTIONS + 1];
	char shorts[2 * NOPTIONS + 1];
	struct quirk_args a = { 0 };
	bool help = false;
	int c, status;

	quirk_getopt(sub, longs, shorts);
	optind = 1;
	while ((c = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		if (c == '?')
			return EXIT_USAGE;
		quirk_apply(&a, c, optarg, &help);
	}
	if (help) {
		quirk_help(sub, stdout);
		return 0;
	}
	a.word = &argv[optind];
	a.nwords = argc - optind;
	status = quirk_words(sub, &a);
	return status ? status : sub->run(&a);
}

static int quirk_unknown(const char *word)
{
	const char *names[sizeof(subs) / sizeof(*subs)] = { NULL };
	const char *near;

	for (size_t i = 0; subs[i]; i++)
		names[i] = subs[i]->name;
	near = diag_nearest(word, names);
	if (near)
		return complain(EXIT_USAGE, "quirk: no subcommand '%.40s'; did you mean "
				"'%s'?", word, near);
	return complain(EXIT_USAGE, "quirk: no subcommand '%.40s'; gpureset quirk lists "
			"them", word);
}

static int quirk_run(int argc, char **argv)
{
	if (argc < 2) {
		quirk_usage(stderr);
		return EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
		quirk_usage(stdout);
		return 0;
	}
	for (size_t i = 0; subs[i]; i++) {
		if (strcmp(subs[i]->name, argv[1]) != 0)
			continue;
		argv[1] = argv[0];      /* getopt_long() names it in messages */
		return quirk_sub_run(subs[i], argc - 1, argv + 1);
	}
	return quirk_unknown(argv[1]);
}

const struct command cmd_quirk = {
	.name = "quirk",
	.args = "SUBCOMMAND ...",
	.summary = "check, explain, list, show, write and test quirk files",
	.options = "",
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
