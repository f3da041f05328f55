# SPDX-License-Identifier: GPL-2.0-or-later
# A card that needs 3 s after a reset: waited for, with progress, and healthy.
. /lab/scenarios/tool.sh
t=$(ms)
g 0 02:00
t=$(($(ms) - t))
says 'reset by flr and healthy'
says "^0000:02:00: waiting: 0000:02:00.0 put '1' into reset \(2 s of at most [0-9]+ s\)$"
[ $t -ge 3000 ] || fail "took $t ms, the card needs 3000"
# quiet when nobody watches
g 0 -q 02:00.0
says 'reset by flr'
[ "$(wc -l </run/out)" -eq 1 ] || fail "more than one line with -q"
