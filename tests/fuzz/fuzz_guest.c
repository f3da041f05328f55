// SPDX-License-Identifier: GPL-2.0-or-later
#include "fuzz/fuzz.h"

#include <string.h>

#include "fuzz/fuzz_common.h"
#include "unit/liar.h"

/* The first bytes of an input; what follows is what the card answers, read for read. */
struct head {
	uint8_t scene, lie;
	uint8_t from, until;            /* enum lie_when */
	uint8_t read, fns, seed;
	uint8_t opts;                   /* & 1: programs of untested entries, too */
};

struct liar_tally fuzz_guest_tally;

int fuzz_guest(const uint8_t *data, size_t size)
{
	struct liar_case c = { 0 };
	struct head h;
	const char *wrong;

	if (size < sizeof(h))
		return 0;
	memcpy(&h, data, sizeof(h));
	c.scene = h.scene % liar_scenes();
	c.lie = h.lie % liar_rows();
	c.from = h.from % LIE_NEVER;
	c.until = h.until % (LIE_NEVER + 1);
	c.read = h.read;
	c.fns = h.fns;
	c.seed = h.seed;
	c.untested = h.opts & 1;
	c.data = data + sizeof(h);
	c.size = size - sizeof(h);
	wrong = liar_play(&c, &fuzz_guest_tally);
	fuzz_insist(!wrong, wrong);
	return 0;
}
