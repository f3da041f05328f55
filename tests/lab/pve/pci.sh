# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=dash disable=SC2086,SC2154,SC2034,SC1007
#
# pci.sh - what PVE does to a VM's PCI devices: reserve them, bind them, reset them. Read
# by `qm`. What goes wrong is in $PCI_WHY.

resv=$run/pci-id-reservations
start_timeout=120	# 30 s, times 4 with hostpci

# pci_choose: the functions of all hostpciN that exist now, into $PCI_FUNCTIONS; those
# of one N, as given, into $PCI_SLOTS. What is chosen of a mapping is reserved at once.
pci_choose() {
	local n value
	PCI_FUNCTIONS= PCI_SLOTS=
	for n in 0 1 2 3; do
		conf_get hostpci$n
		value=${VALUE%%,*}
		case $value in
		'') ;;
		mapping=*) pci_mapped hostpci$n "${value#mapping=}" || return 1 ;;
		*) pci_add "${value#host=}" || return 1 ;;
		esac
	done
}

# pci_find ID[;ID]...: the functions that exist now, into $PCI_FOUND
pci_find() {
	local id found
	PCI_FOUND=
	for id in $(echo "$1" | tr ';' ' '); do
		found=$(functions "$id")
		case $id in *.?) [ -e "$sysfs/$found" ] || found= ;; esac
		[ -n "$found" ] || { PCI_WHY="no PCI device found for '$(full "$id")'"; return 1; }
		PCI_FOUND="$PCI_FOUND $found"
	done
}

pci_add() {
	pci_find "$1" || return 1
	PCI_FUNCTIONS="$PCI_FUNCTIONS $PCI_FOUND"
	PCI_SLOTS="$PCI_SLOTS $(echo "$1" | tr ';' ' ')"
}

# map_paths NAME: of this node's alternatives; keys of a map line come in any order
map_paths() {
	sed -n "/^$1\$/,/^\$/s/^[[:blank:]]*map //p" /etc/pve/mapping/pci.cfg | sed 's/^/,/; s/$/,/' |
		grep -F ",node=$(hostname)," | sed -n 's/.*,path=\([^,]*\),.*/\1/p'
}

# pci_mapped KEY NAME: the first alternative that this VM does not have already and that
# can be reserved. All of them must exist, whichever is chosen.
pci_mapped() {
	local path paths found
	paths=$(map_paths "$2")
	[ -n "$paths" ] || { PCI_WHY="PCI device mapping not found for '$2'"; return 1; }
	for path in $paths; do pci_find "$path" || return 1; done
	for path in $paths; do
		pci_find "$path"
		found=${PCI_FOUND# }
		case " $PCI_FUNCTIONS " in *" ${found%% *} "*) continue ;; esac
		resv_take 10 $found || continue
		pci_add "$path"
		return
	done
	PCI_WHY="could not find a free device for '$1'"
	return 1
}

# --- reservations ----------------------------------------------------------------------

# resv_lock SECONDS: descriptor 6
resv_lock() {
	exec 6>> $resv.lock
	flock -w "$1" 6
}
resv_unlock() { exec 6>&-; }

resv_lines() { cat $resv 2>/dev/null || :; }

# resv_write: the whole file, from standard input
resv_write() { cat > $resv.tmp; mv $resv.tmp $resv; }

# resv_holds VMID KIND NUMBER: a time to come, or the pid of that VM as it runs
resv_holds() {
	case $2 in
	time) [ "$3" -gt "$(date +%s)" ] ;;
	pid) vm_running "$1" && [ "$VM_PID" = "$3" ] ;;
	*) false ;;
	esac
}

# resv_take SECONDS BDF...: for so long, and 5 more; $reserved tells that there is
# something to give back
resv_take() {
	local bdf owner what until=$(($(date +%s) + $1 + 5))
	shift
	resv_lock 5 || { PCI_WHY="can't lock file '$resv.lock' - got timeout"; return 1; }
	for bdf; do
		while read -r _ owner what; do
			[ "$owner" != "$vmid" ] || continue
			resv_holds "$owner" "${what%%:*}" "${what#*:}" || continue
			PCI_WHY="PCI device '$bdf' already in use by VMID '$owner'"
			resv_unlock
			return 1
		done <<-END
			$(resv_lines | grep "^$bdf ")
		END
	done
	resv_replace "time:$until" "$@"
	reserved=1
	resv_unlock
}

# resv_replace WORD BDF...: their lines, whoever they were of
resv_replace() {
	local word=$1 bdf keep
	shift
	keep=$(resv_lines)
	for bdf; do
		keep=$(printf '%s\n' "$keep" | sed "/^$bdf /d")
	done
	{
		[ -z "$keep" ] || printf '%s\n' "$keep"
		for bdf; do echo "$bdf $vmid $word"; done
	} | resv_write
}

resv_started() {
	vm_running
	resv_lock 5
	resv_replace "pid:$VM_PID" $PCI_FUNCTIONS
	resv_unlock
}

resv_drop() {
	resv_lock 2
	resv_lines | sed "/^[^ ]* $vmid /d" | resv_write
	resv_unlock
}

# --- devices ---------------------------------------------------------------------------

# put VALUE FILE: errno's text is in $PCI_ERRNO
put() {
	PCI_ERRNO=$({ echo "$1" > "$2"; } 2>&1) && return 0
	PCI_ERRNO=${PCI_ERRNO##*: }
	return 1
}

vfio=/sys/bus/pci/drivers/vfio-pci

# pci_bind BDF: its whole IOMMU group but for bridges; never by driver_override
pci_bind() {
	local d
	[ -d $vfio ] || modprobe vfio-pci
	for d in "$sysfs/$1"/iommu_group/devices/*; do
		[ ! -d "$d/pci_bus" ] || continue
		d=${d##*/}
		[ ! -e $vfio/$d ] || continue
		put "$(cat $sysfs/$d/vendor) $(cat $sysfs/$d/device)" $vfio/new_id ||
			[ "$PCI_ERRNO" = "File exists" ] ||
			{ PCI_WHY="cannot write new_id of $d: $PCI_ERRNO"; return 1; }
		# an unbound device was taken by that already
		[ -e $vfio/$d ] || [ ! -e $sysfs/$d/driver ] || put "$d" $sysfs/$d/driver/unbind
		[ -e $vfio/$d ] || put "$d" $vfio/bind
		[ -e $vfio/$d ] || { PCI_WHY="Cannot bind $d to vfio"; return 1; }
	done
}

# pci_prepare BDF: bind, then reset this one function by whatever the kernel has
pci_prepare() {
	PCI_WHY="can't get PCI info for device '$1'"
	[ -n "$(ls /sys/class/iommu)" ] && [ -e "$sysfs/$1/vendor" ] || return 1
	pci_bind "$1" || return 1
	[ -e "$sysfs/$1/reset" ] || return 0
	put 1 "$sysfs/$1/reset" && return 0
	echo "error writing '1' to '$sysfs/$1/reset': $PCI_ERRNO"
	echo "failed to reset PCI device '$1', but trying to continue as not all devices need a reset"
}
