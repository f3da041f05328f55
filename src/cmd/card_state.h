/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How a card is, in a word, as far as looking tells: nothing is written to it, nothing
 * is woken, and nothing waits.
 */
#ifndef GPURESET_CMD_CARD_STATE_H
#define GPURESET_CMD_CARD_STATE_H

#include "base/json.h"
#include "cmd/cmd.h"

enum card_word {
	CARD_UNKNOWN,           /* nobody could look, or its registers do not answer */
	CARD_OK,                /* it answers; more cannot be told */
	CARD_PRISTINE,          /* all that its entry asks of a pristine card holds */
	CARD_DIRTY,             /* something of that does not hold */
	CARD_IN_USE,
	CARD_ASLEEP,            /* D1 to D3cold, and nobody has it open */
	CARD_DEAD,              /* it does not answer */
	CARD_BUSY,              /* it is being reset */
};

struct card_state {
	enum card_word word;
	char power[12];                 /* the kernel's word, D0 ... D3cold, or "" */
	struct hw_holder holder;        /* IN_USE: the first */
	size_t nholders;
	char vm[64];                    /* whose VM that is, or "" */
	char why[ERR_TEXT];             /* the reason for the word, or "" */
};

/*
 * Would a read of its configuration space wake something? It resumes the function from
 * D3cold, and the bridge above from any sleep (pci_config_pm_runtime_get(), Linux
 * drivers/pci/pci.c). @all: the @n functions of this machine, from hw_scan().
 */
bool card_would_wake(struct hw *hw, const struct hw_node *all, size_t n, struct bdf slot);

/*
 * Of a card that was studied (study_card()), so that it is awake; only then are its
 * registers read: in D0, decoding memory, with no driver of the host, nobody having it
 * open.
 */
void card_judge(struct card_state *st, struct hw *hw, const struct study *s);

/*
 * Of a card that only study_glance() was made of. @read: reading its ids does it no harm.
 * @why: why no more is known.
 */
void card_glance(struct card_state *st, struct hw *hw, const struct study *s, bool read,
		 const char *why);

/* Of a card that a gpureset is at work on. */
void card_busy(struct card_state *st);

/* "in use by VM 101 (4711)", "pristine", "D3cold" */
const char *card_state_str(const struct card_state *st, char *buf, size_t size);

/* The same as an object. */
void card_state_json(struct json *j, const char *key, const struct card_state *st);

#endif
