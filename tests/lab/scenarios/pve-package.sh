# SPDX-License-Identifier: GPL-2.0-or-later
# lab: package
# The new user's way with the Debian package: a host without gpureset, the package in,
# README's lines, a VM that starts, stops and starts again; then the package goes while
# VMs have its hook. No dpkg in here: its files and its own scripts, in dpkg's order.
. /lab/scenarios/pve-lib.sh
rm -rf $snippets/gpureset /usr/sbin/gpureset /usr/libexec/gpureset /usr/share/gpureset
pkg=/run/pkg
dpkg-deb -x /lab/gpureset.deb $pkg
dpkg-deb -e /lab/gpureset.deb $pkg/DEBIAN
script() { [ ! -e $pkg/DEBIAN/$1 ] || sh $pkg/DEBIAN/$1 "$2" > /run/out 2>&1 || fail "$1 $2: $(cat /run/out)"; }
put_in() { cp -a $pkg/etc $pkg/usr $pkg/var /; script postinst configure; }
take_out() {
	script prerm remove
	cp /run/out /run/told
	rm -r /usr/sbin/gpureset /usr/libexec/gpureset /usr/share/gpureset
	script postrm remove
}

q ok create 101 --hostpci0 $fury
put_in
g 0 list
says '0000:0b:00'
g 0 hook show 101
g 0 hook install 101
g 0 hook status
says '^VM 101: 0000:0b:00: hook works'
up 101
down 101
truth fury dirty=0
up 101
down 101

# An entry of the user's own, and what a udev rule starts for a card that was removed and
# found again: what the boot had set has gone with it.
sed '/^\[reset\]/a keep-d0 = "for the test"' /usr/share/gpureset/quirks/amd-fiji.quirk > /etc/gpureset/quirks/amd-fiji.quirk
d3cold() { cat $sysfs/0000:$1/d3cold_allowed; }
if [ -e $sysfs/0000:0b:00.0/d3cold_allowed ]; then
	g 0 boot
	same "at boot" "$(d3cold 0b:00.0)$(d3cold 0b:00.1)" 00
	echo 1 > $sysfs/0000:0b:00.0/remove
	echo 1 > /sys/bus/pci/rescan
	is_there 0b:00.0
	same "found again" "$(d3cold 0b:00.0)" 1
	# a reset has the lock: it is waited for, then left alone
	flock -x /run/gpureset/0000:0b:00.lock sleep 14 &
	sleep 1
	g 5 boot 0b:00.0
	same "somebody has the lock" "$(d3cold 0b:00.0)" 1
	wait
	g 0 boot 0b:00.0
	same "for that card" "$(d3cold 0b:00.0)" 0
else
	fail "the kernel has no d3cold_allowed"
fi
g 1 boot 00:1f.0

# The package goes. 101 has the hook, 102 beside its own script, 103 none; a snapshot of 103
# has it; 200 is another node's.
printf '#!/bin/sh\necho "pin $1 $2"\n' > $snippets/pin.pl
chmod +x $snippets/pin.pl
q ok create 102 --hostpci0 $fury --hookscript local:snippets/pin.pl
g 0 hook install 102
q ok create 103 --hostpci0 $fury
printf '\n[before]\nhookscript: %s\n' $hook >> /etc/pve/qemu-server/103.conf
mkdir -p /etc/pve/nodes/other/qemu-server
echo "hookscript: $hook" > /etc/pve/nodes/other/qemu-server/200.conf
take_out
told() { grep -qE -- "$1" /run/told || fail "the removal does not say /$1/: $(cat /run/told)"; }
told 'taken off: 101 102$'
told 'hook install 101 102$'
told '^VM 102: hook removed; local:snippets/pin.pl is its hookscript again$'
told '^/etc/pve/nodes/.*/103.conf$'
told '^/etc/pve/nodes/other/qemu-server/200.conf$'
grep -q '^/etc/pve/.*/10[12].conf$' /run/told && fail "it names VMs that are free of it: $(cat /run/told)"
grep -q gpureset /etc/pve/qemu-server/101.conf && fail "101 has a hookscript that is gone"
q ok start 101
q ok stop 101
ended
script postrm purge
[ ! -e /run/gpureset ] && [ ! -e /var/lib/gpureset ] || fail "what it kept is still there"
[ ! -L $snippets/gpureset ] || fail "a link to nothing stays"
[ -e /etc/gpureset/quirks/amd-fiji.quirk ] || fail "the user's own entry is gone"
