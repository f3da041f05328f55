// SPDX-License-Identifier: GPL-2.0-or-later
#include "run/supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "run/channel.h"
#include "run/lock.h"
#include "run/loop.h"
#include "run/progress.h"
#include "run/rundir.h"
#include "run/sandbox.h"

#define GRACE_US 2000000ULL
#define NEVER UINT64_MAX
#define PIPE_ROOM (1 << 20)     /* a worker never waits for a slow terminal */
#define READS_PER_TURN 16       /* so that one chatty worker cannot starve others */
#define READS_AT_END 4096       /* all a pipe can hold, in small frames */
/* A short D state is normal (disk, msleep): only a steady one is "stuck". */
#define DOUBT_US 50000
#define DOUBT_LOOKS 4
/* A lock tells nobody that it is free: look again. Each look is one open(). */
#define LOCK_LOOK_US 50000
#define KEY_SIGNAL 0

/* What the deadline means to a worker depends on what was already tried. */
enum phase {
	PHASE_QUEUED,           /* another has the lock; until: the next look */
	PHASE_RUNNING,          /* until: the deadline, or the step is overdue */
	PHASE_ASKED,            /* SIGTERM sent; until: the end of grace */
	PHASE_DOUBT,            /* in state D, or undoing; until: the next look */
	PHASE_KILLED,           /* SIGKILL sent; until: when that should have worked */
	PHASE_DONE,
	PHASES
};

struct run {
	struct job *job;
	struct step *step;
	enum phase phase;
	pid_t pid;
	int pidfd, pipe;
	int proc;               /* the folder /proc/PID */
	int stack;              /* a file in it, which takes root to be opened */
	size_t pipe_key, pidfd_key;
	uint64_t begun, until;
	uint64_t lock_until;    /* PHASE_QUEUED: the end of waiting for the lock */
	uint64_t deadline;      /* of the whole job */
	uint64_t kill_at;       /* PHASE_ASKED and later: the end of patience */
	int result;             /* what the worker said; -1: nothing */
	int looks;
	bool no_memory;         /* the report is not whole */
	char refusal[ERR_TEXT]; /* why the worker has not begun, or "" */
	struct frames in;
};

struct sup {
	const struct supervise_opts *opts;
	struct run *run;
	struct step *step;      /* parallel to @run */
	size_t n, active;
	uint64_t grace;
	struct loop loop;
	struct progress progress;
	int sigfd, null;
	int signals;            /* how many have come */
	bool lowered;           /* only what watching needs is left of its rights */
	sigset_t old_mask;
	struct sigaction old_chld, old_pipe;
};

/* Of the last supervise() in this process, as the contract asks. */
static const char *supervise_name = "none";
static bool supervise_asked;

static const int supervise_stops[] = { SIGTERM, SIGINT, SIGHUP };

#define N_STOPS (sizeof(supervise_stops) / sizeof(*supervise_stops))

const char *supervise_loop(void)
{
	return supervise_name;
}

bool supervise_stopped(void)
{
	return supervise_asked;
}

/* Does not run during suspend: a host that slept has not used up a deadline. */
static uint64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static double seconds(uint64_t us)
{
	return (double)us / 1e6;
}

static uint64_t after(uint64_t now, uint64_t us)
{
	return us < NEVER - now ? now + us : NEVER;
}

/* --- the end of a job -------------------------------------------------------------- */

static void run_close_proc(struct run *run)
{
	if (run->stack >= 0)
		close(run->stack);
	if (run->proc >= 0)
		close(run->proc);
	run->stack = -1;
	run->proc = -1;
}

static void run_close(struct sup *sup, struct run *run)
{
	if (run->pipe >= 0) {
		sup->loop.ops->drop(&sup->loop, run->pipe_key);
		close(run->pipe);
	}
	if (run->pidfd >= 0) {
		sup->loop.ops->drop(&sup->loop, run->pidfd_key);
		close(run->pidfd);
	}
	run_close_proc(run);
	run->pipe = -1;
	run->pidfd = -1;
}

__attribute__((format(printf, 4, 5)))
static void run_end(struct sup *sup, struct run *run, int status, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(run->job->why, sizeof(run->job->why), fmt, ap);
	va_end(ap);
	run->job->status = status;
	run->job->took_us = now_us() - run->begun;
	run->phase = PHASE_DONE;
	run->until = NEVER;
	run_close(sup, run);
	step_end(run->step);
	sup->active--;
}

