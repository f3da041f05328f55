// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Recordings: written from simulated machines and read back; those of tests/records,
 * which are tests by being there; runs, played again and with one line changed; what a
 * file may not say. UPDATE=1 rewrites tests/records' NAME.plan.
 */
#include <errno.h>
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>
#include <linux/pci_regs.h>

#include "cmd/open.h"
#include "cmd/record.h"
#include "cmd/report.h"
#include "hw/hw_linux.h"
#include "hw/hw_record.h"
#include "hw/hw_replay.h"
#include "hw/hw_write.h"
#include "run/supervise.h"
#include "sim_rig.h"

#define FIJI "quirks/amd-fiji.quirk"
#define MAX_ATTEMPTS 32
#define MAX_RECORDS 256
#define FAULTS 24               /* lines of each run that are altered in turn */

/* --- texts -------------------------------------------------------------------- */

static char *slurp(const char *path, size_t *len)
{
	FILE *f = fopen(path, "r");
	char *text = NULL;
	size_t room = 0;

	*len = 0;
	if (!f)
		return NULL;
	do {
		room += 65536;
		text = realloc(text, room + 1);
		assert_non_null(text);
		*len += fread(text + *len, 1, room - *len, f);
	} while (*len == room);
	fclose(f);
	text[*len] = '\0';
	return text;
}

/* Parses; what was wrong is in @said, "file:3:1: error: ...". */
static struct recording *parse(const char *name, const char *text, size_t len,
			       char **said)
{
	struct recording *r;
	struct diag diag;
	size_t n = 0;
	FILE *f = open_memstream(said, &n);

	diag_init(&diag);
	r = recording_parse(name, text, len, &diag);
	diag_print(&diag, f);
	assert_int_equal(r == NULL, diag.errors > 0);
	diag_free(&diag);
	fclose(f);
	return r;
}

static struct recording *parse_good(const char *name, const char *text, size_t len)
{
	char *said;
	struct recording *r = parse(name, text, len, &said);

	if (!r)
		fail_msg("%s", said);
	free(said);
	return r;
}

static const struct quirk_db *quirks(void)
{
	static const char *const dirs[] = { "quirks", NULL };
	static struct quirk_db db;
	struct diag diag;
	struct err err;

	if (!db.n) {
		diag_init(&diag);
		assert_int_equal(quirk_db_load(&db, dirs, false, &diag, &err), 0);
		diag_free(&diag);
	}
	return &db;
}

/* A recording of what @hw shows, as text. */
static char *record(struct hw *hw, const struct quirk_db *db,
		    const struct bdf_spec *spec)
{
	char *text = NULL;
	size_t len;
	struct err err = { 0 };
	FILE *f = open_memstream(&text, &len);

	if (record_write(f, hw, db, spec, &err) < 0)
		fail_msg("%s", err.text);
	fclose(f);
	return text;
}

/* --- round trip --------------------------------------------------------------- */

static const struct trip {
	const char *kind;
	enum rig_place place;
	bool vfio, used, killed, held;
} trips[] = {
	{ "fury", RIG_ROOT_PORT, false, true, false, false },
	{ "fury", RIG_SWITCH, true, true, false, false },
	{ "flr", RIG_ROOT_PORT, false, false, false, true },
	{ "flr", RIG_SWITCH, true, false, false, false },
	{ "navi", RIG_SWITCH, false, false, false, false },
	{ "gpu", RIG_PCI_BRIDGE, false, false, false, false },
	{ "gpu", RIG_ROOT_BUS, false, false, false, false },
	{ "sleeper", RIG_ROOT_PORT, true, false, false, true },
	{ "flr", RIG_ROOT_PORT, false, false, true, false },
};

#define NTRIPS (sizeof(trips) / sizeof(*trips))

static struct rig *trip_rig(const struct trip *t)
{
	const struct hw_holder holder = {
		.pid = 4711, .comm = "qemu \"x\"\\", .what = "/dev/vfio/21",
	};
	struct rig *r = rig_open(t->kind, t->place);

	if (t->used && !strcmp(t->kind, "fury"))
		rig_use_fury(r);
	if (t->vfio)
		rig_vfio(r);
	if (t->held)
		hw_sim_holder(r->sim, r->slot, &holder);
	if (t->killed)
		hw_shim_arm(r->hw, SHIM_LOST, 1, r->slot);
	return r;
}

static void assert_same_bytes(const void *a, const void *b, size_t n, const char *what)
{
	if (memcmp(a, b, n))
		fail_msg("%s differs between the machine and its recording", what);
}

/* Every byte of every fact: the collector clears what it fills. */
static void assert_same_facts(const struct target *a, const struct target *b)
{
	assert_int_equal(a->nfns, b->nfns);
	assert_same_bytes(a->fn, b->fn, sizeof(a->fn), "a function");
	assert_int_equal(a->main, b->main);
	assert_int_equal(a->npath, b->npath);
	assert_same_bytes(a->path, b->path, sizeof(a->path), "a bridge");
	assert_int_equal(a->nother, b->nother);
	assert_same_bytes(a->other, b->other, a->nother * sizeof(*a->other),
			  "another function");
	assert_int_equal(a->nholders, b->nholders);
	assert_same_bytes(a->holder, b->holder, sizeof(a->holder), "a holder");
	assert_same_bytes(&a->host, &b->host, sizeof(a->host), "the host");
	assert_int_equal(a->thunderbolt, b->thunderbolt);
}

static void no_write(void *arg, const struct shim_access *a)
{
	(void)arg;
	switch (a->kind) {
	case SHIM_CFG_READ:
	case SHIM_BAR_READ:
	case SHIM_ATTR_READ:
		return;
	default:
		fail_msg("a recording wrote: %s", hw_shim_kind_str(a->kind));
	}
}

