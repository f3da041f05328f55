// SPDX-License-Identifier: GPL-2.0-or-later
#include "run/bind.h"

#include <errno.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "hw/hw_write.h"
#include "plan/facts_fn.h"

/* No link is no driver; a link that cannot be read is not. */
static int bind_current(struct hw *hw, struct bdf bdf, char *buf, size_t size,
			struct err *err)
{
	int rc = hw_attr_read(hw, bdf, "driver", buf, size, err);

	if (rc == -ENOENT) {
		buf[0] = '\0';
		rc = 0;
	}
	return rc;
}

/*
 * A host driver that probes a dead card can take the host with it: look once more, as
 * close to the probe as can be. vfio-pci does not mind.
 */
static int bind_dares(struct hw *hw, struct bdf bdf, const char *driver,
		      struct err *err)
{
	char text[BDF_STR];
	uint32_t id = 0;
	int rc;

	if (!strcmp(driver, "vfio-pci"))
		return 0;
	rc = hw_cfg_read(hw, bdf, PCI_VENDOR_ID, 4, &id, err);
	if (!rc && !facts_id_answers(id))
		rc = err_set(err, EIO, "%s: driver %s was not bound: the function does "
			     "not answer", bdf_str(bdf, text), driver);
	return rc;
}

/* The kernel prints an unset override as "(null)"; a lone newline unsets it. */
static int bind_override(struct hw *hw, struct bdf bdf, char old[64], struct err *err)
{
	int rc = hw_attr_read(hw, bdf, "driver_override", old, 64, err);

	if (!rc && (!strcmp(old, "(null)") || !old[0]))
		memcpy(old, "\n", 2);
	return rc;
}

static int bind_probe(struct hw *hw, struct bdf bdf, const char *driver,
		      const struct bind_keep *keep, struct err *err)
{
	char old[64], text[BDF_STR];
	int rc, back, tries = 3;

	rc = bind_override(hw, bdf, old, err);
	if (!rc && keep)
		rc = keep->intend(keep->arg, old, err);
	if (rc)
		return rc;
	rc = hw_attr_write(hw, bdf, "driver_override", driver, err);
	if (rc && keep)
		keep->undone(keep->arg);
	if (rc)
		return rc;
	rc = bind_dares(hw, bdf, driver, err);
	if (!rc)
		rc = hw_bus_write(hw, "drivers_probe", bdf_str(bdf, text), err);
	do {    /* an override left behind keeps the function from its own driver */
		back = hw_attr_write(hw, bdf, "driver_override", old, rc ? NULL : err);
	} while (back && --tries);
	if (!back && keep)
		keep->undone(keep->arg);
	return rc ? rc : back;
}

int bind_driver(struct hw *hw, struct bdf bdf, const char *driver,
		const struct bind_keep *keep, struct err *err)
{
	char now[64], text[BDF_STR];
	int rc = bind_current(hw, bdf, now, sizeof(now), err);

	if (rc || !strcmp(now, driver))
		return rc;
	if (now[0])
		rc = hw_attr_write(hw, bdf, "driver/unbind", bdf_str(bdf, text), err);
	if (rc || !driver[0])
		return rc;
	rc = bind_probe(hw, bdf, driver, keep, err);
	if (!rc)
		rc = bind_current(hw, bdf, now, sizeof(now), err);
	if (rc)
		return rc;
	if (strcmp(now, driver))
		return err_set(err, ENODEV, "%s: driver is '%s' after the kernel was "
			       "asked to bind '%s'; is the driver loaded?",
			       bdf_str(bdf, text), now[0] ? now : "none", driver);
	return 0;
}