/* "in step 'write 1 to reset'" or "before its first step". */
static const char *run_where(const struct run *run, char buf[STEP_TEXT + 16])
{
	if (!run->step->text[0])
		return "before its first step";
	snprintf(buf, STEP_TEXT + 16, "in step '%s'", run->step->text);
	return buf;
}

/* A file of /proc/PID: by the folder, which was opened as root and never another's. */
static int run_proc_open(const struct run *run, const char *name)
{
	return openat(run->proc, name, O_RDONLY | O_CLOEXEC);
}

/* The first line of @fd into @buf, "" if there is none. */
static const char *line_of(int fd, char *buf, size_t room)
{
	ssize_t n = fd < 0 ? -1 : pread(fd, buf, room - 1, 0);

	buf[n > 0 ? n : 0] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
	return buf;
}

static const char *run_proc_line(const struct run *run, const char *name, char *buf,
				 size_t room)
{
	int fd = run_proc_open(run, name);

	line_of(fd, buf, room);
	if (fd >= 0)
		close(fd);
	return buf;
}

/* The state letter, behind the name in parentheses, which may hold anything. */
static char run_state(const struct run *run)
{
	char buf[256];
	const char *end = strrchr(run_proc_line(run, "stat", buf, sizeof(buf)), ')');

	return end && end[1] == ' ' && end[2] ? end[2] : '?';
}

/* Where in the kernel: "msleep+0x2d/0x40" or "msleep", "" if that is not told. */
static const char *run_kernel_place(const struct run *run, char *buf, size_t room)
{
	const char *line = line_of(run->stack, buf, room);

	if (!strncmp(line, "[<0>] ", 6))
		return line + 6;
	line = run_proc_line(run, "wchan", buf, room);
	return strcmp(line, "0") ? line : "";
}

/* The worker lives on with its lock, finishes or undoes, and ends when it can. */
static void run_leave(struct sup *sup, struct run *run, const char *why,
		      const char *until)
{
	char where[STEP_TEXT + 16], buf[128], slot[BDF_STR];
	const char *place = run_kernel_place(run, buf, sizeof(buf));
	const char *card = run->job->no_lock ? "leave the card alone" :
			   "the card stays locked";

	run_end(sup, run, EXIT_STUCK, "worker %d is still %s after %.1f s and %s; %s "
		"until %s (%s, state %c%s%s)", (int)run->pid, run_where(run, where),
		seconds(now_us() - run->begun), why, card, until,
		bdf_slot_str(run->job->slot, slot), run_state(run),
		*place ? ", kernel at " : "", place);
}

static void run_leave_stuck(struct sup *sup, struct run *run)
{
	run_leave(sup, run, "cannot be interrupted", "the kernel is done; if that never "
		  "happens, only a reboot of the host helps");
}

/* What became of a worker that ended without a result, as part of a sentence. */
static void run_fate(const struct run *run, const siginfo_t *si, char *buf, size_t room)
{
	if (run->phase == PHASE_KILLED)
		snprintf(buf, room, "was killed after %.1f s because it did not stop "
			 "when asked to, still", seconds(now_us() - run->begun));
	else if (si->si_code == CLD_EXITED)
		snprintf(buf, room, "ended with status %d and without a result",
			 si->si_status);
	else
		snprintf(buf, room, "died of signal %d (%s)", si->si_status,
			 strsignal(si->si_status));
}

static void run_died(struct sup *sup, struct run *run, const siginfo_t *si)
{
	char where[STEP_TEXT + 16], fate[128], slot[BDF_STR];
	const char *in = run_where(run, where);

	run_fate(run, si, fate, sizeof(fate));
	bdf_slot_str(run->job->slot, slot);
	run_end(sup, run, EXIT_FAILED, "worker %d of %s %s %s; the card may be half "
		"reset: run 'gpureset %s' again", (int)run->pid, slot, fate, in, slot);
}

static void run_finish(struct sup *sup, struct run *run)
{
	if (run->no_memory)
		run_end(sup, run, run->result, "no memory for all of the report");
	else
		run_end(sup, run, run->result, "%s", run->refusal);
}

/* --- what workers say -------------------------------------------------------------- */

