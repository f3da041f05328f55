// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/trace_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"
#include "cmd/record.h"

static bool trace_is_chrome(const char *path)
{
	static const char end[] = ".json";
	size_t n = strlen(path);

	return n >= sizeof(end) - 1 && !strcmp(path + n - (sizeof(end) - 1), end);
}

static uint64_t trace_origin(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

/* The names of the run, or of one card's track. */
static void trace_name(struct json *j, const char *what, const struct trace_to *to,
		       const char *name)
{
	json_object(j, NULL);
	json_string(j, "ph", "M");
	json_int(j, "pid", to->pid);
	json_int(j, "tid", to->tid);
	json_int(j, "ts", 0);
	json_string(j, "name", what);
	json_object(j, "args");
	json_string(j, "name", name);
	json_object_end(j);
	json_object_end(j);
}

static void trace_head_chrome(const struct options *o, const struct trace_to *to, FILE *f)
{
	struct json j = { .out = f };
	char slot[BDF_STR];

	fputs("[\n", f);
	trace_name(&j, "process_name", to, "gpureset " GPURESET_VERSION);
	for (size_t i = 0; i < o->ntargets; i++)
		trace_name(&j, "thread_name", &to[i],
			   bdf_slot_str(o->target[i].bdf, slot));
}

static void trace_head_text(const struct options *o, size_t i, FILE *f)
{
	char slot[BDF_STR], when[40];
	time_t now = time(NULL);
	struct tm tm;

	strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S UTC", gmtime_r(&now, &tm));
	fprintf(f, "# gpureset " GPURESET_VERSION ", %s, %s. Each line: ms since then, "
		"and what began.\n", bdf_slot_str(o->target[i].bdf, slot), when);
}

/* stdio writes the head alone; what follows goes by the descriptor. */
static int trace_create(const struct options *o, struct trace_to *to, size_t i,
			struct err *err)
{
	bool many = o->ntargets > 1 && !to[i].chrome;
	char path[PATH_MAX], slot[BDF_STR];
	FILE *f;

	snprintf(path, sizeof(path), "%s%s%s", o->trace, many ? "." : "",
		 many ? bdf_slot_str(o->target[i].bdf, slot) : "");
	f = record_create(path, err);
	if (!f)
		return -err->code;
	if (to[i].chrome)
		trace_head_chrome(o, to, f);
	else
		trace_head_text(o, i, f);
	fflush(f);
	to[i].fd = fcntl(fileno(f), F_DUPFD_CLOEXEC, 3);
	if (ferror(f) || to[i].fd < 0 || fcntl(to[i].fd, F_SETFL, O_APPEND) < 0)
		err_sys(err, errno ? errno : EIO, "--trace %.200s", path);
	fclose(f);
	return err->code ? -err->code : 0;
}

int trace_files_open(const struct options *o, struct trace_to *to, struct err *err)
{
	bool chrome = o->trace && trace_is_chrome(o->trace);
	uint64_t origin = trace_origin();
	int rc = 0;

	err->code = 0;
	for (size_t i = 0; i < o->ntargets; i++)
		to[i] = (struct trace_to){ -1, chrome, getpid(), (int)i + 1, origin };
	for (size_t i = 0; i < o->ntargets && o->trace && !rc; i++) {
		if (chrome && i)
			to[i].fd = to[0].fd;
		else
			rc = trace_create(o, to, i, err);
	}
	return rc;
}

/* A worker that is stuck may still write, and nothing may follow the end of an array. */
static bool trace_is_over(const struct options *o, const struct job *jobs)
{
	for (size_t i = 0; i < o->ntargets && jobs; i++)
		if (jobs[i].status == EXIT_STUCK)
			return false;
	return true;
}

void trace_files_close(const struct options *o, struct trace_to *to,
		       const struct job *jobs)
{
	bool chrome = o->ntargets && to[0].chrome && to[0].fd >= 0;

	if (chrome && trace_is_over(o, jobs) && write(to[0].fd, "\n]\n", 3) != 3)
		complain(0, "--trace: the end of %s could not be written", o->trace);
	for (size_t i = 0; i < (chrome ? 1 : o->ntargets); i++)
		if (to[i].fd >= 0)
			close(to[i].fd);
}

struct trace *trace_file_use(const struct trace_to *to)
{
	return to->fd >= 0 ? trace_open(to) : NULL;
}

void trace_file_end(struct trace *t, struct channel *ch)
{
	char line[ERR_TEXT + 32];
	struct err err;

	if (!trace_close(t, &err))
		return;
	snprintf(line, sizeof(line), "gpureset: warning: %s", err.text);
	channel_note(ch, line);
}
