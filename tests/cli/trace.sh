# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh disable=SC2154
# --trace and `gpureset report`; read by tests/cli/run, whose t, ok, q, dir and prog these
# are. Recorded and simulated machines alone.
run_rec=tests/records/lab-fury-baco.rec

# what a reader of the format needs of FILE; with a recording, every access of its run
cat >"$dir/trace.py" <<'END'
import json, sys
events = json.load(open(sys.argv[1]))
names = {e["tid"]: e["args"]["name"] for e in events if e["name" if "name" in e else "ph"] == "thread_name"}
assert names and all(e["tid"] in names for e in events), "a track without a name"
open_, last = {t: [] for t in names}, dict.fromkeys(names, 0)
for e in events:
    if e["ph"] == "M":
        continue
    t = e["tid"]
    end = e["ts"] + e.get("dur", 0)
    # a scan of the bus is written after what was read during it, and holds that
    assert e["ts"] >= last[t] or (e["ph"] == "X" and end >= last[t]), f"goes back: {e}"
    last[t] = end
    if e["ph"] == "B":
        open_[t].append(e)
    elif e["ph"] == "E":
        open_[t].pop()
    else:
        assert e["ph"] in "Xi", e
assert not any(open_.values()), "a part without an end"
tracks = len(names)
first = next((i for i, e in enumerate(events) if e.get("name", "").startswith("attempt: ")), len(events))
silent = ("own VFIO group", "let go of VFIO group", "VFIO close", "kernel log")
told = sum(e["ph"] == "X" and e["cat"] not in silent for e in events[first:])
if len(sys.argv) > 2:
    run = open(sys.argv[2]).read().split("\n[run]\n")[1].splitlines()
    did = sum(l.startswith("@ ") and l.split()[2] != "now" for l in run)
    assert told == did, f"{told} accesses told, {did} recorded"
print(f"{tracks} tracks, {told} accesses in attempts")
END
trace_ok() { # TEXT FILE [RECORDING]
	text=$1
	shift
	python3 "$dir/trace.py" "$@" >"$dir/out" 2>&1
	ok "$text: $(tail -n 1 "$dir/out")" $?
}

# --- a recorded run: a trace changes nothing about it, and it is traced like any other -----
t 0 'Perfetto' reset --help
t 0 'Perfetto' recover --help
t 0 'reset by sequence baco and healthy' --replay $run_rec --quirks "$q" --trace "$dir/a.txt"
t 0 'reset by sequence baco and healthy' --replay $run_rec --quirks "$q" --trace "$dir/a.json"
trace_ok "the trace of a recorded run has what the recording has" "$dir/a.json" $run_rec
echo "count: accesses of a recorded run found in its trace: $(sed 's/.*, \([0-9]*\) acc.*/\1/' "$dir/out")"
[ "$(stat -c %a "$dir/a.txt" "$dir/a.json" | tr '\n' ' ')" = '600 600 ' ]
ok "only the owner can read a trace" $?
grep -qE '^ +[0-9]+\.[0-9]{3}  3\.[0-9]+ act: 0000:0b:00\.0 set BACO_CNTL\.EN = 0x1 ' "$dir/a.txt" &&
	grep -qE '^ +[0-9.]+    register write bar5\+0x5394 BACO_CNTL\.EN := 0x[0-9a-f]{8}$' "$dir/a.txt" &&
	grep -qE ' CONFIG_MEMSIZE = 0x[0-9a-f]{8} \([0-9]+ times, for [0-9.]+ ms\)$' "$dir/a.txt"
ok "lines of a trace: steps, accesses, waits" $?
awk '/^#/ { next } / times, for / { next } $1 < last { exit 1 } { last = $1 }' "$dir/a.txt"
ok "times in a trace go forward" $?
t 1 'exists already and is not overwritten' --replay $run_rec --quirks "$q" --trace "$dir/a.txt"
t 1 'No such file or directory' --replay $run_rec --quirks "$q" --trace "$dir/none/a.json"

# no room for it (ulimit -f: 512 bytes a block) is no reason to end a reset
(ulimit -f 2 && "$prog" --replay $run_rec --quirks "$q" --trace "$dir/full.txt" 2>&1) | cat >"$dir/out"
grep -q 'reset by sequence baco and healthy' "$dir/out" && grep -q -- '--trace: not all of it could be written' "$dir/out"
ok "a trace that may not grow on: $(head -n 1 "$dir/out")" $?

# cut off anywhere, as by a kill: whole lines, and an end, are an array
size=$(wc -c <"$dir/a.json")
bad=0
for part in 9 7 5 3; do
	{ head -c $((size * part / 10)) "$dir/a.json" | sed '$d'; } >"$dir/cut"
	{ sed '$s/,$//' "$dir/cut"; echo ']'; } >"$dir/cut.json"
	python3 -c 'import json, sys; json.load(open(sys.argv[1]))' "$dir/cut.json" 2>/dev/null ||
		bad=$((bad + 1))
done
[ $bad = 0 ]
ok "a trace that was cut off is an array but for its end ($bad of 4 are not)" $?

