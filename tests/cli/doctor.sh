# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh disable=SC2154
# `gpureset doctor`; read by tests/cli/run, whose t, q and dir these are. The host is the
# sound one of tests/doctor, with a made-up configuration of Proxmox'. What each check
# finds is tests/doctor's business; here: what is said how, and with which exit status.
doc=$dir/doctor
rec=$doc/sound.rec
mkdir -p "$doc/pve/qemu-server" "$doc/run" "$doc/snippets" "$doc/none"
tests/doctor/sound >"$rec"
doctor() { # STATUS PATTERN ARGS...
	a=$1 b=$2
	shift 2
	t "$a" "$b" doctor --quirks "$q" --run-dir "$doc/run" --qemu-run-dir "$doc/none" \
		--snippets "$doc/snippets" --pve-hook hooks/pve-hook "$@"
}
# on a made-up Proxmox host
pdoc() { doctor "$@" --replay "$rec" --config-dir "$doc/pve"; }
# what must not be in the output of the last call
lacks() {
	if grep -qE -- "$1" "$dir/out"; then
		failed=$((failed + 1))
		echo "not ok: the output of the last call has /$1/"
	else
		passed=$((passed + 1))
	fi
}

t 0 'gpureset doctor ' doctor --help
t 0 '^  2  a problem was found' doctor --help
doctor 1 'column 1: two hex digits of a bus' zz:00
doctor 1 'ff:1f: no such device' ff:1f
doctor 1 "'99' is no VMID" 99 --config-dir "$doc/pve"
doctor 1 "'frobnicate' is no VMID" frobnicate
doctor 1 'no VM 999 on this node: there is no .*/qemu-server/999.conf' 999 --config-dir "$doc/pve"
doctor 1 'unrecognized option' --frobnicate
t 6 'no quirk file|No such file' doctor --quirks "$doc/nowhere" --replay "$rec"
doctor 1 'No such file' --replay "$doc/nowhere.rec"
printf 'gpureset-record 1\n[host]\nnonsense\n' >"$doc/bad.rec"
doctor 6 'bad.rec:3:1: error' --replay "$doc/bad.rec"

# this machine, read only: whatever is found, it ends with a summary
"$prog" doctor --quirks "$q" --run-dir "$doc/run" >"$dir/out" 2>&1
case $? in
0 | 2) lacks 'Sanitizer|Assertion' ;;
*) failed=$((failed + 1)); echo "not ok gpureset doctor on this machine: $(tail -n 1 "$dir/out")" ;;
esac

# a recording by itself has no VMs, not even those of this host
doctor 0 '^0000:0b:00 .*Fiji' --replay "$rec"
lacks '^VM '
doctor 0 '^[0-9]+ checks: ' 0b:00 --replay "$rec"
doctor 1 '0c:00: no such device' 0c:00 --replay "$rec"
lacks 'checks:'

# the sick host: a problem is status 2; warnings and notes are not
cat >"$doc/pve/qemu-server/101.conf" <<'END'
bios: ovmf
cpu: host
hookscript: local:snippets/gpureset
hostpci0: 0000:0b:00,pcie=1
hostpci1: 0000:0c:00,hidden=1
ostype: l26
vga: none
END
cat >"$doc/want" <<END

VM 101, $doc/pve/qemu-server/101.conf
  problem: pcie=1 without the machine q35 [vm-needs-q35]
    seen  101.conf has 'hostpci0: 0000:0b:00,pcie=1' and no 'machine:', which means
          i440fx
    why   the start ends with 'q35 machine model is not enabled'
    fix   give it the machine with PCI Express (an installed Windows detects its devices
          anew), or take pcie=1 away:
              qm set 101 --machine q35

  problem: a line of the configuration is not obeyed [vm-line-dropped]
    seen  101.conf, line 5, column 22: 'hidden' is no option of hostpci: PVE drops this
          line, the VM starts without the device
    why   Proxmox VE ignores what it does not understand, so the VM starts without its
          card, or with another choice than was meant
    fix   mend the line; best with this, N and ADDRESS being the line's number and the
          card's address ('gpureset list'):
              qm set 101 --hostpciN 'ADDRESS,pcie=1'

  problem: the hookscript cannot be run [vm-hook-broken]
    seen  101.conf has 'hookscript: local:snippets/gpureset', and script
          'local:snippets/gpureset' does not exist
END
pdoc 2 '^[0-9]+ checks: 3 problems' 101
# the name of the folder is of any length, so the line with it is left to itself
sed -n '/^$/,$p' "$dir/out" | sed -n '/^VM 101/,/does not exist/p' |
	sed "s|does not exist.*|does not exist|" >"$doc/got"
sed 1d "$doc/want" | diff - "$doc/got" >"$doc/diff" || {
	failed=$((failed + 1))
	echo "not ok gpureset doctor 101: not as it should be said:"
	cat "$doc/diff"
}
lacks ' $'
lacks '^    fine'
pdoc 2 '^VM 101, '
pdoc 2 '^VM 101, ' 0b:00
pdoc 2 '^    fine  .*vm-locked' -v 101
ln -s "$PWD/hooks/pve-hook" "$doc/snippets/gpureset"
sed -i '/hidden/d' "$doc/pve/qemu-server/101.conf"
pdoc 2 '^[0-9]+ checks: 1 problem(,|;|$)' 101
sed -i '$a machine: q35' "$doc/pve/qemu-server/101.conf"
pdoc 0 '^VM 101, .*: nothing found' 101
lacks ' 0 problems'
echo 'balloon: 1024
memory: 2048' >>"$doc/pve/qemu-server/101.conf"
pdoc 0 'note: +ballooning cannot' 101

