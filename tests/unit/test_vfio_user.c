// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The lab's vfio-user server, spoken to over a socket pair as QEMU would and as it never
 * would; and the cards with 4 KiB of configuration space behind it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* not part of any library: the server is built from its own files */
#include "lab/vfio_user.c"

#define HDR		sizeof(struct vu_header)
#define NOTHING		(-2)	/* errors are positive, 0 is success */
#define DROPPED		(-1)
#define COMMAND_ALL	0x7u
#define MODERN_AER_MASK	0x160u
#define MODERN_REBAR	0x208u
#define MODERN_FIREWALL	0x268u

struct rig {
	struct lab lab;
	struct lab_card *lc;
	struct vfio_user vu;
	int fd;			/* the client's end */
	uint64_t now;
	uint16_t id;
	uint8_t body[VU_MAX_MSG];	/* of the last reply */
	size_t len;
};

/* what server.c provides */
void lab_trace(const struct lab *lab, const char *who, const char *fmt, ...)
{
	(void)lab;
	(void)who;
	(void)fmt;
}

static uint64_t rig_now(void *arg)
{
	struct rig *r = arg;

	return r->now;
}

static void rig_connect(struct rig *r)
{
	int sv[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
	r->fd = sv[1];
	vfio_user_attach(&r->vu, r->lc, 0, sv[0]);
}

static void rig_new(struct rig *r, const char *kind)
{
	const struct card_env env = { .now_us = rig_now, .arg = r };

	memset(r, 0, sizeof(*r));
	r->lc = &r->lab.card[0];
	r->lc->lab = &r->lab;
	strcpy(r->lc->name, "card");
	r->lc->card = card_new(kind, &env);
	assert_non_null(r->lc->card);
	rig_connect(r);
}

static void rig_free(struct rig *r)
{
	vfio_user_close(&r->vu);
	close(r->fd);
	card_free(r->lc->card);
}

static void put(struct rig *r, const void *bytes, size_t n)
{
	assert_int_equal(send(r->fd, bytes, n, MSG_NOSIGNAL), n);
}

/* The answer to the last request: its errno, 0, or NOTHING; checks the header. */
static int take(struct rig *r, uint16_t cmd)
{
	struct vu_header h;
	ssize_t n = recv(r->fd, &h, sizeof(h), MSG_DONTWAIT);

	r->len = 0;
	if (n == 0)
		return DROPPED;
	if (n < 0)
		return errno == ECONNRESET ? DROPPED : NOTHING;
	assert_int_equal(n, sizeof(h));
	assert_int_equal(h.id, r->id);
	assert_int_equal(h.command, cmd);
	assert_true(h.size >= HDR && h.size <= VU_MAX_MSG);
	r->len = h.size - HDR;
	if (r->len)
		assert_int_equal(recv(r->fd, r->body, r->len, MSG_DONTWAIT), r->len);
	assert_int_equal(h.flags, h.error ? (VU_REPLY | VU_ERROR) : VU_REPLY);
	assert_true(!h.error || !r->len);
	return (int)h.error;
}

static void put_request(struct rig *r, uint16_t cmd, uint32_t flags, const void *body,
			size_t len)
{
	const struct vu_header h = { ++r->id, cmd, (uint32_t)(HDR + len), flags, 0 };
	uint8_t msg[VU_MAX_MSG];

	memcpy(msg, &h, HDR);
	if (len)
		memcpy(msg + HDR, body, len);
	put(r, msg, HDR + len);
}

static int ask(struct rig *r, uint16_t cmd, const void *body, size_t len)
{
	put_request(r, cmd, 0, body, len);
	vfio_user_serve(&r->vu);
	return take(r, cmd);
}

static int hello(struct rig *r)
{
	static const char msg[] = "\0\0\0\0{\"capabilities\":{\"max_msg_fds\":8,"
		"\"max_data_xfer_size\":1048576,\"pgsizes\":4096,"
		"\"write_multiple\":true}}";

	return ask(r, VU_VERSION, msg, sizeof(msg));
}

static int ask_read(struct rig *r, uint32_t region, uint64_t off, uint32_t count)
{
	const struct vu_access a = { off, region, count };

	return ask(r, VU_REGION_READ, &a, sizeof(a));
}

static uint64_t rd(struct rig *r, uint32_t region, uint64_t off, uint32_t count)
{
	uint64_t val = 0;

	assert_int_equal(ask_read(r, region, off, count), 0);
	assert_int_equal(r->len, sizeof(struct vu_access) + count);
	memcpy(&val, r->body + sizeof(struct vu_access), count);
	return val;
}

/* A write of up to 8 bytes: request and payload. */
struct write_msg {
	struct vu_access a;
	uint64_t val;
};

static int ask_write(struct rig *r, uint32_t region, uint64_t off, uint32_t count,
		     uint64_t val)
{
	const struct write_msg m = { { off, region, count }, val };

	return ask(r, VU_REGION_WRITE, &m, sizeof(m.a) + count);
}

static void wr(struct rig *r, uint32_t region, uint64_t off, uint32_t count, uint64_t val)
{
	assert_int_equal(ask_write(r, region, off, count, val), 0);
	assert_int_equal(r->len, sizeof(struct vu_access));
}

static uint32_t cfg(struct rig *r, unsigned off)
{
	return (uint32_t)rd(r, VU_REGION_CONFIG, off, 4);
}

/* As firmware leaves it: BARs assigned, decoding on. */
static void rig_ready(struct rig *r, const char *kind)
{
	struct card_bar bar;

	rig_new(r, kind);
	assert_int_equal(hello(r), 0);
	for (uint32_t i = 0; i < 6; i++) {
		if (card_bar_info(r->lc->card, 0, (int)i, &bar))
			continue;
		wr(r, VU_REGION_CONFIG, 0x10 + 4 * i, 4, bar.io ? 0x1000 : 0xe0000000);
		if (bar.wide)
			wr(r, VU_REGION_CONFIG, 0x14 + 4 * i, 4, 0x1 + i);
	}
	wr(r, VU_REGION_CONFIG, 0x04, 2, COMMAND_ALL);
}

static void assert_state(struct rig *r, const char *word)
{
	char state[512], have[520], want[64];

	card_state(r->lc->card, state, sizeof(state));
	snprintf(have, sizeof(have), " %s ", state);
	snprintf(want, sizeof(want), " %s ", word);
	if (!strstr(have, want))
		fail_msg("no '%s' in: %s", word, state);
}

static int open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

/* --- what QEMU does at start ------------------------------------------------------ */

static void test_version(void **state)
{
	struct rig r;

	(void)state;
	rig_new(&r, "modern");
	assert_int_equal(hello(&r), 0);
	/* not longer than what hello() sent, terminated, and no WRITE_MULTI in it */
	assert_true(r.len > 4 && r.len <= 4 + 94);
	assert_int_equal(r.body[r.len - 1], 0);
	assert_memory_equal(r.body, "\0\0\0\0{", 5);
	assert_non_null(strstr((char *)r.body + 4, "\"max_data_xfer_size\":4096"));
	assert_null(strstr((char *)r.body + 4, "write_multiple"));
	assert_int_equal(hello(&r), EINVAL);
	rig_free(&r);
}

static void test_version_refused(void **state)
{
	static const char major1[] = "\1\0\0\0{}", open_end[] = { 0, 0, 0, 0, '{', '}' };
	struct rig r;

	(void)state;
	rig_new(&r, "modern");
	assert_int_equal(ask_read(&r, VU_REGION_CONFIG, 0, 4), EINVAL);
	assert_int_equal(ask(&r, VU_VERSION, major1, sizeof(major1)), EINVAL);
	assert_int_equal(ask(&r, VU_VERSION, open_end, sizeof(open_end)), EINVAL);
	assert_int_equal(ask(&r, VU_VERSION, "\0\0", 2), EINVAL);
	/* no room for our capabilities: an answer without */
	assert_int_equal(ask(&r, VU_VERSION, "\0\0\0\0{}", 7), 0);
	assert_int_equal(r.len, 4);
	assert_int_equal(cfg(&r, 0), 0xffe01002);
	rig_free(&r);
}

static void test_infos(void **state)
{
	static const uint64_t sizes[VU_REGIONS] = { 256u << 20, 0, 2u << 20, 0, 256,
						    1u << 20, 0, 4096, 0 };
	static const uint32_t irqs[VU_IRQS] = { 1, 1, 0, 0, 0 };
	struct vu_info info = { sizeof(info), 0, 0, 0 };
	struct rig r;

	(void)state;
	rig_new(&r, "modern");
	assert_int_equal(hello(&r), 0);
	assert_int_equal(ask(&r, VU_GET_INFO, &info, sizeof(info)), 0);
	memcpy(&info, r.body, sizeof(info));
	assert_int_equal(info.flags, VU_INFO_RESET | VU_INFO_PCI);
	assert_int_equal(info.regions, VU_REGIONS);
	assert_int_equal(info.irqs, VU_IRQS);
	for (uint32_t i = 0; i < VU_REGIONS + 1; i++) {
		struct vu_region_info ri = { .argsz = sizeof(ri), .index = i };
		int rc = ask(&r, VU_REGION_INFO, &ri, sizeof(ri));

		assert_int_equal(rc, i < VU_REGIONS ? 0 : EINVAL);
		memcpy(&ri, r.body, sizeof(ri));
		assert_true(rc || ri.size == sizes[i]);
		assert_true(rc || ri.flags == (sizes[i] ? VU_REGION_RW : 0));
	}
	for (uint32_t i = 0; i < VU_IRQS + 1; i++) {
		struct vu_irq_info ii = { .argsz = sizeof(ii), .index = i };
		int rc = ask(&r, VU_IRQ_INFO, &ii, sizeof(ii));

		assert_int_equal(rc, i < VU_IRQS ? 0 : EINVAL);
		memcpy(&ii, r.body, sizeof(ii));
		assert_true(rc || ii.count == irqs[i]);
	}
	rig_free(&r);
}

/* A message with a descriptor beside it. */
static void put_with_fd(struct rig *r, uint16_t cmd, const void *body, size_t len, int fd)
{
	struct vu_header h = { ++r->id, cmd, (uint32_t)(HDR + len), 0, 0 };
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} ctl = { { 0 } };
	struct iovec iov[2] = { { &h, HDR }, { (void *)(uintptr_t)body, len } };
	struct msghdr mh = { .msg_iov = iov, .msg_iovlen = 2, .msg_control = ctl.buf,
			     .msg_controllen = sizeof(ctl.buf) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&mh);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	assert_int_equal(sendmsg(r->fd, &mh, MSG_NOSIGNAL), HDR + len);
}

