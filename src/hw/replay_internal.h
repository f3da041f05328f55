/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files around recordings share; everybody else uses hw_replay.h. */
#ifndef GPURESET_HW_REPLAY_INTERNAL_H
#define GPURESET_HW_REPLAY_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "hw/hw_ops.h"
#include "hw/hw_replay.h"

#define REC_FNS 8192            /* functions in one file */
#define REC_ATTRS 256           /* attributes of one function */
#define REC_ACCESSES 2000000    /* lines of a run */
#define REC_REQUEST 1024        /* room for one request as text */

/* An attribute, or a file of the host. */
struct rec_text {
	char *name;
	char *text;                     /* NULL: it exists, no more is known */
	int code;                       /* errno of reading it, 0: @text */
};

struct rec_texts {
	struct rec_text *at;
	size_t n, room;
};

struct rec_reg {
	int bar;
	uint32_t off, value;
};

struct rec_fn {
	struct bdf bdf, parent;
	bool on_root_bus;
	bool has_parent;                /* "parent" was said */
	uint8_t *config;                /* @config_len bytes, or NULL */
	unsigned config_len;
	struct rec_texts attrs;
	struct rec_reg *reg;
	size_t nregs, reg_room;
};

struct rec_name {
	uint16_t vendor, device;
	char *text;
};

struct rec_access {
	int line;                       /* of the file */
	uint64_t at_us;
	char *request;                  /* "cfg r 0000:0b:00.0 004 2" */
	char *answer;                   /* "0007", or error 5 "why"; "" when none */
};

struct recording {
	char *path;
	bool dump;
	bool has_target;
	struct bdf_spec target;
	struct rec_fn *fn;              /* in address order once parsed */
	size_t nfns, fn_room;
	struct rec_texts host;
	struct rec_name *name;
	size_t nnames, name_room;
	struct hw_holder *holder;       /* of the target's slot */
	size_t nholders, holder_room;
	char **log;
	size_t nlog, log_room;
	struct rec_access *access;
	size_t naccesses, access_room;
	struct rec_texts options;       /* of the run; only names */
	bool has_run, has_end;
	int end_line, end_status;
	char *end_verdict;
};

/* --- replay_data.c: the structures ------------------------------------------------- */

struct recording *rec_new(const char *path);
/* Appends; the function is not in order until rec_sort(). */
struct rec_fn *rec_add_fn(struct recording *r, struct bdf bdf);
/* Both orders by address. -EEXIST with *@twice: an address given twice. */
int rec_sort(struct recording *r, struct bdf *twice);
/* Binary search; only after rec_sort(). */
struct rec_fn *rec_find(const struct recording *r, struct bdf bdf);
/* Takes over @text (may be NULL); @name is copied. */
void rec_put(struct rec_texts *t, const char *name, char *text, int code);
const struct rec_text *rec_get(const struct rec_texts *t, const char *name);
void rec_put_name(struct recording *r, uint16_t vendor, uint16_t device, char *text);
/* Formatted text of an attribute. */
void rec_attr(struct rec_fn *f, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* A little-endian value of the configuration space; all ones beyond what is known. */
uint32_t rec_cfg(const struct rec_fn *f, unsigned off, unsigned width);
/* Offset of a capability, 0: none (or none that is known). */
unsigned rec_cap(const struct rec_fn *f, uint16_t id, bool ext);

/* --- replay_parse.c ---------------------------------------------------------------- */

/* Fills @r from the text of a recording; errors to @diag. */
void rec_parse(struct recording *r, const char *text, size_t len, struct diag *diag);

/* --- replay_text.c: requests and answers as text ----------------------------------- */

/* @text in quotes, with escapes; cut where @size ends. Returns the bytes used. */
size_t text_quote(char *buf, size_t size, const char *text);
/*
 * The text of a quoted word at *@at, which ends before @end; malloc'ed. NULL with
 * *@at at what is wrong. *@at moves past it.
 */
char *text_unquote(const char **at, const char *end);

/* --- requests, one call as text; the recorder and the replay both use these -------- */

void req_cfg_read(char buf[REC_REQUEST], struct bdf bdf, unsigned off, unsigned width);
void req_cfg_write(char buf[REC_REQUEST], struct bdf bdf, unsigned off, unsigned width,
		   uint32_t val);
void req_bar_read(char buf[REC_REQUEST], struct bdf bdf, int bar, uint32_t off);
void req_bar_write(char buf[REC_REQUEST], struct bdf bdf, int bar, uint32_t off,
		   uint32_t val);
void req_attr_read(char buf[REC_REQUEST], struct bdf bdf, const char *name);
void req_attr_exists(char buf[REC_REQUEST], struct bdf bdf, const char *name);
void req_attr_write(char buf[REC_REQUEST], struct bdf bdf, const char *name,
		    const char *value);
void req_host_read(char buf[REC_REQUEST], const char *path);
void req_host_exists(char buf[REC_REQUEST], const char *path);
void req_bus_write(char buf[REC_REQUEST], const char *name, const char *value);
void req_find_cap(char buf[REC_REQUEST], struct bdf bdf, uint16_t id, bool ext);
void req_name(char buf[REC_REQUEST], uint16_t vendor, uint16_t device);
/* @verb: "holders", "hotreset", "vfio" */
void req_functions(char buf[REC_REQUEST], const char *verb, const struct bdf *fns,
		   size_t n);
/* @verb: "sleep", "wait" */
void req_time(char buf[REC_REQUEST], const char *verb, uint64_t us);

/* --- replay_run.c ------------------------------------------------------------------ */

/* A strict replay. */
struct replay_run {
	const struct recording *r;
	size_t next;
	uint64_t now;
	struct err first;               /* the first difference */
};

/*
 * The next recorded answer, which must be to @request. NULL: it is to another one, or
 * there is none; or (with @err's code the recorded one) it was an error.
 */
const char *run_take(struct replay_run *run, const char *request, struct err *err);
/* The same where the answer is one number in hex. 0 or a negative errno. */
int run_number(struct replay_run *run, const char *request, uint64_t *val,
	       struct err *err);
/* ... one text in quotes. */
int run_string(struct replay_run *run, const char *request, char *buf, size_t size,
	       struct err *err);

#endif
