# SPDX-License-Identifier: GPL-2.0-or-later
# What was done to a card: --trace in both formats, the trace that is kept, the report.
. /lab/scenarios/tool.sh
kept=/run/gpureset/trace-0000:0b:00
rm -f $kept /run/t.*

# begun TEXT: how often it is the beginning of a part in the events
begun() { grep -c "\"ph\":\"B\".*\"name\":\"$1" /run/t.json; }

bind_vfio 0b:00
dirty
g 0 0b:00 --trace /run/t.txt
says 'reset by sequence baco and healthy'
truth fury dirty=0
dirty
g 0 0b:00 --trace /run/t.json
says 'reset by sequence baco and healthy'

# lines: steps, accesses with names and values, waits in short
grep -qE '^ +[0-9]+\.[0-9]{3}  [0-9]+\.[0-9]+ act: 0000:0b:00.0 set BACO_CNTL.EN = 0x1' /run/t.txt || fail "no step in t.txt"
grep -qE 'register write bar5\+0x5394 BACO_CNTL.EN := 0x[0-9a-f]{8}$' /run/t.txt || fail "no access in t.txt"
grep -qE 'attribute write power/control := ' /run/t.txt || fail "no attribute in t.txt"
grep -q 'does somebody use the card' /run/t.txt || fail "who uses the card was not asked"
awk '/^#/ || / times, for / { next } $1 + 0 < last { print "goes back: " $0; bad = 1 } { last = $1 + 0 }
	END { exit bad }' /run/t.txt || fail "times in t.txt go back"
echo "t.txt: $(wc -l </run/t.txt) lines, $(wc -c </run/t.txt) bytes"

# events: whole, as many ends as beginnings, in order of time
[ "$(head -n 1 /run/t.json)" = '[' ] && [ "$(tail -n 1 /run/t.json)" = ']' ] || fail "t.json is no array"
same "parts that end" "$(grep -c '"ph":"E"' /run/t.json)" "$(grep -c '"ph":"B"' /run/t.json)"
[ "$(begun 'attempt: sequence baco"')" = 1 ] || fail "no attempt in t.json"
sed -n 's/.*"ph":"[BEXi]".*"ts":\([0-9]*\).*/\1/p' /run/t.json | sort -n -c || fail "t.json is not in order"
echo "count: events of a reset in the lab: $(grep -c '"ph":"X"' /run/t.json)"

# kept without being asked for: both resets, and those of dirty() before them
[ "$(stat -c %a $kept)" = 600 ] || fail "$kept: mode $(stat -c %a $kept)"
[ "$(wc -c <$kept)" -le 131072 ] || fail "$kept has $(wc -c <$kept) bytes"
[ "$(grep -c '^== ' $kept)" -ge 2 ] || fail "one run alone is kept"
grep -q '  sequence baco: healthy$' $kept || fail "the verdict is not kept"

# the report: only reads, and is a recording with the same plan
before=$(fingerprint 0b:00.0 0b:00.1)
g 0 report 0b:00 -o /run/t.rec
[ "$(fingerprint 0b:00.0 0b:00.1)" = "$before" ] || fail "the report changed the card"
grep -q '^# The end: [0-9]* calls to the machine, 0 of them writes' /run/t.rec || fail "no proof of reading alone"
grep -q '^#.* sequence baco: healthy$' /run/t.rec || fail "the report has no trace"
gpureset plan 0b:00 >/run/t.plan || fail "no plan"
gpureset plan --replay /run/t.rec >/run/t.plan2 || fail "the report cannot be replayed"
same "the plan of the report" "$(cat /run/t.plan2)" "$(cat /run/t.plan)"
rm -f /run/t.*
