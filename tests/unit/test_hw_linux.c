// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The Linux implementation on a made-up tree below a temporary folder, VFIO against a
 * scripted kernel, and a look (reading only) at the machine the test runs on.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "hw/holders.h"
#include "hw/hw_linux.h"
#include "hw/hw_shim.h"
#include "hw/hw_write.h"
#include "hw/linux_attr.h"
#include "hw/vfio.h"
#include "hw/vfio_dev.h"
#include "hw/vfio_own.h"
#include "hw/vfio_uapi.h"
#include "plan/facts_fn.h"

#define HOST "sys/devices/pci0000:00"
#define PORT HOST "/0000:00:01.0"
#define GPU PORT "/0000:0b:00.0"
#define AUDIO PORT "/0000:0b:00.1"
#define USB PORT "/0000:0b:00.2"
#define VMD HOST "/0000:00:0e.0/pci10000:e0/10000:e0:06.0"

static const struct bdf gpu = { 0, 0x0b, 0, 0 };
static const struct bdf audio = { 0, 0x0b, 0, 1 };
static const struct bdf usb = { 0, 0x0b, 0, 2 };
static const struct bdf nobody = { 0, 0x77, 0, 0 };

struct tree {
	char root[64];
	struct hw *hw;
	struct err err;
};

/* ---- a made-up tree ---- */

static const char *in(const struct tree *t, const char *path)
{
	static char full[4][512];
	static unsigned turn;
	char *buf = full[turn++ % 4];

	snprintf(buf, sizeof(full[0]), "%s/%s", t->root, path);
	return buf;
}

static void mk_parents(char *path)
{
	char *p;

	for (p = strchr(path + 1, '/'); p; p = strchr(p + 1, '/')) {
		*p = '\0';
		mkdir(path, 0755);
		*p = '/';
	}
}

/* A new inode each time, as after remove and rescan. */
static void mk_file(const struct tree *t, const char *path, const void *data, size_t len)
{
	char full[512];
	int fd;

	snprintf(full, sizeof(full), "%s", in(t, path));
	mk_parents(full);
	unlink(full);
	fd = open(full, O_CREAT | O_EXCL | O_WRONLY, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), len);
	close(fd);
}

static void mk_text(const struct tree *t, const char *path, const char *text)
{
	mk_file(t, path, text, strlen(text));
}

static void mk_link(const struct tree *t, const char *path, const char *target)
{
	char full[512];

	snprintf(full, sizeof(full), "%s", in(t, path));
	mk_parents(full);
	assert_int_equal(symlink(target, full), 0);
}

static void put16(uint8_t *at, unsigned val)
{
	at[0] = (uint8_t)val;
	at[1] = (uint8_t)(val >> 8);
}

static void put32(uint8_t *at, uint32_t val)
{
	put16(at, val);
	put16(at + 2, val >> 16);
}

/* PM at 0x48, PCIe at 0x58, MSI at 0xa0; vendor specific at 0x100, AER at 0x150. */
static void mk_config(const struct tree *t, const char *path, uint32_t id, size_t len)
{
	uint8_t c[4096] = { 0 };

	put32(c, id);
	put16(c + 6, 0x0010);
	c[0x34] = 0x48;
	put16(c + 0x48, 0x5801);
	put16(c + 0x58, 0xa010);
	put16(c + 0xa0, 0x0005);
	put32(c + 0x100, 0x1501000b);
	put32(c + 0x150, 0x00010001);
	mk_file(t, path, c, len);
}

static void mk_function(const struct tree *t, const char *folder, uint32_t id, size_t len)
{
	char path[256], target[256];

	snprintf(path, sizeof(path), "%s/config", folder);
	mk_config(t, path, id, len);
	snprintf(path, sizeof(path), "sys/bus/pci/devices/%s", strrchr(folder, '/') + 1);
	snprintf(target, sizeof(target), "../../../%s", folder + 4);
	mk_link(t, path, target);
}

static void mk_bars(const struct tree *t)
{
	uint8_t *mem = calloc(1, 0x200000);

	assert_non_null(mem);
	mk_text(t, GPU "/resource",
		"0x00000000e0000000 0x00000000e0001fff 0x0000000000140204\n"
		"0x0000000000000000 0x0000000000000000 0x0000000000000000\n"
		"0x00000000e1000000 0x00000000e1001fff 0x0000000000140204\n"
		"0x00000000f0000000 0x00000000f0000fff 0x0000000000040200\n"
		"0x000000000000e000 0x000000000000e0ff 0x0000000000040101\n"
		"0x00000000f0100000 0x00000000f02fffff 0x0000000000040200\n"
		"0x0000000000000000 0x0000000000000000 0x0000000000000000\n");
	put32(mem + 0x10, 0xdeadbeef);
	put32(mem + 0x1ffffc, 0x12345678);
	mk_file(t, GPU "/resource0", mem, 0x2000);
	mk_file(t, GPU "/resource2", mem, 0x1000);
	mk_file(t, GPU "/resource5", mem, 0x200000);
	free(mem);
}

static void mk_tree(const struct tree *t)
{
	mk_function(t, VMD, 0x0a0b1234, 256);
	mk_function(t, AUDIO, 0xaae81002, 256);
	mk_function(t, USB, 0x73a61002, 256);
	mk_function(t, GPU, 0x73001002, 4096);
	mk_function(t, PORT, 0x6f088086, 4096);
	mk_bars(t);
	mk_link(t, GPU "/driver", "../../../../bus/pci/drivers/vfio-pci");
	mk_link(t, GPU "/iommu_group", "../../../../kernel/iommu_groups/12");
	mk_link(t, AUDIO "/iommu_group", "../../../../kernel/iommu_groups/12");
	mk_link(t, USB "/iommu_group", "../../../../kernel/iommu_groups/13");
	mk_text(t, GPU "/reset_method", "flr bus\n");
	mk_text(t, GPU "/empty", "");
	mk_text(t, GPU "/power/control", "auto\n");
	mk_text(t, GPU "/driver_override", "(null)\n");
	mk_text(t, "sys/bus/pci/rescan", "");
	mk_text(t, "proc/cmdline", "quiet splash\n");
}

static int tree_up(void **state)
{
	struct tree *t = calloc(1, sizeof(*t));

	assert_non_null(t);
	snprintf(t->root, sizeof(t->root), "/tmp/gpureset-hw.XXXXXX");
	assert_non_null(mkdtemp(t->root));
	mk_tree(t);
	t->hw = hw_linux_open_at(t->root, &t->err);
	assert_non_null(t->hw);
	*state = t;
	return 0;
}

static int tree_down(void **state)
{
	struct tree *t = *state;
	char cmd[96];

	hw_close(t->hw);
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", t->root);
	assert_int_equal(system(cmd), 0);
	free(t);
	return 0;
}

#define assert_says(t, part) assert_non_null(strstr((t)->err.text, part))

/* ---- enumeration ---- */

struct seen {
	struct hw_node node[16];
	size_t n, stop_at;
};

static int see(const struct hw_node *node, void *arg)
{
	struct seen *s = arg;

	assert_true(s->n < 16);
	s->node[s->n++] = *node;
	return s->n == s->stop_at ? 42 : 0;
}

static void test_scan(void **state)
{
	static const char *const want[] = { "0000:00:01.0", "0000:0b:00.0",
		"0000:0b:00.1", "0000:0b:00.2", "10000:e0:06.0" };
	struct tree *t = *state;
	struct seen s = { .n = 0 };
	char at[BDF_STR];
	size_t i;

	mk_text(t, "sys/bus/pci/devices/not-a-function", "");
	assert_int_equal(hw_scan(t->hw, see, &s, &t->err), 0);
	assert_int_equal(s.n, 5);
	for (i = 0; i < s.n; i++)
		assert_string_equal(bdf_str(s.node[i].bdf, at), want[i]);
	assert_true(s.node[0].on_root_bus);
	assert_false(s.node[1].on_root_bus);
	assert_string_equal(bdf_str(s.node[1].parent, at), "0000:00:01.0");
	assert_string_equal(bdf_str(s.node[3].parent, at), "0000:00:01.0");
	assert_true(s.node[4].on_root_bus);
	s = (struct seen){ .stop_at = 2 };
	assert_int_equal(hw_scan(t->hw, see, &s, &t->err), 42);
	assert_int_equal(s.n, 2);
}

/* For who looks at many cards: the first scan counts, until its shim is closed. */
static void test_scan_once(void **state)
{
	struct tree *t = *state;
	struct hw *still = hw_shim_open(t->hw);
	struct seen s = { .stop_at = 2 };

	hw_shim_still(still);
	assert_int_equal(hw_scan(still, see, &s, &t->err), 42);
	assert_int_equal(unlink(in(t, "sys/bus/pci/devices/0000:0b:00.2")), 0);
	for (int i = 0; i < 2; i++) {
		s = (struct seen){ .n = 0 };
		assert_int_equal(hw_scan(still, see, &s, &t->err), 0);
		assert_int_equal(s.n, 5);
	}
	hw_shim_detach(still);
	s = (struct seen){ .n = 0 };
	assert_int_equal(hw_scan(t->hw, see, &s, &t->err), 0);
	assert_int_equal(s.n, 4);
}