static void test_round_trip(void **state)
{
	(void)state;
	for (size_t i = 0; i < NTRIPS; i++) {
		struct rig *r = trip_rig(&trips[i]);
		struct target live, replayed;
		struct err err = { 0 };
		char *text, *again;
		struct hw *hw;

		hw_shim_trace(r->hw, no_write, NULL);
		text = record(r->hw, quirks(), &r->spec);
		assert_int_equal(facts_collect(r->hw, &r->spec, &live, &err), 0);
		hw = hw_replay_open(parse_good("trip.rec", text, strlen(text)));
		if (facts_collect(hw, &r->spec, &replayed, &err))
			fail_msg("%s: %s", trips[i].kind, err.text);
		assert_same_facts(&live, &replayed);
		again = record(hw, quirks(), &r->spec);
		assert_non_null(strstr(again, "[log]"));
		free(again);
		target_free(&live);
		target_free(&replayed);
		hw_close(hw);
		free(text);
		rig_close(r);
	}
}

/* --- registers and other contents --------------------------------------------- */

static void assert_says(const char *text, const char *want)
{
	if (!strstr(text, want))
		fail_msg("no '%s' in:\n%.3000s", want, text);
}

static void test_registers_awake(void **state)
{
	struct rig *r = rig_open("fury", RIG_ROOT_PORT);
	char *text = record(r->hw, quirks(), &r->spec);
	struct hw *hw = hw_replay_open(parse_good("x.rec", text, strlen(text)));
	struct err err;
	uint32_t val;

	(void)state;
	assert_says(text, "\"CONFIG_MEMSIZE\"");
	assert_says(text, "was not read: its index register would have to be written");
	assert_int_equal(hw_bar_read(hw, r->slot, 5, 0x5428, &val, &err), 0);
	assert_int_equal(val, 0x1000);
	assert_int_equal(hw_bar_read(hw, r->slot, 5, 0x5424, &val, &err), -ENODATA);
	assert_says(err.text, "BAR5 offset 0x5424 is not in the recording");
	hw_close(hw);
	free(text);
	rig_close(r);
}

static const struct asleep {
	bool vfio, decode, held;
	const char *driver, *why;
} asleeps[] = {
	{ true, true, false, NULL, "amd-fiji were not read: it is in D3" },
	{ false, false, false, NULL, "amd-fiji were not read: memory decoding is off" },
	{ false, true, true, NULL, "amd-fiji were not read: it is in use" },
	{ false, true, false, "amdgpu", "not read: its driver amdgpu uses it" },
};

static void test_registers_not_safe(void **state)
{
	const struct hw_holder holder = { .pid = 1, .comm = "x", .what = "/home/x/node" };

	(void)state;
	for (size_t i = 0; i < sizeof(asleeps) / sizeof(*asleeps); i++) {
		const struct asleep *a = &asleeps[i];
		struct rig *r = rig_open("fury", RIG_ROOT_PORT);
		char *text;

		if (a->driver)
			hw_sim_attr(r->sim, r->slot, "driver", a->driver);
		if (a->vfio)
			rig_vfio(r);
		if (!a->decode)
			hw_cfg_write(r->sim, r->slot, PCI_COMMAND, 2, 0, NULL);
		if (a->held)
			hw_sim_holder(r->sim, r->slot, &holder);
		text = record(r->hw, quirks(), &r->spec);
		assert_says(text, a->why);
		assert_null(strstr(text, "\nbar "));
		assert_null(strstr(text, "/home/"));
		free(text);
		rig_close(r);
	}
}

static int first_line(const char *line, void *arg)
{
	snprintf(arg, 128, "%s", line);
	return 1;
}

static void test_kernel_log(void **state)
{
	char root[] = "/tmp/test_record.XXXXXX", path[64], line[128] = "";
	struct err err = { 0 };
	struct hw *hw;
	FILE *f;

	(void)state;
	assert_non_null(mkdtemp(root));
	hw = hw_linux_open_at(root, &err);
	assert_int_equal(hw_log(hw, first_line, line, &err), -ENOENT);
	assert_says(err.text, "/dev/kmsg");
	snprintf(path, sizeof(path), "%s/dev", root);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/dev/kmsg", root);
	f = fopen(path, "w");
	fputs("6,339,5140900,-;pci 0000:0b:00.0: [1002:7300]\n SUBSYSTEM=pci\n", f);
	fclose(f);
	assert_int_equal(hw_log(hw, first_line, line, &err), 1);
	assert_string_equal(line, "[    5.140900] pci 0000:0b:00.0: [1002:7300]");
	hw_close(hw);
	remove(path);
	*strrchr(path, '/') = '\0';
	remove(path);
	remove(root);
}

static void test_no_such_card(void **state)
{
	struct rig *r = rig_open("flr", RIG_ROOT_PORT);
	const struct bdf_spec spec = { .bdf = rig_bdf("1f:00.0"), .whole_slot = true };
	char *text = NULL;
	size_t len;
	struct err err = { 0 };
	FILE *f = open_memstream(&text, &len);

	(void)state;
	assert_int_equal(record_write(f, r->hw, quirks(), &spec, &err), -ENODEV);
	fclose(f);
	assert_int_equal(len, 0);
	assert_says(err.text, "0000:1f:00: no such device");
	free(text);
	rig_close(r);
}

