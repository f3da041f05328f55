/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gpureset doctor: what a check sees, and how it says what it found. A check is a row
 * in the table of its file (check_*.c) and a function that only reads. Its subject is
 * the host, one card, or one VM; it runs once for each.
 *
 * What is read comes from struct exam: files of the host through exam_file(), cards as
 * the facts, the quirk and the plan that every command works with. So a recording with
 * a few lines changed is a sick host: tests/doctor has one case a check.
 */
#ifndef GPURESET_CMD_DOCTOR_EXAM_H
#define GPURESET_CMD_DOCTOR_EXAM_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "cmd/hook.h"

enum severity {
	SEV_NOTE,               /* worth knowing; nothing needs to be done */
	SEV_WARNING,            /* works, or may; slower, or not for long */
	SEV_PROBLEM,            /* this keeps a VM from its card, or endangers the host */
};

enum subject { ON_HOST, ON_CARD, ON_VM };

struct check;

struct finding {
	const struct check *check;
	enum severity severity;
	const struct exam_card *card;   /* ON_CARD; or NULL */
	const struct exam_vm *vm;       /* ON_VM; or NULL */
	char *seen;             /* the file and its value: "/proc/cmdline has ..." */
	char *fix;              /* what to type or do, exactly */
	char *unknown;          /* it could not be looked at: why; all others are NULL.
				 * All NULL: nothing was found (struct exam.fine) */
};

struct exam_card {
	struct bdf slot;
	char power[SLOT_FNS][12];       /* "D3cold": power_state before anything was
					 * read of it, by function number; or "" */
	struct study study;
};

/* A VM of this node that has a card passed through. */
struct exam_vm {
	struct hook_vm hook;    /* .vm, .devs, .card ... */
	char path[PATH_MAX];    /* of its configuration */
};

struct exam_file;
struct modconf;

struct exam {
	struct hw *hw;
	const struct options *o;
	bool root;              /* else some files cannot be read */
	char release[65];       /* of the kernel */
	unsigned major, minor, patch;   /* of @release */
	struct exam_card **card;        /* each stays where it is */
	size_t ncards, card_room;
	struct exam_vm **vm;
	size_t nvms, vm_room;
	struct finding *found;
	size_t nfound, found_room;
	size_t nran;            /* checks that ran, each subject counted */
	struct finding *fine;   /* ... and found nothing */
	size_t nfine, fine_room;
	/* the one that runs */
	const struct check *check;
	const struct exam_card *at_card;
	const struct exam_vm *at_vm;
	/* read once */
	struct exam_file *file;
	struct modconf *modconf;
	char **log;
	size_t nlog, log_room;
	int log_rc;             /* hw_log()'s; 1: not read yet */
};

struct check {
	const char *id; /* "iommu-off": in the output, and tests/doctor/ID*.case */
	enum subject subject;
	const char *title;      /* the finding as a headline: "the IOMMU is off" */
	const char *why;        /* why it matters: a sentence */
	void (*run)(struct exam *x);
};

/* The tables of all files, each ended by a row without id. */
extern const struct check *const doctor_tables[];

/* --- for checks: to say something ------------------------------------------- */

/*
 * The check that runs has found something: what was seen, file and value, as one
 * sentence without its full stop. May be called several times by one check.
 */
void exam_found(struct exam *x, enum severity severity, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/*
 * The exact remedy for what was found last. Every finding has one. Lines that begin with
 * a blank are to be copied (commands, what goes into a file): they are shown as they are,
 * the others are wrapped.
 */
void exam_fix(struct exam *x, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/*
 * The remedy is a change of the kernel's command line: "add quiet to", "take quiet out
 * of". Says in which file this host's boot loader looks for it, and what to type.
 */
void exam_fix_cmdline(struct exam *x, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* What to type after a change of /etc/kernel/cmdline. */
const char *exam_cmdline_refresh(struct exam *x);
/* It cannot be judged, because of this: not root, no such file on this kernel ... */
void exam_unknown(struct exam *x, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * A copy of @text, to be freed, that does nothing to a terminal: what is not printable
 * ASCII, which a log, a file or somebody else's recording may have, comes out as \xNN.
 * @lines: newlines stay.
 */
char *exam_printable(const char *text, bool lines);

/* --- for checks: to look ---------------------------------------------------- */

/*
 * A file of the host as text, or a folder's names with newlines; without its last
 * newline; NULL: there is none, or it cannot be read. Read once, good until the end.
 */
const char *exam_file(struct exam *x, const char *path);
/* The same, path made with printf. */
const char *exam_filef(struct exam *x, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* An attribute of a function, into @buf; "" when it is not there. Returns @buf. */
const char *exam_attr(struct exam *x, struct bdf fn, const char *name, char *buf,
		      size_t size);

/*
 * The value of kernel parameter @name ("intel_iommu"): "" when it stands there without
 * one, NULL when it does not. The last one counts, as for the kernel; '-' and '_' are
 * the same. Good until the next call.
 */
const char *exam_cmdline(struct exam *x, const char *name);

/*
 * A line of modprobe's configuration: the first of @kind ("options", "blacklist",
 * "softdep", "install") about @module whose text contains @word ("" for any); module
 * names with '-' and '_' are the same. NULL: there is none. @where: "FILE:LINE", may be
 * NULL. The text is what follows the module's name ("ids=1002:7300 disable_vga=1").
 * "blacklist" also finds module_blacklist= and modprobe.blacklist= of the kernel's
 * command line.
 */
const char *exam_modconf(struct exam *x, const char *kind, const char *module,
			 const char *word, const char **where);

/* The same, number @n (from 0) of those lines. */
const char *exam_modconf_nth(struct exam *x, size_t n, const char *kind,
			     const char *module, const char *word, const char **where);

/*
 * The last line of the kernel's log that contains @a and @b (which may be ""), or NULL.
 * exam_log_known() is false when the log cannot be read at all.
 */
const char *exam_log(struct exam *x, const char *a, const char *b);
bool exam_log_known(struct exam *x);

/* Is the kernel @major.@minor or later? */
bool exam_kernel(const struct exam *x, unsigned major, unsigned minor);

/* Is @word one of the words of @text, which blanks, commas or newlines part? */
bool exam_has_word(const char *text, const char *word);

/* A dump of lspci: which functions there were, and sizes of BARs, are not known. */
bool exam_is_dump(const struct exam *x);

/* --- for cmd/doctor --------------------------------------------------------- */

/* All checks about the host, and about the cards and VMs that @x has. */
void exam_run(struct exam *x);
void exam_begin(struct exam *x, struct hw *hw, const struct options *o);
/*
 * Facts, quirk and plan of the card in @slot. Returns 0 or an exit status with @err; then
 * it has not been added.
 */
int exam_add_card(struct exam *x, const struct quirk_db *db, struct bdf slot,
		  struct err *err);
/* What is unknown and no check's: said as @check, which is never run. */
void exam_not_looked(struct exam *x, const struct check *check, const char *why);
/* The VM, and what it has. Returns 0 or an exit status with @err. */
int exam_add_vm(struct exam *x, unsigned vmid, struct err *err);
/* The one added last is of no interest after all. */
void exam_drop_vm(struct exam *x);
void exam_free(struct exam *x);

#endif
