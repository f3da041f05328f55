// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Asked to stop in the middle: a real supervisor and a real worker that resets a
 * simulated card, with a signal to the one or the other at every step of a method. What
 * was begun is finished or undone, the reset bit is never left set, no journal stays,
 * and the report says which of the two it was.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "cmd/work.h"
#include "run/supervise.h"
#include "sim_rig.h"

static char run_dir[] = "/tmp/gpureset-signals-XXXXXX";

/* --- a worker that is signalled at a step ------------------------------------------- */

struct moment {
	const char *method;
	size_t step;            /* at the beginning of this one, from 1; 0: never */
	int signal;
	bool worker;            /* to the worker itself, not to its supervisor */
	bool again;             /* and once more at each step that follows */
	pid_t supervisor;
	struct rig *rig;
	struct work_watch watch;
	struct exec_watch told;
	size_t at;
};

/* A signal takes its way through the supervisor: wait until it has arrived. */
static void moment_fire(const struct moment *m)
{
	const struct timespec nap = { .tv_nsec = 1000000 };

	kill(m->worker ? getpid() : m->supervisor, m->signal);
	for (int i = 0; i < 5000 && !channel_stop(m->watch.ch); i++)
		nanosleep(&nap, NULL);
}

static void moment_begin(void *arg, const struct attempt *a, const struct step *s)
{
	struct moment *m = arg;

	m->told.begin(m->told.arg, a, s);
	m->at++;
	if (m->at == m->step || (m->again && m->step && m->at > m->step))
		moment_fire(m);
}

static bool moment_stop(void *arg)
{
	const struct moment *m = arg;

	return m->told.stop(m->told.arg);
}

/* "3 healthy", "3 stopped: ...": how many steps were begun, and what became of it. */
static int moment_word(struct channel *ch, size_t at, const char *text)
{
	char line[ERR_TEXT + 48];

	snprintf(line, sizeof(line), "%zu %s", at, text);
	channel_report(ch, line, strlen(line));
	return 0;
}

static int moment_judge(const struct moment *m, const struct rig_state *before,
			const struct exec_outcome *out)
{
	bool bus = !strncmp(m->method, "bus", 3);
	const char *wrong = rig_changed(m->rig, before, bus);
	char text[ERR_TEXT + 16];

	if (wrong)
		snprintf(text, sizeof(text), "WRONG: %s", wrong);
	else if (out->undo.code)
		snprintf(text, sizeof(text), "WRONG: %s", out->undo.text);
	else
		snprintf(text, sizeof(text), "%s%s", out->result == EXEC_HEALTHY ?
			 "healthy" : out->interrupted ? "stopped: " : "failed: ",
			 out->err.text);
	moment_word(m->watch.ch, m->at, text);
	return out->result == EXEC_HEALTHY ? EXIT_HEALTHY : EXIT_FAILED;
}

static int moment_work(struct job *job, struct channel *ch)
{
	struct moment *m = job->arg;
	const struct exec_watch watch = { .begin = moment_begin, .stop = moment_stop,
					  .arg = m };
	static struct exec_outcome out[32];
	struct exec_summary sum;
	struct rig_state before;
	struct plan only = m->rig->plan;
	struct err err;

	m->watch.ch = ch;
	m->told = work_watch(&m->watch);
	only.attempt = (struct attempt *)rig_attempt(m->rig, m->method);
	only.nattempts = 1;
	rig_remember(m->rig, &before);
	if (work_exec_plan(m->rig->hw, run_dir, job->slot, &only, &watch, 0, out, &sum,
			   &err)) {
		moment_word(ch, 0, err.text);
		return EXIT_CONFIG;
	}
	return moment_judge(m, &before, &out[0]);
}

/* --- and what is seen of it from outside -------------------------------------------- */

