/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The quirk database in memory: what people wrote in quirks/ (one text file a card),
 * parsed, checked and resolved to registers. Nothing here touches hardware; the
 * language itself is described in quirks/README.md.
 */
#ifndef GPURESET_QUIRK_QUIRK_H
#define GPURESET_QUIRK_QUIRK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/reg.h"

struct diag;                    /* base/diag.h */

/* How far an entry may be trusted to act unasked. */
enum quirk_status {
	QUIRK_UNTESTED,         /* runs only with --allow-untested */
	QUIRK_VENDOR, /* the vendor's driver does this; no report from a card yet */
	QUIRK_WORKS,            /* a person with the card reported it ("tested" line) */
};

enum q_verb {
	Q_REQUIRE, /* conditions must hold, else the sequence does not apply */
	Q_WAIT,                 /* conditions must come to hold within @limit_us */
	Q_WRITE,                /* whole register := @value */
	Q_SET,                  /* bits under @mask := @value (already shifted) */
	Q_DELAY,                /* @limit_us */
};

struct q_stmt {
	enum q_verb verb;
	int line;                       /* 1-based line of the file */
	struct reg reg;                 /* Q_WRITE, Q_SET */
	const char *name; /* register or field as written, "BIOS_SCRATCH[3]" */
	uint32_t mask, value;
	struct reg_cond cond[REG_ALTERNATIVES]; /* Q_REQUIRE, Q_WAIT: any one suffices */
	int ncond;
	uint64_t limit_us;              /* Q_WAIT, Q_DELAY */
	const char *why;                /* Q_REQUIRE: the text after 'else skip' */
};

struct q_block {                        /* one [sequence NAME], [clean] or [health] */
	const char *name;               /* NULL but for sequences */
	int line;
	struct q_stmt *stmt;
	size_t n;
};

struct q_id {
	uint16_t vendor, device;
	bool has_sub;
	uint16_t subvendor, subdevice;
	int line;
};

struct q_method {
	const char *name;               /* "flr", "bus", "sequence" ... */
	const char *sequence;           /* name of the sequence when name is "sequence" */
	int line;
};

struct q_deny {
	const char *method;             /* a method's name, or "all" */
	const char *why;
	int line;
};

struct q_texts {
	const char **text;
	size_t n;
};

struct quirk {
	const char *file;               /* path as given, for messages */
	const char *id;                 /* file name without .quirk: "amd-fiji" */
	const char *name;
	struct q_id *ids; /* "pci" lines: any one matches function 0 (the GPU) */
	size_t nids;
	struct q_id *with;              /* companions expected in the slot */
	size_t nwith;
	int class_code;                 /* 16-bit base+sub class of the GPU, -1: any */
	struct q_texts problem, source, tested, see;
	enum quirk_status status;
	struct q_method *methods; /* the ladder, in order; empty: the default ladder */
	size_t nmethods;
	struct q_deny *denies;
	size_t ndenies;
	uint64_t budget_us; /* most time all attempts together may take; 0: default */
	struct q_block *sequences;
	size_t nsequences;
	struct q_block clean;           /* conditions that hold on a pristine card */
	struct q_block health;
	uint32_t bar_size[6]; /* least size of each BAR the registers need, 0: unused */
	bool broken; /* it has errors: only ids and denies may be used */
	void *arena;                    /* owns all strings and arrays above */
};

struct quirk_db {
	struct quirk **quirk;
	size_t n;
	size_t nbroken;                 /* files not even whose ids could be read */
};

/*
 * Parse one file's text. All errors of the file go to @diag with line and column.
 * Returns the quirk, broken or not, as long as its ids could be read; else NULL.
 * @text need not outlive the call. Free with quirk_free().
 */
struct quirk *quirk_parse(const char *path, const char *text, size_t len,
			  struct diag *diag);
void quirk_free(struct quirk *);

/*
 * Load every *.quirk of @dirs (NULL-terminated, strongest first: a file name hides
 * the same name in later folders). A folder that does not exist is skipped. With
 * @trust, a file must be a regular file owned by root and not writable by others,
 * checked on the open descriptor; a file that is not is reported and not obeyed,
 * but its ids (and so its denies) still block its card: it comes back as broken.
 * Returns 0 or a negative errno; parse errors are in @diag, not in the return value.
 */
int quirk_db_load(struct quirk_db *db, const char *const dirs[], bool trust,
		  struct diag *diag, struct err *err);
void quirk_db_free(struct quirk_db *db);

/*
 * The most specific quirk for a function: subsystem ids beat plain ids. NULL when
 * none matches. Two equally specific ones: -EEXIST, with both files and lines in @err.
 */
int quirk_match(const struct quirk_db *db, uint16_t vendor, uint16_t device,
		uint16_t subvendor, uint16_t subdevice, uint32_t class_code,
		const struct quirk **found, struct err *err);

/* The deny line for @method, or for "all", or NULL. */
const struct q_deny *quirk_deny(const struct quirk *, const char *method);
const struct q_block *quirk_sequence(const struct quirk *, const char *name);
const char *quirk_status_str(enum quirk_status);

#endif
