// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Waiting for whoever has a card open: on the simulator, whose time is its own, and
 * with real processes that hold a file of a made-up tree.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "hw/hw_linux.h"
#include "hw/hw_sim.h"
#include "hw/hw_write.h"
#include "run/idle.h"
#include "sim_rig.h"

#define MS UINT64_C(1000)
#define S UINT64_C(1000000)

static const struct bdf gpu = { 0, 0x0b, 0, 0 };
static const struct bdf fns[] = { { 0, 0x0b, 0, 0 }, { 0, 0x0b, 0, 1 } };
static const struct hw_holder qemu = { 41, "kvm", "/dev/vfio/12", { 0 } };
static const struct hw_holder xorg = { 42, "Xorg", "/dev/dri/card0", { 0 } };

/* stat as proc(5) has it, with a name that tries to end it early */
#define STAT(state, flags) \
	"41 (a) Z 1 (b) " state " 1 41 41 0 -1 " flags " 0 0 0 0 0 0 0 0 20 0 2 0 9 0\n"
#define PLAIN "4194560"         /* PF_RANDOMIZE and so on */
#define KTHREAD "69238848"      /* PF_KTHREAD, PF_FORKNOEXEC ... */

struct idle {
	struct hw *hw;
	struct hw_holder who;
	struct err err;
	int asked, stop_at;             /* of stop_count(), -1: never */
};

static int setup(void **state)
{
	struct idle *t = calloc(1, sizeof(*t));

	if (!t)
		return -1;
	t->hw = hw_sim_open();
	t->stop_at = -1;
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	struct idle *t = *state;

	hw_close(t->hw);
	free(t);
	return 0;
}

static bool stop_count(void *arg)
{
	struct idle *t = arg;

	return ++t->asked == t->stop_at;
}

static int wait_for(struct idle *t, uint64_t us)
{
	memset(&t->who, 0, sizeof(t->who));
	t->asked = 0;
	return idle_wait(t->hw, fns, 2, hw_now(t->hw) + us, stop_count, t,
			 &t->who, &t->err);
}

static void process(struct idle *t, const char *stat, const char *cmdline)
{
	hw_sim_host(t->hw, "/proc/41/stat", stat);
	hw_sim_host(t->hw, "/proc/41/cmdline", cmdline);
}

/* --- on the simulator ------------------------------------------------------------- */

static void test_nobody(void **state)
{
	struct idle *t = *state;

	assert_int_equal(wait_for(t, S), 0);
	assert_int_equal(wait_for(t, 0), 0);
	assert_true(hw_now(t->hw) < MS);        /* a look takes its time, too */
	assert_int_equal(t->asked, 0);
}

/* Others' cards do not matter. */
static void test_elsewhere(void **state)
{
	const struct bdf other = { 0, 0x0c, 0, 0 };
	struct idle *t = *state;

	hw_sim_holder(t->hw, other, &qemu);
	assert_int_equal(wait_for(t, S), 0);
}

static void test_lets_go(void **state)
{
	struct idle *t = *state;

	hw_sim_holder_until(t->hw, fns[1], &qemu, 3 * S);
	assert_int_equal(wait_for(t, 50 * S), 0);
	/* soon after it has let go, and without looking all the time */
	assert_in_range(hw_now(t->hw), 3 * S, 3 * S + 250 * MS);
	assert_in_range(t->asked, 3 * S / (250 * MS), 3 * S / (150 * MS));
}

/* What ends at once is seen at once: the first looks are close together. */
static void test_lets_go_soon(void **state)
{
	struct idle *t = *state;

	hw_sim_holder_until(t->hw, gpu, &qemu, 30 * MS);
	assert_int_equal(wait_for(t, 50 * S), 0);
	assert_in_range(hw_now(t->hw), 30 * MS, 100 * MS);
}

static void test_time_is_up(void **state)
{
	struct idle *t = *state;

	hw_sim_holder(t->hw, gpu, &qemu);
	assert_int_equal(wait_for(t, 5 * S), -ETIMEDOUT);
	assert_in_range(hw_now(t->hw), 5 * S, 5 * S + MS);
	assert_int_equal(t->who.pid, 41);
	assert_string_equal(t->err.text, "process 41 (kvm) is dying and still has "
			    "/dev/vfio/12 open after 5.0 s");
	/* a deadline that has passed: one look */
	assert_int_equal(wait_for(t, 0), -ETIMEDOUT);
	assert_in_range(hw_now(t->hw), 5 * S, 5 * S + MS);
}

