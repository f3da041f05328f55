# SPDX-License-Identifier: GPL-2.0-or-later
# An RX 480: used by one virtual machine, of no use to the next whatever the kernel does;
# BACO brings it back, or on a board without the power switch the config reset.
. /lab/scenarios/tool.sh
card=01:00
bind_vfio $card
check "the first virtual machine has a working card" vm_start one $card
vm_stop
truth polaris dirty=1
echo 1 >"$sysfs/0000:00:01.0/reset_subordinate" || fail "the kernel's bus reset fails"
truth polaris dirty=1
refuses "the kernel's bus reset does not help" vm_start two $card
vm_stop

n=$(count polaris baco)
g 0 $card
says 'reset by sequence [a-z_]*baco[a-z_]* and healthy'
same "resets by BACO" "$(count polaris baco)" $((n + 1))
truth polaris clean=1
truth polaris why=-
is_there $card.0 $card.1
check "after it the card works" vm_start three $card
vm_stop

ctl "set polaris px_capable 0" >/dev/null
n=$(count polaris cfgreset)
g 0 $card
same "resets by the config write" "$(count polaris cfgreset)" $((n + 1))
truth polaris clean=1
ctl "set polaris px_capable 1" >/dev/null
