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
	QUIRK_UNTESTED,         /* asks on a terminal, else only with --allow-untested */
	QUIRK_VENDOR, /* the vendor's driver does this; no report from a card yet */
	QUIRK_WORKS,            /* a person with the card reported it ("tested" line) */
};

/* What doing something may do to the host; the highest of a method's steps counts. */
enum quirk_risk { RISK_SAFE, RISK_HOST_MAY_HANG, RISK_POWER_CYCLES };

/* Which function of a card (or of its way to the host) an entry is about. */
enum q_role {
	ROLE_GPU,               /* display or accelerator: a target's main function */
	ROLE_AUDIO, ROLE_USB, ROLE_UCSI,
	ROLE_SWITCH,            /* a switch port or another bridge above the card */
	ROLE_ROOT_PORT,
	ROLE_OTHER,             /* any other function */
	ROLE_COUNT
};

/* Where the card sits ("on" lines); any of the bits that an entry names suffices. */
enum q_on {
	ON_SWITCH = 1 << 0,     /* below a switch that is part of the card */
	ON_ROOT_PORT = 1 << 1,  /* directly below a root port */
	ON_ROOT_COMPLEX = 1 << 2,       /* no bridge above */
	ON_THUNDERBOLT = 1 << 3,
};

enum q_verb {
	Q_REQUIRE, /* conditions must hold, else the sequence does not apply */
	Q_WAIT,                 /* conditions must come to hold within @limit_us */
	Q_WRITE,                /* whole register := @value */
	Q_SET,                  /* bits under @mask := @value (already shifted) */
	Q_DELAY,                /* @limit_us */
	Q_KEEP,                 /* [restore]: bits under @mask survive every reset */
};

#define Q_WHENS 2               /* "when A then when B then ..." */

/* One condition of a "when": a wait or require without verb. */
struct q_when {
	struct reg_cond cond[REG_ALTERNATIVES];
	int ncond;
};

/* What an answer of a mailbox means; a list, maybe empty, ends with @text NULL. */
struct q_code {
	uint32_t value;
	const char *text;
};

struct q_stmt {
	enum q_verb verb;
	const char *file;               /* it stands in: the quirk's or an included one */
	int line;                       /* 1-based line of that file */
	struct reg reg;                 /* Q_WRITE, Q_SET, Q_KEEP */
	const char *name; /* register or field as written, "BIOS_SCRATCH[3]" */
	uint32_t mask, value;
	struct reg_cond cond[REG_ALTERNATIVES]; /* Q_REQUIRE, Q_WAIT: any one suffices */
	int ncond;
	uint64_t limit_us;              /* Q_WAIT (0: read once), Q_DELAY */
	const char *why;                /* Q_REQUIRE: the text after 'else skip' */
	struct q_when when[Q_WHENS];    /* all must hold, else it is passed by */
	int nwhen;
	bool optional;                  /* "try": its failure is not the sequence's */
	bool joined;    /* same line as the statement before it ("send" is six): when an
			 * optional one fails, the joined ones after it are passed by */
	bool always;                    /* after "always": see struct q_block */
	enum quirk_risk risk;
	const struct q_code *codes;     /* Q_WAIT for a mailbox to say ok: its codes */
};

/*
 * One [sequence NAME], [clean], [health] or [restore]. Statements after "always" run
 * even when one above failed, provided that the first statement that writes was
 * started; among themselves the first failure ends them.
 */
struct q_block {
	const char *name;               /* NULL but for sequences */
	int line;
	struct q_stmt *stmt;
	size_t n;
};

struct q_id {
	uint16_t vendor, device;
	uint16_t device_last;           /* a range; == device for a single one */
	uint16_t device_mask;           /* 0xffff; "2340/ffc0": (id & mask) == device */
	bool has_sub;
	uint16_t subvendor, subdevice;
	int line;
};

/* Versions as major << 16 | minor << 8 | patch; @to is the last one meant. */
struct q_kernel {
	uint32_t from, to;
	int line;
};

