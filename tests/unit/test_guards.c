// SPDX-License-Identifier: GPL-2.0-or-later
/* plan/guards: who must not lose the card, or a neighbour of it, to a reset. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "hw/linux_attr.h"
#include "plan/guards.h"
#include "sim_rig.h"

#define SUB "subordinate at 0000:01:00.0"
#define BLOCK "/sys/class/block/"
#define NET "/sys/class/net/"

static void plan_ok(struct rig *r, unsigned force)
{
	const struct plan_opts opts = { .force = force };
	struct err err = { 0 };

	if (rig_plan(r, &opts, &err))
		fail_msg("plan: %s", err.text);
}

static void assert_says(const char *text, const char *word)
{
	if (!text || !strstr(text, word))
		fail_msg("'%s' is not in: %s", word, text ? text : "(nothing)");
}

static void assert_refused(const struct rig *r, const char *name, const char *option)
{
	assert_non_null(r->plan.refusal);
	assert_string_equal(r->plan.refusal_name, name);
	assert_says(r->plan.refusal, option);
}

static void assert_usable(const struct rig *r, const char *name, enum usable want,
			  const char *option)
{
	const struct attempt *a = rig_attempt(r, name);

	if (!a)
		fail_msg("no attempt '%s'", name);
	if (a->usable != want)
		fail_msg("%s: usable is %d, wanted %d: %s", name, a->usable, want,
			 a->reason ? a->reason : "");
	if (option)
		assert_string_equal(a->override, option);
	else
		assert_null(a->override);
}

/* --- machines ------------------------------------------------------------------- */

/* A card and, below the same bridge, a function of another device at 02:02.0. */
static struct rig *with_neighbour(uint32_t class_code)
{
	const struct rig_plain other = { .vendor = 0x8086, .device = 0x10d3,
					 .class_code = class_code };
	struct rig *r = rig_unbooted("flr", RIG_PCI_BRIDGE);

	rig_add_plain(r, rig_bdf("02:02.0"), &other);
	rig_boot(r);
	return r;
}

/* "PCI_SLOT_NAME=..." in the @up'th folder above @dir. */
static void put_owner(struct rig *r, const char *dir, int up, const char *fn)
{
	char path[80], text[64];
	size_t n = (size_t)snprintf(path, sizeof(path), "%s/", dir);

	hw_sim_host(r->sim, dir, "");
	for (int i = 0; i < up; i++)
		n += (size_t)snprintf(path + n, sizeof(path) - n, "../");
	snprintf(path + n, sizeof(path) - n, "uevent");
	snprintf(text, sizeof(text), "DRIVER=x\nPCI_SLOT_NAME=%s\nMODALIAS=y", fn);
	hw_sim_host(r->sim, path, text);
}

static void put_net(struct rig *r, const char *fn, const char *operstate,
		    const char *carrier)
{
	hw_sim_host(r->sim, "/sys/class/net", "eth0\nlo\nvmbr0");
	put_owner(r, NET "eth0/device", 0, fn);
	hw_sim_host(r->sim, NET "eth0/operstate", operstate);
	hw_sim_host(r->sim, NET "eth0/carrier", carrier);
	hw_sim_host(r->sim, NET "vmbr0/operstate", "up");
}

/* A disk sda with a partition sda1, three folders below its function. */
static void put_disk(struct rig *r, const char *fn)
{
	hw_sim_host(r->sim, "/sys/class/block", "dm-0\nloop0\nsda\nsda1");
	put_owner(r, BLOCK "sda/device", 3, fn);
	hw_sim_host(r->sim, BLOCK "sda/dev", "8:0");
	hw_sim_host(r->sim, BLOCK "sda1/partition", "1");
	put_owner(r, BLOCK "sda1/../device", 3, fn);
	hw_sim_host(r->sim, BLOCK "sda1/dev", "8:1");
	hw_sim_host(r->sim, BLOCK "dm-0/dev", "253:0");
}

/* --- the card's own -------------------------------------------------------------- */

