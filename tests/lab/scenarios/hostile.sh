# SPDX-License-Identifier: GPL-2.0-or-later
# A guest left a card that lies about itself: never a success while it does, in bounded
# time, and no other card is touched.
. /lab/scenarios/tool.sh
tried=0 successes=0 touched=0 crashes=0
others() { for c in flr slow navi gpu; do ctl "state $c"; done; }
others >/run/others

# lie NUMBER NAME SLOT ILL: gpureset while it lies; ILL 1: it cannot be called healthy
lie() {
	ctl "set $2 lie $1" >/dev/null || fail "no such lie"
	timed gpureset --timeout 30 "$3" >/run/out 2>&1
	rc=$?
	tried=$((tried + 1))
	echo "lie $1 of $2: exit $rc in $MS ms: $(head -n 1 /run/out)"
	case $rc in
	0) [ "$4" = 0 ] || { successes=$((successes + 1)); cat /run/out; } ;;
	[1-7]) [ -s /run/out ] || fail "exit $rc without a word" ;;
	*) fail "exit $rc: $(head -n 3 /run/out)" ;;
	esac
	# a card that answers noise while the kernel enumerates it ends the kernel in a BUG()
	if grep -q 'died of signal' /run/out || dmesg | grep -q 'kernel BUG'; then
		crashes=$((crashes + 1))
		fail "a crash: $(head -n 1 /run/out); $(dmesg | grep 'kernel BUG')"
	fi
	[ "$MS" -lt 60000 ] || fail "it took $MS ms"
	ctl "set $2 lie 0" >/dev/null
	power_cycle "$2" "$3" || fail "$2 is gone"
	others >/run/others.now
	cmp -s /run/others /run/others.now || { touched=$((touched + 1)); diff /run/others /run/others.now; }
}
for driver in vfio-pci none; do
	for number in 1 2 3 3 3 4 5; do
		case $number in [123]) ill=1 ;; *) ill=0 ;; esac
		[ $driver = none ] || bind_vfio 0b:00
		ctl 'set fury used 1' >/dev/null
		lie $number fury 0b:00 $ill
	done
done
# dead in the middle, at a few places
for at in 1 7 30; do
	ctl 'set fury used 1' >/dev/null
	ctl "set fury die_at $at" >/dev/null
	lie 0 fury 0b:00 1
	ctl 'set fury die_at 0' >/dev/null
done
# and the truth again: it is usable
g 0 0b:00
is_there 0b:00.0 0b:00.1
echo "count: hostile configurations: $tried"
echo "count: hostile crashes: $crashes"
echo "count: false successes: $successes"
echo "count: writes outside the announced functions: $touched"
same "no success for a card that lies" $successes 0
same "no other card is touched" $touched 0