static void test_stopped(void **state)
{
	struct idle *t = *state;

	hw_sim_holder(t->hw, gpu, &qemu);
	t->stop_at = 3;
	assert_int_equal(wait_for(t, 500 * S), -ECANCELED);
	assert_int_equal(t->asked, 3);
	assert_non_null(strstr(t->err.text, "asked to stop while kvm (process 41)"));
	assert_int_equal(idle_wait(t->hw, fns, 2, hw_now(t->hw) + S, NULL,
				   NULL, &t->who, &t->err), -ETIMEDOUT);
}

/* Which processes count as dying; each gives the card up after 2 s, were it waited. */
static void test_dying(void **state)
{
	static const struct {
		const char *stat, *cmdline;
		bool dying;
	} rows[] = {
		{ STAT("S", PLAIN), "kvm", false },
		{ STAT("D", PLAIN), "kvm", false },
		{ STAT("S", PLAIN), "k", false },
		{ STAT("D", PLAIN), "", true },
		{ STAT("R", PLAIN), "", true },
		{ STAT("Z", PLAIN), "", true },
		{ STAT("X", PLAIN), "kvm", true },
		{ STAT("S", KTHREAD), "", false },
		{ STAT("Z", KTHREAD), "", true },
		{ NULL, NULL, true },           /* gone since it was seen */
		{ "41 (kvm", "", false },       /* nothing that can be read */
		{ "41 (kvm) S", "", false },
		{ "", "", false },
		{ STAT("S", PLAIN), NULL, false },
	};
	struct idle *t = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		uint64_t begun = hw_now(t->hw);
		int rc;

		process(t, rows[i].stat, rows[i].cmdline);
		hw_sim_holder_until(t->hw, gpu, &qemu, begun + 2 * S);
		rc = wait_for(t, 5 * S);
		if (rc != (rows[i].dying ? 0 : -EBUSY) ||
		    hw_now(t->hw) - begun < (rows[i].dying ? 2 * S : 0))
			fail_msg("row %zu: %d after %llu us", i, rc,
				 (unsigned long long)(hw_now(t->hw) - begun));
		if (rows[i].dying)
			continue;
		assert_int_equal(t->asked, 0);
		assert_string_equal(t->err.text, "process 41 (kvm) has /dev/vfio/12 "
				    "open");
		hw_sleep(t->hw, 2 * S);
	}
}

static void test_dying_too_long(void **state)
{
	struct idle *t = *state;

	process(t, STAT("D", PLAIN), "");
	hw_sim_holder(t->hw, gpu, &qemu);
	assert_int_equal(wait_for(t, 5 * S), -ETIMEDOUT);
	assert_non_null(strstr(t->err.text, "still has /dev/vfio/12 open"));
}

/* --- on a simulated card ------------------------------------------------------------ */

struct closing {
	struct rig *r;
	int looks;
};

static bool stop_closes(void *arg)
{
	struct closing *c = arg;

	if (++c->looks == 3)
		hw_sim_attr(c->r->sim, rig_fn(c->r, 1), "enable", "0");
	return false;
}

