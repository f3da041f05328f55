// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The server's half of vfio-user, as the vfio-user-pci of QEMU 10.1 and later speaks it
 * (QEMU docs/interop/vfio-user.rst): a 16 byte header with the size of the whole
 * message, a payload, little endian, file descriptors beside the bytes.
 *
 * The model does no DMA and raises no interrupts, so memory is mapped and interrupts
 * are wired in name only; descriptors that come along are closed.
 */
#include "vfio_user.h"

#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

_Static_assert(__BYTE_ORDER == __LITTLE_ENDIAN, "the structures below are the wire's");

enum vu_cmd {
	VU_VERSION = 1,
	VU_DMA_MAP = 2,
	VU_DMA_UNMAP = 3,
	VU_GET_INFO = 4,
	VU_REGION_INFO = 5,
	VU_IRQ_INFO = 7,
	VU_SET_IRQS = 8,
	VU_REGION_READ = 9,
	VU_REGION_WRITE = 10,
	VU_RESET = 13,
	VU_CMD_COUNT
};

/* header.flags */
#define VU_TYPE		0xfu	/* 0: request, 1: reply */
#define VU_REPLY	0x1u
#define VU_NO_REPLY	0x10u
#define VU_ERROR	0x20u

/* As VFIO numbers them (linux/vfio.h) */
#define VU_REGION_CONFIG	7u
#define VU_REGIONS		9u	/* with the VGA region, which is empty */
#define VU_IRQS			5u	/* INTx, MSI, MSI-X, error, request */
#define VU_IRQ_MSI		1u
#define VU_INFO_RESET		1u
#define VU_INFO_PCI		2u
#define VU_REGION_RW		3u
#define VU_IRQ_EVENTFD		1u

#define CFG_COMMAND	0x04u
#define COMMAND_DECODE	0x7u	/* I/O, memory, bus master */
#define CFG_INT_PIN	0x3du

struct vu_header {
	uint16_t id, command;
	uint32_t size;		/* of the whole message */
	uint32_t flags, error;
};

struct vu_version {
	uint16_t major, minor;	/* then JSON, with its NUL */
};

struct vu_dma_map {
	uint32_t argsz, flags;
	uint64_t offset, iova, size;
};

struct vu_dma_unmap {
	uint32_t argsz, flags;
	uint64_t iova, size;
};

struct vu_info {
	uint32_t argsz, flags, regions, irqs;
};

struct vu_region_info {
	uint32_t argsz, flags, index, cap_offset;
	uint64_t size, offset;
};

struct vu_irq_info {
	uint32_t argsz, flags, index, count;
};

struct vu_irq_set {
	uint32_t argsz, flags, index, start, count;
};

struct vu_access {
	uint64_t offset;
	uint32_t region, count;	/* then count bytes, in a write and in a read's reply */
};

_Static_assert(sizeof(struct vu_header) == 16 && sizeof(struct vu_version) == 4 &&
	       sizeof(struct vu_dma_map) == 32 && sizeof(struct vu_dma_unmap) == 24 &&
	       sizeof(struct vu_info) == 16 && sizeof(struct vu_region_info) == 32 &&
	       sizeof(struct vu_irq_info) == 16 && sizeof(struct vu_irq_set) == 20 &&
	       sizeof(struct vu_access) == 16, "layout of the vfio-user protocol");

/* A whole message, its payload, and where the reply's payload is made. */
struct vu_msg {
	struct vu_header h;
	const uint8_t *body;
	size_t len;
	uint8_t *out;		/* VU_MAX_MSG - 16 bytes */
	size_t out_len;
};

/* --- the commands: 0, or a positive errno for the error reply ----------------------- */

/*
 * Not a JSON parser: nothing the client can ask for would change what we do. The reply
 * must not be longer than the request, so ours is short, and left out where even that
 * does not fit.
 */
static int vu_version(struct vfio_user *vu, struct vu_msg *m)
{
	static const char ours[] =
		"{\"capabilities\":{\"max_data_xfer_size\":4096,\"max_msg_fds\":8}}";
	struct vu_version v;

	_Static_assert(VU_MAX_DATA == 4096, "as in the text");
	memcpy(&v, m->body, sizeof(v));
	if (v.major != 0 || vu->versioned)
		return EINVAL;
	if (m->len > sizeof(v) && m->body[m->len - 1])
		return EINVAL;
	vu->versioned = true;
	v.minor = 0;
	memcpy(m->out, &v, sizeof(v));
	m->out_len = sizeof(v);
	if (m->len >= sizeof(v) + sizeof(ours)) {
		memcpy(m->out + sizeof(v), ours, sizeof(ours));
		m->out_len += sizeof(ours);
	}
	return 0;
}

