/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What several of the fuzzed functions share. */
#ifndef TESTS_FUZZ_FUZZ_COMMON_H
#define TESTS_FUZZ_FUZZ_COMMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bdf.h"
#include "base/diag.h"
#include "hw/hw_shim.h"
#include "plan/facts.h"

#define FUZZ_CUT "\n====\n"

/* Ends the process when it does not hold. */
void fuzz_insist(bool holds, const char *what);

/* The input as a string of its own, to be freed; bytes behind a NUL stay in it. */
char *fuzz_text(const uint8_t *data, size_t size);

/* Every message has a place in the file and can be printed. Frees @diag. */
void fuzz_diag(struct diag *diag);

/* A folder of our own in memory, made at the first call, removed at the end. */
const char *fuzz_dir(void);

/* The file @name in it, which may hold slashes: folders are made; @data is its text. */
void fuzz_file(const char *name, const void *data, size_t size);

/* An address that exists on some machine. */
void fuzz_bdf_valid(struct bdf bdf);

/* Who may be written to while a card is reset, and how often anybody was accessed. */
struct fuzz_blast {
	struct bdf slot;
	struct bdf above[MAX_PATH];
	size_t nabove;
	uint64_t accesses, most;        /* more than @most aborts */
};

/* Watch all that is done through @shim; @blast has slot, above and most. */
void fuzz_blast_watch(struct hw *shim, struct fuzz_blast *blast);

#endif
