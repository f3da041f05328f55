// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "cmd/doctor/doctor.h"

static const char *const severity_words[] = { "note", "warning", "problem" };

#define INDENT 4
#define LINE 88

/* @text behind @head, broken at blanks, all lines indented alike. */
static void print_wrapped(FILE *out, const char *head, const char *text)
{
	int at = fprintf(out, "%*s%-6s", INDENT, "", head);

	while (*text) {
		int len = (int)strcspn(text, " \n");

		if (at + len > LINE && at > INDENT + 6)
			at = fprintf(out, "\n%*s", INDENT + 6, "") - 1;
		at += fprintf(out, "%.*s", len, text);
		text += len;
		if (*text == '\n')
			at = fprintf(out, "\n%*s", INDENT + 6, "") - 1;
		else if (*text)
			at += fprintf(out, " ");
		text += *text != '\0';
	}
	fputc('\n', out);
}

static void print_finding(const struct finding *f, FILE *out)
{
	fprintf(out, "  %s: %s [%s]\n", severity_words[f->severity], f->check->title,
		f->check->id);
	print_wrapped(out, "seen", f->seen);
	print_wrapped(out, "why", f->check->why);
	if (f->fix)
		print_wrapped(out, "fix", f->fix);
}

static bool finding_is_about(const struct finding *f, const struct exam_card *card,
			     const struct exam_vm *vm)
{
	return f->card == card && f->vm == vm;
}

/* What was found about one subject, the worst first. */
static void print_about(const struct exam *x, const char *head,
			const struct exam_card *card, const struct exam_vm *vm,
			FILE *out)
{
	size_t n = 0;

	for (int s = SEV_PROBLEM; s >= SEV_NOTE; s--)
		for (size_t i = 0; i < x->nfound; i++) {
			const struct finding *f = &x->found[i];

			if (f->unknown || (int)f->severity != s ||
			    !finding_is_about(f, card, vm))
				continue;
			if (!n++)
				fprintf(out, "%s\n", head);
			print_finding(f, out);
		}
	if (!n)
		fprintf(out, "%s: nothing found\n", head);
}

static void print_unknown(const struct exam *x, FILE *out)
{
	size_t n = 0;

	for (size_t i = 0; i < x->nfound; i++) {
		const struct finding *f = &x->found[i];

		if (!f->unknown)
			continue;
		if (!n++)
			fputs("could not be looked at\n", out);
		fprintf(out, "  %s: %s\n", f->check->id, f->unknown);
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

static void print_card(const struct exam *x, const struct exam_card *c, FILE *out)
{
	char slot[BDF_STR], head[BDF_STR + 160];

	snprintf(head, sizeof(head), "%s %s", bdf_slot_str(c->slot, slot), c->study.name);
	print_about(x, head, c, NULL, out);
}

static void print_vm(const struct exam *x, const struct exam_vm *vm, FILE *out)
{
	char head[32];

	snprintf(head, sizeof(head), "VM %u", vm->hook.vm.vmid);
	print_about(x, head, NULL, vm, out);
}

void doctor_text(const struct exam *x, FILE *out, bool verbose)
{
	char head[96];

	snprintf(head, sizeof(head), "host, Linux %s", x->release);
	print_about(x, head, NULL, NULL, out);
	for (size_t i = 0; i < x->ncards; i++)
		print_card(x, x->card[i], out);
	for (size_t i = 0; i < x->nvms; i++)
		print_vm(x, x->vm[i], out);
	if (verbose)
		print_unknown(x, out);
	fprintf(out, "%zu checks: %zu problems, %zu warnings, %zu notes, %zu could not "
		"be looked at%s\n", x->nran, doctor_count(x, SEV_PROBLEM),
		doctor_count(x, SEV_WARNING), doctor_count(x, SEV_NOTE),
		count_unknown(x), count_unknown(x) && !verbose ? " (-v says why)" : "");
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
	json_array(&j, "findings");
	for (size_t i = 0; i < x->nfound; i++)
		json_finding(&j, &x->found[i]);
	json_array_end(&j);
	json_object_end(&j);
	fputc('\n', out);
}
