// SPDX-License-Identifier: GPL-2.0-or-later
/* gpureset quirk explain: which entries are about a card, which one is used, and why. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "cmd/open.h"
#include "cmd/quirk_cmd.h"
#include "run/supervise.h"

/* An entry with a line about the vendor and device at hand. */
struct qe_row {
	const struct quirk *quirk;
	const struct q_id *id;
	enum q_fit fit;
	uint32_t rank;          /* 0: it does not match */
};

struct qe_rows {
	struct qe_row *row;
	size_t n, room;
};

/* --- which entries --------------------------------------------------------------- */

static const struct q_id *qe_line(const struct quirk *q, const struct q_subject *s)
{
	for (size_t i = 0; i < q->nids; i++)
		if (quirk_covers(&q->ids[i], s->vendor, s->device))
			return &q->ids[i];
	return NULL;
}

static int qe_cmp(const void *a, const void *b)
{
	const struct qe_row *x = a, *y = b;

	if (x->rank != y->rank)
		return x->rank < y->rank ? 1 : -1;
	return strcmp(x->quirk->file, y->quirk->file);
}

static void qe_collect(struct qe_rows *rows, const struct quirk_db *db,
		       const struct q_subject *s)
{
	*rows = (struct qe_rows){ 0 };
	for (size_t i = 0; i < db->n; i++) {
		const struct q_id *id = NULL, *line = qe_line(db->quirk[i], s);
		struct qe_row r = { .quirk = db->quirk[i] };

		if (!line)
			continue;
		r.rank = quirk_fits(r.quirk, s, &r.fit, &id);
		r.id = id ? id : line;
		rows->row = xgrow(rows->row, rows->n, &rows->room, sizeof(r));
		rows->row[rows->n++] = r;
	}
	if (rows->n)
		qsort(rows->row, rows->n, sizeof(*rows->row), qe_cmp);
}

/* --- a function whose everything is known ---------------------------------------- */

static void qe_row(const struct qe_row *r, const struct q_subject *s,
		   const struct quirk *used)
{
	char text[200];

	if (r->quirk == used)
		snprintf(text, sizeof(text), "this one is used");
	else if (r->rank)
		snprintf(text, sizeof(text), "matches, but another is more specific");
	else if (r->fit == FIT_OTHER_ID)
		snprintf(text, sizeof(text), "no: the line is about another subsystem, "
			 "this one is %04x:%04x", s->subvendor, s->subdevice);
	else {
		int n = snprintf(text, sizeof(text), "no: ");

		quirk_fit_str(r->fit, r->quirk, s, text + n, sizeof(text) - (size_t)n);
	}
	printf("    %s:%d: %s%s\n", r->quirk->file, r->id->line, text,
	       r->quirk->broken ? " (it has errors: the card is refused)" : "");
}

static void qe_none(const char *bdf)
{
	fputs("    no entry is about it: the default ladder is", stdout);
	for (size_t i = 0; methods[i]; i++)
		printf("%s %s", i ? "," : "", methods[i]->name);
	printf("\n    `gpureset quirk new %s` writes the beginning of one\n", bdf);
}

/* Returns an exit status; @target: the function that is to be reset itself. */
static int qe_subject(const struct quirk_db *db, const struct q_subject *s,
		      const char *bdf, bool target)
{
	const struct quirk *used = NULL;
	struct err err = { 0 };
	struct qe_rows rows;
	int tie;

	printf("  %s [%04x:%04x] %s, class %04x", bdf, s->vendor, s->device,
	       quirk_role_str(s->role), s->class_code >> 8);
	if (s->role != ROLE_SWITCH && s->role != ROLE_ROOT_PORT)
		printf(", subsystem %04x:%04x, revision %02x", s->subvendor,
		       s->subdevice, s->revision);
	putchar('\n');
	tie = quirk_match(db, s, &used, &err);
	qe_collect(&rows, db, s);
	for (size_t i = 0; i < rows.n; i++)
		if (tie < 0 && rows.row[i].rank && rows.row[i].rank == rows.row[0].rank)
			printf("    %s:%d: equally specific\n", rows.row[i].quirk->file,
			       rows.row[i].id->line);
		else
			qe_row(&rows.row[i], s, used);
	if (!rows.n && target)
		qe_none(bdf);
	else if (!rows.n)
		puts("    no entry is about it");
	free(rows.row);
	return tie < 0 ? complain(EXIT_CONFIG, "%s", err.text) : 0;
}

