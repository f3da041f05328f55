// SPDX-License-Identifier: GPL-2.0-or-later
/* gpureset quirk show: one entry as the program understands it. */
#include <stdarg.h>
#include <string.h>

#include "base/json.h"
#include "cmd/quirk_cmd.h"
#include "cmd/quirk_json.h"
#include "plan/parts.h"
#include "run/supervise.h"

#define SECONDS(us) ((double)(us) / 1e6)

/* --- statements as steps --------------------------------------------------------- */

/* The steps of a block, as a plan would have them: one printer for all. */
struct qs_steps {
	struct target target;
	struct plan plan;
	const struct attempt *attempt;
};

static void qs_open(struct qs_steps *s, const struct quirk *q, const struct q_block *b)
{
	struct attempt *a;

	memset(s, 0, sizeof(*s));
	s->target.nfns = 1;
	s->plan.target = &s->target;
	s->plan.quirk = q;
	a = plan_attempt(&s->plan, NULL, b->name);
	part_program(&s->plan, a, b, PHASE_ACT, STEP_REQUIRE);
	s->attempt = a;
}

static void qs_close(struct qs_steps *s)
{
	plan_free(&s->plan);
}

/* Without the address of the function, which is nobody's. */
static const char *qs_line(const struct step *s, char *buf, size_t size)
{
	const char *blank;

	step_print(s, buf, size);
	blank = strchr(buf, ' ');
	return blank ? blank + 1 : buf;
}

/* --- text ------------------------------------------------------------------------ */

