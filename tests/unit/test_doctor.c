// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * gpureset doctor on made-up hosts. tests/doctor/good/ makes a sound host out of a
 * recording of the lab: nothing may be found there. tests/doctor/ID.case (and
 * ID+WHAT.case) changes a few lines, so that the check ID, and only it, speaks. Both
 * are overlays, see tests/doctor/README.md. Every check has its case, or this fails.
 */
#include <glob.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/textfile.h"
#include "base/xalloc.h"
#include "cmd/doctor/doctor.h"
#include "cmd/record.h"
#include "hw/hw_replay.h"
#include "run/supervise.h"

#define BASE "tests/records/lab-fury.rec"
#define MAX_EXPECTS 8
#define NODE "pve1"

static struct quirk_db db;

/* --- overlays ------------------------------------------------------------------- */

struct part {                   /* a section: "" holds what stands above the first */
	char *head, **line;
	size_t n, room;
};

struct machine {
	struct part *part;
	size_t n, room;
};

static struct part *part_of(struct machine *m, const char *head)
{
	for (size_t i = 0; i < m->n; i++)
		if (!strcmp(m->part[i].head, head))
			return &m->part[i];
	m->part = xgrow(m->part, m->n, &m->room, sizeof(*m->part));
	m->part[m->n] = (struct part){ .head = xstrdup(head) };
	return &m->part[m->n++];
}

/* Files that this host remembers, or quirks of its own: "[run journal-0000:0b:00]". */
static const struct place {
	const char *head, *dir;
	bool live;              /* what it says is nothing to a recording */
} places[] = {
	{ "[run ", "run", true }, { "[state ", "state", true },
	{ "[quirk ", "quirk", false },
};

static const struct place *place_of(const struct part *p)
{
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++)
		if (!strncmp(p->head, places[i].head, strlen(places[i].head)))
			return &places[i];
	return NULL;
}

/* How much of a line says what it is about; the rest is the value. 0: all lines stay. */
static size_t key_length(const struct part *p, const char *line)
{
	static const char *const two[] = { "file ", "exists ", "attr ", "has ", "name " };
	size_t n = strcspn(line, " ");

	if (!strncmp(p->head, "[pve ", 5))
		return line[0] == '\t' ? 0 : strcspn(line, ":");
	if (place_of(p) || !p->head[0] || !strncmp(line, "log ", 4) ||
	    !strncmp(line, "holder ", 7))
		return 0;
	for (size_t i = 0; i < sizeof(two) / sizeof(*two); i++)
		if (!strncmp(line, two[i], strlen(two[i])))
			return n + 1 + strcspn(line + n + 1, " ");
	if (!strncmp(line, "bar ", 4))  /* "bar 5 05394 00001f84": of a register */
		return strlen("bar 5 05394");
	return n;
}

static bool same_key(const char *line, const char *key, size_t n)
{
	return !strncmp(line, key, n) && (!line[n] || strchr(" :", line[n]));
}

static void part_remove(struct part *p, const char *key)
{
	size_t kept = 0, n = p->n;

	for (size_t i = 0; i < n; i++)
		if (strncmp(p->line[i], key, strlen(key)) != 0)
			p->line[kept++] = p->line[i];
		else
			free(p->line[i]);
	p->n = kept;
	if (kept == n)
		fail_msg("an overlay removes '%s', which is not there", key);
}

static void part_set(struct part *p, const char *line)
{
	size_t n = key_length(p, line);

	for (size_t i = 0; n && i < p->n; i++)
		if (same_key(p->line[i], line, n)) {
			free(p->line[i]);
			p->line[i] = xstrdup(line);
			return;
		}
	p->line = xgrow(p->line, p->n, &p->room, sizeof(*p->line));
	p->line[p->n++] = xstrdup(line);
}

static void machine_add(struct machine *m, const char *path)
{
	char *text, line[8192], head[256] = "";
	struct err err = { 0 };
	const char *at, *end, *next;
	size_t len;

	if (textfile_read(path, &text, &len, &err))
		fail_msg("%s", err.text);
	at = text;
	end = text + len;
	while ((next = textfile_line(&at, end, &len))) {
		snprintf(line, sizeof(line), "%.*s", (int)len, next);
		if (line[0] == '[')
			snprintf(head, sizeof(head), "%.255s", line);
		if (line[0] == '[' || line[0] == '#' || !line[0])
			part_of(m, head);
		else if (line[0] == '-' && line[1] == ' ')
			part_remove(part_of(m, head), line + 2);
		else    /* "\\[PENDING]": no section of ours */
			part_set(part_of(m, head), line + (line[0] == '\\'));
	}
	free(text);
}

