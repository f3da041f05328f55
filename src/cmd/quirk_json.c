// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/quirk_json.h"

void quirk_json_texts(struct json *j, const char *key, const struct q_texts *t)
{
	json_array(j, key);
	for (size_t i = 0; i < t->n; i++)
		json_string(j, NULL, t->text[i]);
	json_array_end(j);
}

void quirk_json_evidence(struct json *j, const struct quirk *q, bool lines)
{
	json_array(j, "evidence");
	for (size_t i = 0; i < q->nevidence; i++) {
		const struct q_evidence *e = &q->evidence[i];

		json_object(j, NULL);
		json_string(j, "kind", quirk_evidence_str(e->kind));
		json_bool(j, "against", e->against);
		json_string(j, "date", e->date);
		json_string(j, "text", e->text);
		if (lines)
			json_int(j, "line", e->line);
		json_object_end(j);
	}
	json_array_end(j);
}

void quirk_json_denies(struct json *j, const struct quirk *q, bool lines)
{
	json_array(j, "denies");
	for (size_t i = 0; i < q->ndenies; i++) {
		json_object(j, NULL);
		json_string(j, "method", q->denies[i].method);
		json_string(j, "why", q->denies[i].why);
		if (lines)
			json_int(j, "line", q->denies[i].line);
		json_object_end(j);
	}
	json_array_end(j);
}
