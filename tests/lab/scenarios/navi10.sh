# SPDX-License-Identifier: GPL-2.0-or-later
# An RX 5700 XT behind its switch: the firmware of the last guest survives a bus reset;
# mode1 ends it, and the card is ready only seconds later.
. /lab/scenarios/tool.sh
card=08:00
fns="$card.0 $card.1 $card.2 $card.3"
bind_vfio $card
check "the first virtual machine has a working card" vm_start one $card
vm_stop
truth navi10 dirty=1
for port in 07:00.0 00:04.0; do
	echo 1 >"$sysfs/0000:$port/reset_subordinate" || fail "$port: bus reset fails"
	truth navi10 dirty=1
done
refuses "the kernel's bus resets do not help" vm_start two $card
vm_stop

bars() { for f in $fns; do setpci -s $f BASE_ADDRESS_0; done; }
before=$(bars)
n=$(count navi10 mode1)
g 0 $card
says 'reset by sequence [a-z_]*mode1[a-z_]* and healthy'
same "mode1 resets" "$(count navi10 mode1)" $((n + 1))
truth navi10 bootloader=1
truth navi10 clean=1
is_there $fns
same "the addresses of all functions" "$(bars)" "$before"
check "after it the card works" vm_start three $card
vm_stop
# a guest that halted the SMU: the PSP does without
ctl "set navi10 dirty 2" >/dev/null
g 0 $card
truth navi10 clean=1
