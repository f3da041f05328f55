// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/oblige.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "base/xalloc.h"
#include "hw/hw_shim.h"
#include "hw/hw_sim.h"

#define CFG_SIZE 4096u
#define PM_SIZE 8u              /* capability, PMCSR */
#define EXP_SIZE 20u            /* PCIe capability up to LNKSTA */
#define AF_SIZE 8u              /* Advanced Features, rounded up */
#define LEAST_BAR 4096u
#define CLASS_VGA 0x030000u
#define CLASS_AUDIO 0x040300u

/* A register of a BAR, or one behind an index and a data register. */
struct ob_reg {
	struct reg reg;
	uint32_t value;
};

struct ob_fn {
	uint8_t cfg[CFG_SIZE];
	uint8_t writable[CFG_SIZE];
	unsigned pm;                    /* offset of the power management capability */
};

struct oblige {
	const struct quirk *quirk;
	struct hw *sim, *hw;
	struct bdf slot, about;
	struct ob_fn *fn;               /* SLOT_FNS */
	unsigned nfns;
	unsigned main;                  /* the function with the registers */
	struct ob_reg *reg;
	size_t nregs, room;
	struct reg *port;               /* index and data registers */
	size_t nports, port_room;
	shim_trace_fn *trace;           /* told too, or NULL */
	void *trace_arg;
	unsigned after;                 /* reads until @later, 0: nothing waits */
	struct oblige_group later;
};

/* --- registers ----------------------------------------------------------------- */

static bool ob_same(const struct reg *a, const struct reg *b)
{
	return a->space == b->space && a->bar == b->bar && a->off == b->off &&
	       (a->space != REG_INDIRECT ||
		(a->index == b->index && a->data == b->data));
}

/* Where the value is; NULL: nobody has written there yet, and @make is false. */
static struct ob_reg *ob_find(struct oblige *o, const struct reg *reg, bool make)
{
	for (size_t i = 0; i < o->nregs; i++)
		if (ob_same(&o->reg[i].reg, reg))
			return &o->reg[i];
	if (!make)
		return NULL;
	o->reg = xgrow(o->reg, o->nregs, &o->room, sizeof(*o->reg));
	o->reg[o->nregs] = (struct ob_reg){ .reg = *reg };
	return &o->reg[o->nregs++];
}

/* What an access to (@bar, @off) is about: the register itself, or one behind it. */
static struct reg ob_behind(struct oblige *o, unsigned bar, uint32_t off)
{
	struct reg reg = { .space = REG_BAR, .bar = (uint8_t)bar, .width = 4,
			   .off = off };

	for (size_t i = 0; i < o->nports; i++) {
		const struct ob_reg *index;

		if (o->port[i].bar != bar || o->port[i].data != off)
			continue;
		reg.off = o->port[i].index;
		index = ob_find(o, &reg, false);
		reg = o->port[i];
		reg.off = index ? index->value : 0;
		break;
	}
	return reg;
}

static uint32_t ob_cfg_get(const struct ob_fn *f, unsigned off, unsigned width)
{
	uint32_t val = 0;

	for (unsigned i = 0; i < width && off + i < CFG_SIZE; i++)
		val |= (uint32_t)f->cfg[off + i] << (8 * i);
	return val;
}

static void ob_cfg_put(struct ob_fn *f, unsigned off, unsigned width, uint32_t val,
		       uint32_t writable)
{
	for (unsigned i = 0; i < width && off + i < CFG_SIZE; i++) {
		f->cfg[off + i] = (uint8_t)(val >> (8 * i));
		f->writable[off + i] = (uint8_t)(writable >> (8 * i));
	}
}

uint32_t oblige_get(struct oblige *o, const struct reg *reg)
{
	const struct ob_reg *r;

	if (reg->space == REG_CONFIG)
		return ob_cfg_get(&o->fn[o->main], reg->off, reg->width);
	r = ob_find(o, reg, false);
	return r ? r->value : 0;
}

void oblige_put(struct oblige *o, const struct reg *reg, uint32_t value)
{
	struct ob_fn *f = &o->fn[o->main];

	if (reg->space != REG_CONFIG)
		ob_find(o, reg, true)->value = value;
	else
		for (unsigned i = 0; i < reg->width && reg->off + i < CFG_SIZE; i++)
			f->cfg[reg->off + i] = (uint8_t)(value >> (8 * i));
}

