// SPDX-License-Identifier: GPL-2.0-or-later
/* The "key = value" sections: a key is a row and a function. */
#include "quirk/parse.h"

#include <stdio.h>
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

const char *const risk_words[] = {
	[RISK_SAFE] = "safe", [RISK_HOST_MAY_HANG] = "host-may-hang",
	[RISK_POWER_CYCLES] = "power-cycles", NULL,
};

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

static int key_role(struct parser *p, struct tok *key)
{
	static const char *const words[] = {
		[ROLE_GPU] = "gpu", [ROLE_AUDIO] = "audio", [ROLE_USB] = "usb",
		[ROLE_UCSI] = "ucsi", [ROLE_SWITCH] = "switch",
		[ROLE_ROOT_PORT] = "root-port", [ROLE_OTHER] = "other", NULL,
	};
	struct tok t;
	int i = parse_one_of(p, "role", words, &t);

	(void)key;
	if (i < 0)
		return -1;
	p->q->role = (enum q_role)i;
	if (i != ROLE_GPU && p->nincs)
		return parse_bad(p, &t, "an entry of role %s can only deny: it has no "
				 "use for an include", words[i]);
	return 0;
}

/* ---- free text */

static int keys_text(struct parser *p, const char **text)
{
	struct tok t = lex_text(&p->in.lx);

	if (t.kind == TOK_END)
		return parse_bad(p, &t, "expected some text here");
	*text = parse_keep(p, &t);
	p->in.lx.pos = p->in.lx.len;
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
	int i = parse_one_of(p, "status", status_words, &t);

	(void)key;
	if (i < 0)
		return -1;
	p->q->status = (enum quirk_status)i;
	p->status_at = parse_place(p, t.col);
	return 0;
}

/* ---- evidence, contra */

/* @digits digits; *value is their number. */
static bool date_part(const struct tok *t, size_t at, size_t digits, unsigned *value)
{
	if (t->len < at + digits)
		return false;
	*value = 0;
	for (size_t i = at; i < at + digits; i++) {
		if (t->s[i] < '0' || t->s[i] > '9')
			return false;
		*value = 10 * *value + (unsigned)(t->s[i] - '0');
	}
	return true;
}

/* YYYY, YYYY-MM or YYYY-MM-DD */
static bool date_good(const struct tok *t)
{
	static const unsigned days[] = {
		31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31,
	};
	unsigned year, month = 1, day = 1;

	if (t->kind != TOK_WORD || (t->len != 4 && t->len != 7 && t->len != 10))
		return false;
	if (!date_part(t, 0, 4, &year) || year < 1990 || year > 2199)
		return false;
	if (t->len > 4 && (t->s[4] != '-' || !date_part(t, 5, 2, &month)))
		return false;
	if (t->len > 7 && (t->s[7] != '-' || !date_part(t, 8, 2, &day)))
		return false;
	return month >= 1 && month <= 12 && day >= 1 && day <= days[month - 1];
}

static const char *const evidence_words[] = {
	[EV_KERNEL] = "kernel", [EV_MAINTAINER] = "maintainer", [EV_USERS] = "users",
	[EV_USER] = "user", [EV_INFERENCE] = "inference", NULL,
};

/* No word where the kind should be: mostly the whole line is still to be written. */
static int evidence_kind(struct parser *p)
{
	struct lex lx = p->in.lx;
	struct tok t = lex_dashed(&lx);

	if (t.kind == TOK_WORD || t.kind == TOK_BAD)
		return parse_one_of(p, "kind of evidence", evidence_words, &t);
	return parse_bad(p, &t, "expected a kind of evidence, a date and a text here, as "
			 "in: user 2026-05-25 my own card, 10 of 10; kinds: %s, %s, %s, "
			 "%s, %s", evidence_words[EV_KERNEL],
			 evidence_words[EV_MAINTAINER], evidence_words[EV_USERS],
			 evidence_words[EV_USER], evidence_words[EV_INFERENCE]);
}

static int keys_evidence(struct parser *p, bool against)
{
	struct q_evidence e = { .against = against, .line = p->in.line }, *grown;
	size_t n = p->q->nevidence;
	struct tok date;
	int kind = evidence_kind(p);

	if (kind < 0)
		return -1;
	date = lex_blob(&p->in.lx);
	if (!date_good(&date))
		return parse_bad(p, &date, "expected a date here: YYYY, YYYY-MM or "
				 "YYYY-MM-DD");
	if (keys_text(p, &e.text) < 0)
		return -1;
	e.kind = (enum q_evidence_kind)kind;
	e.date = parse_keep(p, &date);
	grown = parse_push(p, p->keep, p->q->evidence, n, sizeof(e), PARSE_MAX_LIST,
			   "lines of evidence");
	if (!grown)
		return -1;
	p->q->evidence = grown;
	grown[p->q->nevidence++] = e;
	return 0;
}

