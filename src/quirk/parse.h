/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside the parser only. quirk_parse.c walks lines and sections, parse_keys.c holds
 * the "key = value" sections, parse_regs.c and parse_space.c the declarations,
 * parse_ids.c the lists in [device], parse_mbox.c mailboxes, parse_stmt.c and
 * parse_cond.c the statements, parse_run.c what concerns a block as a whole,
 * parse_include.c included files, parse_check.c what can be said only at the end.
 */
#ifndef GPURESET_QUIRK_PARSE_H
#define GPURESET_QUIRK_PARSE_H

#include "base/diag.h"
#include "quirk/arena.h"
#include "quirk/lex.h"
#include "quirk/quirk.h"

#define PARSE_MAX_LIST 1024             /* ids, methods, notes ... of one file, each */
#define PARSE_MAX_REGS 512
#define PARSE_MAX_STMTS 2048            /* of one block */
#define PARSE_MAX_ALL_STMTS 8192        /* of all blocks: "run" multiplies */
#define PARSE_DEFAULT_BUDGET 90000000ull
#define PARSE_MAX_TIME 600000000ull     /* one wait, one budget: ten minutes */

enum section_id {
	SEC_TOP, SEC_DEVICE, SEC_NOTES, SEC_RESET, SEC_REGISTERS,
	SEC_SEQUENCE, SEC_CLEAN, SEC_HEALTH, SEC_RESTORE, SEC_COUNT,
	SEC_UNKNOWN = SEC_COUNT,        /* misspelled: its lines are passed over */
};

struct place {
	const char *file;               /* NULL: the quirk's own */
	int line, col;
	const char *src;                /* the line in the caller's text */
	size_t len;
};

struct sym_field {
	const char *name;
	uint32_t mask;
	unsigned shift;
	bool poisoned, used;
	struct place at;
};

struct sym_space {
	const char *name;
	enum reg_space kind;
	uint8_t bar;
	uint32_t unit;                  /* bytes an offset counts: 1 or 4 */
	uint32_t size;
	bool ghost;                     /* used so far, not declared */
	const char *index, *data;       /* names; registers when the section has ended */
	struct place index_at, data_at;
	bool poisoned, used;
	struct place at;
};

struct sym_reg {
	const char *name;
	struct reg reg;
	bool ghost;                     /* used so far, not declared */
	uint32_t count;                 /* elements of an array, 0: a single register */
	struct sym_space *space;
	struct sym_field *fields;
	size_t nfields;
	bool poisoned, used;
	struct place at;
};

/* A mailbox; its registers are resolved when a statement uses it. */
enum { MBOX_MESSAGE, MBOX_ARGUMENT, MBOX_RESPONSE, MBOX_REGS };

struct sym_mbox {
	const char *name;
	struct sym_reg *reg[MBOX_REGS];
	uint32_t element[MBOX_REGS];    /* of an array */
	const char *reg_name[MBOX_REGS];
	uint32_t ok;
	struct q_code *answers;
	size_t nanswers;
	const struct q_code *codes;     /* @answers for the quirk, ended by a NULL text */
	size_t ncodes;
	bool ghost;                     /* used so far, not declared */
	bool poisoned, used;
	struct place at;
};

/* One text: the quirk's, or for a while an included file's. */
struct input {
	const char *path;
	bool included;
	struct lex lx;                  /* the current line */
	int line;
	enum section_id sec;
	struct q_block *block;          /* statements go here */
	struct place sec_at[SEC_COUNT]; /* headers; line 0: not seen */
	uint32_t seen[SEC_COUNT];       /* bit n: key n of the section was given */
	int seen_line[SEC_COUNT][16];
	bool said_cr, said_device, had_stmts;
	size_t errors;                  /* of an included file */
};

/* What stands in front of a statement on its line. */
struct prefix {
	struct q_when when[Q_WHENS];
	int nwhen;
	struct tok when_tok, try_tok;   /* the words, for messages */
	bool optional;                  /* "try" */
	bool poisoned;                  /* a condition is about a wrong declaration */
};

/* What the lines above mean for a statement of this block. */
struct block_state {
	bool wrote, always;
	enum quirk_risk risk;
	size_t always_n;                /* statements above "always" */
	struct place always_at;
	const char *last;               /* sequence with an "always" that was run */
};

