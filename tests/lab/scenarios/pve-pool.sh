# SPDX-License-Identifier: GPL-2.0-or-later
# Two VMs and a mapping with two cards: which one a VM gets is known only once it has it,
# so both are made ready for both, and nobody's is taken away again.
. /lab/scenarios/pve-lib.sh
mkdir -p /etc/pve/mapping
{
	printf 'other\n\tmap node=lab,path=0000:03:00\n\n'
	printf 'pool\n\tmap id=1002:7300,node=lab,path=0000:0b:00\n'
	printf '\tmap path=0000:03:00,node=elsewhere\n\tmap node=lab,path=0000:01:00\n\n'
	printf 'turned\n\tmap node=lab,path=0000:01:00\n\tmap node=lab,path=0000:0b:00\n'
} > /etc/pve/mapping/pci.cfg

# The hook, and then a wait before PVE chooses: /run/go-VMID ends it.
cat > $snippets/slow.sh <<'END_OF_SCRIPT'
#!/bin/sh
/var/lib/vz/snippets/gpureset "$1" "$2" || exit
[ "$2" = pre-start ] || exit 0
: > "/run/ready-$1"
i=0
until [ -e "/run/go-$1" ] || [ $i -ge 600 ]; do usleep 100000; i=$((i + 1)); done
END_OF_SCRIPT
chmod +x $snippets/slow.sh
slow=local:snippets/slow.sh

has() { grep -q "^0000:$2.0 $1 pid:" $vmrun/pci-id-reservations; }
ready() { [ -e /run/ready-111 ] && [ -e /run/ready-112 ]; }
methods() { cat $sysfs/0000:0b:00.?/reset_method 2>/dev/null | tr '\n' ';'; }

# both MAPPING FIRST: both VMs start at once; when both pre-starts are over PVE goes on with
# VM FIRST, all the way, and then with the other one
both() {
	local first=$2 second=$((223 - $2)) flrs resets
	echo "$1: VM $first is quicker than VM $second"
	rm -f /run/ready-* /run/go-*
	q ok set 111 --hostpci0 mapping=$1 --hookscript $slow
	q ok set 112 --hostpci0 mapping=$1 --hookscript $slow
	flrs=$(count flr flrs) resets=$(count fury baco)
	qm start $first > /run/out1 2>&1 &
	a=$!
	qm start $second > /run/out2 2>&1 &
	b=$!
	wait_until 60000 ready || fail "not both pre-starts end: $(cat $tasks/11?-qmstart)"
	truth fury dirty=0
	truth flr dirty=0
	same "resets of the Fury by two pre-starts at once" "$(count fury baco)" $((resets + 1))
	[ "$(count flr flrs)" -gt "$flrs" ] || fail "the other card was not reset"
	pinned=$(methods)
	: > /run/go-$first
	wait $a || fail "VM $first, the quicker one: $(tr '\n' ';' < /run/out1)"
	held=$(cat /run/gpureset/held-0000:0b:00)
	: > /run/go-$second
	wait $b || fail "VM $second, the slower one: $(tr '\n' ';' < /run/out2)"
	cat $tasks/111-qmstart $tasks/112-qmstart
}

# given VMID BDF VMID BDF: who has what, and that the Fury is pinned as pre-start did it
given() {
	has "$1" "$2" && has "$3" "$4" || fail "PVE gave: $(cat $vmrun/pci-id-reservations)"
	same "reset methods of the Fury's functions while it is in use" "$(methods)" "$pinned"
	[ -s /run/gpureset/held-0000:0b:00 ] || fail "what the Fury had before is forgotten; it was: $held"
}

both_down() {
	q ok stop 111
	q ok stop 112
	ended
	ctl "state fury" | grep -qw dirty=0 || fail "the Fury was not reset at the stop: $(grep -h '0b:00' /var/log/syslog | tail -n 3)"
	nothing_left
	same "files about VMs and cards that are held" "$(ls /run/gpureset | grep -E '^(vm|held)-')" ""
	same "reset methods of the Fury's functions when all is over" "$(methods)" "$free"
}

# --- both cards used before, without the hook ----------------------------------------------
q ok create 111 --hostpci0 mapping=pool
q ok create 112 --hostpci0 mapping=pool
q ok create 113 --hostpci0 mapping=pool --hookscript $hook
g 0 -q $fury
free=$(methods)
spoil() {
	q ok set 111 --hostpci0 mapping=pool --delete hookscript
	q ok set 112 --hostpci0 mapping=pool --delete hookscript
	q ok start 111
	q ok start 112
	posts 111 || fail "the Fury does not work to begin with: $(heard 111)"
	q ok stop 111
	q ok stop 112
	ended
	truth fury dirty=1
}
spoil

# --- the first of the mapping: whoever comes first has it ------------------------------------
both pool 112
given 112 0b:00 111 01:00
posts 112 || fail "the quicker VM's guest says: $(heard 112)"

# a third finds none: PVE says so, and what the others have is not touched
ctl "state fury" > /run/before
ctl "state flr" >> /run/before
q bad start 113
ctl "state fury" > /run/after
ctl "state flr" >> /run/after
cmp -s /run/before /run/after || fail "touched for a third VM: $(diff /run/before /run/after)"
grep -q "^TASK ERROR: could not find a free device for 'hostpci0'" $tasks/113-qmstart || fail "$(cat $tasks/113-qmstart)"
both_down

spoil
both pool 111
given 111 0b:00 112 01:00
posts 111 || fail "the quicker VM's guest says: $(heard 111)"
both_down

# --- the last of the mapping: the slower VM's, whom the quicker one must leave it ready ------
spoil
both turned 111
given 111 01:00 112 0b:00
posts 112 || fail "the slower VM's guest says: $(heard 112)"
both_down

spoil
both turned 112
given 112 01:00 111 0b:00
posts 111 || fail "the slower VM's guest says: $(heard 111)"
both_down

# --- no pool, but two VMs that name the same card: one is refused, the other not forgotten -----
spoil
rm -f /run/ready-* /run/go-*
for vm in 111 112; do
	q ok set $vm --hostpci0 $fury --hookscript $slow
	qm start $vm > /run/out$vm 2>&1 &
	wait_until 60000 test -e /run/ready-$vm || fail "the pre-start of $vm does not end: $(cat $tasks/$vm-qmstart)"
done
: > /run/go-111
wait_until 60000 has 111 0b:00 || fail "VM 111: $(tr '\n' ';' < /run/out111)"
: > /run/go-112
wait
grep -q "^TASK ERROR: PCI device '0000:0b:00.0' already in use by VMID '111'" $tasks/112-qmstart || fail "VM 112: $(cat /run/out112)"
posts 111 || fail "the guest of VM 111 says: $(heard 111)"
both_down

# --- one alone: what it did not get is as it was ---------------------------------------------
spoil
q ok set 111 --hostpci0 mapping=turned --hookscript $hook
q ok start 111
has 111 01:00 || fail "PVE gave: $(cat $vmrun/pci-id-reservations)"
[ ! -e /run/gpureset/held-0000:0b:00 ] || fail "the spare card is still held: $(cat /run/gpureset/held-0000:0b:00)"
same "reset methods of the spare card" "$(methods)" "$free"
down 111
rm /etc/pve/mapping/pci.cfg
