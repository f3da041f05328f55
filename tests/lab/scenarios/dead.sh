# SPDX-License-Identifier: GPL-2.0-or-later
# A card that never comes back: said so in bounded time, with the six facts.
. /lab/scenarios/tool.sh
g 0 03:00
ctl "kill dead" >/dev/null
t=$(ms)
g 3 03:00
t=$(($(ms) - t))
says 'does not answer'
# name, address, value, wanted, mask, milliseconds
says 'ID .config 0x0. reads 0xffffffff .*wanted != 0xffffffff under mask 0xffffffff, for [0-9]+ ms'
says 'cold start'
[ $t -lt 30000 ] || fail "took $t ms"
echo "said so after $t ms"
# the bridge is not left in reset
c=$(setpci -s 00:03.0 BRIDGE_CONTROL)
[ $((0x$c & 0x40)) -eq 0 ] || fail "bridge control is $c"
