// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/doctor/passthrough.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/textfile.h"
#include "cmd/doctor/modconf.h"

/* Options of modprobe.d first, then those of the kernel's command line, as kmod does. */
bool pt_list(struct exam *x, size_t n, struct pt_list *list)
{
	const char *text, *at;
	size_t nth = 0;

	memset(list, 0, sizeof(*list));
	while ((text = exam_modconf_nth(x, nth, "options", "vfio-pci", "ids=",
					&list->where)) && nth < n)
		nth++;
	if (text) {
		at = strstr(text, "ids=") + 4;
		snprintf(list->text, sizeof(list->text), "%.*s",
			 (int)strcspn(at, " \t"), at);
		snprintf(list->rest, sizeof(list->rest), "%s", at + strlen(list->text));
		return true;
	}
	text = exam_cmdline(x, "vfio-pci.ids");
	if (!text || nth != n)
		return false;
	list->where = "/proc/cmdline";
	snprintf(list->text, sizeof(list->text), "%s", text);
	return true;
}

bool pt_next_id(const char **at, char id[64])
{
	size_t len;

	*at += strspn(*at, ",\"");
	len = strcspn(*at, ",\"");
	snprintf(id, 64, "%.*s", (int)len, *at);
	*at += len;
	return len > 0;
}

/* linux: PCI_ANY_ID stands for all. */
static bool pt_id_part(unsigned part)
{
	return part <= UINT16_MAX || part == PT_ANY;
}

bool pt_id(const char *id, unsigned *vendor, unsigned *device)
{
	int end = 0;

	return sscanf(id, "%x:%x%n", vendor, device, &end) == 2 &&
	       pt_id_part(*vendor) && pt_id_part(*device) && strchr(": \t", id[end]);
}

const char *pt_listed(struct exam *x, uint16_t vendor, uint16_t device)
{
	struct pt_list list;
	unsigned v, d;
	char id[64];

	for (size_t n = 0; pt_list(x, n, &list); n++)
		for (const char *at = list.text; pt_next_id(&at, id);)
			if (pt_id(id, &v, &d) && (v == vendor || v == PT_ANY) &&
			    (d == device || d == PT_ANY))
				return list.where;
	return NULL;
}

/* One module a line, '#' begins a comment, options may follow. */
static bool pt_names_module(const char *text, const char *module)
{
	const char *at = text, *line;
	size_t len, n = strlen(module);

	while (text && (line = textfile_line(&at, text + strlen(text), &len))) {
		size_t lead = strspn(line, " \t");

		if (len >= lead + n && modconf_same(line + lead, module, n) &&
		    (len == lead + n || strchr(" \t\r", line[lead + n])))
			return true;
	}
	return false;
}

static const char *const pt_load_folders[] = {
	"/etc/modules-load.d", "/run/modules-load.d", "/usr/lib/modules-load.d",
};

const char *pt_loaded_by(struct exam *x, const char *module)
{
	static const char *const files[] = { "/etc/modules",
					     "/etc/initramfs-tools/modules" };
	static char path[256];

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		if (pt_names_module(exam_file(x, files[i]), module))
			return files[i];
	for (size_t i = 0; i < sizeof(pt_load_folders) / sizeof(char *); i++) {
		const char *names = exam_file(x, pt_load_folders[i]);

		for (; names && *names; names += strspn(names, "\n")) {
			size_t len = strcspn(names, "\n");

			snprintf(path, sizeof(path), "%s/%.*s", pt_load_folders[i],
				 (int)len, names);
			if (pt_names_module(exam_file(x, path), module))
				return path;
			names += len;
		}
	}
	return NULL;
}

bool pt_vm_has(const struct exam *x, struct bdf fn)
{
	for (size_t i = 0; i < x->nvms; i++)
		for (size_t k = 0; k < x->vm[i]->hook.ncards; k++)
			if (bdf_spec_has(&x->vm[i]->hook.card[k].spec, fn))
				return true;
	return false;
}

static bool pt_has_it(const struct exam *x, const struct target *t)
{
	for (size_t i = 0; i < t->nfns; i++)
		if (pt_vm_has(x, t->fn[i].bdf) || driver_is_vfio(t->fn[i].driver))
			return true;
	return false;
}

/* It is another card of the same kind that the ids are written for. */
static bool pt_is_meant(const struct exam *x, const struct fn_facts *fn)
{
	for (size_t i = 0; i < x->ncards; i++) {
		const struct target *t = &x->card[i]->study.target;

		if (target_main(t)->vendor == fn->vendor &&
		    target_main(t)->device == fn->device && pt_has_it(x, t))
			return false;
	}
	return true;
}

static bool pt_wants(struct exam *x, const struct target *t)
{
	const struct fn_facts *fn = target_main(t);

	return pt_has_it(x, t) ||
	       (pt_listed(x, fn->vendor, fn->device) && pt_is_meant(x, fn));
}

bool pt_wanted(struct exam *x)
{
	return pt_wants(x, &x->at_card->study.target);
}

bool pt_any_wanted(struct exam *x)
{
	bool any = x->o->nwords || x->nvms;

	for (size_t i = 0; i < x->ncards && !any; i++)
		any = pt_wants(x, &x->card[i]->study.target);
	return any;
}

bool pt_is_part(const struct exam *x, const struct target *t, const struct fn_facts *fn)
{
	bool part = fn->vendor == target_main(t)->vendor;

	for (size_t i = 0; i < x->nvms; i++) {
		const struct vmdevs *devs = &x->vm[i]->hook.devs;

		for (size_t k = 0; k < devs->n; k++)
			part |= devs->dev[k].use == VMDEV_YES &&
				bdf_spec_has(&devs->dev[k].spec, fn->bdf);
	}
	return part;
}

struct pt_twin {
	struct exam *x;
	const struct fn_facts *fn;
};

static unsigned long pt_attr(struct exam *x, struct bdf fn, const char *name)
{
	char text[16];

	return strtoul(exam_attr(x, fn, name, text, sizeof(text)), NULL, 16);
}

/* Not 0 ends the scan. */
static int pt_twin(const struct hw_node *node, void *arg)
{
	const struct pt_twin *twin = arg;
	struct exam *x = twin->x;
	char driver[64];

	return !bdf_same_slot(node->bdf, twin->fn->bdf) && !pt_vm_has(x, node->bdf) &&
	       pt_attr(x, node->bdf, "vendor") == twin->fn->vendor &&
	       pt_attr(x, node->bdf, "device") == twin->fn->device &&
	       !driver_is_vfio(exam_attr(x, node->bdf, "driver", driver, sizeof(driver)));
}

bool pt_has_twin(struct exam *x, const struct fn_facts *fn)
{
	struct pt_twin twin = { x, fn };

	return hw_scan(x->hw, pt_twin, &twin, NULL) > 0;
}

bool pt_driver_yields(const char *driver)
{
	return !driver[0] || driver_is_vfio(driver) || !strcmp(driver, "pci-stub");
}

void pt_name(char *buf, size_t size, struct bdf fn, const char *driver)
{
	size_t len = strlen(buf);
	char at[BDF_STR];

	snprintf(buf + len, size - len, "%s%s (%s)", len ? ", " : "", bdf_str(fn, at),
		 driver[0] ? driver : "no driver");
}
