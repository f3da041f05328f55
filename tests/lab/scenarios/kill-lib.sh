# SPDX-License-Identifier: GPL-2.0-or-later
# Not a scenario: what those share that kill gpureset at chosen moments (preload/killat.c).
. /lab/scenarios/tool.sh

KILLED=137	# what a shell makes of SIGKILL
tried=0 recovered=0

# with_killat WHERE COMMAND...: gpureset, ended or signalled there
with_killat() {
	local at=$1
	shift
	KILLAT=$at LD_PRELOAD=/lab/killat.so "$@"
}

# calls ARGS...: run gpureset to its end; its calls are in /run/calls
calls() {
	KILLAT_LOG=/run/killat.log LD_PRELOAD=/lab/killat.so gpureset "$@" > /run/out 2>&1 ||
		fail "gpureset $*: $(cat /run/out)"
	tr -d '\000' < /run/killat.log > /run/calls
}

# call_count CLASS -> how many
call_count() { grep -c "^$1" /run/calls; }

# The worker may need a moment longer than its supervisor to be gone
recover() {
	local rc try
	for try in 1 2 3 4 5 6 7 8; do
		gpureset recover "$@" > /run/recovered 2>&1
		rc=$?
		[ $rc = 5 ] || return $rc
		usleep 100000
	done
	return $rc
}

# as_before WHAT: the fingerprint of $fns is that of /run/was
as_before() {
	fingerprint $fns > /run/is
	cmp -s /run/was /run/is || {
		diff /run/was /run/is
		fail "$1: not as it was: $(diff /run/was /run/is | sed -n 's/^[+>]//p' | grep -v '^++' | head -n 1)"
	}
	for j in /run/gpureset/journal-*; do
		[ ! -e $j ] || fail "$1: $j is left: $(cat $j)"
	done
}

# kill_at WHERE ARGS...: kill gpureset there and put back what it left
kill_at() {
	local at=$1 rc what
	shift
	what="gpureset $*, killed at $at"
	again
	with_killat $at gpureset "$@" > /run/out 2>&1
	rc=$?
	# how often it looks while it waits is not the same each time
	[ $rc != 0 ] || { missed=$((missed + 1)); return; }
	[ $rc = $KILLED ] || fail "$what: ended with $rc: $(cat /run/out)"
	tried=$((tried + 1))
	recover || fail "$what: recover says: $(cat /run/recovered)"
	! grep -q 'was killed left' /run/recovered || left=$((left + 1))
	as_before "$what"
	recovered=$((recovered + 1))
}

# every CLASS MOST ARGS...: kill at each call of the class, or at MOST of them
every() {
	local class=$1 most=$2 n i step
	shift 2
	n=$(call_count $class)
	step=$(((n + most - 1) / most))
	[ $step -gt 0 ] || return
	# the last ones are no less worth a try than the first
	i=$(((n - 1) % step + 1))
	while [ $i -le $n ]; do
		kill_at $class$i "$@"
		i=$((i + step))
	done
}

# kills ARGS...: a whole run, then one killed at each write to hardware (H), and at some
# of the other calls; then a whole run again. $fns: what must be as it was. again: what
# a card needs before each run. LAB_APPEND=killall: at all calls.
again() { :; }
kills() {
	local most=${MOST:-8} was=$tried
	! grep -q killall /proc/cmdline || most=1000000
	missed=0 left=0
	again
	calls "$@"
	again
	calls "$@"
	fingerprint $fns > /run/was
	now; began=$NOW
	every H 1000000 "$@"
	every P $most "$@"
	every J $most "$@"
	every W $most "$@"
	every O $most "$@"
	now
	again
	g 0 "$@"
	says 'and healthy'
	as_before "gpureset $* afterwards"
	echo "$*: $(call_count H) writes, $(call_count P) words, $(call_count J) to files," \
		"$(call_count W) waits, $(call_count O) opens; killed $((tried - was)) times" \
		"in $((NOW - began)) ms: $left had left something, $missed were over before"
	check "some kill left something" [ $left -gt 0 ]
}

# kills_done: the end of such a scenario
kills_done() {
	tell "count: lab kills tried: $tried"
	tell "count: lab kills recovered: $recovered"
	same "all were put right" $recovered $tried
}
