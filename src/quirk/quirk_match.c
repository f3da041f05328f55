// SPDX-License-Identifier: GPL-2.0-or-later
/* Which quirk concerns a card, and what a quirk says about a method. */
#include "quirk/quirk.h"

#include <errno.h>
#include <string.h>

struct best {
	const struct quirk *quirk;
	const struct q_id *id;
	int rank;
};

/* 0: another card, 1: vendor and device, 2: the subsystem ids as well. */
static int match_rank(const struct q_id *id, const struct q_id *card)
{
	if (id->vendor != card->vendor || id->device != card->device)
		return 0;
	if (!id->has_sub)
		return 1;
	return id->subvendor == card->subvendor && id->subdevice == card->subdevice ? 2
										    : 0;
}

static struct best match_quirk(const struct quirk *q, const struct q_id *card)
{
	struct best best = { q, NULL, 0 };

	for (size_t i = 0; i < q->nids; i++) {
		int rank = match_rank(&q->ids[i], card);

		if (rank > best.rank) {
			best.rank = rank;
			best.id = &q->ids[i];
		}
	}
	return best;
}

int quirk_match(const struct quirk_db *db, uint16_t vendor, uint16_t device,
		uint16_t subvendor, uint16_t subdevice, uint32_t class_code,
		const struct quirk **found, struct err *err)
{
	struct q_id card = { vendor, device, true, subvendor, subdevice, 0 };
	struct best best = { 0 }, rival = { 0 };

	for (size_t i = 0; i < db->n; i++) {
		const struct quirk *q = db->quirk[i];
		struct best one = match_quirk(q, &card);

		if (q->class_code >= 0 && (uint32_t)q->class_code != class_code >> 8)
			continue;
		if (one.rank > best.rank) {
			best = one;
			rival = (struct best){ 0 };
		} else if (one.rank && one.rank == best.rank && !rival.quirk) {
			rival = one;
		}
	}
	*found = best.quirk;
	if (!rival.quirk)
		return 0;
	*found = NULL;
	return err_set(err, EEXIST, "%04x:%04x is claimed by %s:%d and by %s:%d, which "
		       "are equally specific: remove one of the two", vendor, device,
		       best.quirk->file, best.id->line, rival.quirk->file,
		       rival.id->line);
}

const struct q_deny *quirk_deny(const struct quirk *q, const char *method)
{
	for (size_t i = 0; i < q->ndenies; i++)
		if (!strcmp(q->denies[i].method, method) ||
		    !strcmp(q->denies[i].method, "all"))
			return &q->denies[i];
	return NULL;
}

const struct q_block *quirk_sequence(const struct quirk *q, const char *name)
{
	for (size_t i = 0; i < q->nsequences; i++)
		if (!strcmp(q->sequences[i].name, name))
			return &q->sequences[i];
	return NULL;
}
