// SPDX-License-Identifier: GPL-2.0-or-later
#include "sim_rig.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <linux/pci_regs.h>

#include "base/diag.h"
#include "base/xalloc.h"
#include "hw/hw_write.h"

static void rig_wrong(const char *what)
{
	fprintf(stderr, "sim_rig: %s\n", what);
	abort();
}

/* --- cards as devices ---------------------------------------------------------- */

static struct {
	rig_lie_fn *fn;
	void *arg;
} rig_liar;

void rig_lie(rig_lie_fn *lie, void *arg)
{
	rig_liar.fn = lie;
	rig_liar.arg = arg;
}

static uint32_t rig_said(int fn, int bar, unsigned off, unsigned width, uint32_t truth)
{
	return rig_liar.fn ? rig_liar.fn(rig_liar.arg, fn, bar, off, width, truth) :
	       truth;
}

static uint32_t rig_cfg_read(void *dev, int fn, unsigned off, unsigned width)
{
	return rig_said(fn, -1, off, width, card_cfg_read(dev, fn, off, width));
}

static void rig_cfg_write(void *dev, int fn, unsigned off, unsigned width, uint32_t val)
{
	card_cfg_write(dev, fn, off, width, val);
}

static uint32_t rig_bar_read(void *dev, int fn, int bar, uint32_t off)
{
	return rig_said(fn, bar, off, 4, (uint32_t)card_bar_read(dev, fn, bar, off, 4));
}

static void rig_bar_write(void *dev, int fn, int bar, uint32_t off, uint32_t val)
{
	card_bar_write(dev, fn, bar, off, 4, val);
}

static void rig_bus_reset(void *dev, int fn)
{
	card_bus_reset(dev, fn);
}

static const struct sim_dev_ops rig_card_ops = {
	.cfg_read = rig_cfg_read,
	.cfg_write = rig_cfg_write,
	.bar_read = rig_bar_read,
	.bar_write = rig_bar_write,
	.bus_reset = rig_bus_reset,
};

static uint64_t rig_now(void *arg)
{
	return hw_now(arg);
}

struct card *rig_add(struct rig *r, const char *kind, struct bdf slot)
{
	const struct card_env env = { .now_us = rig_now, .arg = r->sim };
	struct card *card = card_new(kind, &env);

	if (!card || r->ncards == RIG_CARDS)
		rig_wrong("no such card");
	r->cards[r->ncards++] = card;
	for (int fn = 0; fn < card_nfunctions(card); fn++) {
		slot.fn = (uint8_t)fn;
		hw_sim_function(r->sim, slot, &rig_card_ops, card, fn);
	}
	return card;
}

/* --- plain functions ----------------------------------------------------------- */

struct plain {
	uint8_t cfg[256];
	uint8_t writable[256];
	struct plain *next;
};

static struct plain *plain_list;

static void plain_put(struct plain *p, unsigned off, unsigned width, uint32_t val,
		      uint32_t writable)
{
	for (unsigned i = 0; i < width; i++) {
		p->cfg[off + i] = (uint8_t)(val >> (8 * i));
		p->writable[off + i] = (uint8_t)(writable >> (8 * i));
	}
}

static uint32_t plain_read(void *dev, int fn, unsigned off, unsigned width)
{
	const struct plain *p = dev;
	uint32_t val = 0;

	(void)fn;
	for (unsigned i = 0; i < width && off + i < 256; i++)
		val |= (uint32_t)p->cfg[off + i] << (8 * i);
	return val;
}

static void plain_write(void *dev, int fn, unsigned off, unsigned width, uint32_t val)
{
	struct plain *p = dev;

	(void)fn;
	for (unsigned i = 0; i < width && off + i < 256; i++) {
		uint8_t mask = p->writable[off + i];

		p->cfg[off + i] = (uint8_t)((p->cfg[off + i] & ~mask) |
					    (val >> (8 * i) & mask));
	}
}

