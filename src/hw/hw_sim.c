// SPDX-License-Identifier: GPL-2.0-or-later
/* The simulated machine: building it, routing accesses, the clock. */
#include "hw/hw_sim.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "base/xalloc.h"
#include "hw/sim_internal.h"

struct hw_sim *sim_of(struct hw *hw)
{
	return (struct hw_sim *)hw;
}

/* --- building ------------------------------------------------------------------ */

static void sim_wrong(const char *what)
{
	fprintf(stderr, "hw_sim: %s\n", what);
	abort();
}

struct sim_fn *sim_find(const struct hw_sim *sim, struct bdf bdf)
{
	for (size_t i = 0; i < sim->nfns; i++)
		if (bdf_eq(sim->fn[i]->bdf, bdf))
			return sim->fn[i];
	return NULL;
}

static struct sim_fn *sim_bridge_to(const struct hw_sim *sim, struct bdf bdf)
{
	for (size_t i = 0; i < sim->nfns; i++) {
		const struct sim_port *p = sim->fn[i]->port;

		if (p && p->what.secondary == bdf.bus &&
		    sim->fn[i]->bdf.domain == bdf.domain)
			return sim->fn[i];
	}
	return NULL;
}

static struct sim_fn *sim_insert(struct hw_sim *sim, struct bdf bdf)
{
	struct sim_fn *f = xcalloc(1, sizeof(*f));
	size_t at = sim->nfns;

	f->bdf = bdf;
	f->parent = sim_bridge_to(sim, bdf);
	if (sim->nfns == SIM_FNS || sim_find(sim, bdf))
		sim_wrong("too many functions, or the same address twice");
	if (!f->parent && bdf.bus)
		sim_wrong("no bridge leads to this bus");
	for (; at > 0 && bdf_cmp(sim->fn[at - 1]->bdf, bdf) > 0; at--)
		sim->fn[at] = sim->fn[at - 1];
	sim->fn[at] = f;
	sim->nfns++;
	return f;
}

void hw_sim_function(struct hw *hw, struct bdf bdf, const struct sim_dev_ops *ops,
		     void *dev, int fn)
{
	struct sim_fn *f = sim_insert(sim_of(hw), bdf);

	f->ops = ops;
	f->dev = dev;
	f->fn = fn;
}

void hw_sim_bridge(struct hw *hw, const struct sim_bridge *bridge)
{
	struct hw_sim *sim = sim_of(hw);
	struct sim_port *port = xcalloc(1, sizeof(*port));
	struct sim_fn *f = sim_insert(sim, bridge->bdf);

	port->sim = sim;
	port->fn = f;
	port->what = *bridge;
	sim_port_init(port);
	f->port = port;
	f->ops = &sim_port_ops;
	f->dev = port;
}

void hw_sim_driver(struct hw *hw, const char *name)
{
	struct hw_sim *sim = sim_of(hw);
	char path[80];

	if (sim->ndrivers == SIM_NAMES)
		sim_wrong("too many drivers");
	snprintf(sim->driver[sim->ndrivers++], sizeof(sim->driver[0]), "%s", name);
	snprintf(path, sizeof(path), "/sys/bus/pci/drivers/%s", name);
	hw_sim_host(hw, path, "");
}

void hw_sim_autobind(struct hw *hw, uint16_t vendor, uint16_t device,
		     const char *driver)
{
	struct hw_sim *sim = sim_of(hw);
	struct sim_rule *r = &sim->rule[sim->nrules++];

	if (sim->nrules > SIM_NAMES)
		sim_wrong("too many rules");
	r->vendor = vendor;
	r->device = device;
	snprintf(r->driver, sizeof(r->driver), "%s", driver);
}

void hw_sim_boot(struct hw *hw)
{
	sim_scan_below(sim_of(hw), NULL);
	sim_of(hw)->events = 0;
}

struct sim_text *sim_text(struct hw_sim *sim, const struct sim_fn *f, const char *name)
{
	for (size_t i = 0; i < sim->ntexts; i++)
		if (sim->text[i].fn == f && !strcmp(sim->text[i].name, name))
			return &sim->text[i];
	return NULL;
}

static void sim_put_text(struct hw_sim *sim, struct sim_fn *f, const char *name,
			 const char *text)
{
	struct sim_text *t = sim_text(sim, f, name);

	if (!t && sim->ntexts == SIM_TEXTS)
		sim_wrong("too many texts");
	if (!t)
		t = &sim->text[sim->ntexts++];
	t->fn = f;
	t->absent = !text;
	snprintf(t->name, sizeof(t->name), "%s", name);
	snprintf(t->text, sizeof(t->text), "%s", text ? text : "");
}

