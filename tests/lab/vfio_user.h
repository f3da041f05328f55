/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LAB_VFIO_USER_H
#define LAB_VFIO_USER_H

#include <sys/un.h>

#include "server.h"

/*
 * Longest piece of a region in one message: all of a configuration space, which QEMU
 * reads in one go. What asks for more is refused.
 */
#define VU_MAX_DATA	4096u
#define VU_MAX_MSG	(16u + 16u + VU_MAX_DATA)

/* One function of a card, and the connection of a vfio-user-pci of QEMU to it. */
struct vfio_user {
	struct lab_card *card;
	int fn;
	int listen_fd;			/* -1: the connection was made by somebody else */
	int fd;				/* -1: nobody is connected */
	struct sockaddr_un addr;
	bool versioned;			/* VERSION went through on this connection */
	uint8_t pin;			/* the interrupt pin, for when config is silent */
	size_t have;			/* bytes of in[] */
	uint8_t in[VU_MAX_MSG];
};

/*
 * Listen at DIR/NAME.FN; 0 or -1 with errno. @vu is filled, nobody is connected yet.
 */
int vfio_user_listen(struct vfio_user *vu, struct lab_card *card, int fn,
		     const char *dir);

/* A connection that exists already: serve the function on @fd, which @vu then owns. */
void vfio_user_attach(struct vfio_user *vu, struct lab_card *card, int fn, int fd);

/* What poll(2) should watch: the connection, or the socket that waits for one. */
int vfio_user_fd(const struct vfio_user *vu);

/*
 * That descriptor is readable: take what is there, answer all whole messages. Never
 * waits. A connection that ended or lost its thread is closed, and the next one taken.
 */
void vfio_user_serve(struct vfio_user *vu);

/* Close everything and remove the socket's file. */
void vfio_user_close(struct vfio_user *vu);

#endif