static void on_step(struct sup *sup, struct run *run, const struct frame *fr)
{
	uint64_t now = now_us(), overdue;

	step_begin(run->step, fr->text, fr->len, fr->num, now);
	if (run->phase != PHASE_RUNNING || !sup->opts->slack_us)
		return;
	overdue = after(now, fr->num + sup->opts->slack_us);
	run->until = overdue < run->deadline ? overdue : run->deadline;
}

static void on_note(struct sup *sup, struct run *run, const struct frame *fr)
{
	FILE *to = sup->opts->notes_to;

	(void)run;
	if (!to)
		return;
	progress_clear(&sup->progress);
	fwrite(fr->text, 1, fr->len, to);
	if (!fr->num)
		fputc('\n', to);
	fflush(to);
}

static void on_report(struct sup *sup, struct run *run, const struct frame *fr)
{
	struct job *job = run->job;
	char *more;

	(void)sup;
	if (run->no_memory)
		return;
	/* Always room for a NUL behind, which report_len does not count. */
	more = realloc(job->report, job->report_len + fr->len + 1);
	if (!more) {
		run->no_memory = true;
		return;
	}
	memcpy(more + job->report_len, fr->text, fr->len);
	job->report = more;
	job->report_len += fr->len;
	job->report[job->report_len] = '\0';
}

static void on_result(struct sup *sup, struct run *run, const struct frame *fr)
{
	(void)sup;
	run->result = fr->num <= EXIT_STUCK ? (int)fr->num : EXIT_FAILED;
}

static void on_refusal(struct sup *sup, struct run *run, const struct frame *fr)
{
	on_result(sup, run, fr);
	snprintf(run->refusal, sizeof(run->refusal), "%.*s", (int)fr->len, fr->text);
}

static void (*const on_frame[FRAME_TYPES])(struct sup *, struct run *,
					   const struct frame *) = {
	[FRAME_STEP] = on_step,
	[FRAME_NOTE] = on_note,
	[FRAME_REPORT] = on_report,
	[FRAME_RESULT] = on_result,
	[FRAME_REFUSAL] = on_refusal,
};

static void run_hang_up(struct sup *sup, struct run *run)
{
	sup->loop.ops->drop(&sup->loop, run->pipe_key);
	close(run->pipe);
	run->pipe = -1;
}

static void run_listen(struct sup *sup, struct run *run, int reads)
{
	struct frame fr;
	int filled, rc;

	while (reads-- > 0 && run->pipe >= 0) {
		filled = frames_fill(&run->in, run->pipe);
		if (filled == -EAGAIN)
			return;
		while ((rc = frames_next(&run->in, &fr)) > 0)
			on_frame[fr.type](sup, run, &fr);
		/* The end; or not our language, which is not listened to. */
		if (filled == 0 || rc < 0)
			run_hang_up(sup, run);
	}
}

static void run_reap(struct sup *sup, struct run *run)
{
	siginfo_t si = { 0 };

	if (waitid(P_PIDFD, (id_t)run->pidfd, &si, WEXITED | WNOHANG) == 0 && !si.si_pid)
		return;
	run_listen(sup, run, READS_AT_END);
	if (run->result >= 0)
		run_finish(sup, run);
	else
		run_died(sup, run, &si);
}

/* --- deadlines --------------------------------------------------------------------- */

static void run_ask(struct sup *sup, struct run *run)
{
	pidfd_send_signal(run->pidfd, SIGTERM, NULL, 0);
	run->phase = PHASE_ASKED;
	run->until = after(now_us(), sup->grace);
	run->kill_at = after(run->until, sup->opts->undo_us);
}

/*
 * Not killed while in the kernel: SIGKILL would take effect at its return, and then
 * nothing would be undone. Left alone, the worker sees the flag and cleans up.
 */
static void run_judge(struct sup *sup, struct run *run)
{
	/* asked once: a worker may be in D now and not in D a moment later */
	bool in_kernel = run_state(run) == 'D';
	uint64_t now = now_us();

	if (!in_kernel && now < run->kill_at) {
		run->phase = PHASE_DOUBT;       /* it is undoing: look again */
		run->until = after(now, DOUBT_US);
		run->looks = 0;
	} else if (!in_kernel) {
		pidfd_send_signal(run->pidfd, SIGKILL, NULL, 0);
		run->phase = PHASE_KILLED;
		run->until = after(now, SUPERVISE_KILL_US);
	} else if (++run->looks >= DOUBT_LOOKS) {
		run_leave_stuck(sup, run);
	} else {
		run->phase = PHASE_DOUBT;
		run->until = after(now, DOUBT_US);
	}
}

