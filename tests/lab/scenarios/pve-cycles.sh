# SPDX-License-Identifier: GPL-2.0-or-later
# One VM with the Fury X, started and stopped: without the hook once, with it always.
. /lab/scenarios/pve-lib.sh
era legacy
q ok create 101 --hostpci0 $fury,pcie=1,x-vga=1
g 0 -q $fury

up 101
down 101
q ok start 101
posts 101 && fail "without the hook the second start works as well: this shows nothing"
said 101 'gpu: post FAILED' || fail "without the hook the second guest says: $(heard 101)"
down 101

# the first with the hook finds what the last one without left: one line, no more
q ok set 101 --hookscript $hook
truth fury dirty=1
up 101
same "lines of the hook in the task log" "$(hook_log 101 qmstart | wc -l)" 1
hook_log 101 qmstart | grep -qE '^gpureset: 0000:0b:00 .*: was used; reset by sequence baco in [0-9.]+ s, healthy$' ||
	fail "the task log says: $(cat $tasks/101-qmstart)"
grep -q 'gpureset.*VM 101, pre-start, 0000:0b:00: was used; reset by sequence baco' /var/log/syslog ||
	fail "syslog has none of it: $(tail -n 2 /var/log/syslog)"
: > $journal
down 101
same "lines of the hook in qmeventd's journal" "$(grep -c '^gpureset: ' $journal)" 1
truth fury dirty=0

# what post-stop did leaves nothing to do
up 101
same "the hook about a pristine card" "$(hook_log 101 qmstart)" ""

# 20 times, each second one restarted before qmeventd's clean-up gets to run
works=0
while [ $works -lt 20 ]; do
	if [ $((works % 2)) = 0 ]; then down 101; else q ok stop 101; fi
	up 101
done
echo "ok: $works of 20 starts: the guest posts the card"
down 101
nothing_left
