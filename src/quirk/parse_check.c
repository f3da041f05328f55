// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What can be said only when the whole file was read: what is missing, what leads
 * nowhere, what takes too long.
 */
#include "quirk/parse.h"

#include <string.h>

static const struct place whole_file = { 0, 0, NULL, 0 };

/* ---- missing */

static void check_keys(struct parser *p, enum section_id sec, const char *title)
{
	const struct key *keys = keys_of(sec);

	for (int i = 0; keys[i].name && !p->lost_keys[sec]; i++)
		if (keys[i].flags & KEY_REQUIRED && !(p->seen[sec] & 1u << i))
			parse_bad_at(p, p->sec_at[sec], "%s needs a '%s' line", title,
				     keys[i].name);
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
		if (p->sec_at[need[i].sec].line)
			check_keys(p, need[i].sec, need[i].title);
		else if (!p->lost_sections)
			parse_bad_at(p, whole_file, "there is no %s section",
				     need[i].title);
	}
}

static bool check_has_sequence(const struct quirk *q)
{
	for (size_t i = 0; i < q->nmethods; i++)
		if (q->methods[i].sequence)
			return true;
	return false;
}

static void check_block(struct parser *p, enum section_id sec, const struct q_block *b)
{
	if (p->sec_at[sec].line && !b->n && !p->lost_stmts)
		parse_bad_at(p, p->sec_at[sec], "nothing in this section");
}

static void check_blocks(struct parser *p)
{
	struct quirk *q = p->q;

	for (size_t i = 0; i < q->nsequences; i++)
		if (!q->sequences[i].n && !p->lost_stmts)
			parse_bad_at(p, p->seq_at[i], "nothing in this section");
	check_block(p, SEC_CLEAN, &q->clean);
	check_block(p, SEC_HEALTH, &q->health);
	if (check_has_sequence(q) && !p->sec_at[SEC_HEALTH].line && !p->lost_sections)
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

	if (p->sec_at[SEC_RESET].line && !q->nmethods && !q->ndenies &&
	    !p->lost_methods && !p->lost_keys[SEC_RESET])
		parse_bad_at(p, p->sec_at[SEC_RESET], "[reset] needs a 'method' or a "
			     "'deny' line");
	for (size_t i = 0; i < q->nmethods; i++) {
		const struct q_deny *d = quirk_deny(q, q->methods[i].name);

		if (d)
			parse_bad_at(p, p->method_at[i], "this method is denied on line "
				     "%d", d->line);
	}
}

/* ---- sequences and methods name each other */

static void check_named(struct parser *p)
{
	struct quirk *q = p->q;
	const char *words[PARSE_MAX_LIST + 1];

	for (size_t i = 0; i < q->nsequences; i++)
		words[i] = q->sequences[i].name;
	words[q->nsequences] = NULL;
	for (size_t i = 0; i < q->nmethods && !p->lost_sections; i++) {
		const char *name = q->methods[i].sequence, *near;

		if (!name || quirk_sequence(q, name))
			continue;
		p->lost_methods = true;
		near = diag_nearest(name, words);
		parse_bad_at(p, p->method_at[i], "there is no [sequence %.40s]%s%.40s%s",
			     name, near ? "; did you mean '" : "", near ? near : "",
			     near ? "'?" : "");
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
		if (!check_method_names(q, q->sequences[i].name))
			parse_bad_at(p, p->seq_at[i], "no 'method' line names this "
				     "sequence");
}

/* ---- unused names: mostly a typing error elsewhere, or a copied block */

static void check_used_fields(struct parser *p, const struct sym_reg *r)
{
	for (size_t i = 0; i < r->nfields; i++)
		if (!r->fields[i].used && !r->fields[i].poisoned)
			parse_bad_at(p, r->fields[i].at, "%s.%s is never used", r->name,
				     r->fields[i].name);
}

static void check_used(struct parser *p)
{
	for (size_t i = 0; i < p->nspaces; i++)
		if (!p->spaces[i]->used && !p->spaces[i]->poisoned)
			parse_bad_at(p, p->spaces[i]->at, "space '%s' is never used",
				     p->spaces[i]->name);
	for (size_t i = 0; i < p->nregs; i++) {
		const struct sym_reg *r = p->regs[i];

		if (r->poisoned)
			continue;
		if (!r->used)
			parse_bad_at(p, r->at, "%s is never used", r->name);
		else
			check_used_fields(p, r);
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
	check_blocks(p);
	check_named(p);
	if (!p->lost_methods && !p->lost_sections)
		check_reached(p);
	if (!p->lost_stmts && !p->lost_names && !p->lost_sections)
		check_used(p);
	check_budget(p);
}