static int key_evidence(struct parser *p, struct tok *key)
{
	(void)key;
	return keys_evidence(p, false);
}

static int key_contra(struct parser *p, struct tok *key)
{
	(void)key;
	return keys_evidence(p, true);
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

/* METHOD or "sequence NAME"; @at is what a message points at. */
static int keys_ladder_name(struct parser *p, struct q_method *m, struct tok *at)
{
	int i = parse_one_of(p, "reset method", ladder_words, at);

	if (i < 0)
		return -1;
	m->name = ladder_words[i];
	if (strcmp(m->name, "sequence") != 0)
		return 0;
	if (parse_word(p, "the sequence's name", at) < 0)
		return -1;
	m->sequence = parse_keep(p, at);
	return 0;
}

static int key_method(struct parser *p, struct tok *key)
{
	struct q_method m = { .line = p->in.line };
	struct tok t;

	(void)key;
	if (keys_ladder_name(p, &m, &t) < 0) {
		p->lost_methods = true;
		return -1;
	}
	return keys_add_method(p, m, &t);
}

/* The deny counts even when its reason is missing: refusing is the safe side. */
static int key_deny(struct parser *p, struct tok *key)
{
	struct quirk *q = p->q;
	struct q_deny d = { .why = "", .line = p->in.line }, *grown;
	struct tok t;
	int i = parse_one_of(p, "method to deny", deny_words, &t), ret;

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

/* Joined to its method at the end of the file: the ladder may stand below. */
static int key_risk(struct parser *p, struct tok *key)
{
	struct quirk *q = p->q;
	struct q_method m = { .line = p->in.line }, *grown;
	size_t n = q->nrisks;
	struct tok at, t;
	int level;

	(void)key;
	if (keys_ladder_name(p, &m, &at) < 0)
		return -1;
	level = parse_one_of(p, "risk", risk_words, &t);
	if (level < 0 || parse_string(p, "the reason in quotes", &m.risk_why) < 0)
		return -1;
	m.risk = (enum quirk_risk)level;
	for (size_t i = 0; i < n; i++)
		if (same_method(&q->risks[i], &m))
			return parse_bad(p, &at, "the risk of this method is given "
					 "twice, first on line %d", q->risks[i].line);
	grown = parse_push(p, p->keep, q->risks, n, sizeof(m), PARSE_MAX_LIST,
			   "'risk' lines");
	if (!grown)
		return -1;
	p->risk_at = arena_grow(p->scratch, p->risk_at, n, sizeof(*p->risk_at));
	p->risk_at[n] = parse_place(p, at.col);
	q->risks = grown;
	grown[q->nrisks++] = m;
	return 0;
}

static int keys_reason(struct parser *p, struct q_reason *r)
{
	r->line = p->in.line;
	return parse_string(p, "the reason in quotes", &r->why);
}

static int key_noop(struct parser *p, struct tok *key)
{
	(void)key;
	return keys_reason(p, &p->q->noop_after_clean_shutdown);
}

static int key_keep_d0(struct parser *p, struct tok *key)
{
	(void)key;
	return keys_reason(p, &p->q->keep_d0);
}

/* Names as the kernel's reset_method attribute has them, and "none" for no name. */
static const char *const pin_words[] = {
	"none", "device_specific", "acpi", "flr", "af_flr", "pm", "bus", "cxl_bus", NULL,
};
#define PIN_NONE 1u

static int pin_one(struct parser *p, unsigned *seen, char *list, size_t room)
{
	struct tok t;
	int i = parse_one_of(p, "reset method of the kernel", pin_words, &t);
	size_t at = strlen(list);

	if (i < 0)
		return -1;
	if (*seen & 1u << i)
		return parse_bad(p, &t, "'%s' is given twice", pin_words[i]);
	if (*seen & PIN_NONE || (*seen && !i))
		return parse_bad(p, &t, "'none' stands alone: no method at all");
	*seen |= 1u << i;
	if (i)
		snprintf(list + at, room - at, "%s%s", at ? " " : "", pin_words[i]);
	return 0;
}

static int key_pin(struct parser *p, struct tok *key)
{
	char list[96] = "";             /* all of pin_words[] fit */
	unsigned seen = 0;
	struct tok t;

	p->pin_at = parse_place(p, key->col);
	do {
		if (pin_one(p, &seen, list, sizeof(list)) < 0)
			return -1;
		t = lex_peek(&p->in.lx);
	} while (t.kind == TOK_WORD);
	p->q->pin_methods = arena_strndup(p->keep, list, strlen(list));
	return keys_reason(p, &p->q->pin);
}

/* ---- tables */

static const struct key top_keys[] = {
	{ "format", KEY_ONCE | KEY_REQUIRED, key_format },
	{ "include", 0, key_include },
	{ NULL, 0, NULL },
};
static const struct key device_keys[] = {
	{ "name", KEY_ONCE | KEY_REQUIRED, key_name },
	{ "pci", KEY_REQUIRED, key_pci },
	{ "with", 0, key_with },
	{ "role", KEY_ONCE, key_role },
	{ "class", 0, key_class },
	{ "revision", 0, key_revision },
	{ "on", 0, key_on },
	{ "kernel", 0, key_kernel },
	{ NULL, 0, NULL },
};
static const struct key notes_keys[] = {
	{ "problem", 0, key_problem },
	{ "source", 0, key_source },
	{ "evidence", 0, key_evidence },
	{ "contra", 0, key_contra },
	{ "tested", 0, key_tested },
	{ "see", 0, key_see },
	{ "status", KEY_ONCE, key_status },
	{ NULL, 0, NULL },
};
static const struct key reset_keys[] = {
	{ "method", 0, key_method },
	{ "deny", 0, key_deny },
	{ "budget", KEY_ONCE, key_budget },
	{ "risk", 0, key_risk },
	{ "noop-after-clean-shutdown", KEY_ONCE, key_noop },
	{ "keep-d0", KEY_ONCE, key_keep_d0 },
	{ "pin", KEY_ONCE, key_pin },
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

/* A misspelt "pci" loses the ids of its line. */
static bool keys_meant_pci(const struct tok *t)
{
	static const char *const pci[] = { "pci", NULL };
	char word[8];

	snprintf(word, sizeof(word), "%.*s", (int)t->len, t->s);
	return diag_nearest(word, pci) != NULL;
}

static int keys_find(struct parser *p, struct tok *t)
{
	const struct key *keys = keys_of(p->in.sec);
	const char *words[16];
	int n;

	for (n = 0; keys[n].name; n++) {
		if (tok_is(t, keys[n].name))
			return n;
		words[n] = keys[n].name;
	}
	words[n] = NULL;
	p->lost_keys[p->in.sec] = true;
	p->lost_methods |= p->in.sec == SEC_RESET;
	p->q->lost_ids |= p->in.sec == SEC_DEVICE && keys_meant_pci(t);
	return parse_unknown(p, t, "key", words);
}

/* An entry about another function than the GPU cannot reset anything. */
static int keys_only_denies(struct parser *p, const struct key *key, const struct tok *t)
{
	if (p->in.sec != SEC_RESET || p->q->role == ROLE_GPU || key->parse == key_deny)
		return 0;
	p->lost_methods = true;
	return parse_bad(p, t, "an entry of role %s can only deny",
			 quirk_role_str(p->q->role));
}

int keys_line(struct parser *p)
{
	const struct key *key;
	struct tok t;
	int i;

	if (parse_dashed(p, "a key", &t) < 0) {
		p->lost_keys[p->in.sec] = true;
		return -1;
	}
	i = keys_find(p, &t);
	if (i < 0)
		return -1;
	key = &keys_of(p->in.sec)[i];
	if (keys_only_denies(p, key, &t) < 0)
		return -1;
	if (key->flags & KEY_ONCE && p->in.seen[p->in.sec] & 1u << i)
		return parse_bad(p, &t, "'%s' is given twice, first on line %d",
				 key->name, p->in.seen_line[p->in.sec][i]);
	p->in.seen[p->in.sec] |= 1u << i;
	p->in.seen_line[p->in.sec][i] = p->in.line;
	if (parse_expect(p, "=") < 0) {
		p->lost_methods |= p->in.sec == SEC_RESET;
		return -1;
	}
	return key->parse(p, &t) < 0 ? -1 : parse_end(p);
}
