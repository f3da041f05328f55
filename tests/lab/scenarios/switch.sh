# SPDX-License-Identifier: GPL-2.0-or-later
# A card behind its own switch: the GPU's port first, then the port above the switch.
. /lab/scenarios/tool.sh
fns="06:00.0 06:00.1 06:00.2 06:00.3"
g 0 plan 06:00
says 'below 0000:05:00.0 .only this card'
says 'below 0000:00:04.0 .only this card'
grep -oE '^  [0-9]+\. (hot_reset|(subordinate|bus) at [^ :]*:[^ :]*:[0-9a-f.]*)' /run/out |
	sed 's/^ *[0-9]*\. //' >/run/ladder
printf '%s\n' hot_reset 'subordinate at 0000:05:00.0' 'subordinate at 0000:00:04.0' \
	'bus at 0000:05:00.0' 'bus at 0000:00:04.0' | cmp - /run/ladder ||
	fail "the ladder is: $(tr '\n' ',' </run/ladder)"
n=$(count navi bus_resets)
for m in subordinate bus; do
	for at in 05:00.0 00:04.0; do
		g 0 06:00 --method $m --at $at
		says "reset by $m at 0000:$at and healthy"
		says 'evidence: 4 functions answer'
		now=$(count navi bus_resets)
		[ "$now" -gt "$n" ] || fail "$m at $at: the model saw no reset"
		n=$now
		is_there $fns
	done
done
g 0 06:00
says 'reset by (hot_reset|subordinate at 0000:05:00.0) and healthy'
g 1 06:00 --at 00:01.0
says 'not a bridge above'
