# SPDX-License-Identifier: GPL-2.0-or-later
# Killed anywhere in a register program of the Fury X, its chip off or without clocks.
. /lab/scenarios/kill-lib.sh
fns="00:08.0 0b:00.0 0b:00.1"

# The writes of the option ROM that start the SMC (tests/model/README.md): used by
# somebody, which is what the config reset asks for. In two seconds less than a VM does.
post() {
	local bar
	bar=$(sed -n 6p $sysfs/0000:0b:00.0/resource)
	bar=$((${bar%% *}))
	setpci -s 0b:00.0 COMMAND=0103
	for word in 200:80000000 204:1 200:80000004 204:0 200:80000000 204:0 1740:200; do
		busybox devmem $((bar + 0x${word%:*})) 32 0x${word#*:}
	done
}
# what a killed one left of the chip is for the whole ladder to mend, each time
again() {
	gpureset -q 0b:00 > /run/again 2>&1 || fail "no reset helps: $(cat /run/again)"
	truth fury dirty=0
	truth fury wedged=0
}
MOST=16 kills 0b:00 --method 'sequence baco'
again() {
	gpureset -q 0b:00 > /run/again 2>&1 || fail "no reset helps: $(cat /run/again)"
	post
	truth fury dirty=1
}
MOST=4 kills 0b:00 --method 'sequence pciconfig'
kills_done