static void machine_free(struct machine *m)
{
	for (size_t i = 0; i < m->n; i++) {
		for (size_t k = 0; k < m->part[i].n; k++)
			free(m->part[i].line[k]);
		free(m->part[i].line);
		free(m->part[i].head);
	}
	free(m->part);
}

static void machine_good(struct machine *m)
{
	glob_t found;

	memset(m, 0, sizeof(*m));
	machine_add(m, BASE);
	assert_int_equal(glob("tests/doctor/good/*.part", 0, NULL, &found), 0);
	for (size_t i = 0; i < found.gl_pathc; i++)
		machine_add(m, found.gl_pathv[i]);
	globfree(&found);
}

/* --- a made-up host ------------------------------------------------------------- */

struct host {
	char pve[64];           /* a folder like /etc/pve, and like /run/qemu-server */
	char snippets[80];      /* of the storage `local`, in it */
	char hook[PATH_MAX];    /* hooks/pve-hook of the source tree */
	struct config conf;
	char run[80], state[80], quirk[80];     /* places[], in it */
	bool live;
	struct quirk_db db;     /* of the case's own files, if it has any */
	struct options o;
	struct hw *hw;
	struct exam x;
};

static void write_lines(const struct part *p, FILE *f)
{
	for (size_t i = 0; i < p->n; i++)
		fprintf(f, "%s\n", p->line[i]);
}

/* "[pve qemu-server/101.conf]" */
static void host_pve_file(const struct host *h, const struct part *p)
{
	char path[512], *slash;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s%.*s", h->pve,
		 strncmp(p->head + 5, "qemu-server", 11) ? "" : "nodes/" NODE "/",
		 (int)strcspn(p->head + 5, "]"), p->head + 5);
	slash = strrchr(path, '/');
	*slash = '\0';
	mkdir(path, 0700);
	*slash = '/';
	f = fopen(path, "w");
	assert_non_null(f);
	write_lines(p, f);
	fclose(f);
}

/* "[snippet gpureset]": a link to where its line says ("ours": our hook) */
static void host_snippet(const struct host *h, const struct part *p)
{
	char path[512];

	assert_int_equal(p->n, 1);
	snprintf(path, sizeof(path), "%s/%.*s", h->snippets,
		 (int)strcspn(p->head + 9, "]"), p->head + 9);
	assert_int_equal(symlink(strcmp(p->line[0], "ours") ? p->line[0] : h->hook, path),
			 0);
}

static void host_place(struct host *h, const struct part *p, const struct place *place)
{
	const char *name = p->head + strlen(place->head);
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", h->pve, place->dir);
	mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s/%s/%.*s", h->pve, place->dir,
		 (int)strcspn(name, "]"), name);
	f = fopen(path, "w");
	assert_non_null(f);
	write_lines(p, f);
	fclose(f);
	h->live |= place->live;
}

/* Sections that are no part of a recording. */
static bool host_file(struct host *h, const struct part *p)
{
	if (place_of(p))
		host_place(h, p, place_of(p));
	else if (!strncmp(p->head, "[pve ", 5))
		host_pve_file(h, p);
	else if (!strncmp(p->head, "[snippet ", 9) && p->n)
		host_snippet(h, p);
	else
		return !strncmp(p->head, "[snippet ", 9);
	return true;
}

/* "[conf]" is gpureset.conf */
static void host_conf(struct host *h, const struct machine *m)
{
	char *text = NULL;
	struct diag diag;
	size_t len;

	for (size_t i = 0; i < m->n; i++) {
		FILE *f;

		if (strcmp(m->part[i].head, "[conf]") != 0)
			continue;
		f = open_memstream(&text, &len);
		write_lines(&m->part[i], f);
		fclose(f);
		diag_init(&diag);
		config_parse(&h->conf, "[conf]", text, len, &diag);
		diag_print(&diag, stderr);
		assert_int_equal(diag.errors, 0);
		diag_free(&diag);
		free(text);
		h->o.conf = &h->conf;
	}
}

static char *host_recording(struct host *h, const struct machine *m, size_t *len)
{
	char *text = NULL;
	FILE *f = open_memstream(&text, len);

	for (size_t i = 0; i < m->n; i++) {
		const struct part *p = &m->part[i];

		if (host_file(h, p))
			continue;
		/* what a case expects stands above its first section */
		for (size_t k = 0; !p->head[0] && k < p->n; k++)
			if (!strncmp(p->line[k], REC_FIRST_LINE, 8))
				fprintf(f, "%s\n", p->line[k]);
		if (p->head[0] && strcmp(p->head, "[conf]") != 0) {
			fprintf(f, "%s\n", p->head);
			write_lines(p, f);
		}
	}
	fclose(f);
	return text;
}

