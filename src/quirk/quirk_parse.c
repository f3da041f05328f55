// SPDX-License-Identifier: GPL-2.0-or-later
/* Text to quirk: lines, sections, and the small steps that all sections share. */
#include "quirk/parse.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/duration.h"

#define SHOWN 40                /* bytes of a word worth repeating in a message */
#define LISTED 10               /* words worth listing when none is near */
#define ENOUGH 200              /* errors after which nobody reads suggestions */
#define TOLD 100                /* messages that diag.c shows of one file */

/* ---- messages */

struct place parse_place(const struct parser *p, int col)
{
	return (struct place){ p->in.path, p->in.line, col, p->in.lx.line, p->in.lx.len };
}

bool parse_included(const struct parser *p, const struct place *at)
{
	return at->file && at->file != p->q->file;
}

struct where parse_where(const struct parser *p, const struct place *at)
{
	const char *file = at->file ? at->file : p->q->file;
	const char *slash = strrchr(file, '/');
	struct where w;

	if (file == p->in.path)
		snprintf(w.text, sizeof(w.text), "line %d", at->line);
	else
		snprintf(w.text, sizeof(w.text), "line %d of %.60s", at->line,
			 slash ? slash + 1 : file);
	return w;
}

/*
 * A file that several quirks include is parsed for each of them; its errors are told
 * once. What another includer has heard is still in the list.
 */
static bool parse_told(const struct parser *p, const struct place *at, const char *text)
{
	const struct diag *d = p->diag;
	size_t of_file = 0;

	for (size_t i = 0; i < d->n; i++) {
		const struct diag_msg *m = &d->msg[i];

		if (strncmp(m->file, at->file, sizeof(m->file) - 1) != 0)
			continue;
		if (++of_file > TOLD || (m->line == at->line && m->col == at->col &&
					    !strcmp(m->text, text)))
			return true;
	}
	return false;
}

static void parse_vbad(struct parser *p, struct place at, const char *text)
{
	if (!at.file)
		at.file = p->in.path;
	p->errors++;
	if (p->mute || (p->in.included && p->in.errors++ > ENOUGH) ||
	    (parse_included(p, &at) && parse_told(p, &at, text)))
		return;
	diag_add(p->diag, DIAG_ERROR, at.file, at.line, at.col, at.src, at.len, "%s",
		 text);
}

int parse_bad_at(struct parser *p, struct place at, const char *fmt, ...)
{
	char text[DIAG_TEXT];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	parse_vbad(p, at, text);
	return -1;
}

int parse_bad(struct parser *p, const struct tok *t, const char *fmt, ...)
{
	char text[DIAG_TEXT];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	parse_vbad(p, parse_place(p, t->col), text);
	return -1;
}

static void parse_list(char *buf, size_t room, const char *const words[])
{
	size_t n = 0, at = 0;

	while (words[n])
		n++;
	buf[0] = '\0';
	for (size_t i = 0; n <= LISTED && i < n && at < room; i++)
		at += (size_t)snprintf(buf + at, room - at, "%s%s",
				       i ? ", " : "; known: ", words[i]);
}

int parse_unknown(struct parser *p, const struct tok *t, const char *what,
		  const char *const words[])
{
	char word[SHOWN + 1], list[160];
	const char *near;

	snprintf(word, sizeof(word), "%.*s", t->len < SHOWN ? (int)t->len : SHOWN, t->s);
	near = p->errors > ENOUGH ? NULL : diag_nearest(word, words);
	if (near)
		return parse_bad(p, t, "unknown %s '%s'; did you mean '%s'?", what, word,
				 near);
	parse_list(list, sizeof(list), words);
	return parse_bad(p, t, "unknown %s '%s'%s", what, word, list);
}

/* ---- tokens with an expectation */

struct tok parse_next(struct parser *p)
{
	return lex_next(&p->in.lx);
}

bool parse_accept(struct parser *p, const char *text)
{
	struct tok t = lex_peek(&p->in.lx);

	if (!tok_is(&t, text))
		return false;
	lex_next(&p->in.lx);
	return true;
}

/* "expected WHAT here", with the reason when the text is no token at all. */
static int parse_wanted(struct parser *p, const struct tok *t, const char *what)
{
	if (t->kind == TOK_BAD && t->s[0] == '"')
		return parse_bad(p, t, "the quote is not closed on this line");
	if (t->kind == TOK_BAD)
		return parse_bad(p, t, "'%.*s' has no meaning here", (int)t->len, t->s);
	return parse_bad(p, t, "expected %s here", what);
}

