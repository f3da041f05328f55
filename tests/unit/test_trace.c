// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * run/trace.c: every access is told once, in order, within its step; both formats; what a
 * killed process left; the kept file, which never grows and is no way to another file.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
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

#include "cmd/work.h"
#include "hw/hw_record.h"
#include "run/trace.h"
#include "sim_rig.h"

#define FIJI "quirks/amd-fiji.quirk"
#define MAX_ATTEMPTS 32

static char top[] = "/tmp/test-trace-XXXXXX";
static char run_dir[64], file[64];
static struct exec_outcome out[MAX_ATTEMPTS];
static struct exec_summary sum;

/* --- help ---------------------------------------------------------------------- */

static const struct plan_opts untested = { .allow_untested = true };

static struct rig *used_fury(void)
{
	struct rig *r = rig_open("fury", RIG_ROOT_PORT);
	struct err err = { 0 };

	rig_use_fury(r);
	rig_quirk(r, FIJI);
	assert_int_equal(rig_plan(r, &untested, &err), 0);
	return r;
}

static int new_file(void)
{
	int fd = open(file, O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	return fd;
}

/* All of @path, NUL-terminated. */
static char *slurp(const char *path)
{
	FILE *f = fopen(path, "r");
	char *text = NULL;
	size_t room = 0;
	ssize_t n;

	assert_non_null(f);
	n = getdelim(&text, &room, '\0', f);
	fclose(f);
	if (n < 0) {
		free(text);
		return strdup("");
	}
	return text;
}

/* The plan of @r, run on @hw with nothing but the trace @t (NULL: none). */
static void run(struct rig *r, struct trace *t, struct hw *hw)
{
	struct trace_watch w = { .t = t, .plan = &r->plan };
	struct exec_watch watch = { .keep = NULL };

	if (t)
		watch = trace_watch(&w);
	exec_plan(hw, &r->plan, &watch, 0, out, &sum);
	if (t)
		trace_watch_end(&w);
}

static struct trace *trace_to_file(int fd, bool chrome)
{
	const struct trace_to to = { .fd = fd, .chrome = chrome, .pid = 7, .tid = 3 };

	return trace_open(&to);
}

static int clean(void **state)
{
	char command[160];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s %s", run_dir, file);
	return system(command);
}

/* --- Chrome's format ------------------------------------------------------------ */

struct event {
	char ph;
	unsigned long long ts, dur;
	char name[160], cat[40];
};

static void word(const char *line, const char *key, char *buf, size_t size)
{
	const char *at = strstr(line, key);

	buf[0] = '\0';
	if (at)
		snprintf(buf, size, "%.*s", (int)strcspn(at + strlen(key), "\""),
			 at + strlen(key));
}

/* One event a line, each behind a comma. */
static bool next_event(char **at, struct event *e)
{
	char *line = strstr(*at, "{\"ph\":\""), *dur;

	if (!line)
		return false;
	*at = line + strcspn(line, "\n");
	if (**at)
		*(*at)++ = '\0';
	*e = (struct event){ .ph = line[7] };
	assert_non_null(strstr(line, "\"pid\":7,\"tid\":3,\"ts\":"));
	assert_int_equal(sscanf(strstr(line, "\"ts\":"), "\"ts\":%llu", &e->ts), 1);
	dur = strstr(line, "\"dur\":");
	if (dur)
		assert_int_equal(sscanf(dur, "\"dur\":%llu", &e->dur), 1);
	word(line, "\"name\":\"", e->name, sizeof(e->name));
	word(line, "\"cat\":\"", e->cat, sizeof(e->cat));
	assert_int_equal(line[strlen(line) - 1] == '}' ||
			 !strcmp(line + strlen(line) - 2, "},"), true);
	return true;
}

struct tally {
	size_t accesses, spans, steps, notes, asleep;
	int depth, deepest;
	unsigned long long last;        /* when the last event began, or ended */
};

/* Begins after all before it; an access has ended before the next event. */
static void tell(struct tally *y, const struct event *e)
{
	assert_true(e->ts >= y->last);
	y->last = e->ts + e->dur;
	if (e->ph == 'X') {
		y->accesses++;
		y->asleep += !strcmp(e->cat, "sleep");
		assert_string_not_equal(e->name, "");
	} else if (e->ph == 'B') {
		y->spans++;
		y->steps += strcmp(e->cat, "part") != 0;
		y->depth++;
	} else if (e->ph == 'E') {
		y->depth--;
	} else {
		assert_int_equal(e->ph, 'i');
		y->notes++;
	}
	assert_true(y->depth >= 0);
	y->deepest = y->depth > y->deepest ? y->depth : y->deepest;
}

static struct tally tally(char *text)
{
	struct tally y = { 0 };
	struct event e;

	while (next_event(&text, &e))
		tell(&y, &e);
	return y;
}

static size_t steps_run(const struct rig *r)
{
	size_t n = 0;

	for (size_t i = 0; i < r->plan.nattempts; i++)
		n += out[i].steps_run;
	return n;
}

static void test_nesting(void **state)
{
	struct rig *r = used_fury();
	int fd = new_file();
	struct trace *t = trace_to_file(fd, true);
	struct hw *hw = trace_hw(t, r->hw);
	struct tally y;
	char *text;

	(void)state;
	run(r, t, hw);
	assert_non_null(sum.healthy);
	hw_shim_detach(hw);
	assert_int_equal(trace_close(t, NULL), 0);
	close(fd);
	text = slurp(file);
	y = tally(text);
	assert_int_equal(y.depth, 0);
	assert_int_equal(y.deepest, 2);         /* attempt, step */
	assert_int_equal(y.steps, steps_run(r));
	assert_true(y.asleep > 0);
	print_message("count: steps of a reset found in its trace, in order: %zu\n",
		      y.steps);
	free(text);
	rig_close(r);
}

/* --- every access, against another counter ---------------------------------------- */

/* Lines of a recorder, which is another program's idea of a call; clocks are not told. */
static size_t recorded(const char *text)
{
	size_t n = 0;

	for (const char *at = text; (at = strstr(at, "@ ")); at++) {
		const char *verb = strchr(at + 2, ' ');

		n += verb && strncmp(verb, " now", 4) && (at == text || at[-1] == '\n');
	}
	return n;
}

static size_t unrecorded(const char *text)
{
	static const char *const cat[] = {
		"\"cat\":\"own VFIO group\"", "\"cat\":\"let go of VFIO group\"",
		"\"cat\":\"VFIO close\"", "\"cat\":\"kernel log\"",
	};
	size_t n = 0;

	for (size_t i = 0; i < sizeof(cat) / sizeof(*cat); i++)
		for (const char *at = text; (at = strstr(at, cat[i])); at++)
			n++;
	return n;
}

static void test_every_access(void **state)
{
	static const char *const kind[] = { "fury", "flr", "slow", "navi", "gpu" };
	size_t all = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(kind) / sizeof(*kind); i++) {
		struct rig *r = i ? rig_open(kind[i], RIG_SWITCH) : used_fury();
		char *lines = NULL, *text;
		size_t len, told, others;
		FILE *f = open_memstream(&lines, &len);
		struct hw *rec = hw_record_open(r->hw, f), *hw;
		int fd = new_file();
		struct trace *t = trace_to_file(fd, true);

		if (i) {
			rig_vfio(r);
			assert_int_equal(rig_plan(r, NULL, NULL), 0);
		}
		hw = trace_hw(t, rec);
		run(r, t, hw);
		fflush(f);
		hw_shim_detach(hw);
		trace_close(t, NULL);
		close(fd);
		text = slurp(file);
		others = unrecorded(text);
		told = tally(text).accesses;
		assert_true(told > 10);
		assert_int_equal(told - others, recorded(lines));
		all += told;
		free(text);
		r->hw = rec;                    /* closes both, and the stream */
		rig_close(r);
		free(lines);
	}
	print_message("count: accesses in traces that a recorder saw as well: %zu\n",
		      all);
}

