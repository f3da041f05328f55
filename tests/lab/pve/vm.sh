# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=dash disable=SC2086,SC2154,SC2034,SC1007,SC2119,SC2120,SC2094
#
# vm.sh - the QEMU of a VM, and how PVE sees and tells it. Read by `qm`. In $run:
# VMID.pid, VMID.qmp.in and .out (its QMP, as two pipes), VMID.serial.out (what the guest
# said) and .in (what it is told).

# qemu-server says /var/run here and /run elsewhere
pidfiles=/var$run

# vm_running [VMID]: as PVE decides it: the pid of the pidfile, a command line that names
# this pidfile, and no zombie. $VM_PID.
vm_running() {
	local pidfile=$pidfiles/${1:-$vmid}.pid state
	VM_PID=
	read -r VM_PID 2>/dev/null < "$pidfile" || return 1
	tr '\0' ' ' 2>/dev/null < "/proc/$VM_PID/cmdline" | grep -qF -- "-pidfile $pidfile " || return 1
	read -r _ _ state _ 2>/dev/null < "/proc/$VM_PID/stat" && [ "$state" != Z ]
}
vm_not_running() { ! vm_running; }

# qmp COMMAND: the pipe is opened for both directions, or it would wait for a reader
qmp() { echo "{\"execute\":\"$1\"}" 1<> $run/$vmid.qmp.in; }

# qemu_start [-S]: returns when QEMU has opened all devices, or could not
qemu_start() {
	local rc
	vm_devices $PCI_SLOTS
	conf_get args
	rm -f $run/$vmid.qmp.* $run/$vmid.serial.*
	mkfifo $run/$vmid.qmp.in $run/$vmid.qmp.out $run/$vmid.serial.in
	: > $run/$vmid.serial.out

	# QEMU connects to qmeventd before it opens its devices, so somebody listens by
	# then. 4 is a writer that keeps the opening of 3 from waiting for one.
	exec 4<> $run/$vmid.qmp.out 3< $run/$vmid.qmp.out
	(cd / && exec setsid $here/qmeventd "$vmid") <&3 3<&- 4>&- 9>&- >> /var/log/pve/qmeventd 2>&1 &
	LD_PRELOAD=/lab/subpage.so qemu-system-x86_64 -name "vm$vmid" \
		-no-shutdown -daemonize -pidfile $pidfiles/$vmid.pid $VM_QEMU \
		-chardev pipe,id=qmp,path=$run/$vmid.qmp -mon chardev=qmp,mode=control \
		-chardev pipe,id=serial,path=$run/$vmid.serial -serial chardev:serial \
		$VALUE $1 < /dev/null 3<&- 4>&- 9>&-
	rc=$?
	exec 3<&- 4>&-
	return $rc
}
