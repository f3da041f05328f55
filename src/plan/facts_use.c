// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What of the host runs over a function without a device node being open: network,
 * storage, mediated devices, links between cards. All by reading.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/textfile.h"
#include "base/xalloc.h"
#include "plan/facts_fn.h"

#define USE_NAMES 65536         /* names in a folder: disks, network interfaces */
#define USE_MOUNTS (4u << 20)   /* of mountinfo; a host of containers has thousands */
#define USE_CLIMB 16            /* folders from a disk up to its function (USB hubs) */
#define USE_STACK 8             /* partition, RAID, encryption, volume ... */
#define USE_NAME 32

#define BLOCK "/sys/class/block/"
#define NET "/sys/class/net/"

struct use_scan {
	struct hw *hw;
	struct target *t;
	char *mounts, *swaps, *btrfs;   /* as the kernel has them; NULL: unreadable */
	struct err *err;
};

/* --- reading ------------------------------------------------------------------- */

/* Absent is empty. NULL: cannot be read, which is in @err. To be freed. */
static char *use_text(struct hw *hw, const char *path, size_t size, struct err *err)
{
	char *text = xcalloc(1, size);
	struct err why = { 0 };
	int rc = hw_host_read(hw, path, text, size, &why);

	if (!rc || rc == -ENOENT)
		return text;
	if (!err->code)
		*err = why;
	free(text);
	return NULL;
}

/* To be taken apart, and freed. */
static char *use_copy(const char *text)
{
	size_t size = strlen(text) + 1;

	return memcpy(xcalloc(1, size), text, size);
}

/* The next name of a folder's, or NULL. */
static char *use_next(char **at)
{
	char *name = strsep(at, "\n");

	return name && *name ? name : NULL;
}

/* The function that the folder @dir is below of: the nearest one. */
static bool use_owner(struct hw *hw, const char *dir, struct bdf *owner)
{
	static const char key[] = "PCI_SLOT_NAME=";
	char path[256], text[4096];
	size_t n = (size_t)snprintf(path, sizeof(path), "%s/", dir);

	for (int up = 0; up < USE_CLIMB && n + 10 < sizeof(path); up++) {
		const char *at;

		snprintf(path + n, sizeof(path) - n, "uevent");
		if (hw_host_read(hw, path, text, sizeof(text), NULL))
			text[0] = '\0';
		at = strstr(text, key);
		if (at) {
			at += sizeof(key) - 1;
			text[strcspn(at, "\n") + (size_t)(at - text)] = '\0';
			return bdf_from_sysfs(at, owner);
		}
		n += (size_t)snprintf(path + n, sizeof(path) - n, "../");
	}
	return false;
}

/* --- which functions ------------------------------------------------------------ */

/* What a card's own functions, bridges and sound are is known to carry neither. */
static bool use_may_carry(uint32_t class_code)
{
	return !class_is_gpu(class_code) && class_code >> 16 != PCI_BASE_CLASS_SOUND &&
	       class_code >> 16 != PCI_BASE_CLASS_BRIDGES;
}

static bool use_matters(const struct target *t, struct bdf bdf)
{
	for (size_t i = 0; i < t->nfns; i++)
		if (bdf_eq(t->fn[i].bdf, bdf))
			return true;
	for (size_t i = 0; i < t->nother; i++)
		if (bdf_eq(t->other[i].bdf, bdf))
			return true;
	return false;
}

static bool use_anything(const struct target *t)
{
	for (size_t i = 0; i < t->nfns; i++)
		if (use_may_carry(t->fn[i].class_code))
			return true;
	for (size_t i = 0; i < t->nother; i++)
		if (use_may_carry(t->other[i].class_code))
			return true;
	return false;
}

static void use_add(struct target *t, const struct fn_use *use)
{
	t->use = xgrow(t->use, t->nuses, &t->use_room, sizeof(*use));
	t->use[t->nuses++] = *use;
}

static bool use_known(const struct target *t, const struct fn_use *use)
{
	for (size_t i = 0; i < t->nuses; i++)
		if (t->use[i].kind == use->kind && bdf_eq(t->use[i].bdf, use->bdf))
			return true;
	return false;
}

void facts_use_open(struct target *t, struct bdf fn, const struct hw_holder *who)
{
	struct fn_use use = { .kind = USE_OPEN, .bdf = fn };

	if (use_known(t, &use))
		return;
	snprintf(use.name, sizeof(use.name), "%.31s", who->what);
	snprintf(use.how, sizeof(use.how), "process %d (%.31s) has open", who->pid,
		 who->comm);
	use_add(t, &use);
}