static void test_mdev(void **state)
{
	struct rig *r = rig_open("flr", RIG_ROOT_PORT);

	(void)state;
	hw_sim_attr(r->sim, rig_fn(r, 0), "driver", "amdgpu");
	hw_sim_attr(r->sim, rig_fn(r, 0), "mdev_supported_types", "nv-1\nnv-2");
	hw_sim_attr(r->sim, rig_fn(r, 0), "mdev_supported_types/nv-1/devices", "");
	hw_sim_attr(r->sim, rig_fn(r, 0), "mdev_supported_types/nv-2/devices", "");
	plan_ok(r, 0);
	assert_null(r->plan.refusal);   /* none is made: that it could is no use */
	hw_sim_attr(r->sim, rig_fn(r, 0), "mdev_supported_types/nv-2/devices",
		    "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001\n83b8f4f2-0");
	plan_ok(r, 0);
	assert_refused(r, "mdev", "--force-mdev");
	assert_says(r->plan.refusal, "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001 and 1 more");
	plan_ok(r, FORCE_MDEV);
	assert_null(r->plan.refusal);
	plan_ok(r, ~0u & ~FORCE_MDEV);
	assert_refused(r, "mdev", "--force-mdev");
	rig_close(r);
}

static void test_hive(void **state)
{
	struct rig *r = rig_open("flr", RIG_ROOT_PORT);
	struct bdf fn = rig_fn(r, 0);

	(void)state;
	hw_sim_attr(r->sim, fn, "xgmi_device_id", "12");
	hw_sim_attr(r->sim, fn, "xgmi_hive_info/.", "node1\nnode2\nxgmi_hive_id");
	hw_sim_attr(r->sim, fn, "xgmi_hive_info/node1", "0000:01:00.0");
	plan_ok(r, 0);
	assert_null(r->plan.refusal);   /* not amdgpu's: nobody made these */
	hw_sim_attr(r->sim, fn, "driver", "amdgpu");
	plan_ok(r, 0);
	assert_null(r->plan.refusal);   /* alone in its hive */
	hw_sim_attr(r->sim, fn, "xgmi_hive_info/node2", "0000:41:00.0");
	plan_ok(r, 0);
	assert_refused(r, "hive", "--force-hive");
	assert_says(r->plan.refusal, "0000:41:00.0 by XGMI");
	plan_ok(r, FORCE_HIVE);
	assert_null(r->plan.refusal);
	hw_sim_attr(r->sim, fn, "xgmi_hive_info/.", NULL);
	plan_ok(r, 0);
	assert_says(r->plan.refusal, "cannot be read");
	rig_close(r);
}

/* NVIDIA's driver shows switches: each of its cards is linked. */
static void test_nvlink(void **state)
{
	static const char path[] = "/proc/driver/nvidia-nvswitch/devices";
	struct rig *r = rig_open("flr", RIG_ROOT_PORT);

	(void)state;
	hw_sim_attr(r->sim, rig_fn(r, 0), "driver", "nvidia");
	plan_ok(r, 0);
	assert_null(r->plan.refusal);
	hw_sim_host(r->sim, path, "");
	plan_ok(r, 0);
	assert_null(r->plan.refusal);   /* the driver knows switches, and has none */
	hw_sim_host(r->sim, path, "0000:85:00.0\n0000:86:00.0");
	plan_ok(r, 0);
	assert_refused(r, "hive", "--force-hive");
	assert_says(r->plan.refusal, "by NVLink");
	assert_says(r->plan.refusal, "unbind nvidia");
	plan_ok(r, FORCE_HIVE);
	assert_null(r->plan.refusal);
	hw_sim_attr(r->sim, rig_fn(r, 0), "driver", "vfio-pci");
	plan_ok(r, 0);
	assert_null(r->plan.refusal);
	rig_close(r);
}

/* A function of the slot itself is the network card. */
static void test_own_network(void **state)
{
	const struct rig_plain nic = { .vendor = 0x8086, .device = 0x10d3,
				       .class_code = 0x020000, .flr = true };
	struct rig *r = rig_open_plain(&nic, RIG_ROOT_PORT);

	(void)state;
	put_net(r, "0000:01:00.0", "down", "0");
	plan_ok(r, 0);
	assert_null(r->plan.refusal);
	put_net(r, "0000:01:00.0", "up", "1");
	plan_ok(r, 0);
	assert_refused(r, "network", "--force-network");
	assert_says(r->plan.refusal, "eth0, which is up");
	plan_ok(r, FORCE_NETWORK);
	assert_null(r->plan.refusal);
	put_net(r, "0000:07:00.0", "up", "1");
	plan_ok(r, 0);
	assert_null(r->plan.refusal);   /* another card's */
	rig_close(r);
}

