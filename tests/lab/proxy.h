/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LAB_PROXY_H
#define LAB_PROXY_H

#include "server.h"

/* One function of a card on its socket to an x-pci-proxy-dev of QEMU. */
struct proxy {
	struct lab_card *card;
	int fn;
	int fd;
};

/* Receive and answer one message: 0, or -1 when the connection is over. */
int proxy_serve(struct proxy *p);

#endif
