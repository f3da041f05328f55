# SPDX-License-Identifier: GPL-2.0-or-later
# VFIO hot reset: with the functions on vfio-pci, and with drivers to put back.
. /lab/scenarios/tool.sh
d=/sys/bus/pci/devices/0000:06:00
driver() { basename "$(readlink "$d.$1/driver" 2>/dev/null || echo /none)"; }
before="$(driver 0) $(driver 1) $(driver 2) $(driver 3)"
n=$(count navi bus_resets)
g 0 06:00 --method hot_reset
says 'reset by hot_reset and healthy'
[ "$(count navi bus_resets)" -gt "$n" ] || fail "the model saw no reset"
[ "$(driver 0) $(driver 1) $(driver 2) $(driver 3)" = "$before" ] ||
	fail "drivers were '$before', are '$(driver 0) $(driver 1) $(driver 2) $(driver 3)'"
for f in 0 1 2 3; do
	[ "$(cat $d.$f/driver_override)" = "(null)" ] || fail "a driver_override is left on function $f"
done
bind_vfio 01:00
g 0 01:00 --method hot_reset
says 'reset by hot_reset and healthy'
