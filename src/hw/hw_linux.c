// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The seam on a running Linux: enumeration and events by libudev, capabilities and
 * names by libpci, the rest by sysfs (linux_*.c), VFIO (vfio.c) and /proc
 * (holders.c). No io_uring in here: a worker blocks, its supervisor waits.
 */
#include "hw/hw_linux.h"

#include <dirent.h>
#include <errno.h>
#include <libudev.h>
#include <limits.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <pci/pci.h>

#include "hw/holders.h"
#include "hw/hw_ops.h"
#include "hw/linux_attr.h"
#include "hw/linux_bar.h"
#include "hw/linux_cfg.h"
#include "hw/linux_log.h"
#include "hw/linux_sys.h"
#include "hw/vfio.h"
#include "hw/vfio_own.h"
#include "hw/vfio_dev.h"

/* Without a monitor (a container without netlink): look again this often. */
#define LINUX_BLIND_US 10000

/* Capability lists do not move: the last function's is kept until it is forgotten. */
struct linux_caps {
	struct pci_access *acc;
	struct pci_dev *dev;
	struct bdf bdf;
};

struct hw_linux {
	struct hw hw;
	char *root;
	struct udev *udev;
	struct udev_monitor *mon;
	bool mon_tried;
	struct cfg_cache cfg;
	struct bar_cache bar;
	struct vfio_dev vfio;           /* open only between hw_vfio_open() and close */
	struct linux_caps caps;
	struct vfio_own own;
	struct pci_access *names;
};

static struct hw_linux *linux_of(struct hw *hw)
{
	return (struct hw_linux *)(void *)hw;
}

/* ---- enumeration ---- */

struct node_list {
	struct hw_node *at;
	size_t n, room;
};

static int nodes_add(struct node_list *l, const struct hw_node *node)
{
	struct hw_node *more;
	size_t room;

	if (l->n == l->room) {
		room = l->room ? 2 * l->room : 64;
		more = reallocarray(l->at, room, sizeof(*more));
		if (!more)
			return -ENOMEM;
		l->at = more;
		l->room = room;
	}
	l->at[l->n++] = *node;
	return 0;
}

/*
 * ".../pci0000:00/0000:00:01.0/0000:0b:00.0": the last part is the function, the one
 * before it the bridge above or a host bridge. False when it is no function.
 */
static bool node_from_path(const char *path, struct hw_node *node)
{
	char part[BDF_STR];
	const char *last = strrchr(path, '/');
	const char *prev = last;
	size_t len;

	memset(node, 0, sizeof(*node));
	node->on_root_bus = true;
	if (!bdf_from_sysfs(last ? last + 1 : path, &node->bdf))
		return false;
	while (prev && prev > path && prev[-1] != '/')
		prev--;
	len = last ? (size_t)(last - prev) : 0;
	if (len && len < sizeof(part)) {
		memcpy(part, prev, len);
		part[len] = '\0';
		node->on_root_bus = !bdf_from_sysfs(part, &node->parent);
	}
	return true;
}

static struct udev *linux_udev(struct hw_linux *l)
{
	if (!l->udev)
		l->udev = udev_new();
	return l->udev;
}

static int scan_udev(struct hw_linux *l, struct node_list *nodes)
{
	struct udev *udev = linux_udev(l);
	struct udev_enumerate *en = udev ? udev_enumerate_new(udev) : NULL;
	struct udev_list_entry *e;
	struct hw_node node;
	int rc;

	if (!en)
		return -ENOMEM;
	rc = udev_enumerate_add_match_subsystem(en, "pci");
	if (rc >= 0)
		rc = udev_enumerate_scan_devices(en);
	if (rc > 0)
		rc = 0;
	udev_list_entry_foreach(e, udev_enumerate_get_list_entry(en)) {
		if (!rc && node_from_path(udev_list_entry_get_name(e), &node))
			rc = nodes_add(nodes, &node);
	}
	udev_enumerate_unref(en);
	return rc;
}

/* One entry of bus/pci/devices, a link into the tree of devices. */
static int scan_entry(struct node_list *nodes, DIR *dir, const char *name)
{
	char target[SYS_PATH];
	ssize_t n = readlinkat(dirfd(dir), name, target, sizeof(target) - 1);
	struct hw_node node;

	target[n > 0 ? n : 0] = '\0';
	if (!node_from_path(n > 0 ? target : name, &node))
		return 0;
	return nodes_add(nodes, &node);
}

