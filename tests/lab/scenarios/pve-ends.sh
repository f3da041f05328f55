# SPDX-License-Identifier: GPL-2.0-or-later
# However a VM ends, the next start's guest posts the card.
. /lab/scenarios/pve-lib.sh
q ok create 101 --hostpci0 $fury --hookscript $hook
q ok create 102 --hostpci0 $fury --hookscript $hook

end_stop() { q ok stop 101; }
end_shutdown() { q ok shutdown 101; }
end_poweroff() { tell_guest 101 p; wait_until 10000 gone; }
end_killed() { kill -9 "$pid"; }
end_crash() { kill -SEGV "$pid"; }
# QEMU resets in place: no hook, and the guest has the bug. What comes after is as usual.
end_reboot_inside() {
	tell_guest 101 r
	wait_until $guest_time said 101 'guest: card does not' || fail "no reboot: $(heard 101)"
	said 101 'post FAILED' || fail "a reboot inside the guest found a working card"
	[ "$(vm_pid 101)" = "$pid" ] || fail "a reboot inside the guest started a new QEMU"
	q ok stop 101
}
# the backup of the stopped VM claims the card and lets it go: all four phases
end_backup() {
	q ok stop 101
	ended
	q ok vzdump 101
	grep -q '^lock:' /etc/pve/qemu-server/101.conf && fail "the backup's lock is left"
	[ ! -e /run/gpureset/vm-101 ] || fail "the backup's record is left"
}
# nobody runs post-stop after this: another VM takes the card from there
end_failed_start() {
	spoilt 101
	q ok set 101 --args '-device no-such-device'
	q bad start 101
	grep -q "^TASK ERROR: start failed: QEMU exited" $tasks/101-qmstart || fail "not that way: $(cat /run/out)"
	ended
	up 102
	q ok stop 102
	ended
	sed -i '/^args/d' /etc/pve/qemu-server/101.conf
}
gone() { [ ! -e "/proc/$pid" ]; }

n=0
while read -r era ends; do
	era $era
	for end in $ends; do
		up 101
		pid=$(vm_pid 101)
		: > $journal
		end_$end
		ended
		gone || fail "$end, $era: QEMU is still there"
		echo "$end, $era: $(ctl "state fury" | grep -o 'dirty=.')"
		[ $end = failed_start ] || truth fury dirty=0
		n=$((n + 1))
	done
done <<END
new stop poweroff killed crash shutdown backup
legacy stop poweroff killed reboot_inside failed_start
END
up 101

another() { [ "$(vm_pid 101 2>/dev/null || echo $pid)" != "$pid" ] && ! pidof qm > /dev/null; }
# `qm reboot`: stopped, and started again by the clean-up
for era in new legacy; do
	era $era
	pid=$(vm_pid 101)
	q ok reboot 101
	wait_until 30000 another || fail "reboot, $era: not started again: $(cat $journal)"
	posts 101 || fail "reboot, $era: the guest says: $(heard 101)"
	echo "reboot, $era"
	n=$((n + 1))
done

# bug 7119: the guest powered off, and the clean-up comes while QEMU still has the card.
# The legacy era skips post-stop, silently; the new one waits.
: > $vmrun/101.early
for era in legacy new; do
	era $era
	pid=$(vm_pid 101)
	: > $journal
	tell_guest 101 p
	wait_until 10000 gone || fail "early, $era: QEMU is still there"
	ended
	if [ $era = legacy ]; then
		grep -q 'vm still running' $journal || fail "post-stop was not skipped: $(cat $journal)"
		truth fury dirty=1
	else
		truth fury dirty=0
	fi
	up 101
	n=$((n + 1))
done
rm $vmrun/101.early
down 101
nothing_left
same "ways to end, each followed by a start whose guest posts the card" $n 15
