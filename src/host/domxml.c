// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/domxml.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

struct span {
	const char *s;
	size_t len;
};

struct xml {
	struct domxml *out;
	const char *text, *at, *end;
	struct err *err;
	struct span open[DOMXML_DEEP];  /* names of the elements we are in */
	size_t depth;
	bool domain;                    /* the document has one */
	bool pci, managed;              /* of the hostdev we are in */
};

#define XML_ATTRS 24

struct attrs {
	struct span name[XML_ATTRS], value[XML_ATTRS];
	size_t n;
};

static int xml_bad(struct xml *x, const char *what)
{
	int line = 1, col = 1;

	for (const char *s = x->text; s < x->at; s++) {
		col = *s == '\n' ? 1 : col + 1;
		line += *s == '\n';
	}
	return err_set(x->err, EINVAL, "domain XML, line %d, column %d: %s", line, col,
		       what);
}

static bool span_is(const struct span *s, const char *word)
{
	return s->len == strlen(word) && !memcmp(s->s, word, s->len);
}

static bool xml_starts(const struct xml *x, const char *word)
{
	size_t n = strlen(word);

	return (size_t)(x->end - x->at) >= n && !memcmp(x->at, word, n);
}

/* Moves behind the next @word; false when there is none. */
static bool xml_past(struct xml *x, const char *word)
{
	const char *found = memmem(x->at, (size_t)(x->end - x->at), word, strlen(word));

	if (!found)
		return false;
	x->at = found + strlen(word);
	return true;
}

static void xml_blanks(struct xml *x)
{
	while (x->at < x->end && isspace((unsigned char)*x->at))
		x->at++;
}

/* A letter that is not ASCII is not looked at: other people's metadata has them. */
static bool xml_is_name(char c)
{
	return isalnum((unsigned char)c) || (unsigned char)c >= 0x80 ||
	       (c && strchr("_:.-", c));
}

static struct span xml_name(struct xml *x)
{
	struct span name = { x->at, 0 };

	while (x->at < x->end && xml_is_name(*x->at))
		x->at++;
	name.len = (size_t)(x->at - name.s);
	return name;
}

/* NAME='VALUE', either quote */
static int xml_attr(struct xml *x, struct attrs *a)
{
	struct span name = xml_name(x), value;
	const char *close;

	if (!name.len)
		return xml_bad(x, "expected an attribute, '>' or '/>' here");
	xml_blanks(x);
	if (x->at == x->end || *x->at != '=')
		return xml_bad(x, "expected '=' here");
	x->at++;
	xml_blanks(x);
	if (x->at == x->end || (*x->at != '\'' && *x->at != '"'))
		return xml_bad(x, "expected a quote here");
	value.s = x->at + 1;
	close = memchr(value.s, *x->at, (size_t)(x->end - value.s));
	if (!close)
		return xml_bad(x, "this quote is not closed");
	value.len = (size_t)(close - value.s);
	x->at = close + 1;
	if (a->n < XML_ATTRS) {
		a->name[a->n] = name;
		a->value[a->n++] = value;
	}
	return 0;
}

static const struct span *attr_of(const struct attrs *a, const char *name)
{
	for (size_t i = 0; i < a->n; i++)
		if (span_is(&a->name[i], name))
			return &a->value[i];
	return NULL;
}

static bool attr_is(const struct attrs *a, const char *name, const char *value)
{
	const struct span *v = attr_of(a, name);

	return v && span_is(v, value);
}

/* "0x0b" or "11", at most @most. */
static int attr_number(struct xml *x, const struct attrs *a, const char *name,
		       uint32_t most, uint32_t *v)
{
	const struct span *s = attr_of(a, name);
	bool hex = s && s->len > 2 && !memcmp(s->s, "0x", 2);
	size_t i = hex ? 2 : 0;

	if (!s || i == s->len)
		return xml_bad(x, "an address has bus, slot and function");
	for (*v = 0; i < s->len; i++) {
		int c = tolower((unsigned char)s->s[i]);
		uint32_t digit = isdigit(c) ? (uint32_t)(c - '0') :
				 hex && c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a' + 10) :
				 UINT32_MAX;

		if (digit == UINT32_MAX || *v > most)
			break;
		*v = *v * (hex ? 16 : 10) + digit;
	}
	if (i < s->len || *v > most)
		return xml_bad(x, "this number is not one of a PCI address");
	return 0;
}

/* --- what is looked for -------------------------------------------------------- */