void hw_sim_attr(struct hw *hw, struct bdf bdf, const char *name, const char *text)
{
	struct hw_sim *sim = sim_of(hw);
	struct sim_fn *f = sim_find(sim, bdf);

	if (!f)
		sim_wrong("an attribute of a function that does not exist");
	if (!strcmp(name, "driver")) {
		sim_unbind(sim, f);
		if (text)
			sim_bind(sim, f, text);
	} else if (!strcmp(name, "power/control")) {
		f->autosuspend = text && !strcmp(text, "auto");
		sim_runtime_pm(sim, f);
	} else if (!strcmp(name, "enable")) {
		f->enabled = text ? atoi(text) : 0;
		sim_runtime_pm(sim, f);
	} else {
		sim_put_text(sim, f, name, text);
	}
}

void hw_sim_host(struct hw *hw, const char *path, const char *text)
{
	sim_put_text(sim_of(hw), NULL, path, text);
}

void hw_sim_holder(struct hw *hw, struct bdf bdf, const struct hw_holder *holder)
{
	hw_sim_holder_until(hw, bdf, holder, UINT64_MAX);
}

void hw_sim_holder_until(struct hw *hw, struct bdf bdf, const struct hw_holder *holder,
			 uint64_t until_us)
{
	struct hw_sim *sim = sim_of(hw);

	if (sim->nusers == SIM_NAMES)
		sim_wrong("too many holders");
	sim->user[sim->nusers++] = (struct sim_user){ bdf, until_us, *holder };
	sim->user[sim->nusers - 1].holder.fn = bdf;
}

unsigned hw_sim_dead_probes(const struct hw *hw)
{
	return ((const struct hw_sim *)hw)->dead_probes;
}

bool hw_sim_known(const struct hw *hw, struct bdf bdf)
{
	const struct sim_fn *f = sim_find((const struct hw_sim *)hw, bdf);

	return f && f->known;
}

/* --- routing ------------------------------------------------------------------- */

bool sim_below(const struct sim_fn *f, const struct sim_fn *bridge)
{
	while (f && f->parent != bridge)
		f = f->parent;
	return f;
}

static bool sim_reached(const struct sim_fn *f)
{
	for (f = f->parent; f; f = f->parent)
		if (!sim_port_forwards(f->port))
			return false;
	return true;
}

uint32_t sim_read(struct hw_sim *sim, struct sim_fn *f, unsigned off, unsigned width)
{
	sim->now += SIM_ACCESS_US;
	if (!sim_reached(f))
		return width == 4 ? UINT32_MAX : (1u << (8 * width)) - 1;
	return f->ops->cfg_read(f->dev, f->fn, off, width);
}

void sim_write(struct hw_sim *sim, struct sim_fn *f, unsigned off, unsigned width,
	       uint32_t val)
{
	sim->now += SIM_ACCESS_US;
	if (sim_reached(f))
		f->ops->cfg_write(f->dev, f->fn, off, width, val);
}

unsigned sim_cap(struct hw_sim *sim, struct sim_fn *f, uint8_t id)
{
	unsigned off = sim_read(sim, f, PCI_CAPABILITY_LIST, 1) & ~3u;

	/* 48 capabilities fit into 192 bytes: more steps are a loop */
	for (int steps = 0; steps < 48 && off >= 0x40; steps++) {
		if (sim_read(sim, f, off, 1) == id)
			return off;
		off = sim_read(sim, f, off + 1, 1) & ~3u;
	}
	return 0;
}

struct sim_fn *sim_known(const struct hw_sim *sim, struct bdf bdf, struct err *err)
{
	struct sim_fn *f = sim_find(sim, bdf);
	char text[BDF_STR];

	if (f && f->known)
		return f;
	err_set(err, ENODEV, "%s: the kernel does not know this function",
		bdf_str(bdf, text));
	return NULL;
}

bool sim_lockdown(const struct hw_sim *sim)
{
	struct sim_text *t = sim_text((struct hw_sim *)(uintptr_t)sim, NULL,
				      "/sys/kernel/security/lockdown");

	return t && !t->absent && !strstr(t->text, "[none]");
}

/* --- operations ---------------------------------------------------------------- */

