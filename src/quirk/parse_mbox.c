// SPDX-License-Identifier: GPL-2.0-or-later
/* Mailboxes: declared in [registers], spoken to by "send" and "post". */
#include "quirk/parse.h"

#include <string.h>

static const char *const mbox_words[MBOX_REGS] = {
	[MBOX_MESSAGE] = "message", [MBOX_ARGUMENT] = "argument",
	[MBOX_RESPONSE] = "response",
};

/* ---- mailbox NAME = message REG argument REG response REG ok N */

/* Declaring is no use: the register counts as used when the mailbox is. */
static int mbox_ref(struct parser *p, struct ref *ref)
{
	struct tok t = lex_peek(&p->in.lx);
	struct sym_reg *r = names_reg(p, &t);
	bool used = r && r->used;
	int ret = regs_ref(p, ref);

	if (r)
		r->used = used;
	return ret;
}

static int mbox_reg(struct parser *p, struct sym_mbox *m, int which, bool *poisoned)
{
	struct ref ref;

	if (parse_expect(p, mbox_words[which]) < 0 || mbox_ref(p, &ref) < 0)
		return -1;
	*poisoned |= ref.poisoned;
	if (ref.poisoned)
		return 0;
	if (ref.field || ref.all)
		return parse_bad(p, &ref.tok, "a mailbox is made of whole single "
				 "registers");
	if (regs_writable(p, &ref) < 0)
		return -1;
	m->reg[which] = ref.sym;
	m->element[which] = ref.sym->count ? (ref.reg.off - ref.sym->reg.off) / 4 : 0;
	m->reg_name[which] = ref.name;
	for (int i = 0; i < which; i++)
		if (m->reg[i] == m->reg[which] && m->element[i] == m->element[which])
			return parse_bad(p, &ref.tok, "%s is the %s register already",
					 ref.name, mbox_words[i]);
	return 0;
}

/* An answer, and no other: 0 is "none yet", all ones a lost device. */
static int mbox_answer(struct parser *p, const struct sym_reg *response, bool poisoned,
		       uint32_t *value, struct tok *num)
{
	uint32_t ones = poisoned ? UINT32_MAX : reg_all_ones(&response->reg);

	if (parse_number(p, "an answer, a number", value, num) < 0)
		return -1;
	if (!*value)
		return parse_bad(p, num, "0 is no answer: it says that none has come "
				 "yet");
	if (*value >= ones)
		return parse_bad(p, num, "%#x is no answer: %s", *value,
				 *value == ones ? "all ones is a lost device"
				 : "the register is not that wide");
	return 0;
}

static int mbox_body(struct parser *p, struct sym_mbox *m)
{
	bool poisoned = false;
	struct tok num;

	if (parse_expect(p, "=") < 0)
		return -1;
	for (int i = 0; i < MBOX_REGS; i++)
		if (mbox_reg(p, m, i, &poisoned) < 0)
			return -1;
	if (parse_expect(p, "ok") < 0 ||
	    mbox_answer(p, m->reg[MBOX_RESPONSE], poisoned, &m->ok, &num) < 0 ||
	    parse_end(p) < 0)
		return -1;
	m->poisoned = poisoned;
	return 0;
}

int regs_mailbox(struct parser *p)
{
	struct sym_mbox *m;
	struct tok name;

	if (parse_word(p, "the name of a mailbox", &name) < 0) {
		p->lost_names = true;
		return -1;
	}
	m = names_mbox(p, &name);
	if (m && !m->ghost)
		return parse_bad(p, &name, "mailbox '%s' is declared twice, first on %s",
				 m->name, parse_where(p, &m->at).text);
	m = m ? m : names_add_mbox(p, &name);
	if (!m)
		return -1;
	m->ghost = false;
	m->at = parse_place(p, name.col);
	return mbox_body(p, m);
}

/* ---- answer NAME N "text" */

static int answer_new(struct parser *p, const struct sym_mbox *m, uint32_t value,
		      const struct tok *num)
{
	if (value == m->ok)
		return parse_bad(p, num, "this answer of '%s' is 'ok' already", m->name);
	for (size_t i = 0; i < m->nanswers; i++)
		if (m->answers[i].value == value)
			return parse_bad(p, num, "this answer of '%s' is given twice: "
					 "\"%.60s\"", m->name, m->answers[i].text);
	return 0;
}

int regs_answer(struct parser *p)
{
	struct q_code code = { 0 }, *grown;
	struct sym_mbox *m;
	struct tok name, num;

	if (parse_word(p, "the name of a mailbox", &name) < 0)
		return -1;
	m = names_mbox(p, &name);
	if (!m)
		return names_no_mbox(p, &name);
	if (mbox_answer(p, m->reg[MBOX_RESPONSE], m->poisoned, &code.value, &num) < 0 ||
	    parse_string(p, "what the answer means, in quotes", &code.text) < 0 ||
	    parse_end(p) < 0)
		return -1;
	if (m->poisoned)
		return 0;
	if (answer_new(p, m, code.value, &num) < 0)
		return -1;
	grown = parse_push(p, p->scratch, m->answers, m->nanswers, sizeof(code),
			   PARSE_MAX_LIST, "answers of one mailbox");
	if (!grown)
		return -1;
	m->answers = grown;
	grown[m->nanswers++] = code;
	return 0;
}

