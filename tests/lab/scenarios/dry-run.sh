# SPDX-License-Identifier: GPL-2.0-or-later
# What -n prints is what is then done: step by step, one to one.
. /lab/scenarios/tool.sh
bind_vfio 0b:00
dirty
ctl "state fury" >/run/before
g 0 -n 0b:00
cp /run/out /run/dry
ctl "state fury" >/run/after
cmp -s /run/before /run/after || fail "the dry run changed the card"
g 0 -v 0b:00
says 'reset by sequence baco'
# attempt 3 is the one that ran to its end; the trace is on standard error
sed -n 's/^ *\(3\.[0-9]* 0000:.*\)$/\1/p' /run/dry >/run/dry.steps
sed -n 's/^.*\(3\.[0-9]* 0000:.*\)  -> \(ok\|passed by\), [0-9]* us$/\1/p' /run/out >/run/run.steps
n=$(wc -l </run/dry.steps)
[ "$n" -gt 80 ] || fail "only $n steps in the dry run"
cmp /run/dry.steps /run/run.steps || {
	diff /run/dry.steps /run/run.steps | head -n 10
	fail "the trace differs from the dry run ($n and $(wc -l </run/run.steps) steps)"
}
echo "$n steps, one to one"
# attempts 1 and 2 stopped at a requirement: every step they did was announced
sed -n 's/^ *\([12]\.[0-9]* 0000:.*\)$/\1/p' /run/dry >/run/dry.steps
sed -n 's/^.*\([12]\.[0-9]* 0000:.*\)  -> .*$/\1/p' /run/out |
	grep -vxFf /run/dry.steps && fail "a step that was not announced"
true
