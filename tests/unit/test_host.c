// SPDX-License-Identifier: GPL-2.0-or-later
/* Which cards a VM has, what it got, and what libvirt says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "host/domxml.h"
#include "host/vmdev.h"
#include "host/pve_lock.h"
#include "host/vmrecord.h"

/* --- a node with a mapping and reservations ------------------------------------ */

struct world {
	struct pve_mapping mapping;
	struct bdf_spec taken[4];
	size_t ntaken;
	unsigned owner;
};

static const struct pve_mapping *world_mapping(void *arg, const char *name)
{
	struct world *w = arg;

	return strcmp(name, "gpus") ? NULL : &w->mapping;
}

static bool world_taken(void *arg, const struct bdf_spec *spec, unsigned vmid)
{
	const struct world *w = arg;

	for (size_t i = 0; i < w->ntaken; i++)
		if (w->owner != vmid && bdf_same_slot(w->taken[i].bdf, spec->bdf))
			return true;
	return false;
}

static struct bdf_spec addr(const char *text)
{
	struct bdf_spec spec;

	assert_true(hostpci_addr(text, strlen(text), &spec));
	return spec;
}

static void vm_of(struct pve_vm *vm, const char *conf)
{
	struct diag diag;

	memset(vm, 0, sizeof(*vm));
	vm->vmid = 101;
	diag_init(&diag);
	pve_conf_parse(vm, "101.conf", conf, strlen(conf), &diag);
	diag_free(&diag);
}

static void devices(struct vmdevs *all, struct pve_vm *vm, struct world *w,
		    const char *conf)
{
	const struct vmdev_world world = { world_mapping, world_taken, w };

	vm_of(vm, conf);
	vmdevs_of(all, vm, &world);
}

static void test_devices(void **state)
{
	struct world w = { .ntaken = 0 };
	struct vmdevs all;
	struct pve_vm vm;

	(void)state;
	devices(&all, &vm, &w, "hostpci0: 0b:00\nhostpci1: 0c:00.0;0c:00.1,pcie=1\n"
		"hostpci2: 0d:00.0,mdev=a\nhostpci3: 0e:00,driver=keep\n"
		"hostpci4: mapping=none\nhostpci5: pcie=1\n"
		"args: -device vfio-pci,host=02:00.0\n");
	assert_int_equal(all.n, 8);
	assert_int_equal(all.dev[0].use, VMDEV_YES);
	assert_int_equal(all.dev[2].spec.bdf.fn, 1);
	assert_int_equal(all.dev[3].use, VMDEV_MDEV);
	assert_int_equal(all.dev[4].use, VMDEV_KEEP);
	assert_int_equal(all.dev[5].use, VMDEV_NO_MAPPING);
	assert_int_equal(all.dev[6].use, VMDEV_DIES);
	assert_int_equal(all.dev[7].key, VMDEV_ARGS);
	for (int use = VMDEV_YES; use <= VMDEV_DIES; use++)
		assert_true(strlen(vmdev_why((enum vmdev_use)use)) > 10);
}

/* The node's alternatives of mapping "gpus". */
static void world_alts(struct world *w, const char *const *path, size_t n)
{
	w->mapping.found = true;
	w->mapping.nalts = n;
	for (size_t i = 0; i < n; i++) {
		w->mapping.alt[i].addr[0] = addr(path[i]);
		w->mapping.alt[i].naddr = 1;
	}
}

/* "0:41 0+42 ": key, bus of what it has ("+": of a spare), in order. */
static void chosen_is(struct vmdevs *all, struct pve_vm *vm, struct world *w,
		      const char *conf, const char *want)
{
	char got[128] = "";
	size_t at = 0;

	devices(all, vm, w, conf);
	for (size_t i = 0; i < all->n && at < sizeof(got); i++)
		at += (size_t)snprintf(got + at, sizeof(got) - at, "%d%s%02x ",
				       all->dev[i].key, all->dev[i].spare ? "+" : ":",
				       all->dev[i].spec.bdf.bus);
	if (strcmp(got, want))
		fail_msg("%s: %s, not %s", conf, got, want);
}

static const char *const three[] = { "0000:41:00", "0000:42:00", "0000:43:00" };