/* A trace changes nothing: the same outcome, the same steps, the same accesses. */
static void test_no_trace(void **state)
{
	struct rig *r = used_fury();
	uint64_t plain, traced;
	struct trace *t;
	struct hw *hw;
	int fd;

	(void)state;
	assert_ptr_equal(trace_hw(NULL, r->hw), r->hw);
	assert_null(trace_of(r->hw));
	hw_shim_arm(r->hw, SHIM_NONE, 0, r->slot);
	run(r, NULL, r->hw);
	plain = hw_shim_count(r->hw);
	rig_close(r);
	r = used_fury();
	fd = new_file();
	t = trace_to_file(fd, false);
	hw = trace_hw(t, r->hw);
	assert_ptr_equal(trace_of(hw), t);
	assert_ptr_equal(hw_shim_below(hw), r->hw);
	hw_shim_arm(r->hw, SHIM_NONE, 0, r->slot);
	run(r, t, hw);
	traced = hw_shim_count(r->hw);
	assert_int_equal(plain, traced);
	hw_shim_detach(hw);
	trace_close(t, NULL);
	close(fd);
	rig_close(r);
}

/* --- lines ------------------------------------------------------------------------ */

static size_t lines(const char *text)
{
	size_t n = 0;

	for (; (text = strchr(text, '\n')); text++)
		n++;
	return n;
}

