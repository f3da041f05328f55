// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Files that root obeys or writes, while another process changes what their name means,
 * as fast as it can: what was checked is what is read and written, in every turn.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/config.h"
#include "quirk/quirk.h"
#include "run/rundir.h"

#define TURNS 8000
#define ENOUGH 50               /* how often each outcome must have been met */

struct rig {
	char dir[64], work[80], name[112];      /* the file that is swapped */
	char good[96], evil[96], open[96];      /* what is put there */
	pid_t racer;
	unsigned obeyed, refused, wrong;
};

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st;
	(void)kind;
	(void)at;
	return remove(path);
}

static void put(const char *path, const char *text, mode_t mode)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(chmod(path, mode), 0);
}

static int setup(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	if (!rig)
		return -1;
	strcpy(rig->dir, "/tmp/gpureset-races-XXXXXX");
	if (!mkdtemp(rig->dir))
		return -1;
	snprintf(rig->work, sizeof(rig->work), "%s/work", rig->dir);
	snprintf(rig->good, sizeof(rig->good), "%s/good", rig->dir);
	snprintf(rig->evil, sizeof(rig->evil), "%s/evil", rig->dir);
	snprintf(rig->open, sizeof(rig->open), "%s/open", rig->dir);
	mkdir(rig->work, 0755);
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;

	if (rig->racer > 0) {
		kill(rig->racer, SIGKILL);
		waitpid(rig->racer, NULL, 0);
	}
	nftw(rig->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(rig);
	return 0;
}

/* A copy of @from takes the name, in one step. */
static void swap_copy(const struct rig *rig, const char *from, mode_t mode)
{
	char text[4096], tmp[112];
	int in = open(from, O_RDONLY), out;
	ssize_t n = read(in, text, sizeof(text));

	snprintf(tmp, sizeof(tmp), "%s/.tmp", rig->dir);
	unlink(tmp);
	out = open(tmp, O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (n < 0 || write(out, text, (size_t)n) != n || fchmod(out, mode) < 0)
		_exit(1);
	close(in);
	close(out);
	rename(tmp, rig->name);
}

static void swap_link(const struct rig *rig)
{
	char tmp[112];

	snprintf(tmp, sizeof(tmp), "%s/.tmp", rig->dir);
	unlink(tmp);
	if (symlink(rig->evil, tmp) < 0)
		_exit(1);
	rename(tmp, rig->name);
}

/*
 * The evil file by a link to it, and as one that all may write. Not by another name of
 * it: that takes who may write to the folder, and such a folder is refused as a whole.
 */
static void race(struct rig *rig)
{
	pid_t parent = getpid();

	rig->racer = fork();
	if (rig->racer)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (getppid() == parent) {
		swap_copy(rig, rig->good, 0600);
		swap_link(rig);
		swap_copy(rig, rig->good, 0600);
		swap_copy(rig, rig->evil, 0666);
	}
	_exit(0);
}

/* On a machine with one processor the two take turns: then it takes longer. */
static bool more(const struct rig *rig, int turn)
{
	return turn < TURNS || (turn < 20 * TURNS &&
				(rig->obeyed < ENOUGH || rig->refused < ENOUGH));
}

static void end(const struct rig *rig, const char *what)
{
	assert_true(rig->obeyed >= ENOUGH);
	assert_true(rig->refused >= ENOUGH);
	printf("count: swaps of %s met in a race: %u\n", what,
	       rig->obeyed + rig->refused);
	printf("count: swaps of %s obeyed wrongly: %u\n", what, rig->wrong);
	assert_int_equal(rig->wrong, 0);
}

static void need_root(void)
{
	if (geteuid() != 0) {
		printf("skip: not root\n");
		skip();
	}
}

/* --- the run folder ---------------------------------------------------------------- */

static void test_run_file(void **state)
{
	struct rig *rig = *state;
	struct err err;
	char *text;
	size_t len;

	put(rig->good, "good", 0600);
	put(rig->evil, "evil", 0600);
	snprintf(rig->name, sizeof(rig->name), "%s/file", rig->work);
	race(rig);
	for (int i = 0; more(rig, i); i++) {
		int rc = rundir_read(rig->work, "file", "test", &text, &len, &err);

		rig->obeyed += !rc;
		rig->refused += rc == -EPERM;
		assert_true(rc == 0 || rc == -EPERM || rc == -ENOENT);
		if (!rc)
			rig->wrong += strcmp(text, "good") != 0;
		free(text);
	}
	end(rig, "a file in the run folder");
}

/* What is written goes into a file of that folder: the evil one stays as it is. */
static void test_run_write(void **state)
{
	struct rig *rig = *state;
	char evil[16] = "";
	struct err err;
	int fd;

	put(rig->good, "good", 0600);
	put(rig->evil, "evil", 0600);
	snprintf(rig->name, sizeof(rig->name), "%s/file.new", rig->work);
	race(rig);
	for (int i = 0; more(rig, i); i++) {
		int rc = rundir_replace(rig->work, "file", "test", "mine", 4, &err);

		rig->obeyed += !rc;
		rig->refused += rc == -EPERM;
	}
	fd = open(rig->evil, O_RDONLY);
	assert_int_equal(read(fd, evil, sizeof(evil)), 4);
	close(fd);
	rig->wrong += strcmp(evil, "evil") != 0;
	end(rig, "a file that is written");
}

/* The folder itself: a link to another one of root's, or one that all may write. */
static void test_run_folder(void **state)
{
	struct rig *rig = *state;
	char link[96], mark[112];
	struct err err;

	snprintf(link, sizeof(link), "%s/link", rig->dir);
	mkdir(rig->evil, 0755);
	mkdir(rig->open, 0755);
	assert_int_equal(chmod(rig->open, 0777), 0);
	assert_int_equal(symlink(rig->evil, link), 0);
	rig->racer = fork();
	if (!rig->racer) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (int i = 0;; i++)
			renameat2(AT_FDCWD, rig->work, AT_FDCWD,
				  i % 4 < 2 ? link : rig->open, RENAME_EXCHANGE);
	}
	for (int i = 0; more(rig, i); i++) {
		int rc = rundir_replace(rig->work, "file", "test", "mine", 4, &err);

		rig->obeyed += !rc;
		rig->refused += rc == -EPERM;
	}
	kill(rig->racer, SIGKILL);
	waitpid(rig->racer, NULL, 0);
	rig->racer = 0;
	snprintf(mark, sizeof(mark), "%s/file", rig->evil);
	rig->wrong += access(mark, F_OK) == 0;
	end(rig, "the run folder");
}

/* --- configuration ----------------------------------------------------------------- */

static void test_config_file(void **state)
{
	struct rig *rig = *state;
	struct settings set;

	need_root();
	put(rig->good, "hook = reset\n", 0600);
	put(rig->evil, "hook = skip\n", 0600);
	snprintf(rig->name, sizeof(rig->name), "%s/gpureset.conf", rig->work);
	race(rig);
	for (int i = 0; more(rig, i); i++) {
		struct config conf;
		struct diag diag;
		struct err err;
		int rc;

		diag_init(&diag);
		rc = config_load(&conf, rig->name, true, &diag, &err);
		rig->obeyed += !rc;
		rig->refused += rc == -EPERM || rc == -ELOOP;
		assert_true(rc == 0 || rc == -EPERM || rc == -ELOOP || rc == -ENOENT);
		config_settings(&conf, NULL, (struct bdf){ 0 }, true, &set);
		rig->wrong += set.hook != HOOK_RESET;
		config_free(&conf);
		diag_free(&diag);
	}
	end(rig, "gpureset.conf");
}

/* --- quirk files ------------------------------------------------------------------- */

static const char quirk_text[] =
	"# SPDX-License-Identifier: MIT\nformat = 1\n\n[device]\n"
	"name = %s\npci = 1002:7300\n\n[notes]\nproblem = x\nsource = x\n"
	"status = untested\n\n[reset]\ndeny = bus \"x\"\n";

static void test_quirk_file(void **state)
{
	struct rig *rig = *state;
	const char *folders[] = { rig->work, NULL };
	char text[512];

	need_root();
	snprintf(text, sizeof(text), quirk_text, "good");
	put(rig->good, text, 0600);
	snprintf(text, sizeof(text), quirk_text, "evil");
	put(rig->evil, text, 0600);
	snprintf(rig->name, sizeof(rig->name), "%s/x.quirk", rig->work);
	race(rig);
	for (int i = 0; more(rig, i); i++) {
		struct quirk_db db = { 0 };
		struct diag diag;
		struct err err;

		diag_init(&diag);
		quirk_db_load(&db, folders, true, &diag, &err);
		for (size_t k = 0; k < db.n; k++) {
			bool broken = db.quirk[k]->broken;

			rig->refused += broken;
			rig->obeyed += !broken;
			rig->wrong += !broken && strcmp(db.quirk[k]->name, "good") != 0;
		}
		quirk_db_free(&db);
		diag_free(&diag);
	}
	end(rig, "a quirk file");
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_run_file), T(test_run_write), T(test_run_folder),
		T(test_config_file), T(test_quirk_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
