// SPDX-License-Identifier: GPL-2.0-or-later
/* "include = NAME": NAME.inc is read where the line stands; it includes nothing. */
#include "quirk/parse.h"

#include <stdlib.h>
#include <string.h>

static bool include_name_good(const struct tok *t)
{
	static const char set[] = "abcdefghijklmnopqrstuvwxyz0123456789-";

	if (t->kind != TOK_WORD || t->len > 64)
		return false;
	for (size_t i = 0; i < t->len; i++)
		if (!t->s[i] || !strchr(set, t->s[i]))
			return false;
	return true;
}

static int include_allowed(struct parser *p, const struct tok *key, const struct tok *t)
{
	if (p->in.included)
		return parse_bad(p, key, "an included file cannot include another");
	if (!p->in.seen_line[SEC_TOP][0])       /* format, the first of the keys */
		return parse_bad(p, key, "'format = 1' comes first");
	if (!include_name_good(t))
		return parse_bad(p, t, "the name of an include is made of a-z, 0-9 and "
				 "-, without folder and .inc");
	for (size_t i = 0; i < p->nincs; i++)
		if (tok_is(t, p->inc_name[i]))
			return parse_bad(p, t, "'%s' is included twice", p->inc_name[i]);
	if (p->nincs == PARSE_MAX_INCLUDES)
		return parse_bad(p, t, "at most %d files can be included",
				 PARSE_MAX_INCLUDES);
	return 0;
}

/* The text is kept until the parser is done: messages show its lines. */
static void include_parse(struct parser *p, const char *path, const char *text,
			  size_t len)
{
	struct input outer = p->in;
	bool mute = p->mute;
	size_t first = p->q->nsequences;

	p->in = (struct input){
		.path = arena_strndup(p->keep, path, strlen(path)), .included = true,
	};
	parse_text(p, text, len);
	check_include(p, first);
	p->in = outer;
	p->mute = mute;
}

static int include_open(struct parser *p, const struct tok *t)
{
	const char *name = arena_strndup(p->scratch, t->s, t->len);
	struct err err = { 0 };
	char *text = NULL, *path = NULL;
	size_t len = 0, before = p->errors;

	if (!p->includes)
		return parse_bad(p, t, "there is no folder to look for %s.inc in", name);
	if (p->includes->open(p->includes->arg, name, &text, &len, &path, &err) < 0)
		return parse_bad(p, t, "cannot include %s.inc: %s", name, err.text);
	p->inc_name[p->nincs] = name;
	p->inc_text[p->nincs++] = text;
	include_parse(p, path, text, len);
	free(path);
	if (p->errors == before)
		return 0;
	return parse_bad(p, t, "%s.inc has errors, so this file cannot be used", name);
}

int key_include(struct parser *p, struct tok *key)
{
	struct tok t = lex_blob(&p->in.lx);

	if (include_allowed(p, key, &t) == 0 && include_open(p, &t) == 0)
		return 0;
	p->lost_names = p->lost_sequences = true;
	return -1;
}