static void test_scan_nothing(void **state)
{
	struct err err = { 0 };
	struct hw *hw = hw_linux_open_at("/nonexistent", &err);

	(void)state;
	assert_int_equal(hw_scan(hw, see, NULL, &err), -ENOENT);
	assert_non_null(strstr(err.text, "PCI functions"));
	hw_close(hw);
}

/* ---- configuration space ---- */

static uint32_t cfg(struct tree *t, struct bdf bdf, unsigned off, unsigned width)
{
	uint32_t val = 0x5a5a5a5a;

	assert_int_equal(hw_cfg_read(t->hw, bdf, off, width, &val, &t->err), 0);
	return val;
}

static void test_cfg_widths(void **state)
{
	struct tree *t = *state;

	assert_int_equal(cfg(t, gpu, 0, 4), 0x73001002);
	assert_int_equal(cfg(t, gpu, 0, 2), 0x1002);
	assert_int_equal(cfg(t, gpu, 2, 2), 0x7300);
	assert_int_equal(cfg(t, gpu, 3, 1), 0x73);
	assert_int_equal(cfg(t, gpu, 0x150, 4), 0x00010001);
	assert_int_equal(cfg(t, audio, 0, 4), 0xaae81002);
	assert_int_equal(hw_cfg_write(t->hw, gpu, 0x3e, 2, 0xabcd, &t->err), 0);
	assert_int_equal(cfg(t, gpu, 0x3c, 4), 0xabcd0000);
	assert_int_equal(hw_cfg_write(t->hw, gpu, 0x3d, 1, 0x77, &t->err), 0);
	assert_int_equal(cfg(t, gpu, 0x3c, 4), 0xabcd7700);
	assert_int_equal(hw_cfg_write(t->hw, gpu, 0x40, 4, 0x11223344, &t->err), 0);
	assert_int_equal(cfg(t, gpu, 0x43, 1), 0x11);
	assert_int_equal(cfg(t, gpu, 0x44, 4), 0);
}

static void test_cfg_errors(void **state)
{
	struct tree *t = *state;
	uint32_t val;

	assert_int_equal(hw_cfg_read(t->hw, audio, 0x100, 4, &val, &t->err), -EIO);
	assert_says(t, "0000:0b:00.1: config 0x100: the kernel could not read 4 bytes");
	assert_int_equal(hw_cfg_read(t->hw, nobody, 0, 4, &val, &t->err), -ENODEV);
	assert_says(t, "0000:77:00.0: the kernel does not know");
	assert_int_equal(hw_cfg_write(t->hw, nobody, 0, 4, 0, &t->err), -ENODEV);
	assert_int_equal(hw_cfg_read(t->hw, gpu, 2, 4, &val, &t->err), -EINVAL);
	assert_int_equal(unlink(in(t, USB "/config")), 0);
	assert_int_equal(mkdir(in(t, USB "/config"), 0755), 0);
	assert_int_equal(hw_cfg_read(t->hw, usb, 0, 4, &val, &t->err), -EISDIR);
}

static void test_cfg_forget(void **state)
{
	struct tree *t = *state;

	assert_int_equal(cfg(t, gpu, 0, 4), 0x73001002);
	mk_config(t, GPU "/config", 0x11112222, 4096);
	assert_int_equal(cfg(t, gpu, 0, 4), 0x73001002);
	hw_forget(t->hw, audio);
	assert_int_equal(cfg(t, gpu, 0, 4), 0x73001002);
	hw_forget(t->hw, gpu);
	assert_int_equal(cfg(t, gpu, 0, 4), 0x11112222);
}

/* More functions than descriptors are kept. */
static void test_cfg_many(void **state)
{
	struct tree *t = *state;
	struct bdf bdf = { 0, 0x20, 0, 0 };
	char folder[64];
	int round;

	for (bdf.dev = 0; bdf.dev < 32; bdf.dev++)
		for (bdf.fn = 0; bdf.fn < 2; bdf.fn++) {
			snprintf(folder, sizeof(folder), PORT "/0000:20:%02x.%x", bdf.dev,
				 bdf.fn);
			mk_function(t, folder, 0x10000u * bdf.dev + bdf.fn, 64);
		}
	for (round = 0; round < 3; round++)
		for (bdf.dev = 0; bdf.dev < 32; bdf.dev++)
			for (bdf.fn = 0; bdf.fn < 2; bdf.fn++)
				assert_int_equal(cfg(t, bdf, 0, 4),
						 0x10000u * bdf.dev + bdf.fn);
}

/* ---- capabilities and names ---- */

static void test_caps(void **state)
{
	struct tree *t = *state;
	unsigned off;

	assert_int_equal(hw_find_cap(t->hw, gpu, 0x01, false, &off, &t->err), 0);
	assert_int_equal(off, 0x48);
	assert_int_equal(hw_find_cap(t->hw, gpu, 0x10, false, &off, &t->err), 0);
	assert_int_equal(off, 0x58);
	assert_int_equal(hw_find_cap(t->hw, audio, 0x05, false, &off, &t->err), 0);
	assert_int_equal(off, 0xa0);
	assert_int_equal(hw_find_cap(t->hw, gpu, 0x01, true, &off, &t->err), 0);
	assert_int_equal(off, 0x150);
	assert_int_equal(hw_find_cap(t->hw, gpu, 0x13, false, &off, &t->err), -ENOENT);
	assert_says(t, "0000:0b:00.0: no capability 0x13");
	assert_int_equal(hw_find_cap(t->hw, audio, 0x01, true, &off, &t->err), -ENOENT);
	assert_says(t, "no extended capability");
	assert_int_equal(hw_find_cap(t->hw, nobody, 1, false, &off, &t->err), -ENODEV);
}

static void test_caps_of_the_dead(void **state)
{
	struct tree *t = *state;
	uint8_t ones[256];
	unsigned off;

	memset(ones, 0xff, sizeof(ones));
	mk_file(t, AUDIO "/config", ones, sizeof(ones));
	assert_int_equal(hw_find_cap(t->hw, audio, 1, false, &off, &t->err), -ENOENT);
	assert_says(t, "does not answer");
	hw_forget(t->hw, audio);
	mk_config(t, AUDIO "/config", 0xaae81002, 256);
	assert_int_equal(hw_find_cap(t->hw, audio, 1, false, &off, &t->err), 0);
	assert_int_equal(hw_cfg_write(t->hw, audio, 0, 4, 0xffffffff, &t->err), 0);
	assert_int_equal(hw_find_cap(t->hw, audio, 1, false, &off, &t->err), -ENOENT);
	assert_int_equal(hw_cfg_write(t->hw, audio, 0, 4, 0xaae81002, &t->err), 0);
	assert_int_equal(hw_find_cap(t->hw, audio, 1, false, &off, &t->err), 0);
}

/* A list that runs in a circle: only libpci's patience is tested. */
static void test_caps_circle(void **state)
{
	struct tree *t = *state;
	unsigned off;

	assert_int_equal(hw_cfg_write(t->hw, gpu, 0xa0, 2, 0x4805, &t->err), 0);
	assert_int_equal(hw_cfg_write(t->hw, gpu, 0x150, 4, 0x10010001, &t->err), 0);
	assert_int_equal(hw_find_cap(t->hw, gpu, 0x13, false, &off, &t->err), -ENOENT);
	assert_int_equal(hw_find_cap(t->hw, gpu, 0x13, true, &off, &t->err), -ENOENT);
}

static void test_libpci_error_returns(void **state)
{
	char root[1400];
	struct err err = { 0 };
	struct hw *hw;
	unsigned off;
	int i;

	(void)state;
	memset(root, 'x', sizeof(root));
	memcpy(root, "/nonexistent", 12);
	root[sizeof(root) - 1] = '\0';
	hw = hw_linux_open_at(root, &err);
	assert_non_null(hw);
	for (i = 0; i < 3; i++) {
		assert_int_equal(hw_find_cap(hw, gpu, 1, false, &off, &err), -EIO);
		assert_non_null(strstr(err.text, "0000:0b:00.0: libpci: "));
	}
	hw_close(hw);
}

static void test_caps_unreadable(void **state)
{
	struct tree *t = *state;
	unsigned off;

	assert_int_equal(unlink(in(t, USB "/config")), 0);
	assert_int_equal(mkdir(in(t, USB "/config"), 0755), 0);
	assert_int_equal(hw_find_cap(t->hw, usb, 1, false, &off, &t->err), -EISDIR);
}

/* ---- facts: what listens at a port ---- */

/* PCIe at 0x58, AER at 0x100, DPC at 0x148, of a root port in the middle of its work. */
static void mk_port(const struct tree *t, unsigned flags, size_t len)
{
	uint8_t c[4096] = { 0 };

	put32(c, 0x000c1b36);
	put16(c + 6, 0x0010);
	c[0x34] = 0x58;
	put16(c + 0x58, 0x0010);
	put16(c + 0x5a, flags);
	put16(c + 0x60, 0x000f);                /* DEVCTL: all errors are reported */
	put16(c + 0x68, 0x0c40);                /* LNKCTL: bandwidth notifications */
	put32(c + 0x6c, 0x00000040);            /* SLTCAP: hotplug capable */
	put16(c + 0x70, 0x1031);                /* SLTCTL: link events, button, HPIE */
	put32(c + 0x100, 0x14820001);
	put32(c + 0x104, 0x00040000);
	put32(c + 0x110, 0x00000001);
	put32(c + 0x148, 0x0001001d);
	put16(c + 0x14c, 0x0020);               /* root port extensions */
	put16(c + 0x14e, 0x0009);
	put16(c + 0x150, 0x0005);               /* triggered by ERR_FATAL */
	mk_file(t, PORT "/config", c, len);
}

