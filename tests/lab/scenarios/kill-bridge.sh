# SPDX-License-Identifier: GPL-2.0-or-later
# Killed anywhere in the resets at a bridge: by VFIO with drivers to change, by the
# kernel, and raw. One function has a driver that is put back, its sibling has none.
. /lab/scenarios/kill-lib.sh
bind pci-stub 03:00.0
fns="00:03.0 03:00.0 03:00.1"
kills 03:00 --method hot_reset
kills 03:00 --method subordinate
MOST=14 kills 03:00 --method bus
unbind 03:00.0
kills_done
