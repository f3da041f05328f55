// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * [device]: which functions an entry is about. An id that is wrong in itself but can
 * be read still counts: the entry is broken then, and blocks what it may have meant.
 */
#include "quirk/parse.h"

#include <string.h>

/* ---- lists: items with blanks or commas between them */

/* Every item of the line, also after one that is wrong. */
static int list_each(struct parser *p, const char *what,
		     int (*one)(struct parser *p, const struct tok *t, void *arg),
		     void *arg)
{
	bool wanted = true;
	int ret = 0;

	for (;;) {
		struct tok t = lex_item(&p->in.lx);

		if (t.kind == TOK_WORD) {
			ret |= one(p, &t, arg);
			wanted = false;
		} else if (wanted) {
			return parse_bad(p, &t, "expected %s here", what);
		} else if (t.kind == TOK_END) {
			return ret;
		} else {
			wanted = true;
		}
	}
}

/* A text to take apart from its front. */
struct scan {
	const char *s;
	size_t len;
};

static bool scan_char(struct scan *sc, char c)
{
	if (!sc->len || *sc->s != c)
		return false;
	sc->s++;
	sc->len--;
	return true;
}

static int scan_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' :
	       c >= 'a' && c <= 'f' ? c - 'a' + 10 :
	       c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Exactly @digits hex digits. */
static bool scan_hex(struct scan *sc, size_t digits, uint16_t *value)
{
	unsigned v = 0;

	if (sc->len < digits)
		return false;
	for (size_t i = 0; i < digits; i++) {
		int d = scan_digit(sc->s[i]);

		if (d < 0)
			return false;
		v = v << 4 | (unsigned)d;
	}
	sc->s += digits;
	sc->len -= digits;
	*value = (uint16_t)v;
	return true;
}

/* ---- pci, with */

struct id_list {
	const char *what;
	struct q_id **ids;
	size_t *n;
	bool has_vendor;                /* for the ids that do not repeat it */
	bool lost_vendor;
	uint16_t vendor;
};

static bool id_vendor(struct id_list *l, struct scan *sc)
{
	struct scan start = *sc;
	uint16_t v;

	if (scan_hex(sc, 4, &v) && scan_char(sc, ':')) {
		l->vendor = v;
		l->has_vendor = true;
		l->lost_vendor = false;
		return true;
	}
	*sc = start;
	return false;
}

/* VVVV:DDDD, -EEEE or /MMMM or :SSSS:SSSS behind it; without VVVV: the last one. */
static bool id_read(struct id_list *l, struct scan sc, struct q_id *id, bool *several)
{
	bool full = id_vendor(l, &sc), range, mask;

	if (!l->has_vendor || !scan_hex(&sc, 4, &id->device))
		return false;
	id->vendor = l->vendor;
	id->device_last = id->device;
	id->device_mask = 0xffff;
	range = scan_char(&sc, '-');
	mask = !range && scan_char(&sc, '/');
	*several = range || mask;
	if ((range && !scan_hex(&sc, 4, &id->device_last)) ||
	    (mask && !scan_hex(&sc, 4, &id->device_mask)))
		return false;
	if (!sc.len)
		return true;
	id->has_sub = full && scan_char(&sc, ':') && scan_hex(&sc, 4, &id->subvendor) &&
		      scan_char(&sc, ':') && scan_hex(&sc, 4, &id->subdevice) && !sc.len;
	return id->has_sub;
}

/* What may not be; it is made good in the way that covers what was written. */
static int id_sense(struct parser *p, const struct tok *t, struct q_id *id, bool several)
{
	uint16_t first = id->device, mask = id->device_mask;

	if (several && id->has_sub) {
		id->has_sub = false;
		return parse_bad(p, t, "subsystem ids go with a single device id, not "
				 "with a range or a mask");
	}
	if (several && mask == 0xffff && id->device_last == first)
		return parse_bad(p, t, "a range of one id: write %04x alone", first);
	if (several && mask == 0xffff && id->device_last < first) {
		id->device = id->device_last;
		id->device_last = first;
		return parse_bad(p, t, "a range goes from a lower id to a higher one: "
				 "%04x-%04x", id->device, id->device_last);
	}
	if (first & (uint16_t)~mask) {
		id->device &= mask;
		id->device_last = id->device;
		return parse_bad(p, t, "%04x has bits outside of the mask %04x and could "
				 "never match: write %04x/%04x", first, mask, id->device,
				 mask);
	}
	return 0;
}

