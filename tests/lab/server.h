/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by server.c (processes, poll loop), proxy.c (QEMU's protocol) and ctl.c. */
#ifndef LAB_SERVER_H
#define LAB_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../model/model.h"

#define LAB_MAX_CARDS	16

struct lab;

struct lab_card {
	struct lab *lab;
	char name[32];
	struct card *card;
	/* The guest switched decoding on once; DEVICE_RESETs before that are the
	 * machine's own start and no business of the card's. */
	bool live;
};

struct lab {
	struct lab_card card[LAB_MAX_CARDS];
	int ncards;
	bool verbose;
	int trace_fd;
	uint64_t started_us;
};

uint64_t lab_now_us(void *lab);
/* One line "MICROSECONDS WHO TEXT" into the trace file; who may be NULL. */
void lab_trace(const struct lab *lab, const char *who, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
struct lab_card *lab_find(struct lab *lab, const char *name);

/* ctl.c: bytes from the guest's control port; answers whole lines on fd. */
struct ctl {
	struct lab *lab;
	int fd;
	size_t len;
	char line[512];
};

/* Read and obey what is there: 0, or -1 when the other side is gone. */
int ctl_serve(struct ctl *ctl);

#endif
