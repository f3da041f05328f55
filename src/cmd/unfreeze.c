// SPDX-License-Identifier: GPL-2.0-or-later
/* gpureset unfreeze [BDF [METHOD]]: methods that took the host along, allowed again. */
#include "cmd/unfreeze.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/textfile.h"
#include "cmd/open.h"
#include "run/freeze.h"
#include "run/lock.h"
#include "run/supervise.h"

struct unfreeze {
	const struct options *o;
	struct hw *hw;                  /* for the boot id */
	struct json *j;                 /* --json, or NULL */
	size_t shown;                   /* slots */
};

/* --- what is said ------------------------------------------------------------------ */

static void unfreeze_undo(const struct frozen *f, FILE *to)
{
	const char *at = f->undo, *end = at + f->undo_len, *line;
	size_t n;

	while (f->undo && (line = textfile_line(&at, end, &n)))
		fprintf(to, "    not undone then: %.*s\n", (int)(n - strlen("undo ")),
			line + strlen("undo "));
}

void unfreeze_text(const struct frozen_list *list, struct bdf slot, FILE *to)
{
	char at[BDF_STR], text[ERR_TEXT];

	bdf_slot_str(slot, at);
	if (list->wrong.code)
		fprintf(to, "%s: methods that may hang the host are off, as what did so "
			"before is not known: %s\n", at, list->wrong.text);
	for (size_t i = 0; i < list->n; i++) {
		const struct frozen *f = &list->item[i];

		frozen_say(f, text, sizeof(text));
		if (frozen_lived(list, f))
			fprintf(to, "%s: '%s' was begun on %s and has not ended; the "
				"host lives, so it is not off", at, f->method, f->time);
		else
			fprintf(to, "%s: '%s' is off: %s", at, f->method, text);
		fprintf(to, "; card %s, %s\n", f->card, f->quirk);
		unfreeze_undo(f, to);
	}
}

static void unfreeze_json_one(const struct frozen_list *list, const struct frozen *f,
			      struct json *j)
{
	json_object(j, NULL);
	json_string(j, "method", f->method);
	json_bool(j, "off", !frozen_lived(list, f));
	json_string(j, "card", f->card);
	json_string(j, "quirk", f->quirk);
	json_string(j, "step", f->step);
	json_string(j, "kernel", f->kernel);
	json_string(j, "boot", f->boot);
	json_string(j, "time", f->time);
	json_object_end(j);
}

void unfreeze_json(const struct frozen_list *list, const char *key, struct json *j)
{
	json_array(j, key);
	for (size_t i = 0; i < list->n; i++)
		unfreeze_json_one(list, &list->item[i], j);
	json_array_end(j);
	if (list->wrong.code)
		json_string(j, "frozen_error", list->wrong.text);
}

static void unfreeze_show(struct unfreeze *u, struct bdf slot,
			  const struct frozen_list *list)
{
	char at[BDF_STR];

	u->shown++;
	if (!u->j) {
		unfreeze_text(list, slot, stdout);
		return;
	}
	json_object(u->j, NULL);
	json_string(u->j, "slot", bdf_slot_str(slot, at));
	unfreeze_json(list, "frozen", u->j);
	json_object_end(u->j);
}

/* --- all of them ------------------------------------------------------------------- */

static int unfreeze_list_one(struct bdf slot, void *arg)
{
	struct unfreeze *u = arg;
	struct frozen_list list;

	freeze_read(u->hw, u->o->state_dir, slot, &list);
	unfreeze_show(u, slot, &list);
	freeze_list_free(&list);
	return 0;
}

static int unfreeze_list(struct unfreeze *u)
{
	struct err err = { 0 };

	if (freeze_slots(u->o->state_dir, unfreeze_list_one, u, &err) < 0)
		return complain(EXIT_CONFIG, "%s", err.text);
	if (!u->shown && !u->j)
		puts("gpureset: no method of any card is off for having taken the host "
		     "along");
	return 0;
}

/* --- one slot ---------------------------------------------------------------------- */

/* "bus" is every "bus at BRIDGE", as after --method; NULL: all. */
static bool unfreeze_names(const struct frozen *f, const void *arg)
{
	const char *asked = arg;
	size_t n = asked ? strlen(asked) : 0;

	return !asked || (!strncmp(f->method, asked, n) &&
			  (!f->method[n] || f->method[n] == ' '));
}

/* Only those that are asked for stay in @list. */
static void unfreeze_pick(struct frozen_list *list, const char *method)
{
	size_t kept = 0;

	for (size_t i = 0; i < list->n; i++)
		if (unfreeze_names(&list->item[i], method))
			list->item[kept++] = list->item[i];
	list->n = kept;
}

/* That one alone, of a file that may hold another card's as well. */
static bool unfreeze_is(const struct frozen *f, const void *arg)
{
	const struct frozen *what = arg;

	return !strcmp(f->method, what->method) && !strcmp(f->card, what->card) &&
	       !strcmp(f->boot, what->boot);
}

