// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "cmd/doctor/doctor.h"
#include "cmd/table.h"

static const char *const severity_words[] = { "note", "warning", "problem" };

#define INDENT 4
#define LABEL 6                 /* "seen  " */
#define LINE 88

/* What stands in quotes is one word, as it may be a command. */
static int prose_word(const char *text)
{
	int len = (int)strcspn(text, " \n");

	for (const char *at = text + 1; text[0] == '\'' && at[0] && at[0] != '\n'; at++)
		if (at[0] == '\'' && strchr(" \n,.;:)", at[1]))
			return (int)(at - text) + (int)strcspn(at, " \n");
	return len;
}

/* A line of prose, broken at blanks; the line is written as far as column @at. */
static void print_prose(FILE *out, const char *text, size_t len, int at)
{
	const char *end = text + len;
	bool first = true;

	while (text < end) {
		int word = prose_word(text);

		if (!first && at + 1 + word > LINE) {
			at = fprintf(out, "\n%*s", INDENT + LABEL, "") - 1;
			first = true;
		}
		at += fprintf(out, "%s%.*s", first ? "" : " ", word, text);
		first = false;
		text += word;
		text += strspn(text, " ");
	}
	fputc('\n', out);
}

/* What is to be copied begins with a blank, and stays in one piece. */
static void print_labelled(FILE *out, const char *label, const char *text)
{
	int at = fprintf(out, "%*s%-*s", INDENT, "", LABEL, label);

	for (;;) {
		size_t len = strcspn(text, "\n");

		size_t blanks = strspn(text, " \t");

		if (blanks)
			fprintf(out, "    %.*s\n", (int)(len - blanks), text + blanks);
		else
			print_prose(out, text, len, at);
		if (!text[len])
			return;
		text += len + 1;
		at = fprintf(out, "%*s", INDENT + LABEL, "");
	}
}

/* ECMA-48, SGR: bold red, yellow; and as it was. */
static const char *const severity_colours[] = { "", "\033[33m", "\033[1;31m" };

static void print_finding(const struct finding *f, FILE *out, bool colour)
{
	const char *on = colour ? severity_colours[f->severity] : "";
	char head[16];

	snprintf(head, sizeof(head), "%s:", severity_words[f->severity]);
	fprintf(out, "  %s%-8s%s %s [%s]\n", on, head, on[0] ? "\033[0m" : "",
		f->check->title, f->check->id);
	print_labelled(out, "seen", f->seen);
	print_labelled(out, "why", f->check->why);
	if (f->fix)
		print_labelled(out, "fix", f->fix);
}

struct print {
	const struct exam *x;
	FILE *out;
	bool verbose;           /* also what was fine */
	bool colour;
	size_t subjects;
};

static bool finding_is_about(const struct finding *f, const struct exam_card *card,
			     const struct exam_vm *vm)
{
	return f->card == card && f->vm == vm;
}

/* The checks that found nothing. */
static void print_fine(const struct print *p, const struct exam_card *card,
		       const struct exam_vm *vm)
{
	char *text = NULL;
	size_t size, n = 0;
	FILE *list = open_memstream(&text, &size);

	for (size_t i = 0; list && i < p->x->nfine; i++)
		if (finding_is_about(&p->x->fine[i], card, vm))
			fprintf(list, "%s%s", n++ ? ", " : "",
				p->x->fine[i].check->id);
	if (list)
		fclose(list);
	if (n)
		print_labelled(p->out, "fine", text);
	free(text);
}

/* What was found about one subject, the worst first. */
static void print_about(struct print *p, const char *head, const struct exam_card *card,
			const struct exam_vm *vm)
{
	char *text = exam_printable(head, false);
	size_t n = 0;

	fprintf(p->out, "%s%s", p->subjects++ ? "\n" : "", text);
	free(text);
	for (int s = SEV_PROBLEM; s >= SEV_NOTE; s--)
		for (size_t i = 0; i < p->x->nfound; i++) {
			const struct finding *f = &p->x->found[i];

			if (f->unknown || (int)f->severity != s ||
			    !finding_is_about(f, card, vm))
				continue;
			fputs("\n", p->out);
			n++;
			print_finding(f, p->out, p->colour);
		}
	if (!n)
		fputs(": nothing found\n", p->out);
	if (p->verbose) {
		fputs(n ? "\n" : "", p->out);
		print_fine(p, card, vm);
	}
}

static void unknown_subject(const struct finding *f, char *buf, size_t size)
{
	char slot[BDF_STR];

	buf[0] = '\0';
	if (f->card)
		snprintf(buf, size, "%s: ", bdf_slot_str(f->card->slot, slot));
	if (f->vm)
		snprintf(buf, size, "VM %u: ", f->vm->hook.vm.vmid);
}

