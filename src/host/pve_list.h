/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Proxmox' property strings, "host,hidden=1,flags=+pcid" (pve-common,
 * PVE/JSONSchema.pm, parse_property_string): items between commas, of which one may
 * stand without its key.
 */
#ifndef GPURESET_HOST_PVE_LIST_H
#define GPURESET_HOST_PVE_LIST_H

#include <stdbool.h>
#include <stddef.h>

/* One "key=value" of a list; nothing is NUL-terminated. */
struct pve_item {
	const char *text;       /* where it begins */
	const char *key, *value;
	size_t key_len, value_len;
};

/*
 * The next item from *@at on, which moves behind it; empty ones are passed over. An item
 * without a key is the one of key @bare. False: there is none.
 */
bool pve_item_next(const char **at, const char *bare, struct pve_item *it);

/*
 * The value of @key in @list, cut to fit @out; "" when it is not given. Returns @out.
 * Values are not checked.
 */
const char *pve_item_value(const char *list, const char *bare, const char *key,
			   char *out, size_t size);

/* A boolean as PVE takes them: 1, on, yes, true, or the opposites; -1: it is none. */
int pve_bool(const char *text, size_t len);

#endif
