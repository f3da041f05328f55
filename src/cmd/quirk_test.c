// SPDX-License-Identifier: GPL-2.0-or-later
/* gpureset quirk test: a file on a simulated card that is made from the file. */
#include <libgen.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "cmd/quirk_cmd.h"
#include "cmd/quirk_judge.h"
#include "run/supervise.h"

struct qt {
	const struct quirk_args *args;
	struct json json;
	size_t passed, failed;
};

/* --- one file -------------------------------------------------------------------- */

static void qt_text(struct qt *t, const struct judgement *j)
{
	for (size_t i = 0; i < j->n; i++) {
		const struct judge_line *l = &j->line[i];

		if (!l->nproblems && t->args->quiet)
			continue;
		printf("%s %s [%s]: %s\n", l->nproblems ? "FAIL" : "ok  ", j->quirk->id,
		       l->what, l->text ? l->text : "not run to its end");
		for (size_t k = 0; k < l->nproblems; k++)
			printf("     %s\n", l->problem[k]);
	}
}

static void qt_json(struct qt *t, const struct judgement *j)
{
	for (size_t i = 0; i < j->n; i++) {
		const struct judge_line *l = &j->line[i];

		json_object(&t->json, NULL);
		json_string(&t->json, "file", j->quirk->file);
		json_string(&t->json, "what", l->what);
		json_bool(&t->json, "ok", !l->nproblems);
		json_string(&t->json, "text", l->text);
		json_array(&t->json, "problems");
		for (size_t k = 0; k < l->nproblems; k++)
			json_string(&t->json, NULL, l->problem[k]);
		json_array_end(&t->json);
		json_object_end(&t->json);
	}
}

static void qt_judge(struct qt *t, const struct quirk *q, const struct quirk_db *db)
{
	struct judgement j;

	judge_quirk(&j, q, db);
	if (t->args->json)
		qt_json(t, &j);
	else
		qt_text(t, &j);
	t->failed += j.failed;
	t->passed += j.n - j.failed;
	judge_free(&j);
}

/*
 * The folders that count once the file is where it belongs: its own, then --quirks DIR
 * or the installed ones. What is wrong with other files there is not this one's business.
 */
static int qt_neighbours(const struct qt *t, const char *path, struct quirk_db *db)
{
	const struct quirk_dirs more = quirk_dirs_of(t->args);
	char *copy = strdup(path);
	const char *dirs[] = { copy ? dirname(copy) : ".", more.dir[0], more.dir[1],
			       NULL };
	struct diag unheard;
	struct err err = { 0 };
	int rc;

	diag_init(&unheard);
	rc = quirk_db_load(db, dirs, false, &unheard, &err);
	diag_free(&unheard);
	free(copy);
	return rc ? complain(EXIT_CONFIG, "%s", err.text) : 0;
}

static int qt_file(struct qt *t, const char *path)
{
	struct quirk_db db = { 0 };
	struct diag diag;
	struct quirk *q;
	int status;

	diag_init(&diag);
	q = quirk_file(t->args, path, &diag, &status);
	diag_print(&diag, stderr);
	if (!status)
		status = qt_neighbours(t, path, &db);
	if (!status && q)
		qt_judge(t, q, &db);
	else if (!status)
		t->failed++;    /* not even its ids: the messages are out */
	quirk_db_free(&db);
	quirk_free(q);
	diag_free(&diag);
	return status;
}

/* --- the command ----------------------------------------------------------------- */

static int qt_all(struct qt *t, const struct quirk_paths *p)
{
	int status = 0;
	size_t tested = 0;

	for (size_t i = 0; i < p->n && !status; i++) {
		if (quirk_is_include(p->path[i]))
			continue;       /* tested through those that include it */
		status = qt_file(t, p->path[i]);
		tested++;
	}
	if (!status && !tested)
		status = complain(EXIT_USAGE, "nothing to test: an include is tested "
				  "through the files that include it");
	return status;
}

static void qt_begin(struct qt *t)
{
	if (!t->args->json)
		return;
	json_object(&t->json, NULL);
	json_array(&t->json, "tests");
}

static void qt_end(struct qt *t)
{
	if (t->args->json) {
		json_array_end(&t->json);
		json_int(&t->json, "passed", (int64_t)t->passed);
		json_int(&t->json, "failed", (int64_t)t->failed);
		json_object_end(&t->json);
		putchar('\n');
	} else if (!t->args->quiet || t->failed) {
		printf("%zu passed, %zu failed\n", t->passed, t->failed);
	}
}

static int qt_run(const struct quirk_args *a)
{
	struct qt t = { .args = a, .json = { .out = stdout } };
	struct quirk_paths p = { 0 };
	int status = 0;

	for (int i = 0; i < a->nwords && !status; i++)
		status = quirk_paths_add(&p, a->word[i]);
	if (!status) {
		qt_begin(&t);
		status = qt_all(&t, &p);
		qt_end(&t);
	}
	quirk_paths_free(&p);
	return status ? status : t.failed ? EXIT_FAILED : 0;
}

const struct quirk_sub quirk_test_sub = {
	.cmd.name = "quirk test",
	.cmd.args = "FILE|DIR... [options]",
	.cmd.summary = "every program of a file on a simulated card made from it",
	.cmd.options = "*jqQ",
	.cmd.example = { { "quirk test my.quirk",
			   "each access lost, each wait stuck, in turn" } },
	.least = 1, .most = 1000,
	.run = qt_run,
};