/* Nothing to do and nothing to say. */
static int vu_accept(struct vfio_user *vu, struct vu_msg *m)
{
	(void)vu;
	(void)m;
	return 0;
}

static int vu_get_info(struct vfio_user *vu, struct vu_msg *m)
{
	const struct vu_info info = { sizeof(info), VU_INFO_RESET | VU_INFO_PCI,
				      VU_REGIONS, VU_IRQS };

	(void)vu;
	memcpy(m->out, &info, sizeof(info));
	m->out_len = sizeof(info);
	return 0;
}

static uint64_t vu_region_size(const struct vfio_user *vu, uint32_t index)
{
	struct card_bar bar;

	if (index == VU_REGION_CONFIG)
		return card_cfg_size(vu->card->card);
	/* 6 is the option ROM and 8 the VGA region: no card has them */
	if (index > 5 || card_bar_info(vu->card->card, vu->fn, (int)index, &bar))
		return 0;
	return bar.size;
}

static int vu_region_info(struct vfio_user *vu, struct vu_msg *m)
{
	struct vu_region_info info;

	memcpy(&info, m->body, sizeof(info));
	if (info.index >= VU_REGIONS)
		return EINVAL;
	info.size = vu_region_size(vu, info.index);
	info.argsz = sizeof(info);
	info.flags = info.size ? VU_REGION_RW : 0;
	info.cap_offset = 0;
	/* only somebody who maps the region would need it */
	info.offset = 0;
	memcpy(m->out, &info, sizeof(info));
	m->out_len = sizeof(info);
	return 0;
}

static int vu_irq_info(struct vfio_user *vu, struct vu_msg *m)
{
	struct vu_irq_info info;

	(void)vu;
	memcpy(&info, m->body, sizeof(info));
	if (info.index >= VU_IRQS)
		return EINVAL;
	info.argsz = sizeof(info);
	info.count = info.index <= VU_IRQ_MSI;
	info.flags = info.count ? VU_IRQ_EVENTFD : 0;
	memcpy(m->out, &info, sizeof(info));
	m->out_len = sizeof(info);
	return 0;
}

static int vu_set_irqs(struct vfio_user *vu, struct vu_msg *m)
{
	struct vu_irq_set set;

	(void)vu;
	memcpy(&set, m->body, sizeof(set));
	return set.index < VU_IRQS ? 0 : EINVAL;
}

static void vu_trace(const struct vfio_user *vu, const char *what,
		     const struct vu_access *a, uint64_t val)
{
	if (vu->card->lab->verbose)
		lab_trace(vu->card->lab, vu->card->name, "fn=%d %s %u:%#llx/%u = %#llx",
			  vu->fn, what, a->region, (unsigned long long)a->offset,
			  a->count, (unsigned long long)val);
}

/* The widest naturally aligned access at off that fits. */
static unsigned vu_width(uint64_t off, size_t left, unsigned max)
{
	unsigned width = max;

	while (width > left || off & (width - 1))
		width /= 2;
	return width;
}

static uint64_t vu_cfg_read(struct vfio_user *vu, uint64_t off, unsigned width)
{
	uint32_t val = card_cfg_read(vu->card->card, vu->fn, (unsigned)off, width);

	/*
	 * After a reset QEMU asks for the pin, on its own behalf and at once. All ones
	 * of a function that is not ready would be a pin it cannot handle.
	 */
	if (off == CFG_INT_PIN && width == 1 && val == 0xff)
		return vu->pin;
	return val;
}

/* QEMU keeps decoding after a reset; a card whose BAR nobody has put back does not. */
static bool vu_bar_addressed(const struct vfio_user *vu, uint32_t bar)
{
	return card_bar_base(vu->card->card, vu->fn, (int)bar) != 0;
}

static uint64_t vu_read_piece(struct vfio_user *vu, uint32_t region, uint64_t off,
			      unsigned width)
{
	if (region == VU_REGION_CONFIG)
		return vu_cfg_read(vu, off, width);
	if (!vu_bar_addressed(vu, region))
		return ~0ull;
	return card_bar_read(vu->card->card, vu->fn, (int)region, off, width);
}

static void vu_write_piece(struct vfio_user *vu, uint32_t region, uint64_t off,
			   unsigned width, uint64_t val)
{
	if (region != VU_REGION_CONFIG) {
		if (vu_bar_addressed(vu, region))
			card_bar_write(vu->card->card, vu->fn, (int)region, off, width,
				       val);
		return;
	}
	if (off == CFG_COMMAND && val & COMMAND_DECODE)
		vu->card->live = true;
	card_cfg_write(vu->card->card, vu->fn, (unsigned)off, width, (uint32_t)val);
}

/* Fields of a read or write that can be served; @payload is what came with it. */
static int vu_access_of(const struct vfio_user *vu, const struct vu_msg *m,
			struct vu_access *a, bool write)
{
	uint64_t size;

