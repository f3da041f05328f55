// SPDX-License-Identifier: GPL-2.0-or-later
#include "hw/holders.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/escape.h"
#include "hw/linux_sys.h"

/* .../usb3/3-1/3-1.2/3-1.2:1.0/host0/target0:0:0/0:0:0:0/block/sda/sda1/dev */
#define DEV_DEPTH 12
#define NVIDIA_MAJOR 195        /* Documentation/admin-guide/devices.txt */
#define MAPS_TAIL 64            /* kept of a block, for a name cut by its end */

/* Something that may be held: a device node, or a sysfs resource file. */
struct held {
	mode_t type;                    /* S_IFCHR, S_IFBLK, S_IFREG */
	dev_t dev;                      /* its number; of a file: the file system's */
	ino_t ino;                      /* resource files */
	struct bdf fn;
	char label[48];                 /* "0000:0b:00.0/resource0" */
	int last_pid;                   /* reported already for this process */
};

struct held_list {
	struct held *at;
	size_t n, room;
	struct bdf fn;                  /* whose things are being added */
};

struct scan {
	const struct holders_query *q;
	struct held_list list;
	hw_holder_fn *fn;
	void *arg;
	int self;
	int pid;                        /* the process being looked at */
	int comm_of;                    /* whose name @comm is */
	char comm[32];
	int proc;                       /* descriptor of /proc */
	int blind;                      /* processes that may not be looked into */
	int blind_pid;                  /* the last of them */
	bool found;                     /* somebody has the first slot asked for */
	int stop;                       /* what @fn returned */
};

/* ---- what to look for ---- */

static int held_add(struct held_list *l, const struct held *h)
{
	struct held *more;
	size_t i, room;

	for (i = 0; i < l->n; i++)
		if (l->at[i].type == h->type && l->at[i].dev == h->dev &&
		    l->at[i].ino == h->ino)
			return 0;
	if (l->n == l->room) {
		room = l->room ? 2 * l->room : 32;
		more = reallocarray(l->at, room, sizeof(*more));
		if (!more)
			return -ENOMEM;
		l->at = more;
		l->room = room;
	}
	l->at[l->n] = *h;
	l->at[l->n++].fn = l->fn;
	return 0;
}

static int held_add_node(struct held_list *l, mode_t type, unsigned major_nr,
			 unsigned minor_nr)
{
	const struct held h = { .type = type, .dev = makedev(major_nr, minor_nr) };

	return held_add(l, &h);
}

static int held_add_chr(struct held_list *l, unsigned major_nr, unsigned minor_nr)
{
	return held_add_node(l, S_IFCHR, major_nr, minor_nr);
}

/* What is not there (any more) is nobody's; what may not be looked at could be. */
static int held_failed(int code)
{
	return code == EACCES || code == EPERM ? -code : 0;
}

