// SPDX-License-Identifier: GPL-2.0-or-later
/* Declared names: finding them, adding them, missing them once. */
#include "quirk/parse.h"

#include <stdio.h>

struct sym_space *names_space(struct parser *p, const struct tok *t)
{
	for (size_t i = 0; i < p->nspaces; i++)
		if (tok_is(t, p->spaces[i]->name))
			return p->spaces[i];
	return NULL;
}

struct sym_reg *names_reg(struct parser *p, const struct tok *t)
{
	for (size_t i = 0; i < p->nregs; i++)
		if (tok_is(t, p->regs[i]->name))
			return p->regs[i];
	return NULL;
}

struct sym_mbox *names_mbox(struct parser *p, const struct tok *t)
{
	for (size_t i = 0; i < p->nmboxes; i++)
		if (tok_is(t, p->mboxes[i]->name))
			return p->mboxes[i];
	return NULL;
}

struct sym_field *names_field(struct sym_reg *r, const struct tok *t)
{
	for (size_t i = 0; i < r->nfields; i++)
		if (tok_is(t, r->fields[i].name))
			return &r->fields[i];
	return NULL;
}

struct sym_space *names_add_space(struct parser *p, const struct tok *t)
{
	struct sym_space **grown, *sp;

	grown = parse_push(p, p->scratch, p->spaces, p->nspaces,
			   sizeof(struct sym_space *), PARSE_MAX_REGS, "spaces");
	if (!grown)
		return NULL;
	sp = arena_alloc(p->scratch, sizeof(*sp));
	sp->name = arena_strndup(p->scratch, t->s, t->len);
	sp->at = parse_place(p, t->col);
	sp->poisoned = true;
	p->spaces = grown;
	grown[p->nspaces++] = sp;
	return sp;
}

struct sym_reg *names_add_reg(struct parser *p, const struct tok *t)
{
	struct sym_reg **grown, *r;

	grown = parse_push(p, p->scratch, p->regs, p->nregs,
			   sizeof(struct sym_reg *), PARSE_MAX_REGS, "registers");
	if (!grown)
		return NULL;
	r = arena_alloc(p->scratch, sizeof(*r));
	r->name = arena_strndup(p->scratch, t->s, t->len);
	r->at = parse_place(p, t->col);
	r->poisoned = true;
	p->regs = grown;
	grown[p->nregs++] = r;
	return r;
}

struct sym_mbox *names_add_mbox(struct parser *p, const struct tok *t)
{
	struct sym_mbox **grown, *m;

	grown = parse_push(p, p->scratch, p->mboxes, p->nmboxes,
			   sizeof(struct sym_mbox *), PARSE_MAX_REGS, "mailboxes");
	if (!grown)
		return NULL;
	m = arena_alloc(p->scratch, sizeof(*m));
	m->name = arena_strndup(p->scratch, t->s, t->len);
	m->at = parse_place(p, t->col);
	m->poisoned = true;
	p->mboxes = grown;
	grown[p->nmboxes++] = m;
	return m;
}

struct sym_field *names_add_field(struct parser *p, struct sym_reg *r,
				   const struct tok *t)
{
	struct sym_field *grown, *f;

	grown = parse_push(p, p->scratch, r->fields, r->nfields, sizeof(*f),
			   PARSE_MAX_REGS, "fields of one register");
	if (!grown)
		return NULL;
	r->fields = grown;
	f = &grown[r->nfields++];
	*f = (struct sym_field){ .name = arena_strndup(p->scratch, t->s, t->len),
				 .at = parse_place(p, t->col), .poisoned = true };
	return f;
}

/* Messages for names that are not there; each name is complained about once. */

int names_no_space(struct parser *p, const struct tok *t)
{
	struct sym_space *ghost;
	const char *words[PARSE_MAX_REGS + 1];
	size_t n = 0;

	for (size_t i = 0; i < p->nspaces; i++)
		words[n++] = p->spaces[i]->name;
	words[n] = NULL;
	if (!p->lost_names)
		parse_unknown(p, t, "space", words);
	ghost = names_add_space(p, t);
	if (ghost)
		ghost->ghost = true;
	return -1;
}

int names_no_reg(struct parser *p, const struct tok *t)
{
	struct sym_reg *ghost;
	const char *words[PARSE_MAX_REGS + 1];
	size_t n = 0;

	for (size_t i = 0; i < p->nregs; i++)
		words[n++] = p->regs[i]->name;
	words[n] = NULL;
	if (!p->lost_names && n)
		parse_unknown(p, t, "register", words);
	else if (!p->lost_names)
		parse_bad(p, t, "register '%.*s' is not declared: declare it in "
			  "[registers] above, or include a file that does",
			  t->len < 40 ? (int)t->len : 40, t->s);
	ghost = names_add_reg(p, t);
	if (ghost)
		ghost->ghost = true;
	return -1;
}

int names_no_mbox(struct parser *p, const struct tok *t)
{
	struct sym_mbox *ghost;
	const char *words[PARSE_MAX_REGS + 1];
	size_t n = 0;

	for (size_t i = 0; i < p->nmboxes; i++)
		if (!p->mboxes[i]->ghost)
			words[n++] = p->mboxes[i]->name;
	words[n] = NULL;
	if (!p->lost_names)
		parse_unknown(p, t, "mailbox", words);
	ghost = names_add_mbox(p, t);
	if (ghost)
		ghost->ghost = true;
	return -1;
}

/* Suggested with the register in front, because that is how it is written. */
int names_no_field(struct parser *p, struct sym_reg *r, const struct tok *reg,
			 const struct tok *t)
{
	const char *words[PARSE_MAX_REGS + 1], *near;
	char word[41];
	size_t n = 0;

	for (size_t i = 0; i < r->nfields; i++)
		words[n++] = r->fields[i].name;
	words[n] = NULL;
	snprintf(word, sizeof(word), "%.*s", t->len < 40 ? (int)t->len : 40, t->s);
	near = diag_nearest(word, words);
	if (p->lost_names || p->lost_fields)
		p->errors++;
	else if (near)
		parse_bad(p, reg, "unknown field '%s.%s'; did you mean '%s.%s'?",
			  r->name, word, r->name, near);
	else
		parse_bad(p, reg, "unknown field '%s.%s'", r->name, word);
	names_add_field(p, r, t);
	return -1;
}