/* PVE takes the first alternative that nobody has; the others may be what it gets. */
static void test_mapping_choice(void **state)
{
	struct world w = { .owner = 102 };
	struct vmdevs all;
	struct pve_vm vm;

	(void)state;
	world_alts(&w, three, 3);
	chosen_is(&all, &vm, &w, "hostpci0: mapping=gpus\n", "0:41 0+42 0+43 ");
	assert_true(all.dev[0].one_of_many);
	assert_string_equal(all.dev[2].mapping, "gpus");
	assert_int_equal(all.dev[2].line, 1);
	w.taken[w.ntaken++] = addr("0000:41:00.0");
	chosen_is(&all, &vm, &w, "hostpci0: mapping=gpus\nhostpci1: mapping=gpus\n",
		  "0:42 1:43 ");
	assert_false(all.dev[1].one_of_many);
	w.taken[w.ntaken++] = addr("0000:42:00.0");
	w.taken[w.ntaken++] = addr("0000:43:00.0");
	devices(&all, &vm, &w, "hostpci0: mapping=gpus\n");
	assert_int_equal(all.n, 1);
	assert_int_equal(all.dev[0].use, VMDEV_ALL_TAKEN);
	w.owner = 101;
	chosen_is(&all, &vm, &w, "hostpci0: mapping=gpus\n", "0:41 0+42 0+43 ");
	w.mapping.mdev = true;
	devices(&all, &vm, &w, "hostpci0: mapping=gpus\n");
	assert_int_equal(all.n, 1);
	assert_int_equal(all.dev[0].use, VMDEV_MDEV);
}

/* What this VM has by another key is not free for it, whatever the order. */
static void test_mapping_keys(void **state)
{
	static const struct {
		const char *conf, *want;
	} rows[] = {
		{ "hostpci0: mapping=gpus\nhostpci1: mapping=gpus\n",
		  "0:41 1:42 0+43 1+43 " },
		{ "hostpci3: mapping=gpus\nhostpci1: mapping=gpus\n"
		  "hostpci2: mapping=gpus\n", "1:41 2:42 3:43 " },
		{ "hostpci0: 0000:41:00.1\nhostpci1: mapping=gpus\n", "0:41 1:42 1+43 " },
		{ "hostpci0: mapping=gpus\nhostpci1: 0000:43:00.0\n", "0:41 1:43 0+42 " },
		{ "hostpci0: mapping=gpus\nargs: -device vfio-pci,host=42:00.1\n",
		  "0:41 -1:42 0+43 " },
	};
	struct world w = { .ntaken = 0 };
	struct bdf_spec out[VMDEV_MOST];
	struct vmdevs all;
	struct pve_vm vm;

	(void)state;
	world_alts(&w, three, 3);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		chosen_is(&all, &vm, &w, rows[i].conf, rows[i].want);
		/* each card once, whoever of the keys may get it */
		assert_int_equal(vmdev_targets(&all, NULL, 0, out), 3);
	}
}

/* Other paths of one alternative count as well; and spares come last. */
static void test_mapping_several(void **state)
{
	static const char *const two[] = { "0000:41:00", "0000:42:00.0" };
	const struct bdf fns[] = { addr("42:00.0").bdf, addr("42:00.1").bdf };
	struct world w = { .ntaken = 0 };
	struct bdf_spec out[VMDEV_MOST];
	struct vmdevs all;
	struct pve_vm vm;

	(void)state;
	world_alts(&w, two, 2);
	w.mapping.alt[1].addr[1] = addr("0000:42:00.1");
	w.mapping.alt[1].naddr = 2;
	chosen_is(&all, &vm, &w, "hostpci0: mapping=gpus\nhostpci1: 0b:00\n",
		  "0:41 1:0b 0+42 0+42 ");
	assert_int_equal(vmdev_targets(&all, fns, 2, out), 3);
	assert_int_equal(out[1].bdf.bus, 0x0b);
	assert_int_equal(out[2].bdf.bus, 0x42);
	assert_true(out[2].whole_slot);         /* of one alternative: all of it */
	chosen_is(&all, &vm, &w, "hostpci0: mapping=gpus\nhostpci1: 0000:42:00.1\n",
		  "0:41 1:42 ");
	/* functions as alternatives: the VM has one for sure, and not the slot */
	w.mapping.alt[0].addr[0] = addr("0000:42:00.1");
	w.mapping.alt[1].naddr = 1;
	chosen_is(&all, &vm, &w, "hostpci0: mapping=gpus\n", "0:42 0+42 ");
	assert_int_equal(vmdev_targets(&all, fns, 2, out), 2);
	assert_false(out[0].whole_slot);
	assert_int_equal(out[0].bdf.fn, 1);
	assert_false(out[1].whole_slot);
}

