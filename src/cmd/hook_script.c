// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/hook_script.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/textfile.h"
#include "cmd/run_program.h"

/* A line of hooks/pve-hook, of every version of it. */
#define HOOK_MARK "\n# gpureset-pve-hook:"

/* --- volume ids ---------------------------------------------------------------- */

/* A letter, then letters, digits, '-', '_', '.'; a letter or digit at the end. */
static bool storage_valid(const char *id, size_t len)
{
	if (len < 2 || !isalpha((unsigned char)id[0]) ||
	    !isalnum((unsigned char)id[len - 1]))
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)id[i]) && !strchr("-_.", id[i]))
			return false;
	return true;
}

int hook_script_parse(struct hook_script *s, const char *volid, struct err *err)
{
	static const char snippets[] = ":snippets/";
	size_t len = strcspn(volid, ":");
	const char *name = volid + len + sizeof(snippets) - 1;

	memset(s, 0, sizeof(*s));
	if (strlen(volid) >= sizeof(s->volid) - 1)
		return err_set(err, EINVAL, "its hookscript '%.60s...' is longer than "
			       "any we know of", volid);
	if (!storage_valid(volid, len) ||
	    strncmp(volid + len, snippets, sizeof(snippets) - 1) != 0 || !*name ||
	    strchr(name, '/') || !strcmp(name, ".") || !strcmp(name, ".."))
		return err_set(err, EINVAL, "its hookscript '%s' is not of the form "
			       "STORAGE:snippets/NAME, so PVE does not run it", volid);
	memcpy(s->volid, volid, strlen(volid));
	memcpy(s->storage, volid, len);
	memcpy(s->name, name, strlen(name));
	return 0;
}

int hook_script_beside(struct hook_script *s, const struct hook_script *of,
		       const char *prefix, const char *name, struct err *err)
{
	char volid[2 * HOOK_VOLID + 16];

	snprintf(volid, sizeof(volid), "%s:snippets/%s%s", of->storage, prefix, name);
	if (strlen(prefix) + strlen(name) > NAME_MAX ||
	    strlen(volid) >= HOOK_VOLID - 1)
		return err_set(err, ENAMETOOLONG, "%s: with '%s' in front its name would "
			       "be too long; give that script a shorter one", of->volid,
			       prefix);
	return hook_script_parse(s, volid, err);
}

bool hook_script_local(const struct hook_script *s)
{
	return !strcmp(s->storage, "local");
}

bool hook_script_named(const struct hook_script *s)
{
	return !strcmp(s->name, HOOK_NAME) || hook_script_chained(s);
}

const char *hook_script_chained(const struct hook_script *s)
{
	return strncmp(s->name, HOOK_CHAIN, strlen(HOOK_CHAIN)) ? NULL :
	       s->name + strlen(HOOK_CHAIN);
}

/* --- paths --------------------------------------------------------------------- */

static int script_path(struct hook_script *s, const char *folder, struct err *err)
{
	int n = snprintf(s->path, sizeof(s->path), "%s/%s", folder, s->name);

	if (n < 0 || (size_t)n >= sizeof(s->path))
		return err_set(err, ENAMETOOLONG, "%.200s...: this path is too long",
			       folder);
	return 0;
}

/* One line, an absolute path that ends in the name that was asked for. */
static int script_said(const struct hook_script *s, const struct options *o, char *said,
		       struct err *err)
{
	size_t len = strlen(said);
	const char *slash;

	if (len && said[len - 1] == '\n')
		said[--len] = '\0';
	slash = strrchr(said, '/');
	if (said[0] != '/' || strchr(said, '\n') || strcmp(slash + 1, s->name) != 0)
		return err_set(err, EPROTO, "%s path %s: wanted a path that ends in /%s, "
			       "got '%.200s'", o->pvesm, s->volid, s->name, said);
	return 0;
}

static int script_ask(struct hook_script *s, const struct options *o, struct err *err)
{
	const char *const argv[] = { o->pvesm, "path", s->volid, NULL };
	const struct program p = { .argv = argv, .out = s->path,
				   .room = sizeof(s->path) };
	struct program_end end;
	int rc = program_run(&p, &end, err);

	if (!rc && end.asked)
		rc = err_set(err, EINTR, "%s path %s: interrupted", o->pvesm, s->volid);
	if (!rc && end.status)
		rc = err_set(err, EIO, "%s path %s ended with status %d, so where this "
			     "hookscript lies is not known", o->pvesm, s->volid,
			     end.status);
	return rc ? rc : script_said(s, o, s->path, err);
}