static void test_own_storage(void **state)
{
	const struct rig_plain ahci = { .vendor = 0x8086, .device = 0x2922,
					.class_code = 0x010601, .flr = true };
	struct rig *r = rig_open_plain(&ahci, RIG_ROOT_PORT);

	(void)state;
	put_disk(r, "0000:01:00.0");
	plan_ok(r, 0);
	assert_null(r->plan.refusal);   /* a disk that nobody uses */
	hw_sim_host(r->sim, "/proc/self/mountinfo",
		    "21 1 0:5 / /proc rw - proc proc rw\n"
		    "25 1 8:1 / /srv rw - ext4 /dev/sda1 rw");
	plan_ok(r, 0);
	assert_refused(r, "storage", "--force-storage");
	assert_says(r->plan.refusal, "sda1, which is mounted at /srv");
	plan_ok(r, FORCE_STORAGE);
	assert_null(r->plan.refusal);
	rig_close(r);
}

/* --- neighbours -------------------------------------------------------------------- */

static void test_neighbour_network(void **state)
{
	struct rig *r = with_neighbour(0x020000);

	(void)state;
	put_net(r, "0000:02:02.0", "down", "0");
	plan_ok(r, 0);
	assert_null(r->plan.refusal);
	assert_usable(r, SUB, ATTEMPT_REFUSED, "--force-neighbours");
	assert_null(strstr(rig_attempt(r, SUB)->reason, "eth0"));
	plan_ok(r, FORCE_NEIGHBOURS);
	assert_usable(r, SUB, ATTEMPT_YES, NULL);
	put_net(r, "0000:02:02.0", "unknown", "1");
	plan_ok(r, 0);
	assert_null(r->plan.refusal);   /* flr does it no harm */
	assert_usable(r, "flr", ATTEMPT_YES, NULL);
	assert_says(rig_attempt(r, SUB)->reason, "network interface eth0, which is up");
	plan_ok(r, FORCE_NEIGHBOURS);
	assert_usable(r, SUB, ATTEMPT_REFUSED, "--force-network");
	assert_says(rig_attempt(r, SUB)->reason, "ip link set");
	plan_ok(r, FORCE_NEIGHBOURS | FORCE_NETWORK);
	assert_usable(r, SUB, ATTEMPT_YES, NULL);
	assert_usable(r, "bus at 0000:01:00.0", ATTEMPT_REFUSED, NULL);
	rig_close(r);
}

/* A member of a bridge or a bond counts without a cable. */
static void test_neighbour_member(void **state)
{
	struct rig *r = with_neighbour(0x020000);

	(void)state;
	put_net(r, "0000:02:02.0", "down", "0");
	hw_sim_host(r->sim, NET "eth0/master", "vmbr0");
	plan_ok(r, FORCE_NEIGHBOURS);
	assert_usable(r, SUB, ATTEMPT_REFUSED, "--force-network");
	assert_says(rig_attempt(r, SUB)->reason, "eth0, which is part of vmbr0");
	rig_close(r);
}

/* To take a neighbour along is one thing, to take it from a VM another. */
static void test_neighbour_open(void **state)
{
	static const struct hw_holder vm = { 815, "kvm", "/dev/vfio/77", { 0 } };
	struct rig *r = with_neighbour(0x030000);

	(void)state;
	hw_sim_attr(r->sim, rig_bdf("02:02.0"), "driver", "vfio-pci");
	plan_ok(r, FORCE_NEIGHBOURS);
	assert_usable(r, SUB, ATTEMPT_YES, NULL);
	hw_sim_holder(r->sim, rig_bdf("02:02.0"), &vm);
	plan_ok(r, 0);
	assert_null(r->plan.refusal);   /* the card itself is free */
	assert_usable(r, "flr", ATTEMPT_YES, NULL);
	assert_says(rig_attempt(r, SUB)->reason, "process 815 (kvm) has open");
	plan_ok(r, ~0u & ~FORCE_NEIGHBOURS);
	assert_usable(r, SUB, ATTEMPT_REFUSED, "--force-neighbours");
	plan_ok(r, ~0u & ~FORCE_NEIGHBOURS_IN_USE);
	assert_usable(r, SUB, ATTEMPT_REFUSED, "--force-neighbours-in-use");
	plan_ok(r, FORCE_NEIGHBOURS | FORCE_NEIGHBOURS_IN_USE);
	assert_says(rig_attempt(r, SUB)->note,
		    "0000:02:02.0, which carries the device /dev/vfio/77, which process "
		    "815 (kvm) has open; stop it first");
	assert_usable(r, SUB, ATTEMPT_YES, NULL);
	rig_close(r);
}