# a VM without a card is looked at only when it is named; one whose card is gone always
echo 'cores: 1' >"$doc/pve/qemu-server/102.conf"
pdoc 0 '^VM 101'
lacks '^VM 102'
pdoc 0 '^VM 102, .*: nothing found' 102
echo 'hostpci0: 0000:41:00' >"$doc/pve/qemu-server/102.conf"
pdoc 2 '102.conf passes 0000:41:00 through'
pdoc 0 '^VM 101' 0b:00
lacks '^VM 102'

# colours: on a terminal, for the severity alone
on_terminal() { # ENVIRONMENT...: how many lines have an escape
	env TERM=xterm "$@" python3 -c 'import pty, sys; pty.spawn(sys.argv[1:])' "$prog" doctor \
		--quirks "$q" --replay "$rec" --config-dir "$doc/pve" 101 --snippets "$doc/none" \
		</dev/null 2>&1 | grep -c "$(printf '\033')"
}
coloured=$(on_terminal NO_COLOR=) plain=$(on_terminal NO_COLOR=1)
if [ "$coloured" = 1 ] && [ "$plain" = 0 ]; then
	passed=$((passed + 1))
else
	failed=$((failed + 1))
	echo "not ok doctor on a terminal: $coloured lines with colours, $plain with NO_COLOR"
fi
pdoc 0 'note: ' 101
lacks "$(printf '\033')"

# for programs
json() { # STATUS EXPRESSION ARGS...: of the parsed object d
	a=$1 b=$2
	shift 2
	"$prog" doctor --json --quirks "$q" --run-dir "$doc/run" --qemu-run-dir "$doc/none" \
		--snippets "$doc/snippets" --config-dir "$doc/pve" "$@" >"$dir/out" 2>"$dir/err"
	got=$?
	if [ $got = "$a" ] && python3 -c 'import json, sys
d = json.load(open(sys.argv[1]))
sys.exit(not eval(sys.argv[2]))' "$dir/out" "$b" 2>"$dir/err2"; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "not ok gpureset doctor --json $*: exit $got, wanted $a and $b"
		head -n 3 "$dir/err" "$dir/err2"
	fi
}
json 2 '[(f["check"], f["vmid"]) for f in d["findings"] if f["severity"] == "problem"] == [("vm-card-missing", 102)]' \
	--replay "$rec"
json 2 'all(f["seen"] and f["why"] and (f["fix"] or f["severity"] == "unknown") for f in d["findings"])' \
	--replay "$rec"
json 0 'd["cards"] == 1 and d["vms"] == 1 and d["checks"] >= d["fine"] > 0 and d["root"]' 0b:00 --replay "$rec"
json 0 'd["findings"][0]["check"] and d["kernel"] == "6.8.12-13-pve"' 101 --replay "$rec"

# a dump of lspci tells little, and that is said
doctor 0 '[0-9]+ could not be looked at \(-v says why\)' --replay tests/records/synthetic.lspci
doctor 0 'a dump of lspci does not say who uses the card \[use-held\]' -v --replay tests/records/synthetic.lspci

# a card that is being reset: nobody looks at it, the rest is examined; a recorded one
# is never busy
any=
for f in /sys/bus/pci/devices/*; do any=${f##*/}; done
if [ -e "/sys/bus/pci/devices/$any" ]; then
	echo "$$ 1" >"$doc/run/${any%.*}.lock"
	doctor 5 "busy: ${any%.*} is being reset at this moment" "$any"
	lacks checks:
	rm "$doc/run/${any%.*}.lock"
	echo "$$ 1" >"$doc/run/0000:0b:00.lock"
	doctor 0 ': nothing found' 0b:00 --replay "$rec"
fi

# somebody who is not root: a function of this machine, any; a recording needs no rights
if [ "$(id -u)" = 0 ] && [ -e "/sys/bus/pci/devices/$any" ] && command -v setpriv >/dev/null; then
	chmod 755 "$dir" "$doc"
	cp "$prog" "$doc/as-user"
	root=$prog
	prog="setpriv --reuid=65534 --regid=65534 --clear-groups $doc/as-user"
	printf '#!/bin/sh\nexec %s "$@"\n' "$prog" >"$doc/user"
	chmod 755 "$doc/user" "$doc/as-user"
	prog=$doc/user
	# 1, but 2 when this machine itself has a problem that everybody sees
	"$prog" doctor --quirks "$q" "$any" >/dev/null 2>&1
	blind=$?
	[ $blind = 2 ] || blind=1
	doctor $blind 'try sudo$' "$any"
	doctor $blind "only root may see who uses it.*\[card\]" -v "$any"
	doctor 1 'no such device' ff:1f.0
	doctor 0 'checks' --replay tests/records/synthetic.lspci
	# Proxmox' settings are root's
	chmod 700 "$doc/pve"
	doctor $blind '/qemu-server: Permission denied \[vms\]' -v --config-dir "$doc/pve" "$any"
	doctor 2 'Permission denied' --config-dir "$doc/pve" 101
	prog=$root
fi
