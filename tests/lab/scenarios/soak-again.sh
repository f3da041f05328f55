# SPDX-License-Identifier: GPL-2.0-or-later
# The other half of the soak, with other faults.
SOAK_SEED=1977
. /lab/scenarios/soak.sh