/* Each line begins with its time, which never goes back. */
static void in_order(const char *text)
{
	double last = 0, at;

	for (const char *line = text; *line; line += strcspn(line, "\n") + 1) {
		assert_int_equal(sscanf(line, "%lf", &at), 1);
		/* what was the same again is told late, with the time it has */
		if (!strstr(strndupa(line, strcspn(line, "\n")), " times, for "))
			assert_true(at >= last);
		last = at > last ? at : last;
	}
}

static void test_text(void **state)
{
	struct rig *r = used_fury();
	int fd = new_file();
	struct trace *t = trace_to_file(fd, false);
	struct hw *hw = trace_hw(t, r->hw);
	char *text;

	(void)state;
	rig_vfio(r);
	assert_int_equal(rig_plan(r, &untested, NULL), 0);
	run(r, t, hw);
	hw_shim_detach(hw);
	trace_close(t, NULL);
	close(fd);
	text = slurp(file);
	in_order(text);
	assert_non_null(strstr(text, "  attempt: sequence baco\n"));
	assert_non_null(strstr(text, " act: 0000:01:00.0 set BACO_CNTL.EN = 0x1 "));
	assert_non_null(strstr(text, "    register write bar5+0x5394 BACO_CNTL.EN := "));
	assert_non_null(strstr(text, " SMC_PC_C (index) := 0x80000370\n"));
	assert_non_null(strstr(text, "register read bar5+0x6b4 SMC_PC_C = 0x"));
	assert_non_null(strstr(text, " attribute write power/control := 'on'"));
	assert_non_null(strstr(text, " config read 0x0/4 ID = 0x73001002\n"));
	assert_non_null(strstr(text, " done, 20.000 ms (slept 1 time, 20.000 ms)\n"));
	free(text);
	rig_close(r);
}

#define MEMSIZE 0x5428
#define LATE 15

/* The memory size is there late, as the reset of a real card takes its time. */
static uint32_t late(void *arg, int fn, int bar, unsigned off, unsigned width,
		     uint32_t truth)
{
	int *reads = arg;

	(void)fn;
	(void)width;
	return bar == 5 && off == MEMSIZE && (*reads)++ < LATE ? UINT32_MAX : truth;
}

/* A wait that reads often is a line when it begins, and one when it reads a change. */
static void test_polling(void **state)
{
	struct rig *r = used_fury();
	int fd = new_file(), reads = 0;
	struct trace *t = trace_to_file(fd, false);
	struct hw *hw = trace_hw(t, r->hw);
	size_t told = 0;
	char *text;

	(void)state;
	rig_lie(late, &reads);
	run(r, t, hw);
	rig_lie(NULL, NULL);
	assert_non_null(sum.healthy);
	hw_shim_detach(hw);
	trace_close(t, NULL);
	close(fd);
	text = slurp(file);
	in_order(text);
	assert_non_null(strstr(text, "bar5+0x5428 CONFIG_MEMSIZE = 0xffffffff\n"));
	assert_non_null(strstr(text, "bar5+0x5428 CONFIG_MEMSIZE = 0x00001000 (15 times "
			       "0xffffffff before, for "));
	assert_non_null(strstr(text, " (slept 15 times, "));
	for (const char *at = text; (at = strstr(at, "bar5+0x5428 ")); at++)
		told++;
	assert_int_equal(told, 3);      /* the third: it stays so */
	assert_int_equal(reads, LATE + 4);
	free(text);
	rig_close(r);
}

