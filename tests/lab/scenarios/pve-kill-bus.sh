# SPDX-License-Identifier: GPL-2.0-or-later
# As pve-kill, with the raw reset of a bus, which goes furthest: killed in the middle, the
# card is out of the kernel's sight, or its bridge in reset. A person's gpureset is killed
# here, and pre-start, called as PVE does, finds what it left. No VM.
. /lab/scenarios/pve-lib.sh
card=03:00 bridge=00:03.0
q ok create 104 --hostpci0 $card --hookscript $hook
pre_start() { $snippets/gpureset 104 pre-start > /run/out 2>&1; }
by_hand() { gpureset $card --method bus > /run/out 2>&1; }

timed by_hand || fail "by hand: $(cat /run/out)"
says 'reset by bus'
whole=$MS held=0 gone=0 tried=0 recovered=0
killed_at() { # tenths of the time that a whole run takes
	by_hand &
	after $((whole * $1 / 10)) kill_hooks
	wait $!
	tried=$((tried + 1))
	! in_reset $bridge || held=$((held + 1))
	[ "$(functions $card | wc -l)" = 2 ] || gone=$((gone + 1))
	pre_start || fail "killed at $1/10, pre-start says: $(cat /run/out)"
	echo "killed at $1/10: $(grep -v ': reset by' /run/out)"
	! in_reset $bridge || fail "killed at $1/10, and the bridge stays in reset"
	is_there $card.0 $card.1
	recovered=$((recovered + 1))
}
# On a busy machine a run may be much faster than the one that was timed, or slower, and
# all kills of a pass hit before or after what matters: then another pass.
for pass in 1 2 3 4; do
	for i in 0 1 2 3 4 5 6 7 8 9; do
		killed_at $i
	done
	[ $((held + gone)) = 0 ] || break
	echo "pass $pass hit nothing"
	timed by_hand
	whole=$MS
done
echo "$tried kills in $whole ms: $held times the bridge in reset, $gone times functions removed"
check "some kill left something" [ $((held + gone)) -gt 0 ]
same "put right by the next pre-start" $recovered $tried
nothing_left
