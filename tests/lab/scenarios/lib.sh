# SPDX-License-Identifier: GPL-2.0-or-later
#
# lib.sh - what every scenario can use. Sourced by the lab's init, in the shell
# that then runs the scenario; busybox's sh.
#
# A scenario passes when it runs to its end. The first thing that is wrong
# ends it: fail, or a check that does not hold.

sysfs=/sys/bus/pci/devices

# A verdict is one line; the runner prints it.
fail() { echo "FAIL: $*"; echo "fail $*" > /run/verdict; vm_stop; exit 1; }
skip() { echo "SKIP: $*"; echo "skip $*" > /run/verdict; vm_stop; exit 0; }
pass() { echo ok > /run/verdict; vm_stop; }

# check TEXT COMMAND...: TEXT states what must hold
check() {
	local text="$1"
	shift
	if "$@"; then echo "ok: $text"; else fail "$text"; fi
}

# refuses TEXT COMMAND...: the command must fail
refuses() {
	local text="$1"
	shift
	if "$@"; then fail "$text"; else echo "ok: $text"; fi
}

# same TEXT GOT WANTED
same() {
	if [ "$2" = "$3" ]; then echo "ok: $1"; else fail "$1: got '$2', not '$3'"; fi
}

# tell TEXT: a line for the person who watches (run --story, make demo)
tell() { echo "@@tell $*"; }

# now: milliseconds since boot, in $NOW. The kernel's file has steps of 10 ms;
# reading it needs no process, where starting one takes longer than that here.
now() {
	local up rest
	read -r up rest < /proc/uptime
	# 7.08 -> 7080, and 08 must not become an octal number
	NOW="${up%.*}${up#*.}0"
}

# timed COMMAND...: run it; its time in ms is in $MS, its status is returned
timed() {
	local start rc
	now; start=$NOW
	"$@"; rc=$?
	now; MS=$((NOW - start))
	return $rc
}

# wait_until MS COMMAND...: try again until it succeeds or the time is over
wait_until() {
	local end
	now; end=$((NOW + $1))
	shift
	until "$@"; do
		now; [ "$NOW" -lt "$end" ] || return 1
		usleep 50000
	done
}

# ctl LINE: one line to the model server, its answer on stdout
ctl() {
	local answer
	echo "$*" >&8
	read -r -t 10 answer <&8 || { echo "no answer from the model server"; return 1; }
	echo "$answer"
	case $answer in error*) return 1 ;; esac
}
# opened once: what arrives between two opens would be lost. NO_CTL: not by this script
[ -n "${NO_CTL:-}" ] || [ ! -c /dev/ttyS1 ] || exec 8<>/dev/ttyS1

# full BDF -> with domain
full() { case $1 in ????:*) echo "$1" ;; *) echo "0000:$1" ;; esac; }

# functions SLOT|BDF -> every function of the slot, or the one named
functions() {
	local f
	f=$(full "$1")
	case $f in
	*.?) echo "$f" ;;
	*) for f in "$sysfs/$f".?; do [ ! -e "$f" ] || echo "${f##*/}"; done ;;
	esac
}

# driver BDF -> name, or "none"
driver() {
	local l
	l=$(readlink "$sysfs/$(full "$1")/driver") && echo "${l##*/}" || echo none
}

# bind DRIVER BDF...: a BDF without function means the whole slot
bind() {
	local want=$1 slot f
	shift
	for slot; do
		for f in $(functions "$slot"); do
			[ "$(driver "$f")" != "$want" ] || continue
			[ ! -e $sysfs/$f/driver ] || echo $f > $sysfs/$f/driver/unbind
			echo "$want" > $sysfs/$f/driver_override
			echo $f > /sys/bus/pci/drivers_probe
			[ "$(driver "$f")" = "$want" ] || { echo "$f: driver $(driver "$f")"; return 1; }
		done
	done
}
bind_vfio() { bind vfio-pci "$@"; }

# unbind BDF...: no driver, and no wish for one left behind
unbind() {
	local slot f
	for slot; do
		for f in $(functions "$slot"); do
			[ ! -e $sysfs/$f/driver ] || echo $f > $sysfs/$f/driver/unbind
			echo > $sysfs/$f/driver_override
		done
	done
}

# power_cycle NAME SLOT: what switching the host off and on does to a card. The
# kernel must not be using it meanwhile (even an idle one on vfio-pci is being
# put to sleep after its last close), so it is taken out first; SLOT is found
# again afterwards, with no driver.
power_cycle() {
	local f
	for f in $(functions "$2"); do echo 1 > $sysfs/$f/remove; done
	ctl power "$1" || return 1
	echo 1 > /sys/bus/pci/rescan
	[ -e "$sysfs/$(full "$2").0" ]
}

