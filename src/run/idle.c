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

/* The first one is named, but a living one comes before it. */
static int idle_holder(const struct hw_holder *holder, void *arg)
{
	struct idle_look *look = arg;

	if (!holder->pid)
		return 0;       /* a disk in use is the plan's to judge */
	look->living = !idle_dying(look->hw, holder->pid);
	if (!look->found || look->living)
		look->who = *holder;
	look->found = true;
	return look->living;
}

/* Opened through vfio-pci: for that driver `enable` is above 0 exactly then. */
static bool idle_vfio_open(struct hw *hw, struct bdf fn)
{
	char driver[32], enable[16];

	return hw_attr_read(hw, fn, "driver", driver, sizeof(driver), NULL) == 0 &&
	       !strcmp(driver, "vfio-pci") &&
	       hw_attr_read(hw, fn, "enable", enable, sizeof(enable), NULL) == 0 &&
	       strtol(enable, NULL, 10) > 0;
}

static int idle_once(struct idle_look *look, const struct bdf *fns, size_t n,
		     struct err *err)
{
	char text[BDF_STR];
	int rc = hw_holders(look->hw, fns, n, idle_holder, look, err);

	for (size_t i = 0; i < n && rc >= 0 && !look->found; i++) {
		if (!idle_vfio_open(look->hw, fns[i]))
			continue;
		look->found = true;
		snprintf(look->who.comm, sizeof(look->who.comm), "the kernel");
		snprintf(look->who.what, sizeof(look->who.what), "%s",
			 bdf_str(fns[i], text));
	}
	return rc < 0 ? rc : 0;
}

static int idle_late(const struct hw_holder *who, uint64_t waited_us, struct err *err)
{
	double s = (double)waited_us / 1e6;

	if (!who->pid)
		return err_set(err, ETIMEDOUT, "%s has been open through vfio-pci for "
			       "%.1f s, though no process is seen that has it", who->what,
			       s);
	return err_set(err, ETIMEDOUT, "process %d (%s) is dying and still has %s open "
		       "after %.1f s", who->pid, who->comm, who->what, s);
}

int idle_wait(struct hw *hw, const struct bdf *fns, size_t n, uint64_t deadline_us,
	      bool (*stop)(void *arg), void *arg, struct hw_holder *who, struct err *err)
{
	uint64_t begun = hw_now(hw), pause = IDLE_FIRST_US;

	for (;;) {
		struct idle_look look = { .hw = hw };
		int rc = idle_once(&look, fns, n, err);
		uint64_t now = hw_now(hw);

		if (rc < 0 || !look.found)
			return rc;
		*who = look.who;
		if (look.living)
			return err_set(err, EBUSY, "process %d (%s) has %s open",
				       who->pid, who->comm, who->what);
		if (now >= deadline_us)
			return idle_late(who, now - begun, err);
		if (stop && stop(arg))
			return err_set(err, ECANCELED, "asked to stop while %s (process "
				       "%d) had %s open", who->comm, who->pid, who->what);
		hw_sleep(hw, pause < deadline_us - now ? pause : deadline_us - now);
		pause = 2 * pause < IDLE_LONGEST_US ? 2 * pause : IDLE_LONGEST_US;
	}
}
