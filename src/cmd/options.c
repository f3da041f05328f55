// SPDX-License-Identifier: GPL-2.0-or-later
/* One table of options for all commands; --help and getopt_long() both read it. */
#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/options.h"
#include "host/pve_conf.h"
#include "host/pve_resv.h"
#include "plan/guards.h"
#include "run/supervise.h"

static int opt_dry_run(struct options *o, const char *arg)
{
	(void)arg;
	o->dry_run = true;
	return 0;
}

static int opt_json(struct options *o, const char *arg)
{
	(void)arg;
	o->json = true;
	return 0;
}

static int opt_verbose(struct options *o, const char *arg)
{
	(void)arg;
	o->verbose = true;
	return 0;
}

static int opt_quiet(struct options *o, const char *arg)
{
	(void)arg;
	o->quiet = true;
	return 0;
}

static int opt_raw(struct options *o, const char *arg)
{
	(void)arg;
	o->raw = true;
	return 0;
}

static int opt_columns(struct options *o, const char *arg)
{
	o->columns = arg;
	return 0;
}

static int opt_all(struct options *o, const char *arg)
{
	(void)arg;
	o->all = true;
	return 0;
}

static int opt_dot(struct options *o, const char *arg)
{
	(void)arg;
	o->dot = true;
	return 0;
}

static int opt_svg(struct options *o, const char *arg)
{
	(void)arg;
	o->svg = true;
	return 0;
}

static int opt_untested(struct options *o, const char *arg)
{
	(void)arg;
	o->plan.allow_untested = true;
	return 0;
}

static int opt_help(struct options *o, const char *arg)
{
	(void)arg;
	o->help = true;
	return 0;
}

static int opt_poll(struct options *o, const char *arg)
{
	(void)arg;
	o->poll = true;
	return 0;
}

static int opt_method(struct options *o, const char *arg)
{
	size_t len = strcspn(arg, " ");

	for (size_t i = 0; methods[i]; i++)
		if (strlen(methods[i]->name) == len &&
		    !strncmp(methods[i]->name, arg, len)) {
			o->plan.method = arg;
			return 0;
		}
	return complain(EXIT_USAGE, "--method %.40s: no such method; gpureset --help "
			"lists them", arg);
}

static int opt_at(struct options *o, const char *arg)
{
	struct bdf_spec spec;
	struct err err;

	if (bdf_parse(arg, &spec, &err) < 0)
		return complain(EXIT_USAGE, "--at: %s", err.text);
	if (spec.whole_slot)
		return complain(EXIT_USAGE, "--at %s: a bridge is one function, as in "
				"00:01.0", arg);
	o->plan.at = spec.bdf;
	o->plan.has_at = true;
	return 0;
}

static int opt_timeout(struct options *o, const char *arg)
{
	char *end;
	double s = strtod(arg, &end);

	if (end == arg || *end || !(s > 0 && s <= 3600))
		return complain(EXIT_USAGE, "--timeout %.40s: wanted seconds, more than "
				"0 and at most 3600", arg);
	o->timeout_us = (uint64_t)(s * 1e6);
	return 0;
}

static int opt_quirks(struct options *o, const char *arg)
{
	o->quirks = arg;
	return 0;
}

static int opt_config(struct options *o, const char *arg)
{
	o->config = arg;
	return 0;
}

/* A worker's working folder is "/": what it opens is made absolute, in @buf. */
static int opt_folder(const char **out, char buf[PATH_MAX], const char *arg)
{
	size_t len;

	*out = arg;
	if (arg[0] == '/')
		return 0;
	if (!getcwd(buf, PATH_MAX))
		return complain(EXIT_USAGE, "%.200s: its path is wanted from / on, the "
				"working folder is not known", arg);
	len = strlen(buf);
	if (snprintf(buf + len, PATH_MAX - len, "/%s", arg) >= (int)(PATH_MAX - len))
		return complain(EXIT_USAGE, "%.200s: the path is too long", arg);
	*out = buf;
	return 0;
}

static int opt_run_dir(struct options *o, const char *arg)
{
	static char buf[PATH_MAX];

	return opt_folder(&o->run_dir, buf, arg);
}

static int opt_state_dir(struct options *o, const char *arg)
{
	static char buf[PATH_MAX];

	return opt_folder(&o->state_dir, buf, arg);
}

static int opt_replay(struct options *o, const char *arg)
{
	o->replay = arg;
	return 0;
}

static int opt_record_run(struct options *o, const char *arg)
{
	o->record_run = arg;
	return 0;
}

static int opt_trace(struct options *o, const char *arg)
{
	o->trace = arg;
	return 0;
}

static int opt_output(struct options *o, const char *arg)
{
	o->output = arg;
	return 0;
}

static int opt_pve_dir(struct options *o, const char *arg)
{
	o->pve_dir = arg;
	return 0;
}

