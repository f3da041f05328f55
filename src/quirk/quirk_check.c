// SPDX-License-Identifier: GPL-2.0-or-later
/* Rules across files: could quirk_match() ever find two entries equally specific? */
#include "quirk/quirk.h"

#include <stdlib.h>
#include <string.h>

#include "base/diag.h"
#include "base/xalloc.h"

/* An id line and what decides about its rank: see match_rank(). */
struct claim {
	const struct quirk *q;
	const struct q_id *id;
	uint32_t covers;                /* device ids */
	unsigned conditions;
	uint16_t first, last;           /* no id outside of these */
};

/* Two claims can tie only where all of this is equal. */
static int claim_group_cmp(const struct claim *a, const struct claim *b)
{
	const uint64_t x[] = {
		a->id->vendor, a->q->role, a->id->has_sub, a->id->subvendor,
		a->id->subdevice, a->covers, a->conditions,
	};
	const uint64_t y[] = {
		b->id->vendor, b->q->role, b->id->has_sub, b->id->subvendor,
		b->id->subdevice, b->covers, b->conditions,
	};

	for (size_t i = 0; i < sizeof(x) / sizeof(*x); i++)
		if (x[i] != y[i])
			return x[i] < y[i] ? -1 : 1;
	return 0;
}

static int claim_cmp(const void *va, const void *vb)
{
	const struct claim *a = va, *b = vb;
	int cmp = claim_group_cmp(a, b);

	if (!cmp)
		cmp = (a->first > b->first) - (a->first < b->first);
	if (!cmp)
		cmp = strcmp(a->q->file, b->q->file);
	return cmp ? cmp : (a->id->line > b->id->line) - (a->id->line < b->id->line);
}

static struct claim claim_of(const struct quirk *q, const struct q_id *id)
{
	uint16_t open = (uint16_t)~id->device_mask;
	struct claim c = {
		.q = q, .id = id, .first = id->device,
		.last = open ? id->device | open : id->device_last,
		.conditions = (q->nclasses > 0) + (q->nrevisions > 0) + (q->on != 0) +
			      (q->nkernels > 0),
	};

	c.covers = open ? 1u << __builtin_popcount(open)
			: (uint32_t)(id->device_last - id->device) + 1;
	return c;
}

/* ---- can both match one function? */

static bool claim_has(const struct claim *c, uint32_t device)
{
	if (c->id->device_mask != 0xffff)
		return (device & c->id->device_mask) == c->id->device;
	return device >= c->first && device <= c->last;
}

static bool claim_ids_meet(const struct claim *a, const struct claim *b)
{
	for (uint32_t d = b->first; d <= a->last && d <= b->last; d++)
		if (claim_has(a, d) && claim_has(b, d))
			return true;
	return false;
}

static bool classes_meet(const struct quirk *a, const struct quirk *b)
{
	for (size_t i = 0; i < a->nclasses; i++)
		for (size_t j = 0; j < b->nclasses; j++)
			if (a->classes[i] == b->classes[j])
				return true;
	return !a->nclasses || !b->nclasses;
}

static bool revisions_meet(const struct quirk *a, const struct quirk *b)
{
	for (size_t i = 0; i < a->nrevisions; i++)
		for (size_t j = 0; j < b->nrevisions; j++)
			if (a->revisions[2 * i] <= b->revisions[2 * j + 1] &&
			    b->revisions[2 * j] <= a->revisions[2 * i + 1])
				return true;
	return !a->nrevisions || !b->nrevisions;
}

static bool kernels_meet(const struct quirk *a, const struct quirk *b)
{
	for (size_t i = 0; i < a->nkernels; i++)
		for (size_t j = 0; j < b->nkernels; j++)
			if (a->kernels[i].from <= b->kernels[j].to &&
			    b->kernels[j].from <= a->kernels[i].to)
				return true;
	return !a->nkernels || !b->nkernels;
}

/* A card is at one place, but may be at Thunderbolt as well. */
static bool places_meet(const struct quirk *a, const struct quirk *b)
{
	return !a->on || !b->on || a->on & b->on || (a->on | b->on) & ON_THUNDERBOLT;
}

static bool claims_tie(const struct claim *a, const struct claim *b)
{
	return a->q != b->q && claim_ids_meet(a, b) && classes_meet(a->q, b->q) &&
	       revisions_meet(a->q, b->q) && places_meet(a->q, b->q) &&
	       kernels_meet(a->q, b->q);
}

/* ---- all */

static struct claim *claims_of(const struct quirk_db *db, size_t *n)
{
	struct claim *claim = NULL;
	size_t room = 0;

	for (size_t i = 0; i < db->n; i++) {
		const struct quirk *q = db->quirk[i];

		for (size_t j = 0; j < q->nids && !q->broken; j++) {
			claim = xgrow(claim, *n, &room, sizeof(*claim));
			claim[(*n)++] = claim_of(q, &q->ids[j]);
		}
	}
	if (*n)
		qsort(claim, *n, sizeof(*claim), claim_cmp);
	return claim;
}

static void claim_report(struct diag *diag, const struct claim *a, const struct claim *b)
{
	diag_add(diag, DIAG_ERROR, a->q->file, a->id->line, 0, NULL, 0, "%04x:%04x is "
		 "also claimed by %s:%d, which is equally specific: remove one of the "
		 "two, or give one a condition", b->id->vendor, b->id->device, b->q->file,
		 b->id->line);
}

size_t quirk_db_check(const struct quirk_db *db, struct diag *diag)
{
	size_t n = 0, errors = 0;
	struct claim *claim = claims_of(db, &n);

	for (size_t i = 0; i < n; i++) {
		for (size_t j = i + 1; j < n && claim[j].first <= claim[i].last &&
		     !claim_group_cmp(&claim[i], &claim[j]); j++) {
			if (!claims_tie(&claim[i], &claim[j]))
				continue;
			claim_report(diag, &claim[i], &claim[j]);
			errors++;
		}
	}
	free(claim);
	return errors;
}
