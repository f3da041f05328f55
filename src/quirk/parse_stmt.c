// SPDX-License-Identifier: GPL-2.0-or-later
/* Statements: a verb is a row and a function, and emits resolved struct q_stmt. */
#include "quirk/parse.h"

#include <stdio.h>
#include <string.h>

#define IN_SEQUENCE (1u << SEC_SEQUENCE)
#define IN_CLEAN (1u << SEC_CLEAN)
#define IN_HEALTH (1u << SEC_HEALTH)
#define IN_RESTORE (1u << SEC_RESTORE)

#define CAN_WHEN 1u             /* "when COND then" may stand in front */
#define CAN_TRY 2u
#define WRITES 4u

struct verb {
	const char *name;
	unsigned in;            /* sections it belongs to */
	unsigned flags;
	int (*parse)(struct parser *p);
	bool prefix;            /* a statement follows on the line */
};

int stmt_push(struct parser *p, const struct q_stmt *st)
{
	struct q_block *b = p->in.block;
	struct q_stmt *grown;

	if (p->nstmts >= PARSE_MAX_ALL_STMTS) {
		parse_bad_at(p, parse_place(p, 1), "more than %d statements in one file",
			     PARSE_MAX_ALL_STMTS);
		p->mute = true;
		return -1;
	}
	grown = parse_push(p, p->keep, b->stmt, b->n, sizeof(*st), PARSE_MAX_STMTS,
			   "statements in one section");
	if (!grown)
		return -1;
	b->stmt = grown;
	grown[b->n++] = *st;
	p->nstmts++;
	return 0;
}

int stmt_add(struct parser *p, struct q_stmt st)
{
	if (p->pre.poisoned)
		return stmt_drop(p);
	st.file = p->in.path;
	st.line = p->in.line;
	st.risk = p->st.risk;
	st.always = p->st.always;
	st.optional = p->pre.optional;
	memcpy(st.when, p->pre.when, sizeof(st.when));
	st.nwhen = p->pre.nwhen;
	return stmt_push(p, &st);
}

int stmt_drop(struct parser *p)
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
	struct reg all = ref->sym->reg;

	all.width = 4;
	for (uint32_t i = 0; i < ref->sym->count; i++) {
		all.off = ref->sym->reg.off + 4 * i;
		if (cond_apart(p, &all, 1) < 0)
			return -1;
	}
	for (uint32_t i = 0; i < ref->sym->count; i++) {
		size_t room = strlen(ref->sym->name) + 16;
		char *name = arena_alloc(p->keep, room);

		snprintf(name, room, "%s[%u]", ref->sym->name, i);
		st.name = name;
		st.reg.off = ref->sym->reg.off + 4 * i;
		st.joined = i > 0;
		if (stmt_add(p, st) < 0)
			return -1;
	}
	return 0;
}

static int stmt_write(struct parser *p)
{
	struct q_stmt st = { .verb = Q_WRITE };
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
	return ref.all ? stmt_write_all(p, &ref, st) : stmt_add(p, st);
}