static uint32_t plain_bar_read(void *dev, int fn, int bar, uint32_t off)
{
	(void)dev;
	(void)fn;
	(void)bar;
	(void)off;
	return 0;
}

static void plain_bar_write(void *dev, int fn, int bar, uint32_t off, uint32_t val)
{
	(void)dev;
	(void)fn;
	(void)bar;
	(void)off;
	(void)val;
}

static void plain_reset(void *dev, int fn)
{
	(void)fn;
	plain_write(dev, 0, PCI_COMMAND, 2, 0);
}

static const struct sim_dev_ops plain_ops = {
	.cfg_read = plain_read,
	.cfg_write = plain_write,
	.bar_read = plain_bar_read,
	.bar_write = plain_bar_write,
	.bus_reset = plain_reset,
};

void rig_add_plain(struct rig *r, struct bdf bdf, const struct rig_plain *what)
{
	struct plain *p = xcalloc(1, sizeof(*p));

	p->next = plain_list;
	plain_list = p;
	plain_put(p, PCI_VENDOR_ID, 4, (uint32_t)what->device << 16 | what->vendor, 0);
	plain_put(p, PCI_COMMAND, 2, 0, 0x547);
	plain_put(p, PCI_STATUS, 2, PCI_STATUS_CAP_LIST, 0);
	plain_put(p, PCI_CLASS_REVISION, 4, what->class_code << 8, 0);
	plain_put(p, PCI_HEADER_TYPE, 1, what->multi ? 0x80 : 0, 0);
	plain_put(p, PCI_BASE_ADDRESS_0, 4, 0, 0xfff00000);
	plain_put(p, PCI_CAPABILITY_LIST, 1, 0x50, 0);
	plain_put(p, 0x50, 2, 0x58 << 8 | PCI_CAP_ID_PM, 0);
	plain_put(p, 0x54, 2, what->soft_reset ? 0 : PCI_PM_CTRL_NO_SOFT_RESET, 3);
	plain_put(p, 0x58, 2, PCI_CAP_ID_EXP, 0);
	plain_put(p, 0x5a, 2, 0x12, 0);
	plain_put(p, 0x5c, 4, what->flr ? PCI_EXP_DEVCAP_FLR : 0, 0);
	plain_put(p, 0x60, 2, 0x2810, 0x7fff);
	hw_sim_function(r->sim, bdf, &plain_ops, p, 0);
}

static void plain_free_all(void)
{
	while (plain_list) {
		struct plain *p = plain_list;

		plain_list = p->next;
		free(p);
	}
}

/* --- machines ------------------------------------------------------------------ */

struct bdf rig_bdf(const char *text)
{
	struct bdf_spec spec;

	if (bdf_parse(text, &spec, NULL) < 0)
		rig_wrong(text);
	return spec.bdf;
}

struct bdf rig_fn(const struct rig *r, unsigned fn)
{
	struct bdf bdf = r->slot;

	bdf.fn = (uint8_t)fn;
	return bdf;
}

struct rig_port {
	const char *at;
	uint8_t secondary;
	enum sim_port_type type;
	unsigned flags;
};

enum {
	ON_PATH = 1 << 0,               /* above the card */
	SLOT = 1 << 1,                  /* hotplug, AER and DPC */
	SURPRISED = 1 << 2,
};