static void test_descriptors_are_closed(void **state)
{
	const struct vu_dma_map map = { sizeof(map), 3, 0, 0x100000, 0x1000 };
	const struct vu_dma_unmap unmap = { sizeof(unmap), 0, 0x100000, 0x1000 };
	const struct vu_irq_set irqs = { sizeof(irqs), 0x24, VU_IRQ_MSI, 0, 1 };
	const struct vu_irq_set wrong = { sizeof(wrong), 0x24, VU_IRQS, 0, 1 };
	struct rig r;
	int before;

	(void)state;
	rig_new(&r, "modern");
	assert_int_equal(hello(&r), 0);
	before = open_fds();
	put_with_fd(&r, VU_DMA_MAP, &map, sizeof(map), r.fd);
	vfio_user_serve(&r.vu);
	assert_int_equal(take(&r, VU_DMA_MAP), 0);
	put_with_fd(&r, VU_SET_IRQS, &irqs, sizeof(irqs), r.fd);
	vfio_user_serve(&r.vu);
	assert_int_equal(take(&r, VU_SET_IRQS), 0);
	assert_int_equal(ask(&r, VU_SET_IRQS, &wrong, sizeof(wrong)), EINVAL);
	assert_int_equal(ask(&r, VU_DMA_UNMAP, &unmap, sizeof(unmap)), 0);
	assert_int_equal(open_fds(), before);
	rig_free(&r);
}

