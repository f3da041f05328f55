// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * run/journal.c and run/recover.c: what a worker that is killed leaves behind. Every
 * usable method of several cards is cut off before and after each of its writes, and in
 * the middle of a line of the journal; a fresh recovery must put things back, also when
 * it is cut off itself, and then a reset must do what it would have done anyway.
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
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <linux/pci_regs.h>
#include <sanitizer/lsan_interface.h>

#include "cmd/work.h"
#include "hw/hw_ops.h"
#include "run/recover.h"
#include "sim_rig.h"

#define FIJI "quirks/amd-fiji.quirk"
#define EVERY "tests/data/rig.quirk"    /* [restore] too */
#define MAX_ATTEMPTS 32
#define CFG_BYTES 0x400         /* of configuration space, what is compared */

static char run_dir[] = "/tmp/gpureset-journal-XXXXXX";
static char journal_path[128];

/* --- scenes -------------------------------------------------------------------- */

enum {
	USED = 1 << 0, VFIO = 1 << 1, HOST = 1 << 2, AUTO = 1 << 3, NO_DECODE = 1 << 4,
	OVERRIDE = 1 << 5, KILLED = 1 << 6,
};

struct scene {
	const char *name, *kind;
	enum rig_place place;
	unsigned flags;
	const char *quirk;
};

static const struct scene scenes[] = {
	{ "flr card", "flr", RIG_ROOT_PORT, USED, NULL },
	{ "flr card, vfio-pci", "flr", RIG_ROOT_PORT, USED | VFIO | AUTO, NULL },
	{ "flr card, host drivers", "flr", RIG_ROOT_PORT, USED | HOST | AUTO, NULL },
	{ "flr card behind a switch", "flr", RIG_SWITCH, USED | HOST | AUTO | OVERRIDE,
	  NULL },
	{ "navi behind a switch", "navi", RIG_SWITCH, USED | VFIO, NULL },
	{ "flr card in a hotplug slot", "flr", RIG_HOTPLUG, USED | VFIO, NULL },
	{ "navi with a switch in a hotplug slot", "navi", RIG_HOTPLUG_SWITCH,
	  USED | HOST | AUTO, NULL },
	{ "sleeper in a hotplug slot", "sleeper", RIG_HOTPLUG, KILLED, NULL },
	{ "sleeper", "sleeper", RIG_ROOT_PORT, KILLED | AUTO, NULL },
	{ "fury", "fury", RIG_ROOT_PORT, USED, FIJI },
	{ "fury, host drivers", "fury", RIG_SWITCH, USED | HOST | AUTO | OVERRIDE, FIJI },
	{ "fury, no decoding", "fury", RIG_ROOT_PORT, USED | NO_DECODE, FIJI },
	{ "fury, every word", "fury", RIG_ROOT_PORT, USED | VFIO, EVERY },
	{ "pristine fury, asleep", "fury", RIG_SWITCH, VFIO, FIJI },
	{ "pristine fury, no decoding", "fury", RIG_ROOT_PORT, NO_DECODE, FIJI },
};

#define NSCENES (sizeof(scenes) / sizeof(*scenes))

static void scene_attr(struct rig *r, unsigned fn, const char *name, const char *text)
{
	if (hw_sim_known(r->sim, rig_fn(r, fn)))
		hw_sim_attr(r->sim, rig_fn(r, fn), name, text);
}

static void scene_state(struct rig *r, const struct scene *s)
{
	if (s->flags & HOST) {
		scene_attr(r, 0, "driver", "amdgpu");
		scene_attr(r, 1, "driver", "snd_hda_intel");
	}
	if (s->flags & VFIO)
		rig_vfio(r);
	for (unsigned fn = 0; s->flags & AUTO && fn < SLOT_FNS; fn++)
		scene_attr(r, fn, "power/control", "auto");
	for (size_t i = 0; s->flags & AUTO && i < r->nbridges; i++)
		hw_sim_attr(r->sim, r->bridge[i], "power/control", "auto");
	if (s->flags & OVERRIDE)
		hw_attr_write(r->sim, rig_fn(r, 0), "driver_override", "amdgpu", NULL);
	if (s->flags & NO_DECODE)
		hw_cfg_write(r->sim, rig_fn(r, 0), PCI_COMMAND, 2, 0, NULL);
	if (s->flags & KILLED)
		card_kill(r->card);
}

static struct rig *scene_open(const struct scene *s)
{
	struct rig *r = rig_open(s->kind, s->place);
	struct err err = { 0 };
	char slot[BDF_STR];

	snprintf(journal_path, sizeof(journal_path), "%s/journal-%s", run_dir,
		 bdf_slot_str(r->slot, slot));
	if (s->flags & USED && !strcmp(s->kind, "fury"))
		rig_use_fury(r);
	else if (s->flags & USED)
		rig_scribble(r);
	scene_state(r, s);
	if (s->quirk)
		rig_quirk(r, s->quirk);
	if (rig_plan(r, NULL, &err))
		fail_msg("%s: %s", s->name, err.text);
	assert_true(r->plan.nattempts <= MAX_ATTEMPTS);
	return r;
}

/* --- a process that is killed ---------------------------------------------------- */

/* The writes of the machine under test; at number @at the "process" ends. */
static struct {
	const struct hw_ops *real;
	struct hw_ops ops;
	uint64_t n, at;
	bool after;             /* not before the write, but after it */
	size_t held;            /* what the journal held at the write before this one */
	bool grown;             /* ... and it has grown since */
	jmp_buf gone;
} killer;

static size_t journal_size(void)
{
	struct stat st;

	return stat(journal_path, &st) < 0 ? 0 : (size_t)st.st_size;
}

static void killer_before(void)
{
	killer.n++;
	killer.grown = journal_size() > killer.held;
	if (!killer.after && killer.n == killer.at)
		longjmp(killer.gone, 1);
}

static int killer_after(int rc)
{
	killer.held = journal_size();
	if (killer.after && killer.n == killer.at)
		longjmp(killer.gone, 1);
	return rc;
}

static int killer_cfg(struct hw *hw, struct bdf bdf, unsigned off, unsigned width,
		      uint32_t val, struct err *err)
{
	killer_before();
	return killer_after(killer.real->cfg_write(hw, bdf, off, width, val, err));
}

