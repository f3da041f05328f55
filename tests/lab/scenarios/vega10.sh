# SPDX-License-Identifier: GPL-2.0-or-later
# An RX Vega: a bus reset of a used one loses it until power. PSP mode1 brings it back
# even when the guest's driver has halted the SMU; BACO needs that SMU.
. /lab/scenarios/tool.sh
card=05:00
bind_vfio $card
used() { ctl "set vega10 dirty $1" >/dev/null || fail "no such knob"; }

used 2
echo 1 >"$sysfs/0000:04:00.0/reset_subordinate" || fail "the kernel's bus reset fails"
truth vega10 wedged=1
gpureset $card >/run/out 2>&1
rc=$?
cat /run/out
[ $rc -ne 0 ] || fail "gpureset calls a lost card healthy"
check "power off and on" power_cycle vega10 $card
truth vega10 clean=1
bind_vfio $card

# reported: such a card does not survive D3hot between the reset and the next start
ctl "set vega10 d3_drops 1" >/dev/null
used 2
n=$(count vega10 mode1)
g 0 $card
sleep 1
truth vega10 dead=0
says 'reset by sequence [a-z_]*mode1[a-z_]* and healthy'
same "mode1 resets" "$(count vega10 mode1)" $((n + 1))
truth vega10 clean=1
is_there $card.0 $card.1

ctl "set vega10 d3_drops 0" >/dev/null

# the SMU is halted: refused or failed, and the card no worse for it
used 2
gpureset $card --method 'sequence baco' >/run/out 2>&1
rc=$?
cat /run/out
[ $rc -ne 0 ] || fail "gpureset says that BACO worked without an SMU"
truth vega10 wedged=0
truth vega10 dirty=1
g 0 $card
truth vega10 clean=1

used 1
n=$(count vega10 baco)
g 0 $card --method 'sequence baco'
same "BACO resets" "$(count vega10 baco)" $((n + 1))
truth vega10 clean=1
truth vega10 why=-
is_there $card.0 $card.1