static const struct rig_map {
	const char *slot;
	struct rig_port port[5];
} rig_maps[] = {
	[RIG_ROOT_PORT] = { "01:00", { { "00:01.0", 1, SIM_ROOT_PORT, ON_PATH } } },
	[RIG_SWITCH] = { "03:00", { { "00:01.0", 1, SIM_ROOT_PORT, ON_PATH },
				    { "01:00.0", 2, SIM_UPSTREAM, ON_PATH },
				    { "02:00.0", 3, SIM_DOWNSTREAM, ON_PATH },
				    { "02:01.0", 4, SIM_DOWNSTREAM, 0 } } },
	[RIG_PCI_BRIDGE] = { "02:01", { { "00:01.0", 1, SIM_ROOT_PORT, ON_PATH },
					{ "01:00.0", 2, SIM_PCIE_TO_PCI, ON_PATH } } },
	[RIG_ROOT_BUS] = { "00:02", { { NULL, 0, SIM_ROOT_PORT, 0 } } },
	[RIG_HOTPLUG] = { "01:00", { { "00:01.0", 1, SIM_ROOT_PORT, ON_PATH | SLOT } } },
	[RIG_HOTPLUG_SWITCH] = {
		"03:00", { { "00:01.0", 1, SIM_ROOT_PORT, ON_PATH | SLOT },
			   { "01:00.0", 2, SIM_UPSTREAM, ON_PATH },
			   { "02:00.0", 3, SIM_DOWNSTREAM, ON_PATH | SLOT } } },
	[RIG_SURPRISED] = { "01:00", { { "00:01.0", 1, SIM_ROOT_PORT,
					 ON_PATH | SLOT | SURPRISED } } },
};

static void rig_bridges(struct rig *r, const struct rig_map *map, uint16_t vendor)
{
	for (const struct rig_port *p = map->port; p->at; p++) {
		bool down = p->type == SIM_ROOT_PORT || p->type == SIM_DOWNSTREAM;
		struct sim_bridge b = {
			.bdf = rig_bdf(p->at), .secondary = p->secondary,
			.type = p->type, .vendor = vendor, .device = 0x000c,
			.speed = 3, .width = 16, .reports_active = down,
			.train_us = down ? 20000 : 0,
			.hotplug = p->flags & SLOT, .slot_power = p->flags & SLOT,
			.bandwidth = p->flags & SLOT, .errors = p->flags & SLOT,
			.surprised_by_reset = p->flags & SURPRISED,
		};

		hw_sim_bridge(r->sim, &b);
		if (p->flags & ON_PATH)
			r->bridge[r->nbridges++] = b.bdf;
	}
}

static void rig_host(struct rig *r)
{
	hw_sim_host(r->sim, "/proc/sys/kernel/osrelease", "6.12.0");
	hw_sim_host(r->sim, "/sys/kernel/security/lockdown",
		    "[none] integrity confidentiality");
	hw_sim_driver(r->sim, "vfio-pci");
	hw_sim_driver(r->sim, "snd_hda_intel");
	hw_sim_driver(r->sim, "amdgpu");
}

#define RIG_VENDOR 0x1b36       /* Red Hat: the ports of QEMU */

static struct rig *rig_frame(enum rig_place place, uint16_t vendor)
{
	struct rig *r = xcalloc(1, sizeof(*r));

	r->sim = hw_sim_open();
	r->hw = hw_shim_open(r->sim);
	r->slot = rig_bdf(rig_maps[place].slot);
	r->spec = (struct bdf_spec){ .bdf = r->slot, .whole_slot = true };
	rig_bridges(r, &rig_maps[place], vendor);
	rig_host(r);
	return r;
}

struct rig *rig_unbooted_below(const char *kind, enum rig_place place, uint16_t vendor)
{
	struct rig *r = rig_frame(place, vendor);

	r->card = rig_add(r, kind, r->slot);
	return r;
}

struct rig *rig_unbooted(const char *kind, enum rig_place place)
{
	return rig_unbooted_below(kind, place, RIG_VENDOR);
}

/* Payload sizes as firmware sets them, not what a reset leaves. */
static void rig_devctl(struct rig *r, struct bdf bdf)
{
	unsigned cap;

	if (hw_find_cap(r->sim, bdf, PCI_CAP_ID_EXP, false, &cap, NULL) == 0)
		hw_cfg_write(r->sim, bdf, cap + PCI_EXP_DEVCTL, 2, 0x5930, NULL);
}