static struct bridge_facts port_facts(struct tree *t)
{
	static const struct bdf at = { 0, 0, 1, 0 };
	struct bridge_facts br;
	struct err err = { 0 };

	hw_forget(t->hw, at);
	facts_bridge(t->hw, at, &br, &err);
	if (err.code)
		fail_msg("%s", err.text);
	return br;
}

static void test_port_facts(void **state)
{
	struct tree *t = *state;
	const struct port_facts none = { 0 };
	struct bridge_facts br;

	mk_text(t, PORT "/vendor", "0x1b36\n");
	mk_port(t, 0x0142, 4096);
	br = port_facts(t);
	assert_true(br.hotplug);
	assert_int_equal(br.port.slot_events, 0x1000);
	assert_int_equal(br.port.link_events, 0x0c00);
	assert_int_equal(br.port.aer, 0x100);
	assert_true(br.port.aer_reports);
	assert_int_equal(br.port.aer_uncor, 0x00040000);
	assert_int_equal(br.port.aer_cor, 0x00000001);
	assert_int_equal(br.port.dpc, 0x148);
	assert_int_equal(br.port.dpc_trigger, 1);
	assert_true(br.port.dpc_busy_bit && br.port.contained);
	assert_int_equal(br.port.dpc_reason, 2);
	mk_port(t, 0x0142, 256);                /* as in the lab's main machine's cards */
	br = port_facts(t);
	assert_int_equal(br.port.slot_events, 0x1000);
	assert_int_equal(br.port.aer, 0);
	assert_int_equal(br.port.dpc, 0);
	assert_false(br.port.contained || br.port.aer_reports);
	mk_port(t, 0x0042, 4096);               /* no slot: its registers say nothing */
	br = port_facts(t);
	assert_false(br.hotplug);
	assert_int_equal(br.port.slot_events, 0);
	assert_int_equal(br.port.dpc, 0x148);
	mk_port(t, 0x0052, 4096);               /* upstream: not its link */
	br = port_facts(t);
	assert_memory_equal(&br.port, &none, sizeof(none));
}

static void test_name(void **state)
{
	struct tree *t = *state;
	char buf[160], tiny[6];

	hw_name(t->hw, 0x1002, 0x7300, buf, sizeof(buf));
	assert_true(strstr(buf, "Fiji") || strstr(buf, "7300"));
	hw_name(t->hw, 0x3333, 0xabcd, buf, sizeof(buf));
	assert_non_null(strstr(buf, "3333:abcd"));
	hw_name(t->hw, 0x1002, 0x7300, tiny, sizeof(tiny));
	assert_true(strlen(tiny) < sizeof(tiny));
}

/* ---- attributes and files ---- */

static void test_attr_read(void **state)
{
	struct tree *t = *state;
	char buf[64];

	assert_int_equal(hw_attr_read(t->hw, gpu, "reset_method", buf, 64, &t->err), 0);
	assert_string_equal(buf, "flr bus");
	assert_int_equal(hw_attr_read(t->hw, gpu, "driver", buf, 64, &t->err), 0);
	assert_string_equal(buf, "vfio-pci");
	assert_int_equal(hw_attr_read(t->hw, gpu, "power/control", buf, 64, &t->err), 0);
	assert_string_equal(buf, "auto");
	assert_int_equal(hw_attr_read(t->hw, gpu, "empty", buf, 64, &t->err), 0);
	assert_string_equal(buf, "");
	assert_int_equal(hw_attr_read(t->hw, audio, "reset_method", buf, 64, &t->err),
			 -ENOENT);
	assert_string_equal(t->err.text,
			    "0000:0b:00.1: reset_method: No such file or directory");
	assert_int_equal(hw_attr_read(t->hw, gpu, "reset_method", buf, 4, &t->err),
			 -EOVERFLOW);
	assert_int_equal(hw_attr_read(t->hw, gpu, "driver", buf, 4, &t->err), -EOVERFLOW);
	assert_int_equal(hw_attr_read(t->hw, gpu, "power", buf, 64, &t->err), 0);
	assert_string_equal(buf, "control");    /* a folder: its names */
	assert_true(hw_attr_exists(t->hw, gpu, "driver"));
	assert_true(hw_attr_exists(t->hw, gpu, "reset_method"));
	assert_false(hw_attr_exists(t->hw, audio, "driver"));
	assert_false(hw_attr_exists(t->hw, nobody, "config"));
}

static void test_attr_names(void **state)
{
	static const char *const bad[] = { "", "/etc/passwd", "..", "../x", "a/../b",
		"a/.." };
	struct tree *t = *state;
	char buf[64];
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(hw_attr_read(t->hw, gpu, bad[i], buf, 64, &t->err),
				 -EINVAL);
		assert_int_equal(hw_attr_write(t->hw, gpu, bad[i], "1", &t->err),
				 -EINVAL);
		assert_int_equal(hw_bus_write(t->hw, bad[i], "1", &t->err), -EINVAL);
		assert_false(hw_attr_exists(t->hw, gpu, bad[i]));
	}
	mk_text(t, GPU "/..odd", "x");
	assert_int_equal(hw_attr_read(t->hw, gpu, "..odd", buf, 64, &t->err), 0);
}

static void test_attr_write(void **state)
{
	struct tree *t = *state;
	char buf[64];

	assert_int_equal(hw_attr_write(t->hw, gpu, "driver_override", "vfio-pci",
				       &t->err), 0);
	assert_int_equal(hw_attr_read(t->hw, gpu, "driver_override", buf, 64, &t->err),
			 0);
	assert_string_equal(buf, "vfio-pci");
	assert_int_equal(hw_bus_write(t->hw, "rescan", "1", &t->err), 0);
	assert_int_equal(hw_host_read(t->hw, "/sys/bus/pci/rescan", buf, 64, &t->err), 0);
	assert_string_equal(buf, "1");
	assert_int_equal(hw_attr_write(t->hw, gpu, "reset", "1", &t->err), -ENOENT);
	assert_says(t, "0000:0b:00.0: reset: cannot write '1': there is no such");
	assert_int_equal(hw_bus_write(t->hw, "drivers_probe", "x", &t->err), -ENOENT);
	assert_says(t, "PCI bus: drivers_probe");
	mk_link(t, GPU "/full", "/dev/full");
	assert_int_equal(hw_attr_write(t->hw, gpu, "full", "1", &t->err), -ENOSPC);
	assert_says(t, "0000:0b:00.0: full: cannot write '1': No space left");
}

static void test_attr_meanings(void **state)
{
	(void)state;
	assert_non_null(strstr(linux_attr_meaning("reset", ENOTTY), "no reset method"));
	assert_non_null(strstr(linux_attr_meaning("reset", EAGAIN), "locked"));
	assert_non_null(strstr(linux_attr_meaning("reset", EPERM), "lockdown"));
	assert_non_null(strstr(linux_attr_meaning("reset_method", EINVAL), "not offer"));
	assert_non_null(strstr(linux_attr_meaning("enable", EBUSY), "driver is bound"));
	assert_non_null(strstr(linux_attr_meaning("anything", EBUSY), "using"));
	assert_null(linux_attr_meaning("anything", ENOTTY));
}

static void test_host(void **state)
{
	struct tree *t = *state;
	char buf[64];

	assert_int_equal(hw_host_read(t->hw, "/proc/cmdline", buf, 64, &t->err), 0);
	assert_string_equal(buf, "quiet splash");
	mk_link(t, "/etc/modules-load.d/modules.conf", "../../proc/cmdline");
	assert_int_equal(hw_host_read(t->hw, "/etc/modules-load.d/modules.conf", buf, 64,
				      &t->err), 0);
	assert_string_equal(buf, "quiet splash");
	assert_int_equal(hw_host_read(t->hw, "/proc/nothing", buf, 64, &t->err), -ENOENT);
	assert_string_equal(t->err.text, "/proc/nothing: No such file or directory");
	assert_int_equal(hw_host_read(t->hw, "proc/cmdline", buf, 64, &t->err), -EINVAL);
	assert_int_equal(hw_host_read(t->hw, "/proc/cmdline", buf, 5, &t->err),
			 -EOVERFLOW);
	assert_true(hw_host_exists(t->hw, "/proc/cmdline"));
	assert_false(hw_host_exists(t->hw, "/proc/version"));
	assert_false(hw_host_exists(t->hw, "proc/cmdline"));
}

/* ---- BARs ---- */

static int bar(struct tree *t, struct bdf bdf, int nr, uint32_t off)
{
	uint32_t val;

	return hw_bar_read(t->hw, bdf, nr, off, &val, &t->err);
}

static void test_bar(void **state)
{
	struct tree *t = *state;
	uint32_t val;

	assert_int_equal(hw_bar_read(t->hw, gpu, 0, 0x10, &val, &t->err), 0);
	assert_int_equal(val, 0xdeadbeef);
	assert_int_equal(hw_bar_write(t->hw, gpu, 0, 0x14, 0xcafe, &t->err), 0);
	assert_int_equal(hw_bar_read(t->hw, gpu, 0, 0x14, &val, &t->err), 0);
	assert_int_equal(val, 0xcafe);
	assert_int_equal(hw_bar_read(t->hw, gpu, 5, 0x1ffffc, &val, &t->err), 0);
	assert_int_equal(val, 0x12345678);
	assert_int_equal(hw_bar_read(t->hw, gpu, 5, 0x10, &val, &t->err), 0);
	assert_int_equal(val, 0xdeadbeef);
}