static void qe_place(const struct q_subject *s)
{
	printf("  where: %s%s%s%skernel %s\n",
	       s->on & ON_SWITCH ? "below a switch of its own, " : "",
	       s->on & ON_ROOT_PORT ? "below a root port, " : "",
	       s->on & ON_ROOT_COMPLEX ? "on the root complex, " : "",
	       s->on & ON_THUNDERBOLT ? "behind Thunderbolt, " : "",
	       s->kernel && s->kernel[0] ? s->kernel : "unknown");
}

static int qe_functions(const struct quirk_db *db, const struct target *t)
{
	char text[BDF_STR];
	int status = 0, rc;

	for (size_t i = 0; i < t->nfns; i++) {
		const struct q_subject s = study_subject(t, &t->fn[i]);

		rc = qe_subject(db, &s, bdf_str(t->fn[i].bdf, text), i == t->main);
		status = rc ? rc : status;
	}
	return status;
}

static int qe_bridges(const struct quirk_db *db, const struct target *t)
{
	char text[BDF_STR];
	int status = 0, rc;

	if (t->npath)
		puts("bridges above:");
	for (size_t i = 0; i < t->npath; i++) {
		const struct q_subject s = study_bridge(t, i);

		rc = qe_subject(db, &s, bdf_str(t->path[i].bdf, text), false);
		status = rc ? rc : status;
	}
	return status;
}

static int qe_target(const struct quirk_db *db, struct hw *hw,
		     const struct bdf_spec *spec)
{
	struct q_subject main_fn;
	struct err err = { 0 };
	struct target t;
	char slot[BDF_STR], name[128];
	int rc = facts_collect(hw, spec, &t, &err), above;

	if (rc)
		return complain(rc == -ENODEV ? EXIT_USAGE : EXIT_FAILED, "%s", err.text);
	main_fn = study_main(&t);
	hw_name(hw, main_fn.vendor, main_fn.device, name, sizeof(name));
	printf("%s %s\n", bdf_slot_str(spec->bdf, slot), name);
	qe_place(&main_fn);
	rc = qe_functions(db, &t);
	above = qe_bridges(db, &t);
	target_free(&t);
	return rc ? rc : above;
}

static int qe_bdf(const struct quirk_args *a, const struct quirk_db *db)
{
	const struct options o = { .replay = a->replay };
	struct err err = { 0 };
	struct bdf_spec spec;
	struct hw *hw;
	int status;

	if (bdf_parse(a->word[0], &spec, &err) < 0)
		return complain(EXIT_USAGE, "%s (or ids like 1002:7300)", err.text);
	if (geteuid() != 0 && !a->replay)
		return complain(EXIT_USAGE, "only root can read what this needs to know "
				"of a card; try sudo, or its ids (lspci -nn)");
	hw = open_hw(&o, &err);
	if (!hw)
		return complain(open_status(&err), "%s", err.text);
	status = qe_target(db, hw, &spec);
	hw_close(hw);
	return status;
}

/* --- ids alone ------------------------------------------------------------------- */