static int killer_bar(struct hw *hw, struct bdf bdf, int bar, uint32_t off, uint32_t val,
		      struct err *err)
{
	killer_before();
	return killer_after(killer.real->bar_write(hw, bdf, bar, off, val, err));
}

static int killer_attr(struct hw *hw, struct bdf bdf, const char *name,
		       const char *value, struct err *err)
{
	killer_before();
	return killer_after(killer.real->attr_write(hw, bdf, name, value, err));
}

static int killer_bus(struct hw *hw, const char *name, const char *value,
		      struct err *err)
{
	killer_before();
	return killer_after(killer.real->bus_write(hw, name, value, err));
}

static int killer_hot_reset(struct hw *hw, struct bdf bdf, const struct bdf *fns,
			    size_t n, struct err *err)
{
	killer_before();
	return killer_after(killer.real->hot_reset(hw, bdf, fns, n, err));
}

/* Count from here; @at 0: nobody is killed. */
static void killer_arm(struct rig *r, uint64_t at, bool after)
{
	killer.real = r->hw->ops;
	killer.ops = *killer.real;
	killer.ops.cfg_write = killer_cfg;
	killer.ops.bar_write = killer_bar;
	killer.ops.attr_write = killer_attr;
	killer.ops.bus_write = killer_bus;
	killer.ops.hot_reset = killer_hot_reset;
	killer.n = 0;
	killer.at = at;
	killer.after = after;
	killer.held = journal_size();
	killer.grown = false;
	r->hw->ops = &killer.ops;
}

static void killer_disarm(struct rig *r)
{
	r->hw->ops = killer.real;
}

/* One attempt by a worker with a journal; true: it was killed. */
static bool worker(struct rig *r, const struct attempt *a, struct exec_outcome *out)
{
	static struct journal j;
	static struct exec_watch watch;
	struct err err = { 0 };

	if (journal_open(&j, run_dir, r->slot, &err))
		fail_msg("%s", err.text);
	watch = (struct exec_watch){ .keep = &j.keep };
	if (setjmp(killer.gone)) {
		close(j.fd);
		return true;
	}
	exec_attempt(r->hw, &r->plan, a, &watch, 0, out);
	journal_close(&j);
	return false;
}

static struct recovery recover(struct rig *r, const char *what)
{
	struct recovery rec = { 0 };
	struct err err = { 0 };

	if (recover_slot(r->hw, run_dir, r->slot, NULL, &rec, &err))
		fail_msg("%s: %s", what, err.text);
	return rec;
}

/* The recovery itself is killed at its write number @at; true: it was. */
static bool recover_killed(struct rig *r, uint64_t at, const char *what)
{
	static int next;

	next = dup(STDIN_FILENO);
	close(next);
	if (setjmp(killer.gone)) {
		__lsan_enable();
		close_range((unsigned)next, ~0u, 0);    /* as its end would */
		return true;
	}
	__lsan_disable();       /* what it has allocated goes with it */
	killer_arm(r, at, at % 2);
	recover(r, what);
	__lsan_enable();
	return false;
}

/* --- what must be back ------------------------------------------------------------- */

#define LOOK_TEXTS 4
#define LOOK_FNS (SLOT_FNS + RIG_BRIDGES)

static const char *const look_names[LOOK_TEXTS] = {
	"driver", "driver_override", "power/control", "reset_method",
};

struct look {
	struct {
		struct bdf bdf;
		bool known;
		char text[LOOK_TEXTS][64];
		uint32_t cfg[CFG_BYTES / 4];
	} fn[LOOK_FNS];
	size_t n;
};

static void look_fn(struct rig *r, struct bdf bdf, struct look *l)
{
	l->fn[l->n].bdf = bdf;
	l->fn[l->n].known = hw_sim_known(r->sim, bdf);
	for (size_t i = 0; i < LOOK_TEXTS; i++)
		if (hw_attr_read(r->sim, bdf, look_names[i], l->fn[l->n].text[i], 64,
				 NULL) < 0)
			l->fn[l->n].text[i][0] = '\0';
	for (unsigned off = 0; off < CFG_BYTES; off += 4)
		if (hw_cfg_read(r->sim, bdf, off, 4, &l->fn[l->n].cfg[off / 4], NULL) < 0)
			l->fn[l->n].cfg[off / 4] = 0;
	l->n++;
}

static void look(struct rig *r, struct look *l)
{
	memset(l, 0, sizeof(*l));
	for (size_t i = 0; i < r->nbridges; i++)
		look_fn(r, r->bridge[i], l);
	for (unsigned fn = 0; fn < SLOT_FNS; fn++)
		if (r->id[fn])
			look_fn(r, rig_fn(r, fn), l);
}

