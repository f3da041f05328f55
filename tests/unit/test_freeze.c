// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * run/freeze.c and plan/frozen.c: what is on the disk before a step that may hang the
 * host, and what the next boot makes of it. Every method of several cards hangs the host
 * at each of its risky steps; and the disk loses its power, or its mind, in between.
 */
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
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "cmd/work.h"
#include "hw/hw_linux.h"
#include "hw/hw_ops.h"
#include "run/freeze.h"
#include "run/journal.h"
#include "run/lock.h"
#include "sim_rig.h"

#define FIJI "quirks/amd-fiji.quirk"
#define EVERY "tests/data/rig.quirk"
#define BOOT_ID "/proc/sys/kernel/random/boot_id"
#define BOOT_1 "11111111-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
#define BOOT_2 "22222222-bbbb-4bbb-8bbb-bbbbbbbbbbbb"
#define RECORD "risk-0000:01:00"
#define MAX_ATTEMPTS 32
#define BUS "bus at 0000:00:01.0"

/* Below one folder, so that the state folder is made by what is tested. */
static char top[64];
static char run_dir[80], state_dir[80];

/* --- what reaches the disk --------------------------------------------------------- */

enum disk_event { DISK_WRITE, DISK_SYNC, DISK_SYNC_DIR, DISK_SYNC_UP, DISK_RENAME,
		  DISK_UNLINK };

/*
 * The calls that make a file durable, as this program's own: they do what they say, are
 * counted, and can fail or be the last thing that the process does.
 */
static struct {
	bool on;
	size_t n;                       /* events so far */
	size_t syncs;
	size_t cut;                     /* the process ends before this one, from 1 */
	size_t fail;                    /* this sync does not work, from 1 */
	bool fresh_whole;               /* RECORD.new, all of it, is on the disk */
	bool half;                      /* its name could come to hold less than all */
	bool named;                     /* RECORD on the disk is the last */
	bool folder;                    /* and the folder's own name is */
	bool known;                     /* it, or the one before it */
} disk;

static void disk_reset(void)
{
	memset(&disk, 0, sizeof(disk));
}

/* From here on, with the folders that the supervisor makes before its workers. */
static void disk_watch(bool on)
{
	if (on)
		rundir_make(run_dir, NULL);
	disk.on = on;
	/* one that is there was synced when it was made */
	disk.folder |= !access(state_dir, F_OK);
	if (on)
		rundir_make(state_dir, NULL);
}

static void disk_event(enum disk_event what)
{
	if (!disk.on)
		return;
	disk.n++;
	if (disk.n == disk.cut)
		_exit(3);
	switch (what) {
	case DISK_WRITE:
		disk.fresh_whole = false;
		break;
	case DISK_SYNC:
		disk.fresh_whole = true;
		break;
	case DISK_SYNC_DIR:
		disk.named = true;
		disk.known = true;
		break;
	case DISK_SYNC_UP:
		disk.folder = true;
		break;
	case DISK_RENAME:
		disk.half |= !disk.fresh_whole;
		disk.named = false;
		break;
	case DISK_UNLINK:
		disk.named = false;
		disk.known = false;
		break;
	}
}

static const char *disk_path(int fd, char buf[PATH_MAX])
{
	char link[40];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, buf, PATH_MAX - 1);
	buf[n < 0 ? 0 : n] = '\0';
	return buf;
}

static bool disk_is_state(const char *path)
{
	return disk.on && !strncmp(path, state_dir, strlen(state_dir));
}

int fsync(int fd)
{
	char path[PATH_MAX];
	bool up;

	if (!disk.on)
		return 0;
	disk_path(fd, path);
	up = !strcmp(path, top);
	if (up || disk_is_state(path)) {
		if (++disk.syncs == disk.fail) {
			errno = EIO;
			return -1;
		}
		disk_event(up ? DISK_SYNC_UP : !strcmp(path, state_dir) ? DISK_SYNC_DIR :
			   DISK_SYNC);
	}
	return 0;               /* some 50,000 real ones take minutes */
}

ssize_t write(int fd, const void *buf, size_t n)
{
	char path[PATH_MAX];

	if (disk.on && disk_is_state(disk_path(fd, path)))
		disk_event(DISK_WRITE);
	return syscall(SYS_write, fd, buf, n);
}

int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	char path[PATH_MAX];

	if (disk_is_state(disk_path(to_dir, path)))
		disk_event(DISK_RENAME);
	return (int)syscall(SYS_renameat, from_dir, from, to_dir, to);
}

int unlinkat(int dir, const char *name, int flags)
{
	char path[PATH_MAX];

	if (disk_is_state(disk_path(dir, path)))
		disk_event(DISK_UNLINK);
	return (int)syscall(SYS_unlinkat, dir, name, flags);
}

/* A power cut now leaves all of the last record. */
static bool disk_durable(void)
{
	return disk.named && disk.folder && !disk.half;
}

/* --- folders ------------------------------------------------------------------------ */