/* The card has another address by now: the lock of the old one keeps its file. */
static int unfreeze_moved(struct unfreeze *u, struct bdf slot,
			  const struct frozen_list *list, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; i < list->n && !rc; i++) {
		const struct frozen *f = &list->item[i];
		int lock;

		if (bdf_same_slot(f->slot, slot))
			continue;
		lock = lock_take(u->o->run_dir, f->slot, err);
		if (lock < 0)
			return lock;
		rc = freeze_drop(u->o->state_dir, f->slot, unfreeze_is, f, err);
		close(lock);
	}
	return rc;
}

static int unfreeze_clear(struct unfreeze *u, struct bdf slot, const char *method,
			  struct frozen_list *list, struct err *err)
{
	char at[BDF_STR];
	int rc;

	if (list->wrong.code && method)
		return complain(EXIT_CONFIG, "%s; without a method `gpureset unfreeze "
				"%s` forgets all of it", list->wrong.text,
				bdf_slot_str(slot, at));
	unfreeze_pick(list, method);
	if (!list->n && !list->wrong.code && method)
		return complain(EXIT_USAGE, "%s: '%.60s' is not off for having taken the "
				"host along", bdf_slot_str(slot, at), method);
	unfreeze_show(u, slot, list);
	if (u->o->dry_run || (!list->n && !list->wrong.code))
		return 0;
	rc = freeze_drop(u->o->state_dir, slot, method ? unfreeze_names : NULL, method,
			 err);
	if (!rc)
		rc = unfreeze_moved(u, slot, list, err);
	return rc ? complain(EXIT_CONFIG, "%s", err->text) : 0;
}

static void unfreeze_done(const struct unfreeze *u, struct bdf slot,
			  const struct frozen_list *list)
{
	char at[BDF_STR];

	bdf_slot_str(slot, at);
	if (u->j || (u->o->quiet && !u->o->dry_run))
		return;
	if (!list->n && !list->wrong.code)
		printf("%s: no method is off for having taken the host along\n", at);
	else
		printf("%s: %sallowed again\n", at, u->o->dry_run ? "would be " : "");
}

static int unfreeze_slot(struct unfreeze *u, struct bdf slot, const char *method)
{
	struct frozen_list list;
	struct err err = { 0 };
	int status, lock = u->o->dry_run ? -1 : lock_take(u->o->run_dir, slot, &err);

	if (err.code)
		return complain(err.code == EWOULDBLOCK ? EXIT_BUSY : EXIT_CONFIG, "%s",
				err.text);
	freeze_read_card(u->hw, u->o->state_dir, slot, &list);
	status = unfreeze_clear(u, slot, method, &list, &err);
	if (!status)
		unfreeze_done(u, slot, &list);
	freeze_list_free(&list);
	if (lock >= 0)
		close(lock);
	return status;
}

/* --- the command ------------------------------------------------------------------- */

/* "bus at 0000:00:1c.0" may be one word or three. */
static const char *unfreeze_method(const struct options *o, char *buf, size_t size)
{
	size_t n = 0;

	for (size_t i = 1; i < o->nwords && n < size; i++)
		n += (size_t)snprintf(buf + n, size - n, "%s%s", i > 1 ? " " : "",
				      o->word[i]);
	return o->nwords > 1 ? buf : NULL;
}

static int unfreeze_do(struct unfreeze *u)
{
	const struct options *o = u->o;
	struct bdf_spec spec;
	struct err err = { 0 };
	char method[128];
	int status;

	if (o->nwords && bdf_parse(o->word[0], &spec, &err) < 0)
		return complain(EXIT_USAGE, "%s", err.text);
	u->hw = open_hw(o, &err);
	if (!u->hw)
		return complain(open_status(&err), "%s", err.text);
	if (o->nwords)
		status = unfreeze_slot(u, spec.bdf,
				       unfreeze_method(o, method, sizeof(method)));
	else
		status = unfreeze_list(u);
	hw_close(u->hw);
	return status;
}

static int unfreeze_run(int argc, char **argv)
{
	struct options o;
	struct json j = { .out = stdout };
	struct unfreeze u = { .o = &o };
	int rc = options_parse(&o, &cmd_unfreeze, argc, argv);

	if (rc)
		return rc;
	if (o.help) {
		options_help(&cmd_unfreeze, stdout);
		return 0;
	}
	if (geteuid() != 0)
		return complain(EXIT_USAGE, "only root can %s; try sudo", o.nwords ?
				"allow again what took the host along" :
				"read what took the host along");
	if (!o.json)
		return unfreeze_do(&u);
	u.j = &j;
	json_object(&j, NULL);
	json_string(&j, "gpureset", GPURESET_VERSION);
	json_bool(&j, "dry_run", o.dry_run);
	json_array(&j, "cards");
	rc = unfreeze_do(&u);
	json_array_end(&j);
	json_int(&j, "exit", rc);
	json_object_end(&j);
	putchar('\n');
	return rc;
}

const struct command cmd_unfreeze = {
	.name = "unfreeze",
	.args = "[BDF [METHOD]] [options]",
	.summary = "allow again a method from which the host did not come back",
	.more = "Before a method that may hang the host begins, that is written to disk. "
		"If the host never came back from it, the method is off for this card "
		"until you allow it again here. Without an address: what is off, and "
		"why.",
	.options = "*njqRL",
	.example = { { "unfreeze", "what is off, for which card, since when" },
		     { "unfreeze 0b:00", "allow all of it again for this card" } },
	.run = unfreeze_run,
};
