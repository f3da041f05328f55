// SPDX-License-Identifier: GPL-2.0-or-later
#include "plan/holder_vm.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GROUPS 4096             /* /proc/PID/cgroup: cgroup v1 has a dozen lines */

/* How a manager names the group: what stands before and after the VM's own name. */
struct vm_group {
	const char *below;              /* the group above it, or NULL: any */
	const char *before, *after;
	bool counted;                   /* a number and a '-' come before the name */
	bool number;                    /* the name is one */
};

/*
 * qemu-server starts QEMU in the scope VMID.scope of qemu.slice (PVE/QemuServer.pm);
 * libvirt has systemd-machined make machine-qemu-ID-NAME.scope, escaped as systemd does,
 * and without systemd makes the group /machine/qemu-ID-NAME.libvirt-qemu itself.
 */
static const struct vm_group vm_groups[] = {
	{ .below = "qemu.slice", .before = "", .after = ".scope", .number = true },
	{ .before = "machine-qemu-", .after = ".scope", .counted = true },
	{ .below = "machine", .before = "qemu-", .after = ".libvirt-qemu",
	  .counted = true },
};

/* systemd's \xNN back to characters, in place. */
static void vm_unescape(char *text)
{
	char *to = text;

	for (const char *at = text; *at; to++) {
		char hex[3] = { 0 };

		if (at[0] == '\\' && at[1] == 'x' && isxdigit((unsigned char)at[2]) &&
		    isxdigit((unsigned char)at[3])) {
			memcpy(hex, at + 2, 2);
			*to = (char)strtoul(hex, NULL, 16);
			at += 4;
		} else {
			*to = *at++;
		}
		if ((unsigned char)*to < ' ' || *to == 0x7f)
			*to = '?';
	}
	*to = '\0';
}

/* Cuts @name to the VM's own; NULL: it is no such group. */
static char *vm_group_name(const struct vm_group *g, char *name)
{
	size_t before = strlen(g->before), after = strlen(g->after), len = strlen(name);

	if (len <= before + after || strncmp(name, g->before, before) ||
	    strcmp(name + len - after, g->after))
		return NULL;
	name[len - after] = '\0';
	name += before;
	len = strspn(name, "0123456789");
	if (g->counted && (!len || name[len] != '-' || !name[len + 1]))
		return NULL;
	if (g->number && name[len])
		return NULL;
	return g->counted ? name + len + 1 : name;
}

static bool vm_group(const char *above, const char *group, char *buf, size_t size)
{
	for (size_t i = 0; i < sizeof(vm_groups) / sizeof(*vm_groups); i++) {
		char name[512], *vm;

		if (vm_groups[i].below && strcmp(vm_groups[i].below, above))
			continue;
		snprintf(name, sizeof(name), "%s", group);
		vm_unescape(name);
		vm = vm_group_name(&vm_groups[i], name);
		if (vm)
			return snprintf(buf, size, "%s", vm) > 0;
	}
	return false;
}

/* "0::/qemu.slice/101.scope"; the emulator of libvirt may be further down. */
static bool vm_line(char *line, char *buf, size_t size)
{
	char *path = strchr(line, '/'), *group;
	const char *above = "";

	while ((group = strsep(&path, "/"))) {
		if (vm_group(above, group, buf, size))
			return true;
		above = group;
	}
	return false;
}

bool holder_vm(struct hw *hw, int pid, char *buf, size_t size)
{
	char path[40], text[GROUPS], *rest = text, *line;

	buf[0] = '\0';
	snprintf(path, sizeof(path), "/proc/%d/cgroup", pid);
	if (hw_host_read(hw, path, text, sizeof(text), NULL))
		return false;
	while ((line = strsep(&rest, "\n")))
		if (vm_line(line, buf, size))
			return true;
	return false;
}