int parse_expect(struct parser *p, const char *text)
{
	struct tok t = parse_next(p);
	char what[SHOWN];

	if (tok_is(&t, text))
		return 0;
	if (t.kind == TOK_OP && tok_is(&t, "==") && !strcmp(text, "="))
		return parse_bad(p, &t, "an assignment is written =, a double == only "
				 "compares");
	snprintf(what, sizeof(what), "'%s'", text);
	return parse_wanted(p, &t, what);
}

int parse_word(struct parser *p, const char *what, struct tok *t)
{
	*t = parse_next(p);
	return t->kind == TOK_WORD ? 0 : parse_wanted(p, t, what);
}

int parse_dashed(struct parser *p, const char *what, struct tok *t)
{
	*t = lex_dashed(&p->in.lx);
	return t->kind == TOK_WORD ? 0 : parse_wanted(p, t, what);
}

int parse_one_of(struct parser *p, const char *what, const char *const words[],
		 struct tok *t)
{
	char wanted[60], list[160];

	*t = lex_dashed(&p->in.lx);
	for (int i = 0; t->kind == TOK_WORD && words[i]; i++)
		if (tok_is(t, words[i]))
			return i;
	if (t->kind == TOK_WORD)
		return parse_unknown(p, t, what, words);
	snprintf(wanted, sizeof(wanted), "a %s", what);
	if (t->kind == TOK_BAD)
		return parse_wanted(p, t, wanted);
	parse_list(list, sizeof(list), words);
	return parse_bad(p, t, "expected %s here%s", wanted, list);
}

int parse_number(struct parser *p, const char *what, uint32_t *value, struct tok *t)
{
	const char *wrong;
	size_t at;

	*t = parse_next(p);
	if (t->kind != TOK_NUMBER)
		return parse_wanted(p, t, what);
	wrong = lex_number(t, value, &at);
	if (!wrong)
		return 0;
	if (at) {
		struct tok byte = { TOK_BAD, t->s + at, 1, t->col + (int)at };

		return parse_bad(p, &byte, "'%c' %s", *byte.s, wrong);
	}
	return parse_bad(p, t, "%s", wrong);
}

int parse_string(struct parser *p, const char *what, const char **text)
{
	struct tok t = parse_next(p);

	if (t.kind != TOK_STRING)
		return parse_wanted(p, &t, what);
	if (!t.len)
		return parse_bad(p, &t, "the text is empty");
	*text = parse_keep(p, &t);
	return 0;
}

int parse_time(struct parser *p, unsigned units, uint64_t *us)
{
	const char *wanted = units & TIME_US ? "a unit: s, ms or us" : "a unit: s or ms";
	struct tok num, unit;
	uint32_t n = 0;
	unsigned each;

	if (parse_number(p, "a number", &n, &num) < 0 ||
	    parse_word(p, wanted, &unit) < 0)
		return -1;
	each = duration_unit(unit.s, unit.len);
	if (!each || (each == 1 && !(units & TIME_US)))
		return parse_bad(p, &unit, "expected %s here", wanted);
	*us = (uint64_t)n * each;
	if (!*us || *us > PARSE_MAX_TIME)
		return parse_bad(p, &num, "a time is more than 0 and at most 600 s");
	return 0;
}

int parse_end(struct parser *p)
{
	struct tok t = parse_next(p);

	return t.kind == TOK_END ? 0 : parse_wanted(p, &t, "the end of the line");
}

const char *parse_keep(struct parser *p, const struct tok *t)
{
	return arena_strndup(p->keep, t->s, t->len);
}

void *parse_push(struct parser *p, struct arena *arena, void *array, size_t n,
		 size_t size, size_t max, const char *what)
{
	if (n < max)
		return arena_grow(arena, array, n, size);
	parse_bad_at(p, parse_place(p, 1), "more than %zu %s", max, what);
	p->mute = true;                 /* nobody wrote that by hand: enough was said */
	return NULL;
}

/* ---- sections */

struct section {
	const char *name;
	int (*line)(struct parser *p);
	bool statements;
};

static const struct section sections[SEC_COUNT] = {
	[SEC_TOP] = { "", keys_line, false },
	[SEC_DEVICE] = { "device", keys_line, false },
	[SEC_NOTES] = { "notes", keys_line, false },
	[SEC_RESET] = { "reset", keys_line, false },
	[SEC_REGISTERS] = { "registers", regs_line, false },
	[SEC_SEQUENCE] = { "sequence", stmt_line, true },
	[SEC_CLEAN] = { "clean", stmt_line, true },
	[SEC_HEALTH] = { "health", stmt_line, true },
	[SEC_RESTORE] = { "restore", stmt_line, true },
};

