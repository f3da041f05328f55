# SPDX-License-Identifier: GPL-2.0-or-later
# gpureset doctor's checks of the card on a running kernel: nothing is found on a card that
# is well; what is broken on purpose is; and what the doctor says to type mends it.
. /lab/scenarios/tool.sh
mine="dead contained hotplug dma-fault missing-function fn-no-reset no-method broken-quirk \
	frozen journal framebuffer rom d3cold stuck-d3 link-width aer bar-unassigned bar-lost rebar"
found=0

look() {
	gpureset doctor --json "$1" >/run/out 2>&1
	[ -s /run/out ] || fail "doctor says nothing"
}
finding() { grep -o "{\"check\":\"$1\"[^}]*}" /run/out; }

# sound SLOT: nothing is found by these checks, and none of them could not look
sound() {
	look "$1"
	for c in $mine; do
		[ -z "$(finding "$c")" ] || fail "$1 is well, and $c is found: $(finding "$c")"
	done
}

# finds SLOT CHECK SEVERITY PATTERN
finds() {
	look "$1"
	finding "$2" | grep "\"severity\":\"$3\"" | grep -qE -- "$4" ||
		fail "no $3 $2 with /$4/: $(finding "$2")"
	found=$((found + 1))
	echo "ok: $2 is found: $(finding "$2" | grep -o '"seen":"[^"]*"')"
}
log() { echo "$*" >/dev/kmsg; }

bind_vfio 01:00 || fail "no vfio-pci"
sound 01:00

# --- the bus was reset behind the kernel's back: the BARs are gone ---------------------------
unbind 01:00
for f in 0000:00:01.0 0000:01:00.0 0000:01:00.1; do echo on >"$sysfs/$f/power/control"; done
setpci -s 00:01.0 BRIDGE_CONTROL=40:40
usleep 2000
setpci -s 00:01.0 BRIDGE_CONTROL=00:40
usleep 200000
is_there 01:00.0
bind_vfio 01:00
finds 01:00 bar-lost problem 'BAR[0-5] of 0000:01:00.0 .config 0x[0-9a-f]*. is 0x0, the kernel gave it 0x'
g 0 -q --method bus 01:00
sound 01:00

# --- what the kernel's log says ----------------------------------------------------------------
log "vfio-pci 0000:02:00.0: Unable to change power state from D3cold to D0, device inaccessible"
sound 01:00
log "vfio-pci 0000:01:00.0: Unable to change power state from D3cold to D0, device inaccessible"
finds 01:00 stuck-d3 warning 'by now it answers'
log "DMAR: [DMA Read NO_PASID] Request device [01:00.0] fault addr 0x1000 [fault reason 0x06] x"
finds 01:00 dma-fault warning 'DMAR'
log "pcieport 0000:00:01.0: pciehp: Slot(1): Link Down"
finds 01:00 hotplug note 'Link Down'

# --- what this host remembers --------------------------------------------------------------------
mkdir -p /run/gpureset /var/lib/gpureset
echo "undo 1.5 attr 0000:01:00.0 phase=4 us=9 name=power/control text=auto" \
	>/run/gpureset/journal-0000:01:00
chmod 0600 /run/gpureset/journal-0000:01:00
finds 01:00 journal warning '1 thing to put back'
g 0 recover 01:00
look 01:00
[ -z "$(finding journal)" ] || fail "recover has left the journal"
id() { sed 's/^0x//' "$sysfs/0000:01:00.0/$1"; }
cat >/var/lib/gpureset/risk-0000:01:00 <<EOF
gpureset risk 1
method flr
boot 11111111-0000-4000-8000-000000000000
card $(id vendor):$(id device):$(id subsystem_vendor):$(id subsystem_device)
quirk -
step 0000:01:00.0 put '1' into reset
kernel 6.8.12-13-pve
time 2026-11-20 17:56:17 UTC
end 1
EOF
chmod 0600 /var/lib/gpureset/risk-0000:01:00
finds 01:00 frozen warning 'flr: the host did not come back'
g 0 unfreeze 01:00
look 01:00
[ -z "$(finding frozen)" ] || fail "unfreeze has left the record"

# --- a card that does not answer ------------------------------------------------------------------
ctl "kill flr" >/dev/null
finds 01:00 dead problem '0000:01:00.0 does not answer: id .config 0x0. 0xffffffff'
power_cycle flr 01:00 || fail "the card is not there again"
echo "count: things broken on purpose on a running kernel, and named by doctor: $found"
