# SPDX-License-Identifier: GPL-2.0-or-later
# Rounds of a reset of eight used cards at once, with faults drawn by lot: no false success,
# and nothing is left behind. On the machine `soak`; two boots (soak-again.sh) make more
# than 200 resets.
. /lab/scenarios/tool.sh
rounds=13
seed=${SOAK_SEED:-20261121}
echo "seed $seed"
cards="0 1 2 3 4 5 6 7"
resets=0 faults=0 false=0 unsound=0 killed=0

# lot N: 0..N-1 into $LOT; the same seed gives the same run
lot() {
	seed=$(((seed * 1103515245 + 12345) & 0x7fffffff))
	LOT=$((seed / 65536 % $1))
}
slot() { echo "0$(($1 + 1)):00"; }
bridges() { for d in $sysfs/0000:00:*; do [ ! -e "$d/reset_subordinate" ] || echo "$d"; done; }

# what must be the same at the end, but for the lines that begin with '#'
snapshot() {
	echo "functions $(find $sysfs/ -type l | wc -l)"
	for d in $sysfs/0000:0[1-8]:00.* $(bridges); do
		echo "$d $(driver ${d##*/}) $(cat $d/driver_override $d/power/control $d/enable $d/d3cold_allowed $d/reset_method 2>/dev/null | tr '\n' ' ')"
	done
	for d in $(bridges); do echo "$d $(cfg ${d##*/} BRIDGE_CONTROL)"; done
	find /run/gpureset /var/lib/gpureset -type f ! -name '*.lock' ! -name 'trace-*' 2>/dev/null
}
locked() {
	for f in /run/gpureset/*.lock; do flock -n "$f" true || echo "$f"; done
}
processes() { for c in /proc/[0-9]*/comm; do cat "$c" 2>/dev/null; done | grep -c '^gpureset'; }
available() { awk '/^MemAvailable:/ { print $2 }' /proc/meminfo; }
slab() { awk '/^Slab:/ { print $2 }' /proc/meminfo; }

# knobs CARD: as made
knobs() {
	for k in 'px_capable 1' 'cfgreset_works 1' 'die_at 0' 'stuck_at 0' 'delay_ms 0' 'lie 0'; do
		ctl "set f$1 $k" >/dev/null || fail "no knob $k"
	done
}

# revive CARD: switched off and on, with the driver that it had
revive() {
	knobs "$1"
	power_cycle "f$1" "$(slot "$1")" >/dev/null || fail "f$1 is gone for good"
	[ $(($1 % 2)) = 0 ] || bind_vfio "$(slot "$1")"
}

# fault CARD: used by a guest, and in four of ten cases something is wrong with it
fault() {
	ctl "set f$1 used 1" >/dev/null || fail "f$1 cannot be used"
	WRONG=
	lot 10
	case $LOT in
	0) lot 60; WRONG="die_at $((LOT + 1))" ;;
	1) lot 60; WRONG="stuck_at $((LOT + 1))" ;;
	2) lot 5; WRONG="lie $((LOT + 1))" ;;
	3) lot 4
		case $LOT in
		0) WRONG='delay_ms 300' ;;
		1) WRONG='used 2' ;;
		2) WRONG='px_capable 0' ;;
		3) WRONG='px_capable 0'; ctl "set f$1 cfgreset_works 0" >/dev/null ;;
		esac ;;
	*) return ;;
	esac
	faults=$((faults + 1))
	ctl "set f$1 $WRONG" >/dev/null || fail "no such fault: $WRONG"
}

# said CARD: healthy, or anything else
said() {
	sed -n "s/^0000:$(slot "$1").*/&/p" /run/out | grep -q 'healthy$\|and healthy' && echo healthy || echo not
}

# judge CARD FAULT: what was said of it against what is true
judge() {
	local state was
	was=$(said "$1")
	state=$(ctl "state f$1")
	case "$was $state" in
	"healthy "*" clean=1 "*)
		case $2 in lie*)
			# a lie about what nobody needs is no illness, one about ids or BARs is
			case $2 in 'lie 4' | 'lie 5') ;; *) false=$((false + 1)); echo "FALSE: f$1 $2" ;; esac ;;
		esac ;;
	"healthy "*) false=$((false + 1)); echo "FALSE: f$1 ${2:-no fault}: $state" ;;
	*) [ -n "$2" ] || { unsound=$((unsound + 1)); echo "not healthy without a fault: f$1: $state"; grep -A4 "^0000:$(slot "$1")" /run/out; } ;;
	esac
}

all=
for c in $cards; do
	all="$all $(slot "$c")"
	revive "$c"
done
gpureset $all >/run/out 2>&1 || fail "the cards as made: $(head -n 1 /run/out)"
snapshot >/run/before
first=$(available) firstslab=$(slab)
rss() { { command time -v gpureset "$@" >/dev/null; } 2>&1 | sed -n 's/.*Maximum resident.*: //p'; }
rss1=$(rss $all)

round=0
while [ $round -lt $rounds ]; do
	round=$((round + 1))
	for c in $cards; do
		fault "$c"
		eval "wrong$c=\$WRONG"
	done
	if [ $((round % 5)) = 0 ]; then
		# everything of it is killed, somewhere
		gpureset --timeout 120 $all >/dev/null 2>&1 &
		lot 900
		usleep $((LOT * 1000))
		kill -KILL $! 2>/dev/null
		killall -KILL gpureset 2>/dev/null
		wait $! 2>/dev/null
		killed=$((killed + 1)) faults=$((faults + 1))
		gpureset recover >/run/recover 2>&1
	fi
	timed gpureset --timeout 120 $all >/run/out 2>&1
	rc=$?
	echo "round $round: exit $rc, $MS ms: $(for c in $cards; do eval "echo \"[\$wrong$c]\""; done | tr '\n' ' ')"
	[ $rc -le 3 ] || fail "exit $rc: $(head -n 3 /run/out)"
	for c in $cards; do
		resets=$((resets + 1))
		eval "wrong=\$wrong$c"
		judge "$c" "$wrong"
		[ -z "$wrong" ] || revive "$c"
	done
done
rss2=$(rss $all)
last=$(available) lastslab=$(slab)
gpureset $all >/run/out 2>&1 || fail "the cards at the end: $(head -n 1 /run/out)"
snapshot >/run/after
diff /run/before /run/after >/run/diff
leftovers=$(($(grep -c '^[<>]' /run/diff) + $(locked | wc -l) + $(processes)))
cat /run/diff; locked
echo "memory: $first KB available, $last at the end; slab $firstslab, $lastslab; one call $rss1 KB, $rss2"
echo "count: soak resets: $resets"
echo "count: soak faults: $faults"
echo "count: soak kills: $killed"
echo "count: soak false successes: $false"
echo "count: soak leftovers: $leftovers"
same "no false success" $false 0
same "without a fault each card is healthy" $unsound 0
same "nothing is left behind" $leftovers 0
check "enough went wrong" [ $faults -ge $((rounds * 2)) ]
check "memory is not used up" [ $((last * 10)) -ge $((first * 9)) ]
check "the kernel's own neither" [ $((lastslab * 2)) -le $((firstslab * 3)) ]
check "one call needs what it needed" [ "$rss2" -le $((rss1 * 5 / 4)) ]