static int opt_pve_node(struct options *o, const char *arg)
{
	o->pve_node = arg;
	return 0;
}

static int opt_qemu_run(struct options *o, const char *arg)
{
	static char buf[PATH_MAX];

	return opt_folder(&o->qemu_run, buf, arg);
}

static int opt_script(struct options *o, const char *arg)
{
	o->script = arg;
	return 0;
}

static int opt_qm(struct options *o, const char *arg)
{
	o->qm = arg;
	return 0;
}

static int opt_pvesm(struct options *o, const char *arg)
{
	o->pvesm = arg;
	return 0;
}

static int opt_snippets(struct options *o, const char *arg)
{
	o->snippets = arg;
	return 0;
}

static int opt_pve_hook(struct options *o, const char *arg)
{
	o->pve_hook = arg;
	return 0;
}

static const struct option_row option_rows[] = {
	{ 'n', "dry-run", NULL, "print every step that would be done, do nothing",
	  opt_dry_run },
	{ 'm', "method", "METHOD", "only this method ('sequence NAME' for one program)",
	  opt_method },
	{ 'A', "at", "BRIDGE", "reset at this bridge above the card", opt_at },
	{ 't', "timeout", "SECONDS", "give up after this long (default: when a step "
	  "takes longer than it can)", opt_timeout },
	{ 'j', "json", NULL, "for programs", opt_json },
	{ 'v', "verbose", NULL, "every step as it is done", opt_verbose },
	{ 'q', "quiet", NULL, "nothing unless something is wrong", opt_quiet },
	{ 'O', "columns", "LIST", "these columns (bdf,state), or more than the usual "
	  "(+why)", opt_columns },
	{ 'r', "raw", NULL, "for shell loops: no headings, blanks as \\x20", opt_raw },
	{ 'a', "all", NULL, "all functions, not only GPUs", opt_all },
	{ 'U', "allow-untested", NULL, "run register programs nobody has tested",
	  opt_untested },
	{ 'Q', "quirks", "DIR", "quirk files from here instead of the installed ones",
	  opt_quirks },
	{ 'C', "config", "FILE", "instead of " PLAN_CONFIG_FILE, opt_config },
	{ 'R', "run-dir", "DIR", "locks go here instead of " GPURESET_RUN_DIR,
	  opt_run_dir },
	{ 'L', "state-dir", "DIR", "what took the host along is remembered here instead "
	  "of in " GPURESET_STATE_DIR, opt_state_dir },
	{ 'o', "output", "FILE", "write here, a new file, instead of to standard output",
	  opt_output },
	{ 'Y', "replay", "FILE", "a recording (or lspci -xxxx) instead of this machine",
	  opt_replay },
	{ 'W', "record-run", "FILE", "write down every access, in a new file",
	  opt_record_run },
	{ 'M', "trace", "FILE", "write down every access and step with its time, in a "
	  "new file: NAME.json for Perfetto or chrome://tracing, else lines", opt_trace },
	{ 'D', "config-dir", "DIR", "Proxmox' configuration, instead of " PVE_DIR,
	  opt_pve_dir },
	{ 'N', "node", "NODE", "the configuration of another node", opt_pve_node },
	{ 'E', "qemu-run-dir", "DIR", "Proxmox' reservations, instead of " PVE_RUN_DIR,
	  opt_qemu_run },
	{ 'S', "script", "PATH", "the hookscript that calls: gpureset+NAME has "
	  "NAME called too", opt_script },
	{ 'X', "qm", "PATH", "instead of " PVE_QM, opt_qm },
	{ 'V', "pvesm", "PATH", "instead of " PVE_PVESM, opt_pvesm },
	{ 'T', "snippets", "DIR", "of the storage local, instead of " PVE_SNIPPETS,
	  opt_snippets },
	{ 'K', "pve-hook", "FILE", "instead of " GPURESET_HOOK, opt_pve_hook },
	{ 'B', "dot", NULL, "a picture, as text for Graphviz", opt_dot },
	{ 'G', "svg", NULL, "a picture (needs the package graphviz)", opt_svg },
	{ 'P', "no-io-uring", NULL, "wait with poll(2)", opt_poll },
	{ 'h', "help", NULL, "this text", opt_help },
};

#define NROWS (sizeof(option_rows) / sizeof(*option_rows))
#define FORCE_BASE 0x100        /* getopt values of the --force-* options */
#define MAX_FORCE 16

char option_short(const struct option_row *row)
{
	if (row->letter == 'O')
		return 'o';     /* of other commands that is --output */
	return row->letter >= 'a' ? row->letter : '\0';
}

static bool takes(const struct command *cmd, char letter)
{
	return letter == 'h' || strchr(cmd->options, letter);
}

/* 'F' in a command's letters stands for all --force-* options, 'I' for the first. */
static bool takes_force(const struct command *cmd, int i)
{
	return takes(cmd, 'F') || (i == 0 && takes(cmd, 'I'));
}