/* A "run" that can be judged only at the end. */
struct pending {
	const char *name;
	struct place at;
};

#define PARSE_MAX_INCLUDES 8

struct parser {
	struct input in;
	struct diag *diag;
	const struct quirk_includes *includes;
	struct quirk *q;
	struct arena *keep, *scratch;   /* the quirk's own memory; gone after parsing */

	struct sym_space **spaces;
	struct sym_reg **regs;
	struct sym_mbox **mboxes;
	size_t nspaces, nregs, nmboxes;

	struct tok verb;                /* of the statement, for messages */
	struct prefix pre;
	struct block_state st;
	size_t nstmts;                  /* of all blocks */

	size_t errors;
	bool mute;                      /* the rest cannot be judged: only count */
	bool said_regs, any_regs;       /* [registers]: missed, seen in any file */
	/* What was lost to errors; a consequence of these is not worth a message. */
	bool lost_names, lost_fields, lost_stmts, lost_methods, lost_sections;
	bool lost_sequences, lost_budget;
	bool lost_keys[SEC_COUNT];

	char *inc_text[PARSE_MAX_INCLUDES];     /* places point into them */
	const char *inc_name[PARSE_MAX_INCLUDES];
	size_t nincs;

	struct place *seq_at;           /* one per quirk->sequences */
	bool *seq_run;                  /* ... was it run by another block */
	struct place *method_at;        /* name's place, one per quirk->methods */
	struct place *risk_at;          /* one per quirk->risks */
	struct pending *runs;           /* of sequences not declared above */
	size_t nruns;
	struct place status_at, budget_at, pin_at, reset_last;
};

/* ---- quirk_parse.c: messages and small steps that all share. Errors return -1. */

