// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * gpureset hook libvirt GUEST OPERATION SUBOP EXTRA: what libvirt's QEMU driver calls,
 * with the domain's XML on standard input (libvirt's docs/hooks.rst; the order of
 * events was seen with libvirt 9.0):
 *
 *     prepare begin           host drivers still have the functions
 *       managed='yes': libvirt gives them to vfio-pci, unless they are there already
 *     start begin, started begin, stopped end
 *       managed='yes': libvirt gives them back, if it was it who took them
 *     release end
 *
 * A start that fails, be it because of the prepare hook itself or because another guest
 * has the card, is followed by stopped and release all the same.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "cmd/hook.h"
#include "cmd/open.h"
#include "host/domxml.h"
#include "run/supervise.h"

#define XML_MOST (1u << 20)
#define XML_WAIT_MS 10000       /* for all of it; libvirt writes it at once */
#define GUEST_NAME 256

struct libvirt_call {
	const struct options *o;
	struct config conf;
	struct quirk_db db;
	struct domxml dom;
	struct hook_event ev;
	char guest[GUEST_NAME]; /* fit for a terminal */
};

/* --- what libvirt says --------------------------------------------------------- */

/*
 * Everything else is none of ours, and must not fail: where "reconnect" does, libvirt
 * kills a guest that runs.
 */
static const struct libvirt_row {
	const char *operation, *subop;
	enum hook_phase phase;
} libvirt_rows[] = {
	{ "prepare", "begin", HOOK_PRE_START },
	{ "release", "end", HOOK_POST_STOP },
};

static const struct libvirt_row *libvirt_find(const struct options *o)
{
	for (size_t i = 0; i < sizeof(libvirt_rows) / sizeof(*libvirt_rows); i++)
		if (!strcmp(libvirt_rows[i].operation, o->word[1]) &&
		    !strcmp(libvirt_rows[i].subop, o->word[2]))
			return &libvirt_rows[i];
	return NULL;
}

/* The name without control characters, those of UTF-8 (C2 80 to C2 9F) included. */
static void guest_name(char out[GUEST_NAME], const char *name)
{
	size_t n = 0;
	bool c1 = false;

	for (; *name && n < GUEST_NAME - 1; name++) {
		unsigned char c = (unsigned char)*name;

		if (c1 && c >= 0x80 && c < 0xa0)
			out[n - 1] = c = '?';
		c1 = c == 0xc2;
		out[n++] = (char)(c < ' ' || c == 0x7f ? '?' : c);
	}
	out[n] = '\0';
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Some more of it, before @until: how much, 0 at its end. */
static ssize_t xml_some(char *buf, size_t size, int64_t until, struct err *err)
{
	struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };
	int64_t left = until - now_ms();
	ssize_t n = left > 0 ? poll(&in, 1, (int)left) : 0;

	if (n > 0)
		n = read(STDIN_FILENO, buf, size);
	else if (!n)
		return err_set(err, ETIMEDOUT, "the domain's XML is wanted on standard "
			       "input, and its end did not come");
	if (n < 0 && errno == EINTR)
		return -EINTR;
	return n < 0 ? err_sys(err, errno, "domain XML") : n;
}

/* All of it, or nothing: of what is cut off nobody knows which cards were in it. */
static int xml_read(char **text, size_t *len, struct err *err)
{
	int64_t until = now_ms() + XML_WAIT_MS;
	char *buf = xcalloc(XML_MOST + 1, 1);
	ssize_t n = 1;

	*text = NULL;
	*len = 0;
	if (isatty(STDIN_FILENO))
		n = err_set(err, EINVAL, "the domain's XML is wanted on standard input, "
			    "which is a terminal");
	for (size_t at = 0; n > 0 || n == -EINTR; *len = at) {
		n = xml_some(buf + at, XML_MOST + 1 - at, until, err);
		at += n > 0 ? (size_t)n : 0;
		if (at > XML_MOST)
			n = err_set(err, EFBIG, "domain XML is larger than %u bytes",
				    XML_MOST);
	}
	if (!n) {
		*text = buf;
		return 0;
	}
	free(buf);
	*len = 0;
	return (int)n;
}

/* --- XML that cannot be read --------------------------------------------------- */

/*
 * Which cards it has is not known, so neither whether one of them might take the host
 * along: a guest with a PCI device of the host is not started. One without has nothing
 * to fear from us.
 */