	memcpy(a, m->body, sizeof(*a));
	size = a->region < VU_REGIONS ? vu_region_size(vu, a->region) : 0;
	if (!size || a->count > VU_MAX_DATA)
		return EINVAL;
	if (a->offset > size || a->count > size - a->offset)
		return EINVAL;
	if (write && m->len - sizeof(*a) != a->count)
		return EINVAL;
	return 0;
}

static int vu_region_read(struct vfio_user *vu, struct vu_msg *m)
{
	struct vu_access a;
	int rc = vu_access_of(vu, m, &a, false);
	uint8_t *data = m->out + sizeof(a);
	uint64_t val = 0;

	if (rc)
		return rc;
	for (uint32_t at = 0, width; at < a.count; at += width) {
		width = vu_width(a.offset + at, a.count - at,
				 a.region == VU_REGION_CONFIG ? 4 : 8);
		val = vu_read_piece(vu, a.region, a.offset + at, width);
		memcpy(data + at, &val, width);
	}
	vu_trace(vu, "read", &a, val);
	memcpy(m->out, &a, sizeof(a));
	m->out_len = sizeof(a) + a.count;
	return 0;
}

static int vu_region_write(struct vfio_user *vu, struct vu_msg *m)
{
	struct vu_access a;
	int rc = vu_access_of(vu, m, &a, true);
	const uint8_t *data = m->body + sizeof(a);
	uint64_t val = 0;

	if (rc)
		return rc;
	for (uint32_t at = 0, width; at < a.count; at += width) {
		width = vu_width(a.offset + at, a.count - at,
				 a.region == VU_REGION_CONFIG ? 4 : 8);
		val = 0;
		memcpy(&val, data + at, width);
		vu_write_piece(vu, a.region, a.offset + at, width, val);
	}
	vu_trace(vu, "write", &a, val);
	memcpy(m->out, &a, sizeof(a));
	m->out_len = sizeof(a);
	return 0;
}

static int vu_reset(struct vfio_user *vu, struct vu_msg *m)
{
	(void)m;
	if (vu->card->live)
		card_bus_reset(vu->card->card, vu->fn);
	else
		lab_trace(vu->card->lab, vu->card->name, "fn=%d reset of machine start",
			  vu->fn);
	return 0;
}

static const struct {
	size_t min_len;
	int (*serve)(struct vfio_user *vu, struct vu_msg *m);
} vu_commands[VU_CMD_COUNT] = {
	[VU_VERSION] = { sizeof(struct vu_version), vu_version },
	[VU_DMA_MAP] = { sizeof(struct vu_dma_map), vu_accept },
	[VU_DMA_UNMAP] = { sizeof(struct vu_dma_unmap), vu_accept },
	[VU_GET_INFO] = { sizeof(struct vu_info), vu_get_info },
	[VU_REGION_INFO] = { sizeof(struct vu_region_info), vu_region_info },
	[VU_IRQ_INFO] = { sizeof(struct vu_irq_info), vu_irq_info },
	[VU_SET_IRQS] = { sizeof(struct vu_irq_set), vu_set_irqs },
	[VU_REGION_READ] = { sizeof(struct vu_access), vu_region_read },
	[VU_REGION_WRITE] = { sizeof(struct vu_access), vu_region_write },
	[VU_RESET] = { 0, vu_reset },
};

/* --- messages ----------------------------------------------------------------------- */

static int vu_run(struct vfio_user *vu, struct vu_msg *m)
{
	const uint16_t cmd = m->h.command;

	if (cmd >= VU_CMD_COUNT || !vu_commands[cmd].serve)
		return ENOTSUP;
	if (m->len < vu_commands[cmd].min_len || (cmd != VU_VERSION && !vu->versioned))
		return EINVAL;
	return vu_commands[cmd].serve(vu, m);
}

/* 0, or -1: the other side does not take its answers, which we will not wait for. */
static int vu_answer(struct vfio_user *vu, const uint8_t *msg, size_t size)
{
	return send(vu->fd, msg, size, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)size ?
	       0 : -1;
}

/* One whole message of @size bytes at the start of in[]. */
static int vu_message(struct vfio_user *vu, size_t size)
{
	uint8_t reply[VU_MAX_MSG];
	struct vu_msg m = { .body = vu->in + sizeof(m.h), .len = size - sizeof(m.h),
			    .out = reply + sizeof(m.h) };
	int rc;

	memcpy(&m.h, vu->in, sizeof(m.h));
	/* nothing was asked of the client, so nothing it answers makes sense */
	if (m.h.flags & VU_TYPE)
		return -1;
	rc = vu_run(vu, &m);
	if (rc)
		lab_trace(vu->card->lab, vu->card->name, "fn=%d command %u, %zu bytes: "
			  "refused (%s)", vu->fn, m.h.command, size, strerror(rc));
	if (m.h.flags & VU_NO_REPLY)
		return 0;
	if (rc)
		m.out_len = 0;
	m.h.flags = VU_REPLY | (rc ? VU_ERROR : 0);
	m.h.error = (uint32_t)rc;
	m.h.size = (uint32_t)(sizeof(m.h) + m.out_len);
	memcpy(reply, &m.h, sizeof(m.h));
	return vu_answer(vu, reply, m.h.size);
}