static void qs_row(const char *head, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void qs_row(const char *head, const char *fmt, ...)
{
	va_list ap;

	printf("  %-9s ", head);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

static void qs_ids(const char *head, const struct q_id *ids, size_t n)
{
	char text[32];

	if (!n)
		return;
	printf("  %-9s ", head);
	for (size_t i = 0; i < n; i++)
		printf("%s%s", i ? " " : "",
		       quirk_id_str(&ids[i], text, sizeof(text)));
	putchar('\n');
}

static void qs_version(uint32_t v, char *buf, size_t size)
{
	snprintf(buf, size, "%u.%u.%u", v >> 16, v >> 8 & 0xff, v & 0xff);
}

static void qs_conditions(const struct quirk *q)
{
	static const struct {
		unsigned bit;
		const char *word;
	} places[] = {
		{ ON_SWITCH, "switch" }, { ON_ROOT_PORT, "root-port" },
		{ ON_ROOT_COMPLEX, "root-complex" }, { ON_THUNDERBOLT, "thunderbolt" },
	};
	char from[16], to[16];

	for (size_t i = 0; i < q->nclasses; i++)
		qs_row("class", "%04x", q->classes[i]);
	for (size_t i = 0; i < q->nrevisions; i++)
		qs_row("revision", "%02x-%02x", q->revisions[2 * i],
		       q->revisions[2 * i + 1]);
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++)
		if (q->on & places[i].bit)
			qs_row("on", "%s", places[i].word);
	for (size_t i = 0; i < q->nkernels; i++) {
		qs_version(q->kernels[i].from, from, sizeof(from));
		qs_version(q->kernels[i].to, to, sizeof(to));
		if (!q->kernels[i].from)
			qs_row("kernel", "up to %s", to);
		else if (q->kernels[i].to == UINT32_MAX)
			qs_row("kernel", "since %s", from);
		else
			qs_row("kernel", "%s to %s", from, to);
	}
}

static void qs_texts(const char *head, const struct q_texts *t)
{
	for (size_t i = 0; i < t->n; i++)
		qs_row(head, "%s", t->text[i]);
}

static void qs_notes(const struct quirk *q)
{
	qs_texts("problem", &q->problem);
	qs_texts("source", &q->source);
	for (size_t i = 0; i < q->nevidence; i++) {
		const struct q_evidence *e = &q->evidence[i];

		qs_row(e->against ? "contra" : "evidence", "%s, %s: %s",
		       quirk_evidence_str(e->kind), e->date, e->text);
	}
	qs_texts("tested", &q->tested);
	qs_texts("see", &q->see);
}

static void qs_ladder(const struct quirk *q)
{
	if (!q->nmethods)
		qs_row("ladder", "the default one%s", q->ndenies ? ", without what is "
		       "denied" : "");
	for (size_t i = 0; i < q->nmethods; i++) {
		const struct q_method *m = &q->methods[i];

		printf("  %-9s %zu. %s%s%s", "ladder", i + 1, m->name,
		       m->sequence ? " " : "", m->sequence ? m->sequence : "");
		if (m->risk != RISK_SAFE)
			printf(", risk: %s", quirk_risk_str(m->risk));
		printf("%s%s\n", m->risk_why ? ", " : "", m->risk_why ? m->risk_why : "");
	}
	for (size_t i = 0; i < q->nrisks && !q->nmethods; i++)
		qs_row("risk", "%s: %s%s%s", q->risks[i].name,
		       quirk_risk_str(q->risks[i].risk), q->risks[i].risk_why ? ", " : "",
		       q->risks[i].risk_why ? q->risks[i].risk_why : "");
	for (size_t i = 0; i < q->ndenies; i++)
		qs_row("deny", "%s: %s", q->denies[i].method, q->denies[i].why);
}

static void qs_reset(const struct quirk *q)
{
	qs_ladder(q);
	if (q->pin.why)
		qs_row("pin", "%s: %s", q->pin_methods && q->pin_methods[0] ?
		       q->pin_methods : "none", q->pin.why);
	if (q->keep_d0.why)
		qs_row("keep-d0", "%s", q->keep_d0.why);
	if (q->noop_after_clean_shutdown.why)
		qs_row("no-op", "after a clean shutdown: %s",
		       q->noop_after_clean_shutdown.why);
	if (q->budget_us)
		qs_row("budget", "%.3f s", SECONDS(q->budget_us));
}

static void qs_statement(size_t number, const struct step *st)
{
	char line[512];

	printf("  %3zu. %s", number, qs_line(st, line, sizeof(line)));
	if (st->risk != RISK_SAFE)
		printf("  risk: %s", quirk_risk_str(st->risk));
	printf("%s%s\n", st->why ? "  else: " : "", st->why ? st->why : "");
}

static void qs_block(const struct quirk *q, const char *kind, const struct q_block *b)
{
	struct qs_steps s;

	if (!b->n)
		return;
	qs_open(&s, q, b);
	printf("\n%s%s%s: %zu statement%s, at most %.3f s\n", kind, b->name ? " " : "",
	       b->name ? b->name : "", b->n, b->n == 1 ? "" : "s",
	       SECONDS(attempt_worst_us(s.attempt)));
	for (size_t i = 0; i < s.attempt->nsteps; i++)
		qs_statement(i + 1, &s.attempt->step[i]);
	qs_close(&s);
}

static void qs_text(const struct quirk *q)
{
	printf("%s: %s\n", q->id, q->name ? q->name : "(no name)");
	if (q->broken)
		puts("  THIS FILE HAS ERRORS: only its ids and its denials hold");
	qs_row("file", "%s", q->file);
	qs_row("status", "%s", quirk_status_str(q->status));
	qs_row("role", "%s", quirk_role_str(q->role));
	qs_ids("for", q->ids, q->nids);
	qs_ids("with", q->with, q->nwith);
	qs_conditions(q);
	qs_notes(q);
	qs_reset(q);
	for (size_t i = 0; i < q->nsequences; i++)
		qs_block(q, "sequence", &q->sequences[i]);
	qs_block(q, "clean", &q->clean);
	qs_block(q, "health", &q->health);
	qs_block(q, "restore", &q->restore);
}

/* --- JSON ------------------------------------------------------------------------ */

static void qs_json_ids(struct json *j, const char *key, const struct q_id *ids, size_t n)
{
	char text[32];

	json_array(j, key);
	for (size_t i = 0; i < n; i++)
		json_string(j, NULL, quirk_id_str(&ids[i], text, sizeof(text)));
	json_array_end(j);
}

static void qs_json_ladder(struct json *j, const struct quirk *q)
{
	json_array(j, "ladder");
	for (size_t i = 0; i < q->nmethods; i++) {
		json_object(j, NULL);
		json_string(j, "method", q->methods[i].name);
		json_string(j, "sequence", q->methods[i].sequence);
		json_string(j, "risk", quirk_risk_str(q->methods[i].risk));
		json_string(j, "why", q->methods[i].risk_why);
		json_object_end(j);
	}
	json_array_end(j);
	quirk_json_denies(j, q, false);
}

static void qs_json_block(struct json *j, const struct quirk *q, const char *kind,
			  const struct q_block *b)
{
	struct qs_steps s;
	char line[512];

	if (!b->n)
		return;
	qs_open(&s, q, b);
	json_object(j, NULL);
	json_string(j, "kind", kind);
	json_string(j, "name", b->name);
	json_ms(j, "worst_ms", attempt_worst_us(s.attempt));
	json_array(j, "statements");
	for (size_t i = 0; i < s.attempt->nsteps; i++)
		json_string(j, NULL, qs_line(&s.attempt->step[i], line, sizeof(line)));
	json_array_end(j);
	json_object_end(j);
	qs_close(&s);
}

static void qs_json_blocks(struct json *j, const struct quirk *q)
{
	json_array(j, "programs");
	for (size_t i = 0; i < q->nsequences; i++)
		qs_json_block(j, q, "sequence", &q->sequences[i]);
	qs_json_block(j, q, "clean", &q->clean);
	qs_json_block(j, q, "health", &q->health);
	qs_json_block(j, q, "restore", &q->restore);
	json_array_end(j);
}

static void qs_json(const struct quirk *q)
{
	struct json j = { .out = stdout };

	json_object(&j, NULL);
	json_string(&j, "id", q->id);
	json_string(&j, "file", q->file);
	json_string(&j, "name", q->name);
	json_string(&j, "role", quirk_role_str(q->role));
	json_string(&j, "status", quirk_status_str(q->status));
	json_bool(&j, "errors", q->broken);
	qs_json_ids(&j, "pci", q->ids, q->nids);
	qs_json_ids(&j, "with", q->with, q->nwith);
	quirk_json_texts(&j, "problem", &q->problem);
	quirk_json_texts(&j, "source", &q->source);
	quirk_json_texts(&j, "tested", &q->tested);
	quirk_json_texts(&j, "see", &q->see);
	quirk_json_evidence(&j, q, false);
	qs_json_ladder(&j, q);
	json_string(&j, "pin", q->pin.why ? q->pin_methods : NULL);
	json_string(&j, "keep_d0", q->keep_d0.why);
	json_string(&j, "noop_after_clean_shutdown", q->noop_after_clean_shutdown.why);
	qs_json_blocks(&j, q);
	json_object_end(&j);
	putchar('\n');
}

/* --- the command ----------------------------------------------------------------- */

static void qs_print(const struct quirk_args *a, const struct quirk *q)
{
	if (a->json)
		qs_json(q);
	else
		qs_text(q);
}

static int qs_show_file(const struct quirk_args *a, const char *path)
{
	struct diag diag;
	struct quirk *q;
	int status;

	diag_init(&diag);
	q = quirk_file(a, path, &diag, &status);
	diag_print(&diag, stderr);
	if (q)
		qs_print(a, q);
	if (!status && diag.errors)
		status = EXIT_CONFIG;
	quirk_free(q);
	diag_free(&diag);
	return status;
}

static int qs_unknown(const struct quirk_db *db, const char *id)
{
	const char *near = NULL;

	for (size_t i = 0; i < db->n && !near; i++) {
		const char *one[] = { db->quirk[i]->id, NULL };

		near = diag_nearest(id, one);
	}
	if (near)
		return complain(EXIT_USAGE, "no entry '%.60s'; did you mean '%s'?", id,
				near);
	return complain(EXIT_USAGE, "no entry '%.60s'; `gpureset quirk list` shows what "
			"there is (or give the file: quirks/%.60s.quirk)", id, id);
}

static int qs_show_id(const struct quirk_args *a, const char *id)
{
	struct quirk_db db = { 0 };
	int status = quirk_db_of(a, &db);
	const struct quirk *q = NULL;

	for (size_t i = 0; i < db.n && !status; i++)
		if (!strcmp(db.quirk[i]->id, id))
			q = db.quirk[i];
	if (q)
		qs_print(a, q);
	else if (!status)
		status = qs_unknown(&db, id);
	quirk_db_free(&db);
	return status;
}

static int qs_run(const struct quirk_args *a)
{
	const char *word = a->word[0];

	if (strchr(word, '/') || strchr(word, '.'))
		return qs_show_file(a, word);
	return qs_show_id(a, word);
}

const struct quirk_sub quirk_show_sub = {
	.cmd.name = "quirk show",
	.cmd.args = "NAME|FILE [options]",
	.cmd.summary = "one entry with its programs, addresses resolved",
	.cmd.options = "*jQ",
	.cmd.example = { { "quirk show amd-polaris", "all of one entry" } },
	.least = 1, .most = 1,
	.run = qs_run,
};
