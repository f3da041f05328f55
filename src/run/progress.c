// SPDX-License-Identifier: GPL-2.0-or-later
#include "run/progress.h"

#include <inttypes.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define SECOND ((uint64_t)1000000)
#define LINE_MAX_LEN (STEP_TEXT + 96)

struct progress progress_open(FILE *to)
{
	return (struct progress){ .to = to, .terminal = to && isatty(fileno(to)) };
}

void step_begin(struct step *step, const char *text, size_t len, uint64_t limit,
		uint64_t now)
{
	if (len > sizeof(step->text) - 1)
		len = sizeof(step->text) - 1;
	memcpy(step->text, text, len);
	step->text[len] = '\0';
	step->begun = now;
	step->limit = limit;
	step->mark = now + SECOND;
}

void step_end(struct step *step)
{
	step->text[0] = '\0';
}

/* A step shows from its first second on. */
static bool step_shows(const struct step *step, uint64_t now)
{
	return step->text[0] && now >= step->begun + SECOND;
}

/* A log gets a line at 1, 2, 5, 10, 20, 30, ... seconds. */
static uint64_t step_next_mark(const struct step *step, uint64_t now)
{
	static const unsigned int first[] = { 1, 2, 5 };
	uint64_t s = (now - step->begun) / SECOND;

	for (size_t i = 0; i < sizeof(first) / sizeof(*first); i++)
		if (s < first[i])
			return step->begun + first[i] * SECOND;
	return step->begun + (s / 10 + 1) * 10 * SECOND;
}

/* "3 s of at most 5 s" */
static void step_time(const struct step *step, uint64_t now, const char *of, char *buf,
		      size_t room)
{
	int n = snprintf(buf, room, "%" PRIu64 " s", (now - step->begun) / SECOND);

	if (step->limit)
		snprintf(buf + n, room - (size_t)n, " %s %" PRIu64 " s", of,
			 (step->limit + SECOND - 1) / SECOND);
}

static void step_line(const struct step *step, uint64_t now, char *buf, size_t room)
{
	char slot[BDF_STR], time[64];

	step_time(step, now, "of at most", time, sizeof(time));
	snprintf(buf, room, "%s: waiting: %s (%s)", bdf_slot_str(step->slot, slot),
		 step->text, time);
}

/* In so many columns: of a long step the end goes, never how long it has taken. */
static void step_line_within(const struct step *step, uint64_t now, int width, char *buf,
			     size_t room)
{
	const char *within = step->limit ? strstr(step->text, " within ") : NULL;
	char slot[BDF_STR + 2], time[64];
	int left;

	step_time(step, now, "of", time, sizeof(time));
	bdf_slot_str(step->slot, slot);
	if (!strncmp(step->text, slot, strlen(slot)))
		slot[0] = '\0';         /* it says so itself */
	else
		memcpy(slot + strlen(slot), ": ", 3);
	left = width - (int)(strlen(slot) + strlen("waiting:  ()") + strlen(time));
	if (within && within - step->text < left)
		left = (int)(within - step->text);      /* so says the time */
	snprintf(buf, room, "%swaiting: %.*s (%s)", slot, left > 0 ? left : 0,
		 step->text, time);
}

uint64_t progress_due(const struct progress *pr, const struct step *step, size_t n)
{
	uint64_t due = PROGRESS_NEVER;

	for (size_t i = 0; pr->to && i < n; i++)
		if (step[i].text[0] && step[i].mark < due)
			due = step[i].mark;
	/* A terminal is rewritten once a second, whatever the steps do. */
	if (pr->terminal && due < pr->shown_at + SECOND)
		due = pr->shown_at + SECOND;
	return due;
}

static void progress_log(struct progress *pr, struct step *step, size_t n, uint64_t now)
{
	char line[LINE_MAX_LEN];

	for (size_t i = 0; i < n; i++) {
		if (!step_shows(&step[i], now) || now < step[i].mark)
			continue;
		step_line(&step[i], now, line, sizeof(line));
		fprintf(pr->to, "%s\n", line);
		step[i].mark = step_next_mark(&step[i], now);
	}
	fflush(pr->to);
}

/* A line that wraps could not be rewritten by \r. */
static int progress_width(const struct progress *pr)
{
	struct winsize ws = { 0 };

	if (ioctl(fileno(pr->to), TIOCGWINSZ, &ws) < 0 || ws.ws_col < 20)
		return 79;
	return ws.ws_col - 1;
}

/* The longest wait; @n_waiting: how many there are in all. */
static const struct step *progress_oldest(const struct step *step, size_t n,
					  uint64_t now, size_t *n_waiting)
{
	const struct step *oldest = NULL;

	*n_waiting = 0;
	for (size_t i = 0; i < n; i++) {
		if (!step_shows(&step[i], now))
			continue;
		++*n_waiting;
		if (!oldest || step[i].begun < oldest->begun)
			oldest = &step[i];
	}
	return oldest;
}

/* One line for all: the longest wait, and how many more there are. */
static void progress_rewrite(struct progress *pr, struct step *step, size_t n,
			     uint64_t now)
{
	char line[LINE_MAX_LEN], more[32] = "";
	const struct step *oldest;
	size_t waiting;
	int width = progress_width(pr);

	oldest = progress_oldest(step, n, now, &waiting);
	if (!oldest) {
		progress_clear(pr);
		return;
	}
	if (now < pr->shown_at + SECOND)
		return;
	for (size_t i = 0; i < n; i++)
		step[i].mark = step_shows(&step[i], now) ? now + SECOND : step[i].mark;
	if (waiting > 1)
		snprintf(more, sizeof(more), " and %zu more", waiting - 1);
	step_line_within(oldest, now, width - (int)strlen(more), line, sizeof(line));
	fprintf(pr->to, "\r%.*s%s\033[K", width, line, more);
	fflush(pr->to);
	pr->shown = true;
	pr->shown_at = now;
}

void progress_show(struct progress *pr, struct step *step, size_t n, uint64_t now)
{
	if (!pr->to)
		return;
	if (!pr->terminal)
		progress_log(pr, step, n, now);
	else
		progress_rewrite(pr, step, n, now);
}

void progress_clear(struct progress *pr)
{
	if (!pr->shown)
		return;
	fputs("\r\033[K", pr->to);
	fflush(pr->to);
	pr->shown = false;
}