/* Bytes of the message at the start of in[], 0 if that is not known yet, -1: nonsense */
static ssize_t vu_size(const struct vfio_user *vu)
{
	struct vu_header h;

	if (vu->have < sizeof(h))
		return 0;
	memcpy(&h, vu->in, sizeof(h));
	return h.size < sizeof(h) || h.size > VU_MAX_MSG ? -1 : (ssize_t)h.size;
}

static int vu_messages(struct vfio_user *vu)
{
	ssize_t size;

	while ((size = vu_size(vu)) > 0 && vu->have >= (size_t)size) {
		if (vu_message(vu, (size_t)size))
			return -1;
		vu->have -= (size_t)size;
		memmove(vu->in, vu->in + size, vu->have);
	}
	return size < 0 ? -1 : 0;
}

/* --- connections -------------------------------------------------------------------- */

static void vu_close_fds(struct msghdr *mh)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(mh); c; c = CMSG_NXTHDR(mh, c)) {
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		int fd;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < n; i++) {
			memcpy(&fd, CMSG_DATA(c) + i * sizeof(fd), sizeof(fd));
			close(fd);
		}
	}
}

/* 1: something came, 0: nothing there, -1: the other side is gone. */
static int vu_receive(struct vfio_user *vu)
{
	union {
		char buf[CMSG_SPACE(16 * sizeof(int))];
		struct cmsghdr align;
	} ctl;
	struct iovec iov = { vu->in + vu->have, sizeof(vu->in) - vu->have };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1,
			     .msg_control = ctl.buf, .msg_controllen = sizeof(ctl.buf) };
	ssize_t n = recvmsg(vu->fd, &mh, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -1;
	vu_close_fds(&mh);
	vu->have += (size_t)n;
	return n ? 1 : -1;
}

static void vu_connected(struct vfio_user *vu, int fd)
{
	vu->fd = fd;
	vu->have = 0;
	vu->versioned = false;
	vu->pin = (uint8_t)card_cfg_read(vu->card->card, vu->fn, CFG_INT_PIN, 1);
}

static void vu_drop(struct vfio_user *vu)
{
	lab_trace(vu->card->lab, vu->card->name, "fn=%d disconnected", vu->fn);
	close(vu->fd);
	vu->fd = -1;
}

int vfio_user_fd(const struct vfio_user *vu)
{
	return vu->fd >= 0 ? vu->fd : vu->listen_fd;
}

void vfio_user_serve(struct vfio_user *vu)
{
	int rc;

	if (vu->fd < 0) {
		int fd = accept4(vu->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd >= 0)
			vu_connected(vu, fd);
		return;
	}
	rc = vu_receive(vu);
	if (rc < 0 || (rc && vu_messages(vu)))
		vu_drop(vu);
}

int vfio_user_listen(struct vfio_user *vu, struct lab_card *card, int fn, const char *dir)
{
	int n;

	*vu = (struct vfio_user){ .card = card, .fn = fn, .listen_fd = -1, .fd = -1,
				  .addr.sun_family = AF_UNIX };
	n = snprintf(vu->addr.sun_path, sizeof(vu->addr.sun_path), "%s/%s.%d", dir,
		     card->name, fn);
	if (n < 0 || (size_t)n >= sizeof(vu->addr.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	vu->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (vu->listen_fd < 0)
		return -1;
	if (bind(vu->listen_fd, (struct sockaddr *)&vu->addr, sizeof(vu->addr)) ||
	    listen(vu->listen_fd, 1)) {
		close(vu->listen_fd);
		vu->listen_fd = -1;
		return -1;
	}
	return 0;
}

void vfio_user_attach(struct vfio_user *vu, struct lab_card *card, int fn, int fd)
{
	*vu = (struct vfio_user){ .card = card, .fn = fn, .listen_fd = -1 };
	vu_connected(vu, fd);
}

void vfio_user_close(struct vfio_user *vu)
{
	if (vu->fd >= 0)
		close(vu->fd);
	if (vu->listen_fd >= 0) {
		close(vu->listen_fd);
		unlink(vu->addr.sun_path);
	}
	vu->fd = vu->listen_fd = -1;
}