static bool id_same(const struct q_id *a, const struct q_id *b)
{
	return a->vendor == b->vendor && a->device == b->device &&
	       a->device_last == b->device_last && a->device_mask == b->device_mask &&
	       a->has_sub == b->has_sub && a->subvendor == b->subvendor &&
	       a->subdevice == b->subdevice;
}

/* The card it meant must not be treated like one that nobody wrote about. */
static void id_lost(struct parser *p, const struct id_list *l)
{
	if (l->ids == &p->q->ids)
		p->q->lost_ids = true;
}

static int id_push(struct parser *p, struct id_list *l, const struct tok *t,
		   const struct q_id *id)
{
	struct q_id *grown;

	for (size_t i = 0; i < *l->n; i++)
		if (id_same(&(*l->ids)[i], id))
			return parse_bad(p, t, "this id is given twice, first on line %d",
					 (*l->ids)[i].line);
	grown = parse_push(p, p->keep, *l->ids, *l->n, sizeof(*id), PARSE_MAX_LIST,
			   l->what);
	if (!grown) {
		id_lost(p, l);
		return -1;
	}
	*l->ids = grown;
	grown[(*l->n)++] = *id;
	return 0;
}

static int id_one(struct parser *p, const struct tok *t, void *arg)
{
	struct id_list *l = arg;
	struct q_id id = { .line = p->in.line };
	bool several, good;

	if (id_read(l, (struct scan){ t->s, t->len }, &id, &several)) {
		good = id_sense(p, t, &id, several) == 0;
		return id_push(p, l, t, &id) == 0 && good ? 0 : -1;
	}
	id_lost(p, l);
	if (!l->has_vendor && l->lost_vendor)
		return -1;              /* the first of the line was wrong already */
	l->lost_vendor = true;
	return parse_bad(p, t, "a PCI id is VVVV:DDDD, VVVV:DDDD-EEEE, VVVV:DDDD/MMMM or "
			 "VVVV:DDDD:SSSS:SSSS, four hex digits each");
}

int key_pci(struct parser *p, struct tok *key)
{
	struct id_list l = {
		.what = "ids in 'pci' lines", .ids = &p->q->ids, .n = &p->q->nids,
	};

	(void)key;
	return list_each(p, "a PCI id", id_one, &l);
}

int key_with(struct parser *p, struct tok *key)
{
	struct id_list l = {
		.what = "ids in 'with' lines", .ids = &p->q->with, .n = &p->q->nwith,
	};

	(void)key;
	return list_each(p, "a PCI id", id_one, &l);
}

/* ---- class, revision */

static int class_one(struct parser *p, const struct tok *t, void *arg)
{
	struct scan sc = { t->s, t->len };
	uint16_t code, *grown;

	(void)arg;
	if (!scan_hex(&sc, 4, &code) || sc.len)
		return parse_bad(p, t, "a class is four hex digits, as 0300 for VGA");
	grown = parse_push(p, p->keep, p->q->classes, p->q->nclasses, sizeof(code),
			   PARSE_MAX_LIST, "classes");
	if (!grown)
		return -1;
	p->q->classes = grown;
	grown[p->q->nclasses++] = code;
	return 0;
}

int key_class(struct parser *p, struct tok *key)
{
	(void)key;
	return list_each(p, "a class", class_one, NULL);
}

static int revision_one(struct parser *p, const struct tok *t, void *arg)
{
	struct scan sc = { t->s, t->len };
	uint16_t first, last;
	uint8_t *grown;
	size_t n = p->q->nrevisions;

	(void)arg;
	if (!scan_hex(&sc, 2, &first))
		first = last = 0x100;
	else if (!scan_char(&sc, '-'))
		last = first;
	else if (!scan_hex(&sc, 2, &last))
		last = 0x100;
	if (last > 0xff || sc.len)
		return parse_bad(p, t, "a revision is two hex digits, a range of them is "
				 "c0-c7");
	if (last < first)
		return parse_bad(p, t, "a range goes from the lower revision to the "
				 "higher one: %02x-%02x", last, first);
	grown = parse_push(p, p->keep, p->q->revisions, n, 2, PARSE_MAX_LIST,
			   "revisions");
	if (!grown)
		return -1;
	grown[2 * n] = (uint8_t)first;
	grown[2 * n + 1] = (uint8_t)last;
	p->q->revisions = grown;
	p->q->nrevisions++;
	return 0;
}