static void add_force(const struct command *cmd, struct option *at)
{
	for (int i = 0; force_options[i].option && takes_force(cmd, i) && i < MAX_FORCE;
	     i++)
		*at++ = (struct option){ force_options[i].option, no_argument, NULL,
					 FORCE_BASE + i };
}

static void options_each_force(const struct command *cmd,
			       void (*show)(const struct option_row *row, void *arg),
			       void *arg)
{
	char help[96];

	for (int i = 0; force_options[i].option && takes_force(cmd, i); i++) {
		snprintf(help, sizeof(help), "go on %s", force_options[i].help);
		show(&(struct option_row){ 'F', force_options[i].option, NULL, help,
					   NULL }, arg);
	}
}

void options_each(const struct command *cmd,
		  void (*show)(const struct option_row *row, void *arg), void *arg)
{
	for (size_t i = 0; i < NROWS; i++) {
		if (option_rows[i].letter == 'h')
			options_each_force(cmd, show, arg);
		if (takes(cmd, option_rows[i].letter))
			show(&option_rows[i], arg);
	}
}

static void make_getopt(const struct command *cmd, struct option *longs, char *shorts)
{
	size_t n = 0;

	for (size_t i = 0; i < NROWS; i++) {
		const struct option_row *r = &option_rows[i];

		if (!takes(cmd, r->letter))
			continue;
		longs[n++] = (struct option){ r->name, r->arg ? required_argument :
					      no_argument, NULL, r->letter };
		if (!option_short(r))
			continue;
		*shorts++ = option_short(r);
		if (r->arg)
			*shorts++ = ':';
	}
	*shorts = '\0';
	add_force(cmd, &longs[n]);
}

/* @typed: the option as it stands on the command line. */
static int apply(struct options *o, const struct command *cmd, int c, const char *arg,
		 const char *typed)
{
	if (c >= FORCE_BASE) {
		typed += strspn(typed, "-");
		/* getopt_long() takes a beginning for the whole, such as "--force" */
		if (strcmp(typed, force_options[c - FORCE_BASE].option))
			return complain(EXIT_USAGE, "--%s is ambiguous: each refusal is "
					"lifted by its own option, written in full "
					"(--%s)", typed,
					force_options[c - FORCE_BASE].option);
		o->plan.force |= force_options[c - FORCE_BASE].bit;
		return 0;
	}
	for (size_t i = 0; i < NROWS; i++)
		if (takes(cmd, option_rows[i].letter) &&
		    (option_rows[i].letter == c || option_short(&option_rows[i]) == c))
			return option_rows[i].set(o, arg);
	return EXIT_USAGE;
}

static int add_word(struct options *o, const char *text)
{
	if (o->nwords == MAX_WORDS)
		return complain(EXIT_USAGE, "at most %d words at once", MAX_WORDS);
	o->word[o->nwords++] = text;
	return 0;
}

static int add_target(struct options *o, const char *text)
{
	struct bdf_spec *spec = &o->target[o->ntargets];
	char slot[BDF_STR];
	struct err err;

	if (o->ntargets == MAX_TARGETS)
		return complain(EXIT_USAGE, "at most %d targets at once", MAX_TARGETS);
	if (bdf_parse(text, spec, &err) < 0)
		return complain(EXIT_USAGE, "%s", err.text);
	for (size_t i = 0; i < o->ntargets; i++)
		if (bdf_same_slot(o->target[i].bdf, spec->bdf))
			return complain(EXIT_USAGE, "%s is named twice",
					bdf_slot_str(spec->bdf, slot));
	o->ntargets++;
	return 0;
}

void options_init(struct options *o)
{
	memset(o, 0, sizeof(*o));
	o->run_dir = GPURESET_RUN_DIR;
	o->state_dir = GPURESET_STATE_DIR;
	o->pve_dir = PVE_DIR;
	o->qemu_run = PVE_RUN_DIR;
	o->qm = PVE_QM;
	o->pvesm = PVE_PVESM;
	o->snippets = PVE_SNIPPETS;
	o->pve_hook = GPURESET_HOOK;
}

int options_parse(struct options *o, const struct command *cmd, int argc, char **argv)
{
	struct option longs[NROWS + MAX_FORCE + 1] = { { 0 } };
	char shorts[2 * NROWS + 1];
	int c, rc = 0;

	options_init(o);
	make_getopt(cmd, longs, shorts);
	optind = 1;
	while (!rc && (c = getopt_long(argc, argv, shorts, longs, NULL)) != -1)
		rc = c == '?' ? EXIT_USAGE :
				apply(o, cmd, c, optarg, argv[optind - 1]);
	for (int i = optind; i < argc && !rc; i++)
		rc = takes(cmd, '*') ? add_word(o, argv[i]) : add_target(o, argv[i]);
	return rc;
}
