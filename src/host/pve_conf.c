// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/pve_conf.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/textfile.h"
#include "base/xalloc.h"
#include "host/pve_args.h"

struct conf {
	struct pve_vm *vm;
	struct diag *diag;
	const char *path;
	const char *line;       /* the current one, without its end */
	size_t len;
	int nr;
	bool live;              /* before the first section header */
};

/* One setting: all inside the current line. */
struct setting {
	const char *key, *value;
	size_t key_len, value_len;
};

static void conf_warn(struct conf *c, size_t col, const char *text)
{
	diag_add(c->diag, DIAG_WARNING, c->path, c->nr, (int)col + 1, c->line, c->len,
		 "%s", text);
}

unsigned pve_vmid(const char *text, struct err *err)
{
	size_t n = strspn(text, "0123456789");
	unsigned long v = n && n < 11 && !text[n] ? strtoul(text, NULL, 10) : 0;

	if (v >= PVE_VMID_MIN && v <= PVE_VMID_MAX && text[0] != '0')
		return (unsigned)v;
	err_set(err, EINVAL, "'%.20s' is no VMID: wanted a number from %u to %u", text,
		PVE_VMID_MIN, PVE_VMID_MAX);
	return 0;
}

/* --- sections ------------------------------------------------------------------ */

static bool conf_header(struct conf *c)
{
	char name[64];
	size_t n = c->len - 2;

	if (c->len < 3 || c->line[0] != '[' || c->line[c->len - 1] != ']')
		return false;
	if (n >= sizeof(name))
		n = sizeof(name) - 1;
	memcpy(name, c->line + 1, n);
	name[n] = '\0';
	c->live = false;
	if (!strcasecmp(name, "PENDING"))
		c->vm->pending = true;
	return true;
}

/* --- settings of the live section ---------------------------------------------- */

/* [a-z][a-z_-]*[0-9]* : value, from column 0; blanks at the end do not count. */
static bool conf_split(const struct conf *c, struct setting *s)
{
	size_t n = 0, end = c->len;

	if (!c->len || !islower((unsigned char)c->line[0]))
		return false;
	while (n < end && (islower((unsigned char)c->line[n]) ||
			   strchr("_-", c->line[n])))
		n++;
	while (n < end && isdigit((unsigned char)c->line[n]))
		n++;
	if (n == end || c->line[n] != ':')
		return false;
	s->key = c->line;
	s->key_len = n++;
	while (n < end && isspace((unsigned char)c->line[n]))
		n++;
	s->value = c->line + n;
	s->value_len = end - n;
	return n < end;
}

/* 0 to 15 written without leading zeros, or -1: PVE knows no such setting. */
static int conf_index(const struct setting *s)
{
	static const char name[] = "hostpci";
	size_t n = s->key_len - (sizeof(name) - 1);
	const char *digits = s->key + sizeof(name) - 1;
	int v;

	if (n < 1 || n > 2 || (n == 2 && digits[0] == '0'))
		return -1;
	v = n == 1 ? digits[0] - '0' : 10 * (digits[0] - '0') + digits[1] - '0';
	return v < HOSTPCI_KEYS ? v : -1;
}

static void conf_drop(struct conf *c, size_t col, const char *why)
{
	char text[ERR_TEXT];

	snprintf(text, sizeof(text), "%s: PVE drops this line, the VM starts without "
		 "the device", why);
	conf_warn(c, col, text);
	c->vm->dropped++;
}

/* A line that PVE refuses leaves an earlier one of the same key in force. */
static void conf_hostpci(struct conf *c, const struct setting *s)
{
	size_t start = (size_t)(s->value - c->line), col = 0;
	int i = conf_index(s);
	struct pve_key key = { .line = c->nr };
	struct err err;

	if (i < 0) {
		conf_drop(c, 0, "there are hostpci0 to hostpci15");
		return;
	}
	if (s->value_len >= sizeof(key.value)) {
		conf_drop(c, start, "this is longer than any value we know of");
		return;
	}
	memcpy(key.value, s->value, s->value_len);
	if (hostpci_parse(key.value, &key.pci, &col, &err) < 0)
		conf_drop(c, start + col, err.text);
	else
		c->vm->key[i] = key;
}

/* Devices behind PVE's back. */
static void conf_args(struct conf *c, const struct setting *s)
{
	struct bdf fn[PVE_ARGS];
	struct pve_vm *vm = c->vm;

	vm->nargs = pve_args_parse(s->value, s->value_len, fn, PVE_ARGS);
	for (size_t i = 0; i < vm->nargs; i++)
		vm->args[i] = (struct bdf_spec){ fn[i], false };
}

static void conf_copy(char *out, size_t room, const struct setting *s)
{
	size_t n = s->value_len < room - 1 ? s->value_len : room - 1;

	memcpy(out, s->value, n);
	out[n] = '\0';
}

static void conf_hookscript(struct conf *c, const struct setting *s)
{
	conf_copy(c->vm->hookscript, sizeof(c->vm->hookscript), s);
}

static void conf_lock(struct conf *c, const struct setting *s)
{
	conf_copy(c->vm->lock, sizeof(c->vm->lock), s);
}

static void conf_template(struct conf *c, const struct setting *s)
{
	c->vm->is_template = s->value_len == 1 && s->value[0] == '1';
}