static void shell(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static void shell(const char *fmt, ...)
{
	char cmd[300];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(cmd, sizeof(cmd), fmt, ap);
	va_end(ap);
	if (system(cmd))
		fail_msg("%s", cmd);
}

/* What is tested leaves these alone; a shell, which takes long, for anything else. */
static void dir_clean(const char *dir, const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	unlink(path);
	snprintf(path, sizeof(path), "%s/%s.new", dir, name);
	unlink(path);
	if (rmdir(dir) && errno != ENOENT)
		shell("rm -rf %s", dir);
}

static int dirs_clean(void **state)
{
	(void)state;
	disk_watch(false);
	disk_reset();
	dir_clean(state_dir, RECORD);
	dir_clean(run_dir, "journal-0000:01:00");
	return 0;
}

static void record_put(const char *text)
{
	struct err err = { 0 };

	if (rundir_replace(state_dir, RECORD, "record", text, strlen(text), &err))
		fail_msg("%s", err.text);
}

static bool record_is_there(void)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/" RECORD, state_dir);
	return !access(path, F_OK);
}

/* --- cards ------------------------------------------------------------------------- */

enum { USED = 1 << 0, VFIO = 1 << 1, HOST = 1 << 2 };

static const struct scene {
	const char *name, *kind;
	unsigned flags;
	const char *quirk;
} scenes[] = {
	{ "flr card, host drivers", "flr", USED | HOST, NULL },
	{ "flr card, vfio-pci", "flr", USED | VFIO, NULL },
	{ "fury", "fury", USED | HOST, FIJI },
	{ "fury, every word", "fury", USED | VFIO, EVERY },
	{ "a function with a soft reset", NULL, 0, NULL },
};

#define NSCENES (sizeof(scenes) / sizeof(*scenes))

static struct rig *scene_rig(const struct scene *s, const char *boot)
{
	static const struct rig_plain plain = {
		.vendor = 0x10de, .device = 0x1234, .class_code = 0x030000,
		.soft_reset = true, .flr = true,
	};
	struct rig *r = s->kind ? rig_open(s->kind, RIG_ROOT_PORT) :
			rig_open_plain(&plain, RIG_ROOT_PORT);

	hw_sim_host(r->sim, BOOT_ID, boot);
	if (s->flags & USED && !strcmp(s->kind, "fury"))
		rig_use_fury(r);
	else if (s->flags & USED)
		rig_scribble(r);
	if (s->flags & VFIO)
		rig_vfio(r);
	if (s->flags & HOST)
		hw_sim_attr(r->sim, rig_fn(r, 0), "driver", "amdgpu");
	if (s->quirk)
		rig_quirk(r, s->quirk);
	return r;
}

static struct frozen_list list;

/* What the host remembers, and a plan with it. */
static void scene_plan(struct rig *r)
{
	struct plan_opts opts = { .frozen = &list, .allow_untested = true };
	struct err err = { 0 };

	freeze_list_free(&list);
	freeze_read_card(r->hw, state_dir, r->slot, &list);
	if (rig_plan(r, &opts, &err))
		fail_msg("%s", err.text);
	assert_true(r->plan.nattempts <= MAX_ATTEMPTS);
}

/* Every step of it that acts may hang the host; returns how many. */
static size_t mark(struct attempt *a)
{
	size_t n = 0;

	for (size_t i = 0; i < a->nsteps; i++) {
		if (a->step[i].phase != PHASE_ACT || a->step[i].kind == STEP_REQUIRE)
			continue;
		a->step[i].risk = RISK_HOST_MAY_HANG;
		a->risk = RISK_HOST_MAY_HANG;
		n++;
	}
	return n;
}

/* --- a run that the host does not live to end --------------------------------------- */

/*
 * Between what is tested and the executor: the host hangs after danger() (@at 1), or
 * after risky step number @at - 1.
 */
static struct {
	struct journal journal;
	struct freeze freeze;
	struct exec_keep keep;
	const struct step *now;         /* the step that is being done */
	const struct attempt *a;
	const struct hw_ops *real;
	struct hw_ops ops;
	size_t n, at;
	size_t seen;                    /* risky accesses that were looked at */
	size_t undos;                   /* undo lines in the record at all dangers */
	char first[512];                /* the step that danger() was called for */
	jmp_buf gone;
} host;

static struct hw *host_hw;      /* past all shims: its boot id is read */

static size_t undo_lines(const struct frozen *f)
{
	size_t n = 0;

	for (size_t i = 0; i < f->undo_len; i++)
		n += f->undo[i] == '\n';
	return n;
}

/* The record of the attempt that is being done. */
static const struct frozen *mine(const struct frozen_list *now)
{
	for (size_t i = 0; i < now->n; i++)
		if (!strcmp(now->item[i].method, host.a->name) &&
		    !strcmp(now->item[i].boot, now->boot))
			return &now->item[i];
	fail_msg("%s: no record: %s", host.a->name, now->wrong.text);
	return NULL;
}

/* At the moment of a risky access all about it is on the disk, and stays there. */
static void must_be_written(void)
{
	struct frozen_list now;

	if (!host.now || host.now->risk < RISK_HOST_MAY_HANG)
		return;
	host.seen++;
	/* half a program is worse than a record that lacks an undo */
	if (disk.on && !(host.now->undo_of ? disk.known && !disk.half : disk_durable()))
		fail_msg("%s: not on the disk (%d %d %d %d)", host.a->name, disk.known,
			 disk.named, disk.folder, disk.half);
	freeze_read(host_hw, state_dir, host.freeze.slot, &now);
	if (!host.now->undo_of)
		assert_string_equal(mine(&now)->step, host.first);
	freeze_list_free(&now);
}

