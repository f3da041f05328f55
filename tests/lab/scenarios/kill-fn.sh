# SPDX-License-Identifier: GPL-2.0-or-later
# Killed anywhere in the kernel's resets of a function.
. /lab/scenarios/kill-lib.sh
bridge=$sysfs/0000:00:01.0/power/control
echo auto > $bridge
fns="00:01.0 01:00.0 01:00.1"
kills 01:00 --method flr
echo on > $bridge
fns="00:03.0 03:00.0 03:00.1"
kills 03:00.1 --method pm
kills_done
