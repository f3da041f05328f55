// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * [registers]: registers and fields. A name is poisoned until its line proved right,
 * so that its uses do not repeat an error.
 */
#include "quirk/parse.h"

/* ---- REG = SPACE OFFSET, REG[N] = SPACE OFFSET */

static int reg_width(struct parser *p, struct sym_reg *r)
{
	struct tok t = lex_peek(&p->in.lx), num;
	uint32_t w;

	r->reg.width = 4;
	if (!parse_accept(p, "width"))
		return 0;
	if (r->reg.space != REG_CONFIG)
		return parse_bad(p, &t, "only registers in configuration space have a "
				 "width, others are 32 bits wide");
	if (parse_number(p, "a number of bytes", &w, &num) < 0)
		return -1;
	if (w != 1 && w != 2 && w != 4)
		return parse_bad(p, &num, "a width is 1, 2 or 4 bytes");
	r->reg.width = (uint8_t)w;
	return 0;
}

static uint32_t reg_bytes(const struct sym_reg *r)
{
	return r->reg.width * (r->count ? r->count : 1);
}

static int reg_fits(struct parser *p, struct sym_reg *r, const struct tok *num,
		    uint32_t off)
{
	const struct sym_space *sp = r->space;
	uint64_t at = (uint64_t)off * sp->unit;

	if (sp->kind == REG_INDIRECT) {
		r->reg.off = off;
		return 0;
	}
	if (at % r->reg.width)
		return parse_bad(p, num, "offset %#x is not a multiple of the register's "
				 "%u bytes", off, r->reg.width);
	if (at + reg_bytes(r) > sp->size && sp->kind == REG_CONFIG)
		return parse_bad(p, num, "offset %#x ends past configuration space", off);
	if (at + reg_bytes(r) > sp->size)
		return parse_bad(p, num, "offset %#x %s ends past the %uK of space '%s'",
				 off, sp->unit == 4 ? "dwords" : "bytes", sp->size >> 10,
				 sp->name);
	r->reg.off = (uint32_t)at;
	return 0;
}

static bool reg_overlaps(const struct sym_reg *a, const struct sym_reg *b)
{
	if (b->poisoned || a->reg.space != b->reg.space || a->reg.bar != b->reg.bar)
		return false;
	if (a->reg.space == REG_INDIRECT)
		return a->space == b->space && a->reg.off == b->reg.off;
	return a->reg.off < b->reg.off + reg_bytes(b) &&
	       b->reg.off < a->reg.off + reg_bytes(a);
}

static int reg_alone(struct parser *p, const struct sym_reg *r, const struct tok *num)
{
	for (size_t i = 0; i < p->nregs; i++)
		if (reg_overlaps(r, p->regs[i]))
			return parse_bad(p, num, "this address belongs to %s, declared "
					 "on %s", p->regs[i]->name,
					 parse_where(p, &p->regs[i]->at).text);
	return 0;
}

/* The right side. A poisoned space poisons the register without a further word. */
static int reg_address(struct parser *p, struct sym_reg *r)
{
	struct tok space, num;
	uint32_t off;

	if (parse_word(p, "the space's name", &space) < 0)
		return -1;
	r->space = names_space(p, &space);
	if (!r->space)
		return names_no_space(p, &space);
	r->space->used = true;
	if (r->space->poisoned)
		return 0;
	r->reg.space = r->space->kind;
	r->reg.bar = r->space->bar;
	if (parse_number(p, "the offset, a number", &off, &num) < 0 ||
	    reg_width(p, r) < 0 || parse_end(p) < 0)
		return -1;
	if (r->count && r->reg.space != REG_BAR)
		return parse_bad(p, &space, "an array of registers must be in a BAR");
	if (reg_fits(p, r, &num, off) < 0 || reg_alone(p, r, &num) < 0)
		return -1;
	r->poisoned = false;
	return 0;
}

static int reg_count(struct parser *p, struct sym_reg *r)
{
	struct tok num;

	if (!parse_accept(p, "["))
		return 0;
	if (parse_number(p, "the number of registers", &r->count, &num) < 0)
		return -1;
	if (r->count < 1 || r->count > 256) {
		r->count = 1;
		return parse_bad(p, &num, "an array has 1 to 256 registers");
	}
	return parse_expect(p, "]");
}