/* --- what the machine does to the device --------------------------------------- */

/*
 * Told at the shim: what the machine reads for itself (a BAR's address, to route an
 * access) is no read of the program.
 */
static void ob_access(void *arg, const struct shim_access *a)
{
	struct oblige *o = arg;
	bool read = a->kind == SHIM_CFG_READ || a->kind == SHIM_BAR_READ;

	if (o->trace)
		o->trace(o->trace_arg, a);
	if (!read || a->bdf.fn != o->main || !bdf_same_slot(a->bdf, o->slot) || !o->after)
		return;
	o->after--;
	if (!o->after)
		oblige_settle(o, &o->later, 1);
}

static uint32_t ob_cfg_read(void *dev, int fn, unsigned off, unsigned width)
{
	const struct oblige *o = dev;

	return ob_cfg_get(&o->fn[fn], off, width);
}

static void ob_cfg_write(void *dev, int fn, unsigned off, unsigned width, uint32_t val)
{
	struct ob_fn *f = &((struct oblige *)dev)->fn[fn];

	for (unsigned i = 0; i < width && off + i < CFG_SIZE; i++) {
		uint8_t mask = f->writable[off + i];

		f->cfg[off + i] = (uint8_t)((f->cfg[off + i] & ~mask) |
					    (val >> (8 * i) & mask));
	}
}

/* Awake (PMCSR says D0) and decoding memory. */
static bool ob_decodes(const struct ob_fn *f)
{
	return ob_cfg_get(f, PCI_COMMAND, 2) & PCI_COMMAND_MEMORY &&
	       !(ob_cfg_get(f, f->pm + PCI_PM_CTRL, 2) & PCI_PM_CTRL_STATE_MASK);
}

static uint32_t ob_bar_read(void *dev, int fn, int bar, uint32_t off)
{
	struct oblige *o = dev;
	struct reg reg = ob_behind(o, (unsigned)bar, off);

	if (!ob_decodes(&o->fn[fn]))
		return UINT32_MAX;
	return (unsigned)fn == o->main ? oblige_get(o, &reg) : 0;
}

static void ob_bar_write(void *dev, int fn, int bar, uint32_t off, uint32_t val)
{
	struct oblige *o = dev;
	struct reg reg = ob_behind(o, (unsigned)bar, off);

	if ((unsigned)fn == o->main && ob_decodes(&o->fn[fn]))
		oblige_put(o, &reg, val);
}

static void ob_bus_reset(void *dev, int fn)
{
	ob_cfg_write(dev, fn, PCI_COMMAND, 2, 0);
}

static const struct sim_dev_ops ob_ops = {
	.cfg_read = ob_cfg_read,
	.cfg_write = ob_cfg_write,
	.bar_read = ob_bar_read,
	.bar_write = ob_bar_write,
	.bus_reset = ob_bus_reset,
};

/* --- values that make conditions true ------------------------------------------- */

#define MAX_VALUES 4096
#define MAX_TERMS 64
#define MAX_CHOICES 12          /* conditions with "or" that are settled together */

/* One condition and what is wanted of it. */
struct ob_term {
	const struct reg_cond *cond;
	bool holds;
};

struct ob_terms {
	struct ob_term term[MAX_TERMS];
	size_t n;
};

struct ob_values {
	uint32_t v[MAX_VALUES];
	size_t n;
};

static void ob_add_value(struct ob_values *s, uint32_t v)
{
	if (s->n < MAX_VALUES)
		s->v[s->n++] = v;
}

/* What is there, and the edges of each condition on top of all found so far. */
static void ob_candidates(struct ob_values *s, uint32_t now, const struct ob_terms *t,
			  const struct reg *reg)
{
	s->n = 0;
	ob_add_value(s, now);
	for (size_t i = 0; i < t->n; i++) {
		const struct reg_cond *c = t->term[i].cond;
		uint32_t unit = c->mask & -c->mask;
		const uint32_t edge[] = { c->want, c->want + unit, c->want - unit, 0 };
		size_t n = s->n;

		for (size_t k = 0; k < n && ob_same(&c->reg, reg); k++)
			for (size_t e = 0; e < sizeof(edge) / sizeof(*edge); e++)
				ob_add_value(s, (s->v[k] & ~c->mask) |
					     (edge[e] & c->mask));
	}
	/* the bits nobody asks about may be what makes it all ones */
	for (size_t n = s->n, k = 0; k < n; k++)
		for (size_t i = 0; i < t->n; i++)
			ob_add_value(s, s->v[k] & t->term[i].cond->mask);
}

