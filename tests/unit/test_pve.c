// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proxmox's own files, read as Proxmox reads them. Each tests/pve/NAME.conf says in
 * NAME.want, written by hand from PVE's rules, what must be seen in it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <glob.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/textfile.h"
#include "host/pve_conf.h"
#include "host/pve_list.h"
#include "host/pve_mapping.h"
#include "host/pve_resv.h"

static void say_addrs(FILE *f, const struct bdf_spec *spec, size_t n)
{
	char text[BDF_STR];

	for (size_t i = 0; i < n; i++)
		fprintf(f, " %s", bdf_spec_str(&spec[i], text));
}

static void say_key(FILE *f, const struct pve_key *k, int i)
{
	const struct hostpci *h = &k->pci;

	fprintf(f, "%d hostpci%d", k->line, i);
	say_addrs(f, h->addr, h->naddr);
	if (h->mapping[0])
		fprintf(f, " mapping %s", h->mapping);
	if (h->mdev[0])
		fprintf(f, " mdev %s", h->mdev);
	fprintf(f, "%s%s%s%s%s%s%s\n", h->keep ? " keep" : "", h->pcie ? " pcie" : "",
		h->x_vga ? " x-vga" : "", h->legacy_igd ? " legacy-igd" : "",
		h->rombar ? " rombar" : "", h->romfile[0] ? " romfile" : "",
		h->dies ? " dies" : "");
}

/* The settings that are kept as they stand, for the files that are about them. */
static void say_plain(FILE *f, const struct pve_vm *vm)
{
	for (int i = 0; i < PVE_PLAINS; i++)
		if (vm->plain[i][0])
			fprintf(f, "plain %s %s\n", pve_plain_name(i), vm->plain[i]);
}

static void say_vm(FILE *f, const struct pve_vm *vm, const struct diag *diag)
{
	for (int i = 0; i < HOSTPCI_KEYS; i++)
		if (vm->key[i].line)
			say_key(f, &vm->key[i], i);
	for (size_t i = 0; i < vm->nargs; i++) {
		fputs("args", f);
		say_addrs(f, &vm->args[i], 1);
		fputc('\n', f);
	}
	if (vm->is_template)
		fputs("template\n", f);
	if (vm->lock[0])
		fprintf(f, "lock %s\n", vm->lock);
	if (vm->hookscript[0])
		fprintf(f, "hookscript %s\n", vm->hookscript);
	if (vm->pending)
		fputs("pending\n", f);
	for (size_t i = 0; i < diag->n; i++)
		fprintf(f, "dropped %d:%d\n", diag->msg[i].line, diag->msg[i].col);
}

static void check_one(const char *path)
{
	char want_path[256], *text, *want, *got = NULL;
	struct pve_vm vm = { .vmid = 101 };
	size_t len, n, size;
	struct diag diag;
	FILE *f = open_memstream(&got, &size);

	snprintf(want_path, sizeof(want_path), "%.*s.want", (int)strlen(path) - 5, path);
	assert_int_equal(textfile_read(path, &text, &len, NULL), 0);
	assert_int_equal(textfile_read(want_path, &want, &n, NULL), 0);
	diag_init(&diag);
	pve_conf_parse(&vm, path, text, len, &diag);
	assert_non_null(f);
	if (strstr(path, "-settings."))
		say_plain(f, &vm);
	say_vm(f, &vm, &diag);
	fclose(f);
	if (strcmp(got, want))
		fail_msg("%s: wanted\n%sgot\n%s", path, want, got);
	assert_int_equal(vm.dropped, diag.n);
	diag_free(&diag);
	free(got);
	free(text);
	free(want);
}

static void test_configs(void **state)
{
	glob_t found = { 0 };

	(void)state;
	assert_int_equal(glob("tests/pve/*.conf", 0, NULL, &found), 0);
	for (size_t i = 0; i < found.gl_pathc; i++)
		check_one(found.gl_pathv[i]);
	printf("counts: VM configurations: %zu\n", found.gl_pathc);
	assert_true(found.gl_pathc >= 40);
	globfree(&found);
}

