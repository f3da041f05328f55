# SPDX-License-Identifier: GPL-2.0-or-later
# lab: append lockdown=integrity
# Secure Boot's lockdown: nothing writes configuration space or maps a BAR through sysfs.
# The Fury X is brought back through VFIO all the same, and what cannot work is refused
# when the plan is made.
. /lab/scenarios/tool.sh
fury=0b:00

check "the kernel is locked down" grep -q '\[integrity\]' /sys/kernel/security/lockdown
before=$(cfg $fury.0 COMMAND)
setpci -s $fury.0 COMMAND=0 2>&1 | grep -q 'not permitted' || fail "setpci could write"
same "COMMAND is as it was" "$(cfg $fury.0 COMMAND)" "$before"

# unchanged BDF...: as the VM left it
unchanged() {
	for f in 0 1; do
		d=$sysfs/0000:0b:00.$f
		same "0b:00.$f has its driver" "$(driver 0b:00.$f)" vfio-pci
		same "0b:00.$f may sleep" "$(cat $d/power/control)" auto
		same "0b:00.$f has its override" "$(cat $d/driver_override)" vfio-pci
		same "0b:00.$f is closed" "$(cat $d/enable)" 0
	done
}

bind_vfio $fury
g 0 $fury
says 'pristine, nothing to do'
unchanged
vm_start dirty $fury || fail "a VM could not use the card to begin with"
vm_stop
truth fury dirty=1

g 0 -n -v $fury
says 'open through VFIO'
says 'park: '
says 'sequence pciconfig: .*ASIC_RESET of .*vfio-pci does not pass'
says 'bus at 0000:00:08.0: .*kernel lockdown forbids'
g 4 $fury --method bus
says 'kernel lockdown forbids writing the bridge'
truth fury dirty=1

bacos=$(count fury baco) buses=$(count fury bus_resets)
g 0 -v $fury
says 'reset by sequence baco and healthy'
says 'evidence: 2 functions answer .* CONFIG_MEMSIZE reads 0x1000'
truth fury dirty=0
truth fury wedged=0
same "one BACO" "$(count fury baco)" $((bacos + 1))
same "and no reset of the kernel's" "$(count fury bus_resets)" "$buses"
unchanged
dmesg | grep -i 'lockdown: gpureset' && fail "the kernel had to forbid us something"
check "the next VM posts the card" vm_start again $fury
vm_stop
truth fury dirty=1

# one function bound to a host driver, the other to none
modprobe pci-stub || fail "no pci-stub"
unbind $fury.0
bind pci-stub $fury.1 || fail "pci-stub does not take it"
g 0 $fury
says 'reset by sequence baco and healthy'
same "the audio function has its driver" "$(driver 0b:00.1)" pci-stub
same "function 0 has none" "$(driver 0b:00.0)" none
check "and a VM posts it" vm_start third $fury
vm_stop

# none_left: kills what there is of gpureset (a worker is called "gpureset 0b:00"), once
# more if one has just been forked.
# Built-in commands alone, and no look at older processes: a run takes 0.15 s.
none_left() {
	local p name size any=1
	for p in /proc/[0-9]*; do
		[ "${p#/proc/}" -ge "$job" ] || continue
		read -r name < "$p/comm" || continue
		case $name in gpureset*) ;; *) continue ;; esac
		# what has ended stays until it is waited for, and has no memory left
		read -r size _ < "$p/statm" && [ "$size" != 0 ] || continue
		kill -KILL "${p#/proc/}"
		any=
	done 2>/dev/null
	[ -n "$any" ]
}

# when CONDITION...: as soon as it holds; no process per look, a step takes less than that
when() {
	local end
	now; end=$((NOW + 20000))
	until "$@"; do
		now; [ "$NOW" -lt "$end" ] || return 1
	done
}
reads() { local text; read -r text < "$1"; [ "$text" = "$2" ]; } 2>/dev/null
journal() { [ -s /run/gpureset/journal-0000:0b:00 ]; }
alone() { [ ! -e $sysfs/0000:0b:00.1/driver ]; }
opened() { reads $sysfs/0000:0b:00.0/enable 1; }
parked() { [ ! -e $sysfs/0000:0b:00.1/driver ] && reads $sysfs/0000:0b:00.1/power/runtime_status suspended; }
later() { opened && usleep 15000; }
latest() { opened && usleep 40000; }

# killed in the middle: as soon as something is written down, the audio function has no
# driver, function 0 is open, its sibling parked, and within the program
whole=0 left=0 kills=0
for moment in journal alone opened parked later latest journal opened parked later; do
	buses=$(count fury bus_resets)
	gpureset $fury --method 'sequence baco' >/run/out 2>&1 &
	job=$!
	when "$moment" || fail "$moment never came: $(head -n 1 /run/out)"
	wait_until 20000 none_left || fail "a killed worker does not end"
	wait "$job"
	kills=$((kills + 1))
	same "killed at '$moment', no bus is reset" "$(count fury bus_resets)" "$buses"
	! journal || left=$((left + 1))
	g 0 recover
	[ ! -e /run/gpureset/journal-0000:0b:00 ] || fail "recover leaves its journal"
	unchanged
	is_there $fury.0 $fury.1
	g 0 -q $fury
	truth fury dirty=0
	truth fury wedged=0
	unchanged
	whole=$((whole + 1))
done
dmesg | grep -i 'lockdown: gpureset' && fail "recover needed a raw write"
check "most kills left something behind" [ $left -gt 4 ]
tell "count: kills under lockdown in the lab: $kills"
tell "count: kills under lockdown in the lab, recovered: $whole"

# the kernel's own ways work, and the card that has registers nobody knows is healthy
bind_vfio 01:00
for m in flr hot_reset; do
	g 0 01:00 --method $m
	says "reset by $m and healthy"
	check "its reset_method is back" grep -qw flr $sysfs/0000:01:00.0/reset_method
done
if [ -e $sysfs/0000:00:01.0/reset_subordinate ]; then
	g 0 01:00 --method subordinate
	says 'reset by subordinate'
fi
# a bus reset does not help the Fury; its registers say so, through VFIO
vm_start last $fury || fail "no VM could use the card"
vm_stop
g 2 $fury --method hot_reset
says 'SMC_PC_C'
unchanged
g 0 $fury
says 'reset by sequence baco and healthy'
