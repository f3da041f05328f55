// SPDX-License-Identifier: GPL-2.0-or-later
/* The "key = value" sections: a key is a row and a function. */
#include "quirk/parse.h"

#include <string.h>

/* Methods a ladder may name, and those it makes sense to forbid. */
static const char *const ladder_words[] = {
	"none", "flr", "af_flr", "pm", "hot_reset", "subordinate", "bus", "sequence",
	NULL,
};
static const char *const deny_words[] = {
	"flr", "af_flr", "pm", "hot_reset", "subordinate", "bus", "all", NULL,
};
static const char *const status_words[] = {
	[QUIRK_UNTESTED] = "untested", [QUIRK_VENDOR] = "vendor",
	[QUIRK_WORKS] = "works", NULL,
};

const char *quirk_status_str(enum quirk_status status)
{
	return status_words[status];
}

/* Index of a word in @words, or -1 and a message. */
static int keys_word(struct parser *p, const char *what, const char *const words[],
		     struct tok *t)
{
	if (parse_word(p, what, t) < 0)
		return -1;
	for (int i = 0; words[i]; i++)
		if (tok_is(t, words[i]))
			return i;
	return parse_unknown(p, t, what, words);
}

/* ---- top */

static int key_format(struct parser *p, struct tok *key)
{
	struct tok t;
	uint32_t n;

	(void)key;
	if (parse_number(p, "the number of the format", &n, &t) < 0)
		return -1;
	if (n == 1)
		return 0;
	parse_bad(p, &t, "format %u is not known to this program, only format 1", n);
	p->mute = true;         /* whatever follows may be right in that format */
	return -1;
}

/* ---- [device] */

static int hex4(const char *s, uint16_t *value)
{
	unsigned v = 0;

	for (int i = 0; i < 4; i++) {
		char c = s[i];
		int d = c >= '0' && c <= '9' ? c - '0' :
			c >= 'a' && c <= 'f' ? c - 'a' + 10 :
			c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;

		if (d < 0)
			return -1;
		v = v << 4 | (unsigned)d;
	}
	*value = (uint16_t)v;
	return 0;
}

/* VVVV:DDDD or VVVV:DDDD:SSSS:SSSS */
static int keys_id(struct parser *p, struct q_id *id)
{
	struct tok t = lex_blob(&p->lx);
	uint16_t part[4] = { 0 };
	size_t parts = t.len == 19 ? 4 : 2;
	bool good = t.len == 9 || t.len == 19;

	for (size_t i = 0; good && i < parts; i++)
		good = hex4(t.s + 5 * i, &part[i]) == 0 &&
		       (i + 1 == parts || t.s[5 * i + 4] == ':');
	if (!good)
		return parse_bad(p, &t, "a PCI id is VVVV:DDDD or VVVV:DDDD:SSSS:SSSS, "
				 "four hex digits each");
	*id = (struct q_id){
		.vendor = part[0], .device = part[1], .device_last = part[1],
		.device_mask = 0xffff, .has_sub = parts == 4, .subvendor = part[2],
		.subdevice = part[3], .line = p->line,
	};
	return 0;
}

static bool same_id(const struct q_id *a, const struct q_id *b)
{
	return a->vendor == b->vendor && a->device == b->device &&
	       a->has_sub == b->has_sub && a->subvendor == b->subvendor &&
	       a->subdevice == b->subdevice;
}

static int keys_add_id(struct parser *p, struct tok *key, struct q_id **ids, size_t *n)
{
	struct tok at = lex_peek(&p->lx);
	struct q_id id = { 0 }, *grown;

	if (keys_id(p, &id) < 0)
		return -1;
	for (size_t i = 0; i < *n; i++)
		if (same_id(&(*ids)[i], &id))
			return parse_bad(p, &at, "this id is given twice, first on line "
					 "%d", (*ids)[i].line);
	grown = parse_push(p, p->keep, *ids, *n, sizeof(id), PARSE_MAX_LIST,
			   tok_is(key, "pci") ? "'pci' lines" : "'with' lines");
	if (!grown)
		return -1;
	*ids = grown;
	grown[(*n)++] = id;
	return 0;
}

