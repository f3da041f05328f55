// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The server's half of QEMU's multi-process protocol, as x-pci-proxy-dev of QEMU 7.2
 * speaks it (include/hw/remote/mpqemu-link.h, hw/remote/proxy.c): a 16 byte header, a
 * payload, host byte order, file descriptors beside the header. QEMU holds a vCPU until
 * it has the answer, so nothing here ever waits.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy.h"

enum mpqemu_cmd {
	CMD_SYNC_SYSMEM,	/* guest memory, for DMA: the model does none */
	CMD_RET,
	CMD_CFG_WRITE,
	CMD_CFG_READ,
	CMD_BAR_WRITE,
	CMD_BAR_READ,
	CMD_SET_IRQFD,		/* the model raises no interrupts */
	CMD_DEVICE_RESET,
	CMD_COUNT
};

#define MAX_PAYLOAD	192
#define MAX_FDS		8
#define CFG_COMMAND	4u
#define COMMAND_DECODE	7u	/* I/O, memory, bus master */

struct header {
	int32_t cmd;
	uint32_t pad;
	uint64_t size;
};

struct cfg_msg {
	uint32_t addr, val;
	int32_t len;
};

struct bar_msg {
	uint64_t addr, val;
	uint32_t size;
	uint8_t memory;
	uint8_t pad[3];
};

_Static_assert(sizeof(struct header) == 16 && sizeof(struct cfg_msg) == 12 &&
	       sizeof(struct bar_msg) == 24, "layout of mpqemu-link.h");

union payload {
	struct cfg_msg cfg;
	struct bar_msg bar;
	uint64_t u64;
	uint8_t raw[MAX_PAYLOAD];
};

static void close_fds(struct msghdr *mh)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(mh); c; c = CMSG_NXTHDR(mh, c)) {
		size_t n;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(fd), sizeof(fd));
			close(fd);
		}
	}
}

/* All of len bytes; descriptors that come along are of no use here. */
static int receive(int fd, void *buf, size_t len)
{
	char ctl[CMSG_SPACE(MAX_FDS * sizeof(int))];
	size_t got = 0;

	while (got < len) {
		struct iovec iov = { (char *)buf + got, len - got };
		struct msghdr mh = {
			.msg_iov = &iov, .msg_iovlen = 1,
			.msg_control = ctl, .msg_controllen = sizeof(ctl),
		};
		ssize_t n = recvmsg(fd, &mh, MSG_CMSG_CLOEXEC);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		close_fds(&mh);
		got += (size_t)n;
	}
	return 0;
}

static int reply(int fd, uint64_t val)
{
	struct {
		struct header h;
		uint64_t val;
	} msg = { { .cmd = CMD_RET, .size = sizeof(val) }, val };

	return send(fd, &msg, sizeof(msg), MSG_NOSIGNAL) == sizeof(msg) ? 0 : -1;
}

static void trace_access(const struct proxy *p, const char *what, uint64_t addr,
			 uint64_t val, unsigned width)
{
	if (p->card->lab->verbose)
		lab_trace(p->card->lab, p->card->name, "fn=%d %s %#llx/%u = %#llx", p->fn,
			  what, (unsigned long long)addr, width, (unsigned long long)val);
}

static int no_reply(struct proxy *p, const union payload *m)
{
	(void)p;
	(void)m;
	return 0;
}

static int cfg_write(struct proxy *p, const union payload *m)
{
	unsigned width = (unsigned)m->cfg.len;

	trace_access(p, "cfg write", m->cfg.addr, m->cfg.val, width);
	if (m->cfg.addr == CFG_COMMAND && (m->cfg.val & COMMAND_DECODE))
		p->card->live = true;
	card_cfg_write(p->card->card, p->fn, m->cfg.addr, width, m->cfg.val);
	return reply(p->fd, 0);
}

static int cfg_read(struct proxy *p, const union payload *m)
{
	unsigned width = (unsigned)m->cfg.len;
	uint32_t val = card_cfg_read(p->card->card, p->fn, m->cfg.addr, width);

	trace_access(p, "cfg read", m->cfg.addr, val, width);
	return reply(p->fd, val);
}

/* QEMU gives bus addresses, and keeps decoding by its own copy of the BARs: after a
 * reset the card may well not feel addressed. */
static int bar_write(struct proxy *p, const union payload *m)
{
	uint64_t off;
	int bar;

	trace_access(p, "bar write", m->bar.addr, m->bar.val, m->bar.size);
	if (!card_bar_of(p->card->card, p->fn, m->bar.addr, m->bar.memory, &bar, &off))
		card_bar_write(p->card->card, p->fn, bar, off, m->bar.size, m->bar.val);
	return reply(p->fd, 0);
}

static int bar_read(struct proxy *p, const union payload *m)
{
	uint64_t off, val = ~0ull;
	int bar;

	if (!card_bar_of(p->card->card, p->fn, m->bar.addr, m->bar.memory, &bar, &off))
		val = card_bar_read(p->card->card, p->fn, bar, off, m->bar.size);
	trace_access(p, "bar read", m->bar.addr, val, m->bar.size);
	return reply(p->fd, val);
}

static int device_reset(struct proxy *p, const union payload *m)
{
	(void)m;
	if (p->card->live)
		card_bus_reset(p->card->card, p->fn);
	else
		lab_trace(p->card->lab, p->card->name, "fn=%d reset of machine start",
			  p->fn);
	return reply(p->fd, 0);
}

static const struct {
	size_t min_size;
	int (*serve)(struct proxy *p, const union payload *m);
} commands[CMD_COUNT] = {
	[CMD_SYNC_SYSMEM] = { 0, no_reply },
	[CMD_CFG_WRITE] = { sizeof(struct cfg_msg), cfg_write },
	[CMD_CFG_READ] = { sizeof(struct cfg_msg), cfg_read },
	[CMD_BAR_WRITE] = { sizeof(struct bar_msg) - 3, bar_write },
	[CMD_BAR_READ] = { sizeof(struct bar_msg) - 3, bar_read },
	[CMD_SET_IRQFD] = { 0, no_reply },
	[CMD_DEVICE_RESET] = { 0, device_reset },
};

int proxy_serve(struct proxy *p)
{
	union payload m = { 0 };
	struct header h;

	if (receive(p->fd, &h, sizeof(h)))
		return -1;
	if (h.size > sizeof(m) || (h.size && receive(p->fd, &m, h.size)))
		return -1;
	if (h.cmd < 0 || h.cmd >= CMD_COUNT || !commands[h.cmd].serve ||
	    h.size < commands[h.cmd].min_size) {
		fprintf(stderr, "lab-server: %s.%d: unexpected command %d, size %llu\n",
			p->card->name, p->fn, h.cmd, (unsigned long long)h.size);
		return -1;
	}
	return commands[h.cmd].serve(p, &m);
}
