// SPDX-License-Identifier: GPL-2.0-or-later
/* What concerns a block as a whole: run, always, risk; and keep, all [restore] has. */
#include "quirk/parse.h"

#include <string.h>

#define CFG_HEADER 0x40u        /* below: Linux puts that back itself */

/* ---- run NAME: the statements of a sequence above stand here */

static const struct q_block *run_find(struct parser *p, const struct tok *t)
{
	struct quirk *q = p->q;

	for (size_t i = 0; i < q->nsequences; i++) {
		if (!tok_is(t, q->sequences[i].name))
			continue;
		p->seq_run[i] |= p->in.block != &q->sequences[i];
		return &q->sequences[i];
	}
	return NULL;
}

/* It may stand below, or nowhere: the end of the file tells. */
static int run_later(struct parser *p, const struct tok *t)
{
	struct pending *grown = parse_push(p, p->scratch, p->runs, p->nruns,
					   sizeof(*grown), PARSE_MAX_LIST,
					   "unknown sequences");

	if (!grown)
		return -1;
	p->runs = grown;
	grown[p->nruns++] = (struct pending){ arena_strndup(p->scratch, t->s, t->len),
					      parse_place(p, t->col) };
	return stmt_drop(p);
}

bool stmt_verb_in(enum q_verb verb, enum section_id sec)
{
	if (sec == SEC_CLEAN)
		return verb == Q_REQUIRE;
	if (sec == SEC_HEALTH)
		return verb == Q_REQUIRE || verb == Q_WAIT;
	return sec == SEC_SEQUENCE;
}

/* [clean] and [health] observe: one more word than they know themselves is too much. */
static int run_observes(struct parser *p, const struct tok *t, const struct q_block *b)
{
	for (size_t i = 0; i < b->n; i++) {
		const struct q_stmt *st = &b->stmt[i];

		if (stmt_verb_in(st->verb, p->in.sec) && !st->nwhen && !st->optional &&
		    !st->always && !st->risk && !st->codes)
			continue;
		return parse_bad(p, t, "'%.40s' cannot be run in %s: %s there", b->name,
				 p->in.sec == SEC_CLEAN ? "[clean]" : "[health]",
				 p->in.sec == SEC_CLEAN ? "only plain require is allowed"
				 : "only plain wait and require are allowed");
	}
	return 0;
}

static int run_fits(struct parser *p, const struct tok *t, const struct q_block *b)
{
	for (size_t i = 0; i < b->n; i++) {
		if (b->stmt[i].verb == Q_REQUIRE && (p->st.always || p->st.wrote))
			return parse_bad(p, t, "'%.40s' has a 'require' (line %d), which "
					 "cannot stand below %s", b->name,
					 b->stmt[i].line, p->st.always ? "'always'"
					 : "a statement that writes");
		if (b->stmt[i].always && p->st.always)
			return parse_bad(p, t, "'%.40s' has an 'always' of its own",
					 b->name);
	}
	return 0;
}

static int run_copy(struct parser *p, const struct q_block *b)
{
	bool always = false;

	for (size_t i = 0; i < b->n; i++) {
		struct q_stmt st = b->stmt[i];

		if (p->in.sec != SEC_SEQUENCE)
			st.why = NULL;
		always |= st.always;
		p->st.wrote |= st.verb == Q_WRITE || st.verb == Q_SET;
		st.always |= p->st.always;
		if (st.risk < p->st.risk)
			st.risk = p->st.risk;
		if (stmt_push(p, &st) < 0)
			return -1;
	}
	if (always)
		p->st.last = b->name;
	return 0;
}

int stmt_run(struct parser *p)
{
	const struct q_block *b;
	struct tok t;

	if (parse_word(p, "the sequence's name", &t) < 0 || parse_end(p) < 0)
		return -1;
	b = run_find(p, &t);
	if (!b)
		return run_later(p, &t);
	if (b == p->in.block)
		return parse_bad(p, &t, "a sequence cannot run itself");
	if (p->in.sec != SEC_SEQUENCE && run_observes(p, &t, b) < 0)
		return -1;
	if (run_fits(p, &t, b) < 0)
		return -1;
	return run_copy(p, b);
}

/* ---- always, risk */

int stmt_always(struct parser *p)
{
	struct tok t = p->verb;

	if (parse_end(p) < 0)
		return -1;
	if (p->st.always)
		return parse_bad(p, &t, "'always' is given twice, first on line %d",
				 p->st.always_at.line);
	p->st.always = true;
	p->st.always_n = p->in.block->n;
	p->st.always_at = parse_place(p, t.col);
	if (!p->st.wrote && !p->lost_stmts)
		return parse_bad(p, &t, "'always' needs a statement above it that "
				 "writes: before one there is nothing to put right");
	return 0;
}

int stmt_risk(struct parser *p)
{
	struct tok t;
	int level = parse_one_of(p, "risk", risk_words, &t);

	if (level < 0)
		return -1;
	p->st.risk = (enum quirk_risk)level;
	return parse_end(p);
}

void block_close(struct parser *p)
{
	if (p->st.always && p->st.always_n == p->in.block->n && !p->lost_stmts)
		parse_bad_at(p, p->st.always_at, "nothing follows 'always'");
}

/* ---- keep REG, keep REG.FIELD */

static int keep_new(struct parser *p, const struct ref *ref)
{
	const struct q_block *b = p->in.block;

	for (size_t i = 0; i < b->n; i++)
		if (b->stmt[i].reg.off == ref->reg.off && b->stmt[i].mask & ref->mask)
			return parse_bad(p, &ref->tok, "kept already, on line %d",
					 b->stmt[i].line);
	return 0;
}

int stmt_keep(struct parser *p)
{
	struct ref ref;

	if (regs_ref(p, &ref) < 0 || parse_end(p) < 0)
		return -1;
	if (ref.poisoned)
		return stmt_drop(p);
	if (ref.reg.space != REG_CONFIG)
		return parse_bad(p, &ref.tok, "only registers in configuration space can "
				 "be kept");
	if (ref.reg.off < CFG_HEADER)
		return parse_bad(p, &ref.tok, "the standard config header (below 0x40) "
				 "is put back by Linux itself");
	if (keep_new(p, &ref) < 0)
		return -1;
	return stmt_add(p, (struct q_stmt){ .verb = Q_KEEP, .reg = ref.reg,
					    .name = ref.name, .mask = ref.mask });
}
