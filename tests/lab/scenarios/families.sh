# SPDX-License-Identifier: GPL-2.0-or-later
# The machine of the families: every card at its bus number, as ../machine.families says.
while read -r bdf class id; do
	same "$bdf" "$(lspci -n -s "$bdf" | cut -d' ' -f1-3)" "$bdf $class: $id"
done <<END
01:00.0 0300 1002:67df
01:00.1 0403 1002:aaf0
02:00.0 0300 1002:67b0
02:00.1 0403 1002:aac8
03:00.0 0604 104c:8232
04:00.0 0604 104c:8233
05:00.0 0300 1002:687f
05:00.1 0403 1002:aaf8
06:00.0 0604 104c:8232
07:00.0 0604 104c:8233
08:00.0 0300 1002:731f
08:00.1 0403 1002:ab38
08:00.2 0c03 1002:7314
08:00.3 0c80 1002:7316
09:00.0 0604 104c:8232
0a:00.0 0604 104c:8233
0b:00.0 0300 1002:7550
0b:00.1 0403 1002:ab40
0c:00.0 0300 10de:2b85
0c:00.1 0403 10de:22e8
END
same "functions on the buses 01-0c" "$(lspci -n | grep -cE '^0[1-9abc]:')" 20

group() { basename "$(readlink "$sysfs/0000:$1/iommu_group")"; }
for slot in 01:00 02:00 05:00 08:00 0b:00 0c:00; do
	same "$slot in one IOMMU group" "$(group $slot.0)" "$(group $slot.1)"
done
for card in polaris hawaii vega10 navi10 navi48 rtx5090; do
	case $(ctl state $card) in
	*" clean=1 "*) echo "ok: $card is clean" ;;
	*) fail "$card is not clean: $(ctl state $card)" ;;
	esac
done
