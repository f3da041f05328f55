// SPDX-License-Identifier: GPL-2.0-or-later
/* One step as one line: the same text in a dry run, a trace and an error. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "plan/plan.h"

struct line {
	char *buf;
	size_t size, len;
};

static void line_add(struct line *l, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void line_add(struct line *l, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(l->buf + l->len, l->size - l->len, fmt, ap);
	va_end(ap);
	l->len += n < 0 ? 0 : (size_t)n;
	if (l->len >= l->size)
		l->len = l->size - 1;
}

static void line_time(struct line *l, uint64_t us)
{
	if (us % 1000000 == 0)
		line_add(l, "%llu s", (unsigned long long)us / 1000000);
	else if (us % 1000 == 0)
		line_add(l, "%llu ms", (unsigned long long)us / 1000);
	else
		line_add(l, "%llu us", (unsigned long long)us);
}

static void line_where(struct line *l, const struct reg *reg)
{
	if (reg->space == REG_CONFIG)
		line_add(l, " [config 0x%x]", reg->off);
	else if (reg->space == REG_BAR)
		line_add(l, " [bar%u+0x%x]", reg->bar, reg->off);
	else
		line_add(l, " [0x%x through bar%u+0x%x]", reg->off, reg->bar, reg->index);
}

static void line_alternatives(struct line *l, const struct reg_cond *cond, int n)
{
	for (int i = 0; i < n; i++) {
		const struct reg_cond *c = &cond[i];

		line_add(l, "%s%s %s 0x%x", i ? " or " : " ", c->name, reg_op_str(c->op),
			 reg_field(c->want, c->mask));
		line_where(l, &c->reg);
	}
}

static void line_conditions(struct line *l, const struct step *s)
{
	line_alternatives(l, s->cond, s->ncond);
}

/* What the quirk's line says around its statement. */
static void line_conduct(struct line *l, const struct step *s)
{
	if (s->tail)
		line_add(l, "always ");
	for (int i = 0; i < s->nwhen; i++) {
		line_add(l, "when");
		line_alternatives(l, s->when[i].cond, s->when[i].ncond);
		line_add(l, " then ");
	}
	if (s->optional)
		line_add(l, "try ");
}

static void print_require(struct line *l, const struct step *s)
{
	line_add(l, "require");
	line_conditions(l, s);
}

static void print_check(struct line *l, const struct step *s)
{
	line_add(l, "check");
	line_conditions(l, s);
}

static void print_wait(struct line *l, const struct step *s)
{
	line_add(l, "wait");
	line_conditions(l, s);
	if (!s->limit_us) {
		line_add(l, ", at once");
		return;
	}
	line_add(l, " within ");
	line_time(l, s->limit_us);
}

static void print_delay(struct line *l, const struct step *s)
{
	line_add(l, "delay ");
	line_time(l, s->limit_us);
}

static void print_write(struct line *l, const struct step *s)
{
	line_add(l, "write %s = 0x%x", s->name, s->value);
	line_where(l, &s->reg);
}

static void print_set(struct line *l, const struct step *s)
{
	line_add(l, "set %s = 0x%x", s->name, reg_field(s->value, s->mask));
	line_where(l, &s->reg);
}

static void print_attr(struct line *l, const struct step *s)
{
	line_add(l, "put '%s' into %s", s->text, s->name);
}

static void print_save(struct line *l, const struct step *s)
{
	(void)s;
	line_add(l, "save configuration space");
}

static void print_restore(struct line *l, const struct step *s)
{
	(void)s;
	line_add(l, "restore configuration space");
}

static void print_bind(struct line *l, const struct step *s)
{
	if (s->text[0])
		line_add(l, "bind driver %s", s->text);
	else
		line_add(l, "unbind its driver");
}

static void print_hot_reset(struct line *l, const struct step *s)
{
	(void)s;
	line_add(l, "VFIO hot reset of its slot");
}

static void print_remove(struct line *l, const struct step *s)
{
	(void)s;
	line_add(l, "remove from the kernel's bus");
}

static void print_appear(struct line *l, const struct step *s)
{
	char text[BDF_STR];

	if (bdf_eq(s->aux, s->fn))
		line_add(l, "rescan all buses");
	else
		line_add(l, "rescan below %s", bdf_str(s->aux, text));
	line_add(l, " until it is back, within ");
	line_time(l, s->limit_us);
}

static void print_bars(struct line *l, const struct step *s)
{
	(void)s;
	line_add(l, "check BARs == the kernel's resources");
}

/* The bits of @mask that are kept, when they are not the whole register. */
static void line_bits(struct line *l, const struct step *s)
{
	line_add(l, " %s", s->name);
	if (s->mask != reg_all_ones(&s->reg))
		line_add(l, " bits 0x%x", s->mask);
	line_where(l, &s->reg);
}

static void print_keep(struct line *l, const struct step *s)
{
	line_add(l, "remember");
	line_bits(l, s);
}

static void print_put(struct line *l, const struct step *s)
{
	line_add(l, "put back");
	line_bits(l, s);
}

static void print_own(struct line *l, const struct step *s)
{
	line_add(l, "own %s until the end, if there is one", s->text);
}

static void print_disown(struct line *l, const struct step *s)
{
	line_add(l, "let go of %s", s->text);
}

static void print_park(struct line *l, const struct step *s)
{
	(void)s;
	line_add(l, "park: by runtime suspend the kernel saves its configuration space");
}

static void print_unpark(struct line *l, const struct step *s)
{
	(void)s;
	line_add(l, "unpark: the kernel restores its configuration space");
}

static void print_vfio_open(struct line *l, const struct step *s)
{
	(void)s;
	line_add(l, "open through VFIO: its registers are reached that way");
}

static void print_vfio_close(struct line *l, const struct step *s)
{
	line_add(l, "close through VFIO: the kernel restores its configuration space");
	if (s->why)
		line_add(l, "; %s", s->why);
}

static void (*const step_printers[STEP_KINDS])(struct line *, const struct step *) = {
	[STEP_REQUIRE] = print_require, [STEP_CHECK] = print_check,
	[STEP_WAIT] = print_wait, [STEP_DELAY] = print_delay,
	[STEP_WRITE] = print_write, [STEP_SET] = print_set,
	[STEP_ATTR] = print_attr, [STEP_SAVE] = print_save,
	[STEP_RESTORE] = print_restore, [STEP_BIND] = print_bind,
	[STEP_HOT_RESET] = print_hot_reset, [STEP_REMOVE] = print_remove,
	[STEP_APPEAR] = print_appear, [STEP_BARS] = print_bars,
	[STEP_KEEP] = print_keep, [STEP_PUT] = print_put,
	[STEP_OWN] = print_own, [STEP_DISOWN] = print_disown,
	[STEP_PARK] = print_park, [STEP_UNPARK] = print_unpark,
	[STEP_VFIO_OPEN] = print_vfio_open, [STEP_VFIO_CLOSE] = print_vfio_close,
};

void step_print(const struct step *s, char *buf, size_t size)
{
	struct line l = { buf, size, 0 };
	char text[BDF_STR];

	line_add(&l, "%s ", bdf_str(s->fn, text));
	line_conduct(&l, s);
	step_printers[s->kind](&l, s);
}

const char *phase_str(enum step_phase phase)
{
	static const char *const text[] = {
		[PHASE_PREPARE] = "prepare", [PHASE_ACT] = "act",
		[PHASE_RESTORE] = "restore", [PHASE_HEALTH] = "health",
		[PHASE_PUT_BACK] = "put back",
	};

	return text[phase];
}