/* "VVVV:DDDD" or "VVVV:DDDD:SSSS:SSSS"; false: it is something else. */
static bool qe_parse_ids(const char *text, struct q_subject *s, bool *sub)
{
	unsigned v, d, sv = 0, sd = 0;
	size_t len = strlen(text);
	int end = 0;

	if (len == 9 && sscanf(text, "%4x:%4x%n", &v, &d, &end) == 2 && end == 9)
		*sub = false;
	else if (len == 19 && sscanf(text, "%4x:%4x:%4x:%4x%n", &v, &d, &sv, &sd,
				     &end) == 4 && end == 19)
		*sub = true;
	else
		return false;
	*s = (struct q_subject){ .vendor = (uint16_t)v, .device = (uint16_t)d,
				 .subvendor = (uint16_t)sv, .subdevice = (uint16_t)sd };
	return true;
}

/* What an entry asks for besides its ids. */
static void qe_unjudged(const struct quirk *q, const struct q_id *id, bool sub)
{
	printf("role %s", quirk_role_str(q->role));
	if (id->has_sub && !sub)
		printf(", subsystem %04x:%04x", id->subvendor, id->subdevice);
	for (size_t i = 0; i < q->nclasses; i++)
		printf("%s%04x", i ? " or " : ", class ", q->classes[i]);
	for (size_t i = 0; i < q->nrevisions; i++)
		printf("%s%02x-%02x", i ? " or " : ", revision ", q->revisions[2 * i],
		       q->revisions[2 * i + 1]);
	if (q->on)
		fputs(", its place ('on')", stdout);
	if (q->nkernels)
		fputs(", the kernel", stdout);
}

static bool qe_other_board(const struct q_id *id, const struct q_subject *s)
{
	return id->has_sub &&
	       (id->subvendor != s->subvendor || id->subdevice != s->subdevice);
}

/* The line that says most about these ids. */
static const struct q_id *qe_best_line(const struct quirk *q, const struct q_subject *s,
				       bool sub)
{
	const struct q_id *best = NULL;

	for (size_t i = 0; i < q->nids; i++) {
		const struct q_id *id = &q->ids[i];

		if (!quirk_covers(id, s->vendor, s->device) ||
		    (sub && qe_other_board(id, s)))
			continue;
		if (!best || (sub && id->has_sub) || (!sub && best->has_sub))
			best = id;
	}
	return best;
}

static int qe_ids(const struct quirk_args *a, const struct quirk_db *db,
		  const struct q_subject *s, bool sub)
{
	size_t n = 0;

	printf("%s\n", a->word[0]);
	for (size_t i = 0; i < db->n; i++) {
		const struct quirk *q = db->quirk[i];
		const struct q_id *id = qe_best_line(q, s, sub);

		if (!id)
			continue;
		n++;
		printf("    %s:%d: by its id; not judged: ", q->file, id->line);
		qe_unjudged(q, id, sub);
		puts(q->broken ? " (it has errors: the card is refused)" : "");
	}
	if (!n)
		qe_none("BDF");
	else
		puts("    of those that match in all, the most specific is used: "
		     "`gpureset quirk explain BDF` judges a card of this host");
	return 0;
}

static int qe_run(const struct quirk_args *a)
{
	struct quirk_db db = { 0 };
	struct q_subject s;
	bool sub;
	int status = quirk_db_of(a, &db);

	if (!status)
		quirk_note_none(&db);
	if (!status && qe_parse_ids(a->word[0], &s, &sub))
		status = qe_ids(a, &db, &s, sub);
	else if (!status)
		status = qe_bdf(a, &db);
	quirk_db_free(&db);
	return status;
}

const struct quirk_sub quirk_explain_sub = {
	.cmd.name = "quirk explain",
	.cmd.args = "BDF|VVVV:DDDD[:SSSS:SSSS] [options]",
	.cmd.summary = "which entries are about a card, and why",
	.cmd.options = "*QY",
	.cmd.example = { { "quirk explain 0b:00", "a card of this host" },
			 { "quirk explain 1002:7300", "any card with these ids" } },
	.least = 1, .most = 1,
	.run = qe_run,
};