static bool ob_value_fits(const struct ob_terms *t, const struct reg *reg, uint32_t v)
{
	for (size_t i = 0; i < t->n; i++)
		if (ob_same(&t->term[i].cond->reg, reg) &&
		    reg_cond_holds(t->term[i].cond, v) != t->term[i].holds)
			return false;
	return true;
}

static bool ob_value(struct oblige *o, const struct ob_terms *t, const struct reg *reg,
		     uint32_t *value)
{
	struct ob_values s;

	ob_candidates(&s, oblige_get(o, reg), t, reg);
	for (size_t i = 0; i < s.n; i++) {
		*value = s.v[i];
		if (*value != reg_all_ones(reg) && ob_value_fits(t, reg, *value))
			return true;
	}
	*value = reg_all_ones(reg);
	return ob_value_fits(t, reg, *value);
}

/* All at once, or nothing. */
static bool ob_apply(struct oblige *o, const struct ob_terms *t)
{
	uint32_t value[MAX_TERMS];

	for (size_t i = 0; i < t->n; i++)
		if (!ob_value(o, t, &t->term[i].cond->reg, &value[i]))
			return false;
	for (size_t i = 0; i < t->n; i++)
		oblige_put(o, &t->term[i].cond->reg, value[i]);
	return true;
}

static void ob_term(struct ob_terms *t, const struct reg_cond *cond, bool holds)
{
	if (t->n < MAX_TERMS)
		t->term[t->n++] = (struct ob_term){ cond, holds };
}

bool oblige_settle(struct oblige *o, const struct oblige_group *group, size_t n)
{
	unsigned choices = 0;

	for (size_t i = 0; i < n; i++)
		choices += group[i].holds && group[i].n > 1 && choices < MAX_CHOICES;
	for (unsigned pick = 0; pick < 1u << choices; pick++) {
		struct ob_terms t = { .n = 0 };
		unsigned bit = 0;

		for (size_t i = 0; i < n; i++) {
			bool or = group[i].holds && group[i].n > 1;

			for (int k = 0; k < group[i].n && !group[i].holds; k++)
				ob_term(&t, &group[i].cond[k], false);
			if (group[i].holds)
				ob_term(&t, &group[i].cond[or && pick >> bit & 1], true);
			bit += or && bit + 1 < MAX_CHOICES;
		}
		if (ob_apply(o, &t))
			return true;
	}
	return false;
}

bool oblige_settle_after(struct oblige *o, unsigned reads,
			 const struct oblige_group *group)
{
	if (!reads)
		return oblige_settle(o, group, 1);
	o->after = reads;
	o->later = *group;
	return true;
}

void oblige_forget(struct oblige *o)
{
	o->after = 0;
}

bool oblige_holds(struct oblige *o, const struct reg_cond *cond, int n)
{
	for (int i = 0; i < n; i++)
		if (reg_cond_holds(&cond[i], oblige_get(o, &cond[i].reg)))
			return true;
	return false;
}

/* --- the card as the file describes it ------------------------------------------ */

typedef void ob_reg_fn(struct oblige *o, const struct reg *reg, void *arg);

static void ob_each_cond(struct oblige *o, const struct reg_cond *c, int n, ob_reg_fn *fn,
			 void *arg)
{
	for (int i = 0; i < n; i++)
		fn(o, &c[i].reg, arg);
}

static void ob_each_block(struct oblige *o, const struct q_block *b, ob_reg_fn *fn,
			  void *arg)
{
	for (size_t i = 0; i < b->n; i++) {
		const struct q_stmt *st = &b->stmt[i];

		ob_each_cond(o, st->cond, st->ncond, fn, arg);
		for (int w = 0; w < st->nwhen; w++)
			ob_each_cond(o, st->when[w].cond, st->when[w].ncond, fn, arg);
		if (st->verb == Q_WRITE || st->verb == Q_SET || st->verb == Q_KEEP)
			fn(o, &st->reg, arg);
	}
}

