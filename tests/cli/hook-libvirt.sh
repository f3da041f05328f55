# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh disable=SC2154
# `gpureset hook libvirt` as far as no device is looked at; read by tests/cli/run, whose
# t, dir and prog these are. Standard output must be empty, always.
lv_is() { # NAME STATUS PATTERN: what lv and lv_script have left
	if [ "$lv_got" -eq "$2" ] && [ ! -s "$dir/lv-out" ] &&
	   { [ "$3" = - ] && [ ! -s "$dir/lv-err" ] || grep -qE -- "$3" "$dir/lv-err"; }; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "not ok $1: exit $lv_got, wanted $2 and /$3/:"
		head -n 3 "$dir/lv-out" "$dir/lv-err"
	fi
}
lv() { # STATUS PATTERN XML ARGS...; the pattern - is silence
	lv_want=$1 lv_pattern=$2 lv_xml=$3
	shift 3
	printf '%s' "$lv_xml" | "$prog" hook libvirt --run-dir "$dir/run" --quirks "$q" \
		--config "$dir/lv.conf" "$@" >"$dir/lv-out" 2>"$dir/lv-err"
	lv_got=$?
	lv_is "hook libvirt $*" "$lv_want" "$lv_pattern"
}
lv_plain="<domain type='kvm'><name>a</name><devices><hostdev type='usb'/></devices></domain>"
lv_cut="<domain><devices><hostdev type='pci'"
# XML that begins and then stalls, meanwhile: it is not waited for for ever
mkfifo "$dir/lv-stall"
: >"$dir/lv-stall.conf"
{ printf '%s' "$lv_plain" | head -c 30; timeout 300 cat "$dir/lv-stall"; } |
	{ "$prog" hook libvirt --run-dir "$dir/run" --quirks "$q" --config \
		"$dir/lv-stall.conf" a prepare begin - >"$dir/lv-stall-out" 2>&1
	echo $? >"$dir/lv-stall-end"; } &
lv_stall=$!
# Unreadable on purpose: whoever only passes by must not even look.
echo 'nonsense' >"$dir/lv.conf"
lv 0 - '' a start begin -
lv 0 - '<' a started begin -
lv 0 - "$lv_cut" a stopped end -
lv 0 - "$lv_cut" a reconnect begin -
lv 0 - "$lv_cut" a migrate begin -
lv 0 - "$lv_cut" a restore begin -
lv 0 - "$lv_cut" a attach begin -
lv 0 - "$lv_cut" a prepare end -
lv 0 - "$lv_cut" a release begin -
lv 0 - "$lv_cut" a something-new begin with more words
lv 1 'hook libvirt takes' '' a prepare
# a guest without a card of the host's
lv 0 - "$lv_plain" a prepare begin -
lv 0 - "$lv_plain" a release end shutdown
lv 0 - "$lv_plain" -- --help prepare begin -
# XML that cannot be read: it may have a card, or it cannot have one
lv 6 'lv\.conf:1:' "$lv_cut" a prepare begin -
lv 0 'guest a: domain XML, line 1, column 37: .*not looked after' "$lv_cut" a release end -
lv 0 'guest a: domain XML, line 2, column 2: .*not looked after' '<domain>
<' a prepare begin -
lv 0 'there is no domain in it' '' a prepare begin -
: >"$dir/lv.conf"
lv 6 'guest a: .*column 37: .*not started.*start-anyway = yes. below .vm a.' "$lv_cut" a prepare begin -
printf '[vm a]\nstart-anyway = yes\n' >"$dir/lv.conf"
lv 0 'guest a: .*starts with its cards as they are' "$lv_cut" a prepare begin -
lv 6 'guest b: .*not started' "$lv_cut" b prepare begin -
lv 6 'larger than 1048576 bytes' "$(head -c 1100000 /dev/zero | tr '\0' ' ')" b prepare begin -
# nothing in a name reaches the terminal
lv 6 'guest a\?b\?\?31mc ü: ' "$lv_cut" "$(printf 'a\033b\302\23331mc ü')" prepare begin -
t 0 'usage: gpureset hook libvirt' hook libvirt --help
t 1 'hook libvirt takes' hook libvirt

# the script: here without a program, or with it
lv_script() { # STATUS PATTERN XML ARGS...
	lv_want=$1 lv_pattern=$2 lv_xml=$3
	shift 3
	printf '%s' "$lv_xml" | "$dir/libvirt-hook" "$@" >"$dir/lv-out" 2>"$dir/lv-err"
	lv_got=$?
	lv_is "libvirt-hook $*" "$lv_want" "$lv_pattern"
}
sed "s|^program=.*|program=$dir/none|" hooks/libvirt >"$dir/libvirt-hook"
chmod 755 "$dir/libvirt-hook"
lv_pci="<domain><devices><hostdev mode='subsystem' type='pci'"
lv_script 1 "$dir/none is missing" "$lv_pci" a prepare begin -
lv_script 0 "$dir/none is missing" "$lv_pci" a release end -
lv_script 0 - "$lv_plain" a prepare begin -
lv_script 0 - "$lv_pci" a reconnect begin -
lv_program=$(cd "$(dirname "$prog")" && pwd)/$(basename "$prog")
sed "s|^program=.*|program=$lv_program|" hooks/libvirt >"$dir/libvirt-hook"
lv_script 0 - "$lv_pci" a reconnect begin -
lv_script 0 - "$lv_plain" 'name with  blanks' prepare begin -
lv_script 0 'guest name with  blanks: ' '' 'name with  blanks' release end -
# what stalled has ended by itself: its other end is still open
until [ -s "$dir/lv-stall-end" ] || ! kill -0 $lv_stall 2>/dev/null; do sleep 1; done
: >"$dir/lv-out"
lv_got=$(cat "$dir/lv-stall-end")
cp "$dir/lv-stall-out" "$dir/lv-err"
lv_is 'hook libvirt with XML that stalls' 6 'guest a: .*its end did not come; it is not started'
: >"$dir/lv-stall"
