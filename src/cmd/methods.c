// SPDX-License-Identifier: GPL-2.0-or-later
/* gpureset methods: the ways to reset a card, in the order in which they are tried. */
#include <string.h>

#include "base/json.h"
#include "cmd/cmd.h"
#include "cmd/quirk_trial.h"
#include "run/supervise.h"

/*
 * A card that can do all of them: the least time a method takes is what a plan for it
 * says, so that it is written down only once.
 */
static const struct quirk *any_card(void)
{
	static struct q_id id = { .vendor = 0x1234, .device = 0x1111,
				  .device_last = 0x1111, .device_mask = 0xffff };
	static const struct quirk card = { .file = "", .id = "", .ids = &id, .nids = 1,
					   .pin_methods = "" };

	return &card;
}

static const struct attempt *attempt_of(const struct plan *plan, const char *method)
{
	for (size_t i = 0; i < plan->nattempts; i++)
		if (plan->attempt[i].usable == ATTEMPT_YES &&
		    !strcmp(plan->attempt[i].method->name, method))
			return &plan->attempt[i];
	return NULL;
}

static void methods_text(const struct plan *plan)
{
	printf("%-12s %-9s %-9s %s\n", "METHOD", "SCOPE", "AT LEAST", "SUMMARY");
	for (size_t i = 0; methods[i]; i++) {
		const struct attempt *a = attempt_of(plan, methods[i]->name);
		char floor[24] = "its own";

		if (a)
			snprintf(floor, sizeof(floor), "%llu ms",
				 (unsigned long long)a->floor_us / 1000);
		printf("%-12s %-9s %-9s %s\n", methods[i]->name, methods[i]->scope, floor,
		       methods[i]->summary);
	}
}

static void methods_json(const struct plan *plan)
{
	struct json j = { .out = stdout };

	json_object(&j, NULL);
	json_string(&j, "gpureset", GPURESET_VERSION);
	json_array(&j, "methods");
	for (size_t i = 0; methods[i]; i++) {
		const struct attempt *a = attempt_of(plan, methods[i]->name);

		json_object(&j, NULL);
		json_string(&j, "name", methods[i]->name);
		json_string(&j, "scope", methods[i]->scope);
		json_string(&j, "summary", methods[i]->summary);
		if (a)
			json_ms(&j, "floor_ms", a->floor_us);
		json_object_end(&j);
	}
	json_array_end(&j);
	json_object_end(&j);
	putchar('\n');
}

static int methods_run(int argc, char **argv)
{
	static struct trial t;          /* large */
	struct options o;
	int status = options_parse(&o, &cmd_methods, argc, argv);

	if (status)
		return status;
	if (o.help) {
		options_help(&cmd_methods, stdout);
		return 0;
	}
	if (o.ntargets)
		return complain(EXIT_USAGE, "methods takes no address; `gpureset plan` "
				"says what a card can do");
	trial_plan(&t, any_card(), NULL, true);
	if (t.err.code)
		status = complain(EXIT_FAILED, "%s", t.err.text);
	else if (o.json)
		methods_json(&t.study.plan);
	else
		methods_text(&t.study.plan);
	trial_close(&t);
	return status;
}

const struct command cmd_methods = {
	.name = "methods",
	.args = "[--json]",
	.summary = "the reset methods, what each resets and the least time it takes",
	.options = "j",
	.example = { { "methods", "in the order in which they are tried" } },
	.run = methods_run,
};
