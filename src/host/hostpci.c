// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/hostpci.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "host/pve_list.h"

/* --- addresses ----------------------------------------------------------------- */

/* @min to @max lower-case hex digits at *@s. */
static bool addr_hex(const char **s, const char *end, int min, int max, uint32_t *value)
{
	int n = 0;

	for (*value = 0; *s < end && n < max; (*s)++, n++) {
		const char *digits = "0123456789abcdef";
		const char *at = **s ? strchr(digits, **s) : NULL;

		if (!at)
			break;
		*value = *value << 4 | (uint32_t)(at - digits);
	}
	return n >= min;
}

static bool addr_char(const char **s, const char *end, char c)
{
	if (*s == end || **s != c)
		return false;
	(*s)++;
	return true;
}

bool hostpci_addr(const char *text, size_t len, struct bdf_spec *spec)
{
	const char *s = text, *end = text + len;
	uint32_t domain = 0, bus, dev, fn = 0;

	/* a domain has four digits or more, a bus two: the third character tells */
	if (len > 2 && text[2] != ':' &&
	    (!addr_hex(&s, end, 4, 8, &domain) || !addr_char(&s, end, ':')))
		return false;
	if (!addr_hex(&s, end, 2, 2, &bus) || !addr_char(&s, end, ':') ||
	    !addr_hex(&s, end, 2, 2, &dev))
		return false;
	spec->whole_slot = s == end;
	if (s < end && (!addr_char(&s, end, '.') || !addr_hex(&s, end, 1, 1, &fn)))
		return false;
	spec->bdf = (struct bdf){ domain, (uint8_t)bus, (uint8_t)dev, (uint8_t)fn };
	return s == end && dev < 32 && fn < 8;
}

/* --- keys ---------------------------------------------------------------------- */

static int bad_value(const struct pve_item *it, const char *wanted, struct err *err)
{
	return err_set(err, EINVAL, "'%.*s' is no value of '%.*s': wanted %s",
		       (int)it->value_len, it->value, (int)it->key_len, it->key,
		       wanted);
}

static int key_host(struct hostpci *h, const struct pve_item *it, struct err *err)
{
	const char *s = it->value, *end = s + it->value_len;

	for (;;) {
		const char *cut = memchr(s, ';', (size_t)(end - s));
		size_t len = (size_t)((cut ? cut : end) - s);

		if (h->naddr == HOSTPCI_ADDRS)
			return err_set(err, EINVAL, "more than %d addresses in one key",
				       HOSTPCI_ADDRS);
		if (!hostpci_addr(s, len, &h->addr[h->naddr]))
			return err_set(err, EINVAL, "'%.*s' is no PCI address as PVE "
				       "takes it: lower-case hex, 0b:00, 0b:00.0 or "
				       "with a domain, 0000:0b:00.0", (int)len, s);
		h->naddr++;
		if (!cut)
			return 0;
		s = cut + 1;
	}
}

static int key_bool(const struct pve_item *it, bool *on, struct err *err)
{
	int value = pve_bool(it->value, it->value_len);

	*on = value == 1;
	return value < 0 ? bad_value(it, "1 or 0", err) : 0;
}

static int key_pcie(struct hostpci *h, const struct pve_item *it, struct err *err)
{
	return key_bool(it, &h->pcie, err);
}

static int key_x_vga(struct hostpci *h, const struct pve_item *it, struct err *err)
{
	return key_bool(it, &h->x_vga, err);
}

static int key_rombar(struct hostpci *h, const struct pve_item *it, struct err *err)
{
	return key_bool(it, &h->rombar, err);
}

static int key_legacy_igd(struct hostpci *h, const struct pve_item *it, struct err *err)
{
	return key_bool(it, &h->legacy_igd, err);
}

static int key_romfile(struct hostpci *h, const struct pve_item *it, struct err *err)
{
	if (!it->value_len || memchr(it->value, ';', it->value_len))
		return bad_value(it, "a file name", err);
	snprintf(h->romfile, sizeof(h->romfile), "%.*s", (int)it->value_len, it->value);
	return 0;
}

