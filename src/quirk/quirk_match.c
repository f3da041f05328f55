// SPDX-License-Identifier: GPL-2.0-or-later
/* Which quirk concerns a function, why, and what a quirk says about a method. */
#include "quirk/quirk.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* --- one entry against one function -------------------------------------------- */

uint32_t quirk_covers(const struct q_id *id, uint16_t vendor, uint16_t device)
{
	uint32_t n = (uint32_t)(id->device_last - id->device) + 1;

	if (id->vendor != vendor)
		return 0;
	for (uint32_t free_bits = (uint16_t)~id->device_mask; free_bits; free_bits >>= 1)
		n <<= free_bits & 1;
	if (id->device_mask != 0xffff)
		return (device & id->device_mask) == id->device ? n : 0;
	return device >= id->device && device <= id->device_last ? n : 0;
}

#define MATCH_CONDITIONS 4u     /* class, revision, place, kernel */

/* Subsystem ids weigh most, then how few ids the line covers, then conditions. */
static uint32_t match_rank(const struct quirk *q, const struct q_id *id,
			   const struct q_subject *s)
{
	uint32_t covers = quirk_covers(id, s->vendor, s->device);
	uint32_t conditions = (q->nclasses > 0) + (q->nrevisions > 0) + (q->on != 0) +
			      (q->nkernels > 0);

	if (!covers)
		return 0;
	if (id->has_sub && !s->partial &&
	    (id->subvendor != s->subvendor || id->subdevice != s->subdevice))
		return 0;
	if (q->blurred)
		conditions = MATCH_CONDITIONS;
	return (uint32_t)id->has_sub << 24 | (0x10000u - covers + 1) << 4 | conditions;
}

static bool match_class(const struct quirk *q, const struct q_subject *s)
{
	for (size_t i = 0; i < q->nclasses; i++)
		if (q->classes[i] == s->class_code >> 8)
			return true;
	return !q->nclasses;
}

static bool match_revision(const struct quirk *q, const struct q_subject *s)
{
	for (size_t i = 0; i < q->nrevisions; i++)
		if (s->revision >= q->revisions[2 * i] &&
		    s->revision <= q->revisions[2 * i + 1])
			return true;
	return !q->nrevisions || s->partial;
}

/* "6.12.48+deb13-amd64" as major << 16 | minor << 8 | patch; 0: unreadable. */
static uint32_t match_release(const char *text)
{
	unsigned major, minor, patch = 0;

	if (!text || sscanf(text, "%u.%u.%u", &major, &minor, &patch) < 2)
		return 0;
	return major << 16 | (minor & 0xff) << 8 | (patch > 0xff ? 0xff : patch);
}

static bool match_kernel(const struct quirk *q, const struct q_subject *s)
{
	uint32_t v = q->nkernels ? match_release(s->kernel) : 0;

	for (size_t i = 0; i < q->nkernels; i++)
		if (v && v >= q->kernels[i].from && v <= q->kernels[i].to)
			return true;
	return !q->nkernels;
}

static enum q_fit match_conditions(const struct quirk *q, const struct q_subject *s)
{
	if (q->blurred)
		return FIT_YES; /* to refuse too much is the safe side */
	if (q->role != s->role)
		return FIT_OTHER_ROLE;
	if (!match_class(q, s))
		return FIT_OTHER_CLASS;
	if (!match_revision(q, s))
		return FIT_OTHER_REVISION;
	if (q->on && !(q->on & s->on) && !s->partial)
		return FIT_OTHER_PLACE;
	return match_kernel(q, s) ? FIT_YES : FIT_OTHER_KERNEL;
}

uint32_t quirk_fits(const struct quirk *q, const struct q_subject *s, enum q_fit *fit,
		    const struct q_id **id)
{
	uint32_t best = 0;

	*id = NULL;
	for (size_t i = 0; i < q->nids; i++) {
		uint32_t rank = match_rank(q, &q->ids[i], s);

		if (rank > best) {
			best = rank;
			*id = &q->ids[i];
		}
	}
	*fit = best ? match_conditions(q, s) : FIT_OTHER_ID;
	return *fit == FIT_YES ? best : 0;
}

