// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the doctor asks of the host's set-up, for a recording: the lines about modules
 * that matter for a card passed through, each at its number, and nothing else.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/textfile.h"
#include "base/xalloc.h"
#include "cmd/record.h"
#include "hw/hw_record.h"

#define HOST_TEXT (256u << 10)
#define HOST_NAME 128

static const char *const host_modules[] = {
	"vfio", "amdgpu", "radeon", "nouveau", "nvidia", "i915", "xe", "snd_hda",
	"vendor_reset", "pci_stub", "kvm", "xhci", "ucsi", "i2c_nvidia", "simplefb",
	"simpledrm", "efifb", "vesafb",
};

/* By the beginning of its name; '-' and '_' are the same (modprobe.d(5)). */
static bool host_module(const char *name)
{
	for (size_t i = 0; i < sizeof(host_modules) / sizeof(*host_modules); i++) {
		const char *want = host_modules[i], *at = name;
		bool short_one = strlen(want) <= 2;     /* "xe", and not "xen" */

		while (*want && (*at == *want || (*at == '-' && *want == '_'))) {
			at++;
			want++;
		}
		if (!*want && !(short_one && isalnum((unsigned char)*at)))
			return true;
	}
	return false;
}

/* "vfio-pci", "options vfio-pci ids=...", "softdep amdgpu pre: vfio-pci" */
static bool host_line(char *line)
{
	const char *at = line;

	if (line[strspn(line, " \t")] == '#')
		return false;
	for (int words = 0; words < 2; words++) {
		at += strspn(at, " \t");
		if (host_module(at))
			return true;
		at += strcspn(at, " \t");
	}
	return false;
}

/* A line behind those from @text to *@to, where there is room for it. */
static void host_append(const char *text, char **to, const char *line)
{
	size_t n = strlen(line);

	if (*to > text)
		*(*to)++ = '\n';
	memcpy(*to, line, n + 1);
	*to += n;
}

/* Cuts @text to the lines that matter; others are empty, so that numbers stay. */
static void host_lines(char *text)
{
	char *copy = xstrdup(text), *rest = copy, *line, *to = text, *end = text;

	while ((line = strsep(&rest, "\n"))) {
		if (host_line(line)) {
			record_scrub(line);
			size_t n = strlen(line);

			memcpy(to, line, n + 1);
			end = to += n;
		}
		if (rest)
			*to++ = '\n';
	}
	*end = '\0';
	free(copy);
}

static bool host_any(const char *name)
{
	return *name;
}

static bool host_quirk(const char *name)
{
	return strstr(name, ".quirk") != NULL;
}

static bool host_own(const char *name)
{
	return !strncmp(name, "gpureset", 8);
}

/* Folders whose names say something, and of which. */
static const struct host_list {
	const char *path;
	bool (*matters)(const char *name);
} host_lists[] = {
	{ "/sys/class/iommu", host_any }, { "/sys/firmware/acpi/tables", host_any },
	{ "/sys/module", host_module }, { GPURESET_QUIRK_DIR, host_quirk },
	{ GPURESET_QUIRK_ETC, host_quirk },
	{ "/etc/systemd/system/multi-user.target.wants", host_own },
};

static void host_names(const struct host_list *l, char *text)
{
	char *copy = xstrdup(text), *rest = copy, *name, *to = text;

	while ((name = strsep(&rest, "\n")))
		if (l->matters(name))
			host_append(text, &to, name);
	*to = '\0';
	free(copy);
}

static void host_write(FILE *out, const char *path, const char *text)
{
	fprintf(out, "file %s ", path);
	hw_record_quote(out, text);
	fputc('\n', out);
}

struct host_job {
	FILE *out;
	struct hw *hw;
	char *text;             /* HOST_TEXT bytes */
};

static bool host_read(const struct host_job *j, const char *path)
{
	return !hw_host_read(j->hw, path, j->text, HOST_TEXT, NULL);
}

/* --- modprobe's and the boot's files ---------------------------------------------- */

static bool host_plain_name(const char *name)
{
	static const char may[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				  "0123456789._-";

	return *name && !name[strspn(name, may)] && strlen(name) < HOST_NAME;
}

/* A file that is empty counts: it hides one of that name in a later folder. */
static bool host_file(const struct host_job *j, const char *path, bool masks)
{
	bool empty;

	if (!host_read(j, path))
		return false;
	empty = !j->text[0];
	host_lines(j->text);
	if (!j->text[0] && !(empty && masks))
		return false;
	host_write(j->out, path, j->text);
	return true;
}

static void host_folder(const struct host_job *j, const char *folder)
{
	char *names, *rest, *name, *kept, *to, path[256];

	if (!host_read(j, folder))
		return;
	names = rest = xstrdup(j->text);
	kept = to = xcalloc(strlen(names) + 2, 1);
	while ((name = strsep(&rest, "\n"))) {
		snprintf(path, sizeof(path), "%s/%s", folder, name);
		if (host_plain_name(name) && host_file(j, path, true))
			host_append(kept, &to, name);
	}
	host_write(j->out, folder, kept);
	free(kept);
	free(names);
}

/* --- memory ------------------------------------------------------------------------ */

/* In it or across one of its ends; not a window of a bridge, which is around it. */
static bool host_in_bar(const struct bar_facts *bar, uint64_t start, uint64_t end)
{
	uint64_t last = bar->start + bar->size - 1;

	if (!bar->start || !bar->size || start > last || end < bar->start)
		return false;
	return start > bar->start || end < last || (start == bar->start && end == last);
}

static bool host_in_bars(const struct target *t, uint64_t start, uint64_t end)
{
	for (size_t i = 0; i < t->nfns; i++)
		for (int b = 0; b < 6; b++)
			if (host_in_bar(&t->fn[i].bar[b], start, end))
				return true;
	return false;
}

/* What lies in the card's BARs: the framebuffer of the firmware, perhaps. */
static void host_iomem(const struct host_job *j, const struct target *t)
{
	char *copy, *rest, *line, *to = j->text;
	uint64_t start, end;

	if (!host_read(j, "/proc/iomem"))
		return;
	copy = rest = xstrdup(j->text);
	while ((line = strsep(&rest, "\n")))
		if (sscanf(line, " %" SCNx64 "-%" SCNx64, &start, &end) == 2 &&
		    host_in_bars(t, start, end))
			host_append(j->text, &to, line);
	*to = '\0';
	if (to > j->text)
		host_write(j->out, "/proc/iomem", j->text);
	free(copy);
}

/* --- all --------------------------------------------------------------------------- */

void record_host(FILE *out, struct hw *hw, const struct target *t)
{
	static const char *const folders[] = {
		"/etc/modprobe.d", "/run/modprobe.d", "/usr/local/lib/modprobe.d",
		"/usr/lib/modprobe.d", "/lib/modprobe.d", "/etc/modules-load.d",
		"/run/modules-load.d", "/usr/lib/modules-load.d",
	};
	static const char *const files[] = { "/etc/modules",
					     "/etc/initramfs-tools/modules" };
	struct host_job j = { .out = out, .hw = hw, .text = xcalloc(HOST_TEXT, 1) };

	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++)
		host_folder(&j, folders[i]);
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		host_file(&j, files[i], false);
	for (size_t i = 0; i < sizeof(host_lists) / sizeof(*host_lists); i++)
		if (host_read(&j, host_lists[i].path)) {
			host_names(&host_lists[i], j.text);
			host_write(out, host_lists[i].path, j.text);
		}
	if (t)
		host_iomem(&j, t);
	free(j.text);
}
