// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/pve_list.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

bool pve_item_next(const char **at, const char *bare, struct pve_item *it)
{
	const char *s = *at + strspn(*at, ",");
	size_t len = strcspn(s, ",");
	const char *eq = memchr(s, '=', len);

	*at = s + len;
	if (eq)
		*it = (struct pve_item){ s, s, eq + 1, (size_t)(eq - s),
					 len - (size_t)(eq + 1 - s) };
	else
		*it = (struct pve_item){ s, bare, s, strlen(bare), len };
	return len != 0;
}

const char *pve_item_value(const char *list, const char *bare, const char *key,
			   char *out, size_t size)
{
	struct pve_item it;

	out[0] = '\0';
	while (pve_item_next(&list, bare, &it))
		if (it.key_len == strlen(key) && !memcmp(it.key, key, it.key_len))
			snprintf(out, size, "%.*s", (int)it.value_len, it.value);
	return out;
}

int pve_bool(const char *text, size_t len)
{
	static const char *const words[2][4] = {
		{ "0", "off", "no", "false" }, { "1", "on", "yes", "true" },
	};

	for (int i = 0; i < 8; i++) {
		const char *word = words[i / 4][i % 4];

		if (strlen(word) == len && !strncasecmp(text, word, len))
			return i / 4;
	}
	return -1;
}
