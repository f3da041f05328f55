# SPDX-License-Identifier: GPL-2.0-or-later
# An RX 9070: mode1 by the debug mailbox as long as the SMU lives, nothing when the guest
# shut down by itself, and never a bus reset: it would be gone until power.
. /lab/scenarios/tool.sh
card=0b:00
bind_vfio $card
used() { ctl "set navi48 dirty $1" >/dev/null || fail "no such knob"; }
resets=$(count navi48 bus_resets)

# nobody has tried the program on a card: not without being asked for
used 1
g 5 $card
says 'allow-untested'
truth navi48 mode1=0
g 0 $card --allow-untested
says 'reset by sequence'
truth navi48 mode1=1
truth navi48 clean=1
is_there $card.0 $card.1

# shut down by its driver: nothing to do, nothing done
used 3
g 0 $card
truth navi48 mode1=1

# its SMU hangs: no way back, and no harm done either
used 2
gpureset $card --allow-untested >/run/out 2>&1
rc=$?
cat /run/out
[ $rc -ne 0 ] || fail "gpureset calls it healthy"
truth navi48 mode1=1
truth navi48 dead=0
for m in hot_reset subordinate bus; do
	g 4 $card --method $m
	says "$m: denied"
done
same "bus resets so far" "$(count navi48 bus_resets)" "$resets"

# what all that was about
echo 1 >"$sysfs/0000:0a:00.0/reset_subordinate"
truth navi48 dead=1
g 3 $card
check "power off and on" power_cycle navi48 $card
truth navi48 clean=1