int key_revision(struct parser *p, struct tok *key)
{
	(void)key;
	return list_each(p, "a revision", revision_one, NULL);
}

/* ---- on */

static int on_one(struct parser *p, const struct tok *t, void *arg)
{
	static const char *const words[] = {
		"switch", "root-port", "root-complex", "thunderbolt", NULL,
	};

	(void)arg;
	for (unsigned i = 0; words[i]; i++) {
		if (tok_is(t, words[i])) {
			p->q->on |= 1u << i;    /* enum q_on */
			return 0;
		}
	}
	return parse_unknown(p, t, "place", words);
}

int key_on(struct parser *p, struct tok *key)
{
	(void)key;
	return list_each(p, "a place", on_one, NULL);
}

/* ---- kernel */

static bool scan_decimal(struct scan *sc, uint32_t *value)
{
	uint32_t v = 0;
	size_t n = 0;

	for (; n < sc->len && n < 4 && sc->s[n] >= '0' && sc->s[n] <= '9'; n++)
		v = 10 * v + (uint32_t)(sc->s[n] - '0');
	sc->s += n;
	sc->len -= n;
	*value = v;
	return n && v <= 255;           /* as the kernel's own KERNEL_VERSION() */
}

/* "6.14" is 6.14.0 to 6.14.255, "6.14.2" is itself twice. */
static bool scan_version(struct scan *sc, uint32_t *first, uint32_t *last)
{
	uint32_t major, minor, patch = 0;
	bool exact = false;

	if (!scan_decimal(sc, &major) || !scan_char(sc, '.') || !scan_decimal(sc, &minor))
		return false;
	if (scan_char(sc, '.')) {
		exact = true;
		if (!scan_decimal(sc, &patch))
			return false;
	}
	*first = major << 16 | minor << 8 | patch;
	*last = exact ? *first : *first | 0xff;
	return true;
}

static int kernel_push(struct parser *p, struct q_kernel k)
{
	struct q_kernel *grown = parse_push(p, p->keep, p->q->kernels, p->q->nkernels,
					    sizeof(k), PARSE_MAX_LIST, "'kernel' lines");

	if (!grown)
		return -1;
	p->q->kernels = grown;
	grown[p->q->nkernels++] = k;
	return 0;
}

/* V, V-V, and after "since" or "before" only V. */
static bool kernel_read(const struct tok *t, bool range, struct q_kernel *k,
			uint32_t *last)
{
	struct scan sc = { t->s, t->len };
	uint32_t unused;

	if (t->kind != TOK_WORD || !scan_version(&sc, &k->from, last))
		return false;
	k->to = *last;
	if (range && scan_char(&sc, '-') && !scan_version(&sc, &unused, &k->to))
		return false;
	return !sc.len;
}

int key_kernel(struct parser *p, struct tok *key)
{
	struct q_kernel k = { .line = p->in.line };
	struct tok first = lex_blob(&p->in.lx), t = first;
	bool since = tok_is(&first, "since"), before = tok_is(&first, "before");
	uint32_t last;

	(void)key;
	if (since || before)
		t = lex_blob(&p->in.lx);
	if (!kernel_read(&t, !since && !before, &k, &last))
		return parse_bad(p, &t, "a kernel is 6.12, 6.12.23, 6.12.20-6.12.23, "
				 "since 6.12 or before 6.15, no number above 255");
	if (before && !k.from)
		return parse_bad(p, &t, "no kernel is older than this one");
	if (before)
		k = (struct q_kernel){ 0, k.from - 1, k.line };
	else if (since)
		k.to = UINT32_MAX;
	if (k.to < k.from)
		return parse_bad(p, &t, "a range goes from the older kernel to the newer "
				 "one");
	return kernel_push(p, k);
}