static bool xml_within(const struct xml *x, const char *const path[], size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (x->depth < n || !span_is(&x->open[i], path[i]))
			return false;
	return x->depth == n;
}

/* The domain may be left out, and is 0 then: libvirt's basictypes.rng, "pciaddress". */
static int xml_address(struct xml *x, const struct attrs *a)
{
	uint32_t domain = 0, bus, slot, fn;
	struct domxml *d = x->out;

	if ((attr_of(a, "domain") && attr_number(x, a, "domain", 0xffffff, &domain)) ||
	    attr_number(x, a, "bus", 0xff, &bus) ||
	    attr_number(x, a, "slot", 0x1f, &slot) ||
	    attr_number(x, a, "function", 7, &fn))
		return -EINVAL;
	if (d->n == DOMXML_MOST)
		return xml_bad(x, "more functions than one VM can have");
	d->managed[d->n] = x->managed;
	d->fn[d->n++] = (struct bdf){ domain, (uint8_t)bus, (uint8_t)slot, (uint8_t)fn };
	return 0;
}

/* An element begins; the elements around it are open. */
static int xml_element(struct xml *x, const struct span *name, const struct attrs *a)
{
	static const char *const source[] = { "domain", "devices", "hostdev", "source" };

	x->domain |= !x->depth && span_is(name, "domain");
	if (span_is(name, "hostdev") && xml_within(x, source, 2)) {
		x->pci = attr_is(a, "type", "pci");
		x->managed = attr_is(a, "managed", "yes");
	}
	if (x->pci && span_is(name, "address") && xml_within(x, source, 4))
		return xml_address(x, a);
	return 0;
}

/* --- tags ---------------------------------------------------------------------- */

static int xml_close(struct xml *x)
{
	struct span name;

	x->at += 2;
	name = xml_name(x);
	xml_blanks(x);
	if (x->at == x->end || *x->at != '>' || !x->depth ||
	    name.len != x->open[x->depth - 1].len ||
	    memcmp(name.s, x->open[x->depth - 1].s, name.len))
		return xml_bad(x, "this does not close the element that is open");
	x->at++;
	x->depth--;
	return 0;
}

static int xml_open(struct xml *x)
{
	struct attrs a = { .n = 0 };
	struct span name;
	int rc;

	x->at++;
	name = xml_name(x);
	if (!name.len)
		return xml_bad(x, "expected an element's name here");
	for (xml_blanks(x); x->at < x->end && *x->at != '>' && *x->at != '/';
	     xml_blanks(x))
		if (xml_attr(x, &a))
			return -EINVAL;
	rc = xml_element(x, &name, &a);
	if (rc)
		return rc;
	if (xml_starts(x, "/>")) {
		x->at += 2;
		return 0;
	}
	if (!xml_starts(x, ">"))
		return xml_bad(x, "expected '>' here");
	x->at++;
	if (x->depth == DOMXML_DEEP)
		return xml_bad(x, "elements are nested too deep");
	x->open[x->depth++] = name;
	return 0;
}

/* Comments, CDATA and instructions hold nothing for us. */
static int xml_skip(struct xml *x, bool *skipped)
{
	static const struct {
		const char *open, *close;
	} rows[] = { { "<!--", "-->" }, { "<![CDATA[", "]]>" }, { "<?", "?>" } };

	*skipped = true;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (xml_starts(x, rows[i].open))
			return xml_past(x, rows[i].close) ? 0 :
			       xml_bad(x, "this has no end");
	*skipped = false;
	return xml_starts(x, "<!") ? xml_bad(x, "a document type is not expected") : 0;
}

int domxml_parse(struct domxml *d, const char *text, size_t len, struct err *err)
{
	struct xml x = { .out = d, .text = text, .at = text, .end = text + len,
			 .err = err };
	int rc = 0;

	memset(d, 0, sizeof(*d));
	while (!rc && (x.at = memchr(x.at, '<', (size_t)(x.end - x.at)))) {
		bool skipped;

		rc = xml_skip(&x, &skipped);
		if (!rc && !skipped)
			rc = xml_starts(&x, "</") ? xml_close(&x) : xml_open(&x);
	}
	x.at = x.at ? x.at : x.end;
	if (!rc && x.depth)
		rc = xml_bad(&x, "the document ends in the middle of an element");
	if (!rc && !x.domain)
		rc = xml_bad(&x, "there is no domain in it");
	return rc;
}
