// SPDX-License-Identifier: GPL-2.0-or-later
/* What the checks of the doctor share: reading once, and saying what was found. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "cmd/config.h"
#include "cmd/doctor/exam.h"
#include "cmd/doctor/modconf.h"
#include "hw/hw_replay.h"

#define EXAM_FILE_MOST (1u << 20)
#define EXAM_LOG_MOST 20000

struct exam_file {
	struct exam_file *next;
	char *path, *text;      /* text NULL: it cannot be read */
};

/* --- saying ------------------------------------------------------------------- */

char *exam_printable(const char *text, bool lines)
{
	char *out = xcalloc(strlen(text) + 1, sizeof("\\x1b") - 1);
	size_t n = 0;

	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if ((c >= ' ' && c < 0x7f) || (lines && c == '\n'))
			out[n++] = (char)c;
		else
			n += (size_t)snprintf(out + n, sizeof("\\x1b"), "\\x%02x", c);
	}
	return out;
}

static char *exam_text(bool lines, const char *fmt, va_list ap)
{
	char *text, *clean;

	if (vasprintf(&text, fmt, ap) < 0)
		return xstrdup(fmt);
	clean = exam_printable(text, lines);
	free(text);
	return clean;
}

static struct finding *exam_add(struct exam *x)
{
	struct finding *f;

	x->found = xgrow(x->found, x->nfound, &x->found_room, sizeof(*x->found));
	f = &x->found[x->nfound++];
	*f = (struct finding){
		.check = x->check, .card = x->at_card, .vm = x->at_vm,
	};
	return f;
}

void exam_found(struct exam *x, enum severity severity, const char *fmt, ...)
{
	struct finding *f = exam_add(x);
	va_list ap;

	va_start(ap, fmt);
	f->seen = exam_text(false, fmt, ap);
	va_end(ap);
	f->severity = severity;
}

void exam_fix(struct exam *x, const char *fmt, ...)
{
	struct finding *f = &x->found[x->nfound - 1];
	va_list ap;

	va_start(ap, fmt);
	free(f->fix);
	f->fix = exam_text(true, fmt, ap);
	va_end(ap);
}

void exam_unknown(struct exam *x, const char *fmt, ...)
{
	struct finding *f = exam_add(x);
	va_list ap;

	va_start(ap, fmt);
	f->unknown = exam_text(false, fmt, ap);
	va_end(ap);
}

void exam_not_looked(struct exam *x, const struct check *check, const char *why)
{
	x->check = check;
	x->at_card = NULL;
	x->at_vm = NULL;
	exam_unknown(x, "%s", why);
}

/* --- files -------------------------------------------------------------------- */

/* Files of sysfs and procfs do not tell their length: more room until they fit. */
static char *exam_read(struct exam *x, const char *path)
{
	for (size_t room = 4096; room <= EXAM_FILE_MOST; room *= 4) {
		char *text = xcalloc(1, room);
		int rc = hw_host_read(x->hw, path, text, room, NULL);

		if (!rc)
			return text;
		free(text);
		if (rc != -EOVERFLOW)
			break;
	}
	return NULL;
}

const char *exam_file(struct exam *x, const char *path)
{
	struct exam_file *f;

	for (f = x->file; f; f = f->next)
		if (!strcmp(f->path, path))
			return f->text;
	f = xcalloc(1, sizeof(*f));
	f->path = xstrdup(path);
	f->text = exam_read(x, path);
	f->next = x->file;
	x->file = f;
	return f->text;
}

