# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh disable=SC2154
# `gpureset recover`; read by tests/cli/run, whose t and dir these are. The journals are
# of a slot that no machine has, so that no device is looked at.
run=$dir/recover
journal=$run/journal-0000:fe:1f
undo='undo 1.1 delay 0000:fe:1f.7 phase=4 us=10'
awake='undo 1.2 attr 0000:fe:1f.7 phase=4 us=1000000 name=power/control text=auto'
recover() { # STATUS PATTERN ARGS...
	a=$1 b=$2
	shift 2
	t "$a" "$b" recover --run-dir "$run" --state-dir "$run" "$@"
}
t 0 'usage: gpureset recover' recover --help
t 1 'unrecognized option' recover --force-vfs
recover 0 '^gpureset: nothing to put back'
recover 0 '"targets":\[\]' --json
mkdir -m 755 "$run"
recover 0 '^0000:fe:1f: nothing to put back$' fe:1f
# -n says what would be done and leaves the journal as it is
printf '%s\n%s\n' "$undo" "$awake" >"$journal"
cp "$journal" "$dir/before"
recover 0 '^0000:fe:1f: a killed run left 2 things to be put back$' -n
recover 0 "^  would be put back: 0000:fe:1f.7 put 'auto' into power/control$" -n fe:1f.3
recover 0 '"things":2,"left":0' -n --json
if cmp -s "$journal" "$dir/before"; then
	passed=$((passed + 1))
else
	failed=$((failed + 1))
	echo "not ok gpureset recover -n changed the journal"
fi
# what cannot be put back stays, and is said again
recover 2 '1 could not be put back and waits for the next run: .*power/control'
recover 2 "^  NOT put back \\(No such file or directory\\): .*power/control$"
recover 2 '"things":1,"left":1' --json
# all put back: the journal goes
echo "$undo" >"$journal"
recover 0 'left 1 thing behind; all put back$'
recover 0 '^gpureset: nothing to put back'
# a damaged one is no success, and is followed as far as it goes
printf '%s\nnonsense\n' "$undo" >"$journal"
recover 2 'all put back \(its journal was damaged'
echo nonsense >"$journal"
recover 0 'its journal is damaged' -n
recover 2 'left a journal that cannot be read'
# names that are no slot's are nobody's; one that is no file is not followed
mkdir "$run/journal-0b"
recover 0 '^gpureset: nothing to put back'
ln -s "$dir/before" "$journal"
recover 6 'is a symbolic link and is not followed'
rm -r "$journal" "$run/journal-0b"
# somebody is at work on it
echo "$undo" >"$journal"
mkfifo "$dir/go"
flock "$run/0000:fe:1f.lock" sh -c 'cat "$0"' "$dir/go" >/dev/null &
until ! flock -n "$run/0000:fe:1f.lock" true; do :; done
recover 5 'busy: another gpureset'
echo >"$dir/go"
wait
recover 0 'all put back$'
# a worker's working folder is not the caller's
echo "$undo" >"$journal"
t 0 'all put back$' recover --run-dir "$(realpath --relative-to=. "$run")" --state-dir \
	"$(realpath --relative-to=. "$run")"