static void test_scrub(void **state)
{
	static const char *const row[][2] = {
		{ "pci 0000:0b:00.0: BAR 0 [mem 0xe4000000-0xe7ffffff]", NULL },
		{ "e1000 0000:08:02.0: 52:54:00:12:34:56 (PCI Express)",
		  "e1000 0000:08:02.0: xx:xx:xx:xx:xx:xx (PCI Express)" },
		{ "eth0 0000:08:02.0 52-54-00-12-34-5F",
		  "eth0 0000:08:02.0 xx-xx-xx-xx-xx-xx" },
		{ "ib 0000:08:02.0: 00:11:22:33:44:55:66:77",
		  "ib 0000:08:02.0: xx:xx:xx:xx:xx:xx:xx:xx" },
		{ "GPU-123e4567-e89b-12d3-a456-426614174000 up",
		  "GPU-xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx up" },
		{ "0000:0b:00.0: Serial Number: AB-12",
		  "0000:0b:00.0: Serial Number: xx-xx" },
		{ "0000:0b:00.0: serial: 77 s", "0000:0b:00.0: serial: xx x" },
		{ "serial 0000:00:16.3: ttyS4 at I/O 0xf0a0", NULL },
		{ "0000:0b:00.0: board S/N: AB-12", "0000:0b:00.0: board S/N: xx-xx" },
		{ "quirk: quirks/nvidia-generic.quirk (untested)", NULL },
		{ "nfs 192.168.1.20:/srv, 10.0.0.1.",
		  "nfs xxx.xxx.x.xx:/srv, xx.x.x.x." },
		{ "at 10.0.0.1, 535.183.01 and 6.8.12-4-pve",
		  "at xx.x.x.x, 535.183.01 and 6.8.12-4-pve" },
		{ "iscsi fe80::5054:ff:fe12:3456 up",
		  "iscsi xxxx::xxxx:xx:xxxx:xxxx up" },
		{ "0::/qemu.slice/101.scope 0000:0b:00.0", NULL },
		{ "quirk: /home/alice.b/q/x.quirk (untested)",
		  "quirk: /home/xxxxx.x/q/x.quirk (untested)" },
	};
	char text[128];

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		snprintf(text, sizeof(text), "%s", row[i][0]);
		record_scrub(text);
		assert_string_equal(text, row[i][1] ? row[i][1] : row[i][0]);
	}
	record_cmdline("BOOT_IMAGE=/vmlinuz root=UUID=1 quiet iommu=pt pcie_aspm=off "
		       "ip=10.0.0.1 vfio-pci.ids=1002:7300 hostname=x\n", text,
		       sizeof(text));
	assert_string_equal(text, "iommu=pt pcie_aspm=off vfio-pci.ids=1002:7300");
}

/* Of the host's set-up what is about cards, each line at its number. */
static void test_host_files(void **state)
{
	struct rig *r = rig_open("fury", RIG_ROOT_PORT);
	const struct bdf_spec spec = { r->slot, true };
	char *text;

	(void)state;
	hw_sim_host(r->sim, "/etc/modprobe.d", "alice.conf\nmask.conf\nvfio.conf");
	hw_sim_host(r->sim, "/etc/modprobe.d/alice.conf",
		    "options usb_storage delay_use=1");
	hw_sim_host(r->sim, "/etc/modprobe.d/mask.conf", "");
	hw_sim_host(r->sim, "/etc/modprobe.d/vfio.conf", "# amdgpu of alice\n"
		    "options xen_netback x=1\noptions vfio-pci ids=1002:7300\n"
		    "softdep usb_storage pre: ehci");
	hw_sim_host(r->sim, "/etc/modules", "tun\nvfio\nwireguard");
	hw_sim_host(r->sim, "/sys/module", "ext4\nvfio_pci\nalice");
	text = record(r->hw, quirks(), &spec);
	assert_says(text, "\nfile /etc/modprobe.d \"mask.conf\\nvfio.conf\"\n");
	assert_says(text, "\nfile /etc/modprobe.d/vfio.conf "
		    "\"\\n\\noptions vfio-pci ids=1002:7300\"\n");
	assert_says(text, "\nfile /etc/modules \"\\nvfio\"\n");
	assert_says(text, "\nfile /sys/module \"vfio_pci\"\n");
	assert_null(strstr(text, "alice"));
	assert_null(strstr(text, "usb_storage"));
	assert_null(strstr(text, "xen"));
	free(text);
	rig_close(r);
}

/* The synthetic dump has a serial number and vital product data in its registers. */
static void test_serials_are_zero(void **state)
{
	struct bdf_spec spec = { .bdf = rig_bdf("01:00.0"), .whole_slot = true };
	size_t len;
	char *dump = slurp("tests/records/synthetic.lspci", &len), *text;
	struct hw *hw = hw_replay_open(parse_good("dump", dump, len));
	struct hw *again;
	uint32_t val = 0;

	(void)state;
	assert_int_equal(hw_cfg_read(hw, spec.bdf, 0x104, 4, &val, NULL), 0);
	assert_int_equal(val, 0x12345678);
	assert_int_equal(hw_cfg_read(hw, spec.bdf, 0xa4, 4, &val, NULL), 0);
	assert_int_equal(val, 0x4e53594d);
	text = record(hw, quirks(), &spec);
	again = hw_replay_open(parse_good("dump.rec", text, strlen(text)));
	for (unsigned off = 0x104; off < 0x10c; off += 4) {
		assert_int_equal(hw_cfg_read(again, spec.bdf, off, 4, &val, NULL), 0);
		assert_int_equal(val, 0);
	}
	assert_int_equal(hw_cfg_read(again, spec.bdf, 0xa4, 4, &val, NULL), 0);
	assert_int_equal(val, 0);
	assert_int_equal(hw_cfg_read(again, spec.bdf, 0x150, 4, &val, NULL), 0);
	assert_int_equal(val, 0x00010015);
	hw_close(again);
	hw_close(hw);
	free(text);
	free(dump);
}

static void assert_read_only(int rc, const struct err *err)
{
	assert_int_equal(rc, -EROFS);
	assert_says(err->text, "a recording cannot be written to");
}

static void test_read_only(void **state)
{
	struct bdf fn = rig_bdf("01:00.0");
	size_t len;
	char *dump = slurp("tests/records/synthetic.lspci", &len);
	struct hw *hw = hw_replay_open(parse_good("dump", dump, len));
	struct err err;

	(void)state;
	assert_read_only(hw_cfg_write(hw, fn, 4, 2, 0, &err), &err);
	assert_read_only(hw_bar_write(hw, fn, 0, 0, 0, &err), &err);
	assert_read_only(hw_attr_write(hw, fn, "reset", "1", &err), &err);
	assert_read_only(hw_bus_write(hw, "rescan", "1", &err), &err);
	assert_read_only(hw_hot_reset(hw, fn, &fn, 1, &err), &err);
	hw_close(hw);
	free(dump);
}

/* --- a card's facts and ladder as a short text -------------------------------- */

