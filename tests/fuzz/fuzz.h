/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is fuzzed, one function each: `make fuzz` drives them with libFuzzer, and
 * test_corpus.c runs them over every input that was kept, so that a finding stays
 * found. An invariant that does not hold aborts.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* A quirk file; what follows a line "====" is the text of every file it includes. */
int fuzz_quirk(const uint8_t *data, size_t size);

/* A recording, or an lspci dump. */
int fuzz_record(const uint8_t *data, size_t size);

#endif