static void print_unknown(const struct exam *x, FILE *out)
{
	char subject[BDF_STR + 8];
	size_t n = 0;

	for (size_t i = 0; i < x->nfound; i++) {
		const struct finding *f = &x->found[i];

		if (!f->unknown)
			continue;
		fputs(n++ ? "" : "\ncould not be looked at\n", out);
		unknown_subject(f, subject, sizeof(subject));
		fprintf(out, "  %s%s [%s]\n", subject, f->unknown, f->check->id);
	}
}

size_t doctor_count(const struct exam *x, enum severity severity)
{
	size_t n = 0;

	for (size_t i = 0; i < x->nfound; i++)
		n += !x->found[i].unknown && x->found[i].severity == severity;
	return n;
}

static size_t count_unknown(const struct exam *x)
{
	size_t n = 0;

	for (size_t i = 0; i < x->nfound; i++)
		n += x->found[i].unknown != NULL;
	return n;
}

static void print_card(struct print *p, const struct exam_card *c)
{
	char slot[BDF_STR], head[BDF_STR + 160];

	snprintf(head, sizeof(head), "%s %s", bdf_slot_str(c->slot, slot), c->study.name);
	print_about(p, head, c, NULL);
}

static void print_vm(struct print *p, const struct exam_vm *vm)
{
	char head[PATH_MAX + 32];

	snprintf(head, sizeof(head), "VM %u, %s", vm->hook.vm.vmid, vm->path);
	print_about(p, head, NULL, vm);
}

/* "1 problem, 2 notes" */
static void print_counts(const struct exam *x, FILE *out)
{
	size_t any = 0;

	for (int s = SEV_PROBLEM; s >= SEV_NOTE; s--) {
		size_t n = doctor_count(x, (enum severity)s);

		if (n)
			fprintf(out, "%s%zu %s%s", any++ ? ", " : "", n,
				severity_words[s], n == 1 ? "" : "s");
	}
	fputs(any ? "" : "nothing found", out);
}

static void print_summary(const struct exam *x, FILE *out, bool verbose)
{
	size_t unknown = count_unknown(x);

	fprintf(out, "\n%zu checks: ", x->nran);
	print_counts(x, out);
	if (unknown)
		fprintf(out, "; %zu could not be looked at%s", unknown,
			verbose ? "" : " (-v says why)");
	fputc('\n', out);
	if (!x->root)
		fputs("not all of this can be seen by other users than root: try sudo\n",
		      out);
}

void doctor_text(const struct exam *x, FILE *out, bool verbose)
{
	struct print p = { .x = x, .out = out, .verbose = verbose,
			   .colour = out == stdout && table_may_colour() };
	char head[96];

	snprintf(head, sizeof(head), x->release[0] ? "host, Linux %s" : "host",
		 x->release);
	print_about(&p, head, NULL, NULL);
	for (size_t i = 0; i < x->ncards; i++)
		print_card(&p, x->card[i]);
	for (size_t i = 0; i < x->nvms; i++)
		print_vm(&p, x->vm[i]);
	if (verbose)
		print_unknown(x, out);
	print_summary(x, out, verbose);
}

/* --- json ----------------------------------------------------------------------- */

static void json_finding(struct json *j, const struct finding *f)
{
	char slot[BDF_STR];

	json_object(j, NULL);
	json_string(j, "check", f->check->id);
	json_string(j, "severity", f->unknown ? "unknown" : severity_words[f->severity]);
	if (f->card)
		json_string(j, "slot", bdf_slot_str(f->card->slot, slot));
	if (f->vm)
		json_int(j, "vmid", f->vm->hook.vm.vmid);
	json_string(j, "title", f->check->title);
	json_string(j, "seen", f->unknown ? f->unknown : f->seen);
	json_string(j, "why", f->check->why);
	json_string(j, "fix", f->fix);
	json_object_end(j);
}

void doctor_json(const struct exam *x, FILE *out)
{
	struct json j = { .out = out };

	json_object(&j, NULL);
	json_string(&j, "gpureset", GPURESET_VERSION);
	json_string(&j, "kernel", x->release);
	json_int(&j, "cards", (int64_t)x->ncards);
	json_int(&j, "vms", (int64_t)x->nvms);
	json_int(&j, "checks", (int64_t)x->nran);
	json_int(&j, "fine", (int64_t)x->nfine);
	json_bool(&j, "root", x->root);
	json_array(&j, "findings");
	for (size_t i = 0; i < x->nfound; i++)
		json_finding(&j, &x->found[i]);
	json_array_end(&j);
	json_object_end(&j);
	fputc('\n', out);
}
