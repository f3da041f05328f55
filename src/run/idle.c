// SPDX-License-Identifier: GPL-2.0-or-later
#include "run/idle.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hw/hw_write.h"

/* A look reads all of /proc: often at first, as most are gone in no time. */
#define IDLE_FIRST_US 20000
#define IDLE_LONGEST_US 200000
#define PF_KTHREAD 0x00200000ul         /* include/linux/sched.h, field 9 of stat */

struct idle_look {
	struct hw *hw;
	enum idle_for which;
	bool found, living;
	struct hw_holder who;
};

/* What /proc/PID/stat says of the main thread: proc(5). */
struct idle_stat {
	char state;
	unsigned long flags;
};

/* -ENOENT: the process is gone. */
static int idle_stat(struct hw *hw, int pid, struct idle_stat *st)
{
	char path[40], text[512], *end;
	int rc;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	rc = hw_host_read(hw, path, text, sizeof(text), NULL);
	if (rc)
		return rc;
	/* the name in parentheses may hold anything, the last ')' is not in it */
	end = strrchr(text, ')');
	if (!end || sscanf(end, ") %c %*d %*d %*d %*d %*d %lu", &st->state,
			   &st->flags) != 2)
		return -EINVAL;
	return 0;
}

/*
 * The kernel takes the memory of a process, and with it the command line, before it
 * closes its files; a kernel thread never had one. Room for no byte at all: an argument
 * may be an empty string, which is not the same as none.
 */
static bool idle_no_cmdline(struct hw *hw, int pid)
{
	char path[40], none[1];

	snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
	return hw_host_read(hw, path, none, sizeof(none), NULL) == 0;
}

/* One that cannot be looked at counts as living: it is not waited for. */
static bool idle_dying(struct hw *hw, int pid)
{
	struct idle_stat st = { 0 };
	int rc = idle_stat(hw, pid, &st);

	if (rc)
		return rc == -ENOENT || rc == -ESRCH;
	if (st.state == 'Z' || st.state == 'X')
		return true;
	return !(st.flags & PF_KTHREAD) && idle_no_cmdline(hw, pid);
}

/* The first one is named, but one that is not waited for comes before it. */
static int idle_holder(const struct hw_holder *holder, void *arg)
{
	struct idle_look *look = arg;

	look->living = look->which == IDLE_DYING && !idle_dying(look->hw, holder->pid);
	if (!look->found || look->living)
		look->who = *holder;
	look->found = true;
	return look->living || look->which == IDLE_ANYBODY;
}

static int idle_busy(const struct idle_look *look, uint64_t waited_us, struct err *err)
{
	const struct hw_holder *who = &look->who;

	if (look->living)
		return err_set(err, EBUSY, "process %d (%s) has %s open", who->pid,
			       who->comm, who->what);
	return err_set(err, EBUSY, "process %d (%s) still has %s open after %.1f s",
		       who->pid, who->comm, who->what, (double)waited_us / 1e6);
}

int idle_wait(struct hw *hw, const struct bdf *fns, size_t n, enum idle_for which,
	      uint64_t deadline_us, bool (*stop)(void *arg), void *arg,
	      struct hw_holder *who, struct err *err)
{
	uint64_t begun = hw_now(hw), pause = IDLE_FIRST_US;

	for (;;) {
		struct idle_look look = { .hw = hw, .which = which };
		int rc = hw_holders(hw, fns, n, idle_holder, &look, err);
		uint64_t now = hw_now(hw);

		if (rc < 0 || !look.found)
			return rc < 0 ? rc : 0;
		*who = look.who;
		if (look.living || now >= deadline_us)
			return idle_busy(&look, now - begun, err);
		if (stop && stop(arg))
			return err_set(err, ECANCELED, "asked to stop while process %d "
				       "(%s) had %s open", who->pid, who->comm,
				       who->what);
		hw_sleep(hw, pause < deadline_us - now ? pause : deadline_us - now);
		pause = 2 * pause < IDLE_LONGEST_US ? 2 * pause : IDLE_LONGEST_US;
	}
}