/* Nobody has a descriptor any more, but vfio-pci is not done with closing. */
static void test_kernel_closes(void **state)
{
	struct closing c = { .r = rig_open("fury", RIG_ROOT_PORT) };
	const struct bdf fn[] = { rig_fn(c.r, 0), rig_fn(c.r, 1) };
	struct hw_holder who = { 0 };
	struct hw *hw = c.r->hw;
	struct err err;

	(void)state;
	for (int i = 0; i < 2; i++) {
		hw_sim_attr(c.r->sim, fn[i], "driver", "vfio-pci");
		hw_sim_attr(c.r->sim, fn[i], "enable", "0");
	}
	assert_int_equal(idle_wait(hw, fn, 2, hw_now(hw) + S, NULL, NULL, &who, &err), 0);
	hw_sim_attr(c.r->sim, fn[1], "enable", "1");
	assert_int_equal(idle_wait(hw, fn, 2, hw_now(hw) + S, NULL, NULL, &who, &err),
			 -ETIMEDOUT);
	assert_int_equal(who.pid, 0);
	assert_non_null(strstr(err.text, "has been open through vfio-pci for 1.0 s"));
	assert_int_equal(idle_wait(hw, fn, 2, hw_now(hw) + 50 * S, stop_closes, &c, &who,
				   &err), 0);
	assert_int_equal(c.looks, 3);
	/* another driver enables its device for good */
	hw_sim_attr(c.r->sim, fn[1], "driver", "amdgpu");
	hw_sim_attr(c.r->sim, fn[1], "enable", "1");
	assert_int_equal(idle_wait(hw, fn, 2, hw_now(hw) + S, NULL, NULL, &who, &err), 0);
	rig_close(c.r);
}

/* A dying one is not waited for when a living one would still have it afterwards. */
static void test_dying_and_living(void **state)
{
	struct idle *t = *state;

	process(t, STAT("Z", PLAIN), "");
	hw_sim_host(t->hw, "/proc/42/stat", STAT("S", PLAIN));
	hw_sim_host(t->hw, "/proc/42/cmdline", "Xorg");
	hw_sim_holder_until(t->hw, gpu, &qemu, 2 * S);
	hw_sim_holder(t->hw, gpu, &xorg);
	assert_int_equal(wait_for(t, 5 * S), -EBUSY);
	assert_int_equal(t->who.pid, 42);
	assert_int_equal(t->asked, 0);
}

/* Another process by then has that number, say. */
static bool stop_revives(void *arg)
{
	struct idle *t = arg;

	if (++t->asked == 2)
		process(t, STAT("S", PLAIN), "kvm");
	return false;
}

static void test_comes_back(void **state)
{
	struct idle *t = *state;

	process(t, STAT("D", PLAIN), "");
	hw_sim_holder(t->hw, gpu, &qemu);
	assert_int_equal(idle_wait(t->hw, fns, 2, 5 * S, stop_revives, t,
				   &t->who, &t->err), -EBUSY);
	assert_int_equal(t->asked, 2);
	assert_true(hw_now(t->hw) < 5 * S);
}

/* --- real processes ---------------------------------------------------------------- */

#define GPU_DIR "sys/bus/pci/devices/0000:0b:00.0"

struct tree {
	char root[64], file[160];
	struct hw *hw;
};

static void tree_up(struct tree *t)
{
	char cmd[256];
	struct err err;

	snprintf(t->root, sizeof(t->root), "/tmp/gpureset-idle.XXXXXX");
	assert_non_null(mkdtemp(t->root));
	snprintf(t->file, sizeof(t->file), "%s/" GPU_DIR "/resource0", t->root);
	snprintf(cmd, sizeof(cmd), "cd %s && mkdir -p " GPU_DIR " proc && "
		 "echo >" GPU_DIR "/resource0", t->root);
	assert_int_equal(system(cmd), 0);       /* NOLINT: a path of its own */
	t->hw = hw_linux_open_at(t->root, &err);
	assert_non_null(t->hw);
}

static void tree_down(struct tree *t)
{
	char cmd[96];

	hw_close(t->hw);
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", t->root);
	assert_int_equal(system(cmd), 0);       /* NOLINT */
}

/* It alone: in a container there may be processes that even root may not look into. */
static void tree_show(const struct tree *t, pid_t pid)
{
	char real[32], path[128];

	snprintf(real, sizeof(real), "/proc/%d", (int)pid);
	snprintf(path, sizeof(path), "%s%s", t->root, real);
	assert_int_equal(symlink(real, path), 0);
}

static void *hold_on(void *arg)
{
	(void)arg;
	for (;;)
		pause();
	return NULL;
}