void rig_boot(struct rig *r)
{
	char number[12];

	hw_sim_boot(r->sim);
	for (unsigned fn = 0; fn < SLOT_FNS; fn++) {
		if (!hw_sim_known(r->sim, rig_fn(r, fn)))
			continue;
		snprintf(number, sizeof(number), "%d", 20 + (int)r->slot.bus);
		hw_sim_attr(r->sim, rig_fn(r, fn), "iommu_group", number);
		hw_cfg_write(r->sim, rig_fn(r, fn), PCI_COMMAND, 2,
			     PCI_COMMAND_MASTER | PCI_COMMAND_MEMORY |
			     (fn ? 0 : PCI_COMMAND_IO), NULL);
		rig_devctl(r, rig_fn(r, fn));
		hw_cfg_read(r->sim, rig_fn(r, fn), PCI_VENDOR_ID, 4, &r->id[fn], NULL);
	}
}

struct rig *rig_open(const char *kind, enum rig_place place)
{
	struct rig *r = rig_unbooted(kind, place);

	rig_boot(r);
	return r;
}

struct rig *rig_unbooted_plain(const struct rig_plain *what, enum rig_place place)
{
	struct rig *r = rig_frame(place, RIG_VENDOR);

	rig_add_plain(r, r->slot, what);
	return r;
}

struct rig *rig_open_plain(const struct rig_plain *what, enum rig_place place)
{
	struct rig *r = rig_unbooted_plain(what, place);

	rig_boot(r);
	return r;
}

static void rig_drop_plan(struct rig *r)
{
	plan_free(&r->plan);
	if (r->have_target)
		target_free(&r->target);
	r->have_target = false;
}

void rig_close(struct rig *r)
{
	rig_drop_plan(r);
	rig_lie(NULL, NULL);
	hw_close(r->hw);
	for (size_t i = 0; i < r->ncards; i++)
		card_free(r->cards[i]);
	plain_free_all();
	free(r);
}

/* --- states of a card ---------------------------------------------------------- */

static void rig_smc(struct rig *r, uint32_t addr, uint32_t val)
{
	card_bar_write(r->card, 0, 5, 0x200, 4, addr);
	card_bar_write(r->card, 0, 5, 0x204, 4, val);
}

void rig_use_fury(struct rig *r)
{
	rig_smc(r, 0x80000000, 1);
	rig_smc(r, 0x80000004, 0);
	rig_smc(r, 0x80000000, 0);
	hw_sleep(r->hw, 1000);
	card_bar_write(r->card, 0, 5, 0x1740, 4, 0x200);
	if (rig_truth(r, "dirty") != 1)
		rig_wrong("the fury did not start");
}

void rig_scribble(struct rig *r)
{
	card_bar_write(r->card, 0, 0, 0x100, 4, 0xdeadbeef);
	if (rig_truth(r, "dirty") != 1)
		rig_wrong("the card did not take a write");
}

void rig_vfio(struct rig *r)
{
	for (unsigned fn = 0; fn < SLOT_FNS; fn++)
		if (hw_sim_known(r->sim, rig_fn(r, fn)))
			hw_sim_attr(r->sim, rig_fn(r, fn), "driver", "vfio-pci");
}

long rig_truth(const struct rig *r, const char *word)
{
	char state[512], key[40], *at;

	card_state(r->card, state, sizeof(state));
	snprintf(key, sizeof(key), "%s=", word);
	at = strstr(state, key);
	while (at && at != state && at[-1] != ' ')
		at = strstr(at + 1, key);
	return at ? strtol(at + strlen(key), NULL, 0) : -1;
}

/* --- plans --------------------------------------------------------------------- */

/* Parsed once a text: thousands of rigs share them, and none changes one. */
const struct quirk *rig_parse_text(const char *file, const char *text)
{
	static struct {
		const char *text;
		struct quirk *quirk;
	} parsed[16];
	struct diag diag;
	size_t i = 0;

	while (i < 15 && parsed[i].text && parsed[i].text != text)
		i++;
	if (parsed[i].text == text)
		return parsed[i].quirk;
	if (parsed[i].text)
		rig_wrong("too many quirk texts");
	diag_init(&diag);
	parsed[i].quirk = quirk_parse(file, text, strlen(text), NULL, &diag);
	diag_print(&diag, stderr);
	if (!parsed[i].quirk || diag.errors)
		rig_wrong("the quirk has errors");
	diag_free(&diag);
	parsed[i].text = text;
	return parsed[i].quirk;
}

