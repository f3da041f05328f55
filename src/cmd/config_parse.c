// SPDX-License-Identifier: GPL-2.0-or-later
/* The text of gpureset.conf: keys, sections, and everything that is wrong with them. */
#include "cmd/config_parse.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/duration.h"
#include "base/textfile.h"
#include "base/xalloc.h"
#include "host/pve_conf.h"

#define CONFIG_WORDS 64                 /* on a line */
#define CONFIG_WORD 64                  /* of a word, as far as it is shown */

/* --- one line ------------------------------------------------------------------ */

struct config_line {
	struct config *conf;
	struct diag *diag;
	const char *path;
	int number;
	const char *text;
	size_t len;             /* without a comment and blanks at the end */
};

/* One word of a value, and where it stands in the line. */
struct config_word {
	const char *text;
	size_t len;
	bool quoted;            /* it stood between '"', which are not in it */
};

struct config_key {
	const char *name;
	void (*set)(struct config_line *l, const struct config_key *key,
		    const struct config_word *word, size_t n);
	bool adds;                      /* may be repeated */
	const char *const *choice;      /* NULL-terminated; the value is the index */
	unsigned from_s, to_s;
	const char *why;                /* of the range */
	const char *help;               /* sentences, for gpureset.conf(5) */
};

static void line_error(const struct config_line *l, const char *at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void line_error(const struct config_line *l, const char *at, const char *fmt, ...)
{
	char text[DIAG_TEXT];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	diag_add(l->diag, DIAG_ERROR, l->path, l->number, (int)(at - l->text) + 1,
		 l->text, l->len, "%s", text);
}

static bool word_is(const struct config_word *w, const char *text)
{
	return w->len == strlen(text) && !memcmp(w->text, text, w->len);
}

static char *word_copy(const struct config_word *w)
{
	char *copy = xcalloc(w->len + 1, 1);

	memcpy(copy, w->text, w->len);
	return copy;
}

/* "@what'WORD'@more", and the nearest of @words (NULL-terminated), if one is near. */
static void word_unknown(const struct config_line *l, const struct config_word *w,
			 const char *what, const char *more, const char *const words[])
{
	char word[CONFIG_WORD];
	const char *near;

	snprintf(word, sizeof(word), "%.*s", (int)w->len, w->text);
	near = diag_nearest(word, words);
	line_error(l, w->text, "%s'%s'%s%s%s%s", what, word, more,
		   near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static struct config_section *line_section(const struct config_line *l)
{
	return &l->conf->section[l->conf->n - 1];
}

/* --- keys ---------------------------------------------------------------------- */

/* What a quirk file's name without ".quirk" is made of. */
static bool id_valid(const struct config_word *w)
{
	for (size_t i = 0; i < w->len; i++)
		if (!isalnum((unsigned char)w->text[i]) && !strchr("-_.+", w->text[i]))
			return false;
	return true;
}

static void add_allowed(struct config_line *l, const struct config_word *w)
{
	struct config_section *s = line_section(l);

	if (l->conf->nallowed == CONFIG_ALLOWED) {
		line_error(l, w->text, "more than %d ids in one file", CONFIG_ALLOWED);
		return;
	}
	l->conf->nallowed++;
	s->allowed = xgrow(s->allowed, s->nallowed, &s->room, sizeof(*s->allowed));
	s->allowed[s->nallowed++] = word_copy(w);
}

static void set_allow(struct config_line *l, const struct config_key *key,
		      const struct config_word *word, size_t n)
{
	(void)key;
	for (size_t i = 0; i < n; i++) {
		if (!id_valid(&word[i])) {
			line_error(l, word[i].text, "'%.*s' is not a quirk's id (its "
				   "file name without .quirk), nor 'all'",
				   (int)word[i].len, word[i].text);
			continue;
		}
		if (word_is(&word[i], "all") && n > 1)
			line_error(l, word[i].text, "'all' stands alone");
		add_allowed(l, &word[i]);
	}
}

static void store(struct config_line *l, const struct config_key *key, uint64_t value);

/* "reset, only-report or skip" */
static void choice_list(const char *const *choice, char *buf, size_t room)
{
	size_t at = 0;

	for (size_t i = 0; choice[i] && at < room; i++)
		at += (size_t)snprintf(buf + at, room - at, "%s%s", !i ? "" :
				       choice[i + 1] ? ", " : " or ", choice[i]);
}

static void set_choice(struct config_line *l, const struct config_key *key,
		       const struct config_word *word, size_t n)
{
	char list[128], more[192];

	for (size_t i = 0; key->choice[i]; i++) {
		if (!word_is(&word[0], key->choice[i]))
			continue;
		store(l, key, i);
		if (n > 1)
			line_error(l, word[1].text, "%s takes one word", key->name);
		return;
	}
	choice_list(key->choice, list, sizeof(list));
	snprintf(more, sizeof(more), " is no value of %s, which is %s", key->name, list);
	word_unknown(l, &word[0], "", more, key->choice);
}

static void set_time(struct config_line *l, const struct config_key *key,
		     const struct config_word *word, size_t n)
{
	const char *text = word[0].text, *wrong;
	size_t len = (size_t)(word[n - 1].text - text) + word[n - 1].len, at;
	uint64_t us = 0;

	wrong = duration_parse(text, len, &us, &at);
	if (wrong)
		line_error(l, text + at, "%s", wrong);
	else if (us < key->from_s * 1000000ull || us > key->to_s * 1000000ull)
		line_error(l, text, "%s is %us to %us%s", key->name, key->from_s,
			   key->to_s, key->why);
	store(l, key, us);
}

static const char *const hook_words[] = {
	[HOOK_RESET] = "reset", [HOOK_ONLY_REPORT] = "only-report", [HOOK_SKIP] = "skip",
	NULL
};

static const char *const after_words[] = {
	[AFTER_STOP_VFIO] = "vfio", [AFTER_STOP_HOST_DRIVER] = "host-driver", NULL
};

static const char *const yes_words[] = { "no", "yes", NULL };

static const struct config_key config_keys[] = {
	[KEY_ALLOW] = { "allow-untested", set_allow, .adds = true,
			.help = "The register programs of these quirk files may run "
				"although nobody has confirmed them on a real card. An "
				"ID is the file's name without .quirk. Lines and "
				"sections add up." },
	[KEY_HOOK] = { "hook", set_choice, .choice = hook_words,
		       .help = "What a hook does with the VM's cards. With "
			       "`only-report` it says what it would do and changes "
			       "nothing; with `skip` it does not even look." },
	[KEY_AFTER_STOP] = { "after-stop", set_choice, .choice = after_words,
			     .help = "Whose the card is when the VM has stopped: with "
				     "`vfio` it waits for the next VM, with "
				     "`host-driver` the drivers that were found before "
				     "the first start get it back." },
	[KEY_PRE_START] = { "pre-start-timeout", set_time, .from_s = 5, .to_s = 3600,
			    .why = ": a card needs seconds, and a start that waits "
				   "longer helps nobody",
			    .help = "The most that a hook may take before a start." },
	/*
	 * PVE holds the VM's lock while post-stop runs, and its `qm cleanup`, which also
	 * restarts a VM that is rebooted, waits 60 s for it (qemu-server, CLI/qm.pm).
	 */
	[KEY_POST_STOP] = { "post-stop-timeout", set_time, .from_s = 10, .to_s = 55,
			    .why = ": Proxmox waits 60 s for the lock that a VM has "
				   "while it stops, then gives up",
			    .help = "The most that a hook may take after a stop. What it "
				    "could not do by then the next start does." },
	[KEY_START_ANYWAY] = { "start-anyway", set_choice, .choice = yes_words,
			       .help = "With `yes` the VM starts although its card may "
				       "hang the host." },
};

static void store(struct config_line *l, const struct config_key *key, uint64_t value)
{
	line_section(l)->value[key - config_keys] = value;
}

static const struct config_key *key_find(const struct config_line *l,
					 const struct config_word *word)
{
	const char *names[KEYS + 1] = { NULL };

	for (size_t i = 0; i < KEYS; i++) {
		if (word_is(word, config_keys[i].name))
			return &config_keys[i];
		names[i] = config_keys[i].name;
	}
	word_unknown(l, word, "unknown key ", "", names);
	return NULL;
}

void config_doc(enum config_key_id key, struct config_doc *doc)
{
	const struct config_key *k = &config_keys[key];
	uint64_t otherwise = config_defaults[key];

	*doc = (struct config_doc){ .name = k->name, .help = k->help };
	if (k->choice) {
		choice_list(k->choice, doc->takes, sizeof(doc->takes));
		snprintf(doc->otherwise, sizeof(doc->otherwise), "%s",
			 k->choice[otherwise]);
	} else if (k->to_s) {
		snprintf(doc->takes, sizeof(doc->takes), "%us to %us", k->from_s,
			 k->to_s);
		snprintf(doc->otherwise, sizeof(doc->otherwise), "%us",
			 (unsigned)(otherwise / 1000000));
	} else {
		snprintf(doc->takes, sizeof(doc->takes), "ID ... or all");
	}
}

/* --- sections -------------------------------------------------------------------- */

struct config_kind {
	const char *name;
	const char *needs;
	/* Fill @to from @word, or false after a message. */
	bool (*parse)(const struct config_line *l, const struct config_word *word,
		      struct config_name *to);
	bool (*same)(const struct config_name *a, const struct config_name *b);
};

/* Letters, or a language's own, which are bytes above ASCII. */
static bool has_letter(const char *text)
{
	for (; *text; text++)
		if (isalpha((unsigned char)*text) || (unsigned char)*text >= 0x80)
			return true;
	return false;
}

/*
 * What could be meant as a list or a range of VMIDs must not pass as a guest's name,
 * which would then be the name of nobody. libvirt allows no '/' in a name.
 */
static bool parse_vm(const struct config_line *l, const struct config_word *word,
		     struct config_name *to)
{
	size_t wrong;

	to->vm = word_copy(word);
	wrong = strcspn(to->vm, word->quoted ? "/" : "[],;/");
	if (to->vm[wrong]) {
		line_error(l, word->text + wrong, "'%c' belongs neither in a VMID nor in "
			   "a guest's name; blanks stand between them", to->vm[wrong]);
		return false;
	}
	if (has_letter(to->vm) || pve_vmid(to->vm, NULL))
		return true;
	line_error(l, word->text, "'%.*s' is not a VMID, which is a number from %u to "
		   "%u; the name of a libvirt guest has a letter in it", CONFIG_WORD,
		   to->vm, PVE_VMID_MIN, PVE_VMID_MAX);
	return false;
}

static bool same_vm(const struct config_name *a, const struct config_name *b)
{
	return !strcmp(a->vm, b->vm);
}

static bool parse_card(const struct config_line *l, const struct config_word *word,
		       struct config_name *to)
{
	char *text = word_copy(word);
	struct bdf_spec spec;
	struct err err;
	int rc = bdf_parse(text, &spec, &err);

	free(text);
	if (rc < 0)
		line_error(l, word->text, "%s", err.text);
	to->card = spec.bdf;
	return rc == 0;
}

static bool same_card(const struct config_name *a, const struct config_name *b)
{
	return bdf_same_slot(a->card, b->card);
}

static const struct config_kind config_kinds[KINDS] = {
	[KIND_VM] = { "vm", "a VMID or the name of a guest, as in [vm 101]", parse_vm,
		      same_vm },
	[KIND_CARD] = { "card", "an address, as in [card 0b:00]", parse_card, same_card },
};

static enum config_kind_id kind_find(const struct config_line *l,
				     const struct config_word *word)
{
	const char *names[KINDS + 1] = { NULL };
	size_t n = 0;

	for (size_t i = 0; i < KINDS; i++) {
		if (!config_kinds[i].name)
			continue;
		if (word_is(word, config_kinds[i].name))
			return (enum config_kind_id)i;
		names[n++] = config_kinds[i].name;
	}
	word_unknown(l, word, "unknown section ", "; there are [vm ...] and [card ...]",
		     names);
	return KIND_LOST;
}

const struct config_section *section_find(const struct config *conf,
					  enum config_kind_id kind,
					  const struct config_name *name)
{
	for (size_t i = 0; i < conf->n; i++) {
		const struct config_section *s = &conf->section[i];

		for (size_t k = 0; s->kind == kind && k < s->nnames; k++)
			if (config_kinds[kind].same(&s->name[k], name))
				return s;
	}
	return NULL;
}

static struct config_section *section_new(struct config *conf, enum config_kind_id kind,
					  int line)
{
	struct config_section *s;

	conf->section = xgrow(conf->section, conf->n, &conf->room, sizeof(*s));
	s = &conf->section[conf->n++];
	memset(s, 0, sizeof(*s));
	s->kind = kind;
	s->line = line;
	return s;
}

static void section_name(struct config_line *l, const struct config_word *word)
{
	struct config_section *s = line_section(l);
	struct config_name name = { .vm = NULL };
	const struct config_section *other;

	if (!config_kinds[s->kind].parse(l, word, &name)) {
		free(name.vm);
		return;
	}
	other = section_find(l->conf, s->kind, &name);
	if (other) {
		line_error(l, word->text, "%s %.*s has a section already, in line %d",
			   config_kinds[s->kind].name, (int)word->len, word->text,
			   other->line);
		free(name.vm);
		return;
	}
	s->name = xgrow(s->name, s->nnames, &s->name_room, sizeof(name));
	s->name[s->nnames++] = name;
}

/* --- the file ------------------------------------------------------------------ */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/*
 * A '#' begins a comment at the start of the line or after a blank; not within the
 * quotes of a header.
 */
static size_t line_end(const char *text, size_t len)
{
	size_t end = 0, first = 0;
	bool quoted = false;

	while (first < len && is_blank(text[first]))
		first++;
	for (; end < len; end++) {
		if (text[end] == '"' && text[first] == '[')
			quoted = !quoted;
		if (text[end] == '#' && !quoted && (!end || is_blank(text[end - 1])))
			break;
	}
	while (end && is_blank(text[end - 1]))
		end--;
	return end;
}

/* The '"' at @at begins @word. Returns where it ends. */
static const char *word_quoted(struct config_line *l, const char *at, const char *end,
			       struct config_word *word)
{
	const char *close = memchr(at + 1, '"', (size_t)(end - at - 1));

	*word = (struct config_word){ .text = at + 1, .quoted = true };
	word->len = (size_t)((close ? close : end) - word->text);
	if (!close)
		line_error(l, at, "there is no second '\"'");
	else if (close + 1 < end && !is_blank(close[1]))
		line_error(l, close + 1, "a blank has to follow the '\"'");
	return close ? close + 1 : end;
}

static const char *word_plain(const char *at, const char *end, struct config_word *word)
{
	*word = (struct config_word){ .text = at };
	while (at < end && !is_blank(*at))
		at++;
	word->len = (size_t)(at - word->text);
	return at;
}

/* @header: a word may stand in quotes, as the name of a libvirt guest may hold blanks. */
static size_t line_words(struct config_line *l, const char *at, const char *end,
			 bool header, struct config_word *word)
{
	size_t n = 0;

	while (at < end) {
		while (at < end && is_blank(*at))
			at++;
		if (at == end)
			break;
		if (n == CONFIG_WORDS) {
			line_error(l, at, "more than %d words on a line", CONFIG_WORDS);
			return n;
		}
		at = header && *at == '"' ? word_quoted(l, at, end, &word[n]) :
					    word_plain(at, end, &word[n]);
		n++;
	}
	return n;
}

/* The ']' that is in no quotes, or NULL; @quoted: as a '"' is missing. */
static const char *header_close(const char *at, const char *end, bool *quoted)
{
	for (*quoted = false; at < end; at++) {
		if (*at == '"')
			*quoted = !*quoted;
		if (*at == ']' && !*quoted)
			return at;
	}
	return NULL;
}

/* The line begins with the '[' at @at. Keys below a wrong header are still looked at. */
static void line_header(struct config_line *l, const char *at)
{
	bool quoted;
	const char *end = l->text + l->len, *close = header_close(at, end, &quoted);
	struct config_word word[CONFIG_WORDS];
	enum config_kind_id kind;
	size_t n;

	if (!close && !quoted)
		line_error(l, end, "missing ']'");
	else if (close && close + 1 < end)
		line_error(l, close + 1, "nothing stands behind the ']' of a section");
	n = line_words(l, at + 1, close ? close : end, true, word);
	if (!n)
		line_error(l, at + 1, "expected [vm ...] or [card ...]");
	kind = n ? kind_find(l, &word[0]) : KIND_LOST;
	section_new(l->conf, kind, l->number);
	if (kind == KIND_LOST)
		return;
	if (n == 1)
		line_error(l, word[0].text + word[0].len, "[%s] needs %s",
			   config_kinds[kind].name, config_kinds[kind].needs);
	for (size_t i = 1; i < n; i++)
		section_name(l, &word[i]);
}

static void line_set(struct config_line *l, const struct config_word *name,
		     const char *value)
{
	const struct config_key *key = key_find(l, name);
	struct config_word word[CONFIG_WORDS];
	size_t n = line_words(l, value, l->text + l->len, false, word);
	int *set;

	if (!key)
		return;
	set = &line_section(l)->set[key - config_keys];
	if (*set && !key->adds)
		line_error(l, name->text, "%s was set in line %d already", key->name,
			   *set);
	*set = l->number;
	if (n)
		key->set(l, key, word, n);
	else
		line_error(l, l->text + l->len, "%s needs a value", key->name);
}

static void line_key(struct config_line *l, const char *at)
{
	const char *end = l->text + l->len;
	struct config_word key = { .text = at };

	while (at < end && *at != '=' && !is_blank(*at))
		at++;
	key.len = (size_t)(at - key.text);
	while (at < end && is_blank(*at))
		at++;
	if (at == end || *at != '=')
		line_error(l, at, "expected 'key = value'");
	else
		line_set(l, &key, at + 1);
}

static void line_parse(struct config_line *l)
{
	const char *at = l->text, *end = l->text + l->len;

	for (const char *p = at; p < end; p++)
		if ((unsigned char)*p < ' ' && *p != '\t') {
			line_error(l, p, "a byte 0x%02x does not belong in text",
				   (unsigned char)*p);
			return;
		}
	while (at < end && is_blank(*at))
		at++;
	if (at == end)
		return;
	if (*at == '[')
		line_header(l, at);
	else
		line_key(l, at);
}

/* Every section's own ids and those of the top. */
static void config_join(struct config *conf)
{
	const struct config_section *top = &conf->section[0];

	for (size_t i = 0; i < conf->n; i++) {
		struct config_section *s = &conf->section[i];

		s->joined = xcalloc(top->nallowed + s->nallowed + 1, sizeof(*s->joined));
		for (size_t k = 0; k < top->nallowed; k++)
			s->joined[s->njoined++] = top->allowed[k];
		for (size_t k = 0; s != top && k < s->nallowed; k++)
			s->joined[s->njoined++] = s->allowed[k];
	}
}

void config_parse(struct config *conf, const char *path, const char *text, size_t len,
		  struct diag *diag)
{
	struct config_line l = { .conf = conf, .diag = diag, .path = path };
	const char *at = text, *end = text + len;

	memset(conf, 0, sizeof(*conf));
	section_new(conf, KIND_TOP, 1);
	while ((l.text = textfile_line(&at, end, &l.len))) {
		l.number++;
		l.len = line_end(l.text, l.len);
		line_parse(&l);
	}
	config_join(conf);
}

void config_free(struct config *conf)
{
	for (size_t i = 0; i < conf->n; i++) {
		struct config_section *s = &conf->section[i];

		for (size_t k = 0; k < s->nnames; k++)
			free(s->name[k].vm);
		for (size_t k = 0; k < s->nallowed; k++)
			free(s->allowed[k]);
		free(s->name);
		free(s->allowed);
		free(s->joined);
	}
	free(conf->section);
	memset(conf, 0, sizeof(*conf));
}
