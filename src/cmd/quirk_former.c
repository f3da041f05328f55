// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A more specific file replaces the one that was in force as a whole. Whoever writes it
 * sees here what that one said, line by line, so that nothing is lost unknowingly.
 */
#include "cmd/quirk_former.h"

#include <stdlib.h>
#include <string.h>

struct quirk_former quirk_former_of(const struct quirk_db *db, const struct q_subject *s,
				    const char *slot)
{
	struct quirk_former f = { .slot = slot, .subject = *s };

	f.any = db->n > 0;
	if (quirk_match(db, s, &f.quirk, &f.tie) < 0)
		f.quirk = NULL;
	return f;
}

/* --- its lines ------------------------------------------------------------------- */

struct former_scan {
	FILE *out;
	char section[24];               /* "" above the first */
	bool titled;                    /* the section's header was written */
	bool program;                   /* there are registers or sequences */
};

static const char *former_skip(const char *line)
{
	return line + strspn(line, " ");
}

static bool former_word(const char *line, const char *word)
{
	size_t n = strlen(word);

	return !strncmp(line, word, n) && strchr(" =]\n", line[n]);
}

static void former_section(struct former_scan *s, const char *line)
{
	line = former_skip(line + 1);
	snprintf(s->section, sizeof(s->section), "%.*s", (int)strcspn(line, " ]\n"),
		 line);
	s->titled = false;
	s->program |= !strcmp(s->section, "registers") || !strcmp(s->section, "sequence");
}

/* What holds for every reset; denials are in the new file already. */
static bool former_is_shown(const struct former_scan *s, const char *line)
{
	static const char *const sections[] = { "reset", "clean", "health", "restore" };

	if (!*line || *line == '\n' || *line == '#')
		return false;
	if (!s->section[0])
		return former_word(line, "include");
	for (size_t i = 0; i < sizeof(sections) / sizeof(*sections); i++)
		if (!strcmp(s->section, sections[i]))
			return !former_word(line, "deny");
	return false;
}

static void former_line(struct former_scan *s, const char *line)
{
	line = former_skip(line);
	if (*line == '[') {
		former_section(s, line);
		return;
	}
	if (!former_is_shown(s, line))
		return;
	if (s->section[0] && !s->titled)
		fprintf(s->out, "#   [%s]\n", s->section);
	s->titled = true;
	fprintf(s->out, "#   %s", line);
}

static void former_lines(const struct quirk *q, FILE *out)
{
	struct former_scan s = { .out = out };
	FILE *in = fopen(q->file, "re");
	char *line = NULL;
	size_t room = 0;

	if (!in) {
		fprintf(out, "#   (%s cannot be read again)\n", q->file);
		return;
	}
	while (getline(&line, &room, in) >= 0)
		former_line(&s, line);
	free(line);
	fclose(in);
	if (s.program)
		fputs("#   and its [registers] and [sequence] sections, not shown here\n",
		      out);
}

/* --- the block ------------------------------------------------------------------- */

/* As the new file claims the card: its id and its class. */
static uint32_t former_new_rank(const struct q_subject *s)
{
	uint16_t class_code = (uint16_t)(s->class_code >> 8);
	const struct q_id *line;
	struct q_id id = {
		.vendor = s->vendor, .device = s->device, .device_last = s->device,
		.device_mask = 0xffff,
	};
	struct quirk q = {
		.role = s->role, .ids = &id, .nids = 1, .classes = &class_code,
		.nclasses = 1,
	};
	enum q_fit fit;

	return quirk_fits(&q, s, &fit, &line);
}

static const char *former_relation(const struct quirk_former *f)
{
	const struct q_id *line;
	enum q_fit fit;
	uint32_t old = quirk_fits(f->quirk, &f->subject, &fit, &line);
	uint32_t new = former_new_rank(&f->subject);

	if (new > old)
		return "This file is more specific and\n"
		       "# replaces it as a whole: nothing of it is merged.";
	if (new == old)
		return "This file claims the\n"
		       "# card equally, which is an error: rather change that one, or "
		       "claim less here.";
	return "It is more specific than\n"
	       "# this file and stays in force: rather change that one, or claim less "
	       "here.";
}

void quirk_former_write(const struct quirk_former *f, FILE *out)
{
	const struct quirk *q = f->quirk;

	if (f->tie.code)
		fprintf(out, "#\n# Refused now: %s\n", f->tie.text);
	else if (!q && f->any)
		fputs("# No quirk file is about it yet.\n", out);
	if (!q)
		return;
	if (q->broken) {
		fprintf(out, "#\n# In force for it now: %s, which has errors; rather "
			"mend that one.\n", q->file);
		return;
	}
	fprintf(out, "#\n# In force for it now: %s (%s). %s\n"
		"# Its denials are taken over below. Take over what else is still true; "
		"it says:\n", q->file, quirk_status_str(q->status), former_relation(f));
	former_lines(q, out);
	fprintf(out, "# `gpureset plan %s` with and without this file shows what was "
		"lost.\n#\n", f->slot);
}

size_t quirk_former_denies(const struct quirk_former *f, FILE *out)
{
	size_t n = f->quirk ? f->quirk->ndenies : 0;

	if (n)
		fprintf(out, "# as in %s:\n", f->quirk->file);
	for (size_t i = 0; i < n; i++)
		fprintf(out, "deny    = %s \"%s\"\n", f->quirk->denies[i].method,
			f->quirk->denies[i].why);
	return n;
}
