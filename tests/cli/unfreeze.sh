# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh disable=SC2154
# `gpureset unfreeze`; read by tests/cli/run, whose t and dir these are. The records are
# of a slot that no machine has.
run=$dir/unfreeze-run
state=$dir/unfreeze
record=$state/risk-0000:fe:1f
unfreeze() { # STATUS PATTERN ARGS...
	a=$1 b=$2
	shift 2
	t "$a" "$b" unfreeze --run-dir "$run" --state-dir "$state" "$@"
}
# one BOOT METHOD: a record
one() {
	printf 'method %s\nboot %s\ncard 1:2:3:4\nquirk x x.quirk:3\n' "$2" "$1"
	printf 'step s\nkernel 6.12.0\ntime 2026-11-21 17:56:17 UTC\nundo u\n'
}
records() {
	{
		echo 'gpureset risk 1'
		one 1a2b3c4d-0 flr
		one 1a2b3c4d-0 'bus at 0000:00:1c.0'
		one "$(cat /proc/sys/kernel/random/boot_id)" pm
		echo 'end 3'
	} >"$record"
}
t 0 'usage: gpureset unfreeze' unfreeze --help
t 1 'unrecognized option' unfreeze --force-vfs
unfreeze 0 'no method of any card is off'
unfreeze 0 '"cards":\[\],"exit":0' --json
unfreeze 1 'column' zz:00
unfreeze 0 '0000:fe:1f: no method is off' fe:1f
mkdir "$state"; chmod 755 "$state"
records
unfreeze 0 "^0000:fe:1f: 'flr' is off: the host did not come back .*boot 1a2b3c4d"
unfreeze 0 "^0000:fe:1f: 'pm' was begun on .* the host lives, so it is not off"
unfreeze 0 '^    not undone then: u$' -n fe:1f
unfreeze 0 '^0000:fe:1f: would be allowed again$' -n fe:1f
unfreeze 0 '"method":"flr","off":true.*"method":"pm","off":false' --json
t 0 "'flr' is off" recover --run-dir "$run" --state-dir "$state"
# recover took the one of this boot off
unfreeze 1 "'pm' is not off" fe:1f pm
unfreeze 1 "'fl' is not off" fe:1f fl
unfreeze 0 '^0000:fe:1f: allowed again$' fe:1f.3 bus
unfreeze 1 "'bus at 0000:00:1c.0' is not off" fe:1f bus at 0000:00:1c.0
unfreeze 0 "'flr' is off" fe:1f flr
unfreeze 0 'no method of any card is off'
# a damaged one is forgotten only as a whole
echo nonsense >"$record"
unfreeze 0 'methods that may hang the host are off.*risk-0000:fe:1f:1: '
unfreeze 6 'without a method .* forgets all of it' fe:1f flr
t 2 'may hang the host are off' recover --run-dir "$run" --state-dir "$state"
unfreeze 0 '^0000:fe:1f: allowed again$' fe:1f
ln -s "$dir/run" "$record"
unfreeze 0 'is a symbolic link'
rm "$record"
# somebody is at work on the card
records
mkfifo "$dir/go-on"
flock "$run/0000:fe:1f.lock" cat "$dir/go-on" >/dev/null &
until ! flock -n "$run/0000:fe:1f.lock" true; do :; done
unfreeze 5 'busy: another gpureset' fe:1f
echo >"$dir/go-on"
wait
unfreeze 0 'allowed again$' fe:1f