/* --- a process that is killed ------------------------------------------------------ */

#define KILL_AT 30

static void die_there(void *arg, const struct attempt *a, const struct step *s)
{
	int *left = arg;

	(void)a;
	(void)s;
	if (!--*left)
		raise(SIGKILL);
}

static void child(int fd, bool chrome)
{
	int left = KILL_AT;
	struct rig *r = used_fury();
	struct trace *t = trace_to_file(fd, chrome);
	struct trace_watch w = {
		.inner = { .begin = die_there, .arg = &left }, .t = t, .plan = &r->plan,
	};
	const struct exec_watch watch = trace_watch(&w);

	trace_keep(t, run_dir, r->slot, NULL);
	exec_plan(trace_hw(t, r->hw), &r->plan, &watch, 0, out, &sum);
	_exit(1);
}

static char *killed(bool chrome)
{
	int fd = new_file(), status;
	pid_t pid = fork();

	if (pid == 0)
		child(fd, chrome);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	close(fd);
	return slurp(file);
}

static size_t steps_in(const char *text)
{
	size_t n = 0;

	assert_int_equal(text[strlen(text) - 1], '\n');
	for (const char *at = text; (at = strstr(at, ": 0000:01:00.")); at++)
		n++;
	return n;
}

static void test_killed(void **state)
{
	char *text = killed(false), kept[128];
	struct tally y;

	(void)state;
	assert_int_equal(steps_in(text), KILL_AT);
	in_order(text);
	free(text);
	snprintf(kept, sizeof(kept), "%s/trace-0000:01:00", run_dir);
	text = slurp(kept);
	assert_int_equal(steps_in(text), KILL_AT);
	free(text);
	text = killed(true);
	y = tally(text);
	assert_int_equal(y.steps, KILL_AT);
	assert_int_equal(y.depth, 2);           /* the step that never ended is there */
	free(text);
}

/* --- the kept file ----------------------------------------------------------------- */

static char *kept_path(const struct rig *r)
{
	static char path[128];
	char slot[BDF_STR];

	snprintf(path, sizeof(path), "%s/trace-%s", run_dir, bdf_slot_str(r->slot, slot));
	return path;
}

static void reset(struct rig *r)
{
	const struct exec_watch watch = { .keep = NULL };
	struct err err = { 0 };

	assert_int_equal(work_exec_plan(r->hw, run_dir, r->slot, &r->plan, &watch, 0, out,
					&sum, &err), 0);
	assert_non_null(sum.healthy);
}

static size_t runs_in(const char *text)
{
	size_t n = 0;

	for (const char *at = text; (at = strstr(at, "== 2")); at++)
		n++;
	return n;
}

static void test_kept(void **state)
{
	struct rig *r = used_fury();
	struct stat st;
	char *text;
	size_t len, largest = 0;

	(void)state;
	for (int i = 0; i < 12; i++) {
		rig_use_fury(r);
		reset(r);
		assert_int_equal(stat(kept_path(r), &st), 0);
		assert_true(st.st_size <= (off_t)TRACE_KEPT_MAX);
		largest = (size_t)st.st_size > largest ? (size_t)st.st_size : largest;
		text = slurp(kept_path(r));
		/* the whole of this run is in it, and its beginning says when */
		assert_true(runs_in(text) >= 1);
		assert_non_null(strstr(text, "  sequence baco: healthy\n"));
		assert_int_equal(text[strlen(text) - 1], '\n');
		if (i >= 8)
			assert_memory_equal(text, "... older lines made room", 25);
		free(text);
	}
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_true(largest > TRACE_KEPT_MAX / 2);
	assert_int_equal(trace_kept(run_dir, r->slot, &text, &len, NULL), 0);
	assert_true(runs_in(text) >= 2);
	print_message("count: runs kept of 12, in at most %zu bytes: %zu\n", largest,
		      runs_in(text));
	free(text);
	rig_close(r);
}

/* AddressSanitizer tells of every block. */
static size_t blocks;

void __sanitizer_malloc_hook(const volatile void *at, size_t size);

void __sanitizer_malloc_hook(const volatile void *at, size_t size)
{
	(void)at;
	(void)size;
	blocks++;
}

