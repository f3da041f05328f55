# SPDX-License-Identifier: GPL-2.0-or-later
# Not a scenario: what the scenarios of machine.modern share.
. /lab/scenarios/tool.sh

# awake SLOT: the kernel would put back what it saved when it put an idle function to
# sleep, over all that `dress` writes meanwhile
awake() {
	for f in $(functions "$1"); do echo on > "$sysfs/$f/power/control"; done
}

# dress SLOT: registers of all sorts other than as a reset leaves them, as drivers do.
# ACS is so already: the kernel switches it on, and after its resets always its own way.
dress() {
	setpci -s "$1.0" ECAP_AER+8.l=00100000 ECAP_AER+c.l=00062030 \
		ECAP_AER+14.l=0000e000 ECAP_AER+18.l=000001e0 \
		ECAP_LTR+4.l=10031003 CAP_EXP+28.w=0409 CAP_EXP+8.w=2937 \
		CAP_EXP+10.w=0040 0c.b=10 3c.b=0b || fail "cannot dress $1.0"
	setpci -s "$1.1" ECAP_AER+8.l=00400000 CAP_EXP+10.w=0040 || fail "cannot dress $1.1"
}

# dump SLOT NAME: all of the configuration space of both functions
dump() {
	for fn in 0 1; do
		lspci -xxxxs "$1.$fn" | grep -E '^[0-9a-f]+: ' > "/run/$2.$fn"
		same "4096 bytes of $1.$fn" "$(grep -c . "/run/$2.$fn")" 256
	done
}

# as_before SLOT [LINE]: the dump is the one of the name `before`, but for that line
as_before() {
	dump "$1" after
	for fn in 0 1; do
		grep -v "^${2:-none}:" "/run/before.$fn" > /run/want
		grep -v "^${2:-none}:" "/run/after.$fn" > /run/have
		cmp -s /run/want /run/have && continue
		diff -u /run/want /run/have | grep '^[-+]'
		fail "configuration of $1.$fn is not as before"
	done
	echo "ok: configuration of $1 as before"
}

# quirk NAME PCI: a quirk file from stdin, below a head that all have in common
quirk() {
	mkdir -p /etc/gpureset/quirks
	{
		printf '%s\n' "# SPDX-License-Identifier: MIT" "format = 1" "" "[device]" \
			"name = a card of the lab" "pci = $2" "" "[notes]" \
			"source = tests/model/modern.c" "status = vendor" ""
		cat
	} > "/etc/gpureset/quirks/$1.quirk"
}
