// SPDX-License-Identifier: GPL-2.0-or-later
/* What a killed run left, seen and put back by `recover`, and told by `plan`. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "cmd/report.h"
#include "cmd/work.h"
#include "run/lock.h"
#include "sim_rig.h"

#define UNDO "undo 1.2 attr 0000:01:00.0 phase=4 us=1000000 name=power/control " \
	     "text=auto\n" \
	     "undo 1.3 bind 0000:01:00.0 phase=4 us=1000000 text=amdgpu\n"

/* --- a run dir -------------------------------------------------------------------- */

static char run_dir[] = "/tmp/recover.XXXXXX";

static int dir_open(void **state)
{
	(void)state;
	strcpy(run_dir + sizeof(run_dir) - 7, "XXXXXX");
	return mkdtemp(run_dir) ? 0 : -1;
}

static int dir_close(void **state)
{
	char cmd[64];

	(void)state;
	snprintf(cmd, sizeof(cmd), "rm -r %s", run_dir);
	return system(cmd);
}

static void dir_write(const char *name, const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", run_dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

/* The text of a file; NULL: there is none. */
static const char *dir_read(const char *name, char *buf, size_t size)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", run_dir, name);
	f = fopen(path, "r");
	if (!f)
		return NULL;
	buf[fread(buf, 1, size - 1, f)] = '\0';
	fclose(f);
	return buf;
}

static bool journal_is(const char *want)
{
	char text[1024];
	const char *is = dir_read("journal-0000:01:00", text, sizeof(text));

	return want ? is && !strcmp(is, want) : !is;
}

/* --- which slots -------------------------------------------------------------------- */

struct slots {
	char text[128];
};

static int slots_add(struct bdf slot, void *arg)
{
	struct slots *s = arg;
	char at[BDF_STR];
	size_t n = strlen(s->text);

	snprintf(s->text + n, sizeof(s->text) - n, "%s ", bdf_slot_str(slot, at));
	return 0;
}

static void test_slots(void **state)
{
	struct slots s = { "" };
	struct err err = { 0 };

	(void)state;
	assert_int_equal(journal_slots("/nonexistent/run", slots_add, &s, &err), 0);
	dir_write("journal-0000:0c:00", "");
	dir_write("journal-0000:01:00", UNDO);
	dir_write("journal-0000:01:00.0", UNDO);        /* a function, not a slot */
	dir_write("journal-", "");
	dir_write("0000:0d:00.lock", "");
	dir_write("held-0000:0e:00", "");
	assert_int_equal(journal_slots(run_dir, slots_add, &s, &err), 0);
	assert_string_equal(s.text, "0000:01:00 0000:0c:00 ");
}

/* --- looking ------------------------------------------------------------------------ */

static void look_count(const struct step *s, void *arg)
{
	unsigned *kinds = arg;

	*kinds |= 1u << s->kind;
}

static void test_look(void **state)
{
	const struct bdf slot = rig_bdf("01:00.0");
	struct recovery rec = { 0 };
	struct err err = { 0 };
	unsigned kinds = 0;

	(void)state;
	assert_int_equal(recover_look("/tmp/recover.none", slot, NULL, NULL, &rec, &err),
			 0);
	assert_int_equal(access("/tmp/recover.none", F_OK), -1);
	assert_int_equal(recover_look(run_dir, slot, NULL, NULL, &rec, &err), 0);
	assert_false(rec.found);
	dir_write("journal-0000:01:00", UNDO);
	assert_int_equal(recover_look(run_dir, slot, look_count, &kinds, &rec, &err), 0);
	assert_int_equal(rec.steps, 2);
	assert_int_equal(kinds, 1u << STEP_ATTR | 1u << STEP_BIND);
	assert_true(journal_is(UNDO));
	/* empty, as a run that goes on has it between two steps: it is not removed */
	dir_write("journal-0000:01:00", "");
	assert_int_equal(recover_look(run_dir, slot, NULL, NULL, &rec, &err), 0);
	assert_true(journal_is(""));
	/* damaged: neither does the question whether there is something remove it */
	dir_write("journal-0000:01:00", "nonsense\n");
	assert_int_equal(recover_needed(run_dir, slot, &err), 1);
	assert_true(journal_is("nonsense\n"));
}

