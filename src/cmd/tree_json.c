// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The tree for programs: every function once with its parent, every bridge at which
 * resets act once with all that they hit, every card with what is meant for it.
 */
#include "base/json.h"
#include "cmd/tree.h"

static void json_bdf(struct json *j, const char *key, struct bdf bdf)
{
	char text[BDF_STR];

	json_string(j, key, bdf_str(bdf, text));
}

static void json_hex(struct json *j, const char *key, int digits, uint32_t value)
{
	char text[16];

	snprintf(text, sizeof(text), "0x%0*x", digits, value);
	json_string(j, key, text);
}

/* "" is null. */
static void json_word(struct json *j, const char *key, const char *text)
{
	char clean[TREE_NAME];

	json_string(j, key, text[0] ? tree_clean(text, clean) : NULL);
}

/* --- a function ------------------------------------------------------------------- */

static void json_link(struct json *j, const struct topo *t, size_t i)
{
	const struct link_facts *l = &t->node[i].link;

	if (!l->present) {
		json_string(j, "link", NULL);
		return;
	}
	json_object(j, "link");
	json_string(j, "speed", link_speed_str(l->speed));
	json_int(j, "width", l->width);
	json_string(j, "max_speed", link_speed_str(l->max_speed));
	json_int(j, "max_width", l->max_width);
	json_bool(j, "less_than_both_ends_could", topo_link_less(t, i));
	json_object_end(j);
}

static void json_slot(struct json *j, const struct topo_node *node)
{
	if (!node->slot) {
		json_string(j, "slot", NULL);
		return;
	}
	json_object(j, "slot");
	json_int(j, "power_mw", node->slot_mw);
	json_bool(j, "hotplug", node->hotplug);
	json_bool(j, "surprise", node->surprise);
	json_object_end(j);
}

static void json_bits(struct json *j, const char *key, uint16_t bits)
{
	json_array(j, key);
	for (size_t i = 0; topo_acs_bits[i]; i++)
		if (bits & 1u << i)
			json_string(j, NULL, topo_acs_bits[i]);
	json_array_end(j);
}

static void json_acs(struct json *j, const struct topo_node *node)
{
	static const char *const word[] = {
		[ACS_NOT_ASKED] = "not needed", [ACS_UNKNOWN] = "unknown",
		[ACS_NEVER] = "impossible", [ACS_ABSENT] = "absent", [ACS_OPEN] = "open",
		[ACS_ISOLATES] = "isolates",
	};

	json_object(j, "acs");
	json_string(j, "state", word[node->acs]);
	json_bits(j, "capable", node->acs_cap);
	json_bits(j, "enabled", node->acs_ctl);
	json_object_end(j);
}

static void json_bridge(struct json *j, const struct topo_node *node, size_t below)
{
	if (!node->numbered) {
		json_string(j, "bridge", NULL);
		return;
	}
	json_object(j, "bridge");
	json_int(j, "primary", node->primary);
	json_int(j, "secondary", node->secondary);
	json_int(j, "subordinate", node->subordinate);
	json_int(j, "below", (int64_t)below);
	json_bool(j, "reset_subordinate", node->has_reset_subordinate);
	json_bool(j, "thunderbolt", node->thunderbolt);
	json_object_end(j);
}

static void json_caps(struct json *j, const struct tree *t, const struct topo_node *node)
{
	json_array(j, "capabilities");
	for (size_t i = node->cap; i < node->cap + node->ncaps; i++) {
		const struct topo_cap *cap = &t->topo.cap[i];

		json_object(j, NULL);
		json_int(j, "id", cap->id);
		json_int(j, "offset", cap->off);
		json_bool(j, "extended", cap->ext);
		json_string(j, "name", topo_cap_name(cap));
		json_object_end(j);
	}
	json_array_end(j);
}

/* By its own registers, harming nobody else; kernel_denies: those that do harm. */
static void json_resets(struct json *j, const struct topo_node *node)
{
	static const struct {
		enum kernel_deny bit;
		const char *word;
	} deny[] = {
		{ KDENY_BUS, "bus" }, { KDENY_PM, "pm" }, { KDENY_FLR, "flr" },
	};

	json_array(j, "resets_itself");
	if (node->flr)
		json_string(j, NULL, "flr");
	if (node->af_flr)
		json_string(j, NULL, "af_flr");
	if (node->pm_reset)
		json_string(j, NULL, "pm");
	json_array_end(j);
	json_array(j, "kernel_denies");
	for (size_t i = 0; i < sizeof(deny) / sizeof(*deny); i++)
		if (node->kernel_deny & deny[i].bit)
			json_string(j, NULL, deny[i].word);
	json_array_end(j);
}