static void ob_each_reg(struct oblige *o, ob_reg_fn *fn, void *arg)
{
	for (size_t i = 0; i < o->quirk->nsequences; i++)
		ob_each_block(o, &o->quirk->sequences[i], fn, arg);
	ob_each_block(o, &o->quirk->clean, fn, arg);
	ob_each_block(o, &o->quirk->health, fn, arg);
	ob_each_block(o, &o->quirk->restore, fn, arg);
}

static void ob_add_port(struct oblige *o, const struct reg *reg, void *arg)
{
	(void)arg;
	if (reg->space != REG_INDIRECT)
		return;
	for (size_t i = 0; i < o->nports; i++)
		if (o->port[i].bar == reg->bar && o->port[i].data == reg->data)
			return;
	o->port = xgrow(o->port, o->nports, &o->port_room, sizeof(*o->port));
	o->port[o->nports++] = *reg;
}

/* Bytes of configuration space that the file's registers take up. */
static void ob_taken(struct oblige *o, const struct reg *reg, void *arg)
{
	bool *taken = arg;

	(void)o;
	for (unsigned i = 0; reg->space == REG_CONFIG && i < reg->width; i++)
		taken[(reg->off + i) % CFG_SIZE] = true;
}

/* The first free place for a capability of @size bytes, from @from on. */
static unsigned ob_place(bool *taken, unsigned from, unsigned size)
{
	for (unsigned at = from; at + size <= 0x100; at += 4) {
		unsigned used = 0;

		for (unsigned i = 0; i < size; i++)
			used += taken[at + i];
		if (used)
			continue;
		memset(&taken[at], true, size);
		return at;
	}
	return from;    /* full: the capability gives way to the file's registers */
}

/* Capabilities stand where no register of the file is. */
static void ob_caps(struct oblige *o, struct ob_fn *f)
{
	bool taken[CFG_SIZE] = { false };
	unsigned exp, af;

	ob_each_reg(o, ob_taken, taken);
	f->pm = ob_place(taken, 0x40, PM_SIZE);
	exp = ob_place(taken, 0x40, EXP_SIZE);
	af = ob_place(taken, 0x40, AF_SIZE);
	ob_cfg_put(f, PCI_STATUS, 2, PCI_STATUS_CAP_LIST, 0);
	ob_cfg_put(f, PCI_CAPABILITY_LIST, 1, f->pm, 0);
	ob_cfg_put(f, f->pm, 2, exp << 8 | PCI_CAP_ID_PM, 0);
	ob_cfg_put(f, f->pm + PCI_PM_CTRL, 2, 0, PCI_PM_CTRL_STATE_MASK);
	ob_cfg_put(f, exp, 2, af << 8 | PCI_CAP_ID_EXP, 0);
	ob_cfg_put(f, exp + PCI_EXP_FLAGS, 2, 1, 0);    /* version 1, an endpoint */
	ob_cfg_put(f, exp + PCI_EXP_DEVCAP, 4, PCI_EXP_DEVCAP_FLR, 0);
	ob_cfg_put(f, exp + PCI_EXP_DEVCTL, 2, 0x2810, 0x7fff);
	ob_cfg_put(f, exp + PCI_EXP_LNKCAP, 4, 0x103, 0);       /* 8 GT/s, 16 lanes */
	ob_cfg_put(f, exp + PCI_EXP_LNKSTA, 2, 0x103, 0);
	ob_cfg_put(f, af, 4, PCI_AF_CAP_TP << 24 | PCI_AF_CAP_FLR << 24 | 6 << 16 |
		   PCI_CAP_ID_AF, 0);
}

static void ob_header(struct ob_fn *f, const struct q_subject *s, bool multi)
{
	memset(&f->writable[0x40], 0xff, CFG_SIZE - 0x40);
	ob_cfg_put(f, PCI_VENDOR_ID, 4, (uint32_t)s->device << 16 | s->vendor, 0);
	ob_cfg_put(f, PCI_COMMAND, 2, 0, 0x547);
	ob_cfg_put(f, PCI_CLASS_REVISION, 4, s->class_code << 8 | s->revision, 0);
	ob_cfg_put(f, PCI_HEADER_TYPE, 1, multi ? 0x80 : 0, 0);
	ob_cfg_put(f, PCI_SUBSYSTEM_VENDOR_ID, 4,
		   (uint32_t)s->subdevice << 16 | s->subvendor, 0);
}

