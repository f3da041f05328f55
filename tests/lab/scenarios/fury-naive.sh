# SPDX-License-Identifier: GPL-2.0-or-later
# Bus resets do not clean a used Fury X, and gpureset does not claim that they do.
. /lab/scenarios/tool.sh
bind_vfio 0b:00
dirty
for m in hot_reset subordinate bus; do
	g 2 0b:00 --method $m
	says 'done, but the card is not healthy'
	says 'amd-fiji.quirk:[0-9]+'
	truth fury dirty=1
	is_there 0b:00.0 0b:00.1
done
# after remove and rescan the driver is bound again
[ "$(basename "$(readlink /sys/bus/pci/devices/0000:0b:00.0/driver)")" = vfio-pci ] ||
	fail "bus: the driver was not bound again"
[ "$(cat /sys/bus/pci/devices/0000:0b:00.0/driver_override)" = vfio-pci ] ||
	fail "bus: driver_override is $(cat /sys/bus/pci/devices/0000:0b:00.0/driver_override)"
g 4 0b:00 --method flr
says 'no FLR capability'
g 4 0b:00 --method pm
says 'pm: denied'
truth fury dirty=1
g 0 0b:00
truth fury dirty=0