void facts_use_claimed(struct target *t, const struct hw_holder *disk)
{
	const char *name = strrchr(disk->what, '/');
	struct fn_use use = { .kind = USE_STORAGE, .bdf = disk->fn };

	if (use_known(t, &use))
		return;
	snprintf(use.name, sizeof(use.name), "%.31s", name ? name + 1 : disk->what);
	snprintf(use.how, sizeof(use.how), "is in use (mounted elsewhere, ZFS, LVM, md, "
		 "swap or a VM's)");
	use_add(t, &use);
}

/* --- the network ---------------------------------------------------------------- */

/*
 * Documentation/ABI/testing/sysfs-class-net: operstate follows RFC 2863, "unknown"
 * where the driver does not tell; carrier cannot be read of an interface that is down.
 */
static bool use_link_is_up(struct hw *hw, const char *name)
{
	char path[128], text[32];
	int rc;

	snprintf(path, sizeof(path), NET "%s/operstate", name);
	rc = hw_host_read(hw, path, text, sizeof(text), NULL);
	if (rc && rc != -ENOENT)
		return true;            /* not known is not down */
	if (!rc && !strcmp(text, "up"))
		return true;
	snprintf(path, sizeof(path), NET "%s/carrier", name);
	return !hw_host_read(hw, path, text, sizeof(text), NULL) && text[0] == '1';
}

/* A member of a bridge or a bond is in use without a cable, too: it would leave it. */
static bool use_net(const struct use_scan *u, const char *name, struct fn_use *use)
{
	char path[128], master[64];

	snprintf(use->how, sizeof(use->how), "is up");
	snprintf(path, sizeof(path), NET "%s/master", name);
	if (hw_host_read(u->hw, path, master, sizeof(master), NULL))
		return use_link_is_up(u->hw, name);
	snprintf(use->how, sizeof(use->how), "is part of %.40s", master);
	return true;
}

static void use_network(struct use_scan *u)
{
	char *names = use_text(u->hw, "/sys/class/net", USE_NAMES, u->err);
	char *at = names, *name, dir[128];

	while (names && (name = use_next(&at))) {
		struct fn_use use = { .kind = USE_NETWORK };

		snprintf(dir, sizeof(dir), NET "%.64s/device", name);
		snprintf(use.name, sizeof(use.name), "%s", name);
		if (hw_host_exists(u->hw, dir) && use_owner(u->hw, dir, &use.bdf) &&
		    use_matters(u->t, use.bdf) && use_net(u, name, &use))
			use_add(u->t, &use);
	}
	free(names);
}

/* --- storage -------------------------------------------------------------------- */

/* Is @path "/dev/" and @name? */
static bool use_is_node(const char *path, size_t len, const char *name)
{
	return len == 5 + strlen(name) && !strncmp(path, "/dev/", 5) &&
	       !strncmp(path + 5, name, len - 5);
}

/* Word number @n (from 0) of a line of @len bytes. */
static const char *use_word(const char *line, size_t len, int n, size_t *word_len)
{
	const char *end = line + len;

	for (; n > 0 && line < end; n--) {
		line += strcspn(line, " \t\n");
		line += line < end ? strspn(line, " \t") : 0;
	}
	*word_len = line < end ? strcspn(line, " \t\n") : 0;
	return line;
}

/*
 * proc(5), mountinfo: number, parent, MAJOR:MINOR, root, mount point, ... "-", type,
 * source. Btrfs has a number of its own there, so that only the source tells.
 */
static bool use_mount_line(const char *line, size_t len, const char *name,
			   const char *number, struct fn_use *use)
{
	size_t dev_len, at_len, src_len;
	const char *dev = use_word(line, len, 2, &dev_len);
	const char *at = use_word(line, len, 4, &at_len);
	const char *dash = memmem(line, len, " - ", 3), *src = "";

	src_len = 0;
	if (dash)
		src = use_word(dash + 3, len - (size_t)(dash + 3 - line), 1, &src_len);
	if (!use_is_node(src, src_len, name) &&
	    (dev_len != strlen(number) || strncmp(dev, number, dev_len) != 0 || !dev_len))
		return false;
	snprintf(use->how, sizeof(use->how), "is mounted at %.*s",
		 at_len < 64 ? (int)at_len : 64, at);
	return true;
}

