// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What can be said only when the whole file was read: what is missing, what leads
 * nowhere, what takes too long.
 */
#include "quirk/parse.h"

#include <string.h>

static const struct place whole_file = { 0 };

/* ---- missing */

static void check_keys(struct parser *p, enum section_id sec, const char *title)
{
	const struct key *keys = keys_of(sec);

	for (int i = 0; keys[i].name && !p->lost_keys[sec]; i++)
		if (keys[i].flags & KEY_REQUIRED && !(p->in.seen[sec] & 1u << i))
			parse_bad_at(p, p->in.sec_at[sec], "%s needs a '%s' line", title,
				     keys[i].name);
}

/* Was there such a line, right or wrong? A wrong one has had its message. */
static bool check_given(const struct parser *p, enum section_id sec, const char *name)
{
	const struct key *keys = keys_of(sec);

	for (int i = 0; keys[i].name; i++)
		if (!strcmp(keys[i].name, name))
			return p->in.seen[sec] & 1u << i;
	return false;
}

static void check_missing(struct parser *p)
{
	static const struct {
		enum section_id sec;
		const char *title;
	} need[] = {
		{ SEC_DEVICE, "[device]" }, { SEC_NOTES, "[notes]" },
		{ SEC_RESET, "[reset]" },
	};

	check_keys(p, SEC_TOP, "the file");
	for (size_t i = 0; i < sizeof(need) / sizeof(*need); i++) {
		if (p->in.sec_at[need[i].sec].line)
			check_keys(p, need[i].sec, need[i].title);
		else if (!p->lost_sections)
			parse_bad_at(p, whole_file, "there is no %s section",
				     need[i].title);
	}
	if (p->in.sec_at[SEC_NOTES].line && !p->lost_keys[SEC_NOTES] &&
	    !check_given(p, SEC_NOTES, "source") &&
	    !check_given(p, SEC_NOTES, "evidence"))
		parse_bad_at(p, p->in.sec_at[SEC_NOTES], "[notes] needs a 'source' or an "
			     "'evidence' line");
}

static bool check_has_sequence(const struct quirk *q)
{
	for (size_t i = 0; i < q->nmethods; i++)
		if (q->methods[i].sequence)
			return true;
	return false;
}

void check_include(struct parser *p, size_t first_sequence)
{
	check_keys(p, SEC_TOP, "the file");
	for (size_t i = first_sequence; i < p->q->nsequences; i++)
		if (!p->q->sequences[i].n && !p->lost_stmts)
			parse_bad_at(p, p->seq_at[i], "nothing in this section");
}

static void check_block(struct parser *p, enum section_id sec, const struct q_block *b)
{
	if (p->in.sec_at[sec].line && !b->n && !p->lost_stmts)
		parse_bad_at(p, p->in.sec_at[sec], "nothing in this section");
}

static void check_blocks(struct parser *p)
{
	struct quirk *q = p->q;

	for (size_t i = 0; i < q->nsequences; i++)
		if (!q->sequences[i].n && !p->lost_stmts &&
		    !parse_included(p, &p->seq_at[i]))
			parse_bad_at(p, p->seq_at[i], "nothing in this section");
	check_block(p, SEC_CLEAN, &q->clean);
	check_block(p, SEC_HEALTH, &q->health);
	check_block(p, SEC_RESTORE, &q->restore);
	if (check_has_sequence(q) && !p->in.sec_at[SEC_HEALTH].line && !p->lost_sections)
		parse_bad_at(p, whole_file, "there is no [health] section: only it can "
			     "tell that a sequence worked");
}

/* ---- [notes] and [reset] */

static void check_status(struct parser *p)
{
	if (p->q->status == QUIRK_WORKS && !p->q->tested.n && !p->lost_keys[SEC_NOTES])
		parse_bad_at(p, p->status_at, "status 'works' needs at least one "
			     "'tested' line");
}


static void check_methods(struct parser *p)
{
	struct quirk *q = p->q;

	if (p->in.sec_at[SEC_RESET].line && !q->nmethods && !q->ndenies &&
	    !p->lost_methods && !p->lost_keys[SEC_RESET])
		parse_bad_at(p, p->in.sec_at[SEC_RESET], "[reset] needs a 'method' or a "
			     "'deny' line");
	for (size_t i = 0; i < q->nmethods; i++) {
		const struct q_deny *d = quirk_deny(q, q->methods[i].name);

		if (d)
			parse_bad_at(p, p->method_at[i], "this method is denied on line "
				     "%d", d->line);
	}
}

