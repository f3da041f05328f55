# SPDX-License-Identifier: GPL-2.0-or-later
# Two VMs with the same card, one after the other, and one while the other runs.
. /lab/scenarios/pve-lib.sh
q ok create 101 --hostpci0 $fury
q ok create 102 --hostpci0 0000:0b:00.0 --hostpci1 0000:0b:00.1
g 0 -q $fury

up 101
down 101
q ok start 102
posts 102 && fail "without the hook the other VM's start works as well: this shows nothing"
down 102
q ok set 101 --hookscript $hook
q ok set 102 --hookscript $hook

works=0
while [ $works -lt 10 ]; do
	for vm in 101 102; do
		up $vm
		down $vm
		truth fury dirty=0
	done
done
echo "ok: $works of 10 alternations: the guest posts the card"

up 101
ctl "state fury" > /run/before
cat $sysfs/0000:0b:00.?/reset_method $sysfs/0000:0b:00.?/power/control >> /run/before 2>/dev/null
q bad start 102
hook_log 102 qmstart
ctl "state fury" > /run/after
cat $sysfs/0000:0b:00.?/reset_method $sysfs/0000:0b:00.?/power/control >> /run/after 2>/dev/null
cmp -s /run/before /run/after || fail "101 has the card, and it was touched: $(diff /run/before /run/after)"
grep -qE '^gpureset: .*0b:00.*\b101\b' $tasks/102-qmstart || fail "the hook does not say who has it: $(cat $tasks/102-qmstart)"
grep -q 'hookscript error' $tasks/102-qmstart && fail "the hook did not leave it to PVE to refuse"
grep -q "^TASK ERROR: PCI device '0000:0b:00.0' already in use by VMID '101'" $tasks/102-qmstart ||
	fail "PVE's own refusal is missing: $(cat $tasks/102-qmstart)"
# the guest that has it goes on
[ "$(qm status 101)" = "status: running" ] || fail "VM 101 is gone"
down 101
up 102
down 102
nothing_left
