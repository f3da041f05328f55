# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh disable=SC2154
# `gpureset hook release`, and what `hook status` says of a start that failed; read by
# tests/cli/run, whose t, q and dir these are. The cards are in slots that no machine has.
run=$dir/release
held=$run/held-0000:fe:1f
release() { # STATUS PATTERN ARGS...
	a=$1 b=$2
	shift 2
	t "$a" "$b" hook release --run-dir "$run" --quirks "$q" --qemu-run-dir "$dir/none" \
		--config "$dir/release.conf" "$@"
}
hold() { # VM-LINES...: for them a value of a function that is gone is held
	{ echo 'gpureset held 1'; printf '%s\n' "$@"
	  echo '0000:fe:1f.0 power/control "auto" "on"'; } >"$held"
}
kept() { # yes|no WHAT: is the file still there?
	a=no
	[ ! -e "$held" ] || a=yes
	if [ $a = "$1" ]; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "not ok $2: the list of what is held is there: $a"
	fi
}
mkdir -m 755 "$run"
echo 'after-stop = vfio' >"$dir/release.conf"
chmod 644 "$dir/release.conf"
t 0 'usage: gpureset hook release BDF' hook release --help
release 1 'release which card'
release 1 "'frobnicate' is no card, and nothing is held for a VM of that name" frobnicate
release 0 '^VM 101: nothing is held for it$' 101
release 0 '^0000:fe:1f: nothing is held$' fe:1f
release 0 '"held":false' fe:1f --json
# -n changes nothing
hold 'vm "101"' 'vm "my%20guest"'
release 0 '^0000:fe:1f: is held for VM 101, my guest; nothing is done$' -n fe:1f.3
kept yes 'hook release -n'
release 0 '"dry_run":true,"held":true,"vms":"101, my guest","left":0,"steps":\[\]' -n --json 101
status() { # STATUS PATTERN ARGS...
	a=$1 b=$2
	shift 2
	t "$a" "$b" hook status --run-dir "$run" --config-dir "$dir/release-pve" \
		--qemu-run-dir "$dir/none" "$@"
}
mkdir -p "$dir/release-pve/qemu-server"
status 0 '^0000:fe:1f: held for VM 101, my guest, which does not start; .*: gpureset hook release 0000:fe:1f$'
status 0 '"held":\[\{"slot":"0000:fe:1f","vms":"101, my guest"\}\]' --json
release 0 '^0000:fe:1f: was held for VM 101, my guest; put back$' 101
kept no 'hook release 101 left this'
status 0 '^no VM of this node has a GPU'
hold 'vm "my%20guest"'
release 0 'was held for VM my guest; put back$' 'my guest'
# a start that may go on is not disturbed
now=$(cut -d. -f1 /proc/uptime)
hold 'vm "101"' "vm \"102\" $now"
release 5 'made ready for the start of VM 102 [0-9]+ s ago, which may be under way; try again in [0-9]+ s$' fe:1f
release 5 '"exit":5.*"error":"0000:fe:1f: it was made ready' fe:1f --json
kept yes 'hook release beside a start'
status 0 '^no VM of this node has a GPU'
hold "vm \"102\" $((now > 200 ? now - 200 : 1))"
[ "$now" -le 200 ] || release 0 'was held for VM 102; put back$' 102
# another gpureset has the card
hold 'vm "101"'
mkfifo "$dir/release-go"
flock "$run/0000:fe:1f.lock" sh -c 'cat "$0"' "$dir/release-go" >/dev/null &
until ! flock -n "$run/0000:fe:1f.lock" true; do :; done
release 5 'busy: another gpureset' 101
echo >"$dir/release-go"
wait
# what cannot be read is not guessed
echo nonsense >"$held"
release 6 "held-0000:fe:1f:1: it is not 'gpureset held 1'" fe:1f
kept yes 'hook release of a damaged list'
echo 'hook = never' >"$dir/release.conf"
release 6 'is no value of hook' fe:1f