static void tell_fn(const struct fn_facts *fn, FILE *to)
{
	char text[BDF_STR];

	fprintf(to, "function %s %04x:%04x %04x:%04x class %06x rev %02x%s\n",
		bdf_str(fn->bdf, text), fn->vendor, fn->device, fn->subvendor,
		fn->subdevice, fn->class_code, fn->revision,
		fn->answers ? "" : " silent");
	fprintf(to, "  driver '%s' override '%s' group %d enable %d power %s %s\n",
		fn->driver, fn->driver_override, fn->iommu_group, fn->enabled,
		fn->power_control, fn->power_state);
	fprintf(to, "  command %04x%s%s%s%s%s reset '%s' link %u x%u of %u x%u\n",
		fn->command, fn->flr ? " flr" : "", fn->af_flr ? " af_flr" : "",
		fn->pm_reset ? " pm" : "", fn->has_reset ? " has-reset" : "",
		fn->extended ? " extended" : "", fn->reset_method, fn->link.speed,
		fn->link.width, fn->link.max_speed, fn->link.max_width);
	for (int i = 0; i < 6; i++)
		if (fn->bar[i].size)
			fprintf(to, "  bar%d 0x%llx size 0x%llx\n", i,
				(unsigned long long)fn->bar[i].start,
				(unsigned long long)fn->bar[i].size);
}

static void tell_around(const struct target *t, FILE *to)
{
	char text[BDF_STR];

	for (size_t i = 0; i < t->npath; i++)
		fprintf(to, "bridge %s %04x:%04x type %u%s%s%s link %u x%u\n",
			bdf_str(t->path[i].bdf, text), t->path[i].vendor,
			t->path[i].device, t->path[i].type,
			t->path[i].only_target ? " only-card" : " shared",
			t->path[i].has_reset_subordinate ? " subordinate" : "",
			t->path[i].hotplug ? " hotplug" : "", t->path[i].link.speed,
			t->path[i].link.width);
	for (size_t i = 0; i < t->nother; i++)
		fprintf(to, "other %s %04x:%04x driver '%s' level %d%s\n",
			bdf_str(t->other[i].bdf, text), t->other[i].vendor,
			t->other[i].device, t->other[i].driver, t->other[i].level,
			t->other[i].bridge ? " bridge" : "");
	fprintf(to, "host '%s'%s%s, %zu holders\n", t->host.release,
		t->host.lockdown ? " lockdown" : "", t->host.vfio_pci ? " vfio-pci" : "",
		t->nholders);
}

static void tell_study(const struct study *s, FILE *to)
{
	static const char *const usable[] = {
		[ATTEMPT_YES] = "yes", [ATTEMPT_NO] = "no", [ATTEMPT_DENIED] = "denied",
		[ATTEMPT_REFUSED] = "refused",
	};
	char text[BDF_STR];

	fprintf(to, "card %s %s\n", bdf_slot_str(s->target.spec.bdf, text), s->name);
	for (size_t i = 0; i < s->target.nfns; i++)
		tell_fn(&s->target.fn[i], to);
	tell_around(&s->target, to);
	fprintf(to, "quirk %s\n", s->quirk ? s->quirk->id : "none");
	if (s->plan.refusal)
		fprintf(to, "refused: %s\n", s->plan.refusal);
	for (size_t i = 0; i < s->plan.nattempts; i++) {
		const struct attempt *a = &s->plan.attempt[i];

		fprintf(to, "%s: %s%s%s\n", a->name, usable[a->usable],
			a->reason ? ": " : "", a->reason ? a->reason : "");
	}
}

struct teller {
	struct hw *hw;
	FILE *to;
	struct bdf last;
};

static void tell_card(struct hw *hw, const struct bdf_spec *spec, FILE *to)
{
	static const struct plan_opts none;
	struct err err = { 0 };
	struct study s;

	if (study_target(&s, hw, quirks(), spec, &none, &err))
		fprintf(to, "error: %s\n", err.text);
	else
		tell_study(&s, to);
	study_free(&s);
}

static int tell_gpu(const struct hw_node *node, void *arg)
{
	struct teller *t = arg;
	const struct bdf_spec spec = { node->bdf, true };
	char text[32] = "";

	hw_attr_read(t->hw, node->bdf, "class", text, sizeof(text), NULL);
	if (class_is_gpu((uint32_t)strtoul(text, NULL, 0)))
		tell_card(t->hw, &spec, t->to);
	return 0;
}

static char *tell(struct hw *hw)
{
	const struct recording *r = hw_replay_of(hw);
	struct bdf_spec spec;
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);
	struct teller t = { .hw = hw, .to = f };

	if (recording_target(r, &spec))
		tell_card(hw, &spec, f);
	else
		hw_scan(hw, tell_gpu, &t, NULL);
	fclose(f);
	return text;
}

/* --- tests/records ------------------------------------------------------------ */

static void plan_path(const char *path, char *buf, size_t size)
{
	snprintf(buf, size, "%.*s.plan", (int)(strrchr(path, '.') - path), path);
}

static void test_plan_of(void **state)
{
	const char *path = *state;
	char golden[512], *text, *told, *want;
	size_t len;
	struct hw *hw;
	FILE *f;

	text = slurp(path, &len);
	hw = hw_replay_open(parse_good(path, text, len));
	told = tell(hw);
	plan_path(path, golden, sizeof(golden));
	if (getenv("UPDATE")) {
		f = fopen(golden, "w");
		assert_non_null(f);
		fputs(told, f);
		fclose(f);
	}
	want = slurp(golden, &len);
	if (!want)
		fail_msg("no %s; UPDATE=1 build/unit/test_record writes it", golden);
	assert_string_equal(told, want);
	hw_close(hw);
	free(want);
	free(told);
	free(text);
}

/* Lines that may differ: who wrote it, and what only the machine could say. */
static char *comparable(char *text)
{
	char *out = calloc(1, strlen(text) + 1), *line, *rest = text;

	while ((line = strsep(&rest, "\n"))) {
		if (!strncmp(line, "[study]", 7))
			break;
		if (strncmp(line, "note ", 5) && strncmp(line, "made-by ", 8) &&
		    line[0] != '#' && line[0])
			strcat(strcat(out, line), "\n");
	}
	return out;
}