/* In a process of its own: the signal is for a supervisor, not for the test. */
static void supervised(struct moment *m, int *status, char *word, size_t size)
{
	const struct supervise_opts opts = { .run_dir = run_dir, .undo_us = 60000000,
					     .grace_us = 20000000 };
	struct job job = { .slot = m->rig->slot, .work = moment_work, .arg = m };
	int ends[2], wait_status;
	struct err err;
	pid_t pid;
	ssize_t n;

	assert_int_equal(pipe(ends), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		m->supervisor = getpid();
		if (supervise(&job, 1, &opts, &err) < 0)
			_exit(99);
		dprintf(ends[1], "%.*s%s", (int)job.report_len,
			job.report ? job.report : "", job.why);
		_exit(job.status);
	}
	close(ends[1]);
	for (n = 0; (size_t)n < size - 1;) {
		ssize_t got = read(ends[0], word + n, size - 1 - (size_t)n);

		if (got <= 0)
			break;
		n += got;
	}
	word[n] = '\0';
	close(ends[0]);
	assert_int_equal(waitpid(pid, &wait_status, 0), pid);
	*status = WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : -1;
}

static void no_journal(struct rig *r, const char *what)
{
	char path[128], slot[BDF_STR];

	snprintf(path, sizeof(path), "%s/journal-%s", run_dir,
		 bdf_slot_str(r->slot, slot));
	if (!access(path, F_OK))
		fail_msg("%s: the journal stays", what);
}

struct tally {
	size_t sent, stopped, done;
};

static void signalled(struct moment *m, struct tally *n)
{
	char word[2 * ERR_TEXT + 64], what[100];
	const char *text;
	int status;

	snprintf(what, sizeof(what), "%s, signal %d to the %s at step %zu", m->method,
		 m->signal, m->worker ? "worker" : "supervisor", m->step);
	supervised(m, &status, word, sizeof(word));
	text = strchr(word, ' ');
	if (!text || strstr(word, "WRONG") || strstr(word, "failed"))
		fail_msg("%s: exit %d: %s", what, status, word);
	if (!strcmp(text, " healthy")) {
		assert_int_equal(status, EXIT_HEALTHY);
		n->done++;
	} else if (strstr(text, "stopped") == text + 1) {
		assert_int_equal(status, EXIT_FAILED);
		n->stopped++;
	} else {
		fail_msg("%s: exit %d: %s", what, status, word);
	}
	n->sent++;
	no_journal(m->rig, what);
}

static size_t steps_of(struct moment *m)
{
	char word[256];
	int status;

	m->step = 0;
	supervised(m, &status, word, sizeof(word));
	if (status != EXIT_HEALTHY)
		fail_msg("%s: %s", m->method, word);
	return strtoul(word, NULL, 10);
}

static void every_step(struct rig *r, const char *method, struct tally *n)
{
	static const int stops[] = { SIGTERM, SIGINT, SIGHUP };
	struct moment m = { .method = method, .rig = r };
	size_t steps = steps_of(&m);

	for (m.step = 1; m.step <= steps; m.step++) {
		m.signal = stops[m.step % 3];
		m.again = false;
		m.worker = false;
		signalled(&m, n);
		m.worker = true;
		signalled(&m, n);
		m.again = true;         /* a second one does not cut the undo short */
		signalled(&m, n);
	}
}

static void test_every_step(void **state)
{
	struct tally n = { 0 };
	struct err err = { 0 };
	struct rig *r;

	(void)state;
	r = rig_open("flr", RIG_ROOT_PORT);
	hw_sim_driver(r->sim, "amdgpu");
	rig_scribble(r);
	assert_int_equal(rig_plan(r, NULL, &err), 0);
	every_step(r, "bus at 0000:00:01.0", &n);
	every_step(r, "subordinate at 0000:00:01.0", &n);
	every_step(r, "flr", &n);
	rig_close(r);
	r = rig_open("fury", RIG_ROOT_PORT);
	rig_use_fury(r);
	rig_quirk(r, "quirks/amd-fiji.quirk");
	assert_int_equal(rig_plan(r, NULL, &err), 0);
	every_step(r, "sequence baco", &n);
	rig_close(r);
	print_message("count: stop signals sent: %zu\n"
		      "count: stop signals obeyed in time, undone: %zu\n", n.sent,
		      n.stopped);
	assert_int_equal(n.stopped + n.done, n.sent);
	assert_true(n.stopped > n.sent / 2);
	assert_true(n.done > 0);
}

static int dir_open(void **state)
{
	(void)state;
	return mkdtemp(run_dir) ? 0 : -1;
}

static int dir_close(void **state)
{
	char cmd[64];

	(void)state;
	snprintf(cmd, sizeof(cmd), "rm -r %s", run_dir);
	return system(cmd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_step),
	};

	return cmocka_run_group_tests_name("signals", tests, dir_open, dir_close);
}