static void test_bar_errors(void **state)
{
	struct tree *t = *state;

	assert_int_equal(bar(t, gpu, 0, 0x2000), -ERANGE);
	assert_says(t, "0000:0b:00.0: BAR 0: offset 0x2000 is beyond its 8192 bytes");
	assert_int_equal(bar(t, gpu, 0, 0xfffffffc), -ERANGE);
	assert_int_equal(bar(t, gpu, 0, 0x11), -EINVAL);
	assert_int_equal(bar(t, gpu, 0, 0), 0);
	assert_int_equal(bar(t, gpu, 0, 0x2000), -ERANGE);
	assert_int_equal(bar(t, gpu, 0, 0x11), -EINVAL);
	assert_int_equal(bar(t, gpu, 1, 0), -ERANGE);
	assert_says(t, "no such BAR");
	assert_int_equal(bar(t, gpu, 2, 0x1000), -ERANGE);
	assert_int_equal(bar(t, gpu, 3, 0), -ERANGE);
	assert_says(t, "no file");
	assert_int_equal(bar(t, gpu, 4, 0), -ERANGE);
	assert_says(t, "I/O");
	assert_int_equal(bar(t, gpu, 6, 0), -ERANGE);
	assert_int_equal(bar(t, gpu, -1, 0), -ERANGE);
	assert_int_equal(bar(t, nobody, 0, 0), -ENODEV);
	mk_text(t, AUDIO "/resource", "junk\n");
	assert_int_equal(bar(t, audio, 0, 0), -EIO);
}

/* The page goes away under the mapping, as when the function is removed. */
static void test_bar_sigbus(void **state)
{
	struct tree *t = *state;
	struct sigaction before, after;

	assert_int_equal(sigaction(SIGBUS, NULL, &before), 0);
	assert_int_equal(bar(t, gpu, 0, 0), 0);
	assert_int_equal(truncate(in(t, GPU "/resource0"), 0), 0);
	assert_int_equal(bar(t, gpu, 0, 0), -ENODEV);
	assert_says(t, "BAR 0: the kernel took its memory away");
	assert_int_equal(bar(t, gpu, 0, 0), -ERANGE);
	assert_int_equal(sigaction(SIGBUS, NULL, &after), 0);
	assert_ptr_equal(before.sa_handler, after.sa_handler);
}

static void test_bar_forget(void **state)
{
	struct tree *t = *state;
	uint32_t val;

	assert_int_equal(bar(t, gpu, 0, 0x10), 0);
	mk_file(t, GPU "/resource0", "\1\2\3\4", 4);
	assert_int_equal(hw_bar_read(t->hw, gpu, 0, 0x10, &val, &t->err), 0);
	assert_int_equal(val, 0xdeadbeef);
	hw_forget(t->hw, gpu);
	assert_int_equal(hw_bar_read(t->hw, gpu, 0, 0, &val, &t->err), 0);
	assert_int_equal(val, 0x04030201);
	assert_int_equal(bar(t, gpu, 0, 0x10), -ERANGE);
}

/* ---- holders ---- */

struct held_seen {
	struct hw_holder who[16];
	size_t n;
	int stop;
};

static int see_holder(const struct hw_holder *who, void *arg)
{
	struct held_seen *s = arg;

	assert_true(s->n < 16);
	s->who[s->n++] = *who;
	return s->stop;
}

static const struct hw_holder *seen_what(const struct held_seen *s, const char *what)
{
	size_t i;

	for (i = 0; i < s->n; i++)
		if (!strcmp(s->who[i].what, what))
			return &s->who[i];
	return NULL;
}

/*
 * The devices of this machine stand in for those of the GPU: 1:3 is /dev/null, 1:7
 * /dev/full, 1:5 /dev/zero, 1:8 /dev/random and 1:9 /dev/urandom.
 */
static void mk_holders(const struct tree *t)
{
	mk_text(t, GPU "/drm/card0/dev", "1:3\n");
	mk_text(t, AUDIO "/sound/card1/pcmC1D0p/dev", "1:7\n");
	mk_text(t, GPU "/block/nvme0n1/dev", "1:8\n");
	mk_link(t, GPU "/block/nvme0n1/subsystem", "../../../../../../class/block");
	mk_text(t, GPU "/a/b/c/d/e/f/g/h/i/j/k/l/dev", "1:8\n");
	mk_text(t, GPU "/0000:0c:00.0/dev", "1:8\n");
	mk_text(t, GPU "/bad/dev", "1;8\n");
	mk_text(t, "sys/class/vfio/12/dev", "1:9\n");
}

static void mk_process(const struct tree *t)
{
	mk_text(t, "proc/41/comm", "qemu-system-x86\n");
	mk_link(t, "proc/41/task/41/fd/0", "/dev/null");
	mk_link(t, "proc/41/task/41/fd/1", "/dev/null");
	mk_link(t, "proc/41/task/41/fd/2", "/dev/zero");
	mk_link(t, "proc/41/task/43/fd/7", "/dev/urandom");
	mk_link(t, "proc/41/task/43/fd/8", "/dev/random");
	mk_link(t, "proc/41/task/43/fd/9", "/nonexistent");
	mk_text(t, "proc/42/comm", "pulse\x1b[2J\xff\n");
	mk_link(t, "proc/42/task/42/fd/5", "/dev/full");
	mk_text(t, "proc/44/comm", "Xorg\n");
	mk_text(t, "proc/44/task/44/maps",
		"7f00-7f01 r--s 0 00:15 77 /sys/" PORT "/0000:0b:00.1/resource0\n"
		"7f01-7f02 r--s 0 00:15 78 /sys/" PORT "/0000:0b:00.0/resource0_wc\n"
		"7f02-7f03 r--s 0 00:15 79 /sys/" PORT "/0000:0b:00.0/resource5\n");
	mk_text(t, "proc/45/comm", "reader\n");
	mk_link(t, "proc/45/task/45/fd/3", in(t, GPU "/resource0"));
	mk_text(t, "proc/meminfo", "no process\n");
	mk_text(t, "proc/46/nothing", "");
}

static void test_holders(void **state)
{
	struct bdf fns[] = { gpu, audio };
	struct tree *t = *state;
	struct held_seen s = { .n = 0 };

	mk_holders(t);
	mk_process(t);
	assert_int_equal(hw_holders(t->hw, fns, 2, see_holder, &s, &t->err), 0);
	assert_int_equal(s.n, 5);
	assert_int_equal(seen_what(&s, "/dev/null")->pid, 41);
	assert_string_equal(seen_what(&s, "/dev/null")->comm, "qemu-system-x86");
	assert_int_equal(seen_what(&s, "/dev/urandom")->pid, 41);
	assert_int_equal(seen_what(&s, "/dev/full")->pid, 42);
	assert_string_equal(seen_what(&s, "/dev/full")->comm, "pulse?[2J?");
	assert_int_equal(seen_what(&s, "0000:0b:00.0/resource5")->pid, 44);
	assert_int_equal(seen_what(&s, "0000:0b:00.0/resource0")->pid, 45);
	s = (struct held_seen){ .stop = 1 };
	assert_int_equal(hw_holders(t->hw, fns, 2, see_holder, &s, &t->err), 0);
	assert_int_equal(s.n, 1);
	s = (struct held_seen){ .n = 0 };
	assert_int_equal(hw_holders(t->hw, &usb, 1, see_holder, &s, &t->err), 0);
	assert_int_equal(s.n, 0);
}

/* The three ways to a function through VFIO: group, group without IOMMU, cdev. */
static void test_holders_vfio(void **state)
{
	static const struct { const char *file, *dev, *node; } ways[] = {
		{ "sys/class/vfio/12/dev", "1:9\n", "/dev/urandom" },
		{ "sys/class/vfio/noiommu-12/dev", "1:8\n", "/dev/random" },
		{ GPU "/vfio-dev/vfio3/dev", "1:5\n", "/dev/zero" },
	};
	struct tree *t = *state;

	mk_process(t);
	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		struct held_seen s = { .n = 0 };

		assert_int_equal(hw_holders(t->hw, &gpu, 1, see_holder, &s, &t->err), 0);
		assert_null(seen_what(&s, ways[i].node));
		mk_text(t, ways[i].file, ways[i].dev);
		s.n = 0;
		assert_int_equal(hw_holders(t->hw, &gpu, 1, see_holder, &s, &t->err), 0);
		assert_int_equal(seen_what(&s, ways[i].node)->pid, 41);
	}
}

/* The name lies across the end of what one read gives. */
static void test_holders_long_maps(void **state)
{
	static const char line[] = "7f02-7f03 r--s 0 00:15 79 /sys/" GPU "/resource5\n";
	struct tree *t = *state;
	struct held_seen s;
	char *text = malloc(40000);
	size_t pad;

	assert_non_null(text);
	for (pad = 16384 - sizeof(line) - 40; pad < 16384 + 40; pad++) {
		memset(text, 'x', pad);
		text[pad - 1] = '\n';
		memcpy(text + pad, line, sizeof(line));
		mk_text(t, "proc/44/task/44/maps", text);
		s = (struct held_seen){ .n = 0 };
		assert_int_equal(hw_holders(t->hw, &gpu, 1, see_holder, &s, &t->err), 0);
		assert_int_equal(s.n, 1);
	}
	free(text);
}