static void test_recorded_again(void **state)
{
	const char *path = *state;
	size_t len;
	char *text = slurp(path, &len), *again, *a, *b;
	struct recording *r = parse_good(path, text, len);
	struct bdf_spec spec;
	struct hw *hw;

	assert_true(recording_target(r, &spec));
	hw = hw_replay_open(r);
	again = record(hw, quirks(), &spec);
	a = comparable(text);
	b = comparable(again);
	assert_string_equal(a, b);
	hw_close(hw);
	free(a);
	free(b);
	free(again);
	free(text);
}

/* --- runs --------------------------------------------------------------------- */

/* As `reset --replay` does; 0, or what hw_replay_end() says. */
static int play(const char *name, const char *text, size_t len, struct err *err)
{
	struct exec_outcome *out = calloc(MAX_ATTEMPTS, sizeof(*out));
	struct recording *r = parse_good(name, text, len);
	struct exec_summary sum = { 0 };
	char *argv[16] = { (char *)(uintptr_t)"run" };
	struct options o;
	struct study s;
	struct hw *hw;
	int argc = 1, status;

	while (argc < 15 && recording_option(r, (size_t)argc - 1)) {
		argv[argc] = strdup(recording_option(r, (size_t)argc - 1));
		argc++;
	}
	assert_int_equal(options_parse(&o, &cmd_reset, argc, argv), 0);
	assert_true(recording_target(r, &o.target[0]));
	hw = hw_replay_open(r);
	assert_int_equal(study_target(&s, hw, quirks(), &o.target[0], &o.plan, err), 0);
	assert_true(s.plan.nattempts <= MAX_ATTEMPTS && !s.plan.refusal);
	hw_replay_run(hw);
	exec_plan(hw, &s.plan, NULL, o.timeout_us ? hw_now(hw) + o.timeout_us : 0, out,
		  &sum);
	status = report_status(&(struct report){ &s, &o, out, &sum, NULL, 0 });
	status = hw_replay_end(hw, status, sum.healthy ? sum.healthy->name : "none", err);
	study_free(&s);
	hw_close(hw);
	while (argc > 1)
		free(argv[--argc]);
	free(out);
	return status;
}

static void test_run_of(void **state)
{
	const char *path = *state;
	struct err err = { 0 };
	size_t len;
	char *text = slurp(path, &len);

	if (play(path, text, len, &err))
		fail_msg("%s", err.text);
	free(text);
}

/* Where line @number begins. */
static char *line_at(char *text, int number)
{
	while (--number > 0 && text)
		text = strchr(text, '\n') ? strchr(text, '\n') + 1 : NULL;
	return text;
}

static int line_of(const char *text, const char *what)
{
	const char *at = strstr(text, what);
	int n = 1;

	for (; at && at > text; text++)
		n += *text == '\n';
	return at ? n : 0;
}

/* Another last character of the request: of an offset, a value, a time, a name. */
static bool alter(char *line)
{
	char *end = strchr(line, '\n'), *equals = strstr(line, " = ");

	end = equals && equals < end ? equals : end;
	if (strncmp(line, "@ ", 2) || end - line < 8)
		return false;
	end[-1] = end[-1] == '1' ? '2' : '1';
	return true;
}

static void assert_fault(const char *name, char *text, size_t len, int number)
{
	char *copy = malloc(len + 1), want[64];
	struct err err = { 0 };
	char *line;

	memcpy(copy, text, len + 1);
	line = line_at(copy, number);
	if (line && alter(line)) {
		assert_int_equal(play(name, copy, len, &err), -EBADMSG);
		snprintf(want, sizeof(want), "%s:%d: recorded '", name, number);
		assert_says(err.text, want);
		assert_says(err.text, "', asked for '");
	}
	free(copy);
}

static void test_run_fault(void **state)
{
	const char *path = *state;
	struct err err = { 0 };
	size_t len;
	char *text = slurp(path, &len), *end, *copy;
	int first = line_of(text, "\n[run]") + 1, last = line_of(text, "\nend "), n = 0;

	for (int i = 0; i < FAULTS; i++, n++)
		assert_fault("x.rec", text, len,
			     first + 1 + (last - first - 1) * i / FAULTS);
	assert_int_equal(n, FAULTS);
	/* cut off; and ended otherwise */
	end = strstr(text, "\nend ");
	assert_int_equal(play("x.rec", text, (size_t)(end - text) + 1, &err), -EBADMSG);
	assert_says(err.text, "was cut off here");
	copy = strdup(text);
	copy[end - text + 5] = '3';
	assert_int_equal(play("x.rec", copy, len, &err), -EBADMSG);
	assert_says(err.text, "recorded 'end 3 ");
	free(copy);
	free(text);
}

/* --- runs of simulated cards -------------------------------------------------- */

static const struct sim_run {
	const char *kind;
	enum rig_place place;
	const char *quirk, *verdict;
} sim_runs[] = {
	{ "fury", RIG_ROOT_PORT, FIJI, "sequence baco" },
	{ "flr", RIG_SWITCH, NULL, "flr" },
	{ "navi", RIG_SWITCH, NULL, NULL },
	{ "gpu", RIG_PCI_BRIDGE, NULL, NULL },
	{ "sleeper", RIG_ROOT_PORT, NULL, NULL },
};

/* Recorded from the plan on, without a snapshot: the facts come from it as they are. */
static char *sim_record(const struct sim_run *run, char verdict[64])
{
	struct exec_outcome *out = calloc(MAX_ATTEMPTS, sizeof(*out));
	struct rig *r = rig_open(run->kind, run->place);
	struct exec_summary sum;
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);
	struct err err = { 0 };

	if (!strcmp(run->kind, "fury"))
		rig_use_fury(r);
	if (run->quirk)
		rig_quirk(r, run->quirk);
	assert_int_equal(record_write(f, r->hw, quirks(), &r->spec, &err), 0);
	assert_int_equal(rig_plan(r, NULL, &err), 0);
	assert_true(r->plan.nattempts <= MAX_ATTEMPTS);
	r->hw = hw_record_open(r->hw, f);
	fputs("\n[run]\n", f);
	exec_plan(r->hw, &r->plan, NULL, 0, out, &sum);
	snprintf(verdict, 64, "%s", sum.healthy ? sum.healthy->name : "none");
	fprintf(f, "end 0 \"%s\"\n", verdict);
	rig_close(r);
	free(out);
	return text;
}

