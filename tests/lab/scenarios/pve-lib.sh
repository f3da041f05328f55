# SPDX-License-Identifier: GPL-2.0-or-later
# Not a scenario: what those with a Proxmox share. The stand-in is ../pve; its `qm` is
# called as a person or the GUI calls it.
. /lab/scenarios/tool.sh

vmrun=/run/qemu-server
tasks=/var/log/pve/tasks
journal=/var/log/pve/qmeventd		# what `qm cleanup` says
snippets=/var/lib/vz/snippets
hook=local:snippets/gpureset
fury=0b:00

# What PVE's packages set up at boot, and the one link that a hookscript takes.
hostname -F /etc/hostname
mkdir -p $vmrun /run/lock/qemu-server
chmod 750 $vmrun
: > $journal
[ -e $snippets/gpureset ] || ln -s /usr/libexec/gpureset/pve-hook $snippets/gpureset
pidof syslogd > /dev/null || syslogd -O /var/log/syslog

# era legacy|new
era() { echo "$1" > /etc/pve-era; }
era new

pve_over() { ! pidof qmeventd qm qemu-system-x86_64 > /dev/null; }
quiet() { ! pidof qmeventd qm > /dev/null; }

# instead of lib.sh's: nothing of a scenario outlives it, however it ends
vm_stop() {
	local f pid
	for f in $vmrun/*.pid; do
		read -r pid 2>/dev/null < "$f" && kill -9 "$pid" 2>/dev/null
	done
	wait_until 15000 pve_over
	rm -f /etc/pve/qemu-server/*.conf
}

# q STATUS ARGS...: qm must end with 0 or not ("ok", "bad"); its output is in /run/out
q() {
	local want=$1 got=bad
	shift
	qm "$@" > /run/out 2>&1 && got=ok
	[ $got = "$want" ] || fail "qm $* was $got: $(tr '\n' ';' < /run/out)"
}

said() { grep -q "$2" $vmrun/$1.serial.out; }
# asked often, while the guest needs the processor: no process for it
decided() {
	local line pid
	while read -r line; do
		case $line in 'guest: card'*) return 0 ;; esac
	done < $vmrun/$1.serial.out
	read -r pid 2>/dev/null < $vmrun/$1.pid || return 0
	[ ! -d "/proc/$pid" ]
}
heard() { tr -s '\r\n' ';' < $vmrun/$1.serial.out; }

# posts VMID: 0 only if the guest says that its card works
posts() {
	wait_until $guest_time decided "$1"
	said "$1" '^guest: card works'
}

# up VMID: it starts, and its guest posts the card; counted
works=0
up() {
	q ok start "$1"
	posts "$1" || fail "after $works good ones, the guest of VM $1 says: $(heard $1)"
	works=$((works + 1))
}

# ended: what qmeventd does when a VM has ended is over as well
ended() { wait_until 70000 quiet || fail "this does not end: $(ps | grep '[q]m')"; }
down() { q ok stop "$1"; ended; }

# tell_guest VMID p|r: power off, reboot, from within
tell_guest() { echo "$2" 1<> $vmrun/$1.serial.in; }
vm_pid() { cat $vmrun/$1.pid; }

# spoilt VMID: its guest has used the card and is gone, and no hook ran after it
spoilt() {
	q ok set "$1" --delete hookscript
	down "$1"
	q ok set "$1" --hookscript $hook
	truth fury dirty=1
}

# hook_log VMID TASK: a task's log without PVE's own lines
hook_log() {
	grep -vE "^(TASK |error writing '1' to '|failed to reset PCI device ')" $tasks/$1-$2
}

hooks() { pidof gpureset > /dev/null; }
no_hooks() { ! hooks; }

# kill_hooks: all at once, and those that one of them was just starting
kill_hooks() {
	local p
	while p=$(pidof gpureset); do kill -9 $p 2>/dev/null; done
}

# after MS COMMAND...: wait for a hook's first process, so long, then the command
after() {
	local us=$(($1 * 1000))
	shift
	until hooks; do :; done
	[ $us = 0 ] || usleep $us
	"$@"
}

in_reset() { [ $((0x$(cfg "$1" BRIDGE_CONTROL) & 0x40)) -ne 0 ]; }

# nothing_left: of what a reset changes for a while
nothing_left() {
	local f o
	for f in "$sysfs"/*; do
		o=$(cat $f/driver_override 2>/dev/null)
		case $o in '' | '(null)') ;; *) fail "driver_override of ${f##*/} is $o" ;; esac
	done
	! in_reset 00:08.0 || fail "its bridge holds the card in reset"
	is_there 0b:00.0 0b:00.1
	[ ! -s /run/gpureset/journal-0000:0b:00 ] || fail "a journal is left: $(cat /run/gpureset/journal-*)"
}
