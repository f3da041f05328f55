# SPDX-License-Identifier: GPL-2.0-or-later
# An FLR card: by flr, and no slower than half again the kernel's own path of the same boot.
. /lab/scenarios/tool.sh
d=/sys/bus/pci/devices/0000:01:00
listed=$(cat $d.0/reset_method)
g 0 01:00
says 'reset by flr and healthy'
g 0 01:00 --json
says '"method":"flr"'
sed -n 's/.*"result":"healthy","took_ms":[0-9.]*,"act_ms":\([0-9]*\).*/\1/p' /run/out >/run/ours
best=
for i in 1 2 3; do
	t=$(ms)
	for f in 0 1; do
		echo flr >$d.$f/reset_method
		echo 1 >$d.$f/reset || fail "the kernel's own reset failed"
	done
	t=$(($(ms) - t))
	[ -n "$best" ] && [ "$best" -le $t ] || best=$t
done
ours=$(cat /run/ours)
for i in 1 2; do
	g 0 01:00 --json
	o=$(sed -n 's/.*"result":"healthy","took_ms":[0-9.]*,"act_ms":\([0-9]*\).*/\1/p' /run/out)
	[ "$o" -lt "$ours" ] && ours=$o
done
echo "two functions: kernel $best ms, gpureset $ours ms; reset_method was '$listed'"
[ $((ours * 2)) -le $((best * 3)) ] || fail "gpureset $ours ms, kernel $best ms"
[ "$(count flr flrs)" -ge 6 ] || fail "the model saw too few FLRs"
# the stale 'bus' cannot be written back; flr stays
grep -qw flr $d.0/reset_method || fail "reset_method is '$(cat $d.0/reset_method)'"
# one function of two
g 0 01:00.1
says 'reset by flr'
says 'touched: 0000:01:00.1 .of 2 functions'
g 5 01:00.1 --method subordinate
says 'resets all 2 functions of the slot, but only 0000:01:00.1 was given'
