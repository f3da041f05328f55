// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Commands a test in the guest sends through its second serial port: one line each, one
 * line back.
 *
 *   state NAME            NAME KEY=VALUE ...; tests/model/README.md has the words
 *   kill NAME             ok; the card stops answering
 *   power NAME            ok; power cycle
 *   set NAME KEY VALUE    ok; a knob of card_set
 *   log TEXT              ok; into the trace
 *
 * Anything else: error REASON. A terminal with echo on sends our own answers back to us;
 * those must not be answered again, so lines that look like an answer are dropped.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server.h"

#define MAX_WORDS 4

static void answer(struct ctl *ctl, const char *text)
{
	char out[600];
	int n = snprintf(out, sizeof(out), "%s\n", text);

	/* Never wait for a guest that does not listen. */
	if (send(ctl->fd, out, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL) != n)
		fprintf(stderr, "lab-server: control answer lost: %s", out);
}

static void do_state(struct ctl *ctl, struct lab_card *card, char **word)
{
	char state[512], line[560];

	(void)word;
	card_state(card->card, state, sizeof(state));
	snprintf(line, sizeof(line), "%s %s", card->name, state);
	answer(ctl, line);
	lab_trace(ctl->lab, NULL, "%s", line);
}

static void do_kill(struct ctl *ctl, struct lab_card *card, char **word)
{
	(void)word;
	card_kill(card->card);
	answer(ctl, "ok");
}

static void do_power(struct ctl *ctl, struct lab_card *card, char **word)
{
	(void)word;
	card_power_cycle(card->card);
	answer(ctl, "ok");
}

static void do_set(struct ctl *ctl, struct lab_card *card, char **word)
{
	char *end;
	long value = strtol(word[3], &end, 0);

	if (end == word[3] || *end)
		answer(ctl, "error not a number");
	else if (card_set(card->card, word[2], value))
		answer(ctl, "error no such knob, or not that value");
	else
		answer(ctl, "ok");
}

static const struct command {
	const char *name;
	int words;	/* with the command and the card's name */
	void (*run)(struct ctl *ctl, struct lab_card *card, char **word);
} commands[] = {
	{ "state", 2, do_state },
	{ "kill", 2, do_kill },
	{ "power", 2, do_power },
	{ "set", 4, do_set },
};

static int split(char *line, char **word)
{
	char *save = NULL, *w = strtok_r(line, " \t", &save);
	int n = 0;

	for (; w && n < MAX_WORDS; w = strtok_r(NULL, " \t", &save))
		word[n++] = w;
	return w ? MAX_WORDS + 1 : n;
}

static bool is_own_answer(const char *line)
{
	const char *second = strchr(line, ' ');

	return !strncmp(line, "ok", 2) || !strncmp(line, "error", 5) ||
	       (second && strcspn(second + 1, "=") < strcspn(second + 1, " "));
}

static void run_command(struct ctl *ctl, char *line)
{
	char *word[MAX_WORDS] = { NULL };
	int n = split(line, word);
	struct lab_card *card = n > 1 ? lab_find(ctl->lab, word[1]) : NULL;

	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
		const struct command *cmd = &commands[i];

		if (strcmp(word[0], cmd->name))
			continue;
		if (n != cmd->words)
			answer(ctl, "error wrong number of words");
		else if (!card)
			answer(ctl, "error no such card");
		else
			cmd->run(ctl, card, word);
		return;
	}
	answer(ctl, "error unknown command");
}

static void take_line(struct ctl *ctl, char *line)
{
	line += strspn(line, " \t");
	if (!*line)
		return;
	if (!strncmp(line, "log ", 4)) {
		lab_trace(ctl->lab, NULL, "%s", line);
		answer(ctl, "ok");
		return;
	}
	if (is_own_answer(line))
		return;
	lab_trace(ctl->lab, NULL, "ctl %s", line);
	run_command(ctl, line);
}

int ctl_serve(struct ctl *ctl)
{
	char buf[256];
	ssize_t n = read(ctl->fd, buf, sizeof(buf));

	if (n < 0 && errno == EINTR)
		return 0;
	if (n <= 0)
		return -1;
	for (ssize_t i = 0; i < n; i++) {
		if (buf[i] != '\r' && buf[i] != '\n') {
			if (ctl->len < sizeof(ctl->line) - 1)
				ctl->line[ctl->len++] = buf[i];
			continue;
		}
		ctl->line[ctl->len] = '\0';
		ctl->len = 0;
		take_line(ctl, ctl->line);
	}
	return 0;
}