static void json_ids(struct json *j, const struct tree *t, const struct topo_node *node)
{
	char text[TREE_NAME];

	json_hex(j, "vendor", 4, node->fn.vendor);
	json_hex(j, "device", 4, node->fn.device);
	json_hex(j, "class", 6, node->fn.class_code);
	json_string(j, "class_name", tree_class(node, text));
	json_string(j, "name", tree_name(t, node, text));
	json_word(j, "driver", node->fn.driver);
	if (node->group >= 0)
		json_int(j, "iommu_group", node->group);
	else
		json_string(j, "iommu_group", NULL);
	json_word(j, "power_state", node->power);
}

static void json_function(struct json *j, const struct tree *t, size_t i)
{
	const struct topo_node *node = &t->topo.node[i];

	json_object(j, NULL);
	json_bdf(j, "bdf", node->fn.bdf);
	if (node->parent == TOPO_NONE)
		json_string(j, "parent", NULL);
	else
		json_bdf(j, "parent", t->topo.node[node->parent].fn.bdf);
	json_bool(j, "parent_unknown", node->cut);
	json_string(j, "kind", topo_kind(node));
	json_bool(j, "answers", node->answers);
	json_ids(j, t, node);
	json_bridge(j, node, node->end - i - 1);
	json_link(j, &t->topo, i);
	json_slot(j, node);
	json_acs(j, node);
	json_int(j, "max_payload", node->mps);
	json_int(j, "max_payload_supported", node->max_mps);
	json_resets(j, node);
	json_caps(j, t, node);
	json_object_end(j);
}

/* --- resets ----------------------------------------------------------------------- */

static void json_methods(struct json *j, bool direct)
{
	json_array(j, "methods");
	if (direct)
		json_string(j, NULL, "hot_reset");
	json_string(j, NULL, "subordinate");
	json_string(j, NULL, "bus");
	json_array_end(j);
}

static void json_point(struct json *j, const struct tree *t, const struct tree_point *p)
{
	json_object(j, NULL);
	json_string(j, "mark", p->mark);
	json_bdf(j, "at", t->topo.node[p->bridge].fn.bdf);
	json_methods(j, p->direct);
	json_array(j, "hits");
	for (size_t i = p->blast.first; i < p->blast.end; i++)
		json_bdf(j, NULL, t->topo.node[i].fn.bdf);
	json_array_end(j);
	if (p->blast.denied == TOPO_NONE)
		json_string(j, "breaks", NULL);
	else
		json_bdf(j, "breaks", t->topo.node[p->blast.denied].fn.bdf);
	json_object_end(j);
}

static void json_card(struct json *j, const struct tree *t, const struct tree_card *c)
{
	const struct topo *topo = &t->topo;
	char text[TREE_NAME];

	json_object(j, NULL);
	json_string(j, "slot", bdf_slot_str(topo->node[c->first].fn.bdf, text));
	json_string(j, "name", tree_name(t, &topo->node[c->first], text));
	json_array(j, "functions");
	for (size_t i = c->first; i != TOPO_NONE; i = topo_slot_next(topo, i))
		json_bdf(j, NULL, topo->node[i].fn.bdf);
	json_array_end(j);
	json_array(j, "resets");
	for (size_t i = 0; i < c->npoints; i++) {
		const struct tree_point *p = &t->point[c->point[i]];
		struct topo_blast b = topo_blast(topo, p->bridge, c->first);

		json_object(j, NULL);
		json_string(j, "mark", p->mark);
		json_methods(j, i == 0);
		json_int(j, "foreign", (int64_t)b.foreign);
		json_object_end(j);
	}
	json_array_end(j);
	json_object_end(j);
}

void tree_json(const struct tree *t, FILE *out)
{
	struct json j = { .out = out };

	json_object(&j, NULL);
	json_string(&j, "gpureset", GPURESET_VERSION);
	json_array(&j, "functions");
	for (size_t i = 0; i < t->topo.n; i++)
		if (t->mark[i].show)
			json_function(&j, t, i);
	json_array_end(&j);
	json_array(&j, "resets");
	for (size_t i = 0; i < t->npoints; i++)
		json_point(&j, t, &t->point[i]);
	json_array_end(&j);
	json_array(&j, "cards");
	for (size_t i = 0; i < t->ncards; i++)
		json_card(&j, t, &t->card[i]);
	json_array_end(&j);
	json_object_end(&j);
	fputc('\n', out);
}