static const char *look_say(struct bdf bdf, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static const char *look_say(struct bdf bdf, const char *fmt, ...)
{
	static char text[200];
	char name[BDF_STR];
	va_list ap;
	int n = snprintf(text, sizeof(text), "%s ", bdf_str(bdf, name));

	va_start(ap, fmt);
	vsnprintf(text + n, sizeof(text) - (size_t)n, fmt, ap);
	va_end(ap);
	return text;
}

/* Status bits come and go by themselves; the rest of the dword counts. */
static uint32_t look_mask(unsigned off)
{
	return off == PCI_COMMAND ? 0xffff : UINT32_MAX;
}

/*
 * COMMAND of a function that `bus` was about to remove (BUS_MASTER is off then, and
 * needs no undo), or that was found again: a new one has nothing enabled, and whoever
 * drives it enables what it needs.
 */
static bool look_quiet(const struct method *m, unsigned off, uint32_t now, uint32_t was)
{
	return !strcmp(m->name, "bus") && off == PCI_COMMAND && !(now & ~was & 0xffff);
}

static const char *look_cfg(const struct method *m, const struct look *was,
			    const struct look *done, const struct look *now, size_t i)
{
	for (unsigned k = 0; k < CFG_BYTES / 4; k++) {
		uint32_t mask = look_mask(4 * k);
		uint32_t n = now->fn[i].cfg[k], b = was->fn[i].cfg[k];

		if (b == UINT32_MAX)
			continue;       /* it did not answer */
		if ((n & mask) != (b & mask) &&
		    (n & mask) != (done->fn[i].cfg[k] & mask) &&
		    !look_quiet(m, 4 * k, n, b))
			return look_say(now->fn[i].bdf, "config 0x%x is 0x%x, was 0x%x, "
					"after a whole run 0x%x", 4 * k, n, b,
					done->fn[i].cfg[k]);
	}
	return NULL;
}

/* NULL, or what is neither as it was before nor as a run leaves it. */
static const char *look_changed(const struct method *m, const struct look *was,
				const struct look *done, const struct look *now)
{
	const char *wrong = NULL;

	for (size_t i = 0; i < now->n && !wrong; i++) {
		if (!now->fn[i].known)
			return look_say(now->fn[i].bdf, "is gone");
		for (size_t k = 0; k < LOOK_TEXTS; k++)
			if (strcmp(now->fn[i].text[k], was->fn[i].text[k]) &&
			    strcmp(now->fn[i].text[k], done->fn[i].text[k]))
				return look_say(now->fn[i].bdf, "%s is '%s', was '%s'",
						look_names[k], now->fn[i].text[k],
						was->fn[i].text[k]);
		wrong = look_cfg(m, was, done, now, i);
	}
	return wrong;
}

/* --- every method, killed at every write ---------------------------------------- */

struct counts {
	size_t methods, kills, left, recovered, cut, again, resets, asleep;
};

/* One method of one scene: what it does when nobody is killed. */
struct course {
	const struct scene *scene;
	size_t attempt;
	const struct method *method;
	uint64_t writes;
	struct look was, done;
	bool ladder;            /* the whole ladder ends healthy */
};

static bool ladder_heals(struct rig *r)
{
	static struct exec_outcome out[MAX_ATTEMPTS];
	struct exec_summary sum;

	exec_plan(r->hw, &r->plan, NULL, 0, out, &sum);
	return sum.healthy;
}

/* False: no such attempt. No writes: it is not usable. */
static bool course_open(struct course *c)
{
	struct rig *r = scene_open(c->scene);
	const struct attempt *a = &r->plan.attempt[c->attempt];
	bool there = c->attempt < r->plan.nattempts;
	struct exec_outcome out;

	c->writes = 0;
	if (there && a->usable == ATTEMPT_YES) {
		look(r, &c->was);
		killer_arm(r, 0, false);
		assert_false(worker(r, a, &out));
		killer_disarm(r);
		c->writes = killer.n;
		c->method = a->method;
		look(r, &c->done);
		/* a program whose tail is made to fail undoes the rest all the same */
		if (out.undo.code && !strstr(out.undo.text, "closing part"))
			fail_msg("%s: %s: %s", c->scene->name, a->name, out.undo.text);
		if (!access(journal_path, F_OK))
			fail_msg("%s: %s: the journal stays", c->scene->name, a->name);
	}
	rig_close(r);
	return there;
}

static void course_ladder(struct course *c)
{
	struct rig *r = scene_open(c->scene);

	c->ladder = ladder_heals(r);
	rig_close(r);
}

enum how { BEFORE, AFTER, CUT, TWICE, HOWS };

/* The last line of the journal was being written. */
static void cut_line(void)
{
	size_t size = journal_size();

	if (truncate(journal_path, (off_t)size - 1 - (off_t)(size % 7)) < 0)
		fail_msg("%s: %s", journal_path, strerror(errno));
}

static void must_be_back(struct rig *r, const struct course *c,
			 const struct recovery *rec, const char *what)
{
	static struct look now;
	const char *wrong;

	if (rec->failed || rec->damaged)
		fail_msg("%s: %zu of %zu not put back: %s", what, rec->failed,
			 rec->steps, rec->first.text);
	look(r, &now);
	wrong = look_changed(c->method, &c->was, &c->done, &now);
	if (wrong)
		fail_msg("%s: after recovery %s", what, wrong);
	if (!access(journal_path, F_OK))
		fail_msg("%s: the journal stays", what);
	if (recover(r, what).found)
		fail_msg("%s: found something again", what);
}

/*
 * A card that answers only after a bus reset, and was cut off before it, with one
 * function removed and one not: the next reset wakes it, then the rest is put back.
 * Where all of it is gone, the recovery has woken it.
 */
static struct recovery wake_and_recover(struct rig *r, const char *what,
					struct counts *n)
{
	struct err err = { 0 };

	n->asleep++;
	if (rig_plan(r, NULL, &err))
		fail_msg("%s: no plan: %s", what, err.text);
	assert_true(ladder_heals(r));
	return recover(r, what);
}

static void must_reset(struct rig *r, const struct course *c, const char *what)
{
	struct err err = { 0 };

	if (rig_plan(r, NULL, &err))
		fail_msg("%s: no plan afterwards: %s", what, err.text);
	if (c->ladder && !ladder_heals(r))
		fail_msg("%s: no reset helps afterwards", what);
}

static void kill_at(const struct course *c, uint64_t at, enum how how, struct counts *n)
{
	struct rig *r = scene_open(c->scene);
	const struct attempt *a = &r->plan.attempt[c->attempt];
	struct exec_outcome out;
	struct recovery rec = { 0 };
	char what[300];

	snprintf(what, sizeof(what), "%s: %s: killed %s write %d of %d%s", c->scene->name,
		 a->name, how == AFTER ? "after" : "before", (int)at, (int)c->writes,
		 how == CUT ? ", a line cut" : how == TWICE ? ", twice" : "");
	killer_arm(r, at, how == AFTER);
	assert_true(worker(r, a, &out));
	killer_disarm(r);
	if (how == CUT && killer.grown)
		cut_line();
	if (how != CUT || killer.grown) {
		n->kills++;
		n->cut += how == CUT;
		n->left += journal_size() > 0;
		if (how == TWICE) {
			n->again += recover_killed(r, 1 + at % 9, what);
			killer_disarm(r);
		}
		rec = recover(r, what);
		if (rec.failed && c->scene->flags & KILLED)
			rec = wake_and_recover(r, what, n);
		must_be_back(r, c, &rec, what);
		n->recovered++;
		must_reset(r, c, what);
		n->resets += c->ladder;
	}
	rig_close(r);
}

static void kill_everywhere(const struct scene *s, struct counts *n)
{
	static struct course c;

	memset(&c, 0, sizeof(c));
	c.scene = s;
	course_ladder(&c);
	for (; course_open(&c); c.attempt++) {
		n->methods += c.writes > 0;
		for (uint64_t at = 1; at <= c.writes; at++)
			for (int how = 0; how < HOWS; how++)
				kill_at(&c, at, (enum how)how, n);
	}
}

static void test_killed_everywhere(void **state)
{
	struct counts n = { 0 };

	(void)state;
	for (size_t i = 0; i < NSCENES; i++)
		kill_everywhere(&scenes[i], &n);
	print_message("counts: %zu methods, killed %zu times (%zu with a line cut, %zu "
		      "with the recovery killed too), %zu left a journal; recovered "
		      "%zu (%zu after the next reset), reset again %zu\n",
		      n.methods, n.kills, n.cut, n.again, n.left, n.recovered, n.asleep,
		      n.resets);
	print_message("count: kills tried: %zu\ncount: kills recovered: %zu\n",
		      n.kills, n.recovered);
	assert_int_equal(n.recovered, n.kills);
	assert_true(n.left > n.kills / 2);
	assert_true(n.cut && n.again);
}

/* --- lines ------------------------------------------------------------------------ */

static void journal_at(const char *slot)
{
	snprintf(journal_path, sizeof(journal_path), "%s/journal-%s", run_dir, slot);
}

static void must_open(struct journal *j)
{
	struct err err = { 0 };

	if (journal_open(j, run_dir, rig_bdf("01:00"), &err))
		fail_msg("%s", err.text);
	j->keep.begin(j->keep.arg);
}

static void must_intend(struct journal *j, const struct exec_undo *u)
{
	struct err err = { 0 };

	if (j->keep.intend(j->keep.arg, u, &err))
		fail_msg("%s", err.text);
}

static struct journal_list must_read(struct journal *j)
{
	struct journal_list list;
	struct err err = { 0 };

	if (journal_read(j, &list, &err))
		fail_msg("%s", err.text);
	return list;
}

static const struct confsave an_image = {
	.bdf = { 0, 1, 0, 1 }, .id = 0xaae81002,
	.item = { { 0x60, 2, 0x5930 }, { 0x150, 4, 0xffffffff }, { 0x3c, 1, 0 } }, .n = 3,
};

/* Every kind that a plan can hold as an undo, and texts that are not words. */
static const struct step kinds[] = {
	{ .kind = STEP_SET, .phase = PHASE_ACT, .fn = { 0, 0, 1, 0 }, .mask = 0x40,
	  .value = 0, .name = "BRIDGE_CONTROL.BUS_RESET", .limit_us = 7,
	  .reg = { REG_CONFIG, .width = 2, .off = 0x3e } },
	{ .kind = STEP_WRITE, .phase = PHASE_RESTORE, .fn = { 0, 1, 0, 0 },
	  .mask = 0xffffffff, .value = 0xdeadbeef, .name = "X",
	  .reg = { REG_INDIRECT, 5, 4, 0xc0300018, 0x200, 0x204 } },
	{ .kind = STEP_ATTR, .phase = PHASE_PUT_BACK, .fn = { 0x10000, 1, 0, 0 },
	  .name = "power/control", .text = "auto", .limit_us = 1000000 },
	{ .kind = STEP_ATTR, .phase = PHASE_HEALTH, .fn = { 0, 1, 0, 0 },
	  .name = "driver_override", .text = "\n" },
	{ .kind = STEP_ATTR, .phase = PHASE_PUT_BACK, .fn = { 0, 1, 0, 0 },
	  .name = "reset_method", .text = "" },
	{ .kind = STEP_ATTR, .phase = PHASE_PUT_BACK, .fn = { 0, 1, 0, 1 },
	  .name = "reset_method", .text = "flr af_flr pm 100%=\"\t\\x\xc3\xa4" },
	{ .kind = STEP_BIND, .phase = PHASE_PUT_BACK, .fn = { 0, 1, 0, 1 },
	  .text = "snd hda=intel", .limit_us = 5000000 },
	{ .kind = STEP_BIND, .phase = PHASE_PUT_BACK, .fn = { 0, 1, 0, 0 }, .text = "" },
	{ .kind = STEP_RESTORE, .phase = PHASE_RESTORE, .fn = { 0, 1, 0, 1 },
	  .limit_us = 3000000 },
	{ .kind = STEP_APPEAR, .phase = PHASE_RESTORE, .fn = { 0, 1, 0, 7 },
	  .aux = { 0, 0, 1, 0 }, .limit_us = 600000000 },
	{ .kind = STEP_PUT, .phase = PHASE_RESTORE, .fn = { 0, 1, 0, 0 }, .mask = 0xf0,
	  .name = "VENDOR", .reg = { REG_CONFIG, .width = 4, .off = 0xb0 } },
	{ .kind = STEP_DELAY, .phase = PHASE_ACT, .fn = { 0, 1, 0, 0 }, .limit_us = 9 },
};

#define NKINDS (sizeof(kinds) / sizeof(*kinds))

static void same_text(const char *a, const char *b)
{
	assert_true(!a == !b);
	if (a)
		assert_string_equal(a, b);
}

static void same_step(const struct journal_item *it, size_t i)
{
	const struct step *got = &it->step, *want = &kinds[i];
	bool bits = want->reg.width;

	assert_int_equal(it->place, 10 * i + 1);
	assert_int_equal(got->kind, want->kind);
	assert_int_equal(got->phase, want->phase);
	assert_true(bdf_eq(got->fn, want->fn) && bdf_eq(got->aux, want->aux));
	assert_true(got->limit_us == want->limit_us);
	assert_memory_equal(&got->reg, &want->reg, sizeof(got->reg));
	assert_int_equal(got->mask, want->mask);
	if (bits && want->kind != STEP_PUT)
		assert_int_equal(got->value, want->value);
	if (want->kind == STEP_PUT)
		assert_int_equal(it->value, 0x50);
	same_text(got->name, want->name);
	same_text(got->text, want->text);
	assert_int_equal(it->image.n, want->kind == STEP_RESTORE ? an_image.n : 0);
	for (size_t k = 0; k < it->image.n; k++) {
		assert_int_equal(it->image.item[k].off, an_image.item[k].off);
		assert_int_equal(it->image.item[k].width, an_image.item[k].width);
		assert_int_equal(it->image.item[k].value, an_image.item[k].value);
	}
	if (it->image.n)
		assert_int_equal(it->image.id, an_image.id);
}

static void write_kinds(struct journal *j)
{
	for (size_t i = 0; i < NKINDS; i++) {
		const struct exec_undo u = {
			&kinds[i], 10 * i + 1,
			kinds[i].kind == STEP_RESTORE ? &an_image : NULL,
			kinds[i].kind == STEP_PUT ? 0x50 : 0,
		};

		must_intend(j, &u);
	}
}

static void test_round_trip(void **state)
{
	struct journal j;
	struct journal_list list;
	struct stat st;

	(void)state;
	journal_at("0000:01:00");
	must_open(&j);
	write_kinds(&j);
	assert_int_equal(fstat(j.fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	close(j.fd);
	must_open(&j);
	assert_int_equal(j.open, NKINDS);
	assert_int_equal(j.attempt, 2);
	assert_false(j.damaged);
	list = must_read(&j);
	assert_int_equal(list.n, NKINDS);
	for (size_t i = 0; i < list.n; i++) {
		assert_int_equal(list.item[i].attempt, 1);
		same_step(&list.item[i], i);
	}
	journal_list_free(&list);
	for (size_t i = 0; i < NKINDS; i++) {
		assert_int_equal(access(journal_path, F_OK), 0);
		assert_true(journal_size() > 0);
		journal_done(&j, 1, 10 * i + 1);
	}
	assert_int_equal(journal_size(), 0);
	journal_close(&j);
	assert_int_not_equal(access(journal_path, F_OK), 0);
}

/* Undos that fail for ever, and many runs beside them: the file stays small. */
static void test_stuck(void **state)
{
	struct journal_list list;
	struct journal j;
	size_t most = 0;

	(void)state;
	journal_at("0000:01:00");
	must_open(&j);
	write_kinds(&j);
	journal_close(&j);
	for (int run = 0; run < 400; run++) {
		must_open(&j);
		for (size_t i = 0; i < NKINDS; i++) {
			const struct exec_undo u = { &kinds[3], i + 1, NULL, 0 };

			must_intend(&j, &u);
			j.keep.undone(j.keep.arg, i + 1);
		}
		journal_close(&j);
		most = journal_size() > most ? journal_size() : most;
	}
	assert_true(most > 16 << 10);   /* else nothing was shown */
	assert_true(most < 80 << 10);
	must_open(&j);
	list = must_read(&j);
	assert_int_equal(list.n, NKINDS);
	for (size_t i = 0; i < list.n; i++)
		same_step(&list.item[i], i);
	journal_list_free(&list);
	close(j.fd);
	unlink(journal_path);
}

/* A program's end is cut at each byte: what was whole before it is followed. */
static void test_cut_anywhere(void **state)
{
	struct journal j;
	struct journal_list list;
	size_t size, last = NKINDS;

	(void)state;
	journal_at("0000:01:00");
	must_open(&j);
	write_kinds(&j);
	close(j.fd);
	for (size = journal_size(); size-- > 0;) {
		assert_int_equal(truncate(journal_path, (off_t)size), 0);
		must_open(&j);
		list = must_read(&j);
		assert_false(j.damaged);
		assert_true(list.n == last || list.n == last - 1);
		last = list.n;
		assert_int_equal(j.open, list.n);
		for (size_t i = 0; i < list.n; i++)
			same_step(&list.item[i], i);
		journal_list_free(&list);
		close(j.fd);
	}
	assert_int_equal(last, 0);
	unlink(journal_path);
}

/* After half a line the next one begins where that one did. */
static void test_written_on(void **state)
{
	const struct exec_undo u = { &kinds[0], 500, NULL, 0 };
	struct journal j;
	struct journal_list list;

	(void)state;
	journal_at("0000:01:00");
	must_open(&j);
	write_kinds(&j);
	close(j.fd);
	assert_int_equal(truncate(journal_path, (off_t)journal_size() - 3), 0);
	must_open(&j);
	must_intend(&j, &u);
	list = must_read(&j);
	assert_int_equal(list.n, NKINDS);
	assert_int_equal(list.item[NKINDS - 1].place, 500);
	assert_int_equal(list.item[NKINDS - 1].attempt, 2);
	journal_list_free(&list);
	close(j.fd);
	unlink(journal_path);
}

static void put_file(const char *text)
{
	FILE *f = fopen(journal_path, "w");

	assert_non_null(f);
	assert_int_equal(fputs(text, f) < 0, 0);
	assert_int_equal(fclose(f), 0);
}

#define GOOD "undo 1.5 attr 0000:01:00.0 phase=4 us=9 name=power/control text=auto\n"

static void test_damaged(void **state)
{
	static const char *const bad[] = {
		"undo\n", "undone 1.1\n", "\n", "undo 1.1\n", "undo 1.1 attr\n",
		"undo 1 attr 0000:01:00.0 name=a text=b\n",
		"undo 1.1 reboot 0000:01:00.0\n", "undo 1.1 hot_reset 0000:01:00.0\n",
		"undo 1.1 attr 0000:01:00.9 name=a text=b\n",
		"undo 1.1 attr 0000:01:00.0 name=a\n",
		"undo 1.1 attr 0000:01:00.0 name=a text=%0\n",
		"undo 1.1 attr 0000:01:00.0 name=a text=%00\n",
		"undo 1.1 attr 0000:01:00.0 name=a text=b phase=5\n",
		"undo 1.1 attr 0000:01:00.0 name=a text=b colour=red\n",
		"undo 1.1 attr 0000:01:00.0 name=a  text=b\n",
		"undo 1.1 set 0000:01:00.0 name=a bits=0.0.2.3e.0.0.40\n",
		"undo 1.1 set 0000:01:00.0 name=a bits=0.0.3.3e.0.0.40.0\n",
		"undo 1.1 set 0000:01:00.0 name=a bits=9.0.2.3e.0.0.40.0\n",
		"undo 1.1 restore 0000:01:00.0\n",
		"undo 1.1 restore 0000:01:00.0 image=1:\n",
		"undo 1.1 restore 0000:01:00.0 image=1:10.4.0,\n",
		"undo 1.1 restore 0000:01:00.0 image=1:10.3.0\n",
		"undo 1.1 restore 0000:01:00.0 image=1:1000.4.0\n",
		"undo 1.1 appear 0000:01:00.0 below=here\n",
		"undo 1.1 delay 0000:01:00.0 us=600000001\n",
		"done 1\n", "done x.1\n", "done 1.1 2.1\n",
	};
	char text[512];

	(void)state;
	journal_at("0000:01:00");
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct journal j;
		struct journal_list list;

		snprintf(text, sizeof(text), GOOD "%sundo 1.6 bind 0000:01:00.0 text=\n",
			 bad[i]);
		put_file(text);
		must_open(&j);
		if (!j.damaged || j.open != 1)
			fail_msg("taken: %s", bad[i]);
		list = must_read(&j);
		assert_int_equal(list.item[0].place, 5);
		journal_list_free(&list);
		close(j.fd);
	}
	unlink(journal_path);
}

/* What can be read of a damaged one is done, and the person is told. */
static void test_damaged_is_followed(void **state)
{
	struct rig *r = rig_open("flr", RIG_ROOT_PORT);
	struct recovery rec = { 0 };

	(void)state;
	journal_at("0000:01:00");
	put_file(GOOD "nonsense\n");
	assert_int_equal(recover_needed(run_dir, r->slot, NULL), 1);
	rec = recover(r, "damaged");
	assert_true(rec.found && rec.damaged);
	assert_int_equal(rec.steps, 1);
	assert_int_equal(rec.failed, 0);
	rig_attr_is(r, 0, "power/control", "auto");
	assert_int_not_equal(access(journal_path, F_OK), 0);
	put_file("nonsense\n");
	assert_true(recover(r, "only damage").damaged);
	assert_int_not_equal(access(journal_path, F_OK), 0);
	assert_int_equal(recover_needed(run_dir, r->slot, NULL), 0);
	rig_close(r);
}

/* --- files that are not ours -------------------------------------------------------- */

static void must_refuse(const char *word)
{
	struct rig *r = rig_open("flr", RIG_ROOT_PORT);
	struct journal j;
	struct recovery rec = { 0 };
	struct err err = { 0 };

	assert_int_equal(journal_open(&j, run_dir, r->slot, &err), -EPERM);
	assert_non_null(strstr(err.text, word));
	assert_non_null(strstr(err.text, "journal"));
	memset(&err, 0, sizeof(err));
	assert_int_equal(recover_slot(r->hw, run_dir, r->slot, NULL, &rec, &err),
			 -EPERM);
	assert_non_null(strstr(err.text, word));
	assert_false(rec.found);
	rig_close(r);
}

static void test_symlink(void **state)
{
	char other[160];

	(void)state;
	journal_at("0000:01:00");
	snprintf(other, sizeof(other), "%s/other", run_dir);
	put_file(GOOD);
	assert_int_equal(rename(journal_path, other), 0);
	assert_int_equal(symlink("other", journal_path), 0);
	must_refuse("symbolic link");
	unlink(journal_path);
	assert_int_equal(link(other, journal_path), 0);
	must_refuse("hard links");
	unlink(other);
	unlink(journal_path);
	assert_int_equal(mkfifo(journal_path, 0600), 0);
	must_refuse("regular file");
	unlink(journal_path);
}

static void test_foreign_owner(void **state)
{
	(void)state;
	journal_at("0000:01:00");
	if (geteuid() != 0)
		skip();         /* only root can give a file away */
	put_file(GOOD);
	assert_int_equal(chown(journal_path, 1, (gid_t)-1), 0);
	must_refuse("belongs to user 1");
	unlink(journal_path);
}

/* --- no room ------------------------------------------------------------------------ */

/* Nothing can be written down, so nothing is done. */
static void full_disk(const struct scene *s)
{
	struct rig *r = scene_open(s);
	static struct journal j;
	struct exec_watch watch = { .keep = &j.keep };
	struct exec_outcome out;
	struct err err = { 0 };
	size_t n = 0;

	for (size_t i = 0; i < r->plan.nattempts; i++) {
		const struct attempt *a = &r->plan.attempt[i];
		int full = open("/dev/full", O_WRONLY | O_CLOEXEC);

		if (a->usable == ATTEMPT_YES &&
		    journal_open(&j, run_dir, r->slot, &err) == 0)
			dup2(full, j.fd);
		close(full);
		if (a->usable != ATTEMPT_YES)
			continue;
		killer_arm(r, 0, false);
		exec_attempt(r->hw, &r->plan, a, &watch, 0, &out);
		killer_disarm(r);
		journal_close(&j);
		assert_int_equal(out.result, EXEC_FAILED);
		assert_int_equal(out.err.code, ENOSPC);
		assert_non_null(strstr(out.err.text, "journal"));
		assert_int_equal(out.undo.code, 0);
		assert_int_equal(killer.n, 0);
		n++;
	}
	assert_true(n);
	rig_close(r);
}

static void test_no_room(void **state)
{
	(void)state;
	for (size_t i = 0; i < NSCENES; i++)
		if (scenes[i].flags & AUTO && !scenes[i].quirk)
			full_disk(&scenes[i]);
}

/* Room for @most bytes and no more, for the time of one attempt. */
static void tight_run(struct rig *r, const struct attempt *a, size_t most,
		      struct exec_outcome *out)
{
	struct rlimit was, now;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
	now = was;
	now.rlim_cur = most;
	fflush(NULL);
	setrlimit(RLIMIT_FSIZE, &now);
	killer_arm(r, 0, false);
	worker(r, a, out);
	killer_disarm(r);
	setrlimit(RLIMIT_FSIZE, &was);
}

/* The disk is full somewhere in the middle: half a line is no line. */
static size_t tight_disk(const struct course *c, size_t most)
{
	struct rig *r = scene_open(c->scene);
	const struct attempt *a = &r->plan.attempt[c->attempt];
	struct exec_outcome out;
	struct recovery rec = { 0 };
	char what[300];

	snprintf(what, sizeof(what), "%s: %s: room for %zu bytes", c->scene->name,
		 a->name, most);
	tight_run(r, a, most, &out);
	rec = recover(r, what);
	must_be_back(r, c, &rec, what);
	if (rec.found)
		fail_msg("%s: something was left", what);
	rig_close(r);
	return out.result == EXEC_FAILED && strstr(out.err.text, "journal") ? 1 : 0;
}

static void test_little_room(void **state)
{
	static struct course c;
	size_t tried = 0, full = 0;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	for (size_t i = 0; i < NSCENES; i++) {
		if (scenes[i].flags & KILLED)
			continue;
		memset(&c, 0, sizeof(c));
		c.scene = &scenes[i];
		for (; course_open(&c); c.attempt++)
			for (size_t most = 0; c.writes && most < 1200; most += 171) {
				full += tight_disk(&c, most);
				tried++;
			}
	}
	print_message("counts: %zu runs with little room, %zu of them stopped by it\n",
		      tried, full);
	assert_true(full > tried / 3 && full < tried);
}

/* --- what is not put back ----------------------------------------------------------- */

/* Whoever has removed the card since, the kernel's new addresses are the right ones. */
static void test_set_up_anew(void **state)
{
	struct rig *r = rig_open("flr", RIG_ROOT_PORT);
	struct confsave save;
	const struct step restore = { .kind = STEP_RESTORE, .phase = PHASE_RESTORE,
				      .fn = rig_fn(r, 0), .limit_us = 1000000 };
	const struct exec_undo u = { &restore, 1, &save, 0 };
	struct recovery rec = { 0 };
	struct journal j;
	uint32_t bar;

	(void)state;
	journal_at("0000:01:00");
	assert_int_equal(confsave_save(r->sim, rig_fn(r, 0), &save, NULL), 0);
	for (size_t i = 0; i < save.n; i++)
		if (save.item[i].off == PCI_BASE_ADDRESS_0)
			save.item[i].value += 0x10000000;
	must_open(&j);
	must_intend(&j, &u);
	close(j.fd);
	rec = recover(r, "anew");
	assert_true(rec.found && !rec.failed);
	assert_non_null(strstr(rec.note.text, "BAR0"));
	assert_non_null(strstr(rec.note.text, "not written over"));
	hw_cfg_read(r->sim, rig_fn(r, 0), PCI_BASE_ADDRESS_0, 4, &bar, NULL);
	assert_int_not_equal(bar & ~15u, 0);
	assert_null(rig_ill(r));
	assert_int_not_equal(access(journal_path, F_OK), 0);
	save.id++;
	must_open(&j);
	must_intend(&j, &u);
	close(j.fd);
	rec = recover(r, "another card");
	assert_non_null(strstr(rec.note.text, "ID"));
	assert_null(rig_ill(r));
	rig_close(r);
}

static void driver_is(struct rig *r, unsigned fn, const char *want)
{
	rig_attr_is(r, fn, "driver", want);
}

/* A card that does not answer: nothing is written, all stays for the next time. */
static void test_all_ones(void **state)
{
	struct rig *r = rig_open("flr", RIG_ROOT_PORT);
	struct confsave save;
	const struct step steps[] = {
		{ .kind = STEP_RESTORE, .phase = PHASE_RESTORE, .fn = rig_fn(r, 0) },
		{ .kind = STEP_SET, .phase = PHASE_PUT_BACK, .fn = rig_fn(r, 0),
		  .mask = PCI_COMMAND_MEMORY, .name = "COMMAND.MEMORY",
		  .reg = { REG_CONFIG, .width = 2, .off = PCI_COMMAND } },
		{ .kind = STEP_BIND, .phase = PHASE_PUT_BACK, .fn = rig_fn(r, 0),
		  .text = "amdgpu" },
	};
	struct recovery rec = { 0 };
	struct journal j;
	uint32_t was, bar;

	(void)state;
	journal_at("0000:01:00");
	assert_int_equal(confsave_save(r->sim, rig_fn(r, 0), &save, NULL), 0);
	assert_true(confsave_has(&save, PCI_BASE_ADDRESS_0, &was));
	must_open(&j);
	for (size_t i = 0; i < 3; i++) {
		const struct exec_undo u = { &steps[i], i + 1, i ? NULL : &save, 0 };

		must_intend(&j, &u);
	}
	close(j.fd);
	card_kill(r->card);
	for (int again = 0; again < 2; again++) {
		rec = recover(r, "dead");
		assert_int_equal(rec.steps, 3);
		assert_int_equal(rec.failed, 3);
		assert_non_null(strstr(rec.first.text, "does not answer"));
		assert_int_equal(hw_sim_dead_probes(r->sim), 0);
	}
	card_power_cycle(r->card);
	rec = recover(r, "alive");
	assert_int_equal(rec.steps, 3);
	assert_int_equal(rec.failed, 0);
	hw_cfg_read(r->sim, rig_fn(r, 0), PCI_BASE_ADDRESS_0, 4, &bar, NULL);
	assert_int_equal(bar, was);
	driver_is(r, 0, "amdgpu");
	assert_int_not_equal(access(journal_path, F_OK), 0);
	rig_close(r);
}

/* --- host drivers last ---------------------------------------------------------- */

/* In the middle of a program nobody knows what the chip does: its driver waits. */
static void test_drivers_later(void **state)
{
	struct rig *r = scene_open(&scenes[2]);
	struct recovery rec = { 0 };
	struct exec_outcome out;
	struct err err = { 0 };

	(void)state;
	assert_true(scenes[2].flags & HOST);
	killer_arm(r, 8, false);
	assert_true(worker(r, rig_attempt(r, "flr"), &out));
	killer_disarm(r);
	driver_is(r, 0, "");
	assert_int_equal(recover_but_drivers(r->hw, run_dir, r->slot, NULL, &rec, &err),
			 0);
	assert_true(rec.found && !rec.failed);
	assert_int_equal(rec.later, 2);
	driver_is(r, 0, "");
	driver_is(r, 1, "");
	assert_int_equal(recover_needed(run_dir, r->slot, NULL), 1);
	/* a reset in between keeps the journal, and adds nothing that stays */
	assert_int_equal(rig_plan(r, NULL, NULL), 0);
	killer_arm(r, 0, false);
	assert_false(worker(r, rig_attempt(r, "flr"), &out));
	killer_disarm(r);
	assert_int_equal(out.result, EXEC_HEALTHY);
	driver_is(r, 0, "");
	rec = recover(r, "drivers");
	assert_int_equal(rec.steps, 2);
	assert_int_equal(rec.failed, 0);
	driver_is(r, 0, "amdgpu");
	driver_is(r, 1, "snd_hda_intel");
	assert_int_not_equal(access(journal_path, F_OK), 0);
	rig_close(r);
}

/* What `reset` does around it: nothing while somebody has the card; drivers last. */
static void test_worker(void **state)
{
	const struct hw_holder qemu = { 4711, "qemu-system-x86", "/dev/vfio/21",
					{ 0 } };
	struct rig *r = scene_open(&scenes[2]);
	struct exec_outcome out;
	struct recovery rec = { 0 };
	struct err err = { 0 };
	char text[1024], kept[128];

	(void)state;
	killer_arm(r, 8, false);
	assert_true(worker(r, rig_attempt(r, "flr"), &out));
	hw_sim_holder(r->sim, rig_fn(r, 0), &qemu);
	killer.n = 0;
	killer.at = 0;
	assert_int_equal(work_recover(r->hw, run_dir, &r->spec, 0, NULL, &rec, &err),
			 -EBUSY);
	assert_non_null(strstr(err.text, "0000:01:00 is in use: process 4711"));
	assert_int_equal(killer.n, 0);
	assert_int_equal(access(journal_path, F_OK), 0);
	assert_int_equal(work_recover(r->hw, run_dir, &r->spec, FORCE_IN_USE, NULL, &rec,
				      &err), 0);
	assert_true(killer.n > 0 && rec.found && work_has_rest(&rec));
	work_recover_rest(r->hw, run_dir, &r->spec, 0, NULL, &rec);
	driver_is(r, 0, "");
	work_recovered(&rec, text, sizeof(text));
	assert_non_null(strstr(text, "2 could not be put back and wait for the next"));
	work_recover_rest(r->hw, run_dir, &r->spec, FORCE_IN_USE, NULL, &rec);
	killer_disarm(r);
	driver_is(r, 0, "amdgpu");
	assert_false(work_has_rest(&rec));
	work_recovered(&rec, text, sizeof(text));
	assert_non_null(strstr(text, "a reset that was killed left "));
	assert_non_null(strstr(text, " things behind; all put back"));
	assert_int_equal(work_recover(r->hw, run_dir, &r->spec, 0, NULL, &rec, &err), 0);
	assert_false(rec.found);
	/* what was put back is in the trace that is kept */
	snprintf(kept, sizeof(kept), "%s/trace-0000:01:00", run_dir);
	assert_int_equal(unlink(kept), 0);
	rig_close(r);
}

/* Of two attempts that both left something the first saw how it was. */
static void test_first_is_true(void **state)
{
	struct rig *r = rig_open("flr", RIG_ROOT_PORT);
	struct recovery rec = { 0 };

	(void)state;
	journal_at("0000:01:00");
	put_file("undo 1.7 attr 0000:01:00.0 phase=3 name=driver_override "
		 "text=true%20one\n"
		 "undo 2.3 attr 0000:01:00.0 phase=3 name=driver_override text=vfio-pci\n"
		 "undo 2.9 attr 0000:01:00.1 phase=4 name=power/control text=auto\n"
		 "done 2.9\n");
	rec = recover(r, "two");
	assert_int_equal(rec.steps, 1);
	assert_int_equal(rec.failed, 0);
	rig_attr_is(r, 0, "driver_override", "true one");
	rig_attr_is(r, 1, "power/control", "on");
	assert_int_not_equal(access(journal_path, F_OK), 0);
	rig_close(r);
}

/* --- errands ------------------------------------------------------------------------ */

static void errand_attr(struct attempt *a, struct bdf fn, const char *name,
			const char *text, int undo_of)
{
	struct step *s = attempt_step(a, STEP_ATTR, PHASE_PUT_BACK, fn);

	s->name = name;
	s->text = text;
	s->undo_of = undo_of;
}

/* No word about health; what undoes is tried to the end, what does ends at a failure. */
static void test_errand(void **state)
{
	struct rig *r = rig_open("flr", RIG_ROOT_PORT);
	const struct bdf fn = rig_fn(r, 0), none = rig_fn(r, 7);
	struct exec_outcome out;
	struct exec_summary sum;
	struct plan plan;
	struct attempt *a;

	(void)state;
	a = plan_errand(&plan, &target_none, "a test");
	errand_attr(a, fn, "power/control", "auto", 0);
	exec_plan(r->hw, &plan, NULL, 0, &out, &sum);
	assert_int_equal(out.result, EXEC_HEALTHY);
	assert_false(out.answers);
	assert_ptr_equal(sum.healthy, a);
	plan_free(&plan);
	a = plan_errand(&plan, &target_none, "a test");
	errand_attr(a, none, "power/control", "on", UNDO_OF_EARLIER);
	errand_attr(a, fn, "power/control", "on", UNDO_OF_EARLIER);
	errand_attr(a, none, "power/control", "on", UNDO_OF_EARLIER);
	errand_attr(a, fn, "power/control", "auto", 0);
	exec_attempt(r->hw, &plan, a, NULL, 0, &out);
	assert_int_equal(out.result, EXEC_FAILED);
	assert_ptr_equal(out.at, &a->step[0]);
	assert_int_equal(out.nfailed, 2);
	assert_int_equal(out.steps_run, 3);
	plan_free(&plan);
	rig_close(r);
}

/* --- main ----------------------------------------------------------------------- */

static int setup(void **state)
{
	(void)state;
	return mkdtemp(run_dir) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	return rmdir(run_dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_stuck),
		cmocka_unit_test(test_cut_anywhere),
		cmocka_unit_test(test_written_on),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_damaged_is_followed),
		cmocka_unit_test(test_symlink),
		cmocka_unit_test(test_foreign_owner),
		cmocka_unit_test(test_errand),
		cmocka_unit_test(test_no_room),
		cmocka_unit_test(test_little_room),
		cmocka_unit_test(test_set_up_anew),
		cmocka_unit_test(test_all_ones),
		cmocka_unit_test(test_drivers_later),
		cmocka_unit_test(test_worker),
		cmocka_unit_test(test_first_is_true),
		cmocka_unit_test(test_killed_everywhere),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