static char *rig_read(const char *path)
{
	FILE *in = fopen(path, "r");
	char *text = xcalloc(1, 65536);

	if (!in)
		rig_wrong(path);
	if (fread(text, 1, 65535, in) == 0)
		rig_wrong(path);
	fclose(in);
	return text;
}

void rig_quirk(struct rig *r, const char *path)
{
	static struct {
		const char *path;
		char *text;
	} files[4];
	size_t i = 0;

	while (i < 3 && files[i].path && strcmp(files[i].path, path))
		i++;
	if (!files[i].path) {
		files[i].text = rig_read(path);
		files[i].path = path;
	}
	r->quirk = rig_parse_text(path, files[i].text);
}

int rig_plan(struct rig *r, const struct plan_opts *opts, struct err *err)
{
	static const struct plan_opts none;
	int rc;

	rig_drop_plan(r);
	rc = facts_collect(r->hw, &r->spec, &r->target, err);
	if (rc)
		return rc;
	r->have_target = true;
	return plan_build(&r->plan, &r->target, r->quirk, &r->hits,
			  opts ? opts : &none, err);
}

const struct attempt *rig_attempt(const struct rig *r, const char *name)
{
	for (size_t i = 0; i < r->plan.nattempts; i++)
		if (!strcmp(r->plan.attempt[i].name, name))
			return &r->plan.attempt[i];
	return NULL;
}

/* --- truth --------------------------------------------------------------------- */

