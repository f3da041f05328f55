# SPDX-License-Identifier: GPL-2.0-or-later
# The kernel does not come back in time: reported, locked, and free again afterwards.
. /lab/scenarios/tool.sh
t=$(ms)
g 7 02:00.0 --timeout 0.5
t=$(($(ms) - t))
says 'worker [0-9]+ .*reset'
[ $t -lt 3000 ] || fail "it took $t ms to say so"
g 5 02:00
says 'busy|locked'
sleep 4
g 0 02:00
is_there 02:00.0 02:00.1
