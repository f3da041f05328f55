// SPDX-License-Identifier: GPL-2.0-or-later
#include "fuzz/fuzz_common.h"

#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char fuzz_dir_path[40];

void fuzz_insist(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "does not hold: %s\n", what);
	abort();
}

char *fuzz_text(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	fuzz_insist(text, "memory");
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	return text;
}

void fuzz_diag(struct diag *diag)
{
	FILE *null = fopen("/dev/null", "w");
	size_t errors = 0;

	for (size_t i = 0; i < diag->n; i++) {
		const struct diag_msg *m = &diag->msg[i];

		errors += m->level == DIAG_ERROR;
		fuzz_insist(m->line >= 0 && m->col >= 0, "a message has a place");
		fuzz_insist(m->text[0], "a message says something");
	}
	/* of very many not all are shown */
	fuzz_insist(errors <= diag->errors && (diag->n || !diag->errors),
		    "errors are counted");
	if (null) {
		diag_print(diag, null);
		fclose(null);
	}
	diag_free(diag);
}

void fuzz_bdf_valid(struct bdf bdf)
{
	char text[BDF_STR];
	struct bdf again;

	fuzz_insist(bdf.dev < 32 && bdf.fn < 8, "device and function within limits");
	fuzz_insist(bdf_from_sysfs(bdf_str(bdf, text), &again) && bdf_eq(bdf, again),
		    "an address is the same when read again");
}

static int dir_entry(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

static void dir_remove(void)
{
	nftw(fuzz_dir_path, dir_entry, 8, FTW_DEPTH | FTW_PHYS);
}

const char *fuzz_dir(void)
{
	if (fuzz_dir_path[0])
		return fuzz_dir_path;
	snprintf(fuzz_dir_path, sizeof(fuzz_dir_path), "%s/gpureset-fuzz-XXXXXX",
		 access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
	fuzz_insist(mkdtemp(fuzz_dir_path), "a folder");
	atexit(dir_remove);
	return fuzz_dir_path;
}

static void make_folders(char *path)
{
	for (char *at = strchr(path + strlen(fuzz_dir()) + 1, '/'); at;
	     at = strchr(at + 1, '/')) {
		*at = '\0';
		mkdir(path, 0755);
		*at = '/';
	}
}

void fuzz_file(const char *name, const void *data, size_t size)
{
	const int how = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC;
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", fuzz_dir(), name);
	fd = open(path, how, 0600);
	if (fd < 0) {
		make_folders(path);
		fd = open(path, how, 0600);
	}
	fuzz_insist(fd >= 0 && write(fd, data, size) == (ssize_t)size, "a file");
	close(fd);
}

static bool blast_may(const struct fuzz_blast *blast, struct bdf bdf)
{
	for (size_t i = 0; i < blast->nabove; i++)
		if (bdf_eq(blast->above[i], bdf))
			return true;
	return bdf_same_slot(blast->slot, bdf);
}

/* The one write without a function: a rescan, or a driver for one of the card's. */
static void blast_bus(const struct fuzz_blast *blast, const struct shim_access *a)
{
	struct bdf bdf;

	if (!strcmp(a->name, "rescan"))
		return;
	fuzz_insist(!strcmp(a->name, "drivers_probe"), "a known bus-wide write");
	fuzz_insist(bdf_from_sysfs(a->text, &bdf) && blast_may(blast, bdf),
		    "drivers are probed for the card only");
}

/* hw.h: @off is aligned to the width; nothing is written beyond the space's end. */
static bool blast_place(const struct shim_access *a)
{
	bool cfg = a->kind == SHIM_CFG_READ || a->kind == SHIM_CFG_WRITE;

	return !cfg || (a->off % a->width == 0 &&
			(a->kind == SHIM_CFG_READ || a->off + a->width <= 4096));
}

static void blast_see(void *arg, const struct shim_access *a)
{
	struct fuzz_blast *blast = arg;

	fuzz_insist(++blast->accesses <= blast->most, "it ends");
	fuzz_insist(blast_place(a), "a register has an address of its own");
	switch (a->kind) {
	case SHIM_BUS_WRITE:
		blast_bus(blast, a);
		break;
	case SHIM_CFG_WRITE:
	case SHIM_BAR_WRITE:
	case SHIM_ATTR_WRITE:
	case SHIM_HOT_RESET:
		fuzz_insist(blast_may(blast, a->bdf),
			    "only the card and the bridges above are written to");
		break;
	default:
		break;
	}
}

void fuzz_blast_watch(struct hw *shim, struct fuzz_blast *blast)
{
	hw_shim_trace(shim, blast_see, blast);
}
