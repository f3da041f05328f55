# SPDX-License-Identifier: GPL-2.0-or-later
# A board without the BACO power switch: the config reset, and only while the SMC runs.
. /lab/scenarios/tool.sh
bind_vfio 0b:00
ctl "set fury px_capable 0" >/dev/null
dirty
g 0 -v 0b:00
says 'sequence baco: does not apply'
says 'reset by sequence pciconfig and healthy'
truth fury dirty=0
g 4 0b:00 --method 'sequence pciconfig'
says 'does not apply'
ctl "set fury px_capable 1" >/dev/null
