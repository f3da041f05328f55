# SPDX-License-Identifier: GPL-2.0-or-later
# The judge of the model: QEMU's own reset of Bonaire and Hawaii, which knows nothing of
# ours, brings the R9 290X of the model back. Its config reset is swallowed by vfio-pci,
# so what it achieves is the SMC's halt: the card can be started, but is not clean.
. /lab/scenarios/tool.sh
card=02:00
check "power off and on" power_cycle hawaii $card
bind_vfio $card
VM_ARGS="-trace vfio_quirk_ati_bonaire_reset*"
reset_said() { grep -q "^vfio_quirk_ati_bonaire_reset$1" "$VM_QEMU_LOG"; }

check "a virtual machine has a working card" vm_start first $card
vm_stop
VM_QEMU_LOG=/run/vm-first.log
check "QEMU looked, and found no SMC to stop" reset_said _no_smc
truth hawaii dirty=1
halts=$(count hawaii halts) whole=$(count hawaii cfgreset)
ignored=$(count hawaii cfgreset_ignored) gfx=$(count hawaii gfxreset)

check "so has the next one" vm_start second $card
VM_QEMU_LOG=/run/vm-second.log
check "QEMU reset it" reset_said _done
refuses "without a timeout" reset_said _timeout
vm_stop
same "halts of the SMC" "$(count hawaii halts)" $((halts + 1))
truth hawaii scope=gfx
same "config resets: whole, GFX only, ignored" \
	"$(count hawaii cfgreset) $(count hawaii gfxreset) $(count hawaii cfgreset_ignored)" \
	"$whole $gfx $ignored"

# the same registers by hand, through sysfs: there the write does come through
setpci -s $card.0 7c.l=39d5e86b
same "config resets of GFX only" "$(count hawaii gfxreset)" $((gfx + 1))
g 0 $card
truth hawaii clean=1