static void test_holders_nvidia(void **state)
{
	struct tree *t = *state;
	struct held_seen s = { .n = 0 };

	mk_text(t, "proc/driver/nvidia/gpus/0000:0b:00.0/information",
		"Model: \t\t NVIDIA\nDevice Minor: \t 3\nGPU Firmware: \t N/A\n");
	mk_process(t);
	assert_int_equal(hw_holders(t->hw, &gpu, 1, see_holder, &s, &t->err), 0);
	assert_null(seen_what(&s, "/dev/nvidia3"));
	unlink(in(t, "dev"));
	assert_int_equal(mkdir(in(t, "dev"), 0755), 0);
	if (mknod(in(t, "dev/nvidia3"), S_IFCHR | 0600, (dev_t)195 << 8 | 3) < 0) {
		print_message("skip: no device node can be made here (mknod)\n");
		skip();
	}
	mk_link(t, "proc/42/task/42/fd/6", in(t, "dev/nvidia3"));
	s = (struct held_seen){ .n = 0 };
	assert_int_equal(hw_holders(t->hw, &gpu, 1, see_holder, &s, &t->err), 0);
	assert_non_null(seen_what(&s, in(t, "dev/nvidia3")));
}

static int ready_pipe[2];

static void holder_hold(void)
{
	assert_true(open("/dev/full", O_RDWR) >= 0);
	assert_int_equal(write(ready_pipe[1], "x", 1), 1);
	for (;;)
		pause();
}

static void *holder_thread(void *arg)
{
	if (arg)
		unshare(CLONE_FILES);
	holder_hold();
	return NULL;
}

/* The ways a process can hold a device: as usual, in one thread, after its death. */
enum holder_way { HOLD_PLAIN, HOLD_THREAD_ALONE, HOLD_LEADER_DEAD, HOLD_WAYS };

static void holder_run(enum holder_way way)
{
	pthread_t thread;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (way == HOLD_PLAIN)
		holder_hold();
	pthread_create(&thread, NULL, holder_thread,
		       way == HOLD_THREAD_ALONE ? (void *)"alone" : NULL);
	if (way == HOLD_LEADER_DEAD)
		syscall(SYS_exit, 0);
	for (;;)
		pause();
}

static void holder_check(struct tree *t, bool kcmp, int pid)
{
	const struct holders_query q = { t->root, kcmp, &audio, 1 };
	struct held_seen s = { .n = 0 };

	assert_int_equal(holders_find(&q, see_holder, &s, &t->err), 0);
	assert_int_equal(s.n, 1);
	assert_int_equal(s.who[0].pid, pid);
	assert_string_equal(s.who[0].what, "/dev/full");
	assert_true(s.who[0].comm[0]);
}

static void test_holders_real(void **state)
{
	struct tree *t = *state;
	char c;
	int way, pid;

	mk_holders(t);
	assert_int_equal(system("true"), 0);
	assert_int_equal(rename(in(t, "proc"), in(t, "old-proc")), 0);
	mk_link(t, "proc", "/proc");
	for (way = 0; way < HOLD_WAYS; way++) {
		assert_int_equal(pipe(ready_pipe), 0);
		pid = fork();
		assert_true(pid >= 0);
		if (!pid)
			holder_run((enum holder_way)way);
		assert_int_equal(read(ready_pipe[0], &c, 1), 1);
		if (way == HOLD_LEADER_DEAD)
			usleep(50000);
		holder_check(t, false, pid);
		holder_check(t, true, pid);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		close(ready_pipe[0]);
		close(ready_pipe[1]);
	}
	unlink(in(t, "proc"));
}

/* ---- VFIO against a scripted kernel ---- */

enum call_kind { CALL_OPEN, CALL_IOCTL, CALL_CLOSE, CALL_SLEEP, CALL_READ, CALL_WRITE };

struct call {
	enum call_kind kind;
	int fd;
	const char *path;
	unsigned long req;
	void (*check)(void *arg);       /* looks at the argument, fills the answer */
	int rc;
};

struct script {
	const struct call *call;
	size_t n, at;
};

static const struct call *script_next(struct script *s, enum call_kind kind)
{
	if (s->at == s->n)
		fail_msg("a call after the last row of the script, kind %d", kind);
	if (s->call[s->at].kind != kind)
		fail_msg("row %zu: call of kind %d, expected %d", s->at, kind,
			 s->call[s->at].kind);
	return &s->call[s->at++];
}

static int script_open(void *ctx, const char *path, int flags)
{
	const struct call *c = script_next(ctx, CALL_OPEN);

	assert_int_equal(flags, O_RDWR | O_CLOEXEC);
	assert_string_equal(path, c->path);
	return c->rc;
}

static int script_ioctl(void *ctx, int fd, unsigned long req, void *arg)
{
	const struct call *c = script_next(ctx, CALL_IOCTL);

	assert_int_equal(fd, c->fd);
	assert_int_equal(req, c->req);
	if (c->check)
		c->check(arg);
	return c->rc;
}

static void script_close(void *ctx, int fd)
{
	assert_int_equal(fd, script_next(ctx, CALL_CLOSE)->fd);
}

static void script_sleep(void *ctx, unsigned us)
{
	script_next(ctx, CALL_SLEEP);
	assert_in_range(us, 1, 100000);
}

/* rc: bytes or a negative errno; a read gives 0x44332211. */
static ssize_t script_pread(void *ctx, int fd, void *buf, size_t n, off_t at)
{
	static const uint8_t raw[4] = { 0x11, 0x22, 0x33, 0x44 };
	const struct call *c = script_next(ctx, CALL_READ);

	assert_int_equal(fd, c->fd);
	assert_int_equal(at, c->req);
	memcpy(buf, raw, n);
	return c->rc;
}

static ssize_t script_pwrite(void *ctx, int fd, const void *buf, size_t n, off_t at)
{
	static const uint8_t raw[4] = { 0x78, 0x56, 0x34, 0x12 };
	const struct call *c = script_next(ctx, CALL_WRITE);

	assert_int_equal(fd, c->fd);
	assert_int_equal(at, c->req);
	assert_memory_equal(buf, raw, n);
	return c->rc;
}

static const struct vfio_sys script_sys = {
	.open = script_open,
	.ioctl = script_ioctl,
	.close = script_close,
	.sleep_us = script_sleep,
	.pread = script_pread,
	.pwrite = script_pwrite,
};

static int run_script(struct tree *t, const struct bdf *fns, size_t n,
		      const struct call *call, size_t calls)
{
	const struct vfio_target target = { t->root, gpu, fns, n, NULL };
	struct script s = { call, calls, 0 };
	int rc = vfio_hot_reset(&script_sys, &s, &target, &t->err);

	assert_int_equal(s.at, s.n);
	return rc;
}

#define PLAY(t, fns, call) \
	run_script(t, fns, sizeof(fns) / sizeof((fns)[0]), call, \
		   sizeof(call) / sizeof((call)[0]))

static void viable(void *arg)
{
	((struct vfio_group_status *)arg)->flags = VFIO_GROUP_FLAGS_VIABLE;
}

static void container_is_20(void *arg)
{
	assert_int_equal(*(int *)arg, 20);
}

static void type_v2(void *arg)
{
	assert_int_equal((unsigned long)arg, VFIO_TYPE1v2_IOMMU);
}

static void type_v1(void *arg)
{
	assert_int_equal((unsigned long)arg, VFIO_TYPE1_IOMMU);
}

static void device_is_gpu(void *arg)
{
	assert_string_equal(arg, "0000:0b:00.0");
}

static void affects(void *arg, uint32_t flags, const uint32_t *ids, uint32_t n)
{
	struct vfio_uapi_hot_reset_info *info = arg;
	uint32_t i;

	assert_true(info->argsz >= sizeof(*info) + n * sizeof(info->fn[0]));
	info->flags = flags;
	info->count = n;
	for (i = 0; i < n; i++)
		info->fn[i] = (struct vfio_uapi_affected){ ids[i], 0, 0x0b, (uint8_t)i };
}

static void two_in_group_12(void *arg)
{
	affects(arg, 0, (const uint32_t[]){ 12, 12 }, 2);
}

static void three_in_two_groups(void *arg)
{
	affects(arg, 0, (const uint32_t[]){ 12, 12, 13 }, 3);
}

static void needs_40(void *arg)
{
	((struct vfio_uapi_hot_reset_info *)arg)->count = 40;
}

static void has_room_for_40(void *arg)
{
	assert_true(((struct vfio_uapi_hot_reset_info *)arg)->argsz >= 12 + 40 * 8);
	two_in_group_12(arg);
}

static void resets(void *arg, uint32_t count)
{
	const struct vfio_pci_hot_reset *r = arg;

	assert_int_equal(r->argsz, sizeof(*r) + count * sizeof(int32_t));
	assert_int_equal(r->flags, 0);
	assert_int_equal(r->count, count);
}

static void reset_group_10(void *arg)
{
	resets(arg, 1);
	assert_int_equal(((struct vfio_pci_hot_reset *)arg)->group_fds[0], 10);
}

