// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/pve_resv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/textfile.h"
#include "base/xalloc.h"
#include "host/hostpci.h"

/* "123" of @len bytes, nothing else. */
static bool resv_number(const char *s, size_t len, uint64_t *v)
{
	if (!len || len > 18)
		return false;
	for (*v = 0; len; len--, s++) {
		if (*s < '0' || *s > '9')
			return false;
		*v = 10 * *v + (uint64_t)(*s - '0');
	}
	return true;
}

/* "0000:0b:00.0 101 pid:12345" */
static bool resv_line(const char *s, size_t len, struct pve_resv *r)
{
	const char *end = s + len;
	const char *a = memchr(s, ' ', len);
	const char *b = a ? memchr(a + 1, ' ', (size_t)(end - a - 1)) : NULL;
	struct bdf_spec spec;
	uint64_t vmid;

	if (!b || end - b < 6 || !hostpci_addr(s, (size_t)(a - s), &spec) ||
	    !resv_number(a + 1, (size_t)(b - a - 1), &vmid) || vmid > UINT32_MAX)
		return false;
	b++;
	r->bdf = spec.bdf;
	r->vmid = (unsigned)vmid;
	r->started = !strncmp(b, "pid:", 4);
	if (!r->started && strncmp(b, "time:", 5))
		return false;
	b += r->started ? 4 : 5;
	return resv_number(b, (size_t)(end - b), &r->value);
}

void pve_resv_parse(struct pve_resvs *all, const char *text, size_t len)
{
	const char *at = text, *end = text + len, *line;
	struct pve_resv r;
	size_t n;

	memset(all, 0, sizeof(*all));
	while ((line = textfile_line(&at, end, &n))) {
		if (!resv_line(line, n, &r))
			continue;
		all->resv = xgrow(all->resv, all->n, &all->room, sizeof(r));
		all->resv[all->n++] = r;
	}
}

int pve_resv_read(struct pve_resvs *all, const char *run_dir, struct err *err)
{
	char path[256], *text;
	size_t len;
	int rc;

	memset(all, 0, sizeof(*all));
	snprintf(path, sizeof(path), "%s/pci-id-reservations", run_dir);
	rc = textfile_read(path, &text, &len, err);
	if (rc)
		return rc == -ENOENT ? 0 : rc;
	pve_resv_parse(all, text, len);
	free(text);
	return 0;
}

void pve_resv_free(struct pve_resvs *all)
{
	free(all->resv);
	memset(all, 0, sizeof(*all));
}

/* The pid in the VM's pidfile, 0: there is none. */
static uint64_t resv_pidfile(const char *path)
{
	uint64_t pid = 0;
	char *text;
	size_t len;

	if (textfile_read(path, &text, &len, NULL))
		return 0;
	len = strcspn(text, "\n");
	if (!resv_number(text, len, &pid))
		pid = 0;
	free(text);
	return pid;
}

/* /var/run is a link to /run, and qemu-server goes by way of it. */
static bool resv_same_file(const char *named, const char *pidfile)
{
	static const char var[] = "/var";
	size_t n = sizeof(var) - 1;

	return !strcmp(named, pidfile) ||
	       (!strncmp(named, var, n) && !strcmp(named + n, pidfile));
}

/* Is @pidfile what follows -pidfile in @args, @len bytes of words that end in NUL? */
static bool resv_args_name(const char *args, size_t len, const char *pidfile)
{
	bool option = false;

	for (size_t i = 0; i < len; i += strlen(args + i) + 1) {
		const char *word = args + i;

		if (option && resv_same_file(word, pidfile))
			return true;
		option = !strcmp(word, "-pidfile") || !strcmp(word, "--pidfile");
	}
	return false;
}

/* A pid may be somebody else's by now: QEMU's command line names its pidfile. */
static bool resv_is_qemu(uint64_t pid, const char *pidfile)
{
	char path[64], *text;
	size_t len;
	bool found;

	snprintf(path, sizeof(path), "/proc/%llu/cmdline", (unsigned long long)pid);
	if (textfile_read(path, &text, &len, NULL))
		return false;
	found = resv_args_name(text, len, pidfile);
	free(text);
	return found;
}

bool pve_resv_holds(const struct pve_resv *r, const char *run_dir, uint64_t now)
{
	char pidfile[256];

	if (!r->started)
		return r->value > now;
	snprintf(pidfile, sizeof(pidfile), "%s/%u.pid", run_dir, r->vmid);
	return resv_pidfile(pidfile) == r->value && resv_is_qemu(r->value, pidfile);
}
