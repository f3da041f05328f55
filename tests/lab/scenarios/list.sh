# SPDX-License-Identifier: GPL-2.0-or-later
# gpureset list: each state, the VM that has a card, and that looking changes nothing.
. /lab/scenarios/tool.sh
# state BDF WANTED: its column STATE
state() {
	gpureset list --raw -o bdf,state,why >/run/list 2>/run/list.err || fail "list: $(cat /run/list.err)"
	line=$(sed -n "s/^0000:$1 //p" /run/list)
	[ "${line%% *}" = "$(echo "$2" | sed 's/ /\\x20/g')" ] || fail "$1: wanted '$2': $line"
	echo "ok: $1 $line"
}
trace() { for c in vega10 navi10 navi48; do ctl "state $c"; done; }

# as the host booted: nobody has used them, and their entries can tell without a write
state 05:00 pristine
state 08:00 pristine
state 0b:00 pristine
# Polaris' SMC is behind an index register
state 01:00 ok
echo "$line" | grep -q 'cannot.x20be.x20read.x20without' || fail "$line"
# no entry tells
state 0c:00 ok

# Proxmox keeps a card for a VM that is about to start
mkdir -p /run/qemu-server
echo '0000:0c:00.1 104 time:9999999999' >/run/qemu-server/pci-id-reservations
gpureset list --raw -o bdf,reserved >/run/out
says '^0000:0c:00 VM.x20104$'
says '^0000:0b:00 -$'
gpureset list --json >/run/out
says '"reserved_for_vm":104'
rm /run/qemu-server/pci-id-reservations

# all functions, as they are before and after
all=$(for f in $sysfs/*; do echo "${f##*/}"; done)
fingerprint $all >/run/was
trace >/run/model-was
gpureset list --all >/run/out 2>&1 || fail "list --all: $(head -n 1 /run/out)"
gpureset list --json >/run/out 2>&1 || fail "list --json: $(head -n 1 /run/out)"
fingerprint $all >/run/is
trace >/run/model-is
cmp -s /run/was /run/is || fail "list changes the host: $(diff /run/was /run/is | head -n 3)"
cmp -s /run/model-was /run/model-is || fail "list changes a card: $(diff /run/model-was /run/model-is | head -n 3)"

# a VM of Proxmox': its QEMU is in a scope of its own
mkdir -p /sys/fs/cgroup
mount -t cgroup2 cgroup /sys/fs/cgroup || fail "no cgroup2"
mkdir -p /sys/fs/cgroup/qemu.slice/101.scope
vm_start one 08:00 || fail "the VM does not start"
echo "$VM_PID" >/sys/fs/cgroup/qemu.slice/101.scope/cgroup.procs || fail "no scope"
state 08:00 "in use by VM 101 ($VM_PID)"
gpureset list --json >/run/out
says "\"word\":\"in use\",[^}]*\"vm\":\"101\",\"pid\":$VM_PID"
# of no manager's
echo "$VM_PID" >/sys/fs/cgroup/cgroup.procs
state 08:00 "in use by $(cat /proc/$VM_PID/comm) ($VM_PID)"
vm_stop

# an idle card of vfio-pci's sleeps, and goes on to
asleep() { [ "$(cat $sysfs/0000:08:00.0/power_state)" = D3hot ]; }
wait_until 5000 asleep || fail "the card does not go to sleep"
state 08:00 D3hot
asleep || fail "list woke it"
# awake it can be seen to be used
echo on >$sysfs/0000:08:00.0/power/control
truth navi10 dirty=1
state 08:00 dirty
echo "$line" | grep -q PSP_SOL || fail "$line"
echo auto >$sysfs/0000:08:00.0/power/control
g 0 -q 08:00

# not root: what the kernel tells everybody, and no error
chmod 755 /
/lab/setpriv --reuid 65534 --regid 65534 --clear-groups gpureset list --raw -o bdf,driver,group,state,method,quirk \
	>/run/out 2>&1 || fail "not root: $(cat /run/out)"
cat /run/out
says '^0000:08:00 vfio-pci [0-9]+.x20clean (unknown|D3hot) - amd-navi1x'
says '^0000:0c:00 - [0-9]+.x20clean unknown - nvidia-'

# dead
ctl "kill navi48" >/dev/null
state 0b:00 dead
power_cycle navi48 0b:00 || fail "the card does not come back"
# found again without a driver it does not decode memory, and list does not change that
state 0b:00 ok
