// SPDX-License-Identifier: GPL-2.0-or-later
#include "fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/textfile.h"
#include "fuzz/fuzz_common.h"
#include "host/pve_mapping.h"
#include "host/pve_resv.h"

/* The bytes of line @nr, or NULL. */
static const char *line_of(const char *text, size_t size, int nr, size_t *len)
{
	const char *at = text, *line;

	while ((line = textfile_line(&at, text + size, len)) && --nr > 0)
		continue;
	return line;
}

static bool says(const char *text, size_t len, struct bdf bdf, bool whole)
{
	char want[BDF_STR];

	if (whole)
		snprintf(want, sizeof(want), "%02x:%02x", bdf.bus, bdf.dev);
	else
		snprintf(want, sizeof(want), "%02x:%02x.%x", bdf.bus, bdf.dev, bdf.fn);
	return memmem(text, len, want, strlen(want));
}

static void one(const struct pve_alternative *alt, const char *text, size_t size)
{
	size_t len = 0;
	const char *line = line_of(text, size, alt->line, &len);

	fuzz_insist(alt->naddr > 0 && alt->naddr <= HOSTPCI_ADDRS, "addresses");
	fuzz_insist(line && memmem(line, len, "map", 3), "a map line");
	fuzz_insist(memmem(line, len, "node=pve1", 9), "of this node");
	for (size_t i = 0; i < alt->naddr; i++) {
		fuzz_bdf_valid(alt->addr[i].bdf);
		fuzz_insist(says(line, len, alt->addr[i].bdf, alt->addr[i].whole_slot),
			    "no address that the line does not say");
	}
}

static void mappings(const char *text, size_t size)
{
	struct pve_mapping *m = malloc(sizeof(*m));
	struct diag diag;

	fuzz_insist(m, "memory");
	diag_init(&diag);
	pve_mapping_parse(m, "gpu", "pve1", "pci.cfg", text, size, &diag);
	fuzz_insist(m->nalts <= PVE_ALTERNATIVES, "alternatives");
	fuzz_insist(m->found || (!m->nalts && !m->mdev), "an unknown name holds nothing");
	for (size_t i = 0; i < m->nalts; i++)
		one(&m->alt[i], text, size);
	fuzz_diag(&diag);
	free(m);
}

static void reservations(const char *text, size_t size)
{
	struct pve_resvs all;

	pve_resv_parse(&all, text, size);
	fuzz_insist(all.n <= size / 14 + 1, "a reservation takes a line");
	for (size_t i = 0; i < all.n; i++) {
		char want[16];

		fuzz_bdf_valid(all.resv[i].bdf);
		snprintf(want, sizeof(want), "%u", all.resv[i].vmid);
		fuzz_insist(memmem(text, size, want, strlen(want)), "the VM's number");
		fuzz_insist(says(text, size, all.resv[i].bdf, true), "its address");
		fuzz_insist(all.resv[i].value < 1000000000000000000ull, "its value");
	}
	pve_resv_free(&all);
}

int fuzz_mapping(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);

	mappings(text, size);
	reservations(text, size);
	free(text);
	return 0;
}