static void sim_play(const struct sim_run *run, const char *text, const char *verdict)
{
	struct exec_outcome *out = calloc(MAX_ATTEMPTS, sizeof(*out));
	struct recording *r = parse_good("sim.rec", text, strlen(text));
	static const struct plan_opts none;
	struct exec_summary sum;
	struct err err = { 0 };
	struct bdf_spec spec;
	struct target t;
	struct plan plan;
	struct rig rules = { 0 };
	struct hw *hw;

	assert_true(recording_target(r, &spec));
	if (run->quirk)
		rig_quirk(&rules, run->quirk);
	hw = hw_replay_open(r);
	assert_int_equal(facts_collect(hw, &spec, &t, &err), 0);
	assert_int_equal(plan_build(&plan, &t, rules.quirk, NULL, &none, &err), 0);
	hw_replay_run(hw);
	exec_plan(hw, &plan, NULL, 0, out, &sum);
	assert_string_equal(sum.healthy ? sum.healthy->name : "none", verdict);
	if (hw_replay_end(hw, 0, verdict, &err))
		fail_msg("%s: %s", run->kind, err.text);
	plan_free(&plan);
	target_free(&t);
	hw_close(hw);
	free(out);
}

static void test_simulated_runs(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(sim_runs) / sizeof(*sim_runs); i++) {
		char verdict[64];
		char *text = sim_record(&sim_runs[i], verdict);

		if (sim_runs[i].verdict)
			assert_string_equal(verdict, sim_runs[i].verdict);
		sim_play(&sim_runs[i], text, verdict);
		free(text);
	}
}

/* --- simulated machines made from recordings ---------------------------------- */

static const struct made {
	const char *path, *verdict;
} mades[] = {
	{ "tests/records/lab-flr.rec", "flr" },
	{ "tests/records/lab-fury.rec", "none" },           /* pristine */
	{ "tests/records/lab-navi.rec", "hot_reset" },
};

static void test_made_machine(void **state)
{
	static const struct plan_opts none;

	(void)state;
	for (size_t i = 0; i < sizeof(mades) / sizeof(*mades); i++) {
		struct exec_outcome *out = calloc(MAX_ATTEMPTS, sizeof(*out));
		size_t len;
		char *text = slurp(mades[i].path, &len);
		struct recording *r = parse_good(mades[i].path, text, len);
		struct exec_summary sum;
		struct err err = { 0 };
		struct bdf_spec spec;
		struct study s;
		struct hw *hw;

		assert_true(recording_target(r, &spec));
		hw = hw_replay_simulate(r, &spec, &err);
		recording_free(r);
		assert_non_null(hw);
		assert_int_equal(study_target(&s, hw, quirks(), &spec, &none, &err), 0);
		exec_plan(hw, &s.plan, NULL, 0, out, &sum);
		if (!sum.healthy || strcmp(sum.healthy->name, mades[i].verdict))
			fail_msg("%s: %s", mades[i].path, sum.healthy ?
				 sum.healthy->name : out[0].err.text);
		study_free(&s);
		hw_close(hw);
		free(text);
		free(out);
	}
}

static void test_made_refused(void **state)
{
	size_t len;
	char *text = slurp("tests/records/synthetic.lspci", &len);
	struct bdf_spec spec = { .bdf = rig_bdf("01:00.0"), .whole_slot = true };
	struct recording *r;
	struct err err;
	char *cut = strstr(text, "01:00.0 VGA");

	(void)state;
	/* the card alone: no bridge leads to it */
	r = parse_good("cut", cut, len - (size_t)(cut - text));
	assert_true(recording_misses_bridge(r, &spec.bdf));
	assert_null(hw_replay_simulate(r, &spec, &err));
	assert_int_equal(err.code, EROFS);
	assert_says(err.text, "0000:01:00.0 has no way to root bus 0");
	recording_free(r);
	free(text);
}

/* --- what a file may not say -------------------------------------------------- */

#define HEAD "gpureset-record 1\n"
#define FN HEAD "[function 0000:01:00.0]\nparent none\n"

