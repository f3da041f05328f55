// SPDX-License-Identifier: GPL-2.0-or-later
/* Registers as statements name them. */
#include "quirk/parse.h"

#include <stdio.h>
#include <string.h>

#define CFG_HEADER 0x40u        /* below: BARs, command, bridge windows; not ours */

struct index {
	bool given, all;
	uint32_t n;
	struct tok tok;
};

static int ref_index(struct parser *p, struct index *ix)
{
	ix->given = parse_accept(p, "[");
	if (!ix->given)
		return 0;
	ix->tok = lex_peek(&p->in.lx);
	ix->all = parse_accept(p, "*");
	if (!ix->all && parse_number(p, "a number or *", &ix->n, &ix->tok) < 0)
		return -1;
	return parse_expect(p, "]");
}

static int ref_element(struct parser *p, struct ref *ref, const struct index *ix)
{
	const struct sym_reg *r = ref->sym;

	if (!r->count && ix->given)
		return parse_bad(p, &ref->tok, "%s is not an array", r->name);
	if (r->count && !ix->given)
		return parse_bad(p, &ref->tok, "%s has %u registers: say which one, "
				 "%s[0] to %s[%u]", r->name, r->count, r->name, r->name,
				 r->count - 1);
	if (ix->given && !ix->all && ix->n >= r->count)
		return parse_bad(p, &ix->tok, "%s has %u registers, 0 to %u", r->name,
				 r->count, r->count - 1);
	ref->all = ix->all;
	ref->reg.off += 4 * ix->n;
	return 0;
}

static int ref_field(struct parser *p, struct ref *ref, const struct tok *field)
{
	struct sym_field *f = names_field(ref->sym, field);

	if (!f)
		return names_no_field(p, ref->sym, &ref->tok, field);
	f->used = true;
	ref->poisoned = f->poisoned;
	ref->field = f;
	ref->mask = f->mask;
	ref->shift = f->shift;
	return 0;
}

static const char *ref_name(struct parser *p, const struct ref *ref,
			    const struct index *ix)
{
	size_t room = strlen(ref->sym->name) + 16 +
		      (ref->field ? strlen(ref->field->name) : 0);
	char *name = arena_alloc(p->keep, room), num[16] = "";

	if (ix->given && !ix->all)
		snprintf(num, sizeof(num), "[%u]", ix->n);
	snprintf(name, room, "%s%s%s%s", ref->sym->name, num, ref->field ? "." : "",
		 ref->field ? ref->field->name : "");
	return name;
}

static int ref_resolve(struct parser *p, struct ref *ref, const struct index *ix,
		       const struct tok *field)
{
	struct sym_reg *r = names_reg(p, &ref->tok);

	ref->poisoned = true;
	if (!r)
		return names_no_reg(p, &ref->tok);
	ref->sym = r;
	r->used = true;
	if (r->poisoned)
		return 0;
	ref->poisoned = false;
	ref->reg = r->reg;
	ref->mask = reg_all_ones(&r->reg);
	if (ref_element(p, ref, ix) < 0)
		return -1;
	if (field && ref_field(p, ref, field) < 0)
		return -1;
	if (!ref->poisoned)
		ref->name = ref_name(p, ref, ix);
	return 0;
}

int regs_ref(struct parser *p, struct ref *ref)
{
	struct index ix = { 0 };
	struct tok field;
	bool has_field;

	memset(ref, 0, sizeof(*ref));
	if (parse_word(p, "a register", &ref->tok) < 0 || ref_index(p, &ix) < 0)
		return -1;
	has_field = parse_accept(p, ".");
	if (has_field && parse_word(p, "the field's name", &field) < 0)
		return -1;
	return ref_resolve(p, ref, &ix, has_field ? &field : NULL);
}

int regs_value(struct parser *p, const struct ref *ref, uint32_t *value)
{
	uint32_t most = ref->mask >> ref->shift;
	struct tok num;
	int ret = parse_number(p, "a number", value, &num);

	if (ret < 0 || ref->poisoned)
		return ret;
	if (*value > most)
		return parse_bad(p, &num, "%.*s does not fit: %s is %d bit%s wide",
				 (int)num.len, num.s, ref->name,
				 __builtin_popcount(most), most == 1 ? "" : "s");
	*value <<= ref->shift;
	return 0;
}

int regs_writable(struct parser *p, const struct ref *ref)
{
	if (ref->poisoned || ref->reg.space != REG_CONFIG || ref->reg.off >= CFG_HEADER)
		return 0;
	return parse_bad(p, &ref->tok, "the standard config header (below 0x40) may be "
			 "read, not written");
}