/* The folders, and where the program finds them. */
static void host_dirs(struct host *h)
{
	char path[96];

	memset(h, 0, sizeof(*h));
	snprintf(h->pve, sizeof(h->pve), "/tmp/gpureset-doctor-XXXXXX");
	assert_non_null(mkdtemp(h->pve));
	snprintf(h->snippets, sizeof(h->snippets), "%s/snippets", h->pve);
	assert_int_equal(mkdir(h->snippets, 0700), 0);
	snprintf(path, sizeof(path), "%s/nodes", h->pve);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/nodes/" NODE, h->pve);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_non_null(realpath("hooks/pve-hook", h->hook));
	snprintf(h->run, sizeof(h->run), "%s/run", h->pve);
	snprintf(h->state, sizeof(h->state), "%s/state", h->pve);
	snprintf(h->quirk, sizeof(h->quirk), "%s/quirk", h->pve);
	h->o.run_dir = h->run;
	h->o.state_dir = h->state;
	h->o.pve_dir = h->o.qemu_run = h->pve;
	h->o.pve_node = NODE;
	h->o.snippets = h->snippets;
	h->o.pve_hook = h->hook;
	h->o.pvesm = "/nonexistent/pvesm";
}

static const struct quirk_db *host_quirks(struct host *h)
{
	const char *dirs[] = { h->quirk, NULL };
	struct err err = { 0 };
	struct diag diag;

	if (access(h->quirk, F_OK))
		return &db;
	diag_init(&diag);
	assert_int_equal(quirk_db_load(&h->db, dirs, false, &diag, &err), 0);
	diag_free(&diag);
	return &h->db;
}

static void host_open(struct host *h, const struct machine *m, const char *name)
{
	struct recording *r;
	struct diag diag;
	size_t len;
	char *text;

	host_dirs(h);
	text = host_recording(h, m, &len);
	diag_init(&diag);
	r = recording_parse(name, text, len, &diag);
	if (!r)
		diag_print(&diag, stderr);
	assert_non_null(r);
	diag_free(&diag);
	free(text);
	h->o.replay = h->live ? NULL : name;
	host_conf(h, m);
	h->hw = hw_replay_open(r);
	assert_int_equal(doctor_examine(&h->x, &h->o, h->hw, host_quirks(h)), 0);
}

static void host_close(struct host *h)
{
	char command[128];

	exam_free(&h->x);
	hw_close(h->hw);
	config_free(&h->conf);
	quirk_db_free(&h->db);
	snprintf(command, sizeof(command), "rm -r %s", h->pve);
	assert_int_equal(system(command), 0);
}

static const char *found_severity(const struct finding *f)
{
	static const char *const words[] = { "note", "warning", "problem" };

	return f->unknown ? "unknown" : words[f->severity];
}

static void print_found(const struct host *h)
{
	for (size_t i = 0; i < h->x.nfound; i++) {
		const struct finding *f = &h->x.found[i];

		print_error("  %s %s %s\n    %s\n", f->check->id, found_severity(f),
			    f->unknown ? f->unknown : f->seen, f->fix ? f->fix : "");
	}
}

/* --- tests ---------------------------------------------------------------------- */

static void test_good(void **state)
{
	struct machine m;
	struct host h;

	(void)state;
	machine_good(&m);
	host_open(&h, &m, "the sound host");
	print_found(&h);
	assert_int_equal(h.x.nfound, 0);
	assert_int_equal(h.x.nfine, h.x.nran);
	assert_int_equal(h.x.ncards, 1);
	host_close(&h);
	machine_free(&m);
}

struct expect {
	char id[64], severity[16], seen[256];
	bool met;
};

/* "expect ID SEVERITY what is seen" */
static size_t read_expects(const struct machine *m, struct expect *e)
{
	size_t n = 0;

	for (size_t i = 0; i < m->n; i++)
		for (size_t k = 0; !m->part[i].head[0] && k < m->part[i].n; k++) {
			const char *line = m->part[i].line[k];

			if (strncmp(line, "expect ", 7) != 0)
				continue;
			assert_true(n < MAX_EXPECTS);
			memset(&e[n], 0, sizeof(e[n]));
			assert_true(sscanf(line + 7, "%63s %15s %255[^\n]", e[n].id,
					   e[n].severity, e[n].seen) >= 2);
			n++;
		}
	return n;
}

