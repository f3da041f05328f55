// SPDX-License-Identifier: GPL-2.0-or-later
#include "fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "cmd/config_parse.h"
#include "fuzz/fuzz_common.h"

/* Whatever the file says, nothing is out of bounds. */
static void within(const struct config *conf, const char *vm, struct bdf card)
{
	struct plan_opts opts = { 0 };
	struct settings s;

	config_settings(conf, vm, card, true, &s);
	fuzz_insist((unsigned)s.hook <= HOOK_SKIP, "hook");
	fuzz_insist((unsigned)s.after_stop <= AFTER_STOP_HOST_DRIVER, "after-stop");
	fuzz_insist(s.pre_start_us >= 5000000 && s.pre_start_us <= 3600000000u,
		    "pre-start-timeout 5s to 3600s");
	fuzz_insist(s.post_stop_us >= 10000000 && s.post_stop_us <= 55000000,
		    "post-stop-timeout 10s to 55s");
	fuzz_insist(s.nallowed <= CONFIG_ALLOWED, "ids");
	for (size_t i = 0; i < s.nallowed; i++)
		fuzz_insist(s.allowed[i] && s.allowed[i][0], "an id has letters");
	config_card(conf, card, &opts);
	for (size_t i = 0; i < opts.nallowed; i++)
		fuzz_insist(opts.allowed[i] && opts.allowed[i][0], "an id has letters");
}

/* In a file without errors each name belongs to one section, and finds it. */
static void names(const struct config *conf, const struct config_section *s)
{
	for (size_t i = 0; i < s->nnames; i++) {
		const struct config_name *name = &s->name[i];

		fuzz_insist(section_find(conf, s->kind, name) == s,
			    "a name finds its section");
		if (s->kind == KIND_VM)
			fuzz_insist(name->vm && name->vm[0], "a VM has a name");
		else
			fuzz_bdf_valid(name->card);
		within(conf, name->vm, name->card);
	}
}

int fuzz_config(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	struct config conf;
	struct diag diag;

	diag_init(&diag);
	config_parse(&conf, "fuzz.conf", text, size, &diag);
	free(text);             /* nothing points into it any more */
	fuzz_insist(conf.nallowed <= CONFIG_ALLOWED, "ids in all of the file");
	for (size_t i = 0; i < conf.n && !diag.errors; i++) {
		fuzz_insist(conf.section[i].kind == (i ? conf.section[i].kind : KIND_TOP),
			    "the top comes first");
		names(&conf, &conf.section[i]);
	}
	if (!diag.errors)
		within(&conf, "101", (struct bdf){ 0, 0x0b, 0, 0 });
	fuzz_diag(&diag);
	config_free(&conf);
	return 0;
}