static int sim_scan(struct hw *hw, hw_node_fn *fn, void *arg, struct err *err)
{
	struct hw_sim *sim = sim_of(hw);
	int rc = 0;

	(void)err;
	for (size_t i = 0; i < sim->nfns && !rc; i++) {
		struct sim_fn *f = sim->fn[i];
		struct hw_node node = { .bdf = f->bdf, .on_root_bus = !f->parent };

		if (f->parent)
			node.parent = f->parent->bdf;
		if (f->known)
			rc = fn(&node, arg);
	}
	return rc;
}

static int sim_cfg_read(struct hw *hw, struct bdf bdf, unsigned off, unsigned width,
			uint32_t *val, struct err *err)
{
	struct sim_fn *f = sim_known(sim_of(hw), bdf, err);

	if (!f)
		return -ENODEV;
	*val = sim_read(sim_of(hw), f, off, width);
	return 0;
}

static int sim_cfg_write(struct hw *hw, struct bdf bdf, unsigned off, unsigned width,
			 uint32_t val, struct err *err)
{
	struct sim_fn *f = sim_known(sim_of(hw), bdf, err);
	char text[BDF_STR];

	if (!f)
		return -ENODEV;
	if (f->vfio) {
		sim_vfio_cfg_write(sim_of(hw), f, off, width, val);
		return 0;
	}
	if (sim_lockdown(sim_of(hw)))
		return err_sys(err, EPERM, "%s: config: kernel lockdown",
			       bdf_str(bdf, text));
	sim_write(sim_of(hw), f, off, width, val);
	sim_port_interrupts(sim_of(hw));
	return 0;
}

/* What mmap(2) of resourceN says (CONFIG_IO_STRICT_DEVMEM); *@decoded: it answers. */
static int sim_bar_open(struct hw_sim *sim, struct sim_fn *f, int bar, uint32_t off,
			bool *decoded, struct err *err)
{
	uint32_t addr = f->bar[bar].start;
	char text[BDF_STR];
	bool vfio = !strcmp(f->driver, "vfio-pci");

	bdf_str(f->bdf, text);
	if (!f->bar[bar].size || f->bar[bar].io || off + 4 > f->bar[bar].size)
		return err_set(err, ERANGE, "%s: resource%d has no offset 0x%x", text,
			       bar, off);
	if (f->vfio && !sim_vfio_decodes(f))
		return err_sys(err, EIO, "%s: BAR %d through VFIO", text, bar);
	if (!f->vfio && sim_lockdown(sim))
		return err_sys(err, EPERM, "%s: resource%d: kernel lockdown", text, bar);
	if (!f->vfio && ((f->driver[0] && !vfio) || (vfio && f->enabled > 0)))
		return err_sys(err, EBUSY, "%s: resource%d: %s owns it", text, bar,
			       f->driver);
	*decoded = sim_read(sim, f, PCI_BASE_ADDRESS_0 + 4 * (unsigned)bar, 4) == addr &&
		   addr;
	for (struct sim_fn *up = f->parent; up; up = up->parent)
		*decoded = *decoded && sim_port_window(up->port, addr);
	return 0;
}

static int sim_bar_read(struct hw *hw, struct bdf bdf, int bar, uint32_t off,
			uint32_t *val, struct err *err)
{
	struct sim_fn *f = sim_known(sim_of(hw), bdf, err);
	bool decoded = false;
	int rc;

	if (!f)
		return -ENODEV;
	rc = sim_bar_open(sim_of(hw), f, bar, off, &decoded, err);
	if (rc)
		return rc;
	*val = decoded ? f->ops->bar_read(f->dev, f->fn, bar, off) : UINT32_MAX;
	return 0;
}

static int sim_bar_write(struct hw *hw, struct bdf bdf, int bar, uint32_t off,
			 uint32_t val, struct err *err)
{
	struct sim_fn *f = sim_known(sim_of(hw), bdf, err);
	bool decoded = false;
	int rc;

	if (!f)
		return -ENODEV;
	rc = sim_bar_open(sim_of(hw), f, bar, off, &decoded, err);
	if (!rc && decoded)
		f->ops->bar_write(f->dev, f->fn, bar, off, val);
	return rc;
}

static int sim_host_read(struct hw *hw, const char *path, char *buf, size_t size,
			 struct err *err)
{
	struct sim_text *t = sim_text(sim_of(hw), NULL, path);

	sim_of(hw)->now += SIM_ATTR_US;
	if (!t || t->absent)
		return err_sys(err, ENOENT, "%s", path);
	if ((size_t)snprintf(buf, size, "%s", t->text) >= size)
		return err_sys(err, EOVERFLOW, "%s", path);
	return 0;
}

static bool sim_host_exists(struct hw *hw, const char *path)
{
	struct sim_text *t = sim_text(sim_of(hw), NULL, path);

	return t && !t->absent;
}

