// SPDX-License-Identifier: GPL-2.0-or-later
/* gpureset quirk new: the beginning of a file, with all that the card itself tells. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/open.h"
#include "cmd/quirk_cmd.h"
#include "cmd/quirk_former.h"
#include "run/supervise.h"

/* IORESOURCE_* of linux/ioport.h, as sysfs prints them. */
#define RES_MEM 0x200ull
#define RES_PREFETCH 0x2000ull
#define MOST_REGISTERS (64ull << 20)    /* no chip has more; larger BARs are memory */

struct qn {
	FILE *out;
	const struct study *study;
	const struct fn_facts *fn;      /* the function that the entry is about */
	enum q_role role;
	struct quirk_former former;
};

/* --- what the card says ---------------------------------------------------------- */

/* A name is free text of the file: nothing in it may begin a comment. */
static void qn_name(const struct qn *n, const char *name)
{
	fputs("name    = ", n->out);
	for (; *name; name++)
		if ((unsigned char)*name >= ' ' && *name != '#' && *name != 0x7f)
			fputc(*name, n->out);
	fputc('\n', n->out);
}

static void qn_with(const struct qn *n)
{
	const struct target *t = &n->study->target;

	for (size_t i = 0; i < t->nfns; i++)
		if (&t->fn[i] != n->fn && n->role == ROLE_GPU)
			fprintf(n->out, "with    = %04x:%04x             # class %04x\n",
				t->fn[i].vendor, t->fn[i].device,
				t->fn[i].class_code >> 8);
}

static void qn_device(const struct qn *n, const char *name)
{
	const struct fn_facts *fn = n->fn;

	fputs("[device]\n", n->out);
	qn_name(n, name);
	fprintf(n->out, "pci     = %04x:%04x\n", fn->vendor, fn->device);
	fprintf(n->out, "# pci   = %04x:%04x:%04x:%04x   # instead: only this board\n",
		fn->vendor, fn->device, fn->subvendor, fn->subdevice);
	if (n->role != ROLE_GPU)
		fprintf(n->out, "role    = %s\n", quirk_role_str(n->role));
	fprintf(n->out, "class   = %04x\n", fn->class_code >> 8);
	fprintf(n->out, "# revision = %02x                 # only this revision\n",
		fn->revision);
	qn_with(n);
}

/* Empty on purpose: the checker asks for what only a person can know. */
static void qn_notes(const struct qn *n)
{
	fputs("\n[notes]\n"
	      "# What goes wrong without this file, as a user of the card sees it:\n"
	      "problem =\n"
	      "# How it is known: kernel, maintainer, users, user or inference, then the "
	      "date\n# and where it can be read, as in\n"
	      "# evidence = user 2026-05-25 https://example.org/1: hangs at the second "
	      "start\n"
	      "evidence =\n"
	      "status  = untested\n", n->out);
}

/* --- the ladder ------------------------------------------------------------------ */

/* One line a method, though a plan may have it at two bridges. */
static bool qn_is_first(const struct plan *plan, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (plan->attempt[k].method == plan->attempt[i].method &&
		    plan->attempt[k].usable == plan->attempt[i].usable)
			return false;
	return true;
}

/* Not methods of a card, but of the entry that is being written. */
static bool qn_is_own(const struct attempt *a)
{
	return !strcmp(a->method->name, "none") || !strcmp(a->method->name, "sequence");
}

static size_t qn_methods(const struct qn *n, bool usable)
{
	const struct plan *plan = &n->study->plan;
	size_t lines = 0;

	for (size_t i = 0; i < plan->nattempts; i++) {
		const struct attempt *a = &plan->attempt[i];

		if (qn_is_own(a) || (a->usable == ATTEMPT_YES) != usable ||
		    !qn_is_first(plan, i))
			continue;
		if (n->former.quirk && quirk_deny(n->former.quirk, a->method->name))
			continue;
		lines++;
		if (usable)
			fprintf(n->out, "method  = %s\n", a->method->name);
		else
			fprintf(n->out, "# not %s: %s\n", a->name, a->reason);
	}
	return lines;
}

static void qn_reset(const struct qn *n)
{
	size_t able;

	fputs("\n[reset]\n", n->out);
	if (n->role != ROLE_GPU) {
		fputs("# What must never be done to it, and why, as in\n"
		      "# deny = flr \"it does not come back from it\"\n", n->out);
		if (!quirk_former_denies(&n->former, n->out))
			fputs("deny    =\n", n->out);
		return;
	}
	fputs("# What this card can do by itself, gentle first. Leave out, reorder, or "
	      "deny:\n# deny = bus \"the link does not come up again\"\n", n->out);
	able = qn_methods(n, true);
	if (!quirk_former_denies(&n->former, n->out) && !able)
		fputs("# nothing on this host: a register program, or denials?\n"
		      "method  =\n", n->out);
	qn_methods(n, false);
}

/* --- registers ------------------------------------------------------------------- */

static void qn_size(const struct qn *n, uint64_t size)
{
	if (size >> 20)
		fprintf(n->out, "size %lluM\n", (unsigned long long)size >> 20);
	else
		fprintf(n->out, "size %lluK\n", (unsigned long long)size >> 10);
}

