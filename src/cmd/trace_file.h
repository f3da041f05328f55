/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The files of --trace, which are opened before workers that may open none. */
#ifndef GPURESET_CMD_TRACE_FILE_H
#define GPURESET_CMD_TRACE_FILE_H

#include "cmd/cmd.h"
#include "run/supervise.h"
#include "run/trace.h"

/*
 * Where target @i of @o is traced to, in @to[i] (o->ntargets of them): a name that ends
 * in .json is one file of events for all; else each target has lines of its own,
 * FILE.SLOT when there are several. Only new files. Without --trace all are shut. Returns
 * 0 or a negative errno.
 */
int trace_files_open(const struct options *o, struct trace_to *to, struct err *err);

/* @jobs: as supervise() left them, or NULL if it was not called. */
void trace_files_close(const struct options *o, struct trace_to *to,
		       const struct job *jobs);

/* In the worker: NULL without --trace. */
struct trace *trace_file_use(const struct trace_to *to);
/* Its end; that not all could be written becomes a note. @t may be NULL. */
void trace_file_end(struct trace *t, struct channel *ch);

#endif