static int key_pci(struct parser *p, struct tok *key)
{
	return keys_add_id(p, key, &p->q->ids, &p->q->nids);
}

static int key_with(struct parser *p, struct tok *key)
{
	return keys_add_id(p, key, &p->q->with, &p->q->nwith);
}

static int key_class(struct parser *p, struct tok *key)
{
	struct tok t = lex_blob(&p->lx);
	uint16_t code, *grown;

	(void)key;
	if (t.len != 4 || hex4(t.s, &code) < 0)
		return parse_bad(p, &t, "a class is four hex digits, as 0300 for VGA");
	grown = parse_push(p, p->keep, p->q->classes, p->q->nclasses, sizeof(code),
			   PARSE_MAX_LIST, "'class' lines");
	if (!grown)
		return -1;
	p->q->classes = grown;
	grown[p->q->nclasses++] = code;
	return 0;
}

/* ---- free text */

static int keys_text(struct parser *p, const char **text)
{
	struct tok t = lex_text(&p->lx);

	if (t.kind == TOK_END)
		return parse_bad(p, &t, "expected some text here");
	*text = parse_keep(p, &t);
	p->lx.pos = p->lx.len;
	return 0;
}

static int keys_add_text(struct parser *p, struct q_texts *list)
{
	const char *text = NULL, **grown;

	if (keys_text(p, &text) < 0)
		return -1;
	grown = parse_push(p, p->keep, list->text, list->n, sizeof(text), PARSE_MAX_LIST,
			   "lines of one kind in [notes]");
	if (!grown)
		return -1;
	list->text = grown;
	grown[list->n++] = text;
	return 0;
}

static int key_name(struct parser *p, struct tok *key)
{
	(void)key;
	return keys_text(p, &p->q->name);
}

static int key_problem(struct parser *p, struct tok *key)
{
	(void)key;
	return keys_add_text(p, &p->q->problem);
}

static int key_source(struct parser *p, struct tok *key)
{
	(void)key;
	return keys_add_text(p, &p->q->source);
}

static int key_tested(struct parser *p, struct tok *key)
{
	(void)key;
	return keys_add_text(p, &p->q->tested);
}

static int key_see(struct parser *p, struct tok *key)
{
	(void)key;
	return keys_add_text(p, &p->q->see);
}

static int key_status(struct parser *p, struct tok *key)
{
	struct tok t;
	int i = keys_word(p, "status", status_words, &t);

	(void)key;
	if (i < 0)
		return -1;
	p->q->status = (enum quirk_status)i;
	p->status_at = parse_place(p, t.col);
	return 0;
}

/* ---- [reset] */

static bool same_method(const struct q_method *a, const struct q_method *b)
{
	return !strcmp(a->name, b->name) &&
	       (!a->sequence || !b->sequence || !strcmp(a->sequence, b->sequence));
}

static int keys_add_method(struct parser *p, struct q_method m, const struct tok *at)
{
	struct quirk *q = p->q;
	size_t n = q->nmethods;
	struct q_method *grown;

	for (size_t i = 0; i < n; i++)
		if (same_method(&q->methods[i], &m))
			return parse_bad(p, at, "this method is given twice, first on "
					 "line %d", q->methods[i].line);
	grown = parse_push(p, p->keep, q->methods, n, sizeof(m), PARSE_MAX_LIST,
			   "'method' lines");
	if (!grown)
		return -1;
	q->methods = grown;
	p->method_at = arena_grow(p->scratch, p->method_at, n, sizeof(*p->method_at));
	p->method_at[n] = parse_place(p, at->col);
	grown[q->nmethods++] = m;
	return 0;
}

static int key_method(struct parser *p, struct tok *key)
{
	struct q_method m = { .line = p->line };
	struct tok t;
	int i = keys_word(p, "reset method", ladder_words, &t);

	(void)key;
	p->lost_methods |= i < 0;
	if (i < 0)
		return -1;
	m.name = ladder_words[i];
	if (!strcmp(m.name, "sequence")) {
		if (parse_word(p, "the sequence's name", &t) < 0) {
			p->lost_methods = true;
			return -1;
		}
		m.sequence = parse_keep(p, &t);
	}
	return keys_add_method(p, m, &t);
}