static uint32_t ob_bar_size(uint32_t least)
{
	uint32_t size = LEAST_BAR;

	while (size < least && size < 1u << 31)
		size <<= 1;
	return size;
}

static void ob_bars(struct ob_fn *f, const uint32_t least[6])
{
	for (unsigned i = 0; i < 6; i++)
		if (least[i])
			ob_cfg_put(f, PCI_BASE_ADDRESS_0 + 4 * i, 4, 0,
				   ~(ob_bar_size(least[i]) - 1));
}

/* --- ids, place, kernel --------------------------------------------------------- */

static uint32_t ob_class(enum q_role role)
{
	static const uint32_t classes[ROLE_COUNT] = {
		[ROLE_GPU] = CLASS_VGA, [ROLE_AUDIO] = CLASS_AUDIO,
		[ROLE_USB] = 0x0c0330, [ROLE_UCSI] = 0x0c8000,
		[ROLE_SWITCH] = 0x060400, [ROLE_ROOT_PORT] = 0x060400,
		[ROLE_OTHER] = 0xff0000,
	};

	return classes[role];
}

/* The first version that is meant, as text that is valid until the next call. */
static const char *ob_kernel(const struct quirk *q)
{
	static char text[16];
	uint32_t v = q->nkernels ? q->kernels[0].from : 6 << 16 | 12 << 8;

	if (q->nkernels && !v)          /* "before": the last one that is meant */
		v = q->kernels[0].to;
	snprintf(text, sizeof(text), "%u.%u.%u", v >> 16, v >> 8 & 0xff, v & 0xff);
	return text;
}

struct q_subject oblige_subject(const struct quirk *q, const struct q_id *id)
{
	uint32_t class_code = q->nclasses ? (uint32_t)q->classes[0] << 8 :
			      ob_class(q->role);

	return (struct q_subject){
		.vendor = id->vendor, .device = id->device,
		.subvendor = id->has_sub ? id->subvendor : id->vendor,
		.subdevice = id->has_sub ? id->subdevice : 1,
		.class_code = class_code,
		.revision = q->nrevisions ? q->revisions[0] : 0,
		/* as for a real card: by its class, whatever the file says */
		.role = quirk_role(class_code, q->role == ROLE_ROOT_PORT ? PORT_ROOT :
				   PORT_PCI),
		.on = q->on ? q->on & -q->on : ON_ROOT_PORT,
		.kernel = ob_kernel(q),
	};
}

static bool ob_is_bridge(const struct quirk *q)
{
	return q->role == ROLE_SWITCH || q->role == ROLE_ROOT_PORT;
}

/* --- the machine ---------------------------------------------------------------- */

struct ob_port {
	struct bdf bdf;
	uint8_t secondary;
	enum sim_port_type type;
};

static const struct ob_map {
	struct bdf slot;
	struct ob_port port[4];
	unsigned nports;
} ob_below_switch = {
	{ 0, 3, 0, 0 },
	{ { { 0, 0, 1, 0 }, 1, SIM_ROOT_PORT }, { { 0, 1, 0, 0 }, 2, SIM_UPSTREAM },
	  { { 0, 2, 0, 0 }, 3, SIM_DOWNSTREAM } }, 3,
}, ob_below_root_port = {
	{ 0, 1, 0, 0 }, { { { 0, 0, 1, 0 }, 1, SIM_ROOT_PORT } }, 1,
}, ob_on_root_bus = {
	{ 0, 0, 2, 0 }, { { { 0 }, 0, SIM_ROOT_PORT } }, 0,
};

static const struct ob_map *ob_place_of(const struct quirk *q)
{
	if (q->role == ROLE_SWITCH || q->on & ON_SWITCH)
		return &ob_below_switch;
	return q->on == ON_ROOT_COMPLEX ? &ob_on_root_bus : &ob_below_root_port;
}

static void ob_bridges(struct oblige *o, const struct ob_map *map)
{
	for (unsigned i = 0; i < map->nports; i++) {
		const struct ob_port *p = &map->port[i];
		bool down = p->type != SIM_UPSTREAM;
		struct sim_bridge b = {
			.bdf = p->bdf, .secondary = p->secondary, .type = p->type,
			.vendor = 0x1b36, .device = 0x000c, .speed = 3, .width = 16,
			.reports_active = down, .train_us = down ? 20000 : 0,
		};

		if (ob_is_bridge(o->quirk) &&
		    (p->type == SIM_ROOT_PORT) == (o->quirk->role == ROLE_ROOT_PORT)) {
			b.vendor = o->quirk->ids[0].vendor;
			b.device = o->quirk->ids[0].device;
			o->about = p->bdf;
		}
		hw_sim_bridge(o->sim, &b);
	}
}

