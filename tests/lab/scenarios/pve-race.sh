# SPDX-License-Identifier: GPL-2.0-or-later
# Who is first: late stops, owners that appear, records that are no longer true, a start
# that is stopped by one of two cards.
. /lab/scenarios/pve-lib.sh
q ok create 101 --hostpci0 $fury --hookscript $hook
q ok create 102 --hostpci0 $fury --hookscript $hook
q ok create 103 --hostpci0 $fury --hookscript $hook
pre() { $snippets/gpureset $1 pre-start > /run/out 2>&1; }
post() { $snippets/gpureset $1 post-stop > /run/out 2>&1; }
# not power/control of function 1: a driver may set it by itself, some time after its probe
held() { cat $sysfs/0000:0b:00.0/power/control $sysfs/0000:0b:00.?/d3cold_allowed | tr '\n' ' '; }
# a QEMU as far as PVE is concerned
kvm() { # VMID: $KVM, and the card reserved for it
	sh -c 'sleep 100; :' kvm -pidfile /var/run/qemu-server/$1.pid &
	KVM=$!
	echo $KVM > $vmrun/$1.pid
	printf '0000:0b:00.0 %s pid:%s\n' $1 $KVM > $vmrun/pci-id-reservations
}
no_kvm() { kill $KVM; rm -f $vmrun/*.pid $vmrun/pci-id-reservations; }
g 0 -q $fury

# --- 101 stops late: 102's start has made the card ready already -------------------------
up 101
cp /run/gpureset/vm-101 /run/vm-101
spoilt 101
pre 102 || fail "102's pre-start: $(cat /run/out)"
held > /run/held
cp /run/vm-101 /run/gpureset/vm-101
post 101 || fail "101's late post-stop: exit $?"
same "a late stop says nothing" "$(cat /run/out)" ""
same "what is held for 102" "$(held)" "$(cat /run/held)"
[ -s /run/gpureset/held-0000:0b:00 ] || fail "what is held for 102 is forgotten"

# --- a VM that runs owns its card, as PVE writes its command line -----------------------
up 101
spoilt 101
kvm 110
resets=$(count fury baco)
pre 102 || fail "owned: exit $?: $(cat /run/out)"
says '^gpureset: 0000:0b:00 .*left alone, it belongs to VM 110$'
same "resets of a card that is 110's" "$(count fury baco)" "$resets"
no_kvm
truth fury dirty=1

# --- the owner appears while the lock is waited for -------------------------------------
flock -x /run/gpureset/0000:0b:00.lock sleep 3 &
usleep 500000
pre 101 &
waiting=$!
sleep 1
echo "0000:0b:00.0 110 time:$(($(date +%s) + 100))" > $vmrun/pci-id-reservations
wait $waiting || fail "owner appears: exit $?: $(cat /run/out)"
says 'left alone, it belongs to VM 110$'
same "resets of a card that is 110's by now" "$(count fury baco)" "$resets"
rm $vmrun/pci-id-reservations

# --- 101's start is under way: PVE has its lock, and has reserved nothing yet ------------
up 101
spoilt 101
rm -f /run/go
lock=/var/lock/qemu-server/lock-101.conf
flock -x $lock sh -c 'i=0; until [ -e /run/go ] || [ $i -ge 600 ]; do usleep 100000; i=$((i + 1)); done' &
usleep 500000
pre 101 || fail "101's pre-start: $(cat /run/out)"
ctl "state fury" > /run/before
pre 102 || fail "102 beside 101's start: exit $?: $(cat /run/out)"
says '^gpureset: 0000:0b:00 .*left alone, the start of VM 101 is about to use it$'
ctl "state fury" > /run/after
cmp -s /run/before /run/after || fail "touched under 101's start: $(diff /run/before /run/after)"
: > /run/go
wait
# 101's start is over, and nothing came of it
pre 102 || fail "102 after it: $(cat /run/out)"
same "what 102 is told then" "$(cat /run/out)" ""
waiters() { sed -n 's/^vm "\([^"]*\)".*/\1/p' /run/gpureset/held-0000:0b:00 | tr '\n' ' '; }
same "for whom it is held" "$(waiters)" "102 "

# --- two that are called by hand: no lock of PVE's tells whether 102 goes on ---------------
pre 103 || fail "103 beside 102: exit $?: $(cat /run/out)"
says '^gpureset: 0000:0b:00 .*left alone, it was made ready for the start of VM 102 [0-9]* s ago$'
same "for whom it is held" "$(waiters)" "102 103 "
held > /run/held
post 102 || fail "102's post-stop: exit $?"
same "for whom it is held when 102 is out" "$(waiters)" "103 "
same "what is held for 103 still" "$(held)" "$(cat /run/held)"
post 103 || fail "103's post-stop: exit $?"
[ ! -e /run/gpureset/held-0000:0b:00 ] || fail "held for nobody: $(cat /run/gpureset/held-0000:0b:00)"

# --- a line that an earlier QEMU left is not what the VM got ----------------------------
printf '0000:0b:00.0 103 pid:99999\n' > $vmrun/pci-id-reservations
$snippets/gpureset 103 post-start || fail "post-start: exit $?"
[ ! -e /run/gpureset/vm-103 ] || fail "a stale line was believed: $(cat /run/gpureset/vm-103)"
rm $vmrun/pci-id-reservations

# --- half a card ------------------------------------------------------------------------
echo 1 > $sysfs/0000:0b:00.0/remove
up 101
grep -q '^gpureset: 0000:0b:00.*was not on the bus; a rescan found it' $tasks/101-qmstart || fail "nothing said of it"
down 101

# --- a stop does not fail, whatever is wrong ---------------------------------------------
up 101
mkdir -p /etc/gpureset
echo 'hok = skip' > /etc/gpureset/gpureset.conf
down 101
grep -q 'hookscript error' $tasks/101-qmstop && fail "a broken configuration fails the stop"
cat > /etc/pve/qemu-server/107.conf <<'END'
hostpci0: 08:02
END
pre 107 || fail "a VM without a GPU and a broken configuration: exit $?"
same "what it is told" "$(cat /run/out)" ""
rm /etc/gpureset/gpureset.conf
up 101
down 101

# --- a card whose closing takes the kernel a while ----------------------------------------
q ok create 105 --hostpci0 02:00 --hookscript $hook
q ok start 105
kill -9 "$(vm_pid 105)"
# while the kernel still resets it
pre 105 || fail "slow to let go: $(cat /run/out)"
cat /run/out
says '^gpureset: 0000:02:00 .*reset by'
ended
q ok start 105
down 105

# --- a start that fails in PVE after the hook: held until somebody says that nobody starts ---
held > /run/held
q ok create 108 --hostpci0 $fury --hostpci1 1f:00 --hookscript $hook
q bad start 108
grep -q "^TASK ERROR: no PCI device found for '0000:1f:00" $tasks/108-qmstart || fail "$(cat $tasks/108-qmstart)"
gpureset hook status > /run/out
says '^0000:0b:00: held for VM 108, which does not start; .*: gpureset hook release 0000:0b:00$'
g 0 hook release -n 108
says "^  would be put back: 0000:0b:00"
[ -s /run/gpureset/held-0000:0b:00 ] || fail "hook release -n has released it"
flock -x /var/lock/qemu-server/lock-108.conf sleep 3 &
usleep 500000
g 5 hook release $fury
says 'the start or stop of VM 108 is under way'
wait
kvm 108
g 5 hook release 108
says '^gpureset: 0000:0b:00 belongs to VM 108'
no_kvm
g 0 hook release 108
says '^0000:0b:00: was held for VM 108; put back$'
same "what is held after it" "$(held)" "$(cat /run/held)"
rm /etc/pve/qemu-server/108.conf

# --- one of two cards is lost: the other was made ready in vain ----------------------------
printf 'after-stop = host-driver\n' > /etc/gpureset/gpureset.conf
unbind 0b:00.1
modprobe pci-stub
bind pci-stub 0b:00.1
echo > $sysfs/0000:0b:00.1/driver_override
held > /run/held
q ok create 106 --hostpci0 $fury --hostpci1 03:00 --hookscript $hook
ctl "kill dead" > /dev/null
q bad start 106
grep -qE "^TASK ERROR: hookscript error for 106 on pre-start: .*exit code 3" $tasks/106-qmstart ||
	fail "not stopped: $(cat $tasks/106-qmstart)"
same "driver of 0b:00.1 after a start that was stopped" "$(driver 0b:00.1)" pci-stub
same "what is held after it" "$(held)" "$(cat /run/held)"
[ ! -e /run/gpureset/held-0000:0b:00 ] || fail "held for nobody: $(cat /run/gpureset/held-0000:0b:00)"
rm /etc/gpureset/gpureset.conf
power_cycle dead 03:00 || fail "the dead card stays dead"
nothing_left
