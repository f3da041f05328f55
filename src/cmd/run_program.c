// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/run_program.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/entry.h"

#define PROGRAM_WORDS 16

static const int program_signals[] = { SIGTERM, SIGINT, SIGHUP };

struct program_child {
	const struct program *p;
	pid_t pid;
	int pidfd, sigfd;
	int told[2];            /* the errno of a failed exec; closed by a good one */
	int out[2];
	size_t len;
	sigset_t old_mask;
	struct sigaction old_chld;
};

/* --- in the child -------------------------------------------------------------- */

static void child_exec(const struct program *p)
{
	static const char *const clean[] = {
		"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", NULL,
	};
	char *const *env = p->hook ? entry_environ() : (char *const *)clean;
	const char *by_sh[PROGRAM_WORDS + 2] = { "/bin/sh" };

	execve(p->argv[0], (char *const *)p->argv, env);
	if (errno != ENOEXEC || !p->hook)
		return;
	for (size_t i = 0; i < PROGRAM_WORDS && p->argv[i]; i++)
		by_sh[i + 1] = p->argv[i];
	execve(by_sh[0], (char *const *)by_sh, env);
}

static void child_run(const struct program_child *c)
{
	const struct sigaction dfl = { .sa_handler = SIG_DFL };
	sigset_t none;
	int code, null;

	if (c->p->out)
		dup2(c->out[1], STDOUT_FILENO);
	if (!c->p->hook) {
		null = open("/dev/null", O_RDONLY | O_CLOEXEC);
		if (null >= 0)
			dup2(null, STDIN_FILENO);
	}
	entry_give_back();
	close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
	sigaction(SIGCHLD, &dfl, NULL);
	sigaction(SIGPIPE, &dfl, NULL);
	sigaction(SIGXFSZ, &dfl, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	child_exec(c->p);
	code = errno;
	if (write(c->told[1], &code, sizeof(code)) < 0)
		_exit(126);
	_exit(127);
}

/* --- in the parent ------------------------------------------------------------- */

/* A signal from the terminal has reached the child already: same process group. */
static void parent_pass_on(const struct program_child *c, struct program_end *end)
{
	struct signalfd_siginfo si;

	if (read(c->sigfd, &si, sizeof(si)) != (ssize_t)sizeof(si))
		return;
	end->asked = (int)si.ssi_signo;
	if (si.ssi_code != SI_KERNEL)
		kill(c->pid, (int)si.ssi_signo);
}

/* Returns whether there may be more. */
static bool parent_take(struct program_child *c)
{
	char rest[512];
	size_t room = c->p->room - 1 - c->len;
	ssize_t n = room ? read(c->out[0], c->p->out + c->len, room) :
			   read(c->out[0], rest, sizeof(rest));

	if (n > 0 && room)
		c->len += (size_t)n;
	return n > 0 || (n < 0 && errno == EINTR);
}

/* Until the child has ended; somebody it left behind may keep its output open. */
static void parent_watch(struct program_child *c, struct program_end *end)
{
	struct pollfd fds[] = {
		{ .fd = c->pidfd, .events = POLLIN },
		{ .fd = c->sigfd, .events = POLLIN },
		{ .fd = c->p->out ? c->out[0] : -1, .events = POLLIN },
	};

	while (!fds[0].revents) {
		if (poll(fds, 3, -1) < 0) {
			if (errno != EINTR)
				return;
			continue;
		}
		if (fds[1].revents)
			parent_pass_on(c, end);
		if (fds[2].revents && !parent_take(c))
			fds[2].fd = -1;
	}
	while (c->p->out && parent_take(c))
		continue;
}

static int parent_end(struct program_child *c, struct program_end *end, struct err *err)
{
	int code = 0, status;

	if (c->p->out)
		c->p->out[c->len] = '\0';
	while (waitpid(c->pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_sys(err, errno, "waiting for %s", c->p->argv[0]);
	end->killed_by = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	end->status = end->killed_by ? 128 + end->killed_by : WEXITSTATUS(status);
	if (read(c->told[0], &code, sizeof(code)) == (ssize_t)sizeof(code))
		return err_sys(err, code, "%s cannot be run", c->p->argv[0]);
	return 0;
}

/* --- both ---------------------------------------------------------------------- */

static void program_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* Signals must wait before there is a child that they could miss. */
static int program_prepare(struct program_child *c, struct err *err)
{
	const struct sigaction dfl = { .sa_handler = SIG_DFL };
	sigset_t mask;

	sigemptyset(&mask);
	for (size_t i = 0; i < sizeof(program_signals) / sizeof(*program_signals); i++)
		sigaddset(&mask, program_signals[i]);
	sigprocmask(SIG_BLOCK, &mask, &c->old_mask);
	/* ignored, it would take the child's status away */
	sigaction(SIGCHLD, &dfl, &c->old_chld);
	c->sigfd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	if (c->sigfd < 0 || pipe2(c->told, O_CLOEXEC) < 0 ||
	    (c->p->out && pipe2(c->out, O_CLOEXEC) < 0))
		return err_sys(err, errno, "%s cannot be run", c->p->argv[0]);
	if (c->p->out)
		fcntl(c->out[0], F_SETFL, O_NONBLOCK);
	return 0;
}

static int program_start(struct program_child *c, struct program_end *end,
			 struct err *err)
{
	fflush(NULL);           /* or the child would have a copy of what waits there */
	c->pid = fork();
	if (c->pid < 0)
		return err_sys(err, errno, "%s cannot be run", c->p->argv[0]);
	if (!c->pid)
		child_run(c);
	program_close(&c->told[1]);
	program_close(&c->out[1]);
	c->pidfd = pidfd_open(c->pid, 0);
	if (c->pidfd >= 0)
		parent_watch(c, end);
	return parent_end(c, end, err);
}

int program_run(const struct program *p, struct program_end *end, struct err *err)
{
	struct program_child c = { .p = p, .pidfd = -1, .sigfd = -1, .told = { -1, -1 },
				   .out = { -1, -1 } };
	int rc;

	memset(end, 0, sizeof(*end));
	rc = program_prepare(&c, err);
	if (!rc)
		rc = program_start(&c, end, err);
	program_close(&c.pidfd);
	program_close(&c.sigfd);
	for (int i = 0; i < 2; i++) {
		program_close(&c.told[i]);
		program_close(&c.out[i]);
	}
	sigaction(SIGCHLD, &c.old_chld, NULL);
	sigprocmask(SIG_SETMASK, &c.old_mask, NULL);
	return rc;
}
