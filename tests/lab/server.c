// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * lab-server [-v] [-t TRACEFILE] [-u DIR] [-c NAME:KIND]... -- qemu-system-x86_64 ARG...
 *
 * Plays emulated cards to a QEMU that it starts itself, through x-pci-proxy-dev, or from
 * -u on through vfio-user-pci, with sockets in DIR. In the arguments @NAME.FN@ becomes
 * the descriptor (or with -u the socket's path) of that function of that card, and @ctl@
 * the descriptor of a control channel (ctl.c). Ends with QEMU's exit status.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "proxy.h"
#include "vfio_user.h"

#define MAX_PROXIES (LAB_MAX_CARDS * 4)

struct server {
	struct lab lab;
	struct proxy proxy[MAX_PROXIES];
	int qemu_fd[MAX_PROXIES];	/* QEMU's ends, until it has them */
	int nproxies;
	struct vfio_user user[MAX_PROXIES];
	int nusers;
	const char *user_dir;		/* cards from now on are vfio-user's */
	struct ctl ctl;
	int ctl_qemu_fd;
	int signal_fd;
	sigset_t old_mask;
	pid_t qemu;
};

static void die(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

static void die(const char *fmt, ...)
{
	va_list ap;

	fputs("lab-server: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(2);
}

uint64_t lab_now_us(void *lab)
{
	struct timespec ts;

	(void)lab;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000u + (uint64_t)ts.tv_nsec / 1000u;
}

void lab_trace(const struct lab *lab, const char *who, const char *fmt, ...)
{
	char text[640];
	va_list ap;

	if (lab->trace_fd < 0)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	/* unbuffered: the trace is wanted most when something was killed */
	dprintf(lab->trace_fd, "%llu %s %s\n",
		(unsigned long long)(lab_now_us(NULL) - lab->started_us), who ? who : "-",
		text);
}

static void log_card(void *arg, const char *line)
{
	const struct lab_card *card = arg;

	lab_trace(card->lab, card->name, "%s", line);
}

struct lab_card *lab_find(struct lab *lab, const char *name)
{
	for (int i = 0; i < lab->ncards; i++)
		if (!strcmp(lab->card[i].name, name))
			return &lab->card[i];
	return NULL;
}

/* Both ends close on exec; start_qemu opens QEMU's ends up. */
static int make_pair(int *theirs)
{
	int sv[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv))
		die("socketpair: %s", strerror(errno));
	*theirs = sv[1];
	return sv[0];
}

static void list_kinds(void)
{
	const struct card_kind *kind;

	fputs("kinds:", stderr);
	for (size_t i = 0; (kind = card_kind_at(i)); i++)
		fprintf(stderr, " %s", card_kind_name(kind));
	fputc('\n', stderr);
}

static void add_proxy(struct server *s, struct lab_card *card, int fn)
{
	struct proxy *p = &s->proxy[s->nproxies];

	p->card = card;
	p->fn = fn;
	p->fd = make_pair(&s->qemu_fd[s->nproxies++]);
}

static void add_user(struct server *s, struct lab_card *card, int fn)
{
	if (vfio_user_listen(&s->user[s->nusers++], card, fn, s->user_dir))
		die("socket for %s.%d in %s: %s", card->name, fn, s->user_dir,
		    strerror(errno));
}

static void add_card(struct server *s, const char *spec)
{
	const char *colon = strchr(spec, ':');
	struct lab_card *lc = &s->lab.card[s->lab.ncards];
	struct card_env env = { .now_us = lab_now_us, .log = log_card, .arg = lc };

	if (s->lab.ncards == LAB_MAX_CARDS)
		die("more than %d cards", LAB_MAX_CARDS);
	if (!colon || colon == spec || (size_t)(colon - spec) >= sizeof(lc->name))
		die("-c wants NAME:KIND, not '%s'", spec);
	lc->lab = &s->lab;
	memcpy(lc->name, spec, (size_t)(colon - spec));
	if (lab_find(&s->lab, lc->name))
		die("two cards of the name '%s'", lc->name);
	lc->card = card_new(colon + 1, &env);
	if (!lc->card) {
		list_kinds();
		die("no card of kind '%s'", colon + 1);
	}
	s->lab.ncards++;
	for (int fn = 0; fn < card_nfunctions(lc->card); fn++)
		(s->user_dir ? add_user : add_proxy)(s, lc, fn);
}

static bool is_function(const struct lab_card *card, int fn, const char *name, size_t len)
{
	char want[48];

	snprintf(want, sizeof(want), "%s.%d", card->name, fn);
	return strlen(want) == len && !strncmp(name, want, len);
}

/* Print what @name@ stands for; false for a word that is none of ours. */
static bool put_name(const struct server *s, const char *name, size_t len, FILE *f)
{
	if (len == 3 && !strncmp(name, "ctl", len))
		return fprintf(f, "%d", s->ctl_qemu_fd) > 0;
	for (int i = 0; i < s->nproxies; i++)
		if (is_function(s->proxy[i].card, s->proxy[i].fn, name, len))
			return fprintf(f, "%d", s->qemu_fd[i]) > 0;
	for (int i = 0; i < s->nusers; i++)
		if (is_function(s->user[i].card, s->user[i].fn, name, len))
			return fputs(s->user[i].addr.sun_path, f) >= 0;
	return false;
}

/* A copy of arg with every @NAME@ replaced. */
static char *expand(const struct server *s, const char *arg)
{
	char *out = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&out, &size);

	if (!f)
		die("out of memory");
	while (*arg) {
		const char *end = *arg == '@' ? strchr(arg + 1, '@') : NULL;

		if (end && put_name(s, arg + 1, (size_t)(end - arg - 1), f))
			arg = end + 1;
		else
			fputc(*arg++, f);
	}
	if (fclose(f))
		die("out of memory");
	return out;
}

static void exec_qemu(const struct server *s, char **argv, pid_t parent)
{
	/* QEMU must not outlive the server, not even one that was killed -9 */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127);
	sigprocmask(SIG_SETMASK, &s->old_mask, NULL);
	for (int i = 0; i < s->nproxies; i++)
		fcntl(s->qemu_fd[i], F_SETFD, 0);
	fcntl(s->ctl_qemu_fd, F_SETFD, 0);
	execvp(argv[0], argv);
	fprintf(stderr, "lab-server: %s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

static void start_qemu(struct server *s, int argc, char **argv)
{
	char **args = calloc((size_t)argc + 1, sizeof(*args));
	pid_t parent = getpid();

	if (!args)
		die("out of memory");
	for (int i = 0; i < argc; i++)
		args[i] = expand(s, argv[i]);
	s->qemu = fork();
	if (s->qemu < 0)
		die("fork: %s", strerror(errno));
	if (!s->qemu)
		exec_qemu(s, args, parent);
	for (int i = 0; i < argc; i++)
		free(args[i]);
	free(args);
	for (int i = 0; i < s->nproxies; i++)
		close(s->qemu_fd[i]);
	close(s->ctl_qemu_fd);
}

/* Exit status of QEMU when it has ended, -1 as long as it runs. */
static int handle_signal(struct server *s)
{
	struct signalfd_siginfo si;
	int status;

	if (read(s->signal_fd, &si, sizeof(si)) != sizeof(si))
		return -1;
	if (si.ssi_signo != SIGCHLD) {
		lab_trace(&s->lab, NULL, "signal %u: stopping QEMU", si.ssi_signo);
		kill(s->qemu, SIGTERM);
		return -1;
	}
	if (waitpid(s->qemu, &status, WNOHANG) != s->qemu)
		return -1;
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	/* run tells by this line that the emulator crashed, not a scenario */
	fprintf(stderr, "lab-server: QEMU was ended by signal %d\n", WTERMSIG(status));
	return 128 + WTERMSIG(status);
}

static void drop_proxy(struct proxy *p)
{
	lab_trace(p->card->lab, p->card->name, "fn=%d disconnected", p->fn);
	close(p->fd);
	p->fd = -1;	/* poll(2) skips it */
}

/* What to wait for: the proxies, the vfio-users, the control channel, signals. */
static nfds_t watch(const struct server *s, struct pollfd *pfd)
{
	nfds_t n = 0;

	for (int i = 0; i < s->nproxies; i++)
		pfd[n++] = (struct pollfd){ s->proxy[i].fd, POLLIN, 0 };
	for (int i = 0; i < s->nusers; i++)
		pfd[n++] = (struct pollfd){ vfio_user_fd(&s->user[i]), POLLIN, 0 };
	pfd[n++] = (struct pollfd){ s->ctl.fd, POLLIN, 0 };
	pfd[n++] = (struct pollfd){ s->signal_fd, POLLIN, 0 };
	return n;
}

static int serve(struct server *s)
{
	struct pollfd all[2 * MAX_PROXIES + 2];
	int status = -1;

	while (status < 0) {
		const struct pollfd *pfd = all;

		if (poll(all, watch(s, all), -1) < 0 && errno != EINTR)
			die("poll: %s", strerror(errno));
		for (int i = 0; i < s->nproxies; i++, pfd++)
			if (pfd->revents && proxy_serve(&s->proxy[i]))
				drop_proxy(&s->proxy[i]);
		for (int i = 0; i < s->nusers; i++, pfd++)
			if (pfd->revents)
				vfio_user_serve(&s->user[i]);
		if (pfd++->revents && ctl_serve(&s->ctl)) {
			close(s->ctl.fd);
			s->ctl.fd = -1;
		}
		if (pfd->revents)
			status = handle_signal(s);
	}
	return status;
}

static void watch_signals(struct server *s)
{
	sigset_t mask;

	sigemptyset(&mask);
	sigaddset(&mask, SIGCHLD);
	sigaddset(&mask, SIGTERM);
	sigaddset(&mask, SIGINT);
	sigprocmask(SIG_BLOCK, &mask, &s->old_mask);
	s->signal_fd = signalfd(-1, &mask, SFD_CLOEXEC);
	if (s->signal_fd < 0)
		die("signalfd: %s", strerror(errno));
}

static void open_trace(struct server *s, const char *path)
{
	s->lab.trace_fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC,
			       0666);
	if (s->lab.trace_fd < 0)
		die("%s: %s", path, strerror(errno));
}

static void parse_options(struct server *s, int argc, char **argv)
{
	int opt;

	while ((opt = getopt(argc, argv, "+vt:u:c:")) != -1) {
		switch (opt) {
		case 'v':
			s->lab.verbose = true;
			break;
		case 't':
			open_trace(s, optarg);
			break;
		case 'u':
			s->user_dir = optarg;
			break;
		case 'c':
			add_card(s, optarg);
			break;
		default:
			exit(2);
		}
	}
	if (optind == argc) {
		list_kinds();
		die("usage: lab-server [-v] [-t TRACE] [-u DIR] [-c NAME:KIND]... "
		    "-- QEMU ARG...");
	}
}

static void finish(struct server *s, int status)
{
	char state[512];

	for (int i = 0; i < s->nusers; i++)
		vfio_user_close(&s->user[i]);
	for (int i = 0; i < s->lab.ncards; i++) {
		card_state(s->lab.card[i].card, state, sizeof(state));
		lab_trace(&s->lab, s->lab.card[i].name, "end %s", state);
		card_free(s->lab.card[i].card);
	}
	lab_trace(&s->lab, NULL, "QEMU ended with status %d", status);
}

int main(int argc, char **argv)
{
	static struct server s = { .lab.trace_fd = -1 };
	int status;

	s.lab.started_us = lab_now_us(NULL);
	parse_options(&s, argc, argv);
	s.ctl = (struct ctl){ .lab = &s.lab, .fd = make_pair(&s.ctl_qemu_fd) };
	watch_signals(&s);
	start_qemu(&s, argc - optind, argv + optind);
	status = serve(&s);
	finish(&s, status);
	return status;
}
