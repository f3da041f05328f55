# SPDX-License-Identifier: GPL-2.0-or-later
# A foreign function on the same bus: refused by name, nothing touched.
. /lab/scenarios/tool.sh
n=$(count gpu bus_resets)
lspci -s 08:02.0 -x >/run/before
g 5 08:01
says 'would also reset 0000:08:02.0 .*driver e1000'
says 'force-neighbours'
lspci -s 08:02.0 -x | cmp -s - /run/before || fail "the neighbour was touched"
[ "$(count gpu bus_resets)" -eq "$n" ] || fail "the card was reset all the same"
g 5 08:01 --method bus
says 'would also reset 0000:08:02.0'
[ "$(count gpu bus_resets)" -eq "$n" ] || fail "the card was reset all the same"
