// SPDX-License-Identifier: GPL-2.0-or-later
/* [registers]: where registers live, and the windows of indirect spaces. */
#include "quirk/parse.h"

#include <string.h>

#define CFG_SIZE 4096u
#define BAR_LEAST 16u           /* PCI: a memory BAR is at least 16 bytes */

/* ---- space NAME = ... */

struct space_kind {
	const char *name;
	enum reg_space kind;
	uint8_t bar;
	int (*parse)(struct parser *p, struct sym_space *sp);
};

/* "256K": the only number with a unit glued on, because lspci shows it so. */
static int space_size(struct parser *p, uint32_t *size)
{
	struct tok t = parse_next(p), num = t;
	const char *last = t.s + (t.len ? t.len - 1 : 0);
	unsigned shift = t.len < 2 ? 0 : *last == 'K' ? 10 : *last == 'M' ? 20 : 0;
	const char *wrong = "a size is a number, or a number and K or M: 256K";
	uint64_t bytes;
	uint32_t n = 0;
	size_t at;

	num.len -= shift ? 1 : 0;
	if (t.kind != TOK_NUMBER || lex_number(&num, &n, &at))
		return parse_bad(p, &t, "%s", wrong);
	bytes = (uint64_t)n << shift;
	if (bytes < BAR_LEAST || bytes > 1u << 30 || bytes & (bytes - 1))
		return parse_bad(p, &t, "a BAR's size is a power of two, 16 to 1024M");
	*size = (uint32_t)bytes;
	return 0;
}

static int space_config(struct parser *p, struct sym_space *sp)
{
	(void)p;
	sp->unit = 1;
	sp->size = CFG_SIZE;
	return 0;
}

static int space_bar(struct parser *p, struct sym_space *sp)
{
	static const char *const units[] = { "bytes", "dwords", NULL };
	struct tok t;

	if (parse_word(p, "what offsets count: 'dwords' or 'bytes'", &t) < 0)
		return -1;
	if (tok_is(&t, "size"))
		return parse_bad(p, &t, "expected 'dwords' or 'bytes' here: AMD's mm "
				 "offsets count dwords");
	if (!tok_is(&t, units[0]) && !tok_is(&t, units[1]))
		return parse_unknown(p, &t, "unit", units);
	sp->unit = tok_is(&t, "dwords") ? 4 : 1;
	t = lex_peek(&p->in.lx);
	if (!parse_accept(p, "size"))
		return parse_bad(p, &t, "a BAR space needs the size of its BAR: "
				 "'size 256K'");
	return space_size(p, &sp->size);
}

static int space_indirect(struct parser *p, struct sym_space *sp)
{
	struct tok index, data;

	if (parse_word(p, "the index register", &index) < 0 ||
	    parse_word(p, "the data register", &data) < 0)
		return -1;
	sp->unit = 1;
	sp->index = arena_strndup(p->scratch, index.s, index.len);
	sp->data = arena_strndup(p->scratch, data.s, data.len);
	sp->index_at = parse_place(p, index.col);
	sp->data_at = parse_place(p, data.col);
	return 0;
}

static const struct space_kind space_kinds[] = {
	{ "config", REG_CONFIG, 0, space_config },
	{ "bar0", REG_BAR, 0, space_bar }, { "bar1", REG_BAR, 1, space_bar },
	{ "bar2", REG_BAR, 2, space_bar }, { "bar3", REG_BAR, 3, space_bar },
	{ "bar4", REG_BAR, 4, space_bar }, { "bar5", REG_BAR, 5, space_bar },
	{ "indirect", REG_INDIRECT, 0, space_indirect },
};
#define NKINDS (sizeof(space_kinds) / sizeof(*space_kinds))

static const struct space_kind *space_kind(struct parser *p)
{
	const char *words[NKINDS + 1];
	struct tok t;

	if (parse_word(p, "config, bar0 to bar5 or indirect", &t) < 0)
		return NULL;
	for (size_t i = 0; i < NKINDS; i++) {
		if (tok_is(&t, space_kinds[i].name))
			return &space_kinds[i];
		words[i] = space_kinds[i].name;
	}
	words[NKINDS] = NULL;
	parse_unknown(p, &t, "kind of space", words);
	return NULL;
}

int regs_space(struct parser *p)
{
	const struct space_kind *kind;
	struct sym_space *sp;
	struct tok name;

	if (parse_word(p, "the space's name", &name) < 0) {
		p->lost_names = true;
		return -1;
	}
	sp = names_space(p, &name);
	if (sp && !sp->ghost)
		return parse_bad(p, &name, "space '%s' is declared twice, first on %s",
				 sp->name, parse_where(p, &sp->at).text);
	sp = sp ? sp : names_add_space(p, &name);
	if (!sp)
		return -1;
	sp->ghost = false;
	if ( parse_expect(p, "=") < 0)
		return -1;
	kind = space_kind(p);
	if (!kind)
		return -1;
	sp->kind = kind->kind;
	sp->bar = kind->bar;
	if (kind->parse(p, sp) < 0 || parse_end(p) < 0)
		return -1;
	sp->poisoned = false;
	return 0;
}

/* ---- the end of the section */

/* A window register of @sp, by name. */
static struct sym_reg *window(struct parser *p, struct place at, const char *name)
{
	struct input outer = p->in;
	struct tok t = { TOK_WORD, name, strlen(name), at.col };
	struct sym_reg *r = names_reg(p, &t);

	/* messages are about that line */
	p->in.path = at.file;
	p->in.lx = (struct lex){ at.src, at.len, 0 };
	p->in.line = at.line;
	if (!r)
		names_no_reg(p, &t);
	else if (!r->poisoned && (r->reg.space != REG_BAR || r->count))
		parse_bad(p, &t, "%s is not a single register in a BAR", name);
	p->in = outer;
	if (!r || r->poisoned || r->reg.space != REG_BAR || r->count)
		return NULL;
	r->used = true;
	return r;
}

static void space_resolve(struct parser *p, struct sym_space *sp)
{
	struct sym_reg *index = window(p, sp->index_at, sp->index);
	struct sym_reg *data = window(p, sp->data_at, sp->data);

	if (index && data && (index == data || index->reg.bar != data->reg.bar)) {
		parse_bad_at(p, sp->data_at, "index and data are two registers of the "
			     "same BAR");
		data = NULL;
	}
	sp->poisoned = !index || !data;
	for (size_t i = 0; i < p->nregs; i++) {
		struct sym_reg *r = p->regs[i];

		if (r->space != sp || r->poisoned)
			continue;
		r->poisoned = sp->poisoned;
		if (sp->poisoned)
			continue;
		r->reg.bar = index->reg.bar;
		r->reg.index = index->reg.off;
		r->reg.data = data->reg.off;
	}
}

void regs_close(struct parser *p)
{
	for (size_t i = 0; i < p->nspaces; i++)
		if (p->spaces[i]->kind == REG_INDIRECT && !p->spaces[i]->poisoned)
			space_resolve(p, p->spaces[i]);
}
