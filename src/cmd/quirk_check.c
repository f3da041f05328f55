// SPDX-License-Identifier: GPL-2.0-or-later
/* gpureset quirk check: all errors of all files in one run. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/textfile.h"
#include "base/xalloc.h"
#include "cmd/quirk_cmd.h"
#include "run/supervise.h"

#define MAX_FILE (256u << 10)   /* as when it is loaded */

struct check {
	const struct quirk_args *args;
	struct quirk_paths paths;
	struct quirk_db db;             /* of what could be read */
	size_t room;
	struct diag diag;
	size_t sequences;
	int status;
};

/* --- files to include, on their own ---------------------------------------------- */

static int check_read(const char *path, char **text, size_t *len, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc;

	if (fd < 0)
		return err_sys(err, errno, "%s", path);
	rc = textfile_read_fd(fd, path, MAX_FILE, text, len, err);
	close(fd);
	return rc;
}

static int check_open(void *arg, const char *name, char **text, size_t *len, char **path,
		      struct err *err)
{
	const char *file = arg;

	(void)name;             /* the frame below includes nothing else */
	*path = strdup(file);
	return *path ? check_read(file, text, len, err) : -ENOMEM;
}

/*
 * An include is not a whole quirk: it is checked inside the least that is one, so that
 * one which nobody includes yet is checked too.
 */
static struct quirk *check_include(struct check *c, const char *path)
{
	const struct quirk_includes includes = { check_open, (void *)(uintptr_t)path };
	const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	char frame[400];

	snprintf(frame, sizeof(frame),
		 "# SPDX-License-Identifier: MIT\nformat = 1\ninclude = %.*s\n"
		 "\n[device]\nname = a frame\npci = 0000:0000\n"
		 "\n[notes]\nsource = none\n\n[reset]\ndeny = pm \"a frame\"\n",
		 (int)(strlen(name) - 4), name);
	return quirk_parse(path, frame, strlen(frame), &includes, &c->diag);
}

/* --- files ----------------------------------------------------------------------- */

static void check_one(struct check *c, const char *path)
{
	struct quirk *q;
	int status = 0;

	if (quirk_is_include(path)) {
		q = check_include(c, path);
		c->sequences += q ? q->nsequences : 0;
		quirk_free(q);
		return;
	}
	q = quirk_file(c->args, path, &c->diag, &status);
	if (status)
		c->status = status;
	if (!q)
		return;
	c->sequences += q->nsequences;
	c->db.quirk = xgrow(c->db.quirk, c->db.n, &c->room, sizeof(struct quirk *));
	c->db.quirk[c->db.n++] = q;
}

static bool check_same(const struct diag_msg *a, const struct diag_msg *b)
{
	return a->line == b->line && a->col == b->col && !strcmp(a->file, b->file) &&
	       !strcmp(a->text, b->text);
}

/* An error in an include was found once for each file that includes it. */
static void check_once(struct diag *d)
{
	size_t kept = 0;

	for (size_t i = 0; i < d->n; i++) {
		bool seen = false;

		for (size_t k = 0; k < kept && !seen; k++)
			seen = check_same(&d->msg[k], &d->msg[i]);
		if (seen)
			d->errors -= d->msg[i].level == DIAG_ERROR;
		else
			d->msg[kept++] = d->msg[i];
	}
	d->n = kept;
}

static void check_json(const struct diag *d)
{
	struct json j = { .out = stdout };

	json_array(&j, NULL);
	for (size_t i = 0; i < d->n; i++) {
		const struct diag_msg *m = &d->msg[i];

		json_object(&j, NULL);
		json_string(&j, "file", m->file);
		json_int(&j, "line", m->line);
		json_int(&j, "column", m->col);
		json_string(&j, "message", m->text);
		json_object_end(&j);
	}
	json_array_end(&j);
	putchar('\n');
}

static void check_passed_over(const struct quirk_paths *p)
{
	for (size_t i = 0; i < p->nother; i++)
		printf("%s%s", i ? ", " : "passed over, neither *.quirk nor *.inc: ",
		       p->other[i]);
	if (p->nother)
		putchar('\n');
}

static void check_print(const struct check *c)
{
	const struct quirk_args *a = c->args;
	size_t n = c->paths.n;

	if (a->json) {
		check_json(&c->diag);
		return;
	}
	diag_print(&c->diag, stderr);
	if (!a->quiet)
		check_passed_over(&c->paths);
	if (!a->quiet || c->diag.errors)
		printf("%zu file%s, %zu sequence%s, %zu error%s\n", n, n == 1 ? "" : "s",
		       c->sequences, c->sequences == 1 ? "" : "s", c->diag.errors,
		       c->diag.errors == 1 ? "" : "s");
}

static int check_run(const struct quirk_args *a)
{
	struct check c = { .args = a };

	diag_init(&c.diag);
	for (int i = 0; i < a->nwords && !c.status; i++)
		c.status = quirk_paths_add(&c.paths, a->word[i]);
	for (size_t i = 0; i < c.paths.n && !c.status; i++)
		check_one(&c, c.paths.path[i]);
	if (!c.status) {
		quirk_db_check(&c.db, &c.diag);
		check_once(&c.diag);
		check_print(&c);
		c.status = c.diag.errors ? EXIT_CONFIG : 0;
	}
	quirk_db_free(&c.db);
	quirk_paths_free(&c.paths);
	diag_free(&c.diag);
	return c.status;
}

const struct quirk_sub quirk_check_sub = {
	.cmd.name = "quirk check",
	.cmd.args = "FILE|DIR... [options]",
	.cmd.summary = "every error of every file, with line and column",
	.cmd.options = "*jqQ",
	.cmd.example = { { "quirk check my.quirk", "every mistake with its place" },
			 { "quirk check quirks", "all files of a folder" } },
	.least = 1, .most = 1000,
	.run = check_run,
};
