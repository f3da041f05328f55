# SPDX-License-Identifier: GPL-2.0-or-later
# The story of `make demo`. Not a test of details; each line is something that
# was just seen, with its time.
fury=0b:00
lines=0

# line TEXT: with the time since boot
line() { now; tell "$(printf '%6d.%d s  %s' $((NOW / 1000)) $((NOW % 1000 / 100)) "$1")"; }
secs() { echo "$((MS / 1000)).$((MS % 1000 / 100)) s"; }

# the guest's own words, one below the other
quote() { tr -d '\r' < "$VM_LOG" | while read -r l; do tell "            | $l"; done; }

works() {
	vm_start "$1" $fury || { quote; fail "this did not happen: $2"; }
	line "$2 ($(secs))"
}

command -v gpureset >/dev/null || fail "there is no gpureset: make it first"

line "the host is up: Linux $(uname -r), $(lspci -s $fury.0 | sed 's/.*\[\(Radeon[^]]*\)\].*/\1/')"
bind_vfio $fury || fail "vfio-pci does not take the card"
answer=$(sh -c "echo 1 > $sysfs/0000:$fury.0/reset" 2>&1 | sed 's/.*: //')
line "the kernel's own reset of 0b:00.0: ${answer:-done}"

tell ""
tell "Without gpureset"
works first "VM 1 starts, its graphics card works"
quote
vm_stop
line "VM 1 is stopped, as by 'qm stop'"
if vm_start second $fury; then fail "VM 2 worked without a reset: this shows nothing"; fi
vm_said 'guest: up' || fail "VM 2 did not even start"
line "VM 2 starts, its graphics card does NOT work ($(secs))"
quote
vm_stop

tell ""
tell "With gpureset"
timed gpureset $fury > /run/gpureset.out 2>&1
rc=$?
cat /run/gpureset.out
line "gpureset $fury: exit $rc ($MS ms)"
while IFS= read -r l && [ $lines -lt 12 ]; do
	tell "            | $l"; lines=$((lines + 1))
done < /run/gpureset.out
[ $rc -eq 0 ] || fail "gpureset says the card is not healthy"
works third "VM 3 starts, its graphics card works"
quote
vm_stop

tell ""
tell "Five times in a row: gpureset, start, stop"
for i in 1 2 3 4 5; do
	timed gpureset $fury > /run/gpureset.out 2>&1 || {
		cat /run/gpureset.out; fail "round $i: gpureset exit $?"; }
	reset_ms=$MS
	works round$i "round $i: reset in $reset_ms ms, the VM's card works"
	vm_stop
done
