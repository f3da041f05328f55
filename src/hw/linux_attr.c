// SPDX-License-Identifier: GPL-2.0-or-later
#include "hw/linux_attr.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "hw/linux_sys.h"

struct attr_meaning {
	const char *name;               /* NULL: any attribute; these come last */
	int code;
	const char *text;
};

/* drivers/pci/pci-sysfs.c, pci.c, bus.c and pci-driver.c, what each errno stands for. */
static const struct attr_meaning attr_meanings[] = {
	{ "reset", ENOTTY, "the kernel has no reset method that works for this "
	  "function (several functions on the slot, or it timed out)" },
	{ "reset", EINVAL, "the kernel's method needs the function in D0, and it is "
	  "not there" },
	{ "reset_subordinate", ENOTTY, "the kernel cannot reset the bus below this "
	  "bridge, or what is on it did not come back in time" },
	{ "reset_method", EINVAL, "the kernel does not offer that method here" },
	{ "reset_method", ENXIO, "the function could not be woken up" },
	{ "driver/unbind", ENODEV, "the function is not bound to this driver" },
	{ "driver_override", EINVAL, "the kernel refuses this driver name" },
	{ "drivers_probe", ENODEV, "the function does not exist" },
	{ "enable", EBUSY, "a driver is bound to the function" },
	{ "enable", EIO, "the function is not enabled" },
	{ NULL, ENOENT, "there is no such attribute" },
	{ NULL, EAGAIN, "locked by somebody else" },
	{ NULL, EPERM, "forbidden: not root, or kernel lockdown (Secure Boot)" },
	{ NULL, EACCES, "forbidden: not root, or kernel lockdown (Secure Boot)" },
	{ NULL, EBUSY, "somebody is using the function" },
	{ NULL, ENODEV, "the function is gone" },
};

const char *linux_attr_meaning(const char *name, int code)
{
	const struct attr_meaning *m;
	size_t i;

	for (i = 0; i < sizeof(attr_meanings) / sizeof(attr_meanings[0]); i++) {
		m = &attr_meanings[i];
		if (m->code == code && (!m->name || !strcmp(m->name, name)))
			return m->text;
	}
	return NULL;
}

/* A link gives the last part of its target, a folder its names, a file its text. */
static int attr_text(const char *path, char *buf, size_t size)
{
	int rc = sys_read_link(path, buf, size);

	if (rc == -EINVAL)
		rc = sys_read_text(path, buf, size);
	return rc == -EISDIR ? sys_read_names(path, buf, size) : rc;
}

int linux_attr_read(const char *root, struct bdf bdf, const char *name, char *buf,
		    size_t size, struct err *err)
{
	char path[SYS_PATH], at[BDF_STR];
	int rc = sys_fn_path(path, root, bdf, name);

	if (!rc)
		rc = attr_text(path, buf, size);
	if (!rc)
		return 0;
	if (rc == -EOVERFLOW)
		return err_set(err, EOVERFLOW, "%s: %.64s: longer than %zu bytes",
			       bdf_str(bdf, at), name, size);
	return err_sys(err, -rc, "%s: %.64s", bdf_str(bdf, at), name);
}

bool linux_attr_exists(const char *root, struct bdf bdf, const char *name)
{
	char path[SYS_PATH];
	struct stat st;

	return !sys_fn_path(path, root, bdf, name) && !lstat(path, &st);
}

static int attr_write_error(const char *where, const char *name, const char *value,
			    int code, struct err *err)
{
	const char *text = linux_attr_meaning(name, code);

	if (!text)
		return err_sys(err, code, "%s: %.64s: cannot write '%.64s'", where, name,
			       value);
	return err_set(err, code, "%s: %.64s: cannot write '%.64s': %s (%s)", where,
		       name, value, text, strerror(code));
}

int linux_attr_write(const char *root, struct bdf bdf, const char *name,
		     const char *value, struct err *err)
{
	char path[SYS_PATH], at[BDF_STR];
	int rc = sys_fn_path(path, root, bdf, name);

	if (rc)
		return err_sys(err, -rc, "%s: no such attribute name: '%.64s'",
			       bdf_str(bdf, at), name);
	rc = sys_write_text(path, value);
	return rc ? attr_write_error(bdf_str(bdf, at), name, value, -rc, err) : 0;
}

int linux_bus_write(const char *root, const char *name, const char *value,
		    struct err *err)
{
	char path[SYS_PATH];
	int rc = -EINVAL;

	if (sys_name_ok(name))
		rc = sys_path(path, root, "/sys/bus/pci/%s", name);
	if (rc)
		return err_sys(err, -rc, "no such attribute name of the PCI bus: "
			       "'%.64s'", name);
	rc = sys_write_text(path, value);
	return rc ? attr_write_error("PCI bus", name, value, -rc, err) : 0;
}

/* Outside sysfs, where links name devices, a link to a file stands for it. */
static int host_text(const char *path, char *buf, size_t size)
{
	struct stat st;

	return !stat(path, &st) && S_ISREG(st.st_mode) ?
		       sys_read_text(path, buf, size) : attr_text(path, buf, size);
}

int linux_host_read(const char *root, const char *path, char *buf, size_t size,
		    struct err *err)
{
	char full[SYS_PATH];
	int rc = *path == '/' ? sys_path(full, root, "%s", path) : -EINVAL;

	if (!rc)
		rc = host_text(full, buf, size);
	if (rc == -EOVERFLOW)
		return err_set(err, EOVERFLOW, "%.200s: longer than %zu bytes", path,
			       size);
	return rc ? err_sys(err, -rc, "%.200s", path) : 0;
}

bool linux_host_exists(const char *root, const char *path)
{
	char full[SYS_PATH];
	struct stat st;

	return *path == '/' && !sys_path(full, root, "%s", path) && !stat(full, &st);
}
