# SPDX-License-Identifier: GPL-2.0-or-later
# gpureset recover: what a killed run left is put back, nothing else; twice; looked at;
# beside a live worker; with the card in use; with a damaged journal; with a dead card.
. /lab/scenarios/kill-lib.sh
in_reset() { [ $((0x$(cfg "$1" BRIDGE_CONTROL) & 0x40)) -ne 0 ]; }
fns_of() { functions "$1" | wc -l; }

# left AT ARGS...: gpureset, killed there; what it has left is in /run/left
left() {
	local at=$1
	shift
	with_killat "$at" gpureset "$@" > /run/out 2>&1
	[ $? = $KILLED ] || fail "gpureset $*: not killed at $at: $(cat /run/out)"
	fingerprint $fns > /run/left
	! cmp -s /run/was /run/left || fail "gpureset $*, killed at $at: nothing is changed"
}
untouched() {
	fingerprint $fns > /run/is
	cmp -s /run/left /run/is || fail "$1: $(diff /run/left /run/is | grep '^[+]')"
	echo "ok: $1"
}
power() { grep . /sys/bus/pci/slots/*/power; }
found() { fingerprint $fns > /run/was; }

power > /run/power.was
# --- a raw reset: functions removed, the bridge in reset ------------------------------
fns="00:03.0 03:00.0 03:00.1"
bind pci-stub 03:00.0
echo auto > $sysfs/0000:00:03.0/power/control
g 0 -q 03:00 --method bus
found
left '+0x3e 0x42' 03:00 --method bus
in_reset 00:03.0 || fail "killed in the pulse, but the bridge is not in reset"
same "functions removed" "$(fns_of 03:00)" 0
g 0 recover -n
says 'a killed run left [0-9]+ things to be put back$'
says 'would be put back: .*BRIDGE_CONTROL.BUS_RESET'
g 0 recover -n --json 03:00
says '"dry_run":true'
says '"result":"would be put back"'
in_reset 00:03.0 || fail "a dry run took the bridge out of reset"
same "still removed" "$(fns_of 03:00)" 0
ctl 'state dead' > /run/before
g 0 recover
says 'a reset that was killed left [0-9]+ things behind; all put back'
says 'put back: 0000:03:00.0 .*pci-stub'
as_before "recover after bus"
! in_reset 00:03.0 || fail "the bridge is in reset"
ctl 'state dead' > /run/after
cmp -s /run/before /run/after || fail "recover has reset the card: $(cat /run/after)"
g 0 recover
says 'nothing to put back: no killed run left a journal'
g 0 recover 03:00.1
says '0000:03:00: nothing to put back'
echo on > $sysfs/0000:00:03.0/power/control
unbind 03:00.0

# --- hot reset: drivers changed, reset_method emptied ---------------------------------
fns="00:08.0 0b:00.0 0b:00.1"
bind pci-stub 0b:00.0
for f in 0b:00.0 0b:00.1; do
	echo auto > $sysfs/0000:$f/power/control
	echo pm > $sysfs/0000:$f/reset_method 2>/dev/null
done
g 0 -q 0b:00 --method hot_reset
found
left '@ioctl' 0b:00 --method hot_reset
same "its driver" "$(driver 0b:00.0)" vfio-pci
# somebody has the card: refused, with who
group=$(readlink $sysfs/0000:0b:00.0/iommu_group)
exec 7<>/dev/vfio/${group##*/}
fingerprint $fns > /run/left
g 5 recover 0b:00
says "in use: process $$ .*/dev/vfio/${group##*/}"
says 'a reset that was killed left things to be put back'
g 5 recover -n 0b:00
untouched "refused while somebody has the card, nothing is touched"
exec 7>&-
g 0 recover --json 0b:00
says '"result":"put back"'
as_before "recover after hot_reset"
g 0 recover 0b:00
says '0000:0b:00: nothing to put back'

# --- BACO: configuration, power/control, reset_method ----------------------------------
left W1 0b:00 --method 'sequence baco'
g 0 recover 0b:00
as_before "recover after BACO"
g 0 recover
says 'no killed run left a journal'
g 0 -q 0b:00
as_before "a reset after it"

# --- a damaged journal ------------------------------------------------------------------
left '@ioctl' 0b:00 --method hot_reset
echo 'undo 9.9 attr 0000:0b:00.0 phase=4 us=1 nam' >> /run/gpureset/journal-0000:0b:00
g 2 recover
says 'its journal was damaged, what else was in it is not known'
as_before "recover with a damaged line at its end"
g 0 recover
echo 'nonsense' > /run/gpureset/journal-0000:0b:00
g 2 recover
says 'a journal that cannot be read, so what it changed is not known'
as_before "recover with a journal of nonsense"
unbind 0b:00

# --- beside a live worker ---------------------------------------------------------------
gpureset 02:00 > /run/live 2>&1 &
live=$!
wait_until 5000 [ -s /run/gpureset/journal-0000:02:00 ] || fail "no journal while it works"
g 5 recover 02:00
says 'busy|locked'
g 5 recover
wait $live || fail "the live run: $(cat /run/live)"
grep -q 'reset by flr and healthy' /run/live || fail "the live run: $(cat /run/live)"
g 0 recover 02:00
says 'nothing to put back'

# --- a dead card, removed and not yet pulsed: no rescan finds it --------------------------
fns="00:06.0 09:00.0 09:00.1"
ctl "kill sleeper" > /dev/null
found
left '@0x3e 0x42' 09:00 --method bus
same "functions removed" "$(fns_of 09:00)" 0
g 0 recover
says 'all put back'
is_there 09:00.0 09:00.1
! in_reset 00:06.0 || fail "its bridge is in reset"
g 0 recover
g 0 09:00

# no plan switches a slot's power: there is nothing to put back of it
power > /run/power
cmp -s /run/power.was /run/power || fail "a slot's power: $(diff /run/power.was /run/power)"
