// SPDX-License-Identifier: GPL-2.0-or-later
/* A recording: what is read for it, and what is left out. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "base/xalloc.h"
#include "cmd/record.h"
#include "hw/hw_record.h"
#include "hw/hw_replay.h"

#define REC_TEXT 4096           /* room for an attribute or a file */
#define REC_LOG_LINES 2000      /* the last so many about the card */

struct node_list {
	struct hw_node *node;
	size_t n, room;
};

struct rec_job {
	FILE *out;
	struct hw *hw;
	const struct bdf_spec *spec;
	struct study study;
	bool studied;                   /* the facts could be collected */
	struct node_list all, kept;     /* of the machine; of the recording */
	char **log;                     /* a ring of REC_LOG_LINES */
	size_t nlog;
};

/* --- what is recorded of everything --------------------------------------------- */

static const char *const rec_attrs[] = {
	"vendor", "device", "subsystem_vendor", "subsystem_device", "class", "revision",
	"driver", "driver_override", "reset_method", "power/control", "power_state",
	"power/runtime_status", "d3cold_allowed", "enable", "boot_vga", "iommu_group",
	"iommu_group/type", "iommu_group/devices", "resource", "sriov_numvfs",
	"sriov_totalvfs", "physfn",
	"current_link_speed", "current_link_width", "max_link_speed", "max_link_width",
	"removable", "numa_node", "msi_bus", "ari_enabled", "resource0_resize",
	"resource1_resize", "resource2_resize", "resource3_resize", "resource4_resize",
	"resource5_resize", "aer_dev_correctable", "aer_dev_nonfatal", "aer_dev_fatal",
};

/* Only whether they are there: reading says nothing, or is refused. */
static const char *const rec_has[] = {
	"reset", "reset_subordinate", "remove", "rescan", "rom", "graphics", "drm",
	"resource0", "resource1", "resource2", "resource3", "resource4", "resource5",
};

static const char *const rec_files[] = {
	"/proc/sys/kernel/osrelease", "/sys/kernel/security/lockdown",
	"/sys/class/dmi/id/sys_vendor", "/sys/class/dmi/id/product_name",
	"/sys/class/dmi/id/board_vendor", "/sys/class/dmi/id/board_name",
	"/sys/class/dmi/id/bios_vendor", "/sys/class/dmi/id/bios_version",
	"/sys/class/dmi/id/bios_date", "/sys/class/graphics/fb0/name",
	"/sys/power/mem_sleep", "/proc/sys/kernel/io_uring_disabled",
	"/sys/module/vfio_pci/parameters/disable_idle_d3",
	"/sys/module/vfio_pci/parameters/disable_vga",
	"/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts",
	"/sys/module/vfio/parameters/enable_unsafe_noiommu_mode",
	"/sys/module/pcie_aspm/parameters/policy",
};

static const char *const rec_paths[] = {
	"/sys/kernel/iommu_groups/0", "/dev/vfio/vfio", "/dev/iommu",
	"/sys/bus/pci/drivers/vfio-pci", "/sys/bus/pci/drivers/pci-stub",
	"/sys/bus/pci/drivers/amdgpu", "/sys/bus/pci/drivers/radeon",
	"/sys/bus/pci/drivers/nouveau", "/sys/bus/pci/drivers/nvidia",
	"/sys/bus/pci/drivers/i915", "/sys/bus/pci/drivers/xe",
	"/sys/bus/pci/drivers/snd_hda_intel", "/sys/module/vendor_reset",
	"/sys/firmware/acpi/tables/VFCT",
};

static const char rec_head[] =
	REC_FIRST_LINE "\n"
	"# What gpureset needs to know of one card: the functions of its slot, the\n"
	"# bridges above them, what else is below those bridges, and the host around\n"
	"# it.\n"
	"# Scrubbed: device serial numbers and vital product data are zero, hardware\n"
	"# addresses and UUIDs in the kernel's log are x; of the kernel's command line\n"
	"# only parameters about PCI, IOMMU, VFIO and graphics are kept, of modprobe's\n"
	"# files only lines about such modules, of DMI neither serials nor UUIDs.\n"
	"# It is text: look through it before you send it.\n"
	"# Rows of configuration space that are left out are zero.\n";

/* --- writing -------------------------------------------------------------------- */

