/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What config_parse() makes of gpureset.conf, for config.c, and what its manual page says
 * of the keys.
 */
#ifndef GPURESET_CMD_CONFIG_PARSE_H
#define GPURESET_CMD_CONFIG_PARSE_H

#include "cmd/config.h"

enum config_key_id {
	KEY_ALLOW, KEY_HOOK, KEY_AFTER_STOP, KEY_PRE_START, KEY_POST_STOP,
	KEY_START_ANYWAY, KEYS
};

enum config_kind_id { KIND_TOP, KIND_VM, KIND_CARD, KIND_LOST, KINDS };

/* Whom a section is about: one word of its header. */
struct config_name {
	char *vm;
	struct bdf card;
};

/* One, or the top of the file. */
struct config_section {
	enum config_kind_id kind;
	int line;
	struct config_name *name;
	size_t nnames, name_room;
	int set[KEYS];                  /* in which line; 0: not in this section */
	uint64_t value[KEYS];
	char **allowed;
	size_t nallowed, room;
	const char **joined;            /* the top's ids and these; NULL: none at all */
	size_t njoined;
};

/* What holds where nobody has said anything, in config.c. */
extern const uint64_t config_defaults[KEYS];

struct config_doc {
	const char *name;
	char takes[96];                 /* "reset, only-report or skip" */
	char otherwise[16];             /* the default; "" where there is none */
	const char *help;               /* sentences */
};
void config_doc(enum config_key_id key, struct config_doc *doc);

/*
 * The section of that kind (KIND_VM: name->vm counts, KIND_CARD: the slot of name->card)
 * that is about @name, or NULL.
 */
const struct config_section *section_find(const struct config *conf,
					  enum config_kind_id kind,
					  const struct config_name *name);

#endif