static void test_targets(void **state)
{
	const struct bdf fns[] = {
		addr("0b:00.0").bdf, addr("0b:00.1").bdf, addr("0c:00.0").bdf,
		addr("0c:00.1").bdf, addr("0d:00.0").bdf,
	};
	struct world w = { .ntaken = 0 };
	struct bdf_spec out[VMDEV_MOST];
	struct vmdevs all;
	struct pve_vm vm;

	(void)state;
	devices(&all, &vm, &w, "hostpci0: 0b:00.1\nhostpci1: 0b:00.0\n"
		"hostpci2: 0c:00.0\nhostpci3: 0d:00.0\nhostpci4: 0e:00\n"
		"hostpci5: 0f:00.0\n");
	assert_int_equal(vmdev_targets(&all, fns, 5, out), 5);
	assert_true(out[0].whole_slot);         /* both functions, in two keys */
	assert_int_equal(out[0].bdf.fn, 0);
	assert_false(out[1].whole_slot);        /* the audio function is not the VM's */
	assert_true(out[2].whole_slot);         /* there is only one */
	assert_true(out[3].whole_slot);         /* not there yet: as asked */
	assert_false(out[4].whole_slot);
}

/* --- PVE's lock of a VM ---------------------------------------------------------- */

static void put_text(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void test_lock(void **state)
{
	char dir[] = "/tmp/gpureset-lock-XXXXXX", path[64], locks[64], line[128];
	struct stat st;
	int fd;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/lock-101.conf", dir);
	snprintf(locks, sizeof(locks), "%s/locks", dir);
	put_text(path, "");
	assert_int_equal(stat(path, &st), 0);
	assert_false(pve_vm_locked(dir, locks, 101));   /* nothing can be read */
	snprintf(line, sizeof(line), "1: POSIX  ADVISORY  READ 5 00:01:7 0 EOF\n"
		 "2: FLOCK  ADVISORY  WRITE 7 %02x:%02x:%ju 0 EOF\n", major(st.st_dev),
		 minor(st.st_dev), (uintmax_t)st.st_ino);
	put_text(locks, line);
	assert_true(pve_vm_locked(dir, locks, 101));
	assert_false(pve_vm_locked(dir, locks, 102));
	snprintf(line, sizeof(line), "1: FLOCK  ADVISORY  READ 7 %02x:%02x:%ju 0 EOF\n",
		 major(st.st_dev), minor(st.st_dev), (uintmax_t)st.st_ino);
	put_text(locks, line);
	assert_false(pve_vm_locked(dir, locks, 101));   /* no start */
	snprintf(line, sizeof(line), "1: FLOCK  ADVISORY  WRITE 7 %02x:%02x:%ju 0 EOF\n",
		 major(st.st_dev), minor(st.st_dev), (uintmax_t)st.st_ino + 1);
	put_text(locks, line);
	assert_false(pve_vm_locked(dir, locks, 101));
	/* as the kernel writes it */
	fd = open(path, O_RDWR);
	assert_false(pve_vm_locked(dir, "/proc/locks", 101));
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_true(pve_vm_locked(dir, "/proc/locks", 101));
	close(fd);
	assert_false(pve_vm_locked(dir, "/proc/locks", 101));
	unlink(locks);
	unlink(path);
	assert_int_equal(rmdir(dir), 0);
}

/* --- records ------------------------------------------------------------------- */

static void test_record(void **state)
{
	char dir[] = "/tmp/gpureset-host-XXXXXX", path[64];
	struct vmrecord rec = { .n = 2 }, back;
	struct err err;
	FILE *f;

	(void)state;
	assert_non_null(mkdtemp(dir));
	rec.fn[0] = addr("0b:00.0").bdf;
	rec.fn[1] = addr("10000:01:00.1").bdf;
	assert_int_equal(vmrecord_read(dir, 101, &back, &err), -ENOENT);
	assert_int_equal(vmrecord_write(dir, 101, &rec, &err), 0);
	assert_int_equal(vmrecord_read(dir, 101, &back, &err), 0);
	assert_int_equal(back.n, 2);
	assert_true(bdf_eq(back.fn[1], rec.fn[1]));
	snprintf(path, sizeof(path), "%s/vm-101", dir);
	f = fopen(path, "a");
	assert_non_null(f);
	fputs("0b:00\n", f);
	fclose(f);
	assert_int_equal(vmrecord_read(dir, 101, &back, &err), -EINVAL);
	assert_non_null(strstr(err.text, "vm-101:4:"));
	vmrecord_remove(dir, 101);
	vmrecord_remove(dir, 101);
	assert_int_equal(rmdir(dir), 0);
	assert_int_equal(vmrecord_write(dir, 101, &rec, &err), 0);
	vmrecord_remove(dir, 101);
	assert_int_equal(rmdir(dir), 0);
	assert_int_equal(vmrecord_write("/proc/none/such", 101, &rec, &err), -ENOENT);
}

/* --- libvirt ------------------------------------------------------------------- */

static const char domain[] =
	"<?xml version='1.0'?>\n"
	"<!-- WARNING: <hostdev type='pci'> -->\n"
	"<domain type='kvm' id='1'>\n"
	"  <name>win &amp; co</name>\n"
	"  <devices>\n"
	"    <hostdev mode='subsystem' type='pci' managed='yes'>\n"
	"      <driver name='vfio'/>\n"
	"      <source>\n"
	"        <address domain='0x0000' bus='0x0b' slot='0x00' function='0x1'/>\n"
	"      </source>\n"
	"      <address type='pci' domain='0x0000' bus='0x06' slot='0x00' "
	"function='0x0'/>\n"
	"    </hostdev>\n"
	"    <hostdev mode=\"subsystem\" type=\"usb\" managed='no'>\n"
	"      <source><address bus='1' device='2'/></source>\n"
	"    </hostdev>\n"
	"    <hostdev type='pci' managed='no'><source>"
	"<address domain='0' bus='11' slot='0' function='0' /></source></hostdev>\n"
	"  </devices>\n"
	"</domain>\n";

static void test_domain(void **state)
{
	struct domxml d;
	struct err err;

	(void)state;
	assert_int_equal(domxml_parse(&d, domain, sizeof(domain) - 1, &err), 0);
	assert_int_equal(d.n, 2);
	assert_int_equal(d.fn[0].bus, 0x0b);
	assert_int_equal(d.fn[0].fn, 1);
	assert_true(d.managed[0]);
	assert_int_equal(d.fn[1].bus, 11);
	assert_false(d.managed[1]);
	/* cut anywhere, it is refused or holds less; never more, never a crash */
	for (size_t n = 0; n < sizeof(domain) - 1; n++) {
		struct domxml part;
		char *copy = malloc(n + 1);
		int rc;

		assert_non_null(copy);
		memcpy(copy, domain, n);
		rc = domxml_parse(&part, copy, n, &err);
		free(copy);
		assert_true(part.n <= 2);
		if (memmem(domain, n, "<domain ", 8) && n < sizeof(domain) - 2)
			assert_int_equal(rc, -EINVAL);
	}
}

/* What libvirt 9.0 prints at release, and look-alikes where they are not to be found. */
static const char traps[] =
	"<domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>\n"
	"  <name>one</name>\n"
	"  <title>&lt;hostdev type='pci'&gt;</title>\n"
	"  <metadata>\n"
	"    <x:devices xmlns:x=\"http://example.org/1\">\n"
	"      <x:hostdev type='pci'><source><address domain='1' bus='1' slot='1' "
	"function='1'/></source></x:hostdev>\n"
	"    </x:devices>\n"
	"    <devices xmlns=\"http://example.org/2\"><hostdev type='pci'><source>"
	"<address domain='2' bus='2' slot='2' function='2'/></source></hostdev>"
	"</devices>\n"
	"    <gr\xc3\xb6\xc3\x9f\x65 a='>'>1</gr\xc3\xb6\xc3\x9f\x65>\n"
	"    <y><![CDATA[</y></metadata><devices><hostdev type='pci'>]]></y>\n"
	"  </metadata>\n"
	"  <hostdev type='pci'><source><address bus='3' slot='3' function='3'/></source>"
	"</hostdev>\n"
	"  <devices>\n"
	"    <!-- <hostdev type='pci'><source><address bus='4' slot='4' function='4'/>"
	" -->\n"
	"    <controller type='pci' index='0' model='pci-root'/>\n"
	"    <interface type='hostdev' managed='yes'>\n"
	"      <driver name='vfio'/>\n"
	"      <source>\n"
	"        <address type='pci' domain='0x0000' bus='0x05' slot='0x05' "
	"function='0x5'/>\n"
	"      </source>\n"
	"    </interface>\n"
	"    <hostdev mode='subsystem' type='mdev' managed='no' model='vfio-pci'>\n"
	"      <source><address uuid='c2177883-f1bb-47f0-914d-32a22e3a8804'/></source>\n"
	"    </hostdev>\n"
	"    <hostdev mode='subsystem' type='scsi'><source><adapter name='scsi_host0'/>"
	"<address bus='0' target='0' unit='0'/></source></hostdev>\n"
	"    <hostdev mode='subsystem' type='pci' managed='yes'>\n"
	"      <driver name='vfio'/>\n"
	"      <source writeFiltering='no'>\n"
	"        <address domain='0x0000' bus='0x0b' slot='0x1f' function='0x7'/>\n"
	"      </source>\n"
	"      <alias name='hostdev0'/>\n"
	"      <boot order='1'/>\n"
	"      <rom bar='on' file='/lab/guest/7300.rom'/>\n"
	"      <address type='pci' domain='0x0000' bus='0x06' slot='0x04' function='0x0' "
	"multifunction='on'/>\n"
	"    </hostdev>\n"
	"    <hostdev mode='subsystem' type='pci'><source><address bus='0xff' slot='0' "
	"function='0'/></source></hostdev>\n"
	"    <video><model type='none'/></video>\n"
	"  </devices>\n"
	"  <seclabel type='dynamic' model='dac' relabel='yes'/>\n"
	"  <qemu:commandline><qemu:arg value='-device'/></qemu:commandline>\n"
	"</domain>\n";

static void test_domain_traps(void **state)
{
	struct domxml d;
	struct err err = { 0 };
	int rc = domxml_parse(&d, traps, sizeof(traps) - 1, &err);

	(void)state;
	if (rc)
		fail_msg("%s", err.text);
	assert_int_equal(d.n, 2);
	assert_true(bdf_eq(d.fn[0], (struct bdf){ 0, 0x0b, 0x1f, 7 }));
	assert_true(d.managed[0]);
	assert_true(bdf_eq(d.fn[1], (struct bdf){ 0, 0xff, 0, 0 }));
	assert_false(d.managed[1]);
}

static void test_domain_bad(void **state)
{
	static const struct {
		const char *text, *says;
	} rows[] = {
		{ "<a><b></a>", "line 1, column 10" },
		{ "<a", "expected '>'" }, { "<a b>", "expected '='" },
		{ "<a b=c>", "a quote" }, { "<a b='c>", "not closed" },
		{ "<!DOCTYPE x>", "document type" }, { "</a>", "close" },
		{ "<!-- ", "no end" }, { "<>", "name" },
		{ "", "no domain" }, { "<a><domain/></a>", "no domain" },
		{ "<domain><devices><hostdev type='pci'><source>"
		  "<address bus='0x0b'/>", "bus, slot and function" },
		{ "<domain><devices><hostdev type='pci'><source><address domain='0' "
		  "bus='0x100' slot='0' function='0'/>", "not one of a PCI" },
		{ "<domain><devices><hostdev type='pci'><source><address domain='0' "
		  "bus='0' slot='0' function='8'/>", "not one of a PCI" },
	};
	struct domxml d;
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_int_equal(domxml_parse(&d, rows[i].text, strlen(rows[i].text),
					      &err), -EINVAL);
		if (!strstr(err.text, rows[i].says))
			fail_msg("%s: %s", rows[i].text, err.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_devices), cmocka_unit_test(test_mapping_choice),
		cmocka_unit_test(test_mapping_keys),
		cmocka_unit_test(test_mapping_several),
		cmocka_unit_test(test_targets), cmocka_unit_test(test_lock),
		cmocka_unit_test(test_record),
		cmocka_unit_test(test_domain), cmocka_unit_test(test_domain_traps),
		cmocka_unit_test(test_domain_bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
