// SPDX-License-Identifier: GPL-2.0-or-later
/* Conditions: of wait and require, and "when COND then" in front of a statement. */
#include "quirk/parse.h"

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

static int cond_one(struct parser *p, struct reg_cond *cond, int *ncond, bool *poisoned)
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
	cond[(*ncond)++] = c;
	return 0;
}

int cond_line(struct parser *p, struct reg_cond cond[REG_ALTERNATIVES], int *ncond,
	      bool *poisoned)
{
	struct tok t;
	int n = 0;

	do {
		if (cond_one(p, cond, ncond, poisoned) < 0)
			return -1;
	} while (++n < REG_ALTERNATIVES && parse_accept(p, "or"));
	t = lex_peek(&p->in.lx);
	if (tok_is(&t, "or"))
		return parse_bad(p, &t, "at most %d alternatives", REG_ALTERNATIVES);
	return 0;
}

int cond_when(struct parser *p)
{
	struct q_when *w;

	if (p->pre.nwhen == Q_WHENS)
		return parse_bad(p, &p->pre.when_tok, "at most %d conditions in a row: "
				 "'when A then when B then ...'", Q_WHENS);
	w = &p->pre.when[p->pre.nwhen++];
	if (cond_line(p, w->cond, &w->ncond, &p->pre.poisoned) < 0)
		return -1;
	return parse_expect(p, "then");
}

/* ---- does reading @a see, or disturb, an access to @b? */

static bool reg_bytes_meet(const struct reg *a, const struct reg *b)
{
	return a->off < b->off + b->width && b->off < a->off + a->width;
}

/* @a in a BAR, @b behind a window of it */
static bool reg_is_window(const struct reg *a, const struct reg *b)
{
	return a->bar == b->bar && (a->off == b->index || a->off == b->data);
}

static bool reg_meets(const struct reg *a, const struct reg *b)
{
	if (a->space != b->space)
		return (a->space == REG_BAR && b->space == REG_INDIRECT &&
			reg_is_window(a, b)) ||
		       (b->space == REG_BAR && a->space == REG_INDIRECT &&
			reg_is_window(b, a));
	if (a->space == REG_INDIRECT)
		return a->bar == b->bar && a->index == b->index && a->off == b->off;
	return (a->space == REG_CONFIG || a->bar == b->bar) && reg_bytes_meet(a, b);
}

int cond_apart(struct parser *p, const struct reg *regs, size_t n)
{
	for (int w = 0; w < p->pre.nwhen; w++)
		for (int c = 0; c < p->pre.when[w].ncond; c++)
			for (size_t i = 0; i < n; i++)
				if (reg_meets(&p->pre.when[w].cond[c].reg, &regs[i]))
					return parse_bad(p, &p->pre.when_tok, "this line "
						"becomes several statements and its "
						"condition is read before each: it "
						"cannot be about %s, which the line "
						"itself uses",
						p->pre.when[w].cond[c].name);
	return 0;
}