static bool meets(const struct finding *f, const struct expect *e)
{
	return !strcmp(f->check->id, e->id) && !strcmp(found_severity(f), e->severity) &&
	       strstr(f->unknown ? f->unknown : f->seen, e->seen);
}

static bool fix_has(const struct host *h, const char *text)
{
	for (size_t i = 0; i < h->x.nfound; i++)
		if (h->x.found[i].fix && strstr(h->x.found[i].fix, text))
			return true;
	return false;
}

/* "advise TEXT" stands in a fix, "never TEXT" in none. */
static bool advice_is_right(const struct host *h, const struct machine *m)
{
	bool right = true;

	for (size_t i = 0; i < m->n; i++)
		for (size_t k = 0; !m->part[i].head[0] && k < m->part[i].n; k++) {
			const char *line = m->part[i].line[k];

			if (!strncmp(line, "advise ", 7))
				right &= fix_has(h, line + 7);
			else if (!strncmp(line, "never ", 6))
				right &= !fix_has(h, line + 6);
		}
	return right;
}

/* Returns what is wrong, or NULL. */
static const char *judge(const struct host *h, struct expect *e, size_t n)
{
	for (size_t i = 0; i < h->x.nfound; i++) {
		const struct finding *f = &h->x.found[i];
		bool expected = false;

		for (size_t k = 0; k < n; k++)
			if (meets(f, &e[k]))
				expected = e[k].met = true;
		if (!expected)
			return "something else was found";
		if (!f->unknown && !f->fix)
			return "a finding without a fix";
	}
	for (size_t k = 0; k < n; k++)
		if (!e[k].met)
			return "it was not found";
	return n ? NULL : "the case expects nothing";
}

static bool run_case(const char *path)
{
	struct expect e[MAX_EXPECTS];
	struct machine m;
	struct host h;
	const char *wrong;
	size_t n;

	machine_good(&m);
	machine_add(&m, path);
	n = read_expects(&m, e);
	host_open(&h, &m, path);
	wrong = judge(&h, e, n);
	if (!wrong && !advice_is_right(&h, &m))
		wrong = "another fix";
	if (wrong) {
		print_error("%s: %s; found:\n", path, wrong);
		print_found(&h);
	}
	host_close(&h);
	machine_free(&m);
	return !wrong;
}

/* --- what a recording keeps ------------------------------------------------------- */

/* VMs and their files are not recorded: they are nobody's business. */
static bool also_found(const struct exam *x, const struct finding *f)
{
	if (f->check->subject == ON_VM)
		return true;
	for (size_t i = 0; i < x->nfound; i++) {
		const struct finding *g = &x->found[i];

		if (g->check == f->check && !g->unknown == !f->unknown &&
		    !strcmp(g->unknown ? g->unknown : g->seen,
			    f->unknown ? f->unknown : f->seen))
			return true;
	}
	return false;
}

/* @x is of a recording of @h's machine. */
static bool same_found(const struct host *h, const struct exam *x)
{
	bool same = true;

	for (size_t i = 0; i < h->x.nfound; i++)
		same &= also_found(x, &h->x.found[i]);
	for (size_t i = 0; i < x->nfound; i++)
		same &= also_found(&h->x, &x->found[i]);
	return same;
}

static bool run_recorded(const char *path)
{
	const struct bdf_spec spec = { { .bus = 0x0b }, true };
	struct machine m;
	struct host h;
	struct exam x;
	const struct quirk_db *quirks;
	struct diag diag;
	struct hw *hw;
	char *text;
	size_t len;
	FILE *f = open_memstream(&text, &len);
	bool same;

	machine_good(&m);
	machine_add(&m, path);
	host_open(&h, &m, path);
	quirks = h.db.n ? &h.db : &db;
	assert_int_equal(record_write(f, h.hw, quirks, &spec, NULL), 0);
	fclose(f);
	diag_init(&diag);
	hw = hw_replay_open(recording_parse(path, text, len, &diag));
	diag_free(&diag);
	free(text);
	h.o.replay = path;
	assert_int_equal(doctor_examine(&x, &h.o, hw, quirks), 0);
	same = same_found(&h, &x);
	exam_free(&x);
	hw_close(hw);
	host_close(&h);
	machine_free(&m);
	return same;
}

/*
 * The doctor says of a recording what it says of the machine, but for what is not in it:
 * cards elsewhere, journals, whole logs, the boot loader's files.
 */
