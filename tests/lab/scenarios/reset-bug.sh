# SPDX-License-Identifier: GPL-2.0-or-later
# The reset bug itself: the card works in one virtual machine and in no second
# one, whatever the kernel does; only the power switch helps.
fury=0b:00

check "the first virtual machine has a working card" vm_start one $fury
vm_stop
ctl state fury

refuses "the second one does not" vm_start two $fury
check "its ROM says so" vm_said 'post FAILED'
vm_stop

timed sh -c "echo 1 > $sysfs/0000:00:08.0/reset_subordinate"
echo "reset_subordinate of the port: status $?, $MS ms"
refuses "the kernel's bus reset does not help" vm_start three $fury
vm_stop

check "power off and on" power_cycle fury $fury
check "after that it works" vm_start four $fury
vm_stop
