// SPDX-License-Identifier: GPL-2.0-or-later
/* gpureset plan BDF...: the ladder with its reasons; changes nothing. */
#include <unistd.h>

#include "cmd/cmd.h"
#include "cmd/open.h"
#include "cmd/config.h"
#include "cmd/quirk_cmd.h"
#include "cmd/report.h"
#include "cmd/work.h"
#include "run/supervise.h"

static int plan_busy(const struct options *o, struct bdf slot)
{
	char text[BDF_STR];

	if (!work_is_busy(o, slot))
		return 0;
	return complain(EXIT_BUSY, "busy: %s is being reset at this moment, and reading "
			"it might wait for the kernel without end; ask again when that "
			"is over", bdf_slot_str(slot, text));
}

static int plan_one(const struct options *o, struct hw *hw, const struct quirk_db *db,
		    const struct bdf_spec *spec, bool first)
{
	struct plan_opts opts = o->plan;
	struct err err = { 0 };
	struct study s;
	struct report r = {
		.study = &s, .opts = o, .waiting = work_waiting(o, spec->bdf),
	};
	int status = plan_busy(o, spec->bdf);

	if (status)
		return status;
	config_card(o->conf, spec->bdf, &opts);
	status = study_card(&s, hw, db, o, spec, &opts, &err);
	if (status) {
		complain(status, "%s", err.text);
	} else {
		status = report_status(&r);
		if (o->json && !first)
			putchar(',');
		if (o->json)
			report_json(&r, stdout, true);
		else
			report_plan(&r, stdout, o->verbose);
	}
	study_free(&s);
	return status;
}

static int plan_all(const struct options *o, const struct quirk_db *db)
{
	struct err err = { 0 };
	struct hw *hw = open_hw(o, &err);
	int worst = 0;

	if (!hw)
		return complain(open_status(&err), "%s", err.text);
	if (o->json)
		printf("{\"gpureset\":\"%s\",\"targets\":[", GPURESET_VERSION);
	for (size_t i = 0; i < o->ntargets; i++) {
		int status = plan_one(o, hw, db, &o->target[i], i == 0);

		worst = status ? status : worst;
	}
	if (o->json)
		puts("]}");
	hw_close(hw);
	return worst;
}

static int plan_run(int argc, char **argv)
{
	struct options o;
	struct quirk_db db = { 0 };
	struct config conf = { 0 };
	int rc = options_parse(&o, &cmd_plan, argc, argv);

	if (rc)
		return rc;
	if (o.help) {
		options_help(&cmd_plan, stdout);
		return 0;
	}
	rc = open_targets(&o);
	if (rc)
		return rc;
	if (!o.ntargets)
		return complain(EXIT_USAGE, "which card? Name it like 0b:00");
	if (geteuid() != 0 && !o.replay)
		return complain(EXIT_USAGE, "only root can read what a plan needs to "
				"know; try sudo");
	rc = config_apply(&conf, &o);
	if (!rc)
		rc = load_quirks(&o, &db);
	if (!rc)
		quirk_note_none(&db);
	if (!rc)
		rc = plan_all(&o, &db);
	quirk_db_free(&db);
	config_free(&conf);
	return rc;
}

const struct command cmd_plan = {
	.name = "plan",
	.args = "BDF... [options]",
	.summary = "what a reset would try, why, and what it would touch",
	.more = "Changes nothing. With -v every step of every attempt.",
	.options = "mAjvUQCRLFY",
	.example = { { "plan 0b:00", "the ladder, with reasons" },
		     { "plan -v --method flr 0b:00", "every step of one method" },
		     { "plan --replay my-card.rec", "for another machine's card" } },
	.run = plan_run,
};
