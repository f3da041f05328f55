/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One forked worker per target runs straight-line code that may block in the kernel
 * for a minute without a way to cancel; the supervisor only waits: for the workers'
 * words, their ends, signals and deadlines. It can therefore always report and leave.
 */
#ifndef GPURESET_RUN_SUPERVISE_H
#define GPURESET_RUN_SUPERVISE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/bdf.h"
#include "base/err.h"

/* Exit statuses: a contract, printed by --help; hookscripts branch on them. */
enum exit_status {
	EXIT_HEALTHY = 0,       /* reset (or pristine) and healthy */
	EXIT_USAGE = 1,         /* wrong arguments, no such device */
	EXIT_FAILED = 2,        /* not healthy, but the device answers */
	EXIT_LOST = 3,          /* the device does not answer */
	EXIT_NO_METHOD = 4,     /* nothing applies, or all that does is denied */
	EXIT_BUSY = 5,          /* in use, locked, or a guard refused */
	EXIT_CONFIG = 6,        /* quirk or configuration error */
	EXIT_STUCK = 7,         /* a worker is stuck in the kernel */
};

/* Dying takes no time but on a busy host, where it must not look like being stuck. */
#define SUPERVISE_KILL_US 3000000ULL

/* The worker's side of the pipe. */
struct channel;
struct sandbox;

/*
 * The worker begins something that may take up to @limit_us: "wait ...", "write 1 to
 * reset". Shown as progress, and named if it never ends. @text is copied.
 */
void channel_step(struct channel *ch, const char *text, uint64_t limit_us);
/* A line for the person, printed as soon as it arrives (trace lines of -v). */
void channel_note(struct channel *ch, const char *text);
/* Append to the job's report, printed when the job has ended. */
void channel_report(struct channel *ch, const char *data, size_t len);
/* Has the supervisor asked to stop (SIGTERM, SIGINT, SIGHUP, or the deadline)? */
bool channel_stop(const struct channel *ch);

struct job {
	struct bdf slot; /* names the lock: /run/gpureset/0000:0b:00.lock */
	bool no_lock;                   /* dry run: changes nothing, locks nothing */
	/* Runs in the worker process; returns an enum exit_status. */
	int (*work)(struct job *job, struct channel *ch);
	void *arg;
	/* filled by supervise(): */
	int status;
	char *report;                   /* malloc'ed, may be NULL */
	size_t report_len;
	/* the supervisor's own sentence: busy, stuck, died, not shut in (EXIT_CONFIG) */
	char why[ERR_TEXT];
	uint64_t took_us;               /* since it had the lock */
};

enum loop_kind { LOOP_AUTO, LOOP_URING, LOOP_POLL };

struct supervise_opts {
	uint64_t timeout_us;            /* per job; 0: none */
	/*
	 * A step that takes this much longer than its own limit is overdue, as if the
	 * job's time were up; 0: steps may take as long as they like.
	 */
	uint64_t slack_us;
	uint64_t grace_us;              /* after asking a worker to stop; 0: 2 s */
	/*
	 * How much longer a worker that is not stuck in the kernel may take to undo
	 * what it did, before it is killed; 0: not at all.
	 */
	uint64_t undo_us;
	bool progress;                  /* show waits that exceed a second */
	FILE *progress_to;
	FILE *notes_to;
	const char *run_dir;            /* "/run/gpureset" */
	/* "/var/lib/gpureset", or NULL: made before the workers, who may not make it. */
	const char *state_dir;
	/*
	 * How long to wait for the end of another gpureset that has the job's slot; 0:
	 * not at all. The job's timeout begins when it has the lock; a signal or the end
	 * of that time ends the job with EXIT_BUSY, its card untouched.
	 */
	uint64_t lock_wait_us;
	/*
	 * run/sandbox.h, or NULL: workers keep all rights of the caller, and so does the
	 * supervisor. With one the caller is a lesser process afterwards.
	 */
	const struct sandbox *sandbox;
	enum loop_kind loop;            /* LOOP_AUTO: io_uring, else poll(2) */
};

/*
 * Run all jobs at once and wait for them. Each job's status, report and why are
 * filled. Returns 0, or a negative errno when not even that was possible. Workers
 * still in the kernel at their deadline are left behind, holding their lock. When it was
 * asked to stop, the signals that ask so stay blocked: what is left is to report.
 */
int supervise(struct job *jobs, size_t n, const struct supervise_opts *opts,
	      struct err *err);

/* Which loop was really used by the last supervise(): "io_uring" or "poll". */
const char *supervise_loop(void);
/* Was it asked to stop by a signal? What follows should not take long. */
bool supervise_stopped(void);

#endif
