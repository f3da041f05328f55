// SPDX-License-Identifier: GPL-2.0-or-later
/* A recording as a machine: a still picture of it, or a run of it played again. */
#include "hw/hw_replay.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/textfile.h"
#include "base/xalloc.h"
#include "hw/lspci_dump.h"
#include "hw/replay_internal.h"

struct hw_replay {
	struct hw hw;                   /* first: struct hw * and this are one */
	struct recording *r;
	uint64_t now;
	bool strict;                    /* hw_replay_run() was called */
	struct replay_run run;
};

static struct hw_replay *replay_of(struct hw *hw)
{
	return (struct hw_replay *)hw;
}

/* The run being played, or NULL. */
static struct replay_run *replay_strict(struct hw *hw)
{
	struct hw_replay *p = replay_of(hw);

	return p->strict ? &p->run : NULL;
}

/* --- loading ------------------------------------------------------------------- */

static bool replay_is_recording(const char *text, size_t len)
{
	static const char word[] = "gpureset-record ";

	return len >= sizeof(word) - 1 && !memcmp(text, word, sizeof(word) - 1);
}

static bool replay_first_line(const char *text, size_t len)
{
	const size_t n = strlen(REC_FIRST_LINE);

	return len > n && !memcmp(text, REC_FIRST_LINE, n) &&
	       (text[n] == '\n' || text[n] == '\r');
}

static void replay_parse(struct recording *r, const char *text, size_t len,
			 struct diag *diag)
{
	const char *nl = memchr(text, '\n', len);
	size_t first = nl ? (size_t)(nl - text) : len;

	if (replay_first_line(text, len))
		rec_parse(r, text, len, diag);
	else if (replay_is_recording(text, len))
		diag_add(diag, DIAG_ERROR, r->path, 1, 17, text, first,
			 "a recording of another version; this gpureset reads \""
			 REC_FIRST_LINE "\"");
	else if (lspci_looks_like(text, len))
		lspci_parse(r, text, len, diag);
	else
		diag_add(diag, DIAG_ERROR, r->path, 1, 1, text, first, "neither a "
			 "recording (\"" REC_FIRST_LINE "\") nor a dump of lspci -xxxx");
}

struct recording *recording_parse(const char *path, const char *text, size_t len,
				  struct diag *diag)
{
	struct recording *r = rec_new(path);

	replay_parse(r, text, len, diag);
	if (!diag->errors)
		return r;
	recording_free(r);
	return NULL;
}

int recording_load(struct recording **r, const char *path, struct diag *diag,
		   struct err *err)
{
	struct stat st;
	char *text = NULL;
	size_t len = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), rc;

	*r = NULL;
	if (fd < 0)
		return err_sys(err, errno, "%.200s", path);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		rc = err_set(err, EINVAL, "%.200s: not a regular file", path);
	else
		rc = textfile_read_fd(fd, path, REC_FILE_MAX, &text, &len, err);
	close(fd);
	if (!text)
		return rc;
	*r = recording_parse(path, text, len, diag);
	free(text);
	return *r ? 0 : err_set(err, EBADMSG, "%.200s: not a recording that can be "
				"replayed", path);
}

/* --- reading ------------------------------------------------------------------- */

static int replay_scan(struct hw *hw, hw_node_fn *fn, void *arg, struct err *err)
{
	const struct recording *r = replay_of(hw)->r;
	int rc = 0;

	if (replay_strict(hw)) {
		uint64_t count;

		rc = run_number(replay_strict(hw), "scan", &count, err);
	}
	for (size_t i = 0; i < r->nfns && !rc; i++) {
		const struct hw_node node = {
			.bdf = r->fn[i].bdf, .parent = r->fn[i].parent,
			.on_root_bus = r->fn[i].on_root_bus,
		};

		rc = fn(&node, arg);
	}
	return rc;
}

static struct rec_fn *replay_fn(struct hw *hw, struct bdf bdf, struct err *err)
{
	struct rec_fn *f = rec_find(replay_of(hw)->r, bdf);
	char text[BDF_STR];

	if (!f)
		err_set(err, ENODEV, "%s: not in the recording", bdf_str(bdf, text));
	return f;
}