# --- simulated, dry, several cards ----------------------------------------------------------
t 0 'healthy|pristine' --replay tests/records/lab-flr.rec --quirks "$q" --trace "$dir/sim.json"
trace_ok "a simulated reset" "$dir/sim.json"
t 0 'would try' -n --replay $run_rec --quirks "$q" --trace "$dir/dry.json"
trace_ok "a dry run" "$dir/dry.json"
! grep -q '"name":"attempt: ' "$dir/dry.json"
ok "a dry run makes no attempt" $?
cards='0000:00:00 0000:00:01 0000:01:00'
# shellcheck disable=SC2086
"$prog" -n $cards --replay tests/records/synthetic.lspci --quirks "$q" --trace "$dir/many.json" >"$dir/out" 2>&1
trace_ok "several cards" "$dir/many.json"
grep -q '^3 tracks' "$dir/out"
ok "each of several cards ($cards) has a track: $(cat "$dir/out")" $?
# shellcheck disable=SC2086
"$prog" -n $cards --replay tests/records/synthetic.lspci --quirks "$q" --trace "$dir/many.txt" >"$dir/out" 2>&1
n=0
for c in $cards; do [ ! -s "$dir/many.txt.$c" ] || n=$((n + 1)); done
[ $n = 3 ] && [ ! -e "$dir/many.txt" ]
ok "lines of several cards: a file each ($n)" $?

# --- report -----------------------------------------------------------------------------------
t 1 'which card' report --quirks "$q"
t 0 'to attach to an issue' report --help
n=0
for r in tests/records/lab-*.rec; do
	t 0 '^gpureset-record 1$' report --replay "$r" --quirks "$q"
	t 0 '^# The end: [0-9]+ calls to the machine, 0 of them writes\.$' report --replay "$r" --quirks "$q"
	rm -f "$dir/r.rec"
	"$prog" report --replay "$r" --quirks "$q" -o "$dir/r.rec" >"$dir/out" 2>&1
	"$prog" plan -v --replay "$r" --quirks "$q" >"$dir/plan.1" 2>/dev/null
	"$prog" plan -v --replay "$dir/r.rec" --quirks "$q" >"$dir/plan.2" 2>"$dir/out"
	[ -s "$dir/plan.2" ] && cmp -s "$dir/plan.1" "$dir/plan.2"
	ok "a report of $r is a recording with the same plan: $(head -n 1 "$dir/out")" $?
	sed -n '/^# --- what a reset would try/,/^# --- what is wrong/s/^# //p' "$dir/r.rec" | sed '1d;$d' >"$dir/plan.3"
	cmp -s "$dir/plan.1" "$dir/plan.3"
	ok "the report of $r has its plan" $?
	grep -q '^# --- what is wrong with the host' "$dir/r.rec"
	ok "the report of $r has the doctor's findings" $?
	n=$((n + 1))
done
echo "count: reports that replay with the same plan: $n"
[ "$(stat -c %a "$dir/r.rec")" = 600 ]
ok "only the owner can read a report" $?
t 1 'exists already' report --replay tests/records/lab-fury.rec --quirks "$q" -o "$dir/r.rec"

# a card that is being reset is not looked at; what was done to it last is told, scrubbed
run=$dir/report-run
mkdir "$run"
chmod 755 "$run"
host=pve-host7
{
	echo '== 2026-11-21 12:00:00 UTC, gpureset 0.1.0'
	echo "     0.001  on $host, ${host}s and serial-$host"
	echo '     0.002  mac 00:1b:21:3a:4f:5c and 123e4567-e89b-12d3-a456-426614174000'
	echo '     0.003  Serial Number: ABC123'
} >"$run/trace-0000:fe:1f"
chmod 600 "$run/trace-0000:fe:1f"
echo "$$ 1" >"$run/0000:fe:1f.lock"
chmod 600 "$run/0000:fe:1f.lock"
# shellcheck disable=SC2016
unshare -u sh -c 'echo "$0" >/proc/sys/kernel/hostname && exec "$@"' $host \
	"$prog" report fe:1f --run-dir "$run" --quirks "$q" >"$dir/busy.txt" 2>"$dir/out"
got=$?
[ $got = 5 ] && grep -q '^gpureset: busy: 0000:fe:1f is being reset' "$dir/out"
ok "a card that is being reset: exit $got: $(head -n 1 "$dir/out")" $?
grep -q '^# not known: it is being reset' "$dir/busy.txt" &&
	grep -q '^# == 2026-11-21 12:00:00 UTC' "$dir/busy.txt" &&
	grep -q '^# The end: 0 calls to the machine' "$dir/busy.txt"
ok "its report has the last trace and asked the card for nothing" $?
grep -qF ", ${host}s and serial-$host" "$dir/busy.txt" && ! grep -qE "ABC123|00:1b:21|123e4567|on $host," "$dir/busy.txt"
ok "what is nobody's business is scrubbed, and no more: $(grep '  on ' "$dir/busy.txt")" $?
rm "$run/0000:fe:1f.lock"
# somebody else's link is not followed
rm "$run/trace-0000:fe:1f"
ln -s /etc/passwd "$run/trace-0000:fe:1f"
t 1 'no such device' report fe:1f --run-dir "$run" --quirks "$q"
