# SPDX-License-Identifier: GPL-2.0-or-later
# A register makes the card reset itself, and the kernel knows nothing of it: that both
# functions get their configuration back is our own saving and restoring.
. /lab/scenarios/modern-tool.sh

quirk modern 1002:ffe0 <<END
[reset]
method = sequence self
method = subordinate
budget = 20 s

[registers]
space mmio = bar5 bytes size 1M
RESET = mmio 0x100
ALIVE = mmio 0x104

[sequence self]
write RESET = 0x5e1f

[health]
require ALIVE == 1
END

awake 01:00
dress 01:00
dump 01:00 before
g 0 -v 01:00 --method 'sequence self'
says 'reset by sequence self and healthy'
truth gpu self_resets=1
truth gpu rebar=256
truth gpu races=0
truth gpu changed=-
as_before 01:00

# A card that takes its time: what is put back before it listens is lost, and the next
# method would find and keep a blank configuration. Nothing in the quirk waits for it.
ctl "set gpu delay_ms 300" >/dev/null
g 0 -v 01:00 --method 'sequence self'
says 'restore configuration space.*-> ok, [23][0-9]{5} us'
truth gpu changed=-
as_before 01:00

# Longer than that (1 s, tried three times for each function) is a failure, and said to
# be one.
ctl "set gpu delay_ms 8000" >/dev/null
g 3 01:00 --method 'sequence self'
says 'does not answer'
ctl "set gpu delay_ms 0" >/dev/null
alive() { [ "$(cfg 01:00.0 VENDOR_ID)" = 1002 ]; }
check "it comes back later" wait_until 6000 alive
same "its LTR" "$(setpci -s 01:00.0 ECAP_LTR+4.l)" 00000000

# the kernel still knows the addresses, and puts them back after a reset of its own
for fn in 0 1; do setpci -s 01:00.$fn COMMAND=0103 || fail "setpci"; done
g 0 01:00 --method subordinate
says 'ALIVE reads 0x1'
truth gpu rebar=256
dress 01:00

# Masks of error reporting are no matter of health: a card that keeps one of them is
# healthy, and only the model knows.
ctl "set gpu refuse 0x160" >/dev/null
g 0 01:00 --method 'sequence self'
truth gpu changed=0:0x162
ctl "set gpu refuse 0" >/dev/null

# BARs that stay lost. What anybody in here reads of a BAR is QEMU's copy, so it takes a
# register behind it to see that it is gone; nothing of the quirk is behind BAR 0.
ctl "set gpu refuse 0x24" >/dev/null
g 2 01:00 --method 'sequence self'
says 'NOT healthy'
says 'ALIVE .*0xffffffff'
ctl "set gpu refuse 0" >/dev/null
g 0 01:00 --method subordinate
says 'healthy'
dress 01:00
ctl "set gpu refuse 0x10" >/dev/null
g 0 01:00 --method 'sequence self'
truth gpu changed=0:0x13
ctl "set gpu refuse 0" >/dev/null
g 0 01:00 --method subordinate

# the first method of the ladder does without being named
dress 01:00
dump 01:00 before
n=$(count gpu self_resets)
g 0 01:00
says 'reset by sequence self and healthy'
check "the model reset itself once" [ "$(count gpu self_resets)" -eq $((n + 1)) ]
as_before 01:00
truth gpu changed=-