static int host_cfg(struct hw *hw, struct bdf bdf, unsigned off, unsigned width,
		    uint32_t val, struct err *err)
{
	must_be_written();
	return host.real->cfg_write(hw, bdf, off, width, val, err);
}

static int host_bar(struct hw *hw, struct bdf bdf, int bar, uint32_t off, uint32_t val,
		    struct err *err)
{
	must_be_written();
	return host.real->bar_write(hw, bdf, bar, off, val, err);
}

static int host_attr(struct hw *hw, struct bdf bdf, const char *name, const char *value,
		     struct err *err)
{
	must_be_written();
	return host.real->attr_write(hw, bdf, name, value, err);
}

static int host_hot_reset(struct hw *hw, struct bdf bdf, const struct bdf *fns, size_t n,
			  struct err *err)
{
	must_be_written();
	return host.real->hot_reset(hw, bdf, fns, n, err);
}

static void host_begin(void *arg, const struct attempt *a, const struct step *s)
{
	(void)arg;
	host.a = a;
	host.now = s;
}

static void host_end(void *arg, const struct attempt *a, const struct step *s, int rc,
		     uint64_t took_us)
{
	(void)arg;
	(void)a;
	(void)rc;
	(void)took_us;
	if (host.n && s->risk >= RISK_HOST_MAY_HANG && ++host.n == host.at)
		longjmp(host.gone, 1);
}

static void keep_begin(void *arg)
{
	host.freeze.keep.begin(arg);
}

static int keep_intend(void *arg, const struct exec_undo *u, struct err *err)
{
	int rc = host.freeze.keep.intend(arg, u, err);

	/* once it is dangerous, an undo is on the disk before its step as well */
	if (!rc && host.n && disk.on && !disk_durable())
		fail_msg("%s: an undo is not on the disk", host.a->name);
	return rc;
}

static void keep_undone(void *arg, size_t place)
{
	host.freeze.keep.undone(arg, place);
}

static int keep_danger(void *arg, const struct attempt *a, const struct step *s,
		       struct err *err)
{
	int rc = host.freeze.keep.danger(arg, a, s, err);
	struct frozen_list now;

	assert_int_equal(host.n, 0);    /* an attempt has one */
	host.n += !rc;
	step_print(s, host.first, sizeof(host.first));
	if (!rc && disk.fail == 0) {
		freeze_read(host_hw, state_dir, host.freeze.slot, &now);
		assert_int_equal(undo_lines(mine(&now)), host.journal.open);
		host.undos += host.journal.open;
		freeze_list_free(&now);
	}
	if (!rc && host.n == host.at)
		longjmp(host.gone, 1);
	return rc;
}

static void keep_end(void *arg)
{
	host.freeze.keep.end(arg);
	host.now = NULL;
	host.n = 0;
}

/* The host as the executor sees it; @at 0: it lives. */
static void host_arm(struct rig *r, size_t at)
{
	host_hw = r->sim;
	host.real = r->hw->ops;
	host.ops = *host.real;
	host.ops.cfg_write = host_cfg;
	host.ops.bar_write = host_bar;
	host.ops.attr_write = host_attr;
	host.ops.hot_reset = host_hot_reset;
	r->hw->ops = &host.ops;
	host.now = NULL;
	host.n = 0;
	host.at = at;
}

/* True: it hung in the middle. */
static bool host_run(struct rig *r, const struct attempt *a, size_t at,
		     struct exec_outcome *out)
{
	static struct exec_watch watch;
	static bool hung;
	struct err err = { 0 };

	hung = true;
	if (journal_open(&host.journal, run_dir, r->slot, &err))
		fail_msg("%s", err.text);
	freeze_open(&host.freeze, &r->plan, &host.journal.keep);
	host.keep = host.freeze.keep;
	host.keep.begin = keep_begin;
	host.keep.intend = keep_intend;
	host.keep.undone = keep_undone;
	host.keep.danger = keep_danger;
	host.keep.end = keep_end;
	watch = (struct exec_watch){ .begin = host_begin, .end = host_end,
				      .keep = &host.keep };
	host_arm(r, at);
	if (!setjmp(host.gone)) {
		exec_attempt(r->hw, &r->plan, a, &watch, 0, out);
		hung = false;
	}
	r->hw->ops = host.real;
	journal_leave(&host.journal);
	return hung;
}

/* --- every method, at every risky step ---------------------------------------------- */

struct counts {
	size_t methods, steps, off, on, again, lived, accesses;
};

/* Whether each attempt of a plan can be used; @but: the one that is off. */
static void must_offer(const struct rig *r, const bool *usable, const char *but,
		       const char *what)
{
	for (size_t i = 0; i < r->plan.nattempts; i++) {
		const struct attempt *a = &r->plan.attempt[i];
		bool off = but && !strcmp(a->name, but);

		if (off && (a->usable != ATTEMPT_DENIED || !a->frozen))
			fail_msg("%s: %s is not off", what, a->name);
		if (off)
			assert_non_null(strstr(a->reason, "the host did not come back"));
		if (!off && (a->usable == ATTEMPT_YES) != usable[i])
			fail_msg("%s: %s: %s", what, a->name, a->reason ? a->reason : "");
	}
}

