// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/pve_args.h"

#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

/* What is known of one -device: parts of its word, which has been cut up. */
struct args_device {
	const char *driver, *host, *sysfsdev;
};

/* --- words --------------------------------------------------------------------- */

struct args_words {
	const char *at, *end;
	char *word;             /* the current one, without its quotes */
	bool open;              /* a quote is not closed: PVE takes no word at all */
};

/* One character of a word; @quote is the open one or 0. Returns whether it was taken. */
static bool args_char(struct args_words *w, char *quote, char **out)
{
	char c = *w->at;

	if (!*quote && isspace((unsigned char)c))
		return false;
	w->at++;
	if (*quote && c == *quote)      /* a NUL is no quote: it ends the word in QEMU */
		*quote = '\0';
	else if (!*quote && (c == '"' || c == '\''))
		*quote = c;
	else if (c == '\\' && *quote != '\'' && w->at < w->end)
		*(*out)++ = *w->at++;
	else
		*(*out)++ = c;
	return true;
}

/* The next word; false at the end. */
static bool args_next(struct args_words *w)
{
	char quote = '\0', *out = w->word;

	while (w->at < w->end && isspace((unsigned char)*w->at))
		w->at++;
	if (w->at == w->end)
		return false;
	while (w->at < w->end && args_char(w, &quote, &out))
		continue;
	*out = '\0';
	w->open = quote != '\0';
	return !w->open;
}

/* --- one -device --------------------------------------------------------------- */

static void args_property(struct args_device *d, const char *key, const char *value)
{
	const struct {
		const char *name;
		const char **to;
	} known[] = {
		{ "driver", &d->driver }, { "host", &d->host },
		{ "sysfsdev", &d->sysfsdev },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (!strcmp(known[i].name, key))
			*known[i].to = value;
}

/* Cut @s at its first comma that is not doubled; returns what follows, or NULL. */
static char *args_cut(char *s)
{
	while ((s = strchr(s, ',')) && s[1] == ',')
		s += 2;
	if (s)
		*s++ = '\0';
	return s;
}

/* DRIVER,KEY=VALUE,... ; what comes first may do without its key. */
static void args_plain(struct args_device *d, char *word)
{
	bool first = true;

	for (char *item = word; item; first = false) {
		char *next = args_cut(item), *eq = strchr(item, '=');

		if (eq)
			*eq = '\0';
		if (eq || first)
			args_property(d, eq ? item : "driver", eq ? eq + 1 : item);
		item = next;
	}
}

/* The string that *@at begins with, cut out as it stands, escapes and all; or NULL. */
static const char *args_json_string(char **at)
{
	char *s = *at + 1, *end = s;

	while (*end && *end != '"')
		end += end[0] == '\\' && end[1] ? 2 : 1;
	if (!*end)
		return NULL;
	*end = '\0';
	*at = end + 1;
	return s;
}

/* {"driver":"vfio-pci","host":"0000:0b:00.0"}: the strings of the outermost object. */
static bool args_json(struct args_device *d, char *at)
{
	const char *key = NULL, *last = NULL;
	int depth = 0;

	while (*at) {
		char c = *at;

		if (c == '"') {
			last = args_json_string(&at);
			if (!last)
				return false;
			if (depth == 1 && key)
				args_property(d, key, last);
			continue;
		}
		depth += (c == '{' || c == '[') - (c == '}' || c == ']');
		if (c == ':')
			key = depth == 1 ? last : NULL;
		else if (!isspace((unsigned char)c))
			key = NULL;
		at++;
	}
	return depth == 0;
}

/* --- addresses ----------------------------------------------------------------- */

/* Hex digits and the character that ends them, as strtoul() takes them in QEMU. */
static bool args_number(const char **s, char stop, unsigned long most, unsigned long *v)
{
	char *end;

	if (!isxdigit((unsigned char)**s))
		return false;
	*v = strtoul(*s, &end, 16);
	if (*end != stop || *v > most)
		return false;
	*s = end + (stop != '\0');
	return true;
}

/* [DOMAIN:]BUS:DEVICE.FUNCTION, any number of digits in either case. */
static bool args_host(const char *s, struct bdf *fn)
{
	const char *colon = strchr(s, ':');
	unsigned long domain = 0, bus, dev, f;

	if (colon && strchr(colon + 1, ':') && !args_number(&s, ':', 0xffff, &domain))
		return false;
	if (!args_number(&s, ':', 0xff, &bus) || !args_number(&s, '.', 0x1f, &dev) ||
	    !args_number(&s, '\0', 7, &f))
		return false;
	*fn = (struct bdf){ (uint32_t)domain, (uint8_t)bus, (uint8_t)dev, (uint8_t)f };
	return true;
}

/* A folder of sysfs by any way there; a mediated device's ends in no address. */
static bool args_sysfsdev(const char *path, struct bdf *fn)
{
	size_t len = strlen(path), from;
	char name[BDF_STR];

	while (len && path[len - 1] == '/')
		len--;
	for (from = len; from && path[from - 1] != '/'; from--)
		continue;
	if (len - from >= sizeof(name))
		return false;
	memcpy(name, path + from, len - from);
	name[len - from] = '\0';
	return bdf_from_sysfs(name, fn);
}

/* The word after -device: does it pass a function through, and which? */
static bool args_device(char *word, struct bdf *fn)
{
	struct args_device d = { .driver = NULL };

	if (word[0] != '{')
		args_plain(&d, word);
	else if (!args_json(&d, word))
		return false;
	if (!d.driver || (strcmp(d.driver, "vfio-pci") &&
			  strcmp(d.driver, "vfio-pci-nohotplug")))
		return false;
	if (d.sysfsdev)         /* the stronger one: hw/vfio/pci.c */
		return args_sysfsdev(d.sysfsdev, fn);
	return d.host && args_host(d.host, fn);
}

size_t pve_args_parse(const char *text, size_t len, struct bdf *fn, size_t most)
{
	struct args_words w = { text, text + len, xcalloc(1, len + 1), false };
	bool device = false;
	size_t n = 0;

	while (n < most && args_next(&w)) {
		bool option = !strcmp(w.word, "-device") || !strcmp(w.word, "--device");

		if (device)
			n += args_device(w.word, &fn[n]);
		device = !device && option;
	}
	free(w.word);
	return w.open ? 0 : n;
}
