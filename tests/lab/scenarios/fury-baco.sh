# SPDX-License-Identifier: GPL-2.0-or-later
# The main job: a used Fury X is brought back by its BACO sequence.
. /lab/scenarios/tool.sh
bind_vfio 0b:00
dirty
resets=$(count fury baco)
g 0 0b:00
says 'reset by sequence baco and healthy'
says 'evidence: 2 functions answer .* CONFIG_MEMSIZE reads 0x1000'
says 'nobody has reported a run of it on a real card'
truth fury dirty=0
truth fury wedged=0
[ "$(count fury baco)" -eq $((resets + 1)) ] || fail "the model saw no BACO"
# what was changed is as before
for f in 0 1; do
	d=/sys/bus/pci/devices/0000:0b:00.$f
	[ "$(basename "$(readlink $d/driver)")" = vfio-pci ] || fail "0b:00.$f lost its driver"
	[ "$(cat $d/power/control)" = auto ] || fail "0b:00.$f: power/control $(cat $d/power/control)"
	[ "$(cat $d/driver_override)" = vfio-pci ] || fail "0b:00.$f: driver_override $(cat $d/driver_override)"
done
# a second call finds it pristine and resets nothing
g 0 0b:00
says 'pristine, nothing to do'
[ "$(count fury baco)" -eq $((resets + 1)) ] || fail "a pristine card was reset"
vm_start again 0b:00 || fail "the VM does not work after the reset"
vm_stop