static void note_usable(const struct rig *r, bool *usable)
{
	for (size_t i = 0; i < r->plan.nattempts; i++)
		usable[i] = r->plan.attempt[i].usable == ATTEMPT_YES;
}

/* The same machine again: booted anew, or (@boot is BOOT_1) as it lived on. */
static struct rig *boot_again(const struct scene *s, const char *boot)
{
	struct rig *r = scene_rig(s, boot);

	if (strcmp(boot, BOOT_1))
		dir_clean(run_dir, "journal-0000:01:00");       /* a tmpfs */
	scene_plan(r);
	assert_false(list.wrong.code);
	return r;
}

static void after_a_boot(const struct scene *s, const char *method, const bool *usable,
			 const char *what, struct counts *n)
{
	struct rig *r = boot_again(s, BOOT_2);
	struct err err = { 0 };

	must_offer(r, usable, method, what);
	n->off++;
	n->on += plan_usable(&r->plan);
	if (freeze_drop(state_dir, r->slot, NULL, NULL, &err))
		fail_msg("%s: %s", what, err.text);
	scene_plan(r);
	must_offer(r, usable, NULL, what);
	n->again++;
	rig_close(r);
}

/* The process was killed alone: nothing is off, and the next run takes the record off. */
static void after_a_kill(const struct scene *s, size_t attempt, const bool *usable,
			 const char *what, struct counts *n)
{
	struct rig *r = boot_again(s, BOOT_1);
	struct exec_outcome out;
	struct recovery rec = { 0 };

	assert_true(record_is_there());
	assert_int_equal(recover_slot(r->hw, run_dir, r->slot, NULL, &rec, NULL), 0);
	must_offer(r, usable, NULL, what);
	mark(&r->plan.attempt[attempt]);
	assert_false(host_run(r, &r->plan.attempt[attempt], 0, &out));
	if (record_is_there())
		fail_msg("%s: the record stays", what);
	n->lived++;
	rig_close(r);
}

/* False: there is no such step. */
static bool hang_at(const struct scene *s, size_t attempt, size_t at, bool reboot,
		    const bool *usable, struct counts *n)
{
	struct rig *r = scene_rig(s, BOOT_1);
	struct exec_outcome out;
	char what[200], method[64];
	bool hung;

	disk_reset();
	disk_watch(true);
	scene_plan(r);
	snprintf(method, sizeof(method), "%s", r->plan.attempt[attempt].name);
	snprintf(what, sizeof(what), "%s: %s, risky step %zu%s", s->name, method, at,
		 reboot ? "" : ", killed");
	mark(&r->plan.attempt[attempt]);
	hung = host_run(r, &r->plan.attempt[attempt], at, &out);
	disk_watch(false);
	n->accesses += host.seen;
	host.seen = 0;
	if (hung && !disk_durable())
		fail_msg("%s: hung, and it is not on the disk", what);
	if (!hung && record_is_there())
		fail_msg("%s: it has ended, and the record stays", what);
	rig_close(r);
	if (hung && reboot)
		after_a_boot(s, method, usable, what, n);
	else if (hung)
		after_a_kill(s, attempt, usable, what, n);
	dirs_clean(NULL);
	return hung;
}

static char methods_seen[512];

static void hang_everywhere(const struct scene *s, struct counts *n)
{
	struct rig *r = scene_rig(s, BOOT_1);
	bool usable[MAX_ATTEMPTS] = { 0 };
	size_t nattempts;

	scene_plan(r);
	note_usable(r, usable);
	nattempts = r->plan.nattempts;
	for (size_t i = 0; i < nattempts; i++) {
		const char *name = r->plan.attempt[i].method->name;
		size_t len = strlen(methods_seen);

		if (!usable[i] || !strcmp(name, "none"))
			continue;
		if (!strstr(methods_seen, name))
			snprintf(methods_seen + len, sizeof(methods_seen) - len, " %s",
				 name);
		n->methods++;
		for (size_t at = 1; hang_at(s, i, at, true, usable, n); at++) {
			n->steps++;
			assert_true(hang_at(s, i, at, false, usable, n));
		}
	}
	rig_close(r);
}

static void test_hangs_everywhere(void **state)
{
	struct counts n = { 0 };

	(void)state;
	for (size_t i = 0; i < NSCENES; i++)
		hang_everywhere(&scenes[i], &n);
	print_message("methods:%s; risky accesses looked at: %zu, undo lines in the "
		      "records: %zu\n", methods_seen, n.accesses, host.undos);
	print_message("count: hosts hung at a risky step: %zu\n"
		      "count: methods off after the boot: %zu\n"
		      "count: methods on again after unfreeze: %zu\n"
		      "count: workers killed at a risky step, method still on: %zu\n",
		      n.steps, n.off, n.again, n.lived);
	assert_int_equal(n.off, n.steps);
	assert_int_equal(n.again, n.steps);
	assert_int_equal(n.lived, n.steps);
	assert_true(n.on > n.off && n.accesses > n.steps && host.undos > n.steps);
	for (size_t i = 0; methods[i]; i++)     /* no model has an AF capability */
		if (methods[i] != method_find("none") &&
		    methods[i] != method_find("af_flr"))
			assert_non_null(strstr(methods_seen, methods[i]->name));
}