const char *exam_filef(struct exam *x, const char *fmt, ...)
{
	char path[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	return exam_file(x, path);
}

const char *exam_attr(struct exam *x, struct bdf fn, const char *name, char *buf,
		      size_t size)
{
	if (hw_attr_read(x->hw, fn, name, buf, size, NULL))
		buf[0] = '\0';
	return buf;
}

/* --- the kernel --------------------------------------------------------------- */

const char *exam_cmdline(struct exam *x, const char *name)
{
	static char value[1024];
	const char *at = exam_file(x, "/proc/cmdline"), *found = NULL;
	size_t len, n = strlen(name);

	for (; at && *at; at += len + strspn(at + len, " \n")) {
		len = strcspn(at, " \n");
		if (len >= n && modconf_same(at, name, n) && (len == n || at[n] == '=')) {
			snprintf(value, sizeof(value), "%.*s",
				 len == n ? 0 : (int)(len - n - 1), at + n + 1);
			found = value;
		}
	}
	return found;
}

bool exam_kernel(const struct exam *x, unsigned major, unsigned minor)
{
	return x->major > major || (x->major == major && x->minor >= minor);
}

#define PROXMOX_REFRESH "proxmox-boot-tool refresh"
#define FIX_GRUB "the line GRUB_CMDLINE_LINUX_DEFAULT in /etc/default/grub, type " \
		 "'update-grub', and reboot"
#define FIX_KERNEL_CMDLINE "the one line of /etc/kernel/cmdline, type "
#define FIX_SYSTEMD_BOOT FIX_KERNEL_CMDLINE "'" PROXMOX_REFRESH "', and reboot"

/*
 * Debian's own systemd-boot writes its entries when a kernel gets an initramfs. Which of
 * the two it is a recording does not say.
 */
const char *exam_cmdline_refresh(struct exam *x)
{
	return x->o->replay || hw_host_exists(x->hw, "/usr/sbin/proxmox-boot-tool") ?
	       PROXMOX_REFRESH : "update-initramfs -u -k all";
}

void exam_fix_cmdline(struct exam *x, const char *fmt, ...)
{
	char what[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	if (exam_cmdline(x, "BOOT_IMAGE"))
		exam_fix(x, "%s " FIX_GRUB, what);
	else if (exam_file(x, "/etc/kernel/cmdline"))
		exam_fix(x, "%s " FIX_KERNEL_CMDLINE "'%s', and reboot", what,
			 exam_cmdline_refresh(x));
	else
		exam_fix(x, "%s " FIX_GRUB " (with systemd-boot, as Proxmox VE has it on "
			 "ZFS: " FIX_SYSTEMD_BOOT ")", what);
}

static int exam_log_line(const char *line, void *arg)
{
	struct exam *x = arg;

	if (x->nlog == EXAM_LOG_MOST) { /* the last lines count */
		for (size_t i = 0; i < EXAM_LOG_MOST / 2; i++) {
			free(x->log[i]);
			x->log[i] = x->log[i + EXAM_LOG_MOST / 2];
		}
		x->nlog = EXAM_LOG_MOST / 2;
	}
	x->log = xgrow(x->log, x->nlog, &x->log_room, sizeof(*x->log));
	x->log[x->nlog++] = xstrdup(line);
	return 0;
}

bool exam_log_known(struct exam *x)
{
	if (x->log_rc == 1)
		x->log_rc = hw_log(x->hw, exam_log_line, x, NULL);
	return x->log_rc == 0;
}

const char *exam_log(struct exam *x, const char *a, const char *b)
{
	if (!exam_log_known(x))
		return NULL;
	for (size_t i = x->nlog; i-- > 0;)
		if (strstr(x->log[i], a) && strstr(x->log[i], b))
			return x->log[i];
	return NULL;
}

/* --- modprobe's configuration ------------------------------------------------- */

const char *exam_modconf(struct exam *x, const char *kind, const char *module,
			 const char *word, const char **where)
{
	return exam_modconf_nth(x, 0, kind, module, word, where);
}

const char *exam_modconf_nth(struct exam *x, size_t n, const char *kind,
			     const char *module, const char *word, const char **where)
{
	if (!x->modconf)
		x->modconf = modconf_read(x);
	return modconf_find(x->modconf, n, kind, module, word, where);
}

bool exam_has_word(const char *text, const char *word)
{
	size_t n = strlen(word), len;

	for (; text && *text; text += len + strspn(text + len, " ,\t\n")) {
		len = strcspn(text, " ,\t\n");
		if (len == n && !memcmp(text, word, n))
			return true;
	}
	return false;
}

/* --- cards -------------------------------------------------------------------- */

bool exam_is_dump(const struct exam *x)
{
	const struct recording *r = hw_replay_of(x->hw);

	return r && recording_is_dump(r);
}

/* --- from beginning to end ---------------------------------------------------- */

void exam_begin(struct exam *x, struct hw *hw, const struct options *o)
{
	memset(x, 0, sizeof(*x));
	x->hw = hw;
	x->o = o;
	x->root = geteuid() == 0 || strcmp(hw_kind(hw), "linux") != 0;
	x->log_rc = 1;
	if (hw_host_read(hw, "/proc/sys/kernel/osrelease", x->release,
			 sizeof(x->release), NULL))
		x->release[0] = '\0';
	sscanf(x->release, "%u.%u.%u", &x->major, &x->minor, &x->patch);
}

static void exam_free_card(struct exam_card *c)
{
	study_free(&c->study);
	free(c);
}

int exam_add_card(struct exam *x, const struct quirk_db *db, struct bdf slot,
		  struct err *err)
{
	struct bdf_spec spec = { .bdf = slot, .whole_slot = true };
	struct exam_card *c = xcalloc(1, sizeof(*c));
	struct plan_opts opts = x->o->plan;
	int rc;

	x->card = xgrow(x->card, x->ncards, &x->card_room, sizeof(*x->card));
	x->card[x->ncards++] = c;
	c->slot = slot;
	for (unsigned i = 0; i < SLOT_FNS; i++)
		exam_attr(x, (struct bdf){ slot.domain, slot.bus, slot.dev, (uint8_t)i },
			  "power_state", c->power[i], sizeof(c->power[i]));
	config_card(x->o->conf, slot, &opts);
	rc = study_card(&c->study, x->hw, db, x->o, &spec, &opts, err);
	if (rc)
		exam_free_card(x->card[--x->ncards]);
	return rc;
}

int exam_add_vm(struct exam *x, unsigned vmid, struct err *err)
{
	struct exam_vm *vm = xcalloc(1, sizeof(*vm));

	x->vm = xgrow(x->vm, x->nvms, &x->vm_room, sizeof(*x->vm));
	x->vm[x->nvms++] = vm;
	pve_conf_path(vm->path, x->o->pve_dir, x->o->pve_node, vmid);
	return hook_vm_read(&vm->hook, x->hw, x->o, vmid, err);
}

void exam_drop_vm(struct exam *x)
{
	struct exam_vm *vm = x->vm[--x->nvms];

	hook_vm_free(&vm->hook);
	free(vm);
}

static void exam_one(struct exam *x, const struct check *c)
{
	size_t before = x->nfound;

	x->check = c;
	c->run(x);
	x->nran++;
	if (x->nfound != before)
		return;
	x->fine = xgrow(x->fine, x->nfine, &x->fine_room, sizeof(*x->fine));
	x->fine[x->nfine++] = (struct finding){
		.check = c, .card = x->at_card, .vm = x->at_vm,
	};
}

static void exam_subjects(struct exam *x, const struct check *c)
{
	x->at_card = NULL;
	x->at_vm = NULL;
	if (c->subject == ON_HOST)
		exam_one(x, c);
	for (size_t i = 0; c->subject == ON_CARD && i < x->ncards; i++) {
		x->at_card = x->card[i];
		exam_one(x, c);
	}
	for (size_t i = 0; c->subject == ON_VM && i < x->nvms; i++) {
		x->at_vm = x->vm[i];
		exam_one(x, c);
	}
}

void exam_run(struct exam *x)
{
	for (size_t t = 0; doctor_tables[t]; t++)
		for (const struct check *c = doctor_tables[t]; c->id; c++)
			exam_subjects(x, c);
}

static void exam_free_found(struct exam *x)
{
	for (size_t i = 0; i < x->nfound; i++) {
		free(x->found[i].seen);
		free(x->found[i].fix);
		free(x->found[i].unknown);
	}
	free(x->found);
	free(x->fine);
}

void exam_free(struct exam *x)
{
	struct exam_file *next;

	for (struct exam_file *f = x->file; f; f = next) {
		next = f->next;
		free(f->path);
		free(f->text);
		free(f);
	}
	for (size_t i = 0; i < x->nlog; i++)
		free(x->log[i]);
	free(x->log);
	for (size_t i = 0; i < x->ncards; i++)
		exam_free_card(x->card[i]);
	free(x->card);
	while (x->nvms)
		exam_drop_vm(x);
	free(x->vm);
	modconf_free(x->modconf);
	exam_free_found(x);
}