static void run_begin(struct sup *sup, struct run *run);

static void (*const on_expiry[PHASES])(struct sup *, struct run *) = {
	[PHASE_QUEUED] = run_begin,
	[PHASE_RUNNING] = run_ask,
	[PHASE_ASKED] = run_judge,
	[PHASE_DOUBT] = run_judge,
	[PHASE_KILLED] = run_leave_stuck,
};

/* --- signals ----------------------------------------------------------------------- */

static void run_unqueue(struct sup *sup, struct run *run)
{
	char slot[BDF_STR];

	run_end(sup, run, EXIT_BUSY, "asked to stop while waiting for another gpureset "
		"to be done with %s; the card was not touched",
		bdf_slot_str(run->job->slot, slot));
}

static void sup_on_signal(struct sup *sup)
{
	for (size_t i = 0; i < sup->n; i++) {
		struct run *run = &sup->run[i];

		if (run->phase == PHASE_DONE)
			continue;
		if (run->phase == PHASE_QUEUED)
			run_unqueue(sup, run);
		else if (sup->signals > 1)
			run_leave(sup, run, "was left alone because a second signal "
				  "asked to leave at once", "it has ended");
		else if (run->phase == PHASE_RUNNING)
			run_ask(sup, run);
	}
}

static void sup_hear(struct sup *sup)
{
	struct signalfd_siginfo si;

	while (read(sup->sigfd, &si, sizeof(si)) == (ssize_t)sizeof(si)) {
		sup->signals++;
		sup_on_signal(sup);
	}
}

/* What the caller ignores (nohup) stays ignored. */
static void sup_heard_set(sigset_t *set)
{
	struct sigaction act;

	sigemptyset(set);
	for (size_t i = 0; i < N_STOPS; i++)
		if (sigaction(supervise_stops[i], NULL, &act) == 0 &&
		    act.sa_handler != SIG_IGN)
			sigaddset(set, supervise_stops[i]);
}

/*
 * An ignored SIGCHLD, inherited, would reap the workers behind our back; SIGPIPE on
 * our own output must not end the supervision.
 */
static int sup_open_signals(struct sup *sup, struct err *err)
{
	struct sigaction chld = { .sa_handler = SIG_DFL };
	struct sigaction quiet = { .sa_handler = SIG_IGN };
	sigset_t heard;

	sup_heard_set(&heard);
	sup->sigfd = signalfd(-1, &heard, SFD_CLOEXEC | SFD_NONBLOCK);
	if (sup->sigfd < 0)
		return err_sys(err, errno, "cannot wait for signals (signalfd)");
	sigprocmask(SIG_BLOCK, &heard, &sup->old_mask);
	sigaction(SIGCHLD, &chld, &sup->old_chld);
	sigaction(SIGPIPE, &quiet, &sup->old_pipe);
	return 0;
}

/*
 * Whoever sent one signal may send more, and they must not end the program while it
 * reports what became of the first: they stay blocked then.
 */
static void sup_close_signals(struct sup *sup)
{
	sigaction(SIGPIPE, &sup->old_pipe, NULL);
	sigaction(SIGCHLD, &sup->old_chld, NULL);
	if (!sup->signals)
		sigprocmask(SIG_SETMASK, &sup->old_mask, NULL);
	close(sup->sigfd);
}

/* --- the worker -------------------------------------------------------------------- */

/* Signals are still all blocked: none is lost and none kills before this is done. */
static void worker_signals(const struct sup *sup)
{
	sigset_t mask = sup->old_mask;

	channel_catch_stop();
	for (size_t i = 0; i < N_STOPS; i++)
		sigdelset(&mask, supervise_stops[i]);
	sigprocmask(SIG_SETMASK, &mask, NULL);
}

/*
 * Whoever waits for the end of our output (a hook, a pipeline) must not wait for a
 * stuck worker: it keeps no descriptor of the caller's output, nor of other jobs.
 */
static void worker_descriptors(struct sup *sup)
{
	FILE *const out[] = { sup->opts->progress_to, sup->opts->notes_to };

	for (int fd = 0; fd < 3; fd++)
		dup2(sup->null, fd);
	for (size_t i = 0; i < sizeof(out) / sizeof(*out); i++)
		if (out[i] && fileno(out[i]) > 2)
			dup3(sup->null, fileno(out[i]), O_CLOEXEC);
	close(sup->null);
	close(sup->sigfd);
	for (size_t i = 0; i < sup->n; i++) {
		if (sup->run[i].pipe >= 0)
			close(sup->run[i].pipe);
		if (sup->run[i].pidfd >= 0)
			close(sup->run[i].pidfd);
		run_close_proc(&sup->run[i]);
	}
	sup->loop.ops->close(&sup->loop);
}

