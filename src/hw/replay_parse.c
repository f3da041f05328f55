// SPDX-License-Identifier: GPL-2.0-or-later
/* The text of a recording. One statement a line; a line that is wrong is passed by. */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "base/xalloc.h"
#include "hw/replay_internal.h"

#define RP_WORD 256
#define RP_HOST 1024            /* files of the host, names, holders: of each */
#define RP_LOG 20000
#define RP_OPTIONS 64
#define RP_ROW 16u              /* bytes in a row of configuration space */

enum rp_section {
	RP_NONE = 1 << 0, RP_HOSTS = 1 << 1, RP_NAMES = 1 << 2, RP_HOLDERS = 1 << 3,
	RP_FUNCTION = 1 << 4, RP_LOGS = 1 << 5, RP_STUDY = 1 << 6, RP_RUN = 1 << 7,
};

struct rp {
	struct recording *r;
	struct diag *diag;
	const char *line, *end;         /* of the line */
	const char *at;
	int number;
	enum rp_section section;
	unsigned seen;                  /* sections that were there */
	struct rec_fn *fn;              /* of RP_FUNCTION; good until the next is added */
};

/* --- words --------------------------------------------------------------------- */

static int rp_bad(struct rp *p, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static int rp_bad(struct rp *p, const char *fmt, ...)
{
	char text[DIAG_TEXT];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	diag_add(p->diag, DIAG_ERROR, p->r->path, p->number, (int)(p->at - p->line) + 1,
		 p->line, (size_t)(p->end - p->line), "%s", text);
	return -EINVAL;
}

static void rp_blanks(struct rp *p)
{
	while (p->at < p->end && *p->at == ' ')
		p->at++;
}

/* The next word, of visible ASCII; *@start stays at its beginning for messages. */
static int rp_word(struct rp *p, char word[RP_WORD], const char *what)
{
	size_t n = 0;
	const char *s;

	rp_blanks(p);
	for (s = p->at; s < p->end && isgraph((unsigned char)*s); s++)
		if (n + 1 < RP_WORD)
			word[n++] = *s;
	word[n] = '\0';
	if (!n)
		return rp_bad(p, "%s expected", what);
	if (s - p->at >= RP_WORD)
		return rp_bad(p, "too long");
	p->at = s;
	return 0;
}

static int rp_end(struct rp *p)
{
	rp_blanks(p);
	return p->at == p->end ? 0 : rp_bad(p, "nothing more expected");
}

/* A number of at most @digits hex digits. */
static int rp_hex(struct rp *p, int digits, uint64_t *val, const char *what)
{
	const char *s;

	rp_blanks(p);
	*val = 0;
	for (s = p->at; s < p->end && isxdigit((unsigned char)*s); s++) {
		if (s - p->at == digits)
			return rp_bad(p, "%s: more than %d hex digits", what, digits);
		*val = *val << 4 | (uint64_t)(isdigit((unsigned char)*s) ? *s - '0' :
					      (*s | 0x20) - 'a' + 10);
	}
	if (s == p->at)
		return rp_bad(p, "%s expected, in hex", what);
	p->at = s;
	return 0;
}

static int rp_decimal(struct rp *p, uint64_t most, uint64_t *val, const char *what)
{
	const char *s;

	rp_blanks(p);
	*val = 0;
	for (s = p->at; s < p->end && isdigit((unsigned char)*s); s++) {
		*val = *val * 10 + (uint64_t)(*s - '0');
		if (*val > most)
			return rp_bad(p, "%s: more than %llu", what,
				      (unsigned long long)most);
	}
	if (s == p->at)
		return rp_bad(p, "%s expected", what);
	p->at = s;
	return 0;
}

static int rp_text(struct rp *p, char **text)
{
	rp_blanks(p);
	*text = text_unquote(&p->at, p->end);
	return *text ? 0 : rp_bad(p, "a text in \"quotes\" expected, with \\n \\\" \\\\ "
				  "or \\xHH for what it may not hold");
}

static int rp_bdf(struct rp *p, struct bdf *bdf)
{
	char word[RP_WORD];
	const char *start;
	int rc;

	rp_blanks(p);
	start = p->at;
	rc = rp_word(p, word, "an address like 0000:0b:00.0");
	if (rc || bdf_from_sysfs(word, bdf))
		return rc;
	p->at = start;
	return rp_bad(p, "an address like 0000:0b:00.0 expected");
}

/* --- [host], [names], [holders], [log] ----------------------------------------- */

static int rp_made_by(struct rp *p)
{
	char *text;
	int rc = rp_text(p, &text);

	if (!rc)
		free(text);
	return rc;
}

static int rp_target(struct rp *p)
{
	const char *start;
	char word[RP_WORD];
	struct err err;
	int rc;

	rp_blanks(p);
	start = p->at;
	rc = rp_word(p, word, "an address");
	if (rc)
		return rc;
	if (bdf_parse(word, &p->r->target, &err) < 0) {
		p->at = start;
		return rp_bad(p, "%.200s", err.text);
	}
	p->r->has_target = true;
	return 0;
}

/* NAME "text", or NAME error N "why" */
static int rp_value(struct rp *p, struct rec_texts *to, size_t most, const char *what)
{
	char name[RP_WORD], *text = NULL;
	uint64_t code = 0;
	int rc = rp_word(p, name, what);

	if (rc)
		return rc;
	if (to->n >= most)
		return rp_bad(p, "too many");
	if (rec_get(to, name))
		return rp_bad(p, "%.80s is given twice", name);
	rp_blanks(p);
	if (p->end - p->at > 6 && !memcmp(p->at, "error ", 6)) {
		p->at += 6;
		rc = rp_decimal(p, 4095, &code, "an errno");
		if (!rc && !code)
			rc = rp_bad(p, "an errno is not 0");
	}
	if (!rc)
		rc = rp_text(p, &text);
	if (!rc)
		rec_put(to, name, escape_control(text), (int)code);
	return rc;
}

static int rp_exists(struct rp *p, struct rec_texts *to, size_t most, const char *what)
{
	char name[RP_WORD];
	int rc = rp_word(p, name, what);

	if (rc)
		return rc;
	if (to->n >= most)
		return rp_bad(p, "too many");
	if (rec_get(to, name))
		return rp_bad(p, "%.80s is given twice", name);
	rec_put(to, name, NULL, 0);
	return 0;
}

static int rp_file(struct rp *p)
{
	return rp_value(p, &p->r->host, RP_HOST, "a path");
}

static int rp_path(struct rp *p)
{
	return rp_exists(p, &p->r->host, RP_HOST, "a path");
}

static int rp_name(struct rp *p)
{
	uint64_t vendor, device;
	char *text = NULL;
	int rc = rp_hex(p, 4, &vendor, "a vendor id");

	if (!rc && (p->at == p->end || *p->at != ':'))
		rc = rp_bad(p, "':' and a device id expected");
	if (rc)
		return rc;
	p->at++;
	rc = rp_hex(p, 4, &device, "a device id");
	if (!rc && p->r->nnames >= RP_HOST)
		rc = rp_bad(p, "too many");
	if (!rc)
		rc = rp_text(p, &text);
	if (!rc)
		rec_put_name(p->r, (uint16_t)vendor, (uint16_t)device,
			     escape_plain(text));
	return rc;
}

static int rp_holder(struct rp *p)
{
	struct recording *r = p->r;
	struct hw_holder h = { 0 };
	char *comm = NULL, *what = NULL;
	uint64_t pid;
	int rc = rp_decimal(p, INT32_MAX, &pid, "a process");

	if (!rc && r->nholders >= RP_HOST)
		rc = rp_bad(p, "too many");
	if (!rc)
		rc = rp_text(p, &comm);
	if (!rc)
		rc = rp_text(p, &what);
	if (!rc) {
		h.pid = (int)pid;
		h.fn = r->target.bdf;
		snprintf(h.comm, sizeof(h.comm), "%s", escape_plain(comm));
		snprintf(h.what, sizeof(h.what), "%s", escape_plain(what));
		r->holder = xgrow(r->holder, r->nholders, &r->holder_room, sizeof(h));
		r->holder[r->nholders++] = h;
	}
	free(comm);
	free(what);
	return rc;
}

static int rp_log(struct rp *p)
{
	struct recording *r = p->r;
	char *text = NULL;
	int rc = r->nlog >= RP_LOG ? rp_bad(p, "too many") : rp_text(p, &text);

	if (rc)
		return rc;
	r->log = xgrow(r->log, r->nlog, &r->log_room, sizeof(*r->log));
	r->log[r->nlog++] = escape_control(text);
	return 0;
}

/* --- [function] ---------------------------------------------------------------- */

static int rp_parent(struct rp *p)
{
	int rc;

	if (p->fn->has_parent)
		return rp_bad(p, "parent is given twice");
	rp_blanks(p);
	p->fn->has_parent = true;
	p->fn->on_root_bus = p->end - p->at == 4 && !memcmp(p->at, "none", 4);
	if (p->fn->on_root_bus) {
		p->at = p->end;
		return 0;
	}
	rc = rp_bdf(p, &p->fn->parent);
	if (!rc && bdf_eq(p->fn->parent, p->fn->bdf))
		rc = rp_bad(p, "a function cannot be below itself");
	return rc;
}

static int rp_has(struct rp *p)
{
	return rp_exists(p, &p->fn->attrs, REC_ATTRS, "an attribute");
}

static int rp_attr(struct rp *p)
{
	return rp_value(p, &p->fn->attrs, REC_ATTRS, "an attribute");
}

/* config 64, 256 or 4096: rows follow, those left out are zero; or why there is none */
static int rp_config(struct rp *p)
{
	struct rec_fn *f = p->fn;
	const char *start;
	uint64_t len;
	char *why;
	int rc;

	rp_blanks(p);
	start = p->at;
	if (start < p->end && *start == '"') {
		rc = rp_text(p, &why);
		if (!rc)
			free(why);
		return rc;
	}
	rc = rp_decimal(p, REC_CFG_MAX, &len, "a number of bytes");
	if (rc)
		return rc;
	p->at = start;
	if (len != 64 && len != 256 && len != REC_CFG_MAX)
		return rp_bad(p, "a configuration space has 64, 256 or 4096 bytes");
	if (f->config)
		return rp_bad(p, "config is given twice");
	while (p->at < p->end && isdigit((unsigned char)*p->at))
		p->at++;
	f->config = xcalloc(len, 1);
	f->config_len = (unsigned)len;
	return 0;
}

/* "040: 10 58 ..." */
static int rp_row(struct rp *p)
{
	struct rec_fn *f = p->fn;
	uint64_t off, byte;
	int rc = rp_hex(p, 3, &off, "an offset");

	if (rc)
		return rc;
	p->at++;                        /* the colon brought us here */
	if (off % RP_ROW || off >= f->config_len) {
		p->at = p->line;
		return rp_bad(p, "no such row in %u bytes of configuration space",
			      f->config_len);
	}
	for (unsigned i = 0; i < RP_ROW && !rc; i++) {
		rc = rp_hex(p, 2, &byte, "a byte");
		if (!rc)
			f->config[off + i] = (uint8_t)byte;
	}
	return rc;
}

static int rp_bar(struct rp *p)
{
	struct rec_fn *f = p->fn;
	uint64_t bar, off, value;
	char *name = NULL;
	int rc = rp_decimal(p, 5, &bar, "a BAR, 0 to 5,");

	if (!rc)
		rc = rp_hex(p, 8, &off, "an offset");
	if (!rc)
		rc = rp_hex(p, 8, &value, "a value");
	if (!rc && f->nregs >= REC_CFG_MAX)
		rc = rp_bad(p, "too many");
	if (!rc)
		rc = rp_text(p, &name);
	free(name);
	if (rc)
		return rc;
	f->reg = xgrow(f->reg, f->nregs, &f->reg_room, sizeof(*f->reg));
	f->reg[f->nregs++] = (struct rec_reg){ (int)bar, (uint32_t)off,
					       (uint32_t)value };
	return 0;
}

static int rp_note(struct rp *p)
{
	return rp_made_by(p);
}

/* --- [run] --------------------------------------------------------------------- */

static int rp_option(struct rp *p)
{
	char *text;
	int rc = rp_text(p, &text);

	if (rc)
		return rc;
	if (p->r->options.n < RP_OPTIONS)
		rec_put(&p->r->options, text, NULL, 0);
	free(text);
	return p->r->options.n < RP_OPTIONS ? 0 : rp_bad(p, "too many");
}

static int rp_run_end(struct rp *p)
{
	struct recording *r = p->r;
	uint64_t status;
	int rc;

	if (r->has_end)
		return rp_bad(p, "end is given twice");
	rc = rp_decimal(p, 255, &status, "an exit status");
	if (!rc)
		rc = rp_text(p, &r->end_verdict);
	r->has_end = !rc;
	r->end_status = (int)status;
	r->end_line = p->number;
	return rc;
}

/* Where " = " stands outside of quotes, or the end. */
static const char *rp_equals(const struct rp *p)
{
	bool quoted = false;

	for (const char *s = p->at; s + 2 < p->end; s++) {
		if (*s == '\\' && quoted)
			s++;
		else if (*s == '"')
			quoted = !quoted;
		else if (!quoted && !memcmp(s, " = ", 3))
			return s;
	}
	return p->end;
}

/* ok, a number, a text, or error N "why"; and nothing more. */
static int rp_answer(struct rp *p)
{
	const size_t left = (size_t)(p->end - p->at);
	uint64_t val;
	char *text;
	int rc;

	if (left == 2 && !memcmp(p->at, "ok", 2)) {
		p->at = p->end;
		return 0;
	}
	if (left > 6 && !memcmp(p->at, "error ", 6)) {
		p->at += 6;
		rc = rp_decimal(p, 4095, &val, "an errno");
		if (!rc && !val)
			rc = rp_bad(p, "an errno is not 0");
		if (rc)
			return rc;
		rp_blanks(p);
	}
	if (p->at == p->end || *p->at != '"')
		return rp_hex(p, 16, &val, "an answer");
	rc = rp_text(p, &text);
	if (!rc)
		free(text);
	return rc;
}

static char *rp_cut(const char *from, const char *to)
{
	size_t n = (size_t)(to - from);

	return memcpy(xcalloc(n + 1, 1), from, n);
}

static int rp_visible(struct rp *p)
{
	for (; p->at < p->end; p->at++)
		if ((unsigned char)*p->at < ' ')
			return rp_bad(p, "a control character");
	return 0;
}

/* "123456 cfg r 0000:0b:00.0 004 2 = 0007" */
static int rp_access(struct rp *p)
{
	struct recording *r = p->r;
	struct rec_access a = { .line = p->number };
	const char *request, *equals, *answer;
	int rc = rp_decimal(p, UINT64_MAX / 16, &a.at_us, "a time in microseconds");

	if (rc)
		return rc;
	rp_blanks(p);
	request = p->at;
	equals = rp_equals(p);
	answer = equals < p->end ? equals + 3 : p->end;
	if (request >= equals || equals - request >= REC_REQUEST)
		return rp_bad(p, "an access expected");
	rc = rp_visible(p);
	p->at = answer;
	if (!rc && answer < p->end)
		rc = rp_answer(p);
	if (!rc && r->naccesses >= REC_ACCESSES)
		rc = rp_bad(p, "too many accesses");
	if (rc || p->section == RP_STUDY)
		return rc;
	a.request = rp_cut(request, equals);
	a.answer = rp_cut(answer, p->end);
	r->access = xgrow(r->access, r->naccesses, &r->access_room, sizeof(a));
	r->access[r->naccesses++] = a;
	return 0;
}

/* --- lines --------------------------------------------------------------------- */

static const struct rp_key {
	const char *name;
	unsigned sections;
	int (*parse)(struct rp *p);
} rp_keys[] = {
	{ "made-by", RP_HOSTS, rp_made_by }, { "target", RP_HOSTS, rp_target },
	{ "file", RP_HOSTS, rp_file }, { "exists", RP_HOSTS, rp_path },
	{ "name", RP_NAMES, rp_name }, { "holder", RP_HOLDERS, rp_holder },
	{ "parent", RP_FUNCTION, rp_parent }, { "has", RP_FUNCTION, rp_has },
	{ "attr", RP_FUNCTION, rp_attr }, { "config", RP_FUNCTION, rp_config },
	{ "bar", RP_FUNCTION, rp_bar }, { "log", RP_LOGS, rp_log },
	{ "note", RP_HOSTS | RP_HOLDERS | RP_FUNCTION | RP_LOGS, rp_note },
	{ "option", RP_RUN, rp_option }, { "@", RP_STUDY | RP_RUN, rp_access },
	{ "end", RP_RUN, rp_run_end },
};

static const struct rp_head {
	const char *name;
	enum rp_section section;
} rp_heads[] = {
	{ "host", RP_HOSTS }, { "names", RP_NAMES }, { "holders", RP_HOLDERS },
	{ "function", RP_FUNCTION }, { "log", RP_LOGS }, { "study", RP_STUDY },
	{ "run", RP_RUN },
};

static int rp_new_function(struct rp *p)
{
	struct bdf bdf;
	int rc;

	if (p->r->nfns >= REC_FNS)
		return rp_bad(p, "more than %d functions", REC_FNS);
	rc = rp_bdf(p, &bdf);
	if (!rc)
		p->fn = rec_add_fn(p->r, bdf);
	return rc;
}

/* "[host]" or "[function 0000:0b:00.0]", the cursor behind the bracket */
static int rp_section_line(struct rp *p)
{
	const char *start = p->at;
	const struct rp_head *h = NULL;
	int rc = 0;

	p->section = RP_NONE;
	if (p->end[-1] != ']')
		return rp_bad(p, "']' expected at the end of the line");
	p->end--;
	for (size_t i = 0; i < sizeof(rp_heads) / sizeof(*rp_heads); i++) {
		size_t n = strlen(rp_heads[i].name);

		if ((size_t)(p->end - start) >= n && !memcmp(start, rp_heads[i].name, n))
			h = &rp_heads[i];
	}
	if (!h)
		return rp_bad(p, "no such section");
	p->at = start + strlen(h->name);
	if (h->section == RP_FUNCTION)
		rc = rp_new_function(p);
	else if (p->seen & h->section)
		rc = rp_bad(p, "the section is given twice");
	if (!rc)
		rc = rp_end(p);
	if (!rc)
		p->section = h->section;
	p->seen |= h->section;
	p->r->has_run |= h->section == RP_RUN;
	return rc;
}

static int rp_statement(struct rp *p)
{
	char word[RP_WORD];
	int rc = rp_word(p, word, "a word");

	for (size_t i = 0; i < sizeof(rp_keys) / sizeof(*rp_keys) && !rc; i++) {
		if (strcmp(rp_keys[i].name, word))
			continue;
		if (rp_keys[i].sections & p->section) {
			rp_blanks(p);
			return rp_keys[i].parse(p);
		}
		p->at = p->line;
		return rp_bad(p, "'%s' does not belong in this section", word);
	}
	p->at = p->line;
	if (rc || p->section != RP_FUNCTION || !strchr(word, ':'))
		return rc ? rc : rp_bad(p, "'%.40s' is not a word of a recording", word);
	return strspn(word, "0123456789abcdef") == strlen(word) - 1 ?
		rp_row(p) : rp_bad(p, "'%.40s' is not a word of a recording", word);
}

static void rp_line(struct rp *p)
{
	p->at = p->line;
	if (p->at == p->end || *p->at == '#')
		return;
	if (*p->at == '[') {
		p->at++;
		rp_section_line(p);
	} else if (p->section != RP_NONE && !rp_statement(p)) {
		rp_end(p);
	} else if (p->section == RP_NONE && !(p->seen & ~(unsigned)RP_NONE)) {
		rp_bad(p, "a section like [host] expected");
	}
}

/* --- the whole ----------------------------------------------------------------- */

static void rp_whole_bad(struct recording *r, struct diag *diag, const char *what,
			 struct bdf bdf)
{
	char text[BDF_STR];

	diag_add(diag, DIAG_ERROR, r->path, 0, 0, NULL, 0, "%s %s", bdf_str(bdf, text),
		 what);
}

/* Every parent is there, and no chain of them is a circle. */
static void rp_check_parents(struct recording *r, struct diag *diag)
{
	for (size_t i = 0; i < r->nfns; i++) {
		const struct bdf bdf = r->fn[i].bdf;
		const struct rec_fn *f = &r->fn[i];
		int steps = 0;

		while (f && !f->on_root_bus && steps++ < 256)
			f = rec_find(r, f->parent);
		if (!f)
			rp_whole_bad(r, diag, "is below a bridge that is not in the file",
				     bdf);
		else if (!f->on_root_bus)
			rp_whole_bad(r, diag, "is below itself", bdf);
	}
}

static void rp_check(struct recording *r, struct diag *diag)
{
	struct bdf twice = { 0 };

	if (rec_sort(r, &twice))
		rp_whole_bad(r, diag, "is given twice", twice);
	else
		rp_check_parents(r, diag);
	if (!r->nfns && !diag->errors)
		diag_add(diag, DIAG_ERROR, r->path, 0, 0, NULL, 0,
			 "no function in it: cut off, or not a recording");
}

void rec_parse(struct recording *r, const char *text, size_t len, struct diag *diag)
{
	struct rp p = { .r = r, .diag = diag, .section = RP_NONE };
	const char *end = text + len;
	const char *next;

	for (const char *line = text; line < end; line = next) {
		const char *nl = memchr(line, '\n', (size_t)(end - line));

		next = nl ? nl + 1 : end;
		p.line = line;
		p.end = nl ? nl : end;
		while (p.end > line && (p.end[-1] == '\r' || p.end[-1] == ' '))
			p.end--;
		if (++p.number > 1)     /* the first says what the file is */
			rp_line(&p);
	}
	rp_check(r, diag);
}