int hook_script_find(struct hook_script *s, const struct options *o, struct err *err)
{
	return hook_script_local(s) ? script_path(s, o->snippets, err) :
				      script_ask(s, o, err);
}

/* --- files --------------------------------------------------------------------- */

static bool file_same(const char *a, const char *b)
{
	struct stat sa, sb;

	return !stat(a, &sa) && !stat(b, &sb) && sa.st_dev == sb.st_dev &&
	       sa.st_ino == sb.st_ino;
}

static enum hook_file file_compare(const char *path, const char *hook)
{
	char *text, *own = NULL;
	size_t len, own_len = 0;
	enum hook_file file = HOOK_FILE_FOREIGN;

	if (textfile_read(path, &text, &len, NULL) < 0)
		return HOOK_FILE_FOREIGN;
	if (memmem(text, len, HOOK_MARK, strlen(HOOK_MARK)))
		file = HOOK_FILE_OLD;
	if (file == HOOK_FILE_OLD && !textfile_read(hook, &own, &own_len, NULL) &&
	    own_len == len && !memcmp(own, text, len))
		file = HOOK_FILE_OURS;
	free(own);
	free(text);
	return file;
}

/* A link to a copy elsewhere is as good as one to ours only while that stays. */
enum hook_file hook_script_look(const char *path, const struct options *o)
{
	struct stat st, to;
	enum hook_file file;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? HOOK_FILE_NONE : HOOK_FILE_FOREIGN;
	if (stat(path, &to) < 0)
		return errno == ENOENT ? HOOK_FILE_DANGLING : HOOK_FILE_FOREIGN;
	if (!S_ISREG(to.st_mode))
		return HOOK_FILE_FOREIGN;
	if (file_same(path, o->pve_hook))
		return HOOK_FILE_OURS;
	file = file_compare(path, o->pve_hook);
	return file == HOOK_FILE_OURS && S_ISLNK(st.st_mode) ? HOOK_FILE_OLD : file;
}

/* --- who uses it --------------------------------------------------------------- */

static bool used_line(const char *line, size_t len, const char *volid)
{
	static const char key[] = "hookscript:";
	size_t n = sizeof(key) - 1;

	while (len && isspace((unsigned char)line[len - 1]))
		len--;
	if (len < n || memcmp(line, key, n) != 0)
		return false;
	while (n < len && isspace((unsigned char)line[n]))
		n++;
	return len - n == strlen(volid) && !memcmp(line + n, volid, len - n);
}

/* In any section: a snapshot that is rolled back brings its hookscript with it. */
static bool used_file(const char *path, const char *volid)
{
	const char *at, *end, *line;
	bool used = false;
	size_t len;
	char *text;
	int rc = textfile_read(path, &text, &len, NULL);

	if (rc < 0)
		return rc != -ENOENT;
	at = text;
	end = text + len;
	while (!used && (line = textfile_line(&at, end, &len)))
		used = used_line(line, len, volid);
	free(text);
	return used;
}

static bool used_folder(const char *folder, const char *sub, const char *volid)
{
	char path[PATH_MAX];
	struct dirent *e;
	bool used = false;
	DIR *d;

	snprintf(path, sizeof(path), "%s/%s", folder, sub);
	d = opendir(path);
	if (!d)
		return errno != ENOENT;
	while (!used && (e = readdir(d))) {
		const char *dot = strrchr(e->d_name, '.');

		if (!dot || strcmp(dot, ".conf") != 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s/%s", folder, sub, e->d_name);
		used = used_file(path, volid);
	}
	closedir(d);
	return used;
}

static bool used_node(const char *folder, const char *volid)
{
	return used_folder(folder, "qemu-server", volid) ||
	       used_folder(folder, "lxc", volid);
}

bool hook_script_used(const struct options *o, const char *volid)
{
	bool used = used_node(o->pve_dir, volid);
	char path[PATH_MAX];
	struct dirent *e;
	DIR *d;

	snprintf(path, sizeof(path), "%s/nodes", o->pve_dir);
	d = opendir(path);
	if (!d)
		return used || errno != ENOENT;
	while (!used && (e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/nodes/%s", o->pve_dir, e->d_name);
		used = used_node(path, volid);
	}
	closedir(d);
	return used;
}