static void ob_function(struct oblige *o, const struct q_subject *s, bool multi,
			const uint32_t bars[6])
{
	struct ob_fn *f = &o->fn[o->nfns];
	struct bdf bdf = o->slot;

	bdf.fn = (uint8_t)o->nfns;
	ob_header(f, s, multi);
	ob_bars(f, bars);
	ob_caps(o, f);
	hw_sim_function(o->sim, bdf, &ob_ops, o, (int)o->nfns++);
}

/* A GPU nobody wrote about, for entries about what stands around one. */
static const struct q_id ob_some_gpu = { .vendor = 0x1234, .device = 0x1111,
					 .device_last = 0x1111, .device_mask = 0xffff };

static void ob_functions(struct oblige *o)
{
	static const uint32_t none[6];
	const struct quirk *q = o->quirk;
	struct q_subject s = oblige_subject(q, &q->ids[0]);
	bool alone = q->role == ROLE_GPU || q->role == ROLE_OTHER;
	bool companion = !alone && !ob_is_bridge(q);
	bool multi = companion || q->nwith;

	if (!alone) {
		struct q_subject gpu = oblige_subject(q, &ob_some_gpu);

		gpu.class_code = CLASS_VGA;
		ob_function(o, &gpu, multi, none);
	} else {
		ob_function(o, &s, multi, q->bar_size);
	}
	if (companion) {
		o->about.fn = 1;
		ob_function(o, &s, multi, none);
	}
	for (size_t i = 0; i < q->nwith && o->nfns < SLOT_FNS; i++) {
		struct q_subject with = oblige_subject(q, &q->with[i]);

		with.class_code = i ? ob_class(ROLE_USB) : CLASS_AUDIO;
		ob_function(o, &with, multi, none);
	}
}

static void ob_boot(struct oblige *o)
{
	hw_sim_host(o->sim, "/proc/sys/kernel/osrelease", ob_kernel(o->quirk));
	hw_sim_host(o->sim, "/sys/kernel/security/lockdown",
		    "[none] integrity confidentiality");
	hw_sim_driver(o->sim, "vfio-pci");
	hw_sim_boot(o->sim);
	for (unsigned i = 0; i < o->nfns; i++) {
		struct bdf bdf = o->slot;

		bdf.fn = (uint8_t)i;
		hw_sim_attr(o->sim, bdf, "iommu_group", "20");
		if (o->quirk->on & ON_THUNDERBOLT)
			hw_sim_attr(o->sim, bdf, "removable", "removable");
		hw_sim_attr(o->sim, bdf, "driver", "vfio-pci");
	}
}

struct oblige *oblige_open(const struct quirk *q)
{
	struct oblige *o = xcalloc(1, sizeof(*o));
	const struct ob_map *map = ob_place_of(q);

	o->quirk = q;
	o->fn = xcalloc(SLOT_FNS, sizeof(*o->fn));
	o->slot = o->about = map->slot;
	o->sim = hw_sim_open();
	o->hw = hw_shim_open(o->sim);
	hw_shim_trace(o->hw, ob_access, o);
	ob_each_reg(o, ob_add_port, NULL);
	ob_bridges(o, map);
	ob_functions(o);
	ob_boot(o);
	return o;
}

void oblige_close(struct oblige *o)
{
	hw_close(o->hw);
	free(o->fn);
	free(o->reg);
	free(o->port);
	free(o);
}

struct hw *oblige_hw(struct oblige *o)
{
	return o->hw;
}

void oblige_trace(struct oblige *o, shim_trace_fn *fn, void *arg)
{
	o->trace = fn;
	o->trace_arg = arg;
}

void oblige_lock(struct oblige *o)
{
	hw_sim_host(o->sim, "/sys/kernel/security/lockdown",
		    "none [integrity] confidentiality");
}

struct bdf oblige_about(const struct oblige *o)
{
	return o->about;
}

struct bdf_spec oblige_spec(const struct oblige *o)
{
	return (struct bdf_spec){ .bdf = o->slot, .whole_slot = true };
}