static bool use_mounted(const struct use_scan *u, const char *name, struct fn_use *use)
{
	char path[128], number[32] = "";
	const char *at = u->mounts, *end = at + strlen(at), *line;
	size_t len;

	snprintf(path, sizeof(path), BLOCK "%s/dev", name);
	hw_host_read(u->hw, path, number, sizeof(number), NULL);
	while ((line = textfile_line(&at, end, &len)))
		if (use_mount_line(line, len, name, number, use))
			return true;
	return false;
}

static bool use_swapped(const struct use_scan *u, const char *name, struct fn_use *use)
{
	const char *at = u->swaps, *end = at + strlen(at), *line;
	size_t len, path_len;

	while ((line = textfile_line(&at, end, &len))) {
		const char *path = use_word(line, len, 0, &path_len);

		if (!use_is_node(path, path_len, name))
			continue;
		snprintf(use->how, sizeof(use->how), "is swap");
		return true;
	}
	return false;
}

/* A file system of several disks is mounted by the name of one. */
static bool use_btrfs(const struct use_scan *u, const char *name, struct fn_use *use)
{
	char *names = use_copy(u->btrfs), *at = names, *fs, path[192];
	bool yes = false;

	while (!yes && (fs = use_next(&at))) {
		snprintf(path, sizeof(path), "/sys/fs/btrfs/%.64s/devices/%s", fs, name);
		yes = hw_host_exists(u->hw, path);
	}
	if (yes)
		snprintf(use->how, sizeof(use->how), "is part of a btrfs that is "
			 "mounted");
	free(names);
	return yes;
}

static bool use_block(const struct use_scan *u, const char *name, int depth,
		      struct fn_use *use);

/* RAID, LVM, encryption: whoever builds on it has it, mounted or not. */
static bool use_built_on(const struct use_scan *u, const char *name, int depth,
			 struct fn_use *use)
{
	char path[128], names[1024] = "", *at = names, *above;
	struct fn_use deeper = *use;

	snprintf(path, sizeof(path), BLOCK "%s/holders", name);
	if (depth == USE_STACK ||
	    hw_host_read(u->hw, path, names, sizeof(names), NULL) == -ENOENT)
		return false;
	above = use_next(&at);
	if (!above)
		return false;
	snprintf(use->how, sizeof(use->how), "is part of %.40s", above);
	for (; above; above = use_next(&at)) {
		if (strlen(above) >= USE_NAME ||
		    !use_block(u, above, depth + 1, &deeper))
			continue;
		snprintf(use->how, sizeof(use->how), "is part of %.20s, which %.60s",
			 above, deeper.how);
		break;
	}
	return true;
}

static bool use_block(const struct use_scan *u, const char *name, int depth,
		      struct fn_use *use)
{
	if (!u->mounts || !u->swaps || !u->btrfs) {
		snprintf(use->how, sizeof(use->how), "may be mounted (that cannot be "
			 "read)");
		return true;
	}
	return use_mounted(u, name, use) || use_swapped(u, name, use) ||
	       use_btrfs(u, name, use) || use_built_on(u, name, depth, use);
}

static void use_read_mounts(struct use_scan *u)
{
	struct err ignored = { 0 };     /* use_block() says it */

	u->mounts = use_text(u->hw, "/proc/self/mountinfo", USE_MOUNTS, &ignored);
	u->swaps = use_text(u->hw, "/proc/swaps", USE_NAMES, &ignored);
	u->btrfs = use_text(u->hw, "/sys/fs/btrfs", USE_NAMES, &ignored);
}

/* Disks have a link `device`, partitions are folders of their disk's. */
static bool use_is_disk(const struct use_scan *u, const char *name, struct bdf *owner)
{
	char dir[128];
	bool whole;

	snprintf(dir, sizeof(dir), BLOCK "%.32s/device", name);
	whole = hw_host_exists(u->hw, dir);
	snprintf(dir, sizeof(dir), BLOCK "%.32s/partition", name);
	if (!whole && !hw_host_exists(u->hw, dir))
		return false;
	snprintf(dir, sizeof(dir), BLOCK "%.32s%s/device", name, whole ? "" : "/..");
	return use_owner(u->hw, dir, owner) && use_matters(u->t, *owner);
}

static void use_storage(struct use_scan *u, const char *names)
{
	char *copy = use_copy(names), *at = copy, *name;

	while ((name = use_next(&at))) {
		struct fn_use use = { .kind = USE_STORAGE };

		if (strlen(name) >= USE_NAME ||
		    !use_is_disk(u, name, &use.bdf))
			continue;
		memcpy(use.name, name, strlen(name) + 1);
		if (!u->mounts && !u->swaps && !u->btrfs)
			use_read_mounts(u);
		if (use_block(u, name, 0, &use))
			use_add(u->t, &use);
	}
	free(copy);
}