/* --- doing ------------------------------------------------------------------------ */

static void test_put_back(void **state)
{
	static const struct hw_holder sh = { 4711, "sh", "/dev/dri/card1", { 0 } };
	struct rig *r = rig_open("flr", RIG_ROOT_PORT);
	struct work_watch w = { .ch = NULL };
	const struct exec_watch quiet = { .arg = &w };
	struct recovery rec = { 0 };
	struct err err = { 0 };
	char text[64];

	(void)state;
	hw_sim_driver(r->sim, "amdgpu");
	hw_sim_attr(r->sim, rig_fn(r, 0), "power/control", "on");
	dir_write("journal-0000:01:00", UNDO);
	hw_sim_holder_until(r->sim, rig_fn(r, 0), &sh, hw_now(r->sim) + 60000000);
	assert_int_equal(work_recover_all(r->hw, run_dir, &r->spec, 0, &quiet, &rec,
					  &err), -EBUSY);
	assert_non_null(strstr(err.text, "process 4711 (sh)"));
	assert_int_equal(work_recover_status(-EBUSY), EXIT_BUSY);
	assert_true(journal_is(UNDO));
	assert_int_equal(work_recover_all(r->hw, run_dir, &r->spec, FORCE_IN_USE, &quiet,
					  &rec, &err), 0);
	assert_int_equal(rec.steps, 2);
	assert_int_equal(rec.failed + rec.later, 0);
	assert_true(journal_is(NULL));
	hw_attr_read(r->hw, rig_fn(r, 0), "power/control", text, sizeof(text), NULL);
	assert_string_equal(text, "auto");
	hw_attr_read(r->hw, rig_fn(r, 0), "driver", text, sizeof(text), NULL);
	assert_string_equal(text, "amdgpu");
	/* twice does no harm */
	assert_int_equal(work_recover_all(r->hw, run_dir, &r->spec, 0, &quiet, &rec,
					  &err), 0);
	assert_false(rec.found);
	rig_close(r);
}

/* --- not ours -------------------------------------------------------------------- */

#define AWAKE(n, fn) "undo 1." #n " attr " fn " phase=4 us=1000000 name=power/control " \
		     "text=auto\n"

static bool is_auto(struct rig *r, const char *fn)
{
	char text[16] = "";

	hw_attr_read(r->sim, rig_bdf(fn), "power/control", text, sizeof(text), NULL);
	return !strcmp(text, "auto");
}

/* A journal may speak of the slot and of what is above it, and of nobody else. */
static void test_foreign(void **state)
{
	struct rig *r = rig_unbooted("flr", RIG_SWITCH);
	static const char *const fns[] = {
		"00:01.0", "01:00.0", "02:00.0", "03:00.1", "02:01.0", "04:00.0",
	};
	struct recovery rec = { 0 };
	struct err err = { 0 };

	(void)state;
	rig_add(r, "flr", rig_bdf("04:00.0"));
	rig_boot(r);
	for (size_t i = 0; i < 6; i++)
		hw_sim_attr(r->sim, rig_bdf(fns[i]), "power/control", "on");
	dir_write("journal-0000:03:00", AWAKE(1, "0000:00:01.0") AWAKE(2, "0000:01:00.0")
		  AWAKE(3, "0000:02:00.0") AWAKE(4, "0000:03:00.1")
		  AWAKE(5, "0000:02:01.0") AWAKE(6, "0000:04:00.0")
		  "undo 1.10 appear 0000:09:00.2 phase=2 us=1000000 below=0000:02:01.0\n"
		  "undo 1.7 appear 0000:03:00.0 phase=2 us=1000000 below=0000:02:01.0\n"
		  AWAKE(8, "0000:09:00.0")
		  "undo 1.9 appear 0000:09:00.1 phase=2 us=1000000 below=0000:08:01.0\n");
	assert_int_equal(recover_slot(r->hw, run_dir, r->slot, NULL, &rec, &err), 0);
	assert_int_equal(rec.failed, 4);
	assert_non_null(strstr(rec.note.text, "0000:09:00.1 is not part of the machine"));
	assert_non_null(strstr(rec.first.text, "0000:02:01.0: the journal"));
	assert_non_null(strstr(rec.first.text, "neither a function of 0000:03:00 nor"));
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(is_auto(r, fns[i]), i < 4);
	/* what has left the machine has left the journal */
	assert_int_equal(recover_slot(r->hw, run_dir, r->slot, NULL, &rec, &err), 0);
	assert_int_equal(rec.steps, 4);
	assert_int_equal(rec.failed, 4);
	assert_int_equal(rec.note.code, 0);
	rig_close(r);
}

