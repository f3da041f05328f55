// SPDX-License-Identifier: GPL-2.0-or-later
/* What a worker of a hook says: to the task log, to syslog, and to the hook's status. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "cmd/hook_work.h"

bool hook_is_start(const struct hook_work *w)
{
	return w->job->ev->phase == HOOK_PRE_START;
}

void hook_log(const struct hook_work *w, int level, const char *text)
{
	char card[BDF_STR];

	syslog(level, "VM %s, %s, %s: %s", w->job->ev->vm,
	       hook_phase_str(w->job->ev->phase), bdf_spec_str(&w->spec, card), text);
}

void hook_say(struct hook_work *w, const char *fmt, ...)
{
	char text[3 * ERR_TEXT], card[BDF_STR];
	char line[sizeof(text) + 256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	bdf_spec_str(&w->spec, card);
	snprintf(line, sizeof(line), "gpureset: %s%s%s: %s\n", card,
		 w->name[0] ? " " : "", w->name, text);
	channel_report(w->ch, line, strlen(line));
	hook_log(w, LOG_NOTICE, text);
}

/* Something is wrong, but no reason to keep a VM from starting. Always false. */
bool hook_warn(struct hook_work *w, const char *text)
{
	hook_say(w, "%s; %s", text, hook_is_start(w) ?
		 "the VM starts with the card as it is" :
		 "the next start of a VM with it tries again");
	return false;
}

/* To start with the card like this might take the host along. Always false. */
bool hook_fail(struct hook_work *w, int status, const char *text)
{
	char vm[HOLD_VM + 2];

	/* a spare card may not be the one that it gets */
	if (w->job->task != TASK_START || w->job->card->spare)
		return hook_warn(w, text);
	if (w->job->set.start_anyway) {
		hook_say(w, "%s; the VM starts all the same (start-anyway)", text);
		return false;
	}
	hook_say(w, "%s; the VM is not started, as that might hang the host (to start it "
		 "all the same: 'start-anyway = yes' below [vm %s] in " GPURESET_CONFIG
		 ")", text, config_vm_str(w->job->ev->vm, vm, sizeof(vm)));
	w->status = status;
	return false;
}

/* Somebody asked us to stop, so the VM is not wanted any more. Always false. */
bool hook_stopped(struct hook_work *w)
{
	hook_say(w, "stopped, as asked, before the card was ready%s", hook_is_start(w) ?
		 "; the VM is not started" : "");
	w->status = hook_is_start(w) ? EXIT_FAILED : 0;
	return false;
}

bool hook_not_ours(struct hook_work *w, const char *why)
{
	w->not_ours = true;
	if (!w->job->card->spare)
		hook_say(w, "left alone%s", why);
	return false;
}

/* All there is to say about a run, for the journal. */
void hook_log_report(const struct hook_work *w, const struct report *r)
{
	char *text = NULL, *line, *rest;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return;
	report_text(r, f);
	fclose(f);
	rest = text;
	while ((line = strsep(&rest, "\n")))
		if (*line)
			hook_log(w, LOG_INFO, line);
	free(text);
}