static void reset_groups_10_11(void *arg)
{
	resets(arg, 2);
	assert_int_equal(((struct vfio_pci_hot_reset *)arg)->group_fds[0], 10);
	assert_int_equal(((struct vfio_pci_hot_reset *)arg)->group_fds[1], 11);
}

#define OPEN(p, r) { .kind = CALL_OPEN, .path = (p), .rc = (r) }
#define IOCTL(f, q, c, r) \
	{ .kind = CALL_IOCTL, .fd = (f), .req = (q), .check = (c), .rc = (r) }
#define CLOSE(f) { .kind = CALL_CLOSE, .fd = (f) }
#define SLEEP { .kind = CALL_SLEEP }

/* Group 12 is descriptor 10, group 13 is 11, the container 20, the device 30. */
#define GROUP_12 \
	OPEN("/dev/vfio/12", 10), \
	IOCTL(10, VFIO_GROUP_GET_STATUS, viable, 0)
#define CONTAINER \
	OPEN("/dev/vfio/vfio", 20), \
	IOCTL(10, VFIO_GROUP_SET_CONTAINER, container_is_20, 0), \
	IOCTL(20, VFIO_SET_IOMMU, type_v2, 0)
#define DEVICE IOCTL(10, VFIO_GROUP_GET_DEVICE_FD, device_is_gpu, 30)
#define INFO(c, r) IOCTL(30, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, c, r)
#define RESET(c, r) IOCTL(30, VFIO_DEVICE_PCI_HOT_RESET, c, r)
#define CLOSE_ALL CLOSE(30), CLOSE(10), CLOSE(20)

static const struct bdf two[] = { { 0, 0x0b, 0, 0 }, { 0, 0x0b, 0, 1 } };
static const struct bdf three[] = { { 0, 0x0b, 0, 0 }, { 0, 0x0b, 0, 1 },
				    { 0, 0x0b, 0, 2 } };

static void test_vfio_legacy(void **state)
{
	static const struct call call[] = {
		GROUP_12, CONTAINER, DEVICE, INFO(two_in_group_12, 0),
		RESET(reset_group_10, 0), CLOSE_ALL,
	};

	assert_int_equal(PLAY((struct tree *)*state, two, call), 0);
}

/* BAR 5 has 256 KiB at 5 << 40, configuration space 256 bytes at 7 << 40. */
static void region(void *arg)
{
	struct vfio_region_info *info = arg;

	assert_int_equal(info->argsz, sizeof(*info));
	info->offset = (uint64_t)info->index << 40;
	info->size = info->index == 5 ? 0x40000 : info->index == 7 ? 256 : 0;
}

#define REGION IOCTL(30, VFIO_DEVICE_GET_REGION_INFO, region, 0)
#define REGIONS REGION, REGION, REGION, REGION, REGION, REGION, REGION
#define READ(at, r) { .kind = CALL_READ, .fd = 30, .req = (at), .rc = (r) }
#define WRITE(at, r) { .kind = CALL_WRITE, .fd = 30, .req = (at), .rc = (r) }

static void test_vfio_dev(void **state)
{
	static const struct call call[] = {
		GROUP_12, CONTAINER, DEVICE, REGIONS,
		READ((5ul << 40) + 0x5428, 4), WRITE((5ul << 40) + 0x3fffc, 4),
		WRITE((7ul << 40) + 4, 2), READ((5ul << 40) + 0x5428, -EIO),
		READ((5ul << 40) + 0x5428, 2), CLOSE_ALL,
	};
	struct tree *t = *state;
	const struct vfio_target target = { t->root, gpu, &gpu, 1, NULL };
	struct script s = { call, sizeof(call) / sizeof(call[0]), 0 };
	struct vfio_dev d = { .sys = &script_sys, .ctx = &s };
	const struct vfio_reg size = { 5, 0x5428, 4 }, last = { 5, 0x3fffc, 4 };
	const struct vfio_reg beyond = { 5, 0x40000, 4 }, odd = { 5, 2, 4 };
	const struct vfio_reg none = { 2, 0, 4 }, command = { VFIO_DEV_CONFIG, 4, 2 };
	uint32_t val = 0;

	assert_int_equal(vfio_dev_open(&d, &target, &t->err), 0);
	assert_true(vfio_dev_is(&d, gpu));
	assert_int_equal(vfio_dev_open(&d, &target, &t->err), -EBUSY);
	assert_int_equal(vfio_dev_get(&d, &size, &val, &t->err), 0);
	assert_int_equal(val, 0x44332211);
	assert_int_equal(vfio_dev_put(&d, &last, 0x12345678, &t->err), 0);
	assert_int_equal(vfio_dev_put(&d, &command, 0x5678, &t->err), 0);
	assert_int_equal(vfio_dev_get(&d, &size, &val, &t->err), -EIO);
	assert_says(t, "memory decoding is off");
	assert_int_equal(vfio_dev_get(&d, &size, &val, &t->err), -EIO);
	assert_int_equal(vfio_dev_get(&d, &beyond, &val, &t->err), -ERANGE);
	assert_int_equal(vfio_dev_get(&d, &odd, &val, &t->err), -EINVAL);
	assert_int_equal(vfio_dev_get(&d, &none, &val, &t->err), -ERANGE);
	vfio_dev_close(&d);
	vfio_dev_close(&d);
	assert_false(vfio_dev_is(&d, gpu));
	assert_int_equal(s.at, s.n);
}

/* A group that we hold gives its descriptor, and gets it back. */
static void test_vfio_dev_held(void **state)
{
	static const struct call call[] = {
		IOCTL(10, VFIO_GROUP_GET_STATUS, viable, 0), CONTAINER, DEVICE, REGIONS,
		CLOSE(30), IOCTL(10, VFIO_GROUP_UNSET_CONTAINER, NULL, 0), CLOSE(20),
	};
	const struct vfio_own own = { { { { 0 }, 12, 10 } }, 1 };
	struct tree *t = *state;
	const struct vfio_target target = { t->root, gpu, &gpu, 1, &own };
	struct script s = { call, sizeof(call) / sizeof(call[0]), 0 };
	struct vfio_dev d = { .sys = &script_sys, .ctx = &s };

	assert_int_equal(vfio_dev_open(&d, &target, &t->err), 0);
	vfio_dev_close(&d);
	assert_int_equal(s.at, s.n);
}

/* A group that we hold, and no container: the cdev would say that somebody has it. */
static void test_vfio_no_container(void **state)
{
	static const struct call call[] = {
		IOCTL(10, VFIO_GROUP_GET_STATUS, viable, 0),
		OPEN("/dev/vfio/vfio", -ENOENT),
		IOCTL(10, VFIO_GROUP_UNSET_CONTAINER, NULL, -EINVAL),
	};
	const struct vfio_own own = { { { { 0 }, 12, 10 } }, 1 };
	struct tree *t = *state;
	const struct vfio_target target = { t->root, gpu, &gpu, 1, &own };
	struct script s = { call, sizeof(call) / sizeof(call[0]), 0 };

	assert_int_equal(vfio_hot_reset(&script_sys, &s, &target, &t->err), -ENOTTY);
	assert_says(t, "/dev/vfio/vfio is not there");
	assert_int_equal(s.at, s.n);
}

/* 25 looks 40 ms apart are a second. */
#define BUSY OPEN("/dev/vfio/12", -EBUSY)
#define BUSY_3 SLEEP, BUSY, SLEEP, BUSY, SLEEP, BUSY
#define BUSY_6 BUSY_3, BUSY_3
#define STAYS_BUSY BUSY, BUSY_6, BUSY_6, BUSY_6, BUSY_6

/* The group is in use, or a region cannot be had: nothing stays open. */
static void test_vfio_dev_fails(void **state)
{
	static const struct call busy[] = { STAYS_BUSY };
	static const struct call blind[] = {
		GROUP_12, CONTAINER, DEVICE, REGION,
		IOCTL(30, VFIO_DEVICE_GET_REGION_INFO, NULL, -EINVAL), CLOSE_ALL,
	};
	struct tree *t = *state;
	const struct vfio_target target = { t->root, gpu, &gpu, 1, NULL };
	struct script s = { busy, 49, 0 };
	struct vfio_dev d = { .sys = &script_sys, .ctx = &s };

	assert_int_equal(vfio_dev_open(&d, &target, &t->err), -EBUSY);
	s = (struct script){ blind, sizeof(blind) / sizeof(blind[0]), 0 };
	assert_int_equal(vfio_dev_open(&d, &target, &t->err), -EINVAL);
	assert_false(d.open);
	assert_int_equal(s.at, s.n);
}

static void test_vfio_two_groups(void **state)
{
	static const struct call call[] = {
		GROUP_12,
		OPEN("/dev/vfio/13", 11),
		IOCTL(11, VFIO_GROUP_GET_STATUS, viable, 0),
		OPEN("/dev/vfio/vfio", 20),
		IOCTL(10, VFIO_GROUP_SET_CONTAINER, container_is_20, 0),
		IOCTL(20, VFIO_SET_IOMMU, type_v2, -EINVAL),
		IOCTL(20, VFIO_SET_IOMMU, type_v1, 0),
		IOCTL(11, VFIO_GROUP_SET_CONTAINER, container_is_20, 0),
		DEVICE, INFO(three_in_two_groups, 0), RESET(reset_groups_10_11, 0),
		CLOSE(30), CLOSE(10), CLOSE(11), CLOSE(20),
	};

	assert_int_equal(PLAY((struct tree *)*state, three, call), 0);
}