/* --- the disk --------------------------------------------------------------- */

static struct attempt *named(struct rig *r, const char *name)
{
	for (size_t i = 0; i < r->plan.nattempts; i++)
		if (!strcmp(r->plan.attempt[i].name, name))
			return &r->plan.attempt[i];
	fail_msg("no attempt '%s'", name);
	return NULL;
}

/* The first usable method that is no "none", all its acting steps marked. */
static struct attempt *risky(struct rig *r)
{
	for (size_t i = 0; i < r->plan.nattempts; i++)
		if (r->plan.attempt[i].usable == ATTEMPT_YES &&
		    strcmp(r->plan.attempt[i].name, "none") && mark(&r->plan.attempt[i]))
			return &r->plan.attempt[i];
	fail_msg("no method");
	return NULL;
}

static void power_child(const struct scene *s, size_t cut)
{
	struct rig *r = scene_rig(s, BOOT_2);
	struct exec_outcome out;

	scene_plan(r);
	disk_reset();
	disk.cut = cut;
	disk_watch(true);
	host_run(r, risky(r), 0, &out);
	_exit(disk.half ? 4 : 0);
}

/*
 * Cut off before each of its calls, with a record of another method in the file: that one
 * is always there afterwards, and the file is whole. By way of the model of the disk its
 * name never comes to hold less (disk.half).
 */
static void test_power_cut(void **state)
{
	static const char old[] = "gpureset risk 1\nmethod bus at 0000:00:1f.0\n"
		"boot " BOOT_1 "\ncard 1:2:3:4\nquirk -\nstep s\nkernel 6\ntime t\n"
		"undo u\nend 1\n";
	size_t cuts = 0, both = 0;
	int status = 3 << 8;

	(void)state;
	for (size_t cut = 1; WIFEXITED(status) && WEXITSTATUS(status) == 3; cut++) {
		struct rig *r;

		dirs_clean(NULL);
		record_put(old);
		fflush(NULL);
		if (fork() == 0)
			power_child(&scenes[0], cut);
		wait(&status);
		r = scene_rig(&scenes[0], BOOT_2);
		freeze_list_free(&list);
		freeze_read(r->hw, state_dir, r->slot, &list);
		if (list.wrong.code)
			fail_msg("cut %zu: %s", cut, list.wrong.text);
		assert_true(list.n == 1 || list.n == 2);
		assert_string_equal(list.item[0].method, "bus at 0000:00:1f.0");
		cuts++;
		both += list.n == 2;
		rig_close(r);
	}
	assert_int_equal(status, 0);
	assert_int_equal(list.n, 1);
	assert_true(both && both < cuts);
	print_message("count: power cuts around a record: %zu\n"
		      "count: records lost or halved: 0\n", cuts - 1);
}

/* Nothing risky is done that is not on the disk, whichever sync does not work. */
static void test_sync_fails(void **state)
{
	size_t refused = 0, fails = 0;
	bool more = true;

	(void)state;
	for (size_t fail = 1; more; fail++) {
		struct rig *r = scene_rig(&scenes[2], BOOT_1);
		struct rig_state before;
		struct exec_outcome out;
		struct recovery rec = { 0 };
		const char *wrong;

		scene_plan(r);
		mark(named(r, "sequence baco"));
		rig_remember(r, &before);
		disk_reset();
		disk.fail = fail;
		disk_watch(true);
		assert_false(host_run(r, named(r, "sequence baco"), 0, &out));
		disk_watch(false);
		more = disk.syncs >= fail;
		fails += more;
		if (more && out.result == EXEC_FAILED) {
			refused++;
			assert_non_null(strstr(out.err.text, "may hang the host, which "
					       "has to be written down first"));
			assert_non_null(strstr(out.err.text, state_dir));
		}
		assert_int_equal(recover_slot(r->hw, run_dir, r->slot, NULL, &rec, NULL),
				 0);
		wrong = rig_changed(r, &before, false);
		if (wrong && more && out.result == EXEC_FAILED)
			fail_msg("sync %zu: %s", fail, wrong);
		rig_close(r);
		dirs_clean(NULL);
	}
	/* its text, its name */
	assert_true(refused >= 2 && refused <= fails);
	print_message("count: failed syncs before a risky step: %zu\n"
		      "count: risky steps done all the same: 0\n", refused);
}

/* No place for the record, or no boot id: the next method is tried, which is safe. */
static void test_cannot_write(void **state)
{
	static struct exec_outcome out[MAX_ATTEMPTS];

	(void)state;
	for (int how = 0; how < 2; how++) {
		struct rig *r = scene_rig(&scenes[0], how ? "" : BOOT_1);
		const struct exec_watch watch = { .keep = NULL };
		const struct attempt *a;
		struct exec_summary sum;
		struct err err = { 0 };

		scene_plan(r);
		a = risky(r);
		if (!how)
			shell("ln -s / %s", state_dir);
		assert_int_equal(work_exec_plan(r->hw, run_dir, r->slot, &r->plan, &watch,
						0, out, &sum, &err), 0);
		assert_int_equal(out[a - r->plan.attempt].result, EXEC_FAILED);
		assert_non_null(strstr(out[a - r->plan.attempt].err.text,
				       how ? "boot_id cannot be read" : state_dir));
		assert_int_equal(out[a - r->plan.attempt].act_us, 0);
		assert_non_null(sum.healthy);
		assert_ptr_not_equal(sum.healthy, a);
		rig_close(r);
		dirs_clean(NULL);
	}
}

