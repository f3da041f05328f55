# SPDX-License-Identifier: GPL-2.0-or-later
# An R9 290X, seen by the guest as something QEMU has no reset for: the second virtual
# machine has no working card, and gpureset brings it back.
. /lab/scenarios/tool.sh
card=02:00
bind_vfio $card
VM_DEVICE=7300
check "the first virtual machine has a working card" vm_start one $card
vm_stop
truth hawaii dirty=1
echo 1 >"$sysfs/0000:00:02.0/reset_subordinate" || fail "the kernel's bus reset fails"
refuses "the kernel's bus reset does not help" vm_start two $card
vm_stop
truth hawaii halts=0

n=$(count hawaii baco)
g 0 $card
says 'reset by sequence [a-z_]*baco[a-z_]* and healthy'
same "resets by BACO" "$(count hawaii baco)" $((n + 1))
truth hawaii clean=1
truth hawaii why=-
is_there $card.0 $card.1
# halting the SMC is part of what gpureset does to this chip, but not of the VM's start
n=$(count hawaii halts)
check "after it the card works" vm_start three $card
vm_stop
same "halts of the SMC by QEMU" "$(count hawaii halts)" "$n"

ctl "set hawaii px_capable 0" >/dev/null
n=$(count hawaii baco)
g 0 $card
same "resets by BACO without its switch" "$(count hawaii baco)" "$n"
truth hawaii dirty=0
is_there $card.0 $card.1
ctl "set hawaii px_capable 1" >/dev/null
