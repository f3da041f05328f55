# SPDX-License-Identifier: GPL-2.0-or-later
# Several cards at once take about the time of the slowest; a locked one says by whom.
. /lab/scenarios/tool.sh
t=$(ms); g 0 02:00; one=$(($(ms) - t))
t=$(ms); g 0 01:00 02:00 06:00; all=$(($(ms) - t))
echo "slow card alone $one ms, three cards $all ms"
[ $((all * 2)) -lt $((one * 3)) ] || fail "three cards took $all ms, one $one ms"
t=$(ms); g 0 --no-io-uring 01:00 02:00 06:00; all=$(($(ms) - t))
[ $((all * 2)) -lt $((one * 3)) ] || fail "with poll(2): $all ms, one $one ms"
gpureset 02:00 >/dev/null 2>&1 &
sleep 1
g 5 02:00
says 'busy: .*[0-9]+ .*0000:02:00'
wait