/* What is never to be done must not be what the kernel is left to do. */
static void check_pin(struct parser *p)
{
	struct quirk *q = p->q;

	for (size_t i = 0; i < q->ndenies && q->pin_methods && *q->pin_methods; i++) {
		const char *name = q->denies[i].method;
		const char *at = strstr(q->pin_methods, name);
		size_t n = strlen(name);

		while (at && ((at > q->pin_methods && at[-1] != ' ') ||
			      (at[n] && at[n] != ' ')))
			at = strstr(at + 1, name);
		if (at || !strcmp(name, "all"))
			parse_bad_at(p, p->pin_at, "'pin' names what is denied on line "
				     "%d", q->denies[i].line);
	}
}

static struct q_method *check_ladder(const struct quirk *q, const struct q_method *m)
{
	for (size_t i = 0; i < q->nmethods; i++)
		if (!strcmp(q->methods[i].name, m->name) &&
		    (!m->sequence || !strcmp(q->methods[i].sequence, m->sequence)))
			return &q->methods[i];
	return NULL;
}

/* Without a ladder a "risk" is about the default one, which has no sequences. */
static void check_risks(struct parser *p)
{
	struct quirk *q = p->q;

	for (size_t i = 0; i < q->nrisks && !p->lost_methods; i++) {
		const struct q_method *risk = &q->risks[i];
		struct q_method *m = check_ladder(q, risk);

		if (m) {
			m->risk = risk->risk;
			m->risk_why = risk->risk_why;
		} else if (q->nmethods || risk->sequence) {
			parse_bad_at(p, p->risk_at[i], "no 'method' line names this");
		}
	}
}

/* ---- sequences and methods name each other */