static int scan_folder(struct hw_linux *l, struct node_list *nodes)
{
	char path[SYS_PATH];
	struct dirent *e;
	int rc = sys_path(path, l->root, "/sys/bus/pci/devices");
	DIR *dir;

	if (rc)
		return rc;
	dir = opendir(path);
	if (!dir)
		return -errno;
	while (!rc && (e = readdir(dir)))
		rc = scan_entry(nodes, dir, e->d_name);
	closedir(dir);
	return rc;
}

static int node_cmp(const void *a, const void *b)
{
	const struct hw_node *x = a, *y = b;

	return bdf_cmp(x->bdf, y->bdf);
}

static void monitor_start(struct hw_linux *l);

static int linux_scan(struct hw *hw, hw_node_fn *fn, void *arg, struct err *err)
{
	struct hw_linux *l = linux_of(hw);
	struct node_list nodes = { 0 };
	size_t i;
	int rc;

	/* first, so that what changes after the scan is an event */
	monitor_start(l);
	rc = *l->root ? scan_folder(l, &nodes) : scan_udev(l, &nodes);
	if (rc) {
		err_sys(err, -rc, "cannot list the PCI functions");
	} else if (nodes.n) {
		qsort(nodes.at, nodes.n, sizeof(*nodes.at), node_cmp);
		for (i = 0; i < nodes.n && !rc; i++)
			rc = fn(&nodes.at[i], arg);
	}
	free(nodes.at);
	return rc;
}

/* ---- events and time ---- */

/* The kernel's own messages: they come without a udev daemon, and before its rules. */
static void monitor_start(struct hw_linux *l)
{
	struct udev *udev;

	if (l->mon_tried)
		return;
	l->mon_tried = true;
	udev = linux_udev(l);
	l->mon = udev ? udev_monitor_new_from_netlink(udev, "kernel") : NULL;
	if (!l->mon)
		return;
	if (udev_monitor_filter_add_match_subsystem_devtype(l->mon, "pci", NULL) < 0 ||
	    udev_monitor_enable_receiving(l->mon) < 0) {
		udev_monitor_unref(l->mon);
		l->mon = NULL;
	}
}

/* Takes all that is queued; whether any of it was about PCI. */
static bool monitor_drain(struct udev_monitor *mon)
{
	struct udev_device *dev;
	bool any = false;

	while ((dev = udev_monitor_receive_device(mon))) {
		udev_device_unref(dev);
		any = true;
	}
	return any;
}

static struct timespec linux_ts(uint64_t us)
{
	return (struct timespec){
		.tv_sec = (time_t)(us / 1000000),
		.tv_nsec = (long)(us % 1000000) * 1000,
	};
}