static int section_find(struct parser *p, const struct tok *name, enum section_id *sec)
{
	const char *words[SEC_COUNT];

	for (size_t i = SEC_DEVICE; i < SEC_COUNT; i++) {
		if (tok_is(name, sections[i].name)) {
			*sec = (enum section_id)i;
			return 0;
		}
		words[i - 1] = sections[i].name;
	}
	words[SEC_COUNT - 1] = NULL;
	return parse_unknown(p, name, "section", words);
}

static int section_add_sequence(struct parser *p, const struct tok *name)
{
	struct quirk *q = p->q;
	size_t n = q->nsequences;
	struct q_block *grown;

	for (size_t i = 0; i < n; i++)
		if (tok_is(name, q->sequences[i].name))
			return parse_bad(p, name, "sequence '%s' is given twice, first "
					 "on %s", q->sequences[i].name,
					 parse_where(p, &p->seq_at[i]).text);
	grown = parse_push(p, p->keep, q->sequences, n, sizeof(*grown), PARSE_MAX_LIST,
			   "sequences");
	if (!grown)
		return -1;
	q->sequences = grown;
	p->seq_at = arena_grow(p->scratch, p->seq_at, n, sizeof(*p->seq_at));
	p->seq_at[n] = parse_place(p, name->col);
	p->seq_run = arena_grow(p->scratch, p->seq_run, n, sizeof(*p->seq_run));
	p->seq_run[n] = false;
	p->in.block = &q->sequences[n];
	*p->in.block = (struct q_block){ parse_keep(p, name), p->in.line, NULL, 0 };
	q->nsequences++;
	return 0;
}

/* Each section but sequences once. */
static int section_open(struct parser *p, enum section_id sec, const struct tok *name)
{
	struct place *at = &p->in.sec_at[sec];

	p->q->lost_ids |= sec == SEC_DEVICE && at->line;
	if (sec != SEC_SEQUENCE && at->line)
		return parse_bad(p, name, "[%s] is given twice, first on line %d",
				 sections[sec].name, at->line);
	*at = parse_place(p, name->col - 1);
	p->any_regs |= sec == SEC_REGISTERS;
	p->in.had_stmts |= sections[sec].statements;
	p->st = (struct block_state){ 0 };
	p->in.block = sec == SEC_CLEAN ? &p->q->clean :
		      sec == SEC_HEALTH ? &p->q->health :
		      sec == SEC_RESTORE ? &p->q->restore : NULL;
	if (p->in.block)
		p->in.block->line = p->in.line;
	return 0;
}

/* An included file declares registers and sequences; a role but gpu only forbids. */
static int section_allowed(struct parser *p, enum section_id sec, const struct tok *name)
{
	if (p->in.included && sec != SEC_REGISTERS && sec != SEC_SEQUENCE)
		return parse_bad(p, name, "[%s] does not belong in an included file, "
				 "only [registers] and [sequence NAME]",
				 sections[sec].name);
	if (!p->in.included && sec >= SEC_REGISTERS && p->q->role != ROLE_GPU)
		return parse_bad(p, name, "an entry of role %s has only [device], "
				 "[notes] and a [reset] that denies",
				 quirk_role_str(p->q->role));
	return 0;
}

/* What must stand above what. A breach is told once, by the first that shows it. */
static void section_order(struct parser *p, enum section_id sec, const struct tok *name)
{
	if (sec != SEC_DEVICE && !p->in.sec_at[SEC_DEVICE].line && !p->in.said_device &&
	    !p->in.included) {
		p->in.said_device = true;
		parse_bad(p, name, "[device] comes first: whatever else is wrong, it "
			  "must be known which card to leave alone");
	}
	if (p->lost_names || p->lost_sections || p->said_regs ||
	    !(sections[sec].statements ? !p->any_regs :
	      sec == SEC_REGISTERS && p->in.had_stmts &&
	      !p->in.sec_at[SEC_REGISTERS].line))
		return;
	p->said_regs = p->lost_names = p->lost_stmts = true;
	if (sections[sec].statements)
		parse_bad(p, name, "no register is declared above: [registers] must come "
			  "above the first statements, or an include that has it");
	else
		parse_bad(p, name, "[registers] must come above the first statements");
}

static int section_header(struct parser *p, enum section_id *sec)
{
	struct tok name, seq;

	parse_next(p);                  /* the bracket */
	if (parse_word(p, "the name of a section", &name) < 0 ||
	    section_find(p, &name, sec) < 0)
		return -1;
	section_order(p, *sec, &name);
	if (section_allowed(p, *sec, &name) < 0)
		return -1;
	if (*sec == SEC_SEQUENCE && parse_word(p, "the sequence's name", &seq) < 0)
		return -1;
	if (parse_expect(p, "]") < 0 || parse_end(p) < 0)
		return -1;
	if (section_open(p, *sec, &name) < 0)
		return -1;
	return *sec == SEC_SEQUENCE ? section_add_sequence(p, &seq) : 0;
}