/* 15 characters is all the kernel keeps: leave out what is nearly always the same. */
static void worker_name(struct bdf slot)
{
	char where[BDF_STR], name[BDF_STR + 16];

	bdf_slot_str(slot, where);
	snprintf(name, sizeof(name), "gpureset %s", slot.domain ? where : where + 5);
	prctl(PR_SET_NAME, strlen(name) < 16 ? name : where);
}

/*
 * Whether the work may begin, with less than root has. If not, the supervisor says so as
 * it says "busy" or "died": notes are not printed by every caller.
 */
static bool worker_shut_in(const struct sup *sup, struct job *job, struct channel *ch)
{
	const char *const dirs[SANDBOX_DIRS] = { sup->opts->run_dir,
						 sup->opts->state_dir };
	const struct sandbox *sb = sup->opts->sandbox;
	char line[ERR_TEXT + 128], slot[BDF_STR];
	struct err err = { 0 };
	int rc = sb ? sandbox_worker(sb, dirs, !job->no_lock, &err) : 1;

	if (rc < 0) {
		snprintf(line, sizeof(line), "%s was not touched: %s",
			 bdf_slot_str(job->slot, slot), err.text);
		channel_refuse(ch, EXIT_CONFIG, line);
	} else if (!rc && sb->verbose) {
		snprintf(line, sizeof(line), "gpureset: note: %s: the worker is held by "
			 "its capabilities alone", err.text);
		channel_note(ch, line);
	}
	return rc >= 0;
}

/*
 * No PR_SET_PDEATHSIG: a reset that has begun is finished or undone, with or without
 * a supervisor. An own session: Ctrl-C and Ctrl-\ reach the supervisor alone.
 */
static _Noreturn void worker_main(struct sup *sup, struct job *job, int fd, int lock)
{
	struct channel ch = { .fd = fd };

	worker_signals(sup);
	setsid();
	worker_descriptors(sup);
	worker_name(job->slot);
	if (lock >= 0)
		lock_note(lock, getpid());
	if (worker_shut_in(sup, job, &ch))
		channel_result(&ch, job->work(job, &ch));
	_exit(0);
}

/* --- the beginning of a job -------------------------------------------------------- */

/* With all signals blocked: no handler of the caller may run in the worker. */
static pid_t run_fork(struct sup *sup, struct run *run, const int ends[2], int lock)
{
	sigset_t all, old;
	pid_t pid;
	int code;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &old);
	pid = fork();
	if (pid == 0) {
		close(ends[0]);
		worker_main(sup, run->job, ends[1], lock);
	}
	code = errno;
	sigprocmask(SIG_SETMASK, &old, NULL);
	return pid < 0 ? -code : pid;
}

static void run_open_proc(struct run *run)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d", (int)run->pid);
	run->proc = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (run->proc >= 0)
		run->stack = run_proc_open(run, "stack");
}

static void run_watch(struct sup *sup, struct run *run)
{
	char slot[BDF_STR];
	int code;

	run->pidfd = pidfd_open(run->pid, 0);
	code = errno;
	run_open_proc(run);
	run->pipe_key = sup->loop.ops->add(&sup->loop, run->pipe);
	if (run->pidfd >= 0) {
		run->pidfd_key = sup->loop.ops->add(&sup->loop, run->pidfd);
		return;
	}
	/* Without a handle it cannot be supervised; it has only just begun. */
	kill(run->pid, SIGKILL);
	waitpid(run->pid, NULL, WNOHANG);
	run_end(sup, run, EXIT_FAILED, "worker %d of %s was killed at once because it "
		"cannot be watched (pidfd_open: %s)", (int)run->pid,
		bdf_slot_str(run->job->slot, slot), strerror(code));
}