/* A group that is held already: its descriptor is used, and stays open. */
static void test_vfio_held(void **state)
{
	static const struct call call[] = {
		OPEN("/dev/vfio/12", 10),
		IOCTL(10, VFIO_GROUP_GET_STATUS, viable, 0),
		CONTAINER, DEVICE, INFO(two_in_group_12, 0), RESET(reset_group_10, 0),
		CLOSE(30), IOCTL(10, VFIO_GROUP_UNSET_CONTAINER, NULL, 0), CLOSE(20),
		CLOSE(10),
	};
	struct tree *t = *state;
	struct script s = { call, sizeof(call) / sizeof(*call), 0 };
	struct vfio_own own = { .n = 0 };
	const struct vfio_target target = { t->root, gpu, two, 2, &own };

	assert_int_equal(vfio_own_take(&own, &script_sys, &s, t->root, gpu, &t->err), 0);
	assert_int_equal(vfio_own_fd(&own, 12), 10);
	assert_int_equal(vfio_own_fd(&own, 13), -1);
	assert_int_equal(vfio_hot_reset(&script_sys, &s, &target, &t->err), 0);
	vfio_own_release(&own, &script_sys, &s, gpu);
	vfio_own_release(&own, &script_sys, &s, gpu);
	assert_int_equal(s.at, s.n);
	assert_int_equal(vfio_own_fd(&own, 12), -1);
}

static void test_vfio_own(void **state)
{
	static const struct call call[] = {
		OPEN("/dev/vfio/12", -EBUSY),
		OPEN("/dev/vfio/12", -ENODEV),
		OPEN("/dev/vfio/12", -ENOENT), OPEN("/dev/vfio/noiommu-12", -ENOENT),
		OPEN("/dev/vfio/12", -EACCES),
		OPEN("/dev/vfio/12", -ENOENT), OPEN("/dev/vfio/noiommu-12", 10),
		OPEN("/dev/vfio/13", 11),
		CLOSE(11), CLOSE(10),
	};
	static const int want[] = { -EBUSY, -ENOENT, -ENOENT, -EACCES, 0 };
	struct tree *t = *state;
	struct script s = { call, sizeof(call) / sizeof(*call), 0 };
	struct vfio_own own = { .n = 0 };

	for (size_t i = 0; i < sizeof(want) / sizeof(*want); i++)
		assert_int_equal(vfio_own_take(&own, &script_sys, &s, t->root, gpu,
					       &t->err), want[i]);
	/* the same group, and another one */
	assert_int_equal(vfio_own_take(&own, &script_sys, &s, t->root, audio, &t->err),
			 0);
	assert_int_equal(vfio_own_take(&own, &script_sys, &s, t->root, usb, &t->err), 0);
	assert_int_equal(own.n, 2);
	vfio_own_release_all(&own, &script_sys, &s);
	assert_int_equal(own.n, 0);
	assert_int_equal(unlink(in(t, GPU "/iommu_group")), 0);
	assert_int_equal(vfio_own_take(&own, &script_sys, &s, t->root, gpu, &t->err),
			 -ENOENT);
	assert_int_equal(s.at, s.n);
}

/* More groups were opened than the reset needs: the kernel would refuse them all. */
static void test_vfio_spare_group(void **state)
{
	static const struct call call[] = {
		GROUP_12,
		OPEN("/dev/vfio/13", 11),
		IOCTL(11, VFIO_GROUP_GET_STATUS, viable, 0),
		CONTAINER,
		IOCTL(11, VFIO_GROUP_SET_CONTAINER, container_is_20, 0),
		DEVICE, INFO(two_in_group_12, 0), RESET(reset_group_10, 0),
		CLOSE(30), CLOSE(10), CLOSE(11), CLOSE(20),
	};

	assert_int_equal(PLAY((struct tree *)*state, three, call), 0);
}

/* Another worker has a card of the same group open for a moment. */
static void test_vfio_waits(void **state)
{
	static const struct call call[] = {
		BUSY, BUSY_6, SLEEP, GROUP_12, CONTAINER, DEVICE,
		INFO(two_in_group_12, 0), RESET(reset_group_10, 0), CLOSE_ALL,
	};

	assert_int_equal(PLAY((struct tree *)*state, two, call), 0);
}

static void test_vfio_busy(void **state)
{
	static const struct call open_busy[] = { STAYS_BUSY };
	static const struct call not_viable[] = {
		OPEN("/dev/vfio/12", 10),
		IOCTL(10, VFIO_GROUP_GET_STATUS, NULL, 0), CLOSE(10),
	};
	static const struct call owned[] = {
		GROUP_12, OPEN("/dev/vfio/vfio", 20),
		IOCTL(10, VFIO_GROUP_SET_CONTAINER, NULL, -EPERM), CLOSE(10), CLOSE(20),
	};
	struct tree *t = *state;

	assert_int_equal(PLAY(t, two, open_busy), -EBUSY);
	assert_says(t, "VFIO group 12 is open: a VM or another program owns it");
	assert_int_equal(PLAY(t, two, not_viable), -EBUSY);
	assert_says(t, "VFIO group 12 cannot be used");
	assert_int_equal(PLAY(t, two, owned), -EBUSY);
	assert_says(t, "VFIO group 12: a host driver");
}

static void test_vfio_foreign(void **state)
{
	static const struct call call[] = {
		GROUP_12, CONTAINER, DEVICE, INFO(three_in_two_groups, 0), CLOSE_ALL,
	};
	struct tree *t = *state;

	assert_int_equal(PLAY(t, two, call), -EPERM);
	assert_says(t, "0000:0b:00.0: a hot reset would hit 0000:0b:00.2, which is not");
}

static void test_vfio_more_room(void **state)
{
	static const struct call call[] = {
		GROUP_12, CONTAINER, DEVICE, INFO(needs_40, -ENOSPC),
		INFO(has_room_for_40, 0), RESET(reset_group_10, 0), CLOSE_ALL,
	};
	static const struct call forever[] = {
		GROUP_12, CONTAINER, DEVICE, INFO(needs_40, -ENOSPC),
		INFO(needs_40, -ENOSPC), INFO(needs_40, -ENOSPC),
		INFO(needs_40, -ENOSPC), INFO(needs_40, -ENOSPC), CLOSE_ALL,
	};
	static const struct call lying[] = {
		GROUP_12, CONTAINER, DEVICE, INFO(needs_40, 0), CLOSE_ALL,
	};

	assert_int_equal(PLAY((struct tree *)*state, two, call), 0);
	assert_int_equal(PLAY((struct tree *)*state, two, forever), -ENOSPC);
	assert_int_equal(PLAY((struct tree *)*state, two, lying), -EIO);
}

static void test_vfio_locked(void **state)
{
	static const struct call later[] = {
		GROUP_12, CONTAINER,
		IOCTL(10, VFIO_GROUP_GET_DEVICE_FD, device_is_gpu, -EAGAIN), SLEEP,
		DEVICE, INFO(two_in_group_12, 0),
		RESET(reset_group_10, -EAGAIN), SLEEP, RESET(reset_group_10, -EAGAIN),
		SLEEP, RESET(reset_group_10, 0), CLOSE_ALL,
	};
	static const struct call never[] = {
		GROUP_12, CONTAINER, DEVICE, INFO(two_in_group_12, 0),
		RESET(NULL, -EAGAIN), SLEEP, RESET(NULL, -EAGAIN), SLEEP,
		RESET(NULL, -EAGAIN), SLEEP, RESET(NULL, -EAGAIN), SLEEP,
		RESET(NULL, -EAGAIN), CLOSE_ALL,
	};
	struct tree *t = *state;

	assert_int_equal(PLAY(t, two, later), 0);
	assert_int_equal(PLAY(t, two, never), -EAGAIN);
	assert_says(t, "locked");
}

static void test_vfio_refused(void **state)
{
	static const struct call unbound[] = {
		GROUP_12, CONTAINER, DEVICE, INFO(two_in_group_12, 0),
		RESET(NULL, -EINVAL), CLOSE_ALL,
	};
	static const struct call no_reset[] = {
		GROUP_12, CONTAINER, DEVICE, INFO(NULL, -ENODEV), CLOSE_ALL,
	};
	static const struct call nothing[] = {
		GROUP_12, CONTAINER, DEVICE, INFO(NULL, 0), CLOSE_ALL,
	};
	static const struct call no_device[] = {
		GROUP_12, CONTAINER,
		IOCTL(10, VFIO_GROUP_GET_DEVICE_FD, NULL, -ENODEV), CLOSE(10), CLOSE(20),
	};
	struct tree *t = *state;

	assert_int_equal(PLAY(t, two, unbound), -EINVAL);
	assert_says(t, "a function of the slot is not bound to vfio-pci");
	assert_int_equal(PLAY(t, two, no_reset), -ENOTTY);
	assert_says(t, "neither its slot nor its bus");
	assert_int_equal(PLAY(t, two, nothing), -EIO);
	assert_int_equal(PLAY(t, two, no_device), -ENOTTY);
	assert_says(t, "not bound to vfio-pci");
}

