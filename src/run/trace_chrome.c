// SPDX-License-Identifier: GPL-2.0-or-later
/* Chrome's trace format: ph, ts and dur as Perfetto's and Chrome's viewers read them. */
#include <string.h>

#include "base/json.h"
#include "run/trace_internal.h"

/* Every event but the first of the file, which its opener writes, follows a comma. */
static struct json chrome_open(struct trace *t, char ph, uint64_t ts, const char *name,
			       const char *cat)
{
	const char text[] = { ph, '\0' };
	struct json j = { .out = trace_fresh(t) };

	fputs(",\n", j.out);
	json_object(&j, NULL);
	json_string(&j, "ph", text);
	json_int(&j, "pid", t->to.pid);
	json_int(&j, "tid", t->to.tid);
	json_int(&j, "ts", (int64_t)ts);
	if (name)
		json_string(&j, "name", name);
	if (cat)
		json_string(&j, "cat", cat);
	return j;
}

static void chrome_close(struct trace *t, struct json *j)
{
	json_object_end(j);
	trace_emit(t, t->to.fd);
}

void chrome_event(struct trace *t, char ph, const char *name, const char *cat,
		  const char *const args[])
{
	struct json j = chrome_open(t, ph, trace_now(t), name, cat);

	if (ph == 'i')
		json_string(&j, "s", "t");      /* a mark on this track alone */
	if (args[0])
		json_object(&j, "args");
	for (size_t i = 0; args[i]; i += 2)
		json_string(&j, args[i], args[i + 1]);
	if (args[0])
		json_object_end(&j);
	chrome_close(t, &j);
}

void chrome_access(struct trace *t, const struct trace_access *x)
{
	const char *kind = hw_shim_kind_str(x->a->kind);
	char name[2 * TRACE_LABEL];
	struct json j;

	snprintf(name, sizeof(name), "%s%s%s", kind, x->name[0] || x->where[0] ? " " : "",
		 x->name[0] ? x->name : x->where);
	j = chrome_open(t, 'X', x->begun, name, kind);
	json_int(&j, "dur", (int64_t)x->took);
	json_object(&j, "args");
	if (x->where[0])
		json_string(&j, "at", x->where);
	if (x->value[0])
		json_string(&j, "value", x->value);
	if (x->a->rc)
		json_string(&j, "error", strerror(-x->a->rc));
	json_object_end(&j);
	chrome_close(t, &j);
}