/* --- what the file says ----------------------------------------------------- */

#define ONE(method, boot, card) "method " method "\nboot " boot "\ncard " card \
	"\nquirk q q.quirk:3\nstep 0000:01:00.0 put '1' into reset\nkernel 6.12.0\n" \
	"time 2026-11-21 17:56:17 UTC\n"

/* A card with this file; an @ in it is the card's ids. Rebooted since BOOT_1. */
static struct rig *rig_with(const char *text)
{
	struct rig *r = scene_rig(&scenes[0], BOOT_2);
	char all[8192], card[FROZEN_CARD];
	size_t n = 0;

	if (rig_plan(r, NULL, NULL))
		fail_msg("no plan");
	frozen_card(&r->target, card);
	for (; *text && n + FROZEN_CARD < sizeof(all); text++)
		n += (size_t)snprintf(all + n, sizeof(all) - n, *text == '@' ? "%s" :
				      "%.1s", *text == '@' ? card : text);
	record_put(all);
	scene_plan(r);
	return r;
}

static void must_be_off(struct rig *r, const char *name, bool off)
{
	if (named(r, name)->frozen != off)
		fail_msg("%s is %soff", name, off ? "not " : "");
}

static void test_sentence(void **state)
{
	struct rig *r = rig_with("gpureset risk 1\n" ONE("flr", BOOT_1, "@") "end 1\n");
	struct plan_opts asked = { .frozen = &list, .method = "flr" };

	(void)state;
	assert_string_equal(named(r, "flr")->reason, "the host did not come back from "
			    "'flr' on 2026-11-21 17:56:17 UTC (boot 11111111, from "
			    "step '0000:01:00.0 put '1' into reset' on, kernel 6.12.0); "
			    "`gpureset unfreeze 0000:01:00` allows it again");
	must_be_off(r, BUS, false);
	/* not by asking for it either */
	assert_int_equal(rig_plan(r, &asked, NULL), 0);
	assert_int_equal(plan_usable(&r->plan), 0);
	must_be_off(r, "flr", true);
	rig_close(r);
}

/* Several at once, of this card and of another that was there before it. */
static void test_list(void **state)
{
	struct rig *r = rig_with("gpureset risk 1\n" ONE("flr", BOOT_1, "@") "undo a\n"
				 "undo b\n" ONE(BUS, BOOT_1, "@")
				 ONE("hot_reset", BOOT_1, "10de:2b85:0:0")
				 ONE("subordinate at 0000:00:01.0", BOOT_2, "@")
				 "undo c\nend 4\n");
	struct exec_outcome out;

	(void)state;
	assert_int_equal(list.n, 4);
	assert_int_equal(list.item[0].undo_len, strlen("undo a\nundo b\n"));
	assert_memory_equal(list.item[0].undo, "undo a\nundo b\n", 14);
	assert_int_equal(undo_lines(&list.item[1]), 0);
	must_be_off(r, "flr", true);
	must_be_off(r, BUS, true);
	must_be_off(r, "hot_reset", false);
	must_be_off(r, "subordinate at 0000:00:01.0", false);   /* this boot's */
	assert_int_equal(r->plan.frozen_other, 1);
	/* one more of this boot: the others stay, word for word; the killed one's goes */
	assert_false(host_run(r, risky(r), 0, &out));
	scene_plan(r);
	assert_int_equal(list.n, 3);
	assert_memory_equal(list.item[0].undo, "undo a\nundo b\n", 14);
	must_be_off(r, "flr", true);
	must_be_off(r, BUS, true);
	rig_close(r);
}

static bool is_bus(const struct frozen *f, const void *arg)
{
	return !strcmp(f->method, arg);
}

static void test_drop(void **state)
{
	struct rig *r = rig_with("gpureset risk 1\n" ONE("flr", BOOT_1, "@")
				 ONE(BUS, BOOT_1, "@") "end 2\n");

	(void)state;
	assert_int_equal(freeze_drop(state_dir, r->slot, is_bus, BUS, NULL), 0);
	scene_plan(r);
	must_be_off(r, "flr", true);
	must_be_off(r, BUS, false);
	assert_int_equal(freeze_drop(state_dir, r->slot, is_bus, "flr", NULL), 0);
	assert_false(record_is_there());
	/* nothing there, not even the folder */
	dirs_clean(NULL);
	assert_int_equal(freeze_drop(state_dir, r->slot, is_bus, "flr", NULL), 0);
	scene_plan(r);
	assert_int_equal(list.wrong.code, 0);
	assert_int_equal(access(state_dir, F_OK), -1);  /* to plan changes nothing */
	rig_close(r);
}

