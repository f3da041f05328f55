// SPDX-License-Identifier: GPL-2.0-or-later
/* Statements: a verb is a row and a function, and emits resolved struct q_stmt. */
#include "quirk/parse.h"

#include <stdio.h>
#include <string.h>

#define IN_SEQUENCE (1u << SEC_SEQUENCE)
#define IN_CLEAN (1u << SEC_CLEAN)
#define IN_HEALTH (1u << SEC_HEALTH)

struct verb {
	const char *name;
	unsigned in;            /* sections it belongs to */
	int (*parse)(struct parser *p);
};

static int stmt_add(struct parser *p, const struct q_stmt *st)
{
	struct q_block *b = p->block;
	struct q_stmt *grown;

	grown = parse_push(p, p->keep, b->stmt, b->n, sizeof(*st), PARSE_MAX_STMTS,
			   "statements in one section");
	if (!grown)
		return -1;
	b->stmt = grown;
	grown[b->n++] = *st;
	return 0;
}

/* A right statement about a wrong declaration: nothing to say, nothing to emit. */
static int stmt_drop(struct parser *p)
{
	p->lost_stmts = true;
	return 0;
}

/* ---- write, set, setbits: REG = N */

static int stmt_assign(struct parser *p, struct ref *ref, uint32_t *value)
{
	if (regs_ref(p, ref) < 0 || regs_writable(p, ref) < 0 ||
	    parse_expect(p, "=") < 0 || regs_value(p, ref, value) < 0)
		return -1;
	return parse_end(p);
}

static int stmt_write_all(struct parser *p, const struct ref *ref, struct q_stmt st)
{
	for (uint32_t i = 0; i < ref->sym->count; i++) {
		size_t room = strlen(ref->sym->name) + 16;
		char *name = arena_alloc(p->keep, room);

		snprintf(name, room, "%s[%u]", ref->sym->name, i);
		st.name = name;
		st.reg.off = ref->sym->reg.off + 4 * i;
		if (stmt_add(p, &st) < 0)
			return -1;
	}
	return 0;
}

static int stmt_write(struct parser *p)
{
	struct q_stmt st = { .verb = Q_WRITE, .line = p->line };
	struct ref ref;

	if (stmt_assign(p, &ref, &st.value) < 0)
		return -1;
	if (ref.poisoned)
		return stmt_drop(p);
	if (ref.field)
		return parse_bad(p, &ref.tok, "'write' stores a whole register; 'set' "
				 "changes one field");
	st.reg = ref.reg;
	st.name = ref.name;
	st.mask = ref.mask;
	return ref.all ? stmt_write_all(p, &ref, st) : stmt_add(p, &st);
}

static int stmt_emit_set(struct parser *p, const struct ref *ref, uint32_t mask,
			 uint32_t value)
{
	struct q_stmt st = { .verb = Q_SET, .line = p->line, .reg = ref->reg,
			     .name = ref->name, .mask = mask, .value = value };

	if (ref->all)
		return parse_bad(p, &ref->tok, "only 'write' takes a whole array");
	return stmt_add(p, &st);
}

static int stmt_set(struct parser *p)
{
	struct ref ref;
	uint32_t value;

	if (stmt_assign(p, &ref, &value) < 0)
		return -1;
	if (ref.poisoned)
		return stmt_drop(p);
	if (!ref.field)
		return parse_bad(p, &ref.tok, "'set' changes one field: REG.FIELD; "
				 "'write' stores a whole register");
	return stmt_emit_set(p, &ref, ref.mask, value);
}

static int stmt_setbits(struct parser *p)
{
	struct ref ref;
	uint32_t mask;

	if (stmt_assign(p, &ref, &mask) < 0)
		return -1;
	if (ref.poisoned)
		return stmt_drop(p);
	if (ref.field)
		return parse_bad(p, &ref.tok, "'setbits' takes a whole register and a "
				 "mask; 'set' changes one field");
	if (!mask)
		return parse_bad(p, &ref.tok, "no bit to set");
	return stmt_emit_set(p, &ref, mask, mask);
}

/* ---- conditions */

static int cond_op(struct parser *p, enum reg_op *op)
{
	static const enum reg_op ops[] = { REG_EQ, REG_NE, REG_GE, REG_LT };
	struct tok t = parse_next(p);

	for (size_t i = 0; i < sizeof(ops) / sizeof(*ops); i++) {
		if (t.kind == TOK_OP && tok_is(&t, reg_op_str(ops[i]))) {
			*op = ops[i];
			return 0;
		}
	}
	if (tok_is(&t, "="))
		return parse_bad(p, &t, "a comparison is written ==, a single = only "
				 "assigns");
	return parse_bad(p, &t, "expected a comparison here: ==, !=, >= or <");
}

