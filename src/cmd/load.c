// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/cmd.h"
#include "run/supervise.h"

int load_quirks_to_act(const struct options *o, struct quirk_db *db)
{
	int rc = load_quirks(o, db);

	if (rc || db->n)
		return rc;
	return complain(EXIT_CONFIG, "there is no quirk file in " GPURESET_QUIRK_DIR
			" or " GPURESET_QUIRK_ETC ", so what must not be done to which "
			"card is not known; install gpureset with them, or use --quirks "
			"DIR");
}