static int key_driver(struct hostpci *h, const struct pve_item *it, struct err *err)
{
	h->keep = it->value_len == 4 && !memcmp(it->value, "keep", 4);
	if (!h->keep && (it->value_len != 4 || memcmp(it->value, "vfio", 4)))
		return bad_value(it, "vfio or keep", err);
	return 0;
}

static int key_copy(char out[HOSTPCI_ID], const struct pve_item *it, const char *wanted,
		    struct err *err)
{
	if (!it->value_len || it->value_len >= HOSTPCI_ID)
		return bad_value(it, wanted, err);
	memcpy(out, it->value, it->value_len);
	out[it->value_len] = '\0';
	return 0;
}

static int key_mdev(struct hostpci *h, const struct pve_item *it, struct err *err)
{
	static const char wanted[] = "a mediated device's type";

	for (size_t i = 0; i < it->value_len; i++)
		if (strchr("/.:", it->value[i]))
			return bad_value(it, wanted, err);
	return key_copy(h->mdev, it, wanted, err);
}

/* pve-configid: a letter, then at least one letter, digit, '_' or '-'. */
static int key_mapping(struct hostpci *h, const struct pve_item *it, struct err *err)
{
	static const char letters[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
	static const char wanted[] = "a mapping's name, two letters or more";
	int rc = key_copy(h->mapping, it, wanted, err);

	if (!rc && (strspn(h->mapping, letters) < it->value_len || it->value_len < 2 ||
		    strspn(h->mapping, letters + 52)))
		rc = bad_value(it, wanted, err);
	return rc;
}

/* 0x and four hex digits, either case. */
static int key_id(struct hostpci *h, const struct pve_item *it, struct err *err)
{
	size_t n = 2;

	(void)h;
	while (n < it->value_len && strchr("0123456789abcdefABCDEF", it->value[n]))
		n++;
	if (it->value_len != 6 || n != 6 || strncmp(it->value, "0x", 2))
		return bad_value(it, "0x and four hex digits", err);
	return 0;
}

static const struct {
	const char *name;
	int (*parse)(struct hostpci *h, const struct pve_item *it, struct err *err);
} hostpci_keys[] = {
	{ "host", key_host }, { "mapping", key_mapping }, { "pcie", key_pcie },
	{ "x-vga", key_x_vga }, { "rombar", key_rombar }, { "romfile", key_romfile },
	{ "legacy-igd", key_legacy_igd }, { "mdev", key_mdev },
	{ "driver", key_driver }, { "vendor-id", key_id }, { "device-id", key_id },
	{ "sub-vendor-id", key_id }, { "sub-device-id", key_id },
};
#define NKEYS (sizeof(hostpci_keys) / sizeof(*hostpci_keys))

/* --- the list ------------------------------------------------------------------ */

static int hostpci_item(struct hostpci *h, const struct pve_item *it, unsigned *seen,
			struct err *err)
{
	for (size_t i = 0; i < NKEYS; i++) {
		const char *name = hostpci_keys[i].name;

		if (strlen(name) != it->key_len || memcmp(name, it->key, it->key_len))
			continue;
		if (*seen & 1u << i)
			return err_set(err, EINVAL, "'%s' is given twice", name);
		*seen |= 1u << i;
		return hostpci_keys[i].parse(h, it, err);
	}
	return err_set(err, EINVAL, "'%.*s' is no option of hostpci", (int)it->key_len,
		       it->key);
}

/* The schema takes both or neither, the start does not. */
static const char *hostpci_dies(const struct hostpci *h)
{
	if (h->naddr && h->mapping[0])
		return "both host and mapping are given";
	if (!h->naddr && !h->mapping[0])
		return "neither host nor mapping is given";
	return NULL;
}

int hostpci_parse(const char *value, struct hostpci *h, size_t *col, struct err *err)
{
	const char *at = value;
	struct pve_item it;
	unsigned seen = 0;
	int rc = 0;

	memset(h, 0, sizeof(*h));
	h->rombar = true;
	/* one item may stand without a key: it is the host */
	while (!rc && pve_item_next(&at, "host", &it)) {
		if (col)
			*col = (size_t)(it.text - value);
		rc = hostpci_item(h, &it, &seen, err);
	}
	h->dies = hostpci_dies(h);
	return rc;
}