struct q_method {
	const char *name;               /* "flr", "bus", "sequence" ... */
	const char *sequence;           /* name of the sequence when name is "sequence" */
	enum quirk_risk risk;           /* "risk" lines */
	const char *risk_why;
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

enum q_evidence_kind { EV_KERNEL, EV_MAINTAINER, EV_USERS, EV_USER, EV_INFERENCE };

struct q_evidence {
	enum q_evidence_kind kind;
	bool against;                   /* "contra": it speaks against this entry */
	const char *date;               /* "2026-05-25", "2026-05" or "2026" */
	const char *text;
	int line;
};

/* A key with a reason: noop-after-clean-shutdown, keep-d0, pin. */
struct q_reason {
	const char *why;                /* NULL: the key is not given */
	int line;
};

struct quirk {
	const char *file;               /* path as given, for messages */
	const char *id;                 /* file name without .quirk: "amd-fiji" */
	const char *name;
	enum q_role role;               /* left out: gpu */
	struct q_id *ids;               /* "pci" lines: any one matches */
	size_t nids;
	struct q_id *with;              /* companions expected in the slot */
	size_t nwith;
	uint16_t *classes;              /* base+sub class, any one; none: any class */
	size_t nclasses;
	uint8_t *revisions;             /* pairs first, last; none: any */
	size_t nrevisions;              /* pairs */
	unsigned on;                    /* enum q_on bits; 0: anywhere */
	struct q_kernel *kernels;       /* any one; none: all kernels */
	size_t nkernels;
	struct q_texts problem, source, tested, see;
	struct q_evidence *evidence;
	size_t nevidence;
	enum quirk_status status;
	struct q_method *methods; /* the ladder, in order; empty: the default ladder */
	size_t nmethods;
	struct q_method *risks;         /* all "risk" lines; a ladder's are in it, too */
	size_t nrisks;
	struct q_deny *denies;
	size_t ndenies;
	uint64_t budget_us; /* most time all attempts together may take; 0: default */
	struct q_reason noop_after_clean_shutdown;
	struct q_reason keep_d0;        /* never let it enter D3 while a VM may have it */
	struct q_reason pin;            /* hold reset_method at @pin_methods meanwhile */
	const char *pin_methods;        /* as written to the attribute; "": none at all */
	struct q_block *sequences;      /* of includes only those a method names */
	size_t nsequences;
	struct q_block clean;           /* conditions that hold on a pristine card */
	struct q_block health;
	struct q_block restore;         /* Q_KEEP: vendor configuration bits */
	uint32_t bar_size[6]; /* least size of each BAR the registers need, 0: unused */
	bool broken; /* it has errors: only ids and denies may be used */
	bool lost_ids;                  /* ... and some of its ids could not be read */
	bool blurred;                   /* ... one in [device]: its role and conditions
					 * may be lost, so all of them count as met */
	void *arena;                    /* owns all strings and arrays above */
};

struct quirk_db {
	struct quirk **quirk;
	size_t n;
	size_t nbroken; /* files whose ids could not all be read: whose denials? */
};

/*
 * Where "include = NAME" finds NAME.inc: @open gives its text (malloc'ed, the parser
 * frees it) and its path for messages, or -errno with @err filled.
 */
struct quirk_includes {
	int (*open)(void *arg, const char *name, char **text, size_t *len, char **path,
		    struct err *err);
	void *arg;
};

/*
 * Parse one file's text. All errors of the file go to @diag with line and column.
 * Returns the quirk, broken or not, as long as its ids could be read; else NULL.
 * @text need not outlive the call. @includes NULL: any include is an error. Free with
 * quirk_free().
 */
struct quirk *quirk_parse(const char *path, const char *text, size_t len,
			  const struct quirk_includes *includes, struct diag *diag);
void quirk_free(struct quirk *);

/*
 * Load every *.quirk of @dirs (NULL-terminated, strongest first: a file name hides
 * the same name in later folders). A folder that does not exist is skipped. With
 * @trust, a file must be a regular file owned by root and not writable by others,
 * checked on the open descriptor; a file that is not is reported and not obeyed,
 * but its ids (and so its denies) still block its card: it comes back as broken.
 * The files they include are looked up in the same order and trusted by the same
 * rules; what is wrong with one breaks the quirks that include it.
 * Returns 0 or a negative errno; parse errors are in @diag, not in the return value.
 */
int quirk_db_load(struct quirk_db *db, const char *const dirs[], bool trust,
		  struct diag *diag, struct err *err);
void quirk_db_free(struct quirk_db *db);

/*
 * Load the one quirk file @path. Its includes are looked up in its own folder first,
 * then in @dirs (NULL-terminated, strongest first; may be NULL). @trust as above: a
 * file that is not trusted comes back broken, with the reason in @diag. NULL: it
 * cannot be read (@err is filled), or not even an id in it could be (errors in @diag,
 * @err->code is 0). Free with quirk_free().
 */
struct quirk *quirk_load(const char *path, const char *const dirs[], bool trust,
			 struct diag *diag, struct err *err);

/*
 * Rules across files: two entries equally specific for the same ids, role and
 * conditions, so that quirk_match() could not choose. One error each, with both files
 * and lines; returns how many. Broken entries are left out: they block anyway.
 */
size_t quirk_db_check(const struct quirk_db *db, struct diag *diag);

/* What is known of a function (or bridge) when it is looked up. */
struct q_subject {
	uint16_t vendor, device, subvendor, subdevice;
	uint32_t class_code;            /* 24 bits */
	uint8_t revision;
	enum q_role role;
	unsigned on;                    /* enum q_on bits that are true of the card */
	const char *kernel;             /* uname -r; NULL, unreadable: in no range */
	/*
	 * Subsystem, revision and place are not known: conditions on them count as met,
	 * so that no denial is lost.
	 */
	bool partial;
};

/* How many device ids the line covers, if @vendor:@device is among them; else 0. */
uint32_t quirk_covers(const struct q_id *id, uint16_t vendor, uint16_t device);

/* Why an entry does, or does not, concern a subject. */
enum q_fit {
	FIT_YES, FIT_OTHER_ID, FIT_OTHER_ROLE, FIT_OTHER_CLASS, FIT_OTHER_REVISION,
	FIT_OTHER_PLACE, FIT_OTHER_KERNEL,
};

/*
 * @fit says why; with FIT_YES *id is the line that matched and the return value its
 * rank: a higher one is more specific (subsystem, then fewer ids covered, then more
 * conditions). 0: no match.
 */
uint32_t quirk_fits(const struct quirk *q, const struct q_subject *s, enum q_fit *fit,
		    const struct q_id **id);
/* "its revision is c1, the entry is for c7", one line. */
void quirk_fit_str(enum q_fit fit, const struct quirk *q, const struct q_subject *s,
		   char *buf, size_t size);

/*
 * The most specific quirk for @s. NULL when none matches. Two equally specific ones:
 * -EEXIST, with both files and lines in @err.
 */
int quirk_match(const struct quirk_db *db, const struct q_subject *s,
		const struct quirk **found, struct err *err);

/* The role that class and port type (PCIe capability, 0xff: none) give a function. */
enum q_role quirk_role(uint32_t class_code, unsigned port_type);

/* The deny line for @method, or for "all", or NULL. */
const struct q_deny *quirk_deny(const struct quirk *, const char *method);
const struct q_block *quirk_sequence(const struct quirk *, const char *name);
const char *quirk_status_str(enum quirk_status);
const char *quirk_risk_str(enum quirk_risk);
const char *quirk_role_str(enum q_role);
const char *quirk_evidence_str(enum q_evidence_kind);
/* Does the block change anything (a write or set in it)? */
bool quirk_writes(const struct q_block *);

#endif