static int stmt_emit_set(struct parser *p, const struct ref *ref, uint32_t mask,
			 uint32_t value)
{
	struct q_stmt st = { .verb = Q_SET, .reg = ref->reg,
			     .name = ref->name, .mask = mask, .value = value };

	if (ref->all)
		return parse_bad(p, &ref->tok, "only 'write' takes a whole array");
	return stmt_add(p, st);
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

/* ---- wait, require, delay */

static int stmt_wait(struct parser *p)
{
	struct q_stmt st = { .verb = Q_WAIT };
	bool poisoned = false;

	if (cond_line(p, st.cond, &st.ncond, &poisoned) < 0 ||
	    parse_expect(p, "within") < 0 ||
	    parse_time(p, TIME_S | TIME_MS | TIME_US, &st.limit_us) < 0 ||
	    parse_end(p) < 0)
		return -1;
	st.name = st.ncond ? st.cond[0].name : "";
	return poisoned ? stmt_drop(p) : stmt_add(p, st);
}

/* A sequence that is not for the card must say so before it changes anything. */
static int stmt_require_here(struct parser *p, const struct tok *at)
{
	if (p->st.always)
		return parse_bad(p, at, "no 'require' below 'always': what stands there "
				 "runs in any case");
	if (p->st.wrote)
		return parse_bad(p, at, "'require' below a statement that writes: a part "
				 "has happened by then; use 'wait COND within TIME'");
	return 0;
}

/* In a sequence the person is told why it does not apply; elsewhere it just fails. */
static int stmt_require(struct parser *p)
{
	struct q_stmt st = { .verb = Q_REQUIRE };
	bool poisoned = false;

	if (stmt_require_here(p, &p->verb) < 0 ||
	    cond_line(p, st.cond, &st.ncond, &poisoned) < 0)
		return -1;
	if (p->in.sec == SEC_SEQUENCE &&
	    (parse_expect(p, "else") < 0 || parse_expect(p, "skip") < 0 ||
	     parse_string(p, "the reason in quotes", &st.why) < 0))
		return -1;
	if (parse_end(p) < 0)
		return -1;
	st.name = st.ncond ? st.cond[0].name : "";
	return poisoned ? stmt_drop(p) : stmt_add(p, st);
}

static int stmt_delay(struct parser *p)
{
	struct q_stmt st = { .verb = Q_DELAY, .name = "" };

	if (parse_time(p, TIME_S | TIME_MS | TIME_US, &st.limit_us) < 0 ||
	    parse_end(p) < 0)
		return -1;
	return stmt_add(p, st);
}

/* ---- prefixes */

static int stmt_when(struct parser *p)
{
	p->pre.when_tok = p->verb;
	if (p->pre.optional)
		return parse_bad(p, &p->verb, "'try' stands right before wait or send: "
				 "when COND then try ...");
	return cond_when(p);
}

static int stmt_try(struct parser *p)
{
	if (p->pre.optional)
		return parse_bad(p, &p->verb, "'try' is given twice");
	p->pre.optional = true;
	p->pre.try_tok = p->verb;
	return 0;
}

/* ---- table */

static const struct verb verbs[] = {
	{ "write", IN_SEQUENCE, CAN_WHEN | WRITES, stmt_write, false },
	{ "set", IN_SEQUENCE, CAN_WHEN | WRITES, stmt_set, false },
	{ "setbits", IN_SEQUENCE, CAN_WHEN | WRITES, stmt_setbits, false },
	{ "wait", IN_SEQUENCE | IN_HEALTH, CAN_WHEN | CAN_TRY, stmt_wait, false },
	{ "delay", IN_SEQUENCE, CAN_WHEN, stmt_delay, false },
	{ "require", IN_SEQUENCE | IN_CLEAN | IN_HEALTH, 0, stmt_require, false },
	{ "send", IN_SEQUENCE, CAN_WHEN | CAN_TRY | WRITES, stmt_send, false },
	{ "post", IN_SEQUENCE, CAN_WHEN | WRITES, stmt_post, false },
	{ "try", IN_SEQUENCE, CAN_WHEN, stmt_try, true },
	{ "when", IN_SEQUENCE, CAN_WHEN, stmt_when, true },
	{ "always", IN_SEQUENCE, 0, stmt_always, false },
	{ "run", IN_SEQUENCE | IN_CLEAN | IN_HEALTH, 0, stmt_run, false },
	{ "risk", IN_SEQUENCE, 0, stmt_risk, false },
	{ "keep", IN_RESTORE, 0, stmt_keep, false },
};
#define NVERBS (sizeof(verbs) / sizeof(*verbs))

static const char *const section_holds[SEC_COUNT] = {
	[SEC_SEQUENCE] = "a sequence, only in [restore]",
	[SEC_CLEAN] = "[clean], only require and run",
	[SEC_HEALTH] = "[health], only wait, require and run",
	[SEC_RESTORE] = "[restore], only keep",
};

/* The verb that comes next, allowed in this section. */
static const struct verb *stmt_verb(struct parser *p)
{
	const char *words[NVERBS + 1];
	struct tok *t = &p->verb;
	size_t n = 0;

	if (parse_word(p, "a statement", t) < 0)
		return NULL;
	for (size_t i = 0; i < NVERBS; i++) {
		bool here = verbs[i].in & 1u << p->in.sec;

		if (here && tok_is(t, verbs[i].name))
			return &verbs[i];
		if (tok_is(t, verbs[i].name)) {
			parse_bad(p, t, "'%s' does not belong in %s", verbs[i].name,
				  section_holds[p->in.sec]);
			return NULL;
		}
		if (here)
			words[n++] = verbs[i].name;
	}
	words[n] = NULL;
	parse_unknown(p, t, "statement", words);
	return NULL;
}

/* May what stands in front of @v on the line stand there? */
static int stmt_prefix_fits(struct parser *p, const struct verb *v)
{
	if (p->pre.optional && !v->prefix && !(v->flags & CAN_TRY))
		return parse_bad(p, &p->pre.try_tok, "'try' goes with wait and send, not "
				 "with '%s'", v->name);
	if (p->pre.nwhen && !(v->flags & CAN_WHEN))
		return parse_bad(p, &p->pre.when_tok, "'%s' cannot have a condition",
				 v->name);
	return 0;
}

int stmt_line(struct parser *p)
{
	const struct verb *v;
	int ret;

	p->pre = (struct prefix){ 0 };
	do {
		v = stmt_verb(p);
		if (!v || stmt_prefix_fits(p, v) < 0)
			return -1;
		if (p->st.last)
			return parse_bad(p, &p->verb, "nothing can follow 'run %.40s': "
					 "that sequence has an 'always'", p->st.last);
		ret = v->parse(p);
		p->st.wrote |= (v->flags & WRITES) != 0;        /* even a wrong one */
	} while (v->prefix && ret == 0);
	return ret;
}