static void test_vfio_unfit(void **state)
{
	static const struct call none[] = { OPEN("/dev/vfio/12", -ENOENT) };
	struct tree *t = *state;

	assert_int_equal(PLAY(t, two, none), -ENOTTY);
	assert_says(t, "neither its VFIO group nor its VFIO device");
	assert_int_equal(run_script(t, two + 1, 1, NULL, 0), -EINVAL);
	assert_int_equal(run_script(t, two, 0, NULL, 0), -EINVAL);
	assert_int_equal(unlink(in(t, GPU "/iommu_group")), 0);
	assert_int_equal(run_script(t, two, 2, NULL, 0), -ENOTTY);
	assert_says(t, "no IOMMU group");
	mk_link(t, GPU "/iommu_group", "../odd");
	assert_int_equal(run_script(t, two, 2, NULL, 0), -EIO);
}

/* ---- the same by device and iommufd ---- */

static void bind_to_20(void *arg)
{
	const struct vfio_uapi_bind *b = arg;

	assert_int_equal(b->argsz, 16);
	assert_int_equal(b->flags, 0);
	assert_int_equal(b->iommufd, 20);
}

static void two_owned(void *arg)
{
	affects(arg, VFIO_UAPI_DEV_ID | VFIO_UAPI_DEV_ID_OWNED,
		(const uint32_t[]){ 1, 0 }, 2);
}

static void one_not_owned(void *arg)
{
	affects(arg, VFIO_UAPI_DEV_ID, (const uint32_t[]){ 1, VFIO_UAPI_NOT_OWNED }, 2);
}

static void three_owned(void *arg)
{
	affects(arg, VFIO_UAPI_DEV_ID | VFIO_UAPI_DEV_ID_OWNED,
		(const uint32_t[]){ 1, 2, 3 }, 3);
}

static void reset_no_fds(void *arg)
{
	resets(arg, 0);
}

static void mk_cdevs(const struct tree *t)
{
	mk_text(t, GPU "/vfio-dev/vfio3/dev", "511:3\n");
	mk_text(t, AUDIO "/vfio-dev/vfio4/dev", "511:4\n");
}

#define CDEV \
	OPEN("/dev/vfio/12", -ENOENT), OPEN("/dev/iommu", 20), \
	OPEN("/dev/vfio/devices/vfio3", 30), \
	IOCTL(30, VFIO_UAPI_BIND_IOMMUFD, bind_to_20, 0), \
	OPEN("/dev/vfio/devices/vfio4", 31), \
	IOCTL(31, VFIO_UAPI_BIND_IOMMUFD, bind_to_20, 0)
#define CDEV_CLOSE CLOSE(30), CLOSE(31), CLOSE(20)

static void test_vfio_cdev(void **state)
{
	static const struct call call[] = {
		CDEV, INFO(two_owned, 0), RESET(reset_no_fds, 0), CDEV_CLOSE,
	};
	struct tree *t = *state;

	mk_cdevs(t);
	assert_int_equal(PLAY(t, two, call), 0);
}

/* The second function has no group device: what was opened is closed before. */
static void test_vfio_cdev_late(void **state)
{
	static const struct bdf fns[] = { { 0, 0x0b, 0, 0 }, { 0, 0x0b, 0, 2 } };
	static const struct call call[] = {
		GROUP_12, OPEN("/dev/vfio/13", -ENOENT), CLOSE(10),
		OPEN("/dev/iommu", 20), OPEN("/dev/vfio/devices/vfio3", 30),
		IOCTL(30, VFIO_UAPI_BIND_IOMMUFD, bind_to_20, 0), CLOSE(30), CLOSE(20),
	};
	struct tree *t = *state;

	mk_cdevs(t);
	assert_int_equal(PLAY(t, fns, call), -ENOTTY);
	assert_says(t, "0000:0b:00.2: not bound to vfio-pci");
}

static void test_vfio_cdev_refused(void **state)
{
	static const struct call busy[] = {
		OPEN("/dev/vfio/12", -ENOENT), OPEN("/dev/iommu", 20),
		OPEN("/dev/vfio/devices/vfio3", 30),
		IOCTL(30, VFIO_UAPI_BIND_IOMMUFD, bind_to_20, -EINVAL),
		CLOSE(30), CLOSE(20),
	};
	static const struct call no_iommufd[] = {
		OPEN("/dev/vfio/12", -ENOENT), OPEN("/dev/iommu", -ENOENT),
	};
	static const struct call not_owned[] = {
		CDEV, INFO(one_not_owned, 0), CDEV_CLOSE,
	};
	static const struct call foreign[] = { CDEV, INFO(three_owned, 0), CDEV_CLOSE };
	static const struct call no_ids[] = {
		CDEV, INFO(two_in_group_12, 0), CDEV_CLOSE,
	};
	static const struct call unbound[] = {
		CDEV, INFO(two_owned, 0), RESET(reset_no_fds, -EINVAL), CDEV_CLOSE,
	};
	struct tree *t = *state;

	mk_cdevs(t);
	assert_int_equal(PLAY(t, two, busy), -EBUSY);
	assert_says(t, "0000:0b:00.0: its VFIO device is open: a VM or another");
	assert_int_equal(PLAY(t, two, no_iommufd), -ENOTTY);
	assert_says(t, "/dev/iommu");
	assert_int_equal(PLAY(t, two, not_owned), -EPERM);
	assert_says(t, "would hit 0000:0b:00.1, which is not bound to vfio-pci");
	assert_int_equal(PLAY(t, two, foreign), -EPERM);
	assert_says(t, "0000:0b:00.2, which is not part");
	assert_int_equal(PLAY(t, two, no_ids), -EIO);
	assert_int_equal(PLAY(t, two, unbound), -EINVAL);
}

/* Through the handle, with the real system calls, on a tree without any VFIO. */
static void test_vfio_real_calls(void **state)
{
	struct tree *t = *state;

	assert_int_equal(hw_hot_reset(t->hw, gpu, two, 2, &t->err), -ENOTTY);
	mk_text(t, "dev/vfio/12", "");
	assert_int_equal(hw_hot_reset(t->hw, gpu, two, 2, &t->err), -ENOTTY);
	assert_says(t, "VFIO group 12: status");
}

/* ---- time, events, the real machine ---- */

static void test_time(void **state)
{
	struct tree *t = *state;
	uint64_t start = hw_now(t->hw), end;

	hw_sleep(t->hw, 3000);
	end = hw_now(t->hw);
	assert_in_range(end - start, 3000, 500000);
	start = hw_now(t->hw);
	while (hw_wait_event(t->hw, start + 20000, &t->err) == 1)
		;
	assert_true(hw_now(t->hw) >= start + 20000);
	assert_int_equal(hw_wait_event(t->hw, 0, &t->err), 0);
	assert_string_equal(hw_kind(t->hw), "linux");
}

static int parent_exists(const struct hw_node *node, void *arg)
{
	struct hw *hw = arg;
	uint32_t val;

	assert_true(hw_attr_exists(hw, node->bdf, "config"));
	assert_int_equal(hw_cfg_read(hw, node->bdf, 0, 2, &val, NULL), 0);
	if (!node->on_root_bus)
		assert_true(hw_attr_exists(hw, node->parent, "config"));
	return 0;
}

static int count_holder(const struct hw_holder *who, void *arg)
{
	assert_true(who->pid > 0 && who->what[0]);
	++*(int *)arg;
	return 0;
}

static void test_real_machine(void **state)
{
	struct err err = { 0 };
	struct hw *hw = hw_linux_open(&err);
	struct bdf first = { 0, 0, 0, 0 };
	int holders = 0;

	(void)state;
	assert_non_null(hw);
	if (!hw_host_exists(hw, "/sys/bus/pci/devices")) {
		hw_close(hw);
		print_message("skip: this machine has no PCI bus in sysfs\n");
		skip();
	}
	assert_int_equal(hw_scan(hw, parent_exists, hw, &err), 0);
	assert_int_equal(hw_holders(hw, &first, 1, count_holder, &holders, &err), 0);
	hw_close(hw);
}

#define T(f) cmocka_unit_test_setup_teardown(f, tree_up, tree_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_scan), T(test_scan_once), T(test_scan_nothing),
		T(test_cfg_widths), T(test_cfg_errors), T(test_cfg_forget),
		T(test_cfg_many),
		T(test_caps), T(test_caps_of_the_dead), T(test_caps_circle),
		T(test_libpci_error_returns), T(test_caps_unreadable), T(test_port_facts),
		T(test_name),
		T(test_attr_read), T(test_attr_names), T(test_attr_write),
		T(test_attr_meanings), T(test_host),
		T(test_bar), T(test_bar_errors), T(test_bar_sigbus), T(test_bar_forget),
		T(test_holders), T(test_holders_long_maps), T(test_holders_nvidia),
		T(test_holders_real), T(test_holders_vfio),
		T(test_vfio_dev), T(test_vfio_dev_held), T(test_vfio_dev_fails),
		T(test_vfio_legacy), T(test_vfio_two_groups), T(test_vfio_held),
		T(test_vfio_own), T(test_vfio_spare_group),
		T(test_vfio_busy), T(test_vfio_waits), T(test_vfio_foreign),
		T(test_vfio_more_room), T(test_vfio_no_container),
		T(test_vfio_locked), T(test_vfio_refused), T(test_vfio_unfit),
		T(test_vfio_cdev), T(test_vfio_cdev_late), T(test_vfio_cdev_refused),
		T(test_vfio_real_calls),
		T(test_time), T(test_real_machine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
