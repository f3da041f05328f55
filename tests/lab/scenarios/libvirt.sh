# SPDX-License-Identifier: GPL-2.0-or-later
# lab: libvirt
# The Fury X below Debian's own libvirt, with and without hooks/libvirt. A guest has the
# card with managed='yes', so libvirt takes it from its host driver and gives it back;
# pci-stub plays that driver.
. /lab/scenarios/tool.sh
fury=0b:00

# --- libvirt -----------------------------------------------------------------------

# There is no PAM, polkit, cgroup, AppArmor or KVM here.
daemon_config() {
	cat >/etc/libvirt/qemu.conf <<-END
		security_driver = "none"
		user = "root"
		group = "root"
		cgroup_controllers = [ ]
		namespaces = [ ]
		stdio_handler = "file"
		seccomp_sandbox = 0
	END
	for d in libvirtd virtqemud; do
		printf '%s\n' 'auth_unix_ro = "none"' 'auth_unix_rw = "none"' \
			'log_outputs = "3:file:/run/libvirt.log"' >/etc/libvirt/$d.conf
	done
}

daemon_socket() { [ -S /run/libvirt/libvirt-sock ] || [ -S /run/libvirt/virtqemud-sock ]; }

daemon_start() {
	local program=libvirtd
	command -v $program >/dev/null || program=virtqemud
	rm -f /run/libvirt/*-sock
	$program >/run/libvirtd.out 2>&1 &
	DAEMON=$!
	wait_until 20000 daemon_socket || fail "libvirt does not start: $(tail -n 1 /run/libvirt.log)"
}

daemon_restart() {
	kill "$DAEMON"
	wait "$DAEMON" 2>/dev/null
	daemon_start
}

v() { virsh -q -c qemu:///system "$@" >/run/out 2>&1; }

# define NAME [HOSTDEV...]: a guest with these functions of the Fury X. Without the one
# capability libvirt asks QEMU two questions about its processor at each start, not 400
# (2 s here).
define() {
	local name=$1 f
	shift
	cp /lab/guest/7300.img "/run/$name.img"
	{
		cat <<-END
			<domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
			<name>$name</name>
			<memory unit='MiB'>64</memory>
			<os><type arch='x86_64' machine='pc'>hvm</type></os>
			<features><acpi/></features>
			<devices>
			<emulator>/run/qemu</emulator>
			<controller type='usb' model='none'/>
			<disk type='file' device='disk'><driver name='qemu' type='raw'/>
				<source file='/run/$name.img'/><target dev='hda' bus='ide'/></disk>
			<serial type='file'><source path='/run/vm-$name.serial'/></serial>
			<memballoon model='none'/>
		END
		for f; do
			cat <<-END
				<hostdev mode='subsystem' type='pci' managed='yes'>
				<source><address domain='0' bus='0x0b' slot='0' function='$f'/></source>
				$([ "$f" = 0 ] && echo "<rom file='/lab/guest/7300.rom'/>" || echo "<rom bar='off'/>")
				<address type='pci' bus='0' slot='4' function='$f' multifunction='on'/>
				</hostdev>
			END
		done
		cat <<-END
			</devices>
			<qemu:capabilities><qemu:del capability='cpu-unavailable-features'/></qemu:capabilities>
			</domain>
		END
	} >"/run/$name.xml"
	v define "/run/$name.xml" || fail "virsh define $name: $(cat /run/out)"
}

# start NAME: and wait for what the guest says of its card; in $SAID
start() {
	SAID=
	rm -f "/run/vm-$1.serial"
	VM_LOG=/run/vm-$1.serial
	if ! v start "$1"; then
		SAID=$(grep . /run/out)
		return 1
	fi
	wait_until 20000 vm_said '^guest: card'
	SAID=$(tr -d '\r' <"$VM_LOG" | tr '\n' ';')
	echo "guest $1: $SAID"
	vm_said '^guest: card works'
}

is_off() { v domstate "$1" && grep -q 'shut off' /run/out; }
stop() { v destroy "$1" || fail "virsh destroy $1: $(cat /run/out)"; }
# said PATTERN: gpureset has logged it
said() { grep -q "gpureset.*$1" /run/messages || fail "not logged: $1"; }
# found: what is to be put back
found() {
	for f in $sysfs/0000:$fury.?; do
		for a in driver_override power/control d3cold_allowed reset_method; do
			echo "${f##*.} $a $(cat $f/$a 2>/dev/null)"
		done
		echo "${f##*.} driver $(driver ${f##*/})"
	done
}