static int replay_cfg_read(struct hw *hw, struct bdf bdf, unsigned off, unsigned width,
			   uint32_t *val, struct err *err)
{
	char request[REC_REQUEST], text[BDF_STR];
	const struct rec_fn *f;
	uint64_t number;
	int rc;

	if (replay_strict(hw)) {
		req_cfg_read(request, bdf, off, width);
		rc = run_number(replay_strict(hw), request, &number, err);
		if (!rc)
			*val = (uint32_t)number;
		return rc;
	}
	f = replay_fn(hw, bdf, err);
	if (!f)
		return -ENODEV;
	if (off + width > f->config_len)
		return err_set(err, EIO, "%s: config 0x%x: the recording has %u bytes",
			       bdf_str(bdf, text), off, f->config_len);
	*val = rec_cfg(f, off, width);
	return 0;
}

static int replay_bar_read(struct hw *hw, struct bdf bdf, int bar, uint32_t off,
			   uint32_t *val, struct err *err)
{
	char request[REC_REQUEST], text[BDF_STR];
	const struct rec_fn *f;
	uint64_t number;
	int rc;

	if (replay_strict(hw)) {
		req_bar_read(request, bdf, bar, off);
		rc = run_number(replay_strict(hw), request, &number, err);
		if (!rc)
			*val = (uint32_t)number;
		return rc;
	}
	f = replay_fn(hw, bdf, err);
	if (!f)
		return -ENODEV;
	for (size_t i = 0; i < f->nregs; i++) {
		if (f->reg[i].bar != bar || f->reg[i].off != off)
			continue;
		*val = f->reg[i].value;
		return 0;
	}
	return err_set(err, ENODATA, "%s: BAR%d offset 0x%x is not in the recording",
		       bdf_str(bdf, text), bar, off);
}

/* A text of the function or the host; @whose for the message. */
static int replay_text(const struct rec_text *t, const char *whose, const char *name,
		       char *buf, size_t size, struct err *err)
{
	const char *blank = *whose ? ": " : "";

	if (!t)
		return err_sys(err, ENOENT, "%s%s%.64s", whose, blank, name);
	if (t->code)
		return err_set(err, t->code, "%.600s", t->text);
	if (!t->text)
		return err_sys(err, EACCES, "%s%s%.64s", whose, blank, name);
	if (strlen(t->text) >= size)
		return err_set(err, EOVERFLOW, "%s%s%.64s: longer than %zu bytes", whose,
			       blank, name, size);
	snprintf(buf, size, "%s", t->text);
	return 0;
}

static int replay_attr_read(struct hw *hw, struct bdf bdf, const char *name, char *buf,
			    size_t size, struct err *err)
{
	char request[REC_REQUEST], text[BDF_STR];
	const struct rec_fn *f;

	if (replay_strict(hw)) {
		req_attr_read(request, bdf, name);
		return run_string(replay_strict(hw), request, buf, size, err);
	}
	f = replay_fn(hw, bdf, err);
	if (!f)
		return -ENODEV;
	return replay_text(rec_get(&f->attrs, name), bdf_str(bdf, text), name, buf, size,
			   err);
}

static bool replay_attr_exists(struct hw *hw, struct bdf bdf, const char *name)
{
	char request[REC_REQUEST];
	const struct rec_fn *f;
	uint64_t yes = 0;

	if (replay_strict(hw)) {
		req_attr_exists(request, bdf, name);
		run_number(replay_strict(hw), request, &yes, NULL);
		return yes;
	}
	f = rec_find(replay_of(hw)->r, bdf);
	return f && rec_get(&f->attrs, name);
}

static int replay_host_read(struct hw *hw, const char *path, char *buf, size_t size,
			    struct err *err)
{
	char request[REC_REQUEST];

	if (replay_strict(hw)) {
		req_host_read(request, path);
		return run_string(replay_strict(hw), request, buf, size, err);
	}
	return replay_text(rec_get(&replay_of(hw)->r->host, path), "", path, buf, size,
			   err);
}

static bool replay_host_exists(struct hw *hw, const char *path)
{
	char request[REC_REQUEST];
	uint64_t yes = 0;

	if (!replay_strict(hw))
		return rec_get(&replay_of(hw)->r->host, path);
	req_host_exists(request, path);
	run_number(replay_strict(hw), request, &yes, NULL);
	return yes;
}

