# SPDX-License-Identifier: GPL-2.0-or-later
# The lab is the machine all other scenarios expect: every card at its bus
# number, the kernel's view of their resets, IOMMU groups, links, times.

uname -r
lspci -nn

# the contract: cards of ../machine at these addresses
while read -r bdf class id; do
	same "$bdf" "$(lspci -n -s "$bdf" | cut -d' ' -f1-3)" "$bdf $class: $id"
done <<END
01:00.0 0300 10de:fff0
01:00.1 0403 10de:fff1
02:00.0 0300 8086:fff0
02:00.1 0403 8086:fff1
03:00.0 0300 1002:fff0
03:00.1 0403 1002:fff1
04:00.0 0604 104c:8232
05:00.0 0604 104c:8233
06:00.0 0300 1002:fff4
06:00.1 0403 1002:fff5
06:00.2 0c03 1002:fff6
06:00.3 0c80 1002:fff7
07:00.0 0604 1b36:000e
08:01.0 0300 1002:fff8
08:02.0 0200 8086:100e
09:00.0 0300 1002:fff2
09:00.1 0403 1002:fff3
0a:00.0 0108 1b36:0010
0b:00.0 0300 1002:7300
0b:00.1 0403 1002:aae8
END
same "functions on the buses 01-0b" "$(lspci -n | grep -c '^0[1-9ab]:')" 20

port_of() { basename "$(dirname "$(readlink -f "$sysfs/0000:$1")")"; }
same "the port of 0b:00" "$(port_of 0b:00.0)" 0000:00:08.0
same "the port of 06:00" "$(port_of 06:00.0)" 0000:05:00.0

for port in 01 02 03 08; do
	lnksta=0x$(cfg 00:$port.0 CAP_EXP+12.w)
	check "link of port 00:$port up ($lnksta)" [ $((lnksta & 0x2000)) -ne 0 ]
done

group() { basename "$(readlink "$sysfs/0000:$1/iommu_group")"; }
for slot in 01:00 02:00 03:00 06:00 09:00 0b:00; do
	same "$slot in one IOMMU group" "$(group $slot.0)" "$(group $slot.1)"
	# apart from the functions of the slot, and bridges, nobody is in it
	others=$(ls "$sysfs/0000:$slot.0/iommu_group/devices" | grep -v "$slot" | while read -r d; do
		case $(cat $sysfs/$d/class) in 0x0604*) ;; *) echo "$d" ;; esac
	done)
	same "$slot: strangers in its group" "$others" ""
done
same "08:01 shares its group with the neighbour" "$(group 08:01.0)" "$(group 08:02.0)"

# the host uses the neighbours
same "driver of 08:02.0" "$(driver 08:02.0)" e1000
same "driver of 0a:00.0" "$(driver 0a:00.0)" nvme

# What the kernel offers. `bus` of a function 0 is left over from the moment it
# was alone on its bus: using it fails, and writing `default` removes it.
methods() { cat "$sysfs/0000:$1/reset_method" 2>/dev/null; }	# no file: none
reset() { echo 1 > "$sysfs/0000:$1/reset"; }
while read -r bdf wanted; do
	same "reset_method of $bdf" "$(methods $bdf)" "$wanted"
done <<END
01:00.0 flr bus
01:00.1 flr
03:00.0 bus
03:00.1 pm
06:00.0 bus
06:00.1
08:01.0 bus
08:02.0
0b:00.0 bus
0b:00.1 pm
END
refuses "the kernel cannot reset 0b:00.0 itself" reset 0b:00.0
echo default > $sysfs/0000:0b:00.0/reset_method
same "reset_method of 0b:00.0 when asked again" "$(methods 0b:00.0)" ""

# Times, as later scenarios measure against them. The upper limits are for a
# busy machine; alone it is 110-160 ms.
check "FLR of 01:00.0" timed reset 01:00.0
check "takes its 100 ms ($MS ms)" [ $MS -ge 90 -a $MS -le 1500 ]
subordinate() { echo 1 > "$sysfs/0000:$1/reset_subordinate"; }
check "bus reset below 00:08.0" timed subordinate 00:08.0
check "takes its 100 ms ($MS ms)" [ $MS -ge 90 -a $MS -le 1500 ]
same "0b:00.0 is back" "$(cfg 0b:00.0 VENDOR_ID)" 1002

# gpureset tree: what a reset at a bridge hits is what sysfs has below it
. /lab/scenarios/tool.sh
g 0 tree
says '^A> .*00:01\.0 root port, bus 01:'
g 0 tree --all --json
points=0
for point in $(grep -o '"at":"[^"]*","methods":[^]]*],"hits":[^]]*' /run/out | tr -d ' '); do
	at=$(echo "$point" | cut -d'"' -f4)
	hits=$(echo "${point##*\"hits\":}" | tr -d '["' | tr ',' '\n' | sort)
	below=$(find $sysfs/$at/ -mindepth 1 -type d -name '[0-9a-f]*:??:??.?' | sed 's|.*/||' | sort)
	same "a reset at $at hits what is below it" "$hits" "$below"
	points=$((points + 1))
done
check "bridges at which resets of the seven cards act ($points)" [ "$points" -ge 7 ]
for bdf in $(ls $sysfs); do
	grep -q "\"bdf\":\"$bdf\"" /run/out || fail "$bdf is not in the tree"
done

# the model server answers
check "control line" ctl state fury
refuses "control line: unknown card" ctl state nobody