/* A file `dev` holds "226:0". */
static int held_add_dev_file(struct held_list *l, int dir)
{
	char text[32], link[256], *end, *end2;
	ssize_t n = readlinkat(dir, "subsystem", link, sizeof(link) - 1);
	bool block = n >= 6 && !memcmp(link + n - 6, "/block", 6);
	unsigned long major_nr, minor_nr;
	int fd;

	fd = openat(dir, "dev", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return held_failed(errno);
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	major_nr = strtoul(text, &end, 10);
	if (end == text || *end != ':')
		return 0;
	minor_nr = strtoul(end + 1, &end2, 10);
	if (end2 == end + 1)
		return 0;
	return held_add_node(l, block ? S_IFBLK : S_IFCHR, (unsigned)major_nr,
			     (unsigned)minor_nr);
}

static int held_add_resource(struct held_list *l, struct bdf bdf, int dir,
			     const char *name)
{
	struct held h = { .type = S_IFREG };
	char at[BDF_STR];
	struct stat st;

	if (strncmp(name, "resource", 8) != 0 || !isdigit((unsigned char)name[8]) ||
	    strlen(name) > 16 || strstr(name, "resize"))
		return 0;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	h.dev = st.st_dev;
	h.ino = st.st_ino;
	snprintf(h.label, sizeof(h.label), "%s/%.16s", bdf_str(bdf, at), name);
	return held_add(l, &h);
}

static bool is_folder(int dir, const struct dirent *e)
{
	struct bdf below;
	struct stat st;

	if (e->d_name[0] == '.' || !strcmp(e->d_name, "power") ||
	    !strcmp(e->d_name, "msi_irqs"))
		return false;
	if (e->d_type == DT_UNKNOWN)
		return !fstatat(dir, e->d_name, &st, AT_SYMLINK_NOFOLLOW) &&
		       S_ISDIR(st.st_mode);
	/* a function behind a bridge is not the bridge's device */
	return e->d_type == DT_DIR && !bdf_from_sysfs(e->d_name, &below);
}

/* Takes over @fd, a folder of the function; @depth counts from 1, its own one. */
static int held_walk(struct held_list *l, struct bdf bdf, int fd, int depth)
{
	DIR *dir = fdopendir(fd);
	struct dirent *e;
	int rc, sub;

	if (!dir) {
		close(fd);
		return -errno;
	}
	rc = held_add_dev_file(l, fd);
	while (!rc && (e = readdir(dir))) {
		if (depth == 1)
			rc = held_add_resource(l, bdf, fd, e->d_name);
		if (rc || depth == DEV_DEPTH || !is_folder(fd, e))
			continue;
		sub = openat(fd, e->d_name,
			     O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		rc = sub >= 0 ? held_walk(l, bdf, sub, depth + 1) : held_failed(errno);
	}
	closedir(dir);
	return rc;
}

static int held_add_group_node(struct held_list *l, const char *root, const char *name)
{
	char path[SYS_PATH];
	struct stat st;
	int fd, rc = sys_path(path, root, "/sys/class/vfio/%s", name);

	if (rc)
		return rc;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0) {
		rc = held_add_dev_file(l, fd);
		close(fd);
		return rc;
	}
	rc = sys_path(path, root, "/dev/vfio/%s", name);
	if (rc || stat(path, &st) || !S_ISCHR(st.st_mode))
		return rc;
	return held_add_chr(l, major(st.st_rdev), minor(st.st_rdev));
}

/*
 * The group device does not lie in the function's folder; without an IOMMU it has
 * another name (drivers/vfio/group.c).
 */
static int held_add_group(struct held_list *l, const char *root, struct bdf bdf)
{
	char path[SYS_PATH], group[32], name[48];
	int rc = sys_fn_path(path, root, bdf, "iommu_group");

	if (rc || sys_read_link(path, group, sizeof(group)))
		return rc;
	rc = held_add_group_node(l, root, group);
	snprintf(name, sizeof(name), "noiommu-%s", group);
	return rc ? rc : held_add_group_node(l, root, name);
}

/* NVIDIA's own driver does not tell sysfs about /dev/nvidiaN. */
static int held_add_nvidia(struct held_list *l, const char *root, struct bdf bdf)
{
	static const char key[] = "Device Minor:";
	char path[SYS_PATH], text[2048], at[BDF_STR], *p, *end;
	unsigned long minor_nr;
	int rc = sys_path(path, root, "/proc/driver/nvidia/gpus/%s/information",
			  bdf_str(bdf, at));

	if (rc || sys_read_text(path, text, sizeof(text)))
		return rc;
	p = strstr(text, key);
	if (!p)
		return 0;
	p += sizeof(key) - 1;
	minor_nr = strtoul(p, &end, 10);
	return end == p ? 0 : held_add_chr(l, NVIDIA_MAJOR, (unsigned)minor_nr);
}

static int held_collect(struct held_list *l, const struct holders_query *q)
{
	char path[SYS_PATH], at[BDF_STR];
	size_t i;
	int fd, rc = 0;

	for (i = 0; i < q->n && !rc; i++) {
		rc = sys_path(path, q->root, "/sys/bus/pci/devices/%s",
			      bdf_str(q->fns[i], at));
		if (rc)
			break;
		l->fn = q->fns[i];
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		rc = fd >= 0 ? held_walk(l, q->fns[i], fd, 1) : held_failed(errno);
		if (!rc)
			rc = held_add_group(l, q->root, q->fns[i]);
		if (!rc)
			rc = held_add_nvidia(l, q->root, q->fns[i]);
	}
	return rc;
}

/* ---- who has it ---- */

static void scan_comm(struct scan *s)
{
	char path[32];
	ssize_t n = -1;
	int fd;

	if (s->comm_of == s->pid)
		return;
	s->comm_of = s->pid;
	snprintf(path, sizeof(path), "%d/comm", s->pid);
	fd = openat(s->proc, path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, s->comm, sizeof(s->comm) - 1);
		close(fd);
	}
	if (n > 0 && s->comm[n - 1] == '\n')
		n--;
	s->comm[n > 0 ? n : 0] = '\0';
	escape_plain(s->comm);
}

