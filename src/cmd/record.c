// SPDX-License-Identifier: GPL-2.0-or-later
/* gpureset record BDF: what a maintainer needs to know of a card, as one text file. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cmd/open.h"
#include "cmd/record.h"
#include "run/supervise.h"

int record_finish(const struct options *o, FILE *f, int rc, struct err *err)
{
	if (!rc && (fflush(f) || ferror(f)))
		rc = err_sys(err, EIO, "%s", o->output ? o->output : "standard output");
	if (o->output) {
		if (fclose(f) && !rc)
			rc = err_sys(err, errno, "%s", o->output);
		if (rc)
			remove(o->output);
	}
	if (!rc)
		return 0;
	return complain(rc == -ENODEV ? EXIT_USAGE : EXIT_FAILED, "%s", err->text);
}

static int record_one(const struct options *o, const struct quirk_db *db)
{
	struct err err = { 0 };
	struct hw *hw = open_hw(o, &err);
	FILE *f = stdout;
	int rc;

	if (!hw)
		return complain(open_status(&err), "%s", err.text);
	if (o->output)
		f = record_create(o->output, &err);
	if (!f) {
		hw_close(hw);
		return complain(open_status(&err), "%s", err.text);
	}
	rc = record_write(f, hw, db, &o->target[0], &err);
	hw_close(hw);
	return record_finish(o, f, rc, &err);
}

static int record_run(int argc, char **argv)
{
	struct options o;
	struct quirk_db db = { 0 };
	int rc = options_parse(&o, &cmd_record, argc, argv);

	if (rc)
		return rc;
	if (o.help) {
		options_help(&cmd_record, stdout);
		return 0;
	}
	rc = open_targets(&o);
	if (rc)
		return rc;
	if (o.ntargets != 1)
		return complain(EXIT_USAGE, "which card? Name one, like 0b:00; `gpureset "
				"list` shows the GPUs of this host");
	if (geteuid() != 0 && !o.replay)
		return complain(EXIT_USAGE, "only root can read all that belongs into a "
				"recording; try sudo");
	rc = load_quirks(&o, &db);
	if (!rc)
		rc = record_one(&o, &db);
	quirk_db_free(&db);
	return rc;
}

const struct command cmd_record = {
	.name = "record",
	.args = "BDF [-o FILE]",
	.summary = "all there is to know of a card as one text, to report a problem",
	.more = "Reads only. Serial numbers and what else could name a person or a "
		"machine are left out.",
	.options = "oQY",
	.example = { { "record 0b:00 -o my-card.rec", "to send in, or for --replay" } },
	.run = record_run,
};
