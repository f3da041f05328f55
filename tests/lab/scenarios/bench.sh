# SPDX-License-Identifier: GPL-2.0-or-later
# Not a test: medians of five, in ms, of wall time, side by side.
. /lab/scenarios/tool.sh
sys=/sys/bus/pci/devices/0000:

# median COMMAND...: of five runs
median() {
	for i in 1 2 3 4 5; do
		t=$(ms)
		"$@" >/dev/null 2>&1 || return 1
		echo $(($(ms) - t))
	done | sort -n | sed -n 3p
}

row() { # NAME OURS KERNEL RECIPE
	tell "$(printf '%-22s %10s %10s %10s' "$@")"
	tell "{\"bench\":\"$1\",\"gpureset_ms\":\"$2\",\"kernel_ms\":\"$3\",\"recipe_ms\":\"$4\"}"
}

kernel_flr() {
	for f in 0 1; do
		echo flr >${sys}01:00.$f/reset_method
		echo 1 >${sys}01:00.$f/reset || return 1
	done
}
kernel_sub() { echo 1 >${sys}05:00.0/reset_subordinate; }

# what is passed around on forums: remove, setpci pulse, sleep, rescan
recipe_bus() {
	for f in 0 1 2 3; do echo 1 >${sys}06:00.$f/remove; done
	c=$(setpci -s 05:00.0 BRIDGE_CONTROL)
	setpci -s 05:00.0 BRIDGE_CONTROL="$(printf %04x $((0x$c | 0x40)))"
	sleep 0.5
	setpci -s 05:00.0 BRIDGE_CONTROL="$c"
	sleep 0.5
	echo 1 >/sys/bus/pci/rescan
}

row "wall ms (medians of 5)" gpureset kernel recipe
row flr "$(median gpureset 01:00)" "$(median kernel_flr)" -
row subordinate "$(median gpureset 06:00 --method subordinate --at 05:00.0)" "$(median kernel_sub)" -
row bus "$(median gpureset 06:00 --method bus --at 05:00.0)" - "$(median recipe_bus)"
row "list" "$(median gpureset list)" - "$(median lspci -nnk)"
row "1 card (slow)" "$(median gpureset 02:00)" - -
row "3 cards at once" "$(median gpureset 01:00 02:00 06:00)" - -
