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

static void step_line(const struct step *step, uint64_t now, char *buf, size_t room)
{
	uint64_t s = (now - step->begun) / SECOND;
	char slot[BDF_STR], limit[48] = "";

	if (step->limit)
		snprintf(limit, sizeof(limit), " of at most %" PRIu64 " s",
			 (step->limit + SECOND - 1) / SECOND);
	snprintf(buf, room, "%s: waiting: %s (%" PRIu64 " s%s)",
		 bdf_slot_str(step->slot, slot), step->text, s, limit);
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
	step_line(oldest, now, line, sizeof(line));
	if (waiting > 1)
		snprintf(more, sizeof(more), " and %zu more", waiting - 1);
	if ((int)(strlen(line) + strlen(more)) > width)
		more[0] = '\0';
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