/* Buses may have other numbers after a boot: then the method is off at all. */
static void test_bridge_gone(void **state)
{
	struct rig *r = rig_with("gpureset risk 1\n"
				 ONE("bus at 0000:00:1c.0", BOOT_1, "@") "end 1\n");

	(void)state;
	must_be_off(r, BUS, true);
	must_be_off(r, "subordinate at 0000:00:01.0", false);
	must_be_off(r, "flr", false);
	rig_close(r);
}

/* The card's own, which had another address then. */
static void test_moved(void **state)
{
	struct rig *r = rig_with("gpureset risk 1\n" ONE("flr", BOOT_1, "@") "end 1\n");
	struct bdf old;
	char from[128], to[128];

	(void)state;
	bdf_from_sysfs("0000:01:01.0", &old);
	snprintf(from, sizeof(from), "%s/" RECORD, state_dir);
	snprintf(to, sizeof(to), "%s/risk-0000:01:01", state_dir);
	assert_int_equal(rename(from, to), 0);
	scene_plan(r);
	must_be_off(r, "flr", true);
	must_be_off(r, BUS, false);
	assert_non_null(strstr(named(r, "flr")->reason, ", as 0000:01:01 then; `gpureset "
			       "unfreeze 0000:01:00`"));
	/* an equal card is there: then it is that one's */
	rig_add(r, scenes[0].kind, old);
	rig_boot(r);
	scene_plan(r);
	assert_int_equal(list.n, 0);
	assert_false(named(r, "flr")->frozen);
	dir_clean(state_dir, "risk-0000:01:01");
	rig_close(r);
}

/* What may hang the host is off, what is safe is not. */
static void must_deny_risky(struct rig *r, const char *what, const char *word)
{
	struct plan_opts opts = { .frozen = &list };
	static struct q_method risks[] = {
		{ .name = "flr", .risk = RISK_HOST_MAY_HANG, .risk_why = "it may",
		  .line = 7 },
	}, ladder[] = { { .name = "flr" }, { .name = "bus" } };
	static const struct quirk q = {
		.file = "x.quirk", .id = "x", .methods = ladder, .nmethods = 2,
		.risks = risks, .nrisks = 1, .status = QUIRK_VENDOR,
	};

	r->quirk = &q;
	freeze_list_free(&list);
	freeze_read(r->hw, state_dir, r->slot, &list);
	if (!list.wrong.code)
		fail_msg("%s is not seen to be damaged", what);
	assert_int_equal(list.n, 0);
	assert_int_equal(rig_plan(r, &opts, NULL), 0);
	if (!named(r, "flr")->frozen || named(r, "flr")->usable != ATTEMPT_DENIED)
		fail_msg("%s: flr is on", what);
	if (!strstr(named(r, "flr")->reason, word))
		fail_msg("%s: no '%s' in: %s", what, word, named(r, "flr")->reason);
	assert_int_equal(named(r, BUS)->usable, ATTEMPT_YES);
}

static const char *const damaged[] = {
	"", "\n", "nonsense\n", "gpureset risk 2\nend 0\n", "gpureset risk 1\n",
	"gpureset risk 1", "gpureset risk 1\nend 1\n", "gpureset risk 1\nend\n",
	"gpureset risk 1\nundo a\nend 0\n", "gpureset risk 1\nend 0\nend 0\n",
	"gpureset risk 1\n" ONE("flr", BOOT_1, "@"),
	"gpureset risk 1\n" ONE("flr", BOOT_1, "@") "end 2\n",
	"gpureset risk 1\n" ONE("flr", BOOT_1, "@") "end 1",
	"gpureset risk 1\n" ONE("flr", BOOT_1, "@") "end 1\n" ONE("flr", BOOT_1, "@"),
	"gpureset risk 1\nmethod flr\nboot x\nend 1\n",
	"gpureset risk 1\nmethod \nboot x\n", "gpureset risk 1\nmethod flr\nmethod x\n",
	"gpureset risk 1\n" ONE("flr", BOOT_1, "@") "wish a\nend 1\n",
};

static void test_damaged(void **state)
{
	static const char good[] = "gpureset risk 1\n" ONE("flr", BOOT_1, "1:2:3:4")
				   "undo a\nend 1\n";
	struct rig *r = scene_rig(&scenes[0], BOOT_2);
	size_t n = sizeof(damaged) / sizeof(*damaged);
	char part[sizeof(good)];

	(void)state;
	for (size_t i = 0; i < n; i++) {
		record_put(damaged[i]);
		must_deny_risky(r, damaged[i], "unfreeze 0000:01:00");
	}
	/* cut off anywhere */
	for (size_t len = 0; len < sizeof(good) - 1; len++, n++) {
		memcpy(part, good, len);
		part[len] = '\0';
		record_put(part);
		must_deny_risky(r, part, state_dir);
	}
	print_message("count: damaged records: %zu\n"
		      "count: damaged records that a risky method got past: 0\n", n);
	/* and nothing is written over it, so nothing risky is done */
	assert_int_equal(freeze_drop(state_dir, r->slot, is_bus, BUS, NULL), -EINVAL);
	assert_true(record_is_there());
	assert_int_equal(freeze_drop(state_dir, r->slot, NULL, NULL, NULL), 0);
	assert_false(record_is_there());
	rig_close(r);
}