static const struct wrong {
	const char *text, *want;
} wrongs[] = {
	{ "", "w.rec:1:1: error: neither a recording" },
	{ "hello\n", "w.rec:1:1: error: neither a recording" },
	{ "gpureset-record 2\n", "w.rec:1:17: error: a recording of another version" },
	{ HEAD, "w.rec: error: no function in it" },
	{ HEAD "parent none\n", "w.rec:2:1: error: a section like [host] expected" },
	{ HEAD "[hosts]\n", "w.rec:2:6: error: nothing more expected" },
	{ HEAD "[frob]\n", "w.rec:2:2: error: no such section" },
	{ HEAD "[host\n", "w.rec:2:2: error: ']' expected" },
	{ HEAD "[host]\n[host]\n", "w.rec:3:6: error: the section is given twice" },
	{ HEAD "[host]\nfrob 1\n", "w.rec:3:1: error: 'frob' is not a word" },
	{ HEAD "[host]\nattr x \"y\"\n", "w.rec:3:1: error: 'attr' does not belong" },
	{ HEAD "[host]\nfile /x\n", "w.rec:3:8: error: a text in \"quotes\"" },
	{ HEAD "[host]\nfile /x \"a\\q\"\n", "w.rec:3:12: error: a text in" },
	{ HEAD "[host]\nfile /x \"a\\x00\"\n", "w.rec:3:12: error: a text in" },
	{ HEAD "[host]\nfile /x \"a\n", "w.rec:3:11: error: a text in" },
	{ HEAD "[host]\nfile /x \"a\" b\n", "w.rec:3:13: error: nothing more" },
	{ HEAD "[host]\nfile /x \"\"\nexists /x\n", "error: /x is given twice" },
	{ HEAD "[host]\nfile /x error 0 \"\"\n", "error: an errno is not 0" },
	{ HEAD "[host]\nfile /x error 5000 \"\"\n", "error: an errno: more than 4095" },
	{ HEAD "[host]\ntarget zz:00\n", "w.rec:3:8: error: 'zz:00' is not a PCI" },
	{ HEAD "[names]\nname 1002-7300 \"x\"\n", "w.rec:3:10: error: ':' and" },
	{ HEAD "[names]\nname 10020:7300 \"x\"\n", "error: a vendor id: more than 4" },
	{ HEAD "[holders]\nholder -1 \"x\" \"y\"\n", "w.rec:3:8: error: a process" },
	{ HEAD "[holders]\nholder 4294967296 \"x\" \"y\"\n", "error: a process: more" },
	{ HEAD "[function 01:00.0]\n", "w.rec:2:11: error: an address like" },
	{ FN "parent none\n", "w.rec:4:8: error: parent is given twice" },
	{ HEAD "[function 0000:01:00.0]\nparent 0000:01:00.0\n",
	  "cannot be below itself" },
	{ HEAD "[function 0000:01:00.0]\nparent 0000:00:01.0\n",
	  "0000:01:00.0 is below a bridge that is not in the file" },
	{ HEAD "[function 0000:01:00.0]\nparent 0000:02:00.0\n[function 0000:02:00.0]\n"
	  "parent 0000:01:00.0\n", "0000:01:00.0 is below itself" },
	{ FN "[function 0000:01:00.0]\n", "0000:01:00.0 is given twice" },
	{ FN "config 128\n", "w.rec:4:8: error: a configuration space has 64, 256" },
	{ FN "config 99999\n", "w.rec:4:8: error: a number of bytes: more than 4096" },
	{ FN "config 64\nconfig 64\n", "w.rec:5:8: error: config is given twice" },
	{ FN "config 64\n040: 00\n", "w.rec:5:1: error: no such row in 64 bytes" },
	{ FN "config 64\n008: 00\n", "w.rec:5:1: error: no such row" },
	{ FN "000: 00\n", "w.rec:4:1: error: no such row in 0 bytes" },
	{ FN "config 64\n000: 00 01\n", "w.rec:5:11: error: a byte expected" },
	{ FN "config 64\n000: 00 123\n", "w.rec:5:9: error: a byte: more than 2" },
	{ FN "config 64\nggg: 00\n", "w.rec:5:1: error: 'ggg:' is not a word" },
	{ FN "bar 6 0 0 \"x\"\n", "w.rec:4:5: error: a BAR, 0 to 5,: more than 5" },
	{ FN "bar 5 123456789 0 \"x\"\n", "an offset: more than 8 hex digits" },
	{ FN "[run]\n@ x now\n", "w.rec:5:3: error: a time in microseconds expected" },
	{ FN "[run]\n@ 1\n", "w.rec:5:4: error: an access expected" },
	{ FN "[run]\n@ 1 cfg r = zz\n", "w.rec:5:13: error: an answer expected" },
	{ FN "[run]\n@ 1 cfg r = error 0 \"x\"\n", "error: an errno is not 0" },
	{ FN "[run]\n@ 1 a\tb = 1\n", "w.rec:5:6: error: a control character" },
	{ FN "[run]\nend 0 \"x\"\nend 0 \"x\"\n",
	  "w.rec:6:5: error: end is given twice" },
	{ FN "[run]\nend 256 \"x\"\n", "an exit status: more than 255" },
	{ "00:02.0 VGA: x\n", "w.rec: error: a list of lspci without configuration" },
	{ "00:02.0 VGA: x\n00: 00 01\n", "w.rec:2:11: error: a byte of two hex digits" },
	{ "00:02.0 VGA: x\n10: 00\n", "w.rec:2:1: error: not the next row" },
	{ "00:02.0 VGA: x\n00: 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00\n",
	  "0000:00:02.0: only 16 bytes" },
	{ "\n00: 00\n00:02.0 VGA: x\n", "w.rec:2:1: error: bytes of no function" },
};

static void test_wrong_files(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(wrongs) / sizeof(*wrongs); i++) {
		const char *text = wrongs[i].text;
		char *said;
		/* a copy of its exact size: reading beyond it is caught */
		char *exact = malloc(strlen(text) + !*text);
		struct recording *r;

		memcpy(exact, text, strlen(text));
		r = parse("w.rec", exact, strlen(text), &said);
		if (r || !strstr(said, wrongs[i].want))
			fail_msg("%zu: '%s', wanted '%s'", i, said, wrongs[i].want);
		free(exact);
		free(said);
	}
}

/* --- any bytes at all --------------------------------------------------------- */

