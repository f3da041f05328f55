// SPDX-License-Identifier: GPL-2.0-or-later
#include "fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz_common.h"
#include "host/domxml.h"

static size_t count(const char *text, size_t size, const char *word)
{
	const char *at = text, *end = text + size;
	size_t n = 0;

	while ((at = memmem(at, (size_t)(end - at), word, strlen(word)))) {
		at += strlen(word);
		n++;
	}
	return n;
}

int fuzz_domxml(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	struct err err = { 0 };
	struct domxml d;
	int rc = domxml_parse(&d, text, size, &err);

	fuzz_insist(!rc == !err.code && !rc == !err.text[0], "a refusal says why");
	fuzz_insist(d.n <= DOMXML_MOST, "functions");
	fuzz_insist(d.n <= count(text, size, "address"), "one function an address");
	fuzz_insist(!d.n || (count(text, size, "<hostdev") && count(text, size, "pci")),
		    "of devices that are passed through");
	fuzz_insist(rc || count(text, size, "<domain"), "a domain");
	for (size_t i = 0; i < d.n; i++) {
		fuzz_bdf_valid(d.fn[i]);
		fuzz_insist(d.fn[i].domain <= 0xffffff, "a domain's number");
		fuzz_insist(!d.managed[i] || count(text, size, "yes"), "managed");
	}
	free(text);
	return 0;
}
