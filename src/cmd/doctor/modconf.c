// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/textfile.h"
#include "base/xalloc.h"
#include "cmd/doctor/exam.h"
#include "cmd/doctor/modconf.h"

#define MC_WORD 64

struct mc_line {
	char kind[16], module[MC_WORD];
	char *text;             /* what follows the module's name */
	char where[208];        /* "FILE:LINE" */
};

struct modconf {
	struct mc_line *line;
	size_t n, room;
};

/* modprobe.d(5): a file in an earlier folder hides one of that name in a later. */
static const char *const mc_folders[] = {
	"/etc/modprobe.d", "/run/modprobe.d", "/usr/local/lib/modprobe.d",
	"/usr/lib/modprobe.d", "/lib/modprobe.d",
};
#define MC_FOLDERS (sizeof(mc_folders) / sizeof(*mc_folders))

bool modconf_same(const char *a, const char *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (a[i] != b[i] &&
		    !((a[i] == '-' || a[i] == '_') && (b[i] == '-' || b[i] == '_')))
			return false;
	return true;
}

static void mc_add(struct modconf *mc, const char *kind, const char *module,
		   const char *text, const char *where)
{
	struct mc_line *l;

	mc->line = xgrow(mc->line, mc->n, &mc->room, sizeof(*mc->line));
	l = &mc->line[mc->n++];
	snprintf(l->kind, sizeof(l->kind), "%s", kind);
	snprintf(l->module, sizeof(l->module), "%s", module);
	snprintf(l->where, sizeof(l->where), "%s", where);
	l->text = xstrdup(text);
}

/* "options vfio-pci ids=..."; a line may go on after a backslash (not followed). */
static void mc_parse_line(struct modconf *mc, const char *line, size_t len,
			  const char *path, int number)
{
	char kind[16], module[MC_WORD], text[1024], where[208];
	int at = 0;

	snprintf(text, sizeof(text), "%.*s", (int)len, line);
	if (sscanf(text, " %15[a-z] %63s %n", kind, module, &at) < 2 || !at)
		return;
	snprintf(where, sizeof(where), "%s:%d", path, number);
	mc_add(mc, kind, module, text + at, where);
}

static void mc_parse(struct modconf *mc, const char *path, const char *text)
{
	const char *at = text, *end = text + strlen(text), *line;
	size_t len;

	for (int number = 1; (line = textfile_line(&at, end, &len)); number++)
		mc_parse_line(mc, line, len, path, number);
}

static bool mc_is_hidden(struct exam *x, size_t folder, const char *name)
{
	for (size_t i = 0; i < folder; i++)
		if (exam_has_word(exam_file(x, mc_folders[i]), name))
			return true;
	return false;
}

static bool mc_is_conf(const char *name)
{
	size_t n = strlen(name);

	return n > 5 && !strcmp(name + n - 5, ".conf");
}

static void mc_folder(struct modconf *mc, struct exam *x, size_t folder)
{
	const char *names = exam_file(x, mc_folders[folder]);
	char name[128], path[192];
	size_t len;

	for (; names && *names; names += len + (names[len] == '\n')) {
		const char *text;

		len = strcspn(names, "\n");
		snprintf(name, sizeof(name), "%.*s", (int)len, names);
		if (!mc_is_conf(name) || mc_is_hidden(x, folder, name))
			continue;
		snprintf(path, sizeof(path), "%s/%s", mc_folders[folder], name);
		text = exam_file(x, path);
		if (text)
			mc_parse(mc, path, text);
	}
}

static void mc_cmdline(struct modconf *mc, struct exam *x, const char *parameter)
{
	const char *list = exam_cmdline(x, parameter);
	char module[MC_WORD], where[208];
	size_t len;

	snprintf(where, sizeof(where), "/proc/cmdline, %s=", parameter);
	for (; list && *list; list += len + (list[len] == ',')) {
		len = strcspn(list, ",");
		snprintf(module, sizeof(module), "%.*s", (int)len, list);
		mc_add(mc, "blacklist", module, "", where);
	}
}

struct modconf *modconf_read(struct exam *x)
{
	struct modconf *mc = xcalloc(1, sizeof(*mc));

	mc_cmdline(mc, x, "modprobe.blacklist");
	mc_cmdline(mc, x, "module_blacklist");
	for (size_t i = 0; i < MC_FOLDERS; i++)
		mc_folder(mc, x, i);
	return mc;
}

void modconf_free(struct modconf *mc)
{
	for (size_t i = 0; mc && i < mc->n; i++)
		free(mc->line[i].text);
	if (mc)
		free(mc->line);
	free(mc);
}

const char *modconf_find(const struct modconf *mc, size_t nth, const char *kind,
			 const char *module, const char *word, const char **where)
{
	size_t n = strlen(module);

	for (size_t i = 0; i < mc->n; i++) {
		const struct mc_line *l = &mc->line[i];

		if (strcmp(l->kind, kind) || strlen(l->module) != n ||
		    !modconf_same(l->module, module, n) || !strstr(l->text, word) ||
		    nth--)
			continue;
		if (where)
			*where = l->where;
		return l->text;
	}
	return NULL;
}