/* --- a group of several slots ------------------------------------------------------ */

static bool owns(const struct attempt *a)
{
	for (size_t i = 0; i < a->nsteps; i++)
		if (a->step[i].kind == STEP_OWN)
			return true;
	return false;
}

/* Its card is another worker's to reset at the same time; bridges are nobody's. */
static void test_shared_group(void **state)
{
	struct rig *r = with_neighbour(0x030000);

	(void)state;
	rig_vfio(r);
	hw_sim_attr(r->sim, rig_fn(r, 0), "iommu_group/devices",
		    "0000:00:01.0\n0000:01:00.0\n0000:02:01.0\n0000:02:01.1");
	plan_ok(r, 0);
	assert_true(owns(rig_attempt(r, "flr")));
	for (unsigned fn = 0; fn < 2; fn++)
		hw_sim_attr(r->sim, rig_fn(r, fn), "iommu_group/devices",
			    "0000:02:01.0\n0000:02:01.1\n0000:02:02.0");
	plan_ok(r, 0);
	assert_false(owns(rig_attempt(r, "flr")));
	rig_close(r);
}

/* Another card in the same hotplug slot, as on a board with two GPUs. */
static void test_shared_slot(void **state)
{
	const struct rig_plain other = { .vendor = 0x10de, .device = 0x1b80,
					 .class_code = 0x030000 };
	struct rig *r = rig_unbooted("flr", RIG_SWITCH);

	(void)state;
	rig_add_plain(r, rig_bdf("03:01.0"), &other);
	rig_boot(r);
	plan_ok(r, 0);
	assert_usable(r, "hot_reset", ATTEMPT_REFUSED, NULL);
	assert_says(rig_attempt(r, "hot_reset")->reason, "0000:03:01.0");
	assert_null(strstr(rig_attempt(r, "hot_reset")->reason, "hotplug"));
	r->target.path[0].hotplug = true;
	plan_free(&r->plan);
	assert_int_equal(plan_build(&r->plan, &r->target, NULL, NULL,
				    &(struct plan_opts){ 0 }, &(struct err){ 0 }), 0);
	assert_says(rig_attempt(r, "hot_reset")->reason,
		    "not part of the card but in the same hotplug slot");
	rig_close(r);
}