/* 15 pairs of dwords fit into what a bridge has beyond 256 bytes. */
static unsigned sim_ext_cap(struct hw_sim *sim, struct sim_fn *f, uint16_t id)
{
	unsigned off = PCI_CFG_SPACE_SIZE;

	for (int steps = 0; steps < 32 && off; steps++) {
		uint32_t head = sim_read(sim, f, off, 4);

		if (head == UINT32_MAX)
			return 0;
		if (PCI_EXT_CAP_ID(head) == id)
			return off;
		off = PCI_EXT_CAP_NEXT(head);
	}
	return 0;
}

/* Cards have no extended capabilities here: their configuration ends at 256 bytes. */
static int sim_find_cap(struct hw *hw, struct bdf bdf, uint16_t id, bool ext,
			unsigned *off, struct err *err)
{
	struct sim_fn *f = sim_known(sim_of(hw), bdf, err);
	char text[BDF_STR];

	if (!f)
		return -ENODEV;
	*off = !ext ? sim_cap(sim_of(hw), f, (uint8_t)id) :
	       f->port ? sim_ext_cap(sim_of(hw), f, id) : 0;
	if (*off)
		return 0;
	return err_set(err, ENOENT, "%s: no capability 0x%x", bdf_str(bdf, text), id);
}

static void sim_name_of(struct hw *hw, uint16_t vendor, uint16_t device, char *buf,
			size_t size)
{
	(void)hw;
	snprintf(buf, size, "%04x:%04x", vendor, device);
}

static int sim_holders(struct hw *hw, const struct bdf *fns, size_t n, hw_holder_fn *fn,
		       void *arg, struct err *err)
{
	struct hw_sim *sim = sim_of(hw);
	int rc = 0;

	(void)err;
	for (size_t i = 0; i < sim->nusers && !rc; i++)
		for (size_t k = 0; k < n && !rc; k++)
			if (sim->now < sim->user[i].until &&
			    bdf_eq(sim->user[i].fn, fns[k]))
				rc = fn(&sim->user[i].holder, arg);
	return 0;       /* @fn only ends it, as on Linux */
}

static uint64_t sim_now(struct hw *hw)
{
	return sim_of(hw)->now;
}

static int sim_wait_event(struct hw *hw, uint64_t deadline_us, struct err *err)
{
	struct hw_sim *sim = sim_of(hw);

	(void)err;
	if (sim->events) {
		sim->events = 0;
		return 1;
	}
	if (sim->now < deadline_us)
		sim->now = deadline_us;
	sim_port_interrupts(sim);
	return 0;
}

static void sim_sleep(struct hw *hw, uint64_t us)
{
	sim_of(hw)->now += us;
	sim_port_interrupts(sim_of(hw));
}

static void sim_forget(struct hw *hw, struct bdf bdf)
{
	(void)hw;
	(void)bdf;
}

static void sim_close(struct hw *hw)
{
	struct hw_sim *sim = sim_of(hw);

	for (size_t i = 0; i < sim->nfns; i++) {
		if (sim->fn[i]->ops && sim->fn[i]->ops->close)
			sim->fn[i]->ops->close(sim->fn[i]->dev);
		free(sim->fn[i]->port);
		free(sim->fn[i]->vfio);
		free(sim->fn[i]);
	}
	free(sim);
}

static const struct hw_ops sim_ops = {
	.name = "sim",
	.scan = sim_scan,
	.cfg_read = sim_cfg_read,
	.bar_read = sim_bar_read,
	.attr_read = sim_attr_read,
	.attr_exists = sim_attr_exists,
	.host_read = sim_host_read,
	.host_exists = sim_host_exists,
	.find_cap = sim_find_cap,
	.name_of = sim_name_of,
	.holders = sim_holders,
	.now = sim_now,
	.cfg_write = sim_cfg_write,
	.bar_write = sim_bar_write,
	.attr_write = sim_attr_write,
	.bus_write = sim_bus_write,
	.hot_reset = sim_hot_reset,
	.own = sim_own,
	.disown = sim_disown,
	.vfio_open = sim_vfio_open,
	.vfio_close = sim_vfio_close,
	.wait_event = sim_wait_event,
	.sleep = sim_sleep,
	.forget = sim_forget,
	.close = sim_close,
};

struct hw *hw_sim_open(void)
{
	struct hw_sim *sim = xcalloc(1, sizeof(*sim));

	sim->hw.ops = &sim_ops;
	return &sim->hw;
}