struct place parse_place(const struct parser *p, int col);
/* "line 7", or "line 7 of x.inc" when it stands in another file than the current. */
struct where {
	char text[96];
};
struct where parse_where(const struct parser *p, const struct place *at);
int parse_bad_at(struct parser *p, struct place at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
int parse_bad(struct parser *p, const struct tok *t, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* "unknown WHAT 'word'; did you mean 'nearest'?" or, with few @words, all of them. */
int parse_unknown(struct parser *p, const struct tok *t, const char *what,
		  const char *const words[]);
extern const char *const risk_words[]; /* by enum quirk_risk, ended by NULL */

struct tok parse_next(struct parser *p);
bool parse_accept(struct parser *p, const char *text);
int parse_expect(struct parser *p, const char *text);
int parse_word(struct parser *p, const char *what, struct tok *t);
/* The same for words that may have a '-' in them: keys, roles, risks. */
int parse_dashed(struct parser *p, const char *what, struct tok *t);
/* Index of the next such word in @words, or -1 and a message. */
int parse_one_of(struct parser *p, const char *what, const char *const words[],
		 struct tok *t);
int parse_number(struct parser *p, const char *what, uint32_t *value, struct tok *t);
int parse_string(struct parser *p, const char *what, const char **text);
/* "5 s"; @units is a bit mask of TIME_*. */
#define TIME_S 1u
#define TIME_MS 2u
#define TIME_US 4u
int parse_time(struct parser *p, unsigned units, uint64_t *us);
int parse_end(struct parser *p);
const char *parse_keep(struct parser *p, const struct tok *t);

/* Element @n of an array in @arena, or NULL (and one message) beyond @max. */
void *parse_push(struct parser *p, struct arena *arena, void *array, size_t n,
		 size_t size, size_t max, const char *what);

/* All lines of one text, into the current input. */
void parse_text(struct parser *p, const char *text, size_t len);
/* Is @at in an included file? */
bool parse_included(const struct parser *p, const struct place *at);

/* ---- one line of a section; the line's first token has not been taken yet */

int keys_line(struct parser *p);
int regs_line(struct parser *p);
int stmt_line(struct parser *p);

/* ---- parse_keys.c */
#define KEY_ONCE 1u
#define KEY_REQUIRED 2u

struct key {
	const char *name;
	unsigned flags;
	int (*parse)(struct parser *p, struct tok *key);
};

/* ---- parse_include.c */
int key_include(struct parser *p, struct tok *key);

/* ---- parse_ids.c: keys of [device] that take lists */
int key_pci(struct parser *p, struct tok *key);
int key_with(struct parser *p, struct tok *key);
int key_class(struct parser *p, struct tok *key);
int key_revision(struct parser *p, struct tok *key);
int key_on(struct parser *p, struct tok *key);
int key_kernel(struct parser *p, struct tok *key);

/* The keys of a section, ended by a NULL name; NULL when it has none. */
const struct key *keys_of(enum section_id sec);

/* ---- parse_names.c: NULL when there is none, or no room for one more */

struct sym_space *names_space(struct parser *p, const struct tok *t);
struct sym_reg *names_reg(struct parser *p, const struct tok *t);
struct sym_field *names_field(struct sym_reg *r, const struct tok *t);
struct sym_mbox *names_mbox(struct parser *p, const struct tok *t);
/* New ones are poisoned until their line proved right. */
struct sym_space *names_add_space(struct parser *p, const struct tok *t);
struct sym_reg *names_add_reg(struct parser *p, const struct tok *t);
struct sym_mbox *names_add_mbox(struct parser *p, const struct tok *t);
struct sym_field *names_add_field(struct parser *p, struct sym_reg *r,
				  const struct tok *t);
/* Unknown: complain, and remember the name so that it is complained about once. */
int names_no_space(struct parser *p, const struct tok *t);
int names_no_reg(struct parser *p, const struct tok *t);
int names_no_mbox(struct parser *p, const struct tok *t);
int names_no_field(struct parser *p, struct sym_reg *r, const struct tok *reg,
		   const struct tok *field);

/* ---- parse_space.c */

/* NAME = ..., behind the word "space" */
int regs_space(struct parser *p);
/* All registers are declared: resolve the indirect spaces. */
void regs_close(struct parser *p);

/* ---- parse_mbox.c */

/* NAME = ..., NAME N ..., behind "mailbox" and "answer" */
int regs_mailbox(struct parser *p);
int regs_answer(struct parser *p);
int stmt_send(struct parser *p);
int stmt_post(struct parser *p);

/* ---- parse_ref.c */

/* What a statement names: a register, an element of an array, or a field of one. */
struct ref {
	struct sym_reg *sym;
	struct sym_field *field;        /* NULL: the whole register */
	struct reg reg;
	uint32_t mask;
	unsigned shift;
	bool all;                       /* REG[*] */
	bool poisoned;                  /* of no use, and the person knows already */
	const char *name;
	struct tok tok;                 /* the register's name, for messages */
};

int regs_ref(struct parser *p, struct ref *ref);
/* A number for @ref's bits, shifted into place. */
int regs_value(struct parser *p, const struct ref *ref, uint32_t *value);
/* Refuses what a quirk must not write. */
int regs_writable(struct parser *p, const struct ref *ref);

/* ---- parse_cond.c */

/* COND, or COND or COND, into @cond; *@poisoned is set, never cleared. */
int cond_line(struct parser *p, struct reg_cond cond[REG_ALTERNATIVES], int *ncond,
	      bool *poisoned);
/* "when COND then", into the prefix. */
int cond_when(struct parser *p);
/*
 * A line that becomes several statements evaluates its "when" before each: refuse one
 * that reads what the line itself writes. @regs: what the line touches.
 */
int cond_apart(struct parser *p, const struct reg *regs, size_t n);

/* ---- parse_stmt.c */

/* Append @st with the line's prefix, file, line and the block's state. */
int stmt_add(struct parser *p, struct q_stmt st);
/* Append @st as it is. */
int stmt_push(struct parser *p, const struct q_stmt *st);
/* A right statement about a wrong declaration: nothing to say, nothing to emit. */
int stmt_drop(struct parser *p);

/* ---- parse_run.c */

int stmt_run(struct parser *p);
int stmt_always(struct parser *p);
int stmt_risk(struct parser *p);
int stmt_keep(struct parser *p);
/* Is @verb allowed in section @sec? */
bool stmt_verb_in(enum q_verb verb, enum section_id sec);
/* The block has ended. */
void block_close(struct parser *p);

/* ---- parse_check.c */
void check_end(struct parser *p);
/* The end of an included file. */
void check_include(struct parser *p, size_t first_sequence);

/* ---- parse_text.c: is the line text a person could have meant? False: unreadable. */
bool text_line(struct parser *p, const char *line, size_t *len, bool last);

#endif