/* The deny counts even when its reason is missing: refusing is the safe side. */
static int key_deny(struct parser *p, struct tok *key)
{
	struct quirk *q = p->q;
	struct q_deny d = { .why = "", .line = p->line }, *grown;
	struct tok t;
	int i = keys_word(p, "method to deny", deny_words, &t), ret;

	(void)key;
	if (i < 0)
		return -1;
	d.method = deny_words[i];
	ret = parse_string(p, "the reason in quotes", &d.why);
	for (size_t j = 0; j < q->ndenies; j++)
		if (!strcmp(q->denies[j].method, d.method))
			return parse_bad(p, &t, "'%s' is denied twice, first on line %d",
					 d.method, q->denies[j].line);
	grown = arena_grow(p->keep, q->denies, q->ndenies, sizeof(d));
	p->deny_at = arena_grow(p->scratch, p->deny_at, q->ndenies, sizeof(*p->deny_at));
	p->deny_at[q->ndenies] = parse_place(p, t.col);
	q->denies = grown;
	grown[q->ndenies++] = d;
	return ret;
}

static int key_budget(struct parser *p, struct tok *key)
{
	p->budget_at = parse_place(p, key->col);
	p->lost_budget = parse_time(p, TIME_S | TIME_MS, &p->q->budget_us) < 0;
	return p->lost_budget ? -1 : 0;
}

/* ---- tables */

static const struct key top_keys[] = {
	{ "format", KEY_ONCE | KEY_REQUIRED, key_format },
	{ NULL, 0, NULL },
};
static const struct key device_keys[] = {
	{ "name", KEY_ONCE | KEY_REQUIRED, key_name },
	{ "pci", KEY_REQUIRED, key_pci },
	{ "class", KEY_ONCE, key_class },
	{ "with", 0, key_with },
	{ NULL, 0, NULL },
};
static const struct key notes_keys[] = {
	{ "problem", 0, key_problem },
	{ "source", KEY_REQUIRED, key_source },
	{ "tested", 0, key_tested },
	{ "see", 0, key_see },
	{ "status", KEY_ONCE, key_status },
	{ NULL, 0, NULL },
};
static const struct key reset_keys[] = {
	{ "method", 0, key_method },
	{ "deny", 0, key_deny },
	{ "budget", KEY_ONCE, key_budget },
	{ NULL, 0, NULL },
};

const struct key *keys_of(enum section_id sec)
{
	static const struct key *const keys[SEC_COUNT] = {
		[SEC_TOP] = top_keys, [SEC_DEVICE] = device_keys,
		[SEC_NOTES] = notes_keys, [SEC_RESET] = reset_keys,
	};

	return keys[sec];
}

/* ---- one line */

static int keys_find(struct parser *p, struct tok *t)
{
	const struct key *keys = keys_of(p->sec);
	const char *words[16];
	int n;

	for (n = 0; keys[n].name; n++) {
		if (tok_is(t, keys[n].name))
			return n;
		words[n] = keys[n].name;
	}
	words[n] = NULL;
	p->lost_keys[p->sec] = true;
	p->lost_methods |= p->sec == SEC_RESET;
	return parse_unknown(p, t, "key", words);
}

int keys_line(struct parser *p)
{
	const struct key *key;
	struct tok t;
	int i;

	if (parse_word(p, "a key", &t) < 0) {
		p->lost_keys[p->sec] = true;
		return -1;
	}
	i = keys_find(p, &t);
	if (i < 0)
		return -1;
	key = &keys_of(p->sec)[i];
	if (key->flags & KEY_ONCE && p->seen[p->sec] & 1u << i)
		return parse_bad(p, &t, "'%s' is given twice, first on line %d",
				 key->name, p->seen_line[p->sec][i]);
	p->seen[p->sec] |= 1u << i;
	p->seen_line[p->sec][i] = p->line;
	if (parse_expect(p, "=") < 0) {
		p->lost_methods |= p->sec == SEC_RESET;
		return -1;
	}
	return key->parse(p, &t) < 0 ? -1 : parse_end(p);
}