void quirk_fit_str(enum q_fit fit, const struct quirk *q, const struct q_subject *s,
		   char *buf, size_t size)
{
	static const char *const plain[] = {
		[FIT_YES] = "it is about this function",
		[FIT_OTHER_ID] = "none of its ids",
		[FIT_OTHER_PLACE] = "its 'on' lines are about a card in another place",
	};

	if (fit == FIT_OTHER_ROLE)
		snprintf(buf, size, "it is about a function of role %s, this one is %s",
			 quirk_role_str(q->role), quirk_role_str(s->role));
	else if (fit == FIT_OTHER_CLASS)
		snprintf(buf, size, "it is about another class, this one is %04x",
			 s->class_code >> 8);
	else if (fit == FIT_OTHER_REVISION)
		snprintf(buf, size, "it is about other revisions, this one is %02x",
			 s->revision);
	else if (fit == FIT_OTHER_KERNEL)
		snprintf(buf, size, "it is about other kernels, this one is %s",
			 s->kernel ? s->kernel : "unknown");
	else
		snprintf(buf, size, "%s", plain[fit]);
}

/* --- the whole database -------------------------------------------------------- */

int quirk_match(const struct quirk_db *db, const struct q_subject *s,
		const struct quirk **found, struct err *err)
{
	const struct q_id *id = NULL, *rival_id = NULL;
	const struct quirk *rival = NULL;
	uint32_t best = 0;

	*found = NULL;
	for (size_t i = 0; i < db->n; i++) {
		const struct q_id *one;
		enum q_fit fit;
		uint32_t rank = quirk_fits(db->quirk[i], s, &fit, &one);

		if (rank > best) {
			best = rank;
			*found = db->quirk[i];
			id = one;
			rival = NULL;
		} else if (rank && rank == best) {
			rival = db->quirk[i];
			rival_id = one;
		}
	}
	if (!rival)
		return 0;
	err_set(err, EEXIST, "%04x:%04x is claimed by %s:%d and by %s:%d, which are "
		"equally specific: remove one of the two", s->vendor, s->device,
		(*found)->file, id->line, rival->file, rival_id->line);
	*found = NULL;
	return -EEXIST;
}

/* --- questions ----------------------------------------------------------------- */

/* PCIe capability, device/port type (PCIe 7.5.3.2). */
#define TYPE_ROOT_PORT 4u

enum q_role quirk_role(uint32_t class_code, unsigned port_type)
{
	static const struct {
		uint16_t code, mask;
		enum q_role role;
	} rows[] = {
		{ 0x0300, 0xff00, ROLE_GPU }, { 0x1200, 0xff00, ROLE_GPU },
		{ 0x0403, 0xffff, ROLE_AUDIO }, { 0x0c03, 0xffff, ROLE_USB },
		{ 0x0c80, 0xffff, ROLE_UCSI }, { 0x0604, 0xffff, ROLE_SWITCH },
	};
	uint16_t code = (uint16_t)(class_code >> 8);

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if ((code & rows[i].mask) == rows[i].code)
			return rows[i].role == ROLE_SWITCH && port_type == TYPE_ROOT_PORT
				       ? ROLE_ROOT_PORT : rows[i].role;
	return ROLE_OTHER;
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

bool quirk_writes(const struct q_block *b)
{
	for (size_t i = 0; i < b->n; i++)
		if (b->stmt[i].verb == Q_WRITE || b->stmt[i].verb == Q_SET)
			return true;
	return false;
}

const char *quirk_risk_str(enum quirk_risk risk)
{
	static const char *const words[] = { "safe", "host-may-hang", "power-cycles" };

	return words[risk];
}

const char *quirk_role_str(enum q_role role)
{
	static const char *const words[] = {
		"gpu", "audio", "usb", "ucsi", "switch", "root-port", "other",
	};

	return words[role];
}

const char *quirk_evidence_str(enum q_evidence_kind kind)
{
	static const char *const words[] = {
		"kernel", "maintainer", "users", "user", "inference",
	};

	return words[kind];
}
