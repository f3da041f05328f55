# SPDX-License-Identifier: GPL-2.0-or-later
# FLR of a card with extended capabilities, and the firewall before its BAR0.
. /lab/scenarios/modern-tool.sh

# black [waits]: the quirk of the card; with the word it waits for the firewall
black() {
	{
		printf '%s\n' "[reset]" "method = flr" "method = hot_reset" \
			"method = subordinate" "" "[registers]" \
			"space mmio = bar0 bytes size 16M" \
			"PMC_BOOT_0 = mmio 0x0" "PMC_BOOT_0.HIGH = bits 31:16"
		[ -z "${1:-}" ] || printf '%s\n' "space cfg = config" \
			"FIREWALL = cfg 0x268" "FIREWALL.UP = bit 20"
		printf '%s\n' "" "[health]"
		[ -z "${1:-}" ] || printf '%s\n' "wait FIREWALL.UP == 0 within 5 s"
		printf '%s\n' "require PMC_BOOT_0.HIGH != 0xbadf"
	} | quirk black 10de:ffe0
}

awake 02:00
dress 02:00
dump 02:00 before
black waits
for m in flr hot_reset subordinate; do
	n=$(($(count black flrs) + $(count black bus_resets)))
	timed g 0 02:00 --method $m
	says "reset by $m.* and healthy"
	check "the model saw a reset" [ $(($(count black flrs) + $(count black bus_resets))) -gt $n ]
	check "2 s of firewall were waited for ($MS ms)" [ "$MS" -ge 1900 ]
	truth black firewall=0
	as_before 02:00
	truth black changed=-
	truth black rebar=256
done
# nobody touched BAR0 too early in all that
truth black early=0

# a firewall that stays up longer than the quirk allows
ctl "set black firewall_ms 9000" >/dev/null
g 2 02:00 --method flr
says 'NOT healthy'
says 'FIREWALL'
truth black early=0

# what happens to who does not wait
ctl "set black firewall_ms 2000" >/dev/null
black
g 2 02:00 --method flr
says 'PMC_BOOT_0'
refuses "BAR0 was left alone" [ "$(count black early)" = 0 ]