static void test_not_ours(void **state)
{
	struct rig *r = scene_rig(&scenes[0], BOOT_2);

	(void)state;
	record_put("gpureset risk 1\nend 0\n");
	shell("chmod 777 %s", state_dir);
	must_deny_risky(r, "a folder that others may write", "written by others");
	shell("chmod 755 %s; mv %s/" RECORD " %s/x; ln -s x %s/" RECORD, state_dir,
	      state_dir, state_dir, state_dir);
	must_deny_risky(r, "a symbolic link", "symbolic link");
	shell("rm %s/" RECORD "; mkdir %s/" RECORD, state_dir, state_dir);
	must_deny_risky(r, "a folder instead", "not a regular file");
	shell("rm -r %s; ln -s / %s", state_dir, state_dir);
	must_deny_risky(r, "a link instead of the folder", "symbolic link");
	shell("rm %s; mkdir -m 755 %s; chown 65534 %s", state_dir, state_dir, state_dir);
	must_deny_risky(r, "somebody else's folder", "belongs to user 65534");
	rig_close(r);
}

/* A worker was killed: its supervisor has seen that the host lived. */
static void test_settle(void **state)
{
	static char text[512], boot[64];
	struct options o = { .run_dir = run_dir, .state_dir = state_dir };
	struct job job = { .why = "the worker was killed" };
	struct hw *hw = hw_linux_open(NULL);
	int lock;

	(void)state;
	assert_int_equal(hw_host_read(hw, BOOT_ID, boot, sizeof(boot), NULL), 0);
	hw_close(hw);
	bdf_from_sysfs("0000:01:00.0", &job.slot);
	snprintf(text, sizeof(text), "gpureset risk 1\nmethod flr\nboot %s\ncard c\n"
		 "quirk -\nstep s\nkernel k\ntime t\nend 1\n", boot);
	record_put(text);
	for (int how = 0; how < 4; how++) {
		struct job one = job;

		if (how == 1)
			one.why[0] = '\0';
		one.status = how == 2 ? EXIT_STUCK : EXIT_FAILED;
		lock = how ? -1 : lock_take(run_dir, job.slot, NULL);
		work_settle(&o, &one, 1);
		assert_int_equal(record_is_there(), how < 3);
		close(lock);
	}
	record_put(text);
	job.no_lock = true;
	work_settle(&o, &job, 1);
	assert_true(record_is_there());
	/* another boot's counts */
	job.no_lock = false;
	memcpy(strstr(text, "boot ") + 5, BOOT_2, strlen(BOOT_2));
	record_put(text);
	work_settle(&o, &job, 1);
	assert_true(record_is_there());
	dir_clean(run_dir, "0000:01:00.lock");
}

/* The folder may be looked into by all, whatever the umask; a record only by root. */
static void test_other_user(void **state)
{
	struct rig *r = scene_rig(&scenes[0], BOOT_1);
	mode_t mask = umask(077);
	struct stat st;

	(void)state;
	record_put("anything");
	umask(mask);
	assert_int_equal(stat(state_dir, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	assert_int_equal(seteuid(65534), 0);
	must_deny_risky(r, "another user", "ask as root");
	assert_null(strstr(named(r, "flr")->reason, "unfreeze"));
	assert_int_equal(seteuid(0), 0);
	rig_close(r);
}

/* The quirk's word on a method counts from its first step that acts. */
static void test_marks(void **state)
{
	struct rig *r = scene_rig(&scenes[3], BOOT_1);
	size_t marked = 0;
	struct attempt *a;

	(void)state;
	scene_plan(r);
	a = named(r, BUS);
	assert_int_equal(a->risk, RISK_HOST_MAY_HANG);
	assert_true(a->risk_line > 0);
	for (size_t i = 0; i < a->nsteps; i++) {
		marked += a->step[i].risk == RISK_HOST_MAY_HANG;
		if (marked == 1)
			assert_int_equal(a->step[i].phase, PHASE_ACT);
		if (a->step[i].phase == PHASE_ACT)
			break;
	}
	assert_int_equal(marked, 1);
	rig_close(r);
}

/* --- main ----------------------------------------------------------------------- */

static int setup(void **state)
{
	(void)state;
	/* in memory: ext4 waits for its disk when a rename replaces a file */
	snprintf(top, sizeof(top), "%s/gpureset-freeze-XXXXXX",
		 access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
	if (!mkdtemp(top) || chmod(top, 0755))
		return -1;
	snprintf(run_dir, sizeof(run_dir), "%s/run", top);
	snprintf(state_dir, sizeof(state_dir), "%s/lib", top);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	freeze_list_free(&list);
	return rmdir(top);
}

#define CLEAN(test) cmocka_unit_test_setup_teardown(test, dirs_clean, dirs_clean)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CLEAN(test_sentence), CLEAN(test_list), CLEAN(test_drop),
		CLEAN(test_bridge_gone), CLEAN(test_damaged), CLEAN(test_not_ours),
		CLEAN(test_marks), CLEAN(test_other_user),
		CLEAN(test_moved), CLEAN(test_settle), CLEAN(test_power_cut),
		CLEAN(test_sync_fails),
		CLEAN(test_cannot_write), CLEAN(test_hangs_everywhere),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