/* ---- send, post */

/* The declared answers; made once, and again when an includer has added some. */
static const struct q_code *mbox_codes(struct parser *p, struct sym_mbox *m)
{
	struct q_code *list;

	if (m->codes && m->ncodes == m->nanswers)
		return m->codes;
	list = arena_alloc(p->keep, (m->nanswers + 1) * sizeof(*list));
	if (m->nanswers)
		memcpy(list, m->answers, m->nanswers * sizeof(*list));
	m->codes = list;
	m->ncodes = m->nanswers;
	return list;
}

static struct reg mbox_at(const struct sym_mbox *m, int which)
{
	struct reg r = m->reg[which]->reg;

	r.off += 4 * m->element[which];
	return r;
}

static int mbox_value(struct parser *p, const struct sym_mbox *m, int which,
		      uint32_t *value)
{
	struct tok num;

	if (parse_number(p, "a number", value, &num) < 0)
		return -1;
	if (!m->poisoned && *value > reg_all_ones(&m->reg[which]->reg))
		return parse_bad(p, &num, "%.*s does not fit: %s is %u bits wide",
				 (int)num.len, num.s, m->reg_name[which],
				 8u * m->reg[which]->reg.width);
	return 0;
}

/* MBOX N [argument N]; @m is NULL after an error. */
static struct sym_mbox *mbox_call(struct parser *p, uint32_t *message, uint32_t *argument)
{
	struct sym_mbox *m;
	struct tok name;

	*argument = 0;
	if (parse_word(p, "the name of a mailbox", &name) < 0)
		return NULL;
	m = names_mbox(p, &name);
	if (!m) {
		names_no_mbox(p, &name);
		return NULL;
	}
	m->used = true;
	if (mbox_value(p, m, MBOX_MESSAGE, message) < 0)
		return NULL;
	if (parse_accept(p, "argument") && mbox_value(p, m, MBOX_ARGUMENT, argument) < 0)
		return NULL;
	return m;
}

static int mbox_apart(struct parser *p, const struct sym_mbox *m)
{
	struct reg regs[MBOX_REGS];

	for (int i = 0; i < MBOX_REGS; i++) {
		m->reg[i]->used = true;
		regs[i] = mbox_at(m, i);
	}
	return cond_apart(p, regs, MBOX_REGS);
}

static int mbox_write(struct parser *p, const struct sym_mbox *m, int which,
		      uint32_t value, bool joined)
{
	struct q_stmt st = {
		.verb = Q_WRITE, .reg = mbox_at(m, which), .name = m->reg_name[which],
		.mask = reg_all_ones(&m->reg[which]->reg), .value = value,
		.joined = joined,
	};

	return stmt_add(p, st);
}

static int mbox_wait(struct parser *p, const struct sym_mbox *m, struct q_stmt st,
		     enum reg_op op, uint32_t want)
{
	st.verb = Q_WAIT;
	st.name = m->reg_name[MBOX_RESPONSE];
	st.cond[0] = (struct reg_cond){
		.reg = mbox_at(m, MBOX_RESPONSE), .op = op, .want = want,
		.mask = reg_all_ones(&m->reg[MBOX_RESPONSE]->reg), .name = st.name,
	};
	st.ncond = 1;
	return stmt_add(p, st);
}

/* No answer of the last message may be taken for this one's: it is cleared first. */
static int mbox_put(struct parser *p, const struct sym_mbox *m, uint32_t message,
		    uint32_t argument, bool joined)
{
	if (mbox_write(p, m, MBOX_RESPONSE, 0, joined) < 0 ||
	    mbox_write(p, m, MBOX_ARGUMENT, argument, true) < 0)
		return -1;
	return mbox_write(p, m, MBOX_MESSAGE, message, true);
}

int stmt_send(struct parser *p)
{
	struct q_stmt idle = { 0 }, answer = { .joined = true };
	uint32_t message, argument;
	struct sym_mbox *m = mbox_call(p, &message, &argument);

	if (!m || parse_expect(p, "within") < 0 ||
	    parse_time(p, TIME_S | TIME_MS | TIME_US, &idle.limit_us) < 0 ||
	    parse_end(p) < 0)
		return -1;
	if (m->poisoned)
		return stmt_drop(p);
	if (mbox_apart(p, m) < 0)
		return -1;
	answer.limit_us = idle.limit_us;
	if (mbox_wait(p, m, idle, REG_NE, 0) < 0 ||
	    mbox_put(p, m, message, argument, true) < 0 ||
	    mbox_wait(p, m, answer, REG_NE, 0) < 0)
		return -1;
	answer.limit_us = 0;            /* it is there: read once */
	answer.codes = mbox_codes(p, m);
	return mbox_wait(p, m, answer, REG_EQ, m->ok);
}

int stmt_post(struct parser *p)
{
	uint32_t message, argument;
	struct sym_mbox *m = mbox_call(p, &message, &argument);

	if (!m || parse_end(p) < 0)
		return -1;
	if (m->poisoned)
		return stmt_drop(p);
	if (mbox_apart(p, m) < 0)
		return -1;
	return mbox_put(p, m, message, argument, false);
}
