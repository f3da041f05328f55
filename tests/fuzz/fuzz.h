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

/* An address as a person types it, as sysfs names it, as Proxmox VE takes it. */
int fuzz_bdf(const uint8_t *data, size_t size);

/* gpureset.conf. */
int fuzz_config(const uint8_t *data, size_t size);

/*
 * A VM's configuration; after a line "====" the cluster's mappings, after another one
 * the reservations.
 */
int fuzz_vm(const uint8_t *data, size_t size);

/* The cluster's mappings; the same text as the reservations. */
int fuzz_mapping(const uint8_t *data, size_t size);

/* A libvirt domain. */
int fuzz_domxml(const uint8_t *data, size_t size);

/* The files in /run/gpureset: the values held for a VM, and the journal. */
int fuzz_held(const uint8_t *data, size_t size);

/* An lspci dump, whatever it begins with, and resets of the machine in it. */
int fuzz_lspci(const uint8_t *data, size_t size);

/*
 * A card that lies, as a guest may have left it: eight bytes say where it sits and how
 * it behaves (struct lie in fuzz_caps.c), the rest are changes to its configuration
 * space, three bytes each.
 */
int fuzz_caps(const uint8_t *data, size_t size);

/* A configuration space as it is, read by way of libpci from a made-up /sys. */
int fuzz_walk(const uint8_t *data, size_t size);

/*
 * A card that a guest left lying, on a machine with models of real cards: which scene and
 * lie of tests/unit/liar.c, from when to when (struct head in fuzz_guest.c), then what it
 * answers.
 */
int fuzz_guest(const uint8_t *data, size_t size);

/* How many inputs of fuzz_caps() so far: had a plan, were acted on, ended healthy. */
struct fuzz_caps_counts {
	unsigned long planned, acted, healthy;
	unsigned long most;     /* accesses that one input took */
};

extern struct fuzz_caps_counts fuzz_caps_counts;

#endif