static const struct {
	const char *name;
	void (*take)(struct conf *c, const struct setting *s);
} conf_keys[] = {
	{ "args", conf_args }, { "hookscript", conf_hookscript },
	{ "lock", conf_lock }, { "template", conf_template },
};

static const char *const conf_plain[PVE_PLAINS] = {
	[PVE_ARGS_LINE] = "args", [PVE_BALLOON] = "balloon", [PVE_BIOS] = "bios",
	[PVE_CPU] = "cpu", [PVE_MACHINE] = "machine", [PVE_MEMORY] = "memory",
	[PVE_ONBOOT] = "onboot", [PVE_OSTYPE] = "ostype", [PVE_VGA] = "vga",
};

const char *pve_plain_name(enum pve_plain key)
{
	return conf_plain[key];
}

static bool setting_is(const struct setting *s, const char *name)
{
	return strlen(name) == s->key_len && !memcmp(name, s->key, s->key_len);
}

static void conf_setting(struct conf *c, const struct setting *s)
{
	if (s->key_len > 7 && !strncmp(s->key, "hostpci", 7) &&
	    isdigit((unsigned char)s->key[7])) {
		conf_hostpci(c, s);
		return;
	}
	for (size_t i = 0; i < sizeof(conf_keys) / sizeof(*conf_keys); i++)
		if (setting_is(s, conf_keys[i].name))
			conf_keys[i].take(c, s);
	for (size_t i = 0; i < PVE_PLAINS; i++)
		if (setting_is(s, conf_plain[i]))
			conf_copy(c->vm->plain[i], PVE_PLAIN, s);
}

/* --- lines --------------------------------------------------------------------- */

/* Somebody meant a device here, and PVE does not see it. */
static bool conf_mentions_hostpci(const struct conf *c)
{
	return memmem(c->line, c->len, "hostpci", 7) != NULL;
}

static void conf_line(struct conf *c)
{
	struct setting s;

	if (!c->len || c->line[0] == '#' || conf_header(c) || !c->live)
		return;
	if (conf_split(c, &s))
		conf_setting(c, &s);
	else if (conf_mentions_hostpci(c))
		conf_drop(c, 0, "this is no 'hostpciN: value' from the first column on");
}

void pve_conf_parse(struct pve_vm *vm, const char *path, const char *text, size_t len,
		    struct diag *diag)
{
	struct conf c = { .vm = vm, .diag = diag, .path = path, .live = true };
	const char *at = text, *end = text + len;

	while ((c.line = textfile_line(&at, end, &c.len))) {
		c.nr++;
		while (c.len && isspace((unsigned char)c.line[c.len - 1]))
			c.len--;
		conf_line(&c);
	}
}

/* The folder with the configurations of the VMs of @node. */
static void conf_folder(char path[PATH_MAX], const char *dir, const char *node)
{
	snprintf(path, PATH_MAX, "%s%s%s/qemu-server", dir, node ? "/nodes/" : "",
		 node ? node : "");
}

void pve_conf_path(char path[PATH_MAX], const char *dir, const char *node, unsigned vmid)
{
	char folder[PATH_MAX];

	conf_folder(folder, dir, node);
	snprintf(path, PATH_MAX, "%.4000s/%u.conf", folder, vmid);
}

int pve_conf_read(struct pve_vm *vm, const char *dir, const char *node, unsigned vmid,
		  struct diag *diag, struct err *err)
{
	char path[PATH_MAX], *text;
	size_t len;
	int rc;

	memset(vm, 0, sizeof(*vm));
	vm->vmid = vmid;
	pve_conf_path(path, dir, node, vmid);
	rc = textfile_read(path, &text, &len, err);
	if (rc == -ENOENT)
		return err_set(err, ENOENT, "no VM %u on this node: there is no %s", vmid,
			       path);
	if (rc)
		return rc;
	pve_conf_parse(vm, path, text, len, diag);
	free(text);
	return 0;
}

/* --- all of a node --------------------------------------------------------------- */

static int by_number(const void *a, const void *b)
{
	unsigned x = *(const unsigned *)a, y = *(const unsigned *)b;

	return (x > y) - (x < y);
}

/* The number of "101.conf", or 0. */
static unsigned conf_vmid(const char *name)
{
	const char *dot = strchr(name, '.');
	char text[16];

	if (!dot || strcmp(dot, ".conf") != 0)
		return 0;
	snprintf(text, sizeof(text), "%.*s", (int)(dot - name), name);
	return pve_vmid(text, NULL);
}

int pve_vmids(unsigned **vmid, const char *dir, const char *node, struct err *err)
{
	char path[PATH_MAX];
	size_t n = 0, room = 0;
	struct dirent *e;
	unsigned one;
	DIR *d;

	*vmid = NULL;
	conf_folder(path, dir, node);
	d = opendir(path);
	if (!d)
		return err_sys(err, errno, "%s", path);
	while ((e = readdir(d))) {
		one = conf_vmid(e->d_name);
		if (!one)
			continue;
		*vmid = xgrow(*vmid, n, &room, sizeof(**vmid));
		(*vmid)[n++] = one;
	}
	closedir(d);
	if (n)
		qsort(*vmid, n, sizeof(**vmid), by_number);
	return (int)n;
}