static int replay_find_cap(struct hw *hw, struct bdf bdf, uint16_t id, bool ext,
			   unsigned *off, struct err *err)
{
	char request[REC_REQUEST], text[BDF_STR];
	const struct rec_fn *f;
	uint64_t number;
	int rc;

	if (replay_strict(hw)) {
		req_find_cap(request, bdf, id, ext);
		rc = run_number(replay_strict(hw), request, &number, err);
		if (!rc)
			*off = (unsigned)number;
		return rc;
	}
	f = replay_fn(hw, bdf, err);
	if (!f)
		return -ENODEV;
	*off = rec_cap(f, id, ext);
	if (*off)
		return 0;
	return err_set(err, ENOENT, "%s: no %scapability 0x%02x", bdf_str(bdf, text),
		       ext ? "extended " : "", id);
}

static void replay_name(struct hw *hw, uint16_t vendor, uint16_t device, char *buf,
			size_t size)
{
	const struct recording *r = replay_of(hw)->r;
	char request[REC_REQUEST];

	if (replay_strict(hw)) {
		req_name(request, vendor, device);
		run_string(replay_strict(hw), request, buf, size, NULL);
		return;
	}
	snprintf(buf, size, "%04x:%04x", vendor, device);
	for (size_t i = 0; i < r->nnames; i++) {
		if (r->name[i].vendor != vendor || r->name[i].device != device)
			continue;
		snprintf(buf, size, "%s", r->name[i].text);
		return;
	}
}

/* Those of the card; nobody looked for others when the recording was made. */
static int replay_holders(struct hw *hw, const struct bdf *fns, size_t n,
			  hw_holder_fn *fn, void *arg, struct err *err)
{
	const struct recording *r = replay_of(hw)->r;
	char request[REC_REQUEST];
	uint64_t count;
	bool ours = false;
	int rc = 0;

	if (replay_strict(hw)) {
		req_functions(request, "holders", fns, n);
		rc = run_number(replay_strict(hw), request, &count, err);
	}
	for (size_t i = 0; i < n; i++)
		ours |= r->has_target && bdf_same_slot(fns[i], r->target.bdf);
	for (size_t i = 0; i < r->nholders && ours && !rc; i++)
		rc = fn(&r->holder[i], arg);
	return rc;
}

static int replay_log(struct hw *hw, hw_log_fn *fn, void *arg, struct err *err)
{
	const struct recording *r = replay_of(hw)->r;
	int rc = 0;

	if (r->dump)
		return err_set(err, ENOENT, "a dump of lspci has no kernel log");
	for (size_t i = 0; i < r->nlog && !rc; i++)
		rc = fn(r->log[i], arg);
	return rc;
}

static uint64_t replay_now(struct hw *hw)
{
	struct replay_run *run = replay_strict(hw);

	if (!run)
		return replay_of(hw)->now;
	if (run_take(run, "now", NULL))
		return run->now;
	run->now += 60000000;           /* it differs: no wait may go on for ever */
	return run->now;
}

/* --- writing ------------------------------------------------------------------- */

/* What a write does: fails, or was recorded. */
static int replay_write(struct hw *hw, const char *request, struct err *err)
{
	struct err scratch = { 0 };

	if (!replay_strict(hw))
		return err_set(err, EROFS, "a recording cannot be written to (%.120s)",
			       request);
	err = err ? err : &scratch;
	if (run_take(replay_strict(hw), request, err))
		return 0;
	return err->code ? -err->code : -EBADMSG;
}

static int replay_cfg_write(struct hw *hw, struct bdf bdf, unsigned off, unsigned width,
			    uint32_t val, struct err *err)
{
	char request[REC_REQUEST];

	req_cfg_write(request, bdf, off, width, val);
	return replay_write(hw, request, err);
}

static int replay_bar_write(struct hw *hw, struct bdf bdf, int bar, uint32_t off,
			    uint32_t val, struct err *err)
{
	char request[REC_REQUEST];

	req_bar_write(request, bdf, bar, off, val);
	return replay_write(hw, request, err);
}

static int replay_attr_write(struct hw *hw, struct bdf bdf, const char *name,
			     const char *value, struct err *err)
{
	char request[REC_REQUEST];

	req_attr_write(request, bdf, name, value);
	return replay_write(hw, request, err);
}

static int replay_bus_write(struct hw *hw, const char *name, const char *value,
			    struct err *err)
{
	char request[REC_REQUEST];

	req_bus_write(request, name, value);
	return replay_write(hw, request, err);
}

static int replay_hot_reset(struct hw *hw, struct bdf bdf, const struct bdf *fns,
			    size_t n, struct err *err)
{
	char request[REC_REQUEST];

	(void)bdf;                      /* one of @fns */
	req_functions(request, "hotreset", fns, n);
	return replay_write(hw, request, err);
}

