// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/pve_mapping.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/textfile.h"

struct maps {
	struct pve_mapping *m;
	const char *name, *node, *path;
	struct diag *diag;
	const char *line;
	size_t len;
	int nr;
	bool ours;              /* inside the section of that name */
};

static bool maps_word(const char *s, size_t len, const char *word)
{
	return strlen(word) == len && !memcmp(s, word, len);
}

/* The value of "key=" in a comma list, or NULL. */
static const char *maps_value(const char *s, size_t len, const char *key, size_t *n)
{
	size_t key_len = strlen(key);

	for (const char *end = s + len; s < end;) {
		const char *cut = memchr(s, ',', (size_t)(end - s));
		size_t item = (size_t)((cut ? cut : end) - s);

		if (item > key_len && s[key_len] == '=' && !memcmp(s, key, key_len)) {
			*n = item - key_len - 1;
			return s + key_len + 1;
		}
		s += item + 1;
	}
	return NULL;
}

/* A path of a mapping has the domain, always. */
static bool maps_path(struct pve_alternative *alt, const char *s, size_t len)
{
	for (const char *end = s + len; s <= end;) {
		const char *cut = memchr(s, ';', (size_t)(end - s));
		size_t n = (size_t)((cut ? cut : end) - s);

		if (alt->naddr == HOSTPCI_ADDRS || n < 10 ||
		    !hostpci_addr(s, n, &alt->addr[alt->naddr]))
			return false;
		alt->naddr++;
		s += n + 1;
	}
	return alt->naddr > 0;
}

/* What PVE compares with the hardware. */
static void maps_expects(struct pve_alternative *alt, const char *s, size_t len)
{
	size_t id_len = 0, group_len = 0;
	const char *id = maps_value(s, len, "id", &id_len);
	const char *group = maps_value(s, len, "iommugroup", &group_len);
	char text[16];

	alt->group = -1;
	if (id && id_len == 9) {
		snprintf(text, sizeof(text), "%.9s", id);
		alt->has_id = sscanf(text, "%4hx:%4hx", &alt->vendor,
				     &alt->device) == 2;
	}
	if (group && group_len && group_len < sizeof(text)) {
		snprintf(text, sizeof(text), "%.*s", (int)group_len, group);
		alt->group = atoi(text);
	}
}

static void maps_map(struct maps *p, const char *s, size_t len)
{
	struct pve_alternative alt = { .line = p->nr };
	size_t node_len = 0, path_len = 0;
	const char *node = maps_value(s, len, "node", &node_len);
	const char *path = maps_value(s, len, "path", &path_len);

	if (!node || !maps_word(node, node_len, p->node))
		return;
	if (!path || !maps_path(&alt, path, path_len)) {
		diag_add(p->diag, DIAG_WARNING, p->path, p->nr, 1, p->line, p->len,
			 "this map line has no path with addresses like 0000:0b:00");
		return;
	}
	maps_expects(&alt, s, len);
	if (p->m->nalts < PVE_ALTERNATIVES)
		p->m->alt[p->m->nalts++] = alt;
}

/* "<blanks>key value" below a section's name */
static void maps_option(struct maps *p)
{
	const char *s = p->line, *end = p->line + p->len;
	size_t n = 0;

	while (s < end && isspace((unsigned char)*s))
		s++;
	while (s + n < end && !isspace((unsigned char)s[n]))
		n++;
	if (maps_word(s, n, "mdev")) {
		p->m->mdev = end[-1] == '1';
		return;
	}
	if (!maps_word(s, n, "map"))
		return;
	s += n;
	while (s < end && isspace((unsigned char)*s))
		s++;
	maps_map(p, s, (size_t)(end - s));
}

static void maps_line(struct maps *p)
{
	if (!p->len || p->line[0] == '#')
		return;
	if (isspace((unsigned char)p->line[0])) {
		if (p->ours)
			maps_option(p);
		return;
	}
	p->ours = maps_word(p->line, p->len, p->name);
	p->m->found |= p->ours;
}

void pve_mapping_parse(struct pve_mapping *m, const char *name, const char *node,
		       const char *path, const char *text, size_t len,
		       struct diag *diag)
{
	struct maps p = { .m = m, .name = name, .node = node, .path = path,
			  .diag = diag };
	const char *at = text, *end = text + len;

	memset(m, 0, sizeof(*m));
	while ((p.line = textfile_line(&at, end, &p.len))) {
		p.nr++;
		while (p.len && isspace((unsigned char)p.line[p.len - 1]))
			p.len--;
		maps_line(&p);
	}
}

int pve_mapping_read(struct pve_mapping *m, const char *dir, const char *name,
		     const char *node, struct diag *diag, struct err *err)
{
	char path[256], *text;
	size_t len;
	int rc;

	memset(m, 0, sizeof(*m));
	snprintf(path, sizeof(path), "%s/mapping/pci.cfg", dir);
	rc = textfile_read(path, &text, &len, err);
	if (rc)
		return rc == -ENOENT ? 0 : rc;
	pve_mapping_parse(m, name, node, path, text, len, diag);
	free(text);
	return 0;
}