static int xml_unreadable(struct libvirt_call *c, const char *text, size_t len,
			  const struct err *why)
{
	bool start = c->ev.phase == HOOK_PRE_START;
	char name[GUEST_NAME + 2];
	struct settings set;
	int rc;

	if (!start || (text && !memmem(text, len, "<hostdev", strlen("<hostdev"))))
		return complain(0, "guest %s: %s; its cards, if it has any, are not "
				"looked after", c->guest, why->text);
	rc = config_open(&c->conf, c->o->config);
	if (rc)
		return rc;
	config_settings(&c->conf, c->ev.vm, (struct bdf){ 0 }, false, &set);
	if (set.start_anyway || set.hook == HOOK_SKIP)
		return complain(0, "guest %s: %s; it starts with its cards as they are",
				c->guest, why->text);
	return complain(EXIT_CONFIG, "guest %s: %s; it is not started, as its cards "
			"cannot be looked after (to start it all the same: 'start-anyway "
			"= yes' below [vm %s] in " GPURESET_CONFIG ")", c->guest,
			why->text, config_vm_str(c->guest, name, sizeof(name)));
}

/* --- its cards ----------------------------------------------------------------- */

/*
 * What is on vfio-pci when libvirt comes for it stays there: libvirt only gives back
 * what it took. We were there first, so giving back is ours.
 */
static bool card_managed(const struct domxml *dom, const struct bdf_spec *spec)
{
	for (size_t i = 0; i < dom->n; i++)
		if (dom->managed[i] && bdf_spec_has(spec, dom->fn[i]))
			return true;
	return false;
}

static int libvirt_cards(struct libvirt_call *c, struct hw *hw, struct err *err)
{
	int rc = hook_event_cards(hw, c->o, c->dom.fn, c->dom.n, &c->ev, err);

	for (size_t i = 0; i < c->ev.ncards; i++)
		c->ev.card[i].give_back = card_managed(&c->dom, &c->ev.card[i].spec);
	return rc;
}

static int libvirt_look(struct libvirt_call *c)
{
	struct err err = { 0 };
	struct hw *hw = open_hw(c->o, &err);
	int rc;

	if (!hw)
		return complain(open_status(&err), "%s", err.text);
	rc = libvirt_cards(c, hw, &err);
	if (rc)
		rc = complain(EXIT_FAILED, "guest %s: %s", c->guest, err.text);
	hw_close(hw);
	return rc;
}

/* --- the command --------------------------------------------------------------- */

static int libvirt_event(struct libvirt_call *c)
{
	char *text;
	size_t len = 0;
	struct err err = { 0 };
	int rc = xml_read(&text, &len, &err);

	if (!rc)
		rc = domxml_parse(&c->dom, text, len, &err);
	if (rc)
		rc = xml_unreadable(c, text, len, &err);
	else if (c->dom.n)
		rc = libvirt_look(c);
	free(text);
	if (rc || !hook_any(&c->ev))
		return rc;
	if (geteuid() != 0)
		return complain(EXIT_USAGE, "only root can look after a guest's cards; "
				"libvirt calls its hooks as root");
	rc = hook_load(c->o, &c->conf, &c->db, &c->ev);
	return rc ? rc : hook_event_run(c->o, &c->conf, &c->db, &c->ev);
}

static int libvirt_call(const struct options *o, const struct libvirt_row *row)
{
	struct libvirt_call c = { .o = o };
	int rc;

	guest_name(c.guest, o->word[0]);
	c.ev.phase = row->phase;
	c.ev.vm = c.guest;
	/* where libvirt reads standard output it wants XML there */
	fflush(stdout);
	dup2(STDERR_FILENO, STDOUT_FILENO);
	rc = libvirt_event(&c);
	quirk_db_free(&c.db);
	config_free(&c.conf);
	return row->phase == HOOK_PRE_START ? rc : 0;
}

static int libvirt_run(int argc, char **argv)
{
	struct options o;
	const struct libvirt_row *row;
	int rc = options_parse(&o, &cmd_hook_libvirt, argc, argv);

	if (rc)
		return rc;
	if (o.help) {
		options_help(&cmd_hook_libvirt, stdout);
		return 0;
	}
	if (o.nwords < 3)
		return complain(EXIT_USAGE, "hook libvirt takes what libvirt calls its "
				"hooks with: GUEST OPERATION SUBOP EXTRA, and the "
				"domain's XML on standard input");
	row = libvirt_find(&o);
	return row ? libvirt_call(&o, row) : 0;
}

const struct command cmd_hook_libvirt = {
	.name = "hook libvirt",
	.args = "GUEST OPERATION SUBOP EXTRA",
	.summary = "what libvirt's hook calls; acts at prepare begin and release end",
	.more = "/usr/libexec/gpureset/libvirt-hook calls this with what libvirt gave "
		"it; the guest's XML comes on standard input.",
	.options = "*ECQRLP",
	.run = libvirt_run,
};
