// SPDX-License-Identifier: GPL-2.0-or-later
#include "fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz_common.h"
#include "host/hostpci.h"

static bool same(const struct bdf_spec *a, const struct bdf_spec *b)
{
	return bdf_eq(a->bdf, b->bdf) && a->whole_slot == b->whole_slot;
}

static void typed(const char *text)
{
	struct bdf_spec spec, again;
	struct err err = { 0 };
	char buf[BDF_STR];

	if (bdf_parse(text, &spec, &err) < 0) {
		fuzz_insist(err.code && err.text[0], "a refusal says why");
		return;
	}
	fuzz_bdf_valid(spec.bdf);
	fuzz_insist(strlen(text) < BDF_STR, "no address is that long");
	fuzz_insist(bdf_parse(bdf_spec_str(&spec, buf), &again, NULL) == 0 &&
		    same(&spec, &again), "typed, printed, typed again");
	fuzz_insist(bdf_spec_has(&spec, spec.bdf), "it is about itself");
}

static void named(const char *text)
{
	struct bdf_spec spec;
	struct bdf bdf;

	if (!bdf_from_sysfs(text, &bdf))
		return;
	fuzz_bdf_valid(bdf);
	fuzz_insist(bdf_parse(text, &spec, NULL) == 0 && !spec.whole_slot &&
		    bdf_eq(spec.bdf, bdf), "sysfs names one function, as typed");
}

/* Proxmox takes less than we do, and means the same by it. */
static void configured(const char *text, size_t len)
{
	struct bdf_spec spec, ours;

	if (!hostpci_addr(text, len, &spec))
		return;
	fuzz_insist(strlen(text) == len, "an address holds no NUL");
	fuzz_insist(bdf_parse(text, &ours, NULL) == 0 && same(&spec, &ours),
		    "both readers agree");
}

int fuzz_bdf(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);

	typed(text);
	named(text);
	configured(text, size);
	free(text);
	return 0;
}