static uint32_t dice(uint32_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

static void mutate(char *text, size_t *len, uint32_t *seed)
{
	for (uint32_t n = 1 + dice(seed) % 3; n; n--) {
		size_t at = dice(seed) % *len;
		size_t from = dice(seed) % *len, run = dice(seed) % 40;

		if (dice(seed) % 3 == 0)
			text[at] = (char)dice(seed);
		else if (dice(seed) % 2)
			memmove(text + at, text + from, run < *len - at && run <
				*len - from ? run : 0);
		else if (*len > 100)
			*len -= dice(seed) % (*len / 10);
	}
}

/* The simulator ends the process when it is set up wrong: it must not come to that. */
static void mutant_simulated(const struct recording *r)
{
	struct bdf_spec spec = { .bdf = rig_bdf("01:00.0"), .whole_slot = true };
	struct err err = { 0 };
	struct target t;
	struct hw *hw;

	recording_target(r, &spec);
	if (recording_is_dump(r))
		spec.bdf = rig_bdf("01:00.0");
	hw = hw_replay_simulate(r, &spec, &err);
	assert_int_equal(hw == NULL, err.code != 0);
	if (hw && !facts_collect(hw, &spec, &t, &err))
		target_free(&t);
	hw_close(hw);
}

static unsigned mutations(const char *path, uint32_t *seed, int rounds)
{
	size_t len, cut;
	char *text = slurp(path, &len), *said, *copy, *told;
	unsigned read = 0;

	for (int i = 0; i < rounds; i++) {
		struct recording *r;
		struct hw *hw;

		copy = malloc(len);
		memcpy(copy, text, len);
		cut = len;
		mutate(copy, &cut, seed);
		r = parse("m.rec", copy, cut, &said);
		free(said);
		free(copy);
		if (!r)
			continue;
		mutant_simulated(r);
		hw = hw_replay_open(r);
		told = tell(hw);
		free(told);
		hw_close(hw);
		read++;
	}
	free(text);
	return read;
}

static void test_any_bytes(void **state)
{
	uint32_t seed = 20240;
	unsigned read = mutations("tests/records/synthetic.lspci", &seed, 200);

	(void)state;
	read += mutations("tests/records/lab-navi.rec", &seed, 200);
	printf("counts: 400 files with random mistakes, %u of them could still be read\n",
	       read);
	assert_true(read > 0 && read < 400);
}

/* --- all ---------------------------------------------------------------------- */

static int plain_holder(const struct hw_holder *h, void *arg)
{
	assert_string_equal(h->comm, "?[2J?x");
	assert_string_equal(h->what, "/dev/?");
	++*(int *)arg;
	return 0;
}

static int plain_log(const char *line, void *arg)
{
	assert_string_equal(line, "pci 0000:0b:00.0: ?]0;x?");
	++*(int *)arg;
	return 0;
}

/* A file that somebody sent in says nothing to the terminal of who replays it. */
static void test_terminal(void **state)
{
	static const char text[] = REC_FIRST_LINE "\n[host]\ntarget 0000:0b:00\n"
		"file /proc/sys/kernel/osrelease \"6.1\\x1b[2J\"\n"
		"[names]\nname 1002:7300 \"Fiji \\x1b[31m\\nX\"\n"
		"[holders]\nholder 41 \"\\x1b[2J\\nx\" \"/dev/\\x9b\"\n"
		"[function 0000:0b:00.0]\nparent none\n"
		"attr driver \"vfio\\x1b[2J\"\nattr resource \"0x1\\n0x2\"\nconfig 64\n"
		"000: 02 10 00 73 00 00 10 00 00 00 00 03 00 00 00 00\n"
		"[log]\nlog \"pci 0000:0b:00.0: \\x1b]0;x\\x07\"\n";
	struct hw *hw = hw_replay_open(parse_good("hostile", text, sizeof(text) - 1));
	const struct bdf fn = { .bus = 0x0b };
	char buf[128];
	int told = 0;

	(void)state;
	hw_name(hw, 0x1002, 0x7300, buf, sizeof(buf));
	assert_string_equal(buf, "Fiji ?[31m?X");
	assert_int_equal(hw_attr_read(hw, fn, "driver", buf, sizeof(buf), NULL), 0);
	assert_string_equal(buf, "vfio?[2J");
	assert_int_equal(hw_attr_read(hw, fn, "resource", buf, sizeof(buf), NULL), 0);
	assert_string_equal(buf, "0x1\n0x2");
	assert_int_equal(hw_host_read(hw, "/proc/sys/kernel/osrelease", buf, sizeof(buf),
				      NULL), 0);
	assert_string_equal(buf, "6.1?[2J");
	assert_int_equal(hw_holders(hw, &fn, 1, plain_holder, &told, NULL), 0);
	assert_int_equal(hw_log(hw, plain_log, &told, NULL), 0);
	assert_int_equal(told, 2);
	hw_close(hw);
}

static const struct CMUnitTest fixed_tests[] = {
	cmocka_unit_test(test_terminal),
	cmocka_unit_test(test_round_trip),
	cmocka_unit_test(test_registers_awake),
	cmocka_unit_test(test_registers_not_safe),
	cmocka_unit_test(test_kernel_log),
	cmocka_unit_test(test_no_such_card),
	cmocka_unit_test(test_scrub),
	cmocka_unit_test(test_host_files),
	cmocka_unit_test(test_serials_are_zero),
	cmocka_unit_test(test_read_only),
	cmocka_unit_test(test_simulated_runs),
	cmocka_unit_test(test_made_machine),
	cmocka_unit_test(test_made_refused),
	cmocka_unit_test(test_wrong_files),
	cmocka_unit_test(test_any_bytes),
};

static struct CMUnitTest tests[MAX_RECORDS * 4 + 16];
static size_t ntests;

static void add(const char *name, CMUnitTestFunction fn, const char *path)
{
	char *label = malloc(strlen(name) + strlen(path) + 2);

	sprintf(label, "%s %s", name, path);
	tests[ntests++] = (struct CMUnitTest){ label, fn, NULL, NULL,
					       (void *)(uintptr_t)path };
}

static bool has_run(const char *path)
{
	size_t len;
	char *text = slurp(path, &len);
	bool yes = strstr(text, "\n[run]\n");

	free(text);
	return yes;
}

static size_t add_files(const char *pattern, glob_t *g, bool recordings)
{
	size_t runs = 0;

	if (glob(pattern, 0, NULL, g))
		return 0;
	for (size_t i = 0; i < g->gl_pathc && i < MAX_RECORDS; i++) {
		const char *path = g->gl_pathv[i];

		add("plan of", test_plan_of, path);
		if (!recordings)
			continue;
		add("recorded again:", test_recorded_again, path);
		if (!has_run(path))
			continue;
		runs++;
		add("run of", test_run_of, path);
		add("faults in the run of", test_run_fault, path);
	}
	return runs;
}

int main(void)
{
	glob_t recs, dumps;
	size_t runs;
	int rc;

	memcpy(tests, fixed_tests, sizeof(fixed_tests));
	ntests = sizeof(fixed_tests) / sizeof(*fixed_tests);
	runs = add_files("tests/records/*.rec", &recs, true);
	add_files("tests/records/*.lspci", &dumps, false);
	printf("counts: %zu recordings, %zu of them of runs, %zu dumps\n", recs.gl_pathc,
	       runs, dumps.gl_pathc);
	rc = _cmocka_run_group_tests("record", tests, ntests, NULL, NULL);
	for (size_t i = sizeof(fixed_tests) / sizeof(*fixed_tests); i < ntests; i++)
		free((void *)(uintptr_t)tests[i].name);
	globfree(&recs);
	globfree(&dumps);
	quirk_db_free((struct quirk_db *)(uintptr_t)quirks());
	/* nothing there at all is no success */
	return rc ? rc : recs.gl_pathc < 1 || runs < 1 || dumps.gl_pathc < 1;
}