static void test_recorded(void **state)
{
	size_t same = 0;
	glob_t found;

	(void)state;
	assert_int_equal(glob("tests/doctor/*.case", 0, NULL, &found), 0);
	for (size_t i = 0; i < found.gl_pathc; i++)
		same += run_recorded(found.gl_pathv[i]);
	printf("count: sick hosts whose recording says as much, of %zu: %zu\n",
	       found.gl_pathc, same);
	assert_true(same * 10 >= found.gl_pathc * 8);
	globfree(&found);
}

static void test_cases(void **state)
{
	size_t bad = 0;
	glob_t found;

	(void)state;
	assert_int_equal(glob("tests/doctor/*.case", 0, NULL, &found), 0);
	for (size_t i = 0; i < found.gl_pathc; i++)
		bad += !run_case(found.gl_pathv[i]);
	printf("count: sick hosts that the doctor was shown: %zu\n", found.gl_pathc);
	globfree(&found);
	assert_int_equal(bad, 0);
}

/* Hosts that are not the sound one, and as sound: nothing is found there, either. */
static void test_healthy(void **state)
{
	size_t bad = 0;
	glob_t found;

	(void)state;
	assert_int_equal(glob("tests/doctor/healthy/*.part", 0, NULL, &found), 0);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		struct machine m;
		struct host h;

		machine_good(&m);
		machine_add(&m, found.gl_pathv[i]);
		host_open(&h, &m, found.gl_pathv[i]);
		if (h.x.nfound)
			print_error("%s: something was found:\n", found.gl_pathv[i]);
		print_found(&h);
		bad += h.x.nfound > 0;
		host_close(&h);
		machine_free(&m);
	}
	globfree(&found);
	assert_int_equal(bad, 0);
}

/* A check without a case has not been seen to speak. */
static void test_all_have_cases(void **state)
{
	size_t bad = 0, n = 0;
	char pattern[128];
	glob_t found;

	(void)state;
	for (size_t t = 0; doctor_tables[t]; t++)
		for (const struct check *c = doctor_tables[t]; c->id; c++, n++) {
			snprintf(pattern, sizeof(pattern),
				 "tests/doctor/%s{,+*}.case", c->id);
			if (glob(pattern, GLOB_BRACE, NULL, &found)) {
				print_error("check %s has no case\n", c->id);
				bad++;
				continue;
			}
			globfree(&found);
		}
	printf("count: checks of the doctor: %zu\n", n);
	assert_int_equal(bad, 0);
}

/* What is to be typed is never broken, and words are not lost. */
static void test_layout(void **state)
{
	static const struct check check = { "id", ON_HOST, "a title", "why it matters",
					    NULL };
	char seen[] = "a file has what is said in a sentence of more words than a "
		      "line has room for, so that it goes on in the next";
	char fix[] = "in /etc/modprobe.d/vfio.conf there should be the line "
		     "'options vfio-pci ids=1002:7300,1002:aae8', and\n"
		     " for a in one two three four five six seven eight nine ten; do "
		     "echo $a > /sys/bus/pci/x; done\nis typed";
	struct finding f = { .check = &check, .severity = SEV_WARNING, .seen = seen,
			     .fix = fix };
	struct exam x = { .release = "6.8", .found = &f, .nfound = 1, .nran = 2,
			  .root = true };
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	doctor_text(&x, out, false);
	fclose(out);
	assert_string_equal(text,
		"host, Linux 6.8\n"
		"  warning: a title [id]\n"
		"    seen  a file has what is said in a sentence of more words than a "
		"line has room for,\n"
		"          so that it goes on in the next\n"
		"    why   why it matters\n"
		"    fix   in /etc/modprobe.d/vfio.conf there should be the line\n"
		"          'options vfio-pci ids=1002:7300,1002:aae8', and\n"
		"              for a in one two three four five six seven eight nine "
		"ten; do echo $a > /sys/bus/pci/x; done\n"
		"          is typed\n"
		"\n"
		"2 checks: 1 warning\n");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_healthy),
		cmocka_unit_test(test_recorded),
		cmocka_unit_test(test_all_have_cases),
		cmocka_unit_test(test_layout),
	};
	const char *dirs[] = { "quirks", NULL };
	struct err err = { 0 };
	struct diag diag;
	int rc;

	diag_init(&diag);
	if (quirk_db_load(&db, dirs, false, &diag, &err)) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	diag_free(&diag);
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	quirk_db_free(&db);
	return rc;
}