/* --- saying ----------------------------------------------------------------------- */

static void test_held(void **state)
{
	const struct bdf slot = rig_bdf("01:00.0");
	struct err err = { 0 };
	pid_t child;
	int fd;

	(void)state;
	assert_false(lock_is_held(run_dir, slot));
	fd = lock_take(run_dir, slot, &err);
	assert_true(fd >= 0);
	assert_int_equal(lock_note(fd, getpid()), 0);
	assert_true(lock_is_held(run_dir, slot));
	child = fork();
	if (!child)
		_exit(0);
	waitpid(child, NULL, 0);
	assert_int_equal(lock_note(fd, child), 0);
	assert_false(lock_is_held(run_dir, slot));      /* whoever it was is dead */
	close(fd);
}

static void test_waiting(void **state)
{
	const struct bdf slot = rig_bdf("01:00.0");
	struct options o = { .run_dir = run_dir };
	struct err err = { 0 };
	int fd;

	(void)state;
	assert_int_equal(work_waiting(&o, slot), 0);
	dir_write("journal-0000:01:00", UNDO);
	assert_int_equal(work_waiting(&o, slot), 2);
	fd = lock_take(run_dir, slot, &err);
	assert_int_equal(lock_note(fd, getpid()), 0);
	assert_int_equal(work_waiting(&o, slot), 0);    /* a run that goes on */
	assert_int_equal(lock_note(fd, 0), 0);
	close(fd);
	o.replay = "x.rec";
	assert_int_equal(work_waiting(&o, slot), 0);
	assert_true(journal_is(UNDO));
}

static void test_plan_says(void **state)
{
	struct rig *r = rig_open("flr", RIG_ROOT_PORT);
	struct options o = { .run_dir = run_dir };
	struct study s = { .name = "card" };
	struct report rep = { .study = &s, .opts = &o };
	struct err err = { 0 };

	(void)state;
	assert_int_equal(rig_plan(r, NULL, &err), 0);
	s.target = r->target;
	s.plan = r->plan;
	for (size_t n = 0; n < 3; n++) {
		char *buf = NULL;
		size_t len = 0;
		FILE *f = open_memstream(&buf, &len);

		rep.waiting = n;
		report_plan(&rep, f, false);
		fclose(f);
		assert_int_equal(strstr(buf, "a killed run left") != NULL, n > 0);
		if (n == 1)
			assert_non_null(strstr(buf, "left 1 thing to be put back; "
					       "gpureset recover 0000:01:00, or the "
					       "next reset"));
		if (n == 2)
			assert_non_null(strstr(buf, "left 2 things to be put back;"));
		free(buf);
	}
	rig_close(r);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, dir_open, dir_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_slots), TEST(test_look), TEST(test_put_back),
		TEST(test_foreign), TEST(test_held), TEST(test_waiting),
		TEST(test_plan_says),
	};

	return cmocka_run_group_tests_name("recover", tests, NULL, NULL);
}