void facts_uses(struct hw *hw, struct target *t, struct err *err)
{
	struct use_scan u = { .hw = hw, .t = t, .err = err };
	char *disks;

	if (!use_anything(t))
		return;
	use_network(&u);
	disks = use_text(hw, "/sys/class/block", USE_NAMES, err);
	if (disks)
		use_storage(&u, disks);
	free(disks);
	free(u.mounts);
	free(u.swaps);
	free(u.btrfs);
}

/* --- what a driver made of the function ------------------------------------------- */

/* Names in a folder of the function's; "" when there is none. */
static void made_names(struct hw *hw, struct bdf bdf, const char *attr, char *buf,
		       size_t size, struct err *err)
{
	struct err why = { 0 };
	int rc = hw_attr_read(hw, bdf, attr, buf, size, &why);

	if (rc)
		buf[0] = '\0';
	if (rc && rc != -ENOENT && !err->code)
		*err = why;
}

/* Documentation/driver-api/vfio-mediated-device.rst: a folder a type, its `devices`. */
static void made_mdevs(struct hw *hw, struct fn_facts *fn, struct err *err)
{
	char types[8192], uuids[8192], attr[128], *at = types, *type, *next, *uuid;

	made_names(hw, fn->bdf, "mdev_supported_types", types, sizeof(types), err);
	while ((type = use_next(&at))) {
		snprintf(attr, sizeof(attr), "mdev_supported_types/%.64s/devices", type);
		made_names(hw, fn->bdf, attr, uuids, sizeof(uuids), err);
		for (next = uuids; (uuid = use_next(&next)); fn->nmdevs++)
			if (!fn->nmdevs)
				snprintf(fn->mdev, sizeof(fn->mdev), "%.38s", uuid);
	}
}

/*
 * drivers/gpu/drm/amd/amdgpu/amdgpu_xgmi.c ("AMDGPU XGMI Support"): xgmi_hive_info has a
 * link node1, node2 ... to each card that amdgpu drives. Which cards are linked by XGMI
 * under any other driver, sysfs does not say.
 */
static void made_hive(struct hw *hw, struct fn_facts *fn, struct err *err)
{
	char nodes[4096], attr[64], text[64], *at = nodes, *node;

	fn->hive = hw_attr_exists(hw, fn->bdf, "xgmi_device_id");
	if (!fn->hive)
		return;
	/* itself a link but for the card that was first */
	made_names(hw, fn->bdf, "xgmi_hive_info/.", nodes, sizeof(nodes), err);
	fn->hive = !nodes[0];
	while ((node = use_next(&at))) {
		struct bdf bdf;

		snprintf(attr, sizeof(attr), "xgmi_hive_info/%.40s", node);
		if (strncmp(node, "node", 4) != 0 ||
		    hw_attr_read(hw, fn->bdf, attr, text, sizeof(text), NULL) ||
		    !bdf_from_sysfs(text, &bdf) || bdf_eq(bdf, fn->bdf))
			continue;
		fn->hive = true;
		fn->hive_fn = fn->nhive++ ? fn->hive_fn : bdf;
	}
}

/*
 * Who is linked to whom by NVLink, sysfs does not say. But NVIDIA's driver shows the
 * switches that link its cards (kernel-open/nvidia/procfs_nvswitch.c): where there are
 * any, each card that it has is linked. A bridge plugged onto two cards is not seen.
 */
static void made_switched(struct hw *hw, struct fn_facts *fn)
{
	char names[4096] = "?";         /* what cannot be read may be there */

	fn->hive = hw_host_read(hw, "/proc/driver/nvidia-nvswitch/devices", names,
				sizeof(names), NULL) != -ENOENT && names[0];
}

void facts_made(struct hw *hw, struct fn_facts *fn, struct err *err)
{
	/* no driver, or one that only hands the function on: nothing is made of it */
	if (!fn->driver[0] || !strcmp(fn->driver, "vfio-pci") ||
	    !strcmp(fn->driver, "pci-stub"))
		return;
	made_mdevs(hw, fn, err);
	if (!strcmp(fn->driver, "amdgpu"))
		made_hive(hw, fn, err);
	if (!strcmp(fn->driver, "nvidia"))
		made_switched(hw, fn);
}