/* Register BARs are small and not prefetchable; AMD's headers count dwords. */
static void qn_registers(const struct qn *n)
{
	const char *unit = n->fn->vendor == 0x1002 ? "dwords" : "bytes";

	if (n->role != ROLE_GPU)
		return;
	fputs("\n# A register program, if one is known (quirks/README.md):\n"
	      "# [registers]\n# space cfg  = config\n", n->out);
	for (int i = 0; i < 6; i++) {
		const struct bar_facts *bar = &n->fn->bar[i];

		if (bar->size < 1024 || bar->size > MOST_REGISTERS ||
		    !(bar->flags & RES_MEM) || bar->flags & RES_PREFETCH)
			continue;
		fprintf(n->out, "# space mmio = bar%d %s ", i, unit);
		qn_size(n, bar->size);
	}
}

/* --- the file -------------------------------------------------------------------- */

static const struct fn_facts *qn_function(const struct target *t)
{
	for (size_t i = 0; i < t->nfns; i++)
		if (!t->spec.whole_slot && bdf_eq(t->fn[i].bdf, t->spec.bdf))
			return &t->fn[i];
	return target_main(t);
}

static void qn_write(FILE *out, const struct study *s, struct hw *hw,
		     const struct quirk_db *db)
{
	struct qn n = { .out = out, .study = s, .fn = qn_function(&s->target) };
	const struct q_subject subject = study_subject(&s->target, n.fn);
	const char *release = s->target.host.release;
	char slot[BDF_STR], name[128];

	n.role = subject.role;
	n.former = quirk_former_of(db, &subject, bdf_slot_str(s->target.spec.bdf, slot));
	hw_name(hw, n.fn->vendor, n.fn->device, name, sizeof(name));
	fprintf(out, "# SPDX-License-Identifier: MIT\n"
		"# Begun with `gpureset quirk new %s`, gpureset %s, %s%s.\n"
		"# The empty lines want a person; `gpureset quirk check FILE` tells what "
		"is missing.\n", slot, GPURESET_VERSION,
		release[0] ? "Linux " : "kernel unknown", release);
	quirk_former_write(&n.former, out);
	fputs("format = 1\n\n", out);
	qn_device(&n, name);
	qn_notes(&n);
	qn_reset(&n);
	qn_registers(&n);
}

static int qn_file(const char *path, const struct study *s, struct hw *hw,
		   const struct quirk_db *db)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	FILE *out = fd < 0 ? NULL : fdopen(fd, "w");

	if (fd >= 0)
		(void)fchmod(fd, 0644); /* whatever the umask: it is to be passed on */
	if (!out) {
		int code = errno;

		if (fd >= 0)
			close(fd);
		return complain(EXIT_USAGE, "%s: %s%s", path, strerror(code),
				code == EEXIST ? "; it is left as it is" : "");
	}
	qn_write(out, s, hw, db);
	if (fclose(out))
		return complain(EXIT_FAILED, "%s: %s", path, strerror(errno));
	fprintf(stderr, "gpureset: wrote %s; what is still missing: gpureset quirk check "
		"%s\n", path, path);
	return 0;
}

/* Not refused: such a function can hang a host as well. */
static void qn_note_other(const struct target *t)
{
	const struct fn_facts *fn = qn_function(t);
	enum q_role role = quirk_role(fn->class_code, PORT_PCI);
	char text[BDF_STR];

	if (role != ROLE_GPU)
		fprintf(stderr, "gpureset: note: %s is no GPU (class %04x): an entry of "
			"role %s can only deny\n", bdf_str(fn->bdf, text),
			fn->class_code >> 8, quirk_role_str(role));
}

static int qn_run_on(const struct quirk_args *a, struct hw *hw,
		     const struct quirk_db *db, const struct bdf_spec *spec)
{
	const struct quirk_db nothing = { 0 };  /* what the card can do without entries */
	const struct plan_opts opts = { .method = NULL };
	struct err err = { 0 };
	struct study s;
	int status = study_target(&s, hw, &nothing, spec, &opts, &err);

	if (!status)
		qn_note_other(&s.target);
	if (status)
		complain(status, "%s", err.text);
	else if (a->output)
		status = qn_file(a->output, &s, hw, db);
	else
		qn_write(stdout, &s, hw, db);
	study_free(&s);
	return status;
}

static int qn_run(const struct quirk_args *a)
{
	const struct options o = { .replay = a->replay };
	struct quirk_db db = { 0 };
	struct err err = { 0 };
	struct bdf_spec spec;
	struct hw *hw;
	int status;

	if (bdf_parse(a->word[0], &spec, &err) < 0)
		return complain(EXIT_USAGE, "%s", err.text);
	if (geteuid() != 0 && !a->replay)
		return complain(EXIT_USAGE, "only root can read what this needs to know "
				"of a card; try sudo");
	hw = open_hw(&o, &err);
	if (!hw)
		return complain(open_status(&err), "%s", err.text);
	status = quirk_db_of(a, &db);
	if (!status) {
		quirk_note_none(&db);
		status = qn_run_on(a, hw, &db, &spec);
	}
	quirk_db_free(&db);
	hw_close(hw);
	return status;
}

const struct quirk_sub quirk_new_sub = {
	.cmd.name = "quirk new",
	.cmd.args = "BDF [-o FILE] [options]",
	.cmd.summary = "the beginning of a file for a card of this host",
	.cmd.options = "*oQY",
	.cmd.example = { { "quirk new 0b:00 -o my.quirk",
			   "with all that the machine knows filled in" } },
	.least = 1, .most = 1,
	.run = qn_run,
};