static uint64_t linux_now(struct hw *hw)
{
	struct timespec ts;

	(void)hw;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static void linux_sleep(struct hw *hw, uint64_t us)
{
	const struct timespec until = linux_ts(linux_now(hw) + us);

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
		;
}

/* "Look again" is always a true answer; so a blind wait is a short one. */
static int wait_blind(struct hw *hw, uint64_t left)
{
	linux_sleep(hw, left < LINUX_BLIND_US ? left : LINUX_BLIND_US);
	return left > LINUX_BLIND_US;
}

static int linux_wait_event(struct hw *hw, uint64_t deadline_us, struct err *err)
{
	struct hw_linux *l = linux_of(hw);
	struct pollfd pfd = { .events = POLLIN };
	struct timespec left;
	uint64_t now;
	int n;

	monitor_start(l);
	do {
		now = linux_now(hw);
		left = linux_ts(now < deadline_us ? deadline_us - now : 0);
		if (!l->mon)
			return wait_blind(hw, now < deadline_us ? deadline_us - now : 0);
		pfd.fd = udev_monitor_get_fd(l->mon);
		n = ppoll(&pfd, 1, &left, NULL);
		if (n < 0 && errno != EINTR)
			return err_sys(err, errno, "waiting for PCI events");
		/* an overrun queue (POLLERR) has lost events: look again, too */
		if (n > 0 && (monitor_drain(l->mon) || pfd.revents & POLLERR))
			return 1;
	} while (n || now < deadline_us);
	return 0;
}

/* ---- libpci ---- */

/*
 * libpci's error callback gets no pointer of ours and must not return; its default
 * ends the process, in the middle of a reset. So it jumps to where libpci was entered.
 */
static _Thread_local struct {
	jmp_buf at;
	char text[160];
} linux_pci_trap;

static void linux_pci_error(char *msg, ...)
	__attribute__((noreturn, format(printf, 1, 2)));

static void linux_pci_error(char *msg, ...)
{
	va_list ap;

	va_start(ap, msg);
	vsnprintf(linux_pci_trap.text, sizeof(linux_pci_trap.text), msg, ap);
	va_end(ap);
	longjmp(linux_pci_trap.at, 1);
}

static void linux_pci_quiet(char *msg, ...) __attribute__((format(printf, 1, 2)));

static void linux_pci_quiet(char *msg, ...)
{
	(void)msg;
}

/* *@acc is set at once, so that it can be freed when pci_init() jumps out. */
static void linux_pci_open(const struct hw_linux *l, struct pci_access **acc)
{
	char param[] = "sysfs.path", path[SYS_PATH];
	struct pci_access *a = pci_alloc();

	*acc = a;
	a->method = PCI_ACCESS_SYS_BUS_PCI;
	a->error = linux_pci_error;
	a->warning = linux_pci_quiet;
	a->debug = linux_pci_quiet;
	/* neither DNS nor the file ~/.pciids-cache of whoever calls */
	a->id_lookup_mode = 0;
	if (*l->root && !sys_path(path, l->root, "/sys/bus/pci"))
		pci_set_param(a, param, path);
	pci_init(a);
}

static void caps_drop(struct hw_linux *l)
{
	struct linux_caps *c = &l->caps;

	if (c->dev)
		pci_free_dev(c->dev);
	if (c->acc)
		pci_cleanup(c->acc);
	memset(c, 0, sizeof(*c));
}

#define CAPS_FIRST 0x40         /* PCIe 7.5.1: behind the header */
#define CAPS_EXT_FIRST 0x100    /* PCIe 7.6.1 */

/* All that enters libpci for capabilities; may leave by linux_pci_error(). */
static unsigned caps_find(struct hw_linux *l, struct bdf bdf, uint16_t id, bool ext)
{
	struct linux_caps *c = &l->caps;
	struct pci_cap *cap;

	if (c->dev && !bdf_eq(c->bdf, bdf)) {
		pci_free_dev(c->dev);
		c->dev = NULL;
	}
	if (!c->acc)
		linux_pci_open(l, &c->acc);
	if (!c->dev) {
		c->bdf = bdf;
		c->dev = pci_get_dev(c->acc, (int)bdf.domain, bdf.bus, bdf.dev, bdf.fn);
		pci_fill_info(c->dev, PCI_FILL_CAPS | PCI_FILL_EXT_CAPS);
	}
	cap = pci_find_cap(c->dev, id, ext ? PCI_CAP_EXTENDED : PCI_CAP_NORMAL);
	/* libpci follows a list into the header, which a kernel does not (pci.c) */
	return cap && cap->addr >= (ext ? CAPS_EXT_FIRST : CAPS_FIRST) ? cap->addr : 0;
}

static int caps_find_safely(struct hw_linux *l, struct bdf bdf, uint16_t id, bool ext,
			    unsigned *off, struct err *err)
{
	char at[BDF_STR];

	if (setjmp(linux_pci_trap.at)) {
		caps_drop(l);
		return err_set(err, EIO, "%s: libpci: %s", bdf_str(bdf, at),
			       linux_pci_trap.text);
	}
	*off = caps_find(l, bdf, id, ext);
	return 0;
}

static int linux_find_cap(struct hw *hw, struct bdf bdf, uint16_t id, bool ext,
			  unsigned *off, struct err *err)
{
	const struct cfg_reg ids = { bdf, PCI_VENDOR_ID, 4 };
	struct hw_linux *l = linux_of(hw);
	char at[BDF_STR];
	uint32_t val;
	int rc = caps_find_safely(l, bdf, id, ext, off, err);

	if (rc)
		return rc;
	/* libpci takes what it cannot read for all ones, and the list may be old */
	rc = cfg_get(&l->cfg, &ids, &val, err);
	if (rc || val == UINT32_MAX || !l->caps.dev->first_cap)
		caps_drop(l);
	if (rc)
		return rc;
	if (val == UINT32_MAX)
		return err_set(err, ENOENT, "%s: the function does not answer",
			       bdf_str(bdf, at));
	if (*off)
		return 0;
	return err_set(err, ENOENT, "%s: no %scapability 0x%02x", bdf_str(bdf, at),
		       ext ? "extended " : "", id);
}

/* Whether @buf was filled; may leave by linux_pci_error(). */
static bool names_find(struct hw_linux *l, uint16_t vendor, uint16_t device, char *buf,
		       int size)
{
	if (!l->names)
		linux_pci_open(l, &l->names);
	/* libpci 3.9 leaks a udev handle a lookup where there is no hwdb */
	return pci_lookup_name(l->names, buf, size, PCI_LOOKUP_VENDOR |
			       PCI_LOOKUP_DEVICE | PCI_LOOKUP_NO_HWDB,
			       (int)vendor, (int)device) == buf;
}

static bool names_find_safely(struct hw_linux *l, uint16_t vendor, uint16_t device,
			      char *buf, int size)
{
	if (setjmp(linux_pci_trap.at)) {
		if (l->names)
			pci_cleanup(l->names);
		l->names = NULL;
		return false;
	}
	return names_find(l, vendor, device, buf, size);
}

static void linux_name(struct hw *hw, uint16_t vendor, uint16_t device, char *buf,
		       size_t size)
{
	const int room = size > INT_MAX ? INT_MAX : (int)size;

	if (size && !names_find_safely(linux_of(hw), vendor, device, buf, room))
		snprintf(buf, size, "%04x:%04x", vendor, device);
}

/* ---- the rest: each in its own file ---- */

static int linux_cfg_read(struct hw *hw, struct bdf bdf, unsigned off, unsigned width,
			  uint32_t *val, struct err *err)
{
	const struct cfg_reg reg = { bdf, off, width };

	return cfg_get(&linux_of(hw)->cfg, &reg, val, err);
}

/* The function opened through VFIO, if it is this one and has such a region; or NULL. */
static struct vfio_dev *linux_vfio(struct hw_linux *l, struct bdf bdf,
				   const struct vfio_reg *reg)
{
	bool known = reg->region <= 5 || reg->region == VFIO_DEV_CONFIG;

	return known && vfio_dev_is(&l->vfio, bdf) ? &l->vfio : NULL;
}

static int linux_cfg_write(struct hw *hw, struct bdf bdf, unsigned off, unsigned width,
			   uint32_t val, struct err *err)
{
	const struct vfio_reg region = { VFIO_DEV_CONFIG, off, width };
	const struct cfg_reg reg = { bdf, off, width };
	struct hw_linux *l = linux_of(hw);
	struct vfio_dev *vfio = linux_vfio(l, bdf, &region);

	if (vfio)
		return vfio_dev_put(vfio, &region, val, err);
	return cfg_put(&l->cfg, &reg, val, err);
}

static int linux_bar_read(struct hw *hw, struct bdf bdf, int bar, uint32_t off,
			  uint32_t *val, struct err *err)
{
	const struct vfio_reg region = { (unsigned)bar, off, 4 };
	const struct bar_reg reg = { bdf, bar, off };
	struct hw_linux *l = linux_of(hw);
	struct vfio_dev *vfio = linux_vfio(l, bdf, &region);

	if (vfio)
		return vfio_dev_get(vfio, &region, val, err);
	return bar_get(&l->bar, &reg, val, err);
}

static int linux_bar_write(struct hw *hw, struct bdf bdf, int bar, uint32_t off,
			   uint32_t val, struct err *err)
{
	const struct vfio_reg region = { (unsigned)bar, off, 4 };
	const struct bar_reg reg = { bdf, bar, off };
	struct hw_linux *l = linux_of(hw);
	struct vfio_dev *vfio = linux_vfio(l, bdf, &region);

	if (vfio)
		return vfio_dev_put(vfio, &region, val, err);
	return bar_put(&l->bar, &reg, val, err);
}

static int linux_read_attr(struct hw *hw, struct bdf bdf, const char *name, char *buf,
			   size_t size, struct err *err)
{
	return linux_attr_read(linux_of(hw)->root, bdf, name, buf, size, err);
}

static bool linux_has_attr(struct hw *hw, struct bdf bdf, const char *name)
{
	return linux_attr_exists(linux_of(hw)->root, bdf, name);
}

static int linux_write_attr(struct hw *hw, struct bdf bdf, const char *name,
			    const char *value, struct err *err)
{
	return linux_attr_write(linux_of(hw)->root, bdf, name, value, err);
}

static int linux_write_bus(struct hw *hw, const char *name, const char *value,
			   struct err *err)
{
	return linux_bus_write(linux_of(hw)->root, name, value, err);
}

static int linux_read_host(struct hw *hw, const char *path, char *buf, size_t size,
			   struct err *err)
{
	return linux_host_read(linux_of(hw)->root, path, buf, size, err);
}

static bool linux_has_host(struct hw *hw, const char *path)
{
	return linux_host_exists(linux_of(hw)->root, path);
}

static int linux_holders(struct hw *hw, const struct bdf *fns, size_t n,
			 hw_holder_fn *fn, void *arg, struct err *err)
{
	const char *root = linux_of(hw)->root;
	const struct holders_query q = {
		.root = root,
		.kcmp = !*root,
		.fns = fns,
		.n = n,
	};

	return holders_find(&q, fn, arg, err);
}

static int linux_hot_reset(struct hw *hw, struct bdf bdf, const struct bdf *fns, size_t n,
			   struct err *err)
{
	struct hw_linux *l = linux_of(hw);
	const struct vfio_target t = {
		.root = l->root, .bdf = bdf, .fns = fns, .n = n, .own = &l->own,
	};
	size_t i;

	/* no access of ours may lie between the kernel's save and restore */
	for (i = 0; i < n; i++)
		bar_drop(&l->bar, fns[i]);
	return vfio_hot_reset(&vfio_sys_real, l->root, &t, err);
}

static int linux_own(struct hw *hw, struct bdf bdf, struct err *err)
{
	struct hw_linux *l = linux_of(hw);

	return vfio_own_take(&l->own, &vfio_sys_real, l->root, l->root, bdf, err);
}

static void linux_disown(struct hw *hw, struct bdf bdf)
{
	vfio_own_release(&linux_of(hw)->own, &vfio_sys_real, linux_of(hw)->root, bdf);
}

static int linux_vfio_open(struct hw *hw, struct bdf bdf, struct err *err)
{
	struct hw_linux *l = linux_of(hw);
	const struct vfio_target t = { .root = l->root, .bdf = bdf, .fns = &bdf, .n = 1,
				       .own = &l->own };

	bar_drop(&l->bar, bdf);
	return vfio_dev_open(&l->vfio, &t, err);
}

static void linux_vfio_close(struct hw *hw, struct bdf bdf)
{
	struct hw_linux *l = linux_of(hw);

	if (vfio_dev_is(&l->vfio, bdf))
		vfio_dev_close(&l->vfio);
}

static int linux_read_log(struct hw *hw, hw_log_fn *fn, void *arg, struct err *err)
{
	return linux_log(linux_of(hw)->root, fn, arg, err);
}

static void linux_forget(struct hw *hw, struct bdf bdf)
{
	struct hw_linux *l = linux_of(hw);

	cfg_drop(&l->cfg, bdf);
	bar_drop(&l->bar, bdf);
	caps_drop(l);
}

static void linux_close(struct hw *hw)
{
	struct hw_linux *l = linux_of(hw);

	vfio_dev_close(&l->vfio);
	cfg_drop_all(&l->cfg);
	bar_drop_all(&l->bar);
	vfio_own_release_all(&l->own, &vfio_sys_real, l->root);
	caps_drop(l);
	if (l->names)
		pci_cleanup(l->names);
	udev_monitor_unref(l->mon);
	udev_unref(l->udev);
	free(l->root);
	free(l);
}

static const struct hw_ops linux_ops = {
	.name = "linux",
	.scan = linux_scan,
	.cfg_read = linux_cfg_read,
	.bar_read = linux_bar_read,
	.attr_read = linux_read_attr,
	.attr_exists = linux_has_attr,
	.host_read = linux_read_host,
	.host_exists = linux_has_host,
	.find_cap = linux_find_cap,
	.name_of = linux_name,
	.holders = linux_holders,
	.log = linux_read_log,
	.now = linux_now,
	.cfg_write = linux_cfg_write,
	.bar_write = linux_bar_write,
	.attr_write = linux_write_attr,
	.bus_write = linux_write_bus,
	.hot_reset = linux_hot_reset,
	.own = linux_own,
	.disown = linux_disown,
	.vfio_open = linux_vfio_open,
	.vfio_close = linux_vfio_close,
	.wait_event = linux_wait_event,
	.sleep = linux_sleep,
	.forget = linux_forget,
	.close = linux_close,
};

struct hw *hw_linux_open_at(const char *root, struct err *err)
{
	struct hw_linux *l = calloc(1, sizeof(*l));

	if (l)
		l->root = strdup(root);
	if (!l || !l->root) {
		free(l);
		err_sys(err, ENOMEM, "no hardware handle");
		return NULL;
	}
	l->hw.ops = &linux_ops;
	cfg_init(&l->cfg, l->root);
	bar_init(&l->bar, l->root);
	l->vfio.sys = &vfio_sys_real;
	l->vfio.ctx = l->root;
	return &l->hw;
}

struct hw *hw_linux_open(struct err *err)
{
	return hw_linux_open_at("", err);
}