# cfg BDF REGISTER [-> value], by setpci's names
cfg() { setpci -s "$1" "$2"; }

# fingerprint BDF...: all of the host's state of these functions that a reset changes for
# a while, a line each: what the kernel was told, and configuration space. Status bits
# come and go by themselves.
fingerprint() {
	local f a text files= links=
	for f; do
		f=$sysfs/$(full "$f")
		[ -e $f ] || { echo "$f is gone"; continue; }
		for a in driver_override reset_method power/control d3cold_allowed; do
			text=
			[ ! -e $f/$a ] || read -r text < $f/$a
			echo "$f $a $text"
		done
		files="$files $f/config" links="$links $f/driver"
	done
	ls -l $links 2>/dev/null | sed 's|.* /|/|'
	head -q -c 256 $files | hexdump -v -e '16/1 "%02x" "\n"' | awk '
		NR % 16 == 1 { bridge = substr($1, 30, 1) == "1"; $1 = substr($1, 1, 12) "...." substr($1, 17) }
		NR % 16 == 2 && bridge { $1 = substr($1, 1, 28) "...." }
		{ printf "config %d.%x0 %s\n", NR / 16, NR % 16 - 1, $1 }'
}

# --- a virtual machine with the card passed through ------------------------------

# vm_devices BDF...: QEMU's arguments for the cards and for the guest that goes with the
# first, in $VM_QEMU. Functions of a slot become the functions of one slot of the guest.
# The ROM comes from a file, as the emulated card has none of its own.
# VM_DEVICE: the device id that the guest is to see instead of the card's; it chooses the
# ROM as well.
vm_devices() {
	local slot f n=4 opt id
	id=$(cat "$sysfs/$(full "${1%%.*}").0/device")
	id=${VM_DEVICE:-${id#0x}}
	# no guest knows the card: any will do, and it says that it found none of its own
	[ -e "/lab/guest/$id.img" ] || id=7300
	VM_QEMU="-machine pc,accel=tcg -m 64 -nodefaults -display none
		-drive file=/lab/guest/$id.img,format=raw,if=ide,file.locking=off"
	for slot; do
		for f in $(functions "$slot"); do
			opt=
			case $(cat $sysfs/$f/class) in
			0x0300*) opt=,romfile=/lab/guest/$id.rom
				[ -z "${VM_DEVICE:-}" ] || opt=$opt,x-pci-device-id=0x$VM_DEVICE ;;
			*) opt=,rombar=0 ;;
			esac
			[ "${f##*.}" != 0 ] || opt=$opt,multifunction=on
			VM_QEMU="$VM_QEMU -device vfio-pci,host=$f,addr=$n.${f##*.}$opt"
		done
		n=$((n + 1))
	done
}

# vm_launch NAME BDF...: start it, do not wait. VM_ARGS: more arguments for QEMU.
vm_launch() {
	local name=$1
	shift
	vm_stop
	bind_vfio "$@" || return 1
	vm_devices "$@"
	VM_LOG=/run/vm-$name.serial
	: > $VM_LOG
	LD_PRELOAD=/lab/subpage.so qemu-system-x86_64 -name "$name" $VM_QEMU \
		-serial file:$VM_LOG ${VM_ARGS:-} > /run/vm-$name.log 2>&1 &
	VM_PID=$!
}

vm_said() { grep -q "$1" "$VM_LOG"; }
vm_runs() { kill -0 "$VM_PID" 2>/dev/null; }
vm_decided() { vm_said '^guest: card' || ! vm_runs; }

# ms for a guest to say what it finds: 4 s on an idle host, 37 s measured on an eighth of a
# processor. Only what fails waits so long.
guest_time=120000

# vm_start NAME BDF...: 0 only if the guest says that the card works. Its time
# is in $MS, what it said in $VM_SAID.
vm_start() {
	local start
	now; start=$NOW
	vm_launch "$@" || return 1
	wait_until $guest_time vm_decided
	now; MS=$((NOW - start))
	VM_SAID=$(tr -d '\r' < "$VM_LOG" | tr '\n' ';')
	echo "vm $1: ${VM_SAID:-nothing said} ($MS ms)"
	vm_said '^guest: card works' && return 0
	head -n 5 "/run/vm-$1.log"
	return 1
}

# vm_stop: the power goes, as in `qm stop`; the guest cleans up nothing. When
# this returns the kernel has taken the card back.
vm_stop() {
	[ -n "${VM_PID:-}" ] || return 0
	kill -TERM "$VM_PID" 2>/dev/null
	# a VM that does not listen must not hang the whole group
	wait_until 15000 vm_gone || kill -KILL "$VM_PID" 2>/dev/null
	wait "$VM_PID" 2>/dev/null
	VM_PID=
}
vm_gone() { ! vm_runs; }