static void test_whole_config(void **state)
{
	struct rig r;

	(void)state;
	rig_new(&r, "modern");
	assert_int_equal(hello(&r), 0);
	assert_int_equal(ask_read(&r, VU_REGION_CONFIG, 0, 4096), 0);
	assert_int_equal(r.len, sizeof(struct vu_access) + 4096);
	for (unsigned off = 0; off < 4096; off += 4) {
		uint32_t here;

		memcpy(&here, r.body + sizeof(struct vu_access) + off, 4);
		assert_int_equal(here, card_cfg_read(r.lc->card, 0, off, 4));
	}
	/* unaligned, and a width no register has */
	assert_int_equal(rd(&r, VU_REGION_CONFIG, 1, 6), 0x100000ffe010ull);
	rig_free(&r);
}

/* --- what it never does ------------------------------------------------------------- */

static void test_bad_sizes(void **state)
{
	static const uint32_t sizes[] = { 0, 1, 15, VU_MAX_MSG + 1, 0x7fffffff,
					  0x80000000, 0xffffffff };

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		struct rig r;
		const struct vu_header h = { 1, VU_GET_INFO, sizes[i], 0, 0 };

		rig_new(&r, "modern");
		assert_int_equal(hello(&r), 0);
		put(&r, &h, sizeof(h));
		vfio_user_serve(&r.vu);
		assert_int_equal(r.vu.fd, -1);
		assert_int_equal(take(&r, VU_GET_INFO), DROPPED);
		rig_free(&r);
	}
}