static void test_list(void **state)
{
	static const char list[] = ",host,hidden=1,,flags=+pcid;-x,cputype=kvm64";
	char out[16], cut[4];

	(void)state;
	assert_string_equal(pve_item_value(list, "type", "type", out, 16), "host");
	assert_string_equal(pve_item_value(list, "cputype", "cputype", out, 16),
			    "kvm64");
	assert_string_equal(pve_item_value(list, "type", "hidden", out, 16), "1");
	assert_string_equal(pve_item_value(list, "type", "flags", cut, 4), "+pc");
	assert_string_equal(pve_item_value(list, "type", "flag", out, 16), "");
	assert_string_equal(pve_item_value("", "type", "type", out, 16), "");
	assert_int_equal(pve_bool("On", 2), 1);
	assert_int_equal(pve_bool("false", 5), 0);
	assert_int_equal(pve_bool("true", 3), -1);
}

static void test_vmid(void **state)
{
	static const char *const bad[] = {
		"", "99", "0100", "1000000000", "10a", "-101", " 101", "101 ",
		"99999999999999999999",
	};
	struct err err;

	(void)state;
	assert_int_equal(pve_vmid("100", &err), 100);
	assert_int_equal(pve_vmid("999999999", &err), 999999999);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(pve_vmid(bad[i], &err), 0);
}

static const char mapping_text[] =
	"rtx5090\n"
	"\tmap id=10de:2b85,iommugroup=40,node=pve,path=0000:43:00\n"
	"\tmap id=10de:2b85,iommugroup=33,node=pve2,path=0000:21:00\n"
	"\tmap id=10de:2b85,node=pve,path=0000:44:00.0;0000:44:00.1\n"
	"\n"
	"sliced\n"
	"\tmdev 1\n"
	"\tmap id=10de:1eb8,node=pve,path=0000:05:00.0\n"
	"\n"
	"broken\n"
	"\tmap id=10de:1eb8,node=pve,path=05:00.0\n"
	"\tmap id=10de:1eb8,node=pve\n"
	"\tdescription node=pve,path=0000:09:00\n";

static void map(struct pve_mapping *m, const char *name, const char *node,
		struct diag *diag)
{
	pve_mapping_parse(m, name, node, "pci.cfg", mapping_text,
			  sizeof(mapping_text) - 1, diag);
}

static void test_mapping(void **state)
{
	struct pve_mapping m;
	struct diag diag;

	(void)state;
	diag_init(&diag);
	map(&m, "rtx5090", "pve", &diag);
	assert_true(m.found);
	assert_int_equal(m.nalts, 2);
	assert_int_equal(m.alt[0].addr[0].bdf.bus, 0x43);
	assert_true(m.alt[0].addr[0].whole_slot);
	assert_int_equal(m.alt[1].naddr, 2);
	assert_int_equal(m.alt[1].addr[1].bdf.fn, 1);
	map(&m, "rtx5090", "pve3", &diag);
	assert_true(m.found);
	assert_int_equal(m.nalts, 0);
	map(&m, "rtx509", "pve", &diag);
	assert_false(m.found);
	map(&m, "sliced", "pve", &diag);
	assert_true(m.mdev);
	assert_int_equal(diag.n, 0);
	map(&m, "broken", "pve", &diag);
	assert_int_equal(m.nalts, 0);
	assert_int_equal(diag.n, 2);
	assert_int_equal(diag.msg[0].line, 11);
	diag_free(&diag);
}

static void test_reservations(void **state)
{
	static const char text[] =
		"0000:0b:00.0 101 pid:12345\n"
		"0000:0b:00.1 101 pid:12345\n"
		"0000:0c:00.0 102 time:1795228070\n"
		"0000:0d:00.0 103 time:\n"
		"0000:0e:00.0 104\n"
		"0000:0f:00.0 x pid:1\n"
		"what is this\n"
		"10000:01:00.0 105 pid:1";
	struct pve_resvs all;

	(void)state;
	pve_resv_parse(&all, text, sizeof(text) - 1);
	assert_int_equal(all.n, 4);
	assert_int_equal(all.resv[0].vmid, 101);
	assert_true(all.resv[0].started);
	assert_int_equal(all.resv[0].value, 12345);
	assert_false(all.resv[2].started);
	assert_true(pve_resv_holds(&all.resv[2], "/nowhere", 1795228069));
	assert_false(pve_resv_holds(&all.resv[2], "/nowhere", 1795228070));
	assert_int_equal(all.resv[3].bdf.domain, 0x10000);
	pve_resv_free(&all);
}

