# SPDX-License-Identifier: GPL-2.0-or-later
# 4 KiB of configuration space and 64-bit BARs, and the kernel's resets of such a card.
. /lab/scenarios/modern-tool.sh

while read -r bdf class id; do
	same "$bdf" "$(lspci -n -s "$bdf" | cut -d' ' -f1-3)" "$bdf $class: $id"
done <<END
01:00.0 0300 1002:ffe0
01:00.1 0403 1002:ffe1
02:00.0 0300 10de:ffe0
02:00.1 0403 10de:ffe1
END

# bar BDF N -> its address, by the kernel
bar() { sed -n "$(($2 + 1))s/ .*//p" "$sysfs/0000:$1/resource"; }
for b in "01:00.0 0" "01:00.0 2" "02:00.0 1" "02:00.0 3"; do
	at=$(bar "${b% *}" "${b#* }")
	check "BAR of $b above 4 GiB ($at)" [ $((at >> 32)) -gt 0 ]
done
truth gpu "bar=$(printf '%#x' "$(bar 01:00.0 0)")"
truth black "bar=$(printf '%#x' "$(bar 02:00.0 1)")"
for cap in AER LTR ACS REBAR DSN VNDR DVSEC; do
	check "01:00.0 has $cap" setpci -s 01:00.0 ECAP_$cap.l
done
same "reset_method of 02:00.1" "$(cat $sysfs/0000:02:00.1/reset_method)" flr

# each function is alone in its group, as ACS of the card allows
group() { basename "$(readlink "$sysfs/0000:$1/iommu_group")"; }
check "two IOMMU groups" [ "$(group 01:00.0)" != "$(group 01:00.1)" ]

quirk modern 1002:ffe0 <<END
[reset]
method = hot_reset
method = subordinate
method = bus
END

awake 01:00
dress 01:00
dump 01:00 before
for m in subordinate hot_reset; do
	n=$(count gpu bus_resets)
	g 0 01:00 --method $m
	says "reset by $m.* and healthy"
	check "the model saw a reset" [ "$(count gpu bus_resets)" -gt "$n" ]
	as_before 01:00
	truth gpu changed=-
	truth gpu rebar=256
done

# A card that the kernel forgot and found again is a new one: addresses are right, all
# else is as the kernel sets up a stranger, and nobody resizes its BAR.
g 0 01:00 --method bus
says 'reset by bus.* and healthy'
is_there 01:00.0 01:00.1
at=$(bar 01:00.0 0)
check "BAR 0 above 4 GiB again ($at)" [ $((at >> 32)) -gt 0 ]
truth gpu "bar=$(printf '%#x' "$at")"
truth gpu rebar=64
same "LTR of 01:00.0" "$(setpci -s 01:00.0 ECAP_LTR+4.l)" 00000000
# for the scenarios after this one: as the firmware had it
setpci -s 01:00.0 COMMAND=0:7 || fail "cannot switch decoding off"
truth gpu races=0
g 0 01:00 --method subordinate
truth gpu rebar=256