/* Running out of memory in the middle of a reset would end it: none is asked for. */
static void test_no_memory(void **state)
{
	struct rig *r = used_fury();
	struct trace *t = trace_open(NULL);
	size_t before;
	char *text;

	(void)state;
	assert_true(blocks > 0);        /* or it cannot be told */
	assert_int_equal(trace_keep(t, run_dir, r->slot, NULL), 0);
	trace_note(t, "%0600d", 0);     /* what stdio needs, it has now */
	before = blocks;
	for (unsigned i = 0; i < TRACE_KEPT_MAX / 300; i++)
		trace_note(t, "%0400u", i);
	assert_int_equal(blocks, before);
	trace_close(t, NULL);
	text = slurp(kept_path(r));
	assert_memory_equal(text, "... older lines made room", 25);
	free(text);
	rig_close(r);
}

/* What is asked for with --trace is kept, too: steps only. */
static void test_both(void **state)
{
	struct rig *r = used_fury();
	int fd = new_file();
	struct trace *t = trace_to_file(fd, false);
	struct hw *below = r->hw;
	char *kept, *text;
	size_t n = 0;

	(void)state;
	r->hw = trace_hw(t, below);
	trace_begin(t, "looking at the card");
	hw_attr_exists(r->hw, r->slot, "reset");
	trace_end(t);
	reset(r);
	hw_shim_detach(r->hw);
	r->hw = below;
	assert_int_equal(trace_close(t, NULL), 0);
	close(fd);
	text = slurp(file);
	kept = slurp(kept_path(r));
	assert_non_null(strstr(text, "attribute there 0000:01:00.0 reset = 0x"));
	assert_null(strstr(kept, "attribute there 0000:01:00.0 reset = 0x"));
	assert_null(strstr(kept, "config read 0000:"));
	assert_non_null(strstr(kept, "  attempt: none\n"));
	for (char *line = strtok(strchr(kept, '\n'), "\n"); line; n++) {
		if (!strstr(text, line))
			fail_msg("kept, and not in the trace: %s", line);
		line = strtok(NULL, "\n");
	}
	assert_true(n > 300 && n < lines(text));
	free(kept);
	free(text);
	rig_close(r);
}

/* A file that is not ours is not written, and the reset goes on without. */
static void test_not_ours(void **state)
{
	static const char victim_text[] = "somebody's\n";
	char victim[80], *text;
	struct err err;
	int made = 0;

	(void)state;
	snprintf(victim, sizeof(victim), "%s/victim", top);
	for (int how = 0; how < 3; how++) {
		struct rig *r = used_fury();
		struct trace *t = trace_open(NULL);
		FILE *f = fopen(victim, "w");

		fputs(victim_text, f);
		fclose(f);
		mkdir(run_dir, 0755);
		if (how == 0)
			assert_int_equal(symlink(victim, kept_path(r)), 0);
		else if (how == 1)
			assert_int_equal(link(victim, kept_path(r)), 0);
		else
			assert_int_equal(mkfifo(kept_path(r), 0600), 0);
		assert_int_equal(trace_keep(t, run_dir, r->slot, &err), -EPERM);
		assert_int_equal(trace_kept(run_dir, r->slot, &text, &(size_t){ 0 },
					    &err), -EPERM);
		reset(r);
		text = slurp(victim);
		assert_string_equal(text, victim_text);
		free(text);
		trace_close(t, NULL);
		rig_close(r);
		unlink(victim);
		made += clean(state) == 0;
	}
	assert_int_equal(made, 3);
}

/* --- all --------------------------------------------------------------------------- */

static int setup(void **state)
{
	(void)state;
	if (!mkdtemp(top) || chmod(top, 0755))
		return -1;
	snprintf(run_dir, sizeof(run_dir), "%s/run", top);
	snprintf(file, sizeof(file), "%s/trace", top);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return rmdir(top);
}

#define CLEAN(test) cmocka_unit_test_teardown(test, clean)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CLEAN(test_nesting), CLEAN(test_every_access), CLEAN(test_no_trace),
		CLEAN(test_text), CLEAN(test_polling), CLEAN(test_killed),
		CLEAN(test_kept), CLEAN(test_no_memory), CLEAN(test_both),
		CLEAN(test_not_ours),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