static void put(const char *dir, const char *name, const char *text)
{
	char path[300];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

/* A process that, like QEMU, has @option and @value on its command line. */
static pid_t qemu_like(const char *dir, const char *option, const char *value)
{
	pid_t child = fork();
	char text[32];

	if (child == 0) {
		execlp("sh", "sh", "-c", "sleep 60; :", "sh", option, value, NULL);
		_exit(127);
	}
	snprintf(text, sizeof(text), "%d\n", (int)child);
	put(dir, "101.pid", text);
	return child;
}

/* Its command line is not its own before execve(). */
static void wait_exec(pid_t child, const char *value)
{
	char path[64], *text;
	bool found = false;
	size_t len;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)child);
	for (int i = 0; i < 500 && !found; i++) {
		usleep(10000);
		assert_int_equal(textfile_read(path, &text, &len, NULL), 0);
		found = memmem(text, len, value, strlen(value)) &&
			!memcmp(text, "sh", 3);
		free(text);
	}
	assert_true(found);
}

/* A pid counts only while its command line says -pidfile with the VM's pidfile. */
static void test_reservation_pid(void **state)
{
	static const struct {
		const char *option, *before, *name;
		bool holds;
	} rows[] = {
		{ "-pidfile", "", "101.pid", true },
		{ "--pidfile", "", "101.pid", true },
		/* as qemu-server calls QEMU: /var/run is a link to /run */
		{ "-pidfile", "/var", "101.pid", true },
		{ "--pidfile", "/var", "101.pid", true },
		{ "-pidfile", "/usr", "101.pid", false },
		{ "-pidfile", "/var", "102.pid", false },
		{ "-pidfile", "", "102.pid", false },
		{ "-pidfile", "", "101.pid.old", false },
		{ "-name", "", "101.pid", false },
		{ "-name", "/var", "101.pid", false },
		{ "pidfile", "", "101.pid", false },
	};
	char dir[] = "/tmp/gpureset-pve-XXXXXX", value[96], pidfile[64];

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(pidfile, sizeof(pidfile), "%s/101.pid", dir);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct pve_resv r = { .vmid = 101, .started = true };
		pid_t child;

		snprintf(value, sizeof(value), "%s%s/%s", rows[i].before, dir,
			 rows[i].name);
		child = qemu_like(dir, rows[i].option, value);
		wait_exec(child, value);
		r.value = (uint64_t)child;
		if (pve_resv_holds(&r, dir, 0) != rows[i].holds)
			fail_msg("%s %s", rows[i].option, value);
		r.vmid = 102;           /* there is no such pidfile */
		assert_false(pve_resv_holds(&r, dir, 0));
		r.vmid = 101;
		r.value++;              /* not the pid in it */
		assert_false(pve_resv_holds(&r, dir, 0));
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
		r.value--;              /* it has ended, and its line stays */
		assert_false(pve_resv_holds(&r, dir, 0));
	}
	unlink(pidfile);
	rmdir(dir);
}

static void test_read(void **state)
{
	char dir[] = "/tmp/gpureset-pve-XXXXXX", sub[64];
	struct pve_vm vm;
	struct diag diag;
	struct err err;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(sub, sizeof(sub), "%s/qemu-server", dir);
	assert_int_equal(mkdir(sub, 0755), 0);
	put(sub, "101.conf", "hostpci0: 0b:00\n");
	diag_init(&diag);
	assert_int_equal(pve_conf_read(&vm, dir, NULL, 101, &diag, &err), 0);
	assert_int_equal(vm.key[0].pci.naddr, 1);
	assert_int_equal(pve_conf_read(&vm, dir, NULL, 102, &diag, &err), -ENOENT);
	assert_non_null(strstr(err.text, "102.conf"));
	assert_int_equal(pve_conf_read(&vm, dir, "pve2", 101, &diag, &err), -ENOENT);
	diag_free(&diag);
	snprintf(sub, sizeof(sub), "%s/qemu-server/101.conf", dir);
	unlink(sub);
	*strrchr(sub, '/') = '\0';
	rmdir(sub);
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_configs), cmocka_unit_test(test_list),
		cmocka_unit_test(test_vmid),
		cmocka_unit_test(test_mapping), cmocka_unit_test(test_reservations),
		cmocka_unit_test(test_reservation_pid), cmocka_unit_test(test_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