syslogd -O /run/messages
daemon_config
# libvirt gives its programs an environment of its own
printf '%s\n' '#!/bin/sh' 'LD_PRELOAD=/lab/subpage.so exec qemu-system-x86_64 "$@"' >/run/qemu
chmod 755 /run/qemu
daemon_start
modprobe pci-stub
for id in 7300 aae8; do echo "1002 $id" >/sys/bus/pci/drivers/pci-stub/new_id; done
same "the host's driver has the card" "$(driver $fury.0) $(driver $fury.1)" "pci-stub pci-stub"
define one 0 1
define two 0 1
define "plain guest"

# --- without the hook --------------------------------------------------------------

check "the first start has a working card" start one
stop one
refuses "the second one does not" start one
same "its ROM says so" "${SAID%%;*}" "gpu: post FAILED"

# --- with it -----------------------------------------------------------------------

# It comes while a guest runs: the daemon's restart calls it with "reconnect", where a
# failure would kill the guest. The other script is a witness of the calls.
mkdir -p /etc/libvirt/hooks/qemu.d
ln -s /usr/libexec/gpureset/libvirt-hook /etc/libvirt/hooks/qemu.d/gpureset
printf '%s\n' '#!/bin/sh' 'echo "$*" >>/run/calls' >/etc/libvirt/hooks/qemu.d/a-witness
chmod 755 /etc/libvirt/hooks/qemu.d/a-witness
: >/run/calls
daemon_restart
check "the daemon has found it" wait_until 10000 grep -q '^one reconnect begin' /run/calls
v domstate one
check "the guest lives on" grep -q running /run/out
truth fury dirty=1
stop one
said 'reset by sequence baco'
truth fury dirty=0
resets=$(count fury baco)
# vfio-pci has left its mark on power/control, before our time
found >/run/found

second_guest() {
	ctl "state fury" >/run/before
	refuses "a second guest does not get the card" start two
	same "by libvirt" "$(echo "$SAID" | grep -c 'in use by driver QEMU, domain one')" 1
	same "whose release is called all the same" "$(grep -c '^two release end' /run/calls)" 1
	ctl "state fury" >/run/after
	same "and the card was not touched" "$(cat /run/after)" "$(cat /run/before)"
	v dumpxml one
	/usr/libexec/gpureset/libvirt-hook two release end - </run/out >/run/stdout 2>/run/stderr
	same "the hook about a card that is held for another guest" "$(cat /run/stderr)" ""
	check "but not on standard output" [ ! -s /run/stdout ]
	v domstate one
	check "the first guest lives on" grep -q running /run/out
}

for n in 1 2 3 4 5; do
	check "start $n with the hook: a working card" start one
	truth fury dirty=1
	case $n in
	1) second_guest; stop one ;;
	2)
		v shutdown one
		check "the guest switches itself off" wait_until 15000 is_off one ;;
	3)
		kill -9 "$(cat /run/libvirt/qemu/one.pid)"
		check "QEMU is killed" wait_until 15000 is_off one ;;
	*) stop one ;;
	esac
	truth fury dirty=0
	found >/run/now
	check "drivers and power are as libvirt found them" diff /run/found /run/now
done
same "one reset a stop" "$(count fury baco)" $((resets + 5))
said 'VM one, post-stop, 0000:0b:00'

# --- what it must not do -----------------------------------------------------------

mkdir -p /etc/gpureset
echo nonsense >/etc/gpureset/gpureset.conf
check "a guest without a card does not even read the configuration" v start "plain guest"
stop "plain guest"
refuses "one with a card is not started" start one
same "and virsh says why" "$(echo "$SAID" | grep -c 'gpureset.conf:1:')" 1
rm /etc/gpureset/gpureset.conf
same "the card was left alone" "$(count fury baco)" $((resets + 5))
found >/run/now
check "with its drivers" diff /run/found /run/now
kill "$DAEMON"