static int replay_vfio_open(struct hw *hw, struct bdf bdf, struct err *err)
{
	char request[REC_REQUEST];

	req_functions(request, "vfio", &bdf, 1);
	return replay_write(hw, request, err);
}

static int replay_wait_event(struct hw *hw, uint64_t deadline_us, struct err *err)
{
	char request[REC_REQUEST];
	uint64_t event;
	int rc;

	if (!replay_strict(hw)) {
		replay_of(hw)->now = deadline_us;
		return 0;
	}
	req_time(request, "wait", deadline_us);
	rc = run_number(replay_strict(hw), request, &event, err);
	return rc ? rc : (int)(event & 1);
}

static void replay_sleep(struct hw *hw, uint64_t us)
{
	char request[REC_REQUEST];

	if (!replay_strict(hw)) {
		replay_of(hw)->now += us;
		return;
	}
	req_time(request, "sleep", us);
	run_take(replay_strict(hw), request, NULL);
}

static void replay_forget(struct hw *hw, struct bdf bdf)
{
	(void)hw;
	(void)bdf;
}

static void replay_close(struct hw *hw)
{
	recording_free(replay_of(hw)->r);
	free(replay_of(hw));
}

static const struct hw_ops replay_ops = {
	.name = "replay",
	.scan = replay_scan,
	.cfg_read = replay_cfg_read,
	.bar_read = replay_bar_read,
	.attr_read = replay_attr_read,
	.attr_exists = replay_attr_exists,
	.host_read = replay_host_read,
	.host_exists = replay_host_exists,
	.find_cap = replay_find_cap,
	.name_of = replay_name,
	.holders = replay_holders,
	.log = replay_log,
	.now = replay_now,
	.cfg_write = replay_cfg_write,
	.bar_write = replay_bar_write,
	.attr_write = replay_attr_write,
	.bus_write = replay_bus_write,
	.hot_reset = replay_hot_reset,
	.vfio_open = replay_vfio_open,
	.wait_event = replay_wait_event,
	.sleep = replay_sleep,
	.forget = replay_forget,
	.close = replay_close,
};

struct hw *hw_replay_open(struct recording *r)
{
	struct hw_replay *p = xcalloc(1, sizeof(*p));

	p->hw.ops = &replay_ops;
	p->r = r;
	return &p->hw;
}

const struct recording *hw_replay_of(struct hw *hw)
{
	return hw->ops == &replay_ops ? replay_of(hw)->r : NULL;
}

uint64_t hw_replay_clock(struct hw *hw)
{
	const struct replay_run *run = replay_strict(hw);

	return run ? run->now : replay_of(hw)->now;
}

/* --- a run --------------------------------------------------------------------- */

void hw_replay_run(struct hw *hw)
{
	struct hw_replay *p = replay_of(hw);

	if (hw->ops != &replay_ops || !p->r->has_run)
		return;
	p->strict = true;
	p->run = (struct replay_run){ .r = p->r };
}

/* "2 (not healthy)" */
static void replay_verdict(char *buf, size_t size, int status, const char *verdict)
{
	snprintf(buf, size, "end %d \"%.100s\"", status, verdict);
}

int hw_replay_end(struct hw *hw, int status, const char *verdict, struct err *err)
{
	struct hw_replay *p = replay_of(hw);
	const struct recording *r = p->r;
	char got[160], want[160];

	if (hw->ops != &replay_ops || !p->strict)
		return 0;
	p->strict = false;
	replay_verdict(got, sizeof(got), status, verdict);
	if (p->run.first.code) {
		if (err)
			*err = p->run.first;
		return -EBADMSG;
	}
	if (p->run.next < r->naccesses)
		return err_set(err, EBADMSG, "%s:%d: recorded '%.200s', asked for '%s'",
			       r->path, r->access[p->run.next].line,
			       r->access[p->run.next].request, got);
	if (!r->has_end)
		return err_set(err, EBADMSG, "%s: the recorded run was cut off here, "
			       "without an end", r->path);
	replay_verdict(want, sizeof(want), r->end_status, r->end_verdict);
	if (strcmp(got, want))
		return err_set(err, EBADMSG, "%s:%d: recorded '%s', asked for '%s'",
			       r->path, r->end_line, want, got);
	return 0;
}