static int run_pipe(int ends[2])
{
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	/* Only our end: the worker's writes wait. More room is a wish. */
	(void)fcntl(ends[0], F_SETPIPE_SZ, PIPE_ROOM);
	(void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
	return 0;
}

static int run_spawn(struct sup *sup, struct run *run, int lock)
{
	int ends[2], rc = run_pipe(ends);

	if (rc < 0)
		return rc;
	run->pid = run_fork(sup, run, ends, lock);
	close(ends[1]);
	if (run->pid < 0) {
		close(ends[0]);
		return run->pid;
	}
	run->pipe = ends[0];
	run_watch(sup, run);
	return 0;
}

/* The lock, if there is one to take, is ours: the job's time runs from here on. */
static void run_start(struct sup *sup, struct run *run, int lock)
{
	uint64_t timeout = sup->opts->timeout_us;
	char slot[BDF_STR];
	int rc;

	run->phase = PHASE_RUNNING;
	run->begun = now_us();
	run->deadline = timeout ? after(run->begun, timeout) : NEVER;
	run->until = run->deadline;
	step_end(run->step);
	rc = run_spawn(sup, run, lock);
	/* From here on the lock lives exactly as long as the worker. */
	if (lock >= 0)
		close(lock);
	if (rc < 0)
		run_end(sup, run, EXIT_FAILED, "cannot start a worker for %s: %s; the "
			"card was not touched", bdf_slot_str(run->job->slot, slot),
			strerror(-rc));
}

static void run_queue(struct sup *sup, struct run *run)
{
	static const char text[] = "another gpureset has the card";
	uint64_t now = now_us(), look = after(now, LOCK_LOOK_US);

	if (!run->step->text[0])
		step_begin(run->step, text, sizeof(text) - 1, sup->opts->lock_wait_us,
			   now);
	run->until = look < run->lock_until ? look : run->lock_until;
}

static void run_begin(struct sup *sup, struct run *run)
{
	struct err err = { 0 };
	int lock = -1;

	if (!run->job->no_lock) {
		lock = lock_take(sup->opts->run_dir, run->job->slot, &err);
		if (lock == -EWOULDBLOCK && now_us() < run->lock_until) {
			run_queue(sup, run);
			return;
		}
		if (lock < 0) {
			run_end(sup, run, lock == -EWOULDBLOCK ? EXIT_BUSY : EXIT_CONFIG,
				"%s", err.text);
			return;
		}
	}
	run_start(sup, run, lock);
}

static void run_init(struct run *run, struct job *job, struct step *step,
		     uint64_t lock_wait)
{
	job->status = EXIT_FAILED;
	job->report = NULL;
	job->report_len = 0;
	job->why[0] = '\0';
	step->slot = job->slot;
	run->job = job;
	run->step = step;
	run->pidfd = -1;
	run->pipe = -1;
	run->proc = -1;
	run->stack = -1;
	run->result = -1;
	run->phase = PHASE_QUEUED;
	run->begun = now_us();
	run->until = NEVER;
	run->lock_until = after(run->begun, lock_wait);
}

/* --- the loop ---------------------------------------------------------------------- */

static int sup_open_loop(struct sup *sup, enum loop_kind kind, struct err *err)
{
	int rc = -ENOSYS;

	sup->loop.ops = &loop_uring;
	if (kind != LOOP_POLL)
		rc = loop_uring.open(&sup->loop);
	if (rc < 0 && kind == LOOP_URING)
		return err_sys(err, -rc, "io_uring was asked for and cannot be set up "
			       "(see kernel.io_uring_disabled)");
	if (rc < 0) {
		sup->loop.ops = &loop_poll;
		rc = loop_poll.open(&sup->loop);
	}
	supervise_name = sup->loop.ops->name;
	return rc;
}

/* A ring that fails while workers run gives way to poll(2): they are still watched. */
static void sup_wait(struct sup *sup, uint64_t timeout)
{
	if (sup->loop.ops->wait(&sup->loop, timeout) == 0)
		return;
	sup->loop.ops->close(&sup->loop);
	sup->loop.ops = &loop_poll;
	supervise_name = loop_poll.name;
	loop_poll.wait(&sup->loop, timeout);
}

static uint64_t sup_timeout(const struct sup *sup)
{
	uint64_t at = progress_due(&sup->progress, sup->step, sup->n), now = now_us();

	for (size_t i = 0; i < sup->n; i++)
		if (sup->run[i].until < at)
			at = sup->run[i].until;
	if (at == NEVER)
		return LOOP_FOREVER;
	return at > now ? at - now : 0;
}

static void run_turn(struct sup *sup, struct run *run)
{
	const struct pollfd *fds = sup->loop.fds;

	if (run->phase != PHASE_DONE && run->pipe >= 0 && fds[run->pipe_key].revents)
		run_listen(sup, run, READS_PER_TURN);
	if (run->phase != PHASE_DONE && run->pidfd >= 0 && fds[run->pidfd_key].revents)
		run_reap(sup, run);
	if (run->phase != PHASE_DONE && now_us() >= run->until)
		on_expiry[run->phase](sup, run);
}

/*
 * As soon as there is no worker to be started any more. For good where nothing follows;
 * in a hook something does (a chained script of the user's, which must run as it was
 * called, or what is put back when one of several cards failed), and what was given up
 * cannot be had back: there the rights are only set aside.
 */
static void sup_lower(struct sup *sup)
{
	const struct sandbox *sb = sup->opts->sandbox;

	for (size_t i = 0; i < sup->n; i++)
		if (sup->run[i].phase == PHASE_QUEUED)
			return;
	if (!sb || sup->lowered)
		return;
	sup->lowered = true;
	if (sb->more_follows || sandbox_supervisor(NULL))
		sandbox_set_aside();
}

static void sup_turn(struct sup *sup)
{
	sup_lower(sup);
	sup_wait(sup, sup_timeout(sup));
	for (size_t i = 0; i < sup->n; i++)
		run_turn(sup, &sup->run[i]);
	if (sup->loop.fds[KEY_SIGNAL].revents)
		sup_hear(sup);
	progress_show(&sup->progress, sup->step, sup->n, now_us());
}

/* --- all together ------------------------------------------------------------------ */

static void sup_free(struct sup *sup)
{
	free(sup->loop.fds);
	free(sup->step);
	free(sup->run);
	if (sup->null >= 0)
		close(sup->null);
}

static int sup_alloc(struct sup *sup, size_t n, struct err *err)
{
	sup->loop.room = 1 + 2 * n;
	sup->run = calloc(n + 1, sizeof(*sup->run));
	sup->step = calloc(n + 1, sizeof(*sup->step));
	sup->loop.fds = calloc(sup->loop.room, sizeof(*sup->loop.fds));
	if (!sup->run || !sup->step || !sup->loop.fds)
		return err_set(err, ENOMEM, "no memory to watch %zu workers", n);
	/* Descriptors 0 to 2, if the caller has closed them, must not become a pipe. */
	do {
		sup->null = open("/dev/null", O_RDWR | O_CLOEXEC);
	} while (sup->null >= 0 && sup->null < 3);
	if (sup->null < 0)
		return err_sys(err, errno, "cannot open /dev/null");
	return 0;
}

static int sup_open(struct sup *sup, size_t n, struct err *err)
{
	int rc = sup_alloc(sup, n, err);

	if (rc == 0)
		rc = sup_open_signals(sup, err);
	if (rc < 0) {
		sup_free(sup);
		return rc;
	}
	rc = sup_open_loop(sup, sup->opts->loop, err);
	if (rc < 0) {
		sup_close_signals(sup);
		sup_free(sup);
		return rc;
	}
	sup->loop.ops->add(&sup->loop, sup->sigfd);
	return 0;
}

static void sup_close(struct sup *sup)
{
	progress_clear(&sup->progress);
	sup->loop.ops->close(&sup->loop);
	sup_close_signals(sup);
	supervise_asked = sup->signals;
	sup_free(sup);
}

int supervise(struct job *jobs, size_t n, const struct supervise_opts *opts,
	      struct err *err)
{
	struct sup sup = { .opts = opts, .null = -1 };
	int rc = sup_open(&sup, n, err);

	if (rc < 0)
		return rc;
	/* who needs it says why it could not be made */
	for (size_t i = 0; i < n && opts->state_dir; i++)
		if (!jobs[i].no_lock)
			rundir_make(opts->state_dir, NULL);
	sup.n = n;
	sup.active = n;
	sup.grace = opts->grace_us ? opts->grace_us : GRACE_US;
	sup.progress = progress_open(opts->progress ? opts->progress_to : NULL);
	for (size_t i = 0; i < n; i++)
		run_init(&sup.run[i], &jobs[i], &sup.step[i], opts->lock_wait_us);
	for (size_t i = 0; i < n; i++)
		run_begin(&sup, &sup.run[i]);
	while (sup.active)
		sup_turn(&sup);
	if (sup.lowered)
		sandbox_take_up();
	sup_close(&sup);
	return 0;
}
