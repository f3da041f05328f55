# SPDX-License-Identifier: GPL-2.0-or-later
# A card that a running VM has: refused, with the VM's pid and command.
. /lab/scenarios/tool.sh
bind_vfio 0b:00
g 0 0b:00
vm_start holder 0b:00 || fail "the VM does not start"
pid=$VM_PID
comm=$(cat "/proc/$pid/comm")
ctl "state fury" >/run/before
for args in "0b:00" "0b:00.1" "0b:00 --method bus" "0b:00 --method subordinate"; do
	g 5 $args
	says "in use: process $pid .$comm. has /dev/vfio/[0-9]+ open"
	says 'force-in-use'
done
g 5 --json 0b:00
says '"refusal_name":"in-use"'
ctl "state fury" >/run/after
cmp -s /run/before /run/after || fail "the card was touched: $(cat /run/after)"
kill -0 "$pid" || fail "the VM is gone"
vm_stop
g 0 0b:00
says 'reset by sequence baco'
