// SPDX-License-Identifier: GPL-2.0-or-later
/* What all commands begin with: the quirk files, and messages about what is wrong. */
#include <stdarg.h>

#include "base/diag.h"
#include "cmd/cmd.h"
#include "run/supervise.h"

int complain(int status, const char *fmt, ...)
{
	va_list ap;

	fputs("gpureset: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return status;
}

int load_quirks(const struct options *o, struct quirk_db *db)
{
	const char *own[] = { o->quirks, NULL };
	const char *installed[] = { GPURESET_QUIRK_ETC, GPURESET_QUIRK_DIR, NULL };
	struct diag diag;
	struct err err = { 0 };
	int rc;

	diag_init(&diag);
	rc = quirk_db_load(db, o->quirks ? own : installed, true, &diag, &err);
	if (diag.n)
		diag_print(&diag, stderr);
	diag_free(&diag);
	if (rc)
		return complain(EXIT_CONFIG, "%s", err.text);
	if (o->quirks && !db->n)
		return complain(EXIT_CONFIG, "--quirks %s: no quirk file there",
				o->quirks);
	return 0;
}

int load_quirks_to_act(const struct options *o, struct quirk_db *db)
{
	int rc = load_quirks(o, db);

	if (rc || db->n)
		return rc;
	return complain(EXIT_CONFIG, "there is no quirk file in " GPURESET_QUIRK_DIR
			" or " GPURESET_QUIRK_ETC ", so what must not be done to which "
			"card is not known; install gpureset with them, or use --quirks "
			"DIR");
}
