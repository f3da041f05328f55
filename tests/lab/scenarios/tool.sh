# SPDX-License-Identifier: GPL-2.0-or-later
# Not a scenario: what the scenarios that run gpureset share.

# g STATUS ARGS...: gpureset must end with STATUS; its output is in /run/out
g() {
	want=$1
	shift
	echo "\$ gpureset $*"
	gpureset "$@" >/run/out 2>&1
	got=$?
	cat /run/out
	[ $got -eq "$want" ] || fail "gpureset $*: exit $got, wanted $want: $(head -n 1 /run/out)"
}

# says PATTERN: the last output has a matching line
says() {
	grep -qE -- "$1" /run/out || fail "no line /$1/ in: $(head -n 2 /run/out | tr '\n' ' ')"
}

# truth CARD WORD: the model's own state has the word ("dirty=0")
truth() {
	ctl "state $1" >/run/state
	grep -qw -- "$2" /run/state || fail "$1: wanted $2, model says: $(cat /run/state)"
}

# count CARD NAME: a number of the model's state
count() {
	ctl "state $1" | tr ' ' '\n' | sed -n "s/^$2=//p"
}

# is_there BDF...: each function is known to the kernel and answers
is_there() {
	for bdf; do
		id=$(hexdump -n 4 -e '1/4 "%08x"' "/sys/bus/pci/devices/0000:$bdf/config" 2>/dev/null)
		[ -n "$id" ] && [ "$id" != ffffffff ] || fail "$bdf does not answer (${id:-gone})"
	done
}

# dirty: a VM posts the Fury X and is stopped without cleaning up
dirty() {
	g 0 -q 0b:00
	vm_start dirty 0b:00 || fail "a VM could not use the card to begin with"
	vm_stop
	truth fury dirty=1
}

ms() { awk '{ printf "%d", $1 * 1000 }' /proc/uptime; }
