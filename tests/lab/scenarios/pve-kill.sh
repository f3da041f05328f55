# SPDX-License-Identifier: GPL-2.0-or-later
# The hook is killed at moments spread over its run, supervisor and worker. The next
# pre-start puts things right, and the guest posts the card.
. /lab/scenarios/pve-lib.sh

flag_taken() { [ ! -e $vmrun/101.cleanup ]; }

# next_start TEXT: all is as if nobody had been killed
next_start() {
	q ok start 101
	nothing_left
	posts 101 || fail "$1: the next start's guest says: $(heard 101)"
	recovered=$((recovered + 1))
}

# how long a start's and a stop's hook takes when nobody looks, with a used card
cat > $snippets/clocked <<'END'
#!/bin/sh
read -r a _ < /proc/uptime
/var/lib/vz/snippets/gpureset "$@"
read -r b _ < /proc/uptime
echo $((${b%.*}${b#*.}0 - ${a%.*}${a#*.}0)) > "/run/ms-$2"
END
chmod +x $snippets/clocked
q ok create 101 --hostpci0 $fury --hookscript $hook
g 0 -q $fury
up 101
spoilt 101
q ok set 101 --hookscript local:snippets/clocked
up 101
down 101
start_ms=$(cat /run/ms-pre-start) stop_ms=$(cat /run/ms-post-stop)
echo "the hook takes $start_ms ms at a start, $stop_ms ms at a stop"
q ok set 101 --hookscript $hook
up 101

# A kill that comes too late, after the hook has ended, is no kill: the next ones come
# sooner, and this one is made again.
hits=0 recovered=0 late=0 left=0
# a kill between the first change and its undoing leaves a journal that is not empty
journals() { [ ! -s "/run/gpureset/journal-0000:0b:00" ] || left=$((left + 1)); }

# kill_start I: pre-start with a dirty card
kill_start() {
	spoilt 101
	qm start 101 > /run/out 2>&1 &
	after $((start_ms * $1 / 10)) kill_hooks
	wait $!
	journals
	killed=$(grep -c 'pre-start: .* got signal 9$' /run/out)
	[ $killed = 1 ] || start_ms=$((start_ms * 8 / 10))
	[ "$(qm status 101)" = "status: stopped" ] || down 101
}

# kill_stop I: post-stop
kill_stop() {
	qm stop 101 > /run/out 2>&1 &
	wait_until 20000 flag_taken
	after $((stop_ms * $1 / 10)) kill_hooks
	wait $!
	journals
	ended
	killed=$(grep -c 'post-stop: .* got signal 9$' $tasks/101-qmstop)
	[ $killed = 1 ] || stop_ms=$((stop_ms * 8 / 10))
}

for what in start stop; do
	limit=$((late + 12))
	i=0
	while [ $i -lt 10 ]; do
		kill_$what $i
		next_start "killed in qm $what at $i/10"
		if [ $killed = 0 ]; then
			late=$((late + 1))
			[ $late -lt $limit ] || fail "the kills come too late"
			continue
		fi
		echo "killed in qm $what at $i/10"
		hits=$((hits + 1)) i=$((i + 1))
	done
done
echo "$left kills left something to put back, $late came too late"
same "killed 20 times" $hits 20
same "the next start's guest posts the card, each time" $recovered $((hits + late))

# the GUI's "Stop" of a task: SIGTERM to the group, SIGKILL after 5 s
recovered=0
for i in 1 2 3; do
	spoilt 101
	setsid qm start 101 > /run/out 2>&1 &
	task=$!
	after $((start_ms * i / 4)) kill -TERM -$task
	wait_until 5000 no_hooks || echo "a hook outlives SIGTERM by 5 s: $(ps | grep '[g]pureset')"
	kill -KILL -$task 2>/dev/null
	wait $task
	[ "$(qm status 101)" = "status: stopped" ] || down 101
	next_start "task stopped at $i/4"
done
same "stopped 3 times, the next start's guest posts the card" $recovered 3
down 101
nothing_left
