# SPDX-License-Identifier: GPL-2.0-or-later
# Asked to stop, by every signal that means it, to the supervisor, to its process group
# and to the worker, in the middle of resets: finished or undone, said so, nothing left.
. /lab/scenarios/kill-lib.sh
sent=0 stopped=0 alone=0

# free SLOT: nobody has its lock
free() { flock -n "/run/gpureset/$(full "$1").lock" true; }

# signalled AT SIGNAL WHOM TIMES ARGS...: an own process group, as a terminal gives one
signalled() {
	local at=$1 how="$2 $3 $4" what rc
	shift 4
	what="gpureset $*, signal $how at $at"
	KILLAT=$at KILLAT_SIGNAL=$how LD_PRELOAD=/lab/killat.so setsid gpureset "$@" > /run/out 2>&1
	rc=$?
	sent=$((sent + 1))
	case $rc in
	0) says 'reset by .* and healthy' ;;
	2) says 'stopped (before this step|in the middle of a delay)'; stopped=$((stopped + 1)) ;;
	# a second signal: the supervisor leaves, the worker undoes
	7) says 'worker [0-9]+ is still .* second signal asked to leave at once'
		alone=$((alone + 1))
		wait_until 15000 free "$1" || fail "$what: the lock stays" ;;
	*) fail "$what: ended with $rc: $(cat /run/out)" ;;
	esac
	as_before "$what"
}

# signals ARGS...: at some 20 of its steps, each time another signal to somebody else
signals() {
	local n i step
	calls "$@"
	calls "$@"
	fingerprint $fns > /run/was
	n=$(call_count P)
	step=$(((n + 19) / 20))
	i=2
	while [ $i -le $n ]; do
		case $((i / step % 8)) in
		0) how="15 sup 1" ;;
		1) how="2 group 1" ;;
		2) how="1 sup 1" ;;
		3) how="15 worker 1" ;;
		4) how="15 sup 9" ;;
		5) how="2 worker 9" ;;
		6) how="1 group 9" ;;
		7) how="1 worker 1" ;;
		esac
		signalled P$i $how "$@"
		i=$((i + step))
	done
}

fns="00:03.0 03:00.0 03:00.1"
bind pci-stub 03:00.0
signals 03:00 --method bus
signals 03:00 --method subordinate
# in the pulse itself
signalled '+0x3e 0x42' 15 sup 1 03:00 --method bus
signalled '+0x3e 0x42' 15 worker 3 03:00 --method bus

halted() { grep -qs 'State:.T' /proc/[0-9]*/status; }
# stopped for a second and continued, each of the two: nothing happens to the reset
for whom in sup worker group; do
	KILLAT='+0x3e 0x42' KILLAT_SIGNAL="19 $whom" LD_PRELOAD=/lab/killat.so \
		setsid gpureset 03:00 --method bus > /run/out 2>&1 &
	pid=$!
	wait_until 10000 halted || fail "nobody was stopped ($whom): $(cat /run/out)"
	sleep 1
	kill -CONT $(pidof gpureset) 2>/dev/null
	wait $pid || fail "stopped for a second ($whom): $(cat /run/out)"
	says 'reset by bus .* and healthy'
	as_before "stopped for a second ($whom)"
done
# nobody reads what it says; nowhere to say it
{ gpureset -v 03:00 --method bus; echo $? > /run/rc; } 2>&1 | true
same "into a closed pipe, its status" "$(cat /run/rc)" 0
as_before "into a closed pipe"
gpureset -v 03:00 --method bus >&- 2>&- || fail "with output closed it ends with $?"
as_before "with output closed"
unbind 03:00.0

fns="00:08.0 0b:00.0 0b:00.1"
signals 0b:00 --method 'sequence baco'
g 0 -q 0b:00
truth fury wedged=0
echo "$sent times: stopped and undone $stopped times, left alone by a second signal $alone times"
check "some were stopped" [ $stopped -gt $((sent / 4)) ]
check "some were left alone by the supervisor" [ $alone -gt 0 ]
tell "count: lab stop signals: $sent"
