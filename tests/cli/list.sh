# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh disable=SC2154
# `gpureset list`, and what list and plan say of every recording: text and JSON, as they
# are in tests/records/NAME.text. UPDATE=1 rewrites those: read the diff. Read by
# tests/cli/run, whose t, q, dir and prog these are.
rec=tests/records/lab-fury.rec

# --- columns ------------------------------------------------------------------------------
t 0 'Columns' list --help
t 1 "no column 'frob'; wanted any of BDF NAME .*IDS" list -o bdf,frob
t 1 "no column ''" list --columns ''
t 1 "no column ''" list --columns bdf,
t 1 "no column '\+why'" list -o bdf,+why
t 1 'at most' list -o "+$(printf 'why,%.0s' 1 2 3 4 5 6 7 8)bdf"
t 1 'requires an argument' list -o
t 1 'for the table' list --json --raw
t 1 'for the table' list --json -o bdf
t 1 'no-such-file' list --replay "$dir/no-such-file"
t 0 '^STATE BDF$' list -o sTaTe,bdf --replay "$rec" --quirks "$q"
t 0 '^BDF .*IDS +POWER$' list -o +power --replay "$rec" --quirks "$q"
t 0 '^0000:0b:00 .* ok .* 18 clean ' list --replay "$rec" --quirks "$q"
# --output of other commands is still -o
t 1 'only root|no such device|which card' record -o "$dir/none.rec" ff:1f --quirks "$q"

# --- for shell loops: as many words a line as columns -------------------------------------
for r in tests/records/*.rec; do
	"$prog" list --raw --all --replay "$r" --quirks "$q" -o +why,reserved,fullname,power >"$dir/out" 2>&1
	[ -s "$dir/out" ] && awk 'NF != 13 || !/^[0-9a-f:]* / { exit 1 }' "$dir/out"
	ok "list --raw of $r: $(head -n 1 "$dir/out")" $?
done
[ "$("$prog" list -r -o name --replay "$rec" --quirks "$q")" = 'Radeon\x20R9\x20FURY\x20/\x20NANO\x20Series' ]
ok "list --raw: blanks of a cell are \\x20, no heading" $?

# --- no GPU ---------------------------------------------------------------------------------
sed 's/attr class "0x030000"/attr class "0x020000"/' "$rec" >"$dir/nogpu.rec"
t 0 '^no GPU found; --all shows' list --replay "$dir/nogpu.rec" --quirks "$q"
t 0 '^0000:0b:00 ' list --all --replay "$dir/nogpu.rec" --quirks "$q"
t 0 '"cards":\[\]' list --json --replay "$dir/nogpu.rec" --quirks "$q"
[ -z "$("$prog" list --raw --replay "$dir/nogpu.rec" --quirks "$q" 2>/dev/null)" ]
ok "list --raw without a GPU prints nothing" $?

# --- colours: on a terminal, unless it or the caller does not want them -----------------------
on_terminal() { # ENVIRONMENT...
	env "$@" python3 -c 'import pty, sys; pty.spawn(sys.argv[1:])' "$prog" list \
		--replay tests/records/lab-fury-baco.rec --quirks "$q" </dev/null >"$dir/out" 2>&1
	grep -q "0000:0b:00.*D3hot" "$dir/out" || return 2
	grep -q "$(printf '\033')" "$dir/out"
}
on_terminal TERM=xterm NO_COLOR=
ok "list has colours on a terminal" $?
# 80 columns, which it does not fit into: the name alone gives way, to 20 characters or so
grep -qE 'Radeon R9 FURY / NA.{0,4} .*D3hot.*sequence baco_exit.*1002:7300,1002:aae8' "$dir/out"
ok "list cuts the name alone: $(tail -n 1 "$dir/out")" $?
for e in TERM=dumb TERM= NO_COLOR=1; do
	on_terminal TERM=xterm NO_COLOR= "$e"
	[ $? -eq 1 ]
	ok "list has no colours with $e" $?
done
TERM=xterm "$prog" list --replay tests/records/lab-fury-baco.rec --quirks "$q" >"$dir/out"
! grep -q "$(printf '\033')" "$dir/out"
ok "list has no colours in a pipe" $?

# --- not root: one hint on a terminal, as a program gets none ($dir/nobody: rights.sh) ----
python3 -c 'import pty, sys; pty.spawn(sys.argv[1:])' "$dir/nobody" list --quirks "$q" </dev/null >"$dir/out" 2>&1
[ "$(grep -c '^gpureset: note: not root, so ' "$dir/out")" -eq 1 ]
ok "list as another user: the hint: $(head -n 2 "$dir/out")" $?
"$dir/nobody" list --quirks "$q" >"$dir/out" 2>&1
! grep -q 'not root' "$dir/out"
ok "list as another user: no hint without a terminal" $?

# --- golden -----------------------------------------------------------------------------------
# what a parser makes of it, without what changes with each version or fills pages
cat >"$dir/parse" <<'END'
import json, sys
d = json.load(sys.stdin)
del d["gpureset"]
for t in d.get("targets", []):
    for a in t["attempts"]:
        assert all(isinstance(s, str) for s in a.pop("steps"))
json.dump(d, sys.stdout, indent=1)
print()
END
goldens=0
golden() { # RECORDING: list and plan of it
	for c in list plan; do
		echo "\$ gpureset $c"
		"$prog" $c --replay "$1" --quirks "$q" 2>&1
		echo "\$ gpureset $c --json"
		"$prog" $c --json --replay "$1" --quirks "$q" 2>/dev/null | python3 "$dir/parse" ||
			echo "NOT JSON"
	done
}
for r in tests/records/*.rec tests/records/*.lspci; do
	want=${r%.*}.text
	golden "$r" 2>&1 | sed "s|$dir/||g" >"$dir/text"
	[ -z "${UPDATE:-}" ] || cp "$dir/text" "$want"
	cmp -s "$dir/text" "$want" && ! grep -q 'NOT JSON' "$want"
	ok "list and plan of $r: $(diff "$want" "$dir/text" | head -n 3)" $?
	goldens=$((goldens + 1))
	"$prog" list --all --json --replay "$r" --quirks "$q" 2>/dev/null | python3 -m json.tool >/dev/null
	ok "list --all --json of $r is JSON" $?
done
[ "$goldens" -ge 7 ]
ok "every recording was looked at: $goldens" $?