/* Conditions that say nothing, since all ones satisfies none of them. */
static int cond_sense(struct parser *p, const struct ref *ref,
		      const struct reg_cond *c)
{
	if (c->op == REG_EQ && c->want == reg_all_ones(&c->reg))
		return parse_bad(p, &ref->tok, "this can never hold: a register that "
				 "reads all ones is a lost device");
	if (c->op == REG_LT && !c->want)
		return parse_bad(p, &ref->tok, "this can never hold: nothing is less "
				 "than 0");
	if (c->op == REG_GE && !c->want)
		return parse_bad(p, &ref->tok, "this says nothing: everything is at "
				 "least 0");
	return 0;
}

static int cond_one(struct parser *p, struct q_stmt *st, bool *poisoned)
{
	struct reg_cond c = { 0 };
	struct ref ref;

	if (regs_ref(p, &ref) < 0 || cond_op(p, &c.op) < 0 ||
	    regs_value(p, &ref, &c.want) < 0)
		return -1;
	*poisoned |= ref.poisoned;
	if (ref.poisoned)
		return 0;
	if (ref.all)
		return parse_bad(p, &ref.tok, "a condition is about one register");
	c.reg = ref.reg;
	c.mask = ref.mask;
	c.name = ref.name;
	if (cond_sense(p, &ref, &c) < 0)
		return -1;
	st->cond[st->ncond++] = c;
	return 0;
}

/* COND, COND or COND */
static int stmt_conds(struct parser *p, struct q_stmt *st, bool *poisoned)
{
	struct tok t;
	int n = 0;

	do {
		if (cond_one(p, st, poisoned) < 0)
			return -1;
	} while (++n < REG_ALTERNATIVES && parse_accept(p, "or"));
	t = lex_peek(&p->lx);
	if (tok_is(&t, "or"))
		return parse_bad(p, &t, "at most %d alternatives", REG_ALTERNATIVES);
	st->name = st->ncond ? st->cond[0].name : "";
	return 0;
}

static int stmt_wait(struct parser *p)
{
	struct q_stmt st = { .verb = Q_WAIT, .line = p->line };
	bool poisoned = false;

	if (stmt_conds(p, &st, &poisoned) < 0 || parse_expect(p, "within") < 0 ||
	    parse_time(p, TIME_S | TIME_MS | TIME_US, &st.limit_us) < 0 ||
	    parse_end(p) < 0)
		return -1;
	return poisoned ? stmt_drop(p) : stmt_add(p, &st);
}

/* In a sequence the person is told why it does not apply; elsewhere it just fails. */
static int stmt_require(struct parser *p)
{
	struct q_stmt st = { .verb = Q_REQUIRE, .line = p->line };
	bool poisoned = false;

	if (stmt_conds(p, &st, &poisoned) < 0)
		return -1;
	if (p->sec == SEC_SEQUENCE &&
	    (parse_expect(p, "else") < 0 || parse_expect(p, "skip") < 0 ||
	     parse_string(p, "the reason in quotes", &st.why) < 0))
		return -1;
	if (parse_end(p) < 0)
		return -1;
	return poisoned ? stmt_drop(p) : stmt_add(p, &st);
}

static int stmt_delay(struct parser *p)
{
	struct q_stmt st = { .verb = Q_DELAY, .line = p->line, .name = "" };

	if (parse_time(p, TIME_S | TIME_MS | TIME_US, &st.limit_us) < 0 ||
	    parse_end(p) < 0)
		return -1;
	return stmt_add(p, &st);
}

/* ---- table */

static const struct verb verbs[] = {
	{ "write", IN_SEQUENCE, stmt_write },
	{ "set", IN_SEQUENCE, stmt_set },
	{ "setbits", IN_SEQUENCE, stmt_setbits },
	{ "wait", IN_SEQUENCE | IN_HEALTH, stmt_wait },
	{ "delay", IN_SEQUENCE, stmt_delay },
	{ "require", IN_SEQUENCE | IN_CLEAN | IN_HEALTH, stmt_require },
};
#define NVERBS (sizeof(verbs) / sizeof(*verbs))

int stmt_line(struct parser *p)
{
	const char *words[NVERBS + 1];
	struct tok t;
	size_t n = 0;

	if (parse_word(p, "a statement", &t) < 0)
		return -1;
	for (size_t i = 0; i < NVERBS; i++) {
		bool here = verbs[i].in & 1u << p->sec;

		if (here && tok_is(&t, verbs[i].name))
			return verbs[i].parse(p);
		if (tok_is(&t, verbs[i].name))
			return parse_bad(p, &t, "'%s' does not belong in %s",
					 verbs[i].name, p->sec == SEC_CLEAN
					 ? "[clean], only require"
					 : "[health], only wait and require");
		if (here)
			words[n++] = verbs[i].name;
	}
	words[n] = NULL;
	return parse_unknown(p, &t, "statement", words);
}
