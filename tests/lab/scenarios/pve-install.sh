# SPDX-License-Identifier: GPL-2.0-or-later
# "Proxmox in three minutes", as the README has it: show, install, status, remove; and a
# hookscript that is there already.
. /lab/scenarios/pve-lib.sh
rm -f $snippets/gpureset
q ok create 101 --hostpci0 $fury
g 0 -q $fury
g 0 hook show 101
says '^0000:0b:00 would be looked after$'
g 1 hook status
says 'VM 101'
g 0 hook install -n 101
[ ! -e $snippets/gpureset ] || fail "a dry run made the snippet"
g 0 hook install 101
grep -qx 'hookscript: local:snippets/gpureset' /etc/pve/qemu-server/101.conf || fail "qm was not told"
g 0 hook status
g 0 hook install 101
up 101
down 101
hook_log 101 qmstop | grep -q 'reset by sequence baco' || fail "no reset at the stop: $(cat $tasks/101-qmstop)"
up 101
down 101

# somebody's own script, for CPU pinning, say
cat > $snippets/pin.pl <<'END'
#!/bin/sh
echo "pin $1 $2"
END
chmod +x $snippets/pin.pl
q ok create 102 --hostpci0 $fury --hookscript local:snippets/pin.pl
g 0 hook install 102
grep -qx 'hookscript: local:snippets/gpureset+pin.pl' /etc/pve/qemu-server/102.conf || fail "it is not chained"
up 102
same "what the other script said" "$(grep -c '^pin 102 p' $tasks/102-qmstart)" 2
down 102
truth fury dirty=0
g 0 hook remove 102
grep -qx 'hookscript: local:snippets/pin.pl' /etc/pve/qemu-server/102.conf || fail "it did not get its own back"
[ ! -e "$snippets/gpureset+pin.pl" ] || fail "the link stays"
g 0 hook remove 101
grep -q hookscript /etc/pve/qemu-server/101.conf && fail "101 has a hookscript still"
[ ! -e $snippets/gpureset ] || fail "nobody uses it, and the snippet stays"

# at boot: nothing on this machine has a pin or must stay in D0, so nothing is to be done
g 0 boot
same "boot here" "$(cat /run/out)" ""
