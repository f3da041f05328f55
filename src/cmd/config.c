// SPDX-License-Identifier: GPL-2.0-or-later
/* gpureset.conf: whom it is read from, and what holds for a VM and a card. */
#include "cmd/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/textfile.h"
#include "base/trust.h"
#include "base/xalloc.h"
#include "cmd/cmd.h"
#include "cmd/config_parse.h"
#include "run/supervise.h"

#define CONFIG_MOST (64u << 10)         /* a handful of lines; more is not ours */

/* --- what holds ------------------------------------------------------------------ */

const uint64_t config_defaults[KEYS] = {
	[KEY_HOOK] = HOOK_RESET,
	[KEY_AFTER_STOP] = AFTER_STOP_VFIO,
	[KEY_PRE_START] = 120000000,
	[KEY_POST_STOP] = 50000000,
};

static void settings_values(const struct config_section *s, uint64_t value[KEYS])
{
	for (size_t i = 0; i < KEYS; i++)
		if (s->set[i])
			value[i] = s->value[i];
}

/* All of a file are at most that many (add_allowed). */
static void settings_allow(struct settings *out, const char *const *id, size_t n)
{
	for (size_t i = 0; i < n && out->nallowed < CONFIG_ALLOWED; i++)
		out->allowed[out->nallowed++] = id[i];
}

void config_settings(const struct config *conf, const char *vm, struct bdf card,
		     bool has_card, struct settings *out)
{
	/* it is only compared */
	const struct config_name who = { .vm = (char *)(uintptr_t)vm, .card = card };
	const struct config_section *top = conf->n ? &conf->section[0] : NULL, *s;
	uint64_t value[KEYS];

	memset(out, 0, sizeof(*out));
	memcpy(value, config_defaults, sizeof(value));
	if (top)
		settings_values(top, value);
	s = has_card ? section_find(conf, KIND_CARD, &who) : NULL;
	if (s)
		settings_values(s, value);
	s = s ? s : top;
	if (s)
		settings_allow(out, s->joined, s->njoined);
	s = vm ? section_find(conf, KIND_VM, &who) : NULL;
	if (s) {
		settings_values(s, value);
		settings_allow(out, (const char *const *)s->allowed, s->nallowed);
	}
	out->hook = (enum hook_policy)value[KEY_HOOK];
	out->after_stop = (enum after_stop)value[KEY_AFTER_STOP];
	out->pre_start_us = value[KEY_PRE_START];
	out->post_stop_us = value[KEY_POST_STOP];
	out->start_anyway = value[KEY_START_ANYWAY];
}

const char *config_vm_str(const char *vm, char *buf, size_t size)
{
	const char *quote = strpbrk(vm, " \t[],;#") ? "\"" : "";

	snprintf(buf, size, "%s%s%s", quote, vm, quote);
	return buf;
}

void config_card(const struct config *conf, struct bdf card, struct plan_opts *opts)
{
	const struct config_name who = { .card = card };
	const struct config_section *s;

	s = conf ? section_find(conf, KIND_CARD, &who) : NULL;
	if (!s)
		return;
	opts->allowed = s->joined;
	opts->nallowed = s->njoined;
}

/* --- reading it ---------------------------------------------------------------- */

static int trusted(int fd, const char *path, bool folder, struct err *err)
{
	const char *why;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(err, errno, "%s", path);
	why = trust_refuses(&st, folder);
	if (!why)
		return 0;
	return err_set(err, EPERM, "%s is not obeyed: %s%s", path,
		       folder ? "its folder is not safe: " : "", why);
}

static int open_folder(const char *path, struct err *err)
{
	const char *slash = strrchr(path, '/');
	char *folder = xcalloc(strlen(path) + 2, 1);
	int fd, code;

	memcpy(folder, slash ? path : "./", slash ? (size_t)(slash - path) + 1 : 2);
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	code = errno;
	free(folder);
	return fd >= 0 ? fd : err_sys(err, code, "%s", path);
}

/* The file through its folder, both as they are, not as they may become. */
static int open_trusted(const char *path, bool trust, struct err *err)
{
	const char *slash = strrchr(path, '/');
	int folder = open_folder(path, err), fd, rc;

	if (folder < 0)
		return folder;
	/* O_NONBLOCK: a FIFO of that name must not stop anything */
	fd = openat(folder, slash ? slash + 1 : path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK |
		    O_NOCTTY | O_CLOEXEC);
	if (fd < 0 && errno == ELOOP)
		rc = err_set(err, ELOOP, "%s is not obeyed: it is a symbolic link", path);
	else if (fd < 0)
		rc = err_sys(err, errno, "%s", path);
	else
		rc = trust ? trusted(folder, path, true, err) : 0;
	close(folder);
	if (!rc && trust)
		rc = trusted(fd, path, false, err);
	if (rc && fd >= 0)
		close(fd);
	return rc ? rc : fd;
}

int config_load(struct config *conf, const char *path, bool trust, struct diag *diag,
		struct err *err)
{
	size_t len = 0, before = diag->errors;
	char *text;
	int fd, rc;

	memset(conf, 0, sizeof(*conf));
	fd = open_trusted(path, trust, err);
	if (fd < 0)
		return fd;
	rc = textfile_read_fd(fd, path, CONFIG_MOST, &text, &len, err);
	close(fd);
	if (rc)
		return rc;
	config_parse(conf, path, text, len, diag);
	free(text);
	if (diag->errors == before)
		return 0;
	config_free(conf);
	return -EINVAL;
}

int config_open(struct config *conf, const char *path)
{
	struct err err = { 0 };
	struct diag diag;
	int rc;

	diag_init(&diag);
	rc = config_load(conf, path ? path : GPURESET_CONFIG, true, &diag, &err);
	diag_print(&diag, stderr);
	diag_free(&diag);
	if (!rc || (rc == -ENOENT && !path))
		return 0;               /* nobody has to write one */
	if (err.code)
		fprintf(stderr, "gpureset: %s\n", err.text);
	return EXIT_CONFIG;
}

int config_apply(struct config *conf, struct options *o)
{
	int status = config_open(conf, o->config);

	o->conf = conf;
	if (conf->n) {
		o->plan.allowed = conf->section[0].joined;
		o->plan.nallowed = conf->section[0].njoined;
	}
	return status;
}
