# SPDX-License-Identifier: GPL-2.0-or-later
# gpureset doctor on a running kernel: what is made wrong on purpose is found, with who
# and where it is; on the host that is ready, and while its VM runs, nothing is.
. /lab/scenarios/pve-lib.sh
found=0

# look STATUS ARGS...: as tool.sh's g, but what it says is long for the serial line
look() {
	local want=$1 got
	shift
	echo "\$ gpureset doctor --json $*"
	gpureset doctor --json "$@" >/run/out 2>&1
	got=$?
	[ $got -eq "$want" ] || fail "doctor $*: exit $got, wanted $want: $(cut -c1-400 /run/out)"
}

# finding CHECK: as JSON, of the last look
finding() { grep -o "{\"check\":\"$1\"[^}]*}" /run/out; }

# finds CHECK SEVERITY PATTERN
finds() {
	finding "$1" | grep "\"severity\":\"$2\"" | grep -qE -- "$3" ||
		fail "no $2 $1 with /$3/: $(finding "$1")"
	found=$((found + 1))
}

# sound: no check of this scenario's has anything to say
sound() {
	look 0 0b:00
	for c in sibling-driver use-held use-leftover use-open vm-hook-broken vm-hook-missing \
		vm-card-missing vm-needs-q35 vm-line-dropped; do
		[ -z "$(finding $c)" ] || fail "$c is found: $(finding $c)"
	done
}
sick() { look 2 "$@"; }

group() { basename "$(readlink $sysfs/0000:$1/iommu_group)"; }

q ok create 101 --hostpci0 $fury --hookscript $hook --bios ovmf --machine q35 --cpu host --vga none
bind_vfio $fury || fail "no vfio-pci"
sound

# --- its own VM has it open, as it should be ------------------------------------------------
up 101
sound
down 101

# --- somebody else has it -------------------------------------------------------------------
bind_vfio $fury
sleep 1000 9<>/dev/vfio/"$(group 0b:00.0)" &
holder=$!
usleep 200000
sick 0b:00
finds use-leftover problem "process $holder .sleep. has /dev/vfio/[0-9]+ open, and is no VM of this node"
# a pidfile of a VM that is not this process' does not make it one
echo 1 >$vmrun/101.pid
sick 0b:00
finds use-leftover problem "process $holder"
rm $vmrun/101.pid
kill $holder
wait $holder 2>/dev/null
sound
sleep 1000 9<>$sysfs/0000:0b:00.0/resource0 &
holder=$!
usleep 200000
sick 101
finds use-held problem "process $holder .sleep. has 0000:0b:00.0/resource0 open"
kill $holder
wait $holder 2>/dev/null

# --- the sound function on a driver of the host's ---------------------------------------------
modprobe snd-hda-intel || fail "no snd-hda-intel"
if bind snd_hda_intel 0b:00.1; then
	look 0 0b:00
	finds sibling-driver warning 'drivers of the host have 0000:0b:00.1 .snd_hda_intel'
else
	fail "snd_hda_intel does not take 0b:00.1"
fi
bind_vfio $fury
# or it would take every sound function that a rescan finds
rmmod snd_hda_intel || fail "snd_hda_intel stays"
sound

# --- the VM's settings ------------------------------------------------------------------------
mv $snippets/gpureset $snippets/away
ln -s /nowhere/pve-hook $snippets/gpureset
sick 101
finds vm-hook-broken problem "does not exist"
rm $snippets/gpureset
mv $snippets/away $snippets/gpureset
q ok set 101 --delete hookscript
look 0 101
finds vm-hook-missing warning "101.conf has no 'hookscript:'"
q ok set 101 --hookscript $hook
sed -i 's/^hostpci0:.*/hostpci0: 0b:00,pcie=1/; s/^machine:.*/machine: pc/' /etc/pve/qemu-server/101.conf
sick
finds vm-needs-q35 problem "'hostpci0: 0b:00,pcie=1' and machine: pc"
sed -i 's/^hostpci0:.*/hostpci0: 0b:00,hidden=1/' /etc/pve/qemu-server/101.conf
sick
finds vm-line-dropped problem "'hidden' is no option"
sed -i 's/^hostpci0:.*/hostpci0: 0b:00/; s/^machine:.*/machine: q35/' /etc/pve/qemu-server/101.conf
sound

# --- the card has left the bus ------------------------------------------------------------------
for f in $(functions $fury); do echo 1 >$sysfs/$f/remove; done
sick
finds vm-card-missing problem '101.conf passes 0000:0b:00 through'
sick 101
finds vm-card-missing problem '101.conf passes 0000:0b:00 through'
echo "rescan"
echo 1 >/sys/bus/pci/rescan
is_there 0b:00.0 0b:00.1
bind_vfio $fury
sound
nothing_read=$(count fury bus_resets)
sound
same "resets by looking" "$(count fury bus_resets)" "$nothing_read"
echo "count: settings made wrong on purpose, and named by doctor: $found"
