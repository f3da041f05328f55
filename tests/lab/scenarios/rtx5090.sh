# SPDX-License-Identifier: GPL-2.0-or-later
# An RTX 5090 after long use: the FLR everybody would do is its last one, and the kernel
# waits a minute for it. The reset of the whole card brings it back.
. /lab/scenarios/tool.sh
card=0c:00
d=$sysfs/0000:$card.0
bind_vfio $card
used() { ctl "set rtx5090 dirty 1" >/dev/null; ctl "set rtx5090 hang 1" >/dev/null; }
hung() { [ "$(count rtx5090 hung)" = 1 ]; }

used
echo flr >$d/reset_method
sh -c "echo 1 >$d/reset" 2>/dev/null &
kernel=$!
check "the kernel's FLR hangs the card" wait_until 5000 hung
sleep 3
check "the kernel waits for it" kill -0 $kernel
# end its wait, it would be a minute; then once more as the kernel likes it
ctl "power rtx5090" >/dev/null
wait $kernel
check "power off and on" power_cycle rtx5090 $card
bind_vfio $card

used
n=$(count rtx5090 flr_hangs)
g 0 $card
# opening the card through VFIO would be an FLR as well: the plan switches that off
same "FLRs that hung" "$(count rtx5090 flr_hangs)" "$n"
says 'reset by hot_reset'
truth rtx5090 clean=1
truth rtx5090 firewall=0
is_there $card.0 $card.1

# hung already, by somebody else's FLR: all ones, and still not lost
used
setpci -s $card.0 CAP_EXP+8.w=8000:8000
truth rtx5090 hung=1
same "its vendor id" "$(cfg $card.0 VENDOR_ID)" ffff
g 0 $card
truth rtx5090 clean=1
is_there $card.0 $card.1