static void check_no_sequence(struct parser *p, struct place at, const char *name,
			      const char *const words[])
{
	const char *near = diag_nearest(name, words);

	parse_bad_at(p, at, "there is no [sequence %.40s]%s%.40s%s", name,
		     near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static void check_named(struct parser *p)
{
	struct quirk *q = p->q;
	const char *words[PARSE_MAX_LIST + 1];

	for (size_t i = 0; i < q->nsequences; i++)
		words[i] = q->sequences[i].name;
	words[q->nsequences] = NULL;
	for (size_t i = 0; i < q->nmethods && !p->lost_sequences; i++) {
		const char *name = q->methods[i].sequence;

		if (!name || quirk_sequence(q, name))
			continue;
		p->lost_methods = true;
		check_no_sequence(p, p->method_at[i], name, words);
	}
	for (size_t i = 0; i < p->nruns && !p->lost_sequences; i++) {
		const char *name = p->runs[i].name;
		const struct q_block *b = quirk_sequence(q, name);

		if (!b) {
			check_no_sequence(p, p->runs[i].at, name, words);
			continue;
		}
		p->seq_run[b - q->sequences] = true;
		parse_bad_at(p, p->runs[i].at, "[sequence %.40s] stands below, on line "
			     "%d: only one above can be run", name, b->line);
	}
}

static bool check_method_names(const struct quirk *q, const char *sequence)
{
	for (size_t i = 0; i < q->nmethods; i++)
		if (q->methods[i].sequence && !strcmp(q->methods[i].sequence, sequence))
			return true;
	return false;
}

static void check_reached(struct parser *p)
{
	const struct quirk *q = p->q;

	for (size_t i = 0; i < q->nsequences; i++)
		if (!check_method_names(q, q->sequences[i].name) && !p->seq_run[i] &&
		    !parse_included(p, &p->seq_at[i]))
			parse_bad_at(p, p->seq_at[i], "no 'method' line names this "
				     "sequence");
}

/* ---- unused names: mostly a typing error elsewhere, or a copied block */

static void check_used_fields(struct parser *p, const struct sym_reg *r)
{
	for (size_t i = 0; i < r->nfields; i++)
		if (!r->fields[i].used && !r->fields[i].poisoned &&
		    !parse_included(p, &r->fields[i].at))
			parse_bad_at(p, r->fields[i].at, "%s.%s is never used", r->name,
				     r->fields[i].name);
}

/* Said of the mailbox, it need not be said of its registers. */
static void check_used_mboxes(struct parser *p)
{
	for (size_t i = 0; i < p->nmboxes; i++) {
		const struct sym_mbox *m = p->mboxes[i];

		if (m->used || m->poisoned)
			continue;
		for (int r = 0; r < MBOX_REGS; r++)
			m->reg[r]->used = true;
		if (!parse_included(p, &m->at))
			parse_bad_at(p, m->at, "mailbox '%s' is never used", m->name);
	}
}

static void check_used(struct parser *p)
{
	check_used_mboxes(p);
	for (size_t i = 0; i < p->nspaces; i++)
		if (!p->spaces[i]->used && !p->spaces[i]->poisoned &&
		    !parse_included(p, &p->spaces[i]->at))
			parse_bad_at(p, p->spaces[i]->at, "space '%s' is never used",
				     p->spaces[i]->name);
	for (size_t i = 0; i < p->nregs; i++) {
		const struct sym_reg *r = p->regs[i];

		if (r->poisoned)
			continue;
		if (!r->used && !parse_included(p, &r->at))
			parse_bad_at(p, r->at, "%s is never used", r->name);
		else
			check_used_fields(p, r);
	}
}

/* ---- what is left for the run time */

/* A sequence that an include offers and nobody takes needs no BAR and no budget. */
static void check_drop_offered(struct parser *p)
{
	struct quirk *q = p->q;
	size_t n = 0;

	for (size_t i = 0; i < q->nsequences; i++)
		if (!parse_included(p, &p->seq_at[i]) ||
		    check_method_names(q, q->sequences[i].name))
			q->sequences[n++] = q->sequences[i];
	q->nsequences = n;
}

static void need_reg(bool need[6], const struct reg *r)
{
	if (r->space != REG_CONFIG)
		need[r->bar] = true;
}

static void need_block(bool need[6], const struct q_block *b)
{
	for (size_t i = 0; i < b->n; i++) {
		const struct q_stmt *st = &b->stmt[i];

		if (st->verb == Q_WRITE || st->verb == Q_SET)
			need_reg(need, &st->reg);
		for (int c = 0; c < st->ncond; c++)
			need_reg(need, &st->cond[c].reg);
		for (int w = 0; w < st->nwhen; w++)
			for (int c = 0; c < st->when[w].ncond; c++)
				need_reg(need, &st->when[w].cond[c].reg);
	}
}

static void check_bar_sizes(struct parser *p)
{
	struct quirk *q = p->q;
	bool need[6] = { false };

	for (size_t i = 0; i < q->nsequences; i++)
		need_block(need, &q->sequences[i]);
	need_block(need, &q->clean);
	need_block(need, &q->health);
	for (size_t i = 0; i < p->nregs; i++) {
		const struct sym_space *sp = p->regs[i]->space;

		if (!sp || sp->poisoned || sp->kind != REG_BAR || !p->regs[i]->used)
			continue;
		if (need[sp->bar] && q->bar_size[sp->bar] < sp->size)
			q->bar_size[sp->bar] = sp->size;
	}
}

/* ---- time */

static uint64_t block_time(const struct q_block *b)
{
	uint64_t us = 0;

	for (size_t i = 0; i < b->n; i++)
		us += b->stmt[i].limit_us;
	return us;
}

static void check_budget(struct parser *p)
{
	const struct quirk *q = p->q;
	uint64_t budget = q->budget_us ? q->budget_us : PARSE_DEFAULT_BUDGET;
	struct place at = q->budget_us ? p->budget_at : p->reset_last;
	uint64_t us = block_time(&q->health);

	for (size_t i = 0; i < q->nsequences; i++)
		if (check_method_names(q, q->sequences[i].name))
			us += block_time(&q->sequences[i]);
	if (us > budget && !p->lost_budget)
		parse_bad_at(p, at, "all waits and delays together can take %llu ms, "
			     "more than the %sbudget of %llu ms",
			     (unsigned long long)(us + 999) / 1000,
			     q->budget_us ? "" : "default ",
			     (unsigned long long)budget / 1000);
}

void check_end(struct parser *p)
{
	check_missing(p);
	check_status(p);
	check_methods(p);
	check_pin(p);
	check_blocks(p);
	check_named(p);
	check_risks(p);
	if (!p->lost_methods && !p->lost_sections && !p->lost_sequences)
		check_reached(p);
	if (!p->lost_stmts && !p->lost_names && !p->lost_sections)
		check_used(p);
	check_budget(p);
	check_drop_offered(p);
	check_bar_sizes(p);
}