static void scan_report(struct scan *s, struct held *h, const char *what)
{
	struct hw_holder who = { .pid = s->pid, .fn = h->fn };

	if (h->last_pid == s->pid)
		return;
	h->last_pid = s->pid;
	scan_comm(s);
	snprintf(who.comm, sizeof(who.comm), "%s", s->comm);
	snprintf(who.what, sizeof(who.what), "%.63s", what);
	escape_plain(who.what);
	/* one of a neighbour says nothing of the card that was asked for first */
	s->found |= bdf_same_slot(h->fn, s->q->fns[0]);
	s->stop = s->fn(&who, s->arg);
}

static struct held *scan_match(struct scan *s, const struct statx *st)
{
	const mode_t type = st->stx_mode & S_IFMT;
	const bool file = type == S_IFREG;
	const dev_t dev = file ? makedev(st->stx_dev_major, st->stx_dev_minor) :
				 makedev(st->stx_rdev_major, st->stx_rdev_minor);
	size_t i;

	for (i = 0; i < s->list.n; i++) {
		struct held *h = &s->list.at[i];

		if (h->type == type && h->dev == dev &&
		    (!file || h->ino == st->stx_ino))
			return h;
	}
	return NULL;
}

/* Called after what was to be read of this process has failed. */
static void scan_failed(struct scan *s)
{
	if ((errno != EACCES && errno != EPERM) || s->blind_pid == s->pid)
		return;
	s->blind++;
	s->blind_pid = s->pid;
}

/* A user's FUSE file system says EACCES as well: the link itself tells the two apart. */
static void scan_fd_failed(struct scan *s, int dir, const char *name)
{
	char target[8];

	if (readlinkat(dir, name, target, sizeof(target)) < 0)
		scan_failed(s);
}

static void scan_fd(struct scan *s, int dir, const char *name)
{
	char target[SYS_PATH];
	struct statx st;
	struct held *h;
	ssize_t n;

	/*
	 * Without AT_STATX_DONT_SYNC one process with a file on a dead server would
	 * hang the scan.
	 */
	if (statx(dir, name, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT,
		  STATX_TYPE | STATX_INO, &st) < 0) {
		scan_fd_failed(s, dir, name);
		return;
	}
	h = scan_match(s, &st);
	if (!h)
		return;
	n = h->type == S_IFREG ? 0 : readlinkat(dir, name, target, sizeof(target) - 1);
	target[n > 0 ? n : 0] = '\0';
	scan_report(s, h, h->type == S_IFREG ? h->label : target);
}

/* Is the resource file whose "/resourceN" is at @hit one of ours? */
static struct held *maps_match(struct scan *s, const char *start, const char *hit)
{
	size_t i;

	for (i = 0; i < s->list.n; i++) {
		struct held *h = &s->list.at[i];
		const char *slash = strchr(h->label, '/');
		size_t before, len = strlen(h->label);

		if (!slash)
			continue;
		before = (size_t)(slash - h->label);
		if ((size_t)(hit - start) > before && *(hit - before - 1) == '/' &&
		    !strncmp(hit - before, h->label, len) &&
		    isspace((unsigned char)hit[len - before]))
			return h;
	}
	return NULL;
}

static void maps_search(struct scan *s, const char *text)
{
	const char *hit = text;
	struct held *h;

	while (!s->stop && (hit = strstr(hit, "/resource"))) {
		h = maps_match(s, text, hit);
		if (h)
			scan_report(s, h, h->label);
		hit++;
	}
}

/* Returns whether there was any text: a thread that died has no memory any more. */
static bool scan_maps(struct scan *s, int task)
{
	int fd = openat(task, "maps", O_RDONLY | O_CLOEXEC);
	char text[16384];
	size_t have = 0;
	bool any = false;
	ssize_t n;

	if (fd < 0) {
		scan_failed(s);
		return false;
	}
	while (!s->stop && (n = read(fd, text + have, sizeof(text) - 1 - have)) > 0) {
		any = true;
		have += (size_t)n;
		text[have] = '\0';
		maps_search(s, text);
		if (have > MAPS_TAIL)
			memmove(text, text + have - MAPS_TAIL, MAPS_TAIL);
		have = have > MAPS_TAIL ? MAPS_TAIL : have;
	}
	close(fd);
	return any;
}

static DIR *dir_at(int dir, const char *name)
{
	int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (fd >= 0 && !d)
		close(fd);
	return d;
}

static void scan_fds(struct scan *s, int task)
{
	DIR *fds = dir_at(task, "fd");
	struct dirent *e;

	if (!fds)
		scan_failed(s);
	while (fds && !s->stop && (e = readdir(fds)))
		if (e->d_name[0] != '.')
			scan_fd(s, dirfd(fds), e->d_name);
	if (fds)
		closedir(fds);
}