static void test_too_short_for_its_command(void **state)
{
	struct rig r;
	uint8_t zeroes[64] = { 0 };

	(void)state;
	rig_new(&r, "modern");
	assert_int_equal(hello(&r), 0);
	for (uint16_t cmd = VU_DMA_MAP; cmd < VU_CMD_COUNT; cmd++)
		for (size_t len = 0; len < vu_commands[cmd].min_len; len++)
			assert_int_equal(ask(&r, cmd, zeroes, len), EINVAL);
	/* none of that has cost us the thread */
	assert_int_equal(cfg(&r, 0), 0xffe01002);
	rig_free(&r);
}

static void test_unknown_commands(void **state)
{
	static const uint16_t unknown[] = { 0, 6, 11, 12, 14, 15, 16, 99, 0xffff };
	struct rig r;

	(void)state;
	rig_new(&r, "modern");
	assert_int_equal(hello(&r), 0);
	for (size_t i = 0; i < sizeof(unknown) / sizeof(*unknown); i++)
		assert_int_equal(ask(&r, unknown[i], "12345678", 8), ENOTSUP);
	assert_int_equal(cfg(&r, 0), 0xffe01002);
	rig_free(&r);
}

static void test_reply_nobody_asked_for(void **state)
{
	struct rig r;

	(void)state;
	rig_new(&r, "modern");
	assert_int_equal(hello(&r), 0);
	put_request(&r, VU_GET_INFO, VU_REPLY, NULL, 0);
	vfio_user_serve(&r.vu);
	assert_int_equal(r.vu.fd, -1);
	rig_free(&r);
}

static void test_accesses_beyond(void **state)
{
	static const struct {
		uint32_t region, count;
		uint64_t off;
	} beyond[] = {
		{ VU_REGION_CONFIG, 4, 4096 }, { VU_REGION_CONFIG, 4, 4093 },
		{ VU_REGION_CONFIG, 4097, 0 }, { VU_REGION_CONFIG, 0xffffffff, 1 },
		{ VU_REGION_CONFIG, 4, ~0ull }, { VU_REGION_CONFIG, 4, ~0ull - 3 },
		{ 0, 8, 256u << 20 }, { 0, 4097, 0 }, { 1, 4, 0 }, { 6, 4, 0 },
		{ 8, 4, 0 }, { 9, 4, 0 }, { 0xffffffff, 4, 0 },
	};
	struct rig r;

	(void)state;
	rig_ready(&r, "modern");
	for (size_t i = 0; i < sizeof(beyond) / sizeof(*beyond); i++) {
		const struct write_msg m = { { beyond[i].off, beyond[i].region,
					       beyond[i].count }, 0 };

		assert_int_equal(ask_read(&r, m.a.region, m.a.offset, m.a.count), EINVAL);
		assert_int_equal(ask(&r, VU_REGION_WRITE, &m, sizeof(m)), EINVAL);
	}
	assert_int_equal(rd(&r, VU_REGION_CONFIG, 4092, 4), 0);
	assert_int_equal(ask_read(&r, VU_REGION_CONFIG, 4096, 0), 0);
	rig_free(&r);
}

