# SPDX-License-Identifier: GPL-2.0-or-later
# The kernel does not come back in time: reported in time, by name, while other cards are
# reset; locked; nothing else hangs because of it; put right and free when it does.
. /lab/scenarios/tool.sh
fns="00:02.0 02:00.0 02:00.1"
free() { flock -n /run/gpureset/0000:02:00.lock true; }
echo auto > $sysfs/0000:02:00.0/power/control
g 0 -q 02:00
fingerprint $fns > /run/was
ctl "set slow delay_ms 26000" > /dev/null

# 6 s to the deadline, then 2 s in which a worker may stop when asked to
deadline=6000 grace=2000
timed g 7 02:00 01:00 03:00 --timeout $((deadline / 1000))
worker=$(sed -n 's/.*worker \([0-9]*\) is still.*/\1/p' /run/out)
[ -n "$worker" ] || fail "no worker named: $(cat /run/out)"
says "worker $worker is still in step '0000:02:00.0 .*reset.*' after [0-9.]+ s and cannot be interrupted; the card stays locked until the kernel is done; .*0000:02:00, state D"
says '^0000:01:00 .*reset by flr and healthy'
says '^0000:03:00 .*reset by .* and healthy'
[ $((MS * 10)) -ge $((deadline * 10)) ] && [ $((MS * 10)) -le $(((deadline + grace) * 16)) ] ||
	fail "it took $MS ms to say so, with a deadline of $deadline ms and $grace ms of grace"
echo "said so after $MS ms"
grep -q '^State:.*D' /proc/$worker/status || fail "worker $worker is not stuck: $(grep State /proc/$worker/status)"

# others are told so, at once
g 5 02:00
says "busy: worker $worker has been resetting 0000:02:00 for [0-9]+ s"
g 5 recover 02:00
says "busy: worker $worker"
timed gpureset list > /run/out 2>&1
says '^0000:02:00 .* being reset '
says '^0000:01:00 .* (ok|D3hot) '
echo "list: $MS ms"
g 5 plan 02:00
says 'busy: 0000:02:00 is being reset at this moment'
g 0 plan 01:00
kill -0 $worker 2>/dev/null || fail "the kernel has let go before list and plan have answered"

# the kernel lets go: the worker undoes what it did and is gone
wait_until 60000 free || fail "the lock stays: $(cat /run/gpureset/0000:02:00.lock)"
wait_until 2000 [ ! -d /proc/$worker ] || fail "worker $worker lives on without its lock"
[ ! -e /run/gpureset/journal-0000:02:00 ] || fail "a journal is left: $(cat /run/gpureset/journal-0000:02:00)"
fingerprint $fns > /run/is
cmp -s /run/was /run/is || fail "not as it was: $(diff /run/was /run/is | grep '^[+]' | tail -n 1)"

# a hook has its 5 s and as long as a worker has to stop: the start is refused, in words
mkdir -p /etc/gpureset
echo 'pre-start-timeout = 5s' > /etc/gpureset/gpureset.conf
printf 'hostpci0: 0000:02:00\nname: stuck\n' > /etc/pve/qemu-server/160.conf
timed gpureset hook 160 pre-start > /run/out 2>&1 && fail "a start with a stuck card: $(cat /run/out)"
cat /run/out
says 'worker [0-9]+ .*0000:02:00.*the VM is not started, as that might hang the host'
[ $MS -le $(((5000 + grace) * 3)) ] || fail "pre-start took $MS ms"
echo "pre-start: $MS ms"
rm /etc/gpureset/gpureset.conf /etc/pve/qemu-server/160.conf

ctl "set slow delay_ms 3000" > /dev/null
wait_until 60000 free || fail "the lock stays after the hook"
g 0 02:00
is_there 02:00.0 02:00.1
unbind 02:00