static int reg_decl(struct parser *p, const struct tok *name)
{
	struct sym_reg *r = names_reg(p, name);

	if (r && !r->ghost)
		return parse_bad(p, name, "%s is declared twice, first on %s",
				 r->name, parse_where(p, &r->at).text);
	r = r ? r : names_add_reg(p, name);
	if (!r)
		return -1;
	r->ghost = false;
	r->at = parse_place(p, name->col);
	if (reg_count(p, r) < 0 || parse_expect(p, "=") < 0)
		return -1;
	return reg_address(p, r);
}

/* ---- REG.FIELD = bit N, REG.FIELD = bits H:L */

static int field_bits(struct parser *p, struct sym_reg *r, struct sym_field *f,
		      struct tok *first)
{
	static const char *const words[] = { "bit", "bits", NULL };
	uint32_t high, low, width = 8u * r->reg.width;
	struct tok t, num;

	if (parse_word(p, "'bit N' or 'bits H:L'", &t) < 0)
		return -1;
	if (!tok_is(&t, "bit") && !tok_is(&t, "bits"))
		return parse_unknown(p, &t, "description of a field", words);
	if (parse_number(p, "the number of a bit", &high, first) < 0)
		return -1;
	low = high;
	if (tok_is(&t, "bits") && (parse_expect(p, ":") < 0 ||
	    parse_number(p, "the lowest bit", &low, &num) < 0))
		return -1;
	if (low > high)
		return parse_bad(p, first, "bits are written highest first: bits %u:%u",
				 low, high);
	if (high >= width)
		return parse_bad(p, first, "bit %u is outside of %s, which has bits %u "
				 "to 0", high, r->name, width - 1);
	f->shift = low;
	f->mask = UINT32_MAX >> (31 - (high - low)) << low;
	return parse_end(p);
}

static int field_alone(struct parser *p, const struct sym_reg *r,
		       const struct sym_field *f, const struct tok *first)
{
	for (size_t i = 0; i < r->nfields; i++) {
		const struct sym_field *o = &r->fields[i];

		if (!o->poisoned && o->mask & f->mask)
			return parse_bad(p, first, "overlaps %s.%s, declared on %s",
					 r->name, o->name, parse_where(p, &o->at).text);
	}
	return 0;
}

static int field_decl(struct parser *p, const struct tok *reg)
{
	struct sym_reg *r = names_reg(p, reg);
	struct sym_field *f;
	struct tok name, first;

	parse_next(p);                  /* the dot */
	p->lost_fields |= !r || r->ghost;
	if (!r)
		return names_no_reg(p, reg);
	if (parse_word(p, "the field's name", &name) < 0) {
		p->lost_names = true;
		return -1;
	}
	if (r->poisoned)
		return 0;
	f = names_field(r, &name);
	if (f)
		return parse_bad(p, &name, "%s.%s is declared twice, first on %s",
				 r->name, f->name, parse_where(p, &f->at).text);
	f = names_add_field(p, r, &name);
	if (!f || parse_expect(p, "=") < 0 || field_bits(p, r, f, &first) < 0 ||
	    field_alone(p, r, f, &first) < 0)
		return -1;
	f->poisoned = false;
	return 0;
}

/* Words that begin another declaration, unless a register is called so. */
static const struct {
	const char *word;
	int (*parse)(struct parser *p);
} reg_words[] = {
	{ "space", regs_space }, { "mailbox", regs_mailbox }, { "answer", regs_answer },
};

int regs_line(struct parser *p)
{
	struct tok name, next;

	if (parse_word(p, "'space', or the name of a register", &name) < 0) {
		p->lost_names = true;
		return -1;
	}
	next = lex_peek(&p->in.lx);
	for (size_t i = 0; i < sizeof(reg_words) / sizeof(*reg_words); i++)
		if (tok_is(&name, reg_words[i].word) && !tok_is(&next, "=") &&
		    !tok_is(&next, ".") && !tok_is(&next, "["))
			return reg_words[i].parse(p);
	if (tok_is(&next, "."))
		return field_decl(p, &name);
	return reg_decl(p, &name);
}