static void rec_quoted(const struct rec_job *j, const char *key, const char *name,
		       const char *text)
{
	fprintf(j->out, "%s%s%s ", key, name ? " " : "", name ? name : "");
	hw_record_quote(j->out, text);
	fputc('\n', j->out);
}

static void rec_error(const struct rec_job *j, const char *key, const char *name,
		      const struct err *err)
{
	fprintf(j->out, "%s %s error %d ", key, name, err->code);
	hw_record_quote(j->out, err->text);
	fputc('\n', j->out);
}

static void rec_note(const struct rec_job *j, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void rec_note(const struct rec_job *j, const char *fmt, ...)
{
	char text[ERR_TEXT + 200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	rec_quoted(j, "note", NULL, text);
}

/* --- the host ------------------------------------------------------------------- */

static void rec_file(const struct rec_job *j, const char *path)
{
	struct err err = { 0 };
	char text[REC_TEXT];
	int rc = hw_host_read(j->hw, path, text, sizeof(text), &err);

	if (!rc)
		rec_quoted(j, "file", path, text);
	else if (rc != -ENOENT)
		rec_error(j, "file", path, &err);
}

static void rec_host(const struct rec_job *j)
{
	char text[REC_TEXT], kept[REC_TEXT], slot[BDF_STR];

	fputs("\n[host]\n", j->out);
	rec_quoted(j, "made-by", NULL, "gpureset " GPURESET_VERSION);
	fprintf(j->out, "target %s\n", j->spec->whole_slot ?
		bdf_slot_str(j->spec->bdf, slot) : bdf_str(j->spec->bdf, slot));
	for (size_t i = 0; i < sizeof(rec_files) / sizeof(*rec_files); i++)
		rec_file(j, rec_files[i]);
	if (!hw_host_read(j->hw, "/proc/cmdline", text, sizeof(text), NULL)) {
		record_cmdline(text, kept, sizeof(kept));
		rec_quoted(j, "file", "/proc/cmdline", kept);
	}
	record_host(j->out, j->hw, j->studied ? &j->study.target : NULL);
	for (size_t i = 0; i < sizeof(rec_paths) / sizeof(*rec_paths); i++)
		if (hw_host_exists(j->hw, rec_paths[i]))
			fprintf(j->out, "exists %s\n", rec_paths[i]);
}

/* A device node's name may be anywhere; only what is below /dev is no secret. */
static int rec_holder(const struct hw_holder *h, void *arg)
{
	const struct rec_job *j = arg;
	bool plain = !strncmp(h->what, "/dev/", 5) || h->what[0] != '/';

	fprintf(j->out, "holder %d ", h->pid);
	hw_record_quote(j->out, h->comm);
	fputc(' ', j->out);
	hw_record_quote(j->out, plain ? h->what : "a device node");
	fputc('\n', j->out);
	return 0;
}

static void rec_holders(struct rec_job *j)
{
	struct bdf fns[SLOT_FNS];
	struct err err = { 0 };
	size_t n = 0;

	for (size_t i = 0; i < j->kept.n && n < SLOT_FNS; i++)
		if (bdf_same_slot(j->kept.node[i].bdf, j->spec->bdf))
			fns[n++] = j->kept.node[i].bdf;
	fputs("\n[holders]\n", j->out);
	if (hw_holders(j->hw, fns, n, rec_holder, j, &err) < 0)
		rec_note(j, "%s", err.text);
}

/* --- functions ------------------------------------------------------------------ */

static void rec_fn_attrs(const struct rec_job *j, struct bdf bdf)
{
	char text[REC_TEXT];

	for (size_t i = 0; i < sizeof(rec_attrs) / sizeof(*rec_attrs); i++) {
		struct err err = { 0 };
		int rc = hw_attr_read(j->hw, bdf, rec_attrs[i], text, sizeof(text), &err);

		if (!rc)
			rec_quoted(j, "attr", rec_attrs[i], text);
		else if (rc != -ENOENT)
			rec_error(j, "attr", rec_attrs[i], &err);
	}
	for (size_t i = 0; i < sizeof(rec_has) / sizeof(*rec_has); i++)
		if (hw_attr_exists(j->hw, bdf, rec_has[i]))
			fprintf(j->out, "has %s\n", rec_has[i]);
}

/* As much as can be read: 64 bytes (not root), 256, or 4096. */
static unsigned rec_cfg_read(const struct rec_job *j, struct bdf bdf, uint8_t *cfg,
			     struct err *err)
{
	for (unsigned off = 0; off < REC_CFG_MAX; off += 4) {
		uint32_t val;
		int rc = hw_cfg_read(j->hw, bdf, off, 4, &val, err);

		/* a conventional function answers all ones up there (or not at all) */
		if (!rc && off == PCI_CFG_SPACE_SIZE && val == UINT32_MAX)
			return off;
		if (rc)
			return off >= PCI_CFG_SPACE_SIZE ? PCI_CFG_SPACE_SIZE :
				off >= PCI_STD_HEADER_SIZEOF ? PCI_STD_HEADER_SIZEOF : 0;
		for (unsigned i = 0; i < 4; i++)
			cfg[off + i] = (uint8_t)(val >> (8 * i));
	}
	return REC_CFG_MAX;
}

static void rec_zero(uint8_t *cfg, unsigned len, unsigned off, unsigned n)
{
	for (unsigned i = off; i < off + n && i < len; i++)
		cfg[i] = 0;
}

/* VPD's data register holds four bytes of what was last asked for. */
static void rec_scrub_vpd(const struct rec_job *j, struct bdf bdf, uint8_t *cfg,
			  unsigned len)
{
	unsigned cap;

	if (!hw_find_cap(j->hw, bdf, PCI_CAP_ID_VPD, false, &cap, NULL))
		rec_zero(cfg, len, cap + PCI_VPD_DATA, 4);
}

/* Every Device Serial Number; found here, for it must not be missed. */
static void rec_scrub_serial(uint8_t *cfg, unsigned len)
{
	unsigned off = PCI_CFG_SPACE_SIZE;

	for (int n = 0; n < 1024 && off >= PCI_CFG_SPACE_SIZE && off + 4 <= len; n++) {
		uint32_t head = cfg[off] | (uint32_t)cfg[off + 1] << 8 |
				(uint32_t)cfg[off + 2] << 16 |
				(uint32_t)cfg[off + 3] << 24;

		if (!head || head == UINT32_MAX)
			return;
		if (PCI_EXT_CAP_ID(head) == PCI_EXT_CAP_ID_DSN)
			rec_zero(cfg, len, off + 4, 8);
		off = PCI_EXT_CAP_NEXT(head);
	}
}

static void rec_rows(const struct rec_job *j, const uint8_t *cfg, unsigned len)
{
	static const uint8_t zero[16];

	fprintf(j->out, "config %u\n", len);
	for (unsigned off = 0; off < len; off += 16) {
		if (!memcmp(cfg + off, zero, sizeof(zero)))
			continue;
		fprintf(j->out, "%03x:", off);
		for (unsigned i = 0; i < 16; i++)
			fprintf(j->out, " %02x", cfg[off + i]);
		fputc('\n', j->out);
	}
}

static void rec_config(const struct rec_job *j, struct bdf bdf)
{
	uint8_t cfg[REC_CFG_MAX] = { 0 };
	struct err err = { 0 };
	unsigned len = rec_cfg_read(j, bdf, cfg, &err);

	if (!len) {
		rec_quoted(j, "config", NULL, err.text);
		return;
	}
	rec_scrub_vpd(j, bdf, cfg, len);
	rec_scrub_serial(cfg, len);
	rec_rows(j, cfg, len);
}

/* --- registers ------------------------------------------------------------------ */

/* Why the registers may not be read, or NULL. */
static const char *rec_blocked(const struct rec_job *j, char *buf, size_t size)
{
	const struct fn_facts *fn = target_main(&j->study.target);
	uint32_t pmcsr = 0;

	if (!fn->answers)
		return "the function does not answer";
	if (j->study.target.nholders || (fn->enabled > 0 &&
					 !strcmp(fn->driver, "vfio-pci")))
		return "it is in use";
	if (fn->driver[0] && strcmp(fn->driver, "vfio-pci")) {
		snprintf(buf, size, "its driver %s uses it", fn->driver);
		return buf;
	}
	if (fn->pm_cap && hw_cfg_read(j->hw, fn->bdf, fn->pm_cap + PCI_PM_CTRL, 2,
				      &pmcsr, NULL) < 0)
		return "its power state cannot be read";
	if (pmcsr & PCI_PM_CTRL_STATE_MASK) {
		snprintf(buf, size, "it is in D%u", pmcsr & PCI_PM_CTRL_STATE_MASK);
		return buf;
	}
	if (!(fn->command & PCI_COMMAND_MEMORY))
		return "memory decoding is off";
	return NULL;
}

static void rec_register(const struct rec_job *j, const struct reg_cond *c)
{
	const struct bdf bdf = target_main(&j->study.target)->bdf;
	struct err err = { 0 };
	uint32_t val;

	if (c->reg.space == REG_CONFIG)
		return;                 /* is in the configuration space */
	if (c->reg.space == REG_INDIRECT) {
		rec_note(j, "%s was not read: its index register would have to be "
			 "written", c->name);
		return;
	}
	if (hw_bar_read(j->hw, bdf, c->reg.bar, c->reg.off, &val, &err) < 0) {
		rec_note(j, "%s was not read: %s", c->name, err.text);
		return;
	}
	fprintf(j->out, "bar %u %05x %08x ", c->reg.bar, c->reg.off, val);
	hw_record_quote(j->out, c->name);
	fputc('\n', j->out);
}

static void rec_conditions(const struct rec_job *j, const struct q_block *b)
{
	for (size_t i = 0; i < b->n; i++) {
		const struct q_stmt *s = &b->stmt[i];

		for (int k = 0; k < s->nwhen; k++)
			for (int c = 0; c < s->when[k].ncond; c++)
				rec_register(j, &s->when[k].cond[c]);
		for (int c = 0; c < s->ncond; c++)
			rec_register(j, &s->cond[c]);
	}
}

static void rec_registers(const struct rec_job *j)
{
	const struct quirk *q = j->study.quirk;
	const char *why;
	char buf[80];

	if (!q || q->broken || !(q->health.n + q->clean.n))
		return;
	why = rec_blocked(j, buf, sizeof(buf));
	if (why) {
		rec_note(j, "the registers of %s were not read: %s", q->id, why);
		return;
	}
	rec_conditions(j, &q->clean);
	rec_conditions(j, &q->health);
}

static void rec_function(const struct rec_job *j, const struct hw_node *node)
{
	char text[BDF_STR];

	fprintf(j->out, "\n[function %s]\n", bdf_str(node->bdf, text));
	fprintf(j->out, "parent %s\n", node->on_root_bus ? "none" :
		bdf_str(node->parent, text));
	/* before the configuration space: reading that may wake the function */
	rec_fn_attrs(j, node->bdf);
	rec_config(j, node->bdf);
	if (j->studied && bdf_eq(node->bdf, target_main(&j->study.target)->bdf))
		rec_registers(j);
}

/* --- names ---------------------------------------------------------------------- */

static unsigned rec_id(const struct rec_job *j, struct bdf bdf, const char *attr)
{
	char text[32];

	if (hw_attr_read(j->hw, bdf, attr, text, sizeof(text), NULL) < 0)
		return 0xffff;
	return (unsigned)strtoul(text, NULL, 0) & 0xffff;
}

static void rec_names(const struct rec_job *j)
{
	uint32_t *seen = xcalloc(j->kept.n, sizeof(*seen));
	char name[256], key[16];

	fputs("\n[names]\n", j->out);
	for (size_t i = 0; i < j->kept.n; i++) {
		unsigned vendor = rec_id(j, j->kept.node[i].bdf, "vendor");
		unsigned device = rec_id(j, j->kept.node[i].bdf, "device");
		size_t k = 0;

		seen[i] = vendor << 16 | device;
		while (seen[k] != seen[i])
			k++;
		if (k < i)
			continue;
		hw_name(j->hw, (uint16_t)vendor, (uint16_t)device, name, sizeof(name));
		snprintf(key, sizeof(key), "%04x:%04x", vendor, device);
		rec_quoted(j, "name", key, name);
	}
	free(seen);
}

/* --- the kernel's log ------------------------------------------------------------ */

static bool rec_log_matters(const struct rec_job *j, const char *line)
{
	char text[BDF_STR];

	for (size_t i = 0; i < j->kept.n; i++)
		if (strstr(line, bdf_str(j->kept.node[i].bdf, text)))
			return true;
	return false;
}

static int rec_log_line(const char *line, void *arg)
{
	struct rec_job *j = arg;
	char **slot = &j->log[j->nlog % REC_LOG_LINES];

	if (!rec_log_matters(j, line))
		return 0;
	free(*slot);
	*slot = strdup(line);
	if (*slot)
		record_scrub(*slot);
	j->nlog++;
	return 0;
}

static void rec_log(struct rec_job *j)
{
	struct err err = { 0 };
	size_t first;

	j->log = xcalloc(REC_LOG_LINES, sizeof(*j->log));
	fputs("\n[log]\n", j->out);
	if (hw_log(j->hw, rec_log_line, j, &err) < 0)
		rec_note(j, "the kernel's log was not read: %s", err.text);
	first = j->nlog > REC_LOG_LINES ? j->nlog - REC_LOG_LINES : 0;
	for (size_t i = first; i < j->nlog; i++)
		if (j->log[i % REC_LOG_LINES])
			rec_quoted(j, "log", NULL, j->log[i % REC_LOG_LINES]);
	for (size_t i = 0; i < REC_LOG_LINES; i++)
		free(j->log[i]);
	free(j->log);
}

/* --- which functions -------------------------------------------------------------- */

static int rec_add_node(const struct hw_node *node, void *arg)
{
	struct node_list *l = arg;

	l->node = xgrow(l->node, l->n, &l->room, sizeof(*node));
	l->node[l->n++] = *node;
	return 0;
}

static const struct hw_node *rec_node(const struct node_list *l, struct bdf bdf)
{
	for (size_t i = 0; i < l->n; i++)
		if (bdf_eq(l->node[i].bdf, bdf))
			return &l->node[i];
	return NULL;
}

/* The topmost bridge above the slot; or, on the root bus, the slot itself. */
static const struct hw_node *rec_top(const struct rec_job *j)
{
	const struct hw_node *top = NULL, *up;

	for (size_t i = 0; i < j->all.n && !top; i++)
		if (bdf_same_slot(j->all.node[i].bdf, j->spec->bdf))
			top = &j->all.node[i];
	for (int n = 0; top && !top->on_root_bus && n < 256; n++) {
		up = rec_node(&j->all, top->parent);
		if (!up)
			break;
		top = up;
	}
	return top;
}

/* Is @node @top, or below it? */
static bool rec_inside(const struct rec_job *j, const struct hw_node *node,
		       const struct hw_node *top)
{
	for (int n = 0; node && n < 256; n++) {
		if (bdf_eq(node->bdf, top->bdf))
			return true;
		if (node->on_root_bus)
			return false;
		node = rec_node(&j->all, node->parent);
	}
	return false;
}

static int rec_select(struct rec_job *j, struct err *err)
{
	const struct hw_node *top;
	char text[BDF_STR];
	int rc = hw_scan(j->hw, rec_add_node, &j->all, err);

	if (rc)
		return rc;
	top = rec_top(j);
	if (!top)
		return err_set(err, ENODEV, "%s: no such device; `gpureset list` shows "
			       "the GPUs of this host", bdf_slot_str(j->spec->bdf, text));
	for (size_t i = 0; i < j->all.n; i++)
		if (bdf_same_slot(j->all.node[i].bdf, j->spec->bdf) ||
		    rec_inside(j, &j->all.node[i], top))
			rec_add_node(&j->all.node[i], &j->kept);
	return 0;
}

static void rec_free(struct rec_job *j)
{
	study_free(&j->study);
	free(j->all.node);
	free(j->kept.node);
}

int record_write(FILE *out, struct hw *hw, const struct quirk_db *db,
		 const struct bdf_spec *spec, struct err *err)
{
	static const struct plan_opts none;
	struct rec_job j = { .out = out, .hw = hw, .spec = spec };
	struct err why = { 0 };
	int rc = rec_select(&j, err);

	if (!rc) {
		j.studied = !study_target(&j.study, hw, db, spec, &none, &why);
		fputs(rec_head, out);
		rec_host(&j);
		if (!j.studied)
			rec_note(&j, "no plan could be made: %s", why.text);
		rec_names(&j);
		rec_holders(&j);
		for (size_t i = 0; i < j.kept.n; i++)
			rec_function(&j, &j.kept.node[i]);
		rec_log(&j);
	}
	rec_free(&j);
	return rc;
}

FILE *record_create(const char *path, struct err *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w");

	if (f)
		return f;
	if (fd < 0 && errno == EEXIST)
		err_set(err, EEXIST, "%.200s exists already and is not overwritten; name "
			"another file", path);
	else
		err_sys(err, errno, "%.200s", path);
	if (fd >= 0)
		close(fd);
	return NULL;
}