/* Each way in which a disk can be in use, and that alone. */
static void test_neighbour_storage(void **state)
{
	static const struct { const char *path, *text, *says; } uses[] = {
		{ "/proc/self/mountinfo", "25 1 8:1 / /srv rw shared:1 - ext4 /dev/x rw",
		  "sda1, which is mounted at /srv" },
		{ "/proc/self/mountinfo", "25 1 0:31 / /b rw - btrfs /dev/sda1 rw",
		  "sda1, which is mounted at /b" },
		{ "/proc/swaps", "Filename Type\n/dev/sda1   partition 8 0 -2",
		  "sda1, which is swap" },
		{ BLOCK "sda1/holders", "dm-0", "sda1, which is part of dm-0" },
		{ "/sys/fs/btrfs/4711/devices/sda1", "", "part of a btrfs" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(uses) / sizeof(*uses); i++) {
		struct rig *r = with_neighbour(0x010601);

		put_disk(r, "0000:02:02.0");
		hw_sim_host(r->sim, "/sys/fs/btrfs", "4711\nfeatures");
		plan_ok(r, FORCE_NEIGHBOURS);
		assert_usable(r, SUB, ATTEMPT_YES, NULL);
		hw_sim_host(r->sim, uses[i].path, uses[i].text);
		plan_ok(r, FORCE_NEIGHBOURS);
		assert_usable(r, SUB, ATTEMPT_REFUSED, "--force-storage");
		assert_says(rig_attempt(r, SUB)->reason, uses[i].says);
		plan_ok(r, 0);
		assert_says(rig_attempt(r, SUB)->reason, uses[i].says);
		plan_ok(r, FORCE_NEIGHBOURS | FORCE_STORAGE);
		assert_usable(r, SUB, ATTEMPT_YES, NULL);
		rig_close(r);
	}
}

/* What sysfs does not tell: ZFS, a mount in another namespace, LIO. */
static void test_claimed_storage(void **state)
{
	static const struct hw_holder kernel = { .comm = "the kernel",
						 .what = "/dev/sda" };
	struct rig *r = with_neighbour(0x010601);

	(void)state;
	put_disk(r, "0000:02:02.0");
	hw_sim_attr(r->sim, rig_bdf("02:02.0"), "driver", "vfio-pci");
	plan_ok(r, FORCE_NEIGHBOURS);
	assert_usable(r, SUB, ATTEMPT_YES, NULL);
	hw_sim_holder(r->sim, rig_bdf("02:02.0"), &kernel);
	plan_ok(r, FORCE_NEIGHBOURS);
	assert_usable(r, SUB, ATTEMPT_REFUSED, "--force-storage");
	assert_says(rig_attempt(r, SUB)->reason, "block device sda, which is in use");
	hw_sim_holder(r->sim, rig_fn(r, 0), &kernel);
	plan_ok(r, 0);
	assert_refused(r, "storage", "--force-storage");
	assert_int_equal(r->target.nholders, 0);
	rig_close(r);
}

static void test_stacked_storage(void **state)
{
	struct rig *r = with_neighbour(0x010802);

	(void)state;
	put_disk(r, "0000:02:02.0");
	hw_sim_host(r->sim, BLOCK "sda1/holders", "dm-0");
	hw_sim_host(r->sim, "/proc/self/mountinfo",
		    "25 1 253:0 / / rw - ext4 /dev/mapper/pve-root rw");
	plan_ok(r, 0);
	assert_says(rig_attempt(r, SUB)->reason,
		    "sda1, which is part of dm-0, which is mounted at /");
	/* a loop of holders ends */
	hw_sim_host(r->sim, "/proc/self/mountinfo", "");
	hw_sim_host(r->sim, BLOCK "dm-0/holders", "dm-0");
	plan_ok(r, 0);
	assert_says(rig_attempt(r, SUB)->reason, "sda1, which is part of dm-0");
	rig_close(r);
}

/* A folder of the disk's that is below no function (loop, NVMe with several paths). */
static void test_not_below(void **state)
{
	struct rig *r = with_neighbour(0x010601);

	(void)state;
	put_disk(r, "0000:05:00.0");
	hw_sim_host(r->sim, "/proc/self/mountinfo",
		    "25 1 8:1 / /srv rw - ext4 /dev/sda1 rw\n"
		    "26 1 7:0 / /l rw - ext4 /dev/loop0 rw");
	plan_ok(r, FORCE_NEIGHBOURS);
	assert_usable(r, SUB, ATTEMPT_YES, NULL);
	assert_int_equal(r->target.nuses, 0);
	rig_close(r);
}

/* --- Thunderbolt ------------------------------------------------------------------ */

static void test_thunderbolt(void **state)
{
	static const char *const bridge[] = {
		"hot_reset", "subordinate at 0000:00:01.0", "bus at 0000:00:01.0",
	};
	struct rig *r = rig_open("flr", RIG_ROOT_PORT);

	(void)state;
	plan_ok(r, 0);
	for (size_t i = 0; i < 3; i++)
		assert_usable(r, bridge[i], ATTEMPT_YES, NULL);
	hw_sim_attr(r->sim, r->bridge[0], "removable", "removable");
	plan_ok(r, 0);
	assert_null(r->plan.refusal);
	assert_usable(r, "flr", ATTEMPT_YES, NULL);
	for (size_t i = 0; i < 3; i++) {
		assert_usable(r, bridge[i], ATTEMPT_REFUSED, "--force-thunderbolt");
		assert_says(rig_attempt(r, bridge[i])->reason, "0000:00:01.0");
	}
	plan_ok(r, FORCE_THUNDERBOLT);
	for (size_t i = 0; i < 3; i++)
		assert_usable(r, bridge[i], ATTEMPT_YES, NULL);
	rig_close(r);
}

/* Ports of the enclosure are marked, the root port of a host with USB4 is not. */
static void test_usb4(void **state)
{
	struct rig *r = rig_open("flr", RIG_SWITCH);
	const char *const root = "bus at 0000:00:01.0";
	const struct plan_opts at = { .at = r->bridge[0], .has_at = true };
	struct err err = { 0 };

	(void)state;
	plan_ok(r, 0);
	assert_int_equal(target_card_level(&r->target), r->nbridges - 1);
	for (size_t i = 1; i < r->nbridges; i++)
		hw_sim_attr(r->sim, r->bridge[i], "removable", "removable");
	plan_ok(r, 0);
	assert_int_equal(target_card_level(&r->target), 0);
	for (size_t i = 0; i < r->plan.nattempts; i++)
		if (r->plan.attempt[i].level >= 0)
			assert_int_equal(r->plan.attempt[i].usable, ATTEMPT_REFUSED);
	assert_int_equal(rig_plan(r, &at, &err), 0);
	assert_usable(r, root, ATTEMPT_REFUSED, "--force-thunderbolt");
	assert_says(rig_attempt(r, root)->reason, "is behind Thunderbolt");
	rig_close(r);
}

/* --- the table --------------------------------------------------------------------- */

/* One bit an option, one option a bit, and no option for all. */
static void test_options(void **state)
{
	unsigned seen = 0;

	(void)state;
	for (size_t i = 0; force_options[i].option; i++) {
		unsigned bit = force_options[i].bit;

		assert_true(bit && !(bit & (bit - 1)));
		assert_int_equal(seen & bit, 0);
		seen |= bit;
	}
	assert_int_equal(seen, 2 * FORCE_NEIGHBOURS_IN_USE - 1);
}

/* --- folders on a real file system ------------------------------------------------- */

static void make_file(const char *root, const char *path)
{
	char full[256];
	FILE *f;

	snprintf(full, sizeof(full), "%s/%s", root, path);
	f = fopen(full, "w");
	assert_non_null(f);
	fclose(f);
}

static void test_folder(void **state)
{
	char root[] = "/tmp/guards.XXXXXX", path[256], text[16];

	(void)state;
	assert_non_null(mkdtemp(root));
	snprintf(path, sizeof(path), "%s/d", root);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(linux_host_read(root, "/d", text, sizeof(text), NULL), 0);
	assert_string_equal(text, "");
	make_file(root, "d/two");
	make_file(root, "d/one");
	make_file(root, "d/.hidden");
	assert_int_equal(linux_host_read(root, "/d", text, sizeof(text), NULL), 0);
	assert_string_equal(text, "one\ntwo");
	assert_int_equal(linux_host_read(root, "/d", text, 8, NULL), 0);
	assert_int_equal(linux_host_read(root, "/d", text, 7, NULL), -EOVERFLOW);
	snprintf(path, sizeof(path), "%s/link", root);
	assert_int_equal(symlink("d", path), 0);
	assert_int_equal(linux_host_read(root, "/link", text, sizeof(text), NULL), 0);
	assert_string_equal(text, "d");
	assert_int_equal(linux_host_read(root, "/link/.", text, sizeof(text), NULL), 0);
	assert_string_equal(text, "one\ntwo");
	snprintf(path, sizeof(path), "rm -r %s", root);
	assert_int_equal(system(path), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mdev),
		cmocka_unit_test(test_hive),
		cmocka_unit_test(test_nvlink),
		cmocka_unit_test(test_own_network),
		cmocka_unit_test(test_own_storage),
		cmocka_unit_test(test_neighbour_network),
		cmocka_unit_test(test_neighbour_member),
		cmocka_unit_test(test_neighbour_open),
		cmocka_unit_test(test_shared_group),
		cmocka_unit_test(test_shared_slot),
		cmocka_unit_test(test_neighbour_storage),
		cmocka_unit_test(test_stacked_storage),
		cmocka_unit_test(test_claimed_storage),
		cmocka_unit_test(test_not_below),
		cmocka_unit_test(test_thunderbolt),
		cmocka_unit_test(test_usb4),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_folder),
	};

	return cmocka_run_group_tests_name("guards", tests, NULL, NULL);
}