static void section_close(struct parser *p)
{
	if (p->in.sec == SEC_REGISTERS)
		regs_close(p);
	if (p->in.block)
		block_close(p);
}

static void section_begin(struct parser *p)
{
	enum section_id sec = SEC_UNKNOWN;

	section_close(p);
	p->in.block = NULL;
	p->in.sec = SEC_UNKNOWN;
	if (section_header(p, &sec) == 0) {
		p->in.sec = sec;
		return;
	}
	p->lost_sections = true;
	p->lost_names |= sec == SEC_UNKNOWN || sec == SEC_REGISTERS;
	p->lost_sequences |= sec == SEC_UNKNOWN || sec == SEC_SEQUENCE;
}

/* "include = x" anywhere else: say where it belongs. */
static bool parse_is_include(const struct parser *p)
{
	struct lex lx = p->in.lx;
	struct tok word = lex_next(&lx), next = lex_next(&lx);

	return p->in.sec != SEC_TOP && tok_is(&word, "include") && tok_is(&next, "=");
}

static int parse_section_line(struct parser *p)
{
	struct tok t = lex_peek(&p->in.lx);

	if (!parse_is_include(p))
		return sections[p->in.sec].line(p);
	p->lost_names = p->lost_sequences = true;
	return parse_bad(p, &t, "'include' stands at the top, before [device]");
}

/* ---- lines */

/* A line with an error: what would follow from it is not worth further messages. */
static void parse_lost(struct parser *p, bool unreadable)
{
	if (p->in.sec == SEC_UNKNOWN)
		return;
	p->lost_stmts |= sections[p->in.sec].statements;
	p->q->blurred |= p->in.sec == SEC_DEVICE;
	p->lost_methods |= unreadable && p->in.sec == SEC_RESET;
	if (!unreadable)
		return;
	p->lost_names |= p->in.sec == SEC_REGISTERS;
	p->lost_keys[p->in.sec] = true;
}

static void parse_line(struct parser *p, const char *line, size_t len, bool last)
{
	struct tok t;

	p->in.line++;
	p->in.lx = (struct lex){ line, len, 0 };
	if (!text_line(p, line, &len, last)) {
		p->q->lost_ids |= p->in.sec == SEC_DEVICE;
		parse_lost(p, true);
		return;
	}
	p->in.lx.len = len;
	t = lex_peek(&p->in.lx);
	if (t.kind == TOK_END)
		return;
	if (tok_is(&t, "["))
		section_begin(p);
	else if (p->in.sec != SEC_UNKNOWN && parse_section_line(p) < 0)
		parse_lost(p, false);
	if (p->in.sec == SEC_RESET)
		p->reset_last = parse_place(p, 1);
}

void parse_text(struct parser *p, const char *text, size_t len)
{
	size_t at = 0;

	while (at < len) {
		const char *nl = memchr(text + at, '\n', len - at);
		size_t end = nl ? (size_t)(nl - text) : len;

		parse_line(p, text + at, end - at, !nl);
		at = end + 1;
	}
	section_close(p);
}

/* "quirks/amd-fiji.quirk" is "amd-fiji". */
static const char *parse_id(struct arena *keep, const char *path)
{
	static const char suffix[] = ".quirk";
	const char *slash = strrchr(path, '/');
	const char *base = slash ? slash + 1 : path;
	size_t n = strlen(base), cut = sizeof(suffix) - 1;

	if (n > cut && !strcmp(base + n - cut, suffix))
		n -= cut;
	return arena_strndup(keep, base, n);
}

struct quirk *quirk_parse(const char *path, const char *text, size_t len,
			  const struct quirk_includes *includes, struct diag *diag)
{
	struct arena *keep = arena_new();
	struct quirk *q = arena_alloc(keep, sizeof(*q));
	struct parser p = { .diag = diag, .q = q, .keep = keep,
			    .includes = includes };

	q->arena = keep;
	q->file = arena_strndup(keep, path, strlen(path));
	q->id = parse_id(keep, path);
	p.in.path = q->file;
	p.scratch = arena_new();
	parse_text(&p, text, len);
	check_end(&p);
	arena_free(p.scratch);
	for (size_t i = 0; i < p.nincs; i++)
		free(p.inc_text[i]);
	q->broken = p.errors > 0;
	if (!q->broken || q->nids)
		return q;
	quirk_free(q);
	return NULL;
}

void quirk_free(struct quirk *q)
{
	if (q)
		arena_free(q->arena);
}