/* A child that holds the file; with @headless only in a thread, its main one dead. */
static pid_t holder_start(const struct tree *t, bool headless)
{
	pthread_t thread;
	int ready[2];
	pid_t pid;
	char c;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_NAME, "holder");
		if (open(t->file, O_RDONLY) < 0 ||
		    pthread_create(&thread, NULL, hold_on, NULL) ||
		    write(ready[1], "x", 1) != 1)
			_exit(1);
		if (headless)
			syscall(SYS_exit, 0);
		hold_on(NULL);
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	close(ready[1]);
	tree_show(t, pid);
	return pid;
}

/* Ends the child at the third look. */
struct killer {
	pid_t pid;
	int looks;
};

static bool stop_and_kill(void *arg)
{
	struct killer *k = arg;

	if (++k->looks == 3)
		kill(k->pid, SIGKILL);
	return false;
}

static int wait_real(struct tree *t, struct killer *k,
		     struct hw_holder *who)
{
	struct err err = { 0 };

	return idle_wait(t->hw, &gpu, 1, hw_now(t->hw) + 60 * S,
			 k->pid ? stop_and_kill : NULL, k, who, &err);
}

static void test_real(void **state)
{
	struct hw_holder who = { 0 };
	struct killer k = { 0 };
	siginfo_t gone;
	struct tree t;
	pid_t pid;

	(void)state;
	tree_up(&t);
	assert_int_equal(wait_real(&t, &k, &who), 0);
	pid = holder_start(&t, false);
	assert_int_equal(wait_real(&t, &k, &who), -EBUSY);
	assert_int_equal(who.pid, pid);
	assert_string_equal(who.comm, "holder");
	kill(pid, SIGKILL);
	assert_int_equal(waitid(P_PID, (id_t)pid, &gone, WEXITED | WNOWAIT), 0);
	assert_int_equal(wait_real(&t, &k, &who), 0);
	waitpid(pid, NULL, 0);
	tree_down(&t);
}

/* A process whose main thread is dead shows no descriptor of its own, and has one. */
static void test_real_headless(void **state)
{
	struct hw_holder who = { 0 };
	struct killer k = { 0 };
	char path[64], line[256];
	struct tree t;
	FILE *f;

	(void)state;
	tree_up(&t);
	k.pid = holder_start(&t, true);
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)k.pid);
	for (int i = 0; i < 1000; i++, usleep(10000)) {
		f = fopen(path, "r");
		assert_non_null(f);
		assert_non_null(fgets(line, sizeof(line), f));
		fclose(f);
		if (strstr(line, ") Z "))
			break;
	}
	assert_non_null(strstr(line, ") Z "));
	assert_int_equal(wait_real(&t, &k, &who), 0);
	assert_int_equal(k.looks, 3);
	assert_int_equal(who.pid, k.pid);
	waitpid(k.pid, NULL, 0);
	tree_down(&t);
}

/* Whose command line is one empty string lives all the same. */
static void test_real_empty_argument(void **state)
{
	struct hw_holder who = { 0 };
	struct killer k = { 0 };
	struct tree t;
	pid_t pid;
	int up[2];
	char c;

	(void)state;
	tree_up(&t);
	assert_int_equal(pipe(up), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		char *argv[] = { (char *)"", NULL };

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(open(t.file, O_RDONLY), STDERR_FILENO);
		dup2(up[1], STDOUT_FILENO);
		close(up[1]);
		execv("/usr/bin/yes", argv);
		_exit(1);
	}
	tree_show(&t, pid);
	assert_int_equal(read(up[0], &c, 1), 1);        /* exec has been done */
	assert_int_equal(wait_real(&t, &k, &who), -EBUSY);
	assert_int_equal(who.pid, pid);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(up[0]);
	close(up[1]);
	tree_down(&t);
}

#define SIM(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SIM(test_nobody), SIM(test_elsewhere), SIM(test_lets_go),
		SIM(test_lets_go_soon), SIM(test_time_is_up), SIM(test_stopped),
		SIM(test_dying), SIM(test_dying_too_long), SIM(test_dying_and_living),
		cmocka_unit_test(test_kernel_closes),
		SIM(test_comes_back), cmocka_unit_test(test_real),
		cmocka_unit_test(test_real_headless),
		cmocka_unit_test(test_real_empty_argument),
	};

	return cmocka_run_group_tests_name("idle", tests, NULL, NULL);
}