/* The count of a write must be what came; too much is no better than too little. */
static void test_write_of_other_length(void **state)
{
	const struct write_msg m = { { 0x3c, VU_REGION_CONFIG, 4 }, 0x55 };
	struct rig r;

	(void)state;
	rig_ready(&r, "modern");
	assert_int_equal(ask(&r, VU_REGION_WRITE, &m, sizeof(m.a) + 3), EINVAL);
	assert_int_equal(ask(&r, VU_REGION_WRITE, &m, sizeof(m.a) + 5), EINVAL);
	assert_int_equal(cfg(&r, 0x3c) & 0xff, 0);
	assert_int_equal(ask(&r, VU_REGION_WRITE, &m, sizeof(m.a) + 4), 0);
	assert_int_equal(cfg(&r, 0x3c) & 0xff, 0x55);
	rig_free(&r);
}

static void test_byte_by_byte(void **state)
{
	const struct vu_access a = { 0, VU_REGION_CONFIG, 4 };
	struct vu_header h = { 0, VU_REGION_READ, HDR + sizeof(a), 0, 0 };
	uint8_t msg[HDR + sizeof(a)];
	struct rig r;

	(void)state;
	rig_new(&r, "modern");
	assert_int_equal(hello(&r), 0);
	h.id = ++r.id;
	memcpy(msg, &h, HDR);
	memcpy(msg + HDR, &a, sizeof(a));
	for (size_t i = 0; i < sizeof(msg); i++) {
		assert_int_equal(take(&r, VU_REGION_READ), NOTHING);
		put(&r, msg + i, 1);
		vfio_user_serve(&r.vu);
	}
	assert_int_equal(take(&r, VU_REGION_READ), 0);
	/* and nothing there to read is no end of the connection */
	vfio_user_serve(&r.vu);
	assert_int_equal(cfg(&r, 0), 0xffe01002);
	rig_free(&r);
}

static void test_many_at_once(void **state)
{
	const struct vu_access a = { 0, VU_REGION_CONFIG, 4 };
	struct rig r;

	(void)state;
	rig_new(&r, "modern");
	assert_int_equal(hello(&r), 0);
	for (int i = 0; i < 100; i++)
		put_request(&r, VU_REGION_READ, 0, &a, sizeof(a));
	vfio_user_serve(&r.vu);
	vfio_user_serve(&r.vu);
	r.id = (uint16_t)(r.id - 100);
	for (int i = 0; i < 100; i++) {
		r.id++;
		assert_int_equal(take(&r, VU_REGION_READ), 0);
	}
	assert_int_equal(take(&r, VU_REGION_READ), NOTHING);
	rig_free(&r);
}

