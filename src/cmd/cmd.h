/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commands: one file and one row in commands.def each. */
#ifndef GPURESET_CMD_CMD_H
#define GPURESET_CMD_CMD_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/bdf.h"
#include "plan/frozen.h"
#include "plan/plan.h"
#include "quirk/quirk.h"

#ifndef GPURESET_VERSION
#error "the Makefile defines GPURESET_VERSION"
#endif
#ifndef GPURESET_QUIRK_DIR
#define GPURESET_QUIRK_DIR "/usr/share/gpureset/quirks"
#endif
#ifndef GPURESET_HOOK
#define GPURESET_HOOK "/usr/libexec/gpureset/pve-hook"
#endif
#define GPURESET_QUIRK_ETC "/etc/gpureset/quirks"
#define GPURESET_RUN_DIR "/run/gpureset"
#define GPURESET_STATE_DIR "/var/lib/gpureset"
#define MAX_TARGETS 64
#define MAX_WORDS 1024

struct config;

/* What an exit status means. */
struct status_row {
	int status;
	const char *meaning;    /* NULL: the end */
};

/* A line to type, without "gpureset ", and what it does. */
struct example {
	const char *line, *what;
};

struct command {
	const char *name;       /* "plan", "hook show" */
	/*
	 * "BDF... [options]". A word in capitals says what is wanted in its place, and
	 * so what bash offers there (complete.c).
	 */
	const char *args;
	const char *summary;
	const char *more;       /* paragraphs, one a line, below the options; or NULL */
	const struct status_row *status;        /* NULL: those of exit_rows in help.c */
	struct example example[4];
	const struct command *const *subs;      /* NULL-terminated; NULL: it has none */
	/*
	 * Letters of the options it takes, see option_rows. 'F': all --force-*, 'I': only
	 * --force-in-use; '*': what is no option is a word of the command's own, not an
	 * address.
	 */
	const char *options;
	int (*run)(int argc, char **argv);      /* argv[0] is the program's name */
};

extern const struct command *const commands[];  /* NULL-terminated */

#define COMMAND(name) extern const struct command cmd_##name;
#include "cmd/commands.def"
#undef COMMAND

/* Everything the options of all commands can say. */
struct options {
	struct plan_opts plan;
	bool dry_run, json, verbose, quiet, all, raw;
	bool dot, svg;
	const char *columns;    /* --columns LIST */
	uint64_t timeout_us;    /* 0: each step's own limit */
	const char *quirks;     /* --quirks DIR: instead of the installed folders */
	const char *config;     /* --config FILE: instead of the installed one */
	const struct config *conf;      /* what config_apply() has read, or NULL */
	const char *replay;     /* --replay FILE: a recorded machine, not this one */
	const char *record_run; /* --record-run FILE */
	const char *trace;      /* --trace FILE */
	const char *output;     /* -o FILE */
	const char *run_dir, *state_dir;
	bool poll;              /* --no-io-uring */
	bool help;
	/* Proxmox' places: --config-dir, --node (or NULL), --qemu-run-dir */
	const char *pve_dir, *pve_node, *qemu_run;
	const char *script;     /* --script: the hookscript that calls us */
	const char *qm, *pvesm; /* Proxmox' own programs */
	const char *snippets;   /* --snippets: folder of the storage `local` */
	const char *pve_hook;   /* --pve-hook: hooks/pve-hook as it is installed */
	struct bdf_spec target[MAX_TARGETS];
	size_t ntargets;
	const char *word[MAX_WORDS];
	size_t nwords;
};

/*
 * Parse @argv by @cmd's letters; addresses go to @o->target. Returns 0, or an exit
 * status after a message on stderr.
 */
int options_parse(struct options *o, const struct command *cmd, int argc, char **argv);
/* What `gpureset COMMAND --help` prints. */
void options_help(const struct command *cmd, FILE *out);
/* All of `gpureset --help`. */
void usage(FILE *out);

/*
 * Load the quirk folders named by @o, with diagnostics on stderr. Returns 0 or an
 * exit status after a message.
 */
int load_quirks(const struct options *o, struct quirk_db *db);
/*
 * The same for what acts on this machine's cards: no file at all is an error, as what
 * must not be done to them is not known then.
 */
int load_quirks_to_act(const struct options *o, struct quirk_db *db);

/* "gpureset: ...\n" on stderr; returns @status. */
int complain(int status, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Facts, quirk and plan of one target, as the commands that only look need them. */
struct study {
	struct target target;
	const struct quirk *quirk;      /* the display function's, or NULL */
	struct quirk_hits hits;
	struct frozen_list frozen;      /* study_card() */
	struct plan plan;
	char name[128];
};

/*
 * Returns 0, or an enum exit_status with @err filled. Free with study_free() in
 * either case.
 */
int study_target(struct study *s, struct hw *hw, const struct quirk_db *db,
		 const struct bdf_spec *spec, const struct plan_opts *opts,
		 struct err *err);
/*
 * The same for a card that @o is about to act on, or looks at as if: methods that took
 * the host along before are off. What this host remembers is nothing to a recording.
 */
int study_card(struct study *s, struct hw *hw, const struct quirk_db *db,
	       const struct options *o, const struct bdf_spec *spec,
	       const struct plan_opts *opts, struct err *err);
/* Without a plan, from facts_glance(): the entry of a card that must not be read. */
int study_glance(struct study *s, struct hw *hw, const struct quirk_db *db,
		 const struct bdf_spec *spec, struct err *err);
void study_free(struct study *s);

/* How the quirk database is asked: about a function, the display function, a bridge. */
struct q_subject study_subject(const struct target *t, const struct fn_facts *fn);
struct q_subject study_main(const struct target *t);
struct q_subject study_bridge(const struct target *t, size_t level);

#endif