/*
 * Threads share descriptors nearly always, but not when one died before the others
 * (then it has none) or left by unshare(2). When the kernel cannot tell: look again.
 */
static bool scan_shared(const struct scan *s, int seen, int tid)
{
	return s->q->kcmp && seen &&
	       syscall(SYS_kcmp, seen, tid, KCMP_FILES, 0, 0) == 0;
}

static void scan_process(struct scan *s, const char *pid)
{
	char path[40];
	struct dirent *e;
	bool mapped = false;
	int tid, task, seen = 0;
	DIR *tasks;

	snprintf(path, sizeof(path), "%.16s/task", pid);
	tasks = dir_at(s->proc, path);
	if (!tasks)
		scan_failed(s);
	while (tasks && !s->stop && (e = readdir(tasks))) {
		if (!isdigit((unsigned char)e->d_name[0]))
			continue;
		tid = (int)strtol(e->d_name, NULL, 10);
		if (mapped && scan_shared(s, seen, tid))
			continue;
		task = openat(dirfd(tasks), e->d_name,
			      O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (task < 0)
			continue;
		if (!scan_shared(s, seen, tid))
			scan_fds(s, task);
		seen = tid;
		if (!mapped && !s->stop)
			mapped = scan_maps(s, task);
		close(task);
	}
	if (tasks)
		closedir(tasks);
}

/* Whoever is not seen may be the one: that nobody has it cannot be said. */
static int scan_blind(struct scan *s, struct err *err)
{
	if (!s->blind)
		return 0;
	s->pid = s->blind_pid;
	scan_comm(s);
	return err_set(err, EACCES, "it cannot be seen who has the function open: %d "
		       "process%s may not be looked into, such as %d (%s); run as root, "
		       "outside of a container and of a security profile", s->blind,
		       s->blind == 1 ? "" : "es", s->pid, s->comm);
}

static int scan_all(struct scan *s, struct err *err)
{
	char path[SYS_PATH];
	struct dirent *e;
	DIR *procs;
	int rc = sys_path(path, s->q->root, "/proc");

	if (rc)
		return err_sys(err, -rc, "/proc");
	procs = opendir(path);
	if (!procs)
		return err_sys(err, errno, "/proc: cannot see who uses the function");
	s->proc = dirfd(procs);
	while (!s->stop && (e = readdir(procs))) {
		if (!isdigit((unsigned char)e->d_name[0]))
			continue;
		s->pid = (int)strtol(e->d_name, NULL, 10);
		if (s->pid != s->self)
			scan_process(s, e->d_name);
	}
	rc = s->found ? 0 : scan_blind(s, err);
	closedir(procs);
	return rc;
}

/*
 * Whoever builds on a disk has it to himself: file systems wherever they are mounted,
 * swap, ZFS, LVM, md, LIO (bdev_open() with a holder). Of a disk whose partition is taken
 * so is the whole. Not a loop device, whose file is opened as any other.
 */
static void scan_exclusive(struct scan *s, const struct held *h)
{
	struct hw_holder who = { .comm = "the kernel", .fn = h->fn };
	char path[SYS_PATH], link[64], *name;
	ssize_t n;
	int fd;

	if (h->type != S_IFBLK || sys_path(path, s->q->root, "/dev/block/%u:%u",
					   major(h->dev), minor(h->dev)))
		return;
	fd = open(path, O_RDONLY | O_EXCL | O_NONBLOCK | O_CLOEXEC);
	if (fd >= 0)
		close(fd);
	if (fd >= 0 || (errno != EBUSY && errno != EACCES && errno != EPERM))
		return;
	n = readlink(path, link, sizeof(link) - 1);
	link[n > 0 ? n : 0] = '\0';
	name = strrchr(link, '/');
	snprintf(who.what, sizeof(who.what), "/dev/%.32s", name ? name + 1 : "block");
	s->stop = s->fn(&who, s->arg);
}

int holders_look(const struct holders_query *q, int self, hw_holder_fn *fn, void *arg,
		 struct err *err)
{
	struct scan s = { .q = q, .fn = fn, .arg = arg, .self = self };
	int rc = held_collect(&s.list, q);

	if (rc)
		err_sys(err, -rc, "cannot list the device nodes of the functions");
	for (size_t i = 0; i < s.list.n && !rc && !s.stop; i++)
		scan_exclusive(&s, &s.list.at[i]);
	if (!rc && s.list.n && !s.stop)
		rc = scan_all(&s, err);
	free(s.list.at);
	return rc;
}