static void test_client_that_does_not_listen(void **state)
{
	const struct vu_access a = { 0, VU_REGION_CONFIG, 4096 };
	int small = 4096, asked = 0;
	struct rig r;

	(void)state;
	rig_new(&r, "modern");
	assert_int_equal(hello(&r), 0);
	setsockopt(r.vu.fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	while (r.vu.fd >= 0 && asked++ < 1000) {
		put_request(&r, VU_REGION_READ, 0, &a, sizeof(a));
		vfio_user_serve(&r.vu);
	}
	assert_int_equal(r.vu.fd, -1);
	assert_true(asked > 1);
	rig_free(&r);
}

static void test_end_in_the_middle(void **state)
{
	struct rig r;

	(void)state;
	rig_new(&r, "modern");
	put(&r, "\1\0\1\0", 4);
	shutdown(r.fd, SHUT_WR);
	vfio_user_serve(&r.vu);
	vfio_user_serve(&r.vu);
	assert_int_equal(r.vu.fd, -1);
	rig_free(&r);
}

static void test_next_connection(void **state)
{
	char dir[] = "/tmp/vfio-user.XXXXXX";
	struct rig r;

	(void)state;
	rig_new(&r, "modern");
	vfio_user_close(&r.vu);
	assert_non_null(mkdtemp(dir));
	assert_int_equal(vfio_user_listen(&r.vu, r.lc, 0, dir), 0);
	for (int i = 0; i < 2; i++) {
		close(r.fd);
		r.fd = socket(AF_UNIX, SOCK_STREAM, 0);
		assert_int_equal(connect(r.fd, (struct sockaddr *)&r.vu.addr,
					 sizeof(r.vu.addr)), 0);
		assert_int_equal(vfio_user_fd(&r.vu), r.vu.listen_fd);
		vfio_user_serve(&r.vu);
		assert_int_equal(hello(&r), 0);
		shutdown(r.fd, SHUT_RDWR);
		vfio_user_serve(&r.vu);
		assert_int_equal(r.vu.fd, -1);
	}
	rig_free(&r);
	assert_int_equal(rmdir(dir), 0);
}

static void test_path_too_long(void **state)
{
	char dir[200];
	struct rig r;

	(void)state;
	rig_new(&r, "modern");
	vfio_user_close(&r.vu);
	memset(dir, 'x', sizeof(dir) - 1);
	dir[sizeof(dir) - 1] = '\0';
	assert_int_equal(vfio_user_listen(&r.vu, r.lc, 0, dir), -1);
	assert_int_equal(errno, ENAMETOOLONG);
	rig_free(&r);
}

/* --- the card behind it ------------------------------------------------------------- */

static void test_posted_writes(void **state)
{
	const struct write_msg good = { { 0x200, 5, 4 }, 0x1234 };
	const struct write_msg bad = { { 0x200, 9, 4 }, 0x1234 };
	struct rig r;

	(void)state;
	rig_ready(&r, "modern");
	put_request(&r, VU_REGION_WRITE, VU_NO_REPLY, &good, sizeof(good.a) + 4);
	vfio_user_serve(&r.vu);
	assert_int_equal(take(&r, VU_REGION_WRITE), NOTHING);
	put_request(&r, VU_REGION_WRITE, VU_NO_REPLY, &bad, sizeof(bad.a) + 4);
	vfio_user_serve(&r.vu);
	assert_int_equal(take(&r, VU_REGION_WRITE), NOTHING);
	assert_int_equal(rd(&r, 5, 0x200, 4), 0x1234);
	wr(&r, 5, 0x204, 8, 0x1122334455667788ull);
	assert_int_equal(rd(&r, 5, 0x208, 4), 0x11223344);
	assert_int_equal(rd(&r, 5, 0x206, 2), 0x5566);
	rig_free(&r);
}

static void test_legacy_card(void **state)
{
	struct rig r;

	(void)state;
	rig_new(&r, "flr");
	assert_int_equal(hello(&r), 0);
	assert_int_equal(ask_read(&r, VU_REGION_CONFIG, 252, 4), 0);
	assert_int_equal(ask_read(&r, VU_REGION_CONFIG, 256, 4), EINVAL);
	assert_int_equal(cfg(&r, 0x10) & 0xf, 0);
	rig_free(&r);
}

static void test_bars_64(void **state)
{
	struct rig r;

	(void)state;
	rig_new(&r, "modern");
	assert_int_equal(hello(&r), 0);
	wr(&r, VU_REGION_CONFIG, 0x10, 4, 0xffffffff);
	wr(&r, VU_REGION_CONFIG, 0x14, 4, 0xffffffff);
	assert_int_equal(cfg(&r, 0x10), 0xf000000c);
	assert_int_equal(cfg(&r, 0x14), 0xffffffff);
	wr(&r, VU_REGION_CONFIG, 0x10, 4, 0x50000000);
	wr(&r, VU_REGION_CONFIG, 0x14, 4, 0x000000ff);
	assert_true(card_bar_base(r.lc->card, 0, 0) == 0xff50000000ull);
	assert_int_equal(cfg(&r, 0x24) & 0xf, 0);
	rig_free(&r);
}

static void test_reset(void **state)
{
	struct rig r;

	(void)state;
	rig_new(&r, "modern");
	assert_int_equal(hello(&r), 0);
	assert_int_equal(ask(&r, VU_RESET, NULL, 0), 0);
	assert_state(&r, "bus_resets=0");	/* the machine's own start */
	assert_state(&r, "changed=-");
	rig_free(&r);
	rig_ready(&r, "modern");
	wr(&r, VU_REGION_CONFIG, MODERN_AER_MASK, 4, 0x100000);
	wr(&r, 5, 0x200, 4, 1);
	assert_int_equal(ask(&r, VU_RESET, NULL, 0), 0);
	assert_state(&r, "bus_resets=1");
	assert_state(&r, "dirty=0");
	assert_state(&r, "rebar=64");
	assert_int_equal(cfg(&r, MODERN_AER_MASK), 0);
	/* QEMU would still decode: nobody has told the card its addresses */
	wr(&r, VU_REGION_CONFIG, 0x04, 2, COMMAND_ALL);
	assert_int_equal(rd(&r, 5, 0x104, 4), 0xffffffff);
	wr(&r, VU_REGION_CONFIG, 0x24, 4, 0xe0000000);
	assert_int_equal(rd(&r, 5, 0x104, 4), 1);
	rig_free(&r);
}

/* A card that is not ready: all ones, but for the pin that QEMU asks for itself. */
static void test_not_ready(void **state)
{
	struct rig r;

	(void)state;
	rig_ready(&r, "modern");
	assert_int_equal(card_set(r.lc->card, "delay_ms", 100), 0);
	assert_int_equal(ask(&r, VU_RESET, NULL, 0), 0);
	assert_int_equal(cfg(&r, 0), 0xffffffff);
	assert_int_equal(rd(&r, VU_REGION_CONFIG, 0x3d, 1), 1);
	assert_int_equal(rd(&r, VU_REGION_CONFIG, 0x3c, 4), 0xffffffff);
	r.now += 100000;
	assert_int_equal(cfg(&r, 0), 0xffe01002);
	rig_free(&r);
}

static void test_rebar(void **state)
{
	struct rig r;

	(void)state;
	rig_ready(&r, "modern");
	assert_state(&r, "rebar=256");
	assert_int_equal(ask(&r, VU_RESET, NULL, 0), 0);
	wr(&r, VU_REGION_CONFIG, 0x10, 4, 0x50000000);
	wr(&r, VU_REGION_CONFIG, 0x14, 4, 1);
	/* the address goes with the old size: ReBAR comes before the BARs */
	wr(&r, VU_REGION_CONFIG, MODERN_REBAR, 4, 8u << 8);
	assert_true(card_bar_base(r.lc->card, 0, 0) == 0);
	wr(&r, VU_REGION_CONFIG, 0x10, 4, 0x5fffffff);
	assert_int_equal(cfg(&r, 0x10), 0x5000000c);
	assert_state(&r, "races=0");
	/* a size it does not have, and a change while it decodes */
	wr(&r, VU_REGION_CONFIG, MODERN_REBAR, 4, 9u << 8);
	assert_int_equal(cfg(&r, MODERN_REBAR) >> 8 & 0x3f, 8);
	wr(&r, VU_REGION_CONFIG, 0x04, 2, COMMAND_ALL);
	wr(&r, VU_REGION_CONFIG, MODERN_REBAR, 4, 6u << 8);
	assert_state(&r, "races=1");
	wr(&r, VU_REGION_CONFIG, 0x10, 4, 0x54000000);
	wr(&r, 0, 64u << 20, 4, 1);
	assert_int_equal(rd(&r, 0, 64u << 20, 4), 0xffffffff);
	assert_int_equal(rd(&r, 0, 0, 4), 0);
	rig_free(&r);
}

static void test_resets_itself(void **state)
{
	struct rig r;

	(void)state;
	rig_ready(&r, "modern");
	wr(&r, VU_REGION_CONFIG, MODERN_AER_MASK, 4, 0x100000);
	assert_state(&r, "changed=-");
	wr(&r, 5, 0x100, 4, 0x5e1f);
	assert_state(&r, "self_resets=1");
	assert_state(&r, "changed=0:0x13");
	assert_int_equal(cfg(&r, 0x04) & 0x7, 0);
	wr(&r, VU_REGION_CONFIG, MODERN_REBAR, 4, 8u << 8);
	wr(&r, VU_REGION_CONFIG, 0x10, 4, 0xe0000000);
	wr(&r, VU_REGION_CONFIG, 0x14, 4, 1);
	wr(&r, VU_REGION_CONFIG, 0x18, 4, 0xe0000000);
	wr(&r, VU_REGION_CONFIG, 0x1c, 4, 3);
	wr(&r, VU_REGION_CONFIG, 0x20, 4, 0x1000);
	wr(&r, VU_REGION_CONFIG, 0x24, 4, 0xe0000000);
	assert_state(&r, "changed=0:0x162");
	assert_int_equal(card_set(r.lc->card, "refuse", MODERN_AER_MASK), 0);
	wr(&r, VU_REGION_CONFIG, MODERN_AER_MASK, 4, 0x100000);
	assert_state(&r, "changed=0:0x162");
	assert_int_equal(card_set(r.lc->card, "refuse", 0x161), -1);
	rig_free(&r);
}

static void test_flr_and_firewall(void **state)
{
	struct rig r;

	(void)state;
	rig_ready(&r, "blackwell");
	assert_int_equal(rd(&r, 0, 0, 4), 0x1b2000a1);
	assert_int_equal(cfg(&r, MODERN_FIREWALL), 0);
	wr(&r, VU_REGION_CONFIG, MODERN_AER_MASK, 4, 0x100000);
	wr(&r, VU_REGION_CONFIG, 0x60, 2, 0xa810);
	assert_state(&r, "flrs=1");
	assert_state(&r, "changed=0:0x162");	/* the BARs are spared, see modern.c */
	assert_int_equal(cfg(&r, MODERN_FIREWALL), 1u << 20);
	wr(&r, VU_REGION_CONFIG, 0x04, 2, COMMAND_ALL);
	assert_state(&r, "early=0");
	assert_int_equal(rd(&r, 0, 0, 4), 0xbadf5040);
	assert_state(&r, "early=1");
	r.now += 2000000;
	assert_int_equal(cfg(&r, MODERN_FIREWALL), 0);
	assert_int_equal(rd(&r, 0, 0, 4), 0x1b2000a1);
	rig_free(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_version),
		cmocka_unit_test(test_version_refused),
		cmocka_unit_test(test_infos),
		cmocka_unit_test(test_descriptors_are_closed),
		cmocka_unit_test(test_whole_config),
		cmocka_unit_test(test_bad_sizes),
		cmocka_unit_test(test_too_short_for_its_command),
		cmocka_unit_test(test_unknown_commands),
		cmocka_unit_test(test_reply_nobody_asked_for),
		cmocka_unit_test(test_accesses_beyond),
		cmocka_unit_test(test_write_of_other_length),
		cmocka_unit_test(test_byte_by_byte),
		cmocka_unit_test(test_many_at_once),
		cmocka_unit_test(test_client_that_does_not_listen),
		cmocka_unit_test(test_end_in_the_middle),
		cmocka_unit_test(test_next_connection),
		cmocka_unit_test(test_path_too_long),
		cmocka_unit_test(test_posted_writes),
		cmocka_unit_test(test_legacy_card),
		cmocka_unit_test(test_bars_64),
		cmocka_unit_test(test_reset),
		cmocka_unit_test(test_not_ready),
		cmocka_unit_test(test_rebar),
		cmocka_unit_test(test_resets_itself),
		cmocka_unit_test(test_flr_and_firewall),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