static const char *rig_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static const char *rig_say(const char *fmt, ...)
{
	static char text[200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return text;
}

static const char *rig_ill_fn(struct rig *r, unsigned fn)
{
	struct bdf bdf = rig_fn(r, fn);
	struct bar_facts bar[6];
	uint32_t val;

	if (!hw_sim_known(r->sim, bdf))
		return rig_say("function %u is not known", fn);
	hw_cfg_read(r->sim, bdf, PCI_VENDOR_ID, 4, &val, NULL);
	if (val != r->id[fn])
		return rig_say("function %u has id 0x%08x", fn, val);
	facts_bars(r->sim, bdf, bar, NULL);
	for (unsigned i = 0; i < 6; i++) {
		if (!bar[i].size)
			continue;
		if (!bar[i].start)
			return rig_say("function %u BAR%u has no address", fn, i);
		hw_cfg_read(r->sim, bdf, PCI_BASE_ADDRESS_0 + 4 * i, 4, &val, NULL);
		if ((val & ~(bar[i].flags & 0x100 ? 3u : 15u)) != bar[i].start)
			return rig_say("function %u BAR%u is 0x%08x", fn, i, val);
	}
	return NULL;
}

static const char *rig_ill_card(const struct rig *r)
{
	static const char *const words[] = { "dead", "wedged", "mode" };

	for (size_t i = 0; i < 3; i++)
		if (r->card && rig_truth(r, words[i]) == 1)
			return rig_say("the card says %s=1", words[i]);
	return NULL;
}

const char *rig_ill(struct rig *r)
{
	const char *ill = NULL;

	for (unsigned fn = 0; fn < SLOT_FNS && !ill; fn++)
		if (r->id[fn])
			ill = rig_ill_fn(r, fn);
	return ill ? ill : rig_ill_card(r);
}

/* --- what was, and is it again ------------------------------------------------- */

static void rig_text(struct rig *r, struct bdf bdf, const char *name, char *buf,
		     size_t size)
{
	if (hw_attr_read(r->sim, bdf, name, buf, size, NULL) < 0)
		buf[0] = '\0';
}

void rig_attr_is(struct rig *r, unsigned fn, const char *name, const char *want)
{
	char text[64];

	rig_text(r, rig_fn(r, fn), name, text, sizeof(text));
	if (strcmp(text, want))
		fail_msg("%s of function %u is '%s', not '%s'", name, fn, text, want);
}

/* A function with siblings cannot have its stale "bus" back. */
static void rig_no_bus(char *list)
{
	char *at = strstr(list, "bus");

	if (at) {
		*at = '\0';
		if (at > list)
			at[-1] = '\0';
	}
}

static void rig_look(struct rig *r, struct bdf bdf, bool bridge, struct rig_fn_state *s)
{
	unsigned cap;

	memset(s, 0, sizeof(*s));
	s->bdf = bdf;
	s->bridge = bridge;
	s->known = hw_sim_known(r->sim, bdf);
	if (!s->known)
		return;
	rig_text(r, bdf, "driver", s->driver, sizeof(s->driver));
	rig_text(r, bdf, "driver_override", s->override, sizeof(s->override));
	rig_text(r, bdf, "power/control", s->control, sizeof(s->control));
	rig_text(r, bdf, "reset_method", s->methods, sizeof(s->methods));
	rig_no_bus(s->methods);
	if (!bridge && hw_find_cap(r->sim, bdf, PCI_CAP_ID_EXP, false, &cap, NULL) == 0)
		hw_cfg_read(r->sim, bdf, cap + PCI_EXP_DEVCTL, 2, &s->devctl, NULL);
	hw_cfg_read(r->sim, bdf, PCI_COMMAND, 2, &s->command, NULL);
	if (bridge)
		hw_cfg_read(r->sim, bdf, PCI_BRIDGE_CONTROL, 2, &s->bridge_control, NULL);
}

void rig_remember(struct rig *r, struct rig_state *state)
{
	state->n = 0;
	for (size_t i = 0; i < r->nbridges; i++)
		rig_look(r, r->bridge[i], true, &state->fn[state->n++]);
	for (unsigned fn = 0; fn < SLOT_FNS; fn++)
		if (hw_sim_known(r->sim, rig_fn(r, fn)))
			rig_look(r, rig_fn(r, fn), false, &state->fn[state->n++]);
}

static const char *rig_changed_fn(const struct rig_fn_state *old,
				  const struct rig_fn_state *now, bool recreated)
{
	char name[BDF_STR];

	bdf_str(old->bdf, name);
	if (old->bridge && now->known && now->bridge_control & PCI_BRIDGE_CTL_BUS_RESET)
		return rig_say("%s: the reset bit is set", name);
	if (!now->known)
		return rig_say("%s: not known any more", name);
	if (strcmp(old->driver, now->driver))
		return rig_say("%s: driver '%s', was '%s'", name, now->driver,
			       old->driver);
	if (strcmp(old->override, now->override))
		return rig_say("%s: driver_override %s", name, now->override);
	if (strcmp(old->control, now->control))
		return rig_say("%s: power/control %s, was %s", name, now->control,
			       old->control);
	if (recreated)
		return NULL;
	if (strcmp(old->methods, now->methods))
		return rig_say("%s: reset_method '%s', was '%s'", name, now->methods,
			       old->methods);
	if (old->command != now->command)
		return rig_say("%s: COMMAND 0x%x, was 0x%x", name, now->command,
			       old->command);
	if (old->devctl != now->devctl)
		return rig_say("%s: DEVCTL 0x%x, was 0x%x", name, now->devctl,
			       old->devctl);
	return NULL;
}

const char *rig_changed(struct rig *r, const struct rig_state *before, bool recreated)
{
	const char *what = NULL;

	for (size_t i = 0; i < before->n && !what; i++) {
		struct rig_fn_state now;

		rig_look(r, before->fn[i].bdf, before->fn[i].bridge, &now);
		what = rig_changed_fn(&before->fn[i], &now, recreated);
	}
	return what;
}
