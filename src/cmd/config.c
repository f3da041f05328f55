// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/config.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/textfile.h"
#include "base/xalloc.h"
#include "cmd/cmd.h"
#include "run/supervise.h"

#define CONFIG_MOST (64u << 10)         /* a handful of lines; more is not ours */

/* --- one line ------------------------------------------------------------------ */

struct config_line {
	struct config *conf;
	struct diag *diag;
	const char *path;
	int number;
	const char *text;
	size_t len;             /* without a comment and blanks at the end */
};

/* One word of a value, and where it stands in the line. */
struct config_word {
	const char *text;
	size_t len;
};

struct config_key {
	const char *name;
	void (*set)(struct config_line *l, const struct config_word *word, size_t n);
};

static void line_error(const struct config_line *l, const char *at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void line_error(const struct config_line *l, const char *at, const char *fmt, ...)
{
	char text[DIAG_TEXT];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	diag_add(l->diag, DIAG_ERROR, l->path, l->number, (int)(at - l->text) + 1,
		 l->text, l->len, "%s", text);
}

static bool word_is(const struct config_word *w, const char *text)
{
	return w->len == strlen(text) && !memcmp(w->text, text, w->len);
}

/* --- keys ---------------------------------------------------------------------- */

/* What a quirk file's name without ".quirk" is made of. */
static bool id_valid(const struct config_word *w)
{
	for (size_t i = 0; i < w->len; i++)
		if (!isalnum((unsigned char)w->text[i]) && !strchr("-_.+", w->text[i]))
			return false;
	return true;
}

static void set_allow(struct config_line *l, const struct config_word *word, size_t n)
{
	struct config *c = l->conf;

	for (size_t i = 0; i < n; i++) {
		char *id;

		if (!id_valid(&word[i])) {
			line_error(l, word[i].text, "'%.*s' is not a quirk's id (its "
				   "file name without .quirk), nor 'all'",
				   (int)word[i].len, word[i].text);
			continue;
		}
		if (word_is(&word[i], "all") && n > 1)
			line_error(l, word[i].text, "'all' stands alone");
		id = xcalloc(word[i].len + 1, 1);
		memcpy(id, word[i].text, word[i].len);
		c->allowed = xgrow(c->allowed, c->nallowed, &c->room, sizeof(id));
		c->allowed[c->nallowed++] = id;
	}
}

static const struct config_key config_keys[] = {
	{ "allow-untested", set_allow },
};

#define NKEYS (sizeof(config_keys) / sizeof(*config_keys))

/* --- the file ------------------------------------------------------------------ */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* A '#' begins a comment at the start of the line or after a blank. */
static size_t line_end(const char *text, size_t len)
{
	size_t end = 0;

	while (end < len && !(text[end] == '#' && (!end || is_blank(text[end - 1]))))
		end++;
	while (end && is_blank(text[end - 1]))
		end--;
	return end;
}

#define MAX_WORDS 64

static size_t line_words(struct config_line *l, const char *at, struct config_word *word)
{
	const char *end = l->text + l->len;
	size_t n = 0;

	while (at < end) {
		while (at < end && is_blank(*at))
			at++;
		if (at == end)
			break;
		if (n == MAX_WORDS) {
			line_error(l, at, "more than %d words on a line", MAX_WORDS);
			return n;
		}
		word[n].text = at;
		while (at < end && !is_blank(*at))
			at++;
		word[n].len = (size_t)(at - word[n].text);
		n++;
	}
	return n;
}

static void key_unknown(struct config_line *l, const struct config_word *key)
{
	const char *names[NKEYS + 1] = { NULL }, *near;
	char word[64];

	for (size_t i = 0; i < NKEYS; i++)
		names[i] = config_keys[i].name;
	snprintf(word, sizeof(word), "%.*s", (int)key->len, key->text);
	near = diag_nearest(word, names);
	line_error(l, key->text, "unknown key '%s'%s%s%s", word,
		   near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static void line_set(struct config_line *l, const struct config_word *key,
		     const char *value)
{
	struct config_word word[MAX_WORDS];
	size_t n = line_words(l, value, word);

	for (size_t i = 0; i < NKEYS; i++) {
		if (!word_is(key, config_keys[i].name))
			continue;
		if (n)
			config_keys[i].set(l, word, n);
		else
			line_error(l, l->text + l->len, "%s needs a value",
				   config_keys[i].name);
		return;
	}
	key_unknown(l, key);
}

static void line_parse(struct config_line *l)
{
	const char *at = l->text, *end = l->text + l->len;
	struct config_word key;

	for (const char *p = at; p < end; p++)
		if ((unsigned char)*p < ' ' && *p != '\t') {
			line_error(l, p, "a byte 0x%02x does not belong in text",
				   (unsigned char)*p);
			return;
		}
	while (at < end && is_blank(*at))
		at++;
	if (at == end)
		return;
	key.text = at;
	while (at < end && *at != '=' && !is_blank(*at))
		at++;
	key.len = (size_t)(at - key.text);
	while (at < end && is_blank(*at))
		at++;
	if (at == end || *at != '=')
		line_error(l, at, "expected 'key = value'");
	else
		line_set(l, &key, at + 1);
}

void config_parse(struct config *conf, const char *path, const char *text, size_t len,
		  struct diag *diag)
{
	struct config_line l = { .conf = conf, .diag = diag, .path = path };
	const char *at = text, *end = text + len;

	memset(conf, 0, sizeof(*conf));
	while ((l.text = textfile_line(&at, end, &l.len))) {
		l.number++;
		l.len = line_end(l.text, l.len);
		line_parse(&l);
	}
}

void config_free(struct config *conf)
{
	for (size_t i = 0; i < conf->nallowed; i++)
		free(conf->allowed[i]);
	free(conf->allowed);
	memset(conf, 0, sizeof(*conf));
}

/* --- reading it ---------------------------------------------------------------- */

static int trusted(int fd, const char *path, bool folder, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(err, errno, "%s", path);
	if (!folder && !S_ISREG(st.st_mode))
		return err_set(err, EPERM, "%s is not obeyed: it is not a regular file",
			       path);
	if (st.st_uid != 0)
		return err_set(err, EPERM, "%s is not obeyed: %s does not belong to root",
			       path, folder ? "its folder" : "it");
	if (st.st_mode & (S_IWGRP | S_IWOTH))
		return err_set(err, EPERM, "%s is not obeyed: others than root can write "
			       "to %s", path, folder ? "its folder" : "it");
	return 0;
}

static int read_all(int fd, const char *path, char *text, size_t *len, struct err *err)
{
	ssize_t n;

	for (*len = 0; *len <= CONFIG_MOST; *len += (size_t)n) {
		n = read(fd, text + *len, CONFIG_MOST + 1 - *len);
		if (n < 0 && errno == EINTR)
			n = 0;
		else if (n < 0)
			return err_sys(err, errno, "%s", path);
		else if (n == 0)
			return 0;
	}
	return err_set(err, EFBIG, "%s is larger than %u bytes", path, CONFIG_MOST);
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
	int fd, rc;
	char *text;

	memset(conf, 0, sizeof(*conf));
	fd = open_trusted(path, trust, err);
	if (fd < 0)
		return fd;
	text = xcalloc(CONFIG_MOST + 1, 1);
	rc = read_all(fd, path, text, &len, err);
	if (!rc)
		config_parse(conf, path, text, len, diag);
	free(text);
	close(fd);
	return rc || diag->errors == before ? rc : -EINVAL;
}

int config_apply(struct config *conf, struct options *o)
{
	struct err err = { 0 };
	struct diag diag;
	int rc;

	diag_init(&diag);
	rc = config_load(conf, o->config ? o->config : GPURESET_CONFIG, true, &diag,
			 &err);
	diag_print(&diag, stderr);
	diag_free(&diag);
	if (rc == -ENOENT && !o->config)
		rc = 0;         /* nobody has to write one */
	o->plan.allowed = (const char *const *)conf->allowed;
	o->plan.nallowed = conf->nallowed;
	if (rc && err.code)
		fprintf(stderr, "gpureset: %s\n", err.text);
	return rc ? EXIT_CONFIG : 0;
}
