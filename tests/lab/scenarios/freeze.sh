# SPDX-License-Identifier: GPL-2.0-or-later
# lab: disk
# The host goes down in the middle of a method that may hang it, and comes back: a real
# second boot, with what the first one had brought to the disk and nothing else. The
# method is off, another one is taken, and a person allows it again.
. /lab/scenarios/tool.sh

record=/var/lib/gpureset/risk-0000:02:00
entry=/lab/quirks/slow.quirk

# The disk, on both boots; unmounted it is never: the host goes as it stands.
state_disk() {
	local dev
	modprobe -a crc32c_generic ext4 || fail "no ext4"
	for dev in /sys/class/nvme/nvme*; do
		grep -q '^state' "$dev/serial" && break
	done
	mkdir -p /var/lib
	wait_until 5000 test -b "/dev/${dev##*/}n1" || fail "no disk: ${dev##*/}"
	mount -t ext4 "/dev/${dev##*/}n1" /var/lib || fail "the disk cannot be mounted"
	echo "boot $(cat /proc/sys/kernel/random/boot_id)"
}

there() {
	[ -e $sysfs/0000:02:00.0 ] && [ -e $sysfs/0000:02:00.1 ] && return
	echo 1 >/sys/bus/pci/rescan
	return 1
}

# The card is slow after a reset: for 3 s the kernel is at it, and it may not have been
# there when the second boot looked.
slow_entry() {
	wait_until 20000 there || fail "the card is not on the bus"
	local id
	id=$(lspci -n -s 02:00.0 | awk '{ print $3 }')
	mkdir -p "${entry%/*}"
	cat >"$entry" <<END
# SPDX-License-Identifier: MIT
format = 1

[device]
name     = the slow card of the lab
pci      = $id

[notes]
source   = tests/model/kinds.c
evidence = inference 2026-11-21 here it hangs because somebody presses the button
status   = untested

[reset]
method   = flr
method   = subordinate
method   = bus
risk     = flr host-may-hang "somebody presses the button"
END
	gpureset quirk check "$entry" || fail "the entry has errors"
}

recorded() { [ -e $record ]; }

first_boot() {
	g 0 -q --quirks /lab/quirks 02:00	# it is no trouble yet, and leaves nothing
	recorded && fail "a record stays after a reset that ended"
	sync; echo once >/var/lib/booted; sync
	gpureset --quirks /lab/quirks --method flr 02:00 >/run/out 2>&1 &
	wait_until 10000 recorded || fail "no record was written"
	usleep 1500000		# in the middle of the kernel's wait for the card
	kill -0 $! || fail "the reset is over already: $(cat /run/out)"
	tell "the host goes down in the middle of flr"
	echo b >/proc/sysrq-trigger
	sleep 60
	fail "the host did not go down"
}

second_boot() {
	echo twice >/var/lib/booted
	echo "--- the record"; cat $record || fail "no record outlived the host"
	grep -q "^boot $(cat /proc/sys/kernel/random/boot_id)" $record && fail "the same boot"
	g 0 plan --quirks /lab/quirks 02:00
	says "flr: denied: the host did not come back from 'flr' on .*unfreeze 0000:02:00"
	g 4 --quirks /lab/quirks --method flr 02:00	# not by asking for it either
	says 'did not come back'
	g 0 -v --quirks /lab/quirks 02:00
	says 'reset by [a-z_]+.* and healthy'
	grep -q 'reset by flr' /run/out && fail "flr was used"
	g 0 unfreeze
	says "0000:02:00: 'flr' is off"
	g 0 recover
	says "0000:02:00: 'flr' is off"
	g 0 unfreeze 02:00
	says 'allowed again'
	recorded && fail "the record stays"
	g 0 --quirks /lab/quirks --method flr 02:00
	says 'reset by flr and healthy'
	recorded && fail "a record stays after a reset that ended"
	is_there 02:00.0 02:00.1
	# a worker that is killed while the host lives is another matter
	gpureset --quirks /lab/quirks --method flr 02:00 >/run/out 2>&1 &
	wait_until 10000 recorded || fail "no record was written"
	kill -KILL $(pidof gpureset)
	wait_until 10000 free_again || fail "the card stays locked"
	recorded || fail "the record went, though the worker was killed"
	g 0 recover
	recorded && fail "recover leaves the record of a worker that was killed"
	g 0 --quirks /lab/quirks 02:00
	says 'reset by flr and healthy'
	echo "count: hosts gone in the middle of a method: 1"
	echo "count: methods off after it: 1"
}

free_again() { flock -n /run/gpureset/0000:02:00.lock true; }

state_disk
slow_entry
case $(cat /var/lib/booted 2>/dev/null) in
'') first_boot ;;
once) second_boot ;;
*) fail "booted a third time: the second boot crashed" ;;
esac
