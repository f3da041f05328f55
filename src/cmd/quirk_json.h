/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What an entry says, as JSON: `quirk show` and the reports of a reset share it. */
#ifndef GPURESET_CMD_QUIRK_JSON_H
#define GPURESET_CMD_QUIRK_JSON_H

#include "base/json.h"
#include "quirk/quirk.h"

void quirk_json_texts(struct json *j, const char *key, const struct q_texts *t);
/* @lines: with the line of the file that says so. */
void quirk_json_evidence(struct json *j, const struct quirk *q, bool lines);
void quirk_json_denies(struct json *j, const struct quirk *q, bool lines);

#endif
