# SPDX-License-Identifier: GPL-2.0-or-later
# A raw bus reset, and the kernel's reset_subordinate, below a port whose hotplug events
# are on: ten times each, and the port is as before, pciehp has seen nothing, the card is
# there and well. QEMU's ports have no link events, do not move their link bits in a
# reset, and have an attention button, for which pciehp leaves presence events off: these
# are turned on by hand. What pciehp makes of a link that drops: tests/unit/test_port.c.
. /lab/scenarios/tool.sh
port=00:01.0

# what listens at the port, and what it has heard: Slot and Link Control and Status (but
# the speed and width of the link), Uncorrectable Error Mask and Status
ears() {
	echo "sltctl $(cfg $port CAP_EXP+18.w) sltsta $(cfg $port CAP_EXP+1a.w)" \
		"lnkctl $(cfg $port CAP_EXP+10.w) mask $(cfg $port ECAP_AER+8.l)" \
		"uncor $(cfg $port ECAP_AER+4.l) cor $(cfg $port ECAP_AER+10.l)"
}
heard() { dmesg | grep -E 'pciehp.*(Link (Down|Up)|Card|[Pp]owering|Attention|Timeout)|AER: |DPC: '; }

# HPIE: pciehp is there; PDCE: it is told
[ $((0x$(cfg $port CAP_EXP+18.w) & 0x20)) -ne 0 ] || fail "pciehp does not listen at $port"
for p in 00:01.0 00:03.0; do
	setpci -s $p CAP_EXP+18.w=0008:0008
	[ $((0x$(cfg $p CAP_EXP+18.w) & 0x08)) -ne 0 ] || fail "$p: no presence events"
done
before=$(ears)
heard >/run/heard.before
echo "$before"

g 0 -n --method bus 01:00
says "below 0000:$port .*, hotplug slot"
says 'note: 0000:00:01.0 would take the reset for a card pulled out'
says 'put back SLTCTL.EVENTS bits 0x1008'
says 'set AER_UNCOR_MASK'
g 0 plan --json 01:00
says '"hotplug_slot": ?true'

n=0
for method in bus subordinate; do
	for i in 1 2 3 4 5 6 7 8 9 10; do
		card_bar=$(cfg 01:00.0 BASE_ADDRESS_0)
		g 0 -q --method $method 01:00
		is_there 01:00.0 01:00.1
		same "$method $i: the port is as before" "$(ears)" "$before"
		same "$method $i: BAR0" "$(cfg 01:00.0 BASE_ADDRESS_0)" "$card_bar"
		n=$((n + 1))
	done
done
# a dead card, too: the pulse is made, and the port is as before
ctl "kill dead" >/dev/null
port=00:03.0
before=$(ears)
g 3 --method bus 03:00
same "dead card: the port is as before" "$(ears)" "$before"

heard >/run/heard.after
cmp /run/heard.before /run/heard.after || fail "the kernel noticed: $(tail -n 1 /run/heard.after)"
echo "count: resets below a hotplug port in the lab: $n"
echo "count: of these that the kernel took for a card pulled out: $(($(wc -l </run/heard.after) - $(wc -l </run/heard.before)))"
